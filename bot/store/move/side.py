"""One side of a move: a database that nobody else may open meanwhile, and the mark that says so to whoever tries.

The mark is a row of `meta`; what keeps others out are triggers that refuse to be written over, with a sentence for the owner. So it also
holds for a version of Comeback that knows nothing of moves, and for a process that hung through all of it and comes back to life.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol

from bot.store.move.table import Filled, Row, Table

FETCH = 500  # rows read at once: at worst each has a body of megabytes
MARK = "move"
FILLED = "filled:"
_OWN = frozenset({"epoch", "schema", "functions", MARK})  # rows of `meta` that a database has for itself


class State(StrEnum):
    """Where a database stands in a move."""

    MOVING = "moving"  # the source: it is being read, or was when the move was interrupted
    MOVED = "moved"  # the source: all of it is in the target
    FILLING = "filling"  # the target: not all of it may be there
    FILLED = "filled"  # the target: all of it is, and it may be served


@dataclass(frozen=True, slots=True)
class Mark:
    """What a database remembers of a move. `move` names the move, `other` is the other side's address, without its password.

    The target's: `furniture` are the statements that put back what would slow the filling down; `epoch` is the one it was filled with,
    from which a later one shows that somebody opened it since.
    """

    state: State
    move: str
    other: str
    furniture: tuple[str, ...] = ()
    epoch: int = 0

    def as_json(self) -> str:
        """To be read by `mark_from`."""
        return json.dumps(asdict(self))


def mark_from(text: str | None) -> Mark | None:
    """What `as_json` wrote."""
    if text is None:
        return None
    told = json.loads(text)
    return Mark(State(told["state"]), told["move"], told["other"], tuple(told["furniture"]), told["epoch"])


def is_moved(name: str) -> bool:
    """Whether a row of `meta` goes along."""
    return name not in _OWN and not name.startswith(FILLED)


class Side(Protocol):
    """An open side. `where` is its address for people. Its methods raise StoreUnavailable when the database fails."""

    where: str

    async def close(self) -> None:
        """Let go."""
        ...

    # ---- what it is

    async def version(self) -> int | None:
        """The number of its schema; None where there is none yet. Raises NotMoved for the database of another program."""
        ...

    async def tables(self) -> Mapping[str, Table]:
        """The tables that go along, by name; `meta` is not among them."""
        ...

    async def meta(self) -> Mapping[str, str]:
        """The whole of `meta`."""
        ...

    async def epoch(self) -> int:
        """The highest epoch that was ever given out, or that a message was sent in."""
        ...

    async def is_empty(self) -> bool:
        """Whether no table has a row."""
        ...

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        ...

    def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[list[Row], None]:
        """The rows of a table behind a key, in the order of the key, a few at a time."""
        ...

    # ---- who may open it

    async def refuse_served(self) -> None:
        """Raises StoreTaken when a process works on it."""
        ...

    async def seal(self, mark: Mark, sentence: str) -> None:
        """Nobody may open it from now on: whoever tries is told the sentence. A source cannot be written at all. A second time changes the
        mark and the sentence. Raises StoreTaken when a process works on it."""
        ...

    async def unseal(self, mark: Mark | None) -> None:
        """It may be opened."""
        ...

    # ---- filling it

    async def empty_rooms(self, mark: Mark) -> Mark:
        """Take out what would slow the filling down; returns the mark with it."""
        ...

    def storable(self, table: Table, rows: list[Row]) -> tuple[list[Row], int]:
        """The rows as they can be kept here, and how many texts that changed."""
        ...

    async def keep(self, table: Table, rows: Sequence[Row], filled: Filled) -> None:
        """Keep rows, and how far the table is with them, in one transaction."""
        ...

    async def furnish(self, mark: Mark, meta: Mapping[str, str], epoch: int) -> Mark:
        """Make it whole, once all rows are there; returns the mark without furniture. A second time changes nothing."""
        ...

    async def clear(self, mark: Mark) -> None:
        """Empty again and free to be opened."""
        ...
