"""Bodies as the platforms send them, built of the fields that they document."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from bot.shop import signature

AT = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 2, 10, 0, 3, tzinfo=UTC)

ADDRESS: dict[str, Any] = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "address1": "Calle Mayor 1",
    "city": "Madrid",
    "country": "Spain",
    "country_code": "ES",
    "phone": "612 34 56 78",
}
SHOPIFY_LINE: dict[str, Any] = {
    "id": 466157049,
    "product_id": 632910392,
    "variant_id": 39072856,
    "sku": "IPOD2008GREEN",
    "title": "Coffee",
    "variant_title": "250 g",
    "name": "Coffee - 250 g",
    "quantity": 2,
    "price": "12.00",
    "vendor": "Casa",
    "properties": [],
    "discount_allocations": [],
    "tax_lines": [],
}
SHOPIFY_CUSTOMER: dict[str, Any] = {
    "id": 115310627314723954,
    "email": "Ana@Example.com",
    "first_name": "Ana",
    "phone": None,
    "default_address": {"country_code": "ES", "phone": None},
}
SHOPIFY_CHECKOUT: dict[str, Any] = {
    "token": "eeafa272cebfd4b22385bc4b645e762c",
    "cart_token": "c1-68778783ad298f1c80c3bafcddeea02f",
    "email": "Ana@Example.com",
    "gateway": None,
    "buyer_accepts_marketing": True,
    "buyer_accepts_sms_marketing": True,
    "sms_marketing_phone": None,
    "created_at": "2026-11-02T09:50:00Z",
    "updated_at": "2026-11-02T11:00:00+01:00",
    "landing_site": "/products/coffee?utm_source=x&comeback=K7Q2",
    "note_attributes": [],
    "currency": "EUR",
    "presentment_currency": "USD",
    "completed_at": None,
    "phone": None,
    "customer_locale": "es-ES",
    "line_items": [SHOPIFY_LINE],
    "name": "#35361",
    "abandoned_checkout_url": "https://checkout.casa.example/548380009/checkouts/eeafa272/recover?key=secret",
    "discount_codes": [{"code": "CASA7", "amount": "2.00", "type": "fixed_amount"}],
    "source_name": "web",
    "user_id": None,
    "location_id": None,
    "device_id": None,
    "total_price": "24.00",
    "customer": SHOPIFY_CUSTOMER,
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS | {"phone": None},
    "shipping_lines": [],
}
SHOPIFY_ORDER: dict[str, Any] = {
    "id": 820982911946154508,
    "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
    "name": "#9999",
    "order_number": 1234,
    "token": "123456abcd",
    "checkout_token": SHOPIFY_CHECKOUT["token"],
    "cart_token": SHOPIFY_CHECKOUT["cart_token"],
    "email": "ana@example.com",
    "contact_email": "ana@example.com",
    "created_at": "2026-11-02T10:59:00+01:00",
    "processed_at": "2026-11-02T10:59:00+01:00",
    "updated_at": "2026-11-02T11:00:00+01:00",
    "currency": "EUR",
    "presentment_currency": "USD",
    "current_total_price": "24.00",
    "total_price": "24.00",
    "financial_status": "paid",
    "fulfillment_status": None,
    "cancelled_at": None,
    "test": False,
    "payment_gateway_names": ["visa"],
    "customer_locale": "es",
    "source_name": "web",
    "landing_site": None,
    "note_attributes": [{"name": "comeback", "value": "K7Q2"}],
    "discount_codes": [{"code": "CASA7", "amount": "2.00", "type": "fixed_amount"}],
    "line_items": [SHOPIFY_LINE | {"current_quantity": 2}],
    "fulfillments": [],
    "refunds": [],
    "shipping_lines": [],
    "customer": SHOPIFY_CUSTOMER,
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
    "order_status_url": "https://casa.example/548380009/orders/123456abcd/authenticate?key=abc",
}
WOO_ADDRESS: dict[str, Any] = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "country": "ES",
    "email": "Ana@Example.com",
    "phone": "612 34 56 78",
}
WOO_ORDER: dict[str, Any] = {
    "id": 727,
    "number": "727",
    "order_key": "wc_order_58d2d042d1d",
    "status": "processing",
    "currency": "EUR",
    "total": "29.35",
    "customer_id": 26,
    "billing": WOO_ADDRESS,
    "shipping": WOO_ADDRESS | {"email": None, "phone": ""},
    "payment_method": "stripe",
    "date_created": "2026-11-02T10:59:00",
    "date_created_gmt": "2026-11-02T09:59:00",
    "date_modified": "2026-11-02T11:00:00",
    "date_modified_gmt": "2026-11-02T10:00:00",
    "date_paid": "2026-11-02T11:00:00",
    "date_paid_gmt": "2026-11-02T10:00:00",
    "needs_payment": False,
    "payment_url": "https://casa.example/checkout/order-pay/727/?pay_for_order=true&key=wc_order_58d2d042d1d",
    "created_via": "checkout",
    "cart_hash": "0c0a0f9fc5a3c6b5a0d3a2c4b4d6e7f8",
    "meta_data": [
        {"id": 1, "key": "_wc_order_attribution_session_entry", "value": "https://casa.example/?comeback=K7Q2"},
        {"id": 2, "key": "wpml_language", "value": "es"},
    ],
    "line_items": [
        {"id": 315, "name": "Ship Your Idea &ndash; Color", "product_id": 93, "variation_id": 95, "quantity": 2, "sku": "", "price": 13.5},
        {"id": 316, "name": "Cup", "product_id": 0, "variation_id": 0, "quantity": 1, "sku": None, "price": 2},
    ],
    "coupon_lines": [{"id": 1, "code": "30$off", "discount": "30"}],
    "refunds": [],
}


def wire(body: dict[str, Any]) -> bytes:
    """A body as it is posted."""
    return json.dumps(body).encode()


def mac(body: bytes, secret: str) -> str:
    """The base64 HMAC that Shopify and WooCommerce put into a header."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def shopify_headers(topic: str, body: bytes, secret: str, delivery: str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043") -> dict[str, str]:
    """What Shopify posts beside a body."""
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": mac(body, secret),
        "X-Shopify-Shop-Domain": "casa-lola.myshopify.com",
        "X-Shopify-API-Version": "2026-07",
        "X-Shopify-Webhook-Id": delivery,
        "X-Shopify-Event-Id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
        "X-Shopify-Triggered-At": "2026-11-02T10:00:01.123456Z",
    }


def woo_headers(topic: str, body: bytes, secret: str, delivery: str = "d7a0b4cf") -> dict[str, str]:
    """What WooCommerce posts beside a body."""
    thing, _, happened = topic.partition(".")
    return {
        "X-WC-Webhook-Source": "https://casa.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": thing,
        "X-WC-Webhook-Event": happened,
        "X-WC-Webhook-Signature": mac(body, secret),
        "X-WC-Webhook-ID": "5",
        "X-WC-Webhook-Delivery-ID": delivery,
    }


def bigcommerce_body(scope: str, at: datetime = AT, **data: Any) -> bytes:
    """BigCommerce says what changed, and little more."""
    told = {"scope": scope, "store_id": "1025646", "data": data, "hash": "352e4afc6dd3fc85ea26bfdf3f91852604d57528"}
    return wire(told | {"created_at": int(at.timestamp()), "producer": "stores/abc123"})


def bigcommerce_headers(body: bytes, secret: str, at: datetime = RECEIVED, message: str = "msg_1") -> dict[str, str]:
    """Standard Webhooks, with the client secret's own bytes as the key."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"{message}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {signature.ID: message, signature.TIMESTAMP: stamp, signature.SIGNATURE: "v1," + base64.b64encode(digest).decode()}
