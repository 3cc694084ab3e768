"""BigCommerce's REST API of the sandbox, asked over HTTP as any client asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from bot.sandbox.shop.big_api import STORE_HASH, Quota
from bot.sandbox.shop.big_body import cart_id, incomplete
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from tests.worker.till import listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = "big-sandbox"


class Seconds:
    """A clock for windows."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Big:
    """A store with a year behind it, and the way to ask it."""

    year: Year
    api: StoreApi
    url: str
    session: aiohttp.ClientSession
    seconds: Seconds
    token: str = TOKEN

    async def __call__(self, path: str, method: str = "GET", body: object = None, **query: str) -> tuple[int, Any, Any]:
        url = f"{self.url}/stores/{STORE_HASH}{path}"
        async with self.session.request(method, url, params=query, json=body, headers={"X-Auth-Token": self.token}) as response:
            return response.status, await response.json() if response.status != 204 else None, response.headers


@asynccontextmanager
async def store(orders: int = 120, quota: Quota | None = None) -> AsyncIterator[Big]:
    year, seconds = Year(lambda: NOW, orders=orders), Seconds()
    api = StoreApi(token=TOKEN, books=year.books, quota=quota, seconds=seconds)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        yield Big(year, api, url, session, seconds)


async def test_orders_come_by_pages_until_there_is_nothing() -> None:
    async with store() as ask:
        there = {one.id for one in ask.year.books.orders} | {one.id for one in ask.year.books.checkouts if incomplete(one)}
        found = list[Any]()
        for page in range(1, 100):
            status, told, _ = await ask("/v2/orders", limit="25", page=str(page), sort="date_modified:asc")
            if status == 204:
                break
            found += told
        moments = [parsedate_to_datetime(one["date_modified"]) for one in found]
        assert moments == sorted(moments)
        assert {one["id"] for one in found} == there
        assert len(found) == len(there) == (await ask("/v2/orders/count"))[1]["count"]
        assert {0, 5, 10} <= {one["status_id"] for one in found}


async def test_what_changed_since_a_moment_is_found_in_either_spelling() -> None:
    async with store() as ask:
        moment = sorted(one.updated_at for one in ask.year.books.orders)[-30]
        for spelt in (moment.isoformat(), moment.strftime("%a, %d %b %Y %H:%M:%S +0000")):
            told = (await ask("/v2/orders", min_date_modified=spelt, limit="250"))[1]
            assert all(parsedate_to_datetime(one["date_modified"]) >= moment for one in told)
            assert len([one for one in told if one["status_id"]]) == 30
        assert (await ask("/v2/orders", min_date_modified="soon"))[0] == 400


async def test_an_order_its_products_its_codes_and_where_it_goes() -> None:
    async with store() as ask:
        order = next(one for one in ask.year.books.orders if one.code and one.checkout_token)
        _, told, _ = await ask(f"/v2/orders/{order.id}")
        assert (told["total_inc_tax"], told["customer_id"]) == (f"{order.total / 100:.4f}", order.customer or 0)
        assert told["cart_id"] == cart_id(order.checkout_token or "")
        _, products, _ = await ask(f"/v2/orders/{order.id}/products")
        assert [(one["sku"], one["quantity"]) for one in products] == [(line.sku, line.quantity) for line in order.lines]
        assert [one["code"] for one in (await ask(f"/v2/orders/{order.id}/coupons"))[1]] == [order.code]
        assert (await ask(f"/v2/orders/{order.id}/shippingaddresses"))[1][0]["country_iso2"] == order.address.country
        status, told, _ = await ask("/v2/orders/1")
        assert (status, told) == (404, [{"status": 404, "message": "The requested resource was not found."}])


async def test_what_orders_sold_comes_with_their_list_where_it_is_asked_for() -> None:
    async with store(60) as ask:
        told = (await ask("/v2/orders", limit="250", include="consignments.line_items", consignment_structure="object"))[1]
        for one in told:
            parts = one["consignments"]["shipping"] + one["consignments"]["pickups"]
            alone = (await ask(f"/v2/orders/{one['id']}/products"))[1]
            assert [line for part in parts for line in part["line_items"]] == alone
        assert "consignments" not in (await ask("/v2/orders"))[1][0]


