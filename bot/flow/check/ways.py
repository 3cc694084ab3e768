"""The ways through a flow: what is never reached, goes round for ever, comes too late or too early on some of them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from bot.flow import route
from bot.flow.check.case import Case
from bot.flow.file import is_link
from bot.flow.measure import span
from bot.flow.model import Answer, AskStep, GoToStep, Message, SendStep, Step, Trigger, Wording, files_of, template_of, wording_of
from bot.flow.problem import Mistake
from bot.flow.reply import plain_words
from bot.flow.revision import ButtonKind
from bot.flow.route import Ways, Worst
from bot.flow.run import Purpose
from bot.flow.text import Placeholder, TextError, placeholders, read_expression

ANYWHERE = Worst(route.NOW, route.PERCENT | route.AMOUNT)
"""Nothing is said of a step of which we do not know how it is reached."""


def judge_ways(case: Case) -> None:
    """Every way from the start to each of the ends."""
    if not case.flow.steps:
        return
    ways = route.ways(case.flow, case.rules)
    worst = route.worst_cases(ways, _first_steps(case))
    _judge_reach(case, worst)
    for closing, to in route.circles(ways):
        line = case.told.document.place(to).line
        message = f"from here the flow goes round in a circle to line {line} without an ask or a wait: put one of them into it"
        case.told.tell(closing, Mistake.ENDLESS_CIRCLE, message)
    for path, reached in worst.items():
        _judge_at_worst(case, path, case.steps[path], reached)
    _judge_open_questions(case, ways)


def _first_steps(case: Case) -> dict[str, Worst]:
    """Where a run can begin; with a `go_to` that leads nowhere yet, any label may be what it meant."""
    start = case.flow.start
    by_customer = start.when is Trigger.MESSAGE_RECEIVED
    begins = Worst((start.for_ or route.NOW) if by_customer else route.REPLY_WINDOW)
    is_lost = any(isinstance(step, GoToStep) and step.go_to not in case.labels for step in case.steps.values())
    meant = {path: ANYWHERE for path, step in case.steps.items() if is_lost and step.label}
    return {**meant, "steps.0": begins}


def _judge_reach(case: Case, worst: Mapping[str, Worst]) -> None:
    """Of steps that follow one another and are never reached, only the first is told."""
    if len(worst) == len(case.steps):
        return
    for path in case.steps:
        around, _, number = path.rpartition(".")
        before = f"{around}.{int(number) - 1}"
        owner = _owner(path)
        if path not in worst and (number == "0" or before in worst) and (not owner or owner in worst):
            message = "this step is never reached: take it out, or lead a go_to to it"
            case.told.tell_at(case.told.document.place(path), path, Mistake.NEVER_REACHED, message)


def _owner(path: str) -> str | None:
    """The step whose branch a step is in: `steps.0` for `steps.0.answers.2.then.1` and `steps.0.then.1`."""
    around = path.rpartition(".")[0]
    while around and not around.rpartition(".")[2].isdigit():
        around = around.rpartition(".")[0]
    if around.rpartition(".")[0].endswith(".answers"):
        around = around.rpartition(".answers.")[0]
    return around or None


# ---- too late, too early


def _judge_at_worst(case: Case, path: str, step: Step, worst: Worst) -> None:
    wording = wording_of(step)
    if wording is None:
        return
    here = f"{path}.{'send' if isinstance(step, SendStep) else 'ask'}"
    for where, placeholder in _discount_names(here, wording):
        if placeholder.name not in worst.discount:
            case.told.tell_inside(where, placeholder.offset, *_no_discount(placeholder.name, worst))
    use = template_of(wording)
    if use is None and _silence(case, worst) >= route.REPLY_WINDOW:
        message = "by now the customer may not have written for 24 hours: a free text would be refused, use a template"
        case.told.tell(here, Mistake.WINDOW_CLOSED, message)
    template = case.around.templates.get(use.template) if use else None
    if template and not worst.discount and (template.offer or any(button.kind is ButtonKind.COPY_CODE for button in template.buttons)):
        brings = "an offer that ends with it" if template.offer else "a button to copy its code"
        message = f"there is no discount yet, and the template '{template.name}' has {brings}"
        case.told.tell(f"{here}.template", Mistake.NO_DISCOUNT_YET, message)


def _silence(case: Case, worst: Worst) -> timedelta:
    """How long the customer may have been silent when the message goes out: what we begin also waits for quiet hours to end.

    Limits can hold a message back for longer still. What else was sent decides that, so policy drops it then, with a reason.
    """
    quiet = case.rules.quiet_hours
    if quiet is None or worst.silence == route.NOW or case.flow.purpose is not Purpose.MARKETING:
        return worst.silence
    return worst.silence + span(*quiet)


def _discount_names(path: str, wording: Wording) -> Iterator[tuple[str, Placeholder]]:
    """The names of a discount in a wording, with the path of the text each stands in."""
    found = [(where, placeholder) for where, text in _texts_of(path, wording) for placeholder in _placeholders(text)]
    found += [(where, meant) for where, text in _values_of(path, wording) if isinstance(meant := _expression(text), Placeholder)]
    yield from (place for place in found if place[1].name in route.PERCENT | route.AMOUNT)


def _texts_of(path: str, wording: Wording) -> Iterator[tuple[str, str]]:
    """The texts with placeholders in a wording, with their paths."""
    if isinstance(wording, str):
        yield path, wording
        return
    yield from ((f"{path}.{kind}", name) for kind, name in files_of(wording).items() if is_link(name))
    if isinstance(wording, Message):
        parts = {"text": wording.text, "header": wording.header, "footer": wording.footer}
        yield from ((f"{path}.{key}", text) for key, text in parts.items() if text)
        yield from [(f"{path}.link.url", wording.link.url)] if wording.link else []


def _values_of(path: str, wording: Wording) -> Iterator[tuple[str, str]]:
    use = template_of(wording)
    return ((f"{path}.with.{name}", value) for name, value in (use.with_.items() if use else ()))


def _placeholders(text: str) -> tuple[Placeholder, ...]:
    try:
        return placeholders(text)
    except TextError:
        return ()


def _expression(text: str) -> Placeholder | str:
    try:
        return read_expression(text)
    except TextError:
        return ""


def _no_discount(name: str, worst: Worst) -> tuple[Mistake, str]:
    if not worst.discount:
        return Mistake.NO_DISCOUNT_YET, f"there is no discount yet when {name} is used"
    if worst.discount >= route.PERCENT:
        return Mistake.NOT_THAT_DISCOUNT, f"the discount is a share here, so {name} is empty: use discount.percent"
    if worst.discount >= route.AMOUNT:
        return Mistake.NOT_THAT_DISCOUNT, f"the discount is a sum here, so {name} is empty: use discount.amount"
    return Mistake.NOT_THAT_DISCOUNT, f"the discount can be a share or a sum here, so {name} can be empty: use discount.code"


# ---- a question while another one is open


def _judge_open_questions(case: Case, ways: Ways) -> None:
    """After `no_answer` the buttons of a question are still on the phone. Pressed then, they count for the question that is asked
    by now, by their titles: so one title must not mean two things."""
    asks = {path: step for path, step in case.steps.items() if isinstance(step, AskStep) and step.answers}
    for path, ask in asks.items():
        if case.told.is_full_of_warnings:
            return
        for later in route.asked_unanswered(path, ways, asks.keys()):
            _judge_pair(case, path, ask, later, asks[later])


def _judge_pair(case: Case, path: str, ask: AskStep, later_path: str, later: AskStep) -> None:
    meant = {plain_words(answer.button): answer for answer in ask.answers if answer.button}
    for number, answer in enumerate(later.answers):
        other = meant.get(plain_words(answer.button)) if answer.button else None
        if other is not None and not _do_the_same(other, answer):
            line = case.told.document.place(path).line
            message = f"the question of line {line} may still be open here, and its button '{answer.button}' means something else"
            remedy = "write other words on one of the two buttons"
            case.told.tell(f"{later_path}.answers.{number}.button", Mistake.QUESTION_STILL_OPEN, f"{message}: {remedy}")


def _do_the_same(one: Answer, other: Answer) -> bool:
    return one.steps == other.steps
