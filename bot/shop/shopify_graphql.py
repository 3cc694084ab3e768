"""Shopify's Admin GraphQL over the wire: one call and its answer, as fast as the store lets us.

Every call has a cost in points; a bucket of them fills at so many a second, and each answer tells how full it is
(`extensions.cost.throttleStatus`). We wait before a call that the bucket would not bear, and again when it is refused all the same. All who
ask one store share one bucket.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from time import monotonic
from typing import Any, Protocol

import aiohttp

from bot.shop.shopify_scopes import SCOPES
from bot.shop.shopify_token import FixedToken, Token
from bot.shop.wire import (
    LONGEST_PAUSE,
    PAUSED_TRIES,
    Answer,
    ApiRefused,
    Garbled,
    Pause,
    ShopUnreachable,
    judge,
    objects_in,
    part_of,
    request,
    sentence,
    with_pauses,
)

API_VERSION = "2026-10"
PATH = f"/admin/api/{API_VERSION}/graphql.json"
FIRST_COST = 10.0  # points; what a discount mutation costs
DEFAULT_BUCKET = 1_000.0
DEFAULT_RESTORE = 50.0  # points a second: less than the cheapest plan has
ANSWER_SECONDS = 15.0
_NEEDED = " and ".join(scope.name for scope in SCOPES if scope.needed)
_MAY_NOT = f"it lacks scopes. The bot lives on {_NEEDED}: grant them to the app, then connect again"

Reply = Mapping[str, Any]


class Seconds(Protocol):
    """A clock that only goes on."""

    def __call__(self) -> float: ...


class TooDear(ApiRefused):
    """One query costs more points than any may: ask for less at once."""


class Bucket:
    """The points we may spend, as the shop last told them. `pause` is how we wait (seconds)."""

    def __init__(self, pause: Pause = asyncio.sleep, clock: Seconds = monotonic) -> None:
        self.pause, self._clock = pause, clock
        self._available, self._restore, self._most = DEFAULT_BUCKET, DEFAULT_RESTORE, DEFAULT_BUCKET
        self._at = clock()

    async def spend(self, cost: float) -> None:
        """Wait until the shop bears it, and count it as spent. Raises ShopUnreachable where that takes too long."""
        self._fill()
        lacking = min(cost, self._most) - self._available
        self._available -= min(cost, self._most)
        if lacking > 0:
            await self._wait(lacking / self._restore)

    async def refused(self, cost: float) -> None:
        """The shop said THROTTLED: wait until it bears the call."""
        await self._wait(max(cost - self._available, 1.0) / self._restore)

    def told(self, status: Mapping[str, Any]) -> None:
        """What an answer tells of the bucket."""
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            most, available, restore = (float(status[name]) for name in ("maximumAvailable", "currentlyAvailable", "restoreRate"))
            if restore > 0 and most > 0 and isfinite(most + available + restore):
                self._most, self._available, self._restore, self._at = most, max(available, 0.0), restore, self._clock()

    def _fill(self) -> None:
        now = self._clock()
        self._available = min(self._most, self._available + (now - self._at) * self._restore)
        self._at = now

    async def _wait(self, seconds: float) -> None:
        if seconds > LONGEST_PAUSE:
            raise ShopUnreachable("the shop lets us ask no more for now", seconds)
        await self.pause(seconds)


class ShopifyGraphql:
    """One store's interface. `url` is its address (`graphql_url`)."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, token: str | Token, bucket: Bucket | None = None) -> None:
        self._session, self._url = session, url
        self._token = FixedToken(token) if isinstance(token, str) else token
        self._bucket = bucket or Bucket()
        self._costs: dict[str, float] = {}  # what a document asked for the last time: as much must be there before it is let through

    async def ask(self, document: str, variables: Mapping[str, Any], *, cost: float = FIRST_COST) -> Reply:
        """The `data` of an answer. Raises ApiRefused for what will not pass, ShopUnreachable for what may."""
        data, denied = await self.ask_partly(document, variables, cost=cost)
        if denied is not None:
            raise ApiRefused(denied)
        return data

    async def ask_partly(self, document: str, variables: Mapping[str, Any], *, cost: float = FIRST_COST) -> tuple[Reply, str | None]:
        """The `data` of an answer, also where some fields are kept from us: then they are null, and the second is what the shop says of it.
        (Shopify: fields of customers are null with an error ACCESS_DENIED until their use is approved.)"""
        body = json.dumps({"query": document, "variables": variables}).encode()
        cost = max(cost, self._costs.get(document, 0.0))
        for _ in range(PAUSED_TRIES):
            await self._bucket.spend(cost)
            told = await self._post(body)
            costs = part_of(part_of(told, "extensions"), "cost")
            asked_for = _number(costs.get("requestedQueryCost"))
            self._costs[document] = asked_for if asked_for else self._costs.get(document, 0.0)
            self._bucket.told(part_of(costs, "throttleStatus"))
            errors = told.get("errors")
            if not errors:
                return object_of(told, "data"), None
            if not _all_are(errors, "THROTTLED"):
                if _all_are(errors, "ACCESS_DENIED") and isinstance(told.get("data"), dict):
                    return told["data"], first_message(errors)
                raise TooDear(first_message(errors)) if _all_are(errors, "MAX_COST_EXCEEDED") else ApiRefused(first_message(errors))
            cost = max(cost, asked_for)
            await self._bucket.refused(cost)
        raise ShopUnreachable("the shop lets us ask no more for now")

    async def _post(self, body: bytes) -> dict[str, Any]:
        answer = await self._posted(body)
        if answer.status == 401 and self._token.refused():
            answer = await self._posted(body)
        judge(answer, self._token.remedy, _MAY_NOT)
        told = answer.json()
        if not isinstance(told, dict):
            raise Garbled
        return told

    async def _posted(self, body: bytes) -> Answer:
        headers = {"X-Shopify-Access-Token": await self._token.now(), "Content-Type": "application/json"}
        return await with_pauses(
            lambda: request(self._session, "POST", self._url, headers=headers, body=body, seconds=ANSWER_SECONDS), self._bucket.pause
        )


def graphql_url(domain: str) -> str:
    """The address for `casa.myshopify.com`."""
    return f"https://{domain}{PATH}"


def object_of(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object in a field. Raises Garbled where there is none: the answer is broken."""
    found = told.get(name)
    if not isinstance(found, dict):
        raise Garbled
    return found


def first_message(errors: Any) -> str:
    """What the first of these errors says, on one line and cut."""
    first: dict[str, Any] = next(iter(objects_in(errors)), {})
    return sentence(first.get("message")) or "the shop refuses it"


def _all_are(errors: Any, code: str) -> bool:
    if not isinstance(errors, list):
        return False
    return all(isinstance(error, dict) and part_of(error, "extensions").get("code") == code for error in errors)


def _number(told: object) -> float:
    """A cost; 0 for what is none."""
    with suppress(TypeError, ValueError, OverflowError):
        cost = float(told)  # type: ignore[arg-type]  # whatever the shop told
        return cost if isfinite(cost) else 0.0
    return 0.0
