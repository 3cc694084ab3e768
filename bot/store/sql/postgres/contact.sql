-- What PostgreSQL must be told otherwise about people.

-- name: hold
select 1 from contact where id = :id for no key update

-- ---- for many at once: each parameter is an array; no row is named twice

-- name: add_name_at_once
insert into identity (kind, scope, value, contact, since)
select * from unnest(:kind::text[], :scope::text[], :value::text[], :contact::bigint[], :now::bigint[]) on conflict do nothing

-- name: renew_name_at_once
update identity i set since = p.at
from unnest(:kind::text[], :scope::text[], :value::text[], :now::bigint[]) as p (kind, scope, value, at)
where i.kind = p.kind and i.scope = p.scope and i.value = p.value and exists (
  select 1 from identity o where o.contact = i.contact and o.kind = i.kind and o.value <> i.value and o.since >= i.since)

-- name: first_name_if_none_at_once
update contact c set first_name = p.first_name
from unnest(:id::bigint[], :first_name::text[]) as p (id, first_name) where c.id = p.id and c.first_name is null

-- name: engaged_at_once
update contact c set last_engaged_at = greatest(coalesce(c.last_engaged_at, 0), p.at), unreachable = 0
from unnest(:id::bigint[], :at::bigint[]) as p (id, at) where c.id = p.id

-- name: audit_at_once
insert into audit (contact, at, about, text)
select contact, at, about, text from unnest(:contact::bigint[], :at::bigint[], :about::text[], :text::text[])
  with ordinality as p (contact, at, about, text, nth) order by nth
