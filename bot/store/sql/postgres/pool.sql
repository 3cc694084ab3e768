-- What PostgreSQL must be told otherwise about pools: others take from them, and fill them, beside us.

-- name: due
-- whoever takes one has a minute for it; if they die meanwhile, somebody goes on where they stood
update code_pool set retry_at = :now + 60000000 where id = any(array(
  select id from code_pool where retry_at <= :now and source = 'pool' and until > :now and (bulk is not null or (
    select count(*) from (select 1 from pool_code where pool = code_pool.id and state = 'ready' limit :low) few) < :low)
    and not exists (select 1 from closed_shop c where c.shop = code_pool.shop)
    and cast(:busy as text) not like '%<' || code_pool.shop || '>%'
  order by retry_at limit :limit for update skip locked))
returning *

-- name: take
update pool_code set state = 'taken', discount = :discount
where id = (select id from pool_code where pool = :pool and state = 'ready' order by id limit 1 for update skip locked) returning code
