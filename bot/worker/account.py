"""What Meta says of our numbers and the account behind them: limits are kept for the pace, a ban stops what cannot be sent, and the owner
is told of everything."""

from datetime import datetime

from bot.channel.event import AccountChanged, Barred, NumberChanged
from bot.store import contacts, outbox, pace
from bot.store.outbox import Awaits
from bot.store.step import Step
from bot.worker.playbook import House

HIGH_THROUGHPUT = 1000  # messages a second (Cloud API: throughput, after the upgrade)
_QUALITY = {"FLAGGED": "RED", "UNFLAGGED": "GREEN"}  # Cloud API: quality became low; it is not low any more
_ALARM = "Meta restricts the account: see the WhatsApp Manager"


def number_told(house: House, event: NumberChanged) -> Step[None]:
    """News of one number, which is named by its digits alone."""
    number = yield from _number(house, event.phone)
    if number is not None:
        per_second = HIGH_THROUGHPUT if event.event == "THROUGHPUT_UPGRADE" else None
        quality = _QUALITY.get(event.event or "")
        yield from pace.number_told(number, house.now, phone=event.phone, per_second=per_second, quality=quality)
    if event.limit is not None:
        yield from pace.people_told(event.limit.people, house.now)
    yield from contacts.audit(None, house.now, "channel", event.about)


def _number(house: House, phone: str | None) -> Step[str | None]:
    """The id of the number that shows these digits; the only number we have, where nobody told its digits yet."""
    found = (yield from pace.number_by_phone(phone)) if phone else None
    if found is not None:
        return found
    known = {one.number for one in (yield from pace.standing(house.now)).numbers}
    return house.number if known <= {house.number} else None


def account_told(house: House, event: AccountChanged) -> Step[None]:
    """News of the account: its limit, what it may not do for a while, that it is banned or no longer is."""
    if event.limit is not None:
        yield from pace.people_told(event.limit.people, house.now)
    yield from contacts.audit(None, house.now, "alarm" if event.alarming else "channel", event.about)
    for number in (yield from _numbers(house)):
        yield from _bar(house, number, event)


def _bar(house: House, number: str, event: AccountChanged) -> Step[None]:
    if event.banned is False:
        yield from outbox.start_number(number)
        return
    if event.banned:
        yield from _stop(house, number, "Meta disabled the account: appeal in the WhatsApp Manager", None)
    for restriction in event.restrictions:
        over = restriction.until is not None and restriction.until <= house.now
        if restriction.barred is Barred.EVERYTHING and not over:
            yield from _stop(house, number, _ALARM, restriction.until)
        elif restriction.barred is Barred.STARTING and not over:
            until = f" until {restriction.until:%Y-%m-%d %H:%M} UTC" if restriction.until else ""
            yield from outbox.stop_marketing(number, f"{_ALARM}: only answers go out{until}")


def _stop(house: House, number: str, why: str, until: datetime | None) -> Step[None]:
    if (yield from outbox.stop_number(number, why, Awaits.OWNER, until)):
        yield from contacts.audit(None, house.now, "channel", f"number {number} stops sending: {why}")


def _numbers(house: House) -> Step[list[str]]:
    """Every number of ours."""
    known = {one.number for one in (yield from pace.standing(house.now)).numbers}
    return sorted({house.number, *known})
