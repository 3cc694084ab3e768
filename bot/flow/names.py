"""The names a flow can use in conditions and texts: what each is, and how it is read from the facts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import quote

from bot.flow.facts import CartFacts, Facts, Line, Money, OrderFacts, ProductFacts
from bot.flow.run import Discount


class Kind(StrEnum):
    """What a value is: which comparisons it knows and how it is written for a customer."""

    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    WORDS = "words"
    MOMENT = "moment"
    LENGTH = "length"
    YES_NO = "yes_no"


Value = bool | int | Decimal | Money | str | tuple[str, ...] | frozenset[str] | datetime
"""A known value: yes/no, a number, money, text, words (in their order, or in none), a moment (UTC)."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name a flow can use.

    `can_be_missing`: a person can lack it although the thing itself is there, so a text must say what to write instead. What
    belongs to a thing that is wholly absent (the cart in a flow about orders) is for the check of the flow's start to find.
    `is_percent`: a number that is written with a percent sign.
    """

    kind: Kind
    can_be_missing: bool
    about: str
    is_percent: bool = False


Reader = Callable[[Facts, Discount | None], Value | None]

LINKS = "store.links."
"""What follows is the owner's own name of a link in `store.yaml`."""
PRODUCT = "{product}"
"""Stands in a link of `store.yaml` for the product a flow is about: the shop's key of it."""
_LINK = Name(Kind.TEXT, False, "a link from store.yaml")


def summary(lines: Iterable[Line]) -> tuple[str, ...]:
    """Each line as a customer reads it: `2 × House blend`."""
    return tuple(f"{line.quantity} × {line.name}" for line in lines)


def link_with_code(link: str, code: str) -> str:
    """The link with the query parameter `discount` (of a WooCommerce checkout link: `coupon`), everything else as it was. Total: never
    raises, whatever the link is."""
    address, hash_sign, fragment = link.partition("#")
    address, _, query = address.partition("?")
    name = "coupon=" if address.rstrip("/").endswith("/checkout-link") else "discount="  # WooCommerce 10.0: /checkout-link/?products=1:2
    kept = [part for part in query.split("&") if part and not part.startswith(name)]
    return f"{address}?{'&'.join([*kept, name + quote(code, safe='')])}{hash_sign}{fragment}"


def _cart_link(cart: CartFacts, discount: Discount | None) -> str | None:
    if cart.link is None or discount is None:
        return cart.link
    return link_with_code(cart.link, discount.code)


def _cart(read: Callable[[CartFacts], Value | None]) -> Reader:
    return lambda facts, _: None if facts.cart is None else read(facts.cart)


def _order(read: Callable[[OrderFacts], Value | None]) -> Reader:
    return lambda facts, _: None if facts.order is None else read(facts.order)


def _product(read: Callable[[ProductFacts], Value | None]) -> Reader:
    return lambda facts, _: None if facts.product is None else read(facts.product)


def _last_order(read: Callable[[OrderFacts], Value | None]) -> Reader:
    return lambda facts, _: None if facts.orders.last is None else read(facts.orders.last)


def _discount(read: Callable[[Discount], Value | None]) -> Reader:
    return lambda _, discount: None if discount is None else read(discount)


_OF_AN_ORDER: dict[str, tuple[Name, Callable[[OrderFacts], Value | None]]] = {
    "number": (Name(Kind.TEXT, False, "the number the customer knows it by"), lambda order: order.number),
    "status": (Name(Kind.TEXT, False, "the shop's word for where it stands"), lambda order: order.status),
    "total": (Name(Kind.MONEY, False, "what it cost"), lambda order: order.total),
    "placed_at": (Name(Kind.MOMENT, False, "when it was placed"), lambda order: order.placed_at),
    "categories": (Name(Kind.WORDS, False, "the categories of its products"), lambda order: order.categories),
    "products": (Name(Kind.WORDS, False, "what its products go by: ids, SKUs and names"), lambda order: order.products),
    "first_item": (Name(Kind.TEXT, False, "its first product"), lambda order: order.first_item),
    "summary": (Name(Kind.WORDS, False, "its lines: 2 × House blend and 1 × Mug"), lambda order: summary(order.lines)),
    "tracking_link": (Name(Kind.TEXT, True, "where to follow the parcel"), lambda order: order.tracking_link),
    "reorder_link": (Name(Kind.TEXT, False, "a link that orders the same again"), lambda order: order.reorder_link),
    "payment_link": (Name(Kind.TEXT, True, "where an unpaid order can be paid"), lambda order: order.payment_link),
}

