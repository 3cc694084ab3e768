"""Runs and messages survive being written down."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.codec import decode_content, decode_run, encode_content, encode_run
from bot.flow.facts import Money
from bot.flow.run import (
    Button,
    Card,
    ContactCard,
    Content,
    Discount,
    Link,
    Media,
    MediaKind,
    Place,
    Run,
    Subject,
    SubjectKind,
    TemplateMessage,
    Text,
    Waiting,
)

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
names = st.dictionaries(texts, texts, max_size=3)
some_texts = st.lists(texts, max_size=3).map(tuple)
buttons = st.lists(st.builds(Button, texts, texts, st.none() | texts), max_size=3).map(tuple)
media = st.builds(Media, st.sampled_from(MediaKind), st.none() | texts, st.none() | texts, st.none() | texts)
degrees = st.floats(-180, 180)
places = st.builds(Place, degrees, degrees, texts, texts)
cards = st.builds(Card, st.none() | media, names, buttons, st.none() | texts, texts)
templates = st.builds(
    TemplateMessage,
    name=texts,
    language=texts,
    values=names,
    body=texts,
    buttons=buttons,
    link_suffix=st.none() | texts,
    code=st.none() | texts,
    header_values=names,
    header_media=st.none() | media,
    header_place=st.none() | places,
    offer_ends=st.none() | moments,
    cards=st.lists(cards, max_size=3).map(tuple),
    products=some_texts,
    menu=st.none() | texts,
    catalog=st.booleans(),
    positional=st.booleans(),
    marketing=st.booleans(),
)
free_texts = st.builds(
    Text,
    body=texts,
    buttons=buttons,
    media=st.none() | media,
    link=st.none() | st.builds(Link, texts, texts),
    products=some_texts,
    catalog=st.booleans(),
    catalog_id=st.none() | texts,
    menu=st.none() | texts,
    header=st.none() | texts,
    footer=st.none() | texts,
    place=st.none() | places,
    card=st.none() | st.builds(ContactCard, texts, texts),
    quotes=st.none() | texts,
    reaction=st.none() | texts,
    otherwise=st.none() | templates,
)
contents = free_texts | templates


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


def test_a_message_an_earlier_release_wrote_down_still_reads() -> None:
    text = '{"text":{"body":"Hi?","buttons":[{"title":"Yes","payload":"run:1:2:0"}]}}'
    assert decode_content(text) == Text("Hi?", (Button("Yes", "run:1:2:0"),))
    template = (
        '{"template":{"name":"t","language":"es","values":{"a":"b"},"body":"b","link_suffix":"c/1","code":"X","header_values":{"h":"1"}}}'
    )
    assert decode_content(template) == TemplateMessage("t", "es", {"a": "b"}, "b", (), "c/1", "X", {"h": "1"})


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
