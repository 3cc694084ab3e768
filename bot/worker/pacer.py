"""Keeps what is sent within the platform's limits (`bot/store/pace.py` has the rules), and each request to its moment.

A claim gets moments for its messages from the database, which all processes share. Until its moment a message waits at the number's
gate: answers pass first, and no more go in any second of this process's clock than the number may send, however late some come.
Nothing here stands between the last look for an opt-out and the request: the sender looks after the gate.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from heapq import heappop, heappush, heapreplace
from time import monotonic, time_ns

from bot.policy.pace import STANDARD
from bot.store import pace
from bot.store.arrivals import Arrivals
from bot.store.outbox import ANY_NUMBER, Claim, Claimed, lane
from bot.store.pace import Candidate, Lane, Ration, Ruling
from bot.store.step import Step

LEAD_SECONDS = (0.1, 0.3)  # how long before its moment a message is claimed: a few times what claims take lately, within this
CLAIMS = 4.0  # times: between the waking and the commit there is more than the claim itself
LATELY = 0.2  # weight of the newest claim in what they take lately
ANSWERS_LEAD_SECONDS = 0.2
TOGETHER_SECONDS = 0.1  # so much of what can wait is claimed at once: few claims, and few unknown when the process dies
MOST_TOGETHER = 32
FILLED = 0.94  # of a second's messages: beyond it the gate is shut
ON_THE_WAY = 0.1  # seconds until we hear of what comes in: the more came in lately, the more is on its way, and counts already
FILLED_BY_OTHERS = 0.925  # for what can wait: an answer always finds room
WIRE_SECONDS = 0.4  # how long an answer of the platform takes on a bad day: so much of the rate may be on the wire
WIRE = (64, 300)  # the least, and the most: a crash leaves that many unknown
ANSWERS_COMPARED = 100  # of the database: a few seconds' worth, for a clock may be put right
SHARED_TOLERANCE = 0.03  # seconds, where others send at the moments between: so much of a second may be fuller than it should be
_SECOND = 1.0


class Gate:
    """Where the messages of one number wait for their moments.

    A moment is not a message's own: whoever is next takes it. One that could not be used for `tolerance` seconds is void, for what others
    send has its moments, too; who is left without one waits for the next claim, which is `asked` for.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, *, tolerance: float = _SECOND) -> None:
        self.per_second = STANDARD
        self.asked: Callable[[], None] = lambda: None
        self._clock = clock
        self._tolerance = tolerance
        self._answers: deque[asyncio.Future[bool]] = deque()
        self._others: deque[asyncio.Future[bool]] = deque()
        self._moments: list[float] = []
        self._lately: deque[float] = deque()
        self._heard: deque[float] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def missed(self) -> int:
        """How many that can wait have no moment."""
        self._forget(self._clock())
        return max(0, sum(not future.done() for future in self._others) - len(self._moments))

    def heard(self, messages: int) -> None:
        """So many messages came in: they count, and cannot be held back."""
        self._lately.extend([self._clock()] * messages)
        self._heard.extend([self._clock()] * messages)

    def give(self, moments: Iterable[float]) -> None:
        """Moments for those that can wait."""
        for moment in moments:
            heappush(self._moments, moment)
        self._open()

    def give_way(self, later: Iterable[float]) -> None:
        """What came in and what is answered takes the next moments of those that can wait, who get these instead."""
        for moment in later:
            if not self._moments:
                return
            heapreplace(self._moments, moment)

    async def passed(self, *, answer: bool) -> bool:
        """Wait until a message may start: an answer as soon as there is room, what can wait at the next moment. False when it is turned
        away."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        (self._answers if answer else self._others).append(future)
        self._open()
        return await future

    def turn_away(self) -> None:
        """Whoever waits now need not any more."""
        for line in (self._answers, self._others):
            for future in line:
                if not future.done():  # else it was cancelled
                    future.set_result(False)
            line.clear()

    def _open(self) -> None:
        """Let pass who may, and come back for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        self._forget(now)
        waits = [self._let_answers_pass(now), self._let_others_pass(now)]
        soonest = min((until for until in waits if until is not None), default=None)
        if soonest is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, soonest - now), self._open)

    def _forget(self, now: float) -> None:
        for line in (self._lately, self._heard):
            while line and line[0] <= now - _SECOND:
                line.popleft()
        while self._moments and self._moments[0] < now - self._tolerance:
            heappop(self._moments)

    def _let_answers_pass(self, now: float) -> float | None:
        """Returns when to look again, None when nobody waits."""
        while self._answers:
            if not self._answers[0].done() and not self._has_room(FILLED):
                return self._lately[0] + _SECOND
            self._pass(self._answers, now)
        return None

    def _let_others_pass(self, now: float) -> float | None:
        """Returns when to look again, None when nobody waits, or a claim must give moments first."""
        while self._others:
            if not self._others[0].done():
                if not self._moments:
                    self.asked()
                    return None
                if self._moments[0] > now:
                    return self._moments[0]
                if not self._has_room(FILLED_BY_OTHERS):
                    return self._lately[0] + _SECOND
                heappop(self._moments)
            self._pass(self._others, now)
        return None

    def _has_room(self, share: float) -> bool:
        return len(self._lately) + ON_THE_WAY * len(self._heard) < max(1, int(self.per_second * share))

    def _pass(self, line: deque[asyncio.Future[bool]], now: float) -> None:
        future = line.popleft()
        if not future.done():  # else it was cancelled
            self._lately.append(now)
            future.set_result(True)


