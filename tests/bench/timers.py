"""(d) 1,000 due timers claimed as the dispatcher claims them, out of few and out of many: the many must not make it dearer."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import wall_clock
from bot.store import inbox
from bot.store.database import Database, is_server, open_database
from bot.store.step import Statement, Step, to_micros
from bot.worker.dispatcher import TIMERS
from tests.bench import load, machine, server
from tests.bench.ground import Ground
from tests.bench.load import Round
from tests.bench.machine import NotMeasured
from tests.bench.report import Found, Row, Target, ratio

DUE = 1_000
FLAT = 2.0  # the many may cost this many times what the few cost
FEW, MANY, MOST = 10_000, 1_000_000, 5_000_000
YEAR = 365 * 86_400 * 1_000_000  # microseconds: the timers that are not due are spread over it
FILL_SECONDS = 1_800.0
AT_ONCE = 250_000  # timers a transaction while they are filled in


@dataclass(frozen=True, slots=True)
class Pile:
    """Timers that wait in one database."""

    name: str
    address: str
    size: int


def measured(ground: Ground) -> Found:
    """Measure (d)."""
    sizes = (FEW, MANY, MOST) if ground.full else (FEW, MANY) if ground.seconds >= 1 else (FEW, 2 * FEW)
    notes = [f"as the dispatcher does it: {TIMERS} a transaction, each timer becoming an inbox entry; processor time a timer"]
    rows, targets = _compared(ground, [Pile(f"SQLite, {size:,}", ground.database(f"timers-{size}"), size) for size in sizes])
    if ground.full:
        with server.running() as postgres:
            piles = [Pile(f"PostgreSQL, {size:,}", postgres.new_database(), size) for size in sizes]
            found = _compared(ground, piles, postgres.pid)
            rows, targets = rows + found[0], targets + found[1]
            notes.append(postgres.about)
    else:
        notes.append(f"out of {MOST:,}, and on PostgreSQL: --full")
    return Found("d", f"{DUE:,} due timers claimed, out of so many that wait", tuple(rows), tuple(targets), tuple(notes))


def _compared(ground: Ground, piles: Sequence[Pile], postgres: int | None = None) -> tuple[list[Row], list[Target]]:
    """Measured in the load's process, which has nothing else to do."""
    ground.told(f"filling in {sum(pile.size for pile in piles):,} timers")
    rounds = ground.ended(ground.start(claim, piles, ground.rounds, ground.cores.measured, postgres), within=FILL_SECONDS)
    rows = [
        Row(
            pile.name,
            tuple(each.seconds * 1_000 for each in rounds[pile.name]),
            "ms",
            tuple(each.cpu_us_each for each in rounds[pile.name]),
        )
        for pile in piles
    ]
    few, *many = rows
    return rows, [Target(f"{row.name}: times the few", FLAT, ratio(row.cpu_us, few.cpu_us), at_least=False) for row in many]


def claim(piles: Sequence[Pile], rounds: int, cores: frozenset[int], postgres: int | None) -> dict[str, list[Round]]:
    """Fill the databases, and measure in turn."""
    load.settle_on(cores)
    return asyncio.run(_claim(piles, rounds, [os.getpid(), *([postgres] if postgres else [])]))


async def _claim(piles: Sequence[Pile], rounds: int, pids: Sequence[int]) -> dict[str, list[Round]]:
    stores = {pile.name: await open_database(pile.address) for pile in piles}
    for pile in piles:
        await _fill(stores[pile.name], pile)
    found: dict[str, list[Round]] = {name: [] for name in stores}
    for _ in range(rounds):
        for name, store in stores.items():
            await store.run(_make_due())
            found[name].append(await _once(store, pids))
    for store in stores.values():
        await store.close()
    return found


async def _once(store: Database, pids: Sequence[int]) -> Round:
    before, began, claimed = machine.spent(pids), time.monotonic(), 0
    while fired := await store.run(inbox.fire_timers(wall_clock(), TIMERS)):
        claimed += fired
    after, ended = machine.spent(pids), time.monotonic()
    if claimed != DUE:
        raise NotMeasured(f"{claimed} timers were claimed, and {DUE} were due")
    return Round(claimed, ended - began, machine.microseconds(before, after))


def _make_due() -> Step[None]:
    due = wall_clock() - timedelta(minutes=1)
    for at in range(DUE):
        yield from inbox.set_timer(due + timedelta(milliseconds=at), at + 1, "run", at + 1, 0)


async def _fill(store: Database, pile: Pile) -> None:
    text = _ON_SERVER if is_server(pile.address) else _IN_FILE
    first = to_micros(wall_clock() + timedelta(days=1))
    for start in range(0, pile.size, AT_ONCE):
        end = min(start + AT_ONCE, pile.size)
        await store.run(_one(text, {"start": start, "end": end, "first": first, "apart": YEAR // pile.size}))


def _one(text: str, parameters: Mapping[str, int]) -> Step[None]:
    yield Statement(text, parameters)


_IN_FILE = """
with recursive n (n) as (select :start union all select n + 1 from n where n + 1 < :end)
insert into timer (due, contact, kind, subject, generation) select :first + n * :apart, n % 100000, 'run', n, 0 from n
"""
_ON_SERVER = """
insert into timer (due, contact, kind, subject, generation)
select :first::bigint + n * :apart::bigint, n % 100000, 'run', n, 0 from generate_series(:start::bigint, :end::bigint - 1) as n
"""
