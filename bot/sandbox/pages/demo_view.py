"""What the demo page shows, as one frozen view: a shop, a phone, a desk, and the bot's mind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bot.sandbox.pages.fault_board import Board
from bot.sandbox.pages.phone_view import PhoneView
from bot.sandbox.pages.thought import Mind
from bot.sandbox.pages.tour import Hint
from bot.sandbox.shop.catalog import Product
from bot.sandbox.shop.shop import Order

PARTS = (
    *("clock", "hint", "places", "people", "cart", "till", "away", "orders", "account"),
    *("phone_bar", "head", "messages", "typing", "composing", "waiting", "facts", "flows", "coming", "timeline", "faults"),
)


@dataclass(frozen=True, slots=True)
class DeskDoor:
    """Where the bot's own desk is, and what opens it: shown to whoever plays."""

    url: str
    password: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the visitor can be. `unread` messages wait on their phone."""

    key: str
    name: str
    place: str
    unread: int


@dataclass(frozen=True, slots=True)
class CartLine:
    """Pieces of one product and what they cost together, in minor units."""

    product: Product
    pieces: int
    price: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits for staff, or is with `holder`."""

    key: str
    name: str
    reason: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class NextThing:
    """What happens next of its own accord. `text` is empty where nobody can tell."""

    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows at one moment to whoever is `phone.me`. Times are UTC."""

    parts: ClassVar[tuple[str, ...]] = PARTS

    phone: PhoneView
    following: NextThing | None
    hint: Hint
    shop: str
    people: tuple[Person, ...]
    products: tuple[Product, ...]
    cart: tuple[CartLine, ...]
    total: int
    away: bool
    orders: tuple[tuple[Order, tuple[CartLine, ...]], ...]
    agreed: Mapping[str, bool]
    waiting: tuple[Waiting, ...] | None
    desk: DeskDoor | None
    mind: Mind | None
    faults: Board
