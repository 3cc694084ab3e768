"""JSON as it comes over the wire: every value is hostile until one of these functions has looked at it.

Nothing here raises because of a wrong type: what is not what it should be counts as absent.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping

Node = Mapping[str, object]

EMPTY: Node = {}

# 20 digits hold any 64-bit id. Python refuses to read integers of more than 4,300 digits, and a whole delivery must not fail for one.
LONGEST_INTEGER = 20

_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
_TOO_LARGE = 1e15  # nothing that is counted or measured here comes near it
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _nothing(_constant: str) -> None:
    """NaN and Infinity are not JSON."""


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=_nothing)
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


def decode(body: bytes) -> object:
    """The value of a JSON text in UTF-8. Raises ValueError when it is not one, RecursionError when it is nested too deep."""
    value: object = _DECODER.decode(body.decode("utf-8"))
    return value


def encode(value: object) -> bytes:
    """Compact JSON, ASCII only: lone surrogates stay escapes."""
    return _ENCODER.encode(value).encode("ascii")


def canonical(value: object) -> str:
    """The same text for the same value, in whatever order its keys came."""
    return _CANONICAL.encode(value)


def is_node(value: object) -> bool:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def node(value: object) -> Node:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else EMPTY


def first(value: object) -> Node:
    """The first object of a list, or an empty one."""
    return node(value[0]) if isinstance(value, list) and value else EMPTY


def text(value: object) -> str | None:
    """A string that is not empty, in a form every database can keep: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii() and "\x00" not in value:
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8") or None


def word(value: object) -> str | None:
    """A name out of a fixed list of Meta's: `messages`, `user_changed_number`."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def integer(value: object) -> int | None:
    """A whole number, written as a number or (timestamps of messages) as a string of digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return None


def number(value: object) -> float | None:
    """A number, written as one or as a string of digits with or without a point."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if abs(value) < _TOO_LARGE else None
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def listed(value: object, most: int) -> list[Node]:
    """The objects in a list, at most so many."""
    return [one for one in value[:most] if isinstance(one, dict)] if isinstance(value, list) else []


def line(value: object, most: int) -> str | None:
    """A text on one line, at most so long: what turns text around or cannot be seen is left out."""
    told = text(value[: most * 2]) if isinstance(value, str) else None
    if told is None:
        return None
    kept = (" " if char.isspace() else char for char in told if char.isspace() or unicodedata.category(char) not in _UNSEEN)
    return " ".join("".join(kept).split())[:most] or None
