"""The generic contract: any shop that can sign and post JSON.

A delivery is `{"type": ..., "timestamp": ..., "data": {...}}` signed by Standard Webhooks, or a structured CloudEvent 1.0 (`type`,
`time`, `data`) signed the same way. `split` runs before the delivery is acknowledged, `read` when it is worked off.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from bot.flow.facts import Line, Money
from bot.shop.event import (
    CartChanged,
    ConsentState,
    OrderChanged,
    OrderStatus,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
)
from bot.shop.event import Unreadable as Unreadable  # `read` raises it: callers find it here
from bot.shop.field import (
    MOST_NAME,
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

MOST_LINES = 100  # of a cart; messages name a few, and a body of megabytes must not become megabytes of rows
MOST_CODES = 20  # discount codes on one order; shops take five or six
UNKNOWN = "unknown"  # the kind of a delivery that does not say its own

_TYPE = re.compile(r"[a-zA-Z0-9_.]{1,100}", re.ASCII)  # Standard Webhooks: the characters of an event type
_CHANNELS = ("whatsapp", "ads")  # consent to e-mail or SMS is not consent to WhatsApp
_GRANTED = frozenset({"granted"})
_WITHDRAWN = frozenset({"withdrawn", "unsubscribed", "opted_out", "revoked", "denied"})  # a no is a no in whatever word


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
        case "order.created" | "order.updated" | "order.cancelled" | "order.fulfilled":
            return _order(kind, told, default_region)
        case "customer.updated" | "consent.updated":
            return _shopper_changed(told, default_region)
        case _:
            return ShopNotice(told.at, kind)


def _cart(told: _Envelope, default_region: str | None) -> CartChanged:
    fields = told.fields
    at = fields.moment("updated_at") or told.at
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
    )


def _order(kind: str, told: _Envelope, default_region: str | None) -> OrderChanged:
    fields = told.fields
    at = fields.moment("updated_at") or told.at
    currency = fields.currency("currency")
    total = fields.money("total", currency)
    if total is None:
        raise fields.fault("total", "is missing")
    order = _required(fields, "order_key", fields.key("order_key"))
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
    )


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
    return OrderStatus.PAID if fields.text("financial_state") == "paid" else OrderStatus.PLACED


def _shopper_changed(told: _Envelope, default_region: str | None) -> ShopperChanged:
    at = told.fields.moment("updated_at") or told.at
    shopper = _shopper(told.fields, default_region)
    return ShopperChanged(at, shopper, _consents(told.fields, at))


def _shopper(fields: Fields, default_region: str | None) -> Shopper:
    return Shopper(
        phone=next(iter(_phones(fields, default_region)), None),
        email=fields.email("email"),
        customer=fields.key("customer_key"),
        first_name=fields.text("first_name", MOST_NAME),
        language=language_code(fields.text("locale")),
        country=country_code(fields.text("country")),
        timezone=timezone_name(fields.text("timezone")),
    )


def _lines(fields: Fields, currency: str) -> tuple[Line, ...] | None:
    told = fields.objects("items", MOST_LINES)
    if told is None:
        return None
    lines = (_line(item, currency) for item in told)
    return tuple(line for line in lines if line.quantity > 0)


def _line(fields: Fields, currency: str) -> Line:
    product = fields.key("product_id") or fields.key("sku")
    return Line(
        name=_required(fields, "title", fields.text("title", MOST_TITLE) or product),
        quantity=fields.quantity("quantity"),
        price=fields.money("unit_price", currency, exact=False),
        product=product,
        category=fields.text("category"),
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
    keys = ((IdentityKind.CUSTOMER, "customer_key"), (IdentityKind.CHECKOUT, "checkout_key"), (IdentityKind.CART, "cart_key"))
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
