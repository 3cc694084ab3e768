"""Whatever the database knows of opt-outs stands in the log, at whatever instant the process is killed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.policy.consent import Consent
from bot.store.optout_log import OptOutLog
from tests.crash.harness import Plan, settled, under_load

MANY_STOPS = Plan(climbers=0, talkers=0, shoppers=25, pause=0.15, shares={})


async def test_after_kills_under_load_every_opt_out_of_the_database_stands_in_the_log(tmp_path: Path, full: bool) -> None:
    async with under_load(tmp_path, MANY_STOPS) as (around, load, people):
        bot = around.bot()
        for _ in range(20 if full else 4):
            await bot.start()
            await asyncio.sleep(around.random.uniform(0.2, 1.0))
            await bot.kill()
            _compare(_known(around.database.with_name("comeback.db.optouts")), around.rows(_WITHDRAWN))
        load.over.set()
        await bot.start()
        assert await settled(around, load, people)
        assert await bot.terminate() == 0
        known, withdrawn = _known(around.database.with_name("comeback.db.optouts")), around.rows(_WITHDRAWN)
        _compare(known, withdrawn)
        print(f"\n{len(withdrawn)} opt-outs in the database, {len(known)} names in the log")
        assert len(withdrawn) > 20


_WITHDRAWN = """
select i.value from contact c join identity i on i.contact = c.id and i.kind = 'phone' where c.consent = 'withdrawn'
"""


def _known(log: Path) -> set[str]:
    """The phones of whom the log knows to be stopped."""
    return {
        name.value for logged in OptOutLog(log).read() if logged and logged.state is Consent.WITHDRAWN for name in logged.names
    }  # fmt: skip


def _compare(known: set[str], withdrawn: Sequence[Any]) -> None:
    missing = [row["value"] for row in withdrawn if row["value"] not in known]
    assert not missing, missing
