"""WooCommerce's REST API, as far as discount codes need it: coupons, made up to a hundred at a time, each with its own end.

A coupon is ours by its description. After a time-out the shop is asked for each (`GET coupons?code=`) before anything else; WooCommerce
keeps codes in lower case and answers so.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import aiohttp

from bot.flow import money
from bot.shop.discounts import DiscountRefused, Offer, Outcome, ShopUnreachable, UnderWay, beginning

MOST_CODES = 100  # WP REST API: objects of one batch
_ANSWER_TIME = aiohttp.ClientTimeout(total=30)  # a hundred coupons are a hundred posts to WordPress
_ANSWER_BYTES = 4_000_000
_LATER = frozenset({408, 425, 429})
_SENTENCE = 200


class WooCommerce:
    """One store. `url` is its front page's address; key and secret need read and write access."""

    at_once = MOST_CODES

    def __init__(self, session: aiohttp.ClientSession, *, url: str, key: str, secret: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/wp-json/wc/v3/coupons"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(key, secret)}

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """Coupons have no parent."""
        return ""

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Makes them at once. One that "already exists" may be ours of an earlier call."""
        answer = await self._ask("POST", "/batch", body={"create": [_coupon(offer, code) for code in codes]})
        made = answer.get("create") if isinstance(answer, dict) else None
        if not isinstance(made, list) or len(made) != len(codes):
            raise ShopUnreachable("the shop's answer cannot be read")
        ready, lost = dict[str, str](), dict[str, str]()
        for code, told in zip(codes, made, strict=True):  # a batch is answered in its order
            error = told.get("error") if isinstance(told, dict) else {}
            if not error and isinstance(told, dict) and told.get("id"):
                ready[code] = str(told["id"])
            else:
                lost[code] = str((error or {}).get("message") or "the shop refuses it")[:_SENTENCE]
        ours = await self.look(place, offer, tuple(lost))
        return Outcome({**ready, **ours}, {code: why for code, why in lost.items() if code not in ours})

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Those that are there with this offer's title."""
        found = dict[str, str]()
        for code in codes:
            coupons = await self._ask("GET", "", {"code": code.lower()})
            for coupon in coupons if isinstance(coupons, list) else ():
                if isinstance(coupon, dict) and coupon.get("description") == offer.title:
                    found[code] = str(coupon["id"])
        return found

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """Nothing is ever under way."""
        return None

    async def close(self, place: str, code: str, store_id: str) -> None:
        """Deletes the coupon: each is a post that stays in WordPress else."""
        if store_id:
            await self._ask("DELETE", f"/{int(store_id)}", {"force": "true"}, gone_is_fine=True)

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None, *, gone_is_fine: bool = False
    ) -> Any:
        try:
            async with self._session.request(
                method,
                self._url + path,
                params=query,
                json=body,
                headers=self._headers,
                timeout=_ANSWER_TIME,
                allow_redirects=False,
            ) as response:
                content = await beginning(response, _ANSWER_BYTES)
                status = response.status
        except TimeoutError:
            raise ShopUnreachable(f"the shop did not answer within {_ANSWER_TIME.total:.0f} seconds") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ShopUnreachable(f"the shop cannot be reached ({type(error).__name__})") from error
        if status == 404 and gone_is_fine:
            return None
        if 400 <= status < 500 and status not in _LATER:
            raise DiscountRefused(_sentence(content, status))
        if not 200 <= status < 300:
            raise ShopUnreachable(f"the shop answered {status}")
        try:
            return json.loads(content)
        except ValueError:
            raise ShopUnreachable("the shop's answer cannot be read") from None


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


def _sentence(content: bytes, status: int) -> str:
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    message = told.get("message") if isinstance(told, dict) else None
    return " ".join(str(message or f"the shop answered {status}").split())[:_SENTENCE]
