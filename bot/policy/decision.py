"""May this message go to this person now? Asked at the moment of sending, so what came in between still holds.

`decide` is the only door of this room for the sender. Its answer is Send, Wait (until when, and why) or Drop (why).
Each rule lives in a file of its own; here stands who is asked, and in what order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.policy import country, hours, limit, window
from bot.policy.consent import Consent
from bot.policy.hours import QuietHours
from bot.policy.limit import Limit

__all__ = [
    "Author",
    "Consent",
    "Control",
    "Decision",
    "Drop",
    "Limit",
    "Message",
    "Person",
    "QuietHours",
    "Reason",
    "Rules",
    "Send",
    "Wait",
    "decide",
]

PAUSED_LOOK = timedelta(hours=1)  # Cloud API: a template is paused for three hours, the second time for six
LAST_LOOK = timedelta(seconds=1)  # before a message's end of worth, so that the pause is told as the reason


class Control(StrEnum):
    """Who speaks in the conversation. `waiting`: it was handed over and nobody has taken it yet. `blocked`: staff want to hear no more
    of this person, so nobody speaks."""

    BOT = "bot"
    WAITING = "waiting"
    HUMAN = "human"
    BLOCKED = "blocked"


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
    COUNTRY_CLOSED = "country_closed"
    TEMPLATE_PAUSED = "template_paused"
    TEMPLATE_STOPPED = "template_stopped"
    PAIR = "pair"
    DAILY_LIMIT = "daily_limit"
    POINTLESS = "pointless"
    SOLD_OUT = "sold_out"
    DEARER = "dearer"
    ERASED = "erased"
    SHOP_LEFT = "shop_left"

    @property
    def sentence(self) -> str:
        """The reason as staff and owners read it."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.OPTED_OUT: "They asked for no more marketing messages.",
    Reason.NO_CONSENT: "They never agreed to marketing messages.",
    Reason.STAFF_HOLDS: "Staff have this conversation, so the flows are silent.",
    Reason.WINDOW_CLOSED: "They have not written for 24 hours, and this message may only answer what they write.",
    Reason.TOO_LATE: "Its time had passed before it could be sent.",
    Reason.COUNTRY: "WhatsApp does not carry marketing templates to numbers of the United States.",
    Reason.UNREACHABLE: "WhatsApp said that this person cannot be reached.",
    Reason.QUIET_HOURS: "It is quiet hours where they are.",
    Reason.LIMIT: "They already got as many marketing messages as the store's limits allow.",
    Reason.PLATFORM_PAUSE: "WhatsApp asked for a pause in marketing to this person.",
    Reason.COUNTRY_CLOSED: "WhatsApp lets this number write to nobody in their country.",
    Reason.TEMPLATE_PAUSED: "WhatsApp paused the template, because people disliked it.",
    Reason.TEMPLATE_STOPPED: "WhatsApp disabled the template, or found that it breaks a policy.",
    Reason.PAIR: "WhatsApp takes one message to a person in six seconds, and they just got many at once.",
    Reason.POINTLESS: "What it is about was bought, paid or emptied in the meantime.",
    Reason.SOLD_OUT: "It was sold out again before it could be sent.",
    Reason.DEARER: "It costs more again, or is sold out.",
    Reason.ERASED: "They are being erased, as the law lets them ask.",
    Reason.SHOP_LEFT: "The shop took the app out: nothing is sent in its name.",
    Reason.DAILY_LIMIT: "The daily limit of WhatsApp is used up: so many people we wrote to first in the last 24 hours.",
}


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
    an open reply window. `expires_at` (UTC): after it the message is no longer worth sending. `paused`: its template rests at the
    platform, `stopped`: it is disabled there. `barred`: the platform closed the person's country to the sending number. `pointless`: the
    cart or the payment it reminds of is done with. `sold_out`: what it tells to be back is gone; `dearer`: what it tells to cost less does
    not any more, or is gone. `forbidden`: by the law, or by the shop in whose name it is.
    """

    marketing: bool
    reply: bool
    free_text: bool
    author: Author
    expires_at: datetime
    paused: bool = False
    stopped: bool = False
    barred: bool = False
    pointless: bool = False
    sold_out: bool = False
    dearer: bool = False
    forbidden: Reason | None = None


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


def decide(message: Message, person: Person, rules: Rules, now: datetime) -> Decision:
    """Whether `message` may go to `person` at `now` (UTC).

    A Wait is always later than `now` and earlier than the message's `expires_at`: what could only go too late is dropped with the
    reason that held it. `rules.timezone` must be a known zone, else ZoneInfoNotFoundError.
    """
    never = _why_never(message, person, now)
    if never is not None:
        return Drop(never)
    if message.paused:
        return _once_unpaused(message, now)
    if message.marketing and not message.reply:
        return _first_chance(message, person, rules, now)
    return Send()


def _why_never(message: Message, person: Person, now: datetime) -> Reason | None:
    """The first rule that forbids the message altogether. The law and an opt-out stand before everything."""
    return message.forbidden or next((reason for reason, forbids in _prohibitions(message, person, now) if forbids), None)


def _prohibitions(message: Message, person: Person, now: datetime) -> Iterator[tuple[Reason, bool]]:
    unasked = not message.reply and message.author is not Author.HOUSE
    needs_window = message.free_text or (message.marketing and person.consent is Consent.UNKNOWN)
    yield Reason.OPTED_OUT, message.marketing and person.consent is Consent.WITHDRAWN
    yield Reason.TOO_LATE, now >= message.expires_at
    yield Reason.POINTLESS, message.pointless
    yield Reason.SOLD_OUT, message.sold_out
    yield Reason.DEARER, message.dearer
    yield Reason.STAFF_HOLDS, message.author is Author.FLOW and not _flows_may_speak(message, person.control)
    yield Reason.UNREACHABLE, unasked and person.unreachable
    yield Reason.NO_CONSENT, message.marketing and not message.reply and person.consent is Consent.UNKNOWN
    yield Reason.WINDOW_CLOSED, needs_window and not window.is_open(person.last_wrote_at, now)
    yield Reason.COUNTRY_CLOSED, message.barred
    yield Reason.TEMPLATE_STOPPED, message.stopped
    yield Reason.COUNTRY, _is_marketing_template(message) and not country.takes_marketing(person.phone)


def _flows_may_speak(message: Message, control: Control) -> bool:
    """While the conversation waits for staff a flow finishes its sentence ("a colleague is on the way") and begins nothing."""
    return control is Control.BOT or (control is Control.WAITING and message.reply)


def _is_marketing_template(message: Message) -> bool:
    return message.marketing and not message.free_text and not message.reply


def _once_unpaused(message: Message, now: datetime) -> Decision:
    """Nobody says when a pause ends: whoever hears of it wakes what waits, and it is asked again now and then."""
    until = min(now + PAUSED_LOOK, message.expires_at - LAST_LOOK)
    return Wait(until, Reason.TEMPLATE_PAUSED) if until > now else Drop(Reason.TEMPLATE_PAUSED)


def _first_chance(message: Message, person: Person, rules: Rules, now: datetime) -> Decision:
    """When marketing that nobody asked for may go. Each rule is asked for the moment the ones before it allow.

    Pauses and limits only ease with time, so what they allowed is still allowed once the quiet hours are over.
    """
    moment, held_by = now, None
    for reason, allows in (
        (Reason.PLATFORM_PAUSE, lambda at: max(at, person.not_before or at)),
        (Reason.LIMIT, lambda at: limit.free_at(person.marketing_sent_at, rules.limits, at)),
        (Reason.QUIET_HOURS, lambda at: _end_of_quiet_hours(person, rules, at)),
    ):
        reached = allows(moment)
        if reached >= message.expires_at:
            return Drop(reason)
        if reached > moment:
            moment, held_by = reached, held_by or reason
    return Wait(moment, held_by) if held_by else Send()


def _end_of_quiet_hours(person: Person, rules: Rules, moment: datetime) -> datetime:
    if rules.quiet_hours is None:
        return moment
    return hours.open_at(moment, rules.quiet_hours, hours.zones_of(person.timezone, person.country, rules.timezone))
