"""`comeback flows`: what is in force, what an edited file changes and for whom, and what becomes of those in the middle of it."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.command import flow_graph
from bot.command.desk import ask
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint
from bot.desk.owner import AT_ONCE
from bot.flow import difference, library
from bot.flow.difference import Change
from bot.flow.model import Flow, walk
from bot.flow.revision import Revision
from bot.flow.spoken import name_at
from bot.owner_files import read_playbook
from bot.settings import Settings
from bot.store import runs
from bot.store.database import read_only
from bot.store.runs import Standing
from bot.store.step import Step

NAME = "flows"
HELP = "what is in force, what an edit changes, and for whom"
ABOUT = """\
  comeback flows list                                  the flows in force, and where people stand in them
  comeback flows diff [FLOW] [--flows DIR]             what the files (here, or in DIR) change, in words, and how many people it concerns
  comeback flows graph FLOW [--live] [--out FILE]      a picture of a flow (SVG); --live: with how many people wait at each step
  comeback flows stop FLOW [--at STEP] [--old]         end the conversations that are in the middle of it
  comeback flows move FLOW --at STEP [--to STEP]       let people who wait at a step go on in the version in force

A file that changes never breaks a conversation: whoever is in the middle finishes on the version they began with. Stop or move them
only if they should not. STEP is a label, or the place that 'list' shows (such as steps.3). Moved people go on waiting as they did:
nothing is said twice, so both steps must wait for the same (a question: the same buttons).
Exit codes: 0 done (diff: nothing differs), 1 something differs, or it could not be done."""

SHOWN = {Change.ADDED: ("+", "green"), Change.REMOVED: ("-", "red"), Change.CHANGED: ("~", "yellow")}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the flows in force, and where people stand in them")
    comparing = actions.add_parser("diff", help="what the files change, and for whom")
    comparing.add_argument("flow", nargs="?", help="only this flow")
    comparing.add_argument("--flows", type=Path, help="the folder with the new files (where 'serve' reads them)")
    comparing.add_argument("--locales", type=Path, help="the folder with the new translations")
    drawing = actions.add_parser(
        "graph", help="draw a flow as a picture (SVG)", description=flow_graph.ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flow_graph.arguments(drawing)
    stopping = actions.add_parser("stop", help="end conversations in the middle of a flow")
    stopping.add_argument("--old", action="store_true", help="only those on an older version than the one in force")
    moving = actions.add_parser("move", help="let people go on in the version in force")
    moving.add_argument("--to", help="the step of the version in force (the one of the same name)")
    for action in (stopping, moving):
        action.add_argument("flow", help="the flow's file name without .yaml")
        action.add_argument("--at", required=action is moving, help="only those who wait at this step")
        action.add_argument("--yes", action="store_true", help="do not ask")
    for action in (listing, comparing, stopping, moving):
        action.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Show or decide; returns the exit code."""
    if args.action == "graph":
        return flow_graph.run(args)
    settings = settings_of_served()
    try:
        known = asyncio.run(read_only(settings.database, _known()))
        match args.action:
            case "list":
                return _list(known, as_data=args.json)
            case "diff":
                return _diff(known, args, settings)
            case _:
                return _decide(known, args, settings)
    except _Impossible as fault:
        complain(str(fault))
        return 1


class _Impossible(Exception):
    """What is asked cannot be done; the message says why and what can."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows: the revision in force of each flow, every revision that somebody is on, and where they stand."""

    in_force: Mapping[str, Revision]
    revisions: Mapping[str, Revision]
    standing: Sequence[Standing]

    def of(self, flow: str) -> list[Standing]:
        return [one for one in self.standing if one.flow == flow]

    def name(self, one: Standing) -> str:
        """The step somebody stands at, by its name."""
        revision = self.revisions.get(one.revision)
        return name_at(revision.flow, one.position) if revision else one.position


