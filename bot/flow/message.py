"""What a run writes: the content of a message, from the wording in a flow, in the customer's language."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from bot.flow.facts import Facts
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
        title = self.revision.translate(answer.button or "", language, Role.BUTTON)
        opts_out = bool(answer.steps) and isinstance(answer.steps[0], OptOutStep)
        return Button(title, button_payload(self.run.id, self.run.generation, number, opts_out=opts_out))

    # ---- templates

    def _template(self, use: TemplateUse, answers: tuple[Answer, ...]) -> TemplateMessage:
        # A template nobody wrote is a problem the check reports; here it is sent by its name and Meta says the rest.
        template = self.revision.templates.get(use.template) or Template(use.template, Category.MARKETING, "")
        language = self.revision.template_language(template, self.facts.contact.language)
        header = self.revision.translate(template.header or "", language, Role.HEADER)
        body = self.revision.translate(template.body, language, Role.MESSAGE)
        values = {name: template_value(self._value(use, name, language)) for name in _names(header, body)}
        values = _fitted(body, _fitted(header, values, MAX_TEMPLATE_HEADER), MAX_TEMPLATE_BODY)
        return TemplateMessage(
            name=template.name,
            language=language,
            values={name: values[name] for name in _names(body)},
            header_values={name: values[name] for name in _names(header)},
            body=fill(body, values),
            buttons=self._quick_replies(template, answers, language),
            link_suffix=self._link_suffix(template, use, language),
            code=self._code(template),
        )

    def _value(self, use: TemplateUse, name: str, language: str) -> str:
        written = use.with_.get(name)
        if written is None:
            return ""
        if counts(text := f"{{{written}}}"):
            return self._said(text, language, Role.VALUE)
        translate = partial(self.revision.translate, role=Role.VALUE)
        return expression(written, self.facts, self.run.discount, language, self.now, translate)

    def _quick_replies(self, template: Template, answers: tuple[Answer, ...], language: str) -> tuple[Button, ...]:
        """The template's quick replies, each with the payload of the answer of that title. All of them, also when nothing is asked:
        Meta tells buttons by their place."""
        numbers = {answer.button: number for number, answer in enumerate(answers) if answer.button}
        titles = (button.text for button in template.buttons if button.kind is ButtonKind.QUICK_REPLY)
        return tuple(self._quick_reply(title, numbers.get(title), answers, language) for title in titles)

    def _quick_reply(self, title: str, number: int | None, answers: tuple[Answer, ...], language: str) -> Button:
        if number is not None:
            return self._button(number, answers[number], language)
        # No answer has this title (the check reports it): the payload names none, and the press counts as the words.
        unknown = button_payload(self.run.id, self.run.generation, len(answers), opts_out=False)
        return Button(self.revision.translate(title, language, Role.BUTTON), unknown)

    def _link_suffix(self, template: Template, use: TemplateUse, language: str) -> str | None:
        urls = (button.url for button in template.buttons if button.kind is ButtonKind.LINK and button.url)
        url = next((url for url in urls if url.endswith(LINK_SUFFIX)), None)
        if url is None:
            return None
        return link_suffix(self._value(use, LINK, language), url.removesuffix(LINK_SUFFIX)) or EMPTY_TEMPLATE_VALUE

    def _code(self, template: Template) -> str | None:
        copies = any(button.kind is ButtonKind.COPY_CODE for button in template.buttons)
        return self.run.discount.code if copies and self.run.discount else None


def link_suffix(link: str, beginning: str) -> str:
    """What follows the fixed beginning of a template's link. A link to another host gives its path, any other text itself."""
    if link.startswith(beginning):
        return link.removeprefix(beginning)
    scheme, separator, rest = link.partition("://")
    return rest.partition("/")[2] if separator and scheme.isalpha() else link


def _names(*texts: str) -> tuple[str, ...]:
    """The placeholders of a template's texts, each once; a text that cannot be read (the check reports it) has none."""
    found: dict[str, None] = {}
    for text in texts:
        with suppress(TextError):
            found.update(dict.fromkeys(placeholder.name for placeholder in placeholders(text)))
    return tuple(found)


def _fitted(text: str, values: dict[str, str], limit: int) -> dict[str, str]:
    """The values, the longest of them cut so that the text fits with them: a long cart must not keep its reminder from going out."""
    fitted = dict(values)
    for name in sorted(_names(text), key=lambda name: len(values[name]), reverse=True):
        excess = len(fill(text, fitted)) - limit
        if excess > 0:
            fitted[name] = cut(fitted[name], max(1, len(fitted[name]) - excess))
    return fitted
