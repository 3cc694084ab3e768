-- Flows at work, where PostgreSQL reads JSON otherwise.

-- name: standing
select flow, revision, body::json ->> 'position' as position, body::json ->> 'waiting' as waiting, count(*) as n
from run where state <> 'ended' and body <> '' group by 1, 2, 3, 4 order by 1, 2, 3, 4
