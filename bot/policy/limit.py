"""How many marketing messages a person may get in a length of time."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` marketing messages in any `length` of time (rolling, not calendar days)."""

    count: int
    length: timedelta


def free_at(sent_at: Collection[datetime], limits: Iterable[Limit], moment: datetime) -> datetime:
    """The first time from `moment` on at which one more message keeps every limit. `NEVER` for a limit of none at all.

    A message leaves a window exactly `length` after it was sent. More than `count` may have been sent: replies are counted but
    not held back.
    """
    newest_last = sorted(sent_at)
    return max((moment, *(_leaves_room(newest_last, limit) for limit in limits if len(newest_last) >= limit.count)))


def _leaves_room(newest_last: list[datetime], limit: Limit) -> datetime:
    return newest_last[-limit.count] + limit.length if limit.count > 0 else NEVER
