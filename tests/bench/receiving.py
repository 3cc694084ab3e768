"""(a) Deliveries that are on disk before they are acknowledged, against what would be there without the disk, and against a naive bot."""

import sqlite3
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial
from importlib.util import find_spec

from tests.bench import load
from tests.bench.ground import Ground
from tests.bench.machine import Launched, launched
from tests.bench.report import Found, Row, Target, ratio, row

OF_NO_STORAGE = 0.85
TIMES_NAIVE = 4.0
OURS, NOWHERE, BARE, NAIVE = "our door on SQLite", "our door that stores nothing", "bare aiohttp that answers 200", "FastAPI, pywa, SQLite"


def measured(ground: Ground) -> Found:
    """Measure (a)."""
    with ExitStack() as all_of_them:
        fronts = {
            OURS: _front(ground, "door"),
            NOWHERE: _front(ground, "nowhere"),
            BARE: _front(ground, "bare"),
        }
        if is_naive_there():
            fronts[NAIVE] = launched("tests.bench.naive", ground.database("naive"), on=ground.cores.measured)
        running = {name: all_of_them.enter_context(front) for name, front in fronts.items()}
        rounds = ground.interleaved({name: partial(_receive, ground, front) for name, front in running.items()})
    found = {name: row(name, each) for name, each in rounds.items()}
    ours = found[OURS]
    targets = _compared("of the same door without storage", OF_NO_STORAGE, ours, found[NOWHERE])
    notes = ["on a busy machine what is done in a second depends on the others on it: processor time says more"]
    if NAIVE in found:
        targets += _compared("times the naive bot", TIMES_NAIVE, ours, found[NAIVE])
    else:
        notes.append("not compared with the naive bot: pip install -e '.[bench]'")
    title = f"Signed, unique deliveries acknowledged; {load.CONNECTIONS} connections"
    return Found("a", title, tuple(found.values()), tuple(targets), tuple(notes))


def _compared(name: str, goal: float, ours: Row, theirs: Row) -> list[Target]:
    return [
        Target(f"{name}, by processor time", goal, ratio(theirs.cpu_us, ours.cpu_us)),
        Target(f"{name}, by the second", goal, ratio(ours.values, theirs.values)),
    ]


def is_naive_there() -> bool:
    """Whether the packages of the naive bot are installed."""
    return bool(find_spec("fastapi") and find_spec("uvicorn"))


def _front(ground: Ground, kind: str) -> AbstractContextManager[Launched]:
    return launched("tests.bench.fronts", kind, ground.database(kind), on=ground.cores.measured)


def _receive(ground: Ground, front: Launched) -> load.Round:
    return ground.run(load.receive, [front.port], [front.pid], ground.seconds, ground.series())


def kept_by_naive(ground: Ground) -> int:
    """How many messages the naive bot has on disk."""
    with closing(sqlite3.connect(ground.database("naive"))) as connection:
        (kept,) = connection.execute("select count(*) from message where body is not null").fetchone()
    return int(kept)
