"""What every measurement needs: how long, how often, where the files are, and the process that makes the load."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tests.bench import load, machine
from tests.bench.delivery import APP_SECRET, NUMBER, TOKEN, VERIFY_TOKEN
from tests.bench.load import Round
from tests.bench.machine import Cores, NotMeasured

P = ParamSpec("P")
T = TypeVar("T")
ROUND_SECONDS = 60.0  # how much longer than itself a round may take until it counts as hanging


@dataclass(slots=True)
class Ground:
    """`seconds` is the length of a round, `told` hears what is going on, `full` asks for sizes that take minutes to fill."""

    folder: Path
    rounds: int
    seconds: float
    cores: Cores
    told: Callable[[str], None]
    full: bool = False
    _pool: ProcessPoolExecutor | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> "Future[T]":
        """Begin some load in its process."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), load.settle_on, (self.cores.load,))
        return self._pool.submit(work, *args, **named)

    def run(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Let some load run. Raises NotMeasured when it comes to nothing."""
        return self.ended(self.start(work, *args, **named))

    def ended(self, begun: "Future[T]", within: float = load.LONGEST_SECONDS + ROUND_SECONDS) -> T:
        """What came of load that was started, `within` so many seconds. Raises NotMeasured."""
        try:
            return begun.result(timeout=within)
        except (TimeoutError, BrokenProcessPool) as error:
            raise NotMeasured(f"the process that makes the load failed: {error!r}") from None

    def interleaved(self, what: Mapping[str, Callable[[], Round]]) -> dict[str, list[Round]]:
        """Each of several things, in turn, round after round: what disturbs one of them disturbs all."""
        found: dict[str, list[Round]] = {name: [] for name in what}
        for number in range(self.rounds):
            for name, once in what.items():
                self.told(f"round {number + 1} of {self.rounds}: {name}")
                found[name].append(once())
        return found

    def series(self) -> str:
        """A word that no other round has."""
        return f"s{next(self._numbers)}"

    def close(self) -> None:
        """The load's process ends."""
        if self._pool is not None:
            self._pool.shutdown()

    def on(self, cores: Cores) -> "Ground":
        """The same ground on other cores."""
        return Ground(self.folder, self.rounds, self.seconds, cores, self.told, self.full)

    def database(self, name: str) -> str:
        """A file that is not there yet."""
        return str(self.folder / f"{name}.db")

    @contextmanager
    def serve(self, database: str, graph: int, *, on: frozenset[int] | None = None) -> "Iterator[machine.Launched]":
        """`comeback serve` with the shop's rules, the bench's flow, and the Graph API at a port."""
        flows = self.folder / "flows"
        if not flows.exists():
            flows.mkdir()
            shutil.copy(machine.ROOT / "flows" / "store.yaml", flows)
            shutil.copy(Path(__file__).parent / "flows" / "talk.yaml", flows)
        with machine.launched("bot", "serve", on=on or self.cores.measured, environ=self._environ(flows, database, graph)) as bot:
            yield bot

    def _environ(self, flows: Path, database: str, graph: int) -> dict[str, Any]:
        return machine.environment(
            COMEBACK_DATABASE=database,
            COMEBACK_OPTOUTS=str(self.folder / "optouts"),
            COMEBACK_FILES=str(self.folder / "files"),
            COMEBACK_PORT="0",
            COMEBACK_LOG="warning",
            COMEBACK_FLOWS=str(flows),
            COMEBACK_LOCALES=str(machine.ROOT / "locales"),
            COMEBACK_WHATSAPP_TOKEN=TOKEN,
            COMEBACK_WHATSAPP_APP_SECRET=APP_SECRET,
            COMEBACK_WHATSAPP_VERIFY_TOKEN=VERIFY_TOKEN,
            COMEBACK_WHATSAPP_NUMBER=NUMBER,
            COMEBACK_WHATSAPP_PER_SECOND="100000",  # what is measured is the house, not WhatsApp's limit
            COMEBACK_WHATSAPP_API=f"http://127.0.0.1:{graph}/v24.0",
        )
