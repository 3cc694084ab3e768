"""One process a database: a lock file beside it. Light to import, so that a second process can be told at once."""

import fcntl
import os
from pathlib import Path


class StoreUnavailable(Exception):
    """The database cannot be written now (disk full, locked, failing). Nothing of the step was kept; it may be tried again."""


class StoreTaken(Exception):
    """Another process has this database. The message is a sentence for the owner."""


def take(path: Path) -> int:
    """Lock the database at `path`; returns the file descriptor that holds the lock until it is closed.

    Raises StoreTaken when another process has it, StoreUnavailable when the lock file cannot be made.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"cannot create {lock_path}: {error.strerror}. Is the folder there and writable?") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        why = f"another Comeback process (pid {holder}) is using {path}: stop it first, or give this one its own database"
        raise StoreTaken(why) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def check(path: Path) -> None:
    """Raise as `take` does, and keep nothing."""
    os.close(take(path))
