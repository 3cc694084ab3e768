"""Tells a BigCommerce store's webhooks what changed there, and not how, signed by Standard Webhooks with the API account's secret."""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from bot.sandbox.shop.big_api import STORE_HASH, BigApi
from bot.sandbox.shop.big_body import cart_id
from bot.sandbox.shop.books import Checkout, Customer, Entry, Order, Product
from bot.sandbox.shop.courier import Courier, Post

Json = dict[str, Any]
Event = tuple[str, Json]


class BigTeller:
    """Listens to a store's books."""

    def __init__(self, store: BigApi, courier: Courier) -> None:
        self._store, self._books, self._courier = store, store.books, courier
        self._numbers = itertools.count(1)
        shelves: tuple[Iterable[Entry], ...] = (self._books.orders, self._books.checkouts, self._books.customers, self._books.products)
        self._known = {one.id for shelf in shelves for one in shelf}
        self._books.listeners.append(self._hear)

    def _hear(self, _: str, thing: Entry) -> None:
        is_known = thing.id in self._known
        self._known.add(thing.id)
        for scope, data in _events(thing, is_known=is_known):
            for hook in list(self._store.hooks.values()):
                if hook["is_active"] and hook["scope"] == scope:
                    self._courier.send(self._post(hook, scope, data))

    def _post(self, hook: Json, scope: str, data: Json) -> Post:
        at = int(self._books.clock().timestamp())
        told = {"scope": scope, "store_id": "1001", "producer": f"stores/{STORE_HASH}", "created_at": at, "data": data}
        told["hash"] = hashlib.sha1(json.dumps(told).encode(), usedforsecurity=False).hexdigest()
        body, name = json.dumps(told).encode(), f"sandbox_{next(self._numbers)}"
        digest = hmac.digest(self._store.client_secret.encode(), f"{name}.{at}.".encode() + body, "sha256")
        signed = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
        return Post(hook["destination"], {"Content-Type": "application/json", **signed}, body, partial(_answered, hook))


def _events(thing: Entry, *, is_known: bool) -> Iterator[Event]:
    happened = "updated" if is_known else "created"
    match thing:
        case Order():
            yield f"store/order/{happened}", {"type": "order", "id": thing.id}
        case Checkout():
            yield f"store/cart/{happened}", {"type": "cart", "id": cart_id(thing.token)}
        case Customer():
            yield f"store/customer/{happened}", {"type": "customer", "id": thing.id}
        case Product():
            yield f"store/product/{happened}", {"type": "product", "id": thing.id}


def _answered(hook: Json, status: int | None) -> None:
    """Whoever does not answer in two days is switched off."""
    if status is None or not 200 <= status < 300:
        hook["is_active"] = False
