"""The dispatcher: works the inbox off, a batch of entries a transaction, each person's entries in the order they came.

    due timers become entries -> each entry: whose is it? -> read it -> the flows -> done

An entry that fails is undone alone and tried again; the person's later entries wait for it, everybody else's go on. After
`MAX_ATTEMPTS` it is dead: kept, shown, and out of the way.
"""

import json
import logging
import traceback
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from bot.channel.event import IdentityChanged
from bot.channel.whatsapp import reading
from bot.shop import reading as shop_reading
from bot.shop import snippet
from bot.shop.delivery import is_fetched
from bot.shop.event import PrivacyAsked, ShopUninstalled
from bot.store import contacts, erasing, inbox, runs
from bot.store.contacts import Resolved
from bot.store.inbox import Entry
from bot.store.model import STATUS, Identity, Source
from bot.store.step import Step, attempt, together
from bot.worker import customer, edits, privacy, shopping, staff, timers
from bot.worker.playbook import House
from bot.worker.privacy import Unheard

log = logging.getLogger(__name__)

BATCH = 100  # entries a transaction: most of the efficiency of more, and nobody waits longer than a tenth of a second for the commit
TIMERS = 50  # due timers that become entries at once: fewer than a batch, so that whoever writes meanwhile stands behind few of them
MAX_ATTEMPTS = 3
RETRY_AFTER = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30))

@dataclass(frozen=True, slots=True)
class Worked:
    """What a batch did: entries worked off (dead ones included), whether more wait that can be worked off now, and whether more wait
    of people whom others work on at this moment."""

    entries: int
    more: bool
    held_elsewhere: bool


def work(house: House) -> Step[Worked]:
    """One batch, one transaction."""
    fired = yield from inbox.fire_timers(house.now, TIMERS)
    claim = yield from inbox.claim(house.now, BATCH)
    held_back = yield from inbox.held_back(house.now)
    people: dict[int | None, list[Entry]] = {}
    for entry in claim.entries:  # what is about nobody (products) is worked off in its order, too
        people.setdefault(None if entry.person == -entry.id else entry.person, []).append(entry)
    worked = yield from together([partial(_work_through, house, entries, held_back) for entries in people.values()])
    more = fired == TIMERS or len(claim.entries) == BATCH
    return Worked(sum(worked), more, claim.held_elsewhere)


def _work_through(house: House, entries: Sequence[Entry], waiting: Set[int]) -> Step[int]:
    """Work entries off in their order; returns how many were. `waiting`: contacts one of whose entries is tried again later."""
    held_back, worked = set(waiting), 0
    for entry in entries:
        whose = yield from attempt(_whose(house, entry))
        if isinstance(whose, Exception):
            yield from _failed(house, entry, None, whose)
            continue
        if isinstance(whose, Unheard):
            yield from privacy.leave_unheard(entry, whose.why)
            worked += 1
            continue
        contact = whose.contact if whose else None
        if contact is not None and contact in held_back:
            yield from inbox.assign(entry.id, contact)  # not looked at again before the one it waits for
            continue
        result = yield from attempt(_work_off(house, entry, whose))
        if isinstance(result, Exception):
            yield from _failed(house, entry, contact, result)
            held_back |= {contact} if contact is not None else set()
        else:
            worked += 1
    return worked


def _whose(house: House, entry: Entry) -> Step[Resolved | Unheard | None]:
    """The contact an entry is about; made or merged from the names it carries."""
    names = yield from inbox.names(entry.id)
    if entry.source is Source.SHOP:
        return (yield from _whose_in_shop(house, entry, names))
    if names and entry.source is Source.WHATSAPP:
        whose = yield from _whose_number(house, entry, names)
        if whose is not None and whose.new:
            yield from privacy.known_again(house, whose.contact, (yield from privacy.left_of(house, whose.new)))
        return whose
    if entry.source is Source.VISITOR and (yield from privacy.has_left(house, entry.place)):
        return Unheard(privacy.WHY_LEFT)
    return (yield from _known_already(entry))


def _known_already(entry: Entry) -> Step[Resolved | None]:
    contact = (yield from contacts.by_id(entry.contact)) if entry.contact is not None else None
    return None if contact is None else Resolved(contact)


