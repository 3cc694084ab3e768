"""The shop's mirror: carts and orders as the shop last told them, in whatever order its events arrive.

Nobody is reminded of a cart they already bought. An order closes the cart it came from (by the key of the checkout or the cart, or the
click on a recovery link) and every open cart of that person in that shop that was begun before it or within the hour after; an order that
comes first leaves itself as a tombstone under each of its names for the cart event that comes late; an older event never overwrites a
newer one. What is told of an order apart from it (a refund, that it arrived, that it is gone) is kept beside it, and counts whenever the
order comes. What holds at the end does not depend on the order of arrival: `settle` and `_as_it_stands` say it in one place each.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from bot.flow.facts import CartFacts, Line, Money, OrderFacts
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

LATE_CART = timedelta(hours=1)  # a cart begun within an hour after an order is a late word of that order's cart, whatever its key
HEARD_EVERY = timedelta(minutes=10)  # how exactly it is known when a shop was last heard
TOMBSTONE = timedelta(days=30)  # how long an order's names are kept for carts that come late; a shop tries again for days at most


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
class CartTold:
    """A cart or checkout as an event tells it. `cart` is the key of the cart behind a checkout, `click` the id in the recovery link the
    shopper came by, `names` all names it carries."""

    key: str
    at: datetime
    lines: tuple[Line, ...]
    total: Money
    link: str | None = None
    completed: bool = False
    cart: str | None = None
    click: str | None = None
    names: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order in the mirror. `unpaid`: its payment failed, and it was neither paid nor cancelled since. `given_back`: something of it
    was given or paid back. `begun`: somebody is at the payment page, or left it a moment ago."""

    id: int
    contact: int
    shop: str
    facts: OrderFacts
    unpaid: bool = False
    given_back: bool = False
    begun: bool = False


# ---- carts


def record_cart(shop: str, contact: int, told: CartTold) -> Step[Cart | None]:
    """Keep a cart as told; None when the event is older than what is known and changes nothing."""
    known = yield sql("mirror.checkout", shop=shop, key=told.key)
    row = known[0] if known else None
    if row is not None and row["state"] == CartState.ORDERED:
        return None  # for good: a shop touches a finished checkout for many reasons, and nobody is reminded of what they bought
    at = to_micros(told.at)
    started_at = min(at, row["started_at"]) if row is not None else at
    bought_at = yield from _bought_at(shop, told, started_at)
    bought = told.completed or bought_at is not None
    if bought_at is not None:  # by this person, then: their other carts up to then are bought, too
        yield from _bury(shop, [name for name in told.names if name.kind in _PEOPLE], bought_at)
        yield from close_carts(contact, shop, from_micros(bought_at))
    if row is not None and row["updated_at"] > at:
        yield from _late_word(shop, row, told, started_at, bought=bought)
        return None
    state = CartState.ORDERED if bought else CartState.OPEN if told.lines else CartState.EMPTIED
    if state is CartState.OPEN and told.cart in (None, told.key) and (yield sql("mirror.checkout_behind", shop=shop, cart=told.key)):
        state = CartState.SUPERSEDED  # it goes on in its checkout
    values: dict[str, Any] = {
        "contact": contact,
        "state": state,
        "at": at,
        "started_at": started_at,
        "lines": encode_lines(told.lines),
        "total_minor": told.total.minor,
        "currency": told.total.currency,
        "link": told.link,
        "cart_key": told.cart,
        "click": told.click,
    }
    if row is not None:
        yield sql("mirror.update_checkout", id=row["id"], **values)
    else:
        yield sql("mirror.insert_checkout", shop=shop, key=told.key, **values)
    if told.cart not in (None, told.key):
        yield sql("mirror.supersede", shop=shop, key=told.cart)
    yield from settle(contact)
    rows = yield sql("mirror.checkout", shop=shop, key=told.key)
    return _cart(rows[0])


def _late_word(shop: str, row: Row, told: CartTold, started_at: int, *, bought: bool) -> Step[None]:
    """Of a newer state that is known: when it began, and its end, count whenever they are told."""
    if bought:
        yield sql("mirror.close_checkout", shop=shop, key=told.key)
    elif started_at < row["started_at"]:
        yield sql("mirror.began", id=row["id"], started_at=started_at)
        yield from settle(row["contact"])


