"""(e) How long `comeback serve` takes until it listens, and how much memory it has when nothing happens."""

import time

from tests.bench import machine
from tests.bench.ground import Ground
from tests.bench.report import Found, Row, Target

READY_SECONDS = 1.5
IDLE_MEGABYTES = 80.0
REST_SECONDS = 2.0  # a heartbeat or two


def measured(ground: Ground) -> Found:
    """Measure (e)."""
    seconds, megabytes = [], []
    for number in range(ground.rounds):
        ground.told(f"start {number + 1} of {ground.rounds}")
        with ground.serve(ground.database("start"), machine.free_port()) as bot:
            seconds.append(bot.seconds)
            time.sleep(min(REST_SECONDS, ground.seconds))
            megabytes.append(machine.resident_megabytes(bot.pid))
    ready, idle = Row("from start to listening", tuple(seconds), "s"), Row("memory, idle (RSS)", tuple(megabytes), "MB")
    targets = (
        Target("ready", READY_SECONDS, ready.value, "s", at_least=False),
        Target("idle memory", IDLE_MEGABYTES, idle.value, "MB", at_least=False),
    )
    return Found("e", "`comeback serve`, started", (ready, idle), targets, ("with the modules compiled already, on one core",))
