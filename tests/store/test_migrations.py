"""A database of each earlier version is brought forward with all that is in it, or left as it was."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bot.store.database import StoreUnavailable, open_database
from tests.postgres_server import Server
from tests.worker.bench import HOUR, Bench, playbook

EARLIER = Path(__file__).parent / "earlier"
MIGRATIONS = Path(str(resources.files("bot.store") / "migrations"))

# Databases stand in these shapes at people's: a published migration is never changed, a new one is added here when it is published.
PUBLISHED = {
    "0001_first.sql": "59743ebc289480cbaec3211a33632edf28573819d5d6b8bcc89082af2f7a8d51",
    "0002_lanes_templates.sql": "2aa5ea4f391dd8148a9ef013da2fb562ce359d5a23ab670b7e777d6b8fb33c12",
    "0003_whatsapp_stores.sql": "143e5d11584a7daf45426c790c28a24cf93834ddb6e0c995010ee1f62d15ae3b",
    "0004_shops.sql": "cb968bac8e5777a30fe603cc5801f0e397475212855b0dee90caf04c18fc1637",
    "postgres/0001_first.sql": "9af0a26b58380515c88c38805e71a8ed35f23849b6d5b90017a44d3376ab55c1",
    "postgres/0002_lanes_templates.sql": "56771408a5e7f1b5c8db1ad1cc117669a761bf2a56144b9c54d88baece10b4cb",
    "postgres/0003_whatsapp_stores.sql": "e30e0b7289c9a029c5efba33eb690eff3bac6537f05bfd9ae14090bb9cd37369",
    "postgres/0004_shops.sql": "d56676e9dd2c898889d796e142080b6205a76795346968c0eb1e7393b811f976",
}

Rows = dict[str, list[dict[str, Any]]]


def test_a_published_migration_is_never_changed() -> None:
    found = {
        path.relative_to(MIGRATIONS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS.rglob("[0-9]*.sql")
    }
    assert found == PUBLISHED


def test_there_is_a_database_of_each_earlier_version() -> None:
    newest = max(int(name[:4]) for name in PUBLISHED if "/" not in name)
    wanted = {f"{kind}_{version}.sql" for kind in ("sqlite", "postgres") for version in range(1, newest)}
    assert {path.name for path in EARLIER.iterdir()} == wanted


# ---- SQLite


def laid(folder: Path, name: str) -> Path:
    """A file with an earlier database."""
    path = folder / "comeback.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((EARLIER / name).read_text("utf-8"))
    return path


def kept_in_file(path: Path) -> Rows:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table' order by name")]
        return {table: [dict(row) for row in connection.execute(f"select * from {table}")] for table in tables}


def shape_of_file(path: Path) -> set[tuple[str, str | None]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("select name, sql from sqlite_master").fetchall())


@pytest.mark.parametrize("name", sorted(path.name for path in EARLIER.glob("sqlite_*.sql")))
async def test_an_earlier_file_is_brought_forward_with_all_that_is_in_it(tmp_path: Path, name: str) -> None:
    path = laid(tmp_path, name)
    before = kept_in_file(path)
    await (await open_database(path)).close()
    assert_kept(before, kept_in_file(path))
    fresh = tmp_path / "fresh.db"
    await (await open_database(fresh)).close()
    assert shape_of_file(path) == shape_of_file(fresh)
    await assert_goes_on(str(path))


async def test_a_step_forward_that_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = laid(tmp_path, "sqlite_1.sql")
    before, shape = kept_in_file(path), shape_of_file(path)
    with monkeypatch.context() as patch:
        _add_a_faulty_migration(tmp_path, patch)
        with pytest.raises(StoreUnavailable, match="nowhere"):
            await open_database(path)
    assert (kept_in_file(path), shape_of_file(path)) == (before, shape)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone()[0] == 1
    await assert_goes_on(str(path))


# ---- PostgreSQL


async def kept_on_server(address: str) -> Rows:
    connection = await asyncpg.connect(address)
    try:
        tables = [row["tablename"] for row in await connection.fetch("select tablename from pg_tables where schemaname = 'public'")]
        return {table: [dict(row) for row in await connection.fetch(f"select * from {table}")] for table in tables}
    finally:
        await connection.close()


async def shape_on_server(address: str) -> set[tuple[str, ...]]:
    connection = await asyncpg.connect(address)
    try:
        columns = "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
        indexes = "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'"
        functions = "select proname, pg_get_function_identity_arguments(oid), '' from pg_proc where pronamespace = 'public'::regnamespace"
        return {tuple(row) for text in (columns, indexes, functions) for row in await connection.fetch(text)}
    finally:
        await connection.close()


@pytest.mark.parametrize("name", sorted(path.name for path in EARLIER.glob("postgres_*.sql")))
async def test_an_earlier_database_on_a_server_is_brought_forward_with_all_that_is_in_it(server: Server, name: str) -> None:
    await server.order("drop database if exists earlier with (force)", "create database earlier")
    await server.order((EARLIER / name).read_text("utf-8"), database="earlier")
    address = server.url("earlier")
    before = await kept_on_server(address)
    await (await open_database(address)).close()
    assert_kept(before, await kept_on_server(address))
    async with server.fresh() as fresh:
        assert await shape_on_server(address) == await shape_on_server(fresh)
    await assert_goes_on(address)
    await server.order("drop database earlier with (force)")


async def test_a_step_forward_that_fails_half_way_leaves_the_server_as_it_was(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.order("drop database if exists earlier with (force)", "create database earlier")
    await server.order((EARLIER / "postgres_1.sql").read_text("utf-8"), database="earlier")
    address = server.url("earlier")
    before, shape = await kept_on_server(address), await shape_on_server(address)
    with monkeypatch.context() as patch:
        _add_a_faulty_migration(tmp_path, patch)
        with pytest.raises(StoreUnavailable, match="nowhere"):
            await open_database(address)
    assert (await kept_on_server(address), await shape_on_server(address)) == (before, shape)
    await server.order("drop database earlier with (force)")


# ---- both


def assert_kept(before: Rows, after: Rows) -> None:
    """Every row is there with every column it had; what a process notes of itself may have changed."""
    for table, rows in before.items():
        if table in ("meta", "process"):
            assert {row["name"] for row in rows} <= {row["name"] for row in after[table]}
            continue
        columns = rows[0].keys() if rows else ()
        assert [{column: row[column] for column in columns} for row in after[table]] == rows, table


async def assert_goes_on(where: str) -> None:
    """What waited is worked off, what was queued is sent, what is due happens."""
    store = await open_database(where)
    bench = Bench(store, playbook())
    bench.now += 4 * HOUR
    try:
        assert await bench.rows("select 1 as one from inbox where state = 'waiting'") != []
        sent = await bench.go()
        assert any("marketing" in body or "write" in body for body in sent), sent
        assert await bench.rows("select 1 as one from inbox where state = 'waiting'") == []
        await bench.writes("Hello", "34600000007")
        assert await bench.go() != []
    finally:
        await bench.sender.finish()
        await store.close()


def _add_a_faulty_migration(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The program of a version whose next step forward fails at its second statement."""
    program = folder / "program"
    shutil.copytree(MIGRATIONS, program / "migrations")
    for where in (program / "migrations", program / "migrations" / "postgres"):
        (where / "9000_faulty.sql").write_text("create table half_done (id integer);\ninsert into nowhere values (1);\n", "utf-8")
    patch.setattr(resources, "files", lambda _: program)
