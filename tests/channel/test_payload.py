"""What a message becomes on the wire: every part measured, hostile values harmless, and nothing that the Cloud API would refuse."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channel import Failure, SendError
from bot.channel.whatsapp.payload import content_parts, receipt, stored_files
from bot.flow import limit
from bot.flow.run import Button, Card, ContactCard, Content, Link, Media, MediaKind, Place, TemplateMessage, Text
from bot.sandbox.cloud.drawing import draw
from bot.sandbox.cloud.graph_error import GraphError

PICTURE = Media(MediaKind.IMAGE, "https://cdn.example/x.jpg")
SOUND = Media(MediaKind.AUDIO, "https://cdn.example/x.ogg")
STORED = Media(MediaKind.IMAGE, file="ab" * 32)
WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI4QUQ5"
LINK = Link("Open", "https://shop.example")
YES = Button("Yes", "run:1:2:0")


def parts(content: Content) -> Any:
    """The parts as they arrive: after the wire's JSON."""
    return json.loads(json.dumps(content_parts(content, {"ab" * 32: "1234"}, "Menu")))


def fault(content: Content) -> str:
    with pytest.raises(SendError) as raised:
        parts(content)
    assert raised.value.failure is Failure.REFUSED
    return raised.value.detail


def buttons(count: int, **more: Any) -> tuple[Button, ...]:
    return tuple(Button(f"Choice {number}", f"run:1:2:{number}", **more) for number in range(count))


def template(**more: Any) -> TemplateMessage:
    return TemplateMessage("t", "es", more.pop("values", {}), "as read", **more)


LIMITS: list[tuple[str, Any, int]] = [
    ("a text", lambda words: Text(words), limit.MAX_TEXT),
    ("a caption", lambda words: Text(words, media=PICTURE), limit.MAX_CAPTION),
    ("words over buttons", lambda words: Text(words, (YES,)), limit.MAX_BODY_WITH_BUTTONS),
    ("words over a list", lambda words: Text(words, buttons(4)), limit.MAX_TEXT),
    ("words over a link", lambda words: Text(words, link=LINK), limit.MAX_BODY_WITH_BUTTONS),
    ("words over a product", lambda words: Text(words, products=("a",), catalog_id="7"), limit.MAX_BODY_WITH_BUTTONS),
    ("words over the catalog", lambda words: Text(words, catalog=True), limit.MAX_BODY_WITH_BUTTONS),
    ("a button", lambda words: Text("Hi", (Button(words, "p"),)), limit.MAX_REPLY_BUTTON),
    ("a row", lambda words: Text("Hi", (Button(words, "p"), *buttons(3))), limit.MAX_LIST_ROW),
    ("what stands under a row", lambda words: Text("Hi", (Button("A", "p", words), *buttons(3))), limit.MAX_DESCRIPTION),
    ("a menu", lambda words: Text("Hi", buttons(4), menu=words), limit.MAX_MENU),
    ("a payload", lambda words: Text("Hi", (Button("A", words),)), limit.MAX_PAYLOAD),
    ("a row's payload", lambda words: Text("Hi", (Button("A", words), *buttons(3))), limit.MAX_ROW_PAYLOAD),
    ("a header", lambda words: Text("Hi", (YES,), header=words), limit.MAX_SMALL_PRINT),
    ("a footer", lambda words: Text("Hi", (YES,), footer=words), limit.MAX_SMALL_PRINT),
    ("words on a link", lambda words: Text("Hi", link=Link(words, "https://a.example")), limit.MAX_LINK_TITLE),
    ("a link", lambda words: Text("Hi", link=Link("A", f"https://a.example/{words[18:]}")), limit.MAX_URL),
    ("a file's link", lambda words: Text("", media=Media(MediaKind.IMAGE, f"https://a.example/{words[18:]}")), limit.MAX_URL),
    ("a code", lambda words: template(code=words), limit.MAX_CODE),
    ("an offer's code", lambda words: template(code=words, offer_ends=datetime(2026, 1, 1, tzinfo=UTC)), limit.MAX_OFFER_CODE),
    ("the end of a link", lambda words: template(link_suffix=words), limit.MAX_URL),
    ("a template's payload", lambda words: template(buttons=(Button("A", words),)), limit.MAX_PAYLOAD),
]


