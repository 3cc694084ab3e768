"""Any flow that passes the check, whatever happens in whatever order: its runs end within their limits and never raise.

Flows are made up as an owner writes them (as data that is written out as YAML), read and checked by the library with the store's files;
what is wrong in one is taken out until it passes, and then it is run.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flow.condition import parse
from bot.flow.facts import CartFacts, ContactFacts, ConversationFacts, Facts, Line, Money, OrdersFacts, StaffFacts
from bot.flow.interpreter import MAX_STEPS, advance, start
from bot.flow.library import Library
from bot.flow.model import VERBS, walk
from bot.flow.revision import Revision
from bot.flow.run import (
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
    read_button_payload,
)

from .known import ANA, NOBODY, NOW, ORDER, STORE
from .owner import store
from .playing import kept

MOST_MESSAGES = 30  # of one advance: more than the steps of any made-up flow
LONGEST_TALK = 40  # events in one run
SEGMENTS = {name: parse(text) for name, text in store().rules.segments.items()}

# ---- what an owner writes

words = st.sampled_from(["yes", "later", "price", "parcel", "refund", "colour", "size", "help me", "gift", "thanks"])
lengths = st.sampled_from(["1 minute", "3 hours", "1 day", "2 weeks"])
conditions = st.sampled_from(
    [
        "orders.count is 0",
        "in regulars",
        "not in regulars",
        "cart.total is at least 20",
        "tags has vip and orders.count is at least 2",
        "contact.last_order is before 60 days ago",
        "contact.country is in [ES, PT]",
        "staff.is_available",
        "contact.language is not en or (orders.total is more than 10 EUR)",
    ]
)
FALLBACK = '{contact.first_name or "there"}'
NAMES = [FALLBACK, "{cart.total}", "{cart.summary}", "{cart.link}", "{store.name}", "{store.links.returns}", "{orders.count}"]
pieces = st.sampled_from(["Hello", "Your cart", "costs", "waits.", "See {{here}}:", "¿Qué?", "مرحبا", *NAMES])
texts = st.lists(pieces, min_size=1, max_size=4).map(" ".join)
waiting = st.just({"template": "waiting", "with": {"name": 'contact.first_name or "there"', "items": "cart.summary"}})
bye = st.just({"template": "bye", "with": {"name": "store.name"}})
ENDS: list[Any] = [
    "continue",
    "continue",
    "continue",
    "end",
    "opt_out",
    {"end": "done here"},
    {"hand_over": "Asks for a person"},
    {"go_to": "there"},
]
ends = st.sampled_from(ENDS)
quiet = st.one_of(  # steps that take no time
    st.builds(lambda text: {"send": text}, texts),
    st.builds(lambda use: {"send": use}, bye),
    st.just({"tag": "vip"}),
    st.just({"untag": "vip"}),
    st.just({"tell_when_back": "p-espresso"}),
    st.just("opt_in"),
)
slow = st.builds(lambda length: {"wait": length}, lengths)

Steps = st.SearchStrategy[list[Any]]


def branch(inner: Steps) -> Steps:
    """A branch of an ask: it says what comes next."""
    return st.builds(lambda steps, last: [*steps, last], inner, ends)


def asks(inner: Steps) -> st.SearchStrategy[Any]:
    buttons = st.lists(st.sampled_from(["Yes", "No", "Show me", "Later", "A question"]), unique=True, max_size=3)

    def ask(say: Any, titles: list[str], typed: list[str], branches: list[Any], other: list[Any], after: str, none: list[Any]) -> Any:
        if isinstance(say, dict):  # the template's own buttons
            titles = ["Yes", "Stop"]
        answers: list[Any] = [{"button": title, "then": then} for title, then in zip(titles, branches, strict=False)]
        if isinstance(say, dict):
            answers[1]["then"] = ["opt_out"]
        if typed:
            answers.append({"words": typed, "then": branches[3]})
        return {"ask": say, "answers": [*answers, {"anything_else": other}], "no_answer": {"after": after, "then": none}}

    branches = st.lists(branch(inner), min_size=4, max_size=4)
    typed = st.lists(words, unique=True, max_size=2)
    return st.builds(ask, texts | waiting, buttons, typed, branches, branch(inner), lengths, branch(inner))


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(inner, max_size=2)
    some = st.lists(inner, min_size=1, max_size=2)
    discount = st.sampled_from(["5%", "12.5%", "10 EUR"])
    return st.one_of(
        asks(steps),
        st.builds(lambda test, then, other: {"if": test, "then": then, **({"else": other} if other else {})}, conditions, some, steps),
        st.builds(lambda worth, length, none: {"discount": worth, "valid_for": length, "if_none": none}, discount, lengths, branch(steps)),
        st.builds(lambda worth, length: {"discount": worth, "valid_for": length}, discount, lengths),
    )


step = st.recursive(quiet | slow, nested, max_leaves=10)


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """A flow as data. Its last step bears the label that every `go_to` leads to."""
    talk = asks(st.lists(step, max_size=2))
    steps = draw(st.lists(talk | step | slow, min_size=2, max_size=5))
    last: dict[str, Any] = draw(st.sampled_from([{"send": bye_use()}, {"hand_over": "The end"}, {"wait": "1 day"}]))
    purpose = draw(st.sampled_from(["service", "service", "marketing"]))
    begin = draw(st.sampled_from([{"when": "message_received"}, {"when": "cart_abandoned", "for": "1 hour"}]))
    return {"name": "Made up", "purpose": purpose, "start": begin, "steps": [*steps, {"label": "there", **last}]}


def bye_use() -> dict[str, Any]:
    return {"template": "bye", "with": {"name": "store.name"}}


def read(flow: dict[str, Any]) -> tuple[Library, Revision | None]:
    """The flow, read and checked with the store's files. JSON is YAML."""
    library = store(json.dumps(flow, ensure_ascii=False))
    return library, library.flows.get("flow")


