"""What goes wrong at the stores' interfaces of the sandbox, when it is told to; and a store that lives on while it is read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

import aiohttp
import pytest

from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from tests.worker.till import listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = "a-token"

Ask = Callable[[], Awaitable[int]]


@asynccontextmanager
async def asked(platform: str) -> AsyncIterator[tuple[StoreApi, Ask]]:
    """A store, and a page of its orders by one of the interfaces: the status, or what aiohttp raises."""
    api = StoreApi(token=TOKEN, books=Year(lambda: NOW, orders=60).books)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:

        async def ask() -> int:
            match platform:
                case "shopify":
                    body = {"query": "{ orders(first: 50) { nodes { id name email } } }"}
                    call = session.post(f"{url}/admin/api/2026-10/graphql.json", json=body, headers={"X-Shopify-Access-Token": TOKEN})
                case "woocommerce":
                    headers = {"Authorization": aiohttp.encode_basic_auth("ck_sandbox", TOKEN)}
                    call = session.get(f"{url}/wp-json/wc/v3/orders", headers=headers)
                case _:
                    call = session.get(f"{url}/stores/{STORE_HASH}/v2/orders", headers={"X-Auth-Token": TOKEN})
            async with call as response:
                await response.read()
                return response.status

        yield api, ask


@pytest.mark.parametrize("platform", ["shopify", "woocommerce", "bigcommerce"])
async def test_each_fault_happens_as_often_as_it_was_asked_for(platform: str) -> None:
    async with asked(platform) as (api, ask):
        api.faults.down, api.faults.error, api.faults.gateway = 1, 1, 1
        assert [await ask() for _ in range(4)] == [503, 500, 502, 200]
        api.faults.cut_answers = 1
        api.faults.lost_pages = 1 if platform == "shopify" else 2  # aiohttp asks once more by itself where a GET's line dies
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await ask()
        api.faults.slow, api.faults.slow_seconds = 1, 0.2
        began = monotonic()
        assert await ask() == 200
        assert monotonic() - began >= 0.2
        api.faults.pages = 2
        assert [await ask(), await ask()] == [200, 200]
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await ask()
        api.faults.pages = None
        assert await ask() == 200


@pytest.mark.parametrize(("platform", "status"), [("woocommerce", 429), ("bigcommerce", 429), ("shopify", 200)])
async def test_too_much_asked_is_said_in_each_platforms_way(platform: str, status: int) -> None:
    async with asked(platform) as (api, ask):
        api.faults.throttled = 1
        assert [await ask(), await ask()] == [status, 200]


def test_a_year_is_the_same_whenever_it_is_made_of_one_seed() -> None:
    years = [Year(lambda: NOW, orders=300, seed=seed) for seed in (1, 1, 2)]
    orders = [[(one.id, one.total, one.updated_at) for one in year.books.orders] for year in years]
    assert orders[0] == orders[1] != orders[2]


def test_a_year_has_all_that_happens_in_a_shop() -> None:
    books = Year(lambda: NOW, orders=2000).books
    orders = list(books.orders)
    assert len(orders) == len({one.id for one in orders}) == len({one.number for one in orders}) == 2000
    assert {one.payment.value for one in orders} == {"PENDING", "PAID", "VOIDED", "PARTIALLY_REFUNDED", "REFUNDED"}
    assert {one.source.value for one in orders} == {"web", "pos", "shopify_draft_order"}
    assert {one.gateway.value for one in orders} == {"card", "bank", "on_delivery"}
    shares = {
        "guests": sum(one.customer is None for one in orders),
        "tests": sum(one.test for one in orders),
        "cancelled": sum(one.cancelled_at is not None for one in orders),
        "without a phone": sum(one.address.phone is None for one in orders),
        "with a code": sum(one.code is not None for one in orders),
        "deleted products": sum(any(line.product is None for line in one.lines) for one in orders),
        "delivered": sum(one.delivered for one in orders),
    }
    assert all(0 < share < 2000 for share in shares.values()), shares
    people = list(books.customers)
    assert {one.whatsapp.state.value for one in people} == {"NEVER_SUBSCRIBED", "SUBSCRIBED", "UNSUBSCRIBED"}
    assert sum(len(books.orders_of(one.id)) > 3 for one in people) > 50
    carts = list(books.checkouts)
    assert any(one.completed_at for one in carts)
    assert any(one.address is None for one in carts)
    assert max(one.updated_at for one in orders) <= NOW
    assert max(one.updated_at for one in carts) <= NOW
    assert all(one.updated_at >= one.placed_at for one in orders)
    at_once = max(sum(one.updated_at == moment for one in orders) for moment in {one.updated_at for one in orders})
    assert at_once >= 40  # an app touched them in one second


def test_a_shop_lives_on_and_tells_whoever_listens() -> None:
    year = Year(lambda: NOW, orders=200)
    heard = list[str]()
    year.books.listeners.append(lambda happened, _: heard.append(happened))
    year.live(60)
    assert {"order.created", "order.updated", "checkout.updated"} <= set(heard)
    assert len(year.books.orders) == 200 + heard.count("order.created")
