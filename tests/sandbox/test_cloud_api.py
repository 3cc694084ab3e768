"""The Cloud API keeps Meta's rules and tells what happened by signed webhooks."""

import hmac
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.cloud.bubble import Tick
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.limit import SendLimit

from .house import ANA, BEN, CART_REMINDER, NOON, House, house, reminder


def code(answer: dict[str, Any]) -> int:
    """The Graph error code of an answer."""
    found: int = answer["error"]["code"]
    return found


async def test_a_wrong_token_is_refused(home: House) -> None:
    status, answer = await home.call("GET", f"/{home.cloud.number.id}", token="another")
    assert (status, code(answer)) == (401, 190)


async def test_free_text_needs_a_message_of_the_last_24_hours(home: House) -> None:
    assert code((await home.send())[1]) == 131047
    home.cloud.receive_from(ANA, "hola")
    home.clock.now += timedelta(hours=23, minutes=59)
    assert (await home.send())[0] == 200
    home.clock.now += timedelta(minutes=1)
    assert code((await home.send())[1]) == 131047


async def test_a_template_is_written_into_the_phone_with_its_words(home: House) -> None:
    status, made = await home.create(CART_REMINDER)
    assert (status, made["status"], made["category"]) == (200, "APPROVED", "MARKETING")
    status, answer = await home.send(type="template", template=reminder(), key="ob:1")
    assert (status, answer["messages"][0]["message_status"]) == (200, "accepted")
    assert answer["contacts"] == [{"input": ANA, "wa_id": ANA[1:]}]
    drawing = home.cloud.thread(ANA)[0].drawing
    assert (drawing.header, drawing.body) == ("Casa Bonita", "Hola Ana, tu café sigue en la cesta.")
    assert [(one.title, one.value) for one in drawing.buttons] == [
        ("Ver la cesta", "https://s.example/c/ch-1"),
        ("Es demasiado caro", "dear"),
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (reminder("es_ES"), 132001),
        (reminder("en"), 132001),
        (reminder() | {"name": "cart_remainder"}, 132001),
        (reminder(name="Ana"), 132000),
        (reminder(name="Ana", items="café"), 132000),
        (reminder(name="Ana", item="café", more="x"), 132000),
        (reminder(name="Ana", item="dos\nlíneas"), 132018),
        (reminder(name="Ana", item="x" * 1100), 132005),
        (reminder() | {"components": reminder()["components"][:1]}, 131008),
        ({"name": "cart_reminder"}, 131008),
    ],
)
async def test_a_template_must_fit_exactly(home: House, template: dict[str, Any], expected: int) -> None:
    await home.create(CART_REMINDER)
    status, answer = await home.send(type="template", template=template)
    assert code(answer) == expected
    assert status == (404 if expected == 132001 else 400)
    assert home.cloud.accepted == []


async def test_a_template_under_review_or_paused_is_not_sent() -> None:
    async with house(approve_at_once=False) as home:
        assert (await home.create(CART_REMINDER))[1]["status"] == "PENDING"
        assert code((await home.send(type="template", template=reminder()))[1]) == 132001
        home.cloud.review("cart_reminder", "es", "APPROVED")
        assert (await home.send(type="template", template=reminder()))[0] == 200
        home.cloud.review("cart_reminder", "es", "PAUSED")
        assert code((await home.send(type="template", template=reminder()))[1]) == 132015
        await home.sandbox.idle()
        told = [one["value"]["event"] for one in home.receiver.changes() if one["field"] == "message_template_status_update"]
        assert told == ["APPROVED", "PAUSED"]


@pytest.mark.parametrize(
    ("change", "subcode"),
    [
        ({"name": "Cart Reminder"}, None),
        ({"language": "español"}, None),
        ({"category": "PROMO"}, None),
        ({"components": [{"type": "BODY", "text": "x" * 551}]}, 2388040),
        ({"components": [{"type": "BODY", "text": "{{1}} hola"}]}, 2388299),
        ({"components": [{"type": "BODY", "text": "hola {{1}}, tú"}]}, 2388043),
        ({}, 2388024),
    ],
)
async def test_a_faulty_template_is_not_created(home: House, change: dict[str, Any], subcode: int | None) -> None:
    await home.create(CART_REMINDER)
    status, answer = await home.create(CART_REMINDER | change)
    assert (status, code(answer), answer["error"].get("error_subcode")) == (400, 100, subcode)


