"""Shopify: webhooks in the REST shape, whatever version of the API they were made for.

What a version does not tell is absent, so everything is read by what is there. The topic, the time and the id of a delivery are in
headers, which no signature covers; whoever holds a signed body could only tell us again what Shopify told us.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.flow.facts import Line, Money
from bot.shop.delivery import FETCHED, UNKNOWN, Admission, Delivery, Reader, Told, keep
from bot.shop.event import (
    CLICK,
    VISITOR,
    CartChanged,
    CartClosed,
    ConsentState,
    DraftChanged,
    OrderChanged,
    OrderRemoved,
    OrderStatus,
    Origin,
    Payment,
    PrivacyAsk,
    PrivacyAsked,
    ProductChanged,
    Refunded,
    Resource,
    ShipmentChanged,
    ShipmentState,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    ShoppersMerged,
    ShopUninstalled,
    StockCounted,
    Thin,
    Unreadable,
    Variant,
    VariantStocked,
)
from bot.shop.field import (
    MOST_CODES,
    MOST_KEY,
    MOST_LINES,
    MOST_NAME,
    MOST_NOTES,
    MOST_ORDERS,
    MOST_PHONE,
    NO_CURRENCY,
    Fields,
    click_of,
    country_code,
    language_code,
    valid_phone,
)
from bot.shop.signature import Encoding, body_signed
from bot.store.model import Update

PLATFORM = "shopify"
MOST_VARIANTS = 100  # what Shopify tells in full of a product; the rest are ids alone
MOST_PARCELS = 50  # of one order
MOST_REORDERED = 20  # lines in a link, which stays short enough for a message

_TOPIC = re.compile(r"[a-z0-9_.]{1,60}(?:/[a-z0-9_]{1,60})?", re.ASCII)
_GLOBAL_ID = re.compile(r"gid://shopify/\w+/([0-9]{1,20})(?:\?.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shopify:
    """The way in from one Shopify store.

    `secrets`: an app's webhooks are signed by the app's client secret, those made by hand under Settings, Notifications by the key shown
    there; while one is being replaced both count. `domain` is the store's `*.myshopify.com`: one app serves many stores with one secret.
    """

    secrets: tuple[str, ...] = field(repr=False)
    region: str | None = None
    domain: str | None = None
    tries_again: bool = True  # Shopify: 8 times within 4 hours

    def admit(self, delivery: Delivery) -> Admission:
        """Whether one of our secrets signed the body, and it is told of our store."""
        given = delivery.header("X-Shopify-Hmac-Sha256")
        ours = self.domain is None or (delivery.header("X-Shopify-Shop-Domain") or "").strip().lower() == self.domain
        genuine = body_signed(given, delivery.body, self.secrets, Encoding.BASE64)
        return Admission.GENUINE if genuine and ours else Admission.REFUSED

    def split(self, delivery: Delivery) -> list[Update]:
        """One delivery is one update. `X-Shopify-Webhook-Id` is the same on each try of it; `X-Shopify-Event-Id` is shared by all
        deliveries of one action, so it is only half a name."""
        headers = Fields({name: delivery.header(f"X-Shopify-{name}") for name in ("Topic", "Triggered-At", "Webhook-Id", "Event-Id")})
        topic = headers.text("Topic", MOST_KEY) or ""
        told = Told(
            topic if _TOPIC.fullmatch(topic) else UNKNOWN,
            delivery.received_at,
            headers.moment_if_any("Triggered-At"),
            self.region,
            self.domain or _shop_host(delivery.header("X-Shopify-Shop-Domain")),
        )
        name = headers.key("Webhook-Id")
        if name is None:
            name = f"{headers.key('Event-Id') or ''}:{topic}:{delivery.fingerprint}"
        return [keep(PLATFORM, delivery, told, name, read)]


def _shop_host(told: str | None) -> str | None:
    host = (told or "").strip().lower()
    return host if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com", host) else None


def read(told: Told, fields: Fields) -> ShopEvent:
    """What happened, of a topic and its body. Raises Unreadable with a sentence that names the wrong field."""
    if told.topic == UNKNOWN:
        raise Unreadable("the header X-Shopify-Topic is missing, or is no topic")
    reader = _READERS.get(told.topic)
    return reader(told, fields) if reader else ShopNotice(told.moment, told.topic)


# ---- carts and checkouts


def _cart(told: Told, fields: Fields) -> CartChanged:
    """A cart of the online store. It has no person in it and no currency of its own: each line says its own."""
    lines = fields.objects("line_items", MOST_LINES) or ()
    priced = [line.object("line_price_set").object("shop_money") for line in lines]
    currency = next((money.currency("currency_code") for money in priced if money.has("currency_code")), NO_CURRENCY)
    amounts = (line.price("line_price", currency) or Money(0, currency) for line in lines)
    token = fields.required("token", "id")
    return CartChanged(
        at=fields.moment_if_any("updated_at") or told.moment,
        checkout=token,
        shopper=Shopper(),
        lines=_lines(fields, currency),
        total=Money(sum(amount.minor for amount in amounts), currency),
        cart=token,
        click=_click(fields),
        is_checkout=False,
    )


def _checkout(told: Told, fields: Fields) -> CartChanged:
    currency = fields.currency("currency")
    completed = fields.has("completed_at")
    if fields.values.get("line_items") is None and not completed:
        raise fields.fault("line_items", "is missing; an emptied checkout has an empty list")
    lines = _lines(fields, currency)
    total = fields.money("total_price", currency, exact=False)
    if total is None and lines:
        raise fields.fault("total_price", "is missing")
    return CartChanged(
        at=fields.moment_if_any("updated_at") or told.moment,
        checkout=fields.required("token"),
        shopper=_shopper(fields, told),
        lines=lines,
        total=total or Money(0, currency),
        link=fields.link("abandoned_checkout_url"),
        completed=completed,
        consents=_consents(fields, told),
        cart=fields.key("cart_token"),
        click=_click(fields),
        origin=_origin(fields),
        discount_codes=_codes(fields),
        test=fields.flag("test"),
        visitor=_note(fields, VISITOR),
    )


def _checkout_deleted(told: Told, fields: Fields) -> CartClosed:
    return CartClosed(told.moment, fields.required("token", "id"), fields.key("cart_token"))


# ---- orders


def _order(told: Told, fields: Fields) -> OrderChanged:
    currency = fields.currency("currency")
    total = fields.money("current_total_price", currency, exact=False) or fields.money("total_price", currency, exact=False)
    if total is None:
        raise fields.fault("total_price", "is missing")
    at = fields.moment_if_any("updated_at") or told.moment
    order = fields.required("id")
    parcels = fields.objects("fulfillments", MOST_PARCELS) or ()
    payment, lines = _payment(fields), _lines(fields, currency)
    return OrderChanged(
        at=at,
        order=order,
        number=fields.key("name") or fields.key("order_number") or order,
        status=_status(fields, payment, parcels),
        shopper=_shopper(fields, told),
        lines=lines,
        total=total,
        placed_at=fields.moment_if_any("processed_at", "created_at") or at,
        checkout=fields.key("checkout_token"),
        tracking_link=next((link for parcel in reversed(parcels) if (link := _tracking(parcel))), None) or fields.link("order_status_url"),
        reorder_link=_reorder_link(lines, told.domain),
        discount_codes=_codes(fields),
        test=fields.flag("test"),
        consents=_consents(fields, told),
        cart=fields.key("cart_token"),
        click=_click(fields),
        payment=payment,
        origin=_origin(fields),
        refunded=_refunded_so_far(fields, currency),
        shipped=fields.text("fulfillment_status") in ("fulfilled", "partial"),
        visitor=_note(fields, VISITOR),
    )


_PAYMENTS = {
    "pending": Payment.AWAITED,
    "authorized": Payment.AUTHORIZED,
    "partially_paid": Payment.PARTLY_PAID,
    "paid": Payment.PAID,
    "partially_refunded": Payment.PARTLY_REFUNDED,
    "refunded": Payment.REFUNDED,
    "voided": Payment.FAILED,
    "expired": Payment.FAILED,
}
_ON_DELIVERY = re.compile(r"cash on delivery|\bcod\b", re.IGNORECASE)


def _payment(fields: Fields) -> Payment:
    payment = _PAYMENTS.get((fields.text("financial_status") or "").lower(), Payment.UNKNOWN)
    gateways = (*fields.texts("payment_gateway_names", MOST_CODES), fields.text("gateway") or "")  # `gateway` alone in older versions
    on_delivery = payment is Payment.AWAITED and any(map(_ON_DELIVERY.search, gateways))
    return Payment.ON_DELIVERY if on_delivery else payment


def _status(fields: Fields, payment: Payment, parcels: tuple[Fields, ...]) -> OrderStatus:
    """A refund of everything takes an order back as a cancellation does."""
    if fields.has("cancelled_at") or payment is Payment.REFUNDED:
        return OrderStatus.CANCELLED
    arrived = [parcel.text("shipment_status") == "delivered" for parcel in parcels if parcel.text("status") != "cancelled"]
    if fields.text("fulfillment_status") == "fulfilled" and arrived and all(arrived):
        return OrderStatus.DELIVERED
    return OrderStatus.PAID if payment in (Payment.PAID, Payment.PARTLY_REFUNDED) else OrderStatus.PLACED


def _refunded_so_far(fields: Fields, currency: str) -> Money | None:
    refunds = fields.objects("refunds", MOST_LINES) if isinstance(fields.values.get("refunds"), list) else None
    paid_back = [money.minor for refund in refunds or () for money in _paid_back(refund, currency)]
    return Money(sum(paid_back), currency) if paid_back else None


def _paid_back(refund: Fields, currency: str) -> Iterator[Money]:
    for payment in refund.objects("transactions", MOST_LINES) or ():
        is_paid = payment.text("kind") in (None, "refund") and payment.text("status") in (None, "success")
        if is_paid and (money := payment.price("amount", currency)):
            yield money


def _order_removed(told: Told, fields: Fields) -> OrderRemoved:
    return OrderRemoved(told.moment, fields.required("id"))


def _order_edited(told: Told, fields: Fields) -> Thin:
    """Which lines came and went, without what they cost: the order has to be fetched."""
    order = fields.object("order_edit").required("order_id")
    return Thin(told.moment, Resource.ORDER, order, f"gid://shopify/Order/{order}", told.topic)


def _refund(told: Told, fields: Fields) -> Refunded:
    payments = fields.objects("transactions", MOST_LINES) or ()
    currency = next((payment.currency("currency") for payment in payments if payment.has("currency")), None)
    amounts = [money.minor for money in _paid_back(fields, currency)] if currency else []
    back = fields.objects("refund_line_items", MOST_LINES) or ()
    return Refunded(
        at=fields.moment_if_any("processed_at", "created_at") or told.moment,
        order=fields.required("order_id"),
        refund=fields.required("id"),
        amount=Money(sum(amounts), currency) if currency else None,
        lines=tuple(_line(one.object("line_item"), currency, one.pieces("quantity")) for one in back),
    )


_PARCELS = {
    "delivered": ShipmentState.DELIVERED,
    "out_for_delivery": ShipmentState.OUT_FOR_DELIVERY,
    "failure": ShipmentState.FAILED,
    "cancelled": ShipmentState.CANCELLED,
    "error": ShipmentState.FAILED,
}


def _fulfilment(told: Told, fields: Fields) -> ShipmentChanged:
    """`status` is how far packing got; `shipment_status` what the carrier says, null until it says something."""
    status = fields.text("status") or ""
    state = _PARCELS.get(status) or _PARCELS.get(fields.text("shipment_status") or "") or ShipmentState.SHIPPED
    at = fields.moment_if_any("updated_at", "created_at") or told.moment
    return ShipmentChanged(at, fields.required("order_id"), fields.key("id"), state, _tracking(fields), _lines(fields, None))


def _carrier_event(told: Told, fields: Fields) -> ShipmentChanged:
    state = _PARCELS.get(fields.text("status") or "", ShipmentState.SHIPPED)
    at = fields.moment_if_any("happened_at", "created_at") or told.moment
    return ShipmentChanged(at, fields.required("order_id"), fields.key("fulfillment_id"), state)


def _tracking(parcel: Fields) -> str | None:
    if link := parcel.link("tracking_url"):
        return link
    several = parcel.values.get("tracking_urls")
    return Fields({"0": several[0]}).link("0") if isinstance(several, list) and several else None


def _draft(told: Told, fields: Fields) -> DraftChanged:
    currency = fields.currency("currency")
    return DraftChanged(
        at=fields.moment_if_any("updated_at") or told.moment,
        draft=fields.required("id"),
        shopper=_shopper(fields, told),
        lines=_lines(fields, currency),
        total=fields.price("total_price", currency) or Money(0, currency),
        link=fields.link("invoice_url"),
        order=fields.key("order_id"),
    )


# ---- people


def _customer(told: Told, fields: Fields) -> ShopperChanged:
    address = fields.object("default_address")
    region = country_code(address.text("country_code")) or told.region
    written = (fields.text("phone", MOST_PHONE + 1), address.text("phone", MOST_PHONE + 1))
    shopper = Shopper(
        phone=next((phone for one in written if (phone := valid_phone(one, region))), None),
        email=fields.email("email"),
        customer=fields.required("id"),
        first_name=fields.text("first_name", MOST_NAME),
        language=language_code(fields.text("locale")),
        country=country_code(address.text("country_code")),
    )
    return ShopperChanged(fields.moment_if_any("updated_at") or told.moment, shopper, _consents(fields, told))


def _consent_changed(told: Told, fields: Fields) -> ShopperChanged:
    """Each channel's topic has field names of its own. Consent to e-mail and SMS is read past: it is none to WhatsApp."""
    written = fields.text("phone_number", MOST_PHONE + 1) or fields.text("phone", MOST_PHONE + 1)
    shopper = Shopper(
        phone=valid_phone(written, told.region),
        email=fields.email("email_address"),
        customer=fields.required("customer_id", "id"),
    )
    return ShopperChanged(told.moment, shopper, _consents(fields, told))


