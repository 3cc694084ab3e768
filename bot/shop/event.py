"""Canonical shop events: what every shop adapter makes of its own webhooks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.flow.facts import Line, Money


@dataclass(frozen=True, slots=True)
class Shopper:
    """The person as the shop knows them. `phone` is valid E.164 or None, `email` lower case, `language` like `es` or `pt_BR`,
    `country` ISO 3166, `timezone` IANA. `customer` is the shop's own id."""

    phone: str | None = None
    email: str | None = None
    customer: str | None = None
    first_name: str | None = None
    language: str | None = None
    country: str | None = None
    timezone: str | None = None


class ConsentState(StrEnum):
    """What the shop says about consent to marketing over one channel."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ShopConsent:
    """A consent the shop recorded. `channel` is `whatsapp` or `ads`; `source` says where it was given, for the proof."""

    channel: str
    state: ConsentState
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class CartChanged:
    """A cart or checkout with its present lines. No lines: it was emptied. `completed`: it became an order."""

    at: datetime
    checkout: str
    shopper: Shopper
    lines: tuple[Line, ...]
    total: Money
    link: str | None = None
    completed: bool = False
    consents: tuple[ShopConsent, ...] = ()


class OrderStatus(StrEnum):
    """How far an order is."""

    PLACED = "placed"
    PAID = "paid"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order as the shop tells it now. `checkout` is the key of the checkout it came from; `test` orders count for nothing."""

    at: datetime
    order: str
    number: str
    status: OrderStatus
    shopper: Shopper
    lines: tuple[Line, ...]
    total: Money
    placed_at: datetime
    checkout: str | None = None
    tracking_link: str | None = None
    reorder_link: str | None = None
    discount_codes: tuple[str, ...] = ()
    test: bool = False
    consents: tuple[ShopConsent, ...] = ()


@dataclass(frozen=True, slots=True)
class ShopperChanged:
    """The shop told something about a person: who they are, or what they agreed to."""

    at: datetime
    shopper: Shopper
    consents: tuple[ShopConsent, ...] = ()


@dataclass(frozen=True, slots=True)
class ShopNotice:
    """A shop event that no one acts on yet; kept."""

    at: datetime
    about: str


ShopEvent = CartChanged | OrderChanged | ShopperChanged | ShopNotice


class Unreadable(ValueError):
    """A signed delivery that cannot be understood. Its text says which field is wrong and how, without the field's value."""
