"""What the web desk shows (the list, a thread), and what it must know before it acts (who has the conversation by now)."""

import json
from dataclasses import dataclass
from datetime import datetime

from bot.policy.decision import Control
from bot.store.model import update_key
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql

MAX_OPEN = 200  # conversations in the list: more than a small team can answer in a day
MAX_LATELY = 20  # of those the bot has
RECENT_MESSAGES = 300  # read to find them
MAX_SAID = 150  # messages of a thread, each way: a page that opens at once, and months of most conversations


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation as the list shows it, in these hands `since` then (UTC). `waits_since`: since when the customer waits for staff,
    None when they do not."""

    contact: int
    control: Control
    first_name: str | None
    phone: str | None
    reason: str | None
    staff: str | None
    last_text: str | None
    since: datetime
    waits_since: datetime | None


@dataclass(frozen=True, slots=True)
class Talk:
    """Who has a conversation now. `epoch` rises with each change of hands."""

    number: str
    control: Control
    reason: str | None
    staff: str | None
    epoch: int
    changed_at: datetime
    last_wrote_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a thread. `heard` is its id where the customer wrote it; the rest is set for what we sent."""

    at: datetime
    author: str
    text: str
    kind: str = "text"
    heard: int = 0
    state: str | None = None
    delivery: str | None = None
    why: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a conversation once all is done that was asked for by now. `staff` is None while the bot has it or nobody does."""

    control: Control
    staff: str | None


def open_ones() -> Step[list[Listed]]:
    """Conversations that staff hold or that wait for them; the longest wait first, those who wait for nothing last."""
    found: list[Listed] = []
    for row in (yield sql("desk.open", limit=MAX_OPEN)):
        found.append(_listed(row, (yield from _waits_since(row))))  # noqa: PERF401 - a comprehension cannot yield to the database
    return sorted(found, key=lambda one: (one.waits_since is None, one.waits_since or one.since))


def _waits_since(row: Row) -> Step[datetime | None]:
    if row["control"] == Control.WAITING:
        return from_micros(row["changed_at"])
    answered = max(row["answered_at"] or 0, row["answered_elsewhere_at"] or 0)
    rows = yield sql("desk.first_word_since", contact=row["contact"], since=answered)
    asked: int | None = rows[0]["at"]
    return None if asked is None else from_micros(max(asked, row["changed_at"]))


def lately() -> Step[list[Listed]]:
    """Conversations the bot has, the newest first."""
    rows = yield sql("desk.lately", messages=RECENT_MESSAGES, limit=MAX_LATELY)
    return [_listed(row, None) for row in rows]


def _listed(row: Row, waits_since: datetime | None) -> Listed:
    return Listed(
        contact=row["contact"],
        control=Control(row["control"]),
        first_name=row["first_name"],
        phone=row["phone"],
        reason=row["reason"],
        staff=row["staff"],
        last_text=row["last_text"],
        since=from_micros(row["changed_at"]),
        waits_since=waits_since,
    )


def talk(contact: int) -> Step[Talk | None]:
    """The person's conversation, the newest where there are several numbers; None when there is none."""
    rows = yield sql("desk.conversation", contact=contact)
    if not rows:
        return None
    row = rows[0]
    return Talk(
        number=row["number"],
        control=Control(row["control"]),
        reason=row["reason"],
        staff=row["staff"],
        epoch=row["epoch"],
        changed_at=from_micros(row["changed_at"]),
        last_wrote_at=from_micros_or_none(row["last_inbound_at"]),
    )


def lines(contact: int) -> Step[list[Line]]:
    """What was said with a person, oldest first, the newest `MAX_SAID` each way."""
    heard = yield sql("desk.heard", contact=contact, limit=MAX_SAID)
    said = yield sql("desk.said", contact=contact, limit=MAX_SAID)
    found = [
        Line(
            from_micros(row["at"]), row["author"], row["text"], row["kind"], heard=row["id"] if row["author"] == "customer" else 0
        )
        for row in reversed(heard)
    ]
    found += [
        Line(
            from_micros(row["at"]),
            row["author"],
            row["body"],
            state=row["state"],
            delivery=row["delivery"],
            why=row["why"],
            not_before=from_micros(row["not_before"]),
        )
        for row in reversed(said)
    ]
    return sorted(found, key=lambda line: line.at)  # stable: of the same moment, the customer's come first


def holder(contact: int) -> Step[Holder]:
    """Who has the conversation, staff actions included that wait to be worked off. Nobody else can ask until this step is kept."""
    yield sql("desk.hold", contact=contact)
    now = yield from talk(contact)
    held = Holder(now.control, now.staff) if now else Holder(Control.BOT, None)
    for row in (yield sql("desk.pending", contact=contact)):
        staff = str(json.loads(row["body"]).get("staff") or "staff")
        if row["kind"] == "return":
            held = Holder(Control.BOT, None)
        elif row["kind"] == "block":
            held = Holder(Control.BLOCKED, None)
        elif row["kind"] == "take" or held.control is not Control.HUMAN:
            held = Holder(Control.HUMAN, staff)
    return held


def newer(contact: int, seen: int) -> Step[int]:
    """How many messages the customer wrote after the one with the id `seen`."""
    rows = yield sql("desk.newer", contact=contact, seen=seen)
    count: int = rows[0]["newer"]
    return count


def first_time(page: str, at: datetime) -> Step[bool]:
    """Whether the form of this page, made at `at`, is sent for the first time: a double click must not send twice."""
    return bool((yield sql("inbox.first_time", key=update_key(at, f"desk:{page}"))))


def is_done(entry: int) -> Step[bool]:
    """Whether a staff action has been worked off."""
    return not (yield sql("desk.waits", id=entry))
