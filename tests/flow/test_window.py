"""What passed the check never writes a free text to somebody who has been silent for 24 hours, and never names a discount there is not.

Random flows are checked, and those that pass are played: whatever is answered, whenever.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bot.flow.interpreter import advance, start
from bot.flow.problem import Mistake
from bot.flow.revision import Revision
from bot.flow.route import REPLY_WINDOW
from bot.flow.run import (
    Advance,
    Discount,
    DiscountMade,
    DiscountRefused,
    MakeDiscount,
    Replied,
    Send,
    SetTimer,
    Text,
    TimeIsUp,
    Waiting,
)
from tests.flow.known import ANA, NOW
from tests.flow.owner import store
from tests.flow.playing import SEGMENTS

LABELS = ["one", "two"]
LENGTHS = st.sampled_from(["1 hour", "5 hours", "12 hours", "23 hours", "1 day", "3 days"])
CODE = "Your code: {discount.code}"
simple: st.SearchStrategy[Any] = st.one_of(
    st.just({"send": "Hello"}),
    st.just({"send": CODE}),
    st.just({"send": {"template": "news"}}),
    st.just({"send": {"text": "Hello", "template": "news"}}),
    st.just({"send": {"text": CODE, "link": {"text": "Go", "url": "https://a.example"}}}),
    st.builds(lambda length: {"wait": length}, LENGTHS),
    st.builds(lambda length: {"wait": length}, LENGTHS),
    st.just({"tag": "x"}),
)
ends: st.SearchStrategy[Any] = st.one_of(
    st.just("continue"), st.just("continue"), st.just("end"), st.builds(lambda label: {"go_to": label}, st.sampled_from(LABELS))
)


def _branching(steps: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[Any]:
    branch = st.builds(lambda some, end: [*some, end], steps, ends)
    short = st.builds(lambda end: [end], ends)
    return st.one_of(
        st.builds(
            lambda text, yes, other, after, none: {
                "ask": text,
                "answers": [{"button": "Yes", "then": yes}, {"anything_else": other}],
                "no_answer": {"after": after, "then": none},
            },
            st.sampled_from(["How are you?", "How are you?", CODE]),
            branch,
            short,
            LENGTHS,
            branch,
        ),
        st.builds(lambda then, other: {"if": "in regulars", "then": then, "else": other}, steps, steps),
        st.builds(lambda then, other: {"if": "tags has x", "then": then, "else": other}, steps, steps),
        st.builds(
            lambda none: {"discount": "5%", "valid_for": "2 days", **({} if none is None else {"if_none": none})}, st.none() | steps
        ),
    )


step = st.recursive(simple, lambda inner: _branching(st.lists(inner, max_size=2)), max_leaves=6)
TEMPLATES = {"news": "category: utility\nbody: There is news.\n"}


def checked(steps: list[Any], when: str) -> tuple[Revision | None, set[Mistake]]:
    """The flow, if it passes; else what is wrong with it."""
    labelled = [{**one, "label": label} if isinstance(one, dict) else one for one, label in zip(steps, LABELS, strict=False)]
    flow = {"name": "x", "purpose": "service", "start": {"when": when}, "steps": [*labelled, *steps[len(LABELS) :]]}
    library = store(json.dumps(flow), templates=TEMPLATES)
    return library.flows.get("flow"), {problem.kind for problem in library.problems}


def too_late(step: Advance, silent: timedelta) -> bool:
    """Whether a free text is asked for that WhatsApp would refuse, and no template stands in for it."""
    texts = (effect.content for effect in step.effects if isinstance(effect, Send) and isinstance(effect.content, Text))
    return silent >= REPLY_WINDOW and any(content.otherwise is None for content in texts)


def codeless(step: Advance) -> bool:
    """Whether a text tells a code that there is not."""
    return any(isinstance(effect, Send) and effect.content.body == "Your code:" for effect in step.effects)


@dataclass(frozen=True)
class Moment:
    """Where a run stands, and since when its customer is silent."""

    step: Advance
    now: datetime
    wrote_at: datetime


def next_moments(revision: Revision, here: Moment) -> Iterator[Moment]:
    """All that can come next: answers early and at the last minute, silence, a code or none; each for two kinds of people."""
    run, effects = here.step.run, here.step.effects
    for people in (ANA, replace(ANA, tags=frozenset({"x"}), orders=replace(ANA.orders, count=0))):
        for effect in effects:
            if isinstance(effect, MakeDiscount):
                for made in (
                    DiscountMade(effect.generation, Discount("C", effect.ends, effect.percent)),
                    DiscountRefused(effect.generation, "why"),
                ):
                    yield Moment(advance(revision, run, made, people, SEGMENTS, here.now), here.now, here.wrote_at)
            if isinstance(effect, SetTimer):
                up = advance(revision, run, TimeIsUp(effect.generation), people, SEGMENTS, effect.due)
                yield Moment(up, effect.due, here.wrote_at)
                if run.waiting is Waiting.ANSWER:
                    late = effect.due - timedelta(seconds=1)
                    for text in ("yes", "what?"):
                        yield Moment(advance(revision, run, Replied(text), people, SEGMENTS, late), late, late)


MOST_MOMENTS = 300  # of one flow that are looked at


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(step, min_size=2, max_size=4), st.sampled_from(["message_received", "opted_in"]))
def test_no_free_text_comes_too_late_and_no_code_too_early(steps: list[Any], when: str) -> None:
    revision, wrong = checked(steps, when)
    event("passes" if revision else ", ".join(sorted(wrong & {Mistake.WINDOW_CLOSED, Mistake.NO_DISCOUNT_YET})) or "other mistakes")
    if revision is None:
        return
    by_customer = when == "message_received"
    wrote_at = NOW if by_customer else NOW - timedelta(days=90)
    pending = deque([Moment(start(revision, 1, ANA, SEGMENTS, NOW, by_customer=by_customer), NOW, wrote_at)])
    for _ in range(MOST_MOMENTS):
        if not pending:
            break
        here = pending.popleft()
        assert not too_late(here.step, here.now - here.wrote_at), revision.flow
        assert not codeless(here.step), revision.flow
        pending.extend(next_moments(revision, here))
