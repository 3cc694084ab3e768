-- What came of flows, for a report. Messages count on the day they were sent, orders on the day they were placed.

-- name: messages
select flow, count(*) as sent, sum(case when delivery in ('delivered', 'read') then 1 else 0 end) as delivered,
  sum(case when delivery = 'read' then 1 else 0 end) as read
from outbox where flow is not null and state = 'sent' and sent_at >= :since group by flow

-- name: answered
-- runs of whom the last message before something the customer wrote or pressed was; not too long before
select o.flow, count(distinct o.run) as answered from (
  select (select l.id from outbox l where l.contact = m.contact and l.state = 'sent' and l.sent_at <= m.at and l.sent_at >= m.at - :within
    order by l.sent_at desc, l.id desc limit 1) as message
  from message m where m.author = 'customer' and m.at >= :since) as told
join outbox o on o.id = told.message where o.flow is not null and o.run is not null group by o.flow

-- name: runs
select flow, count(*) as runs, sum(case when outcome = 'goal reached' then 1 else 0 end) as goals
from run where started_at >= :since group by flow

-- name: credited
select c.flow, c.kind, c.currency, sum(o.counted) as orders, sum(1 - o.counted) as undone, sum(c.minor) as minor,
  sum(c.back_minor) as back_minor
from credit c join shop_order o on o.id = c.shop_order where c.placed_at >= :since group by c.flow, c.kind, c.currency

-- name: organic
select o.currency, count(*) as orders, sum(o.total_minor) as minor from shop_order o
where o.placed_at >= :since and o.counted = 1 and not exists (select 1 from credit c where c.shop_order = o.id) group by o.currency

-- name: codes
select r.flow, sum(case when d.first is null and d.state in ('issued', 'redeemed', 'expired', 'revoked') then 1 else 0 end) as given,
  sum(case when d.first is null and d.redeemed_order is not null then 1 else 0 end) as redeemed,
  sum(case when d.first is null and d.leaked_order is not null then 1 else 0 end) as leaked
from discount d join run r on r.id = d.run where d.created_at >= :since group by r.flow

-- name: opt_outs
-- by the flow whose message was the last before it; a stop that outlived an erasure was counted when it was said
select flow, count(*) as opt_outs from (
  select (select o.flow from outbox o where o.contact = c.contact and o.state = 'sent' and o.sent_at <= c.at and o.sent_at >= c.at - :within
    and o.flow is not null order by o.sent_at desc, o.id desc limit 1) as flow
  from consent_record c
  where c.channel = 'whatsapp' and c.state = 'withdrawn' and c.effective = 1 and c.method <> 'shop'
  and c.source <> :outlived and c.at >= :since) as told
group by flow

-- name: habitual
-- people who got so many codes
select count(*) as people from (
  select contact from discount where created_at >= :since and first is null
  and (state in ('made', 'issued', 'redeemed', 'expired', 'revoked') or state = 'wanted' and counted = 1)
  group by contact having count(*) >= :codes) as suspects
