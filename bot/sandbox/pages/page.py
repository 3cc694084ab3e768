"""A page with a phone in it: rendered here, kept up to date over one stream, and its buttons plain forms.

What it shows is a world's affair (`World`): the demo's, or the Cloud API's alone. Whatever happens, be it by a button or by itself, reaches
an open page one way only, over its stream (server-sent events), in the order in which it happened. The page says what it has (`since`), so
nothing is lost between its making and its connecting. Without JavaScript a form answers with the whole page.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from aiohttp import ClientConnectionResetError, web

from bot.sandbox.pages.phones import Action, Phones
from bot.sandbox.pages.rendering import ART, FILES, Shown, event_of, parts_of, render, version_of
from bot.sandbox.pages.telling import Telling

ART_SECONDS = 300  # while somebody visits
FILE_SECONDS = 365 * 24 * 3600  # a file that changes gets another address
PING_SECONDS = 15.0
LAST_LOOK_SECONDS = 1.0  # a stream that is just being written may take this long to end
NOTHING_ELSE = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; media-src 'self'; " + NOTHING_ELSE
)
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would also hide the origin of our own forms
    "Cache-Control": "no-store",
}


class World(Protocol):
    """What a page shows and what its buttons do."""

    template: str
    phones: Phones
    actions: Mapping[str, Action]

    async def look(self, key: str, telling: Telling | None = None) -> Shown:
        """All that the page shows to whoever is this customer now."""
        ...


class Page:
    """Serves a world. `settled` returns when what an action set off has come to rest, or after a short while."""

    def __init__(self, world: World, settled: Callable[[], Awaitable[None]]) -> None:
        self._world, self._settled = world, settled
        self._closing, self._stir = False, asyncio.Event()
        self._streams: set[asyncio.Future[None]] = set()
        self._actions = {**world.phones.actions, **world.actions}

    def routes(self) -> list[web.RouteDef]:
        """The page, its files, its stream and its forms."""
        return [
            web.get("/", self._page),
            *(web.get(path, self._own_file) for path in FILES),
            web.get(r"/art/{name:[a-z-]+}.svg", self._art),
            web.get(r"/file/{id:\d+}", self._sent_file),
            web.get("/page/live", self._live),
            web.post("/page/{action}", self._act),
        ]

    async def close(self) -> None:
        """Streams end. Then no page reads the bot's mind any more, and the bot may stop."""
        self._closing = True
        self._wake()
        if self._streams:
            await asyncio.wait(self._streams, timeout=LAST_LOOK_SECONDS)

    # the page and its files

    async def _page(self, request: web.Request) -> web.Response:
        view = await self._world.look(self._asked_for(request))
        parts = parts_of(view)
        values = {"view": view, "phone": view.phone, "me": view.phone.me, "parts": parts, "version": version_of(parts)}
        return web.Response(text=render(self._world.template, **values), content_type="text/html", headers=SAFE_HEADERS)

    async def _own_file(self, request: web.Request) -> web.Response:
        path, content_type = FILES[request.path]
        return _text(path, content_type, FILE_SECONDS)

    async def _art(self, request: web.Request) -> web.Response:
        path = ART / f"{request.match_info['name']}.svg"
        if not path.is_file():
            raise web.HTTPNotFound
        return _text(path, "image/svg+xml", ART_SECONDS)

    async def _sent_file(self, request: web.Request) -> web.Response:
        """A file somebody sent: anything may be in it, so nothing in it may do anything."""
        found = self._world.phones.file(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound
        content, mime, shown = found
        headers = SAFE_HEADERS | {"Content-Security-Policy": f"default-src 'none'; sandbox; {NOTHING_ELSE}"}
        if not shown:
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=content, content_type=mime if shown else "application/octet-stream", headers=headers)

    def _asked_for(self, request: web.Request) -> str:
        key = request.query.get("who", "")
        return key if key in self._world.phones.people else next(iter(self._world.phones.people))

    # what happens meanwhile

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """The stream of a page: its parts whenever they differ from what it has."""
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        stream = web.StreamResponse(headers={**SAFE_HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        reading = asyncio.ensure_future(self._keep_up(stream, self._asked_for(request), since))
        self._streams.add(reading)
        reading.add_done_callback(self._streams.discard)
        with suppress(ClientConnectionResetError):
            await reading
        return stream

    async def _keep_up(self, stream: web.StreamResponse, key: str, since: str) -> None:
        telling, silent = Telling(), 0.0
        while not self._closing:
            stirred = self._stir  # before the look, so that what happens during it is looked at again
            view = await self._world.look(key, telling)
            parts = parts_of(view)
            if news := event_of(parts, since):
                since, silent = version_of(parts), 0.0
                await stream.write(news)
            elif silent >= PING_SECONDS:
                silent = 0.0
                await stream.write(b": still here\n\n")
            if not view.phone.typing:
                self._world.phones.read(key)  # only a page that is seen keeps its stream: the phone lies open before somebody
            pause = telling.pause
            silent += pause
            with suppress(TimeoutError):
                await asyncio.wait_for(stirred.wait(), pause)

    def _wake(self) -> None:
        stirred, self._stir = self._stir, asyncio.Event()
        stirred.set()

    # what its buttons do

    async def _act(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        try:
            wish = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
            who = self._world.phones.people[wish["who"]].key
            became = await action(wish)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            return web.Response(status=422, text=_said(error), headers=SAFE_HEADERS)
        self._wake()
        await self._settled()
        self._wake()
        if request.headers.get("HX-Request"):
            return web.Response(status=204, headers=SAFE_HEADERS)  # the stream tells what came of it
        raise web.HTTPSeeOther(f"/?who={became or wish.get('seen_as') or who}", headers=SAFE_HEADERS)


def _said(error: Exception) -> str:
    return str(error) or "not understood"


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _text(path: Path, content_type: str, seconds: int) -> web.Response:
    """A file of ours, and for how long a browser may keep it."""
    headers = SAFE_HEADERS | {"Cache-Control": f"max-age={seconds}"}
    return web.Response(text=_read(path), content_type=content_type, headers=headers)
