"""`python -m tests.bench`: how fast the house is on this machine."""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import machine
from tests.bench.ground import Ground
from tests.bench.machine import NotMeasured
from tests.bench.report import Found, as_json, as_table

# each is a module with `measured(ground) -> Found`
MEASUREMENTS = {"a": "receiving", "b": "conversing", "c": "sending", "d": "timers", "e": "starting", "f": "postgres"}

ABOUT = """\
Measures the house against its limits, on this machine, now:

  a  deliveries acknowledged a second, each on disk before its 200; beside the same door without storage, bare aiohttp, and a naive bot
  b  the whole way: message in, flow, policy, answer out, its three statuses back; on one core
  c  messages sent a second to a minimal Graph API; on one core
  d  1,000 due timers claimed out of 10 thousand and 1 million (--full: 5 million, and on PostgreSQL)
  e  idle memory and time until `comeback serve` listens
  f  a and b on PostgreSQL with 1, 2 and 4 processes

What is measured runs on the first core, the load on the last; things that are compared take turns, round by round, and the medians
and the ratios of one round are shown: on a busy machine only the ratios and the processor time mean much. `nice -n -15` helps.
Exit code 0 however fast it is, 1 when something could not be measured."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", nargs="*", choices=[*MEASUREMENTS, []], metavar="a b c d e f", help="what to measure (all of it)")
    parser.add_argument("--json", action="store_true", help="for machines: every round of everything")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a round is (3)")
    parser.add_argument("--full", action="store_true", help="also the sizes that take minutes to fill")
    parser.add_argument(
        "--folder", type=Path, help="where the databases go: on the disk that is to be measured (the system's temporary folder)"
    )
    args = parser.parse_args(argv)
    told = _on_terminal if sys.stderr.isatty() and not args.json else _to_nobody
    found: list[Found] = []
    failed = False
    for letter in dict.fromkeys(args.letters or MEASUREMENTS):
        with tempfile.TemporaryDirectory(prefix="comeback-bench-", dir=args.folder) as folder:
            ground = Ground(Path(folder), max(1, args.rounds), max(0.05, args.seconds), machine.cores(), _under(letter, told), args.full)
            try:
                one: Found = importlib.import_module(f"tests.bench.{MEASUREMENTS[letter]}").measured(ground)
            except NotMeasured as why:
                failed = True
                told("")
                print(f"({letter}) could not be measured: {why}", file=sys.stderr)
                continue
            finally:
                ground.close()
        found.append(one)
        told("")
        if not args.json:
            print(as_table(one), flush=True)
    if args.json:
        print(as_json(found))
    return 1 if failed else 0


def _under(letter: str, told: Callable[[str], None]) -> Callable[[str], None]:
    return lambda what: told(f"({letter}) {what}")


def _on_terminal(what: str) -> None:
    width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
    print(f"\r{what[:width]:<{width}}\r", end="", file=sys.stderr, flush=True)


def _to_nobody(_: str) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    sys.exit(main())
