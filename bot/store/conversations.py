"""Conversations: who speaks with a person on a number, what was said, and who waits for staff."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy import window
from bot.policy.decision import Control
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros

_ANSWERED_WITHIN = window.FREE_ANSWER // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who speaks now. `epoch` rises with each change of control, the last at `changed_at`. `last_wrote_at`: when the customer last wrote.
    `free_until`: they came by an ad, and what is sent to them before costs nothing. Times UTC."""

    control: Control
    epoch: int
    last_wrote_at: datetime | None
    staff: str | None = None
    changed_at: datetime | None = None
    free_until: datetime | None = None


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
    rows = yield sql("conversation.load", contact=contact, number=number, answered_within=_ANSWERED_WITHIN)
    if not rows:
        return Conversation(Control.BOT, 0, None)
    row = rows[0]
    return Conversation(
        control=Control(row["control"]),
        epoch=row["epoch"],
        last_wrote_at=from_micros_or_none(row["last_inbound_at"]),
        staff=row["staff"],
        changed_at=from_micros(row["changed_at"]),
        free_until=_free_until(row),
    )


def _free_until(row: Row) -> datetime | None:
    """What a status told, else what follows from our first answer to who came by an ad."""
    told, answered = from_micros_or_none(row["free_until"]), from_micros_or_none(row["answered_at"])
    return max((end for end in (told, answered and answered + window.FREE_LENGTH) if end), default=None)


def heard(
    contact: int,
    number: str,
    at: datetime,
    *,
    kind: str,
    text: str,
    provider_id: str,
    about: str | None = None,
    quotes: str | None = None,
    referred: bool = False,
    arrived: datetime | None = None,
) -> Step[None]:
    """The customer wrote: keep what they said, and open the reply window. `about` tells what it holds besides words, `quotes` is the
    message it answers (by the platform's id), `referred`: they came by an ad. `arrived` is when it reached us (UTC)."""
    yield sql("conversation.open", contact=contact, number=number, now=to_micros(at))
    yield sql("conversation.inbound", contact=contact, number=number, at=to_micros(at))
    yield sql(
        "conversation.add_message",
        contact=contact,
        number=number,
        author="customer",
        kind=kind,
        text=text,
        about=about,
        quotes=quotes,
        provider_id=provider_id,
        at=to_micros(_place(at, arrived or at)),
    )
    if referred:
        yield sql("conversation.refer", contact=contact, number=number, at=to_micros(at))


def _place(at: datetime, arrived: datetime) -> datetime:
    """Where a message stands in the thread. WhatsApp's times are whole seconds, rounded down (Cloud API: `timestamp`): within that second
    it stands where it arrived, else a quick answer would stand before what it answers."""
    return min(max(at, arrived), at + timedelta(seconds=1, microseconds=-1))


def called(contact: int, number: str, at: datetime, about: str, *, by_customer: bool) -> Step[None]:
    """A call, or word of one, as a note in the thread. A customer who calls opens the reply window (Cloud API: service windows)."""
    if by_customer:
        yield sql("conversation.open", contact=contact, number=number, now=to_micros(at))
        yield sql("conversation.inbound", contact=contact, number=number, at=to_micros(at))
    author = "customer" if by_customer else "note"
    yield sql(
        "conversation.add_message",
        contact=contact,
        number=number,
        author=author,
        kind="call",
        text="",
        about=about,
        quotes=None,
        provider_id=None,
        at=to_micros(at),
    )


def reacted(contact: int, message: str, emoji: str | None, at: datetime) -> Step[None]:
    """The customer put an emoji to a message (the platform's id), in place of the one before; None: took it away."""
    if emoji is None:
        yield sql("conversation.unreact", contact=contact, provider_id=message, at=to_micros(at))
    else:
        yield sql("conversation.react", contact=contact, provider_id=message, emoji=emoji, at=to_micros(at))


def edited(contact: int, message: str, text: str, at: datetime, *, author: str = "customer") -> Step[bool]:
    """A message says something else now; returns whether we know it."""
    rows = yield sql("conversation.edit", contact=contact, provider_id=message, text=text, author=author, at=to_micros(at))
    return bool(rows)


def revoked(contact: int, message: str, at: datetime, *, author: str = "customer") -> Step[bool]:
    """A message was deleted by who wrote it: its words are gone; returns whether we know it."""
    rows = yield sql("conversation.revoke", contact=contact, provider_id=message, author=author, at=to_micros(at))
    return bool(rows)


def free(contact: int, number: str, until: datetime, now: datetime) -> Step[None]:
    """A status told that nothing costs anything before `until` (UTC)."""
    yield sql("conversation.open", contact=contact, number=number, now=to_micros(now))
    yield sql("conversation.free", contact=contact, number=number, until=to_micros(until))


def staff_said_elsewhere(contact: int, number: str, at: datetime, text: str, provider_id: str, *, kind: str = "text") -> Step[None]:
    """Staff wrote from the phone app: keep it in the thread."""
    yield sql(
        "conversation.add_message",
        contact=contact,
        number=number,
        author="staff",
        kind=kind,
        text=text,
        about=None,
        quotes=None,
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
