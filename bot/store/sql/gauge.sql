-- How much waits, and how long, from indexes alone: it is asked every few seconds.

-- name: depths
select
  (select count(*) from inbox where state = 'waiting') as waiting,
  (select min(received_at) from inbox where state = 'waiting') as waiting_since,
  (select count(*) from inbox where state = 'dead') as dead,
  (select count(*) from outbox where state = 'queued') as queued,
  (select count(*) from outbox where state = 'queued' and not_before <= :now) as due,
  (select min(not_before) from outbox where state = 'queued' and not_before <= :now) as due_since,
  (select count(*) from outbox where state = 'sending' and state in ('queued', 'verifying', 'sending')) as sending,
  (select count(*) from outbox where state = 'unknown') as unknown,
  (select count(*) from discount where state = 'wanted') as wanted,
  (select count(*) from timer where due <= :now) as overdue,
  (select count(*) from conversation where control <> 'bot' and control = 'waiting') as unanswered,
  (select min(changed_at) from conversation where control <> 'bot' and control = 'waiting') as unanswered_since,
  (select count(*) from privacy_ask where state = 'open') as asks,
  (select count(*) from privacy_ask where state = 'open' and due_at < :now) as asks_overdue

-- name: numbers
select number, stopped is not null as stopped, marketing_stopped is not null as marketing_stopped from number_state
