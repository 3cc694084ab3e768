"""`comeback backup FILE`: a copy of the database in one file, while it is served."""

import argparse
import os
from datetime import datetime
from pathlib import Path
from time import monotonic

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command.file_copies import FilesCopied, beside_copy, bring, folder_of, lines, named_by
from bot.command.terminal import as_json, complain, paint, progress_bar
from bot.settings import Settings
from bot.store import backup, dump
from bot.store.backup import Copied, NotACopy
from bot.store.database import StoreUnavailable, file_of, is_server
from bot.store.shelf import ShelfBroken, ShelfFull

NAME = "backup"
HELP = "copy the database into a file, while the bot runs"
ABOUT = """\
  comeback backup comeback-monday.db
  comeback backup backups/              a name with the date and time in this folder

The copy is one moment of the database. It was checked whole and is on disk when the command ends with 0; before that nothing stands
under its name, and an older backup of that name is kept. It holds personal data: mode 0600, and best encrypted (age, gpg) wherever it goes.
Files that came or went with messages go along into FILE.files, by links where the disk can, each checked by its hash (--without-files
leaves them out). Keep the opt-out log (comeback.db.optouts) as well, and the erasure log
(comeback.db.erased): 'comeback restore' reads in them who opted out, and who was erased since.
A database on PostgreSQL is copied by its own pg_dump (custom format), which must be installed.
Exit codes: 0 the copy is made, 1 it is not, 78 the configuration cannot be read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write, or a folder")
    parser.add_argument("--without-files", action="store_true", help="the database alone, without pictures and papers")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Copy; returns the exit code."""
    settings = settings_module.read(os.environ, serving=False)
    now, began = wall_clock(), monotonic()
    try:
        made = _copy(settings.database, args.file, now)
        files = None if args.without_files else _files(settings, made)
    except (NotACopy, StoreUnavailable, ShelfFull, ShelfBroken) as fault:
        complain(str(fault))
        return 1
    seconds = monotonic() - began
    told = {"file": made.path, "bytes": made.size, "seconds": round(seconds, 2), "taken_at": now}
    if files is not None:
        told |= {"files": files.files, "files_missing": files.missing, "files_bytes": files.bytes}
    if args.json:
        print(as_json(told))
    else:
        done = paint(f"{made.path}: {size(made.size)} in {seconds:.1f} s, checked whole.", "green")
        print(done, *(lines(files) if files else ()), sep="\n")
    return 0


def _files(settings: Settings, made: Copied) -> FilesCopied:
    wanted = named_by(settings.database if is_server(settings.database) else made.path)
    return bring(wanted, folder_of(settings), beside_copy(made.path), progress_bar("copying files"))


def _copy(database: str, file: Path, now: datetime) -> Copied:
    target = file / f"comeback-{now:%Y%m%dT%H%M%SZ}.{'dump' if is_server(database) else 'db'}" if file.is_dir() else file
    if is_server(database):
        return dump.copy(database, target)
    return backup.copy(file_of(database), target, now, progress_bar("copying"))


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.0f} kB"
