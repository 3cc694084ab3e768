"""Tens of thousands of broken deliveries, signed as Meta signs, through the real door: each is answered 200, and nothing of it is lost."""

import asyncio
import hashlib
import hmac
import io
import logging
import resource
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice

import aiohttp
import pytest

from bot.store.database import Database
from bot.web import port
from bot.web.door import WHATSAPP_PATH, Door
from bot.web.listening import Listening
from tests.channel.mutation import bodies, marks, marks_kept

from .bench import Bench

SECRET = "the app secret"
CALLERS = 8
AT_ONCE = 250  # deliveries between two looks at what was kept
GROWTH = 300 * 2**20  # bytes that the process may grow by; a delivery of a thousand updates takes some 20 MB while it is taken apart


@asynccontextmanager
async def opened(bench: Bench) -> AsyncIterator[str]:
    """The door, on a port."""
    door = Door(bench.store, lambda: bench.now, (SECRET,), "token", {}, lambda: None)
    listening = Listening()
    url = await listening.on_port(door.application(), port.take("127.0.0.1", 0), door.delivered)
    try:
        yield url + WHATSAPP_PATH
    finally:
        await listening.close()


async def posted(url: str, deliveries: Iterable[bytes]) -> list[int]:
    """What each was answered with."""
    waiting, answers = list(deliveries), list[int]()

    async def caller(session: aiohttp.ClientSession) -> None:
        while waiting:
            body = waiting.pop()
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            async with session.post(url, data=io.BytesIO(body), headers={"X-Hub-Signature-256": signature}) as answer:
                answers.append(answer.status)
                await answer.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session) for _ in range(CALLERS)))
    return answers


async def kept_since(store: Database, bench: Bench, last: int) -> tuple[set[str], int]:
    """The marks of what was kept after an entry, and the newest entry."""
    rows = await bench.rows(f"select id, body from inbox where id > {last} and source = 'whatsapp'")
    found = {mark for row in rows for mark in marks_kept(bytes(row["body"]))}
    return found, max((row["id"] for row in rows), default=last)


async def test_a_hostile_delivery_is_answered_kept_and_worked_off(bench: Bench, full: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    on_sqlite = bench.store.epoch == 1 and "postgres" not in type(bench.store).__module__
    size = (20_000 if on_sqlite else 2_000) if full else 250
    deliveries, last, before = bodies(20261122 + size, size), 0, memory()
    async with opened(bench) as url:
        while some := list(islice(deliveries, AT_ONCE)):
            answers = await posted(url, some)
            assert set(answers) == {200}
            told = set().union(*map(marks, some))
            found, last = await kept_since(bench.store, bench, last)
            assert told <= found, sorted(told - found)[:5]
            await bench.work()
    assert {row["state"] for row in await bench.rows("select distinct state from inbox where source = 'whatsapp'")} == {"done", "dead"}
    assert {row["why"] for row in await bench.rows("select why from inbox where attempts > 0")} == set()
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert memory() - before < GROWTH


def memory() -> int:
    """Bytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
