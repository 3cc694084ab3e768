"""What each field of Shopify's Admin GraphQL says of a store's books. The table knows every field that the schema has.

A field is `(what it is asked of, what the call may see, its arguments) -> value`. Where protected customer data was not approved for the
app, names, phones, e-mails and addresses are null, whatever the scopes say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import GraphQLError

from bot.sandbox.shop.admin_listing import (
    CHECKOUTS,
    CUSTOMERS,
    GATEWAYS,
    ORDERS,
    PRODUCTS,
    VARIANTS,
    Listed,
    Page,
    Sight,
    few,
    gid,
    iso,
    number_of,
    way_back,
)
from bot.sandbox.shop.books import (
    Address,
    Agreed,
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

Args = Mapping[str, Any]
Field = Callable[[Any, Sight, Args], Any]
Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Part:
    """A thing with what it belongs to: a line and its order."""

    one: Any
    of: Any


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a product."""

    key: int
    url: str
    words: str


def _amount(minor: int, at: Sight) -> dict[str, str]:
    return {"amount": decimal(minor), "currencyCode": at.books.currency}


def _bag(minor: int, at: Sight) -> dict[str, dict[str, str]]:
    """Shop and buyer pay in one currency here."""
    return {"shopMoney": _amount(minor, at), "presentmentMoney": _amount(minor, at)}


Read = Callable[[Any], Any]


def _plain(**read: Read) -> Fields:
    """Fields that need neither sight nor arguments."""
    return {name: partial(_said, of) for name, of in read.items()}


def _said(of: Read, one: Any, _: Sight, __: Args) -> Any:
    return of(one)


def _bags(**read: Callable[[Any], int]) -> Fields:
    """Fields that are amounts, by how they are read."""
    return {name: partial(_paid, of) for name, of in read.items()}


def _paid(of: Callable[[Any], int], one: Any, at: Sight, _: Args) -> Any:
    return _bag(of(one), at)


def _protected(**read: Read) -> Fields:
    """Fields that only an app sees that was approved for protected customer data."""
    return {name: partial(_shown, of) for name, of in read.items()}


def _shown(of: Read, one: Any, at: Sight, _: Args) -> Any:
    return of(one) if at.approved else None


# ---- the root


def _orders(_: Any, at: Sight, args: Args) -> Page:
    at.need("read_orders", "orders")
    return ORDERS.page(at.books.orders, at, args, at.shows)


def _checkouts(_: Any, at: Sight, args: Args) -> Page:
    at.need("read_orders", "abandonedCheckouts")
    return CHECKOUTS.page(at.books.checkouts, at, args)


def _customers(_: Any, at: Sight, args: Args) -> Page:
    at.need("read_customers", "customers")
    return CUSTOMERS.page(at.books.customers, at, args)


def _products(_: Any, at: Sight, args: Args) -> Page:
    at.need("read_products", "products")
    return PRODUCTS.page(at.books.products, at, args)


def _variants(_: Any, at: Sight, args: Args) -> Page:
    at.need("read_products", "productVariants")
    meant = Listed({}, VARIANTS).meant(at, args)
    parts = (each for each in sorted(at.books.variants(), key=lambda one: one.id) if meant(each))
    return few([Part(one, at.books.products[one.product]) for one in parts], args, lambda part: part.one.id)


def _counted(listed: Listed, scope: str, things: Callable[[Sight], Iterable[Any]]) -> Field:
    """How many there are, up to a limit that is ten thousand unless it is said."""

    def count(_: Any, at: Sight, args: Args) -> dict[str, Any]:
        at.need(scope, "count")
        meant, most = listed.meant(at, args), args["limit"]
        found = sum(1 for one in things(at) if meant(one))
        exact = most is None or found <= most
        return {"count": found if exact else most, "precision": "EXACT" if exact else "AT_LEAST"}

    return count


