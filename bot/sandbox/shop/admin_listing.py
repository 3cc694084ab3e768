"""How Shopify's Admin GraphQL lists a store's books: global ids, cursors, pages, what a list is sorted by and what a query may name."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import GraphQLError

from bot.sandbox.shop.admin_search import NotSearched, Reader, Search
from bot.sandbox.shop.books import Agreed, Books, Checkout, Gateway, Order, Shelf
from bot.sandbox.shop.codes import Codes
from bot.sandbox.shop.subscription import Subscriptions

MOST_PAGE = 250
SEEN_WITHOUT_ALL = timedelta(days=60)  # read_orders alone shows no order that is older
NEWER_LINKS = timedelta(days=180)  # so long ago a store began to name the cart in them
SCOPES = (
    "read_orders",
    "read_all_orders",
    "read_customers",
    "write_customers",
    "read_products",
    "read_fulfillments",
    "read_discounts",
    "write_discounts",
)
GATEWAYS = {Gateway.CARD: "shopify_payments", Gateway.BANK: "Bank Deposit", Gateway.ON_DELIVERY: "Cash on Delivery (COD)"}

Args = Mapping[str, Any]


@dataclass(slots=True)
class Sight:
    """What one call may see: the books, the app's scopes, and whether protected customer data was approved for it."""

    books: Books
    codes: Codes
    subscriptions: Subscriptions
    scopes: frozenset[str]
    approved: bool
    base_url: str
    now: datetime
    version: str
    warnings: list[str] = field(default_factory=list)

    def need(self, scope: str | None, name: str) -> None:
        """Raises ACCESS_DENIED, as Shopify does, where the app has no such scope."""
        if scope is not None and scope not in self.scopes:
            needed = f"`{scope}` access scope"
            told = {
                "code": "ACCESS_DENIED",
                "documentation": "https://shopify.dev/api/usage/access-scopes",
                "requiredAccess": f"{needed}.",
            }
            raise GraphQLError(f"Access denied for {name} field. Required access: {needed}.", extensions=told)

    def shows(self, order: Order) -> bool:
        """Old orders are for those who may read all."""
        return "read_all_orders" in self.scopes or order.placed_at >= self.now - SEEN_WITHOUT_ALL


def gid(kind: str, key: int | str) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{key}"


def number_of(given: str, kind: str) -> int | None:
    """The number in a global id of this kind, None for another's."""
    prefix = f"gid://shopify/{kind}/"
    digits = given.removeprefix(prefix).partition("?")[0]
    return int(digits) if given.startswith(prefix) and digits.isdecimal() else None


def iso(at: datetime | None) -> str | None:
    """A moment as Shopify writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def way_back(one: Checkout, now: datetime, base_url: str) -> str:
    """The link that brings a checkout back. Old ones name the checkout, newer ones its cart."""
    is_old = one.created_at < now - NEWER_LINKS
    place = f"checkouts/{one.token}" if is_old else f"checkouts/ac/{one.cart_token}"
    return f"{base_url}/6100000001/{place}/recover?key={one.id:x}"


# ---- connections


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a connection: `nodes` with the cursor of each."""

    nodes: list[Any]
    cursors: list[str]
    before: bool
    after: bool


def _cursor(place: tuple[Any, int]) -> str:
    value = iso(place[0]) if isinstance(place[0], datetime) else place[0]
    return base64.b64encode(json.dumps({"last_id": place[1], "last_value": value}).encode()).decode()


def _place(cursor: str, like: Any) -> tuple[Any, int]:
    try:
        told = json.loads(base64.b64decode(cursor, validate=True))
        value, key = told["last_value"], int(told["last_id"])
        if isinstance(like, datetime):
            value = datetime.fromisoformat(value)
    except (ValueError, KeyError, TypeError):
        raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "INVALID"}) from None
    return value, key


def page_size(args: Args) -> int:
    """How many are wanted. Raises what Shopify answers to none, to too many, and to paging backwards, which nobody here needs."""
    first, last = args.get("first"), args.get("last")
    if last is not None:
        raise GraphQLError("the sandbox pages forwards only", extensions={"code": "NOT_IN_SANDBOX"})
    if first is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if first > MOST_PAGE or first < 0:
        raise GraphQLError(f"first cannot exceed {MOST_PAGE}", extensions={"code": "BAD_REQUEST"})
    return int(first)


def few(things: list[Any], args: Args, key: Callable[[Any], int] = lambda one: one.id) -> Page:
    """A page of what is at hand: an order's lines."""
    size = page_size(args)
    listed = things[::-1] if args.get("reverse") else things
    start = 0
    if (after := args.get("after")) is not None:
        _, last = _place(after, 0)
        start = next((at for at, one in enumerate(listed, 1) if key(one) == last), len(listed))
    some = listed[start : start + size]
    return Page(some, [_cursor((key(one), key(one))) for one in some], start > 0, start + size < len(listed))


SortKey = Callable[[Any], tuple[Any, int]]


