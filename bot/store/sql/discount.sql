-- Codes: decided and kept before they are promised.

-- name: want
insert into discount (run, generation, contact, shop, code, percent, amount_minor, currency, ends, retry_at, created_at)
values (:run, :generation, :contact, :shop, :code, :percent, :amount_minor, :currency, :ends, :now, :now)
on conflict (run, generation) do nothing

-- name: wanted
select * from discount where state = 'wanted' and retry_at <= :now order by retry_at limit :limit

-- name: retry
update discount set attempts = attempts + 1, retry_at = :until, why = :why where id = :id

-- name: made
update discount set state = 'made' where id = :id and state = 'wanted' returning id

-- name: refused
update discount set state = 'refused', why = :why where id = :id and state = 'wanted' returning id

-- name: load
select * from discount where id = :id

-- name: next_due
select min(retry_at) as retry_at from discount where state = 'wanted'
