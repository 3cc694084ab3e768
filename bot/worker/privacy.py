"""What the law lets people ask, done to the end: copies, erasures, shops that left, and a receipt of each.

    ask told -> kept, whoever is to be erased is sent nothing more (one transaction) -> rows go, a few at a time -> the names go, with a
    line in the erasure log -> what else holds them goes: old deliveries, the opt-out log, files -> done: the receipt names nobody

Whoever ends in the middle leaves the ask open, and the next process goes on with it.
"""

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.shop import delivery
from bot.shop.event import PrivacyAsk, PrivacyAsked, ShopUninstalled
from bot.store import contacts, country, erased, erasing, inbox, personal, privacy, readings, runs
from bot.store.database import Database, StoreUnavailable
from bot.store.erased import Marked
from bot.store.erasing import Eraser, StillBusy
from bot.store.erasure_log import Erased, Erasures, Line
from bot.store.inbox import Entry
from bot.store.model import LEADS, Identity, IdentityKind
from bot.store.optout_log import OptOutLog
from bot.store.privacy import About, Ask, Overtaken, Person, What
from bot.store.shelf import Shelf
from bot.store.step import Step, sql, to_micros
from bot.worker import flows, person_copy
from bot.worker.playbook import House

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 500  # of each table in a transaction: nobody else waits long for the commit
PAGE = 1_000  # old deliveries read at once; each may be large
PEOPLE_AT_ONCE = 100  # of a shop, until what else holds them is looked for
BUSY_RETRY = timedelta(seconds=1)
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
SHORTEST_NUMBER = 9  # digits by which a number without its country's is one person's, whatever stands before them
SHORTEST_ALONE = 6  # digits of one that stands alone: shorter ones are prices and years
WHY_LEFT = "the shop took the app out"
WHY_NO_COPY = "nobody here goes by these names: there is nothing to hand over"

_ASKS = {PrivacyAsk.DATA: What.DATA, PrivacyAsk.ERASE_SHOPPER: What.ERASE_SHOPPER, PrivacyAsk.ERASE_SHOP: What.ERASE_SHOP}


# ---- what shops tell, in the transaction of its event


