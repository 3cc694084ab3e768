"""A clock that can be turned."""

from datetime import datetime, timedelta
from time import monotonic


class TurnedClock:
    """A clock that runs like any other and can be turned forward. Times are UTC."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=monotonic() - self._began)

    def forward_to(self, moment: datetime) -> None:
        """Turn to a moment that is not past."""
        self._start += max(moment - self(), timedelta())
