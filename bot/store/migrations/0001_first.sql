-- The first schema. All times are microseconds since 1970 UTC; money is minor units with its currency; bodies are JSON.

create table meta (
  name text primary key,
  value text not null
) without rowid;

-- ---- who is who

create table contact (
  id integer primary key,
  merged_into integer references contact (id),
  created_at integer not null,
  first_name text,
  language text,
  country text,
  timezone text,
  consent text not null default 'unknown',        -- to marketing messages: unknown, granted, withdrawn
  ads_consent text not null default 'unknown',    -- to being put on a list for paid ads
  unreachable integer not null default 0,
  not_before integer,                             -- the platform asked for a pause with this person
  -- summary columns, kept in the same transaction as what they sum up
  orders_count integer not null default 0,
  orders_minor integer not null default 0,
  orders_currency text,
  last_order_at integer,
  last_engaged_at integer
);

create table identity (
  kind text not null,
  scope text not null,
  value text not null,
  contact integer not null references contact (id),
  since integer not null,
  primary key (kind, scope, value)
) without rowid;
create index identity_contact on identity (contact);

create table also_known (                         -- names a shop told of a person: perhaps somebody else's, so they prove nothing
  kind text not null,
  scope text not null,
  value text not null,
  contact integer not null references contact (id),
  primary key (kind, scope, value, contact)
) without rowid;
create index also_known_contact on also_known (contact);

create table consent_record (                     -- append-only: the proof
  id integer primary key,
  contact integer not null references contact (id),
  channel text not null,                          -- whatsapp, ads
  state text not null,
  at integer not null,
  method text not null,                           -- shop, button, word, platform, flow
  source text not null,
  text text,                                      -- what the person read when they agreed
  recorded_at integer not null,
  effective integer not null                      -- 0: recorded, but it changed nothing (late, or a shop against a STOP in the chat)
);
create index consent_record_contact on consent_record (contact);

create table tag (
  contact integer not null references contact (id),
  tag text not null,
  since integer not null,
  primary key (contact, tag)
) without rowid;

-- ---- what came in

create table seen (                               -- dedupe keys, apart from bodies: they outlive them
  key blob primary key
) without rowid;

create table inbox (
  id integer primary key,
  source text not null,
  kind text not null,
  place text not null,                            -- the phone number id or the shop it came to
  contact integer,                                -- known already for timers and staff, else found by the names
  body blob not null,
  occurred_at integer not null,
  received_at integer not null,
  state text not null default 'waiting',          -- waiting, done, dead
  attempts integer not null default 0,
  retry_at integer,
  why text
);
create index inbox_waiting on inbox (id) where state = 'waiting';
create index inbox_waiting_contact on inbox (contact) where state = 'waiting' and contact is not null;
create index inbox_dead on inbox (id) where state = 'dead';

create table inbox_name (                         -- the names an unread row carries: nothing is sent to whoever goes by one
  kind text not null,
  scope text not null,
  value text not null,
  inbox integer not null references inbox (id),
  primary key (kind, scope, value, inbox)
) without rowid;
create index inbox_name_inbox on inbox_name (inbox);

-- ---- conversations

create table conversation (
  contact integer not null references contact (id),
  number text not null,
  control text not null default 'bot',            -- bot, waiting, human
  epoch integer not null default 0,               -- rises with each change of control
  reason text,
  staff text,
  changed_at integer not null,
  last_inbound_at integer,
  primary key (contact, number)
) without rowid;
create index conversation_open on conversation (changed_at) where control <> 'bot';

create table message (                            -- what came in, and what staff wrote elsewhere; what we sent is in outbox
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  author text not null,                           -- customer, staff
  kind text not null,
  text text not null,
  provider_id text,
  at integer not null
);
create index message_contact on message (contact, at);

-- ---- the shop's mirror

create table checkout (
  id integer primary key,
  shop text not null,
  key text not null,
  contact integer not null references contact (id),
  state text not null default 'open',             -- open, emptied, ordered, superseded
  updated_at integer not null,
  generation integer not null default 0,          -- rises with each activity: a timer for an older one is stale
  lines text not null,
  total_minor integer not null,
  currency text not null,
  link text,
  unique (shop, key)
);
create index checkout_contact on checkout (contact, state);

