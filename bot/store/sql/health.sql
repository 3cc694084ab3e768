-- What the owner and the health check ask.

-- name: counts
select
  (select count(*) from inbox where state = 'waiting') as waiting,
  (select count(*) from inbox where state = 'dead') as dead,
  (select count(*) from outbox where state = 'unknown') as unknown,
  (select count(*) from outbox where state = 'queued') as queued,
  (select count(*) from outbox where state = 'sending') as sending,
  (select count(*) from discount where state = 'wanted') as wanted

-- name: stopped
select number, coalesce(stopped, marketing_stopped) as why from number_state where stopped is not null or marketing_stopped is not null

-- name: due
select
  (select min(due) from timer) as timer,
  (select min(o.not_before) from outbox o where o.state = 'queued' and not exists (
    select 1 from number_state s
    where s.number = o.number and (s.stopped is not null or s.marketing_stopped is not null and o.marketing = 1))) as message,
  (select min(retry_at) from discount where state = 'wanted') as code

-- name: engine
select 'SQLite ' || sqlite_version() as engine

-- name: version
select value from meta where name = :name

-- name: alarms
-- of each the newest
select text, max(at) as at from audit where about = 'alarm' and at >= :since group by text order by max(at) desc limit 10
