"""What the demo page tells of the bot's mind: what it decided and why, what is still to come, where in its flow it stands."""

from datetime import timedelta

from bot.command.thinking import Reader
from bot.sandbox.pages.thought import Line, Mind, Mood

from .walk import ANA, BEN, MONDAY, Walk


async def mind(walk: Walk, phone: str = ANA) -> Mind:
    await walk.rest()
    return await Reader(walk.stage.app).of(phone)


def lit(told: Mind) -> list[Line]:
    return [line for flow in told.flows for line in flow.lines if line.lit]


def moods(told: Mind) -> list[tuple[Mood, str]]:
    return [(thought.mood, thought.text.partition(":")[0]) for thought in reversed(told.timeline)]


async def test_nobody_is_nobody(walk: Walk) -> None:
    assert (await mind(walk, "+34699999999")).facts == ("the bot has not heard of them",)


async def test_a_cart_left_behind_is_told_from_its_first_sign_to_the_question(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.leave_cart("ana")
    told = await mind(walk)
    assert [one.text for one in told.coming] == ["Cart reminder begins, if the cart is still there"]
    assert told.coming[0].due - MONDAY < timedelta(hours=1, minutes=1)
    assert await Reader(walk.stage.app).next_due() == told.coming[0].due

    await walk.turn(hours=1)
    told = await mind(walk)
    assert moods(told)[-3:] == [(Mood.EVENT, "A timer rang"), (Mood.DECIDED, "Started as run 1"), (Mood.SENT, "Delivered")]
    (line,) = lit(told)
    assert line.verb == "ask"
    assert line.text.endswith(", or template cart_waiting")
    branches = [one.text for one in told.flows[0].lines if not one.verb]
    assert branches[0] == "Finish my order"
    assert branches[-1] == "no answer for 1 day"
    assert [one.text for one in told.coming] == ["Cart reminder goes on, if there is no answer"]


async def test_inside_a_branch_only_that_branch_is_unfolded(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.leave_cart("ana")
    await walk.turn(hours=1)
    await walk.press("ana", "Terminar mi pedido")
    told = await mind(walk)
    (line,) = lit(told)
    assert (line.verb, line.text, line.depth) == ("wait", "1 day", 1)
    assert [one.text for one in told.flows[0].lines if not one.verb] == ["Finish my order"]
    assert [one.text for one in told.coming] == ["Cart reminder goes on"]


async def test_a_message_that_waits_says_until_when_and_why(walk: Walk) -> None:
    await walk.turn_to(MONDAY.replace(hour=20, minute=30))
    await walk.tell_of("ana")
    await walk.leave_cart("ana")
    await walk.turn(hours=1)
    told = await mind(walk)
    (held,) = [thought for thought in told.timeline if thought.mood is Mood.HELD]
    assert held.why == "It is quiet hours where they are."
    waiting = next(one for one in told.coming if "may send" in one.text)
    assert waiting.due == (MONDAY + timedelta(days=1)).replace(hour=9)


async def test_what_was_not_sent_says_why_and_nothing_stale_is_to_come(walk: Walk) -> None:
    await walk.turn_to(MONDAY.replace(hour=20, minute=30))
    await walk.tell_of("ana")
    await walk.leave_cart("ana")
    await walk.turn(hours=1)
    await walk.write("ana", "STOP")
    told = await mind(walk)
    (dropped,) = [thought for thought in told.timeline if thought.mood is Mood.DROPPED]
    assert dropped.why == "The person stopped marketing messages"
    assert "wants no offers" in told.facts
    assert (told.flows[0].over, told.flows[0].lines) == (True, ())
    assert told.coming == ()
    assert await Reader(walk.stage.app).next_due() is None
    assert await walk.stage.next_due() is not None  # the timer itself is still there, and will do nothing


async def test_no_message_id_stands_in_a_sentence(walk: Walk) -> None:
    await walk.tell_of("ben")
    await walk.write("ben", "stop")
    told = await mind(walk, BEN)
    assert any(thought.about == "Consent" for thought in told.timeline)
    assert not any("wamid" in thought.text + thought.why for thought in told.timeline)


async def test_who_speaks_is_the_first_thing_known(walk: Walk) -> None:
    await walk.staff_takes("ben")
    assert (await mind(walk, BEN)).facts[0] == "Sam speaks"
