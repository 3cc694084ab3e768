"""The store beside the Cloud API of `comeback sandbox`: what the command says, and how a test leads the store by HTTP."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.__main__ import main
from bot.settings import read


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


async def test_what_the_command_says_is_what_the_settings_take() -> None:
    async with running("--orders", "5") as told:
        assert told["stores"].keys() == {"shopify", "woocommerce", "bigcommerce"}
        for platform, parts in told["stores"].items():
            said = {f"COMEBACK_SHOP_CASA_{name}": value for name, value in parts.items()}
            settings = read({"COMEBACK_SHOPS": "casa", **said}, serving=False)
            assert settings.shops["casa"].platform == platform
            assert (settings.shops["casa"].api_url or "").startswith(told["base_url"])


async def test_without_orders_there_is_no_store() -> None:
    async with running("--orders", "0") as told, aiohttp.ClientSession(told["base_url"]) as session:
        assert "stores" not in told
        async with session.get("/control/store") as answer:
            assert answer.status == 404


def test_a_number_of_orders_is_no_less_than_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--orders", "-1"]) == 2
    assert "--orders" in capsys.readouterr().err
