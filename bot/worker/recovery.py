"""What stands still may go on: a token works again, a block has ended, a template that surprised us has been asked about.

Looked at every minute. Nothing was lost meanwhile: what could not be sent is queued.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.store import contacts, outbox, templates
from bot.store.database import Database, StoreUnavailable
from bot.store.outbox import Awaits
from bot.store.step import Step
from bot.worker.registry import Registry

log = logging.getLogger(__name__)

LOOK_SECONDS = 60


class Recovery:
    """`works` asks the platform whether it knows a number of ours by our token. `renew` looks for a new token where the settings
    are, and says whether there was one, which is used from then on."""

    def __init__(
        self,
        store: Database,
        clock: Callable[[], datetime],
        works: Callable[[str], Awaitable[bool]],
        renew: Callable[[], bool] = lambda: False,
        registry: Registry | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._works = works
        self._renew = renew
        self._registry = registry

    async def look(self) -> bool:
        """Whether numbers may send again that could not."""
        try:
            if await self._store.read(templates.is_to_ask()) and self._registry is not None:
                await self._store.run(templates.asked())
                await self._registry.ask()
            return await self._start_numbers()
        except StoreUnavailable as fault:
            log.warning("whether numbers may send again could not be looked at: %s", fault)
            return False

    async def _start_numbers(self) -> bool:
        now = self._clock()
        stopped = await self._store.read(outbox.stopped_numbers())
        if not stopped:
            return False
        renewed = self._renew()
        started = {one.number: "there is a new token" for one in stopped if renewed}
        for one in stopped:
            if one.until is not None and one.until <= now:
                started.setdefault(one.number, "its time is over")
            elif one.awaits is Awaits.TOKEN and one.number not in started and await self._works(one.number):
                started[one.number] = "the token works"
        for number, why in started.items():
            await self._store.run(_start(number, why, now))
            log.info("number %s sends again: %s", number, why)
        return bool(started)


def _start(number: str, why: str, now: datetime) -> Step[None]:
    yield from outbox.start_number(number)
    yield from contacts.audit(None, now, "channel", f"number {number} sends again: {why}")
