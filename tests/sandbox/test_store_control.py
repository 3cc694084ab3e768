"""The store beside the Cloud API of `comeback sandbox`: what the command says, and how a test leads the store by HTTP."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from bot.__main__ import main
from bot.command import shop_access
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.store_control import StoreControls
from bot.sandbox.shop.way_back import WayBack
from bot.sandbox.shop.year import Year
from bot.settings import read
from tests.worker.till import listening


@asynccontextmanager
async def running(*words: str) -> AsyncIterator[dict[str, Any]]:
    """The command as somebody starts it; what it says for machines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "sandbox", "--port", "0", "--json", *words, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout
    try:
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    finally:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0


Ask = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def led() -> AsyncIterator[tuple[Ask, Year, list[str]]]:
    """A store that is led by HTTP; an answer, or the status of none. What happened is listed, too."""
    year, heard = Year(lambda: datetime.now(UTC), orders=20), list[str]()
    year.books.listeners.append(lambda happened, _: heard.append(happened))
    routes = StoreControls(StoreApi(token="t", books=year.books), year).routes()
    async with listening(routes) as url, aiohttp.ClientSession(url) as session:

        async def ask(path: str, body: object) -> Any:
            async with session.post(f"/control/store{path}", json=body) as answer:
                return await answer.json() if answer.status == 200 else answer.status

        yield ask, year, heard


async def test_a_test_of_any_language_looks_lets_it_live_and_breaks_it() -> None:
    async with running("--orders", "50") as told, aiohttp.ClientSession(told["base_url"]) as session:

        async def ask(path: str, body: object = None) -> Any:
            async with session.request("GET" if body is None else "POST", f"/control/store{path}", json=body) as answer:
                return await answer.json() if answer.status == 200 else answer.status

        there = await ask("")
        assert (there["orders"], len(await ask("/orders"))) == (50, 50)
        after = await ask("/live", {"steps": 30})
        assert after["orders"] > 50
        shopify, query = told["stores"]["shopify"], {"query": "{ orders(first: 1) { nodes { name email } } }"}
        headers = {"X-Shopify-Access-Token": shopify["API_TOKEN"]}

        async def orders() -> tuple[int, Any]:
            async with session.post("/admin/api/2026-10/graphql.json", json=query, headers=headers) as answer:
                return answer.status, await answer.json() if answer.status == 200 else None

        assert (await orders())[1]["data"]["orders"]["nodes"]
        assert (await ask("/faults", {"down": 1}))["down"] == 1
        assert [(await orders())[0], (await orders())[0]] == [503, 200]
        await ask("/access", {"scopes": ["read_products"]})
        assert (await orders())[1]["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
        await ask("/access", {"scopes": ["read_orders"], "approved": False})
        assert (await orders())[1]["data"]["orders"]["nodes"][0]["email"] is None
        assert len(await ask("/calls")) == 4
        wrongs: list[object] = [{"steps": 0}, {"steps": "many"}, []]
        for wrong in wrongs:
            assert await ask("/live", wrong) == 400
        wrongs = [{"fire": 1}, {"down": "often"}, {"down": -1}]
        for wrong in wrongs:
            assert await ask("/faults", wrong) == 400
        assert await ask("/access", {"scopes": "all"}) == 400


async def test_somebody_leaves_a_checkout_buys_it_and_gets_a_parcel() -> None:
    async with led() as (ask, year, _):
        left = await ask("/checkouts", {"phone": "+34600000001", "name": "Ana Ruiz"})
        there = year.books.checkouts[left["id"]]
        assert (there.phone, there.address and there.address.first_name, there.completed_at) == ("+34600000001", "Ana", None)
        order = await ask(f"/checkouts/{left['token']}", {})
        assert order["total"] == left["total"]
        assert year.books.checkouts[left["id"]].completed_at is not None
        assert await ask(f"/checkouts/{left['token']}", {}) == 400
        for happens in ("send", "deliver", "refund"):
            await ask(f"/orders/{order['id']}", {"happens": happens})
        after = year.books.orders[order["id"]]
        assert (after.delivered, after.payment.value, after.refunded) == (True, "REFUNDED", after.total)
        wrongs: list[tuple[str, object, int]] = [
            ("/checkouts", {"phone": 34600000001}, 400),
            ("/checkouts/none", {}, 404),
            (f"/orders/{order['id']}", {"happens": "burn"}, 400),
            ("/orders/x", {"happens": "pay"}, 404),
            ("/products/none", {"stock": 1}, 404),
        ]
        for path, body, status in wrongs:
            assert await ask(path, body) == status


async def test_a_product_that_is_there_again_or_costs_less_is_told() -> None:
    async with led() as (ask, year, heard):
        variant = next(iter(year.books.variants()))
        await ask(f"/products/{variant.sku}", {"stock": 0})
        told = await ask(f"/products/{variant.sku}", {"stock": 7, "price": "1.00"})
        assert told["variants"][variant.sku] == {"stock": 7, "price": "1.00"}
        assert next(iter(year.books.variants())).compare_at == variant.price
        assert heard == ["product.updated"] * 2
        for wrong in ({"stock": -1}, {"price": "cheap"}, {"stock": True}):
            assert await ask(f"/products/{variant.sku}", wrong) == 400


async def test_what_the_command_says_is_what_the_settings_take() -> None:
    async with running("--orders", "5") as told:
        assert told["stores"].keys() == {"shopify", "woocommerce", "bigcommerce"}
        for platform, parts in told["stores"].items():
            said = {f"COMEBACK_SHOP_CASA_{name}": value for name, value in parts.items()}
            settings = read({"COMEBACK_SHOPS": "casa", **told["settings"], **said}, serving=True)
            assert settings.shops["casa"].platform == platform
            assert not shop_access.lacks(settings, settings.shops["casa"]), "'comeback shop connect' needs no more"
            assert (settings.shops["casa"].api_url or "").startswith(told["base_url"])


async def test_without_orders_there_is_no_store() -> None:
    async with running("--orders", "0") as told, aiohttp.ClientSession(told["base_url"]) as session:
        assert "stores" not in told
        async with session.get("/control/store") as answer:
            assert answer.status == 404


def test_a_number_of_orders_is_no_less_than_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--orders", "-1"]) == 2
    assert "--orders" in capsys.readouterr().err


@pytest.mark.parametrize("by_cart", [True, False])
async def test_the_link_of_a_left_checkout_leads_back_to_it_and_to_an_order(by_cart: bool) -> None:
    year = Year(lambda: datetime.now(UTC), orders=20)
    store = StoreApi(token="t", books=year.books)
    left = year.leaves(phone="+34600000001", name="Ana García", country="ES", locale="es-ES")
    hostile = "<script>CODE"
    async with listening(WayBack(store, year).routes()) as url, aiohttp.ClientSession(url) as session:
        place = f"/6100000001/checkouts/{f'ac/{left.cart_token}' if by_cart else left.token}/recover"
        store.somebody_else_has("CASA10")
        page = await (await session.get(place, params={"discount": "CASA10"})).text()
        assert left.lines[0].title in page
        assert "CASA10 is applied" in page
        page = await (await session.get(place, params={"discount": hostile})).text()
        assert "not valid any more" in page
        assert hostile not in page
        for _ in range(2):
            assert "This order is placed" in await (await session.post(place)).text()
        assert [one.checkout_token for one in year.books.orders].count(left.token) == 1
        assert (await session.get("/6100000001/checkouts/ac/nobody-s/recover")).status == 404
