"""What staff do, from the action to what becomes of it, with the house's own dispatcher."""

from datetime import timedelta

import pytest

from bot.desk import actions
from bot.desk.actions import MAX_TEXT, NotFound, Refused
from bot.policy.decision import Control
from bot.store import conversations
from bot.store.database import open_database
from tests.worker.bench import DAY, LOLA, NUMBER, Bench, playbook


@pytest.fixture
async def bench(where: str):  # type: ignore[no-untyped-def]  # an asynchronous generator of a bench
    store = await open_database(where)
    yield Bench(store, playbook())
    await store.close()


async def control(bench: Bench) -> Control:
    return (await bench.store.run(conversations.load(await bench.contact(), NUMBER))).control


async def test_whoever_takes_a_conversation_has_it_until_it_is_handed_back(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    await bench.takes()
    await bench.go()
    assert await control(bench) is Control.HUMAN
    await bench.hands_back()
    await bench.go()
    assert await control(bench) is Control.BOT
    notes = await bench.notes()
    assert "desk: Ana took the conversation over" in notes
    assert "desk: Ana handed the conversation back" in notes


async def test_whoever_answers_has_the_conversation(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    await bench.says("Ana here.")
    assert await bench.go() == ["Ana here."]
    assert await control(bench) is Control.HUMAN


async def test_answers_keep_their_order(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    for n in range(5):
        await bench.says(f"{n}")
    assert await bench.go() == ["0", "1", "2", "3", "4"]


async def test_an_answer_after_the_window_has_closed_is_not_sent_and_says_why(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    bench.now += 2 * DAY
    await bench.says("Are you still there?")
    assert await bench.go() == []
    (last,) = [said for said in (await bench.store.read(actions.read(f"+{LOLA}"))).messages if said.text == "Are you still there?"]
    assert (last.state, last.why) == ("cancelled", "window_closed")


async def test_handing_back_what_nobody_holds_changes_nothing(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    before = len(await bench.notes())
    await bench.hands_back()
    await bench.go()
    assert len(await bench.notes()) == before


async def test_the_thread_tells_all_that_was_said_in_its_order(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    bench.now += DAY / 24
    await bench.writes("human")
    await bench.go()
    bench.now += DAY / 24
    await bench.says("Ana here.")
    await bench.go()
    thread = await bench.store.read(actions.read(f"+{LOLA}"))
    authors = [said.author for said in thread.messages]
    assert authors[0] == "customer"
    assert authors[-1] == "staff"
    assert [said.at for said in thread.messages] == sorted(said.at for said in thread.messages)
    assert [said.text for said in thread.messages if said.author == "customer"] == ["Hello", "human"]


async def test_an_answer_within_the_same_second_stands_after_what_it_answers(bench: Bench) -> None:
    bench.now += timedelta(milliseconds=200)  # WhatsApp tells whole seconds
    await bench.writes("Hello")
    await bench.go()
    bench.now += timedelta(milliseconds=400)
    await bench.writes("human")
    await bench.go()
    thread = [said.text for said in (await bench.store.read(actions.read(f"+{LOLA}"))).messages]
    assert thread[0] == "Hello"
    assert thread.index("human") > 1


@pytest.mark.parametrize("text", ["", "   \n", "x" * (MAX_TEXT + 1)])
async def test_what_cannot_be_sent_is_refused(bench: Bench, text: str) -> None:
    await bench.writes("Hello")
    await bench.go()
    with pytest.raises(Refused):
        await bench.store.run(actions.say(f"+{LOLA}", "Ana", text, bench.now))


async def test_nobody_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.store.run(actions.take("+34699999999", "Ana", bench.now))
    with pytest.raises(NotFound):
        await bench.store.run(actions.take("12", "Ana", bench.now))
