-- WhatsApp, complete: what customers send besides words, what Meta's limits are at, what messages cost, files.

-- ---- conversations and people

alter table conversation add column free_until integer;  -- the 72 hours after a click on an ad, in which nothing costs anything

-- ---- pacing

-- ---- prices

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