@dataclass(frozen=True, slots=True)
class Unheard:
    """What came is not taken in, and nothing of it is kept; `why` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Heard:
    """It is taken in. `left` is what is left of somebody who went by one of its names and was erased."""

    left: Marked | None = None


def hear(house: House, entry: Entry, names: Sequence[Identity]) -> Step[Heard | Unheard]:
    """Whether what a shop told may be taken in: not of a shop that left, nor old words of people who were erased. A shop that left is back
    when its owner says so, and not because something is heard of it: deliveries come late, and webhooks outlive an app."""
    if house.erasures is None:
        return Heard()
    if (yield from privacy.closed_since(entry.place)) is not None:
        return Unheard(WHY_LEFT)
    left = yield from erased.marked(house.erasures.marks_of(names))
    if left is not None and entry.occurred_at <= left.at:
        return Unheard("it is an old word of somebody who was erased since")
    return Heard(left)


def has_left(house: House, shop: str) -> Step[bool]:
    """Whether a shop took us out."""
    return house.erasures is not None and (yield from privacy.closed_since(shop)) is not None


def leave_unheard(entry: Entry, why: str) -> Step[None]:
    """Nothing of it is kept but that it came."""
    yield from erasing.forget_body(entry.id)
    yield from inbox.done(entry.id, None, why)


def known_again(house: House, contact: int, left: Marked | None) -> Step[None]:
    """Somebody is known again who was erased: a stop they had said holds."""
    if left is not None and left.stops and (yield from erased.stay_stopped(contact, left, house.now)):
        yield from flows.stop_marketing(house, contact, "said stop before they were erased, and it still holds")


def left_of(house: House, names: Sequence[Identity]) -> Step[Marked | None]:
    """What is left of somebody who went by one of these names and was erased."""
    if house.erasures is None or not names:
        return None
    return (yield from erased.marked(house.erasures.marks_of(names)))


def told(house: House, entry: Entry, event: PrivacyAsked | ShopUninstalled) -> Step[str | None]:
    """Keep an ask. Whoever is to be erased, or the shop that left, is sent nothing, or sends nothing, from this transaction on. The row
    itself names them no more; the ask does until it is done."""
    if house.erasures is None:
        return "nobody is erased in a rehearsal"
    shop = entry.place
    if isinstance(event, ShopUninstalled):
        since = min(event.at, house.now)
        yield from _leave(house.erasures, shop, since, house.now)
        yield from _ask(house, entry, What.UNINSTALLED, str(to_micros(since)), event.at, About(entry.id))
        return None
    if event.ask is PrivacyAsk.ERASE_SHOP:
        yield from _leave(house.erasures, shop, min(event.at, house.now), house.now)
        yield from _ask(house, entry, What.ERASE_SHOP, event.ask_id or "", event.at, About(entry.id))
        return None
    names = tuple(delivery.names(event, shop))
    key = event.ask_id or house.erasures.marks.of_ask(_chief(names, event.orders))
    ask_id = yield from _ask(house, entry, _ASKS[event.ask], key, event.at, About(entry.id, names, event.orders))
    for contact in (yield from _meant(shop, names, event.orders)):
        yield from contacts.hold(contact)
        erases = (yield from privacy.extent(contact, shop)) if event.ask is PrivacyAsk.ERASE_SHOPPER else None
        yield from privacy.add_person(ask_id, contact, erases)
    yield from erasing.forget_body(entry.id)
    return None


def _ask(house: House, entry: Entry, what: What, key: str, at: datetime, about: About) -> Step[int]:
    return (yield from privacy.ask(what, entry.place, key, entry.kind, about, house.now, at=at, delivery=entry.id))


def _chief(names: Sequence[Identity], orders: Sequence[str]) -> str:
    """What an ask without a key of its own is known by when it is repeated."""
    by_kind = {name.kind: name.value for name in names}
    kinds = (IdentityKind.CUSTOMER, IdentityKind.EMAIL, IdentityKind.PHONE)
    return next((f"{kind}:{by_kind[kind]}" for kind in kinds if kind in by_kind), ",".join(orders))


def _meant(shop: str, names: Sequence[Identity], orders: Sequence[str]) -> Step[list[int]]:
    """Everybody an ask is about: who goes by one of its names, and who is known by its orders alone."""
    found = set((yield from privacy.owners(names)))
    for key in orders:
        contact = yield from privacy.whose_order(shop, key)
        if contact is not None and (yield from privacy.only_by_orders(contact, shop, orders)):
            found.add(contact)
    return sorted(found)


def _leave(erasures: Erasures, shop: str, since: datetime, now: datetime) -> Step[None]:
    if (yield from privacy.closed_since(shop)) is None:
        erasures.append(Line(now, Erased.SHOP_LEFT, shop))
    yield from privacy.close_shop(shop, since)


# ---- the work


class _Stopped(Exception):
    """This process ends."""


class Privacy:
    """Carries asks out. `copies` is the folder for copies; `overflows` says whether deliveries wait beside the database."""

    def __init__(
        self,
        store: Database,
        house: Callable[[], House],
        erasures: Erasures,
        optouts: OptOutLog,
        shelf: Shelf,
        copies: Path,
        overflows: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._house, self._erasures, self._optouts = store, house, erasures, optouts
        self._shelf, self._copies, self._overflows = shelf, copies, overflows
        self._begun = self._stopped = False

    async def work(self) -> bool:
        """Go on with one ask; returns whether there may be another to go on with now."""
        if self._stopped:
            return False
        if not self._begun:
            await self._store.run(privacy.let_go(self._now))
            self._begun = True
        ask = await self._store.run(privacy.claim(self._now))
        if ask is None or ask.about is None:
            return False
        try:
            await self._carry_out(ask, ask.about)
        except StoreUnavailable as trouble:
            with suppress(StoreUnavailable):  # the database, or a log beside it: then the owner is told
                await self._store.run(privacy.later(ask.id, self._now + BUSY_RETRY, str(trouble), failed=False))
            raise
        except Overtaken:
            log.info("privacy ask %d was done by another process meanwhile", ask.id)
        except _Stopped:
            return False
        except StillBusy as trouble:
            await self._store.run(privacy.later(ask.id, self._now + BUSY_RETRY, str(trouble), failed=False))
        except Exception as error:
            log.exception("privacy ask %d could not be carried out", ask.id)
            pause = min(FIRST_RETRY * 2 ** min(ask.attempts, 12), LONGEST_RETRY)
            why = f"it failed here ({type(error).__name__}): see the log; it is tried again"
            await self._store.run(privacy.later(ask.id, self._now + pause, why, failed=True))
        return True

    def stop(self) -> None:
        """Leave what is under way, after the transaction that is, to the next process: it may take minutes."""
        self._stopped = True

    def _check_going(self) -> None:
        if self._stopped:
            raise _Stopped

    @property
    def _now(self) -> datetime:
        return self._house().now

    async def _carry_out(self, ask: Ask, about: About) -> None:
        match ask.what:
            case What.DATA:
                await self._copy(ask, about)
            case What.ERASE_SHOPPER:
                await self._erase_shopper(ask, about)
            case What.ERASE_SHOP:
                await self._erase_shop(ask, about)
            case What.UNINSTALLED:
                await self._quieten(ask)
        log.info("privacy ask %d (%s) is done", ask.id, ask.what)

    # ---- a copy

    async def _copy(self, ask: Ask, about: About) -> None:
        people = await self._store.run(privacy.people(ask.id))
        name, counts = f"data-{ask.id}.zip", dict[str, int]()
        if people:
            copies = [await self._store.read(person_copy.of(person.contact)) for person in people]
            counts = await asyncio.to_thread(person_copy.write, self._copies / name, copies, self._shelf, self._now)
        else:
            await asyncio.to_thread(person_copy.discard, self._copies / name)  # one of before they were erased

        def finish() -> Step[None]:
            yield from self._check_all_done(ask, about, people)
            yield from privacy.count(ask.id, counts, len(people))
            yield from privacy.done(ask.id, self._now, file=name if people else None, why=None if people else WHY_NO_COPY)

        await self._store.run(finish())

    # ---- a person

    async def _erase_shopper(self, ask: Ask, about: About) -> None:
        self._check_overflow()
        said = await self._said_together()
        for person in await self._store.run(privacy.people(ask.id)):
            await self._erase(ask, about, person, said)
        for key in about.orders:
            await self._store.run(erasing.erase_order(ask.id, ask.shop, key))
        held = await self._remembered(ask)
        await self._tidy(held)
        await self._forget_deliveries(ask, _Needles.of(held.names))

        def finish() -> Step[None]:
            yield from self._check_all_done(ask, held)
            yield from self._mark_named(ask, about)
            yield from erasing.forget_bought(_shops(ask, held), held.names)
            yield from readings.forget([(name.scope, name.value) for name in held.names if name.scope])
            yield from readings.forget([(ask.shop, key) for key in about.orders])
            yield from privacy.done(ask.id, self._now)

        await self._store.run(finish())

    def _check_all_done(self, ask: Ask, known: About, people: Sequence[Person] = ()) -> Step[None]:
        """An ask is about nobody but these `people`, and about no more than was known: else it is not to be told as done. Until the end of
        the transaction nobody adds to it. Raises StillBusy, Overtaken."""
        yield from privacy.go_on(ask.id, self._now)
        for person in people:
            yield from contacts.hold(person.contact)  # who is just being erased is not handed over
        now = yield from privacy.load(ask.id)
        if now is None or now.about != known or (yield from privacy.people(ask.id)) != list(people):
            raise StillBusy("more came to it meanwhile, which is done, too")

    def _mark_named(self, ask: Ask, about: About) -> Step[None]:
        """Names that were asked for are marked though they led to nobody. The log has every mark that the database has: it is known by
        them as its own."""
        marks = self._erasures.marks.of_all(about.names)
        new: set[str] = set()
        for mark in marks:
            if (yield from erased.marked([mark])) is None:
                new.add(mark)
        if new:
            self._erasures.append(Line(self._now, Erased.NAMES, ask.shop, tuple(sorted(new))))
        yield from erased.mark_bare(marks, self._now)

    async def _erase(self, ask: Ask, about: About, person: Person, said: "_Said") -> None:
        """All rows of a person, then the person."""
        if person.erases is None:
            return
        together = said.of(await self._store.read(erasing.names(person.contact)))
        while not await self._store.run(self._erase_some(ask, about, person, together)):
            self._check_going()

    def _erase_some(self, ask: Ask, about: About, person: Person, together: Collection[frozenset[Identity]]) -> Step[bool]:
        """Some rows of a person; whether that is all of them."""
        yield from privacy.go_on(ask.id, self._now)
        yield from contacts.hold(person.contact)
        if (yield from contacts.by_id(person.contact)) != person.contact:  # another was faster, or they are one with somebody by now
            yield sql("privacy.drop_person", contact=person.contact, ask=ask.id)
            return True
        eraser = Eraser(self._erasures, self._now, ROWS_AT_ONCE)
        return (yield from erasing.erase(eraser, ask.id, person, about.before, together)).over

    def _check_overflow(self) -> None:
        if self._overflows():
            raise StillBusy("deliveries that came before are not in the database yet")

    async def _remembered(self, ask: Ask) -> About:
        known = await self._store.run(privacy.load(ask.id))
        return known.about if known and known.about else About(0)

    async def _said_together(self) -> "_Said":
        return await asyncio.to_thread(_Said.read, self._optouts)

    async def _tidy(self, held: About) -> None:
        """What holds them outside the database: the opt-out log, files, copies that were written for them."""
        await self._forget_said({name for name in held.names if name.kind not in LEADS})
        for name in held.copies:
            await asyncio.to_thread((self._copies / name).unlink, missing_ok=True)
        if not held.files:
            return
        await asyncio.to_thread(self._shelf.check)
        looked_at = datetime.now(UTC)  # the disk's own clock: whoever puts a file there after this shows it anew
        shown = await self._store.read(erasing.shown())
        for sha256 in held.files:
            if sha256 not in shown and await self._store.run(erasing.drop_file(sha256)):
                await asyncio.to_thread(self._shelf.remove, sha256, looked_at)

    async def _forget_said(self, names: set[Identity]) -> None:
        """Who has one of these names now, or another that stood with it in the log, loses nothing of what they said."""
        if not names:
            return
        logged = await asyncio.to_thread(self._optouts.about, names)
        living = await self._store.read(erasing.living({name for one in logged for name in one.names}))
        await asyncio.to_thread(self._optouts.forget, names - living, living)

    async def _forget_deliveries(self, ask: Ask, needles: "_Needles", shop: str = "") -> None:
        """Old deliveries of people who were erased, and of anybody that names them; timers of theirs."""
        before, after = await self._store.read(privacy.next_entry()), 0
        while page := await self._store.read(erasing.bodies(after, before, PAGE)):
            self._check_going()
            found = [
                one.id
                for one in page
                if one.linked
                or (shop and one.place == shop)
                or (not one.waiting and one.body != personal.EMPTY_BODY and needles.in_body(one.body, one.place))
            ]
            await self._store.run(_empty(ask.id, found, self._now))
            after = page[-1].id
        timers = await self._store.read(erasing.dead_timers())
        for start in range(0, len(timers), ROWS_AT_ONCE):
            await self._store.run(_drop_timers(ask.id, timers[start : start + ROWS_AT_ONCE], self._now))

    # ---- a shop

    async def _erase_shop(self, ask: Ask, about: About) -> None:
        self._check_overflow()
        await self._silence(ask)
        await self._tidy_some(ask)  # whoever was before us may have ended before it
        everybody = await self._store.read(_everybody_of(ask))
        busy: StillBusy | None = None
        for start in range(0, len(everybody), PEOPLE_AT_ONCE):
            some = everybody[start : start + PEOPLE_AT_ONCE]
            said = await self._said_together()
            for contact in some:
                try:
                    await self._erase_of_shop(ask, about, contact, said)
                except StillBusy as trouble:
                    busy = trouble
            await self._tidy_some(ask)
            log.info("erasing shop %s: %d of %d people", ask.shop, start + len(some), len(everybody))
        if busy is not None:
            raise busy
        while (await self._store.run(_erase_rows_of_shop(ask.id, ask.shop, self._now))).more:
            pass
        await self._forget_deliveries(ask, _Needles(), ask.shop)

        def finish() -> Step[None]:
            yield from self._check_all_done(ask, about.without(about))
            self._erasures.append(Line(self._now, Erased.SHOP, ask.shop))
            yield from privacy.done(ask.id, self._now)

        await self._store.run(finish())

    async def _erase_of_shop(self, ask: Ask, about: About, contact: int, said: "_Said") -> None:
        def begin() -> Step[Person | None]:
            yield from privacy.go_on(ask.id, self._now)
            live = yield from contacts.by_id(contact)
            if live is None:  # another process was faster
                return None
            person = Person(live, (yield from privacy.extent(live, ask.shop)))
            yield from privacy.add_person(ask.id, live, person.erases)
            return person

        if (person := await self._store.run(begin())) is not None:
            await self._erase(ask, about, person, said)

    async def _tidy_some(self, ask: Ask) -> None:
        held = await self._remembered(ask)
        if held.names or held.files or held.copies:
            await self._tidy(held)

            def forget() -> Step[None]:
                yield from erasing.forget_bought(_shops(ask, held), held.names)
                yield from privacy.forget_about(ask.id, held)

            await self._store.run(forget())

    async def _quieten(self, ask: Ask) -> None:
        await self._silence(ask)
        await self._store.run(privacy.done(ask.id, self._now))

    async def _silence(self, ask: Ask) -> None:
        """Nothing that was begun in a shop's name goes on, unless it is back by now."""
        while await self._store.run(self._silence_some(ask)):
            self._check_going()

    def _silence_some(self, ask: Ask) -> Step[bool]:
        """Some of it; whether there is more."""
        shop, house = ask.shop, self._house()
        yield from privacy.go_on(ask.id, house.now)
        if (yield from privacy.closed_since(shop)) is None:
            return False
        some = {"shop": shop, "limit": ROWS_AT_ONCE, "why": WHY_LEFT}
        counts = {"outbox": len((yield sql("privacy.cancel_of_shop", **some)))}
        live = yield sql("privacy.live_runs_of_shop", shop=shop, limit=ROWS_AT_ONCE)
        for row in live:
            if (run := (yield from runs.load(row["id"]))) is not None:
                yield from flows.end(house, run, WHY_LEFT, f"ended: {WHY_LEFT}")
        counts |= {"run": len(live), "discount": len((yield sql("privacy.wanted_of_shop", **some)))}
        counts |= {"checkout": len((yield sql("privacy.carts_of_shop", shop=shop, limit=ROWS_AT_ONCE)))}
        counts |= {"awaited_purchase": len((yield sql("privacy.awaited_of_shop", shop=shop, limit=ROWS_AT_ONCE)))}
        yield from privacy.count(ask.id, {table: rows for table, rows in counts.items() if rows})
        return any(counts.values())


