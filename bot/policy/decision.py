"""May this message go to this person now? Asked at the moment of sending, so what came in between still holds.

`decide` is the only door of this room for the sender. Its answer is Send, Wait (until when, and why) or Drop (why).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum


class Consent(StrEnum):
    """What the person said about marketing messages."""

    UNKNOWN = "unknown"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class Control(StrEnum):
    """Who speaks in the conversation. `waiting`: it was handed over and nobody has taken it yet."""

    BOT = "bot"
    WAITING = "waiting"
    HUMAN = "human"


class Author(StrEnum):
    """Who wrote a message."""

    FLOW = "flow"
    STAFF = "staff"
    HOUSE = "house"  # the bot's own, such as the confirmation of an opt-out


class Reason(StrEnum):
    """Why a message waits or was dropped. The value is stored; `sentence` is what a person reads."""

    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    STAFF_HOLDS = "staff_holds"
    WINDOW_CLOSED = "window_closed"
    TOO_LATE = "too_late"
    COUNTRY = "country"
    UNREACHABLE = "unreachable"
    QUIET_HOURS = "quiet_hours"
    LIMIT = "limit"
    PLATFORM_PAUSE = "platform_pause"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` marketing messages in any `length` of time (rolling, not calendar days)."""

    count: int
    length: timedelta


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local wall-clock times between which marketing waits; may pass midnight (21:00 to 09:00)."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Rules:
    """What the owner decided in `flows/store.yaml`. `timezone` is the store's, for people whose own is not known."""

    timezone: str
    quiet_hours: QuietHours | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """The message to judge.

    `marketing`: by its flow's purpose or its template's category, whichever is stricter. `reply`: it answers something the
    customer just wrote or pressed; then quiet hours and limits do not hold it back. `free_text`: not a template, so it needs
    an open reply window. `expires_at` (UTC): after it the message is no longer worth sending.
    """

    marketing: bool
    reply: bool
    free_text: bool
    author: Author
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """What policy must know of the person. All times UTC.

    `last_wrote_at`: when the customer last wrote to this number. `marketing_sent_at`: marketing messages of the last 30 days, replies
    included, refused ones not. `not_before`: the platform asked for a pause with this person (Cloud API: error 131049).
    `timezone` is an IANA name, `country` ISO 3166, `phone` E.164; each None when not known.
    """

    consent: Consent
    control: Control
    last_wrote_at: datetime | None = None
    marketing_sent_at: tuple[datetime, ...] = ()
    not_before: datetime | None = None
    unreachable: bool = False
    timezone: str | None = None
    country: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """It may go now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again at `until` (UTC)."""

    until: datetime
    why: Reason


@dataclass(frozen=True, slots=True)
class Drop:
    """It will not be sent."""

    why: Reason


Decision = Send | Wait | Drop
