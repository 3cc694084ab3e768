"""`comeback replay`: what other flow files would have sent to the people who were really here."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint, progress_bar
from bot.desk import actions
from bot.desk.actions import NotFound
from bot.flow import library
from bot.flow.measure import read_length
from bot.flow.spoken import quoted
from bot.owner_files import read_playbook
from bot.policy.decision import Reason
from bot.rehearsal.replay import Changed, Record, changed, play
from bot.settings import Settings
from bot.store import replay, runs
from bot.store.database import read_only
from bot.store.replay import Outgoing, PersonThen, Recorded
from bot.store.step import Step
from bot.worker.playbook import Playbook

NAME = "replay"
HELP = "what other flow files would have sent to the people who were really here"
ABOUT = """\
Plays what really came in again, twice, in a scratch database: once with the flows in force, once with the files of another folder,
and shows what would have been sent instead, per person and in sum. Nothing is sent, and the database is only read.

  comeback replay --flows new/                         the last 7 days
  comeback replay --since "30 days" --flows new/ --contact +34600000001

Everybody begins as they were when the record begins, with no conversation under way; what they pressed or wrote then they press or
write again. Exit codes: 0 nothing would have been otherwise, 1 something would, or it could not be done."""

PEOPLE = 500  # read at once
SHOWN = 20  # people told one by one; --all tells all
MARKS = (("-", "red"), ("+", "green"))


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--flows", type=Path, required=True, help="the folder with the other flow files")
    parser.add_argument("--locales", type=Path, help="the folder with their translations (the one in force)")
    parser.add_argument("--since", type=_length, default=timedelta(days=7), help="how far back, such as '7 days' or 7d")
    parser.add_argument("--contact", help="only this person: phone number, e-mail address or contact number")
    parser.add_argument("--all", action="store_true", help=f"tell everybody, not only the first {SHOWN}")
    parser.add_argument("--json", action="store_true", help="for machines")


def _length(text: str) -> timedelta:
    short = {"h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1:] in short:
        text = f"{text[:-1]} {short[text[-1]]}"
    try:
        return read_length(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None


@dataclass(frozen=True, slots=True)
class _Lives:
    """Both lives of the record."""

    record: Record
    before: list[Outgoing]
    after: list[Outgoing]

    @property
    def changed(self) -> list[Changed]:
        return changed(self.before, self.after)


def run(args: argparse.Namespace) -> int:
    """Replay; returns the exit code."""
    settings = settings_of_served()
    if not args.flows.is_dir():
        complain(f"{args.flows} is not a folder: name the one with the other flow files")
        return 1
    other = read_playbook(args.flows, args.locales or settings.locales)
    if problems := other.library.problems:
        complain("\n".join(map(str, problems)))
        complain("The other files have mistakes: mend them first ('comeback check' tells how).")
        return 1
    try:
        lives = asyncio.run(_play(settings, other, args))
    except NotFound as fault:
        complain(str(fault))
        return 1
    _print(lives, args, ZoneInfo(other.rules.timezone))
    return 1 if lives.changed else 0


async def _play(settings: Settings, other: Playbook, args: argparse.Namespace) -> _Lives:
    now = wall_clock()
    only = await read_only(settings.database, actions.find(args.contact)) if args.contact else None
    record = await _record(settings.database, now - args.since, now, only)
    in_force = await read_only(settings.database, _in_force(read_playbook(settings.flows, settings.locales)))
    number = settings.whatsapp.number if settings.whatsapp else "replay"
    before = await play(record, in_force, number, progress_bar("the flows in force"))
    after = await play(record, other, number, progress_bar("the other files  "))
    return _Lives(record, before, after)


async def _record(database: str, since: datetime, now: datetime, only: int | None) -> Record:
    entries: list[Recorded] = []
    while chunk := await read_only(database, replay.recorded(since, entries[-1].id if entries else 0, only)):
        entries += chunk
    people: list[PersonThen] = []
    contacts = sorted({entry.contact for entry in entries})
    for at in range(0, len(contacts), PEOPLE):
        people += await read_only(database, replay.people_then(contacts[at : at + PEOPLE], since))
    return Record(sorted(entries, key=lambda one: (one.at, one.id)), people, now)


def _in_force(files: Playbook) -> Step[Playbook]:
    """The flows as they are served, whatever the files say by now."""
    flows = {}
    for flow, revision in (yield from runs.in_force()).items():
        source = yield from runs.revision_source(revision)
        if source is not None:
            flows[flow] = library.restore(revision, source)
    return Playbook(replace(files.library, flows=flows), files.house_texts) if flows else files


# ---- what is shown


def _print(lives: _Lives, args: argparse.Namespace, zone: ZoneInfo) -> None:
    found = lives.changed
    if args.json:
        told = {"events": len(lives.record.entries), "people": len(lives.record.people), "before": _sums(lives.before)}
        print(as_json({**told, "after": _sums(lives.after), "changed": found}))
        return
    print(f"{len(lives.record.entries)} events of {len(lives.record.people)} people were played again.")
    _print_sums(_sums(lives.before), _sums(lives.after))
    shown = found if args.all else found[:SHOWN]
    for one in shown:
        print(paint(f"\ncontact {one.contact}", "bold"))
        for (mark, colour), messages in zip(MARKS, (one.before, one.after), strict=True):
            for message in messages:
                print(paint(f"  {mark} {message.at.astimezone(zone):%a %d %b %H:%M}  {message.flow}: {quoted(message.body)}", colour))
    if len(found) > len(shown):
        print(paint(f"\n... and {len(found) - len(shown)} more people (--all)", "dim"))
    print(f"\n{len(found)} people would have been treated otherwise." if found else "\nNobody would have been treated otherwise.")


def _sums(messages: Sequence[Outgoing]) -> dict[str, int]:
    """How many messages each flow sent, and how many were not sent for which reason."""
    sums = Counter(f"{one.flow}: sent" for one in messages if one.sent)
    sums.update(f"{one.flow}: {_reason(one.why)}" for one in messages if not one.sent)
    return dict(sorted(sums.items()))


def _reason(why: str | None) -> str:
    return Reason(why).sentence if why in frozenset(Reason) else why or "still waiting"


def _print_sums(before: dict[str, int], after: dict[str, int]) -> None:
    width = max((len(name) for name in {*before, *after}), default=0)
    print(paint(f"{'':<{width}}  {'in force':>8}  {'instead':>8}", "dim"))
    for name in sorted({*before, *after}):
        was, would = before.get(name, 0), after.get(name, 0)
        line = f"{name:<{width}}  {was:>8}  {would:>8}"
        print(line if was == would else paint(line, "yellow"))
