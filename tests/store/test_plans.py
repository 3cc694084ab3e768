"""Nothing that runs for each event or each second reads a table through, however long the history is.

The shop's whole day is walked through on a database full of what is long over: carts, reminders, codes, answers, orders, a STOP, statuses,
timers, a process that died. On PostgreSQL the server counts who was read through; on SQLite each statement is explained.
"""

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest

from bot.store import gauges, health, inbox, outbox
from bot.store.database import Database, is_server, open_database
from bot.store.sqlite import SqliteDatabase
from bot.store.step import Statement, Step
from bot.worker.pacer import Pacer
from bot.worker.sender import Sender
from bot.worker.store_reading import StoreReading
from tests.postgres_server import Server
from tests.worker.bench import DAY, HOUR, PEPE, Bench, playbook

SMALL = {"meta", "process", "number_state", "sending_number", "portfolio", "template", "closed_country"}  # few rows
MONTH = 30

_HISTORY = """
insert into contact (created_at, consent) select 0, 'granted' from n;
insert into pair (contact, number, free_at) select i, '106540352242922', 0 from n;
insert into reached (contact, message, at) select i, i, 0 from n;
insert into portfolio (id, reached) select 1, count(*) from n;
insert into identity (kind, scope, value, contact, since) select 'phone', '', '+1' || (10000000 + i), i, 0 from n;
insert into identity (kind, scope, value, contact, since) select 'wa_id', '', '1' || (10000000 + i), i, 0 from n;
insert into also_known (kind, scope, value, contact) select 'phone', '', '+1' || (10000000 + i), i from n;
insert into consent_record (contact, channel, state, at, method, source, recorded_at, effective)
  select i, 'whatsapp', 'granted', 0, 'shop', 'x', 0, 1 from n;
insert into tag (contact, tag, since) select i, 'old', 0 from n;
insert into inbox (source, kind, place, contact, body, occurred_at, received_at, state)
  select 'whatsapp', 'message', '1', i, cast('{}' as blob), i, i, 'done' from n;
insert into conversation (contact, number, changed_at) select i, '1', 0 from n;
insert into message (contact, number, author, kind, text, at) select i, '1', 'customer', 'text', 'hello', i from n;
insert into checkout (shop, key, contact, state, updated_at, lines, total_minor, currency)
  select 'old', 'k' || i, i, 'ordered', 0, '[]', 1, 'EUR' from n;
insert into shop_order (shop, key, contact, number, status, placed_at, updated_at, lines, total_minor, currency, codes)
  select 'old', 'o' || i, i, '#1', 'placed', 0, 0, '[]', 1, 'EUR', '[]' from n;
insert into purchase (shop_order, product, contact, shop, pieces, at) select i, 'p-huila', i, 'old', 1, 0 from n;
insert into sold_product (shop, product, name, category) select 'old', 'p' || i, 'Coffee', 'coffee' from n;
insert into product_evidence (shop, product, buyers, people, gaps, worked_out_at) select 'old', 'p' || i, 1, 0, 0, 0 from n;
insert into shop_reading (shop, part, cause, since, begun_at, state, retry_at) select 'old', 'order', 'nightly', 0, i, 'done', 0 from n;
insert into missed (shop, part, key, at, name, is_new, reading, found_at) select 'old', 'order', 'o' || i, 0, '#1', 1, 1, 0 from n;
insert into awaited_purchase (contact, shop, what, shop_order, since, due, generation) select i, 'old', 'reorder:coffee', i, 0, 0, 1 from n;
insert into revision (id, flow, source, stored_at) values ('old', 'old', '{}', 0);
insert into run (contact, number, shop, flow, revision, state, outcome, body, started_at, ended_at)
  select i, '1', 'old', 'cart_reminder', 'old', 'ended', 'over', '{}', 0, 0 from n;
insert into timer (due, contact, kind, subject, generation) select 4000000000000000 + i, i, 'run', i, 1 from n;
insert into discount (run, generation, contact, shop, code, ends, state, retry_at, created_at)
  select i, 1, i, 'old', 'C' || i, 0, 'made', 0, 0 from n;
insert into outbox (key, contact, number, shop, run, flow, author, marketing, reply, content, body, created_at, not_before, expires_at,
    state, provider_id, delivery, sent_at)
  select 'k' || i, i, '1', 'old', i, 'old', 'flow', i % 2, 0, '{}', 'x', i, i, i, 'sent', 'w' || i, 'read', i from n;
insert into audit (contact, at, about, text) select i, 0, 'x', 'x' from n
"""


