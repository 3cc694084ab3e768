"""The sandbox on one loopback port: the Cloud API and a page with a phone in it, alone, with a store's interfaces, or with a shop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox.cloud.call_log import CallLog
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.control import Controls
from bot.sandbox.cloud.graph import BODY_LIMIT, Graph
from bot.sandbox.pages.demo import Demo, StaffActions
from bot.sandbox.pages.demo_view import DeskDoor
from bot.sandbox.pages.page import Page, World
from bot.sandbox.pages.thought import Thoughts
from bot.sandbox.shop.shop import Shop
from bot.sandbox.shop.storefront import Storefront

if TYPE_CHECKING:
    from bot.sandbox.shop.store_api import StoreApi  # only who wants it pays for loading it: the demo starts a sixth sooner

SETTLE_SECONDS = 5.0  # a button of the page answers at the latest then, whatever the bot still does
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
# bearer token and signature guard these, whatever host name a client writes
FOR_MACHINES = ("/v", "/discounts/", "/whatsapp_business/", "/admin/", "/wp-json/", "/stores/")


async def _stand_still(_: timedelta) -> None:
    """A clock that nobody can turn."""


async def _nothing_due() -> datetime | None:
    return None


async def _at_once() -> None:
    """Nothing to wait for."""


class CloudSandbox:
    """One port with the Cloud API and the page of a world, and if wanted with the interfaces of stores' platforms (`store`).

    `settled` returns when the bot has nothing to do now, `jump` turns the clock. `more` is what else is on the port.
    """

    def __init__(
        self,
        cloud: CloudApi,
        world: World,
        settled: Callable[[], Awaitable[None]] = _at_once,
        jump: Callable[[timedelta], Awaitable[None]] = _stand_still,
        calls: CallLog | None = None,
        store: "StoreApi | None" = None,
        more: Sequence[web.RouteDef] = (),
    ) -> None:
        self.cloud, self.store, self._more = cloud, store, more
        self._calls = calls
        self._jump = jump
        self.base_url = ""
        self._settled = settled
        self._page = Page(world, self.rest)
        self._runner: web.AppRunner | None = None

    def routes(self) -> Sequence[web.RouteDef]:
        """Everything that is on the port."""
        controls = Controls(self.cloud, self._jump, self.rest).routes()
        return [*Graph(self.cloud).routes(), *self._page.routes(), *controls, *(self.store.routes() if self.store else []), *self._more]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listens, and returns the base URL. Raises ValueError for a host that is not loopback, OSError for a taken port."""
        if host not in LOOPBACK:
            raise ValueError("the sandbox only listens on loopback")
        noting = [self._calls.note] if self._calls else []
        app = web.Application(middlewares=[self._guard, *noting], client_max_size=BODY_LIMIT)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.base_url = f"http://{host}:{self._runner.addresses[0][1]}"
        self.cloud.base_url = self.base_url
        await self.cloud.start()
        if self.store:
            self.store.at(self.base_url)
            await self.store.start()
        return self.base_url

    async def close_page(self) -> None:
        """Open pages are told nothing more, and ask the bot nothing more."""
        await self._page.close()

    async def close(self) -> None:
        """Stops listening and delivering."""
        await self.close_page()
        await self.cloud.close()
        if self.store:
            await self.store.close()
        if self._runner:
            await self._runner.cleanup()

    async def idle(self) -> None:
        """Returns when what has happened so far was told, worked off, answered and told again."""
        for _ in range(2):
            if self.store:
                await self.store.idle()
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


class Sandbox(CloudSandbox):
    """With a shop, and if wanted with the interfaces of stores' platforms.

    The clock belongs to the caller: it returns UTC, `jump` moves it and wakes the bot.

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
        store: "StoreApi | None" = None,
    ) -> None:
        self.shop = shop
        cloud = cloud or CloudApi(clock)
        self._demo = Demo(clock, cloud, shop, jump=jump, next_due=next_due, staff=staff)
        super().__init__(cloud, self._demo, settled, jump, store=store)

    def routes(self) -> Sequence[web.RouteDef]:
        """The shop's too."""
        return [*super().routes(), *self.shop.routes(), *self._demo.routes(), *Storefront(self.shop).routes()]

    def know_the_bot(self, thoughts: Thoughts, desk: DeskDoor) -> None:
        """The page tells what the bot thinks and leads to its desk from now on."""
        self._demo.thoughts, self._demo.desk = thoughts, desk

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """As the Cloud API alone; the shop begins to deliver, too."""
        self.shop.base_url = await super().start(host, port)
        await self.shop.start()
        return self.base_url

    async def close(self) -> None:
        """Stops listening and delivering."""
        await super().close()
        await self.shop.close()

    async def idle(self) -> None:
        """Returns when what has happened so far was told, worked off, answered and told again."""
        for _ in range(2):
            await self.shop.idle()
            if self.store:
                await self.store.idle()
            await self.cloud.idle()
            await self._settled()
