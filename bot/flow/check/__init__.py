"""What is wrong in a flow, before anyone runs it: everything at once, each with its place and a sentence that says what to write.

`shape.py` has already seen to keys and kinds of values; here it is about meaning: names, labels, templates, the customer's reply
window, discounts, languages. A path that was mended there is not judged again.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from bot.flow.account import Account, Enough
from bot.flow.catalog import flow_entries
from bot.flow.check.answers import judge_answers, judge_list
from bot.flow.check.case import Case, Surroundings, open_case
from bot.flow.check.parts import judge_message
from bot.flow.check.rivals import judge_rivals
from bot.flow.check.uses import judge_quick_replies, judge_use, judge_way_out
from bot.flow.check.ways import judge_ways
from bot.flow.check.words import ABOUT_A_CART, ABOUT_A_PRODUCT, ABOUT_AN_ORDER, judge_condition, judge_text
from bot.flow.condition import ConditionError, parse
from bot.flow.measure import read_budget, read_discount
from bot.flow.model import (
    LONGEST_TAG,
    NOT_TOLD_YET,
    AskStep,
    DiscountStep,
    Flow,
    GoToStep,
    IfStep,
    Message,
    SendStep,
    Step,
    TagStep,
    TellWhenBackStep,
    Trigger,
    UntagStep,
    Wording,
    template_of,
)
from bot.flow.names import did_you_mean
from bot.flow.problem import Mistake, Problem, WrittenWrongly
from bot.flow.revision import Role
from bot.flow.shape import Shape

__all__ = ["Surroundings", "check", "judge_rivals"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check(shape: Shape[Flow], around: Surroundings) -> list[Problem]:
    """Everything wrong with a flow, shape and meaning, in the order of its lines."""
    if shape.value is None:
        return sorted(shape.problems)
    told = Account(shape.document, shape.broken)
    with suppress(Enough):
        _judge(open_case(shape.value, told, around))
    return sorted({*shape.problems, *told.problems, *told.warnings})


def _judge(case: Case) -> None:
    _judge_head(case)
    for path, step in case.steps.items():
        _judge_step(case, path, step)
    _judge_lengths(case)
    judge_way_out(case)
    judge_ways(case)


def _judge_head(case: Case) -> None:
    flow, told = case.flow, case.told
    if not _ID.fullmatch(flow.id):
        message = "the name of this file is the flow's id: write it with letters, digits, - and _ (at most 64)"
        told.tell("", Mistake.BAD_FILE_NAME, message)
    if not flow.steps:
        told.tell("steps", Mistake.EMPTY_LIST, "a flow needs at least one step: write '- ' and what happens below 'steps:'")
    if flow.start.when is Trigger.CART_ABANDONED and flow.start.for_ is None and not told.is_broken("start.for"):
        message = "say after how long a cart counts as abandoned: add 'for:', as in 'for: 1 hour'"
        told.tell("start.when", Mistake.NO_ABANDONED_AFTER, message)
    if flow.start.when is Trigger.PRODUCT_VIEWED and flow.start.for_ is None and not told.is_broken("start.for"):
        message = "say how long after they last looked at anything: add 'for:', as in 'for: 4 hours'"
        told.tell("start.when", Mistake.NO_ABANDONED_AFTER, message)
    _judge_after(case)
    if flow.start.when in NOT_TOLD_YET:
        message = f"nothing tells of {flow.start.when} yet, so this flow would never start: start it on another event, with an 'if:'"
        told.tell("start.when", Mistake.NEVER_HAPPENS, message)
    if flow.start.if_ is not None:
        judge_condition(case, "start.if", flow.start.if_)
    for key, events in (("goal", flow.goal), ("stop_when", flow.stop_when)):
        for event in NOT_TOLD_YET.intersection(events):
            told.tell(key, Mistake.NEVER_HAPPENS, f"nothing tells of {event} yet, so it would end nothing: take it out")
    for event in flow.stop_when:
        if event in flow.goal:
            told.tell("stop_when", Mistake.GOAL_STOPS, f"{event} is the goal already: take it out of stop_when, or out of goal")


def _judge_after(case: Case) -> None:
    """What is measured by the customer's own habit."""
    start, told = case.flow.start, case.told
    if start.after is not None and start.when is not Trigger.CUSTOMER_LAPSED and not told.is_broken("start.when"):
        message = f"'after:' counts the gaps of who stays away, in flows that start with {Trigger.CUSTOMER_LAPSED}: write 'for:' here"
        told.tell("start.after", Mistake.AFTER_NOT_HERE, message)
    elif start.after is not None and start.for_ is not None:
        message = "'after:' goes by the customer's own habit, 'for:' by the calendar: keep one of the two"
        told.tell("start.after", Mistake.AFTER_NOT_HERE, message)
    if start.if_ and case.flow.again_after is None and _names(start.if_, "order.nth"):
        message = "such an order can be cancelled and placed anew, and would be thanked for twice: add 'again_after: 3650 days'"
        told.tell_inside("start.if", max(start.if_.find("order.nth"), 0), Mistake.THANKS_TWICE, message)


