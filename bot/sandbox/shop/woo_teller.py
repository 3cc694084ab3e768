"""Tells a WooCommerce shop's webhooks of what happens there: once and never again, signed with each webhook's own secret.

A webhook that was refused too often in a row is switched off. When one is saved its address is tried with a few unsigned words.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from bot.sandbox.shop.books import Checkout, Customer, Entry, Order, Product
from bot.sandbox.shop.courier import Courier, Post
from bot.sandbox.shop.woo_api import WooApi
from bot.sandbox.shop.woo_body import customer_body, draft_body, order_body, product_body

MOST_FAILURES = 5  # more than so many in a row, says WooCommerce's code, and the webhook is disabled

Json = dict[str, Any]
Event = tuple[str, str, Json]


class WooTeller:
    """Listens to a shop's books."""

    def __init__(self, shop: WooApi, courier: Courier) -> None:
        self._shop, self._books, self._courier = shop, shop.books, courier
        shelves: tuple[Iterable[Entry], ...] = (self._books.orders, self._books.customers, self._books.products)
        self._known = {one.id for shelf in shelves for one in shelf}
        self._books.listeners.append(self._hear)

    def saved(self, webhook: Json) -> None:
        """A webhook was saved: is anybody there? Anything but 200 is no."""
        if webhook["status"] == "active":
            body = f"webhook_id={webhook['id']}".encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            self._courier.send(Post(webhook["delivery_url"], headers, body, partial(self._pinged, webhook)))

    def _hear(self, _: str, thing: Entry) -> None:
        is_known = thing.id in self._known
        self._known.add(thing.id)
        for resource, event, body in self._events(thing, is_known=is_known):
            for webhook in self._shop.webhooks.values():
                if webhook["status"] == "active" and webhook["topic"] == f"{resource}.{event}":
                    self._courier.send(self._post(webhook, resource, event, body))

    def _events(self, thing: Entry, *, is_known: bool) -> Iterator[Event]:
        happened = "updated" if is_known else "created"
        match thing:
            case Order():
                yield "order", happened, order_body(self._books, thing, self._shop.base_url)
            case Checkout() if thing.completed_at is None:
                yield (
                    "order",
                    "updated",
                    draft_body(self._books, thing, self._shop.base_url),
                )  # a draft is told as an update, even when it is new
            case Customer():
                yield "customer", happened, customer_body(self._books, thing)
            case Product():
                yield "product", happened, product_body(self._books, thing, self._shop.base_url)

    def _post(self, webhook: Json, resource: str, event: str, told: Json) -> Post:
        body = json.dumps(told).encode()
        at = int(self._books.clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self._shop.base_url}/",
            "X-WC-Webhook-Topic": f"{resource}.{event}",
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": base64.b64encode(hmac.digest(webhook["secret"].encode(), body, "sha256")).decode(),
            "X-WC-Webhook-ID": str(webhook["id"]),
            "X-WC-Webhook-Delivery-ID": hashlib.sha256(f"{webhook['id']}{at}".encode()).hexdigest()[:32],
        }
        return Post(webhook["delivery_url"], headers, body, partial(self._answered, webhook))

    def _answered(self, webhook: Json, status: int | None) -> None:
        """WooCommerce takes any answer from 200 to 302."""
        taken = status is not None and 200 <= status <= 302
        webhook["failure_count"] = 0 if taken else webhook.get("failure_count", 0) + 1
        if webhook["failure_count"] > MOST_FAILURES:
            webhook["status"] = "disabled"

    def _pinged(self, webhook: Json, status: int | None) -> None:
        webhook["pinged"] = status
