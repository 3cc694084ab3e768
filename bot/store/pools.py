"""Pools: codes that exist in a store before anybody is promised one. Each is written here before the store hears of it.

    planned -> asked (the store was told, perhaps without an answer) -> ready -> taken by a discount; or lost: the store will not have it
    out of a file: ready -> taken; or lost: the file has it no more
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.flow import money
from bot.flow.facts import Money
from bot.store.step import Row, Step, among, from_micros, sql, sql_many, to_micros

LOW_WATER = 100  # ready codes below which more are made
REFILL = 250  # Shopify: a bulk takes at most 250
EVERYBODYS = ""  # the shop of a pool that comes out of a file


@dataclass(frozen=True, slots=True)
class Pool:
    """Codes of one flow, one worth and one month in a store. `code` is the parent discount's own, promised to nobody; `place` the store's
    id of that, None until it is there; `asked` tells whether the store was asked for it; `bulk` is what the store is working on.
    Codes are taken until `until`, and work until `ends` (UTC)."""

    id: int
    shop: str
    source: str
    flow: str
    percent: Decimal | None
    amount: Money | None
    until: datetime
    ends: datetime
    code: str
    place: str | None
    asked: bool
    bulk: str | None
    attempts: int
    why: str | None

    @property
    def title(self) -> str:
        """What the owner reads in the store."""
        month = self.until - timedelta(days=1)  # in UTC a month may end on the first of the next
        return f"{self.flow} {worth_of(self.percent, self.amount)} {month:%Y-%m}, Comeback {self.code}"


def worth_of(percent: Decimal | None, amount: Money | None) -> str:
    """`5%`, `10.00 EUR`."""
    return f"{money.amount(amount):f} {amount.currency}" if amount is not None else f"{percent or 0:f}%"


def ensure(
    shop: str,
    source: str,
    flow: str,
    percent: Decimal | None,
    amount: Money | None,
    *,
    until: datetime,
    ends: datetime,
    code: str,
    now: datetime,
) -> Step[Pool]:
    """The pool, made where there is none yet; `code` is its parent's then."""
    worth = worth_of(percent, amount)
    named = {"shop": shop, "source": source, "flow": flow, "worth": worth, "ends": to_micros(ends)}
    rows = yield sql("pool.find", **named)
    if not rows:
        yield sql(
            "pool.put",
            **named,
            percent=None if percent is None else str(percent),
            amount_minor=amount.minor if amount else None,
            currency=amount.currency if amount else None,
            until=to_micros(until),
            code=code,
            now=to_micros(now),
        )
        rows = yield sql("pool.find", **named)
    return _pool(rows[0])


def take(pool: int, discount: int) -> Step[str | None]:
    """A ready code for this discount, the same one when asked again; None when there is none. Nobody else gets it."""
    rows = (yield sql("pool.taken_by", discount=discount)) or (yield sql("pool.take", pool=pool, discount=discount))
    return str(rows[0]["code"]) if rows else None


# ---- out of a file


class BeingWritten(Exception):
    """A file is being written right now: what is in it is not all."""


class InFile(StrEnum):
    """What became of a code that came out of a file: `lost` ones are in it no more."""

    READY = "ready"
    TAKEN = "taken"
    LOST = "lost"


def codes_in(pool: Pool, state: InFile, after: int, limit: int) -> Step[list[tuple[int, str]]]:
    """Codes of a file's pool with their numbers, in order of these, from the one `after` on."""
    rows = yield sql("pool.page", pool=pool.id, state=state, after=after, limit=limit)
    return [(row["id"], str(row["code"])) for row in rows]


def add_from_file(pool: Pool, codes: Sequence[str]) -> Step[None]:
    """Codes that an owner had made elsewhere. One that was there already changes nothing, whatever became of it."""
    yield sql_many("pool.plan", [{"pool": pool.id, "shop": pool.shop, "code": code, "state": InFile.READY} for code in codes])


def withdraw(pool: Pool, codes: Sequence[str]) -> Step[None]:
    """The owner took these out of the file: nobody is given them any more."""
    yield from _change(pool, codes, InFile.READY, InFile.LOST)


def bring_back(pool: Pool, codes: Sequence[str]) -> Step[None]:
    """They are in the file again."""
    yield from _change(pool, codes, InFile.LOST, InFile.READY)


def _change(pool: Pool, codes: Sequence[str], was: InFile, becomes: InFile) -> Step[None]:
    yield sql_many("pool.change", [{"pool": pool.id, "code": code, "was": was, "becomes": becomes} for code in codes])


# ---- filling


