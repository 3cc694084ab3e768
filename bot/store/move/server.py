"""A PostgreSQL database as one side of a move."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import asyncpg

from bot.store.database import StoreTaken, StoreUnavailable, shown
from bot.store.move.side import FETCH, FILLED, MARK, Mark, State
from bot.store.move.table import Column, Filled, Kind, NotMoved, Row, Table
from bot.store.presence import FAILURES, LIVES, Connection

CONNECT_SECONDS = 10.0
MOVES = 1668246887  # the advisory lock of whoever moves the database
PATIENCE_SECONDS = 5.0  # a mover that was killed lets go of it as soon as the server notices

_SETTINGS = {
    "application_name": "comeback move",
    "lock_timeout": "10s",  # whoever holds a table that long hangs
    "statement_timeout": "0",  # an index over a large table takes its time, whatever the server allows others
    "idle_in_transaction_session_timeout": "0",  # so does the other side
    "jit": "off",
    "maintenance_work_mem": "256MB",  # indexes are made over whole tables
}
_KINDS = {
    "bigint": Kind.INTEGER, "integer": Kind.INTEGER, "smallint": Kind.INTEGER, "text": Kind.TEXT, "bytea": Kind.BLOB,
}  # fmt: skip
_PRESENCE = "process"  # who works on it now: the counter of epochs goes along, its rows do not

_COLUMNS = """
select c.relname as name, a.attname as column, format_type(a.atttypid, a.atttypmod) as kind,
  coalesce(array_position(i.indkey::smallint[], a.attnum), -1) as place, a.attidentity::text <> '' as counted
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated::text = ''
left join pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
order by c.relname, a.attname"""

# as `sql/postgres/outbox.sql` (orphans) has it: who ended left no row; who died is silent and lets go of their lock
_LIVING = f"""
select name from process where case
  when beat_at > clock_timestamp() - interval '10 seconds' then true
  when beat_at < clock_timestamp() - interval '2 minutes' then false
  else not pg_try_advisory_xact_lock({LIVES}, epoch::int) end
limit 1"""  # noqa: S608 - a constant

# what makes filling slow, and what puts it back: first the indexes, then the references, which want them
_INDEXES = """
select format('drop index %s', i.indexrelid::regclass) as away, pg_get_indexdef(i.indexrelid) as back
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
  and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)"""
_REFERENCES = """
select format('alter table %s drop constraint %I', conrelid::regclass, conname) as away,
  format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as back
