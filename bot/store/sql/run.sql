-- Flows at work.

-- name: keep_revision
insert into revision (id, flow, source, stored_at) values (:id, :flow, :source, :now) on conflict do nothing

-- name: in_force
select value from meta where name = 'flows_in_force'

-- name: put_in_force
insert into meta (name, value) values ('flows_in_force', :value) on conflict (name) do update set value = excluded.value

-- name: revision
select id, source from revision where id = :id

-- name: create
insert into run (contact, number, shop, flow, revision, state, body, started_at)
values (:contact, :number, :shop, :flow, :revision, 'active', '', :now) returning id

-- name: save
update run set state = :state, outcome = :outcome, body = :body, ended_at = :ended_at where id = :id

-- name: reached
update run set goal_order = :shop_order where id = :id

-- name: use_revision
update run set revision = :revision where id = :id

-- name: live
select id, contact, number, shop, flow, body, started_at from run where contact = :contact and state <> 'ended' order by id

-- name: load
select id, contact, number, shop, flow, body, started_at from run where id = :id

-- name: last_start
select max(started_at) as started_at from run where contact = :contact and flow = :flow

-- name: standing
select flow, revision, json_extract(body, '$.position') as position, json_extract(body, '$.waiting') as waiting, count(*) as n
from run where state <> 'ended' and body <> '' group by 1, 2, 3, 4 order by 1, 2, 3, 4

-- name: under_way
select id, contact, number, shop, flow, body, started_at from run
where flow = :flow and state <> 'ended' and body <> '' and id > :after order by id limit :limit
