"""A flow as a picture (SVG): its steps from top to bottom as they are read, branches indented, jumps as lines at the right.

Everything stands in reading order, so that the picture says the same to who hears it read aloud. Colours follow the reader's light or
dark setting. `counts` puts a number beside steps (how many people wait there now).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from bot.flow import position
from bot.flow.model import (
    AnyStep,
    AskStep,
    ContinueStep,
    DiscountStep,
    EndStep,
    Flow,
    GoToStep,
    HandOverStep,
    IfStep,
    Message,
    OptInStep,
    OptOutStep,
    SendStep,
    TagStep,
    TellWhenBackStep,
    UntagStep,
    WaitStep,
    Wording,
    template_of,
    text_of,
)
from bot.flow.position import Position
from bot.flow.spoken import length, parts

LEAST_WIDTH, ROW, INDENT, MARGIN = 560, 34, 26, 24  # pixels
LANE = 14  # between two jumps side by side
BOX = 24  # the height of a step
LETTER = 7.1  # how wide a letter is, at 13 pixels
BOLD_LETTER = 8.2
LONGEST = 62  # characters of a line
_START = "start"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture. `kind` is its look, `path` the step's path, empty for a branch's heading."""

    kind: str
    text: str
    depth: int
    path: str = ""
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """A way on that is not the line below: from one row's number to another's."""

    start: int
    end: int
    kind: str


