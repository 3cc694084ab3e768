"""A sandbox with a bot-shaped receiver beside it, for the tests of this room."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.pages.demo import StaffActions
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.shop import Shop

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a shop's secret of some length!!").decode()
ANA, BEN = "+34600000001", "+447400123456"
Json = dict[str, Any]


@dataclass
class Clock:
    """A clock turned by hand."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    async def jump(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Received:
    """One POST as the receiver read it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        whole: Json = json.loads(self.body)
        return whole


@dataclass
class Receiver:
    """Takes webhooks. `answers` are the statuses of the next POSTs, then 200; `pauses` the seconds before the next answers.

    `when_told` is called with each POST.
    """

    posts: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    when_told: Callable[[Received], None] | None = None
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        post = Received(request.path, dict(request.headers), await request.read())
        self.posts.append(post)
        if self.when_told:
            self.when_told(post)
        if self.pauses:
            await asyncio.sleep(self.pauses.pop(0))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    def changes(self) -> list[Json]:
        """Every `changes[]` element of Meta's envelopes, in order."""
        posts = [post.json for post in self.posts if post.path == "/whatsapp"]
        return [change for post in posts for entry in post["entry"] for change in entry["changes"]]

    def values(self, kind: str) -> list[Json]:
        """Every element of `messages`, `statuses` or `user_preferences`."""
        return [one for change in self.changes() for one in change["value"].get(kind, [])]

    def events(self) -> list[Json]:
        """Every event of the shop."""
        return [post.json for post in self.posts if post.path == "/shop"]


class House:
    """Sandbox, receiver and a client that holds the token."""

    def __init__(self, sandbox: Sandbox, clock: Clock, receiver: Receiver, http: aiohttp.ClientSession) -> None:
        self.sandbox, self.clock, self.receiver, self.http = sandbox, clock, receiver, http
        self.cloud, self.shop = sandbox.cloud, sandbox.shop
        self.url = sandbox.base_url

    @property
    def graph(self) -> str:
        return f"{self.url}/v24.0"

    async def call(self, method: str, path: str, body: Json | None = None, token: str | None = None) -> tuple[int, Json]:
        """One Graph call: (status, JSON)."""
        headers = {"Authorization": f"Bearer {token or self.cloud.token}"}
        async with self.http.request(method, f"{self.graph}{path}", json=body, headers=headers) as response:
            return response.status, await response.json()

    async def send(self, to: str = ANA, *, key: str | None = None, **parts: Any) -> tuple[int, Json]:
        """POST /messages; without parts a text."""
        body: Json = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to}
        body |= parts or {"type": "text", "text": {"body": "Hello"}}
        if key:
            body["biz_opaque_callback_data"] = key
        return await self.call("POST", f"/{self.cloud.number.id}/messages", body)

    async def create(self, template: Json) -> tuple[int, Json]:
        return await self.call("POST", f"/{self.cloud.waba_id}/message_templates", template)


@asynccontextmanager
async def house(staff: StaffActions | None = None, next_due: Any = None, **options: Any) -> AsyncIterator[House]:
    """A running house; `options` go to the Cloud API."""
    clock, receiver = Clock(), Receiver()
    app = web.Application()
    app.add_routes([web.post("/whatsapp", receiver.take), web.post("/shop", receiver.take)])
    runner = web.AppRunner(app)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        pauses = (0.01, 0.01, 0.01)
        defaults: Json = {"status_delay": 0.005, "retry_pauses": pauses}
        cloud = CloudApi(clock, webhook_url=f"{receiver.url}/whatsapp", **(defaults | options))
        shop = Shop(clock, secret=SECRET, webhook_url=f"{receiver.url}/shop", retry_pauses=pauses)
        more = {"next_due": next_due} if next_due else {}
        sandbox = Sandbox(clock, clock.jump, cloud=cloud, shop=shop, staff=staff, **more)
        await sandbox.start()
        stack.push_async_callback(sandbox.close)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield House(sandbox, clock, receiver, http)


CART_REMINDER: Json = {
    "name": "cart_reminder",
    "language": "es",
    "category": "MARKETING",
    "parameter_format": "NAMED",
    "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Casa Bonita"},
        {
            "type": "BODY",
            "text": "Hola {{name}}, tu {{item}} sigue en la cesta.",
            "example": {"body_text_named_params": [{"param_name": "name", "example": "Ana"}, {"param_name": "item", "example": "café"}]},
        },
        {"type": "FOOTER", "text": "Responde STOP para no recibir más"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Ver la cesta", "url": "https://s.example/c/{{1}}", "example": ["https://s.example/c/42"]},
                {"type": "QUICK_REPLY", "text": "Es demasiado caro"},
            ],
        },
    ],
}


def reminder(language: str = "es", **words: str) -> Json:
    """The `template` part of a message made from CART_REMINDER."""
    words = words or {"name": "Ana", "item": "café"}
    body = [{"type": "text", "parameter_name": name, "text": text} for name, text in words.items()]
    components = [
        {"type": "body", "parameters": body},
        {"type": "button", "sub_type": "URL", "index": 0, "parameters": [{"type": "text", "text": "ch-1"}]},
        {"type": "button", "sub_type": "QUICK_REPLY", "index": 1, "parameters": [{"type": "payload", "payload": "dear"}]},
    ]
    return {"name": "cart_reminder", "language": {"code": language}, "components": components}
