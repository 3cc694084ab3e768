"""What is measured runs in processes of its own, on a core of its own; here they are started, and their processor time is read."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import monotonic

ROOT = Path(__file__).parents[2]
START_SECONDS = 40.0  # a busy machine takes its time to import
STOP_SECONDS = 15.0
_LISTENS = re.compile(r"listens on http://[^:]+:(\d+)")


class NotMeasured(Exception):
    """A measurement could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where what is measured runs, and where the load does. On a machine with one core that is the same."""

    measured: frozenset[int]
    load: frozenset[int]

    @property
    def shared(self) -> "Cores":
        """Everything may run everywhere: for several processes."""
        both = self.measured | self.load
        return Cores(both, both)


def cores() -> Cores:
    """The first core for what is measured, the last for the load."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(allowed[:1]), frozenset(allowed[-1:]))


@dataclass(frozen=True, slots=True)
class Launched:
    """A process that listens on `port`, `seconds` after it was started."""

    pid: int
    port: int
    seconds: float


@contextmanager
def launched(module: str, *words: str, on: frozenset[int], environ: Mapping[str, str] | None = None) -> Iterator[Launched]:
    """`python -m module words`, until it says where it listens; SIGTERM at the end. Raises NotMeasured when it does not start."""
    with tempfile.TemporaryFile("w+") as complaints:
        began = monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=environ or environment(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        try:
            os.sched_setaffinity(process.pid, on)  # its threads come later, and inherit it
            port = _port(process)
            if port is None:
                process.kill()
                complaints.seek(0)
                raise NotMeasured(f"{module} {' '.join(words)} did not start: {complaints.read()[-2000:]}")
            yield Launched(process.pid, port, monotonic() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _port(process: subprocess.Popen[str]) -> int | None:
    assert process.stdout is not None
    give_up = Timer(START_SECONDS, process.kill)
    give_up.start()
    try:
        for line in process.stdout:
            if found := _LISTENS.search(line):
                return int(found[1])
    finally:
        give_up.cancel()
    return None


def environment(**more: str) -> dict[str, str]:
    """The environment without what the machine's owner may have set for a bot of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")}
    return kept | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | more


def free_port() -> int:
    """A port that nobody listens on."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


# ---- processor time


Spent = Mapping[Path, int]


def spent(pids: Sequence[int]) -> Spent:
    """The nanoseconds that each thread of these processes, and of their children, has run."""
    found: dict[Path, int] = {}
    for pid in _with_children(pids):
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                found[task] = int(task.read_text().split()[0])
    return found


def microseconds(before: Spent, after: Spent) -> float:
    """What was spent between two looks; a thread that ended in between counts for nothing."""
    return sum(nanoseconds - before.get(task, 0) for task, nanoseconds in after.items()) / 1_000


def _with_children(pids: Sequence[int]) -> list[int]:
    found = list(pids)
    for pid in found:  # grows while it is walked
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def resident_megabytes(pid: int) -> float:
    """How much of a process is in memory (RSS)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise NotMeasured("this system does not tell how much memory a process has")
    return int(found[1]) / 1024
