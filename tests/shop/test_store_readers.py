"""Stores read by their own interfaces, against the sandbox's: whole parts page by page, single things, and questions before a message."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.big_body import cart_id
from bot.sandbox.shop.books import Agreed, Order, Payment
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.event import CartChanged, ConsentState, OrderChanged, OrderStatus, ProductChanged, Resource, ShopperChanged, Thin
from bot.shop.event import Payment as Paid
from bot.shop.reader import Found, Part, StoreReader
from bot.shop.shopify_graphql import PATH, Bucket, ShopifyGraphql
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.verifier import Doubt, NoAnswer
from bot.shop.wire import ApiRefused, NotThere, ShopUnreachable
from bot.shop.woocommerce_reader import WooReader
from bot.shop.woocommerce_rest import WooRest
from tests.worker.till import TOKEN, listening

from .test_store_apis import Pauses

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
YEAR_AGO = NOW - timedelta(days=366)
ORDERS = 150


def shopify(session: aiohttp.ClientSession, url: str, pauses: Pauses) -> StoreReader:
    wire = ShopifyGraphql(session, url=f"{url}{PATH}", token=TOKEN, bucket=Bucket(pauses, pauses.clock))
    return ShopifyReader(wire, "casa", "ES", "casa-bonita.myshopify.com")


def woocommerce(session: aiohttp.ClientSession, url: str, pauses: Pauses) -> StoreReader:
    return WooReader(WooRest(session, url=url, key="ck_sandbox", secret=TOKEN, pause=pauses), "casa", "ES", "opt_in")


def bigcommerce(session: aiohttp.ClientSession, url: str, pauses: Pauses) -> StoreReader:
    return BigReader(BigRest(session, url=f"{url}/stores/{STORE_HASH}", token=TOKEN, pause=pauses), "casa", "ES")


READERS: dict[str, Callable[[aiohttp.ClientSession, str, Pauses], StoreReader]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "bigcommerce": bigcommerce,
}


@dataclass(slots=True)
class Store:
    """A store with a year behind it, and what reads it."""

    year: Year
    api: StoreApi
    reader: StoreReader

    async def all(self, part: Part, since: datetime = YEAR_AGO) -> list[Found]:
        read: list[Found] = []
        cursor: str | None = None
        while True:
            page = await self.reader.page(part, since, cursor)
            read += page.found
            if (cursor := page.cursor) is None:
                return read


@pytest.fixture(params=READERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(request.param) as one:
        yield one


@asynccontextmanager
async def open_store(kind: str, orders: int = ORDERS) -> AsyncIterator[Store]:
    clock = [NOW]
    year = Year(lambda: clock[0], orders=orders)
    clock[0] += timedelta(minutes=1)
    pauses = Pauses()
    api = StoreApi(token=TOKEN, books=year.books, seconds=pauses.clock)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        yield Store(year, api, READERS[kind](session, url, pauses))


def orders_of(read: list[Found]) -> dict[str, OrderChanged]:
    return {found.event.order: found.event for found in read if isinstance(found.event, OrderChanged)}


async def test_every_order_is_read_with_what_is_left_of_it(store: Store) -> None:
    read = await store.all(Part.ORDER)
    told = orders_of(read)
    books = {str(order.id): order for order in store.year.books.orders}
    assert told.keys() == books.keys()
    assert all(found.update.unreadable is None for found in read)
    for key, event in told.items():
        assert_is(event, books[key])


def assert_is(event: OrderChanged, order: Order) -> None:
    assert event.placed_at == order.placed_at
    assert (event.total.minor, event.total.currency) == (order.total - order.refunded, "EUR")
    assert (event.refunded.minor if event.refunded else 0) == order.refunded
    assert (event.status is OrderStatus.CANCELLED) == (order.cancelled_at is not None or order.payment is Payment.REFUNDED)
    assert event.shopper.email == order.email
    assert event.shopper.customer == (str(order.customer) if order.customer else None)
    assert (event.shopper.phone is not None) == (order.address.phone is not None or order.phone is not None)
    assert event.shopper.country == order.address.country
    assert [code.upper() for code in event.discount_codes] == ([order.code] if order.code else [])
    assert event.payment is not Paid.UNKNOWN or event.status is OrderStatus.CANCELLED


async def test_what_changed_later_alone_is_read_again(store: Store) -> None:
    await store.all(Part.ORDER)
    some = list(store.year.books.orders)[5:8]
    for order in some:
        store.year.books.deliver(order.id)
    read = await store.all(Part.ORDER, NOW + timedelta(seconds=30))
    assert orders_of(read).keys() == {str(order.id) for order in some}


async def test_the_same_words_are_the_same_row_and_others_are_another(store: Store) -> None:
    first, second = await store.all(Part.ORDER), await store.all(Part.ORDER)
    assert {found.update.key for found in first} == {found.update.key for found in second}
    assert len({found.update.key for found in first}) == ORDERS
    order = next(iter(store.year.books.orders))
    store.year.books.deliver(order.id)
    third = {found.update.key for found in await store.all(Part.ORDER)}
    assert len(third - {found.update.key for found in first}) == 1


async def test_nothing_is_lost_while_orders_change_between_the_pages(store: Store) -> None:
    read: list[Found] = []
    cursor: str | None = None
    waiting = list(store.year.books.orders)
    while True:
        page = await store.reader.page(Part.ORDER, YEAR_AGO, cursor)
        read += page.found
        for order in waiting[:7]:
            store.year.books.deliver(order.id)
        waiting = waiting[7:]
        if (cursor := page.cursor) is None:
            break
    assert orders_of(read).keys() == {str(order.id) for order in store.year.books.orders}


async def test_the_first_page_says_how_many_there_are(store: Store) -> None:
    page = await store.reader.page(Part.ORDER, YEAR_AGO, None)
    assert page.expected is not None
    assert page.expected >= ORDERS
    assert page.cursor is not None


async def test_checkouts_that_were_left_are_read_with_the_way_back(store: Store) -> None:
    if Part.CART not in store.reader.parts:
        with pytest.raises(ApiRefused, match="no list of carts"):
            await store.all(Part.CART)
        return
    read = [found.event for found in await store.all(Part.CART)]
    left = [one for one in store.year.books.checkouts if one.completed_at is None]
    told = [event for event in read if isinstance(event, CartChanged) and not event.completed]
    assert len(told) == len(left)
    assert {event.total.minor for event in told} == {one.total for one in left}


async def test_a_checkout_of_shopifys_goes_by_the_token_in_its_link() -> None:
    async with open_store("shopify") as store:
        read = [found.event for found in await store.all(Part.CART)]
        by_link = {event.checkout for event in read if isinstance(event, CartChanged)}
        checkouts = list(store.year.books.checkouts)
        assert all(len(by_link & {one.token, one.cart_token}) == 1 for one in checkouts)  # old links name it, newer ones its cart
        assert len(by_link) == len(checkouts)
        assert all(event.link for event in read if isinstance(event, CartChanged))


async def test_people_come_with_what_they_agreed_to_and_since_when() -> None:
    async with open_store("shopify") as store:
        people = [found.event for found in await store.all(Part.SHOPPER)]
        read = {event.shopper.customer or "": event for event in people if isinstance(event, ShopperChanged)}
        customers = {str(one.id): one for one in store.year.books.customers}
        assert read.keys() == customers.keys()
        for key, event in read.items():
            assert key is not None
            stated = customers[key].whatsapp
            if stated.state is Agreed.NEVER or customers[key].phone is None:
                assert event.consents == ()
                continue
            (consent,) = event.consents
            state = ConsentState.GRANTED if stated.state is Agreed.YES else ConsentState.WITHDRAWN
            assert (consent.channel, consent.state, consent.at) == ("whatsapp", state, stated.at)
            assert consent.source in ("shopify", "other")


async def test_customers_of_woocommerce_are_all_read() -> None:
    async with open_store("woocommerce") as store:
        read = {found.event.shopper.customer for found in await store.all(Part.SHOPPER) if isinstance(found.event, ShopperChanged)}
        assert read == {str(one.id) for one in store.year.books.customers}


async def test_a_single_order_is_fetched_and_one_that_is_gone_is_said_to_be(store: Store) -> None:
    order = next(one for one in store.year.books.orders if len(one.lines) > 1)
    (found,) = await store.reader.one(thin(store.reader, order.id))
    assert isinstance(found.event, OrderChanged)
    assert_is(found.event, order)
    store.year.books.orders.remove(order.id)
    with pytest.raises(NotThere):
        await store.reader.one(thin(store.reader, order.id))


def thin(reader: StoreReader, key: int) -> Thin:
    address = f"/v2/orders/{key}" if isinstance(reader, BigReader) else f"gid://shopify/Order/{key}"
    return Thin(NOW, Resource.ORDER, str(key), address, "orders/edited")


async def test_an_order_of_many_lines_is_read_with_all_of_them() -> None:
    async with open_store("shopify", 20) as store:
        order = next(iter(store.year.books.orders))
        lines = tuple(replace(order.lines[0], id=n, price=100, quantity=1) for n in range(1, 71))
        store.year.books.change(order.id, lines=lines)
        told = orders_of(await store.all(Part.ORDER))[str(order.id)]
        assert len(told.lines) == 70


async def test_a_checkout_is_open_until_it_is_an_order() -> None:
    async with open_store("shopify") as store:
        bought = next(one for one in store.year.books.orders if one.checkout_token)
        assert bought.checkout_token
        assert bought.cart_token
        assert await store.reader.is_so(Doubt.CART_OPEN, bought.checkout_token) is False
        assert await store.reader.is_so(Doubt.CART_OPEN, bought.cart_token) is False
        assert await store.reader.is_so(Doubt.CART_OPEN, "f" * 32) is True
        assert await store.reader.is_so(Doubt.CART_OPEN, "it's \\ odd") is True


async def test_a_cart_of_bigcommerces_is_open_until_it_is_gone_and_is_fetched_with_the_phone_of_its_checkout() -> None:
    async with open_store("bigcommerce") as store:
        left = next(one for one in store.year.books.checkouts if one.completed_at is None and one.address and one.address.phone)
        key = cart_id(left.token)
        address = f"/v3/carts/{key}?include=line_items.physical_items.options,redirect_urls"
        (found,) = await store.reader.one(Thin(NOW, Resource.CART, key, address, "store/cart/abandoned"))
        event = found.event
        assert isinstance(event, CartChanged)
        assert (event.checkout, event.cart, event.total.minor) == (key, key, left.total)
        assert event.shopper.phone is not None
        assert event.link is not None
        assert [line.quantity for line in event.lines] == [line.quantity for line in left.lines]
        assert await store.reader.is_so(Doubt.CART_OPEN, key) is True
        assert await store.reader.is_so(Doubt.CART_OPEN, cart_id("bought")) is False
        with pytest.raises(NoAnswer):
            await store.reader.is_so(Doubt.CART_OPEN, "../../v2/orders")


async def test_a_list_of_bigcommerces_orders_tells_what_they_sold_without_a_call_for_each() -> None:
    async with open_store("bigcommerce") as store:
        page = await store.reader.page(Part.ORDER, YEAR_AGO, None)
        assert page.expected == ORDERS, "who left at the payment page placed no order"
        assert store.api.calls.count("products") == 0
        key, event = next(iter(orders_of(list(page.found)).items()))
        (alone,) = await store.reader.one(Thin(NOW, Resource.ORDER, key, f"/v2/orders/{key}", "store/order/updated"))
        assert alone.event == event
        assert alone.update.key in [found.update.key for found in page.found], "told in either way it is the same"


async def test_a_product_of_bigcommerces_is_fetched_with_its_variants() -> None:
    async with open_store("bigcommerce") as store:
        product = next(one for one in store.year.books.products if len(one.variants) > 1)
        address = f"/v3/catalog/products/{product.id}?include=variants"
        (found,) = await store.reader.one(Thin(NOW, Resource.PRODUCT, str(product.id), address, "store/product/updated"))
        event = found.event
        assert isinstance(event, ProductChanged)
        assert (event.product, event.title) == (str(product.id), product.title)
        assert {(one.variant, one.stock) for one in event.variants} == {(str(one.id), one.stock) for one in product.variants}


async def test_a_draft_of_woocommerces_is_open_until_it_is_an_order() -> None:
    async with open_store("woocommerce") as store:
        left = next(one for one in store.year.books.checkouts if one.completed_at is None)
        order = next(iter(store.year.books.orders))
        assert await store.reader.is_so(Doubt.CART_OPEN, str(left.id)) is True
        assert await store.reader.is_so(Doubt.CART_OPEN, str(order.id)) is False
        assert await store.reader.is_so(Doubt.CART_OPEN, "99") is False
        assert await store.reader.is_so(Doubt.CART_OPEN, "a-key-of-the-snippet") is True


async def test_an_order_is_unpaid_as_long_as_its_payment_failed(store: Store) -> None:
    orders = list(store.year.books.orders)
    failed = store.year.books.change(orders[0].id, payment=Payment.FAILED, cancelled_at=None, refunds=())
    paid = next(one for one in orders[1:] if one.payment is Payment.PAID)
    assert await store.reader.is_so(Doubt.ORDER_UNPAID, str(failed.id)) is True
    assert await store.reader.is_so(Doubt.ORDER_UNPAID, str(paid.id)) is False


async def test_a_store_that_is_down_does_not_answer_and_is_asked_again(store: Store) -> None:
    store.api.faults.down = 1
    with pytest.raises(NoAnswer):
        await store.reader.is_so(Doubt.ORDER_UNPAID, "1")
    for fault in ("down", "error", "gateway", "cut_answers"):
        setattr(store.api.faults, fault, 1)
        with pytest.raises(ShopUnreachable):
            await store.reader.page(Part.ORDER, YEAR_AGO, None)
        assert (await store.reader.page(Part.ORDER, YEAR_AGO, None)).found


async def test_a_store_that_lets_us_ask_no_more_is_waited_for(store: Store) -> None:
    store.api.faults.throttled = 2
    assert (await store.reader.page(Part.ORDER, YEAR_AGO, None)).found


async def test_a_wrong_token_is_a_no(store: Store) -> None:
    store.api.token = "another"
    with pytest.raises(ApiRefused):
        await store.reader.page(Part.ORDER, YEAR_AGO, None)


async def test_what_shopify_keeps_from_an_app_that_is_not_approved_is_missing_and_the_rest_is_there() -> None:
    async with open_store("shopify") as store:
        store.api.shopify.approved = False
        told = orders_of(await store.all(Part.ORDER))
        assert len(told) == ORDERS
        assert not any(event.shopper.phone or event.shopper.email for event in told.values())


ODD: tuple[Any, ...] = (
    *(None, True, -1, 1e300, "", "x" * 5_000, "\x00\ud800", "gid://shopify/Order/1"),
    *([], [None], [[]], {}, {"nodes": [None, 3]}, {"a": {}}),
)


def spoiled(value: Any, chance: Random) -> Any:
    """An answer with something of another kind in it here and there."""
    if chance.random() < 0.03:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {name: spoiled(one, chance) for name, one in value.items() if chance.random() > 0.01}
    return [spoiled(one, chance) for one in value] if isinstance(value, list) else value


def spoiling(route: web.RouteDef, chance: Random) -> web.RouteDef:
    """A store that answers so, when `chance` has a seed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await route.handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes) and response.body:
            response.body = json.dumps(spoiled(json.loads(response.body), chance)).encode()
        return response

    return web.RouteDef(route.method, route.path, answer, route.kwargs)


@pytest.mark.parametrize("kind", READERS)
async def test_whatever_a_store_answers_is_read_or_kept_as_unreadable_or_asked_again(kind: str, full: bool) -> None:
    chance, pauses = Random(), Pauses()
    year = Year(lambda: NOW, orders=40)
    api = StoreApi(token=TOKEN, books=year.books, seconds=pauses.clock)
    order = next(iter(year.books.orders))
    async with listening([spoiling(route, chance) for route in api.routes()]) as url, aiohttp.ClientSession() as session:
        for seed in range(60 if full else 8):
            chance.seed(seed)
            reader = READERS[kind](session, url, pauses)
            for part in (Part.ORDER, Part.SHOPPER):
                with suppress(ApiRefused, ShopUnreachable):
                    for found in (await reader.page(part, YEAR_AGO, None)).found:
                        assert (found.event is None) == (found.update.unreadable is not None)
            with suppress(ApiRefused, ShopUnreachable):
                await reader.one(thin(reader, order.id))
            for doubt, key in ((Doubt.ORDER_UNPAID, str(order.id)), (Doubt.CART_OPEN, "f" * 32)):
                with suppress(NoAnswer):
                    await reader.is_so(doubt, key)
