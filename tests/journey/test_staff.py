"""Staff speak, the bot is silent; staff hand back, the bot goes on."""

from datetime import datetime

import pytest

from .walk import MADRID, Walk

FRIDAY_EVENING = datetime(2026, 3, 6, 20, 0, tzinfo=MADRID)


async def test_a_take_over_in_the_middle_of_a_flow_silences_the_bot_until_it_is_handed_back(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    phone = walk.phone("ana")
    walk.new("ana")
    await walk.staff.take(phone)
    await walk.rest()
    await walk.press("ana", "Terminar mi pedido")
    await walk.write("ana", "¿hola? es muy caro")
    await walk.turn(days=3)
    assert walk.new("ana") == []
    await walk.write("ana", "¿Hay alguien?")
    assert walk.rows("select control, staff from conversation") == [{"control": "human", "staff": "Sam"}]
    await walk.staff.say(phone, "Sí, Ana, dime.")
    await walk.rest()
    assert walk.new("ana") == ["Sí, Ana, dime."]
    await walk.staff.hand_back(phone)
    await walk.rest()
    assert walk.new("ana") == []
    assert await walk.waiting() == []
    await walk.write("ana", "hola")
    assert walk.buttons("ana") == ["¿Y mi pedido?", "Devoluciones", "Hablar con alguien"]
    assert "left to staff" in {row["outcome"] for row in walk.rows("select outcome from run")}


async def test_an_answer_from_the_desk_takes_the_conversation_over(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.write("ana", "hola")
    await walk.staff.say(walk.phone("ana"), "Soy Sam.")
    await walk.rest()
    walk.new("ana")
    await walk.press("ana", "Devoluciones")
    assert walk.new("ana") == []
    assert await walk.waiting() == [walk.phone("ana")]


async def test_an_answer_from_the_phone_app_is_a_take_over_too(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.write("ana", "hola")
    walk.new("ana")
    number, digits = walk.stage.cloud.number, walk.phone("ana").removeprefix("+")
    echo = {
        "from": number.display,
        "to": digits,
        "id": "wamid.ECHO",
        "timestamp": str(int(walk.now().timestamp())),
        "type": "text",
        "text": {"body": "Hola, soy Eva."},
    }
    value = {"messaging_product": "whatsapp", "metadata": number.metadata(), "message_echoes": [echo]}
    walk.stage.cloud.webhooks.put({"field": "smb_message_echoes", "value": value})
    await walk.rest()
    await walk.press("ana", "Devoluciones")
    assert walk.new("ana") == []
    assert await walk.waiting() == [walk.phone("ana")]


async def test_a_stop_counts_while_staff_have_the_conversation(walk: Walk) -> None:
    await walk.staff_takes("ana")
    await walk.write("ana", "STOP")
    assert "no te enviaremos" in walk.last("ana")
    await walk.staff.say(walk.phone("ana"), "Entendido.")
    await walk.rest()
    assert walk.last("ana") == "Entendido."


async def test_marketing_waits_while_staff_have_the_conversation(walk: Walk) -> None:
    await walk.staff_takes("ana")
    walk.new("ana")
    await walk.leave_cart("ana")
    await walk.turn(hours=5)
    assert walk.new("ana") == []
    await walk.staff.hand_back(walk.phone("ana"))
    await walk.turn(hours=2)
    assert ["te has dejado algo" in text for text in walk.new("ana")] == [True]


@pytest.mark.parametrize(
    ("who", "person_button", "expected"),
    [
        ("ana", "Hablar con alguien", "Volvemos el lun, 9 mar, 9:00. Te responderemos lo primero."),
        ("ben", "Talk to a person", "We are back at Mon, Mar 9, 8:00\u202fAM. We will answer you first thing."),
        ("carla", "Falar com alguém", "Voltamos em seg., 9 de mar. 05:00. Você será a primeira pessoa que vamos responder."),
    ],
)
async def test_outside_staff_hours_a_hand_over_says_when_staff_are_back(walk: Walk, who: str, person_button: str, expected: str) -> None:
    await walk.tell_of(who)
    await walk.turn_to(FRIDAY_EVENING)
    await walk.write(who, "?")
    await walk.press(who, person_button)
    assert walk.last(who) == expected
    assert await walk.waiting() == [walk.phone(who)]


async def test_within_staff_hours_a_colleague_is_on_the_way(walk: Walk) -> None:
    await walk.write("ben", "hi")
    await walk.write("ben", "can I talk to a human please?")
    assert walk.last("ben") == "One moment, a colleague is on the way."
    assert await walk.waiting() == [walk.phone("ben")]
