"""Translations: the texts of flows and templates, and what `locales/<language>/LC_MESSAGES/flows.po` makes of them.

A translation that is missing, fuzzy, too long or lacks a placeholder is not used: the customer reads the source text instead.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import NamedTuple

from babel.messages.catalog import Catalog as Messages
from babel.messages.pofile import PoFileError, read_po

from bot.flow import names, plural
from bot.flow import template as template_file
from bot.flow.limit import (
    MAX_BODY_WITH_BUTTONS,
    MAX_DESCRIPTION,
    MAX_LINK_TITLE,
    MAX_LIST_ROW,
    MAX_LIST_ROWS,
    MAX_MENU,
    MAX_REPLY_BUTTON,
    MAX_REPLY_BUTTONS,
    MAX_SMALL_PRINT,
)
from bot.flow.limit import MAX_TEXT as MAX_BODY
from bot.flow.message import longest_body
from bot.flow.model import AskStep, Flow, Message, SendStep, TemplateUse, Wording, template_of, text_of, walk, wording_of
from bot.flow.problem import Mistake, Problem, problem_at_top
from bot.flow.revision import ButtonKind, Role, Template, TemplateButton
from bot.flow.text import Placeholder, TextError, counts, in_form, placeholders, read_expression

TEMPLATE_BODY = "template's message"
CARD_BODY = "card's message"
"""What the body of a template is called: Meta refuses more in it than in other texts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to translate: where it stands in its file, what it is, how many characters it may have, and what else helps to
    translate it."""

    path: str
    text: str
    role: Role
    limit: int | None = None
    about: str = ""

    @property
    def id(self) -> "Id":
        """What it goes by in a .po file: its role, and the text (of one that counts something, its first and its last form)."""
        return self.role, ((in_form(self.text, 0), in_form(self.text, len(self.text))) if counts(self.text) else (self.text,))

    @property
    def comments(self) -> tuple[str, ...]:
        """What a translator is told of it."""
        at_most = f"at most {self.limit} characters" if self.limit and self.role is not Role.MESSAGE else ""
        kind = _KINDS[self.role]
        return tuple(told for told in (", ".join(filter(None, (kind, at_most))), self.about, *_about_placeholders(self.text)) if told)


Id = tuple[Role, tuple[str, ...]]

_KINDS = {
    Role.MESSAGE: "",
    Role.BUTTON: "button",
    Role.WORD: "a word the customer may write; several with commas between",
    Role.HEADER: "header",
    Role.FOOTER: "footer",
    Role.VALUE: "stands inside a template",
    Role.DESCRIPTION: "small words under a button",
    Role.OFFER: "stands over a limited-time offer",
}


def _about_placeholders(text: str) -> Iterator[str]:
    try:
        found = placeholders(text)
    except TextError:
        return
    for placeholder in found:
        if name := names.find(placeholder.name):
            yield f"{{{placeholder.name}}}: {name.about}"


def flow_entries(flow: Flow) -> Iterator[Entry]:
    """Every text of a flow that a customer reads or types, in reading order."""
    for path, step in walk(flow.steps):
        if isinstance(step, SendStep):
            yield from _wording_entries(f"{path}.send", step.send, MAX_BODY)
        if isinstance(step, AskStep):
            yield from _ask_entries(path, step)


def _wording_entries(path: str, wording: Wording, limit: int) -> Iterator[Entry]:
    if isinstance(wording, str):
        yield Entry(path, wording, Role.MESSAGE, limit)
        return
    if isinstance(wording, Message):
        yield from _message_entries(path, wording, limit)
    for name, value in wording.with_.items():
        if words := _plain_words(value):
            yield Entry(f"{path}.with.{name}", words, Role.VALUE, about=f"{{{name}}} of {wording.template}")


def _message_entries(path: str, message: Message, limit: int) -> Iterator[Entry]:
    if message.text is not None:
        yield Entry(f"{path}.text", message.text, Role.MESSAGE, min(limit, longest_body(message, None)))
    for key, text, role in (("header", message.header, Role.HEADER), ("footer", message.footer, Role.FOOTER)):
        if text:
            yield Entry(f"{path}.{key}", text, role, MAX_SMALL_PRINT)
    if message.link is not None:
        yield Entry(f"{path}.link.text", message.link.text, Role.BUTTON, MAX_LINK_TITLE)


def _plain_words(expression: str) -> str | None:
    try:
        meant = read_expression(expression)
    except TextError:
        return None
    if isinstance(meant, Placeholder):
        return f"{{{expression}}}" if meant.forms else meant.fallback
    return meant


def _ask_entries(path: str, step: AskStep) -> Iterator[Entry]:
    yield from _wording_entries(f"{path}.ask", step.ask, ask_limit(step))
    limit, about = button_limit(step), f"answers: {_question(step.ask)}"
    if step.menu is not None:
        yield Entry(f"{path}.menu", step.menu, Role.BUTTON, MAX_MENU, f"opens the list of {about}")
    for number, answer in enumerate(step.answers):
        here = f"{path}.answers.{number}"
        if answer.button is not None:
            yield Entry(f"{here}.button", answer.button, Role.BUTTON, limit, about)
        if answer.description is not None:
            yield Entry(
                f"{here}.description", answer.description, Role.DESCRIPTION, MAX_DESCRIPTION, f"under {shortened(answer.button or '')}"
            )
        for place, word in enumerate(answer.words):
            yield Entry(f"{here}.words.{place}", word, Role.WORD, about=about)


def _question(wording: Wording) -> str:
    return f"the template {wording.template}" if isinstance(wording, TemplateUse) else shortened(text_of(wording) or "")


def fillings(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """What the flow's templates are filled with: the template, its placeholder, the name that fills it."""
    for _, step in walk(flow.steps):
        wording = wording_of(step)
        use = template_of(wording) if wording is not None else None
        if use is None:
            continue
        for placeholder, expression in use.with_.items():
            try:
                meant = read_expression(expression)
            except TextError:
                continue
            if isinstance(meant, Placeholder):
                yield use.template, placeholder, meant.name


