"""Reading a Shopify store by its Admin GraphQL: orders, abandoned checkouts and customers by when they changed.

Needs read_orders, read_all_orders for what is older than 60 days, read_customers, and the approval for protected customer data: without
that names, phones and addresses are null.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.shop import shopify, shopify_nodes
from bot.shop.delivery import FETCHED, Told
from bot.shop.event import Resource, Thin
from bot.shop.field import MOST_LINES
from bot.shop.reader import LONG_AGO, Found, Page, Part, found
from bot.shop.shopify_graphql import Reply, ShopifyGraphql, TooDear, object_of
from bot.shop.verifier import Doubt, NoAnswer
from bot.shop.wire import ApiRefused, Garbled, NotThere, ShopUnreachable, part_of

PAGE = 100  # as many as are quickly answered, and no wave for the inbox; fewer where a store counts each as dear (at most 1,000 points)
PAGE_COST = 400.0  # points; roughly what a page costs in the end: the store tells the exact cost with each answer
THING_COST = 30.0  # points; of one thing alone
LINES_AT_ONCE = 100

_CHECKOUT_OF = "checkout_token:'{0}' OR cart_token:'{0}'"
_UNPAID = frozenset({"PENDING", "VOIDED", "EXPIRED"})


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one part is asked for, and put into the words of a webhook's topic."""

    field: str
    fragment: str
    spread: str
    sort: str
    topic: str
    told: Callable[[shopify_nodes.Node], dict[str, Any]]

    @property
    def document(self) -> str:
        """A page, with how many there are in all when it is the first."""
        return f"""query {self.field}($first: Int!, $after: String, $query: String!, $counted: Boolean!) {{
  {self.field}Count(query: $query, limit: null) @include(if: $counted) {{ count }}
  {self.field}(first: $first, after: $after, query: $query, sortKey: {self.sort}) {{
    pageInfo {{ hasNextPage endCursor }} nodes {{ ...{self.spread} }} }} }}
{self.fragment}"""

    @property
    def one(self) -> str:
        """One of them."""
        return f"query {self.spread}($id: ID!) {{ node(id: $id) {{ ...{self.spread} }} }}\n{self.fragment}"


_ORDERS = _Kind("orders", shopify_nodes.ORDER, "order", "UPDATED_AT", f"orders/{FETCHED}", shopify_nodes.order)
_CHECKOUTS = _Kind(
    "abandonedCheckouts", shopify_nodes.CHECKOUT, "checkout", "CREATED_AT", f"checkouts/{FETCHED}", shopify_nodes.checkout
)
_PEOPLE = _Kind("customers", shopify_nodes.CUSTOMER, "customer", "UPDATED_AT", f"customers/{FETCHED}", shopify_nodes.customer)
_PRODUCTS = _Kind("products", shopify_nodes.PRODUCT, "product", "UPDATED_AT", f"products/{FETCHED}", shopify_nodes.product)
_PARTS = {Part.SHOPPER: _PEOPLE, Part.ORDER: _ORDERS, Part.CART: _CHECKOUTS}
_RESOURCES = {Resource.ORDER: _ORDERS, Resource.SHOPPER: _PEOPLE, Resource.CART: _CHECKOUTS, Resource.PRODUCT: _PRODUCTS}

_MORE_LINES = f"""query lines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{ lineItems(first: $first, after: $after) {{ {shopify_nodes.LINE_PAGE} }} }} }}"""
_BOUGHT = "query bought($query: String!) { orders(first: 1, query: $query) { nodes { id } } }"
_STATE = "query state($id: ID!) { order(id: $id) { displayFinancialStatus cancelledAt } }"


