-- What messages cost, once each, as Meta counted them.

-- name: about
-- what is to be known of a message's person, and whether it is booked already
select c.country,
  (select value from identity d where d.contact = c.id and d.kind = 'phone' order by d.since desc limit 1) as phone,
  (select value from identity d where d.contact = c.id and d.kind = 'bsuid' order by d.since desc limit 1) as bsuid,
  (select count(*) from charge where charge.message = :message) as booked
from contact c where c.id = :contact

-- name: book
insert into charge (message, run, flow, number, country, category, type, day, at, micros, currency)
values (:message, :run, :flow, :number, :country, :category, :type, :day, :at, :micros, :currency)
on conflict (message) do nothing

-- name: take_back
delete from charge where message = :message

-- name: spent
-- Meta charges what is delivered: a message that is only known to be sent costs nothing yet
select coalesce(c.flow, '') as flow, c.day, c.country, c.category, c.type, coalesce(c.currency, '') as currency, count(*) as messages,
  sum(case when c.micros > 0 then 1 else 0 end) as charged, sum(case when c.micros is null then 1 else 0 end) as unpriced,
  coalesce(sum(c.micros), 0) as micros
from charge c left join outbox o on o.id = c.message
where c.day >= :since and c.day < :before and coalesce(o.delivery, '') <> 'sent'
group by coalesce(c.flow, ''), c.day, c.country, c.category, c.type, coalesce(c.currency, '')
order by 1, 2, 3, 4, 5, 6

-- name: reached
-- runs that reached their goal in that time, by flow
select flow, count(*) as goals from run where outcome = 'goal reached' and ended_at >= :since and ended_at < :before group by flow
