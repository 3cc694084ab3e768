"""What is held: after a restore nothing leaves that the lost days may have sent already, until the owner lets it go.

A message that was queued when the copy was taken has most likely been sent since; so has what a timer would send that is due by
now. They stay where they are, in the state `held`, which nobody claims. What happens from now on is worked off as ever.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from bot.store.model import Source
from bot.store.step import Step, sql, to_micros

TIMERS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """Counts of what is held: messages that were queued, messages of which nobody knows whether they went out, timers that were
    due meanwhile, discount codes to make."""

    queued: int
    uncertain: int
    timers: int
    codes: int

    def __bool__(self) -> bool:
        return bool(self.queued or self.uncertain or self.timers or self.codes)


def hold(now: datetime) -> Step[None]:
    """Hold every message that has not surely arrived, every timer that is due by `now`, every code that is still to be made."""
    for what in ("queued", "sending", "unknown", "codes"):
        yield sql(f"held.{what}")
    while fired := (yield sql("inbox.due_timers", now=to_micros(now), limit=TIMERS_AT_ONCE)):
        for row in fired:
            body = {"subject": row["subject"], "generation": row["generation"], "due": row["due"]}
            yield sql(
                "inbox.insert",
                source=Source.CLOCK,
                kind=row["kind"],
                place="",
                contact=row["contact"],
                body=json.dumps(body).encode(),
                occurred_at=to_micros(now),
                received_at=to_micros(now),
                state="held",
                why=None,
            )


def count() -> Step[Held]:
    """What is held now."""
    row = (yield sql("held.count"))[0]
    return Held(row["queued"], row["uncertain"], row["timers"], row["codes"])


def release() -> Step[Held]:
    """Let it go: policy judges each message when its turn comes, flows judge each timer. Returns what was held.

    What may have been sent already becomes `unknown`, never queued.
    """
    held = yield from count()
    yield sql("held.release_messages")
    yield sql("held.release_timers")
    yield sql("held.release_codes")
    return held


def come_alive(instance: str) -> Step[None]:
    """The copy is a database of its own from now on: a late status of a message of the lost days must not be taken for one of ours."""
    yield sql("held.renew_instance", instance=instance)
    yield sql("held.no_copy")
    yield sql("held.try_at_once")
