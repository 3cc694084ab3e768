"""Asking what lies outside the house (stores, files), so that who is slow keeps no other waiting."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Hashable, Iterable
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)


class Asking(Generic[K]):
    """What is being asked, `most` things of each at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: dict[asyncio.Task[None], K] = {}

    @property
    def busy(self) -> list[K]:
        """Those of whom no more is asked for now."""
        return [whom for whom, count in Counter(self._tasks.values()).items() if count >= self._most]

    async def ask(self, asked: Iterable[tuple[K, Coroutine[Any, Any, None]]], patience: float) -> None:
        """Ask, and wait until all answered or take longer than `patience` (seconds): then it goes on by itself. Raises StoreUnavailable."""
        begun = {asyncio.create_task(asking): whom for whom, asking in asked}
        self._tasks |= begun
        for task in begun:
            task.add_done_callback(self._ended)
        done = (await asyncio.wait(begun, timeout=patience))[0] if begun else ()
        for task in done:
            task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("what was answered could not be kept, and it is asked again: %s", fault)

    async def stop(self) -> None:
        """Whatever is asked now is asked again by the next process."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
