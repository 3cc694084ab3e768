"""`comeback explain`: why somebody was written to, and why not."""

import argparse
import asyncio
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint
from bot.command.thinking import Thinking
from bot.desk import actions
from bot.desk.actions import NotFound
from bot.flow.measure import read_length
from bot.owner_files import read_playbook
from bot.sandbox.pages.thought import Mind, Mood, Thought
from bot.store.database import read_only
from bot.store.step import Step
from bot.worker.playbook import Playbook

NAME = "explain"
HELP = "why somebody was written to, and why not"
ABOUT = """\
Tells every decision about one person in order: what came in, why a flow started or did not, why a message went, waited or was
dropped, and what is still to come. A customer is named by phone number, e-mail address, WhatsApp id (BSUID) or contact number.

  comeback explain +34600000001
  comeback explain ana@example.com --since "7 days"

Times are the store's own (flows/store.yaml: timezone). Exit codes: 0 told, 1 nobody goes by that name."""

ALL_ROWS = 100_000  # of each kind: more than any person brings
COLOURS = {
    Mood.HEARD: ("cyan",),
    Mood.DECIDED: ("dim",),
    Mood.SENT: ("green",),
    Mood.HELD: ("yellow",),
    Mood.DROPPED: ("yellow",),
    Mood.TROUBLE: ("red",),
    Mood.STAFF: ("blue",),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("who", help="phone number, e-mail address, WhatsApp id or contact number")
    parser.add_argument("--since", type=_length, help="only what happened within this length of time, such as '7 days'")
    parser.add_argument("--json", action="store_true", help="for machines")


def _length(text: str) -> object:
    try:
        return read_length(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None


def run(args: argparse.Namespace) -> int:
    """Explain; returns the exit code."""
    settings = settings_of_served()
    playbook = read_playbook(settings.flows, settings.locales)
    try:
        mind = asyncio.run(read_only(settings.database, _mind(args.who, playbook)))
    except NotFound as fault:
        complain(str(fault))
        return 1
    since = wall_clock() - args.since if args.since else None
    timeline = [one for one in reversed(mind.timeline) if since is None or one.at >= since]
    if args.json:
        print(as_json({"facts": mind.facts, "timeline": timeline, "coming": mind.coming, "flows": mind.flows}))
    else:
        _print(mind, timeline, ZoneInfo(playbook.rules.timezone))
    return 0


def _mind(who: str, playbook: Playbook) -> Step[Mind]:
    contact = yield from actions.find(who)
    return (yield from Thinking(playbook).about(contact, ALL_ROWS))


def _print(mind: Mind, timeline: list[Thought], zone: tzinfo) -> None:
    print(paint(", ".join(mind.facts), "bold"))
    day = ""
    for one in timeline:
        at = one.at.astimezone(zone)
        if (today := _day(at)) != day:
            day = today
            print(f"\n{paint(day, 'bold')}")
        why = f"  {paint(one.why, 'dim')}" if one.why else ""
        print(f"  {at:%H:%M:%S}  {paint(f'{one.about}: {one.text}', *COLOURS.get(one.mood, ()))}{why}")
    if not timeline:
        print("\nNothing happened in that time." if mind.timeline else "\nNothing happened yet.")
    for flow in mind.flows:
        if not flow.over:
            lit = next((line for line in flow.lines if line.lit), None)
            print(f"\n{paint(flow.name, 'bold')} {flow.state}{f' at {lit.verb}: {lit.text}' if lit else ''}")
    for coming in mind.coming:
        print(f"  {paint(f'{coming.due.astimezone(zone):%a %d %b %H:%M}', 'cyan')}  {coming.text}")


def _day(at: datetime) -> str:
    return f"{at:%A, %d %B %Y}"
