-- What goes out. The send protocol: queued -> sending (committed) -> sent | refused | queued again | unknown.

-- name: enqueue
insert into outbox (key, contact, number, shop, run, flow, author, marketing, reply, content, body, created_at, not_before, expires_at,
  needs, needs_of)
values (:key, :contact, :number, :shop, :run, :flow, :author, :marketing, :reply, :content, :body, :now, :now, :expires_at,
  :needs, :needs_of)
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
-- By person, not by message: however long the queue of one of them is, they are judged once. Lane by lane (a number, marketing or not, an
-- answer or not), the oldest :looked of each; a lane that must rest costs nothing. A row without an id: more is due than was looked at.
-- SQLite takes a partial index only where its condition stands literally: hence `in ('queued', 'verifying', 'sending')` again and again.
with recursive number (id) as (
  select min(number) from outbox where state = 'queued'
  union all
  select (select min(o.number) from outbox o where o.state = 'queued' and o.number > number.id) from number where number.id is not null
), bit (is_so) as (values (0), (1)), lane as materialized (
  select number.id as number, m.is_so as marketing, r.is_so as reply,
    (select json_group_array(w.contact) from (
      select q.contact from outbox q
      where q.state = 'queued' and q.number = number.id and q.marketing = m.is_so and q.reply = r.is_so and q.not_before <= :now
      order by q.not_before, q.id limit :looked) as w) as waiting
  from number cross join bit m cross join bit r
  where number.id is not null and not exists (select 1 from number_state s where s.number = number.id and (
    s.stopped is not null or s.paused_until > :now or (s.marketing_stopped is not null and m.is_so = 1)))
    and number.id || ':' || r.is_so not in (select value from json_each(:resting))
    and '*:' || r.is_so not in (select value from json_each(:resting))
), person as materialized (
  select e.value as contact from lane l cross join json_each(l.waiting) e group by e.value order by max(l.reply) desc, min(e.key)
), free as materialized (
  select p.contact,
    -- answers go first, in order; a person who is being answered is not nudged meanwhile
    (select r.id from outbox r
     where r.contact = p.contact and r.reply = 1 and r.state in ('queued', 'verifying') and r.state in ('queued', 'verifying', 'sending')
     order by r.id limit 1) as answer
  from person p
  -- one message a contact on the wire
  where not exists (select 1 from outbox w where w.contact = p.contact and w.state = 'sending' and w.state in ('queued', 'verifying', 'sending'))
    -- an opt-out or an order bites from its 200 on, even before it is worked off
    and not exists (select 1 from inbox i where i.state = 'waiting' and i.contact = p.contact)
    and not exists (select 1 from identity d join inbox_name n on n.kind = d.kind and n.scope = d.scope and n.value = d.value
                    where d.contact = p.contact)
  limit :limit
)
select * from (
  select o.* from free f cross join outbox o
  where o.id in (
      select f.answer union all
      select n.id from outbox n
      where f.answer is null and n.contact = f.contact and n.reply = 0 and n.state in ('queued', 'verifying', 'sending'))
    and o.state = 'queued' and o.not_before <= :now
    -- in order within a run
    and not exists (select 1 from outbox e where e.contact = o.contact and e.id < o.id and e.state in ('queued', 'verifying', 'sending')
                    and e.run = o.run)
    and exists (select 1 from lane l where l.number = o.number and l.marketing = o.marketing)
  order by o.reply desc, o.not_before, o.id limit :limit)
union all
select o.* from (select 1) left join outbox o on o.id = null where exists (select 1 from lane where json_array_length(waiting) = :looked)

