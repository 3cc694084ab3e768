"""A SQLite file as one side of a move."""

import os
import sqlite3
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.store import backup
from bot.store.database import StoreUnavailable
from bot.store.lock import take
from bot.store.move.side import FETCH, FILLED, MARK, Mark, State
from bot.store.move.table import Column, Filled, Kind, NotMoved, Row, Table

BUSY_SECONDS = 2.0  # a reader's checkpoint, say
_WRITES = ("insert", "update", "delete")
_COUNTER = "before update on meta when new.name = 'epoch'"  # each process that opens the file writes it


class FileSide:
    """An open file. Use `open_file_side`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int) -> None:
        self.where = str(path)
        self._path = path
        self._connection = connection
        self._lock = lock

    async def close(self) -> None:
        """Empty the write-ahead log into the file, and let go."""
        with suppress(sqlite3.Error):
            self._connection.execute("pragma wal_checkpoint(truncate)")
        self._connection.close()
        os.close(self._lock)

    # ---- what it is

    async def version(self) -> int | None:
        with self._failing():
            known = {name for (name,) in self._connection.execute("select name from sqlite_master where type = 'table'")}
            if not known:
                return None
            if not {"meta", "inbox", "outbox"} <= known:
                raise NotMoved(f"{self.where} is the database of another program")
            version: int = self._connection.execute("pragma user_version").fetchone()[0]
            return version

    async def tables(self) -> Mapping[str, Table]:
        with self._failing():
            return {name: self._table(name) for name in self._names() if name != "meta"}

    def _names(self) -> list[str]:
        found = self._connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'")
        return sorted(name for (name,) in found)

    def _table(self, name: str) -> Table:
        columns, key = [], []
        for _, column, kind, _, _, place in self._connection.execute(f"pragma table_info({_quoted(name)})"):
            columns.append(Column(column, _kind(name, column, kind)))
            if place:
                key.append((place, column))
        return Table(name, tuple(sorted(columns, key=lambda one: one.name)), tuple(column for _, column in sorted(key)))

    async def meta(self) -> Mapping[str, str]:
        with self._failing():
            return dict(self._connection.execute("select name, value from meta").fetchall())

    async def epoch(self) -> int:
        with self._failing():
            given = int((await self.meta()).get("epoch", "0"))
            sent: int = self._connection.execute("select coalesce(max(epoch), 0) from outbox").fetchone()[0]
            return max(given, sent)

    async def is_empty(self) -> bool:
        with self._failing():
            return not any(
                self._connection.execute(f"select 1 from {_quoted(name)} limit 1").fetchone()  # noqa: S608 - a name from the catalogue
                for name in self._names()
                if name != "meta"
            )

    async def count(self, table: Table) -> int:
        with self._failing():
            count: int = self._connection.execute(f"select count(*) from {_quoted(table.name)}").fetchone()[0]  # noqa: S608 - likewise
            return count

    async def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[list[Row], None]:
        key = ", ".join(map(_quoted, table.key))
        behind = f"where ({key}) > ({', '.join('?' * len(table.key))})" if after is not None else ""
        columns = ", ".join(_quoted(column.name) for column in table.columns)
        with self._failing():
            text = f"select {columns} from {_quoted(table.name)} {behind} order by {key}"  # noqa: S608 - names from the catalogue
            found = self._connection.execute(text, after or ())
            while rows := found.fetchmany(FETCH):
                yield rows

    # ---- who may open it

    async def refuse_served(self) -> None:
        """The lock is ours."""

    async def seal(self, mark: Mark, sentence: str) -> None:
        with self._transaction():
            self._open_up()
            refusal = f"begin select raise(abort, {_text(sentence)}); end"
            self._connection.execute(f"create trigger sealed_meta {_COUNTER} {refusal}")
            for name in self._names() if mark.state in (State.MOVING, State.MOVED) else ():
                for write in _WRITES if name != "meta" else ():
                    self._connection.execute(f"create trigger sealed_{name}_{write} before {write} on {_quoted(name)} {refusal}")
            self._put_mark(mark)

    async def unseal(self, mark: Mark | None) -> None:
        with self._transaction():
            self._open_up()
            self._connection.execute("delete from meta where name like ? escape '\\'", (f"{FILLED}%",))
            self._put_mark(mark)

    def _open_up(self) -> None:
        found = self._connection.execute("select name from sqlite_master where type = 'trigger' and name like 'sealed\\_%' escape '\\'")
        for (name,) in found.fetchall():
            self._connection.execute(f"drop trigger {_quoted(name)}")

    def _put_mark(self, mark: Mark | None) -> None:
        self._connection.execute("delete from meta where name = ?", (MARK,))
        if mark is not None:
            self._put(MARK, mark.as_json())

    def _put(self, name: str, value: str) -> None:
        self._connection.execute("insert into meta values (?, ?) on conflict (name) do update set value = excluded.value", (name, value))

    # ---- filling it

    async def empty_rooms(self, mark: Mark) -> Mark:
        """Rows come in the order of the keys, which is fast as it is."""
        return mark

    def storable(self, table: Table, rows: list[Row]) -> tuple[list[Row], int]:
        """Everything can be kept."""
        return rows, 0

    async def keep(self, table: Table, rows: Sequence[Row], filled: Filled) -> None:
        columns = ", ".join(_quoted(column.name) for column in table.columns)
        places = ", ".join("?" * len(table.columns))
        with self._transaction(durable=False):
            self._connection.executemany(f"insert into {_quoted(table.name)} ({columns}) values ({places})", rows)  # noqa: S608 - likewise
            self._put(FILLED + table.name, filled.as_json())

    async def furnish(self, mark: Mark, meta: Mapping[str, str], epoch: int) -> Mark:
        with self._failing():
            if self._connection.execute("pragma foreign_key_check").fetchone():
                raise NotMoved(f"{self.where} has rows that belong to rows that are not there")
        with self._transaction():
            for name, value in meta.items():
                self._put(name, value)
            # past the trigger, which sees changes of the counter, not that there is a new one
            self._connection.execute("delete from meta where name = 'epoch'")
            self._connection.execute("insert into meta values ('epoch', ?)", (str(epoch),))
        return mark

    async def clear(self, mark: Mark) -> None:
        self._connection.close()  # whoever closes a file last removes its write-ahead log, by name
        backup.discard(self._path)

    # ----

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """`durable`: on disk when it ends, and with it everything before; else a power failure undoes it as a whole."""
        with self._failing():
            self._connection.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.where} cannot be used: {error}") from error


def open_file_side(path: Path) -> FileSide:
    """Open a file, alone. Raises StoreTaken, StoreUnavailable."""
    lock = take(path)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("pragma journal_mode = wal")
        except BaseException:
            connection.close()
            raise
    except BaseException as error:
        os.close(lock)
        if isinstance(error, sqlite3.Error | OSError):
            raise StoreUnavailable(f"cannot use {path}: {error}") from error
        raise
    return FileSide(path, connection, lock)


def _kind(table: str, column: str, declared: str) -> Kind:
    try:
        return Kind(declared.lower())
    except ValueError:
        raise NotMoved(f"{table}.{column} is of a kind ({declared}) that cannot be moved") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
