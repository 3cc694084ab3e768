"""Discount codes against a real HTTP server that checks what it is sent."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.facts import Money
from bot.shop import discounts
from bot.shop.discounts import ALPHABET, DiscountRefused, ShopUnreachable, make, new_code
from bot.shop.signature import signed

SECRET = "whsec_c2hvcHNob3BzaG9wc2hvcHNob3BzaG9w"
NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
ENDS = datetime(2026, 11, 4, 10, 0, tzinfo=UTC)


@dataclass
class Shop:
    """A shop that keeps what it is asked for, and answers as it is told to."""

    url: str = ""
    answer: Callable[[], Awaitable[web.StreamResponse]] | None = None
    cuts: bool = False
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def put(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        assert signed(request.headers, body, [SECRET], NOW)
        assert request.content_type == "application/json"
        self.asked.append((request.match_info["code"], request.headers["webhook-id"], json.loads(body)))
        if self.cuts:
            assert request.transport is not None
            request.transport.abort()
        return await self.answer() if self.answer else web.Response(status=204)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_put("/discounts/{code}", shop.put)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}/discounts/"
    yield shop
    await runner.cleanup()


async def ask(url: str, *, code: str = "CASA7KQ2MX9T", percent: Decimal | None = None, amount: Money | None = None) -> None:
    async with aiohttp.ClientSession() as session:
        await make(session, url=url, secret=SECRET, code=code, percent=percent, amount=amount, ends=ENDS, now=NOW)


@pytest.mark.parametrize(
    ("percent", "amount", "worth"),
    [
        (Decimal(5), None, {"percent": "5"}),
        (Decimal("12.5"), None, {"percent": "12.5"}),
        (Decimal("5E+1"), None, {"percent": "50"}),
        (None, Money(1000, "EUR"), {"amount": "10.00", "currency": "EUR"}),
        (None, Money(5, "EUR"), {"amount": "0.05", "currency": "EUR"}),
        (None, Money(500, "JPY"), {"amount": "500", "currency": "JPY"}),
        (None, Money(1500, "KWD"), {"amount": "1.500", "currency": "KWD"}),
    ],
)
async def test_the_shop_is_asked_for_the_code_with_its_worth_and_its_end(
    shop: Shop, percent: Decimal | None, amount: Money | None, worth: dict[str, str]
) -> None:
    await ask(shop.url, percent=percent, amount=amount)
    ((code, _, body),) = shop.asked
    assert code == "CASA7KQ2MX9T"
    assert body == worth | {"ends_at": "2026-11-04T10:00:00Z"}


async def test_the_same_code_asked_for_again_has_the_same_message_id(shop: Shop) -> None:
    await ask(shop.url, percent=Decimal(5))
    await ask(shop.url, percent=Decimal(5))
    await ask(shop.url, percent=Decimal(5), code="OTHER")
    ids = [message_id for _, message_id, _ in shop.asked]
    assert ids[0] == ids[1] != ids[2]


async def test_a_code_with_strange_characters_stays_one_part_of_the_address(shop: Shop) -> None:
    await ask(shop.url, percent=Decimal(5), code="A/../B .ñ")
    assert shop.asked[0][0] == "A/../B .ñ"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda: web.json_response({"error": "The budget is\nspent."}, status=422), "The budget is spent."),
        (lambda: web.json_response({"error": "x" * 5000}, status=409), "x" * 200),
        (lambda: web.json_response({"error": ["no"]}, status=403), "the shop answered 403"),
        (lambda: web.json_response(["no"], status=404), "the shop answered 404"),
        (lambda: web.Response(status=400, text="<html>"), "the shop answered 400"),
        (lambda: web.Response(status=400, body=b"{" * 1_000_000), "the shop answered 400"),
    ],
)
async def test_a_shop_that_says_no_refuses_in_its_own_words(shop: Shop, answer: Callable[[], web.Response], why: str) -> None:
    async def say() -> web.StreamResponse:
        return answer()

    shop.answer = say
    with pytest.raises(DiscountRefused) as caught:
        await ask(shop.url, percent=Decimal(5))
    assert caught.value.why == str(caught.value) == why


@pytest.mark.parametrize("status", [302, 408, 429, 500, 503])
async def test_a_shop_that_cannot_answer_now_is_asked_again_later(shop: Shop, status: int) -> None:
    async def say() -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": shop.url + "elsewhere"})

    shop.answer = say
    with pytest.raises(ShopUnreachable, match=f"answered {status}"):
        await ask(shop.url, percent=Decimal(5))
    assert len(shop.asked) == 1


async def test_a_connection_that_is_cut_is_unreachable(shop: Shop) -> None:
    shop.cuts = True
    with pytest.raises(ShopUnreachable, match=r"cannot be reached \(ServerDisconnectedError\)"):
        await ask(shop.url, percent=Decimal(5))


async def test_a_shop_that_is_silent_is_unreachable(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.Response()

    shop.answer = wait
    monkeypatch.setattr(discounts, "_ANSWER_TIME", aiohttp.ClientTimeout(total=0.1))
    with pytest.raises(ShopUnreachable, match="did not answer"):
        await ask(shop.url, percent=Decimal(5))


async def test_a_shop_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ShopUnreachable, match="cannot be reached"):
        await ask(f"http://127.0.0.1:{port}/discounts", percent=Decimal(5))


@pytest.mark.parametrize(("percent", "amount"), [(None, None), (Decimal(5), Money(5, "EUR"))])
async def test_a_discount_is_a_percentage_or_an_amount(percent: Decimal | None, amount: Money | None) -> None:
    with pytest.raises(ValueError, match="one of them"):
        await ask("http://127.0.0.1:9/", percent=percent, amount=amount)


@given(st.text(), st.binary(min_size=16, max_size=16))
def test_a_code_reads_clearly_and_fits_whatsapps_button(prefix: str, drawn: bytes) -> None:
    code = new_code(prefix, lambda count: drawn)
    assert len(code) <= 15
    assert set(code[-8:]) <= set(ALPHABET)
    assert code.isascii()
    assert code.isalnum()


def test_a_code_opens_with_the_shops_prefix() -> None:
    assert new_code("Casa Lola", lambda count: bytes(count)) == "CASALO22222222"
    assert new_code("casa", lambda count: b"\xff" * count) != new_code("casa", lambda count: b"\xfe" * count)
