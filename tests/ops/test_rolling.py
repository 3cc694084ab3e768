"""Restarts under load: nothing lost, doubled or left unknown, and each only a blink for who delivers.

`python -m pytest tests/ops/test_rolling.py --full -s` restarts fifty times in each way and prints what it measured.

What is promised is promised for a machine that has time for us: where loading the bot's modules alone takes longer, restarts may, too.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import monotonic

import aiohttp

from tests.crash.harness import Plan, settled, under_load, unsettled
from tests.crash.house import ROOT, BotProcess, Surroundings, free_port
from tests.crash.ledger import Report, judge
from tests.crash.load import Load
from tests.crash.peers import Peers
from tests.postgres_server import Server

REFUSAL_SECONDS = 2.0  # what is promised for each restart
LOADINGS = 1.5  # a restart takes no longer than loading the modules that often, on this machine as it is now
LOOK_EVERY = 0.01
SETTLE_SECONDS = 300.0  # on a busy machine
PATIENCE = aiohttp.ClientTimeout(total=5)
BUSY = Plan(climbers=8, talkers=8, shoppers=12, pause=1.0, shares={})  # WhatsApp is well: whatever goes wrong, we did
PROCESSES = 3
UNFINISHED = "select count(*) from outbox where state in ('sending', 'unknown')"
UNKNOWN = "select count(*) from outbox where state = 'unknown'"



@asynccontextmanager
async def watching(*urls: str) -> AsyncIterator[list[float]]:
    """Knock at each door all the time; each time it was shut, the seconds from the last answer to the next are added."""
    refusals: list[float] = []
    tasks = [asyncio.create_task(_knock_on(url, refusals)) for url in urls]
    try:
        yield refusals
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _knock_on(url: str, refusals: list[float]) -> None:
    answered, refused = monotonic(), False
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=PATIENCE) as session:
        while True:
            began = monotonic()
            if not await _knock(session, url):
                refused = True
            else:
                if refused:
                    refusals.append(monotonic() - answered)
                answered, refused = began, False
            await asyncio.sleep(LOOK_EVERY)


async def _knock(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/webhooks/whatsapp") as answer:  # refused for want of a token: somebody is there
            return answer.status == 403
    except (aiohttp.ClientError, TimeoutError):
        return False


async def test_restarts_by_take_over_lose_nothing_double_nothing_leave_nothing_unknown_and_shut_the_door_for_a_blink(
    tmp_path: Path, full: bool
) -> None:
    restarts = 50 if full else 4
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        async with watching(around.url) as refusals:
            for _ in range(restarts):
                await asyncio.sleep(around.random.uniform(0.5, 2.0))
                successor = around.bot("tests.ops.successor")
                await successor.start()
                assert await bot.ended() == 0
                bot = successor
            await asyncio.sleep(0.5)
            loading = await _seconds_of_loading()
        await _all_is_well(around, load, people, [bot], refusals, restarts, loading)


async def test_restarts_by_stop_and_start_lose_nothing_double_nothing_leave_nothing_unknown_and_shut_the_door_for_a_blink(
    tmp_path: Path, full: bool
) -> None:
    restarts = 50 if full else 3
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        async with watching(around.url) as refusals:
            for _ in range(restarts):
                await asyncio.sleep(around.random.uniform(0.5, 2.0))
                assert await bot.terminate() == 0
                assert not around.count(UNFINISHED)
                await bot.start()
            await asyncio.sleep(0.5)
            loading = await _seconds_of_loading()
        await _all_is_well(around, load, people, [bot], refusals, restarts, loading)


async def test_restarts_of_one_process_after_the_other_lose_nothing_double_nothing_and_leave_nothing_unknown(
    tmp_path: Path, server: Server, full: bool
) -> None:
    restarts = 50 if full else PROCESSES
    async with server.fresh() as address, under_load(tmp_path, BUSY, server=address) as (around, load, people):
        peers = _peers(around)
        load.postman.peers = peers.urls
        await asyncio.gather(*(bot.start() for bot in peers.bots))
        beside = [asyncio.create_task(peers.rotate()), asyncio.create_task(peers.watch())]
        async with watching(*peers.urls) as refusals:
            for number in range(restarts):
                await asyncio.sleep(around.random.uniform(0.3, 1.0))
                bot = peers.bots[number % PROCESSES]
                assert await bot.terminate() == 0
                assert not around.count(UNKNOWN)
                await bot.start()
            await asyncio.sleep(0.5)
            loading = await _seconds_of_loading()
        await _all_is_well(around, load, people, peers.bots, refusals, restarts, loading)
        for task in beside:
            assert not task.done(), "nobody watched"
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        assert not peers.given_up


async def _seconds_of_loading() -> float:
    """How long a fresh python takes to load what a bot needs, while all else goes on."""
    began = monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import bot.app, bot.channel.whatsapp.sending", cwd=ROOT)
    assert await process.wait() == 0
    return monotonic() - began


def _peers(around: Surroundings) -> Peers:
    ports = [free_port() for _ in range(PROCESSES)]
    return Peers(around, [around.bot(port=port) for port in ports], ports)


async def _all_is_well(
    around: Surroundings,
    load: Load,
    people: list[asyncio.Task[None]],
    bots: list[BotProcess],
    refusals: list[float],
    restarts: int,
    loading: float,
) -> None:
    load.over.set()
    is_settled = await settled(around, load, people, SETTLE_SECONDS)
    codes = [await bot.terminate() for bot in bots]
    report = Report(BUSY.seed, 0)
    judge(around, load, report)
    print(
        f"\n{restarts} restarts: refused for {median(refusals):.2f} s (median), {max(refusals):.2f} s (longest); "
        f"slowest delivery {load.postman.longest:.2f} s; loading the modules takes {loading:.2f} s\n{report}"
    )
    logs = "".join({bot.log() for bot in bots})
    assert is_settled, f"{sum(not task.done() for task in people)} people still talk, {unsettled(around)}\n{logs[-2000:]}"
    assert codes == [0] * len(bots), logs
    assert "ERROR" not in logs
    assert "Traceback" not in logs
    assert not report.violations, "\n".join(report.violations)
    assert report.unknown == 0
    assert load.postman.refused == 0, "deliveries were answered 503"
    assert len(refusals) <= restarts
    assert max(refusals) < max(REFUSAL_SECONDS, LOADINGS * loading)
    assert report.acknowledged > 20 * restarts, "there was hardly any load"
