-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

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

-- ---- products

-- ---- attribution and purchases
