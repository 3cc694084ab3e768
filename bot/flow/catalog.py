"""Translations: the texts of flows and templates, and what `locales/<language>/LC_MESSAGES/flows.po` makes of them.

A translation that is missing, fuzzy, too long or lacks a placeholder is not used: the customer reads the source text instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO

from babel.messages.pofile import PoFileError, read_po

from bot.flow import template as template_file
from bot.flow.message import MAX_BODY, MAX_BODY_WITH_BUTTONS
from bot.flow.model import AskStep, Flow, SendStep, TemplateUse, Wording, walk
from bot.flow.problem import Problem
from bot.flow.revision import ButtonKind, Template
from bot.flow.text import Placeholder, TextError, placeholders, read_expression

# Cloud API, interactive messages: up to three reply buttons, beyond that a list.
MAX_REPLY_BUTTONS = 3
MAX_LIST_ROWS = 10
MAX_REPLY_BUTTON = 20
MAX_LIST_ROW = 24


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to translate: where it stands in its file, what it is, and how many characters it may have."""

    path: str
    text: str
    kind: str
    limit: int | None = None

    @property
    def comment(self) -> str:
        """What a translator is told of it."""
        return f"{self.kind}, at most {self.limit} characters" if self.limit else self.kind


def flow_entries(flow: Flow) -> Iterator[Entry]:
    """Every text of a flow that a customer reads or types, in reading order."""
    for path, step in walk(flow.steps):
        if isinstance(step, SendStep):
            yield from _wording_entries(f"{path}.send", step.send, MAX_BODY)
        if isinstance(step, AskStep):
            yield from _ask_entries(path, step)


def _wording_entries(path: str, wording: Wording, limit: int) -> Iterator[Entry]:
    if isinstance(wording, str):
        yield Entry(path, wording, "message", limit)
        return
    for name, value in wording.with_.items():
        if words := _plain_words(value):
            yield Entry(f"{path}.with.{name}", words, f"stands in the template's {{{name}}}")


def _plain_words(expression: str) -> str | None:
    try:
        meant = read_expression(expression)
    except TextError:
        return None
    return meant.fallback if isinstance(meant, Placeholder) else meant


def _ask_entries(path: str, step: AskStep) -> Iterator[Entry]:
    yield from _wording_entries(f"{path}.ask", step.ask, ask_limit(step))
    for number, answer in enumerate(step.answers):
        here = f"{path}.answers.{number}"
        if answer.button is not None:
            yield Entry(f"{here}.button", answer.button, "button", button_limit(step))
        for place, word in enumerate(answer.words):
            yield Entry(f"{here}.words.{place}", word, "a word the customer may write")


def ask_limit(step: AskStep) -> int:
    """How many characters the question may have: fewer with buttons under it."""
    return MAX_BODY if count_buttons(step) in (0, *range(MAX_REPLY_BUTTONS + 1, MAX_LIST_ROWS + 1)) else MAX_BODY_WITH_BUTTONS


def button_limit(step: AskStep) -> int:
    """How many characters a button of an ask may have."""
    if isinstance(step.ask, TemplateUse):
        return template_file.MAX_BUTTON
    return MAX_REPLY_BUTTON if count_buttons(step) <= MAX_REPLY_BUTTONS else MAX_LIST_ROW


def count_buttons(step: AskStep) -> int:
    """How many answers have a button."""
    return sum(1 for answer in step.answers if answer.button is not None)


def template_entries(template: Template) -> Iterator[Entry]:
    """Every text of a template that a customer reads."""
    if template.header:
        yield Entry("header", template.header, "header", template_file.MAX_HEADER)
    yield Entry("body", template.body, "message", template_file.MAX_BODY)
    if template.footer:
        yield Entry("footer", template.footer, "footer", template_file.MAX_FOOTER)
    for number, button in enumerate(template.buttons):
        path = f"buttons.{number}.{button.kind.value}"
        if button.kind is not ButtonKind.COPY_CODE:  # Meta words that button itself; its text is an example code
            yield Entry(f"{path}.text" if button.url else path, button.text, "button", template_file.MAX_BUTTON)


# ---- catalogs


@dataclass(frozen=True, slots=True)
class Translation:
    """One entry of a catalog, and the line it begins on."""

    text: str
    line: int
    is_fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """The translations into one language, by source text."""

    file: str
    language: str
    translations: Mapping[str, Translation] = field(default_factory=dict)
    # the same buttons stand in many flows: each is judged once
    _mistakes: dict[tuple[str, str, int | None], Problem | None] = field(default_factory=dict, repr=False, compare=False)

    def sound(self, entry: Entry) -> str | None:
        """The translation of a text, if there is one that can be used."""
        found = self.translations.get(entry.text)
        if found is None or not found.text or found.is_fuzzy or self.mistake(entry):
            return None
        return found.text

    def mistake(self, entry: Entry) -> Problem | None:
        """What makes the translation of a text unusable."""
        found = self.translations.get(entry.text)
        if found is None or not found.text or found.is_fuzzy:
            return None
        key = entry.text, entry.kind, entry.limit
        if key not in self._mistakes:
            message = _length_mistake(entry, found.text) or _placeholder_mistake(entry, found.text)
            self._mistakes[key] = Problem(self.file, found.line, 1, message) if message else None
        return self._mistakes[key]

    def lack(self, entry: Entry) -> str | None:
        """A sentence on a text without a translation, or with one that is out of date."""
        found = self.translations.get(entry.text)
        if found is None or not found.text:
            return f"not translated into {self.language} yet: {_short(entry.text)}"
        if found.is_fuzzy:
            return f"the {self.language} translation is marked fuzzy, so it is not used: {_short(entry.text)}"
        return None


def read_catalog(file: str, language: str, text: str) -> tuple[Catalog, tuple[Problem, ...]]:
    """The catalog in a .po file; an empty one and a problem when it cannot be read."""
    try:
        messages = read_po(StringIO(text), locale=None, ignore_obsolete=True, abort_invalid=True)
    except PoFileError as error:
        return Catalog(file, language), (Problem(file, (error.lineno or 0) + 1, 1, f"this is not a translation file: {error}"),)
    except (ValueError, LookupError) as error:
        return Catalog(file, language), (Problem(file, 1, 1, f"this is not a translation file: {error}"),)
    translations = {
        message.id: Translation(str(message.string or ""), message.lineno or 1, message.fuzzy)
        for message in messages
        if message.id and isinstance(message.id, str)
    }
    return Catalog(file, language, translations), ()


def _length_mistake(entry: Entry, translated: str) -> str | None:
    if entry.limit is None or len(translated) <= entry.limit:
        return None
    return f"a {entry.kind} has at most {entry.limit} characters, this one has {len(translated)}"


def _placeholder_mistake(entry: Entry, translated: str) -> str | None:
    try:
        wanted = {found.name for found in placeholders(entry.text)}
    except TextError:
        return None  # the source itself cannot be read: its own file says so
    try:
        there = {found.name for found in placeholders(translated)}
    except TextError as error:
        return error.message
    if missing := sorted(wanted - there):
        return f"this translation lacks {{{missing[0]}}}"
    if extra := sorted(there - wanted):
        return f"this translation has {{{extra[0]}}}, its source has not"
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line}'" if len(line) <= 60 else f"'{line[:59]}…'"
