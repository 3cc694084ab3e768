"""Reading YAML: everything stays text and knows its place; what is dangerous or ambiguous is refused, quickly."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.document import MAX_BYTES, MAX_DEPTH, MAX_VALUES, Document, DocumentError, Place, read

SOON = 0.05  # seconds within which a hostile file must be refused


def refusal(text: str) -> str:
    with pytest.raises(DocumentError) as refused:
        read("flow.yaml", text)
    return str(refused.value.problem)


def line_and_column(place: Place) -> tuple[int, int]:
    return place.line, place.column


@pytest.mark.parametrize("written", ["Yes", "no", "on", "21:00", "0123", "1.10", "NO", "null", "~", "1e3", "0x10", "2026-11-22", ".inf"])
def test_every_value_stays_the_text_that_was_written(written: str) -> None:
    assert read("flow.yaml", f"button: {written}\nwords: [{written}]\n{written}: key").root == {
        "button": written,
        "words": [written],
        written: "key",
    }


def test_an_empty_value_is_an_empty_text() -> None:
    assert read("flow.yaml", "then:\nelse: ''").root == {"then": "", "else": ""}


FLOW = """\
name: Cart
steps:
  - ask: Hello
    answers:
      - button: "Yes"
        then:
          - send: >
              One line
              and another {cart.totl}.
          - continue
      - {button: No, then: [end]}
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("name", (1, 7), (1, 1)),
        ("steps", (3, 3), (2, 1)),
        ("steps.0", (3, 5), (3, 5)),
        ("steps.0.ask", (3, 10), (3, 5)),
        ("steps.0.answers.0.button", (5, 17), (5, 9)),
        ("steps.0.answers.0.then.1", (10, 13), (10, 13)),
        ("steps.0.answers.1.then", (11, 28), (11, 22)),
        ("steps.0.answers.1.then.0", (11, 29), (11, 29)),
        ("steps.0.no_answer.after", (3, 5), (3, 5)),  # not written: where the nearest thing around it begins
    ],
)
def test_every_key_and_value_knows_its_line_and_column(path: str, value: tuple[int, int], key: tuple[int, int]) -> None:
    document = read("flow.yaml", FLOW)
    assert line_and_column(document.place(path)) == value
    assert line_and_column(document.key_place(path)) == key


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("send: to {cart.totl} now", (1, 10)),
        ('send: "to {cart.totl} now"', (1, 11)),
        ("send: 'to {cart.totl} now'", (1, 11)),
        ("send: |\n  first\n\n  to {cart.totl} now\n", (4, 6)),
        ("send: >-\n  first\n  to {cart.totl} now\n", (3, 6)),
        ("send: first\n  to {cart.totl} now\n", (2, 6)),
        ('send: "first\n  to {cart.totl} now"\n', (2, 6)),
        ("a: ¿qué? 🛒\nsend: 🛒🛒 {cart.totl}", (2, 10)),
    ],
)
def test_a_word_in_a_text_is_found_however_the_text_is_written(text: str, place: tuple[int, int]) -> None:
    document = read("flow.yaml", text)
    value = document.value("send")
    assert isinstance(value, str)
    assert line_and_column(document.inside("send", value.index("{"))) == place