@pytest.mark.parametrize(("make", "most"), [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS])
def test_each_part_may_be_as_long_as_meta_takes_it_and_not_a_character_longer(make: Any, most: int) -> None:
    parts(make("x" * most))
    assert f"at most {most} characters" in fault(make("x" * (most + 1)))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda count: Text("Hi", buttons(count)), limit.MAX_LIST_ROWS),
        (lambda count: Text("Hi", products=tuple(map(str, range(count))), catalog_id="7", header="A"), limit.MAX_PRODUCTS),
        (lambda count: template(products=tuple(map(str, range(count))), menu="View"), limit.MAX_PRODUCTS),
        (lambda count: template(cards=(Card(PICTURE),) * count), limit.MAX_CARDS),
    ],
    ids=["buttons", "products", "products of a template", "cards"],
)
def test_there_may_be_as_many_as_meta_takes_and_not_one_more(make: Any, most: int) -> None:
    parts(make(most))
    fault(make(most + 1))


REFUSED: list[tuple[str, Content]] = [
    ("nothing at all", Text("")),
    ("only blanks", Text(" \n\t ")),
    ("two actions", Text("Hi", (YES,), link=LINK)),
    ("a place beside a link", Text("Hi", link=LINK, place=Place(1, 2))),
    ("a place with words", Text("Hi", place=Place(1, 2))),
    ("a place on no map", Text("", place=Place(91, 2))),
    ("a place that is no number", Text("", place=Place(float("nan"), 2))),
    ("a contact without a number", Text("", card=ContactCard("Ana", "600 000 001"))),
    ("a contact without a name", Text("", card=ContactCard(" ", "+34600000001"))),
    ("an audio with words", Text("Hi", media=SOUND)),
    ("buttons under an audio", Text("Hi", (YES,), media=SOUND)),
    ("a list under an image", Text("Hi", buttons(4), media=PICTURE)),
    ("a header and a file", Text("Hi", (YES,), media=PICTURE, header="Sale")),
    ("a header over a plain text", Text("Hi", header="Sale")),
    ("a file that is nowhere", Text("", media=Media(MediaKind.IMAGE))),
    ("a file in two places", Text("", media=Media(MediaKind.IMAGE, "https://a.example", "ab" * 32))),
    ("a stored file that is gone", Text("", media=Media(MediaKind.IMAGE, file="cd" * 32))),
    ("a path of this machine", Text("", media=Media(MediaKind.IMAGE, "/etc/passwd"))),
    ("a file's own scheme", Text("", media=Media(MediaKind.IMAGE, "file:///etc/passwd"))),
    ("a link with a gap", Text("Hi", link=Link("A", "https://a.example/a b"))),
    ("a link over two lines", Text("Hi", link=Link("A", "https://a.example/\nHost: b"))),
    ("a link that runs", Text("Hi", link=Link("A", "javascript:alert(1)"))),
    ("buttons that say the same", Text("Hi", (Button("A", "1"), Button("A", "2")))),
    ("buttons that bring the same", Text("Hi", (Button("A", "1"), Button("B", "1")))),
    ("products of no catalog", Text("Hi", products=("a",))),
    ("products without a header", Text("Hi", products=("a", "b"), catalog_id="7")),
    ("a product twice", Text("Hi", products=("a", "a"), catalog_id="7", header="A")),
    ("a reaction to nothing", Text("", reaction="👍")),
    ("a reaction in words", Text("", reaction="ok", quotes=WAMID)),
    ("a reaction and words", Text("Hi", reaction="👍", quotes=WAMID)),
    ("a whole text as a reaction", Text("", reaction="👍" * 40, quotes=WAMID)),
    ("an answer to no id", Text("Hi", quotes="not an id\n")),
    ("a template of another name", TemplateMessage("../t", "es", {}, "x")),
    ("a template in no language", TemplateMessage("t", "es&x=1", {}, "x")),
    ("a template under an audio", template(header_media=SOUND)),
    ("a single card", template(cards=(Card(PICTURE),))),
    ("a card with a document", template(cards=(Card(Media(MediaKind.DOCUMENT, "https://a.example")), Card(PICTURE)))),
    ("an empty code", template(code=" ")),
]


