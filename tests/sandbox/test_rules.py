"""The rules of the real API, each switched as a test needs it: windows, caps, ways, prices, what becomes of templates, held messages."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.sandbox.cloud.bubble import Drawing, Tick
from bot.sandbox.cloud.rule import Rules

from .files import JPEG
from .house import ANA, BEN, CART_REMINDER, House, house, reminder
from .test_cloud_api import code

BODY = {"type": "BODY", "text": "Your order {{1}} is on its way.", "example": {"body_text": [["#42"]]}}
ORDER_UPDATE = {"name": "order_update", "language": "en", "category": "UTILITY", "components": [BODY]}
ORDER = {
    "name": "order_update",
    "language": {"code": "en"},
    "components": [{"type": "BODY", "parameters": [{"type": "text", "text": "#1"}]}],
}
NEW_YORK, TORONTO, DELHI = "+12125550123", "+14165550123", "+919810012345"


async def remind(home: House, to: str = ANA, edge: str = "messages", **more: Any) -> int:
    """One reminder; 0 when it was accepted, else the error's code."""
    body = {"messaging_product": "whatsapp", "to": to, "type": "template", "template": reminder()} | more
    status, answer = await home.call("POST", f"/{home.cloud.number.id}/{edge}", body)
    return 0 if status == 200 else code(answer)


# who may be written to


async def test_each_person_gets_so_many_marketing_messages_a_day(home: House) -> None:
    await home.create(CART_REMINDER)
    home.cloud.rules.marketing_cap = 2
    assert [await remind(home, DELHI) for _ in range(3)] == [0, 0, 131049]
    assert [await remind(home, ANA) for _ in range(3)] == [0, 0, 0]  # no cap in the EEA
    home.clock.now += timedelta(hours=24)
    assert await remind(home, DELHI) == 0
    home.cloud.receive_from(DELHI, "hi")
    assert [await remind(home, DELHI) for _ in range(3)] == [0, 0, 0]  # nor inside the reply window


async def test_the_portfolio_writes_to_so_many_people_a_day(home: House) -> None:
    await home.create(CART_REMINDER)
    home.cloud.set_daily_people(2)
    people = [f"+3460000001{place}" for place in range(3)]
    assert [await remind(home, one) for one in people] == [0, 0, 131048]
    assert await remind(home, people[0]) == 0
    home.cloud.receive_from(people[2], "hola")
    assert await remind(home, people[2]) == 0
    home.clock.now += timedelta(hours=24)
    home.cloud.customer(people[2]).last_wrote = None
    assert await remind(home, people[2]) == 0
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[1]["whatsapp_business_manager_messaging_limit"] == "TIER_2"
    home.cloud.faults.late_refusals = True
    assert await remind(home, BEN) == 0
    assert await remind(home, "+34600000099") == 0
    await home.sandbox.idle()
    assert [one["errors"][0]["code"] for one in home.receiver.values("statuses") if one["status"] == "failed"] == [131048]
    told = {one["field"]: one["value"] for one in home.receiver.changes()}
    assert told["business_capability_update"]["max_daily_conversations_per_business"] == 2
    assert told["phone_number_quality_update"]["event"] == "DOWNGRADE"


async def test_what_comes_in_counts_as_throughput(home: House) -> None:
    home.cloud.number.limit.set_speed(3)
    home.cloud.receive_from(ANA, "uno")
    home.cloud.receive_from(ANA, "dos")
    assert [(await home.send())[0] for _ in range(2)] == [200, 400]
    home.cloud.set_throughput(1000)
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[1]["throughput"] == {"level": "HIGH"}
    await home.sandbox.idle()
    told = [one["value"]["event"] for one in home.receiver.changes() if one["field"] == "phone_number_quality_update"]
    assert told == ["THROUGHPUT_UPGRADE"]


