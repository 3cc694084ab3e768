"""Browsers on the shops' pages: what they looked at, what is in their cart, and whose they are once that is known.

A browser goes by a key that it made up. It leads to a person like the key of a cart does: an identity of the kind `visitor`. How sure
that is says `JoinedBy`; a surer word replaces a less sure one. All of it is kept for a month after the browser was last seen, and of what
it looked at the last fifty products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from bot.flow.facts import Line, Money, ProductFacts
from bot.store import contacts
from bot.store.mirror import decode_lines, encode_lines
from bot.store.model import Identity, IdentityKind
from bot.store.step import Row, Step, from_micros, sql, to_micros

KEPT = timedelta(days=30)  # after a browser was last seen
MOST_VIEWS = 50  # products of one browser; who looks at more is a machine, or remembers none of them
CODE_LETTERS = 8  # of a key: the code by which its owner names it in a message
CLICK_GOOD = timedelta(days=30)  # how long a link of ours says whom it was sent to
CLICK_KEPT = timedelta(days=60)  # and how long an order may still name it
TOLD_KEPT = timedelta(days=2)  # what a browser told, word for word, and the keys by which a second telling is known
FORGOTTEN_AT_ONCE = 500  # browsers: some 10 ms of the one writer
_SEEN_PREFIX = b"\xff"  # the time in front of all other keys begins so in the year 2106
_HOUR = 3600


class JoinedBy(StrEnum):
    """How it is known whose a browser is, the least sure first."""

    LINK = "link"  # it came by a link that we sent to somebody, who may have passed it on
    MESSAGE = "message"  # somebody wrote to us with its code
    ORDER = "order"  # the shop told of a checkout or an order made in it


_SURENESS = {None: 0, JoinedBy.LINK: 1, JoinedBy.MESSAGE: 2, JoinedBy.ORDER: 3}


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser by the store's own id."""

    id: int
    shop: str
    key: str
    joined_by: JoinedBy | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A product that somebody looked at, as its page tells it, the last time `at` (UTC)."""

    id: int
    shop: str
    product: str
    facts: ProductFacts
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptCart:
    """What a browser last said to have in its cart."""

    at: datetime
    lines: tuple[Line, ...]
    total: Money
    link: str | None


def name_of(shop: str, key: str) -> Identity:
    """The name by which a browser leads to a person."""
    return Identity(IdentityKind.VISITOR, key, shop)


def touch(shop: str, key: str, at: datetime) -> Step[Visitor]:
    """A browser was heard of; nobody else changes it until the end of the transaction."""
    rows = yield sql("visitor.touch", shop=shop, key=key, at=to_micros(at))
    return _visitor(rows[0], shop, key)


def by_code(code: str) -> Step[Visitor | None]:
    """The browser whose key begins with a code; of several the one seen last."""
    rows = yield sql("visitor.by_code", code=code)
    return _visitor(rows[0], rows[0]["shop"], rows[0]["key"]) if rows else None


def find(visitor: int) -> Step[Visitor | None]:
    """A browser by the store's own id, None when it is forgotten."""
    rows = yield sql("visitor.by_id", id=visitor)
    return _visitor(rows[0], rows[0]["shop"], rows[0]["key"]) if rows else None


def _visitor(row: Row, shop: str, key: str) -> Visitor:
    return Visitor(row["id"], shop, key, JoinedBy(row["joined_by"]) if row["joined_by"] else None)


def owner(visitor: Visitor) -> Step[int | None]:
    """Whose it is, None while nobody knows."""
    return (yield from contacts.find(name_of(visitor.shop, visitor.key)))


def join(visitor: Visitor, contact: int, by: JoinedBy, now: datetime) -> Step[bool]:
    """It is this person's from now on, unless that is known more surely of somebody else. Of two links the first counts, of two messages
    or orders the last. Returns whether it is news."""
    before = yield from owner(visitor)
    less_sure = _SURENESS[by] < _SURENESS[visitor.joined_by] or (by is JoinedBy.LINK and visitor.joined_by is JoinedBy.LINK)
    if before is not None and less_sure:
        return False
    yield sql("visitor.joined", id=visitor.id, by=by)
    yield from contacts.lead(contact, [name_of(visitor.shop, visitor.key)], now)
    return before != contact


def clicked(shop: str, click: str, now: datetime) -> Step[int | None]:
    """Whom the link with this click's id was sent to, None for one nobody knows, or an old one."""
    rows = yield sql("visitor.clicked", shop=shop, click=click, since=to_micros(now - CLICK_GOOD))
    return int(rows[0]["contact"]) if rows else None


