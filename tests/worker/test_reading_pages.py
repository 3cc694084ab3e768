"""Stores that are read, page by page as the test writes them: what a house does between two pages, and with pages that go wrong."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.command.shop_fetch import standing_still
from bot.shop import plain
from bot.shop import reading as shop_reading
from bot.shop.event import Thin
from bot.shop.reader import Found, Page, Part
from bot.shop.verifier import Doubt
from bot.shop.wire import Garbled, ShopUnreachable
from bot.store import privacy, readings
from bot.store.readings import Cause, Reading, ReadingState, Wanted
from bot.web.desk_socket import DeskSocket
from bot.worker.lapse import Absence
from bot.worker.reorder import Foresight
from bot.worker.store_reading import MOST_TRIES, NIGHT, StoreReading

from .bench import DAY, HOUR, LOLA, SHOP, Bench, owner_files, playbook

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


async def test_who_comes_late_holds_nobody_up(bench: Bench) -> None:
    reading = house_of(bench, Pages(([], [], [])))
    await ask(bench)
    late = await bench.store.run(readings.claim(bench.now))
    assert late is not None
    bench.now += readings.LEASE * 2
    assert await reading.read_on()
    await bench.store.run(readings.keep(late, bench.now))
    assert await reading.read_on(), "it went on, and is nobody's who held it before"


async def test_dates_are_worked_out_again_as_soon_as_what_the_owner_asked_for_is_worked_off(bench: Bench) -> None:
    await bench.order(items=[COFFEE])
    await bench.work()
    foresight = Foresight(bench.store, bench.house)
    await foresight.keep_fresh()
    worked_out = "select max(worked_out_at) as at from product_evidence"
    (before,) = await bench.rows(worked_out)
    bench.now += HOUR
    reading = house_of(bench, Pages(([bought(bench, "old", bench.now - 25 * DAY)], [])))
    await ask(bench)
    assert await reading.read_on()
    assert await reading.read_on()
    await foresight.keep_fresh()
    assert await bench.rows(worked_out) == [before], "it waits in the inbox"
    await bench.work()
    await foresight.keep_fresh()
    (after,) = await bench.rows(worked_out)
    assert after["at"] > before["at"]
    bench.now += HOUR
    await foresight.keep_fresh()
    assert await bench.rows(worked_out) == [after], "once"


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


# ---- pages that go wrong


async def test_a_page_that_never_reads_well_is_refused_in_the_end_and_no_night_waits_for_it(bench: Bench) -> None:
    good, bad = Pages(([bought(bench, "o", bench.now - HOUR)],)), Pages((Garbled(),))
    await ask(bench)
    reading = house_of(bench, bad)
    assert await reading.read_on()
    bench.now += NIGHT + HOUR
    night = house_of(bench, good)
    await night.look()
    (begun,) = await bench.store.read(readings.latest(SHOP, Cause.NIGHTLY))
    assert await _read_once(bench, good, begun)
    assert [one.state for one in await latest(bench, Cause.NIGHTLY)] == [ReadingState.DONE]
    for _ in range(MOST_TRIES):
        bench.now += HOUR
        await reading.read_on()
    (one,) = await latest(bench)
    assert (one.state, len(bad.asked)) == (ReadingState.REFUSED, MOST_TRIES)
    assert "cannot be read, however often" in (one.trouble or "")


async def _read_once(bench: Bench, pages: Pages, reading: Reading) -> bool:
    """Whether the next page that is read is of this reading."""
    found = await bench.store.run(readings.claim(bench.now))
    while found is not None and found.id != reading.id:
        found = await bench.store.run(readings.claim(bench.now))
    if found is None:
        return False
    await house_of(bench, pages)._read(found)
    return True


async def test_a_shop_that_is_down_for_days_is_asked_again_and_again(bench: Bench) -> None:
    pages = Pages((ShopUnreachable("the shop answered 503"),))
    reading = house_of(bench, pages)
    await ask(bench)
    for _ in range(2 * MOST_TRIES):
        assert await reading.read_on()
        bench.now += HOUR
    assert [one.state for one in await latest(bench)] == [ReadingState.WAITING]


@pytest.mark.parametrize("wanted", [1e15, 1e308, float("inf"), 366 * 86_400.0])
async def test_however_long_a_shop_wants_to_be_left_alone_it_is_asked_again_within_the_hour(bench: Bench, wanted: float) -> None:
    pages = Pages((ShopUnreachable("the shop answered 503", wanted),))
    reading = house_of(bench, pages)
    await ask(bench)
    assert await reading.read_on()
    bench.now += HOUR
    assert await reading.read_on()


@dataclass(slots=True)
class Slow(Pages):
    """A shop that answers when it is told to."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    fetched: int = 0

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        await self.answers.wait()
        return Page((), None)

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        await self.answers.wait()
        self.fetched += 1
        return ()


