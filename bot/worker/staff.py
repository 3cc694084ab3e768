"""What staff did: took a conversation over, answered, handed it back, blocked the person, decided about a message.

Staff actions are inbox entries like everything that happens.
"""

from typing import Any

from bot.flow.model import Trigger
from bot.flow.run import Media, MediaKind, Text
from bot.policy.decision import Author, Control
from bot.store import contacts, conversations, outbox
from bot.store.step import Step
from bot.worker import customer, flows
from bot.worker.playbook import REPLY_WORTH, House

TAKE, SAY, RETURN, BLOCK = "take", "say", "return", "block"


def did(house: House, entry_id: int, contact: int, kind: str, place: str, body: dict[str, Any]) -> Step[str | None]:
    """Work a staff action off; returns why nothing came of it, where that is so."""
    number = place or house.number
    staff = str(body.get("staff") or "staff")
    match kind:
        case "take":
            yield from customer.take_over(house, contact, number, staff)
        case "say":
            yield from _say(house, entry_id, contact, number, staff, Text(str(body["text"]), media=_media(body.get("file"))))
        case "return":
            yield from _hand_back(house, contact, number, staff)
        case "arrived" | "again":
            return (yield from _decide(house, contact, staff, int(body["message"]), arrived=kind == "arrived"))
        case "block":
            yield from _block(house, entry_id, contact, number, staff)
        case _:
            return f"nobody knows the staff action '{kind}'"
    return None


def _media(file: dict[str, str] | None) -> Media | None:
    return None if file is None else Media(MediaKind(file["kind"]), file=file["sha256"], filename=file["name"])


def _say(house: House, entry_id: int, contact: int, number: str, staff: str, content: Text) -> Step[None]:
    """An answer; whoever answers has the conversation."""
    conversation = yield from conversations.load(contact, number)
    if conversation.control is not Control.HUMAN:
        yield from customer.take_over(house, contact, number, staff)
    draft = outbox.Draft(
        key=house.key("desk", entry_id),
        contact=contact,
        number=number,
        shop="",
        content=content,
        author=Author.STAFF,
        marketing=False,
        reply=True,
        expires_at=house.now + REPLY_WORTH,
    )
    yield from outbox.enqueue(draft, house.now)


def _block(house: House, entry_id: int, contact: int, number: str, staff: str) -> Step[None]:
    """Nobody speaks with this person until staff hand the conversation back; and whoever is blocked is sent no marketing either."""
    yield from flows.opt_out(house, contact, number, "block", f"desk {entry_id}", confirm=False)
    yield from conversations.give(contact, number, Control.BLOCKED, house.now)
    yield from outbox.cancel_contact(contact, f"{staff} blocked this person")
    yield from flows.leave_to_staff(house, contact, f"{staff} blocked this person")
    yield from contacts.audit(contact, house.now, "desk", f"{staff} blocked this person: no more is answered, and nothing sent")


def _decide(house: House, contact: int, staff: str, message: int, *, arrived: bool) -> Step[str | None]:
    """What becomes of a message of which nobody knows whether it arrived."""
    if arrived:
        unknown = yield from outbox.say_arrived(message, contact, f"{staff} says that it arrived")
        what = "says that a message arrived of which nobody knew"
    else:
        unknown = yield from outbox.send_again(message, contact, house.now)
        what = "sends a message again of which nobody knew whether it arrived"
    if not unknown:
        return "it is known by now what became of the message"
    yield from contacts.audit(contact, house.now, "desk", f"{staff} {what}")
    return None


def _hand_back(house: House, contact: int, number: str, staff: str) -> Step[None]:
    conversation = yield from conversations.load(contact, number)
    if conversation.control is Control.BOT:
        return
    yield from conversations.give(contact, number, Control.BOT, house.now)
    yield from contacts.audit(contact, house.now, "desk", f"{staff} handed the conversation back")
    yield from flows.happen(house, contact, number, "", Trigger.HANDED_BACK)