def _one(kind: str, given: str, at: Sight) -> Any:
    """The thing with a global id, None where there is none."""
    match kind:
        case "Order":
            at.need("read_orders", "order")
            order = at.books.orders.get(number_of(given, kind))
            return order if order and at.shows(order) else None
        case "Customer":
            at.need("read_customers", "customer")
            return at.books.customers.get(number_of(given, kind))
        case "Product":
            at.need("read_products", "product")
            return at.books.products.get(number_of(given, kind))
        case "ProductVariant":
            at.need("read_products", "productVariant")
            key = number_of(given, kind)
            return next((Part(one, at.books.products[one.product]) for one in at.books.variants() if one.id == key), None)
        case "Fulfillment":
            at.need("read_orders", "fulfillment")
            key = number_of(given, kind)
            parcels = ((parcel, order) for order in at.books.orders for parcel in order.parcels)
            return next((Part(parcel, order) for parcel, order in parcels if parcel.id == key), None)
        case "AbandonedCheckout":
            at.need("read_orders", "abandonedCheckouts")
            return at.books.checkouts.get(number_of(given, kind))
        case _:
            raise GraphQLError(f"Invalid global id '{given}'", extensions={"code": "argumentLiteralsIncompatible"})


def _by_id(kind: str) -> Field:
    return lambda _, at, args: _one(kind, args["id"], at)


def _node(given: str, at: Sight) -> Any:
    kind = given.removeprefix("gid://shopify/").partition("/")[0]
    return _one(kind, given, at)


QUERY: Fields = {
    "orders": _orders,
    "ordersCount": _counted(ORDERS, "read_orders", lambda at: filter(at.shows, at.books.orders)),
    "order": _by_id("Order"),
    "abandonedCheckouts": _checkouts,
    "abandonedCheckoutsCount": _counted(CHECKOUTS, "read_orders", lambda at: at.books.checkouts),
    "customers": _customers,
    "customersCount": _counted(CUSTOMERS, "read_customers", lambda at: at.books.customers),
    "customer": _by_id("Customer"),
    "products": _products,
    "productsCount": _counted(PRODUCTS, "read_products", lambda at: at.books.products),
    "product": _by_id("Product"),
    "productVariants": _variants,
    "productVariant": _by_id("ProductVariant"),
    "fulfillment": _by_id("Fulfillment"),
    "node": lambda _, at, args: _node(args["id"], at),
    "nodes": lambda _, at, args: [_node(given, at) for given in args["ids"]],
    "shop": lambda _, at, __: at.books,
    "currentAppInstallation": lambda _, at, __: at.scopes,
}


# ---- people


def _person(key: int | None, at: Sight) -> Customer | None:
    """An order's customer; without the scope it is null, and no error."""
    return at.books.customers.get(key) if "read_customers" in at.scopes else None


_SMS = {Agreed.NEVER: "NOT_SUBSCRIBED", Agreed.YES: "SUBSCRIBED", Agreed.NO: "UNSUBSCRIBED"}


def _level(consent: Consent) -> str | None:
    return None if consent.state is Agreed.NEVER else "SINGLE_OPT_IN"


CONSENT = _plain(
    state=lambda one: one.state.value,
    optInLevel=_level,
    updatedAt=lambda one: iso(one.at),
    collectedFrom=lambda one: "OTHER" if one.at else None,
)
ADDRESS: Fields = {
    **_plain(
        id=lambda one: gid("MailingAddress", f"{sum(map(ord, one.street + one.zip))}?model_name=Address"),
        city=lambda one: one.city,
        country=lambda one: one.country,
        countryCodeV2=lambda one: one.country,
        province=lambda _: None,
        provinceCode=lambda _: None,
        company=lambda _: None,
    ),
    **_protected(
        firstName=lambda one: one.first_name,
        lastName=lambda one: one.last_name,
        name=lambda one: _name(one),
        phone=lambda one: one.phone,
        address1=lambda one: one.street,
        address2=lambda _: None,
        zip=lambda one: one.zip,
    ),
    "formatted": lambda one, at, _: [one.street, f"{one.zip} {one.city}", one.country] if at.approved else [one.city, one.country],
}


def _name(address: Address) -> str:
    return f"{address.first_name} {address.last_name}"


def _spent(one: Customer, at: Sight) -> int:
    return sum(
        order.total - order.refunded for order in at.books.orders_of(one.id) if order.payment is not Payment.FAILED and not order.test
    )


