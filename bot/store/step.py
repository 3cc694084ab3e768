"""A step: a piece of work on the database, written once for every database.

A step is a generator that yields statements and is sent their rows; `yield from` joins smaller steps into larger ones. It never
sees a connection, so the same step runs in one hop on SQLite's thread, and with an await a statement on PostgreSQL. Whoever runs
it makes it ONE transaction: all of it is kept, or none.

Statements live in `sql/<subject>.sql` under `-- name: <statement>`; `sql("inbox.waiting", limit=200)` names one and fills its
parameters. One text serves both databases wherever it can; where it cannot, `sql/postgres/<subject>.sql` has PostgreSQL's.
"""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Protocol, TypeVar

from bot.store.lock import StoreUnavailable


class Row(Protocol):
    """A row, read by column name."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL text with its parameters; with `many`, run once for each of them."""

    sql: str
    parameters: Mapping[str, Any]
    many: Sequence[Mapping[str, Any]] | None = None


T = TypeVar("T")
Step = Generator["Statement | Together", Sequence[Any], T]


@dataclass(frozen=True, slots=True)
class Together:
    """Pieces of work that touch nothing of each other, so that a database may do them side by side. A piece may be begun anew."""

    pieces: Sequence[Callable[[], Step[Any]]]


def together(pieces: Sequence[Callable[[], Step[T]]]) -> Step[list[T]]:
    """Work on several people at once; the results in order. What a piece raises, the whole raises.

    On SQLite they come one after the other. On PostgreSQL, where each statement is a journey, those of all pieces travel together.
    """
    return list((yield Together(pieces)))

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(*folder: str) -> dict[str, str]:
    """The texts in `sql/`, or in a folder of it, by their names."""
    found: dict[str, str] = {}
    for file in resources.files("bot.store").joinpath("sql", *folder).iterdir():
        if file.name.endswith(".sql"):
            _, *parts = _NAME.split(file.read_text("utf-8"))
            room = file.name.removesuffix(".sql")
            found.update({f"{room}.{name}": text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)})
    return found


def sql(name: str, /, **parameters: Any) -> Statement:
    """The named statement with its parameters."""
    return Statement(statements()[name], parameters)


def sql_many(name: str, many: Sequence[Mapping[str, Any]], /) -> Statement:
    """The named statement, run once for each set of parameters."""
    return Statement(statements()[name], {}, many)


def among(names: Iterable[str]) -> str:
    """Names as a statement looks one up: `:names like '%<' || name || '>%'`."""
    return "".join(f"<{name}>" for name in names)


def attempt(step: Step[T]) -> Step[T | Exception]:
    """Run a step that may fail inside a larger one: what it did is undone alone, and its exception is the result.

    Raises StoreUnavailable: what cannot be written now is no fault of the step, and all of it is to be tried again.
    """
    yield Statement("savepoint attempt", {})
    try:
        result = yield from step
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller decides what becomes of this one piece of work
        yield Statement("rollback to attempt", {})
        yield Statement("release attempt", {})
        return error
    yield Statement("release attempt", {})
    return result


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC: how the store keeps times, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The UTC moment of a stored time."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def from_micros_or_none(micros: int | None) -> datetime | None:
    """The UTC moment of a stored time that may be missing."""
    return None if micros is None else from_micros(micros)
