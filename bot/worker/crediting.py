"""What flows are credited with: found out with each word of an order, and with each message that turns out to have arrived.

Both may be told late and in any order, so it is found out anew each time, from all that is known. A night looks at the last days' orders
once more: of people who turned out to be one, and for an owner who changed how long a message counts.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.store import contacts, credit, outbox
from bot.store.credit import Kind
from bot.store.database import Database, StoreUnavailable
from bot.store.outbox import Sent
from bot.store.step import Step
from bot.worker.playbook import House

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(hours=20)  # between two looks at the last days' orders
LATE_WORDS = timedelta(days=7)  # how late a word of an order, or of who is who, may come and still be counted by the nightly look
AT_ONCE = 50  # orders: some 10 ms of the one writer

SPOKEN = {
    Kind.CODE: "its code was used",
    Kind.CLICK: "they came by its link",
    Kind.VIEW_THROUGH: "its message had arrived",
}


def settle(house: House, order: int) -> Step[None]:
    """Find out what an order is credited to; a change is told under the person."""
    found = yield from credit.settle(order, house.playbook.rules.credit_for)
    if found.now == found.before:
        return
    if found.now is None:
        flow, told = (found.before or ("", None))[0], f"order {found.number} does not count as brought about by this flow any more"
    else:
        flow, told = found.now[0], f"order {found.number} counts as brought about by this flow: {SPOKEN[found.now[1]]}"
    yield from contacts.audit(found.contact, house.now, flow, told)


def arrived(house: House, message: Sent, at: datetime) -> Step[None]:
    """A message was in the customer's hands at that time, perhaps before an order that is known already."""
    if not message.marketing or message.run is None:
        return
    at = min(at, house.now)
    if (yield from outbox.arrived(message.id, at)):
        window = house.playbook.rules.credit_for
        for order in (yield from credit.orders_after(message.contact, message.id, at, window)):
            yield from settle(house, order)


class Ledger:
    """Looks at the last days' orders once a night."""

    def __init__(self, store: Database, house: Callable[[], House]) -> None:
        self._store = store
        self._house = house
        self._last: datetime | None = None

    async def keep_fresh(self) -> None:
        """Look again, if the last time was a night ago."""
        now = self._house().now
        if self._last is not None and self._last <= now < self._last + AGAIN_AFTER:
            return
        try:
            await self.settle_all()
        except StoreUnavailable as fault:
            log.warning("what brought orders about could not be looked at: %s", fault)
        else:
            self._last = now

    async def settle_all(self) -> int:
        """Look now; returns at how many orders."""
        house, after, count = self._house(), 0, 0
        since = house.now - house.playbook.rules.credit_for - LATE_WORDS
        while orders := await self._store.read(credit.orders_since(since, after, AT_ONCE)):
            await self._store.run(_settle_all(house, orders))
            after, count = orders[-1][0], count + len(orders)
        return count


def _settle_all(house: House, orders: Sequence[tuple[int, int]]) -> Step[None]:
    for contact in sorted({contact for _, contact in orders}):  # in the order of their ids, as everybody does who holds several
        yield from contacts.hold(contact)
    for order, _ in orders:
        yield from settle(house, order)
