"""How a flow runs: every verb, every event, and what is stale."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.flow.facts import ContactFacts, Line, Money, StaffFacts
from bot.flow.interpreter import MAX_STEPS, opens_question, start
from bot.flow.revision import ButtonKind, Category, Template, TemplateButton
from bot.flow.run import (
    AddTag,
    DiscountMade,
    DiscountRefused,
    Event,
    Finish,
    HandOver,
    MakeDiscount,
    OptIn,
    OptOut,
    Pressed,
    Purpose,
    RemoveTag,
    Replied,
    Run,
    Send,
    SetTimer,
    Started,
    Subject,
    SubjectKind,
    TemplateMessage,
    Text,
    TimeIsUp,
    Waiting,
    read_button_payload,
)

from .known import ANA, CART, DISCOUNT, NOBODY, NOW, STORE
from .playing import DAY, FIVE_PERCENT, Talk, at, kept, revision

HOW = """
- ask: How are you?
  answers:
    - button: Fine
      then: [{send: good}, continue]
    - button: Not so well
      words: [bad, "so so"]
      then: [{send: sorry}, {end: unwell}]
    - words: [expensive]
      then: [{send: cheaper}, continue]
    - button: Stop
      then: [opt_out]
    - anything_else: [{hand_over: Says something else}]
  no_answer:
    after: 1 day
    then: [{send: 'hello?'}, continue]