_STATES = {"subscribed": ConsentState.GRANTED, "unsubscribed": ConsentState.WITHDRAWN, "redacted": ConsentState.WITHDRAWN}


def _consents(fields: Fields, told: Told) -> tuple[ShopConsent, ...]:
    """WhatsApp's, since 2026-07. A checkout's tick is for e-mail or SMS."""
    stated = fields.object("whats_app_marketing_consent")
    state = _STATES.get((stated.text("state") or "").lower())
    if state is None:
        return ()
    at = stated.moment_if_any("updated_at", "consent_updated_at") or told.moment
    return (ShopConsent("whatsapp", state, at, stated.text("collected_from") or "shopify"),)


def _merged(told: Told, fields: Fields) -> ShoppersMerged:
    kept, gone = (global_number(fields.required(f"admin_graphql_api_customer_{which}_id")) for which in ("kept", "deleted"))
    return ShoppersMerged(told.moment, kept, gone)


def global_number(written: str) -> str:
    """The number in a `gid://shopify/Customer/1`, which is what the other topics tell; whatever is none is left as it is."""
    found = _GLOBAL_ID.fullmatch(written)
    return found[1] if found else written


def _shopper(fields: Fields, told: Told) -> Shopper:
    customer, shipping = fields.object("customer"), fields.object("shipping_address")
    billing, home = fields.object("billing_address"), customer.object("default_address")
    places = (shipping, billing, home)
    country = next((code for place in places if (code := country_code(place.text("country_code")))), None)
    return Shopper(
        phone=_phone(fields, customer, places, country or told.region),
        email=fields.email("email") or fields.email("contact_email") or customer.email("email"),
        customer=customer.key("id"),
        first_name=next((name for one in (customer, shipping, billing) if (name := one.text("first_name", MOST_NAME))), None),
        language=language_code(fields.text("customer_locale")),
        country=country,
    )


