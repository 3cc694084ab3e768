-- What PostgreSQL must be told otherwise about people.

-- name: hold
select 1 from contact where id = :id for no key update
