-- What PostgreSQL must be told otherwise about codes: others make them beside us.

-- name: wanted
-- whoever takes one has a minute for it; if they die meanwhile, somebody makes the same code again
update discount set retry_at = :now + 60000000 where id = any(array(
  select id from discount where state = 'wanted' and retry_at <= :now
    and not exists (select 1 from closed_shop c where c.shop = discount.shop)  -- its tokens are dead
    and not (source is null and cast(:makers as text) like '%<' || shop || '>%')
    and (source is null or cast(:busy as text) not like '%<' || source || '>%')
  order by retry_at limit :limit for update skip locked))
returning *

-- name: to_make
update discount set retry_at = :now + 60000000 where id = any(array(
  select id from discount where state = 'wanted' and retry_at <= :now and source is null
    and cast(:makers as text) like '%<' || shop || '>%'
    and not exists (select 1 from closed_shop c where c.shop = discount.shop)
  order by retry_at limit :limit for update skip locked))
returning *
