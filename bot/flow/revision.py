"""A revision: one flow with its translations and the templates it names, as they were when it was loaded.

Runs finish on the revision they started with. Its id is the hash of its source, and its source is stored, so a conversation under
way never notices that a file was edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.flow.model import Flow


class Category(StrEnum):
    """Meta's category of a template. Cart reminders, discounts and reorder nudges are marketing, whatever a file says."""

    MARKETING = "marketing"
    UTILITY = "utility"


class ButtonKind(StrEnum):
    """The buttons a template of ours can have."""

    QUICK_REPLY = "quick_reply"
    LINK = "link"
    COPY_CODE = "copy_code"


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button under a template. `url` of a link may end with `{suffix}`, the only variable Meta allows there.

    The text of a copy-code button is an example code.
    """

    kind: ButtonKind
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A template as the owner wrote it, in the source language, with `{name}` placeholders in header and body."""

    name: str
    category: Category
    body: str
    header: str | None = None
    footer: str | None = None
    buttons: tuple[TemplateButton, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a translator translates. (The words on a copy-code button are Meta's; its text here is an example code.)"""
        buttons = (button.text for button in self.buttons if button.kind is not ButtonKind.COPY_CODE)
        written = (self.header, self.body, self.footer, *buttons)
        return tuple(text for text in written if text)


@dataclass(frozen=True, slots=True)
class Revision:
    """One flow, ready to run. `translations` is language -> source text -> text; the source language has no entry.

    `source` is the text this revision can be read back from (`library.restore`).
    """

    id: str
    flow: Flow
    source_language: str
    source: str = ""
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)

    def translate(self, text: str, language: str) -> str:
        """The text in a language, else in its base language (`pt` for `pt_BR`), else as the owner wrote it."""
        for code in (language, language.partition("_")[0]):
            if translated := self.translations.get(code, {}).get(text):
                return translated
        return text

    def template_language(self, template: Template, language: str) -> str:
        """The language to send a template in: Meta knows no fallback, so only one in which all of its texts exist."""
        for code in (language, language.partition("_")[0]):
            if all(text in self.translations.get(code, {}) for text in template.texts):
                return code
        return self.source_language
