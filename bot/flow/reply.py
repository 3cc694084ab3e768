"""Which answer of an ask a customer's words mean: whole words and phrases, in their language and the owner's, accents aside."""

import re
import unicodedata
from functools import lru_cache

from bot.flow.model import Answer
from bot.flow.revision import Revision, Role

LONGEST_REPLY = 4096  # characters that are looked at; Cloud API: a text has at most that many
FOLDED_KEPT = 4096  # words of flows kept ready for comparing: more than a store's flows hold

_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_COMMAS = re.compile("[,،、]")
_NO_LETTERS = re.compile(r"[\W_]+")
# Han, kana, Thai, Lao, Khmer and Burmese are written without spaces: a word in them can stand anywhere.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def meant(revision: Revision, answers: tuple[Answer, ...], text: str, language: str) -> int | None:
    """The number of the answer that a text means: a button's very title, else the first whose words are in it, else anything else.

    None when nothing fits and the ask says nothing about anything else.
    """
    written, folded = text.strip(), _fold(text[:LONGEST_REPLY])
    for number, answer in enumerate(answers):
        titles = _in_both(revision, answer.button, language, Role.BUTTON) if answer.button else ()
        if any(_is(written, folded, title) for title in titles):
            return number
    for number, answer in enumerate(answers):
        words = [(word, Role.WORD) for word in answer.words] + ([(answer.button, Role.BUTTON)] if answer.button else [])
        if any(_contains(folded, phrase) for word, role in words for phrase in _in_both(revision, word, language, role)):
            return number
    return next((number for number, answer in enumerate(answers) if answer.anything_else is not None), None)


def _in_both(revision: Revision, text: str, language: str, role: Role) -> tuple[str, ...]:
    """A text as translated and as written; a translated word may be several, with commas between: caro, cara."""
    translated = revision.translate(text, language, role)
    return (*_COMMAS.split(translated), text) if role is Role.WORD else (translated, text)


def _is(written: str, folded: str, title: str) -> bool:
    """The same but for case, accents and punctuation; a title of signs alone (an emoji) is compared as it is written."""
    return folded == _folded(title) if _folded(title) else written == title.strip()


def _contains(folded: str, phrase: str) -> bool:
    words = _folded(phrase)
    if not words:
        return False
    return words in folded if _UNSPACED.search(words) else f" {words} " in f" {folded} "


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