def _phone(fields: Fields, customer: Fields, places: tuple[Fields, Fields, Fields], region: str | None) -> str | None:
    """The first valid number. A checkout's own is nearly always empty; an address has its own country."""
    shipping, billing, home = places
    ways = fields.objects("shipping_lines", MOST_PARCELS) if isinstance(fields.values.get("shipping_lines"), list) else ()
    told = [(fields, "sms_marketing_phone"), *((one, "phone") for one in (fields, shipping, billing, customer, home, *(ways or ())))]
    for one, name in told:
        written = one.text(name, MOST_PHONE + 1)
        own = country_code(one.text("country_code"))
        if phone := valid_phone(written, own or region):
            return phone
    return None


# ---- what both carts and orders have


def _lines(fields: Fields, currency: str | None) -> tuple[Line, ...]:
    told = fields.objects("line_items", MOST_LINES) or ()
    lines = (_line(one, currency, one.pieces("current_quantity" if one.has("current_quantity") else "quantity")) for one in told)
    return tuple(line for line in lines if line.quantity > 0)


def _line(one: Fields, currency: str | None, pieces: int) -> Line:
    product, variant, sku = one.key("product_id"), one.key("variant_id"), one.key("sku")
    return Line(
        name=one.text("presentment_title") or one.text("title") or one.text("name") or sku or variant or product or "?",
        quantity=pieces,
        price=one.price("price", currency) if currency else None,
        product=product,
        variant=variant,
        sku=sku,
    )


