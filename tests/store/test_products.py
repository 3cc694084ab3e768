"""Products as shops tell them: each body, and what is known after it; older words, several places, prices of thirty days."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.flow.facts import Line, Money
from bot.shop import plain, shopify, woocommerce
from bot.shop.delivery import Told
from bot.shop.event import ProductChanged, ShopEvent, StockCounted, VariantStocked
from bot.shop.field import decode
from bot.store import products
from bot.store.database import Database
from bot.store.products import Changed, ProductTold, VariantTold
from bot.store.step import Statement, Step

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


# ---- bodies of the platforms


def of_shopify(topic: str, body: dict[str, Any]) -> ShopEvent:
    return shopify.read(Told(topic, T0, domain="casa.myshopify.com"), decode(json.dumps(body).encode()))


def of_woo(topic: str, body: dict[str, Any]) -> ShopEvent:
    return woocommerce.read(Told(topic, T0), decode(json.dumps(body).encode()))


def of_plain(kind: str, body: dict[str, Any]) -> ShopEvent:
    return plain.read(kind, json.dumps({"type": kind, "timestamp": T0.isoformat(), "data": body}).encode())


SHOPIFY = {
    "id": 632910392,
    "title": "House blend",
    "handle": "house-blend",
    "updated_at": "2026-11-02T09:00:00+00:00",
    "image": {"src": "https://cdn.shopify.com/blend.jpg"},
}
KIND = {"id": 808950810, "product_id": 632910392, "title": "1 kg", "sku": "B-1", "price": "24.00", "inventory_item_id": 39072856}
WOO = {"id": 793, "name": "House blend", "permalink": "https://casa.example/p/blend", "price": "24.00", "regular_price": "30.00"}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the one variant after a body."""

    name: str
    pieces: int | None
    in_stock: bool | None
    price: Money | None = Money(2400, "EUR")  # noqa: RUF009 - it is frozen
    link: str | None = None
    image: str | None = None


BLEND = ("https://casa.myshopify.com/products/house-blend", "https://cdn.shopify.com/blend.jpg")
PAGE = ("https://casa.example/p/blend", None)
SOAP = {"product_id": "p1", "title": "Soap", "price": "24.00"}


def known(name: str, pieces: int | None, in_stock: bool | None, shown: tuple[str | None, str | None] = (None, None)) -> Known:
    return Known(name, pieces, in_stock, link=shown[0], image=shown[1])


def shopify_product(**kind: Any) -> ShopEvent:
    return of_shopify("products/update", {**SHOPIFY, "variants": [{**KIND, **kind}]})


def woo_product(**more: Any) -> ShopEvent:
    return of_woo("product.updated", {**WOO, **more})


def product(**more: Any) -> ShopEvent:
    return of_plain("product.updated", {**SOAP, **more})


BODIES: Sequence[tuple[str, ShopEvent, Known]] = (
    ("shopify, counted", shopify_product(inventory_quantity=3), known("House blend, 1 kg", 3, True, BLEND)),
    ("shopify, sold over", shopify_product(inventory_quantity=-2), known("House blend, 1 kg", -2, False, BLEND)),
    ("shopify, sold on", shopify_product(inventory_quantity=0, inventory_policy="continue"), known("House blend, 1 kg", None, True, BLEND)),
    ("shopify, uncounted", shopify_product(inventory_quantity=0, inventory_management=None), known("House blend, 1 kg", None, True, BLEND)),
    ("shopify, one kind", shopify_product(title="Default Title", inventory_quantity=1), known("House blend", 1, True, BLEND)),
    ("shopify, back", of_shopify("variants/in_stock", {**KIND, "inventory_quantity": 7}), known("1 kg", 7, True)),
    ("shopify, gone", of_shopify("variants/out_of_stock", {**KIND, "inventory_quantity": 0}), known("1 kg", 0, False)),
    ("woo, counted", woo_product(stock_status="instock", stock_quantity=4), known("House blend", 4, True, PAGE)),
    ("woo, uncounted", woo_product(stock_status="instock", stock_quantity=None), known("House blend", None, True, PAGE)),
    ("woo, gone", woo_product(stock_status="outofstock"), known("House blend", None, False, PAGE)),
    ("woo, back-ordered", woo_product(stock_status="onbackorder", stock_quantity=-1), known("House blend", None, True, PAGE)),
    ("woo, a variation", woo_product(type="variation", parent_id=9, stock_status="instock"), known("House blend", None, True)),
    ("woo, pictured", woo_product(images=[{"src": "https://c.example/b.jpg"}]), known("House blend", None, None, (PAGE[0], "https://c.example/b.jpg"))),
    ("contract", product(stock=2, image_url="https://c.example/s.jpg"), known("Soap", 2, True, (None, "https://c.example/s.jpg"))),
    ("contract, yes", product(available=True), known("Soap", None, True)),
    ("contract, no", product(stock=5, available=False), known("Soap", 5, False)),
    ("contract, dollars", product(currency="USD"), Known("Soap", None, None, Money(2400, "USD"))),
    ("contract, deleted", of_plain("product.deleted", SOAP), known("Soap", None, False)),
    ("contract, back", of_plain("variant.in_stock", {**SOAP, "variant_id": "v1", "stock": 9}), known("Soap", 9, True)),
)


