"""What a measurement found, for people and for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.load import Round


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, round by round; shown by its medians. `unit` says what `values` are."""

    name: str
    values: tuple[float, ...]
    unit: str
    cpu_us: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def cpu(self) -> float | None:
        """Microseconds of processor time an event."""
        return median(self.cpu_us) if self.cpu_us else None


def row(name: str, rounds: Sequence[Round], unit: str = "/s") -> Row:
    """Events a second, and what each took."""
    return Row(name, tuple(each.per_second for each in rounds), unit, tuple(each.cpu_us_each for each in rounds))


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised. `at_least`: more is better, else less is."""

    name: str
    goal: float
    value: float
    unit: str = ""
    at_least: bool = True

    @property
    def is_met(self) -> bool:
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def verdict(self) -> str:
        """Met, or missed by how much of the goal."""
        return "met" if self.is_met else f"missed by {abs(self.value - self.goal) / self.goal:.0%}"


@dataclass(frozen=True, slots=True)
class Found:
    """One measurement: its letter, what it measured, the rows, the targets, and what must be said with them."""

    letter: str
    title: str
    rows: tuple[Row, ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...] = ()


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what disturbed a round disturbed both."""
    return median(one / other for one, other in zip(above, below, strict=True))


def as_table(found: Found) -> str:
    """For people."""
    width = max(len(name) for name in (*(each.name for each in found.rows), *(each.name for each in found.targets)))
    lines = [f"({found.letter}) {found.title}", ""]
    for each in found.rows:
        spread = f"{_number(min(each.values))} to {_number(max(each.values))}" if len(each.values) > 1 else ""
        cpu = f"{each.cpu:8.0f} us CPU" if each.cpu is not None else " " * 15
        lines.append(f"    {each.name:<{width}}  {_number(each.value):>9} {each.unit:<4} {cpu}   {spread}".rstrip())
    if found.targets:
        lines.append("")
    for target in found.targets:
        sign = ">=" if target.at_least else "<="
        goal = f"{sign} {_number(target.goal)} {target.unit}".rstrip()
        lines.append(f"    {target.name:<{width}}  {_number(target.value):>9} {target.unit:<4} target {goal:<12} {target.verdict}")
    lines += ["", *(f"    {note}" for note in found.notes), ""] if found.notes else [""]
    return "\n".join(lines)


def _number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_json(everything: Sequence[Found]) -> str:
    """For machines."""
    return json.dumps([_plain(found) for found in everything], indent=2)


def _plain(found: Found) -> dict[str, object]:
    return {
        "letter": found.letter,
        "title": found.title,
        "rows": [asdict(each) | {"median": each.value, "median_cpu_us": each.cpu} for each in found.rows],
        "targets": [asdict(target) | {"met": target.is_met, "verdict": target.verdict} for target in found.targets],
        "notes": list(found.notes),
    }
