"""The ways through a flow: what can follow what, and what is true, at worst, when a step is reached."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from heapq import heappop, heappush
from typing import NamedTuple

from bot.flow.facts import Money
from bot.flow.measure import read_discount
from bot.flow.model import (
    AnyStep,
    AskStep,
    ContinueStep,
    DiscountStep,
    EndStep,
    Flow,
    GoToStep,
    HandOverStep,
    IfStep,
    OptOutStep,
    Step,
    WaitStep,
    branches,
)
from bot.flow.position import Position
from bot.flow.rules import StoreRules

REPLY_WINDOW = timedelta(hours=24)  # Cloud API: free texts are refused (131047) once the customer has been silent for so long
NOW = timedelta()
MAX_VISITS = 25  # of one step while silence still grows: a circle of short waits is then taken to last for ever

PERCENT = frozenset({"discount.code", "discount.ends", "discount.percent"})
AMOUNT = frozenset({"discount.code", "discount.ends", "discount.amount"})


class Way(NamedTuple):
    """One way on from a step. `to` is the path of the next step, None where the flow ends.

    `takes` is the longest time it takes, `answered` that the customer has just written, `makes` the names of a discount made on it.
    """

    to: str | None
    takes: timedelta = NOW
    answered: bool = False
    makes: frozenset[str] = frozenset()

    @property
    def is_instant(self) -> bool:
        """Whether nothing happens on it that takes time or a customer."""
        return self.takes == NOW and not self.answered


class Worst(NamedTuple):
    """What is true at worst when a step is reached: how long the customer may have been silent, which discount names surely exist."""

    silence: timedelta
    discount: frozenset[str] = frozenset()

    def after(self, way: Way) -> "Worst":
        """At the end of a way that begins here."""
        silence = NOW if way.answered else min(self.silence + way.takes, REPLY_WINDOW)
        return Worst(silence, way.makes or self.discount)

    def or_else(self, other: "Worst") -> "Worst":
        """Where two ways meet."""
        return Worst(max(self.silence, other.silence), self.discount & other.discount)


Ways = Mapping[str, tuple[Way, ...]]


def ways(flow: Flow, rules: StoreRules) -> Ways:
    """Every step's ways on, by its path."""
    positions = {here.path: here for here in _positions(flow.steps, "steps", None)}
    labels = {here.step.label: path for path, here in reversed(positions.items()) if here.step.label is not None}
    return {path: tuple(_ways_on(here, labels, rules)) for path, here in positions.items()}


def _positions(steps: tuple[AnyStep, ...], path: str, owner: Position | None) -> Iterator[Position]:
    """Every step's position, in reading order."""
    for number, step in enumerate(steps):
        here = Position(steps, path, number, owner)
        yield here
        for branch, nested in branches(step):
            yield from _positions(nested, f"{here.path}.{branch}", here)


def _ways_on(here: Position, labels: Mapping[str, str], rules: StoreRules) -> Iterator[Way]:
    step = here.step
    # not by isinstance, which pydantic makes cost a microsecond a class
    if type(step) in _LAST:
        return
    if type(step) is ContinueStep:
        yield Way(_path(here.after_branch()))
    elif type(step) is GoToStep:
        yield Way(labels.get(step.go_to))
    elif type(step) is WaitStep:
        yield Way(_below(here), takes=step.wait)
    elif type(step) is DiscountStep:
        yield Way(_below(here), makes=discount_names(step, rules))
        yield from (Way(to) for _, to in _into(here))
    elif type(step) is IfStep:
        yield from (Way(to) for _, to in _into(here))
    elif type(step) is AskStep:
        after = step.no_answer.after
        yield from (Way(to, takes=after) if branch == "no_answer.then" else Way(to, answered=True) for branch, to in _into(here))
    else:
        yield Way(_below(here))


_LAST = frozenset({EndStep, HandOverStep, OptOutStep})


def _into(here: Position) -> Iterator[tuple[str, str | None]]:
    """Each branch of a step with the path of what it leads to; an empty one leads below."""
    for branch, steps in branches(here.step):
        yield branch, f"{here.path}.{branch}.0" if steps else _below(here)


def _below(here: Position | None) -> str | None:
    """The path of `here.below()`; every step has one, so none is made that is not kept."""
    while here is not None:
        if here.number + 1 < len(here.steps):
            return f"{here.list_path}.{here.number + 1}"
        here = here.owner
    return None


