"""The doorstep: the short way in for WhatsApp's deliveries, which are four of five requests that come here.

A delivery in the form Meta sends it (one whole POST, its length told, nothing unusual about it) is read here and handed to the door: it
costs less than half of what it costs through aiohttp's server (0.14 ms, there 0.30, storage left out). A connection on which anything
else comes is handed to aiohttp at that point, with all that was heard, for the rest of its life. So nothing here judges what is strange:
it is only not taken.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import monotonic, time
from typing import cast

from aiohttp import web

from bot.web.door import WHATSAPP_PATH

log = logging.getLogger(__name__)

Delivered = Callable[[bytes, str | None, float], Awaitable[None]]  # `Door.delivered`

MAX_BODY = 256 * 1024  # bytes; a longer body comes in pieces anyhow, and aiohttp gathers those better
MAX_AHEAD = 512 * 1024  # bytes that may come while a delivery is being kept; then the sender waits
IDLE_SECONDS = 3600.0  # as long as aiohttp keeps a silent connection

_LINE = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n"
_HEAD = re.compile(rb"POST " + re.escape(WHATSAPP_PATH.encode()) + rb" HTTP/1\.1\r\n((?:" + _LINE + rb"){1,60})\r\n")
_FIELD = re.compile(rb"([^:]+):[ \t]*([^\r]*?)[ \t]*\r\n")
_LENGTH = re.compile(rb"[0-9]{1,6}")
_NOT_TWICE = (b"content-length", b"x-hub-signature-256")
_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"connection", b"te", b"trailer"})


def read(heard: bytes) -> tuple[bytes, str, bytes] | None:
    """The body, the signature, and what came after them; None for everything that is not one whole, plain delivery."""
    head = _HEAD.match(heard)
    if head is None:
        return None
    length = signature = None
    for name, value in _FIELD.findall(head[1]):
        name = name.lower()
        if name == b"content-length" and length is None:
            length = value
        elif name == b"x-hub-signature-256" and signature is None:
            signature = value
        elif name in _NOT_TWICE or (name in _UNUSUAL and (name, value.lower()) != (b"connection", b"keep-alive")):
            return None
    if length is None or signature is None or not _LENGTH.fullmatch(length):
        return None
    end = head.end() + int(length)
    if end - head.end() > MAX_BODY or len(heard) < end:
        return None
    return heard[head.end() : end], signature.decode("latin-1"), heard[end:]


class Doorstep:
    """All connections that have not been handed to aiohttp. `others` makes aiohttp's protocol for one that is."""

    def __init__(self, delivered: Delivered, others: Callable[[], asyncio.Protocol]) -> None:
        self.delivered = delivered
        self.others = others
        self.open: set[Caller] = set()
        self.closing = False

    def __call__(self) -> "Caller":
        """The protocol of a new connection."""
        return Caller(self)

    async def close(self, seconds: float) -> None:
        """Answer what is being kept, take nothing more."""
        await asyncio.sleep(0)  # what has come already is heard
        self.closing = True
        for caller in tuple(self.open):
            caller.close_when_answered()
        waiting = [caller.answering for caller in self.open if caller.answering is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)
        for caller in tuple(self.open):
            caller.close()


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, doorstep: Doorstep) -> None:
        self.answering: asyncio.Task[None] | None = None
        self._doorstep = doorstep
        self._heard = b""
        self._spoke_at = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._doorstep.open.add(self)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a caller whose machine is gone is noticed
        self._spoke_at = monotonic()
        self._watch(IDLE_SECONDS)

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()

    def data_received(self, data: bytes) -> None:
        self._heard = self._heard + data if self._heard else data
        if self.answering is None:
            self._look()
        elif len(self._heard) > MAX_AHEAD:
            self._transport.pause_reading()

    def close_when_answered(self) -> None:
        if self.answering is None:
            self.close()

    def close(self) -> None:
        self._transport.close()

    def _leave(self) -> None:
        self._doorstep.open.discard(self)
        if self._idle is not None:
            self._idle.cancel()

    def _watch(self, seconds: float) -> None:
        self._idle = asyncio.get_running_loop().call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        silent = monotonic() - self._spoke_at
        if self.answering is None and silent >= IDLE_SECONDS:
            self.close()
        else:
            self._watch(max(1.0, IDLE_SECONDS - silent))

    def _look(self) -> None:
        found = read(self._heard)
        if found is None:
            self._hand_over()
            return
        body, signature, self._heard = found
        self._spoke_at = monotonic()
        self.answering = asyncio.get_running_loop().create_task(self._answer(body, signature))

    def _hand_over(self) -> None:
        """From here on it is aiohttp's."""
        self._leave()
        heard, self._heard = self._heard, b""
        other = self._doorstep.others()
        self._transport.set_protocol(other)
        other.connection_made(self._transport)
        other.data_received(heard)

    async def _answer(self, body: bytes, signature: str) -> None:
        try:
            await self._doorstep.delivered(body, signature, self._spoke_at)
        except web.HTTPException as refusal:
            answer = _written(refusal.status, refusal.text or refusal.reason, refusal.headers.get("Retry-After"))
        except Exception:
            log.exception("POST %s failed", WHATSAPP_PATH)
            answer = _written(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it was logged", None)
        else:
            answer = _written(HTTPStatus.OK, "ok", None)
        self.answering = None
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        if self._doorstep.closing:
            self._transport.close()
        elif self._heard:
            self._transport.resume_reading()
            self._look()


def _written(status: int, text: str, retry_after: str | None) -> bytes:
    body = text.encode()
    more = f"Retry-After: {retry_after}\r\n" if retry_after else ""
    reason = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status:d} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n{more}"
        f"Date: {_date(int(time()))}\r\n\r\n"
    )
    return head.encode() + body


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
