"""The door: what comes in from WhatsApp and from shops, and what the world may ask of this process.

A delivery is answered 200 only after all of its updates are on disk. In the request itself there is nothing but: limit, signature over
the raw bytes, split, commit. Hostile input gets a 4xx; what is signed but not understood is kept as dead and answered 200, for a sender
that hears anything else would send it again for a week, or switch us off.
"""

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from time import monotonic, time_ns

from aiohttp import web

from bot.channel.whatsapp import webhook
from bot.shop import knock, plain
from bot.shop.delivery import Adapter, Admission, Delivery
from bot.store import gauges, health
from bot.store.database import Database, StoreUnavailable
from bot.store.model import Source, Update, from_epoch, update_key
from bot.web.metrics import Metrics, may_ask
from bot.web.overflow import Overflow
from bot.web.refusals import Refusals

log = logging.getLogger(__name__)

WHATSAPP_PATH = "/webhooks/whatsapp"
SHOPS_PATH = "/webhooks"  # before a shop's platform and name
MAX_BODY = 4 * 2**20  # bytes; Meta's deliveries go up to 3 MB, a shop's event should stay under 20 kB
BODY_SECONDS = 5.0  # aiohttp has no time-out of its own for a body that trickles in
RETRY_SECONDS = "5"  # what we ask of a sender while the database cannot be written
PATIENCE = 3.0  # seconds for the database to keep a shop's delivery; Shopify hears an answer within five, or counts it as failed
_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")  # Meta's is a number; nothing that a browser could take for markup is echoed
_SHOP = re.compile(r"[a-z0-9-]{1,64}")

Answer = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class ShopDoor:
    """One shop's way in, at `/webhooks/{platform}/{name}`: what admits and reads its deliveries."""

    adapter: Adapter
    platform: str = plain.PLATFORM


