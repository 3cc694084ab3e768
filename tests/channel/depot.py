"""Files at a Meta of this machine: located, handed out and taken, in whatever way a test wants."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.web import port
from bot.web.listening import Listening

NUMBER = "106540352242922"
TOKEN = "the token"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200) + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PDF = b"%PDF-1.7\n" + b"words " * 50
PAGE = b"<!doctype html><script>alert(1)</script>"

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def as_told_by_webhooks(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@dataclass(slots=True)
class Depot:
    """What there is, where it is said to be, and who asked for it with which token."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    serve: dict[str, Serve] = field(default_factory=dict)
    refusal: tuple[int, dict[str, Any]] | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    uploads: list[dict[str, Any]] = field(default_factory=list)
    slow_upload: float = 0.0  # seconds
    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"{self.url}/v24.0"

    def put(self, media_id: str, content: bytes) -> str:
        self.files[media_id] = content
        return media_id

    def application(self) -> web.Application:
        app = web.Application(client_max_size=2**28)
        app.router.add_get("/v24.0/{id}", self._located)
        app.router.add_post("/v24.0/{number}/media", self._taken)
        app.router.add_post("/v24.0/{number}/messages", self._sent)
        app.router.add_get("/cdn/{id}", self._handed_out)
        return app

    def _note(self, request: web.Request) -> None:
        self.asked.append((request.path, request.headers.get("Authorization")))

    async def _located(self, request: web.Request) -> web.Response:
        self._note(request)
        media_id = request.match_info["id"]
        if self.refusal is not None:
            status, error = self.refusal
            return web.json_response({"error": error}, status=status)
        if media_id not in self.files:
            return web.json_response({"error": {"code": 100, "error_subcode": 33, "message": "Unsupported get request"}}, status=400)
        content = self.files[media_id]
        address = self.addresses.get(media_id, f"{self.url}/cdn/{media_id}")
        told = {"url": address, "sha256": sha256(content), "file_size": str(len(content)), "id": media_id, "messaging_product": "whatsapp"}
        return web.json_response({**told, **self.told})

    async def _handed_out(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        media_id = request.match_info["id"]
        if media_id in self.serve:
            return await self.serve[media_id](request)
        if media_id not in self.files:
            raise web.HTTPNotFound
        return web.Response(body=self.files[media_id], content_type="image/jpeg")

    async def _taken(self, request: web.Request) -> web.Response:
        self._note(request)
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.uploads.append(
            {"number": request.match_info["number"], "type": form["type"], "mime": file.content_type, "name": file.filename,
             "content": file.file.read(), "product": form["messaging_product"]}
        )  # fmt: skip
        await asyncio.sleep(self.slow_upload)
        if self.refusal is not None:
            status, error = self.refusal
            return web.json_response({"error": error}, status=status)
        return web.json_response({"id": f"up{len(self.uploads)}"})

    async def _sent(self, request: web.Request) -> web.Response:
        message = await request.json()
        self.sent.append(message)
        contact = {"input": message["to"], "wa_id": message["to"].lstrip("+")}
        return web.json_response({"contacts": [contact], "messages": [{"id": f"wamid.{len(self.sent)}"}]})


@asynccontextmanager
async def depot() -> AsyncIterator[Depot]:
    """A Meta with files, open."""
    listening, opened = Listening(), Depot()
    opened.url = await listening.on_port(opened.application(), port.take("127.0.0.1", 0))
    try:
        yield opened
    finally:
        await listening.close()
