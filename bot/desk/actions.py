"""What staff can do: see who waits, read a conversation, take it over, answer, hand it back, block somebody.

An action is an inbox entry like everything that happens, so it keeps its place among what the customer writes meanwhile.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from bot.desk.enclosure import Enclosure
from bot.flow.limit import MAX_CAPTION
from bot.flow.run import MediaKind
from bot.policy import window
from bot.policy.decision import Control, Reason
from bot.store import contacts, conversations, desk, files, inbox, outbox
from bot.store.arrivals import Name
from bot.store.conversations import Open, Said
from bot.store.files import File
from bot.store.model import Identity, IdentityKind, Source
from bot.store.step import Step

MAX_TEXT = 4096  # Cloud API: text.body


class NotFound(Exception):
    """There is no such contact. The message is a sentence for staff."""


class Refused(Exception):
    """The action makes no sense now. The message is a sentence for staff."""


class Taken(Exception):
    """Somebody else has the conversation. `staff` is their name."""

    def __init__(self, staff: str) -> None:
        super().__init__(f"{staff} has this conversation")
        self.staff = staff


class Outdated(Exception):
    """The customer wrote `newer` messages that the writer of an answer had not seen."""

    def __init__(self, newer: int) -> None:
        super().__init__("a new message came in meanwhile" if newer == 1 else f"{newer} new messages came in meanwhile")
        self.newer = newer


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as staff read it."""

    contact: int
    messages: tuple[Said, ...]


def find(who: str) -> Step[int]:
    """The contact behind what staff type: a contact id, a phone number, an e-mail address or a BSUID. Raises NotFound."""
    who = who.strip()
    if re.fullmatch(r"#?\d{1,9}", who):
        contact = yield from contacts.by_id(int(who.lstrip("#")))
    else:
        contact = yield from contacts.find(_name(who))
    if contact is None:
        raise NotFound(f"nobody here goes by {who}: give the number 'comeback desk list' shows, a phone number or an e-mail address")
    return contact


def _name(who: str) -> Identity:
    if "@" in who:
        return Identity(IdentityKind.EMAIL, who.lower())
    if re.fullmatch(r"[A-Z]{2}\.\w+", who):
        return Identity(IdentityKind.BSUID, who)
    return Identity(IdentityKind.PHONE, "+" + re.sub(r"\D", "", who))


def waiting() -> Step[list[Open]]:
    """Conversations that wait for staff or that staff hold."""
    return (yield from conversations.unanswered())


def read(who: str) -> Step[Thread]:
    """All that was said with a person. Raises NotFound."""
    contact = yield from find(who)
    return Thread(contact, tuple((yield from conversations.thread(contact))))


def take(who: str, staff: str, now: datetime) -> Step[int]:
    """Take a conversation over: the bot is silent until it is handed back. Raises NotFound."""
    return (yield from _act("take", who, staff, now))


def say(who: str, staff: str, text: str, now: datetime, *, enclosed: Enclosure | None = None) -> Step[int]:
    """Answer; whoever answers has the conversation. Raises NotFound, or Refused for an answer that cannot be sent."""
    if enclosed is None:
        _check_text(text)
        return (yield from _act("say", who, staff, now, text=text))
    _check_caption(text, enclosed)
    yield from files.keep(File(enclosed.sha256, enclosed.size, enclosed.mime), now)
    file = {"sha256": enclosed.sha256, "kind": enclosed.kind, "name": enclosed.name}
    return (yield from _act("say", who, staff, now, text=text.strip(), file=file))


def _check_text(text: str) -> None:
    if not text.strip():
        raise Refused("write something to send")
    if len(text) > MAX_TEXT:
        raise Refused(f"a message has at most {MAX_TEXT} characters, this one has {len(text)}")


def _check_caption(text: str, enclosed: Enclosure) -> None:
    if enclosed.kind is MediaKind.AUDIO and text.strip():
        raise Refused("WhatsApp sends audio without words: send them before or after it")
    if len(text) > MAX_CAPTION:
        raise Refused(f"the words under a file have at most {MAX_CAPTION} characters, these have {len(text)}: send them apart from it")


def hand_back(who: str, staff: str, now: datetime) -> Step[int]:
    """Hand a conversation back to the bot. Raises NotFound."""
    return (yield from _act("return", who, staff, now))


def block(who: str, staff: str, now: datetime) -> Step[int]:
    """Block somebody: nobody answers them and nothing is sent, marketing for good, until the conversation is handed back. Raises
    NotFound."""
    return (yield from _act("block", who, staff, now))


def names(who: str) -> Step[list[Name]]:
    """The names of a person, for whoever must hear at once that something was done about them. Raises NotFound."""
    return (yield from contacts.names_of((yield from find(who))))


def resume() -> Step[None]:
    """What stopped the sending was mended: every number may send again."""
    yield from outbox.resume_numbers()


def _act(kind: str, who: str, staff: str, now: datetime, **more: str | int | dict[str, str]) -> Step[int]:
    contact = yield from find(who)
    open_ones = yield from conversations.unanswered()
    number = next((one.number for one in open_ones if one.contact == contact), "")
    return (yield from inbox.put(Source.DESK, kind, contact, {"staff": staff, **more}, now, place=number))


# ---- among several people


def take_free(who: str, staff: str, now: datetime, *, away_from: str = "") -> Step[int]:
    """`take`, but never out of somebody's hands unless they are named: of two who reach for it at once, one gets it.

    Raises NotFound, Taken.
    """
    yield from _free(who, staff, away_from)
    return (yield from take(who, staff, now))


def answer(who: str, staff: str, text: str, now: datetime, *, seen: int, enclosed: Enclosure | None = None) -> Step[int]:
    """`say`, if it would reach them, nobody else has the conversation and they wrote nothing after the message with the id `seen`.

    Raises NotFound, Refused, Taken, Outdated.
    """
    contact = yield from _free(who, staff)
    now_with = yield from desk.talk(contact)
    if not window.is_open(now_with.last_wrote_at if now_with else None, now):
        raise Refused(Reason.WINDOW_CLOSED.sentence)
    newer = yield from desk.newer(contact, seen)
    if newer:
        raise Outdated(newer)
    return (yield from say(who, staff, text, now, enclosed=enclosed))


def hand_back_own(who: str, staff: str, now: datetime) -> Step[int]:
    """`hand_back`, if nobody else has the conversation. Raises NotFound, Taken."""
    yield from _free(who, staff)
    return (yield from hand_back(who, staff, now))


def block_own(who: str, staff: str, now: datetime) -> Step[int]:
    """`block`, if nobody else has the conversation. Raises NotFound, Taken."""
    yield from _free(who, staff)
    return (yield from block(who, staff, now))


def decide_own(who: str, staff: str, message: int, now: datetime, *, arrived: bool) -> Step[int]:
    """Of a message of which nobody knows: it arrived, or it is sent again, though it may then arrive twice; if nobody else has the
    conversation. Raises NotFound, Taken."""
    yield from _free(who, staff)
    return (yield from _act("arrived" if arrived else "again", who, staff, now, message=message))


def _free(who: str, staff: str, away_from: str = "") -> Step[int]:
    contact = yield from find(who)
    held = yield from desk.holder(contact)
    if held.control is Control.HUMAN and held.staff not in (None, staff, away_from):
        raise Taken(held.staff or "somebody")
    return contact
