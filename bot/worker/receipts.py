"""Receipts: a customer whose message is being answered sees that it was read, and where the answer has to wait, that it is being written.

A courtesy, never a duty: it does not delay the answer, does not fail it, is not repeated, and is left out while the line is busy.
"""

import asyncio
import logging
from collections import OrderedDict
from typing import Protocol

from bot.channel import SendError
from bot.store.outbox import Claimed

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16  # receipts on the wire: beyond that the line is for answers (Cloud API: they count against the number's rate)
REMEMBERED = 4096  # messages that were read already: an answer of several parts reads once
TYPING_WORTH = 1.5  # seconds an answer has to wait at least before it is announced. Sooner, the announcement could come after it, and
# would stand there for 25 seconds (Cloud API).


class Acknowledging(Protocol):
    """A channel that can tell a customer that their message was read."""

    async def acknowledge(self, number: str, message_id: str, *, typing: bool) -> None:
        """Raises SendError."""
        ...


class Receipts:
    """Gives receipts. `typing`: announces answers, too."""

    def __init__(self, channel: Acknowledging, *, typing: bool) -> None:
        self._channel = channel
        self._typing = typing
        self._read: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[asyncio.Task[None]] = set()

    def give(self, claimed: Claimed, wait: float) -> None:
        """Read the message that `claimed` answers, if it does; the answer itself starts in `wait` seconds."""
        message = claimed.answers
        if message is None or message in self._read or len(self._under_way) >= MOST_AT_ONCE:
            return
        self._read[message] = None
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)
        task = asyncio.create_task(self._give(claimed.number, message, typing=self._typing and wait >= TYPING_WORTH), name="receipt")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Leave those that are under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _give(self, number: str, message: str, *, typing: bool) -> None:
        try:
            await self._channel.acknowledge(number, message, typing=typing)
        except SendError as error:
            log.debug("a message could not be marked as read: %s", error.detail)
        except Exception:
            log.exception("a receipt failed in a way of its own")
