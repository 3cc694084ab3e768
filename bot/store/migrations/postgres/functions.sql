-- Work is claimed in several looks at the database, each seeing what was committed before it, which takes functions.
-- They are laid anew whenever this text has changed; one whose shape changes gets another name. Whoever holds the row of a contact, in a transaction, works on that person alone.

-- The oldest entries of people nobody else works on, each person's in the order they came, all held until the end of the transaction;
-- and a row without an id where others hold people who have entries.
-- "Last id seen" would not do: ids commit out of order. An entry that becomes visible late was acknowledged late, so nothing was
-- promised of its place.
create or replace function claim_entries(at bigint, most bigint) returns table (
  id bigint, source text, kind text, place text, contact bigint, body bytea, occurred_at bigint, received_at bigint, attempts bigint,
  retry_at bigint, person bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  looked bigint := most;   -- how many of the oldest are looked at: more, when others hold most of them
  ids bigint[];
  held bigint[] := '{}';   -- contacts
  nameless bigint[] := '{}';  -- hashes of names that lead to nobody yet
  entries bigint[];        -- pairs of an entry and what it is about: a contact, or the hash of a name that leads to nobody
  keys bigint[];
  hashes boolean[];        -- which of the pairs are the latter
  foreigners bigint[];     -- what is held by others, and what hangs together with it
  mine bigint[];
  more bigint[];
  people bigint[];         -- for each pair: who its entry hangs together with
  joined bigint[];
begin
  loop
    ids := array(
      select i.id from inbox i where i.state = 'waiting' and (i.retry_at is null or i.retry_at <= at)
        and not exists (
          select 1 from inbox b where b.state = 'waiting' and b.contact = i.contact and b.id < i.id and b.retry_at > at)
      order by i.id limit looked);
    if cardinality(ids) = 0 then return; end if;
    select array_agg(about.entry), array_agg(about.key), array_agg(about.hashed) into entries, keys, hashes from claim_keys(ids) as about;
    -- the people they are about: hold those nobody else holds
    held := held || array(
      select c.id from contact c join (
        select about.key, min(about.entry) as first from unnest(entries, keys, hashes) as about (entry, key, hashed)
        where not about.hashed and about.key <> all(held) group by about.key
      ) as wanted on wanted.key = c.id
      order by wanted.first limit most for no key update of c skip locked);
    -- names that lead to nobody yet: who makes the person holds the name
    nameless := nameless || array(
      select key from (
        select distinct about.key from unnest(keys, hashes) as about (key, hashed) where about.hashed and about.key <> all(nameless)
      ) as wanted where pg_try_advisory_xact_lock(key));
    -- a new look, now that nobody can change whom the names lead to
    select coalesce(array_agg(about.entry), '{}'), coalesce(array_agg(about.key), '{}') into entries, keys from claim_keys(ids) as about;
    foreigners := array(select distinct key from unnest(keys) as key where key <> all(held) and key <> all(nameless));
    if cardinality(foreigners) = 0 then
      mine := ids[:most];
      exit;
    end if;
    loop
      more := array(
        select distinct other.key from unnest(entries, keys) as one (entry, key) join unnest(entries, keys) as other (entry, key) using (entry)
        where one.key = any(foreigners) and other.key <> all(foreigners));
      exit when cardinality(more) = 0;
      foreigners := foreigners || more;
    end loop;
    mine := array(
      select id from unnest(ids) as id
      where not exists (select 1 from unnest(entries, keys) as pair (entry, key) where pair.entry = id and pair.key = any(foreigners))
      order by id limit most);
    exit when cardinality(mine) * 2 >= most or cardinality(ids) < looked or looked >= most * 16;
    looked := looked * 4;
  end loop;
  -- entries that share a person or a name, through however many others, are one person's; those that are about one thing each share it
  people := keys;
  while cardinality(keys) > (select count(distinct entry) from unnest(entries) as entry) loop
    joined := array(
      select min(least_of_entry) over (partition by key) from (
        select min(person) over (partition by entry) as least_of_entry, key, nth
        from unnest(entries, keys, people) with ordinality as pair (entry, key, person, nth)) as one
      order by nth);
    exit when joined = people;
    people := joined;
  end loop;
  return query
    select i.id, i.source, i.kind, i.place, i.contact, i.body, i.occurred_at, i.received_at, i.attempts, i.retry_at,
      coalesce(whose.person, -i.id)
    from inbox i left join (
      select entry, min(pair.person) as person from unnest(entries, people) as pair (entry, person) group by entry
    ) as whose on whose.entry = i.id
    where i.id = any(mine) and i.state = 'waiting' order by i.id for no key update of i skip locked;
  if cardinality(foreigners) > 0 then return query select (null::inbox).id, null, null, null, null::bigint, null::bytea, null::bigint,
    null::bigint, null::bigint, null::bigint, null::bigint; end if;
end $$;

-- What these entries are about, each thing of an entry once. Names lead to people as they are now; a timer may be of who was merged since.
create or replace function claim_keys(ids bigint[]) returns table (entry bigint, key bigint, hashed boolean) language sql stable as $$
  select i.id, coalesce(c.merged_into, c.id), false from inbox i join contact c on c.id = i.contact where i.id = any(ids)
  union
  select n.inbox, coalesce(d.contact, hashtextextended(n.kind || ' ' || n.scope || ' ' || n.value, 0)), d.contact is null
  from inbox_name n left join identity d on d.kind = n.kind and d.scope = n.scope and d.value = n.value
  where n.inbox = any(ids)
  union
  select n.inbox, a.contact, false
  from inbox_name n join also_known a on a.kind = n.kind and a.scope = n.scope and a.value = n.value
  where n.inbox = any(ids)
$$;
drop function if exists claim_people(bigint[]);
drop function if exists claim_names(bigint[]);

-- Messages that may go now, of people nobody else works on. The conditions are asked twice: what was committed between the first look
-- and the hold of the person counts.
-- The first look is at people, not at messages: however long the queue of one of them is, they are judged once. It goes lane by lane
-- (a number, marketing or not, an answer or not), each from its oldest, and stops at the limit: a lane that must rest costs nothing,
-- however much waits in it, nor does what is to go later.
drop function if exists claim_messages(bigint, bigint);
create or replace function claim_messages(at bigint, most bigint, resting text[] default '{}') returns setof outbox
  language plpgsql set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  looked bigint := most * 4;  -- how many of the oldest of a lane are looked at: more, when they are the same few people's
  lane record;
  numbers text[] := '{}';
  kinds smallint[] := '{}';
  replies smallint[] := '{}';
  held bigint[] := '{}';
  people bigint[];
  seen bigint;
begin
  select number, marketing, reply into lane from outbox where state = 'queued' order by number, marketing, reply limit 1;
  while found loop
    if not exists (select 1 from number_state s where s.number = lane.number and (
      s.stopped is not null or s.paused_until > at or (s.marketing_stopped is not null and lane.marketing = 1)))
      and lane.number || ':' || lane.reply <> all(resting) and '*:' || lane.reply <> all(resting)
    then
      numbers := numbers || lane.number;
      kinds := kinds || lane.marketing;
      replies := replies || lane.reply;
    end if;
    select number, marketing, reply into lane from outbox
    where state = 'queued' and (number, marketing, reply) > (lane.number, lane.marketing, lane.reply)
    order by number, marketing, reply limit 1;
  end loop;
  if cardinality(numbers) = 0 then return; end if;
  loop
    with waiting as materialized (
      select o.contact, o.reply, o.not_before, o.id, row_number() over (partition by l.nth) as nth
      from unnest(numbers, kinds, replies) with ordinality as l (number, marketing, reply, nth) cross join lateral (
        select w.contact, w.reply, w.not_before, w.id from outbox w
        where w.state = 'queued' and w.number = l.number and w.marketing = l.marketing and w.reply = l.reply and w.not_before <= at
        order by w.not_before, w.id limit looked) as o)
    select (select max(nth) from waiting),
      array(select contact from waiting group by contact order by max(reply) desc, min(not_before), min(id))
    into seen, people;
    exit when seen is null;
    held := held || array(
      select c.id from unnest(people) with ordinality as one (id, nth) join contact c on c.id = one.id
      where c.id <> all(held)
        and not exists (select 1 from outbox w where w.contact = c.id and w.state = 'sending')
        and not exists (select 1 from inbox i where i.state = 'waiting' and i.contact = c.id)
        and not exists (select 1 from identity d join inbox_name n on n.kind = d.kind and n.scope = d.scope and n.value = d.value
                        where d.contact = c.id)
      order by one.nth limit most - cardinality(held) for no key update of c skip locked);
    exit when cardinality(held) >= most or seen < looked;
    looked := looked * 8;
  end loop;
  if cardinality(held) = 0 then return; end if;
  return query
    select o.* from outbox o where o.id = any(array(
      select s.id from sendable_messages(held) as s
      where s.not_before <= at and exists (
        select 1 from unnest(numbers, kinds) as l (number, marketing) where l.number = s.number and l.marketing = s.marketing)))
    order by o.reply desc, o.not_before, o.id limit most for no key update of o skip locked;
end $$;

-- Which of the names (each with a number the caller gave it) are of people to whom another process may be about to start marketing: it
-- claimed a message and has not said yet what became of it. Asked after what the names stand on was committed: a claim that does not
-- know of it has been written down by then, or holds the person, and is waited for.
create or replace function being_written_to(nths bigint[], kinds text[], scopes text[], "values" text[], at bigint, own bigint)
  returns setof bigint language plpgsql as $$
declare
  people bigint[] := array(
    select distinct d.contact from unnest(kinds, scopes, "values") as n (kind, scope, value)
    join identity d on d.kind = n.kind and d.scope = n.scope and d.value = n.value
    where exists (
      select 1 from outbox o where o.contact = d.contact and o.marketing = 1 and (
        o.state = 'sending' and o.epoch <> own
        -- claimed at this moment, perhaps; the clocks of processes differ a little
        or o.state = 'queued' and o.not_before <= at + 60000000)));
begin
  if cardinality(people) = 0 then return; end if;
  perform 1 from contact c where c.id = any(people) order by c.id for share;
  return query
    select distinct n.nth from unnest(nths, kinds, scopes, "values") as n (nth, kind, scope, value)
    join identity d on d.kind = n.kind and d.scope = n.scope and d.value = n.value
    join outbox o on o.contact = d.contact and o.state = 'sending' and o.marketing = 1 and o.epoch <> own
    where d.contact = any(people);
end $$;

-- The messages whose turn it is, of these people.
create or replace function sendable_messages(people bigint[]) returns setof outbox language sql stable as $$
  select o.* from unnest(people) as c (id) cross join lateral (
    -- answers go first, in order; a person who is being answered is not nudged meanwhile
    (select r.* from outbox r where r.contact = c.id and r.reply = 1 and r.state in ('queued', 'verifying') order by r.id limit 1)
    union all
    select n.* from outbox n
    where n.contact = c.id and n.reply = 0 and n.state = 'queued'
      and not exists (select 1 from outbox r where r.contact = c.id and r.reply = 1 and r.state in ('queued', 'verifying'))) as o
  where o.state = 'queued'
    -- one message a contact on the wire
    and not exists (select 1 from outbox w where w.contact = o.contact and w.state = 'sending')
    -- in order within a run
    and not exists (select 1 from outbox e where e.contact = o.contact and e.id < o.id and e.state in ('queued', 'verifying')
                    and e.run = o.run)
    -- an opt-out or an order bites from its 200 on, even before it is worked off
    and not exists (select 1 from inbox i where i.state = 'waiting' and i.contact = o.contact)
    and not exists (select 1 from identity d join inbox_name n on n.kind = d.kind and n.scope = d.scope and n.value = d.value
                    where d.contact = o.contact)
$$;
drop function if exists sendable_messages(bigint);
