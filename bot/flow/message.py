"""What a run writes: the content of a message, from the wording in a flow, in the customer's language."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial

from bot.flow.facts import Facts
from bot.flow.itself import Itself
from bot.flow.model import Answer, OptOutStep, TemplateUse, Wording
from bot.flow.names import lookup
from bot.flow.revision import ButtonKind, Category, Revision, Role, Template
from bot.flow.run import Button, Content, Run, TemplateMessage, Text, button_payload
from bot.flow.text import (
    EMPTY_TEMPLATE_VALUE,
    TextError,
    counts,
    cut,
    expression,
    fill,
    placeholders,
    render,
    template_value,
)

MAX_BODY = 4096  # Cloud API: a text message
MAX_BODY_WITH_BUTTONS = 1024  # Cloud API: the body of an interactive message
MAX_TEMPLATE_HEADER = 60  # Cloud API: with its value
MAX_TEMPLATE_BODY = 1024  # Cloud API: with its values; longer is refused (132005)
LINK_SUFFIX = "{suffix}"  # how a template's link says that its end is filled in
SHEETS_KEPT = 4096  # templates and languages kept ready: more than a store's flows and their languages make
LINK = "link"  # the word under `with:` that fills it


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything a message is made of, but for its wording. `run` gives the discount, and the payloads of buttons."""

    revision: Revision
    run: Run
    facts: Facts
    now: datetime

    def content(self, wording: Wording, answers: tuple[Answer, ...] = ()) -> Content:
        """The message; `answers` are those of an ask, and their buttons become buttons."""
        return self._template(wording, answers) if isinstance(wording, TemplateUse) else self._text(wording, answers)

    # ---- free texts

    def _text(self, wording: str, answers: tuple[Answer, ...]) -> Text:
        language = self.facts.contact.language
        buttons = tuple(self._button(number, answer, language) for number, answer in enumerate(answers) if answer.button)
        body = self._said(wording, language, Role.MESSAGE).strip()
        # Cloud API refuses an empty text. The check sees to it that none is written; a value can still be all there is and blank.
        return Text(cut(body, MAX_BODY_WITH_BUTTONS if buttons else MAX_BODY) or EMPTY_TEMPLATE_VALUE, buttons)

    def _said(self, text: str, language: str, role: Role) -> str:
        """A text as the customer reads it: translated, in the form of the number it counts, its placeholders filled."""
        counted = counts(text)
        if counted is None:
            translated = self.revision.translate(text, language, role)
        else:
            value = lookup(self.facts, self.run.discount, counted)
            number = value if isinstance(value, int | Decimal) else 0
            translated = self.revision.translate_counted(text, number, language, role)
        return render(translated, self.facts, self.run.discount, language, self.now)

    def _button(self, number: int, answer: Answer, language: str) -> Button:
        return Button(self.revision.translate(answer.button or "", language, Role.BUTTON), self._payload(number, answer))

    def _payload(self, number: int, answer: Answer | None) -> str:
        opts_out = answer is not None and bool(answer.steps) and isinstance(answer.steps[0], OptOutStep)
        return button_payload(self.run.id, self.run.generation, number, opts_out=opts_out)

    # ---- templates

    def _template(self, use: TemplateUse, answers: tuple[Answer, ...]) -> TemplateMessage:
        sheet = _sheet(Itself(self.revision), use.template, self.facts.contact.language)
        values = {name: template_value(self._value(use, name, sheet.language)) for name in sheet.names}
        values = _fitted(sheet.body, _fitted(sheet.header, values, MAX_TEMPLATE_HEADER), MAX_TEMPLATE_BODY)
        return TemplateMessage(
            name=sheet.name,
            language=sheet.language,
            values={name: values[name] for name in _names(sheet.body)},
            header_values={name: values[name] for name in _names(sheet.header)},
            body=fill(sheet.body, values),
            buttons=self._quick_replies(sheet, answers),
            link_suffix=self._link_suffix(sheet, use),
            code=self.run.discount.code if sheet.copies_code and self.run.discount else None,
        )

    def _value(self, use: TemplateUse, name: str, language: str) -> str:
        written = use.with_.get(name)
        if written is None:
            return ""
        if counts(text := f"{{{written}}}"):
            return self._said(text, language, Role.VALUE)
        translate = partial(self.revision.translate, role=Role.VALUE)
        return expression(written, self.facts, self.run.discount, language, self.now, translate)

    def _quick_replies(self, sheet: "_Sheet", answers: tuple[Answer, ...]) -> tuple[Button, ...]:
        """The template's quick replies, each with the payload of the answer of that title. All of them, also when nothing is asked:
        Meta tells buttons by their place."""
        by_title = {answer.button: (number, answer) for number, answer in enumerate(answers) if answer.button}
        # Where no answer has the title (the check reports it) the payload names none, and the press counts as the words.
        nothing = len(answers), None
        return tuple(Button(title, self._payload(*by_title.get(written, nothing))) for written, title in sheet.quick_replies)

    def _link_suffix(self, sheet: "_Sheet", use: TemplateUse) -> str | None:
        if sheet.link_beginning is None:
            return None
        return link_suffix(self._value(use, LINK, sheet.language), sheet.link_beginning) or EMPTY_TEMPLATE_VALUE


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What of a template is the same in each message: its texts in one language, and what its buttons are.

    `quick_replies` are titles as written and as translated; `link_beginning` is the fixed part of a link whose end is filled in.
    """

    name: str
    language: str
    header: str
    body: str
    names: tuple[str, ...]
    quick_replies: tuple[tuple[str, str], ...]
    link_beginning: str | None
    copies_code: bool


@lru_cache(maxsize=SHEETS_KEPT)
def _sheet(kept: Itself[Revision], name: str, language: str) -> _Sheet:
    """The sheet of a template for somebody who reads `language`."""
    revision = kept.it
    # A template nobody wrote is a problem the check reports; here it is sent by its name and Meta says the rest.
    template = revision.templates.get(name) or Template(name, Category.MARKETING, "")
    language = revision.template_language(template, language)
    header = revision.translate(template.header or "", language, Role.HEADER)
    body = revision.translate(template.body, language, Role.MESSAGE)
    titles = (button.text for button in template.buttons if button.kind is ButtonKind.QUICK_REPLY)
    links = (button.url for button in template.buttons if button.kind is ButtonKind.LINK and button.url)
    return _Sheet(
        name=template.name,
        language=language,
        header=header,
        body=body,
        names=_names(header, body),
        quick_replies=tuple((title, revision.translate(title, language, Role.BUTTON)) for title in titles),
        link_beginning=next((url.removesuffix(LINK_SUFFIX) for url in links if url.endswith(LINK_SUFFIX)), None),
        copies_code=any(button.kind is ButtonKind.COPY_CODE for button in template.buttons),
    )


def link_suffix(link: str, beginning: str) -> str:
    """What follows the fixed beginning of a template's link. A link to another host gives its path, any other text itself."""
    if link.startswith(beginning):
        return link.removeprefix(beginning)
    scheme, separator, rest = link.partition("://")
    return rest.partition("/")[2] if separator and scheme.isalpha() else link


@lru_cache(maxsize=SHEETS_KEPT)
def _names(*texts: str) -> tuple[str, ...]:
    """The placeholders of a template's texts, each once; a text that cannot be read (the check reports it) has none."""
    found: dict[str, None] = {}
    for text in texts:
        with suppress(TextError):
            found.update(dict.fromkeys(placeholder.name for placeholder in placeholders(text)))
    return tuple(found)


def _fitted(text: str, values: dict[str, str], limit: int) -> dict[str, str]:
    """The values, the longest of them cut so that the text fits with them: a long cart must not keep its reminder from going out."""
    if len(fill(text, values)) <= limit:  # as nearly always
        return values
    fitted = dict(values)
    for name in sorted(_names(text), key=lambda name: len(values[name]), reverse=True):
        excess = len(fill(text, fitted)) - limit
        if excess > 0:
            fitted[name] = cut(fitted[name], max(1, len(fitted[name]) - excess))
    return fitted
