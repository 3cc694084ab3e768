"""What an edited flow changes, in words, and where somebody in the middle of the old one would stand in the new one."""

import pytest

from bot.flow import library
from bot.flow.difference import differences, same_place
from bot.flow.model import Flow

FLOW = """
name: Cart
purpose: service
start:
  when: message_received
steps:
  - label: question
    ask: Coffee or tea?
    answers:
      - button: Coffee
        then:
          - send: Coffee it is.
          - wait: 1 day
          - end: coffee
      - button: Tea
        then:
          - end: tea
      - anything_else:
          - hand_over: Neither
    no_answer:
      after: 2 hours
      then:
        - end: silent
"""


def flow(*changes: tuple[str, str]) -> Flow:
    text = FLOW
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    loaded = library.load({"flows/cart.yaml": text, "flows/store.yaml": "name: X\ncurrency: EUR\ntimezone: UTC\nlanguages: [en]\n"})
    assert loaded.problems == (), loaded.problems
    return loaded.flows["cart"].flow


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        ([("name: Cart", "name: Basket")], ["changed name: Cart → Basket"]),
        ([("purpose: service", "purpose: service\nagain_after: 2 days")], ["changed again after: nothing → 2 days"]),
        ([("wait: 1 day", "wait: 2 days")], ["changed wait: 1 day → 2 days"]),
        ([("          - wait: 1 day\n", "")], ["removed wait: 1 day"]),
        ([("          - wait: 1 day\n", "          - wait: 1 day\n          - tag: coffee\n")], ["added tag: coffee"]),
        ([("Coffee it is.", "Coffee!")], ["changed send: “\u2068Coffee it is.\u2069” → “\u2068Coffee!\u2069”"]),
        ([("button: Tea", "button: Green tea")], ["changed answer: Tea → Green tea"]),
        ([("after: 2 hours", "after: 3 hours")], ["changed answer: no answer for 2 hours → no answer for 3 hours"]),
        (
            [("label: question", "label: drink")],
            ["removed question (ask): “\u2068Coffee or tea?\u2069”", "added drink (ask): “\u2068Coffee or tea?\u2069”"],
        ),
    ],
)
def test_each_change_is_told_in_words(changes: list[tuple[str, str]], expected: list[str]) -> None:
    assert [f"{one.change} {one.text}" for one in differences(flow(), flow(*changes))] == expected


@pytest.mark.parametrize(
    ("changes", "position", "expected"),
    [
        ([], "steps.0", "steps.0"),
        ([("steps:\n", "steps:\n  - send: Hello!\n")], "steps.0", "steps.1"),  # found by its label
        ([("label: question", "label: drink")], "steps.0", None),
        ([("button: Tea", "button: Green tea")], "steps.0", None),  # the buttons on their phones would mean something else
        ([("Coffee or tea?", "Tea or coffee?")], "steps.0", "steps.0"),
        ([("wait: 1 day", "wait: 2 days")], "steps.0.answers.0.then.1", "steps.0.answers.0.then.1"),
        ([("          - wait: 1 day\n", "")], "steps.0.answers.0.then.1", None),
        ([], "steps.7", None),
    ],
)
def test_who_waits_is_found_again_or_has_no_place(changes: list[tuple[str, str]], position: str, expected: str | None) -> None:
    assert same_place(flow(), flow(*changes), position) == expected


IN_PARTS = "send:\n              text: Coffee it is.\n              link:\n                text: Shop\n                url: https://a.example"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            ("send: Coffee it is.", IN_PARTS),
            ("send: Coffee it is.", IN_PARTS.replace("https://a.example", "https://b.example")),
            "link text = “\u2068Shop\u2069” and url = “\u2068https://b.example\u2069”",
        ),
        (
            ("send: Coffee it is.", IN_PARTS),
            ("send: Coffee it is.", IN_PARTS + "\n              image: https://a.example/x.jpg"),
            "image “\u2068https://a.example/x.jpg\u2069”",
        ),
    ],
)
def test_a_change_in_any_part_of_a_message_is_told(before: tuple[str, str], after: tuple[str, str], expected: str) -> None:
    [told] = differences(flow(before), flow(after))
    assert expected in told.text
