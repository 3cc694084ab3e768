"""What a test of any language can do to the sandbox's store, by HTTP under `/control/store`: look, let it live, break it."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from aiohttp import web

from bot.sandbox.shop.admin_listing import SCOPES
from bot.sandbox.shop.books import Variant
from bot.sandbox.shop.catalog import decimal
from bot.sandbox.shop.fault import StoreFaults
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year

PLACE = "/control/store"
MOST_STEPS = 10_000
KEPT_CALLS = 1_000  # the newest that are told

Json = dict[str, Any]

LIST: tuple[Mapping[str, str], ...] = (
    {"method": "GET", "path": PLACE, "meaning": "this list, how much there is, and who listens"},
    {"method": "GET", "path": f"{PLACE}/orders", "meaning": "each order's id and when it changed: is what was read complete?"},
    {"method": "GET", "path": f"{PLACE}/calls", "meaning": "what was asked of the store, oldest first"},
    {"method": "POST", "path": f"{PLACE}/live", "meaning": "so many things happen there", "example": '{"steps": 20}'},
    {
        "method": "POST",
        "path": f"{PLACE}/checkouts",
        "meaning": "somebody leaves a checkout",
        "example": '{"phone": "+34600000001", "name": "Ana García", "country": "ES", "locale": "es-ES"}',
    },
    {"method": "POST", "path": f"{PLACE}/checkouts/{{token}}", "meaning": "and comes back to buy it"},
    {
        "method": "POST",
        "path": f"{PLACE}/orders/{{id}}",
        "meaning": "what becomes of an order: pay, cancel, send, deliver, refund",
        "example": '{"happens": "deliver"}',
    },
    {
        "method": "POST",
        "path": f"{PLACE}/products/{{sku}}",
        "meaning": "how many there are, and what one costs",
        "example": '{"stock": 0, "price": "9.90"}',
    },
    {
        "method": "POST",
        "path": f"{PLACE}/faults",
        "meaning": "so many times each; what is left out is off",
        "example": '{"throttled": 3, "lost_answers": 1, "down": 2, "cut_answers": 1, "slow": 5, "slow_seconds": 0.5, "pages": 40}',
    },
    {
        "method": "POST",
        "path": f"{PLACE}/access",
        "meaning": "what the Shopify app may see",
        "example": '{"scopes": ["read_orders"], "approved": false}',
    },
)


class StoreControls:
    """The routes."""

    def __init__(self, store: StoreApi, year: Year) -> None:
        self._store, self._year = store, year

    def routes(self) -> list[web.RouteDef]:
        """Each line of the list."""
        return [
            web.get(PLACE, self._look),
            web.get(f"{PLACE}/orders", self._orders),
            web.get(f"{PLACE}/calls", self._calls),
            web.post(f"{PLACE}/live", self._live),
            web.post(f"{PLACE}/checkouts", self._leave),
            web.post(f"{PLACE}/checkouts/{{token}}", self._buy),
            web.post(f"{PLACE}/orders/{{id}}", self._happen),
            web.post(f"{PLACE}/products/{{sku}}", self._shelve),
            web.post(f"{PLACE}/faults", self._faults),
            web.post(f"{PLACE}/access", self._access),
        ]

    async def _look(self, _: web.Request) -> web.Response:
        books, store = self._store.books, self._store
        told = {
            "controls": LIST,
            "orders": len(books.orders),
            "customers": len(books.customers),
            "checkouts": len(books.checkouts),
            "products": len(books.products),
            "webhooks": {
                "shopify": len(store.shopify.subscriptions.all),
                "woocommerce": len(store.woo.webhooks),
                "bigcommerce": len(store.big.hooks),
            },
            "calls": len(store.calls),
        }
        return web.json_response(told)

    async def _orders(self, _: web.Request) -> web.Response:
        return web.json_response(
            [{"id": one.id, "number": one.number, "updated_at": one.updated_at.isoformat()} for one in self._store.books.orders]
        )

    async def _calls(self, _: web.Request) -> web.Response:
        return web.json_response(self._store.calls[-KEPT_CALLS:])

    async def _live(self, request: web.Request) -> web.Response:
        steps = (await _object(request)).get("steps", 1)
        if not isinstance(steps, int) or not 0 < steps <= MOST_STEPS:
            raise _refused(f"steps is a number from 1 to {MOST_STEPS}")
        self._year.live(steps)
        return await self._look(request)

    async def _leave(self, request: web.Request) -> web.Response:
        given = await _object(request)
        said = [given.get(name, usual) for name, usual in (("phone", ""), ("name", "Ana García"), ("country", "ES"), ("locale", "es-ES"))]
        match said:
            case [str() as phone, str() as name, str() as country, str() as locale] if all(said):
                left = self._year.leaves(phone=phone, name=name, country=country, locale=locale)
            case _:
                raise _refused("phone is +34600000001, say; name, country and locale are words, too")
        return web.json_response({"token": left.token, "id": left.id, "total": decimal(left.total)})

    async def _buy(self, request: web.Request) -> web.Response:
        left = next((one for one in self._store.books.checkouts if one.token == request.match_info["token"]), None)
        if left is None:
            raise web.HTTPNotFound(text="there is no such checkout")
        try:
            order = self._year.buys(left)
        except ValueError as error:
            raise _refused(str(error)) from None
        return web.json_response({"id": order.id, "number": order.number, "total": decimal(order.total)})

    async def _happen(self, request: web.Request) -> web.Response:
        books, given = self._store.books, await _object(request)
        order = books.orders.get(int(key)) if (key := request.match_info["id"]).isdecimal() else None
        if order is None:
            raise web.HTTPNotFound(text="there is no such order")
        happens = {"pay": books.pay, "cancel": books.cancel, "send": books.send, "deliver": books.deliver}
        match given.get("happens"):
            case "refund":
                after = books.refund(order.id, order.total)
            case str() as word if word in happens:
                after = happens[word](order.id)
            case _:
                raise _refused(f"happens is one of {', '.join(happens)}, refund")
        return web.json_response({"id": after.id, "payment": after.payment.value, "updated_at": after.updated_at.isoformat()})

    async def _shelve(self, request: web.Request) -> web.Response:
        books, given, sku = self._store.books, await _object(request), request.match_info["sku"]
        product = next((one for one in books.products if any(variant.sku == sku for variant in one.variants)), None)
        if product is None:
            raise web.HTTPNotFound(text="nothing has this sku")
        variants = tuple(_changed(variant, given) if variant.sku == sku else variant for variant in product.variants)
        after = books.stock(replace(product, variants=variants))
        told = {variant.sku: {"stock": variant.stock, "price": decimal(variant.price)} for variant in after.variants}
        return web.json_response({"id": after.id, "title": after.title, "variants": told})

    async def _faults(self, request: web.Request) -> web.Response:
        given = await _object(request)
        known = {one.name for one in fields(StoreFaults)}
        if unknown := given.keys() - known:
            raise _refused(f"there is no fault {min(unknown)}: there are {', '.join(sorted(known))}")
        if bad := [name for name, value in given.items() if isinstance(value, bool) or not isinstance(value, int | float) or value < 0]:
            raise _refused(f"{bad[0]} is a number")
        for one in fields(StoreFaults):
            setattr(self._store.faults, one.name, given.get(one.name, one.default))
        return web.json_response({one.name: getattr(self._store.faults, one.name) for one in fields(StoreFaults)})

    async def _access(self, request: web.Request) -> web.Response:
        given, shopify = await _object(request), self._store.shopify
        scopes, approved = given.get("scopes", sorted(shopify.scopes)), given.get("approved", shopify.approved)
        if not isinstance(scopes, list) or not all(isinstance(one, str) for one in scopes) or not isinstance(approved, bool):
            raise _refused(f"scopes is a list of words such as {', '.join(SCOPES[:3])}, approved is true or false")
        shopify.scopes, shopify.approved = frozenset(scopes), approved
        return web.json_response({"scopes": sorted(shopify.scopes), "approved": shopify.approved})


def _changed(variant: Variant, given: Mapping[str, Any]) -> Variant:
    """With another stock or price; a lower one leaves the old one beside it."""
    stock, price = given.get("stock", variant.stock), given.get("price", decimal(variant.price))
    if isinstance(stock, bool) or not isinstance(stock, int) or stock < 0 or not re.fullmatch(r"[0-9]{1,6}\.[0-9]{2}", str(price)):
        raise _refused('stock is a number, price is "9.90", say')
    minor = int(str(price).replace(".", ""))
    compare_at = variant.price if minor < variant.price else None if minor > variant.price else variant.compare_at
    return replace(variant, stock=stock, price=minor, compare_at=compare_at)


async def _object(request: web.Request) -> Json:
    try:
        given = await request.json()
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _refused("the body is a JSON object")
    return given


def _refused(why: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=why)
