"""What goes into the store and comes out of it: identities, updates, and the rows other rooms may see."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class IdentityKind(StrEnum):
    """The names a person goes by. A contact is a surrogate id; any of these leads to it."""

    PHONE = "phone"  # E.164 with the plus
    WA_ID = "wa_id"  # WhatsApp's digits; usually, not always, the phone without its plus
    BSUID = "bsuid"  # business-scoped user id, `CC.digits`
    PARENT_BSUID = "parent_bsuid"
    LINE = "line"  # of a phone whose number is written in two ways (Brazil, Mexico): one form for both
    EMAIL = "email"  # lower case, trimmed
    CUSTOMER = "customer"  # the shop's customer id; scope is the shop
    CHECKOUT = "checkout"  # the shop's checkout key; scope is the shop
    CART = "cart"  # the shop's cart key; scope is the shop
    ORDER = "order"  # the shop's order key; scope is the shop
    CLICK = "click"  # the id in a recovery link somebody came by; scope is the shop
    VISITOR = "visitor"  # the key that a browser made up on the shop's pages; scope is the shop


LEADS = frozenset({IdentityKind.CHECKOUT, IdentityKind.CART, IdentityKind.ORDER, IdentityKind.CLICK, IdentityKind.VISITOR})
"""They lead to a person, and are nobody's name."""


MESSAGE = "message"  # the kind of an update that a customer wrote
STATUS = "status"  # the kind of an update that tells how far a message of ours got


@dataclass(frozen=True, slots=True)
class Identity:
    """One name of one person. `scope` is the shop for names that only mean something there, else empty."""

    kind: IdentityKind
    value: str
    scope: str = ""


class Source(StrEnum):
    """Where an inbox row came from; with `kind` it says how to read the body."""

    WHATSAPP = "whatsapp"
    SHOP = "shop"
    VISITOR = "visitor"  # somebody's browser on a shop's pages, which can prove nothing
    CLOCK = "clock"
    DESK = "desk"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that happened outside, to be kept before it is acknowledged.

    `key` is 16 bytes made by `update_key`, the same for every redelivery. `identities` are all names it carries: while it is
    unread, nothing is sent to whoever goes by one of them. `place` is the receiving phone number id or the shop.
    `unreadable` says why it cannot be understood: it is then kept as dead, for a person to see. `body` is its own part of the
    delivery (JSON), never the whole envelope.
    """

    source: Source
    kind: str
    key: bytes
    place: str
    body: bytes
    occurred_at: datetime
    identities: tuple[Identity, ...] = ()
    unreadable: str | None = None

    @property
    def may_object(self) -> bool:
        """Whether the person may have said in it that they want no more: word of how far a message of ours got never does."""
        return self.kind != STATUS and self.unreadable is None


def update_key(occurred_at: datetime, name: str) -> bytes:
    """16 bytes: 4 of the payload's own timestamp, 12 of a hash of its name.

    The time in front makes the unique index append-mostly, 4 times faster at millions of rows than a text key, and prunable by
    range. The timestamp must be the payload's own, which a redelivery repeats, never the time of receipt.
    """
    seconds = max(0, min(int(occurred_at.timestamp()), 0xFFFFFFFF))
    return seconds.to_bytes(4, "big") + hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:12]


def from_epoch(seconds: int) -> datetime:
    """UTC from epoch seconds, clamped to what a date can hold: a hostile timestamp must not raise."""
    return datetime.fromtimestamp(max(0, min(seconds, 0xFFFFFFFF)), UTC)
