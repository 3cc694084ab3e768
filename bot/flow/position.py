"""Where a run stands in a flow: a step, the list it is in, and the step whose branch that list is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

from bot.flow.itself import Itself
from bot.flow.model import AnyStep, AskStep, Flow, IfStep, branches

FLOWS_KEPT = 1024  # flows whose positions are kept ready: more than a store has, with the revisions its runs still finish on


@dataclass(frozen=True, slots=True)
class Position:
    """The step `steps[number]`. `list_path` is the path of the list, `owner` the position of the step whose branch it is."""

    steps: tuple[AnyStep, ...]
    list_path: str
    number: int = 0
    owner: Optional["Position"] = None

    @property
    def step(self) -> AnyStep:
        """The step that stands here."""
        return self.steps[self.number]

    @property
    def path(self) -> str:
        """The step's path in the file, as `model.walk` names it."""
        return f"{self.list_path}.{self.number}"

    def below(self) -> Optional["Position"]:
        """The next step, out of as many branches as end here; None at the end of the flow."""
        if self.number + 1 < len(self.steps):
            return Position(self.steps, self.list_path, self.number + 1, self.owner)
        return self.owner.below() if self.owner else None

    def into(self, branch: str) -> Optional["Position"]:
        """The first step of a branch (`no_answer.then`); an empty branch goes on below."""
        steps = next((steps for name, steps in branches(self.step) if name == branch), ())
        return Position(steps, f"{self.path}.{branch}", owner=self) if steps else self.below()

    def after_branch(self) -> Optional["Position"]:
        """Where `continue` leads: below the step this branch belongs to, be it from within an `if` in that branch.

        An `if` that stands in no such branch is itself what `continue` leaves.
        """
        owner = self.owner
        while owner and isinstance(owner.step, IfStep) and owner.owner:
            owner = owner.owner
        if owner and isinstance(owner.step, IfStep):
            owner = self.owner
        return owner.below() if owner else self.below()

    def question(self) -> Optional["Position"]:
        """The innermost ask whose branch this step is in."""
        owner = self.owner
        while owner and not isinstance(owner.step, AskStep):
            owner = owner.owner
        return owner


def first(flow: Flow) -> Position | None:
    """Where the flow begins, None for a flow without steps."""
    return Position(flow.steps, "steps") if flow.steps else None


def find(flow: Flow, path: str) -> Position | None:
    """The position behind a path, None when the flow has no such step."""
    return _places(Itself(flow)).by_path.get(path)


def labelled(flow: Flow, label: str) -> Position | None:
    """The position of the step with a label, None when no step has it; of several the first."""
    return _places(Itself(flow)).by_label.get(label)


@dataclass(frozen=True, slots=True)
class _Places:
    """All positions of a flow."""

    by_path: Mapping[str, Position]
    by_label: Mapping[str, Position]


@lru_cache(maxsize=FLOWS_KEPT)
def _places(flow: Itself[Flow]) -> _Places:
    positions = list(_positions(flow.it.steps, "steps", None))
    labelled = ((here.step.label, here) for here in reversed(positions) if here.step.label is not None)
    return _Places({here.path: here for here in positions}, dict(labelled))


def _positions(steps: tuple[AnyStep, ...], list_path: str, owner: Position | None) -> Iterator[Position]:
    """Every position, in reading order."""
    for number, step in enumerate(steps):
        here = Position(steps, list_path, number, owner)
        yield here
        for branch, nested in branches(step):
            yield from _positions(nested, f"{here.path}.{branch}", here)
