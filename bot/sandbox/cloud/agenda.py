"""What the sandbox does later by its own clock, which its owner may turn: reviews end, pauses run out, announced changes come."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LOOK_SECONDS = 0.05  # between two looks at a clock that may be turned at any moment


@dataclass(order=True, slots=True)
class _Entry:
    due: datetime
    number: int
    do: Callable[[], None] = field(compare=False)


class Agenda:
    """Entries in the order of their time (UTC, by the caller's clock)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._entries: list[_Entry] = []
        self._count = 0
        self._stirred = asyncio.Event()

    def after(self, length: timedelta, do: Callable[[], None]) -> None:
        """Does it when the clock has gone on by `length`."""
        self._count += 1
        heapq.heappush(self._entries, _Entry(self._clock() + length, self._count, do))
        self._stirred.set()

    def next_due(self) -> datetime | None:
        """When the next entry falls due (UTC)."""
        return self._entries[0].due if self._entries else None

    def run_due(self) -> None:
        """Does what is due by now."""
        while self._entries and self._entries[0].due <= self._clock():
            heapq.heappop(self._entries).do()

    async def keep(self) -> None:
        """Does what falls due for as long as it runs."""
        while True:
            await self._stirred.wait()
            self.run_due()
            if self._entries:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                self._stirred.clear()