async def test_a_cart_has_a_way_back_and_its_checkout_the_phone() -> None:
    async with store() as ask:
        left = next(one for one in ask.year.books.checkouts if one.completed_at is None and one.address and one.address.phone)
        key = cart_id(left.token)
        cart = (await ask(f"/v3/carts/{key}", include="line_items.physical_items.options,redirect_urls"))[1]["data"]
        assert cart["redirect_urls"]["cart_url"].startswith(ask.url)
        assert "phone" not in cart
        assert len(cart["line_items"]["physical_items"]) == len(left.lines)
        checkout = (await ask(f"/v3/checkouts/{key}"))[1]["data"]
        assert checkout["billing_address"]["phone"] == left.address.phone  # type: ignore[union-attr]  # chosen with one
        bought = next(one for one in ask.year.books.checkouts if one.completed_at)
        assert (await ask(f"/v3/carts/{cart_id(bought.token)}"))[0] == 404


async def test_customers_are_asked_for_by_id_by_mail_and_by_change() -> None:
    async with store() as ask:
        one, *_, last = sorted(ask.year.books.customers, key=lambda each: each.updated_at)
        told = (await ask("/v3/customers", **{"id:in": f"{one.id},{last.id}", "include": "addresses"}))[1]
        assert {each["id"] for each in told["data"]} == {one.id, last.id}
        assert told["data"][0]["addresses"][0]["country_code"]
        late = (await ask("/v3/customers", **{"date_modified:min": last.updated_at.isoformat()}))[1]
        assert [each["id"] for each in late["data"]] == [last.id]
        assert late["meta"]["pagination"]["total"] == 1


async def test_products_have_their_variants() -> None:
    async with store(5) as ask:
        product = next(one for one in ask.year.books.products if len(one.variants) > 1)
        told = (await ask(f"/v3/catalog/products/{product.id}", include="variants"))[1]["data"]
        assert [one["sku"] for one in told["variants"]] == [variant.sku for variant in product.variants]
        assert (await ask("/v3/catalog/products", limit="5"))[1]["meta"]["pagination"]["total_pages"] == 4


async def test_after_so_many_calls_there_is_a_429_until_the_window_ends() -> None:
    async with store(5, Quota(3, 30)) as ask:
        left = [(await ask("/v2/time"))[2]["X-Rate-Limit-Requests-Left"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        status, _, headers = await ask("/v3/customers")
        assert (status, headers["X-Rate-Limit-Time-Reset-Ms"]) == (429, "30000")
        ask.seconds.now += int(headers["X-Rate-Limit-Time-Reset-Ms"]) / 1000
        assert (await ask("/v2/time"))[0] == 200


async def test_hooks_are_made_changed_and_ended() -> None:
    wanted = {"scope": "store/order/*", "destination": "https://bot.example/webhooks"}
    async with store(5) as ask:
        made = (await ask("/v3/hooks", "POST", wanted))[1]["data"]
        assert (made["is_active"], made["store_hash"]) == (True, STORE_HASH)
        assert (await ask("/v3/hooks", "POST", {**wanted, "destination": "http://bot.example"}))[0] == 422
        assert (await ask("/v3/hooks", "POST", {**wanted, "scope": "orders"}))[0] == 400
        assert (await ask(f"/v3/hooks/{made['id']}", "PUT", {"is_active": False}))[1]["data"]["is_active"] is False
        assert (await ask(f"/v3/hooks/{made['id']}", "DELETE"))[0] == 200
        assert (await ask("/v3/hooks"))[1]["data"] == []


@pytest.mark.parametrize("path", ["/v2/orders", "/v3/customers"])
async def test_a_wrong_token_is_turned_away(path: str) -> None:
    async with store(5) as ask:
        ask.token = "wrong"
        assert (await ask(path))[0] == 401
