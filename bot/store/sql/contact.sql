-- People, the names they go by, what they agreed to, their tags.

-- name: by_name
select coalesce(c.merged_into, c.id) as id from identity i join contact c on c.id = i.contact
where i.kind = :kind and i.scope = :scope and i.value = :value

-- name: create
insert into contact (created_at) values (:now) returning id

-- name: add_name
insert into identity (kind, scope, value, contact, since) values (:kind, :scope, :value, :contact, :now) on conflict do nothing

-- name: lead_name
insert into identity (kind, scope, value, contact, since) values (:kind, :scope, :value, :contact, :now)
on conflict (kind, scope, value) do update set contact = excluded.contact

-- name: also
insert into also_known (kind, scope, value, contact) values (:kind, :scope, :value, :contact) on conflict do nothing

-- name: also_by_name
select coalesce(c.merged_into, c.id) as id from also_known a join contact c on c.id = a.contact
where a.kind = :kind and a.scope = :scope and a.value = :value

-- name: is_blank
-- or nobody: an order that named no one, kept for the cart it came from
select not exists (select 1 from identity i where i.contact = c.id and i.kind in ('phone', 'wa_id', 'line', 'bsuid', 'parent_bsuid'))
  and not exists (select 1 from message m where m.contact = c.id)
  and (orders_count = 0 and not exists (select 1 from shop_order o where o.contact = c.id)
    or not exists (select 1 from identity i where i.contact = c.id and i.kind in ('email', 'customer'))) as blank
from contact c where c.id = :contact

-- name: holder
select coalesce(c.merged_into, c.id) as id, i.since from identity i join contact c on c.id = i.contact
where i.kind = :kind and i.scope = :scope and i.value = :value

-- name: was_there
-- whether somebody was seen on WhatsApp before
select 1 where exists (select 1 from identity where contact = :contact and kind in ('bsuid', 'parent_bsuid') and since < :at)
  or exists (select 1 from message where contact = :contact and author = 'customer' and at < :at)

-- name: give_name
-- whose it is from now on, whoever had it
insert into identity (kind, scope, value, contact, since) values (:kind, :scope, :value, :contact, :at)
on conflict (kind, scope, value) do update set contact = excluded.contact, since = excluded.since

-- name: forget_name
delete from identity where kind = :kind and scope = :scope and value = :value and contact = :contact

-- name: renew_name
-- written only where another name of the kind is as new: nearly never
update identity set since = :now where kind = :kind and scope = :scope and value = :value and since < :now and exists (
  select 1 from identity o
  where o.contact = identity.contact and o.kind = identity.kind and o.value <> identity.value and o.since >= identity.since)

-- name: names
select kind, scope, value, since from identity where contact = :contact order by since desc

-- name: load
select * from contact where id = :id

-- name: hold
-- nobody else works on this person until the end of the transaction: it has to be said only where others work beside us
select 1 from contact where id = :id

-- name: live_id
-- gone: who was erased is merged into nobody, who is merged into itself
select k.id, k.merged_into is not null as gone from contact c join contact k on k.id = coalesce(c.merged_into, c.id) where c.id = :id

-- name: tags
select tag from tag where contact = :contact

-- name: describe
update contact set
  first_name = coalesce(:first_name, first_name),
  language = coalesce(:language, language),
  country = coalesce(:country, country),
  timezone = coalesce(:timezone, timezone)
where id = :id

-- name: first_name_if_none
update contact set first_name = :first_name where id = :id and first_name is null

-- name: engaged
update contact set last_engaged_at = max(coalesce(last_engaged_at, 0), :at), unreachable = 0 where id = :id

-- name: set_consent
update contact set consent = :state where id = :id

-- name: set_ads_consent
update contact set ads_consent = :state where id = :id

-- name: record_consent
insert into consent_record (contact, channel, state, at, method, source, text, recorded_at, effective)
values (:contact, :channel, :state, :at, :method, :source, :text, :recorded_at, :effective)

-- name: latest_consent
select max(at) as at from consent_record where contact = :contact and channel = :channel and effective = 1

-- name: said_in_chat
select channel, state, at, method, source, text from consent_record where id in (
  select max(id) from consent_record where contact = :contact and effective = 1 and method <> :shop group by channel)

-- name: add_tag
insert into tag (contact, tag, since) values (:contact, :tag, :now) on conflict (contact, tag) do update set since = excluded.since

