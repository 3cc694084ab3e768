"""Words for the store's tests: names, updates, carts, orders and messages, and one statement on the open database."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.flow.facts import Line, Money
from bot.flow.run import Content, Text
from bot.policy.decision import Author, Consent, Decision, Message, Person, Send
from bot.store import contacts, mirror, outbox
from bot.store.contacts import SHOP, Agreement
from bot.store.database import Database, open_database
from bot.store.mirror import Cart, CartTold, OrderRecorded, OrderTold
from bot.store.model import Identity, IdentityKind, Source, Update, update_key
from bot.store.outbox import Draft
from bot.store.step import Row, Statement, Step

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHOP_NAME = "casa"
NUMBER = "1060"
ITEMS = (Line("Huila, 1 kg", 2, Money(1800, "EUR"), "p-huila", "coffee"),)


def drive(path: Path, use: Callable[[Callable[[Step[Any]], Any], Database], Any]) -> None:
    """Open a database without a test's own loop (for hypothesis), hand `use` a way to run steps, and close it."""

    async def whole() -> None:
        database = await open_database(path)
        try:
            await use(database.run, database)
        finally:
            await database.close()

    asyncio.run(whole())


def phone(digits: str = "34600111222") -> Identity:
    return Identity(IdentityKind.PHONE, f"+{digits}")


def email(address: str = "lola@example.com") -> Identity:
    return Identity(IdentityKind.EMAIL, address)


def customer(key: str = "77", shop: str = SHOP_NAME) -> Identity:
    return Identity(IdentityKind.CUSTOMER, key, shop)


def checkout(key: str, shop: str = SHOP_NAME) -> Identity:
    return Identity(IdentityKind.CHECKOUT, key, shop)


def update(name: str = "wamid.1", *names: Identity, body: bytes = b"{}", at: datetime = NOW, unreadable: str | None = None) -> Update:
    return Update(Source.WHATSAPP, "message", update_key(at, name), NUMBER, body, at, names, unreadable)


def statement(text: str, **parameters: Any) -> Step[Sequence[Row]]:
    """One statement of the test's own."""
    return (yield Statement(text, parameters))


async def value(store: Database, text: str, **parameters: Any) -> Any:
    """The first column of the first row, read on another connection: only what is committed."""
    rows = await store.read(statement(text, **parameters))
    first: Any = rows[0] if rows else (None,)  # an sqlite3.Row, which is also a tuple
    return first[0]


def rows_of(path: Path, text: str) -> list[tuple[Any, ...]]:
    """What another program sees in the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def whose(names: Sequence[Identity], now: datetime) -> Step[int | None]:
    """The contact behind these names, told by WhatsApp; where a cart is among them, by a shop."""
    carts = {IdentityKind.CHECKOUT, IdentityKind.CART}
    found = yield from contacts.resolve(names, now, proven=not any(name.kind in carts for name in names))
    return found.contact if found else None


async def person(store: Database, *names: Identity, now: datetime = NOW) -> int:
    """The contact behind these names."""
    contact = await store.run(whose(names, now))
    assert contact is not None
    return contact


def cart_told(
    contact: int, key: str, at: datetime, *, lines: tuple[Line, ...] = ITEMS, completed: bool = False, shop: str = SHOP_NAME
) -> Step[Cart | None]:
    return mirror.record_cart(shop, contact, CartTold(key, at, lines, Money(3600, "EUR"), completed=completed))


def order_told(
    contact: int,
    key: str,
    placed_at: datetime,
    *,
    at: datetime | None = None,
    status: str = "placed",
    checkout_key: str | None = None,
    minor: int = 3600,
    currency: str = "EUR",
) -> Step[OrderRecorded]:
    told = OrderTold(
        key=key,
        number=f"#{key}",
        status=status,
        at=at or placed_at,
        placed_at=placed_at,
        lines=ITEMS,
        total=Money(minor, currency),
        checkout=checkout_key,
        tracking_link=None,
        reorder_link=None,
        codes=(),
    )
    return mirror.record_order(SHOP_NAME, contact, told)


def open_carts(contact: int) -> Step[list[str]]:
    rows = yield Statement("select key from checkout where contact = :contact and state = 'open' order by key", {"contact": contact})
    return [str(row["key"]) for row in rows]


def agreed(state: Consent, at: datetime, method: str = SHOP, channel: str = "whatsapp") -> Agreement:
    return Agreement(channel, state, at, method, "a test")


def draft(
    contact: int,
    key: str,
    *,
    reply: bool = False,
    marketing: bool = True,
    run: int | None = None,
    author: Author = Author.FLOW,
    content: Content | None = None,
    number: str = NUMBER,
    expires_at: datetime = NOW + 30 * DAY,
) -> Draft:
    flow = None if run is None else "cart_reminder"
    return Draft(key, contact, number, SHOP_NAME, content or Text("Hello"), author, marketing, reply, expires_at, run, flow)


def yes(_message: Message, _person: Person) -> Decision:
    """A policy that lets everything go."""
    return Send()


async def claim(store: Database, judge: Callable[[Message, Person], Decision] = yes, *, now: datetime = NOW, limit: int = 50) -> list[str]:
    """The keys of what may be sent now, committed as on the wire."""
    found = await store.run(outbox.claim(judge, owner="test", epoch=store.epoch, now=now, limit=limit))
    return [claimed.key for claimed in found.claimed]


async def queue(store: Database, *drafts: Draft, now: datetime = NOW) -> None:
    """Queue messages, in this order."""
    for one in drafts:
        await store.run(outbox.enqueue(one, now))


async def message(store: Database, key: str) -> outbox.Sent:
    """A message by its key."""
    found = await store.run(outbox.find(key, ""))
    assert found is not None
    return found
