"""`python -m tests.ops.mover move ...`: a move that is killed at its KILL_AT-th step, and whose transactions are small. STEP_SECONDS makes
it slow."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from bot.__main__ import main
from bot.store.move import moving
from bot.store.move.file import FileSide
from bot.store.move.server import ServerSide

STEPS = ("seal", "unseal", "empty_rooms", "keep", "furnish", "_put", "_put_mark")  # the last two are inside transactions
BATCH_ROWS = 300


def each_step(told: Callable[[int], None]) -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Each step of either side, so that `told` hears which one in the order of time is about to be taken."""
    numbers = count(1)

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*words: Any, **named: Any) -> Any:
            told(next(numbers))
            return step(*words, **named)

        return taken

    for side in (FileSide, ServerSide):
        for name in STEPS:
            yield side, name, counted(getattr(side, name))


def _die_at(number: int) -> None:
    pause = float(os.environ.get("STEP_SECONDS", 0))

    def told(step: int) -> None:
        time.sleep(pause)
        if step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    for side, name, step in each_step(told):
        setattr(side, name, step)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts tests in the background of a shell has it ignored
    moving.BATCH_ROWS = int(os.environ.get("BATCH_ROWS", BATCH_ROWS))
    _die_at(int(os.environ["KILL_AT"]))
    sys.exit(main())
