-- What the opt-out log is told, and what it tells a restored copy.

-- name: newest
select coalesce(max(id), 0) as id from consent_record

-- name: since
-- Each opt-out, and each word that takes one back; not what only says the same later. One of the same moment says it of more names:
-- two people turned out to be one.
select r.id, r.contact, r.channel, r.state, r.at, r.method from consent_record r
where r.id > :after and r.effective = 1
  and (r.state = 'withdrawn' or exists (
    select 1 from consent_record e
    where e.contact = r.contact and e.channel = r.channel and e.effective = 1 and e.id < r.id and e.state = 'withdrawn'))
  and not exists (
    select 1 from consent_record e
    where e.id = (select max(l.id) from consent_record l
                  where l.contact = r.contact and l.channel = r.channel and l.effective = 1 and l.id < r.id)
      and e.state = r.state and e.method = r.method and e.at <> r.at)
order by r.id

-- name: known
select 1 from consent_record where contact = :contact and channel = :channel and state = :state and at = :at and method = :method
