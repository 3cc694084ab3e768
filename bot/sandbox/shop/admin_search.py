"""Shopify's search syntax, as far as `query:` of a connection goes: terms with comparators, AND, OR, NOT and brackets.

`updated_at:>='2026-01-01T00:00:00Z' AND (status:open OR id:>17) -email:"x@y.z"`. A name that a connection does not know is no error
for Shopify: the term counts for nothing, and the answer carries a warning (`extensions.search`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<word>AND|OR|NOT)(?=[\s(]|$)
    |(?P<minus>-)?(?:(?P<name>[a-z_][a-z0-9_]*):\s*)?(?P<than>>=|<=|>|<)?
     (?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s()]+)))""",
    re.VERBOSE,
)

T = TypeVar("T")
Test = Callable[[T], bool]
Reader = Callable[[T], Any]  # a field of it: a text, a number, a moment, a truth, several of these, or None


class NotSearched(ValueError):
    """The query cannot be read."""


class Search:
    """One query that is read: `names` are what it may name. `warnings` name what it did not know."""

    def __init__(self, query: str, names: Mapping[str, Reader[Any]], now: datetime) -> None:
        self.warnings: list[str] = []
        self._names, self._now = names, now
        self._tokens = list(_TOKEN.finditer(query.rstrip()))
        self._at = 0
        if sum(len(token.group(0)) for token in self._tokens) != len(query.rstrip()):
            raise NotSearched(query)

    def test(self) -> Test[Any]:
        """Whether a thing is meant by the query. Raises NotSearched."""
        found = self._either() if self._tokens else _anything
        if self._at != len(self._tokens):
            raise NotSearched("a bracket has no other half")
        return found

    def _next(self, group: str, *values: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].group(group) in values:
            self._at += 1
            return True
        return False

    def _either(self) -> Test[Any]:
        tests = [self._both()]
        while self._next("word", "OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda one: any(test(one) for test in tests)

    def _both(self) -> Test[Any]:
        tests = [self._one()]
        while self._at < len(self._tokens) and not self._ends():
            self._next("word", "AND")
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda one: all(test(one) for test in tests)

    def _ends(self) -> bool:
        token = self._tokens[self._at]
        return token.group("word") == "OR" or token.group("bracket") == ")"

    def _one(self) -> Test[Any]:
        if self._next("word", "NOT"):
            return _not(self._one())
        if self._next("bracket", "("):
            inside = self._either()
            if not self._next("bracket", ")"):
                raise NotSearched("a bracket has no other half")
            return inside
        if self._at >= len(self._tokens) or self._tokens[self._at].group("word") or self._tokens[self._at].group("bracket"):
            raise NotSearched("a word stands where a term should")
        token = self._tokens[self._at]
        self._at += 1
        test = self._term(token)
        return _not(test) if token.group("minus") else test

    def _term(self, token: re.Match[str]) -> Test[Any]:
        value = next(token.group(name) for name in ("single", "double", "bare") if token.group(name) is not None)
        name = token.group("name") or "default"
        read = self._names.get(name)
        if read is None:
            self.warnings.append(name)
            return _anything
        than, exact = token.group("than") or "", token.group("double") is not None
        return lambda one: any(self._fits(each, than, value, exact) for each in _several(read(one)))

    def _fits(self, found: Any, than: str, wanted: str, exact: bool) -> bool:
        """Text is compared without regard to case; in quotes it is the whole, else it may be the beginning with a `*`."""
        if found is None:
            return False
        if isinstance(found, bool):
            return found is (wanted.lower() == "true")
        if isinstance(found, datetime):
            return _compared(found.replace(microsecond=0), than, self._moment(wanted), whole=len(wanted) <= len("2026-01-01"))
        if isinstance(found, int | float):
            number = _number(wanted)
            return number is not None and _compared(found, than, number)
        text, sought = str(found).lower(), wanted.lower()
        if not exact and sought.endswith("*"):
            return text.startswith(sought[:-1])
        return any(text == one for one in (sought.split(",") if not exact else [sought]))

    def _moment(self, written: str) -> datetime:
        if written == "now":
            return self._now
        filled = {4: f"{written}-01-01", 7: f"{written}-01"}.get(len(written), written)
        try:
            moment = datetime.fromisoformat(filled)
        except ValueError:
            raise NotSearched(f"{written} is no moment") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(written: str) -> int | float | None:
    """A number, or the one at the end of a global id."""
    digits = written.rsplit("/", 1)[-1]
    if not digits.replace(".", "", 1).lstrip("-").isdecimal():
        return None
    return float(digits) if "." in digits else int(digits)


def _anything(_: Any) -> bool:
    return True


def _not(test: Test[Any]) -> Test[Any]:
    return lambda one: not test(one)


def _several(found: Any) -> Iterable[Any]:
    return found if isinstance(found, list | tuple) else (found,)


def _compared(found: Any, than: str, wanted: Any, *, whole: bool = False) -> bool:
    """`whole`: a day was named, not a second of it."""
    match than:
        case ">=":
            return bool(found >= wanted)
        case ">":
            return bool(found > wanted)
        case "<=":
            return bool(found <= wanted)
        case "<":
            return bool(found < wanted)
        case _:
            return bool(wanted <= found < wanted + timedelta(days=1)) if whole else bool(found == wanted)
