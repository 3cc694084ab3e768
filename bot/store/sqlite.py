"""SQLite: one file, one writing connection, one commit for all who wait.

- **One writer.** A task owns the writing connection. Callers hand it a step and await the outcome; each cycle takes all that wait,
  runs them as ONE transaction in ONE hop to the connection's thread, commits once (WAL, synchronous=FULL: on disk before anyone
  is told), and then resolves the futures. A step that fails is undone alone. A cancelled caller never cuts a transaction: nothing
  between begin and commit is awaited.
- **One process.** A lock file keeps a second process out at once; the epoch in the database fences a process whose lock was
  lost (network file systems): every claim of a message compares it.
- **Readers** have connections of their own, read-only. They never write or checkpoint, which keeps clear of the WAL-reset bug of
  SQLite before 3.51.3 (two connections that write or checkpoint at the same instant).
"""

import asyncio
import contextlib
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Generic

import aiosqlite

from bot.store import inbox
from bot.store.arrivals import Arrivals
from bot.store.lock import StoreUnavailable, take
from bot.store.model import Update
from bot.store.step import Row, Statement, Step, T, Together

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 2_000  # another program holds the file: the shop or Meta will deliver again, so do not keep them waiting longer
SQLITE_VERSION = sqlite3.sqlite_version
MAX_STEPS_PER_COMMIT = 500  # bounds how long the first of a cycle waits for the last
MAX_WAITING_STEPS = 20_000  # beyond it callers are refused: an unbounded queue only turns overload into lost time

# These are never the fault of the step they happen to hit: the whole transaction is given up, and its callers may try again.
_DATABASE_FAILS = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
    }
)