def _their_orders(one: Customer, at: Sight, args: Args) -> Page:
    at.need("read_orders", "orders")
    meant = ORDERS.meant(at, args)
    return few(
        sorted((order for order in at.books.orders_of(one.id) if at.shows(order) and meant(order)), key=lambda order: order.id), args
    )


CUSTOMER: Fields = {
    **_plain(
        id=lambda one: gid("Customer", one.id),
        legacyResourceId=lambda one: str(one.id),
        locale=lambda one: one.locale,
        createdAt=lambda one: iso(one.created_at),
        updatedAt=lambda one: iso(one.updated_at),
        state=lambda _: "DISABLED",
        tags=lambda _: [],
        note=lambda _: None,
        verifiedEmail=lambda one: one.email is not None,
    ),
    **_protected(
        firstName=lambda one: one.address.first_name,
        lastName=lambda one: one.address.last_name,
        email=lambda one: one.email,
        phone=lambda one: one.phone,
        defaultEmailAddress=lambda one: one if one.email else None,
        defaultPhoneNumber=lambda one: one if one.phone else None,
        emailMarketingConsent=lambda one: one.mail if one.email else None,
        smsMarketingConsent=lambda one: one.sms if one.phone else None,
        defaultAddress=lambda one: one.address,
    ),
    "displayName": lambda one, at, _: _name(one.address) if at.approved else "",
    "addressesV2": lambda one, at, args: few([one.address] if at.approved else [], args, lambda _: 1),
    "amountSpent": lambda one, at, _: _amount(_spent(one, at), at),
    "numberOfOrders": lambda one, at, _: str(len(at.books.orders_of(one.id))),
    "lastOrder": lambda one, at, _: next(reversed(at.books.orders_of(one.id)), None),
    "orders": _their_orders,
}
PHONE: Fields = _plain(
    phoneNumber=lambda one: one.phone,
    whatsAppMarketingConsent=lambda one: one.whatsapp,
    smsMarketingConsent=lambda one: one.sms,
    marketingState=lambda one: _SMS[one.sms.state],
    marketingOptInLevel=lambda one: _level(one.sms),
    marketingUpdatedAt=lambda one: iso(one.sms.at),
    marketingCollectedFrom=lambda one: "OTHER" if one.sms.at else None,
)
EMAIL: Fields = _plain(
    emailAddress=lambda one: one.email,
    marketingState=lambda one: _SMS[one.mail.state],
    marketingOptInLevel=lambda one: _level(one.mail),
    marketingUpdatedAt=lambda one: iso(one.mail.at),
    openTrackingLevel=lambda _: "UNKNOWN",
    validFormat=lambda _: True,
)
OLD_CONSENT: Fields = _plain(
    marketingState=lambda one: _SMS[one.state],
    marketingOptInLevel=lambda one: _level(one) or "UNKNOWN",
    consentUpdatedAt=lambda one: iso(one.at),
    consentCollectedFrom=lambda one: "OTHER" if one.at else None,
)


# ---- products


def _picture(product: Product | None, at: Sight) -> Picture | None:
    return Picture(product.id, f"{at.base_url}/files/{product.handle}.png", product.title) if product else None


def _prices(one: Product, at: Sight, _: Args) -> dict[str, Any]:
    prices = [variant.price for variant in one.variants]
    return {"minVariantPrice": _amount(min(prices), at), "maxVariantPrice": _amount(max(prices), at)}


