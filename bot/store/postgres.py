"""PostgreSQL: one database for any number of identical processes.

- **A step is a transaction** on a connection of the pool, one statement after the other. It runs in a task of its own: a cancelled
  caller never cuts it.
- **Deliveries share a commit.** All that wait are kept by one statement.
- **A person is worked on by one process at a time**: whoever holds the contact's row, in a transaction
  (`migrations/postgres/functions.sql`). A process that dies lets go of everything with its connections.
- **An opt-out** is acknowledged only when no process is about to start marketing to that person any more (`_acknowledge`): what was
  claimed after its commit knows of it; what was claimed before has started by then, or is given back.
- **Presence** (`presence.py`). What a process had on the wire when it died is settled by its peers; what a living one sends is its own
  affair.
"""

import asyncio
import hashlib
import logging
import os
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from time import monotonic
from typing import Any

import asyncpg

from bot.store.arrivals import Arrivals
from bot.store.database import StoreUnavailable, shown
from bot.store.lockstep import Lockstep
from bot.store.model import Update
from bot.store.outbox import START_SECONDS
from bot.store.presence import ANSWER_SECONDS, FAILURES, Connection, Presence
from bot.store.step import Row, Statement, Step, T, Together, statements, to_micros

log = logging.getLogger(__name__)

CONNECTIONS = 8  # a process: more only wait for each other on the server
CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0  # a statement that takes longer hangs
ROLLBACK_SECONDS = 5.0  # it takes milliseconds; the server does the same once the connection is gone
CLOSE_SECONDS = 10.0  # a server that is silent keeps nobody from ending
MAX_RECEIVED_AT_ONCE = 500  # updates a commit: bounds how long the first waits for the last
WRITTEN_TO_SECONDS = 1.5 * START_SECONDS  # whatever was claimed before has started or was given back by then, its connection opened
LOOK_AGAIN_SECONDS = 0.02  # whether somebody is still being written to
MAX_WAITING = 20_000  # beyond it callers are refused: an unbounded queue only turns overload into lost time
SCHEMA = 1668246886  # the advisory lock of whoever brings the schema up to date

_SETTINGS = {
    "application_name": "comeback",
    "synchronous_commit": "on",  # power may fail after the 200
    "lock_timeout": "10s",  # whoever holds a person that long hangs
    "idle_in_transaction_session_timeout": "60s",
    "enable_seqscan": "off",  # a plan is kept for a session's life, often made while a table was young, and used when it no longer is
    "plan_cache_mode": "force_generic_plan",  # the plans suit any parameter; to plan again for each costs as much as to run
    # a session whose line broke unheard ends within a minute: it may hold people, or the lock that says who lives
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",  # statements are short: compiling them costs more than it saves
}

# SQLSTATEs that are never the fault of the step they happen to hit: connection, rollback (deadlock), resources, lock time-out,
# intervention, system, internal, and a server that only reads.
_DATABASE_FAILS = ("08", "40", "53", "55P03", "57", "58", "XX", "25006")
_OTHERS = ("40", "55P03")  # of these: a deadlock, a lock time-out; the database is well
_THIS_SERVER = ("08", "25006", "57P")  # and these: lost, only reading, shut down; a connection made anew may lead to one that is well
_LOST = ("closed", "released back to the pool")  # how the driver speaks of a connection it has no more
_PARAMETER = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::\w+|:([a-z_]\w*)")


class _ServerFails(StoreUnavailable):
    """The server, or the way to it; `state` is its SQLSTATE, empty where it said nothing."""

    def __init__(self, why: str, state: str) -> None:
        super().__init__(why)
        self.state = state


@dataclass(slots=True)
class _Delivery:
    updates: Sequence[Update]
    received_at: int
    future: asyncio.Future[int]


