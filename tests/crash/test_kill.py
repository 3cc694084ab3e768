"""kill -9 at random instants, and spoiled bots that must not get away with it.

`python -m pytest tests/crash --full -s` prints the figures.
"""

from pathlib import Path

import pytest

from bot.sandbox.fault import SendFault

from .harness import SHARES, Plan, play

TRIES = 3  # seeds: two kills may happen to hit nothing


async def test_kill_9_under_load_breaks_no_promise(tmp_path: Path, full: bool) -> None:
    """No acknowledged update lost, nothing sent twice, no marketing after a STOP, order kept, the database whole."""
    plan = Plan(kills=50, patience=200) if full else Plan(kills=8)
    report = await play(tmp_path, plan)
    print(f"\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert report.accepted > 20 * plan.kills, "there was hardly any load"
    assert report.orphans, "no kill hit a message on the wire"
    assert report.stops > plan.kills


@pytest.mark.parametrize(
    ("launcher", "what"),
    [
        pytest.param("late_claim", "duplicates", id="sending is not committed before the request"),
        pytest.param("blind_retry", "duplicates", id="what nobody knows the end of is sent again"),
        pytest.param("early_ack", "lost", id="a delivery is acknowledged before it is on disk"),
        pytest.param("deaf_sender", "after_stop", id="policy is asked when a message is queued, not when it is sent"),
    ],
)
async def test_the_harness_sees_a_spoiled_bot(tmp_path: Path, launcher: str, what: str) -> None:
    """Each breaks one rule of the house. If the harness found nothing here, finding nothing above would mean nothing."""
    shares = SHARES | {SendFault.ACCEPT_THEN_CUT: 0.05}
    for seed in range(1, TRIES + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        report = await play(folder, Plan(seed, kills=2, shares=shares, module=f"tests.crash.{launcher}", settle=10))
        if getattr(report, what):
            break
    print(f"\n{launcher}: {report}")
    assert getattr(report, what) > 0
    assert report.violations
