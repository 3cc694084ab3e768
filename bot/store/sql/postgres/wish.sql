-- What PostgreSQL must be told otherwise about wishes.

-- name: held_news
select id, variant, what, at, price_minor, currency, was_minor, looked, places, over from product_news where id = :id for no key update
