"""`comeback audience export`: a hashed list for paid ads, and who was left out and why."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.audience import export
from bot.audience.match import Destination
from bot.audience.member import Candidate, LeftOut, Selection, choose
from bot.clock import wall_clock
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint
from bot.owner_files import read_playbook
from bot.store.database import StoreUnavailable, read_only
from bot.store.step import Step
from bot.worker import audiences
from bot.worker.audiences import UnknownAudience
from bot.worker.playbook import House, Playbook

NAME = "audience"
HELP = "write a list of people for paid ads (Meta, Google), hashed"
ABOUT = """\
  comeback audience export cart_abandoners --for meta

Writes the people of an audience of flows/store.yaml as a CSV file to upload in Meta's or Google's ads manager. Addresses
are hashed (SHA-256) as each platform wants them; whoever opted out, or did not agree to ads, is left out, and you are told why.
It can run while 'comeback serve' runs."""



def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    exported = actions.add_parser("export", help="write an audience as a CSV file")
    exported.add_argument("name", help="an audience of store.yaml, such as cart_abandoners")
    exported.add_argument("--for", dest="destination", choices=[one.value for one in Destination], required=True, help="the ad platform")
    exported.add_argument("--out", type=Path, help="the file to write (NAME-PLATFORM.csv)")
    exported.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    settings = settings_of_served()
    playbook = read_playbook(settings.flows, settings.locales)
    out = args.out or Path(f"{args.name}-{args.destination}.csv")
    try:
        exported = asyncio.run(
            write_audience(
                lambda step: read_only(settings.database, step), playbook, args.name, Destination(args.destination), out, wall_clock()
            )
        )
    except (UnknownAudience, StoreUnavailable) as fault:
        complain(str(fault))
        return 1
    except OSError as fault:
        complain(f"{out} cannot be written: {fault.strerror}. Name another file with --out")
        return 1
    print(as_json(exported.told()) if args.json else "\n".join(exported.lines()))
    return 0


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, and whom it left out."""

    path: Path
    written: int
    selection: Selection

    def told(self) -> dict[str, object]:
        """For machines."""
        reasons = Counter(reason for _, reason in self.selection.left_out)
        return {"file": self.path, "written": self.written, "left_out": {reason.value: count for reason, count in reasons.items()}}

    def lines(self) -> list[str]:
        """For people: how many are in, and who was left out for which reason."""
        people = "person" if self.written == 1 else "people"
        lines = [paint(f"{self.written} {people} written to {self.path}", "green")]
        for reason in LeftOut:
            contacts = [str(contact) for contact, why in self.selection.left_out if why is reason]
            if contacts:
                shown = ", ".join(contacts[:10]) + (" ..." if len(contacts) > 10 else "")
                lines.append(f"  left out {len(contacts)}: {reason.sentence} (contact {shown})")
        return lines


async def write_audience(
    read: Callable[[Step[list[Candidate]]], Awaitable[list[Candidate]]],
    playbook: Playbook,
    name: str,
    destination: Destination,
    out: Path,
    now: datetime,
) -> Exported:
    """Write an audience; `read` runs a reading step. Raises UnknownAudience, StoreUnavailable, OSError."""
    house = House(playbook, "", "", now)
    audiences.check_name(house, name)
    everybody: list[Candidate] = []
    while page := await read(audiences.candidates(house, name, everybody[-1].contact if everybody else 0)):
        everybody += page
    selection = choose(everybody, playbook.rules.audiences[name].keep_for, now, destination)
    written = await asyncio.to_thread(export.write, out, selection.members, destination)
    return Exported(out, written, selection)
