"""What the channel told of a customer: they wrote, pressed, read, stopped, changed their number; or staff wrote from the phone app."""

import re
from datetime import datetime, timedelta

from bot.channel import telling
from bot.channel.event import (
    AccountChanged,
    Called,
    ChannelEvent,
    DeliveryStatus,
    Edited,
    IdentityChanged,
    LinkPressed,
    MessageReceived,
    Notice,
    NumberChanged,
    OrderPlacedInChat,
    PreferenceChanged,
    ProductAsked,
    Reacted,
    Referral,
    Revoked,
    StaffChanged,
    StaffWrote,
    StatusChanged,
    TemplateChanged,
)
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import ButtonPress, Pressed, Replied, read_button_payload
from bot.policy.consent import is_opt_out, takes_stop_back
from bot.policy.decision import Consent, Control
from bot.store import charges, contacts, conversations, files, inbox, outbox, pace, templates
from bot.store.contacts import Agreement, Referred
from bot.store.inbox import Entry
from bot.store.runs import Live
from bot.store.step import Step
from bot.store.templates import Standing
from bot.worker import account, charging, crediting, failures, flows, shopping, signs
from bot.worker.files import expected
from bot.worker.playbook import House

STALE_MESSAGE = timedelta(days=1)  # WhatsApp may deliver again for a week: answering yesterday's question today only confuses
PRESSED_TWICE = timedelta(minutes=1)  # an impatient thumb; later than that it is meant
_ARRIVED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.READ})
_NAME = re.compile(r"[^\W\d_][^\W\d_'’-]{0,29}")  # one word of letters: what a greeting can carry


def told(house: House, entry: Entry, contact: int | None, event: ChannelEvent) -> Step[str | None]:
    """Work an event of the channel off; returns why nothing came of it, where that is so."""
    number = entry.place or house.number
    if isinstance(event, StatusChanged):
        return (yield from _status(house, event))
    if isinstance(event, TemplateChanged):
        yield from _template(house, event)
        return None
    if isinstance(event, Notice):
        yield from contacts.audit(contact, house.now, "channel", event.about)
        return None
    if isinstance(event, NumberChanged):
        yield from account.number_told(house, event)
        return None
    if isinstance(event, AccountChanged):
        yield from account.account_told(house, event)
        return None
    if contact is None:
        return "word of a move that is known" if isinstance(event, IdentityChanged) else "it names nobody"
    match event:
        case MessageReceived():
            yield from contacts.renew((yield from inbox.names(entry.id)), event.at)  # whoever writes is answered where they wrote
            yield from _message(house, contact, number, event, entry.received_at)
        case Reacted() | Edited() | Revoked() | Called() | LinkPressed() | StaffChanged():
            yield from signs.seen(house, contact, number, event)
        case PreferenceChanged():
            yield from _preference(house, contact, number, event)
        case StaffWrote():
            yield from _staff_wrote(house, contact, number, event)
        case IdentityChanged():
            yield from contacts.audit(contact, house.now, "contact", "goes by a new number or id")
    return None


def _staff_wrote(house: House, contact: int, number: str, event: StaffWrote) -> Step[None]:
    """Staff answered from the phone app: a take-over, unless it is told so late that the conversation has changed hands since."""
    yield from pace.number_told(number, house.now, with_app=True)  # Cloud API: such a number is slow
    conversation = yield from conversations.load(contact, number)
    yield from conversations.staff_said_elsewhere(contact, number, event.at, event.text, event.id, kind=event.kind)
    if event.attachment is not None:
        yield from files.want(contact, number, event.id, event.at, expected(event.attachment), house.now)
    told_late = conversation.changed_at is not None and event.at + timedelta(seconds=1) <= conversation.changed_at
    if not (told_late and conversation.epoch > 0) and house.now - event.at < STALE_MESSAGE:
        yield from take_over(house, contact, number, "the phone app")