class PostgresDatabase:
    """An open PostgreSQL database. Use `open_server`."""

    def __init__(self, pool: asyncpg.Pool, presence: Presence, instance: str) -> None:
        self.epoch = presence.epoch
        self.instance = instance
        self.arrivals = Arrivals()
        self.failing: str | None = None  # why the last that was to be written could not be
        self._pool = pool
        self._presence = presence
        self._deliveries: list[_Delivery] = []
        self._receiving: asyncio.Task[None] | None = None
        self._acknowledging: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def run(self, step: Step[T], *, last: bool = False) -> T:
        """Run a step in a transaction of its own. Nothing can be `last` here: whoever claims asks `arrivals` again."""
        self._admit()
        task = asyncio.create_task(self._transaction(step))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def receive(self, updates: Sequence[Update], now: datetime) -> int:
        """Keep updates from outside; returns how many were new. They may be acknowledged when this returns, not before."""
        self._admit()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._deliveries.append(_Delivery(updates, to_micros(now), future))
        if self._receiving is None or self._receiving.done():
            self._receiving = asyncio.create_task(self._receive(), name="store-receiving")
        new = await future
        self._presence.tell()
        return new

    async def read(self, step: Step[T]) -> T:
        """Run a step that only reads, seeing one moment of the database."""
        async with self._connection() as connection:
            return await _read(connection, step)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when a peer received something."""
        self._presence.heard = wake

    @property
    def closing(self) -> bool:
        """Whether nothing more is taken."""
        return self._closing

    async def close(self) -> None:
        """Finish what waits and let go. A second time it does nothing."""
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._finish()
                await self._presence.end()
                await self._pool.close()
        except FAILURES as error:
            log.warning("the database did not answer at the end: %s", _unavailable(error))
            self._pool.terminate()
            await self._finish()  # whoever waited hears so

    async def _finish(self) -> None:
        while waiting := {task for task in (self._receiving, *self._running, *self._acknowledging) if task and not task.done()}:
            await asyncio.wait(waiting)

    def _admit(self) -> None:
        if self._closing:
            raise StoreUnavailable("the store is closing")
        if len(self._deliveries) + len(self._running) >= MAX_WAITING:
            raise StoreUnavailable("too much is waiting for the database")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, though the caller may have been cancelled

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        except FAILURES as error:
            raise _unavailable(error) from error
        try:
            yield connection
        except _ServerFails as error:
            if not error.state or error.state.startswith(_THIS_SERVER):
                await self._connect_anew(connection)
            raise
        finally:
            with suppress(*FAILURES):  # the pool closes what does not come back in order: not the caller's concern
                await self._pool.release(connection)

    async def _connect_anew(self, failed: Connection) -> None:
        """The connections that nobody uses lead where this one failed: whoever comes next makes a new one."""
        with suppress(*FAILURES):
            idle = [await self._pool.acquire(timeout=CONNECT_SECONDS) for _ in range(self._pool.get_idle_size())]
            for connection in (failed, *idle):
                with suppress(*FAILURES):
                    connection.terminate()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        """A connection to write with; `failing` says how that went, unless it was the step's own fault, or others were in its way."""
        try:
            async with self._connection() as connection:
                yield connection
        except _ServerFails as error:
            if not error.state.startswith(_OTHERS):
                self.failing = str(error)
            raise
        self.failing = None

    async def _transaction(self, step: Step[T]) -> T:
        async with self._writing() as connection:
            try:
                await _execute(connection, _BEGIN)
                result = await _drive(connection, step)
                if self.failing is not None:  # a step that only looked proves nothing
                    await _execute(connection, _PROOF)
                await _execute(connection, _COMMIT)
            except BaseException:
                await _give_up(connection)
                raise
        return result

    # ---- deliveries

    async def _receive(self) -> None:
        while self._deliveries:
            taken = self._take()
            try:
                counts = await self._keep(taken)
            except StoreUnavailable as error:
                self._refuse(taken, error)
            except Exception as error:  # noqa: BLE001 - one delivery must not fail its neighbours: each alone, then
                if len(taken) == 1:
                    self._refuse(taken, error)
                else:
                    for one in taken:
                        await self._keep_alone(one)
            else:
                self._kept(taken, counts)

    async def _keep_alone(self, delivery: _Delivery) -> None:
        try:
            counts = await self._keep([delivery])
        except Exception as error:  # noqa: BLE001 - its caller must hear of it
            self._refuse([delivery], error)
        else:
            self._kept([delivery], counts)

    def _kept(self, taken: Sequence[_Delivery], counts: Sequence[int]) -> None:
        """The deliveries are on disk: our own sender hears of them now, their callers when our peers cannot be in their way."""
        for delivery in taken:
            self.arrivals.note(delivery.updates)
        if not any(update.may_object for delivery in taken for update in delivery.updates):
            _acknowledge(taken, counts)
            return
        task = asyncio.create_task(self._acknowledge_in_time(dict(enumerate(zip(taken, counts, strict=True)))))
        self._acknowledging.add(task)
        task.add_done_callback(self._acknowledging.discard)

    async def _acknowledge_in_time(self, waiting: dict[int, tuple[_Delivery, int]]) -> None:
        """Acknowledge what was kept, but not while a peer may be about to start marketing to somebody who may just have said stop."""
        began = monotonic()
        try:
            while waiting:
                patient = monotonic() - began < WRITTEN_TO_SECONDS
                busy = (await self._being_written_to(waiting)) if patient else frozenset()
                free = [waiting.pop(which) for which in tuple(waiting) if which not in busy]
                _acknowledge([delivery for delivery, _ in free], [count for _, count in free])
                if waiting:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - its callers must hear of it: it is kept, and taken again it is acknowledged
            self._refuse([delivery for delivery, _ in waiting.values()], error)

    async def _being_written_to(self, waiting: Mapping[int, tuple[_Delivery, int]]) -> frozenset[int]:
        names = {
            (which, identity): delivery.received_at
            for which, (delivery, _) in waiting.items()
            for update in delivery.updates
            if update.may_object
            for identity in update.identities
        }
        if not names:
            return frozenset()
        parameters = {
            "nths": [which for which, _ in names],
            "kinds": [identity.kind for _, identity in names],
            "scopes": [identity.scope for _, identity in names],
            "values": [_storable(identity.value) for _, identity in names],
            "now": max(names.values()),
            "epoch": self.epoch,
        }
        async with self._connection() as connection:
            rows = await _execute(connection, Statement(statements("postgres")["inbox.being_written_to"], parameters))
        return frozenset(row["nth"] for row in rows)

    def _take(self) -> list[_Delivery]:
        count = updates = 0
        while count < len(self._deliveries) and (count == 0 or updates + len(self._deliveries[count].updates) <= MAX_RECEIVED_AT_ONCE):
            updates += len(self._deliveries[count].updates)
            count += 1
        taken = self._deliveries[:count]
        del self._deliveries[:count]
        return taken

    def _refuse(self, taken: Sequence[_Delivery], error: Exception) -> None:
        if isinstance(error, StoreUnavailable):
            log.error("the database refused %d deliveries: %s", len(taken), error)
        for delivery in taken:
            if not delivery.future.done():
                delivery.future.set_exception(error)

    async def _keep(self, taken: Sequence[_Delivery]) -> list[int]:
        """Keep the deliveries in one commit; how many updates of each were new."""
        firsts: dict[bytes, tuple[int, Update, int]] = {}
        for which, delivery in enumerate(taken):
            for update in delivery.updates:
                firsts.setdefault(update.key, (which, update, delivery.received_at))
        told = list(firsts.values())
        statement = Statement(statements("postgres")["inbox.receive"], _received_parameters(told))
        async with self._writing() as connection:
            new = await _execute(connection, statement)
        counts = [0] * len(taken)
        for row in new:
            counts[told[row["nth"] - 1][0]] += 1
        return counts


