-- What PostgreSQL must be told otherwise about readings: others read beside us.

-- name: claim
update shop_reading set retry_at = :until where id = (
  select r.id from shop_reading r where r.state = 'waiting' and r.retry_at <= :now
    and not exists (select 1 from closed_shop c where c.shop = r.shop)  -- its tokens are dead
    and cast(:busy as text) not like '%,' || r.shop || ',%'
    and not exists (
    select 1 from shop_reading e where e.state = 'waiting' and e.shop = r.shop and e.cause = r.cause and e.id < r.id)
  order by r.retry_at, r.id limit 1 for update skip locked)
returning *

-- name: want
insert into wanted_resource (shop, address, resource, key, topic, at, retry_at) values (:shop, :address, :resource, :key, :topic, :at, :now)
on conflict (shop, address) do update set times = wanted_resource.times + 1, topic = excluded.topic, at = excluded.at, tries = 0,
  retry_at = least(wanted_resource.retry_at, excluded.retry_at)

-- name: wanted
update wanted_resource set retry_at = :until where ctid = any(array(
  select ctid from wanted_resource where retry_at <= :now and (shop, address) in (
    select shop, address from (
      select w.shop, w.address, row_number() over (partition by w.shop order by w.retry_at, w.address) as place from wanted_resource w
      where w.retry_at <= :now and cast(:busy as text) not like '%,' || w.shop || ',%'
        and not exists (select 1 from closed_shop c where c.shop = w.shop)) as due
    where place <= :each) for update skip locked))
returning *

-- name: load
select * from shop_reading where id = :id for update
