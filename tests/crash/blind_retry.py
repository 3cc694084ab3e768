"""A spoiled bot: what nobody knows the end of is simply sent again. The harness must see duplicates."""

import sys
from datetime import datetime

from bot.__main__ import main
from bot.store import outbox
from bot.store.step import Statement, Step, from_micros

_AGAIN = "update outbox set state = 'queued', not_before = 0, lease_until = null where state = 'sending' and epoch < :epoch returning id"


def _unknown(message: int, why: str) -> Step[None]:
    yield from outbox.again(message, from_micros(0), why)


def _orphans(epoch: int, now: datetime) -> Step[int]:
    return len((yield Statement(_AGAIN, {"epoch": epoch, "now": now})))


outbox.unknown = _unknown
outbox.orphans = _orphans

if __name__ == "__main__":
    sys.exit(main())
