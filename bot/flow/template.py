"""A template as its owner writes it: `flows/templates/<name>.yaml`, its texts in the store's first language.

Outside the reply window WhatsApp takes only templates that Meta approved; the limits here are those Meta refuses them by.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any
from unicodedata import category as unicode_category

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from bot.flow import limit
from bot.flow.document import Document, Value
from bot.flow.file import OwnFile, file_mistakes, own_file_mistake
from bot.flow.message import LINK, LINK_SUFFIX, card_link, is_open
from bot.flow.model import LONGEST_BUTTON, FileName, LocationPart, Text, Written, editor_schema, files_of, place_mistake, tag, text_up_to
from bot.flow.problem import Mistake, Problem
from bot.flow.revision import ButtonKind, Category, Shown, Template, TemplateButton, TemplateCard
from bot.flow.run import MediaKind, Place
from bot.flow.shape import read
from bot.flow.text import Placeholder, TextError, placeholders

# Cloud API, message templates: components and their limits, in characters where nothing else is said.
MAX_NAME = 512
MAX_HEADER = 60
MAX_BODY = 550  # the reference says 1024, but creating a marketing or utility template beyond 550 is refused (2388040)
MAX_EMOJI = 10  # beyond which the same error refuses a body
MAX_FOOTER = 60
MAX_BUTTON = LONGEST_BUTTON
MAX_BUTTONS = 10
MAX_LINKS = 2
MAX_COPY_CODES = 1
MAX_URL = 2000
MAX_CODE = 20
MAX_PHONE = 20
MAX_OFFER = 16
MAX_OFFER_BODY = 600
MAX_CARD_BODY = 160
MAX_CARD_BUTTONS = 2

_NAME = re.compile(r"[a-z0-9_]+")
_CODE = re.compile(r"[A-Za-z0-9]+")
_CALLED = re.compile(r"\+?[0-9]{7,19}")


Button = Annotated[str, text_up_to(MAX_BUTTON)]
Code = Annotated[str, WithJsonSchema({"type": ["string", "number"], "pattern": "^[A-Za-z0-9]+$", "maxLength": MAX_CODE})]
Url = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^https?://", "maxLength": MAX_URL})]


class LinkFile(Written):
    """A button that opens a page; `url` may end with `{suffix}`."""

    text: Button
    url: Url


class CallFile(Written):
    """A button that calls somebody."""

    text: Button
    phone: Annotated[str, WithJsonSchema({"type": ["string", "number"], "pattern": r"^\\+?[0-9]{7,19}$", "maxLength": MAX_PHONE})]


class ButtonFile(Written):
    """One button: what it does is its one key. Of `copy_code` the value is the example code Meta asks for."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    quick_reply: Button | None = None
    link: LinkFile | None = None
    copy_code: Code | None = None
    products: Button | None = None
    catalog: Button | None = None
    call: CallFile | None = None

    def buttons(self) -> Iterator[TemplateButton]:
        """The button it means; none or several when it was written wrongly."""
        if self.quick_reply is not None:
            yield TemplateButton(ButtonKind.QUICK_REPLY, self.quick_reply)
        if self.link is not None:
            yield TemplateButton(ButtonKind.LINK, self.link.text, self.link.url)
        if self.copy_code is not None:
            yield TemplateButton(ButtonKind.COPY_CODE, self.copy_code)
        if self.products is not None:
            yield TemplateButton(ButtonKind.PRODUCTS, self.products)
        if self.catalog is not None:
            yield TemplateButton(ButtonKind.CATALOG, self.catalog)
        if self.call is not None:
            yield TemplateButton(ButtonKind.CALL, self.call.text, phone=self.call.phone)


