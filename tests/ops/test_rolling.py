"""Restarts under load: nothing lost, doubled or left unknown, and each only a blink for who delivers.

`python -m pytest tests/ops/test_rolling.py --full -s` restarts fifty times and prints what it measured.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import monotonic

import aiohttp

from tests.crash.harness import Plan, settled, under_load
from tests.crash.house import BotProcess, Surroundings
from tests.crash.ledger import Report, judge
from tests.crash.load import Load

REFUSAL_SECONDS = 2.0  # what is promised for each restart
LOOK_EVERY = 0.01
SETTLE_SECONDS = 60.0
PATIENCE = aiohttp.ClientTimeout(total=5)
BUSY = Plan(climbers=8, talkers=8, shoppers=12, pause=1.0, shares={})  # WhatsApp is well: whatever goes wrong, we did


@asynccontextmanager
async def watching(around: Surroundings) -> AsyncIterator[list[float]]:
    """Knock at the door all the time; each time nobody answered, the seconds from the last answer to the next are added."""
    refusals: list[float] = []
    task = asyncio.create_task(_knock_on(around, refusals))
    try:
        yield refusals
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _knock_on(around: Surroundings, refusals: list[float]) -> None:
    answered, refused = monotonic(), False
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=PATIENCE) as session:
        while True:
            began = monotonic()
            if not await _knock(session, around):
                refused = True
            else:
                if refused:
                    refusals.append(monotonic() - answered)
                answered, refused = began, False
            await asyncio.sleep(LOOK_EVERY)


async def _knock(session: aiohttp.ClientSession, around: Surroundings) -> bool:
    try:
        async with session.get(f"{around.url}/webhooks/whatsapp") as answer:  # refused for want of a token: somebody is there
            return answer.status == 403
    except (aiohttp.ClientError, TimeoutError):
        return False


async def test_restarts_by_take_over_lose_nothing_double_nothing_leave_nothing_unknown_and_shut_the_door_for_a_blink(
    tmp_path: Path, full: bool
) -> None:
    restarts = 50 if full else 5
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        async with watching(around) as refusals:
            for _ in range(restarts):
                await asyncio.sleep(around.random.uniform(0.5, 2.0))
                successor = around.bot("tests.ops.successor")
                await successor.start()
                assert await bot.ended() == 0
                bot = successor
            await asyncio.sleep(0.5)
        report = await _settled_and_judged(around, load, people, bot)
        print(
            f"\n{restarts} restarts: refused for {median(refusals):.2f} s (median), {max(refusals):.2f} s (longest); "
            f"slowest delivery {load.postman.longest:.2f} s\n{report}"
        )
        assert len(refusals) <= restarts
        assert max(refusals) < REFUSAL_SECONDS
        assert report.acknowledged > 30 * restarts, "there was hardly any load"


async def test_restarts_by_stop_and_start_lose_nothing_double_nothing_and_leave_nothing_unknown(tmp_path: Path, full: bool) -> None:
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        async with watching(around) as refusals:
            for _ in range(20 if full else 2):
                await asyncio.sleep(around.random.uniform(0.5, 2.0))
                assert await bot.terminate() == 0
                assert not around.count("select count(*) from outbox where state in ('sending', 'unknown')")
                await bot.start()
            await asyncio.sleep(0.5)
        report = await _settled_and_judged(around, load, people, bot)
        print(f"\nstopped and started: refused for {median(refusals):.2f} s (median), {max(refusals):.2f} s (longest)\n{report}")


async def _settled_and_judged(around: Surroundings, load: Load, people: list[asyncio.Task[None]], bot: BotProcess) -> Report:
    load.over.set()
    is_settled = await settled(around, load, people, SETTLE_SECONDS)
    assert await bot.terminate() == 0
    assert is_settled, f"{_open(around, people)}\n{bot.log()[-2000:]}"
    report = Report(BUSY.seed, 0)
    judge(around, load, report)
    assert not report.violations, "\n".join(report.violations)
    assert report.unknown == 0
    return report


def _open(around: Surroundings, people: list[asyncio.Task[None]]) -> str:
    inbox = around.count("select count(*) from inbox where state = 'waiting'")
    outbox = [tuple(row) for row in around.rows("select state, count(*) from outbox where state <> 'sent' group by state")]
    return f"{sum(not task.done() for task in people)} people still talk, {inbox} events wait, messages: {outbox}"
