"""What other flow files would have sent: what really came in is played again, nothing is sent, and the database is only read."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from bot.command.replay import _in_force, _record
from bot.owner_files import read_playbook
from bot.rehearsal.replay import changed, play
from bot.store import contacts
from bot.store.database import is_server, read_only
from bot.store.model import Identity, IdentityKind
from bot.store.replay import Outgoing

from .serving import ROOT, clean_environment, command
from .walk import Walk


def nothing(_: float) -> None:
    """Nobody looks."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Other flow files: first those that ship."""
    shutil.copytree(ROOT / "flows", tmp_path / "new" / "flows")
    return tmp_path / "new" / "flows"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def without_click(body: str) -> str:
    """Each link has an id of its own, by which we know who came by it; replayed it has none."""
    return re.sub(r"\?comeback=\w{16}(&?)", lambda found: "?" if found[1] else "", body)


async def lived(walk: Walk) -> None:
    """A few days: a reminder that is answered with a button, one with words and a code, one that ends in an order, and a STOP."""
    await walk.leave_cart("ana")
    await walk.leave_cart("ben")
    await walk.turn(hours=1, minutes=5)
    await walk.press("ana", "Terminar mi pedido")
    await walk.write("ben", "too expensive")
    await walk.turn(hours=2)
    await walk.press("ben", "Use my discount")
    await walk.turn(days=1)
    await walk.buy("ana")
    await walk.write("carla", "oi")
    await walk.turn(hours=1)
    await walk.write("carla", "PARAR")
    await walk.turn(days=2)


async def lives(walk: Walk, folder: Path, only: str | None = None) -> tuple[list[Outgoing], list[Outgoing]]:
    since = walk.now() - timedelta(days=7)
    contact = await read_only(walk.database, contacts.find(Identity(IdentityKind.PHONE, walk.phone(only)))) if only else None
    record = await _record(walk.database, since, walk.now(), contact)
    in_force = await read_only(walk.database, _in_force(read_playbook(ROOT / "flows", ROOT / "locales")))
    other = read_playbook(folder, ROOT / "locales")
    assert other.library.problems == ()
    number = walk.stage.cloud.number.id
    return await play(record, in_force, number, nothing), await play(record, other, number, nothing)


async def test_the_same_files_say_the_same_as_was_really_said(walk: Walk, folder: Path) -> None:
    await lived(walk)
    before, after = await lives(walk, folder)
    assert changed(before, after) == []
    said = walk.rows("select contact, body from outbox where author = 'flow' and state = 'sent' order by contact, id")
    codes = [row["code"] for row in walk.rows("select code from discount")]
    really = [(row["contact"], without_click(row["body"])) for row in said]
    for code in codes:
        really = [(contact, body.replace(code, "CODE")) for contact, body in really]
    assert [(one.contact, one.body) for one in after if one.sent] == really
    assert len(really) > 6


async def test_a_changed_text_and_a_longer_wait_are_told_per_person(walk: Walk, folder: Path) -> None:
    await lived(walk)
    edit(folder / "cart_reminder.yaml", "for: 1 hour", "for: 3 hours")
    before, after = await lives(walk, folder)
    treated = {one.contact: one for one in changed(before, after)}
    assert len(treated) == 2  # both with a cart
    ben = await read_only(walk.database, contacts.find(Identity(IdentityKind.PHONE, walk.phone("ben"))))
    assert ben is not None
    assert any("CODE" in one.body for one in treated[ben].before)
    before, after = await lives(walk, folder, "carla")
    assert before != []
    assert changed(before, after) == []


async def test_the_command_reads_and_never_writes(walk: Walk, folder: Path, full: bool) -> None:
    if not full and is_server(walk.database):
        pytest.skip("the nightly tier reads PostgreSQL, too")
    await lived(walk)
    counted = walk.rows("select (select count(*) from inbox) as inbox, (select count(*) from outbox) as outbox")
    environment = clean_environment(
        COMEBACK_DATABASE=walk.database, COMEBACK_FLOWS=str(ROOT / "flows"), COMEBACK_LOCALES=str(ROOT / "locales")
    )
    ran = await command("replay", "--flows", str(folder), "--since", "9000d", "--json", environment=environment)
    told = json.loads(ran.out)
    assert told["events"] > 10
    assert told["people"] == 3
    assert walk.rows("select (select count(*) from inbox) as inbox, (select count(*) from outbox) as outbox") == counted
    wrong = await command("replay", "--flows", "nowhere", environment=environment)
    assert (wrong.code, "is not a folder" in wrong.err) == (1, True)