def _known() -> Step[_Known]:
    standing = yield from runs.standing()
    served = yield from runs.in_force()
    revisions: dict[str, Revision] = {}
    for revision in {*served.values(), *(one.revision for one in standing)}:
        source = yield from runs.revision_source(revision)
        if source is not None:
            revisions[revision] = library.restore(revision, source)
    return _Known({flow: revisions[one] for flow, one in sorted(served.items()) if one in revisions}, revisions, standing)


# ---- list


def _list(known: _Known, *, as_data: bool) -> int:
    if as_data:
        told = [
            {
                "flow": flow,
                "revision": revision.id,
                "under_way": [
                    {"revision": one.revision, "at": one.position, "step": known.name(one), "waiting": one.waiting, "people": one.count}
                    for one in known.of(flow)
                ],
            }
            for flow, revision in known.in_force.items()
        ]
        print(as_json(told))
        return 0
    if not known.in_force:
        print("No flow was served from this database yet.")
    for flow, revision in known.in_force.items():
        count = sum(one.count for one in known.of(flow))
        print(f"{paint(flow, 'bold')}  {revision.flow.name}  {paint(_people(count) + ' in the middle of it', 'dim')}")
        for one in known.of(flow):
            older = "" if one.revision == revision.id else paint("  (an older version)", "yellow")
            print(f"  {one.count:>6}  {one.position:<24} {known.name(one)}{older}")
    return 0


def _people(count: int) -> str:
    return {0: "nobody", 1: "1 person"}.get(count, f"{count} people")


# ---- diff


def _diff(known: _Known, args: argparse.Namespace, settings: Settings) -> int:
    files = read_playbook(args.flows or settings.flows, args.locales or settings.locales).library
    wrong = [problem for problem in files.problems if args.flow is None or problem.file == f"flows/{args.flow}.yaml"]
    names = sorted({*known.in_force, *files.flows, *files.left_out})
    if args.flow is not None:
        if args.flow not in names:
            raise _Impossible(f"there is no flow '{args.flow}'; there are: {', '.join(names) or 'none'}")
        names = [args.flow]
    told = [told for name in names if (told := _compared(known, name, files.flows.get(name), name in files.left_out)) is not None]
    if args.json:
        print(as_json(told))
    else:
        for problem in wrong:
            print(f"{problem}  {paint('(the version in force goes on)', 'dim')}")
        for one in told:
            _print_comparison(one)
        if not told and not wrong:
            print("Nothing differs from what is in force.")
    return 1 if told or wrong else 0


def _compared(known: _Known, flow: str, new: Revision | None, broken: bool) -> dict[str, Any] | None:
    """What becomes of a flow; None when nothing does."""
    old = known.in_force.get(flow)
    if broken or (new is not None and old is not None and new.id == old.id):
        return None
    standing = [_place(known, one, new.flow if new else None) for one in known.of(flow)]
    changes = difference.differences(old.flow, new.flow) if old and new else ()
    state = "new" if old is None else "removed" if new is None else "changed"
    if state == "changed" and not changes:
        changes = (difference.Difference(Change.CHANGED, "translations or templates"),)
    return {"flow": flow, "state": state, "changes": changes, "under_way": standing}


def _place(known: _Known, one: Standing, new: Flow | None) -> dict[str, Any]:
    revision = known.revisions.get(one.revision)
    there = difference.same_place(revision.flow, new, one.position) if revision and new else None
    return {"people": one.count, "at": one.position, "step": known.name(one), "in_the_new_file": there}


def _print_comparison(told: Mapping[str, Any]) -> None:
    print(f"{paint(told['flow'], 'bold')}  {told['state']}")
    for change in told["changes"]:
        sign, colour = SHOWN[change.change]
        print(f"  {paint(f'{sign} {change.text}', colour)}")
    for place in told["under_way"]:
        missing = place["in_the_new_file"] is None
        wait = "waits" if place["people"] == 1 else "wait"
        where = "which the new file removes or asks otherwise" if missing else "which the new file has, too"
        print(f"  {_people(place['people'])} {wait} at {place['at']}, {place['step']}, {where}")
    if told["under_way"]:
        print(paint("  They finish on the version they began with, unless you say otherwise once the new file is in force:", "dim"))
        print(paint(f"    comeback flows stop {told['flow']} --at STEP     comeback flows move {told['flow']} --at STEP --to STEP", "dim"))


