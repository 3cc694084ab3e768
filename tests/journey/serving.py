"""The bot as its owner runs it: a process of its own, with the environment for settings, and commands in other processes."""

import asyncio
import base64
import os
import re
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.shop import Shop

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0  # a busy machine takes its time to import
STATUS_SECONDS = 0.002
LISTENS = re.compile(r"listens on (http://\S+?)\.\s")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what the machine's owner may have set for a bot of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")}
    return kept | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)} | more


async def command(*words: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> Ran:
    """Run `comeback ...` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, stdout=PIPE, stderr=PIPE, env=environment or clean_environment(), cwd=folder
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@dataclass(slots=True)
class Served:
    """A running `comeback serve` beside a sandbox on the wall clock."""

    cloud: CloudApi
    shop: Shop
    environment: dict[str, str]
    folder: Path

    async def run(self, *words: str) -> Ran:
        """A command beside the running bot."""
        return await command(*words, environment=self.environment, folder=self.folder)

    async def told(self, phone: str, count: int) -> list[str]:
        """What we wrote to a phone, once there are `count` messages. Raises TimeoutError when they do not come."""
        async with asyncio.timeout(10):
            while len(said := self.said(phone)) < count:  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.02)
        return said

    def said(self, phone: str) -> list[str]:
        """What we wrote to a phone so far."""
        return [bubble.drawing.body for bubble in self.cloud.thread(phone) if not bubble.by_customer]

    async def settled(self) -> None:
        """A moment in which everything that was told to the bot is worked off."""
        await self.shop.idle()
        await self.cloud.idle()
        await asyncio.sleep(0.3)  # another process: nobody here knows when it rests


@asynccontextmanager
async def serving(folder: Path, *, flows: Path = ROOT / "flows") -> AsyncIterator[Served]:
    """Start the sandbox and `comeback serve`; at the end SIGTERM must end it with 0."""
    secret, app_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(), secrets.token_hex(16)
    cloud = CloudApi(_now, app_secret=app_secret, status_delay=STATUS_SECONDS)
    sandbox = Sandbox(_now, cloud=cloud, shop=Shop(_now, secret=secret))
    url = await sandbox.start()
    environment = clean_environment(
        COMEBACK_DATABASE=str(folder / "comeback.db"),
        COMEBACK_PORT="0",
        COMEBACK_FLOWS=str(flows),
        COMEBACK_LOCALES=str(ROOT / "locales"),
        COMEBACK_WHATSAPP_TOKEN=cloud.token,
        COMEBACK_WHATSAPP_APP_SECRET=app_secret,
        COMEBACK_WHATSAPP_VERIFY_TOKEN="verify",
        COMEBACK_WHATSAPP_NUMBER=cloud.number.id,
        COMEBACK_WHATSAPP_ACCOUNT=cloud.waba_id,
        COMEBACK_WHATSAPP_API=f"{url}/v24.0",
        COMEBACK_SHOPS="casa-bonita",
        COMEBACK_SHOP_CASA_BONITA_SECRET=secret,
        COMEBACK_SHOP_CASA_BONITA_DISCOUNTS_URL=f"{url}/discounts",
    )
    said: list[str] = []
    try:
        async with served(environment, folder, said) as address:
            cloud.webhooks.url = f"{address}/webhooks/whatsapp"
            sandbox.shop.webhooks.url = f"{address}/webhooks/shop/casa-bonita"
            yield Served(cloud, sandbox.shop, environment, folder)
    finally:
        await sandbox.close()
    assert "ERROR" not in said[-1], said[-1]


@asynccontextmanager
async def served(environment: dict[str, str], folder: Path, said: list[str]) -> AsyncIterator[str]:
    """A `comeback serve` in a process of its own, and where it listens; at the end SIGTERM must end it with 0. What it wrote to standard
    output and standard error is then in `said`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", stdout=PIPE, stderr=PIPE, env=environment, cwd=folder
    )
    try:
        yield await address_of(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
        said += [out.decode(), err.decode()]
    assert process.returncode == 0, said[-1]


async def address_of(process: Process) -> str:
    """Where a `comeback serve` listens, once it does. Raises AssertionError with what it complained of where it ends before."""
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        while line := await process.stdout.readline():
            if found := LISTENS.search(line.decode()):
                return found[1]
    raise AssertionError((await process.stderr.read()).decode() if process.stderr else "it ended")


def _now() -> datetime:
    return datetime.now(UTC)
