"""WooCommerce's discount codes: coupons, made up to a hundred at a time by its REST API, each with its own end.

A coupon is ours by its description. After a time-out the shop is asked for each (`GET coupons?code=`) before anything else; WooCommerce
keeps codes in lower case and answers so.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from bot.flow import money
from bot.shop.discounts import DiscountRefused, Offer, Outcome, UnderWay
from bot.shop.wire import ApiRefused, Garbled, NotThere, id_in, objects_in, sentence
from bot.shop.woocommerce_rest import WooRest

MOST_CODES = 100  # WP REST API: objects of one batch


class WooCommerce:
    """One store; its key needs read and write access."""

    at_once = MOST_CODES

    def __init__(self, wire: WooRest) -> None:
        self._wire = wire

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """Coupons have no parent."""
        return ""

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Makes them at once. One that "already exists" may be ours of an earlier call."""
        answer = await self._ask("POST", "/batch", body={"create": [_coupon(offer, code) for code in codes]})
        made = answer.get("create") if isinstance(answer, dict) else None
        if not isinstance(made, list) or len(made) != len(codes):
            raise Garbled
        ready, lost = dict[str, str](), dict[str, str]()
        for code, told in zip(codes, made, strict=True):  # a batch is answered in its order
            error = told.get("error") if isinstance(told, dict) else None
            number = None if error else _number_of(told)
            if number is not None:
                ready[code] = number
            else:
                lost[code] = sentence(error.get("message") if isinstance(error, dict) else error) or "the shop refuses it"
        ours = await self.look(place, offer, tuple(lost))
        return Outcome({**ready, **ours}, {code: why for code, why in lost.items() if code not in ours})

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Those that are there with this offer's title."""
        found = dict[str, str]()
        for code in codes:
            for coupon in objects_in(await self._ask("GET", "", {"code": code.lower()})):
                number = _number_of(coupon)
                if number is not None and coupon.get("description") == offer.title:
                    found[code] = number
        return found

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """Nothing is ever under way."""
        return None

    async def close(self, place: str, code: str, store_id: str) -> None:
        """Deletes the coupon: each is a post that stays in WordPress else."""
        if store_id.isdigit():
            try:
                await self._wire.ask("DELETE", f"/coupons/{store_id}", {"force": "true"})
            except NotThere:
                return
            except ApiRefused as refusal:
                raise DiscountRefused(refusal.why) from None

    async def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None) -> Any:
        try:
            return (await self._wire.ask(method, f"/coupons{path}", query, body)).json()
        except ApiRefused as refusal:
            raise DiscountRefused(refusal.why) from None


def _number_of(told: object) -> str | None:
    """A coupon's id, which is a number."""
    found = id_in(told)
    return found if found is not None and found.isascii() and found.isdigit() else None


def _coupon(offer: Offer, code: str) -> dict[str, Any]:
    amount = f"{money.amount(offer.amount):f}" if offer.amount is not None else f"{offer.percent or 0:f}"
    return {
        "code": code.lower(),
        "discount_type": "fixed_cart" if offer.amount is not None else "percent",
        "amount": amount,
        "date_expires_gmt": offer.ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "individual_use": True,
        "usage_limit": 1,
        "usage_limit_per_user": 1,
        "description": offer.title,
    }
