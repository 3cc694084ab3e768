"""What the law lets people ask, done to the end: erased, nothing sent meanwhile, and a receipt that names nobody."""

from pathlib import Path
from typing import Any

import pytest_asyncio

from bot.policy.decision import Consent
from bot.store import privacy as asks
from bot.store.erasure_log import ErasureLog, Erasures
from bot.store.optout_log import OptOutLog
from bot.store.privacy import Ask
from bot.store.shelf import Shelf
from bot.store.step import Step
from bot.worker import dispatcher
from bot.worker.dispatcher import Worked
from bot.worker.playbook import House
from bot.worker.privacy import Privacy

from .bench import DAY, HOUR, LOLA, NUMBER, PEPE, Bench


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
        while await self.privacy.work():
            self.bench.now += 2 * HOUR / 3600
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
    print(ask.counts)
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