@st.composite
def sound(draw: st.DrawFn) -> Revision:
    """A flow that passes the check: what is wrong in a made-up one is taken out, step by step, until nothing is."""
    flow = draw(flows())
    for _ in range(8):
        library, revision = read(flow)
        if revision is not None:
            return revision
        flow = mended(flow, library)
    return read({**flow, "purpose": "service", "steps": [{"label": "there", "hand_over": "The end"}]})[1] or pytest.fail("not even that")


def mended(flow: dict[str, Any], library: Library) -> dict[str, Any]:
    """The flow without its first faulty step of the outermost list; a marketing flow without a way out becomes service."""
    faults = {problem.kind.value for problem in library.problems if problem.file == "flows/flow.yaml"}
    if faults <= {"no_way_out"}:
        return {**flow, "purpose": "service"}
    for number in range(len(flow["steps"]) - 1):
        shorter = {**flow, "steps": [*flow["steps"][:number], *flow["steps"][number + 1 :]]}
        if len(read(shorter)[0].problems) < len(library.problems):
            return shorter
    return {**flow, "steps": flow["steps"][-1:]}


# ---- what happens

people = st.sampled_from(
    [
        ANA,
        NOBODY,
        replace(ANA, contact=ContactFacts("xx_YY", "{contact.first_name}\n\ud800", None), cart=CartFacts(Money(1, "EUR"), (), None)),
        replace(ANA, cart=CartFacts(Money(10**15, "JPY"), (Line("x" * 5000, 10**9, None),), "javascript:alert(1)"), order=ORDER),
        Facts(ContactFacts("ar", "\u202eevil"), STORE, OrdersFacts(0, Money(0, "EUR")), ConversationFacts(True), StaffFacts(False, NOW)),
    ]
)
said = st.sampled_from(["yes", "No", "price?", "refund please", "Show me", "", "\ud800", "ok " * 3000, "٣"]) | st.text(max_size=30)
chances = st.lists(st.tuples(st.integers(0, 7), said, st.integers(0, 5), st.integers(-3, 6)), min_size=8, max_size=LONGEST_TALK)


