"""An ask that several see to, or that is asked again before it is done: nothing that is still to go is forgotten, nobody is done twice."""

import asyncio
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from bot.flow.run import Text
from bot.policy.decision import Author, Consent
from bot.store import contacts, erased, outbox, readings
from bot.store import privacy as asks
from bot.store.database import Database, StoreUnavailable, is_server, open_database
from bot.store.erasure_log import Stop
from bot.store.model import Identity, IdentityKind
from bot.store.privacy import About, Ask, Overtaken, What
from bot.store.readings import Cause, Wanted
from bot.store.step import Step
from bot.worker import dispatcher, privacy
from bot.worker.privacy import Privacy, _Needles, _Said

from .bench import DAY, HOUR, LOLA, MONDAY, NUMBER, PEPE, SHOP, Bench
from .test_privacy import Failing, Lawful, _in_another_shop

MINUTE = HOUR / 60
EMAIL = Identity(IdentityKind.EMAIL, "lola@example.com")


@pytest_asyncio.fixture
async def lawful(bench: Bench, tmp_path: Path) -> Lawful:
    return Lawful(bench, tmp_path)


async def _asked(bench: Bench, what: What = What.ERASE_SHOPPER, about: About | None = None) -> int:
    return await bench.store.run(asks.ask(what, SHOP, "k", "test", about or About(1), bench.now))


async def _known(bench: Bench, ask_id: int) -> Ask:
    ask = await bench.store.read(asks.load(ask_id))
    assert ask is not None
    return ask


async def test_what_many_remember_and_count_at_once_is_all_kept(bench: Bench) -> None:
    ask_id = await _asked(bench)
    names = [Identity(IdentityKind.EMAIL, f"p{number}@example.com") for number in range(12)]
    await asyncio.gather(*(bench.store.run(asks.remember(ask_id, names=[name])) for name in names))
    await asyncio.gather(*(bench.store.run(asks.count(ask_id, {"message": 2}, people=1)) for _ in names))
    ask = await _known(bench, ask_id)
    assert ask.about is not None
    assert set(ask.about.names) == set(names)
    assert (ask.counts, ask.people) == ({"message": 24}, 12)


async def test_asked_again_before_it_is_done_what_is_still_to_go_goes(bench: Bench) -> None:
    first = About(5, orders=("o-1",))
    ask_id = await _asked(bench, about=first)
    await bench.store.run(asks.remember(ask_id, names=[EMAIL], files=["f" * 64], copies=["data-1.zip"]))
    await _asked(bench, about=About(9, orders=("o-2",)))
    assert (await _known(bench, ask_id)).about == About(9, (EMAIL,), ("o-1", "o-2"), ("f" * 64,), ("data-1.zip",))
    await bench.store.run(asks.done(ask_id, bench.now))
    await _asked(bench, about=About(12))
    assert (await _known(bench, ask_id)).about == About(12)


async def test_whoever_is_at_it_keeps_it_and_who_is_overtaken_leaves_the_receipt_alone(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email=EMAIL.value)
    await bench.cart("k2", PEPE)
    await bench.shop("store.redact")
    await bench.work()
    ask = await bench.store.run(asks.claim(bench.now))
    assert ask is not None
    assert ask.about is not None
    for _ in range(3):
        bench.now += 4 * MINUTE
        await bench.store.run(asks.go_on(ask.id, bench.now))
    assert await bench.store.run(asks.claim(bench.now)) is None
    everybody = await bench.store.read(asks.of_shop(SHOP))
    assert len(everybody) == 2
    await lawful.privacy._carry_out(ask, ask.about)
    for contact in everybody:  # another that had begun before
        with pytest.raises(Overtaken):
            await lawful.privacy._erase_of_shop(ask, ask.about, contact, _Said({}))
    await bench.store.run(asks.remember(ask.id, names=[EMAIL]))
    await bench.store.run(asks.later(ask.id, bench.now, "it failed here", failed=True))
    receipt = await _known(bench, ask.id)
    assert (receipt.is_open, receipt.about, receipt.why, receipt.people) == (False, None, None, 2)


class Meanwhile:
    """A database to which something happens before the transaction of a number."""

    def __init__(self, store: Database, at: int, happens: Callable[[], Awaitable[None]]) -> None:
        self._store, self._at, self._happens, self.count = store, at, happens, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def run(self, step: Step[Any], *, last: bool = False) -> Any:
        self.count += 1
        if self.count == self._at:
            await self._happens()
        return await self._store.run(step, last=last)


