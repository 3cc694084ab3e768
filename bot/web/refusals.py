"""Deliveries that are refused are told in the log, so that a shop that signs with another secret is seen: a line for each shop now and
then, for anybody can send what is refused, and nothing of what came in it."""

import logging
from collections.abc import Callable
from time import monotonic

log = logging.getLogger(__name__)

APART = 300.0  # seconds between two lines about one shop


class Refusals:
    """What was refused, by shops that are set up here: there are never more of them than the settings name. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def refused(self, shop: str) -> None:
        """A delivery of this shop was refused."""
        count, now = self._untold.get(shop, 0) + 1, self._clock()
        if shop in self._told and now - self._told[shop] < APART:
            self._untold[shop] = count
            return
        self._told[shop], self._untold[shop] = now, 0
        what = "a delivery was" if count == 1 else f"{count:,} more deliveries were"
        log.warning(
            "shop %s: %s refused, the signature does not fit. Does it sign with another secret than is set here? See 'comeback doctor'",
            shop,
            what,
        )
