"""The shop's mirror: carts and orders as the shop last told them, in whatever order its events arrive.

Nobody is reminded of a cart they already bought: an order closes every open cart of that person in that shop that was not touched
long after it, an order that comes first leaves itself as a tombstone for the cart event that comes late, and an older cart event
never overwrites a newer one. What holds at the end does not depend on the order of arrival: `settle` says it in one place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.flow.facts import CartFacts, Line, Money, OrderFacts
from bot.store.step import Row, Step, from_micros, sql, to_micros

LATE_CART = timedelta(hours=1)  # a cart told within an hour after an order is a late word of that order's cart, whatever its key


class CartState(StrEnum):
    """What became of a checkout. `superseded`: the person went on in a newer one."""

    OPEN = "open"
    EMPTIED = "emptied"
    ORDERED = "ordered"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Cart:
    """A checkout in the mirror. `generation` rises with each activity: a timer for an older one is stale."""

    id: int
    contact: int
    shop: str
    state: CartState
    updated_at: datetime
    generation: int
    facts: CartFacts


@dataclass(frozen=True, slots=True)
class Order:
    """An order in the mirror."""

    id: int
    contact: int
    shop: str
    facts: OrderFacts


def record_cart(
    shop: str, key: str, contact: int, at: datetime, lines: Sequence[Line], total: Money, link: str | None, *, completed: bool
) -> Step[Cart | None]:
    """Keep a cart as told; None when the event is older than what is known and changes nothing."""
    known = yield sql("mirror.checkout", shop=shop, key=key)
    if known and known[0]["state"] == CartState.ORDERED:
        return None  # for good: a shop touches a finished checkout for many reasons, and nobody is reminded of what they bought
    if known and known[0]["updated_at"] > to_micros(at):
        if completed:  # its end is its end, whenever it is told
            yield sql("mirror.close_checkout", shop=shop, key=key)
        return None
    bought = completed or bool((yield sql("mirror.order_of_checkout", shop=shop, key=key)))
    state = CartState.ORDERED if bought else CartState.OPEN if lines else CartState.EMPTIED
    values: dict[str, Any] = {
        "contact": contact,
        "state": state,
        "at": to_micros(at),
        "lines": _encode_lines(lines),
        "total_minor": total.minor,
        "currency": total.currency,
        "link": link,
    }
    if known:
        yield sql("mirror.update_checkout", id=known[0]["id"], **values)
    else:
        yield sql("mirror.insert_checkout", shop=shop, key=key, **values)
    yield from settle(contact)
    rows = yield sql("mirror.checkout", shop=shop, key=key)
    return _cart(rows[0])


def close_carts(contact: int, shop: str, placed_at: datetime) -> Step[None]:
    """An order of that moment may be this person's: their carts up to then are bought."""
    yield sql("mirror.close_carts", contact=contact, shop=shop, placed_at=to_micros(placed_at + LATE_CART))


