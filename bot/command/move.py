"""`comeback move`: everything into another database, of either kind; nothing is lost, nothing is sent twice."""

import argparse
import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from time import monotonic

from bot import settings as settings_module
from bot.command import file_copies
from bot.command.exit_code import EX_TEMPFAIL
from bot.command.file_copies import FilesCopied
from bot.command.terminal import as_json, complain, paint, progress_bar
from bot.settings import SettingsError
from bot.store import erasure_log, person_copies, shelf
from bot.store.database import StoreTaken, StoreUnavailable, is_server
from bot.store.move import moving
from bot.store.move.moving import Checked, Moved, Progress, Undone
from bot.store.move.table import NotMoved
from bot.store.shelf import ShelfBroken, ShelfFull
from bot.web import overflow
from bot.web.overflow import Overflow

NAME = "move"
HELP = "move everything into another database (SQLite, PostgreSQL)"
ABOUT = """\
  comeback move --from sqlite:///comeback.db --to postgresql://me@db.example/comeback
  comeback move --from postgresql://me@db.example/comeback --to sqlite:///comeback.db
  comeback move --from ... --to ... --undo      stay with the first, empty the second

Stop 'comeback serve', move, set COMEBACK_DATABASE to the new address, start it again: timers fire and queued messages go out as if nothing
had been. The new database must be empty (createdb comeback; a file is made). What Meta and the shop tell meanwhile they tell again.

Interrupted, by Ctrl-C, a crash or a power failure, it goes on where it was when the same command is run again. At no instant can both
databases be served: the old one refuses from the first moment on, the new one until all is there and was compared, row by row. The old
one is left as it was, and says where everything went. --undo takes the move back as long as nobody opened the new one.

Files of messages go along, each checked by its hash: on PostgreSQL they are in comeback.files in the folder of 'comeback serve', unless
COMEBACK_FILES names another, which then stays as it is.

A password is best not among the words of a command: PGPASSWORD and ~/.pgpass are read. On PostgreSQL the opt-out log is
comeback.optouts in the folder of 'comeback serve' (COMEBACK_OPTOUTS); keep the old one with the old backups. The erasure log
(comeback.db.erased) is copied beside it, as comeback.erased: every process must share that one. Deliveries that still wait beside the old
database, and copies for people that are to be handed over, are brought there, too.
Exit codes: 0 done, 1 not done (the sentence says what to do), 75 a process serves one of the two, 130 interrupted."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--from", dest="source", required=True, metavar="DATABASE", help="a file, sqlite:///path or postgresql://...")
    parser.add_argument("--to", dest="target", required=True, metavar="DATABASE", help="an empty one, or one that is not there yet")
    parser.add_argument("--undo", action="store_true", help="take the move between these two back")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Move, or take back; returns the exit code."""
    began = monotonic()
    try:
        source, target = _address(args.source, "--from"), _address(args.target, "--to")
        if args.undo:
            undone = asyncio.run(moving.undo(source, target))
            _bring_overflow(target, source)
            _bring_copies(target, source)
            print(as_json(asdict(undone)) if args.json else "\n".join(_undone(undone)))
            return 0
        moved = asyncio.run(moving.move(source, target, _bars()))
        _bring_erasures(source, target)
        _bring_overflow(source, target)
        _bring_copies(source, target)
        files = _files(source, target)
    except StoreTaken as fault:
        complain(str(fault))
        return EX_TEMPFAIL
    except (NotMoved, StoreUnavailable, ShelfFull, ShelfBroken) as fault:
        complain(str(fault))
        return 1
    except KeyboardInterrupt:
        complain("\nInterrupted. Nothing is lost: run the same command again to go on, or with --undo to stay with the first.")
        return 130
    seconds = monotonic() - began
    if args.json:
        print(as_json(_plain(moved, seconds) | {"files": files.files, "files_missing": files.missing}))
    else:
        print("\n".join([*_lines(moved, target, seconds), *(file_copies.lines(files) if moved.tables or files.files else ())]))
    return 0


def _files(source: str, target: str) -> FilesCopied:
    """Where COMEBACK_FILES names a folder it stays; else the files go where the new database looks for them."""
    own = settings_module.read(os.environ, serving=False).files
    folders = (own, own) if own else (shelf.beside(source), shelf.beside(target))
    return file_copies.bring(file_copies.named_by(target), *folders, progress_bar("moving files"))


def _bring_erasures(source: str, target: str) -> None:
    """The erasure log goes along: without its key nobody can tell who was erased. Raises StoreUnavailable."""
    optouts = settings_module.read(os.environ, serving=False).optouts
    old, new = erasure_log.beside(source, optouts), erasure_log.beside(target, optouts)
    if old.exists() and not new.exists():
        erasure_log.copy(old, new)


def _bring_overflow(source: str, target: str) -> None:
    """What waits beside the old database waits beside the new one: its shops never send it again. Raises StoreUnavailable."""
    optouts = settings_module.read(os.environ, serving=False).optouts
    old, new = overflow.beside(source, optouts), overflow.beside(target, optouts)
    try:
        if old != new and Overflow(old).waits():
            Overflow(new).take_over(Overflow(old))
    except OSError as error:
        raise StoreUnavailable(f"what waits in {old} cannot be brought to {new}: {error.strerror}") from error


def _bring_copies(source: str, target: str) -> None:
    """Copies for people go along. Raises StoreUnavailable."""
    optouts = settings_module.read(os.environ, serving=False).optouts
    person_copies.bring(person_copies.beside(source, optouts), person_copies.beside(target, optouts))


def _address(said: str, option: str) -> str:
    """What COMEBACK_DATABASE may be. Raises NotMoved."""
    try:
        return settings_module.read({"COMEBACK_DATABASE": said}, serving=False).database
    except SettingsError as error:
        raise NotMoved(str(error).replace("COMEBACK_DATABASE", option)) from None


def _bars() -> Progress:
    bars: dict[str, Callable[[float], None]] = {}

    def draw(what: str, share: float) -> None:
        if what not in bars:
            bars[what] = progress_bar(what)
        bars[what](share)

    return draw


def _plain(moved: Moved, seconds: float) -> dict[str, object]:
    return {
        **asdict(moved),
        "rows": sum(table.rows for table in moved.tables),
        "changed": sum(table.changed for table in moved.tables),
        "seconds": round(seconds, 2),
    }


def _lines(moved: Moved, target: str, seconds: float) -> Iterator[str]:
    if not moved.tables:
        yield f"{moved.source} was moved to {moved.target} already: nothing was done."
        return
    yield from map(_line, moved.tables)
    rows = sum(table.rows for table in moved.tables)
    yield paint(f"{moved.source} is moved to {moved.target}: {rows:,} rows in {seconds:.1f} s, the same on both sides.", "green")
    changed = sum(table.changed for table in moved.tables)
    if changed:
        yield paint(f"{changed} texts lost the character zero, for which PostgreSQL has no place.", "yellow")
    yield f"Now set COMEBACK_DATABASE to it{' (with its password, if it has one)' if is_server(target) else ''} and start 'comeback serve'."


def _line(table: Checked) -> str:
    return f"  {table.table:<16}{table.rows:>12,}  {paint(table.checksum, 'dim')}"


def _undone(undone: Undone) -> Iterator[str]:
    yield paint(f"{undone.source} may be served again.", "green")
    if undone.emptied:
        yield f"{undone.target} is empty."
    else:
        yield f"{undone.target} could not be emptied: if half a move is in it, it refuses to be served; drop it."
