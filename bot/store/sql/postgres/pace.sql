-- What PostgreSQL must be told otherwise about paces: the clock is the server's, and others send beside us.

-- name: numbers
select number, per_second, with_app, quality, share, slowed_at,
  (extract(epoch from clock_timestamp()) * 1000000)::bigint as clock, (select own_per_second from portfolio where id = 1) as own_per_second
from sending_number order by number

-- name: paces
select number, per_second, with_app, next_at, answer_at, share, slowed_at,
  (extract(epoch from clock_timestamp()) * 1000000)::bigint as clock, (select own_per_second from portfolio where id = 1) as own_per_second
from sending_number
where number = any(array(select json_array_elements_text(:numbers::json))) order by number for no key update

-- name: portfolio
select coalesce(own_people, people) as people, reached, allotted from portfolio where id = 1 for no key update

-- name: forget_reached
-- nobody waits here, nor in go_on, for a row that somebody touches who may wait for the portfolio: it is looked at again soon
delete from reached where contact = any(array(
  select contact from reached where at <= :before order by at limit :most for update skip locked)) returning contact

-- name: go_on
update outbox set not_before = :now where id = any(array(
  select id from outbox where state = 'queued' and why = 'daily_limit' and not_before > :now order by not_before limit :most
  for no key update skip locked))

-- name: were_reached
select contact from reached where contact = any(array(select value::bigint from json_array_elements_text(:contacts::json)))

-- name: pairs
select contact, number, free_at from pair where contact = any(array(select value::bigint from json_array_elements_text(:contacts::json)))

-- ---- for many at once: each parameter is an array; no row is named twice

-- name: reach_at_once
insert into reached (contact, message, at)
select contact, message, at from unnest(:contact::bigint[], :message::bigint[], :now::bigint[]) as p (contact, message, at)
on conflict (contact) do update set at = excluded.at

-- name: keep_pair_at_once
insert into pair (contact, number, free_at)
select contact, number, free_at from unnest(:contact::bigint[], :number::text[], :free_at::bigint[]) as p (contact, number, free_at)
on conflict (contact, number) do update set free_at = excluded.free_at
