"""The code APIs of the stores' platforms: Shopify's Admin GraphQL and WooCommerce's coupons, as far as discount codes need them.

It keeps the list of codes that really exist, and fails as real stores do: an answer that is lost after the work was done, a bucket of
points that is empty, codes that somebody else has, a bulk that takes its time, one that fails in part.
"""

import asyncio
import base64
import hmac
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MOST_BULK = 250
MOST_BATCH = 100
BUCKET = 2_000.0
RESTORE = 100.0
COST = 10.0
ALIAS = re.compile(r"(\w+): codeDiscountNodeByCode\(code: (\"[^\"]*\")\)")

Json = dict[str, Any]


@dataclass(slots=True)
class StoreFaults:
    """What goes wrong, how many times yet. `polls` is how often a bulk is asked for before it is done."""

    down: int = 0
    throttled: int = 0
    lost_answers: int = 0
    taken: int = 0
    too_long: int = 0
    polls: int = 1

    def use(self, name: str) -> bool:
        """Whether this goes wrong now; one time less from then on."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


@dataclass(slots=True)
class StoreCode:
    """A code that exists. `owner` is the discount or the description it belongs to, `id` the store's own of it."""

    code: str
    owner: str
    id: str
    ends_at: str


@dataclass(slots=True)
class _Bulk:
    owner: str
    codes: list[str]
    polls_left: int
    nodes: list[Json] = field(default_factory=list)
    done: bool = False