def _bought_at(shop: str, told: CartTold, started_at: int) -> Step[int | None]:
    """When the order was placed that came first and left a tombstone under one of the cart's names; under a person's, it counts for what
    was begun within an hour after it."""
    keys = _tombstones(shop, told.names)
    named = {kind.value: keys.get(kind) for kind in (*_EPISODES, *_PEOPLE)}
    since = started_at - _micros(LATE_CART)
    rows = yield sql("mirror.bought_at", **named, since=since, shop=shop, key=told.key)
    at: int | None = rows[0]["at"]
    return at


def _bury(shop: str, names: Iterable[Identity], placed_at: int) -> Step[None]:
    """Leave an order's tombstones. In one order always: others do so beside us."""
    keys = sorted(set(_tombstones(shop, names).values()))
    if keys:
        yield sql_many("mirror.bury_names", [{"key": key, "placed_at": placed_at} for key in keys])


_EPISODES = (IdentityKind.CHECKOUT, IdentityKind.CART, IdentityKind.CLICK)
_PEOPLE = (IdentityKind.CUSTOMER, IdentityKind.PHONE, IdentityKind.EMAIL)


def _tombstones(shop: str, names: Iterable[Identity]) -> dict[IdentityKind, bytes]:
    """A hash for each of the names, by their kind: a tombstone tells nobody whose it is."""
    return {name.kind: _tombstone(shop, name) for name in names if name.kind in (*_EPISODES, *_PEOPLE)}


def tombstones(shop: str, names: Iterable[Identity]) -> list[bytes]:
    """The keys of tombstones that an order of a shop leaves under these names."""
    return [_tombstone(shop, name) for name in names if name.kind in (*_EPISODES, *_PEOPLE)]


def _tombstone(shop: str, name: Identity) -> bytes:
    value = line_of(name.value) or name.value if name.kind is IdentityKind.PHONE else name.value
    kind = IdentityKind.CHECKOUT if name.kind is IdentityKind.CART else name.kind  # a cart without a checkout goes by its own key
    return sha256(f"{shop}\0{kind}\0{value}".encode()).digest()[:16]


def close_carts(contact: int, shop: str, placed_at: datetime) -> Step[None]:
    """An order of that moment may be this person's: their carts up to then are bought."""
    yield sql("mirror.close_carts", contact=contact, shop=shop, placed_at=to_micros(placed_at + LATE_CART))


def settle(contact: int) -> Step[None]:
    """Close the person's open carts that an order came after, in each shop; of those left the newest stays open."""
    yield sql("mirror.close_ordered", contact=contact, late=_micros(LATE_CART))
    yield sql("mirror.supersede_older", contact=contact)


def hear(shop: str, now: datetime) -> Step[None]:
    """The shop told something. Written down now and then only: everybody would wait for the one row."""
    if not (yield sql("mirror.is_heard", shop=shop, since=to_micros(now - HEARD_EVERY))):
        yield sql("mirror.hear", shop=shop, at=to_micros(now))


def last_heard() -> Step[dict[str, datetime]]:
    """When each shop last told anything, give or take HEARD_EVERY."""
    return {row["shop"]: from_micros(row["at"]) for row in (yield sql("mirror.last_heard"))}


def forget_bought(now: datetime) -> Step[None]:
    """Tombstones of orders so old that no word of their carts can still be under way are taken away."""
    yield sql("mirror.forget_bought", before=to_micros(now - TOMBSTONE))


def has_open_cart(contact: int, shop: str, since: datetime) -> Step[bool]:
    """Whether somebody has a cart that was neither bought nor emptied, and was touched since then."""
    return bool((yield sql("mirror.open_cart", contact=contact, shop=shop, since=to_micros(since))))


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
        facts=CartFacts(Money(row["total_minor"], row["currency"]), decode_lines(row["lines"]), row["link"]),
    )


