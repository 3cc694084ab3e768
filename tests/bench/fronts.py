"""What receives deliveries, each as a process of its own: `python -m tests.bench.fronts door DATABASE`.

door     our door and store, opened as `comeback serve` opens them; nobody works off what comes in
nowhere  the same door before a store that keeps nothing
bare     aiohttp that answers 200 and reads nothing
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from aiohttp import web

from bot.clock import wall_clock
from bot.store.arrivals import Arrivals
from bot.store.database import Database, open_database
from bot.store.model import Update
from bot.web import port
from bot.web.door import Door
from bot.web.listening import Listening
from tests.bench.delivery import APP_SECRET, VERIFY_TOKEN


class Nowhere:
    """A store that keeps nothing, and says so to nobody."""

    failing = None

    def __init__(self) -> None:
        self.arrivals = Arrivals()

    async def receive(self, updates: Sequence[Update], now: datetime) -> int:
        self.arrivals.note(updates)
        return len(updates)

    async def close(self) -> None:
        """Nothing to close."""


async def front(kind: str, database: str) -> None:
    """Listen until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    store = await open_database(database) if kind == "door" else cast("Database", Nowhere())
    listening = Listening()
    door = Door(store, wall_clock, (APP_SECRET,), VERIFY_TOKEN, {}, lambda: None)
    here = port.take("127.0.0.1", 0)
    url = await (listening.on_port(_bare(), here) if kind == "bare" else listening.on_port(door.application(), here, door.delivered))
    print(f"{kind} listens on {url}.", flush=True)
    await stop.wait()
    await listening.close()
    await store.close()


def _bare() -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/webhooks/whatsapp", answer)
    return app


if __name__ == "__main__":
    asyncio.run(front(sys.argv[1], sys.argv[2]))
