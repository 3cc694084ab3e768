"""A message with a text and a template: what goes is chosen at the moment of sending, and what goes decides whether it is marketing."""

import re
from datetime import timedelta

import pytest

from bot.channel.whatsapp.graph import Answer, refusal
from bot.flow.run import Button, TemplateMessage, Text
from bot.store import outbox
from bot.worker.playbook import Playbook

from .bench import HOUR, NUMBER, Bench, owner_files, playbook

DAY = timedelta(days=1)
PARCEL = """
name: Parcel
purpose: {purpose}
start:
  when: order_delivered
  for: 1 hour
steps:
  - ask:
      text: "Your order {{order.number}} is there. All well?"
      footer: Reply STOP to opt out
      template: parcel_here
      with:
        number: order.number
    answers:
      - button: All is well
        then: [end]
      - anything_else: [end]
    no_answer:
      after: 2 days
      then: [end]
"""
TEMPLATE = """
category: {category}
body: We brought your order {{number}}.
footer: Reply STOP to opt out
buttons:
  - quick_reply: All is well
"""
AS_TEXT, AS_TEMPLATE = "Your order o1 is there. All well?", "We brought your order o1."


def with_parcel(*, purpose: str = "service", category: str = "utility") -> Playbook:
    store = re.sub("^languages: .*$", "languages: [en]", owner_files()["flows/store.yaml"], flags=re.MULTILINE)
    template = TEMPLATE.format(category=category)
    return playbook(store=store, welcome=None, parcel=PARCEL.format(purpose=purpose), **{"templates/parcel_here": template})


@pytest.fixture
def told(bench: Bench) -> Bench:
    bench.playbook = with_parcel()
    return bench


async def parcel_arrives(bench: Bench) -> list[str]:
    """What Lola is told an hour later."""
    await bench.order(kind="order.fulfilled", number="1001")
    await bench.go()
    return await bench.go(HOUR)


async def rows(bench: Bench, column: str) -> list[object]:
    """A column of what the flow has written."""
    return [row[column] for row in await bench.rows(f"select {column} from outbox where run is not null order by id")]


async def wrote(bench: Bench) -> None:
    """Lola writes; no flow answers, and staff leave it to the bot."""
    await bench.writes("hello")
    await bench.go()
    await bench.hands_back()
    await bench.go()


async def test_who_wrote_today_gets_the_text_and_who_did_not_gets_the_template(told: Bench) -> None:
    assert await parcel_arrives(told) == [AS_TEMPLATE]
    sent = told.channel.sent[-1].content
    assert isinstance(sent, TemplateMessage)
    assert [button.title for button in sent.buttons] == ["All is well"]


async def test_in_the_window_the_text_goes_with_the_same_buttons(told: Bench) -> None:
    await wrote(told)
    assert await parcel_arrives(told) == [AS_TEXT]
    sent = told.channel.sent[-1].content
    assert isinstance(sent, Text)
    assert sent.otherwise is not None
    assert sent.buttons == sent.otherwise.buttons == (Button("All is well", sent.buttons[0].payload),)


async def test_the_choice_is_made_when_it_goes_not_when_it_was_written(told: Bench) -> None:
    await wrote(told)
    await told.order(kind="order.fulfilled", number="1001")
    await told.go()
    told.now += HOUR
    await told.work()
    assert await told.states() == ["queued"]
    told.now += DAY - HOUR + timedelta(minutes=1)  # something kept it from going; it is still worth sending
    assert await told.send() == [AS_TEMPLATE]
    assert await rows(told, "body") == [f"{AS_TEMPLATE}\n[All is well]"]


async def test_the_button_means_the_same_both_ways(told: Bench) -> None:
    await parcel_arrives(told)
    await told.presses("All is well")
    await told.go()
    assert await told.outcomes() == ["ended"]


async def test_a_marketing_template_needs_consent_where_the_text_did_not(bench: Bench) -> None:
    bench.playbook = with_parcel(category="marketing")
    assert await parcel_arrives(bench) == []
    assert any("never agreed" in note for note in await bench.notes())
    await wrote(bench)
    await bench.order("o2", kind="order.fulfilled", number="1002")
    await bench.go()
    assert await bench.go(HOUR) == [AS_TEXT.replace("o1", "o2")]


async def test_of_service_the_text_is_no_marketing_whatever_the_template_is(bench: Bench) -> None:
    bench.playbook = with_parcel(category="marketing")
    await wrote(bench)
    assert await parcel_arrives(bench) == [AS_TEXT]
    assert await rows(bench, "marketing") == [0]


async def test_a_number_that_may_send_no_marketing_sends_no_template_of_it_either(bench: Bench) -> None:
    bench.playbook = with_parcel(category="marketing")
    await bench.order(kind="order.fulfilled", number="1001", consent={"whatsapp": {"state": "granted", "source": "checkout"}})
    await bench.go()
    await bench.store.run(outbox.stop_marketing(NUMBER, "spam"))
    assert await bench.go(HOUR) == []
    assert await bench.states() == ["queued"]
    await bench.store.run(outbox.resume_numbers())
    assert await bench.go(timedelta(minutes=2)) == [AS_TEMPLATE]
    assert await rows(bench, "marketing") == [1]


async def test_when_whatsapp_says_the_window_is_closed_the_template_follows(told: Bench) -> None:
    await wrote(told)
    told.channel.faults = [refusal(Answer(400, b'{"error": {"code": 131047}}'))]
    assert await parcel_arrives(told) == [AS_TEXT, AS_TEMPLATE]