def ask_limit(step: AskStep) -> int:
    """How many characters the question may have: fewer with buttons under it."""
    return MAX_BODY if count_buttons(step) in (0, *range(MAX_REPLY_BUTTONS + 1, MAX_LIST_ROWS + 1)) else MAX_BODY_WITH_BUTTONS


def button_limit(step: AskStep) -> int:
    """How many characters a button of an ask may have."""
    if isinstance(step.ask, TemplateUse):
        return template_file.MAX_BUTTON  # where a text may go instead, the buttons must fit under both
    return MAX_REPLY_BUTTON if count_buttons(step) <= MAX_REPLY_BUTTONS else MAX_LIST_ROW


def count_buttons(step: AskStep) -> int:
    """How many answers have a button."""
    return sum(1 for answer in step.answers if answer.button is not None)


def template_entries(template: Template) -> Iterator[Entry]:
    """Every text of a template that a customer reads."""
    if template.header:
        yield Entry("header", template.header, Role.HEADER, template_file.MAX_HEADER)
    yield Entry("body", template.body, Role.MESSAGE, template_file.MAX_BODY, TEMPLATE_BODY)
    if template.footer:
        yield Entry("footer", template.footer, Role.FOOTER, template_file.MAX_FOOTER)
    if template.offer:
        yield Entry("offer", template.offer, Role.OFFER, template_file.MAX_OFFER)
    yield from _button_entries("buttons", template.buttons)
    for number, card in enumerate(template.cards):
        if card.body:
            yield Entry(f"cards.{number}.body", card.body, Role.MESSAGE, template_file.MAX_CARD_BODY, CARD_BODY)
        yield from _button_entries(f"cards.{number}.buttons", card.buttons)


def _button_entries(around: str, buttons: tuple[TemplateButton, ...]) -> Iterator[Entry]:
    for number, button in enumerate(buttons):
        path = f"{around}.{number}.{button.kind.value}"
        if button.kind is not ButtonKind.COPY_CODE:  # Meta words that button itself; its text is an example code
            yield Entry(f"{path}.text" if button.url or button.phone else path, button.text, Role.BUTTON, template_file.MAX_BUTTON)


# ---- catalogs


@dataclass(frozen=True, slots=True)
class Translation:
    """One entry of a catalog (as many forms as the language has, if it counts something), and the line it begins on."""

    forms: tuple[str, ...]
    line: int
    is_fuzzy: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of it is translated."""
        return all(self.forms)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The translations into one language, by role and source text; `None` is the role of those without a context.

    `rule` says which form goes with which number (`plural.py`).
    """

    file: str
    language: str
    translations: Mapping[tuple[str | None, str], Translation] = field(default_factory=dict)
    rule: str = ""
    stop_words: tuple[str, ...] = ()  # of the store: a footer that names one must do so in every language
    # the same buttons stand in many flows: each is judged once
    _verdicts: dict[tuple[str, Role, int | None], "Verdict"] = field(default_factory=dict, repr=False, compare=False)

    def verdict(self, entry: Entry) -> "Verdict":
        """What this catalog has for a text, and what is wrong with that."""
        key = entry.text, entry.role, entry.limit
        known = self._verdicts.get(key)
        if known is None:
            known = self._verdicts[key] = self._judged(entry)
        return known

    def _judged(self, entry: Entry) -> "Verdict":
        role, (text, *_) = entry.id
        found = self.translations.get((role.value, text)) or self.translations.get((None, text))
        if found is not None and found.is_fuzzy:
            message = f"changed since it was translated into {self.language}, so customers read it untranslated: {shortened(entry.text)}"
            return Verdict(lack=(Mistake.TRANSLATION_OUT_OF_DATE, message))
        if found is None or not found.is_whole:
            return Verdict(lack=(Mistake.NOT_TRANSLATED, f"not translated into {self.language} yet: {shortened(entry.text)}"))
        fault = next((fault for form in found.forms if (fault := _fault(entry, form, self.stop_words))), None)
        if fault is not None:
            return Verdict(mistake=problem_at_top(self.file, *fault, line=found.line))
        return Verdict(forms=found.forms)


