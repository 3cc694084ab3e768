"""What the law lets people ask, done to the end: erased, nothing sent meanwhile, and a receipt that names nobody."""

import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from bot.desk import actions
from bot.desk import privacy as by_hand
from bot.policy.decision import Consent
from bot.shop import plain
from bot.store import contacts, erased, erasing, inbox, outbox
from bot.store import privacy as asks
from bot.store.database import Database, StoreUnavailable, open_database
from bot.store.erasure_log import ErasureLog, Erasures
from bot.store.model import Identity, IdentityKind, Source
from bot.store.optout_log import OptOutLog
from bot.store.privacy import Ask
from bot.store.shelf import Shelf
from bot.store.step import Statement, Step
from bot.worker import dispatcher, privacy, restoring
from bot.worker.dispatcher import Worked
from bot.worker.playbook import House
from bot.worker.privacy import Privacy

from .bench import DAY, HOUR, ITEMS, LOLA, NUMBER, PEPE, Bench, playbook
from .test_identity import NEW, number_changed


class Lawful:
    """A bench where people can be erased."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        self.erasures = Erasures(ErasureLog(folder / "log.erased"))
        self.optouts = OptOutLog(folder / "log.optouts")
        self.shelf = Shelf(folder / "files", spare=0)
        self.shelf.check()
        self.overflows = False
        bench.house = self.house  # type: ignore[method-assign]  # the bench's house, with its log
        bench.sender._house = self.house
        self.privacy = Privacy(
            bench.store, self.house, self.erasures, self.optouts, self.shelf, folder / "copies", lambda: self.overflows
        )

    def house(self) -> House:
        return House(self.bench.playbook, self.bench.store.instance, NUMBER, self.bench.now, erasures=self.erasures)

    async def redact(self, **more: str) -> None:
        told: dict[str, Any] = {"phone": f"+{LOLA}", **more}
        await self.bench.shop("privacy.redact", **told)
        await self.bench.work()

    async def done(self) -> Ask:
        """Carry out what was asked; the newest receipt."""
        for _ in range(8):
            await self.privacy.work()
            self.bench.now += HOUR / 1800
        return (await self.bench.store.read(asks.every()))[-1]

    async def dump(self) -> str:
        """Everything in the database."""
        tables = [row["name"] for row in await self.bench.rows(_TABLES[self.bench.store.__class__.__name__])]
        found: dict[str, list[Any]] = {}
        for table in tables:
            rows: list[Any] = await self.bench.rows(f"select * from {table}")
            found[table] = [tuple(row) for row in rows]
        return repr(found)


_TABLES = {
    "SqliteDatabase": "select name from sqlite_master where type = 'table'",
    "PostgresDatabase": "select tablename as name from pg_tables where schemaname = current_schema()",
}


@pytest_asyncio.fixture
async def lawful(bench: Bench, tmp_path: Path) -> Lawful:
    return Lawful(bench, tmp_path)


async def test_who_is_redacted_is_nowhere_any_more_and_the_receipt_says_how_much_went(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email="lola@example.com", customer_key="c-77", first_name="Lolita")
    await bench.go()
    await bench.go(HOUR)
    await bench.writes("my secret answer")
    await bench.go()
    await bench.order("o-lola", email="lola@example.com", customer_key="c-77")
    await bench.cart("k-pepe", PEPE)
    await bench.go()
    before = await lawful.dump()
    for word in (LOLA, "lola@example.com", "c-77", "Lolita", "my secret answer", "o-lola"):
        assert word in before, word
    await lawful.redact(customer_key="c-77", email="lola@example.com")
    ask = await lawful.done()
    assert not ask.is_open
    assert (ask.people, ask.about) == (1, None)
    assert ask.counts["contact"] == 1
    after = await lawful.dump()
    for word in (LOLA, "lola@example.com", "c-77", "Lolita", "my secret answer", "o-lola", "wamid"):
        assert word not in after, word
    assert PEPE in after
    await bench.go(DAY)


async def test_nothing_that_was_queued_goes_out_once_the_redact_is_worked_off(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart()
    await bench.cart("k2", PEPE)
    await bench.go()
    bench.now += HOUR
    await bench.work()
    assert await bench.states() == ["queued", "queued"]
    await bench.shop("privacy.redact", phone=f"+{LOLA}")
    assert len(await bench.send()) == 1
    await bench.work()
    assert await bench.send() == []
    await lawful.done()
    assert [sent.to.phone for sent in bench.channel.sent] == [f"+{PEPE}"]
    assert sorted(await bench.states()) == ["cancelled", "sent"]


async def test_a_stop_holds_after_the_erasure_and_whatever_the_shop_says_until_they_say_otherwise(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email="lola@example.com")
    await bench.writes("STOP")
    await bench.store.run(lawful.optouts.around(_worked(bench)))
    await bench.go()
    assert LOLA in (lawful.folder / "log.optouts").read_text()
    await lawful.redact()
    await lawful.done()
    assert LOLA not in (lawful.folder / "log.optouts").read_text()
    assert LOLA not in (lawful.folder / "log.erased").read_text()
    bench.now += DAY
    await bench.cart("k9", email="lola@example.com")
    await bench.go()
    assert (await bench.person()).consent is Consent.WITHDRAWN
    await bench.go(HOUR)
    assert len(bench.channel.sent) == 1  # the confirmation of the STOP
    await bench.writes("START")
    await bench.go()
    assert (await bench.person()).consent is Consent.GRANTED
    await bench.cart("k10", email="lola@example.com", customer_key="c-1")
    await bench.go()
    assert (await bench.person()).consent is Consent.GRANTED


def _worked(bench: Bench) -> Step[Worked]:
    return dispatcher.work(bench.house())


async def test_what_another_shop_of_the_same_owner_knows_stays(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email="lola@example.com", customer_key="c-77")
    await bench.order("o-casa", customer_key="c-77")
    await _in_another_shop(bench)
    await bench.writes("hello to both")
    await bench.go()
    await lawful.redact(customer_key="c-77")
    ask = await lawful.done()
    assert not ask.is_open
    after = await lawful.dump()
    assert "c-77" not in after
    assert "o-casa" not in after
    assert all(word in after for word in (LOLA, "c-other", "hello to both"))
    assert (await bench.person()).orders_count == 1
    assert ask.counts["shop_order"] == 1
    await bench.writes("still here")
    assert await bench.go()


async def _in_another_shop(bench: Bench) -> None:
    order = {"order_key": "o-other", "customer_key": "c-other", "phone": f"+{LOLA}", "total": "5.00", "currency": "EUR", "items": ITEMS}
    body = {"type": "order.created", "timestamp": bench.now.isoformat(), "data": order}
    await bench.store.receive(plain.split("otra", "d-other", json.dumps(body).encode(), bench.now), bench.now)
    await bench.work()


async def test_two_contacts_that_were_merged_go_together_with_what_the_first_one_left_behind(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart("k1", None, email="lola@example.com", consent=None)
    await bench.go()
    await bench.cart("k2", LOLA, consent=None)
    await bench.go()
    await bench.shop("customer.updated", phone=f"+{LOLA}", email="lola@example.com")
    await bench.go()
    assert await bench.rows("select id from contact where merged_into is not null")
    await bench.shop("privacy.redact", email="lola@example.com")  # Shopify may tell nothing else
    await bench.work()
    await lawful.done()
    after = await lawful.dump()
    assert [word for word in (LOLA, "lola@example.com", '"k1"', "k2") if word in after] == []


async def test_an_order_that_names_another_phone_goes_where_the_shop_lists_it(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(customer_key="c-77", email="lola@example.com")
    await bench.order("o-gift", PEPE, customer_key="c-77", email="lola@example.com")  # its phone is the stronger name
    await bench.go()
    await bench.writes("it arrived, thanks", PEPE)
    await bench.go()
    await lawful.redact(customer_key="c-77", email="lola@example.com", orders=["o-gift"])  # type: ignore[arg-type]  # a list
    await lawful.done()
    after = await lawful.dump()
    assert [word for word in (LOLA, "lola@example.com", "c-77", "o-gift") if word in after] == []
    assert "it arrived, thanks" in after
    assert (await bench.person(PEPE)).orders_count == 0


async def test_old_words_of_somebody_who_was_erased_are_not_taken_in_and_new_ones_are(lawful: Lawful) -> None:
    bench = lawful.bench
    before = bench.now
    await bench.cart(email="lola@example.com")
    await bench.go(HOUR)
    await lawful.redact(email="lola@example.com")
    await lawful.done()
    late = {"order_key": "o-late", "phone": f"+{LOLA}", "total": "1.00", "items": ITEMS, "placed_at": before.isoformat()}
    await bench.shop("order.created", at=before, **late)
    await bench.work()
    after = await lawful.dump()
    assert (LOLA in after, "o-late" in after) == (False, False)
    await bench.go(HOUR)
    await bench.cart("k-new", email="lola@example.com")
    await bench.go()
    assert (await bench.person()).email == "lola@example.com"


async def test_a_late_status_brings_nobody_back(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.reminded()
    sent = bench.channel.sent[-1]
    await lawful.redact()
    await lawful.done()
    bench.now += HOUR
    await bench.status(sent, "read")
    await bench.work()
    assert LOLA not in await lawful.dump()


async def test_a_message_on_the_wire_and_an_unread_stop_are_waited_for(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart()
    await bench.go()
    bench.now += HOUR
    await bench.work()
    claim, _, _ = await bench.store.run(bench.sender._claim(bench.house(), 5), last=True)
    assert len(claim.claimed) == 1
    await bench.writes("STOP")
    await bench.shop("privacy.redact", phone=f"+{LOLA}")
    await bench.store.run(_only_the_ask())
    await bench.work()
    ask = await lawful.done()
    assert ask.is_open
    assert ask.why == "a message to them is on the wire: it is waited for"
    await bench.store.run(outbox.sent(claim.claimed[0].id, "wamid.late", held=False))
    bench.now += HOUR
    ask = await lawful.done()
    assert (ask.is_open, ask.why) == (True, "something that came before the ask is not worked off yet: it may be an opt-out")
    await bench.store.run(_and_the_rest())
    await bench.work()
    bench.now += HOUR
    assert not (await lawful.done()).is_open
    bench.now += HOUR
    await bench.cart("k9")
    await bench.go()
    assert (await bench.person()).consent is Consent.WITHDRAWN


def _only_the_ask() -> Step[None]:
    yield Statement("update inbox set retry_at = 9000000000000000 where source = 'whatsapp' and state = 'waiting'", {})


def _and_the_rest() -> Step[None]:
    yield Statement("update inbox set retry_at = null", {})


async def test_deliveries_that_wait_beside_the_database_are_waited_for(lawful: Lawful) -> None:
    await lawful.bench.cart()
    await lawful.bench.go()
    lawful.overflows = True
    await lawful.redact()
    assert (await lawful.done()).why == "deliveries that came before are not in the database yet"
    lawful.overflows = False
    lawful.bench.now += HOUR
    assert not (await lawful.done()).is_open


async def test_the_same_ask_once_more_has_the_same_receipt_and_finds_nothing(lawful: Lawful) -> None:
    await lawful.bench.cart()
    await lawful.bench.go()
    await lawful.redact(request_key="r-9")
    first = await lawful.done()
    await lawful.redact(request_key="r-9")
    again = await lawful.done()
    assert (again.id, again.people, again.is_open) == (first.id, first.people, False)
    assert len(await lawful.bench.store.read(asks.every())) == 1


async def test_a_copy_holds_everything_said_and_bought_for_the_owner_alone_and_goes_with_the_person(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email="lola@example.com", customer_key="c-77", first_name="Lolita")
    await bench.writes("what do you know of me?")
    await bench.order("o-lola")
    await bench.go()
    await bench.shop("privacy.data", phone=f"+{LOLA}", request_key="r-1")
    await bench.work()
    ask = await lawful.done()
    assert ask.file is not None
    path = lawful.folder / "copies" / ask.file
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with zipfile.ZipFile(path) as copy:
        told = json.loads(copy.read("data.json"))
    (person,) = told["people"]
    assert person["person"]["first_name"] == "Lolita"
    assert {name["value"] for name in person["names"]} >= {f"+{LOLA}", "lola@example.com", "c-77"}
    assert [one["text"] for one in person["messages_received"]] == ["what do you know of me?"]
    assert person["messages_sent"][0]["body"] in [sent.content.body for sent in bench.channel.sent]
    assert person["orders"][0]["key"] == "o-lola"
    assert person["orders"][0]["placed_at"].startswith("2026-11-02T")
    assert person["deliveries"]
    assert ask.about is None
    assert LOLA not in repr(ask)
    assert [one.late for one in await bench.store.read(asks.pressing(bench.now + 31 * DAY))] == [True]
    await lawful.redact()
    await lawful.done()
    assert not path.exists()


async def test_who_is_unknown_gets_no_copy_and_the_receipt_says_so(lawful: Lawful) -> None:
    await lawful.bench.shop("privacy.data", email="nobody@example.com")
    await lawful.bench.work()
    ask = await lawful.done()
    assert (ask.file, ask.people, ask.why) == (None, 0, "nobody here goes by these names: there is nothing to hand over")


async def test_who_was_unknown_when_they_were_erased_is_not_taken_for_another_databases_log_in_a_copy(lawful: Lawful) -> None:
    bench, unknown = lawful.bench, Identity(IdentityKind.EMAIL, "unknown@example.com")
    await bench.cart(email="lola@example.com")
    async with another_database(lawful) as copy:  # what was known before the others were erased
        await copy.redact(phone="", email=unknown.value)
        assert not (await copy.done()).is_open
        await lawful.redact(phone="", email=unknown.value)
        await lawful.done()
        bench.now += HOUR
        await lawful.redact()
        assert (await lawful.done()).people == 1
        assert not await copy.bench.store.read(erased.is_foreign(lawful.erasures.log))
    async with another_database(lawful, "older.db") as older:  # of before any of it
        await older.bench.store.run(restoring._ask_again(older.erasures, 0, bench.now))
        left = await older.bench.store.read(erased.marked(lawful.erasures.marks_of([unknown])))
        assert left is not None
        assert left.at < bench.now - HOUR
        late = bench.now - DAY
        await older.bench.cart("k-late", None, email=unknown.value, at=late)
        await older.bench.work()
        assert unknown.value not in await older.dump()


# ---- names that change hands


async def test_who_gave_up_a_number_is_not_erased_with_its_next_owner_and_stays_stopped(lawful: Lawful) -> None:
    bench = lawful.bench
    log = lawful.folder / "log.optouts"
    await bench.cart(email="lola@example.com", customer_key="c-1")
    await bench.writes("STOP")
    await bench.store.run(lawful.optouts.around(_worked(bench)))
    before = {Identity(IdentityKind.PHONE, f"+{LOLA}"), Identity(IdentityKind.WA_ID, LOLA)}
    lola = await bench.contact(LOLA)
    bench.now += DAY
    await number_changed(bench, LOLA, NEW)
    await bench.writes("hello, I am new here")  # a stranger has the old number now
    await bench.work()
    stranger = await bench.contact(LOLA)
    assert stranger != lola
    await lawful.redact()
    assert (await lawful.done()).people == 1
    (line,) = lawful.optouts.read()
    assert line is not None
    assert {name.value for name in line.names} == {"lola@example.com", "c-1"}
    assert LOLA not in log.read_text()
    email = Identity(IdentityKind.EMAIL, "lola@example.com")
    assert await bench.store.read(erased.marked(lawful.erasures.marks_of([email]))) is None
    assert await bench.contact(NEW) == lola
    async with another_database(lawful) as copy:  # from before the number changed hands
        await copy.bench.cart(email="lola@example.com", customer_key="c-1")
        await copy.bench.work()
        assert await copy.bench.store.read(erasing.living(before)) != set()
        newest = await copy.bench.store.read(erased.newest_contact())
        assert await copy.bench.store.run(restoring._ask_again(copy.erasures, newest, bench.now)) == 0
        assert await copy.bench.rows("select 1 from privacy_person") == []


@asynccontextmanager
async def another_database(lawful: Lawful, name: str = "copy.db") -> AsyncIterator[Lawful]:
    """A database in which nothing happened yet, beside the same logs."""
    other = Bench(await open_database(lawful.folder / name), playbook())
    other.now = lawful.bench.now
    try:
        yield Lawful(other, lawful.folder)
    finally:
        await other.store.close()


async def test_who_is_erased_for_one_shop_keeps_their_stop_in_the_log(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart(email="lola@example.com", customer_key="c-77")
    await _in_another_shop(bench)
    await bench.writes("STOP")
    await bench.store.run(lawful.optouts.around(_worked(bench)))
    await lawful.redact(customer_key="c-77")
    assert not (await lawful.done()).is_open
    (line,) = lawful.optouts.read()
    assert line is not None
    assert (f"+{LOLA}" in {name.value for name in line.names}, "c-77" in {name.value for name in line.names}) == (True, False)


# ---- shops


async def test_a_shop_that_took_the_app_out_sends_nothing_more_and_its_codes_are_not_made(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart()
    await bench.cart("k2", PEPE)
    await bench.go()
    bench.now += HOUR
    await bench.work()
    assert await bench.states() == ["queued", "queued"]
    await bench.cart("k3", "34600777666")
    await bench.work()
    await bench.shop("store.uninstalled")
    await bench.work()
    assert await bench.send() == []
    ask = await lawful.done()
    assert (ask.what, ask.is_open) == ("uninstalled", False)
    assert await bench.go(HOUR) == []
    assert await bench.go(DAY) == []
    assert set(await bench.outcomes()) <= {"not sent", "the shop took the app out"}
    assert set(await bench.states()) == {"cancelled"}
    bench.now -= DAY
    await bench.cart("k4", at=bench.now - HOUR)  # a delivery that comes late
    await bench.work()
    assert [row["why"] for row in await bench.rows("select why from inbox order by id desc limit 1")] == ["the shop took the app out"]
    assert "k4" not in await lawful.dump()


async def test_a_shop_is_back_when_its_owner_says_so_and_not_because_it_is_heard(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.shop("store.uninstalled")
    await bench.work()
    await lawful.done()
    await bench.go(DAY)
    await bench.cart("k-late")
    await bench.go()
    assert list(await bench.store.read(asks.closed_shops())) == ["casa"]
    assert "k-late" not in await lawful.dump()
    assert await bench.go(DAY) == []
    assert await bench.store.run(by_hand.reopen(lawful.erasures, "casa", bench.now))
    await bench.cart("k-new")
    await bench.go()
    assert await bench.store.read(asks.closed_shops()) == {}
    assert len(await bench.go(HOUR)) == 1
    assert [line.what for line in lawful.erasures.log.read()] == ["shop_left", "shop_back"]


async def test_everything_of_a_shop_goes_and_nothing_of_others(lawful: Lawful, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="bot.worker.privacy")
    bench = lawful.bench
    people = [f"346007770{number:02d}" for number in range(12)]
    for number, who in enumerate(people):
        await bench.cart(f"k{number}", who, customer_key=f"cust-{number}")
        await bench.order(f"o{number}", who)
    await _in_another_shop(bench)
    await bench.cart("k-lola", LOLA)
    await bench.go()
    await bench.writes("hello there", people[0])
    await bench.go()
    await bench.shop("store.redact")
    await bench.work()
    ask = await lawful.done()
    assert (ask.is_open, ask.people) == (False, 13)
    after = await lawful.dump()
    assert [word for word in (*people, "cust-", "hello there", "k-lola") if word in after] == []
    assert all(word in after for word in (LOLA, "c-other", "o-other"))
    assert "erasing shop casa: 13 of 13 people" in caplog.text
    assert [who for who in people if who in caplog.text] == []


async def test_what_staff_or_a_timer_want_of_somebody_who_was_erased_comes_to_nothing(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.reminded()
    contact = await bench.contact()
    await lawful.redact()
    await lawful.done()
    await bench.store.run(inbox.put(Source.DESK, "say", contact, {"staff": "Ana", "text": "hello?"}, bench.now))
    await bench.store.run(inbox.set_timer(bench.now, contact, "run", 1, 1))
    await bench.store.run(contacts.learn(contact, f"+{LOLA}", [Identity(IdentityKind.WA_ID, LOLA)], bench.now))
    assert await bench.go(DAY) == []
    assert LOLA not in await lawful.dump()
    assert {row["why"] for row in await bench.rows("select why from inbox where source in ('desk', 'clock')")} >= {"it names nobody"}
    with pytest.raises(actions.NotFound):
        await bench.store.read(actions.find(str(contact)))


# ---- a disk that is full


@contextmanager
def no_room(log: Path) -> Iterator[None]:
    """No room for another line of a log."""
    away = log.with_name("away")
    if was := log.exists():
        log.rename(away)
    log.symlink_to("/dev/full")
    yield
    log.unlink()
    if was:
        away.rename(log)


@pytest.mark.parametrize("told", ["store.uninstalled", "store.redact", "privacy.redact"])
async def test_what_the_law_asks_waits_while_the_erasure_log_takes_nothing_and_is_done_then(lawful: Lawful, told: str) -> None:
    bench = lawful.bench
    await bench.cart()
    await bench.go()
    who: dict[str, Any] = {"phone": f"+{LOLA}"} if told == "privacy.redact" else {}
    with no_room(lawful.folder / "log.erased"):
        await bench.shop(told, **who)
        for _ in range(dispatcher.MAX_ATTEMPTS + 1):
            with pytest.raises(StoreUnavailable, match=r"log\.erased cannot be used: No space left"):
                await bench.work()
            bench.now += HOUR
        assert [row["state"] for row in await bench.rows("select state from inbox order by id desc limit 1")] == ["waiting"]
    await bench.work()
    assert not (await lawful.done()).is_open
    assert list(await bench.store.read(asks.closed_shops())) == ([] if who else ["casa"])
    assert [row["why"] for row in await bench.rows("select why from inbox where state = 'dead'")] == []


async def test_an_erasure_goes_on_as_soon_as_the_log_takes_lines_again_and_its_receipt_says_meanwhile_what_is_wrong(lawful: Lawful) -> None:
    bench = lawful.bench
    await bench.cart()
    await bench.go()
    await lawful.redact()
    with no_room(lawful.folder / "log.erased"):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="No space left"):
                await lawful.privacy.work()
            (ask,) = await bench.store.read(asks.every())
            assert (ask.is_open, ask.attempts) == (True, 0)
            assert "cannot be used: No space left" in str(ask.why)
            bench.now += HOUR / 1800
    assert not (await lawful.done()).is_open
    assert LOLA not in await lawful.dump()


# ---- cut short


class Cut(Exception):
    """The power fails."""


class Failing:
    """A database that fails at the transaction of a number: after it was kept, or as it would have been."""

    def __init__(self, store: Database, at: int, *, kept: bool) -> None:
        self._store, self._at, self._kept, self.count = store, at, kept, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def run(self, step: Step[Any], *, last: bool = False) -> Any:
        self.count += 1
        if self.count < self._at:
            return await self._store.run(step, last=last)
        if self.count == self._at and self._kept:
            await self._store.run(step, last=last)
        elif self.count == self._at:
            with suppress(Cut):
                await self._store.run(_given_up(step), last=last)
        raise StoreUnavailable("the power failed")


def _given_up(step: Step[Any]) -> Step[None]:
    yield from step
    raise Cut


@pytest.mark.parametrize("kept", [True, False])
async def test_cut_at_any_transaction_the_next_process_ends_it(
    tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setattr(privacy, "ROWS_AT_ONCE", 4)
    at, cuts = 1, 0
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        bench = Bench(await open_database(str(folder / "comeback.db")), playbook())
        lawful = Lawful(bench, folder)
        await bench.reminded()
        for number in range(9):
            await bench.writes(f"my secret {number}")
        await bench.writes("STOP")
        await bench.go()
        await lawful.redact()
        failing = Failing(bench.store, at, kept=kept)
        store = cast("Database", failing)  # by its methods
        first = Privacy(store, lawful.house, lawful.erasures, lawful.optouts, lawful.shelf, folder / "copies")
        with suppress(StoreUnavailable):
            while await first.work():
                pass
        is_over = failing.count < at
        bench.now += HOUR
        ask = await lawful.done()
        dump, log = await lawful.dump(), (folder / "log.erased").read_text()
        await bench.store.close()
        assert not ask.is_open
        assert (ask.people, ask.counts["message"], ask.counts["contact"]) == (1, 10, 1)
        assert [word for word in (LOLA, "my secret", "k1'") if word in dump] == []
        assert '"whatsapp"' in log
        if is_over:
            break
        cuts += 1
        at += 1 if full else 5
    print(f"\n{cuts} cuts")
    assert cuts >= 2