class HeaderFile(Written):
    """A header that is no text: a file or a place. What it is, is its one key; the file is the example Meta asks for, too."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    image: FileName | None = None
    video: FileName | None = None
    document: FileName | None = None
    location: LocationPart | None = None


def _header(value: Any) -> str:
    return _FILE if isinstance(value, dict | HeaderFile) else _TEXT


_TEXT, _FILE = tag("text"), tag("file")

Header = Annotated[
    Annotated[Text, text_up_to(MAX_HEADER), Tag(_TEXT)] | Annotated[HeaderFile, Tag(_FILE)],
    Discriminator(_header),
]


class CardFile(Written):
    """One card of a carousel: an image or a video, words or none, and its buttons."""

    image: FileName | None = None
    video: FileName | None = None
    body: Annotated[Text, text_up_to(MAX_CARD_BODY)] | None = None
    buttons: tuple[ButtonFile, ...] = Field(max_length=MAX_CARD_BUTTONS)


class TemplateFile(Written):
    """A template as written. Header, body and cards may hold placeholders like `{name}`."""

    category: Category
    header: Header | None = None
    body: Annotated[Text, text_up_to(MAX_BODY)]
    footer: Annotated[Text, text_up_to(MAX_FOOTER)] | None = None
    offer: Annotated[Text, text_up_to(MAX_OFFER)] | None = None
    buttons: tuple[ButtonFile, ...] = Field(default=(), max_length=MAX_BUTTONS)
    cards: tuple[CardFile, ...] = ()


_SUBSTITUTES: Mapping[str, Value] = {
    "category": "marketing",
    "body": "?",
    "buttons": [],
    "text": "?",
    "url": "https://example.com",
    "phone": "+10000000",
    "latitude": "0",
    "longitude": "0",
}


def read_template(name: str, document: Document) -> tuple[Template | None, tuple[Problem, ...]]:
    """The template in a file, None when nothing could be made of it, and everything wrong with it."""
    shape = read(document, TemplateFile, _SUBSTITUTES)
    if shape.value is None:
        return None, shape.problems
    written = shape.value
    header = written.header
    template = Template(
        name,
        written.category,
        written.body,
        header if isinstance(header, str) else None,
        written.footer,
        _buttons(written.buttons),
        _shown(header) if isinstance(header, HeaderFile) else None,
        _place(header.location) if isinstance(header, HeaderFile) and header.location else None,
        written.offer,
        tuple(TemplateCard(shown, card.body, _buttons(card.buttons)) for card in written.cards if (shown := _shown(card))),
    )
    problems = [] if shape.problems else list(_mistakes(name, written, shape.document))
    return template, (*shape.problems, *problems)


def lacking_files(template: Template, document: Document, own: Mapping[str, OwnFile]) -> Iterator[Problem]:
    """The files a template shows that are not there, or too large."""
    paths = [f"header.{template.header_file.kind}"] if template.header_file else []
    paths += [f"cards.{number}.{card.shows.kind}" for number, card in enumerate(template.cards)]
    for path, shown in zip(paths, template.files, strict=True):
        if fault := own_file_mistake(shown.kind, shown.name, own):
            yield document.problem(document.key_place(path), *fault)


def _buttons(written: tuple[ButtonFile, ...]) -> tuple[TemplateButton, ...]:
    return tuple(button for entry in written for button in entry.buttons())


def _shown(written: HeaderFile | CardFile) -> Shown | None:
    return next((Shown(kind, name) for kind in MediaKind if (name := getattr(written, kind, None))), None)


def _place(written: LocationPart) -> Place:
    return Place(written.latitude, written.longitude, written.name, written.address)


def template_placeholders(template: Template) -> tuple[str, ...]:
    """What a flow gives a template: the names in header, body and cards, and what the ends of links are called; each once."""
    texts = (template.header or "", template.body, *(card.body or "" for card in template.cards))
    names = [found.name for text in texts for found in _found(text)]
    links = [LINK for button in template.buttons if is_open(button)]
    cards = [card_link(number) for number, card in enumerate(template.cards) if any(map(is_open, card.buttons))]
    return tuple(dict.fromkeys([*names, *links, *cards]))


def is_positional(template: Template) -> bool:
    """Whether its placeholders are numbers: Meta wants their values in that order, and no names."""
    texts = (template.header or "", template.body, *(card.body or "" for card in template.cards))
    names = [found.name for text in texts for found in _found(text)]
    return bool(names) and all(name.isdigit() for name in names)


def quick_replies(template: Template) -> tuple[str, ...]:
    """The titles of the quick replies, in their order; those of cards stand on each of them and count once."""
    return tuple(dict.fromkeys(button.text for button in template.all_buttons if button.kind is ButtonKind.QUICK_REPLY))


def _found(text: str) -> tuple[Placeholder, ...]:
    try:
        return placeholders(text)
    except TextError:
        return ()


# ---- what Meta would refuse

Fault = tuple[str, Mistake, str]
"""A mistake in a part of a template: the part's path, the kind, a sentence."""


def _mistakes(name: str, written: TemplateFile, document: Document) -> Iterator[Problem]:
    for path, kind, message in _all_mistakes(name, written):
        yield document.problem(document.key_place(path), kind, message)
    for part, text, longest in _texts(written):
        if len(text) <= longest:
            yield from _placeholder_mistakes(part, text, document)


