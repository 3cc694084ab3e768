"""A relay before the sandbox that notes when each message arrived, in a process of its own and before all others: the sandbox works for
its living, and what comes while it is busy would seem to have come at once."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import monotonic

_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)")
Arrival = tuple[float, str]  # when (`time.monotonic()`), to whom


@asynccontextmanager
async def noted(target: int) -> AsyncIterator[tuple[int, list[Arrival]]]:
    """A port that leads to the target's, and what arrived by it: filled in at the end."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, target), daemon=True)
    process.start()
    theirs.close()  # whoever waits hears when it dies
    arrivals: list[Arrival] = []
    try:
        yield await asyncio.to_thread(ours.recv), arrivals
        ours.send(None)
        arrivals += await asyncio.to_thread(ours.recv)
    finally:
        process.kill()
        process.join()


def _serve(pipe: Connection, target: int) -> None:
    with suppress(OSError):  # whoever may not has a busier witness
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    asyncio.run(_relay(pipe, target))


async def _relay(pipe: Connection, target: int) -> None:
    arrivals: list[Arrival] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", target)
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(_note(reader, forth, arrivals), _pump(back, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(pipe.recv)
    pipe.send(arrivals)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def _note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrivals: list[Arrival]) -> None:
    """Pass requests on, each noted with the moment in which its first bytes came."""
    while first := await reader.read(1):
        at = monotonic()
        head = first + await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        writer.write(head + body)
        if head.startswith(b"POST ") and (to := _recipient(body)):
            arrivals.append((at, to))
    writer.close()


def _recipient(body: bytes) -> str | None:
    """Whom a message is for; None where it is none."""
    told = json.loads(body) if body else {}
    to = told.get("to") if isinstance(told, dict) else None
    return str(to).removeprefix("+") if to else None
