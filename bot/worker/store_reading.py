"""Reading the stores themselves: years of orders when the owner asks, every night what webhooks missed, and what a webhook only named.

    a reading that waits -> a page, asked for outside -> its events, where to go on, the counts: one transaction -> the next page
    a thing that is wanted -> asked for outside -> its event in, the want out: one transaction

So it goes on where it was, whenever it is interrupted, and nothing is doubled: what was in has its key already. What is read waits in the
inbox like everything else; while much does, no more is read, so that nobody who writes stands behind a year of orders.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from bot.shop.event import CartChanged, OrderChanged, OrderStatus, Origin, Resource, ShopEvent, ShopperChanged, Thin
from bot.shop.reader import Found, Page, Part, StoreReader
from bot.shop.wire import ApiRefused, Garbled, NotThere, ShopUnreachable
from bot.store import contacts, inbox, mirror, privacy, readings
from bot.store.database import Database, StoreUnavailable
from bot.store.model import Identity, IdentityKind
from bot.store.readings import Cause, Reading, Wanted
from bot.store.step import Step
from bot.worker.asking import Asking

log = logging.getLogger(__name__)

REST = 0.9  # seconds: a heartbeat later there is another look
MOST_WAITING = 200  # entries of the inbox; a fifth of a second's work stands before whoever writes
WANTED_AT_ONCE = 5  # of a shop: stores limit their interfaces to a few calls a second
PATIENCE = 5.0  # seconds: a shop that takes longer is waited for by nobody else
MOST_TRIES = 20  # of a page that was answered and could not be read: some hour and a half, longer than shops are under repair
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=5)  # before a store that could not be asked is asked again
NO_TOKEN_WAIT = timedelta(hours=1)  # before one that says no is asked again for what a webhook named: the owner may have mended it
GIVEN_UP = timedelta(days=30)  # after which something that could never be fetched is forgotten
NIGHT = timedelta(hours=20)  # a look at the same hour of the next day finds the last one longer ago
LEAST_APART = timedelta(minutes=5)  # between two looks, however often the process is started
OVERLAP = timedelta(hours=1)  # asked for again of what the last look saw: stores list a change some time after it
FIRST_LOOK = timedelta(days=2)  # how far back the first look goes; an owner who wants more asks for it
UNDER_WAY = timedelta(minutes=15)  # a change this young may still be told
LOOK_SECONDS = 3_600  # between two questions whether it is time to look


@dataclass(slots=True)
class _Rest:
    """Whoever writes or orders wakes the whole house, and hardly ever is anything to be read because of it."""

    seconds: float
    until: float = 0.0

    @property
    def rests(self) -> bool:
        """Whether it is not over."""
        return monotonic() < self.until

    def begin(self) -> None:
        """From now on."""
        self.until = monotonic() + self.seconds


class StoreReading:
    """Reads the stores. `readers` by the shop's name; `rest` is how many seconds it looks for nothing after it found nothing to do."""

    def __init__(self, store: Database, readers: Mapping[str, StoreReader], clock: Callable[[], datetime], rest: float = REST) -> None:
        self._reading, self._fetching = _Rest(rest), _Rest(rest)
        self._pages, self._things = Asking[str](1), Asking[str](WANTED_AT_ONCE)
        self._store = store
        self._readers = readers
        self._clock = clock
        self._since_start: set[str] = set()  # the shops that were looked at since then
        self._looks_at_start = False

    async def start(self, *, alone: bool) -> None:
        """Go on where an earlier process was. `alone`: no other works on this database."""
        if alone:
            await self._store.run(readings.let_go(self._clock()))

    async def stop(self) -> None:
        """Wait for no shop any more."""
        await self._pages.stop()
        await self._things.stop()

    # ---- whole parts

    async def read_on(self) -> bool:
        """Read the next page that waits to be read; returns whether there was one. A shop that takes long is not waited for."""
        if self._reading.rests:
            return False
        if self._looks_at_start:
            await self._look_after_start()
        reading, has_room = await self._store.run(_next(self._clock(), self._pages.busy))
        if reading is None:
            if has_room:
                self._reading.begin()
            return False
        await self._pages.ask([(reading.shop, self._read(reading))], PATIENCE)
        return True

    async def _read(self, reading: Reading) -> None:
        try:
            async with asyncio.timeout(readings.PAGE_TIME.total_seconds()), self._held(reading):
                page = await self._reader(reading.shop).page(Part(reading.part), reading.since, reading.cursor)
        except Garbled as fault:
            await self._stumble(reading, fault.why)
        except ShopUnreachable as fault:
            await self._store.run(readings.stumble(reading, fault.why, self._clock() + _wait(reading.tries, fault.after)))
        except ApiRefused as refusal:
            await self._refuse(reading, refusal.why)
        except TimeoutError:
            await self._stumble(reading, "a page of it takes too long")
        except Exception:
            log.exception("a page of shop %s could not be read", reading.shop)
            await self._stumble(reading, "reading it failed here")
        else:
            await self._store.run(_take_in(reading, page, self._clock()))
            if page.cursor is None:
                await self._tell(reading)

    @asynccontextmanager
    async def _held(self, reading: Reading) -> AsyncIterator[None]:
        """Nobody else reads on while we do, however long a page takes."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(readings.LEASE.total_seconds() / 3)
                with suppress(StoreUnavailable):
                    await self._store.run(readings.keep(reading, self._clock()))

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _stumble(self, reading: Reading, why: str) -> None:
        """The shop answers, and a page cannot be read: after many tries that is so for good."""
        if reading.tries + 1 >= MOST_TRIES:
            await self._refuse(reading, f"{why}, however often it is asked: what comes after that page is not read")
        else:
            await self._store.run(readings.stumble(reading, why, self._clock() + _wait(reading.tries, 0.0)))

    async def _refuse(self, reading: Reading, why: str) -> None:
        log.error("shop %s does not let its %ss be read: %s", reading.shop, reading.part, why)
        await self._store.run(readings.refuse(reading, why, self._clock()))

    async def _tell(self, reading: Reading) -> None:
        """What a look found, in the log: the owner finds it in `comeback shop missed`."""
        if reading.cause is not Cause.NIGHTLY:
            return
        ended = next((one for one in await self._store.read(readings.latest(reading.shop, Cause.NIGHTLY)) if one.id == reading.id), None)
        if ended is not None and ended.missed:
            log.warning("shop %s changed %d %ss, and no webhook told of %d", ended.shop, ended.found, ended.part, ended.missed)

    # ---- what webhooks missed

    async def look(self, *, at_start: bool = False) -> None:
        """Begin to ask each store what changed since the last time, if that was a night ago. `at_start`: once in any case, for nobody knows
        what was told while nobody listened; as soon as the last time is some minutes ago, however often the process is started."""
        self._looks_at_start = self._looks_at_start or at_start
        if self._looks_at_start:
            await self._look_after_start()
        for shop in self._readers:
            await self._look_at(shop, NIGHT)
        for shop, topic, _ in await self._store.run(readings.forget_old(self._clock() - GIVEN_UP)):
            log.warning("shop %s named something (%s) a month ago that could never be fetched: forgotten", shop, topic)

    async def _look_after_start(self) -> None:
        for shop in [shop for shop in self._readers if shop not in self._since_start]:
            if await self._look_at(shop, LEAST_APART):
                self._since_start.add(shop)
        self._looks_at_start = self._looks_at_start and not self._since_start.issuperset(self._readers)

    async def _look_at(self, shop: str, apart: timedelta) -> bool:
        """Begin to ask a store, if the last time is so long ago; returns whether that was so."""
        try:
            return await self._store.run(_begin_look(shop, self._readers[shop].changes, self._clock(), apart))
        except StoreUnavailable as fault:
            log.warning("what webhooks missed could not be looked for: %s", fault)
            return False

    # ---- single things

    async def fetch_wanted(self) -> bool:
        """Fetch what webhooks only named; returns whether there was something."""
        if self._fetching.rests:
            return False
        wanted = await self._store.run(readings.wanted(self._clock(), WANTED_AT_ONCE, self._things.busy))
        if not wanted:
            self._fetching.begin()
        await self._things.ask([(one.shop, self._fetch(one)) for one in wanted], PATIENCE)
        return bool(wanted)

    async def _fetch(self, one: Wanted) -> None:
        thin = Thin(one.at, Resource(one.resource), one.key, one.address, one.topic)
        try:
            async with asyncio.timeout(readings.THING_TIME.total_seconds()):
                found = await self._reader(one.shop).one(thin)
        except NotThere:
            log.info("shop %s has nothing any more of what it named (%s)", one.shop, one.topic)
            await self._store.run(readings.got(one, self._clock()))
        except ApiRefused as refusal:
            log.error("shop %s does not tell what it named (%s): %s", one.shop, one.topic, refusal.why)
            await self._store.run(readings.want_later(one, refusal.why, self._clock() + NO_TOKEN_WAIT))
        except ShopUnreachable as fault:
            await self._store.run(readings.want_later(one, fault.why, self._clock() + _wait(one.tries, fault.after)))
        except TimeoutError:
            await self._store.run(readings.want_later(one, "the shop takes too long", self._clock() + _wait(one.tries, 0.0)))
        except Exception:
            log.exception("what shop %s named (%s) could not be read", one.shop, one.topic)
            await self._store.run(readings.want_later(one, "reading it failed here", self._clock() + _wait(one.tries, 0.0)))
        else:
            await self._store.run(_bring_in(one, found, self._clock()))

    def _reader(self, shop: str) -> StoreReader:
        if (reader := self._readers.get(shop)) is None:
            raise ApiRefused("its own interface is not set up: give its API settings, 'comeback doctor' names them")
        return reader


def _next(now: datetime, busy: Collection[str]) -> Step[tuple[Reading | None, bool]]:
    """What to read now, and whether the inbox has room for it."""
    if (yield from inbox.count_waiting()) > MOST_WAITING:
        return None, False
    return (yield from readings.claim(now, busy)), True


def _wait(tries: int, after: float) -> timedelta:
    backoff: timedelta = FIRST_WAIT * (1 << min(tries, 10))
    return max(min(backoff, LONGEST_WAIT), timedelta(seconds=after))


def _bring_in(one: Wanted, found: Iterable[Found], now: datetime) -> Step[None]:
    for each in found:
        yield from inbox.receive_one(each.update, now)
    yield from readings.got(one, now)


def _begin_look(shop: str, parts: Iterable[Part], now: datetime, apart: timedelta) -> Step[bool]:
    """Returns whether the last look was so long ago."""
    last = yield from readings.last_begun(shop, Cause.NIGHTLY)
    if last is not None and last <= now and now - last < apart:
        return False
    if (yield from privacy.closed_since(shop)) is not None:
        return True
    wanted: list[tuple[str, datetime]] = []
    for part in parts:
        known_until = yield from readings.read_until(shop, part)
        wanted.append((part, known_until - OVERLAP if known_until else now - FIRST_LOOK))
    yield from readings.begin(shop, wanted, Cause.NIGHTLY, now)
    return True


# ---- a page


@dataclass(frozen=True, slots=True)
class _News:
    """What a page tells that is not known. `counts`: a webhook should have told it. `is_new`: nothing at all was known."""

    key: str
    name: str
    at: datetime
    counts: bool = True
    is_new: bool = False


def _take_in(reading: Reading, page: Page, now: datetime) -> Step[None]:
    """Keep a page, unless somebody else did meanwhile. A look brings in what is news alone; an owner who asks gets everything, but for
    what is known and comes without anybody's phone or e-mail: the shop may keep people from us by now."""
    if not (yield from readings.is_where_it_was(reading)):
        return
    brought: list[int] = []
    missed = 0
    looked_at = yield from readings.read_until(reading.shop, reading.part)
    for found in page.found:
        event = found.event
        news = (yield from _news(reading.shop, event)) if event is not None and _is_compared(reading, event, looked_at) else None
        if event is not None and (news is None if reading.cause is Cause.NIGHTLY else (yield from _is_known(reading.shop, event))):
            continue
        entry = yield from inbox.receive_one(found.update, now)
        if entry is None:
            continue
        brought.append(entry)
        if looked_at is not None and news is not None and news.counts and now - news.at > UNDER_WAY:
            missed += 1
            yield from readings.miss(reading, news.key, news.at, news.name, now, is_new=news.is_new)
    yield from readings.go_on(
        reading,
        now,
        cursor=page.cursor,
        found=len(page.found),
        brought=brought,
        missed=missed,
        expected=page.expected,
        trouble=page.withheld or (None if reading.tries else reading.trouble),  # what went wrong is over
    )


