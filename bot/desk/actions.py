"""What staff can do: see who waits, read a conversation, take it over, answer, hand it back.

An action is an inbox entry like everything that happens, so it keeps its place among what the customer writes meanwhile.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from bot.store import contacts, conversations, inbox, outbox
from bot.store.conversations import Open, Said
from bot.store.model import Identity, IdentityKind, Source
from bot.store.step import Step

MAX_TEXT = 4096  # Cloud API: text.body


class NotFound(Exception):
    """There is no such contact. The message is a sentence for staff."""


class Refused(Exception):
    """The action makes no sense now. The message is a sentence for staff."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as staff read it."""

    contact: int
    messages: tuple[Said, ...]


def find(who: str) -> Step[int]:
    """The contact behind what staff type: a contact id, a phone number or an e-mail address. Raises NotFound."""
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


def say(who: str, staff: str, text: str, now: datetime) -> Step[int]:
    """Answer; whoever answers has the conversation. Raises NotFound, or Refused for a text that cannot be sent."""
    if not text.strip():
        raise Refused("write something to send")
    if len(text) > MAX_TEXT:
        raise Refused(f"a message has at most {MAX_TEXT} characters, this one has {len(text)}")
    return (yield from _act("say", who, staff, now, text=text))


def hand_back(who: str, staff: str, now: datetime) -> Step[int]:
    """Hand a conversation back to the bot. Raises NotFound."""
    return (yield from _act("return", who, staff, now))


def resume() -> Step[None]:
    """What stopped the sending was mended: every number may send again."""
    yield from outbox.resume_numbers()


def _act(kind: str, who: str, staff: str, now: datetime, **more: str) -> Step[int]:
    contact = yield from find(who)
    open_ones = yield from conversations.unanswered()
    number = next((one.number for one in open_ones if one.contact == contact), "")
    return (yield from inbox.put(Source.DESK, kind, contact, {"staff": staff, **more}, now, place=number))
