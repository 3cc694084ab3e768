"""The database behind the store: what the rest of the house knows of it, and which one an address means.

Two databases, one store: a file (SQLite, `bot/store/sqlite.py`) for one process, a server (PostgreSQL, `bot/store/postgres.py`) for many.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from bot.store.arrivals import Arrivals
from bot.store.lock import StoreTaken as StoreTaken
from bot.store.lock import StoreUnavailable as StoreUnavailable
from bot.store.model import Update
from bot.store.step import Step, T

_SERVERS = ("postgresql", "postgres")


class Database(Protocol):
    """An open database. `epoch` counts the processes that ever opened it, this one included; `instance` names the database itself."""

    epoch: int
    instance: str
    arrivals: Arrivals
    failing: str | None  # why the last transaction could not be kept

    @property
    def closing(self) -> bool:
        """Whether nothing more is taken."""
        ...

    async def run(self, step: Step[T], *, last: bool = False) -> T:
        """Run a step as one transaction and return its result once it is on disk.

        `last` puts it behind every other step that waits now: a claim of messages then sees each opt-out that is about to be
        acknowledged. Raises StoreUnavailable when the database cannot be written, and whatever the step raised.
        """
        ...

    async def receive(self, updates: Sequence[Update], now: datetime) -> int:
        """Keep updates from outside; returns how many were new. They may be acknowledged when this returns, not before."""
        ...

    async def read(self, step: Step[T]) -> T:
        """Run a step that only reads, seeing one moment of the database."""
        ...

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when another process received something; never where there is no other."""
        ...

    async def close(self) -> None:
        """Finish what waits and let go. A second time it does nothing."""
        ...


def is_server(where: str | Path) -> bool:
    """Whether an address means PostgreSQL, else a file."""
    return isinstance(where, str) and where.partition("://")[0] in _SERVERS


def file_of(where: str | Path) -> Path:
    """The file an address means: a path, or sqlite:///path."""
    return where if isinstance(where, Path) else Path(where.removeprefix("sqlite:///"))


def shown(where: str | Path) -> str:
    """An address for people and logs: without its password."""
    if not is_server(where):
        return str(file_of(where))
    parts = urlsplit(str(where))
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{user}{parts.hostname or ''}{port}{parts.path}"


def is_there(where: str | Path) -> bool:
    """Whether there may be a database: a server is only known to be there when it is asked."""
    return is_server(where) or file_of(where).exists()


async def open_database(where: str | Path) -> Database:
    """Open (or create) the database at an address, with its schema brought up to date.

    Raises StoreTaken when another process has the file, StoreUnavailable when the database cannot be opened or is not one of ours.
    """
    if is_server(where):
        from bot.store import postgres  # only who uses it pays for its driver, in time and memory

        return await postgres.open_server(str(where))
    from bot.store import sqlite

    return await sqlite.open_file(file_of(where))


async def read_only(where: str | Path, step: Step[T]) -> T:
    """Run a reading step on a database that other processes may be serving. Raises StoreUnavailable when it cannot be read."""
    if is_server(where):
        from bot.store import postgres

        return await postgres.read_only(str(where), step)
    from bot.store import sqlite

    return await sqlite.read_only(file_of(where), step)
