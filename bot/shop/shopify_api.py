"""Shopify's Admin GraphQL, as far as discount codes need it.

Every call has a cost in points; a bucket of them fills at so many a second, and each answer tells how full it is
(`extensions.cost.throttleStatus`). We wait before a call that the bucket would not bear, and again when it is refused all the same.

Discount mutations know no idempotency key: a code is written down before the call, and after a time-out the shop is asked for it
(`codeDiscountNodeByCode`) before anything else. Codes are added to ONE discount of a month, at most 250 a call, and come to exist later.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from typing import Any

import aiohttp

from bot.flow import money
from bot.shop.discounts import DiscountRefused, Offer, Outcome, ShopUnreachable, UnderWay, beginning

API_VERSION = "2026-10"
PATH = f"/admin/api/{API_VERSION}/graphql.json"
MOST_CODES = 250  # Admin GraphQL: 251 give MAX_INPUT_SIZE_EXCEEDED
LOOKS_AT_ONCE = 25  # codes asked for in one query: far below the 1,000 points a query may cost
THROTTLED_TRIES = 6
FIRST_COST = 10.0  # points; what a discount mutation costs
DEFAULT_BUCKET = 1_000.0
DEFAULT_RESTORE = 50.0  # points a second: less than the cheapest plan has
LONGEST_PAUSE = 30.0  # seconds; a shop that wants longer is "not now"
_ANSWER_TIME = aiohttp.ClientTimeout(total=15)
_ANSWER_BYTES = 4_000_000
_SENTENCE = 200

_OPEN = """mutation open($input: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $input) { codeDiscountNode { id } userErrors { field code message } } }"""
_BY_CODE = """query parent($code: String!) { codeDiscountNodeByCode(code: $code) { id } }"""
_ADD = """mutation add($discountId: ID!, $codes: [DiscountRedeemCodeInput!]!) {
  discountRedeemCodeBulkAdd(discountId: $discountId, codes: $codes) {
    bulkCreation { id done } userErrors { field code message } } }"""
_POLL = """query poll($id: ID!) { discountRedeemCodeBulkCreation(id: $id) {
  done codes(first: 250) { nodes { code errors { message } discountRedeemCode { id code } } } } }"""
_CLOSE = """mutation close($discountId: ID!, $ids: [ID!]!) {
  discountCodeRedeemCodeBulkDelete(discountId: $discountId, ids: $ids) { job { id } userErrors { field code message } } }"""

Answer = Mapping[str, Any]


class Bucket:
    """The points we may spend, as the shop last told them. `pause` is how we wait (seconds)."""

    def __init__(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep, clock: Callable[[], float] = monotonic) -> None:
        self._pause, self._clock = pause, clock
        self._available, self._restore, self._most = DEFAULT_BUCKET, DEFAULT_RESTORE, DEFAULT_BUCKET
        self._at = clock()

    async def spend(self, cost: float) -> None:
        """Wait until the shop bears it, and count it as spent. Raises ShopUnreachable where that takes too long."""
        self._fill()
        lacking = min(cost, self._most) - self._available
        self._available -= cost
        if lacking > 0:
            await self._wait(lacking / self._restore)

    async def refused(self, cost: float) -> None:
        """The shop said THROTTLED: wait until it bears the call."""
        await self._wait(max(cost - self._available, 1.0) / self._restore)

    def told(self, status: Mapping[str, Any]) -> None:
        """What an answer tells of the bucket."""
        with suppress(KeyError, TypeError, ValueError):
            most, available, restore = (float(status[name]) for name in ("maximumAvailable", "currentlyAvailable", "restoreRate"))
            if restore > 0:
                self._most, self._available, self._restore, self._at = most, available, restore, self._clock()

    def _fill(self) -> None:
        now = self._clock()
        self._available = min(self._most, self._available + (now - self._at) * self._restore)
        self._at = now

    async def _wait(self, seconds: float) -> None:
        if seconds > LONGEST_PAUSE:
            raise ShopUnreachable("the shop lets us ask no more for now")
        await self._pause(seconds)


class Shopify:
    """One store. `url` is its GraphQL address (`graphql_url`); the token needs read_discounts and write_discounts."""

    at_once = MOST_CODES

    def __init__(self, session: aiohttp.ClientSession, *, url: str, token: str, bucket: Bucket | None = None) -> None:
        self._session, self._url, self._token = session, url, token
        self._bucket = bucket or Bucket()

    # ---- codes

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """The parent discount of a month; one that is there by our own code is it."""
        there = await self._parent(offer.code) if unsure else None
        if there is not None:
            return there
        made = _object(await self.ask(_OPEN, {"input": _input(offer)}), "discountCodeBasicCreate")
        if any(error.get("code") == "TAKEN" for error in _errors(made)):
            there = await self._parent(offer.code)
            if there is not None:
                return there
        _refuse_errors(made)
        return str(_object(made, "codeDiscountNode")["id"])

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Asks for them; they exist when `poll` says so."""
        asked = {"discountId": place, "codes": [{"code": code} for code in codes]}
        added = _object(await self.ask(_ADD, asked), "discountRedeemCodeBulkAdd")
        _refuse_errors(added)
        return UnderWay(str(_object(added, "bulkCreation")["id"]))

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Those that belong to this discount. Their own ids are not told here: the code stands for it."""
        found: dict[str, str] = {}
        for start in range(0, len(codes), LOOKS_AT_ONCE):
            some = codes[start : start + LOOKS_AT_ONCE]
            lines = "\n".join(f"c{n}: codeDiscountNodeByCode(code: {json.dumps(code)}) {{ id }}" for n, code in enumerate(some))
            answer = await self.ask(f"query look {{\n{lines}\n}}", {}, cost=float(len(some)))
            found |= {code: "" for n, code in enumerate(some) if (node := answer.get(f"c{n}")) and node.get("id") == place}
        return found

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """A code exists once the whole is done AND it has a redeem code; one that "must be unique" may be ours of an earlier call."""
        work = (await self.ask(_POLL, {"id": bulk})).get("discountRedeemCodeBulkCreation")
        if work is None:
            return None
        try:
            if not work["done"]:
                return UnderWay(bulk)
            nodes = work["codes"]["nodes"]
            ready = {str(node["code"]): str(node["discountRedeemCode"]["id"]) for node in nodes if node.get("discountRedeemCode")}
            failed = {str(node["code"]): _first_message(node.get("errors")) for node in nodes if not node.get("discountRedeemCode")}
        except (KeyError, TypeError, AttributeError):
            raise ShopUnreachable("the shop's answer cannot be read") from None
        ours = await self.look(place, offer, tuple(failed)) if failed else {}
        return Outcome({**ready, **ours}, {code: why for code, why in failed.items() if code not in ours})

    async def close(self, place: str, code: str, store_id: str) -> None:
        """Deletes the redeem code. One whose id was never told stays until the discount ends."""
        if store_id:
            _refuse_errors(_object(await self.ask(_CLOSE, {"discountId": place, "ids": [store_id]}), "discountCodeRedeemCodeBulkDelete"))

    async def _parent(self, code: str) -> str | None:
        node = (await self.ask(_BY_CODE, {"code": code})).get("codeDiscountNodeByCode")
        return str(node["id"]) if node else None

    # ---- the wire

    async def ask(self, document: str, variables: Mapping[str, Any], *, cost: float = FIRST_COST) -> Answer:
        """The `data` of an answer. Raises DiscountRefused for a token that does not do, ShopUnreachable for what may pass."""
        for _ in range(THROTTLED_TRIES):
            await self._bucket.spend(cost)
            told = await self._post(json.dumps({"query": document, "variables": variables}).encode())
            costs = told.get("extensions", {}).get("cost", {})
            self._bucket.told(costs.get("throttleStatus", {}))
            errors = told.get("errors")
            if not errors:
                return _object(told, "data")
            if not _is_throttled(errors):
                raise DiscountRefused(_first_message(errors))
            cost = max(cost, float(costs.get("requestedQueryCost") or cost))
            await self._bucket.refused(cost)
        raise ShopUnreachable("the shop lets us ask no more for now")

    async def _post(self, body: bytes) -> dict[str, Any]:
        headers = {"X-Shopify-Access-Token": self._token, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=_ANSWER_TIME, allow_redirects=False
            ) as response:
                if response.status in (401, 403):
                    raise DiscountRefused(f"the shop does not take the token ({response.status}): it needs write_discounts")
                if response.status != 200:
                    raise ShopUnreachable(f"the shop answered {response.status}")
                told = json.loads(await beginning(response, _ANSWER_BYTES))
        except TimeoutError:
            raise ShopUnreachable(f"the shop did not answer within {_ANSWER_TIME.total:.0f} seconds") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ShopUnreachable(f"the shop cannot be reached ({type(error).__name__})") from error
        except ValueError:
            raise ShopUnreachable("the shop's answer cannot be read") from None
        if not isinstance(told, dict):
            raise ShopUnreachable("the shop's answer cannot be read")
        return told


def graphql_url(domain: str) -> str:
    """The address for `casa.myshopify.com`."""
    return f"https://{domain}{PATH}"


def _input(offer: Offer) -> dict[str, Any]:
    if offer.amount is not None:
        value: dict[str, Any] = {"discountAmount": {"amount": f"{money.amount(offer.amount):f}", "appliesOnEachItem": False}}
    else:
        value = {"percentage": float((offer.percent or Decimal(0)) / 100)}
    return {
        "title": offer.title,
        "code": offer.code,
        "startsAt": _iso(offer.starts),
        "endsAt": _iso(offer.ends),
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
        "combinesWith": {"orderDiscounts": False, "productDiscounts": False, "shippingDiscounts": True},
        "context": {"all": "ALL"},
        "customerGets": {"value": value, "items": {"all": True}},
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _object(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = told.get(name)
    if not isinstance(found, dict):
        raise ShopUnreachable("the shop's answer cannot be read")
    return found


def _errors(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [error for error in told.get("userErrors") or () if isinstance(error, dict)]


def _refuse_errors(told: Mapping[str, Any]) -> None:
    if errors := _errors(told):
        raise DiscountRefused(_first_message(errors))


def _first_message(errors: Any) -> str:
    first = next((error for error in errors or () if isinstance(error, dict)), {})
    return " ".join(str(first.get("message") or "the shop refuses it").split())[:_SENTENCE]


def _is_throttled(errors: Any) -> bool:
    return any(isinstance(error, dict) and error.get("extensions", {}).get("code") == "THROTTLED" for error in errors)
