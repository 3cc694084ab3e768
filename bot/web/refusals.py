"""Deliveries that are refused are told in the log, so that a shop, or WhatsApp, that signs with another secret is seen: a line for each
now and then, for anybody can send what is refused, and nothing of what came in it."""

import logging
from collections.abc import Callable
from time import monotonic

log = logging.getLogger(__name__)

APART = 300.0  # seconds between two lines about one shop


class Refusals:
    """What was refused, by who is set up here: there are never more of them than the settings name. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def refused(self, whose: str) -> None:
        """A delivery of theirs was refused (`shop main`, `WhatsApp`)."""
        count, now = self._untold.get(whose, 0) + 1, self._clock()
        if whose in self._told and now - self._told[whose] < APART:
            self._untold[whose] = count
            return
        self._told[whose], self._untold[whose] = now, 0
        what = "a delivery was" if count == 1 else f"{count:,} more deliveries were"
        log.warning(
            "%s: %s refused, the signature does not fit. Does it sign with another secret than is set here? See 'comeback doctor'",
            whose,
            what,
        )
