"""Tells what happened: each change into the queue of whoever wants it, with the faults that are switched on."""

from collections.abc import Callable
from random import Random
from typing import Any

from bot.sandbox.cloud.account import Number
from bot.sandbox.cloud.fault import Faults
from bot.sandbox.cloud.webhook import Webhooks

REORDER_SECONDS = 0.3  # how far an overtaken update falls back

Json = dict[str, Any]


class Teller:
    """The queues of webhooks. `wanted` says whether anybody wants any; `make` makes a queue for another address."""

    def __init__(
        self,
        webhooks: Webhooks,
        make: Callable[[str], Webhooks],
        faults: Callable[[], Faults],
        wanted: Callable[[], bool],
        random: Random,
    ) -> None:
        self._first, self._make, self._faults, self._wanted, self._random = webhooks, make, faults, wanted, random
        self._others: dict[str, Webhooks] = {}
        self._running = False

    async def start(self) -> None:
        """Begins to deliver."""
        self._running = True
        for queue in self._queues():
            await queue.start()

    async def close(self) -> None:
        """Stops; what still waits is forgotten."""
        for queue in self._queues():
            await queue.close()

    async def idle(self) -> None:
        """Returns when every webhook was delivered or given up."""
        for queue in self._queues():
            await queue.idle()

    async def redirect(self, number: Number, url: str) -> None:
        """What is about this number goes to another address from now on, empty: where the rest goes."""
        number.callback = url
        if url and url not in self._others:
            self._others[url] = self._make(url)
            if self._running:
                await self._others[url].start()

    def tell(self, change: Json, after: float = 0, on_due: Callable[[], None] | None = None, number: Number | None = None) -> None:
        """Queues a change that falls due in `after` seconds; `on_due` runs just before it is posted."""
        faults = self._faults()
        if not self._wanted():
            if on_due:
                on_due()
            return
        queue = self._others[number.callback] if number and number.callback else self._first
        after += faults.delay
        if self._random.random() < faults.reorder:
            after += REORDER_SECONDS * self._random.random()
        if faults.hyphen_language and "message_template_language" in change["value"]:
            change["value"]["message_template_language"] = change["value"]["message_template_language"].replace("_", "-")
        queue.put(change, after=after, on_due=on_due)
        if self._random.random() < faults.duplicate:
            queue.put(change, after=after)

    def _queues(self) -> tuple[Webhooks, ...]:
        return (self._first, *self._others.values())
