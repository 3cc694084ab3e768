"""How the house is: what waits, what is dead, what nobody knows, what must rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.store import outbox, pace, templates
from bot.store.step import Step, from_micros, sql, to_micros


@dataclass(frozen=True, slots=True)
class State:
    """Counts of rows by what they wait for; `stopped` are sentences about numbers that do not send."""

    waiting: int
    dead: int
    unknown: int
    queued: int
    sending: int
    wanted: int
    stopped: tuple[str, ...]


def state() -> Step[State]:
    """What waits and what is stuck."""
    rows = yield sql("health.counts")
    stopped = yield sql("health.stopped")
    row = rows[0]
    return State(
        waiting=row["waiting"],
        dead=row["dead"],
        unknown=row["unknown"],
        queued=row["queued"],
        sending=row["sending"],
        wanted=row["wanted"],
        stopped=tuple(f"number {one['number']}: {one['why']}" for one in stopped),
    )


def obstacles() -> Step[list[str]]:
    """What is not sent although its number is well: templates, whole countries. Sentences for the owner, without an end."""
    told = [_of_template(one) for one in (yield from templates.troubled())]
    closed = yield from outbox.closed_countries()
    return [*told, *(f"number {number} may write to nobody in {place}, says WhatsApp" for number, place in closed)]


ALARMS_LAST = timedelta(days=30)  # Cloud API: the longest block for breaking a policy


def alarms(now: datetime) -> Step[list[str]]:
    """What Meta said of the account lately that the owner must look at, the newest first."""
    rows = yield sql("health.alarms", since=to_micros(now - ALARMS_LAST))
    return [f"{from_micros(row['at']):%Y-%m-%d}: {row['text']}" for row in rows]


def limits(now: datetime) -> Step[list[str]]:
    """What waits although all is well, because the platform lets us write to no more people today. Sentences without an end."""
    stands = yield from pace.standing(now)
    if not stands.waiting or stands.people is None:
        return []
    until = f": it goes on at {stands.goes_on_at:%Y-%m-%d %H:%M} UTC" if stands.goes_on_at is not None else ""
    told = f"WhatsApp lets this account write first to {stands.people:,} people in 24 hours, and all are used up"
    waiting = "1 message waits" if stands.waiting == 1 else f"{stands.waiting:,} messages wait"
    return [f"{told}; {waiting}{until}. Answers go on"]


def _of_template(one: templates.Trouble) -> str:
    name = f"template '{one.name}' in {one.language}"
    if one.why is not None:
        return f"{name} goes to nobody: {one.why}"
    if one.status == templates.PAUSED:
        return f"{name} is paused by Meta: what is queued of it waits until it is not"
    return f"{name} is disabled by Meta: write another and use it in the flow"


def next_due() -> Step[datetime | None]:
    """When the next thing happens of its own accord (UTC): a timer, a message that waits, a code to try again."""
    rows = yield sql("health.due")
    row = rows[0]
    moments = [moment for moment in (row["timer"], row["message"], row["code"]) if moment is not None]
    return from_micros(min(moments)) if moments else None


def engine() -> Step[str]:
    """The database's program and its version, for people."""
    rows = yield sql("health.engine")
    return str(rows[0]["engine"])
