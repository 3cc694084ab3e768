"""The words of a condition: `cart.total is at least 50 and not in big_spenders`.

    condition   = both { "or" both }
    both        = one { "and" one }
    one         = "not" one | "(" condition ")" | "in" SEGMENT | NAME | NAME comparison value | NAME "is" ["not"] "in" list
    comparison  = "is" ["not" | "at least" | "at most" | "more than" | "less than" | "before" | "after"]
                | "has" ["no"] | "=" | "!=" | "<" | "<=" | ">" | ">="
    list        = "[" value { "," value } "]"
    value       = NAME | NUMBER [CURRENCY] | NUMBER UNIT ["ago"] | "text" | WORD | "yes" | "no"

No calls, no arithmetic, no attributes: nothing to escape from. A text is compared without regard to upper and lower case. A
missing value makes a test false; `is not`, `is not in` and `has no` are then true.
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from bot.flow.facts import Facts, Money
from bot.flow.money import LONGEST_AMOUNT, MOST_DIGITS, digits
from bot.flow.names import KNOWN, Kind, Reader, did_you_mean, find, reader
from bot.flow.run import Discount

MAX_LENGTH = 1000  # characters; longer ones belong into segments with names
MAX_DEPTH = 20  # brackets and nots inside one another: beyond what anyone can read, far below Python's own limit
MAX_SEGMENT_DEPTH = 20  # segments that name segments; one that names itself ends here at the latest
MAX_DAYS = 36_500  # a hundred years: a longer time would run out of the calendar
PARSED_KEPT = 4096  # parsed conditions kept in memory: more than a store's flows hold

_ROOTS = frozenset(name.partition(".")[0] for name in KNOWN)
_UNITS = {
    **dict.fromkeys(("minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("day", "days"), timedelta(days=1)),
    **dict.fromkeys(("week", "weeks"), timedelta(weeks=1)),
}
_TOKEN = re.compile(r"""\s+|(?P<text>"[^"]*"|'[^']*'|“[^”]*”)|(?P<sign><=|>=|!=|=|<|>)|(?P<mark>[()\[\],])|(?P<word>[\w.\-]+)""")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_RESERVED = frozenset({"and", "or", "not", "in", "is", "has", "ago"})


class ConditionError(ValueError):
    """A condition that cannot be read: a sentence for its owner, and where in the text (characters from its start)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


# ---- what a condition is, once read


@dataclass(slots=True)
class _World:
    """What a condition is asked about. `asked` remembers the segments already answered, and answers no to one being asked."""

    facts: Facts
    discount: Discount | None
    segments: Mapping[str, "Condition"]
    now: datetime
    asked: dict[str, bool] = field(default_factory=dict)
    depth: int = 0


Operand = Callable[[_World], Any]
"""A value to compare with, None when it is missing."""


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison of a known name, made ready: how to read it, what to compare it with, and how.

    `comparison` and `constant` are the same as written, for `overlap.py`.
    """

    name: str
    read: Reader
    key: Callable[[Any], Any]
    compare: Callable[[Any, Any], bool]
    operand: Operand
    when_missing: bool
    comparison: "Comparison"
    constant: Any

    def holds(self, world: _World) -> bool:
        value = self.read(world.facts, world.discount)
        other = self.operand(world)
        if value is None or other is None:
            return self.when_missing
        return self.compare(self.key(value), other)


@dataclass(frozen=True, slots=True)
class Never:
    """A test that makes no sense ("cannot compare text with a number"): `validate` says why."""

    name: str

    def holds(self, _: _World) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Member:
    """`in big_spenders`."""

    segment: str

    def holds(self, world: _World) -> bool:
        known = world.asked.get(self.segment)
        if known is not None:
            return known
        condition = world.segments.get(self.segment)
        if condition is None or world.depth >= MAX_SEGMENT_DEPTH:
            return False
        world.asked[self.segment] = False
        world.depth += 1
        answer = world.asked[self.segment] = condition.root.holds(world)
        world.depth -= 1
        return answer


@dataclass(frozen=True, slots=True)
class Not:
    """`not ...`."""

    part: "Node"

    def holds(self, world: _World) -> bool:
        return not self.part.holds(world)


