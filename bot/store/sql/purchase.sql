-- Who bought what when, what all people did with a product, and when each will need it again.

-- name: of_order
select product, contact, pieces, at from purchase where shop_order = :shop_order

-- name: delivered
update shop_order set delivered_at = :at where id = :id and (delivered_at is null or delivered_at > :at)

-- name: order
select o.counted, o.delivered_at, (select min(w.at) from order_word w
  where w.shop = o.shop and w.order_key = o.key and w.kind = 'delivered') as arrived_at
from shop_order o where o.id = :id

-- name: forget_order
delete from purchase where shop_order = :shop_order

-- name: insert
insert into purchase (shop_order, product, contact, shop, pieces, at) values (:shop_order, :product, :contact, :shop, :pieces, :at)

-- name: sell
insert into sold_product (shop, product, name, sku, category) values (:shop, :product, :name, :sku, :category)
on conflict (shop, product) do update set name = excluded.name, sku = excluded.sku, category = excluded.category

-- name: sold
select product, name, sku, category from sold_product where shop = :shop and product = :product

-- name: of_product
select shop_order, pieces, at from purchase where contact = :contact and shop = :shop and product = :product order by at, shop_order

-- name: of_category
select p.shop_order, p.pieces, p.at from purchase p join sold_product s on s.shop = p.shop and s.product = p.product
where p.contact = :contact and p.shop = :shop and s.category = :category order by p.at, p.shop_order

-- name: evidence
select buyers, people, gaps, half_days, early, late from product_evidence where shop = :shop and product = :product

-- name: awaited
select what, shop, shop_order, since, due, generation, asked from awaited_purchase where contact = :contact and shop = :shop and what = :what

-- name: save_awaited
insert into awaited_purchase (contact, shop, what, shop_order, since, due, generation, asked)
values (:contact, :shop, :what, :shop_order, :since, :due, :generation, :asked)
on conflict (contact, shop, what) do update set shop_order = excluded.shop_order, since = excluded.since, due = excluded.due,
  generation = excluded.generation, asked = excluded.asked

-- name: forget_awaited
delete from awaited_purchase where contact = :contact and shop = :shop and what = :what

-- name: order_days
select placed_at from shop_order where contact = :contact and counted = 1 order by placed_at

-- ---- all of a shop's at once

-- name: page
select shop, product, contact, at, shop_order from purchase
where (shop, product, contact, at, shop_order) > (:shop, :product, :contact, :at, :shop_order)
order by shop, product, contact, at, shop_order limit :limit

-- name: save_evidence
insert into product_evidence (shop, product, buyers, people, gaps, half_days, early, late, worked_out_at)
values (:shop, :product, :buyers, :people, :gaps, :half_days, :early, :late, :now)
on conflict (shop, product) do update set buyers = excluded.buyers, people = excluded.people, gaps = excluded.gaps,
  half_days = excluded.half_days, early = excluded.early, late = excluded.late, worked_out_at = excluded.worked_out_at

-- name: orders_page
select contact, placed_at, id from shop_order
where counted = 1 and (contact, placed_at, id) > (:contact, :at, :shop_order) order by contact, placed_at, id limit :limit

-- name: evidence_at
select worked_out_at from product_evidence where shop = :shop and product = :product

-- name: forget_evidence
-- what is known of orders of any kind stands under no shop
delete from product_evidence where worked_out_at < :now and shop <> ''

-- name: worked_out_at
select max(worked_out_at) as worked_out_at from product_evidence where shop <> ''

-- name: products
select e.shop, e.product, coalesce(s.name, e.product) as name, s.sku, s.category, e.buyers, e.people, e.gaps, e.half_days, e.early, e.late
from product_evidence e left join sold_product s on s.shop = e.shop and s.product = e.product
where e.shop <> '' order by e.buyers desc, e.shop, e.product

-- name: bought_by
select distinct p.shop, p.product, coalesce(s.name, p.product) as name, s.sku, s.category
from purchase p left join sold_product s on s.shop = p.shop and s.product = p.product
where p.contact = :contact order by p.shop, p.product
