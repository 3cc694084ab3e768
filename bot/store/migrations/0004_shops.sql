-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

create table shop_reading (                       -- what is read of a store by its own interface: a part of it (its orders, say) a row
  id integer primary key,
  shop text not null,
  part text not null,                             -- order, cart, shopper
  cause text not null,                            -- asked: the owner wants what was before; nightly: what webhooks missed
  since integer not null,                         -- what changed since then
  begun_at integer not null,
  state text not null default 'waiting',          -- waiting, done, refused, stopped
  cursor text,                                    -- where to go on, in the store's own words
  expected integer,                               -- how many there are, as the store says
  found integer not null default 0,               -- how many it told so far
  fresh integer not null default 0,               -- of those, what was not known word for word and was brought in
  missed integer not null default 0,              -- of those, what no webhook had told
  tries integer not null default 0,               -- in vain, since it last went on
  retry_at integer not null,
  trouble text,                                   -- what went wrong last, or what the store keeps from us
  ended_at integer
);
create unique index shop_reading_waiting on shop_reading (shop, part, cause) where state = 'waiting';
create index shop_reading_shop on shop_reading (shop, cause, begun_at);

create table read_entry (                         -- the inbox rows that a reading brought in
  reading integer not null references shop_reading (id),
  inbox integer not null,
  primary key (reading, inbox)
) without rowid;

create table missed (                             -- what changed in a store, and no webhook told
  shop text not null,
  part text not null,
  key text not null,                              -- the store's own
  at integer not null,                            -- when it changed
  name text not null,                             -- the order's number
  is_new integer not null,                        -- 1: nothing at all was known of it
  reading integer not null,
  found_at integer not null,
  primary key (shop, part, key, at)
) without rowid;
create index missed_found on missed (found_at);

create table wanted_resource (                    -- what changed, says a webhook, and not how: to be fetched
  shop text not null,
  address text not null,                          -- what to ask the store's interface for
  resource text not null,
  key text not null,
  topic text not null,
  at integer not null,
  times integer not null default 1,               -- how often it was wanted: what is fetched meanwhile may be older than the last time
  tries integer not null default 0,
  retry_at integer not null,
  trouble text,
  primary key (shop, address)
) without rowid;
create index wanted_resource_due on wanted_resource (retry_at);

-- ---- privacy

create index contact_merged on contact (merged_into) where merged_into is not null;

create table privacy_ask (                        -- what the law let somebody ask, and the receipt of what was done
  id integer primary key,
  what text not null,                             -- data, erase_shopper, erase_shop, uninstalled
  shop text not null,                             -- empty: asked by the owner's hand, of every shop
  key text not null,                              -- the shop's own key of the ask, else a keyed hash of whom it is about
  way text not null,                              -- the kind of delivery it came by; owner, restore
  delivery integer,                               -- the newest inbox row that asked it
  asked_at integer not null,
  received_at integer not null,
  due_at integer not null,
  state text not null default 'open',             -- open, done
  done_at integer,
  people integer not null default 0,
  counts text not null default '{}',              -- rows that were erased or written out, by table
  about text,                                     -- JSON: whom it names, and what is still to go; null once it is done
  file text,                                      -- the copy that was written, while it is there
  retry_at integer not null,
  attempts integer not null default 0,
  why text,                                       -- why it is not done yet, a sentence for the owner
  unique (what, shop, key)
);
create index privacy_ask_open on privacy_ask (retry_at) where state = 'open';

create table privacy_person (                     -- whom an ask is about
  contact integer not null references contact (id),
  ask integer not null references privacy_ask (id),
  erases text,                                    -- of which shop all goes, empty: of every one; null: a copy is written
  primary key (contact, ask)
) without rowid;
create index privacy_person_ask on privacy_person (ask);

create table erased_name (                        -- keyed hashes of names that were erased: who said stop under one stays stopped
  mark text primary key,
  at integer not null,                            -- what a shop told of them before is no news
  whatsapp_stopped_at integer,
  whatsapp_method text,
  ads_stopped_at integer,
  ads_method text
) without rowid;

create table closed_shop (                        -- shops that took us out: nothing is sent in their name
  shop text primary key,
  since integer not null
) without rowid;

-- ---- visitors

-- A browser on a shop's pages. Whose it is says its name among the identities (kind `visitor`), once that is known.
create table visitor (
  id integer primary key,
  shop text not null,
  key text not null,                              -- random, made up by the browser; its first letters are the code it can be named by
  joined_by text,                                 -- link, message or order: how it became known whose it is; null: it is not
  first_at integer not null,
  seen_at integer not null,
  cart text,                                      -- what it last said to have in its cart (lines as JSON), and when; null: nothing yet
  cart_minor integer,
  cart_currency text,
  cart_link text,
  cart_at integer,
  unique (shop, key)
);
create index visitor_code on visitor (substr(key, 1, 8));
create index visitor_seen on visitor (seen_at);