class Pacer:
    """The platform's limits, as the sender meets them. `clock` is the wall clock of this machine in microseconds."""

    def __init__(self, arrivals: Arrivals, clock: Callable[[], int] = lambda: time_ns() // 1_000, *, alone: bool = True) -> None:
        """`alone`: no other process sends from these numbers."""
        self._arrivals = arrivals
        self._clock = clock
        self._tolerance = _SECOND if alone else SHARED_TOLERANCE
        self._wake: Callable[[], None] = lambda: None
        self._gates: dict[str, Gate] = {}
        self._rests: dict[str, float] = {}
        self._lanes: Mapping[str, Lane] = {}
        self._looked = 0.0
        self._differences: deque[float] = deque(maxlen=ANSWERS_COMPARED)
        self._took = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def wire(self) -> int:
        """How many messages may be on the wire at once."""
        fastest = max((gate.per_second for gate in self._gates.values()), default=STANDARD)
        least, most = WIRE
        return max(least, min(most, int(fastest * WIRE_SECONDS)))

    @property
    def waits(self) -> bool:
        """Whether the sender will be woken, because a number has its next moment soon."""
        return self._timer is not None and not self._timer.cancelled() and self._timer.when() > asyncio.get_running_loop().time()

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
        came_in, missed = self._arrivals.messages(), {number: gate.missed for number, gate in self._gates.items()}
        for number, messages in came_in.items():
            self._gate(number).heard(messages)

        def most(per_second: int) -> int:
            return max(0, min(MOST_TOGETHER, room, max(1, int(per_second * TOGETHER_SECONDS))))

        def ration(candidates: Sequence[Candidate]) -> Step[Mapping[int, Ruling]]:  # may run in the database's own thread
            found = yield from pace.ration(candidates, now=now, clock=self._clock(), heard=came_in, missed=missed, most=most)
            self._lanes = found.lanes
            for stands in found.lanes.values():
                self._looked = self._here(stands.clock, monotonic())
            return found.rulings

        return ration

    def _here(self, clock: int, heard_at: float) -> float:
        """When the database's clock showed this, by ours: an answer of it may be heard late, and the quickest lately tells by how much."""
        self._differences.append(heard_at - clock / 1e6)
        return clock / 1e6 + min(self._differences)

    @property
    def _lead(self) -> float:
        least, most = LEAD_SECONDS
        return max(least, min(most, CLAIMS * self._took))

    def claimed(self, claim: Claim, took: float, wake: Callable[[], None]) -> None:
        """A claim is committed, and took so many seconds. Wake the sender when a lane that rests may be looked at again."""
        self._took += LATELY * (took - self._took)
        self._wake = wake
        for number, stands in self._lanes.items():
            self._rests[lane(number, answers=True)] = self._looked + stands.answers_in - ANSWERS_LEAD_SECONDS
            self._rests[lane(number, answers=False)] = self._looked + stands.others_in - self._lead
            gate = self._gate(number)
            gate.per_second = stands.per_second
            own = (one.after for one in claim.claimed if one.number == number and not one.answer)
            gate.give_way(self._looked + after for after in stands.later)
            gate.give(self._looked + after for after in (*stands.spare, *own))
        self._lanes = {}
        self._come_back()

    def moment(self, claimed: Claimed) -> float:
        """When a message of the last claim may start, as far as is known (`time.monotonic()`)."""
        return self._looked + claimed.after

    def _come_back(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = monotonic()
        if rests := [until for until in self._rests.values() if until > now]:
            self._timer = asyncio.get_running_loop().call_later(min(rests) - now, self._wake)

    async def passed(self, claimed: Claimed) -> bool:
        """Wait at the gate of its number; False when it is turned away there."""
        return not self._closed and await self._gate(claimed.number).passed(answer=claimed.answer)

    def close(self) -> None:
        """Turn everybody away from now on: with no more claims nobody gets a moment in place of one that went void."""
        self._closed = True
        for gate in self._gates.values():
            gate.turn_away()

    def open(self) -> None:
        """Let pass again, after `close`."""
        self._closed = False

    def _gate(self, number: str) -> Gate:
        gate = self._gates.get(number)
        if gate is None:
            gate = self._gates[number] = Gate(tolerance=self._tolerance)
            gate.asked = partial(self._missed, number)
        return gate

    def _missed(self, number: str) -> None:
        """Messages wait that have no moment: a claim gives them others, at once or when there are any."""
        if self._rests.get(lane(number, answers=False), 0.0) <= monotonic():
            self._wake()
