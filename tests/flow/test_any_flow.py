"""Whatever the flow, whatever happens in whatever order: a run never raises, and what it asks for hangs together."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow import position
from bot.flow.facts import ContactFacts, Facts
from bot.flow.interpreter import MAX_STEPS, advance, start
from bot.flow.model import Flow, Step, walk
from bot.flow.revision import Revision
from bot.flow.run import (
    Advance,
    Discount,
    DiscountMade,
    DiscountRefused,
    Event,
    Finish,
    MakeDiscount,
    Pressed,
    Replied,
    Send,
    SetTimer,
    Started,
    TimeIsUp,
    Waiting,
)

from .known import ANA, DISCOUNT, NOBODY, NOW
from .playing import SEGMENTS, SPANISH, kept
from .test_interpreter import TEMPLATES

LABELS = ["a", "b", "nowhere"]
texts = st.sampled_from(["How are you?", "{contact.first_name}", "{cart.link} {discount.ends}", "{{x}}", "{broken", "{orders.last.total}"])
wordings = texts | st.builds(
    lambda name, value: {"template": name, "with": {"name": value, "link": "cart.link"}},
    st.sampled_from([*TEMPLATES, "unknown"]),
    st.sampled_from(["cart.summary", 'contact.first_name or "there"', "broken {", '"x"']),
)
conditions = st.sampled_from(["in regulars", "in nowhere", "tags has x", "cart.total is at least 50", "what", "discount.percent is 5"])
lengths = st.sampled_from(["1 minute", "2 days", "9999 weeks"])
simple = st.one_of(
    st.sampled_from(["continue", "end", "opt_in", "opt_out", "tell_when_back"]),
    st.builds(lambda wording: {"send": wording}, wordings),
    st.builds(lambda length: {"wait": length}, lengths),
    st.builds(lambda tag: {"tag": tag}, st.just("x")),
    st.builds(lambda tag: {"untag": tag}, st.just("x")),
    st.builds(lambda label: {"go_to": label}, st.sampled_from(LABELS)),
    st.builds(lambda label: {"label": label, "send": "x"}, st.sampled_from(LABELS[:2])),
    st.just({"hand_over": "why"}),
)


def _branching(steps: st.SearchStrategy[list[object]]) -> st.SearchStrategy[object]:
    answers = st.builds(
        lambda button, words, then: {"words": words, "then": then, **({"button": button} if button else {})},
        st.none() | st.sampled_from(["Fine", "No more", "Finish"]),
        st.lists(st.sampled_from(["expensive", "no way"]), max_size=2),
        steps,
    )
    anything = st.lists(st.builds(lambda then: {"anything_else": then}, steps), max_size=1)
    no_answer = st.builds(lambda after, then: {"after": after, "then": then}, lengths, steps)
    return st.one_of(
        st.builds(
            lambda ask, some, other, none: {"ask": ask, "answers": some + other, "no_answer": none},
            wordings,
            st.lists(answers, max_size=3),
            anything,
            no_answer,
        ),
        st.builds(lambda test, then, other: {"if": test, "then": then, "else": other}, conditions, steps, steps),
        st.builds(
            lambda discount, length, none: {"discount": discount, "valid_for": length, **({} if none is None else {"if_none": none})},
            st.sampled_from(["5%", "10 EUR", "much"]),
            lengths,
            st.none() | steps,
        ),
    )


step = st.recursive(simple, lambda inner: _branching(st.lists(inner, max_size=3)), max_leaves=12)
revisions = st.builds(
    lambda steps: Revision(
        "r",
        Flow.model_validate({"id": "f", "name": "f", "purpose": "service", "start": {"when": "message_received"}, "steps": steps}),
        "en",
        translations={"es": SPANISH},
        templates=TEMPLATES,
    ),
    st.lists(step, max_size=5),
)
generations = st.integers(0, 4)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, st.booleans()),
    st.builds(Replied, st.sampled_from(["fine", "", "caro", "no way", "Terminar", "\ud800"]) | st.text(max_size=20)),
    st.builds(Pressed, generations, st.integers(-2, 5), st.sampled_from(["Fine", "?"])),
    st.builds(TimeIsUp, generations),
    st.builds(DiscountMade, generations, st.just(DISCOUNT)),
    st.builds(DiscountRefused, generations, st.just("why")),
)
people = st.sampled_from([ANA, NOBODY, replace(NOBODY, contact=ContactFacts("xx_YY", "{contact.first_name}\n"))])


def what_it_waits_for(step: Advance) -> Event | None:
    """The very event the run asked for last."""
    for effect in step.effects:
        if isinstance(effect, SetTimer):
            return TimeIsUp(effect.generation)
        if isinstance(effect, MakeDiscount):
            return DiscountMade(effect.generation, Discount("C", effect.ends, effect.percent, effect.amount))
    return None


def hangs_together(before: Advance | None, after: Advance) -> None:
    run = after.run
    finishes = [effect for effect in after.effects if isinstance(effect, Finish)]
    timers = [effect for effect in after.effects if isinstance(effect, SetTimer)]
    makes = [effect for effect in after.effects if isinstance(effect, MakeDiscount)]
    sends = [effect for effect in after.effects if isinstance(effect, Send)]
    if before and run == before.run:
        assert after.effects == ()
        return
    assert len(finishes) + len(timers) + len(makes) == 1, "a run goes on until it waits once or ends once"
    assert finishes == ([Finish(run.outcome)] if run.outcome is not None else [])
    assert [timer.generation for timer in timers] == ([run.generation] if run.waiting in (Waiting.ANSWER, Waiting.TIME) else [])
    assert [make.generation for make in makes] == ([run.generation] if run.waiting is Waiting.DISCOUNT else [])
    assert len(after.effects) <= MAX_STEPS + 2
    assert all(send.content.body or getattr(send.content, "name", "") == "unknown" for send in sends)
    if before:
        assert run.generation - before.run.generation in (0, 1)
        assert run.sends - before.run.sends >= len(sends)


@settings(max_examples=300, deadline=None)
@given(revisions, people, st.booleans(), st.lists(events | st.none(), max_size=12))
def test_a_run_never_raises_and_hangs_together(revision: Revision, facts: Facts, by_customer: bool, happens: list[Event | None]) -> None:
    now = NOW
    step = start(revision, 7, facts, SEGMENTS, now, by_customer=by_customer)
    hangs_together(None, step)
    for event in happens:
        now += timedelta(hours=7)
        meant = event or what_it_waits_for(step) or Replied("fine")
        after = advance(revision, kept(step.run), meant, facts, SEGMENTS, now)
        assert after == advance(revision, kept(step.run), meant, facts, SEGMENTS, now), "the same again comes to the same"
        hangs_together(step, after)
        step = after if after.effects else replace(step, run=after.run)


@given(revisions)
def test_every_step_is_found_by_its_path_and_no_other(revision: Revision) -> None:
    paths = [path for path, _ in walk(revision.flow.steps)]
    steps: list[Step] = [step for _, step in walk(revision.flow.steps)]
    found = [position.find(revision.flow, path) for path in paths]
    assert [here and here.path for here in found] == paths
    assert all(here and here.step is step for here, step in zip(found, steps, strict=True))
    for path in paths:
        assert position.find(revision.flow, f"{path}.0") is None
        assert position.find(revision.flow, f"{path}.then") is None
