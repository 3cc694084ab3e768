-- What the law lets people ask of a shop, and the shop of us.

-- ---- asks and their receipts

-- name: ask
-- asked again it is done again, on the same receipt; what an open one has still to do is not forgotten
insert into privacy_ask (what, shop, key, way, delivery, asked_at, received_at, due_at, about, retry_at)
values (:what, :shop, :key, :way, :delivery, :asked_at, :received_at, :due_at, :about, :received_at)
on conflict (what, shop, key) do update set
  way = excluded.way, delivery = excluded.delivery, about = coalesce(privacy_ask.about, excluded.about), retry_at = excluded.retry_at, attempts = 0, why = null,
  asked_at = case when privacy_ask.state = 'open' then privacy_ask.asked_at else excluded.asked_at end,
  received_at = case when privacy_ask.state = 'open' then privacy_ask.received_at else excluded.received_at end,
  due_at = case when privacy_ask.state = 'open' then privacy_ask.due_at else excluded.due_at end,
  state = 'open', done_at = null
returning id

-- name: claim
-- theirs alone until then, whoever else looks
update privacy_ask set retry_at = :until where retry_at <= :now and state = 'open'
  and id = (select id from privacy_ask where state = 'open' and retry_at <= :now order by retry_at, id limit 1) returning id

-- name: let_go
-- who had them may be dead; should they live, the same is done twice, and the second finds nothing
update privacy_ask set retry_at = :now where state = 'open' and retry_at > :now and why is null

-- name: load
select * from privacy_ask where id = :id

-- name: held
-- one that nobody else changes until the end of the transaction
select * from privacy_ask where id = :id

-- name: go_on
update privacy_ask set retry_at = :until where id = :id and state = 'open' returning id

-- name: list
select * from privacy_ask order by id

-- name: later
update privacy_ask set retry_at = :until, why = :why, attempts = attempts + :failed where id = :id and state = 'open'

-- name: keep_about
update privacy_ask set about = :about where id = :id and state = 'open'

-- name: keep_counts
update privacy_ask set counts = :counts, people = :people where id = :id and state = 'open'

-- name: done
update privacy_ask set state = 'done', done_at = :now, about = null, why = :why, file = coalesce(:file, file) where id = :id and state = 'open'

-- name: pressing
select id, what, state, due_at, why from privacy_ask where state = 'open' and due_at < :until or file is not null order by due_at, id

-- name: handed_over
update privacy_ask set file = null, why = :why where id = :id and file is not null returning id

-- ---- whom they are about

-- name: add_person
insert into privacy_person (contact, ask, erases) values (:contact, :ask, :erases)
on conflict (contact, ask) do update set erases = excluded.erases

-- name: people
select p.contact, p.erases from privacy_person p where p.ask = :ask order by p.contact

-- name: drop_person
delete from privacy_person where contact = :contact and ask = :ask

-- name: drop_people
delete from privacy_person where contact in (select id from contact where id = :contact or merged_into = :contact)

-- name: copies_of
select a.id, a.file from privacy_ask a join privacy_person p on p.ask = a.id
where a.file is not null and p.contact in (select id from contact where id = :contact or merged_into = :contact)

-- name: forget_copy
update privacy_ask set file = null, why = 'the copy was deleted: they were erased since' where id = :id

-- name: elsewhere
-- whether another shop than this one told of a person
select 1 where exists (select 1 from identity where contact = :contact and scope not in ('', :shop))
  or exists (select 1 from shop_order where contact = :contact and shop not in ('', :shop))
  or exists (select 1 from checkout where contact = :contact and shop not in ('', :shop))
  or exists (select 1 from run where contact = :contact and shop not in ('', :shop))

-- name: of_order
-- whose an order is; and whether they are known by orders of this list alone
select o.contact,
  not exists (select 1 from message m where m.contact = o.contact and m.author = 'customer') as silent
from shop_order o where o.shop = :shop and o.key = :key

-- name: orders_of
select shop, key from shop_order where contact = :contact

-- name: of_shop
-- everybody a shop told of, or in whose name they were written to
select distinct coalesce(c.merged_into, c.id) as contact from contact c where c.id in (
  select contact from identity where kind in ('customer', 'checkout', 'cart', 'order', 'click', 'visitor') and scope = :shop
  union select contact from also_known where scope = :shop
  union select contact from checkout where shop = :shop
  union select contact from shop_order where shop = :shop
  union select contact from run where shop = :shop
  union select contact from discount where shop = :shop
  union select contact from outbox where shop = :shop)
  and coalesce(c.merged_into, c.id) <> :nobody
