"""What a store has in its books: products, customers, orders, abandoned checkouts, and how they change while others read them.

One set of books stands behind all interfaces of the sandbox's stores, which each tell it in their own way. Amounts are minor units of the
store's currency, moments are UTC, keys are numbers that no two things share.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import Generic, Protocol, TypeVar

FIRST_ID = 6_100_000_000_001  # ids are as long as Shopify's are by now


class Agreed(StrEnum):
    """How a customer stands to marketing over one channel."""

    NEVER = "NEVER_SUBSCRIBED"
    YES = "SUBSCRIBED"
    NO = "UNSUBSCRIBED"


class Payment(StrEnum):
    """How far an order is paid."""

    AWAITED = "PENDING"
    PAID = "PAID"
    FAILED = "VOIDED"
    PARTLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


class Gateway(StrEnum):
    """What an order is paid with."""

    CARD = "card"
    BANK = "bank"
    ON_DELIVERY = "on_delivery"


class Source(StrEnum):
    """Where an order was made."""

    WEB = "web"
    COUNTER = "pos"
    STAFF = "shopify_draft_order"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer agreed to over one channel, and since when."""

    state: Agreed = Agreed.NEVER
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody lives. `country` is its code of two letters."""

    first_name: str
    last_name: str
    street: str
    city: str
    zip: str
    country: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer with an account in the store."""

    id: int
    address: Address
    email: str | None
    phone: str | None
    locale: str
    created_at: datetime
    updated_at: datetime
    whatsapp: Consent = Consent()
    sms: Consent = Consent()
    mail: Consent = Consent()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to have a product. `compare_at` is what it cost before a price went down."""

    id: int
    product: int
    title: str
    sku: str
    price: int
    stock: int
    compare_at: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its variants."""

    id: int
    handle: str
    title: str
    kind: str
    variants: tuple[Variant, ...]
    created_at: datetime
    updated_at: datetime
    is_gift_card: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """So many pieces of a variant, at a price for one. `product` and `variant` are None for what was deleted since."""

    id: int
    title: str
    variant_title: str
    sku: str
    quantity: int
    price: int
    product: int | None
    variant: int | None

    @property
    def total(self) -> int:
        """What all pieces cost."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that went back, for so many pieces of each line (by the line's id)."""

    id: int
    at: datetime
    amount: int
    pieces: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was sent of an order, and when it arrived."""

    id: int
    number: str
    shipped_at: datetime
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. `address` is where it goes and who pays; a guest's order has no customer."""

    id: int
    number: int
    lines: tuple[Line, ...]
    address: Address
    email: str | None
    phone: str | None
    locale: str
    placed_at: datetime
    updated_at: datetime
    customer: int | None = None
    source: Source = Source.WEB
    gateway: Gateway = Gateway.CARD
    payment: Payment = Payment.PAID
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    discount: int = 0
    code: str | None = None
    checkout_token: str | None = None
    cart_token: str | None = None
    refunds: tuple[Refund, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    note_attributes: tuple[tuple[str, str], ...] = ()
    test: bool = False

    @property
    def subtotal(self) -> int:
        """What the lines cost."""
        return sum(line.total for line in self.lines)

    @property
    def total(self) -> int:
        """What was to be paid when it was placed."""
        return self.subtotal - self.discount

    @property
    def refunded(self) -> int:
        """What went back so far."""
        return sum(refund.amount for refund in self.refunds)

    @property
    def delivered(self) -> bool:
        """Whether all of it arrived."""
        return bool(self.parcels) and all(parcel.delivered_at for parcel in self.parcels)

    def left(self, line: Line) -> int:
        """How many pieces of a line did not come back."""
        return line.quantity - sum(refund.pieces.get(line.id, 0) for refund in self.refunds)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout that somebody left. `order` is what it became, if somebody came back."""

    id: int
    token: str
    cart_token: str
    lines: tuple[Line, ...]
    address: Address | None
    email: str | None
    phone: str | None
    locale: str
    created_at: datetime
    updated_at: datetime
    customer: int | None = None
    completed_at: datetime | None = None
    order: int | None = None
    code: str | None = None

    @property
    def total(self) -> int:
        """What the lines cost."""
        return sum(line.total for line in self.lines)


class Entry(Protocol):
    """Anything in the books."""

    @property
    def id(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


T = TypeVar("T", bound=Entry)


class Shelf(Generic[T]):
    """All things of one kind, by their id. It keeps each order somebody asked for, until something changes."""

    def __init__(self) -> None:
        self._by_id: dict[int, T] = {}
        self._sorted: dict[str, tuple[int, list[T]]] = {}
        self._version = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        return iter(self._by_id.values())

    def __contains__(self, key: int) -> bool:
        return key in self._by_id

    def get(self, key: int | None) -> T | None:
        """The one with this id."""
        return self._by_id.get(key) if key is not None else None

    def __getitem__(self, key: int) -> T:
        return self._by_id[key]

    def put(self, thing: T) -> T:
        """Keeps it; what had its id before is replaced."""
        self._by_id[thing.id] = thing
        self._version += 1
        return thing

    def remove(self, key: int) -> None:
        """It is gone."""
        self._by_id.pop(key, None)
        self._version += 1

    def sorted(self, name: str, key: Callable[[T], tuple[object, int]]) -> list[T]:
        """All of them by a key whose second part is the id; `name` stands for the key."""
        version, listed = self._sorted.get(name, (-1, []))
        if version != self._version:
            present = [self._by_id[thing.id] for thing in listed if thing.id in self._by_id]  # nearly sorted: that is quick
            known = {thing.id for thing in present}
            listed = sorted([*present, *(thing for thing in self if thing.id not in known)], key=key)
            self._sorted[name] = self._version, listed
        return listed

    def after(self, name: str, key: Callable[[T], tuple[object, int]], place: tuple[object, float]) -> int:
        """Where what comes after `place` begins in `sorted`."""
        return bisect_right(self.sorted(name, key), place, key=key)


@dataclass(slots=True)
class Books:
    """All that a store knows. `clock` is what time it is there; whoever `listens` hears of each change as (what happened, thing)."""

    clock: Callable[[], datetime]
    currency: str = "EUR"
    name: str = "Casa Bonita"
    domain: str = "casa-bonita.myshopify.com"
    country: str = "ES"
    timezone: str = "Europe/Madrid"
    products: Shelf[Product] = field(default_factory=Shelf)
    customers: Shelf[Customer] = field(default_factory=Shelf)
    orders: Shelf[Order] = field(default_factory=Shelf)
    checkouts: Shelf[Checkout] = field(default_factory=Shelf)
    listeners: list[Callable[[str, Entry], None]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(FIRST_ID))
    _orders_of: dict[int, list[int]] = field(default_factory=dict)

    def variants(self) -> Iterable[Variant]:
        """Of all products."""
        return (variant for product in self.products for variant in product.variants)

    def variant(self, line: Line) -> Variant | None:
        """What a line sold, as it is now; None where it was deleted."""
        product = self.products.get(line.product)
        return next((one for one in product.variants if one.id == line.variant), None) if product else None

    def orders_of(self, customer: int) -> list[Order]:
        """A customer's orders, oldest first."""
        theirs = (self.orders[key] for key in self._orders_of.get(customer, ()) if key in self.orders)
        return sorted(theirs, key=lambda order: (order.placed_at, order.id))

    def keep(self, order: Order) -> Order:
        """Writes an order down, and nobody hears of it: so a store's past is made."""
        if order.customer is not None and order.id not in self.orders:
            self._orders_of.setdefault(order.customer, []).append(order.id)
        return self.orders.put(order)

    def now(self) -> datetime:
        """What time it is in the store, to the second: no platform tells more."""
        return self.clock().astimezone(UTC).replace(microsecond=0)

    # ---- what happens in a store

    def place(self, order: Order) -> Order:
        """A new order; the checkout it was is completed."""
        checkout = next((one for one in self.checkouts if one.token == order.checkout_token), None)
        if checkout is not None:
            now = self.now()
            self.leave(replace(checkout, completed_at=now, updated_at=now, order=order.id))
        return self._told("order.created", self.keep(order))

    def change(self, order: int, **changes: object) -> Order:
        """An order as it is from now on. Raises KeyError for an unknown one."""
        changed = replace(self.orders[order], **{"updated_at": self.now(), **changes})  # type: ignore[arg-type]  # the caller names fields of Order
        return self._told("order.updated", self.orders.put(changed))

    def pay(self, order: int) -> Order:
        """The money came."""
        now = self.now()
        return self.change(order, payment=Payment.PAID, paid_at=now, updated_at=now)

    def cancel(self, order: int) -> Order:
        """The order is called off; what was paid goes back."""
        there, now = self.orders[order], self.now()
        paid = there.payment in (Payment.PAID, Payment.PARTLY_REFUNDED)
        refunds = self._refunds(there, there.total, now) if paid else there.refunds
        payment = Payment.REFUNDED if paid else Payment.FAILED if there.payment is Payment.AWAITED else there.payment
        return self.change(order, payment=payment, cancelled_at=now, updated_at=now, refunds=refunds)

    def refund(self, order: int, amount: int) -> Order:
        """So much of the money goes back, for no piece in particular where it is not all."""
        there, now = self.orders[order], self.now()
        refunds = self._refunds(there, amount, now)
        whole = sum(refund.amount for refund in refunds) >= there.total
        return self.change(order, payment=Payment.REFUNDED if whole else Payment.PARTLY_REFUNDED, refunds=refunds, updated_at=now)

    def _refunds(self, order: Order, amount: int, now: datetime) -> tuple[Refund, ...]:
        left = min(amount, order.total - order.refunded)
        whole = left == order.total - order.refunded
        pieces = {line.id: order.left(line) for line in order.lines} if whole else {}
        return (*order.refunds, Refund(next(self.ids), now, left, pieces))

    def send(self, order: int) -> Order:
        """A parcel is on its way."""
        now = self.now()
        return self.change(order, parcels=(*self.orders[order].parcels, self._parcel(order, now)), updated_at=now)

    def deliver(self, order: int) -> Order:
        """All of it arrived."""
        now = self.now()
        parcels = self.orders[order].parcels or (self._parcel(order, now),)
        arrived = tuple(replace(parcel, delivered_at=parcel.delivered_at or now) for parcel in parcels)
        return self.change(order, parcels=arrived, updated_at=now)

    def _parcel(self, order: int, now: datetime) -> Parcel:
        return Parcel(next(self.ids), f"CB{order % 10_000_000}", now)

    def leave(self, checkout: Checkout) -> Checkout:
        """A checkout as somebody left it, or finished it."""
        return self._told("checkout.updated", self.checkouts.put(checkout))

    def know(self, customer: Customer) -> Customer:
        """A customer as they are from now on."""
        return self._told("customer.updated", self.customers.put(replace(customer, updated_at=self.now())))

    def stock(self, product: Product) -> Product:
        """A product as it is from now on."""
        return self._told("product.updated", self.products.put(replace(product, updated_at=self.now())))

    def _told(self, happened: str, thing: T) -> T:
        for listener in self.listeners:
            listener(happened, thing)
        return thing
