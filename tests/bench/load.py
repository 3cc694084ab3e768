"""The load, in a process of its own: WhatsApp's deliveries on raw connections, and a Graph API that takes whatever it is sent.

It costs 10 to 30 microseconds a request, on the other core. What was spent by the processes under load is read here, at the very moments
between which the load was counted.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, TypeVar, cast

from tests.bench import delivery
from tests.bench.delivery import STATUSES, Post
from tests.bench.machine import NotMeasured, microseconds, spent

CONNECTIONS = 64
WARM_SECONDS = 0.3
PREBUILT_A_SECOND = 9_000  # deliveries; what is taken beyond them is signed on the way
LONGEST_SECONDS = 90.0  # a round that takes longer hangs
LAG = {"sent": 0, "delivered": 64, "read": 256}  # a status comes once so many later messages have gone
IN_FLIGHT = 256  # messages that are told and not yet answered
NEW_EACH = 10  # each tenth message is of somebody new

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Round:
    """How much was done in how many seconds, and what that took of the processor."""

    events: int
    seconds: float
    cpu_us: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_us_each(self) -> float:
        return self.cpu_us / self.events


def settle_on(cores: frozenset[int]) -> None:
    """Run on these cores from now on."""
    os.sched_setaffinity(0, cores)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop  # cheaper for the load; not needed
    except ImportError:
        return asyncio.run(_timely(work))
    result: T = uvloop.run(_timely(work))
    return result


async def _timely(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    faults: list[object] = []

    def stumbled(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        faults.append(context.get("exception") or context["message"])
        task.cancel()

    asyncio.get_running_loop().set_exception_handler(stumbled)
    try:
        return await asyncio.wait_for(task, LONGEST_SECONDS)
    except (TimeoutError, OSError, asyncio.CancelledError) as error:
        raise NotMeasured(f"the load stumbled: {faults[0] if faults else repr(error)}") from None


async def _until(so: Callable[[], bool]) -> None:
    while not so():  # noqa: ASYNC110 - to set an event with each answer would cost more
        await asyncio.sleep(0.005)


class _Line(asyncio.Protocol):
    """One keep-alive connection: a request, its answer, the next request."""

    def __init__(self, following: Callable[[], bytes | None], answered: Callable[[bytes], None]) -> None:
        self._following = following
        self._answered = answered
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        self.idle = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def go_on(self) -> None:
        """Ask for the next request, and send it."""
        request = self._following()
        self.idle = request is None
        if request is not None and self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        heard = self._heard + data if self._heard else data
        if not _is_whole(heard):
            self._heard = heard
            return
        self._heard = b""
        self._answered(heard)
        self.go_on()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _is_whole(message: bytes) -> bool:
    """Whether a request or an answer is complete."""
    head = message.find(b"\r\n\r\n")
    if head < 0:
        return False
    told = message[:head].lower()
    at = told.find(b"content-length:")
    return at < 0 or len(message) >= head + 4 + int(told[at + 15 :].split(b"\r\n", 1)[0])


async def _connect(
    ports: Sequence[int], number: int, following: Callable[[], bytes | None], answered: Callable[[bytes], None]
) -> list[_Line]:
    loop = asyncio.get_running_loop()
    lines = []
    for at in range(number):
        _, line = await loop.create_connection(lambda: _Line(following, answered), "127.0.0.1", ports[at % len(ports)])
        lines.append(line)
    return lines


def _is_taken(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200")


# ---- deliveries alone


def receive(ports: Sequence[int], pids: Sequence[int], seconds: float, series: str) -> Round:
    """As many deliveries as are acknowledged in a time."""
    return _run(_receive(ports, pids, seconds, series))


async def _receive(ports: Sequence[int], pids: Sequence[int], seconds: float, series: str) -> Round:
    post = Post(series)
    ready = post.messages(int((seconds + WARM_SECONDS) * PREBUILT_A_SECOND))
    taken = over = 0

    def following() -> bytes | None:
        if over:
            return None
        return ready.pop() if ready else post.message(b"34699000000")

    def answered(answer: bytes) -> None:
        nonlocal taken
        if not _is_taken(answer):
            raise NotMeasured(f"a delivery was refused: {answer[:200]!r}")
        taken += 1

    lines = await _connect(ports, CONNECTIONS, following, answered)
    for line in lines:
        line.go_on()
    await asyncio.sleep(min(WARM_SECONDS, seconds))
    before, first, began = spent(pids), taken, monotonic()
    await asyncio.sleep(seconds)
    after, last, ended = spent(pids), taken, monotonic()
    over = 1
    await _until(lambda: all(line.idle for line in lines))
    for line in lines:
        line.close()
    if last == first:
        raise NotMeasured("no delivery was acknowledged")
    return Round(last - first, ended - began, microseconds(before, after))


# ---- a Graph API


class _Graph(asyncio.Protocol):
    """Takes every message and gives it an id. `took` is told the id, the person's digits and our key."""

    def __init__(self, took: Callable[[bytes, bytes, bytes], None], numbers: Callable[[], int]) -> None:
        self._took = took
        self._next = numbers
        self._heard = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        heard = self._heard + data if self._heard else data
        if not _is_whole(heard):
            self._heard = heard
            return
        self._heard = b""
        if heard.startswith(b"GET ") or b'"status":"read"' in heard:  # how our number stands; that a message was read
            if self._transport is not None:
                self._transport.write(_GRAPH_HEAD % len(_NUMBER) + _NUMBER)
            return
        person = _between(heard, b'"to":"', b'"').lstrip(b"+")
        key = _between(heard, b'"biz_opaque_callback_data":"', b'"')
        wamid = b"wamid.bench.%d.%b" % (self._next(), person)
        body = b'{"messaging_product":"whatsapp","contacts":[{"input":"%b","wa_id":"%b"}],"messages":[{"id":"%b"}]}' % (
            person,
            person,
            wamid,
        )
        if self._transport is not None:
            self._transport.write(_GRAPH_HEAD % len(body) + body)
        self._took(wamid, person, key)


