"""The dispatcher: each person's events in order, a faulty one in nobody else's way, and what flows do of it."""

from datetime import timedelta

import pytest

from bot.channel import Recipient
from bot.policy.decision import Consent, Control
from bot.store import conversations, inbox, runs
from bot.store.model import Identity, IdentityKind, Source
from bot.worker import dispatcher
from bot.worker.dispatcher import TIMERS
from tests.store.ground import whose

from .bench import DAY, HOUR, LOLA, MONDAY, NUMBER, PEPE, SHOP, Bench, owner_files, playbook

pytestmark = pytest.mark.filterwarnings("error")


async def poison(bench: Bench) -> int:
    """An entry of Lola's that can never be worked off: a code of a discount that is not there."""
    await bench.store.run(whose([Identity(IdentityKind.PHONE, f"+{LOLA}"), Identity(IdentityKind.WA_ID, LOLA)], bench.now))
    return await bench.store.run(inbox.put(Source.HOUSE, "discount_made", await bench.contact(), {"discount": 999}, bench.now))


async def states(bench: Bench) -> list[str]:
    return [row["state"] for row in await bench.rows("select state from inbox order by id")]


# ---- faults of ours


async def test_an_event_that_fails_three_times_is_dead_and_the_persons_later_ones_waited(bench: Bench) -> None:
    await poison(bench)
    await bench.writes("Hello")
    await bench.writes("Hello", PEPE)
    await bench.work()
    assert await states(bench) == ["waiting", "waiting", "done"]
    assert await bench.go(timedelta(seconds=1)) != []  # Pepe is greeted meanwhile
    assert await states(bench) == ["waiting", "waiting", "done"]
    await bench.go(timedelta(seconds=5))
    assert await states(bench) == ["dead", "done", "done"]
    assert any("could not be worked off" in note for note in await bench.notes())


async def test_a_long_queue_of_one_person_who_waits_holds_nobody_else_up(bench: Bench) -> None:
    await poison(bench)
    await bench.work()
    for n in range(250):
        await bench.writes(f"Are you there? {n}")
    await bench.writes("Hello", PEPE)
    await bench.work()
    assert (await states(bench))[-1] == "done"


async def test_a_fault_undoes_its_own_event_alone(bench: Bench) -> None:
    await bench.writes("Hello", PEPE)
    await poison(bench)
    await bench.work()
    assert await states(bench) == ["done", "waiting"]
    assert len(await bench.live(PEPE)) == 1


async def test_what_cannot_be_read_is_dead_with_the_reason(bench: Bench) -> None:
    await bench.whatsapp(messages=[{"from": LOLA, "id": "wamid.x", "timestamp": "1795305600", "type": "text", "text": {}}])
    await bench.work()
    assert await states(bench) == ["dead"]


# ---- STOP


STOPS = ["STOP", "stop.", "Baja", "  ¡STOP!  ", "unsubscribe", "parar"]


@pytest.mark.parametrize("word", STOPS)
async def test_a_stop_word_ends_runs_cancels_the_queue_and_is_confirmed_once(bench: Bench, word: str) -> None:
    await bench.reminded()
    await bench.presses("Finish my order")
    await bench.work()  # an answer is queued
    await bench.writes(word)
    bodies = await bench.go()
    assert [body[:5] for body in bodies] == ["Done:"]
    assert (await bench.person()).consent is Consent.WITHDRAWN
    assert await bench.outcomes() == ["opted out"]
    assert await bench.states() == ["sent", "cancelled", "sent"]
    await bench.writes(word)
    assert await bench.go() == []
    assert await bench.go(9 * DAY) == []


async def test_a_stop_button_stops(bench: Bench) -> None:
    await bench.reminded()
    await bench.presses("Stop these messages")
    assert [body[:5] for body in await bench.go()] == ["Done:"]
    assert (await bench.person()).consent is Consent.WITHDRAWN
    assert await bench.outcomes() == ["opted out"]


async def test_a_late_press_of_an_old_stop_button_still_stops(bench: Bench) -> None:
    await bench.reminded()
    await bench.order()
    await bench.go(HOUR)
    assert await bench.outcomes() == ["goal reached"]
    bench.now += 60 * DAY
    await bench.presses("Stop these messages")
    await bench.go()
    assert (await bench.person()).consent is Consent.WITHDRAWN


