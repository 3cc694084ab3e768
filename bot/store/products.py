"""Products as the shop last told them, in whatever order its words arrive: what each is called and costs, and whether it can be bought.

A shop tells a product on every order of it, so a word that says what is known is not written down: only, and no more than once a minute,
of which moment the last one was, for an older word never overwrites a newer one. A variant's stock has a moment of its own, for it is
told apart from the rest; pieces that lie in several places are added up. What a variant cost is kept for thirty days: a price is reduced
from the lowest of them (Directive 98/6/EC, article 6a).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.flow.facts import Line, Money
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros

SAME_EVERY = timedelta(minutes=1)  # how exactly it is known when a word that changed nothing was told
PRICE_WINDOW = timedelta(days=30)  # Directive 98/6/EC, article 6a: the prior price is the lowest of at least thirty days
_SAME = SAME_EVERY // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class VariantTold:
    """A kind of a product as a word of the shop tells it; None where it says nothing. `pieces` are those in stock, `available` the shop's
    own word on whether it can be bought; without it that is so while there are pieces."""

    key: str
    title: str | None = None
    sku: str | None = None
    price: Money | None = None
    pieces: int | None = None
    available: bool | None = None
    stock_item: str | None = None


@dataclass(frozen=True, slots=True)
class ProductTold:
    """A product, or some of its kinds, as the shop tells it at a moment."""

    key: str
    at: datetime
    title: str | None = None
    link: str | None = None
    image: str | None = None
    variants: tuple[VariantTold, ...] = ()
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A variant that is otherwise than before: whether it can be bought (None: nobody knew), and its price. `at` is when, by the shop;
    `since` when it went, or came back, before that."""

    variant: int
    product: int
    at: datetime
    was_in_stock: bool | None
    since: datetime | None
    in_stock: bool | None
    price_before: Money | None
    price: Money | None

    @property
    def came_back(self) -> bool:
        """Whether it can be bought, and could not, or nobody knew."""
        return self.in_stock is True and self.was_in_stock is not True

    @property
    def went(self) -> bool:
        """Whether it cannot be bought any more."""
        return self.in_stock is False and self.was_in_stock is not False


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant in the mirror. `pieces` is None where nobody counts them, `in_stock` where it was never told."""

    id: int
    product: int
    shop: str
    key: str
    product_key: str
    name: str
    price: Money | None
    pieces: int | None
    in_stock: bool | None
    since: datetime | None
    link: str | None
    image: str | None
    sku: str | None


@dataclass(frozen=True, slots=True)
class Lowest:
    """The lowest price of some time, and since when prices are known at all."""

    price: Money
    known_since: datetime


# ---- what the shop tells


def keep(shop: str, told: ProductTold) -> Step[list[Changed]]:
    """Keep a product as told; returns the variants of which that changed something that people want to hear of."""
    product = yield from _product(shop, told)
    known = {row["key"]: row for row in (yield sql("product.held_variants", product=product))}
    changed: list[Changed] = []
    for one in _gone(known) if told.removed else told.variants:
        changed += yield from _keep_variant(product, shop, known.get(one.key), one, told.at)
    return changed


def _gone(known: Iterable[str]) -> tuple[VariantTold, ...]:
    return tuple(VariantTold(key, available=False) for key in known)


def _product(shop: str, told: ProductTold) -> Step[int]:
    yield sql("product.queue")
    row = yield from _row("product.held", shop, told.key)
    at = to_micros(told.at)
    if at >= row["told_at"]:
        fresh = {name: getattr(told, name) or row[name] for name in ("title", "link", "image")}
        if at - row["told_at"] >= _SAME or any(row[name] != value for name, value in fresh.items()):
            yield sql("product.update", id=row["id"], told_at=at, **fresh)
    product: int = row["id"]
    return product


def _row(statement: str, shop: str, key: str) -> Step[Row]:
    """The product's row, made where there is none."""
    while not (rows := (yield sql(statement, shop=shop, key=key))):
        yield sql("product.insert", shop=shop, key=key)
    row: Row = rows[0]
    return row


_NEW: Mapping[str, Any] = {
    **dict.fromkeys(("title", "sku", "price_minor", "currency", "pieces", "in_stock", "stock_item", "since")),
    **{"told_at": 0, "stocked_at": 0},
}


