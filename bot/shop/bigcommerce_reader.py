"""Reading a BigCommerce store by its REST API: orders (V2) and customers (V3) by when they changed, and what its thin webhooks only name.

There is no list of carts. A cart has no phone: that stands in the checkout of the same id. A list of orders tells what they sold by their
consignments; an order alone, and one whose consignments do not tell all of it, takes a call for its products.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from bot.shop import bigcommerce, keyset
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.delivery import FETCHED, Told
from bot.shop.event import Resource, Thin
from bot.shop.field import Fields
from bot.shop.keyset import Changed
from bot.shop.reader import LONG_AGO, Found, Page, Part, found
from bot.shop.verifier import Doubt, NoAnswer
from bot.shop.wire import Answer, ApiRefused, Garbled, NotThere, ShopUnreachable, part_of

PAGE = 100  # orders: some cost calls of their own, and a page is kept or asked for again as a whole
CUSTOMERS = 250
MOST_PRODUCTS = 250  # of an order, in one call
MOST_HOMES = 3  # addresses of a customer, for a phone
_ADDRESS = ("first_name", "phone", "email", "country_iso2", "country_code")
_ORDER = (
    *("id", "cart_id", "status_id", "customer_id", "date_created", "date_modified", "currency_code", "total_inc_tax", "refunded_amount"),
    *("payment_method", "payment_status", "order_source", "customer_locale", "is_deleted"),
)
_PRODUCT = ("product_id", "variant_id", "sku", "name", "quantity", "quantity_refunded", "price_inc_tax")
_WITH_PRODUCTS = {"include": "consignments.line_items", "consignment_structure": "object"}
_CART = ("id", "customer_id", "email", "currency", "cart_amount", "base_amount", "created_time", "updated_time", "locale", "coupons")
_LINE = ("product_id", "variant_id", "sku", "name", "quantity", "sale_price", "list_price")
_CUSTOMER = ("id", "email", "first_name", "phone", "date_modified", "date_created")
_THING = ("id", "name", "sku", "price", "sale_price", "date_modified", "custom_url", "inventory_level", "availability")
_VARIANT = ("id", "sku", "price", "sale_price", "inventory_level", "purchasing_disabled", "option_values")


class BigReader:
    """One store. `region` is where phones without a country code are from."""

    parts = (Part.SHOPPER, Part.ORDER)
    changes = parts

    def __init__(self, wire: BigRest, shop: str, region: str | None) -> None:
        self._wire, self._shop, self._region = wire, shop, region

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        """What changed since then, from `cursor` on."""
        if part not in self.parts:
            raise ApiRefused("BigCommerce has no list of carts")
        place = keyset.place(cursor, since)
        where = {"page": str(place.number), "sort": "date_modified:asc"}
        after = _iso(place.since)
        if part is Part.SHOPPER:
            asked = {"date_modified:min": after, "limit": str(CUSTOMERS), "include": "addresses"} | where
            told, most = _objects(_data(await self._wire.ask("/v3/customers", asked))), CUSTOMERS
        else:
            asked = {"min_date_modified": after, "limit": str(PAGE)} | _WITH_PRODUCTS | where
            told, most = _objects(_listed((await self._wire.ask("/v2/orders", asked)).json())), PAGE
        new = [one for one in told if str(one.get("id")) not in place.seen and one.get("status_id") != bigcommerce.INCOMPLETE]
        read = [self._customer(one) for one in new] if part is Part.SHOPPER else await self._orders(new)
        on = keyset.after(place, [Changed(str(one.get("id")), bigcommerce.moment(Fields(one), "date_modified")) for one in told], most)
        expected = await self._count(part, after) if cursor is None else None
        return Page(tuple(read), on.cursor if on else None, expected)

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        """What a webhook named, at the address it told. Raises NotThere when it is gone."""
        match thin.resource:
            case Resource.ORDER:
                return (await self._order((await self._wire.ask(thin.address)).json()),)
            case Resource.CART:
                return (await self._cart(_object((await self._wire.ask(thin.address)).json(), "data"), thin.key),)
            case Resource.SHOPPER:
                return tuple(self._customer(one) for one in _data(await self._wire.ask(thin.address)))
            case Resource.PRODUCT:
                return (self._found("product", _object((await self._wire.ask(thin.address)).json(), "data"), _product_shape),)
        raise ApiRefused(f"nothing is read of a {thin.resource}")

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        """A cart that was bought or deleted is not there any more."""
        try:
            if doubt is Doubt.CART_OPEN:
                await self._wire.ask(f"/v3/carts/{bigcommerce.in_address(key)}")
                return True
            order = (await self._wire.ask(f"/v2/orders/{bigcommerce.in_address(key)}")).json()
        except NotThere:
            return False
        except (ApiRefused, ShopUnreachable, ValueError) as fault:
            raise NoAnswer(str(fault)) from None
        if not isinstance(order, dict):
            raise NoAnswer("the shop's answer cannot be read")
        return any(order.get("status_id") == status for status in bigcommerce.UNPAID)

    async def _count(self, part: Part, after: str) -> int | None:
        if part is Part.SHOPPER:
            told = (await self._wire.ask("/v3/customers", {"date_modified:min": after, "limit": "1"})).json()
            count = part_of(part_of(told, "meta"), "pagination").get("total")
            return count if isinstance(count, int) else None
        told = (await self._wire.ask("/v2/orders/count", {"min_date_modified": after})).json()
        by_status = _objects(told.get("statuses")) if isinstance(told, dict) else []
        counts = [one.get("count") for one in by_status if one.get("id") != bigcommerce.INCOMPLETE]
        return sum(count for count in counts if isinstance(count, int)) if counts else None

    async def _orders(self, told: Iterable[Any]) -> list[Found]:
        """Without those that are deleted while they are read."""
        read = []
        for one in told:
            with suppress(NotThere):
                read.append(await self._order(one))
        return read

    async def _order(self, told: Any) -> Found:
        if not isinstance(told, dict) or not isinstance(told.get("id"), int):
            raise Garbled
        products = _products_told(told)
        if products is None:
            asked = {"limit": str(MOST_PRODUCTS)}
            products = _listed((await self._wire.ask(f"/v2/orders/{told['id']}/products", asked)).json())
        has_code = (Fields(told).amount("coupon_discount") or 0) > 0
        coupons = _listed((await self._wire.ask(f"/v2/orders/{told['id']}/coupons")).json()) if has_code else []

        def shape(raw: dict[str, Any]) -> dict[str, Any]:
            kept = _only(raw, _ORDER) | {"billing_address": _only(raw.get("billing_address") or {}, _ADDRESS)}
            kept["products"] = [_only(one, _PRODUCT) for one in _objects(products)]
            return kept | ({"coupons": [_only(one, ("code",)) for one in _objects(coupons)]} if coupons else {})

        return self._found("order", told, shape)

    async def _cart(self, told: dict[str, Any], key: str) -> Found:
        checkout = _object((await self._wire.ask(f"/v3/checkouts/{bigcommerce.in_address(key)}")).json(), "data")

        def shape(raw: dict[str, Any]) -> dict[str, Any]:
            kept = _only(raw, _CART) | {"billing_address": _only(checkout.get("billing_address") or {}, _ADDRESS)}
            kinds = raw.get("line_items") or {}
            kept["line_items"] = [_only(one, _LINE) for kind in sorted(kinds) for one in _objects(kinds[kind])]
            return kept | {"link": (raw.get("redirect_urls") or {}).get("cart_url")}

        return self._found("cart", told, shape)

    def _customer(self, told: Any) -> Found:
        return self._found("customer", told, _customer_shape)

    def _found(self, thing: str, raw: Any, shape: Callable[[Any], dict[str, Any]]) -> Found:
        if not isinstance(raw, dict):
            raise Garbled
        told = Told(f"{thing}/{FETCHED}", LONG_AGO, region=self._region)
        return found(bigcommerce.PLATFORM, self._shop, f"{thing}:{raw.get('id')}", told, raw, shape, bigcommerce.read)


def _products_told(order: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What an order sold, as its consignments tell it; None where they do not tell as many pieces as the order has."""
    lines = [line for part in _parts(order.get("consignments")) for line in _objects(part.get("line_items"))]
    pieces = [line["quantity"] for line in lines if isinstance(line.get("quantity"), int)]
    is_whole = lines and len(pieces) == len(lines) and sum(pieces) == order.get("items_total")
    return sorted(lines, key=lambda line: str(line.get("id")).zfill(20)) if is_whole else None


