"""WooCommerce: webhooks that carry the REST API's own objects, as they are at the moment of delivery.

WooCommerce tries once and never again, and switches a webhook off after a few answers it does not like; so whatever it signed is kept and
answered 200. An order's topic says little (`created` often tells an order that is paid for long): what counts is the order's status.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.flow.facts import Line, Money
from bot.shop.delivery import UNKNOWN, Admission, Delivery, Reader, Told, keep
from bot.shop.event import (
    VISITOR,
    CartChanged,
    ConsentState,
    OrderChanged,
    OrderRemoved,
    OrderStatus,
    Origin,
    Payment,
    ProductChanged,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    Unreadable,
    Variant,
)
from bot.shop.field import (
    MOST_CODES,
    MOST_LINES,
    MOST_NAME,
    MOST_NOTES,
    MOST_PHONE,
    MOST_TITLE,
    Fields,
    clean,
    click_of,
    country_code,
    language_code,
    valid_phone,
)
from bot.shop.signature import Encoding, body_signed
from bot.store.model import Update

PLATFORM = "woocommerce"
MOST_GREETING = 64  # bytes of `webhook_id=123`

_GREETING = re.compile(rb"webhook_id=[0-9]{1,20}")
_TOPIC = re.compile(r"[a-zA-Z0-9_.\-/]{1,120}", re.ASCII)
_DECODED = ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#039;", "'"), ("&#39;", "'"), ("&amp;", "&")  # the ampersand last


@dataclass(frozen=True, slots=True)
class WooCommerce:
    """The way in from one WooCommerce shop. `consent_key` is the name in `meta_data` under which a plugin keeps the checkbox for
    WhatsApp at checkout; WooCommerce itself has none."""

    secrets: tuple[str, ...] = field(repr=False)
    region: str | None = None
    consent_key: str | None = None
    tries_again: bool = False

    def admit(self, delivery: Delivery) -> Admission:
        """Whether the shop signed the body. When a webhook is saved, WooCommerce posts `webhook_id=...` unsigned, and wants a 200."""
        given = delivery.header("X-WC-Webhook-Signature")
        if given is None and len(delivery.body) <= MOST_GREETING and _GREETING.fullmatch(delivery.body):
            return Admission.GREETING
        secrets = tuple(spelt for secret in self.secrets for spelt in {secret, unescaped(secret)})
        return Admission.GENUINE if body_signed(given, delivery.body, secrets, Encoding.BASE64) else Admission.REFUSED

    def split(self, delivery: Delivery) -> list[Update]:
        """One delivery is one update. `X-WC-Webhook-Delivery-ID` is made of the webhook and the second, so two orders of one second have
        the same: the body is part of the name. A state that is told twice, as created and as updated, is one update."""
        written = delivery.header("X-WC-Webhook-Topic") or ""
        topic = written if _TOPIC.fullmatch(written) else UNKNOWN
        told = Told(topic, delivery.received_at, region=self.region, consent_key=self.consent_key)
        thing = topic.partition(".")[0]
        if topic.endswith((".created", ".updated", ".restored")) and b'"date_modified_gmt"' in delivery.body:
            name = f"{thing}:{delivery.fingerprint}"
        else:  # without a moment of its own the same words can be said again and mean it
            name = f"{topic}:{delivery.header('X-WC-Webhook-Delivery-ID') or ''}:{delivery.fingerprint}"
        return [keep(PLATFORM, delivery, told, name, read)]


def unescaped(secret: str) -> str:
    """A secret as WooCommerce signs with it: WordPress stores `&` as `&amp;`, and so it may have been copied."""
    for entity, char in _DECODED:
        secret = secret.replace(entity, char)
    return secret


def read(told: Told, fields: Fields) -> ShopEvent:
    """What happened, of a topic and its body. Raises Unreadable with a sentence that names the wrong field."""
    if told.topic == UNKNOWN:
        raise Unreadable("the header X-WC-Webhook-Topic is missing, or is no topic")
    thing, _, happened = told.topic.partition(".")
    if happened == "deleted":
        return _deleted(told, thing, fields)
    reader = _READERS.get(thing)
    return reader(told, fields) if reader else ShopNotice(told.moment, told.topic)


def _deleted(told: Told, thing: str, fields: Fields) -> ShopEvent:
    """All that is told of what is gone is its id."""
    key = fields.required("id")
    if thing == "order":
        return OrderRemoved(told.moment, key)
    return ProductChanged(told.moment, key, None, removed=True) if thing == "product" else ShopNotice(told.moment, told.topic)


# ---- orders, and the drafts that come before them


def _order(told: Told, fields: Fields) -> ShopEvent:
    status = fields.text("status") or ""
    match status:
        case "checkout-draft":
            return _checkout(told, fields)
        case "draft" | "auto-draft" | "new":
            return ShopNotice(told.moment, f"{told.topic} ({status})")
        case "trash":
            return OrderRemoved(fields.moment_if_any("date_modified_gmt") or told.moment, fields.required("id"))
        case _:
            return _placed(told, fields, status)


def _checkout(told: Told, fields: Fields) -> CartChanged:
    """The block checkout's draft: somebody is at the checkout. It has the id of the order it becomes. (`cart_hash` is no key: two people
    with the same things in their carts have the same.)"""
    currency = fields.currency("currency")
    return CartChanged(
        at=fields.moment_if_any("date_modified_gmt", "date_created_gmt") or told.moment,
        checkout=fields.required("id"),
        shopper=_shopper(fields, told),
        lines=_lines(fields, currency),
        total=fields.money("total", currency, exact=False) or Money(0, currency),
        link=fields.link("payment_url") if fields.flag("needs_payment") else None,
        consents=_consents(fields, told),
        click=_click(fields),
        origin=_origin(fields),
        discount_codes=_codes(fields),
        visitor=_visitor(fields),
    )


_PAYMENTS = {
    "pending": Payment.BEGUN,
    "on-hold": Payment.AWAITED,
    "failed": Payment.FAILED,
    "processing": Payment.PAID,
    "completed": Payment.PAID,
    "refunded": Payment.REFUNDED,
}


def _placed(told: Told, fields: Fields, status: str) -> OrderChanged:
    currency = fields.currency("currency")
    total = fields.money("total", currency, exact=False)
    if total is None:
        raise fields.fault("total", "is missing")
    order = fields.required("id")
    at = fields.moment_if_any("date_modified_gmt", "date_created_gmt") or told.moment
    origin = _origin(fields)
    payment = _payment(fields, status, origin)
    refunded = _refunded(fields, currency)
    return OrderChanged(
        at=at,
        order=order,
        number=fields.key("number") or order,
        status=_status(status, payment),
        shopper=_shopper(fields, told),
        lines=_lines(fields, currency),
        total=Money(max(0, total.minor - refunded.minor), currency) if refunded else total,
        placed_at=fields.moment_if_any("date_created_gmt") or at,
        checkout=order,
        discount_codes=_codes(fields),
        consents=_consents(fields, told),
        click=_click(fields),
        payment=payment,
        origin=origin,
        payment_link=fields.link("payment_url") if payment in (Payment.BEGUN, Payment.AWAITED, Payment.FAILED) else None,
        refunded=refunded,
        shipped=status == "completed",
        visitor=_visitor(fields),
    )


def _payment(fields: Fields, status: str, origin: Origin) -> Payment:
    """`processing` is paid, but for cash on delivery, which is paid when there is a date. What staff entered, or a subscription renewed,
    is `pending`, too, and nobody is at its payment page."""
    if status not in _PAYMENTS:  # cancelled, or a status of the shop's own
        return Payment.PAID if _is_paid(fields) else Payment.UNKNOWN
    if _PAYMENTS[status] is Payment.BEGUN and origin is not Origin.SHOPPER:
        return Payment.AWAITED
    if _PAYMENTS[status] is Payment.PAID and fields.text("payment_method") == "cod" and not _is_paid(fields):
        return Payment.ON_DELIVERY
    return _PAYMENTS[status]


def _is_paid(fields: Fields) -> bool:
    return fields.has("date_paid_gmt") or fields.has("date_paid")


def _status(status: str, payment: Payment) -> OrderStatus:
    """`completed` is all that WooCommerce tells of an order's arrival."""
    match status:
        case "cancelled" | "refunded":
            return OrderStatus.CANCELLED
        case "completed":
            return OrderStatus.DELIVERED
        case _:
            return OrderStatus.PAID if payment is Payment.PAID else OrderStatus.PLACED


