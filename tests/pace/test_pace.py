"""A campaign beside live conversations: counts that hold however busy the machine is. `python -m tests.pace` measures rate and time."""

from pathlib import Path

import pytest

from tests.postgres_server import Server

from .campaign import Plan, Report, play
from .witness import fullest, over_pair

SMALL = Plan(carts=150, beyond=5, talkers=6, hasty=50, pause=1.5)


def judged(report: Report) -> None:
    """What does not depend on how busy the machine is."""
    print(f"\n{report}")
    plan = report.plan
    assert report.refused == 0
    assert report.reminded == plan.carts
    assert report.waiting == plan.beyond
    assert report.seen.too_many_for_one == 0
    seconds = report.seen.ended - report.seen.began
    assert report.seen.rate * seconds <= plan.per_second * (seconds + 1)


async def test_a_campaign_keeps_to_every_limit_while_people_are_answered(tmp_path: Path) -> None:
    judged(await play(tmp_path, SMALL))


async def test_two_processes_keep_to_every_limit_together(tmp_path: Path, server: Server, full: bool) -> None:
    if not full:
        pytest.skip("the nightly tier has two processes, too")
    async with server.fresh() as address:
        judged(await play(tmp_path, Plan(carts=150, beyond=5, talkers=6, hasty=50, pause=1.5, processes=2), address))


async def test_a_bot_that_is_too_fast_is_seen(tmp_path: Path, full: bool) -> None:
    """If nothing were found here, finding nothing above would mean nothing."""
    if not full:
        pytest.skip("the nightly tier sees whether the harness does")
    report = await play(tmp_path, Plan(carts=150, beyond=0, talkers=2, hasty=0, per_second=20, believed=1_000, patience=15))
    assert report.refused > 0


@pytest.mark.parametrize("processes", [1, 2])
async def test_the_whole_campaign(tmp_path: Path, server: Server, full: bool, processes: int) -> None:
    """2,000 reminders, 50 conversations: rate and times are for a quiet machine, as `python -m tests.pace` measures them."""
    if not full:
        pytest.skip("only with --full")
    async with server.fresh() as address:
        report = await play(tmp_path, Plan(processes=processes), address if processes > 1 else None)
    judged(report)
    assert report.seen.fullest_second <= 80 * 1.01


# ---- the witness


def test_the_witness_finds_the_fullest_second_wherever_it_begins() -> None:
    assert fullest([0.0, 0.9, 1.0, 1.1, 1.8, 5.0]) == 4
    assert fullest([0.0, 1.0, 2.0]) == 1


def test_the_witness_sees_a_burst_to_one_person() -> None:
    assert over_pair({"a": [0.0] * 45, "b": [0.0, 100.0]}) == 0
    assert over_pair({"a": [0.0] * 47}) == 2
    assert over_pair({"a": [0.0] * 45 + [5.9]}) == 1
    assert over_pair({"a": [0.0] * 45 + [6.0]}) == 0
