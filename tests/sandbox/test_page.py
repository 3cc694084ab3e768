"""The demo page's parts, forms and stream, without a browser."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.bubble import Bubble, Drawing, Tick
from bot.sandbox.demo_view import PARTS, DeskDoor
from bot.sandbox.fault_board import MAX_FAULTS
from bot.sandbox.phone_view import formatted
from bot.sandbox.telling import TYPING_SECONDS, Telling
from bot.sandbox.thought import Coming, FlowNow, Line, Mind, Mood, Thought
from bot.sandbox.tour import STATIONS

from .house import ANA, BEN, CART_REMINDER, NOON, House, house, reminder

BROWSER = Path(__file__).parents[2] / "bot" / "browser"
VOID = frozenset({"input", "img", "meta", "link", "path", "use", "circle"})


@dataclass
class Node:
    """An element: its attributes and the text in it."""

    tag: str
    attributes: dict[str, str]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Seen(HTMLParser):
    """What a browser would see: every element, with all the text inside it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._open: list[Node] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.nodes.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop().tag == tag, f"{tag} is not closed in order"

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.words.append(data)

    def at(self, place: str) -> Node:
        """The element with this id."""
        found = [node for node in self.nodes if node.attributes.get("id") == place]
        assert len(found) == 1, f"{len(found)} elements are called {place}"
        return found[0]

    def has(self, place: str) -> bool:
        return any(node.attributes.get("id") == place for node in self.nodes)

    def of(self, name: str) -> list[Node]:
        """Every element of this class."""
        return [node for node in self.nodes if name in node.attributes.get("class", "").split()]


async def look(home: House, who: str = "ana") -> Seen:
    """The page as this customer's visitor has it."""
    async with home.http.get(f"{home.url}/?who={who}") as response:
        assert response.status == 200
        return Seen(await response.text())


async def act(home: House, action: str, headers: dict[str, str] | None = None, /, **wish: str) -> int:
    """Send a form of the page as htmx does."""
    sent = {"HX-Request": "true", **(headers or {})}
    async with home.http.post(f"{home.url}/page/{action}", data=wish, headers=sent, allow_redirects=False) as response:
        return response.status


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


@pytest.mark.parametrize(
    "path", ["/", "/phone.css", "/browser/live.js", "/browser/htmx.min.js", "/browser/htmx-ext-sse.min.js", "/art/p-moka.svg"]
)
async def test_everything_the_page_loads_comes_with_a_strict_policy(home: House, path: str) -> None:
    async with home.http.get(home.url + path) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_the_page_has_no_script_and_no_style_of_its_own_and_takes_nothing_from_elsewhere(home: House) -> None:
    seen = await look(home)
    assert {node.attributes["src"].partition("?v=")[0] for node in seen.nodes if node.tag == "script"} == {
        *("/browser/htmx.min.js", "/browser/htmx-ext-sse.min.js", "/browser/live.js")
    }
    assert not [node for node in seen.nodes for name in node.attributes if name == "style" or name.startswith(("on", "hx-on"))]
    assert not [node for node in seen.nodes if node.tag == "style"]
    links = {node.attributes[name] for node in seen.nodes for name in ("src", "href") if name in node.attributes}
    assert not [link for link in links if not link.startswith(("/", "#", "data:,"))]