def _step(text: str) -> Step[Sequence[object]]:
    return (yield Statement(text, {}))


async def grow_old(store: Database, where: str, people: int) -> None:
    """A history of so many people, all of it over."""
    numbers = f"with recursive n (i) as (select 1 union all select i + 1 from n where i < {people})\n"
    for text in _HISTORY.split(";"):
        text = text.strip()
        if is_server(where):
            text = text.replace("cast('{}' as blob)", "'{}'::bytea")
        at = text.index("select") if "select" in text else None
        # the two databases want the numbers in different places
        await store.run(_step(text if at is None else text[:at] + numbers + text[at:] if is_server(where) else numbers + text))


async def a_day(bench: Bench) -> None:
    """All that runs for an event or by the clock, once at least."""
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", pacer=Pacer(bench.store.arrivals))
    await bench.writes("Hello")
    await bench.writes("Hello", PEPE)
    await bench.go()
    await bench.cart("k1")
    await bench.cart("k2", PEPE)
    await bench.go()
    await bench.go(HOUR)
    await bench.go(DAY)
    await bench.codes()
    await bench.go()
    await bench.status(bench.channel.sent[-1], "delivered")
    await bench.order("o1", PEPE)
    await bench.writes("STOP")
    await bench.go()
    await bench.go(MONTH * DAY)
    await seconds_pass(bench.store, bench)


async def seconds_pass(store: Database, bench: Bench) -> None:
    """What runs by the second, or by the few."""
    await store.run(outbox.orphans(store.epoch, bench.now))
    await store.read(health.state())
    await store.read(health.next_due())
    await store.read(gauges.read(bench.now))
    await store.read(outbox.next_due())
    await store.read(inbox.next_timer())
    reading = StoreReading(store, {}, lambda: bench.now, rest=0)
    await reading.read_on()
    await reading.fetch_wanted()


async def scans(address: str) -> Counter[str]:
    """How often each table was read from end to end. A session tells of that when it ends, at the latest."""
    connection = await asyncpg.connect(address)
    try:
        rows = await connection.fetch("select relname, seq_scan from pg_stat_user_tables")
    finally:
        await connection.close()
    return Counter({row["relname"]: row["seq_scan"] for row in rows if row["relname"] not in SMALL})


def explained(path: Path, texts: set[str]) -> dict[str, str]:
    """The statements that read a table through, and what SQLite says of them."""
    found = {}
    with closing(sqlite3.connect(path)) as connection:
        for text in texts:
            if text.split()[0].lower() not in ("select", "insert", "update", "delete", "with"):
                continue
            plan = [row[3] for row in connection.execute(f"explain query plan {text}")]
            bad = [line for line in plan if _reads_through(line)]
            if bad:
                found[text] = "; ".join(bad)
    return found


def _reads_through(line: str) -> bool:
    words = line.split()
    whole = words[0] == "SCAN" and "INDEX" not in words  # an index that is read through holds what is open, and nothing else
    return whole and words[1] not in SMALL and words[1:3] != ["CONSTANT", "ROW"] and words[1] not in ("few", "said", "json_each")


@pytest.fixture
def people(full: bool) -> int:
    """How many there were."""
    return 1_000_000 if full else 5_000


@asynccontextmanager
async def opened(where: str) -> AsyncIterator[Database]:
    store = await open_database(where)
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("analysed", [False, True])
async def test_no_table_is_read_through_on_postgres(server: Server, people: int, analysed: bool) -> None:
    async with server.fresh() as address:
        async with opened(address) as store:
            await grow_old(store, address, people)
            if analysed:
                await store.run(_step("analyze"))
        before = await scans(address)
        async with opened(address) as store:
            await a_day(Bench(store, playbook()))
        assert await scans(address) - before == {}


async def test_no_table_is_read_through_on_sqlite(tmp_path: Path, people: int) -> None:
    async with opened(str(tmp_path / "comeback.db")) as store:
        assert isinstance(store, SqliteDatabase)
        await grow_old(store, str(store.path), people)
        heard: set[str] = set()
        await store._writer.set_trace_callback(heard.add)
        store.read = store.run  # type: ignore[method-assign]  # so that what only reads is heard, too
        await a_day(Bench(store, playbook()))
        assert explained(store.path, heard) == {}
