"""Stores that are read, page by page as the test writes them: what a house does between two pages, and with pages that go wrong."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.shop import plain
from bot.shop import reading as shop_reading
from bot.shop.event import Thin
from bot.shop.reader import Found, Page, Part
from bot.shop.verifier import Doubt
from bot.store import privacy, readings
from bot.store.readings import Cause, Reading, Wanted
from bot.web.desk_socket import DeskSocket
from bot.worker.lapse import Absence
from bot.worker.reorder import Foresight
from bot.worker.store_reading import NIGHT, StoreReading

from .bench import DAY, HOUR, LOLA, SHOP, Bench, owner_files, playbook

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
COFFEE = {"product_id": "p-huila", "title": "Huila", "quantity": 1, "unit_price": "5.00", "category": "coffee"}
WIN_BACK = owner_files()["flows/win_back.yaml"].replace("after: 3 gaps", "for: 60 days")


@dataclass(slots=True)
class Pages:
    """Reads a store whose pages the test wrote; one that is an error is raised."""

    written: Sequence[Sequence[Found] | Exception]
    parts: tuple[Part, ...] = (Part.ORDER,)
    asked: list[Part] = field(default_factory=list)

    @property
    def changes(self) -> tuple[Part, ...]:
        return self.parts

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        self.asked.append(part)
        number = int(cursor or 0)
        page = self.written[number]
        if isinstance(page, Exception):
            raise page
        return Page(tuple(page), str(number + 1) if number + 1 < len(self.written) else None)

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        return ()

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        return True


def bought(bench: Bench, key: str, placed: datetime, items: Sequence[Mapping[str, Any]] = (COFFEE,)) -> Found:
    """An order of Lola's, as a store tells it."""
    agreed = {"consent": {"whatsapp": {"state": "granted", "source": "checkout"}}}
    stamps = {"placed_at": placed.isoformat(), "updated_at": placed.isoformat()}
    told = {"currency": "EUR", "order_key": key, "total": "5.00", "items": items, "phone": f"+{LOLA}", **agreed, **stamps}
    body = json.dumps({"type": "order.created", "timestamp": placed.isoformat(), "data": told})
    (update,) = plain.split(SHOP, f"fetched {key}", body.encode(), bench.now)
    assert update.unreadable is None
    return Found(update, shop_reading.read(update.kind, update.body))


def house_of(bench: Bench, pages: Pages) -> StoreReading:
    return StoreReading(bench.store, {SHOP: pages}, lambda: bench.now, rest=0)


async def ask(bench: Bench, *parts: Part) -> None:
    """The owner wants what was before."""
    wanted = [(part, bench.now - 400 * DAY) for part in parts or (Part.ORDER,)]
    await bench.store.run(readings.begin(SHOP, wanted, Cause.ASKED, bench.now))


async def latest(bench: Bench, cause: Cause = Cause.ASKED) -> list[Reading]:
    return await bench.store.read(readings.latest(SHOP, cause))


# ---- between two pages


async def test_who_bought_again_on_a_later_page_is_not_nudged_between_the_pages(bench: Bench) -> None:
    bench.now += 105 * DAY + 2 * HOUR
    old, new = bought(bench, "old", bench.now - 25 * DAY - HOUR), bought(bench, "new", bench.now - 3 * DAY)
    reading = house_of(bench, Pages(([old], [new])))
    await ask(bench)
    assert await reading.read_on()
    assert await bench.go(HOUR) == []
    assert await bench.go(DAY) == [], "however long the next page takes"
    assert await reading.read_on()
    assert await bench.go(DAY) == []


async def test_who_bought_nothing_since_is_nudged_once_all_is_read(bench: Bench) -> None:
    bench.now += 105 * DAY + 2 * HOUR
    reading = house_of(bench, Pages(([bought(bench, "old", bench.now - 25 * DAY - HOUR)], [])))
    await ask(bench)
    assert await reading.read_on()
    assert await bench.go(HOUR) == []
    assert await reading.read_on()
    assert len(await bench.go(HOUR)) == 1


async def test_a_nudge_does_not_wait_for_the_history_of_another_shop(bench: Bench) -> None:
    bench.now += 105 * DAY
    await bench.store.run(readings.begin("another", [(Part.ORDER, bench.now - DAY)], Cause.ASKED, bench.now))
    await bench.order(items=[COFFEE], consent={"whatsapp": {"state": "granted", "source": "checkout"}})
    await bench.go()
    assert await bench.go(25 * DAY + HOUR) != []


async def test_who_ordered_on_a_later_page_is_not_missed_between_the_pages(bench: Bench) -> None:
    bench.playbook = playbook(win_back=WIN_BACK)
    bench.now += 105 * DAY + 2 * HOUR
    old, new = bought(bench, "old", bench.now - 60 * DAY - HOUR, ()), bought(bench, "new", bench.now - 5 * DAY, ())
    reading = house_of(bench, Pages(([old], [new])))
    await ask(bench)
    assert await reading.read_on()
    assert await bench.go(HOUR) == []
    assert await reading.read_on()
    await bench.go(HOUR)
    assert await bench.rows("select flow from run where flow = 'win_back'") == []


async def test_no_night_learns_from_a_history_that_is_half_read(bench: Bench) -> None:
    bench.playbook = playbook(win_back=WIN_BACK)
    reading = house_of(bench, Pages(([bought(bench, "old", bench.now - 25 * DAY)], [])))
    await ask(bench)
    await reading.read_on()
    await bench.work()
    nights = Foresight(bench.store, bench.house), Absence(bench.store, bench.house)
    for night in nights:
        await night.keep_fresh()
    assert await bench.rows("select product from product_evidence") == []
    await reading.read_on()
    for night in nights:
        await night.keep_fresh()
    assert await bench.rows("select product from product_evidence") != []


# ---- a shop that left


async def test_a_shop_that_took_us_out_is_neither_looked_at_nor_read_nor_fetched_from(bench: Bench) -> None:
    pages = Pages(([bought(bench, "o", bench.now - HOUR)],))
    reading = house_of(bench, pages)
    await ask(bench)
    await bench.store.run(readings.want(Wanted(SHOP, "/orders/1", "order", "1", "orders/edited", bench.now), bench.now))
    await bench.store.run(privacy.close_shop(SHOP, bench.now))
    bench.now += NIGHT + HOUR
    await reading.look()
    assert not await reading.read_on()
    assert not await reading.fetch_wanted()
    assert pages.asked == []
    assert await latest(bench, Cause.NIGHTLY) == []
    await bench.store.run(privacy.reopen_shop(SHOP))
    assert await reading.read_on()
    assert await reading.fetch_wanted()


async def test_nobody_can_ask_for_the_history_of_a_shop_that_left(bench: Bench) -> None:
    desk = DeskSocket(bench.store, lambda: bench.now, lambda: None)
    words = {"shop": SHOP, "parts": json.dumps({"order": bench.now.isoformat()})}
    await bench.store.run(privacy.close_shop(SHOP, bench.now))
    assert "took the app out" in (await desk.answer("read_store", words))["error"]
    await bench.store.run(privacy.reopen_shop(SHOP))
    assert await desk.answer("read_store", words) == {"result": "begun"}
