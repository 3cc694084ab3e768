"""A store's books in the objects of BigCommerce's REST API: V2 for orders, V3 for the rest.

As at BigCommerce: V2 writes times in RFC 2822 and amounts with four digits, V3 in ISO 8601 and numbers; a cart has no phone, that stands in
the checkout of the same id; a cart that was bought is gone; somebody who left at the payment page has an order that is `Incomplete`.
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from bot.sandbox.shop.books import Address, Books, Checkout, Customer, Gateway, Line, Order, Payment, Product, Source, Variant

INCOMPLETE = 0
STATUSES = {
    0: "Incomplete",
    1: "Pending",
    2: "Shipped",
    4: "Refunded",
    5: "Cancelled",
    6: "Declined",
    7: "Awaiting Payment",
    10: "Completed",
    11: "Awaiting Fulfillment",
    14: "Partially Refunded",
}
METHODS = {Gateway.CARD: "Credit Card", Gateway.BANK: "Bank Deposit", Gateway.ON_DELIVERY: "Cash on Delivery"}
_MADE_IN = {Source.WEB: "www", Source.COUNTER: "pos", Source.STAFF: "manual"}
_PAID = {Payment.PAID: "captured", Payment.REFUNDED: "refunded", Payment.PARTLY_REFUNDED: "partially refunded", Payment.FAILED: "declined"}

Json = dict[str, Any]


def cart_id(token: str) -> str:
    """The cart of a checkout, by its token."""
    return str(uuid5(NAMESPACE_OID, token))


def incomplete(checkout: Checkout) -> bool:
    """Whether somebody came as far as the payment page and left: such is an order, of a kind."""
    return checkout.completed_at is None and checkout.address is not None and checkout.id % 2 == 0


def status_id(one: Order | Checkout) -> int:
    """Where an order stands, in BigCommerce's numbers."""
    if isinstance(one, Checkout):
        return INCOMPLETE
    if one.cancelled_at is not None:
        return 5
    match one.payment:
        case Payment.REFUNDED:
            return 4
        case Payment.PARTLY_REFUNDED:
            return 14
        case Payment.FAILED:
            return 6
        case Payment.AWAITED:
            return 1 if one.gateway is Gateway.ON_DELIVERY else 7
        case _:
            return 10 if one.delivered or one.source is Source.COUNTER else 2 if one.parcels else 11


def order_body(books: Books, one: Order | Checkout, base_url: str) -> Json:
    """An order of V2. What it sold, its coupons and where it goes have addresses of their own."""
    placed = one.placed_at if isinstance(one, Order) else one.created_at
    there = f"{base_url}/v2/orders/{one.id}"
    status = status_id(one)
    return {
        "id": one.id,
        "customer_id": one.customer or 0,
        "date_created": rfc(placed),
        "date_modified": rfc(one.updated_at),
        "date_shipped": rfc(one.parcels[0].shipped_at) if isinstance(one, Order) and one.parcels else "",
        "status_id": status,
        "status": STATUSES[status],
        "cart_id": cart_id(token) if (token := one.checkout_token if isinstance(one, Order) else one.token) else None,
        "subtotal_inc_tax": _four(sum(line.total for line in one.lines)),
        "total_ex_tax": _four(one.total),
        "total_inc_tax": _four(one.total),
        "items_total": sum(line.quantity for line in one.lines),
        **_money(one),
        "order_is_digital": False,
        "is_deleted": False,
        "currency_id": 1,
        "currency_code": books.currency,
        "default_currency_code": books.currency,
        "currency_exchange_rate": "1.0000000000",
        "billing_address": _billing(one.address, one.email),
        "is_email_opt_in": False,
        "channel_id": 1,
        "customer_locale": one.locale,
        "staff_notes": "",
        "customer_message": "",
        "products": {"url": f"{there}/products", "resource": f"/orders/{one.id}/products"},
        "shipping_addresses": {"url": f"{there}/shippingaddresses", "resource": f"/orders/{one.id}/shippingaddresses"},
        "coupons": {"url": f"{there}/coupons", "resource": f"/orders/{one.id}/coupons"},
    }