def _acknowledge(deliveries: Sequence[_Delivery], counts: Sequence[int]) -> None:
    for delivery, count in zip(deliveries, counts, strict=True):
        if not delivery.future.done():
            delivery.future.set_result(count)


def _received_parameters(told: Sequence[tuple[int, Update, int]]) -> dict[str, Any]:
    updates = [update for _, update, _ in told]
    names = [(nth, identity) for nth, update in enumerate(updates, 1) if update.unreadable is None for identity in update.identities]
    return {
        "keys": [update.key for update in updates],
        "sources": [update.source for update in updates],
        "kinds": [update.kind for update in updates],
        "places": [update.place for update in updates],
        "bodies": [update.body for update in updates],
        "occurred": [to_micros(update.occurred_at) for update in updates],
        "states": ["waiting" if update.unreadable is None else "dead" for update in updates],
        "whys": [update.unreadable for update in updates],
        "received": [received_at for _, _, received_at in told],
        "name_nths": [nth for nth, _ in names],
        "name_kinds": [identity.kind for _, identity in names],
        "name_scopes": [identity.scope for _, identity in names],
        "name_values": [_storable(identity.value) for _, identity in names],
    }


# ---- statements


@cache
def _compiled(text: str) -> tuple[str, tuple[str, ...]]:
    """PostgreSQL's text of a statement, with $1 for :name, and the names in their order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, _instead().get(text, text)), tuple(names)


@cache
def _at_once() -> Mapping[str, str]:
    """The text that does for many sets of parameters, each an array, what a shared one does for one."""
    shared = statements()
    end = "_at_once"
    return {shared[name.removesuffix(end)]: text for name, text in statements("postgres").items() if name.endswith(end)}


@cache
def _instead() -> Mapping[str, str]:
    """PostgreSQL's own text for each shared one that will not do."""
    shared = statements()
    return {shared[name]: text for name, text in statements("postgres").items() if name in shared}


