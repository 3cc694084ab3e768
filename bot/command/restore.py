"""`comeback restore FILE`: a backup in the database's place, and nothing that may have been sent already goes out again."""

import argparse
import asyncio
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command import file_copies
from bot.command.backup import size
from bot.command.desk import ask
from bot.command.exit_code import EX_CONFIG, EX_TEMPFAIL
from bot.command.file_copies import FilesCopied
from bot.command.terminal import as_json, complain, paint, progress_bar
from bot.owner_files import read_playbook
from bot.settings import Settings, SettingsError
from bot.store import backup, erased, erasure_log, health, optout_log, person_copies
from bot.store.backup import Copied, NotACopy
from bot.store.database import StoreTaken, StoreUnavailable, file_of, is_server, is_there, open_database, read_only, shown
from bot.store.held import Held
from bot.store.optout_log import OptOutLog
from bot.store.shelf import Shelf, ShelfBroken, ShelfFull
from bot.worker.restoring import Beside, Restored, make_safe

NAME = "restore"
HELP = "put a backup in the database's place; nothing is sent twice"
ABOUT = """\
  comeback restore comeback-monday.db   put this backup in place (stop 'comeback serve' first)
  comeback restore --in-place           the database was restored by other means (pg_restore, a snapshot): make it safe to start
  comeback restore --release            let go what a restore held

What the backup has queued has most likely been sent since, so it is held: it goes out only after --release, as far as it is still timely,
and after the same questions about consent, quiet hours and limits as ever. Who opted out after the backup was taken is read from the
opt-out log (comeback.db.optouts), who was erased from the erasure log (comeback.db.erased): they are erased again. Files of messages come
from FILE.files. What happens from now on is answered as ever. The present database is kept beside the restored one.
Exit codes: 0 done, 1 not done (the database is as it was), 75 a process serves the database, 78 the configuration cannot be read."""


