"""How long it takes to read and check a hundred flows, beside a floor: the C parser's bare events for the same files, thrown away.

    python -m tests.bench.loading [--json]

The quickest round counts, in seconds of this process: what makes others slower is the machine.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import process_time

import yaml

from bot.flow import document
from bot.flow.library import load
from tests.flow.owner import shipped_files

GOAL_MILLISECONDS = 300.0
FLOWS = 100
ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of all files, and how many lines they have."""

    lines: int
    quickest: float
    middle: float
    reading: float
    floor: float


def a_hundred_flows() -> dict[str, str]:
    """The shop that ships, in five languages, with as many cart reminders as are missing; each waits for another time."""
    files = shipped_files()
    shipped = len(load(files).flows)
    reminder = files["flows/cart_reminder.yaml"]
    more = {f"flows/cart_{hours}.yaml": reminder.replace("for: 1 hour", f"for: {hours} hours") for hours in range(2, FLOWS - shipped + 2)}
    return files | more


def measure(rounds: int = ROUNDS) -> Measured:
    """Load all, `rounds` times; each round is timed alone."""
    files = a_hundred_flows()
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    assert len(load(files).flows) == FLOWS  # and what is kept ready is made ready
    times = sorted(_timed(lambda: load(files)) for _ in range(rounds))
    reading = min(_timed(lambda: _read(files)) for _ in range(rounds))
    floor = min(_timed(lambda: _events(texts)) for _ in range(rounds))
    return Measured(sum(text.count("\n") for text in texts), times[0], times[len(times) // 2], reading, floor)


def _timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return (process_time() - began) * 1e3


def _read(files: Mapping[str, str]) -> None:
    for path, text in files.items():
        if path.endswith(".yaml"):
            document.read(path, text)


def _events(texts: Sequence[str]) -> None:
    for text in texts:
        next_event = yaml.CSafeLoader(text).get_event
        while type(next_event()) is not yaml.StreamEndEvent:
            pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; exit code 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often all are loaded ({ROUNDS})")
    args = parser.parse_args(arguments)
    found = measure(args.rounds)
    if args.json:
        figures = {"lines": found.lines, "milliseconds": found.quickest, "median": found.middle}
        print(json.dumps({"loading": {**figures, "reading": found.reading, "floor": found.floor, "goal": GOAL_MILLISECONDS}}))
    else:
        print(f"{FLOWS} flows     {found.quickest:6.1f} ms, {found.lines} lines (median {found.middle:.1f}, goal {GOAL_MILLISECONDS:.0f})")
        print(f"of that reading {found.reading:6.1f} ms: every value with its place")
        print(f"the bare parser {found.floor:6.1f} ms: its events, thrown away")
    return int(found.quickest > GOAL_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
