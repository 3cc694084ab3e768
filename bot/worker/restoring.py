"""Makes a restored database safe to start: nothing that the lost days may have sent goes out again, no opt-out is forgotten, and who was
erased since is erased again.

What waited to be worked off when the copy was taken is worked off here, because later events build on it (an order, a STOP), but what it
would send is held with the rest. It works on any database, however it was restored (a copy, pg_restore, a disk's snapshot).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.policy.consent import Consent
from bot.store import erased, held, optout_log
from bot.store.database import Database
from bot.store.erasure_log import Erased, Erasures
from bot.store.held import Held
from bot.store.optout_log import Logged, OptOutLog
from bot.store.shelf import Shelf
from bot.store.step import Step, to_micros
from bot.worker import dispatcher, flows
from bot.worker.playbook import House, Playbook
from bot.worker.privacy import Privacy

MAX_BATCHES = 10_000  # a bound for events that make each other; a million waiting events are fewer
WHATSAPP = "whatsapp"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the opt-out log told: lines read, lines that cannot be read, and how many people it stopped whom the copy did not know to
    be stopped."""

    lines: int
    unreadable: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done to make a database safe. `erased`: how many people and shops were in it who had been erased."""

    held: Held
    worked_off: int
    replayed: Replayed
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a database: the opt-out log, the erasure log, files, and copies for people."""

    optouts: OptOutLog
    erasures: Erasures
    shelf: Shelf
    copies: Path


async def make_safe(store: Database, playbook: Playbook, number: str, now: datetime, beside: Beside) -> Restored:
    """Hold, replay, work off, erase. `number` is the phone number id flows write from. Raises StoreUnavailable."""
    house = House(playbook, secrets.token_hex(4), number, now, erasures=beside.erasures)
    await store.run(held.come_alive(house.instance))
    await store.run(held.hold(now))
    newest = await store.read(erased.newest_contact())
    replayed = await _replay(store, house, beside.optouts)
    asked_again = await store.run(_ask_again(beside.erasures, newest, now))
    worked_off = await _work_off(store, house, beside.optouts)
    work = Privacy(store, lambda: house, beside.erasures, beside.optouts, beside.shelf, beside.copies)
    while await work.work():
        pass
    return Restored(await store.read(held.count()), worked_off, replayed, asked_again)


def _ask_again(erasures: Erasures, newest: int, now: datetime) -> Step[int]:
    """What the erasure log tells that the copy knows nothing of is asked for again; how many people and shops that is about. `newest` is
    the last contact of the copy itself: whoever came after it was made of the opt-out log."""
    lines = yield from erased.lost(list(erasures.log.read()))
    owners = yield from erased.owners_of(erasures.marks, {mark for line in lines for mark in line.marks})
    found: set[int | str] = set()
    for line in lines:
        had = {owners[mark] for mark in line.marks if mark in owners}
        people = {contact for contact in had if contact in line.contacts or contact > newest}  # else the name changed hands
        found |= people if line.what is Erased.PERSON else {line.shop}
        key = erasures.marks.of_ask(f"{line.what}:{line.shop}:{to_micros(line.at)}:{','.join(line.marks)}")
        yield from erased.once_more(line, people, key, now)
    return len(found)


async def _replay(store: Database, house: House, log: OptOutLog) -> Replayed:
    """In the order it was said: the newest word counts."""
    lines = unreadable = 0
    stopped: set[int] = set()
    for logged in log.read():
        lines += 1
        if logged is None:
            unreadable += 1
        else:
            contact = await store.run(_say_again(house, logged))
            if contact is not None and logged.channel == WHATSAPP:
                (stopped.add if logged.state is Consent.WITHDRAWN else stopped.discard)(contact)
    return Replayed(lines, unreadable, len(stopped))


def _say_again(house: House, logged: Logged) -> Step[int | None]:
    contact = yield from optout_log.replay(logged, house.now)
    if contact is not None and logged.channel == WHATSAPP and logged.state is Consent.WITHDRAWN:
        yield from flows.stop_marketing(house, contact, f"stopped marketing messages ({logged.method}: {optout_log.SOURCE})")
    return contact


async def _work_off(store: Database, house: House, log: OptOutLog) -> int:
    worked = 0
    for _ in range(MAX_BATCHES):
        batch = await store.run(log.around(_held_batch(house)))
        worked += batch.entries
        if not batch.entries:
            break
    return worked


def _held_batch(house: House) -> Step[dispatcher.Worked]:
    """One batch of waiting events, and whatever it queued, held before the transaction ends."""
    batch = yield from dispatcher.work(house)
    yield from held.hold(house.now)
    return batch
