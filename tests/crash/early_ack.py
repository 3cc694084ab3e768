"""A spoiled bot: a delivery is acknowledged before it is on disk. The harness must see updates lost."""

import asyncio
import sys
from datetime import datetime

from bot.__main__ import main
from bot.store.model import Source, Update
from bot.web.door import Door

LATER = 0.05  # seconds: what a commit takes on a slow disk
_background: set[asyncio.Task[None]] = set()
_keep = Door._keep


async def _answer_first(self: Door, source: Source, updates: list[Update], now: datetime, began: float) -> None:
    async def keep_later() -> None:
        await asyncio.sleep(LATER)
        await _keep(self, source, updates, now, began)

    task = asyncio.create_task(keep_later())
    _background.add(task)
    task.add_done_callback(_background.discard)


Door._keep = _answer_first  # type: ignore[method-assign]  # spoiling it is what this file is for

if __name__ == "__main__":
    sys.exit(main())
