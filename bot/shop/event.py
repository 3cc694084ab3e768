"""Canonical shop events: what every shop adapter makes of its own webhooks."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.flow.facts import Line, Money

VISITOR = "comeback_visitor"  # the name under which a cart, and the order made of it, carries the key of its browser
CLICK = "comeback"  # the name under which our recovery links carry a click's id: in the link's query, and in an order's notes


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


NOBODY = Shopper()


class ConsentState(StrEnum):
    """What the shop says about consent to marketing over one channel."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ShopConsent:
    """A consent the shop recorded. `channel` is `whatsapp` or `ads`: consent to e-mail or SMS is none to WhatsApp, so adapters leave it
    out. `source` says where it was given, for the proof."""

    channel: str
    state: ConsentState
    at: datetime
    source: str


class Origin(StrEnum):
    """Who made a cart or an order. Only a shopper can abandon one; whatever its origin, an order closes carts."""

    SHOPPER = "shopper"
    COUNTER = "counter"  # at a till
    STAFF = "staff"  # a draft order, or one typed in by somebody of the shop
    RENEWAL = "renewal"  # a subscription's next parcel


@dataclass(frozen=True, slots=True)
class CartChanged:
    """A cart or checkout with its present lines. No lines: it was emptied. `completed`: it became an order.

    `checkout` is the key of the episode; `cart` the key of the cart behind it, where the shop tells two (they are equal for a cart that
    has no checkout yet, and `is_checkout` is false). `click` is the id in the recovery link the shopper came by, `visitor` the key of
    their browser. A cart without lines has a total of zero, in `XXX` (ISO 4217: no currency) where the shop named none.
    """

    at: datetime
    checkout: str
    shopper: Shopper
    lines: tuple[Line, ...]
    total: Money
    link: str | None = None
    completed: bool = False
    consents: tuple[ShopConsent, ...] = ()
    cart: str | None = None
    click: str | None = None
    origin: Origin = Origin.SHOPPER
    is_checkout: bool = True
    discount_codes: tuple[str, ...] = ()
    test: bool = False
    visitor: str | None = None


@dataclass(frozen=True, slots=True)
class CartClosed:
    """A cart or checkout is gone: bought, where `order` names the order it became, else deleted. At least one of the keys is there."""

    at: datetime
    checkout: str | None
    cart: str | None = None
    order: str | None = None
    shopper: Shopper = NOBODY


class OrderStatus(StrEnum):
    """How far an order is."""

    PLACED = "placed"
    PAID = "paid"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Payment(StrEnum):
    """Where the money of an order is. An order closes the cart it came from whatever stands here."""

    UNKNOWN = "unknown"
    AWAITED = "awaited"  # a bank transfer
    BEGUN = "begun"  # somebody is at the payment page, or left it: failed, if nothing comes of it
    AUTHORIZED = "authorized"  # reserved on the card: nothing is left to do for the shopper
    ON_DELIVERY = "on_delivery"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    FAILED = "failed"  # refused, voided or expired
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order as the shop tells it now. `checkout` is the key of the checkout it came from, `cart` that of the cart, `click` the id in the
    recovery link, `visitor` the key of the browser. `lines` and `total` are what is left after edits and refunds, as far as the shop tells
    it. `test` orders count for nothing. `payment_link` is where an unpaid order can be paid."""

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
    cart: str | None = None
    click: str | None = None
    payment: Payment = Payment.UNKNOWN
    origin: Origin = Origin.SHOPPER
    payment_link: str | None = None
    refunded: Money | None = None
    shipped: bool = False
    visitor: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRemoved:
    """An order was deleted in the shop: it counts for nothing from now on, and closes its carts all the same."""

    at: datetime
    order: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money or goods of an order came back. `lines` are the pieces that were taken back; `refund` is the shop's key, the same on each
    word of the same refund. `amount` is None where the shop does not tell it here."""

    at: datetime
    order: str
    refund: str
    amount: Money | None
    lines: tuple[Line, ...] = ()


class ShipmentState(StrEnum):
    """How far a parcel is."""

    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    FAILED = "failed"  # could not be delivered, or was lost
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ShipmentChanged:
    """A parcel of an order went on. `shipment` is the shop's key of the parcel."""

    at: datetime
    order: str
    shipment: str | None
    state: ShipmentState
    tracking_link: str | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftChanged:
    """An order that staff prepare for somebody. It is never an abandoned cart; `order` is the order it became, None until then."""

    at: datetime
    draft: str
    shopper: Shopper
    lines: tuple[Line, ...]
    total: Money
    link: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class ShopperChanged:
    """The shop told something about a person: who they are, or what they agreed to."""

    at: datetime
    shopper: Shopper
    consents: tuple[ShopConsent, ...] = ()


