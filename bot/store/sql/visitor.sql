-- Browsers on the shops' pages: what they looked at, and whose they are.

-- name: touch
insert into visitor (shop, key, first_at, seen_at) values (:shop, :key, :at, :at)
on conflict (shop, key) do update set seen_at = max(visitor.seen_at, excluded.seen_at)
returning id, joined_by

-- name: by_id
select id, shop, key, joined_by from visitor where id = :id

-- name: by_code
select id, shop, key, joined_by from visitor where substr(key, 1, 8) = :code order by seen_at desc limit 1

-- name: joined
update visitor set joined_by = :by where id = :id

-- name: clicked
-- whom a link of ours was sent to
select contact from sent_link where click = :click and shop = :shop and sent_at >= :since

-- name: send_link
insert into sent_link (click, shop, contact, run, sent_at) values (:click, :shop, :contact, :run, :at) on conflict do nothing

-- name: look
insert into product_view (visitor, product, title, link, image, price_minor, currency, times, first_at, last_at)
values (:visitor, :product, :title, :link, :image, :price_minor, :currency, 1, :at, :at)
on conflict (visitor, product) do update set
  title = coalesce(excluded.title, product_view.title), link = coalesce(excluded.link, product_view.link),
  image = coalesce(excluded.image, product_view.image), price_minor = coalesce(excluded.price_minor, product_view.price_minor),
  currency = coalesce(excluded.currency, product_view.currency), last_at = max(product_view.last_at, excluded.last_at),
  -- who loads a page anew within a minute looks at it once
  times = product_view.times + case when excluded.last_at >= product_view.last_at + 60000000 then 1 else 0 end
returning id, times

-- name: forget_views_beyond
delete from product_view where visitor = :visitor and id not in (
  select id from product_view where visitor = :visitor order by last_at desc, id desc limit :most)

-- name: cart
update visitor set cart = :cart, cart_minor = :minor, cart_currency = :currency, cart_link = coalesce(:link, cart_link), cart_at = :at
where id = :id and (cart_at is null or cart_at <= :at)

-- name: kept_cart
select shop, key, cart, cart_minor, cart_currency, cart_link, cart_at from visitor where id = :id and cart_at >= :since

-- name: views
-- of all browsers of a person, what they looked at most first
-- as the shop itself tells them, before what a page says
select v.*, w.shop, coalesce(p.title, s.name, v.title) as name, coalesce(p.link, v.link) as page, coalesce(p.image, v.image) as picture,
  (select max(k.in_stock) from variant k where k.product = p.id) as in_stock
from product_view v join visitor w on w.id = v.visitor join identity i on i.kind = 'visitor' and i.scope = w.shop and i.value = w.key
left join product p on p.shop = w.shop and p.key = v.product left join sold_product s on s.shop = w.shop and s.product = v.product
where i.contact = :contact and w.shop = :shop and v.last_at >= :since order by v.times desc, v.last_at desc, v.id desc

-- name: view
select v.*, w.shop, coalesce(p.title, s.name, v.title) as name, coalesce(p.link, v.link) as page, coalesce(p.image, v.image) as picture,
  (select max(k.in_stock) from variant k where k.product = p.id) as in_stock
from product_view v join visitor w on w.id = v.visitor
left join product p on p.shop = w.shop and p.key = v.product left join sold_product s on s.shop = w.shop and s.product = v.product
where v.id = :id

-- name: bought_since
select 1 from purchase p join shop_order o on o.id = p.shop_order
where p.contact = :contact and p.shop = :shop and p.product = :product and o.placed_at >= :since limit 1

-- name: has_cart
select 1 from checkout where contact = :contact and shop = :shop and state = 'open' and updated_at >= :since limit 1

-- ---- forgetting

-- name: unseen
select id, shop, key from visitor where seen_at < :before order by seen_at limit :limit

-- name: forget_views
delete from product_view where visitor = :id

-- name: forget_name
delete from identity where kind = 'visitor' and scope = :shop and value = :key

-- name: forget
delete from visitor where id = :id

-- name: forget_links
delete from sent_link where click in (select click from sent_link where sent_at < :before order by sent_at limit :limit) returning 1 as gone

-- name: forget_told
-- what browsers told is worked off, and no delivery of it is under way any more
delete from inbox where id in (
  select id from inbox where source = 'visitor' and received_at < :before and state in ('done', 'dead') order by received_at limit :limit) returning 1 as gone

-- name: forget_seen
delete from seen where key in (select key from seen where key >= :first and key < :before order by key limit :limit) returning 1 as gone
