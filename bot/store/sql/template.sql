-- How templates stand with Meta.

-- name: tell
-- what is not told stays as it was
insert into template (name, language, status, category, quality, told_at) values (:name, :language, :status, :category, :quality, :now)
on conflict (name, language) do update set status = coalesce(excluded.status, template.status),
  category = coalesce(excluded.category, template.category), quality = coalesce(excluded.quality, template.quality),
  told_at = excluded.told_at

-- name: load
select status, category, quality from template where name = :name and language = :language

-- name: queued
select id, content from outbox where state = 'queued' and marketing = 0 and run is not null

-- name: is_marketing
update outbox set marketing = 1 where id = :id and state = 'queued'

-- name: stop
update template set stopped = :why where name = :name and language = :language

-- name: start
update template set stopped = null where name = :name and language = :language

-- name: start_all
update template set stopped = null where stopped is not null

-- name: wake
-- what waits for the end of a pause is judged again, now
update outbox set not_before = :now where state = 'queued' and why = :why and not_before > :now

-- name: ask
update template set ask = 1 where name = :name and language = :language

-- name: to_ask
select 1 from template where ask = 1 limit 1

-- name: asked
update template set ask = 0 where ask = 1

-- name: troubled
select name, language, status, stopped from template where stopped is not null or status in ('PAUSED', 'DISABLED')
order by name, language
