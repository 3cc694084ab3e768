"""Pages of what changed, the oldest change first, of interfaces that have pages by number alone.

Those lose a thing whenever one before it changes and moves to the end. So each page is asked for by the last moment that was read; what was
told of that moment already is known by its id. Where more than a page changed in one second, it goes on by number within that second.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.shop.wire import Garbled

MOST_SEEN = 2_000  # ids in a cursor; whoever changes more in one second is told some things twice, which changes nothing


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing of a page: its id, and when it changed; None where that cannot be read."""

    id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on: with what changed at this moment (to the second) or later, on page `number` of that, but for what was `seen`."""

    since: datetime
    number: int = 1
    seen: frozenset[str] = frozenset()

    @property
    def cursor(self) -> str:
        """To be kept."""
        return json.dumps([self.since.isoformat(), self.number, sorted(self.seen)[:MOST_SEEN]])


def place(cursor: str | None, since: datetime) -> Place:
    """The place that was kept, or the beginning. Raises Garbled for a cursor of another making."""
    if cursor is None:
        return Place(since.astimezone(UTC).replace(microsecond=0))
    try:
        moment, number, seen = json.loads(cursor)
        return Place(datetime.fromisoformat(moment), int(number), frozenset(map(str, seen)))
    except (ValueError, TypeError):
        raise Garbled("where to go on cannot be read") from None


def after(at: Place, page: Sequence[Changed], most: int) -> Place | None:
    """The place behind a page of at most `most` things; None behind the last."""
    if len(page) < most:
        return None
    last = page[-1].at.replace(microsecond=0) if page[-1].at else None
    if last is None or last <= at.since:
        return Place(at.since, at.number + 1, at.seen)
    return Place(last, 1, frozenset(one.id for one in page if one.at is not None and one.at.replace(microsecond=0) == last))
