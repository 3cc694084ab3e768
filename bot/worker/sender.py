"""The sender: from the outbox to the channel.

    claim: policy is asked, the row is committed as `sending` -> the request -> sent | refused | queued again | unknown

Nothing is on the wire that is not committed as `sending`, and nothing whose end nobody saw is sent again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic

from bot.channel import Channel, Delivered, Failure, Outgoing, Recipient, SendError, Withheld
from bot.policy.decision import Decision, Message, Person, Reason, decide
from bot.store import contacts, outbox
from bot.store.database import Database as Store
from bot.store.database import StoreUnavailable
from bot.store.optout_log import OptOutLog
from bot.store.outbox import LEASE, START_SECONDS, Claim, Claimed, Taken
from bot.store.pace import Ration
from bot.store.step import Step, T
from bot.worker import failures, flows
from bot.worker.pacer import Pacer
from bot.worker.playbook import House
from bot.worker.receipts import Receipts
from bot.worker.verifying import Verifying

log = logging.getLogger(__name__)

MAX_ON_WIRE = 64  # requests at once, where nobody paces them
MAX_CLAIM = 32  # messages committed as `sending` at once; a crash leaves at most MAX_ON_WIRE unknown, these included
ROOM = 16  # a look at the outbox costs as much for one message as for these: while the wire is fuller than that, it waits
TOUCHED_SECONDS = 0.01  # how long to leave a message alone that somebody else touches
SETTLE_AGAIN_SECONDS = 0.5  # how long a message's end waits for a database that cannot be written
NOT_OWED = frozenset({Reason.OPTED_OUT, Reason.STAFF_HOLDS})  # answers that are rightly not given


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the outbox brought: how many messages were claimed or held, whether `more` may be due now, and how many `doubts`
    their shops are to be asked about."""

    moved: int
    more: bool
    doubts: int = 0


