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
