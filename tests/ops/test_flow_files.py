"""Files that change while the bot serves: taken over when they are right, and nothing is taken away when they are wrong."""

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.owner_files import Watch
from bot.store import files
from bot.store.database import Database, open_database
from bot.store.shelf import Shelf
from bot.store.step import Statement, Step

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PATIENCE_SECONDS = 20.0


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The shop's flows and translations, copied."""
    for name in ("flows", "locales"):
        shutil.copytree(name, tmp_path / name)
    return tmp_path / "flows", tmp_path / "locales"


@pytest_asyncio.fixture
async def store(where: str) -> AsyncIterator[Database]:
    opened = await open_database(where)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def watch(folders: tuple[Path, Path], store: Database) -> AsyncIterator[Watch]:
    one = Watch(*folders, lambda: NOW)
    await one.start(store, lambda: None)
    yield one
    await one.stop()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110 - what the watch does is seen in what it keeps
            await asyncio.sleep(0.02)


def revision(watch: Watch, flow: str = "cart_reminder") -> str | None:
    found = watch.playbook.library.flows.get(flow)
    return found.id if found else None


async def test_a_saved_file_is_served_a_moment_later(watch: Watch, folders: tuple[Path, Path]) -> None:
    before = revision(watch)
    edit(folders[0] / "cart_reminder.yaml", "Of course! A colleague", "Sure! A colleague")
    await until(lambda: revision(watch) != before)
    assert "Sure! A colleague" in watch.playbook.library.flows["cart_reminder"].source


async def test_a_changed_translation_is_served_too(watch: Watch, folders: tuple[Path, Path]) -> None:
    before = revision(watch)
    catalog = folders[1] / "es" / "LC_MESSAGES" / "flows.po"
    edit(catalog, "Terminar mi pedido", "Acabar mi pedido")
    await until(lambda: revision(watch) != before)


async def test_a_mistake_leaves_the_last_good_revision_serving_and_says_so(
    watch: Watch, folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    before = revision(watch)
    edit(folders[0] / "cart_reminder.yaml", "- wait: 1 day", "- wiat: 1 day")
    await until(lambda: "wiat" in caplog.text)
    await until(lambda: watch.playbook.library.left_out == {"cart_reminder"})
    assert revision(watch) == before
    assert "did you mean 'wait'" in caplog.text
    edit(folders[0] / "cart_reminder.yaml", "- wiat: 1 day", "- wait: 2 days")
    await until(lambda: revision(watch) != before)
    assert watch.playbook.library.left_out == frozenset()


async def test_a_mistake_in_the_rules_leaves_everything_as_it_was(
    watch: Watch, folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    before, rules = revision(watch), watch.playbook.rules
    (folders[0] / "store.yaml").write_text("quiet_hours: never\n")
    edit(folders[0] / "cart_reminder.yaml", "Of course! A colleague", "Sure! A colleague")
    await until(lambda: "store.yaml has a mistake" in caplog.text)
    assert (revision(watch), watch.playbook.rules) == (before, rules)


async def test_a_removed_file_starts_nothing_more_and_a_new_one_does(watch: Watch, folders: tuple[Path, Path]) -> None:
    (folders[0] / "welcome.yaml").rename(folders[0] / "hello.yaml")
    await until(lambda: revision(watch, "hello") is not None)
    assert revision(watch, "welcome") is None


async def test_a_process_that_starts_on_a_mistake_goes_on_with_what_was_in_force(
    watch: Watch, folders: tuple[Path, Path], store: Database
) -> None:
    before = revision(watch)
    edit(folders[0] / "cart_reminder.yaml", "Of course! A colleague", "Sure! A colleague")
    await until(lambda: revision(watch) != before)
    newest = revision(watch)
    await watch.stop()
    edit(folders[0] / "cart_reminder.yaml", "- wait: 1 day", "- wiat: 1 day")
    later = Watch(*folders, lambda: NOW.replace(hour=10))
    assert revision(later) is None
    await later.start(store, lambda: None)
    assert revision(later) == newest
    await later.stop()


async def test_one_that_is_asked_looks_at_once(
    watch: Watch, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("bot.owner_files.LOOK_SECONDS", 3600)
    await until(lambda: watch._task is not None)
    watch.look_now()  # the look that is under way still has the old pause
    await until(lambda: caplog.text.count("were read again") == 1)
    edit(folders[0] / "welcome.yaml", "name: ", "about: Said anew.\nname: ")
    watch.look_now()
    await until(lambda: caplog.text.count("were read again") == 2)


def impatient() -> Step[None]:
    yield Statement("pragma busy_timeout = 20", {})


@pytest.mark.parametrize("asked", [False, True])
async def test_what_is_saved_while_the_database_cannot_be_written_is_served_once_it_can(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, asked: bool
) -> None:
    caplog.set_level(logging.INFO)
    store = await open_database(tmp_path / "comeback.db")
    await store.run(impatient())
    one = Watch(*folders, lambda: NOW)
    await one.start(store, lambda: None)
    try:
        with closing(sqlite3.connect(tmp_path / "comeback.db", isolation_level=None)) as another:
            another.execute("begin immediate")
            if asked:
                one.look_now()
            else:
                (folders[0] / "welcome.yaml").unlink()
            await until(lambda: "the next look tries once more" in caplog.text)
            assert revision(one, "welcome") is not None
            another.execute("rollback")
        await until(lambda: "were read again: " in caplog.text)
        assert (revision(one, "welcome") is None) is not asked
    finally:
        await one.stop()
        await store.close()


GREETING = """name: Show
purpose: service
start:
  when: message_received
  if: orders.count is at least 5
steps:
  - send:
      text: Look at this!
      image: pictures/new.png
  - end
"""


async def test_a_picture_beside_the_flows_is_kept_before_anybody_is_sent_it(
    folders: tuple[Path, Path], store: Database, tmp_path: Path
) -> None:
    picture, shelf = folders[0] / "pictures" / "new.png", Shelf(tmp_path / "shelf", spare=0)
    picture.parent.mkdir()
    picture.write_bytes(b"\x89PNG\r\n\x1a\nfirst")
    (folders[0] / "show.yaml").write_text(GREETING, "utf-8")
    one = Watch(*folders, lambda: NOW)
    await one.start(store, lambda: None, shelf)
    try:
        first = one.playbook.library.files["flows/pictures/new.png"]
        kept = await store.read(files.find(first))
        assert kept is not None
        assert (kept.mime, kept.deleted_at, shelf.sound(first)) == ("image/png", None, True)

        picture.write_bytes(b"\x89PNG\r\n\x1a\nanother")
        await until(lambda: one.playbook.library.files["flows/pictures/new.png"] != first)
        assert shelf.sound(one.playbook.library.files["flows/pictures/new.png"])
        assert shelf.sound(first)  # who is in the middle is still sent the first
    finally:
        await one.stop()


async def test_a_picture_that_is_not_there_leaves_its_flow_out(folders: tuple[Path, Path]) -> None:
    (folders[0] / "show.yaml").write_text(GREETING, "utf-8")
    loaded = Watch(*folders, lambda: NOW).playbook.library
    assert "show" not in loaded.flows
    assert [str(problem) for problem in loaded.problems] == [
        "flows/show.yaml:9:7: there is no file flows/pictures/new.png: put it there, or write another name"
    ]
