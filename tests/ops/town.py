"""A database with every kind of row: a few people whom the real house made, and as many like them as wanted."""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.owner_files import read_playbook
from bot.store.database import open_database
from bot.store.model import Source, Update, update_key
from bot.store.step import Statement, Step
from tests.worker.bench import Bench

SHOPPER, REMINDED, QUEUED, GREETED, ANSWERED, ON_THE_WIRE, STOPPED, ASKED, WAITING = (f"346000000{number}" for number in range(11, 20))
PHONE = re.compile(r"346000000(1\d)")


@asynccontextmanager
async def bench(database: str, flows: Path) -> AsyncIterator[Bench]:
    """A workbench with an owner's flows, at the time of the clock on the wall."""
    one = Bench(await open_database(database), read_playbook(flows, flows / "locales"))
    one.now = datetime.now(UTC)
    try:
        yield one
        await one.sender.finish()
    finally:
        await one.store.close()


async def settle(database: Path, flows: Path) -> None:
    """The first people, each in a state of their own; the last process died with a message on the wire. Flows of `tests/crash`."""
    async with bench(str(database), flows) as house:
        house.now -= timedelta(hours=1)
        await _history(house)
        house.now += timedelta(hours=1)
        await house.writes("hi", ON_THE_WIRE)
        await house.work()
        await house.store.run(house.sender._claim(house.house(), 1), last=True)
        for who in (GREETED, ANSWERED):
            await house.writes("what?", who)
        await house.cart("k-queued", QUEUED)
        await house.work()
        house.now += timedelta(seconds=2)
        await house.work()  # the answers and a reminder are queued
        await house.cart("k-shopper", SHOPPER)
        await house.work()
        await house.store.run(_now_and_then(house.now))
        await house.writes("hello?", WAITING)
        await _unreadable(house)
        states = Counter(row["state"] for row in await house.rows("select state from outbox"))
        assert states == {"held": 1, "queued": 5, "sending": 1, "sent": 8}


async def _history(house: Bench) -> None:
    await house.cart("k-reminded", REMINDED)
    await house.go()
    assert len(await house.go(timedelta(seconds=2))) == 1
    await house.status(house.channel.sent[-1], "delivered")
    for who in (ANSWERED, STOPPED, ASKED):
        await house.writes("hi", who)
    await house.go()
    await house.writes("STOP", STOPPED)
    await house.go()
    await house.order("o-reminded", REMINDED)
    await house.cart("k-mail", None, email="ada@example.com", consent=None)
    await house.cart("k-phone", STOPPED, consent=None)
    await house.shop("customer.updated", phone=f"+{STOPPED}", email="ada@example.com")  # two people turn out to be one
    await house.go()


