-- WhatsApp, complete: what customers send besides words, what Meta's limits are at, what messages cost, files.

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
