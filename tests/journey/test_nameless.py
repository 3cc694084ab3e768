"""Somebody who hides their number: WhatsApp tells a username and a business-scoped id, and no phone."""

from bot.desk import actions
from bot.policy.decision import Consent
from bot.sandbox.cloud.bubble import Tick
from bot.store import contacts

from .walk import Walk

SECRET_PHONE = "+34600555001"


def _no_phone_anywhere(walk: Walk) -> bool:
    digits = SECRET_PHONE.removeprefix("+")
    sent = "".join(str(accepted.payload) for accepted in walk.stage.cloud.accepted)
    kept = "".join(str(row) for query in ("select * from identity", "select body from inbox") for row in walk.rows(query))
    return f"'{digits}'" not in sent and SECRET_PHONE not in kept and f"'{digits}'" not in kept


async def test_a_person_without_a_number_is_answered_agrees_stops_and_talks_to_staff(walk: Walk) -> None:
    who = SECRET_PHONE
    walk.stage.cloud.introduce(who, "Vera Lind", username="vera.l")
    await walk.write(who, "hi")
    assert walk.new(who) == ["Hi Vera, welcome to Casa Bonita!", "How can we help you?"]
    assert all(accepted.payload.get("recipient") and "to" not in accepted.payload for accepted in walk.stage.cloud.accepted)
    assert {row["delivery"] for row in walk.rows("select delivery from outbox")} == {"delivered"}

    await walk.press(who, "Returns")
    await walk.press(who, "No, thanks")
    await walk.press(who, "Yes, please")
    contact = int(walk.rows("select id from contact where merged_into is null")[0]["id"])
    assert (await walk.stage.app.store.read(contacts.load(contact))).consent is Consent.GRANTED

    await walk.write(who, "a person please")
    await walk.press(who, "Talk to a person")
    (waiting,) = await walk.stage.app.store.read(actions.waiting())
    assert (waiting.contact, waiting.phone, waiting.first_name) == (contact, None, "Vera")
    await walk.staff.say(f"#{contact}", "Hello Vera, Sam here.")
    await walk.rest()
    assert walk.last(who) == "Hello Vera, Sam here."
    await walk.staff.hand_back(str(contact))
    await walk.write(who, "STOP")
    assert walk.last(who).startswith("Done: we will not send you offers")
    assert (await walk.stage.app.store.read(contacts.load(contact))).consent is Consent.WITHDRAWN
    assert all(bubble.tick in (Tick.DELIVERED, Tick.READ) for bubble in walk.phone_of(who) if not bubble.by_customer)
    assert walk.count("select count(*) from contact") == 1
    assert _no_phone_anywhere(walk)


async def test_whatsapps_own_switch_works_without_a_number(walk: Walk) -> None:
    walk.stage.cloud.introduce(SECRET_PHONE, "Vera Lind", username="vera.l")
    await walk.write(SECRET_PHONE, "hi")
    await walk.switch(SECRET_PHONE, "stop")
    assert walk.rows("select consent from contact") == [{"consent": "withdrawn"}]
    assert _no_phone_anywhere(walk)


async def test_who_shows_the_number_after_all_is_the_shops_customer(walk: Walk) -> None:
    walk.stage.cloud.introduce(walk.phone("ana"), "Ana García", username="ana.g")
    await walk.write("ana", "hola")
    await walk.tell_of("ana")
    assert walk.count("select count(*) from contact where merged_into is null") == 2
    walk.stage.cloud.introduce(walk.phone("ana"), "Ana García")
    await walk.write("ana", "¿mi pedido?")
    assert walk.count("select count(*) from contact where merged_into is null") == 1
    contact = await walk.contact("ana")
    assert contact.email == "ana@example.com"
    assert contact.bsuid is not None
    assert contact.consent is Consent.GRANTED


async def test_a_stop_said_without_a_number_holds_once_the_number_is_known(walk: Walk) -> None:
    await walk.tell_of("ana")
    walk.stage.cloud.introduce(walk.phone("ana"), "Ana García", username="ana.g")
    await walk.write("ana", "STOP")
    await walk.leave_cart("ana")
    walk.stage.cloud.introduce(walk.phone("ana"), "Ana García")
    await walk.write("ana", "hola")
    assert (await walk.contact("ana")).consent is Consent.WITHDRAWN
    walk.new("ana")
    await walk.turn(days=2)
    assert walk.new("ana") == []
