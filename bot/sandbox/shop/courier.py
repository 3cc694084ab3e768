"""The webhooks of the sandbox's stores: what happens in the books is told to whoever subscribed, signed as each platform signs.

Shopify tries 8 times more and then takes the subscription away; WooCommerce tries once, and switches a webhook off after more than five
failures in a row; BigCommerce tells what changed and nothing of how. Nothing comes in order.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

import aiohttp

from bot.sandbox.shop import admin_body, big_body, woo_body
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.books import Books, Checkout, Customer, Entry, Order, Payment, Product
from bot.sandbox.shop.listing import is_open
from bot.sandbox.shop.store_api import StoreApi

SHOPIFY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # seconds; there they spread over four hours
WOO_FAILURES = 5  # more than these in a row, and it is off
TIMEOUT = aiohttp.ClientTimeout(total=5)  # Shopify's; WooCommerce waits longer

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery: where to, what, and how often it is tried."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    pauses: Sequence[float]
    platform: str
    hook: int


class Courier:
    """Brings what happens in the books of `store` to its subscribers. `secret` is the app's, at Shopify and BigCommerce."""

    def __init__(self, store: StoreApi, *, secret: str, pauses: Sequence[float] = SHOPIFY_PAUSES) -> None:
        self.brought: list[Letter] = []
        self._store, self._secret, self._pauses = store, secret.encode(), pauses
        self._numbers = count(1)
        self._failed: dict[int, int] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begins to listen."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        self._store.books.listeners.append(self._heard)
        self._store.woo.saved = self._greet

    async def close(self) -> None:
        """What is under way is forgotten."""
        with suppress(ValueError):
            self._store.books.listeners.remove(self._heard)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def idle(self) -> None:
        """Returns when everything was brought or given up."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    def _heard(self, happened: str, thing: Entry) -> None:
        for letter in (*self._shopify(happened, thing), *self._woo(happened, thing), *self._big(happened, thing)):
            self._send(letter)

    def _greet(self, hook: Json) -> None:
        """WooCommerce tries an address when it is saved, unsigned."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._send(Letter(hook["delivery_url"], headers, f"webhook_id={hook['id']}".encode(), (), "woocommerce ping", hook["id"]))

    def _send(self, letter: Letter) -> None:
        task = asyncio.get_running_loop().create_task(self._bring(letter))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _bring(self, letter: Letter) -> None:
        for pause in (0.0, *letter.pauses):
            await asyncio.sleep(pause)
            if await self._post(letter):
                self.brought.append(letter)
                self._failed.pop(letter.hook, None)
                return
        self._failed[letter.hook] = self._failed.get(letter.hook, 0) + 1
        if letter.platform == "shopify":
            self._store.shopify.subscriptions.all.pop(letter.hook, None)
        elif letter.platform == "woocommerce" and self._failed[letter.hook] > WOO_FAILURES:
            self._store.woo.webhooks[letter.hook]["status"] = "disabled"

    async def _post(self, letter: Letter) -> bool:
        assert self._session
        try:
            async with self._session.post(letter.url, data=letter.body, headers=dict(letter.headers), allow_redirects=False) as response:
                await response.read()
                most = 302 if letter.platform == "woocommerce" else 299
                return 200 <= response.status <= most
        except (aiohttp.ClientError, TimeoutError):
            return False

    # ---- Shopify

    def _shopify(self, happened: str, thing: Entry) -> Iterator[Letter]:
        books, api = self._store.books, self._store.shopify
        event = f"{next(self._numbers):08d}-0000-4000-8000-000000000000"  # one action, however many topics tell it
        told = dict(_topics(books, happened, thing, api.base_url))
        for hook in api.subscriptions.all.values():
            if hook.topic not in told:
                continue
            body = json.dumps(told[hook.topic]).encode()
            headers = {
                "Content-Type": "application/json",
                "X-Shopify-Topic": _named(hook.topic),
                "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(self._secret, body, "sha256")).decode(),
                "X-Shopify-Shop-Domain": books.domain,
                "X-Shopify-API-Version": hook.api_version,
                "X-Shopify-Webhook-Id": f"{next(self._numbers):08d}-1111-4111-8111-111111111111",
                "X-Shopify-Event-Id": event,
                "X-Shopify-Triggered-At": _micro(books.clock()),
            }
            yield Letter(hook.uri, headers, body, self._pauses, "shopify", hook.id)

    # ---- WooCommerce

    def _woo(self, happened: str, thing: Entry) -> Iterator[Letter]:
        told = _woo_told(self._store.books, happened, thing, self._store.woo.base_url)
        for hook in self._store.woo.webhooks.values():
            if told is None or hook["topic"] != told[0] or hook["status"] != "active":
                continue
            body = json.dumps(told[1]).encode()
            second = str(int(self._store.books.clock().timestamp()))
            headers = {
                "Content-Type": "application/json",
                "X-WC-Webhook-Source": f"{self._store.woo.base_url}/",
                "X-WC-Webhook-Topic": hook["topic"],
                "X-WC-Webhook-Resource": hook["resource"],
                "X-WC-Webhook-Event": hook["event"],
                "X-WC-Webhook-Signature": base64.b64encode(hmac.digest(hook["secret"].encode(), body, "sha256")).decode(),
                "X-WC-Webhook-ID": str(hook["id"]),
                "X-WC-Webhook-Delivery-ID": hashlib.md5(f"{hook['id']}{second}".encode(), usedforsecurity=False).hexdigest(),
            }
            yield Letter(hook["delivery_url"], headers, body, (), "woocommerce", hook["id"])

    # ---- BigCommerce

    def _big(self, happened: str, thing: Entry) -> Iterator[Letter]:
        now = int(self._store.books.clock().timestamp())
        for scope, about in _scopes(happened, thing):
            told = {"scope": scope, "store_id": "1025646", "data": about, "created_at": now, "producer": f"stores/{STORE_HASH}"}
            told["hash"] = hashlib.sha1(json.dumps([told, next(self._numbers)]).encode(), usedforsecurity=False).hexdigest()
            body = json.dumps(told).encode()
            for hook in self._store.big.hooks.values():
                if hook["is_active"] and fnmatchcase(scope, hook["scope"]):
                    message = f"msg_{next(self._numbers)}"
                    digest = hmac.digest(self._secret, f"{message}.{now}.".encode() + body, "sha256")
                    signed = {
                        "webhook-id": message,
                        "webhook-timestamp": str(now),
                        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
                    }
                    headers = {"Content-Type": "application/json", **hook["headers"], **signed}
                    yield Letter(hook["destination"], headers, body, self._pauses, "bigcommerce", hook["id"])


