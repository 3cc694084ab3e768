"""kill -9 at random instants, and spoiled bots that must not get away with it.

`python -m pytest tests/crash --full -s` prints the figures; `python -m tests.crash --kills 50 --seed 7` does without pytest.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.sandbox.cloud.fault import SendFault

from .harness import SHARES, Plan, play

TRIES = 8  # seeds: two kills may happen to hit nothing; the first that shows it is enough


async def test_kill_9_under_load_breaks_no_promise(tmp_path: Path, full: bool) -> None:
    """No acknowledged update lost, nothing sent twice, no marketing after a STOP, order kept, the database whole."""
    plan = Plan(kills=50, patience=200) if full else Plan(kills=8)
    report = await play(tmp_path, plan)
    print(f"\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert report.accepted > 20 * plan.kills, "there was hardly any load"
    assert report.orphans, "no kill hit a message on the wire"
    assert report.stops > plan.kills


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A bot with one rule broken, the load that brings it out, and the figure of the report that must show it."""

    launcher: str
    figure: str
    calm: float = 0.0
    status_delay: float = 0.0
    aimed: bool = False


SPOILED = {
    # the statuses come late: an early one would save the spoiled bot, for it settles what is queued, too
    "sending is not committed before the request": Spoiled("late_claim", "duplicates", status_delay=3.0, aimed=True),
    "what nobody knows the end of is sent again": Spoiled("blind_retry", "duplicates", status_delay=3.0),
    "a delivery is acknowledged before it is on disk": Spoiled("early_ack", "lost"),
    "policy is asked when a message is queued, not when it is sent": Spoiled("deaf_sender", "after_stop", calm=7.0),
}
QUICK = frozenset({"late_claim", "early_ack"})


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED.keys())
async def test_the_harness_sees_a_spoiled_bot(tmp_path: Path, spoiled: Spoiled, full: bool) -> None:
    """If the harness found nothing here, finding nothing above would mean nothing."""
    if not full and spoiled.launcher not in QUICK:
        pytest.skip("the nightly tier sees whether the harness does")
    for seed in range(1, TRIES + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        report = await play(folder, _plan(seed, spoiled))
        if getattr(report, spoiled.figure):
            break
    print(f"\n{spoiled.launcher}: {report}")
    assert getattr(report, spoiled.figure) > 0
    assert report.violations


def _plan(seed: int, spoiled: Spoiled) -> Plan:
    shares = SHARES | {SendFault.ACCEPT_THEN_CUT: 0.05, SendFault.RATE_LIMITED: 0.0}
    module = f"tests.crash.{spoiled.launcher}"
    settle = 4  # what is looked for is there by then
    plan = Plan(seed, kills=2, settle=settle, shares=shares, module=module, pauses=0)
    return replace(plan, calm=spoiled.calm, status_delay=spoiled.status_delay, aimed=spoiled.aimed)
