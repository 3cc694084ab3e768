"""Somebody writes to us: they are greeted, their usual questions are answered, and they may agree to offers."""

from bot.policy.decision import Consent
from bot.sandbox.cloud.bubble import Drawing

from .walk import DORA, Walk

STRANGER = "+34600777001"
QUESTION = "Happy to help! May we write to you now and then\nabout offers? You can say stop at any time."


async def test_a_first_message_is_greeted_and_the_second_is_not(walk: Walk) -> None:
    walk.stage.cloud.introduce(STRANGER, "Nora Brandt")
    await walk.write(STRANGER, "Hello there")
    assert walk.new(STRANGER) == ["Hi Nora, welcome to Casa Bonita!", "How can we help you?"]
    assert walk.buttons(STRANGER) == ["Where is my order?", "Returns", "Talk to a person"]
    await walk.press(STRANGER, "Returns")
    assert "send anything back" in walk.new(STRANGER)[0]
    assert walk.links(STRANGER) == ["https://casa-bonita.example/returns"]
    await walk.turn(hours=2)
    await walk.write(STRANGER, "hello again")
    assert walk.new(STRANGER)[-1] == "How can we help you?"
    assert not any("welcome" in text for text in walk.got(STRANGER)[1:])


async def test_where_is_my_order_is_answered_with_the_orders_own_link(walk: Walk) -> None:
    await walk.buy("ben", ("p-moka", 1))
    await walk.turn(days=1)
    await walk.write("ben", "hi")
    walk.new("ben")
    await walk.write("ben", "where's my parcel?")
    order = walk.stage.shop.orders[0]
    answer, more = walk.new("ben")
    assert f"order {order.number} of " in answer
    assert f"{walk.stage.shop.base_url}/t/{order.key}" in answer
    assert more == "Is there anything else?"


async def test_an_order_that_cannot_be_found_goes_to_a_person(walk: Walk) -> None:
    await walk.write(STRANGER, "where is my order")
    await walk.press(STRANGER, "Where is my order?")
    assert "A colleague will look for it" in walk.last(STRANGER)
    assert await walk.waiting() == [STRANGER]


async def test_saying_yes_to_offers_is_recorded_with_the_question_that_was_read(walk: Walk) -> None:
    await walk.leave_cart("dora")
    await walk.turn(hours=2)
    assert walk.got("dora") == []
    assert await walk.consent("dora") is Consent.UNKNOWN
    await walk.write("dora", "hello")
    await walk.press("dora", "Returns")
    await walk.press("dora", "No, thanks")
    assert walk.last("dora") == QUESTION
    await walk.press("dora", "Yes, please")
    assert walk.last("dora") == "Thank you! We will keep it short."
    assert await walk.consent("dora") is Consent.GRANTED
    proof = walk.rows("select channel, state, method, source, text from consent_record where method <> 'shop'")
    assert proof == [{"channel": "whatsapp", "state": "granted", "method": "flow", "source": "flow welcome, run 1", "text": QUESTION}]
    assert walk.phone("dora") == DORA
    await walk.leave_cart("dora", ("p-moka", 1))
    await walk.turn(hours=2)
    assert "you left something behind" in walk.last("dora")


async def test_saying_no_to_offers_agrees_to_nothing(walk: Walk) -> None:
    await walk.write("dora", "hello")
    await walk.press("dora", "Returns")
    await walk.press("dora", "No, thanks")
    await walk.press("dora", "No")
    assert walk.last("dora") == "No problem at all."
    assert await walk.consent("dora") is Consent.UNKNOWN


async def test_a_yes_to_another_question_is_no_consent(walk: Walk) -> None:
    await walk.write("dora", "hello")
    await walk.press("dora", "Returns")
    await walk.write("dora", "yes")
    assert await walk.consent("dora") is Consent.UNKNOWN


async def test_something_not_understood_goes_to_a_person_with_the_reason(walk: Walk) -> None:
    await walk.write("ben", "hi")
    await walk.write("ben", "the lid of my jar is cracked")
    assert "Sorry, I did not understand that." in walk.got("ben")
    assert await walk.staff.waiting() == [(walk.phone("ben"), "Asked for a person")]


async def test_a_picture_without_words_is_no_error(walk: Walk) -> None:
    picture = {"type": "image", "image": {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": "aaaa"}}
    walk.stage.cloud.receive_raw(walk.phone("ben"), picture, Drawing(body="", header="[image]"))
    await walk.rest()
    assert walk.last("ben") == "How can we help you?"
