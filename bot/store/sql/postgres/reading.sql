-- What PostgreSQL must be told otherwise about readings: others read beside us.

-- name: claim
update shop_reading set retry_at = :until where id = (
  select r.id from shop_reading r where r.state = 'waiting' and r.retry_at <= :now
    and not exists (select 1 from closed_shop c where c.shop = r.shop)  -- its tokens are dead
    and not exists (
    select 1 from shop_reading e where e.state = 'waiting' and e.shop = r.shop and e.id < r.id)
  order by r.retry_at, r.id limit 1 for update skip locked)
returning *

-- name: want
insert into wanted_resource (shop, address, resource, key, topic, at, retry_at) values (:shop, :address, :resource, :key, :topic, :at, :now)
on conflict (shop, address) do update set times = wanted_resource.times + 1, topic = excluded.topic, at = excluded.at, tries = 0,
  retry_at = least(wanted_resource.retry_at, excluded.retry_at)

-- name: wanted
update wanted_resource set retry_at = :until where ctid = any(array(
  select ctid from wanted_resource where retry_at <= :now
    and not exists (select 1 from closed_shop c where c.shop = wanted_resource.shop) order by retry_at limit :limit for update skip locked))
returning *
