-- What is queued, lane by lane: a number, marketing or not, an answer or not. A claim goes along each from its oldest; before, it read
-- all that was queued for each claim (2.4 seconds at 100,000).
drop index outbox_queued;
create index outbox_queued on outbox (number, marketing, reply, not_before, id) where state = 'queued';

-- Events to be tried again: few of many that wait.
create index inbox_retry on inbox (retry_at) where state = 'waiting' and retry_at is not null;

-- How each template stands with Meta, which may say otherwise than its file: the category it has there decides who may get it.
create table template (
  name text not null,
  language text not null,
  status text,                                    -- APPROVED, REJECTED, PAUSED, DISABLED ...
  category text,                                  -- MARKETING, UTILITY ...
  quality text,                                   -- GREEN, YELLOW, RED, UNKNOWN
  told_at integer not null,
  primary key (name, language)
) without rowid;
