-- Pools: codes that exist in a store before anybody is promised one.

-- name: find
select * from code_pool where shop = :shop and source = :source and flow = :flow and worth = :worth and ends = :ends

-- name: put
insert into code_pool (shop, source, flow, worth, percent, amount_minor, currency, until, ends, code, retry_at)
values (:shop, :source, :flow, :worth, :percent, :amount_minor, :currency, :until, :ends, :code, :now)
on conflict (shop, source, flow, worth, ends) do nothing

-- name: due
select * from code_pool where retry_at <= :now and source = 'pool' and until > :now and (bulk is not null or (
  select count(*) from (select 1 from pool_code where pool = code_pool.id and state = 'ready' limit :low) few) < :low)
  and not exists (select 1 from closed_shop c where c.shop = code_pool.shop)
  and cast(:busy as text) not like '%<' || code_pool.shop || '>%'
order by retry_at limit :limit

-- name: taken_by
select code from pool_code where discount = :discount

-- name: take
update pool_code set state = 'taken', discount = :discount
where id = (select id from pool_code where pool = :pool and state = 'ready' order by id limit 1) returning code

-- name: plan
insert into pool_code (pool, shop, code, state) values (:pool, :shop, :code, :state) on conflict (shop, code) do nothing

-- name: in_state
select code from pool_code where pool = :pool and state = :state order by id limit :limit

-- name: page
select id, code from pool_code where pool = :pool and state = :state and id > :after order by id limit :limit

-- name: change
update pool_code set state = :becomes where pool = :pool and code = :code and state = :was

-- name: settle
update pool_code set state = :state, store_id = coalesce(:store_id, store_id)
where pool = :pool and code = :code and state in ('planned', 'asked')

-- name: parent_asked
update code_pool set asked = 1 where id = :id

-- name: opened
update code_pool set place = :place, attempts = 0, why = null where id = :id

-- name: under_way
update code_pool set bulk = :bulk, retry_at = :until where id = :id

-- name: later
update code_pool set retry_at = :until where id = :id

-- name: worked
update code_pool set bulk = null, retry_at = :now, attempts = 0, why = null where id = :id

-- name: failed
update code_pool set why = :why, retry_at = :until, attempts = :attempts where id = :id

-- name: wake
update discount set retry_at = :now where pool = :pool and state = 'wanted' and retry_at > :now
