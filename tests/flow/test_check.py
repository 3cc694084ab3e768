"""What an owner is told: a table of one mistake each, with its exact line, column and sentence; and all of them at once."""

from pathlib import Path

import pytest

from bot.flow.library import load

from .owner import STORE, shipped_files, store, told

HEAD = """\
name: Test
purpose: service
start:
  when: message_received
"""
CART = HEAD.replace("service", "marketing").replace("message_received", "cart_abandoned\n  for: 1 hour")
TAIL = "      - anything_else: [end]\n    no_answer: {after: 1 hour, then: [end]}\n"


def flow(steps: str, head: str = HEAD) -> str:
    return f"{head}steps:\n{steps}"


def test_a_sound_flow_is_told_nothing() -> None:
    library = store(flow("  - ask: How are you?\n    answers:\n      - button: Fine\n        then: [end]\n" + TAIL))
    assert told(library) == []
    assert list(library.flows) == ["flow"]


HEADS = [
    ("name: x\n", ["1:1: say what happens: add 'steps:'", "1:1: say when this starts: add 'start:' with 'when:'",
                   "1:1: say why these messages are written: add 'purpose: marketing' or 'purpose: service'"]),
    ("- a\n", ["1:1: write keys and values here, as in 'name: Cart reminder'"]),
    (flow("  - end").replace("service", "servce"), ["2:1: 'servce' is not known here, did you mean 'service'?"]),
    (flow("  - end").replace("service", "fun"), ["2:1: 'fun' is not known here: write marketing or service"]),
    (flow("  - end").replace("message_received", "mesage_received"),
     ["4:3: 'mesage_received' is not known here, did you mean 'message_received'?"]),
    (flow("  - end").replace("purpose", "porpose"), ["2:1: 'porpose' is not known here, did you mean 'purpose'?"]),
    (flow("  - end").replace("start:\n  when: message_received", "start: message_received"),
     ["3:1: write keys and values here, each on a line of its own, as in 'after: 1 day'"]),
    (flow("  - end", HEAD + "again_after: 2 monts\n"), ["5:1: write a length of time like '1 hour' or '2 days'"]),
    (flow("  - end", HEAD + "again_after: 0 days\n"), ["5:1: write a length of time like '1 hour' or '2 days'"]),
    (flow("  - end", HEAD + "goal: order_plced\n"), ["5:1: 'order_plced' is not known here, did you mean 'order_placed'?"]),
    (flow("  - end", CART.replace("  for: 1 hour\n", "")),
     ["4:3: say after how long a cart counts as abandoned: add 'for:', as in 'for: 1 hour'"]),
    (flow("  - end", HEAD + "  if: cart.total is at least 20\n"),
     ["5:7: a flow that starts with message_received is not about a cart: there is no cart.total, take it out"]),
    (flow("  - end", HEAD + "  if: in regular\n"), ["5:10: I do not know the segment 'regular', did you mean 'regulars'?"]),
    (HEAD + "steps: []\n", ["5:1: a flow needs at least one step: write '- ' and what happens below 'steps:'"]),
    (HEAD + "steps: end\n", ["5:1: write a list here, each entry on a line that begins with '- '"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), HEADS)
def test_a_mistake_in_the_head_of_a_flow(text: str, problems: list[str]) -> None:
    assert told(store(text)) == problems


STEPS = [
    ("  - sned: Hello\n", "6:5: I do not know the step 'sned', did you mean 'send'?"),
    ("  - frobnicate: Hello\n", "6:5: I do not know the step 'frobnicate': a step begins with a word like send, ask, wait, if or end"),
    ("  - continu\n", "6:5: I do not know the step 'continu', did you mean 'continue'?"),
    ("  - send\n", "6:5: 'send' needs something after it: write 'send: ...'"),
    ("  -\n", "6:4: write a step here: it begins with a word like send, ask or wait"),
    ("  - [end]\n", "6:5: write a step here: it begins with a word like send, ask or wait"),
    ("  - label: here\n", "6:5: a label needs a step beside it, such as 'send:' or 'ask:'"),
    ("  - send: Hello\n    wait: 1 day\n", "7:5: a step does one thing: begin 'wait' as a step of its own, with '- '"),
    ("  - send: Hello\n    lable: x\n", "7:5: 'lable' is not known here, did you mean 'label'?"),
    ("  - send: [a]\n", "6:5: write a text here"),
    ("  - send: ''\n", "6:5: write what the customer reads here"),
    ("  - wait: 1 dya\n", "6:5: write a length of time like '1 hour' or '2 days'"),
    ("  - wait: {days: 1}\n", "6:5: write a length of time like '1 hour' or '2 days'"),
    ("  - tag: ''\n", "6:5: a tag is a word of at most 64 characters: write a short one"),
    ("  - go_to: offer\n  - label: offers\n    end: x\n", "6:5: no step has the label 'offer', did you mean 'offers'?"),
    ("  - label: a\n    tag: x\n  - label: a\n    tag: y\n", "6:5: the label 'a' is on several steps: give each a label of its own"),
    ("  - if: cart.totl is at least 5\n    then: [end]\n", "6:9: I do not know 'cart.totl', did you mean 'cart.total'?"),
    ("  - if: tags has vip and orders.count is many\n    then: [end]\n",
     "6:26: cannot compare a number with text: write for example 'orders.count is at least 3'"),
    ("  - if: in regular\n    then: [end]\n", "6:12: I do not know the segment 'regular', did you mean 'regulars'?"),
    ("  - if: tags has vip\n", "6:5: say what happens then: add 'then:' with steps"),
    ("  - discount: 5%\n", "6:5: say how long the discount can be used: add 'valid_for:', as in 'valid_for: 2 days'"),
    ("  - discount: five\n    valid_for: 1 day\n", "6:5: write a discount like '5%' or '10 EUR'"),
    ("  - discount: 10 USD\n    valid_for: 1 day\n", "6:5: this store counts in EUR, not in USD"),
    ("  - discount: 0%\n    valid_for: 1 day\n", "6:5: a discount is more than 0% and at most 100%"),
    ("  - discount: 0\n    valid_for: 1 day\n", "6:5: a discount is more than nothing"),
    ("  - send: Hi {contact.first_name}!\n", '6:14: contact.first_name can be empty: write {contact.first_name or "there"}'),
    ("  - send: |\n      Hi,\n      {contact.frist_name}!\n",
     "8:7: I do not know 'contact.frist_name', did you mean 'contact.first_name'?"),
    ("  - send: '{store.links.return}'\n", "6:12: store.yaml has no link 'return', did you mean 'returns'?"),
    ("  - send: '{order.number}'\n",
     "6:12: a flow that starts with message_received is not about an order: there is no order.number, take it out"),
    ("  - send: We open {staff.next_open}\n", "6:19: nobody knows when the desk opens next: add 'staff_hours:' to store.yaml"),
    ("  - send: Your code is {discount.code}\n", "6:24: there is no discount yet when discount.code is used"),
    ("  - end\n  - send: Hello\n", "7:5: this step is never reached: take it out, or lead a go_to to it"),
    ("  - label: a\n    send: Hello\n  - go_to: a\n",
     "8:5: from here the flow goes round in a circle to line 6 without an ask or a wait: put one of them into it"),
    (f"  - send: {'x' * 4097}\n", "6:5: a message has at most 4096 characters, this one has 4097"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "problem"), STEPS)
def test_a_mistake_in_a_step(steps: str, problem: str) -> None:
    assert problem in told(store(flow(steps)))


@pytest.mark.parametrize(("steps", "problem"), [case for case in STEPS if "several steps" not in case[1]])
def test_one_mistake_is_told_once_and_nothing_else(steps: str, problem: str) -> None:
    assert told(store(flow(steps))) == [problem]


def buttons(*titles: str) -> str:
    return "".join(f"      - button: {title}\n        then: [end]\n" for title in titles)


ASKS = [
    (buttons("Tell me everything about it"), "8:9: a button has at most 20 characters, this one has 27"),
    (buttons("A", "B", "C", "A title of 25 characters."), "14:9: a button has at most 24 characters, this one has 25"),
    (buttons(*"ABCDEFGHIJK"), "7:5: an ask has at most 10 buttons, this one has 11"),
    (buttons("A", "A"), "8:9: two answers have the button 'A'"),
    (buttons("''"), "8:9: write what stands on the button"),
    (buttons("'{store.name}'"), "8:9: a button cannot hold a placeholder"),
    ("      - button: A\n        then:\n          - tag: x\n", "9:9: this branch does not say what comes next"),
    ("      - button: A\n", "8:9: this branch does not say what comes next"),
    ("      - button: A\n        then:\n          - if: tags has x\n            then: [end]\n",
     "9:9: this branch does not say what comes next"),
    ("      - then: [end]\n", "8:9: an answer has a button, or words, or both"),
    ("      - words: a\n        then: [end]\n", "8:9: write a list here, each entry on a line that begins with '- '"),
    ("      - words: ['!']\n        then: [end]\n", "8:17: write a word with letters here"),
    ("      - buton: A\n        then: [end]\n", "8:9: 'buton' is not known here, did you mean 'button'?"),
    ("      - anything_else: [end]\n", "9:9: there is already an 'anything_else' above"),
    ("      - anything_else: [end]\n        button: A\n", "8:9: 'anything_else' stands alone, without button, words and then"),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "problem"), ASKS)
