"""`comeback serve` with `comeback sandbox` as its WhatsApp: two processes that know each other by settings alone."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp

from tests.browser.alone import Alone, alone
from tests.browser.visit import ROOT, START_SECONDS

ROSA = "34600000011"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def served(box: Alone, folder: Path, port: int) -> asyncio.subprocess.Process:
    """The house, configured by what the sandbox said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")}
    environment = kept | {
        **box.settings,
        "COMEBACK_DATABASE": str(folder / "comeback.db"),
        "COMEBACK_PORT": str(port),
        "COMEBACK_FLOWS": str(ROOT / "flows"),
        "COMEBACK_LOCALES": str(ROOT / "locales"),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", env=environment, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


async def answering(url: str) -> None:
    """Until the bot is up."""
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as answer:
                    if answer.status < 500:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


async def test_the_house_answers_a_customer_of_the_sandbox(tmp_path: Path) -> None:
    port = free_port()
    async with alone("--customer", f"Rosa=+{ROSA}") as box:
        house = await served(box, tmp_path, port)
        try:
            await answering(f"http://127.0.0.1:{port}/health")
            await box.press(ROSA, "callback", url=f"http://127.0.0.1:{port}/webhooks/whatsapp")
            async with box.http.get(f"{box.url}/?who={ROSA}") as page:
                assert "Your bot answered the challenge" in await page.text()
            await box.press(ROSA, "say", text="hello")
            async with asyncio.timeout(START_SECONDS):
                while len(await box.thread(ROSA)) < 2:  # noqa: ASYNC110 - it happens in two other processes
                    await asyncio.sleep(0.1)
            answer = (await box.thread(ROSA))[1]
            assert not answer["by_customer"]
            assert "Rosa" in answer["drawing"]["body"]
        finally:
            house.send_signal(signal.SIGTERM)
            _, err = await house.communicate()
    assert house.returncode == 0, err.decode()
