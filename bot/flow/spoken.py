"""A flow in a few words: how people who explain it (the demo page, `flows diff`, a diagram) name its steps and branches."""

from datetime import timedelta

from bot.flow.model import (
    AnyStep,
    AskStep,
    DiscountStep,
    EndStep,
    Flow,
    GoToStep,
    HandOverStep,
    IfStep,
    Message,
    SendStep,
    TagStep,
    TellWhenBackStep,
    TemplateUse,
    UntagStep,
    WaitStep,
    Wording,
    files_of,
    template_of,
    text_of,
    verb_of,
    walk,
)

WORDS = 90  # characters of a text that are quoted
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def saying(step: AnyStep) -> str:
    """What a step says, in a few words; empty for one that says nothing but its verb."""
    match step:
        case SendStep():
            return _wording(step.send)
        case AskStep():
            return _wording(step.ask)
        case WaitStep():
            return length(step.wait)
        case IfStep():
            return step.if_
        case DiscountStep():
            return f"{step.discount}, valid for {length(step.valid_for)}"
        case TagStep():
            return step.tag
        case UntagStep():
            return step.untag
        case TellWhenBackStep():
            return step.tell_when_back
        case HandOverStep():
            return step.hand_over
        case GoToStep():
            return step.go_to
        case EndStep():
            return step.end
        case _:
            return ""


def branch_name(step: AnyStep, branch: str) -> str:
    """What leads into a branch (`model.branches`), in the owner's words."""
    match step:
        case AskStep() if branch == "no_answer.then":
            return f"no answer for {length(step.no_answer.after)}"
        case AskStep():
            answer = step.answers[int(branch.split(".")[1])]
            return answer.button or ", ".join(answer.words) or "anything else"
        case IfStep():
            return "if so" if branch == "then" else "if not"
        case _:
            return "without a code"


def step_name(step: AnyStep) -> str:
    """A step on one line: its label, else its verb and what it says."""
    return f"'{step.label}'" if step.label else f"{verb_of(step)}: {saying(step)}".rstrip(": ")


def name_at(flow: Flow, path: str) -> str:
    """The name of the step at a path; the path itself when the flow has no such step."""
    return next((step_name(step) for here, step in walk(flow.steps) if here == path), path)


def quoted(text: str, longest: int = WORDS) -> str:
    """The beginning of a text, isolated: words that run from right to left must not turn ours around."""
    first = " ".join(text.split())
    return f"“\u2068{first if len(first) <= longest else first[:longest] + '…'}\u2069”"


def length(length_of_time: timedelta) -> str:
    """`1 day`, `90 minutes`: as an owner writes it."""
    for unit, name in _UNITS:
        if length_of_time >= unit and length_of_time % unit == timedelta():
            count = length_of_time // unit
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{int(length_of_time.total_seconds())} seconds"


def _wording(said: Wording) -> str:
    template = template_of(said)
    if isinstance(said, TemplateUse):
        return f"template {said.template}"
    words = text_of(said)
    shown = [quoted(words)] if words else []
    shown += parts(said) if isinstance(said, Message) else []
    return ", ".join([*shown, *([f"or template {template.template}"] if template else [])])


def parts(message: Message) -> list[str]:
    """What a message shows beside its words, in a few words each."""
    named = [f"{kind} {name}" for kind, name in files_of(message).items()]
    named += [f"link {quoted(message.link.text)}"] if message.link else []
    named += [f"products {', '.join(message.products)}"] if message.products else []
    named += ["the catalog"] if message.catalog else []
    named += [f"location {quoted(message.location.name)}"] if message.location else []
    return [*named, *([f"contact {quoted(message.contact.name)}"] if message.contact else [])]
