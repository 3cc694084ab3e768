"""What differs between two versions of a flow, in words, and where somebody who stands in the old one would stand in the new one."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from bot.flow.model import AnyStep, AskStep, DiscountStep, Flow, Message, WaitStep, branches, verb_of, walk
from bot.flow.spoken import branch_name, length, quoted, saying


class Change(StrEnum):
    """What became of a line of a flow."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, as a sentence for the owner."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A step or branch of a flow as it is compared: what it is, and what it says."""

    what: str
    says: str
    depth: int

    @property
    def name(self) -> str:
        return f"{self.what}: {self.says}".rstrip(": ")


def differences(old: Flow, new: Flow) -> tuple[Difference, ...]:
    """All changes: the header's, then the steps' in reading order."""
    return (*_header(old, new), *_steps(list(_lines(old.steps)), list(_lines(new.steps))))


def same_place(old: Flow, new: Flow, position: str) -> str | None:
    """The path of the step at which somebody who waits at `position` of the old flow would stand in the new one, None when it has none.

    A step with a label is found by it wherever it went; any other must stand at the same path and wait for the same.
    """
    before, after = dict(walk(old.steps)), dict(walk(new.steps))
    step = before.get(position)
    if step is None:
        return None
    if step.label is not None:
        return next((path for path, other in after.items() if other.label == step.label and waits_alike(step, other)), None)
    return position if position in after and waits_alike(step, after[position]) else None


def waits_alike(step: AnyStep, other: AnyStep) -> bool:
    """Whether who waits at one step may wait at the other instead: buttons on a customer's phone must go on meaning the same."""
    if isinstance(step, AskStep) and isinstance(other, AskStep):
        return [answer.button for answer in step.answers] == [answer.button for answer in other.answers]
    return type(step) is type(other) and isinstance(step, WaitStep | DiscountStep)


def _header(old: Flow, new: Flow) -> list[Difference]:
    found = []
    for name, before, after in zip(_HEADER, _told(old), _told(new), strict=True):
        if before != after:
            found.append(Difference(Change.CHANGED, f"{name}: {before or 'nothing'} → {after or 'nothing'}"))
    return found


_HEADER = ("name", "about", "purpose", "start when", "start for", "start after", "start if", "again after", "goal", "stop when")


def _told(flow: Flow) -> tuple[str, ...]:
    return (
        flow.name,
        flow.about,
        flow.purpose,
        flow.start.when,
        length(flow.start.for_) if flow.start.for_ else "",
        f"{flow.start.after:g} gaps" if flow.start.after else "",
        flow.start.if_ or "",
        length(flow.again_after) if flow.again_after else "",
        ", ".join(flow.goal),
        ", ".join(flow.stop_when),
    )


def _steps(old: list[_Line], new: list[_Line]) -> list[Difference]:
    found: list[Difference] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = old[a:b], new[c:d]
        for before in gone:
            after = next((line for line in come if line.what == before.what), None)
            if after is None:
                found.append(Difference(Change.REMOVED, before.name))
            else:
                come.remove(after)
                found.append(Difference(Change.CHANGED, f"{before.name} → {after.says or 'nothing'}"))
        found += [Difference(Change.ADDED, line.name) for line in come]
    return found


def _lines(steps: tuple[AnyStep, ...], depth: int = 0) -> list[_Line]:
    lines: list[_Line] = []
    for step in steps:
        label = f"{step.label} ({verb_of(step)})" if step.label else str(verb_of(step))
        lines.append(_Line(label, _whole(step), depth))
        for name, inner in branches(step):
            if inner or isinstance(step, AskStep):
                lines.append(_Line("answer" if isinstance(step, AskStep) else "branch", branch_name(step, name), depth + 1))
            lines += _lines(inner, depth + 2)
    return lines


def _whole(step: AnyStep) -> str:
    """What a step says, with what `saying` leaves out: a changed placeholder is a change."""
    said = getattr(step, "send", None) or getattr(step, "ask", None)
    if isinstance(said, str):
        return quoted(said, len(said))  # all of it: a change may stand at its end
    if isinstance(said, Message):
        written = said.model_dump(by_alias=True, exclude_defaults=True)
        return ", ".join(f"{key} {_plainly(value)}" for key, value in written.items())
    filled = getattr(said, "with_", None)
    if filled:
        return f"{saying(step)} with {', '.join(f'{name} = {value}' for name, value in filled.items())}"
    return saying(step)


def _plainly(value: object) -> str:
    """A part of a message, whole: a change may stand anywhere in it."""
    if isinstance(value, dict):
        return " and ".join(f"{name} = {_plainly(inner)}" for name, inner in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "yes" if value is True else quoted(str(value), len(str(value)))
