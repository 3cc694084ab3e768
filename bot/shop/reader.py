"""Reading a store by its own interface: its orders, checkouts and people page by page, and single things that a webhook only named.

What is read becomes rows like those of webhooks, in the same words (`delivery.py`): the same order told in both ways is one order. A row
holds the fields that are read and no others: nobody's street comes here by this way.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol

from bot.shop.delivery import FETCHED, Reader, Told, names, pack
from bot.shop.event import ShopEvent, Thin, Unreadable
from bot.shop.field import decode
from bot.shop.verifier import Verifier
from bot.store.model import Source, Update, update_key

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # when something happened of which a store that was asked says no time: never just now


class Part(StrEnum):
    """What a store can be asked for as a whole. The values stand in the database."""

    SHOPPER = "shopper"
    ORDER = "order"
    CART = "cart"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was read: the row it becomes, and what it says; None where that cannot be understood."""

    update: Update
    event: ShopEvent | None


@dataclass(frozen=True, slots=True)
class Page:
    """Things that were read. `cursor` is where to go on, None after the last page; `expected` is how many there are in all, where the store
    says so; `withheld` what it keeps from us, as a sentence."""

    found: tuple[Found, ...]
    cursor: str | None
    expected: int | None = None
    withheld: str | None = None


class StoreReader(Verifier, Protocol):
    """The way to read one store. Everything raises ApiRefused (the store says no) or ShopUnreachable (ask again)."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What this store can be asked for as a whole, in the order in which to ask."""

    @property
    def changes(self) -> tuple[Part, ...]:
        """The parts of which it can say what changed since some moment."""

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        """What changed since then (or, where the store cannot say that, all there is), from `cursor` on."""

    async def one(self, thin: Thin) -> tuple[Found, ...]:
        """What a webhook only named. Raises NotThere when it is gone."""


def found(
    platform: str, shop: str, thing: str, told: Told, raw: Any, shape: Callable[[Any], Mapping[str, Any]], read: Reader
) -> Found:
    """The row of something that was read, and what it says. `shape` puts it as told into the words that `read` knows. The same words a
    second time have the same key: `told` has no clock of ours. What has another shape than is documented is kept as unreadable, and in
    nothing's way."""
    kind = f"{platform}:{told.topic}"
    try:
        text = _written(shape(raw))
        body = pack(told, text)
        event = read(told, decode(text.encode()))
    except (Unreadable, AttributeError, KeyError, TypeError, ValueError) as fault:
        why = str(fault) if isinstance(fault, Unreadable) else "it has not the shape that is documented"
        body = _written(raw).encode("utf-8", "backslashreplace")
        key = update_key(told.moment, _name(shop, platform, thing, body))
        return Found(Update(Source.SHOP, kind, key, shop, body, told.moment, unreadable=why), None)
    key = update_key(event.at, _name(shop, platform, thing, text.encode()))
    return Found(Update(Source.SHOP, kind, key, shop, body, event.at, tuple(names(event, shop))), event)


def _written(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=str)


def _name(shop: str, platform: str, thing: str, body: bytes) -> str:
    return f"{shop}:{platform}:{thing}:{FETCHED}:{sha256(body).hexdigest()}"