# ---- stop, move


def _decide(known: _Known, args: argparse.Namespace, settings: Settings) -> int:
    flow = args.flow
    if flow not in known.in_force and not known.of(flow):
        raise _Impossible(f"there is no flow '{flow}'; there are: {', '.join(sorted(known.in_force)) or 'none'}")
    chosen = [one for one in known.of(flow) if _chosen(known, one, args)]
    if args.at is not None and not chosen:
        raise _Impossible(f"nobody waits at '{args.at}' of {flow}: 'comeback flows list' shows where people stand")
    goes = _goes(known, chosen, args) if args.action == "move" else {}
    count = sum(one.count for one in chosen)
    what = "will go on in the version in force" if args.action == "move" else "end here"
    if not count:
        print("[]" if args.json else "Nobody is in the middle of it.")
        return 0
    if not (args.yes or _agreed(f"{_people(count)} {what}. Go on? [y/N] ")):
        complain("Nothing was done. Say --yes where nobody can be asked.")
        return 1
    decided = asyncio.run(_carry_out(settings.database, known, chosen, goes, args))
    print(as_json({"decided": decided}) if args.json else f"{_people(decided)}: it takes effect now, or when 'comeback serve' starts.")
    return 0


def _chosen(known: _Known, one: Standing, args: argparse.Namespace) -> bool:
    revision = known.revisions.get(one.revision)
    if args.action == "stop" and args.old and one.revision == _in_force(known, args.flow):
        return False
    if args.action == "move" and one.revision == _in_force(known, args.flow) and args.to is None:
        return False
    return args.at is None or (revision is not None and one.position == _step(revision.flow, args.at))


def _in_force(known: _Known, flow: str) -> str | None:
    revision = known.in_force.get(flow)
    return revision.id if revision else None


def _step(flow: Flow, name: str) -> str | None:
    """The path of the step with this label, or at this path."""
    return next((path for path, step in walk(flow.steps) if name in (path, step.label)), None)


def _goes(known: _Known, chosen: Sequence[Standing], args: argparse.Namespace) -> dict[tuple[str, str], str]:
    """Where who stands at (revision, step) goes on in the version in force."""
    new = known.in_force[args.flow].flow
    goes: dict[tuple[str, str], str] = {}
    for one in chosen:
        old = known.revisions[one.revision].flow
        there = difference.same_place(old, new, one.position) if args.to is None else _step(new, args.to)
        stands, step = dict(walk(old.steps)).get(one.position), dict(walk(new.steps)).get(there or "")
        if stands is None or step is None:
            raise _Impossible(f"the version in force has no step '{args.to or args.at}': say where they go on with --to STEP")
        if not difference.waits_alike(stands, step):
            raise _Impossible(f"'{args.to or args.at}' waits for something else there (a question must have the same buttons)")
        goes[one.revision, one.position] = str(there)
    return goes


def _agreed(question: str) -> bool:
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


async def _carry_out(
    database: str, known: _Known, chosen: Sequence[Standing], goes: Mapping[tuple[str, str], str], args: argparse.Namespace
) -> int:
    places = {(one.revision, one.position) for one in chosen}
    decided = last = 0
    while True:
        live = await read_only(database, runs.under_way(args.flow, last, AT_ONCE))
        if not live:
            return decided
        last = live[-1].run.id
        concerned = [one.run for one in live if (one.run.revision, one.run.position) in places]
        if not concerned:
            continue
        if args.action == "stop":
            answer = await ask(database, "stop_runs", {"runs": as_json([run.id for run in concerned])})
        else:
            where = {run.id: goes[run.revision, run.position] for run in concerned}
            revision = known.in_force[args.flow].id
            answer = await ask(database, "move_runs", {"runs": as_json(where), "revision": revision})
        if "error" in answer:
            raise _Impossible(str(answer["error"]))
        decided += int(answer["result"])
