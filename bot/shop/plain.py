"""The generic contract: any shop that can sign and post JSON.

A delivery is `{"type": ..., "timestamp": ..., "data": {...}}` signed by Standard Webhooks, or a structured CloudEvent 1.0 (`type`,
`time`, `data`) signed the same way. `split` runs before the delivery is acknowledged, `read` when it is worked off.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from bot.flow.facts import Line, Money
from bot.shop import signature
from bot.shop.delivery import UNKNOWN as UNKNOWN  # the kind of a delivery that does not say its own
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import (
    CartChanged,
    CartClosed,
    ConsentState,
    OrderChanged,
    OrderRemoved,
    OrderStatus,
    Origin,
    Payment,
    PrivacyAsk,
    PrivacyAsked,
    ProductChanged,
    ProductViewed,
    ProductWanted,
    Refunded,
    ShipmentChanged,
    ShipmentState,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    ShoppersMerged,
    ShopUninstalled,
    Variant,
    VariantStocked,
)
from bot.shop.event import Unreadable as Unreadable  # `read` raises it: callers find it here
from bot.shop.field import (
    MOST_CODES,
    MOST_LINES,
    MOST_NAME,
    MOST_ORDERS,
    MOST_PHONE,
    MOST_TITLE,
    Fields,
    country_code,
    decode,
    language_code,
    timezone_name,
    valid_phone,
)
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind, Source, Update, from_epoch, update_key

PLATFORM = "shop"
_TYPE = re.compile(r"[a-zA-Z0-9_.]{1,100}", re.ASCII)  # Standard Webhooks: the characters of an event type
TYPES = (
    *("cart.updated", "cart.deleted", "checkout.updated", "checkout.deleted"),
    *(f"order.{word}" for word in ("created", "updated", "paid", "payment_failed", "cancelled", "fulfilled", "deleted", "refunded")),
    *("parcel.shipped", "parcel.delivered", "customer.updated", "consent.updated", "customer.merged"),
    *("product.viewed", "product.wanted", "product.updated", "product.deleted", "variant.in_stock", "variant.out_of_stock"),
    *("privacy.data", "privacy.redact", "store.redact", "store.uninstalled"),
)
"""The events of the contract. Others are kept, and nothing comes of them."""

_CHANNELS = ("whatsapp", "ads")  # consent to e-mail or SMS is not consent to WhatsApp
_GRANTED = frozenset({"granted"})
_WITHDRAWN = frozenset({"withdrawn", "unsubscribed", "opted_out", "revoked", "denied"})  # a no is a no in whatever word


@dataclass(frozen=True, slots=True)
class Plain:
    """The way in from one shop that speaks the generic contract. `secrets` are `whsec_...`."""

    secrets: tuple[str, ...] = field(repr=False)
    region: str | None = None
    tries_again: bool = True  # Standard Webhooks: for three days

    def admit(self, delivery: Delivery) -> Admission:
        """Whether one of our secrets signed it, just now."""
        genuine = signature.signed(delivery.headers, delivery.body, self.secrets, delivery.received_at)
        return Admission.GENUINE if genuine else Admission.REFUSED

    def split(self, delivery: Delivery) -> list[Update]:
        """Its one update."""
        return split(delivery.shop, delivery.header(signature.ID) or "", delivery.body, delivery.received_at, self.region)


def split(shop: str, delivery_id: str, body: bytes, received_at: datetime, default_region: str | None = None) -> list[Update]:
    """The updates in a delivery whose signature was good; here always one. Never raises.

    `delivery_id` is the `webhook-id`, which a redelivery repeats. `default_region` (ISO 3166) is where phone numbers without a
    country code are from when the body does not tell. What cannot be read says so in `unreadable`.
    """
    try:
        told = _envelope(body)
    except Unreadable as fault:
        # Without a timestamp of its own the key starts at the epoch: the time of receipt would differ on a redelivery.
        key = update_key(from_epoch(0), f"{shop}:{delivery_id}:{UNKNOWN}")
        return [Update(Source.SHOP, UNKNOWN, key, shop, body, received_at, unreadable=str(fault))]
    unreadable = None
    try:
        _event(told.kind, told, default_region)
    except Unreadable as fault:
        unreadable = str(fault)
    key = update_key(told.at, f"{shop}:{delivery_id}:{told.kind}")
    identities = _identities(told.fields, shop, default_region)
    if told.kind == "product.viewed" and (visitor := told.fields.key("visitor_key")):  # an order's browser may be anybody's
        identities = (*identities, Identity(IdentityKind.VISITOR, visitor, shop))
    return [Update(Source.SHOP, told.kind, key, shop, body, told.at, identities, unreadable)]


def read(kind: str, body: bytes, default_region: str | None = None) -> ShopEvent:
    """What happened in the shop, of an update's kind and body. Raises Unreadable with a sentence that names the wrong field."""
    return _event(kind, _envelope(body), default_region)


