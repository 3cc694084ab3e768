-- Events to be tried again: few of many that wait. The lanes of `../0002_lanes_templates.sql` were here from the first.
create index inbox_retry on inbox (retry_at) where state = 'waiting' and retry_at is not null;

-- How each template stands with Meta, which may say otherwise than its file: the category it has there decides who may get it.
create table template (
  name text not null,
  language text not null,
  status text,                                    -- APPROVED, REJECTED, PAUSED, DISABLED ...
  category text,                                  -- MARKETING, UTILITY ...
  quality text,                                   -- GREEN, YELLOW, RED, UNKNOWN
  told_at bigint not null,
  primary key (name, language)
);
