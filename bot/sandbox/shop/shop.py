"""A small coffee shop on loopback: carts, orders, discount codes, and the signed events it posts about them.

It speaks the generic store contract: Standard Webhooks 1.0 signatures in both directions, canonical event bodies.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from aiohttp import web

from bot.sandbox.cloud.webhook import RETRY_PAUSES, Webhooks
from bot.sandbox.shop.catalog import CURRENCY, PRODUCTS, SHOPPERS, Product, Shopper, decimal

SIGNATURE_TOLERANCE = 300  # seconds; Standard Webhooks: older or newer timestamps are refused
CODE = re.compile(r"[A-Za-z0-9-]{3,40}")
LINE_LIMIT = 99  # pieces of one product in a cart
FIRST_ORDER_NUMBER = 1001

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Discount:
    """One code: `percent` of the total or `amount` in minor units off it, until `ends_at` (UTC)."""

    code: str
    ends_at: datetime
    percent: Decimal | None = None
    amount: int = 0

    def off(self, total: int) -> int:
        """What it takes off a total, in minor units, never more than the total."""
        if self.percent is not None:
            return int((total * self.percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
        return min(self.amount, total)


@dataclass(slots=True)
class Checkout:
    """A cart with its checkout. `lines` is product id -> pieces; `visitor` what the bot's snippet put into the form it is bought with."""

    key: str
    shopper: Shopper
    lines: dict[str, int] = field(default_factory=dict)
    completed: bool = False
    visitor: str | None = None

    @property
    def cart_key(self) -> str:
        """The cart's own key; it differs from the checkout's, as in real shops."""
        return self.key.replace("ch-", "cart-")


@dataclass(slots=True)
class Order:
    """An order. Amounts in minor units; `code` is the discount code that was taken, None without one."""

    key: str
    number: str
    shopper: Shopper
    checkout_key: str
    lines: Mapping[str, int]
    total: int
    discount: int
    code: str | None
    placed_at: datetime
    status: str = "placed"
    financial_state: str = "pending"
    email_only: bool = False
    is_test: bool = False
    visitor: str | None = None


@dataclass(slots=True)
class Consent:
    """What a shopper agreed to over one channel."""

    state: str
    at: datetime
    source: str

    def as_json(self) -> Json:
        """The consent as the contract writes it."""
        return {"state": self.state, "at": _iso(self.at), "source": self.source}


