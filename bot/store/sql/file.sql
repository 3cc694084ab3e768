-- Files that came with messages, and those we send. Their bytes are on the shelf.

-- name: want
-- WhatsApp tells whole seconds: within its second the message stands where it arrived
insert into attachment (message, number, kind, media_id, told_mime, told_sha256, filename, voice, at, retry_at)
select max(id), :number, :kind, :media_id, :told_mime, :told_sha256, :filename, :voice, :at, :now from message
where contact = :contact and at >= :at and at < :at + 1000000 and provider_id = :provider_id having max(id) is not null

-- name: claim
update attachment set attempts = attempts + 1, retry_at = :lease_ends
where state = 'wanted' and id in (select id from attachment where state = 'wanted' and retry_at <= :now order by retry_at limit :limit)
returning id, number, kind, media_id, told_sha256, at, attempts

-- name: kept
update attachment set state = 'kept', sha256 = :sha256, why = null where id = :id and state = 'wanted'

-- name: refused
update attachment set state = 'refused', why = :why where id = :id and state = 'wanted'

-- name: again
update attachment set retry_at = :retry_at, why = :why where id = :id and state = 'wanted'

-- name: not_tried
-- our own disk is full: that is no fault of the file's
update attachment set attempts = attempts - 1, retry_at = :retry_at, why = :why where id = :id and state = 'wanted'

-- name: keep
insert into file (sha256, size, mime, used_at, owned) values (:sha256, :size, :mime, :at, :owned)
on conflict (sha256) do update set deleted_at = null, used_at = max(file.used_at, excluded.used_at), owned = max(file.owned, excluded.owned),
  mime = case when excluded.mime in ('application/zip', 'application/x-ole-storage', 'application/octet-stream') then file.mime
              else excluded.mime end

-- name: find
select sha256, size, mime, deleted_at from file where sha256 = :sha256

-- name: live
select sha256, size, mime from file where deleted_at is null order by sha256

-- name: live_in
select sha256 from file where deleted_at is null and sha256 >= :begin and sha256 <= :begin || 'g'

-- name: expire
update attachment set state = 'expired', why = :why
where state = 'kept' and id in (select id from attachment where state = 'kept' and at < :before order by at limit :limit)
returning id

-- name: delete
update file set deleted_at = :now
where sha256 in (select sha256 from file where deleted_at is null and owned = 0 and used_at < :before order by used_at limit :limit)
  and deleted_at is null and used_at < :before
returning sha256

-- name: disown
update file set owned = 0, used_at = max(used_at, :now) where owned = 1

-- name: uploaded
select media_id from upload where number = :number and sha256 = :sha256 and uploaded_at > :since

-- name: keep_upload
insert into upload (number, sha256, media_id, uploaded_at) values (:number, :sha256, :media_id, :now)
on conflict (number, sha256) do update set media_id = excluded.media_id, uploaded_at = excluded.uploaded_at

-- name: forget_upload
delete from upload where number = :number and media_id = :media_id

-- name: forget_old_uploads
delete from upload where uploaded_at <= :before

-- name: tally
select
  (select count(*) from file where deleted_at is null) as files,
  (select coalesce(sum(size), 0) from file where deleted_at is null) as bytes,
  (select count(*) from attachment where state = 'wanted') as wanted,
  (select count(*) from attachment where state = 'refused') as refused
