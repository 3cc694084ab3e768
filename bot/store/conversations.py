"""Conversations: who speaks with a person on a number, what was said, and who waits for staff."""

from dataclasses import dataclass
from datetime import datetime

from bot.policy.decision import Control
from bot.store.step import Step, from_micros, from_micros_or_none, sql, to_micros


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who speaks now. `epoch` rises with each change of control, the last at `changed_at`. `last_wrote_at`: when the customer last wrote.
    Times UTC."""

    control: Control
    epoch: int
    last_wrote_at: datetime | None
    staff: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A conversation that staff hold or that waits for them, as a list shows it."""

    contact: int
    number: str
    control: Control
    reason: str | None
    staff: str | None
    since: datetime
    first_name: str | None
    phone: str | None
    last_text: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a thread. `author` is customer, flow, staff or house; `state`, `delivery`, `why` are set for what we sent."""

    at: datetime
    author: str
    text: str
    state: str | None
    delivery: str | None
    why: str | None


def load(contact: int, number: str) -> Step[Conversation]:
    """The conversation with a person on a number, as it stands."""
    rows = yield sql("conversation.load", contact=contact, number=number)
    if not rows:
        return Conversation(Control.BOT, 0, None)
    row = rows[0]
    return Conversation(
        control=Control(row["control"]),
        epoch=row["epoch"],
        last_wrote_at=from_micros_or_none(row["last_inbound_at"]),
        staff=row["staff"],
        changed_at=from_micros(row["changed_at"]),
    )


def heard(contact: int, number: str, at: datetime, *, kind: str, text: str, provider_id: str) -> Step[None]:
    """The customer wrote: keep what they said, and open the reply window."""
    yield sql("conversation.open", contact=contact, number=number, now=to_micros(at))
    yield sql("conversation.inbound", contact=contact, number=number, at=to_micros(at))
    yield sql(
        "conversation.add_message",
        contact=contact,
        number=number,
        author="customer",
        kind=kind,
        text=text,
        provider_id=provider_id,
        at=to_micros(at),
    )


def staff_said_elsewhere(contact: int, number: str, at: datetime, text: str, provider_id: str) -> Step[None]:
    """Staff wrote from the phone app: keep it in the thread."""
    yield sql(
        "conversation.add_message",
        contact=contact,
        number=number,
        author="staff",
        kind="text",
        text=text,
        provider_id=provider_id,
        at=to_micros(at),
    )


def give(contact: int, number: str, control: Control, now: datetime, *, reason: str | None = None, staff: str | None = None) -> Step[None]:
    """Change who speaks; the epoch rises."""
    yield sql("conversation.open", contact=contact, number=number, now=to_micros(now))
    yield sql(
        "conversation.set_control", contact=contact, number=number, control=control, reason=reason, staff=staff, now=to_micros(now)
    )


def is_first(contact: int, number: str) -> Step[bool]:
    """Whether the person wrote to this number at most once so far."""
    rows = yield sql("conversation.count_written", contact=contact, number=number)
    return int(rows[0]["written"]) <= 1


def said_again(contact: int, number: str, text: str, since: datetime) -> Step[bool]:
    """Whether the customer said the very same at least twice since then."""
    rows = yield sql("conversation.said", contact=contact, number=number, text=text, since=to_micros(since))
    return len(rows) > 1


def unanswered() -> Step[list[Open]]:
    """Conversations that staff hold or that wait for them, the longest wait first."""
    rows = yield sql("conversation.unanswered")
    return [
        Open(
            contact=row["contact"],
            number=row["number"],
            control=Control(row["control"]),
            reason=row["reason"],
            staff=row["staff"],
            since=from_micros(row["changed_at"]),
            first_name=row["first_name"],
            phone=row["phone"],
            last_text=row["last_text"],
        )
        for row in rows
    ]


def thread(contact: int) -> Step[list[Said]]:
    """All that was said with a person, oldest first."""
    rows = yield sql("conversation.thread", contact=contact)
    return [Said(from_micros(row["at"]), row["author"], row["text"], row["state"], row["delivery"], row["why"]) for row in rows]
