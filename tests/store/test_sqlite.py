"""The database: one writer, one commit for many, nothing lost when a caller goes away."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.store import contacts, health, outbox
from bot.store.database import StoreTaken, StoreUnavailable
from bot.store.outbox import Superseded
from bot.store.sqlite import SqliteDatabase as Database
from bot.store.sqlite import _in_thread, open_file, read_only
from bot.store.step import Statement, Step, attempt, sql

from .ground import NOW, claim, draft, person, phone, queue, rows_of, statement, update, value, whose, yes


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_file(tmp_path / "comeback.db")
    yield database
    await database.close()


def tag(contact: int, name: str) -> Step[bool]:
    return contacts.add_tag(contact, name, NOW)


def failing(contact: int) -> Step[None]:
    yield from tag(contact, "half done")
    raise ValueError("a fault of ours")


async def _trace(store: Database) -> list[str]:
    """Every statement the writing connection runs from now on."""
    seen: list[str] = []

    def listen(connection: sqlite3.Connection, _: Any) -> None:
        connection.set_trace_callback(seen.append)

    await _in_thread(store._writer, listen, None)
    return seen


async def test_what_is_received_is_in_the_file_before_the_caller_hears_of_it(store: Database) -> None:
    assert await store.receive([update("a", phone()), update("b", phone())], NOW) == 2
    assert rows_of(store.path, "select count(*) from inbox") == [(2,)]


async def test_many_waiting_callers_share_one_commit(store: Database) -> None:
    seen = await _trace(store)
    await asyncio.gather(*(store.receive([update(f"w{n}", phone())], NOW) for n in range(300)))
    assert await value(store, "select count(*) from inbox") == 300
    assert sum(text == "commit" for text in seen) <= 2  # the first may be taken alone


async def test_a_step_that_fails_is_undone_alone_and_fails_only_its_caller(store: Database) -> None:
    lola = await person(store, phone())
    results = await asyncio.gather(
        store.run(tag(lola, "before")), store.run(failing(lola)), store.run(tag(lola, "after")), return_exceptions=True
    )
    assert results[0] is True
    assert isinstance(results[1], ValueError)
    assert results[2] is True
    assert (await store.run(contacts.load(lola))).tags == {"before", "after"}


async def test_a_faulty_statement_fails_its_caller_and_not_the_store(store: Database) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await store.run(statement("insert into nowhere values (1)"))
    assert await store.receive([update()], NOW) == 1


async def test_an_attempt_inside_a_step_is_undone_alone(store: Database) -> None:
    lola = await person(store, phone())

    def whole() -> Step[Exception | None]:
        yield from tag(lola, "first")
        outcome = yield from attempt(failing(lola))
        yield from tag(lola, "last")
        return outcome

    assert isinstance(await store.run(whole()), ValueError)
    assert (await store.run(contacts.load(lola))).tags == {"first", "last"}


async def test_two_thousand_cancelled_callers_leave_no_transaction_open_and_lose_nothing(store: Database) -> None:
    tasks = [asyncio.create_task(store.receive([update(f"c{n}", phone())], NOW)) for n in range(2000)]
    for n, task in enumerate(tasks):
        if n % 50 == 0:
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await store.receive([update("after", phone())], NOW) == 1
    assert not store._writer.in_transaction
    began = await value(store, "select count(*) from inbox")
    assert began > 1  # those that had begun are kept, though nobody waited for the answer any more


async def test_a_step_whose_caller_was_cancelled_still_stands(store: Database) -> None:
    lola = await person(store, phone())
    task = asyncio.create_task(store.run(tag(lola, "kept")))
    await asyncio.sleep(0)  # the step is handed over
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "kept" in (await store.run(contacts.load(lola))).tags


async def test_a_step_marked_last_sees_what_is_acknowledged_with_it(store: Database) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    found, _ = await asyncio.gather(
        store.run(outbox.claim(yes, owner="test", epoch=store.epoch, now=NOW, limit=9), last=True),
        store.receive([update("stop", phone())], NOW),
    )
    assert found.claimed == ()


async def test_a_second_opening_is_refused_with_a_sentence(store: Database) -> None:
    with pytest.raises(StoreTaken, match=f"pid {os.getpid()}"):
        await open_file(store.path)


def test_a_second_process_is_refused_and_a_killed_one_frees_the_database(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    script = f"""
import asyncio
from pathlib import Path
from bot.store.sqlite import open_file

async def main():
    await open_file(Path({str(path)!r}))
    print("open", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreTaken, match=f"pid {other.pid}"):
            asyncio.run(open_file(path))
        other.kill()

    async def again() -> int:
        database = await open_file(path)
        await database.close()
        return database.epoch

    assert asyncio.run(again()) == 2