def _is_compared(reading: Reading, event: ShopEvent, looked_at: datetime | None) -> bool:
    """Whether it is asked if a webhook told it: always by a look; of what an owner asks for, where the next look would find it. Before the
    first look webhooks may not have been there."""
    return reading.cause is Cause.NIGHTLY or (looked_at is not None and event.at > looked_at - OVERLAP)


def _is_known(shop: str, event: ShopEvent) -> Step[bool]:
    """Whether it says nothing new: neither that somebody can be reached, nor what has become of it since."""
    match event:
        case OrderChanged() | CartChanged() | ShopperChanged() if event.shopper.phone or event.shopper.email:
            return False
        case OrderChanged():
            order = yield from mirror.known_order(shop, event.order)
            return order is not None and order.updated_at >= event.at
        case CartChanged():
            cart_at = yield from mirror.known_cart(shop, event.checkout, event.cart)
            return cart_at is not None and cart_at >= event.at
        case ShopperChanged():
            return (yield from _who(shop, event)) is not None and (yield from _consent_news(shop, event)) is None
        case _:
            return False


def _news(shop: str, event: ShopEvent) -> Step[_News | None]:
    """What an event tells that neither the mirror knows nor an entry that waits."""
    match event:
        case OrderChanged(test=False):
            return (yield from _order_news(shop, event))
        case CartChanged(test=False, origin=Origin.SHOPPER, completed=False):
            return (yield from _cart_news(shop, event))
        case ShopperChanged():
            return (yield from _consent_news(shop, event))
        case _:
            return None


