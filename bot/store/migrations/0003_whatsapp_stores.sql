-- WhatsApp, complete: what customers send besides words, what Meta's limits are at, what messages cost, files. And stores, complete.

-- ---- conversations and people

alter table conversation add column free_until integer;  -- the 72 hours after a click on an ad, in which nothing costs anything
alter table conversation add column referred_at integer;  -- when they last wrote by way of an ad: a first answer within a day opens those hours

alter table message add column about text;        -- what it holds besides words, told for staff: an order's lines, a place, a form
alter table message add column edited_at integer;
alter table message add column revoked_at integer;     -- the customer deleted it: its words are gone
alter table message add column quotes text;       -- the message it answers, by the platform's id

create table reaction (                           -- the emoji a customer put to a message, theirs or ours
  contact integer not null references contact (id),
  provider_id text not null,                      -- of the message, the platform's
  emoji text not null,
  at integer not null,
  primary key (contact, provider_id)
) without rowid;

create table referral (                           -- the ad or post that brought somebody to us, once a click
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  at integer not null,
  click text,                                     -- Cloud API: ctwa_clid; ads in a status have none
  source_type text,
  source_id text,
  source_url text,
  headline text,
  body text
);
create unique index referral_click on referral (click) where click is not null;
create index referral_contact on referral (contact, at);

create index audit_alarm on audit (at) where about = 'alarm';  -- what the owner must look at, says Meta

-- Numbers that are written in two ways lead to one person by one of them (bot/store/line.py): with the 9 in Brazil, without the 1 in Mexico.
insert into identity (kind, scope, value, contact, since)
select 'line', '', case when value glob '+55[1-9][0-9]9[6-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' then value
                        when value glob '+55*' then substr(value, 1, 5) || '9' || substr(value, 6)
                        when value glob '+521*' then '+52' || substr(value, 5) else value end, contact, since
from identity where kind = 'phone' and (
  value glob '+55[1-9][0-9]9[6-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' or value glob '+55[1-9][0-9][6-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
  or value glob '+521[2-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' or value glob '+52[2-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]')
order by since on conflict do nothing;

-- ---- pacing

create table sending_number (                     -- a number of ours: what Meta says of it, and how fast it goes
  number text primary key,
  phone text,                                     -- the digits it is displayed with: some webhooks give it no other name
  per_second integer,                             -- messages a second, in and out together; null: nobody told
  with_app integer not null default 0,            -- 1: staff use the phone app on it, too
  quality text,                                   -- GREEN, YELLOW, RED, UNKNOWN
  told_at integer,
  -- by the clock of the machine that keeps the database, not by the house's
  next_at integer not null default 0,             -- when the next message that can wait may start
  answer_at integer not null default 0,           -- the same for answers, which overtake those that can wait
  share integer not null default 1000,            -- thousandths of its rate that it kept when it was last told to slow down
  slowed_at integer not null default 0
) without rowid;

create table portfolio (                          -- one row: how many people a day all our numbers together may write to first
  id integer primary key,
  people integer,                                 -- null: nobody told
  told_at integer,
  own_people integer,                             -- what the owner set, which goes before what was told
  own_per_second integer,                         -- the same for each of our numbers
  reached integer not null default 0,             -- rows in `reached`
  allotted integer not null default 0             -- whoever waits was given a time up to this one
);

create table reached (                            -- whom we wrote to first, in the last 24 hours
  contact integer primary key,
  message integer not null,                       -- the outbox row that counted them
  at integer not null
);
create index reached_at on reached (at);
create index outbox_for_tomorrow on outbox (not_before) where state = 'queued' and why = 'daily_limit';  -- too many for a day

create table pair (                               -- the limit of messages from one number to one person, as a debt that time pays off
  contact integer not null,
  number text not null,
  free_at integer not null,                       -- when it is paid off
  primary key (contact, number)
) without rowid;

-- ---- prices

create table charge (                             -- what Meta counts a message as, once however many statuses tell it
  message integer primary key,                     -- in outbox
  run integer,
  flow text,
  number text not null,
  country text not null,                          -- of the person's number, ISO 3166; '' where nobody knows
  category text not null,                         -- marketing, utility, service ... in Meta's words, also those nobody knows yet
  type text not null,                             -- regular, free_entry_point ...
  day text not null,                              -- of the status, by the store's clock: 2026-11-22
  at integer not null,
  micros integer,                                  -- what it costs, in millionths of the currency; null: its price is not in store.yaml
  currency text
);
create index charge_day on charge (day);

-- ---- failures

alter table outbox add column code integer;        -- the platform's error code, where the last try failed with one
alter table outbox add column counts integer not null default 0;  -- 1: it did not arrive, and counts in the marketing limits all the same

alter table number_state add column awaits text;     -- what ends a stop: owner, token (one that works)
alter table number_state add column stopped_until integer;  -- when a stop ends by itself

alter table template add column stopped text;     -- why nothing of it goes, whatever Meta says of it
alter table template add column ask integer not null default 0;  -- 1: Meta is to be asked how it stands

create table closed_country (                     -- where a number may not write to (Cloud API: error 130497)
  number text not null,
  country text not null,
  since integer not null,
  primary key (number, country)
) without rowid;

-- ---- files

create table file (                               -- a file on the shelf (bot/store/shelf.py), once however many messages show it
  sha256 text primary key,                        -- of its bytes, hexadecimal: its name there
  size integer not null,                          -- bytes
  mime text not null,                             -- what its bytes say it is
  used_at integer not null,                       -- when a message last showed it: it is kept so long from then
  owned integer not null default 0,               -- 1: the owner's own, which flows name; it is kept while they do
  deleted_at integer
) without rowid;
create index file_kept on file (used_at) where deleted_at is null and owned = 0;

create table attachment (                         -- a file that came with a message
  id integer primary key,
  message integer not null references message (id),
  number text not null,
  kind text not null,                             -- image, video, audio, document, sticker
  media_id text not null,                         -- the platform's
  told_mime text not null,
  told_sha256 text,
  filename text,                                  -- as the customer called it
  voice integer not null,
  at integer not null,
  state text not null default 'wanted',           -- wanted, kept, refused, expired
  why text,                                       -- why it is not here, or not yet: a sentence for staff
  sha256 text,                                    -- its file, once it is kept
  attempts integer not null default 0,
  retry_at integer not null                       -- when it is next tried; while somebody fetches it, when their lease ends
);
create index attachment_message on attachment (message);
create index attachment_wanted on attachment (retry_at) where state = 'wanted';
create index attachment_kept on attachment (at) where state = 'kept';

create table upload (                             -- a file as the platform knows it: used again until its id is too old
  number text not null,
  sha256 text not null,
  media_id text not null,
  uploaded_at integer not null,
  primary key (number, sha256)
) without rowid;

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
