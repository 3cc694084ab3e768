"""The snippet's door: the script as it is served, who may post what, and how much of it."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.shop.snippet import MOST_BODY, Site
from bot.store.database import StoreUnavailable
from bot.store.sqlite import SqliteDatabase, open_file
from bot.store.step import Row, Statement, Step
from bot.web import port
from bot.web.listening import Listening
from bot.web.metrics import Metrics
from bot.web.snippet_door import A_VISITOR, AN_ADDRESS, Pace, SnippetDoor, Throttle

from ..shop.page import LOOKER, NOW, ORIGIN, OTHER, SITE, cart, post, viewed

PATH = "/snippet/casa"
MOST_ON_THE_WIRE = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser heard."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Pages:
    """The door, open, and what browsers send to it."""

    store: SqliteDatabase
    door: SnippetDoor
    url: str
    session: aiohttp.ClientSession

    async def post(self, body: bytes, path: str = PATH, origin: str | None = ORIGIN, **headers: str) -> Answer:
        told = {"Origin": origin} if origin is not None else {}
        return await self.ask("POST", path, told | {name.replace("_", "-"): value for name, value in headers.items()}, body)

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        async with self.session.request(method, self.url + path, data=body, headers=headers, auto_decompress=False) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def kept(self) -> int:
        def step() -> Step[list[Row]]:
            return list((yield Statement("select count(*) as rows from inbox where source = 'visitor'", {})))

        return int((await self.store.read(step()))[0]["rows"])


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Pages]:
    store = await open_file(path)
    other = Site("otra", frozenset({"otra.example"}), ("another secret",))
    door = SnippetDoor(store, lambda: NOW, {"casa": SITE, "otra": other}, lambda: None, Metrics())
    application, listening = web.Application(), Listening()
    door.add_to(application)
    url = await listening.on_port(application, port.take("127.0.0.1", 0))
    async with aiohttp.ClientSession() as session:
        yield Pages(store, door, url, session)
    await listening.close()
    await store.close()


@pytest_asyncio.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    """The snippet's door, open."""
    async with opened(tmp_path / "comeback.db") as one:
        yield one