def likely(kind: int, text: str, generation: int, answer: int, run_generation: int, effects: tuple[Any, ...]) -> Event:
    """An event: what the run waits for, most often; else anything, stale or not."""
    press = [read_button_payload(button.payload) for effect in effects if isinstance(effect, Send) for button in effect.content.buttons]
    make = next((effect for effect in effects if isinstance(effect, MakeDiscount)), None)
    match kind:
        case 0 | 1:
            return TimeIsUp(run_generation)
        case 2 if press and (one := press[answer % len(press)]):
            return Pressed(one.generation, one.answer, text)
        case 3 | 2:
            return Replied(text)
        case 4 if make:
            return DiscountMade(make.generation, Discount("CODE", make.ends, make.percent, make.amount))
        case 5:
            return DiscountRefused(run_generation, text)
        case 6:
            return Pressed(generation, answer, text)
        case _:
            return TimeIsUp(generation) if answer > 2 else Started(answer > 0)


def lives(revision: Revision, facts: Facts, happens: list[tuple[int, str, int, int]], segments: Any, by_customer: bool) -> int:
    """Run it; returns how many events moved it."""
    now: datetime = NOW
    step = start(revision, 7, facts, segments, now, by_customer=by_customer)
    keeps_its_limits(step.effects)
    effects, moved = step.effects, 0
    for chance in happens:
        now += timedelta(hours=5)
        after = advance(revision, kept(step.run), likely(*chance, step.run.generation, effects), facts, segments, now)
        assert after == advance(revision, kept(step.run), likely(*chance, step.run.generation, effects), facts, segments, now)
        keeps_its_limits(after.effects)
        if after.effects:
            effects, moved = after.effects, moved + 1
            assert step.run.outcome is None, "an ended run asks for nothing"
            assert not after.notes or all("cannot be read" not in note and "no step" not in note for note in after.notes)
            assert after.run.outcome not in ("too many steps", "lost its place"), "the check lets no such flow pass"
        step = after
    return moved


def keeps_its_limits(effects: tuple[Any, ...]) -> None:
    sends = [effect for effect in effects if isinstance(effect, Send)]
    assert len(effects) <= MAX_STEPS + 2
    assert len(sends) <= MOST_MESSAGES
    for send in sends:
        content = send.content
        assert 0 < len(content.body) <= (1024 if content.buttons else 4096)
        assert all(0 < len(button.title) <= 20 and len(button.payload) <= 256 for button in content.buttons)
    stops = [effect for effect in effects if isinstance(effect, (Finish, SetTimer, MakeDiscount))]
    assert len(stops) <= 1


def size(examples: int) -> Callable[[Any], Any]:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@given(sound(), people, st.booleans(), chances)
def whole_flow(revision: Revision, facts: Facts, by_customer: bool, happens: list[tuple[int, str, int, int]]) -> None:
    lives(revision, facts, happens, SEGMENTS, by_customer)


def test_any_flow_that_passes_the_check_runs_whatever_happens(full: bool) -> None:
    size(1_500 if full else 60)(whole_flow)()


def test_enough_flows_pass_and_every_verb_is_among_them() -> None:
    """What is mended does not count: much of what is made up must be right at once, or the test above tests little."""
    written: set[str] = set()
    passed: list[Revision | None] = []

    @settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(flows())
    def draw(flow: dict[str, Any]) -> None:
        written.update(verb for verb in VERBS if f'"{verb}"' in json.dumps(flow["steps"]))
        passed.append(read(flow)[1])

    draw()
    assert written == set(VERBS)
    run = [revision for revision in passed if revision is not None]
    assert len(run) > len(passed) / 5
    assert max(len(list(walk(revision.flow.steps))) for revision in run) > 10
    assert {type(step).__name__ for revision in run for _, step in walk(revision.flow.steps)} >= {"AskStep", "IfStep", "DiscountStep"}