def _parts(told: Any) -> list[dict[str, Any]]:
    """The consignments in a list of them, or in kinds of lists."""
    if isinstance(told, list):
        return [part for one in told for part in _parts(one)]
    if not isinstance(told, dict):
        return []
    return [told] if "line_items" in told else [part for one in told.values() for part in _parts(one)]


def _customer_shape(raw: dict[str, Any]) -> dict[str, Any]:
    return _only(raw, _CUSTOMER) | {"addresses": [_only(one, _ADDRESS) for one in _objects(raw.get("addresses"))[:MOST_HOMES]]}


def _product_shape(raw: dict[str, Any]) -> dict[str, Any]:
    return _only(raw, _THING) | {"variants": [_only(one, _VARIANT) for one in _objects(raw.get("variants"))]}


def _only(told: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: told[name] for name in names if told.get(name) is not None}


def _object(told: Any, name: str) -> dict[str, Any]:
    found_there = told.get(name) if isinstance(told, dict) else None
    if not isinstance(found_there, dict):
        raise Garbled
    return found_there


def _objects(told: Any) -> list[dict[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _data(answer: Answer) -> list[Any]:
    """The list in an answer of V3."""
    told = answer.json()
    return _listed(told.get("data") if isinstance(told, dict) else told)


def _listed(told: Any) -> list[Any]:
    """A list of V2, which answers 204 and nothing where it is empty."""
    if told is None:
        return []
    if not isinstance(told, list):
        raise Garbled
    return told


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
