"""When will they need it again? The expected time between two purchases of a product, from what this person and all others did.

Measured on a year of a real grocer's sales: the last gap and the mean gap are the worst guesses there are (a holiday, a double pack), the
product's median is good, and the best is the person's own median drawn towards the product's in the logarithm, the more the fewer gaps
they have. Quantities do not help: who buys two packs does not come back twice as late. Even so the guess is rough: half of all people
come back between 0.6 and 2.9 times the expected time, so one nudge a cycle, a second late, and then silence.

Days are whole, of the customer's own calendar; two purchases on one day are one.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, groupby, pairwise
from math import exp, log
from operator import attrgetter
from statistics import median

LONGEST_GAP = 365  # days; who comes back later did not run out, they came back
DRAWN_BY = 3.0  # gaps of one's own that weigh as much as all other people's: of 1 to 10 it errs least (`tests/bench/reorder.py`)
OWN_GAPS = 2  # of a person, to guess from them
PRODUCT_GAPS = 20  # of all people, to guess for somebody from others alone
PRODUCT_PEOPLE = 10  # who came back: twenty gaps of one restaurant say nothing of others
OPENS_AT = 0.8  # of the expected time: the nudge should come before the tin is empty
SECOND_AT = 1.5  # a second nudge; there is no third
OVER_AT = 3.0  # beyond it they did not forget, they left: a matter for win-back


@dataclass(frozen=True, slots=True)
class Purchase:
    """One person bought one product on one day (a `date.toordinal()`; of the delivery, where that is known)."""

    product: str
    person: int
    day: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all people did with a product: who bought it, who of them came back, after how many days in the middle.

    `early` and `late` are the days before which a quarter and three quarters came back.
    """

    buyers: int
    people: int
    gaps: int
    days: float
    early: float
    late: float

    @property
    def enough(self) -> bool:
        """Whether it says something about somebody of whom nothing else is known."""
        return self.gaps >= PRODUCT_GAPS and self.people >= PRODUCT_PEOPLE


class Basis(StrEnum):
    """What an expectation rests on."""

    OWNER = "owner"
    PERSON = "person"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Expectation:
    """After how many days somebody will need it again, why we think so, and from how many gaps of their own."""

    days: float
    basis: Basis
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Override:
    """What the owner knows better. `days` None: never. `per_unit`: so many days for each piece."""

    days: float | None
    per_unit: bool = False


def gaps_of(days: Iterable[int]) -> list[int]:
    """The days between purchases, in their order; what is longer than a year is a year."""
    return [min(later - earlier, LONGEST_GAP) for earlier, later in pairwise(sorted(set(days)))]


class GapCount:
    """Counts the gaps of any number of people, in little room: no gap is longer than a year."""

    __slots__ = ("_of_days", "buyers", "people")

    def __init__(self) -> None:
        self.buyers = self.people = 0
        self._of_days = [0] * (LONGEST_GAP + 1)

    def add(self, own: Sequence[int]) -> None:
        """One more person; without gaps they bought once."""
        self.buyers += 1
        self.people += bool(own)
        for gap in own:
            self._of_days[gap] += 1

    @property
    def evidence(self) -> Evidence | None:
        """What they say; None when nobody came back."""
        up_to = list(accumulate(self._of_days))  # how many gaps are no longer than so many days
        gaps = up_to[-1]
        if not gaps:
            return None
        middle = (bisect_right(up_to, (gaps - 1) // 2) + bisect_right(up_to, gaps // 2)) / 2
        early, late = (float(bisect_right(up_to, gaps * quarter // 4)) for quarter in (1, 3))
        return Evidence(self.buyers, self.people, gaps, middle, early, late)


def evidence(gaps_of_people: Iterable[Sequence[int]]) -> Evidence | None:
    """What the gaps of all buyers of a product say (an empty list: bought once); None when nobody came back."""
    counted = GapCount()
    for own in gaps_of_people:
        counted.add(own)
    return counted.evidence


def expected(own: Sequence[int], others: Evidence | None, override: Override | None = None, pieces: int = 1) -> Expectation | None:
    """After how many days somebody with these gaps will need the product again; None: nobody can say, so nobody is nudged.

    The owner's word stands above all. `pieces` is how many they bought the last time.
    """
    if override is not None:
        if override.days is None:
            return None
        return Expectation(override.days * (max(pieces, 1) if override.per_unit else 1), Basis.OWNER, len(own))
    if len(own) >= OWN_GAPS:
        return Expectation(_drawn(own, others), Basis.PERSON, len(own))
    if others is not None and others.enough:
        return Expectation(_drawn(own, others), Basis.PRODUCT, len(own))
    return None


def _drawn(own: Sequence[int], others: Evidence | None) -> float:
    """The person's median, drawn towards everybody's."""
    if not own:
        assert others is not None  # or there would be nothing to expect from
        return others.days
    if others is None:
        return float(median(own))
    weight = len(own) / (len(own) + DRAWN_BY)
    return exp(weight * log(median(own)) + (1 - weight) * log(others.days))


# ---- all of a shop's at once


@dataclass(frozen=True, slots=True)
class Outlook:
    """A product of a shop: what all people did with it, and after how many days each buyer will need it again.

    `people` are (person, the day of their last purchase, what is expected).
    """

    product: str
    evidence: Evidence | None
    people: tuple[tuple[int, int, Expectation | None], ...]


def outlooks(purchases: Iterable[Purchase]) -> Iterator[Outlook]:
    """Each product's outlook. The purchases come sorted by product, person and day; only one product is in memory at a time."""
    for product, of_product in groupby(purchases, attrgetter("product")):
        bought = [(person, [one.day for one in group]) for person, group in groupby(of_product, attrgetter("person"))]
        gaps = [gaps_of(days) for _, days in bought]
        found = evidence(gaps)
        people = ((person, days[-1], expected(own, found)) for (person, days), own in zip(bought, gaps, strict=True))
        yield Outlook(product, found, tuple(people))
