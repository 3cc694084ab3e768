"""The snippet: a small script on a shop's pages that tells which product is looked at and what is in the cart.

A browser can hold no secret, so what it tells is a stranger's word. It may say which product page it has open; what that means for
anybody is decided elsewhere. Its words reach a customer only where they can do no harm: a link to the shop's own pages, a name without
a link, an address or a number in it. Anything that is not exactly as our own script writes it is refused, and so is everything personal:
there is no field for it.
"""

import hmac
import html
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.flow.facts import Line, Money
from bot.shop.event import NOBODY, CartChanged, ProductViewed, ShopEvent, Unreadable, VisitorCame
from bot.shop.field import Fields, clean, decode
from bot.store.model import Source, Update
from bot.store.visitors import name_of, told_key

VERSION = 1  # of what the script and we say to each other; tokens of an older one are no good
MOST_BODY = 16 * 1024  # bytes; a cart of thirty lines has some six thousand
MOST_EVENTS = 10
MOST_PIECES = 30  # lines of a cart that count
MOST_NAME = 120  # characters of a product's name that a message shows
SKEW = timedelta(minutes=10)  # how far a browser's clock may be off to be believed

VISITOR_KEY = re.compile(r"[2-9A-HJKMNP-Z]{24}", re.ASCII)  # nothing that reads as something else: its first letters are written by hand
CLICK_ID = re.compile(r"[a-z2-7]{16}", re.ASCII)
REF = re.compile(r"\(ref: ?([2-9A-HJKMNP-Z]{8})\)", re.ASCII | re.IGNORECASE)  # how a message names the browser of its writer
_PRODUCT = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._:/-]{0,99}", re.ASCII)
_EVENT_ID = re.compile(r"[0-9A-Za-z-]{8,40}", re.ASCII)
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})  # pages on this machine come without TLS
_NO_NAME = re.compile(r"://|www\.|@|(?:[0-9][ .-]?){8,}|\b[\w-]{2,}\.[a-z]{2,}(?![\w-])", re.IGNORECASE)  # what leads away from the shop

