-- What came in and waits to be worked off.

-- name: first_time
insert into seen (key) values (:key) on conflict do nothing returning key

-- name: seen
-- many at once: the count of changes says how many of them are new
insert into seen (key) values (:key) on conflict do nothing

-- name: last
select coalesce(max(id), 0) as id from inbox

-- name: insert_numbered
insert into inbox (id, source, kind, place, body, occurred_at, received_at, state, why)
values (:id, :source, :kind, :place, :body, :occurred_at, :received_at, :state, :why)

-- name: insert
insert into inbox (source, kind, place, contact, body, occurred_at, received_at, state, why)
values (:source, :kind, :place, :contact, :body, :occurred_at, :received_at, :state, :why)
returning id

-- name: insert_name
insert into inbox_name (kind, scope, value, inbox) values (:kind, :scope, :value, :inbox) on conflict do nothing

-- name: waiting
select id, source, kind, place, contact, body, occurred_at, received_at, attempts, retry_at, null as person
from inbox i where state = 'waiting' and (retry_at is null or retry_at <= :now)
  and not exists (select 1 from inbox b where b.state = 'waiting' and b.contact = i.contact and b.id < i.id and b.retry_at > :now)
order by id limit :limit

-- name: held_back
select distinct contact from inbox where state = 'waiting' and contact is not null and retry_at > :now

-- name: assign
update inbox set contact = :contact where id = :id

-- name: names
select kind, scope, value from inbox_name where inbox = :inbox

-- name: told_of
select 1 from inbox_name where kind = :kind and scope = :scope and value = :value limit 1

-- name: done
update inbox set state = 'done', contact = :contact, why = :why where id = :id

-- name: dead
update inbox set state = 'dead', why = :why where id = :id

-- name: forget_names
delete from inbox_name where inbox = :id

-- name: retry
update inbox set attempts = attempts + 1, retry_at = :retry_at, why = :why, contact = coalesce(:contact, contact) where id = :id

-- name: due_timers
delete from timer where (due, contact, kind, subject, generation) in (
  select due, contact, kind, subject, generation from timer where due <= :now order by due limit :limit)
returning due, contact, kind, subject, generation

-- name: next_timer
select min(due) as due from timer

-- name: set_timer
insert into timer (due, contact, kind, subject, generation) values (:due, :contact, :kind, :subject, :generation) on conflict do nothing

-- name: count_waiting
select count(*) as waiting from inbox where state = 'waiting'

-- name: count_dead
select count(*) as dead from inbox where state = 'dead'

-- name: dead_rows
select id, source, kind, place, why, received_at from inbox where state = 'dead' order by id desc limit :limit