class ShopifyReader:
    """One store. `region` is where phones without a country code are from, `domain` the store's `*.myshopify.com`; `at_once` is how many
    things a page has at most."""

    parts = (Part.SHOPPER, Part.ORDER, Part.CART)
    changes = parts

    def __init__(self, wire: ShopifyGraphql, shop: str, region: str | None, domain: str | None, at_once: int = PAGE) -> None:
        self._wire, self._shop, self._region, self._domain = wire, shop, region, domain
        self._at_once = dict.fromkeys(_PARTS, at_once)

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        """What changed since then, from `cursor` on."""
        kind = _PARTS[part]
        data, withheld = await self._asked(part, kind, since, cursor)
        if withheld is not None and data.get(kind.field) is None:
            raise ApiRefused(withheld)
        told = object_of(data, kind.field)
        where = object_of(told, "pageInfo")
        nodes = [node for node in _listed(told, "nodes") if isinstance(node, dict)]
        read = [self._found(kind, await self._whole(kind, node)) for node in nodes]
        count = part_of(data, f"{kind.field}Count").get("count")
        return Page(
            tuple(read),
            str(where["endCursor"]) if where.get("hasNextPage") and where.get("endCursor") else None,
            count if isinstance(count, int) else None,
            withheld,
        )

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        """A node by its id. Raises NotThere when it is gone."""
        kind = _RESOURCES.get(thin.resource)
        if kind is None:
            raise ApiRefused(f"nothing is read of a {thin.resource}")
        data, withheld = await self._wire.ask_partly(kind.one, {"id": thin.address}, cost=THING_COST)
        node = data.get("node")
        if node is None and withheld is not None:
            raise ApiRefused(withheld)
        if node is None:
            raise NotThere("the store has no such thing any more")
        if not isinstance(node, dict):
            raise Garbled
        return (self._found(kind, await self._whole(kind, node)),)

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        """A checkout is open as long as no order came out of it."""
        try:
            if doubt is Doubt.CART_OPEN:
                bought = await self._wire.ask(_BOUGHT, {"query": _CHECKOUT_OF.format(_quoted(key))})
                return not _listed(object_of(bought, "orders"), "nodes")
            order = part_of(await self._wire.ask(_STATE, {"id": f"gid://shopify/Order/{key}"}), "order")
        except (ApiRefused, ShopUnreachable) as fault:
            raise NoAnswer(fault.why) from None
        return order.get("cancelledAt") is None and str(order.get("displayFinancialStatus")) in _UNPAID

    async def _asked(self, part: Part, kind: _Kind, since: datetime, cursor: str | None) -> tuple[Reply, str | None]:
        """A page, as large as the store bears: how it counts is not documented. By Shopify's article of 2019, which counts each node,
        a hundred orders would be too dear by far; figures published since come to some 220 points."""
        while True:
            query = f"updated_at:>='{_iso(since)}'"
            asked = {"first": self._at_once[part], "after": cursor, "query": query, "counted": cursor is None}
            try:
                return await self._wire.ask_partly(kind.document, asked, cost=PAGE_COST)
            except TooDear:
                if self._at_once[part] == 1:
                    raise
                self._at_once[part] //= 2

    async def _whole(self, kind: _Kind, node: dict[str, Any]) -> shopify_nodes.Node:
        """An order with all of its lines, as far as anybody reads them."""
        told = part_of(node, "lineItems")
        if kind is not _ORDERS or not part_of(told, "pageInfo").get("hasNextPage"):
            return node
        lines, where = _listed(told, "nodes"), part_of(told, "pageInfo")
        while where.get("hasNextPage") and len(lines) < MOST_LINES:
            asked = {"id": node.get("id"), "first": LINES_AT_ONCE, "after": where.get("endCursor")}
            more = object_of(object_of(await self._wire.ask(_MORE_LINES, asked, cost=float(LINES_AT_ONCE)), "order"), "lineItems")
            lines, where = [*lines, *_listed(more, "nodes")], part_of(more, "pageInfo")
            if not _listed(more, "nodes"):
                break
        return {**node, "lineItems": {"nodes": lines}}

    def _found(self, kind: _Kind, node: shopify_nodes.Node) -> Found:
        told = Told(kind.topic, LONG_AGO, region=self._region, domain=self._domain)
        return found(shopify.PLATFORM, self._shop, str(node.get("id")), told, node, kind.told, shopify.read)


def _listed(told: Reply, name: str) -> list[Any]:
    listed = told.get(name)
    if not isinstance(listed, list):
        raise Garbled
    return listed


def _quoted(key: str) -> str:
    """A key inside a search: quotes and backslashes would end it."""
    return key.replace("\\", "\\\\").replace("'", "\\'")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
