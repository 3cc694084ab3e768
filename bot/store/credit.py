"""Which flow brought an order about, as far as that can be told: one row an order, in step with the order and with what became of messages.

A code of ours on the order counts first, then the click on a link that we sent to this person (`sent_link`; a link that was passed on to
somebody else brings nothing), then a marketing message that was in the person's hands before
they ordered, no longer ago than the owner says. Of several the last one counts. An order without any of these came by itself, and a code
on somebody else's order has leaked: it brings its flow nothing. None of this says that they would not have ordered anyway.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.flow.facts import Money
from bot.store.step import Row, Step, from_micros, sql, to_micros


class Kind(StrEnum):
    """What an order is credited by."""

    CODE = "code"
    CLICK = "click"
    VIEW_THROUGH = "view_through"


@dataclass(frozen=True, slots=True)
class Credit:
    """An order that a flow is credited with. `kept` is what is left of it (nothing, once it does not count any more), `back` what was
    given or paid back."""

    order: int
    number: str
    placed_at: datetime
    kind: Kind
    flow: str
    kept: Money
    back: Money


@dataclass(frozen=True, slots=True)
class Settled:
    """What was found out anew of an order: whose it is, and the flow and the kind of its credit, before and now (None: by itself)."""

    contact: int
    number: str
    before: tuple[str, Kind] | None
    now: tuple[str, Kind] | None


def settle(order: int, window: timedelta) -> Step[Settled]:
    """Find out what an order is credited to, from all that is known now, and keep that. `window` is how long a message counts."""
    row = (yield sql("credit.order", id=order))[0]
    placed_at = row["placed_at"]
    before = (row["known_flow"], Kind(row["known_kind"])) if row["known_kind"] else None
    touched = yield sql(
        "credit.touch",
        contact=row["contact"],
        shop=row["shop"],
        key=row["key"],
        click=row["click"] or "",
        placed_at=placed_at,
        since=placed_at - window // timedelta(microseconds=1),
    )
    if not touched:
        if before is not None:
            yield sql("credit.forget", id=order)
        return Settled(row["contact"], row["number"], before, None)
    touch, minor = touched[0], row["total_minor"] if row["counted"] else 0
    yield sql(
        "credit.save",
        shop_order=order,
        contact=row["contact"],
        shop=row["shop"],
        placed_at=placed_at,
        **{name: touch[name] for name in ("kind", "flow", "run", "message")},
        minor=minor,
        back_minor=max(0, _gross(row) - minor),
        currency=row["currency"],
    )
    return Settled(row["contact"], row["number"], before, (touch["flow"], Kind(touch["kind"])))


def _gross(row: Row) -> int:
    """What the order cost before anything was taken off, as far as the shop told it."""
    return int(row["total_minor"] if row["told_lines"] is None else row["told_minor"] + (row["told_refunded"] or 0))


def orders_after(contact: int, message: int, since: datetime, window: timedelta) -> Step[list[int]]:
    """Orders of somebody that a message which arrived then could be credited with, or is."""
    until = to_micros(since + window)
    rows = yield sql("credit.orders_after", contact=contact, message=message, since=to_micros(since), until=until)
    return [row["id"] for row in rows]


def orders_since(since: datetime, after: int, limit: int) -> Step[list[tuple[int, int]]]:
    """Orders placed since then by people whom a message of ours reached, by id, from after one of them on: each with whose it is."""
    rows = yield sql("credit.orders_since", since=to_micros(since), after=after, limit=limit)
    return [(row["id"], row["contact"]) for row in rows]


def of_contact(contact: int) -> Step[list[Credit]]:
    """What flows are credited with of somebody's orders, the oldest first."""
    return [_credit(row) for row in (yield sql("credit.of_contact", contact=contact))]


def _credit(row: Row) -> Credit:
    kept, back = Money(row["minor"], row["currency"]), Money(row["back_minor"], row["currency"])
    return Credit(row["shop_order"], row["number"], from_micros(row["placed_at"]), Kind(row["kind"]), row["flow"], kept, back)
