"""Which answer of an ask a customer's words mean: whole words and phrases, in their language and the owner's, accents aside."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bot.flow.itself import Itself
from bot.flow.model import Answer
from bot.flow.revision import Revision, Role

LONGEST_REPLY = 4096  # characters that are looked at; Cloud API: a text has at most that many
FOLDED_KEPT = 4096  # words of flows kept ready for comparing: more than a store's flows hold
ASKS_KEPT = 1024  # asks and languages kept ready: more than a store's flows and their languages make

_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_COMMAS = re.compile("[,،、]")
_NO_LETTERS = re.compile(r"[\W_]+")
# Han, kana, Thai, Lao, Khmer and Burmese are written without spaces: a word in them can stand anywhere.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Understood:
    """What an ask understands in one language, made ready: each with the number of its answer.

    `titles` and `signs` are button titles (those of signs alone, an emoji, are compared as they are written), `phrases` the words to look
    for, with a space at both ends but for scripts that have none.
    """

    titles: tuple[tuple[str, int], ...]
    signs: tuple[tuple[str, int], ...]
    phrases: tuple[tuple[str, int], ...]
    anything_else: int | None


def meant(revision: Revision, answers: tuple[Answer, ...], text: str, language: str) -> int | None:
    """The number of the answer that a text means: a button's very title, else the first whose words are in it, else anything else.

    None when nothing fits and the ask says nothing about anything else.
    """
    ask = _understood(Itself(revision), Itself(answers), language)
    written, folded = text.strip(), _fold(text[:LONGEST_REPLY])
    for title, number in ask.titles:
        if folded == title:
            return number
    for sign, number in ask.signs:
        if written == sign:
            return number
    spaced = f" {folded} "
    return next((number for phrase, number in ask.phrases if phrase in spaced), ask.anything_else)


@lru_cache(maxsize=ASKS_KEPT)
def _understood(kept: Itself[Revision], asked: Itself[tuple[Answer, ...]], language: str) -> _Understood:
    revision, answers = kept.it, asked.it
    titles = [
        (title, number)
        for number, answer in enumerate(answers)
        if answer.button
        for title in (revision.translate(answer.button, language, Role.BUTTON), answer.button)
    ]
    phrases = ((words, number) for number, answer in enumerate(answers) for words in _words(revision, answer, language))
    return _Understood(
        titles=tuple((_folded(title), number) for title, number in titles if _folded(title)),
        signs=tuple((title.strip(), number) for title, number in titles if not _folded(title)),
        phrases=tuple((words if _UNSPACED.search(words) else f" {words} ", number) for words, number in phrases if words),
        anything_else=next((number for number, answer in enumerate(answers) if answer.anything_else is not None), None),
    )


def _words(revision: Revision, answer: Answer, language: str) -> Iterator[str]:
    """What to look for, folded: the words, then the button; each as translated (perhaps several, with commas between: caro, cara) and
    as written."""
    for word in answer.words:
        yield from map(_folded, (*_COMMAS.split(revision.translate(word, language, Role.WORD)), word))
    if answer.button:
        yield from map(_folded, (revision.translate(answer.button, language, Role.BUTTON), answer.button))


def _fold(text: str) -> str:
    """The words of a text, one space between: no case, no accents, no punctuation."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return " ".join(_NO_LETTERS.sub(_marks, plain).split())


_folded = lru_cache(maxsize=FOLDED_KEPT)(_fold)


def plain_words(text: str) -> str:
    """The words of a text as they are compared: two texts with the same are the same to a customer who types them."""
    return _folded(text[:LONGEST_REPLY])


def _marks(signs: re.Match[str]) -> str:
    """A space for each sign, but for the marks that vowels are in many scripts."""
    return "".join(sign if unicodedata.category(sign).startswith("M") else " " for sign in signs.group())
