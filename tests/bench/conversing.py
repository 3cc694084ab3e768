"""(b) The whole way: a message comes in, the flow answers, policy lets it go, it is sent, and sent, delivered and read come back."""

from collections.abc import Sequence

from tests.bench import load
from tests.bench.ground import Ground
from tests.bench.machine import Launched, free_port
from tests.bench.report import Found, Target, row

MESSAGES_A_SECOND = 1_000.0
CPU_MS = 1.0
GUESS = 400  # messages a second, of which a round's length is made
NAME = "message in, answer out, three statuses"


def measured(ground: Ground) -> Found:
    """Measure (b)."""
    graph = free_port()
    with ground.serve(ground.database("converse"), graph) as bot:
        once(ground, [bot], graph)  # its first seconds are those of no house that runs
        rounds = ground.interleaved({NAME: lambda: once(ground, [bot], graph)})[NAME]
    whole = row(NAME, rounds)
    targets = (
        Target("messages a second on one core", MESSAGES_A_SECOND, whole.value, "/s"),
        Target("processor time a message", CPU_MS, (whole.cpu or 0.0) / 1_000, "ms", at_least=False),
    )
    return Found("b", f"The whole way through `comeback serve`; {load.IN_FLIGHT} messages at a time", (whole,), targets)


def once(ground: Ground, bots: Sequence[Launched], graph: int, server: int | None = None) -> load.Round:
    """One round with these processes; `server` is that of the database, where it has one."""
    pids = [*(bot.pid for bot in bots), *([server] if server else [])]
    return ground.run(load.converse, [bot.port for bot in bots], graph, pids, max(20, int(GUESS * ground.seconds)), ground.series())
