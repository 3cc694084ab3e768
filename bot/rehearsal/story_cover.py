"""Which steps and branches of a flow no story reaches, in words and with their places."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bot.flow import document
from bot.flow.catalog import shortened
from bot.flow.model import AnyStep, AskStep, DiscountStep, Flow, IfStep, branches, walk
from bot.flow.revision import Revision


@dataclass(frozen=True, slots=True)
class Gap:
    """A place no story comes to: the line (from 1), and a sentence."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of a flow the stories reach."""

    flow: str
    steps: int
    reached: int
    gaps: tuple[Gap, ...]


def cover(revision: Revision, text: str, passed: Counter[str]) -> Cover:
    """What of a flow was reached; `text` is its file, `passed` how often each step was done."""
    steps = dict(walk(revision.flow.steps))
    places = document.read(f"{revision.flow.id}.yaml", text)
    if not passed:
        gaps = [Gap(1, "no story starts this flow")]
    else:
        gaps = [Gap(places.key_place(path).line, message) for path, message in _gaps(revision.flow, passed)]
    return Cover(revision.flow.id, len(steps), sum(path in passed for path in steps), tuple(gaps))


def _gaps(flow: Flow, passed: Counter[str]) -> Iterator[tuple[str, str]]:
    """The outermost places that were not reached: what is inside them is not told again."""
    yield from _in_list(flow.steps, "steps", passed)


def _in_list(steps: tuple[AnyStep, ...], path: str, passed: Counter[str]) -> Iterator[tuple[str, str]]:
    was_here = True
    for number, step in enumerate(steps):
        here = f"{path}.{number}"
        if here in passed:
            was_here = True
            yield from _in_step(step, here, passed)
        elif was_here:
            was_here = False  # those below are not reached either, most likely: one sentence is enough
            yield here, "no story comes this far"


def _in_step(step: AnyStep, here: str, passed: Counter[str]) -> Iterator[tuple[str, str]]:
    for inner, nested in branches(step):
        path = f"{here}.{inner}"
        if not nested:
            if isinstance(step, IfStep) and passed[here] <= passed[f"{here}.then.0"]:
                yield here, f"no story in which '{step.if_}' is not so"
        elif f"{path}.0" in passed:
            yield from _in_list(nested, path, passed)
        else:
            yield path.removesuffix(".then"), _branch(step, inner)


def _branch(step: AnyStep, inner: str) -> str:
    """What does not happen in any story, so that this branch is not reached."""
    match step:
        case AskStep() if inner == "no_answer.then":
            return "no story in which this question is left unanswered"
        case AskStep():
            answer = step.answers[int(inner.split(".")[1])]
            if answer.anything_else is not None:
                return "no story in which the customer answers something else"
            return f"no story answers {shortened(answer.button)}" if answer.button else f"no story says {shortened(answer.words[0])}"
        case IfStep():
            return f"no story in which '{step.if_}' is {'so' if inner == 'then' else 'not so'}"
        case DiscountStep():
            return "no story in which there is no code"
        case _:
            return "no story comes here"
