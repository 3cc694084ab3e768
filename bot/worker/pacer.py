"""Keeps what is sent within the platform's limits (`bot/store/pace.py` has the rules), and each request to its moment.

A claim gets moments for its messages from the database, which all processes share. Until its moment a message waits at the number's
gate: answers pass first, and no more go in any second of this process's clock than the number may send, however late some come.
Nothing here stands between the last look for an opt-out and the request: the sender looks after the gate.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from time import monotonic, time_ns

from bot.policy.pace import STANDARD
from bot.store import pace
from bot.store.arrivals import Arrivals
from bot.store.outbox import ANY_NUMBER, Claimed, lane
from bot.store.pace import Candidate, Lane, Ration, Ruling
from bot.store.step import Step

LEAD_SECONDS = (0.06, 0.3)  # how long before its moment a message is claimed: a few times what claims take lately, within this
CLAIMS = 4.0  # times: between the waking and the commit there is more than the claim itself
LATELY = 0.2  # weight of the newest claim in what they take lately
ANSWERS_LEAD_SECONDS = 0.2
TOGETHER_SECONDS = 0.1  # so much of what can wait is claimed at once: few claims, and few unknown when the process dies
MOST_TOGETHER = 32
FILLED = 0.97  # of a second's messages: beyond it the gate is shut
FILLED_BY_OTHERS = 0.95  # for what can wait: an answer always finds room
WIRE_SECONDS = 0.4  # how long an answer of the platform takes on a bad day: so much of the rate may be on the wire
WIRE = (64, 300)  # the least, and the most: a crash leaves that many unknown
_SECOND = 1.0


class Gate:
    """Where the messages of one number wait for their moments."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.per_second = STANDARD
        self._clock = clock
        self._answers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._others: list[tuple[float, int, asyncio.Future[None]]] = []
        self._lately: deque[float] = deque()
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, messages: int) -> None:
        """So many messages came in: they count, and cannot be held back."""
        self._lately.extend([self._clock()] * messages)

    async def passed(self, *, answer: bool, moment: float) -> None:
        """Wait until a message may start: at its moment, in its turn."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._answers if answer else self._others, (moment, next(self._numbers), future))
        self._open()
        await future

    def _open(self) -> None:
        """Let pass who may, and come back for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        while self._lately and self._lately[0] <= now - _SECOND:
            self._lately.popleft()
        waits = [self._let_pass(self._answers, FILLED, now), self._let_pass(self._others, FILLED_BY_OTHERS, now)]
        soonest = min((until for until in waits if until is not None), default=None)
        if soonest is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, soonest - now), self._open)

    def _let_pass(self, line: list[tuple[float, int, asyncio.Future[None]]], share: float, now: float) -> float | None:
        """Let those of a line pass whose moment has come; returns when to look again, None when nobody waits."""
        room = max(1, int(self.per_second * share))
        while line:
            moment, _, future = line[0]
            if future.done():  # cancelled
                heappop(line)
            elif moment > now:
                return moment
            elif len(self._lately) >= room:
                return self._lately[0] + _SECOND
            else:
                heappop(line)
                self._lately.append(now)
                future.set_result(None)
        return None


class Pacer:
    """The platform's limits, as the sender meets them. `clock` is the wall clock of this machine in microseconds."""

    def __init__(self, arrivals: Arrivals, clock: Callable[[], int] = lambda: time_ns() // 1_000) -> None:
        self._arrivals = arrivals
        self._clock = clock
        self._gates: dict[str, Gate] = {}
        self._rests: dict[str, float] = {}
        self._lanes: Mapping[str, Lane] = {}
        self._looked = 0.0
        self._took = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def wire(self) -> int:
        """How many messages may be on the wire at once."""
        fastest = max((gate.per_second for gate in self._gates.values()), default=STANDARD)
        least, most = WIRE
        return max(least, min(most, int(fastest * WIRE_SECONDS)))

    def resting(self, on_wire: int) -> frozenset[str]:
        """The lanes that need not be looked at now: no moments are to be had, or the wire is so full that it is kept for answers."""
        now = monotonic()
        self._rests = {name: until for name, until in self._rests.items() if until > now}
        kept_for_answers = {lane(ANY_NUMBER, answers=False)} if self._room(on_wire) <= 0 else set[str]()
        return frozenset(self._rests) | kept_for_answers

    def _room(self, on_wire: int) -> int:
        """How many more that can wait may be on the wire: a part of it is kept for answers."""
        return self.wire * 3 // 4 - on_wire

    def ration(self, now: datetime, on_wire: int) -> Ration:
        """For one claim: what goes, when, and what comes in to be counted."""
        room = self._room(on_wire)
        came_in = self._arrivals.messages()
        for number, messages in came_in.items():
            self._gate(number).heard(messages)

        def most(per_second: int) -> int:
            return max(0, min(MOST_TOGETHER, room, max(1, int(per_second * TOGETHER_SECONDS))))

        def ration(candidates: Sequence[Candidate]) -> Step[Mapping[int, Ruling]]:  # may run in the database's own thread
            found = yield from pace.ration(candidates, now=now, clock=self._clock(), heard=came_in, most=most)
            self._lanes, self._looked = found.lanes, monotonic()
            return found.rulings

        return ration

    @property
    def _lead(self) -> float:
        least, most = LEAD_SECONDS
        return max(least, min(most, CLAIMS * self._took))

    def claimed(self, took: float, wake: Callable[[], None]) -> None:
        """A claim is committed, and took so many seconds. Wake the sender when a lane that rests may be looked at again."""
        self._took += LATELY * (took - self._took)
        for number, stands in self._lanes.items():
            self._gate(number).per_second = stands.per_second
            self._rests[lane(number, answers=True)] = self._looked + stands.answers_in - ANSWERS_LEAD_SECONDS
            self._rests[lane(number, answers=False)] = self._looked + stands.others_in - self._lead
        self._lanes = {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = monotonic()
        if rests := [until for until in self._rests.values() if until > now]:
            self._timer = asyncio.get_running_loop().call_later(min(rests) - now, wake)

    def moment(self, claimed: Claimed) -> float:
        """When a message of the last claim may start (`time.monotonic()`)."""
        return self._looked + claimed.after

    async def passed(self, claimed: Claimed, moment: float) -> None:
        """Wait at the gate of its number."""
        await self._gate(claimed.number).passed(answer=claimed.answer, moment=moment)

    def _gate(self, number: str) -> Gate:
        return self._gates.setdefault(number, Gate())