@dataclass(frozen=True, slots=True)
class Every:
    """`... and ...`."""

    parts: tuple["Node", ...]

    def holds(self, world: _World) -> bool:
        for part in self.parts:  # noqa: SIM110 - a generator would cost as much as the tests
            if not part.holds(world):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Either:
    """`... or ...`."""

    parts: tuple["Node", ...]

    def holds(self, world: _World) -> bool:
        for part in self.parts:  # noqa: SIM110 - as in Every
            if part.holds(world):
                return True
        return False


Node = Test | Never | Member | Not | Every | Either


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read. `problems` and `members` carry their offsets in the text."""

    text: str
    root: Node
    names_used: tuple[str, ...]
    members: tuple[tuple[int, str], ...]
    problems: tuple[tuple[int, str], ...]

    def names(self) -> frozenset[str]:
        """The names it reads, known or not."""
        return frozenset(self.names_used)

    def segments(self) -> frozenset[str]:
        """The segments it names itself (not those that these name)."""
        return frozenset(segment for _, segment in self.members)


@lru_cache(maxsize=PARSED_KEPT)
def parse(text: str) -> Condition:
    """The condition written in a text; ConditionError when its words cannot be read. Meaning is `validate`'s."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH} characters: give parts of it a name in store.yaml", MAX_LENGTH)
    return _Parser(text).condition()


def validate(condition: Condition, segments: Collection[str]) -> list[tuple[int, str]]:
    """What makes no sense in a condition: (offset, a sentence for its owner), in reading order. `segments` are the known ones."""
    unknown = [
        (offset, f"I do not know the segment '{segment}'{did_you_mean(segment, segments)}")
        for offset, segment in condition.members
        if segment not in segments
    ]
    return sorted([*condition.problems, *unknown])


def holds(condition: Condition, facts: Facts, discount: Discount | None, segments: Mapping[str, Condition], now: datetime) -> bool:
    """Whether the condition is true now (UTC). Total: what makes no sense, and a segment nobody knows, is false."""
    return condition.root.holds(_World(facts, discount, segments, now))


# ---- comparisons


class Comparison(StrEnum):
    """The comparisons, as they are read aloud."""

    IS = "is"
    IS_NOT = "is not"
    AT_LEAST = "is at least"
    AT_MOST = "is at most"
    MORE = "is more than"
    LESS = "is less than"
    BEFORE = "is before"
    AFTER = "is after"
    HAS = "has"
    HAS_NO = "has no"
    IN = "is in"
    NOT_IN = "is not in"


_WHEN_MISSING = frozenset({Comparison.IS_NOT, Comparison.HAS_NO, Comparison.NOT_IN})
_ORDER: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.AT_LEAST: operator.ge,
    Comparison.AT_MOST: operator.le,
    Comparison.MORE: operator.gt,
    Comparison.LESS: operator.lt,
}
_OTHERS: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.IS: operator.eq,
    Comparison.IS_NOT: operator.ne,
    Comparison.BEFORE: operator.lt,
    Comparison.AFTER: operator.gt,
    Comparison.HAS: operator.contains,
    Comparison.HAS_NO: lambda words, word: word not in words,
    Comparison.IN: lambda value, values: value in values,
    Comparison.NOT_IN: lambda value, values: value not in values,
}
_EQUAL = frozenset({Comparison.IS, Comparison.IS_NOT})
_LISTED = frozenset({Comparison.IN, Comparison.NOT_IN})
_FITS: dict[Kind, frozenset[Comparison]] = {
    Kind.NUMBER: _EQUAL | _LISTED | _ORDER.keys(),
    Kind.MONEY: _EQUAL | _LISTED | _ORDER.keys(),
    Kind.TEXT: _EQUAL | _LISTED,
    Kind.WORDS: frozenset({Comparison.HAS, Comparison.HAS_NO}),
    # Not `is more than 60 days ago`: half of its readers take it for longer ago, half for later.
    Kind.MOMENT: _EQUAL | {Comparison.BEFORE, Comparison.AFTER},
    Kind.YES_NO: _EQUAL,
}
_EXAMPLES = {
    Kind.NUMBER: "{} is at least 3",
    Kind.MONEY: "{} is at least 50",
    Kind.TEXT: '{} is "some text"',
    Kind.WORDS: "{} has vip",
    Kind.MOMENT: "{} is before 60 days ago",
    Kind.YES_NO: "{} is yes",
}
_SPOKEN = {
    Kind.NUMBER: "a number",
    Kind.MONEY: "money",
    Kind.TEXT: "text",
    Kind.WORDS: "a list of words",
    Kind.MOMENT: "a time",
    Kind.LENGTH: "a length of time",
    Kind.YES_NO: "yes or no",
}