def _texts(written: TemplateFile) -> Iterator[tuple[str, str, int]]:
    """The texts that may hold placeholders: their paths, and how long they may be."""
    if isinstance(written.header, str):
        yield "header", written.header, MAX_HEADER
    yield "body", written.body, MAX_BODY
    for number, card in enumerate(written.cards):
        if card.body is not None:
            yield f"cards.{number}.body", card.body, MAX_CARD_BODY


def _all_mistakes(name: str, written: TemplateFile) -> Iterator[Fault]:
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        message = f"a template's name has only small letters, digits and _, and at most {MAX_NAME} of them: rename the file"
        yield "", Mistake.BAD_TEMPLATE_NAME, message
    header = written.header if isinstance(written.header, str) else None
    yield from _too_long("header", "a header", header, MAX_HEADER)
    yield from _too_long("body", "a template's body", written.body, MAX_BODY)
    yield from _too_long("footer", "a footer", written.footer, MAX_FOOTER)
    if not written.body.strip():
        yield "body", Mistake.EMPTY_TEXT, "write what the customer reads here"
    for kind, message in body_mistakes(written.body) if len(written.body) <= MAX_BODY else ():
        yield "body", kind, message
    if header and (side := side_by_side(header)):
        yield "header", Mistake.PLACEHOLDERS_SIDE_BY_SIDE, side
    if written.footer and "{" in written.footer:
        yield "footer", Mistake.PLACEHOLDER_IN_FOOTER, "a footer cannot hold a placeholder: write it into the body"
    if len(_found(header or "")) > 1:
        yield "header", Mistake.TOO_MANY_IN_HEADER, "a header holds at most one placeholder: write the other into the body"
    if sum(LINK_SUFFIX in (entry.link.url if entry.link else "") for entry in written.buttons) > 1:
        yield "buttons", Mistake.BAD_LINK_END, f"at most one link of a template can end with {LINK_SUFFIX}"
    yield from _button_mistakes("buttons", written.buttons)
    yield from _numbering_mistakes(written)
    if isinstance(written.header, HeaderFile):
        yield from _header_mistakes(written.header)
    if written.offer is not None:
        yield from _offer_mistakes(written)
    if written.cards:
        yield from _carousel_mistakes(written)


def _numbering_mistakes(written: TemplateFile) -> Iterator[Fault]:
    """Meta's older templates call their placeholders 1, 2, 3: then all of them are numbers, and none is left out."""
    names = {path: {found.name for found in _found(text)} for path, text, _ in _texts(written)}
    if len({name.isdigit() for found in names.values() for name in found}) > 1:
        message = "all placeholders of a template are words, or all are numbers: Meta takes no mixture"
        yield "body", Mistake.BAD_NUMBERING, message
        return
    for path, found in names.items():
        numbers = sorted(int(name) for name in found if name.isdigit())
        if numbers != list(range(1, len(numbers) + 1)):
            yield path, Mistake.BAD_NUMBERING, "placeholders that are numbers count 1, 2, 3 without a gap: number them anew"


def _header_mistakes(header: HeaderFile) -> Iterator[Fault]:
    there = [name for name in HeaderFile.model_fields if getattr(header, name) is not None]
    if len(there) != 1:
        yield "header", Mistake.UNCLEAR_HEADER, "a header is a text, or one of image, video, document and location: write one of them"
    for kind, name in files_of(header).items():
        yield from file_mistakes(f"header.{kind}", kind, name)
    if header.location is not None and (fault := place_mistake(header.location)):
        yield "header.location", *fault


def _offer_mistakes(written: TemplateFile) -> Iterator[Fault]:
    """Cloud API, limited-time offer templates."""
    kinds = [button.kind for entry in written.buttons for button in entry.buttons()]
    if written.category is not Category.MARKETING:
        yield "offer", Mistake.BAD_OFFER, "an offer is marketing: write 'category: marketing'"
    yield from _too_long("offer", "the words of an offer", written.offer, MAX_OFFER)
    if len(written.body) > MAX_OFFER_BODY:
        yield from _too_long("body", "the body of an offer", written.body, MAX_OFFER_BODY)
    if ButtonKind.LINK not in kinds or not {ButtonKind.LINK, ButtonKind.COPY_CODE}.issuperset(kinds):
        yield "offer", Mistake.BAD_OFFER, "an offer has a link as its button, and at most a copy_code beside it: write those two"
    if written.footer is not None:
        yield "footer", Mistake.BAD_OFFER, "an offer has no footer: write how to stop the messages into its body"
    if isinstance(written.header, str) or (isinstance(written.header, HeaderFile) and not (written.header.image or written.header.video)):
        yield "header", Mistake.BAD_OFFER, "above an offer stands an image, a video or nothing"


