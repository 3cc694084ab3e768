"""The clock on the wall. Everything below takes the time as an argument: only who starts something asks for it here."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The time now (UTC)."""
    return datetime.now(UTC)
