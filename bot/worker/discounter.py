"""The discounter: sees to it that the codes runs wait for exist in the shop before anybody is promised one.

    is there to be one at all? (cap, budget, the same person's live code) -> static: at once; made for this person: put in the shop;
    of a pool: taken from those that exist, which are made ahead of time, many at a time -> the run goes on

What needs no shop is settled first, and a shop that takes its time keeps nobody waiting but those of its own codes. Whatever is asked of a
shop was written down before, so the same codes are asked for again after a crash. Codes that must not work any longer are taken out of
the shop.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import TypeVar
from zoneinfo import ZoneInfo

import aiohttp

from bot.flow.run import POOL
from bot.shop import discounts as shop_discounts
from bot.shop.discounts import CodeApi, DiscountRefused, Offer, ShopUnreachable, UnderWay, new_code
from bot.store import discounts, pools
from bot.store.database import Database, StoreUnavailable
from bot.store.discounts import Verdict, Wanted
from bot.store.pools import Batch, BeingWritten, Closing, InFile, Pool
from bot.store.step import Step
from bot.worker.asking import Asking
from bot.worker.playbook import House

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 1.0  # seconds: a shop that takes longer is waited for by nobody else
FILE_AT_ONCE = 1_000  # codes of a file in one transaction: some milliseconds, and webhooks come between
AT_ONCE = 10  # codes at a time: shops limit their interfaces to a few calls a second
FROM_POOL_AT_ONCE = 200  # codes that only the database is asked for
MAX_TRIES = 5
FIRST_RETRY = timedelta(seconds=5)
DOWN_FOR = timedelta(minutes=5)  # when a shop that was down, or said no, is asked again
POLL_AGAIN = timedelta(seconds=1)
LOOK_AGAIN = timedelta(seconds=5)  # whoever waits for a pool is woken when it is filled; this is for what went wrong in between
LONGEST_WAIT = timedelta(minutes=15)  # for a pool: then the customer hears something else
OUR_FAULT = "making it failed here"  # nobody foresaw it: the log says more

FileOfCodes = Callable[[str], Sequence[str] | None]


def no_files(_: str) -> Sequence[str] | None:
    """There are no files of codes."""
    return None


@dataclass(frozen=True, slots=True)
class CodeMaker:
    """Where a shop makes codes, and the secret its calls are signed with."""

    url: str
    secret: str


class _Work(StrEnum):
    """What is asked for; of each shop or file each once at a time."""

    MAKE = "make"
    FILE = "file"
    FILL = "fill"
    TAKE_OUT = "take out"


@dataclass(frozen=True, slots=True)
class _Look:
    """What there is to do: codes that only the database is asked for, those out of files, those a shop is to make, pools, and what is
    to be taken out."""

    here: list[Wanted]
    of_files: list[Wanted]
    to_make: list[Wanted]
    due: list[Pool]
    closing: list[Closing]

    def __len__(self) -> int:
        return len(self.here) + len(self.of_files) + len(self.to_make) + len(self.due) + len(self.closing)


class Discounter:
    """Makes what is wanted, a few at a time. `makers` make codes one by one, for one person each; `apis` many at a time, for pools.
    `files` reads the codes in `flows/codes/<name>.csv`, None where there is no such file, and may raise BeingWritten. `patience` is how
    many seconds a shop is waited for."""

    def __init__(
        self,
        store: Database,
        session: aiohttp.ClientSession,
        makers: Mapping[str, CodeMaker],
        house: Callable[[], House],
        apis: Mapping[str, CodeApi] | None = None,
        files: FileOfCodes = no_files,
        patience: float = PATIENCE,
    ) -> None:
        self._store = store
        self._session = session
        self._makers = makers
        self._house = house
        self._apis = apis or {}
        self._files = files
        self._patience = patience
        self._asking = Asking[tuple[_Work, str]](1)
        self._matched: dict[str, int] = {}  # files whose pools are as they are, and what was in them

    async def make_wanted(self) -> int:
        """Give the codes that exist here, begin to make those that are wanted of shops, to fill pools and to take out what is over;
        returns how much was settled or begun. Shops are waited for a moment; what takes longer goes on by itself."""
        now = self._house().now
        look = await self._store.run(self._look(now))
        await _all(self._watched([one], self._give(one)) for one in look.here)
        await self._asking.ask(
            [
                *(((_Work.MAKE, shop), self._make(ones)) for shop, ones in _by(lambda one: one.shop, look.to_make)),
                *(((_Work.FILE, name), self._watched(ones, self._from_file(name, ones))) for name, ones in _by(_file_of, look.of_files)),
                *(((_Work.FILL, shop), _all(map(self._fill, ones))) for shop, ones in _by(lambda one: one.shop, look.due)),
                *(((_Work.TAKE_OUT, shop), self._take_out_all(ones, now)) for shop, ones in _by(lambda one: one.shop, look.closing)),
            ],
            self._patience,
        )
        return len(look)

    async def stop(self) -> None:
        """Wait for no shop any more: what was asked for is written down, and asked for again by the next process."""
        await self._asking.stop()

    def _look(self, now: datetime) -> Step[_Look]:
        busy = {work: [name for of, name in self._asking.busy if of is work] for work in _Work}
        wanted = yield from discounts.wanted(now, FROM_POOL_AT_ONCE, makers=self._makers, busy=busy[_Work.FILE])
        to_make = yield from discounts.to_make(now, AT_ONCE, self._makers.keys() - set(busy[_Work.MAKE]))
        due = yield from pools.due(now, AT_ONCE, busy[_Work.FILL])
        yield from discounts.expire(now)
        closing = yield from pools.closing(now, AT_ONCE, busy[_Work.TAKE_OUT])
        return _Look([one for one in wanted if not _file_of(one)], [one for one in wanted if _file_of(one)], to_make, due, closing)

    # ---- one for this person alone

    async def _make(self, ones: Sequence[Wanted]) -> None:
        await _all(self._watched([one], self._put(one, self._makers[one.shop])) for one in ones)

    async def _watched(self, ones: Sequence[Wanted], work: Awaitable[None]) -> None:
        """Work on codes. What goes wrong in a way nobody foresaw is tried again like what a shop could not be asked for."""
        try:
            await work
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("codes of the shop '%s' could not be made", ones[0].shop)
            await _all(self._try_again(one, OUR_FAULT) for one in ones)

    async def _put(self, one: Wanted, maker: CodeMaker) -> None:
        if await self._store.run(judge(one, self._house())) is not Verdict.FREE:
            return
        code = one.discount
        try:
            await shop_discounts.make(
                self._session,
                url=maker.url,
                secret=maker.secret,
                code=code.code,
                percent=code.percent,
                amount=code.amount,
                ends=code.ends + discounts.GRACE,
                now=self._house().now,
            )
        except DiscountRefused as refusal:
            await self._store.run(discounts.refused(one, refusal.why, self._house().now))
        except ShopUnreachable as fault:
            await self._try_again(one, fault.why)
        else:
            await self._store.run(discounts.made(one, self._house().now))

    async def _try_again(self, one: Wanted, why: str) -> None:
        now = self._house().now
        if one.attempts + 1 >= MAX_TRIES:
            await self._store.run(discounts.refused(one, why, now))
        else:
            await self._store.run(discounts.again(one.id, now + FIRST_RETRY * 2**one.attempts, why))

    # ---- one that exists already

    async def _give(self, one: Wanted) -> None:
        await self._store.run(self._from_pool(one, self._house()))

    def _from_pool(self, one: Wanted, house: House) -> Step[None]:
        """Static ones, too: they need the shop as little."""
        if one.terms.code is None and one.shop not in self._apis:
            yield from discounts.refused(one, f"no code can be made for the shop '{one.shop}': {HOW_TO}", house.now)
            return
        if (yield from judge(one, house)) is not Verdict.FREE:
            return
        if one.terms.code is not None:
            yield from discounts.made(one, house.now)
            return
        pool = yield from _pool_for(one, house)
        code = yield from pools.take(pool.id, one.id)
        if code is not None:
            yield from discounts.taken(one, code, pool.id, house.now)
        elif pool.attempts >= MAX_TRIES:
            yield from discounts.refused(one, pool.why or "the shop makes no codes", house.now)
        elif house.now - one.created_at > LONGEST_WAIT:
            yield from discounts.refused(one, "the shop was too slow to make codes", house.now)
        else:
            yield from discounts.wait_for(one.id, pool.id, house.now + LOOK_AGAIN)

    # ---- one out of a file

    async def _from_file(self, name: str, waiting: Sequence[Wanted]) -> None:
        house = self._house()
        try:
            codes, content = await asyncio.to_thread(self._read, name)
        except BeingWritten:
            await _all(self._try_again(one, f"flows/codes/{name}.csv is being written") for one in waiting)
            return
        if codes is None:
            why = f"there is no file flows/codes/{name}.csv"
            await _all(self._store.run(discounts.refused(one, why, house.now)) for one in waiting)
            return
        pool = await self._store.run(_pool_of_file(name, house))
        if self._matched.get(name) != content:
            await self._match(pool, codes)
            self._matched[name] = content
        await _all(self._watched([one], self._store.run(_out_of(pool, one, house))) for one in waiting)

    def _read(self, name: str) -> tuple[Sequence[str] | None, int]:
        codes = self._files(name)
        return codes, hash(tuple(codes or ()))

    async def _match(self, pool: Pool, codes: Sequence[str]) -> None:
        """Make a pool what its file says: new codes are added, and nobody is given those that are not in it any more."""
        listed, new = frozenset(codes), dict.fromkeys(codes)
        withdrawn, back = list[str](), list[str]()
        for state in InFile:
            async for code in self._codes_in(pool, state):
                new.pop(code, None)
                if state is InFile.READY and code not in listed:
                    withdrawn.append(code)
                elif state is InFile.LOST and code in listed:
                    back.append(code)
        for change, changed in ((pools.withdraw, withdrawn), (pools.bring_back, back), (pools.add_from_file, list(new))):
            for start in range(0, len(changed), FILE_AT_ONCE):
                await self._store.run(change(pool, changed[start : start + FILE_AT_ONCE]))

    async def _codes_in(self, pool: Pool, state: InFile) -> AsyncIterator[str]:
        after = 0
        while some := await self._store.read(pools.codes_in(pool, state, after, FILE_AT_ONCE)):
            after = some[-1][0]
            for _, code in some:
                yield code

    # ---- filling

    async def _fill(self, pool: Pool) -> None:
        api = self._apis.get(pool.shop)
        if api is None:  # the shop was taken out of the settings
            await self._store.run(pools.later(pool.id, self._house().now + DOWN_FOR))
            return
        try:
            await self._work_on(pool, api)
        except DiscountRefused as refusal:
            now = self._house().now
            log.warning("the shop '%s' makes no codes for the flow %s: %s", pool.shop, pool.flow, refusal.why)
            await self._store.run(pools.failed(pool, refusal.why, now + DOWN_FOR, MAX_TRIES, now))
        except ShopUnreachable as fault:
            await self._fill_again(pool, fault.why, timedelta(seconds=fault.after))
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("the pool of the flow %s in the shop '%s' could not be filled", pool.flow, pool.shop)
            await self._fill_again(pool, OUR_FAULT)

    async def _fill_again(self, pool: Pool, why: str, after: timedelta = timedelta()) -> None:
        now, tries = self._house().now, pool.attempts + 1
        pause = DOWN_FOR if tries >= MAX_TRIES else FIRST_RETRY * 2**pool.attempts
        await self._store.run(pools.failed(pool, why, now + max(pause, after), tries, now))

    async def _work_on(self, pool: Pool, api: CodeApi) -> None:
        """One step forward: the parent, a batch, or a look at how far the shop is. A step that brings no code is told as ShopUnreachable:
        a shop that forgets or loses all it is asked for is not asked without end."""
        offer = Offer(pool.title, pool.code, pool.percent, pool.amount, _starts(pool), pool.ends)
        place = pool.place
        if place is None:
            await self._store.run(pools.parent_asked(pool.id))
            place = await api.open(offer, unsure=pool.asked)
            await self._store.run(pools.opened(pool.id, place))
        if pool.bulk is not None:
            outcome = await api.poll(place, offer, pool.bulk)
        else:
            batch = await self._store.run(pools.next_batch(pool, api.at_once, self._fresh_codes()))
            if not batch.codes:
                await self._store.run(pools.later(pool.id, self._house().now + LOOK_AGAIN))
                return
            outcome = await self._add(pool, api, place, offer, batch)
        now = self._house().now
        if isinstance(outcome, UnderWay):
            await self._store.run(pools.under_way(pool.id, outcome.bulk, now + POLL_AGAIN))
        elif outcome is None:  # its codes are asked for once more
            await self._store.run(pools.settle(pool, {}, (), now))
            raise ShopUnreachable("the shop has forgotten which codes it was asked for")
        else:
            why = next(iter(outcome.lost.values()), "the shop does not say what became of the codes it was asked for")
            if outcome.lost:
                log.warning("the shop '%s' did not make %d codes: %s", pool.shop, len(outcome.lost), why)
            await self._store.run(pools.settle(pool, outcome.ready, tuple(outcome.lost), now))
            if not outcome.ready:
                raise ShopUnreachable(why)

    async def _add(self, pool: Pool, api: CodeApi, place: str, offer: Offer, batch: Batch) -> shop_discounts.Outcome | UnderWay:
        there = await api.look(place, offer, batch.codes) if batch.unsure else {}
        if there:
            await self._store.run(pools.settle(pool, there, (), self._house().now))
        missing = [code for code in batch.codes if code not in there]
        return await api.add(place, offer, missing) if missing else shop_discounts.Outcome(there, {})

    def _fresh_codes(self) -> list[str]:
        prefix = self._house().code_prefix
        return [new_code(prefix, secrets.token_bytes) for _ in range(pools.REFILL)]

    # ---- taking out

    async def _take_out_all(self, ones: Sequence[Closing], now: datetime) -> None:
        await _all(self._take_out(one, now) for one in ones)

    async def _take_out(self, one: Closing, now: datetime) -> None:
        api = self._apis.get(one.shop)
        again: datetime | None = None
        if api is not None and one.place is not None and not one.over:
            try:
                await api.close(one.place, one.code, one.store_id or "")
            except ShopUnreachable:
                again = now + DOWN_FOR
            except DiscountRefused as refusal:
                log.warning("a code of the shop '%s' cannot be taken back, it ends by itself: %s", one.shop, refusal.why)
            except Exception:
                log.exception("a code of the shop '%s' could not be taken back", one.shop)
                again = now + DOWN_FOR
        await self._store.run(pools.closed(one.discount, again))


HOW_TO = "set its COMEBACK_SHOP_..._DISCOUNTS_URL, or what its platform needs (COMEBACK_SHOP_..._API_TOKEN or _API_KEY)"


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Side by side, each to its end, whatever becomes of the others. Raises the first error."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _by(name: Callable[[T], str], ones: Iterable[T]) -> list[tuple[str, list[T]]]:
    """Things together that have one name."""
    return [(each, list(same)) for each, same in groupby(sorted(ones, key=name), name)]


def _file_of(one: Wanted) -> str:
    """The file the code comes out of; empty where it comes out of none."""
    return "" if one.terms.code is not None or one.terms.source in (None, POOL) else one.terms.source or ""


def made_at_once(one: Wanted, house: House) -> Step[Verdict]:
    """As a shop does that makes every code, at once: for rehearsals, which ask no shop."""
    verdict = yield from judge(one, house)
    if verdict is Verdict.FREE:
        yield from discounts.made(one, house.now)
    return verdict


def judge(one: Wanted, house: House) -> Step[Verdict]:
    """Whether a code is to be had, by the store's own months. Nobody is promised one whose time is over: they waited while the house stood
    still."""
    if one.discount.ends <= house.now:
        yield from discounts.refused(one, "its time was over before it could be made", house.now)
        return Verdict.REFUSED
    return (yield from discounts.judge(one, _month(house)[0], house.now))


def _pool_of_file(name: str, house: House) -> Step[Pool]:
    ever = datetime(9999, 1, 1, tzinfo=UTC)
    return (yield from pools.ensure(pools.EVERYBODYS, name, "", None, None, until=ever, ends=ever, code="", now=house.now))


def _out_of(pool: Pool, one: Wanted, house: House) -> Step[None]:
    """A code of a file."""
    if (yield from judge(one, house)) is not Verdict.FREE:
        return
    code = yield from pools.take(pool.id, one.id)
    if code is None:
        yield from discounts.refused(one, f"every code in flows/codes/{pool.source}.csv is given away", house.now)
    else:
        yield from discounts.taken(one, code, pool.id, house.now)


def _pool_for(one: Wanted, house: House) -> Step[Pool]:
    """This month's pool. All its codes work as long as the last of them is promised for, and a little longer."""
    _, until = _month(house)
    ends = until + (one.discount.ends - one.created_at) + discounts.GRACE
    worth = one.discount
    code = new_code(house.code_prefix, secrets.token_bytes)
    return (
        yield from pools.ensure(
            one.shop, POOL, one.flow, worth.percent, worth.amount, until=until, ends=ends, code=code, now=house.now
        )
    )


def _starts(pool: Pool) -> datetime:
    return pool.until - timedelta(days=40)  # before its month began, wherever the store's clock stands


def _month(house: House) -> tuple[datetime, datetime]:
    """Begin and end (UTC) of the store's calendar month."""
    here = house.now.astimezone(ZoneInfo(house.playbook.rules.timezone))
    first = here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first.astimezone(UTC), following.astimezone(UTC)
