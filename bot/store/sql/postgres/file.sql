-- PostgreSQL's own: several processes fetch at the same time.

-- name: claim
update attachment set attempts = attempts + 1, retry_at = :lease_ends
where id in (
  select id from attachment where state = 'wanted' and retry_at <= :now order by retry_at limit :limit for update skip locked)
returning id, number, kind, media_id, told_sha256, at, attempts
