"""Shops that are slow, or answer what nobody foresaw: they keep nobody else's codes waiting, and are not asked without end."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.flow.run import POOL, CodeTerms, Discount
from bot.sandbox.shop.store_api import StoreApi
from bot.shop.discounts import CodeApi, Offer, Outcome, ShopUnreachable, UnderWay
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
        makers["unsigned"] = CodeMaker(f"{self.url}/quick", "no secret at all")
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


# ---- what nobody foresaw


@dataclass
class Odd:
    """A shop's interface that does `what` it is told to."""

    what: str
    calls: int = 0
    at_once: int = 50

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        return "place"

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        self.calls += 1
        match self.what:
            case "stumbles":
                raise KeyError("id")
            case "loses all":
                return Outcome({}, dict.fromkeys(codes, "no such luck"))
            case "forgets":
                return UnderWay("bulk")
            case "says nothing":
                return Outcome({}, {})
            case "is busy":
                raise ShopUnreachable("the shop lets us ask no more for now", 600.0)
        return Outcome(dict.fromkeys(codes, "7"), {})

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        return None

    async def close(self, place: str, code: str, store_id: str) -> None:
        self.calls += 1
        raise KeyError(code)


async def pass_time(shops: Shops, house: Discounter, seconds: int) -> None:
    for _ in range(seconds):
        while await house.make_wanted():
            pass
        shops.bench.now += timedelta(seconds=1)


@pytest.mark.parametrize("what", ["stumbles", "loses all", "forgets", "says nothing"])
async def test_a_shop_that_answers_oddly_is_asked_ever_more_seldom_and_who_waits_hears_no(shops: Shops, what: str) -> None:
    odd = Odd(what)
    house = shops.discounter(odd=odd)
    await shops.want("odd", 1, terms=CodeTerms(source=POOL))
    await shops.want("other", 2, terms=CodeTerms(code="WELCOME5"))
    await pass_time(shops, house, 200)
    assert 5 <= odd.calls <= 6
    assert [await shops.states(shop) for shop in ("odd", "other")] == [["refused"], ["made"]]
    (pool,) = await shops.bench.rows("select attempts, why from code_pool")
    assert pool["attempts"] >= 5
    assert pool["why"]


async def test_a_shop_that_wants_to_be_left_alone_is(shops: Shops) -> None:
    odd = Odd("is busy")
    house = shops.discounter(odd=odd)
    await shops.want("odd", 1, terms=CodeTerms(source=POOL))
    await pass_time(shops, house, 100)
    assert odd.calls == 1
    odd.what = ""
    shops.bench.now += timedelta(minutes=10)
    await pass_time(shops, house, 10)
    assert await shops.states("odd") == ["made"]


async def test_a_code_that_cannot_be_asked_for_is_tried_some_times_and_then_refused(shops: Shops) -> None:
    house = shops.discounter()
    await shops.want("unsigned", 1)
    await shops.want("quick", 2)
    await pass_time(shops, house, 2)
    assert [await shops.states(shop) for shop in ("unsigned", "quick")] == [["wanted"], ["made"]]
    await pass_time(shops, house, 200)
    (row,) = await shops.bench.rows("select state, why, attempts from discount where shop = 'unsigned'")
    assert (row["state"], row["why"], row["attempts"]) == ("refused", "making it failed here", 4)


async def test_a_code_that_cannot_be_taken_out_is_tried_again_after_a_while(shops: Shops) -> None:
    odd = Odd("")
    house = shops.discounter(odd=odd)
    await shops.want("odd", 1, terms=CodeTerms(source=POOL))
    await pass_time(shops, house, 10)
    assert await shops.states("odd") == ["made"]
    await shops.bench.store.run(discounts.revoke(await shops.bench.contact(), "ordered without it", shops.bench.now))
    odd.calls = 0
    await pass_time(shops, house, 100)
    assert odd.calls == 1
    shops.bench.now += timedelta(minutes=5)
    await house.make_wanted()
    assert odd.calls == 2
