"""The desk for the command line, on a Unix socket beside the database: the file's permissions are the password.

One process has the database; `comeback desk` in another terminal asks it here.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from aiohttp import web

from bot.desk import actions
from bot.store.sqlite import Database

MAX_SOCKET_PATH = 100  # bytes; the kernel takes 108


def socket_path(database: Path) -> Path:
    """Where the socket of a database's process is."""
    beside = database.resolve().with_name(database.name + ".desk")
    if len(str(beside).encode()) <= MAX_SOCKET_PATH:
        return beside
    return Path(tempfile.gettempdir()) / f"comeback-{hashlib.sha256(str(beside).encode()).hexdigest()[:16]}.desk"


class DeskSocket:
    """Answers the desk's commands as JSON: `{"result": ...}`, or `{"error": sentence}` with 404 or 409."""

    def __init__(self, store: Database, clock: Callable[[], datetime], wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=2**17)
        app.router.add_post("/{action}", self.act)
        return app

    async def act(self, request: web.Request) -> web.Response:
        """One action with its words."""
        told = await request.json()
        who, staff, text = (str(told.get(name, "")) for name in ("who", "staff", "text"))
        now = self._clock()
        try:
            match request.match_info["action"]:
                case "list":
                    result: object = [asdict(one) for one in await self._store.read(actions.waiting())]
                case "read":
                    result = asdict(await self._store.read(actions.read(who)))
                case "take":
                    result = await self._store.run(actions.take(who, staff, now))
                case "say":
                    result = await self._store.run(actions.say(who, staff, text, now))
                case "return":
                    result = await self._store.run(actions.hand_back(who, staff, now))
                case _:
                    raise web.HTTPNotFound
        except actions.NotFound as fault:
            return web.json_response({"error": str(fault)}, status=404)
        except actions.Refused as fault:
            return web.json_response({"error": str(fault)}, status=409)
        self._wake()
        return web.json_response({"result": result}, dumps=_dumps)


def _dumps(value: object) -> str:
    return json.dumps(value, default=lambda moment: moment.isoformat())
