"""WooCommerce's REST API of the sandbox, asked over HTTP as any client asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.woo_body import status_of
from bot.sandbox.shop.year import Year
from tests.worker.till import listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "cs_sandbox"


@dataclass(slots=True)
class Woo:
    """A store with a year behind it, and the way to ask it."""

    year: Year
    api: StoreApi
    url: str
    session: aiohttp.ClientSession
    key: str = "ck_sandbox"
    secret: str = SECRET

    async def __call__(self, path: str, method: str = "GET", body: object = None, **query: str) -> tuple[int, Any, Any]:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.key, self.secret)}
        url = f"{self.url}/wp-json/wc/v3{path}"
        async with self.session.request(method, url, params=query, json=body, headers=headers) as response:
            return response.status, await response.json(), response.headers


@asynccontextmanager
async def store(orders: int = 120) -> AsyncIterator[Woo]:
    year = Year(lambda: NOW, orders=orders)
    api = StoreApi(token=SECRET, books=year.books)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        yield Woo(year, api, url, session)


async def test_pages_have_their_number_their_total_and_a_way_on() -> None:
    async with store() as ask:
        drafts = sum(1 for one in ask.year.books.checkouts if one.completed_at is None)
        last = -(-(120 + drafts) // 50)
        found, page = list[Any](), 1
        while True:
            status, told, headers = await ask("/orders", per_page="50", page=str(page), orderby="modified", order="asc")
            assert (status, headers["X-WP-Total"], headers["X-WP-TotalPages"]) == (200, str(120 + drafts), str(last))
            assert ('rel="next"' in headers.get("Link", "")) is (page < last)
            found += told
            if page == last:
                break
            page += 1
        assert [one["date_modified_gmt"] for one in found] == sorted(one["date_modified_gmt"] for one in found)
        assert len({one["id"] for one in found}) == 120 + drafts
        assert (await ask("/orders", per_page="50", page=str(last + 1)))[1] == []


async def test_what_changed_after_a_moment_is_found_by_greenwich_or_by_the_shops_clock() -> None:
    async with store() as ask:
        changed = sorted({one.updated_at for one in ask.year.books.orders})
        moment = changed[-20]
        wanted = {one.id for one in ask.year.books.orders if one.updated_at > moment}
        asked = {"per_page": "100", "status": "pending,processing,on-hold,completed,cancelled,refunded,failed"}
        gmt = moment.strftime("%Y-%m-%dT%H:%M:%S")
        assert {one["id"] for one in (await ask("/orders", modified_after=gmt, dates_are_gmt="true", **asked))[1]} == wanted
        early = {
            one["id"] for one in (await ask("/orders", modified_after=gmt, **asked))[1]
        }  # two hours earlier in Madrid's summer, one in winter
        assert early >= wanted


async def test_bodies_have_the_quirks_of_real_shops() -> None:
    async with store(600) as ask:
        told = list[Any]()
        for page in range(1, 7):
            told += (await ask("/orders", per_page="100", page=str(page)))[1]
        by_status = {one["status"]: one for one in told}
        assert {"checkout-draft", "processing", "completed", "cancelled", "refunded", "failed"} <= set(by_status)
        assert by_status["failed"]["needs_payment"] is True
        lines = [line for one in told for line in one["line_items"]]
        assert all(isinstance(line["price"], float) for line in lines)
        assert any("&ndash;" in line["name"] for line in lines)
        assert any(line["product_id"] == 0 for line in lines)
        unpaid = [one for one in told if one["payment_method"] == "cod" and one["date_paid_gmt"] is None]
        assert any(one["status"] == "processing" for one in unpaid)
        assert all(code["code"] == code["code"].lower() for one in told for code in one["coupon_lines"])
        assert any(one["customer_id"] == 0 for one in told)
        summer = next(one for one in told if one["date_created"][5:7] == "07")
        assert datetime.fromisoformat(summer["date_created"]) - datetime.fromisoformat(summer["date_created_gmt"]) == timedelta(hours=2)


async def test_one_order_is_told_and_an_unknown_one_is_not() -> None:
    async with store(5) as ask:
        order = next(iter(ask.year.books.orders))
        status, told, _ = await ask(f"/orders/{order.id}")
        assert (status, told["number"], told["status"]) == (200, str(order.number), status_of(order))
        status, told, _ = await ask("/orders/1")
        assert (status, told["code"], told["data"]["status"]) == (404, "woocommerce_rest_shop_order_invalid_id", 404)


@pytest.mark.parametrize(
    "query", [{"per_page": "101"}, {"per_page": "0"}, {"page": "x"}, {"status": "sold"}, {"orderby": "colour"}, {"modified_after": "soon"}]
)
async def test_what_is_not_understood_is_a_400(query: dict[str, str]) -> None:
    async with store(3) as ask:
        status, told, _ = await ask("/orders", **query)
        assert (status, told["code"]) == (400, "rest_invalid_param")


async def test_a_key_that_only_reads_writes_nothing() -> None:
    hook = {"topic": "order.updated", "delivery_url": "https://bot.example/webhooks"}
    async with store(3) as ask:
        ask.key = "ck_sandbox_read"
        assert (await ask("/orders"))[0] == 200
        assert (await ask("/webhooks", "POST", hook))[0] == 401
        ask.secret = "wrong"
        assert (await ask("/orders"))[0] == 401


async def test_webhooks_are_made_changed_and_ended_and_keep_their_secret() -> None:
    async with store(3) as ask:
        wanted = {"topic": "order.updated", "delivery_url": "https://bot.example/webhooks", "secret": "s3cret", "name": "Comeback"}
        status, made, _ = await ask("/webhooks", "POST", wanted)
        assert (status, made["status"], made["resource"], "secret" in made) == (201, "active", "order", False)
        assert ask.api.woo.webhooks[made["id"]]["secret"] == "s3cret"
        assert (await ask("/webhooks", "POST", {**wanted, "topic": "cart.left"}))[1][
            "code"
        ] == "woocommerce_rest_shop_webhook_invalid_topic"
        assert (await ask(f"/webhooks/{made['id']}", "PUT", {"status": "disabled"}))[1]["status"] == "disabled"
        assert [one["id"] for one in (await ask("/webhooks", status="disabled"))[1]] == [made["id"]]
        assert (await ask(f"/webhooks/{made['id']}", "DELETE"))[0] == 501
        assert (await ask(f"/webhooks/{made['id']}", "DELETE", force="true"))[0] == 200
        assert (await ask("/webhooks"))[1] == []


async def test_people_and_products_are_told() -> None:
    async with store(60) as ask:
        customer = next(one for one in ask.year.books.customers if one.email)
        ((told,), *_) = ((await ask("/customers", email=str(customer.email)))[1],)
        assert (told["id"], told["billing"]["country"]) == (customer.id, customer.address.country)
        _, products, headers = await ask("/products", per_page="100")
        assert int(headers["X-WP-Total"]) == len(products) == len(ask.year.books.products)
        assert any(one["type"] == "variable" and one["variations"] for one in products)
        assert any("&amp;" in one["name"] for one in products)
