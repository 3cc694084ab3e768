"""`python -m tests.pace`: a campaign of 2,000 while 50 people talk with the bot; prints what was seen. `--postgres`: two processes."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.postgres_server import running

from .campaign import Plan, Report, play


async def _played(folder: Path, plan: Plan, postgres: bool) -> Report:
    async with AsyncExitStack() as rooms:
        server = await rooms.enter_async_context(rooms.enter_context(running()).fresh()) if postgres else None
        return await play(folder, plan, server)


def main() -> int:
    """Play; exit 1 when a limit was exceeded, or the rate or the answers were too slow."""
    parser = argparse.ArgumentParser(prog="python -m tests.pace", description=__doc__)
    parser.add_argument("--carts", type=int, default=2_000)
    parser.add_argument("--talkers", type=int, default=50)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between an answer and the next message, in the mean")
    parser.add_argument("--rate", type=int, default=80, help="of the number, in and out together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="two processes on PostgreSQL")
    args = parser.parse_args()
    processes = 2 if args.postgres else 1
    plan = Plan(args.carts, talkers=args.talkers, pause=args.pause, per_second=args.rate, processes=processes, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(_played(Path(folder), plan, args.postgres))
    print(report, flush=True)
    if report.seen.rate < 0.9 * plan.per_second:
        report.violations.append(f"only {report.seen.rate:.1f} messages a second")
    if report.seen.slowest(99) >= 1:
        report.violations.append(f"answers were slow: {report.seen.slowest(99):.2f} s")
    for violation in report.violations:
        print(f"  BROKEN: {violation}", flush=True)
    return int(bool(report.violations))


if __name__ == "__main__":
    sys.exit(main())