def _money(one: Order | Checkout) -> Json:
    if isinstance(one, Checkout):
        return {
            "payment_method": "",
            "payment_status": "",
            "refunded_amount": "0.0000",
            "coupon_discount": "0.0000",
            "discount_amount": "0.0000",
            "order_source": "www",
        }
    return {
        "payment_method": METHODS[one.gateway],
        "payment_status": _PAID.get(one.payment, ""),
        "refunded_amount": _four(one.refunded),
        "coupon_discount": _four(one.discount),
        "discount_amount": "0.0000",
        "order_source": _MADE_IN[one.source],
    }


def consignments_body(one: Order | Checkout) -> Json:
    """How an order reaches the buyer, with what it sold: the answer of `/products`, part by part (`consignment_structure=object`)."""
    address = _billing(one.address, one.email) if one.address else {}
    at_counter = isinstance(one, Order) and one.source is Source.COUNTER
    part = {"id": one.id + 2, "line_items": products_body(one)}
    return {
        "pickups": [{**part, "pickup_method_display_name": "Counter"}] if at_counter else [],
        "shipping": [] if at_counter else [{**address, **part, "shipping_method": "Standard"}],
        "downloads": [],
        "email": {"gift_certificates": []},
    }


def products_body(one: Order | Checkout) -> list[Json]:
    """What an order sold."""
    return [_sold(one, line) for line in one.lines]


def _sold(one: Order | Checkout, line: Line) -> Json:
    back = line.quantity - one.left(line) if isinstance(one, Order) else 0
    return {
        "id": line.id,
        "order_id": one.id,
        "product_id": line.product or 0,
        "variant_id": line.variant or 0,
        "name": line.title,
        "name_customer": line.title,
        "sku": line.sku,
        "type": "physical",
        "base_price": _four(line.price),
        "price_ex_tax": _four(line.price),
        "price_inc_tax": _four(line.price),
        "total_inc_tax": _four(line.total),
        "quantity": line.quantity,
        "quantity_shipped": line.quantity if isinstance(one, Order) and one.parcels else 0,
        "quantity_refunded": back,
        "is_refunded": back == line.quantity,
        "product_options": [{"display_name": "Size", "display_value": line.variant_title}] if line.variant_title else [],
    }


def coupons_body(one: Order | Checkout) -> list[Json]:
    """The codes an order used."""
    if not isinstance(one, Order) or not one.code:
        return []
    return [
        {
            "id": one.id + 1,
            "coupon_id": 1,
            "order_id": one.id,
            "code": one.code,
            "amount": "10.0000",
            "type": 1,
            "discount": one.discount / 100,
        }
    ]


def goes_to_body(one: Order | Checkout) -> list[Json]:
    """Where an order goes."""
    if one.address is None or (isinstance(one, Order) and one.source is Source.COUNTER):
        return []
    return [{"id": one.id + 2, "order_id": one.id, **_billing(one.address, one.email), "shipping_method": "Standard"}]


def _billing(address: Address | None, email: str | None) -> Json:
    if address is None:
        return {"email": email or ""}
    return {
        "first_name": address.first_name,
        "last_name": address.last_name,
        "company": "",
        "street_1": address.street,
        "street_2": "",
        "city": address.city,
        "state": "",
        "zip": address.zip,
        "country": address.country,
        "country_iso2": address.country,
        "phone": address.phone or "",
        "email": email or "",
        "form_fields": [],
    }


def cart_body(books: Books, one: Checkout, base_url: str, include: set[str]) -> Json:
    """A cart of V3. The links that lead back are made anew at each call, and each works once."""
    key = cart_id(one.token)
    lines = [
        {
            "id": f"{line.id:x}",
            "product_id": line.product or 0,
            "variant_id": line.variant or 0,
            "sku": line.sku,
            "name": line.title,
            "url": f"{base_url}/{line.sku.lower()}/",
            "quantity": line.quantity,
            "list_price": line.price / 100,
            "sale_price": line.price / 100,
            "image_url": f"{base_url}/files/{line.sku.lower()}.png",
        }
        for line in one.lines
    ]
    body: Json = {
        "id": key,
        "customer_id": one.customer or 0,
        "email": one.email or "",
        "currency": {"code": books.currency},
        "tax_included": True,
        "base_amount": one.total / 100,
        "discount_amount": 0,
        "cart_amount": one.total / 100,
        "coupons": [{"code": one.code}] if one.code else [],
        "line_items": {"physical_items": lines, "digital_items": [], "gift_certificates": [], "custom_items": []},
        "created_time": iso(one.created_at),
        "updated_time": iso(one.updated_at),
        "channel_id": 1,
        "locale": one.locale,
    }
    if "redirect_urls" in include:
        ways = {
            "cart_url": "cart.php?action=loadInCheckout",
            "checkout_url": "cart.php?action=load",
            "embedded_checkout_url": "cart.php?embed",
        }
        body["redirect_urls"] = {name: f"{base_url}/{way}&id={key}&token={one.id:x}" for name, way in ways.items()}
    return body


