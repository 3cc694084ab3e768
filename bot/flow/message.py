"""What a run writes: the content of a message, from the wording in a flow, in the customer's language."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import cast

from bot.flow import file
from bot.flow.facts import Facts, Line
from bot.flow.itself import Itself
from bot.flow.limit import (
    MAX_BODY_WITH_BUTTONS,
    MAX_CAPTION,
    MAX_LINK_TITLE,
    MAX_PRODUCTS,
    MAX_REPLY_BUTTONS,
    MAX_SECTION_TITLE,
    MAX_SMALL_PRINT,
    MAX_TEMPLATE_BODY,
    MAX_TEMPLATE_HEADER,
)
from bot.flow.limit import MAX_TEXT as MAX_BODY
from bot.flow.model import Answer, AskStep, LocationPart, Message, OptOutStep, TemplateUse, Wording, files_of
from bot.flow.names import lookup
from bot.flow.revision import ButtonKind, Category, Revision, Role, Shown, Template, TemplateButton, TemplateCard
from bot.flow.run import (
    Button,
    Card,
    ContactCard,
    Content,
    Link,
    Media,
    MediaKind,
    Place,
    Run,
    TemplateMessage,
    Text,
    button_payload,
)
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

MAX_CARD_BODY = 160  # Cloud API: the words on a card of a carousel, with their values
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

    def content(self, wording: Wording, ask: AskStep | None = None) -> Content:
        """The message; the buttons of an ask become its buttons."""
        if type(wording) is str:
            return self._text(wording, ask)
        answers = ask.answers if ask else ()
        return self._template(wording, answers) if isinstance(wording, TemplateUse) else self._message(cast("Message", wording), ask)

    # ---- free texts

    def _text(self, wording: str, ask: AskStep | None) -> Text:
        buttons = self._buttons(ask)
        body = self._body(wording, MAX_BODY_WITH_BUTTONS if buttons else MAX_BODY)
        # Cloud API refuses an empty text. The check sees to it that none is written; a value can still be all there is and blank.
        return Text(body or EMPTY_TEMPLATE_VALUE, buttons, menu=self._menu(ask))

    def _message(self, message: Message, ask: AskStep | None) -> Text:
        """A message of several parts. What has nothing to show (a link that is not known, a picture that is gone) is left out: the rest
        is worth sending without it."""
        made = Text(
            body=self._body(message.text or "", longest_body(message, ask)),
            buttons=self._buttons(ask),
            media=next(self._files(message), None),
            link=self._link(message),
            catalog=message.catalog,
            menu=self._menu(ask),
            header=self._small_print(message.header, Role.HEADER),
            footer=self._small_print(message.footer, Role.FOOTER),
            place=place(message.location) if message.location else None,
            card=ContactCard(message.contact.name, phone(message.contact.phone)) if message.contact else None,
            otherwise=self._template(use, ask.answers if ask else ()) if (use := message.otherwise) else None,
        )
        if message.products or message.catalog:
            made = replace(made, products=self._products(message), catalog_id=self.facts.store.catalog)
        return self._complete(made)

    def _complete(self, made: Text) -> Text:
        """The message in a form that can be sent, whatever was left out of it."""
        is_interactive = bool(made.buttons or made.link or made.products or made.catalog)
        if not is_interactive:
            made = replace(made, header=None, footer=None)
        elif len(made.products) > 1 and not made.header and not made.catalog:
            made = replace(made, header=cut(self.facts.store.name, MAX_SMALL_PRINT) or EMPTY_TEMPLATE_VALUE)
        stands_alone = made.place or made.card or made.media or len(made.products) == 1
        return made if made.body or (stands_alone and not made.buttons and not made.link) else replace(made, body=EMPTY_TEMPLATE_VALUE)

    def _body(self, wording: str, longest: int) -> str:
        return cut(self._said(wording, self.facts.contact.language, Role.MESSAGE).strip(), longest) if wording else ""

    def _small_print(self, wording: str | None, role: Role) -> str | None:
        said = " ".join(self._said(wording, self.facts.contact.language, role).split()) if wording else ""
        return cut(said, MAX_SMALL_PRINT) or None

    def _buttons(self, ask: AskStep | None) -> tuple[Button, ...]:
        language = self.facts.contact.language
        answers = enumerate(ask.answers) if ask else ()
        return tuple(self._button(number, answer, language) for number, answer in answers if answer.button)

    def _menu(self, ask: AskStep | None) -> str | None:
        return self.revision.translate(ask.menu, self.facts.contact.language, Role.BUTTON) if ask and ask.menu else None

    def _files(self, shows: TemplateUse | Message) -> Iterator[Media]:
        for kind, name in files_of(shows).items():
            if found := self._file(kind, name):
                yield found

    def _file(self, kind: MediaKind, name: str) -> Media | None:
        return file.media(kind, name, self._filled(name) if file.is_link(name) else "", self.revision.files)

    def _link(self, message: Message) -> Link | None:
        if message.link is None:
            return None
        language = self.facts.contact.language
        url = self._filled(message.link.url).strip()
        if not file.can_be_followed(url):
            return None
        return Link(cut(self.revision.translate(message.link.text, language, Role.BUTTON), MAX_LINK_TITLE), url)

    def _products(self, shows: TemplateUse | Message) -> tuple[str, ...]:
        """The shop's ids of the products it shows, those of the cart or the order in the place of that word."""
        inside: Mapping[str, tuple[Line, ...]] = {
            "cart": self.facts.cart.lines if self.facts.cart else (),
            "order": self.facts.order.lines if self.facts.order else (),
        }
        named = (([line.product for line in inside[name]] if name in inside else [name]) for name in shows.products)
        return tuple(dict.fromkeys(product for products in named for product in products if product))[:MAX_PRODUCTS]

    def _filled(self, text: str) -> str:
        """A text that nobody translates."""
        return render(text, self.facts, self.run.discount, self.facts.contact.language, self.now)

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
        about = self.revision.translate(answer.description, language, Role.DESCRIPTION) if answer.description else None
        return Button(title, self._payload(number, answer), about)

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
            buttons=self._quick_replies(sheet.quick_replies, answers),
            link_suffix=self._link_suffix(sheet.link_beginning, use, LINK, sheet.language),
            code=self.run.discount.code if sheet.copies_code and self.run.discount else None,
            header_media=self._header_media(sheet, use),
            header_place=sheet.template.header_place,
            offer_ends=self.run.discount.ends if sheet.template.offer and self.run.discount else None,
            cards=tuple(self._card(number, card, sheet, use, values, answers) for number, card in enumerate(sheet.cards)),
            products=self._products(use) if sheet.goods else (),
            menu=cut(sheet.goods.text, MAX_SECTION_TITLE) if sheet.goods else None,
            catalog=sheet.goods is not None and sheet.goods.kind is ButtonKind.CATALOG,
            positional=sheet.positional,
            marketing=sheet.template.category is Category.MARKETING,
        )

    def _header_media(self, sheet: "_Sheet", use: TemplateUse) -> Media | None:
        """The file over a template: the flow's own of that kind, else the one that stands in the template's file."""
        shown = sheet.template.header_file
        if shown is None:
            return None
        own = files_of(use).get(shown.kind)
        return (self._file(shown.kind, own) if own else None) or self._file(shown.kind, shown.name)

    def _card(
        self, number: int, card: "_CardSheet", sheet: "_Sheet", use: TemplateUse, values: Mapping[str, str], answers: tuple[Answer, ...]
    ) -> Card:
        fitted = _fitted(card.body, {name: values[name] for name in _names(card.body)}, MAX_CARD_BODY)
        return Card(
            media=self._file(card.shows.kind, card.shows.name),
            values=fitted,
            body=fill(card.body, fitted),
            buttons=self._quick_replies(card.quick_replies, answers),
            link_suffix=self._link_suffix(card.link_beginning, use, card_link(number), sheet.language),
        )

    def _value(self, use: TemplateUse, name: str, language: str) -> str:
        written = use.with_.get(name)
        if written is None:
            return ""
        if counts(text := f"{{{written}}}"):
            return self._said(text, language, Role.VALUE)
        translate = partial(self.revision.translate, role=Role.VALUE)
        return expression(written, self.facts, self.run.discount, language, self.now, translate)

    def _quick_replies(self, titles: tuple[tuple[str, str], ...], answers: tuple[Answer, ...]) -> tuple[Button, ...]:
        """The template's quick replies, each with the payload of the answer of that title. All of them, also when nothing is asked:
        Meta tells buttons by their place."""
        by_title = {answer.button: (number, answer) for number, answer in enumerate(answers) if answer.button}
        # Where no answer has the title (the check reports it) the payload names none, and the press counts as the words.
        nothing = len(answers), None
        return tuple(Button(title, self._payload(*by_title.get(written, nothing))) for written, title in titles)

    def _link_suffix(self, beginning: str | None, use: TemplateUse, name: str, language: str) -> str | None:
        if beginning is None:
            return None
        return link_suffix(self._value(use, name, language), beginning) or EMPTY_TEMPLATE_VALUE


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What of a template is the same in each message: its texts in one language, and what its buttons are.

    `quick_replies` are titles as written and as translated; `link_beginning` is the fixed part of a link whose end is filled in.
    `goods` is its button to products or to the catalog.
    """

    template: Template
    name: str
    language: str
    header: str
    body: str
    names: tuple[str, ...]
    quick_replies: tuple[tuple[str, str], ...]
    link_beginning: str | None
    copies_code: bool
    goods: TemplateButton | None
    positional: bool
    cards: tuple["_CardSheet", ...]


@dataclass(frozen=True, slots=True)
class _CardSheet:
    """What of a card is the same in each message, as `_Sheet`."""

    shows: Shown
    body: str
    quick_replies: tuple[tuple[str, str], ...]
    link_beginning: str | None


@lru_cache(maxsize=SHEETS_KEPT)
def _sheet(kept: Itself[Revision], name: str, language: str) -> _Sheet:
    """The sheet of a template for somebody who reads `language`."""
    revision = kept.it
    # A template nobody wrote is a problem the check reports; here it is sent by its name and Meta says the rest.
    template = revision.templates.get(name) or Template(name, Category.MARKETING, "")
    language = revision.template_language(template, language)
    header = revision.translate(template.header or "", language, Role.HEADER)
    body = revision.translate(template.body, language, Role.MESSAGE)
    cards = tuple(_card_sheet(card, revision, language) for card in template.cards)
    names = _names(header, body, *(card.body for card in cards))
    goods = next((button for button in template.buttons if button.kind in (ButtonKind.PRODUCTS, ButtonKind.CATALOG)), None)
    return _Sheet(
        template=template,
        name=template.name,
        language=language,
        header=header,
        body=body,
        names=names,
        quick_replies=_titles(template.buttons, revision, language),
        link_beginning=_link_beginning(template.buttons),
        copies_code=any(button.kind is ButtonKind.COPY_CODE for button in template.buttons),
        goods=replace(goods, text=revision.translate(goods.text, language, Role.BUTTON)) if goods else None,
        positional=bool(names) and all(name.isdigit() for name in names),
        cards=cards,
    )


def _card_sheet(card: TemplateCard, revision: Revision, language: str) -> _CardSheet:
    body = revision.translate(card.body or "", language, Role.MESSAGE)
    return _CardSheet(card.shows, body, _titles(card.buttons, revision, language), _link_beginning(card.buttons))


def _titles(buttons: tuple[TemplateButton, ...], revision: Revision, language: str) -> tuple[tuple[str, str], ...]:
    """The quick replies: as written, and as translated."""
    titles = (button.text for button in buttons if button.kind is ButtonKind.QUICK_REPLY)
    return tuple((title, revision.translate(title, language, Role.BUTTON)) for title in titles)


def _link_beginning(buttons: tuple[TemplateButton, ...]) -> str | None:
    return next(((button.url or "").removesuffix(LINK_SUFFIX) for button in buttons if is_open(button)), None)


def is_open(button: TemplateButton) -> bool:
    """Whether it is a link whose end is filled in."""
    return button.kind is ButtonKind.LINK and (button.url or "").endswith(LINK_SUFFIX)


def card_link(number: int) -> str:
    """The word under `with:` that fills the end of a link on a card, which are counted from 0."""
    return f"{LINK}_{number + 1}"


def longest_body(message: Message, ask: AskStep | None) -> int:
    """How many characters the words of a message may have: fewer under a file, and with anything to press."""
    buttons = sum(1 for answer in ask.answers if answer.button) if ask else 0
    if 0 < buttons <= MAX_REPLY_BUTTONS or message.link or message.products or message.catalog:
        return MAX_BODY_WITH_BUTTONS
    return MAX_CAPTION if files_of(message) else MAX_BODY


def place(written: LocationPart) -> Place:
    """A spot on the map as it was written."""
    return Place(written.latitude, written.longitude, written.name, written.address)


def phone(written: str) -> str:
    """A phone number as Meta wants it: `+34600000001`, without the gaps that people write."""
    return "".join(character for character in written if character in "+0123456789")


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
