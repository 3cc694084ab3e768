-- The shop's mirror: carts and orders as the shop last told them.

-- name: checkout
select * from checkout where shop = :shop and key = :key

-- name: checkout_by_id
select * from checkout where id = :id

-- name: insert_checkout
insert into checkout (shop, key, contact, state, updated_at, generation, lines, total_minor, currency, link)
values (:shop, :key, :contact, :state, :at, 1, :lines, :total_minor, :currency, :link) returning id, generation

-- name: update_checkout
update checkout set contact = :contact, state = :state, updated_at = :at, generation = generation + 1, lines = :lines,
  total_minor = :total_minor, currency = :currency, link = coalesce(:link, link)
where id = :id returning id, generation

-- name: close_ordered
update checkout set state = 'ordered', generation = generation + 1
where contact = :contact and state = 'open' and exists (
  select 1 from shop_order o where o.contact = checkout.contact and o.shop = checkout.shop and o.placed_at >= checkout.updated_at - :late)

-- name: close_carts
update checkout set state = 'ordered', generation = generation + 1
where contact = :contact and shop = :shop and state = 'open' and updated_at <= :placed_at

-- name: supersede_older
update checkout set state = 'superseded', generation = generation + 1
where contact = :contact and state = 'open' and exists (
  select 1 from checkout n where n.contact = checkout.contact and n.shop = checkout.shop and n.state = 'open'
  and (n.updated_at, n.id) > (checkout.updated_at, checkout.id))

-- name: close_checkout
update checkout set state = 'ordered', generation = generation + 1 where shop = :shop and key = :key and state <> 'ordered'

-- name: order_of_checkout
select 1 from shop_order where shop = :shop and checkout_key = :key limit 1

-- name: order
select * from shop_order where shop = :shop and key = :key

-- name: order_by_id
select * from shop_order where id = :id

-- name: last_order
select * from shop_order where contact = :contact and status <> 'cancelled' order by placed_at desc, id desc limit 1

-- name: orders_after
select lines from shop_order where contact = :contact and status <> 'cancelled' and placed_at > :after

-- name: insert_order
insert into shop_order (shop, key, contact, number, status, checkout_key, placed_at, updated_at, lines, total_minor, currency,
  tracking_link, reorder_link, codes, counted)
values (:shop, :key, :contact, :number, :status, :checkout_key, :placed_at, :updated_at, :lines, :total_minor, :currency,
  :tracking_link, :reorder_link, :codes, :counted) returning id

-- name: update_order
update shop_order set contact = :contact, number = :number, status = :status, checkout_key = coalesce(:checkout_key, checkout_key),
  updated_at = :updated_at, lines = :lines, total_minor = :total_minor, currency = :currency,
  tracking_link = coalesce(:tracking_link, tracking_link), reorder_link = coalesce(:reorder_link, reorder_link),
  codes = :codes, counted = :counted
where id = :id
