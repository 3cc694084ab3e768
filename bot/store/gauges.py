"""How much waits, and for how long: what somebody who watches the house from afar asks every few seconds."""

from dataclasses import dataclass
from datetime import datetime

from bot.store import pace
from bot.store.pace import Standing
from bot.store.step import Step, sql, to_micros

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number of ours that does not send: anything (`stopped`), or marketing."""

    id: str
    stopped: bool
    marketing_stopped: bool


@dataclass(frozen=True, slots=True)
class Gauges:
    """Counts of rows, and how long the oldest of them has waited (seconds, 0 when none does).

    `due`: queued messages whose time has come; `overdue`: timers; `unanswered`: conversations that wait for staff; `limits`: what is
    used of the platform's; `asks`: what the law lets people ask and is not done yet, `asks_overdue`: what should be.
    """

    waiting: int
    waiting_seconds: float
    dead: int
    queued: int
    due: int
    due_seconds: float
    sending: int
    unknown: int
    wanted: int
    overdue: int
    unanswered: int
    unanswered_seconds: float
    asks: int
    asks_overdue: int
    numbers: tuple[Number, ...]
    limits: Standing


def read(now: datetime, clock: int = 0) -> Step[Gauges]:
    """How it stands at `now`. `clock`: this machine's own, in microseconds, by which numbers climb back to their pace."""
    stamp = to_micros(now)
    row = (yield sql("gauge.depths", now=stamp))[0]
    numbers = yield sql("gauge.numbers")
    limits = yield from pace.standing(now, clock)

    def age(column: str) -> float:
        since: int | None = row[column]
        return 0.0 if since is None else max(0, stamp - since) / _MICROS

    return Gauges(
        waiting=row["waiting"],
        waiting_seconds=age("waiting_since"),
        dead=row["dead"],
        queued=row["queued"],
        due=row["due"],
        due_seconds=age("due_since"),
        sending=row["sending"],
        unknown=row["unknown"],
        wanted=row["wanted"],
        overdue=row["overdue"],
        unanswered=row["unanswered"],
        unanswered_seconds=age("unanswered_since"),
        asks=row["asks"],
        asks_overdue=row["asks_overdue"],
        numbers=tuple(Number(one["number"], bool(one["stopped"]), bool(one["marketing_stopped"])) for one in numbers),
        limits=limits,
    )
