-- Stores, complete: carts and their joins, payments, refunds.

-- ---- carts

alter table checkout add column cart_key text;     -- of the cart behind it, where the shop tells two keys
alter table checkout add column click text;        -- of the recovery link the shopper came by
alter table checkout add column started_at integer not null default 0;  -- the oldest word of it
update checkout set started_at = updated_at;
create index checkout_cart on checkout (shop, cart_key) where cart_key is not null;
create index checkout_click on checkout (shop, click) where click is not null;

create table bought (                              -- by each name an order carried: a cart of that name that comes late is bought
  key blob primary key,                            -- a hash of shop, kind and name
  placed_at integer not null                       -- of the newest such order
) without rowid;
create index bought_old on bought (placed_at);

alter table shop_order add column payment text not null default 'unknown';
alter table shop_order add column payment_link text;
alter table shop_order add column reached text;    -- how far it got, were it not cancelled
alter table shop_order add column told_lines text; -- lines, total and refunds as the shop told them together; null: as they stand
alter table shop_order add column told_minor integer;
alter table shop_order add column told_refunded integer;

create table order_word (                          -- what is told of an order apart from it, perhaps before it
  shop text not null,
  order_key text not null,
  kind text not null,                              -- refund, delivered, removed
  key text not null,                               -- of a refund, the shop's
  at integer not null,
  minor integer,                                   -- what was paid back; null: the shop did not say
  lines text not null,                             -- the pieces that came back
  primary key (shop, order_key, kind, key)
) without rowid;

alter table outbox add column needs text;          -- what must still be so when it goes: cart_open, order_unpaid
alter table outbox add column needs_of integer;    -- of which checkout or order
alter table outbox add column verified_at integer; -- when the shop itself last said that it is so
create index outbox_verifying on outbox (not_before) where state = 'verifying';

create table heard (                               -- when a shop last told us anything, give or take some minutes
  shop text primary key,
  at integer not null
) without rowid;
