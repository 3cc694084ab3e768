"""How an open page is told what arrives on the phone: the answer to what its visitor just wrote comes after three dots."""

import time
from collections.abc import Callable
from datetime import timedelta

from bot.sandbox.cloud.bubble import Bubble

LOOK_SECONDS = 0.5  # between two looks at what changed, for a page that is open
TYPING_SECONDS = 0.6  # an answer shows three dots first: long enough to be seen, too short to wait for
CONVERSING = timedelta(minutes=1)  # what comes later than this after the customer's words is no answer, and shows at once


class Telling:
    """One open page."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._shown = -1  # messages; -1: the page came with all there were
        self._since: float | None = None  # when the dots began

    @property
    def pause(self) -> float:
        """Seconds until somebody should look again."""
        left = LOOK_SECONDS if self._since is None else self._since + TYPING_SECONDS - self._ticks()
        return min(max(left, 0.01), LOOK_SECONDS)

    def told(self, thread: list[Bubble]) -> tuple[tuple[Bubble, ...], bool]:
        """What the page shows of the thread now, and whether it shows the dots."""
        if self._shown < 0 or not any(_is_answer(thread, place) for place in range(self._shown, len(thread))):
            self._since = None
        elif self._since is None:
            self._since = self._ticks()
        if self._since is None or self._ticks() - self._since >= TYPING_SECONDS:
            self._shown, self._since = len(thread), None
            return tuple(thread), False
        while self._shown < len(thread) and not _is_answer(thread, self._shown):
            self._shown += 1
        return tuple(thread[: self._shown]), True


def _is_answer(thread: list[Bubble], place: int) -> bool:
    """Whether this message came at once after what the customer wrote."""
    wrote = next((one for one in reversed(thread[:place]) if one.by_customer), None)
    return not thread[place].by_customer and wrote is not None and thread[place].at - wrote.at < CONVERSING
