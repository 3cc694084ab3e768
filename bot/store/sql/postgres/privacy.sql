-- What PostgreSQL must be told otherwise about what the law lets people ask.

-- name: marked
select mark, at, whatsapp_stopped_at, whatsapp_method, ads_stopped_at, ads_method from erased_name
where mark = any(array(select json_array_elements_text(:marks::json)))

-- name: held
select * from privacy_ask where id = :id for no key update

-- name: let_go
-- a peer that lives may have them in hand: then they are gone on with when its lease is over
update privacy_ask set retry_at = :now where state = 'open' and retry_at > :now and why is null
  and (select count(*) from process where beat_at > clock_timestamp() - interval '10 seconds') <= 1