PRODUCT: Fields = {
    **_plain(
        id=lambda one: gid("Product", one.id),
        legacyResourceId=lambda one: str(one.id),
        title=lambda one: one.title,
        handle=lambda one: one.handle,
        description=lambda one: one.title,
        productType=lambda one: one.kind,
        vendor=lambda _: "Casa Bonita",
        tags=lambda one: [one.kind],
        status=lambda _: "ACTIVE",
        isGiftCard=lambda one: one.is_gift_card,
        createdAt=lambda one: iso(one.created_at),
        updatedAt=lambda one: iso(one.updated_at),
        publishedAt=lambda one: iso(one.created_at),
        totalInventory=lambda one: sum(variant.stock for variant in one.variants),
        tracksInventory=lambda one: not one.is_gift_card,
        hasOnlyDefaultVariant=lambda one: len(one.variants) == 1,
        variantsCount=lambda one: {"count": len(one.variants), "precision": "EXACT"},
    ),
    "onlineStoreUrl": lambda one, at, _: f"{at.base_url}/products/{one.handle}",
    "featuredImage": lambda one, at, _: _picture(one, at),
    "featuredMedia": lambda one, at, _: _picture(one, at),
    "images": lambda one, at, args: few([_picture(one, at)], args, lambda _: 1),
    "media": lambda one, at, args: few([_picture(one, at)], args, lambda _: 1),
    "priceRangeV2": _prices,
    "variants": lambda one, _, args: few([Part(variant, one) for variant in one.variants], args, lambda part: part.one.id),
}
VARIANT: Fields = {
    **_plain(
        id=lambda part: gid("ProductVariant", part.one.id),
        legacyResourceId=lambda part: str(part.one.id),
        title=lambda part: part.one.title,
        displayName=lambda part: f"{part.of.title} - {part.one.title}",
        sku=lambda part: part.one.sku,
        barcode=lambda _: None,
        price=lambda part: decimal(part.one.price),
        compareAtPrice=lambda part: decimal(part.one.compare_at) if part.one.compare_at else None,
        inventoryQuantity=lambda part: part.one.stock,
        inventoryPolicy=lambda _: "DENY",
        inventoryItem=lambda part: part.one,
        availableForSale=lambda part: part.one.stock > 0,
        position=lambda part: part.of.variants.index(part.one) + 1,
        product=lambda part: part.of,
        selectedOptions=lambda part: [{"name": "Title" if part.one.title == "Default Title" else "Size", "value": part.one.title}],
        createdAt=lambda part: iso(part.of.created_at),
        updatedAt=lambda part: iso(part.of.updated_at),
    ),
    "image": lambda _, __, ___: None,  # as with most stores: the product has one, its variants have none
    "media": lambda _, __, args: few([], args),
}
IMAGE: Fields = _plain(
    id=lambda one: gid("ProductImage", one.key),
    url=lambda one: one.url,
    altText=lambda one: one.words,
    width=lambda _: 1024,
    height=lambda _: 1024,
)
MEDIA: Fields = _plain(
    id=lambda one: gid("MediaImage", one.key),
    alt=lambda one: one.words,
    mediaContentType=lambda _: "IMAGE",
    status=lambda _: "READY",
    image=lambda one: one,
    preview=lambda one: {"image": one, "status": "READY"},
)


# ---- orders


def _product_of(line: Line, at: Sight) -> Product | None:
    return at.books.products.get(line.product) if "read_products" in at.scopes else None


def _variant_of(line: Line, at: Sight) -> Part | None:
    product, variant = _product_of(line, at), at.books.variant(line)
    return Part(variant, product) if product and variant else None


def _line_off(part: Part) -> int:
    """The line's share of what a code took off."""
    return round(part.of.discount * part.one.total / part.of.subtotal) if part.of.subtotal else 0


def _line_codes(part: Part, at: Sight) -> list[dict[str, Any]]:
    if not part.of.code:
        return []
    return [{"allocatedAmountSet": _bag(_line_off(part), at), "discountApplication": part.of}]


ANY_LINE: Fields = {
    **_plain(
        title=lambda part: part.one.title,
        variantTitle=lambda part: part.one.variant_title or None,
        sku=lambda part: part.one.sku,
        quantity=lambda part: part.one.quantity,
        customAttributes=lambda _: [],
    ),
    "product": lambda part, at, _: _product_of(part.one, at),
    "variant": lambda part, at, _: _variant_of(part.one, at),
    "image": lambda part, at, _: _picture(at.books.products.get(part.one.product), at),
    **_bags(originalUnitPriceSet=lambda part: part.one.price),
}
LINE: Fields = {
    **ANY_LINE,
    **_plain(
        id=lambda part: gid("LineItem", part.one.id),
        name=lambda part: " - ".join(filter(None, (part.one.title, part.one.variant_title))),
        currentQuantity=lambda part: part.of.left(part.one),
        refundableQuantity=lambda part: part.of.left(part.one),
        unfulfilledQuantity=lambda part: 0 if part.of.parcels else part.one.quantity,
        isGiftCard=lambda part: part.one.sku.startswith("CB-GIFT"),
        requiresShipping=lambda part: not part.one.sku.startswith("CB-GIFT"),
        vendor=lambda _: "Casa Bonita",
    ),
    **_bags(
        originalTotalSet=lambda part: part.one.total,
        totalDiscountSet=_line_off,
        discountedTotalSet=lambda part: part.one.total - _line_off(part),
        discountedUnitPriceSet=lambda part: part.one.price - round(_line_off(part) / part.one.quantity),
    ),
    "discountAllocations": lambda part, at, _: _line_codes(part, at),
}
_DISPLAYED = {True: "FULFILLED", False: "UNFULFILLED"}


