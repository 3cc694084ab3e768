"""What goes wrong at a store's interface: lost and cut answers, 500s, slow answers, an empty bucket, an end after so many pages."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

CUT_AFTER = 200  # bytes of an answer that breaks off


@dataclass(slots=True)
class StoreFaults:
    """What goes wrong, how many times yet. `polls` is how often a bulk is asked for before it is done.

    `down`, `error` and `gateway` answer 503, 500 and 502; `throttled` says that too much was asked; `lost_answers` change something and
    say nothing, `lost_pages` say nothing to whatever is asked, `cut_answers` break off in the middle; `slow` waits `slow_seconds` before an
    answer. `pages` is how many answers there are before the store is gone for good (None: it stays).
    """

    down: int = 0
    error: int = 0
    gateway: int = 0
    throttled: int = 0
    lost_answers: int = 0
    lost_pages: int = 0
    cut_answers: int = 0
    slow: int = 0
    slow_seconds: float = 0.1
    taken: int = 0
    too_long: int = 0
    polls: int = 1
    pages: int | None = None

    def use(self, name: str) -> bool:
        """Whether this goes wrong now; one time less from then on."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    async def before(self, request: web.Request) -> web.Response | None:
        """What stands in the way of a call, before any work is done."""
        if self.pages is not None:
            if self.pages <= 0:
                return await lose(request)
            self.pages -= 1
        if self.use("slow"):
            await asyncio.sleep(self.slow_seconds)
        for name, status in (("down", 503), ("error", 500), ("gateway", 502)):
            if self.use(name):
                return web.Response(status=status, text="<html><body>Something went wrong</body></html>", content_type="text/html")
        return None

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """What becomes of an answer on its way."""
        if self.use("lost_pages"):
            return await lose(request)
        if not self.use("cut_answers"):
            return response
        whole = response.body if isinstance(response.body, bytes) else b""
        broken = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
        broken.content_length = max(len(whole), 1)
        await broken.prepare(request)
        await broken.write(whole[: min(CUT_AFTER, len(whole) // 2)])
        await lose(request)
        return broken


async def lose(request: web.Request) -> web.Response:
    """The line is dead, and nobody hears of what was done."""
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)
    return web.Response()
