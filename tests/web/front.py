"""A door on a free port with a database behind it, and what Meta and a shop post to it."""

import base64
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bot.shop import signature
from bot.shop.plain import Plain
from bot.shop.woocommerce import WooCommerce
from bot.store.sqlite import SqliteDatabase, open_file
from bot.store.step import Row, Statement, Step
from bot.web import port
from bot.web.door import Door, ShopDoor
from bot.web.listening import Listening
from bot.web.overflow import Overflow, beside

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
SECRET, OLD_SECRET = "the app secret", "the app secret before it"
TOKEN = "a verify token"
SHOP_SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
WOO_SECRET = "the secret of the webhook in WooCommerce"
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
WHATSAPP = "/webhooks/whatsapp"
SHOP = "/webhooks/shop/casa"


@dataclass(slots=True)
class Front:
    """The door, open."""

    store: SqliteDatabase
    url: str
    session: aiohttp.ClientSession
    door: Door
    overflow: Overflow
    woken: list[None] = field(default_factory=list)

    async def post(self, path: str, body: bytes, headers: Any = None) -> tuple[int, str]:
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.text()

    async def whatsapp(self, body: bytes) -> tuple[int, str]:
        """Post what Meta signed."""
        return await self.post(WHATSAPP, body, {"X-Hub-Signature-256": signed(body)})

    async def shop(self, body: bytes, *, delivery: str = "d1", path: str = SHOP, secret: str = SHOP_SECRET) -> tuple[int, str]:
        """Post what a shop signed."""
        return await self.post(path, body, signature.sign(delivery, NOW, body, secret))

    async def rows(self, sql: str) -> list[Row]:
        def step() -> Step[list[Row]]:
            return list((yield Statement(sql, {})))

        return await self.store.read(step())

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.rows("select state from inbox order by id")]


@asynccontextmanager
async def front(path: Path) -> AsyncIterator[Front]:
    """Open a door."""
    store = await open_file(path)
    woken: list[None] = []
    shops = {"casa": ShopDoor(Plain((SHOP_SECRET,), "ES")), "otra": ShopDoor(Plain((OTHER_SECRET,)))}
    shops["tienda"] = ShopDoor(WooCommerce((WOO_SECRET,), "ES"), "woocommerce")
    overflow = Overflow(beside(path, None))
    door = Door(store, lambda: NOW, (SECRET, OLD_SECRET), TOKEN, shops, lambda: woken.append(None), overflow=overflow)
    listening = Listening()
    url = await listening.on_port(door.application(), port.take("127.0.0.1", 0), door.delivered)
    async with aiohttp.ClientSession() as session:
        yield Front(store, url, session, door, overflow, woken)
    await listening.close()
    await store.close()


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def message(name: str = "wamid.1", who: str = "34600111222", text: str = "Hello") -> dict[str, Any]:
    return {"from": who, "id": name, "timestamp": str(int(NOW.timestamp())), "type": "text", "text": {"body": text}}


def delivery(*changes: dict[str, Any]) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": list(changes)}]}).encode()


def change(**value: Any) -> dict[str, Any]:
    return {"field": "messages", "value": {"metadata": {"phone_number_id": "1060"}, **value}}


def one(name: str = "wamid.1", text: str = "Hello") -> bytes:
    return delivery(change(messages=[message(name, text=text)]))


def cart(key: str = "k1") -> bytes:
    data = {"checkout_key": key, "currency": "EUR", "items": [], "total": "0.00", "phone": "+34600111222"}
    return json.dumps({"type": "checkout.updated", "timestamp": NOW.isoformat(), "data": data}).encode()