_OF_THIS_ORDER: dict[str, tuple[Name, Callable[[OrderFacts], Value | None]]] = {
    **_OF_AN_ORDER,
    "nth": (Name(Kind.NUMBER, True, "which of the person's orders it is: 1 is the first"), lambda order: order.nth),
    "is_returned": (
        Name(Kind.YES_NO, False, "it was cancelled, or something of it was given or paid back"),
        lambda order: order.is_returned,
    ),
}

_NAMES: dict[str, tuple[Name, Reader]] = {
    "contact.first_name": (Name(Kind.TEXT, True, "the person's first name"), lambda facts, _: facts.contact.first_name),
    "contact.language": (Name(Kind.TEXT, False, "the person's language, such as es"), lambda facts, _: facts.contact.language),
    "contact.country": (Name(Kind.TEXT, True, "the person's country, such as ES"), lambda facts, _: facts.contact.country),
    "contact.last_order": (Name(Kind.MOMENT, True, "when the last order was placed"), lambda facts, _: facts.contact.last_order),
    "cart.total": (Name(Kind.MONEY, False, "what the cart costs"), _cart(lambda cart: cart.total)),
    "cart.link": (
        Name(Kind.TEXT, False, "the link back to the cart, with the discount code if there is one"),
        lambda facts, discount: None if facts.cart is None else _cart_link(facts.cart, discount),
    ),
    "cart.summary": (
        Name(Kind.WORDS, False, "what is in the cart: 2 × House blend and 1 × Mug"),
        _cart(lambda cart: summary(cart.lines)),
    ),
    "cart.items": (
        Name(Kind.NUMBER, False, "how many pieces are in the cart"),
        _cart(lambda cart: sum(line.quantity for line in cart.lines)),
    ),
    "cart.is_in_stock": (Name(Kind.YES_NO, False, "nothing in the cart is sold out"), _cart(lambda cart: not cart.sold_out)),
    "cart.sold_out": (
        Name(Kind.WORDS, True, "what in the cart is sold out"),
        _cart(lambda cart: cart.sold_out or None),
    ),
    "product.name": (Name(Kind.TEXT, False, "what the product is called"), _product(lambda product: product.name)),
    "product.price": (Name(Kind.MONEY, False, "what it costs"), _product(lambda product: product.price)),
    "product.was": (
        Name(Kind.MONEY, True, "the lowest price of the thirty days before it became cheaper"),
        _product(lambda product: product.was),
    ),
    "product.link": (Name(Kind.TEXT, False, "the product's page in the shop"), _product(lambda product: product.link)),
    "product.image": (Name(Kind.TEXT, False, "the address of its picture"), _product(lambda product: product.image)),
    "product.is_in_stock": (Name(Kind.YES_NO, False, "it can be bought now"), _product(lambda product: product.is_in_stock is not False)),
    "product.times": (Name(Kind.NUMBER, False, "how often the person looked at it"), _product(lambda product: product.times)),
    **{f"order.{word}": (name, _order(read)) for word, (name, read) in _OF_THIS_ORDER.items()},
    "orders.count": (Name(Kind.NUMBER, False, "how many orders the person placed"), lambda facts, _: facts.orders.count),
    "orders.total": (
        Name(Kind.MONEY, False, "what the person spent on all orders in the store's currency, without what was paid back"),
        lambda facts, _: facts.orders.total,
    ),
    "orders.products": (
        Name(Kind.WORDS, True, "what everything they bought and kept goes by: ids, SKUs and names"),
        lambda facts, _: facts.orders.products,
    ),
    "orders.categories": (
        Name(Kind.WORDS, True, "the categories of everything they bought and kept"),
        lambda facts, _: facts.orders.categories,
    ),
    "orders.usual_gap": (
        Name(Kind.NUMBER, True, "how many days usually lie between two of their orders"),
        lambda facts, _: facts.orders.usual_gap,
    ),
    **{f"orders.last.{word}": (name, _last_order(read)) for word, (name, read) in _OF_AN_ORDER.items()},
    "conversation.is_first": (
        Name(Kind.YES_NO, False, "this is the first message the person ever wrote to us"),
        lambda facts, _: facts.conversation.is_first,
    ),
    "conversation.last_message_at": (
        Name(Kind.MOMENT, True, "when the person last wrote to us"),
        lambda facts, _: facts.conversation.last_message_at,
    ),
    "conversation.with_staff_at": (
        Name(Kind.MOMENT, True, "when the person was last with staff, or waited for them"),
        lambda facts, _: facts.conversation.with_staff_at,
    ),
    "store.name": (Name(Kind.TEXT, False, "the store's name"), lambda facts, _: facts.store.name),
    "store.currency": (Name(Kind.TEXT, False, "the store's currency, such as EUR"), lambda facts, _: facts.store.currency),
    "staff.is_available": (Name(Kind.YES_NO, False, "a person is at the desk now"), lambda facts, _: facts.staff.is_available),
    # Missing only in a store without staff hours, whose staff is always available.
    "staff.next_open": (Name(Kind.MOMENT, False, "when the desk opens next"), lambda facts, _: facts.staff.next_open),
    "tags": (Name(Kind.WORDS, False, "the person's tags"), lambda facts, _: facts.tags),
    "discount.code": (Name(Kind.TEXT, False, "the code"), _discount(lambda discount: discount.code)),
    # Which of the two a discount has stands in the flow itself.
    "discount.percent": (Name(Kind.NUMBER, False, "its share, such as 5%", True), _discount(lambda discount: discount.percent)),
    "discount.amount": (Name(Kind.MONEY, False, "its sum, such as 10 EUR"), _discount(lambda discount: discount.amount)),
    "discount.ends": (Name(Kind.MOMENT, False, "until when it can be used"), _discount(lambda discount: discount.ends)),
}