_ENVELOPE = frozenset({"token", "visitor", "events"})
_EVERY = frozenset({"type", "id", "at"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "viewed": _EVERY | {"product", "title", "url", "image", "price", "currency"},
    "cart": _EVERY | {"items", "total", "currency", "url"},
    "came": _EVERY | {"click"},
}
_OF_A_LINE = frozenset({"product", "variant", "title", "quantity", "price"})


class Refused(Exception):
    """This does not come from a page of the shop, as far as that can be told."""


@dataclass(frozen=True, slots=True)
class Site:
    """A shop's pages. `hosts` are where they are, with the port where there is one; `secrets` are the shop's, the first is used to sign."""

    shop: str
    hosts: frozenset[str]
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def token(self) -> str:
        """What the script brings back: only a shop that is set up here has one."""
        return _token(self.secrets[0], self.shop)

    def is_own(self, origin: str | None) -> bool:
        """Whether a page of the shop sent it, by the header that a browser lets no page write."""
        try:
            parts = urlsplit(origin or "")
        except ValueError:
            return False
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
        return secure and parts.netloc.lower() in self.hosts

    def is_genuine(self, token: object) -> bool:
        """Whether a token is ours. Total, and in constant time."""
        given = token.encode("utf-8", "replace") if isinstance(token, str) else b""
        return any(hmac.compare_digest(_token(secret, self.shop).encode(), given) for secret in self.secrets)

    def updates(self, body: bytes, received_at: datetime) -> list[Update]:
        """What a browser posted, one row an event. Raises Refused for a token that is not ours, Unreadable for all that our script does
        not write."""
        told = decode(body)
        if not self.is_genuine(told.values.get("token")):
            raise Refused
        _only(told, _ENVELOPE)
        visitor = _matching(told, "visitor", VISITOR_KEY)
        events = told.objects("events", MOST_EVENTS + 1) or ()
        if not 1 <= len(events) <= MOST_EVENTS:
            raise told.fault("events", f"are none, or more than {MOST_EVENTS}")
        return [self._update(visitor, event, received_at) for event in events]

    def _update(self, visitor: str, event: Fields, received_at: datetime) -> Update:
        kind = event.values.get("type")
        if not isinstance(kind, str) or kind not in _FIELDS:
            raise event.fault("type", "is not known")
        _only(event, _FIELDS[kind])
        told_at = event.epoch("at")
        if told_at is None:
            raise event.fault("at", "is not a time in seconds")
        at = min(told_at, received_at) if abs(told_at - received_at) <= SKEW else received_at
        key = told_key(told_at, f"{self.shop}:{visitor}:{_matching(event, 'id', _EVENT_ID)}")
        leads_away = {name for name in ("url", "image") if not self._leads_here(event.link(name))}
        kept = {name: value for name, value in event.values.items() if name not in leads_away}
        body = json.dumps({**kept, "visitor": visitor, "at": at.astimezone(UTC).isoformat()}).encode()
        read(kind, body)  # what could not be read later is refused now
        return Update(Source.VISITOR, kind, key, self.shop, body, at, (name_of(self.shop, visitor),))

    def _leads_here(self, link: str | None) -> bool:
        return link is not None and urlsplit(link).netloc.lower() in self.hosts


def _token(secret: str, shop: str) -> str:
    """Signed by a key of its own, so that it says nothing of the secret."""
    key = hmac.digest(secret.encode("utf-8", "replace"), b"comeback snippet", "sha256")
    return urlsafe_b64encode(hmac.digest(key, f"{shop}\0{VERSION}".encode(), "sha256"))[:32].decode("ascii")


def _only(told: Fields, names: Iterable[str]) -> None:
    if unknown := set(told.values) - set(names):
        raise Unreadable(f"{told.place}{len(unknown)} fields are not known here")


def _matching(told: Fields, name: str, shape: re.Pattern[str]) -> str:
    value = told.values.get(name)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise told.fault(name, "is not as our script makes it")
    return value


# ---- what is kept of it


def read(kind: str, body: bytes) -> ProductViewed | CartChanged | VisitorCame:
    """What a visitor did, of a row's kind and body. Raises Unreadable."""
    told = decode(body)
    at, visitor = told.moment("at"), told.required("visitor")
    if at is None:
        raise told.fault("at", "is missing")
    match kind:
        case "viewed":
            return _viewed(told, at, visitor)
        case "cart":
            return _cart(told, at, visitor)
        case "came":
            click = _matching(told, "click", CLICK_ID) if told.has("click") else None
            return VisitorCame(at, visitor, click)
        case _:
            raise Unreadable("nobody knows what this visitor did")


def _viewed(told: Fields, at: datetime, visitor: str) -> ProductViewed:
    return ProductViewed(
        at=at,
        product=_matching(told, "product", _PRODUCT),
        shopper=NOBODY,
        title=harmless(told.text("title", MOST_NAME)),
        link=told.link("url"),
        visitor=visitor,
        price=_price(told),
        image=told.link("image"),
    )


def _price(told: Fields) -> Money | None:
    """What the page says it costs, where that can be read: pages write prices in many ways."""
    try:
        return told.price("price", told.currency("currency"))
    except Unreadable:
        return None


def _cart(told: Fields, at: datetime, visitor: str) -> CartChanged:
    currency = told.currency("currency")
    lines = [line for item in told.objects("items", MOST_PIECES) or () if (line := _line(item, currency))]
    return CartChanged(
        at=at,
        checkout=f"visitor:{visitor}",
        shopper=NOBODY,
        lines=tuple(line for line in lines if line.quantity > 0),
        total=told.money("total", currency, exact=False) or Money(0, currency),
        link=told.link("url"),
        is_checkout=False,
        visitor=visitor,
    )


def _line(told: Fields, currency: str) -> Line | None:
    """A line of a cart; None for one whose name no customer should read."""
    _only(told, _OF_A_LINE)
    product, name = _matching(told, "product", _PRODUCT), harmless(told.text("title", MOST_NAME))
    pieces, price = told.quantity("quantity"), told.money("price", currency, exact=False)
    return Line(name, pieces, price, product, variant=told.key("variant")) if name else None


def harmless(name: str | None) -> str | None:
    """A product's name as a page tells it (themes leave HTML's `&amp;` in), None where it could lead a customer away from the shop:
    anybody can make a page tell it."""
    written = clean(html.unescape(name or ""))[:MOST_NAME]
    return written if written and not _NO_NAME.search(written) else None


def is_visitors(event: ShopEvent) -> bool:
    """Whether a cart is what a browser says of its own, not what the shop tells."""
    return isinstance(event, CartChanged) and event.visitor is not None and event.shopper == NOBODY and not event.is_checkout
