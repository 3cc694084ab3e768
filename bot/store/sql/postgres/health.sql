-- What PostgreSQL must be told otherwise about the house's health.

-- name: engine
select 'PostgreSQL ' || current_setting('server_version') as engine
