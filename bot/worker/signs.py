"""What customers do besides writing: they react, edit, delete, call, follow links. None of it answers a question of a flow.

An edit that now says stop is a stop all the same.
"""

from bot.channel.event import Called, Edited, LinkPressed, Reacted, Revoked, StaffChanged
from bot.policy.consent import is_opt_out
from bot.policy.decision import Control
from bot.store import contacts, conversations
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

Sign = Reacted | Edited | Revoked | Called | LinkPressed | StaffChanged


def seen(house: House, contact: int, number: str, sign: Sign) -> Step[None]:
    """Keep a sign where staff see it."""
    match sign:
        case Reacted():
            yield from conversations.reacted(contact, sign.message, sign.emoji, sign.at)
        case Edited():
            yield from _edited(house, contact, number, sign)
        case Revoked():
            yield from conversations.revoked(contact, sign.message, sign.at)
            yield from contacts.audit(contact, house.now, "channel", "deleted a message")
        case Called():
            yield from _called(house, contact, number, sign)
        case LinkPressed():
            yield from contacts.engaged(contact, sign.at)
            yield from contacts.audit(contact, house.now, "channel", "followed a link of a marketing message")
        case StaffChanged():
            if sign.text is None:
                yield from conversations.revoked(contact, sign.message, sign.at, author="staff")
            else:
                yield from conversations.edited(contact, sign.message, sign.text, sign.at, author="staff")


def _edited(house: House, contact: int, number: str, sign: Edited) -> Step[None]:
    yield from conversations.edited(contact, sign.message, sign.text, sign.at)
    yield from contacts.audit(contact, house.now, "channel", "edited a message")
    if is_opt_out(sign.text, house.playbook.rules.opt_out_words):
        yield from flows.opt_out(house, contact, number, "word", sign.id, at=sign.at)


def _called(house: House, contact: int, number: str, sign: Called) -> Step[None]:
    """Nobody here answers calls: whoever is in no conversation with a flow waits for staff, who can write or call back."""
    conversation = yield from conversations.load(contact, number)
    yield from conversations.called(contact, number, sign.at, sign.about, by_customer=sign.by_customer)
    if not sign.by_customer:
        return
    yield from contacts.engaged(contact, sign.at)
    if conversation.control is Control.BOT and (yield from flows.asked(contact)) is None:
        yield from conversations.give(contact, number, Control.WAITING, house.now, reason="called by WhatsApp")
        yield from contacts.audit(contact, house.now, "desk", "waits for staff: called by WhatsApp")