- send: below
"""


# ---- the plain verbs


def test_a_flow_runs_to_its_end_and_is_done() -> None:
    talk = Talk(revision("[{send: one}, {send: two}]"))
    assert talk.bodies == ["one", "two"]
    assert talk.others == [Finish("done")]
    assert talk.run == Run(7, "talk", "r1", sends=2, outcome="done")


def test_a_message_is_in_the_customers_language_with_its_values() -> None:
    talk = Talk(revision("[{send: 'Hello {contact.first_name}'}]"))
    assert talk.bodies == ["Hola Ana"]


def test_a_message_carries_its_number_the_flows_purpose_and_whether_it_replies() -> None:
    content = Text("one")
    assert Talk(revision("[{send: one}]")).sent == [Send(1, content, Purpose.MARKETING, reply=False)]
    service = revision("[{send: one}]", purpose="service")
    assert Talk(service, by_customer=True).sent == [Send(1, content, Purpose.SERVICE, reply=True)]


def test_a_run_remembers_what_it_is_about() -> None:
    cart = Subject(SubjectKind.CART, 12)
    run = start(revision("[{wait: 1 day}]"), 7, ANA, {}, NOW, by_customer=False, subject=cart).run
    assert run.subject == cart
    assert kept(run) == run


def test_tags_are_put_on_and_taken_off() -> None:
    assert Talk(revision("[{tag: a}, {untag: b}]")).others == [AddTag("a"), RemoveTag("b"), Finish("done")]


def test_a_tag_put_on_is_there_for_the_next_condition() -> None:
    asks = "[{%s}, {if: tags has new, then: [{send: has}], else: [{send: has not}]}]"
    assert Talk(revision(asks % "tag: new")).bodies == ["has"]
    assert Talk(revision(asks % "untag: new"), replace(ANA, tags=frozenset({"new"}))).bodies == ["has not"]


@pytest.mark.parametrize(
    ("step", "effects"),
    [
        ("{hand_over: Asks for a person}", [HandOver("Asks for a person"), Finish("handed over")]),
        ("{end: used it}", [Finish("used it")]),
        ("end", [Finish("ended")]),
        ("opt_out", [OptOut(), Finish("opted out")]),
    ],
)
def test_what_ends_a_run_ends_it_there(step: str, effects: list[object]) -> None:
    talk = Talk(revision(f"[{step}, {{send: never}}]"))
    assert talk.last.effects == tuple(effects)
    assert talk.run.outcome == effects[-1].outcome if isinstance(effects[-1], Finish) else False


def test_a_wait_sets_a_timer_and_goes_on_below() -> None:
    talk = Talk(revision("[{send: one}, {wait: 2 days}, {send: two}]"), by_customer=True)
    assert talk.all(SetTimer) == [SetTimer(NOW + 2 * DAY, 1)]
    assert (talk.run.waiting, talk.run.position, talk.run.generation) == (Waiting.TIME, "steps.1", 1)
    talk.waits()
    assert talk.bodies == ["two"]
    assert [send.reply for send in talk.sent] == [False]
    assert talk.run.outcome == "done"


@pytest.mark.parametrize(
    ("condition", "bodies"),
    [("in regulars", ["yes", "below"]), ("in first_time_buyers", ["no", "below"])],
)
def test_a_choice_goes_on_below(condition: str, bodies: list[str]) -> None:
    steps = f"[{{if: {condition}, then: [{{send: yes}}], else: [{{send: no}}]}}, {{send: below}}]"
    assert Talk(revision(steps)).bodies == bodies


def test_a_choice_without_else_goes_on_below() -> None:
    assert Talk(revision("[{if: in first_time_buyers, then: [{send: yes}]}, {send: below}]")).bodies == ["below"]


def test_a_condition_nobody_can_read_is_false_and_noted() -> None:
    talk = Talk(revision("[{if: 'what is this?', then: [{send: yes}], else: [{send: no}]}]"))
    assert talk.bodies == ["no"]
    assert "what is this" in talk.last.notes[0]


def test_a_jump_leads_to_its_label_wherever_it_is() -> None:
    steps = """
    - if: in regulars
      then: [{go_to: there}]
    - send: skipped
    - if: in first_time_buyers
      then:
        - {label: there, send: inside}
    - send: below
    """
    assert Talk(revision(steps)).bodies == ["inside", "below"]


def test_a_jump_to_nowhere_ends_the_run_and_is_noted() -> None:
    talk = Talk(revision("[{go_to: nowhere}]"))
    assert talk.run.outcome == "lost its place"
    assert talk.last.notes == ("no step has the label 'nowhere'",)


def test_a_flow_in_a_circle_ends_and_sends_nothing() -> None:
    talk = Talk(revision("[{label: again, tag: x}, {send: hello}, {go_to: again}]"))
    assert talk.run.outcome == "too many steps"
    assert talk.bodies == []
    assert "circle" in talk.last.notes[0]


def test_a_long_flow_is_no_circle() -> None:
    assert Talk(revision(str([{"send": "x"}] * MAX_STEPS))).run.outcome == "done"
    assert Talk(revision(str([{"send": "x"}] * (MAX_STEPS + 1)))).run.outcome == "too many steps"


def test_a_circle_through_a_wait_is_fine() -> None:
    talk = Talk(revision("[{label: again, send: hello}, {wait: 1 day}, {go_to: again}]"))
    for _ in range(2 * MAX_STEPS):
        talk.waits()
    assert talk.bodies == ["hello"]
    assert talk.run.sends == 2 * MAX_STEPS + 1


# ---- asking


def test_a_question_is_sent_with_buttons_and_waits() -> None:
    talk = Talk(revision(HOW))
    [question] = talk.sent
    assert question.content.body == "¿Cómo estás?"
    assert [(button.title, button.payload) for button in question.content.buttons] == [
        ("Está bien", "run:7:1:0"),
        ("Mal", "run:7:1:1"),
        ("Stop", "run:7:1:3:stop"),
    ]
    assert talk.all(SetTimer) == [SetTimer(NOW + DAY, 1)]
    assert opens_question(talk.run)


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("Está bien", ["good", "below"]),
        ("esta bien", ["good", "below"]),
        ("ESTÁ BIEN!!", ["good", "below"]),
        ("fine", ["good", "below"]),
        ("I am fine, thanks", ["good", "below"]),
        ("mal", ["sorry"]),
        ("bad", ["sorry"]),
        ("only so-so today", ["sorry"]),
        ("es muy caro", ["cheaper", "below"]),
        ("too EXPENSIVE.", ["cheaper", "below"]),
        ("¿caro?", ["cheaper", "below"]),
    ],
)
def test_words_find_their_answer(text: str, bodies: list[str]) -> None:
    assert Talk(revision(HOW)).says(text).bodies == bodies


@pytest.mark.parametrize("text", ["", "carozo", "badly", "refine", "so", "👍", "{store.name}", "run:7:1:0", "\x00", "\ud83d"])
def test_other_words_are_anything_else(text: str) -> None:
    talk = Talk(revision(HOW)).says(text)
    assert talk.others == [HandOver("Says something else"), Finish("handed over")]


def test_a_buttons_very_title_wins_over_words_that_stand_before_it() -> None:
    steps = """
    - ask: When?
      answers:
        - words: [not now]
          then: [{send: words}, continue]
        - button: Not now, thanks
          then: [{send: button}, continue]
        - anything_else: [end]
      no_answer: {after: 1 day, then: [end]}
    """
    assert Talk(revision(steps)).says("not now thanks").bodies == ["button"]
    assert Talk(revision(steps)).says("please not now").bodies == ["words"]


@pytest.mark.parametrize(("text", "body"), [("太贵了", "dear"), ("👍", "thumb"), ("नहीं", "no"), ("İPTAL", "cancel")])
def test_words_of_every_script_are_found(text: str, body: str) -> None:
    steps = """
    - ask: And?
      answers:
        - {words: [贵], then: [{send: dear}, continue]}
        - {button: 👍, then: [{send: thumb}, continue]}
        - {words: [नहीं], then: [{send: no}, continue]}
        - {words: [iptal], then: [{send: cancel}, continue]}
        - anything_else: [end]
      no_answer: {after: 1 day, then: [end]}
    """
    assert Talk(revision(steps)).says(text).bodies == [body]


def test_a_question_without_anything_else_stays_open() -> None:
    steps = "[{ask: 'And?', answers: [{words: [yes], then: [end]}], no_answer: {after: 1 day, then: [end]}}]"
    talk = Talk(revision(steps))
    before = talk.run
    talk.says("no")
    assert talk.last.effects == ()
    assert talk.run == before


def test_a_button_finds_its_answer() -> None:
    talk = Talk(revision(HOW)).presses("Mal")
    assert talk.bodies == ["sorry"]
    assert talk.others == [Finish("unwell")]
    assert [send.reply for send in talk.sent] == [True]


def test_stop_opts_out() -> None:
    assert Talk(revision(HOW)).presses("Stop").others == [OptOut(), Finish("opted out")]


@pytest.mark.parametrize(
    "pressed",
    [
        Pressed(0, 1, "Está bien"),  # of an older wait
        Pressed(9, 1, "Está bien"),  # of a wait that never was
        Pressed(1, 2, "Está bien"),  # an answer without a button
        Pressed(1, 4, "Está bien"),  # anything else has none either
        Pressed(1, 99, "Está bien"),
        Pressed(1, -1, "Está bien"),
    ],
)
def test_a_button_that_is_not_of_this_question_counts_as_its_words(pressed: Pressed) -> None:
    assert Talk(revision(HOW)).happens(pressed).bodies == ["good", "below"]


def test_no_answer_is_a_branch_and_no_reply() -> None:
    talk = Talk(revision(HOW), by_customer=True).waits()
    assert talk.bodies == ["hello?", "below"]
    assert [send.reply for send in talk.sent] == [False, False]


def test_a_question_in_a_branch_waits_there() -> None:
    steps = """
    - ask: One?
      answers:
        - button: Yes
          then:
            - ask: Two?
              answers:
                - button: Yes
                  then: [{send: both}, continue]
                - anything_else: [continue]
              no_answer: {after: 1 day, then: [continue]}
            - send: below two
            - continue
        - anything_else: [continue]
      no_answer: {after: 1 day, then: [continue]}
    - send: below one
    """
    talk = Talk(revision(steps)).presses("Yes")
    assert (talk.run.position, talk.run.generation) == ("steps.0.answers.0.then.0", 2)
    assert talk.presses("Yes").bodies == ["both", "below two", "below one"]


CONTINUES = """
- if: in regulars
  then:
    - if: in regulars
      then: [{send: deep}, continue, {send: never}]
    - send: below the inner
