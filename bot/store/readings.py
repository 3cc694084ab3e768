"""What is read of stores by their own interfaces, kept so that a process may die at any moment: each page with where to go on after it.

A reading is one part of one store (its orders, say) since some moment. Its page's events, its cursor and its counts are one transaction.
And single things that a webhook only named wait here until they are fetched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

FORGOTTEN_AT_ONCE = 20_000  # rows: nobody waits long for the commit
PAGE_TIME, THING_TIME = timedelta(minutes=4), timedelta(minutes=1)  # how long a store may take: a page can be fifty calls
LEASE = timedelta(seconds=10)  # how long nobody else reads on after one died; renewed while a page takes longer
THING_LEASE = THING_TIME + timedelta(seconds=30)


class Cause(StrEnum):
    """Why a store is read. `asked`: the owner wants what was before; `nightly`: what webhooks missed."""

    ASKED = "asked"
    NIGHTLY = "nightly"


class ReadingState(StrEnum):
    """How far a reading is. `refused`: the store says no. `stopped`: the owner does."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Reading:
    """A part of a store that is read. `expected` is how many there are, as the store says; `found` how many it told so far, `fresh` how
    many of those were brought in, `missed` what no webhook had told. `trouble` is what went wrong last, or what the store keeps from us.
    Until `not_before` (UTC) nobody goes on with it: somebody does, or it is tried again then."""

    id: int
    shop: str
    part: str
    cause: Cause
    since: datetime
    begun_at: datetime
    state: ReadingState
    cursor: str | None
    expected: int | None
    found: int
    fresh: int
    missed: int
    tries: int
    not_before: datetime
    trouble: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Missed:
    """A change that no webhook told. `name` is the order's number; `is_new`: nothing at all was known of it. `key` is the store's own."""

    shop: str
    part: str
    key: str
    at: datetime
    name: str
    is_new: bool
    found_at: datetime


