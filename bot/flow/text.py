"""Texts with placeholders: `Hi {contact.first_name or "there"}`, and how values are written in the customer's language.

A placeholder is a known name, with words for when it is missing. No filters and no code: money, dates, lists and percents format
themselves. A value is only ever a value: braces in a customer's name are sent as they are. `{{` and `}}` are braces.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, localedata
from babel.dates import format_skeleton, format_time, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent

from bot.flow import money
from bot.flow.facts import Facts, Money
from bot.flow.names import Value, find, lookup
from bot.flow.run import Discount

LONGEST_TEXT = 8192  # characters that are searched for placeholders: twice what WhatsApp takes of any text
MAX_TEMPLATE_VALUE = 1024  # characters; Cloud API: the whole body of a template has at most 1024
EMPTY_TEMPLATE_VALUE = "-"  # Cloud API: an empty parameter is refused (131008)
PARSED_KEPT = 4096  # parsed texts kept in memory: more than a store's flows hold
LOCALES_KEPT = 256  # locales kept in memory: customers' languages come from outside, so the number has an end
_WITH_ALIASES = ("months", "days", "quarters", "eras", "currency_formats")  # in Babel's data of a locale
LONGEST_LANGUAGE = 32  # characters of a language code; a longer one is not a code

_QUOTED = r"\"[^\"]*\"|'[^']*'|“[^”]*”"
_FORM = r"[^\s{}\"'“”/][^{}\"'“”/]*"
_NAMED = rf"\s*(?P<name>[\w.\-]+)(?:\s+or\s+(?P<fallback>{_QUOTED})|\s+(?P<forms>{_FORM}(?:/\s*{_FORM})+))?\s*"
_PLACEHOLDER = re.compile(r"\{" + _NAMED + r"\}")
_EXPRESSION = re.compile(_NAMED)
_PLAIN = re.compile(rf"\s*(?P<text>{_QUOTED})\s*")
_BRACES = re.compile(r"\{\{|\}\}|\{|\}")
_BRACES_OR_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{" + _NAMED + r"\}")
# Line breaks, tabs and other control characters, and the halves of characters that JSON can smuggle in and nobody can send.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# What turns the direction of writing for all that follows: in a name it would turn our own words around.
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]+")
# Several words from left to right would fall apart in a text from right to left. A code or a link is one word, stays in one piece by
# itself, and must be copied without anything invisible around it.
_SEVERAL_LATIN_WORDS = re.compile(r"(?=.*\s)(?=.*[A-Za-z\u00c0-\u024f\u0370-\u052f])")
_ISOLATED = "\u2068{}\u2069"  # Unicode: first strong isolate, pop directional isolate
# Where CLDR's `currencySpacing` puts a space that Babel leaves out: CHF 12.50, not CHF12.50.
_BESIDE_LETTERS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_SPACES = re.compile(r" {2,}")


class TextError(ValueError):
    """A text whose placeholders cannot be read: a sentence for its owner, and where (characters from its start)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in a text, what to write when it is missing, and where it stands.

    `forms` are the words that follow a number it counts: `{cart.items thing/things}`, as many as the language of the flow has forms.
    """

    name: str
    fallback: str | None
    offset: int
    forms: tuple[str, ...] = ()


# ---- reading


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """The placeholders of a text, in reading order; TextError when one cannot be read. Names are not looked up."""
    return tuple(piece for piece in _pieces(text) if isinstance(piece, Placeholder))


@lru_cache(maxsize=PARSED_KEPT)
def read_expression(text: str) -> Placeholder | str:
    """What stands in a `with:`: a name (`contact.first_name or "there"`), or the words of a `"plain text"`; else TextError."""
    if len(text) > LONGEST_TEXT:
        raise TextError(f"a text has at most {LONGEST_TEXT} characters", 0)
    if plain := _PLAIN.fullmatch(text):
        return plain["text"][1:-1]
    if named := _EXPRESSION.fullmatch(text):
        return _placeholder(named, named.start("name"))
    if "{" in text:
        raise TextError("a value in 'with' is written without braces: name: contact.first_name", text.index("{"))
    raise TextError('write a name such as contact.first_name, a name or "some words", or only "some words"', 0)


@lru_cache(maxsize=PARSED_KEPT)
def _pieces(text: str) -> tuple[str | Placeholder, ...]:
    if len(text) > LONGEST_TEXT:
        raise TextError(f"a text has at most {LONGEST_TEXT} characters", 0)
    pieces: list[str | Placeholder] = []
    at = 0
    while brace := _BRACES.search(text, at):
        pieces.append(text[at : brace.start()])
        if brace.group() in ("{{", "}}"):
            pieces.append(brace.group()[0])
            at = brace.end()
            continue
        match = _PLACEHOLDER.match(text, brace.start())
        if match is None:
            raise TextError(_unreadable(text, brace), brace.start())
        pieces.append(_placeholder(match, match.start()))
        at = match.end()
    pieces.append(text[at:])
    return tuple(piece for piece in pieces if piece)


def _placeholder(match: re.Match[str], offset: int) -> Placeholder:
    fallback = match["fallback"]
    forms = tuple(form.strip() for form in match["forms"].split("/")) if match["forms"] else ()
    return Placeholder(match["name"], None if fallback is None else fallback[1:-1], offset, forms)


def _unreadable(text: str, brace: re.Match[str]) -> str:
    if brace.group() == "}":
        return "a brace is closed here that was never opened; a brace that is meant is written twice: }}"
    if "}" not in text[brace.start() :]:
        return "this brace is never closed; a brace that is meant is written twice: {{"
    return 'write {contact.first_name} or {contact.first_name or "some words"}; a brace that is meant is written twice: {{'


# ---- counting


def counts(text: str) -> str | None:
    """The name of what a text counts, None when it counts nothing. Total."""
    try:
        return next((piece.name for piece in _pieces(text) if isinstance(piece, Placeholder) and piece.forms), None)
    except TextError:
        return None


def in_form(text: str, number: int) -> str:
    """The text with the form of that number (from 0; beyond the last, the last) beside what it counts: `{cart.items} things`."""

    def one(found: re.Match[str]) -> str:
        if not found["forms"]:
            return found[0]
        forms = found["forms"].split("/")
        return f"{{{found['name']}}} {forms[min(number, len(forms) - 1)].strip()}"

    return _BRACES_OR_PLACEHOLDER.sub(one, text)


# ---- writing


def render(text: str, facts: Facts, discount: Discount | None, language: str, now: datetime) -> str:
    """The text as the customer reads it. Total: a missing value without other words is empty, an unreadable text stays as it is.

    `language` is a code such as `es` or `pt_BR`; one nobody knows is written as English. Moments are told in the
    person's own timezone, else in the store's.
    """
    try:
        pieces = _pieces(text)
    except TextError:
        return text
    return "".join(
        piece if isinstance(piece, str) else _filled(piece, facts, discount, language, now) or piece.fallback or "" for piece in pieces
    )


def expression(
    text: str,
    facts: Facts,
    discount: Discount | None,
    language: str,
    now: datetime,
    translate: Callable[[str, str], str],
) -> str:
    """What a `with:` says, as the customer reads it. Total. `translate(text, language)` is asked for its plain words."""
    try:
        meant = read_expression(text)
    except TextError:
        return ""
    if isinstance(meant, str):
        return translate(meant, language)
    return _filled(meant, facts, discount, language, now) or (translate(meant.fallback, language) if meant.fallback else "")


def fill(text: str, values: Mapping[str, str]) -> str:
    """A template's text with its own placeholders filled. Total, as `render`."""
    try:
        pieces = _pieces(text)
    except TextError:
        return text
    return "".join(piece if isinstance(piece, str) else values.get(piece.name, "") for piece in pieces)