def test_a_mistake_in_the_answers_of_an_ask(answers: str, problem: str) -> None:
    problems = told(store(flow("  - ask: Which?\n    answers:\n" + answers + TAIL)))
    assert any(said.startswith(problem) for said in problems), problems


def test_an_ask_says_what_happens_with_any_other_answer_and_with_none() -> None:
    assert told(store(flow("  - ask: Which?\n    answers:\n" + buttons("A")))) == [
        "6:5: say what happens when nobody answers: add 'no_answer:' with 'after:' and 'then:'",
        "7:5: say what happens with any other answer: add '- anything_else:' with steps",
    ]


def test_a_no_answer_branch_says_what_comes_next_too() -> None:
    no_answer = "    no_answer:\n      after: 1 hour\n      then:\n        - tag: x\n"
    text = "  - ask: Which?\n    answers:\n      - anything_else: [end]\n" + no_answer
    assert told(store(flow(text))) == ["11:7: this branch does not say what comes next: finish it with continue, end, go_to or hand_over"]


@pytest.mark.parametrize("count", [4, 10])
def test_more_than_three_buttons_make_a_list(count: int) -> None:
    titles = [f"A title of twenty-four {letter}" for letter in "ABCDEFGHIJ"[:count]]
    assert told(store(flow("  - ask: Which?\n    answers:\n" + buttons(*titles) + TAIL))) == []