def _codes(fields: Fields) -> tuple[str, ...]:
    told = fields.values.get("discount_codes")
    listed = told[:MOST_CODES] if isinstance(told, list) else []
    codes = (Fields(one).text("code") for one in listed if isinstance(one, dict))
    return tuple(dict.fromkeys(code for code in codes if code))


def _click(fields: Fields) -> str | None:
    """Our recovery link's id: in a note that our snippet writes, or in the address of the first page."""
    return _note(fields, CLICK) or click_of(fields.text("landing_site", 2048))


def _note(fields: Fields, name: str) -> str | None:
    """What is noted on a cart, and the order made of it, under this name."""
    notes = fields.values.get("note_attributes")
    for note in notes[:MOST_NOTES] if isinstance(notes, list) else []:
        if isinstance(note, dict) and note.get("name") == name:
            return Fields(note).key("value")
    return None


def _origin(fields: Fields) -> Origin:
    source = (fields.text("source_name") or "").lower()
    if source == "pos" or fields.has("device_id") or fields.has("location_id"):
        return Origin.COUNTER
    if source.startswith("subscription"):
        return Origin.RENEWAL
    return Origin.STAFF if source == "shopify_draft_order" or fields.has("user_id") else Origin.SHOPPER


def _reorder_link(lines: tuple[Line, ...], domain: str | None) -> str | None:
    """A cart permalink with the same lines. (Shopify: `/cart/{variant}:{quantity},...`.)"""
    pieces = [f"{line.variant}:{line.quantity}" for line in lines if line.variant and line.variant.isdigit()]
    return f"https://{domain}/cart/{','.join(pieces[:MOST_REORDERED])}" if domain and pieces else None


