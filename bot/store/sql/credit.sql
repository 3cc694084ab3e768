-- What brought orders about, as far as that can be told.

-- name: order
select o.id, o.contact, o.shop, o.key, o.number, o.placed_at, o.counted, o.total_minor, o.told_lines, o.told_minor, o.told_refunded,
  o.currency, coalesce(o.click, (select c.click from checkout c where c.shop = o.shop and c.key = o.checkout_key)) as click,
  k.kind as known_kind, k.flow as known_flow
from shop_order o left join credit k on k.shop_order = o.id where o.id = :id

-- name: touch
-- a code of ours counts before a click on a link that we sent to this person, and that before a message that merely arrived; of several the last
select kind, flow, run, message from (
  select 1 as place, 'code' as kind, r.flow, d.run, d.id as nth,
    (select max(m.id) from outbox m where m.run = d.run and m.sent_at <= :placed_at) as message
  from discount d join run r on r.id = d.run where d.redeemed_order = :key and d.shop = :shop
  union all
  select 2, 'click', r.flow, s.run, s.sent_at, (select max(m.id) from outbox m where m.run = s.run and m.sent_at <= :placed_at)
  from sent_link s join run r on r.id = s.run where s.click = :click and s.contact = :contact and s.sent_at <= :placed_at
  union all
  select 3, 'view_through', m.flow, m.run, m.delivered_at, m.id from outbox m
  where m.contact = :contact and m.marketing = 1 and m.run is not null and m.delivered_at between :since and :placed_at) as touched
order by place, nth desc, message desc limit 1

-- name: save
insert into credit (shop_order, contact, shop, placed_at, kind, flow, run, message, minor, back_minor, currency)
values (:shop_order, :contact, :shop, :placed_at, :kind, :flow, :run, :message, :minor, :back_minor, :currency)
on conflict (shop_order) do update set contact = excluded.contact, placed_at = excluded.placed_at, kind = excluded.kind,
  flow = excluded.flow, run = excluded.run, message = excluded.message, minor = excluded.minor, back_minor = excluded.back_minor,
  currency = excluded.currency

-- name: forget
delete from credit where shop_order = :id

-- name: orders_after
-- and those it is credited with, for it may have arrived earlier than was known
select id from shop_order where contact = :contact and placed_at between :since and :until
union
select shop_order from credit where contact = :contact and message = :message
order by 1

-- name: orders_since
-- of people whom something of ours reached
select o.id, o.contact from shop_order o where o.placed_at >= :since and o.id > :after and (
  exists (select 1 from credit c where c.shop_order = o.id)
  or exists (select 1 from outbox m where m.contact = o.contact and m.marketing = 1 and m.sent_at is not null))
order by o.id limit :limit

-- name: of_contact
select c.shop_order, c.kind, c.flow, c.minor, c.back_minor, c.currency, c.placed_at, o.number
from credit c join shop_order o on o.id = c.shop_order where c.contact = :contact order by c.placed_at, c.shop_order