def word(event: ShopEvent) -> ProductTold:
    """As the worker tells it."""
    if isinstance(event, VariantStocked):
        return ProductTold(event.product, event.at, variants=(_kind(event.variant),))
    assert isinstance(event, ProductChanged)
    return ProductTold(event.product, event.at, event.title, event.link, event.image, tuple(map(_kind, event.variants)), event.removed)


def _kind(one: Any) -> VariantTold:
    price = None if one.price is None else Money(int(one.price * 100), one.currency or "EUR")
    return VariantTold(one.variant, one.title, one.sku, price, one.stock, one.available, one.stock_item)


async def rows(store: Database, sql: str) -> list[Any]:
    def step() -> Step[list[Any]]:
        return list((yield Statement(sql, {})))

    return await store.read(step())


@pytest.mark.parametrize(("event", "expected"), [pytest.param(event, expected, id=name) for name, event, expected in BODIES])
async def test_each_body_gives_what_it_says(store: Database, event: ShopEvent, expected: Known) -> None:
    if isinstance(event, ProductChanged) and event.removed:
        await store.run(products.keep("casa", word(product(stock=5))))
    await store.run(products.keep("casa", word(event)))
    [row] = await rows(store, "select id from variant")
    one = await store.read(products.variant(row["id"]))
    assert one is not None
    assert Known(one.name, one.pieces, one.in_stock, one.price, one.link, one.image) == expected


# ---- any order


def blend(at: datetime, pieces: int | None = None, price: int | None = None, **more: Any) -> ProductTold:
    kind = VariantTold("v1", "1 kg", "B-1", None if price is None else euros(price), pieces, stock_item="i1")
    return ProductTold("p1", at, "Blend", variants=(kind,), **more)


async def stock(store: Database) -> tuple[int | None, bool | None]:
    one = await store.read(products.variant((await rows(store, "select id from variant"))[0]["id"]))
    assert one is not None
    return one.pieces, one.in_stock


async def test_an_older_word_changes_nothing(store: Database) -> None:
    await store.run(products.keep("casa", blend(T0 + 5 * MINUTE, 0, 2400)))
    assert await store.run(products.keep("casa", blend(T0, 9, 1000))) == []
    assert await stock(store) == (0, False)


async def test_a_word_that_says_what_is_known_is_not_written_down(store: Database) -> None:
    await store.run(products.keep("casa", blend(T0, 3, 2400)))
    before = await rows(store, "select * from variant")
    for second in range(50):
        assert await store.run(products.keep("casa", blend(T0 + timedelta(seconds=second), 3, 2400))) == []
    assert [dict(row) for row in await rows(store, "select * from variant")] == [dict(row) for row in before]
    assert len(await rows(store, "select * from variant_price")) == 1


async def test_going_and_coming_back_is_told_once(store: Database) -> None:
    told: list[Changed] = []
    for minute, pieces in enumerate((3, 2, 0, 0, -1, 4, 4)):
        told += await store.run(products.keep("casa", blend(T0 + minute * MINUTE, pieces)))
    assert [(one.went, one.came_back) for one in told] == [(False, True), (True, False), (False, True)]


async def test_of_many_kinds_those_that_are_not_told_stay_as_they_are(store: Database) -> None:
    kinds = tuple(VariantTold(f"v{number}", pieces=1) for number in range(3))
    await store.run(products.keep("casa", ProductTold("p1", T0, variants=kinds)))
    await store.run(products.keep("casa", ProductTold("p1", T0 + DAY, variants=kinds[:1])))
    assert [row["in_stock"] for row in await rows(store, "select in_stock from variant order by id")] == [1, 1, 1]