def _keep_variant(product: int, shop: str, row: Row | None, told: VariantTold, at: datetime) -> Step[list[Changed]]:
    before = {name: row[name] for name in _NEW} if row is not None else dict(_NEW)
    stamp = to_micros(at)
    after = _described(before, told, stamp)
    if stamp >= before["stocked_at"]:
        after = _stocked(after, _stock(told), stamp)
    if row is None:
        variant: int = (yield sql("product.insert_variant", product=product, shop=shop, key=told.key, **after))[0]["id"]
    else:
        variant = row["id"]
        if _is_news(before, after):
            yield sql("product.update_variant", id=variant, **after)
    if told.price is not None and (stamp < before["told_at"] or _price(before) != told.price):
        yield from _cost(variant, told.price, stamp)
    changed = Changed(
        variant=variant,
        product=product,
        at=at,
        was_in_stock=_known(before["in_stock"]),
        since=from_micros_or_none(before["since"]),
        in_stock=_known(after["in_stock"]),
        price_before=_price(before),
        price=_price(after),
    )
    return [changed] if (changed.was_in_stock, changed.price_before) != (changed.in_stock, changed.price) else []


def _described(before: dict[str, Any], told: VariantTold, at: int) -> dict[str, Any]:
    """The columns once what the word says of the variant itself is among them; an older word only fills in."""
    is_newer = at >= before["told_at"]
    money = {"price_minor": told.price.minor, "currency": told.price.currency} if told.price else {}
    said = {"title": told.title, "sku": told.sku, "stock_item": told.stock_item, **money}
    fresh = {name: value for name, value in said.items() if value is not None and (is_newer or before[name] is None)}
    return {**before, **fresh, "told_at": max(at, before["told_at"])}


def _stock(told: VariantTold) -> tuple[int | None, bool] | None:
    """How many pieces there are, None where nobody counts them, and whether it can be bought; None where nothing is said."""
    if told.available is None and told.pieces is None:
        return None
    if told.available is None:
        return told.pieces, (told.pieces or 0) > 0
    counts = told.pieces is not None and (told.pieces > 0 or not told.available)  # sold on though none is left: nobody counts
    return (told.pieces if counts else None), told.available


def _stocked(columns: dict[str, Any], stock: tuple[int | None, bool] | None, at: int) -> dict[str, Any]:
    if stock is None:
        return columns
    pieces, in_stock = stock
    since = columns["since"] if columns["in_stock"] == int(in_stock) else at
    return {**columns, "pieces": pieces, "in_stock": int(in_stock), "stocked_at": at, "since": since}


_MOMENTS = ("told_at", "stocked_at")