class StoreApi:
    """One store, by both APIs. `codes` are all there are, by their upper-case letters."""

    def __init__(self, *, token: str, key: str = "ck_sandbox") -> None:
        self.token, self.key = token, key
        self.codes: dict[str, StoreCode] = {}
        self.discounts: dict[str, Json] = {}
        self.faults = StoreFaults()
        self.calls: list[str] = []
        self._bulks: dict[str, _Bulk] = {}
        self._ids = itertools.count(1)
        self._points = BUCKET

    def routes(self) -> list[web.RouteDef]:
        """Both APIs, where the platforms have them."""
        return [
            web.post("/admin/api/{version}/graphql.json", self._graphql),
            web.get("/wp-json/wc/v3/coupons", self._coupons),
            web.post("/wp-json/wc/v3/coupons/batch", self._batch),
            web.delete("/wp-json/wc/v3/coupons/{id}", self._delete_coupon),
        ]

    def exists(self, code: str) -> bool:
        """Whether a customer who types it gets something."""
        return code.strip().upper() in self.codes

    def somebody_else_has(self, code: str) -> None:
        """A code that is not the bot's."""
        self._keep(code, "gid://shopify/DiscountCodeNode/0", "")

    def _keep(self, code: str, owner: str, ends_at: str) -> StoreCode:
        made = StoreCode(code, owner, f"gid://shopify/DiscountRedeemCode/{next(self._ids)}", ends_at)
        self.codes[code.upper()] = made
        return made

    # ---- Shopify

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get("X-Shopify-Access-Token", "").encode(), self.token.encode()):
            return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)
        if self.faults.use("down"):
            return web.Response(status=503)
        asked = await request.json()
        if self.faults.use("throttled"):
            self._points = 0.0
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return web.json_response({"errors": [error], **self._cost(0)})
        document, variables = asked["query"], asked.get("variables") or {}
        name = document.split("(")[0].split("{")[0].split()[1]
        self.calls.append(name)
        told = {
            "open": self._open,
            "parent": self._parent,
            "look": lambda _: self._look(document),
            "add": self._add,
            "poll": self._poll,
            "close": self._close,
        }[name](variables)
        if name in ("open", "add") and self.faults.use("lost_answers"):
            await _cut(request)
        return web.json_response({**told, **self._cost(COST)})

    def _cost(self, actual: float) -> Json:
        self._points = min(BUCKET, self._points - actual + RESTORE / 2)
        status = {"maximumAvailable": BUCKET, "currentlyAvailable": self._points, "restoreRate": RESTORE}
        return {"extensions": {"cost": {"requestedQueryCost": COST, "actualQueryCost": actual, "throttleStatus": status}}}

    def _open(self, variables: Mapping[str, Any]) -> Json:
        given = variables["input"]
        if given["code"].upper() in self.codes:
            error = {"field": ["basicCodeDiscount", "code"], "code": "TAKEN", "message": "Code must be unique."}
            return {"data": {"discountCodeBasicCreate": {"codeDiscountNode": None, "userErrors": [error]}}}
        made = f"gid://shopify/DiscountCodeNode/{next(self._ids)}"
        self.discounts[made] = given
        self._keep(given["code"], made, given["endsAt"])
        return {"data": {"discountCodeBasicCreate": {"codeDiscountNode": {"id": made}, "userErrors": []}}}

    def _node(self, code: str) -> Json | None:
        found = self.codes.get(code.strip().upper())
        return {"id": found.owner} if found else None

    def _parent(self, variables: Mapping[str, Any]) -> Json:
        return {"data": {"codeDiscountNodeByCode": self._node(variables["code"])}}

    def _look(self, document: str) -> Json:
        return {"data": {name: self._node(json.loads(code)) for name, code in ALIAS.findall(document)}}

    def _add(self, variables: Mapping[str, Any]) -> Json:
        codes = [one["code"] for one in variables["codes"]]
        if len(codes) > MOST_BULK:
            error = {"message": "The input array size is greater than the maximum", "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"}}
            return {"errors": [error]}
        if variables["discountId"] not in self.discounts:
            error = {"field": ["discountId"], "code": "INVALID", "message": "Code discount does not exist."}
            return {"data": {"discountRedeemCodeBulkAdd": {"bulkCreation": None, "userErrors": [error]}}}
        bulk = f"gid://shopify/DiscountRedeemCodeBulkCreation/{next(self._ids)}"
        self._bulks[bulk] = _Bulk(variables["discountId"], codes, self.faults.polls)
        return {"data": {"discountRedeemCodeBulkAdd": {"bulkCreation": {"id": bulk, "done": False}, "userErrors": []}}}

    def _poll(self, variables: Mapping[str, Any]) -> Json:
        bulk = self._bulks.get(variables["id"])
        if bulk is None:
            return {"data": {"discountRedeemCodeBulkCreation": None}}
        if not bulk.done:
            bulk.polls_left -= 1
            self._work(bulk, everything=bulk.polls_left <= 0)
        return {"data": {"discountRedeemCodeBulkCreation": {"done": bulk.done, "codes": {"nodes": bulk.nodes}}}}

    def _work(self, bulk: _Bulk, *, everything: bool) -> None:
        """Half of what is left comes to exist, or all of it."""
        left = bulk.codes[len(bulk.nodes) :]
        for code in left if everything else left[: len(left) // 2]:
            bulk.nodes.append(self._redeem_code(bulk, code))
        bulk.done = everything

    def _redeem_code(self, bulk: _Bulk, code: str) -> Json:
        if self.faults.use("taken"):
            self.somebody_else_has(code)
        why = "must be unique. Please try a different code." if self.exists(code) else None
        if why is None and self.faults.use("too_long"):
            why = "is too long (maximum is 255 characters)"
        if why is not None:
            return {"code": code, "errors": [{"message": why}], "discountRedeemCode": None}
        made = self._keep(code, bulk.owner, self.discounts[bulk.owner]["endsAt"])
        return {"code": code, "errors": [], "discountRedeemCode": {"id": made.id, "code": made.code}}

    def _close(self, variables: Mapping[str, Any]) -> Json:
        ids = set(variables["ids"])
        self.codes = {key: one for key, one in self.codes.items() if one.id not in ids}
        return {"data": {"discountCodeRedeemCodeBulkDelete": {"job": {"id": "gid://shopify/Job/1"}, "userErrors": []}}}

    # ---- WooCommerce

    async def _refused(self, request: web.Request) -> web.Response | None:
        user, _, secret = _basic(request.headers.get("Authorization", "")).partition(":")
        if user != self.key or not hmac.compare_digest(secret.encode(), self.token.encode()):
            return web.json_response({"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}, status=401)
        return web.Response(status=503) if self.faults.use("down") else None

    async def _coupons(self, request: web.Request) -> web.Response:
        if (refusal := await self._refused(request)) is not None:
            return refusal
        self.calls.append("get")
        found = self.codes.get(request.query.get("code", "").upper())
        return web.json_response([_coupon(found)] if found else [])

    async def _batch(self, request: web.Request) -> web.Response:
        if (refusal := await self._refused(request)) is not None:
            return refusal
        self.calls.append("batch")
        wanted = (await request.json())["create"]
        if len(wanted) > MOST_BATCH:
            why = "Unable to accept more than 100 items for this request."
            told = {"code": "woocommerce_rest_request_entity_too_large", "message": why}
            return web.json_response(told, status=413)
        made = [self._make_coupon(one) for one in wanted]
        if self.faults.use("lost_answers"):
            await _cut(request)
        return web.json_response({"create": made})

    def _make_coupon(self, given: Json) -> Json:
        if self.faults.use("taken"):
            self.somebody_else_has(given["code"])
        if self.exists(given["code"]):
            error = {"code": "woocommerce_rest_coupon_code_already_exists", "message": "The coupon code already exists"}
            return {"id": 0, "error": {**error, "data": {"status": 400}}}
        made = self._keep(given["code"].lower(), given["description"], given["date_expires_gmt"])
        made.id = str(next(self._ids))
        return _coupon(made)

    async def _delete_coupon(self, request: web.Request) -> web.Response:
        if (refusal := await self._refused(request)) is not None:
            return refusal
        self.calls.append("delete")
        gone = next((key for key, one in self.codes.items() if one.id == request.match_info["id"]), None)
        if gone is None:
            return web.json_response({"code": "woocommerce_rest_shop_coupon_invalid_id", "message": "Invalid ID."}, status=404)
        return web.json_response(_coupon(self.codes.pop(gone)))


def _coupon(one: StoreCode) -> Json:
    number = int(one.id.rsplit("/", 1)[-1])
    return {"id": number, "code": one.code.lower(), "description": one.owner, "date_expires_gmt": one.ends_at, "usage_limit": 1}


def _basic(header: str) -> str:
    try:
        return base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
    except ValueError:
        return ""


async def _cut(request: web.Request) -> None:
    """The work is done, and nobody hears of it."""
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)