# ---- products, stock, the store itself


def _product(told: Told, fields: Fields) -> ProductChanged:
    handle = fields.key("handle")
    variants = fields.objects("variants", MOST_VARIANTS) or ()
    return ProductChanged(
        at=fields.moment_if_any("updated_at") or told.moment,
        product=fields.required("id"),
        title=fields.text("title"),
        variants=tuple(_variant(one, _sells_on(one)) for one in variants if one.key("id")),
        link=Fields({"link": f"https://{told.domain}/products/{handle}"}).link("link") if told.domain and handle else None,
        removed=told.topic == "products/delete",
        image=fields.object("image").link("src"),
    )


def _sells_on(one: Fields) -> bool | None:
    """That it can be bought whatever the count says: nobody counts it, or it is sold beyond it. None where the count decides."""
    uncounted = "inventory_management" in one.values and not one.has("inventory_management")
    return True if uncounted or one.text("inventory_policy") == "continue" else None


def _variant(one: Fields, available: bool | None = None) -> Variant:
    return Variant(
        variant=one.required("id"),
        title=one.text("title"),
        sku=one.key("sku"),
        price=one.amount("price"),
        compare_at=one.amount("compare_at_price"),
        stock=one.count("inventory_quantity"),
        available=available,
        stock_item=one.key("inventory_item_id"),
    )