@dataclass(frozen=True, slots=True)
class _Envelope:
    kind: str
    at: datetime
    fields: Fields


def _envelope(body: bytes) -> _Envelope:
    told = decode(body)
    kind = told.text("type") or ""
    if not _TYPE.fullmatch(kind):
        raise told.fault("type", "is missing, or has characters other than letters, digits, dots and underscores")
    moment = "time" if told.text("specversion") is not None else "timestamp"  # a CloudEvent calls it `time`
    at = told.moment(moment)
    if at is None:
        raise told.fault(moment, "is missing")
    return _Envelope(kind, at, told.object("data"))


def _event(kind: str, told: _Envelope, default_region: str | None) -> ShopEvent:
    match kind:
        case "cart.updated" | "checkout.updated":
            return _cart(told, default_region)
        case "cart.deleted" | "checkout.deleted":
            return _cart_closed(told, default_region)
        case "order.deleted":
            return OrderRemoved(_moment(told), told.fields.required("order_key"))
        case "order.refunded":
            return _refund(told)
        case _ if kind.startswith("order.") and kind in TYPES:
            return _order(kind, told, default_region)
        case "parcel.shipped" | "parcel.delivered":
            return _parcel(kind, told)
        case "customer.updated" | "consent.updated":
            return _shopper_changed(told, default_region)
        case "customer.merged":
            return ShoppersMerged(_moment(told), told.fields.required("customer_key"), told.fields.required("merged_customer_key"))
        case _:
            return _of_shop(kind, told, default_region)


def _of_shop(kind: str, told: _Envelope, default_region: str | None) -> ShopEvent:
    """Products, what the law asks, and the shop itself."""
    match kind:
        case "product.viewed":
            return _viewed(told, default_region)
        case "product.wanted":
            return _wanted(told, default_region)
        case "product.updated" | "product.deleted":
            return _product(told, removed=kind == "product.deleted")
        case "variant.in_stock" | "variant.out_of_stock":
            available = kind == "variant.in_stock"
            return VariantStocked(_moment(told), told.fields.required("product_id"), _variant(told.fields, available), available)
        case "privacy.data" | "privacy.redact" | "store.redact":
            return _privacy(kind, told, default_region)
        case "store.uninstalled":
            return ShopUninstalled(told.at)
        case _:
            return ShopNotice(told.at, kind)


def _moment(told: _Envelope) -> datetime:
    return told.fields.moment("updated_at") or told.at


def _cart(told: _Envelope, default_region: str | None) -> CartChanged:
    fields = told.fields
    at = _moment(told)
    currency = fields.currency("currency")
    lines, completed = _lines(fields, currency), fields.flag("completed")
    if lines is None and not completed:
        raise fields.fault("items", "is missing; an emptied cart has an empty list")
    total = fields.money("total", currency)
    if total is None and lines:
        raise fields.fault("total", "is missing")
    return CartChanged(
        at=at,
        checkout=_required(fields, "checkout_key", fields.key("checkout_key") or fields.key("cart_key")),
        shopper=_shopper(fields, default_region),
        lines=lines or (),
        total=total or Money(0, currency),
        link=fields.link("recovery_url"),
        completed=completed,
        consents=_consents(fields, at),
        cart=fields.key("cart_key"),
        click=fields.key("click"),
        origin=_origin(fields),
        is_checkout=fields.has("checkout_key"),
        discount_codes=fields.texts("discount_codes", MOST_CODES),
        test=fields.flag("is_test"),
        visitor=fields.key("visitor_key"),
    )


def _cart_closed(told: _Envelope, default_region: str | None) -> CartClosed:
    fields = told.fields
    checkout = _required(fields, "checkout_key", fields.key("checkout_key") or fields.key("cart_key"))
    return CartClosed(_moment(told), checkout, fields.key("cart_key"), fields.key("order_key"), _shopper(fields, default_region))


