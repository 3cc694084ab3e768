"""The whole sandbox on one loopback port: the Cloud API, the shop, and the page with the phone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox.cloud_api import CloudApi
from bot.sandbox.fault import Faults
from bot.sandbox.graph import BODY_LIMIT, Graph
from bot.sandbox.page import DeskDoor, Page, StaffActions
from bot.sandbox.shop import Shop
from bot.sandbox.storefront import Storefront
from bot.sandbox.thought import Thoughts

SETTLE_SECONDS = 5.0  # a button of the page answers at the latest then, whatever the bot still does
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
FOR_MACHINES = ("/v", "/discounts/", "/whatsapp_business/")  # bearer token and signature guard these, whatever host name a client writes


async def _stand_still(_: timedelta) -> None:
    """A clock that nobody can turn."""


async def _nothing_due() -> datetime | None:
    return None


async def _at_once() -> None:
    """Nothing to wait for."""


class Sandbox:
    """One port with everything. The clock belongs to the caller: it returns UTC, `jump` moves it and wakes the bot.

    `next_due` is when the bot does something next, `settled` returns when it has nothing to do now.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        jump: Callable[[timedelta], Awaitable[None]] = _stand_still,
        next_due: Callable[[], Awaitable[datetime | None]] = _nothing_due,
        settled: Callable[[], Awaitable[None]] = _at_once,
        staff: StaffActions | None = None,
        *,
        cloud: CloudApi | None = None,
        shop: Shop,
    ) -> None:
        self.shop = shop
        self.cloud = cloud or CloudApi(clock)
        self.base_url = ""
        self._settled = settled
        self._page = Page(clock, self.cloud, shop, jump=jump, next_due=next_due, settled=self.rest, staff=staff)
        self._runner: web.AppRunner | None = None
        for shopper in shop.shoppers.values():
            self.cloud.introduce(shopper.phone, f"{shopper.first_name} {shopper.last_name}")

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens, and returns the base URL. Raises ValueError for a host that is not loopback, OSError for a taken port."""
        if host not in LOOPBACK:
            raise ValueError("the sandbox only listens on loopback")
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_LIMIT)
        app.add_routes([*Graph(self.cloud).routes(), *self.shop.routes(), *self._page.routes(), *Storefront(self.shop).routes()])
        app.add_routes([web.get("/control/faults", self._get_faults), web.post("/control/faults", self._set_faults)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.base_url = f"http://{host}:{self._runner.addresses[0][1]}"
        self.shop.base_url = self.cloud.base_url = self.base_url
        await self.cloud.start()
        await self.shop.start()
        return self.base_url

    def know_the_bot(self, thoughts: Thoughts, desk: DeskDoor) -> None:
        """The page tells what the bot thinks and leads to its desk from now on."""
        self._page.thoughts, self._page.desk = thoughts, desk

    async def close_page(self) -> None:
        """Open pages are told nothing more, and ask the bot nothing more."""
        await self._page.close()

    async def close(self) -> None:
        """Stops listening and delivering."""
        await self.close_page()
        await self.cloud.close()
        await self.shop.close()
        if self._runner:
            await self._runner.cleanup()

    async def idle(self) -> None:
        """Returns when what has happened so far was told, worked off, answered and told again."""
        for _ in range(2):
            await self.shop.idle()
            await self.cloud.idle()
            await self._settled()

    async def rest(self) -> None:
        """As `idle`, but no longer than a visitor wants to wait."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.idle(), SETTLE_SECONDS)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets only this page change anything here: no foreign site, no foreign name that leads to this machine."""
        if request.path.startswith((*FOR_MACHINES, f"/{self.cloud.waba_id}/")):
            return await handler(request)
        if request.url.host not in LOOPBACK:
            raise web.HTTPMisdirectedRequest
        foreign = request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
        origin = request.headers.get("Origin")
        if request.method not in ("GET", "HEAD") and (foreign or origin not in (None, f"http://{request.host}")):
            raise web.HTTPForbidden
        return await handler(request)

    async def _get_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self.cloud.faults.as_json())

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self.cloud.faults = Faults.from_json(json.loads(await request.read()))
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.json_response(self.cloud.faults.as_json())
