"""The stream that keeps an open page up to date, and how it is told what arrives on the phone."""

import asyncio
from datetime import timedelta

import pytest

from bot.sandbox.cloud.bubble import Bubble, Drawing
from bot.sandbox.pages.demo_view import PARTS
from bot.sandbox.pages.telling import TYPING_SECONDS, Telling

from .house import BEN, NOON, House, house
from .seen import act, look, next_event, reading, since_of


async def test_the_stream_begins_with_what_the_page_does_not_have_and_goes_on_with_what_changes(home: House) -> None:
    page = await look(home, "ben")
    await act(home, "say", who="ben", text="one\n\ndata: two")
    async with reading(home, "ben", since_of(page)) as stream:
        event = await next_event(stream)
        assert event.name == "parts"
        assert "one data: two" in event.seen.at("messages").text
        assert not event.seen.has("cart")  # it did not change
        await act(home, "cart", who="ben", product="p-moka", quantity="1")
        while not event.seen.has("cart"):
            event = await next_event(stream)
        assert event.seen.at("cart").attributes["hx-swap-oob"] == "innerHTML"
        assert not event.seen.has("messages")
    now = await look(home, "ben")
    assert since_of(now) == event.id
    async with reading(home, "ben", since_of(page), last=event.id) as stream:
        with pytest.raises(TimeoutError):  # who comes back says what they have, and have it all
            await next_event(stream, 0.8)


async def test_the_messages_of_a_page_keep_their_rows(home: House) -> None:
    async with reading(home, "ben") as stream:
        assert {node.attributes["id"] for node in (await next_event(stream)).seen.nodes if "hx-swap-oob" in node.attributes} == set(PARTS)
        await act(home, "say", who="ben", text="hello")
        event = await next_event(stream)
        while not event.seen.has("messages"):
            event = await next_event(stream)
        assert event.seen.at("messages").attributes["hx-swap-oob"] == "rows"
        rows = [node for node in event.seen.nodes if node.tag == "li" and node.attributes["id"].startswith("m-")]
        assert [node.attributes["id"] for node in rows] == [f"m-{home.cloud.thread(BEN)[0].id}"]


async def test_a_stream_does_not_keep_the_sandbox_from_closing() -> None:
    async with house() as home:
        stream = await home.http.get(f"{home.url}/page/live")
        await stream.content.readline()
        async with asyncio.timeout(2):
            await home.sandbox.close()
        stream.close()


def bubbles(*what: tuple[int, bool]) -> list[Bubble]:
    """Messages of these seconds; True: the customer's."""
    return [Bubble(str(at), NOON + timedelta(seconds=at), mine, Drawing(str(at))) for at, mine in what]


def test_an_answer_comes_after_three_dots_and_nothing_else_does() -> None:
    now = [0.0]
    telling = Telling(lambda: now[0])
    past = bubbles((0, True), (1, False))
    assert telling.told(past) == (tuple(past), False)  # the page came with it
    asked = [*past, *bubbles((2, True), (3, False), (3, False))]
    assert telling.told(asked) == (tuple(asked[:3]), True)
    assert telling.pause <= TYPING_SECONDS
    now[0] += TYPING_SECONDS
    assert telling.told(asked) == (tuple(asked), False)
    reminded = [*asked, *bubbles((7200, False))]
    assert telling.told(reminded) == (tuple(reminded), False)
    wrote = [*reminded, *bubbles((7300, True))]
    assert telling.told(wrote) == (tuple(wrote), False)