async def test_the_gate_of_the_united_states_goes_by_area_code(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.create(ORDER_UPDATE)
    home.cloud.rules.us_gate = True
    assert [await remind(home, one) for one in (NEW_YORK, TORONTO)] == [131049, 0]
    assert (await home.send(NEW_YORK, type="template", template=ORDER))[0] == 200


async def test_who_cannot_be_reached_is_told_at_once_or_later(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.customer(ANA).absent = True
    assert code((await home.send())[1]) == 131026
    home.cloud.customer(ANA).absent = False
    home.cloud.customer(ANA).blocked = True
    await home.send(key="ob:1")
    home.cloud.rules.blocked_is_told = False
    await home.send(key="ob:2")
    await home.sandbox.idle()
    told = [(one["biz_opaque_callback_data"], one["status"]) for one in home.receiver.values("statuses")]
    assert sorted(told) == [("ob:1", "failed"), ("ob:1", "sent"), ("ob:2", "sent")]
    assert code((await home.send(f"+{home.cloud.number.display}"))[1]) == 131021
    home.cloud.rules.allow_list = [BEN[1:]]
    assert code((await home.send())[1]) == 131030


async def test_products_must_be_in_the_catalog_where_there_is_one(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.rules.catalog = ["p-1"]
    action = {"catalog_id": "c", "product_retailer_id": "p-2"}
    part = {"type": "product", "action": action, "body": {"text": "This"}}
    assert code((await home.send(type="interactive", interactive=part))[1]) == 131009
    part["action"] = action | {"product_retailer_id": "p-1"}
    assert (await home.send(type="interactive", interactive=part))[0] == 200


@pytest.mark.parametrize(
    ("path", "kind", "failed"),
    [
        ("/cup.jpg", "image", []),
        ("/cup.jpg", "video", [131053]),
        ("/cup.jpg", "document", []),
        ("/gone.jpg", "image", [131053]),
        ("/large.jpg", "image", [131053]),
    ],
)
async def test_a_file_that_cannot_be_fetched_fails_its_message(home: House, path: str, kind: str, failed: list[int]) -> None:
    async def jpeg(_: web.Request) -> web.Response:
        return web.Response(body=JPEG, content_type="image/jpeg")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=io.BytesIO(bytes(5 * 1024 * 1024 + 1)), content_type="image/jpeg")

    app = web.Application()
    app.add_routes([web.get("/cup.jpg", jpeg), web.get("/large.jpg", large)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        home.cloud.rules.fetch_links = True
        home.cloud.receive_from(ANA, "hola")
        link = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        message: dict[str, Any] = {"type": kind, kind: {"link": link}}
        assert (await home.send(**message))[0] == 200
        await home.sandbox.idle()
    finally:
        await runner.cleanup()
    last = home.receiver.values("statuses")[-1]
    assert ([one["code"] for one in last.get("errors", [])], last["status"]) == (failed, "failed" if failed else "delivered")


async def test_brazilian_numbers_are_reached_in_both_forms(home: House) -> None:
    home.cloud.introduce("+551199990003", "Carla", dialled="+5511999990003")
    home.cloud.receive_from("+5511999990003", "oi")
    status, answer = await home.send("+5511999990003")
    assert (status, answer["contacts"]) == (200, [{"input": "+5511999990003", "wa_id": "551199990003"}])


# marketing messages


async def test_marketing_messages_take_marketing_alone(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.create(ORDER_UPDATE)
    assert await remind(home, edge="marketing_messages", product_policy="STRICT", message_activity_sharing=True) == 0
    assert await remind(home, edge="marketing_messages", product_policy="ANYHOW") == 100
    assert await remind(home, edge="marketing_messages", template=ORDER) == 134100
    assert await remind(home, edge="marketing_messages", type="text", text={"body": "hi"}) == 134100
    home.cloud.rules.marketing_only_by_mm = True
    assert await remind(home) == 131063
    assert (await home.send(type="template", template=ORDER))[0] == 200
    home.cloud.rules.mm_signed = False
    assert await remind(home, edge="marketing_messages") == 134102
    await home.sandbox.idle()
    assert home.receiver.values("statuses")[0]["pricing"]["category"] == "marketing_lite"


# money


async def test_prices_follow_the_day_the_category_and_the_window(home: House) -> None:
    await home.create(CART_REMINDER)
    await home.create(ORDER_UPDATE)
    told: dict[str, dict[str, Any]] = {}
    for now in (datetime(2026, 9, 30, 12, tzinfo=UTC), datetime(2026, 10, 1, 12, tzinfo=UTC)):
        home.clock.now = now
        home.cloud.receive_from(ANA, "hola")
        await home.send(key=f"{now:%m}:service")
        await home.send(key=f"{now:%m}:utility", type="template", template=ORDER)
        await home.send(key=f"{now:%m}:marketing", type="template", template=reminder())
    await home.sandbox.idle()
    for one in home.receiver.values("statuses"):
        if one["status"] == "sent":
            told[one["biz_opaque_callback_data"]] = one["pricing"]
    assert {name: (price["type"], price["billable"], price["category"]) for name, price in told.items()} == {
        "09:service": ("free_customer_service", False, "service"),
        "09:utility": ("free_customer_service", False, "utility"),
        "09:marketing": ("regular", True, "marketing"),
        "10:service": ("regular", True, "service"),
        "10:utility": ("regular", True, "utility"),
        "10:marketing": ("regular", True, "marketing"),
    }


async def test_who_comes_by_an_ad_is_written_to_for_free_for_72_hours_from_the_first_answer(home: House) -> None:
    await home.create(CART_REMINDER)
    referral = {"type": "text", "text": {"body": "hi"}, "referral": {"source_type": "ad", "headline": "Sale"}}
    home.cloud.receive_raw(ANA, referral, Drawing(body="hi"))
    home.clock.now += timedelta(hours=2)
    answered = home.clock.now
    await home.send(key="first")
    home.clock.now += timedelta(hours=71)
    await remind(home, biz_opaque_callback_data="free")
    home.clock.now += timedelta(hours=1)
    await remind(home, biz_opaque_callback_data="charged")
    await home.sandbox.idle()
    sent = {one["biz_opaque_callback_data"]: one for one in home.receiver.values("statuses") if one["status"] == "sent"}
    assert [sent[name]["pricing"]["type"] for name in ("first", "free", "charged")] == ["free_entry_point", "free_entry_point", "regular"]
    assert sent["free"]["pricing"]["category"] == "referral_conversion"
    assert sent["first"]["conversation"]["expiration_timestamp"] == str(int((answered + timedelta(hours=72)).timestamp()))
    assert sent["first"]["conversation"]["id"] == sent["free"]["conversation"]["id"]
    assert "conversation" not in sent["charged"]


# what becomes of templates


def events(home: House) -> list[tuple[str, str]]:
    """What was told of templates: the event and the title of its reason."""
    values = [one["value"] for one in home.receiver.changes() if one["field"] == "message_template_status_update"]
    return [(one["event"], one.get("other_info", {}).get("title", "")) for one in values]


async def until(home: House, name: str, status: str) -> None:
    """Waits for the sandbox to look at the turned clock."""
    async with asyncio.timeout(5):
        while home.cloud.templates[name, "es"].status != status:  # noqa: ASYNC110 - the sandbox looks at a clock that is turned by hand
            await asyncio.sleep(0.01)
    await home.sandbox.idle()


async def test_a_review_takes_its_time_and_may_reject() -> None:
    async with house(approve_at_once=False) as home:
        home.cloud.rules.review_seconds, home.cloud.rules.rejected_words = 3600, ["casino"]
        await home.create(CART_REMINDER)
        await home.create(CART_REMINDER | {"name": "bad", "components": [{"type": "BODY", "text": "The Casino is open."}]})
        assert await remind(home) == 132001
        home.clock.now += timedelta(hours=1)
        await until(home, "cart_reminder", "APPROVED")
        await until(home, "bad", "REJECTED")
        assert await remind(home) == 0
        assert [event for event, _ in events(home)] == ["APPROVED", "REJECTED"]
        _, listed = await home.call("GET", f"/{home.cloud.waba_id}/message_templates?fields=name,rejected_reason&status=REJECTED")
        assert [(one["name"], one["rejected_reason"]) for one in listed["data"]] == [("bad", "INVALID_FORMAT")]


async def test_pauses_last_three_hours_then_six_then_the_template_is_disabled(home: House) -> None:
    await home.create(CART_REMINDER)
    for hours in (3, 6):
        home.cloud.book.pause("cart_reminder", "es")
        assert await remind(home) == 132015
        home.clock.now += timedelta(hours=hours, seconds=-1)
        assert await remind(home) == 132015
        home.clock.now += timedelta(seconds=1)
        assert await remind(home) == 0
    home.cloud.book.pause("cart_reminder", "es")
    assert await remind(home) == 132016
    await home.sandbox.idle()
    assert events(home) == [
        ("APPROVED", ""),
        ("PAUSED", "FIRST_PAUSE"),
        ("APPROVED", "UNPAUSE"),
        ("PAUSED", "SECOND_PAUSE"),
        ("APPROVED", "UNPAUSE"),
        ("DISABLED", "DISABLED"),
    ]


async def test_a_pause_for_pace_ends_when_the_business_ends_it(home: House) -> None:
    made = (await home.create(CART_REMINDER))[1]["id"]
    home.cloud.book.pause_for_pace("cart_reminder", "es")
    home.clock.now += timedelta(days=2)
    assert await remind(home) == 132015
    assert (await home.call("POST", f"/{made}/unpause"))[1] == {"success": True}
    assert await remind(home) == 0
    assert (await home.call("POST", f"/{made}/unpause"))[1]["success"] is False


async def test_an_approved_template_is_edited_once_a_day_and_ten_times_a_month(home: House) -> None:
    made = (await home.create(CART_REMINDER))[1]["id"]
    change = {"components": [{"type": "BODY", "text": "Nothing to fill in."}]}
    assert (await home.call("POST", f"/{made}", change))[0] == 200
    assert code((await home.call("POST", f"/{made}", change))[1]) == 100
    for _ in range(9):
        home.clock.now += timedelta(days=1)
        assert (await home.call("POST", f"/{made}", change))[0] == 200
    home.clock.now += timedelta(days=1)
    assert (await home.call("POST", f"/{made}", change))[0] == 400
    home.clock.now += timedelta(days=20)
    assert (await home.call("POST", f"/{made}", change))[0] == 200
    assert home.cloud.templates["cart_reminder", "es"].id == made


async def test_a_deleted_name_rests_for_thirty_days(home: House) -> None:
    await home.create(CART_REMINDER)
    assert (await home.call("DELETE", f"/{home.cloud.waba_id}/message_templates?name=cart_reminder"))[0] == 200
    assert (await home.create(CART_REMINDER))[1]["error"]["error_subcode"] == 2388023
    home.clock.now += timedelta(days=30)
    assert (await home.create(CART_REMINDER))[0] == 200


async def test_another_category_is_announced_a_day_before(home: House) -> None:
    await home.create(CART_REMINDER | {"category": "UTILITY"})
    home.cloud.book.set_category("cart_reminder", "es", "MARKETING")
    template = home.cloud.templates["cart_reminder", "es"]
    assert (template.category, template.as_json()["correct_category"]) == ("UTILITY", "MARKETING")
    home.clock.now += timedelta(hours=24)
    home.cloud.agenda.run_due()
    await home.sandbox.idle()
    notice, done = [one["value"] for one in home.receiver.changes() if one["field"] == "template_category_update"]
    assert (notice["correct_category"], notice["new_category"]) == ("MARKETING", "UTILITY")
    assert notice["category_update_timestamp"] == int(home.clock.now.timestamp())
    assert (done["previous_category"], done["new_category"]) == ("UTILITY", "MARKETING")
    home.cloud.book.set_quality("cart_reminder", "es", "YELLOW")
    await home.sandbox.idle()
    quality = home.receiver.changes()[-1]["value"]
    assert (quality["previous_quality_score"], quality["new_quality_score"]) == ("UNKNOWN", "YELLOW")


@pytest.mark.parametrize("fail", [False, True])
async def test_held_messages_are_released_or_fail(home: House, fail: bool) -> None:
    await home.create(CART_REMINDER)
    home.cloud.templates["cart_reminder", "es"].held = True
    body = {"messaging_product": "whatsapp", "to": ANA, "type": "template", "template": reminder()}
    _, answer = await home.call("POST", f"/{home.cloud.number.id}/messages", body)
    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"
    await home.sandbox.idle()
    assert home.receiver.values("statuses") == []
    assert home.cloud.thread(ANA) == ()
    assert home.cloud.release(fail=fail) == 1
    await home.sandbox.idle()
    last = home.receiver.values("statuses")[-1]
    assert last["status"] == ("failed" if fail else "delivered")
    assert [one["code"] for one in last.get("errors", [])] == ([132015] if fail else [])
    assert home.cloud.thread(ANA)[0].tick is (Tick.FAILED if fail else Tick.DELIVERED)


# what may be created and filled


CARD = {
    "components": [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "This"}]},
    ]
}
WORDS = {"type": "BODY", "text": "Look at these."}
OFFER = {"type": "limited_time_offer", "limited_time_offer": {"text": "Ends soon", "has_expiration": True}}


def buttons(*kinds: str) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": [{"type": kind, "text": "x", "example": "x", "url": "https://s.example"} for kind in kinds]}


@pytest.mark.parametrize(
    ("components", "subcode"),
    [
        ([WORDS, {"type": "HEADER", "format": "IMAGE"}], 2388043),
        ([WORDS, {"type": "HEADER", "format": "GIF"}], 2388047),
        ([WORDS, {"type": "HEADER", "text": "x" * 61}], 2388047),
        ([WORDS, {"type": "HEADER", "text": "{{1}} and {{2}}"}], 2388047),
        ([WORDS, {"type": "FOOTER", "text": "x" * 61}], 2388073),
        ([WORDS, {"type": "FOOTER", "text": "for {{1}}"}], 2388073),
        ([{"type": "BODY", "text": "😀" * 11}], 2388040),
        ([{"type": "BODY", "text": "a {{1}} {{2}} b", "example": {"body_text": [["1", "2"]]}}], 2388299),
        ([{"type": "BODY", "text": "a {{1}}, {{2}}- {{3}}!", "example": {"body_text": [["1", "2", "3"]]}}], None),
        ([{"type": "BODY", "text": "a{{1}},{{2}}.", "example": {"body_text": [["1", "2"]]}}], 2388293),
        ([WORDS, buttons(*["QUICK_REPLY"] * 11)], None),
        ([WORDS, buttons("URL", "URL", "URL")], None),
        ([WORDS, buttons("COPY_CODE", "COPY_CODE")], None),
        ([WORDS, buttons("QUICK_REPLY", "URL", "QUICK_REPLY")], None),
        ([WORDS, {"type": "carousel", "cards": [CARD]}], None),
        ([WORDS, {"type": "carousel", "cards": [CARD, {"components": CARD["components"][:1]}]}], None),
        ([WORDS, OFFER | {"limited_time_offer": {"text": "x" * 17}}], None),
        ([WORDS, OFFER, {"type": "FOOTER", "text": "no"}], 2388073),
        ([], 2388072),
    ],
)
async def test_what_meta_does_not_create_is_not_created(home: House, components: list[dict[str, Any]], subcode: int | None) -> None:
    good = subcode is None and components[0].get("text", "").startswith("a {{1}}, ")
    status, answer = await home.create({"name": "n", "language": "es", "category": "MARKETING", "components": components})
    assert status == (200 if good else 400), answer
    if not good:
        assert (code(answer), answer["error"].get("error_subcode")) == (100, subcode)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], 132012),
        ([{"type": "HEADER", "parameters": [{"type": "text", "text": "x"}]}], 132012),
        ([{"type": "HEADER", "parameters": [{"type": "image", "image": {}}]}], 131008),
        ([{"type": "HEADER", "parameters": [{"type": "image", "image": {"link": "ftp://x"}}]}], 131009),
        ([{"type": "HEADER", "parameters": [{"type": "image", "image": {"id": "404"}}]}], 131009),
    ],
)
async def test_a_header_with_a_file_needs_the_file(home: House, sent: list[dict[str, Any]], expected: int) -> None:
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}}
    await home.create({"name": "n", "language": "es", "category": "MARKETING", "components": [header, WORDS]})
    _, answer = await home.send(type="template", template={"name": "n", "language": {"code": "es"}, "components": sent})
    assert code(answer) == expected
    file = home.cloud.media.upload(JPEG, "image/jpeg")
    sent = [{"type": "header", "parameters": [{"type": "image", "image": {"id": file.id}}]}]
    assert (await home.send(type="template", template={"name": "n", "language": {"code": "es"}, "components": sent}))[0] == 200