_BEGIN = Statement("begin", {})
_PROOF = Statement("update meta set name = name where false", {})  # a database that only reads refuses it all the same
_COMMIT = Statement("commit", {})


async def _execute(connection: Connection, statement: Statement) -> Sequence[Row]:
    """Run a statement. Raises StoreUnavailable when the database fails, else whatever the driver raises."""
    many = statement.many
    if many is not None and len(many) > 1 and statement.sql in _at_once():
        arrays = {name: [_storable(one[name]) for one in many] for name in many[0]}
        return await _execute(connection, Statement(_at_once()[statement.sql], arrays))
    text, names = _compiled(statement.sql)
    try:
        if many is not None:
            await connection.executemany(text, [_values(each, names) for each in many])
            return ()
        if not names and " " not in text:
            await connection.execute(text)
            return ()
        rows: Sequence[Row] = await connection.fetch(text, *_values(statement.parameters, names))
        return rows
    except FAILURES as error:
        if _database_fails(error):
            raise _unavailable(error) from error
        raise


def _values(parameters: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [_storable(parameters[name]) for name in names]


def _storable(value: Any) -> Any:
    """A text may hold anything but the character zero, which PostgreSQL has no place for."""
    return value.replace("\0", "") if isinstance(value, str) and "\0" in value else value


def _database_fails(error: BaseException) -> bool:
    if not _state(error):
        return not isinstance(error, asyncpg.DataError | asyncpg.InterfaceError) or any(word in str(error) for word in _LOST)
    return _state(error).startswith(_DATABASE_FAILS)


def _state(error: BaseException) -> str:
    """The SQLSTATE of an error of the server; nothing for one of the driver, or of the network."""
    return getattr(error, "sqlstate", None) or ""


def _unavailable(error: BaseException) -> StoreUnavailable:
    return _ServerFails(f"the database cannot be used: {type(error).__name__}: {error}", _state(error))


async def _drive(connection: Connection, step: Step[T]) -> T:
    rows: Sequence[Any] = ()
    try:
        statement = next(step)
        while True:
            try:
                if isinstance(statement, Together):
                    rows = await _together(connection, statement)
                else:
                    rows = await _execute(connection, statement)
            except StoreUnavailable:
                raise  # past the step: it must not take this for a fault of its own
            except Exception as error:  # noqa: BLE001 - the step decides what becomes of it
                statement = step.throw(error)
            else:
                statement = step.send(rows)
    except StopIteration as done:
        result: T = done.value
        return result


async def _together(connection: Connection, work: Together) -> list[Any]:
    """All pieces side by side; when one fails, everything anew and one after the other."""
    if len(work.pieces) > 1:
        await _execute(connection, Statement("savepoint together", {}))
        try:
            results = await _LOCKSTEP.run(connection, [piece() for piece in work.pieces])
            await _execute(connection, Statement("release together", {}))
            return results
        except StoreUnavailable:
            raise
        except Exception as error:  # one after the other it fails again, and whoever it belongs to hears of it
            if isinstance(error, FAILURES) and _database_fails(error):
                raise _unavailable(error) from error
            log.debug("work that was tried side by side is done one after the other: %s", error)
            await _execute(connection, Statement("rollback to together", {}))
    return [await _drive(connection, piece()) for piece in work.pieces]


_LOCKSTEP = Lockstep(_compiled, _values, _execute)


async def _give_up(connection: Connection) -> None:
    """Undo what was begun; a connection that cannot is closed. One that was lost is the pool's again already, and refuses everything."""
    try:
        await connection.execute("rollback", timeout=ROLLBACK_SECONDS)
    except FAILURES:
        with suppress(*FAILURES):
            connection.terminate()


async def _read(connection: Connection, step: Step[T]) -> T:
    await _execute(connection, Statement("begin isolation level repeatable read, read only", {}))
    try:
        return await _drive(connection, step)
    except asyncpg.PostgresError as error:
        raise _unavailable(error) from error
    finally:
        await _give_up(connection)


# ---- opening


async def open_server(url: str) -> PostgresDatabase:
    """Open the database at a URL, with its schema brought up to date. Raises StoreUnavailable when it is not to be had or not ours."""
    try:
        connection = await _connect(url)
        try:
            async with connection.transaction():
                instance, schema = await _prepare(connection)
            version = connection.get_server_version()
        finally:
            await connection.close()
        presence = Presence(lambda: _connect(url, ANSWER_SECONDS), f"{socket.gethostname()}:{os.getpid()}")
        await presence.begin()
        pool = await asyncpg.create_pool(
            url, min_size=0, max_size=CONNECTIONS, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS,
            statement_cache_size=512, max_cached_statement_lifetime=0, reset=_keep_as_it_is, server_settings=_SETTINGS,
        )  # fmt: skip
    except FAILURES as error:
        raise StoreUnavailable(f"cannot use {shown(url)}: {error}") from error
    log.info("PostgreSQL %d.%d, %s, schema %d, epoch %d", version.major, version.minor, shown(url), schema, presence.epoch)
    return PostgresDatabase(pool, presence, instance)


async def read_only(url: str, step: Step[T]) -> T:
    """Run a reading step on a database that others may be serving. Raises StoreUnavailable when it cannot be read."""
    try:
        connection = await _connect(url)
    except FAILURES as error:
        raise StoreUnavailable(f"cannot read {shown(url)}: {error}") from error
    try:
        return await _read(connection, step)
    finally:
        await connection.close()


async def _connect(url: str, answer: float | None = None) -> Connection:
    return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=answer or COMMAND_SECONDS, server_settings=_SETTINGS)


