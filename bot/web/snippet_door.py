"""The snippet's door: the script that a shop puts on its pages, and what browsers that run it post.

Anybody can post here, so each post is small, of a strict shape, from a page of the shop as its browser says, with a token of ours, and
not too many come from one visitor, one address, or for one shop. Who asks not to be tracked is not. A refusal says what is wrong with
the post, never what was in it. What is taken is on disk before the 204, as everything that comes in is.
"""

import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib import resources
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic

from aiohttp import web

from bot.shop.event import Unreadable
from bot.shop.snippet import MOST_BODY, Refused, Site
from bot.store.database import Database, StoreUnavailable
from bot.store.model import Source
from bot.web.door import body_of
from bot.web.metrics import Metrics

PATH = "/snippet"
SCRIPT_SECONDS = 3600  # how long a browser runs a script before it asks for a newer one
PREFLIGHT_SECONDS = 86_400
RETRY_SECONDS = 10
REMEMBERED = 20_000  # visitors and addresses whose pace is known; who is forgotten has been quiet, or is one of a flood
_TOKEN = "TOKEN"  # noqa: S105 - where the script has a shop's token


@dataclass(frozen=True, slots=True)
class Pace:
    """How many posts at once, and how many a second after that."""

    burst: float
    per_second: float


A_VISITOR = Pace(20, 0.5)  # who looks at a product every other second reads none
AN_ADDRESS = Pace(120, 5.0)  # an office, or a network that hides its customers behind one address
A_SHOP = Pace(1_000, 200.0)  # 17 million looks a day; more must not stand before what customers write (0.6 ms of a core each)


class Throttle:
    """Who posts too fast. The least recent are forgotten."""

    def __init__(self, pace: Pace, remembered: int = REMEMBERED) -> None:
        self._pace = pace
        self._remembered = remembered
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def takes(self, name: str, now: float) -> bool:
        """Whether one more may come at this moment (`time.monotonic()`)."""
        left, at = self._left.pop(name, (self._pace.burst, now))
        left = min(self._pace.burst, left + (now - at) * self._pace.per_second)
        self._left[name] = (max(0.0, left - 1), now) if left >= 1 else (left, now)
        if len(self._left) > self._remembered:
            self._left.popitem(last=False)
        return left >= 1


@dataclass(frozen=True, slots=True)
class _Script:
    """A shop's script as it is served."""

    plain: bytes
    packed: bytes
    tag: str


