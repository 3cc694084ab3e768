-- What PostgreSQL is told otherwise about flows at work: for many at once, each parameter is an array; no row is named twice.

-- name: save_at_once
update run r set state = p.state, outcome = p.outcome, body = p.body, ended_at = p.ended_at
from unnest(:state::text[], :outcome::text[], :body::text[], :ended_at::bigint[], :id::bigint[]) as p (state, outcome, body, ended_at, id)
where r.id = p.id

-- name: keep_revision_at_once
insert into revision (id, flow, source, stored_at)
select distinct on (id) id, flow, source, at from unnest(:id::text[], :flow::text[], :source::text[], :now::bigint[])
  as p (id, flow, source, at)
on conflict do nothing

-- name: standing
select flow, revision, body::json ->> 'position' as position, body::json ->> 'waiting' as waiting, count(*) as n
from run where state <> 'ended' and body <> '' group by 1, 2, 3, 4 order by 1, 2, 3, 4