-- name: has_tag
select 1 from tag where contact = :contact and tag = :tag

-- name: remove_tag
delete from tag where contact = :contact and tag = :tag

-- name: pause
update contact set not_before = max(coalesce(not_before, 0), :until) where id = :id

-- name: unreachable
update contact set unreachable = 1 where id = :id

-- name: audit
insert into audit (contact, at, about, text) values (:contact, :at, :about, :text)

-- name: audit_of
select at, about, text from audit where contact = :contact order by id

-- ---- two contacts that turn out to be one: everything of :gone becomes :keep's

-- name: merge_person
update contact set
  first_name = coalesce(first_name, (select first_name from contact where id = :gone)),
  language = coalesce(language, (select language from contact where id = :gone)),
  country = coalesce(country, (select country from contact where id = :gone)),
  timezone = coalesce(timezone, (select timezone from contact where id = :gone)),
  consent = case
    when 'withdrawn' in (consent, (select consent from contact where id = :gone)) then 'withdrawn'
    when 'granted' in (consent, (select consent from contact where id = :gone)) then 'granted'
    else 'unknown' end,
  ads_consent = case
    when 'withdrawn' in (ads_consent, (select ads_consent from contact where id = :gone)) then 'withdrawn'
    when 'granted' in (ads_consent, (select ads_consent from contact where id = :gone)) then 'granted'
    else 'unknown' end,
  not_before = nullif(max(coalesce(not_before, 0), coalesce((select not_before from contact where id = :gone), 0)), 0),
  last_engaged_at = nullif(max(coalesce(last_engaged_at, 0), coalesce((select last_engaged_at from contact where id = :gone), 0)), 0)
where id = :keep

-- name: merge_mark
update contact set merged_into = :keep where id = :gone or merged_into = :gone

-- name: merge_identity
update identity set contact = :keep where contact = :gone

-- name: merge_consent_record
update consent_record set contact = :keep where contact = :gone

-- name: merge_tag
insert into tag (contact, tag, since) select :keep, tag, since from tag where contact = :gone
on conflict (contact, tag) do update set since = max(tag.since, excluded.since)

-- name: merge_tag_rest
delete from tag where contact = :gone

-- name: merge_inbox
update inbox set contact = :keep where contact = :gone and state = 'waiting'

-- name: merge_conversation
insert into conversation (contact, number, control, epoch, reason, staff, changed_at, last_inbound_at, free_until, referred_at)
select :keep, number, control, epoch, reason, staff, changed_at, last_inbound_at, free_until, referred_at from conversation where contact = :gone
on conflict (contact, number) do update set
  control = case when 'blocked' in (conversation.control, excluded.control) then 'blocked'
                 when 'human' in (conversation.control, excluded.control) then 'human'
                 when 'waiting' in (conversation.control, excluded.control) then 'waiting' else 'bot' end,
  epoch = max(conversation.epoch, excluded.epoch) + 1,
  reason = coalesce(conversation.reason, excluded.reason),
  staff = coalesce(conversation.staff, excluded.staff),
  last_inbound_at = nullif(max(coalesce(conversation.last_inbound_at, 0), coalesce(excluded.last_inbound_at, 0)), 0),
  free_until = nullif(max(coalesce(conversation.free_until, 0), coalesce(excluded.free_until, 0)), 0),
  referred_at = nullif(max(coalesce(conversation.referred_at, 0), coalesce(excluded.referred_at, 0)), 0)

-- name: merge_also_known
insert into also_known (kind, scope, value, contact) select kind, scope, value, :keep from also_known where contact = :gone
on conflict do nothing

-- name: merge_also_known_rest
delete from also_known where contact = :gone

-- name: merge_conversation_rest
delete from conversation where contact = :gone

-- name: merge_reaction
insert into reaction (contact, provider_id, emoji, at) select :keep, provider_id, emoji, at from reaction where contact = :gone
on conflict do nothing

-- name: merge_reaction_rest
delete from reaction where contact = :gone

-- name: merge_pair
-- the phone they hold in their hand is one: its debts are, too
insert into pair (contact, number, free_at) select :keep, number, free_at from pair where contact = :gone
on conflict (contact, number) do update set free_at = max(pair.free_at, excluded.free_at)

-- name: merge_pair_rest
delete from pair where contact = :gone