def draw(flow: Flow, counts: Mapping[str, int] | None = None) -> str:
    """The flow as an SVG document. `counts`: how many people stand at a step, by its path."""
    rows = list(_rows(flow))
    jumps = list(_jumps(flow, rows))
    lanes = _lanes(jumps)
    height = 2 * MARGIN + ROW * len(rows)
    people = counts or {}
    ends = [_right(row, people.get(row.path, 0)) for row in rows]
    edge = max(LEAST_WIDTH, *ends) + MARGIN
    width = round(edge + LANE * (max(lanes, default=0) + 1) + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-labelledby="title desc">',
        f'<title id="title">{escape(flow.name)}</title>',
        f'<desc id="desc">{escape(_described(flow, rows))}</desc>',
        f"<style>{STYLE}</style>",
        *_guides(rows),
        *(_line(jump, edge + lane * LANE, ends[jump.start], ends[jump.end]) for jump, lane in zip(jumps, lanes, strict=True)),
        *(_drawn(number, row, people.get(row.path, 0)) for number, row in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff; }
rect { fill: #f3f4f6; stroke: #9ca3af; rx: 6px; } text { fill: #111827; }
.branch rect { fill: none; stroke: none; } .branch text { fill: #4b5563; font-style: italic; }
.start rect { fill: #dbeafe; stroke: #2563eb; } .message rect { fill: #dcfce7; stroke: #16a34a; }
.ask rect { fill: #fef9c3; stroke: #a16207; } .leave rect { fill: #fee2e2; stroke: #b91c1c; }
.label { fill: #4b5563; font-weight: 600; } .count { fill: #1d4ed8; font-weight: 700; }
path { fill: none; stroke: #2563eb; stroke-width: 1.5; } .on { stroke: #9ca3af; stroke-dasharray: 4 3; }
.guide { stroke: #d1d5db; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
svg { background: #111827; } text { fill: #f3f4f6; } rect { fill: #1f2937; stroke: #6b7280; }
.branch text, .label { fill: #d1d5db; } .start rect { fill: #1e3a8a; } .message rect { fill: #14532d; }
.ask rect { fill: #713f12; } .leave rect { fill: #7f1d1d; } .count { fill: #93c5fd; }
path { stroke: #60a5fa; } .on { stroke: #6b7280; } .guide { stroke: #374151; }
}
"""

# ---- rows


def _rows(flow: Flow) -> Iterator[Row]:
    yield Row(_START, _beginning(flow), 0)
    yield from _steps(flow.steps, "steps", 0)


def _beginning(flow: Flow) -> str:
    start = flow.start
    lasting = f" for {length(start.for_)}" if start.for_ else f" after {start.after:g} gaps" if start.after else ""
    condition = f", if {start.if_}" if start.if_ else ""
    return f"{_spoken(start.when)}{lasting}{condition}"


def _steps(steps: tuple[AnyStep, ...], path: str, depth: int) -> Iterator[Row]:
    for number, step in enumerate(steps):
        here = f"{path}.{number}"
        kind, text = _said(step)
        yield Row(kind, text, depth, here, step.label)
        for heading, branch, inner in _branches(step):
            yield Row("branch", heading, depth + 1)
            yield from _steps(inner, f"{here}.{branch}", depth + 2)


def _branches(step: AnyStep) -> Iterator[tuple[str, str, tuple[AnyStep, ...]]]:
    """The branches of a step: what leads into each, the path to it, its steps."""
    match step:
        case AskStep():
            for number, answer in enumerate(step.answers):
                words = f"says: {', '.join(answer.words)}" if answer.words else ""
                heading = " or ".join(part for part in (f"[{answer.button}]" if answer.button else "", words) if part)
                branch = "then" if answer.anything_else is None else "anything_else"
                yield heading or "anything else", f"answers.{number}.{branch}", answer.steps
            yield f"no answer after {length(step.no_answer.after)}", "no_answer.then", step.no_answer.then
        case IfStep():
            yield "then", "then", step.then
            if step.else_:
                yield "else", "else", step.else_
        case DiscountStep() if step.if_none is not None:
            yield "if there is no code", "if_none", step.if_none
        case _:
            pass


def _said(step: AnyStep) -> tuple[str, str]:
    """The look of a step, and its words."""
    match step:
        case AskStep():
            return "ask", f"ask {_wording(step.ask)}"
        case SendStep():
            return "message", f"send {_wording(step.send)}"
        case EndStep():
            return "leave", f"end: {step.end}" if step.end else "end"
        case HandOverStep():
            return "leave", f"hand over: {step.hand_over}"
        case OptOutStep():
            return "leave", "opt out"
        case _:
            return "step", _quiet(step)


def _quiet(step: AnyStep) -> str:
    match step:
        case IfStep():
            return f"if {step.if_}"
        case WaitStep():
            return f"wait {length(step.wait)}"
        case DiscountStep():
            return f"discount {step.discount}, valid for {length(step.valid_for)}"
        case TagStep():
            return f"tag {step.tag}"
        case UntagStep():
            return f"untag {step.untag}"
        case TellWhenBackStep():
            return f"tell when back {step.tell_when_back}".rstrip()
        case GoToStep():
            return f"go to {step.go_to}"
        case OptInStep():
            return "opt in"
        case _:
            return "continue"


def _wording(wording: Wording) -> str:
    template, words = template_of(wording), text_of(wording)
    if words is None:
        return f"template {template.template}" if template else ""
    said = [f"“{' '.join(words.split())}”"] if words else []
    said += parts(wording) if isinstance(wording, Message) else []
    return ", ".join([*said, *([f"or template {template.template}"] if template else [])])


def _spoken(word: str) -> str:
    return word.replace("_", " ")


# ---- ways that jump


def _jumps(flow: Flow, rows: list[Row]) -> Iterator[Jump]:
    numbers = {row.path: number for number, row in enumerate(rows) if row.path}
    for path, number in numbers.items():
        here = position.find(flow, path)
        target = _target(flow, here) if here else None
        if target is not None and numbers[target.path] != number + 1:
            is_on = here is not None and isinstance(here.step, ContinueStep)
            yield Jump(number, numbers[target.path], "on" if is_on else "to")


def _target(flow: Flow, here: Position) -> Position | None:
    if isinstance(here.step, GoToStep):
        return position.labelled(flow, here.step.go_to)
    return here.after_branch() if isinstance(here.step, ContinueStep) else None


def _lanes(jumps: list[Jump]) -> list[int]:
    """A lane for each jump: those to one step share theirs, others side by side never run into one another."""
    lanes: list[int] = []
    taken: dict[int, list[Jump]] = {}
    for jump in jumps:
        lane = next(lane for lane in range(len(jumps)) if not any(_meet(jump, other) for other in taken.get(lane, ())))
        taken.setdefault(lane, []).append(jump)
        lanes.append(lane)
    return lanes


def _meet(one: Jump, other: Jump) -> bool:
    if (one.end, one.kind) == (other.end, other.kind):
        return False
    (low, high), (bottom, top) = sorted((one.start, one.end)), sorted((other.start, other.end))
    return low <= top and bottom <= high


# ---- drawing


def _left(row: Row) -> float:
    return MARGIN + row.depth * INDENT


def _middle(number: int) -> float:
    return MARGIN + number * ROW + ROW / 2


def _shown(row: Row) -> str:
    return row.text if len(row.text) <= LONGEST else row.text[: LONGEST - 1].rstrip() + "…"


def _width(row: Row) -> int:
    return round(len(_shown(row)) * LETTER + 20)


def _beside(row: Row, count: int) -> str:
    """What stands to the right of a box: how many people are there."""
    return f"{count:,} {'person waits' if count == 1 else 'people wait'} here" if count else ""


def _right(row: Row, count: int) -> float:
    """Where a row ends: behind its box, its label and its number of people."""
    return _left(row) + _width(row) + _label_width(row) + (len(_beside(row, count)) + 2) * LETTER


def _label_width(row: Row) -> float:
    return (len(row.label) + 3) * BOLD_LETTER if row.label else 0.0


def _drawn(number: int, row: Row, count: int) -> str:
    """One row: its box, its words, its label and its number of people."""
    left, width, y = _left(row), _width(row), _middle(number)
    parts = [
        f'<g class="{row.kind}"><title>{escape(row.text)}</title>',
        f'<rect x="{left}" y="{y - BOX / 2}" width="{width}" height="{BOX}"/>',
        f'<text x="{left + 10}" y="{y + 4.5}">{escape(_shown(row))}</text>',
    ]
    x = left + width + 8
    if row.label:
        parts.append(f'<text class="label" x="{x}" y="{y + 4.5}">⚑ {escape(row.label)}</text>')
        x += _label_width(row)
    if count:
        parts.append(f'<text class="count" x="{x}" y="{y + 4.5}">{_beside(row, count)}</text>')
    return "".join([*parts, "</g>"])


def _guides(rows: list[Row]) -> Iterator[str]:
    """Thin lines that lead from a step down to its branches."""
    for number, row in enumerate(rows):
        if row.kind == "branch":
            above = next(other for other in range(number - 1, -1, -1) if rows[other].depth == row.depth - 1)
            x = _left(rows[above]) + 10
            yield f'<path class="guide" d="M{x} {_middle(above) + BOX / 2} V{_middle(number)} H{_left(row) + 6}"/>'


def _line(jump: Jump, x: float, leaves: float, arrives: float) -> str:
    """A jump: from behind its row out to its lane at `x`, along it, and back to its target with an arrow."""
    start, end, turn = _middle(jump.start), _middle(jump.end), 6 if jump.end > jump.start else -6
    way = f"M{leaves} {start} H{x - 6} Q{x} {start} {x} {start + turn} V{end - turn} Q{x} {end} {x - 6} {end} H{arrives}"
    return (
        f'<path class="{jump.kind}" d="{way}"/><path class="arrow" d="M{arrives + 7} {end - 4} L{arrives} {end} L{arrives + 7} {end + 4}"/>'
    )


def _described(flow: Flow, rows: list[Row]) -> str:
    """The picture in words, for who does not see it."""
    lines = (f"{'  ' * row.depth}{row.text}{f' (label {row.label})' if row.label else ''}" for row in rows)
    return f"{flow.about}\n" + "\n".join(lines)