def _order(kind: str, told: _Envelope, default_region: str | None) -> OrderChanged:
    fields = told.fields
    at = _moment(told)
    currency = fields.currency("currency")
    total = fields.money("total", currency)
    if total is None:
        raise fields.fault("total", "is missing")
    order = fields.required("order_key")
    return OrderChanged(
        at=at,
        order=order,
        number=fields.key("order_number") or order,
        status=_status(kind, fields),
        shopper=_shopper(fields, default_region),
        lines=_lines(fields, currency) or (),
        total=total,
        placed_at=fields.moment("placed_at") or told.at,
        checkout=fields.key("checkout_key") or fields.key("cart_key"),
        tracking_link=fields.link("tracking_url"),
        reorder_link=fields.link("reorder_url"),
        discount_codes=fields.texts("discount_codes", MOST_CODES),
        test=fields.flag("is_test"),
        consents=_consents(fields, at),
        cart=fields.key("cart_key"),
        click=fields.key("click"),
        payment=_payment(kind, fields),
        origin=_origin(fields),
        payment_link=fields.link("payment_url"),
        refunded=fields.money("refunded", currency),
        shipped=fields.flag("shipped"),
        visitor=fields.key("visitor_key"),
    )


def _payment(kind: str, fields: Fields) -> Payment:
    told = (fields.text("financial_state") or "").lower()
    if kind == "order.payment_failed":
        return Payment.FAILED
    if told in list(Payment):
        return Payment(told)
    return Payment.PAID if kind == "order.paid" else Payment.UNKNOWN


def _origin(fields: Fields) -> Origin:
    told = fields.text("origin")
    return Origin(told) if told in list(Origin) else Origin.SHOPPER


def _refund(told: _Envelope) -> Refunded:
    fields = told.fields
    currency = fields.currency("currency")
    order = fields.required("order_key")
    refund = fields.key("refund_key") or f"{order}:{int(told.at.timestamp())}"
    return Refunded(_moment(told), order, refund, fields.money("refunded", currency), _lines(fields, currency) or ())


def _parcel(kind: str, told: _Envelope) -> ShipmentChanged:
    fields = told.fields
    state = ShipmentState.DELIVERED if kind == "parcel.delivered" else ShipmentState.SHIPPED
    order, parcel, link = fields.required("order_key"), fields.key("parcel_key"), fields.link("tracking_url")
    return ShipmentChanged(_moment(told), order, parcel, state, link, _lines(fields, None) or ())


def _viewed(told: _Envelope, default_region: str | None) -> ProductViewed:
    fields = told.fields
    return ProductViewed(
        told.at,
        fields.required("product_id"),
        _shopper(fields, default_region),
        fields.text("title"),
        fields.link("url"),
        fields.key("visitor_key"),
        fields.key("click"),
        fields.price("price", fields.currency("currency")) if fields.has("price") else None,
        fields.link("image_url"),
    )


def _wanted(told: _Envelope, default_region: str | None) -> ProductWanted:
    fields, at = told.fields, _moment(told)
    shopper = _shopper(fields, default_region)
    return ProductWanted(at, fields.required("product_id"), shopper, fields.key("variant_id"), _consents(fields, at))


def _product(told: _Envelope, *, removed: bool) -> ProductChanged:
    fields = told.fields
    listed = fields.objects("variants", MOST_LINES)
    own = (fields,) if listed is None and any(map(fields.has, ("price", "stock", "available"))) else ()
    currency = fields.currency("currency") if fields.has("currency") else None
    variants = tuple(_variant(one, _yes_or_no(one, "available"), currency) for one in (listed or own))
    title, link, image = fields.text("title"), fields.link("url"), fields.link("image_url")
    return ProductChanged(_moment(told), fields.required("product_id"), title, variants, link, removed, image)


def _yes_or_no(fields: Fields, name: str) -> bool | None:
    return fields.flag(name) if fields.has(name) else None


def _variant(fields: Fields, available: bool | None, currency: str | None = None) -> Variant:
    return Variant(
        fields.required("variant_id", "product_id"),
        fields.text("title"),
        fields.key("sku"),
        fields.amount("price"),
        fields.amount("compare_at_price"),
        fields.count("stock"),
        available,
        currency=currency,
    )


_ASKS = {"privacy.data": PrivacyAsk.DATA, "privacy.redact": PrivacyAsk.ERASE_SHOPPER, "store.redact": PrivacyAsk.ERASE_SHOP}
PRIVACY_KINDS = frozenset(_ASKS)


def _privacy(kind: str, told: _Envelope, default_region: str | None) -> PrivacyAsked:
    orders = told.fields.texts("orders", MOST_ORDERS)
    return PrivacyAsked(told.at, _ASKS[kind], _shopper(told.fields, default_region), orders, told.fields.key("request_key"))


