"""A shop of a platform whose webhooks have gone silent: it is asked itself before a customer hears of a cart."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio

from bot.app import App, start_app
from bot.command.stage import push_templates
from bot.sandbox.clock import TurnedClock
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.graph import VERSION
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.books import Order
from bot.sandbox.shop.shop import Shop
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.settings import Settings, ShopSettings, WhatsAppSettings

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET, TOKEN, APP_SECRET = "a-secret-of-the-shop", "shpat_of_the_tests", "an app's secret"
LOLA, BEN = "+34600111222", "+34600999888"
GENERIC = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()


@dataclass(slots=True)
class House:
    """The whole house, a Shopify store beside it, and a clock that is turned by hand."""

    app: App
    clock: TurnedClock
    cloud: CloudApi
    year: Year

    async def webhook(self, topic: str, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
        name = hashlib.sha256(body + topic.encode()).hexdigest()
        headers = {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature, "X-Shopify-Webhook-Id": name}
        url = f"{self.app.url}/webhooks/shopify/casa"
        async with self.app.session.post(url, data=io.BytesIO(body), headers=headers) as response:
            assert response.status == 200
        await self.rest()

    async def leaves(self, phone: str, token: str) -> None:
        """Somebody who agreed leaves a checkout."""
        at = self.clock().isoformat()
        customer = int(phone[-9:])
        consent = {"state": "SUBSCRIBED", "updated_at": at}
        told: dict[str, Any] = {"customer_id": customer, "phone_number": phone, "whats_app_marketing_consent": consent}
        await self.webhook("customers_whats_app_marketing_consent/update", told)
        line = {"title": "Huila", "quantity": 1, "price": "60.00", "product_id": 1, "variant_id": 2}
        checkout = {"token": token, "currency": "EUR", "total_price": "60.00", "updated_at": at, "line_items": [line]}
        more = {"phone": phone, "customer": {"id": customer}, "abandoned_checkout_url": f"https://casa.example/checkouts/{token}"}
        await self.webhook("checkouts/update", checkout | more)

    async def turn(self, length: timedelta) -> None:
        self.clock.forward_to(self.clock() + length)
        self.app.crew.wake()
        await self.rest()

    async def rest(self) -> None:
        for _ in range(3):
            await self.cloud.idle()
            while not self.app.crew.idle:  # noqa: ASYNC110 - it is told by nobody
                await asyncio.sleep(0.005)

    def got(self, phone: str) -> int:
        return len([bubble for bubble in self.cloud.thread(phone) if not bubble.by_customer])


@asynccontextmanager
async def open_house(folder: Path, database: str) -> AsyncIterator[House]:
    clock = TurnedClock(MONDAY)
    cloud = CloudApi(clock, app_secret=APP_SECRET, status_delay=0.002)
    year = Year(clock, orders=30)
    store = StoreApi(token=TOKEN, books=year.books)
    sandbox = Sandbox(clock, cloud=cloud, shop=Shop(clock, secret=GENERIC), store=store)
    url = await sandbox.start()
    store.at(url)
    whatsapp = WhatsAppSettings(cloud.token, (APP_SECRET,), "x", cloud.number.id, f"{url}/{VERSION}", cloud.waba_id)
    shop = ShopSettings("casa", (SECRET,), None, "ES", "shopify", None, api_url=url, api_token=TOKEN)
    settings = Settings(
        database=database,
        host="127.0.0.1",
        port=0,
        flows=Path("flows"),
        locales=Path("locales"),
        public_url=None,
        whatsapp=whatsapp,
        shops={"casa": shop},
        log_level="WARNING",
        optouts=folder / "comeback.optouts",
        files=folder / "comeback.files",
        shops_silence=timedelta(minutes=30),
    )
    app = await start_app(settings, whatsapp, clock)
    cloud.webhooks.url = f"{app.url}/webhooks/whatsapp"
    await push_templates(app, whatsapp)
    try:
        yield House(app, clock, cloud, year)
    finally:
        await app.stop()
        await sandbox.close()


@pytest_asyncio.fixture
async def house(tmp_path: Path, where: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, where) as one:
        yield one


async def test_an_order_that_only_the_store_knows_of_stops_the_reminder(house: House) -> None:
    await house.leaves(LOLA, "a" * 32)
    await house.leaves(BEN, "b" * 32)
    bought(house, "a" * 32)
    await house.turn(timedelta(hours=1, minutes=1))
    assert (house.got(LOLA), house.got(BEN)) == (0, 1)


def bought(house: House, token: str) -> Order:
    """An order is placed in the store, and no webhook tells it."""
    like = next(iter(house.year.books.orders))
    fresh = {"id": next(house.year.books.ids), "customer": None, "email": None, "phone": None, "cancelled_at": None, "refunds": ()}
    placed = {"placed_at": house.clock(), "updated_at": house.clock(), "checkout_token": token, "cart_token": None, "test": False}
    return house.year.books.place(replace(like, **fresh, **placed))  # type: ignore[arg-type]  # fields of Order
