"""BigCommerce: webhooks that say what changed, and not how: it has to be fetched.

Signed by Standard Webhooks with the app's client secret. A delivery that is not answered 2xx is tried again for two days.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.shop.delivery import UNKNOWN, Admission, Delivery, Told, keep
from bot.shop.event import CartClosed, Resource, ShopEvent, ShopNotice, ShopUninstalled, Thin, Unreadable
from bot.shop.field import MOST_KEY, Fields, decode
from bot.shop.signature import signed_with
from bot.store.model import Update

PLATFORM = "bigcommerce"

_SCOPE = re.compile(r"[a-zA-Z0-9_/]{1,100}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)  # it stands in the address that is asked


@dataclass(frozen=True, slots=True)
class BigCommerce:
    """The way in from one BigCommerce store. `secrets` are client secrets of the app; `domain` is the store's hash, where it is to be
    checked: one app serves many stores with one secret."""

    secrets: tuple[str, ...] = field(repr=False)
    region: str | None = None
    domain: str | None = None
    tries_again: bool = True

    def admit(self, delivery: Delivery) -> Admission:
        """Whether the app's secret signed it, just now, and for our store."""
        keys = [secret.encode("utf-8", "replace") for secret in self.secrets]
        genuine = signed_with(delivery.headers, delivery.body, keys, delivery.received_at)
        return Admission.GENUINE if genuine and self._is_ours(delivery.body) else Admission.REFUSED

    def _is_ours(self, body: bytes) -> bool:
        try:
            producer = decode(body).text("producer") or ""
        except Unreadable:
            return True  # kept as unreadable
        return self.domain is None or not producer or producer == f"stores/{self.domain}"

    def split(self, delivery: Delivery) -> list[Update]:
        """One delivery is one update; `hash` is the same whenever the same event is told."""
        try:
            fields = decode(delivery.body)
        except Unreadable:
            fields = Fields({})
        scope = fields.text("scope", MOST_KEY) or ""
        told = Told(
            scope if _SCOPE.fullmatch(scope) else UNKNOWN, delivery.received_at, fields.epoch("created_at"), self.region, self.domain
        )
        name = fields.key("hash") or delivery.header("webhook-id") or delivery.fingerprint
        return [keep(PLATFORM, delivery, told, f"{scope}:{name}", read)]


def read(told: Told, fields: Fields) -> ShopEvent:
    """What happened, of a scope and its body. Raises Unreadable with a sentence that names the wrong field."""
    if told.topic == UNKNOWN:
        raise Unreadable("scope is missing, or is none")
    about = fields.object("data")
    match told.topic:
        case "store/app/uninstalled":
            return ShopUninstalled(told.moment)
        case "store/cart/converted":
            return CartClosed(told.moment, _key(about, "id"), cart=_key(about, "id"), order=about.key("orderId"))
        case "store/cart/deleted":
            return CartClosed(told.moment, _key(about, "id"), cart=_key(about, "id"))
        case _:
            return _thin(told, about)


_PLACES: Mapping[str, tuple[Resource, str, str]] = MappingProxyType(
    {  # the scope's second word: what it is, the name of its key, and where it is fetched
        "cart": (Resource.CART, "id", "/v3/carts/{}?include=line_items.physical_items.options,redirect_urls"),
        "order": (Resource.ORDER, "id", "/v2/orders/{}"),
        "shipment": (Resource.ORDER, "orderId", "/v2/orders/{}"),
        "customer": (Resource.SHOPPER, "id", "/v3/customers?id:in={}&include=addresses"),
        "product": (Resource.PRODUCT, "id", "/v3/catalog/products/{}?include=variants"),
    }
)


def _thin(told: Told, about: Fields) -> ShopEvent:
    """A cart's abandonment tells its `token`, and its lines' changes its `cartId`; a refund is part of its order."""
    thing = told.topic.split("/")[1] if "/" in told.topic else ""
    if thing == "sku":
        return _product_of_sku(told, about)
    if thing not in _PLACES:
        return ShopNotice(told.moment, told.topic)
    resource, name, address = _PLACES[thing]
    key = next((_key(about, each) for each in (name, "cartId", "orderId", "token") if about.has(each)), None) or _key(about, name)
    return Thin(told.moment, resource, key, address.format(key), told.topic)


def _product_of_sku(told: Told, about: Fields) -> Thin:
    named = next((part for part in (about.object("inventory"), about.object("sku")) if part.has("product_id")), about)
    product = _key(named, "product_id")
    return Thin(told.moment, Resource.PRODUCT, product, _PLACES["product"][2].format(product), told.topic)


def _key(about: Fields, name: str) -> str:
    key = about.required(name)
    if not _KEY.fullmatch(key):
        raise about.fault(name, "is not a key of BigCommerce's")
    return key
