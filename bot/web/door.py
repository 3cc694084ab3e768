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
from bot.shop import plain, signature
from bot.store import gauges, health
from bot.store.database import Database, StoreUnavailable
from bot.store.model import Source, Update, from_epoch, update_key
from bot.web.metrics import Metrics, may_ask

log = logging.getLogger(__name__)

WHATSAPP_PATH = "/webhooks/whatsapp"
MAX_BODY = 4 * 2**20  # bytes; Meta's deliveries go up to 3 MB, a shop's event should stay under 20 kB
BODY_SECONDS = 5.0  # aiohttp has no time-out of its own for a body that trickles in
RETRY_SECONDS = "5"  # what we ask of a sender while the database cannot be written
_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")  # Meta's is a number; nothing that a browser could take for markup is echoed
_SHOP = re.compile(r"[a-z0-9-]{1,64}")

Answer = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class ShopDoor:
    """What the door must know of a shop: the secrets its deliveries are signed with, and where its local phone numbers are from."""

    secrets: tuple[str, ...]
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """The web application's parts. `wake` is called when something new was kept. `metrics_token` opens /metrics, None keeps it shut."""

    store: Database
    clock: Callable[[], datetime]
    app_secrets: tuple[str, ...]
    verify_token: str
    shops: Mapping[str, ShopDoor]
    wake: Callable[[], None]
    metrics: Metrics = field(default_factory=Metrics)
    metrics_token: str | None = field(default=None, repr=False)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_plain_errors])
        app.router.add_get(WHATSAPP_PATH, self.handshake)
        app.router.add_post(WHATSAPP_PATH, self.whatsapp)
        app.router.add_post("/webhooks/shop/{shop}", self._counted(Source.SHOP, self.shop))
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
            body = await _body(request)
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
            raise web.HTTPUnauthorized(text="the signature does not fit the body")
        now = self.clock()
        try:
            updates = webhook.split(body, now)
        except ValueError as fault:
            updates = [_buried(Source.WHATSAPP, "", body, now, str(fault))]
        await self._keep(Source.WHATSAPP, updates, now, began)

    async def shop(self, request: web.Request) -> web.Response:
        """A delivery from a shop (Standard Webhooks)."""
        name = request.match_info["shop"]
        shop = self.shops.get(name) if _SHOP.fullmatch(name) else None
        if shop is None:
            raise web.HTTPNotFound(text="there is no shop of this name here")
        began = monotonic()
        body = await _body(request)
        now = self.clock()
        if not signature.signed(request.headers, body, shop.secrets, now):
            raise web.HTTPUnauthorized(text="the signature does not fit the body, or its time is not now")
        delivery = request.headers["webhook-id"]
        await self._keep(Source.SHOP, plain.split(name, delivery, body, now, shop.region), now, began)
        return web.Response(text="ok")

    async def health(self, _: web.Request) -> web.Response:
        """Whether this process does its work: 200, or 503 when the database cannot be read or written."""
        if self.store.failing is not None:
            return web.json_response({"status": "the database cannot be written"}, status=503)
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
            raise web.HTTPServiceUnavailable(text="not kept: please send it again", headers={"Retry-After": RETRY_SECONDS}) from None
        self.metrics.acknowledged(source, len(updates), new, monotonic() - began)
        if new:
            self.wake()


async def _body(request: web.Request) -> bytes:
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