def _is_news(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether it has to be written down."""
    if any(after[name] - before[name] >= _SAME for name in _MOMENTS):
        return True
    return any(before[name] != after[name] for name in _NEW if name not in _MOMENTS)


def _cost(variant: int, price: Money, at: int) -> Step[None]:
    yield sql("product.cost", variant=variant, at=at, price_minor=price.minor, currency=price.currency)
    yield sql("product.forget_prices", variant=variant, since=at - PRICE_WINDOW // timedelta(microseconds=1))


def count(shop: str, stock_item: str, place: str | None, pieces: int | None, at: datetime) -> Step[list[Changed]]:
    """Keep how many pieces of a stock item lie in one place; returns the variants that it changed. `pieces` None: nobody counts there."""
    yield sql("product.queue")
    rows = yield sql("product.held_stock_item", shop=shop, stock_item=stock_item)
    if pieces is None:
        return []
    stamp, place = to_micros(at), place or ""
    levels = {level["place"]: level for level in (yield sql("product.levels", shop=shop, stock_item=stock_item))}
    last = levels.get(place)
    if last is not None and last["at"] > stamp:
        return []
    if last is None or last["pieces"] != pieces or stamp - last["at"] >= _SAME:
        yield sql("product.save_level", shop=shop, stock_item=stock_item, place=place, pieces=pieces, at=stamp)
    others = [level["pieces"] for key, level in levels.items() if key != place]
    changed: list[Changed] = []
    for row in rows:
        if row["stocked_at"] > stamp:
            continue  # a newer word counted all places
        total = _total(row, None if last is None else last["pieces"], pieces, others)
        if total is not None:
            told = VariantTold(row["key"], pieces=total)
            changed += yield from _keep_variant(row["product"], shop, row, told, at)
    return changed


def _total(row: Row, before: int | None, now: int, others: Sequence[int]) -> int | None:
    """How many pieces there are, once so many lie in a place where `before` lay (None: nobody knew); None where that cannot be said."""
    known: int | None = row["pieces"]
    if known is None:
        return None if row["in_stock"] else now + sum(others)  # sold without being counted
    if before is not None:
        return known - before + now
    if known == sum(others):
        return known + now
    return max(known, now) if now > 0 else None  # the product's own word counted this place, and nobody knows how many of it


# ---- reading


def variant(variant_id: int) -> Step[Variant | None]:
    """A variant by the store's own id."""
    rows = yield sql("product.variant", id=variant_id)
    return _variant(rows[0]) if rows else None


def lowest(variant_id: int, before: datetime, currency: str) -> Step[Lowest | None]:
    """The lowest price that a variant had in the thirty days before a moment, as far as it was told."""
    since = to_micros(before - PRICE_WINDOW)
    row = (yield sql("product.lowest", variant=variant_id, at=to_micros(before), since=since, currency=currency))[0]
    return None if row["minor"] is None else Lowest(Money(row["minor"], currency), from_micros(row["known_since"]))


def title(product: int) -> Step[str | None]:
    """What the shop calls a product; None where it never said."""
    rows = yield sql("product.title", id=product)
    named_so: str | None = rows[0]["title"] if rows else None
    return named_so


@dataclass(frozen=True, slots=True)
class Named:
    """What somebody calls a product: all of it, or one kind."""

    product: int
    shop: str
    variant: int | None


def named(key: str, shop: str) -> Step[Named | None]:
    """The product that goes by a key or an SKU, in any shop where `shop` is empty."""
    rows = yield sql("product.by_key", key=key, shop=shop)
    return Named(rows[0]["product"], rows[0]["shop"], rows[0]["variant"] or None) if rows else None


def wanted(shop: str, key: str, variant_key: str | None) -> Step[Named]:
    """The product with the shop's key, and the kind of it; one the shop has not told yet is kept by its key until it does."""
    row = yield from _row("product.find", shop, key)
    if variant_key is None:
        return Named(row["id"], shop, None)
    while not (rows := (yield sql("product.find_variant", product=row["id"], key=variant_key))):
        yield sql("product.insert_stub", product=row["id"], shop=shop, key=variant_key)
    return Named(row["id"], shop, rows[0]["id"])


@dataclass(frozen=True, slots=True)
class OfLine:
    """What a cart's line is about, by the store's own ids; `variant` is None where it may be any of several kinds."""

    product: int
    variant: int | None
    in_stock: bool | None


def of_line(shop: str, line: Line) -> Step[OfLine | None]:
    """What a line of a cart or an order is about, as far as the shop told its products."""
    rows = yield sql("product.kinds_of_line", shop=shop, product=line.product or line.sku or line.name, sku=line.sku)
    same = [row for row in rows if line.variant is not None and row["key"] == line.variant]
    same = same or [row for row in rows if line.sku is not None and row["sku"] == line.sku]
    if same or len(rows) == 1:
        row = (same or rows)[0]
        return OfLine(row["product"], row["id"], _known(row["in_stock"]))
    if not rows:
        return None
    kinds = {_known(row["in_stock"]) for row in rows}
    return OfLine(rows[0]["product"], None, kinds.pop() if len(kinds) == 1 else None)


def is_about(line: Line, one: Variant) -> bool:
    """Whether a line is about this variant."""
    if line.variant is not None and line.product is not None:
        return (line.product, line.variant) == (one.product_key, one.key)
    if line.sku is not None and one.sku is not None:
        return line.sku == one.sku
    return (line.product or line.sku or line.name) == one.product_key


def sold_out(shop: str, lines: Sequence[Line]) -> Step[tuple[str, ...]]:
    """The names of the lines that cannot be bought now."""
    found: list[str] = []
    for line in lines:
        about = yield from of_line(shop, line)
        if about is not None and about.in_stock is False:
            found.append(line.name)
    return tuple(found)


_NO_TITLES = frozenset({"Default Title"})  # Shopify calls the only kind of a product so


def _variant(row: Row) -> Variant:
    kind = row["title"] if row["title"] not in (*_NO_TITLES, row["product_title"]) else None
    title = row["product_title"] or row["title"] or row["product_key"]
    is_whole = kind is None or row["product_title"] is None or kind.startswith(row["product_title"])  # WooCommerce's have it in front
    return Variant(
        id=row["id"],
        product=row["product"],
        shop=row["shop"],
        key=row["key"],
        product_key=row["product_key"],
        name=(kind or title) if is_whole else f"{title}, {kind}",
        price=_price(row),
        pieces=row["pieces"],
        in_stock=_known(row["in_stock"]),
        since=from_micros_or_none(row["since"]),
        link=row["link"],
        image=row["image"],
        sku=row["sku"],
    )


def _known(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)


def _price(row: "Row | Mapping[str, Any]") -> Money | None:
    return None if row["price_minor"] is None or row["currency"] is None else Money(row["price_minor"], row["currency"])
