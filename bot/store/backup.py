"""Copies of a database in one file: taken while it is served, and put back in its place.

SQLite alone: PostgreSQL has pg_dump and pg_restore for it, after which `bot/worker/restoring.py` makes any database safe to start.

A copy is made by VACUUM INTO on a read-only connection: one moment of the database, without its free pages, and nobody waits for it.
(Copying the file alone misses the write-ahead log; a backup page by page never ended under load, for each write began it anew.)
It counts as made once it was checked whole, is on disk, and stands under its name.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.store import lock as lock_file
from bot.store.database import StoreUnavailable
from bot.store.optout_log import sync_folder
from bot.store.step import from_micros_or_none, to_micros

PROGRESS_EVERY = 20_000  # steps of SQLite's machine between two looks at the growing file: a few milliseconds
_SIDES = ("-wal", "-shm", "-journal")

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1, from time to time."""


class NotACopy(Exception):
    """A file is not what it should be. The message is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made. `taken_at` (UTC) is the moment the original's own copy was taken, where the original is a backup."""

    path: Path
    size: int
    taken_at: datetime | None


def copy(original: Path, target: Path, now: datetime, progress: Progress) -> Copied:
    """Copy a database, which may be served meanwhile, into `target`, replacing an older backup there.

    Raises NotACopy when one of the files is not a database of ours, or both are the same; StoreUnavailable when it cannot be
    read or written. Then `target` is as it was.
    """
    if not original.is_file():
        raise NotACopy(f"there is no database at {original}")
    if target.exists():
        if target.samefile(original):
            raise NotACopy(f"{target} is the database itself: give the copy another name")
        _taken_at(target)  # raises: a file of the owner's that is no backup is not written over
    unfinished = target.with_name(target.name + ".unfinished")
    try:
        discard(unfinished)
        _touch(unfinished)
        taken_at = _taken_at(original)
        _vacuum(original, unfinished, progress)
        _finish(unfinished, now)
        unfinished.replace(target)
        sync_folder(target.parent)
        return Copied(target, target.stat().st_size, taken_at)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{original} could not be copied to {target}: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {error.strerror}") from error
    finally:
        discard(unfinished)


def _touch(path: Path) -> None:
    """An empty file for this user alone, before anything is in it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _vacuum(original: Path, target: Path, progress: Progress) -> None:
    with closing(_reader(original)) as reader:
        pages = reader.execute("pragma page_count").fetchone()[0] * reader.execute("pragma page_size").fetchone()[0]

        def look() -> int:
            progress(min(target.stat().st_size / max(pages, 1), 0.99))
            return 0

        reader.set_progress_handler(look, PROGRESS_EVERY)
        reader.execute("vacuum into ?", (str(target),))
    progress(1.0)


def _finish(path: Path, now: datetime) -> None:
    """Check a copy whole, note when it was taken, and bring it to disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = full")
        connection.execute(
            "insert into meta values ('copied_at', ?) on conflict (name) do update set value = excluded.value", (str(to_micros(now)),)
        )
        wrong = connection.execute("pragma integrity_check").fetchone()[0]
        if wrong != "ok":
            raise sqlite3.DatabaseError(f"the copy is not whole: {wrong}")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _taken_at(path: Path) -> datetime | None:
    """When a copy was taken (UTC); None for a database that is no copy. Raises NotACopy when it is no database of ours."""
    try:
        with closing(_reader(path)) as reader:
            row = reader.execute("select value from meta where name = 'copied_at'").fetchone()
    except sqlite3.Error as error:
        raise NotACopy(f"{path} is not a database of Comeback ({error})") from error
    return from_micros_or_none(int(row[0])) if row else None


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Nobody else opens the database meanwhile. Raises StoreTaken when a process has it."""
    lock = lock_file.take(database)
    try:
        yield
    finally:
        os.close(lock)


def place(prepared: Path, database: Path, now: datetime) -> Path | None:
    """Put a prepared database in place; the present one is kept beside it. To be called `alone`.

    Returns where the present one is now, None when there was none. At no instant is there no database: a crash leaves the one or
    the other. Raises StoreUnavailable.
    """
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
    try:
        kept = database.exists()
        if kept:
            _make_whole(database)
            _same_file(database, aside)
        for side in _SIDES:  # what is left of them belongs to the old file, and would damage the new one
            with suppress(FileNotFoundError):
                database.with_name(database.name + side).rename(aside.with_name(aside.name + side))
        prepared.replace(database)
        sync_folder(database.parent)
    except OSError as error:
        raise StoreUnavailable(f"{database} cannot be replaced: {error.strerror}") from error
    return aside if kept else None


def _make_whole(database: Path) -> None:
    """What a killed process left beside the file goes into it: without that it is not all of the database. One that is damaged is left as
    it is."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")


def _same_file(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:  # a file system without links
        shutil.copy2(path, name)


def discard(path: Path) -> None:
    """Remove a database file that was only on the way, and what SQLite and the lock left beside it."""
    for side in ("", *_SIDES, ".lock"):
        path.with_name(path.name + side).unlink(missing_ok=True)
