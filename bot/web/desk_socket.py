"""The desk for the command line, on a Unix socket beside the database: the file's permissions are the password.

One process has the database; `comeback desk` in another terminal asks it here.
"""

import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.desk import actions, owner, privacy
from bot.store import held, readings
from bot.store import privacy as asks
from bot.store.database import Database, StoreUnavailable
from bot.store.erasure_log import Erasures
from bot.store.privacy import What
from bot.store.readings import Cause, ReadingState
from bot.store.step import Step

MAX_SOCKET_PATH = 100  # bytes; the kernel takes 108
_BY_LAW = frozenset({"erase", "copy", "reopen", "handed-over"})  # what the law lets people ask, by the owner's hand
ASK_SECONDS = 2.0  # a process that does not answer by then is asked again


def socket_path(database: Path) -> Path:
    """Where the socket of a database's process is."""
    beside = database.resolve().with_name(database.name + ".desk")
    if len(str(beside).encode()) <= MAX_SOCKET_PATH:
        return beside
    return Path(tempfile.gettempdir()) / f"comeback-{hashlib.sha256(str(beside).encode()).hexdigest()[:16]}.desk"


async def ask_to_leave(path: Path) -> bool:
    """Ask the process behind a socket to stop, as SIGTERM does; whether it heard."""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=timeout) as session,
            session.post("http://desk/leave", json={}) as response,
        ):
            return response.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


class DeskSocket:
    """Answers the desk's commands. `leave` stops this process, for the one that takes over. `erasures` is needed for what the law lets
    people ask."""

    def __init__(
        self,
        store: Database,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        leave: Callable[[], None] | None = None,
        *,
        erasures: Erasures | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake
        self._leave = leave
        self._erasures = erasures

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=2**17)
        app.router.add_post("/{action}", self.act)
        return app

    async def act(self, request: web.Request) -> web.Response:
        """One action with its words."""
        try:
            told = await request.json()
            words = {str(name): str(word) for name, word in told.items()}
        except (ValueError, AttributeError):
            raise web.HTTPBadRequest(text="this is not a JSON object of words") from None
        return web.json_response(await self.answer(request.match_info["action"], words))

    async def answer(self, action: str, words: Mapping[str, str]) -> dict[str, Any]:
        """`{"result": ...}`, or `{"error": sentence}`; moments as ISO 8601 in UTC."""
        try:
            known = defaultdict(str, words)
            result = await (self._by_law(action, known["who"]) if action in _BY_LAW else self._act(action, known))
        except (actions.NotFound, actions.Refused) as fault:
            return {"error": str(fault)}
        except StoreUnavailable:
            return {"error": "the database cannot be used now: nothing was done, try again"}
        self._wake()
        answer: dict[str, Any] = json.loads(json.dumps({"result": result}, default=lambda moment: moment.isoformat()))
        return answer

    async def _act(self, action: str, words: Mapping[str, str]) -> object:
        now, who, staff, text = self._clock(), words["who"], words["staff"], words["text"]
        match action:
            case "list":
                return [asdict(one) for one in await self._store.read(actions.waiting())]
            case "read":
                return asdict(await self._store.read(actions.read(who)))
            case "take":
                return await self._store.run(actions.take(who, staff, now))
            case "say":
                return await self._store.run(actions.say(who, staff, text, now))
            case "block":
                entry = await self._store.run(actions.block(who, staff, now))
                self._store.arrivals.note_names(await self._store.read(actions.names(who)))
                return entry
            case "return":
                return await self._store.run(actions.hand_back(who, staff, now))
            case "release":
                return asdict(await self._store.run(held.release()))
            case "stop_runs":
                return await self._store.run(owner.stop_runs(list(map(int, json.loads(words["runs"]))), now))
            case "move_runs":
                where = {int(run): str(path) for run, path in json.loads(words["runs"]).items()}
                return await self._store.run(owner.move_runs(where, words["revision"], now))
            case "leave" if self._leave is not None:
                self._leave()
                return "stopping"
            case "resume":
                return await self._store.run(actions.resume())
            case _:
                return await self._of_stores(action, words, now)

    async def _of_stores(self, action: str, words: Mapping[str, str], now: datetime) -> object:
        match action:
            case "read_store":
                wanted = [(str(part), datetime.fromisoformat(since)) for part, since in json.loads(words["parts"]).items()]
                return await self._store.run(_read_store(words["shop"], wanted, now))
            case "read_no_further":
                return await self._store.run(readings.stop(words["shop"], Cause.ASKED, now))
            case _:
                raise actions.Refused(f"nobody knows the action '{action}'")

    async def _by_law(self, action: str, who: str) -> object:
        now, erasures = self._clock(), self._erasures
        if erasures is None:
            raise actions.Refused("nobody can be erased here")
        if action == "reopen":
            return await self._store.run(privacy.reopen(erasures, who, now))
        if action == "handed-over":
            return await self._store.run(privacy.handed_over(int(who), now))
        ask = await self._store.run(privacy.ask(erasures, What.ERASE_SHOPPER if action == "erase" else What.DATA, who, now))
        if action == "erase":  # what is just about to go does not go
            self._store.arrivals.note_names(await self._store.read(privacy.names(ask)))
        return ask

def _read_store(shop: str, parts: Sequence[tuple[str, datetime]], now: datetime) -> Step[str]:
    """Begin to read a store as its owner wants, unless it is being read so already. Raises Refused for one that took us out."""
    if (yield from asks.closed_since(shop)) is not None:
        raise actions.Refused(f"{shop} took the app out: 'comeback shop connect' or 'comeback privacy reopen {shop}' says that it is back")
    if any(one.state is ReadingState.WAITING for one in (yield from readings.latest(shop, Cause.ASKED))):
        return "going on"
    yield from readings.begin(shop, parts, Cause.ASKED, now)
    return "begun"