-- name: merge_reached
update reached set contact = :keep where contact = :gone and not exists (select 1 from reached where contact = :keep)

-- name: merge_referral
update referral set contact = :keep where contact = :gone

-- name: refer
-- once a click: the same message may be told of twice, and one press may bring several
insert into referral (contact, number, at, click, source_type, source_id, source_url, headline, body)
values (:contact, :number, :at, :click, :source_type, :source_id, :source_url, :headline, :body) on conflict do nothing

-- name: referrals
select at, click, source_type, source_id, source_url, headline, body from referral where contact = :contact order by at, id

-- name: merge_message
update message set contact = :keep where contact = :gone

-- name: merge_checkout
update checkout set contact = :keep where contact = :gone

-- name: merge_shop_order
update shop_order set contact = :keep where contact = :gone

-- name: merge_purchase
update purchase set contact = :keep where contact = :gone

-- name: merge_sent_link
update sent_link set contact = :keep where contact = :gone

-- name: merge_credit
update credit set contact = :keep where contact = :gone

-- name: merge_awaited_purchase
-- of two dates that of the later purchase counts: its timer is set already
insert into awaited_purchase (contact, shop, what, shop_order, since, due, generation, asked)
select :keep, shop, what, shop_order, since, due, generation, asked from awaited_purchase where contact = :gone
on conflict (contact, shop, what) do update set shop_order = excluded.shop_order, since = excluded.since, due = excluded.due,
  generation = excluded.generation, asked = excluded.asked
where excluded.since > awaited_purchase.since

-- name: merge_awaited_purchase_rest
delete from awaited_purchase where contact = :gone

-- name: merge_wish
-- whose turn has come keeps it: the timer is set
insert into wish (contact, product, variant, what, source, state, joined_at, expires_at, news, told_at)
select :keep, product, variant, what, source, state, joined_at, expires_at, news, told_at from wish where contact = :gone
on conflict (contact, product, variant, what) do update set
  news = case when wish.state = 'called' then wish.news when excluded.state = 'called' then excluded.news else wish.news end,
  state = case when 'called' in (wish.state, excluded.state) then 'called' when 'waiting' in (wish.state, excluded.state) then 'waiting'
    else 'told' end,
  joined_at = case when excluded.joined_at < wish.joined_at then excluded.joined_at else wish.joined_at end,
  expires_at = max(wish.expires_at, excluded.expires_at),
  told_at = coalesce(max(wish.told_at, excluded.told_at), wish.told_at, excluded.told_at)

-- name: merge_wish_rest
delete from wish where contact = :gone

-- name: merge_privacy_person
insert into privacy_person (contact, ask, erases) select :keep, ask, erases from privacy_person where contact = :gone
on conflict (contact, ask) do update set erases = case when excluded.erases = '' then '' else privacy_person.erases end

-- name: merge_privacy_person_rest
delete from privacy_person where contact = :gone

-- name: merge_run
update run set contact = :keep where contact = :gone

-- name: merge_discount
update discount set contact = :keep where contact = :gone

-- name: merge_outbox
update outbox set contact = :keep where contact = :gone

-- name: merge_audit
update audit set contact = :keep where contact = :gone

-- name: sum_orders
-- of several currencies that of the newest order: what is kept does not depend on which was told last
update contact set
  orders_count = (select count(*) from shop_order o where o.contact = :id and o.counted = 1),
  orders_minor = (select coalesce(sum(o.total_minor), 0) from shop_order o where o.contact = :id and o.counted = 1 and o.currency = (
    select n.currency from shop_order n where n.contact = :id and n.counted = 1 order by n.placed_at desc, n.id desc limit 1)),
  orders_currency = (
    select n.currency from shop_order n where n.contact = :id and n.counted = 1 order by n.placed_at desc, n.id desc limit 1),
  last_order_at = (select max(o.placed_at) from shop_order o where o.contact = :id and o.counted = 1)
where id = :id

-- name: spent_in
select count(*) as orders, coalesce(sum(total_minor), 0) as minor from shop_order
where contact = :id and counted = 1 and currency = :currency

-- ---- everybody, for lists

-- name: page
select id from contact where merged_into is null and id > :after order by id limit :limit

-- name: tagged_at
select max(since) as since from tag where contact = :contact

-- name: dates
select created_at, last_engaged_at, last_order_at from contact where id = :id
