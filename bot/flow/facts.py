"""What is known of a contact now: the values that conditions and texts of a flow can name.

One frozen dataclass a word before the dot (`contact.first_name` is `Facts.contact.first_name`). None means "not known":
a condition on it is false, a text must say what to write instead (`{contact.first_name or "there"}`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents; whole yen) with its ISO 4217 currency."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart or an order. `price` is for one piece; `product`, `variant` and `sku` are the shop's own keys."""

    name: str
    quantity: int = 1
    price: Money | None = None
    product: str | None = None
    category: str | None = None
    variant: str | None = None
    sku: str | None = None


def names_of(lines: Iterable[Line]) -> tuple[str, ...]:
    """All that the products of these lines go by, each once: the shop's keys, SKUs and names."""
    return tuple(dict.fromkeys(name for line in lines for name in (line.product, line.sku, line.name) if name))


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """The person. `language` is a code such as `es` or `pt_BR`; `country` is ISO 3166 (`ES`), None when unknown.

    `timezone` is an IANA name, None unless it is known for sure: dates in texts are told in it.
    """

    language: str
    first_name: str | None = None
    country: str | None = None
    last_order: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class CartFacts:
    """The cart or checkout a run is about. `link` brings it back, with the run's discount code where the shop can. `sold_out` are the
    names of its lines that cannot be bought now."""

    total: Money
    lines: tuple[Line, ...] = ()
    link: str | None = None
    sold_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """One order, as the shop last told it. `categories` are the shop's own names of the products' categories.

    `is_returned`: it was cancelled, or something of it was given or paid back. `nth`: which of the person's orders it is (1 is their
    first), None where it does not count (any more) or nobody asked.
    """

    number: str
    status: str
    total: Money
    placed_at: datetime
    lines: tuple[Line, ...] = ()
    tracking_link: str | None = None
    reorder_link: str | None = None
    payment_link: str | None = None
    is_returned: bool = False
    nth: int | None = None

    @property
    def products(self) -> tuple[str, ...]:
        """What its products go by: the shop's keys, SKUs and names."""
        return names_of(self.lines)

    @property
    def categories(self) -> tuple[str, ...]:
        """Each category once, in the order of the lines."""
        return tuple(dict.fromkeys(line.category for line in self.lines if line.category))

    @property
    def first_item(self) -> str | None:
        """The name of the first line."""
        return self.lines[0].name if self.lines else None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """The product a run is about. `was` is the lowest price of the thirty days before it became cheaper, None where nobody knows it for so
    long (Directive 98/6/EC, article 6a: no other price may be named as the one before). `times`: so often they looked at it."""

    name: str | None = None
    price: Money | None = None
    was: Money | None = None
    link: str | None = None
    image: str | None = None
    is_in_stock: bool | None = None
    times: int = 0


@dataclass(frozen=True, slots=True)
class OrdersFacts:
    """All orders of the person that count (neither cancelled nor given back whole, no test, the payment not failed): how many, the sum of
    what is left of those in one currency (the store's, where there are any), the last one.

    `products` is what all that they bought and kept goes by, as of an order, `categories` the shop's names of its categories;
    `usual_gap` the days between two orders in the middle, None before there are two on different days.
    """

    count: int
    total: Money
    last: OrderFacts | None = None
    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    usual_gap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """`is_first`: the message being answered is the first this person ever wrote to this number. `with_staff_at`: until when they last
    waited for staff or spoke with them; now, where they still do."""

    is_first: bool = False
    last_message_at: datetime | None = None
    with_staff_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What `flows/store.yaml` says of the store. `timezone` is an IANA name: dates in texts are told in it to
    whoever has no own that is known. `catalog` is the id of its catalog at Meta."""

    name: str
    currency: str
    timezone: str
    links: Mapping[str, str] = field(default_factory=dict)
    catalog: str | None = None


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """Whether a person is at the desk now, and when the desk opens next (UTC; None without `staff_hours`)."""

    is_available: bool = True
    next_open: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a flow can ask. `cart`, `order` and `product` are what the run is about, None when it is about something else."""

    contact: ContactFacts
    store: StoreFacts
    orders: OrdersFacts
    conversation: ConversationFacts = ConversationFacts()
    staff: StaffFacts = StaffFacts()
    cart: CartFacts | None = None
    order: OrderFacts | None = None
    product: ProductFacts | None = None
    tags: frozenset[str] = frozenset()
