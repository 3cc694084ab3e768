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
select * from claim_messages(:now, :limit)

-- name: addressees
select o.id, c.consent, c.unreachable, c.not_before, c.timezone, c.country, coalesce(v.control, 'bot') as control, v.last_inbound_at,
  (select coalesce(json_agg(json_build_array(d.kind, d.scope, d.value) order by d.since desc), '[]') from identity d
   where d.contact = c.id) as names,
  (select coalesce(json_agg(m.sent_at), '[]') from outbox m
   where m.contact = c.id and m.marketing = 1 and m.sent_at > :since
     and m.state in ('sending', 'sent', 'unknown') and coalesce(m.delivery, '') <> 'failed') as marketing_sent
from outbox o join contact c on c.id = o.contact left join conversation v on v.contact = o.contact and v.number = o.number
where o.id = any(array(select value::bigint from json_array_elements_text(:ids::json)))

-- name: settle
-- nobody waits for a message here: who does so with several in one order, and another in the other, wait for ever
select id from outbox where id = any(array(select value::bigint from json_array_elements_text(:ids::json)))
order by id for no key update skip locked

-- name: orphans
-- who ended left no row; who died is silent and lets go of their lock; who hangs is silent for long
with gone as (
  delete from process where epoch = any(array(
    select epoch from process where epoch <> :epoch and case
      when beat_at > clock_timestamp() - interval '10 seconds' then false
      when beat_at < clock_timestamp() - interval '2 minutes' then true
      else pg_try_advisory_xact_lock(1668246885, epoch::int) end
    for update skip locked))
  returning epoch)
update outbox o set state = 'unknown', why = :why, lease_until = null
where o.state = 'sending' and (
  o.epoch in (select epoch from gone)
  or not exists (select 1 from process p where p.epoch = o.epoch)
  or (o.epoch = :epoch and o.lease_until < :now))  -- our own, whose end we never heard of
returning o.id, o.contact, o.flow