async def test_templates_are_listed_in_pages_and_deleted_by_name(home: House) -> None:
    for language in ("es", "en_GB", "pt_BR"):
        await home.create(CART_REMINDER | {"language": language})
    path = f"/{home.cloud.waba_id}/message_templates"
    _, first = await home.call("GET", f"{path}?limit=2")
    _, second = await home.call("GET", f"{path}?limit=2&after={first['paging']['cursors']['after']}")
    assert [one["language"] for one in first["data"] + second["data"]] == ["es", "en_GB", "pt_BR"]
    assert "next" in first["paging"]
    assert "next" not in second["paging"]
    _, one = await home.call("GET", f"{path}?language=en_GB")
    assert (await home.call("GET", f"/{one['data'][0]['id']}"))[1]["name"] == "cart_reminder"
    assert await home.call("DELETE", f"{path}?name=cart_reminder") == (200, {"success": True})
    assert (await home.call("GET", path))[1]["data"] == []


async def test_statuses_climb_and_are_signed(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    _, answer = await home.send(key="ob:7")
    await home.sandbox.idle()
    assert home.cloud.thread(ANA)[-1].tick is Tick.DELIVERED
    home.cloud.read(ANA)
    home.cloud.read(ANA)
    await home.sandbox.idle()
    statuses = home.receiver.values("statuses")
    assert [one["status"] for one in statuses] == ["sent", "delivered", "read"]
    assert {one["biz_opaque_callback_data"] for one in statuses} == {"ob:7"}
    assert {one["id"] for one in statuses} == {answer["messages"][0]["id"]}
    assert statuses[0]["pricing"] == {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    assert statuses[0]["timestamp"] == str(int(home.clock.now.timestamp()))
    for post in home.receiver.posts:
        digest = hmac.new(b"sandbox-app-secret", post.body, "sha256").hexdigest()
        assert post.headers["X-Hub-Signature-256"] == f"sha256={digest}"
        assert post.body.isascii()


async def test_what_the_customer_writes_and_presses_arrives_as_meta_tells_it(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.send(type="template", template=reminder())
    home.cloud.press(ANA, "Es demasiado caro")
    choice = {"type": "reply", "reply": {"id": "run:1:yes", "title": "Sí"}}
    words = {"type": "button", "body": {"text": "¿Un descuento?"}, "action": {"buttons": [choice]}}
    assert (await home.send(type="interactive", interactive=words))[0] == 200
    home.cloud.press(ANA, "run:1:yes")
    home.cloud.receive_from(ANA, "¿Envío? ñ 👋")
    await home.sandbox.idle()
    template, question = (one for one in home.cloud.thread(ANA) if not one.by_customer)
    quick, reply, text = home.receiver.values("messages")
    assert (quick["type"], quick["button"]) == ("button", {"payload": "dear", "text": "Es demasiado caro"})
    assert quick["context"]["id"] == template.id
    assert reply["interactive"] == {"type": "button_reply", "button_reply": {"id": "run:1:yes", "title": "Sí"}}
    assert reply["context"]["id"] == question.id
    assert text["text"] == {"body": "¿Envío? ñ 👋"}
    assert text["from"] == ANA[1:]
    contact = home.receiver.changes()[-1]["value"]["contacts"][0]
    assert contact["profile"]["name"] == "Ana García"
    assert contact["user_id"].startswith("ES.")


async def test_those_who_hide_their_number_are_reached_by_their_user_id(home: House) -> None:
    ana = home.cloud.introduce(ANA, "Ana", username="ana.g")
    home.cloud.receive_from(ANA, "hola")
    body = {"messaging_product": "whatsapp", "recipient": ana.user_id, "type": "text", "text": {"body": "hi"}}
    status, answer = await home.call("POST", f"/{home.cloud.number.id}/messages", body)
    assert (status, answer["contacts"]) == (200, [{"input": ana.user_id, "user_id": ana.user_id}])
    await home.sandbox.idle()
    assert all("from" not in one for one in home.receiver.values("messages"))
    assert all("recipient_id" not in one for one in home.receiver.values("statuses"))
    assert all("wa_id" not in change["value"]["contacts"][0] for change in home.receiver.changes())


async def test_marketing_stops_when_the_customer_stopped_promotions(home: House) -> None:
    await home.create(CART_REMINDER)
    home.cloud.preference(ANA, "stop")
    assert code((await home.send(type="template", template=reminder()))[1]) == 131050
    home.cloud.preference(ANA, "resume")
    assert (await home.send(type="template", template=reminder()))[0] == 200
    await home.sandbox.idle()
    assert [one["value"] for one in home.receiver.values("user_preferences")] == ["stop", "resume"]
    assert isinstance(home.receiver.values("user_preferences")[0]["timestamp"], int)


async def test_marketing_to_the_united_states_is_refused_when_the_gate_is_on() -> None:
    async with house(us_gate=True) as home:
        await home.create(CART_REMINDER)
        assert code((await home.send("+16505551234", type="template", template=reminder()))[1]) == 131049
        assert (await home.send(ANA, type="template", template=reminder()))[0] == 200


async def test_both_speed_limits_are_token_buckets_of_the_clock() -> None:
    async with house(limit=SendLimit(per_second=5, pair_seconds=6, pair_burst=2)) as home:
        home.cloud.receive_from(ANA, "hola")
        home.cloud.receive_from(BEN, "hello")
        assert [(await home.send(ANA))[0] for _ in range(2)] == [200, 200]
        assert code((await home.send(ANA))[1]) == 131056
        home.clock.now += timedelta(seconds=6)
        assert (await home.send(ANA))[0] == 200
        assert code((await home.send(ANA))[1]) == 131056
        assert [(await home.send(BEN))[0] for _ in range(2)] == [200, 200]
        assert code((await home.send(BEN))[1]) == 131056
        assert code((await home.send(BEN))[1]) == 130429


def test_the_default_limits_are_metas() -> None:
    limit, sent = SendLimit(), list[int]()
    for wa_id in [ANA] * 50 + [str(number) for number in range(10_000_000, 10_000_050)]:
        try:
            limit.check(wa_id, NOON)
        except GraphError as error:
            sent.append(error.code)
    assert sent == [131056] * 5 + [130429] * 20


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"type": "text", "text": {"body": "x" * 4097}}, 131009),
        ({"type": "text", "text": {"body": "  "}}, 131008),
        ({"type": "text"}, 131008),
        ({"type": "poll"}, 131051),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "?"}, "action": {"buttons": []}}}, 131009),
        ({"type": "interactive", "interactive": {"type": "maze", "body": {"text": "?"}, "action": {}}}, 131009),
        ({"type": "text", "text": {"body": "x"}, "to": "Ana"}, 131009),
        ({"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 131009),
        ({"type": "text", "text": {"body": "x"}, "messaging_product": "sms"}, 100),
    ],
)
async def test_a_malformed_message_is_refused(home: House, parts: dict[str, Any], expected: int) -> None:
    home.cloud.receive_from(ANA, "hola")
    status, answer = await home.send(**parts)
    assert (status, code(answer)) == (400, expected)


