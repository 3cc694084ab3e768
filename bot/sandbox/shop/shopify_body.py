"""What a Shopify store tells by webhooks: its books in the REST shape, of the fields that Shopify documents.

Without the approval for protected customer data names, phones, e-mails and addresses are null here as in its interface.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.sandbox.shop.admin_listing import GATEWAYS, gid, iso, way_back
from bot.sandbox.shop.books import (
    Address,
    Books,
    Checkout,
    Consent,
    Customer,
    Line,
    Order,
    Parcel,
    Payment,
    Product,
    Refund,
    Source,
    Variant,
)
from bot.sandbox.shop.catalog import decimal

Json = dict[str, Any]

_FINANCIAL: Mapping[Payment, str] = {payment: payment.value.lower() for payment in Payment}


def order(books: Books, one: Order, base_url: str, *, approved: bool) -> Json:
    """An order, as orders/* tell it."""
    lines = [
        _line(line) | {"current_quantity": one.left(line), "fulfillable_quantity": 0 if one.parcels else line.quantity}
        for line in one.lines
    ]
    place = _address(one.address, approved=approved)
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("Order", one.id),
        "name": f"#{one.number}",
        "order_number": one.number,
        "token": f"o{one.id}",
        "checkout_token": one.checkout_token,
        "cart_token": one.cart_token,
        "email": one.email if approved else None,
        "contact_email": one.email if approved else None,
        "phone": one.phone if approved else None,
        "created_at": iso(one.placed_at),
        "processed_at": iso(one.placed_at),
        "updated_at": iso(one.updated_at),
        "cancelled_at": iso(one.cancelled_at),
        "currency": books.currency,
        "presentment_currency": books.currency,
        "total_price": decimal(one.total),
        "subtotal_price": decimal(one.subtotal - one.discount),
        "current_total_price": decimal(one.total - one.refunded),
        "total_discounts": decimal(one.discount),
        "discount_codes": [{"code": one.code, "amount": decimal(one.discount), "type": "percentage"}] if one.code else [],
        "financial_status": _FINANCIAL[one.payment],
        "fulfillment_status": "fulfilled" if one.parcels else None,
        "payment_gateway_names": [GATEWAYS[one.gateway]],
        "customer_locale": one.locale,
        "source_name": one.source.value,
        "location_id": 1 if one.source is Source.COUNTER else None,
        "test": one.test,
        "landing_site": None,
        "note_attributes": [{"name": name, "value": value} for name, value in one.note_attributes],
        "line_items": lines,
        "fulfillments": [fulfilment(one, parcel) for parcel in one.parcels],
        "refunds": [refund(one, given) for given in one.refunds],
        "shipping_lines": [],
        "shipping_address": place,
        "billing_address": place,
        "customer": _customer_of(books, one.customer, approved=approved),
        "order_status_url": f"{base_url}/orders/o{one.id}/authenticate?key=sandbox",
    }


def fulfilment(one: Order, parcel: Parcel) -> Json:
    """A parcel, as fulfillments/* tell it."""
    return {
        "id": parcel.id,
        "order_id": one.id,
        "name": f"#{one.number}.1",
        "status": "success",
        "shipment_status": "delivered" if parcel.delivered_at else "in_transit",
        "created_at": iso(parcel.shipped_at),
        "updated_at": iso(parcel.delivered_at or parcel.shipped_at),
        "tracking_number": parcel.number,
        "tracking_urls": [f"https://parcel.example/{parcel.number}"],
        "line_items": [_line(line) for line in one.lines],
    }


def refund(one: Order, given: Refund) -> Json:
    """Money that went back, as refunds/create tells it."""
    back = [(line, given.pieces.get(line.id, 0)) for line in one.lines]
    return {
        "id": given.id,
        "order_id": one.id,
        "created_at": iso(given.at),
        "processed_at": iso(given.at),
        "transactions": [{"kind": "refund", "status": "success", "amount": decimal(given.amount), "currency": "EUR"}],
        "refund_line_items": [{"quantity": pieces, "line_item": _line(line)} for line, pieces in back if pieces],
    }


def checkout(books: Books, one: Checkout, base_url: str, *, approved: bool) -> Json:
    """A checkout, as checkouts/* tell it since 2026-04: without an id."""
    place = _address(one.address, approved=approved) if one.address else None
    return {
        "token": one.token,
        "cart_token": one.cart_token,
        "name": f"#{one.id}",
        "email": one.email if approved else None,
        "phone": one.phone if approved else None,
        "sms_marketing_phone": None,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "completed_at": iso(one.completed_at),
        "closed_at": None,
        "currency": books.currency,
        "presentment_currency": books.currency,
        "total_price": decimal(one.total),
        "subtotal_price": decimal(one.total),
        "customer_locale": one.locale,
        "source_name": "web",
        "landing_site": None,
        "note_attributes": [],
        "line_items": [_line(line) for line in one.lines],
        "discount_codes": [{"code": one.code, "amount": "0.00", "type": "percentage"}] if one.code else [],
        "abandoned_checkout_url": way_back(one, books.now(), base_url),
        "shipping_lines": [],
        "shipping_address": place,
        "billing_address": place,
        "customer": _customer_of(books, one.customer, approved=approved),
    }


def customer(one: Customer, *, approved: bool) -> Json:
    """A customer, as customers/* tell it."""
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("Customer", one.id),
        "email": one.email if approved else None,
        "phone": one.phone if approved else None,
        "first_name": one.address.first_name if approved else None,
        "last_name": one.address.last_name if approved else None,
        "state": "enabled",
        "currency": "EUR",
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "default_address": _address(one.address, approved=approved),
    }


def whatsapp_consent(one: Customer, consent: Consent, now: datetime, *, approved: bool) -> Json:
    """What a customer agreed to over WhatsApp (Shopify: since 2026-07)."""
    state = {
        "state": consent.state.value.lower(),
        "opt_in_level": "single_opt_in",
        "updated_at": iso(consent.at or now),
        "collected_from": "other",
    }
    return {"customer_id": one.id, "phone_number": one.phone if approved else None, "whats_app_marketing_consent": state}


def product(one: Product) -> Json:
    """A product, as products/* tell it."""
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("Product", one.id),
        "handle": one.handle,
        "title": one.title,
        "product_type": one.kind,
        "status": "active",
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "variants": [variant(one, each) for each in one.variants],
    }


def variant(of: Product, one: Variant) -> Json:
    """A variant, as variants/in_stock and variants/out_of_stock tell it, and as part of its product."""
    return {
        "id": one.id,
        "product_id": of.id,
        "title": one.title,
        "sku": one.sku,
        "price": decimal(one.price),
        "compare_at_price": decimal(one.compare_at) if one.compare_at else None,
        "inventory_quantity": one.stock,
        "inventory_item_id": one.id,
        "updated_at": iso(of.updated_at),
    }


def stock(of: Product, one: Variant) -> Json:
    """How many pieces of a variant there are, as inventory_levels/update tells it."""
    return {"inventory_item_id": one.id, "location_id": 1, "available": one.stock, "updated_at": iso(of.updated_at)}


def _customer_of(books: Books, key: int | None, *, approved: bool) -> Json | None:
    known = books.customers.get(key)
    return customer(known, approved=approved) if known else None


def _line(line: Line) -> Json:
    return {
        "id": line.id,
        "product_id": line.product,
        "variant_id": line.variant,
        "sku": line.sku,
        "title": line.title,
        "variant_title": line.variant_title,
        "name": f"{line.title} - {line.variant_title}",
        "quantity": line.quantity,
        "price": decimal(line.price),
        "properties": [],
    }


def _address(one: Address, *, approved: bool) -> Json:
    """The country and the city are no protected fields."""
    protected = {"first_name": one.first_name, "last_name": one.last_name, "address1": one.street, "zip": one.zip, "phone": one.phone}
    return {name: value if approved else None for name, value in protected.items()} | {"city": one.city, "country_code": one.country}
