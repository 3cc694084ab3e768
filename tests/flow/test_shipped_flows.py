"""The flows that ship, played: the stories they are for, and any events in any order."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow import library
from bot.flow.condition import parse
from bot.flow.facts import ContactFacts, ConversationFacts, Facts, OrdersFacts, StaffFacts
from bot.flow.interpreter import advance, start
from bot.flow.model import walk
from bot.flow.run import (
    AddTag,
    Event,
    Finish,
    HandOver,
    Link,
    Media,
    MediaKind,
    OptIn,
    OptOut,
    Pressed,
    Replied,
    TemplateMessage,
    Text,
    TimeIsUp,
)

from .known import ANA, CART, NOW, euros
from .playing import Talk, kept
from .test_any_flow import events, hangs_together, what_it_waits_for

ROOT = Path(__file__).parents[2]
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for folder in ("flows", "locales")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".yaml", ".po")
}
SHIPPED = library.load(FILES)
SEGMENTS = {name: parse(text) for name, text in SHIPPED.rules.segments.items()}
NEW = replace(ANA, contact=replace(ANA.contact, language="en"), orders=OrdersFacts(0, euros("0")))
ANYBODY = st.builds(
    lambda language, name, orders, cart: replace(
        ANA,
        contact=ContactFacts(language, name),
        orders=orders,
        cart=replace(CART, total=cart),
        conversation=ConversationFacts(is_first=True),
        staff=StaffFacts(False, NOW + timedelta(days=1)),
    ),
    st.sampled_from(["en", "es", "pt_BR", "de", "zz"]),
    st.none() | st.sampled_from(["Ana", "{store.name}", "\n", "x" * 5000]),
    st.sampled_from([ANA.orders, OrdersFacts(0, euros("0"))]),
    st.sampled_from([euros("20"), euros("80")]),
)


def talk(flow: str, facts: Facts, *, by_customer: bool = False) -> Talk:
    return Talk(SHIPPED.flows[flow], facts, SEGMENTS, by_customer=by_customer)


def test_they_have_no_problems() -> None:
    assert SHIPPED.problems == ()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SHIPPED.flows)), ANYBODY, st.booleans(), st.lists(events | st.none(), max_size=20))
def test_any_events_in_any_order_leave_them_in_their_places(
    flow: str, facts: Facts, by_customer: bool, happens: list[Event | None]
) -> None:
    revision, now = SHIPPED.flows[flow], NOW
    paths = {path for path, _ in walk(revision.flow.steps)}
    step = start(revision, 7, facts, SEGMENTS, now, by_customer=by_customer)
    hangs_together(None, step)
    for event in happens:
        now += timedelta(hours=9)
        meant = event or what_it_waits_for(step) or Replied("yes")
        after = advance(revision, kept(step.run), meant, facts, SEGMENTS, now)
        hangs_together(step, after)
        assert after.run.position in paths
        assert after.run.outcome not in ("too many steps", "lost its place")
        step = after if after.effects else replace(step, run=after.run)


# ---- stories


def test_too_expensive_gets_a_code_and_is_told_in_spanish() -> None:
    ana = talk("cart_reminder", replace(ANA, orders=OrdersFacts(0, euros("0"))))
    [reminder] = ana.sent
    assert isinstance(reminder.content, Text)
    assert reminder.content.body.startswith("Hola, Ana: te has dejado algo: 2 × House blend y 1 × Mug.")
    instead = reminder.content.otherwise
    assert instead is not None
    assert (instead.language, instead.marketing) == ("es", True)
    assert instead.values == {"name": "Ana", "items": "2 × House blend y 1 × Mug"}
    assert instead.buttons == reminder.content.buttons
    assert not reminder.reply
    assert ana.says("Es muy caro!").others[0] == AddTag("price_sensitive")
    [offer] = ana.gets("CASA5").sent
    assert isinstance(offer.content, TemplateMessage)
    assert offer.content.values["code"] == "CASA5"
    assert offer.content.values["percent"] == "5\xa0%"
    assert offer.reply
    assert len(offer.content.buttons) == 3
    use = offer.content.buttons[0]
    [cart] = ana.presses(use.title).sent
    assert isinstance(cart.content, Text)
    assert cart.content.link == Link("Abrir mi carrito", "https://casa.example/cart/7?from=bot&discount=CASA5")
    assert cart.content.media == Media(MediaKind.IMAGE, "https://casa-bonita.example/pictures/your-cart.jpg", filename="your-cart.jpg")
    assert ana.run.outcome == "used small discount"


def test_who_never_answers_gets_two_reminders_and_a_last_chance() -> None:
    new = talk("cart_reminder", NEW)
    assert new.waits().others[0] == AddTag("hesitant")
    assert new.gets("FIVE").bodies[0].startswith("Hi Ana, your cart is still here")
    new.waits()
    [last] = new.gets("TEN").sent
    assert isinstance(last.content, TemplateMessage)
    assert (last.content.name, last.content.code, last.content.values["percent"]) == ("cart_last_chance", "TEN", "10%")
    assert new.run.outcome == "last chance sent"
    assert new.run.sends == 3


def test_who_bought_before_gets_no_last_chance() -> None:
    ana = talk("cart_reminder", ANA).waits().gets().waits()
    assert ana.last.effects == (Finish("no answer"),)


@pytest.mark.parametrize(
    ("title", "effects"),
    [
        ("I have a question", [HandOver("Question about an abandoned cart"), Finish("handed over")]),
        ("Stop these messages", [OptOut(), Finish("opted out")]),
    ],
)
def test_the_reminders_buttons(title: str, effects: list[object]) -> None:
    assert talk("cart_reminder", NEW).presses(title).others == effects


def test_no_code_ends_the_reminder_with_a_note() -> None:
    new = talk("cart_reminder", NEW).waits().is_refused("the pool is empty")
    assert new.run.outcome == "no code"
    assert new.last.notes == ("no discount could be made: the pool is empty",)


def test_a_late_press_of_the_first_reminder_counts_as_words_while_the_second_is_open() -> None:
    new = talk("cart_reminder", NEW)
    new.waits().gets()
    assert new.happens(Pressed(1, 2, "Stop these messages")).others == [OptOut(), Finish("opted out")]


def test_the_same_again_sends_the_link() -> None:
    ana = talk("reorder_nudge", NEW).presses("Same again, please")
    assert ana.bodies[0].endswith("https://casa.example/reorder/1001")
    assert ana.run.outcome == "reordering"


def test_remind_me_in_a_week_does() -> None:
    ana = talk("reorder_nudge", NEW).presses("Remind me in a week")
    ana.waits()
    assert isinstance(ana.sent[0].content, TemplateMessage)
    assert ana.run.outcome == "reminded again"
    assert ana.now >= NOW + timedelta(days=7)


def test_a_welcome_leads_to_consent_with_its_question() -> None:
    first = replace(NEW, conversation=ConversationFacts(is_first=True))
    ana = talk("welcome", first, by_customer=True)
    assert ana.bodies[0] == "Hi Ana, welcome to Casa Bonita!"
    assert all(send.reply for send in ana.sent)
    ana.says("how do I return this?")
    [returns] = [send.content for send in ana.sent if isinstance(send.content, Text) and send.content.link]
    assert returns.link == Link("Start a return", "https://casa.example/returns")
    asked = ana.presses("No, thanks")
    question = asked.bodies[-1]
    assert asked.presses("Yes, please").others[0] == OptIn(question)


def test_a_timer_left_from_an_answered_question_does_nothing() -> None:
    ana = talk("welcome", NEW, by_customer=True)
    ana.says("returns")
    before = ana.run
    assert ana.happens(TimeIsUp(1)).run == before
