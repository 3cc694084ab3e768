"""Can two conditions hold for the same person? `False` is certain, `True` means: as far as can be seen.

Each condition is written as a list of ways it can hold, each way as tests that must all be true; two conditions exclude each other
when every pair of their ways does. A missing value makes most tests false, so a test that holds says that its value is there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from bot.flow.condition import Comparison, Condition, Either, Every, Member, Named, Never, Node, Not, Test

MAX_WAYS = 64  # of one condition; one with more is taken to hold beside any other
MAX_SEGMENT_DEPTH = 20  # as deep as segments are asked


@dataclass(frozen=True, slots=True)
class Literal:
    """One test in a way, or its opposite. `comparison` is None for a segment that cannot be looked into."""

    name: str
    comparison: Comparison | None
    constant: Any
    holds: bool


Way = frozenset[Literal]


class _TooMany(Exception):
    """A condition that can hold in more ways than are looked at."""


def can_both_hold(one: Condition | None, other: Condition | None, segments: Mapping[str, Condition]) -> bool:
    """Whether somebody can meet both conditions (None: everybody does)."""
    try:
        ways, others = (list(_ways(condition, segments)) for condition in (one, other))
    except _TooMany:
        return True
    return any(_is_possible(way | another) for way, another in product(ways, others))


def _ways(condition: Condition | None, segments: Mapping[str, Condition]) -> Iterable[Way]:
    return [frozenset()] if condition is None else _of(condition.root, True, segments, 0)


def _of(node: Node, holds: bool, segments: Mapping[str, Condition], depth: int) -> list[Way]:
    """The ways in which a node holds, or does not."""
    match node:
        case Never():
            return [] if holds else [frozenset()]
        case Not(part):
            return _of(part, not holds, segments, depth)
        case Test():
            return [frozenset({Literal(node.name, node.comparison, node.constant, holds)})]
        case Member(segment):
            known = segments.get(segment)
            if known is None or depth >= MAX_SEGMENT_DEPTH:
                return [frozenset({Literal(segment, None, None, holds)})]
            return _of(known.root, holds, segments, depth + 1)
        case Every(parts) | Either(parts):
            of_parts = [_of(part, holds, segments, depth) for part in parts]
            together = isinstance(node, Every) is holds
            return _all_of(of_parts) if together else _limited(way for ways in of_parts for way in ways)


def _all_of(of_parts: list[list[Way]]) -> list[Way]:
    ways: list[Way] = [frozenset()]
    for part in of_parts:
        ways = _limited(way | another for way, another in product(ways, part))
    return ways


def _limited(ways: Iterator[Way]) -> list[Way]:
    found: list[Way] = []
    for way in ways:
        found.append(way)
        if len(found) > MAX_WAYS:
            raise _TooMany
    return found


def _is_possible(way: Way) -> bool:
    """Whether all tests of a way can be true at once, as far as can be seen."""
    if any(Literal(one.name, one.comparison, one.constant, not one.holds) in way for one in way):
        return False
    return all(_is_possible_of(name, way) for name in {one.name for one in way if one.comparison is not None})


_OPPOSITE = {
    Comparison.IS: Comparison.IS_NOT,
    Comparison.IN: Comparison.NOT_IN,
    Comparison.HAS: Comparison.HAS_NO,
    Comparison.AT_LEAST: Comparison.LESS,
    Comparison.MORE: Comparison.AT_MOST,
}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}
_BELOW = {Comparison.LESS, Comparison.AT_MOST, Comparison.BEFORE}
_ABOVE = {Comparison.MORE, Comparison.AT_LEAST, Comparison.AFTER}
_CLOSED = {Comparison.AT_MOST, Comparison.AT_LEAST, Comparison.IS}


def _is_possible_of(name: str, way: Way) -> bool:
    """Whether what is said of one name fits together. What is said of a value that may be missing fits with anything."""
    said = [_plainly(one) for one in way if one.name == name and one.comparison is not None and not _is_named(one.constant)]
    has = {constant for comparison, constant in said if comparison is Comparison.HAS}
    has_no = {constant for comparison, constant in said if comparison is Comparison.HAS_NO}
    if has & has_no:
        return False
    chosen = [_choices(comparison, constant) for comparison, constant in said if comparison in (Comparison.IS, Comparison.IN)]
    is_there = bool(chosen) or any(one.holds and one.comparison in _BELOW | _ABOVE for one in way if one.name == name)
    if not is_there:
        return True
    refused = {choice for comparison, constant in said if comparison in (Comparison.IS_NOT, Comparison.NOT_IN)
               for choice in _choices(_OPPOSITE[comparison], constant)}  # fmt: skip
    if chosen and not frozenset.intersection(*chosen) - refused:
        return False
    bounds = [(comparison, constant) for comparison, constant in said if comparison in _BELOW | _ABOVE]
    bounds += [(Comparison.IS, next(iter(choice))) for choice in chosen if len(choice) == 1]
    return not any(_exclude(one, other) for one, other in product(bounds, bounds))


def _plainly(literal: Literal) -> tuple[Comparison, Any]:
    """The comparison that is true of a literal: `is less than` for one that is not `is at least`."""
    assert literal.comparison is not None, "a segment is no comparison"
    if literal.holds or literal.comparison not in _OPPOSITE:
        return (literal.comparison if literal.holds else _NOT_OF_MOMENT[literal.comparison]), literal.constant
    return _OPPOSITE[literal.comparison], literal.constant


_NOT_OF_MOMENT = {Comparison.BEFORE: Comparison.AFTER, Comparison.AFTER: Comparison.BEFORE}  # but for the very moment itself


def _is_named(constant: Any) -> bool:
    return isinstance(constant, Named) or (isinstance(constant, tuple) and any(isinstance(one, Named) for one in constant))


def _choices(comparison: Comparison, constant: Any) -> frozenset[Any]:
    return frozenset(constant if comparison is Comparison.IN else (constant,))


def _exclude(low: tuple[Comparison, Any], high: tuple[Comparison, Any]) -> bool:
    """Whether nothing lies above the one and below the other."""
    if low[0] not in _ABOVE | {Comparison.IS} or high[0] not in _BELOW | {Comparison.IS}:
        return False
    bottom, top = _height(low), _height(high)
    if bottom is None or top is None or bottom[0] != top[0]:
        return False
    both_closed = low[0] in _CLOSED and high[0] in _CLOSED
    return bool(bottom[1] > top[1] or (bottom[1] == top[1] and not both_closed))


def _height(bound: tuple[Comparison, Any]) -> tuple[str, Any] | None:
    """What a bound is measured in, and how high it is. A moment is the higher the less long ago it is."""
    comparison, constant = bound
    if isinstance(constant, tuple):
        return str(constant[0]), constant[1]  # money, in its currency
    if comparison in (Comparison.BEFORE, Comparison.AFTER):
        return "moment", -constant
    return ("number", constant) if not isinstance(constant, str | bool) else None


