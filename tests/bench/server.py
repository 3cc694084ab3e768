"""A PostgreSQL server for the bench: the tests' own, but with fsync on, for what is measured is durable."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests import postgres_server
from tests.bench.machine import NotMeasured

ABOUT = "PostgreSQL with fsync and synchronous_commit on, on the same machine, its processes' time counted"


@dataclass(slots=True)
class BenchServer:
    """A running server. `pid` is its first process, the parent of all others."""

    server: postgres_server.Server
    pid: int
    about: str = ABOUT
    _databases: int = 0

    def new_database(self) -> str:
        """The address of a database that is empty."""
        self._databases += 1
        name = f"bench_{self._databases}"
        asyncio.run(self.server.order(f"create database {name}"))
        return self.server.url(name)


@contextmanager
def running() -> Iterator[BenchServer]:
    """Start a server and stop it. Raises NotMeasured where there is none to be had."""
    try:
        with postgres_server.running() as server:
            asyncio.run(server.order("alter system set fsync = on", "select pg_reload_conf()"))
            pid = int((server.socket / "postmaster.pid").read_text().split()[0])
            yield BenchServer(server, pid)
    except pytest.skip.Exception as why:
        raise NotMeasured(str(why)) from None
