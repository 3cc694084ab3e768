"""Databases from before numbers were known to be written in two ways: the migration says the same as the code."""

from pathlib import Path

import pytest

from bot.store import contacts
from bot.store.database import Database
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind, from_epoch
from bot.store.step import Statement, Step, sql

NOW = from_epoch(1_795_305_600)
MIGRATIONS = Path(contacts.__file__).parent / "migrations"
PHONES = (
    *("+5511987654321", "+551187654321", "+552199998888", "+551132654321", "+55119876543210", "+550187654321"),
    *("+525512345678", "+5215587654321", "+521551234567", "+525123456789", "+5211234567890", "+52155123456789"),
    *("+34600111222", "+16505551234", "+5511", "+52"),
)


def _lines(folder: Path) -> str:
    text = (folder / "0003_whatsapp_stores.sql").read_text()
    begin = text.index("insert into identity")
    return text[begin : text.index(";", begin)]


def _keep() -> Step[None]:
    for phone in PHONES:
        rows = yield sql("contact.create", now=0)
        names = {"kind": IdentityKind.PHONE, "scope": "", "value": phone, "contact": rows[0]["id"], "now": 0}
        yield sql("contact.add_name", **names)


def _lead(text: str) -> Step[None]:
    yield Statement(text, {})


async def test_people_whose_number_is_written_in_two_ways_are_led_to_by_both_after_the_migration(store: Database, where: str) -> None:
    await store.run(_keep())
    await store.run(_lead(_lines(MIGRATIONS / "postgres" if where.startswith("postgres") else MIGRATIONS)))
    for phone in PHONES:
        line = line_of(phone)
        found = await store.run(contacts.find(Identity(IdentityKind.LINE, line))) if line else None
        assert (found is not None) == (line is not None), phone
    known = {line_of(phone) for phone in PHONES} - {None}
    assert len(known) == 5
    assert await store.run(contacts.find(Identity(IdentityKind.PHONE, "+5521999998888"))) is not None


@pytest.mark.parametrize("phone", PHONES)
async def test_a_person_is_found_by_either_form(store: Database, phone: str) -> None:
    names = [Identity(IdentityKind.PHONE, phone), *([Identity(IdentityKind.LINE, line)] if (line := line_of(phone)) else [])]
    kept = await store.run(contacts.resolve(names, NOW, proven=False))
    assert kept is not None
    assert await store.run(contacts.find(Identity(IdentityKind.PHONE, phone))) == kept.contact
    assert await store.run(contacts.find(Identity(IdentityKind.PHONE, line_of(phone) or phone))) == kept.contact