@pytest.mark.parametrize("at", range(1, 9))
async def test_who_is_back_and_asks_again_while_the_first_ask_is_being_done_is_erased_whenever_that_is(lawful: Lawful, at: int) -> None:
    bench = lawful.bench

    async def back_and_asks_again() -> None:
        bench.now += 2 * MINUTE
        await bench.cart("k9", email=EMAIL.value)
        await bench.work()
        bench.now += MINUTE
        await lawful.redact(customer_key="c-77")

    await bench.cart()
    await bench.work()
    await lawful.redact(customer_key="c-77")
    store = Meanwhile(bench.store, at, back_and_asks_again)
    work = Privacy(cast("Database", store), lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, lawful.folder / "copies")
    while await work.work():
        pass
    assert store.count >= at
    for _ in range(3):
        bench.now += MINUTE
        await work.work()
    (ask,) = await bench.store.read(asks.every())
    assert not ask.is_open
    assert await bench.store.read(asks.people(ask.id)) == []
    after = await lawful.dump()
    assert [word for word in (LOLA, EMAIL.value, "k1'", "k9") if word in after] == []


@pytest.mark.parametrize("at", range(3, 18))
async def test_whom_another_process_erases_for_the_same_shop_is_forgotten_by_both(
    lawful: Lawful, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(privacy, "PEOPLE_AT_ONCE", 1)
    bench = lawful.bench
    await bench.cart("k1", LOLA)
    await bench.cart("k2", PEPE)
    for who in (LOLA, PEPE):
        await bench.writes("STOP", who)
    await bench.store.run(lawful.optouts.around(dispatcher.work(lawful.house())))
    await bench.work()
    lola, pepe = await bench.contact(LOLA), await bench.contact(PEPE)
    await bench.shop("store.redact")
    await bench.work()
    (ask,) = await bench.store.read(asks.every())

    async def erases_pepe() -> None:
        """And goes no further until the first is done."""
        assert ask.about is not None
        await lawful.privacy._erase_of_shop(ask, ask.about, pepe, await lawful.privacy._said_together())

    store = Meanwhile(bench.store, at, erases_pepe)
    first = Privacy(cast("Database", store), lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, lawful.folder / "copies")
    for _ in range(3):
        await first.work()
        bench.now += MINUTE
    assert store.count >= at
    receipt = await _known(bench, ask.id)
    assert (receipt.is_open, receipt.people) == (False, 2)
    log = (lawful.folder / "log.optouts").read_text()
    assert [who for who in (LOLA, PEPE) if who in log or who in await lawful.dump()] == []
    assert [line.contacts for line in lawful.erasures.log.read() if line.what == "person"] in ([(lola,), (pepe,)], [(pepe,), (lola,)])


@pytest.mark.parametrize("at", range(8, 14))
async def test_who_was_half_erased_for_a_shop_that_nothing_leads_to_any_more_is_erased_all_the_same(
    lawful: Lawful, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(privacy, "ROWS_AT_ONCE", 1)
    bench = lawful.bench
    await bench.writes("hello")  # known by her number, and written to once in the shop's name
    await bench.work()
    await bench.store.run(_written_to(await bench.contact(LOLA), bench.now))
    await bench.shop("store.redact")
    await bench.work()
    store = cast("Database", Failing(bench.store, at, kept=True))
    first = Privacy(store, lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, lawful.folder / "copies")
    with suppress(StoreUnavailable):
        await first.work()
    bench.now += HOUR
    ask = await lawful.done()
    assert (ask.is_open, ask.people) == (False, 1)
    assert [word for word in (LOLA, "hello", "still there?") if word in await lawful.dump()] == []


def _written_to(contact: int, now: datetime) -> Step[None]:
    draft = outbox.Draft(
        "q:1", contact, NUMBER, SHOP, Text("still there?"), Author.FLOW, marketing=False, reply=False, expires_at=now + DAY
    )  # fmt: skip
    yield from outbox.enqueue(draft, now)


async def test_who_joins_forgets_nothing_that_is_in_the_hands_of_another(where: str) -> None:
    """Where others may work beside us, whoever starts leaves them what they have in hand until their lease is over."""
    stores = [await open_database(where)]
    ask_id = await stores[0].run(asks.ask(What.ERASE_SHOP, SHOP, "k", "test", About(1), MONDAY))
    assert await stores[0].run(asks.claim(MONDAY)) is not None
    if is_server(where):
        stores.append(await open_database(where))
        await stores[1].run(asks.let_go(MONDAY))
        assert await stores[1].run(asks.claim(MONDAY)) is None
        await stores.pop(0).close()
    await stores[0].run(asks.let_go(MONDAY))
    claimed = await stores[0].run(asks.claim(MONDAY))
    assert claimed is not None
    assert claimed.id == ask_id
    await stores[0].close()


@pytest.mark.parametrize(("kept", "gone", "both"), [(SHOP, "", ""), ("", SHOP, ""), (SHOP, SHOP, SHOP), (None, None, None)])
async def test_of_two_who_are_one_as_much_is_erased_as_was_asked_of_either(
    bench: Bench, kept: str | None, gone: str | None, both: str | None
) -> None:
    ask_id = await _asked(bench)

    def merged() -> Step[int]:
        one, other = (yield from contacts.create(bench.now)), (yield from contacts.create(bench.now))
        yield from asks.add_person(ask_id, one, kept)
        yield from asks.add_person(ask_id, other, gone)
        yield from contacts.merge(one, other, bench.now)
        return one

    one = await bench.store.run(merged())
    assert await bench.store.read(asks.people(ask_id)) == [asks.Person(one, both)]


async def test_a_copy_that_was_written_before_goes_when_one_shop_erases(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email=EMAIL.value, customer_key="c-77")
    await _in_another_shop(bench)
    await bench.shop("privacy.data", phone=f"+{LOLA}", request_key="r-1")
    await bench.work()
    copied = await lawful.done()
    assert copied.file is not None
    path = lawful.folder / "copies" / copied.file
    assert path.exists()
    await lawful.redact(customer_key="c-77")
    assert not (await lawful.done()).is_open
    assert not path.exists()
    assert (await _known(bench, copied.id)).file is None


@pytest.mark.parametrize("left", ["data-1.zip", "data-1.zip.unfinished"])
async def test_of_a_copy_that_a_kill_left_nothing_stays_when_they_were_erased_since(lawful: Lawful, left: str) -> None:
    bench = lawful.bench
    await lawful.privacy.work()  # one that has run for long: it leaves others what they have in hand
    await bench.cart()
    await bench.shop("privacy.data", phone=f"+{LOLA}", request_key="r-1")
    await bench.work()
    (asked,) = await bench.store.read(asks.every())
    assert asked.id == 1
    path = lawful.folder / "copies" / left
    path.parent.mkdir()
    path.write_text(LOLA)  # killed before its receipt knew of it
    assert await bench.store.run(asks.claim(bench.now)) is not None
    await lawful.redact()
    await lawful.done()
    bench.now += HOUR
    await lawful.done()
    assert not path.exists()
    receipt = await _known(bench, asked.id)
    assert (receipt.is_open, receipt.file) == (False, None)


@pytest.mark.parametrize("at", range(1, 5))
async def test_who_is_erased_while_their_copy_is_being_written_is_not_handed_over(lawful: Lawful, at: int) -> None:
    bench = lawful.bench

    async def erased() -> None:
        await lawful.redact()
        ask = (await bench.store.read(asks.every()))[-1]
        assert ask.about is not None
        await lawful.privacy._carry_out(ask, ask.about)  # by another process

    await bench.cart()
    await bench.shop("privacy.data", phone=f"+{LOLA}", request_key="r-1")
    await bench.work()
    store = Meanwhile(bench.store, at, erased)
    work = Privacy(cast("Database", store), lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, lawful.folder / "copies")
    for _ in range(3):
        await work.work()
        bench.now += MINUTE
    assert store.count >= at
    copied, _ = await bench.store.read(asks.every())
    assert (copied.is_open, copied.file) == (False, None)
    assert list((lawful.folder / "copies").glob("*")) == []


async def test_a_copy_that_is_asked_for_once_more_while_it_is_written_is_of_everybody_asked_for(lawful: Lawful) -> None:
    bench = lawful.bench

    async def asked_again() -> None:
        await bench.shop("privacy.data", phone=f"+{PEPE}", request_key="r-1")
        await bench.work()

    for key, who in (("k1", LOLA), ("k2", PEPE)):
        await bench.cart(key, who)
    await bench.shop("privacy.data", phone=f"+{LOLA}", request_key="r-1")
    await bench.work()
    store = Meanwhile(bench.store, 4, asked_again)
    work = Privacy(cast("Database", store), lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, lawful.folder / "copies")
    for _ in range(3):
        await work.work()
        bench.now += MINUTE
    (ask,) = await bench.store.read(asks.every())
    assert (ask.is_open, ask.people) == (False, 2)
    assert ask.file is not None
    with zipfile.ZipFile(lawful.folder / "copies" / ask.file) as copy:
        told = copy.read("data.json").decode()
    assert [who for who in (LOLA, PEPE) if who not in told] == []


async def test_a_stop_of_before_holds_through_two_erasures_and_a_start_ends_it(lawful: Lawful) -> None:
    bench = lawful.bench

    async def erased_and_back(key: str) -> Consent:
        await lawful.redact(request_key=key)
        await lawful.done()
        bench.now += DAY
        await bench.cart(key, email=EMAIL.value)
        await bench.go()
        return (await bench.person()).consent

    await bench.cart(email=EMAIL.value)
    await bench.writes("STOP")
    await bench.go()
    assert await erased_and_back("r-1") is Consent.WITHDRAWN
    assert await erased_and_back("r-2") is Consent.WITHDRAWN
    await bench.writes("START")
    await bench.go()
    assert await erased_and_back("r-3") is Consent.GRANTED


async def test_of_several_stops_that_are_left_the_newest_counts(bench: Bench) -> None:
    early, late = (Stop("whatsapp", bench.now - days * DAY, "word") for days in (5, 1))
    await bench.store.run(erased.mark(["a"], [late], bench.now))
    await bench.store.run(erased.mark(["b"], [early], bench.now))
    left = await bench.store.read(erased.marked(["a", "b"]))
    assert left is not None
    assert left.stops == (late,)


async def test_what_was_missed_or_is_to_be_fetched_of_somebody_who_was_erased_is_forgotten_though_nobody_knew_them(lawful: Lawful) -> None:
    bench = lawful.bench

    def kept() -> Step[None]:
        yield from readings.begin(SHOP, [("order", bench.now)], Cause.NIGHTLY, bench.now)
        reading = yield from readings.claim(bench.now)
        assert reading is not None
        for key in ("o-1", "c-77", "o-2"):
            yield from readings.miss(reading, key, bench.now, f"#{key}", bench.now, is_new=True)
            yield from readings.want(Wanted(SHOP, f"/things/{key}", "order", key, "t", bench.now), bench.now)

    await bench.store.run(kept())
    await lawful.redact(customer_key="c-77", orders=["o-1"])  # type: ignore[arg-type]  # a list
    assert not (await lawful.done()).is_open
    assert [row["key"] for row in await bench.rows("select key from missed")] == ["o-2"]
    assert [row["key"] for row in await bench.rows("select key from wanted_resource")] == ["o-2"]


async def test_what_readings_missed_and_brought_in_is_forgotten_after_a_while(bench: Bench) -> None:
    def read() -> Step[None]:
        yield from readings.begin(SHOP, [("order", bench.now)], Cause.NIGHTLY, bench.now)
        reading = yield from readings.claim(bench.now)
        assert reading is not None
        yield from readings.miss(reading, "o-1", bench.now, "#1", bench.now, is_new=True)
        yield from readings.go_on(reading, bench.now, cursor=None, found=1, brought=[1], missed=1)

    await bench.store.run(read())
    for before, left in ((bench.now, 1), (bench.now + DAY, 0)):
        await bench.store.run(readings.forget_old(before))
        rows = await bench.rows("select (select count(*) from missed) as missed, (select count(*) from read_entry) as brought")
        assert (rows[0]["missed"], rows[0]["brought"]) == (left, left)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (Identity(IdentityKind.PHONE, "+4520123456"), '{"phone": "20 12 34 56", "country": "DK"}', True),
        (Identity(IdentityKind.WA_ID, "4520123456"), '{"note": "call 20123456"}', True),
        (Identity(IdentityKind.PHONE, "+6591234567"), '{"phone": "9123-4567"}', True),
        (Identity(IdentityKind.PHONE, "+4520123456"), '{"phone": "004520123456"}', True),
        (Identity(IdentityKind.PHONE, "+4520123456"), '{"order": 9201234567}', False),
        (Identity(IdentityKind.PHONE, "+34600111222"), '{"phone": "600 11 12 22"}', True),
        (Identity(IdentityKind.EMAIL, "ia@b.com"), '{"email": "maria@b.com"}', False),
        (Identity(IdentityKind.EMAIL, "ia@b.com"), '{"email": "x.ia@b.com", "other": "ia@b.com.mx"}', False),
        (Identity(IdentityKind.EMAIL, "ia@b.com"), '{"email": "IA@B.com"}', True),
        (Identity(IdentityKind.EMAIL, "ia@b.com"), '{"note": "write to:\\nia@b.com."}', True),
        (Identity(IdentityKind.EMAIL, "ia@b.com"), '{"note": "\\u003cia@b.com\\u003e"}', True),
        (Identity(IdentityKind.CUSTOMER, "77", SHOP), '{"id": "gid://shopify/Customer/77"}', True),
        (Identity(IdentityKind.CUSTOMER, "77", SHOP), '{"id": 1077, "total": "77.50"}', False),
    ],
)
def test_old_deliveries_are_searched_for_names_as_they_are_written(name: Identity, text: str, found: bool) -> None:
    assert _Needles.of([name]).in_body(text.encode(), SHOP) is found