def _everybody_of(ask: Ask) -> Step[list[int]]:
    """Whom a shop told of, and whoever was begun to be erased: what leads to the shop may be gone of them."""
    begun = yield from privacy.people(ask.id)
    return sorted({*(yield from privacy.of_shop(ask.shop)), *(person.contact for person in begun)})


def _empty(ask_id: int, entries: Sequence[int], now: datetime) -> Step[None]:
    yield from privacy.go_on(ask_id, now)
    yield from erasing.empty_entries(entries)
    yield from privacy.count(ask_id, {"inbox": len(entries)} if entries else {})


def _drop_timers(ask_id: int, timers: Sequence[Mapping[str, object]], now: datetime) -> Step[None]:
    yield from privacy.go_on(ask_id, now)
    yield from erasing.drop_timers(timers)
    yield from privacy.count(ask_id, {"timer": len(timers)})


def _erase_rows_of_shop(ask_id: int, shop: str, now: datetime) -> Step[personal.Gone]:
    yield from privacy.go_on(ask_id, now)
    gone = yield from personal.erase_shop(shop, ROWS_AT_ONCE)
    yield from privacy.count(ask_id, gone.counts)
    return gone


def _shops(ask: Ask, held: About) -> set[str]:
    return {name.scope for name in held.names if name.scope} | ({ask.shop} if ask.shop else set())


