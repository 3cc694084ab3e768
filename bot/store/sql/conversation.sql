-- Who speaks with whom, and what was said.

-- name: load
-- the hours an ad opens begin with our first answer to who came by it, until a status says when they end
select v.*, case when v.referred_at is null then null else (
    select min(o.sent_at) from outbox o
    where o.contact = v.contact and o.number = v.number and o.state in ('sent', 'sending', 'unknown')
      and o.sent_at >= v.referred_at and o.sent_at < v.referred_at + :answered_within) end as answered_at
from conversation v where v.contact = :contact and v.number = :number

-- name: open
insert into conversation (contact, number, changed_at) values (:contact, :number, :now) on conflict do nothing

-- name: inbound
update conversation set last_inbound_at = max(coalesce(last_inbound_at, 0), :at) where contact = :contact and number = :number

-- name: set_control
update conversation set control = :control, reason = :reason, staff = :staff, epoch = epoch + 1, changed_at = :now
where contact = :contact and number = :number

-- name: add_message
insert into message (contact, number, author, kind, text, about, quotes, provider_id, at)
values (:contact, :number, :author, :kind, :text, :about, :quotes, :provider_id, :at)

-- name: refer
update conversation set referred_at = max(coalesce(referred_at, 0), :at) where contact = :contact and number = :number

-- name: free
update conversation set free_until = max(coalesce(free_until, 0), :until) where contact = :contact and number = :number

-- name: react
insert into reaction (contact, provider_id, emoji, at) values (:contact, :provider_id, :emoji, :at)
on conflict (contact, provider_id) do update set emoji = excluded.emoji, at = excluded.at where excluded.at >= reaction.at

-- name: unreact
-- kept as an empty one: an older reaction may still come
insert into reaction (contact, provider_id, emoji, at) values (:contact, :provider_id, '', :at)
on conflict (contact, provider_id) do update set emoji = '', at = excluded.at where excluded.at >= reaction.at

-- name: edit
-- what was deleted stays deleted, and the newest wording counts
update message set text = :text, edited_at = :at
where contact = :contact and provider_id = :provider_id and author = :author and revoked_at is null and coalesce(edited_at, 0) <= :at
returning id

-- name: revoke
update message set text = '', about = null, revoked_at = :at
where contact = :contact and provider_id = :provider_id and author = :author and revoked_at is null
returning id

-- name: count_written
select count(*) as written from (select 1 from message where contact = :contact and number = :number and author = 'customer' limit 2) as few

-- name: said
select id from message
where contact = :contact and number = :number and author = 'customer' and text = :text and at >= :since limit 2

-- name: unanswered
select v.contact, v.number, v.control, v.reason, v.staff, v.changed_at, v.last_inbound_at, c.first_name,
  (select value from identity d where d.contact = v.contact and d.kind = 'phone' order by d.since desc limit 1) as phone,
  (select text from message m where m.contact = v.contact order by m.at desc, m.id desc limit 1) as last_text
from conversation v join contact c on c.id = v.contact
where v.control <> 'bot' and v.control <> 'blocked' order by v.changed_at

-- name: thread
select at, author, text, state, delivery, why from (
  select at, author, text, null as state, null as delivery, null as why, id, 0 as ours from message where contact = :contact
  union all
  select coalesce(sent_at, created_at), author, body, state, delivery, why, id, 1 from outbox where contact = :contact) as said
order by at, ours, id
