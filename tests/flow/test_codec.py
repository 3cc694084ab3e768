"""Runs and messages survive being written down."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.codec import decode_content, decode_run, encode_content, encode_run
from bot.flow.facts import Money
from bot.flow.run import Button, Content, Discount, Run, Subject, SubjectKind, TemplateMessage, Text, Waiting

texts = st.text(st.characters(codec="utf-8"), max_size=30)
whole = st.integers(min_value=-(2**62), max_value=2**62)
zones = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=zones | st.just(UTC))
monies = st.builds(Money, whole, st.text("ABCXYZ", min_size=3, max_size=3))
discounts = st.builds(Discount, texts, moments, st.none() | st.decimals(allow_nan=False, allow_infinity=False), st.none() | monies)
runs = st.builds(
    Run,
    id=whole,
    flow=texts,
    revision=texts,
    position=texts,
    waiting=st.none() | st.sampled_from(Waiting),
    generation=whole,
    sends=whole,
    replying=st.booleans(),
    subject=st.none() | st.builds(Subject, st.sampled_from(SubjectKind), whole),
    discount=st.none() | discounts,
    outcome=st.none() | texts,
)
buttons = st.lists(st.builds(Button, texts, texts), max_size=3).map(tuple)
contents = st.builds(Text, texts, buttons) | st.builds(
    TemplateMessage, texts, texts, st.dictionaries(texts, texts, max_size=3), texts, buttons, st.none() | texts, st.none() | texts
)


@given(runs)
def test_a_run_comes_back_equal(run: Run) -> None:
    again = decode_run(encode_run(run))
    assert again == run
    assert type(again.waiting) is type(run.waiting)


@given(contents)
def test_a_message_comes_back_equal(content: Content) -> None:
    again = decode_content(encode_content(content))
    assert again == content
    assert type(again) is type(content)


def test_a_percentage_keeps_its_digits() -> None:
    run = Run(1, "f", "r", discount=Discount("C", datetime(2026, 1, 1, tzinfo=UTC), percent=Decimal("5.10")))
    discount = decode_run(encode_run(run)).discount
    assert discount is not None
    assert str(discount.percent) == "5.10"


def test_fields_of_another_release_do_not_stop_a_run() -> None:
    assert decode_run('{"id": 7, "flow": "f", "revision": "r", "colour": "blue"}') == Run(7, "f", "r")


def test_a_text_and_a_template_with_the_same_body_are_told_apart() -> None:
    template = TemplateMessage("t", "es", {}, "hello")
    assert decode_content(encode_content(template)) == template
    assert decode_content(encode_content(Text("hello"))) == Text("hello")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"text": {}}', '{"body": "hello"}', "{"])
def test_what_is_not_ours_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own message
        decode_content(text)
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own message
        decode_run(text)