def _whose_in_shop(house: House, entry: Entry, names: Sequence[Identity]) -> Step[Resolved | Unheard | None]:
    if shop_reading.is_ask(entry.kind):
        return None
    heard = yield from privacy.hear(house, entry, names)
    if isinstance(heard, Unheard):
        return heard
    if not names:
        return (yield from _known_already(entry))
    whose = yield from contacts.resolve(names, house.now, proven=False)
    if whose is not None:
        yield from privacy.known_again(house, whose.contact, heard.left)
    return whose


def _whose_number(house: House, entry: Entry, names: Sequence[Identity]) -> Step[Resolved | None]:
    if entry.kind in reading.MOVES:
        with suppress(reading.Unreadable):
            event = reading.read(entry.kind, entry.body)
            if isinstance(event, IdentityChanged):
                others = [name for name in names if name not in event.before and name not in event.names]
                moved = yield from contacts.move(event.before, event.names, others, event.at, house.now)
                return None if moved is None else Resolved(moved)
    makes = entry.kind != STATUS  # how far a message got says nothing of anybody we do not know
    return (yield from contacts.resolve(names, house.now, proven=True, at=entry.occurred_at, makes=makes))


def _work_off(house: House, entry: Entry, whose: Resolved | None) -> Step[None]:
    try:
        event = _read(entry)
    except (reading.Unreadable, shop_reading.Unreadable) as fault:
        yield from inbox.bury(entry.id, str(fault))
        house.tally.buried(entry.source)
        return
    why = yield from _told(house, entry, whose, event)
    if whose is None and entry.kind == STATUS and why is not None:
        yield from erasing.forget_body(entry.id)  # of nobody we know: perhaps of somebody who was erased
    yield from inbox.done(entry.id, whose.contact if whose else None, why)
    house.tally.worked_off(entry.source)


def _read(entry: Entry) -> Any:
    """The typed event behind an entry's body. Raises a channel's or shop's Unreadable."""
    if entry.source is Source.WHATSAPP:
        return reading.read(entry.kind, entry.body)
    if entry.source is Source.SHOP:
        return shop_reading.read(entry.kind, entry.body)
    if entry.source is Source.VISITOR:
        return snippet.read(entry.kind, entry.body)
    return json.loads(entry.body)


def _told(house: House, entry: Entry, whose: Resolved | None, event: Any) -> Step[str | None]:
    contact = whose.contact if whose else None
    if entry.source is Source.WHATSAPP:
        return (yield from customer.told(house, entry, contact, event))
    if isinstance(event, PrivacyAsked | ShopUninstalled):
        return (yield from privacy.told(house, entry, event))
    if entry.source is Source.SHOP:
        return (yield from shopping.told(house, entry.place, whose, event, by_webhook=not is_fetched(entry.kind)))
    if entry.source is Source.VISITOR:
        return (yield from shopping.visited(house, entry.place, contact, event))
    if contact is None:
        return (yield from timers.of_nobody(house, entry.kind, event)) if entry.source is Source.CLOCK else "it names nobody"
    match entry.source:
        case Source.CLOCK:
            return (yield from timers.due(house, contact, entry.kind, event))
        case Source.DESK:
            return (yield from staff.did(house, entry.id, contact, entry.kind, entry.place, event))
        case _ if entry.kind in (runs.STOP, runs.MOVE):
            return (yield from edits.decided(house, entry.kind, event))
        case _:
            return (yield from timers.code_decided(house, int(event["discount"])))


def _failed(house: House, entry: Entry, contact: int | None, error: Exception) -> Step[None]:
    """Our own fault: logged with the entry's id, tried again, and after the last try kept as dead."""
    about = {"event": entry.id, "contact": contact}
    log.error("inbox entry %d of contact %s failed (try %d)", entry.id, contact, entry.attempts + 1, exc_info=error, extra=about)
    why = _where(error)
    if entry.attempts + 1 >= MAX_ATTEMPTS:
        yield from inbox.bury(entry.id, why)
        house.tally.buried(entry.source)
        yield from contacts.audit(contact, house.now, "house", f"an event could not be worked off: {why}")
    else:
        yield from inbox.retry(entry.id, contact, house.now + RETRY_AFTER[entry.attempts], why)


def _where(error: Exception) -> str:
    """What failed and where, without the error's own words: they can hold what a customer wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {frames[-1].name}" if frames else type(error).__name__
