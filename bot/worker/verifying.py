"""Messages about carts and orders of a shop that has been silent for long: the shop itself is asked before they go.

    claim: the mirror is old -> `verifying`, committed -> the shop is asked, outside -> queued again, to be claimed | cancelled

A process that dies while it asks leaves the row as it is: it is asked again when its turn has passed. A shop without an interface cannot
be asked: then the mirror's word is the best there is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.policy.decision import Reason
from bot.shop.verifier import Doubt, NoAnswer, Verifier
from bot.store import contacts, outbox
from bot.store.database import Database
from bot.store.outbox import Doubted
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

log = logging.getLogger(__name__)

AT_ONCE = 10  # questions at a time: shops limit their interfaces to a few calls a second
ANSWER_SECONDS = 10.0
ASK_AGAIN = timedelta(minutes=5)  # also how long one that asks may take before another does


class Verifying:
    """Asks shops about what waits as `verifying`. `verifiers` by the shop's name, `age` how long a shop may be silent."""

    def __init__(self, store: Database, verifiers: Mapping[str, Verifier], house: Callable[[], House], age: timedelta) -> None:
        self._store = store
        self._verifiers = verifiers
        self._house = house
        self._age = age

    def heard_since(self, now: datetime) -> dict[str, datetime]:
        """The shops that can be asked, with the moment since when they must have told something not to be."""
        return dict.fromkeys(self._verifiers, now - self._age)

    async def ask_due(self) -> int:
        """Ask about what is due, and let go or cancel what was answered; returns how many messages were looked at."""
        doubted = await self._store.run(outbox.doubted(self._house().now, ASK_AGAIN, AT_ONCE))
        await asyncio.gather(*map(self._settle, doubted))
        return len(doubted)

    async def _settle(self, doubted: Doubted) -> None:
        try:
            is_so = await self._ask(doubted)
        except (NoAnswer, TimeoutError) as error:
            log.warning("shop %s did not say whether a message may go (%s): asked again", doubted.shop, type(error).__name__)
            return
        await self._store.run(outbox.verified(doubted.id, self._house().now) if is_so else self._give_up(doubted))

    async def _ask(self, doubted: Doubted) -> bool:
        """What the shop says. Once it is too late for the message, that is for policy to say."""
        verifier = self._verifiers.get(doubted.shop)
        if verifier is None or doubted.expires_at <= self._house().now:
            return True
        async with asyncio.timeout(ANSWER_SECONDS):
            return await verifier.is_so(Doubt(doubted.need), doubted.key)

    def _give_up(self, doubted: Doubted) -> Step[None]:
        house, why = self._house(), Reason.POINTLESS.sentence
        if not (yield from outbox.disproved(doubted.id, Reason.POINTLESS)):
            return
        yield from contacts.audit(doubted.contact, house.now, doubted.flow or "message", f"a message was not sent: {why}")
        if doubted.run is not None:
            yield from flows.end_unsent(house, doubted.run, why, owed=False)