@dataclass(frozen=True, slots=True)
class People:
    """Who stands behind what a reading brought in, once it is worked off."""

    people: int
    with_phone: int
    agreed: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that changed, and has to be fetched. `times`: how often that was told; `until`: how long nobody else is given it."""

    shop: str
    address: str
    resource: str
    key: str
    topic: str
    at: datetime
    times: int = 1
    tries: int = 0
    until: datetime | None = None


def begin(shop: str, parts: Sequence[tuple[str, datetime]], cause: Cause, now: datetime) -> Step[None]:
    """Read these parts, each since its moment; one that is being read for the same cause goes on as it is."""
    for part, since in parts:
        yield sql("reading.begin", shop=shop, part=part, cause=cause, since=to_micros(since), now=to_micros(now))


def claim(now: datetime, busy: Collection[str] = ()) -> Step[Reading | None]:
    """A reading to go on with, of no shop that is `busy`. Nobody else is given it for the length of a lease."""
    rows = yield sql("reading.claim", now=to_micros(now), until=to_micros(now + LEASE), busy=_named(busy))
    return _reading(rows[0]) if rows else None


def keep(reading: Reading, now: datetime) -> Step[None]:
    """Whoever reads it still does: nobody else is given it for another lease."""
    yield sql("reading.keep", id=reading.id, cursor=reading.cursor or "", until=to_micros(now + LEASE))


def let_go(now: datetime) -> Step[None]:
    """Whoever read is gone: nothing need wait for the end of their lease."""
    yield sql("reading.let_go", now=to_micros(now))
    yield sql("reading.let_go_wanted", now=to_micros(now))


def is_where_it_was(reading: Reading) -> Step[bool]:
    """Whether nobody else went on with it meanwhile."""
    rows = yield sql("reading.load", id=reading.id)
    return bool(rows) and rows[0]["state"] == ReadingState.WAITING and rows[0]["cursor"] == reading.cursor


def go_on(
    reading: Reading,
    now: datetime,
    *,
    cursor: str | None,
    found: int,
    brought: Sequence[int],
    missed: int,
    expected: int | None = None,
    trouble: str | None = None,
) -> Step[None]:
    """A page is in: `brought` are the inbox rows it became. Without a `cursor` it was the last."""
    for inbox in brought:
        yield sql("reading.brought", reading=reading.id, inbox=inbox)
    yield sql(
        "reading.go_on",
        id=reading.id,
        cursor=cursor,
        expected=expected,
        found=found,
        fresh=len(brought),
        missed=missed,
        trouble=trouble,
        state=ReadingState.WAITING if cursor is not None else ReadingState.DONE,
        ended_at=None if cursor is not None else to_micros(now),
        now=to_micros(now),
    )


def stumble(reading: Reading, why: str, retry_at: datetime) -> Step[None]:
    """The store could not be asked: it is asked again at `retry_at`, for the same page."""
    yield sql("reading.stumble", id=reading.id, trouble=why, retry_at=to_micros(retry_at))


def refuse(reading: Reading, why: str, now: datetime) -> Step[None]:
    """The store says no, and would again."""
    yield sql("reading.refuse", id=reading.id, trouble=why, now=to_micros(now))


def stop(shop: str, cause: Cause, now: datetime) -> Step[None]:
    """Read no further; what came in stays."""
    yield sql("reading.stop", shop=shop, cause=cause, now=to_micros(now))


def is_half_read(shop: str = "") -> Step[bool]:
    """Whether the orders of a shop (without one: of any) are being read since long ago, the newest last: who seems to have bought nothing
    since may have."""
    return bool((yield sql("reading.half_read", shop=shop)))


def orders_brought_since(since: datetime | None) -> Step[list[int]]:
    """The readings that an owner asked for, were over since then (without a moment: ever), and brought in orders."""
    rows = yield sql("reading.orders_brought", cause=Cause.ASKED, since=to_micros(since) if since is not None else 0)
    return [row["id"] for row in rows]


def latest(shop: str, cause: Cause) -> Step[list[Reading]]:
    """The parts of what was begun last for a cause."""
    return [_reading(row) for row in (yield sql("reading.latest", shop=shop, cause=cause))]


def read_until(shop: str, part: str) -> Step[datetime | None]:
    """When the last nightly look at this part began that came to its end: what changed before is known."""
    rows = yield sql("reading.last_complete", shop=shop, part=part, cause=Cause.NIGHTLY)
    return from_micros_or_none(rows[0]["at"])


def last_begun(shop: str, cause: Cause) -> Step[datetime | None]:
    """When a shop was last read for a cause."""
    rows = yield sql("reading.last_begun", shop=shop, cause=cause)
    return from_micros_or_none(rows[0]["at"])


def entries(reading: int) -> Step[list[tuple[str, str | None, int]]]:
    """What became of the inbox rows of a reading: their states, why nothing came of them, and how many."""
    return [(row["state"], row["why"], row["entries"]) for row in (yield sql("reading.entries", id=reading))]


def people(shop: str, cause: Cause, begun_at: datetime) -> Step[People]:
    """Who stands behind what was begun then."""
    rows = yield sql("reading.people", shop=shop, cause=cause, begun_at=to_micros(begun_at))
    row = rows[0]
    return People(row["people"], row["with_phone"], row["agreed"], row["stopped"])


# ---- what webhooks missed


def miss(reading: Reading, key: str, at: datetime, name: str, now: datetime, *, is_new: bool) -> Step[None]:
    """No webhook told this change."""
    yield sql(
        "reading.miss",
        shop=reading.shop,
        part=reading.part,
        key=key,
        at=to_micros(at),
        name=name,
        is_new=int(is_new),
        reading=reading.id,
        now=to_micros(now),
    )


def missed_since(since: datetime) -> Step[list[Missed]]:
    """What was found missing since then, in the order it happened."""
    rows = yield sql("reading.missed_since", since=to_micros(since))
    return [
        Missed(
            row["shop"], row["part"], row["key"], from_micros(row["at"]), row["name"], bool(row["is_new"]), from_micros(row["found_at"])
        )
        for row in rows
    ]


def looked_since(since: datetime) -> Step[list[Reading]]:
    """The nightly looks that were begun since then and came to an end."""
    return [_reading(row) for row in (yield sql("reading.looked_since", cause=Cause.NIGHTLY, since=to_micros(since)))]


def has_stated(contact: int, channel: str, at: datetime) -> Step[bool]:
    """Whether something that somebody said about a channel then, or since, is on record."""
    return bool((yield sql("reading.consented_since", contact=contact, channel=channel, at=to_micros(at))))


# ---- single things


def want(wanted: Wanted, now: datetime) -> Step[None]:
    """Something has to be fetched; what waits for that already is fetched once, after the last word of it."""
    yield sql(
        "reading.want",
        shop=wanted.shop,
        address=wanted.address,
        resource=wanted.resource,
        key=wanted.key,
        topic=wanted.topic,
        at=to_micros(wanted.at),
        now=to_micros(now),
    )


def wanted(now: datetime, each: int, busy: Collection[str] = ()) -> Step[list[Wanted]]:
    """What is to be fetched now, so many things of each shop that is not `busy`. Nobody else is given them for the length of a lease."""
    rows = yield sql("reading.wanted", now=to_micros(now), until=to_micros(now + THING_LEASE), each=each, busy=_named(busy))
    return [
        Wanted(
            row["shop"],
            row["address"],
            row["resource"],
            row["key"],
            row["topic"],
            from_micros(row["at"]),
            row["times"],
            row["tries"],
            from_micros(row["retry_at"]),
        )
        for row in rows
    ]


def got(one: Wanted, now: datetime) -> Step[None]:
    """It was fetched, as it was `wanted`; if it changed again meanwhile, it is fetched again."""
    assert one.until is not None
    given = {"shop": one.shop, "address": one.address, "times": one.times, "until": to_micros(one.until)}
    yield sql("reading.got", **given)
    yield sql("reading.want_again", **given, now=to_micros(now))


def want_later(one: Wanted, why: str, retry_at: datetime) -> Step[None]:
    """It could not be fetched."""
    yield sql("reading.want_later", shop=one.shop, address=one.address, trouble=why, retry_at=to_micros(retry_at))


def forget(keys: Sequence[tuple[str, str]]) -> Step[None]:
    """What is kept of these keys of shops, and nothing of them is fetched any more: whose they are is erased."""
    of_shops = [{"shop": shop, "key": key} for shop, key in keys]
    if of_shops:
        yield sql_many("reading.forget_missed_of", of_shops)
        yield sql_many("reading.forget_wanted_of", of_shops)


def forget_old(before: datetime) -> Step[list[tuple[str, str, str]]]:
    """Give up on what could not be fetched since then, and returns its shops, topics and keys; forget what was found missing before, and
    what readings brought in."""
    yield sql("reading.forget_missed", before=to_micros(before))
    yield sql("reading.forget_brought", before=to_micros(before), limit=FORGOTTEN_AT_ONCE)
    rows = yield sql("reading.forget_wanted", before=to_micros(before))
    return [(row["shop"], row["topic"], row["key"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Wants:
    """What of a shop waits to be fetched: how many things, since when, and what went wrong with one of them."""

    shop: str
    count: int
    oldest: datetime
    trouble: str | None


def wants() -> Step[list[Wants]]:
    """The shops of which something waits to be fetched."""
    return [Wants(row["shop"], row["wanted"], from_micros(row["oldest"]), row["trouble"]) for row in (yield sql("reading.wants"))]


def _named(shops: Collection[str]) -> str:
    """Shops as a statement looks them up."""
    return f",{','.join(shops)},"


def _reading(row: Row) -> Reading:
    return Reading(
        id=row["id"],
        shop=row["shop"],
        part=row["part"],
        cause=Cause(row["cause"]),
        since=from_micros(row["since"]),
        begun_at=from_micros(row["begun_at"]),
        state=ReadingState(row["state"]),
        cursor=row["cursor"],
        expected=row["expected"],
        found=row["found"],
        fresh=row["fresh"],
        missed=row["missed"],
        tries=row["tries"],
        not_before=from_micros(row["retry_at"]),
        trouble=row["trouble"],
        ended_at=from_micros_or_none(row["ended_at"]),
    )
