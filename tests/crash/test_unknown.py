"""Outcomes that nobody knows: a request that hangs, an answer that is lost, garbled or cut off, a process that dies meanwhile.

Some of these messages arrived and some did not. None goes twice; what arrived is settled by its status, the rest is shown to staff.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from bot.sandbox.cloud.fault import Faults, SendFault
from tests.postgres_server import Server

from .harness import Plan, settled, under_load, unsettled
from .house import ROOT, BotProcess, Surroundings
from .ledger import Report, judge

# Hanging ones keep their customer waiting for a minute, the sender's patience: a few of them are enough.
LOST = {
    SendFault.ACCEPT_THEN_HANG: 0.01,
    SendFault.HANG: 0.01,
    SendFault.ACCEPT_THEN_CUT: 0.04,
    SendFault.CUT: 0.04,
    SendFault.ACCEPT_THEN_503: 0.04,
    SendFault.ACCEPT_THEN_500: 0.04,
    SendFault.GRAPH_500: 0.03,
    SendFault.HTML_500: 0.03,
    SendFault.ACCEPT_WITHOUT_CONTACTS: 0.04,
    SendFault.ACCEPT_WITHOUT_JSON: 0.04,
}
SENDS_OF_A_LIFE = (10, 60)
FEWEST_LOST = 4  # of each life, in the mean
LONGEST_LIFE = 90.0  # seconds, on the busiest machine
SHOWN = "nobody knows whether a message was sent"


@dataclass(frozen=True, slots=True)
class Ends:
    """What became of the messages whose end was lost. `by_fault`: how often each way to lose it was met."""

    sends: int
    lost: int
    arrived: int
    settled: int
    shown: int
    unseen: int
    by_fault: Counter[str]

    def __str__(self) -> str:
        faults = ", ".join(f"{number} {name}" for name, number in sorted(self.by_fault.items()))
        return (
            f"{self.sends} sends, of {self.lost} nobody heard the end ({faults}): {self.arrived} had arrived, {self.settled} were settled "
            f"by their status, {self.shown} did not arrive and are shown to staff, {self.unseen} are shown to nobody"
        )


def ends(around: Surroundings) -> Ends:
    """Held against each other: what WhatsApp did, and what the database says."""
    attempts = around.cloud.attempts
    lost_keys = {attempt.key for attempt in attempts if attempt.fault in LOST}
    unknown = {row["key"]: row["contact"] for row in around.rows("select key, contact from outbox where state = 'unknown'")}
    noted = {row["contact"] for row in around.rows(f"select contact from audit where text like '{SHOWN}%'")}
    arrived = {message.key for message in around.cloud.accepted}
    known = {row["key"] for row in around.rows("select key from outbox where state = 'sent'")}
    return Ends(
        sends=len(attempts),
        lost=len(lost_keys | unknown.keys()),
        arrived=len(lost_keys & arrived),
        settled=len(lost_keys & arrived & known),
        shown=sum(contact in noted for contact in unknown.values()),
        unseen=sum(contact not in noted for contact in unknown.values()),
        by_fault=Counter(attempt.fault.value for attempt in attempts if attempt.fault),
    )


async def play(folder: Path, plan: Plan, server: str | None = None) -> tuple[Report, Ends]:
    """Lose answers, kill, let it settle, judge."""
    report = Report(plan.seed, plan.kills)
    async with under_load(folder, plan, server=server) as (around, load, people):
        async with _alive(around.bot()) as bot:
            await _kill_while_it_sends(bot, plan, around)
            await bot.start()
            await _until(lambda: _lost(around) >= FEWEST_LOST * (plan.kills + 1))
            around.cloud.faults = Faults(batch=20)
            load.over.set()
            if not await settled(around, load, people, plan.settle, plan.patience):
                report.violations.append(f"it did not settle: {unsettled(around)}")
            found = ends(around)
            await _each_is_explained(around, report)
            if (code := await bot.terminate()) != 0:
                report.violations.append(f"it ended with exit code {code}")
        judge(around, load, report)
        report.orphans = sum(map(int, re.findall(r"(\d+) messages were on the wire", bot.log())))
    if found.settled != found.arrived:
        report.violations.append(f"{found.arrived - found.settled} messages arrived and are not known as sent")
    if found.unseen:
        report.violations.append(f"{found.unseen} messages are unknown and shown to nobody")
    return report, found


@asynccontextmanager
async def _alive(bot: BotProcess) -> AsyncIterator[BotProcess]:
    """None outlives the test."""
    try:
        yield bot
    finally:
        if bot.running:
            await bot.kill()


async def _kill_while_it_sends(bot: BotProcess, plan: Plan, around: Surroundings) -> None:
    """Each life is as long as it takes to send some, however slow the machine."""
    random = Random(f"kills-{plan.seed}")
    for _ in range(plan.kills):
        await bot.start()
        before = len(around.cloud.attempts)
        await _until(partial(_sent, around, before + random.randint(*SENDS_OF_A_LIFE)))
        await bot.kill()


async def _until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_LIFE):
        while not so():  # noqa: ASYNC110 - the sandbox tells nobody
            await asyncio.sleep(0.005)


def _sent(around: Surroundings, number: int) -> bool:
    return len(around.cloud.attempts) >= number


def _lost(around: Surroundings) -> int:
    return sum(attempt.fault in LOST for attempt in around.cloud.attempts)


async def _each_is_explained(around: Surroundings, report: Report) -> None:
    """`comeback explain` tells of a message that nobody knows the end of."""
    rows = around.rows(
        "select i.value as phone from outbox o join identity i on i.contact = o.contact where o.state = 'unknown' and i.kind = 'phone'"
    )
    for phone in sorted({row["phone"] for row in rows})[:3]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "explain", phone, env=around.environ, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        if b"Nobody knows whether it arrived" not in told:
            report.violations.append("comeback explain does not tell of a message that nobody knows the end of")


def plan_of(full: bool) -> Plan:
    """500 sends and more, with kills; small in the quick suite."""
    if full:
        return Plan(kills=20, climbers=16, talkers=16, shoppers=24, pause=0.6, settle=150.0, patience=100.0, pauses=0, shares=LOST)
    slow = (SendFault.HANG, SendFault.ACCEPT_THEN_HANG)
    quick: dict[SendFault, float] = {fault: 2 * share for fault, share in LOST.items() if fault not in slow}
    return Plan(kills=2, climbers=8, talkers=8, shoppers=10, pause=0.5, pauses=0, shares=quick)


async def test_nothing_goes_twice_whose_end_nobody_heard(tmp_path: Path, full: bool) -> None:
    """Hang, cut, 500, 503, garbled 200, kill -9: 0 duplicates; what arrived is settled, the rest is shown to staff."""
    report, found = await play(tmp_path, plan_of(full))
    print(f"\n{found}\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert report.duplicates == 0
    assert report.resent == 0
    assert found.lost >= (100 if full else 10)
    assert found.arrived > 0
    assert found.shown > 0
    assert not full or found.sends >= 500


async def test_nothing_goes_twice_on_postgresql_either(tmp_path: Path, server: Server, full: bool) -> None:
    if not full:
        pytest.skip("the nightly tier does the same on PostgreSQL")
    async with server.fresh() as address:
        report, found = await play(tmp_path, plan_of(full), address)
    print(f"\n{found}\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert found.arrived > 0
