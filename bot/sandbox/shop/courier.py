"""Carries what a store tells to whatever addresses its webhooks lead to, one after the other, each as often as its platform would try."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=5)  # Shopify: an answer within five seconds

Answered = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Post:
    """One delivery. `answered` hears the status of the last try, None: nobody answered."""

    address: str
    headers: Mapping[str, str]
    body: bytes
    answered: Answered = lambda _: None


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a delivery."""

    post: Post
    status: int | None
    tries: int


class Courier:
    """One store's deliveries. `pauses` are the seconds between tries; without any each is tried once. `carried` is what came of all."""

    def __init__(self, pauses: Sequence[float] = ()) -> None:
        self.pauses = tuple(pauses)
        self.carried: list[Carried] = []
        self._waiting: asyncio.Queue[Post] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to deliver."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stops; what still waits is forgotten."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def idle(self) -> None:
        """Returns when nothing waits any more. Raises what a delivery raised, if it is our fault."""
        assert self._task is not None  # it was started
        quiet = asyncio.create_task(self._waiting.join())
        await asyncio.wait([quiet, self._task], return_when=asyncio.FIRST_COMPLETED)
        quiet.cancel()
        if self._task.done():
            self._task.result()

    def send(self, post: Post) -> None:
        """Queues a delivery."""
        self._waiting.put_nowait(post)

    async def _work(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                post = await self._waiting.get()
                try:
                    await self._carry(session, post)
                finally:
                    self._waiting.task_done()

    async def _carry(self, session: aiohttp.ClientSession, post: Post) -> None:
        status, tries = None, 0
        for pause in (0.0, *self.pauses):
            await asyncio.sleep(pause)
            status, tries = await _try(session, post), tries + 1
            if status is not None and 200 <= status < 300:
                break
        self.carried.append(Carried(post, status, tries))
        post.answered(status)


async def _try(session: aiohttp.ClientSession, post: Post) -> int | None:
    try:
        async with session.post(post.address, data=post.body, headers=dict(post.headers), allow_redirects=False) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return None