def _names(text: str, name: str) -> bool:
    try:
        return name in parse(text).names()
    except ConditionError:
        return False


def _judge_step(case: Case, path: str, step: Step) -> None:
    if step.label is not None and case.labels[step.label] > 1:
        message = f"the label '{step.label}' is on several steps: give each a label of its own"
        case.told.tell(f"{path}.label", Mistake.DUPLICATE_LABEL, message)
    judge = _JUDGES.get(type(step))
    if judge is not None:
        judge(case, path, step)


def _judge_send(case: Case, path: str, step: SendStep) -> None:
    _judge_wording(case, f"{path}.send", step.send, None)


def _judge_ask(case: Case, path: str, step: AskStep) -> None:
    _judge_wording(case, f"{path}.ask", step.ask, step)
    judge_answers(case, path, step)
    judge_list(case, path, step)
    if (use := template_of(step.ask)) is not None:
        judge_quick_replies(case, f"{path}.answers", step, use.template)


def _judge_wording(case: Case, path: str, wording: Wording, ask: AskStep | None) -> None:
    if isinstance(wording, str):
        judge_text(case, path, wording)
    if isinstance(wording, Message):
        judge_message(case, path, wording, ask)
    if (use := template_of(wording)) is not None:
        judge_use(case, path, use, ask, is_alone=not isinstance(wording, Message))


def _judge_discount(case: Case, path: str, step: DiscountStep) -> None:
    try:
        read_discount(step.discount, case.rules.currency)
    except WrittenWrongly as wrong:
        case.told.tell(f"{path}.discount", wrong.kind, wrong.message)
    if step.code is not None and step.from_ is not None:
        case.told.tell(f"{path}.code", Mistake.BAD_DISCOUNT, "it comes from one place: keep 'from:' or 'code:'")
    if step.budget is None:
        return
    try:
        read_budget(step.budget, case.rules.currency)
    except WrittenWrongly as wrong:
        case.told.tell(f"{path}.budget", wrong.kind, wrong.message)


def _judge_go_to(case: Case, path: str, step: GoToStep) -> None:
    if step.go_to not in case.labels:
        hint = did_you_mean(step.go_to, case.labels) or ": write 'label:' at the step that is meant"
        case.told.tell(f"{path}.go_to", Mistake.UNKNOWN_LABEL, f"no step has the label '{step.go_to}'{hint}")


def _judge_tag(case: Case, path: str, tag: str) -> None:
    if not tag.strip() or len(tag) > LONGEST_TAG:
        case.told.tell(path, Mistake.BAD_TAG, f"a tag is a word of at most {LONGEST_TAG} characters: write a short one")


def _judge_lengths(case: Case) -> None:
    for entry in flow_entries(case.flow):
        if entry.limit is not None and len(entry.text) > entry.limit:
            kind = Mistake.BUTTON_TOO_LONG if entry.role is Role.BUTTON else Mistake.TEXT_TOO_LONG
            remedy = f"shorten it by {len(entry.text) - entry.limit} characters"
            message = f"a {entry.role.value} has at most {entry.limit} characters, this one has {len(entry.text)}"
            case.told.tell(entry.path, kind, message, remedy)


def _judge_tell_when_back(case: Case, path: str, step: TellWhenBackStep) -> None:
    when = case.flow.start.when
    if step.tell_when_back.strip() or case.told.is_broken("start.when") or when in ABOUT_A_CART | ABOUT_AN_ORDER | ABOUT_A_PRODUCT:
        return
    remedy = "name one by its key or SKU in the shop, as in 'tell_when_back: CB-ESP-1000'"
    case.told.tell(path, Mistake.NAME_NOT_HERE, f"a flow that starts with {when} is about no product: {remedy}")


_JUDGES: Mapping[type[Step], Callable[[Case, str, Any], None]] = {
    SendStep: _judge_send,
    AskStep: _judge_ask,
    IfStep: lambda case, path, step: judge_condition(case, f"{path}.if", step.if_),
    DiscountStep: _judge_discount,
    GoToStep: _judge_go_to,
    TagStep: lambda case, path, step: _judge_tag(case, f"{path}.tag", step.tag),
    UntagStep: lambda case, path, step: _judge_tag(case, f"{path}.untag", step.untag),
    TellWhenBackStep: _judge_tell_when_back,
}
"""What there is to say of a step, by its kind."""
