-- What replay reads of the served database, and what it lays into a scratch one: people as they were at a moment, and what came in since.

-- name: person
select id, created_at, first_name, language, country, timezone, orders_currency, unreachable from contact where id = :id

-- name: names
select kind, scope, value, contact, since from identity where contact = :contact

-- name: consent_before
select channel, state from consent_record where contact = :contact and effective = 1 and at < :since order by at, id

-- name: tags_before
select tag, since from tag where contact = :contact and since < :since

-- name: orders_before
select id, shop, key, contact, number, status, checkout_key, placed_at, updated_at, lines, total_minor, currency, tracking_link,
  reorder_link, codes, counted
from shop_order where contact = :contact and placed_at < :since order by placed_at, id

-- name: recorded
select id, source, kind, place, contact, body, received_at from inbox
where received_at >= :since and id > :after and state = 'done' and contact is not null
  and source in ('whatsapp', 'shop', 'desk') and contact = coalesce(:only, contact)
order by id limit :limit

-- name: add_person
insert into contact (id, created_at, first_name, language, country, timezone, consent, ads_consent, unreachable, orders_count, orders_minor,
  orders_currency, last_order_at)
values (:id, :created_at, :first_name, :language, :country, :timezone, :consent, :ads_consent, :unreachable, :orders_count, :orders_minor,
  :orders_currency, :last_order_at)

-- name: add_name
insert into identity (kind, scope, value, contact, since) values (:kind, :scope, :value, :contact, :since)

-- name: add_tag
insert into tag (contact, tag, since) values (:contact, :tag, :since)

-- name: add_order
insert into shop_order (id, shop, key, contact, number, status, checkout_key, placed_at, updated_at, lines, total_minor, currency,
  tracking_link, reorder_link, codes, counted)
values (:id, :shop, :key, :contact, :number, :status, :checkout_key, :placed_at, :updated_at, :lines, :total_minor, :currency,
  :tracking_link, :reorder_link, :codes, :counted)

-- name: outcome
select contact, run, flow, author, body, created_at, sent_at, state, why, marketing from outbox
where author = 'flow' order by contact, id

-- name: codes
select run, code from discount
