"""The demo page's files and buttons, without a browser."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.sandbox.page import MAX_FAULTS, DeskDoor
from bot.sandbox.thought import Mind, Mood, Thought

from .house import ANA, BEN, CART_REMINDER, NOON, House, house, reminder

Json = dict[str, Any]


class Desk:
    """A desk as the page needs it."""

    def __init__(self) -> None:
        self.queue = [(ANA, "wants to talk")]
        self.taken: dict[str, str] = {}
        self.said: list[tuple[str, ...]] = []

    async def take(self, phone: str) -> None:
        self.queue.clear()
        self.taken[phone] = "Eva"
        self.said.append(("take", phone))

    async def say(self, phone: str, text: str) -> None:
        self.said.append(("say", phone, text))

    async def hand_back(self, phone: str) -> None:
        self.taken.pop(phone)
        self.said.append(("hand_back", phone))

    async def waiting(self) -> list[tuple[str, str]]:
        return self.queue

    async def holders(self) -> dict[str, str]:
        return self.taken


async def act(home: House, action: str, wish: Any, **headers: str) -> tuple[int, Json]:
    """Presses a button of the page."""
    async with home.http.post(f"{home.url}/page/{action}", json=wish, headers=headers) as response:
        return response.status, await response.json() if response.content_type == "application/json" else {}


@pytest.mark.parametrize("path", ["/", "/phone.css", "/phone.js", "/art/p-moka.svg", "/page/state"])
async def test_everything_the_page_loads_comes_with_a_strict_policy(home: House, path: str) -> None:
    async with home.http.get(home.url + path) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_each_product_has_its_picture(home: House) -> None:
    for product in home.shop.products:
        async with home.http.get(f"{home.url}/art/{product}.svg") as response:
            assert (response.status, response.content_type) == (200, "image/svg+xml")
    async with home.http.get(f"{home.url}/art/nothing.svg") as response:
        assert response.status == 404


async def test_a_cart_is_filled_bought_and_delivered(home: House) -> None:
    _, state = await act(home, "cart", {"shopper": "ana", "product": "p-moka", "quantity": 2})
    assert state["cart"] == {
        "lines": [{"product": "p-moka", "title": "Moka pot, six cups", "quantity": 2, "price": 6400}],
        "total": 6400,
    }
    _, state = await act(home, "buy", {"shopper": "ana", "code": ""})
    assert state["cart"]["lines"] == []
    order = state["orders"][0]
    assert (order["status"], order["total"]) == ("paid", 6400)
    _, state = await act(home, "order", {"shopper": "ana", "order": order["key"], "step": "deliver"})
    assert state["orders"][0]["status"] == "delivered"
    assert home.receiver.events()[-1]["type"] == "order.fulfilled"


async def test_the_phone_shows_presses_and_answers(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.send(type="template", template=reminder())
    await home.sandbox.idle()
    _, state = await act(home, "look", {"shopper": "ana"})
    message = state["phone"]["messages"][0]
    assert (message["body"], message["tick"]) == ("Hola Ana, tu café sigue en la cesta.", "read")
    _, state = await act(home, "press", {"shopper": "ana", "message": message["id"], "value": "dear"})
    _, state = await act(home, "say", {"shopper": "ana", "text": " <b>hola</b> "})
    assert [one["body"] for one in state["phone"]["messages"]][1:] == ["Es demasiado caro", "<b>hola</b>"]
    assert [one["type"] for one in home.receiver.values("messages")] == ["button", "text"]


async def test_the_clock_is_turned_by_the_page_but_not_for_ever() -> None:
    due: list[datetime] = [NOON + timedelta(hours=30)]

    async def next_due() -> datetime | None:
        return due[0] if due else None

    async with house(next_due=next_due) as home:
        _, state = await act(home, "clock", {"shopper": "ana", "minutes": 60})
        assert state["now"] == (NOON + timedelta(hours=1)).isoformat()
        assert state["next"] == due[0].isoformat()
        await act(home, "clock", {"shopper": "ana"})
        assert home.clock.now == due[0]
        await act(home, "clock", {"shopper": "ana", "minutes": -60})
        assert home.clock.now == due.pop()
        await act(home, "clock", {"shopper": "ana"})
        assert (await act(home, "clock", {"shopper": "ana", "minutes": 10**7}))[0] == 200
        assert home.clock.now == NOON + timedelta(hours=30, days=60)
        assert (await act(home, "clock", {"shopper": "ana", "minutes": 10**15}))[0] == 422


@pytest.mark.parametrize(("due", "moved"), [(-timedelta(hours=1), timedelta()), (timedelta(days=400), timedelta(days=60))])
async def test_next_never_turns_the_clock_back_nor_out_of_sight(due: timedelta, moved: timedelta) -> None:
    async def next_due() -> datetime | None:
        return NOON + due

    async with house(next_due=next_due) as home:
        await act(home, "clock", {"shopper": "ana"})
        assert home.clock.now == NOON + moved


async def test_consent_and_the_phones_own_stop_are_told(home: House) -> None:
    _, state = await act(home, "consent", {"shopper": "dora", "channel": "whatsapp", "granted": True})
    dora = next(one for one in state["shop"]["shoppers"] if one["key"] == "dora")
    assert (dora["whatsapp"], dora["ads"]) == (True, False)
    _, state = await act(home, "preference", {"shopper": "ana", "stop": True})
    assert state["phone"]["stopped"]
    assert home.receiver.values("user_preferences")[0]["value"] == "stop"


async def test_the_desk_takes_over_answers_and_hands_back() -> None:
    desk = Desk()
    async with house(staff=desk) as home:
        _, state = await act(home, "look", {"shopper": "ben"})
        assert state["staff"] == [{"shopper": "ana", "name": "Ana", "reason": "wants to talk", "holder": None}]
        _, state = await act(home, "take", {"shopper": "ana"})
        assert state["staff"] == [{"shopper": "ana", "name": "Ana", "reason": "", "holder": "Eva"}]
        await act(home, "answer", {"shopper": "ana", "text": "Hola, soy Eva"})
        _, state = await act(home, "hand_back", {"shopper": "ana"})
        assert state["staff"] == []
        assert desk.said == [("take", ANA), ("say", ANA, "Hola, soy Eva"), ("hand_back", ANA)]


async def test_a_fault_meets_the_next_message_alone(home: House) -> None:
    _, state = await act(home, "fault", {"shopper": "ana", "fault": "rate_limited"})
    assert state["faults"]["next"]["rate_limited"] == 1
    assert (await home.send())[0] == 429
    assert (await home.send())[0] == 400  # she has not written: the message itself is looked at again
    _, state = await act(home, "look", {"shopper": "ana"})
    assert state["faults"] == {"next": dict.fromkeys(state["faults"]["next"], 0), "twice": False}
    for _ in range(9):
        _, state = await act(home, "fault", {"shopper": "ana", "fault": "accept_then_cut"})
    assert state["faults"]["next"]["accept_then_cut"] == MAX_FAULTS


async def test_webhooks_can_be_made_to_come_twice(home: House) -> None:
    await act(home, "twice", {"shopper": "ana", "on": True})
    await act(home, "say", {"shopper": "ana", "text": "hola"})
    await act(home, "twice", {"shopper": "ana", "on": False})
    await act(home, "say", {"shopper": "ana", "text": "adiós"})
    assert [one["text"]["body"] for one in home.receiver.values("messages")] == ["hola", "hola", "adiós"]


class Musing:
    """A bot that thinks one thing."""

    async def of(self, phone: str) -> Mind:
        return Mind(timeline=(Thought(NOON, Mood.HELD, "Cart reminder", f"Waits: {phone}", "It is quiet hours where they are."),))


async def test_what_the_bot_thinks_of_the_chosen_customer_is_shown(home: House) -> None:
    home.sandbox.know_the_bot(Musing(), DeskDoor("http://127.0.0.1:1/desk", "a-password"))
    _, state = await act(home, "look", {"shopper": "ben"})
    assert state["desk"] == {"url": "http://127.0.0.1:1/desk", "password": "a-password"}
    (thought,) = state["mind"]["timeline"]
    assert (thought["mood"], thought["text"], thought["at"]) == ("held", f"Waits: {BEN}", NOON.isoformat())


async def test_the_stream_begins_with_the_present_and_goes_on_with_what_changes(home: House) -> None:
    async with home.http.get(f"{home.url}/page/live?shopper=ben") as stream, asyncio.timeout(10):
        assert stream.content_type == "text/event-stream"
        first = json.loads((await stream.content.readline()).removeprefix(b"data: "))
        assert (first["shopper"], first["phone"]["messages"]) == ("ben", [])
        _, answered = await act(home, "say", {"shopper": "ben", "text": "one\n\ndata: two"})
        told = first
        while not told["phone"]["messages"]:
            line = await stream.content.readline()
            told = json.loads(line.removeprefix(b"data: ")) if line.strip() else told
        assert told["phone"]["messages"][0]["body"] == "one\n\ndata: two"
        assert first["number"] < answered["number"]
        assert first["number"] < told["number"]


async def test_a_stream_does_not_keep_the_sandbox_from_closing() -> None:
    async with house() as home:
        stream = await home.http.get(f"{home.url}/page/live")
        await stream.content.readline()
        async with asyncio.timeout(2):
            await home.sandbox.close()
        stream.close()


async def test_without_a_desk_there_is_no_desk(home: House) -> None:
    status, _ = await act(home, "take", {"shopper": "ana"})
    assert status == 422
    async with home.http.get(f"{home.url}/page/state?shopper=nobody") as response:
        state = await response.json()
    assert (state["staff"], state["shopper"]) == (None, "ana")


@pytest.mark.parametrize(
    ("action", "wish", "expected"),
    [
        ("explode", {"shopper": "ana"}, 404),
        ("cart", {"shopper": "eve", "product": "p-moka", "quantity": 1}, 422),
        ("cart", {"shopper": "ana", "product": "p-none", "quantity": 1}, 422),
        ("cart", {"shopper": "ana", "product": "p-moka", "quantity": "many"}, 422),
        ("cart", {"shopper": ["ana"]}, 422),
        ("buy", {"shopper": "ana"}, 422),
        ("say", {"shopper": "ana", "text": "  "}, 422),
        ("say", {"shopper": "ana", "text": "x" * 4097}, 422),
        ("press", {"shopper": "ana", "message": "wamid.x", "value": "y"}, 422),
        ("order", {"shopper": "ana", "order": "o-1", "step": "deliver"}, 422),
        ("consent", {"shopper": "ana", "channel": "fax", "granted": True}, 422),
        ("fault", {"shopper": "ana", "fault": "cut"}, 422),
        ("fault", {"shopper": "ana", "fault": "earthquake"}, 422),
        ("twice", {"shopper": "ana"}, 422),
        ("look", [], 422),
        ("look", None, 422),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(home: House, action: str, wish: Any, expected: int) -> None:
    assert (await act(home, action, wish))[0] == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
async def test_only_the_page_itself_may_change_anything(home: House, headers: dict[str, str], expected: int) -> None:
    assert (await act(home, "look", {"shopper": "ana"}, **headers))[0] == expected


async def test_the_sandbox_only_listens_on_loopback(home: House) -> None:
    with pytest.raises(ValueError, match="loopback"):
        await home.sandbox.start(host="0.0.0.0")


async def test_a_recovery_link_shows_the_cart_and_takes_the_code(home: House) -> None:
    checkout = home.shop.add("ana", "p-moka")
    link = f"{home.url}/c/{checkout.key}"
    async with home.http.get(f"{link}?discount=%22%3E%3Cscript%3E") as response:
        page = await response.text()
    assert "Moka pot, six cups" in page
    assert "<script>" not in page
    async with home.http.post(link, data={"code": ""}) as response:
        assert "Thank you" in await response.text()
    async with home.http.post(link, data={"code": ""}) as response:
        assert response.status == 200
    assert len(home.shop.orders) == 1
    order = home.shop.orders[0]
    async with home.http.get(f"{home.url}/t/{order.key}") as response:
        assert order.number in await response.text()
    async with home.http.post(f"{home.url}/r/{order.key}") as response:
        assert "Welcome back, Ana" in await response.text()
    assert home.shop.cart("ana").lines == {"p-moka": 1}


@pytest.mark.parametrize("path", ["/c/ch-none", "/t/o-none", "/r/o-none", "/phone.py"])
async def test_what_is_not_there_is_not_found(home: House, path: str) -> None:
    async with home.http.get(home.url + path) as response:
        assert response.status == 404
