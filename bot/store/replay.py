"""For a replay: what came in since a moment, and the people it is about as they were then; and what a scratch store says came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.store import contacts
from bot.store.model import Source
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

CHUNK = 1_000  # rows read at once: other readers are not held up, and memory stays small


@dataclass(frozen=True, slots=True)
class Recorded:
    """One thing that came in, as it was kept. `contact` is who it is about, by the id they go by today."""

    id: int
    source: Source
    kind: str
    place: str
    contact: int
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonThen:
    """One person as they were: rows of theirs, by the statement that lays each into a scratch store."""

    id: int
    rows: Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message a flow wanted to send, and what became of it. `at` is when it was sent, else when it was wanted (UTC)."""

    contact: int
    flow: str
    body: str
    at: datetime
    state: str
    why: str | None
    marketing: bool

    @property
    def sent(self) -> bool:
        """Whether it left."""
        return self.state in ("sent", "sending", "unknown")


def recorded(since: datetime, after: int, only: int | None) -> Step[list[Recorded]]:
    """What came in from outside since a moment (UTC) and was worked off, in order, from after an entry on; of one person, or all."""
    rows = yield sql("replay.recorded", since=to_micros(since), after=after, only=only, limit=CHUNK)
    found = []
    for row in rows:
        contact = yield from contacts.live_id(row["contact"])
        at = from_micros(row["received_at"])
        found.append(Recorded(row["id"], Source(row["source"]), row["kind"], row["place"], contact, bytes(row["body"]), at))
    return found


def people_then(who: Sequence[int], moment: datetime) -> Step[list[PersonThen]]:
    """People as they were at a moment (UTC). Their names are those of today: one that was learnt since would only be missing."""
    people = []
    for contact in who:
        people.append((yield from _person_then(contact, moment)))  # noqa: PERF401 - a generator cannot yield from a comprehension
    return people


def _person_then(contact: int, moment: datetime) -> Step[PersonThen]:
    micros = to_micros(moment)
    (person,) = yield sql("replay.person", id=contact)
    consents = yield sql("replay.consent_before", contact=contact, since=micros)
    consent = {row["channel"]: row["state"] for row in consents}
    orders = yield sql("replay.orders_before", contact=contact, since=micros)
    names = yield sql("replay.names", contact=contact)
    tags = yield sql("replay.tags_before", contact=contact, since=micros)
    counted = [row for row in orders if row["counted"] and row["currency"] == person["orders_currency"]]
    row = _columns(person, "id", "created_at", "first_name", "language", "country", "timezone", "unreachable", "orders_currency")
    row |= {"consent": consent.get("whatsapp", "unknown"), "ads_consent": consent.get("ads", "unknown")}
    row |= {"orders_count": len(counted), "orders_minor": sum(one["total_minor"] for one in counted)}
    row |= {"last_order_at": max((one["placed_at"] for one in counted), default=None)}
    return PersonThen(
        contact,
        {
            "replay.add_person": (row,),
            "replay.add_name": tuple(_columns(one, "kind", "scope", "value", "contact", "since") for one in names),
            "replay.add_tag": tuple(_columns(one, "tag", "since") | {"contact": contact} for one in tags),
            "replay.add_order": tuple(_columns(one, *_ORDER) for one in orders),
        },
    )


_ORDER = (
    "id", "shop", "key", "contact", "number", "status", "checkout_key", "placed_at", "updated_at", "lines", "total_minor", "currency",
    "tracking_link", "reorder_link", "codes", "counted",
)  # fmt: skip


def _columns(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def lay(people: list[PersonThen]) -> Step[None]:
    """Lay people into a scratch store."""
    for person in people:
        for statement, rows in person.rows.items():
            if rows:
                yield sql_many(statement, rows)


CODE = "CODE"  # stands for a discount code: each life makes other ones


def outcome() -> Step[list[Outgoing]]:
    """Everything flows wanted to send, person by person, in order; a discount code is told as CODE."""
    rows = yield sql("replay.outcome")
    codes: dict[int, list[str]] = {}
    for row in (yield sql("replay.codes")):
        codes.setdefault(row["run"], []).append(row["code"])
    return [
        Outgoing(
            contact=row["contact"],
            flow=row["flow"] or "",
            body=_without(row["body"], codes.get(row["run"], ())),
            at=from_micros_or_none(row["sent_at"]) or from_micros(row["created_at"]),
            state=row["state"],
            why=row["why"],
            marketing=bool(row["marketing"]),
        )
        for row in rows
    ]


def _without(body: str, codes: Sequence[str]) -> str:
    for code in codes:
        body = body.replace(code, CODE)
    return body
