"""A revision: one flow with its translations and the templates it names, as they were when it was loaded.

Runs finish on the revision they started with. Its id is the hash of its source, and its source is stored, so a conversation under
way never notices that a file was edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bot.flow import plural
from bot.flow.model import Flow
from bot.flow.run import MediaKind, Place
from bot.flow.text import in_form


class Category(StrEnum):
    """Meta's category of a template. Cart reminders, discounts and reorder nudges are marketing, whatever a file says."""

    MARKETING = "marketing"
    UTILITY = "utility"


class Role(StrEnum):
    """What a text is to the customer: translators see it as the context (`msgctxt`), so the button "Order" is not the word "order"."""

    MESSAGE = "message"
    BUTTON = "button"
    WORD = "word"
    HEADER = "header"
    FOOTER = "footer"
    VALUE = "value"
    DESCRIPTION = "description"
    OFFER = "offer"

    def key(self, text: str) -> str:
        """The text in this role, joined as gettext joins them."""
        return f"{self.value}\x04{text}"


class ButtonKind(StrEnum):
    """The buttons a template of ours can have."""

    QUICK_REPLY = "quick_reply"
    LINK = "link"
    COPY_CODE = "copy_code"
    PRODUCTS = "products"
    CATALOG = "catalog"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button under a template. `url` of a link may end with `{suffix}`, the only variable Meta allows there; `phone` is whom a call
    button calls.

    The text of a copy-code button is an example code.
    """

    kind: ButtonKind
    text: str
    url: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A file as an owner names it: a whole link, or a path in the flows' own folder."""

    kind: MediaKind
    name: str


@dataclass(frozen=True, slots=True)
class TemplateCard:
    """One card of a carousel: an image or a video, words or none, buttons."""

    shows: Shown
    body: str | None
    buttons: tuple[TemplateButton, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A template as the owner wrote it, in the source language, with `{name}` placeholders in header, body and cards (or `{1}`, where it
    is one of Meta's older kind).

    A header is a text, a file or a place. `offer` are the words over a limited-time offer, which ends with the run's discount.
    """

    name: str
    category: Category
    body: str
    header: str | None = None
    footer: str | None = None
    buttons: tuple[TemplateButton, ...] = ()
    header_file: Shown | None = None
    header_place: Place | None = None
    offer: str | None = None
    cards: tuple[TemplateCard, ...] = ()

    @property
    def all_buttons(self) -> tuple[TemplateButton, ...]:
        """Its own buttons and those of its cards."""
        return (*self.buttons, *(button for card in self.cards for button in card.buttons))

    @property
    def files(self) -> tuple[Shown, ...]:
        """The files it shows."""
        return (*((self.header_file,) if self.header_file else ()), *(card.shows for card in self.cards))

    @property
    def texts(self) -> tuple[tuple[Role, str], ...]:
        """Everything a translator translates. (The words on a copy-code button are Meta's; its text here is an example code.)"""
        buttons = ((Role.BUTTON, button.text) for button in self.all_buttons if button.kind is not ButtonKind.COPY_CODE)
        cards = ((Role.MESSAGE, card.body) for card in self.cards)
        written = (
            (Role.HEADER, self.header),
            (Role.MESSAGE, self.body),
            (Role.FOOTER, self.footer),
            (Role.OFFER, self.offer),
            *cards,
            *buttons,
        )
        return tuple((role, text) for role, text in written if text)


@dataclass(frozen=True, slots=True)
class Counted:
    """The texts of one language that count something: its rule (`plural.py`), and the forms of each text, by `Role.key`."""

    rule: str
    forms: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Revision:
    """One flow, ready to run. `translations` is language -> source text (by `Role.key`, or alone) -> text, and `counted` holds those that
    count something; the source language has no entry in either.

    `source` is the text this revision can be read back from (`library.restore`). `files` are the owner's files it names: path -> sha256.
    """

    id: str
    flow: Flow
    source_language: str
    source: str = ""
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    counted: Mapping[str, Counted] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def passes(self, path: str) -> None:
        """A run does the step of this path. Nobody is told: a rehearsal that wants to know overrides this."""

    def translate(self, text: str, language: str, role: Role | None = None) -> str:
        """The text in a language, else in its base language (`pt` for `pt_BR`), else as the owner wrote it. Without a role: in any."""
        for code in (language, language.partition("_")[0]):
            known = self.translations.get(code, {})
            keys = (role.key(text), text) if role else (*(one.key(text) for one in Role), text)
            if translated := next((known[key] for key in keys if key in known), None):
                return translated
        return text

    def translate_counted(self, text: str, number: int | Decimal, language: str, role: Role) -> str:
        """The form of a text that counts something (`{cart.items thing/things}`) for a number, in a language as `translate`."""
        for code in (language, language.partition("_")[0]):
            counted = self.counted.get(code)
            if counted and (forms := counted.forms.get(role.key(text))):
                return forms[plural.form(counted.rule, number, len(forms))]
        count = plural.forms_of(self.source_language)
        return in_form(text, plural.form(plural.rule_of(self.source_language), number, count))

    def template_language(self, template: Template, language: str) -> str:
        """The language to send a template in: Meta knows no fallback, so only one in which all of its texts exist."""
        for code in (language, language.partition("_")[0]):
            known = self.translations.get(code, {})
            if all(role.key(text) in known or text in known for role, text in template.texts):
                return code
        return self.source_language