async def test_the_platforms_own_control_stops_without_a_word(bench: Bench) -> None:
    await bench.reminded()
    preference = {"wa_id": LOLA, "value": "stop", "category": "marketing_messages", "timestamp": str(int(bench.now.timestamp()))}
    await bench.whatsapp("user_preferences", user_preferences=[preference])
    assert await bench.go() == []
    assert (await bench.person()).consent is Consent.WITHDRAWN
    assert await bench.outcomes() == ["opted out"]


async def test_a_checkbox_at_the_till_does_not_undo_a_stop(bench: Bench) -> None:
    await bench.writes("stop")
    await bench.go()
    await bench.cart()
    await bench.go()
    assert await bench.go(HOUR) == []
    assert any("did not start: the person stopped marketing messages" in note for note in await bench.notes())


async def test_the_shop_can_take_consent_back_while_a_run_waits(bench: Bench) -> None:
    await bench.reminded()
    bench.now += HOUR
    await bench.cart(consent="withdrawn")
    await bench.go()
    assert await bench.outcomes() == ["opted out"]
    assert await bench.go(9 * DAY) == []


async def test_a_stop_counts_while_staff_have_the_conversation(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    await bench.takes()
    await bench.writes("stop")
    await bench.go()
    assert (await bench.person()).consent is Consent.WITHDRAWN


# ---- staff


async def test_what_is_written_while_staff_have_the_conversation_gets_no_answer_of_the_bot(bench: Bench) -> None:
    await bench.reminded()
    await bench.takes()
    await bench.work()
    assert await bench.outcomes() == ["left to staff"]
    await bench.writes("Hello?")
    assert await bench.go() == []
    assert any("wrote while staff have the conversation" in note for note in await bench.notes())
    await bench.says("Ana here, how can I help?")
    assert await bench.go() == ["Ana here, how can I help?"]


async def test_a_conversation_handed_over_is_silent_until_it_is_handed_back(bench: Bench) -> None:
    await bench.reminded()
    await bench.presses("I have a question")
    assert await bench.go() == ["Of course! A colleague will answer you here."]
    await bench.writes("Is it vegan?")
    assert await bench.go() == []
    assert (await bench.store.run(conversations.load(await bench.contact(), NUMBER))).control is Control.WAITING
    await bench.hands_back()
    await bench.go()
    await bench.writes("Hello")
    assert await bench.go() != []


async def test_an_echo_from_the_phone_app_takes_the_conversation_over(bench: Bench) -> None:
    await bench.reminded()
    echo = {
        "to": LOLA,
        "from": "34910000000",
        "id": "wamid.echo",
        "timestamp": str(int(bench.now.timestamp())),
        "type": "text",
        "text": {"body": "Hi, Ana here"},
    }
    await bench.whatsapp("smb_message_echoes", message_echoes=[echo])
    await bench.work()
    assert (await bench.store.run(conversations.load(await bench.contact(), NUMBER))).control is Control.HUMAN
    assert await bench.outcomes() == ["left to staff"]


async def test_a_run_whose_time_comes_while_staff_have_the_conversation_waits(bench: Bench) -> None:
    await bench.reminded()
    await bench.presses("Finish my order")
    await bench.go()
    await bench.takes()
    await bench.go()
    assert await bench.go(DAY) == []
    assert await bench.codes() == 0
    await bench.hands_back()
    await bench.go()
    await bench.go(HOUR)
    assert await bench.codes() == 1


# ---- questions and turns


async def test_words_go_to_the_open_question(bench: Bench) -> None:
    await bench.reminded()
    await bench.writes("too expensive")
    await bench.go()
    assert "price_sensitive" in (await bench.person()).tags
    assert await bench.codes() == 1
    assert any("5%" in body for body in await bench.go())


async def test_a_second_flow_waits_its_turn_while_a_question_is_open(bench: Bench) -> None:
    await bench.order(at=MONDAY - 25 * DAY, placed_at=(MONDAY - 25 * DAY + HOUR).isoformat(), consent={"whatsapp": {"state": "granted"}})
    await bench.cart(at=None)
    await bench.go()
    first = await bench.go(HOUR)
    assert len(first) == 1
    assert await bench.go(timedelta(minutes=10)) == []
    assert len([run for run in await bench.live() if run.waiting]) == 1


async def test_a_flow_does_not_start_again_before_its_time(bench: Bench) -> None:
    await bench.reminded()
    await bench.writes("stop it, no, wait, I mean hello")
    await bench.go()
    await bench.hands_back()
    await bench.go(3 * DAY)
    await bench.cart("k2")
    await bench.go()
    assert await bench.go(HOUR) == []
    assert any("starts again only after 14 days" in note for note in await bench.notes())
    bench.now += 14 * DAY
    await bench.cart("k3")
    await bench.go()
    assert len(await bench.go(HOUR)) == 1


async def test_without_consent_nothing_starts_and_the_reason_is_left(bench: Bench) -> None:
    await bench.cart(consent=None)
    await bench.go()
    assert await bench.go(HOUR) == []
    assert "cart_reminder: did not start: no consent to marketing messages" in await bench.notes()


async def test_a_small_cart_is_left_alone_and_the_reason_is_left(bench: Bench) -> None:
    await bench.cart(total="19.99")
    await bench.go()
    assert await bench.go(HOUR) == []
    assert any("'cart.total is at least 20 and cart.is_in_stock' is not so" in note for note in await bench.notes())


# ---- goals, carts and orders


async def test_an_order_ends_the_run_it_is_the_goal_of_and_cancels_what_is_queued(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    bench.now += HOUR
    await bench.work()
    assert await bench.states() == ["queued"]
    await bench.order()
    assert await bench.go() == []
    assert await bench.states() == ["cancelled"]
    assert await bench.outcomes() == ["goal reached"]
    assert await bench.go(9 * DAY) == []


async def test_an_order_that_is_acknowledged_bites_before_it_is_worked_off(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    bench.now += HOUR
    await bench.work()
    await bench.order()
    assert await bench.send() == []


async def test_an_emptied_cart_stops_its_run(bench: Bench) -> None:
    await bench.reminded()
    bench.now += HOUR
    await bench.cart(items=[], total="0.00")
    await bench.go()
    assert await bench.outcomes() == ["stopped: cart_emptied"]


async def test_a_cart_that_became_an_order_is_not_reminded_of_again(bench: Bench) -> None:
    """The shop tells only that the cart is completed; the order's own event never comes."""
    await bench.reminded()
    bench.now += HOUR
    await bench.cart(completed=True)
    await bench.go()
    await bench.go(DAY)
    assert await bench.codes() == 0
    assert await bench.go() == []


async def test_why_a_cart_is_not_reminded_of_says_what_became_of_it(bench: Bench) -> None:
    async def reasons() -> list[str | None]:
        await bench.go()
        bench.now += HOUR
        await bench.go()
        return [row["why"] for row in await bench.rows("select why from inbox where kind = 'start:cart_reminder' order by id")]

    await bench.cart()
    await bench.order(checkout_key="k1")
    assert await reasons() == ["it was ordered"]
    bench.now += DAY
    await bench.cart("k2")
    await bench.go()
    await bench.cart("k2", items=[])
    assert (await reasons())[1:] == ["the cart was emptied"]


async def test_a_cart_is_watched_from_its_last_change(bench: Bench) -> None:
    await bench.cart()
    await bench.go(HOUR / 2)
    await bench.cart()
    assert await bench.go(HOUR / 2) == []
    assert len(await bench.go(HOUR / 2)) == 1


async def test_a_test_order_counts_for_nothing(bench: Bench) -> None:
    await bench.reminded()
    await bench.order(is_test=True)
    await bench.go()
    assert await bench.outcomes() == [None]


# ---- down-time


async def test_after_three_days_down_nobody_is_reminded_of_an_old_cart(bench: Bench) -> None:
    for n in range(5):
        await bench.cart(f"k{n}", f"3460011100{n}")
    await bench.work()
    assert await bench.go(3 * DAY) == []
    rows = await bench.rows("select distinct why from inbox where source = 'clock'")
    assert [row["why"] for row in rows] == ["too late: we were down when it was due"]


async def test_many_due_timers_come_in_turn(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    lola = await bench.contact()
    for n in range(TIMERS + 50):
        await bench.store.run(inbox.set_timer(bench.now, lola, "run", 10_000 + n, 1))
    first = await bench.store.run(dispatcher.work(bench.house()))
    assert first.more
    assert len(await bench.rows("select 1 from timer where subject >= 10000")) == 50
    await bench.work()
    assert await bench.rows("select 1 from timer where subject >= 10000") == []


async def test_a_run_that_was_due_at_night_is_sent_in_the_morning(bench: Bench) -> None:
    bench.now = MONDAY + 10 * HOUR  # 20:00 in Madrid
    await bench.cart()
    await bench.go()
    assert await bench.go(HOUR) == []
    assert any("waits until 2026-11-03 08:00 UTC" in note for note in await bench.notes())
    assert await bench.go(12 * HOUR - HOUR / 60) == []
    assert len(await bench.go(HOUR / 60)) == 1


# ---- discounts


async def test_a_refused_code_ends_the_run_where_the_flow_says_nothing_else(bench: Bench) -> None:
    await bench.reminded()
    await bench.writes("expensive")
    await bench.go()
    assert await bench.codes(refuse="the pool is empty") == 1
    assert await bench.go() == []
    assert await bench.live() == []
    assert any("the pool is empty" in note for note in await bench.notes())


IF_NONE = """
name: Cart reminder
about: A test.
purpose: marketing
start:
  when: cart_abandoned
  for: 1 hour
steps:
  - discount: 5%
    valid_for: 3 days
    if_none:
      - tag: hesitant
      - end: no discount
  - send:
      template: cart_last_chance
      with:
        name: contact.first_name or "there"
        percent: discount.percent
        ends: discount.ends
  - end: discount
"""


@pytest.mark.parametrize(("refuse", "outcome"), [("the pool is empty", "no discount"), (None, "discount")])
async def test_a_refused_code_takes_the_other_way(bench: Bench, refuse: str | None, outcome: str) -> None:
    bench.playbook = playbook(cart_reminder=IF_NONE)
    await bench.cart()
    await bench.go()
    await bench.go(HOUR)
    assert await bench.codes(refuse=refuse) == 1
    assert len(await bench.go()) == (refuse is None)
    assert await bench.outcomes() == [outcome]
    assert ("hesitant" in (await bench.person()).tags) is (refuse is not None)


# ---- revisions


async def test_a_run_ends_on_the_revision_it_began_with(bench: Bench) -> None:
    await bench.reminded()
    (run,) = await bench.live()
    edited = owner_files()["flows/cart_reminder.yaml"].replace("Of course! A colleague will answer you here.", "New words.")
    bench.playbook = playbook(cart_reminder=edited)  # a new process: it knows only the new file
    assert bench.playbook.library.flows["cart_reminder"].id != run.revision
    await bench.presses("I have a question")
    assert await bench.go() == ["Of course! A colleague will answer you here."]
    assert (await bench.store.run(runs.load(run.id))).run.outcome is not None  # type: ignore[union-attr]  # it was live above


async def test_a_run_goes_on_when_its_flow_is_gone(bench: Bench) -> None:
    await bench.reminded()
    bench.playbook = playbook(cart_reminder=None)
    await bench.presses("Finish my order")
    assert await bench.go() == ["Here is your cart with 2 items (€60.00): https://casa.example/c"]


# ---- people


async def test_a_person_known_by_email_alone_is_not_written_to_until_their_phone_is_known(bench: Bench) -> None:
    await bench.cart("k1", None, email="lola@example.com")
    await bench.go()
    assert await bench.go(HOUR) == []
    await bench.cart("k1", LOLA, email="lola@example.com")
    await bench.go()
    assert len(await bench.go(HOUR)) == 1
    assert bench.channel.sent[0].to == Recipient(phone=f"+{LOLA}")
    assert "cart_reminder: did not start: neither a phone number nor a WhatsApp id is known" in await bench.notes()


async def test_an_order_known_by_email_ends_the_run_of_the_person_known_by_phone_and_email(bench: Bench) -> None:
    await bench.cart("k1", LOLA, email="lola@example.com")
    await bench.go()
    assert len(await bench.go(HOUR)) == 1
    await bench.order("o1", None, email="lola@example.com")
    await bench.go()
    assert await bench.outcomes() == ["goal reached"]


async def test_a_stale_message_goes_to_staff(bench: Bench) -> None:
    await bench.writes("Hello", at=bench.now - 2 * DAY)
    assert await bench.go() == []
    assert (await bench.store.run(conversations.load(await bench.contact(), NUMBER))).control is Control.WAITING


async def test_the_shops_name_is_that_of_its_runs(bench: Bench) -> None:
    await bench.reminded()
    assert [row["shop"] for row in await bench.rows("select shop from run")] == [SHOP]


EMPTIED = """
name: Emptied
about: A test.
purpose: service
start:
  when: cart_emptied
steps:
  - tag: hesitant
  - end: told
"""


async def test_a_flow_about_a_cart_that_waited_its_turn_is_still_about_the_cart(bench: Bench) -> None:
    bench.playbook = playbook(emptied=EMPTIED, cart_reminder=None)
    await bench.order("o1", PEPE)
    await bench.cart()
    await bench.writes("Hello")
    await bench.go()
    bench.now += HOUR / 60
    await bench.cart(items=[], total="0.00")
    await bench.go()
    await bench.go(HOUR)
    (subject,) = [run["body"] for run in await bench.rows("select body from run where flow = 'emptied'")]
    assert '"kind":"cart"' in subject