def _carousel_mistakes(written: TemplateFile) -> Iterator[Fault]:
    """Cloud API, carousel templates: a body above, and cards that are all built alike."""
    if not limit.MIN_CARDS <= len(written.cards) <= limit.MAX_CARDS:
        message = f"a carousel has {limit.MIN_CARDS} to {limit.MAX_CARDS} cards, this one has {len(written.cards)}"
        yield "cards", Mistake.BAD_CARDS, message
    for part in ("header", "footer", "offer", "buttons"):
        if getattr(written, part):
            yield part, Mistake.BAD_CARDS, f"a template with cards has no {part} of its own: write it on the cards, or into the body"
    first = _build(written.cards[0])
    for number, card in enumerate(written.cards):
        path = f"cards.{number}"
        if (card.image is None) == (card.video is None):
            yield path, Mistake.BAD_CARDS, "a card shows an image or a video: write one of them"
        elif _build(card) != first:
            yield path, Mistake.BAD_CARDS, "all cards are built alike: the same kind of file, a body or none, the same kinds of buttons"
        for kind, name in files_of(card).items():
            yield from file_mistakes(f"{path}.{kind}", kind, name)
        if card.body is not None:
            yield from _too_long(f"{path}.body", "the words on a card", card.body, MAX_CARD_BODY)
            for mistake, message in body_mistakes(card.body) if len(card.body) <= MAX_CARD_BODY else ():
                yield f"{path}.body", mistake, message
        yield from _button_mistakes(f"{path}.buttons", card.buttons)
        kinds = [button.kind for button in _buttons(card.buttons)]
        if not kinds or not {ButtonKind.QUICK_REPLY, ButtonKind.LINK, ButtonKind.CALL}.issuperset(kinds):
            yield f"{path}.buttons", Mistake.BAD_CARDS, "a card has one or two buttons: quick_reply, link or call"


def _build(card: CardFile) -> tuple[object, ...]:
    return tuple(files_of(card)), card.body is None, tuple(button.kind for button in _buttons(card.buttons))


def body_mistakes(body: str) -> Iterator[tuple[Mistake, str]]:
    """What Meta refuses in a body, whatever its language: the kind and a sentence."""
    if (emoji := sum(map(is_emoji, body))) > MAX_EMOJI:
        yield Mistake.TOO_MANY_EMOJI, f"a template's body has at most {MAX_EMOJI} emoji, this one has {emoji}"
    if _found(body) and (body.strip().startswith("{") or body.strip().endswith("}")):
        message = "Meta refuses a body that begins or ends with a placeholder: add a word or a dot"
        yield Mistake.PLACEHOLDER_AT_THE_EDGE, message
    if side := side_by_side(body):
        yield Mistake.PLACEHOLDERS_SIDE_BY_SIDE, side


def side_by_side(text: str) -> str | None:
    """A sentence about placeholders with no word between them."""
    return "Meta refuses placeholders side by side: write a word between them" if re.search(r"\}\s*\{", text) else None


def _too_long(path: str, what: str, text: str | None, limit: int) -> Iterator[Fault]:
    if text is not None and len(text) > limit:
        yield path, Mistake.TEMPLATE_TEXT_TOO_LONG, f"{what} has at most {limit} characters, this one has {len(text)}"


def is_emoji(character: str) -> bool:
    """Whether a character is a pictograph (one of several joined into one picture counts for itself, as Meta counts)."""
    return ord(character) > 0x2000 and unicode_category(character) == "So"


def _button_mistakes(around: str, entries: tuple[ButtonFile, ...]) -> Iterator[Fault]:
    buttons: list[TemplateButton] = []
    for number, entry in enumerate(entries):
        path = f"{around}.{number}"
        meant = list(entry.buttons())
        if len(meant) != 1:
            message = "a button is one of quick_reply, link, copy_code, products, catalog and call: write one of them"
            yield path, Mistake.UNCLEAR_BUTTON, message
            continue
        if any(button.text == meant[0].text for button in buttons):
            yield path, Mistake.DUPLICATE_BUTTON, f"two buttons of this template say '{meant[0].text}': write another text on one"
        buttons.append(meant[0])
        yield from _one_button_mistakes(path, meant[0])
    yield from _mix_mistakes(around, [button.kind for button in buttons])


