-- How fast our numbers may send, and how many people they may write to first: what Meta said, and what is used of it.

-- ---- numbers

-- name: number_told
-- what is not told stays as it was; where the phone app is used on a number, too, it says so for good
insert into sending_number (number, phone, per_second, with_app, quality, told_at)
values (:number, :phone, :per_second, :with_app, :quality, :now)
on conflict (number) do update set phone = coalesce(excluded.phone, sending_number.phone),
  per_second = coalesce(excluded.per_second, sending_number.per_second), with_app = max(excluded.with_app, sending_number.with_app),
  quality = coalesce(excluded.quality, sending_number.quality), told_at = excluded.told_at

-- name: by_phone
select number from sending_number where phone = :phone

-- name: numbers
select number, per_second, with_app, quality, share, slowed_at, :clock as clock,
  (select own_per_second from portfolio where id = 1) as own_per_second
from sending_number order by number

-- name: known
insert into sending_number (number) values (:number) on conflict (number) do nothing

-- name: paces
-- of the numbers in JSON; held until the end of the transaction
select number, per_second, with_app, next_at, answer_at, share, slowed_at, :clock as clock,
  (select own_per_second from portfolio where id = 1) as own_per_second
from sending_number
where number in (select value from json_each(:numbers)) order by number

-- name: keep_pace
update sending_number set next_at = :next_at, answer_at = :answer_at, share = :share, slowed_at = :slowed_at where number = :number

-- ---- the portfolio

-- name: portfolio_known
insert into portfolio (id) values (1) on conflict (id) do nothing

-- name: portfolio
-- held until the end of the transaction
select coalesce(own_people, people) as people, reached, allotted from portfolio where id = 1

-- name: portfolio_told
insert into portfolio (id, people, told_at) values (1, :people, :now)
on conflict (id) do update set people = excluded.people, told_at = excluded.told_at, allotted = 0

-- name: own_limits
insert into portfolio (id, own_people, own_per_second) values (1, :people, :per_second)
on conflict (id) do update set own_people = excluded.own_people, own_per_second = excluded.own_per_second, allotted = 0

-- name: keep_portfolio
update portfolio set reached = :reached, allotted = :allotted where id = 1

-- name: forget_reached
-- whom we wrote to so long ago that they count no more; the oldest first, not all at once after a long rest
delete from reached where contact in (select contact from reached where at <= :before order by at limit :most) returning contact

-- name: were_reached
select contact from reached where contact in (select value from json_each(:contacts))

-- name: reach
-- who is counted already counts from now on, by the message that counted them
insert into reached (contact, message, at) values (:contact, :message, :now) on conflict (contact) do update set at = excluded.at

-- name: not_reached
delete from reached where contact = :contact and message = :message returning contact

-- name: one_less
update portfolio set reached = reached - 1 where id = 1

-- name: next_free
-- when those who were reached longest ago count no more, the time each of who waits may come: after those given before
select at from reached where at > :after order by at limit :most

-- name: go_on
-- so many of those that wait for the day's limit, the first of them first
update outbox set not_before = :now where id in (
  select id from outbox where state = 'queued' and why = 'daily_limit' and not_before > :now order by not_before limit :most)

-- name: state
select
  (select coalesce(own_people, people) from portfolio where id = 1) as people,
  (select reached from portfolio where id = 1) as reached,
  (select min(at) from reached) as oldest,
  (select count(*) from outbox where state = 'queued' and why = 'daily_limit') as waiting

-- ---- pairs

-- name: pairs
select contact, number, free_at from pair where contact in (select value from json_each(:contacts))

-- name: keep_pair
insert into pair (contact, number, free_at) values (:contact, :number, :free_at)
on conflict (contact, number) do update set free_at = excluded.free_at

-- name: bar_pair
insert into pair (contact, number, free_at) values (:contact, :number, :free_at)
on conflict (contact, number) do update set free_at = max(pair.free_at, excluded.free_at)
