"""A door on a free port with a shop of each platform behind it."""

import base64
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.shop import bigcommerce, mapping_file, mappings, shopify, woocommerce
from bot.shop.bigcommerce import BigCommerce
from bot.shop.delivery import Adapter
from bot.shop.mapping import MappedShop
from bot.shop.plain import Plain
from bot.shop.shopify import Shopify
from bot.shop.woocommerce import WooCommerce
from bot.store.sqlite import SqliteDatabase, open_file
from bot.store.step import Row, Statement, Step
from bot.web import port
from bot.web.door import Door, ShopDoor
from bot.web.listening import Listening
from bot.web.overflow import Overflow, beside

from .bodies import RECEIVED

SECRET, OLD_SECRET = "a shop's signing secret", "its secret before"
PLAIN_SECRET, OLD_PLAIN_SECRET = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"n", b"o"))
SHOPIFY, WOO, BIG, PLAIN = "/webhooks/shopify/casa", "/webhooks/woocommerce/lola", "/webhooks/bigcommerce/gran", "/webhooks/shop/mia"
MEDUSA, CARTFLOWS = "/webhooks/medusa/med", "/webhooks/cartflows/flujo"


@dataclass(slots=True)
class Front:
    """The door, open."""

    store: SqliteDatabase
    url: str
    session: aiohttp.ClientSession
    door: Door
    overflow: Overflow

    async def post(self, path: str, body: bytes, headers: Any = None) -> int:
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=headers) as answer:
            await answer.read()
            return answer.status

    async def rows(self) -> list[Row]:
        def step() -> Step[list[Row]]:
            return list((yield Statement("select place, kind, state, body, why from inbox order by id", {})))

        return await self.store.read(step())


@asynccontextmanager
async def front(folder: Path) -> AsyncIterator[Front]:
    """Open a door."""
    store = await open_file(folder / "comeback.db")
    secrets = (SECRET, OLD_SECRET)
    adapters: Mapping[str, tuple[Adapter, str]] = {
        "casa": (Shopify(secrets, "ES", "casa-lola.myshopify.com"), shopify.PLATFORM),
        "lola": (WooCommerce(secrets, "ES"), woocommerce.PLATFORM),
        "gran": (BigCommerce(secrets, "ES"), bigcommerce.PLATFORM),
        "mia": (Plain((PLAIN_SECRET, OLD_PLAIN_SECRET), "ES"), "shop"),
        "med": (mapped("medusa", secrets), "medusa"),
        "flujo": (mapped("cartflows", ("a-word-of-ours", "the-word-before")), "cartflows"),
    }
    shops = {name: ShopDoor(adapter, platform) for name, (adapter, platform) in adapters.items()}
    overflow = Overflow(beside(folder / "comeback.db", None))
    door = Door(store, lambda: RECEIVED, ("app",), "token", shops, lambda: None, overflow=overflow)
    listening = Listening()
    url = await listening.on_port(door.application(), port.take("127.0.0.1", 0), door.delivered)
    try:
        async with aiohttp.ClientSession() as session:
            yield Front(store, url, session, door, overflow)
    finally:  # a test that fails must end, too
        await listening.close()
        await store.close()


def mapped(name: str, secrets: tuple[str, ...]) -> MappedShop:
    """A shop of a mapping that ships."""
    made, problems = mapping_file.load(*mappings.find(Path("flows"), name))
    assert made is not None, problems
    return MappedShop(made, secrets)
