"""BigCommerce's REST API (V2 and V3) over the wire: one call and its answer, no faster than the store lets us.

Each answer tells how many calls are left and how long until there are all of them again (`X-Rate-Limit-Requests-Left`,
`X-Rate-Limit-Time-Reset-Ms`); a call too many is a 429 with the same headers.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import aiohttp

from bot.shop.wire import LONGEST_PAUSE, Answer, Pause, judge, request, with_pauses

ADDRESS = "https://api.bigcommerce.com/stores/"
ANSWER_SECONDS = 30.0
FEW = 3  # calls that are left for others: codes, questions before a message goes


class BigRest:
    """One store's interface. `url` is its address up to V2 and V3 (`store_url`)."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, token: str, pause: Pause = asyncio.sleep) -> None:
        self._session, self._url, self._pause = session, url.rstrip("/"), pause
        self._headers = {"X-Auth-Token": token, "Accept": "application/json"}
        self._wait = 0.0

    async def ask(self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", body: object = None) -> Answer:
        """A good answer. Raises ApiRefused (NotThere for a 404), and ShopUnreachable for what may pass."""
        if wait := self._wait:
            self._wait = 0.0
            await self._pause(wait)
        answer = await with_pauses(lambda: self._once(method, path, query, body), self._pause)
        self._wait = _wait_after(answer)
        judge(answer, "it needs to read orders, carts, checkouts, customers and products")
        return answer

    async def _once(self, method: str, path: str, query: Mapping[str, str] | None, body: object) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers if content is None else {**self._headers, "Content-Type": "application/json"}
        answer = await request(self._session, method, self._url + path, headers=headers, query=query, body=content, seconds=ANSWER_SECONDS)
        if answer.status == 429 and "Retry-After" not in answer.headers:
            return replace(answer, headers={**answer.headers, "Retry-After": str(_seconds(answer, "X-Rate-Limit-Time-Reset-Ms") or 1.0)})
        return answer


def store_url(store: str) -> str:
    """The address for a store's hash."""
    return ADDRESS + store


def _wait_after(answer: Answer) -> float:
    left = answer.headers.get("X-Rate-Limit-Requests-Left", "")
    if not (left.isascii() and left.isdigit()) or int(left) > FEW:
        return 0.0
    return min(_seconds(answer, "X-Rate-Limit-Time-Reset-Ms"), LONGEST_PAUSE)


def _seconds(answer: Answer, name: str) -> float:
    with suppress(ValueError):
        return max(0.0, float(answer.headers.get(name, "0")) / 1000)
    return 0.0
