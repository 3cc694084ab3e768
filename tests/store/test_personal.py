"""Every table has its place: a person with a row in each is erased, and nothing of theirs is in the database, the files or the logs."""

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.flow.codec import encode_content, encode_run
from bot.flow.library import Library
from bot.flow.run import Media, MediaKind, Run, Text
from bot.policy.decision import Consent
from bot.store import contacts, privacy
from bot.store.database import Database, is_server
from bot.store.erasure_log import ErasureLog, Erasures
from bot.store.model import Identity, IdentityKind, Source, Update, update_key
from bot.store.optout_log import OptOutLog
from bot.store.personal import BY_HAND, PERSONAL, STAYS
from bot.store.privacy import About, What
from bot.store.shelf import Shelf
from bot.store.sqlite import open_file
from bot.store.step import Statement, Step, to_micros
from bot.worker.playbook import House, Playbook
from bot.worker.privacy import Privacy

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
STAMP = to_micros(NOW)
PHONE, EMAIL, BSUID, CUSTOMER = "+34600111222", "ana.canary@example.com", "ES.13491208655302741918", "900001191167"
ME = 1001  # her rows, in every table
CANARY = "canary"  # in every text of hers
SHOWN = (PHONE[1:], PHONE[3:], "600 111 222", EMAIL, BSUID, CUSTOMER, CANARY)
PICTURE, LENT = (f"the bytes of {what} picture".encode() for what in ("her", "everybody's"))
HERS, EVERYBODYS = (hashlib.sha256(content).hexdigest() for content in (PICTURE, LENT))

# what a column must hold for a row to be one; everything else is a text with the canary in it, or a number
_SET: Mapping[str, Mapping[str, Any]] = {
    "contact": {"merged_into": None, "consent": "granted", "ads_consent": "granted"},
    "identity": {"kind": "checkout", "scope": "casa", "value": f"k-{CANARY}"},
    "also_known": {"kind": "email", "scope": "", "value": f"{CANARY}@example.com"},
    "consent_record": {"channel": "whatsapp", "state": "granted", "method": "shop", "effective": 1},
    "inbox": {"source": "whatsapp", "kind": "message", "state": "done", "retry_at": None},
    "outbox": {
        "content": encode_content(Text(f"hi {CANARY}", media=Media(MediaKind.IMAGE, file=HERS))),
        **{"state": "sent", "delivery": "read", "run": ME, "needs": None},
    },
    "run": {"revision": "r1", "state": "ended", "body": encode_run(Run(ME, "f", "r1", outcome="done"))},
    "attachment": {"message": ME, "state": "kept", "sha256": HERS},
    "discount": {
        **{"run": ME, "state": "issued", "terms": "{}", "code": "CASA1", "canonical": "CASA1"},
        **{"percent": "5", "pool": None, "first": None},
    },
    "shop_order": {"key": f"o-{CANARY}", "shop": "casa", "lines": "[]", "told_lines": None, "codes": "[]", "status": "placed"},
    "checkout": {"shop": "casa", "state": "open", "lines": "[]"},
    "order_word": {"shop": "casa", "order_key": f"o-{CANARY}"},
    "purchase": {"shop_order": ME, "shop": "casa"},
    "missed": {"shop": "casa", "key": CUSTOMER, "reading": ME},
    "wanted_resource": {"shop": "casa", "key": CUSTOMER},
    "awaited_purchase": {"shop_order": ME, "shop": "casa"},
    "credit": {"shop_order": ME, "shop": "casa", "run": ME, "message": ME, "kind": "code"},
    "wish": {"product": ME, "state": "waiting"},
    "privacy_person": {"ask": ME, "erases": None},
    "privacy_ask": {"what": "data", "state": "done", "about": None, "file": "data-1.zip", "key": "k", "counts": "{}", "why": None},
    "timer": {"kind": "run", "subject": ME},
    "file": {"sha256": HERS, "owned": 0, "deleted_at": None},
    "upload": {"sha256": HERS},
    "conversation": {"control": "bot"},
    "bought": {"key": b"\0" * 16},
    "visitor": {"shop": "casa", "key": f"v-{CANARY}"},
    "product_view": {"visitor": ME},
}
_NOT_SEEDED = {"inbox_name", "erased_name", "closed_shop", "meta", "seen"}


