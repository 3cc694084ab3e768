"""A run (one contact in one flow), the events that can happen to it, and the effects it asks for.

Everything here is data. `interpreter.py` turns (run, event, facts, now) into (run, effects); the store keeps runs and carries
effects out, in one transaction. Events are in the past tense, effects in the imperative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Optional

from bot.flow.facts import Money


class Purpose(StrEnum):
    """Why a message is written. Marketing needs consent and obeys quiet hours and limits; service answers the customer."""

    MARKETING = "marketing"
    SERVICE = "service"


class Waiting(StrEnum):
    """What a run that is not ended waits for."""

    ANSWER = "answer"
    TIME = "time"
    DISCOUNT = "discount"


class SubjectKind(StrEnum):
    """What a run can be about."""

    CART = "cart"
    ORDER = "order"
    PRODUCT = "product"  # news of one
    VIEW = "view"  # a product they looked at


@dataclass(frozen=True, slots=True)
class Subject:
    """The cart, order, look at a product or news of one a run is about, by the store's own id; of an order perhaps only the lines of one
    category or product."""

    kind: SubjectKind
    id: int
    category: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """A code that exists in the shop. `percent` or `amount` is set, never both; `ends` is UTC."""

    code: str
    ends: datetime
    percent: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One contact in one flow.

    `position` is the path of the step the run stands at, in the revision it was started with (`steps.0.answers.2.then.1`).
    `generation` rises with each wait: a timer or an answer for an older one is stale and ignored.
    `sends` counts the messages asked for so far: with the run's id it makes each message's key, the same after a crash.
    `replying` is true while the run answers something the customer just wrote or pressed.
    `outcome` is set once the run is ended, and then `waiting` is None.
    """

    id: int
    flow: str
    revision: str
    position: str = ""
    waiting: Waiting | None = None
    generation: int = 0
    sends: int = 0
    replying: bool = False
    subject: Subject | None = None
    discount: Discount | None = None
    outcome: str | None = None


# ---- what can happen to a run


@dataclass(frozen=True, slots=True)
class Started:
    """The run's first event. `by_customer`: it starts because the customer wrote."""

    by_customer: bool = False


@dataclass(frozen=True, slots=True)
class Replied:
    """The customer wrote; `text` is empty for a picture, a voice note and the like."""

    text: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """The customer pressed the button `answer` (index into the ask's answers) of the wait `generation`; `title` is its text."""

    generation: int
    answer: int
    title: str


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The timer set at the wait `generation` is due."""

    generation: int


@dataclass(frozen=True, slots=True)
class DiscountMade:
    """The code asked for at the wait `generation` now exists in the shop."""

    generation: int
    discount: Discount


@dataclass(frozen=True, slots=True)
class DiscountRefused:
    """No code could be made: pool empty, budget spent, shop down. `why` is a sentence for the owner."""

    generation: int
    why: str


Event = Started | Replied | Pressed | TimeIsUp | DiscountMade | DiscountRefused

# ---- what a message holds


class MediaKind(StrEnum):
    """What a file is to WhatsApp: how it is shown, and how large it may be."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


@dataclass(frozen=True, slots=True)
class Media:
    """A file in a message, by exactly one of the two: an https `link` that Meta fetches itself, or a stored `file` (the sha256 of its
    bytes in hexadecimal), which is uploaded when it is needed. `filename` is what a document is called on the customer's phone.
    """

    kind: MediaKind
    link: str | None = None
    file: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens a page."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Place:
    """A spot on the map, in degrees."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class ContactCard:
    """Somebody to write to or to call: a name and a phone number (`+34600000001`)."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply. `payload` comes back when it is pressed (`button_payload` below). `description` stands under its title in a list."""

    title: str
    payload: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A message that is no template, only allowed inside the reply window, with up to three buttons, or a list of up to ten.

    `media` stands above the words (a sticker or an audio has none). `link` is a button that opens a page, instead of other buttons.
    `menu` is the title of the button that opens a list. `products` are the shop's ids in the catalog `catalog_id` at Meta, one or
    several; `catalog` opens the whole of it. `place` or `card` is sent without words. `header` and `footer` stand above and below
    the words of a message with buttons, a link or products. `quotes` is the provider's id of the message this one answers;
    `reaction` is one emoji put to that, without words ("" takes it away).

    `otherwise` is sent instead when the reply window is closed at the moment of sending.
    """

    body: str
    buttons: tuple[Button, ...] = ()
    media: Media | None = None
    link: Link | None = None
    products: tuple[str, ...] = ()
    catalog: bool = False
    catalog_id: str | None = None
    menu: str | None = None
    header: str | None = None
    footer: str | None = None
    place: Place | None = None
    card: ContactCard | None = None
    quotes: str | None = None
    reaction: str | None = None
    otherwise: Optional["TemplateMessage"] = None


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a carousel: its picture or film, what fills its words, and its buttons. `body` is what the customer will read."""

    media: Media | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    link_suffix: str | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class TemplateMessage:
    """A template Meta approved. `body` is what the customer will read, for the desk; it is not sent.

    `values` are the placeholders of the body and `header_values` those of the header, formatted in the customer's language: by name,
    or where the template is `positional` in the order of the numbers they are called by ("1", "2"). `header_media` or `header_place`
    fills a header that is no text. `buttons` are the template's quick replies in their order; `link_suffix` and `code` fill a link or
    copy-code button. `offer_ends` (UTC) is when a limited-time offer is over. `cards` fill a carousel. `products` are what a products
    button shows, under the title `menu`; with `catalog` the button opens the whole catalog, with the first of them as its picture.
    `marketing`: its own file calls it so.
    """

    name: str
    language: str
    values: Mapping[str, str]
    body: str
    buttons: tuple[Button, ...] = ()
    link_suffix: str | None = None
    code: str | None = None
    header_values: Mapping[str, str] = field(default_factory=dict)
    header_media: Media | None = None
    header_place: Place | None = None
    offer_ends: datetime | None = None
    cards: tuple[Card, ...] = ()
    products: tuple[str, ...] = ()
    menu: str | None = None
    catalog: bool = False
    positional: bool = False
    marketing: bool = False


