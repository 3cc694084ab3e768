"""How a store's own interface is asked over HTTP, whichever it is: one request, its answer or what went wrong, and how long to wait.

What may pass (a line that broke, a server that is down, too many calls) is ShopUnreachable: ask again later. What will not is ApiRefused,
with a sentence for the owner.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import aiohttp

from bot.shop.field import Fields
from bot.shop.hooks import host

LONGEST_PAUSE = 30.0  # seconds; a shop that wants longer is "not now"
LONGEST_LEFT_ALONE = 3_600.0  # seconds, whatever a shop says: one that means a year is a mistake
PAUSED_TRIES = 6  # how often a call is made that the shop wants later
ANSWER_BYTES = 16_000_000  # a page of 250 orders with all that plugins hang on them
_LATER = frozenset({408, 425, 429})  # 4xx that say "not now" rather than "no"
_GONE = frozenset({404, 410})
_SENTENCE = 200

Pause = Callable[[float], Awaitable[None]]


class ApiRefused(Exception):
    """The shop says no, and will say so again. `why` is a sentence for the owner, `status` that of its answer, where it was that."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.why, self.status = why, status


class NotThere(ApiRefused):
    """The shop has nothing under this name, or not any more."""


class ShopUnreachable(Exception):
    """Nobody knows what came of it: ask again, with the same words. `why` is a sentence for the owner, `after` how many seconds the shop
    wants to be left alone, an hour at most."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.after = why, min(after, LONGEST_LEFT_ALONE)


class Garbled(ShopUnreachable):
    """The shop answered, and what it says cannot be read. Asked often enough, it is no accident."""

    def __init__(self, why: str = "the shop's answer cannot be read") -> None:
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are asked for in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The content; None where there is none. Numbers with a point stay the text that was written: money is never a float. Raises
        Garbled for what is no JSON."""
        if not self.content:
            return None
        try:
            return json.loads(self.content, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            raise Garbled from None

    def sentence(self) -> str:
        """The shop's own words about what is wrong, on one line and cut; the bare status when it gave none."""
        try:
            told = json.loads(self.content)
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, list):
            told = next(iter(told), None)
        words = (told.get("message") or told.get("title")) if isinstance(told, dict) else None
        return sentence(words) or f"the shop answered {self.status}"


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    seconds: float,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    most: int = ANSWER_BYTES,
) -> Answer:
    """One request and its whole answer, whatever its status. Raises ShopUnreachable where there is none."""
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with session.request(
            method, url, params=query, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await beginning(response, most))
    except TimeoutError:
        raise ShopUnreachable(f"the shop did not answer within {seconds:.0f} seconds") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ShopUnreachable(unanswered(url, error)) from error


def unanswered(url: str, error: Exception) -> str:
    """What kept a request from being answered: a part of a sentence that says where it went, without what may be secret there."""
    place = host(url)
    match error:
        case TimeoutError():
            return f"{place} takes too long to answer"
        case aiohttp.ClientConnectorDNSError():
            return f"nobody knows the host of {place}"
        case aiohttp.ClientSSLError():
            return f"{place} has no certificate of a known authority"
        case aiohttp.ClientConnectorError():
            return f"nothing answers at {place}"
    return f"{place} cannot be reached ({type(error).__name__})"


async def beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    """An answer's bytes, not many more than `most`: whatever the shop says, it does not fill our memory."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            break
    return bytes(body)


def judge(answer: Answer, token_needs: str, may_not: str | None = None) -> None:
    """Nothing for a 2xx. Raises ShopUnreachable, NotThere or ApiRefused for all else; `token_needs` is what to say of a token that does
    not do, `may_not` of one that is known, but may not do this (403), where the platform tells them apart."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in (401, 403):
        why = may_not if status == 403 and may_not else token_needs
        raise ApiRefused(f"the shop does not take the token ({status}): {why}", status)
    if status in _GONE:
        raise NotThere(answer.sentence(), status)
    if 400 <= status < 500 and status not in _LATER:
        raise ApiRefused(answer.sentence(), status)
    raise ShopUnreachable(f"the shop answered {status}", pause_wanted(answer.headers))


def part_of(told: object, name: str) -> Mapping[str, Any]:
    """The object in a field of an answer; an empty one where there is none."""
    found = told.get(name) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def objects_in(told: object) -> list[dict[str, Any]]:
    """The objects in a list of an answer; none where it is no list."""
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def id_in(told: object) -> str | None:
    """The `id` of an object in an answer, None where it has none."""
    return Fields(told).key("id") if isinstance(told, dict) else None


def sentence(told: object) -> str | None:
    """The shop's own words, on one line and cut; None where they are none."""
    return Fields({"words": told}).text("words", _SENTENCE)


def pause_wanted(headers: Mapping[str, str]) -> float:
    """How many seconds a `Retry-After` asks for, given as seconds or as a date; 0 where it says nothing that can be read."""
    written = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(written) if written[:1].isdigit() else parsedate_to_datetime(written).timestamp() - time())
    except (ValueError, TypeError):
        return 0.0


async def with_pauses(ask: Callable[[], Awaitable[Answer]], pause: Pause = asyncio.sleep) -> Answer:
    """Ask, and again after as long as the shop wants while it says that there were too many calls (429). Raises ShopUnreachable when that
    takes too long."""
    for _ in range(PAUSED_TRIES):
        answer = await ask()
        if answer.status != 429:
            return answer
        wanted = pause_wanted(answer.headers) or 1.0
        if wanted > LONGEST_PAUSE:
            break
        await pause(wanted)
    raise ShopUnreachable("the shop lets us ask no more for now", pause_wanted(answer.headers))