def due(now: datetime, limit: int, busy: Collection[str] = ()) -> Step[list[Pool]]:
    """Pools to work on now: the store is at work for one, or too few of its codes are left. None of a shop that is `busy`."""
    rows = yield sql("pool.due", now=to_micros(now), low=LOW_WATER, limit=limit, busy=among(busy))
    return [_pool(row) for row in rows]


def parent_asked(pool: int) -> Step[None]:
    """The store is about to be asked for the parent discount."""
    yield sql("pool.parent_asked", id=pool)


def opened(pool: int, place: str) -> Step[None]:
    """The parent discount exists."""
    yield sql("pool.opened", id=pool, place=place)


@dataclass(frozen=True, slots=True)
class Batch:
    """Codes to be made. `unsure`: the store may have them already, for it was asked before."""

    codes: tuple[str, ...]
    unsure: bool


def next_batch(pool: Pool, most: int, fresh: Sequence[str]) -> Step[Batch]:
    """Up to `most` codes the store is to make, marked as asked. Those it was asked for before come first and alone; where none is planned,
    the `fresh` ones are."""
    asked = yield sql("pool.in_state", pool=pool.id, state="asked", limit=most)
    if asked:
        return Batch(tuple(row["code"] for row in asked), unsure=True)
    planned = yield sql("pool.in_state", pool=pool.id, state="planned", limit=most)
    if not planned:
        yield sql_many("pool.plan", [{"pool": pool.id, "shop": pool.shop, "code": code, "state": "planned"} for code in fresh])
        planned = yield sql("pool.in_state", pool=pool.id, state="planned", limit=most)
    codes = tuple(str(row["code"]) for row in planned)
    yield sql_many("pool.settle", [{"pool": pool.id, "code": code, "state": "asked", "store_id": None} for code in codes])
    return Batch(codes, unsure=False)


def under_way(pool: int, bulk: str, until: datetime) -> Step[None]:
    """The store works on it: ask at `until`."""
    yield sql("pool.under_way", id=pool, bulk=bulk, until=to_micros(until))


def later(pool: int, until: datetime) -> Step[None]:
    """Not done yet: ask again at `until`."""
    yield sql("pool.later", id=pool, until=to_micros(until))


def settle(pool: Pool, ready: Mapping[str, str], lost: Sequence[str], now: datetime) -> Step[None]:
    """What became of codes the store was asked for: `ready` exist there, under its ids; `lost` never will."""
    there = [{"pool": pool.id, "code": code, "state": "ready", "store_id": store_id} for code, store_id in ready.items()]
    gone = [{"pool": pool.id, "code": code, "state": "lost", "store_id": None} for code in lost]
    yield sql_many("pool.settle", [*there, *gone])
    yield sql("pool.worked", id=pool.id, now=to_micros(now))
    yield sql("pool.wake", pool=pool.id, now=to_micros(now))


def failed(pool: Pool, why: str, until: datetime, attempts: int, now: datetime) -> Step[None]:
    """The store could not be reached, or said no: try again at `until`. Whoever waits looks now whether there is still hope."""
    yield sql("pool.failed", id=pool.id, why=why, until=to_micros(until), attempts=attempts)
    yield sql("pool.wake", pool=pool.id, now=to_micros(now))


# ---- taking codes out of the store again


@dataclass(frozen=True, slots=True)
class Closing:
    """A code that must not work any longer."""

    discount: int
    shop: str
    code: str
    place: str | None
    store_id: str | None
    over: bool


def closing(now: datetime, limit: int, busy: Collection[str] = ()) -> Step[list[Closing]]:
    """Codes to take out of their stores now, of no shop that is `busy`. `over`: the store's own end of them has come."""
    rows = yield sql("discount.closing", now=to_micros(now), limit=limit, busy=among(busy))
    return [Closing(row["id"], row["shop"], row["code"], row["place"], row["store_id"], row["ends"] <= to_micros(now)) for row in rows]


def closed(discount: int, again: datetime | None = None) -> Step[None]:
    """It is out, or is tried again."""
    yield sql("discount.closed", id=discount, until=None if again is None else to_micros(again))


def _pool(row: Row) -> Pool:
    return Pool(
        id=row["id"],
        shop=row["shop"],
        source=row["source"],
        flow=row["flow"],
        percent=Decimal(row["percent"]) if row["percent"] is not None else None,
        amount=Money(row["amount_minor"], row["currency"]) if row["amount_minor"] is not None else None,
        until=from_micros(row["until"]),
        ends=from_micros(row["ends"]),
        code=row["code"],
        place=row["place"],
        asked=bool(row["asked"]),
        bulk=row["bulk"],
        attempts=row["attempts"],
        why=row["why"],
    )