def _one_button_mistakes(path: str, button: TemplateButton) -> Iterator[Fault]:
    here = f"{path}.{button.kind.value}"
    match button.kind:
        case ButtonKind.COPY_CODE:
            if not _CODE.fullmatch(button.text) or len(button.text) > MAX_CODE:
                message = f"write an example code here: letters and digits, at most {MAX_CODE} of them"
                yield here, Mistake.BAD_EXAMPLE_CODE, message
            return
        case ButtonKind.LINK:
            yield from _url_mistakes(f"{here}.url", button.url or "")
            here = f"{here}.text"
        case ButtonKind.CALL:
            if not _CALLED.fullmatch(button.phone or ""):
                yield f"{here}.phone", Mistake.BAD_PHONE, "write a phone number with its country, like +34600000001"
            here = f"{here}.text"
        case ButtonKind.QUICK_REPLY | ButtonKind.PRODUCTS | ButtonKind.CATALOG:
            pass
    if not button.text.strip():
        yield here, Mistake.EMPTY_TEXT, "write what stands on the button"
    if "{" in button.text:
        yield here, Mistake.PLACEHOLDER_IN_BUTTON, "a button cannot hold a placeholder: write fixed words on it"
    if len(button.text) > MAX_BUTTON:
        message = f"a template's button has at most {MAX_BUTTON} characters, this one has {len(button.text)}"
        yield here, Mistake.BUTTON_TOO_LONG, message


def _url_mistakes(path: str, url: str) -> Iterator[Fault]:
    if not url.startswith(("https://", "http://")):
        yield path, Mistake.BAD_LINK, "write a whole link that begins with https://"
    if "{" in url.removesuffix(LINK_SUFFIX):
        yield path, Mistake.BAD_LINK_END, f"the only placeholder a link can have is {LINK_SUFFIX}, at its very end"
    yield from _too_long(path, "a link", url, MAX_URL)


def _mix_mistakes(around: str, kinds: list[ButtonKind]) -> Iterator[Fault]:
    replies = [kind is ButtonKind.QUICK_REPLY for kind in kinds]
    if sum(1 for before, after in pairwise(replies) if before != after) > 1:
        yield around, Mistake.MIXED_BUTTONS, "keep the quick replies together: Meta refuses them mixed with other buttons"
    if kinds.count(ButtonKind.LINK) > MAX_LINKS:
        yield around, Mistake.TOO_MANY_BUTTONS, f"a template has at most {MAX_LINKS} links"
    if kinds.count(ButtonKind.COPY_CODE) > MAX_COPY_CODES:
        yield around, Mistake.TOO_MANY_BUTTONS, "a template has at most one copy_code"
    if kinds.count(ButtonKind.CALL) > 1:
        yield around, Mistake.TOO_MANY_BUTTONS, "a template has at most one call"
    if {ButtonKind.PRODUCTS, ButtonKind.CATALOG}.intersection(kinds) and len(kinds) > 1:
        yield around, Mistake.MIXED_BUTTONS, "a products or catalog button stands alone: Meta refuses others beside it"


def _placeholder_mistakes(path: str, text: str, document: Document) -> Iterator[Problem]:
    try:
        found = placeholders(text)
    except TextError as error:
        yield document.problem(document.inside(path, error.offset), Mistake.BAD_PLACEHOLDER, error.message)
        return
    for placeholder in found:
        if message := _about_placeholder(placeholder):
            yield document.problem(document.inside(path, placeholder.offset), Mistake.BAD_TEMPLATE_PLACEHOLDER, message)


def _about_placeholder(placeholder: Placeholder) -> str | None:
    if not _NAME.fullmatch(placeholder.name):
        return f"a template's placeholder is one word of small letters, like {{name}}; what fills '{placeholder.name}' stands in the flow"
    if placeholder.fallback is not None:
        return f"write {{{placeholder.name}}} here; the words for when it is missing stand in the flow"
    if placeholder.forms:
        return f"write {{{placeholder.name}}} here; what is counted stands in the flow: {placeholder.name}: cart.items thing/things"
    return None


def schema() -> dict[str, Any]:
    """The JSON Schema of a template's file, for editors; shipped as `template.schema.json` beside this module."""
    return editor_schema(TemplateFile)