def take_over(house: House, contact: int, number: str, staff: str) -> Step[None]:
    """Staff speak from now on: what flows have queued is cancelled, their open questions end."""
    yield from conversations.give(contact, number, Control.HUMAN, house.now, staff=staff)
    yield from outbox.cancel_contact(contact, f"{staff} took the conversation over")
    yield from flows.leave_to_staff(house, contact, f"{staff} took the conversation over")
    yield from contacts.audit(contact, house.now, "desk", f"{staff} took the conversation over")


def _message(house: House, contact: int, number: str, event: MessageReceived, arrived: datetime) -> Step[None]:
    conversation = yield from conversations.load(contact, number)
    referral, about = event.referral, telling.about(event)
    said = {"kind": event.kind, "text": event.text, "provider_id": event.id}
    yield from conversations.heard(
        contact, number, event.at, **said, about=about, quotes=event.reply_to, referred=referral is not None, arrived=arrived
    )
    if referral is not None:
        yield from contacts.refer(contact, number, _referred(event.at, referral))
    if event.attachment is not None:
        yield from files.want(contact, number, event.id, event.at, expected(event.attachment), house.now)
    event = yield from shopping.referred(house, contact, event)  # staff see the code, flows do not
    yield from contacts.engaged(contact, event.at)
    if event.name and (name := _NAME.match(event.name.strip())):
        yield from contacts.name_if_unknown(contact, name.group())
    press = read_button_payload(event.payload) if event.payload else None
    if (press is not None and press.opts_out) or (press is None and is_opt_out(event.text, house.playbook.rules.opt_out_words)):
        method = "button" if press else "word"
        yield from flows.opt_out(house, contact, number, method, event.id, at=event.at)
    elif press is None and takes_stop_back(event.text) and (yield from _took_stop_back(house, contact, number, event)):
        return
    elif conversation.control is not Control.BOT:
        why = "although staff blocked them" if conversation.control is Control.BLOCKED else "while staff have the conversation"
        yield from contacts.audit(contact, house.now, "desk", f"wrote {why}")
    elif house.now - event.at > STALE_MESSAGE:
        yield from _to_staff(house, contact, number, f"wrote on {event.at:%Y-%m-%d %H:%M} UTC, which reached us only now")
    else:
        yield from _answer(house, contact, number, event, press)


def _took_stop_back(house: House, contact: int, number: str, event: MessageReceived) -> Step[bool]:
    """START counts from somebody who has said stop; from anybody else it is a word like others."""
    person = yield from contacts.load(contact)
    if person.consent is not Consent.WITHDRAWN:
        return False
    return (yield from flows.take_stop_back(house, contact, number, event.id, event.text, at=event.at))


def _answer(house: House, contact: int, number: str, event: MessageReceived, press: ButtonPress | None) -> Step[None]:
    """The open question gets what was said; without one, the flows that begin with a message do; without those, staff."""
    asking = yield from flows.asked(contact)
    if (yield from _pressed_twice(contact, number, event, press, asking)):
        yield from contacts.audit(contact, house.now, "channel", "pressed the same button twice: answered once")
        return
    wordless = _is_wordless(event)
    if asking is not None:
        in_place = press is not None and press.run == asking.run.id
        reply = Replied("" if wordless else event.text)
        yield from flows.advance(house, asking, Pressed(press.generation, press.answer, event.text) if press and in_place else reply)
        if isinstance(event.detail, OrderPlacedInChat):
            yield from _see_to_order(house, contact, number)
        return
    if wordless and event.attachment is None:
        yield from _to_staff(house, contact, number, f"sent {telling.in_short(event)}")
        return
    for revision in sorted(house.playbook.starting_on(Trigger.MESSAGE_RECEIVED), key=_most_particular):
        if (yield from flows.begin(house, revision, contact, number, "", None, by_customer=True)):
            return
    said = f"sent {telling.in_short(event)}" if wordless else "wrote"
    yield from _to_staff(house, contact, number, f"{said}, and no flow has an answer")