# ---- orders


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order as an event tells it. `status` is one of placed, paid, delivered, cancelled; `payment` where its money is
    (bot/shop/event.py). `lines` and `total` are what is left; `refunded` is what was paid back by then, None where the shop does not say.
    `names` are all names it carries."""

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
    payment: str = "unknown"
    payment_link: str | None = None
    refunded: Money | None = None
    names: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRecorded:
    """What an order event changed. `before` is the status known until then, None for a new order; `was_unpaid`, `was_given_back` and
    `was_begun` as in Order."""

    order: Order
    before: str | None
    was_unpaid: bool = False
    was_given_back: bool = False
    was_begun: bool = False


class Word(StrEnum):
    """What is told of an order apart from it."""

    REFUND = "refund"
    DELIVERED = "delivered"
    REMOVED = "removed"
    LEFT = "left"  # nothing came of its payment for so long that it counts as failed: our own word


_RANK = {"placed": 0, "paid": 1, "delivered": 2}
_CANCELLED = "cancelled"
_FAILED = "failed"
_BEGUN = "begun"
_PAYMENTS = (  # of two words of the same moment the later in this row counts
    *("unknown", _BEGUN, "awaited", _FAILED, "on_delivery", "authorized", "partly_paid", "paid", "partly_refunded", "refunded"),
)
_PAID_BACK = ("partly_refunded", "refunded")
_LINKS = ("checkout_key", "tracking_link", "reorder_link", "payment_link", "click")


def record_order(shop: str, contact: int, told: OrderTold) -> Step[OrderRecorded]:
    """Keep an order as told, close the carts it may have come from, and keep the person's sums in step."""
    known = yield sql("mirror.order", shop=shop, key=told.key)
    values = _merged(known[0] if known else None, contact, told)
    words = yield sql("mirror.order_words", shop=shop, order_key=told.key)
    values |= _as_it_stands(values, words)
    if known:
        yield sql("mirror.update_order", id=known[0]["id"], **values)
    else:
        yield sql("mirror.insert_order", shop=shop, key=told.key, **values)
    yield from _close_joined(shop, told, values["placed_at"])
    yield from settle(values["contact"])
    if contact != values["contact"]:  # an older word named somebody else
        yield from close_carts(contact, shop, from_micros(values["placed_at"]))
    for buyer in sorted({values["contact"], known[0]["contact"] if known else contact}):  # it may turn out to be somebody else's
        yield sql("contact.sum_orders", id=buyer)
    return (yield from _recorded(shop, told.key, known[0] if known else None))


def _close_joined(shop: str, told: OrderTold, placed_at: int) -> Step[None]:
    """The carts of the order's own keys are bought, also those that are not told yet."""
    keys = {name.kind: name.value for name in told.names if name.kind in _EPISODES}
    if told.checkout:
        keys[IdentityKind.CHECKOUT] = told.checkout
        yield sql("mirror.close_checkout", shop=shop, key=told.checkout)
    if cart_key := keys.get(IdentityKind.CART):
        yield sql("mirror.close_checkout", shop=shop, key=cart_key)
        yield sql("mirror.close_cart", shop=shop, cart=cart_key)
    if click := keys.get(IdentityKind.CLICK):
        yield sql("mirror.close_click", shop=shop, click=click)
    yield from _bury(shop, told.names, placed_at)


def _merged(known: Row | None, contact: int, told: OrderTold) -> dict[str, Any]:
    """An order's columns once this word is among those told of it: the newest word counts, and how far it got is never taken back."""
    fresh: dict[str, Any] = {
        "contact": contact,
        "number": told.number,
        "cancelled": told.status == _CANCELLED,
        "reached": "placed" if told.status == _CANCELLED else told.status,
        "checkout_key": told.checkout,
        "placed_at": to_micros(told.placed_at),
        "updated_at": to_micros(told.at),
        "told_lines": encode_lines(told.lines),
        "told_minor": told.total.minor,
        "told_refunded": told.refunded.minor if told.refunded else None,
        "currency": told.total.currency,
        "tracking_link": told.tracking_link,
        "reorder_link": told.reorder_link,
        "codes": json.dumps(told.codes),
        "payment": told.payment,
        "payment_link": told.payment_link,
        "click": next((name.value for name in told.names if name.kind is IdentityKind.CLICK), None),
    }
    if known is None:
        return fresh
    before = _as_told(known)
    newer, older = (before, fresh) if before["updated_at"] > fresh["updated_at"] else (fresh, before)
    same_moment = before["updated_at"] == fresh["updated_at"]
    return {
        **newer,
        **{name: newer[name] or older[name] for name in _LINKS},
        "placed_at": min(before["placed_at"], fresh["placed_at"]),
        "reached": max(before["reached"], fresh["reached"], key=_RANK.__getitem__),
        "cancelled": newer["cancelled"] or (same_moment and older["cancelled"]),
        "payment": _payment(newer["payment"], older["payment"], same_moment=same_moment),
    }


