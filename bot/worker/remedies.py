"""What else the house does about a failed delivery, besides the message's own fate."""

from datetime import timedelta

from bot.channel import Remedy
from bot.store import contacts, outbox
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

PERSON_PAUSE = timedelta(days=1)  # Cloud API: error 131049, do not retry within 24 h
NUMBER_PAUSE = timedelta(seconds=5)  # where the platform does not say how long


def apply(house: House, contact: int, number: str, remedy: Remedy, why: str, retry_after: timedelta | None) -> Step[None]:
    """Carry a remedy out."""
    match remedy:
        case Remedy.OPT_OUT:
            yield from flows.opt_out(house, contact, number, "platform", "the platform refused marketing to this person", confirm=False)
        case Remedy.PAUSE_PERSON:
            yield from contacts.pause(contact, house.now + max(retry_after or PERSON_PAUSE, PERSON_PAUSE))
        case Remedy.PAUSE_NUMBER:
            yield from outbox.pause_number(number, house.now + (retry_after or NUMBER_PAUSE))
        case Remedy.STOP_MARKETING:
            yield from outbox.stop_marketing(number, why)
        case Remedy.STOP_ALL:
            yield from outbox.stop_number(number, why)
        case Remedy.UNREACHABLE:
            yield from contacts.mark_unreachable(contact)
        case Remedy.NONE:
            pass
