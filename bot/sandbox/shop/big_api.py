"""BigCommerce's REST API over HTTP: orders (V2), customers, products, carts, checkouts and hooks (V3), with its window of calls."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any
from uuid import UUID

from aiohttp import web

from bot.sandbox.shop.big_body import (
    STATUSES,
    cart_body,
    cart_id,
    checkout_body,
    consignments_body,
    coupons_body,
    customer_body,
    goes_to_body,
    incomplete,
    order_body,
    product_body,
    products_body,
    status_id,
)
from bot.sandbox.shop.books import Books, Checkout, Order
from bot.sandbox.shop.fault import StoreFaults
from bot.sandbox.shop.listing import Key, chosen, created, modified, numbered

STORE_HASH = "sandboxhash"
CLIENT_ID, CLIENT_SECRET = "sandbox-client-id", "sandbox-client-secret"
MOST_PAGE = 250
USUAL_PAGE = 50
FIRST_HOOK = 18_048_287
DOCS = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"

Json = dict[str, Any]
Work = Callable[[web.Request], Awaitable[web.Response]]
_SORTS: Mapping[str, Key] = {"id": numbered, "date_created": created, "date_modified": modified}


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls in a window of so many seconds. Standard and Plus plans: 150 in 30."""

    calls: int = 150
    seconds: float = 30.0


@dataclass(slots=True)
class Window:
    """How many calls are left in the window that is open. `clock` counts seconds."""

    quota: Quota
    clock: Callable[[], float]
    _left: int = 0
    _ends: float = field(default=float("-inf"))

    def call(self) -> bool:
        """One more, if there is one left."""
        if self.clock() >= self._ends:
            self._left, self._ends = self.quota.calls, self.clock() + self.quota.seconds
        self._left -= 1
        return self._left >= 0

    def headers(self) -> dict[str, str]:
        """What each answer tells of it."""
        return {
            "X-Rate-Limit-Requests-Quota": str(self.quota.calls),
            "X-Rate-Limit-Requests-Left": str(max(0, self._left)),
            "X-Rate-Limit-Time-Reset-Ms": str(max(1, ceil((self._ends - self.clock()) * 1000))),
            "X-Rate-Limit-Time-Window-Ms": str(round(self.quota.seconds * 1000)),
        }