async def test_an_older_epoch_claims_nothing(store: Database) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    await store.run(statement("update meta set value = '99' where name = 'epoch'"))
    with pytest.raises(Superseded):
        await claim(store)
    assert await value(store, "select state from outbox") == "queued"


async def test_migrations_are_applied_once_and_the_instance_stays(tmp_path: Path) -> None:
    first = await open_file(tmp_path / "a.db")
    await person(first, phone())
    await first.close()
    second = await open_file(tmp_path / "a.db")
    assert (second.instance, second.epoch) == (first.instance, first.epoch + 1)
    assert await value(second, "select count(*) from contact") == 1
    assert await value(second, "pragma user_version") >= 1
    await second.close()


async def test_only_this_user_can_read_the_files(store: Database) -> None:
    await store.receive([update()], NOW)
    for name in ("comeback.db", "comeback.db-wal", "comeback.db-shm", "comeback.db.lock"):
        assert stat.S_IMODE((store.path.parent / name).stat().st_mode) == 0o600, name


async def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("just words, no database at all. " * 100)
    with pytest.raises(StoreUnavailable, match=r"notes\.txt"):
        await open_file(path)


async def test_a_missing_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Is the folder there"):
        await open_file(tmp_path / "nowhere" / "a.db")


async def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StoreUnavailable):
        await open_file(tmp_path / "a.db")


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await open_file(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 9999")
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer"):
        await open_file(path)


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    connection = sqlite3.connect(path)
    connection.execute("create table recipe (id integer primary key)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreUnavailable, match="another program"):
        await open_file(path)
    assert rows_of(path, "select name from sqlite_master") == [("recipe",)]


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "what?.db", "number#1.db", "100%41.db"])
async def test_a_database_is_read_whatever_its_file_is_called(tmp_path: Path, name: str) -> None:
    database = await open_file(tmp_path / name)
    await database.receive([update()], NOW)
    assert (await database.read(health.state())).waiting == 1
    await database.close()
    assert (await read_only(tmp_path / name, health.state())).waiting == 1


async def test_a_reading_connection_cannot_write(store: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await store.read(sql_step("contact.create", now=1))


def sql_step(name: str, **parameters: Any) -> Step[None]:
    yield sql(name, **parameters)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    database = await open_file(tmp_path / "a.db")
    await database.close()
    await database.close()
    with pytest.raises(StoreUnavailable):
        await database.receive([update()], NOW)


async def test_what_was_handed_over_before_the_close_is_kept(tmp_path: Path) -> None:
    database = await open_file(tmp_path / "a.db")
    tasks = [asyncio.create_task(database.receive([update(f"w{n}")], NOW)) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert sum(await asyncio.gather(*tasks)) == 50
    assert rows_of(tmp_path / "a.db", "select count(*) from inbox") == [(50,)]


async def test_a_database_locked_by_another_program_is_unavailable_and_works_again_later(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.receive([update("before")], NOW)

    def impatient(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("pragma busy_timeout = 50")

    await _in_thread(store._writer, impatient, None)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailable):
        await store.receive([update("during")], NOW)
    other.execute("rollback")
    other.close()
    assert await store.receive([update("during")], NOW) == 1


async def _fill(store: Database) -> None:
    """The disk is full from now on."""
    pages = await value(store, "pragma page_count")
    await _in_thread(store._writer, _set_pages, int(pages) + 2)


def _set_pages(connection: sqlite3.Connection, pages: int) -> None:
    connection.execute(f"pragma max_page_count = {pages}")


async def test_a_full_disk_is_told_to_every_caller_as_unavailable_and_keeps_nothing(store: Database) -> None:
    await _fill(store)
    before = await value(store, "select count(*) from inbox")
    results = await asyncio.gather(*(store.receive([update(f"w{n}", body=b"x" * 50_000)], NOW) for n in range(5)), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results), results
    assert await value(store, "select count(*) from inbox") == before
    await _in_thread(store._writer, _set_pages, 1_000_000)
    assert await store.receive([update("w0", body=b"x" * 50_000)], NOW) == 1


async def test_a_full_disk_is_no_fault_of_the_piece_of_work_it_hits(store: Database) -> None:
    """`attempt` must not take it for the entry's own fault: a STOP would be dead after three tries on a full disk."""
    await _fill(store)

    def large() -> Step[None]:
        yield Statement(
            "insert into inbox (source, kind, place, body, occurred_at, received_at) values ('', '', '', :body, 0, 0)",
            {"body": b"x" * 100_000},
        )

    def whole() -> Step[bool]:
        yield from whose([phone()], NOW)
        return isinstance((yield from attempt(large())), Exception)

    with pytest.raises(StoreUnavailable):
        await store.run(whole())
