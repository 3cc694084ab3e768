"""Discount codes: how one is made up, and how it comes to exist in the shop.

The code is decided and stored before the shop hears of it; putting the same code again after a crash changes nothing. A shop on a
platform makes codes many at a time (`CodeApi`): `shopify_api.py` and `woocommerce_api.py` have theirs.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from urllib.parse import quote

import aiohttp

from bot.flow import money
from bot.flow.facts import Money
from bot.shop.event import Unreadable
from bot.shop.field import Fields, decode
from bot.shop.signature import sign
from bot.shop.wire import ShopUnreachable as ShopUnreachable  # a code's end nobody knows: ask again with the same one
from bot.shop.wire import beginning

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"  # nothing that reads as something else (0 O 1 I L), no vowels that could make a word
RANDOM_CHARS = 8  # with 10,000 live codes a guesser needs 4e7 tries for one; with six it would be 5e4
MOST_PREFIX = 6  # the whole fits the 15 characters that WhatsApp's copy-code button surely takes

_ANSWER_TIME = aiohttp.ClientTimeout(total=15)  # seconds; what a Standard Webhooks sender waits at least
_ANSWER_BYTES = 16_384  # an error is a sentence; the rest of what a shop answers is not read
_ERROR_CHARS = 200
_LATER = frozenset({408, 425, 429})  # 4xx that say "not now" rather than "no"


class DiscountRefused(Exception):
    """The shop will not make this code. `why` is a sentence for the owner."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Offer:
    """What the codes of a pool are worth: `percent` or `amount`, once a person, from `starts` until `ends` (UTC). `title` is what the owner
    reads in the store; it names the pool, and no other has it. `code` is the parent discount's own, promised to nobody."""

    title: str
    code: str
    percent: Decimal | None
    amount: Money | None
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of codes: `ready` ones exist in the store as ours, under its ids; `lost` ones never will, and why."""

    ready: Mapping[str, str]
    lost: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The store works on it; `bulk` is its id for that."""

    bulk: str


class CodeApi(Protocol):
    """A store that makes codes many at a time. Everything raises DiscountRefused (the store says no) or ShopUnreachable (nobody knows what
    came of it: ask with the same codes again)."""

    at_once: int
    """Codes of one call."""

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """Make what the codes belong to; returns the store's id of it. `unsure`: it was asked for before, and may be there."""

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Make codes. A code that is there already as one of ours is ready."""

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Which of these codes exist as ours, and under which ids."""

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """How far the store is; None when it knows of no such work."""

    async def close(self, place: str, code: str, store_id: str) -> None:
        """Take a code out; one that is not there any more is out."""


async def make(
    session: aiohttp.ClientSession,
    *,
    url: str,
    secret: str,
    code: str,
    percent: Decimal | None,
    amount: Money | None,
    ends: datetime,
    now: datetime,
) -> None:
    """Make a code in the shop that is worth `percent` or `amount` (one of them) until `ends`, by a signed `PUT {url}/{code}`.

    Times are UTC. Returns once the shop says the code exists. Raises DiscountRefused or ShopUnreachable.
    """
    body = _worth(percent, amount) | {"ends_at": ends.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    content = json.dumps(body).encode()
    headers = sign(f"discount_{code.encode().hex()}", now, content, secret)
    try:
        async with session.put(
            f"{url.rstrip('/')}/{quote(code, safe='')}",
            data=content,
            headers={**headers, "Content-Type": "application/json"},
            timeout=_ANSWER_TIME,
            allow_redirects=False,  # the signature is for this address alone
        ) as response:
            await _judge(response)
    except TimeoutError:
        raise ShopUnreachable(f"the shop did not answer within {_ANSWER_TIME.total:.0f} seconds") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ShopUnreachable(f"the shop cannot be reached ({type(error).__name__})") from error


class PutCodes:
    """The generic contract as a `CodeApi`: each code is a `PUT` of its own, and putting one again changes nothing."""

    at_once = 10  # shops limit their interfaces to a few calls a second

    def __init__(self, session: aiohttp.ClientSession, *, url: str, secret: str, clock: Callable[[], datetime]) -> None:
        self._session, self._url, self._secret, self._clock = session, url, secret, clock

    async def open(self, offer: Offer, *, unsure: bool) -> str:
        """The contract knows no parents."""
        return ""

    async def add(self, place: str, offer: Offer, codes: Sequence[str]) -> Outcome | UnderWay:
        """Puts them one after the other. A shop that refuses the first says no to all of it; a later one is lost alone."""
        ready, lost = dict[str, str](), dict[str, str]()
        for code in codes:
            try:
                await make(
                    self._session,
                    url=self._url,
                    secret=self._secret,
                    code=code,
                    percent=offer.percent,
                    amount=offer.amount,
                    ends=offer.ends,
                    now=self._clock(),
                )
            except DiscountRefused as refusal:
                if not ready:
                    raise
                lost[code] = refusal.why
            except ShopUnreachable:
                if not ready:
                    raise
                break  # what was not reached is asked for again, and whoever waits has what there is
            else:
                ready[code] = ""
        return Outcome(ready, lost)

    async def look(self, place: str, offer: Offer, codes: Sequence[str]) -> Mapping[str, str]:
        """Need not be asked: putting them again tells."""
        return {}

    async def poll(self, place: str, offer: Offer, bulk: str) -> Outcome | UnderWay | None:
        """Nothing is ever under way."""
        return None

    async def close(self, place: str, code: str, store_id: str) -> None:
        """The contract has no way to take a code back: it ends by itself."""


def new_code(prefix: str, random: Callable[[int], bytes]) -> str:
    """A code nobody can guess, such as `CASA7KQ2MX9T`. `random` gives that many random bytes (`secrets.token_bytes`).

    Letters and digits alone: the Cloud API says that a coupon code is alphanumeric.
    """
    number = int.from_bytes(random(16))  # 128 bits for 38: the remainder favours no letter that anyone could measure
    chars = []
    for _ in range(RANDOM_CHARS):
        number, index = divmod(number, len(ALPHABET))
        chars.append(ALPHABET[index])
    return re.sub(r"[^A-Z0-9]", "", prefix.upper(), flags=re.ASCII)[:MOST_PREFIX] + "".join(chars)


def _worth(percent: Decimal | None, amount: Money | None) -> dict[str, str]:
    if percent is not None and amount is None:
        return {"percent": f"{percent:f}"}
    if amount is not None and percent is None:
        return {"amount": f"{money.amount(amount):f}", "currency": amount.currency}
    raise ValueError("a discount is a percentage or an amount, one of them")


async def _judge(response: aiohttp.ClientResponse) -> None:
    if 200 <= response.status < 300:
        return
    if 400 <= response.status < 500 and response.status not in _LATER:
        raise DiscountRefused(await _sentence(response))
    raise ShopUnreachable(f"the shop answered {response.status}")


async def _sentence(response: aiohttp.ClientResponse) -> str:
    """The shop's own `error`, on one line and cut; the bare status when it gave none."""
    try:
        told = decode(await beginning(response, _ANSWER_BYTES))
    except Unreadable:
        told = Fields({})
    return told.text("error", _ERROR_CHARS) or f"the shop answered {response.status}"