def checkout_body(books: Books, one: Checkout, base_url: str) -> Json:
    """A checkout of V3, by the id of its cart."""
    address = _billing(one.address, one.email)
    street = {"address1": address.pop("street_1", ""), "address2": "", "postal_code": address.pop("zip", "")}
    country = address.pop("country_iso2", "")
    return {
        "id": cart_id(one.token),
        "cart": cart_body(books, one, base_url, set()),
        "billing_address": {**address, **street, "country_code": country},
        "consignments": [],
        "coupons": [{"code": one.code}] if one.code else [],
        "grand_total": one.total / 100,
        "created_time": iso(one.created_at),
        "updated_time": iso(one.updated_at),
        "customer_message": "",
    }


def customer_body(one: Customer, include: set[str]) -> Json:
    """A customer of V3."""
    body: Json = {
        "id": one.id,
        "email": one.email or "",
        "first_name": one.address.first_name,
        "last_name": one.address.last_name,
        "company": "",
        "phone": one.phone or "",
        "customer_group_id": 0,
        "date_created": iso(one.created_at),
        "date_modified": iso(one.updated_at),
        "accepts_product_review_abandoned_cart_emails": False,
        "channel_ids": None,
    }
    if "addresses" in include:
        address = _billing(one.address, None)
        kept = {name: address[name] for name in ("first_name", "last_name", "company", "city", "country", "phone")}
        home = {"id": one.id + 1, "customer_id": one.id, "address1": address["street_1"], "postal_code": address["zip"]}
        body["addresses"] = [{**home, **kept, "country_code": address["country_iso2"], "address_type": "residential"}]
    return body


def product_body(one: Product, base_url: str, include: set[str]) -> Json:
    """A product of V3."""
    first = one.variants[0]
    body: Json = {
        "id": one.id,
        "name": one.title,
        "type": "physical",
        "sku": first.sku,
        "price": (first.compare_at or first.price) / 100,
        "sale_price": first.price / 100 if first.compare_at else 0,
        "calculated_price": first.price / 100,
        "categories": [1],
        "inventory_level": sum(variant.stock for variant in one.variants),
        "inventory_tracking": "variant" if len(one.variants) > 1 else "product",
        "availability": "available",
        "is_visible": True,
        "custom_url": {"url": f"/{one.handle}/", "is_customized": False},
        "date_created": iso(one.created_at),
        "date_modified": iso(one.updated_at),
    }
    if "variants" in include:
        body["variants"] = [_variant(variant) for variant in one.variants]
    if "images" in include:
        body["images"] = [{"id": one.id, "product_id": one.id, "is_thumbnail": True, "url_standard": f"{base_url}/files/{one.handle}.png"}]
    return body


def _variant(one: Variant) -> Json:
    options = [] if one.title == "Default Title" else [{"id": one.id, "label": one.title, "option_display_name": "Size"}]
    return {
        "id": one.id,
        "product_id": one.product,
        "sku": one.sku,
        "price": (one.compare_at or one.price) / 100,
        "sale_price": one.price / 100 if one.compare_at else None,
        "inventory_level": one.stock,
        "purchasing_disabled": False,
        "option_values": options,
    }


def rfc(at: datetime) -> str:
    """A moment as V2 writes it."""
    return format_datetime(at.astimezone(UTC))


def iso(at: datetime) -> str:
    """A moment as V3 writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _four(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}00"
