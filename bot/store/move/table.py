"""What is moved: tables as both databases know them, and the sum of their rows, which is the same on each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeAlias

Value: TypeAlias = int | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

_SUM_BYTES = 16
_SUMS = 1 << (8 * _SUM_BYTES)


class NotMoved(Exception):
    """The move was refused, or what arrived is not what left. The message is a sentence for the owner."""


class Kind(StrEnum):
    """What a column holds, whatever a database calls it."""

    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"


_HOLDS: Mapping[Kind, frozenset[type]] = {
    Kind.INTEGER: frozenset({int, type(None)}),
    Kind.TEXT: frozenset({str, type(None)}),
    Kind.BLOB: frozenset({bytes, type(None)}),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns in the order of their names, and those of its primary key in theirs."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        """The primary key of a row."""
        return tuple(row[self._place(name)] for name in self.key)

    def _place(self, name: str) -> int:
        return next(place for place, column in enumerate(self.columns) if column.name == name)

    def check(self, rows: Sequence[Row]) -> None:
        """Raises NotMoved for a value that is not of its column's kind: SQLite keeps anything anywhere, PostgreSQL does not."""
        for place, column in enumerate(self.columns):
            strange = {type(row[place]) for row in rows} - _HOLDS[column.kind]
            if strange:
                names = " and ".join(sorted(one.__name__ for one in strange))
                raise NotMoved(f"{self.name}.{column.name} holds {names} where there should be {column.kind} only")


def difference(ours: Mapping[str, Table], theirs: Mapping[str, Table]) -> str | None:
    """What the second database's tables have otherwise, as part of a sentence; None where they are alike."""
    for name in sorted({*ours, *theirs}):
        if name not in theirs:
            return f"it has no table {name}"
        if name not in ours:
            return f"it has a table {name} more"
        if ours[name] != theirs[name]:
            return f"its table {name} has other columns, or another key"
    return None


def encoded(row: Row) -> bytes:
    """A row in one way of writing, whatever database it is from."""
    return ascii(row).encode("ascii")


def sum_of(rows: Sequence[bytes]) -> int:
    """The sum of the hashes of encoded rows: the same in whatever order they come."""
    return sum(int.from_bytes(blake2b(row, digest_size=_SUM_BYTES).digest()) for row in rows) % _SUMS


@dataclass(frozen=True, slots=True)
class Filled:
    """How far a table got: up to the row with the key `after` (None: nothing yet). `changed` counts texts that lost characters the
    target has no place for."""

    after: Row | None = None
    rows: int = 0
    checksum: int = 0
    changed: int = 0

    def plus(self, after: Row | None, rows: Sequence[bytes], changed: int = 0) -> "Filled":
        """With more rows, as they were encoded."""
        return Filled(after, self.rows + len(rows), (self.checksum + sum_of(rows)) % _SUMS, self.changed + changed)

    @property
    def shown(self) -> str:
        """The checksum for people."""
        return f"{self.checksum:0{2 * _SUM_BYTES}x}"

    def as_json(self) -> str:
        """To be read by `filled_from`."""
        after = None if self.after is None else [{"blob": one.hex()} if isinstance(one, bytes) else one for one in self.after]
        return json.dumps({"after": after, "rows": self.rows, "checksum": self.shown, "changed": self.changed})


def filled_from(text: str) -> Filled:
    """What `as_json` wrote."""
    told: dict[str, Any] = json.loads(text)
    after = told["after"]
    if after is not None:
        after = tuple(bytes.fromhex(one["blob"]) if isinstance(one, dict) else one for one in after)
    return Filled(after, told["rows"], int(told["checksum"], 16), told["changed"])
