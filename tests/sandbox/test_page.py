"""The demo page's parts, forms and stream, without a browser."""

import asyncio
import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from bot.sandbox.cloud.bubble import Tick
from bot.sandbox.pages.demo_view import DeskDoor
from bot.sandbox.pages.fault_board import MAX_FAULTS
from bot.sandbox.pages.phone_view import formatted
from bot.sandbox.pages.thought import Coming, FlowNow, Line, Mind, Mood, Thought

from .house import ANA, BEN, CART_REMINDER, NOON, House, house, reminder
from .seen import Desk, Seen, act, look, reading

BROWSER = Path(__file__).parents[2] / "bot" / "browser"
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
    assert seen.at("cart").text.startswith("Moka pot, six cups − 2 + €64.00 Total €64.00")
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