def _refunded(fields: Fields, currency: str) -> Money | None:
    """Refunds are told as amounts below zero."""
    told = fields.objects("refunds", MOST_LINES) or ()
    amounts = [Fields({"total": (refund.text("total") or "").removeprefix("-")}).price("total", currency) for refund in told]
    minor = sum(amount.minor for amount in amounts if amount)
    return Money(minor, currency) if minor else None


def _lines(fields: Fields, currency: str) -> tuple[Line, ...]:
    lines = (_line(one, currency) for one in fields.objects("line_items", MOST_LINES) or ())
    return tuple(line for line in lines if line.quantity > 0)


def _line(one: Fields, currency: str) -> Line:
    """Ids of what was deleted are 0; the price is a number, whatever the documentation says."""
    product, variant, sku = _id(one, "product_id"), _id(one, "variation_id"), one.key("sku")
    name = _plain_text(one, "name") or _plain_text(one, "parent_name") or sku or product or "?"
    return Line(name, one.pieces("quantity"), one.price("price", currency), product, variant=variant, sku=sku)


def _id(one: Fields, name: str) -> str | None:
    key = one.key(name)
    return None if key == "0" else key


def _plain_text(one: Fields, name: str, most: int = MOST_TITLE) -> str | None:
    """A name as people read it: WordPress writes `&ndash;` for a dash."""
    written = one.text(name, most * 4)
    return (clean(html.unescape(written))[:most].rstrip() or None) if written else None


