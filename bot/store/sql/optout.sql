-- What the opt-out log is told, and what it tells a restored copy.

-- name: newest
select coalesce(max(id), 0) as id from consent_record

-- name: since
-- each opt-out, and each word that takes one back; not what only repeats the word before it
select r.id, r.contact, r.channel, r.state, r.at, r.method from consent_record r
where r.id > :after and r.effective = 1
  and (r.state = 'withdrawn' or exists (
    select 1 from consent_record e
    where e.contact = r.contact and e.channel = r.channel and e.effective = 1 and e.id < r.id and e.state = 'withdrawn'))
  and coalesce((
    select e.state || e.method from consent_record e
    where e.contact = r.contact and e.channel = r.channel and e.effective = 1 and e.id < r.id
    order by e.id desc limit 1), '') <> r.state || r.method
order by r.id

-- name: known
select 1 from consent_record where contact = :contact and channel = :channel and state = :state and at = :at and method = :method