create table product_view (                       -- a product that a visitor looked at; the last of them, so many a visitor
  id integer primary key,
  visitor integer not null references visitor (id),
  product text not null,                          -- the shop's key
  title text,
  link text,
  image text,
  price_minor integer,
  currency text,
  times integer not null,
  first_at integer not null,
  last_at integer not null,
  unique (visitor, product)
);

create table sent_link (                          -- a link to the shop in a message of ours: who comes by it brings `click`
  click text primary key,                         -- random; says nothing to anybody else
  shop text not null,
  contact integer not null references contact (id),
  run integer,
  sent_at integer not null
) without rowid;
create index sent_link_contact on sent_link (contact);
create index sent_link_at on sent_link (sent_at);

create index inbox_visitor on inbox (received_at) where source = 'visitor';  -- they are many, and not kept for long

-- ---- products

create table product (                            -- as the shop last told it; a stub where somebody wants what was not told yet
  id integer primary key,
  shop text not null,
  key text not null,
  title text,
  link text,
  image text,
  told_at integer not null default 0,             -- of which moment that is
  unique (shop, key)
);

create table variant (                            -- a kind of a product; one without kinds is its own
  id integer primary key,
  product integer not null references product (id),
  shop text not null,
  key text not null,
  title text,
  sku text,
  price_minor integer,
  currency text,
  told_at integer not null default 0,             -- of which moment what stands above is
  pieces integer,                                 -- null: nobody counts them
  in_stock integer,                               -- 1, 0: whether it can be bought; null: never told
  stock_item text,                                -- its key in the inventory
  stocked_at integer not null default 0,          -- of which moment the stock is
  since integer,                                  -- since when in_stock is what it is
  unique (product, key)
);
create index variant_key on variant (shop, key);
create index variant_sku on variant (shop, sku) where sku is not null;
create index variant_stock_item on variant (shop, stock_item) where stock_item is not null;

create table stock_level (                        -- how many pieces of a stock item lie where
  shop text not null,
  stock_item text not null,
  place text not null,
  pieces integer not null,
  at integer not null,
  primary key (shop, stock_item, place)
) without rowid;

create table variant_price (                      -- from when on it cost what: the last thirty days, and what held as they began
  variant integer not null references variant (id),
  at integer not null,
  price_minor integer not null,
  currency text not null,
  primary key (variant, at)
) without rowid;

create table wish (                               -- who wants to hear of a product
  id integer primary key,
  contact integer not null references contact (id),
  product integer not null references product (id),
  variant integer not null default 0,             -- 0: any kind of it
  what text not null,                             -- back_in_stock, price_dropped
  source text not null,                           -- chat, form, cart
  state text not null default 'waiting',          -- waiting, called (their turn has come), told
  joined_at integer not null,
  expires_at integer not null,
  news integer,                                   -- of what they were called for, or told
  told_at integer,
  unique (contact, product, variant, what)
);
create index wish_waiting on wish (product, what, joined_at, id) where state = 'waiting';
create index wish_called on wish (news, contact) where state = 'called';
create index wish_expires on wish (expires_at);

create table product_news (                       -- something happened to a variant that people want to hear of
  id integer primary key,
  variant integer not null references variant (id),
  what text not null,                             -- back_in_stock, price_dropped
  at integer not null,
  price_minor integer,                            -- what it costs since
  currency text,
  was_minor integer,                              -- the lowest price of the thirty days before, where it is known for so long
  looked integer,                                     -- open carts up to this one were looked at; null: none are to be looked at any more
  places integer,                                 -- how many more may be told before the pause; null: to be reckoned
  over integer not null default 0                 -- 1: nobody more is told
);
create unique index product_news_live on product_news (variant, what) where over = 0;

create index checkout_open on checkout (shop, id) where state = 'open';
create index outbox_of_news on outbox (needs_of) where needs in ('in_stock', 'price_low') and state in ('queued', 'verifying', 'sending');

-- ---- attribution and purchases

alter table shop_order add column click text;          -- of the recovery link the buyer came by
alter table shop_order add column returned integer not null default 0;  -- 1: something of it was given or paid back
update shop_order set returned = 1
where coalesce(told_refunded, 0) > 0 or payment in ('partly_refunded', 'refunded') or exists (
  select 1 from order_word w where w.shop = shop_order.shop and w.order_key = shop_order.key and w.kind = 'refund');

alter table outbox add column delivered_at integer;    -- when it was in the customer's hands: the earliest time a status told
alter table run add column goal_order integer;         -- the order that was its goal

create table credit (                              -- the one flow that brought an order about, as far as that can be told
  shop_order integer primary key references shop_order (id),
  contact integer not null references contact (id),
  shop text not null,
  placed_at integer not null,
  kind text not null,                             -- code, click, view_through
  flow text not null,
  run integer references run (id),
  message integer references outbox (id),         -- the last message of the run before the order; null: none went
  minor integer not null,                         -- what is left of the order; 0, where it does not count any more
  back_minor integer not null,                    -- what was given or paid back of it
  currency text not null
);
create index credit_placed on credit (placed_at);
create index credit_contact on credit (contact);