def _payment(newer: str, older: str, *, same_moment: bool) -> str:
    if same_moment:
        return max(newer, older, key=_PAYMENTS.index)
    return older if newer == _PAYMENTS[0] else newer


def _as_told(row: Row) -> dict[str, Any]:
    """What is told of an order, from its row. Rows of before refunds were counted hold it in the columns that are read."""
    is_old = row["told_lines"] is None
    names = ("contact", "number", "placed_at", "updated_at", "currency", "codes", "payment", "told_refunded", *_LINKS)
    return {
        **{name: row[name] for name in names},
        "cancelled": row["status"] == _CANCELLED,
        "reached": row["reached"] or ("placed" if row["status"] == _CANCELLED else row["status"]),
        "told_lines": row["lines"] if is_old else row["told_lines"],
        "told_minor": row["total_minor"] if is_old else row["told_minor"],
    }


def _as_it_stands(told: dict[str, Any], words: Sequence[Row]) -> dict[str, Any]:
    """The columns that are read: what is left of the order after every word that was told apart from it. Takes `cancelled` out."""
    kinds = {word["kind"] for word in words}
    reached = "delivered" if Word.DELIVERED in kinds else told["reached"]
    status = _CANCELLED if told.pop("cancelled") or Word.REMOVED in kinds else reached
    refunds = [word for word in words if word["kind"] == Word.REFUND]
    since = [word for word in refunds if word["at"] > told["updated_at"]]
    total = _left(told["told_minor"], told["told_refunded"], refunds, since)
    went_back = total == 0 and (bool(refunds) or bool(told["told_refunded"]))
    payment = _FAILED if told["payment"] == _BEGUN and Word.LEFT in kinds else told["payment"]
    failed = payment == _FAILED and status == "placed"
    return {
        "payment": payment,
        "status": status,
        "lines": _lines_left(told["told_lines"], since) if since else told["told_lines"],
        "total_minor": total,
        "returned": int(bool(refunds) or bool(told["told_refunded"]) or told["payment"] in _PAID_BACK),
        "counted": int(status != _CANCELLED and not failed and not went_back and told["payment"] != "refunded"),
    }


def _left(minor: int, refunded: int | None, refunds: Sequence[Row], since: Sequence[Row]) -> int:
    """What is left of a total. Where the shop says what it has taken off, a refund counts once, whoever tells it first; where it does not,
    refunds after its word are taken off."""
    if refunded is None:
        return max(0, minor - sum(map(_paid_back, since)))
    return max(0, minor + refunded - max(refunded, sum(map(_paid_back, refunds))))


def _paid_back(refund: Row) -> int:
    if refund["minor"] is not None:
        return int(refund["minor"])
    return sum(line.price.minor * line.quantity for line in decode_lines(refund["lines"]) if line.price)


def _lines_left(told: str, refunds: Sequence[Row]) -> str:
    """The lines without the pieces that came back."""
    left = list(decode_lines(told))
    for back in (line for refund in refunds for line in decode_lines(refund["lines"])):
        pieces = back.quantity
        for place, line in enumerate(left):
            if _article(line) == _article(back):
                taken = min(pieces, line.quantity)
                left[place], pieces = replace(line, quantity=line.quantity - taken), pieces - taken
    return encode_lines([line for line in left if line.quantity > 0])


def _article(line: Line) -> str:
    return line.variant or line.sku or line.product or line.name


def tell_apart(
    shop: str, key: str, word: Word, at: datetime, *, name: str = "", amount: Money | None = None, lines: Sequence[Line] = ()
) -> Step[OrderRecorded | None]:
    """Keep what is told of an order apart from it; twice is once. None when the order is not known yet: it counts as soon as it is.

    `name` is the shop's key of a refund, `amount` what was paid back, `lines` the pieces that came back.
    """
    minor = amount.minor if amount else None
    yield sql("mirror.add_word", shop=shop, order_key=key, kind=word, key=name, at=to_micros(at), minor=minor, lines=encode_lines(lines))
    known = yield sql("mirror.order", shop=shop, key=key)
    if not known:
        return None
    values = _as_told(known[0])
    values |= _as_it_stands(values, (yield sql("mirror.order_words", shop=shop, order_key=key)))
    yield sql("mirror.update_order", id=known[0]["id"], **values)
    yield sql("contact.sum_orders", id=known[0]["contact"])
    return (yield from _recorded(shop, key, known[0]))