async def test_a_read_receipt_colours_the_customers_own_ticks(home: House) -> None:
    wamid = home.cloud.receive_from(ANA, "hola")
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    path = f"/{home.cloud.number.id}/messages"
    assert await home.call("POST", path, body) == (200, {"success": True})
    assert home.cloud.thread(ANA)[0].tick is Tick.READ
    assert code((await home.call("POST", path, body | {"message_id": "wamid.x"}))[1]) == 100


async def test_a_foreign_object_is_unknown(home: House) -> None:
    status, answer = await home.call("GET", "/123456/phone_numbers")
    assert (status, code(answer), answer["error"]["error_subcode"]) == (400, 100, 33)


async def test_a_body_that_is_no_object_is_refused(home: House) -> None:
    headers = {"Authorization": f"Bearer {home.cloud.token}"}
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"1"):
        async with home.http.post(f"{home.graph}/{home.cloud.number.id}/messages", data=body, headers=headers) as response:
            assert (response.status, code(await response.json())) == (400, 100)


async def test_number_and_subscription_answer(home: House) -> None:
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[1]["verified_name"] == "Casa Bonita"
    path = f"/{home.cloud.waba_id}/subscribed_apps"
    assert (await home.call("GET", path))[1] == {"data": []}
    assert await home.call("POST", path) == (200, {"success": True})
    assert len((await home.call("GET", path))[1]["data"]) == 1
