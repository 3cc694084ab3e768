-- Products as the shop last told them, and what they cost before.

-- name: queue
-- who works products off does so alone: on one writer, as ever
select 1 as one

-- name: held
-- a product that nobody else changes until the end of the transaction
select id, title, link, image, told_at from product where shop = :shop and key = :key

-- name: find
select id from product where shop = :shop and key = :key

-- name: find_variant
select id from variant where product = :product and key = :key

-- name: insert_stub
insert into variant (product, shop, key) values (:product, :shop, :key) on conflict (product, key) do nothing

-- name: insert
insert into product (shop, key) values (:shop, :key) on conflict (shop, key) do nothing

-- name: update
update product set title = :title, link = :link, image = :image, told_at = :told_at where id = :id

-- name: held_variants
select id, product, key, title, sku, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at, since from variant
where product = :product order by id

-- name: held_stock_item
select id, product, key, title, sku, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at, since from variant
where shop = :shop and stock_item = :stock_item order by id

-- name: insert_variant
insert into variant (product, shop, key, title, sku, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at, since)
values (:product, :shop, :key, :title, :sku, :price_minor, :currency, :told_at, :pieces, :in_stock, :stock_item, :stocked_at, :since)
returning id

-- name: update_variant
update variant set title = :title, sku = :sku, price_minor = :price_minor, currency = :currency, told_at = :told_at, pieces = :pieces,
  in_stock = :in_stock, stock_item = :stock_item, stocked_at = :stocked_at, since = :since
where id = :id

-- name: levels
select place, pieces, at from stock_level where shop = :shop and stock_item = :stock_item

-- name: save_level
insert into stock_level (shop, stock_item, place, pieces, at) values (:shop, :stock_item, :place, :pieces, :at)
on conflict (shop, stock_item, place) do update set pieces = excluded.pieces, at = excluded.at

-- name: cost
insert into variant_price (variant, at, price_minor, currency) values (:variant, :at, :price_minor, :currency) on conflict (variant, at) do nothing

-- name: forget_prices
-- older than what held as the window began
delete from variant_price where variant = :variant
  and at < (select max(p.at) from variant_price p where p.variant = :variant and p.at <= :since)

-- name: lowest
-- the lowest price that held between :since and :at, and since when its prices are known
select min(price_minor) as minor, (select min(f.at) from variant_price f where f.variant = :variant and f.currency = :currency) as known_since
from variant_price
where variant = :variant and currency = :currency and at < :at
  and at >= coalesce((select max(p.at) from variant_price p where p.variant = :variant and p.at <= :since), 0)

-- name: variant
select v.id, v.product, v.shop, v.key, v.title, v.sku, v.price_minor, v.currency, v.pieces, v.in_stock, v.since,
  p.key as product_key, p.title as product_title, p.link, p.image
from variant v join product p on p.id = v.product where v.id = :id

-- name: title
select title from product where id = :id

-- name: by_key
-- what somebody calls a product: its own key, that of a kind, or an SKU; the product itself first
select p.id as product, 0 as variant, p.shop from product p where p.key = :key and (:shop = '' or p.shop = :shop)
union all
select v.product, v.id, v.shop from variant v where v.key = :key and (:shop = '' or v.shop = :shop)
union all
select v.product, v.id, v.shop from variant v where v.sku = :key and (:shop = '' or v.shop = :shop)
limit 1

-- name: kinds_of_line
-- the kinds that a cart's line can mean: by the product and the kind, else by the SKU
select v.id, v.product, v.key, v.sku, v.in_stock from product p join variant v on v.product = p.id where p.shop = :shop and p.key = :product
union
select v.id, v.product, v.key, v.sku, v.in_stock from variant v where v.shop = :shop and v.sku = :sku
