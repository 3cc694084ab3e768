"""What an owner decided about conversations that are in the middle of a flow that changed: they stop, or go on in the new version."""

from dataclasses import replace
from typing import Any

from bot.flow import difference
from bot.flow.model import walk
from bot.store import contacts, runs
from bot.store.runs import Live
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House


def decided(house: House, kind: str, body: dict[str, Any]) -> Step[str | None]:
    """Carry a decision about one run out; returns why nothing came of it, where that is so."""
    live = yield from runs.load(int(body["run"]))
    if live is None or live.run.outcome is not None:
        return "the run is over"
    if kind == runs.STOP:
        yield from flows.end(house, live, "stopped by the owner", "ended: the owner stopped it")
        return None
    return (yield from _move(house, live, str(body["revision"]), str(body["position"])))


def _move(house: House, live: Live, revision_id: str, position: str) -> Step[str | None]:
    """The same person, the same wait, the new version. It goes on waiting as it was: nothing is said twice."""
    old = yield from house.playbook.revision(live.run.revision)
    new = yield from house.playbook.revision(revision_id)
    stands, goes = dict(walk(old.flow.steps)).get(live.run.position), dict(walk(new.flow.steps)).get(position)
    if stands is None or goes is None or not difference.waits_alike(stands, goes):
        return "the step it was to go on from waits for something else"
    yield from runs.save(replace(live.run, revision=revision_id, position=position), house.now)
    yield from runs.use_revision(live.run.id, revision_id)
    yield from contacts.audit(live.contact, house.now, live.run.flow, "goes on in the new version of the flow: the owner moved it")
    return None
