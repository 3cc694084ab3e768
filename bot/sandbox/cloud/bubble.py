"""What the customer's phone shows: bubbles, what is drawn in them, their buttons and their ticks."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class ButtonKind(StrEnum):
    """What a press does: answers (three kinds of answer webhooks), opens a link, calls, copies a code, shows goods, or nothing here."""

    REPLY = "reply"
    ROW = "row"
    QUICK_REPLY = "quick_reply"
    LINK = "link"
    CALL = "call"
    CODE = "code"
    GOODS = "goods"  # opens a catalog, a product list or one product
    PLACE = "place"  # asks for the customer's location
    OTHER = "other"


ANSWERS = frozenset({ButtonKind.REPLY, ButtonKind.ROW, ButtonKind.QUICK_REPLY})


@dataclass(frozen=True, slots=True)
class Button:
    """One button or row. `value` is the payload of an answer, the URL of a link, the number to call, the code to copy.

    `section` is the title over the row in its list.
    """

    kind: ButtonKind
    title: str
    value: str = ""
    description: str = ""
    section: str = ""


class MediaKind(StrEnum):
    """What a file is to WhatsApp. A voice note is audio that was recorded in the chat."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"


@dataclass(frozen=True, slots=True)
class Media:
    """A file in a message: uploaded here (`id`), or somewhere else (`link`). One of both is empty."""

    kind: MediaKind
    id: str = ""
    link: str = ""
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A location, in degrees."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class SharedContact:
    """A contact card that was sent."""

    name: str
    phones: tuple[str, ...] = ()
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Ware:
    """One product, by the retailer's own id. In an order: how many `pieces`, at which `price` each (`24.00 EUR`)."""

    id: str
    pieces: int = 0
    price: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Products under one title."""

    title: str
    wares: tuple[Ware, ...]


class GoodsKind(StrEnum):
    """How products come: one, a list to open, the whole catalog, or an order by the customer."""

    PRODUCT = "product"
    LIST = "list"
    CATALOG = "catalog"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Goods:
    """Products in a message. A catalog shows the product of its thumbnail, if any."""

    kind: GoodsKind
    shelves: tuple[Shelf, ...] = ()

    @property
    def wares(self) -> tuple[Ware, ...]:
        """All of them, whatever shelf they are on."""
        return tuple(ware for shelf in self.shelves for ware in shelf.wares)


@dataclass(frozen=True, slots=True)
class Offer:
    """The bar of a limited-time offer. `ends` (UTC) is None where the template has no expiration."""

    text: str
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Advert:
    """The ad or post a customer came from (the `referral` of their first message)."""

    headline: str
    body: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn in one message, from its top to its bottom. `menu` is the label that opens a list; its rows are `buttons`.

    `preview` is the link a preview box is drawn of; `cards` are the cards of a carousel.
    """

    body: str
    header: str = ""
    footer: str = ""
    menu: str = ""
    buttons: tuple[Button, ...] = ()
    media: Media | None = None
    place: Place | None = None
    contacts: tuple[SharedContact, ...] = ()
    goods: Goods | None = None
    offer: Offer | None = None
    cards: tuple["Drawing", ...] = ()
    preview: str = ""
    advert: Advert | None = None

    def all_buttons(self) -> tuple[Button, ...]:
        """Its own buttons, then those of its cards."""
        return self.buttons + tuple(button for card in self.cards for button in card.buttons)


class Tick(IntEnum):
    """How far a message came, as far as its sender was told."""

    ACCEPTED = 0
    SENT = 1
    DELIVERED = 2
    READ = 3
    FAILED = 4


@dataclass(slots=True)
class Bubble:
    """One message on the phone, the customer's or the business's. `key` is the sender's `biz_opaque_callback_data`.

    `reactions`: the emoji of the customer (True) and of the business (False) on this message.
    `failure`: why it failed, in words; empty otherwise. `number`: the id of the business's number it went through.
    """

    id: str
    at: datetime
    by_customer: bool
    drawing: Drawing
    tick: Tick = Tick.ACCEPTED
    template: str | None = None
    category: str = "service"
    key: str | None = None
    reply_to: str | None = None
    read_reported: bool = False
    reactions: dict[bool, str] = field(default_factory=dict)
    edited: bool = False
    deleted: bool = False
    failure: str = ""
    number: str = ""

    def react(self, emoji: str, *, by_customer: bool) -> None:
        """Set somebody's reaction; an empty emoji takes it back."""
        self.reactions.pop(by_customer, None)
        if emoji:
            self.reactions[by_customer] = emoji
