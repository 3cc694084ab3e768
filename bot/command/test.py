"""`comeback test`: plays the stories, and says where a flow does something else than they tell."""

import argparse
import asyncio
import difflib
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.command.terminal import as_json, complain, paint
from bot.flow.names import did_you_mean
from bot.flow.problem import Problem
from bot.owner_files import read_files, read_playbook
from bot.rehearsal import story, story_play
from bot.rehearsal.story import Fault, Story
from bot.rehearsal.story_cover import Cover, cover
from bot.rehearsal.story_play import Told, Watched
from bot.worker.playbook import Playbook

NAME = "test"
HELP = "play the stories in flows/stories, and show where a flow does something else"
ABOUT = """\
  comeback test                          every story
  comeback test cart_reminder            the stories of one flow
  comeback test flows/stories/night.txt  one story
  comeback test --update                 write what happens into the stories, to be read before it is kept

A story is a text file. Write what is given and what is done; --update adds what comes of it:

  story: too expensive
  flow: cart_reminder
  given:
    contact: {first_name: Ana, language: es}
    cart: {total: 80 EUR, items: 3}
  ---
  Mon 10:00  store: cart_abandoned
  Mon 11:03  customer: es muy caro
  Tue 09:00  store: order_placed

  store     cart_abandoned, cart_emptied, order_placed, order_paid, order_delivered, order_cancelled,
            consent given, consent withdrawn, no more codes, codes again
  customer  their words, [a button], (photo) or (voice note)
  staff     takes over, hands back, or their words
  nothing more  (instead of who) lets time pass until then

Exit codes: 0 every story comes true; 1 one does not; 2 a story or a flow has a mistake."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a scratch database of a story need not reach a disk; the folder in it has a random name
STORIES = "stories"  # the folder of stories, inside that of the flows
AROUND = 2  # lines shown around a difference


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("flows_or_stories", nargs="*", metavar="FLOW", help="flows by name, or story files (every story)")
    parser.add_argument("--update", action="store_true", help="write what happens into the stories")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")
    parser.add_argument("--json", action="store_true", help="for machines: stories, differences and what no story reaches")


@dataclass(frozen=True, slots=True)
class _Report:
    """What there is to say in the end."""

    told: tuple[Told, ...]
    faults: tuple[Fault, ...]
    covers: tuple[tuple[Path, Cover], ...]

    @property
    def differing(self) -> tuple[Told, ...]:
        """The stories that did not come true."""
        return tuple(one for one in self.told if not one.came_true)


def run(args: argparse.Namespace) -> int:
    """Test; returns the exit code."""
    playbook = read_playbook(args.flows, args.locales)
    if playbook.library.problems:
        _complain_of(playbook.library.problems)
        return 2
    wanted = tuple(args.flows_or_stories)
    unknown = [one for one in wanted if one not in playbook.library.flows and not Path(one).is_file()]
    if unknown:
        complain(f"'{unknown[0]}' is neither a flow nor the file of a story; the flows are: {', '.join(playbook.library.flows) or 'none'}")
        return 2
    paths = _stories(args.flows, wanted)
    if not paths:
        complain(f"there are no stories yet: write one into {args.flows / STORIES} (comeback test --help shows how)")
        return 2
    report = _play_all(paths, story_play.watched(playbook), args.flows, args.locales, wanted)
    if args.update:
        for one in report.told:  # one that differs only to a machine, too: by an unbreakable space, say
            Path(one.story.file).write_text(one.text, "utf-8")
    if args.json:
        print(as_json(_as_data(report, is_updated=args.update)))
    else:
        _print(report, is_updated=args.update)
    return 2 if report.faults else 1 if report.differing and not args.update else 0


def _complain_of(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        complain(str(problem))
    complain("stories are played once nothing is wrong: see 'comeback check'")


def _stories(flows: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The files of the stories that are asked for; which flow a story is about is known once it is read."""
    files = [Path(one) for one in wanted if Path(one).is_file()]
    return files if files and len(files) == len(wanted) else sorted({*files, *(flows / STORIES).glob("*.txt")})


def _play_all(paths: list[Path], playbook: Playbook, flows: Path, locales: Path, wanted: tuple[str, ...]) -> _Report:
    told: list[Told] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            read = story.read(str(path), path.read_text("utf-8"), playbook.rules.timezone)
            if _is_wanted(read, path, playbook, wanted):
                told.append(_play(read, playbook))
        except Fault as fault:
            faults.append(fault)
        except UnicodeDecodeError:
            faults.append(Fault(str(path), 1, "this file is not UTF-8: save it as UTF-8 in your editor"))
    files = read_files(flows, locales)
    asked = [name for name in playbook.library.flows if not wanted or name in wanted]
    covers = [(flows / f"{name}.yaml", _cover(playbook, name, files)) for name in asked]
    return _Report(tuple(told), tuple(faults), tuple(covers))