_NUMBER = b'{"id":"1"}'
_GRAPH_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n\r\n"


def _between(text: bytes, before: bytes, after: bytes) -> bytes:
    start = text.index(before) + len(before)
    return text[start : text.index(after, start)]


async def _open_graph(port: int, took: Callable[[bytes, bytes, bytes], None]) -> asyncio.Server:
    numbers = count(int(monotonic() * 1_000) * 1_000_000).__next__
    return await asyncio.get_running_loop().create_server(lambda: _Graph(took, numbers), "127.0.0.1", port)


# ---- sending alone


def take(graph: int, pids: Sequence[int], number: int) -> Round:
    """Take so many messages at the port `graph`: from the first to the last of them."""
    return _run(_take(graph, pids, number))


async def _take(graph: int, pids: Sequence[int], number: int) -> Round:
    taken = 0
    began = 0.0
    before = spent(())
    done = asyncio.Event()

    def took(_wamid: bytes, _person: bytes, _key: bytes) -> None:
        nonlocal taken, began, before
        taken += 1
        if taken == 1:
            began, before = monotonic(), spent(pids)
        if taken == number:
            done.set()

    server = await _open_graph(graph, took)
    await done.wait()
    ended, after = monotonic(), spent(pids)
    server.close()
    return Round(number - 1, ended - began, microseconds(before, after))


# ---- the whole way


def converse(ports: Sequence[int], graph: int, pids: Sequence[int], number: int, series: str) -> Round:
    """So many messages are told, answered at the port `graph`, and the answers' statuses told, until all is worked off."""
    return _run(_Talk(ports, graph, pids, number, series).held())


@dataclass(slots=True)
class _Talk:
    ports: Sequence[int]
    graph: int
    pids: Sequence[int]
    number: int
    series: str
    _told: int = 0
    _answered: int = 0
    _acknowledged: int = 0
    _due: deque[bytes] = field(default_factory=deque)
    _later: dict[str, deque[tuple[bytes, bytes, bytes]]] = field(default_factory=lambda: {word: deque() for word in STATUSES})
    _messages: list[bytes] = field(default_factory=list)
    _lines: list[_Line] = field(default_factory=list)

    async def held(self) -> Round:
        """From the first delivery until nothing waits any more."""
        post = Post(self.series)
        self._messages = [post.message(self._person(at)) for at in reversed(range(self.number))]
        server = await _open_graph(self.graph, self._took)
        self._lines = await _connect(self.ports, CONNECTIONS, self._following, self._heard)
        before, began = spent(self.pids), monotonic()
        for line in self._lines:
            line.go_on()
        whole = self.number * (1 + len(STATUSES))
        await _until(lambda: self._acknowledged == whole and self._answered == self.number)
        while await self._waiting():  # noqa: ASYNC110 - another process: nobody tells when it rests
            await asyncio.sleep(0.02)
        after, ended = spent(self.pids), monotonic()
        for line in self._lines:
            line.close()
        server.close()
        return Round(self.number, ended - began, microseconds(before, after))

    def _person(self, at: int) -> bytes:
        known = self.number // NEW_EACH
        place = at // NEW_EACH if at % NEW_EACH == 0 else (at * 7919) % max(1, known)
        return b"34%d%07d" % (600 + sum(self.series.encode()) % 99, place)

    def _following(self) -> bytes | None:
        if self._due:
            return self._due.popleft()
        if self._messages and self._told - self._answered < IN_FLIGHT:
            self._told += 1
            return self._messages.pop()
        return None

    def _heard(self, answer: bytes) -> None:
        if not _is_taken(answer):
            raise NotMeasured(f"a delivery was refused: {answer[:200]!r}")
        self._acknowledged += 1

    def _took(self, wamid: bytes, person: bytes, key: bytes) -> None:
        self._answered += 1
        for word, waiting in self._later.items():
            waiting.append((wamid, person, key))
            lag = LAG[word] if self._answered < self.number else 0
            while len(waiting) > lag:
                message, whose, ours = waiting.popleft()
                self._due.append(delivery.status(message, word, whose, ours))
        for line in self._lines:
            if line.idle and (self._due or self._messages):
                line.go_on()

    async def _waiting(self) -> bool:
        """Whether the bot still has something to work off."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[0])
        writer.write(b"GET /health HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return b'"waiting": 0' not in answer
