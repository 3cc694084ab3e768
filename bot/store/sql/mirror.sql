-- The shop's mirror: carts and orders as the shop last told them.

-- name: checkout
select * from checkout where shop = :shop and key = :key

-- name: checkout_by_id
select * from checkout where id = :id

-- name: insert_checkout
insert into checkout (shop, key, contact, state, updated_at, started_at, generation, lines, total_minor, currency, link, cart_key, click)
values (:shop, :key, :contact, :state, :at, :started_at, 1, :lines, :total_minor, :currency, :link, :cart_key, :click)
returning id, generation

-- name: update_checkout
update checkout set contact = :contact, state = :state, updated_at = :at, started_at = :started_at, generation = generation + 1,
  lines = :lines, total_minor = :total_minor, currency = :currency, link = coalesce(:link, link),
  cart_key = coalesce(:cart_key, cart_key), click = coalesce(:click, click)
where id = :id returning id, generation

-- name: known_cart
select max(c.updated_at) as at from (
  select updated_at from checkout where shop = :shop and key = :key
  union all
  select updated_at from checkout where shop = :shop and key = :cart
  union all
  select updated_at from checkout where shop = :shop and cart_key = :cart) as c

-- name: began
update checkout set started_at = :started_at where id = :id

-- name: checkout_behind
-- the checkout a cart went on in
select 1 from checkout where shop = :shop and cart_key = :cart and key <> :cart limit 1

-- name: supersede
update checkout set state = 'superseded', generation = generation + 1 where shop = :shop and key = :key and state = 'open'

-- name: open_cart
select 1 from checkout where contact = :contact and state = 'open' and shop = :shop and updated_at >= :since limit 1

-- name: close_ordered
update checkout set state = 'ordered', generation = generation + 1
where contact = :contact and state = 'open' and exists (
  select 1 from shop_order o where o.contact = checkout.contact and o.shop = checkout.shop and o.placed_at >= checkout.started_at - :late)

-- name: close_carts
update checkout set state = 'ordered', generation = generation + 1
where contact = :contact and shop = :shop and state = 'open' and started_at <= :placed_at

-- name: supersede_older
update checkout set state = 'superseded', generation = generation + 1
where contact = :contact and state = 'open' and exists (
  select 1 from checkout n where n.contact = checkout.contact and n.shop = checkout.shop and n.state = 'open'
  and (n.updated_at, n.id) > (checkout.updated_at, checkout.id))

-- name: close_checkout
update checkout set state = 'ordered', generation = generation + 1 where shop = :shop and key = :key and state <> 'ordered'

-- name: close_cart
update checkout set state = 'ordered', generation = generation + 1 where shop = :shop and cart_key = :cart and state <> 'ordered'

-- name: close_click
update checkout set state = 'ordered', generation = generation + 1 where shop = :shop and click = :click and state <> 'ordered'

-- name: bought_at
select max(b.placed_at) as at from (
  select placed_at from bought where key in (:checkout, :cart, :click)
  union all
  select placed_at from bought where key in (:customer, :phone, :email) and placed_at >= :since
  union all
  select placed_at from shop_order where shop = :shop and checkout_key = :key) as b

-- name: bury_names
insert into bought (key, placed_at) values (:key, :placed_at)
on conflict (key) do update set placed_at = max(bought.placed_at, excluded.placed_at)

-- name: forget_bought
delete from bought where placed_at < :before

-- name: last_heard
select shop, at from heard

-- name: is_heard
select 1 from heard where shop = :shop and at >= :since

-- name: hear
insert into heard (shop, at) values (:shop, :at) on conflict (shop) do update set at = max(heard.at, excluded.at)

-- name: order
select * from shop_order where shop = :shop and key = :key

-- name: order_by_id
select * from shop_order where id = :id

-- name: last_order
select * from shop_order where contact = :contact and counted = 1 order by placed_at desc, id desc limit 1

-- name: nth
select (select count(*) from shop_order p where p.contact = o.contact and p.counted = 1
  and (p.placed_at, p.id) <= (o.placed_at, o.id)) as nth
from shop_order o where o.id = :id and o.counted = 1

-- name: insert_order
insert into shop_order (shop, key, contact, number, status, reached, checkout_key, placed_at, updated_at, lines, total_minor, currency,
  tracking_link, reorder_link, codes, counted, payment, payment_link, told_lines, told_minor, told_refunded, click, returned)
values (:shop, :key, :contact, :number, :status, :reached, :checkout_key, :placed_at, :updated_at, :lines, :total_minor, :currency,
  :tracking_link, :reorder_link, :codes, :counted, :payment, :payment_link, :told_lines, :told_minor, :told_refunded,
  :click, :returned) returning id

-- name: update_order
update shop_order set contact = :contact, number = :number, status = :status, reached = :reached, checkout_key = :checkout_key,
  placed_at = :placed_at, updated_at = :updated_at, lines = :lines, total_minor = :total_minor, currency = :currency,
  tracking_link = :tracking_link, reorder_link = :reorder_link, codes = :codes, counted = :counted, payment = :payment,
  payment_link = :payment_link, told_lines = :told_lines, told_minor = :told_minor, told_refunded = :told_refunded,
  click = :click, returned = :returned
where id = :id

-- name: add_word
insert into order_word (shop, order_key, kind, key, at, minor, lines) values (:shop, :order_key, :kind, :key, :at, :minor, :lines)
on conflict do nothing

-- name: order_words
select kind, at, minor, lines from order_word where shop = :shop and order_key = :order_key
