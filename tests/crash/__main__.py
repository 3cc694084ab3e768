"""`python -m tests.crash --kills 50 --seed 7 --rounds 3`: the kill harness by hand."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from .harness import Plan, play


def main() -> int:
    """Play; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each further round takes the next")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--patience", type=float, default=0.0, help="seconds to wait for what WhatsApp told to come later")
    parser.add_argument("--module", default="bot", help="what to start: bot, tests.crash.late_claim or tests.crash.blind_retry")
    args = parser.parse_args()
    broken = False
    for seed in range(args.seed, args.seed + args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            report = asyncio.run(play(Path(folder), Plan(seed, args.kills, patience=args.patience, module=args.module)))
        print(report, flush=True)
        for violation in report.violations:
            print(f"  BROKEN: {violation}", flush=True)
        broken = broken or bool(report.violations)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
