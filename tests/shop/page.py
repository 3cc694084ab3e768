"""A page of a shop: what our script on it posts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from bot.shop.snippet import Site

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
ORIGIN = "https://casa.example"
LOOKER, OTHER = "ABCDEFGH23456789ABCDEFGH", "ZYXWVTSR98765432ZYXWVTSR"
SITE = Site("casa", frozenset({"casa.example", "www.casa.example"}), ("the shop's secret", "the one before it"))
_numbers = count(1)


def viewed(product: Any = "p-moka", **more: Any) -> dict[str, Any]:
    """Somebody looks at a product."""
    shown = {"title": "Moka pot", "url": f"{ORIGIN}/p/{product}", "price": "32.00", "currency": "EUR"}
    return event("viewed", product=product, **{**shown, **more})


def cart(*products: str, **more: Any) -> dict[str, Any]:
    """Something is in the cart, or nothing."""
    items = [{"product": one, "title": f"The {one}", "quantity": 2, "price": "16.00"} for one in products]
    told = {"items": items, "total": f"{32 * len(items)}.00", "currency": "EUR", "url": f"{ORIGIN}/cart"}
    return event("cart", **{**told, **more})


def event(kind: str, **told: Any) -> dict[str, Any]:
    """Any of its events; a field that is None is left out."""
    number = next(_numbers)
    values = {"type": kind, "id": f"event-{number:06d}", "at": int(NOW.timestamp()), **told}
    return {name: value for name, value in values.items() if value is not None}


def post(*events: Mapping[str, Any], visitor: Any = LOOKER, token: Any = SITE.token, **more: Any) -> bytes:
    """The body of a post."""
    return json.dumps({"token": token, "visitor": visitor, "events": list(events), **more}).encode()
