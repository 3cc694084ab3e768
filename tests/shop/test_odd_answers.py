"""Whatever a shop's code interface answers: an outcome, a refusal or "nobody knows", and nothing else."""

import asyncio
import base64
import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.shop.discounts import CodeApi, DiscountRefused, Offer, Outcome, PutCodes, ShopUnreachable, UnderWay
from bot.shop.shopify_api import Shopify
from bot.shop.shopify_graphql import PATH, Bucket, ShopifyGraphql
from bot.shop.shopify_token import ClientToken
from bot.shop.woocommerce_api import WooCommerce
from bot.shop.woocommerce_rest import WooRest
from tests.worker.till import at_once

START = datetime(2026, 11, 1, tzinfo=UTC)
OFFER = Offer("cart_reminder 5% 2026-11", "CASAPARENT", Decimal(5), None, START, START + timedelta(days=40))
CODES = ("CASA1", "CASA2")
PLACE = "gid://shopify/DiscountCodeNode/1"
SECRET = "whsec_" + base64.b64encode(b"a secret of all the shops here").decode()

COST = {"cost": {"requestedQueryCost": 10, "throttleStatus": {"maximumAvailable": 1000, "currentlyAvailable": 990, "restoreRate": 50}}}
ERRORS = [{"message": "no", "extensions": {"code": "THROTTLED"}}]
USER_ERRORS = [{"field": ["code"], "code": "TAKEN", "message": "must be unique"}]
MADE = {
    "discountCodeBasicCreate": {"codeDiscountNode": {"id": PLACE}, "userErrors": USER_ERRORS},
    "codeDiscountNodeByCode": {"id": PLACE},
    "discountRedeemCodeBulkAdd": {"bulkCreation": {"id": "bulk", "done": False}, "userErrors": []},
    "discountRedeemCodeBulkCreation": {
        "done": True,
        "codes": {
            "nodes": [
                {"code": "CASA1", "errors": [], "discountRedeemCode": {"id": "made", "code": "CASA1"}},
                {"code": "CASA2", "errors": [{"message": "must be unique"}], "discountRedeemCode": None},
            ]
        },
    },
    "discountCodeRedeemCodeBulkDelete": {"job": {"id": "job"}, "userErrors": []},
    "c0": {"id": PLACE},
    "c1": None,
}
GRAPHQL = ({"data": MADE, "extensions": COST}, {"errors": ERRORS, "data": None, "extensions": COST})
REFUSED = {"code": "refused", "message": "no", "error": "no such worth"}
GOOD: Mapping[str, tuple[Any, ...]] = {
    "shopify": GRAPHQL,
    "shopify, asked for its token": (*GRAPHQL, {"access_token": "shpat_x", "expires_in": 86_399}),
    "woocommerce": (
        {"create": [{"id": 7, "code": "casa1"}, {"id": 0, "error": {"code": "exists", "message": "already exists"}}]},
        [{"id": 7, "code": "casa1", "description": OFFER.title}],
        REFUSED,
    ),
    "put": (REFUSED,),
}

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([1e308, 10**400, "1e999", "\0", "\ud800", "a\nb"]) | st.text()
)
ANY_JSON = st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3))


