"""A bot as one writes it after reading pywa's documentation: FastAPI, uvicorn, pywa, and SQLite, one transaction a message.

It is as durable as ours (write-ahead log, synchronous=FULL, committed before the 200), in what a careful author would choose.
`python -m tests.bench.naive DATABASE`.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosqlite
import uvicorn
from fastapi import FastAPI
from pywa_async.client import WhatsApp
from pywa_async.types.message import Message

from tests.bench.delivery import APP_SECRET, NUMBER, TOKEN, VERIFY_TOKEN


def bot(database: str) -> FastAPI:
    """The application."""
    connections: list[aiosqlite.Connection] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with aiosqlite.connect(database) as db:
            await db.execute("pragma journal_mode = wal")
            await db.execute("pragma synchronous = full")
            await db.execute("create table if not exists message (id text primary key, sender text, name text, body text, at text)")
            await db.commit()
            connections.append(db)
            yield

    app = FastAPI(lifespan=lifespan)
    wa = WhatsApp(
        phone_id=NUMBER,
        token=TOKEN,
        server=app,
        webhook_endpoint="/webhooks/whatsapp",
        verify_token=VERIFY_TOKEN,
        app_secret=APP_SECRET,
    )

    @wa.on_message  # type: ignore[misc]  # pywa types it as if it were called with parentheses
    async def keep(_: WhatsApp, message: Message) -> None:
        db = connections[0]
        told = (message.id, message.from_user.wa_id, message.from_user.name, message.text, message.timestamp.isoformat())
        await db.execute("insert or ignore into message values (?, ?, ?, ?, ?)", told)
        await db.commit()

    return app


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"the naive bot listens on http://127.0.0.1:{listener.getsockname()[1]}.", flush=True)
    server = uvicorn.Server(uvicorn.Config(bot(sys.argv[1]), log_level="warning", access_log=False))
    server.run(sockets=[listener])