@dataclass(frozen=True, slots=True)
class Listed:
    """How one kind of thing is listed: its shelf, what it is sorted by, what a query may name."""

    sorts: Mapping[str, SortKey]
    names: Mapping[str, Reader[Any]]

    def page(self, shelf: Shelf[Any], at: Sight, args: Args, shows: Callable[[Any], bool] = lambda _: True) -> Page:
        """A page of a shelf."""
        size, meant = page_size(args), self.meant(at, args)
        name = args.get("sortKey", "ID")
        key = self.sorts.get(name)
        if key is None:
            raise GraphQLError(f"the sandbox does not sort by {name}", extensions={"code": "NOT_IN_SANDBOX"})
        listed, start = shelf.sorted(name, key), 0
        back = bool(args.get("reverse"))
        if (after := args.get("after")) is not None:
            place = _place(after, key(listed[0])[0] if listed else 0)
            start = shelf.after(name, key, place)
            if back:  # what comes before the cursor's own
                start = len(listed) - (start - 1 if start and key(listed[start - 1]) == place else start)
        found: list[Any] = []
        for number in range(start, len(listed)):
            one = listed[-1 - number] if back else listed[number]
            if shows(one) and meant(one):
                found.append(one)
                if len(found) > size:
                    break
        some = found[:size]
        return Page(some, [_cursor(key(one)) for one in some], after is not None, len(found) > size)

    def meant(self, at: Sight, args: Args) -> Callable[[Any], bool]:
        """Whether the query means a thing."""
        try:
            search = Search(args.get("query") or "", self.names, at.now)
            test = search.test()
        except NotSearched as error:
            raise _not_searched(error) from None
        at.warnings += search.warnings

        def meant(one: Any) -> bool:
            try:
                return bool(test(one))
            except NotSearched as error:  # what a value has to be is known by what it is compared with
                raise _not_searched(error) from None

        return meant


def _not_searched(error: NotSearched) -> GraphQLError:
    return GraphQLError(f"Invalid search query: {error}", extensions={"code": "BAD_REQUEST"})


def _by(read: Callable[[Any], Any]) -> SortKey:
    return lambda one: (read(one), one.id)


ORDERS = Listed(
    {
        "ID": _by(lambda one: one.id),
        "CREATED_AT": _by(lambda one: one.placed_at),
        "PROCESSED_AT": _by(lambda one: one.placed_at),
        "UPDATED_AT": _by(lambda one: one.updated_at),
        "ORDER_NUMBER": _by(lambda one: one.number),
        "TOTAL_PRICE": _by(lambda one: one.total),
    },
    {
        "default": lambda one: (f"#{one.number}", one.email, one.address.first_name, one.address.last_name),
        "id": lambda one: one.id,
        "name": lambda one: (f"#{one.number}", str(one.number)),
        "created_at": lambda one: one.placed_at,
        "processed_at": lambda one: one.placed_at,
        "updated_at": lambda one: one.updated_at,
        "checkout_token": lambda one: one.checkout_token,
        "cart_token": lambda one: one.cart_token,
        "customer_id": lambda one: one.customer,
        "email": lambda one: one.email,
        "discount_code": lambda one: one.code,
        "financial_status": lambda one: one.payment.value,
        "fulfillment_status": lambda one: ("fulfilled", "shipped") if one.parcels else ("unfulfilled", "unshipped"),
        "status": lambda one: "cancelled" if one.cancelled_at else "closed" if one.delivered else "open",
        "test": lambda one: one.test,
        "source_name": lambda one: one.source.value,
        "sku": lambda one: tuple(line.sku for line in one.lines),
        "gateway": lambda one: GATEWAYS[one.gateway],
        "tag": lambda _: None,
    },
)
CHECKOUTS = Listed(
    {
        "ID": _by(lambda one: one.id),
        "CHECKOUT_ID": _by(lambda one: one.id),
        "CREATED_AT": _by(lambda one: one.created_at),
        "TOTAL_PRICE": _by(lambda one: one.total),
    },
    {
        "default": lambda one: (f"#{one.id}", one.email),
        "id": lambda one: one.id,
        "created_at": lambda one: one.created_at,
        "updated_at": lambda one: one.updated_at,
        "status": lambda one: "closed" if one.completed_at else "open",
        "recovery_state": lambda one: "recovered" if one.completed_at else "not_recovered",
        "email_state": lambda _: "not_sent",
    },
)
CUSTOMERS = Listed(
    {
        "ID": _by(lambda one: one.id),
        "CREATED_AT": _by(lambda one: one.created_at),
        "UPDATED_AT": _by(lambda one: one.updated_at),
        "NAME": _by(lambda one: f"{one.address.last_name}, {one.address.first_name}"),
    },
    {
        "default": lambda one: (one.email, one.address.first_name, one.address.last_name),
        "id": lambda one: one.id,
        "email": lambda one: one.email,
        "phone": lambda one: one.phone,
        "first_name": lambda one: one.address.first_name,
        "last_name": lambda one: one.address.last_name,
        "country": lambda one: one.address.country,
        "customer_date": lambda one: one.created_at,
        "updated_at": lambda one: one.updated_at,
        "accepts_marketing": lambda one: one.mail.state is Agreed.YES,
    },
)
PRODUCTS = Listed(
    {
        "ID": _by(lambda one: one.id),
        "TITLE": _by(lambda one: one.title),
        "CREATED_AT": _by(lambda one: one.created_at),
        "UPDATED_AT": _by(lambda one: one.updated_at),
    },
    {
        "default": lambda one: one.title,
        "id": lambda one: one.id,
        "title": lambda one: one.title,
        "handle": lambda one: one.handle,
        "product_type": lambda one: one.kind,
        "sku": lambda one: tuple(variant.sku for variant in one.variants),
        "created_at": lambda one: one.created_at,
        "updated_at": lambda one: one.updated_at,
        "status": lambda _: "active",
        "gift_card": lambda one: one.is_gift_card,
    },
)
VARIANTS: Mapping[str, Reader[Any]] = {
    "id": lambda one: one.id,
    "sku": lambda one: one.sku,
    "title": lambda one: one.title,
    "product_id": lambda one: one.product,
}