class Shop:
    """The shop. `secret` is `whsec_` and base64. `base_url` goes into its links and is set when its port is known."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        secret: str,
        name: str = "Casa Bonita",
        webhook_url: str = "",
        base_url: str = "http://127.0.0.1",
        retry_pauses: Sequence[float] = RETRY_PAUSES,
    ) -> None:
        self.name, self.base_url = name, base_url
        self.snippet = ""  # where the script is that its pages run
        self.products = {product.id: product for product in PRODUCTS}
        self.shoppers = {shopper.key: shopper for shopper in SHOPPERS}
        self.checkouts: dict[str, Checkout] = {}
        self.orders: list[Order] = []
        self.discounts: dict[str, Discount] = {}
        self.pool_empty = False
        self.down = False
        self.consents: dict[tuple[str, str], Consent] = {}
        self.stock: dict[str, int] = {}  # pieces of those products that are counted
        self._clock, self._key = clock, base64.b64decode(secret.removeprefix("whsec_"))
        self._open: dict[str, Checkout] = {}
        self.webhooks = Webhooks(
            url=webhook_url,
            pack=lambda events: json.dumps(events[0]).encode(),
            sign=self._sign,
            taken=lambda status: 200 <= status < 300,
            retry_pauses=retry_pauses,
        )
        for shopper in SHOPPERS:
            self._remember_first_consents(shopper)

    async def start(self) -> None:
        """Begins to deliver events."""
        await self.webhooks.start()

    async def close(self) -> None:
        """Stops to deliver."""
        await self.webhooks.close()

    async def idle(self) -> None:
        """Returns when every event was delivered or given up."""
        await self.webhooks.idle()

    def routes(self) -> list[web.RouteDef]:
        """The shop's API for the bot."""
        return [web.put("/discounts/{code}", self._put_discount)]

    # what shoppers do

    def cart(self, shopper: str) -> Checkout:
        """The shopper's open checkout; a new one where there is none. Raises KeyError for an unknown shopper."""
        checkout = self._open.get(shopper)
        if checkout is None:
            checkout = Checkout(f"ch-{len(self.checkouts) + 1:04d}-{shopper}", self.shoppers[shopper])
            self.checkouts[checkout.key] = self._open[shopper] = checkout
        return checkout

    def add(self, shopper: str, product: str, quantity: int = 1) -> Checkout:
        """Puts pieces into the cart, or takes them out with a negative quantity. Raises KeyError for an unknown product."""
        checkout = self.cart(shopper)
        pieces = min(checkout.lines.get(self.products[product].id, 0) + quantity, LINE_LIMIT)
        checkout.lines.pop(product, None)
        if pieces > 0:
            checkout.lines[product] = pieces
        self._tell("checkout.updated", self._checkout_data(checkout))
        return checkout

    def empty(self, shopper: str) -> None:
        """Takes everything out of the cart."""
        checkout = self.cart(shopper)
        checkout.lines.clear()
        self._tell("checkout.updated", self._checkout_data(checkout))

    def buy(self, shopper: str, *, code: str | None = None, email_only: bool = False, is_test: bool = False) -> Order:
        """Orders what is in the open cart and pays. A code that is not valid takes nothing off. Raises ValueError for an empty cart.

        `email_only`: the order does not tell the phone, as with a guest checkout on another device.
        """
        checkout = self.cart(shopper)
        if not checkout.lines:
            raise ValueError("the cart is empty")
        order = self._order(checkout, code, email_only=email_only, is_test=is_test)
        self.orders.append(order)
        for product in [product for product in checkout.lines if product in self.stock]:
            self.count(product, max(0, self.stock[product] - checkout.lines[product]))
        checkout.completed = True
        del self._open[shopper]
        self._tell("order.created", self._order_data(order))
        order.status, order.financial_state = "paid", "paid"
        self._tell("order.updated", self._order_data(order))
        if not email_only:
            self._tell("checkout.updated", self._checkout_data(checkout))
        return order

    def deliver(self, order: Order) -> None:
        """The parcel arrived."""
        order.status = "delivered"
        self._tell("order.fulfilled", self._order_data(order))

    def cancel(self, order: Order) -> None:
        """The order is called off and paid back."""
        order.status, order.financial_state = "cancelled", "refunded"
        self._tell("order.cancelled", self._order_data(order))

    def count(self, product: str, pieces: int | None) -> None:
        """So many pieces of a product are left; None: nobody counts them, and it can be bought. Raises KeyError for an unknown product."""
        self.stock.pop(self.products[product].id, None)
        if pieces is not None:
            self.stock[product] = pieces
        self._tell("product.updated", self.product_data(product))

    def reprice(self, product: str, price: int) -> None:
        """A product costs this from now on, in minor units. Raises KeyError for an unknown product."""
        self.products[product] = replace(self.products[product], price=price)
        self._tell("product.updated", self.product_data(product))

    def want(self, shopper: str, product: str) -> None:
        """A shopper asks on a product's page to be told when it is back, which says what they agree to. Raises KeyError for either."""
        agreed = Consent("granted", self._clock(), f"told when {self.products[product].title} is back")
        self.consents[shopper, "whatsapp"] = agreed
        self._tell("product.wanted", self._shopper_data(self.shoppers[shopper]) | {"product_id": product})

    def is_sold_out(self, product: str) -> bool:
        """Whether a product cannot be bought."""
        return self.stock.get(product) == 0

    def consent(self, shopper: str, channel: str, state: str, source: str = "account page") -> None:
        """The shopper grants or withdraws (`granted`, `withdrawn`) marketing over `whatsapp` or `ads`."""
        self.consents[shopper, channel] = Consent(state, self._clock(), source)
        self._tell("consent.updated", self._shopper_data(self.shoppers[shopper]))

    def change(self, shopper: Shopper) -> None:
        """A shopper's account changed (or is new): `shopper` is how it is from now on."""
        if shopper.key not in self.shoppers:
            self._remember_first_consents(shopper)
        self.shoppers[shopper.key] = shopper
        self._tell("customer.updated", self._shopper_data(shopper))

    def valid_discount(self, code: str | None) -> Discount | None:
        """The discount behind a code, None for an unknown or expired one. Upper and lower case are the same."""
        discount = self.discounts.get((code or "").strip().upper())
        return discount if discount and self._clock() < discount.ends_at else None

    def total(self, lines: Mapping[str, int]) -> int:
        """What these lines cost, in minor units."""
        return sum(self.products[product].price * pieces for product, pieces in lines.items())

    def recovery_url(self, checkout: Checkout) -> str:
        """The link that brings a cart back."""
        return f"{self.base_url}/c/{checkout.key}"

    def find_order(self, key: str) -> Order | None:
        """The order with this key."""
        return next((order for order in self.orders if order.key == key), None)

    def _order(self, checkout: Checkout, code: str | None, *, email_only: bool, is_test: bool) -> Order:
        number = FIRST_ORDER_NUMBER + len(self.orders)
        total, discount = self.total(checkout.lines), self.valid_discount(code)
        off = discount.off(total) if discount else 0
        return Order(
            key=f"o-{number}",
            number=f"#{number}",
            shopper=checkout.shopper,
            checkout_key=checkout.key,
            lines=dict(checkout.lines),
            total=total - off,
            discount=off,
            code=discount.code if discount else None,
            placed_at=self._clock(),
            email_only=email_only,
            is_test=is_test,
            visitor=checkout.visitor,
        )

    def _remember_first_consents(self, shopper: Shopper) -> None:
        for channel, agreed in (("whatsapp", shopper.whatsapp), ("ads", shopper.ads)):
            if agreed:
                self.consents[shopper.key, channel] = Consent("granted", self._clock(), "checkout box")

    # what it tells

    def _tell(self, kind: str, data: Json) -> None:
        self.webhooks.put({"type": kind, "timestamp": _iso(self._clock()), "data": data | {"updated_at": _iso(self._clock())}})

    def _sign(self, delivery_id: str, body: bytes) -> Mapping[str, str]:
        stamp = str(int(self._clock().timestamp()))
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + self._signature(delivery_id, stamp, body),
        }

    def _signature(self, delivery_id: str, stamp: str, body: bytes) -> str:
        signed = f"{delivery_id}.{stamp}.".encode() + body
        return base64.b64encode(hmac.digest(self._key, signed, "sha256")).decode()

    def _shopper_data(self, shopper: Shopper) -> Json:
        channels = {channel: consent.as_json() for (key, channel), consent in self.consents.items() if key == shopper.key}
        return {
            "customer_key": shopper.customer_key,
            "phone": shopper.phone,
            "phone_region": shopper.phone_region,
            "email": shopper.email,
            "first_name": shopper.first_name,
            "locale": shopper.locale,
            "country": shopper.country,
            "timezone": shopper.timezone,
            "consent": channels,
        }

    def _checkout_data(self, checkout: Checkout) -> Json:
        return self._shopper_data(checkout.shopper) | {
            "checkout_key": checkout.key,
            "cart_key": checkout.cart_key,
            "currency": CURRENCY,
            "total": decimal(self.total(checkout.lines)),
            "items": self._items(checkout.lines),
            "recovery_url": self.recovery_url(checkout),
            "discount_codes": [],
            "completed": checkout.completed,
            "is_test": False,
        }

    def _order_data(self, order: Order) -> Json:
        shopper = {"email": order.shopper.email} if order.email_only else self._shopper_data(order.shopper)
        origin = {} if order.email_only else {"checkout_key": order.checkout_key}
        origin |= {"visitor_key": order.visitor} if order.visitor else {}
        return (
            shopper
            | origin
            | {
                "order_key": order.key,
                "order_number": order.number,
                "currency": CURRENCY,
                "total": decimal(order.total),
                "items": self._items(order.lines),
                "tracking_url": f"{self.base_url}/t/{order.key}",
                "reorder_url": f"{self.base_url}/r/{order.key}",
                "discount_codes": [order.code] if order.code else [],
                "financial_state": order.financial_state,
                "status": order.status,
                "placed_at": _iso(order.placed_at),
                "is_test": order.is_test,
            }
        )

    def product_data(self, product: str) -> Json:
        """A product as the contract tells it."""
        one, pieces = self.products[product], self.stock.get(product)
        counted = {"available": True} if pieces is None else {"stock": pieces}
        return {
            "product_id": one.id,
            "sku": one.sku,
            "title": one.title,
            "price": decimal(one.price),
            "currency": CURRENCY,
            "url": f"{self.base_url}/p/{one.id}",
            **counted,
        }

    def _items(self, lines: Mapping[str, int]) -> list[Json]:
        return [self._item(self.products[product], pieces) for product, pieces in lines.items()]

    def _item(self, product: Product, pieces: int) -> Json:
        return {
            "product_id": product.id,
            "sku": product.sku,
            "title": product.title,
            "category": product.category,
            "quantity": pieces,
            "unit_price": decimal(product.price),
            "url": f"{self.base_url}/#{product.id}",
        }

    # what the bot asks

    async def _put_discount(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_signed(request.headers, body):
            return _refusal(401, "the signature is not valid")
        if self.down:
            return _refusal(503, "the shop is closed for maintenance")
        if self.pool_empty:
            return _refusal(409, "no discount codes are left")
        try:
            asked = _discount(request.match_info["code"], body)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            return _refusal(422, "the discount is not understood")
        there = self.discounts.setdefault(asked.code, asked)
        if there != asked:
            return _refusal(409, "this code exists with other terms")
        return web.json_response({"code": there.code})

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        delivery_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not delivery_id or not stamp.isdecimal() or len(stamp) > 12:
            return False
        if abs(int(stamp) - self._clock().timestamp()) > SIGNATURE_TOLERANCE:
            return False
        expected = ("v1," + self._signature(delivery_id, stamp, body)).encode()
        given = headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in given)


def _discount(code: str, body: bytes) -> Discount:
    """The discount that `body` asks for. Raises ValueError, TypeError, KeyError or ArithmeticError where it is not one."""
    terms = json.loads(body)
    ends_at = datetime.fromisoformat(terms["ends_at"])
    if not CODE.fullmatch(code) or ends_at.tzinfo is None or ("percent" in terms) == ("amount" in terms):
        raise ValueError("not a discount")
    if "percent" in terms:
        percent = Decimal(terms["percent"])
        if not 0 < percent <= 100:
            raise ValueError("not a share")
        return Discount(code.upper(), ends_at, percent=percent)
    amount = Decimal(terms["amount"]) * 100
    if terms["currency"] != CURRENCY or amount <= 0 or amount != int(amount):
        raise ValueError("not an amount")
    return Discount(code.upper(), ends_at, amount=int(amount))


def _refusal(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
