"""A process as its peers on PostgreSQL see it: a row with a heartbeat, a lock that ends with its connection, and an ear for their news.

`sql/postgres/outbox.sql` (orphans) says when a silent one is given up. Heartbeats are by the server's clock: those of machines differ.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0  # a fifth of the silence that counts as death
LIVES = 1668246885  # the space of the advisory locks that say who lives; sql/postgres/outbox.sql names it, too
NEWS = "comeback"
NEWS_PAUSE = 0.02  # seconds; a busy process need not tell of each delivery

Connection: TypeAlias = asyncpg.Connection  # it ships no types
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class Presence:
    """Keeps this process known to be alive, tells its peers of news and hears theirs."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], name: str) -> None:
        self._connect = connect
        self._name = name
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self.epoch = 0
        self.heard: Callable[[], None] = lambda: None

    async def begin(self) -> None:
        """Become known; `epoch` is set from now on."""
        connection = await self._connect()
        try:
            self.epoch = await connection.fetchval("insert into process (name) values ($1) returning epoch", self._name)
        except BaseException:  # the database was moved elsewhere, say (`move/`)
            connection.terminate()
            raise
        await self._settle(connection)
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
        if self._connection is not None and not self._connection.is_closed():
            with contextlib.suppress(*FAILURES):
                await self._connection.execute("delete from process where epoch = $1", self.epoch)
                await self._connection.close()

    async def _settle(self, connection: Connection) -> None:
        self._connection = connection
        await connection.execute("select pg_advisory_lock($1::int, $2::int)", LIVES, self.epoch)
        await connection.add_listener(NEWS, self._hear)

    def _hear(self, _connection: Any, pid: int, _channel: str, _payload: object) -> None:
        if self._connection is not None and pid != self._connection.get_server_pid():
            self.heard()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._one_at_a_time:
                    await self._sign_of_life()
            except FAILURES as error:
                log.warning("the database does not hear this process: %s", error)

    async def _sign_of_life(self) -> None:
        if self._connection is None or self._connection.is_closed():
            await self._settle(await self._connect())
        assert self._connection is not None
        await self._connection.execute(
            "insert into process (epoch, name) values ($1, $2) on conflict (epoch) do update set beat_at = clock_timestamp()",
            self.epoch,
            self._name,
        )

    async def _tell(self) -> None:
        await asyncio.sleep(NEWS_PAUSE)
        with contextlib.suppress(*FAILURES):  # it is only a courtesy: everybody looks each second anyway
            async with self._one_at_a_time:
                if self._connection is not None and not self._connection.is_closed():
                    await self._connection.execute(f"notify {NEWS}")