class _Said:
    """The opt-out log by name: under which names together somebody said something."""

    def __init__(self, together: Mapping[Identity, set[frozenset[Identity]]]) -> None:
        self._together = together

    @classmethod
    def read(cls, optouts: OptOutLog) -> "_Said":
        """Blocks on the disk."""
        together: defaultdict[Identity, set[frozenset[Identity]]] = defaultdict(set)
        for logged in optouts.read():
            for name in logged.names if logged else ():
                together[name].add(frozenset(logged.names if logged else ()))
        return cls(dict(together))

    def of(self, names: Iterable[Identity]) -> frozenset[frozenset[Identity]]:
        """What was said under one of these names."""
        return frozenset(one for name in names for one in self._together.get(name, ()))


_SEPARATORS = b" -().+/\t"


@dataclass(frozen=True, slots=True)
class _Needles:
    """What to look for in old deliveries: addresses and ids as they stand, numbers by their last digits, `short` ones as people write them
    in their country, customers of a shop."""

    words: tuple[bytes, ...] = ()
    digits: tuple[bytes, ...] = ()
    short: tuple[bytes, ...] = ()
    customers: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, names: Iterable[Identity]) -> "_Needles":
        """Those of names."""
        words, digits, short, customers = set(), set(), set(), set()
        for name in names:
            match name.kind:
                case IdentityKind.PHONE | IdentityKind.WA_ID | IdentityKind.LINE:
                    number = name.value.removeprefix("+")
                    digits.add(number[-SHORTEST_NUMBER:].encode())
                    national = country.national(f"+{number}") or ""
                    if SHORTEST_ALONE <= len(national) < SHORTEST_NUMBER:
                        short.add(national.encode())
                case IdentityKind.EMAIL | IdentityKind.BSUID | IdentityKind.PARENT_BSUID:
                    words.add(name.value.lower().encode("utf-8", "surrogatepass"))
                case IdentityKind.CUSTOMER:
                    customers.add((name.scope, name.value.lower().encode("utf-8", "surrogatepass")))
        return cls(tuple(sorted(words)), tuple(sorted(digits)), tuple(sorted(short)), tuple(sorted(customers)))

    def in_body(self, body: bytes, place: str) -> bool:
        """Whether a delivery to a place (the shop's name, or nothing) holds one of them."""
        text = body.lower()
        if any(word in text and _stands_alone(text, word) for word in self.words):
            return True
        if any(_is_written(text, number) for number in self.short):
            return True
        if self.digits:
            bare = body.translate(None, _SEPARATORS)
            if any(number in bare for number in self.digits):
                return True
        return any(place == shop and _stands_alone(text, value) for shop, value in self.customers)


# what may stand before a word without being part of it: no letter but of JSON's escapes and those of addresses (%3a)
_BEFORE = rb"(?:(?<![\w.+-])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4})|(?<=%[0-9a-f]{2}))"
_BEHIND = rb"(?![\w-]|\.\w)"


def _stands_alone(text: bytes, value: bytes) -> bool:
    return re.search(_BEFORE + re.escape(value) + _BEHIND, text) is not None


def _is_written(text: bytes, number: bytes) -> bool:
    """Whether these digits stand alone in a text, with whatever people put between them, and a 0 that some put before."""
    digits = rb"[ \-().+/\t]*".join(bytes([digit]) for digit in number)
    return re.search(rb"(?<!\d)0?" + digits + rb"(?!\d)", text) is not None
