"""Reading a WooCommerce store by its REST API: orders, the drafts of the block checkout and customers, as its webhooks carry them.

Orders come by when they changed (`modified_after`, WooCommerce 5.8).
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.shop import keyset, woocommerce
from bot.shop.delivery import FETCHED, Told
from bot.shop.event import Resource, Thin
from bot.shop.field import Fields
from bot.shop.keyset import Changed
from bot.shop.reader import LONG_AGO, Found, Page, Part, found
from bot.shop.verifier import Doubt, NoAnswer
from bot.shop.wire import Answer, ApiRefused, Garbled, NotThere, ShopUnreachable
from bot.shop.woocommerce_rest import WooRest

PAGE = 100  # WP REST API: the most of one call
OVERLAP = 5  # customers of the page before: one who was deleted moves all behind a place ahead
_PEOPLE = ("first_name", "phone", "email", "country")
_LINE = ("name", "parent_name", "product_id", "variation_id", "sku", "quantity", "price")
_ORDER = (
    *("id", "number", "status", "currency", "total", "date_created_gmt", "date_modified_gmt", "date_paid_gmt", "payment_method"),
    *("needs_payment", "payment_url", "created_via", "customer_id", "meta_data", "refunds"),
)
_CUSTOMER = ("id", "email", "first_name", "date_created_gmt", "date_modified_gmt", "meta_data")
_PRODUCT = (
    *("id", "parent_id", "type", "status", "name", "permalink", "date_created_gmt", "date_modified_gmt"),
    *("sku", "price", "regular_price", "stock_quantity", "stock_status"),
)
_KEPT_NOTES = ("_wc_order_attribution_session_entry", "wpml_language")
_STILL_OPEN = frozenset({"checkout-draft"})
_UNPAID = frozenset({"pending", "failed"})


class WooReader:
    """One store. `region` is where phones without a country code are from, `consent_key` the checkbox for WhatsApp in `meta_data`."""

    parts = (Part.SHOPPER, Part.ORDER, Part.CART)
    changes = (Part.ORDER, Part.CART)  # customers cannot be asked for by when they changed

    def __init__(self, wire: WooRest, shop: str, region: str | None, consent_key: str | None) -> None:
        self._wire, self._shop, self._region, self._consent_key = wire, shop, region, consent_key

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        """What changed since then, from `cursor` on; of customers all there are."""
        if part is Part.SHOPPER:
            return await self._customers(cursor)
        place = keyset.place(cursor, since)
        asked = {
            **{"per_page": str(PAGE), "page": str(place.number), "orderby": "modified", "order": "asc", "dates_are_gmt": "true"},
            # `modified_after` leaves its own second out
            **{"modified_after": _iso(place.since - timedelta(seconds=1)), "status": "checkout-draft" if part is Part.CART else "any"},
        }
        answer = await self._wire.ask("GET", "/orders", asked)
        told = [one for one in _listed(answer) if isinstance(one, dict)]
        wanted = (one for one in told if part is Part.CART or str(one.get("status")) not in _STILL_OPEN)
        read = tuple(self._order(one) for one in wanted if str(one.get("id")) not in place.seen)
        on = keyset.after(place, [Changed(str(one.get("id")), Fields(one).moment_if_any("date_modified_gmt")) for one in told], PAGE)
        return Page(read, on.cursor if on else None, _total(answer) if cursor is None else None)

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        """An order, a customer or a product by its id. Raises NotThere when it is gone."""
        match thin.resource:
            case Resource.ORDER | Resource.CART:
                return (self._order((await self._wire.ask("GET", f"/orders/{_id(thin.key)}")).json()),)
            case Resource.SHOPPER:
                return (self._customer((await self._wire.ask("GET", f"/customers/{_id(thin.key)}")).json()),)
            case Resource.PRODUCT:
                told = (await self._wire.ask("GET", f"/products/{_id(thin.key)}")).json()
                return (self._found("product", told, _product_shape),)
        raise ApiRefused(f"nothing is read of a {thin.resource}")

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        """A draft has the id of the order it becomes. WooCommerce knows nothing of a cart that somebody else told: its last word counts."""
        if not key.isdigit():
            return True
        try:
            told = (await self._wire.ask("GET", f"/orders/{key}", {"_fields": "id,status"})).json()
        except NotThere:
            return False  # drafts are taken away after a day
        except (ApiRefused, ShopUnreachable) as fault:
            raise NoAnswer(fault.why) from None
        if not isinstance(told, dict) or not isinstance(told.get("status"), str):
            raise NoAnswer("the shop's answer cannot be read")
        return told["status"] in (_STILL_OPEN if doubt is Doubt.CART_OPEN else _UNPAID)

    async def _customers(self, cursor: str | None) -> Page:
        offset, seen = json.loads(cursor) if cursor else (0, [])
        asked = {"per_page": str(PAGE), "offset": str(offset), "orderby": "id", "order": "asc", "role": "all"}
        answer = await self._wire.ask("GET", "/customers", asked)
        told = [one for one in _listed(answer) if isinstance(one, dict)]
        read = tuple(self._customer(one) for one in told if str(one.get("id")) not in seen)
        on = json.dumps([offset + PAGE - OVERLAP, [str(one.get("id")) for one in told[-OVERLAP:]]]) if len(told) == PAGE else None
        return Page(read, on, _total(answer) if cursor is None else None)

    def _order(self, told: Any) -> Found:
        return self._found("order", told, lambda raw: self._cut(raw, _ORDER, lines=True))

    def _customer(self, told: Any) -> Found:
        return self._found("customer", told, lambda raw: self._cut(raw, _CUSTOMER))

    def _cut(self, told: Any, names: tuple[str, ...], *, lines: bool = False) -> dict[str, Any]:
        """What is read of it: addresses, browsers and what plugins keep there are left where they are."""
        kept = _only(told, names)
        if isinstance(notes := kept.get("meta_data"), list):
            wanted = {*_KEPT_NOTES, self._consent_key}
            kept["meta_data"] = [_only(one, ("key", "value")) for one in notes if isinstance(one, dict) and one.get("key") in wanted]
        for place in ("billing", "shipping"):
            kept[place] = _only(told.get(place) or {}, _PEOPLE)
        if lines:
            kept["line_items"] = [_only(one, _LINE) for one in told.get("line_items") or () if isinstance(one, dict)]
            kept["coupon_lines"] = [_only(one, ("code",)) for one in told.get("coupon_lines") or () if isinstance(one, dict)]
        return kept

    def _found(self, thing: str, raw: Any, shape: Callable[[Any], dict[str, Any]]) -> Found:
        if not isinstance(raw, dict):
            raise Garbled
        made_at = Fields(raw).moment_if_any("date_created_gmt")  # whoever never changed their account has no other date
        told = Told(f"{thing}.{FETCHED}", LONG_AGO, made_at, region=self._region, consent_key=self._consent_key)
        return found(woocommerce.PLATFORM, self._shop, f"{thing}:{raw.get('id')}", told, raw, shape, woocommerce.read)


def _product_shape(raw: dict[str, Any]) -> dict[str, Any]:
    pictures = raw.get("images")
    first = pictures[:1] if isinstance(pictures, list) else []
    return _only(raw, _PRODUCT) | {"images": [_only(one, ("src",)) for one in first if isinstance(one, dict)]}


def _only(told: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: told[name] for name in names if told.get(name) is not None}


def _listed(answer: Answer) -> list[Any]:
    told = answer.json()
    if not isinstance(told, list):
        raise Garbled
    return told


def _total(answer: Answer) -> int | None:
    written = answer.headers.get("X-WP-Total", "")
    return int(written) if written.isascii() and written.isdigit() else None


def _id(key: str) -> int:
    if not (key.isascii() and key.isdigit()):
        raise NotThere("it has no number of WooCommerce's")
    return int(key)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
