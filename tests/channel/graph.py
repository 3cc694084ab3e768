"""A stand-in for Meta's Graph API on loopback: records what it is asked, answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

PHONE = "+16505551234"
NUMBER = "106540352242922"
WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI4QUQ5"


@dataclass
class Graph:
    """`asked` are the recorded requests: (method, path and query, token, JSON)."""

    url: str = ""
    answer: Answer | None = None
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)

    @property
    def last(self) -> Any:
        return self.asked[-1][3]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        authorization = request.headers.get("Authorization", "")
        self.asked.append((request.method, request.path_qs, authorization, json.loads(body) if body else None))
        return await (self.answer or taken)(request)


@asynccontextmanager
async def graph() -> AsyncIterator[Graph]:
    fake = Graph()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio.Server has them; the abstract one not
    fake.url = f"http://127.0.0.1:{port}/v24.0"
    try:
        yield fake
    finally:
        await runner.cleanup()


async def taken(request: web.Request) -> web.Response:
    """What Meta says to a message it takes."""
    asked = await request.json()
    person = asked.get("to") or asked.get("recipient")
    contact = {"input": person, "wa_id": person.lstrip("+")} if "to" in asked else {"input": person, "user_id": person}
    return says(200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": WAMID}]})


def says(status: int, body: object) -> web.Response:
    return web.json_response(body, status=status)


def always(status: int, body: object) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        if isinstance(body, (bytes, str)):
            return web.Response(status=status, body=body, content_type="text/html")
        return says(status, body)

    return answer


def fails(status: int, code: object, **more: object) -> Answer:
    """An error of the Graph API's."""
    return always(status, {"error": {"message": f"(#{code}) no", "type": "OAuthException", "code": code, "fbtrace_id": "Az8", **more}})


async def cut(request: web.Request) -> web.Response:
    """The connection breaks after the request was read."""
    assert request.transport is not None
    request.transport.abort()
    await asyncio.sleep(0)
    return web.Response()


async def half_an_answer(request: web.Request) -> web.StreamResponse:
    """The connection breaks in the middle of the answer."""
    response = web.StreamResponse(headers={"Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"messaging_product"')
    assert request.transport is not None
    request.transport.abort()
    return response


async def hang(_request: web.Request) -> web.Response:
    """No answer comes."""
    await asyncio.sleep(30)
    return web.Response()