- ask: And?
  answers:
    - button: Yes
      then:
        - if: in regulars
          then:
            - if: in regulars
              then: [continue]
            - send: never
        - send: never
        - end
    - anything_else:
        - if: in first_time_buyers
          then: [{send: never}]
          else: [{send: else}]
        - continue
  no_answer: {after: 1 day, then: [{if: in regulars, then: [continue], else: [end]}]}
- send: below the ask
"""


def test_continue_leaves_the_if_when_there_is_no_question_around_it() -> None:
    assert Talk(revision(CONTINUES)).bodies == ["deep", "below the inner", "And?"]


def test_continue_within_an_if_belongs_to_the_questions_branch() -> None:
    assert Talk(revision(CONTINUES)).presses("Yes").bodies == ["below the ask"]
    assert Talk(revision(CONTINUES)).says("hm").bodies == ["else", "below the ask"]
    assert Talk(revision(CONTINUES)).waits().bodies == ["below the ask"]


def test_opting_in_keeps_the_question_as_it_was_read() -> None:
    steps = """
    - ask: "Hello {contact.first_name}"
      answers:
        - button: Yes
          then:
            - if: in regulars
              then: [opt_in]
            - wait: 1 day
            - opt_in
            - continue
        - anything_else: [end]
      no_answer: {after: 1 day, then: [end]}
    - opt_in
    """
    talk = Talk(revision(steps)).presses("Yes")
    assert talk.others == [OptIn("Hola Ana")]
    assert talk.waits().others == [OptIn("Hola Ana"), OptIn(""), Finish("done")]


def test_opting_in_below_a_question_keeps_the_one_just_answered() -> None:
    steps = "[{ask: 'How are you?', answers: [{button: Fine, then: [continue]}], no_answer: {after: 1 day, then: [end]}}, opt_in]"
    assert Talk(revision(steps)).presses("Está bien").others[0] == OptIn("¿Cómo estás?")


# ---- discounts

OFFER = """
- discount: 5%
  valid_for: 2 days
  if_none: [{send: no code today}]
