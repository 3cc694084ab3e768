"""Where a Shopify store's access token comes from.

Apps of the Dev Dashboard, the only ones that can be made since 2026, have none to copy: with the app's client id and secret one is asked
for, which ends after a day (Shopify: client credentials grant, for stores of the app's own organization). Apps that were made in a shop's
admin before have one that stays.
"""

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import aiohttp

from bot.shop.wire import Answer, ApiRefused, Garbled, judge, request

PATH = "/admin/oauth/access_token"
RENEWED_BEFORE = 600.0  # seconds before its end: a call that begins with a token still has it when it is read
SHORTEST_LIFE = 60.0
LONGEST_LIFE = 1e9  # more is no number of seconds that anybody means
_SECONDS = 15.0
_NOT_OURS = "shop_not_permitted"


class Token(Protocol):
    """The token of one store. `remedy` is what to do where the store does not take it, a sentence without its end."""

    remedy: str

    async def now(self) -> str:
        """One that is valid now. Raises ApiRefused, ShopUnreachable."""

    def refused(self) -> bool:
        """The store does not take the last one; whether another may be had."""


class FixedToken:
    """One that was copied into the settings."""

    remedy = (
        "it is wrong, or was taken back. Copy it anew (admin > Settings > Apps > Develop apps > the app > API credentials: the Admin API "
        "access token, shpat_...); is the app not there, install it again"
    )

    def __init__(self, value: str) -> None:
        self._value = value

    async def now(self) -> str:
        """The one there is."""
        return self._value

    def refused(self) -> bool:
        """There is no other."""
        return False


class ClientToken:
    """One that is asked for, with the app's client `key` and `secret`, at the store's `url` (`https://casa.myshopify.com`)."""

    remedy = "it was given to the app and taken back. Is the app still installed (admin > Settings > Apps)? If not, install it again"

    def __init__(self, session: aiohttp.ClientSession, *, url: str, key: str, secret: str, clock: Callable[[], float] = monotonic) -> None:
        self._session, self._url, self._clock = session, url + PATH, clock
        self._asked = {"client_id": key, "client_secret": secret, "grant_type": "client_credentials"}
        self._value, self._until = "", 0.0
        self._asking = asyncio.Lock()

    async def now(self) -> str:
        """The one there is, or a new one when it is about to end."""
        async with self._asking:
            if not self._value or self._clock() >= self._until:
                self._keep(await self._ask())
            return self._value

    def refused(self) -> bool:
        """It may have been taken back: the next one is asked for."""
        self._value = ""
        return True

    async def _ask(self) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        body = json.dumps(self._asked).encode()
        return await request(self._session, "POST", self._url, headers=headers, body=body, seconds=_SECONDS)

    def _keep(self, answer: Answer) -> None:
        if 400 <= answer.status < 500 and answer.status != 429:
            raise ApiRefused(_explained(answer))
        judge(answer, "the client id and the client secret belong to one app")
        told = answer.json()
        value, lasts = (told.get("access_token"), told.get("expires_in")) if isinstance(told, dict) else (None, None)
        if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):  # it stands in a header
            raise Garbled
        life = float(lasts) if isinstance(lasts, int) and lasts < LONGEST_LIFE else SHORTEST_LIFE
        self._value, self._until = value, self._clock() + max(SHORTEST_LIFE, life - RENEWED_BEFORE)


def _explained(answer: Answer) -> str:
    if _NOT_OURS.encode() in answer.content:
        return "the app and the store are not of one organization: make the app in the Dev Dashboard of the store's own organization"
    if answer.status == 404:
        return "there is no store under this name"
    return f"the store does not take the client id and secret ({answer.status}): are they of one app, and is it installed in this store?"
