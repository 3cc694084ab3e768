"""Several processes on one PostgreSQL database: kill -9 one, let its peers go on, start it again, kill the next.

The promises are those of `ledger.py`, and one more: what a living process sends is never called unknown by its peers.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from bot.sandbox.cloud.fault import Faults

from .harness import Plan, settled, under_load, unsettled
from .house import BotProcess, Surroundings, free_port
from .ledger import Report, judge
from .load import Load

ALONE_SECONDS = (0.3, 1.5)  # how long the peers go on without the one that was killed
TOGETHER_SECONDS = (0.1, 1.2)  # how long all live before the next kill
ROTATE_SECONDS = 0.03
LOOK_SECONDS = 0.1
LONGEST_SECONDS = 1_200.0  # until all is worked off, on the busiest machine

# a row of a process stands in `process` as long as it lives; whose peers gave it up wrongly puts it there again with its next heartbeat
_GIVEN_UP = """
select o.id as id, p.name as name from outbox o join process p on p.epoch = o.epoch
where o.state = 'unknown' and o.why like 'the process that sent it ended%'
"""


# what only grows as long as work gets done
_MOVED = "select (select count(*) from inbox where state <> 'waiting') + (select count(*) from outbox where state <> 'queued')"


@dataclass(slots=True)
class Peers:
    """The processes, and what was seen of them. `given_up`: messages of the living that were called unknown."""

    around: Surroundings
    bots: list[BotProcess]
    ports: list[int]
    given_up: Counter[str] = field(default_factory=Counter)

    @property
    def urls(self) -> list[str]:
        """Where they listen when they live."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    async def watch(self) -> None:
        """Look again and again for what was called unknown though its process lives."""
        while True:
            alive = {f":{bot.pid}" for bot in self.bots if bot.running}
            rows = await asyncio.to_thread(self.around.rows, _GIVEN_UP)
            still_alive = {f":{bot.pid}" for bot in self.bots if bot.running}
            for row in rows:
                pid = row["name"][row["name"].rindex(":") :]
                if pid in alive & still_alive:
                    self.given_up[f"message {row['id']} of {row['name']}"] += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def rotate(self) -> None:
        """WhatsApp's statuses come to one door after the other."""
        while True:
            for url in self.urls:
                self.around.cloud.webhooks.url = f"{url}/webhooks/whatsapp"
                await asyncio.sleep(ROTATE_SECONDS)


async def play_peers(folder: Path, plan: Plan, server: str, count: int = 3) -> Report:
    """Kill one at a time, let it settle, judge."""
    began = monotonic()
    report = Report(plan.seed, plan.kills)
    async with under_load(folder, plan, server=server) as (around, load, people):
        ports = [free_port() for _ in range(count)]
        peers = Peers(around, [around.bot(plan.module, port) for port in ports], ports)
        load.postman.peers = peers.urls
        async with _running(peers), _beside(peers):
            await _kill_one_at_a_time(peers, plan)
            around.cloud.faults = Faults(batch=20)
            load.over.set()
            if not await _settled(around, load, people, plan):
                report.violations.append(f"it did not settle: {unsettled(around)}")
            for bot in peers.bots:
                if (code := await bot.terminate()) != 0:
                    report.violations.append(f"it ended with exit code {code}")
        judge(around, load, report)
        logs = "".join({bot.log() for bot in peers.bots})
    if peers.given_up:
        report.violations.append(f"what a living process sends was called unknown: {list(peers.given_up)[:3]}")
    if tracebacks := logs.count("Traceback"):
        report.violations.append(f"{tracebacks} tracebacks in the logs: {logs[logs.rindex('Traceback') :].strip()[-900:]}")
    report.orphans = sum(map(int, re.findall(r"(\d+) messages were on the wire", logs)))
    report.seconds = monotonic() - began
    return report


async def _settled(around: Surroundings, load: Load, people: list[asyncio.Task[None]], plan: Plan) -> bool:
    """Wait until everybody was heard and answered, as long as something moves: a busy machine is slow, a standstill is a fault."""
    task = asyncio.create_task(settled(around, load, people, LONGEST_SECONDS, plan.patience))
    moved, moved_at = -1, monotonic()
    while not task.done():
        now = await asyncio.to_thread(around.count, _MOVED)
        if now != moved:
            moved, moved_at = now, monotonic()
        if monotonic() - moved_at > plan.settle + plan.patience:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return False
        await asyncio.wait([task], timeout=1)
    return task.result()


@asynccontextmanager
async def _running(peers: Peers) -> AsyncIterator[None]:
    """All of them; none outlives the test."""
    try:
        await asyncio.gather(*(bot.start() for bot in peers.bots))
        yield
    finally:
        for bot in peers.bots:
            if bot.running:
                await bot.kill()


@asynccontextmanager
async def _beside(peers: Peers) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(peers.watch()), asyncio.create_task(peers.rotate())]
    try:
        yield
    finally:
        for task in tasks:
            if task.done() and task.exception() is not None:
                raise RuntimeError("nobody watched") from task.exception()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kill_one_at_a_time(peers: Peers, plan: Plan) -> None:
    random = Random(f"kills-{plan.seed}")
    for _ in range(plan.kills):
        await asyncio.sleep(random.uniform(*TOGETHER_SECONDS))
        bot = random.choice(peers.bots)
        await bot.kill()
        await asyncio.sleep(random.uniform(*ALONE_SECONDS))
        await bot.start()
