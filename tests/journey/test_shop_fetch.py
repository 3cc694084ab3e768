"""`comeback shop fetch` by hand: what it says the second time, what it cannot see, and how it is ended."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.command import shop_fetch
from bot.command.shop_fetch import Report
from bot.settings import Settings, read
from bot.store import readings
from bot.store.database import open_database
from bot.store.readings import Cause, People
from tests.crash.house import SHOP
from tests.crash.test_backfill import Reading, reading


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Reading]:
    async with reading(tmp_path, str(tmp_path / "comeback.db"), "shopify", orders=60) as store:
        await store.bot.start()
        yield store


async def test_what_came_of_it_is_shown_for_a_day_and_read_anew_where_that_is_asked_for(one: Reading) -> None:
    begun = "select count(*) from shop_reading where cause = 'asked'"
    first = await one.fetch()
    assert (first.code, one.around.count(begun)) == (0, 3)
    second = await one.fetch()
    assert (second.code, one.around.count(begun)) == (0, 3)
    assert second.out == first.out
    assert "casa was read, finished at " in second.err
    assert (await one.fetch("--since", "2 years")).code == 0
    assert one.around.count(begun) == 6, "that was another question"
    assert (await one.fetch("--orders", "--again")).code == 0
    assert one.around.count(begun) == 7


async def test_what_the_app_may_not_see_is_said_in_both_ways(one: Reading) -> None:
    one.api.shopify.scopes = frozenset({"read_orders", "read_customers"})
    ran = await one.fetch("--json")
    (told,) = json.loads(ran.out)
    assert [part["part"] for part in told["parts"]] == ["customers", "orders", "checkouts"]
    assert "Only orders of the last 60 days came: without the scope read_all_orders Shopify tells no older ones." in told["hints"]
    assert any("read_all_orders is missing: " in hint and "--again" in hint for hint in told["hints"])
    one.api.shopify.scopes = frozenset({"read_orders"})
    one.api.shopify.approved = False
    ran = await one.fetch("--again")
    assert ran.code == 1
    assert "If the app is for your store alone" in ran.out
    assert "read_customers and read_all_orders are missing" in ran.out


async def test_a_length_that_is_none_is_wrong_usage(one: Reading) -> None:
    assert (await one.fetch("--since", "gestern")).code == 2
    assert (await one.fetch("--since", "0 years")).code == 2


def test_one_person_stands_and_several_stand() -> None:
    def lines(people: int) -> list[str]:
        behind = People(people, with_phone=1, agreed=0, stopped=people)
        return list(shop_fetch.told(Report("casa", datetime(2026, 11, 1, tzinfo=UTC), None, (), behind, (), ())))

    assert lines(1)[2:] == ["  Behind what was new stands 1 person: 1 with a phone, 0 agreed to", "  marketing by WhatsApp, 1 wants none."]
    assert lines(2)[2:] == ["  Behind what was new stand 2 people: 1 with a phone, 0 agreed to", "  marketing by WhatsApp, 2 want none."]


@pytest.mark.parametrize("ticks", range(12))
def test_ended_while_it_looks_it_looks_to_the_end(tmp_path: Path, ticks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = served(tmp_path)
    faults: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)

    async def ended() -> None:
        looking = asyncio.ensure_future(shop_fetch._seen(settings, readings.latest(SHOP, Cause.ASKED)))
        for _ in range(ticks):
            await asyncio.sleep(0)
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking

    asyncio.run(ended())
    for thread in [one for one in threading.enumerate() if one is not threading.current_thread() and not one.daemon]:
        thread.join(5)
    assert faults == []


def served(folder: Path) -> Settings:
    """Settings of a database that is there."""
    asyncio.run(_made(folder / "comeback.db"))
    return read({"COMEBACK_DATABASE": str(folder / "comeback.db")}, serving=False)


async def _made(path: Path) -> None:
    await (await open_database(path)).close()
