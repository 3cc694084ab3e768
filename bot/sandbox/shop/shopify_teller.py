"""Tells the webhooks that an app subscribed to of what happens in a Shopify store, signed with the app's client secret."""

import base64
import hmac
import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.sandbox.shop import shopify_body
from bot.sandbox.shop.admin_api import AdminApi
from bot.sandbox.shop.books import Checkout, Consent, Customer, Entry, Order, Payment, Product
from bot.sandbox.shop.courier import Courier, Post
from bot.sandbox.shop.subscription import Subscription

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)  # seconds; Shopify's eight tries last four hours
MOST_FAILURES = 8  # Shopify deletes a subscription that an interface made after so many deliveries in a row that nobody took

Json = dict[str, Any]
Event = tuple[str, Json]


class ShopifyTeller:
    """Listens to a store's books."""

    def __init__(self, store: AdminApi, courier: Courier) -> None:
        self._store, self._books, self._courier = store, store.books, courier
        self._numbers = itertools.count(1)
        self._failures: dict[int, int] = {}
        shelves: tuple[Iterable[Entry], ...] = (self._books.orders, self._books.checkouts, self._books.customers, self._books.products)
        self._before: dict[tuple[type, int], Entry] = {(type(one), one.id): one for shelf in shelves for one in shelf}
        self._books.listeners.append(self._hear)

    def _hear(self, _: str, thing: Entry) -> None:
        key = type(thing), thing.id  # an order may have the number of the checkout it was
        before, self._before[key] = self._before.get(key), thing
        event = f"sandbox-{next(self._numbers)}"  # one action, told by several topics
        for topic, body in self._events(thing, before):
            for one in list(self._store.subscriptions.all.values()):
                if one.topic == topic.replace("/", "_").upper():
                    self._courier.send(self._post(one, topic, body, event))

    def _events(self, thing: Entry, before: Entry | None) -> Iterator[Event]:
        match thing:
            case Order():
                yield from self._of_order(thing, before if isinstance(before, Order) else None)
            case Checkout():
                body = shopify_body.checkout(self._books, thing, self._store.base_url, approved=self._store.approved)
                yield f"checkouts/{'update' if before else 'create'}", body
            case Customer():
                yield from self._of_customer(thing, before if isinstance(before, Customer) else None)
            case Product():
                yield f"products/{'update' if before else 'create'}", shopify_body.product(thing)
                yield from _of_stock(thing, before if isinstance(before, Product) else None)

    def _of_order(self, order: Order, before: Order | None) -> Iterator[Event]:
        body = shopify_body.order(self._books, order, self._store.base_url, approved=self._store.approved)
        yield f"orders/{'updated' if before else 'create'}", body
        if order.payment is Payment.PAID and (before is None or before.payment is not Payment.PAID):
            yield "orders/paid", body
        if order.cancelled_at and not (before and before.cancelled_at):
            yield "orders/cancelled", body
        for parcel in order.parcels:
            if before is None or parcel not in before.parcels:
                is_new = before is None or parcel.id not in {one.id for one in before.parcels}
                yield f"fulfillments/{'create' if is_new else 'update'}", shopify_body.fulfilment(order, parcel)
        for refund in order.refunds[len(before.refunds) if before else 0 :]:
            yield "refunds/create", shopify_body.refund(order, refund)

    def _of_customer(self, customer: Customer, before: Customer | None) -> Iterator[Event]:
        yield f"customers/{'update' if before else 'create'}", shopify_body.customer(customer, approved=self._store.approved)
        if customer.whatsapp != (before.whatsapp if before else Consent()):
            told = shopify_body.whatsapp_consent(customer, customer.whatsapp, self._books.clock(), approved=self._store.approved)
            yield "customers_whats_app_marketing_consent/update", told

    def _post(self, one: Subscription, topic: str, told: Json, event: str) -> Post:
        if one.include_fields:
            told = {name: value for name, value in told.items() if name in one.include_fields}
        body = json.dumps(told).encode()
        return Post(one.uri, self._headers(one, topic, body, event), body, lambda status: self._answered(one, status))

    def _headers(self, one: Subscription, topic: str, body: bytes, event: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(self._store.client_secret.encode(), body, "sha256")).decode(),
            "X-Shopify-Shop-Domain": self._books.domain,
            "X-Shopify-API-Version": one.api_version,
            "X-Shopify-Webhook-Id": f"sandbox-{one.id}-{next(self._numbers)}",
            "X-Shopify-Event-Id": event,
            "X-Shopify-Triggered-At": _iso(self._books.clock()),
        }

    def _answered(self, one: Subscription, status: int | None) -> None:
        taken = status is not None and 200 <= status < 300
        self._failures[one.id] = 0 if taken else self._failures.get(one.id, 0) + 1
        if self._failures[one.id] >= MOST_FAILURES:
            self._store.subscriptions.all.pop(one.id, None)


def _of_stock(product: Product, before: Product | None) -> Iterator[Event]:
    """Each variant whose stock changed, and those of which there are some again, or none any more."""
    stocks = {variant.id: variant.stock for variant in before.variants} if before else {}
    for variant in product.variants:
        was = stocks.get(variant.id, variant.stock)
        if was != variant.stock:
            yield "inventory_levels/update", shopify_body.stock(product, variant)
        if bool(was) is not bool(variant.stock):
            yield f"variants/{'in_stock' if variant.stock else 'out_of_stock'}", shopify_body.variant(product, variant)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