# ---- several places


async def counted(store: Database, *words: tuple[str, int]) -> tuple[int | None, bool | None]:
    for minute, (place, pieces) in enumerate(words, 1):
        await store.run(products.count("casa", "i1", place, pieces, T0 + minute * MINUTE))
    return await stock(store)


async def test_pieces_of_several_places_are_added_up(store: Database) -> None:
    await store.run(products.keep("casa", ProductTold("p1", T0, variants=(VariantTold("v1", stock_item="i1"),))))
    assert await counted(store, ("a", 2), ("b", 3), ("c", 0)) == (5, True)


async def test_a_place_that_runs_out_leaves_the_others(store: Database) -> None:
    await store.run(products.keep("casa", ProductTold("p1", T0, variants=(VariantTold("v1", stock_item="i1"),))))
    assert await counted(store, ("a", 2), ("b", 3), ("a", 0)) == (3, True)
    await store.run(products.count("casa", "i1", "b", 0, T0 + DAY))
    assert await stock(store) == (0, False)


async def test_an_empty_place_that_was_not_known_says_nothing_against_the_products_own_word(store: Database) -> None:
    await store.run(products.keep("casa", blend(T0, 5)))
    assert await counted(store, ("a", 0)) == (5, True)


async def test_what_is_not_counted_is_not_sold_out_by_a_count(store: Database) -> None:
    kind = VariantTold("v1", available=True, stock_item="i1")
    await store.run(products.keep("casa", ProductTold("p1", T0, variants=(kind,))))
    assert await counted(store, ("a", 0)) == (None, True)


async def test_a_count_of_before_the_products_own_word_is_old(store: Database) -> None:
    await store.run(products.keep("casa", blend(T0 + DAY, 5)))
    assert await counted(store, ("a", 0)) == (5, True)


# ---- prices of thirty days


async def test_the_lowest_price_is_that_of_thirty_days(store: Database) -> None:
    told = {0: 1000, 10: 2000, 45: 3000}
    for day, lowest in ((11, 1000), (39, 1000), (41, 2000), (46, 2000), (76, 3000)):
        for then in [then for then in told if then <= day]:
            await store.run(products.keep("casa", blend(T0 + then * DAY, 1, told.pop(then))))
        [row] = await rows(store, "select id from variant")
        found = await store.read(products.lowest(row["id"], T0 + day * DAY, "EUR"))
        assert found is not None
        assert found.price == euros(lowest), day


async def test_prices_are_not_kept_for_ever(store: Database) -> None:
    for day in range(200):
        await store.run(products.keep("casa", blend(T0 + day * DAY, 1, 1000 + day)))
    assert len(await rows(store, "select * from variant_price")) == 31


# ---- what a line is about


@pytest.mark.parametrize(
    ("line", "variant"),
    [
        (Line("x", product="p1", variant="v2"), "v2"),
        (Line("x", product="p1", sku="S-1"), "v1"),
        (Line("x", sku="S-2", product="S-2"), "v2"),
        (Line("x", product="p1"), None),
        (Line("p2"), "p2"),
    ],
)
async def test_a_line_finds_its_kind(store: Database, line: Line, variant: str | None) -> None:
    kinds = (VariantTold("v1", sku="S-1", pieces=1), VariantTold("v2", sku="S-2", pieces=0))
    await store.run(products.keep("casa", ProductTold("p1", T0, variants=kinds)))
    await store.run(products.keep("casa", ProductTold("p2", T0, variants=(VariantTold("p2", pieces=0),))))
    keys = {row["id"]: row["key"] for row in await rows(store, "select id, key from variant")}
    found = await store.read(products.of_line("casa", line))
    assert found is not None
    assert (keys[found.variant] if found.variant else None) == variant


async def test_a_line_of_an_unknown_product_is_about_nothing(store: Database) -> None:
    assert await store.read(products.of_line("casa", Line("x", product="p9"))) is None


def test_a_stock_count_names_its_place() -> None:
    event = of_shopify("inventory_levels/update", {"inventory_item_id": 39072856, "location_id": 905684977, "available": 6})
    assert event == StockCounted(T0, "39072856", "905684977", 6)
