"""What the owner can do with conversations in the middle of a flow: stop them, or let them go on in the version in force.

Each decision is an inbox entry of its person, so it keeps its place among what they write meanwhile.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.store import inbox, runs
from bot.store.model import Source
from bot.store.step import Step

AT_ONCE = 500  # decisions a transaction: nobody else waits long for the commit


def stop_runs(which: Sequence[int], now: datetime) -> Step[int]:
    """Stop runs; returns how many there were. Raises nothing for one that is over: it is over."""
    return (yield from _decide(runs.STOP, {run: {} for run in which}, now))


def move_runs(where: Mapping[int, str], revision: str, now: datetime) -> Step[int]:
    """Let runs go on in a stored revision, each at a step (its path); returns how many there were."""
    return (yield from _decide(runs.MOVE, {run: {"revision": revision, "position": at} for run, at in where.items()}, now))


def _decide(kind: str, each: Mapping[int, Mapping[str, str]], now: datetime) -> Step[int]:
    decided = 0
    for run, more in each.items():
        live = yield from runs.load(run)
        if live is not None and live.run.outcome is None:
            yield from inbox.put(Source.HOUSE, kind, live.contact, {"run": run, **more}, now)
            decided += 1
    return decided
