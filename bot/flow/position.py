"""Where a run stands in a flow: a step, the list it is in, and the step whose branch that list is."""

from dataclasses import dataclass
from typing import Optional

from bot.flow.model import AnyStep, AskStep, Flow, IfStep, branches, walk


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
        steps = dict(branches(self.step)).get(branch, ())
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
    steps, list_path, owner = flow.steps, "steps", None
    while path.startswith(f"{list_path}."):
        number = path.removeprefix(f"{list_path}.").partition(".")[0]
        if not (number.isdecimal() and len(number) < 5) or int(number) >= len(steps):
            return None
        here = Position(steps, list_path, int(number), owner)
        if here.path == path:
            return here
        inside = ((inner, nested) for inner, nested in branches(here.step) if path.startswith(f"{here.path}.{inner}."))
        branch, steps = next(inside, ("", ()))
        list_path, owner = f"{here.path}.{branch}", here
    return None


def labelled(flow: Flow, label: str) -> Position | None:
    """The position of the step with a label, None when no step has it."""
    path = next((path for path, step in walk(flow.steps) if step.label == label), None)
    return find(flow, path) if path else None
