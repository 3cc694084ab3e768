-- All that is known of how one person was treated, for a page that explains it. Small databases only: timers are read whole.

-- name: arrived
select source, kind, received_at, why from inbox
where contact = :contact and source in ('shop', 'clock', 'house') order by id desc limit :limit

-- name: messages
select id, text, kind, author, at from message where contact = :contact order by id desc limit :limit

-- name: noted
select id, at, about, text from audit where contact = :contact order by id desc limit :limit

-- name: sends
select id, flow, author, body, created_at, not_before, state, why, delivery, marketing, reply from outbox
where contact = :contact order by id desc limit :limit

-- name: timers
select due, kind, subject, generation from timer where contact = :contact order by due limit :limit

-- name: last_run
select id from run where contact = :contact order by id desc limit 1

-- name: next_timers
select due, kind, subject, generation from timer order by due limit :limit

-- name: next_others
select (select min(not_before) from outbox where state = 'queued') as message, (select min(retry_at) from discount where state = 'wanted') as code
