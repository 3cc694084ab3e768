-- Stores, complete: carts and their joins, payments, refunds.

-- ---- carts

alter table checkout add column cart_key text;     -- of the cart behind it, where the shop tells two keys
alter table checkout add column click text;        -- of the recovery link the shopper came by
alter table checkout add column started_at bigint not null default 0;  -- the oldest word of it
update checkout set started_at = updated_at;
create index checkout_cart on checkout (shop, cart_key) where cart_key is not null;
create index checkout_click on checkout (shop, click) where click is not null;

create table bought (                              -- by each name an order carried: a cart of that name that comes late is bought
  key bytea primary key,                           -- a hash of shop, kind and name
  placed_at bigint not null                       -- of the newest such order
);
create index bought_old on bought (placed_at);

alter table shop_order add column payment text not null default 'unknown';
alter table shop_order add column payment_link text;
alter table shop_order add column reached text;    -- how far it got, were it not cancelled
alter table shop_order add column told_lines text; -- lines, total and refunds as the shop told them together; null: as they stand
alter table shop_order add column told_minor bigint;
alter table shop_order add column told_refunded bigint;

create table order_word (                          -- what is told of an order apart from it, perhaps before it
  shop text not null,
  order_key text not null,
  kind text not null,                              -- refund, delivered, removed
  key text not null,                               -- of a refund, the shop's
  at bigint not null,
  minor bigint,                                   -- what was paid back; null: the shop did not say
  lines text not null,                             -- the pieces that came back
  primary key (shop, order_key, kind, key)
);

alter table outbox add column needs text;          -- what must still be so when it goes: cart_open, order_unpaid
alter table outbox add column needs_of bigint;    -- of which checkout or order
alter table outbox add column verified_at bigint; -- when the shop itself last said that it is so
create index outbox_verifying on outbox (not_before) where state = 'verifying';

create table heard (                               -- when a shop last told us anything, give or take some minutes
  shop text primary key,
  at bigint not null
);

-- ---- reorder

alter table shop_order add column delivered_at bigint;  -- when it was first told to have arrived

create table purchase (                           -- a product of an order that counts, as far as it was not given back
  shop_order bigint not null references shop_order (id),
  product text not null,                          -- the shop's key; where it has none, its SKU, else its name
  contact bigint not null references contact (id),
  shop text not null,
  pieces bigint not null,
  at bigint not null,                            -- delivered, where that is known, else ordered
  primary key (shop_order, product)
);
create index purchase_product on purchase (shop, product, contact, at);
create index purchase_contact on purchase (contact, shop, product);

create table sold_product (                       -- what orders called it last
  shop text not null,
  product text not null,
  name text not null,
  sku text,
  category text,
  primary key (shop, product)
);

create table product_evidence (                   -- what all people did with a product, worked out each night
  shop text not null,
  product text not null,
  buyers bigint not null,
  people bigint not null,                        -- of them who came back
  gaps bigint not null,
  half_days bigint,                              -- days between two purchases in the middle, doubled: a median may end in a half
  early bigint,                                  -- days after which a quarter had come back
  late bigint,                                   -- and three quarters
  worked_out_at bigint not null,
  primary key (shop, product)
);

create table awaited_purchase (                   -- when somebody will need something again
  contact bigint not null references contact (id),
  shop text not null,
  what text not null,                             -- reorder:<category>, or reorder_product:<product>: the kind of its timer
  shop_order bigint not null references shop_order (id),  -- the last purchase of it
  since bigint not null,                         -- when that was, as of its purchase
  due bigint not null,
  generation bigint not null,                    -- a timer with another one is stale
  asked bigint not null default 0,               -- 1: they were asked in this cycle
  primary key (contact, shop, what)
);
create index awaited_purchase_order on awaited_purchase (shop_order);

insert into purchase (shop_order, product, contact, shop, pieces, at)
select o.id, coalesce(l ->> 4, l ->> 0), o.contact, o.shop, sum((l ->> 1)::bigint), o.placed_at
from shop_order o, json_array_elements(o.lines::json) l where o.status <> 'cancelled' and (l ->> 1)::bigint > 0
group by o.id, coalesce(l ->> 4, l ->> 0);
insert into sold_product (shop, product, name, category)
select distinct on (o.shop, coalesce(l ->> 4, l ->> 0)) o.shop, coalesce(l ->> 4, l ->> 0), l ->> 0, l ->> 5
from shop_order o, json_array_elements(o.lines::json) l where o.status <> 'cancelled'
order by o.shop, coalesce(l ->> 4, l ->> 0), o.placed_at desc;
