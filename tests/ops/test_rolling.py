"""Restarts under load: nothing lost, doubled or left unknown, and each only a blink for who delivers.

`python -m pytest tests/ops/test_rolling.py --full -s` restarts fifty times and prints what it measured.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic

import aiohttp

from tests.crash.harness import Plan, settled, under_load
from tests.crash.house import Surroundings
from tests.crash.ledger import Report, judge

REFUSAL_SECONDS = 2.0  # what is promised for each restart
LOOK_EVERY = 0.01
BUSY = Plan(climbers=10, talkers=10, shoppers=20, pause=0.5, shares={})  # WhatsApp is well: whatever goes wrong, we did


@dataclass(slots=True)
class Watch:
    """Knocks at the door all the time; `refusals` are the seconds from each last answer to the next."""

    around: Surroundings
    refusals: list[float] = field(default_factory=list)
    _answered: float | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout) as session:
            while True:
                began = monotonic()
                refused = not await self._knock(session)
                if not refused:
                    if self._answered is not None and self._was_refused:
                        self.refusals.append(monotonic() - self._answered)
                    self._answered = began
                self._was_refused = refused
                await asyncio.sleep(LOOK_EVERY)

    _was_refused: bool = False

    async def _knock(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.around.url}/webhooks/whatsapp") as answer:  # refused for its token: it is there
                return answer.status == 403
        except (aiohttp.ClientError, TimeoutError):
            return False


async def test_rolling_restarts_under_load_lose_nothing_double_nothing_and_leave_nothing_unknown(tmp_path: Path, full: bool) -> None:
    restarts = 50 if full else 5
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        watch = Watch(around)
        watching = asyncio.create_task(watch.run())
        stops = []
        try:
            for _ in range(restarts):
                await asyncio.sleep(around.random.uniform(0.5, 2.0))
                began = monotonic()
                assert await bot.terminate() == 0
                stops.append(monotonic() - began)
                assert not around.count("select count(*) from outbox where state in ('sending', 'unknown')")
                await bot.start()
            await asyncio.sleep(0.5)
            watching.cancel()
            load.over.set()
            assert await settled(around, load, people, 60), bot.log()[-2000:]
        finally:
            watching.cancel()
            code = await bot.terminate()
        assert code == 0
        report = Report(BUSY.seed, 0)
        judge(around, load, report)
        print(
            f"\n{restarts} restarts: refused for {median(watch.refusals):.2f} s (median), {max(watch.refusals):.2f} s (longest); "
            f"the slowest stop took {max(stops):.2f} s; slowest delivery {load.postman.longest:.2f} s\n{report}"
        )
        assert not report.violations, "\n".join(report.violations)
        assert report.unknown == 0
        assert len(watch.refusals) == restarts
        assert max(watch.refusals) < REFUSAL_SECONDS
        assert report.acknowledged > 100 * restarts, "there was hardly any load"
