"""Who bought what when: one row an order and product, in step with the mirror's orders; what it says of each product; who is awaited when.

A product goes by the shop's key; where the shop tells none by its SKU, else by its name. Kinds (variants) of a product are one product.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bot.flow.facts import Line
from bot.policy.reorder import Evidence, Purchase
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

LONGEST_WAY = timedelta(days=45)  # of a parcel; who hears later than that of its arrival hears of something else (an edit, an import)
PAGE = 20_000  # purchases read at once: some 20 ms in which nobody else works
_DAY = 86_400_000_000
_FIRST_DAY = 719_163  # 1 January 1970, as `date.toordinal()`


@dataclass(frozen=True, slots=True)
class Sold:
    """A product as the last order called it."""

    shop: str
    product: str
    name: str
    sku: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase of a product, or of something of a category: how many pieces of it, and when it was in their hands (UTC)."""

    order: int
    pieces: int
    at: datetime

    @property
    def day(self) -> int:
        """As `policy.reorder` counts days."""
        return day_of(to_micros(self.at))


@dataclass(frozen=True, slots=True)
class Awaited:
    """When somebody is to be asked whether they need something again. `what` is the kind of the timer; a timer with another order or
    `generation` is stale. `since` is the last purchase; `asked`: how often they were, in this cycle."""

    what: str
    order: int
    since: datetime
    due: datetime
    generation: int
    asked: int = 0


def generation_of(due: datetime) -> int:
    """The generation of whoever is awaited then: it differs for each moment, also after they were forgotten in between."""
    return to_micros(due)


def key_of(line: Line) -> str:
    """What a line's product goes by."""
    return line.product or line.sku or line.name


def day_of(micros: int) -> int:
    """The day of a stored time, as `policy.reorder` counts them."""
    return micros // _DAY + _FIRST_DAY


# ---- one person's


def keep(
    order: int, contact: int, shop: str, lines: Sequence[Line], placed_at: datetime, arrived_at: datetime | None
) -> Step[frozenset[tuple[int, str]]]:
    """Bring the purchases of an order in step with it as the mirror has it now; returns whose purchases of what changed.

    `arrived_at` is when it was delivered, as far as the word that was just told of it says.
    """
    if arrived_at is not None:
        yield sql("purchase.delivered", id=order, at=to_micros(arrived_at))
    row = (yield sql("purchase.order", id=order))[0]
    at = _in_their_hands(to_micros(placed_at), (row["delivered_at"], row["arrived_at"]))
    wanted = _wanted(order, contact, shop, lines, at) if row["counted"] else {}
    known = {row["product"]: row for row in (yield sql("purchase.of_order", shop_order=order))}
    same = known.keys() == wanted.keys() and all(
        known[product][column] == row[column] for product, row in wanted.items() for column in ("contact", "pieces", "at")
    )
    if same:
        return frozenset()
    if known:
        yield sql("purchase.forget_order", shop_order=order)
    if wanted:
        yield sql_many("purchase.insert", list(wanted.values()))
        yield sql_many("purchase.sell", _sold(shop, lines))
    return frozenset({(row["contact"], product) for rows in (known, wanted) for product, row in rows.items()})


def _in_their_hands(placed_at: int, arrived_at: Iterable[int | None]) -> int:
    """When the order was there, as far as that is known, else when it was placed."""
    longest = LONGEST_WAY // timedelta(microseconds=1)
    known = [at for at in arrived_at if at is not None and placed_at <= at <= placed_at + longest]
    return min(known, default=placed_at)


def _wanted(order: int, contact: int, shop: str, lines: Sequence[Line], at: int) -> dict[str, dict[str, Any]]:
    pieces: dict[str, int] = {}
    for line in lines:
        if line.quantity > 0:
            pieces[key_of(line)] = pieces.get(key_of(line), 0) + line.quantity
    shared = {"shop_order": order, "contact": contact, "shop": shop, "at": at}
    return {product: {**shared, "product": product, "pieces": count} for product, count in pieces.items()}


def _sold(shop: str, lines: Sequence[Line]) -> list[dict[str, Any]]:
    told = {key_of(line): line for line in lines if line.quantity > 0}
    return [
        {"shop": shop, "product": product, "name": line.name, "sku": line.sku, "category": line.category}
        for product, line in sorted(told.items())  # in one order for everybody: two that sell the same wait for each other, not for ever
    ]


def sold(shop: str, product: str) -> Step[Sold]:
    """What a product was called last."""
    rows = yield sql("purchase.sold", shop=shop, product=product)
    return Sold(shop, product, rows[0]["name"], rows[0]["sku"], rows[0]["category"]) if rows else Sold(shop, product, product)


def of_product(contact: int, shop: str, product: str) -> Step[list[Bought]]:
    """Somebody's purchases of a product, the oldest first."""
    return _bought((yield sql("purchase.of_product", contact=contact, shop=shop, product=product)))


def of_category(contact: int, shop: str, category: str) -> Step[list[Bought]]:
    """Somebody's purchases of products of a category, the oldest first; of an order each product is one."""
    return _bought((yield sql("purchase.of_category", contact=contact, shop=shop, category=category)))


def _bought(rows: Iterable[Row]) -> list[Bought]:
    return [Bought(row["shop_order"], row["pieces"], from_micros(row["at"])) for row in rows]


def bought_by(contact: int) -> Step[list[Sold]]:
    """All that somebody ever bought and kept."""
    return [_named(row) for row in (yield sql("purchase.bought_by", contact=contact))]


