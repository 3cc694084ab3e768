"""The desk's socket: for this machine's user alone, and every error a sentence."""

import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.policy.decision import Control
from bot.store import contacts, conversations, inbox
from bot.store.model import Identity, IdentityKind
from bot.store.sqlite import SqliteDatabase, open_file
from bot.web.desk_socket import MAX_SOCKET_PATH, DeskSocket, socket_path
from bot.web.listening import Listening
from tests.store.ground import whose

from .front import NOW

NUMBER = "1060"
LOLA = Identity(IdentityKind.PHONE, "+34600111222")
MAIL = Identity(IdentityKind.EMAIL, "lola@example.com")


@dataclass(slots=True)
class Desk:
    """The socket, open, and a person who waits for staff."""

    store: SqliteDatabase
    path: Path
    session: aiohttp.ClientSession
    lola: int
    woken: list[None]

    async def ask(self, action: str, **words: str) -> dict[str, Any]:
        async with self.session.post(f"http://desk/{action}", json=words) as answer:
            assert answer.status == 200
            told: dict[str, Any] = await answer.json()
            return told

    async def entries(self) -> list[tuple[str, int | None, str]]:
        return [(entry.kind, entry.contact, entry.place) for entry in await self.store.run(inbox.waiting(NOW, 9))]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_file(tmp_path / "comeback.db")
    lola = await store.run(whose([LOLA, MAIL], NOW))
    assert lola is not None
    await store.run(contacts.describe(lola, first_name="Lola"))
    await store.run(conversations.heard(lola, NUMBER, NOW, kind="text", text="Is it vegan?", provider_id="w"))
    await store.run(conversations.give(lola, NUMBER, Control.WAITING, NOW, reason="asked for a person"))
    woken: list[None] = []
    listening = Listening()
    path = socket_path(store.path)
    await listening.on_socket(DeskSocket(store, lambda: NOW, lambda: woken.append(None)).application(), path)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        yield Desk(store, path, session, lola, woken)
    await listening.close()
    assert not path.exists()
    await store.close()


async def test_only_this_user_may_open_the_socket(desk: Desk) -> None:
    mode = desk.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_a_socket_left_by_a_killed_process_is_in_nobodys_way(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "a.db")
    path = socket_path(store.path)
    path.write_text("left over")
    listening = Listening()
    await listening.on_socket(DeskSocket(store, lambda: NOW, lambda: None).application(), path)
    assert stat.S_ISSOCK(path.stat().st_mode)
    await listening.close()
    await store.close()


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    path = socket_path(tmp_path / ("folder" * 20) / "comeback.db")
    assert len(str(path).encode()) <= MAX_SOCKET_PATH
    assert path == socket_path(tmp_path / ("folder" * 20) / "comeback.db")
    assert path != socket_path(tmp_path / ("folder" * 20) / "other.db")


async def test_those_who_wait_are_listed_with_why_and_what_they_said(desk: Desk) -> None:
    (waiting,) = (await desk.ask("list"))["result"]
    assert (waiting["contact"], waiting["first_name"], waiting["phone"]) == (desk.lola, "Lola", LOLA.value)
    assert (waiting["control"], waiting["reason"], waiting["last_text"]) == ("waiting", "asked for a person", "Is it vegan?")
    assert waiting["since"] == NOW.isoformat()


@pytest.mark.parametrize("who", ["+34 600 111 222", "34600111222", " lola@example.com ", "LOLA@example.com", "#1", "1"])
async def test_a_conversation_is_read_under_every_name(desk: Desk, who: str) -> None:
    thread = (await desk.ask("read", who=who))["result"]
    assert (thread["contact"], [said["text"] for said in thread["messages"]]) == (desk.lola, ["Is it vegan?"])


async def test_what_staff_do_is_an_entry_that_keeps_its_place(desk: Desk) -> None:
    for action in ("take", "say", "return"):
        assert "error" not in await desk.ask(action, who="1", staff="Ana", text="Yes, it is.")
    assert await desk.entries() == [(kind, desk.lola, NUMBER) for kind in ("take", "say", "return")]
    assert len(desk.woken) == 3


FAULTS = [
    ("read", {"who": "+34 699 999 999"}, "nobody here goes by"),
    ("read", {"who": "nobody@example.com"}, "nobody here goes by"),
    ("read", {"who": ""}, "nobody here goes by"),
    ("read", {}, "nobody here goes by"),
    ("take", {"who": "4711", "staff": "Ana"}, "nobody here"),
    ("read", {"who": "#4711"}, "nobody here"),
    ("take", {"who": "0", "staff": "Ana"}, "nobody here"),
    ("take", {"who": "x" * 5000}, "nobody here goes by"),
    ("take", {"who": "\udc80"}, "nobody here"),
    ("say", {"who": "1", "staff": "Ana", "text": "  \n"}, "write something"),
    ("say", {"who": "1", "staff": "Ana", "text": "x" * 4097}, "at most 4096"),
    ("dance", {"who": "1"}, "nobody knows the action"),
]


@pytest.mark.parametrize(("action", "words", "sentence"), FAULTS)
async def test_an_error_is_a_sentence_and_nothing_is_done(desk: Desk, action: str, words: dict[str, str], sentence: str) -> None:
    assert sentence in (await desk.ask(action, **words))["error"]
    assert await desk.entries() == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"7", b"null", b"\xff"])
async def test_what_is_no_question_is_told_so(desk: Desk, body: bytes) -> None:
    async with desk.session.post("http://desk/read", data=body) as answer:
        assert answer.status == 400


async def test_a_store_that_cannot_be_written_is_a_sentence_too(desk: Desk) -> None:
    await desk.store.close()
    assert "database" in (await desk.ask("take", who="1", staff="Ana"))["error"]


async def test_a_merged_person_is_found_under_the_old_number(desk: Desk) -> None:
    phone = Identity(IdentityKind.PHONE, "+34600999888")
    other = await desk.store.run(whose([phone], NOW + timedelta(hours=1)))
    await desk.store.run(whose([phone, LOLA], NOW))
    assert (await desk.ask("read", who=f"#{other}"))["result"]["contact"] == desk.lola
