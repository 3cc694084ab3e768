"""Shops that are slow, or answer what nobody foresaw: they keep nobody else's codes waiting, and are not asked without end."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import aiohttp
import pytest_asyncio
from aiohttp import web

from bot.flow.run import POOL, CodeTerms, Discount
from bot.sandbox.shop.store_api import StoreApi
from bot.shop.discounts import CodeApi
from bot.store import discounts
from bot.worker.crew import Crew
from bot.worker.discounter import CodeMaker, Discounter

from .bench import SHOP, Bench
from .till import TOKEN, listening, shopify

SECRET = "whsec_" + base64.b64encode(b"a secret of all the shops here").decode()
A_LEASE = timedelta(seconds=61)  # on a server whoever takes something has a minute for it


@dataclass
class Shops:
    """A house, and shops that make codes one by one: `quick` at once, `slow` when `answers` is set."""

    bench: Bench
    session: aiohttp.ClientSession
    url: str
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    _run: int = 0
    _contact: int = 0

    def discounter(self, **apis: CodeApi) -> Discounter:
        makers = {name: CodeMaker(f"{self.url}/{name}", SECRET) for name in ("slow", "quick")}
        return Discounter(self.bench.store, self.session, makers, self.bench.house, apis, patience=0.1)

    async def want(self, shop: str, *numbers: int, terms: CodeTerms | None = None) -> None:
        """Somebody is to have codes of that shop."""
        if not self._run:
            await self.bench.reminded()
            self._contact = await self.bench.contact()
            self._run = (await self.bench.rows("select id from run"))[0]["id"]
        for number in numbers:
            code = Discount(f"C{number}", self.bench.now + timedelta(days=2), Decimal(10), None)
            await self.bench.store.run(
                discounts.want(
                    self._run, 100 + number, self._contact, shop, code, self.bench.now, flow=f"f{number}", terms=terms or CodeTerms()
                )
            )

    async def states(self, shop: str) -> list[str]:
        return [row["state"] for row in await self.bench.rows(f"select state from discount where shop = '{shop}' order by id")]

    async def _put(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["code"])
        if request.match_info["shop"] == "slow":
            await self.answers.wait()
        return web.Response(status=204)

    def routes(self) -> list[web.RouteDef]:
        return [web.put("/{shop}/{code}", self._put)]


@pytest_asyncio.fixture
async def shops(bench: Bench) -> AsyncIterator[Shops]:
    async with aiohttp.ClientSession() as session:
        one = Shops(bench, session, "")
        async with listening(one.routes()) as url:
            one.url = url
            yield one
            one.answers.set()


async def test_a_shop_that_hangs_keeps_nobody_elses_codes_waiting(shops: Shops) -> None:
    api = StoreApi(token=TOKEN)
    async with listening(api.routes()) as url:
        house = shops.discounter(casa=shopify(shops.session, url))
        await shops.want("slow", *range(15))
        await house.make_wanted()
        began = monotonic()
        await shops.want("slow", 20, terms=CodeTerms(code="WELCOME5"))
        await shops.want("other", 21, terms=CodeTerms(code="WELCOME5"))
        await house.make_wanted()
        assert monotonic() - began < 5
        assert await shops.states("other") == ["made"]
        await shops.want("quick", 22)
        await shops.want(SHOP, 23, terms=CodeTerms(source=POOL))
        for _ in range(10):
            await house.make_wanted()
            await asyncio.sleep(0.1)
            shops.bench.now += timedelta(seconds=5)
        assert [await shops.states(shop) for shop in ("quick", SHOP)] == [["made"], ["made"]]
        assert await shops.states("slow") == ["wanted"] * 15 + ["made"]
        assert sorted(shops.asked) == sorted([*(f"C{number}" for number in range(10)), "C22"]), "each once, and ten at a time"
        shops.answers.set()
        for _ in range(5):
            await asyncio.sleep(0.1)
            await house.make_wanted()
        assert await shops.states("slow") == ["made"] * 16
        await house.stop()


async def test_what_a_shop_was_asked_for_at_a_stop_is_asked_for_again_and_made_once(shops: Shops) -> None:
    await shops.want("slow", 1)
    crew = Crew(shops.bench.store, shops.bench.house, shops.bench.sender, shops.discounter())
    await crew.start()
    async with asyncio.timeout(10):
        while not shops.asked:  # noqa: ASYNC110 - what the shop hears is seen in what it keeps
            await asyncio.sleep(0.01)
    before = asyncio.all_tasks()
    began = monotonic()
    await crew.stop()
    assert monotonic() - began < 3
    assert not [task for task in before & asyncio.all_tasks() if "_make" in repr(task.get_coro())]
    assert await shops.states("slow") == ["wanted"]

    shops.answers.set()
    shops.bench.now += A_LEASE
    house = shops.discounter()
    await house.make_wanted()
    assert await shops.states("slow") == ["made"]
    assert shops.asked == ["C1", "C1"]
    assert not await house.make_wanted()
