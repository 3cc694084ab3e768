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

-- ---- codes

create table discount_new (                       -- as before, but one code may be promised to one person twice
  id integer primary key,
  run integer not null references run (id),
  generation integer not null,
  contact integer not null references contact (id),
  shop text not null,
  code text not null,
  percent text,
  amount_minor integer,
  currency text,
  ends integer not null,
  state text not null default 'wanted',           -- wanted, made, issued, redeemed, expired, revoked, released, refused, held
  why text,
  attempts integer not null default 0,
  retry_at integer not null,
  created_at integer not null,
  flow text not null default '',
  canonical text not null default '',             -- the code as orders are compared with it: upper case, trimmed
  source text,                                    -- null: made for this person; pool, static, or the name of a file
  counted integer not null default 0,             -- 1: it counts against the budget of its flow and the cap of its person
  cost_minor integer,                               -- what it is thought to cost, in the store's currency
  terms text not null default '{}',
  first integer,                                    -- the grant whose code this is once more; null: a code of its own
  pool integer,
  issued_at integer,
  redeemed_order text,                            -- the order's key in its shop
  leaked_order text,                              -- somebody else's order
  close_at integer,                                 -- when to take it out of the store; null: nothing to take out
  unique (run, generation)
);
insert into discount_new (id, run, generation, contact, shop, code, percent, amount_minor, currency, ends, state, why, attempts, retry_at,
    created_at, canonical)
  select id, run, generation, contact, shop, code, percent, amount_minor, currency, ends, state, why, attempts, retry_at, created_at, upper(code)
  from discount;
drop table discount;
alter table discount_new rename to discount;
create index discount_wanted on discount (retry_at) where state = 'wanted';
create index discount_live on discount (contact, created_at);
create index discount_canonical on discount (canonical);
create index discount_flow on discount (flow, created_at) where counted = 1;
create index discount_ending on discount (ends) where state in ('made', 'issued');
create index discount_closing on discount (close_at) where close_at is not null;
create index discount_redeemed on discount (redeemed_order) where redeemed_order is not null;
create index discount_leaked on discount (leaked_order) where leaked_order is not null;

create table code_pool (                          -- codes that exist in a store before they are promised
  id integer primary key,
  shop text not null,                             -- empty for a file of the owner's: its codes are nobody's but the file's
  source text not null,                           -- pool, or the name of the file
  flow text not null,
  worth text not null,                            -- '5%', '10.00 EUR'
  percent text,
  amount_minor integer,
  currency text,
  until integer not null,                           -- until when codes are taken from it, and more are made
  ends integer not null,                            -- of every code in it, in the store
  code text not null,                             -- of the parent discount, decided before the store hears of it
  place text,                                     -- the store's id of the parent discount; null: not made yet
  asked integer not null default 0,               -- 1: the store was asked for the parent, perhaps without an answer
  bulk text,                                      -- the store's id of what it is working on
  retry_at integer not null,
  attempts integer not null default 0,
  why text,                                       -- the last failure, a sentence for the owner
  unique (shop, source, flow, worth, ends)
);
create index code_pool_due on code_pool (retry_at);

create table pool_code (
  id integer primary key,
  pool integer not null references code_pool (id),
  shop text not null,
  code text not null,
  state text not null,                            -- planned, asked, ready, taken, lost
  store_id text,                                  -- the store's own id of it
  discount integer,                                 -- who got it
  unique (shop, code)
);
create index pool_code_state on pool_code (pool, state, id);
create unique index pool_code_discount on pool_code (discount) where discount is not null;

create table code_budget (                        -- a row to queue at: two that spend the last of a budget do it one after the other
  flow text primary key,
  looked integer not null
) without rowid;

-- ---- reorder

alter table shop_order add column delivered_at integer;  -- when it was first told to have arrived

create table purchase (                           -- a product of an order that counts, as far as it was not given back
  shop_order integer not null references shop_order (id),
  product text not null,                          -- the shop's key; where it has none, its SKU, else its name
  contact integer not null references contact (id),
  shop text not null,
  pieces integer not null,
  at integer not null,                            -- delivered, where that is known, else ordered
  primary key (shop_order, product)
) without rowid;
create index purchase_product on purchase (shop, product, contact, at);
create index purchase_contact on purchase (contact, shop, product);

create table sold_product (                       -- what orders called it last
  shop text not null,
  product text not null,
  name text not null,
  sku text,
  category text,
  primary key (shop, product)
) without rowid;

create table product_evidence (                   -- what all people did with a product, worked out each night
  shop text not null,
  product text not null,
  buyers integer not null,
  people integer not null,                        -- of them who came back
  gaps integer not null,
  half_days integer,                              -- days between two purchases in the middle, doubled: a median may end in a half
  early integer,                                  -- days after which a quarter had come back
  late integer,                                   -- and three quarters
  worked_out_at integer not null,
  primary key (shop, product)
) without rowid;

create table awaited_purchase (                   -- when somebody will need something again
  contact integer not null references contact (id),
  shop text not null,
  what text not null,                             -- reorder:<category>, or reorder_product:<product>: the kind of its timer
  shop_order integer not null references shop_order (id),  -- the last purchase of it
  since integer not null,                         -- when that was, as of its purchase
  due integer not null,
  generation integer not null,                    -- a timer with another one is stale
  asked integer not null default 0,               -- 1: they were asked in this cycle
  primary key (contact, shop, what)
) without rowid;
create index awaited_purchase_order on awaited_purchase (shop_order);

insert into purchase (shop_order, product, contact, shop, pieces, at)
select id, product, contact, shop, sum(pieces), placed_at from (
  select o.id, o.contact, o.shop, o.placed_at, coalesce(json_extract(l.value, '$[4]'), json_extract(l.value, '$[0]')) as product,
    json_extract(l.value, '$[1]') as pieces
  from shop_order o, json_each(o.lines) l where o.status <> 'cancelled') p
where pieces > 0 group by id, product;
insert into sold_product (shop, product, name, category)
select shop, product, name, category from (
  select o.shop, coalesce(json_extract(l.value, '$[4]'), json_extract(l.value, '$[0]')) as product, json_extract(l.value, '$[0]') as name,
    json_extract(l.value, '$[5]') as category from shop_order o, json_each(o.lines) l where o.status <> 'cancelled' order by o.placed_at) p
where true on conflict (shop, product) do update set name = excluded.name, category = excluded.category;
