"""A year of a shop, read by the shop's own interface while the process that reads is killed three times.

`python -m pytest tests/crash/test_backfill.py --full -s` reads 20,000 orders from a shop of either platform into either database, and
prints how long it takes and how much memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web

from bot.sandbox.shop.admin_cost import Plan
from bot.sandbox.shop.books import Order, Payment
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.store.database import is_server
from bot.worker.shopping import STALE
from tests.journey.serving import Ran, clean_environment, command

from .house import SHOP, BotProcess, Surroundings, surroundings

ORDERS, FULL = 320, 20_000  # some pages at least
KILLS = (0.2, 0.55, 0.9)  # of the orders in: in the middle of a page, of the inbox, of anything
TOKEN = "shpat_of_the_tests"
FAST = Plan(bucket=20_000.0, restore=200_000.0)  # how long a plan makes one wait is no matter of this test
LOOK = 0.03
REREAD = timedelta(minutes=30)  # at most, since it was told


@dataclass(slots=True)
class Reading:
    """A store with a year behind it, and a bot that reads it."""

    platform: str
    around: Surroundings
    year: Year
    api: StoreApi
    bot: BotProcess

    async def fetch(self, *words: str) -> Ran:
        environment = clean_environment(**self.around.environ)
        return await command("shop", "fetch", SHOP, *words, environment=environment, folder=self.around.folder)

    async def until(self, orders: int, fetching: asyncio.Task[Ran]) -> None:
        """So many orders were told."""
        async with asyncio.timeout(600):
            while self.around.count("select coalesce(sum(found), 0) from shop_reading where part = 'order'") < orders:
                assert not fetching.done(), fetching.result()
                await asyncio.sleep(LOOK)


@asynccontextmanager
async def reading(folder: Path, where: str, platform: str, orders: int) -> AsyncIterator[Reading]:
    year = Year(lambda: datetime.now(UTC), orders=orders)
    api = StoreApi(token=TOKEN, books=year.books, plan=FAST)
    app = web.Application(client_max_size=2**24)
    app.add_routes(api.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    api.at(url)
    server = where if is_server(where) else None
    async with surroundings(folder, server=server) as around:
        name = f"COMEBACK_SHOP_{SHOP.upper()}"
        keys = {"API_TOKEN": TOKEN} if platform == "shopify" else {"API_KEY": "ck_sandbox", "API_SECRET": TOKEN}
        told = {"PLATFORM": platform, "SECRET": "a-secret-of-the-tests", "REGION": "ES", "API_URL": url} | keys
        around.environ |= {f"{name}_{part}": value for part, value in told.items()}
        bot = around.bot()
        try:
            yield Reading(platform, around, year, api, bot)
        finally:
            if bot.running:
                await bot.kill()
            await runner.cleanup()


@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
async def test_a_year_is_read_whole_and_once_though_its_reader_is_killed_three_times(
    tmp_path: Path, where: str, platform: str, full: bool
) -> None:
    if not full and (is_server(where) or platform != "shopify"):  # on a server most of it is waiting for a dead reader's lease
        pytest.skip("--full reads either platform into either database")
    orders = FULL if full else ORDERS
    async with reading(tmp_path, where, platform, orders) as one:
        began = monotonic()
        await one.bot.start()
        fetching = asyncio.create_task(one.fetch())
        for share in KILLS:
            await one.until(round(orders * share), fetching)
            await one.bot.kill()
            await one.bot.start()
        ran = await fetching
        seconds = monotonic() - began
        assert ran.code == 0, ran.err
        database = "PostgreSQL" if is_server(where) else "SQLite"
        print(f"\n{platform}, {database}: {orders:,} orders in {seconds:.0f} s, {_memory(one.bot.pid):.0f} MB of memory")
        print(ran.out)
        again = await one.fetch("--again")
        print(again.out)
        _assert_whole(one)
        assert await one.bot.terminate() == 0


def _assert_whole(one: Reading) -> None:
    knows_tests = one.platform == "shopify"
    books = {str(order.id): order for order in one.year.books.orders if not (order.test and knows_tests)}
    rows = one.around.rows("select key, number, status, total_minor, counted, contact from shop_order")
    assert len(rows) == len(books)
    assert {row["key"] for row in rows} == books.keys()
    for row in rows:
        order = books[row["key"]]
        assert (row["number"].removeprefix("#"), row["total_minor"]) == (str(order.number), order.total - order.refunded)
        assert bool(row["counted"]) is _counts(order)
    customers = {order.customer for order in books.values() if order.customer}
    named = one.around.count("select count(*) from identity where kind = 'customer'")
    assert named >= len(customers)
    doubles = "select count(*) from (select place, body from inbox where source = 'shop' group by place, body having count(*) > 1) as twice"
    assert one.around.count(doubles) == 0
    assert one.around.count("select count(*) from inbox where state <> 'done'") == 0
    young = sum(left.completed_at is None and datetime.now(UTC) - left.updated_at < STALE + REREAD for left in one.year.books.checkouts)
    assert one.around.count("select count(*) from run") <= young, "of carts that were left just now people are reminded, of no other"
    assert one.around.count("select count(*) from outbox") <= young
    counted = sum(_counts(order) for order in books.values())
    assert one.around.count("select sum(orders_count) from contact where merged_into is null") == counted
    left = one.year.books.checkouts if one.platform == "shopify" else [each for each in one.year.books.checkouts if not each.completed_at]
    there = {"shopper": len(one.year.books.customers), "order": len(one.year.books.orders), "cart": len(left)}
    told = one.around.rows("select part, cause, found, fresh from shop_reading order by id")
    asked = [row for row in told if row["cause"] == "asked"]
    first, second = asked[:3], asked[3:]
    assert {row["part"]: row["found"] for row in first} == {row["part"]: row["found"] for row in second} == there
    brought = {part: sum(row["fresh"] for row in told if row["part"] == part) for part in there}
    assert brought == there, "each once: by what was asked for, or by a look meanwhile"
    assert all(row["fresh"] == 0 for row in second), "asked again, the shop tells everything again, and nothing of it is new"


def _counts(order: Order) -> bool:
    if order.cancelled_at is not None or order.payment is Payment.REFUNDED:
        return False
    return not (order.payment is Payment.FAILED and not order.delivered) and order.total > 0


def _memory(pid: int) -> float:
    """The most a process had, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


