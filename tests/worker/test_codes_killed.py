"""Two hundred people want a code at once, from a house that is killed again and again, of a store where everything goes wrong.

No code goes to two people, none is told before the store has it, and whoever asks again gets the same one.
"""

import asyncio
import re
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from time import time

import pytest
from aiohttp import web

from bot.sandbox.shop.store_api import StoreApi
from bot.store.database import is_server, open_database, read_only
from bot.store.step import Row, Statement, Step

from .bench import Bench, playbook
from .code_house import FLOW, moment
from .till import TOKEN, listening

ROOT = Path(__file__).parents[2]
PEOPLE = [f"346002{n:05d}" for n in range(200)]
CODE = re.compile(r"Your code is (\w+)\.")
ALIVE = (0.3, 2.5)  # seconds of a life before it is killed
LONGEST = 240.0  # seconds until everybody was answered, on a machine that is busy with other things


@dataclass
class Customers:
    """Where messages arrive: each code is looked up in the store's own list at that moment."""

    api: StoreApi
    got: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    in_vain: list[str] = field(default_factory=list)
    refused: int = 0
    _ids: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]  # itertools' is generic for checkers alone

    async def arrive(self, request: web.Request) -> web.Response:
        told = await request.json()
        found = CODE.search(told["text"])
        if found is None:
            self.refused += 1
        else:
            self.got[told["to"]].append(found[1])
            if not self.api.exists(found[1]):
                self.in_vain.append(found[1])
        return web.json_response({"id": f"wamid.out.{next(self._ids)}"})


class Houses:
    """The processes on one database: one on a file, two on a server."""

    def __init__(self, database: str, url: str, since: float) -> None:
        self._arguments = [database, url, f"{url}/arrive", str(since)]
        self._living: list[asyncio.subprocess.Process] = []
        self.many = 2 if is_server(database) else 1

    async def start(self) -> None:
        while len(self._living) < self.many:
            command = [sys.executable, "-m", "tests.worker.code_house", *self._arguments]
            self._living.append(await asyncio.create_subprocess_exec(*command, cwd=ROOT))

    async def kill(self) -> None:
        one = self._living.pop(0)
        with suppress(ProcessLookupError):
            one.kill()
        await one.wait()

    async def kill_all(self) -> None:
        while self._living:
            await self.kill()


async def ask_for_codes(database: str, since: float) -> None:
    """Everybody writes, as the door would keep it."""
    store = await open_database(database)
    bench = Bench(store, playbook(welcome=FLOW))
    bench.now = moment(since)
    for who in PEOPLE:
        bench._count = int(time() * 1e6) % 10**9  # each message has an id of its own, in every round
        await bench.writes("A code, please", who)
    await bench.sender.finish()
    await store.close()


async def rows(database: str, sql: str) -> list[Row]:
    def step() -> Step[list[Row]]:
        return list((yield Statement(sql, {})))

    return await read_only(database, step())


async def everybody_answered(database: str, runs: int) -> None:
    async with asyncio.timeout(LONGEST):
        while True:
            await asyncio.sleep(0.5)
            (row,) = await rows(
                database,
                "select (select count(*) from run where state = 'ended') as ended,"
                " (select count(*) from outbox where state in ('queued', 'sending')) as unsent",
            )
            if row["ended"] == runs and row["unsent"] == 0:
                return


async def test_two_hundred_ask_while_the_house_is_killed_and_nobody_is_told_a_wrong_code(where: str, full: bool) -> None:
    if not full and is_server(where):
        pytest.skip("the nightly tier kills it on PostgreSQL, too")
    kills, random, since = 25 if full else 2, Random(6), time()
    api = StoreApi(token=TOKEN)
    api.faults.polls, api.faults.throttled, api.faults.taken, api.faults.too_long = 3, 3, 30, 5
    api.faults.lost_answers = 4 if full else 2
    customers = Customers(api)
    async with listening([*api.routes(), web.post("/arrive", customers.arrive)]) as url:
        houses = Houses(where, url, since)
        try:
            await ask_for_codes(where, since)
            for _ in range(kills):
                await houses.start()
                await asyncio.sleep(1.0 + random.uniform(*ALIVE))
                await houses.kill()
            await houses.start()
            await everybody_answered(where, len(PEOPLE))
            first = {who: set(codes) for who, codes in customers.got.items()}

            await houses.kill_all()
            await ask_for_codes(where, since)
            await houses.start()
            await everybody_answered(where, 2 * len(PEOPLE))
        finally:
            await houses.kill_all()
    assert customers.in_vain == []
    assert customers.refused == 0
    assert all(len(codes) == 1 for codes in first.values()), "somebody was told two codes"
    now = {who: set(codes) for who, codes in customers.got.items()}
    assert all(now[who] == codes for who, codes in first.items()), "somebody got another code than before"
    codes = [code for codes in now.values() for code in codes]
    assert len(codes) == len(set(codes)) == len(PEOPLE), "a code was told to two people"
    twice = await rows(where, "select canonical from discount group by canonical having count(distinct contact) > 1")
    assert twice == []
    unsure = await rows(where, "select 1 as one from outbox where state = 'unknown'")
    assert len(first) + len(unsure) >= len(PEOPLE)
