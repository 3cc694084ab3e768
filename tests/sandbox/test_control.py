"""A test in any language leads the sandbox by HTTP: it is the customer, it is Meta, it switches rules and faults, it looks."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.cloud.control import CONTROLS

from .files import JPEG, OGG
from .house import ANA, CART_REMINDER, House, reminder

WHO = f"customers/{ANA}"


async def do(home: House, path: str, body: object = None, method: str = "POST") -> dict[str, Any]:
    """One call that must be understood."""
    async with home.http.request(method, f"{home.url}/control{path and '/'}{path}", json=body) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def told(home: House, kind: str = "messages") -> list[dict[str, Any]]:
    """What the bot was told so far."""
    await do(home, "idle")
    return home.receiver.values(kind)


async def test_the_list_names_what_can_be_done_and_all_of_it_is_there(home: House) -> None:
    listed = (await do(home, "", method="GET"))["controls"]
    assert len(listed) == len(CONTROLS)
    names = {"name": "cart_reminder", "language": "es", "number": home.cloud.number.id, "phone": ANA, "place": "0"}
    for one in CONTROLS:
        async with home.http.request(one.method, home.url + one.path.format(**names), json={}) as response:
            assert response.status in (200, 422), one


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ({"text": "Hi"}, "text", {"body": "Hi"}),
        ({"type": "location", "location": {"latitude": 40.4, "longitude": -3.7}}, "location", {"latitude": 40.4, "longitude": -3.7}),
        ({"type": "contacts", "contacts": [{"name": {"formatted_name": "R"}}]}, "contacts", [{"name": {"formatted_name": "R"}}]),
        ({"raw": {"type": "button", "button": {"payload": "p", "text": "t"}}}, "button", {"payload": "p", "text": "t"}),
        ({"type": "unsupported"}, "unsupported", {"type": "poll_creation"}),
        (
            {"type": "flow", "answers": {"size": "M"}},
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"size": "M"}'}},
        ),
        (
            {"type": "order", "order": {"product_items": [{"product_retailer_id": "p-1", "quantity": 2}]}},
            "order",
            {
                "catalog_id": "194836987003835",
                "text": "",
                "product_items": [{"quantity": 2, "item_price": 0, "currency": "EUR", "product_retailer_id": "p-1"}],
            },
        ),
    ],
)
async def test_a_customer_sends_any_kind(home: House, body: dict[str, Any], kind: str, expected: object) -> None:
    wamid = (await do(home, f"{WHO}/messages", body | {"reply_to": "wamid.before"}))["id"]
    (message,) = await told(home)
    assert (message["id"], message["type"], message[kind]) == (wamid, kind, expected)
    assert message["context"] == {"from": home.cloud.number.display, "id": "wamid.before"}
    assert [one["id"] for one in (await do(home, f"{WHO}/thread", method="GET"))["data"]] == [wamid]


async def test_a_customer_sends_a_file_that_the_bot_can_fetch(home: House) -> None:
    content = base64.b64encode(OGG).decode()
    await do(home, f"{WHO}/messages", {"type": "audio", "base64": content, "mime_type": "audio/ogg; codecs=opus", "voice": True})
    (message,) = await told(home)
    assert (message["audio"]["mime_type"], message["audio"]["voice"]) == ("audio/ogg; codecs=opus", True)
    headers = {"Authorization": f"Bearer {home.cloud.token}"}
    described = (await home.call("GET", f"/{message['audio']['id']}"))[1]
    for url in (described["url"], message["audio"]["url"]):
        async with home.http.get(url, headers=headers) as response:
            assert (response.status, await response.read()) == (200, OGG)


async def test_a_customer_comes_by_an_ad_reacts_edits_deletes_calls_moves_and_stops(home: House) -> None:
    first = (await do(home, f"{WHO}/messages", {"text": "Hi", "referral": {"headline": "Sale"}}))["id"]
    await do(home, f"{WHO}/react", {"message_id": first, "emoji": "👍"})
    await do(home, f"{WHO}/edit", {"message_id": first, "text": "Hello"})
    await do(home, f"{WHO}/revoke", {"message_id": first})
    await do(home, f"{WHO}/call")
    await do(home, f"{WHO}/preference", {"value": "stop"})
    before = home.cloud.customer(ANA).user_id
    await do(home, f"{WHO}/user_id")
    after = home.cloud.customer(ANA).user_id
    await do(home, f"{WHO}/echo", {"text": "Sam here"})
    await do(home, f"{WHO}/number", {"to": "+34600000009"})
    messages = await told(home)
    assert [one["type"] for one in messages] == ["text", "reaction", "edit", "revoke", "system", "system"]
    assert messages[0]["referral"]["headline"] == "Sale"
    assert messages[0]["referral"]["ctwa_clid"]
    assert messages[2]["edit"] == {"original_message_id": first, "message": {"id": first, "type": "text", "text": {"body": "Hello"}}}
    assert (messages[4]["from_user_id"], messages[4]["system"]["user_id"]) == (before, after)
    assert messages[5]["system"]["wa_id"] == "34600000009"
    assert [one["event"] for one in home.receiver.values("calls")] == ["connect", "terminate"]
    assert [one["value"] for one in home.receiver.values("user_preferences")] == ["stop"]
    assert [one["user_id"] for one in home.receiver.values("user_id_update")] == [{"previous": before, "current": after}]
    assert [one["text"]["body"] for one in home.receiver.values("message_echoes")] == ["Sam here"]
    people = (await do(home, "customers", method="GET"))["data"]
    assert next(one for one in people if one["wa_id"] == "34600000009")["stopped_marketing"] is True


async def test_a_customer_presses_and_hides_the_number(home: House) -> None:
    await do(home, WHO, {"name": "Ana", "username": "ana.g", "linked": True})
    await home.create(CART_REMINDER)
    await home.send(type="template", template=reminder())
    await do(home, f"{WHO}/press", {"button": "Es demasiado caro"})
    (message,) = await told(home)
    assert (message["button"]["payload"], "from" in message) == ("dear", False)
    assert message["from_parent_user_id"].startswith("ES.ENT.")
    contact = home.receiver.changes()[-1]["value"]["contacts"][0]
    assert (contact["profile"], "wa_id" in contact) == ({"name": "Ana", "username": "ana.g"}, False)


async def test_the_clock_the_rules_and_the_limits_are_turned(home: House) -> None:
    await do(home, f"{WHO}/messages", {"text": "Hi"})
    before = home.clock.now
    await do(home, "clock", {"seconds": 24 * 3600})
    assert home.clock.now == before + timedelta(days=1)
    assert (await home.send())[0] == 400
    assert (await do(home, "rules", {"window": False}))["window"] is False
    assert (await home.send())[0] == 200
    await do(home, "limits", {"per_second": 2, "pair_seconds": None, "people_a_day": 250})
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[1]["whatsapp_business_manager_messaging_limit"] == "TIER_250"
    assert [(await home.send())[0] for _ in range(3)] == [200, 200, 400]
    await do(home, "token", {"token": "another", "expires_in": 60})
    assert (await home.call("GET", f"/{home.cloud.number.id}", token="another"))[0] == 200
    await do(home, "clock", {"seconds": 60})
    assert (await home.call("GET", f"/{home.cloud.number.id}", token="another"))[0] == 401


async def test_a_test_is_meta(home: House) -> None:
    await home.create(CART_REMINDER)
    path = "templates/cart_reminder/es"
    await do(home, path, {"status": "REJECTED", "reason": "PROMOTIONAL"})
    await do(home, path, {"status": "APPROVED"})
    await do(home, path, {"pause": "quality"})
    await do(home, path, {"quality": "RED", "category": "UTILITY", "at_once": True})
    await do(home, f"numbers/{home.cloud.number.id}", {"quality": "RED"})
    await do(home, "numbers", {"id": "42", "display": "15550001111", "name": "Second"})
    await do(home, "account", {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "ADULT"}})
    await do(home, "change", {"field": "security", "value": {"event": "PIN_CHANGED"}})
    await do(home, "idle")
    fields = [one["field"] for one in home.receiver.changes()]
    assert fields == [
        *["message_template_status_update"] * 4,
        "message_template_quality_update",
        "template_category_update",
        "phone_number_quality_update",
        "account_update",
        "security",
    ]
    assert [one["value"]["event"] for one in home.receiver.changes()[:4]] == ["APPROVED", "REJECTED", "APPROVED", "PAUSED"]
    assert (await home.call("GET", "/42"))[1]["verified_name"] == "Second"


async def test_a_test_looks_at_what_was_sent_and_told_and_starts_anew(home: House) -> None:
    await do(home, f"{WHO}/messages", {"text": "Hi"})
    await home.send(key="ob:1")
    await do(home, "idle")
    sent = (await do(home, "sent", method="GET"))["data"]
    assert [(one["to"], one["payload"]["text"]) for one in sent] == [(ANA[1:], {"body": "Hello"})]
    assert [one["taken"] for one in (await do(home, "deliveries", method="GET"))["data"]] == [True] * 3
    assert await do(home, "deliveries/0/replay") == {"status": 200}
    assert home.receiver.posts[0].body == home.receiver.posts[-1].body
    state = await do(home, "state", method="GET")
    assert (state["accepted"], state["api"], state["app_secret"]) == (1, home.url, home.cloud.app_secret)
    await do(home, "reset")
    assert (await do(home, "customers", method="GET"))["data"] == []
    assert (await do(home, "state", method="GET"))["accepted"] == 0
    assert (await home.send())[0] == 400


async def test_a_file_of_the_business_is_shown_on_the_phone(home: House) -> None:
    await do(home, f"{WHO}/messages", {"text": "Hi"})
    file = home.cloud.media.upload(JPEG, "image/jpeg")
    await home.send(type="image", image={"id": file.id, "caption": "A cup"})
    last = (await do(home, f"{WHO}/thread", method="GET"))["data"][-1]
    assert (last["drawing"]["body"], last["drawing"]["media"]["id"], last["by_customer"]) == ("A cup", file.id, False)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customers/nobody/messages", {"text": "Hi"}),
        (f"{WHO}/messages", {"type": "poll"}),
        (f"{WHO}/messages", {"type": "image", "base64": "?", "mime_type": "image/jpeg"}),
        (f"{WHO}/messages", []),
        (f"{WHO}/press", {"button": "nowhere"}),
        (f"{WHO}/edit", {"message_id": "wamid.x", "text": "y"}),
        (f"{WHO}/fly", {}),
        (f"{WHO}/preference", {"value": "maybe"}),
        ("clock", {"seconds": -1}),
        ("clock", {"seconds": "NaN"}),
        ("rules", {"nonsense": True}),
        ("limits", {"per_minute": 1}),
        ("templates/none/es", {"status": "PAUSED"}),
        ("numbers/1", {"quality": "RED"}),
        ("change", {"field": "x", "value": 1}),
        ("deliveries/9/replay", {}),
    ],
)
async def test_what_makes_no_sense_is_said(home: House, path: str, body: object) -> None:
    async with home.http.post(f"{home.url}/control/{path}", json=body) as response:
        assert response.status == 422
        assert (await response.json())["error"]


async def test_no_foreign_page_leads_the_sandbox(home: House) -> None:
    async with home.http.post(f"{home.url}/control/reset", headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