@dataclass(slots=True)
class _Waiting(Generic[T]):
    step: Step[T]
    last: bool
    future: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a step raised; a result of its own, for a step may also return an exception."""

    error: Exception


class SqliteDatabase:
    """An open SQLite database with its writer task. Use `open_file`."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, lock: int, epoch: int, instance: str) -> None:
        self.path = path
        self.epoch = epoch
        self.instance = instance
        self.arrivals = Arrivals()
        self.failing: str | None = None  # why the last transaction could not be kept
        self._writer = writer
        self._lock = lock
        self._waiting: list[_Waiting[Any]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._write(), name="store-writer")

    async def run(self, step: Step[T], *, last: bool = False) -> T:
        """Run a step in the next transaction and return its result once it is on disk.

        `last` puts it behind every other step of its transaction: a claim of messages then sees each opt-out that is
        about to be acknowledged.
        Raises StoreUnavailable when the database cannot be written, and whatever the step raised.
        """
        if self._closing:
            raise StoreUnavailable("the store is closing")
        if len(self._waiting) >= MAX_WAITING_STEPS:
            raise StoreUnavailable("too much is waiting for the database")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(step, last, future))
        self._wake.set()
        return await future

    async def receive(self, updates: Sequence[Update], now: datetime) -> int:
        """Keep updates from outside; returns how many were new. They may be acknowledged when this returns, not before."""
        new = await self.run(inbox.receive(updates, now))
        self.arrivals.note(updates)
        return new

    async def read(self, step: Step[T]) -> T:
        """Run a step that only reads, on a read-only connection of its own, seeing one moment of the database."""
        return await read_only(self.path, step)

    def listen(self, wake: Callable[[], None]) -> None:
        """There is no other process."""

    @property
    def closing(self) -> bool:
        """Whether nothing more is taken."""
        return self._closing

    async def close(self) -> None:
        """Finish what waits, empty the write-ahead log into the file, let go of the lock. A second time it does nothing."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        await self._task
        with contextlib.suppress(sqlite3.Error):
            await self._writer.execute("pragma wal_checkpoint(truncate)")
        await self._writer.close()
        os.close(self._lock)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                taken = self._waiting[:MAX_STEPS_PER_COMMIT]
                del self._waiting[:MAX_STEPS_PER_COMMIT]
                taken.sort(key=lambda waiting: waiting.last)  # stable: only the claims move back
                await self._commit(taken)
            if self._closing:
                return

    async def _commit(self, taken: list[_Waiting[Any]]) -> None:
        try:
            results = await _in_thread(self._writer, _transaction, [waiting.step for waiting in taken])
        except Exception as error:  # noqa: BLE001 - whatever failed, each caller must hear of it and the writer must live on
            log.error("the database refused a transaction of %d steps: %s", len(taken), error)
            self.failing = str(error)
            results = [_Failed(StoreUnavailable(str(error)))] * len(taken)
        else:
            self.failing = None
        for waiting, result in zip(taken, results, strict=True):
            if waiting.future.done():
                continue  # the caller was cancelled; the step stands
            if isinstance(result, _Failed):
                waiting.future.set_exception(result.error)
            else:
                waiting.future.set_result(result)


async def _in_thread(connection: aiosqlite.Connection, function: Any, step: Any) -> Any:
    # aiosqlite has no public way to run one function in its thread, and awaiting between begin and commit leaves transactions open when
    # a task is cancelled (measured: 1,509 of 2,000). `_execute` is what each of its public methods calls; the version is pinned.
    run: Any = connection._execute  # aiosqlite leaves it untyped
    return await run(function, connection._conn, step)


def _drive(connection: sqlite3.Connection, step: Step[T]) -> T:
    rows: Sequence[Any] = ()
    try:
        statement = next(step)
        while True:
            try:
                rows = _together(connection, statement) if isinstance(statement, Together) else _execute(connection, statement)
            except Exception as error:  # also what the driver refuses before SQL: half a surrogate, a number too large
                if _database_fails(error):
                    raise  # past the step: it must not take this for a fault of its own
                statement = step.throw(error)
            else:
                statement = step.send(rows)
    except StopIteration as done:
        result: T = done.value
        return result


def _together(connection: sqlite3.Connection, work: Together) -> list[Any]:
    return [_drive(connection, piece()) for piece in work.pieces]


def _database_fails(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # an extended code: the lowest byte says what it is
    return code is not None and code & 0xFF in _DATABASE_FAILS


def _execute(connection: sqlite3.Connection, statement: Statement) -> Sequence[Row]:
    if statement.many is not None:
        connection.executemany(statement.sql, statement.many)
        return ()
    return connection.execute(statement.sql, statement.parameters).fetchall()


def _transaction(connection: sqlite3.Connection, steps: list[Step[Any]]) -> list[Any]:
    """All steps in one transaction; a failed one gives its exception instead of a result. Raises when nothing could be kept."""
    connection.execute("begin immediate")
    results: list[Any] = []
    try:
        for step in steps:
            connection.execute("savepoint step")
            try:
                results.append(_drive(connection, step))
            except Exception as error:  # it is handed to the step's caller
                if _database_fails(error) or not connection.in_transaction:
                    raise  # disk full, I/O error: SQLite may have given the whole transaction up already
                connection.execute("rollback to step")
                results.append(_Failed(error))
            connection.execute("release step")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return results


def _read_once(connection: sqlite3.Connection, step: Step[T]) -> T:
    connection.execute("begin")
    try:
        return _drive(connection, step)
    finally:
        connection.execute("rollback")


async def open_file(path: Path) -> SqliteDatabase:
    """Open (or create) the database at `path`, alone, with its schema brought up to date.

    Raises StoreTaken when another process has it, StoreUnavailable when it cannot be opened or is not a database of ours.
    """
    lock = take(path)
    try:
        writer = await aiosqlite.connect(path, isolation_level=None, cached_statements=512)
    except (sqlite3.Error, OSError) as error:
        os.close(lock)
        raise StoreUnavailable(f"cannot open {path}: {error}. Is the folder there, and may this user write to it?") from error
    try:
        writer.row_factory = sqlite3.Row
        epoch, instance = await _in_thread(writer, _prepare, path)
    except BaseException as error:
        await writer.close()
        os.close(lock)
        if isinstance(error, sqlite3.Error | OSError):
            raise StoreUnavailable(f"cannot use {path}: {error}") from error
        raise
    log.info("SQLite %s, %s, epoch %d", SQLITE_VERSION, path, epoch)
    return SqliteDatabase(path, writer, lock, epoch, instance)


async def read_only(path: Path, step: Step[T]) -> T:
    """Run a reading step on a database that another process may be serving. Raises StoreUnavailable when it cannot be read."""
    if not os.access(path, os.R_OK):  # asked first: aiosqlite leaves a thread behind when it cannot open a file
        raise StoreUnavailable(f"cannot read {path}: it is not there, or this user may not read it")
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"  # noqa: ASYNC240 - it asks the working directory, not the disk
        async with aiosqlite.connect(uri, uri=True, isolation_level=None) as reader:
            reader.row_factory = sqlite3.Row
            result: T = await _in_thread(reader, _read_once, step)
            return result
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot read {path}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path) -> tuple[int, str]:
    """Settings of the writing connection, migrations, and this process's epoch."""
    path.chmod(0o600)  # personal data: for this user only
    connection.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # power may fail after the 200; NORMAL lost 165 of 25,237 there
    connection.execute("pragma secure_delete = on")  # a forgotten person must be gone from the file
    connection.execute("begin immediate")
    try:
        _migrate(connection)
        connection.execute("insert into meta values ('instance', ?) on conflict do nothing", (secrets.token_hex(4),))
        connection.execute("insert into meta values ('epoch', '0') on conflict do nothing")
        connection.execute("update meta set value = cast(cast(value as integer) + 1 as text) where name = 'epoch'")
        values = dict(connection.execute("select name, value from meta").fetchall())
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    connection.execute("pragma foreign_keys = on")
    return int(values["epoch"]), values["instance"]


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply each migration file that this database has not seen, in order of its number."""
    done = connection.execute("pragma user_version").fetchone()[0]
    folder = resources.files("bot.store") / "migrations"
    scripts = {int(file.name.split("_")[0]): file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}
    if not done and connection.execute("select 1 from sqlite_master limit 1").fetchone():
        raise sqlite3.DatabaseError("it is the database of another program")
    if done > max(scripts):
        raise sqlite3.DatabaseError("it was written by a newer version of Comeback")
    for number in sorted(number for number in scripts if number > done):
        for statement in _split_script(scripts[number]):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {number}")


def _split_script(script: str) -> list[str]:
    """The statements of a script. `executescript` would commit on its own, and a migration must be all or nothing."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
