"""Turning the clock from a page: by so many minutes, by what was typed, or to the next thing that happens."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.sandbox.pages.phones import Action, Wish

JUMP_LIMIT = timedelta(days=60)  # further than any flow waits; a slip of the finger must not end the demo
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"(\d{1,6})\s*(?:(m|h|d|w)(?:in|inutes?|r|rs|ours?|ays?|eeks?)?)?(?![a-z\d])", re.IGNORECASE)


class Turning:
    """The hands of a clock that `jump` moves. `next_due` is when something happens next."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        jump: Callable[[timedelta], Awaitable[None]],
        next_due: Callable[[], Awaitable[datetime | None]],
    ) -> None:
        self._clock, self._jump, self._next_due = clock, jump, next_due
        self.actions: dict[str, Action] = {"clock": self._turn}

    async def _turn(self, wish: Wish) -> None:
        if typed := wish.get("by", "").strip():
            await self._go(length_of(typed))
        elif minutes := wish.get("minutes"):
            await self._go(timedelta(minutes=int(minutes)))
        elif due := await self._next_due():
            await self._go(due - self._clock())

    async def _go(self, length: timedelta) -> None:
        await self._jump(min(max(length, timedelta()), JUMP_LIMIT))


def length_of(text: str) -> timedelta:
    """What somebody typed: `90` (minutes), `2 h`, `1d 12h`, `3 days`. Raises ValueError for anything else."""
    found = list(_LENGTH.finditer(text))
    if not found or _LENGTH.sub("", text).strip(" ,+") or len(found) > len(_UNITS):
        raise ValueError("write 90 (minutes), 2 h or 3 days")
    return sum((timedelta(**{_UNITS[(one[2] or "m").lower()]: int(one[1])}) for one in found), timedelta())