def _path(where: Position | None) -> str | None:
    return where.path if where else None


def discount_names(step: DiscountStep, rules: StoreRules) -> frozenset[str]:
    """The names a discount brings: a share has a percent, a sum an amount. One that cannot be read is taken to bring them all."""
    try:
        made = read_discount(step.discount, rules.currency)
    except ValueError:
        return PERCENT | AMOUNT
    return AMOUNT if isinstance(made, Money) else PERCENT


def worst_cases(ways: Ways, first: Mapping[str, Worst]) -> dict[str, Worst]:
    """What is true at worst at each step that can be reached from the first ones; a step that cannot is not in it."""
    order = {path: number for number, path in enumerate(_in_order(ways, first))}
    worst: dict[str, Worst] = {}
    visits: dict[str, int] = {}
    arriving = dict(first)
    pending = sorted((order[path], path) for path in first)
    while pending:
        _, path = heappop(pending)
        if (reached := arriving.pop(path, None)) is None:
            continue
        known = worst.get(path)
        reached = reached if known is None else known.or_else(reached)
        if reached == known:
            continue
        visits[path] = visits.get(path, 0) + 1
        if visits[path] > MAX_VISITS:
            reached = Worst(REPLY_WINDOW, reached.discount)
        worst[path] = reached
        for way in ways[path]:
            if way.to is not None:
                after = reached.after(way)
                arriving[way.to] = arriving[way.to].or_else(after) if way.to in arriving else after
                heappush(pending, (order[way.to], way.to))
    return worst


def _in_order(ways: Ways, first: Iterable[str]) -> list[str]:
    """The steps that can be reached, each behind those that lead to it, as far as circles allow: so most are looked at once."""
    ordered: list[str] = []
    seen: set[str] = set()
    for begin in first:
        trail = [(begin, iter(ways[begin]))] if begin not in seen else []
        seen.add(begin)
        while trail:
            path, rest = trail[-1]
            to = next((way.to for way in rest if way.to is not None and way.to not in seen), None)
            if to is None:
                ordered.append(path)
                trail.pop()
            else:
                seen.add(to)
                trail.append((to, iter(ways[to])))
    return ordered[::-1]


def asked_unanswered(path: str, ways: Ways, asks: Collection[str]) -> Iterator[str]:
    """The other asks a run can come to while the one at this path was never answered."""
    seen = {path}
    pending = [way.to for way in ways[path] if not way.answered]
    while pending:
        to = pending.pop()
        if to is None or to in seen:
            continue
        seen.add(to)
        if to in asks:
            yield to
        pending.extend(way.to for way in ways[to] if not way.answered)


def circles(ways: Ways) -> Iterator[tuple[str, str]]:
    """Circles on which nothing takes time: each as the step that closes it and the step it leads back to."""
    done: set[str] = set()
    for path in ways:
        yield from _circles_from(path, ways, done)


def _circles_from(first: str, ways: Ways, done: set[str]) -> Iterator[tuple[str, str]]:
    """Depth first, without recursion: `trail` are the steps between the first and the present one."""
    if first in done:
        return
    trail = [first]
    pending = [_instant(first, ways)]
    while pending:
        to = next(pending[-1], None)
        if to is None:
            done.add(trail.pop())
            pending.pop()
        elif to in trail:
            yield trail[-1], to
        elif to not in done:
            trail.append(to)
            pending.append(_instant(to, ways))


def _instant(path: str, ways: Ways) -> Iterator[str]:
    return (way.to for way in ways[path] if way.is_instant and way.to is not None)


def says_what_comes_next(steps: tuple[Step, ...]) -> bool:
    """Whether a branch says what comes next, on each of its ways. (What stands below that word is never reached.)"""
    return any(map(_leads_on, steps))


def _leads_on(step: Step) -> bool:
    match step:
        case ContinueStep() | EndStep() | GoToStep() | HandOverStep() | OptOutStep():
            return True
        case IfStep(then=then, else_=otherwise):
            return says_what_comes_next(then) and says_what_comes_next(otherwise)
        case AskStep() as ask:
            return all(says_what_comes_next(nested) for _, nested in branches(ask))
        case _:
            return False