- send: "{discount.code} is worth {discount.percent} until {discount.ends}"
"""


def test_a_discount_is_made_before_it_is_promised() -> None:
    talk = Talk(revision(OFFER), by_customer=True)
    assert talk.last.effects == (MakeDiscount(1, NOW + 2 * DAY, percent=FIVE_PERCENT),)
    assert talk.run.waiting is Waiting.DISCOUNT
    talk.gets("AB-1")
    assert talk.bodies == ["AB-1 is worth 5\xa0% until mar, 24 nov, 13:00"]
    assert [send.reply for send in talk.sent] == [True]
    assert talk.run.discount is not None


@pytest.mark.parametrize(
    ("written", "percent", "amount"),
    [
        ("7.5%", Decimal("7.5"), None),
        ("10 EUR", None, Money(1000, "EUR")),
        ("10", None, Money(1000, "EUR")),
        ("2.50 EUR", None, Money(250, "EUR")),
    ],
)
def test_a_discount_is_a_share_or_a_sum(written: str, percent: Decimal | None, amount: Money | None) -> None:
    steps = f"[{{discount: {written}, valid_for: 1 day}}]"
    assert Talk(revision(steps)).last.effects == (MakeDiscount(1, NOW + DAY, percent, amount),)


def test_a_discount_refused_takes_its_branch_and_goes_on_below() -> None:
    talk = Talk(revision(OFFER)).is_refused("the pool is empty")
    assert talk.bodies[0] == "no code today"
    assert talk.last.notes == ("no discount could be made: the pool is empty",)


def test_continue_in_if_none_goes_on_below_the_discount() -> None:
    steps = "[{discount: 5%, valid_for: 1 day, if_none: [{if: in regulars, then: [continue]}, {send: never}]}, {send: below}]"
    assert Talk(revision(steps)).is_refused("no").bodies == ["below"]


def test_a_discount_refused_without_a_branch_ends_the_run() -> None:
    talk = Talk(revision("[{discount: 5%, valid_for: 1 day}, {send: never}]")).is_refused("the shop is down")
    assert talk.last.effects == (Finish("no discount"),)
    assert talk.last.notes == ("no discount could be made: the shop is down",)


def test_a_discount_nobody_can_read_is_none() -> None:
    talk = Talk(revision("[{discount: a lot, valid_for: 1 day}, {send: never}]"))
    assert talk.run.outcome == "no discount"
    assert talk.last.notes


def test_a_later_discount_takes_the_place_of_an_earlier_one() -> None:
    steps = """
    - {discount: 5%, valid_for: 1 day}
    - {discount: 10 EUR, valid_for: 1 day}
    - send: "{discount.code} {discount.amount} {cart.link}"
    """
    talk = Talk(revision(steps)).gets("ONE").gets("TWO")
    assert talk.bodies == ["TWO 10,00\xa0€ https://casa.example/cart/7?from=bot&discount=TWO"]


# ---- what is stale, and what is for others

WAITS_FOR_TIME = "[{wait: 1 day}, {send: below}]"


@pytest.mark.parametrize(
    ("steps", "event"),
    [
        (WAITS_FOR_TIME, Replied("hello")),
        (WAITS_FOR_TIME, Pressed(1, 0, "Fine")),
        (WAITS_FOR_TIME, TimeIsUp(0)),
        (WAITS_FOR_TIME, TimeIsUp(2)),
        (WAITS_FOR_TIME, Started()),
        (WAITS_FOR_TIME, DiscountMade(1, DISCOUNT)),
        (WAITS_FOR_TIME, DiscountRefused(1, "no")),
        (OFFER, Replied("hello")),
        (OFFER, Pressed(1, 0, "Fine")),
        (OFFER, TimeIsUp(1)),
        (OFFER, DiscountMade(0, DISCOUNT)),
        (OFFER, DiscountRefused(2, "no")),
        (HOW, TimeIsUp(0)),
        (HOW, DiscountMade(1, DISCOUNT)),
        (HOW, Started(by_customer=True)),
    ],
)
def test_what_is_stale_or_not_for_the_run_changes_nothing(steps: str, event: Event) -> None:
    talk = Talk(revision(steps))
    before = talk.run
    talk.happens(event)
    assert talk.run == before
    assert talk.last.effects == ()
    assert talk.last.notes == ()


@pytest.mark.parametrize(
    "event",
    [Started(), Replied("x"), Pressed(0, 0, "x"), TimeIsUp(0), DiscountMade(0, DISCOUNT), DiscountRefused(0, "x")],
)
def test_an_ended_run_stays_as_it_is(event: Event) -> None:
    talk = Talk(revision("[end]"))
    before = talk.run
    assert talk.happens(event).run == before
    assert talk.last.effects == ()


def test_the_timer_of_an_answered_question_is_stale() -> None:
    talk = Talk(revision(HOW.replace("- send: below", "- wait: 2 days\n- send: later")))
    [timer] = talk.all(SetTimer)
    talk.presses("Está bien")
    talk.happens(TimeIsUp(timer.generation))
    assert talk.last.effects == ()
    assert talk.run.waiting is Waiting.TIME


def test_a_position_the_flow_does_not_have_ends_the_run() -> None:
    talk = Talk(revision(HOW))
    for position in ("steps.9", "steps.0.then.0", "nowhere", "", "steps.0.answers.0.then.99999999", "steps.x"):
        lost = replace(talk.run, position=position)
        again = replace(talk.last, run=lost)
        talk.last = again
        assert talk.says("fine").run.outcome == "lost its place"
        assert talk.last.notes
        talk = Talk(revision(HOW))


def test_a_very_long_wait_stays_in_the_calendar() -> None:
    assert Talk(revision("[{wait: 9999 weeks}]")).all(SetTimer)[0].due.year < NOW.year + 11


# ---- templates

TEMPLATES = {
    "cart": Template(
        "cart",
        Category.MARKETING,
        "Hi {name}, {items} wait for you. Ends {ends}.",
        header="For {name}",
        buttons=(
            TemplateButton(ButtonKind.QUICK_REPLY, "No more"),
            TemplateButton(ButtonKind.LINK, "Open", "https://casa.example/{suffix}"),
            TemplateButton(ButtonKind.QUICK_REPLY, "Finish"),
            TemplateButton(ButtonKind.COPY_CODE, "Copy"),
        ),
    )
}
SPANISH_TEMPLATE = {
    "Hi {name}, {items} wait for you. Ends {ends}.": "Hola {name}, te esperan {items}. Hasta {ends}.",
    "For {name}": "Para {name}",
    "No more": "No más",
    "Open": "Abrir",
    "Finish": "Terminar",
    "Copy": "Copiar",
    "there": "amiga",
}
ASKS_BY_TEMPLATE = """
- {discount: 5%, valid_for: 2 days}
- ask:
    template: cart
    with:
      name: contact.first_name or "there"
      items: cart.summary
      ends: discount.ends
      link: cart.link
  answers:
    - button: Finish
      then: [{send: yes}, continue]
    - button: No more
      then: [opt_out]
    - anything_else: [end]
  no_answer: {after: 1 day, then: [end]}
