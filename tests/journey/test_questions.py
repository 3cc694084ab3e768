"""One open question a person at a time, and an answer is only ever taken for one to a question that was read."""

from bot.sandbox.cloud.fault import Faults

from .walk import Walk


async def test_a_reminder_waits_while_the_customer_is_in_the_middle_of_something_else(walk: Walk) -> None:
    await walk.leave_cart("ben")
    await walk.turn(minutes=55)
    await walk.write("ben", "hi")
    walk.new("ben")
    await walk.turn(minutes=6)
    assert walk.new("ben") == []
    await walk.press("ben", "Returns")
    assert "send anything back" in walk.new("ben")[0]
    assert walk.links("ben") == ["https://casa-bonita.example/returns"]
    await walk.turn(minutes=45)
    assert ["you left something behind" in text for text in walk.new("ben")] == [True]


async def test_an_answer_given_before_the_next_question_left_is_one_to_the_last_question_that_was_read(walk: Walk) -> None:
    await walk.turn(hours=10, minutes=5)
    await walk.leave_cart("ana")
    await walk.turn(hours=14)
    assert len(walk.new("ana")) == 1  # due in the evening, sent at nine in the morning
    await walk.turn(hours=11, minutes=10)  # a day after it was due, twelve hours after she could read it
    assert walk.new("ana") == []
    await walk.write("ana", "es muy caro")
    assert ["Tu código es" in text for text in walk.new("ana")] == [True]


async def test_whoever_writes_while_a_code_is_being_made_is_asked_one_thing_at_a_time(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    walk.stage.shop.down = True
    await walk.write("ana", "es muy caro")
    await walk.write("ana", "¿hola?")
    assert walk.last("ana") == "¿En qué podemos ayudarte?"
    walk.stage.shop.down = False
    await walk.turn(minutes=5)
    assert walk.count("""select count(*) from run where state <> 'ended' and body like '%"waiting":"answer"%'""") == 1


async def test_unticking_offers_in_the_shop_does_not_cut_off_the_answer_to_a_question(walk: Walk) -> None:
    await walk.tell_of("ben")
    await walk.write("ben", "hi")
    walk.stage.shop.consent("ben", "whatsapp", "withdrawn")
    await walk.rest()
    await walk.press("ben", "Returns")
    assert walk.links("ben") == ["https://casa-bonita.example/returns"]


async def test_the_answer_to_each_message_is_found_although_everything_comes_twice_and_out_of_order(walk: Walk) -> None:
    walk.stage.cloud.faults = Faults(duplicate=1.0, reorder=0.5, batch=4)
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    await walk.write("ana", "es muy caro")
    await walk.press("ana", "Usar mi descuento")
    assert len(walk.got("ana")) == 3
    await walk.write("ana", "baja")
    assert len(walk.got("ana")) == 4
    await walk.turn(days=3)
    assert len(walk.got("ana")) == 4
    assert {row["delivery"] for row in walk.rows("select delivery from outbox")} <= {"delivered", "read"}
