-- What PostgreSQL must be told otherwise about the inbox: others work it off beside us.
-- What is to be locked is chosen in `any(array(select ...))`, which is asked once. In `in (select ... limit ... skip locked)` the planner
-- may ask again for each row of the table, and each time others are locked: the limit would hold no more.

-- name: waiting
select id, source, kind, place, contact, body, occurred_at, received_at, attempts, retry_at, person from claim_entries(:now, :limit)

-- name: due_timers
delete from timer where ctid = any(array(select ctid from timer where due <= :now order by due limit :limit for update skip locked))
returning due, contact, kind, subject, generation

-- name: being_written_to
select nth from being_written_to(:nths, :kinds, :scopes, :values, :now, :epoch) as nth

-- name: receive
-- a whole delivery, or many: what was not seen before, in the order it came, with its names; gives the ordinals of what was new
with told as (
  select * from unnest(:keys::bytea[], :sources::text[], :kinds::text[], :places::text[], :bodies::bytea[], :occurred::bigint[],
                       :states::text[], :whys::text[], :received::bigint[])
    with ordinality as t (key, source, kind, place, body, occurred_at, state, why, received_at, nth)
), fresh as (
  insert into seen (key) select key from told order by key on conflict do nothing returning key
), numbered as (
  select *, nextval(pg_get_serial_sequence('inbox', 'id')) as id from (select told.* from told join fresh using (key) order by nth) as new
), kept as (
  insert into inbox (id, source, kind, place, body, occurred_at, received_at, state, why)
  select id, source, kind, place, body, occurred_at, received_at, state, why from numbered
), named as (
  insert into inbox_name (kind, scope, value, inbox)
  select n.kind, n.scope, n.value, numbered.id
  from unnest(:name_nths::bigint[], :name_kinds::text[], :name_scopes::text[], :name_values::text[]) as n (nth, kind, scope, value)
  join numbered using (nth)
  on conflict do nothing
)
select nth from numbered

-- ---- for many at once: each parameter is an array; no row is named twice, for each is another person's

-- name: done_at_once
update inbox i set state = 'done', contact = p.contact, why = p.why
from unnest(:id::bigint[], :contact::bigint[], :why::text[]) as p (id, contact, why) where i.id = p.id

-- name: forget_names_at_once
delete from inbox_name where inbox = any(:id::bigint[])

-- name: set_timer_at_once
insert into timer (due, contact, kind, subject, generation)
select * from unnest(:due::bigint[], :contact::bigint[], :kind::text[], :subject::bigint[], :generation::bigint[]) on conflict do nothing