@pytest.mark.parametrize(
    ("ends", "expected"),
    [(1_795_564_800, 131009), ("1795564800000", 131009), (None, 131008), (1_795_564_800_000, 0)],
)
async def test_an_offer_ends_at_a_time_in_milliseconds(home: House, ends: object, expected: int) -> None:
    await home.create({"name": "n", "language": "es", "category": "MARKETING", "components": [OFFER, WORDS]})
    parameters = [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": ends}}]
    template = {"name": "n", "language": {"code": "es"}, "components": [{"type": "LIMITED_TIME_OFFER", "parameters": parameters}]}
    status, answer = await home.send(type="template", template=template)
    assert (0 if status == 200 else code(answer)) == expected


async def test_a_carousel_is_filled_card_by_card(home: House) -> None:
    await home.create(
        {"name": "n", "language": "es", "category": "MARKETING", "components": [WORDS, {"type": "carousel", "cards": [CARD, CARD]}]}
    )

    def card(index: int) -> dict[str, Any]:
        header = {"type": "HEADER", "parameters": [{"type": "image", "image": {"link": f"https://s.example/{index}.jpg"}}]}
        button = {"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [{"type": "payload", "payload": f"p{index}"}]}
        return {"card_index": index, "components": [header, button]}

    def message(*cards: dict[str, Any]) -> dict[str, Any]:
        return {"name": "n", "language": {"code": "es"}, "components": [{"type": "carousel", "cards": list(cards)}]}

    assert code((await home.send(type="template", template=message(card(0))))[1]) == 132012
    assert code((await home.send(type="template", template=message(card(0), card(0))))[1]) == 131009
    assert (await home.send(type="template", template=message(card(1), card(0))))[0] == 200
    made = home.cloud.thread(ANA)[-1].drawing.cards
    assert [(one.media and one.media.link, one.buttons[0].value) for one in made] == [
        ("https://s.example/0.jpg", "p0"),
        ("https://s.example/1.jpg", "p1"),
    ]
    home.cloud.press(ANA, "p1")
    await home.sandbox.idle()
    assert home.receiver.values("messages")[-1]["button"]["payload"] == "p1"


def test_rules_are_switched_by_name_and_kind() -> None:
    rules = Rules.from_json({"us_gate": True, "marketing_cap": 2, "catalog": ["p"]})
    assert (rules.us_gate, rules.marketing_cap, rules.catalog, rules.window) == (True, 2, ["p"], True)
    for bad in ({"nonsense": 1}, {"us_gate": 1}, {"marketing_cap": "two"}, {"catalog": "p"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Rules.from_json(bad)
