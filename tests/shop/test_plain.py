"""The generic contract: what a signed body means, and that no body can break the reader."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.facts import Line, Money
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
from bot.shop.plain import TYPES, UNKNOWN, Unreadable, read, split
from bot.store.model import Identity, IdentityKind, Update

AT = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 2, 10, 0, 3, tzinfo=UTC)
CART: dict[str, Any] = {
    "checkout_key": "chk_1",
    "cart_key": "cart_1",
    "customer_key": "cus_1",
    "phone": "+34612345678",
    "email": " Ana@Example.com ",
    "first_name": "Ana",
    "locale": "es-ES",
    "country": "ES",
    "timezone": "Europe/Madrid",
    "currency": "EUR",
    "total": "80.00",
    "items": [
        {"product_id": "p1", "title": "Lamp", "category": "light", "quantity": 2, "unit_price": "24.00"},
        {"sku": "S2", "title": "Vase", "quantity": 1, "unit_price": "32.00"},
    ],
    "recovery_url": "https://casa.example/c/1?key=x",
}
ORDER: dict[str, Any] = CART | {"order_key": "ord_1", "order_number": "#1001", "status": "paid", "placed_at": "2026-11-02T09:59:00Z"}


def body(kind: str, /, **changed: Any) -> bytes:
    return json.dumps({"type": kind, "timestamp": "2026-11-02T10:00:00Z", "data": CART | changed}).encode()


def order(kind: str = "order.created", /, **changed: Any) -> OrderChanged:
    event = read(kind, json.dumps({"type": kind, "timestamp": AT.isoformat(), "data": ORDER | changed}).encode())
    assert isinstance(event, OrderChanged)
    return event


def cart(**changed: Any) -> CartChanged:
    event = read("checkout.updated", body("checkout.updated", **changed))
    assert isinstance(event, CartChanged)
    return event


def only(delivery: bytes, *, region: str | None = None) -> Update:
    (update,) = split("casa", "msg_1", delivery, RECEIVED, region)
    return update


# ---- what is read


def test_a_checkout_is_read() -> None:
    assert cart() == CartChanged(
        at=AT,
        checkout="chk_1",
        shopper=Shopper("+34612345678", "ana@example.com", "cus_1", "Ana", "es", "ES", "Europe/Madrid"),
        lines=(
            Line("Lamp", 2, Money(2400, "EUR"), "p1", "light"),
            Line("Vase", 1, Money(3200, "EUR"), "S2", sku="S2"),
        ),
        total=Money(8000, "EUR"),
        link="https://casa.example/c/1?key=x",
        cart="cart_1",
    )


def test_an_order_is_read() -> None:
    assert order(discount_codes=["CASA7"], tracking_url="https://t.example/1", reorder_url="https://casa.example/r") == OrderChanged(
        at=AT,
        order="ord_1",
        number="#1001",
        status=OrderStatus.PAID,
        shopper=cart().shopper,
        lines=cart().lines,
        total=Money(8000, "EUR"),
        placed_at=datetime(2026, 11, 2, 9, 59, tzinfo=UTC),
        checkout="chk_1",
        tracking_link="https://t.example/1",
        reorder_link="https://casa.example/r",
        discount_codes=("CASA7",),
        cart="cart_1",
    )


def test_the_shops_own_moment_of_change_orders_events_and_its_zone_is_turned_into_utc() -> None:
    assert cart(updated_at="2026-11-02T11:30:00+02:00").at == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def test_an_emptied_cart_has_no_lines() -> None:
    emptied = cart(items=[], total=None)
    assert (emptied.lines, emptied.total) == ((), Money(0, "EUR"))
    assert cart(items=[{"title": "Lamp", "quantity": 0}], total="0").lines == ()


def test_a_completed_checkout_says_so_and_may_leave_its_items_out() -> None:
    completed = cart(completed=True, items=None, total=None)
    assert completed.completed
    assert not cart(completed="yes").completed


def test_a_cart_without_a_checkout_goes_by_its_own_key() -> None:
    assert cart(checkout_key=None).checkout == "cart_1"


@pytest.mark.parametrize(
    ("kind", "told", "status"),
    [
        ("order.created", {}, OrderStatus.PLACED),
        ("order.created", {"financial_state": "paid"}, OrderStatus.PAID),
        ("order.updated", {"status": "delivered"}, OrderStatus.DELIVERED),
        ("order.updated", {"status": "packing"}, OrderStatus.PLACED),
        ("order.updated", {"status": "cancelled", "financial_state": "paid"}, OrderStatus.CANCELLED),
        ("order.fulfilled", {}, OrderStatus.DELIVERED),
        ("order.cancelled", {"status": "paid"}, OrderStatus.CANCELLED),
    ],
)
def test_an_orders_status_is_told_or_follows_from_its_type(kind: str, told: dict[str, str], status: OrderStatus) -> None:
    assert order(kind, **({"status": None} | told)).status is status


def test_a_test_order_says_so() -> None:
    assert order(is_test=True).test
    assert not order().test


@pytest.mark.parametrize("kind", ["order.commented", "coupon.created", "x"])
def test_a_type_nobody_acts_on_is_a_notice(kind: str) -> None:
    assert read(kind, body(kind)) == ShopNotice(AT, kind)
    assert only(body(kind)).unreadable is None


def test_a_structured_cloud_event_is_read() -> None:
    told = {"specversion": "1.0", "type": "checkout.updated", "id": "7", "source": "/casa", "time": "2026-11-02T10:00:00Z", "data": CART}
    delivery = json.dumps(told).encode()
    assert read("checkout.updated", delivery) == cart()
    assert only(delivery).occurred_at == AT


# ---- consent


def test_consent_to_whatsapp_and_to_ads_is_read_with_its_proof_and_other_channels_are_not_ours() -> None:
    told = {
        "whatsapp": {"state": "granted", "at": "2026-11-01T00:00:00Z", "source": "checkout box"},
        "ads": {"state": "withdrawn"},
        "sms": {"state": "granted"},
    }
    event = read("consent.updated", body("consent.updated", consent=told))
    assert isinstance(event, ShopperChanged)
    assert event.consents == (
        ShopConsent("whatsapp", ConsentState.GRANTED, datetime(2026, 11, 1, tzinfo=UTC), "checkout box"),
        ShopConsent("ads", ConsentState.WITHDRAWN, AT, "shop"),
    )


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("granted", ConsentState.GRANTED),
        ("Withdrawn", ConsentState.WITHDRAWN),
        ("unsubscribed", ConsentState.WITHDRAWN),
        ("subscribed", None),
        ("pending", None),
        ("", None),
        (True, None),
        (None, None),
    ],
)
def test_a_yes_is_read_strictly_and_a_no_generously(word: object, state: ConsentState | None) -> None:
    consents = order(consent={"whatsapp": {"state": word}}).consents
    assert [consent.state for consent in consents] == ([state] if state else [])


@pytest.mark.parametrize("consent", ["granted", [], {"whatsapp": "granted"}, {"whatsapp": ["granted"]}, 1])
def test_a_consent_of_another_shape_is_none(consent: object) -> None:
    assert cart(consent=consent).consents == ()


# ---- money


@pytest.mark.parametrize(
    ("told", "currency", "minor"),
    [
        ("80.00", "EUR", 8000),
        ("80", "EUR", 8000),
        ("80.5", "eur", 8050),
        ("0.07", "EUR", 7),
        ("80.0000", "EUR", 8000),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("1234.50", "RSD", 123450),  # people show no cents of a dinar, shops write them
        ("999999999999.99", "EUR", 99999999999999),
        (80, "EUR", 8000),
        (80.29, "EUR", 8029),  # a JSON number: 80.29 * 100 is 8029.000000000001 as a float
        (1.1, "EUR", 110),
    ],
)
def test_money_becomes_minor_units_of_its_currency(told: object, currency: str, minor: int) -> None:
    assert cart(total=told, currency=currency).total == Money(minor, currency.upper())


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "free",
        "80,00",
        "1.234,00",
        "1 000",
        "-5.00",
        "80.005",
        "1e5",
        1e300,
        "NaN",
        "Infinity",
        float("nan"),
        "9" * 13,
        True,
        [],
        {},
        "٨٠",
    ],
)
def test_junk_money_is_unreadable_and_the_sentence_does_not_repeat_it(junk: object) -> None:
    with pytest.raises(Unreadable, match=r"^data\.total (is not an amount such as 80\.00|has more digits than EUR has)$"):
        cart(total=junk)


def test_yen_have_no_sen() -> None:
    with pytest.raises(Unreadable, match="more digits than JPY has"):
        cart(total="80.50", currency="JPY")


def test_the_price_of_one_piece_may_be_finer_than_money() -> None:
    assert cart(items=[{"title": "Screw", "quantity": 100, "unit_price": "0.0249"}]).lines[0].price == Money(2, "EUR")


# ---- people


@pytest.mark.parametrize(
    ("told", "region", "phone"),
    [
        ({"phone": "+34 612-34 56 78"}, None, "+34612345678"),
        ({"phone": "612345678", "country": None}, None, None),
        ({"phone": "612345678", "country": None}, "ES", "+34612345678"),
        ({"phone": "612345678", "country": "ES"}, "GB", "+34612345678"),
        ({"phone": "07400 123456", "country": "US"}, "GB", "+447400123456"),
        ({"phone": "07400 123456", "phone_region": "US", "country": "GB"}, "GB", None),  # told with the number: final
        ({"phone": None, "phone_e164": "+447400123456"}, None, "+447400123456"),
        ({"phone": "call me", "phone_raw": "612345678"}, None, "+34612345678"),
        ({"phone": "555-555-SHIP", "country": "US"}, None, None),
        ({"phone": "1" * 5000}, None, None),
        ({"phone": ["+34612345678"]}, None, None),
        ({"phone": 34612345678, "country": "ES"}, None, "+34612345678"),
    ],
)
def test_a_phone_is_valid_or_none(told: dict[str, Any], region: str | None, phone: str | None) -> None:
    event = read("checkout.updated", body("checkout.updated", **told), region)
    assert isinstance(event, CartChanged)
    assert event.shopper.phone == phone
    names = {identity.kind: identity.value for identity in only(body("checkout.updated", **told), region=region).identities}
    assert names.get(IdentityKind.PHONE) == phone
    assert names.get(IdentityKind.WA_ID) == (phone[1:] if phone else None)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("es-ES", "es"),
        ("es_ES", "es"),
        ("pt-BR", "pt_BR"),
        ("pt_br", "pt_BR"),
        ("en", "en"),
        ("ES", "es"),
        ("es-MX", "es_MX"),
        ("zh-Hant-TW", "zh_TW"),
        ("es-419", "es"),
        ("english", None),
        ("e", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_a_locale_becomes_a_language(locale: object, language: str | None) -> None:
    assert cart(locale=locale).shopper.language == language


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "", "\0", 7, None, "Europe"])
def test_a_time_zone_nobody_knows_is_none(zone: object) -> None:
    assert cart(timezone=zone).shopper.timezone is None


@pytest.mark.parametrize("country", ["XX", "Spain", "", "E", 7, None])
def test_a_country_nobody_knows_is_none(country: object) -> None:
    assert cart(country=country).shopper.country is None


@pytest.mark.parametrize("email", ["ana", "@", "a b@c.de", "a@b@c", "x" * 250 + "@b.de", 7, None, ""])
def test_what_is_no_email_is_none(email: object) -> None:
    assert cart(email=email).shopper.email is None


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("  Ana\n\tMaría\u2028 ", "Ana María"),
        ("A\x00n\x1b[31ma\x7f", "An[31ma"),
        ("\u202eanA\u2069", "anA"),
        ("An\ud800a", "Ana"),
        ("علی\u200cرضا", "علی\u200cرضا"),  # a joiner that Persian needs
        ("👩‍🌾 Ana", "👩‍🌾 Ana"),
        ("{{7*7}}{contact}", "{{7*7}}{contact}"),
        ("x" * 5000, "x" * 60),
        ("\x00", None),
        ("", None),
        (["Ana"], None),
        (True, None),
    ],
)
def test_a_name_is_one_clean_line(told: object, name: str | None) -> None:
    assert cart(first_name=told).shopper.first_name == name


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//casa.example/c",
        "/c/1",
        "https://",
        "https://[",
        "https://casa.example/\r\nX: y",
        "https://casa.example/ c",
        "https://casa.example/\nc",
        "https://casa.example/\u202ec",
        "https://casa.example/" + "x" * 3000,
        7,
        None,
        "",
    ],
)
def test_what_is_no_web_link_is_none(link: object) -> None:
    assert cart(recovery_url=link).link is None


def test_a_withdrawal_of_somebody_known_by_a_local_number_is_read_without_their_region() -> None:
    """Whose it is stands in the update's names, which the door took with the shop's region."""
    event = read("customer.updated", body("customer.updated", phone="600 000 001", email="", customer_key=None))
    assert isinstance(event, ShopperChanged)


# ---- what cannot be read


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"currency": None}, "data.currency is not an ISO 4217 currency such as EUR"),
        ({"currency": "XXQ"}, "data.currency is not an ISO 4217 currency such as EUR"),
        ({"total": None}, "data.total is missing"),
        ({"items": None}, "data.items is missing; an emptied cart has an empty list"),
        ({"items": "lamp"}, "data.items is not a list of objects"),
        ({"items": ["lamp"]}, "data.items is not a list of objects"),
        ({"items": [{}]}, "data.items[0].title is missing or too long"),
        ({"items": [{"title": "A"}, {"title": "B", "quantity": "two"}]}, "data.items[1].quantity is not a whole number of pieces"),
        ({"items": [{"title": "A", "quantity": -1}]}, "data.items[0].quantity is not a whole number of pieces"),
        ({"items": [{"title": "A", "unit_price": "x"}]}, "data.items[0].unit_price is not an amount such as 80.00"),
        ({"checkout_key": None, "cart_key": None}, "data.checkout_key is missing or too long"),
        ({"checkout_key": "x" * 300, "cart_key": None}, "data.checkout_key is missing or too long"),
        ({"updated_at": "yesterday"}, "data.updated_at is not an ISO 8601 time such as 2026-11-02T10:00:00Z"),
        ({"updated_at": "9999-12-31T23:59:59-23:59"}, "data.updated_at is not an ISO 8601 time such as 2026-11-02T10:00:00Z"),
        ({"updated_at": "9999-01-01"}, "data.updated_at is not between 2000 and 2100"),
    ],
)
def test_a_cart_that_cannot_be_read_says_which_field_and_is_kept_with_all_its_names(changed: dict[str, Any], said: str) -> None:
    delivery = body("checkout.updated", **changed)
    with pytest.raises(Unreadable) as caught:
        read("checkout.updated", delivery)
    assert str(caught.value) == said
    update = only(delivery)
    assert (update.kind, update.unreadable, update.body) == ("checkout.updated", said, delivery)
    assert Identity(IdentityKind.PHONE, "+34612345678") in update.identities


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (b"", "the body is not JSON"),
        (b"\xff\xfe\xfa", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b'{"type":' + b"9" * 5000 + b"}", "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b"7", "the body is not a JSON object"),
        (b"{}", "type is missing, or has characters other than letters, digits, dots and underscores"),
        (b'{"type": "a/b"}', "type is missing, or has characters other than letters, digits, dots and underscores"),
        (b'{"type": "order.created"}', "timestamp is missing"),
        (b'{"type": "order.created", "specversion": "1.0", "timestamp": "2026-11-02"}', "time is missing"),
        (b'{"type": "order.created", "timestamp": 1793613600}', "timestamp is not an ISO 8601 time such as 2026-11-02T10:00:00Z"),
    ],
)
def test_a_delivery_that_cannot_be_read_at_all_is_kept_once(delivery: bytes, said: str) -> None:
    update = only(delivery)
    assert (update.kind, update.unreadable, update.body, update.occurred_at) == (UNKNOWN, said, delivery, RECEIVED)
    (again,) = split("casa", "msg_1", delivery, datetime(2026, 11, 3, tzinfo=UTC))
    assert again.key == update.key


def test_data_that_is_no_object_is_unreadable_not_an_error() -> None:
    delivery = b'{"type": "order.created", "timestamp": "2026-11-02T10:00:00Z", "data": [1]}'
    assert only(delivery).unreadable == "data.currency is not an ISO 4217 currency such as EUR"


# ---- keys and identities


def test_an_update_carries_every_name_of_the_person() -> None:
    update = only(body("checkout.updated", phone_raw="+447400123456"))
    assert set(update.identities) == {
        Identity(IdentityKind.PHONE, "+34612345678"),
        Identity(IdentityKind.WA_ID, "34612345678"),
        Identity(IdentityKind.PHONE, "+447400123456"),
        Identity(IdentityKind.WA_ID, "447400123456"),
        Identity(IdentityKind.EMAIL, "ana@example.com"),
        Identity(IdentityKind.CUSTOMER, "cus_1", "casa"),
        Identity(IdentityKind.CHECKOUT, "chk_1", "casa"),
        Identity(IdentityKind.CART, "cart_1", "casa"),
    }
    assert (update.place, update.occurred_at, update.unreadable) == ("casa", AT, None)


def test_a_redelivery_has_the_same_key_and_anything_else_another() -> None:
    delivery = body("checkout.updated")
    key = only(delivery).key
    (later,) = split("casa", "msg_1", delivery, datetime(2026, 11, 3, tzinfo=UTC))
    assert later.key == key
    others = [
        split("casa", "msg_2", delivery, RECEIVED),
        split("norte", "msg_1", delivery, RECEIVED),
        split("casa", "msg_1", body("cart.updated"), RECEIVED),
    ]
    assert len({key, *(update.key for updates in others for update in updates)}) == 4


def test_a_body_of_megabytes_makes_no_megabytes_of_rows() -> None:
    event = cart(items=[{"title": "é\x00" * 50_000}] * 400, discount_codes=["x"] * 1000)
    assert len(event.lines) == 100
    assert len(event.lines[0].name) == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KINDS = ["checkout.updated", "order.created", "order.cancelled", "consent.updated", "other"]


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from([*ORDER, "consent", "updated_at", "discount_codes"]), JSON))
def test_hostile_fields_are_an_event_or_unreadable_never_another_error(kind: str, changed: dict[str, Any]) -> None:
    delivery = json.dumps({"type": kind, "timestamp": "2026-11-02T10:00:00Z", "data": ORDER | changed}).encode()
    update = only(delivery, region="ES")
    assert update.kind == kind
    for identity in update.identities:
        identity.value.encode("utf-8")
    if update.unreadable is None:
        repr(read(kind, delivery, "ES")).encode("utf-8")


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.text(), st.text())
def test_hostile_bodies_never_raise(delivery: bytes, shop: str, delivery_id: str) -> None:
    (update,) = split(shop, delivery_id, delivery, RECEIVED, "ES")
    assert len(update.key) == 16


# ---- the rest of the contract

ANA = Shopper("+34612345678", "ana@example.com", "cus_1", "Ana", "es", "ES", "Europe/Madrid")
LAMP = {"product_id": "p1", "variant_id": "v1", "sku": "L-1", "title": "Lamp", "quantity": 1}
TYPED: list[tuple[str, dict[str, Any], ShopEvent]] = [
    ("cart.deleted", {"cart_key": "c1", "checkout_key": "k1"}, CartClosed(AT, "k1", "c1")),
    ("checkout.deleted", {"checkout_key": "k1", "order_key": "o1"}, CartClosed(AT, "k1", None, "o1")),
    ("order.deleted", {"order_key": "o1"}, OrderRemoved(AT, "o1")),
    (
        "order.refunded",
        {"order_key": "o1", "refund_key": "r1", "currency": "KWD", "refunded": "1.234", "items": [LAMP]},
        Refunded(AT, "o1", "r1", Money(1234, "KWD"), (Line("Lamp", 1, None, "p1", variant="v1", sku="L-1"),)),
    ),
    ("parcel.shipped", {"order_key": "o1"}, ShipmentChanged(AT, "o1", None, ShipmentState.SHIPPED)),
    (
        "parcel.delivered",
        {"order_key": "o1", "parcel_key": "p1", "tracking_url": "https://t.example/1"},
        ShipmentChanged(AT, "o1", "p1", ShipmentState.DELIVERED, "https://t.example/1"),
    ),
    ("customer.merged", {"customer_key": "1", "merged_customer_key": "2"}, ShoppersMerged(AT, "1", "2")),
    (
        "product.viewed",
        {"product_id": "p1", "title": "Lamp", "url": "https://casa.example/p", "visitor_key": "v", "click": "K7"},
        ProductViewed(AT, "p1", Shopper(), "Lamp", "https://casa.example/p", "v", "K7"),
    ),
    (
        "product.viewed",
        {"product_id": "p1", "customer_key": "1", "price": "24.00", "currency": "EUR", "image_url": "https://casa.example/p.jpg"},
        ProductViewed(AT, "p1", Shopper(customer="1"), price=Money(2400, "EUR"), image="https://casa.example/p.jpg"),
    ),
    (
        "product.updated",
        {"product_id": "p1", "title": "Lamp", "variants": [{"variant_id": "v1", "price": "24", "compare_at_price": "30.00", "stock": 3}]},
        ProductChanged(AT, "p1", "Lamp", (Variant("v1", None, None, Decimal(24), Decimal("30.00"), 3),)),
    ),
    ("product.updated", {"product_id": "p1", "price": "24.00"}, ProductChanged(AT, "p1", None, (Variant("p1", price=Decimal("24.00")),))),
    ("product.deleted", {"product_id": "p1"}, ProductChanged(AT, "p1", None, removed=True)),
    ("variant.in_stock", {"product_id": "p1", "variant_id": "v1"}, VariantStocked(AT, "p1", Variant("v1", available=True), available=True)),
    ("variant.out_of_stock", {"product_id": "p1"}, VariantStocked(AT, "p1", Variant("p1", available=False), available=False)),
    ("privacy.data", {"email": "Ana@example.com"}, PrivacyAsked(AT, PrivacyAsk.DATA, Shopper(email="ana@example.com"))),
    (
        "privacy.redact",
        {"customer_key": "1", "orders": ["o1", 5], "request_key": "q"},
        PrivacyAsked(AT, PrivacyAsk.ERASE_SHOPPER, Shopper(customer="1"), ("o1",), "q"),
    ),
    ("store.redact", {}, PrivacyAsked(AT, PrivacyAsk.ERASE_SHOP)),
    ("store.uninstalled", {}, ShopUninstalled(AT)),
]


@pytest.mark.parametrize(("kind", "data", "expected"), TYPED, ids=[row[0] for row in TYPED])
def test_a_type_of_the_contract_becomes_its_event(kind: str, data: dict[str, Any], expected: ShopEvent) -> None:
    assert kind in TYPES
    assert read(kind, json.dumps({"type": kind, "timestamp": AT.isoformat(), "data": data}).encode()) == expected


PAID: list[tuple[str, dict[str, Any], Payment, OrderStatus]] = [
    ("order.paid", {"financial_state": None}, Payment.PAID, OrderStatus.PAID),
    ("order.payment_failed", {}, Payment.FAILED, OrderStatus.PLACED),
    ("order.created", {"financial_state": "on_delivery"}, Payment.ON_DELIVERY, OrderStatus.PLACED),
    ("order.created", {"financial_state": "Awaited"}, Payment.AWAITED, OrderStatus.PLACED),
    ("order.updated", {"financial_state": "of tomorrow"}, Payment.UNKNOWN, OrderStatus.PLACED),
]


@pytest.mark.parametrize(("kind", "told", "payment", "status"), PAID)
def test_where_the_money_of_an_order_is(kind: str, told: dict[str, Any], payment: Payment, status: OrderStatus) -> None:
    event = order(kind, **({"status": None, "payment_url": "https://casa.example/pay"} | told))
    assert (event.payment, event.status, event.payment_link) == (payment, status, "https://casa.example/pay")


def test_a_cart_tells_its_click_its_codes_and_who_made_it() -> None:
    assert cart(visitor_key="v").visitor == "v"
    told = cart(click="K7", discount_codes=["CASA7"], origin="staff", is_test=True)
    assert (told.click, told.discount_codes, told.origin, told.test, told.is_checkout) == ("K7", ("CASA7",), Origin.STAFF, True, True)
    assert not cart(checkout_key=None).is_checkout