def _transactions(one: Order, at: Sight) -> list[dict[str, Any]]:
    made = [_transaction(one.id * 10, "SALE", one.total, one.paid_at or one.placed_at, one, at)]
    return made + [_transaction(refund.id, "REFUND", refund.amount, refund.at, one, at) for refund in one.refunds]


def _transaction(key: int, kind: str, minor: int, when: Any, one: Order, at: Sight) -> dict[str, Any]:
    status = "SUCCESS" if kind == "REFUND" or one.paid_at or one.refunds else "FAILURE" if one.payment is Payment.FAILED else "PENDING"
    return {
        "id": gid("OrderTransaction", key),
        "kind": kind,
        "status": status,
        "gateway": GATEWAYS[one.gateway],
        "formattedGateway": GATEWAYS[one.gateway],
        "amountSet": _bag(minor, at),
        "createdAt": iso(when),
        "processedAt": iso(when),
        "test": one.test,
    }


ORDER: Fields = {
    **_plain(
        id=lambda one: gid("Order", one.id),
        legacyResourceId=lambda one: str(one.id),
        name=lambda one: f"#{one.number}",
        number=lambda one: one.number,
        confirmationNumber=lambda one: f"CB{one.number:07d}",
        createdAt=lambda one: iso(one.placed_at),
        processedAt=lambda one: iso(one.placed_at),
        updatedAt=lambda one: iso(one.updated_at),
        cancelledAt=lambda one: iso(one.cancelled_at),
        cancelReason=lambda one: "CUSTOMER" if one.cancelled_at else None,
        closed=lambda one: one.delivered,
        closedAt=lambda one: iso(one.updated_at) if one.delivered else None,
        confirmed=lambda _: True,
        test=lambda one: one.test,
        edited=lambda _: False,
        checkoutToken=lambda one: one.checkout_token,
        cartToken=lambda one: one.cart_token,
        customerLocale=lambda one: one.locale,
        discountCode=lambda one: one.code,
        discountCodes=lambda one: [one.code] if one.code else [],
        displayFinancialStatus=lambda one: one.payment.value,
        displayFulfillmentStatus=lambda one: _DISPLAYED[bool(one.parcels)],
        fullyPaid=lambda one: one.payment is Payment.PAID,
        unpaid=lambda one: one.payment in (Payment.AWAITED, Payment.FAILED),
        paymentGatewayNames=lambda one: [GATEWAYS[one.gateway]],
        sourceName=lambda one: one.source.value,
        sourceIdentifier=lambda _: None,
        registeredSourceUrl=lambda _: None,
        landingPageUrl=lambda _: None,
        returnStatus=lambda _: "NO_RETURN",
        retailLocation=lambda one: one if one.source is Source.COUNTER else None,
        note=lambda _: None,
        tags=lambda _: [],
        customAttributes=lambda one: [{"key": key, "value": value} for key, value in one.note_attributes],
        refunds=lambda one: [Part(refund, one) for refund in one.refunds],
        fulfillments=lambda one: [Part(parcel, one) for parcel in one.parcels],
    ),
    **_protected(
        email=lambda one: one.email,
        phone=lambda one: one.phone,
        billingAddress=lambda one: one.address,
        shippingAddress=lambda one: one.address if one.source is not Source.COUNTER else None,
    ),
    **_bags(
        totalPriceSet=lambda one: one.total,
        originalTotalPriceSet=lambda one: one.total,
        subtotalPriceSet=lambda one: one.total,
        currentTotalPriceSet=lambda one: one.total - one.refunded,
        currentSubtotalPriceSet=lambda one: one.total - one.refunded,
        currentTotalDiscountsSet=lambda one: one.discount,
        totalDiscountsSet=lambda one: one.discount,
        totalRefundedSet=lambda one: one.refunded,
        totalOutstandingSet=lambda one: one.total if one.payment is Payment.AWAITED else 0,
        totalReceivedSet=lambda one: one.total if one.paid_at else 0,
        totalShippingPriceSet=lambda _: 0,
        totalTaxSet=lambda _: 0,
    ),
    "currencyCode": lambda _, at, __: at.books.currency,
    "presentmentCurrencyCode": lambda _, at, __: at.books.currency,
    "customer": lambda one, at, _: _person(one.customer, at),
    "lineItems": lambda one, _, args: few([Part(line, one) for line in one.lines], args, lambda part: part.one.id),
    "statusPageUrl": lambda one, at, _: f"{at.base_url}/orders/{one.id}/authenticate",
    "discountApplications": lambda one, _, args: few([one] if one.code else [], args),
    "shippingLine": lambda one, _, __: one if one.source is Source.WEB else None,
    "shippingLines": lambda one, _, args: few([one] if one.source is Source.WEB else [], args),
    "transactions": lambda one, at, args: _transactions(one, at)[: args.get("first")],
}
LOCATION: Fields = _plain(id=lambda _: gid("Location", 1), legacyResourceId=lambda _: "1", name=lambda _: "Casa Bonita")
APPLICATION: Fields = {
    **_plain(
        code=lambda one: one.code,
        index=lambda _: 0,
        allocationMethod=lambda _: "ACROSS",
        targetSelection=lambda _: "ALL",
        targetType=lambda _: "LINE_ITEM",
        value=lambda one: {"percentage": 10.0},
    ),
}
SHIPPING: Fields = {
    **_plain(
        id=lambda one: gid("ShippingLine", one.id),
        title=lambda _: "Standard",
        code=lambda _: "Standard",
        source=lambda _: "shopify",
    ),
    **_protected(phone=lambda _: None),
    **_bags(originalPriceSet=lambda _: 0, discountedPriceSet=lambda _: 0),
}
REFUND: Fields = {
    **_plain(
        id=lambda part: gid("Refund", part.one.id),
        legacyResourceId=lambda part: str(part.one.id),
        createdAt=lambda part: iso(part.one.at),
        processedAt=lambda part: iso(part.one.at),
        updatedAt=lambda part: iso(part.one.at),
        note=lambda _: None,
        order=lambda part: part.of,
    ),
    **_bags(totalRefundedSet=lambda part: part.one.amount),
    "refundLineItems": lambda part, _, args: few(_refund_lines(part.one, part.of), args, lambda one: one["key"]),
    "transactions": lambda part, at, args: few(
        [_transaction(part.one.id, "REFUND", part.one.amount, part.one.at, part.of, at)], args, lambda _: part.one.id
    ),
}


