"""kill -9 one of three processes on PostgreSQL, again and again: the same zeros as with one process on SQLite."""

from pathlib import Path

import pytest

from tests.postgres_server import Server

from .harness import Plan
from .peers import play_peers

TRIES = 4  # seeds


async def test_three_processes_of_which_one_dies_again_and_again_break_no_promise(tmp_path: Path, server: Server, full: bool) -> None:
    """Nothing lost, nothing twice, no marketing after a STOP, order kept, and what a living peer sends is never called unknown."""
    plan = Plan(kills=50, patience=200) if full else Plan(kills=3)
    async with server.fresh() as address:
        report = await play_peers(tmp_path, plan, address)
    print(f"\n{report}")
    assert not report.violations, "\n".join(report.violations)
    assert report.accepted > 20 * plan.kills, "there was hardly any load"
    assert report.stops > plan.kills


async def test_a_process_that_gives_living_peers_up_is_seen(tmp_path: Path, server: Server, full: bool) -> None:
    """If nothing were found here, finding nothing above would mean nothing. A peer has to look in the moment in which one sends."""
    if not full:
        pytest.skip("the nightly tier sees whether the harness does")
    for seed in range(1, TRIES + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with server.fresh() as address:
            report = await play_peers(folder, Plan(seed, kills=3, settle=5, module="tests.crash.hasty_peer"), address)
        if any("a living process" in violation for violation in report.violations):
            break
    print(f"\n{report}")
    assert any("a living process" in violation for violation in report.violations), report.violations
