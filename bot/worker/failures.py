"""What becomes of a message that did not arrive: it is tried again, says something else, or is given up and its run ends.

A failure is heard of at once, as the answer to a request, or later, as a `failed` status of a message that was taken. What the
platform's code means is not decided here (`bot/channel/whatsapp/errors.py`).
"""

from datetime import timedelta
from random import uniform

from bot.channel import Failure, Remedy, SendError
from bot.channel.event import StatusChanged
from bot.channel.whatsapp.errors import for_code
from bot.flow.codec import decode_content
from bot.flow.run import Text
from bot.store import contacts, outbox, pace
from bot.store.outbox import Claimed, Sent
from bot.store.step import Step
from bot.worker import flows, remedies
from bot.worker.playbook import House

FIRST_RETRY = timedelta(seconds=4)  # Cloud API: retry a pair after 4^x seconds (131056)
LONGEST_RETRY = timedelta(minutes=5)  # after an hour without network the first answer is late by at most this
SPREAD = 0.25  # what failed together is not tried again in the same moment, but within so much of its wait
ANSWER_PATIENCE = timedelta(hours=1)  # an answer that would come later is none: staff give it


def answered(house: House, claimed: Claimed, error: SendError) -> Step[None]:
    """A request did not surely succeed."""
    yield from contacts.hold(claimed.contact)
    why = _why(error)
    message = yield from outbox.find(claimed.key, "")
    if message is not None and message.attempts != claimed.attempts:
        return  # this end was kept before, only nobody heard so, and by now the message is being tried again: that try has its own end
    if error.failure is Failure.UNKNOWN or message is None:
        yield from outbox.unknown(claimed.id, why)
        yield from contacts.audit(claimed.contact, house.now, "message", f"nobody knows whether a message was sent: {why}")
    elif not (yield from _tried_again(house, message, error)):
        yield from outbox.refused(message.id, why, code=error.code, counts=_counts(error))
        yield from pace.not_reached(message.contact, message.id, house.now)
        yield from contacts.audit(message.contact, house.now, "message", f"a message was refused: {why}")
        yield from _end_run(house, message, why)
    if message is not None:
        yield from remedies.apply(house, message, error)


def told(house: House, message: Sent, event: StatusChanged) -> Step[None]:
    """A message that was taken has failed, as is known since this status: it did surely not arrive."""
    error = _of_status(event)
    why = _why(error)
    yield from contacts.audit(message.contact, house.now, message.flow or "channel", f"a message failed: {why}")
    if not (yield from _tried_again(house, message, error)):
        yield from outbox.failed_with(message.id, error.code, counts=_counts(error))
        yield from _end_run(house, message, why)
    yield from remedies.apply(house, message, error)


def _of_status(event: StatusChanged) -> SendError:
    if event.code is None:
        return SendError(Failure.REFUSED, event.detail or "the platform gave no reason")
    verdict = for_code(event.code)
    return SendError(
        verdict.late,
        event.detail or verdict.sentence,
        code=event.code,
        retry_after=verdict.retry_after,
        remedy=verdict.remedy,
        tries=verdict.tries,
        advice=verdict.advice,
    )


def _why(error: SendError) -> str:
    return error.detail if error.code is None else f"{error.detail} (code {error.code})"


def _counts(error: SendError) -> bool:
    """Whether the person got too much already: then this one counts in our own limits as if it had arrived."""
    return error.remedy is Remedy.PAUSE_PERSON


def _tried_again(house: House, message: Sent, error: SendError) -> Step[bool]:
    """Put a message back into the queue, where another try may help."""
    if error.remedy is Remedy.USE_TEMPLATE:
        return (yield from _as_template(house, message, error))
    if error.remedy is Remedy.USE_PHONE:
        return (yield from _to_the_phone(house, message, error))
    worn_out = error.tries is not None and message.attempts >= error.tries
    too_late = message.reply and (error.retry_after or timedelta()) > ANSWER_PATIENCE
    if error.failure is not Failure.RETRY or worn_out or too_late:
        return False
    until = house.now + _wait(message.attempts, error.retry_after)
    yield from outbox.again(message.id, until, _why(error), code=error.code, counts=_counts(error))
    return True


def _as_template(house: House, message: Sent, error: SendError) -> Step[bool]:
    """The reply window is closed, whatever we thought: the flow's template goes instead, if it has one."""
    content = decode_content(message.content)
    if not isinstance(content, Text) or content.otherwise is None:
        return False
    yield from outbox.again(message.id, house.now, _why(error), code=error.code)
    yield from outbox.use_instead(message.id, content.otherwise, marketing=message.marketing)
    told = f"the template goes instead: {_why(error)}"
    yield from contacts.audit(message.contact, house.now, message.flow or "message", told)
    return True


def _to_the_phone(house: House, message: Sent, error: SendError) -> Step[bool]:
    """Whoever was written to by a user id may have told their number since."""
    person = yield from contacts.load(message.contact)
    if person.phone is None or message.attempts > 1:
        return False
    yield from outbox.again(message.id, house.now, _why(error), code=error.code)
    return True


def _end_run(house: House, message: Sent, why: str) -> Step[None]:
    if message.run is not None:
        yield from flows.end_unsent(house, message.run, why, owed=message.reply)


def _wait(attempts: int, at_least: timedelta | None) -> timedelta:
    """Longer from try to try, never less than asked for."""
    grown = FIRST_RETRY
    for _ in range(attempts - 1):
        grown = min(grown * 4, LONGEST_RETRY)
    return max(grown, at_least or timedelta()) * uniform(1, 1 + SPREAD)  # noqa: S311 - no secret
