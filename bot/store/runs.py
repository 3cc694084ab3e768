"""Runs of flows, and the revisions they were started with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.flow.codec import decode_run, encode_run
from bot.flow.run import Run
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros

STOP, MOVE = "stop_run", "move_run"  # the kinds of inbox entry by which an owner decides about a run


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


def in_force() -> Step[dict[str, str]]:
    """The revision each flow is served in, by flow: what new runs begin with."""
    rows = yield sql("run.in_force")
    served: dict[str, str] = json.loads(rows[0]["value"]) if rows else {}
    return served


def put_in_force(revisions: Mapping[str, str]) -> Step[None]:
    """From now on these are served, and no others. They are stored already (`keep_revision`)."""
    if (yield from in_force()) != revisions:
        yield sql("run.put_in_force", value=json.dumps(dict(revisions)))


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


def reached(run: int, order: int) -> Step[None]:
    """A run is over because of this order: it was its goal."""
    yield sql("run.reached", id=run, shop_order=order)


def use_revision(run: int, revision: str) -> Step[None]:
    """A run goes on in another revision."""
    yield sql("run.use_revision", id=run, revision=revision)


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


@dataclass(frozen=True, slots=True)
class Standing:
    """How many runs that are not ended stand at one step (its path) of one revision of a flow."""

    flow: str
    revision: str
    position: str
    waiting: str | None
    count: int


def standing() -> Step[list[Standing]]:
    """Where everybody stands who is in the middle of a flow."""
    rows = yield sql("run.standing")
    return [Standing(row["flow"], row["revision"], row["position"] or "", row["waiting"], row["n"]) for row in rows]


def under_way(flow: str, after: int, limit: int) -> Step[list[Live]]:
    """Runs of a flow that are not ended, of everybody, by id, from after a run on."""
    rows = yield sql("run.under_way", flow=flow, after=after, limit=limit)
    return [_live(row) for row in rows]


def last_start(contact: int, flow: str) -> Step[datetime | None]:
    """When the person last entered a flow (UTC)."""
    rows = yield sql("run.last_start", contact=contact, flow=flow)
    return from_micros_or_none(rows[0]["started_at"])