def send_link(click: str, shop: str, contact: int, run: int, now: datetime) -> Step[None]:
    """A link with this click's id goes to somebody, in a message of a run."""
    yield sql("visitor.send_link", click=click, shop=shop, contact=contact, run=run, at=to_micros(now))


# ---- what they looked at


def look(visitor: Visitor, product: str, told: ProductFacts, at: datetime) -> Step[int]:
    """They looked at a product; returns the id of that among all looks at it."""
    price = told.price
    rows = yield sql(
        "visitor.look",
        visitor=visitor.id,
        product=product,
        title=told.name,
        link=told.link,
        image=told.image,
        price_minor=price.minor if price else None,
        currency=price.currency if price else None,
        at=to_micros(at),
    )
    if rows[0]["times"] == 1:
        yield sql("visitor.forget_views_beyond", visitor=visitor.id, most=MOST_VIEWS)
    return int(rows[0]["id"])


def looks(contact: int, shop: str, since: datetime) -> Step[list[Looked]]:
    """What somebody looked at since then, what they looked at most first."""
    return [_looked(row) for row in (yield sql("visitor.views", contact=contact, shop=shop, since=to_micros(since)))]


def looked(view: int) -> Step[Looked | None]:
    """A look by its id, None when it is forgotten."""
    rows = yield sql("visitor.view", id=view)
    return _looked(rows[0]) if rows else None


def _looked(row: Row) -> Looked:
    price = Money(row["price_minor"], row["currency"]) if row["price_minor"] is not None and row["currency"] else None
    in_stock = None if row["in_stock"] is None else bool(row["in_stock"])
    facts = ProductFacts(row["name"], price, None, row["page"], row["picture"], in_stock, row["times"])
    return Looked(row["id"], row["shop"], row["product"], facts, from_micros(row["last_at"]))


def has_bought(contact: int, shop: str, product: str, since: datetime) -> Step[bool]:
    """Whether somebody ordered a product since then."""
    return bool((yield sql("visitor.bought_since", contact=contact, shop=shop, product=product, since=to_micros(since))))


def has_cart(contact: int, shop: str, since: datetime) -> Step[bool]:
    """Whether somebody has a cart that they touched since then."""
    return bool((yield sql("visitor.has_cart", contact=contact, shop=shop, since=to_micros(since))))


# ---- their carts


def keep_cart(visitor: Visitor, cart: KeptCart) -> Step[None]:
    """What is in its cart now; an older word changes nothing."""
    yield sql(
        "visitor.cart",
        id=visitor.id,
        cart=encode_lines(cart.lines),
        minor=cart.total.minor,
        currency=cart.total.currency,
        link=cart.link,
        at=to_micros(cart.at),
    )


def kept_cart(visitor: Visitor, since: datetime) -> Step[KeptCart | None]:
    """What is in its cart, if it said so since then."""
    rows = yield sql("visitor.kept_cart", id=visitor.id, since=to_micros(since))
    if not rows:
        return None
    row = rows[0]
    return KeptCart(
        from_micros(row["cart_at"]), decode_lines(row["cart"]), Money(row["cart_minor"], row["cart_currency"]), row["cart_link"]
    )


# ---- forgetting


def forget_old(now: datetime) -> Step[bool]:
    """Forget some of what is older than it is kept; returns whether there may be more."""
    unseen = yield sql("visitor.unseen", before=to_micros(now - KEPT), limit=FORGOTTEN_AT_ONCE)
    yield from _forget([Visitor(row["id"], row["shop"], row["key"]) for row in unseen])
    links = yield sql("visitor.forget_links", before=to_micros(now - CLICK_KEPT), limit=FORGOTTEN_AT_ONCE)
    told = yield sql("visitor.forget_told", before=to_micros(now - TOLD_KEPT), limit=FORGOTTEN_AT_ONCE)
    before = _SEEN_PREFIX + _hours(now - TOLD_KEPT)
    keys = yield sql("visitor.forget_seen", first=_SEEN_PREFIX, before=before, limit=FORGOTTEN_AT_ONCE)
    return FORGOTTEN_AT_ONCE in map(len, (unseen, links, told, keys))


def _forget(gone: Sequence[Visitor]) -> Step[None]:
    for one in gone:
        yield sql("visitor.forget_views", id=one.id)
        yield sql("visitor.forget_name", shop=one.shop, key=one.key)
        yield sql("visitor.forget", id=one.id)


def told_key(at: datetime, name: str) -> bytes:
    """The key by which a second telling of the same is known: `update_key`'s 16 bytes, in a range of their own that can be forgotten."""
    return _SEEN_PREFIX + _hours(at) + sha256(name.encode("utf-8", "surrogatepass")).digest()[:12]


def _hours(at: datetime) -> bytes:
    return (int(at.timestamp()) // _HOUR).to_bytes(3, "big")