order by 1

-- ---- what keeps an erasure waiting

-- name: under_way
-- a message on the wire, or something they said before the ask that is not worked off: it may be a stop
select
  exists (select 1 from outbox o where o.contact = :contact and o.state = 'sending' and o.state in ('queued', 'verifying', 'sending')) as sending,
  exists (select 1 from inbox i where i.state = 'waiting' and i.contact = :contact and i.id < :before)
    or exists (select 1 from identity d join inbox_name n on n.kind = d.kind and n.scope = d.scope and n.value = d.value
               where d.contact = :contact and n.inbox < :before) as unread

-- ---- nothing more goes out

-- name: cancel
update outbox set state = 'cancelled', why = :why
where contact = :contact and state in ('queued', 'verifying', 'held') and (cast(:shop as text) = '' or shop = :shop)

-- name: cancel_of_shop
update outbox set state = 'cancelled', why = :why
where id in (select id from outbox where state in ('queued', 'verifying', 'held') and shop = :shop limit :limit) returning id

-- name: live_runs_of_shop
select id from run where state <> 'ended' and body <> '' and shop = :shop order by id limit :limit

-- name: wanted_of_shop
update discount set state = 'refused', why = :why
where id in (select id from discount where state in ('wanted', 'held') and shop = :shop limit :limit) returning id

-- name: carts_of_shop
-- their timers are stale
update checkout set generation = generation + 1, state = 'emptied'
where id in (select id from checkout where shop = :shop and state = 'open' limit :limit) returning id

-- name: awaited_of_shop
delete from awaited_purchase where (contact, shop, what) in (select contact, shop, what from awaited_purchase
  where shop = :shop or shop_order in (select id from shop_order where shop = :shop) limit :limit)
returning 1 as one

-- ---- nobody

-- name: nobody
select value from meta where name = 'nobody'

-- name: be_nobody
insert into meta (name, value) values ('nobody', :id) on conflict (name) do nothing

-- name: merge_into_itself
update contact set merged_into = id where id = :id

-- name: empty_contact
update contact set merged_into = :nobody, created_at = 0, first_name = null, language = null, country = null, timezone = null,
  consent = 'unknown', ads_consent = 'unknown', unreachable = 0, not_before = null, orders_count = 0, orders_minor = 0,
  orders_currency = null, last_order_at = null, last_engaged_at = null
where id = :contact or merged_into = :contact

-- name: names
select kind, scope, value from identity where contact in (select id from contact where id = :contact or merged_into = :contact)

-- name: numbers
select id from contact where id = :contact or merged_into = :contact order by id

-- name: newest_contact
select coalesce(max(id), 0) as id from contact

-- name: drop_names
delete from identity where contact in (select id from contact where id = :contact or merged_into = :contact)
  and (cast(:shop as text) = '' or scope = :shop) returning 1 as one

-- name: drop_last_words
delete from consent_record where contact in (select id from contact where id = :contact or merged_into = :contact) returning 1 as one

-- name: drop_also_known
delete from also_known where contact in (select id from contact where id = :contact or merged_into = :contact)
  and (cast(:shop as text) = '' or scope = :shop) returning 1 as one

-- name: drop_also_told
delete from also_known where kind = :kind and scope = :scope and value = :value

-- name: drop_bought
delete from bought where key = :key

-- name: consent_left
-- what the person's records still say, where they are no longer all there; a stop is never loosened
update contact set
  consent = case when consent = 'withdrawn' then consent else coalesce((
    select r.state from consent_record r where r.contact = contact.id and r.channel = 'whatsapp' and r.effective = 1
    order by r.at desc, r.id desc limit 1), 'unknown') end,
  ads_consent = case when ads_consent = 'withdrawn' then ads_consent else coalesce((
    select r.state from consent_record r where r.contact = contact.id and r.channel = 'ads' and r.effective = 1
    order by r.at desc, r.id desc limit 1), 'unknown') end
where id = :contact

-- name: drop_order
-- one order, of whoever it is
select id, contact from shop_order where shop = :shop and key = :key