def payment_left(order_id: int, at: datetime) -> Step[OrderRecorded | None]:
    """Nothing came of an order's payment: it failed. None when it went on meanwhile, whichever way."""
    rows = yield sql("mirror.order_by_id", id=order_id)
    if not rows or not _order(rows[0]).begun:
        return None
    return (yield from tell_apart(rows[0]["shop"], rows[0]["key"], Word.LEFT, at))


def _recorded(shop: str, key: str, before: Row | None) -> Step[OrderRecorded]:
    rows = yield sql("mirror.order", shop=shop, key=key)
    if before is None:
        return OrderRecorded(_order(rows[0]), None)
    was = _order(before)
    return OrderRecorded(_order(rows[0]), before["status"], was.unpaid, was.given_back, was.begun)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What is known of an order, as a comparison with the store needs it: when it last changed, and how it was told to stand then."""

    updated_at: datetime
    cancelled: bool
    reached: str
    payment: str
    total: Money


def known_order(shop: str, key: str) -> Step[KnownOrder | None]:
    """What is known of an order by the shop's key."""
    rows = yield sql("mirror.order", shop=shop, key=key)
    if not rows:
        return None
    told = _as_told(rows[0])
    total = Money(told["told_minor"], told["currency"])
    return KnownOrder(from_micros(told["updated_at"]), told["cancelled"], told["reached"], told["payment"], total)


def known_cart(shop: str, key: str, behind: str | None) -> Step[datetime | None]:
    """When a checkout last changed, as far as it is known: by its key, or by that of the cart behind it."""
    rows = yield sql("mirror.known_cart", shop=shop, key=key, cart=behind or key)
    return from_micros_or_none(rows[0]["at"])


def order(order_id: int) -> Step[Order | None]:
    """An order by the store's own id."""
    rows = yield sql("mirror.order_by_id", id=order_id)
    return _order(rows[0]) if rows else None


def nth(order: Order) -> Step[int | None]:
    """Which of the person's orders it is, by when they were placed; None where it does not count."""
    rows = yield sql("mirror.nth", id=order.id)
    return int(rows[0]["nth"]) if rows else None


def last_order(contact: int) -> Step[Order | None]:
    """The person's last order that counts: neither cancelled nor refunded, its payment not failed."""
    rows = yield sql("mirror.last_order", contact=contact)
    return _order(rows[0]) if rows else None


def _order(row: Row) -> Order:
    facts = OrderFacts(
        number=row["number"],
        status=row["status"],
        total=Money(row["total_minor"], row["currency"]),
        placed_at=from_micros(row["placed_at"]),
        lines=decode_lines(row["lines"]),
        tracking_link=row["tracking_link"],
        reorder_link=row["reorder_link"],
        payment_link=row["payment_link"],
        is_returned=bool(row["returned"]) or row["status"] == _CANCELLED,
    )
    is_open = row["status"] == "placed"
    unpaid, begun = (is_open and row["payment"] == payment for payment in (_FAILED, _BEGUN))
    return Order(row["id"], row["contact"], row["shop"], facts, unpaid, bool(row["returned"]), begun)


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def encode_lines(lines: Sequence[Line]) -> str:
    """Lines as a column holds them."""
    return json.dumps([_encode_line(line) for line in lines])


def _encode_line(line: Line) -> list[object]:
    minor, currency = (line.price.minor, line.price.currency) if line.price else (None, None)
    return [line.name, line.quantity, minor, currency, line.product, line.category, line.variant, line.sku]


def decode_lines(text: str) -> tuple[Line, ...]:
    """The lines behind `encode_lines`."""
    return tuple(_decode_line(*told) for told in json.loads(text))


def _decode_line(
    name: str,
    quantity: int,
    minor: int | None,
    currency: str | None,
    product: str | None,
    category: str | None,
    variant: str | None = None,  # lines of before variants were kept have none
    sku: str | None = None,
) -> Line:
    price = None if minor is None or currency is None else Money(minor, currency)
    return Line(name, quantity, price, product, category, variant, sku)
