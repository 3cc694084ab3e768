-- Who speaks with whom, and what was said.

-- name: load
select * from conversation where contact = :contact and number = :number

-- name: open
insert into conversation (contact, number, changed_at) values (:contact, :number, :now) on conflict do nothing

-- name: inbound
update conversation set last_inbound_at = max(coalesce(last_inbound_at, 0), :at) where contact = :contact and number = :number

-- name: set_control
update conversation set control = :control, reason = :reason, staff = :staff, epoch = epoch + 1, changed_at = :now
where contact = :contact and number = :number

-- name: add_message
insert into message (contact, number, author, kind, text, provider_id, at) values (:contact, :number, :author, :kind, :text, :provider_id, :at)

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
  select at, author, text, null as state, null as delivery, null as why, id from message where contact = :contact
  union all
  select coalesce(sent_at, created_at), author, body, state, delivery, why, id from outbox where contact = :contact) as said
order by at, id
