"""A store's books in the bodies of Shopify's webhooks: the REST shape, as versions since 2026-04 have it.

A checkout has no id there and an order no `checkout_id`; a customer has neither tags nor consents, which have topics of their own.
Amounts are decimal strings, ids are numbers that are longer than some languages can count.
"""

from datetime import UTC, datetime
from typing import Any

from bot.sandbox.shop.books import Address, Agreed, Books, Checkout, Consent, Customer, Gateway, Line, Order, Payment, Product, Source
from bot.sandbox.shop.catalog import decimal

GATEWAYS = {Gateway.CARD: "shopify_payments", Gateway.BANK: "Bank Deposit", Gateway.ON_DELIVERY: "Cash on Delivery (COD)"}

Json = dict[str, Any]


def order_body(books: Books, one: Order, base_url: str) -> Json:
    """The body of orders/create, orders/updated, orders/paid, orders/cancelled, orders/fulfilled."""
    address = _address(one.address)
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{one.id}",
        "name": f"#{one.number}",
        "order_number": one.number,
        "confirmation_number": f"CB{one.number:07d}",
        "checkout_token": one.checkout_token,
        "cart_token": one.cart_token,
        "email": one.email or "",
        "contact_email": one.email,
        "phone": one.phone,
        "created_at": iso(one.placed_at),
        "processed_at": iso(one.placed_at),
        "updated_at": iso(one.updated_at),
        "cancelled_at": iso(one.cancelled_at),
        "cancel_reason": "customer" if one.cancelled_at else None,
        "closed_at": iso(one.updated_at) if one.delivered else None,
        "confirmed": True,
        "test": one.test,
        "currency": books.currency,
        "presentment_currency": books.currency,
        "customer_locale": one.locale,
        "source_name": one.source.value,
        "financial_status": one.payment.value.lower(),
        "fulfillment_status": "fulfilled" if one.parcels else None,
        "payment_gateway_names": [GATEWAYS[one.gateway]],
        "total_price": decimal(one.total),
        "subtotal_price": decimal(one.total),
        "total_line_items_price": decimal(one.subtotal),
        "total_discounts": decimal(one.discount),
        "current_total_price": decimal(one.total - one.refunded),
        "current_subtotal_price": decimal(one.total - one.refunded),
        "total_outstanding": decimal(one.total if one.payment is Payment.AWAITED else 0),
        "discount_codes": [{"code": one.code, "amount": decimal(one.discount), "type": "percentage"}] if one.code else [],
        "note_attributes": [{"name": name, "value": value} for name, value in one.note_attributes],
        "order_status_url": f"{base_url}/orders/{one.id}/authenticate",
        "landing_site": None,
        "referring_site": None,
        "buyer_accepts_marketing": False,
        "billing_address": address,
        "shipping_address": address if one.source is not Source.COUNTER else None,
        "customer": _buyer(books, one.customer),
        "line_items": [_order_line(one, line) for line in one.lines],
        "refunds": [refund_body(books, one, number) for number in range(len(one.refunds))],
        "fulfillments": [_parcel(one, number, base_url) for number in range(len(one.parcels))],
    }


def refund_body(books: Books, one: Order, number: int) -> Json:
    """The body of refunds/create, which is part of the order, too."""
    refund, lines = one.refunds[number], {line.id: line for line in one.lines}
    paid = {
        "kind": "refund",
        "status": "success",
        "amount": decimal(refund.amount),
        "currency": books.currency,
        "gateway": GATEWAYS[one.gateway],
    }
    return {
        "id": refund.id,
        "order_id": one.id,
        "created_at": iso(refund.at),
        "processed_at": iso(refund.at),
        "refund_line_items": [
            {
                "line_item_id": key,
                "quantity": pieces,
                "subtotal": decimal(lines[key].price * pieces),
                "line_item": _order_line(one, lines[key]),
            }
            for key, pieces in refund.pieces.items()
            if pieces
        ],
        "transactions": [{"id": refund.id + 1, "order_id": one.id, **paid}],
    }