def _order_news(shop: str, event: OrderChanged) -> Step[_News | None]:
    known = yield from mirror.known_order(shop, event.order)
    if known is not None and known.updated_at >= event.at:
        return None
    if (yield from inbox.is_told_of(Identity(IdentityKind.ORDER, event.order, shop))):
        return None
    if known is None:
        return _News(event.order, event.number, event.at, is_new=True)
    cancelled = event.status is OrderStatus.CANCELLED
    same = (known.cancelled, known.payment, known.total) == (cancelled, event.payment, event.total)
    return _News(event.order, event.number, event.at, counts=not same or (not cancelled and known.reached != event.status))


def _cart_news(shop: str, event: CartChanged) -> Step[_News | None]:
    known_at = yield from mirror.known_cart(shop, event.checkout, event.cart)
    if known_at is not None and known_at >= event.at:
        return None
    if (yield from inbox.is_told_of(Identity(IdentityKind.CHECKOUT, event.checkout, shop))):
        return None
    return _News(event.checkout, event.checkout, event.at, is_new=known_at is None)


def _consent_news(shop: str, event: ShopperChanged) -> Step[_News | None]:
    """Of people a look only asks what they agreed to, or took back."""
    contact = yield from _who(shop, event)
    for stated in event.consents:
        if contact is None or not (yield from readings.has_stated(contact, stated.channel, stated.at)):
            key = event.shopper.customer or ""
            return _News(key, key, stated.at, is_new=contact is None)
    return None


def _who(shop: str, event: ShopperChanged) -> Step[int | None]:
    if event.shopper.customer is None:
        return None
    return (yield from contacts.find(Identity(IdentityKind.CUSTOMER, event.shopper.customer, shop)))