create table shop_order (
  id integer primary key,
  shop text not null,
  key text not null,
  contact integer not null references contact (id),
  number text not null,
  status text not null,
  checkout_key text,
  placed_at integer not null,
  updated_at integer not null,
  lines text not null,
  total_minor integer not null,
  currency text not null,
  tracking_link text,
  reorder_link text,
  codes text not null,
  counted integer not null default 0,             -- it is part of the contact's summary columns
  unique (shop, key)
);
create index shop_order_contact on shop_order (contact, placed_at);
create index shop_order_checkout on shop_order (shop, checkout_key) where checkout_key is not null;

-- ---- flows at work

create table revision (
  id text primary key,
  flow text not null,
  source text not null,
  stored_at integer not null
) without rowid;

create table run (
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  shop text not null,
  flow text not null,
  revision text not null references revision (id),
  state text not null,                            -- active, waiting, ended
  outcome text,
  body text not null,                             -- bot/flow/codec.py
  started_at integer not null,
  ended_at integer
);
create index run_live on run (contact) where state <> 'ended';
create index run_flow on run (contact, flow, started_at);

create table timer (
  due integer not null,
  contact integer not null,
  kind text not null,                             -- run, or start:<flow>
  subject integer not null,                       -- the run, checkout or order
  generation integer not null,
  primary key (due, contact, kind, subject, generation)
) without rowid;

create table discount (
  id integer primary key,
  run integer not null references run (id),
  generation integer not null,
  contact integer not null references contact (id),
  shop text not null,
  code text not null unique,
  percent text,
  amount_minor integer,
  currency text,
  ends integer not null,
  state text not null default 'wanted',           -- wanted, made, refused
  why text,
  attempts integer not null default 0,
  retry_at integer not null,
  created_at integer not null,
  unique (run, generation)
);
create index discount_wanted on discount (retry_at) where state = 'wanted';

-- ---- what goes out

create table outbox (
  id integer primary key,
  key text not null unique,                       -- biz_opaque_callback_data: the same for the same step of the same run
  contact integer not null references contact (id),
  number text not null,
  shop text not null,
  run integer references run (id),
  flow text,
  author text not null,                           -- flow, staff, house
  marketing integer not null,
  reply integer not null,
  content text not null,                          -- bot/flow/codec.py
  body text not null,                             -- what the customer reads
  created_at integer not null,
  not_before integer not null,
  expires_at integer not null,
  state text not null default 'queued',           -- queued, verifying, sending, sent, refused, unknown, cancelled, held
  why text,                                       -- a policy reason or a sentence of the channel
  attempts integer not null default 0,
  owner text,                                     -- who sends it: process, its epoch, and until when it may
  epoch integer,
  lease_until integer,
  provider_id text,
  delivery text,                                  -- sent, delivered, read, failed; only climbs
  sent_at integer
);
create index outbox_queued on outbox (not_before, id) where state = 'queued';
create index outbox_live on outbox (contact, id) where state in ('queued', 'verifying', 'sending');
create index outbox_sending on outbox (id) where state = 'sending';
create index outbox_run on outbox (run, id) where run is not null;
create index outbox_unknown on outbox (id) where state = 'unknown';
create index outbox_marketing on outbox (contact, sent_at) where marketing = 1 and sent_at is not null;
create index outbox_contact on outbox (contact, created_at);
create index outbox_provider on outbox (provider_id) where provider_id is not null;

create table number_state (                       -- a sending number that must rest
  number text primary key,
  paused_until integer,                           -- nothing goes out before
  marketing_stopped text,                         -- why no marketing goes out until a person has looked
  stopped text                                    -- why nothing goes out until the owner has acted
) without rowid;

-- ---- why things happened

create table audit (
  id integer primary key,
  contact integer,
  at integer not null,
  about text not null,                            -- a flow, a message key, consent, desk ...
  text text not null
);
create index audit_contact on audit (contact, id);
