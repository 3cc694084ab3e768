-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

-- ---- privacy

-- ---- visitors

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
create index wish_called on wish (news) where state = 'called';
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
