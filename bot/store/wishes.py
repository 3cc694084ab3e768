"""Who wants to hear of a product, in the order they joined; and the news they are told, a few at a time.

    waiting -> called: their turn has come -> told
                       -> waiting again, where it was sold out before it could be said

One entry a person, variant and kind of news. It ends when its time is over, when they order the product, and with a stop.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.flow.facts import Line, Money
from bot.store.mirror import decode_lines
from bot.store.step import Row, Step, from_micros, sql, sql_many, to_micros


class What(StrEnum):
    """What somebody wants to hear."""

    BACK_IN_STOCK = "back_in_stock"
    PRICE_DROPPED = "price_dropped"


class Origin(StrEnum):
    """How somebody came to be on the list."""

    CHAT = "chat"
    FORM = "form"  # of the shop
    CART = "cart"  # it lies in the cart they left


@dataclass(frozen=True, slots=True)
class Wish:
    """Who waits for what: `variant` None stands for any kind of the product."""

    contact: int
    product: int
    variant: int | None
    what: What
    origin: Origin
    joined_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """Something happened to a variant. `price` is what it costs since, `was` the lowest of the thirty days before, where that is known.
    `looked`: open carts up to this one were looked at, None for all. `places`: how many more may be told before the pause, None when that
    is to be reckoned."""

    id: int
    variant: int
    what: What
    at: datetime
    price: Money | None
    was: Money | None
    looked: int | None
    places: int | None
    over: bool


def join(wish: Wish) -> Step[bool]:
    """Put somebody on the list; who is on it keeps their place. Returns whether they were not."""
    mine = {"contact": wish.contact, "product": wish.product, "variant": wish.variant or 0, "what": wish.what}
    was_waiting = yield sql("wish.is_waiting", **mine)
    joined_at, expires_at = to_micros(wish.joined_at), to_micros(wish.expires_at)
    yield sql("wish.join", source=wish.origin, joined_at=joined_at, expires_at=expires_at, **mine)
    return not was_waiting


def forget(contact: int) -> Step[None]:
    """They want to hear of nothing."""
    yield sql("wish.forget_contact", contact=contact)


def forget_product(contact: int, product: int) -> Step[None]:
    """They want to hear of this product no more: they have it."""
    yield sql("wish.forget_product", contact=contact, product=product)
    yield sql("wish.rest", contact=contact, product=product)


def forget_expired(now: datetime) -> Step[None]:
    """Those whose time is over are taken away."""
    yield sql("wish.forget_expired", now=to_micros(now))


# ---- news


def begin(
    variant: int, what: What, at: datetime, price: Money | None = None, was: Money | None = None, *, carts: bool = True
) -> Step[int]:
    """Something happened to a variant; returns the id of the news. `carts`: open carts are to be looked at, too."""
    minor, currency = (price.minor, price.currency) if price else (None, None)
    values = {"price_minor": minor, "currency": currency, "was_minor": was.minor if was else None, "looked": 0 if carts else None}
    news: int = (yield sql("wish.begin_news", variant=variant, what=what, at=to_micros(at), **values))[0]["id"]
    return news


def end(variant: int, what: What) -> Step[None]:
    """It is so no more: nobody else is told."""
    yield sql("wish.end_news", variant=variant, what=what)


def end_dearer(variant: int, price: Money) -> Step[None]:
    """It costs this now: nobody else is told that it costs less."""
    yield sql("wish.end_dearer", variant=variant, price_minor=price.minor, currency=price.currency)


def finish(news: int) -> Step[None]:
    """Everybody who waits was told."""
    yield sql("wish.end_one", id=news)


def load(news: int, *, hold: bool = False) -> Step[News | None]:
    """The news by its id. `hold`: nobody else works on it until the end of the transaction."""
    rows = yield sql("wish.held_news" if hold else "wish.news", id=news)
    return _news(rows[0]) if rows else None


def save(news: News) -> Step[None]:
    """How far it was told."""
    yield sql("wish.save_news", id=news.id, looked=news.looked, places=news.places)


@dataclass(frozen=True, slots=True)
class OpenCart:
    """A cart that was left."""

    id: int
    contact: int
    lines: tuple[Line, ...]
    left_at: datetime


def open_carts(shop: str, after: int, limit: int, keys: Sequence[str]) -> Step[tuple[list[OpenCart], int | None]]:
    """Open carts of a shop that may hold a product with one of these keys, a page of them; and up to which one they were looked at, None
    when that were all."""
    rows = yield sql("wish.open_carts", shop=shop, after=after, limit=limit)
    written = [json.dumps(key)[1:-1] for key in keys]
    near = (row for row in rows if any(key in row["lines"] for key in written))
    found = [OpenCart(row["id"], row["contact"], decode_lines(row["lines"]), from_micros(row["updated_at"])) for row in near]
    return found, rows[-1]["id"] if len(rows) == limit else None


def also_of_price(news: News, product: int, now: datetime, since: datetime, limit: int) -> Step[None]:
    """Who waits until it is back hears of its price, too, unless they heard of it since."""
    values = {"now": to_micros(now), "since": to_micros(since), "limit": limit}
    yield sql("wish.also_of_price", product=product, variant=news.variant, **values)


def call(news: News, product: int, now: datetime, since: datetime, limit: int) -> Step[list[int]]:
    """The turn of the next people has come; returns who they are. Who was told of the product after `since` is left alone."""
    values = {"now": to_micros(now), "since": to_micros(since), "limit": limit}
    rows = yield sql("wish.waiting", product=product, variant=news.variant, what=news.what, **values)
    shared = {"news": news.id, "product": product, "what": news.what, "variant": news.variant}
    called = list(dict.fromkeys(row["contact"] for row in rows))
    if called:
        yield sql_many("wish.call", [{"contact": contact, **shared} for contact in sorted(called)])
    return called


def is_called(contact: int, news: int) -> Step[bool]:
    """Whether it is still their turn."""
    return bool((yield sql("wish.called", contact=contact, news=news)))


def told(contact: int, news: int, now: datetime) -> Step[None]:
    """They are told now."""
    yield sql("wish.told", contact=contact, news=news, now=to_micros(now))


def wait_again(contact: int, news: int, *, untold: bool) -> Step[None]:
    """It cannot be told them now: they keep the place they had. `untold`: they have heard nothing of it."""
    yield sql("wish.wait_again", contact=contact, news=news, untold=int(untold))


def on_their_way(news: int) -> Step[int]:
    """How many people were called and may not have heard yet."""
    people: int = (yield sql("wish.on_their_way", news=news))[0]["people"]
    return people


def _news(row: Row) -> News:
    currency = row["currency"]
    price, was = (None if row[name] is None else Money(row[name], currency) for name in ("price_minor", "was_minor"))
    return News(
        id=row["id"],
        variant=row["variant"],
        what=What(row["what"]),
        at=from_micros(row["at"]),
        price=price,
        was=was,
        looked=row["looked"],
        places=row["places"],
        over=bool(row["over"]),
    )
