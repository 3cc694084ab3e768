"""What the lists of REST interfaces have in common: things of some shelves, those that are meant, in an order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import inf
from typing import Any

from bot.sandbox.shop.books import Checkout, Order, Shelf

Key = Callable[[Any], tuple[Any, int]]


def created(one: Any) -> tuple[datetime, int]:
    """When a thing came to be, and its id."""
    return one.placed_at if isinstance(one, Order) else one.created_at, one.id


def modified(one: Any) -> tuple[datetime, int]:
    """When a thing changed last, and its id."""
    return one.updated_at, one.id


def numbered(one: Any) -> tuple[int, int]:
    """A thing's id."""
    return one.id, one.id


def chosen(shelves: Sequence[Shelf[Any]], by: str, key: Key, meant: Callable[[Any], bool], since: datetime | None = None) -> list[Any]:
    """All things that are meant, in order. `since`: nothing before that is, where the order is that of changes."""
    found = [one for shelf in shelves for one in _from(shelf, by, key, since) if meant(one)]
    if len(shelves) > 1:
        found.sort(key=key)
    return found


def _from(shelf: Shelf[Any], by: str, key: Key, since: datetime | None) -> list[Any]:
    listed = shelf.sorted(by, key)
    return listed[shelf.after(by, key, (since, -inf)) :] if since is not None and key is modified else listed


def is_open(one: Order | Checkout) -> bool:
    """Orders all are; a checkout is as long as nobody finished it."""
    return isinstance(one, Order) or one.completed_at is None
