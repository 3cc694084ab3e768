"""A store's books in the objects of WooCommerce's REST API v3, which are the bodies of its webhooks, too.

As in real shops: what is documented as a string is a number in places (`price`), names have HTML entities, times have no offset, a code is
in lower case, cash on delivery is `processing` with no date of payment. A checkout that nobody finished is an order that is a
`checkout-draft`.
"""

import html
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.sandbox.shop.books import Address, Books, Checkout, Customer, Gateway, Line, Order, Payment, Product, Source
from bot.sandbox.shop.catalog import decimal

METHODS = {
    Gateway.CARD: ("stripe", "Card"),
    Gateway.BANK: ("bacs", "Direct bank transfer"),
    Gateway.ON_DELIVERY: ("cod", "Cash on delivery"),
}
_MADE_BY = {Source.WEB: "checkout", Source.COUNTER: "pos-rest-api", Source.STAFF: "admin"}
_UNPAID = {Gateway.CARD: "pending", Gateway.BANK: "on-hold", Gateway.ON_DELIVERY: "processing"}
_NOTHING = {"create_account": "", "transaction_id": "", "customer_note": ""}

Json = dict[str, Any]


def status_of(order: Order) -> str:
    """Where an order stands, in WooCommerce's words."""
    if order.cancelled_at is not None:
        return "cancelled"
    match order.payment:
        case Payment.REFUNDED:
            return "refunded"
        case Payment.FAILED:
            return "failed"
        case Payment.AWAITED:
            return _UNPAID[order.gateway]
        case _:
            return "completed" if order.delivered or order.source is Source.COUNTER else "processing"


def order_body(books: Books, order: Order, base_url: str) -> Json:
    """An order as it is now."""
    status, zone = status_of(order), books.timezone
    return {
        **_common(books, order, status, base_url),
        "number": str(order.number),
        "total": decimal(order.total),
        "discount_total": decimal(order.discount),
        "customer_id": order.customer or 0,
        "created_via": _MADE_BY[order.source],
        "payment_method": METHODS[order.gateway][0],
        "payment_method_title": METHODS[order.gateway][1],
        **_dates("date_created", order.placed_at, zone),
        **_dates("date_modified", order.updated_at, zone),
        **_dates("date_paid", order.paid_at, zone),
        **_dates("date_completed", order.updated_at if status == "completed" else None, zone),
        "coupon_lines": [_coupon(order)] if order.code else [],
        "refunds": [{"id": refund.id, "reason": "", "total": f"-{decimal(refund.amount)}"} for refund in order.refunds],
        "meta_data": [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(order.note_attributes, 1)],
    }


def draft_body(books: Books, checkout: Checkout, base_url: str) -> Json:
    """A checkout that nobody finished."""
    zone = books.timezone
    return {
        **_common(books, checkout, "checkout-draft", base_url),
        "number": str(checkout.id),
        "total": decimal(checkout.total),
        "discount_total": "0.00",
        "customer_id": checkout.customer or 0,
        "created_via": "store-api",
        "payment_method": "",
        "payment_method_title": "",
        **_dates("date_created", checkout.created_at, zone),
        **_dates("date_modified", checkout.updated_at, zone),
        **_dates("date_paid", None, zone),
        **_dates("date_completed", None, zone),
        "coupon_lines": [],
        "refunds": [],
        "meta_data": [],
    }


def _common(books: Books, one: Order | Checkout, status: str, base_url: str) -> Json:
    needs_payment = status in ("pending", "failed", "checkout-draft")
    key = f"wc_order_{one.id:x}"
    return {
        "id": one.id,
        "parent_id": 0,
        "status": status,
        "currency": books.currency,
        "currency_symbol": "&euro;",
        "version": "10.4.2",
        "prices_include_tax": True,
        "order_key": key,
        "billing": _address(one.address, one.email),
        "shipping": _address(one.address, None) | {"phone": ""},
        "cart_hash": f"{one.id:032x}",
        "line_items": [_line(books, line, base_url) for line in one.lines],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "needs_payment": needs_payment,
        "payment_url": f"{base_url}/checkout/order-pay/{one.id}/?pay_for_order=true&key={key}",
        "needs_processing": True,
        **_NOTHING,
    }


