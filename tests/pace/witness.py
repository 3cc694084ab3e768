"""An independent witness: it sees what arrived at WhatsApp and what came in, and knows nothing of how we pace."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

SECOND = 1.0
PAIR_SECONDS, PAIR_BURST = 6.0, 45  # Cloud API: one message in 6 s to one person, 45 at once, borrowed from the time to come


def fullest(moments: Sequence[float], length: float = SECOND) -> int:
    """How many moments the fullest stretch of a length holds, wherever it begins."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= length:
            first += 1
        most = max(most, last - first + 1)
    return most


def over_pair(by_person: dict[str, list[float]]) -> int:
    """How many messages were too many for their person."""
    too_many = 0
    for moments in by_person.values():
        room, at = float(PAIR_BURST), min(moments)
        for moment in sorted(moments):
            room, at = min(PAIR_BURST, room + (moment - at) / PAIR_SECONDS), moment
            too_many += room < 1
            room -= 1
    return too_many


@dataclass(frozen=True, slots=True)
class Seen:
    """What the witness saw. Times are seconds of one clock. `answers`: from a customer's delivery to our request, in seconds."""

    sent: tuple[tuple[float, str], ...]  # when, to whom
    heard: tuple[float, ...]
    answers: tuple[float, ...]
    began: float  # of the campaign
    ended: float

    @property
    def fullest_second(self) -> int:
        """Messages in and out in the fullest second."""
        return fullest([*(at for at, _ in self.sent), *self.heard])

    @property
    def rate(self) -> float:
        """Messages in and out a second, while the campaign went on."""
        every = [*(at for at, _ in self.sent), *self.heard]
        return sum(self.began <= at <= self.ended for at in every) / (self.ended - self.began)

    @property
    def too_many_for_one(self) -> int:
        """Messages beyond a person's limit."""
        by_person = defaultdict(list)
        for at, to in self.sent:
            by_person[to].append(at)
        return over_pair(by_person)

    def slowest(self, share: int) -> float:
        """The percentile of the answers' times."""
        return quantiles(self.answers, n=100)[share - 1] if len(self.answers) > 1 else max(self.answers, default=0.0)