def test_a_question_with_buttons_is_shorter_than_a_message() -> None:
    text = flow(f"  - ask: {'x' * 1025}\n    answers:\n" + buttons("A") + TAIL)
    assert told(store(text)) == ["6:5: a message has at most 1024 characters, this one has 1025"]


# ---- templates

WAITING = '  - ask:\n      template: waiting\n      with: {name: contact.first_name or "you", items: cart.summary}\n    answers:\n'
YES = "      - button: Yes\n        then: [end]\n"
STOP = "      - button: Stop\n        then: [opt_out]\n"

TEMPLATE_USES = [
    ("  - send: {template: by, with: {name: store.name}}\n", "7:12: there is no template 'by', did you mean 'bye'?"),
    ("  - send: {template: broken}\n", "7:12: the template 'broken' has mistakes of its own: mend flows/templates/broken.yaml"),
    ("  - send: {template: bye}\n", "7:12: the template 'bye' needs a value for {name}: add 'name:' under 'with:'"),
    ("  - send: {template: bye, with: {name: store.name, nam: store.name}}\n",
     "7:52: the template 'bye' has no {nam}, did you mean 'name'?"),
    ("  - send: {template: bye, with: {name: contact.first_name}}\n",
     '7:40: contact.first_name can be empty: write contact.first_name or "there"'),
    ("  - send: {template: bye, with: {name: cart.totl}}\n", "7:40: I do not know 'cart.totl', did you mean 'cart.total'?"),
    ("  - send: {template: bye, with: {name: \"{store.name}\"}}\n",
     "7:41: a value in 'with' is written without braces: name: contact.first_name"),
    ("  - send: {template: bye, with: {name: discount.code}}\n", "7:40: there is no discount yet when discount.code is used"),
    ("  - send: {template: bye, wiht: {name: store.name}}\n", "7:27: 'wiht' is not known here, did you mean 'with'?"),
    ("  - send: {template: coupon}\n", "7:12: there is no discount yet, and the template 'coupon' has a button to copy its code"),
    ("  - send: {template: coupon}\n",
     "7:12: marketing needs a way out: add a button that leads to opt_out, or a stop word in the footer of 'coupon'"),
    ("  - send: {template: secret}\n",
     "7:12: marketing needs a way out: add a button that leads to opt_out, or a stop word in the footer of 'secret'"),
    ("  - send:\n      template: waiting\n      with: {name: store.name, items: cart.summary}\n",
     "8:7: the template 'waiting' has buttons to answer with: use ask instead of send"),
    (WAITING + buttons("Yes", "No") + TAIL, "13:9: the buttons of the template 'waiting' are, in this order: 'Yes', 'Stop'"),
    (WAITING + buttons("Yes") + TAIL, "10:5: the buttons of the template 'waiting' are, in this order: 'Yes', 'Stop'"),
    (WAITING + STOP + YES + TAIL, "11:9: the buttons of the template 'waiting' are, in this order: 'Yes', 'Stop'"),
    (WAITING + buttons("Yes", "Stop") + TAIL,
     "8:7: marketing needs a way out: add a button that leads to opt_out, or a stop word in the footer of 'waiting'"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "problem"), TEMPLATE_USES)
