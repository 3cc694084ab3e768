"""How languages count: which form of a text goes with a number.

A rule is gettext's: an expression in `n` from the header of a .po file, that gives the number of the form. Arabic has six.
"""

import gettext
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from babel import UnknownLocaleError
from babel.messages.plurals import get_plural

RULES_KEPT = 64  # a store speaks a few languages
_LIKE_ENGLISH = "(n != 1)"


@lru_cache(maxsize=RULES_KEPT)
def rule_of(language: str) -> str:
    """The rule of a language; English's for one nobody knows."""
    try:
        return str(get_plural(language).plural_expr)
    except (UnknownLocaleError, ValueError, TypeError):
        return _LIKE_ENGLISH


@lru_cache(maxsize=RULES_KEPT)
def forms_of(language: str) -> int:
    """How many forms a language has."""
    try:
        return int(get_plural(language).num_plurals)
    except (UnknownLocaleError, ValueError, TypeError):
        return 2


def form(rule: str, number: int | Decimal, forms: int) -> int:
    """Which of `forms` forms goes with a number. Total: a rule that cannot be read gives the last one."""
    try:
        return min(max(_reader(rule)(abs(int(number))), 0), forms - 1)
    except (ValueError, ArithmeticError):
        return forms - 1


@lru_cache(maxsize=RULES_KEPT)
def _reader(rule: str) -> Callable[[int], int]:
    return gettext.c2py(rule)