@pytest.mark.parametrize("content", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_meta_would_refuse_is_refused_here_with_a_reason(content: Content) -> None:
    assert fault(content).startswith("it was not sent, because ")


def test_a_reason_names_nobody() -> None:
    assert "600" not in fault(Text("", card=ContactCard("Ana García", "600 000 001")))
    assert "passwd" not in fault(Text("", media=Media(MediaKind.IMAGE, "/etc/passwd")))


HOSTILE = ["a\nb", "\u202egnp.exe", "👨‍👩‍👧‍👦" * 50, "x" * 5000, "{{1}}", "\x00", "\ud800", '"}],"to":"+1', "      ", "ab\u2028cd\tef"]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_stays_a_value_as_meta_takes_it(value: str) -> None:
    """132018: no new line, no tab, no more than four spaces, never empty."""
    for positional in (False, True):
        name = "1" if positional else "name"
        made = parts(template(values={name: value}, header_values={name: value}, positional=positional))
        for component in made["template"]["components"]:
            [parameter] = component["parameters"]
            text = parameter["text"]
            assert text.strip()
            assert len(text) <= limit.MAX_TEMPLATE_BODY
            assert not any(character in text for character in "\n\r\t\x00\u2028")
            assert "     " not in text
            assert set(parameter) == {"type", "text"} | (set() if positional else {"parameter_name"})


def test_the_end_of_a_link_never_breaks_it() -> None:
    [button] = parts(template(link_suffix=" c/ 1\n2 "))["template"]["components"]
    assert button["parameters"] == [{"type": "text", "text": "c/%201%202"}]


def test_a_long_name_of_a_document_is_cut() -> None:
    made = parts(Text("", media=Media(MediaKind.DOCUMENT, "https://a.example/x.pdf", filename="x" * 500)))
    assert len(made["document"]["filename"]) == limit.MAX_FILENAME


def test_stored_files_are_asked_for_once() -> None:
    assert stored_files(Text("", media=STORED)) == ("ab" * 32,)
    assert stored_files(Text("", media=PICTURE)) == ()
    assert stored_files(template(header_media=STORED, cards=(Card(STORED), Card(PICTURE)))) == ("ab" * 32,)


def test_a_receipt_without_typing_says_nothing_of_it() -> None:
    assert "typing_indicator" not in receipt("wamid.1", typing=False)


# ---- whatever can be made is taken, or refused here: the sandbox judges as the Cloud API's reference says

words = st.text(st.characters(codec="utf-8"), max_size=60)
some_buttons = st.lists(st.builds(Button, words, words, st.none() | words), max_size=12).map(tuple)
links = st.sampled_from(["https://a.example/x.jpg", "http://a.example", "ftp://a", "", "https://a b"])
media = st.builds(Media, st.sampled_from(MediaKind), st.none() | links, st.none() | st.just("ab" * 32), st.none() | words)
anything = st.builds(
    Text,
    body=words | st.text("x", min_size=1000, max_size=5000),
    buttons=some_buttons,
    media=st.none() | media,
    link=st.none() | st.builds(Link, words, links),
    products=st.lists(words, max_size=4).map(tuple),
    catalog=st.booleans(),
    catalog_id=st.none() | st.just("77"),
    menu=st.none() | words,
    header=st.none() | words,
    footer=st.none() | words,
    place=st.none() | st.builds(Place, st.floats(), st.floats(), words, words),
    card=st.none() | st.builds(ContactCard, words, st.sampled_from(["+34600000001", "x"])),
)
# one thing at a time, so that much of it can be sent
simple = st.one_of(
    st.builds(Text, words, some_buttons, st.none() | media, menu=st.none() | words),
    st.builds(Text, words, media=st.none() | media, link=st.none() | st.builds(Link, words, links), footer=st.none() | words),
    st.builds(Text, words, products=st.lists(words, max_size=4).map(tuple), catalog_id=st.just("77"), header=st.none() | words),
    st.builds(Text, st.just(""), place=st.builds(Place, st.floats(-90, 90), st.floats(-180, 180), words, words)),
)


@settings(max_examples=400)
@given(anything | simple)
def test_whatever_is_not_refused_here_the_cloud_api_takes(content: Text) -> None:
    try:
        made = parts(content)
    except SendError:
        return
    try:
        draw(made)
    except GraphError as error:
        raise AssertionError(f"sent, and refused there: {error}") from error
