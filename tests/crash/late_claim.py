"""A spoiled bot: a message is still `queued` on disk while its request runs, and marked only when the answer is there.

Who sends what is known in memory alone, as in many a sender. As long as nothing dies that is as good; the harness must see duplicates.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.__main__ import main
from bot.store import outbox
from bot.store.outbox import LEASE, Claim, Claimed, Taken
from bot.store.step import Step, sql, to_micros
from bot.worker.playbook import House
from bot.worker.sender import Sender

_in_memory: set[int] = set()
_mark: dict[int, dict[str, Any]] = {}  # what claiming would have written

_claim = Sender._claim
_send = Sender._send
_settle = outbox.settle


def _claim_in_memory(self: Sender, house: House, limit: int) -> Step[tuple[Claim, float, int]]:
    claim, began, seen = yield from _claim(self, house, limit)
    for claimed in claim.claimed:
        yield from outbox.release(claimed.id, claimed.leased_until)
        lease = to_micros(house.now + LEASE + timedelta(minutes=1))
        written = {"owner": self._owner, "epoch": self._store.epoch, "lease_until": lease, "now": to_micros(house.now)}
        _mark[claimed.id] = written
    fresh = tuple(claimed for claimed in claim.claimed if claimed.id not in _in_memory)
    _in_memory.update(claimed.id for claimed in fresh)
    return replace(claim, claimed=fresh), began, seen


async def _send_and_forget(self: Sender, claimed: Claimed, seen: int, claim_began: float, moment: float) -> None:
    try:
        await _send(self, claimed, seen, claim_began, moment)
    finally:
        _in_memory.discard(claimed.id)


def _marked_late(settle: Callable[..., Step[None]]) -> Callable[..., Step[None]]:
    def settle_late(message: int, *arguments: Any, **named: Any) -> Step[None]:
        yield sql("outbox.sending", id=message, **_mark[message])
        yield from settle(message, *arguments, **named)

    return settle_late


Sender._claim = _claim_in_memory  # type: ignore[method-assign]  # spoiling it is what this file is for
Sender._send = _send_and_forget  # type: ignore[method-assign]  # likewise
def _settled_late(taken: Sequence[Taken]) -> Step[frozenset[int]]:
    for one in taken:
        yield sql("outbox.sending", id=one.message, **_mark[one.message])
    return (yield from _settle(taken))


outbox.settle = _settled_late
for _name in ("again", "refused", "unknown"):
    setattr(outbox, _name, _marked_late(getattr(outbox, _name)))

if __name__ == "__main__":
    sys.exit(main())