def _address(address: Address | None, email: str | None) -> Json:
    mail = {"email": email or ""} if email is not None or address is None else {}
    if address is None:
        names = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "phone")
        return dict.fromkeys(names, "") | mail
    return {
        "first_name": address.first_name,
        "last_name": address.last_name,
        "company": "",
        "address_1": address.street,
        "address_2": "",
        "city": address.city,
        "state": "",
        "postcode": address.zip,
        "country": address.country,
        **mail,
        "phone": address.phone or "",
    }


def _line(books: Books, line: Line, base_url: str) -> Json:
    """`price` is a number, and what was deleted has the id 0."""
    product = books.products.get(line.product)
    name = html.escape(" – ".join(filter(None, (line.title, line.variant_title)))).replace("–", "&ndash;")
    single = product is None or len(product.variants) == 1
    return {
        "id": line.id,
        "name": name,
        "product_id": line.product or 0,
        "variation_id": 0 if single else line.variant or 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": decimal(line.total),
        "total": decimal(line.total),
        "taxes": [],
        "meta_data": [],
        "sku": line.sku,
        "price": line.price / 100,
        "image": {"id": line.product or "", "src": f"{base_url}/files/{product.handle}.png" if product else ""},
        "parent_name": None if single else line.title,
    }


def _coupon(order: Order) -> Json:
    return {
        "id": order.id + 1,
        "code": (order.code or "").lower(),
        "discount": decimal(order.discount),
        "discount_tax": "0",
        "meta_data": [],
    }


def customer_body(books: Books, one: Customer) -> Json:
    """A customer with an account."""
    zone = books.timezone
    return {
        "id": one.id,
        **_dates("date_created", one.created_at, zone),
        **_dates("date_modified", one.updated_at, zone),
        "email": one.email or "",
        "first_name": one.address.first_name,
        "last_name": one.address.last_name,
        "role": "customer",
        "username": f"u{one.id}",
        "billing": _address(one.address, one.email or ""),
        "shipping": _address(one.address, None),
        "is_paying_customer": bool(books.orders_of(one.id)),
        "avatar_url": "",
        "meta_data": [],
    }


def product_body(books: Books, one: Product, base_url: str) -> Json:
    """A product; what it is sold in are products of their own, of which it tells the ids."""
    zone, first = books.timezone, one.variants[0]
    single = len(one.variants) == 1
    return {
        "id": one.id,
        "name": html.escape(one.title),
        "slug": one.handle,
        "permalink": f"{base_url}/product/{one.handle}/",
        **_dates("date_created", one.created_at, zone),
        **_dates("date_modified", one.updated_at, zone),
        "type": "simple" if single else "variable",
        "status": "publish",
        "sku": first.sku if single else "",
        "price": decimal(first.price),
        "regular_price": decimal(first.compare_at or first.price) if single else "",
        "sale_price": decimal(first.price) if single and first.compare_at else "",
        "on_sale": first.compare_at is not None,
        "stock_quantity": first.stock if single else None,
        "stock_status": "instock" if any(variant.stock for variant in one.variants) else "outofstock",
        "manage_stock": single,
        "categories": [{"id": 1, "name": one.kind, "slug": one.kind}],
        "images": [{"id": one.id, "src": f"{base_url}/files/{one.handle}.png", "alt": one.title}],
        "variations": [] if single else [variant.id for variant in one.variants],
        "parent_id": 0,
        "meta_data": [],
    }


def _dates(name: str, at: datetime | None, zone: str) -> Json:
    """A moment by the shop's clock and by Greenwich's, both without an offset."""
    local = at.astimezone(ZoneInfo(zone)) if at else None
    return {name: _bare(local), f"{name}_gmt": _bare(at.astimezone(UTC) if at else None)}


def _bare(at: datetime | None) -> str | None:
    return at.replace(tzinfo=None).isoformat(timespec="seconds") if at else None
