"""The bot as a process of its own, and around it what it talks to: WhatsApp here in the test, and a folder with flows and database."""

import asyncio
import base64
import os
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.channel.whatsapp.templates import creation_payload
from bot.flow import library
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.graph import VERSION, Graph
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.cloud.template import new_template
from bot.store.database import read_only
from bot.store.step import Row, Statement, Step

ROOT = Path(__file__).parents[2]
SHOP = "casa"
SHOP_SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
APP_SECRET = "app-secret-of-the-tests"
STEPS = 60  # of the ladder: after them it begins anew
ANSWER_SECONDS = (0.005, 0.08)  # how long WhatsApp takes to answer: long enough to be killed meanwhile
START_SECONDS = 30.0  # until the bot listens, on a machine that is busy with other things
STATUS_PAUSES = (0.05, 0.1, 0.2, *[0.4] * 300)  # Meta tries for days; the tests for two minutes


def wall_clock() -> datetime:
    """The time now (UTC)."""
    return datetime.now(UTC)


class BotProcess:
    """`comeback serve`, or a launcher that spoils something in it first."""

    def __init__(self, environ: Mapping[str, str], log: Path, module: str = "bot") -> None:
        self._environ, self._log, self._module = dict(environ), log, module
        self._process: asyncio.subprocess.Process | None = None
        self.started_at = 0.0

    async def spawn(self) -> None:
        """Start it, and do not wait until it listens."""
        self.started_at = monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, "serve",
                env=self._environ, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip

    async def listening(self) -> float:
        """Until it listens; returns how many seconds that took since it was started. Raises RuntimeError when it ends instead."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            async for line in self._process.stdout:
                if b"listens" in line:
                    return monotonic() - self.started_at
        raise RuntimeError(f"the bot did not start: {self.log()[-2000:]}")

    async def start(self) -> float:
        """Start it and wait until it listens; returns how many seconds that took."""
        await self.spawn()
        return await self.listening()

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        return await self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Until it ends of its own accord; returns the exit code."""
        assert self._process is not None
        await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        async with asyncio.timeout(START_SECONDS):
            return await self.ended()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    def log(self) -> str:
        """What it wrote to standard error, of all its lives."""
        return self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""


@dataclass(slots=True)
class Surroundings:
    """What the bot lives in. `url` is where it listens when it does."""

    folder: Path
    database: Path
    cloud: CloudApi
    url: str
    server: str | None  # the address of a database on PostgreSQL, in place of the file
    environ: dict[str, str]
    random: Random
    _runner: web.AppRunner = field(repr=False)

    def bot(self, module: str = "bot", port: int | None = None) -> BotProcess:
        """A process of the bot on this database; nothing is started yet. On a port of its own it has a log of its own, too."""
        if port is None:
            return BotProcess(self.environ, self.folder / "bot.log", module)
        return BotProcess(self.environ | {"COMEBACK_PORT": str(port)}, self.folder / f"bot-{port}.log", module)

    def rows(self, sql: str, **parameters: Any) -> Sequence[Any]:
        """What the database says, read from outside. A row is read by a column's name or place."""
        if self.server is not None:
            with ThreadPoolExecutor(1) as apart:  # the caller's own loop is running here
                return apart.submit(lambda: asyncio.run(read_only(str(self.server), _asked(sql, parameters)))).result()
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, parameters).fetchall()

    def count(self, sql: str, **parameters: Any) -> int:
        """The one number a statement gives."""
        number: int = self.rows(sql, **parameters)[0][0]
        return number

    async def close(self) -> None:
        """WhatsApp goes away."""
        await self.cloud.close()
        await self._runner.cleanup()


def _asked(sql: str, parameters: Mapping[str, Any]) -> Step[Sequence[Row]]:
    return (yield Statement(sql, parameters))