def order_days(contact: int) -> Step[list[int]]:
    """The days on which somebody placed the orders that count, whatever was in them, the oldest first; as `policy.reorder` counts days."""
    return [day_of(row["placed_at"]) for row in (yield sql("purchase.order_days", contact=contact))]


def awaited(contact: int, shop: str, what: str) -> Step[Awaited | None]:
    """When somebody is to be asked about something; None when they are not."""
    rows = yield sql("purchase.awaited", contact=contact, shop=shop, what=what)
    if not rows:
        return None
    row = rows[0]
    return Awaited(what, row["shop_order"], from_micros(row["since"]), from_micros(row["due"]), row["generation"], row["asked"])


def save_awaited(contact: int, shop: str, one: Awaited) -> Step[None]:
    """They are to be asked then; what was known of it gives way."""
    yield sql(
        "purchase.save_awaited",
        contact=contact,
        shop=shop,
        what=one.what,
        shop_order=one.order,
        since=to_micros(one.since),
        due=to_micros(one.due),
        generation=one.generation,
        asked=one.asked,
    )


def forget_awaited(contact: int, shop: str, what: str) -> Step[None]:
    """They are not to be asked about it."""
    yield sql("purchase.forget_awaited", contact=contact, shop=shop, what=what)


# ---- what all people did


def evidence(shop: str, product: str) -> Step[Evidence | None]:
    """What all people did with a product, as of the last night; None when nobody is known to have come back."""
    rows = yield sql("purchase.evidence", shop=shop, product=product)
    return _evidence(rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class Product:
    """A product with what was found out about it."""

    sold: Sold
    buyers: int
    evidence: Evidence | None


def products() -> Step[list[Product]]:
    """All products of which something was found out, those with the most buyers first."""
    return [Product(_named(row), row["buyers"], _evidence(row)) for row in (yield sql("purchase.products"))]


def _named(row: Row) -> Sold:
    return Sold(row["shop"], row["product"], row["name"], row["sku"], row["category"])


def _evidence(row: Row) -> Evidence | None:
    if not row["gaps"]:
        return None
    return Evidence(row["buyers"], row["people"], row["gaps"], row["half_days"] / 2, float(row["early"]), float(row["late"]))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading of all purchases stands."""

    shop: str = ""
    product: str = ""
    contact: int = 0
    at: int = -1
    order: int = 0


def page(after: Place) -> Step[list[tuple[Place, Purchase]]]:
    """The next purchases, by shop, product, person and day; no more than `PAGE`."""
    parameters = {"shop": after.shop, "product": after.product, "contact": after.contact, "at": after.at, "shop_order": after.order}
    rows = yield sql("purchase.page", **parameters, limit=PAGE)
    return [
        (
            Place(row["shop"], row["product"], row["contact"], row["at"], row["shop_order"]),
            Purchase(row["product"], row["contact"], day_of(row["at"])),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with the days of the orders that count (see `day_of`), and the moment of the last of them."""

    contact: int
    days: tuple[int, ...]
    last_at: datetime

    def joined(self, later: "Customer") -> "Customer":
        """The same person with the orders that a later page told."""
        return Customer(self.contact, self.days + later.days, later.last_at)


@dataclass(frozen=True, slots=True)
class Customers:
    """A page of them, in the order of their ids; the last one's orders may go on in the next. `place` is where this one ends."""

    people: tuple[Customer, ...]
    place: tuple[int, int, int]


NOBODY_YET = (0, -1, 0)
"""Where a reading of all customers begins."""


def customers(after: tuple[int, int, int]) -> Step[Customers | None]:
    """The next customers; no more than `PAGE` orders of them. None when there are no more."""
    contact, at, order = after
    rows = yield sql("purchase.orders_page", contact=contact, at=at, shop_order=order, limit=PAGE)
    if not rows:
        return None
    people = []
    for contact, group in groupby(rows, lambda row: int(row["contact"])):
        placed = [int(row["placed_at"]) for row in group]
        people.append(Customer(contact, tuple(map(day_of, placed)), from_micros(placed[-1])))
    return Customers(tuple(people), (rows[-1]["contact"], rows[-1]["placed_at"], rows[-1]["id"]))


def evidence_at(shop: str, product: str) -> Step[datetime | None]:
    """When it was last found out what all people did with a product (UTC)."""
    rows = yield sql("purchase.evidence_at", shop=shop, product=product)
    return from_micros(rows[0]["worked_out_at"]) if rows else None


def save_evidence(shop: str, found: Mapping[str, tuple[int, Evidence | None]], now: datetime) -> Step[None]:
    """Keep what was found out about products of a shop: how many bought each, and what those did who came back."""
    rows = [_found(shop, product, buyers, one, now) for product, (buyers, one) in sorted(found.items())]
    if rows:
        yield sql_many("purchase.save_evidence", rows)


def _found(shop: str, product: str, buyers: int, one: Evidence | None, now: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {"people": 0, "gaps": 0, "half_days": None, "early": None, "late": None}
    if one is not None:
        told = {
            **{"people": one.people, "gaps": one.gaps, "half_days": round(one.days * 2)},
            **{"early": round(one.early), "late": round(one.late)},
        }
    return {"shop": shop, "product": product, "buyers": buyers, "now": to_micros(now), **told}


def forget_evidence(before: datetime) -> Step[None]:
    """What was not found out again is not so any more."""
    yield sql("purchase.forget_evidence", now=to_micros(before))


def worked_out_at() -> Step[datetime | None]:
    """When it was found out last (UTC)."""
    return from_micros_or_none((yield sql("purchase.worked_out_at"))[0]["worked_out_at"])
