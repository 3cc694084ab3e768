-- What goes out. The send protocol: queued -> sending (committed) -> sent | refused | queued again | unknown.

-- name: enqueue
insert into outbox (key, contact, number, shop, run, flow, author, marketing, reply, content, body, created_at, not_before, expires_at)
values (:key, :contact, :number, :shop, :run, :flow, :author, :marketing, :reply, :content, :body, :now, :now, :expires_at)
on conflict (key) do nothing

-- name: cancel_run
update outbox set state = 'cancelled', why = :why where run = :run and state in ('queued', 'verifying', 'held')

-- name: cancel_contact
update outbox set state = 'cancelled', why = :why
where contact = :contact and author = 'flow' and state in ('queued', 'verifying', 'held') and (:marketing_only = 0 or marketing = 1)

-- name: queued_by_ended_runs
select distinct o.run, r.revision from outbox o join run r on r.id = o.run
where o.contact = :contact and o.state in ('queued', 'verifying', 'held') and o.reply = 0 and r.state = 'ended'

-- name: last_of_run
select state, reply, sent_at from outbox where run = :run order by id desc limit 1

-- name: in_charge
-- whether no later process has taken the database over
select 1 from meta where name = 'epoch' and cast(value as integer) = :epoch

-- name: due
select o.* from outbox o
where o.state = 'queued' and o.not_before <= :now
  -- one message a contact on the wire
  and not exists (select 1 from outbox w where w.contact = o.contact and w.state = 'sending')
  -- in order: within a run, and among the answers to what the customer wrote
  and not exists (select 1 from outbox e where e.contact = o.contact and e.id < o.id and e.state in ('queued', 'verifying')
                  and (e.run = o.run or (e.reply = 1 and o.reply = 1)))
  -- a person who is being answered is not nudged meanwhile
  and not exists (select 1 from outbox r where o.reply = 0 and r.contact = o.contact and r.reply = 1 and r.state in ('queued', 'verifying'))
  -- an opt-out or an order bites from its 200 on, even before it is worked off
  and not exists (select 1 from inbox i where i.state = 'waiting' and i.contact = o.contact)
  and not exists (select 1 from identity d join inbox_name n on n.kind = d.kind and n.scope = d.scope and n.value = d.value
                  where d.contact = o.contact)
  -- a number that must rest
  and not exists (select 1 from number_state s where s.number = o.number and (
    s.stopped is not null or s.paused_until > :now or (s.marketing_stopped is not null and o.marketing = 1)))
order by o.reply desc, o.not_before, o.id limit :limit

-- name: sending
update outbox set state = 'sending', attempts = attempts + 1, owner = :owner, epoch = :epoch, lease_until = :lease_until, sent_at = :now,
  why = null
where id = :id and state = 'queued'

-- name: postpone
update outbox set not_before = :until, why = :why where id = :id

-- name: cancel
update outbox set state = 'cancelled', why = :why where id = :id

-- name: addressees
-- what policy asks of the people these messages (ids in JSON) are for; names and times in JSON
select o.id, c.consent, c.unreachable, c.not_before, c.timezone, c.country, coalesce(v.control, 'bot') as control, v.last_inbound_at,
  (select json_group_array(json_array(kind, scope, value)) from (
    select kind, scope, value from identity where contact = c.id order by since desc) as named) as names,
  (select json_group_array(m.sent_at) from outbox m
   where m.contact = c.id and m.marketing = 1 and m.sent_at > :since
     and m.state in ('sending', 'sent', 'unknown') and coalesce(m.delivery, '') <> 'failed') as marketing_sent
from outbox o join contact c on c.id = o.contact left join conversation v on v.contact = o.contact and v.number = o.number
where o.id in (select value from json_each(:ids))

-- name: sent
update outbox set state = 'sent', provider_id = coalesce(provider_id, :provider_id), delivery = coalesce(delivery, :delivery),
  why = :why, lease_until = null
where id = :id and state in ('sending', 'unknown')

-- name: settle
-- those of these messages (ids in JSON) that can be settled now
select id from outbox where id in (select value from json_each(:ids))

-- name: requeue
update outbox set state = 'queued', not_before = :until, why = :why, sent_at = null, lease_until = null where id = :id and state = 'sending'

-- name: release
update outbox set state = 'queued', attempts = attempts - 1, sent_at = null, lease_until = null where id = :id and state = 'sending'

-- name: refused
update outbox set state = 'refused', why = :why, sent_at = null, lease_until = null where id = :id and state in ('sending', 'unknown')

-- name: unknown
update outbox set state = 'unknown', why = :why, lease_until = null where id = :id and state = 'sending'

-- name: orphans
update outbox set state = 'unknown', why = :why, lease_until = null
where state = 'sending' and (epoch < :epoch or lease_until < :now) returning id, contact, flow

-- name: by_key
select id, contact, number, run, flow, author, state, delivery, marketing, reply from outbox where key = :key

-- name: by_provider
select id, contact, number, run, flow, author, state, delivery, marketing, reply from outbox where provider_id = :provider_id

-- name: deliver
-- one that is queued to be tried again went after all, so it must not go a second time
update outbox set delivery = :delivery, provider_id = coalesce(provider_id, :provider_id),
  state = case when state in ('sending', 'unknown', 'held', 'queued') then 'sent' else state end,
  why = case when :delivery = 'failed' then :why when state in ('refused', 'cancelled') then why else null end,
  sent_at = coalesce(sent_at, created_at), lease_until = null
where id = :id

-- name: next_due
select min(not_before) as not_before from outbox where state = 'queued'

-- name: count_states
select state, count(*) as messages from outbox group by state

-- name: unknown_rows
select id, key, contact, flow, sent_at, why from outbox where state = 'unknown' order by id limit :limit

-- name: pause_number
insert into number_state (number, paused_until) values (:number, :until)
on conflict (number) do update set paused_until = max(coalesce(number_state.paused_until, 0), excluded.paused_until)

-- name: stop_marketing
insert into number_state (number, marketing_stopped) values (:number, :why) on conflict (number) do update set marketing_stopped = excluded.marketing_stopped

-- name: stop_number
insert into number_state (number, stopped) values (:number, :why) on conflict (number) do update set stopped = excluded.stopped

-- name: resume_numbers
delete from number_state

-- name: try_numbers_again
update number_state set stopped = null

-- name: number_states
select number, paused_until, marketing_stopped, stopped from number_state