def _in_stock(told: Told, fields: Fields) -> VariantStocked:
    available = told.topic == "variants/in_stock"
    at = fields.moment_if_any("updated_at") or told.moment
    return VariantStocked(at, fields.required("product_id"), _variant(fields, available), available)


def _stock(told: Told, fields: Fields) -> StockCounted:
    at = fields.moment_if_any("updated_at") or told.moment
    return StockCounted(at, fields.required("inventory_item_id"), fields.key("location_id"), fields.count("available"))


_ASKS = {
    "customers/data_request": (PrivacyAsk.DATA, "orders_requested"),
    "customers/redact": (PrivacyAsk.ERASE_SHOPPER, "orders_to_redact"),
    "shop/redact": (PrivacyAsk.ERASE_SHOP, ""),
}
PRIVACY_TOPICS = tuple(_ASKS)  # told by every app's own configuration, never by its API


def _privacy(told: Told, fields: Fields) -> PrivacyAsked:
    """What Shopify's rules ask of every app; `customer` may hold an e-mail address alone."""
    ask, listed = _ASKS[told.topic]
    customer = fields.object("customer")
    shopper = Shopper(
        phone=valid_phone(customer.text("phone", MOST_PHONE + 1), told.region),
        email=customer.email("email"),
        customer=customer.key("id"),
    )
    orders = fields.values.get(listed)
    keys = (Fields({"id": order}).key("id") for order in (orders[:MOST_ORDERS] if isinstance(orders, list) else []))
    return PrivacyAsked(told.moment, ask, shopper, tuple(key for key in keys if key), fields.object("data_request").key("id"))


def _uninstalled(told: Told, _: Fields) -> ShopUninstalled:
    return ShopUninstalled(told.moment)


_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        **dict.fromkeys(("carts/create", "carts/update"), _cart),
        **dict.fromkeys(("checkouts/create", "checkouts/update", f"checkouts/{FETCHED}"), _checkout),
        "checkouts/delete": _checkout_deleted,
        **dict.fromkeys(
            (f"orders/{word}" for word in ("create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled", FETCHED)), _order
        ),
        "orders/delete": _order_removed,
        "orders/edited": _order_edited,
        **dict.fromkeys(("fulfillments/create", "fulfillments/update"), _fulfilment),
        "fulfillment_events/create": _carrier_event,
        "refunds/create": _refund,
        **dict.fromkeys(("draft_orders/create", "draft_orders/update"), _draft),
        **dict.fromkeys((f"customers/{word}" for word in ("create", "update", "enable", "disable", FETCHED)), _customer),
        "customers/merge": _merged,
        "customers_marketing_consent/update": _consent_changed,
        "customers_email_marketing_consent/update": _consent_changed,
        "customers_whats_app_marketing_consent/update": _consent_changed,
        **dict.fromkeys(("products/create", "products/update", "products/delete", f"products/{FETCHED}"), _product),
        **dict.fromkeys(("variants/in_stock", "variants/out_of_stock"), _in_stock),
        "inventory_levels/update": _stock,
        **dict.fromkeys(_ASKS, _privacy),
        "app/uninstalled": _uninstalled,
    }
)
TOPICS = tuple(topic for topic in _READERS if topic not in _ASKS and topic.partition("/")[2] != FETCHED)