def _is_wordless(event: MessageReceived) -> bool:
    """A file without words, an order, a place, a form: a flow that asks hears that it got no words. Of these, what is no
    file is for a person to look at; who sends a mere picture or voice is greeted as who writes."""
    return not event.text.strip() or not (event.detail is None or isinstance(event.detail, ProductAsked))


def _see_to_order(house: House, contact: int, number: str) -> Step[None]:
    """Whoever wants to buy is seen by a person, whatever a flow that asked something else made of it."""
    conversation = yield from conversations.load(contact, number)
    if conversation.control is Control.BOT:
        yield from _to_staff(house, contact, number, "sent an order while a flow was asking")
        yield from flows.leave_to_staff(house, contact, "an order came in the chat")


def _referred(at: datetime, referral: Referral) -> Referred:
    return Referred(
        at, referral.click, referral.source_type, referral.source_id, referral.source_url, referral.headline, referral.body
    )


def _pressed_twice(contact: int, number: str, event: MessageReceived, press: ButtonPress | None, asking: Live | None) -> Step[bool]:
    """Whether a button was pressed again whose question is answered already."""
    if press is None or (asking is not None and (press.run, press.generation) == (asking.run.id, asking.run.generation)):
        return False
    return (yield from conversations.said_again(contact, number, event.text, event.at - PRESSED_TWICE))


def _most_particular(revision: Revision) -> tuple[bool, str]:
    """A message starts one flow: those that say when they want it (`if:`) come before those that take everything."""
    return revision.flow.start.if_ is None, revision.flow.id


def _to_staff(house: House, contact: int, number: str, reason: str) -> Step[None]:
    yield from conversations.give(contact, number, Control.WAITING, house.now, reason=reason)
    yield from contacts.audit(contact, house.now, "desk", f"waits for staff: {reason}")


def _preference(house: House, contact: int, number: str, event: PreferenceChanged) -> Step[None]:
    if not event.wants_marketing:
        yield from flows.opt_out(house, contact, number, "platform", "WhatsApp's own control", at=event.at, confirm=False)
        return
    agreement = Agreement("whatsapp", Consent.GRANTED, event.at, "platform", "WhatsApp's own control")
    if (yield from contacts.agree(contact, agreement, house.now)):
        yield from contacts.audit(contact, house.now, "consent", "allowed marketing messages again, on WhatsApp's own control")
        yield from flows.happen(house, contact, number, "", Trigger.OPTED_IN)


def _template(house: House, event: TemplateChanged) -> Step[None]:
    """Meta's category counts, not the file's: what is marketing there needs consent from now on."""
    news = Standing(event.status, event.category, event.quality)
    before = yield from templates.tell(event.name, event.language, news, house.now)
    yield from contacts.audit(None, house.now, "channel", event.about)
    if event.category == templates.MARKETING and before.category not in (None, templates.MARKETING):
        told = f"'{event.name}' in {event.language} is marketing now, says Meta: only who agreed to offers gets it"
        yield from contacts.audit(None, house.now, "channel", told)


def _status(house: House, event: StatusChanged) -> Step[str | None]:
    message = yield from outbox.find(event.key, event.id)
    if message is None:
        return "a status of a message that is not ours"
    if event.free_until is not None:
        yield from conversations.free(message.contact, message.number, event.free_until, house.now)
    yield from charging.counted(house, message, event)
    failed = event.status is DeliveryStatus.FAILED
    news = yield from outbox.climb(message, event.status, event.id, event.detail or "the platform gave no reason" if failed else None)
    if news:
        house.tally.arrived(event.status, event.code)
        if failed:
            yield from charges.take_back(message.id)
            yield from failures.told(house, message, event)
    if event.status in _ARRIVED:
        yield from crediting.arrived(house, message, event.at)
    return None