@dataclass(frozen=True, slots=True)
class Door:
    """The web application's parts. `wake` is called when something new was kept. `metrics_token` opens /metrics, None keeps it shut.
    `overflow` keeps what shops never send again while the database cannot."""

    store: Database
    clock: Callable[[], datetime]
    app_secrets: tuple[str, ...]
    verify_token: str
    shops: Mapping[str, ShopDoor]
    wake: Callable[[], None]
    metrics: Metrics = field(default_factory=Metrics)
    metrics_token: str | None = field(default=None, repr=False)
    overflow: Overflow | None = None
    refusals: Refusals = field(default_factory=Refusals)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_plain_errors])
        app.router.add_get(WHATSAPP_PATH, self.handshake)
        app.router.add_post(WHATSAPP_PATH, self.whatsapp)
        for path in (f"{SHOPS_PATH}/{{platform}}/{{shop}}", f"{SHOPS_PATH}/{{platform}}/{{shop}}/{{word}}"):
            app.router.add_post(path, self._counted(Source.SHOP, self.shop))
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.numbers)
        return app

    def _counted(self, source: Source, answer: Answer) -> Answer:
        async def counted(request: web.Request) -> web.Response:
            try:
                return await answer(request)
            except web.HTTPException as refusal:
                self.metrics.refused(source, refusal.status)
                raise

        return counted

    async def handshake(self, request: web.Request) -> web.Response:
        """Meta asks once whether this address is ours (Cloud API: webhook verification)."""
        token = request.query.get("hub.verify_token", "")
        challenge = request.query.get("hub.challenge", "")
        known = hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self.verify_token.encode())
        if request.query.get("hub.mode") != "subscribe" or not known or not _CHALLENGE.fullmatch(challenge):
            raise web.HTTPForbidden(text="this is not the verify token of this bot")
        return web.Response(text=challenge)

    async def whatsapp(self, request: web.Request) -> web.Response:
        """A delivery from WhatsApp: one POST, up to a thousand updates."""
        began = monotonic()
        try:
            body = await body_of(request)
        except web.HTTPException as refusal:
            self.metrics.refused(Source.WHATSAPP, refusal.status)
            raise
        await self.delivered(body, _only(request, "X-Hub-Signature-256"), began)
        return web.Response(text="ok")

    async def delivered(self, body: bytes, signature: str | None, began: float) -> None:
        """A delivery from WhatsApp that came whole, at `began` (`time.monotonic()`). It is kept when this returns.

        Raises web.HTTPException, what to answer instead of 200.
        """
        try:
            await self._whatsapp(body, signature, began)
        except web.HTTPException as refusal:
            self.metrics.refused(Source.WHATSAPP, refusal.status)
            raise

    async def _whatsapp(self, body: bytes, signature: str | None, began: float) -> None:
        if not webhook.signed(body, signature, self.app_secrets):
            if body != webhook.NOTHING:
                self.refusals.refused("WhatsApp")
            raise web.HTTPUnauthorized(text="the signature does not fit the body")
        now = self.clock()
        try:
            updates = webhook.split(body, now)
        except ValueError as fault:
            updates = [_buried(Source.WHATSAPP, "", body, now, str(fault))]
        await self._keep(Source.WHATSAPP, updates, now, began)

    async def shop(self, request: web.Request) -> web.Response:
        """A delivery from a shop. Which shop it is stands in the path: no signature covers a header."""
        name = request.match_info["shop"]
        shop = self.shops.get(name) if _SHOP.fullmatch(name) else None
        if shop is None or shop.platform != request.match_info["platform"]:
            raise web.HTTPNotFound(text="there is no shop of this name here")
        began = monotonic()
        body = await body_of(request)
        delivery = Delivery(name, request.headers, body, self.clock(), request.match_info.get("word"))
        match shop.adapter.admit(delivery):
            case Admission.REFUSED:
                if body != knock.BODY:  # the doctor's own, forged to see that it is refused
                    self.refusals.refused(f"shop {name}")
                raise web.HTTPUnauthorized(text="the signature does not fit the body, or its time is not now")
            case Admission.GREETING:
                return web.Response(text="hello")
        if body == knock.BODY:
            return web.Response(text="hello")
        return await self._keep_of_shop(shop.adapter, delivery, began)

    async def _keep_of_shop(self, adapter: Adapter, delivery: Delivery, began: float) -> web.Response:
        """Keep it, within the time a shop waits. Who would not send it again is never refused: then it is kept beside the database."""
        keeping = asyncio.create_task(self._take_in(adapter, delivery, began))
        await asyncio.wait([keeping], timeout=PATIENCE)
        if keeping.done() and keeping.exception() is None:
            return web.Response(text="ok")
        keeping.add_done_callback(_heard)  # it may still be kept: a row that is there twice is told apart by its key
        if adapter.tries_again or self.overflow is None:
            raise _not_kept()
        try:
            await self.overflow.keep(delivery)
        except OSError as fault:
            log.error("a delivery of shop %s was not kept, and is not sent again: %s", delivery.shop, fault.strerror)
            return web.Response(status=202, text="not kept")
        return web.Response(text="ok, beside the database")

    async def take_in(self, delivery: Delivery) -> None:
        """Bring in a delivery that was kept beside the database. Raises StoreUnavailable."""
        if shop := self.shops.get(delivery.shop):
            await self._take_in(shop.adapter, delivery, monotonic())
        else:
            log.error("a delivery of shop %s was kept beside the database, and the shop is not set up any more", delivery.shop)

    async def _take_in(self, adapter: Adapter, delivery: Delivery, began: float) -> None:
        try:
            updates = adapter.split(delivery)
        except Exception:
            log.exception("a delivery of shop %s could not be split", delivery.shop)
            updates = [_buried(Source.SHOP, delivery.shop, delivery.body, delivery.received_at, "reading it failed here")]
        new = await self.store.receive(updates, delivery.received_at)
        self._acknowledged(Source.SHOP, updates, new, began)

    async def health(self, _: web.Request) -> web.Response:
        """Whether this process does its work: 200, or 503 when the database cannot be read or written, or a log beside it."""
        if self.store.failing is not None:
            return web.json_response({"status": "the database cannot be written"}, status=503)
        if still := self.metrics.standing_still:
            return web.json_response({"status": f"standing still: {', '.join(sorted(still))} (the log tells why)"}, status=503)
        try:
            state = await self.store.read(health.state())
        except StoreUnavailable:
            return web.json_response({"status": "the database cannot be read"}, status=503)
        answer = {"status": "ok", "waiting": state.waiting, "dead": state.dead, "unknown": state.unknown, "stopped": list(state.stopped)}
        return web.json_response(answer)

    async def numbers(self, request: web.Request) -> web.Response:
        """The metrics, for whoever brings the token."""
        if not may_ask(request, self.metrics_token):
            raise web.HTTPNotFound(text="set COMEBACK_METRICS_TOKEN, and send it as 'Authorization: Bearer ...'")
        try:
            return self.metrics.page(await self.store.read(gauges.read(self.clock(), time_ns() // 1_000)))
        except StoreUnavailable:
            raise web.HTTPServiceUnavailable(text="the database cannot be read") from None

    async def _keep(self, source: Source, updates: list[Update], now: datetime, began: float) -> None:
        try:
            new = await self.store.receive(updates, now)
        except StoreUnavailable:
            raise _not_kept() from None
        self._acknowledged(source, updates, new, began)

    def _acknowledged(self, source: Source, updates: list[Update], new: int, began: float) -> None:
        self.metrics.acknowledged(source, len(updates), new, monotonic() - began)
        if new:
            self.wake()


def _not_kept() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text="not kept: please send it again", headers={"Retry-After": RETRY_SECONDS})


def _heard(keeping: "asyncio.Task[None]") -> None:
    """What came of it too late to be told is not an error that nobody looked at."""
    if not keeping.cancelled():
        keeping.exception()


async def body_of(request: web.Request) -> bytes:
    """All of a request's body. Raises what to answer where it does not come."""
    try:
        if request.content.is_eof():  # all of it is here already, as a rule
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body took too long") from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body is not encoded as it says, or it broke off") from None


def _only(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    return values[0] if len(values) == 1 else None


def _buried(source: Source, place: str, body: bytes, now: datetime, why: str) -> Update:
    """A signed delivery of which nothing can be read: kept whole, as dead."""
    key = update_key(from_epoch(0), sha256(body).hexdigest())
    return Update(source, "unknown", key, place, body, now, unreadable=why)


@web.middleware
async def _plain_errors(request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
    """Errors are a sentence of text; nobody outside is told what went wrong inside."""
    try:
        response: web.StreamResponse = await handler(request)  # type: ignore[misc]  # aiohttp types a handler loosely
    except web.HTTPException:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        raise web.HTTPInternalServerError(text="something went wrong here; it was logged") from None
    return response
