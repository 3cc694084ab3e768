-- What PostgreSQL must be told otherwise about what the law lets people ask.

-- name: marked
select mark, at, whatsapp_stopped_at, whatsapp_method, ads_stopped_at, ads_method from erased_name
where mark = any(array(select json_array_elements_text(:marks::json)))

-- name: held
select * from privacy_ask where id = :id for no key update