async def test_who_watches_is_told_why_nothing_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.store_reading.PATIENCE", 0.05)
    reading = StoreReading(bench.store, {SHOP: Slow(())}, lambda: bench.now, rest=0)
    await bench.store.run(readings.begin(SHOP, [(Part.ORDER, bench.now - DAY)], Cause.ASKED, bench.now))

    async def told(later: timedelta = timedelta()) -> str:
        (one,) = await bench.store.read(readings.latest(SHOP, Cause.ASKED))
        return standing_still(SHOP, one if one.state is ReadingState.WAITING else None, bench.now + later)

    assert "does 'comeback serve' run" in await told()
    await reading.read_on()
    assert "takes its time" in await told()
    assert "does 'comeback serve' run" in await told(readings.LEASE)
    await reading.stop()
    (one,) = await bench.store.read(readings.latest(SHOP, Cause.ASKED))
    await bench.store.run(readings.stumble(one, "it answers 503", bench.now + HOUR))
    assert "it answers 503" in await told()


async def test_a_slow_shop_keeps_no_other_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.store_reading.PATIENCE", 0.05)
    slow, quick = Slow(()), Slow(())
    quick.answers.set()
    reading = StoreReading(bench.store, {"slow": slow, "quick": quick}, lambda: bench.now, rest=0)
    for shop in ("slow", "quick"):
        await bench.store.run(readings.begin(shop, [(Part.ORDER, bench.now - DAY)], Cause.ASKED, bench.now))
        for number in range(12):
            await bench.store.run(readings.want(Wanted(shop, f"/{number}", "order", str(number), "t", bench.now), bench.now))
    for _ in range(5):
        await reading.fetch_wanted()
        await reading.read_on()
    assert quick.fetched == 12
    assert [one.state for one in await bench.store.read(readings.latest("quick", Cause.ASKED))] == [ReadingState.DONE]
    assert len(await bench.rows("select 1 as one from wanted_resource where shop = 'slow' and retry_at > 0")) == 12
    slow.answers.set()
    for _ in range(5):
        await asyncio.sleep(0.05)
        await reading.fetch_wanted()
    assert slow.fetched == 12, "each once"
    await reading.stop()


async def test_whoever_stops_waits_for_no_shop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.store_reading.PATIENCE", 0.05)
    reading = StoreReading(bench.store, {SHOP: Slow(())}, lambda: bench.now, rest=0)
    await ask(bench)
    await bench.store.run(readings.want(Wanted(SHOP, "/1", "order", "1", "t", bench.now), bench.now))
    assert await reading.read_on()
    assert await reading.fetch_wanted()
    assert not await reading.read_on()
    await reading.stop()
    next_one = StoreReading(bench.store, {SHOP: Pages(([],))}, lambda: bench.now, rest=0)
    await next_one.start(alone=True)
    assert await next_one.read_on()
    assert await next_one.fetch_wanted()
    assert await bench.rows("select 1 as one from wanted_resource") == []


async def test_nobody_else_reads_a_page_that_takes_longer_than_a_lease(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.store_reading.PATIENCE", 0.05)
    monkeypatch.setattr("bot.store.readings.LEASE", timedelta(seconds=0.6))
    reading = StoreReading(bench.store, {SHOP: Slow(())}, lambda: bench.now, rest=0)
    await ask(bench)
    assert await reading.read_on()
    bench.now += HOUR
    await asyncio.sleep(0.5)
    assert await bench.store.run(readings.claim(bench.now)) is None
    await reading.stop()
    bench.now += HOUR
    assert await bench.store.run(readings.claim(bench.now)) is not None