class Verdict(NamedTuple):
    """What a catalog has for a text: the translation in all its forms; or a sentence on why there is none (it is missing, or out of
    date); or the problem that makes it unusable."""

    forms: tuple[str, ...] | None = None
    lack: tuple[Mistake, str] | None = None
    mistake: Problem | None = None


def read_catalog(file: str, language: str, text: str) -> tuple[Catalog, tuple[Problem, ...]]:
    """The catalog in a .po file; an empty one and a problem when it cannot be read."""
    try:
        messages = read_po(StringIO(text), locale=None, ignore_obsolete=True, abort_invalid=True)
    except PoFileError as error:
        return Catalog(file, language), (_unreadable(file, (error.lineno or 0) + 1),)
    except (ValueError, LookupError):
        return Catalog(file, language), (_unreadable(file, 1),)
    return Catalog(file, language, _translations(messages), _rule(messages, language)), ()


def _translations(messages: Messages) -> dict[tuple[str | None, str], Translation]:
    found: dict[tuple[str | None, str], Translation] = {}
    for message in messages:
        if not message.id:
            continue  # the header
        first = message.id if isinstance(message.id, str) else message.id[0]
        forms = (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)
        found[message.context, first] = Translation(forms, message.lineno or 1, message.fuzzy)
    return found


def _rule(messages: Messages, language: str) -> str:
    """The file's own rule: its forms stand in the order that this rule gives them."""
    return messages.plural_expr if messages.num_plurals != 1 else plural.rule_of(language)


def _unreadable(file: str, line: int) -> Problem:
    message = "this line does not belong into a translation file: take it out, or compare it with the lines around it"
    return problem_at_top(file, Mistake.NOT_A_CATALOG, message, line=line)


Fault = tuple[Mistake, str]


def _fault(entry: Entry, translated: str, stop_words: tuple[str, ...]) -> Fault | None:
    """What makes a translation unusable: the kind and a sentence."""
    if entry.limit is not None and len(translated) > entry.limit:
        what = entry.about if entry.about in (TEMPLATE_BODY, CARD_BODY) else entry.role.value
        message = f"a {what} has at most {entry.limit} characters, this one has {len(translated)}"
        return Mistake.TRANSLATION_TOO_LONG, message
    if difference := _placeholder_mistake(entry, translated):
        return Mistake.TRANSLATION_DIFFERS, difference
    if entry.role is Role.FOOTER and names_one(entry.text, stop_words) and not names_one(translated, stop_words):
        message = f"this footer has lost the word that stops the messages: write {' or '.join(map(str.upper, stop_words[:3]))} into it"
        return Mistake.TRANSLATION_WITHOUT_WAY_OUT, message
    if entry.about in (TEMPLATE_BODY, CARD_BODY):
        refused = next(template_file.body_mistakes(translated), None)
        return (Mistake.TRANSLATION_REFUSED, refused[1]) if refused else None
    return None


def names_one(text: str, words: Iterable[str]) -> bool:
    """Whether a text tells one of the words that stop the messages."""
    folded = text.casefold()
    return any(word.casefold() in folded for word in words)


def _placeholder_mistake(entry: Entry, translated: str) -> str | None:
    try:
        wanted = {found.name for found in placeholders(entry.text)}
    except TextError:
        return None  # the source itself cannot be read: its own file says so
    try:
        there = {found.name for found in placeholders(translated)}
    except TextError as error:
        return error.message
    counted = counts(entry.text)
    if counts(translated):
        return f"write only {{{counted}}} here, and the words of this form behind it"
    if missing := sorted(wanted - there - {counted}):  # "two things" is one word in Arabic
        return f"this translation lacks {{{missing[0]}}}: write it where it belongs"
    if extra := sorted(there - wanted):
        return f"this translation has {{{extra[0]}}}, its source has not: take it out"
    return None


def shortened(text: str) -> str:
    """The beginning of a text in quotes, on one line."""
    line = " ".join(text.split())
    return f"'{line}'" if len(line) <= 60 else f"'{line[:59]}…'"
