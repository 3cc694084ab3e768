"""Shops deliver faster than a slow database keeps: each hears an answer in time, nothing is lost, WooCommerce is never refused."""

import asyncio
import json
import secrets
import signal
import sqlite3
import sys
import threading
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bot.shop import signature
from bot.web.overflow import Overflow, beside
from tests.journey.serving import ROOT, address_of, clean_environment
from tests.shop.bodies import shopify_headers, woo_headers

IN_TIME = 5.0  # seconds: Shopify counts a later answer as a failure
HOLDS = (0.7, 0.3, 0.9, 0.5, 4.0)  # seconds for which another program writes, one after the other
FREE = 0.08  # seconds between two of these
MOST_TRIES = 20
SECRET, PLAIN_SECRET = "a-secret-of-sixteen-letters-or-more", "whsec_" + "c2Vj" * 9


@dataclass(slots=True)
class Heard:
    """What the shops heard."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest: float = 0.0
    given_up: int = 0


def deliveries(count: int) -> Iterator[tuple[str, str, bytes]]:
    """(platform, path, body), each unlike any other."""
    now = datetime.now(UTC)
    for number, platform in enumerate(islice(cycle(("woocommerce", "shopify", "woocommerce", "shopify", "shop")), count)):
        if platform == "shop":
            data = {"checkout_key": f"k{number}", "currency": "EUR", "items": [], "total": "0.00"}
            body: dict[str, Any] = {"type": "checkout.updated", "timestamp": now.isoformat(), "data": data}
        else:
            stamp = now.strftime("%Y-%m-%dT%H:%M:%S")
            body = {"id": number + 1, "number": str(number), "status": "processing", "currency": "EUR", "total": "10.00", "line_items": []}
            body |= {"date_created_gmt": stamp, "date_modified_gmt": stamp, "billing": {"phone": f"+346{number:08d}", "country": "ES"}}
            body |= {"created_at": f"{stamp}Z", "updated_at": f"{stamp}Z", "total_price": "10.00", "order_number": number}
        yield platform, f"/webhooks/{platform}/{platform}-casa", json.dumps(body).encode()


async def deliver(session: aiohttp.ClientSession, url: str, one: tuple[str, str, bytes], heard: Heard) -> None:
    """As that shop does it: WooCommerce once, the others until it is taken."""
    platform, path, body = one
    name = secrets.token_hex(8)
    for _ in range(1 if platform == "woocommerce" else MOST_TRIES):
        match platform:
            case "woocommerce":
                headers = woo_headers("order.created", body, SECRET, name)
            case "shopify":
                headers = shopify_headers("orders/create", body, SECRET, name)
            case _:
                headers = signature.sign(name, datetime.now(UTC), body, PLAIN_SECRET)
        began = monotonic()
        async with session.post(url + path, data=body, headers=headers) as answer:
            await answer.read()
        heard.slowest = max(heard.slowest, monotonic() - began)
        heard.answers[platform, answer.status] += 1
        if answer.ok:
            return
        await asyncio.sleep(1)
    heard.given_up += platform != "woocommerce"


@contextmanager
def slow(path: Path) -> Iterator[None]:
    """Another program writes into the database most of the time."""
    over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:
            for length in cycle(HOLDS):
                other.execute("begin immediate")
                over.wait(length)
                other.execute("rollback")
                if over.wait(FREE):
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """A bot with a shop of each kind, in a process of its own; its address."""
    environment = clean_environment(
        COMEBACK_DATABASE=str(folder / "comeback.db"),
        COMEBACK_PORT="0",
        COMEBACK_FLOWS=str(ROOT / "flows"),
        COMEBACK_LOCALES=str(ROOT / "locales"),
        COMEBACK_WHATSAPP_TOKEN="token",
        COMEBACK_WHATSAPP_APP_SECRET="secret",
        COMEBACK_WHATSAPP_VERIFY_TOKEN="verify",
        COMEBACK_WHATSAPP_NUMBER="106540352242922",
        COMEBACK_WHATSAPP_API="http://127.0.0.1:9/v24.0",
        COMEBACK_SHOPS="woocommerce-casa,shopify-casa,shop-casa",
        COMEBACK_SHOP_WOOCOMMERCE_CASA_PLATFORM="woocommerce",
        COMEBACK_SHOP_WOOCOMMERCE_CASA_SECRET=SECRET,
        COMEBACK_SHOP_SHOPIFY_CASA_PLATFORM="shopify",
        COMEBACK_SHOP_SHOPIFY_CASA_SECRET=SECRET,
        COMEBACK_SHOP_SHOPIFY_CASA_DOMAIN="casa-lola.myshopify.com",
        COMEBACK_SHOP_SHOP_CASA_SECRET=PLAIN_SECRET,
    )
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", stderr=log, stdout=PIPE, env=environment, cwd=folder
        )
    try:
        yield await address_of(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=60)) as database:
        found: int = database.execute("select count(*) from inbox where source = 'shop'").fetchone()[0]
        return found


def waits(path: Path) -> bool:
    """Whether something is left beside the database."""
    return Overflow(beside(path, None)).waits()


async def test_every_answer_comes_in_time_and_nothing_is_lost_while_the_database_is_slow(tmp_path: Path, full: bool) -> None:
    rate, seconds = (500, 30) if full else (100, 6)
    heard, path = Heard(), tmp_path / "comeback.db"
    async with served(tmp_path) as url:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)) as session:
            with slow(path):
                began, under_way = monotonic(), list[asyncio.Task[None]]()
                for number, one in enumerate(deliveries(rate * seconds)):
                    await asyncio.sleep(began + number / rate - monotonic())
                    under_way.append(asyncio.create_task(deliver(session, url, one, heard)))
                rate_reached = len(under_way) / (monotonic() - began)
                await asyncio.sleep(HOLDS[-1])
            await asyncio.gather(*under_way)
        async with asyncio.timeout(60):
            while kept(path) < rate * seconds or waits(path):  # noqa: ASYNC110 - another process works; what is in twice waits for its turn
                await asyncio.sleep(0.2)
    print(f"{rate_reached:.0f} a second, slowest answer {heard.slowest:.2f} s, {dict(heard.answers)}")
    assert {status for platform, status in heard.answers if platform == "woocommerce"} == {200}
    assert heard.given_up == 0
    assert heard.slowest < IN_TIME
    assert kept(path) == rate * seconds
    assert not waits(path)
