"""A shop's delivery on its way in: what came, whether it is genuine, and the row that is kept of it.

Each platform has an adapter. Whatever it makes of a genuine delivery is one row an update: the shop's own body with what its headers and
our settings say beside it, so that it can be read again when it is worked off. What cannot be read is kept all the same, as dead.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Protocol

from bot.shop import event as told_events
from bot.shop import signature
from bot.shop.event import ShopEvent, Shopper, Unreadable
from bot.shop.field import Fields, decode
from bot.store.model import Identity, IdentityKind, Source, Update, from_epoch, update_key

UNKNOWN = "unknown"  # the topic of a delivery that does not say its own
FETCHED = "fetched"  # ends the topic of what no webhook told: it was read by the store's own interface


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST of a shop, whose name was in the path. `word` is what stood in the path behind the name: for those who cannot sign."""

    shop: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    word: str | None = None

    def header(self, name: str) -> str | None:
        """The value of a header that came exactly once, in whatever case."""
        return signature.only(self.headers, name)

    @property
    def fingerprint(self) -> str:
        """What only the same body has."""
        return sha256(self.body).hexdigest()


class Admission(Enum):
    """What the door does with a delivery."""

    GENUINE = "genuine"
    GREETING = "greeting"  # a shop tries the address when it is entered: answered kindly, and nothing is kept
    REFUSED = "refused"


class Adapter(Protocol):
    """The way in from one shop."""

    @property
    def tries_again(self) -> bool:
        """Whether the platform sends a delivery again that was not answered 2xx."""

    def admit(self, delivery: Delivery) -> Admission:
        """Whether it comes from the shop. Total: whatever came, there is an answer."""

    def split(self, delivery: Delivery) -> list[Update]:
        """The updates in a genuine delivery, at least one. Never raises."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told beside a body. `topic` is the shop's own word, `at` the time of the event by the headers, None where they do not say;
    `received_at` ours. `region` (ISO 3166) is where phones without a country code are from, `domain` the shop's host, `consent_key` the
    name under which this shop keeps the checkbox for WhatsApp."""

    topic: str
    received_at: datetime
    at: datetime | None = None
    region: str | None = None
    domain: str | None = None
    consent_key: str | None = None

    @property
    def moment(self) -> datetime:
        """When it happened, as far as the headers tell."""
        return self.at or self.received_at


Reader = Callable[[Told, Fields], ShopEvent]


def keep(platform: str, delivery: Delivery, told: Told, name: str, read: Reader) -> Update:
    """The row of an update. `name` is what a redelivery repeats; it becomes the key, with the time of the headers before it."""
    key = update_key(told.at or from_epoch(0), f"{delivery.shop}:{platform}:{name}")
    kind = f"{platform}:{told.topic}"
    try:
        text = delivery.body.decode("utf-8").removeprefix("\ufeff")
        happened = read(told, decode(text.encode()))
    except (Unreadable, UnicodeDecodeError) as fault:
        why = str(fault) if isinstance(fault, Unreadable) else "the body is not UTF-8"
        return Update(Source.SHOP, kind, key, delivery.shop, delivery.body, told.moment, unreadable=why)
    return Update(Source.SHOP, kind, key, delivery.shop, pack(told, text), happened.at, tuple(names(happened, delivery.shop)))


def unpack(topic: str, body: bytes) -> tuple[Told, Fields]:
    """What `keep` put into a row. Raises Unreadable."""
    packed = decode(body)
    beside = packed.object("told")
    received_at = beside.moment("received_at")
    if received_at is None:
        raise beside.fault("received_at", "is missing")
    words = {name: beside.key(name) for name in ("region", "domain", "consent_key")}
    return Told(topic, received_at, beside.moment("at"), **words), Fields(packed.object("body").values)


def pack(told: Told, text: str) -> bytes:
    """The body as it came, and what was told beside it."""
    beside = {
        "at": told.at.astimezone(UTC).isoformat() if told.at else None,
        "received_at": told.received_at.astimezone(UTC).isoformat(),
        "region": told.region,
        "domain": told.domain,
        "consent_key": told.consent_key,
    }
    written = json.dumps({name: value for name, value in beside.items() if value is not None})
    return f'{{"told":{written},"body":{text}}}'.encode()


def is_fetched(kind: str) -> bool:
    """Whether a row's kind says that the store was asked for it, so that it tells nothing of its webhooks."""
    return kind.endswith(FETCHED)


def names(happened: ShopEvent, shop: str) -> Iterator[Identity]:
    """Every name of a person that an event carries."""
    yield from _person(getattr(happened, "shopper", told_events.NOBODY), shop)
    for kind, value in _keys(happened):
        if value is not None:
            yield Identity(kind, value, shop)


def _person(shopper: Shopper, shop: str) -> Iterator[Identity]:
    if shopper.phone:
        yield Identity(IdentityKind.PHONE, shopper.phone)
        yield Identity(IdentityKind.WA_ID, shopper.phone.removeprefix("+"))
    if shopper.email:
        yield Identity(IdentityKind.EMAIL, shopper.email)
    if shopper.customer:
        yield Identity(IdentityKind.CUSTOMER, shopper.customer, shop)


def _keys(happened: ShopEvent) -> tuple[tuple[IdentityKind, str | None], ...]:
    match happened:
        case told_events.CartChanged(checkout=checkout, cart=cart, click=click):
            return (IdentityKind.CHECKOUT, checkout), (IdentityKind.CART, cart), (IdentityKind.CLICK, click)
        case told_events.OrderChanged(checkout=checkout, cart=cart, order=order, click=click):
            carts = (IdentityKind.CHECKOUT, checkout), (IdentityKind.CART, cart), (IdentityKind.CLICK, click)
            return *carts, (IdentityKind.ORDER, order)
        case told_events.CartClosed(checkout=checkout, cart=cart, order=order):
            return (IdentityKind.CHECKOUT, checkout), (IdentityKind.CART, cart), (IdentityKind.ORDER, order)
        case told_events.OrderRemoved(order=order) | told_events.Refunded(order=order) | told_events.ShipmentChanged(order=order):
            return ((IdentityKind.ORDER, order),)
        case told_events.ShoppersMerged(kept=kept, gone=gone):
            return (IdentityKind.CUSTOMER, kept), (IdentityKind.CUSTOMER, gone)
        case told_events.ProductViewed(visitor=visitor) | told_events.VisitorCame(visitor=visitor):
            return ((IdentityKind.VISITOR, visitor),)
        case told_events.Thin(resource=resource, key=key):
            return tuple((kind, key) for kind in _KINDS.get(resource, ()))
        case _:
            return ()


_KINDS = {
    told_events.Resource.CART: (IdentityKind.CART, IdentityKind.CHECKOUT),
    told_events.Resource.ORDER: (IdentityKind.ORDER,),
    told_events.Resource.SHOPPER: (IdentityKind.CUSTOMER,),
}
