"""WooCommerce's webhooks: what an order's status means, and what its bodies do that no documentation says."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.flow.facts import Line, Money
from bot.shop import reading
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import (
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
    Variant,
)
from bot.shop.woocommerce import WooCommerce, unescaped
from bot.store.model import Identity, IdentityKind, Update

from .bodies import AT, RECEIVED, WOO_ADDRESS, WOO_ORDER, mac, wire, woo_headers

SECRET = "H7,k d&>'x\"1"  # WordPress makes up such secrets
SHOP = WooCommerce((SECRET,), "ES", "whatsapp_opt_in")


def kept(topic: str, body: bytes, delivery: str = "d7a0b4cf") -> Update:
    posted = Delivery("casa", woo_headers(topic, body, SECRET, delivery), body, RECEIVED)
    assert SHOP.admit(posted) is Admission.GENUINE
    (update,) = SHOP.split(posted)
    return update


def told(topic: str, body: dict[str, Any]) -> ShopEvent:
    update = kept(topic, wire(body))
    assert update.unreadable is None
    return reading.read(update.kind, update.body)


def order(**changed: Any) -> OrderChanged:
    event = told("order.updated", WOO_ORDER | changed)
    assert isinstance(event, OrderChanged)
    return event


ANA = Shopper("+34612345678", "ana@example.com", "26", "Ana", "es", "ES")
LINES = (Line("Ship Your Idea – Color", 2, Money(1350, "EUR"), "93", variant="95"), Line("Cup", 1, Money(200, "EUR")))
ORDER = OrderChanged(
    at=AT,
    order="727",
    number="727",
    status=OrderStatus.PAID,
    shopper=ANA,
    lines=LINES,
    total=Money(2935, "EUR"),
    placed_at=AT - timedelta(minutes=1),
    checkout="727",
    discount_codes=("30$off",),
    click="K7Q2",
    payment=Payment.PAID,
)
DRAFT = WOO_ORDER | {
    "status": "checkout-draft",
    "date_modified_gmt": None,
    "date_created_gmt": None,
    "date_paid_gmt": None,
    "date_paid": None,
}
PAY = "https://casa.example/checkout/order-pay/727/?pay_for_order=true&key=wc_order_58d2d042d1d"
PICTURE = "https://casa.example/premium.jpg"
PRODUCT = {
    "id": 794,
    "name": "Premium &amp; Quality",
    "permalink": "https://casa.example/product/premium/",
    "type": "simple",
    "status": "publish",
    "price": "21.99",
    "regular_price": "25",
    "sku": "",
    "stock_quantity": None,
    "stock_status": "instock",
    "date_modified_gmt": "2026-11-02T10:00:00",
    "images": [{"src": PICTURE}, {"src": "https://casa.example/other.jpg"}],
}

TOPICS: list[tuple[str, dict[str, Any], ShopEvent]] = [
    ("order.created", WOO_ORDER, ORDER),
    ("order.updated", WOO_ORDER, ORDER),
    ("order.restored", WOO_ORDER, ORDER),
    (
        "order.updated",  # the block checkout's draft is no order: somebody is at the checkout
        DRAFT,
        CartChanged(RECEIVED, "727", ANA, LINES, Money(2935, "EUR"), click="K7Q2", discount_codes=("30$off",)),
    ),
    ("order.created", WOO_ORDER | {"status": "draft"}, ShopNotice(RECEIVED, "order.created (draft)")),
    ("order.updated", WOO_ORDER | {"status": "trash"}, OrderRemoved(AT, "727")),
    ("order.deleted", {"id": 727}, OrderRemoved(RECEIVED, "727")),
    (
        "customer.updated",
        {"id": 26, "email": "Ana@example.com", "first_name": "Ana", "billing": WOO_ADDRESS, "date_modified_gmt": "2026-11-02T10:00:00"},
        ShopperChanged(AT, replace(ANA, language=None)),
    ),
    ("customer.deleted", {"id": 26}, ShopNotice(RECEIVED, "customer.deleted")),
    (
        "product.updated",
        PRODUCT,
        ProductChanged(
            AT,
            "794",
            "Premium & Quality",
            (Variant("794", "Premium & Quality", None, Decimal("21.99"), Decimal(25), None, available=True),),
            "https://casa.example/product/premium/",
            image=PICTURE,
        ),
    ),
    (
        "product.updated",
        PRODUCT
        | {"id": 95, "parent_id": 794, "type": "variation", "regular_price": "21.99", "stock_quantity": -2, "stock_status": "outofstock"},
        ProductChanged(
            AT,
            "794",
            None,  # the name and the page are the variation's own
            (Variant("95", "Premium & Quality", None, Decimal("21.99"), None, -2, available=False),),
        ),
    ),
    (
        "product.updated",
        PRODUCT | {"type": "variable"},
        ProductChanged(AT, "794", "Premium & Quality", (), "https://casa.example/product/premium/", image=PICTURE),
    ),
    ("product.deleted", {"id": 794}, ProductChanged(RECEIVED, "794", None, removed=True)),
    ("coupon.created", {"id": 5, "code": "x"}, ShopNotice(RECEIVED, "coupon.created")),
    (
        "action.woocommerce_add_to_cart",
        {"action": "woocommerce_add_to_cart", "arg": "x"},
        ShopNotice(RECEIVED, "action.woocommerce_add_to_cart"),
    ),
]


@pytest.mark.parametrize(("topic", "body", "expected"), TOPICS, ids=[f"{number}-{row[0]}" for number, row in enumerate(TOPICS)])
def test_a_topics_body_becomes_its_event(topic: str, body: dict[str, Any], expected: ShopEvent) -> None:
    assert told(topic, body) == expected


UNPAID = {"date_paid": None, "date_paid_gmt": None}
STATUSES: list[tuple[dict[str, Any], OrderStatus, Payment, str | None]] = [
    ({"status": "pending"} | UNPAID, OrderStatus.PLACED, Payment.BEGUN, PAY),
    ({"status": "pending", "created_via": "admin"} | UNPAID, OrderStatus.PLACED, Payment.AWAITED, PAY),
    ({"status": "pending", "created_via": "subscription"} | UNPAID, OrderStatus.PLACED, Payment.AWAITED, PAY),
    ({"status": "failed"} | UNPAID, OrderStatus.PLACED, Payment.FAILED, PAY),
    ({"status": "on-hold", "payment_method": "bacs"} | UNPAID, OrderStatus.PLACED, Payment.AWAITED, PAY),
    ({"status": "processing"}, OrderStatus.PAID, Payment.PAID, None),
    ({"status": "processing", "payment_method": "cod"} | UNPAID, OrderStatus.PLACED, Payment.ON_DELIVERY, None),
    ({"status": "processing", "payment_method": "cod"}, OrderStatus.PAID, Payment.PAID, None),
    ({"status": "completed"}, OrderStatus.DELIVERED, Payment.PAID, None),
    ({"status": "cancelled"} | UNPAID, OrderStatus.CANCELLED, Payment.UNKNOWN, None),
    ({"status": "refunded"}, OrderStatus.CANCELLED, Payment.REFUNDED, None),
    ({"status": "being-roasted"}, OrderStatus.PAID, Payment.PAID, None),
    ({"status": "being-roasted"} | UNPAID, OrderStatus.PLACED, Payment.UNKNOWN, None),
]


@pytest.mark.parametrize(("changed", "status", "payment", "link"), STATUSES)
@pytest.mark.parametrize("topic", ["order.created", "order.updated"])
def test_an_orders_status_counts_and_not_its_topic(
    topic: str, changed: dict[str, Any], status: OrderStatus, payment: Payment, link: str | None
) -> None:
    event = told(topic, WOO_ORDER | changed)
    assert isinstance(event, OrderChanged)
    assert (event.status, event.payment, event.payment_link) == (status, payment, link)


def test_a_draft_becomes_the_order_with_its_key() -> None:
    draft = told("order.updated", DRAFT)
    assert isinstance(draft, CartChanged)
    assert draft.checkout == order().checkout == order().order


# ---- what real bodies do


def test_numbers_stand_where_texts_are_documented() -> None:
    changed = {"total": 29.35, "line_items": [{"name": "Cup", "product_id": "93", "sku": 1234, "quantity": 1.5, "price": "13.5"}]}
    event = order(**changed)
    assert event.total == Money(2935, "EUR")
    assert event.lines == (Line("Cup", 2, Money(1350, "EUR"), "93", sku="1234"),)


def test_what_was_refunded_is_no_longer_part_of_the_total() -> None:
    event = order(refunds=[{"id": 1, "reason": "", "total": "-9.35"}, {"id": 2, "total": -10}])
    assert (event.total, event.refunded) == (Money(1000, "EUR"), Money(1935, "EUR"))


def test_a_guest_has_no_account() -> None:
    assert order(customer_id=0).shopper.customer is None


def test_names_are_told_as_people_read_them() -> None:
    assert order(billing=WOO_ADDRESS | {"first_name": "D&#8217;Ana\u202e &lt;b&gt;"}).shopper.first_name == "D’Ana <b>"


@pytest.mark.parametrize(
    ("value", "consents"),
    [
        ("1", (ShopConsent("whatsapp", ConsentState.GRANTED, AT - timedelta(minutes=1), "the box at checkout"),)),
        ("yes", (ShopConsent("whatsapp", ConsentState.GRANTED, AT - timedelta(minutes=1), "the box at checkout"),)),
        ("0", ()),
        ("", ()),
        (["1"], ()),
    ],
)
def test_the_box_is_where_the_owner_says(value: object, consents: tuple[ShopConsent, ...]) -> None:
    assert order(meta_data=[{"key": "whatsapp_opt_in", "value": value}]).consents == consents
    assert order(meta_data=[{"key": "another_box", "value": value}]).consents == ()


@pytest.mark.parametrize(
    ("via", "origin"),
    [
        ("checkout", Origin.SHOPPER),
        ("store-api", Origin.SHOPPER),
        ("admin", Origin.STAFF),
        ("subscription", Origin.RENEWAL),
        ("woo_pos", Origin.COUNTER),
        (None, Origin.SHOPPER),
    ],
)
def test_who_made_it(via: str | None, origin: Origin) -> None:
    assert order(created_via=via).origin is origin


# ---- the row


def test_two_orders_of_one_second_have_one_delivery_id_and_are_two_updates() -> None:
    assert kept("order.updated", wire(WOO_ORDER)).key != kept("order.updated", wire(WOO_ORDER | {"id": 728})).key


def test_the_same_state_told_as_created_and_as_updated_is_one_update() -> None:
    body = wire(WOO_ORDER)
    assert kept("order.created", body, "a").key == kept("order.updated", body, "b").key
    assert kept("order.updated", wire(WOO_ORDER | {"status": "completed"}), "b").key != kept("order.updated", body, "b").key


def test_a_deletion_without_a_moment_can_be_told_again() -> None:
    assert kept("order.deleted", wire({"id": 1}), "a").key != kept("order.deleted", wire({"id": 1}), "b").key
    assert kept("order.deleted", wire({"id": 1}), "a").key == kept("order.deleted", wire({"id": 1}), "a").key


def test_a_row_carries_every_name_of_the_person() -> None:
    update = kept("order.created", wire(WOO_ORDER))
    assert update.kind == "woocommerce:order.created"
    assert Identity(IdentityKind.CHECKOUT, "727", "casa") in update.identities
    assert Identity(IdentityKind.PHONE, "+34612345678") in update.identities


@pytest.mark.parametrize(
    ("topic", "body", "why"),
    [
        ("order.updated", b"not json", "the body is not JSON"),
        ("order.updated", wire(WOO_ORDER | {"total": None}), "total is missing"),
        ("order.updated", wire(WOO_ORDER | {"id": {}}), "id is missing or too long"),
        ("", wire(WOO_ORDER), "the header X-WC-Webhook-Topic is missing, or is no topic"),
    ],
)
def test_what_is_signed_and_cannot_be_read_is_kept_as_it_came(topic: str, body: bytes, why: str) -> None:
    update = kept(topic, body)
    assert (update.unreadable, update.body) == (why, body)


# ---- who may post


def test_a_secret_counts_as_it_was_typed_and_as_wordpress_stores_it() -> None:
    body = wire(WOO_ORDER)
    stored = SECRET.replace("&", "&amp;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&#039;")
    assert unescaped(stored) == SECRET
    signed = Delivery("casa", woo_headers("order.updated", body, SECRET), body, RECEIVED)
    assert WooCommerce((stored,)).admit(signed) is Admission.GENUINE
    assert WooCommerce(("another",)).admit(signed) is Admission.REFUSED


def test_an_empty_secret_admits_nobody() -> None:
    """WooCommerce signs with an empty key where the owner left the field empty: then everybody could."""
    body = wire(WOO_ORDER)
    unkeyed = Delivery("casa", woo_headers("order.updated", body, ""), body, RECEIVED)
    assert mac(body, "") == unkeyed.headers["X-WC-Webhook-Signature"]
    assert WooCommerce(("",)).admit(unkeyed) is Admission.REFUSED
    assert WooCommerce(()).admit(unkeyed) is Admission.REFUSED


@pytest.mark.parametrize(
    ("body", "admission"),
    [
        (b"webhook_id=12", Admission.GREETING),
        (b"webhook_id=12&order=5", Admission.REFUSED),
        (b"webhook_id=", Admission.REFUSED),
        (b"webhook_id=" + b"9" * 100, Admission.REFUSED),
        (b"", Admission.REFUSED),
    ],
)
def test_the_greeting_is_answered_and_nothing_else_is_taken_unsigned(body: bytes, admission: Admission) -> None:
    assert SHOP.admit(Delivery("casa", {"Content-Type": "application/x-www-form-urlencoded"}, body, RECEIVED)) is admission