def _scaled(money: Money) -> tuple[str, int]:
    """Money in ten-thousandths, beside its currency: exact to compare, whatever decimals the currency has."""
    return money.currency, money.minor * 10 ** (MOST_DIGITS - digits(money.currency))


def _same(value: Any) -> Any:
    return value


_KEYS: dict[Kind, Callable[[Any], Any]] = {
    Kind.MONEY: _scaled,
    Kind.TEXT: str.casefold,
    Kind.WORDS: lambda words: {word.casefold() for word in words},
}


def _in_one_currency(order: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """The order of two sums of money, false for two currencies."""
    return lambda one, other: one[0] == other[0] and order(one[1], other[1])


def _comparing(kind: Kind, comparison: Comparison) -> Callable[[Any, Any], bool]:
    if comparison not in _ORDER:
        return _OTHERS[comparison]
    return _in_one_currency(_ORDER[comparison]) if kind is Kind.MONEY else _ORDER[comparison]


# ---- reading


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, sign, mark or quoted text, and where it stands; `end` is after the last."""

    kind: str
    text: str
    offset: int

    @property
    def word(self) -> str:
        """The word in lower case, empty for what is not a word."""
        return self.text.lower() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class _Value:
    """What stands on the right. `kind` is None for a name nobody knows.

    `constant` tells it from other values of its kind whatever the world is: the value itself, how long ago a moment is, an amount
    in the store's currency as ("", ten-thousandths), a name as a `Named`.
    """

    kind: Kind | None
    operand: Operand
    constant: Any = None


@dataclass(frozen=True, slots=True)
class Named:
    """A value that is read from a name."""

    name: str


def _constant(kind: Kind, constant: Any) -> _Value:
    return _Value(kind, lambda _: constant, constant)


def _named(written: str, kind: Kind | None) -> _Value:
    read = reader(written)
    key = _KEYS.get(kind, _same) if kind else _same

    def operand(world: _World) -> Any:
        value = read(world.facts, world.discount)
        return None if value is None else key(value)

    return _Value(kind, operand, Named(written))


def _fits(kind: Kind, value: _Value) -> bool:
    return value.kind is (Kind.TEXT if kind is Kind.WORDS else kind)


def _misfit(name: str, kind: Kind, comparison: Comparison, value: _Value) -> str | None:
    """Why this comparison makes no sense, None when it does."""
    example = _EXAMPLES[kind].format(name)
    if comparison not in _FITS[kind]:
        return f"'{comparison}' does not fit {name}, which is {_SPOKEN[kind]}: write for example '{example}'"
    if value.kind is None or _fits(kind, value):
        return None
    return f"cannot compare {_SPOKEN[kind]} with {_SPOKEN[value.kind]}: write for example '{example}'"


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ConditionError(_unreadable(text[at]), at)
        if match.lastgroup:
            found.append(_Token(match.lastgroup, match.group(), at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _unreadable(sign: str) -> str:
    if sign in "\"'“”":
        return "a quote is opened here and never closed"
    if sign in "$€£¥":
        return "write money as '50', or with its currency as '50 EUR'"
    return f"I cannot read '{sign}' here"


_SIGNS = {
    "=": Comparison.IS,
    "!=": Comparison.IS_NOT,
    "<": Comparison.LESS,
    "<=": Comparison.AT_MOST,
    ">": Comparison.MORE,
    ">=": Comparison.AT_LEAST,
}
_AFTER_IS: tuple[tuple[tuple[str, ...], Comparison], ...] = (
    (("not", "in"), Comparison.NOT_IN),
    (("at", "least"), Comparison.AT_LEAST),
    (("at", "most"), Comparison.AT_MOST),
    (("more", "than"), Comparison.MORE),
    (("less", "than"), Comparison.LESS),
    (("before",), Comparison.BEFORE),
    (("after",), Comparison.AFTER),
    (("in",), Comparison.IN),
    (("not",), Comparison.IS_NOT),
)
_OTHER_WORDS = {
    **dict.fromkeys(("greater", "bigger", "larger", "higher", "over", "above"), "write 'is more than'"),
    **dict.fromkeys(("smaller", "lower", "fewer", "under", "below"), "write 'is less than'"),
    **dict.fromkeys(("equal", "equals"), "write 'is'"),
    **dict.fromkeys(("at", "more", "less"), "after 'is' write 'at least', 'at most', 'more than' or 'less than'"),
}


class _Parser:
    """Reads one condition from left to right; the first thing that cannot be read ends it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.names: list[str] = []
        self.members: list[tuple[int, str]] = []
        self.problems: list[tuple[int, str]] = []

    def condition(self) -> Condition:
        root = self.either()
        if self.token.kind != "end":
            raise ConditionError(self.leftover(), self.token.offset)
        return Condition(self.text, root, tuple(self.names), tuple(self.members), tuple(self.problems))

    def leftover(self) -> str:
        if self.token.text == ")":
            return "a bracket is closed here that was never opened"
        near = did_you_mean(self.token.word, ("and", "or"))
        quotes = "" if near or self.token.kind != "word" else " (text of several words stands in quotes)"
        return f"I expected 'and' or 'or' before '{self.token.text}'{near}{quotes}"

    # -- tokens

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def next(self) -> _Token:
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token

    def takes(self, *words: str) -> bool:
        """Whether these words come next; if so they are read."""
        coming = tuple(token.word for token in self.tokens[self.at : self.at + len(words)])
        if coming != words:
            return False
        self.at += len(words)
        return True

    def takes_mark(self, mark: str) -> bool:
        if self.token.text != mark or self.token.kind != "mark":
            return False
        self.at += 1
        return True

    # -- joined tests

    def either(self) -> Node:
        parts = [self.every()]
        while self.takes("or"):
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def every(self) -> Node:
        parts = [self.one()]
        while self.takes("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def one(self) -> Node:
        if self.depth > MAX_DEPTH:
            raise ConditionError("too many brackets inside one another: give a part a name in store.yaml", self.token.offset)
        self.depth += 1
        node = self.inner()
        self.depth -= 1
        return node

    def inner(self) -> Node:
        opened = self.token.offset
        if self.takes("not"):
            return Not(self.one())
        if self.takes("in"):
            return self.member()
        if not self.takes_mark("("):
            return self.test()
        node = self.either()
        if not self.takes_mark(")"):
            raise ConditionError("this bracket is never closed" if self.token.kind == "end" else self.leftover(), opened)
        return node

    def member(self) -> Node:
        token = self.next()
        if token.kind != "word":
            raise ConditionError("after 'in' I expected the name of a segment", token.offset)
        self.members.append((token.offset, token.text))
        return Member(token.text)

    # -- one test

    def test(self) -> Node:
        token = self.next()
        if token.kind == "end":
            raise ConditionError("a condition is missing here", token.offset)
        if token.kind != "word" or token.word in _RESERVED or _NUMBER.fullmatch(token.text):
            raise ConditionError(f"a test begins with a name such as cart.total, not with '{token.text}'", token.offset)
        kind = self.name(token)
        if kind is Kind.YES_NO and self.ends_here():
            return self.made(token, kind, Comparison.IS, _constant(Kind.YES_NO, True))
        comparison = self.comparison(token, kind)
        value = self.values(kind) if comparison in _LISTED else self.value(kind)
        return self.made(token, kind, comparison, value)

    def name(self, token: _Token) -> Kind | None:
        self.names.append(token.text)
        name = find(token.text)
        if name is None:
            self.problems.append((token.offset, f"I do not know '{token.text}'{did_you_mean(token.text, KNOWN)}"))
        return name.kind if name else None

    def ends_here(self) -> bool:
        return self.token.kind == "end" or self.token.word in ("and", "or") or self.token.text == ")"

    def comparison(self, name: _Token, kind: Kind | None) -> Comparison:
        if self.token.kind == "sign":
            sign = self.next().text
            if kind is Kind.MOMENT and sign in "<>":
                return Comparison.BEFORE if sign == "<" else Comparison.AFTER
            return _SIGNS[sign]
        if self.takes("has"):
            return Comparison.HAS_NO if self.takes("no") else Comparison.HAS
        if self.takes("is"):
            return self.after_is()
        if self.ends_here():
            example = _EXAMPLES[kind or Kind.NUMBER].format(name.text)
            raise ConditionError(f"say what {name.text} is compared with, for example '{example}'", self.token.offset)
        near = did_you_mean(self.token.word, ("is", "has"))
        raise ConditionError(f"after {name.text} I expected 'is' or 'has', not '{self.token.text}'{near}", self.token.offset)

    def after_is(self) -> Comparison:
        comparison = next((meant for words, meant in _AFTER_IS if self.takes(*words)), Comparison.IS)
        if comparison is Comparison.IS_NOT and any(self.takes(*words) for words, _ in _AFTER_IS):
            raise ConditionError("put the 'not' before the name: 'not cart.total is at least 50'", self.tokens[self.at - 1].offset)
        more_follows = self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].kind in ("word", "text")
        if comparison in _EQUAL and more_follows and self.token.word in _OTHER_WORDS:
            raise ConditionError(_OTHER_WORDS[self.token.word], self.token.offset)
        return comparison

    def made(self, token: _Token, kind: Kind | None, comparison: Comparison, value: _Value) -> Node:
        """The test, ready to be asked; one that makes no sense is noted and never holds."""
        if kind is None or value.kind is None:
            return Never(token.text)
        if why := _misfit(token.text, kind, comparison, value):
            self.problems.append((token.offset, why))
            return Never(token.text)
        return Test(
            token.text,
            reader(token.text),
            _KEYS.get(kind, _same),
            _comparing(kind, comparison),
            value.operand,
            comparison in _WHEN_MISSING,
            comparison,
            value.constant,
        )

    # -- values

    def values(self, kind: Kind | None) -> _Value:
        if not self.takes_mark("["):
            raise ConditionError("after 'is in' I expected a list such as [ES, PT]", self.token.offset)
        found = [self.value(kind)]
        while self.takes_mark(","):
            found.append(self.value(kind))
        if not self.takes_mark("]"):
            raise ConditionError("this list is not closed with ']'", self.token.offset)
        operands = tuple(value.operand for value in found)
        odd = next((value for value in found if kind and not _fits(kind, value)), found[0])
        return _Value(odd.kind, lambda world: tuple(operand(world) for operand in operands), tuple(value.constant for value in found))

    def value(self, kind: Kind | None) -> _Value:
        """The value that comes next. What a bare word means depends on the name's kind: NO is Norway for a country."""
        token = self.next()
        if token.kind == "text":
            return _constant(Kind.TEXT, token.text[1:-1].casefold())
        if token.kind != "word" or token.word in _RESERVED:
            raise ConditionError(f"a value is missing here{f', before {token.text!r}' if token.text else ''}", token.offset)
        if _NUMBER.fullmatch(token.text):
            return self.number(token, kind)
        if find(token.text) or ("." in token.text and token.text.partition(".")[0] in _ROOTS):
            return _named(token.text, self.name(token))
        if kind is Kind.YES_NO and token.word in ("yes", "no"):
            return _constant(Kind.YES_NO, token.word == "yes")
        return _constant(Kind.TEXT, token.text.casefold())

    def number(self, token: _Token, kind: Kind | None) -> _Value:
        if len(token.text) > LONGEST_AMOUNT:
            raise ConditionError(f"a number has at most {LONGEST_AMOUNT} digits", token.offset)
        number, scaled = Decimal(token.text), int(Decimal(token.text).scaleb(MOST_DIGITS))
        after = self.token
        if after.kind != "word" or after.word in _RESERVED:
            if kind is Kind.MONEY:
                return _Value(Kind.MONEY, lambda world: (world.facts.store.currency, scaled), ("", scaled))
            return _constant(Kind.NUMBER, number)
        self.next()
        if _CURRENCY.fullmatch(after.text):
            return _constant(Kind.MONEY, (after.text, scaled))
        if after.word not in _UNITS:
            near = did_you_mean(after.word, _UNITS)
            raise ConditionError(
                f"after a number I expected a currency such as EUR, or minutes, hours, days or weeks, not '{after.text}'{near}",
                after.offset,
            )
        return self.time(token.offset, number, _UNITS[after.word])

    def time(self, offset: int, number: Decimal, unit: timedelta) -> _Value:
        if number < 0 or number * (unit // timedelta(minutes=1)) > MAX_DAYS * 24 * 60:
            raise ConditionError("a length of time lies between 0 and 100 years", offset)
        length = unit * float(number)
        if self.takes("ago"):
            return _Value(Kind.MOMENT, lambda world: world.now - length, length)
        return _constant(Kind.LENGTH, length)
