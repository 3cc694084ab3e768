"""A bot that gives its peers up at once: whatever another process has on the wire it calls unknown. `test_peers.py` must see it."""

import sys
from datetime import datetime

from bot.__main__ import main
from bot.store import outbox
from bot.store.step import Statement, Step

_WHY = "the process that sent it ended before it heard the answer"


def _hasty(epoch: int, now: datetime) -> Step[int]:
    assert now.tzinfo is not None
    rows = yield Statement(
        "update outbox set state = 'unknown', why = :why, lease_until = null where state = 'sending' and epoch <> :epoch returning id",
        {"why": _WHY, "epoch": epoch},
    )
    return len(rows)


outbox.orphans = _hasty

if __name__ == "__main__":
    sys.exit(main())
