-- Flows at work.

-- name: keep_revision
insert into revision (id, flow, source, stored_at) values (:id, :flow, :source, :now) on conflict do nothing

-- name: in_force
insert into revision (id, flow, source, stored_at) values (:id, :flow, :source, :now)
on conflict (id) do update set stored_at = excluded.stored_at

-- name: last_in_force
select id, source from revision where flow = :flow order by stored_at desc, id limit 1

-- name: revision
select id, source from revision where id = :id

-- name: create
insert into run (contact, number, shop, flow, revision, state, body, started_at)
values (:contact, :number, :shop, :flow, :revision, 'active', '', :now) returning id

-- name: save
update run set state = :state, outcome = :outcome, body = :body, ended_at = :ended_at where id = :id

-- name: live
select id, contact, number, shop, flow, body, started_at from run where contact = :contact and state <> 'ended' order by id

-- name: load
select id, contact, number, shop, flow, body, started_at from run where id = :id

-- name: last_start
select max(started_at) as started_at from run where contact = :contact and flow = :flow