def _refund_lines(refund: Refund, order: Order) -> list[dict[str, Any]]:
    lines = {line.id: line for line in order.lines}
    return [{"key": key, "line": Part(lines[key], order), "quantity": pieces} for key, pieces in refund.pieces.items() if pieces]


REFUND_LINE: Fields = {
    **_plain(
        id=lambda one: gid("RefundLineItem", one["key"]),
        lineItem=lambda one: one["line"],
        quantity=lambda one: one["quantity"],
        restockType=lambda _: "RETURN",
        restocked=lambda _: True,
    ),
    **_bags(priceSet=lambda one: one["line"].one.price, subtotalSet=lambda one: one["line"].one.price * one["quantity"]),
}


def _arrival(parcel: Parcel) -> list[Part]:
    told = [("IN_TRANSIT", parcel.shipped_at)] + ([("DELIVERED", parcel.delivered_at)] if parcel.delivered_at else [])
    return [Part(status, (parcel, when, number)) for number, (status, when) in enumerate(told)]


PARCEL: Fields = {
    **_plain(
        id=lambda part: gid("Fulfillment", part.one.id),
        legacyResourceId=lambda part: str(part.one.id),
        name=lambda part: f"#{part.of.number}-F1",
        order=lambda part: part.of,
        status=lambda _: "SUCCESS",
        displayStatus=lambda part: "DELIVERED" if part.one.delivered_at else "IN_TRANSIT",
        createdAt=lambda part: iso(part.one.shipped_at),
        updatedAt=lambda part: iso(part.one.delivered_at or part.one.shipped_at),
        inTransitAt=lambda part: iso(part.one.shipped_at),
        deliveredAt=lambda part: iso(part.one.delivered_at),
        estimatedDeliveryAt=lambda _: None,
        totalQuantity=lambda part: sum(line.quantity for line in part.of.lines),
    ),
    "trackingInfo": lambda part, at, _: [
        {"company": "Correo", "number": part.one.number, "url": f"{at.base_url}/track/{part.one.number}"},
    ],
    "events": lambda part, _, args: few(_arrival(part.one), args, lambda one: one.of[2]),
    "fulfillmentLineItems": lambda part, _, args: few([Part(line, part.of) for line in part.of.lines], args, lambda one: one.one.id),
}
PARCEL_EVENT: Fields = _plain(
    id=lambda part: gid("FulfillmentEvent", part.of[0].id * 10 + part.of[2]),
    status=lambda part: part.one,
    happenedAt=lambda part: iso(part.of[1]),
    createdAt=lambda part: iso(part.of[1]),
    message=lambda _: None,
)
PARCEL_LINE: Fields = {
    **_plain(id=lambda part: gid("FulfillmentLineItem", part.one.id), lineItem=lambda part: part, quantity=lambda part: part.one.quantity),
    **_bags(originalTotalSet=lambda part: part.one.total),
}


