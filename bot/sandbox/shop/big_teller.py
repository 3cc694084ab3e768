"""Tells the hooks of a BigCommerce store what changed, and nothing of how: signed by Standard Webhooks with the app's client secret."""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from bot.sandbox.shop.big_api import STORE_HASH, BigApi
from bot.sandbox.shop.big_body import cart_id, status_id
from bot.sandbox.shop.books import Checkout, Customer, Entry, Order, Product
from bot.sandbox.shop.courier import Courier, Post

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # seconds; BigCommerce's eleven tries last two days

Json = dict[str, Any]


class BigTeller:
    """Listens to a store's books."""

    def __init__(self, store: BigApi, courier: Courier) -> None:
        self._store, self._books, self._courier = store, store.books, courier
        self._numbers = itertools.count(1)
        shelves: tuple[Iterable[Entry], ...] = (self._books.orders, self._books.checkouts, self._books.customers, self._books.products)
        self._before: dict[tuple[type, int], Entry] = {(type(one), one.id): one for shelf in shelves for one in shelf}
        self._books.listeners.append(self._hear)

    def _hear(self, _: str, thing: Entry) -> None:
        key = type(thing), thing.id  # an order may have the number of the checkout it was
        before, self._before[key] = self._before.get(key), thing
        for scope, about in _events(thing, before):
            for hook in self._store.hooks.values():
                if hook["is_active"] and fnmatchcase(scope, hook["scope"]):
                    self._courier.send(self._post(hook, scope, about))

    def _post(self, hook: Json, scope: str, about: Json) -> Post:
        now = int(self._books.clock().timestamp())
        told = {"scope": scope, "store_id": "1025646", "data": about, "created_at": now, "producer": f"stores/{STORE_HASH}"}
        told["hash"] = hashlib.sha256(json.dumps([told, next(self._numbers)]).encode()).hexdigest()[:40]
        body, message = json.dumps(told).encode(), f"msg_{next(self._numbers)}"
        digest = hmac.digest(self._store.client_secret.encode(), f"{message}.{now}.".encode() + body, "sha256")
        signed = {"webhook-id": message, "webhook-timestamp": str(now), "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
        headers = {"Content-Type": "application/json", **hook["headers"], **signed}
        return Post(hook["destination"], headers, body, partial(_answered, hook))


def _answered(hook: Json, status: int | None) -> None:
    """After its last try BigCommerce switches a hook off."""
    if status is None or not 200 <= status < 300:
        hook["is_active"] = False


def _events(thing: Entry, before: Entry | None) -> Iterator[tuple[str, Json]]:
    word = "updated" if before else "created"
    match thing:
        case Order():
            yield f"store/order/{word}", {"type": "order", "id": thing.id}
            was = status_id(before) if isinstance(before, Order) else 0
            if was != status_id(thing):
                status = {"previous_status_id": was, "new_status_id": status_id(thing)}
                yield "store/order/statusUpdated", {"type": "order", "id": thing.id, "status": status}
            if before is None and thing.checkout_token:
                yield "store/cart/converted", {"type": "cart", "id": cart_id(thing.checkout_token), "orderId": thing.id}
        case Checkout() if thing.completed_at is None:
            yield f"store/cart/{word}", {"type": "cart", "id": cart_id(thing.token)}
        case Customer():
            yield f"store/customer/{word}", {"type": "customer", "id": thing.id}
        case Product():
            yield f"store/product/{word}", {"type": "product", "id": thing.id}
