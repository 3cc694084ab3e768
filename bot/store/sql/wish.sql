-- Who wants to hear of a product, and what they are told of.

-- name: join
-- who is on the list keeps their place; who was told joins anew
insert into wish (contact, product, variant, what, source, joined_at, expires_at)
values (:contact, :product, :variant, :what, :source, :joined_at, :expires_at)
on conflict (contact, product, variant, what) do update set
  expires_at = max(wish.expires_at, excluded.expires_at),
  source = case when wish.state = 'told' then excluded.source else wish.source end,
  joined_at = case when wish.state = 'told' then excluded.joined_at else wish.joined_at end,
  state = case when wish.state = 'told' then 'waiting' else wish.state end

-- name: is_waiting
select 1 from wish where contact = :contact and product = :product and variant = :variant and what = :what and state <> 'told'

-- name: forget_contact
delete from wish where contact = :contact

-- name: forget_product
delete from wish where contact = :contact and product = :product and told_at is null

-- name: rest
-- who was told of it before waits no more; that they were told is kept
update wish set state = 'told' where contact = :contact and product = :product

-- name: forget_expired
delete from wish where expires_at <= :now and state <> 'called'

-- ---- news

-- name: begin_news
insert into product_news (variant, what, at, price_minor, currency, was_minor, looked)
values (:variant, :what, :at, :price_minor, :currency, :was_minor, :looked)
on conflict (variant, what) where over = 0 do update set at = excluded.at, price_minor = excluded.price_minor, currency = excluded.currency,
  was_minor = excluded.was_minor, looked = excluded.looked, places = null
returning id

-- name: end_news
update product_news set over = 1 where variant = :variant and what = :what and over = 0

-- name: end_dearer
-- what was told to cost less than it costs now
update product_news set over = 1 where variant = :variant and what = 'price_dropped' and over = 0
  and (price_minor < :price_minor or currency <> :currency)

-- name: end_one
update product_news set over = 1 where id = :id

-- name: news
select id, variant, what, at, price_minor, currency, was_minor, looked, places, over from product_news where id = :id

-- name: held_news
select id, variant, what, at, price_minor, currency, was_minor, looked, places, over from product_news where id = :id

-- name: save_news
update product_news set looked = :looked, places = :places where id = :id

-- name: open_carts
select id, contact, lines, updated_at from checkout where shop = :shop and state = 'open' and id > :after order by id limit :limit

-- name: waiting
-- by the time they joined; who was told of the product not long ago is left alone. Who waits for it and for one kind of it is there twice.
select w.contact from wish w
where w.product = :product and w.what = :what and w.state = 'waiting' and w.variant in (0, :variant) and w.expires_at > :now
  and not exists (select 1 from wish t where t.contact = w.contact and t.product = w.product and t.what = w.what and t.told_at > :since)
order by w.joined_at, w.id limit :limit

-- name: call
update wish set state = 'called', news = :news where contact = :contact and product = :product and what = :what and variant in (0, :variant)
  and state = 'waiting'

-- name: called
select id from wish where contact = :contact and news = :news and state = 'called'

-- name: told
update wish set state = 'told', told_at = :now where contact = :contact and news = :news and state = 'called'

-- name: wait_again
-- it was not told them after all: they keep the place they had
update wish set state = 'waiting', told_at = case when :untold = 1 then null else told_at end
where contact = :contact and news = :news and state in ('called', 'told')

-- name: on_their_way
-- how many were called and may not have heard yet
select (select count(*) from wish w where w.news = :news and w.state = 'called')
  + (select count(*) from outbox o where o.needs_of = :news and o.needs in ('in_stock', 'price_low') and o.state in ('queued', 'verifying', 'sending'))
  as people

-- name: also_of_price
-- who waits until it is back wants to hear that it costs less, too
insert into wish (contact, product, variant, what, source, joined_at, expires_at)
select w.contact, w.product, w.variant, 'price_dropped', w.source, w.joined_at, w.expires_at from wish w
where w.product = :product and w.what = 'back_in_stock' and w.state = 'waiting' and w.variant in (0, :variant) and w.expires_at > :now
  and not exists (select 1 from wish t where t.contact = w.contact and t.product = w.product and t.what = 'price_dropped'
    and (t.state <> 'told' or t.told_at > :since))
order by w.joined_at, w.id limit :limit
on conflict (contact, product, variant, what) do update set state = 'waiting' where wish.state = 'told'
