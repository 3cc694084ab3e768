"""Webhook deliveries of the sandbox: updates wait in a queue, fall due, are signed and posted, and are tried again until taken."""

import asyncio
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

RETRY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, *[1.0] * 30)
"""Seconds between tries of one delivery: half a minute, so that a receiver that is killed and started again gets its updates."""
TIMEOUT = aiohttp.ClientTimeout(total=10)

Payload = dict[str, Any]


@dataclass(order=True, slots=True)
class _Waiting:
    due: float
    number: int
    payload: Payload = field(compare=False)
    on_due: Callable[[], None] | None = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that came to its end. `at` is `time.monotonic()` when the answer was read; `status` None: never answered."""

    body: bytes
    headers: Mapping[str, str]
    status: int | None
    tries: int
    at: float


class Webhooks:
    """One receiver's queue.

    `pack` makes the body of one POST from its payloads, `sign` the headers from the body and the delivery's own id.
    `taken` tells the statuses that end the tries; without a `url` updates are dropped at once.
    `batch` is asked at each delivery: how many payloads may go together; `repeat`: whether it comes once more, byte for byte.
    """

    def __init__(
        self,
        *,
        pack: Callable[[Sequence[Payload]], bytes],
        sign: Callable[[str, bytes], Mapping[str, str]],
        taken: Callable[[int], bool],
        url: str = "",
        batch: Callable[[], int] = lambda: 1,
        repeat: Callable[[], bool] = lambda: False,
        retry_pauses: Sequence[float] = RETRY_PAUSES,
        parallel: int = 1,
    ) -> None:
        self.url = url
        self.delivered: list[Delivery] = []
        self.dropped: list[Delivery] = []
        self._pack, self._sign, self._taken, self._batch = pack, sign, taken, batch
        self._repeat = repeat
        self._retry_pauses = tuple(retry_pauses)
        self._parallel = parallel
        self._waiting: list[_Waiting] = []
        self._count = 0
        self._on_the_way = 0
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begins to deliver."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        self._tasks = [asyncio.create_task(self._work(self._session)) for _ in range(self._parallel)]

    async def close(self) -> None:
        """Stops; what still waits is forgotten."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._session:
            await self._session.close()

    async def idle(self) -> None:
        """Returns when nothing waits any more, not even what falls due later. Raises what a delivery raised, if it is our fault."""
        quiet = asyncio.create_task(self._quiet.wait())
        done, _ = await asyncio.wait([quiet, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        quiet.cancel()
        for task in done - {quiet}:
            if not task.cancelled():
                task.result()

    def put(self, payload: Payload, *, after: float = 0, on_due: Callable[[], None] | None = None) -> None:
        """Queues a payload that falls due in `after` seconds. `on_due` runs just before it is posted."""
        self._count += 1
        heapq.heappush(self._waiting, _Waiting(time.monotonic() + after, self._count, payload, on_due))
        self._quiet.clear()
        self._wake.set()

    async def replay(self, delivery: Delivery) -> int:
        """Posts a former delivery once more, byte for byte, and returns the status. Raises aiohttp.ClientError."""
        assert self._session
        async with self._session.post(self.url, data=delivery.body, headers=dict(delivery.headers)) as response:
            return response.status

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            due = await self._next_due()
            try:
                await self._deliver(session, due)
            finally:
                self._on_the_way -= len(due)
                if not self._waiting and not self._on_the_way:
                    self._quiet.set()

    async def _next_due(self) -> list[_Waiting]:
        while (seconds := self._seconds_left()) is None or seconds > 0:
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)
        now, limit, due = time.monotonic(), max(self._batch(), 1), list[_Waiting]()
        while self._waiting and self._waiting[0].due <= now and len(due) < limit:
            due.append(heapq.heappop(self._waiting))
        self._on_the_way += len(due)
        return due

    def _seconds_left(self) -> float | None:
        return self._waiting[0].due - time.monotonic() if self._waiting else None

    async def _deliver(self, session: aiohttp.ClientSession, due: Sequence[_Waiting]) -> None:
        for one in due:
            if one.on_due:
                one.on_due()
        body = self._pack([one.payload for one in due])
        delivery_id = f"msg_{due[0].number}_{time.monotonic_ns()}"
        status, tries = None, 0
        headers: Mapping[str, str] = {}
        for pause in (0.0, *self._retry_pauses) if self.url else ():
            await asyncio.sleep(pause)
            headers = {"Content-Type": "application/json", **self._sign(delivery_id, body)}
            status, tries = await self._post(session, body, headers), tries + 1
            if status is not None and self._taken(status):
                self.delivered.append(Delivery(body, headers, status, tries, time.monotonic()))
                if self._repeat():
                    await self._post(session, body, headers)
                return
        self.dropped.append(Delivery(body, headers, status, tries, time.monotonic()))

    async def _post(self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str]) -> int | None:
        try:
            async with session.post(self.url, data=body, headers=dict(headers), allow_redirects=False) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None