@dataclass(frozen=True, slots=True)
class ShoppersMerged:
    """Two accounts of the shop are one from now on: `gone` is known as `kept`, both the shop's own customer ids."""

    at: datetime
    kept: str
    gone: str


@dataclass(frozen=True, slots=True)
class ProductViewed:
    """Somebody looked at a product. `visitor` is the key of a browser, for those who are not known yet."""

    at: datetime
    product: str
    shopper: Shopper
    title: str | None = None
    link: str | None = None
    visitor: str | None = None
    click: str | None = None
    price: Money | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class VisitorCame:
    """A browser is on the shop's pages: by a recovery link of ours, whose `click` it brings, or about to write to us."""

    at: datetime
    visitor: str
    click: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of a product. Prices are in `currency`; None is the shop's own, which no platform names with a product. `compare_at` is
    the price that is struck through. `stock` counts pieces, None where the shop does not count them; `stock_item` is its key in the
    inventory, where that is another. `available` is None where nothing was said."""

    variant: str
    title: str | None = None
    sku: str | None = None
    price: Decimal | None = None
    compare_at: Decimal | None = None
    stock: int | None = None
    available: bool | None = None
    stock_item: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ProductChanged:
    """A product as the shop tells it now. `variants` may be only some of them: Shopify tells the first hundred in full."""

    at: datetime
    product: str
    title: str | None
    variants: tuple[Variant, ...] = ()
    link: str | None = None
    removed: bool = False
    image: str | None = None


@dataclass(frozen=True, slots=True)
class VariantStocked:
    """A variant can be bought again (`available`), or no more."""

    at: datetime
    product: str
    variant: Variant
    available: bool


@dataclass(frozen=True, slots=True)
class ProductWanted:
    """Somebody asked on a page of the shop to be told when a product (or one kind of it) is back in stock."""

    at: datetime
    product: str
    shopper: Shopper
    variant: str | None = None
    consents: tuple[ShopConsent, ...] = ()


@dataclass(frozen=True, slots=True)
class StockCounted:
    """How many pieces of a stock item lie in one place. `stock_item` is the shop's inventory id, not the variant's."""

    at: datetime
    stock_item: str
    place: str | None
    available: int | None


class PrivacyAsk(StrEnum):
    """What the law lets people ask of a shop, and the shop of us."""

    DATA = "data"  # a copy of everything kept about a person
    ERASE_SHOPPER = "erase_shopper"
    ERASE_SHOP = "erase_shop"  # everything of the shop, two days after it left


@dataclass(frozen=True, slots=True)
class PrivacyAsked:
    """To be done within 30 days and recorded. `orders` are the shop's keys of the orders meant; `ask_id` the shop's key of the request."""

    at: datetime
    ask: PrivacyAsk
    shopper: Shopper = NOBODY
    orders: tuple[str, ...] = ()
    ask_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShopUninstalled:
    """The shop took the app out: nothing more may be sent in its name, and its tokens are dead."""

    at: datetime


class Resource(StrEnum):
    """What can be fetched from a shop."""

    CART = "cart"
    ORDER = "order"
    SHOPPER = "shopper"
    PRODUCT = "product"
    SHIPMENT = "shipment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Thin:
    """Something changed, and the webhook does not say how: it has to be fetched. `key` is the shop's own key; `address` what to ask its
    API for: a path below the store's address (`/v3/carts/...`), or the id of a node (`gid://shopify/Order/1`). `topic` is the shop's."""

    at: datetime
    resource: Resource
    key: str
    address: str
    topic: str


@dataclass(frozen=True, slots=True)
class ShopNotice:
    """A shop event that no one acts on yet; kept."""

    at: datetime
    about: str


ShopEvent = (
    CartChanged
    | CartClosed
    | OrderChanged
    | OrderRemoved
    | Refunded
    | ShipmentChanged
    | DraftChanged
    | ShopperChanged
    | ShoppersMerged
    | ProductViewed
    | VisitorCame
    | ProductChanged
    | VariantStocked
    | ProductWanted
    | StockCounted
    | PrivacyAsked
    | ShopUninstalled
    | Thin
    | ShopNotice
)


class Unreadable(ValueError):
    """A signed delivery that cannot be understood. Its text says which field is wrong and how, without the field's value."""