def _status(kind: str, fields: Fields) -> OrderStatus:
    """The status told, else what the event's type and the payment say. A status of the shop's own words is no reason to refuse an
    order: a buyer would be reminded of the cart they just paid for."""
    if kind == "order.cancelled":
        return OrderStatus.CANCELLED
    told = fields.text("status")
    if told in list(OrderStatus):
        return OrderStatus(told)
    if kind == "order.fulfilled":
        return OrderStatus.DELIVERED
    return OrderStatus.PAID if kind == "order.paid" or fields.text("financial_state") == "paid" else OrderStatus.PLACED


def _shopper_changed(told: _Envelope, default_region: str | None) -> ShopperChanged:
    at = told.fields.moment("updated_at") or told.at
    shopper = _shopper(told.fields, default_region)
    return ShopperChanged(at, shopper, _consents(told.fields, at))


def _shopper(fields: Fields, default_region: str | None) -> Shopper:
    return Shopper(
        phone=phone(fields, default_region),
        email=fields.email("email"),
        customer=fields.key("customer_key"),
        first_name=fields.text("first_name", MOST_NAME),
        language=language_code(fields.text("locale")),
        country=country_code(fields.text("country")),
        timezone=timezone_name(fields.text("timezone")),
    )


def _lines(fields: Fields, currency: str | None) -> tuple[Line, ...] | None:
    told = fields.objects("items", MOST_LINES)
    if told is None:
        return None
    lines = (_line(item, currency) for item in told)
    return tuple(line for line in lines if line.quantity > 0)


def _line(fields: Fields, currency: str | None) -> Line:
    product, variant, sku = fields.key("product_id"), fields.key("variant_id"), fields.key("sku")
    return Line(
        name=_required(fields, "title", fields.text("title", MOST_TITLE) or product or sku),
        quantity=fields.quantity("quantity"),
        price=fields.money("unit_price", currency, exact=False) if currency else None,
        product=product or sku,
        category=fields.text("category"),
        variant=variant,
        sku=sku,
    )


def _consents(fields: Fields, at: datetime) -> tuple[ShopConsent, ...]:
    told = fields.object("consent")
    consents = (_consent(channel, told.object(channel), at) for channel in _CHANNELS)
    return tuple(consent for consent in consents if consent is not None)


def _consent(channel: str, fields: Fields, at: datetime) -> ShopConsent | None:
    """What was agreed to, or taken back; None for a state that is neither, such as `pending`."""
    word = (fields.text("state") or "").lower()
    if word not in _GRANTED | _WITHDRAWN:
        return None
    state = ConsentState.GRANTED if word in _GRANTED else ConsentState.WITHDRAWN
    return ShopConsent(channel, state, fields.moment("at") or at, fields.text("source") or "shop")


def phone(fields: Fields, default_region: str | None) -> str | None:
    """The valid number in a `data`, None when there is none."""
    return next(iter(_phones(fields, default_region)), None)


def _phones(fields: Fields, default_region: str | None) -> tuple[str, ...]:
    """Each valid number told, once. A region told with the number is final; else the person's country is tried, then the shop's."""
    told = country_code(fields.text("phone_region"))
    regions = dict.fromkeys([told] if told else [country_code(fields.text("country")), default_region])
    written = dict.fromkeys(fields.text(name, MOST_PHONE + 1) for name in ("phone_e164", "phone", "phone_raw"))
    tried = ([valid_phone(number, region) for region in regions] for number in written if number)
    first_valid = (next((phone for phone in phones if phone), None) for phones in tried)
    return tuple(dict.fromkeys(phone for phone in first_valid if phone))


def _identities(fields: Fields, shop: str, default_region: str | None) -> tuple[Identity, ...]:
    """Every name of a person that the update carries, readable or not in the rest."""
    phones = _phones(fields, default_region)
    keys = (
        (IdentityKind.CUSTOMER, "customer_key"),
        (IdentityKind.CUSTOMER, "merged_customer_key"),
        (IdentityKind.CHECKOUT, "checkout_key"),
        (IdentityKind.CART, "cart_key"),
        (IdentityKind.ORDER, "order_key"),
        (IdentityKind.CLICK, "click"),
    )
    named = [
        *(Identity(IdentityKind.PHONE, phone) for phone in phones),
        *(Identity(IdentityKind.WA_ID, phone.removeprefix("+")) for phone in phones),
        *(Identity(IdentityKind.LINE, line) for phone in phones if (line := line_of(phone))),
        *(Identity(IdentityKind.EMAIL, email) for email in [fields.email("email")] if email),
        *(Identity(kind, value, shop) for kind, name in keys if (value := fields.key(name))),
    ]
    return tuple(named)


def _required(fields: Fields, name: str, value: str | None) -> str:
    if value is None:
        raise fields.fault(name, "is missing or too long")
    return value
