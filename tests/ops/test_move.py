"""`comeback move`: nothing lost, nothing sent twice, whatever interrupts it.

`python -m pytest tests/ops/test_move.py --full -s` moves 100,000 contacts, killed once on the way, and prints what it measured.
"""

import asyncio
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from bot.command.exit_code import EX_TEMPFAIL
from bot.policy.decision import Send
from bot.store import outbox
from bot.store.backup import copy
from bot.store.database import StoreTaken, StoreUnavailable, open_database, read_only
from bot.store.move import moving
from bot.store.move.moving import Moved
from bot.store.move.table import NotMoved
from bot.web.overflow import Overflow
from tests.crash.house import Surroundings, surroundings, wall_clock
from tests.journey.serving import Ran, clean_environment, command
from tests.postgres_server import TEMPLATE, Server
from tests.store.ground import NOW, phone, statement, update
from tests.web.test_overflow import brought, delivery

from . import mover, town

COPIES = 20  # of each of the ten people
SETTLE_SECONDS = 60.0
Dump = dict[str, list[tuple[Any, ...]]]

_numbers = count(1)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every kind of row, whose process died with a message on the wire. To be copied."""
    folder = tmp_path_factory.mktemp("town")

    async def settle() -> None:
        async with surroundings(folder):
            await town.settle(folder / "comeback.db", folder / "flows")

    asyncio.run(settle())
    shutil.copy(folder / "comeback.db", folder / "few.db")
    town.grow(folder / "comeback.db", COPIES)
    return folder / "comeback.db"


@pytest.fixture
def source(first: Path, tmp_path: Path) -> str:
    shutil.copy(first, tmp_path / "comeback.db")
    return str(tmp_path / "comeback.db")


@asynccontextmanager
async def a_database(server: Server, *, laid: bool = False) -> AsyncIterator[str]:
    """The address of a database that is dropped in the end: what a move seals stays sealed."""
    name = f"moved_{next(_numbers)}"
    await server.order(f"create database {name}" + (f" template {TEMPLATE}" if laid else ""))
    try:
        yield server.url(name)
    finally:
        await server.order(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def address(server: Server) -> AsyncIterator[str]:
    async with a_database(server) as one:
        yield one


async def move(source: str, target: str) -> Moved:
    return await moving.move(source, target, lambda _what, _share: None)


def dump(path: str | Path) -> Dump:
    """Everything in a file, but for its own count of epochs and the mark of a move."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table' order by name")]
        found = {name: connection.execute(f"select * from {name}").fetchall() for name in names}
    found["meta"] = [row for row in found["meta"] if row[0] not in ("move", "epoch")]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


async def ask(address: str, text: str) -> list[Any]:
    """What a database on PostgreSQL says."""
    connection = await asyncpg.connect(address)
    try:
        rows: list[Any] = await connection.fetch(text)
        return rows
    finally:
        await connection.close()


async def people(where: str) -> int | None:
    """How many a database has; None when there is no database yet."""
    try:
        return int((await read_only(where, statement("select count(*) as people from contact")))[0]["people"])
    except (StoreUnavailable, asyncpg.UndefinedTableError):
        return None


async def openable(where: str) -> bool:
    try:
        store = await open_database(where)
    except StoreUnavailable:
        return False
    await store.close()
    return True


# ---- all of it


async def test_there_and_back_everything_is_as_it_was(source: str, address: str, server: Server, tmp_path: Path) -> None:
    before = dump(source)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    async with a_database(server, laid=True) as second:
        moved = [await move(source, address), await move(address, second), await move(second, f"sqlite:///{tmp_path / 'back.db'}")]
    again = tmp_path / "o'hara $$ 100%s \\.db"  # it stands in what the old one tells
    moved.append(await move(str(tmp_path / "back.db"), str(again)))
    with pytest.raises(StoreUnavailable, match=r"o'hara \$\$ 100%s \\.db: set COMEBACK_DATABASE to that"):
        await open_database(str(tmp_path / "back.db"))
    assert dump(again) == before == dump(source)
    assert {one.table: one.rows for one in moved[0].tables} == {name: len(rows) for name, rows in before.items() if name != "meta"}
    assert len({tuple((one.table, one.checksum) for one in each.tables) for each in moved}) == 1
    assert not any(each.resumed for each in moved)
    with closing(sqlite3.connect(again)) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert connection.execute("select count(*) from sqlite_master where type = 'trigger'").fetchone()[0] == 0


