"""Asking a shop itself: is this cart still open, this order still unpaid? For when its webhooks have been silent for too long."""

from enum import StrEnum
from typing import Protocol


class Doubt(StrEnum):
    """What is asked."""

    CART_OPEN = "cart_open"
    ORDER_UNPAID = "order_unpaid"


class NoAnswer(Exception):
    """The shop could not be asked, or did not say: it is asked again later."""


class Verifier(Protocol):
    """The way to ask one shop."""

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        """Whether it is, of the checkout or order by the shop's own key. Raises NoAnswer."""