Content = Text | TemplateMessage

# ---- what a run asks for


@dataclass(frozen=True, slots=True)
class Send:
    """Write to the customer. `number` counts the run's messages from 1 and makes the message's key."""

    number: int
    content: Content
    purpose: Purpose
    reply: bool


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake the run at `due` (UTC) with `TimeIsUp(generation)`."""

    due: datetime
    generation: int


@dataclass(frozen=True, slots=True)
class AddTag:
    """Put a tag on the contact."""

    tag: str


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take a tag off the contact."""

    tag: str


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """Where a code comes from, and what holds it back.

    `code` is one that the shop has already, the same for everybody. `source` is `POOL` (codes made in the shop ahead of time) or the
    name of a file of codes (`flows/codes/<name>.csv`). `budget` is for a calendar month of the flow: money, or a number of codes.
    `cap` is how many codes one person may get within 90 days, whatever flow they come from. `cost` is what this code is thought to cost
    the shop, None when nobody can say.
    """

    code: str | None = None
    source: str | None = None
    budget: Money | int | None = None
    cap: int | None = None
    cost: Money | None = None


POOL = "pool"
NO_TERMS = CodeTerms()


@dataclass(frozen=True, slots=True)
class MakeDiscount:
    """Make a code in the shop, then resume with `DiscountMade(generation)`. Ends `ends` (UTC)."""

    generation: int
    ends: datetime
    percent: Decimal | None = None
    amount: Money | None = None
    terms: CodeTerms = NO_TERMS


@dataclass(frozen=True, slots=True)
class TellWhenBack:
    """Put the contact on the list of those who are told when a product is back in stock: the one with the key or SKU `product`; where that
    is empty, what the run is about."""

    product: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give the conversation to staff; the bot is silent until they hand it back."""

    reason: str


@dataclass(frozen=True, slots=True)
class OptIn:
    """The customer agreed to marketing. `text` is the question they said yes to: the proof of consent."""

    text: str


@dataclass(frozen=True, slots=True)
class OptOut:
    """The customer wants no more marketing."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over."""

    outcome: str


Effect = Send | SetTimer | AddTag | RemoveTag | MakeDiscount | TellWhenBack | HandOver | OptIn | OptOut | Finish


@dataclass(frozen=True, slots=True)
class Advance:
    """Where a run stands after an event, what it asks for, and what a person should know of how it got there.

    `notes` are sentences for the owner ("no discount could be made: the pool is empty").
    """

    run: Run
    effects: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = field(default=())


# ---- the payload of a button

STOP_SUFFIX = ":stop"


def button_payload(run: int, generation: int, answer: int, *, opts_out: bool) -> str:
    """The payload of a button: which run, which wait, which answer; one that opts out says so itself.

    A button can be pressed weeks later, when its run is long gone: "Stop these messages" must still stop them.
    """
    return f"run:{run}:{generation}:{answer}{STOP_SUFFIX if opts_out else ''}"


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A payload of ours, read back."""

    run: int
    generation: int
    answer: int
    opts_out: bool


def read_button_payload(payload: str) -> ButtonPress | None:
    """The press behind a payload, None for a payload that is not ours. Total: never raises, whatever a customer sends."""
    opts_out = payload.endswith(STOP_SUFFIX)
    head, *numbers = payload.removesuffix(STOP_SUFFIX).split(":")
    if head != "run" or len(numbers) != 3 or not all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
        return None
    run, generation, answer = map(int, numbers)
    return ButtonPress(run, generation, answer, opts_out)