class Refused(Exception):
    """It would not end well. The message is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A backup that is in place: where it came from, and where the database is that was there before."""

    copied: Copied
    aside: Path | None


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a backup")
    what.add_argument("--in-place", action="store_true", help="the database is restored already: only make it safe to start")
    what.add_argument("--release", action="store_true", help="let go what is held")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Restore or release; returns the exit code."""
    try:
        settings = settings_module.read(os.environ, serving=False)
        if args.release:
            return _release(settings, for_machines=args.json)
        placed, restored = restore(settings, args.file, wall_clock())
        files = _files(settings, args.file)
    except SettingsError as error:
        complain(str(error))
        return EX_CONFIG
    except StoreTaken as fault:
        complain(str(fault))
        return EX_TEMPFAIL
    except (Refused, NotACopy, StoreUnavailable, ShelfFull, ShelfBroken) as fault:
        complain(str(fault))
        return 1
    if args.json:
        print(as_json(_plain(placed, restored) | {"files": files.files, "files_missing": files.missing}))
    else:
        print("\n".join([*_lines(settings, placed, restored), *file_copies.lines(files)]))
    return 0


def _files(settings: Settings, file: Path | None) -> FilesCopied:
    """The files the database names now, brought from beside the backup where they are not here."""
    here = file_copies.folder_of(settings)
    source = here if file is None else file_copies.beside_copy(file)
    return file_copies.bring(file_copies.named_by(settings.database), source, here, progress_bar("restoring files"))


# ---- restore


def restore(settings: Settings, file: Path | None, now: datetime) -> tuple[Placed | None, Restored]:
    """Put a backup in place (None: it is already), safe to start at `now`.

    Raises Refused, NotACopy, StoreTaken, StoreUnavailable; then the database is as it was.
    """
    if file is None:
        if not is_there(settings.database):
            raise Refused(f"there is no database at {shown(settings.database)}")
        return None, asyncio.run(_make_safe(settings, settings.database, now))
    if is_server(settings.database):
        raise Refused("this is PostgreSQL: pg_restore --clean --dbname=URL FILE  puts a backup in, then run 'comeback restore --in-place'")
    database = file_of(settings.database)
    if database.exists() and file.exists() and file.samefile(database):
        raise Refused(f"{file} is the database itself: give a backup, or --in-place")
    prepared = database.with_name(database.name + ".restoring")
    with backup.alone(database):
        backup.discard(prepared)
        try:
            copied = backup.copy(file, prepared, now, progress_bar("restoring"))
            restored = asyncio.run(_make_safe(settings, str(prepared), now))
            return Placed(copied, backup.place(prepared, database, now)), restored
        finally:
            backup.discard(prepared)


async def _make_safe(settings: Settings, database: str, now: datetime) -> Restored:
    """All of it before a backup is in its place, so that an interruption leaves no half of it there."""
    playbook = read_playbook(settings.flows, settings.locales)
    waiting = (await read_only(database, health.state())).waiting
    if waiting and not (settings.whatsapp and playbook.library.flows):
        what = "COMEBACK_FLOWS" if settings.whatsapp else "COMEBACK_WHATSAPP_..."
        raise Refused(f"{waiting} events wait in it to be worked off: run this with the settings of 'comeback serve' ({what} is missing)")
    number = settings.whatsapp.number if settings.whatsapp else ""
    store = await open_database(database)
    try:
        erasures = await erased.open_log(store, erasure_log.beside(settings.database, settings.optouts))
        files = Shelf(file_copies.folder_of(settings))
        copies = person_copies.beside(settings.database, settings.optouts)
        return await make_safe(store, playbook, number, now, Beside(OptOutLog(_log_of(settings)), erasures, files, copies))
    finally:
        await store.close()


def _log_of(settings: Settings) -> Path:
    return settings.optouts or optout_log.beside(settings.database)


def _plain(placed: Placed | None, restored: Restored) -> dict[str, Any]:
    copied = placed.copied if placed else None
    return {
        "taken_at": copied.taken_at if copied else None,
        "bytes": copied.size if copied else None,
        "kept": placed.aside if placed else None,
        **asdict(restored),
    }


def _lines(settings: Settings, placed: Placed | None, restored: Restored) -> Iterator[str]:
    if placed is None:
        yield paint(f"{shown(settings.database)} is safe to start.", "green")
    else:
        taken = f"taken {placed.copied.taken_at:%Y-%m-%d %H:%M} UTC, " if placed.copied.taken_at else ""
        yield paint(f"{shown(settings.database)} is restored ({taken}{size(placed.copied.size)}).", "green")
        if placed.aside:
            yield f"The database that was there is kept as {placed.aside}."
    replayed = restored.replayed
    log = _log_of(settings)
    if replayed.lines:
        yield f"Opt-outs: {_people(replayed.stopped)} stopped who had opted out since ({replayed.lines} lines in {log})."
    else:
        yield paint(f"Opt-outs: there is no opt-out log at {log}, so who opted out since then is not known.", "yellow")
    if replayed.unreadable:
        yield paint(f"  {replayed.unreadable} lines of it cannot be read: look at them.", "yellow")
    if restored.erased:
        yield f"Erased again: {restored.erased} people or shops who were erased after the backup was taken (see 'comeback privacy')."
    if restored.worked_off:
        yield f"{restored.worked_off} events that had come in by then were worked off."
    if not restored.held:
        yield "Nothing had to be held."
        return
    yield "Held, because it may have gone out already:"
    yield from _held(restored.held)
    yield "'comeback serve' can be started: it sends none of this. What is still timely goes out after  comeback restore --release"


def _people(count: int) -> str:
    return "1 person is" if count == 1 else f"{count} people are"


def _held(held: Held) -> Iterator[str]:
    for count, what in (
        (held.queued, "messages that were queued"),
        (held.uncertain, "messages of which nobody knows whether they went out (these are never sent again)"),
        (held.timers, "timers that have become due since"),
        (held.codes, "discount codes to be made"),
    ):
        if count:
            yield f"{count:>7}  {what}"


# ---- release


def _release(settings: Settings, *, for_machines: bool) -> int:
    """Ask the running bot; without one, do it here."""
    if not is_there(settings.database):
        raise Refused(f"there is no database at {shown(settings.database)}")
    words = {"who": "", "staff": "", "text": ""}
    answer = asyncio.run(ask(settings.database, "release", words))
    if "error" in answer:
        raise Refused(str(answer["error"]))
    held = Held(**answer["result"])
    if for_machines:
        print(as_json(asdict(held)))
    elif not held:
        print("Nothing is held.")
    else:
        print("Let go; each is judged again before it is sent ('comeback desk read' shows what became of it):", *_held(held), sep="\n")
    return 0
