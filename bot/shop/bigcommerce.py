"""BigCommerce: webhooks that say what changed, and not how: it has to be fetched (`bigcommerce_reader.py`), and is read here as well.

Signed by Standard Webhooks with the app's client secret. A delivery that is not answered 2xx is tried again for two days.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from bot.flow.facts import Line, Money
from bot.shop.delivery import FETCHED, UNKNOWN, Admission, Delivery, Reader, Told, keep
from bot.shop.event import (
    CartChanged,
    CartClosed,
    OrderChanged,
    OrderRemoved,
    OrderStatus,
    Origin,
    Payment,
    ProductChanged,
    Resource,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    ShopUninstalled,
    Thin,
    Unreadable,
    Variant,
)
from bot.shop.field import (
    MOST_CODES,
    MOST_KEY,
    MOST_LINES,
    MOST_NAME,
    MOST_PHONE,
    YEARS,
    Fields,
    country_code,
    decode,
    language_code,
    valid_phone,
)
from bot.shop.signature import signed_with
from bot.store.model import Update

PLATFORM = "bigcommerce"
TOPICS = (
    *(f"store/cart/{word}" for word in ("created", "updated", "abandoned", "converted", "deleted")),
    *("store/order/created", "store/order/updated", "store/order/statusUpdated", "store/order/refund/created"),
    *("store/shipment/created", "store/shipment/updated", "store/customer/created", "store/customer/updated"),
    *("store/product/created", "store/product/updated", "store/product/deleted", "store/sku/inventory/updated"),
    "store/app/uninstalled",
)

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
    if reader := _READERS.get(told.topic):
        return reader(told, fields)
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


def in_address(key: str) -> str:
    """A key as it may stand in an address. Raises ValueError for what is none of BigCommerce's."""
    if not _KEY.fullmatch(key):
        raise ValueError("it is no key of BigCommerce's")
    return key


# ---- what was fetched


INCOMPLETE = 0  # somebody was at the payment page and left: no order yet
UNPAID = frozenset({INCOMPLETE, 1, 6, 7})  # pending, declined, awaiting payment

_CANCELLED = frozenset({4, 5})  # refunded, cancelled
_DECLINED = 6
_SHIPPED = frozenset({2, 3, 10})  # shipped, partially shipped, completed
_COMPLETED = 10
_AWAITED = frozenset({1, 7})
_ON_DELIVERY = re.compile(r"cash on delivery|\bcod\b", re.IGNORECASE)
_NO_CUSTOMER = "0"


def _order(told: Told, fields: Fields) -> ShopEvent:
    status = fields.count("status_id")
    if status in (None, INCOMPLETE):
        return ShopNotice(told.moment, "an order that is not complete")
    order = fields.required("id")
    at = moment(fields, "date_modified") or told.moment
    if fields.flag("is_deleted"):
        return OrderRemoved(at, order)
    currency = fields.currency("currency_code")
    total = fields.money("total_inc_tax", currency, exact=False)
    if total is None:
        raise fields.fault("total_inc_tax", "is missing")
    refunded = fields.price("refunded_amount", currency)
    payment = _payment(fields, status or 0, total, refunded)
    cart = fields.key("cart_id")
    return OrderChanged(
        at=at,
        order=order,
        number=order,
        status=_status(status or 0, payment),
        shopper=_buyer(told, fields, fields.object("billing_address")),
        lines=_lines(fields, "products", "price_inc_tax", currency),
        total=Money(max(0, total.minor - refunded.minor), currency) if refunded else total,
        placed_at=moment(fields, "date_created") or at,
        checkout=cart,
        cart=cart,
        discount_codes=_codes(fields),
        payment=payment,
        origin=_origin(fields),
        refunded=refunded if refunded and refunded.minor else None,
        shipped=status in _SHIPPED,
    )


def _payment(fields: Fields, status: int, total: Money, refunded: Money | None) -> Payment:
    if refunded and refunded.minor:
        return Payment.REFUNDED if refunded.minor >= total.minor else Payment.PARTLY_REFUNDED
    if status == _DECLINED:
        return Payment.FAILED
    on_delivery = _ON_DELIVERY.search(fields.text("payment_method") or "") is not None
    if status in _AWAITED:
        return Payment.ON_DELIVERY if on_delivery else Payment.AWAITED
    if (fields.text("payment_status") or "").lower() == "authorized":
        return Payment.AUTHORIZED
    return Payment.ON_DELIVERY if on_delivery and status != _COMPLETED else Payment.PAID


def _status(status: int, payment: Payment) -> OrderStatus:
    """`completed` is all that BigCommerce tells of an order's arrival."""
    if status in _CANCELLED or payment is Payment.REFUNDED:
        return OrderStatus.CANCELLED
    if status == _COMPLETED:
        return OrderStatus.DELIVERED
    return OrderStatus.PAID if payment in (Payment.PAID, Payment.PARTLY_REFUNDED) else OrderStatus.PLACED


