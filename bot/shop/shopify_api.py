"""Shopify's discount codes, by its Admin GraphQL (`shopify_graphql.py`).

Discount mutations know no idempotency key: a code is written down before the call, and after a time-out the shop is asked for it
(`codeDiscountNodeByCode`) before anything else. Codes are added to ONE discount of a month, at most 250 a call, and come to exist later.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.flow import money
from bot.shop.discounts import DiscountRefused, Offer, Outcome, UnderWay
from bot.shop.field import Fields
from bot.shop.shopify_graphql import FIRST_COST, Reply, ShopifyGraphql, first_message, object_of
from bot.shop.wire import ApiRefused, Garbled, id_in, objects_in

MOST_CODES = 250  # Admin GraphQL: 251 give MAX_INPUT_SIZE_EXCEEDED
LOOKS_AT_ONCE = 25  # codes asked for in one query: far below the 1,000 points a query may cost

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


class Shopify:
    """One store; the token needs read_discounts and write_discounts."""

    at_once = MOST_CODES

    def __init__(self, wire: ShopifyGraphql) -> None:
        self._wire = wire

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """The parent discount of a month; one that is there by our own code is it."""
        there = await self._parent(offer.code) if unsure else None
        if there is not None:
            return there
        made = object_of(await self._ask(_OPEN, {"input": _input(offer)}), "discountCodeBasicCreate")
        if any(error.get("code") == "TAKEN" for error in _errors(made)):
            there = await self._parent(offer.code)
            if there is not None:
                return there
        _refuse_errors(made)
        return _id_of(object_of(made, "codeDiscountNode"))

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Asks for them; they exist when `poll` says so."""
        asked = {"discountId": place, "codes": [{"code": code} for code in codes]}
        added = object_of(await self._ask(_ADD, asked), "discountRedeemCodeBulkAdd")
        _refuse_errors(added)
        return UnderWay(_id_of(object_of(added, "bulkCreation")))

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Those that belong to this discount. Their own ids are not told here: the code stands for it."""
        found: dict[str, str] = {}
        for start in range(0, len(codes), LOOKS_AT_ONCE):
            some = codes[start : start + LOOKS_AT_ONCE]
            lines = "\n".join(f"c{n}: codeDiscountNodeByCode(code: {json.dumps(code)}) {{ id }}" for n, code in enumerate(some))
            answer = await self._ask(f"query look {{\n{lines}\n}}", {}, cost=float(len(some)))
            found |= {code: "" for n, code in enumerate(some) if id_in(answer.get(f"c{n}")) == place}
        return found

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """A code exists once the whole is done AND it has a redeem code; one that "must be unique" may be ours of an earlier call."""
        answer = await self._ask(_POLL, {"id": bulk})
        if answer.get("discountRedeemCodeBulkCreation") is None:
            return None
        work = object_of(answer, "discountRedeemCodeBulkCreation")
        if work.get("done") is False:
            return UnderWay(bulk)
        if work.get("done") is not True:
            raise Garbled
        ready, failed = dict[str, str](), dict[str, str]()
        for node in objects_in(object_of(work, "codes").get("nodes")):
            code, made = Fields(node).key("code"), id_in(node.get("discountRedeemCode"))
            if code is not None and made is not None:
                ready[code] = made
            elif code is not None:
                failed[code] = first_message(node.get("errors"))
        ours = await self.look(place, offer, tuple(failed)) if failed else {}
        return Outcome({**ready, **ours}, {code: why for code, why in failed.items() if code not in ours})

    async def close(self, place: str, code: str, store_id: str) -> None:
        """Deletes the redeem code. One whose id was never told stays until the discount ends."""
        if store_id:
            _refuse_errors(object_of(await self._ask(_CLOSE, {"discountId": place, "ids": [store_id]}), "discountCodeRedeemCodeBulkDelete"))

    async def _parent(self, code: str) -> str | None:
        return id_in((await self._ask(_BY_CODE, {"code": code})).get("codeDiscountNodeByCode"))

    async def _ask(self, document: str, variables: Mapping[str, Any], *, cost: float = FIRST_COST) -> Reply:
        try:
            return await self._wire.ask(document, variables, cost=cost)
        except ApiRefused as refusal:
            raise DiscountRefused(refusal.why) from None


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


def _errors(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects_in(told.get("userErrors"))


def _id_of(told: Mapping[str, Any]) -> str:
    if (found := id_in(told)) is None:
        raise Garbled
    return found


def _refuse_errors(told: Mapping[str, Any]) -> None:
    if errors := _errors(told):
        raise DiscountRefused(first_message(errors))
