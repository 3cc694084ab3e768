"""How fast a number may send: each message gets the moment at which its request may start, evenly, not a second's worth at once.

Cloud API: 80 messages a second and number, what comes in and what goes out together; up to 1,000 for the largest senders, 20 where the
phone app is used on the number, too. Beyond it requests fail (130429). Nobody knows how Meta counts, so no second of any clock may hold
more: requests are a little late now and then, and what comes in cannot be held back. Hence a share of the rate is left free.

Two queues have one pace. Answers overtake what can wait: they take their moments from what is still to be given, so a campaign slows
down by as much as is answered. All times are microseconds of one clock; whose, does not matter.
"""

from dataclasses import dataclass, replace

STANDARD = 80
HIGH = 1_000
WITH_APP = 20

USED_SHARE = 0.925  # of the rate: 74 of 80 a second, so that some may be late by a little and fall into the next second
ANSWERS_AT_ONCE = 50_000  # microseconds' worth of answers that may start together: 3 of 80 a second
CATCH_UP = 10_000  # of moments that passed unused while the next were being asked for
AHEAD = 500_000  # how far ahead moments are given: a claimed message is gone when its process dies, so not far
LOST_CLOCK = 20_000_000  # a moment that is further ahead is of a clock that was put back
SLOWEST = 50  # thousandths of the rate: even a number that is refused again and again tries a few messages a second
CLIMB = 45_000_000  # from nothing to the full rate after it was told to slow down
ONE_REFUSAL = 1_000_000  # what is refused within a second was sent at one pace: it is slowed down once
WHOLE = 1_000
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a number stands. `per_second`: its limit; `next_at`, `answer_at`: when the next message may start, and the next answer;
    `share`: thousandths of the rate that it kept at `slowed_at`."""

    per_second: int = STANDARD
    next_at: int = 0
    answer_at: int = 0
    share: int = WHOLE
    slowed_at: int = 0

    def share_at(self, now: int) -> int:
        """Thousandths of the rate that are used now: it climbs back evenly."""
        return min(WHOLE, self.share + max(0, now - self.slowed_at) * WHOLE // CLIMB)

    def gap(self, now: int) -> int:
        """Microseconds between two messages."""
        return max(1, round(_SECOND * WHOLE / (self.per_second * USED_SHARE * self.share_at(now))))


def heard(pace: Pace, messages: int, now: int) -> Pace:
    """So many messages came in: they cannot be held back, so ours are. But not beyond a second: Meta counts by the second, and what is
    told late in one delivery (a thousand updates after a quiet night) was written in many."""
    pace = _of_this_clock(pace, now)
    took = messages * pace.gap(now)

    def later(moment: int) -> int:
        return max(moment, min(max(moment, now) + took, now + _SECOND))

    return replace(pace, next_at=later(pace.next_at), answer_at=later(pace.answer_at))


def answers(pace: Pace, wanted: int, now: int) -> tuple[Pace, tuple[int, ...]]:
    """The moments of at most so many answers, as few as can be given now."""
    pace = _of_this_clock(pace, now)
    gap, moments = pace.gap(now), list[int]()
    next_at, answer_at = pace.next_at, pace.answer_at
    while len(moments) < wanted and (moment := max(now, answer_at - ANSWERS_AT_ONCE)) <= now + AHEAD:
        moments.append(moment)
        answer_at = max(answer_at, now) + gap
        next_at = max(next_at, now) + gap
    return replace(pace, next_at=next_at, answer_at=answer_at), tuple(moments)


def others(pace: Pace, wanted: int, now: int) -> tuple[Pace, tuple[int, ...]]:
    """The moments of at most so many messages that can wait, as few as can be given now."""
    pace = _of_this_clock(pace, now)
    gap, moments = pace.gap(now), list[int]()
    next_at = max(pace.next_at, now - CATCH_UP)
    while len(moments) < wanted and next_at <= now + AHEAD:
        moments.append(max(now, next_at))
        next_at += gap
    return replace(pace, next_at=next_at if moments else pace.next_at), tuple(moments)


def slowed(pace: Pace, now: int, rest: int) -> Pace:
    """The platform said "too fast": rest for so long, then half as fast as before, climbing back."""
    if 0 <= now - pace.slowed_at < ONE_REFUSAL:
        return pace
    share = max(SLOWEST, pace.share_at(now) // 2)
    return replace(pace, share=share, slowed_at=now, next_at=max(pace.next_at, now + rest), answer_at=max(pace.answer_at, now + rest))


def _of_this_clock(pace: Pace, now: int) -> Pace:
    if max(pace.next_at, pace.answer_at) <= now + LOST_CLOCK:
        return pace
    return replace(pace, next_at=now, answer_at=now)
