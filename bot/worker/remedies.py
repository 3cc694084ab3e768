"""What else the house does about a failed delivery, besides the message's own fate."""

from datetime import timedelta
from random import uniform
from time import time_ns

from bot.channel import Remedy, SendError
from bot.flow.codec import decode_content
from bot.flow.run import TemplateMessage
from bot.store import contacts, country, outbox, pace, templates
from bot.store.outbox import Awaits, Sent
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

PERSON_PAUSE = timedelta(days=1)  # Cloud API: error 131049, do not retry within 24 h
NUMBER_PAUSE = timedelta(seconds=5)  # where the platform does not say how long
FAST_REST = timedelta(seconds=2)  # until what is on the wire is answered: then it is clear how many were too fast
PAIR_REST = timedelta(seconds=4)  # Cloud API: retry a pair after 4^x seconds (131056)
LONGEST_PAIR_REST = timedelta(minutes=20)
UNREACHABLE_AFTER = 3  # messages in a row: a phone that is off for a week, or an old app, is no reason to give a person up


def apply(house: House, message: Sent, error: SendError) -> Step[None]:
    """Carry the remedy of a message's failure out."""
    contact, number, now = message.contact, message.number, house.now
    match error.remedy:
        case Remedy.OPT_OUT:
            yield from flows.opt_out(house, contact, number, "platform", "the platform refused marketing to this person", confirm=False)
        case Remedy.PAUSE_PERSON:
            yield from contacts.pause(contact, now + max(error.retry_after or PERSON_PAUSE, PERSON_PAUSE))
        case Remedy.UNREACHABLE:
            if error.code is None or (yield from outbox.fails_always(contact, error.code, UNREACHABLE_AFTER)):
                yield from contacts.mark_unreachable(contact)
        case Remedy.PAUSE_NUMBER | Remedy.SLOW_DOWN | Remedy.PAUSE_PAIR:
            yield from _rest(house, message, error)
        case Remedy.STOP_MARKETING:
            yield from outbox.stop_marketing(number, for_the_owner(error))
        case Remedy.STOP_ALL:
            yield from _stop(house, number, error, Awaits.OWNER)
        case Remedy.RENEW_TOKEN:
            yield from _stop(house, number, error, Awaits.TOKEN)
        case Remedy.CLOSE_COUNTRY:
            yield from _close_country(house, message)
        case Remedy.HOLD_TEMPLATE | Remedy.DROP_TEMPLATE | Remedy.ASK_TEMPLATES:
            yield from _template(house, message, error)
        case Remedy.NONE | Remedy.USE_TEMPLATE | Remedy.USE_PHONE:
            pass


def for_the_owner(error: SendError) -> str:
    """What is, and what to do about it."""
    code = "" if error.code is None else f" (code {error.code})"
    return f"{error.detail}{code}{': ' if error.advice else ''}{error.advice}"


def _rest(house: House, message: Sent, error: SendError) -> Step[None]:
    number, now = message.number, house.now
    match error.remedy:
        case Remedy.SLOW_DOWN:
            rest = (error.retry_after or FAST_REST) * uniform(0.5, 1)  # noqa: S311 - no secret: processes must not go on in the same moment
            yield from pace.slow_down(number, time_ns() // 1_000, rest)
        case Remedy.PAUSE_PAIR:
            rest = min(PAIR_REST * 4 ** (message.attempts - 1), LONGEST_PAIR_REST)
            yield from pace.bar_pair(message.contact, number, now + rest)
        case _:
            yield from outbox.pause_number(number, now + (error.retry_after or NUMBER_PAUSE))


def _stop(house: House, number: str, error: SendError, awaits: Awaits) -> Step[None]:
    why = for_the_owner(error)
    if (yield from outbox.stop_number(number, why, awaits)):
        yield from contacts.audit(None, house.now, "channel", f"number {number} stops sending: {why}")


def _close_country(house: House, message: Sent) -> Step[None]:
    person = yield from contacts.load(message.contact)
    place = country.of(person.phone, person.bsuid)
    if place != country.NOWHERE:
        yield from outbox.close_country(message.number, place, house.now)
        yield from contacts.audit(None, house.now, "channel", f"number {message.number} may write to nobody in {place}, says WhatsApp")


def _template(house: House, message: Sent, error: SendError) -> Step[None]:
    content = decode_content(message.content)
    if not isinstance(content, TemplateMessage):
        return
    name, language = content.name, content.language
    match error.remedy:
        case Remedy.HOLD_TEMPLATE:
            before = yield from templates.pause(name, language, house.now)
            news, fate = before.status != templates.PAUSED, "is paused: what is queued of it waits until it is not"
        case Remedy.DROP_TEMPLATE:
            yield from templates.stop(name, language, for_the_owner(error), house.now)
            news, fate = True, f"goes to nobody any more: {for_the_owner(error)}"
        case _:
            yield from templates.ask(name, language, house.now)
            news, fate = False, ""
    if news:
        yield from contacts.audit(None, house.now, "channel", f"'{name}' in {language} {fate}")
