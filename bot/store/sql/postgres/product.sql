-- What PostgreSQL must be told otherwise about products: others hear of them beside us.

-- name: queue
-- two that change the same products, each in an order of its own, would wait for each other for ever
select 1 as one from pg_advisory_xact_lock(1668246887)

-- name: held
select id, title, link, image, told_at from product where shop = :shop and key = :key for no key update

-- name: held_variants
select id, product, key, title, sku, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at, since from variant
where product = :product order by id for no key update

-- name: held_stock_item
select id, product, key, title, sku, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at, since from variant
where shop = :shop and stock_item = :stock_item order by id for no key update
