"""Who stays away: no order for so many of the times that usually lie between two orders of theirs. Flows with `when: customer_lapsed`.

How long is usual is guessed as for reorders (`policy.reorder`): from the person's own gaps, drawn towards everybody's; of who ordered once,
from everybody's alone; where nobody can say, nobody has lapsed. An owner may say a length instead (`for: 90 days`). Each order moves the
date; a night finds those whose date only others tell, or who ordered before the flow was there. A date that is long past is not caught up
on: an import of old orders, or a new flow, writes to nobody who left last year. Somebody is asked once, until they order again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.flow.model import USUAL_GAPS, Start, Trigger
from bot.flow.revision import Revision
from bot.flow.run import Subject, SubjectKind
from bot.policy.reorder import Evidence, GapCount, expected, gaps_of
from bot.store import contacts, inbox, mirror, purchases, readings, runs
from bot.store.database import Database
from bot.store.purchases import Awaited, Customer
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

LAPSE_TIMER = "lapse:"  # and the flow's id
ANY_SHOP = ""  # a person orders here or there: all their orders count
EVERY_ORDER = ""  # the product under which is kept what all people did with orders of any kind
MISSED = timedelta(days=2)  # a date so long ago (an import, down-time, a new flow) is not caught up on
AHEAD = timedelta(days=2)  # how far a night looks ahead: more often than it is looked, so that no day falls between
WORTH_FOR = timedelta(hours=20)  # a night's findings; a look at the same hour of the next day finds them too old
AT_ONCE = 50  # people: some 10 ms of the one writer


def is_timer(kind: str) -> bool:
    """Whether a timer of this kind is for somebody who stays away."""
    return kind.startswith(LAPSE_TIMER)


def follow(house: House, contact: int) -> Step[None]:
    """An order of somebody was told of: they are missed from another day on."""
    for revision in house.playbook.starting_on(Trigger.CUSTOMER_LAPSED):
        yield from _miss(house, contact, revision)


def _miss(house: House, contact: int, revision: Revision) -> Step[None]:
    """Set the date from which on they are missed, from all that is known now."""
    what = f"{LAPSE_TIMER}{revision.flow.id}"
    known = yield from purchases.awaited(contact, ANY_SHOP, what)
    last = yield from mirror.last_order(contact)
    lapses = (yield from _lapses(contact, last, revision.flow.start)) if last else None
    if last is None or lapses is None or lapses < house.now - MISSED:
        if known is not None and (last is None or known.order != last.id):
            yield from purchases.forget_awaited(contact, ANY_SHOP, what)
        return
    same = known is not None and known.order == last.id
    asked = known.asked if known is not None and same else 0
    if known is not None and same and (asked or known.due == lapses):
        return
    was_missed = lapses <= house.now and (yield from _began_since(contact, revision.flow.id, last.facts.placed_at))
    generation = purchases.generation_of(lapses)
    one = Awaited(what, last.id, last.facts.placed_at, lapses, generation, int(was_missed))
    yield from purchases.save_awaited(contact, ANY_SHOP, one)
    if not was_missed:
        yield from inbox.set_timer(lapses, contact, what, last.id, generation)


def _began_since(contact: int, flow: str, since: datetime) -> Step[bool]:
    """Whether a flow began for somebody since then: an order that came after it, and was called off, makes nothing of that undone."""
    began = yield from runs.last_start(contact, flow)
    return began is not None and began >= since


def lapse_of(start: Start, days: Sequence[int], last_at: datetime, others: Evidence | None) -> datetime | None:
    """When somebody who ordered on these days, the last time at `last_at`, has stayed away for as long as a flow wants; None where nobody
    can say."""
    if start.for_ is not None:
        return last_at + start.for_
    usual = expected(gaps_of(days), others)
    return None if usual is None else last_at + timedelta(days=usual.days * (start.after or USUAL_GAPS))


def _lapses(contact: int, last: mirror.Order, start: Start) -> Step[datetime | None]:
    days = yield from purchases.order_days(contact)
    others = None if start.for_ else (yield from purchases.evidence(ANY_SHOP, EVERY_ORDER))
    return lapse_of(start, days, last.facts.placed_at, others)


def rings(house: House, contact: int, kind: str, order_id: int, generation: int, wait_until: datetime | None) -> Step[str | None]:
    """A date has come: whoever has not ordered since is missed. `wait_until`: it is not its turn before."""
    revision = house.playbook.library.flows.get(kind.removeprefix(LAPSE_TIMER))
    if revision is None or revision.flow.start.when is not Trigger.CUSTOMER_LAPSED:
        return f"there is no flow '{kind.removeprefix(LAPSE_TIMER)}' for who stays away any more"
    last, known = (yield from mirror.last_order(contact)), (yield from purchases.awaited(contact, ANY_SHOP, kind))
    if last is None or last.id != order_id:
        yield from _miss(house, contact, revision)
        return "they ordered since, or the order was cancelled"
    if known is None or known.asked or (known.order, known.generation) != (order_id, generation):
        return "they are missed from another day on"
    lapses = yield from _lapses(contact, last, revision.flow.start)
    if lapses is None or lapses > house.now:
        yield from _miss(house, contact, revision)
        return "they usually take longer than was thought"
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, kind, order_id, generation)
        return "it is not its turn: looked at again later"
    yield from purchases.save_awaited(contact, ANY_SHOP, replace(known, asked=1))
    yield from flows.happen(house, contact, house.number, last.shop, Trigger.CUSTOMER_LAPSED, begins=False)
    yield from flows.begin(house, revision, contact, house.number, last.shop, Subject(SubjectKind.ORDER, last.id))
    return None


# ---- everybody, nightly


class Absence:
    """Finds out how long lies between two orders of anybody, and misses those whose date that moves. Everybody is read twice, a page at a
    time; in memory are the people of whom something is to be done."""

    def __init__(self, store: Database, house: Callable[[], House]) -> None:
        self._store = store
        self._house = house

    async def keep_fresh(self) -> None:
        """Look again, if the last time was a night ago and no shop's history is half read."""
        house = self._house()
        if not house.playbook.starting_on(Trigger.CUSTOMER_LAPSED) or await self._store.read(readings.is_half_read()):
            return
        last = await self._store.read(purchases.evidence_at(ANY_SHOP, EVERY_ORDER))
        if last is None or last > house.now or house.now - last >= WORTH_FOR:
            await self.work_out()

    async def work_out(self) -> int:
        """Look now; returns how many people are missed within the next days."""
        house, counted = self._house(), GapCount()
        async for one in self._everybody():
            counted.add(gaps_of(one.days))
        found = counted.evidence
        await self._store.run(purchases.save_evidence(ANY_SHOP, {EVERY_ORDER: (counted.buyers, found)}, house.now))
        starts = [revision.flow.start for revision in house.playbook.starting_on(Trigger.CUSTOMER_LAPSED)]
        soon = [one.contact async for one in self._everybody() if any(_is_soon(one, start, found, house.now) for start in starts)]
        for first in range(0, len(soon), AT_ONCE):
            await self._store.run(_miss_all(self._house(), soon[first : first + AT_ONCE]))
        return len(soon)

    async def _everybody(self) -> AsyncIterator[Customer]:
        held: Customer | None = None
        place = purchases.NOBODY_YET
        while page := await self._store.read(purchases.customers(place)):
            for one in page.people:
                if held is not None and held.contact == one.contact:
                    held = held.joined(one)
                    continue
                if held is not None:
                    yield held
                held = one
            place = page.place
        if held is not None:
            yield held


def _is_soon(one: Customer, start: Start, others: Evidence | None, now: datetime) -> bool:
    lapses = lapse_of(start, one.days, one.last_at, others)
    return lapses is not None and now - MISSED <= lapses < now + AHEAD


def _miss_all(house: House, people: Sequence[int]) -> Step[None]:
    for contact in people:  # in the order of their ids, as everybody does who holds several
        yield from contacts.hold(contact)
        yield from follow(house, contact)