def places(told: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in an answer."""
    yield before
    for key, value in told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ():
        yield from places(value, (*before, key))


@st.composite
def odd_answers(draw: st.DrawFn, kind: str) -> Any:
    """A good answer in which some things are otherwise."""
    told = copy.deepcopy(draw(st.sampled_from(GOOD[kind])))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from([*places(told)]))
        if not where:
            return draw(ANY_JSON)
        holder = told
        for step in where[:-1]:
            holder = holder[step]
        if draw(st.booleans()):
            del holder[where[-1]]
        else:
            holder[where[-1]] = draw(ANY_JSON)
    return told


@dataclass
class Shop:
    """A shop that answers everything alike."""

    runner: asyncio.Runner
    status: int = 200
    body: bytes = b""
    url: str = ""
    session: Any = field(default=None)

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=self.status, body=self.body, content_type="application/json")

    def api(self, kind: str) -> CodeApi:
        graphql = f"{self.url}{PATH}"
        match kind:
            case "shopify":
                return Shopify(ShopifyGraphql(self.session, url=graphql, token="t", bucket=Bucket(at_once)))
            case "shopify, asked for its token":
                token = ClientToken(self.session, url=self.url, key="k", secret="s")
                return Shopify(ShopifyGraphql(self.session, url=graphql, token=token, bucket=Bucket(at_once)))
            case "woocommerce":
                return WooCommerce(WooRest(self.session, url=self.url, key="k", secret="s", pause=at_once))
            case _:
                return PutCodes(self.session, url=self.url, secret=SECRET, clock=lambda: START)


@contextmanager
def shop() -> Iterator[Shop]:
    with asyncio.Runner() as runner:
        one = Shop(runner)

        async def begin() -> web.AppRunner:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", one.answer)
            served = web.AppRunner(app, shutdown_timeout=1)
            await served.setup()
            await web.TCPSite(served, "127.0.0.1", 0).start()
            one.url = f"http://127.0.0.1:{served.addresses[0][1]}"
            one.session = aiohttp.ClientSession()
            return served

        served = runner.run(begin())
        try:
            yield one
        finally:
            runner.run(one.session.close())
            runner.run(served.cleanup())


def storable(*texts: str) -> None:
    """A database takes it, and a person can read it."""
    for text in texts:
        assert text.encode() is not None
        assert not any(char in text for char in "\0\n\r")


def sound(outcome: object) -> None:
    match outcome:
        case Outcome():
            storable(*outcome.ready, *outcome.ready.values(), *outcome.lost, *outcome.lost.values())
        case UnderWay():
            storable(outcome.bulk)
        case Mapping():
            storable(*outcome, *outcome.values())
        case str():
            storable(outcome)
        case _:
            assert outcome is None


async def ask_everything(api: CodeApi) -> None:
    for call in (
        lambda: api.open(OFFER, unsure=False),
        lambda: api.open(OFFER, unsure=True),
        lambda: api.add(PLACE, OFFER, CODES),
        lambda: api.look(PLACE, OFFER, CODES),
        lambda: api.poll(PLACE, OFFER, "bulk"),
        lambda: api.close(PLACE, CODES[0], "7"),
        lambda: api.close(PLACE, CODES[0], "no number"),
    ):
        try:
            sound(await call())
        except (DiscountRefused, ShopUnreachable) as error:
            storable(error.why)


@pytest.mark.parametrize("kind", GOOD)
def test_an_answer_in_any_shape_is_an_outcome_a_refusal_or_nobody_knows(kind: str) -> None:
    with shop() as one:

        @settings(deadline=None, max_examples=300)
        @given(told=odd_answers(kind), status=st.sampled_from([200, 200, 200, 200, 207, 302, 400, 401, 404, 422, 500]))
        def answered(told: Any, status: int) -> None:
            one.status, one.body = status, json.dumps(told).encode()
            one.runner.run(ask_everything(one.api(kind)))

        answered()


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "-1e999", "1e308", "-1e308"])
@pytest.mark.parametrize("name", ["requestedQueryCost", "maximumAvailable", "currentlyAvailable", "restoreRate"])
def test_one_odd_number_in_an_answer_closes_no_shop_for_good(name: str, number: str) -> None:
    with shop() as one:
        good = json.dumps({"data": MADE, "extensions": COST}).encode()
        value = COST["cost"].get(name) or COST["cost"]["throttleStatus"][name]  # type: ignore[index]  # numbers, and an object of them
        one.body = good.replace(f'"{name}": {value}'.encode(), f'"{name}": {number}'.encode())
        assert one.body != good
        api = one.api("shopify")

        async def ask(body: bytes) -> str:
            one.body = body
            return await api.open(OFFER, unsure=True)

        assert one.runner.run(ask(one.body)) == PLACE
        for _ in range(3):
            assert one.runner.run(ask(good)) == PLACE
