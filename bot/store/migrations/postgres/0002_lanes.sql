-- Events to be tried again: few of many that wait. The lanes of `../0002_lanes.sql` were here from the first.
create index inbox_retry on inbox (retry_at) where state = 'waiting' and retry_at is not null;