@settings(deadline=None)  # the machine may be busy with others
@given(st.text(alphabet="ab {}é🛒", min_size=1).filter(lambda text: text.strip() == text), st.data())
def test_a_word_in_a_quoted_text_is_found_wherever_it_stands(text: str, data: st.DataObject) -> None:
    visible = [offset for offset, character in enumerate(text) if character != " "]
    offset = data.draw(st.sampled_from(visible))
    assert line_and_column(read("flow.yaml", f'send: "{text}"').inside("send", offset)) == (1, 8 + offset)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: this file is empty: write something into it, or delete it"),
        ("# only a comment\n", "1:1: this file is empty: write something into it, or delete it"),
        ("a: 1\nb: 2\na: 3\n", "3:1: 'a' is written twice here: keep one of them"),
        ("a: {b: 1, b: 2}", "1:11: 'b' is written twice here: keep one of them"),
        ("a: &x 1\nb: *x\n", "1:4: anchors (&name) are not allowed; a text that begins with '&' needs quotes"),
        ("a: *x\n", "1:4: aliases (*name) are not allowed; a text that begins with '*' needs quotes"),
        ("a: !!python/object:os.system x\n", "1:4: tags (!name) are not allowed; a text that begins with '!' needs quotes"),
        ("a: !x [b]\n", "1:4: tags (!name) are not allowed; a text that begins with '!' needs quotes"),
        ("!x b: c\n", "1:1: tags (!name) are not allowed; a text that begins with '!' needs quotes"),
        ("a: 1\n---\nb: 1\n", "2:1: a file holds one document: take the line '---' out"),
        ("{a: b}: c", "1:1: a list or a mapping cannot be a key; a text that begins with '{' or '[' needs quotes"),
        ("a:\n\tb: 1", "2:1: this line begins with a tab: indent with spaces"),
        ("a: @x", "1:4: a text that begins with '@' needs quotes around it"),
        ("send: Now: half the price", "1:10: a text that holds ': ' needs quotes around it"),
        ('a: "b\nc: d\n', "1:4: a quote is opened here and never closed: close it, or take it out"),
        ("a: 1\n  b: 2", "2:4: this line is indented deeper than the one it belongs to: line it up"),
        ("a: 1\nb\nc: 2", "2:1: this line is neither 'key: value' nor a list entry: a ':' is missing, or a quote"),
        ("a: 1\nb: \x00", "2:4: a character that no editor shows stands here (U+0000): delete it"),
        ("a: 1\nb: \ud800", "2:4: a character that no editor shows stands here (U+D800): delete it"),
        ('"\\x1ftext": 1', "1:1: a word is missing before this ':'"),
        ("'': 1", "1:1: a word is missing before this ':'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, problem: str) -> None:
    assert refusal(text) == f"flow.yaml:{problem}"


LAUGHS = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LAUGHS, id="a billion laughs"),
        pytest.param("[" * 100_000, id="lists without end"),
        pytest.param("{a: " * 50_000, id="mappings without end"),
        pytest.param("- " * 100_000, id="entries without end"),
        pytest.param("? " * 100_000, id="keys without end"),
        pytest.param("".join(" " * level + "a:\n" for level in range(700)), id="deeper and deeper"),
        pytest.param("- a\n" * 60_000, id="too many values"),
        pytest.param("x: [" + "a," * 120_000 + "]", id="too many values in one line"),
        pytest.param("".join(f"k{number}: 1\n" for number in range(24_000)), id="too many keys"),
        pytest.param("a" * (MAX_BYTES + 1), id="too large"),
        pytest.param("🛒" * (MAX_BYTES // 4 + 1), id="too large in bytes"),
        pytest.param('"' * 260_000, id="quotes"),
        pytest.param("&a " * 80_000, id="anchors"),
        pytest.param("!" * 260_000, id="a long tag"),
        pytest.param("%" * 260_000, id="a long directive"),
        pytest.param("a: b\n" + "#" * 260_000 + "\n a: b", id="a long comment before nonsense"),
    ],
)
def test_an_attack_is_refused_before_it_costs_anything(text: str) -> None:
    assert any(cost_of_refusing(text) < SOON for _ in range(5))  # the machine may be busy with others


def cost_of_refusing(text: str) -> float:
    begin = time.process_time()
    refusal(text)
    return time.process_time() - begin


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_the_limits_are_where_they_say() -> None:
    read("flow.yaml", nested(MAX_DEPTH))
    too_deep = f"this is nested more than {MAX_DEPTH} levels deep: use a label and go_to instead"
    assert refusal(nested(MAX_DEPTH + 1)) == f"flow.yaml:1:{MAX_DEPTH + 1}: {too_deep}"
    read("flow.yaml", "- a\n" * (MAX_VALUES - 1))
    assert "more than 5,000 values" in refusal("- a\n" * MAX_VALUES)
    read("flow.yaml", "a" * MAX_BYTES)
    assert refusal("a" * (MAX_BYTES + 2048)) == "flow.yaml:1:1: this file has 258 KiB, more than the 256 KiB a file may have: split it"


@settings(deadline=None)  # the machine may be busy with others
@given(st.text(alphabet="ab:-#&*!|>'\"%@`{}[],? \n\t~0", max_size=60))
def test_any_text_is_read_or_refused_and_never_anything_else(text: str) -> None:
    try:
        assert isinstance(read("flow.yaml", text), Document)
    except DocumentError as error:
        refused = error.problem
    else:
        return
    assert (refused.line, refused.column) >= (1, 1)