def _now_and_then(now: datetime) -> Step[None]:
    """What these flows have no words for."""
    micros = int(now.timestamp()) * 1_000_000
    for text in (
        "insert into tag select contact, 'coffee', since from identity where kind = 'phone'",
        "insert into conversation (contact, number, control, epoch, reason, staff, changed_at)"
        f" values (1, 'old', 'human', 3, 'asked', 'Ana', {micros})",
        f"insert into message (contact, number, author, kind, text, at) values (1, 'old', 'staff', 'text', 'Olá 👋 ''quoted''', {micros})",
        "insert into template (name, language, status, category, quality, told_at)"
        f" values ('cart_waiting', 'es', 'APPROVED', 'MARKETING', 'GREEN', {micros})",
        f"insert into number_state (number, paused_until) values ('old', {micros})",
        f"insert into discount (run, generation, contact, shop, code, percent, ends, state, retry_at, created_at) "
        f"select id, 1, contact, 'casa', 'MADE-' || id, '10', {micros}, 'made', {micros}, {micros} from run",
        f"insert into reaction (contact, provider_id, emoji, at) values (1, 'wamid.1', '👍', {micros})",
        f"insert into referral (contact, number, at, click) values (1, 'old', {micros}, 'click-1')",
        "insert into sending_number (number, phone, quality) values ('old', '34911000000', 'GREEN')",
        "insert into portfolio (id, people) values (1, 2000)",
        f"insert into reached (contact, message, at) values (1, 1, {micros})",
        f"insert into pair (contact, number, free_at) values (1, 'old', {micros})",
        "insert into charge (message, flow, number, country, category, type, day, at, micros, currency)"
        f" values (1, 'cart_reminder', 'old', 'ES', 'marketing', 'regular', '2026-11-02', {micros}, 50900, 'USD')",
        f"insert into closed_country (number, country, since) values ('old', 'IN', {micros})",
        f"insert into file (sha256, size, mime, used_at) values ('{'0' * 64}', 3, 'image/png', {micros})",
        "insert into attachment (message, number, kind, media_id, told_mime, voice, at, retry_at)"
        f" select min(id), 'old', 'image', '1', 'image/png', 0, {micros}, {micros} from message",
        f"insert into upload (number, sha256, media_id, uploaded_at) values ('old', '{'0' * 64}', '1', {micros})",
        "insert into product_evidence (shop, product, buyers, people, gaps, half_days, early, late, worked_out_at)"
        f" values ('casa', 'p-huila', 3, 2, 4, 55, 20, 30, {micros})",
        "insert into order_word (shop, order_key, kind, key, at, minor, lines)"
        f" values ('casa', 'o-late', 'refund', 'r1', {micros}, 500, '[]')",
        "insert into code_pool (shop, source, flow, worth, percent, until, ends, code, retry_at)"
        f" values ('casa', 'pool', 'cart_reminder', '5%', '5', {micros}, {micros}, 'PARENT', {micros})",
        "insert into pool_code (pool, shop, code, state) values (1, 'casa', 'CASA1234', 'ready')",
        f"insert into code_budget (flow, looked) values ('cart_reminder', {micros})",
        "insert into shop_reading (shop, part, cause, since, begun_at, cursor, found, fresh, retry_at)"
        f" values ('casa', 'order', 'asked', {micros}, {micros}, 'eyJ9', 20, 19, {micros})",
        "insert into read_entry (reading, inbox) values (1, 1)",
        "insert into missed (shop, part, key, at, name, is_new, reading, found_at)"
        f" values ('casa', 'order', '77', {micros}, '#77', 1, 1, {micros})",
        "insert into wanted_resource (shop, address, resource, key, topic, at, retry_at)"
        f" values ('casa', '/v2/orders/7', 'order', '7', 'store/order/updated', {micros}, {micros})",
        "insert into awaited_purchase (contact, shop, what, shop_order, since, due, generation)"
        f" select contact, shop, 'reorder:coffee', id, {micros}, {micros}, 1 from shop_order limit 1",
        f"insert into product (shop, key, title, told_at) values ('casa', 'p-huila', 'Huila', {micros})",
        "insert into variant (product, shop, key, price_minor, currency, told_at, pieces, in_stock, stock_item, stocked_at)"
        f" values (1, 'casa', 'p-huila', 3000, 'EUR', {micros}, 0, 0, 'i-1', {micros})",
        f"insert into stock_level (shop, stock_item, place, pieces, at) values ('casa', 'i-1', 'l-1', 0, {micros})",
        f"insert into variant_price (variant, at, price_minor, currency) values (1, {micros}, 3000, 'EUR')",
        "insert into wish (contact, product, what, source, joined_at, expires_at)"
        f" values (1, 1, 'back_in_stock', 'form', {micros}, {micros})",
        f"insert into product_news (variant, what, at) values (1, 'back_in_stock', {micros})",
        "insert into credit (shop_order, contact, shop, placed_at, kind, flow, minor, back_minor, currency)"
        f" select id, contact, shop, {micros}, 'click', 'cart_reminder', 4000, 2000, 'EUR' from shop_order limit 1 on conflict do nothing",
        "insert into privacy_ask (what, shop, key, way, asked_at, received_at, due_at, retry_at)"
        f" values ('data', 'casa', 'r1', 'privacy.data', {micros}, {micros}, {micros}, {micros})",
        "insert into privacy_person (contact, ask) values (1, 1)",
        f"insert into erased_name (mark, at, whatsapp_stopped_at, whatsapp_method) values ('{'0' * 32}', {micros}, {micros}, 'word')",
        f"insert into closed_shop (shop, since) values ('gone', {micros})",
        "insert into visitor (shop, key, joined_by, first_at, seen_at, cart, cart_minor, cart_currency, cart_at)"
        f" values ('casa', 'ABCDEFGH23456789ABCDEFGH', 'message', {micros}, {micros}, '[]', 0, 'EUR', {micros})",
        "insert into product_view (visitor, product, title, link, price_minor, currency, times, first_at, last_at)"
        f" select id, 'p-huila', 'Huila', 'https://casa.example/p', 1250, 'EUR', 2, {micros}, {micros} from visitor",
        f"insert into sent_link (click, shop, contact, run, sent_at) values ('abcdefgh23456723', 'casa', 1, 1, {micros})",
        "insert into outbox (key, contact, number, shop, author, marketing, reply, content, body, created_at, not_before, expires_at,"
        " state) values ('held-1', 1, 'old', '', 'staff', 0, 1, '{\"text\":{\"body\":\"x\"}}', 'x', 0, 0, 0, 'held')",
    ):
        yield Statement(text, {})


