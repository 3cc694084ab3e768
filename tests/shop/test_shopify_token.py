"""The access token of an app of the Dev Dashboard: asked for with its id and secret, kept for its day, had anew when it is refused."""

import asyncio
import logging

import aiohttp
import pytest
from aiohttp import web

from bot.shop.shopify_graphql import Bucket, ShopifyGraphql
from bot.shop.shopify_token import ClientToken
from bot.shop.wire import ApiRefused, ShopUnreachable
from tests.worker.till import at_once, listening

SECRET = "shpss_of_the_app"


class Issuer:
    """A store that gives tokens to one app, and answers who has the last one."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.answer: web.Response | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/admin/oauth/access_token", self._give), web.post("/admin/api/2026-10/graphql.json", self._ask)]

    async def _give(self, request: web.Request) -> web.Response:
        if self.answer is not None:
            return web.Response(status=self.answer.status, text=self.answer.text)
        asked = await request.json()
        assert asked == {"client_id": "c0ffee", "client_secret": SECRET, "grant_type": "client_credentials"}
        self.given.append(f"shpat_{len(self.given)}")
        return web.json_response({"access_token": self.given[-1], "scope": "read_orders", "expires_in": 86399})

    async def _ask(self, request: web.Request) -> web.Response:
        if request.headers["X-Shopify-Access-Token"] != self.given[-1]:
            return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)
        return web.json_response({"data": {"shop": {"name": "Casa"}}})


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_it_is_asked_for_once_a_day_whoever_needs_it() -> None:
    issuer, clock = Issuer(), Seconds()
    async with listening(issuer.routes()) as url, aiohttp.ClientSession() as session:
        token = ClientToken(session, url=url, key="c0ffee", secret=SECRET, clock=clock)
        assert set(await asyncio.gather(*(token.now() for _ in range(20)))) == {"shpat_0"}
        clock.now = 85_000.0
        assert await token.now() == "shpat_0"
        clock.now = 85_900.0  # a quarter of an hour before its end
        assert await token.now() == "shpat_1"


async def test_one_that_was_taken_back_is_had_anew_and_the_call_made_again() -> None:
    issuer = Issuer()
    async with listening(issuer.routes()) as url, aiohttp.ClientSession() as session:
        token = ClientToken(session, url=url, key="c0ffee", secret=SECRET)
        wire = ShopifyGraphql(session, url=f"{url}/admin/api/2026-10/graphql.json", token=token, bucket=Bucket(at_once))
        assert await wire.ask("query shop { shop { name } }", {}) == {"shop": {"name": "Casa"}}
        issuer.given.append("another")
        assert await wire.ask("query shop { shop { name } }", {}) == {"shop": {"name": "Casa"}}
        assert issuer.given == ["shpat_0", "another", "shpat_2"]


@pytest.mark.parametrize(
    ("status", "text", "error", "said"),
    [
        (400, "Oauth error shop_not_permitted: Client credentials cannot be performed on this shop.", ApiRefused, "of one organization"),
        (404, "Not found", ApiRefused, "there is no store under this name"),
        (400, '{"error": "invalid_client"}', ApiRefused, "is it installed in this store"),
        (503, "", ShopUnreachable, "503"),
        (200, "[]", ShopUnreachable, "cannot be read"),
        (200, '{"access_token": 5}', ShopUnreachable, "cannot be read"),
    ],
)
async def test_a_refusal_says_what_to_do_and_never_the_secret(
    status: int, text: str, error: type[Exception], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issuer = Issuer()
    issuer.answer = web.Response(status=status, text=text)
    async with listening(issuer.routes()) as url, aiohttp.ClientSession() as session:
        with pytest.raises(error, match=said) as raised:
            await ClientToken(session, url=url, key="c0ffee", secret=SECRET).now()
    assert SECRET not in str(raised.value) + caplog.text
