"""Flows that start on the same event for the same person at the same time, without saying which of them wins."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from bot.flow.condition import Condition, ConditionError, parse
from bot.flow.model import AskStep, Flow, SendStep, Trigger, WaitStep, walk
from bot.flow.overlap import can_both_hold
from bot.flow.route import NOW

ABOUT_SOMETHING_OF_MANY = frozenset({Trigger.TAG_ADDED, Trigger.ENTERED_SEGMENT})
"""Which tag, which segment is for `if:` to say: a person can have both and still start only one flow."""


def judge_rivals(flows: Iterable[Flow], segments: Mapping[str, str]) -> Iterator[tuple[Flow, str]]:
    """Each flow with a rival before it (by its file's name), and a sentence. It is for the later one to say whom it leaves out."""
    known = {name: condition for name, text in segments.items() if (condition := _parsed(text))}
    by_moment: dict[tuple[Trigger, float | None, timedelta], list[Flow]] = {}
    for flow in sorted(flows, key=lambda flow: flow.id):
        if _writes(flow):
            by_moment.setdefault((flow.start.when, flow.start.after, _delay(flow)), []).append(flow)
    for together in by_moment.values():
        for number, flow in enumerate(together):
            rival = next((other for other in together[:number] if _are_rivals(flow, other, known)), None)
            if rival is not None:
                yield flow, _sentence(flow, rival)


def _writes(flow: Flow) -> bool:
    return any(isinstance(step, SendStep | AskStep) for _, step in walk(flow.steps))


def _delay(flow: Flow) -> timedelta:
    """How long after the event the flow does its first thing."""
    if flow.start.when is Trigger.MESSAGE_RECEIVED:
        return NOW  # one message starts one flow, whatever that does first
    waited = flow.start.for_ or NOW
    for step in flow.steps:
        if not isinstance(step, WaitStep):
            break
        waited += step.wait
    return waited


def _are_rivals(one: Flow, other: Flow, segments: Mapping[str, Condition]) -> bool:
    conditions = one.start.if_, other.start.if_
    if one.start.when is Trigger.MESSAGE_RECEIVED and conditions.count(None) == 1:
        return False  # the house's rule: a flow that says whom it is for comes before one that takes everybody
    if one.start.when in ABOUT_SOMETHING_OF_MANY and None not in conditions:
        return False
    mine, theirs = (_parsed(text or "") for text in conditions)
    unreadable = (one.start.if_ is not None and mine is None) or (other.start.if_ is not None and theirs is None)
    return not unreadable and can_both_hold(mine, theirs, segments)



def _parsed(text: str) -> Condition | None:
    try:
        return parse(text)
    except ConditionError:
        return None


def _sentence(flow: Flow, rival: Flow) -> str:
    when = flow.start.when
    if when is not Trigger.MESSAGE_RECEIVED:
        also = f"the flow '{rival.id}' starts with {when} at the same time, and some people would get both"
        return f"{also}: add an 'if:' under 'start:' that leaves out whom the other takes"
    if flow.start.if_ is None:
        also = f"the flow '{rival.id}' takes every message too, and only one of them can"
        return f"{also}: add an 'if:' under 'start:' that says whom this one is for"
    also = f"the flow '{rival.id}' starts with {when} too, and nothing says which of them wins"
    return f"{also} for people who fit both: let this 'if:' leave out whom the other takes"
