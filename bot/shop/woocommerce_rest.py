"""WooCommerce's REST API (v3) over the wire: one call and its answer."""

import asyncio
import json
from collections.abc import Mapping

import aiohttp

from bot.shop.wire import Answer, Pause, judge, request, with_pauses

PATH = "/wp-json/wc/v3"
ANSWER_SECONDS = 30.0  # a hundred coupons are a hundred posts to WordPress


class WooRest:
    """One store's interface. `url` is its front page's address; key and secret go over HTTPS in a header (Basic)."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, key: str, secret: str, pause: Pause = asyncio.sleep) -> None:
        self._session, self._url, self._pause = session, f"{url.rstrip('/')}{PATH}", pause
        self._headers = {"Authorization": aiohttp.encode_basic_auth(key, secret), "Content-Type": "application/json"}

    async def ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None) -> Answer:
        """A good answer. Raises ApiRefused (NotThere for a 404), and ShopUnreachable for what may pass."""
        answer = await self.answer(method, path, query, body)
        judge(answer, "the key needs read and write access")
        return answer

    async def answer(self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None) -> Answer:
        """What comes back, whatever it is. Raises ShopUnreachable where nothing does."""
        content = None if body is None else json.dumps(body).encode()
        return await with_pauses(
            lambda: request(
                self._session, method, self._url + path, headers=self._headers, query=query, body=content, seconds=ANSWER_SECONDS
            ),
            self._pause,
        )