async def _unreadable(house: Bench) -> None:
    key = update_key(house.now, "mystery")
    update = Update(Source.SHOP, "mystery", key, "casa", b"\x00\xff not JSON", house.now, unreadable="what is it?")
    await house.store.receive([update, replace(update, key=bytes(16))], house.now)


# ---- more of them


def grow(database: Path, copies: int) -> None:
    """Copy the first people that many times, each with phones, keys and ids of their own. Beneath the store, for speed."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        last = {name: connection.execute(f"select max(id) from {name}").fetchone()[0] or 0 for name in IDS}
        for table in (*IDS, "identity", "also_known", "tag", "inbox_name", "conversation", "timer", "seen"):
            first = connection.execute(f"select * from {table}").fetchall()
            if first:
                places = ", ".join("?" * len(first[0]))
                connection.executemany(f"insert into {table} values ({places})", _copies(table, first, last, copies))
        connection.execute("commit")


IDS = ("contact", "consent_record", "inbox", "message", "checkout", "shop_order", "run", "discount", "outbox", "audit")
_LEADS_TO = {"contact": "contact", "merged_into": "contact", "run": "run", "inbox": "inbox"}


def _copies(table: str, first: list[sqlite3.Row], last: Mapping[str, int], copies: int) -> Iterator[list[Any]]:
    for number in range(1, copies + 1):
        for row in first:
            yield [_copied(table, row, column, number, last) for column in row.keys()]  # noqa: SIM118 - a row is no mapping


def _copied(table: str, row: sqlite3.Row, column: str, number: int, last: Mapping[str, int]) -> Any:
    value = row[column]
    if value is None:
        return None
    if column == "id" or column in _LEADS_TO:
        return value + number * last[_LEADS_TO.get(column, table)]
    if (table, column) == ("timer", "subject"):
        return value + number * last["run" if row["kind"] == "run" else "checkout"]
    if (table, column) == ("seen", "key"):
        return hashlib.sha256(value + b"%d" % number).digest()[:16]
    if (table, column) == ("run", "body"):
        return _own_run(json.loads(value), number, last)
    if column == "content":
        return re.sub(r"run:(\d+):", lambda found: f"run:{int(found[1]) + number * last['run']}:", value)
    if (table, column) == ("inbox", "body"):
        return _own_phone(value.decode("latin-1"), number).encode("latin-1")
    if column == "value":
        return _own_phone(value, number) if PHONE.search(value) else f"{number}.{value}"
    if column in ("key", "code", "provider_id", "checkout_key"):
        return f"{value}.{number}"
    return value


def _own_phone(text: str, number: int) -> str:
    return PHONE.sub(lambda found: f"346{int(found[1]) + number * 100:08d}", text)


def _own_run(run: dict[str, Any], number: int, last: Mapping[str, int]) -> str:
    run["id"] += number * last["run"]
    if "subject" in run:
        run["subject"]["id"] += number * last["checkout"]
    return json.dumps(run)


def like(phones: tuple[str, ...], copies: int) -> set[str]:
    """These people, and those like them."""
    return {_own_phone(one, number) for one in phones for number in range(copies + 1)}
