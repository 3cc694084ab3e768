"""kill -9 at random instants under load, then the question whether every promise was kept.

    python -m tests.crash --kills 50 --seed 7

prints what was found. The same seed draws the same customers, faults and instants; what the machine makes of them may differ.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

import aiohttp

from bot.sandbox.cloud.fault import Faults, SendFault

from .house import BotProcess, Surroundings, surroundings, wall_clock
from .ledger import Report, judge
from .load import Load, Postman

LIFE_SECONDS = (0.05, 1.4)  # from listening to the kill
EARLY_SHARE = 0.2  # of the kills hit while it starts
EARLY_SECONDS = (0.2, 1.5)  # from its start to such a kill
LOOK_AGAIN = 0.1
AIM_LOOKS, AIM_AGAIN = 3_000, 0.001

SHARES = {
    SendFault.RATE_LIMITED: 0.002,  # each makes the whole number pause for five seconds
    SendFault.PAIR_LIMITED: 0.005,  # a minute of pause for this person
    SendFault.GRAPH_500: 0.01,
    SendFault.HTML_500: 0.01,
    SendFault.CUT: 0.01,
    SendFault.ACCEPT_THEN_CUT: 0.02,
    SendFault.ACCEPT_THEN_503: 0.02,
    SendFault.ACCEPT_THEN_HANG: 0.01,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `settle`: how many seconds it may take after the last kill until all is worked off. `patience`: how many seconds more
    to wait for messages that WhatsApp told to come later; 0 leaves them queued. `pauses`: how often WhatsApp says that the whole number
    is too fast (five seconds), half-way. `calm`: how many seconds the load goes on after the last kill; they begin with such a pause, so
    that STOPs meet a queue. `status_delay`: how many seconds late WhatsApp's statuses come. `aimed`: each kill waits for a message that
    WhatsApp has just taken.

    `module` is what is started instead of the bot: a launcher that spoils something.
    """

    seed: int = 1
    kills: int = 8
    climbers: int = 12
    talkers: int = 12
    shoppers: int = 24
    pause: float = 1.2
    settle: float = 60.0
    patience: float = 0.0
    pauses: int = 1
    calm: float = 0.0
    status_delay: float = 0.0
    aimed: bool = False
    module: str = "bot"
    shares: dict[SendFault, float] = field(default_factory=lambda: dict(SHARES))


async def play(folder: Path, plan: Plan) -> Report:
    """Kill, let it settle, judge."""
    began = monotonic()
    report = Report(plan.seed, plan.kills)
    async with under_load(folder, plan) as (around, load, people):
        bot = around.bot(plan.module)
        await _kill_again_and_again(bot, plan, around)
        if plan.calm:
            around.cloud.faults.next[SendFault.RATE_LIMITED] = 1
        await bot.start()
        await asyncio.sleep(plan.calm)
        around.cloud.faults = Faults(batch=20)
        load.over.set()
        if not await settled(around, load, people, plan.settle, plan.patience):
            report.violations.append(f"it did not settle: {unsettled(around)}")
        if (code := await bot.terminate()) != 0:
            report.violations.append(f"it ended with exit code {code}")
        judge(around, load, report)
        if tracebacks := bot.log().count("Traceback"):
            report.violations.append(f"{tracebacks} tracebacks in the log: {_last_traceback(bot.log())}")
        report.orphans = sum(map(int, re.findall(r"(\d+) messages were on the wire", bot.log())))
    report.seconds = monotonic() - began
    return report


@asynccontextmanager
async def under_load(
    folder: Path, plan: Plan, database: Path | None = None, server: str | None = None
) -> AsyncIterator[tuple[Surroundings, Load, list[asyncio.Task[None]]]]:
    """Everything but the bot: customers and the shop already try to reach it."""
    patient = aiohttp.ClientTimeout(total=15)
    async with surroundings(folder, plan.seed, database, server) as around, aiohttp.ClientSession(timeout=patient) as session:
        around.cloud.faults = Faults(shares=dict(plan.shares), duplicate=0.1, reorder=0.05, batch=20, delay=plan.status_delay)
        load = Load(around, Postman(around.url, session, Random(f"post-{plan.seed}")), plan.pause)
        kinds = [load.climber] * plan.climbers + [load.talker] * plan.talkers + [load.shopper] * plan.shoppers
        people = [asyncio.create_task(kind(str(plan.seed))) for kind in kinds]
        try:
            yield around, load, people
        finally:
            for task in people:
                task.cancel()
            await asyncio.gather(*people, return_exceptions=True)


async def _kill_again_and_again(bot: BotProcess, plan: Plan, around: Surroundings) -> None:
    random = Random(f"kills-{plan.seed}")
    for number in range(plan.kills):
        if number == plan.kills // 2:
            around.cloud.faults.next[SendFault.RATE_LIMITED] = plan.pauses  # so that a STOP meets a queue
        await bot.spawn()
        if number and random.random() < EARLY_SHARE:
            await asyncio.sleep(random.uniform(*EARLY_SECONDS))
        else:
            await bot.listening()
            await asyncio.sleep(random.uniform(*LIFE_SECONDS))
        if plan.aimed:
            await _taken(around)
        await bot.kill()


async def _taken(around: Surroundings) -> None:
    """WhatsApp has taken one more message, and its answer is on the way at best; or nobody sends."""
    before = len(around.cloud.accepted)
    for _ in range(AIM_LOOKS):
        if len(around.cloud.accepted) > before:
            return
        await asyncio.sleep(AIM_AGAIN)


_OPEN = """
select (select count(*) from inbox where state = 'waiting')
  + (select count(*) from timer where due <= :now)
  + (select count(*) from outbox where state = 'sending')
  + (select count(*) from outbox o where o.state = 'queued'
     and not exists (select 1 from outbox w where w.contact = o.contact and w.state = 'queued' and w.not_before > :now))
"""


async def settled(around: Surroundings, load: Load, people: list[asyncio.Task[None]], seconds: float = 60.0, patience: float = 0.0) -> bool:
    """Wait until everybody was heard and answered; whether that came to be."""
    try:
        async with asyncio.timeout(seconds + patience):
            await asyncio.gather(*people)
            await load.postman.finish()
            await _waited(around, patience)
            quiet = 0
            while quiet < 3:  # statuses and answers make each other for a while
                await around.cloud.idle()
                quiet = 0 if around.count(_OPEN, now=_micros()) else quiet + 1
                await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        return False
    return True


async def _waited(around: Surroundings, patience: float) -> None:
    """What WhatsApp told to come later is waited for, as long as there is patience."""
    for _ in range(int(patience)):
        if not around.count("select count(*) from outbox where state = 'queued'"):
            return
        await asyncio.sleep(1)


def _micros() -> int:
    return int(wall_clock().timestamp() * 1_000_000)


def unsettled(around: Surroundings) -> str:
    """What still waits, in words."""
    waiting = "select 'inbox ' || source || ' ' || kind as what, count(*) as n from inbox where state = 'waiting' group by 1"
    going = "select 'outbox ' || state as what, count(*) as n from outbox where state in ('queued', 'sending') group by 1"
    kinds = [*around.rows(waiting), *around.rows(going)]
    return ", ".join(f"{row['n']} {row['what']}" for row in kinds) or "deliveries were not taken"


def _last_traceback(log: str) -> str:
    return log[log.rindex("Traceback") :].strip()[-600:]
