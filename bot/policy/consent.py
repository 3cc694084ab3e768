"""What a person agreed to, and how they say that they do not any more.

WhatsApp Business policy: an opt-out counts in whatever way the person says it. EDPB 05/2020: withdrawing is as easy as agreeing.
"""

import unicodedata
from collections.abc import Collection, Iterator
from enum import StrEnum
from functools import lru_cache

from bot.policy.words import AGAIN, COURTESY, WORDS


class Consent(StrEnum):
    """What the person said about marketing messages."""

    UNKNOWN = "unknown"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


BUILT_IN_WORDS: frozenset[str] = frozenset(word for words in WORDS.values() for word in words)
"""The stop words that are honoured in every store, whatever its owner lists."""

LONGEST_TEXT = 1000  # a longer text is prose; also bounds Unicode normalisation, which is quadratic on hostile combining marks

_LETTERS_WITHOUT_PARTS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "’": "", "'": ""})  # NFKD leaves these whole


def is_opt_out(text: str, words: Collection[str]) -> bool:
    """Whether the whole of `text` is one of `words` or of the built-in ones. Total: any text, never an error.

    Case, accents, width, punctuation, emoji, repetition ("stop stop") and a courtesy ("stop please") make no difference. A stop
    word inside a sentence ("don't stop the order") is not an opt-out.
    """
    return any(said in _built_in() or any(said == _listed(word) for word in words) for said in _said(text))


def takes_stop_back(text: str) -> bool:
    """Whether the whole of `text` is a word like START, read as generously as a stop. It means something only from a person who has
    said stop before."""
    return any(said in _again() for said in _said(text))


def _said(text: str) -> Iterator[tuple[str, ...]]:
    """What a text may be meant as: as it is, once of what was repeated, without the courtesies."""
    trimmed = text.strip()
    if len(trimmed) > LONGEST_TEXT:
        return
    said = _words(trimmed)
    yield from filter(None, (said, _without_repetition(said), _without_courtesy(said)))


def _without_repetition(said: tuple[str, ...]) -> tuple[str, ...]:
    return said[:1] if len(set(said)) == 1 else said


def _without_courtesy(said: tuple[str, ...]) -> tuple[str, ...]:
    rest = said
    while (shorter := _one_courtesy_less(rest)) != rest:
        rest = shorter
    return _without_repetition(rest)


def _one_courtesy_less(said: tuple[str, ...]) -> tuple[str, ...]:
    for polite in _courtesy():
        if said[: len(polite)] == polite:
            return said[len(polite) :]
        if said[-len(polite) :] == polite:
            return said[: -len(polite)]
    return said


def _words(text: str) -> tuple[str, ...]:
    """The letters and digits of a text as bare words: no case, no accents, no width, no signs."""
    parts = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS_WITHOUT_PARTS)
    return tuple("".join(_kept(character) for character in parts).split())


def _kept(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Mn", "Me", "Cf"):  # accents, marks around a letter, invisible joiners: they do not part words
        return ""
    return character if kind[0] in "LNM" else " "


@lru_cache(maxsize=1024)
def _listed(word: str) -> tuple[str, ...]:
    return _words(word[:LONGEST_TEXT])


@lru_cache(maxsize=1)
def _built_in() -> frozenset[tuple[str, ...]]:
    return frozenset(_words(word) for word in BUILT_IN_WORDS)


@lru_cache(maxsize=1)
def _again() -> frozenset[tuple[str, ...]]:
    return frozenset(_words(word) for words in AGAIN.values() for word in words)


@lru_cache(maxsize=1)
def _courtesy() -> tuple[tuple[str, ...], ...]:
    return tuple(_words(phrase) for phrase in COURTESY)
