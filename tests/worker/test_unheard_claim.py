"""The connection to PostgreSQL breaks just as the server has committed a claim: what it took is sent, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.channel import Delivered, Outgoing
from bot.store.postgres import open_server
from bot.worker.sender import Sender
from tests.postgres_server import Server

from .bench import HOUR, LOLA, PEPE, Bench, RecordingChannel, playbook

MARIA = "34600333444"


class Line:
    """A line to the server that breaks, when it is told to, between a commit and its answer."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.breaks = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(f"{self._server.socket}/.s.PGSQL.5432")
        is_broken = False

        async def there() -> None:
            nonlocal is_broken
            while told := await reader.read(65_536):
                if self.breaks and b"commit\0" in told:
                    self.breaks, is_broken = False, True
                to_server.write(told)
            to_server.close()

        async def back() -> None:
            while (answer := await from_server.read(65_536)) and not is_broken:
                writer.write(answer)
            writer.transport.abort()

        await asyncio.gather(there(), back(), return_exceptions=True)


@asynccontextmanager
async def bench_behind(server: Server) -> AsyncIterator[tuple[Line, Bench]]:
    """A bench whose database is at the other end of a line."""
    line = Line(server)
    listening = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    async with server.fresh() as address, listening:
        port, database = listening.sockets[0].getsockname()[1], address.partition("@/")[2].partition("?")[0]
        store = await open_server(f"postgresql://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
        try:
            yield line, Bench(store, playbook())
        finally:
            await store.close()


class Hanging(RecordingChannel):
    """Takes a message, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def deliver(self, message: Outgoing) -> Delivered:
        delivered = await super().deliver(message)
        await self.answer.wait()
        return delivered


async def due(bench: Bench, who: str) -> None:
    """A reminder is queued and may go."""
    await bench.cart(f"k-{who}", who)
    await bench.work()
    bench.now += HOUR
    await bench.work()


async def sent(channel: RecordingChannel, number: int) -> None:
    async with asyncio.timeout(5):
        while len(channel.sent) < number:  # noqa: ASYNC110 - another task brings it about
            await asyncio.sleep(0.01)


async def test_what_a_claim_took_that_nobody_heard_of_is_sent_and_what_may_have_been_sent_is_left_alone(server: Server) -> None:
    async with bench_behind(server) as (line, bench):
        channel = Hanging()
        bench.sender = Sender(bench.store, channel, bench.house, owner="test")
        await due(bench, LOLA)
        await bench.sender.send_due(lambda: None)
        await sent(channel, 1)
        for task in bench.sender._on_wire:
            task.cancel()  # an error, say: nobody keeps what became of it
        await bench.sender.finish()
        await due(bench, PEPE)
        await bench.sender.send_due(lambda: None)
        await sent(channel, 2)  # this one is on the wire all the time
        await due(bench, MARIA)
        line.breaks = True
        with pytest.raises(Exception, match="connection"):
            await bench.sender.send_due(lambda: None)
        assert await bench.states() == ["sending"] * 3, "the server has not committed the claim"
        assert (await bench.sender.send_due(lambda: None)).moved == 1
        await sent(channel, 3)
        channel.answer.set()
        await bench.sender.finish()
        assert await bench.states() == ["sending", "sent", "sent"]
        assert [message.to.phone for message in channel.sent] == [f"+{LOLA}", f"+{PEPE}", f"+{MARIA}"]