"""


def asks_by_template(spanish: dict[str, str] = SPANISH_TEMPLATE) -> Talk:
    return Talk(revision(ASKS_BY_TEMPLATE, templates=TEMPLATES, spanish=spanish)).gets("AB-1")


def test_a_template_is_filled_in_its_language() -> None:
    talk = asks_by_template()
    content = talk.sent[0].content
    assert isinstance(content, TemplateMessage)
    assert content.name == "cart"
    assert content.language == "es"
    assert content.values == {"name": "Ana", "items": "2 × House blend y 1 × Mug", "ends": "mar, 24 nov, 13:00"}
    assert content.body == "Hola Ana, te esperan 2 × House blend y 1 × Mug. Hasta mar, 24 nov, 13:00."
    assert [(button.title, button.payload) for button in content.buttons] == [
        ("No más", "run:7:2:1:stop"),
        ("Terminar", "run:7:2:0"),
    ]
    assert content.link_suffix == "cart/7?from=bot&discount=AB-1"
    assert content.code == "AB-1"
    assert talk.presses("Terminar").bodies == ["yes"]


def test_a_template_that_is_not_wholly_translated_is_sent_in_the_source_language_with_its_values() -> None:
    spanish = {source: text for source, text in SPANISH_TEMPLATE.items() if source != "Open"}
    content = asks_by_template(spanish).sent[0].content
    assert isinstance(content, TemplateMessage)
    assert content.language == "en"
    assert content.body.startswith("Hi Ana, 2 × House blend and 1 × Mug wait for you. Ends Tue, Nov 24, 1:00")
    assert content.buttons[1].title == "Finish"


def test_what_is_missing_in_a_template_is_never_empty() -> None:
    talk = at(Talk(revision(ASKS_BY_TEMPLATE, templates=TEMPLATES, spanish=SPANISH_TEMPLATE), NOBODY))
    talk.facts = replace(NOBODY, contact=ContactFacts("es"))
    content = talk.gets().sent[0].content
    assert isinstance(content, TemplateMessage)
    assert content.values["name"] == "amiga"
    assert content.values["items"] == "-"
    assert content.link_suffix == "-"


def test_a_template_with_long_values_still_fits() -> None:
    lines = tuple(Line(f"House blend number {number}") for number in range(200))
    facts = replace(ANA, cart=replace(CART, lines=lines), contact=replace(ANA.contact, first_name="Ana " * 50))
    talk = Talk(revision(ASKS_BY_TEMPLATE, templates=TEMPLATES, spanish=SPANISH_TEMPLATE), facts)
    content = talk.gets().sent[0].content
    assert isinstance(content, TemplateMessage)
    assert 1000 < len(content.body) <= 1024
    assert content.values["items"].endswith("…")
    assert content.values["ends"] == "mar, 24 nov, 13:00"
    assert len(f"Para {content.values['name']}") <= 60


def test_a_template_that_only_tells_names_its_quick_replies_too_for_meta_tells_buttons_by_their_place() -> None:
    content = Talk(revision("[{send: {template: cart, with: {name: contact.first_name}}}]", templates=TEMPLATES)).sent[0].content
    assert isinstance(content, TemplateMessage)
    assert len(content.buttons) == 2
    assert all(press is not None and not press.opts_out for press in (read_button_payload(one.payload) for one in content.buttons))
    assert content.code is None
    assert content.values == {"name": "Ana", "items": "-", "ends": "-"}


def test_a_quick_reply_without_an_answer_counts_as_its_words() -> None:
    steps = ASKS_BY_TEMPLATE.replace("button: No more", "words: [no more]")
    talk = Talk(revision(steps, templates=TEMPLATES, spanish=SPANISH_TEMPLATE)).gets()
    assert talk.presses("No más").others == [Finish("ended")]
    talk = Talk(revision(steps, templates=TEMPLATES, spanish={})).gets()
    assert talk.presses("No more").others == [OptOut(), Finish("opted out")]


def test_a_template_nobody_wrote_is_sent_by_its_name() -> None:
    content = Talk(revision("[{send: {template: unknown}}]")).sent[0].content
    assert isinstance(content, TemplateMessage)
    assert (content.name, content.values, content.body) == ("unknown", {}, "")


# ---- lengths, and hostile values


def test_a_text_too_long_is_cut_at_a_word() -> None:
    facts = replace(ANA, contact=replace(ANA.contact, first_name="x" * 40 + " " + "y" * 5000))
    assert Talk(revision("[{send: 'Hi {contact.first_name}'}]"), facts).bodies == ["Hi " + "x" * 40 + "…"]
    facts = replace(ANA, contact=replace(ANA.contact, first_name="ab " * 500))
    [body] = Talk(revision(HOW.replace("How are you?", "Hi {contact.first_name}")), facts).bodies
    assert len(body) <= 1024
    assert body.endswith("ab…")


def test_a_value_is_never_read_as_a_placeholder() -> None:
    facts = replace(ANA, contact=replace(ANA.contact, first_name="{store.name} {{7*7}} %s"))
    assert Talk(revision("[{send: 'Hi {contact.first_name}'}]"), facts).bodies == ["Hi {store.name} {{7*7}} %s"]


def test_a_text_of_missing_values_alone_is_not_empty() -> None:
    assert Talk(revision("[{send: '{contact.first_name}'}]"), NOBODY).bodies == ["-"]


def test_ten_buttons_are_given_to_the_channel() -> None:
    answers = [{"button": str(number), "then": ["end"]} for number in range(10)]
    steps = str([{"ask": "Which?", "answers": answers, "no_answer": {"after": "1 day", "then": ["end"]}}])
    assert len(Talk(revision(steps)).sent[0].content.buttons) == 10


def test_staff_hours_are_told_in_the_stores_time() -> None:
    facts = replace(ANA, staff=StaffFacts(is_available=False, next_open=NOW + timedelta(hours=20)))
    steps = "[{if: staff.is_available, then: [{send: now}], else: [{send: 'at {staff.next_open}'}]}]"
    assert Talk(revision(steps), facts).bodies == ["at lun, 23 nov, 9:00"]
    auckland = replace(facts, store=replace(STORE, timezone="Pacific/Auckland"))
    assert Talk(revision(steps), auckland).bodies == ["at lun, 23 nov, 21:00"]