def settle(contact: int) -> Step[None]:
    """Close the person's open carts that an order came after, in each shop; of those left the newest stays open."""
    yield sql("mirror.close_ordered", contact=contact, late=LATE_CART // timedelta(microseconds=1))
    yield sql("mirror.supersede_older", contact=contact)


def cart(checkout: int) -> Step[Cart | None]:
    """A checkout by the store's own id."""
    rows = yield sql("mirror.checkout_by_id", id=checkout)
    return _cart(rows[0]) if rows else None


def _cart(row: Row) -> Cart:
    return Cart(
        id=row["id"],
        contact=row["contact"],
        shop=row["shop"],
        state=CartState(row["state"]),
        updated_at=from_micros(row["updated_at"]),
        generation=row["generation"],
        facts=CartFacts(Money(row["total_minor"], row["currency"]), _decode_lines(row["lines"]), row["link"]),
    )


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order as an event tells it. `status` is one of placed, paid, delivered, cancelled."""

    key: str
    number: str
    status: str
    at: datetime
    placed_at: datetime
    lines: tuple[Line, ...]
    total: Money
    checkout: str | None
    tracking_link: str | None
    reorder_link: str | None
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderRecorded:
    """What an order event changed. `before` is the status known until then, None for a new order."""

    order: Order
    before: str | None


_RANK = {"placed": 0, "paid": 1, "delivered": 2, "cancelled": 3}


def record_order(shop: str, contact: int, told: OrderTold) -> Step[OrderRecorded]:
    """Keep an order as told, close the person's open carts in that shop, and keep the person's sums in step."""
    known = yield sql("mirror.order", shop=shop, key=told.key)
    before = known[0]["status"] if known else None
    stale = bool(known) and known[0]["updated_at"] > to_micros(told.at)
    status = told.status if before is None or (_RANK[told.status] > _RANK[before] and not stale) else before
    values: dict[str, Any] = {
        "contact": contact,
        "number": told.number,
        "status": status,
        "checkout_key": told.checkout,
        "updated_at": max(to_micros(told.at), known[0]["updated_at"]) if known else to_micros(told.at),
        "lines": known[0]["lines"] if stale else _encode_lines(told.lines),
        "total_minor": known[0]["total_minor"] if stale else told.total.minor,
        "currency": known[0]["currency"] if stale else told.total.currency,
        "tracking_link": told.tracking_link,
        "reorder_link": told.reorder_link,
        "codes": json.dumps(told.codes),
        "counted": int(status != "cancelled"),
    }
    if known:
        yield sql("mirror.update_order", id=known[0]["id"], **values)
    else:
        yield sql("mirror.insert_order", shop=shop, key=told.key, placed_at=to_micros(told.placed_at), **values)
    if told.checkout:
        yield sql("mirror.close_checkout", shop=shop, key=told.checkout)
    yield from settle(contact)
    for buyer in {contact, known[0]["contact"] if known else contact}:  # it may turn out to be somebody else's
        yield sql("contact.sum_orders", id=buyer, currency=values["currency"])
    rows = yield sql("mirror.order", shop=shop, key=told.key)
    return OrderRecorded(_order(rows[0]), before)


def advance_order(shop: str, key: str, status: str, at: datetime) -> Step[OrderRecorded | None]:
    """An order of which no more is told than this: that it arrived, or that it is gone. None when it is not known."""
    known = yield sql("mirror.order", shop=shop, key=key)
    if not known:
        return None
    row, facts = known[0], _order(known[0]).facts
    told = OrderTold(
        key=key,
        number=facts.number,
        status=status,
        at=max(at, from_micros(row["updated_at"])),  # another clock's word: it must not look late beside the shop's own
        placed_at=facts.placed_at,
        lines=facts.lines,
        total=facts.total,
        checkout=row["checkout_key"],
        tracking_link=None,
        reorder_link=None,
        codes=tuple(json.loads(row["codes"])),
    )
    return (yield from record_order(shop, row["contact"], told))


def buyer(shop: str, key: str) -> Step[int | None]:
    """Whose order it is; None when it is not known."""
    known = yield sql("mirror.order", shop=shop, key=key)
    return int(known[0]["contact"]) if known else None


def order(order_id: int) -> Step[Order | None]:
    """An order by the store's own id."""
    rows = yield sql("mirror.order_by_id", id=order_id)
    return _order(rows[0]) if rows else None


def last_order(contact: int) -> Step[Order | None]:
    """The person's last order that was not cancelled."""
    rows = yield sql("mirror.last_order", contact=contact)
    return _order(rows[0]) if rows else None


def bought_since(contact: int, category: str, after: datetime) -> Step[bool]:
    """Whether the person ordered something of the category after that moment."""
    rows = yield sql("mirror.orders_after", contact=contact, after=to_micros(after))
    return any(line.category == category for row in rows for line in _decode_lines(row["lines"]))


def _order(row: Row) -> Order:
    facts = OrderFacts(
        number=row["number"],
        status=row["status"],
        total=Money(row["total_minor"], row["currency"]),
        placed_at=from_micros(row["placed_at"]),
        lines=_decode_lines(row["lines"]),
        tracking_link=row["tracking_link"],
        reorder_link=row["reorder_link"],
    )
    return Order(row["id"], row["contact"], row["shop"], facts)


def _encode_lines(lines: Sequence[Line]) -> str:
    return json.dumps([_encode_line(line) for line in lines])


def _encode_line(line: Line) -> list[object]:
    minor, currency = (line.price.minor, line.price.currency) if line.price else (None, None)
    return [line.name, line.quantity, minor, currency, line.product, line.category]


def _decode_lines(text: str) -> tuple[Line, ...]:
    return tuple(
        Line(name, quantity, None if minor is None else Money(minor, currency), product, category)
        for name, quantity, minor, currency, product, category in json.loads(text)
    )