def schema(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Every table with its columns, in the order in which rows can refer to each other."""

    async def lay() -> None:
        await (await open_file(folder / "schema.db")).close()

    asyncio.run(lay())
    with closing(sqlite3.connect(folder / "schema.db")) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table' order by rowid")]
        return {name: [(row[1], row[2].lower()) for row in connection.execute(f"pragma table_info({name})")] for name in names}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    return schema(tmp_path_factory.mktemp("schema"))


def test_every_table_of_the_schema_says_what_becomes_of_people_in_it(tables: dict[str, list[tuple[str, str]]]) -> None:
    decided = {kept.table for kept in PERSONAL} | set(BY_HAND) | set(STAYS)
    assert set(tables) - decided == set(), "decide in bot/store/personal.py what of them is erased, or why they stay"
    assert decided - set(tables) == {"process"}, "PostgreSQL's own"
    assert not set(STAYS) & ({kept.table for kept in PERSONAL} | set(BY_HAND))
    with_people = {table for table, columns in tables.items() if "contact" in {name for name, _ in columns}}
    assert with_people - {kept.table for kept in PERSONAL} - set(BY_HAND) == {"reached"}
    assert all(why for why in (*BY_HAND.values(), *STAYS.values()))


def _row(table: str, columns: list[tuple[str, str]]) -> dict[str, Any]:
    fixed = _SET.get(table, {})
    return {name: fixed[name] if name in fixed else _value(table, name, kind) for name, kind in columns}


def _value(table: str, name: str, kind: str) -> Any:
    if name in ("contact", "id"):
        return ME
    if kind == "integer":
        return STAMP if name.endswith("_at") or name in ("at", "due", "since", "ends", "not_before") else 0
    if name == "shop":
        return "casa"
    if name in ("place", "number", "flow", "author", "currency", "source", "outcome") and table in ("inbox", "outbox", "run", "discount"):
        return "ours"
    if table in STAYS:
        return "not of a person"
    return f"{table}.{name} {CANARY}" if kind == "text" else f'{{"{CANARY}": "{PHONE}"}}'.encode()


_SEEDED_THOUGH_IT_STAYS = ("charge", "reached", "privacy_ask", "revision", "shop_reading", "product")


def _seed(tables: dict[str, list[tuple[str, str]]]) -> Step[None]:
    """One row of hers in every table; and what others have that names her."""
    for table, columns in tables.items():
        if table not in _NOT_SEEDED and (table in STAYS) <= (table in _SEEDED_THOUGH_IT_STAYS):
            row = _row(table, columns)
            row |= {"id": "r1", "source": "{}"} if table == "revision" else {}
            names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
            yield Statement(f"insert into {table} ({names}) values ({places})", row)
    for kind, scope, value in (
        (IdentityKind.PHONE, "", PHONE),
        (IdentityKind.WA_ID, "", PHONE[1:]),
        (IdentityKind.EMAIL, "", EMAIL),
        (IdentityKind.BSUID, "", BSUID),
        (IdentityKind.CUSTOMER, "casa", CUSTOMER),
        (IdentityKind.VISITOR, "casa", f"v-{CANARY}"),
    ):
        name = {"me": ME, "kind": kind, "scope": scope, "value": value}
        yield Statement("insert into identity values (:kind, :scope, :value, :me, 0)", name)
    other = yield from contacts.create(NOW)
    yield Statement("insert into also_known values ('email', '', :email, :other)", {"email": EMAIL, "other": other})
    yield Statement("insert into contact (id, merged_into, created_at, first_name) values (77, :me, 0, 'Canary canary')", {"me": ME})
    yield Statement(
        "insert into inbox (source, kind, place, contact, body, occurred_at, received_at, state) values"
        " ('shop', 'order.created', 'casa', 77, :body, 0, 0, 'done')", {"body": f"{{\"note\": \"{CANARY}\"}}".encode()}
    )  # fmt: skip
    yield Statement(
        "insert into discount (run, generation, contact, shop, code, ends, state, retry_at, created_at, leaked_order)"
        " values (:me, 7, :other, 'casa', 'LEAKED', 0, 'issued', 0, 0, :key)", {"me": ME, "other": other, "key": f"o-{CANARY}"}
    )  # fmt: skip
    text = encode_content(Text("shared", media=Media(MediaKind.IMAGE, file=EVERYBODYS)))
    yield Statement(
        "insert into outbox (key, contact, number, shop, author, marketing, reply, content, body, created_at, not_before, expires_at,"
        " state) values ('others', :other, 'n', '', 'staff', 0, 1, :text, 'shared', 0, 0, 0, 'sent')", {"other": other, "text": text}
    )  # fmt: skip
    yield Statement(
        "insert into attachment (message, number, kind, media_id, told_mime, voice, at, state, sha256, retry_at)"
        " values (:me, 'n', 'image', 'm', 'image/png', 0, 0, 'kept', :sha256, 0)", {"me": ME, "sha256": EVERYBODYS}
    )  # fmt: skip


def _unreadable() -> Iterator[Update]:
    """What came and could not be read, and what named nobody we knew."""
    for number, body in enumerate((
        f'{{"phone": "{PHONE}", broken',
        '{"phone": "+34 600-111-222", "x": ',
        f'{{"mail": "{EMAIL.upper()}"',
        f'{{"customer": {{"id": {CUSTOMER}}}',
        '{"phone": "+34600999888", "not": "hers"',
    )):  # fmt: skip
        key = update_key(NOW, f"dead {number}")
        yield Update(Source.SHOP, "order.created", key, "casa", body.encode(), NOW, unreadable="it is no JSON")


def _privacy(store: Database, folder: Path) -> tuple[Privacy, Erasures]:
    erasures = Erasures(ErasureLog(folder / "log.erased"))
    optouts, shelf = OptOutLog(folder / "log.optouts"), Shelf(folder / "files", spare=0)
    shelf.check()

    def house() -> House:
        return House(Playbook(Library()), store.instance, "", NOW + timedelta(hours=1), erasures=erasures)

    return Privacy(store, house, erasures, optouts, shelf, folder / "copies"), erasures


async def _dump(store: Database, tables: dict[str, list[tuple[str, str]]]) -> str:
    def step() -> Step[str]:
        found = []
        for table, columns in tables.items():
            rows = yield Statement(f"select * from {table}", {})
            found += [f"{table}: " + repr([row[name] for name, _ in columns]) for row in rows]
        return "\n".join(found)

    return await store.read(step())


async def test_a_person_with_a_row_in_every_table_is_nowhere_after_the_erasure(
    store: Database, where: str, tables: dict[str, list[tuple[str, str]]], tmp_path: Path
) -> None:
    work, erasures = _privacy(store, tmp_path)
    shelf = work._shelf
    assert (shelf.put(PICTURE).sha256, shelf.put(LENT).sha256) == (HERS, EVERYBODYS)
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "data-1.zip").write_text(CANARY)
    await store.run(_seed(tables))
    await store.run(work._optouts.around(contacts_stop()))
    with (tmp_path / "log.optouts").open("a") as log:
        log.write(f'{{"at": 1, "names": [["phone", "{PHONE}"')  # a crash tore it
    await store.receive(list(_unreadable()), NOW)
    before = await _dump(store, tables)
    assert all(f"{kept.table}: " in before for kept in PERSONAL)
    assert all(word in before for word in SHOWN if " " not in word)

    def ask() -> Step[int]:
        about = About((yield from privacy.next_entry()), (Identity(IdentityKind.EMAIL, EMAIL),))
        ask_id = yield from privacy.ask(What.ERASE_SHOPPER, "casa", "k1", "shopify:customers/redact", about, NOW)
        for contact in (yield from privacy.owners(about.names)):
            yield from privacy.add_person(ask_id, contact, (yield from privacy.extent(contact, "casa")))
        return ask_id

    ask_id = await store.run(ask())
    while await work.work():
        pass
    receipt = await store.read(privacy.load(ask_id))
    assert receipt is not None
    assert not receipt.is_open, receipt.why
    after = await _dump(store, tables)
    for word in SHOWN:
        assert [line for line in after.lower().splitlines() if word.lower() in line] == []
    assert "+34600999888" in after, "what is not hers stays"
    assert (shelf.has(HERS), shelf.has(EVERYBODYS)) == (False, True)
    beside = [path for path in tmp_path.rglob("*") if path.is_file() and "comeback.db" not in path.name]
    left = {path.name: path.read_bytes().decode("latin-1") for path in beside}
    found = [(name, word) for name, text in left.items() for word in SHOWN if word in text]
    assert found == []
    assert not (tmp_path / "copies" / "data-1.zip").exists()
    missing = {kept.table for kept in PERSONAL} - set(receipt.counts)
    assert missing == set(), "the receipt tells of each"
    if not is_server(where):
        await store.close()
        raw = Path(where).read_bytes()
        assert [word for word in SHOWN if word.encode() in raw] == []
    else:
        again = await store.run(ask())
        assert again == ask_id, "the same ask, the same receipt"
        while await work.work():
            pass
        assert await _dump(store, tables) is not None
    assert re.search(r'"stops": \[\["whatsapp", \d+, "word"\]\]', (tmp_path / "log.erased").read_text())
    assert erasures.log.path.stat().st_mode & 0o777 == 0o600


def contacts_stop() -> Step[None]:
    yield from contacts.agree(ME, contacts.Agreement("whatsapp", Consent.WITHDRAWN, NOW, "word", "wamid.1"), NOW)


