"""`comeback flows graph FLOW`: a flow as a picture, for a browser, a wiki or a wall."""

import argparse
import asyncio
from collections import Counter
from pathlib import Path

from bot.command.served import settings_of_served
from bot.command.terminal import complain
from bot.flow import difference, library
from bot.flow.diagram import draw
from bot.flow.names import did_you_mean
from bot.flow.revision import Revision
from bot.owner_files import read_playbook
from bot.store import runs
from bot.store.database import read_only
from bot.store.step import Step

ABOUT = """\
  comeback flows graph cart_reminder > cart_reminder.svg
  comeback flows graph cart_reminder --live --out cart_reminder.svg

The steps from top to bottom as they are read, branches indented, jumps as lines at the right. The picture follows the reader's light or
dark setting and can be read aloud. With --live it says how many people wait at each step now."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("flow", help="a flow's name, or its file")
    parser.add_argument("--live", action="store_true", help="with the people who wait at each step, from the database")
    parser.add_argument("--out", type=Path, help="the file to write (standard output)")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")


def run(args: argparse.Namespace) -> int:
    """Draw; returns the exit code."""
    named = Path(args.flow)
    folder = named.parent if named.suffix == ".yaml" else args.flows
    flows = read_playbook(folder, args.locales).library.flows
    revision = flows.get(named.stem)
    if revision is None:
        hint = did_you_mean(named.stem, flows) or f"; there are: {', '.join(flows) or 'none without mistakes'}"
        complain(f"there is no flow '{named.stem}' without mistakes in {folder}{hint}")
        return 1
    counts = asyncio.run(read_only(settings_of_served().database, standing(revision))) if args.live else {}
    picture = draw(revision.flow, counts)
    if args.out is None:
        print(picture, end="")
        return 0
    try:
        args.out.write_text(picture, "utf-8")
    except OSError as error:
        complain(f"{args.out} cannot be written: {error.strerror}")
        return 1
    return 0


def standing(revision: Revision) -> Step[Counter[str]]:
    """How many people stand at each step of a revision, by its path."""
    counts = Counter[str]()
    for one in (yield from runs.standing()):
        if one.flow == revision.flow.id:
            source = yield from runs.revision_source(one.revision)
            older = library.restore(one.revision, source).flow if source else revision.flow
            there = difference.same_place(older, revision.flow, one.position)
            counts[there or one.position] += one.count
    return counts