class Sender:
    """Sends what is due, many people at a time, each person's messages in order."""

    def __init__(
        self,
        store: Store,
        channel: Channel,
        house: Callable[[], House],
        *,
        owner: str,
        optouts: OptOutLog | None = None,
        pacer: Pacer | None = None,
        receipts: Receipts | None = None,
        verifying: Verifying | None = None,
    ) -> None:
        """Without a `pacer` everything goes at once; without `receipts` nobody hears that they were read; without `verifying` no shop is
        asked whether a reminder may go."""
        self._store = store
        self._channel = channel
        self._house = house
        self._owner = owner
        self._optouts = optouts
        self._pacer = pacer
        self._receipts = receipts
        self._verifying = verifying
        self._on_wire: set[asyncio.Task[None]] = set()
        self._in_hand: set[int] = set()  # what we were given, until its end is kept
        self._unsure_until = 0.0
        self._taken: dict[Taken, asyncio.Future[None]] = {}
        self._settling: asyncio.Task[None] | None = None

    async def send_due(self, wake: Callable[[], None]) -> Look:
        """Claim what is due and start its requests. `wake` is called as each one ends, and when more may go."""
        wire = self._pacer.wire if self._pacer else MAX_ON_WIRE
        free = min(wire - len(self._on_wire), MAX_CLAIM)
        if free < ROOM:
            return Look(0, more=False)  # the next that ends wakes us
        house = self._house()
        asked = monotonic()
        claim, began, seen = await self._heard(self._claim(house, free))
        if self._pacer:
            self._pacer.claimed(claim, monotonic() - asked, wake)
        for held in claim.held:
            if held.news or held.until is None:
                house.tally.not_sent(held.why, for_good=held.until is None)
        for claimed in claim.claimed:
            moment = self._pacer.moment(claimed) if self._pacer else began
            self._in_hand.add(claimed.id)
            task = asyncio.create_task(self._send(claimed, seen, began, moment), name=f"send-{claimed.id}")
            self._on_wire.add(task)
            task.add_done_callback(self._on_wire.discard)
            task.add_done_callback(lambda _: wake())
        more = claim.more or bool(claim.held)
        return Look(len(claim.claimed) + len(claim.held), more, claim.doubts)  # behind what was dropped stands the next

    def open(self) -> None:
        """Messages may start, after `close` again."""
        if self._pacer:
            self._pacer.open()

    def close(self) -> None:
        """Nothing is claimed any more: what waits for its moment is given back, to be sent by whoever claims it next."""
        if self._pacer:
            self._pacer.close()

    async def finish(self) -> None:
        """Wait until nothing is on the wire."""
        while self._on_wire:
            await asyncio.wait(self._on_wire)

    @property
    def busy(self) -> bool:
        """Whether something is on the wire, or waits a moment for its turn."""
        return bool(self._on_wire) or (self._pacer is not None and self._pacer.waits)

    async def _heard(self, claim: Step[T]) -> T:
        """What a claim brought. Where the connection breaks before we hear of it, it may be committed all the same, perhaps a while later:
        what it took, and nobody was given, is released before the next."""
        if monotonic() < self._unsure_until:
            released = await self._store.run(outbox.release_unheard(self._owner, self._store.epoch, frozenset(self._in_hand)))
            if released:
                log.warning("%d messages were claimed without our hearing of it: they are claimed again", released)
        try:
            return await self._store.run(claim, last=True)
        except Exception:
            self._unsure_until = monotonic() + LEASE.total_seconds()  # whatever is left by then is unknown
            raise

    def _claim(self, house: House, limit: int) -> Step[tuple[Claim, float, int]]:
        """What may go, when the look at it began (`time.monotonic()`), and how many deliveries it saw."""
        seen = self._store.arrivals.count  # the step itself may run later, and in another thread
        if self._pacer is None:
            return self._counted(seen, self._look(house, limit))
        on_wire = len(self._on_wire)
        ration, resting = self._pacer.ration(house.now, on_wire), self._pacer.resting(on_wire)
        return self._counted(seen, self._look(house, limit, ration, resting))

    def _counted(self, seen: int, look: Step[tuple[Claim, float]]) -> Step[tuple[Claim, float, int]]:
        """A look, and how many deliveries it sees: those before it in its transaction, too."""
        kept = self._store.arrivals.kept
        claim, began = yield from look
        return claim, began, max(seen, kept)

    def _look(
        self, house: House, limit: int, ration: Ration | None = None, resting: frozenset[str] = frozenset()
    ) -> Step[tuple[Claim, float]]:
        began = monotonic()

        def judge(message: Message, person: Person) -> Decision:
            return decide(message, person, house.playbook.policy, house.now)

        claim = yield from outbox.claim(
            judge,
            owner=self._owner,
            epoch=self._store.epoch,
            now=house.now,
            limit=limit,
            ration=ration,
            resting=resting,
            heard_since=self._verifying.heard_since(house.now) if self._verifying else outbox.NOBODY_ASKED,
        )
        for held in claim.held:
            about = held.flow or "message"
            if held.until is None:
                yield from contacts.audit(held.contact, house.now, about, f"a message was not sent: {held.why.sentence}")
                if held.run is not None:
                    owed = held.reply and held.why not in NOT_OWED
                    yield from flows.end_unsent(house, held.run, held.why.sentence, owed=owed, sold_out=held.why is Reason.SOLD_OUT)
            elif held.news:
                text = f"a message waits until {held.until:%Y-%m-%d %H:%M} UTC: {held.why.sentence}"
                yield from contacts.audit(held.contact, house.now, about, text)
        return claim, began

    async def _send(self, claimed: Claimed, seen: int, claim_began: float, moment: float) -> None:
        if self._receipts:
            self._receipts.give(claimed, moment - monotonic())
        may_pass = self._pacer is None or await self._pacer.passed(claimed)

        def may_start() -> bool:
            """An event of this person that came in after the claim, here or perhaps at a peer, may be an opt-out: then look again."""
            return not self._store.arrivals.since(seen, claimed.names) and monotonic() - claim_began <= START_SECONDS

        if may_pass and may_start():
            await self._deliver(claimed, may_start)
        else:
            await self._keep(lambda: outbox.release(claimed.id))
        self._in_hand.discard(claimed.id)

    async def _deliver(self, claimed: Claimed, may_start: Callable[[], bool]) -> None:
        tally, began = self._house().tally, monotonic()
        to = Recipient(phone=claimed.phone, bsuid=None if claimed.phone else claimed.bsuid)
        try:
            delivered = await self._channel.deliver(Outgoing(claimed.key, claimed.number, to, claimed.content, may_start))
        except Withheld:
            await self._keep(lambda: outbox.release(claimed.id))
        except SendError as error:
            failure = error
            tally.failed(error.failure, error.code, monotonic() - began)
            await self._keep(lambda: self._logged(failures.answered(self._house(), claimed, failure)))
        except Exception:
            tally.failed(Failure.UNKNOWN, None, monotonic() - began)
            about = {"message_id": claimed.id, "contact": claimed.contact}
            log.exception("message %d: the channel failed in a way of its own", claimed.id, extra=about)
            await self._keep(lambda: outbox.unknown(claimed.id, "an unexpected error while it was sent"))
        else:
            tally.sent(monotonic() - began)
            await self._settled(Taken(claimed.id, delivered.id, delivered.held))
            await self._learn(claimed, delivered)

    async def _learn(self, claimed: Claimed, delivered: Delivered) -> None:
        """WhatsApp may know the person by another name than we wrote to (Cloud API: numbers of Brazil and Mexico)."""
        if claimed.phone and any((name.kind, name.scope, name.value) not in claimed.names for name in delivered.names):
            phone = claimed.phone
            await self._keep(lambda: contacts.learn(claimed.contact, phone, delivered.names, self._house().now))

    def _logged(self, step: Step[None]) -> Step[None]:
        return self._optouts.around(step) if self._optouts else step

    async def _settled(self, taken: Taken) -> None:
        """Until it is kept that a message was taken. Those that are taken while others are being kept share the next transaction."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken[taken] = kept
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle(), name="settle")
        await kept

    async def _settle(self) -> None:
        while self._taken:
            waiting = tuple(self._taken)
            try:
                settled = await self._keep(partial(outbox.settle, waiting))
            except Exception as error:  # noqa: BLE001 - each of them must hear of it
                for one in waiting:
                    _fail(self._taken.pop(one), error)
                continue
            for one in waiting:
                if settled is None or one.message in settled:
                    _tell(self._taken.pop(one))
            if not settled:
                await asyncio.sleep(TOUCHED_SECONDS)

    async def _keep(self, settlement: Callable[[], Step[T]]) -> T | None:
        """Keep a message's end, however long the database cannot be written: lost, it would leave the message unknown.

        None when the store is closed before: the next start finds it on the wire.
        """
        while True:
            try:
                return await self._store.run(settlement())
            except StoreUnavailable:
                if self._store.closing:
                    return None
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