class _No(Exception):
    """An answer that is none."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class BigApi:
    """One store as BigCommerce's apps see it. `calls` are the names of what was asked."""

    def __init__(
        self, books: Books, faults: StoreFaults, calls: list[str], *, token: str, quota: Quota, seconds: Callable[[], float]
    ) -> None:
        self.books, self.faults, self.calls, self.token = books, faults, calls, token
        self.client_secret = CLIENT_SECRET  # of the app: what hooks are signed with
        self.base_url = "http://127.0.0.1"
        self.hooks: dict[int, Json] = {}
        self.window = Window(quota, seconds)

    def routes(self) -> list[web.RouteDef]:
        """All addresses of one store."""
        at = f"/stores/{STORE_HASH}"
        return [
            web.get(f"{at}/v2/store", self._door(self._store)),
            web.get(f"{at}/v2/time", self._door(self._time)),
            web.get(f"{at}/v2/orders", self._door(self._orders)),
            web.get(f"{at}/v2/orders/count", self._door(self._count)),
            web.get(f"{at}/v2/orders/{{id}}", self._door(self._order)),
            web.get(f"{at}/v2/orders/{{id}}/products", self._door(self._part(products_body))),
            web.get(f"{at}/v2/orders/{{id}}/coupons", self._door(self._part(coupons_body))),
            web.get(f"{at}/v2/orders/{{id}}/shippingaddresses", self._door(self._part(goes_to_body))),
            web.get(f"{at}/v3/carts/{{id}}", self._door(self._cart)),
            web.get(f"{at}/v3/checkouts/{{id}}", self._door(self._checkout)),
            web.get(f"{at}/v3/customers", self._door(self._customers)),
            web.get(f"{at}/v3/catalog/products", self._door(self._products)),
            web.get(f"{at}/v3/catalog/products/{{id}}", self._door(self._product)),
            web.get(f"{at}/v3/hooks", self._door(self._list_hooks)),
            web.post(f"{at}/v3/hooks", self._door(self._make_hook)),
            web.get(f"{at}/v3/hooks/{{id}}", self._door(self._hook)),
            web.put(f"{at}/v3/hooks/{{id}}", self._door(self._change_hook)),
            web.delete(f"{at}/v3/hooks/{{id}}", self._door(self._drop_hook)),
        ]

    # ---- the door

    def _door(self, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            is_old = "/v2/" in request.path
            try:
                if not hmac.compare_digest(request.headers.get("X-Auth-Token", "").encode(), self.token.encode()):
                    raise _No(401, "Unauthorized")
                if (trouble := await self.faults.before(request)) is not None:
                    return trouble
                if not self.window.call() or self.faults.use("throttled"):
                    raise _No(429, "You have exceeded the rate limit for this store.")
                response = await work(request)
            except _No as no:
                response = _refusal(no, is_old)
            if response.status != 401:
                response.headers.update(self.window.headers())
            return await self.faults.after(request, response)

        return answer

    async def _time(self, _: web.Request) -> web.Response:
        return web.json_response({"time": int(self.books.clock().timestamp())})

    async def _store(self, _: web.Request) -> web.Response:
        told = {
            "id": STORE_HASH,
            "domain": self.books.domain,
            "secure_url": self.base_url,
            "name": self.books.name,
            "country_code": self.books.country,
            "currency": self.books.currency,
            "timezone": {"name": self.books.timezone},
        }
        return web.json_response(told)

    # ---- V2: orders

    async def _orders(self, request: web.Request) -> web.Response:
        """An empty page is no page: 204 and nothing."""
        self.calls.append("orders")
        page = _page(self._meant_orders(request.query), request.query)
        return web.json_response([self._told(one, request.query) for one in page]) if page else web.Response(status=204)

    def _told(self, one: Order | Checkout, query: Mapping[str, str]) -> Json:
        """With its consignments, where they are asked for; their old form is a list of one."""
        body = order_body(self.books, one, self._url())
        if {"consignments", "consignments.line_items"} & set(_several(query, "include")):
            parts = consignments_body(one)
            body["consignments"] = parts if query.get("consignment_structure") == "object" else [parts]
        return body

    async def _count(self, request: web.Request) -> web.Response:
        self.calls.append("count")
        found = self._meant_orders(request.query)
        by_status = [
            {"id": number, "name": name, "count": sum(status_id(one) == number for one in found)} for number, name in STATUSES.items()
        ]
        return web.json_response({"statuses": by_status, "count": len(found)})

    def _meant_orders(self, query: Mapping[str, str]) -> list[Any]:
        since, until = _moment(query, "min_date_modified"), _moment(query, "max_date_modified")
        first, last = _moment(query, "min_date_created"), _moment(query, "max_date_created")
        wanted = {name: query[name] for name in ("customer_id", "status_id", "email", "cart_id") if name in query}

        def meant(one: Order | Checkout) -> bool:
            if isinstance(one, Checkout) and not incomplete(one):
                return False
            return (
                _between(one.updated_at, since, until)
                and _between(created(one)[0], first, last)
                and all(_said(one, name) == value for name, value in wanted.items())
            )

        by, key, back = _sort(query)
        found = chosen([self.books.orders, self.books.checkouts], by, key, meant, since)
        return found[::-1] if back else found

    async def _order(self, request: web.Request) -> web.Response:
        self.calls.append("order")
        return web.json_response(self._told(self._order_of(request), request.query))

    def _part(self, told: Callable[[Order | Checkout], list[Json]]) -> Work:
        async def answer(request: web.Request) -> web.Response:
            self.calls.append(told.__name__.removesuffix("_body"))
            page = _page(told(self._order_of(request)), request.query)
            return web.json_response(page) if page else web.Response(status=204)

        return answer

    def _order_of(self, request: web.Request) -> Order | Checkout:
        key = _number(request)
        left = self.books.checkouts.get(key)
        found = self.books.orders.get(key) or (left if left and incomplete(left) else None)
        if found is None:
            raise _No(404, "The requested resource was not found.")
        return found

    # ---- V3: carts, checkouts, customers, products

    async def _cart(self, request: web.Request) -> web.Response:
        self.calls.append("cart")
        include = {one.partition(".")[0] for one in request.query.get("include", "").split(",")}
        return web.json_response({"data": cart_body(self.books, self._left(request), self._url(), include), "meta": {}})

    async def _checkout(self, request: web.Request) -> web.Response:
        self.calls.append("checkout")
        return web.json_response({"data": checkout_body(self.books, self._left(request), self._url()), "meta": {}})

    def _left(self, request: web.Request) -> Checkout:
        try:
            key = str(UUID(request.match_info["id"]))
        except ValueError:
            raise _No(404, "Not found") from None
        found = next((one for one in self.books.checkouts if one.completed_at is None and cart_id(one.token) == key), None)
        if found is None:
            raise _No(404, "Not found")
        return found

    async def _customers(self, request: web.Request) -> web.Response:
        self.calls.append("customers")
        query = request.query
        ids, emails = _several(query, "id:in"), [one.lower() for one in _several(query, "email:in")]
        since, until = _moment(query, "date_modified:min"), _moment(query, "date_modified:max")
        include = set(_several(query, "include"))

        def meant(one: Any) -> bool:
            named = (not ids or str(one.id) in ids) and (not emails or (one.email or "").lower() in emails)
            return named and _between(one.updated_at, since, until)

        by, key, back = _sort(query)
        found = chosen([self.books.customers], by, key, meant, since)
        return self._list(found[::-1] if back else found, query, lambda one: customer_body(one, include))

    async def _products(self, request: web.Request) -> web.Response:
        self.calls.append("products")
        query = request.query
        ids, include = _several(query, "id:in"), set(_several(query, "include"))
        by, key, _ = _sort(query)
        found = chosen([self.books.products], by, key, lambda one: not ids or str(one.id) in ids)
        return self._list(found, query, lambda one: product_body(one, self._url(), include))

    async def _product(self, request: web.Request) -> web.Response:
        self.calls.append("product")
        found = self.books.products.get(_number(request))
        if found is None:
            raise _No(404, "Product was not found")
        return web.json_response({"data": product_body(found, self._url(), set(_several(request.query, "include"))), "meta": {}})

    def _list(self, found: list[Any], query: Mapping[str, str], told: Callable[[Any], Json]) -> web.Response:
        page, size = _page(found, query), _size(query)
        number = _whole(query, "page", 1)
        pagination = {
            "total": len(found),
            "count": len(page),
            "per_page": size,
            "current_page": number,
            "total_pages": ceil(len(found) / size),
            "links": {"current": f"?page={number}&limit={size}"},
        }
        return web.json_response({"data": [told(one) for one in page], "meta": {"pagination": pagination}})

    # ---- hooks

    async def _list_hooks(self, request: web.Request) -> web.Response:
        self.calls.append("hooks")
        return self._list(list(self.hooks.values()), request.query, lambda one: dict(one))

    async def _make_hook(self, request: web.Request) -> web.Response:
        self.calls.append("make hook")
        given = await _object(request)
        _check_hook(given)
        now = int(self.books.clock().timestamp())
        made: Json = {
            "id": max(self.hooks, default=FIRST_HOOK) + 1,
            "client_id": CLIENT_ID,
            "store_hash": STORE_HASH,
            "scope": given["scope"],
            "destination": given["destination"],
            "headers": given.get("headers") or {},
            "is_active": bool(given.get("is_active", True)),
            "created_at": now,
            "updated_at": now,
        }
        self.hooks[made["id"]] = made
        return web.json_response({"data": made, "meta": {}})

    async def _hook(self, request: web.Request) -> web.Response:
        return web.json_response({"data": self._hook_of(request), "meta": {}})

    async def _change_hook(self, request: web.Request) -> web.Response:
        self.calls.append("change hook")
        there, given = self._hook_of(request), await _object(request)
        _check_hook({**there, **given})
        there.update({name: given[name] for name in ("scope", "destination", "headers", "is_active") if name in given})
        return web.json_response({"data": there, "meta": {}})

    async def _drop_hook(self, request: web.Request) -> web.Response:
        self.calls.append("drop hook")
        return web.json_response({"data": self.hooks.pop(self._hook_of(request)["id"]), "meta": {}})

    def _hook_of(self, request: web.Request) -> Json:
        found = self.hooks.get(_number(request) or 0)
        if found is None:
            raise _No(404, "Hook not found")
        return found

    def _url(self) -> str:
        return f"{self.base_url}/stores/{STORE_HASH}"


def _refusal(no: _No, is_old: bool) -> web.Response:
    """V2 tells a list of troubles, V3 one."""
    told: Any = {"status": no.status, "title": no.why, "type": DOCS}
    if is_old and no.status != 401:
        told = [{"status": no.status, "message": no.why}]
    return web.json_response(told, status=no.status)


def _said(one: Order | Checkout, name: str) -> str | None:
    match name:
        case "customer_id":
            return str(one.customer or 0)
        case "status_id":
            return str(status_id(one))
        case "cart_id":
            token = one.checkout_token if isinstance(one, Order) else one.token
            return cart_id(token) if token else None
        case _:
            return one.email


def _between(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at <= until)


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    """In RFC 2822 or ISO 8601. Raises _No."""
    given = query.get(name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        try:
            moment = parsedate_to_datetime(given)
        except ValueError:
            raise _No(400, f"The field '{name}' is invalid.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sort(query: Mapping[str, str]) -> tuple[str, Key, bool]:
    name, _, way = query.get("sort", "id:asc").partition(":")
    if name not in _SORTS or way not in ("", "asc", "desc"):
        raise _No(400, "The field 'sort' is invalid.")
    return name, _SORTS[name], way == "desc"


def _size(query: Mapping[str, str]) -> int:
    return min(_whole(query, "limit", USUAL_PAGE), MOST_PAGE)


def _whole(query: Mapping[str, str], name: str, usual: int) -> int:
    given = query.get(name, str(usual))
    if not given.isdecimal() or int(given) < 1:
        raise _No(400, f"The field '{name}' is invalid.")
    return int(given)


def _page(found: list[Any], query: Mapping[str, str]) -> list[Any]:
    size = _size(query)
    start = (_whole(query, "page", 1) - 1) * size
    return found[start : start + size]


def _several(query: Mapping[str, str], name: str) -> list[str]:
    return [one.strip() for one in query.get(name, "").split(",") if one.strip()]


def _number(request: web.Request) -> int | None:
    given = request.match_info["id"]
    return int(given) if given.isdecimal() else None


async def _object(request: web.Request) -> Json:
    try:
        given = await request.json()
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _No(400, "The request body is invalid.")
    return given


def _check_hook(given: Mapping[str, Any]) -> None:
    """BigCommerce takes https on port 443; the sandbox takes this machine, too."""
    if not str(given.get("scope", "")).startswith("store/"):
        raise _No(400, "Invalid scope provided for webhook.")
    if not str(given.get("destination", "")).startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise _No(422, "The destination must be an https address.")
