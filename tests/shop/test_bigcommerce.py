"""BigCommerce's webhooks say what changed: here is what each of them makes us fetch."""

from datetime import timedelta
from typing import Any

import pytest

from bot.shop import reading
from bot.shop.bigcommerce import BigCommerce
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import CartClosed, Resource, ShopEvent, ShopNotice, ShopUninstalled, Thin
from bot.store.model import Identity, IdentityKind, Update

from .bodies import AT, RECEIVED, bigcommerce_body, bigcommerce_headers, wire

SECRET = "acbd18db4cc2f85cedef654fccc4a4d8acbd18db4cc2f85cedef654fccc4a4d8"
SHOP = BigCommerce((SECRET,), "ES", "abc123")
CART = "09346904-4175-44fd-be53-f7e598531b6c"
CART_AT = f"/v3/carts/{CART}?include=line_items.physical_items.options,redirect_urls"


def kept(body: bytes, message: str = "msg_1") -> Update:
    posted = Delivery("casa", bigcommerce_headers(body, SECRET, message=message), body, RECEIVED)
    assert SHOP.admit(posted) is Admission.GENUINE
    (update,) = SHOP.split(posted)
    return update


SCOPES: list[tuple[str, dict[str, Any], ShopEvent]] = [
    ("store/cart/created", {"id": CART, "type": "cart"}, Thin(AT, Resource.CART, CART, CART_AT, "store/cart/created")),
    ("store/cart/abandoned", {"token": CART, "type": "cart"}, Thin(AT, Resource.CART, CART, CART_AT, "store/cart/abandoned")),
    (
        "store/cart/lineItem/updated",
        {"cartId": CART, "itemId": "x", "type": "cart_line_item"},
        Thin(AT, Resource.CART, CART, CART_AT, "store/cart/lineItem/updated"),
    ),
    ("store/cart/converted", {"id": CART, "orderId": 215, "type": "cart"}, CartClosed(AT, CART, CART, "215")),
    ("store/cart/deleted", {"id": CART, "type": "cart"}, CartClosed(AT, CART, CART)),
    ("store/order/created", {"id": 250, "type": "order"}, Thin(AT, Resource.ORDER, "250", "/v2/orders/250", "store/order/created")),
    (
        "store/order/statusUpdated",
        {"id": 250, "type": "order", "status": {"previous_status_id": 0, "new_status_id": 10}},
        Thin(AT, Resource.ORDER, "250", "/v2/orders/250", "store/order/statusUpdated"),
    ),
    (
        "store/shipment/created",
        {"id": 12, "orderId": 251, "type": "shipment"},
        Thin(AT, Resource.ORDER, "251", "/v2/orders/251", "store/shipment/created"),
    ),
    (
        "store/customer/updated",
        {"id": 32, "type": "customer"},
        Thin(AT, Resource.SHOPPER, "32", "/v3/customers?id:in=32&include=addresses", "store/customer/updated"),
    ),
    (
        "store/product/updated",
        {"id": 205, "type": "product"},
        Thin(AT, Resource.PRODUCT, "205", "/v3/catalog/products/205?include=variants", "store/product/updated"),
    ),
    (
        "store/sku/inventory/updated",
        {"id": 206, "type": "sku", "inventory": {"product_id": 205, "method": "absolute", "value": 5}},
        Thin(AT, Resource.PRODUCT, "205", "/v3/catalog/products/205?include=variants", "store/sku/inventory/updated"),
    ),
    ("store/app/uninstalled", {"type": "app"}, ShopUninstalled(AT)),
    ("store/information/updated", {"type": "store"}, ShopNotice(AT, "store/information/updated")),
]


@pytest.mark.parametrize(("scope", "data", "expected"), SCOPES, ids=[row[0] for row in SCOPES])
def test_a_scope_becomes_its_event(scope: str, data: dict[str, Any], expected: ShopEvent) -> None:
    update = kept(bigcommerce_body(scope, **data))
    assert update.unreadable is None
    assert reading.read(update.kind, update.body) == expected


def test_the_same_event_has_the_same_hash_whatever_message_brings_it() -> None:
    body = bigcommerce_body("store/order/created", id=250)
    assert kept(body, "msg_1").key == kept(body, "msg_2").key


def test_a_row_leads_to_the_person_of_the_cart_or_order() -> None:
    assert kept(bigcommerce_body("store/order/created", id=250)).identities == (Identity(IdentityKind.ORDER, "250", "casa"),)
    assert Identity(IdentityKind.CHECKOUT, CART, "casa") in kept(bigcommerce_body("store/cart/created", id=CART)).identities


@pytest.mark.parametrize("key", [None, "", "../v3/customers", "1?x=1", "x" * 65, {"id": 1}, "1\n"])
def test_a_key_that_would_lead_elsewhere_is_not_asked_for(key: object) -> None:
    update = kept(bigcommerce_body("store/order/created", id=key))
    assert update.unreadable in ("data.id is missing or too long", "data.id is not a key of BigCommerce's") or key == "1\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"{", "the body is not JSON"), (wire({}), "scope is missing, or is none"), (b"\xff", "the body is not UTF-8")],
)
def test_what_is_signed_and_cannot_be_read_is_kept_as_it_came(body: bytes, why: str) -> None:
    update = kept(body)
    assert (update.unreadable, update.body) == (why, body)


def test_another_stores_and_an_old_delivery_are_refused() -> None:
    body = bigcommerce_body("store/order/created", id=250)
    signed = bigcommerce_headers(body, SECRET)
    assert BigCommerce((SECRET,), domain="xyz").admit(Delivery("casa", signed, body, RECEIVED)) is Admission.REFUSED
    assert SHOP.admit(Delivery("casa", signed, body, RECEIVED + timedelta(minutes=6))) is Admission.REFUSED
    assert BigCommerce(("",)).admit(Delivery("casa", bigcommerce_headers(body, ""), body, RECEIVED)) is Admission.REFUSED