KNOWN: Mapping[str, Name] = MappingProxyType({written: name for written, (name, _) in _NAMES.items()})
"""Every name a flow can use, but for the owner's own `store.links.<name>` (`find` knows those too)."""


def find(written: str) -> Name | None:
    """What a name means, None for one nobody knows. Any `store.links.<name>` is known: whether the link exists is not asked."""
    return KNOWN.get(written) or (_LINK if written.startswith(LINKS) and written != LINKS else None)


def reader(written: str) -> Reader:
    """How a name is read from the facts; one nobody knows is always missing."""
    if written in _NAMES:
        return _NAMES[written][1]
    if written.startswith(LINKS):
        link = written.removeprefix(LINKS)
        return lambda facts, _: _own_link(facts, link)
    return lambda facts, discount: None


def _own_link(facts: Facts, link: str) -> str | None:
    """A link of the owner's, for the first product of what the flow is about where it is one for products."""
    address = facts.store.links.get(link)
    if address is None or PRODUCT not in address:
        return address
    about = facts.order or facts.cart
    line = next(iter(about.lines), None) if about else None
    return address.replace(PRODUCT, quote(line.product or line.sku or line.name, safe="")) if line else None


def lookup(facts: Facts, discount: Discount | None, name: str) -> Value | None:
    """The value of a name now, None when it is missing. `discount` is the run's."""
    return reader(name)(facts, discount)


MAX_APART = 4  # characters between the lengths of a word and of what may be meant
MAX_COMPARED = 700  # words a misspelt one is compared with: all time zones, and a bound to what an owner's thousand labels cost


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'cart.total'?` for `cart.totl`; nothing when no known word is near."""
    words = [other for other in known if abs(len(other) - len(word)) <= MAX_APART][:MAX_COMPARED]
    swapped = [other for other in words if sorted(other) == sorted(word)]  # `adn`: too short to be near by what it shares
    near = swapped or get_close_matches(word, words, n=1, cutoff=0.7)
    return f", did you mean '{near[0]}'?" if near else ""