async def test_the_target_on_postgresql_is_as_its_own_migrations_make_it_and_counts_on_behind_the_largest(
    source: str, address: str, server: Server
) -> None:
    shape = """select indexdef as def from pg_indexes where schemaname = 'public' union all
        select conrelid::regclass || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace union all
        select tgname from pg_trigger where not tgisinternal order by 1"""
    for _ in range(3):
        assert await openable(source)  # its epochs are ahead of the target's
    await move(source, address)
    assert await ask(address, shape) == await ask(server.url(TEMPLATE), shape)
    with closing(sqlite3.connect(source)) as connection:
        for table in town.IDS:
            largest = connection.execute(f"select max(id) from {table}").fetchone()[0]
            ((next_one,),) = await ask(address, f"select nextval(pg_get_serial_sequence('{table}', 'id'))")
            assert next_one == largest + 1, table
        epoch = int(connection.execute("select value from meta where name = 'epoch'").fetchone()[0])
    assert [tuple(row) for row in await ask(address, "select nextval(pg_get_serial_sequence('process', 'epoch'))")] == [(epoch + 1,)]


async def test_texts_that_postgresql_has_no_place_for_are_told(source: str, address: str) -> None:
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("update contact set first_name = 'Lo' || char(0) || 'la' where id < 4")
        connection.execute("update message set text = char(0) where id = 1")
    moved = await move(source, address)
    assert {one.table: one.changed for one in moved.tables if one.changed} == {"contact": 3, "message": 1}
    assert [row["first_name"] for row in await ask(address, "select first_name from contact where id < 4")] == ["Lola"] * 3


async def test_rows_that_would_be_one_and_the_same_are_not_lost_silently(source: str, address: str) -> None:
    with closing(sqlite3.connect(source)) as connection, connection:
        twin = "select kind, scope, value || char(0), contact, since from identity where kind = 'phone' limit 1"
        connection.execute(f"insert into identity {twin}")
    with pytest.raises(NotMoved, match=r"identity has rows that are one and the same .* mend one of them"):
        await move(source, address)
    await moving.undo(source, address)
    assert await openable(source)


# ---- interrupted


