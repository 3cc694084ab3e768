"""`comeback sandbox` in a process of its own, led as a test of any language would lead it: by HTTP alone."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from tests.sandbox import every_kind

from .visit import ROOT, START_SECONDS

FILES = ROOT / "bot" / "sandbox" / "pages" / "files"
ELSEWHERE = "https://cdn.shop.example/moka.jpg"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alone:
    """A running sandbox and a client that holds its token."""

    url: str
    api: str
    number: str
    account: str
    http: aiohttp.ClientSession
    settings: dict[str, str]  # what Comeback's are

    async def post(self, edge: str, body: Json) -> Json:
        """A Graph call that must be taken; under the account for templates, else under the number."""
        owner = self.account if edge == "message_templates" else self.number
        async with self.http.post(f"{self.api}/{owner}/{edge}", json=body) as answer:
            found: Json = await answer.json()
            assert answer.status == 200, (body, found)
            return found

    async def send(self, to: str, message: Json) -> str:
        """A message of the business; returns its id."""
        sent = await self.post("messages", {"messaging_product": "whatsapp", "to": to, **message})
        return str(sent["messages"][0]["id"])

    async def upload(self, name: str, mime: str) -> str:
        """One of the sandbox's own files as the business's; returns its id."""
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime)
        form.add_field("file", (FILES / name).read_bytes(), filename=name, content_type=mime)
        async with self.http.post(f"{self.api}/{self.number}/media", data=form) as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return str(found["id"])

    async def lead(self, path: str, body: Json | None = None) -> Any:
        """Leads the sandbox: a control that must be taken. Without a body it is asked."""
        call = self.http.get(f"{self.url}/control{path}") if body is None else self.http.post(f"{self.url}/control{path}", json=body)
        async with call as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return found

    async def says(self, phone: str, text: str = "Hello") -> str:
        """A customer writes; returns the message's id."""
        await self.lead(f"/customers/{phone}/messages", {"type": "text", "text": text})
        return str((await self.thread(phone))[-1]["id"])

    async def thread(self, phone: str) -> list[Json]:
        """What is on a customer's phone."""
        found = await self.lead(f"/customers/{phone}/thread")
        return list(found["data"] if isinstance(found, dict) else found)

    async def now(self) -> datetime:
        """The sandbox's time."""
        return datetime.fromisoformat((await self.lead("/state"))["now"])

    async def every_kind(self, phone: str) -> None:
        """A chat with a message of every kind in it."""
        first = await self.says(phone, "Hola, *quiero* uno")
        known = await self.http.get(f"{self.api}/{self.account}/message_templates")
        if not (await known.json())["data"]:
            for one in every_kind.templates():
                await self.post("message_templates", one)
        kinds = {
            "image": ("cup.jpg", "image/jpeg"),
            "audio": ("voice.ogg", "audio/ogg"),
            "document": ("receipt.pdf", "application/pdf"),
            "sticker": ("sticker.webp", "image/webp"),
        }
        files = {kind: await self.upload(*named) for kind, named in kinds.items()}
        ends = int(((await self.now()).timestamp() + 3.4 * 3600) * 1000)
        sent = [await self.send(phone, message) for message in every_kind.of_the_business(files, ELSEWHERE, ends, first)]
        await self._by_the_customer(phone, sent[0])
        await self.lead("/faults", {"code": {"code": 131049, "late": True}})
        await self.send(phone, every_kind.text("This one fails"))
        await self.lead("/idle", {})

    async def _by_the_customer(self, phone: str, answered: str) -> None:
        """What a customer sends, what becomes of it, and reactions of both."""
        for what in ("cup", "voice", "receipt", "place", "contact", "sticker"):
            await self.press(phone, "attach", what=what)
        await self.press(phone, "advert")
        product = next(one["id"] for one in await self.thread(phone) if one["drawing"]["goods"])
        await self.press(phone, "buy_here", message=product, **{"pieces-p-moka": "2"})
        edited, gone = await self.says(phone, "before"), await self.says(phone, "never said")
        await self.lead(f"/customers/{phone}/edit", {"message_id": edited, "text": "after"})
        await self.lead(f"/customers/{phone}/revoke", {"message_id": gone})
        await self.lead(f"/customers/{phone}/react", {"message_id": answered, "emoji": "😮"})
        await self.send(phone, {"type": "reaction", "reaction": {"message_id": edited, "emoji": "👍"}})

    async def press(self, key: str, action: str, **wish: str) -> None:
        """A form of the page is sent."""
        async with self.http.post(f"{self.url}/page/{action}", data={"who": key, **wish}, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()


@asynccontextmanager
async def alone(*arguments: str) -> AsyncIterator[Alone]:
    """Start it on a free port; ends it by Ctrl-C, which must end it cleanly."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")} | {"NO_COLOR": "1"}
    words = [sys.executable, "-m", "bot", "sandbox", "--port", "0", "--json", *arguments]
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE, env=environment, cwd=ROOT)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        known = json.loads(line)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {known['token']}"}) as http:
            yield Alone(known["base_url"], known["api"], known["number"], known["account"], http, known["settings"])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, ""), err.decode()