async def test_the_script_is_small_cached_and_the_same_until_it_changes(pages: Pages) -> None:
    answer = await pages.ask("GET", f"{PATH}.js", {"Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert len(answer.body) < MOST_ON_THE_WIRE
    script = gzip.decompress(answer.body).decode()
    assert SITE.token in script
    assert not any(secret in script for secret in SITE.secrets)
    assert "eval(" not in script
    assert "max-age=" in answer.headers["Cache-Control"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = await pages.ask("GET", f"{PATH}.js", {"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    plain = await pages.ask("GET", f"{PATH}.js", {"Accept-Encoding": "identity"})
    assert plain.body == script.encode()
    other = await pages.ask("GET", "/snippet/otra.js", {"Accept-Encoding": "identity"})
    assert SITE.token not in other.body.decode()


async def test_what_a_page_of_the_shop_posts_is_on_disk_before_the_answer_and_once(pages: Pages) -> None:
    body = post(viewed(), cart("p-moka"))
    answer = await pages.post(body)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (204, ORIGIN, "Origin")
    assert await pages.kept() == 2
    assert (await pages.post(body)).status == 204
    assert await pages.kept() == 2


async def test_what_does_not_come_from_a_page_of_the_shop_is_refused(pages: Pages) -> None:
    body = post(viewed())
    answers = {
        "a page of others": await pages.post(body, origin="https://evil.example"),
        "no page": await pages.post(body, origin=None),
        "a page without a name": await pages.post(body, origin="null"),
        "a forged token": await pages.post(post(viewed(), token="A" * 32)),
        "no token": await pages.post(post(viewed(), token=None)),
        "a token of another shop": await pages.post(body, "/snippet/otra", "https://otra.example"),
        "a shop that is not here": await pages.post(body, "/snippet/nobody"),
        "a shop's name that is none": await pages.post(body, "/snippet/%2e%2e%2f"),
        "the script of a shop that is not here": await pages.ask("GET", "/snippet/nobody.js", {}),
        "a question of a page of others": await pages.ask("OPTIONS", PATH, {"Origin": "https://evil.example"}),
    }
    assert {about: answer.status for about, answer in answers.items()} == {
        "a page of others": 403,
        "no page": 403,
        "a page without a name": 403,
        "a forged token": 403,
        "no token": 403,
        "a token of another shop": 403,
        "a shop that is not here": 404,
        "a shop's name that is none": 404,
        "the script of a shop that is not here": 404,
        "a question of a page of others": 403,
    }
    assert not any(answer.headers.get("Access-Control-Allow-Origin") == "https://evil.example" for answer in answers.values())
    assert await pages.kept() == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff" * 100, 400),
        (b"[" * 10_000, 400),
        (b'{"events": ' + b"9" * 5_000 + b"}", 400),
        (post(viewed(email="ana@example.com")), 400),
        (post(viewed(), visitor="x"), 400),
        (post(), 400),
        (b" " * (MOST_BODY + 1), 413),
    ],
    ids=["empty", "no text", "deep", "a long number", "personal", "no visitor", "no event", "too long"],
)
async def test_a_hostile_body_is_refused_and_never_an_error_of_ours(pages: Pages, body: bytes, status: int) -> None:
    answer = await pages.post(body)
    assert answer.status == status
    assert b"ana@" not in answer.body
    assert await pages.kept() == 0


async def test_a_body_in_pieces_or_packed_is_refused(pages: Pages) -> None:
    async with pages.session.post(pages.url + PATH, data=io.BytesIO(post(viewed())), headers={"Origin": ORIGIN}, chunked=True) as answer:
        assert answer.status == 411
    assert (await pages.post(gzip.compress(b" " * 2**22), Content_Encoding="gzip")).status in (400, 413)
    assert await pages.kept() == 0


async def test_who_asks_not_to_be_tracked_is_not(pages: Pages) -> None:
    assert (await pages.post(post(viewed()), Sec_GPC="1")).status == 204
    assert (await pages.post(post(viewed()), DNT="1")).status == 204
    assert await pages.kept() == 0


async def test_a_browser_that_asks_first_may_post(pages: Pages) -> None:
    answer = await pages.ask("OPTIONS", PATH, {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"


async def test_a_flood_of_one_visitor_is_held_back_and_others_are_not(pages: Pages) -> None:
    answers = [await pages.post(post(viewed())) for _ in range(int(A_VISITOR.burst) + 10)]
    assert [one.status for one in answers].count(429) >= 9
    held_back = answers[-1]
    assert held_back.headers["Retry-After"] == "10"
    assert held_back.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert (await pages.post(post(viewed(), visitor=OTHER))).status == 204
    assert await pages.kept() <= A_VISITOR.burst + 2


async def test_a_flood_of_one_address_is_held_back_before_its_bodies_are_read_and_a_proxy_tells_addresses_apart(pages: Pages) -> None:
    flood = [pages.post(b"rubbish", X_Forwarded_For="203.0.113.7") for _ in range(int(AN_ADDRESS.burst) + 30)]
    statuses = [one.status for one in await asyncio.gather(*flood)]
    assert set(statuses) == {400, 429}
    assert statuses.count(429) >= 10
    assert (await pages.post(post(viewed()), X_Forwarded_For="203.0.113.7")).status == 429
    written_in = await pages.post(post(viewed()), X_Forwarded_For="198.51.100.1, 203.0.113.7")
    assert written_in.status == 429  # what the sender wrote stands before what the proxy says
    assert (await pages.post(post(viewed()), X_Forwarded_For="203.0.113.8")).status == 204
    assert (await pages.post(post(viewed()))).status == 204


async def test_while_the_database_takes_nothing_nothing_is_promised(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> int:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(pages.store, "receive", fails)
    answer = await pages.post(post(viewed()))
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (503, ORIGIN)


def test_who_is_held_back_may_go_on_after_a_while_and_the_pace_is_kept_of_so_many() -> None:
    throttle = Throttle(Pace(2, 0.5), remembered=3)
    assert [throttle.takes(LOOKER, 100.0) for _ in range(4)] == [True, True, False, False]
    assert throttle.takes(LOOKER, 102.0)
    assert not throttle.takes(LOOKER, 102.0)
    for name in "abc":
        assert throttle.takes(name, 102.0)
    assert throttle.takes(LOOKER, 102.0)  # forgotten meanwhile
