-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

-- ---- privacy

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

-- ---- attribution and purchases
