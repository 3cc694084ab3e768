"""(f) Receiving (a) and the whole way (b) on PostgreSQL, with one, two and four processes, beside one process on SQLite.

Everything may run on every core here, the load and the database, too: on two cores four processes have nothing to gain.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from tests.bench import conversing, load, server
from tests.bench.ground import Ground
from tests.bench.machine import Launched, free_port, launched
from tests.bench.report import Found, Row, Target, ratio, row
from tests.bench.server import BenchServer

PROCESSES = (1, 2, 4)
OF_SQLITE = 1.25  # what an event may cost on PostgreSQL, times what it costs on SQLite
FASTER = 1.0
SQLITE = "SQLite, 1 process"


def measured(ground: Ground) -> Found:
    """Measure (f)."""
    everywhere = ground.cores.shared
    ground = ground.on(everywhere)
    with server.running() as postgres:
        rows = [*_receiving(ground, postgres), *_conversing(ground, postgres)]
    by_name = {each.name: each for each in rows}
    targets = []
    for what in ("received", "the whole way"):
        sqlite, one, two = (by_name[f"{what}: {name}"] for name in (SQLITE, _name(1), _name(2)))
        targets.append(Target(f"{what}: processor time of SQLite's", OF_SQLITE, ratio(one.cpu_us, sqlite.cpu_us), at_least=False))
        targets.append(Target(f"{what}: 2 processes against 1", FASTER, ratio(two.values, one.values)))
    return Found(
        "f", "On PostgreSQL, with several processes; all cores shared by everybody", tuple(rows), tuple(targets), (postgres.about,)
    )


def _name(processes: int) -> str:
    return f"PostgreSQL, {processes} process{'es' if processes > 1 else ''}"


def _receiving(ground: Ground, postgres: BenchServer) -> list[Row]:
    with ExitStack() as all_of_them:
        fronts = {SQLITE: [_front(ground, ground.database("receive"))]}
        for number in PROCESSES:
            address = postgres.new_database()
            fronts[_name(number)] = [_front(ground, address) for _ in range(number)]
        running = {name: [all_of_them.enter_context(front) for front in each] for name, each in fronts.items()}
        rounds = ground.interleaved({name: partial(_receive, ground, each, postgres.pid) for name, each in running.items()})
    return [row(f"received: {name}", each) for name, each in rounds.items()]


def _front(ground: Ground, database: str) -> AbstractContextManager[Launched]:
    return launched("tests.bench.fronts", "door", database, on=ground.cores.measured)


def _receive(ground: Ground, fronts: Sequence[Launched], postgres: int) -> load.Round:
    pids = [*(front.pid for front in fronts), postgres]
    return ground.run(load.receive, [front.port for front in fronts], pids, ground.seconds, ground.series())


def _conversing(ground: Ground, postgres: BenchServer) -> list[Row]:
    graphs = {SQLITE: free_port()} | {_name(number): free_port() for number in PROCESSES}
    with ExitStack() as all_of_them:
        running = {SQLITE: [all_of_them.enter_context(ground.serve(ground.database("converse"), graphs[SQLITE]))]}
        for number in PROCESSES:
            address = postgres.new_database()
            graph = graphs[_name(number)]
            running[_name(number)] = [all_of_them.enter_context(ground.serve(address, graph)) for _ in range(number)]
        what = {name: partial(conversing.once, ground, bots, graphs[name], postgres.pid) for name, bots in running.items()}
        rounds = ground.interleaved(what)
    return [row(f"the whole way: {name}", each) for name, each in rounds.items()]
