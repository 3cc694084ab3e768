"""Shopify's webhooks: each topic and version that matters, and the one event it becomes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.flow.facts import Line, Money
from bot.shop import reading
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import (
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
    Variant,
    VariantStocked,
)
from bot.shop.shopify import Shopify
from bot.store.model import Identity, IdentityKind, Update

from .bodies import ADDRESS, AT, RECEIVED, SHOPIFY_CHECKOUT, SHOPIFY_CUSTOMER, SHOPIFY_LINE, SHOPIFY_ORDER, shopify_headers, wire

SECRET = "shpss_0123456789abcdef0123456789abcdef"
SHOP = Shopify((SECRET,), "ES", "casa-lola.myshopify.com")
TRIGGERED = datetime(2026, 11, 2, 10, 0, 1, 123456, tzinfo=UTC)
ANA = Shopper("+34612345678", "ana@example.com", "115310627314723954", "Ana", "es", "ES")
NONE: Mapping[str, str] = {}
COFFEE = Line("Coffee", 2, Money(1200, "EUR"), "632910392", variant="39072856", sku="IPOD2008GREEN")
REORDER = "https://casa-lola.myshopify.com/cart/39072856:2"


def kept(topic: str, body: bytes, shop: Shopify = SHOP, headers: Mapping[str, str] = NONE) -> Update:
    """The row of a delivery that the shop signed."""
    delivery = Delivery("casa", {**shopify_headers(topic, body, SECRET), **headers}, body, RECEIVED)
    assert shop.admit(delivery) is Admission.GENUINE
    (update,) = shop.split(delivery)
    return update


def told(topic: str, body: dict[str, Any], shop: Shopify = SHOP) -> ShopEvent:
    """The event of a topic and a body, through the row that is kept in between."""
    update = kept(topic, wire(body), shop)
    assert update.unreadable is None
    return reading.read(update.kind, update.body)


def order(**changed: Any) -> OrderChanged:
    event = told("orders/updated", SHOPIFY_ORDER | changed)
    assert isinstance(event, OrderChanged)
    return event


def checkout(**changed: Any) -> CartChanged:
    event = told("checkouts/update", SHOPIFY_CHECKOUT | changed)
    assert isinstance(event, CartChanged)
    return event


CHECKOUT = CartChanged(
    at=AT,
    checkout="eeafa272cebfd4b22385bc4b645e762c",
    shopper=ANA,
    lines=(COFFEE,),
    total=Money(2400, "EUR"),
    link="https://checkout.casa.example/548380009/checkouts/eeafa272/recover?key=secret",
    cart="c1-68778783ad298f1c80c3bafcddeea02f",
    click="K7Q2",
    discount_codes=("CASA7",),
)
ORDER = OrderChanged(
    at=AT,
    order="820982911946154508",
    number="#9999",
    status=OrderStatus.PAID,
    shopper=ANA,
    lines=(COFFEE,),
    total=Money(2400, "EUR"),
    placed_at=AT - timedelta(minutes=1),
    checkout="eeafa272cebfd4b22385bc4b645e762c",
    tracking_link="https://casa.example/548380009/orders/123456abcd/authenticate?key=abc",
    reorder_link=REORDER,
    discount_codes=("CASA7",),
    cart="c1-68778783ad298f1c80c3bafcddeea02f",
    click="K7Q2",
    payment=Payment.PAID,
)
CART_LINE = SHOPIFY_LINE | {"line_price": "24.00", "line_price_set": {"shop_money": {"amount": "24.0", "currency_code": "EUR"}}}
WHATSAPP = {"state": "SUBSCRIBED", "opt_in_level": "SINGLE_OPT_IN", "updated_at": "2026-11-02T09:00:00Z", "collected_from": "SHOPIFY"}
REFUND = {
    "id": 890088186047892319,
    "order_id": 820982911946154508,
    "created_at": "2026-11-02T10:00:00Z",
    "refund_line_items": [{"id": 1, "quantity": 1, "line_item": SHOPIFY_LINE}],
    "transactions": [
        {"kind": "refund", "status": "success", "amount": "12.00", "currency": "EUR"},
        {"kind": "refund", "status": "failure", "amount": "9.00", "currency": "EUR"},
    ],
}
PARCEL = {
    "id": 255858046,
    "order_id": 820982911946154508,
    "status": "success",
    "shipment_status": None,
    "tracking_url": "https://t.example/1Z",
    "updated_at": "2026-11-02T10:00:00Z",
    "line_items": [SHOPIFY_LINE],
}
DRAFT = {
    "id": 72885271,
    "currency": "EUR",
    "total_price": "24.00",
    "invoice_url": "https://casa.example/548380009/invoices/ba8dcf6c",
    "updated_at": "2026-11-02T10:00:00Z",
    "line_items": [SHOPIFY_LINE],
    "customer": SHOPIFY_CUSTOMER,
    "shipping_address": ADDRESS,
    "order_id": None,
    "source_name": "shopify_draft_order",
}
PRODUCT = {
    "id": 632910392,
    "title": "Coffee",
    "handle": "coffee",
    "updated_at": "2026-11-02T10:00:00Z",
    "variants": [
        {
            "id": 39072856,
            "title": "250 g",
            "price": "12.00",
            "compare_at_price": "15.00",
            "sku": "C-250",
            "inventory_quantity": -3,
            "inventory_item_id": 457924702,
        }
    ],
    "variant_gids": [{"admin_graphql_api_id": "gid://shopify/ProductVariant/39072856"}],
}
VARIANT = Variant("39072856", "250 g", "C-250", Decimal("12.00"), Decimal("15.00"), -3, None, "457924702")
CUSTOMER = {"shop_id": 954889, "shop_domain": "casa-lola.myshopify.com", "customer": {"id": 191167, "email": "Ana@Example.com"}}

TOPICS: list[tuple[str, dict[str, Any], ShopEvent]] = [
    (
        "carts/update",
        {"id": "c1-68", "token": "c1-68", "line_items": [CART_LINE], "updated_at": "2026-11-02T10:00:00Z", "note": None},
        CartChanged(AT, "c1-68", Shopper(), (COFFEE,), Money(2400, "EUR"), cart="c1-68", is_checkout=False),
    ),
    (
        "carts/create",
        {"id": "c1-68", "token": "c1-68", "line_items": []},
        CartChanged(TRIGGERED, "c1-68", Shopper(), (), Money(0, "XXX"), cart="c1-68", is_checkout=False),
    ),
    ("checkouts/create", SHOPIFY_CHECKOUT, CHECKOUT),
    ("checkouts/update", SHOPIFY_CHECKOUT, CHECKOUT),
    ("checkouts/update", SHOPIFY_CHECKOUT | {"line_items": [], "total_price": "0.00"}, replace(CHECKOUT, lines=(), total=Money(0, "EUR"))),
    ("checkouts/update", SHOPIFY_CHECKOUT | {"completed_at": "2026-11-02T10:00:00Z"}, replace(CHECKOUT, completed=True)),
    ("checkouts/delete", {"token": "eeafa2", "cart_token": "c1-68", "id": None}, CartClosed(TRIGGERED, "eeafa2", "c1-68")),
    ("orders/create", SHOPIFY_ORDER, ORDER),
    ("orders/paid", SHOPIFY_ORDER, ORDER),
    ("orders/updated", SHOPIFY_ORDER, ORDER),
    (
        "orders/cancelled",
        SHOPIFY_ORDER | {"cancelled_at": "2026-11-02T10:00:00Z", "cancel_reason": "customer"},
        replace(ORDER, status=OrderStatus.CANCELLED),
    ),
    ("orders/fulfilled", SHOPIFY_ORDER | {"fulfillment_status": "fulfilled"}, replace(ORDER, shipped=True)),
    ("orders/partially_fulfilled", SHOPIFY_ORDER | {"fulfillment_status": "partial"}, replace(ORDER, shipped=True)),
    ("orders/delete", {"id": 820982911946154508}, OrderRemoved(TRIGGERED, "820982911946154508")),
    (
        "orders/edited",
        {"order_edit": {"order_id": 820982911946154508, "line_items": {"additions": [{"id": 1, "delta": 1}], "removals": []}}},
        Thin(TRIGGERED, Resource.ORDER, "820982911946154508", "gid://shopify/Order/820982911946154508", "orders/edited"),
    ),
    (
        "refunds/create",
        REFUND,
        Refunded(AT, "820982911946154508", "890088186047892319", Money(1200, "EUR"), (replace(COFFEE, quantity=1),)),
    ),
    (
        "fulfillments/create",
        PARCEL,
        ShipmentChanged(
            AT, "820982911946154508", "255858046", ShipmentState.SHIPPED, "https://t.example/1Z", (replace(COFFEE, price=None),)
        ),
    ),
    (
        "fulfillments/update",
        PARCEL | {"shipment_status": "delivered", "line_items": [], "tracking_url": None, "tracking_urls": ["https://t.example/2"]},
        ShipmentChanged(AT, "820982911946154508", "255858046", ShipmentState.DELIVERED, "https://t.example/2"),
    ),
    (
        "fulfillment_events/create",
        {
            "id": 1,
            "fulfillment_id": 255858046,
            "order_id": 820982911946154508,
            "status": "delivered",
            "happened_at": "2026-11-02T11:00:00+01:00",
        },
        ShipmentChanged(AT, "820982911946154508", "255858046", ShipmentState.DELIVERED),
    ),
    (
        "fulfillment_events/create",
        {
            "id": 2,
            "fulfillment_id": 255858046,
            "order_id": 820982911946154508,
            "status": "out_for_delivery",
            "happened_at": "2026-11-02T10:00:00Z",
        },
        ShipmentChanged(AT, "820982911946154508", "255858046", ShipmentState.OUT_FOR_DELIVERY),
    ),
    (
        "draft_orders/create",
        DRAFT,
        DraftChanged(
            AT,
            "72885271",
            replace(ANA, language=None),
            (COFFEE,),
            Money(2400, "EUR"),
            "https://casa.example/548380009/invoices/ba8dcf6c",
        ),
    ),
    (
        "customers/update",
        SHOPIFY_CUSTOMER | {"phone": "+34612345678", "updated_at": "2026-11-02T10:00:00Z", "locale": "es-ES"},
        ShopperChanged(AT, ANA),
    ),
    (
        "customers/merge",
        {
            "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
            "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
            "status": "completed",
        },
        ShoppersMerged(TRIGGERED, "1", "2"),
    ),
    (
        "customers_whats_app_marketing_consent/update",
        {"customer_id": 115310627314723954, "phone_number": "+34612345678", "whats_app_marketing_consent": WHATSAPP},
        ShopperChanged(
            TRIGGERED,
            Shopper("+34612345678", customer="115310627314723954"),
            (ShopConsent("whatsapp", ConsentState.GRANTED, AT - timedelta(hours=1), "SHOPIFY"),),
        ),
    ),
    (
        "customers_whats_app_marketing_consent/update",
        {"customer_id": 5, "phone_number": "+34612345678", "whats_app_marketing_consent": {"state": "unsubscribed", "updated_at": None}},
        ShopperChanged(
            TRIGGERED,
            Shopper("+34612345678", customer="5"),
            (ShopConsent("whatsapp", ConsentState.WITHDRAWN, TRIGGERED, "shopify"),),
        ),
    ),
    (
        "customers_marketing_consent/update",  # SMS: says nothing of WhatsApp
        {"id": 5, "phone": "+34612345678", "sms_marketing_consent": {"state": "subscribed", "consent_updated_at": "2026-11-02T10:00:00Z"}},
        ShopperChanged(TRIGGERED, Shopper("+34612345678", customer="5")),
    ),
    (
        "customers_email_marketing_consent/update",
        {"customer_id": 5, "email_address": "Ana@example.com", "email_marketing_consent": {"state": "subscribed"}},
        ShopperChanged(TRIGGERED, Shopper(email="ana@example.com", customer="5")),
    ),
    (
        "products/update",
        PRODUCT,
        ProductChanged(AT, "632910392", "Coffee", (VARIANT,), "https://casa-lola.myshopify.com/products/coffee"),
    ),
    ("products/delete", {"id": 632910392}, ProductChanged(TRIGGERED, "632910392", None, removed=True)),
    (
        "variants/in_stock",
        PRODUCT["variants"][0] | {"product_id": 632910392, "updated_at": "2026-11-02T10:00:00Z"},  # type: ignore[index]  # a list of dicts
        VariantStocked(AT, "632910392", replace(VARIANT, available=True), available=True),
    ),
    (
        "variants/out_of_stock",
        {"id": 39072856, "product_id": 632910392},
        VariantStocked(TRIGGERED, "632910392", Variant("39072856", available=False), available=False),
    ),
    (
        "inventory_levels/update",
        {"inventory_item_id": 457924702, "location_id": 655441491, "available": 7, "updated_at": "2026-11-02T10:00:00Z"},
        StockCounted(AT, "457924702", "655441491", 7),
    ),
    ("app/uninstalled", {"id": 548380009, "name": "Casa Lola"}, ShopUninstalled(TRIGGERED)),
    (
        "customers/data_request",
        CUSTOMER | {"orders_requested": [299938, 280263], "data_request": {"id": 9999}},
        PrivacyAsked(TRIGGERED, PrivacyAsk.DATA, Shopper(email="ana@example.com", customer="191167"), ("299938", "280263"), "9999"),
    ),
    (
        "customers/redact",
        {"customer": {"id": 191167, "email": None, "phone": "+34612345678"}, "orders_to_redact": [299938]},
        PrivacyAsked(TRIGGERED, PrivacyAsk.ERASE_SHOPPER, Shopper("+34612345678", customer="191167"), ("299938",)),
    ),
    ("shop/redact", {"shop_id": 954889, "shop_domain": "casa-lola.myshopify.com"}, PrivacyAsked(TRIGGERED, PrivacyAsk.ERASE_SHOP)),
    ("customer.tags_added", {"customerId": "gid://shopify/Customer/1", "tags": ["vip"]}, ShopNotice(TRIGGERED, "customer.tags_added")),
    ("shop/update", {"id": 1}, ShopNotice(TRIGGERED, "shop/update")),
]


@pytest.mark.parametrize(("topic", "body", "expected"), TOPICS, ids=[f"{number}-{row[0]}" for number, row in enumerate(TOPICS)])
def test_a_topics_body_becomes_its_event(topic: str, body: dict[str, Any], expected: ShopEvent) -> None:
    assert told(topic, body) == expected


CONSENTS = {
    "tags": "vip",
    "total_spent": "0.00",
    "orders_count": 1,
    "email_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-01-01T00:00:00Z"},
    "sms_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-01-01T00:00:00Z"},
}
SINCE_2024_10: dict[str, Any] = {"current_shipping_price_set": {}, "returns": [], "total_cash_rounding_payment_adjustment_set": {}}
SINCE_2025_10: dict[str, Any] = SINCE_2024_10 | {"line_item_groups": []}
VERSIONS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # what a checkout, an order and their customer had in that version beside what they have now (None: had not yet)
    "2023-10": (
        {"id": 901414060, "gateway": "shopify_payments", "buyer_accepts_sms_marketing": None},
        {"checkout_id": 901414060, "gateway": "visa", "payment_gateway_names": None, "current_total_price": None},
        CONSENTS | {"accepts_marketing": True, "accepts_marketing_updated_at": "2026-01-01T00:00:00Z", "marketing_opt_in_level": None},
    ),
    "2024-01": ({"id": 901414060}, {"checkout_id": 901414060}, CONSENTS),
    "2024-07": ({"id": 901414060, "reservation_token": "r"}, {"checkout_id": 901414060}, CONSENTS),
    "2024-10": ({"id": 901414060}, {"checkout_id": 901414060} | SINCE_2024_10, CONSENTS),
    "2025-01": ({"id": 901414060}, {"checkout_id": 901414060} | SINCE_2024_10, {}),
    "2025-10": ({"id": 901414060}, {"checkout_id": 901414060} | SINCE_2025_10, {}),
    "2026-04": ({}, SINCE_2025_10, {}),
    "2026-07": ({}, SINCE_2025_10, {}),
    "2027-04": ({"of_tomorrow": {"x": [1]}, "customer_locale": "es-ES"}, {"of_tomorrow": None}, {"of_tomorrow": True}),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_api_tells_the_same(version: str) -> None:
    of_checkout, of_order, of_customer = VERSIONS[version]
    customer = {"customer": SHOPIFY_CUSTOMER | of_customer}
    assert checkout(**of_checkout, **customer) == CHECKOUT
    assert order(**of_order, **customer) == ORDER
    person = SHOPIFY_CUSTOMER | of_customer | {"phone": "+34612345678", "updated_at": "2026-11-02T10:00:00Z", "locale": "es-ES"}
    assert told("customers/create", person) == ShopperChanged(AT, ANA)  # a tick for e-mail or SMS is none for WhatsApp


def test_an_order_is_read_without_what_some_versions_leave_out() -> None:
    left_out = ("current_total_price", "refunds", "fulfillments", "contact_email", "payment_gateway_names", "shipping_lines", "test")
    assert told("orders/create", {key: value for key, value in SHOPIFY_ORDER.items() if key not in left_out}) == ORDER


def test_an_order_without_a_customer_or_addresses_is_an_order() -> None:
    bare = order(customer=None, shipping_address=None, billing_address=None, phone=None)
    assert bare.shopper == Shopper(email="ana@example.com", language="es")


# ---- phones

CHAIN: list[tuple[dict[str, Any], str | None]] = [
    ({"sms_marketing_phone": "+34600111222"}, "+34600111222"),
    ({"phone": "600 111 222"}, "+34600111222"),
    ({"shipping_address": ADDRESS | {"phone": "600111222"}}, "+34600111222"),
    ({"shipping_address": None, "billing_address": ADDRESS | {"phone": "600111222"}}, "+34600111222"),
    ({"shipping_address": None, "billing_address": None, "customer": {"phone": "+34600111222"}}, "+34600111222"),
    (
        {
            "shipping_address": ADDRESS | {"phone": None},
            "customer": SHOPIFY_CUSTOMER | {"default_address": {"country_code": "FR", "phone": "06 12 34 56 78"}},
        },
        "+33612345678",
    ),
    ({"shipping_address": None, "customer": None, "shipping_lines": [{"phone": "600111222"}]}, "+34600111222"),
    ({"shipping_address": ADDRESS | {"phone": "555-555-SHIP"}, "billing_address": ADDRESS | {"phone": "600111222"}}, "+34600111222"),
    ({"shipping_address": ADDRESS | {"phone": "600 ABC DEF"}}, None),  # letters would dial +34600222333
    ({"shipping_address": ADDRESS | {"phone": "555-625-1199", "country_code": "US"}}, None),  # the documentation's own: no number
    ({"shipping_address": ADDRESS | {"phone": "+1 800 356 9377"}}, None),  # toll free
    ({"shipping_address": ADDRESS | {"phone": "+52 1 55 1234 5678", "country_code": "MX"}}, "+525512345678"),
    ({"shipping_address": ADDRESS | {"phone": "(415) 555-0132", "country_code": "US"}}, "+14155550132"),
    ({"shipping_address": ADDRESS | {"phone": 612345678}}, "+34612345678"),
    ({"shipping_address": ADDRESS | {"phone": "call me"}, "billing_address": []}, None),
]


@pytest.mark.parametrize(("changed", "phone"), CHAIN)
def test_the_first_valid_number_counts_in_its_own_country(changed: dict[str, Any], phone: str | None) -> None:
    assert checkout(**changed).shopper.phone == phone


def test_a_number_without_a_country_is_the_shops() -> None:
    bare = SHOPIFY_CHECKOUT | {"shipping_address": {"phone": "98765 43210"}, "billing_address": None, "customer": None}
    event = told("checkouts/update", bare, Shopify((SECRET,), "IN"))
    assert isinstance(event, CartChanged)
    assert event.shopper.phone == "+919876543210"


# ---- money, payment, status


@pytest.mark.parametrize(
    ("currency", "written", "minor"), [("JPY", "2400", 2400), ("JPY", "2400.00", 2400), ("KWD", "1.234", 1234), ("EUR", "24.005", 2400)]
)
def test_amounts_are_minor_units_of_their_currency(currency: str, written: str, minor: int) -> None:
    assert order(currency=currency, current_total_price=written).total == Money(minor, currency)


PAYMENTS: list[tuple[dict[str, Any], Payment, OrderStatus]] = [
    ({"financial_status": "pending"}, Payment.AWAITED, OrderStatus.PLACED),
    ({"financial_status": "pending", "payment_gateway_names": ["Cash on Delivery (COD)"]}, Payment.ON_DELIVERY, OrderStatus.PLACED),
    ({"financial_status": "authorized"}, Payment.AUTHORIZED, OrderStatus.PLACED),
    ({"financial_status": "partially_paid"}, Payment.PARTLY_PAID, OrderStatus.PLACED),
    ({"financial_status": "paid"}, Payment.PAID, OrderStatus.PAID),
    ({"financial_status": "partially_refunded"}, Payment.PARTLY_REFUNDED, OrderStatus.PAID),
    ({"financial_status": "refunded"}, Payment.REFUNDED, OrderStatus.CANCELLED),
    ({"financial_status": "voided"}, Payment.FAILED, OrderStatus.PLACED),
    ({"financial_status": "expired"}, Payment.FAILED, OrderStatus.PLACED),
    ({"financial_status": None}, Payment.UNKNOWN, OrderStatus.PLACED),
    ({"financial_status": "of tomorrow"}, Payment.UNKNOWN, OrderStatus.PLACED),
    (
        {
            "fulfillment_status": "fulfilled",
            "fulfillments": [{"status": "success", "shipment_status": "delivered"}, {"status": "cancelled"}],
        },
        Payment.PAID,
        OrderStatus.DELIVERED,
    ),
    (
        {"fulfillment_status": "fulfilled", "fulfillments": [{"shipment_status": "delivered"}, {"shipment_status": "in_transit"}]},
        Payment.PAID,
        OrderStatus.PAID,
    ),
]


@pytest.mark.parametrize(("changed", "payment", "status"), PAYMENTS)
def test_where_the_money_and_the_parcels_are(changed: dict[str, Any], payment: Payment, status: OrderStatus) -> None:
    event = order(**changed)
    assert (event.payment, event.status) == (payment, status)


def test_what_was_taken_back_is_no_longer_in_the_order() -> None:
    refund = {"transactions": [{"kind": "refund", "status": "success", "amount": "12.00"}]}
    event = order(current_total_price="12.00", line_items=[SHOPIFY_LINE | {"current_quantity": 1}], refunds=[refund])
    assert (event.lines[0].quantity, event.total, event.refunded) == (1, Money(1200, "EUR"), Money(1200, "EUR"))
    assert order(line_items=[SHOPIFY_LINE | {"current_quantity": 0}]).lines == ()


ORIGINS = [
    ({}, Origin.SHOPPER),
    ({"source_name": "580111"}, Origin.SHOPPER),  # another sales channel's app
    ({"source_name": "pos"}, Origin.COUNTER),
    ({"location_id": 655441491}, Origin.COUNTER),
    ({"user_id": 799407056}, Origin.STAFF),
    ({"source_name": "shopify_draft_order"}, Origin.STAFF),
    ({"source_name": "subscription_contract_checkout_one"}, Origin.RENEWAL),
]


@pytest.mark.parametrize(("changed", "origin"), ORIGINS)
def test_who_made_it(changed: dict[str, Any], origin: Origin) -> None:
    assert (order(**changed).origin, checkout(**changed).origin) == (origin, origin)


def test_a_test_order_says_so() -> None:
    assert order(test=True).test


# ---- the row


def test_a_delivery_goes_by_its_webhook_id_and_not_by_its_event() -> None:
    body = wire(SHOPIFY_ORDER)
    created = kept("orders/create", body, headers={"X-Shopify-Webhook-Id": "a"})
    assert created.key == kept("orders/create", body, headers={"X-Shopify-Webhook-Id": "a"}).key
    assert created.key != kept("orders/paid", body, headers={"X-Shopify-Webhook-Id": "b"}).key  # the same event id
    nameless = {"X-Shopify-Webhook-Id": ""}
    assert kept("orders/create", body, headers=nameless).key == kept("orders/create", body, headers=nameless).key
    assert kept("orders/create", body, headers=nameless).key != kept("orders/paid", body, headers=nameless).key


def test_a_row_carries_every_name_of_the_person() -> None:
    update = kept("orders/create", wire(SHOPIFY_ORDER))
    assert update.kind == "shopify:orders/create"
    assert update.occurred_at == AT
    assert set(update.identities) == {
        Identity(IdentityKind.PHONE, "+34612345678"),
        Identity(IdentityKind.WA_ID, "34612345678"),
        Identity(IdentityKind.EMAIL, "ana@example.com"),
        Identity(IdentityKind.CUSTOMER, "115310627314723954", "casa"),
        Identity(IdentityKind.CHECKOUT, "eeafa272cebfd4b22385bc4b645e762c", "casa"),
        Identity(IdentityKind.CART, "c1-68778783ad298f1c80c3bafcddeea02f", "casa"),
        Identity(IdentityKind.ORDER, "820982911946154508", "casa"),
        Identity(IdentityKind.CLICK, "K7Q2", "casa"),
    }


UNREADABLE: list[tuple[str, bytes, str]] = [
    ("orders/create", b"", "the body is not JSON"),
    ("orders/create", b"[]", "the body is not a JSON object"),
    ("orders/create", b"\xff\xfe{", "the body is not UTF-8"),
    ("orders/create", wire(SHOPIFY_ORDER | {"id": None}), "id is missing or too long"),
    ("orders/create", wire(SHOPIFY_ORDER | {"currency": "EURO"}), "currency is not an ISO 4217 currency such as EUR"),
    ("orders/create", wire(SHOPIFY_ORDER | {"line_items": "x"}), "line_items is not a list of objects"),
    ("checkouts/update", wire(SHOPIFY_CHECKOUT | {"token": ""}), "token is missing or too long"),
    ("checkouts/update", wire(SHOPIFY_CHECKOUT | {"line_items": None}), "line_items is missing; an emptied checkout has an empty list"),
    ("", wire({}), "the header X-Shopify-Topic is missing, or is no topic"),
    ("orders create", wire({}), "the header X-Shopify-Topic is missing, or is no topic"),
]


@pytest.mark.parametrize(("topic", "body", "why"), UNREADABLE)
def test_what_is_signed_and_cannot_be_read_is_kept_as_it_came(topic: str, body: bytes, why: str) -> None:
    update = kept(topic, body)
    assert (update.unreadable, update.body, update.identities) == (why, body, ())


# ---- who may post


def test_another_stores_delivery_is_refused_though_the_app_signed_it() -> None:
    body = wire(SHOPIFY_ORDER)
    headers = shopify_headers("orders/create", body, SECRET) | {"X-Shopify-Shop-Domain": "other.myshopify.com"}
    assert SHOP.admit(Delivery("casa", headers, body, RECEIVED)) is Admission.REFUSED
    assert Shopify((SECRET,)).admit(Delivery("casa", headers, body, RECEIVED)) is Admission.GENUINE


def test_the_apps_and_the_notification_keys_signature_both_count() -> None:
    body = wire(SHOPIFY_ORDER)
    for secret in (SECRET, "the shop's own key"):
        headers = shopify_headers("orders/create", body, secret)
        assert Shopify((SECRET, "the shop's own key")).admit(Delivery("casa", headers, body, RECEIVED)) is Admission.GENUINE
