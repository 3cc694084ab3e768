"""Discount codes: kept here first, then made in the shop, and only then promised. A crash in between makes the same code again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.flow.facts import Money
from bot.flow.run import Discount
from bot.store import inbox
from bot.store.model import Source
from bot.store.step import Row, Step, from_micros, sql, to_micros


@dataclass(frozen=True, slots=True)
class Wanted:
    """A code a run waits for."""

    id: int
    run: int
    generation: int
    contact: int
    shop: str
    discount: Discount
    attempts: int
    refused: bool = False
    why: str | None = None


def want(run: int, generation: int, contact: int, shop: str, discount: Discount, now: datetime) -> Step[None]:
    """Keep a code that is to be made in the shop. The same wait of the same run a second time changes nothing."""
    yield sql(
        "discount.want",
        run=run,
        generation=generation,
        contact=contact,
        shop=shop,
        code=discount.code,
        percent=None if discount.percent is None else str(discount.percent),
        amount_minor=discount.amount.minor if discount.amount else None,
        currency=discount.amount.currency if discount.amount else None,
        ends=to_micros(discount.ends),
        now=to_micros(now),
    )


def wanted(now: datetime, limit: int) -> Step[list[Wanted]]:
    """Codes to make now."""
    rows = yield sql("discount.wanted", now=to_micros(now), limit=limit)
    return [_wanted(row) for row in rows]


def load(discount: int) -> Step[Wanted]:
    """A code by the store's own id."""
    rows = yield sql("discount.load", id=discount)
    return _wanted(rows[0])


def _wanted(row: Row) -> Wanted:
    return Wanted(
        id=row["id"],
        run=row["run"],
        generation=row["generation"],
        contact=row["contact"],
        shop=row["shop"],
        discount=Discount(
            code=row["code"],
            ends=from_micros(row["ends"]),
            percent=Decimal(row["percent"]) if row["percent"] is not None else None,
            amount=Money(row["amount_minor"], row["currency"]) if row["amount_minor"] is not None else None,
        ),
        attempts=row["attempts"],
        refused=row["state"] == "refused",
        why=row["why"],
    )


def again(discount: int, until: datetime, why: str) -> Step[None]:
    """The shop could not be reached: try again at `until`."""
    yield sql("discount.retry", id=discount, until=to_micros(until), why=why)


def made(wanted: Wanted, now: datetime) -> Step[None]:
    """The code exists in the shop: the run hears of it through the inbox."""
    if (yield sql("discount.made", id=wanted.id)):
        yield from inbox.put(Source.HOUSE, "discount_made", wanted.contact, {"discount": wanted.id}, now)


def refused(wanted: Wanted, why: str, now: datetime) -> Step[None]:
    """There will be no code: the run hears of it through the inbox."""
    if (yield sql("discount.refused", id=wanted.id, why=why)):
        yield from inbox.put(Source.HOUSE, "discount_refused", wanted.contact, {"discount": wanted.id}, now)
