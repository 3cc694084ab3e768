"""The way to a PostgreSQL server as a machine in between makes it: it forwards, until it cuts connections or falls silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Ends = tuple[asyncio.StreamWriter, asyncio.StreamWriter]  # towards us, towards the server


@dataclass(slots=True)
class Wire:
    """Forwards a port of this machine to the server's socket. `url` is the database's address through it."""

    socket: Path
    url: str = ""
    _open: list[Ends] = field(default_factory=list)
    _forgotten: set[asyncio.StreamWriter] = field(default_factory=set)
    _flows: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """Every connection that is open now breaks: both ends hear of it."""
        for ours, servers in self._open:
            ours.transport.abort()
            servers.transport.abort()
        self._open.clear()

    def forget(self) -> None:
        """Every connection that is open now breaks for us, and the server does not hear of it (what a NAT forgets)."""
        for ours, servers in self._open:
            self._forgotten.add(servers)
            ours.transport.abort()

    def fall_silent(self) -> None:
        """Nothing arrives any more, at either end, and nobody is told."""
        self._flows.clear()

    def speak(self) -> None:
        """What was held back goes on."""
        self._flows.set()

    async def forward(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        from_server, servers = await asyncio.open_unix_connection(str(self.socket / ".s.PGSQL.5432"))
        self._open.append((ours, servers))
        await asyncio.gather(self._pump(reader, servers), self._pump(from_server, ours))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await source.read(65536):
                await self._flows.wait()
                target.write(some)
                await target.drain()
        if target not in self._forgotten:
            target.close()


@asynccontextmanager
async def wire(socket: Path, database: str) -> AsyncIterator[Wire]:
    """A wire to a database of the server whose socket is in that folder."""
    one = Wire(socket)
    one.speak()
    door = await asyncio.start_server(one.forward, "127.0.0.1", 0)
    one.url = f"postgresql://postgres@127.0.0.1:{door.sockets[0].getsockname()[1]}/{database}?sslmode=disable"
    try:
        yield one
    finally:
        one.speak()
        door.close()
        one.cut()
