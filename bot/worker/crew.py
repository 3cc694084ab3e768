"""The crew: the loops that keep work moving, woken by whatever brings work and by a heartbeat.

Each loop asks for work until there is none, then sleeps until it is woken. What is due lives in the database, never in a loop or in
apscheduler: a crash loses nothing, and a missed heartbeat is made up by the next.

What must not stand still goes by a clock that nobody sets (`_each`). What is asked hourly and nightly is apscheduler's, which goes by the
wall's: when that is set back, its jobs wait until it has caught up.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.store import mirror, outbox, visitors, wishes
from bot.store.database import Database, StoreUnavailable
from bot.store.optout_log import OptOutLog
from bot.store.outbox import Superseded
from bot.worker import dispatcher
from bot.worker.crediting import Ledger
from bot.worker.discounter import Discounter
from bot.worker.files import TIDY_SECONDS, Fetcher, Keeper
from bot.worker.lapse import Absence
from bot.worker.limits import Limits
from bot.worker.playbook import House
from bot.worker.privacy import Privacy
from bot.worker.recovery import LOOK_SECONDS as RECOVER_SECONDS
from bot.worker.recovery import Recovery
from bot.worker.registry import ASK_SECONDS, FIRST_SECONDS, Registry
from bot.worker.reorder import WORK_OUT_SECONDS, Foresight
from bot.worker.sender import Sender
from bot.worker.store_reading import LOOK_SECONDS, StoreReading
from bot.worker.verifying import Verifying

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1  # how late a timer may fire
ORPHANS_SECONDS = 3  # between two looks for messages whose sender is gone, or whose lease ran out
HELD_SECONDS = 0.02  # how long to leave people alone whom others work on: as long as a few of their transactions
ASK_LIMITS_FIRST = 1  # seconds after the start: until then a number goes as it did before, or as the slowest of the usual
COMPARE_FIRST = 45  # seconds after the start: shops tell again first what they could not tell while nobody listened
FORESEE_FIRST = 60  # seconds after the start: nothing waits for it, and a start has enough to do
ASKS_SECONDS = 0.9  # between two looks for what the law lets people ask: less than a heartbeat
STUMBLE_SECONDS = 1.0  # how long a loop rests after an error before it goes on
DRAIN_SECONDS = 6.0  # how long a stop waits for requests on the wire: with the door's closing, the whole stop stays under ten


@dataclass(slots=True)
class _Loop:
    name: str
    once: Callable[[], Awaitable[bool]]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    busy: bool = True


class Crew:
    """Runs dispatcher, sender, discounter and fetcher until it is stopped."""

    def __init__(
        self,
        store: Database,
        house: Callable[[], House],
        sender: Sender,
        discounter: Discounter,
        optouts: OptOutLog | None = None,
        registry: Registry | None = None,
        fetcher: Fetcher | None = None,
        keeper: Keeper | None = None,
        limits: Limits | None = None,
        recovery: Recovery | None = None,
        verifying: Verifying | None = None,
        store_reading: StoreReading | None = None,
        privacy: Privacy | None = None,
    ) -> None:
        self._store = store
        self._house = house
        self._sender = sender
        self._discounter = discounter
        self._optouts = optouts
        self._registry = registry
        self._fetcher = fetcher
        self._keeper = keeper
        self._limits = limits
        self._recovery = recovery
        self._sending = _Loop("sender", self._send)  # a message that is sent makes room for the next, and is no news to the others
        self._loops = [
            _Loop("dispatcher", self._dispatch),
            self._sending,
            _Loop("discounter", self._discount),
        ]
        self._verifying = verifying
        if verifying is not None:
            self._loops.append(_Loop("verifier", self._verify))
        self._store_reading = store_reading
        if store_reading is not None:
            self._loops += [_Loop("store reader", self._read_stores), _Loop("store fetcher", self._fetch_from_stores)]
        if fetcher is not None:
            self._loops.append(_Loop("fetcher", fetcher.fetch_wanted))
        self._privacy = privacy
        self._no_asks_until = 0.0
        if privacy is not None:
            self._loops.append(_Loop("privacy", self._see_to_asks))
        self._tasks: list[asyncio.Task[None]] = []
        self._beats: list[asyncio.Task[None]] = []
        self._scheduler = AsyncIOScheduler()
        self._foresight = Foresight(store, house)
        self._absence = Absence(store, house)
        self._ledger = Ledger(store, house)
        self._looking, self._tidying, self._asking, self._recovering, self._foreseeing = (asyncio.Lock() for _ in range(5))
        self._comparing = asyncio.Lock()
        self._compared = False
        self._stopping = False
        self.superseded = asyncio.Event()

    async def start(self) -> None:
        """Settle what an earlier process left on the wire, then start the loops."""
        await self._find_orphans()
        await self._store.run(outbox.try_numbers_again())
        self._sender.open()
        self._store.listen(self.wake)
        self._tasks = [asyncio.create_task(self._run(loop), name=loop.name) for loop in self._loops]
        self._beats = [
            asyncio.create_task(self._each("heartbeat", HEARTBEAT_SECONDS, self._beat)),
            asyncio.create_task(self._each("orphans", ORPHANS_SECONDS, self._find_orphans)),
            asyncio.create_task(self._each("recovery", RECOVER_SECONDS, self.recover)),
        ]
        if self._registry is not None:
            first = datetime.now(UTC) + timedelta(seconds=FIRST_SECONDS)
            self._scheduler.add_job(
                self._registry.ask, "interval", seconds=ASK_SECONDS, next_run_time=first, misfire_grace_time=None, coalesce=True
            )
        if self._limits is not None:
            first = datetime.now(UTC) + timedelta(seconds=ASK_LIMITS_FIRST)
            self._scheduler.add_job(
                self._ask_limits, "interval", seconds=ASK_SECONDS, next_run_time=first, misfire_grace_time=None, coalesce=True
            )
        if self._keeper is not None:
            first = datetime.now(UTC) + timedelta(seconds=FIRST_SECONDS)
            self._scheduler.add_job(
                self._tidy, "interval", seconds=TIDY_SECONDS, next_run_time=first, misfire_grace_time=None, coalesce=True
            )
        if self._store_reading is not None:
            first = datetime.now(UTC) + timedelta(seconds=COMPARE_FIRST)
            self._scheduler.add_job(
                self._compare, "interval", seconds=LOOK_SECONDS, next_run_time=first, misfire_grace_time=None, coalesce=True
            )
        first = datetime.now(UTC) + timedelta(seconds=FORESEE_FIRST)
        self._scheduler.add_job(
            self._foresee, "interval", seconds=WORK_OUT_SECONDS, next_run_time=first, misfire_grace_time=None, coalesce=True
        )
        self._scheduler.start()

    async def _each(self, name: str, seconds: float, once: Callable[[], Awaitable[None]]) -> None:
        """Again and again until the stop, so many seconds after the last time, whatever became of that."""
        while True:
            await asyncio.sleep(seconds)
            if self._stopping:
                return
            try:
                await once()
            except Exception:
                log.exception("%s stumbled", name)

    async def _beat(self) -> None:
        self.wake()

    async def _find_orphans(self) -> None:
        """Messages whose sender is gone, or whose lease ran out, are unknown until a status settles them."""
        async with self._looking:
            with contextlib.suppress(StoreUnavailable):  # the next look finds them
                left = await self._store.run(outbox.orphans(self._store.epoch, self._house().now))
                if left:
                    log.warning("%d messages were on the wire when their sender ended: unknown until a status settles them", left)

    async def _ask_limits(self) -> None:
        assert self._limits is not None
        async with self._asking:
            await self._limits.ask()
        self.wake()

    async def _tidy(self) -> None:
        assert self._keeper is not None
        async with self._tidying:
            await self._keeper.tidy()

    async def _foresee(self) -> None:
        async with self._foreseeing:
            await self._foresight.keep_fresh()
            with contextlib.suppress(StoreUnavailable):  # the next look finds them
                await self._absence.keep_fresh()
            await self._ledger.keep_fresh()
            await self._store.run(mirror.forget_bought(self._house().now))
            await self._store.run(wishes.forget_expired(self._house().now))
            while await self._store.run(visitors.forget_old(self._house().now)) and not self._stopping:
                pass  # some at a time: everybody else works on between

    async def _compare(self) -> None:
        """Ask the stores what webhooks missed: soon after a start what was told while nobody listened, then every night."""
        assert self._store_reading is not None
        async with self._comparing:
            await self._store_reading.look(at_start=not self._compared)
            self._compared = True
        self.wake()

    async def recover(self) -> None:
        """What stands still may go on: a token works again, a block has ended."""
        async with self._recovering:
            if self._recovery is not None and await self._recovery.look():
                self.wake()

    def wake(self) -> None:
        """Something happened: whoever sleeps looks again."""
        for loop in self._loops:
            loop.wake.set()

    async def stop(self) -> None:
        """Claim nothing more, give back what has not started, finish what is on the wire, stop. What does not finish in time is unknown at
        the next start."""
        self._stopping = True
        self._sender.close()
        if self._scheduler.running:
            self._scheduler.pause()
        if self._fetcher is not None:
            self._fetcher.stop()
        if self._privacy is not None:
            self._privacy.stop()
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*self._tasks)
                await self._sender.finish()
                # a job that is cut short would be told as an error
                async with self._looking, self._tidying, self._asking, self._recovering, self._foreseeing, self._comparing:
                    pass
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._store_reading is not None:
            await self._store_reading.stop()
        for task in (*self._tasks, *self._beats):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._beats, return_exceptions=True)
        await self._discounter.stop()

    @property
    def idle(self) -> bool:
        """Whether every loop found nothing to do and nothing is on the wire."""
        return not self._sender.busy and not any(loop.busy or loop.wake.is_set() for loop in self._loops)

    async def _run(self, loop: _Loop) -> None:
        while not self._stopping:
            loop.wake.clear()
            loop.busy = True
            try:
                more = await loop.once()
            except Superseded:
                self.superseded.set()
                return
            except StoreUnavailable as error:
                log.error("%s stands still: %s", loop.name, error)  # the database, or a log beside it
                self._house().tally.stands_still(loop.name, still=True)
                await asyncio.sleep(STUMBLE_SECONDS)
                continue
            except Exception:
                log.exception("%s stumbled", loop.name)
                await asyncio.sleep(STUMBLE_SECONDS)
                continue
            self._house().tally.stands_still(loop.name, still=False)
            if not more and not self._stopping:
                loop.busy = False
                await loop.wake.wait()

    async def _dispatch(self) -> bool:
        work = dispatcher.work(self._house())
        worked = await self._store.run(self._optouts.around(work) if self._optouts else work)
        if worked.entries:
            self.wake()
        elif worked.held_elsewhere:
            await asyncio.sleep(HELD_SECONDS)
        return worked.more or worked.held_elsewhere

    async def _send(self) -> bool:
        look = await self._sender.send_due(self._sending.wake.set)
        if look.doubts:
            self.wake()
        return look.more

    async def _see_to_asks(self) -> bool:
        """They are few, and have days: while there are none nobody looks more often than once a second."""
        assert self._privacy is not None
        if monotonic() < self._no_asks_until:
            return False
        more = await self._privacy.work()
        if not more:
            self._no_asks_until = monotonic() + ASKS_SECONDS
        return more

    async def _verify(self) -> bool:
        assert self._verifying is not None
        asked = await self._verifying.ask_due()
        if asked:
            self._sending.wake.set()
        return asked > 0

    async def _read_stores(self) -> bool:
        assert self._store_reading is not None
        has_read = await self._store_reading.read_on()
        if has_read:
            self.wake()
        return has_read

    async def _fetch_from_stores(self) -> bool:
        assert self._store_reading is not None
        fetched = await self._store_reading.fetch_wanted()
        if fetched:
            self.wake()
        return fetched

    async def _discount(self) -> bool:
        made = await self._discounter.make_wanted()
        if made:
            self.wake()
        return made > 0
