"""The inbox: what came in from outside, and what the house tells itself (timers, staff), until it is worked off."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.store.model import Identity, IdentityKind, Source, Update
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

NOBODY = 0  # in the place of a contact: a timer of the house's own


@dataclass(frozen=True, slots=True)
class Entry:
    """An inbox row that waits. `contact` is known already for timers and staff actions. Entries of one `person` belong to people who
    hang together, others' do not touch them; None where nobody asked."""

    id: int
    source: Source
    kind: str
    place: str
    contact: int | None
    body: bytes
    occurred_at: datetime
    received_at: datetime
    attempts: int
    retry_at: datetime | None
    person: int | None = None


def receive(updates: Sequence[Update], received_at: datetime) -> Step[int]:
    """Keep each update that was not seen before, and its names; returns how many were new."""
    new = 0
    for update in updates:
        if (yield from receive_one(update, received_at)) is not None:
            new += 1
    return new


def receive_one(update: Update, received_at: datetime) -> Step[int | None]:
    """Keep an update and its names; returns the id of its row, None when it was seen before."""
    if not (yield sql("inbox.first_time", key=update.key)):
        return None
    rows = yield sql(
        "inbox.insert",
        source=update.source,
        kind=update.kind,
        place=update.place,
        contact=None,
        body=update.body,
        occurred_at=to_micros(update.occurred_at),
        received_at=to_micros(received_at),
        state="waiting" if update.unreadable is None else "dead",
        why=update.unreadable,
    )
    inbox: int = rows[0]["id"]
    if update.identities and update.unreadable is None:
        yield sql_many("inbox.insert_name", [_name(identity, inbox) for identity in update.identities])
    return inbox


def _name(identity: Identity, inbox: int) -> dict[str, object]:
    return {"kind": identity.kind, "scope": identity.scope, "value": identity.value, "inbox": inbox}


def put(source: Source, kind: str, contact: int | None, body: dict[str, object], now: datetime, *, place: str = "") -> Step[int]:
    """An event from inside the house about a contact, or about nobody: a timer, a staff action, a code that was made. Returns its id."""
    rows = yield sql(
        "inbox.insert",
        source=source,
        kind=kind,
        place=place,
        contact=contact,
        body=json.dumps(body).encode(),
        occurred_at=to_micros(now),
        received_at=to_micros(now),
        state="waiting",
        why=None,
    )
    inbox: int = rows[0]["id"]
    return inbox


@dataclass(frozen=True, slots=True)
class Claim:
    """Entries to work off, held until the end of the transaction. `held_elsewhere`: there are more, of people others work on now."""

    entries: list[Entry]
    held_elsewhere: bool


def claim(now: datetime, limit: int) -> Step[Claim]:
    """The oldest entries that can be worked off now, of people nobody else works on, in the order they came.

    Whoever waits for a retry holds nobody else up.
    """
    rows = yield sql("inbox.waiting", now=to_micros(now), limit=limit)
    entries = [_entry(row) for row in rows if row["id"] is not None]
    return Claim(entries, held_elsewhere=len(entries) < len(rows))


def waiting(now: datetime, limit: int) -> Step[list[Entry]]:
    """The oldest entries that can be worked off now, in the order they came; whoever waits for a retry holds nobody else up."""
    return (yield from claim(now, limit)).entries


def _entry(row: Row) -> Entry:
    return Entry(
        id=row["id"],
        source=Source(row["source"]),
        kind=row["kind"],
        place=row["place"],
        contact=row["contact"],
        body=row["body"],
        occurred_at=from_micros(row["occurred_at"]),
        received_at=from_micros(row["received_at"]),
        attempts=row["attempts"],
        retry_at=from_micros_or_none(row["retry_at"]),
        person=row["person"],
    )


def held_back(now: datetime) -> Step[set[int]]:
    """The contacts one of whose entries is to be tried again later: their later entries wait for it."""
    rows = yield sql("inbox.held_back", now=to_micros(now))
    return {row["contact"] for row in rows}


def assign(entry: int, contact: int) -> Step[None]:
    """Whose entry it is."""
    yield sql("inbox.assign", id=entry, contact=contact)


def names(entry: int) -> Step[list[Identity]]:
    """The names an entry carries."""
    rows = yield sql("inbox.names", inbox=entry)
    return [Identity(IdentityKind(row["kind"]), row["value"], row["scope"]) for row in rows]


def done(entry: int, contact: int | None, why: str | None = None) -> Step[None]:
    """Worked off; `why` when nothing came of it."""
    yield sql("inbox.done", id=entry, contact=contact, why=why)
    yield sql("inbox.forget_names", id=entry)


def bury(entry: int, why: str) -> Step[None]:
    """It cannot be worked off: kept for a person to see, and out of the way."""
    yield sql("inbox.dead", id=entry, why=why)
    yield sql("inbox.forget_names", id=entry)


def retry(entry: int, contact: int | None, at: datetime, why: str) -> Step[None]:
    """Our own fault, perhaps a passing one: try again at `at`."""
    yield sql("inbox.retry", id=entry, contact=contact, retry_at=to_micros(at), why=why)


def set_timer(due: datetime, contact: int, kind: str, subject: int, generation: int) -> Step[None]:
    """Wake the house at `due`. A timer is never taken back: what it was for carries the live generation, a stale one is ignored."""
    yield sql("inbox.set_timer", due=to_micros(due), contact=contact, kind=kind, subject=subject, generation=generation)


def set_timers(due: datetime, people: Sequence[int], kind: str, subject: int) -> Step[None]:
    """The same for many people at once, of whom there is at least one."""
    shared = {"due": to_micros(due), "kind": kind, "subject": subject, "generation": 0}
    yield sql_many("inbox.set_timer", [{"contact": contact, **shared} for contact in people])


def fire_timers(now: datetime, limit: int) -> Step[int]:
    """Each due timer becomes one more inbox entry, once; returns how many."""
    rows = yield sql("inbox.due_timers", now=to_micros(now), limit=limit)
    for row in sorted(rows, key=lambda row: int(row["due"])):
        body = {name: row[name] for name in ("subject", "generation", "due")}
        yield from put(Source.CLOCK, row["kind"], row["contact"] or None, body, now)
    return len(rows)


def next_timer() -> Step[datetime | None]:
    """When the next timer is due (UTC)."""
    rows = yield sql("inbox.next_timer")
    return from_micros_or_none(rows[0]["due"])


def count_waiting() -> Step[int]:
    """How many entries wait to be worked off."""
    rows = yield sql("inbox.count_waiting")
    return int(rows[0]["waiting"])


def is_told_of(name: Identity) -> Step[bool]:
    """Whether an entry that waits carries this name."""
    return bool((yield sql("inbox.told_of", kind=name.kind, scope=name.scope, value=name.value)))