def checkout_body(books: Books, one: Checkout, base_url: str) -> Json:
    """The body of checkouts/create and checkouts/update."""
    address = _address(one.address) if one.address else None
    return {
        "token": one.token,
        "cart_token": one.cart_token,
        "name": f"#{one.id}",
        "email": one.email or "",
        "phone": one.phone,
        "sms_marketing_phone": None,
        "buyer_accepts_marketing": False,
        "buyer_accepts_sms_marketing": False,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "completed_at": iso(one.completed_at),
        "closed_at": None,
        "currency": books.currency,
        "presentment_currency": books.currency,
        "customer_locale": one.locale,
        "source_name": "web",
        "total_price": decimal(one.total),
        "subtotal_price": decimal(one.total),
        "total_line_items_price": decimal(one.total),
        "total_discounts": "0.00",
        "abandoned_checkout_url": f"{base_url}/6100000001/checkouts/ac/{one.cart_token}/recover?key={one.id:x}",
        "discount_codes": [{"code": one.code, "amount": "0.00", "type": "percentage"}] if one.code else [],
        "note_attributes": [],
        "landing_site": None,
        "billing_address": address,
        "shipping_address": address,
        "customer": _buyer(books, one.customer),
        "line_items": [_line(line) for line in one.lines],
    }


def customer_body(one: Customer) -> Json:
    """The body of customers/create and customers/update."""
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/Customer/{one.id}",
        "email": one.email,
        "phone": one.phone,
        "first_name": one.address.first_name,
        "last_name": one.address.last_name,
        "state": "disabled",
        "note": None,
        "verified_email": one.email is not None,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "default_address": _address(one.address),
        "addresses": [_address(one.address)],
    }


_STATES = {Agreed.NEVER: "not_subscribed", Agreed.YES: "subscribed", Agreed.NO: "unsubscribed"}


def consent_body(one: Customer) -> Json:
    """The body of customers_whats_app_marketing_consent/update, whose keys are not those of the other channels."""
    return {"customer_id": one.id, "phone_number": one.phone, "whats_app_marketing_consent": _consent(one.whatsapp)}


def _consent(consent: Consent) -> Json:
    return {
        "state": _STATES[consent.state],
        "opt_in_level": "single_opt_in" if consent.at else None,
        "updated_at": iso(consent.at),
        "collected_from": "other",
    }


def product_body(one: Product, base_url: str) -> Json:
    """The body of products/create and products/update."""
    return {
        "id": one.id,
        "title": one.title,
        "handle": one.handle,
        "product_type": one.kind,
        "status": "active",
        "vendor": "Casa Bonita",
        "tags": one.kind,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "image": {"id": one.id, "src": f"{base_url}/files/{one.handle}.png"},
        "variants": [
            {
                "id": variant.id,
                "product_id": one.id,
                "title": variant.title,
                "sku": variant.sku,
                "price": decimal(variant.price),
                "compare_at_price": decimal(variant.compare_at) if variant.compare_at else None,
                "inventory_item_id": variant.id,
                "inventory_policy": "deny",
                "inventory_quantity": variant.stock,
            }
            for variant in one.variants
        ],
    }


def _buyer(books: Books, key: int | None) -> Json | None:
    one = books.customers.get(key)
    if one is None:
        return None
    body = customer_body(one)
    del body["addresses"]
    return body


def _address(one: Address) -> Json:
    return {
        "first_name": one.first_name,
        "last_name": one.last_name,
        "name": f"{one.first_name} {one.last_name}",
        "address1": one.street,
        "city": one.city,
        "zip": one.zip,
        "country_code": one.country,
        "phone": one.phone,
    }


def _line(line: Line) -> Json:
    return {
        "product_id": line.product,
        "variant_id": line.variant,
        "sku": line.sku,
        "title": line.title,
        "variant_title": line.variant_title or None,
        "quantity": line.quantity,
        "price": decimal(line.price),
        "line_price": decimal(line.total),
        "properties": None,
    }


def _order_line(one: Order, line: Line) -> Json:
    return {
        "id": line.id,
        **_line(line),
        "name": " - ".join(filter(None, (line.title, line.variant_title))),
        "current_quantity": one.left(line),
        "gift_card": line.sku.startswith("CB-GIFT"),
        "product_exists": line.product is not None,
        "properties": [],
    }


def _parcel(one: Order, number: int, base_url: str) -> Json:
    parcel = one.parcels[number]
    return {
        "id": parcel.id,
        "order_id": one.id,
        "status": "success",
        "shipment_status": "delivered" if parcel.delivered_at else "in_transit",
        "created_at": iso(parcel.shipped_at),
        "updated_at": iso(parcel.delivered_at or parcel.shipped_at),
        "tracking_number": parcel.number,
        "tracking_url": f"{base_url}/track/{parcel.number}",
        "tracking_urls": [f"{base_url}/track/{parcel.number}"],
        "line_items": [_order_line(one, line) for line in one.lines],
    }


def parcel_body(one: Order, number: int, base_url: str) -> Json:
    """The body of fulfillments/create and fulfillments/update."""
    return _parcel(one, number, base_url)


def iso(at: datetime | None) -> str | None:
    """A moment as Shopify writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
