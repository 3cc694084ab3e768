"""What Meta says of our numbers and their limits, asked now and then: a webhook can be lost, and an account is older than its webhook."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.channel import SendError
from bot.channel.whatsapp.number import NumberState
from bot.channel.whatsapp.reading import daily_limit
from bot.policy.pace import HIGH, STANDARD
from bot.store import pace
from bot.store.database import Database, StoreUnavailable
from bot.store.step import Step

log = logging.getLogger(__name__)

_PER_SECOND = {"STANDARD": STANDARD, "HIGH": HIGH}  # Cloud API: throughput.level of a number


class Limits:
    """Asks and keeps. `probe` asks Meta for one of our numbers; `number` is the one we write from when nobody wrote to us yet."""

    def __init__(self, store: Database, probe: Callable[[str], Awaitable[NumberState]], number: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._probe = probe
        self._number = number
        self._clock = clock

    async def ask(self) -> None:
        """Ask Meta about each number and keep what it says; what cannot be asked or kept now is asked the next time."""
        try:
            known = await self._store.read(pace.standing(self._clock()))
        except StoreUnavailable as fault:
            log.warning("how our numbers stand could not be asked: %s", fault)
            return
        for number in sorted({self._number, *(one.number for one in known.numbers)}):
            try:
                await self._store.run(_keep(number, await self._probe(number), self._clock()))
            except SendError as fault:
                log.warning("how number %s stands could not be asked: %s", number, fault.detail)
            except StoreUnavailable as fault:
                log.warning("how number %s stands could not be kept: %s", number, fault)


def _keep(number: str, told: NumberState, now: datetime) -> Step[None]:
    per_second = _PER_SECOND.get(told.throughput or "")
    yield from pace.number_told(number, now, phone=told.phone, per_second=per_second, quality=told.quality)
    limit = daily_limit(told.messaging_limit)
    if limit is not None:
        yield from pace.people_told(limit.people, now)