async def _keep_as_it_is(_: object) -> None:
    """Nothing of a session is changed here, so there is nothing to reset when a connection goes back to the pool."""


async def _prepare(connection: Connection) -> tuple[str, int]:
    """Bring the schema up to date, one process at a time; returns the database's own name and the schema's number."""
    await connection.execute("select pg_advisory_xact_lock($1::bigint)", SCHEMA)
    known = await _known(connection)
    folder = resources.files("bot.store") / "migrations" / "postgres"
    scripts = {int(file.name.split("_")[0]): file.read_text("utf-8") for file in folder.iterdir() if file.name[0].isdigit()}
    done = int(known.get("schema", "0"))
    if done > max(scripts):
        numbers = f"its schema is {done}, this one knows {max(scripts)}"
        raise asyncpg.InterfaceError(f"it was written by a newer version of Comeback ({numbers}): start that one")
    for number in sorted(number for number in scripts if number > done):
        await connection.execute(scripts[number])
    functions = (folder / "functions.sql").read_text("utf-8")
    laid = hashlib.sha256(functions.encode()).hexdigest()
    if known.get("functions") != laid:
        await connection.execute(functions)
    values = {"schema": str(max(scripts)), "functions": laid, "instance": known.get("instance") or secrets.token_hex(4)}
    if values.items() - known.items():
        await connection.executemany(
            "insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value", list(values.items())
        )
    return values["instance"], max(scripts)


async def _known(connection: Connection) -> dict[str, str]:
    """What `meta` says; nothing in an empty database. Raises InterfaceError for the database of another program."""
    tables = {row["tablename"] for row in await connection.fetch("select tablename from pg_tables where schemaname = current_schema()")}
    if not tables:
        return {}
    if not {"meta", "inbox", "outbox"} <= tables:
        raise asyncpg.InterfaceError("it is the database of another program")
    return {row["name"]: row["value"] for row in await connection.fetch("select name, value from meta")}