# ---- checkouts


CHECKOUT: Fields = {
    **_plain(
        id=lambda one: gid("AbandonedCheckout", one.id),
        defaultCursor=lambda one: str(one.id),
        name=lambda one: f"#{one.id}",
        createdAt=lambda one: iso(one.created_at),
        updatedAt=lambda one: iso(one.updated_at),
        completedAt=lambda one: iso(one.completed_at),
        discountCodes=lambda one: [one.code] if one.code else [],
        customAttributes=lambda _: [],
        note=lambda _: "",
        taxesIncluded=lambda _: True,
    ),
    **_protected(billingAddress=lambda one: one.address, shippingAddress=lambda one: one.address),
    **_bags(
        totalPriceSet=lambda one: one.total,
        subtotalPriceSet=lambda one: one.total,
        totalLineItemsPriceSet=lambda one: one.total,
        totalDiscountSet=lambda _: 0,
        totalTaxSet=lambda _: 0,
    ),
    "customer": lambda one, at, _: _person(one.customer, at),
    "abandonedCheckoutUrl": lambda one, at, _: way_back(one, at.now, at.base_url),
    "lineItems": lambda one, _, args: few([Part(line, one) for line in one.lines], args, lambda part: part.one.id),
}
CHECKOUT_LINE: Fields = {
    **ANY_LINE,
    **_plain(id=lambda part: gid("AbandonedCheckoutLineItem", part.one.id)),
    **_bags(
        originalTotalPriceSet=lambda part: part.one.total,
        discountedTotalPriceSet=lambda part: part.one.total,
        discountedUnitPriceSet=lambda part: part.one.price,
    ),
}


# ---- the shop and the app