def template_value(text: str) -> str:
    """A text as Meta takes it for a template's placeholder: no line break, no tab, no long gap, never empty, not too long.

    Cloud API: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces" (132018).
    """
    return cut(_one_line(text), MAX_TEMPLATE_VALUE) or EMPTY_TEMPLATE_VALUE


def cut(text: str, limit: int) -> str:
    """The text, or as many whole words of it as fit into `limit` characters with an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    words = re.match(r"(.*\S)\s", head + text[limit - 1], re.DOTALL)
    return (words[1] if words else head) + "…"


def _filled(placeholder: Placeholder, facts: Facts, discount: Discount | None, language: str, now: datetime) -> str:
    """The value of a name, written; empty when it is missing."""
    value = lookup(facts, discount, placeholder.name)
    if value is None:
        return ""
    name = find(placeholder.name)
    if name and name.is_percent and isinstance(value, (int, Decimal)):
        return format_percent(Decimal(value) / 100, locale=_locale(language), decimal_quantization=False)
    return _written(value, _locale(language), facts.contact.timezone or facts.store.timezone, now)


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", _UNSENDABLE.sub(" ", text)).strip()


def _written(value: Value, locale: Locale, timezone: str, now: datetime) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return _own_words(value, locale)
        case int() | Decimal():
            return format_decimal(value, locale=locale)
        case Money():
            return _BESIDE_LETTERS.sub("\xa0", format_currency(money.amount(value), value.currency, locale=locale))
        case datetime():
            return _moment(value, locale, timezone, now)
        case frozenset():
            return format_list([_own_words(one, locale) for one in sorted(value)], locale=locale)
        case tuple():
            return format_list([_own_words(one, locale) for one in value], locale=locale)


def _own_words(value: str, locale: Locale) -> str:
    """A text of the shop's or the customer's, on one line, held together where it runs against the direction of the rest."""
    line = _one_line(_TURNING.sub("", value))
    return _ISOLATED.format(line) if locale.text_direction == "rtl" and _SEVERAL_LATIN_WORDS.match(line) else line


def _moment(moment: datetime, locale: Locale, timezone: str, now: datetime) -> str:
    """`Tue, Nov 24, 9:00 AM`. Never only the time, even for today: a message may wait for the end of the quiet hours."""
    zone = _zone(timezone)
    try:
        local, today = moment.astimezone(zone), now.astimezone(zone)
    except OverflowError:  # a shop's "never": the last day of the year 9999, in a zone where it is the next one
        local, today = moment, now
    date = format_skeleton("MMMEd" if local.year == today.year else "yMMMEd", local, locale=locale)
    time = format_time(local, "short", locale=locale)
    pattern = str(get_datetime_format("medium", locale=locale)).replace("'", "")
    return pattern.replace("{0}", time).replace("{1}", date)


@lru_cache(maxsize=LOCALES_KEPT)
def _locale(language: str) -> Locale:
    """Babel's locale for a code, for its base language (`es` for `es_XX`), else English."""
    code = language[:LONGEST_LANGUAGE].replace("-", "_")
    for candidate in (code, code.partition("_")[0]):
        try:
            return _on_its_own(Locale.parse(candidate))
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return _on_its_own(Locale("en"))


def _on_its_own(locale: Locale) -> Locale:
    """The locale with names of months and days that it shares with no other.

    Babel 2.18 copies what a locale inherits only at the top, and writes into it what an alias leads to: after one date in Walloon
    or Bashkir, which have no months of their own, Arabic would write `Fri، 6 M03`.
    """
    known = localedata.load(str(locale))
    known.update({key: deepcopy(known[key]) for key in _WITH_ALIASES if key in known})
    return locale


@lru_cache(maxsize=LOCALES_KEPT)
def _zone(timezone: str) -> ZoneInfo:
    """The time zone by its IANA name; UTC for one nobody knows."""
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