async def killed_at(number: int, source: str, target: str) -> None:
    """Run the command until its step of that number, where it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ops.mover", "move", "--from", source, "--to", target,
        env=clean_environment(KILL_AT=str(number)), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == -signal.SIGKILL, err.decode()


@pytest.mark.parametrize("way", ["to the server", "to the file"])
async def test_killed_at_any_step_it_goes_on_where_it_was_and_never_may_both_be_served(
    source: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool, way: str
) -> None:
    old, new = source, address
    if way == "to the file":
        await move(source, address)
        old, new = address, str(tmp_path / "back.db")
    steps: list[int] = []
    monkeypatch.setattr(moving, "BATCH_ROWS", mover.BATCH_ROWS)
    with monkeypatch.context() as counting:
        for side, name, step in mover.each_step(steps.append):
            counting.setattr(side, name, step)
        expected = (await move(old, new)).tables
    await moving.undo(old, new)
    last = len(steps)
    print(f"\n{way}: {last} steps")
    for number in range(1, last + 1) if full else (4, 7, last // 2, last - 5, last - 2):
        await killed_at(number, old, new)
        assert not (await people(new) and (await openable(old) or await openable(new)))
        moved = await move(old, new)
        assert moved.tables == expected
        assert moved.resumed or number < 5
        await moving.undo(old, new)
        assert not await people(new)
    await move(old, new)
    assert (await openable(old), await openable(new)) == (False, True)


async def test_a_row_that_changed_on_the_way_is_found_and_the_move_can_be_taken_back(source: str, address: str) -> None:
    await killed_at(60, source, address)
    await ask(address, "update audit set text = text || '.' where id = 7")
    with pytest.raises(NotMoved, match=r"are not alike \(audit: \d+ rows with checksum \w+ left, .* with --undo") as told:
        await move(source, address)
    assert str(told.value).count("comeback.db") == 1
    assert (await openable(source), await openable(address)) == (False, False)
    assert (await moving.undo(source, address)).emptied
    assert await openable(source)
    assert (await move(source, address)).resumed is False


async def test_a_row_that_went_missing_on_the_way_is_found(source: str, address: str, tmp_path: Path) -> None:
    await move(source, address)
    back = tmp_path / "back.db"
    await killed_at(50, address, str(back))
    with closing(sqlite3.connect(back)) as connection, connection:
        connection.execute("delete from audit where id = 7")
    with pytest.raises(NotMoved, match=r"are not alike \(audit: "):
        await move(address, str(back))


async def test_half_a_move_is_for_its_own_source_and_its_own_target(source: str, address: str, server: Server, tmp_path: Path) -> None:
    await killed_at(30, source, address)
    another = tmp_path / "another.db"
    await (await open_database(str(another))).close()
    with pytest.raises(NotMoved, match=r"is half filled by another move, from .*comeback.db: finish that one"):
        await move(str(another), address)
    async with a_database(server) as elsewhere:
        with pytest.raises(NotMoved, match=r"it is being moved to .*: go on with that, or take it back with --undo first"):
            await move(source, elsewhere)
    with pytest.raises(NotMoved, match=r"is itself being filled from .*comeback.db, and not whole yet"):
        await move(address, str(tmp_path / "third.db"))
    assert await openable(str(another))
    assert (await move(source, address)).resumed


# ---- who may be served


@pytest.mark.parametrize("kind", ["file", "server"])
async def test_what_is_served_is_not_moved_and_nothing_is_moved_into_it(source: str, address: str, tmp_path: Path, kind: str) -> None:
    served, other = (source, address) if kind == "file" else (address, str(tmp_path / "other.db"))
    store = await open_database(served)
    try:
        with pytest.raises(StoreTaken, match="stop it first"):
            await move(served, other)
        if kind == "server":
            with pytest.raises(StoreTaken, match="stop it first"):
                await move(source, served)
        await store.run(statement("select 1"))
    finally:
        await store.close()
    assert await people(other) is None
    assert await openable(source)


async def test_a_process_that_comes_back_to_life_neither_receives_nor_sends_from_what_was_moved(
    source: str, address: str, tmp_path: Path
) -> None:
    await move(source, address)
    hung = await open_database(address)
    try:
        await hung.run(statement("update process set beat_at = clock_timestamp() - interval '3 minutes'"))
        await move(address, str(tmp_path / "back.db"))
        with pytest.raises(StoreUnavailable, match=r"it was moved to .*back.db: set COMEBACK_DATABASE to that"):
            await hung.receive([update("late", phone())], NOW)
        with pytest.raises(StoreUnavailable, match="it was moved to"):
            await hung.run(outbox.claim(lambda _message, _person: Send(), owner="hung", epoch=hung.epoch, now=NOW, limit=5))
    finally:
        await hung.close()


async def test_a_target_with_data_of_its_own_is_left_alone(source: str, first: Path, address: str, tmp_path: Path) -> None:
    await move(source, address)
    shutil.copy(first, tmp_path / "second.db")
    before = dump(tmp_path / "second.db")
    for target in (address, str(first)):
        with pytest.raises(NotMoved, match="has data of its own: a move wants an empty database"):
            await move(str(tmp_path / "second.db"), target)
    assert dump(tmp_path / "second.db") == before
    assert await openable(str(tmp_path / "second.db"))
    assert await openable(address)


async def test_a_move_can_be_taken_back_until_somebody_opened_the_target(source: str, address: str) -> None:
    await move(source, address)
    assert (await moving.undo(source, address)).emptied
    assert await openable(source)
    await move(source, address)
    assert await openable(address)
    with pytest.raises(NotMoved, match="was opened since it was moved there"):
        await moving.undo(source, address)
    assert (await openable(source), await openable(address)) == (False, True)
    with pytest.raises(NotMoved, match="was not moved: there is nothing to take back"):
        await moving.undo(address, source)


async def test_a_move_whose_target_is_gone_can_be_taken_back_while_it_is_not_finished(source: str, server: Server) -> None:
    async with a_database(server) as gone:
        await killed_at(30, source, gone)
    assert not (await moving.undo(source, gone)).emptied
    assert await openable(source)


async def test_what_cannot_be_moved_is_said_in_a_sentence_and_changes_nothing(
    source: str, address: str, server: Server, tmp_path: Path
) -> None:
    copy(Path(source), tmp_path / "backup.db", NOW, lambda _: None)
    shutil.copy(source, tmp_path / "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as connection, connection:
        connection.execute("pragma user_version = 99")
    shutil.copy(source, tmp_path / "wider.db")
    with closing(sqlite3.connect(tmp_path / "wider.db")) as connection, connection:
        connection.execute("alter table tag add column colour text")
    (tmp_path / "notes.txt").write_text("my notes")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("create table song (name)")
    for old, new, sentence in (
        (source, source, "cannot be moved into itself"),
        (str(tmp_path / "nowhere.db"), address, "there is no database at"),
        (str(tmp_path / "backup.db"), address, "is a backup: what it has queued may have been sent since"),
        (str(tmp_path / "newer.db"), address, "has schema 99"),
        (str(tmp_path / "wider.db"), address, "its table tag has other columns, or another key"),
        (str(tmp_path / "notes.txt"), address, "file is not a database"),
        (source, str(tmp_path / "other.db"), "is the database of another program"),
        (source, server.url("nowhere"), 'database "nowhere" does not exist'),
        (source, str(tmp_path / "no" / "folder.db"), "Is the folder there"),
    ):
        with pytest.raises((NotMoved, StoreUnavailable), match=sentence):
            await move(old, new)
    assert (tmp_path / "notes.txt").read_text() == "my notes"
    assert await openable(source)
    assert not await people(address)


# ---- the command


async def comeback(*words: str, **environ: str) -> Ran:
    return await command("move", *words, environment=clean_environment(**environ))


async def test_an_owner_moves_and_is_told_where_to_go_on(source: str, address: str, tmp_path: Path) -> None:
    with_password = address.replace("postgres@", "postgres:s3cret@")
    ran = await comeback("--from", f"sqlite:///{source}", "--to", with_password, "--json")
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert "s3cret" not in ran.out + repr(await ask(address, "select * from meta")) + repr(dump(source))
    assert {one["table"]: one["rows"] for one in told["tables"]} == {
        name: len(rows) for name, rows in dump(source).items() if name != "meta"
    }
    assert (told["source"], told["rows"], told["changed"], told["resumed"]) == (
        source,
        sum(one["rows"] for one in told["tables"]),
        0,
        False,
    )
    ran = await comeback("--from", source, "--to", address)
    assert (ran.code, ran.out) == (0, f"{source} was moved to {told['target']} already: nothing was done.\n")
    ran = await command("doctor", environment=clean_environment(COMEBACK_DATABASE=source))
    assert f"database      {source}: it was moved to {told['target']}: set COMEBACK_DATABASE to that" in ran.out
    async with surroundings(tmp_path) as around:
        with pytest.raises(RuntimeError, match=r"cannot start: cannot use .*comeback.db: it was moved to postgresql://postgres@/moved_"):
            await around.bot().start()
    ran = await comeback("--from", source, "--to", address, "--undo")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{source} may be served again.\n")
    ran = await comeback("--from", "mysql://here/it", "--to", address)
    assert (ran.code, ran.err) == (1, "--from: is not a database known here: give the path of a file, sqlite:///path or postgresql://...\n")
    store = await open_database(source)
    try:
        ran = await comeback("--from", source, "--to", address)
        assert (ran.code, ran.out) == (EX_TEMPFAIL, "")
    finally:
        await store.close()


async def test_deliveries_and_copies_for_people_go_along_and_come_back(source: str, address: str, tmp_path: Path) -> None:
    beside = {"COMEBACK_OPTOUTS": str(tmp_path / "there" / "comeback.optouts")}
    old, there = Overflow(Path(f"{source}.overflow")), tmp_path / "there"
    there.mkdir()
    await old.keep(delivery(1))
    old.path.rename(f"{old.path}.coming")  # killed while it was brought in
    await old.keep(delivery(2))
    copies = Path(f"{source}.privacy")
    copies.mkdir()
    (copies / "data-1.zip").write_bytes(b"a copy")
    ran = await comeback("--from", source, "--to", address, **beside)
    assert ran.code == 0, ran.err
    assert not old.waits()
    assert list(copies.iterdir()) == []
    assert (there / "comeback.privacy" / "data-1.zip").read_bytes() == b"a copy"
    assert (there / "comeback.privacy" / "data-1.zip").stat().st_mode & 0o777 == 0o600
    assert (await comeback("--from", source, "--to", address, **beside)).code == 0  # once more
    ran = await comeback("--from", source, "--to", address, "--undo", **beside)
    assert ran.code == 0, ran.err
    assert not Overflow(there / "comeback.overflow").waits()
    assert (copies / "data-1.zip").read_bytes() == b"a copy"
    assert list(there.rglob("*.zip")) == []
    assert await brought(old) == [1, 2]


async def test_on_a_terminal_it_shows_how_far_it_is_and_ctrl_c_stops_it(first: Path, tmp_path: Path) -> None:
    source = str(shutil.copy(first.with_name("few.db"), tmp_path / "comeback.db"))
    town.grow(Path(source), 500)
    ours, theirs = pty.openpty()
    words = ("-m", "tests.ops.mover", "move", "--from", source, "--to", str(tmp_path / "new.db"))
    slowly = clean_environment(KILL_AT="0", STEP_SECONDS="0.02")
    process = await asyncio.create_subprocess_exec(sys.executable, *words, env=slowly, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"moving" not in said:
        said += await asyncio.to_thread(os.read, ours, 1_024)
    process.send_signal(signal.SIGINT)  # it cannot have finished: it has a hundred steps before it
    shown = (said + await asyncio.to_thread(_all_of, ours)).decode()
    assert await process.wait() == 130
    assert "Interrupted. Nothing is lost: run the same command again to go on" in shown
    os.close(ours)
    assert (await move(source, str(tmp_path / "new.db"))).resumed


def _all_of(terminal: int) -> bytes:
    said = b""
    with suppress(OSError):  # nobody writes to it any more
        while more := os.read(terminal, 65_536):
            said += more
    return said


# ---- and then it is served


async def test_after_the_move_what_waited_goes_out_exactly_once_and_what_was_on_the_wire_does_not(
    source: str, address: str, tmp_path: Path
) -> None:
    async with surroundings(tmp_path / "around", server=address) as around:
        await move(source, address)
        (tmp_path / "around" / "comeback.erased").touch()  # somebody of the town was erased: without this log nobody is served
        await _served_until_it_rests(around, source, address, COPIES)


async def _served_until_it_rests(around: Surroundings, source: str, address: str, copies: int) -> None:
    """Serve what was moved until it rests: each queued message and each due timer is one message, no more."""
    with closing(sqlite3.connect(source)) as connection:
        queued = {key for (key,) in connection.execute("select key from outbox where state = 'queued'")}
        sending = {key for (key,) in connection.execute("select key from outbox where state = 'sending'")}
    assert len(sending) == copies + 1
    for who in town.like((town.GREETED, town.ANSWERED, town.WAITING, town.ON_THE_WIRE), copies):
        around.cloud.customer(f"+{who}").last_wrote = wall_clock()  # WhatsApp knows of their reply window, too
    bot = around.bot()
    await bot.start()
    try:
        async with asyncio.timeout(SETTLE_SECONDS + copies / 50):
            while not await _rests(address):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.2)
        await around.cloud.idle()
    finally:
        assert await bot.terminate() == 0
    tries = Counter(attempt.key for attempt in around.cloud.attempts)
    to = Counter(str(attempt.payload["to"]) for attempt in around.cloud.attempts)
    assert set(tries.values()) == {1}
    assert queued <= set(tries)
    assert not sending & set(tries)
    assert {who for who in town.like((town.SHOPPER,), copies) if to[who] + to[f"+{who}"] != 1} == set()  # by a timer
    assert {who for who in town.like((town.WAITING,), copies) if to[who] + to[f"+{who}"] != 2} == set()  # what they wrote was unread
    assert len(tries) == len(queued) + (1 + 2) * (copies + 1)
    states = {row["state"]: row["messages"] for row in await ask(address, "select state, count(*) as messages from outbox group by state")}
    assert (states["unknown"], states.get("queued", 0), states.get("sending", 0)) == (len(sending), 0, 0)


async def _rests(address: str) -> bool:
    ((waits,),) = await ask(
        address,
        """select (select count(*) from outbox where state in ('queued', 'sending')) + (select count(*) from inbox where state = 'waiting')
        + (select count(*) from timer where kind like 'start:%')""",
    )
    return not waits


# ---- at full size


async def test_a_hundred_thousand_people_with_timers_and_queued_messages_are_moved_and_interrupted_once(
    first: Path, address: str, tmp_path: Path, full: bool
) -> None:
    source, copies = tmp_path / "comeback.db", 10_000 if full else 30
    shutil.copy(first.with_name("few.db"), source)
    town.grow(source, copies)
    with closing(sqlite3.connect(source)) as connection:
        timers, queued = (connection.execute(text).fetchone()[0] for text in ("select count(*) from timer", _QUEUED))
        keys = {key for (key,) in connection.execute("select key from outbox where state = 'queued'")}
        sending = {key for (key,) in connection.execute("select key from outbox where state = 'sending'")}
    killed = await asyncio.to_thread(_measured, str(source), address, KILL_AT="400" if full else "40", BATCH_ROWS=str(moving.BATCH_ROWS))
    arrived = await people(address)
    resumed = await asyncio.to_thread(_measured, str(source), address, KILL_AT="0", BATCH_ROWS=str(moving.BATCH_ROWS))
    assert (killed.code, resumed.code) == (-signal.SIGKILL, 0), resumed.out
    told = json.loads(resumed.out)
    rows = {one["table"]: one["rows"] for one in told["tables"]}
    print(
        f"\n{rows['contact']:,} contacts ({arrived:,} of them before the kill), {timers:,} timers, {queued:,} queued, "
        f"{told['rows']:,} rows in all: {killed.seconds:.1f} + {resumed.seconds:.1f} s ({killed.cpu:.1f} + {resumed.cpu:.1f} s of CPU), "
        f"at most {max(killed.megabytes, resumed.megabytes):.0f} MB"
    )
    assert told["resumed"]
    assert rows["contact"] == 9 * (copies + 1)
    async with town.bench(address, first.with_name("flows")) as house:  # the engine and the sender, at their own pace
        began = monotonic()
        assert await house.store.run(outbox.orphans(house.store.epoch, house.now)) == len(sending)
        await house.go(timedelta(seconds=5))
        sent = Counter(message.key for message in house.channel.sent)
        print(f"{len(sent):,} messages sent in {monotonic() - began:.0f} s")
    assert set(sent.values()) == {1}
    assert keys <= set(sent)
    assert not sending & set(sent)
    assert len(sent) == len(keys) + (1 + 2) * (copies + 1)


_QUEUED = "select count(*) from outbox where state = 'queued'"


@dataclass(frozen=True, slots=True)
class Measured:
    """A command that ended, and what it took."""

    code: int
    out: str
    seconds: float
    cpu: float
    megabytes: float


def _measured(source: str, target: str, **environ: str) -> Measured:
    began = monotonic()
    words = (sys.executable, "-m", "tests.ops.mover", "move", "--from", source, "--to", target, "--json")
    with subprocess.Popen(words, env=clean_environment(**environ), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(process.returncode, out, monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
