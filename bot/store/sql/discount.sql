-- Codes: decided and kept before they are promised.

-- name: want
insert into discount (run, generation, contact, shop, code, canonical, percent, amount_minor, currency, ends, flow, source, cost_minor,
  terms, retry_at, created_at)
values (:run, :generation, :contact, :shop, :code, :canonical, :percent, :amount_minor, :currency, :ends, :flow, :source, :cost_minor,
  :terms, :now, :now)
on conflict (run, generation) do nothing

-- name: wanted
select * from discount where state = 'wanted' and retry_at <= :now
  and not exists (select 1 from closed_shop c where c.shop = discount.shop)  -- its tokens are dead
  and not (source is null and cast(:makers as text) like '%<' || shop || '>%')
  and (source is null or cast(:busy as text) not like '%<' || source || '>%')
order by retry_at limit :limit

-- name: to_make
-- those that a shop makes one by one, for one person each
select * from discount where state = 'wanted' and retry_at <= :now and source is null and cast(:makers as text) like '%<' || shop || '>%'
  and not exists (select 1 from closed_shop c where c.shop = discount.shop)
order by retry_at limit :limit

-- name: load
select * from discount where id = :id

-- name: next_due
select min(retry_at) as retry_at from discount where state = 'wanted'

-- name: live
-- what this person was promised by the flow, and can still use
select * from discount where contact = :contact and flow = :flow and shop = :shop and first is null and id <> :id
  and state in ('made', 'issued') and leaked_order is null and ends >= :until order by id desc limit 10

-- name: same_again
update discount set state = 'made', code = :code, canonical = :canonical, ends = :ends, pool = :pool, first = :first, why = null
where id = :id and state = 'wanted' returning id

-- name: count
update discount set counted = 1 where id = :id and state = 'wanted'

-- name: got
select count(*) as codes from discount where contact = :contact and created_at >= :since and first is null and id <> :id
  and (state in ('made', 'issued', 'redeemed', 'expired', 'revoked') or state = 'wanted' and counted = 1)

-- name: last
select max(created_at) as at from discount where contact = :contact

-- name: carts
select count(*) as carts from checkout where contact = :contact and updated_at >= :since and state <> 'emptied'

-- name: queue_for_budget
insert into code_budget (flow, looked) values (:flow, :now) on conflict (flow) do update set looked = excluded.looked

-- name: spent
-- what was promised this month and can still be used, or was; the condition on counted is the partial index's own
select count(*) as codes, coalesce(sum(cost_minor), 0) as minor from discount where flow = :flow and counted = 1 and created_at >= :since
  and id <> :id and state in ('wanted', 'made', 'issued', 'redeemed')

-- name: retry
update discount set attempts = attempts + 1, retry_at = :until, why = :why where id = :id

-- name: wait_for
update discount set pool = :pool, retry_at = :until where id = :id and state = 'wanted'

-- name: made
update discount set state = 'made', why = null where id = :id and state = 'wanted' returning id

-- name: taken
update discount set state = 'made', code = :code, canonical = :canonical, pool = :pool, why = null
where id = :id and state = 'wanted' returning id

-- name: refused
update discount set state = 'refused', why = :why where id = :id and state = 'wanted' returning id

-- name: issued
update discount set state = 'issued', issued_at = :now where id = :id and state = 'made'

-- name: release
update discount set state = 'released' where id = :id and state = 'made'
  and not exists (
    select 1 from discount o where o.contact = discount.contact and o.first = discount.id and o.state <> 'released')
returning id

-- name: back_to_pool
update pool_code set state = 'ready', discount = null where discount = :id

-- name: by_code
select * from discount where canonical = :canonical and shop = :shop and state in ('made', 'issued', 'redeemed', 'expired', 'revoked')
order by id

-- name: redeemed
update discount set state = 'redeemed', redeemed_order = :order_key, close_at = null where id = :id and redeemed_order is null returning id

-- name: leaked
update discount set leaked_order = :order_key where id = :id and leaked_order is null and redeemed_order is null returning id

-- name: unredeem
-- one that had been taken back before (it says why) is so again
update discount set
  state = case when state = 'redeemed' and redeemed_order = :order_key then case when why is null then 'issued' else 'revoked' end
    else state end,
  close_at = case when state = 'redeemed' and redeemed_order = :order_key and why is not null and first is null then 0 else close_at end,
  redeemed_order = case when redeemed_order = :order_key then null else redeemed_order end,
  leaked_order = case when leaked_order = :order_key then null else leaked_order end
where shop = :shop and id in (select id from discount where redeemed_order = :order_key
  union select id from discount where leaked_order = :order_key)

-- name: revoke
-- only what a store made for us can be taken out of it again, and not what was promised once more since
update discount set state = 'revoked', why = :why, close_at = case when first is null then cast(:now as bigint) end
where contact = :contact and (cast(:shop as text) is null or shop = :shop) and state in ('made', 'issued') and created_at <= :before
  and pool is not null and (source is null or source = 'pool')
  and not exists (select 1 from discount again where again.contact = discount.contact and again.created_at > :before
    and again.first = discount.id and again.state in ('made', 'issued'))
returning code

-- name: expire
update discount set state = 'expired', close_at = case when pool is not null and first is null then cast(:now as bigint) end
where state in ('made', 'issued') and ends < :before returning id

-- name: closing
select d.id, d.shop, d.code, p.place, p.ends, c.store_id from discount d join code_pool p on p.id = d.pool
left join pool_code c on c.discount = d.id
where d.close_at <= :now and not exists (select 1 from closed_shop s where s.shop = d.shop)
  and cast(:busy as text) not like '%<' || d.shop || '>%'
order by d.close_at limit :limit

-- name: closed
update discount set close_at = :until where id = :id