def _codes(fields: Fields) -> tuple[str, ...]:
    told = fields.objects("coupon_lines", MOST_CODES) or ()
    return tuple(dict.fromkeys(code for one in told if (code := _plain_text(one, "code"))))


def _origin(fields: Fields) -> Origin:
    match fields.text("created_via"):
        case "subscription":
            return Origin.RENEWAL
        case "admin":
            return Origin.STAFF
        case made if made and "pos" in re.split(r"[^a-z]+", made.lower()):
            return Origin.COUNTER
        case _:
            return Origin.SHOPPER


def _click(fields: Fields) -> str | None:
    return click_of(_meta(fields, "_wc_order_attribution_session_entry"))


def _visitor(fields: Fields) -> str | None:
    """The key of the browser, where the shop keeps the field that our snippet puts into its checkout."""
    return _meta(fields, VISITOR) or _meta(fields, f"_{VISITOR}")


def _meta(fields: Fields, key: str) -> str | None:
    """A value that WooCommerce or a plugin keeps with the order."""
    told = fields.values.get("meta_data")
    for one in told[:MOST_NOTES] if isinstance(told, list) else []:
        if isinstance(one, dict) and one.get("key") == key:
            return Fields(one).text("value", 2048)
    return None


# ---- people


def _shopper(fields: Fields, told: Told) -> Shopper:
    billing, shipping = fields.object("billing"), fields.object("shipping")
    country = country_code(billing.text("country")) or country_code(shipping.text("country"))
    return Shopper(
        phone=_phone((billing, shipping), country or told.region),
        email=billing.email("email"),
        customer=_id(fields, "customer_id"),
        first_name=_plain_text(billing, "first_name", MOST_NAME) or _plain_text(shipping, "first_name", MOST_NAME),
        language=language_code(_meta(fields, "wpml_language")),
        country=country,
    )


def _phone(places: tuple[Fields, ...], region: str | None) -> str | None:
    for place in places:
        own = country_code(place.text("country"))
        if phone := valid_phone(place.text("phone", MOST_PHONE + 1), own or region):
            return phone
    return None


_TICKED = frozenset({"1", "yes", "on", "true"})


def _consents(fields: Fields, told: Told) -> tuple[ShopConsent, ...]:
    """A box that was ticked. One that was not says nothing: this person may have agreed elsewhere."""
    if told.consent_key is None or (_meta(fields, told.consent_key) or "").lower() not in _TICKED:
        return ()
    at = fields.moment_if_any("date_created_gmt") or told.moment
    return (ShopConsent("whatsapp", ConsentState.GRANTED, at, "the box at checkout"),)


def _customer(told: Told, fields: Fields) -> ShopperChanged:
    billing, shipping = fields.object("billing"), fields.object("shipping")
    country = country_code(billing.text("country")) or country_code(shipping.text("country"))
    shopper = Shopper(
        phone=_phone((billing, shipping), country or told.region),
        email=fields.email("email") or billing.email("email"),
        customer=fields.required("id"),
        first_name=_plain_text(fields, "first_name", MOST_NAME) or _plain_text(billing, "first_name", MOST_NAME),
        country=country,
    )
    return ShopperChanged(fields.moment_if_any("date_modified_gmt") or told.moment, shopper, _consents(fields, told))


# ---- products


def _product(told: Told, fields: Fields) -> ProductChanged:
    """A simple product is its own only variant; a variation is told as a product with a parent, its name and page are its own. Of a
    product that has variations only their ids are told: they come by themselves."""
    key = fields.required("id")
    parent = _id(fields, "parent_id") if fields.text("type") == "variation" else None
    variants = () if fields.text("type") == "variable" else (_variant(key, fields),)
    return ProductChanged(
        at=fields.moment_if_any("date_modified_gmt") or told.moment,
        product=parent or key,
        title=None if parent else _plain_text(fields, "name"),
        variants=variants,
        link=None if parent else fields.link("permalink"),
        removed=parent is None and fields.text("status") == "trash",
        image=None if parent else _picture(fields),
    )


def _picture(fields: Fields) -> str | None:
    """The first of its pictures."""
    try:
        pictures = fields.objects("images", 1)
    except Unreadable:
        return None
    return pictures[0].link("src") if pictures else None


def _variant(key: str, fields: Fields) -> Variant:
    price, regular = fields.amount("price"), fields.amount("regular_price")
    return Variant(
        variant=key,
        title=_plain_text(fields, "name"),
        sku=fields.key("sku"),
        price=price,
        compare_at=regular if regular is not None and price is not None and regular > price else None,
        stock=fields.count("stock_quantity"),
        available=fields.text("stock_status") != "outofstock" if fields.has("stock_status") else None,
    )


_READERS: Mapping[str, Reader] = MappingProxyType({"order": _order, "customer": _customer, "product": _product})
TOPICS = (
    *("order.created", "order.updated", "order.deleted", "order.restored", "customer.created", "customer.updated"),
    *("product.created", "product.updated", "product.deleted", "product.restored"),
)
