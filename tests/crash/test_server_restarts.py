"""PostgreSQL crashes and comes back under load: what was acknowledged is worked off, nobody is written to twice, the bot just goes on."""

import asyncio
from pathlib import Path
from random import Random

from bot.sandbox.cloud.fault import Faults, SendFault
from tests.postgres_server import Server

from .harness import SHARES, Plan, settled, under_load, unsettled
from .house import BotProcess, Surroundings
from .ledger import Report, judge

UP_SECONDS, AWAY_SECONDS = (0.3, 1.0), (0.0, 0.5)
ANSWERED: dict[SendFault, float] = {**SHARES, SendFault.ACCEPT_THEN_HANG: 0.0}  # a stop would wait for one that hangs


async def test_a_server_that_crashes_under_load_breaks_no_promise_and_no_process(tmp_path: Path, server: Server, full: bool) -> None:
    """Nothing lost, nothing twice, no marketing after a STOP, order kept, nothing unknown for good; and it heals by itself."""
    plan = Plan(kills=20, shares=ANSWERED) if full else Plan(kills=2, climbers=6, talkers=6, shoppers=12, pause=0.6, shares=ANSWERED)
    report = Report(plan.seed, plan.kills)
    async with server.fresh() as address, under_load(tmp_path, plan, server=address) as (around, load, people):
        bot = around.bot()
        await bot.start()
        await _crash_again_and_again(server, plan)
        around.cloud.faults = Faults(batch=20)
        load.over.set()
        if not await settled(around, load, people, plan.settle):
            report.violations.append(f"it did not settle: {unsettled(around)}")
        await _all_is_well(around, bot, report)
        judge(around, load, report)
    print(f"\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert report.accepted > 20 * plan.kills, "there was hardly any load"


async def _crash_again_and_again(server: Server, plan: Plan) -> None:
    random = Random(f"crashes-{plan.seed}")
    for _ in range(plan.kills):
        await asyncio.sleep(random.uniform(*UP_SECONDS))
        await server.restart(random.uniform(*AWAY_SECONDS))
    await asyncio.sleep(random.uniform(*UP_SECONDS))


async def _all_is_well(around: Surroundings, bot: BotProcess, report: Report) -> None:
    """The same process goes on, and says nothing of errors of its own."""
    if (code := await bot.terminate()) != 0:
        report.violations.append(f"it ended with exit code {code}")
    if tracebacks := bot.log().count("Traceback"):
        report.violations.append(f"{tracebacks} tracebacks in the log: {bot.log()[bot.log().rindex('Traceback') :].strip()[-2000:]}")
