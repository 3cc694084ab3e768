-- What PostgreSQL must be told otherwise about the outbox: others send beside us.

-- name: in_charge
-- nobody is in charge alone; a claim is a sign of life, where the heartbeat gives none
with born as (
  insert into process (epoch, name)
  select :epoch, :owner where not exists (
    select 1 from process where epoch = :epoch and beat_at > clock_timestamp() - interval '4 seconds')
  on conflict (epoch) do update set beat_at = clock_timestamp())
select 1

-- name: due
select * from claim_messages(:now, :limit, array(select json_array_elements_text(:resting::json)))

-- name: addressees
select o.id, c.consent, c.unreachable, c.not_before, c.timezone, c.country, coalesce(v.control, 'bot') as control, v.last_inbound_at,
  (select coalesce(json_agg(json_build_array(d.kind, d.scope, d.value) order by d.since desc), '[]') from identity d
   where d.contact = c.id) as names,
  (select coalesce(json_agg(m.sent_at), '[]') from outbox m
   where m.contact = c.id and m.marketing = 1 and m.sent_at > :since
     and (m.counts = 1 or m.state in ('sending', 'sent', 'unknown') and coalesce(m.delivery, '') <> 'failed')) as marketing_sent,
  -- what a flow answers: read by it
  case when o.reply = 1 and o.author = 'flow' then (
    select r.provider_id from message r where r.contact = o.contact and r.number = o.number and r.author = 'customer'
    order by r.at desc, r.id desc limit 1) end as answers,
  case
    when o.needs = 'cart_open' and not exists (select 1 from checkout k where k.id = o.needs_of and k.state = 'open') then 1
    when o.needs = 'order_unpaid' and not exists (
      select 1 from shop_order s where s.id = o.needs_of and s.payment = 'failed' and s.status = 'placed' and not exists (
        select 1 from shop_order n where n.contact = s.contact and n.placed_at > s.placed_at and n.shop = s.shop and n.counted = 1)) then 1
    when o.needs = 'not_bought' and exists (
      select 1 from product_view v join visitor w on w.id = v.visitor where v.id = o.needs_of and (
        -- ordered within a day before the last look, or after it; a cart that was touched within three days before, or after
        exists (select 1 from purchase b join shop_order s on s.id = b.shop_order where b.contact = o.contact and b.shop = w.shop
          and b.product = v.product and s.placed_at >= v.last_at - 86400000000)
        or exists (select 1 from checkout k where k.contact = o.contact and k.shop = w.shop and k.state = 'open'
          and k.updated_at >= v.last_at - 259200000000))) then 1
    else 0 end as pointless,
  case when o.needs = 'in_stock' then 1 - coalesce((
    select a.in_stock from product_news w join variant a on a.id = w.variant where w.id = o.needs_of), 0) else 0 end as sold_out,
  case when o.needs = 'price_low' then 1 - coalesce((
    select case when a.currency = w.currency and a.price_minor <= w.price_minor then coalesce(a.in_stock, 1) end
    from product_news w join variant a on a.id = w.variant where w.id = o.needs_of), 0) else 0 end as dearer,
  case
    when exists (select 1 from privacy_person p where p.contact = o.contact and (p.erases = '' or p.erases = o.shop)) then 'erased'
    when exists (select 1 from closed_shop s where s.shop = o.shop) then 'shop_left' end as forbidden,
  (select h.at from heard h where h.shop = o.shop and not exists (  -- what it told is not known yet
    select 1 from wanted_resource w where w.shop = h.shop and w.resource in ('order', 'cart'))) as heard_at
from outbox o join contact c on c.id = o.contact left join conversation v on v.contact = o.contact and v.number = o.number
where o.id = any(array(select value::bigint from json_array_elements_text(:ids::json)))

-- name: settle
-- nobody waits for a message here: who does so with several in one order, and another in the other, wait for ever
select id from outbox where id = any(array(select value::bigint from json_array_elements_text(:ids::json)))
order by id for no key update skip locked

-- name: orphans
-- who ended left no row; who died is silent and lets go of their lock; who hangs is silent for long. Whose own lock is gone hears nothing
-- of silence: the server was away, perhaps, and with it all who are well
with gone as (
  delete from process where epoch = any(array(
    select epoch from process where epoch <> :epoch
    and exists (select 1 from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database()
                and l.locktype = 'advisory' and l.classid = 1668246885 and l.objid = :epoch::oid and l.granted)
    and case
      when beat_at > clock_timestamp() - interval '10 seconds' then false
      when beat_at < clock_timestamp() - interval '2 minutes' then true
      else pg_try_advisory_xact_lock(1668246885, epoch::int) end
    for update skip locked))
  returning epoch)
update outbox o set state = 'unknown', why = :why, lease_until = null
where o.id = any(array(
  select s.id from outbox s where s.state = 'sending' and (
    s.epoch in (select epoch from gone)
    or not exists (select 1 from process p where p.epoch = s.epoch)
    or (s.epoch = :epoch and s.lease_until < :now))  -- our own, whose end we never heard of
  for no key update skip locked))  -- a status that is being worked off may settle it
returning o.id, o.contact, o.flow

-- ---- for many at once: each parameter is an array; no row is named twice

-- name: enqueue_at_once
insert into outbox (key, contact, number, shop, run, flow, author, marketing, reply, content, body, created_at, not_before, expires_at,
  needs, needs_of)
select key, contact, number, shop, run, flow, author, marketing, reply, content, body, at, at, expires_at, needs, needs_of
from unnest(:key::text[], :contact::bigint[], :number::text[], :shop::text[], :run::bigint[], :flow::text[], :author::text[],
            :marketing::smallint[], :reply::smallint[], :content::text[], :body::text[], :now::bigint[], :expires_at::bigint[],
            :needs::text[], :needs_of::bigint[])
  as p (key, contact, number, shop, run, flow, author, marketing, reply, content, body, at, expires_at, needs, needs_of)
on conflict (key) do nothing

-- name: sending_at_once
update outbox o set state = 'sending', attempts = attempts + 1, owner = p.owner, epoch = p.epoch, lease_until = p.lease_until,
  sent_at = p.at, why = null, delivery = null, provider_id = null, code = null, counts = 0
from unnest(:id::bigint[], :owner::text[], :epoch::bigint[], :lease_until::bigint[], :now::bigint[]) as p (id, owner, epoch, lease_until, at)
where o.id = p.id and o.state = 'queued'

-- name: sent_at_once
update outbox o set state = 'sent', provider_id = coalesce(o.provider_id, p.provider_id), delivery = coalesce(o.delivery, p.delivery),
  why = p.why, lease_until = null
from unnest(:id::bigint[], :provider_id::text[], :delivery::text[], :why::text[]) as p (id, provider_id, delivery, why)
where o.id = p.id and o.state in ('sending', 'unknown')

-- name: deliver_at_once
update outbox o set delivery = p.delivery, provider_id = coalesce(o.provider_id, p.provider_id),
  state = case when o.state in ('sending', 'unknown', 'held', 'queued') then 'sent' else o.state end,
  why = case when p.delivery = 'failed' then p.why when o.state in ('refused', 'cancelled') then o.why else null end,
  sent_at = coalesce(o.sent_at, o.created_at), lease_until = null
from unnest(:id::bigint[], :delivery::text[], :provider_id::text[], :why::text[]) as p (id, delivery, provider_id, why)
where o.id = p.id
