"""SQLite: one file, one writing connection, one commit for all who wait.

- **Bets.** Deliveries are kept by three statements for all of them, on the bet that none was seen before; the pieces of a batch go without
  savepoints of their own, on the bet that none fails. A lost bet is undone, and the work done again one by one.
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
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Generic

import aiosqlite

from bot.store import inbox
from bot.store.arrivals import Arrivals
from bot.store.lock import StoreUnavailable, take
from bot.store.model import Update
from bot.store.step import Row, Statement, Step, T, Together, statements, to_micros

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 2_000  # another program holds the file: the shop or Meta will deliver again, so do not keep them waiting longer
SQLITE_VERSION = sqlite3.sqlite_version
MAX_STEPS_PER_COMMIT = 500  # bounds how long the first of a cycle waits for the last
CACHE_KIB = 16 * 1024  # pages a large transaction touches; with SQLite's 2 MB it wrote and read them twice (a third of its time)
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


@dataclass(frozen=True, slots=True)
class _Delivery:
    updates: Sequence[Update]
    received_at: datetime


@dataclass(slots=True)
class _Waiting(Generic[T]):
    work: Step[T] | _Delivery
    last: bool
    future: asyncio.Future[T]


Execute = Callable[[sqlite3.Connection, Statement], Sequence[Row]]


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
        return await self._written(step, last=last)

    async def receive(self, updates: Sequence[Update], now: datetime) -> int:
        """Keep updates from outside; returns how many were new. They may be acknowledged when this returns, not before."""
        return await self._written(_Delivery(updates, now))

    def _written(self, work: Step[T] | _Delivery, *, last: bool = False) -> asyncio.Future[T]:
        if self._closing:
            raise StoreUnavailable("the store is closing")
        if len(self._waiting) >= MAX_WAITING_STEPS:
            raise StoreUnavailable("too much is waiting for the database")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, last, future))
        self._wake.set()
        return future

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
                taken.sort(key=_place)  # stable: only deliveries move ahead, and claims back
                await self._commit(taken)
            if self._closing:
                return

    async def _commit(self, taken: list[_Waiting[Any]]) -> None:
        try:
            results = await _in_thread(self._writer, partial(_transaction, self.arrivals), [waiting.work for waiting in taken])
        except Exception as error:  # noqa: BLE001 - whatever failed, each caller must hear of it and the writer must live on
            log.error("the database refused a transaction of %d steps: %s", len(taken), error)
            self.failing = str(error)
            results = [_Failed(StoreUnavailable(str(error)))] * len(taken)
        else:
            self.failing = None
        for waiting, result in zip(taken, results, strict=True):
            if isinstance(waiting.work, _Delivery) and not isinstance(result, _Failed):
                self.arrivals.note(waiting.work.updates)
            if waiting.future.done():
                continue  # the caller was cancelled; the step stands
            if isinstance(result, _Failed):
                waiting.future.set_exception(result.error)
            else:
                waiting.future.set_result(result)


def _place(waiting: _Waiting[Any]) -> int:
    return 0 if isinstance(waiting.work, _Delivery) else 2 if waiting.last else 1


async def _in_thread(connection: aiosqlite.Connection, function: Any, step: Any) -> Any:
    # aiosqlite has no public way to run one function in its thread, and awaiting between begin and commit leaves transactions open when
    # a task is cancelled (measured: 1,509 of 2,000). `_execute` is what each of its public methods calls; the version is pinned.
    run: Any = connection._execute  # aiosqlite leaves it untyped
    return await run(function, connection._conn, step)


def _drive(connection: sqlite3.Connection, step: Step[T], execute: Execute) -> T:
    rows: Sequence[Any] = ()
    try:
        statement = next(step)
        while True:
            try:
                rows = _together(connection, statement) if isinstance(statement, Together) else execute(connection, statement)
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
    connection.execute("savepoint together")
    try:
        results = [_drive(connection, piece(), _execute_on_a_bet) for piece in work.pieces]
    except (_Lost, Exception) as error:
        if _database_fails(error):
            raise
        connection.execute("rollback to together")
        results = [_drive(connection, piece(), _execute) for piece in work.pieces]
    connection.execute("release together")
    return results


def _database_fails(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # an extended code: the lowest byte says what it is
    return code is not None and code & 0xFF in _DATABASE_FAILS


def _execute(connection: sqlite3.Connection, statement: Statement) -> Sequence[Row]:
    if statement.many is not None:
        connection.executemany(statement.sql, statement.many)
        return ()
    return connection.execute(statement.sql, statement.parameters).fetchall()


class _Lost(BaseException):
    """A bet is lost. No Exception: no step may take it for a fault of its own."""


_OF_NO_USE_TO_A_BET = frozenset({"savepoint attempt", "release attempt"})


def _execute_on_a_bet(connection: sqlite3.Connection, statement: Statement) -> Sequence[Row]:
    if statement.sql in _OF_NO_USE_TO_A_BET:
        return ()
    if statement.sql == "rollback to attempt":
        raise _Lost
    return _execute(connection, statement)


def _transaction(arrivals: Arrivals, connection: sqlite3.Connection, all_work: Sequence[Step[Any] | _Delivery]) -> list[Any]:
    """All work in one transaction, deliveries first; what failed gives its exception instead of a result. Raises when nothing could be
    kept. The steps see the deliveries, and read in `arrivals.kept` which they are."""
    deliveries = [work for work in all_work if isinstance(work, _Delivery)]
    steps = [work for work in all_work if not isinstance(work, _Delivery)]
    before = arrivals.kept
    connection.execute("begin immediate")
    try:
        kept = _keep(connection, deliveries)
        arrivals.kept += sum(not isinstance(result, _Failed) for result in kept)
        results = [*kept, *(_alone(connection, step) for step in steps)]
        connection.execute("commit")
    except BaseException:
        arrivals.kept = before
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return results


def _alone(connection: sqlite3.Connection, step: Step[T]) -> T | _Failed:
    """A step that is undone alone when it fails."""
    connection.execute("savepoint step")
    result: T | _Failed
    try:
        result = _drive(connection, step, _execute)
    except Exception as error:  # it is handed to the step's caller
        if _database_fails(error) or not connection.in_transaction:
            raise  # disk full, I/O error: SQLite may have given the whole transaction up already
        connection.execute("rollback to step")
        result = _Failed(error)
    connection.execute("release step")
    return result


def _keep(connection: sqlite3.Connection, deliveries: Sequence[_Delivery]) -> list[int | _Failed]:
    """How many updates of each delivery were new."""
    if not deliveries:
        return []
    connection.execute("savepoint deliveries")
    try:
        all_new = _keep_as_new(connection, deliveries)
    except Exception as error:  # one by one it fails again, and its caller hears of it
        if _database_fails(error) or not connection.in_transaction:
            raise
        all_new = False
    if not all_new:
        connection.execute("rollback to deliveries")
    connection.execute("release deliveries")
    if all_new:
        return [len(delivery.updates) for delivery in deliveries]
    return [_alone(connection, inbox.receive(delivery.updates, delivery.received_at)) for delivery in deliveries]


def _keep_as_new(connection: sqlite3.Connection, deliveries: Sequence[_Delivery]) -> bool:
    """Keep all updates of all deliveries; false, with things half done, when one of them was seen before."""
    told = [(update, to_micros(delivery.received_at)) for delivery in deliveries for update in delivery.updates]
    texts = statements()
    if connection.executemany(texts["inbox.seen"], [(update.key,) for update, _ in told]).rowcount != len(told):
        return False
    (last,) = connection.execute(texts["inbox.last"]).fetchone()
    numbered = [(last + nth, update, received_at) for nth, (update, received_at) in enumerate(told, 1)]
    connection.executemany(texts["inbox.insert_numbered"], [_row(*each) for each in numbered])
    readable = [(number, update) for number, update, _ in numbered if update.unreadable is None]
    names = [(name.kind, name.scope, name.value, number) for number, update in readable for name in update.identities]
    connection.executemany(texts["inbox.insert_name"], names)
    return True


def _row(number: int, update: Update, received_at: int) -> tuple[object, ...]:
    state = "waiting" if update.unreadable is None else "dead"
    occurred_at = to_micros(update.occurred_at)
    return number, update.source, update.kind, update.place, update.body, occurred_at, received_at, state, update.unreadable


def _read_once(connection: sqlite3.Connection, step: Step[T]) -> T:
    connection.execute("begin")
    try:
        return _drive(connection, step, _execute)
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
    # asked first: aiosqlite leaves a thread behind when it cannot open a file
    if not path.is_file() or not os.access(path, os.R_OK):  # noqa: ASYNC240 - it takes microseconds
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
    connection.execute(f"pragma cache_size = -{CACHE_KIB}")
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
        known = f"its schema is {done}, this one knows {max(scripts)}"
        raise sqlite3.DatabaseError(f"it was written by a newer version of Comeback ({known}): start that one")
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
