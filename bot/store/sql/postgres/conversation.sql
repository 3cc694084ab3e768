-- What PostgreSQL is told otherwise about conversations: for many at once, each parameter is an array; no row is named twice.

-- name: open_at_once
insert into conversation (contact, number, changed_at)
select * from unnest(:contact::bigint[], :number::text[], :now::bigint[]) on conflict do nothing

-- name: inbound_at_once
update conversation v set last_inbound_at = greatest(coalesce(v.last_inbound_at, 0), p.at)
from unnest(:contact::bigint[], :number::text[], :at::bigint[]) as p (contact, number, at) where v.contact = p.contact and v.number = p.number

-- name: add_message_at_once
insert into message (contact, number, author, kind, text, about, quotes, provider_id, at)
select * from unnest(:contact::bigint[], :number::text[], :author::text[], :kind::text[], :text::text[], :about::text[],
                     :quotes::text[], :provider_id::text[], :at::bigint[])
