"""How one person was treated: everything that came in, was decided, sent or held, and what is still to come.

Reading steps for whoever explains the bot (the demo page). They read a person's rows whole, newest first.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.store import runs
from bot.store.runs import Live
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql

MAX_TIMERS = 200  # looked through for one that is not stale
MAX_ROWS = 60  # of each kind: more than anybody scrolls through


@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry of the inbox that is not a message. `why` when nothing came of it."""

    at: datetime
    source: str
    kind: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """The customer, or staff from the phone app, wrote."""

    at: datetime
    author: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the audit."""

    at: datetime
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A message we wanted to send, and what became of it by now. All times UTC."""

    at: datetime
    flow: str | None
    author: str
    text: str
    not_before: datetime
    state: str
    delivery: str | None
    why: str | None
    marketing: bool
    reply: bool


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is set; it may be stale by now."""

    due: datetime
    kind: str
    subject: int
    generation: int


@dataclass(frozen=True, slots=True)
class Story:
    """All of it. `live` are the runs under way; `last` is the newest run, ended or not."""

    arrived: tuple[Arrived, ...]
    heard: tuple[Heard, ...]
    noted: tuple[Noted, ...]
    asked: tuple[Asked, ...]
    timers: tuple[Timer, ...]
    live: tuple[Live, ...]
    last: Live | None


def story(contact: int, limit: int = MAX_ROWS) -> Step[Story]:
    """The story of a person, at most `limit` rows of each kind."""
    arrived = yield sql("story.arrived", contact=contact, limit=limit)
    heard = yield sql("story.messages", contact=contact, limit=limit)
    noted = yield sql("story.noted", contact=contact, limit=limit)
    asked = yield sql("story.sends", contact=contact, limit=limit)
    timers = yield sql("story.timers", contact=contact, limit=limit)
    newest = yield sql("story.last_run", contact=contact)
    return Story(
        arrived=tuple(Arrived(from_micros(row["received_at"]), row["source"], row["kind"], row["why"]) for row in arrived),
        heard=tuple(Heard(from_micros(row["at"]), row["author"], row["text"], row["kind"]) for row in heard),
        noted=tuple(Noted(from_micros(row["at"]), row["about"], row["text"]) for row in noted),
        asked=tuple(
            Asked(
                at=from_micros(row["created_at"]),
                flow=row["flow"],
                author=row["author"],
                text=row["body"],
                not_before=from_micros(row["not_before"]),
                state=row["state"],
                delivery=row["delivery"],
                why=row["why"],
                marketing=bool(row["marketing"]),
                reply=bool(row["reply"]),
            )
            for row in asked
        ),
        timers=tuple(_timer(row) for row in timers),
        live=tuple((yield from runs.live(contact))),
        last=(yield from runs.load(newest[0]["id"])) if newest else None,
    )


def _timer(row: Row) -> Timer:
    return Timer(from_micros(row["due"]), row["kind"], row["subject"], row["generation"])


def next_timers() -> Step[list[Timer]]:
    """Everybody's timers, the next first; some may be stale."""
    return [_timer(row) for row in (yield sql("story.next_timers", limit=MAX_TIMERS))]


def next_others() -> Step[list[datetime]]:
    """When the next message that waits may go, and the next code is tried again."""
    row = (yield sql("story.next_others"))[0]
    moments = (from_micros_or_none(row["message"]), from_micros_or_none(row["code"]))
    return [moment for moment in moments if moment is not None]
