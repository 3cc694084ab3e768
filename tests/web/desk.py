"""The desk's pages, open on a free port, with the real dispatcher behind them and visitors without a browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.policy.decision import Control
from bot.store import conversations
from bot.store.database import open_database
from bot.store.shelf import Shelf
from bot.web import port
from bot.web.desk_pages import PATH, DeskPages
from bot.web.desk_view import Looks
from bot.web.listening import Listening
from tests.worker.bench import NUMBER, Bench, playbook

PASSWORD = "correct horse battery"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Page:
    """An answer."""

    status: int
    text: str
    headers: Any

    def field(self, name: str) -> str:
        """A hidden field of one of its forms."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, name
        return found[1]

    @property
    def since(self) -> str:
        found = re.search(r'sse-connect="[^"]*\?since=(\w+)"', self.text)
        assert found
        return found[1]


@dataclass(slots=True)
class Visitor:
    """A browser without JavaScript."""

    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str = "", **more: Any) -> Page:
        async with self.session.get(self.url + path, allow_redirects=False, **more) as answer:
            return Page(answer.status, await answer.text(), answer.headers)

    async def post(self, path: str, headers: Any = SAME_SITE, **fields: str) -> Page:
        async with self.session.post(self.url + path, data=fields, headers=headers, allow_redirects=False) as answer:
            return Page(answer.status, await answer.text(), answer.headers)

    async def login(self, staff: str, password: str = PASSWORD, headers: Any = SAME_SITE) -> Page:
        return await self.post("/login", staff=staff, password=password, headers=headers)

    async def act(self, contact: int, action: str, page: Page | None = None, **fields: str) -> Page:
        """Send a form of the conversation's page as it is now, or as it was."""
        page = page or await self.get(f"/{contact}")
        shared = {name: page.field(name) for name in ("token", "page", "seen")} if action == "answer" else {"token": page.field("token")}
        return await self.post(f"/{contact}/{action}", **{**shared, **fields})


@dataclass(slots=True)
class Front:
    """The desk, open, with the real dispatcher behind it."""

    bench: Bench
    url: str
    app: web.Application
    ticks: list[float]
    shelf: Shelf
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @asynccontextmanager
    async def visitor(self, staff: str | None = None) -> AsyncIterator[Visitor]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            visitor = Visitor(self.url + PATH, session)
            if staff:
                assert (await visitor.login(staff)).status == 303
            yield visitor

    async def control(self) -> tuple[Control, str | None]:
        await asyncio.gather(*self.tasks)
        now = await self.bench.store.run(conversations.load(await self.bench.contact(), NUMBER))
        return now.control, now.staff


@asynccontextmanager
async def desk(where: str, folder: Path) -> AsyncIterator[Front]:
    """Open the desk on a database, with its files in a folder."""
    store = await open_database(where)
    bench = Bench(store, playbook())
    ticks = [1000.0]
    listening = Listening()

    def wake() -> None:
        opened.tasks.add(asyncio.create_task(bench.go()))

    shelf = Shelf(folder, spare=0)
    shelf.check()
    pages = DeskPages(store, lambda: bench.now, wake, PASSWORD, Looks("Casa", "Europe/Madrid"), shelf, lambda: ticks[0])
    app = web.Application()
    app.add_subapp(PATH, pages.application())
    opened = Front(bench, await listening.on_port(app, port.take("127.0.0.1", 0)), app, ticks, shelf)
    try:
        yield opened
    finally:
        await asyncio.gather(*opened.tasks)
        await listening.close()
        await store.close()


async def asked_for_a_person(front: Front) -> int:
    """Lola asked for a person."""
    await front.bench.writes("Hello")
    await front.bench.go()
    await front.bench.writes("I want a person")
    await front.bench.go()
    return await front.bench.contact()
