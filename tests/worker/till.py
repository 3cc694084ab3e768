"""A store's code API on a port of its own, and a house that gets its codes there."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from aiohttp import web

from bot.channel import Delivered, Outgoing
from bot.flow.run import TemplateMessage
from bot.sandbox.shop.store_api import StoreApi
from bot.shop.discounts import CodeApi
from bot.shop.shopify_api import Shopify
from bot.shop.shopify_graphql import PATH, Bucket, ShopifyGraphql
from bot.shop.woocommerce_api import WooCommerce
from bot.shop.woocommerce_rest import WooRest
from bot.worker.discounter import Discounter

from .bench import SHOP, Bench, playbook

TOKEN = "shpat_of_the_tests"
FLOW = """
name: Cart reminder
about: A test.
purpose: marketing
start:
  when: cart_abandoned
  for: 1 hour
steps:
  - discount: 5%
    from: pool
    valid_for: 2 days
    if_none:
      - end: no code
  - send:
      template: cart_last_chance
      with:
        name: contact.first_name or "there"
        percent: discount.percent
        ends: discount.ends
  - end: promised
"""


async def at_once(_: float) -> None:
    """Nobody waits in these tests."""


def shopify(session: aiohttp.ClientSession, url: str) -> Shopify:
    """The client of a store in Shopify's manner."""
    return Shopify(ShopifyGraphql(session, url=f"{url}{PATH}", token=TOKEN, bucket=Bucket(at_once)))


def woocommerce(session: aiohttp.ClientSession, url: str) -> WooCommerce:
    """The client of a store in WooCommerce's manner."""
    return WooCommerce(WooRest(session, url=url, key="ck_sandbox", secret=TOKEN))


KINDS: dict[str, Callable[[aiohttp.ClientSession, str], CodeApi]] = {"shopify": shopify, "woocommerce": woocommerce}


@asynccontextmanager
async def listening(routes: Sequence[web.RouteDef]) -> AsyncIterator[str]:
    """Something that listens on loopback; its address."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Arrivals:
    """A channel that looks, when a message arrives, whether the store knows the code in it."""

    api: StoreApi
    promised: dict[str, list[str]] = field(default_factory=dict)
    empty_promises: list[str] = field(default_factory=list)

    async def deliver(self, message: Outgoing) -> Delivered:
        content = message.content
        assert isinstance(content, TemplateMessage)
        code = content.code
        assert code is not None
        self.promised.setdefault(str(message.to.phone), []).append(code)
        if not self.api.exists(code):
            self.empty_promises.append(code)
        return Delivered(f"wamid.{sum(map(len, self.promised.values()))}")


class Till:
    """The house, and the store its codes come from."""

    def __init__(self, bench: Bench, api: StoreApi, code_api: CodeApi, session: aiohttp.ClientSession, flow: str) -> None:
        self.bench, self.api = bench, api
        self.bench.playbook = playbook(cart_reminder=flow)
        self.arrivals = Arrivals(api)
        self.bench.sender._channel = self.arrivals  # another end of the same sender
        self.files: dict[str, list[str]] = {}
        self.discounter = Discounter(bench.store, session, {}, bench.house, {SHOP: code_api}, self.files.get, patience=30)

    async def left_carts(self, *who: str, key: str = "k") -> None:
        """Each of them leaves a cart, and an hour passes."""
        for one in who:
            await self.bench.cart(f"{key}-{one}", one)
        await self.bench.work()
        self.bench.now += timedelta(hours=1)
        await self.bench.work()

    async def settle(self, seconds: int = 60) -> None:
        """Codes are made and messages sent, for that long."""
        for _ in range(seconds):
            while await self.discounter.make_wanted():
                pass
            await self.bench.work()
            await self.bench.send()
            self.bench.now += timedelta(seconds=1)

    async def states(self) -> list[str]:
        """Of each code that was wanted."""
        return [row["state"] for row in await self.bench.rows("select state from discount order by id")]


@asynccontextmanager
async def till(bench: Bench, kind: str = "shopify", flow: str = FLOW) -> AsyncIterator[Till]:
    """A house whose shop is of that kind."""
    api = StoreApi(token=TOKEN)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        yield Till(bench, api, KINDS[kind](session, url), session, flow)