-- name: sending
update outbox set state = 'sending', attempts = attempts + 1, owner = :owner, epoch = :epoch, lease_until = :lease_until, sent_at = :now,
  why = null, delivery = null, provider_id = null, code = null, counts = 0  -- an earlier try may have been told to have failed
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
     and (m.counts = 1 or m.state in ('sending', 'sent', 'unknown') and coalesce(m.delivery, '') <> 'failed')) as marketing_sent,
  -- what a flow answers: read by it
  case when o.reply = 1 and o.author = 'flow' then (
    select r.provider_id from message r where r.contact = o.contact and r.number = o.number and r.author = 'customer'
    order by r.at desc, r.id desc limit 1) end as answers,
  case
    when o.needs = 'cart_open' and not exists (select 1 from checkout k where k.id = o.needs_of and k.state = 'open') then 1
    when o.needs = 'order_unpaid' and not exists (
      select 1 from shop_order s where s.id = o.needs_of and s.payment = 'failed' and s.status = 'placed' and not exists (
        -- they ordered anew instead
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
where o.id in (select value from json_each(:ids))

-- name: obstacles
-- what the platform carries nothing of: a few rows. A pause that nobody has spoken of since :since may be over.
select 'paused' as what, name, language as part from template where status = 'PAUSED' and stopped is null and told_at > :since
union all
select 'stopped', name, language from template where status = 'DISABLED' or stopped is not null
union all
select 'closed', number, country from closed_country

-- name: sent
update outbox set state = 'sent', provider_id = coalesce(provider_id, :provider_id), delivery = coalesce(delivery, :delivery),
  why = :why, lease_until = null
where id = :id and state in ('sending', 'unknown')

-- name: settle
-- those of these messages (ids in JSON) that can be settled now
select id from outbox where id in (select value from json_each(:ids))

-- name: requeue
-- one on the wire that surely did not go, or one that was taken and told to have failed: proof of its arrival still settles it
update outbox set state = 'queued', not_before = :until, why = :why, code = :code, counts = :counts, lease_until = null,
  sent_at = case when cast(:counts as bigint) = 1 then sent_at end
where id = :id and (state = 'sending' or state = 'sent' and delivery = 'failed')

-- name: failed_with
update outbox set code = :code, counts = :counts where id = :id

-- name: use_instead
update outbox set content = :content, body = :body, marketing = :marketing where id = :id and state = 'queued'

-- name: newest_codes
-- of those whose end is known
select code from outbox where contact = :contact and (state = 'refused' or state = 'sent' and delivery is not null)
order by id desc limit :limit

-- name: release
update outbox set state = 'queued', attempts = attempts - 1, sent_at = null, lease_until = null where id = :id and state = 'sending'

-- name: claimed_by
select id from outbox where state = 'sending' and owner = :owner and epoch = :epoch order by id

-- name: refused
update outbox set state = 'refused', why = :why, code = :code, counts = :counts, lease_until = null,
  sent_at = case when cast(:counts as bigint) = 1 then sent_at end
where id = :id and state in ('sending', 'unknown')

-- name: unknown
update outbox set state = 'unknown', why = :why, lease_until = null where id = :id and state = 'sending'

-- name: say_arrived
update outbox set state = 'sent', why = :why where id = :id and contact = :contact and state = 'unknown' returning id

-- name: send_again
update outbox set state = 'queued', not_before = :now, why = null, sent_at = null
where id = :id and contact = :contact and state = 'unknown' returning id

-- name: orphans
update outbox set state = 'unknown', why = :why, lease_until = null
where state = 'sending' and (epoch < :epoch or lease_until < :now) returning id, contact, flow

-- name: by_key
select id, contact, number, run, flow, author, state, delivery, marketing, reply, attempts, content from outbox where key = :key

-- name: by_provider
select id, contact, number, run, flow, author, state, delivery, marketing, reply, attempts, content from outbox
where provider_id = :provider_id

-- name: further
-- of one that is known to be sent: no index holds what changes, which makes it eight times as cheap as `deliver`
update outbox set delivery = :delivery, why = null where id = :id

-- name: arrived
update outbox set delivered_at = :at where id = :id and (delivered_at is null or delivered_at > :at) returning id

-- name: deliver
-- one that is queued to be tried again went after all, so it must not go a second time
update outbox set delivery = :delivery, provider_id = coalesce(provider_id, :provider_id),
  state = case when state in ('sending', 'unknown', 'held', 'queued') then 'sent' else state end,
  why = case when :delivery = 'failed' then :why when state in ('refused', 'cancelled') then why else null end,
  sent_at = coalesce(sent_at, created_at), lease_until = null
where id = :id

-- name: doubt
update outbox set state = 'verifying', not_before = :now where id = :id and state = 'queued'

-- name: doubted
-- the condition is asked again outside: another process may have taken them meanwhile
update outbox set not_before = :until where state = 'verifying' and not_before <= :now and id in (
  select id from outbox where state = 'verifying' and not_before <= :now
    and not exists (select 1 from closed_shop c where c.shop = outbox.shop) order by not_before limit :limit)
returning id, contact, shop, run, flow, needs, needs_of, expires_at

-- name: doubted_cart
select key from checkout where id = :id

-- name: doubted_order
select key from shop_order where id = :id

-- name: verified
update outbox set state = 'queued', not_before = :now, verified_at = :now where id = :id and state = 'verifying'

-- name: disproved
update outbox set state = 'cancelled', why = :why where id = :id and state = 'verifying' returning id

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
insert into number_state (number, stopped, awaits, stopped_until) values (:number, :why, :awaits, :until)
on conflict (number) do update set stopped = excluded.stopped, awaits = excluded.awaits,
  -- error 368 does not say until when; the webhook that came before it did
  stopped_until = coalesce(excluded.stopped_until, number_state.stopped_until)

-- name: stopped
select 1 from number_state where number = :number and stopped is not null

-- name: start_number
update number_state set stopped = null, awaits = null, stopped_until = null where number = :number

-- name: stopped_numbers
select number, stopped, coalesce(awaits, 'owner') as awaits, stopped_until from number_state where stopped is not null order by number

-- name: close_country
insert into closed_country (number, country, since) values (:number, :country, :now) on conflict (number, country) do nothing

-- name: closed_countries
select number, country from closed_country order by number, country

-- name: open_countries
delete from closed_country

-- name: resume_numbers
delete from number_state

-- name: try_numbers_again
update number_state set stopped = null, awaits = null, stopped_until = null

-- name: number_states
select number, paused_until, marketing_stopped, stopped from number_state