def _topics(books: Books, happened: str, thing: Entry, base_url: str) -> Iterator[tuple[str, Json]]:
    """The topics that tell of it, each with its body."""
    if isinstance(thing, Order):
        yield from _order_topics(books, happened, thing, base_url)
    elif isinstance(thing, Checkout):
        word = "CREATE" if thing.created_at == thing.updated_at else "UPDATE"
        yield f"CHECKOUTS_{word}", admin_body.checkout_body(books, thing, base_url)
    elif isinstance(thing, Customer):
        word = "CREATE" if thing.created_at == thing.updated_at else "UPDATE"
        yield f"CUSTOMERS_{word}", admin_body.customer_body(thing)
        if thing.phone and thing.whatsapp.at is not None:
            yield "CUSTOMERS_WHATS_APP_MARKETING_CONSENT_UPDATE", admin_body.consent_body(thing)
    elif isinstance(thing, Product):
        yield "PRODUCTS_UPDATE", admin_body.product_body(thing, base_url)


def _order_topics(books: Books, happened: str, order: Order, base_url: str) -> Iterator[tuple[str, Json]]:
    body, now = admin_body.order_body(books, order, base_url), order.updated_at
    yield ("ORDERS_CREATE" if happened == "order.created" else "ORDERS_UPDATED"), body
    if order.payment is Payment.PAID and (order.paid_at == now or happened == "order.created"):
        yield "ORDERS_PAID", body
    if order.cancelled_at == now:
        yield "ORDERS_CANCELLED", body
    for number, refund in enumerate(order.refunds):
        if refund.at == now:
            yield "REFUNDS_CREATE", admin_body.refund_body(books, order, number)
    for number, parcel in enumerate(order.parcels):
        if now in (parcel.shipped_at, parcel.delivered_at):
            word = "CREATE" if parcel.shipped_at == now else "UPDATE"
            yield f"FULFILLMENTS_{word}", admin_body.parcel_body(order, number, base_url)


def _named(topic: str) -> str:
    """`ORDERS_CREATE` as headers write it: `orders/create`."""
    thing, _, word = topic.lower().rpartition("_")
    return f"{thing}/{word}"


def _woo_told(books: Books, happened: str, thing: Entry, base_url: str) -> tuple[str, Json] | None:
    """A draft is told as an order that was updated."""
    match thing:
        case Order():
            return happened, woo_body.order_body(books, thing, base_url)
        case Checkout() if is_open(thing):
            return "order.updated", woo_body.draft_body(books, thing, base_url)
        case Customer():
            return happened, woo_body.customer_body(books, thing)
        case Product():
            return happened, woo_body.product_body(books, thing, base_url)
        case _:
            return None


def _scopes(happened: str, thing: Entry) -> Iterator[tuple[str, Json]]:
    match thing:
        case Order():
            yield f"store/{happened.replace('.', '/')}", {"type": "order", "id": thing.id}
            status = {"previous_status_id": 0, "new_status_id": big_body.status_id(thing)}
            yield "store/order/statusUpdated", {"type": "order", "id": thing.id, "status": status}
            if happened == "order.created" and thing.checkout_token:
                key = big_body.cart_id(thing.checkout_token)
                yield "store/cart/converted", {"type": "cart", "id": key, "orderId": thing.id}
        case Checkout():
            word = "created" if thing.created_at == thing.updated_at else "updated"
            yield f"store/cart/{word}", {"type": "cart", "id": big_body.cart_id(thing.token)}
        case Customer():
            yield "store/customer/updated", {"type": "customer", "id": thing.id}
        case Product():
            yield "store/product/updated", {"type": "product", "id": thing.id}


def _micro(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