-- name: drop_awaited_purchase_of_order
delete from awaited_purchase where shop_order = :id

-- name: drop_credit_of_order
delete from credit where shop_order = :id

-- name: drop_purchase_of_order
delete from purchase where shop_order = :id

-- name: drop_order_word_of_order
delete from order_word where shop = :shop and order_key = :key

-- name: drop_leaked_of_order
update discount set redeemed_order = case when redeemed_order = :key then 'erased' else redeemed_order end,
  leaked_order = case when leaked_order = :key then 'erased' else leaked_order end
where shop = :shop and (redeemed_order = :key or leaked_order = :key)

-- name: drop_shop_order_of_order
delete from shop_order where id = :id

-- name: drop_name_of_order
delete from identity where kind = 'order' and scope = :shop and value = :key

-- ---- what is found by reading everything

-- name: inbox_page
select i.id, i.source, i.place, i.state, i.body, c.merged_into from inbox i left join contact c on c.id = i.contact
where i.id > :after and i.id < :before order by i.id limit :limit

-- name: entries_of
-- bodies may hold what others say of themselves, too: only what came from them or of them
select source, kind, place, body, occurred_at, received_at, state from inbox
where contact in (select id from contact where id = :contact or merged_into = :contact) order by id

-- name: empty_entry
update inbox set body = :empty, contact = null, why = case when state = 'done' and contact is null then why end,
  state = case when state in ('waiting', 'held', 'dead') then 'done' else state end, retry_at = null
where id = :id

-- name: forget_entry
-- one that is being worked off
update inbox set body = :empty where id = :id

-- name: timers
select t.due, t.contact, t.kind, t.subject, t.generation from timer t join contact c on c.id = t.contact where c.merged_into = :nobody

-- name: drop_timer
delete from timer where due = :due and contact = :contact and kind = :kind and subject = :subject and generation = :generation

-- ---- files

-- name: attached
select distinct a.sha256 from attachment a join message m on m.id = a.message
where a.sha256 is not null and m.contact in (select id from contact where id = :contact or merged_into = :contact)

-- name: enclosed
select content from outbox where contact in (select id from contact where id = :contact or merged_into = :contact)
  and content like '%"file":%'

-- name: shown
-- of everybody: where one of these files may be shown still
select sha256 as text from attachment where sha256 is not null
union all
select content from outbox where content like '%"file":%'

-- name: owned
select 1 from file where sha256 = :sha256 and owned = 1

-- name: drop_file
delete from file where sha256 = :sha256

-- name: drop_upload
delete from upload where sha256 = :sha256

-- ---- marks

-- name: mark
insert into erased_name (mark, at, whatsapp_stopped_at, whatsapp_method, ads_stopped_at, ads_method)
values (:mark, :at, :whatsapp_stopped_at, :whatsapp_method, :ads_stopped_at, :ads_method)
on conflict (mark) do update set at = max(erased_name.at, excluded.at),
  whatsapp_stopped_at = excluded.whatsapp_stopped_at, whatsapp_method = excluded.whatsapp_method,
  ads_stopped_at = excluded.ads_stopped_at, ads_method = excluded.ads_method

-- name: mark_bare
insert into erased_name (mark, at) values (:mark, :at) on conflict (mark) do update set at = max(erased_name.at, excluded.at)

-- name: marked
select mark, at, whatsapp_stopped_at, whatsapp_method, ads_stopped_at, ads_method from erased_name
where mark in (select value from json_each(:marks))

-- name: marks_are_there
select 1 from erased_name limit 1

-- name: said_since
select 1 from consent_record where contact = :contact and channel = :channel and effective = 1 and (
  at > :at and method <> :shop or at = :at and method = :method)

-- name: shop_erased_at
select max(done_at) as at from privacy_ask where what = 'erase_shop' and shop = :shop and state = 'done'

-- name: names_page
select kind, scope, value, contact from identity where kind in ('phone', 'wa_id', 'line', 'bsuid', 'parent_bsuid', 'email', 'customer')

-- ---- shops that left

-- name: close_shop
insert into closed_shop (shop, since) values (:shop, :since) on conflict (shop) do update set since = max(closed_shop.since, excluded.since)

-- name: open_shop
delete from closed_shop where shop = :shop returning shop

-- name: closed
select since from closed_shop where shop = :shop

-- name: closed_shops
select shop, since from closed_shop order by shop
