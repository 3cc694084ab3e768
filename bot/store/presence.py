"""A process as its peers on PostgreSQL see it: a row with a heartbeat, a lock that ends with its connection, and an ear for their news.

`sql/postgres/outbox.sql` (orphans) says when a silent one is given up. Heartbeats are by the server's clock: those of machines differ.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

import asyncpg

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0  # a fifth of the silence that counts as death
LIVES = 1668246885  # the space of the advisory locks that say who lives; sql/postgres/outbox.sql names it, too
NEWS = "comeback"
ANSWER_SECONDS = 10.0  # a connection that does not answer for so long is given up for a new one
NEWS_PAUSE = 0.02  # seconds; a busy process need not tell of each delivery

Connection: TypeAlias = asyncpg.Connection  # it ships no types
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

# Whoever was heard when we were heard last may be silent for our reason: the server was away. They have as long as after a heartbeat.
_GRACE = """
update process set beat_at = clock_timestamp() where epoch = any(array(
  select epoch from process where beat_at >= $1::timestamptz - interval '10 seconds' order by epoch for no key update skip locked))
"""


class Presence:
    """Keeps this process known to be alive, tells its peers of news and hears theirs."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], name: str) -> None:
        self._connect = connect
        self._name = name
        self._connection: Connection | None = None
        self._answers = True
        self._holds = False
        self._heard_at: datetime | None = None  # by the server's clock
        self._one_at_a_time = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self.epoch = 0
        self.heard: Callable[[], None] = lambda: None

    async def begin(self) -> None:
        """Become known; `epoch` is set from now on."""
        connection = await self._connect()
        try:
            row = await connection.fetchrow("insert into process (name) values ($1) returning epoch, beat_at", self._name)
            self.epoch, self._heard_at = row["epoch"], row["beat_at"]
            await connection.add_listener(NEWS, self._hear)
            await self._hold(connection)
        except BaseException:  # the database was moved elsewhere, say (`move/`)
            connection.terminate()
            raise
        self._connection = connection
        self._beating = asyncio.create_task(self._beat(), name="store-presence")

    def tell(self) -> None:
        """Something came in: peers who sleep may look."""
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="store-news")

    async def end(self) -> None:
        """Leave: what is still on the wire is given up at once."""
        for task in (self._beating, self._telling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._connection is None:
            return
        try:
            with contextlib.suppress(*FAILURES):
                await self._connection.execute("delete from process where epoch = $1", self.epoch)
                await self._connection.close()
        finally:
            self._connection.terminate()

    def _hear(self, connection: Connection, pid: int, _channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():
            self.heard()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._one_at_a_time:
                    await self._show_life()
            except FAILURES as error:
                self._answers = False
                log.warning("the database does not hear this process: %s: %s", type(error).__name__, error)

    async def _show_life(self) -> None:
        assert self._connection is not None
        if self._answers and not self._connection.is_closed():
            await self._sign_of_life(self._connection)
        else:
            await self._connect_again(self._connection)

    async def _connect_again(self, before: Connection) -> None:
        """On a new connection. The one before goes last: the lock goes with it, and who is silent without a lock is given up."""
        fresh = await self._connect()
        self._holds = False
        try:
            await fresh.add_listener(NEWS, self._hear)
            await fresh.execute(_GRACE, self._heard_at)
            await self._sign_of_life(fresh)
        except BaseException:
            fresh.terminate()
            raise
        self._connection, self._answers = fresh, True
        before.terminate()

    async def _sign_of_life(self, connection: Connection) -> None:
        self._heard_at = await connection.fetchval(
            "insert into process (epoch, name) values ($1, $2) on conflict (epoch) do update set beat_at = clock_timestamp() "
            "returning beat_at",
            self.epoch,
            self._name,
        )
        await self._hold(connection)

    async def _hold(self, connection: Connection) -> None:
        """The lock of the living. A session that the server does not know to be lost may have it still: it is asked for again each time."""
        if not self._holds:
            self._holds = await connection.fetchval("select pg_try_advisory_lock($1::int, $2::int)", LIVES, self.epoch)

    async def _tell(self) -> None:
        await asyncio.sleep(NEWS_PAUSE)
        with contextlib.suppress(*FAILURES):  # it is only a courtesy: everybody looks each second anyway
            async with self._one_at_a_time:
                if self._connection is not None and not self._connection.is_closed():
                    await self._connection.execute(f"notify {NEWS}")
