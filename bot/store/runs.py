"""Runs of flows, and the revisions they were started with."""

from dataclasses import dataclass
from datetime import datetime

from bot.flow.codec import decode_run, encode_run
from bot.flow.run import Run
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros


@dataclass(frozen=True, slots=True)
class Live:
    """A run with where it belongs: the contact, the number it writes from, the shop it is about."""

    run: Run
    contact: int
    number: str
    shop: str
    started_at: datetime


def keep_revision(revision: str, flow: str, source: str, now: datetime) -> Step[None]:
    """Store a revision's source, so that runs can finish on it whatever becomes of the file."""
    yield sql("run.keep_revision", id=revision, flow=flow, source=source, now=to_micros(now))


def in_force(revision: str, flow: str, source: str, now: datetime) -> Step[None]:
    """Store a revision as the one new runs of its flow begin with from `now` (UTC) on."""
    yield sql("run.in_force", id=revision, flow=flow, source=source, now=to_micros(now))


def last_in_force(flow: str) -> Step[tuple[str, str] | None]:
    """Id and source of the revision of a flow that was in force last."""
    rows = yield sql("run.last_in_force", flow=flow)
    return (str(rows[0]["id"]), str(rows[0]["source"])) if rows else None


def revision_source(revision: str) -> Step[str | None]:
    """The source a stored revision can be read back from."""
    rows = yield sql("run.revision", id=revision)
    return str(rows[0]["source"]) if rows else None


def create(contact: int, number: str, shop: str, flow: str, revision: str, now: datetime) -> Step[int]:
    """A new run's id. Its body follows with `save`, in the same transaction."""
    rows = yield sql("run.create", contact=contact, number=number, shop=shop, flow=flow, revision=revision, now=to_micros(now))
    run: int = rows[0]["id"]
    return run


def save(run: Run, now: datetime) -> Step[None]:
    """Keep where a run stands."""
    ended = run.outcome is not None
    state = "ended" if ended else "waiting" if run.waiting else "active"
    yield sql(
        "run.save", id=run.id, state=state, outcome=run.outcome, body=encode_run(run), ended_at=to_micros(now) if ended else None
    )


def live(contact: int) -> Step[list[Live]]:
    """The person's runs that are not ended, the oldest first."""
    rows = yield sql("run.live", contact=contact)
    return [_live(row) for row in rows]


def load(run: int) -> Step[Live | None]:
    """One run, ended or not."""
    rows = yield sql("run.load", id=run)
    return _live(rows[0]) if rows else None


def _live(row: Row) -> Live:
    return Live(decode_run(row["body"]), row["contact"], row["number"], row["shop"], from_micros(row["started_at"]))


def last_start(contact: int, flow: str) -> Step[datetime | None]:
    """When the person last entered a flow (UTC)."""
    rows = yield sql("run.last_start", contact=contact, flow=flow)
    return from_micros_or_none(rows[0]["started_at"])