def test_a_mistake_in_the_use_of_a_template(steps: str, problem: str) -> None:
    assert problem in told(store(flow(steps, CART)))


def test_a_template_used_rightly_is_told_nothing() -> None:
    assert told(store(flow(WAITING + YES + STOP + TAIL, CART))) == []


def test_a_template_without_a_version_in_a_language_of_the_store_is_told() -> None:
    text = flow("  - send: {template: bye, with: {name: store.name}}\n", CART)
    library = store(text, rules=STORE.replace("[en]", "[en, es]"), es='msgid "Bye, bye {name}!"\nmsgstr "¡Adiós, {name}!"\n')
    assert told(library) == ["7:12: the template 'bye' has no 'es' version, and this store speaks es"]


# ---- the ways through a flow

TEMPLATE = "  - send: {template: bye, with: {name: store.name}}\n"
TOO_LATE = "by now the customer may not have written for 24 hours: a free text would be refused, use a template"
ASK = "  - ask: Which?\n    answers:\n" + buttons("A").replace("[end]", "[continue]")

WINDOWS = [
    (flow("  - send: Hello\n"), []),
    (flow("  - send: Hello, or STOP\n", CART), [f"7:5: {TOO_LATE}"]),
    (flow(TEMPLATE, CART), []),
    (flow("  - wait: 23 hours\n  - send: Hello\n"), []),
    (flow("  - wait: 1 day\n  - send: Hello\n"), [f"7:5: {TOO_LATE}"]),
    (flow("  - wait: 12 hours\n  - wait: 12 hours\n  - send: Hello\n"), [f"8:5: {TOO_LATE}"]),
    (flow("  - if: tags has x\n    then:\n      - wait: 1 day\n  - send: Hello\n"), [f"9:5: {TOO_LATE}"]),
    (flow("  - wait: 1 day\n" + TEMPLATE + "  - send: Hello\n"), [f"8:5: {TOO_LATE}"]),
    (flow(ASK + TAIL.replace("1 hour, then: [end]", "1 day, then: [continue]") + "  - send: Hello\n"), [f"12:5: {TOO_LATE}"]),
    (flow(ASK + TAIL.replace("1 hour, then: [end]", "23 hours, then: [continue]") + "  - send: Hello\n"), []),
    (flow("  - wait: 23 hours\n" + ASK + TAIL + "  - wait: 23 hours\n  - send: Hello\n"), []),
    (flow("  - label: again\n    ask: Which?\n    answers:\n" + TAIL.replace("[end]}", "[go_to: again]}")), [f"7:5: {TOO_LATE}"]),
    (flow("  - send: Hello\n", HEAD + "  for: 1 day\n"), [f"7:5: {TOO_LATE}"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), WINDOWS)
def test_a_free_text_is_only_sent_while_the_customer_surely_wrote_within_24_hours(text: str, problems: list[str]) -> None:
    assert told(store(text)) == problems


def test_quiet_hours_hold_back_what_we_begin_and_so_make_it_later() -> None:
    text = flow("  - wait: 13 hours\n  - send: Hello\n")
    text = text.replace("service", "marketing") + "  - opt_out\n"
    rules = STORE + "quiet_hours: 21:00 to 09:00\n"
    assert told(store(text, rules=rules)) == [f"7:5: {TOO_LATE}"]
    assert told(store(text.replace("marketing", "service"), rules=rules)) == []
    assert told(store(flow("  - send: Hello\n"), rules=rules)) == []


def test_a_discount_is_not_tested_where_there_surely_is_none() -> None:
    test = "  - if: discount.percent is 5\n    then: [tag: x]\n"
    assert told(store(flow(test))) == ["6:9: this flow makes no discount, so discount.percent is empty: make one in a step above"]
    assert told(store(flow(MADE + "    if_none: [tag: y]\n" + test))) == []
    assert told(store(flow(MADE, HEAD + "  if: discount.percent is 5\n"))) == [
        "5:7: there is no discount yet when a flow starts: discount.percent is empty, take it out"
    ]


MADE = "  - discount: 5%\n    valid_for: 1 day\n"
CODE = "  - send: '{discount.code}'\n"
DISCOUNTS = [
    (MADE + CODE, []),
    (CODE + MADE, ["6:12: there is no discount yet when discount.code is used"]),
    (MADE + "    if_none:\n      - tag: poor\n" + CODE, ["10:12: there is no discount yet when discount.code is used"]),
    (MADE + "    if_none: [end]\n" + CODE, []),
    ("  - if: tags has x\n    then:\n      - discount: 5%\n        valid_for: 1 day\n" + CODE,
     ["10:12: there is no discount yet when discount.code is used"]),
    (MADE + CODE.replace("code", "amount"), ["8:12: the discount is a share here, so discount.amount is empty: use discount.percent"]),
    (MADE.replace("5%", "5 EUR") + CODE.replace("code", "percent"),
     ["8:12: the discount is a sum here, so discount.percent is empty: use discount.amount"]),
    (MADE.replace("5%", "5 EUR") + CODE.replace("code", "amount"), []),
    ("  - if: tags has x\n    then:\n      - discount: 5%\n        valid_for: 1 day\n    else:\n      - discount: 5 EUR\n"
     "        valid_for: 1 day\n" + CODE.replace("code", "percent"),
     ["13:12: the discount can be a share or a sum here, so discount.percent can be empty: use discount.code"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "problems"), DISCOUNTS)
def test_a_discount_is_only_named_where_it_was_surely_made(steps: str, problems: list[str]) -> None:
    assert told(store(flow(steps))) == problems


NEVER = "this step is never reached: take it out, or lead a go_to to it"
REACHES = [
    ("  - end\n  - tag: a\n  - tag: b\n", [f"7:5: {NEVER}"]),
    ("  - go_to: there\n  - tag: a\n  - label: there\n    tag: b\n", [f"7:5: {NEVER}"]),
    ("  - if: tags has x\n    then: [end]\n    else: [end]\n  - tag: a\n", [f"9:5: {NEVER}"]),
    ("  - if: tags has x\n    then: [end]\n  - tag: a\n", []),
    ("  - if: tags has x\n    then: [end, tag: a]\n", [f"7:17: {NEVER}"]),
    ("  - if: tags has x\n    then: [continue]\n  - tag: a\n", []),
    ("  - opt_out\n  - if: tags has x\n    then: [tag: a]\n", [f"7:5: {NEVER}"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "problems"), REACHES)
def test_of_steps_that_nothing_leads_to_the_first_is_told(steps: str, problems: list[str]) -> None:
    assert told(store(flow(steps))) == problems


CIRCLES = [
    "  - label: a\n    wait: 1 day\n  - go_to: a\n",
    "  - label: a\n    ask: Which?\n    answers:\n" + TAIL.replace("[end]\n", "[go_to: a]\n"),
    "  - go_to: a\n  - label: a\n    tag: x\n",
]


@pytest.mark.parametrize("steps", CIRCLES)
def test_a_circle_with_an_ask_or_a_wait_in_it_is_allowed(steps: str) -> None:
    assert [said for said in told(store(flow(steps))) if "circle" in said] == []


def test_a_circle_that_makes_a_discount_each_time_is_told() -> None:
    problems = told(store(flow("  - label: a\n    discount: 5%\n    valid_for: 1 day\n  - go_to: a\n")))
    assert problems == ["9:5: from here the flow goes round in a circle to line 6 without an ask or a wait: put one of them into it"]


# ---- all at once

TEN_MISTAKES = [
    "5:3: write a length of time like '1 hour' or '2 days'",
    "6:3: 'iff' is not known here, did you mean 'if'?",
    "8:5: I do not know the step 'tga', did you mean 'tag'?",
    "10:7: there is no template 'cart_wating', did you mean 'cart_waiting'?",
    "15:9: a button has at most 25 characters, this one has 27",
    "16:9: this branch does not say what comes next: finish it with continue, end, go_to or hand_over",
    '20:23: contact.first_name can be empty: write {contact.first_name or "there"}',
    "21:17: I do not know 'cart.totl', did you mean 'cart.total'?",
    "23:37: there is no discount yet when discount.code is used",
    "30:11: by now the customer may not have written for 24 hours: a free text would be refused, use a template",
]


def test_ten_mistakes_in_one_file_are_told_all_ten_and_the_other_flows_go_on() -> None:
    text = (Path(__file__).parent / "broken" / "ten_mistakes.yaml").read_text("utf-8")
    library = load(shipped_files() | {"flows/ten_mistakes.yaml": text})
    assert told(library, "flows/ten_mistakes.yaml") == TEN_MISTAKES
    assert len(library.problems) == len(TEN_MISTAKES)
    assert set(library.flows) == set(load(shipped_files()).flows)


def test_a_misspelt_step_is_checked_as_the_one_that_was_meant() -> None:
    text = "  - aks: Which?\n    answrs:\n      - buton: " + "x" * 21 + "\n        then: [tag: a]\n" + TAIL
    assert told(store(flow(text))) == [
        "6:5: I do not know the step 'aks', did you mean 'ask'?",
        "7:5: 'answrs' is not known here, did you mean 'answers'?",
        "8:9: 'buton' is not known here, did you mean 'button'?",
        "8:9: a button has at most 20 characters, this one has 21",
        "9:9: this branch does not say what comes next: finish it with continue, end, go_to or hand_over",
    ]
