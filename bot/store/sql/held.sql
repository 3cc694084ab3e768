-- What a restored copy must not do of its own accord until the owner has looked.

-- name: queued
-- the second condition is the partial index's own, without it the whole table is read
update outbox set state = 'held' where state in ('queued', 'verifying') and state in ('queued', 'verifying', 'sending')

-- name: sending
update outbox set state = 'held', lease_until = null where state = 'sending' and state in ('queued', 'verifying', 'sending')

-- name: unknown
update outbox set state = 'held' where state = 'unknown'

-- name: codes
update discount set state = 'held' where state = 'wanted'

-- name: count
select
  (select count(*) from outbox where state = 'held' and sent_at is null) as queued,
  (select count(*) from outbox where state = 'held' and sent_at is not null) as uncertain,
  (select count(*) from inbox where state = 'held') as timers,
  (select count(*) from discount where state = 'held') as codes

-- name: release_messages
-- one that was on the wire when the copy was taken is not sent again blindly: a status settles it, or staff see it
update outbox set state = case when sent_at is null then 'queued' else 'unknown' end where state = 'held'

-- name: release_timers
update inbox set state = 'waiting' where state = 'held'

-- name: release_codes
update discount set state = 'wanted' where state = 'held'

-- name: renew_instance
update meta set value = :instance where name = 'instance'

-- name: no_copy
delete from meta where name = 'copied_at'

-- name: try_at_once
update inbox set retry_at = null where state = 'waiting'
