-- What the web desk shows and asks before it acts.

-- name: open
select v.contact, v.number, v.control, v.reason, v.staff, v.changed_at, c.first_name,
  (select value from identity d where d.contact = v.contact and d.kind = 'phone' order by d.since desc limit 1) as phone,
  (select coalesce(nullif(m.text, ''), '(' || m.kind || ')') from message m where m.contact = v.contact order by m.at desc, m.id desc limit 1)
    as last_text,
  (select max(coalesce(o.sent_at, o.created_at)) from outbox o where o.contact = v.contact and o.author = 'staff') as answered_at,
  (select max(m.at) from message m where m.contact = v.contact and m.author = 'staff') as answered_elsewhere_at
from conversation v join contact c on c.id = v.contact
where v.control <> 'bot' and v.control <> 'blocked' order by v.changed_at limit :limit

-- name: first_word_since
select min(at) as at from message where contact = :contact and author = 'customer' and at > :since

-- name: lately
-- by the newest messages and not by the newest conversations: that reads a few hundred rows, however many people there are
select v.contact, v.number, v.control, v.reason, v.staff, v.changed_at, c.first_name,
  (select value from identity d where d.contact = v.contact and d.kind = 'phone' order by d.since desc limit 1) as phone,
  (select coalesce(nullif(m.text, ''), '(' || m.kind || ')') from message m where m.contact = v.contact order by m.at desc, m.id desc limit 1)
    as last_text,
  null as answered_at, null as answered_elsewhere_at
from (select contact, max(id) as newest from (select id, contact from message order by id desc limit :messages) as recent group by contact) as heard
join conversation v on v.contact = heard.contact
join contact c on c.id = v.contact
where v.control in ('bot', 'blocked') order by heard.newest desc limit :limit

-- name: conversation
select number, control, reason, staff, epoch, changed_at, last_inbound_at from conversation
where contact = :contact order by coalesce(last_inbound_at, 0) desc, changed_at desc limit 1

-- name: heard
select id, at, author, kind, text, about, edited_at, revoked_at, provider_id, quotes from message
where contact = :contact order by at desc, id desc limit :limit

-- name: said
select id, coalesce(sent_at, created_at) as at, author, body, content, state, delivery, why, not_before, provider_id from outbox
where contact = :contact order by coalesce(sent_at, created_at) desc, id desc limit :limit

-- name: attachments
select a.message, a.kind, a.state, a.filename, a.why, a.voice, a.sha256, f.size, f.mime
from message m join attachment a on a.message = m.id left join file f on f.sha256 = a.sha256
where m.contact = :contact order by m.at desc, m.id desc limit :limit

-- name: attachment
select a.kind, a.state, a.filename, a.why, a.voice, a.sha256, f.size, f.mime
from message m join attachment a on a.message = m.id left join file f on f.sha256 = a.sha256
where m.id = :message and m.contact = :contact and m.revoked_at is null

-- name: said_one
select content from outbox where id = :message and contact = :contact

-- name: reactions
select provider_id, emoji from reaction where contact = :contact and emoji <> ''

-- name: resting
select s.phone, n.stopped, n.stopped_until, n.marketing_stopped, n.paused_until
from number_state n left join sending_number s on s.number = n.number
where n.stopped is not null or n.marketing_stopped is not null or n.paused_until > :now order by n.number

-- name: hold
-- changes nothing, but whoever else wants to act on this conversation waits until we are done
update conversation set epoch = epoch where contact = :contact

-- name: pending
select kind, body from inbox where contact = :contact and source = 'desk' and state = 'waiting' order by id

-- name: newer
select count(*) as newer from message where contact = :contact and author = 'customer' and id > :seen

-- name: waits
select 1 from inbox where id = :id and state = 'waiting'