@dataclass(slots=True)
class SnippetDoor:
    """The pages' way in. `sites` by the shop's name; `wake` is called when something new was kept."""

    store: Database
    clock: Callable[[], datetime]
    sites: Mapping[str, Site]
    wake: Callable[[], None]
    metrics: Metrics
    _scripts: dict[str, _Script] = field(default_factory=dict)
    _visitors: Throttle = field(default_factory=lambda: Throttle(A_VISITOR))
    _addresses: Throttle = field(default_factory=lambda: Throttle(AN_ADDRESS))
    _shops: Throttle = field(default_factory=lambda: Throttle(A_SHOP))

    def add_to(self, app: web.Application) -> None:
        """Answer below `/snippet`."""
        app.router.add_get(f"{PATH}/{{shop:[a-z0-9-]{{1,64}}}}.js", self.script)
        for method, answer in (("POST", self._counted(self.post)), ("OPTIONS", self.preflight)):
            app.router.add_route(method, f"{PATH}/{{shop:[a-z0-9-]{{1,64}}}}", answer)

    async def script(self, request: web.Request) -> web.Response:
        """The script, with the shop's token in it."""
        site = self._site(request)
        found = self._scripts.get(site.shop) or self._scripts.setdefault(site.shop, _script_of(site))
        headers = {
            "ETag": found.tag,
            "Cache-Control": f"public, max-age={SCRIPT_SECONDS}",
            "Cross-Origin-Resource-Policy": "cross-origin",  # it is made to be on other people's pages
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        if found.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = found.plain
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = found.packed, "gzip"
        return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)

    async def preflight(self, request: web.Request) -> web.Response:
        """A browser asks before it posts what a plain form could not."""
        headers = self._for(self._site(request), request)
        asked = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return web.Response(status=204, headers={**headers, **asked, "Access-Control-Max-Age": str(PREFLIGHT_SECONDS)})

    async def post(self, request: web.Request) -> web.Response:
        """What a visitor did."""
        began, site = monotonic(), self._site(request)
        headers = self._for(site, request)
        if request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1":
            return web.Response(status=204, headers=headers)
        self._hold_back(self._addresses, _address(request), headers, began)
        self._hold_back(self._shops, site.shop, headers, began)
        now = self.clock()
        try:
            updates = site.updates(await _body(request, headers), now)
        except Refused:
            raise web.HTTPForbidden(text="the token is not one of ours", headers=headers) from None
        except Unreadable as fault:
            raise web.HTTPBadRequest(text=str(fault), headers=headers) from None
        self._hold_back(self._visitors, updates[0].identities[0].value, headers, began)
        try:
            new = await self.store.receive(updates, now)
        except StoreUnavailable:
            raise web.HTTPServiceUnavailable(text="not kept", headers={**headers, "Retry-After": str(RETRY_SECONDS)}) from None
        self.metrics.acknowledged(Source.VISITOR, len(updates), new, monotonic() - began)
        if new:
            self.wake()
        return web.Response(status=204, headers=headers)

    def _site(self, request: web.Request) -> Site:
        site = self.sites.get(request.match_info["shop"])
        if site is None:
            raise web.HTTPNotFound(text="there is no such shop here, or its pages are not told in COMEBACK_SHOP_..._SITES")
        return site

    def _for(self, site: Site, request: web.Request) -> dict[str, str]:
        """What lets a page of the shop hear the answer. Pages of others hear that they may not."""
        origin = request.headers.get("Origin")
        if not site.is_own(origin):
            raise web.HTTPForbidden(text="this page is not the shop's")
        return {"Access-Control-Allow-Origin": origin or "", "Vary": "Origin"}

    def _hold_back(self, throttle: Throttle, name: str, headers: Mapping[str, str], now: float) -> None:
        if not throttle.takes(name, now):
            raise web.HTTPTooManyRequests(text="too much at once", headers={**headers, "Retry-After": str(RETRY_SECONDS)})

    def _counted(self, answer: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def counted(request: web.Request) -> web.Response:
            try:
                return await answer(request)
            except web.HTTPException as refusal:
                self.metrics.refused(Source.VISITOR, refusal.status)
                raise

        return counted


def _script_of(site: Site) -> _Script:
    written = resources.files("bot").joinpath("browser", "snippet.js").read_text("utf-8").replace(_TOKEN, site.token)
    lines = (line.strip() for line in written.splitlines())
    plain = "\n".join(line for line in lines if line and not line.startswith("//")).encode()
    return _Script(plain, gzip.compress(plain, mtime=0), f'"{sha256(plain).hexdigest()[:16]}"')


async def _body(request: web.Request, headers: Mapping[str, str]) -> bytes:
    """A body of ours comes whole, with its length told, and is small."""
    length = request.content_length
    if length is None:
        raise web.HTTPLengthRequired(text="say how long it is", headers=headers)
    if length > MOST_BODY:
        raise web.HTTPRequestEntityTooLarge(max_size=MOST_BODY, actual_size=length, headers=headers)
    return await body_of(request)


def _address(request: web.Request) -> str:
    """Where a post comes from. Behind a proxy of ours, which is on this machine or in our own network, by the proxy's word: the last one,
    for those before it were written by the sender. Of an IPv6 address the half that a customer of a network is given."""
    peer = _ip(request.remote)
    told = _ip(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()) if peer and peer.is_private else None
    found = told or peer
    return ":".join(found.exploded.split(":")[:4]) if found and found.version == 6 else str(found)


def _ip(written: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(written or "")
    except ValueError:
        return None