@asynccontextmanager
async def surroundings(
    folder: Path, seed: int = 0, database: Path | None = None, server: str | None = None, limit: SendLimit | None = None
) -> AsyncIterator[Surroundings]:
    """WhatsApp on loopback, the flows of these tests in `folder`, and a place for the database (there, too, unless told).

    Without a `limit` there is none: what is refused is refused by the faults' shares."""
    random = Random(seed)
    limit = limit or SendLimit(per_second=None, pair_seconds=None)
    cloud = CloudApi(wall_clock, app_secret=APP_SECRET, seed=seed, limit=limit, retry_pauses=STATUS_PAUSES, parallel=4)
    _write_flows(folder / "flows", cloud)
    (folder / "locales").mkdir(exist_ok=True)
    runner = await _open(cloud, random)
    port = free_port()
    database = database or folder / "comeback.db"
    api = f"http://127.0.0.1:{runner.addresses[0][1]}/{VERSION}"
    environ = _environ(folder, server or str(database), port, api, cloud)
    if server:
        environ["COMEBACK_OPTOUTS"] = str(folder / "optouts")  # else it is in the working directory
        environ["COMEBACK_FILES"] = str(folder / "files")
    url = f"http://127.0.0.1:{port}"
    cloud.webhooks.url = f"{url}/webhooks/whatsapp"
    around = Surroundings(folder, database, cloud, url, server, environ, random, runner)
    try:
        yield around
    finally:
        await around.close()


async def _open(cloud: CloudApi, random: Random) -> web.AppRunner:
    @web.middleware
    async def slowly(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)  # taken or refused now; the answer is on its way for a while
        await asyncio.sleep(random.uniform(*ANSWER_SECONDS))
        return answer

    app = web.Application(middlewares=[slowly])
    app.add_routes(Graph(cloud).routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await cloud.start()
    return runner


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _environ(folder: Path, database: str, port: int, api: str, cloud: CloudApi) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")}
    return environ | {
        "COMEBACK_DATABASE": database,
        "COMEBACK_PORT": str(port),
        "COMEBACK_FLOWS": str(folder / "flows"),
        "COMEBACK_LOCALES": str(folder / "locales"),
        "COMEBACK_LOG": "warning",
        "COMEBACK_SHOPS": SHOP,
        f"COMEBACK_SHOP_{SHOP.upper()}_SECRET": SHOP_SECRET,
        "COMEBACK_WHATSAPP_TOKEN": cloud.token,
        "COMEBACK_WHATSAPP_APP_SECRET": APP_SECRET,
        "COMEBACK_WHATSAPP_VERIFY_TOKEN": "verify",
        "COMEBACK_WHATSAPP_NUMBER": cloud.number.id,
        "COMEBACK_WHATSAPP_API": api,
    }


_LADDER = """\
name: Ladder
about: Answers the first message with "Step 1", the next with "Step 2" and so on, so the answers show their order.
purpose: service

start:
  when: message_received
  if: contact.country is "ES"

steps:
"""
_RUNG = """\
  - ask: Step {number}
    answers:
      - words: [next]
        then:
          - continue
      - anything_else:
          - continue
    no_answer:
      after: 1 day
      then:
        - end
"""


def _write_flows(folder: Path, cloud: CloudApi) -> None:
    """The flows of these tests, the shipped welcome for whoever is not on the ladder, and their templates at WhatsApp."""
    shutil.copytree(Path(__file__).parent / "flows", folder)
    start = "when: message_received"
    welcome = (ROOT / "flows" / "welcome.yaml").read_text("utf-8")
    assert start in welcome
    (folder / "welcome.yaml").write_text(welcome.replace(start, f'{start}\n  if: contact.country is not "ES"'), "utf-8")
    ladder = _LADDER + "".join(_RUNG.format(number=number) for number in range(1, STEPS)) + f"  - send: Step {STEPS}\n  - end\n"
    (folder / "ladder.yaml").write_text(ladder, "utf-8")
    loaded = library.load({f"flows/{path.relative_to(folder).as_posix()}": path.read_text("utf-8") for path in folder.glob("**/*.yaml")})
    assert not loaded.problems, "\n".join(map(str, loaded.problems))
    for revision in loaded.flows.values():
        for template in revision.templates.values():
            payload = creation_payload(template, "en", lambda text: text)
            cloud.templates[template.name, "en"] = new_template(payload, "1", "APPROVED")
