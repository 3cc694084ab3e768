-- What is read of stores by their own interfaces: whole parts of them, page by page, and single things that a webhook only named.

-- name: begin
insert into shop_reading (shop, part, cause, since, begun_at, retry_at) values (:shop, :part, :cause, :since, :now, :now)
on conflict do nothing

-- name: claim
-- one part of a shop after the other, in the order they were asked for; a night does not wait for years of history
update shop_reading set retry_at = :until where id = (
  select r.id from shop_reading r where r.state = 'waiting' and r.retry_at <= :now
    and not exists (select 1 from closed_shop c where c.shop = r.shop)  -- its tokens are dead
    and cast(:busy as text) not like '%,' || r.shop || ',%'
    and not exists (
    select 1 from shop_reading e where e.state = 'waiting' and e.shop = r.shop and e.cause = r.cause and e.id < r.id)
  order by r.retry_at, r.id limit 1)
returning *

-- name: let_go
update shop_reading set retry_at = :now where state = 'waiting' and tries = 0 and retry_at > :now

-- name: keep
-- unless somebody else went on with it meanwhile
update shop_reading set retry_at = :until where id = :id and state = 'waiting' and coalesce(cursor, '') = :cursor

-- name: load
select * from shop_reading where id = :id

-- name: go_on
update shop_reading set cursor = :cursor, expected = coalesce(:expected, expected), found = found + :found, fresh = fresh + :fresh,
  missed = missed + :missed, tries = 0, retry_at = :now, trouble = :trouble, state = :state, ended_at = :ended_at
where id = :id and state = 'waiting'

-- name: stumble
update shop_reading set tries = tries + 1, retry_at = :retry_at, trouble = :trouble where id = :id and state = 'waiting'

-- name: refuse
update shop_reading set state = 'refused', trouble = :trouble, ended_at = :now where id = :id and state = 'waiting'

-- name: stop
update shop_reading set state = 'stopped', ended_at = :now where shop = :shop and cause = :cause and state = 'waiting'

-- name: brought
insert into read_entry (reading, inbox) values (:reading, :inbox) on conflict do nothing

-- name: miss
insert into missed (shop, part, key, at, name, is_new, reading, found_at) values (:shop, :part, :key, :at, :name, :is_new, :reading, :now)
on conflict do nothing

-- name: half_read
-- of a shop, or of any: pages come oldest first, so what is known of its orders ends somewhere in the past
select 1 as one from shop_reading r where r.state = 'waiting' and r.part = 'order' and r.cause = 'asked'
  and (cast(:shop as text) = '' or r.shop = :shop)
  and not exists (select 1 from closed_shop c where c.shop = r.shop) limit 1

-- name: orders_brought
select id from shop_reading where cause = :cause and part = 'order' and state <> 'waiting' and fresh > 0 and ended_at > :since

-- name: latest
-- the parts of what was begun last
select * from shop_reading where shop = :shop and cause = :cause and begun_at = (
  select max(begun_at) from shop_reading where shop = :shop and cause = :cause) order by id

-- name: last_complete
select max(begun_at) as at from shop_reading where shop = :shop and part = :part and cause = :cause and state = 'done'

-- name: last_begun
select max(begun_at) as at from shop_reading where shop = :shop and cause = :cause

-- name: entries
select i.state, i.why, count(*) as entries from read_entry e join inbox i on i.id = e.inbox where e.reading = :id group by 1, 2

-- name: people
select count(*) as people,
  coalesce(sum(case when exists (select 1 from identity d where d.contact = c.id and d.kind = 'phone') then 1 else 0 end), 0) as with_phone,
  coalesce(sum(case when c.consent = 'granted' then 1 else 0 end), 0) as agreed,
  coalesce(sum(case when c.consent = 'withdrawn' then 1 else 0 end), 0) as stopped
from contact c where c.id in (
  select i.contact from shop_reading r join read_entry e on e.reading = r.id join inbox i on i.id = e.inbox
  where r.shop = :shop and r.cause = :cause and r.begun_at = :begun_at and i.contact is not null)

-- name: missed_since
select m.shop, m.part, m.key, m.at, m.name, m.is_new, m.found_at from missed m where m.found_at >= :since order by m.at, m.key

-- name: looked_since
select * from shop_reading where cause = :cause and begun_at >= :since and ended_at is not null order by id

-- name: consented_since
select 1 from consent_record where contact = :contact and channel = :channel and at >= :at limit 1

-- name: want
insert into wanted_resource (shop, address, resource, key, topic, at, retry_at) values (:shop, :address, :resource, :key, :topic, :at, :now)
on conflict (shop, address) do update set times = wanted_resource.times + 1, topic = excluded.topic, at = excluded.at, tries = 0,
  retry_at = min(wanted_resource.retry_at, excluded.retry_at)

-- name: wanted
-- of each shop some: none keeps the others waiting
update wanted_resource set retry_at = :until where (shop, address) in (
  select shop, address from (
    select w.shop, w.address, row_number() over (partition by w.shop order by w.retry_at, w.address) as place from wanted_resource w
    where w.retry_at <= :now and cast(:busy as text) not like '%,' || w.shop || ',%'
      and not exists (select 1 from closed_shop c where c.shop = w.shop)) as due
  where place <= :each)
returning *

-- name: let_go_wanted
update wanted_resource set retry_at = :now where tries = 0 and retry_at > :now

-- name: got
-- as it was given out: what was fetched by somebody else meanwhile, and is wanted anew, is counted from one again
delete from wanted_resource where shop = :shop and address = :address and times = :times and retry_at = :until

-- name: want_again
-- it was wanted once more while it was fetched
update wanted_resource set retry_at = :now where shop = :shop and address = :address and (times <> :times or retry_at <> :until)

-- name: want_later
update wanted_resource set tries = tries + 1, retry_at = :retry_at, trouble = :trouble where shop = :shop and address = :address

-- name: forget_missed_of
delete from missed where shop = :shop and key = :key

-- name: forget_wanted_of
delete from wanted_resource where shop = :shop and key = :key

-- name: forget_missed
delete from missed where found_at < :before

-- name: forget_brought
delete from read_entry where (reading, inbox) in (
  select e.reading, e.inbox from shop_reading r join read_entry e on e.reading = r.id where r.ended_at < :before limit :limit)

-- name: forget_wanted
delete from wanted_resource where at < :before returning shop, topic, key

-- name: wants
select shop, count(*) as wanted, min(at) as oldest, max(trouble) as trouble from wanted_resource group by shop order by shop
