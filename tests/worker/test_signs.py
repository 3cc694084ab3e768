"""What customers do besides writing: it is shown to staff, answers no question, and is never lost; and the windows they open."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy import window
from bot.policy.decision import Consent, Control
from bot.store import contacts, conversations, desk, health
from bot.store.desk import Line

from .bench import DAY, HOUR, LOLA, NUMBER, Bench

MINUTE = timedelta(minutes=1)
ITEMS = [{"product_retailer_id": "p-huila", "quantity": 2, "item_price": 30, "currency": "EUR"}]


async def sends(bench: Bench, kind: str, name: str = "", who: str = LOLA, **content: Any) -> None:
    """A message of some kind."""
    stamp = str(int(bench.now.timestamp()))
    await bench.whatsapp(messages=[{"from": who, "id": name or f"wamid.{kind}", "timestamp": stamp, "type": kind, **content}])


async def talk(bench: Bench) -> conversations.Conversation:
    return await bench.store.run(conversations.load(await bench.contact(), NUMBER))


async def thread(bench: Bench) -> list[Line]:
    return await bench.store.read(desk.lines(await bench.contact()))


# ---- signs answer nothing


@pytest.mark.parametrize(
    "sign",
    [
        ("reaction", {"reaction": {"message_id": "wamid.1", "emoji": "👍"}}),
        ("edit", {"edit": {"original_message_id": "wamid.in1", "message": {"type": "text", "text": {"body": "Too expensive"}}}}),
        ("revoke", {"revoke": {"original_message_id": "wamid.in1"}}),
    ],
    ids=["reaction", "edit", "revoke"],
)
async def test_a_sign_answers_no_question(bench: Bench, sign: tuple[str, dict[str, Any]]) -> None:
    await bench.reminded()
    before = await bench.live()
    await sends(bench, sign[0], **sign[1])
    assert await bench.go(MINUTE) == []
    assert await bench.live() == before
    assert (await talk(bench)).control is Control.BOT


async def test_a_reaction_stands_at_its_message_until_it_is_taken_away(bench: Bench) -> None:
    await bench.reminded()
    await bench.status(bench.channel.sent[0], "delivered")
    await bench.work()
    provider = (await bench.rows("select provider_id from outbox"))[0]["provider_id"]
    await sends(bench, "reaction", "wamid.r1", reaction={"message_id": provider, "emoji": "❤️"})
    await bench.work()
    assert [line.reaction for line in await thread(bench)] == ["❤️"]
    bench.now += MINUTE
    await sends(bench, "reaction", "wamid.r2", reaction={"message_id": provider})
    await bench.work()
    assert not any(line.reaction for line in await thread(bench))


async def test_a_reaction_that_is_told_late_does_not_come_back(bench: Bench) -> None:
    await bench.writes("hello")
    await bench.work()
    stamp = int(bench.now.timestamp())
    for name, after, emoji in (("wamid.r2", 0, None), ("wamid.r1", -60, "👍")):
        told = {"message_id": "wamid.in1"} | ({"emoji": emoji} if emoji else {})
        await bench.whatsapp(messages=[{"from": LOLA, "id": name, "timestamp": str(stamp + after), "type": "reaction", "reaction": told}])
        await bench.work()
    assert not any(line.reaction for line in await thread(bench))


async def test_an_edit_changes_what_staff_read(bench: Bench) -> None:
    await bench.writes("in red please")
    await bench.work()
    await sends(bench, "edit", edit={"original_message_id": "wamid.in1", "message": {"type": "text", "text": {"body": "in blue please"}}})
    await bench.work()
    (line,) = (line for line in await thread(bench) if line.author == "customer")
    assert (line.text, line.edited) == ("in blue please", True)


@pytest.mark.parametrize("known", [True, False])
async def test_an_edit_that_now_says_stop_is_a_stop(bench: Bench, *, known: bool) -> None:
    await bench.reminded()
    if known:
        await bench.writes("hmm let me see")
        await bench.go()
    await sends(bench, "edit", edit={"original_message_id": "wamid.in1", "message": {"type": "text", "text": {"body": "STOP"}}})
    await bench.go()
    assert (await bench.person()).consent is Consent.WITHDRAWN
    assert not [run for run in await bench.live() if run.flow == "cart_reminder"]


async def test_an_unread_edit_holds_messages_back_as_a_message_does(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    bench.now += HOUR
    await bench.work()
    await sends(bench, "edit", edit={"original_message_id": "wamid.x", "message": {"type": "text", "text": {"body": "STOP"}}})
    assert await bench.send() == []


async def test_what_the_customer_deleted_is_gone(bench: Bench) -> None:
    await bench.writes("my card is 4111 1111 1111 1111")
    await bench.work()
    await sends(bench, "revoke", revoke={"original_message_id": "wamid.in1"})
    await bench.work()
    (line,) = (line for line in await thread(bench) if line.author == "customer")
    assert (line.text, line.about, line.revoked) == ("", None, True)
    assert not [row for row in await bench.rows("select text from message") if "4111" in row["text"]]


async def test_what_was_deleted_cannot_be_edited_back(bench: Bench) -> None:
    await bench.writes("secret")
    await bench.work()
    await sends(bench, "revoke", revoke={"original_message_id": "wamid.in1"})
    await sends(bench, "edit", edit={"original_message_id": "wamid.in1", "message": {"type": "text", "text": {"body": "secret again"}}})
    await bench.work()
    assert [line.text for line in await thread(bench) if line.author == "customer"] == [""]


async def test_nobody_can_change_what_another_said(bench: Bench) -> None:
    await bench.writes("I want two")
    await bench.work()
    change = {"original_message_id": "wamid.in1"}
    await sends(bench, "revoke", who="34600999888", revoke=change)
    await sends(bench, "edit", who="34600999888", edit={**change, "message": {"type": "text", "text": {"body": "I want none"}}})
    await bench.work()
    assert [line.text for line in await thread(bench) if line.author == "customer"] == ["I want two"]


# ---- what a person must see


async def test_an_order_in_the_chat_goes_to_staff_with_its_lines(bench: Bench) -> None:
    await sends(bench, "order", order={"catalog_id": "1", "text": "Love these!", "product_items": ITEMS})
    assert await bench.go() == []
    assert (await talk(bench)).control is Control.WAITING
    (line,) = await thread(bench)
    assert line.text == "Love these!"
    assert line.about == "An order from the catalog, not paid and not in the shop:\n2 × p-huila, €30.00 each\nTogether €60.00"


async def test_an_order_reaches_staff_even_while_a_flow_asks_something_else(bench: Bench) -> None:
    await bench.reminded()
    await sends(bench, "order", order={"product_items": ITEMS})
    await bench.go(MINUTE)
    assert (await talk(bench)).control is not Control.BOT


async def test_a_picture_answers_an_open_question_with_anything_else(bench: Bench) -> None:
    await bench.writes("hello")
    await bench.go()
    asked = [run.waiting for run in await bench.live()]
    assert asked
    generation = (await bench.live())[0].generation
    await sends(bench, "image", image={"id": "m1", "mime_type": "image/jpeg"})
    await bench.go(MINUTE)
    live = await bench.live()
    assert not live or live[0].generation != generation


async def test_a_place_that_says_yes_answers_no_question(bench: Bench) -> None:
    await bench.reminded()
    await sends(bench, "location", location={"latitude": 1, "longitude": 2, "name": "Too expensive"})
    await bench.go(MINUTE)
    assert [line.about for line in await thread(bench) if line.author == "customer"] == [
        "A place:\nToo expensive\nhttps://www.openstreetmap.org/?mlat=1.000000&mlon=2.000000&zoom=16"
    ]


# ---- calls and windows


def call(bench: Bench, event: str = "connect", direction: str = "USER_INITIATED") -> dict[str, Any]:
    return {"id": "wacid.1", "from": LOLA, "event": event, "direction": direction, "timestamp": str(int(bench.now.timestamp()))}


async def test_a_call_opens_the_reply_window_and_waits_for_staff(bench: Bench) -> None:
    await bench.whatsapp("calls", calls=[call(bench)])
    await bench.work()
    conversation = await talk(bench)
    assert (conversation.control, conversation.last_wrote_at) == (Control.WAITING, bench.now)
    await bench.says("You called?")
    assert await bench.go(HOUR) == ["You called?"]


async def test_our_own_call_opens_nothing(bench: Bench) -> None:
    await bench.whatsapp("calls", calls=[{**call(bench, direction="BUSINESS_INITIATED"), "from": "15550783881", "to": LOLA}])
    await bench.work()
    assert (await talk(bench)).last_wrote_at is None


async def test_a_call_while_a_flow_asks_is_a_note_and_no_answer(bench: Bench) -> None:
    await bench.reminded()
    before = await bench.live()
    await bench.whatsapp("calls", calls=[call(bench)])
    await bench.go(MINUTE)
    assert (await bench.live(), (await talk(bench)).control) == (before, Control.BOT)


AD = {"source_type": "ad", "source_id": "120", "headline": "Summer", "ctwa_clid": "Aff-1"}


async def test_a_click_on_an_ad_is_kept_once_and_told_to_staff(bench: Bench) -> None:
    await sends(bench, "text", "wamid.a", text={"body": "hi"}, referral=AD)
    await sends(bench, "text", "wamid.b", text={"body": "hello?"}, referral=AD)
    await bench.go()
    kept = await bench.store.run(contacts.referrals(await bench.contact()))
    assert [(one.click, one.source_id, one.headline) for one in kept] == [("Aff-1", "120", "Summer")]
    assert {line.about for line in await thread(bench) if line.author == "customer"} == {"Came by the ad Summer."}


async def test_nothing_costs_anything_for_three_days_after_the_first_answer_to_an_ad(bench: Bench) -> None:
    await sends(bench, "text", text={"body": "hi"}, referral=AD)
    assert (await bench.go()) != []
    answered = bench.now
    until = (await talk(bench)).free_until
    assert until == answered + timedelta(hours=72)
    assert window.is_free(until, answered + 71 * HOUR)
    assert not window.is_free(until, answered + 72 * HOUR)
    assert not window.is_open((await talk(bench)).last_wrote_at, answered + 2 * DAY)


async def test_who_is_answered_a_day_late_is_not_free(bench: Bench) -> None:
    await sends(bench, "location", location={"latitude": 40.4, "longitude": -3.7}, referral=AD)
    await bench.go()
    bench.now += DAY + HOUR
    await bench.writes("anybody there?")
    await bench.work()
    await bench.says("Yes!")
    assert await bench.go() == ["Yes!"]
    assert (await talk(bench)).free_until is None


async def test_nobody_else_is_free(bench: Bench) -> None:
    await bench.writes("hi")
    await bench.go()
    assert (await talk(bench)).free_until is None


async def test_the_end_that_a_status_tells_counts(bench: Bench) -> None:
    await bench.writes("hi")
    await bench.go()
    sent, end = bench.channel.sent[0], int((bench.now + 70 * HOUR).timestamp())
    told = {"id": "wamid.1", "status": "sent", "timestamp": str(int(bench.now.timestamp())), "recipient_id": LOLA}
    free = {"conversation": {"id": "c", "expiration_timestamp": str(end), "origin": {"type": "referral_conversion"}}}
    await bench.whatsapp(statuses=[{**told, **free, "biz_opaque_callback_data": sent.key}])
    await bench.work()
    assert (await talk(bench)).free_until == bench.now + 70 * HOUR


# ---- staff on the phone app


async def test_what_staff_edit_and_delete_on_the_phone_app_is_so_here_too(bench: Bench) -> None:
    echo = {"from": "1", "to": LOLA, "timestamp": str(int(bench.now.timestamp()))}
    text = {"type": "text", "text": {"body": "at four"}}
    for name, told in (
        ("wamid.e1", text),
        ("wamid.e2", {"type": "text", "text": {"body": "or never"}}),
        ("wamid.e3", {"type": "edit", "edit": {"original_message_id": "wamid.e1", "message": {**text, "text": {"body": "at five"}}}}),
        ("wamid.e4", {"type": "revoke", "revoke": {"original_message_id": "wamid.e2"}}),
    ):
        await bench.whatsapp("smb_message_echoes", message_echoes=[{**echo, "id": name, **told}])
        await bench.work()
    assert [(line.text, line.edited, line.revoked) for line in await thread(bench)] == [("at five", True, False), ("", False, True)]


# ---- what Meta says of our numbers


async def test_a_ban_stops_the_number_and_its_end_starts_it(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    for state, sent in (("DISABLE", 0), ("REINSTATE", 1)):
        await bench.whatsapp("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": state})
        assert len(await bench.go(HOUR)) == sent


async def test_the_owner_is_told_of_what_meta_has_against_the_account_and_only_of_that(bench: Bench) -> None:
    for _ in range(2):
        await bench.whatsapp("account_update", event="ACCOUNT_VIOLATION", violation_info={"violation_type": "ADULT"})
        bench.now += MINUTE
    await bench.whatsapp("account_update", event="VOLUME_BASED_PRICING_TIER_UPDATE")
    await bench.work()
    alarms = await bench.store.read(health.alarms(bench.now))
    assert [alarm.partition(": ")[2] for alarm in alarms] == ["account update: ACCOUNT_VIOLATION ADULT"]
    assert await bench.store.read(health.alarms(bench.now + 31 * DAY)) == []


async def test_who_may_not_begin_answers_all_the_same(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    barred = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": int((bench.now + DAY).timestamp())}]
    await bench.whatsapp("account_update", event="ACCOUNT_RESTRICTION", restriction_info=barred)
    assert await bench.go(HOUR) == []
    await bench.writes("hello")
    assert await bench.go() != []


async def test_a_restriction_of_all_messages_ends_by_itself(bench: Bench) -> None:
    await bench.writes("hello")
    barred = [{"restriction_type": "RESTRICTED_ALL_MESSAGING", "expiration": int((bench.now + HOUR).timestamp())}]
    await bench.whatsapp("account_update", event="ACCOUNT_RESTRICTION", restriction_info=barred)
    assert await bench.go() == []
    (stop,) = await bench.rows("select stopped, stopped_until from number_state")
    assert stop["stopped"]
    assert stop["stopped_until"] == int((bench.now + HOUR).timestamp()) * 1_000_000