def _origin(fields: Fields) -> Origin:
    match (fields.text("order_source") or "").lower():
        case "pos":
            return Origin.COUNTER
        case "manual":
            return Origin.STAFF
        case _:
            return Origin.SHOPPER


def _cart(told: Told, fields: Fields) -> CartChanged:
    currency = fields.object("currency").currency("code")
    key = _key(fields, "id")
    lines = tuple(line for line in _lines(fields, "line_items", "sale_price", currency) if line.quantity)
    return CartChanged(
        at=fields.moment_if_any("updated_time", "created_time") or told.moment,
        checkout=key,
        shopper=_buyer(told, fields, fields.object("billing_address")),
        lines=lines,
        total=fields.price("cart_amount", currency) or Money(0, currency),
        link=fields.link("link"),
        cart=key,
        discount_codes=_codes(fields),
    )


def _codes(fields: Fields) -> tuple[str, ...]:
    return tuple(code for one in fields.objects("coupons", MOST_CODES) or () if (code := one.text("code")))


def _lines(fields: Fields, name: str, price: str, currency: str) -> tuple[Line, ...]:
    lines = (_line(one, price, currency) for one in fields.objects(name, MOST_LINES) or ())
    return tuple(line for line in lines if line.quantity > 0)


def _line(one: Fields, price: str, currency: str) -> Line:
    product, variant, sku = one.key("product_id"), one.key("variant_id"), one.key("sku")
    return Line(
        name=one.text("name") or sku or product or "?",
        quantity=max(0, one.pieces("quantity") - (one.count("quantity_refunded") or 0)),
        price=one.price(price, currency),
        product=product,
        variant=variant,
        sku=sku,
    )


def _buyer(told: Told, fields: Fields, address: Fields) -> Shopper:
    country = country_code(address.text("country_iso2") or address.text("country_code"))
    customer = fields.key("customer_id")
    return Shopper(
        phone=valid_phone(address.text("phone", MOST_PHONE + 1), country or told.region),
        email=address.email("email") or fields.email("email"),
        customer=None if customer == _NO_CUSTOMER else customer,
        first_name=address.text("first_name", MOST_NAME),
        language=language_code(fields.text("customer_locale") or fields.text("locale")),
        country=country,
    )


def _customer(told: Told, fields: Fields) -> ShopperChanged:
    """Consent is to e-mail alone here, and none to WhatsApp."""
    homes = fields.objects("addresses", MOST_LINES) or ()
    countries = [country_code(home.text("country_code")) for home in homes]
    region = next((country for country in countries if country), told.region)
    written = [(fields, region), *((home, country or region) for home, country in zip(homes, countries, strict=True))]
    shopper = Shopper(
        phone=next((phone for one, where in written if (phone := valid_phone(one.text("phone", MOST_PHONE + 1), where))), None),
        email=fields.email("email"),
        customer=fields.required("id"),
        first_name=fields.text("first_name", MOST_NAME),
        country=next((country for country in countries if country), None),
    )
    return ShopperChanged(moment(fields, "date_modified") or told.moment, shopper)


def _product(told: Told, fields: Fields) -> ProductChanged:
    path = fields.object("custom_url").text("url", MOST_KEY)
    return ProductChanged(
        at=moment(fields, "date_modified") or told.moment,
        product=fields.required("id"),
        title=fields.text("name"),
        variants=tuple(_variant(one, fields) for one in fields.objects("variants", MOST_LINES) or () if one.key("id")),
        link=Fields({"link": f"https://{told.domain}{path}"}).link("link") if told.domain and path else None,
    )


def _variant(one: Fields, product: Fields) -> Variant:
    """A variant without a price of its own has the product's."""
    price = one.amount("price") or product.amount("price")
    sale = one.amount("sale_price") or product.amount("sale_price")
    on_sale = sale is not None and price is not None and 0 < sale < price
    words = (option.text("label") for option in one.objects("option_values", MOST_CODES) or ())
    return Variant(
        variant=one.required("id"),
        title=" / ".join(word for word in words if word) or None,
        sku=one.key("sku"),
        price=sale if on_sale else price,
        compare_at=price if on_sale else None,
        stock=one.count("inventory_level"),
        available=not one.flag("purchasing_disabled") and product.text("availability") != "disabled",
    )


def moment(fields: Fields, name: str) -> datetime | None:
    """A time as V2 writes it (RFC 2822) or V3 (ISO 8601), as UTC; None when there is none that can be read."""
    if at := fields.moment_if_any(name):
        return at
    try:
        at = parsedate_to_datetime(fields.text(name) or "")
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at if at.year in YEARS else None


_READERS: Mapping[str, Reader] = MappingProxyType(
    {f"order/{FETCHED}": _order, f"cart/{FETCHED}": _cart, f"customer/{FETCHED}": _customer, f"product/{FETCHED}": _product}
)
