"""`comeback check`: what is wrong in the flows, before anyone is written to."""

import argparse
from dataclasses import replace
from pathlib import Path

from bot.command.terminal import as_json, complain, paint
from bot.flow import library
from bot.flow.problem import Problem
from bot.owner_files import read_files, read_own
from bot.shop import mapping_file, mappings

NOT_THERE = 2  # as for any other wrong argument
NAME = "check"
HELP = "say what is wrong in the flow files, all at once"
ABOUT = """\
Reads every flow, template, translation and mapping of a shop's webhooks and prints each mistake as  file:line:column: what to do.
Give single files to see only their mistakes; they are read together with the folder they lie in.

With --json, for editors: an array of
  {"file", "line", "column", "end": {"line", "column"}, "kind", "severity", "message", "remedy"}
Lines and columns count from 1, columns in characters; the end is behind the last one. "kind" is a
stable word (unknown_name, window_closed ...), "severity" is problem or warning, "message" is what is
printed without --json, "remedy" is what to do, alone.

Exit codes: 0 nothing is wrong (warnings are fine), 1 something is, 2 a path given is not there."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("paths", nargs="*", type=Path, default=[Path("flows")], help="flow files, or a folder of them (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")
    parser.add_argument("--json", action="store_true", help="for editors: an array of problems")


def run(args: argparse.Namespace) -> int:
    """Check; returns the exit code."""
    missing = [path for path in args.paths if not path.exists()]
    if missing:
        complain(f"{missing[0]} is not there")
        return NOT_THERE
    problems: list[Problem] = []
    warnings: list[Problem] = []
    alone, others = _mappings(args.paths)
    for folder, only in _folders(others).items():
        loaded = library.load(_files(folder, args.locales, only), read_own(folder))
        problems += _placed(loaded.problems, folder, args.locales, only)
        warnings += _placed(loaded.warnings, folder, args.locales, only)
    for path in alone:
        problems += mapping_file.load(str(path), path.read_text("utf-8", errors="replace"))[1]
    if args.json:
        print(as_json([_plain(problem) for problem in (*problems, *warnings)]))
    else:
        _print(problems, warnings)
    return 1 if problems else 0


def _mappings(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The mappings of shops' webhooks among the paths or in their folders, and the paths that are flows or folders of them."""
    alone = [path for path in paths if path.parent.name == mappings.FOLDER and path.is_file()]
    inside = [file for path in paths if path.is_dir() for file in sorted((path / mappings.FOLDER).glob("*.yaml"))]
    return list(dict.fromkeys((*alone, *inside))), [path for path in paths if path not in alone]


def _plain(problem: Problem) -> dict[str, object]:
    """A problem as an editor reads it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "end": {"line": problem.end_line, "column": problem.end_column},
        "kind": problem.kind,
        "severity": problem.severity,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def _folders(paths: list[Path]) -> dict[Path, frozenset[Path]]:
    """Each folder with the single files asked for in it; a folder asked for whole has none."""
    folders: dict[Path, frozenset[Path]] = {}
    for path in paths:
        if path.is_dir():
            folders[path] = frozenset()
        else:
            folders[path.parent] = folders.get(path.parent, frozenset()) | {path}
    return folders


def _files(folder: Path, locales: Path, only: frozenset[Path]) -> dict[str, str]:
    """The folder's files. A single file without a store beside it is read with the shop's own flows folder, if there is one."""
    beside = read_files(folder, locales)
    if only and "flows/store.yaml" not in beside and Path("flows").is_dir():
        files = read_files(Path("flows"), locales)
        return files | {f"flows/{path.name}": path.read_text("utf-8", errors="replace") for path in only}
    return beside


def _placed(found: tuple[Problem, ...], folder: Path, locales: Path, only: frozenset[Path]) -> list[Problem]:
    """Problems with the paths the owner knows, those of other files than asked for left out."""
    names = {f"flows/{path.name}": str(path) for path in only}
    placed = []
    for problem in found:
        room, _, rest = problem.file.partition("/")
        if only and problem.file not in names:
            continue
        file = names.get(problem.file) or str((folder if room == "flows" else locales) / rest)
        placed.append(replace(problem, file=file))
    return placed


def _print(problems: list[Problem], warnings: list[Problem]) -> None:
    for problem in problems:
        print(problem)
    for warning in warnings:
        print(f"{warning} {paint('(warning)', 'yellow')}")
    if problems:
        print(paint(f"{len(problems)} {'mistake' if len(problems) == 1 else 'mistakes'}", "red"))
    else:
        print(paint("Nothing is wrong.", "green"))