from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace"""


class ServerSide:
    """An open server. Use `open_server_side`."""

    def __init__(self, where: str, connection: Connection) -> None:
        self.where = where
        self._connection = connection

    async def close(self) -> None:
        """Let go."""
        await self._connection.close(timeout=CONNECT_SECONDS)

    # ---- what it is

    async def version(self) -> int | None:
        known = await self._names()
        if not known:
            return None
        if not {"meta", "inbox", "outbox", _PRESENCE} <= known:
            raise NotMoved(f"{self.where} is the database of another program")
        return int((await self.meta()).get("schema", "0"))

    async def _names(self) -> set[str]:
        return {row["tablename"] for row in await self._fetch("select tablename from pg_tables where schemaname = current_schema()")}

    async def tables(self) -> Mapping[str, Table]:
        columns: dict[str, list[Column]] = {}
        keys: dict[str, list[tuple[int, str]]] = {}
        for row in await self._fetch(_COLUMNS):
            if row["name"] in ("meta", _PRESENCE):
                continue
            columns.setdefault(row["name"], []).append(Column(row["column"], _kind(row["name"], row["column"], row["kind"])))
            if row["place"] >= 0:
                keys.setdefault(row["name"], []).append((row["place"], row["column"]))
        return {
            name: Table(name, tuple(sorted(found, key=lambda one: one.name)), tuple(column for _, column in sorted(keys.get(name, []))))
            for name, found in columns.items()
        }

    async def meta(self) -> Mapping[str, str]:
        return {row["name"]: row["value"] for row in await self._fetch("select name, value from meta")}

    async def epoch(self) -> int:
        with self._failing():
            counter = await self._connection.fetchval("select pg_get_serial_sequence('process', 'epoch')")
            given = await self._connection.fetchval(f"select case when is_called then last_value else last_value - 1 end from {counter}")  # noqa: S608 - the catalogue's name
            sent = await self._connection.fetchval("select coalesce(max(epoch), 0) from outbox")
            return int(max(given, sent))

    async def is_empty(self) -> bool:
        with self._failing():
            for name in await self._names() - {"meta", _PRESENCE}:
                if await self._connection.fetchval(f"select 1 from {_quoted(name)} limit 1"):  # noqa: S608 - a name from the catalogue
                    return False
            return True

    async def count(self, table: Table) -> int:
        with self._failing():
            return int(await self._connection.fetchval(f"select count(*) from {_quoted(table.name)}"))  # noqa: S608 - likewise

    async def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[list[Row], None]:
        key = ", ".join(map(_quoted, table.key))
        behind = f"where ({key}) > ({', '.join(f'${place + 1}' for place in range(len(table.key)))})" if after is not None else ""
        columns = ", ".join(_quoted(column.name) for column in table.columns)
        text = f"select {columns} from {_quoted(table.name)} {behind} order by {key}"  # noqa: S608 - names from the catalogue
        async with self._transaction():
            cursor = await self._connection.cursor(text, *(after or ()))
            coming = asyncio.ensure_future(cursor.fetch(FETCH))
            try:
                while rows := await coming:
                    coming = asyncio.ensure_future(cursor.fetch(FETCH))  # the server looks for these while those are worked on
                    yield [tuple(row) for row in rows]
            finally:
                await asyncio.gather(coming, return_exceptions=True)

    # ---- who may open it

    async def refuse_served(self) -> None:
        async with self._transaction():
            name = await self._connection.fetchval(_LIVING)
        if name:
            raise StoreTaken(
                f"a Comeback process ({name}) is using {self.where}: stop it first (one that was killed is given up after ten seconds)"
            )

    async def seal(self, mark: Mark, sentence: str) -> None:
        everything = mark.state in (State.MOVING, State.MOVED)
        async with self._transaction():
            await self._open_up()
            body = f"begin raise exception using message = {_text(sentence)}, errcode = 'read_only_sql_transaction'; end"
            await self._connection.execute(
                f"create or replace function comeback_sealed() returns trigger language plpgsql as {_text(body)}"
            )
            # whoever writes one of these tables now is waited for, so nothing is written that is not seen here
            for name in sorted(await self._names() - {"meta"}) if everything else (_PRESENCE,):
                await self._connection.execute(
                    f"create trigger comeback_sealed before insert or update or delete or truncate on {_quoted(name)}"
                    " for each statement execute function comeback_sealed()"
                )
            await self.refuse_served()
            await self._put_mark(mark)

    async def unseal(self, mark: Mark | None) -> None:
        async with self._transaction():
            await self._free(mark)

    async def _free(self, mark: Mark | None) -> None:
        await self._open_up()
        await self._connection.execute("drop function if exists comeback_sealed()")
        await self._connection.execute("delete from meta where starts_with(name, $1)", FILLED)
        await self._put_mark(mark)

    async def _open_up(self) -> None:
        sealed = await self._connection.fetch(
            "select tgrelid::regclass::text as name from pg_trigger t join pg_class c on c.oid = t.tgrelid"
            " where tgname = 'comeback_sealed' and c.relnamespace = current_schema()::regnamespace order by 1"
        )
        for row in sealed:
            await self._connection.execute(f"drop trigger comeback_sealed on {row['name']}")

    async def _put_mark(self, mark: Mark | None) -> None:
        await self._connection.execute("delete from meta where name = $1", MARK)
        if mark is not None:
            await self._put(MARK, mark.as_json())

    async def _put(self, name: str, value: str) -> None:
        await self._connection.execute(
            "insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value", name, value
        )

    # ---- filling it

    async def empty_rooms(self, mark: Mark) -> Mark:
        async with self._transaction():
            indexes = await self._connection.fetch(_INDEXES)
            references = await self._connection.fetch(_REFERENCES)
            for row in (*references, *indexes):
                await self._connection.execute(row["away"])
            emptied = replace(mark, furniture=(*(row["back"] for row in indexes), *(row["back"] for row in references)))
            await self._put_mark(emptied)
        return emptied

    def storable(self, table: Table, rows: list[Row]) -> tuple[list[Row], int]:
        """A text may hold anything but the character zero, which PostgreSQL has no place for (`bot/store/postgres.py`)."""
        changed = 0
        for place, column in enumerate(table.columns):
            if column.kind is Kind.TEXT and "\0" in "".join([str(row[place] or "") for row in rows]):
                rows, more = _without_zeros(rows, place)
                changed += more
        return rows, changed

    async def keep(self, table: Table, rows: Sequence[Row], filled: Filled) -> None:
        columns = [column.name for column in table.columns]
        try:
            async with self._transaction(durable=False):
                await self._connection.copy_records_to_table(table.name, records=rows, columns=columns)
                await self._put(FILLED + table.name, filled.as_json())
        except asyncpg.UniqueViolationError as error:
            raise NotMoved(
                f"{table.name} has rows that are one and the same ({error.constraint_name}) without the character zero, for which "
                f"{self.where} has no place: mend one of them"
            ) from None

    async def furnish(self, mark: Mark, meta: Mapping[str, str], epoch: int) -> Mark:
        async with self._transaction():
            for statement in mark.furniture:
                await self._connection.execute(statement)
            for row in await self._connection.fetch(_COLUMNS):
                if row["counted"] and row["name"] != _PRESENCE:
                    await self._count_on(row["name"], row["column"])
            await self._connection.execute("select setval(pg_get_serial_sequence('process', 'epoch'), $1, false)", epoch + 1)
            for name, value in meta.items():
                await self._put(name, value)
            furnished = replace(mark, furniture=())
            await self._put_mark(furnished)
        with self._failing():
            await self._connection.execute("analyze")  # else the first minutes run by guesses
        return furnished

    async def _count_on(self, table: str, column: str) -> None:
        largest = await self._connection.fetchval(f"select coalesce(max({_quoted(column)}), 0) from {_quoted(table)}")  # noqa: S608 - likewise
        await self._connection.execute("select setval(pg_get_serial_sequence($1, $2), $3, false)", _quoted(table), column, largest + 1)

    async def clear(self, mark: Mark) -> None:
        async with self._transaction():
            await self._open_up()
            names = sorted(await self._names() - {"meta"})
            await self._connection.execute(f"truncate {', '.join(map(_quoted, names))} restart identity")
            for statement in mark.furniture:
                await self._connection.execute(statement)
            await self._connection.execute("delete from meta where name = 'instance'")
            await self._free(None)

    # ----

    async def _fetch(self, text: str) -> Sequence[Any]:
        with self._failing():
            rows: Sequence[Any] = await self._connection.fetch(text)
            return rows

    @asynccontextmanager
    async def _transaction(self, *, durable: bool = True) -> AsyncIterator[None]:
        """`durable`: on disk when it ends, and with it everything before; else a power failure may undo it as a whole."""
        with self._failing():
            async with self._connection.transaction():
                if not durable:
                    await self._connection.execute("set local synchronous_commit = off")
                yield

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except asyncpg.UniqueViolationError:
            raise  # of rows: whoever keeps them knows what it means
        except FAILURES as error:
            raise StoreUnavailable(f"{self.where} cannot be used: {error.args[0] if error.args else type(error).__name__}") from error


async def open_server_side(url: str) -> ServerSide:
    """Open a database; no other move is at work on it. Raises StoreTaken, StoreUnavailable."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings=_SETTINGS)
    except FAILURES as error:
        raise StoreUnavailable(f"cannot use {shown(url)}: {error}") from error
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await connection.fetchval("select pg_try_advisory_lock($1::bigint)", MOVES):  # noqa: ASYNC110 - the server's lock, not ours
                await asyncio.sleep(0.1)
    except BaseException as error:
        await connection.close(timeout=CONNECT_SECONDS)
        if isinstance(error, TimeoutError):
            raise StoreTaken(f"another 'comeback move' is at work on {shown(url)}: wait for it") from None
        raise
    return ServerSide(shown(url), connection)


def _without_zeros(rows: list[Row], place: int) -> tuple[list[Row], int]:
    kept: list[Row] = []
    changed = 0
    for row in rows:
        text = row[place]
        if isinstance(text, str) and "\0" in text:
            row = (*row[:place], text.replace("\0", ""), *row[place + 1 :])
            changed += 1
        kept.append(row)
    return kept, changed


def _kind(table: str, column: str, declared: str) -> Kind:
    if declared not in _KINDS:
        raise NotMoved(f"{table}.{column} is of a kind ({declared}) that cannot be moved")
    return _KINDS[declared]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