SHOP: Fields = {
    **_plain(
        id=lambda _: gid("Shop", 1),
        name=lambda books: books.name,
        myshopifyDomain=lambda books: books.domain,
        currencyCode=lambda books: books.currency,
        enabledPresentmentCurrencies=lambda books: [books.currency],
        ianaTimezone=lambda books: books.timezone,
        timezoneAbbreviation=lambda _: "CET",
        timezoneOffset=lambda _: "+0100",
        email=lambda _: "owner@example.com",
        contactEmail=lambda _: "hello@example.com",
        shopOwnerName=lambda _: "Paula Bonita",
        createdAt=lambda _: "2022-03-01T09:00:00Z",
        updatedAt=lambda books: iso(books.clock()),
        plan=lambda _: {"displayName": "Basic", "publicDisplayName": "Basic", "partnerDevelopment": False, "shopifyPlus": False},
        billingAddress=lambda books: books,
        shopAddress=lambda books: books,
    ),
    "url": lambda _, at, __: at.base_url,
    "primaryDomain": lambda books, at, _: {"id": gid("Domain", 1), "host": books.domain, "sslEnabled": True, "url": at.base_url},
}
SHOP_ADDRESS: Fields = _plain(
    id=lambda _: gid("ShopAddress", 1),
    city=lambda _: "Madrid",
    zip=lambda _: "28001",
    country=lambda books: books.country,
    countryCodeV2=lambda books: books.country,
)
INSTALLATION: Fields = {
    "id": lambda _, __, ___: gid("AppInstallation", 1),
    "app": lambda _, __, ___: {"id": gid("App", 1), "handle": "comeback", "title": "Comeback", "apiKey": "sandbox"},
    "accessScopes": lambda scopes, _, __: [{"handle": scope, "description": scope.replace("_", " ")} for scope in sorted(scopes)],
}
PAGE_INFO: Fields = _plain(
    hasNextPage=lambda page: page.after,
    hasPreviousPage=lambda page: page.before,
    startCursor=lambda page: page.cursors[0] if page.cursors else None,
    endCursor=lambda page: page.cursors[-1] if page.cursors else None,
)
CONNECTION: Fields = _plain(
    nodes=lambda page: page.nodes,
    edges=lambda page: [{"node": node, "cursor": cursor} for node, cursor in zip(page.nodes, page.cursors, strict=True)],
    pageInfo=lambda page: page,
)

FIELDS: Mapping[str, Fields] = {
    "QueryRoot": QUERY,
    "Order": ORDER,
    "LineItem": LINE,
    "Refund": REFUND,
    "RefundLineItem": REFUND_LINE,
    "Fulfillment": PARCEL,
    "FulfillmentEvent": PARCEL_EVENT,
    "FulfillmentLineItem": PARCEL_LINE,
    "ShippingLine": SHIPPING,
    "Location": LOCATION,
    "DiscountCodeApplication": APPLICATION,
    "AbandonedCheckout": CHECKOUT,
    "AbandonedCheckoutLineItem": CHECKOUT_LINE,
    "Customer": CUSTOMER,
    "CustomerPhoneNumber": PHONE,
    "CustomerEmailAddress": EMAIL,
    "CustomerWhatsAppMarketingConsent": CONSENT,
    "CustomerSmsMarketingConsent": CONSENT,
    "CustomerSmsMarketingConsentState": OLD_CONSENT,
    "CustomerEmailMarketingConsentState": OLD_CONSENT,
    "MailingAddress": ADDRESS,
    "Product": PRODUCT,
    "ProductVariant": VARIANT,
    "InventoryItem": _plain(
        id=lambda one: gid("InventoryItem", one.id),
        legacyResourceId=lambda one: str(one.id),
        sku=lambda one: one.sku,
        tracked=lambda _: True,
    ),
    "Image": IMAGE,
    "MediaImage": MEDIA,
    "Shop": SHOP,
    "ShopAddress": SHOP_ADDRESS,
    "AppInstallation": INSTALLATION,
    "PageInfo": PAGE_INFO,
}
NODES: Mapping[type, str] = {Order: "Order", Checkout: "AbandonedCheckout", Customer: "Customer", Product: "Product"}
PARTS: Mapping[type, str] = {Variant: "ProductVariant", Parcel: "Fulfillment"}
ALWAYS = {
    "DiscountApplication": "DiscountCodeApplication",
    "Media": "MediaImage",
    "PricingValue": "PricingPercentageValue",
    "WebhookSubscriptionEndpoint": "WebhookHttpEndpoint",
}


def kind_of(one: Any, abstract: str) -> str:
    """The GraphQL type of a thing, where the schema only says that it is one of several."""
    if abstract in ALWAYS:
        return ALWAYS[abstract]
    return PARTS[type(one.one)] if isinstance(one, Part) else NODES[type(one)]
