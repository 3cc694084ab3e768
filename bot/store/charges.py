"""What messages cost: booked once each, as Meta counts them in a status, on the day of that status by the store's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.store import country
from bot.store.outbox import Sent
from bot.store.step import Step, sql, to_micros

END_OF_TIME = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Counted:
    """What Meta counts a message as, in its own words. `day` is that of the status by the store's clock, `at` its time (UTC)."""

    category: str
    type: str
    day: date
    at: datetime


def place_of(message: Sent) -> Step[str | None]:
    """The country a message is charged for (`country.NOWHERE` where nobody knows it); None when it is booked already."""
    row = (yield sql("charge.about", message=message.id, contact=message.contact))[0]
    return None if row["booked"] else country.of(row["phone"], row["bsuid"]) or row["country"] or country.NOWHERE


def book(message: Sent, counted: Counted, place: str, micros: int | None, currency: str) -> Step[None]:
    """Book a message. `micros` are millionths of the currency: 0 for what is free, None where nobody wrote the price down."""
    yield sql(
        "charge.book",
        message=message.id,
        run=message.run,
        flow=message.flow,
        number=message.number,
        country=place,
        category=counted.category,
        type=counted.type,
        day=counted.day.isoformat(),
        at=to_micros(counted.at),
        micros=micros,
        currency=currency or None,
    )


def take_back(message: int) -> Step[None]:
    """A message has failed after all: Meta charges what is delivered."""
    yield sql("charge.take_back", message=message)


@dataclass(frozen=True, slots=True)
class Spent:
    """What messages of one flow ("" for none), on one day, to one country, counted as one category and type, cost together.

    `charged` of the `messages` cost something, `unpriced` of them have no price in `store.yaml`, the rest were free. `micros` are
    millionths of `currency`.
    """

    flow: str
    day: str
    country: str
    category: str
    type: str
    currency: str
    messages: int
    charged: int
    unpriced: int
    micros: int


def spent(since: date, before: date = END_OF_TIME) -> Step[list[Spent]]:
    """What was spent from the day `since` on, until the day `before`."""
    rows = yield sql("charge.spent", since=since.isoformat(), before=before.isoformat())
    return [Spent(**{name: row[name] for name in Spent.__slots__}) for row in rows]


def reached(since: date, timezone: str, before: date = END_OF_TIME) -> Step[Mapping[str, int]]:
    """How many runs reached their goal in that time, by flow; days are those of the time zone."""
    rows = yield sql("charge.reached", since=_begins(since, timezone), before=_begins(before, timezone))
    return {row["flow"]: row["goals"] for row in rows}


def _begins(day: date, timezone: str) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)))
