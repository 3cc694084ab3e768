"""What a test of any language can do to the sandbox's store, by HTTP under `/control/store`: look, let it live, break it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from aiohttp import web

from bot.sandbox.shop.admin_listing import SCOPES
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