def test_what_others_wrote_is_served_as_they_published_it() -> None:
    listed = json.loads((BROWSER / "VENDOR.json").read_text("utf-8"))
    assert {one["file"] for one in listed} == {path.name for path in BROWSER.glob("*.min.js")}
    for one in listed:
        assert sha256((BROWSER / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
        assert one["licence_text"]
        assert one["version"]


async def test_each_product_has_its_picture(home: House) -> None:
    for product in home.shop.products:
        async with home.http.get(f"{home.url}/art/{product}.svg") as response:
            assert (response.status, response.content_type) == (200, "image/svg+xml")
    async with home.http.get(f"{home.url}/art/nothing.svg") as response:
        assert response.status == 404


async def test_a_cart_is_filled_bought_and_delivered(home: House) -> None:
    await act(home, "cart", who="ana", product="p-moka", quantity="2")
    seen = await look(home)
    assert seen.at("cart").text == "Moka pot, six cups − 2 + €64.00 Total €64.00"
    assert "disabled" not in seen.at("buy").attributes
    await act(home, "buy", who="ana", code="")
    seen = await look(home)
    assert "Nothing in it yet." in seen.at("cart").text
    assert "disabled" in seen.at("buy").attributes
    assert "2 × Moka pot, six cups €64.00 paid" in seen.at("orders").text
    await act(home, "order", who="ana", order=home.shop.orders[0].key, step="deliver")
    assert "delivered" in (await look(home)).at("orders").text
    assert home.receiver.events()[-1]["type"] == "order.fulfilled"


async def test_who_left_the_shop_is_away_until_they_come_back_and_the_shop_is_told_nothing(home: House) -> None:
    await act(home, "cart", who="ana", product="p-moka", quantity="1")
    told = len(home.receiver.events())
    await act(home, "leave", who="ana")
    assert "Ana left, €32.00 still in the cart." in (await look(home)).at("away").text
    assert (await look(home, "ben")).at("away").text == ""
    await act(home, "return", who="ana")
    assert (await look(home)).at("away").text == ""
    assert len(home.receiver.events()) == told


async def test_the_phone_shows_presses_and_answers(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.send(type="template", template=reminder())
    await home.sandbox.idle()
    async with reading(home, "ana"):
        async with asyncio.timeout(5):
            while home.cloud.thread(ANA)[0].tick is not Tick.READ:  # noqa: ASYNC110 - an open page is a phone that lies open
                await asyncio.sleep(0.01)
    seen = await look(home)
    message = home.cloud.thread(ANA)[0]
    bubble = seen.at(f"m-{message.id}").text
    assert "Hola Ana, tu café sigue en la cesta." in bubble
    assert "Responde STOP para no recibir más" in bubble
    assert [node.text for node in seen.of("bubble-header")] == ["Casa Bonita"]
    assert [node.text.split()[-1] for node in seen.of("stamp")] == ["read"]
    await act(home, "press", who="ana", message=message.id, value="dear")
    await act(home, "say", who="ana", text=" <b>hola</b> ")
    seen = await look(home)
    assert [node.text for node in seen.of("words")][1:] == ["Es demasiado caro", "<b>hola</b>"]
    assert [node.text for node in seen.of("quote")] == ["Casa Bonita Hola Ana, tu café sigue en la cesta."]
    assert [one["type"] for one in home.receiver.values("messages")] == ["button", "text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*now* or _never_, ~no~", "<b>now</b> or <i>never</i>, <s>no</s>"),
        ("*a\nb* 2 * 3 * 4 a_b_c 5*6*7 **", "*a\nb* 2 * 3 * 4 a_b_c 5*6*7 **"),
        ("<b>*x*</b>", "&lt;b&gt;<b>x</b>&lt;/b&gt;"),
        (
            'https://a.example/?x=1&y="<z>',
            '<a href="https://a.example/?x=1&amp;y=" target="_blank" rel="noopener noreferrer">https://a.example/?x=1&amp;y=</a>&#34;&lt;z&gt;',
        ),
        ("javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x"),
        ("", ""),
    ],
)
def test_whatsapps_marks_become_markup_and_nothing_else_does(text: str, expected: str) -> None:
    assert formatted(text) == expected


async def test_only_web_addresses_become_link_buttons(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    for url in ("https://shop.example/x", "javascript:alert(1)", "https-is:not-this"):
        buttons = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Look", "url": url}]}
        name = f"look_{len(home.cloud.templates)}"
        await home.create({"name": name, "language": "es", "category": "UTILITY", "components": [{"type": "BODY", "text": "x"}, buttons]})
        await home.send(type="template", template={"name": name, "language": {"code": "es"}})
    seen = await look(home)
    assert [(node.tag, node.attributes.get("href")) for node in seen.of("answer")] == [
        ("a", "https://shop.example/x"),
        ("span", None),
        ("span", None),
    ]


async def test_a_list_opens_like_a_list_and_an_offer_shows_its_code(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    rows = [{"id": f"r{number}", "title": f"Row {number}", "description": "more"} for number in range(4)]
    action = {"button": "Choose", "sections": [{"title": "All", "rows": rows}]}
    await home.send(type="interactive", interactive={"type": "list", "body": {"text": "x"}, "action": action})
    coupon = {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "text": "Copy code", "example": "SAVE20"}]}
    body = {"type": "BODY", "text": "Here it is."}
    await home.create({"name": "offer", "language": "es", "category": "MARKETING", "components": [body, coupon]})
    code = {"type": "button", "sub_type": "copy_code", "index": "0", "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}]}
    await home.send(type="template", template={"name": "offer", "language": {"code": "es"}, "components": [code]})
    seen = await look(home)
    opener = seen.of("list")[0]
    assert opener.text == "Choose"
    assert seen.at(opener.attributes["popovertarget"]).text.startswith("Choose All Row 0 more")
    assert [node.text for node in seen.of("row")] == [f"Row {number} more" for number in range(4)]
    assert [node.text for node in seen.of("coupon")] == ["Code SAVE20"]
    assert [(node.attributes["data-copy"], node.attributes["data-into"]) for node in seen.of("code")] == [("SAVE20", "#code")]
    await act(home, "press", who="ana", message=home.cloud.thread(ANA)[1].id, value="r2")
    assert home.receiver.values("messages")[-1]["interactive"]["list_reply"]["id"] == "r2"


async def test_the_clock_is_turned_by_the_page_but_not_for_ever() -> None:
    due: list[datetime] = [NOON + timedelta(hours=30)]

    async def next_due() -> datetime | None:
        return due[0] if due else None

    async with house(next_due=next_due) as home:
        await act(home, "clock", who="ana", minutes="60")
        seen = await look(home)
        assert seen.at("time").attributes["datetime"] == "2026-11-24T12:00Z"
        assert seen.at("next").text == "Next in 29 h"
        await act(home, "clock", who="ana", minutes="")
        assert home.clock.now == due[0]
        await act(home, "clock", who="ana", minutes="-60")
        assert home.clock.now == due.pop()
        await act(home, "clock", who="ana")
        seen = await look(home)
        assert (seen.at("next").text, "disabled" in seen.at("next").attributes) == ("Next: nothing yet", True)
        assert await act(home, "clock", who="ana", minutes=str(10**7)) == 204
        assert home.clock.now == NOON + timedelta(hours=30, days=60)
        assert await act(home, "clock", who="ana", minutes=str(10**15)) == 422


@pytest.mark.parametrize(("due", "moved"), [(-timedelta(hours=1), timedelta()), (timedelta(days=400), timedelta(days=60))])
async def test_next_never_turns_the_clock_back_nor_out_of_sight(due: timedelta, moved: timedelta) -> None:
    async def next_due() -> datetime | None:
        return NOON + due

    async with house(next_due=next_due) as home:
        await act(home, "clock", who="ana")
        assert home.clock.now == NOON + moved


async def test_consent_and_the_phones_own_stop_are_told(home: House) -> None:
    await act(home, "consent", who="dora", channel="whatsapp", granted="on")
    seen = await look(home, "dora")
    assert ["checked" in seen.at(f"agree-{channel}").attributes for channel in ("whatsapp", "ads")] == [True, False]
    await act(home, "consent", who="dora", channel="whatsapp")
    assert "checked" not in (await look(home, "dora")).at("agree-whatsapp").attributes
    assert (await look(home)).at("stop").text == "Stop offers"
    await act(home, "preference", who="ana", value="stop")
    assert (await look(home)).at("stop").text == "Resume offers"
    assert home.receiver.values("user_preferences")[0]["value"] == "stop"


async def test_the_desk_takes_over_answers_and_hands_back() -> None:
    desk = Desk()
    async with house(staff=desk) as home:
        assert (await look(home, "ben")).at("waits-ana").text.startswith("Ana waits for a person wants to talk")
        await act(home, "take", who="ana")
        seen = await look(home, "ben")
        assert not seen.has("waits-ana")
        assert seen.at("held-ana").text.startswith("Ana is with Eva")
        await act(home, "answer", who="ana", text="Hola, soy Eva")
        await act(home, "hand_back", who="ana")
        assert (await look(home, "ben")).at("waiting").text == ""
        assert desk.said == [("take", ANA), ("say", ANA, "Hola, soy Eva"), ("hand_back", ANA)]


async def test_a_fault_meets_the_next_message_alone(home: House) -> None:
    await act(home, "fault", who="ana", fault="rate_limited")
    assert (await look(home)).at("fault-rate_limited").text.endswith("1 times, armed")
    assert (await home.send())[0] == 429
    assert (await home.send())[0] == 400  # she has not written: the message itself is looked at again
    assert not (await look(home)).of("armed")
    for _ in range(9):
        await act(home, "fault", who="ana", fault="accept_then_cut")
    assert (await look(home)).at("fault-accept_then_cut").text.endswith(f"{MAX_FAULTS} times, armed")


async def test_webhooks_can_be_made_to_come_twice(home: House) -> None:
    await act(home, "switch", who="ana", switch="twice", on="on")
    await act(home, "say", who="ana", text="hola")
    await act(home, "switch", who="ana", switch="twice")
    await act(home, "say", who="ana", text="adiós")
    assert [one["text"]["body"] for one in home.receiver.values("messages")] == ["hola", "hola", "adiós"]


@pytest.mark.parametrize("name", ["twice", "overtake", "no_codes", "shop_down"])
async def test_what_stays_wrong_says_so_until_it_is_switched_off(home: House, name: str) -> None:
    before = (home.cloud.faults.duplicate, home.cloud.faults.reorder, home.shop.pool_empty, home.shop.down)
    for wish, checked in (({"on": "on"}, True), ({}, False)):
        await act(home, "switch", who="ana", switch=name, **wish)
        assert ("checked" in (await look(home)).at(f"switch-{name}").attributes) is checked
        now = (home.cloud.faults.duplicate, home.cloud.faults.reorder, home.shop.pool_empty, home.shop.down)
        assert (now != before) is checked
    assert len((await look(home)).at(f"about-{name}").text) > 20


class Musing:
    """A bot that thinks one thing of each."""

    async def picture(self, flow: str) -> str | None:
        return "<svg/>" if flow == "cart" else None

    async def of(self, phone: str) -> Mind:
        lines = (Line(0, "ask", "template cart_waiting", lit=True), Line(1, "", "too dear <really>"))
        return Mind(
            facts=("the bot speaks",),
            flows=(FlowNow("Cart reminder", "waits for an answer", False, lines, "cart"),),
            coming=(Coming(NOON + timedelta(hours=1, minutes=5), "Cart reminder goes on"),) if phone == BEN else (),
            timeline=(Thought(NOON, Mood.HELD, "Cart reminder", f"Waits: {phone}", "It is quiet hours where they are."),),
        )


async def test_what_the_bot_thinks_of_the_chosen_customer_is_shown() -> None:
    async def next_due() -> datetime | None:
        return NOON + timedelta(hours=1, minutes=5)

    async with house(staff=Desk(), next_due=next_due) as home:
        home.sandbox.know_the_bot(Musing(), DeskDoor("http://127.0.0.1:1/desk", "a-password"))
        seen = await look(home, "ben")
        assert "/flow/cart.svg" in {node.attributes.get("href") for node in seen.nodes}
        assert seen.at("door-password").text == "a-password"
        assert "http://127.0.0.1:1/desk" in {node.attributes.get("href") for node in seen.nodes}
        assert [node.text for node in seen.nodes if node.attributes.get("aria-current") == "step"] == ["here ask template cart_waiting"]
        assert "too dear <really>" in seen.at("flows").text
        assert seen.at("coming").text == "in 1 h 5 min 12:05 Cart reminder goes on"
        assert seen.at("timeline").text == f"Cart reminder 11:00 Waits: {BEN} It is quiet hours where they are."
        assert seen.of("mood-held")
        assert seen.at("next").text == "Next in 1 h 5 min Cart reminder goes on"
        assert (await look(home, "ana")).at("next").text == "Next in 1 h 5 min Ben: Cart reminder goes on"


# ---- the stream


@dataclass
class Event:
    """One server-sent event."""

    id: str
    name: str
    text: str

    @property
    def seen(self) -> Seen:
        return Seen(self.text)


async def next_event(reader: aiohttp.StreamReader, seconds: float = 10.0) -> Event:
    found: dict[str, list[str]] = {"id": [], "event": [], "data": []}
    async with asyncio.timeout(seconds):
        while line := (await reader.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name].append(value)
    return Event("".join(found["id"]), "".join(found["event"]), "\n".join(found["data"]))


@asynccontextmanager
async def reading(home: House, who: str, since: str = "", last: str = "") -> AsyncIterator[aiohttp.StreamReader]:
    headers = {"Last-Event-ID": last} if last else {}
    async with home.http.get(f"{home.url}/page/live?who={who}&since={since}", headers=headers) as stream:
        assert stream.content_type == "text/event-stream"
        yield stream.content


def since_of(seen: Seen) -> str:
    return re.sub(r".*since=", "", seen.at("live").attributes["sse-connect"])


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


# ---- the guide


async def test_the_guide_follows_where_the_visitor_is() -> None:
    desk = Desk()
    desk.queue = []
    due: list[datetime] = []

    async def next_due() -> datetime | None:
        return due[0] if due else None

    async def hint(who: str = "ana") -> str:
        return (await look(home, who)).at("hint").text

    async with house(staff=desk, next_due=next_due) as home:
        assert (await hint()).startswith(f"Try this 1/{STATIONS} Put something into the cart")
        await act(home, "cart", who="ana", product="p-moka", quantity="1")
        assert "leave the shop" in await hint()
        await act(home, "leave", who="ana")
        due.append(NOON + timedelta(hours=1))
        assert "Turn the clock" in await hint()
        await home.create(CART_REMINDER)
        await home.send(type="template", template=reminder())
        assert "Answer as Ana: press a button on the phone, or write “es muy caro”" in await hint()
        await act(home, "say", who="ana", text="es muy caro")
        assert "STOP" in await hint()
        await act(home, "say", who="ana", text="STOP")
        assert "Become Ben" in await hint()
        assert "Write to the shop as Ben" in await hint("ben")
        desk.queue = [(BEN, "asked")]
        assert "Ben waits for a person. Take over" in await hint()
        desk.queue, desk.taken = [], {BEN: "Sam"}
        assert "answer Ben" in await hint()
        desk.taken = {}
        assert "That was the tour" in await hint()


async def test_what_the_guide_offers_can_be_done_with_one_button(home: House) -> None:
    for expected in ("cart", "leave"):
        form = next(node for node in (await look(home)).nodes if node.attributes.get("action") == f"/page/{expected}")
        assert form.tag == "form"
        assert await act(home, expected, who="ana", product="p-espresso", quantity="1") == 204
    assert home.shop.cart("ana").lines == {"p-espresso": 1}


# ---- what is refused


async def test_without_javascript_a_form_answers_with_the_page(home: House) -> None:
    wish = {"who": "ben", "text": "hello"}
    async with home.http.post(f"{home.url}/page/say", data=wish) as response:
        assert (response.status, str(response.url)) == (200, f"{home.url}/?who=ben")
        assert "hello" in Seen(await response.text()).at("messages").text
    async with home.http.post(f"{home.url}/page/say", data={**wish, "seen_as": "//evil.example"}, allow_redirects=False) as response:
        assert response.headers["Location"].startswith("/?who=")


async def test_without_a_desk_there_is_no_desk(home: House) -> None:
    assert await act(home, "take", who="ana") == 422
    seen = await look(home, "nobody")
    assert not seen.has("desk")
    assert "checked" in seen.at("person-ana").attributes


@pytest.mark.parametrize(
    ("action", "wish", "expected"),
    [
        ("explode", {"who": "ana"}, 404),
        ("cart", {"who": "eve", "product": "p-moka", "quantity": "1"}, 422),
        ("cart", {"who": "ana", "product": "p-none", "quantity": "1"}, 422),
        ("cart", {"who": "ana", "product": "p-moka", "quantity": "many"}, 422),
        ("cart", {"who": ""}, 422),
        ("cart", {}, 422),
        ("buy", {"who": "ana", "code": ""}, 422),
        ("say", {"who": "ana", "text": "  "}, 422),
        ("say", {"who": "ana"}, 422),
        ("say", {"who": "ana", "text": "x" * 4097}, 422),
        ("press", {"who": "ana", "message": "wamid.x", "value": "y"}, 422),
        ("order", {"who": "ana", "order": "o-1", "step": "deliver"}, 422),
        ("consent", {"who": "ana", "channel": "fax", "granted": "on"}, 422),
        ("preference", {"who": "ana", "value": "perhaps"}, 422),
        ("fault", {"who": "ana", "fault": "earthquake"}, 422),
        ("switch", {"who": "ana", "switch": "earthquake"}, 422),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(home: House, action: str, wish: dict[str, str], expected: int) -> None:
    assert await act(home, action, **wish) == expected


async def test_what_is_no_form_is_refused(home: House) -> None:
    for body in (b"[]", b"null", b'{"who": "ana"}', b"\xff"):
        async with home.http.post(f"{home.url}/page/leave", data=body, headers={"Content-Type": "application/json"}) as response:
            assert response.status == 422


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
async def test_only_the_page_itself_may_change_anything(home: House, headers: dict[str, str], expected: int) -> None:
    assert await act(home, "leave", headers, who="ana") == expected


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


@pytest.mark.parametrize("path", ["/c/ch-none", "/t/o-none", "/r/o-none", "/phone.py", "/phone.js", "/browser/VENDOR.json"])
async def test_what_is_not_there_is_not_found(home: House, path: str) -> None:
    async with home.http.get(home.url + path) as response:
        assert response.status == 404
