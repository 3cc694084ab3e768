"""What Shopify's Admin GraphQL tells of orders, abandoned checkouts, customers and products, in the words of its webhooks.

One reader then understands both (`shopify.py`), and the same order has the same key, total and state whichever way it came. Ids are told as
`gid://shopify/Order/1` here and as numbers there.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.shop.shopify import global_number

Node = Mapping[str, Any]

LINES = 8  # of an order with the order itself: nearly all have fewer; the rest are asked for one order at a time
PARCELS = 3

_ADDRESS = "{ firstName phone countryCodeV2 }"
_CONTACT = "defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber }"
_BUYER = f"customer {{ id firstName {_CONTACT} defaultAddress {_ADDRESS} }}"
_PRICE = "{ shopMoney { amount currencyCode } }"
_LINE = f"title name sku quantity currentQuantity product {{ id }} variant {{ id }} originalUnitPriceSet {_PRICE}"
_CHECKOUT_LINE = f"title sku quantity product {{ id }} variant {{ id }} originalUnitPriceSet {_PRICE}"
LINE_PAGE = f"pageInfo {{ hasNextPage endCursor }} nodes {{ {_LINE} }}"

ORDER = f"""fragment order on Order {{
  id name email phone createdAt processedAt updatedAt cancelledAt test currencyCode displayFinancialStatus displayFulfillmentStatus
  sourceName customerLocale statusPageUrl checkoutToken cartToken landingPageUrl discountCodes paymentGatewayNames
  customAttributes {{ key value }} currentTotalPriceSet {_PRICE} totalRefundedSet {_PRICE}
  shippingAddress {_ADDRESS} billingAddress {_ADDRESS} {_BUYER}
  fulfillments(first: {PARCELS}) {{ status displayStatus trackingInfo(first: 1) {{ url }} }}
  lineItems(first: {LINES}) {{ {LINE_PAGE} }} }}"""

CHECKOUT = f"""fragment checkout on AbandonedCheckout {{
  id abandonedCheckoutUrl completedAt createdAt updatedAt discountCodes customAttributes {{ key value }} totalPriceSet {_PRICE}
  shippingAddress {_ADDRESS} billingAddress {_ADDRESS} {_BUYER}
  lineItems(first: {LINES}) {{ nodes {{ {_CHECKOUT_LINE} }} }} }}"""

CUSTOMER = f"""fragment customer on Customer {{
  id firstName locale updatedAt defaultEmailAddress {{ emailAddress }} defaultAddress {_ADDRESS}
  defaultPhoneNumber {{ phoneNumber whatsAppMarketingConsent {{ state optInLevel updatedAt collectedFrom }} }} }}"""

PRODUCT = """fragment product on Product {
  id title handle updatedAt variants(first: 100) {
    nodes { id title sku price compareAtPrice inventoryQuantity inventoryItem { id } } } }"""

_FULFILMENTS = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}
_TOKEN = re.compile(r"[A-Za-z0-9_=-]{16,100}", re.ASCII)
_CHECKOUT_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


def order(node: Node) -> dict[str, Any]:
    """An order as the topics orders/... tell it."""
    refunded = _amount(node, "totalRefundedSet")
    return _without_nulls(
        {
            "id": _number(node.get("id")),
            "name": node.get("name"),
            "email": node.get("email"),
            "phone": node.get("phone"),
            "created_at": node.get("createdAt"),
            "processed_at": node.get("processedAt"),
            "updated_at": node.get("updatedAt"),
            "cancelled_at": node.get("cancelledAt"),
            "test": node.get("test"),
            "currency": node.get("currencyCode"),
            "financial_status": _lower(node.get("displayFinancialStatus")),
            "fulfillment_status": _FULFILMENTS.get(str(node.get("displayFulfillmentStatus"))),
            "source_name": node.get("sourceName"),
            "customer_locale": node.get("customerLocale"),
            "order_status_url": node.get("statusPageUrl"),
            "checkout_token": node.get("checkoutToken"),
            "cart_token": node.get("cartToken"),
            "landing_site": node.get("landingPageUrl"),
            "discount_codes": [{"code": code} for code in node.get("discountCodes") or ()],
            "payment_gateway_names": node.get("paymentGatewayNames"),
            "note_attributes": _notes(node),
            "current_total_price": _amount(node, "currentTotalPriceSet"),
            "refunds": [{"transactions": [{"amount": refunded}]}] if refunded and float(refunded) else None,
            "shipping_address": _address(node, "shippingAddress"),
            "billing_address": _address(node, "billingAddress"),
            "customer": _buyer(node),
            "fulfillments": [_parcel(one) for one in node.get("fulfillments") or ()],
            "line_items": [_line(one) for one in _nodes(node, "lineItems")],
        }
    )


def checkout(node: Node) -> dict[str, Any]:
    """A checkout as the topics checkouts/... tell it. GraphQL does not know its token: that stands in the link that leads back.

    In newer links that is the token of the cart: then the checkout goes by it, and is one with the checkout whose webhook tells this cart.
    """
    token = _token_in(node.get("abandonedCheckoutUrl")) or _number(node.get("id"))
    return _without_nulls(
        {
            "token": token,
            "cart_token": None if token is None or _CHECKOUT_TOKEN.fullmatch(token) else token,
            "created_at": node.get("createdAt"),
            "updated_at": node.get("updatedAt"),
            "completed_at": node.get("completedAt"),
            "currency": _money(node, "totalPriceSet").get("currencyCode"),
            "total_price": _amount(node, "totalPriceSet"),
            "abandoned_checkout_url": node.get("abandonedCheckoutUrl"),
            "discount_codes": [{"code": code} for code in node.get("discountCodes") or ()],
            "note_attributes": _notes(node),
            "shipping_address": _address(node, "shippingAddress"),
            "billing_address": _address(node, "billingAddress"),
            "customer": _buyer(node),
            "line_items": [_line(one) for one in _nodes(node, "lineItems")],
        }
    )


def customer(node: Node) -> dict[str, Any]:
    """A customer as the topics customers/... tell them, with what they agreed to."""
    phone = node.get("defaultPhoneNumber") or {}
    stated = phone.get("whatsAppMarketingConsent") or {}
    consent = {
        "state": _lower(stated.get("state")),
        "opt_in_level": _lower(stated.get("optInLevel")),
        "updated_at": stated.get("updatedAt"),
        "collected_from": _lower(stated.get("collectedFrom")),
    }
    return _without_nulls(
        {
            "id": _number(node.get("id")),
            "email": (node.get("defaultEmailAddress") or {}).get("emailAddress"),
            "phone": phone.get("phoneNumber"),
            "first_name": node.get("firstName"),
            "locale": node.get("locale"),
            "updated_at": node.get("updatedAt"),
            "default_address": _address(node, "defaultAddress"),
            "whats_app_marketing_consent": _without_nulls(consent) if stated.get("state") else None,
        }
    )


def product(node: Node) -> dict[str, Any]:
    """A product as the topics products/... tell it."""
    return _without_nulls(
        {
            "id": _number(node.get("id")),
            "title": node.get("title"),
            "handle": node.get("handle"),
            "updated_at": node.get("updatedAt"),
            "variants": [_variant(one) for one in _nodes(node, "variants")],
        }
    )


def _variant(node: Node) -> dict[str, Any]:
    return _without_nulls(
        {
            "id": _number(node.get("id")),
            "title": node.get("title"),
            "sku": node.get("sku"),
            "price": node.get("price"),
            "compare_at_price": node.get("compareAtPrice"),
            "inventory_quantity": node.get("inventoryQuantity"),
            "inventory_item_id": _number((node.get("inventoryItem") or {}).get("id")),
        }
    )


def _line(node: Node) -> dict[str, Any]:
    return _without_nulls(
        {
            "product_id": _number((node.get("product") or {}).get("id")),
            "variant_id": _number((node.get("variant") or {}).get("id")),
            "sku": node.get("sku"),
            "title": node.get("title"),
            "name": node.get("name"),
            "quantity": node.get("quantity"),
            "current_quantity": node.get("currentQuantity"),
            "price": _amount(node, "originalUnitPriceSet"),
        }
    )


def _parcel(node: Node) -> dict[str, Any]:
    links = (one.get("url") for one in node.get("trackingInfo") or () if one)
    shipment = _lower(node.get("displayStatus"))
    return _without_nulls(
        {"status": _lower(node.get("status")), "shipment_status": shipment, "tracking_url": next((link for link in links if link), None)}
    )


def _buyer(node: Node) -> dict[str, Any] | None:
    told = node.get("customer")
    if not told:
        return None
    return _without_nulls(
        {
            "id": _number(told.get("id")),
            "email": (told.get("defaultEmailAddress") or {}).get("emailAddress"),
            "phone": (told.get("defaultPhoneNumber") or {}).get("phoneNumber"),
            "first_name": told.get("firstName"),
            "default_address": _address(told, "defaultAddress"),
        }
    )


def _address(node: Node, name: str) -> dict[str, Any] | None:
    told = node.get(name)
    if not told:
        return None
    return _without_nulls({"first_name": told.get("firstName"), "phone": told.get("phone"), "country_code": told.get("countryCodeV2")})


def _notes(node: Node) -> list[dict[str, Any]]:
    return [{"name": one.get("key"), "value": one.get("value")} for one in node.get("customAttributes") or () if one]


def _nodes(node: Node, name: str) -> Iterator[Node]:
    yield from (one for one in (node.get(name) or {}).get("nodes") or () if one)


def _money(node: Node, name: str) -> Mapping[str, Any]:
    money: Mapping[str, Any] = (node.get(name) or {}).get("shopMoney") or {}
    return money


def _amount(node: Node, name: str) -> str | None:
    amount = _money(node, name).get("amount")
    return None if amount is None else str(amount)


def _number(written: object) -> str | None:
    return global_number(written) if isinstance(written, str) else None


def _lower(written: object) -> str | None:
    return written.lower() if isinstance(written, str) else None


def _token_in(link: object) -> str | None:
    """`/548380009/checkouts/0123.../recover?key=...`, and since 2023 `/548380009/checkouts/ac/Z2Nw.../recover?key=...`."""
    words = urlsplit(link).path.split("/") if isinstance(link, str) else []
    behind = words[words.index("checkouts") + 1 :] if "checkouts" in words else []
    return next((word for word in behind if _TOKEN.fullmatch(word)), None)


def _without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