def _is_wanted(read: Story, path: Path, playbook: Playbook, wanted: tuple[str, ...]) -> bool:
    flow = read.head.flow
    if flow is not None and flow not in playbook.library.flows:
        hint = did_you_mean(flow, playbook.library.flows) or f"; there are: {', '.join(playbook.library.flows)}"
        raise Fault(read.file, 2, f"there is no flow '{flow}'{hint}")
    return not wanted or str(path) in wanted or flow in wanted or (flow is None and path.stem.startswith(wanted))


def _play(read: Story, playbook: Playbook) -> Told:
    with tempfile.TemporaryDirectory(prefix="comeback-test-", dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        return asyncio.run(story_play.play(read, playbook, Path(scratch)))


def _cover(playbook: Playbook, name: str, files: dict[str, str]) -> Cover:
    revision = playbook.library.flows[name]
    passed = revision.passed if isinstance(revision, Watched) else Counter[str]()
    return cover(revision, files[f"flows/{name}.yaml"], passed)


# ---- telling


def _difference(one: Told) -> Iterator[str]:
    """What should be (-) and what is (+), with a few lines around."""
    written = story.visible(one.story.body).splitlines()
    happened = one.text.removeprefix(f"{one.story.top}\n---\n").splitlines()
    first = one.story.top.count("\n") + 3
    for group in difflib.SequenceMatcher(None, written, happened).get_grouped_opcodes(AROUND):
        yield f"@ line {first + group[0][1]}"
        for what, start, end, new_start, new_end in group:
            if what == "equal":
                yield from (f"  {line}" for line in written[start:end])
                continue
            yield from (f"- {line}" for line in written[start:end])
            yield from (f"+ {line}" for line in happened[new_start:new_end])


_STYLES = {"-": "red", "+": "green", "@": "dim"}


def _print(report: _Report, *, is_updated: bool) -> None:
    for one in report.told:
        if one.came_true:
            continue
        print(f"{paint('rewritten' if is_updated else 'not so', 'bold')}: {one.story.head.story} ({one.story.file})")
        for line in _difference(one):
            print(f"  {paint(line, *filter(None, [_STYLES.get(line[0])]))}")
    for fault in report.faults:
        print(fault)
        if fault.until_then:
            print("  until then:")
            print("".join(f"    {line}\n" for line in fault.until_then.splitlines()), end="")
    for path, covered in report.covers:
        _print_cover(path, covered)
    true = len(report.told) - len(report.differing)
    if report.faults or (report.differing and not is_updated):
        bad = len(report.differing) + len(report.faults)
        print(paint(f"{bad} of {_stories_of(len(report.told) + len(report.faults))} did not come true", "red"))
        if report.differing and not is_updated:
            print("Lines with - were expected, lines with + happened. If what happened is right: comeback test --update")
    else:
        print(paint(f"{_stories_of(true)} came true" + (f", {len(report.differing)} rewritten" if is_updated else ""), "green"))


def _stories_of(number: int) -> str:
    return f"{number} {'story' if number == 1 else 'stories'}"


def _print_cover(path: Path, covered: Cover) -> None:
    state = "all" if covered.reached == covered.steps and not covered.gaps else f"{covered.reached} of {covered.steps}"
    print(f"{covered.flow}: the stories reach {state} steps")
    for gap in covered.gaps:
        print(f"  {path}:{gap.line}: {gap.message}")


def _as_data(report: _Report, *, is_updated: bool) -> dict[str, object]:
    return {
        "stories": [
            {
                "story": one.story.head.story,
                "file": one.story.file,
                "came_true": one.came_true,
                "is_updated": is_updated and not one.came_true,
                "flows": sorted(one.flows),
                "difference": list(_difference(one)),
            }
            for one in report.told
        ],
        "faults": [{"file": fault.file, "line": fault.line, "message": fault.message} for fault in report.faults],
        "cover": [
            {
                "flow": covered.flow,
                "steps": covered.steps,
                "reached": covered.reached,
                "gaps": [{"file": str(path), "line": gap.line, "message": gap.message} for gap in covered.gaps],
            }
            for path, covered in report.covers
        ],
    }
