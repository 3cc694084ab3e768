"""The outbox: in order, one at a time, never twice, and never against what came in meanwhile."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.run import Button, Text
from bot.policy.decision import Author, Consent, Control, Decision, Drop, Message, Person, Reason, Send, Wait
from bot.store import contacts, conversations, inbox, outbox, runs
from bot.store.database import Database, open_database
from bot.store.model import Identity, Source
from bot.store.outbox import LEASE, Claim

from .ground import (
    DAY,
    HOUR,
    NOW,
    NUMBER,
    SHOP_NAME,
    agreed,
    claim,
    customer,
    draft,
    drive,
    email,
    message,
    person,
    phone,
    queue,
    update,
    value,
    whose,
    yes,
)


@pytest.fixture
async def lola(store: Database) -> int:
    return await person(store, phone(), email())


async def a_run(store: Database, contact: int) -> int:
    await store.run(runs.keep_revision("r1", "cart_reminder", "{}", NOW))
    return await store.run(runs.create(contact, NUMBER, SHOP_NAME, "cart_reminder", "r1", NOW))


async def sent(store: Database, *keys: str) -> None:
    for key in keys:
        await store.run(outbox.sent((await message(store, key)).id, f"wamid.{key}", held=False))


async def look(store: Database, judge: outbox.Judge, now: datetime = NOW) -> Claim:
    return await store.run(outbox.claim(judge, owner="test", epoch=store.epoch, now=now, limit=50))


# ---- the queue


async def test_the_same_key_is_queued_once(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m", content=Text("first")), draft(lola, "m", content=Text("second")))
    assert await value(store, "select body from outbox") == "first"
    assert await value(store, "select count(*) from outbox") == 1


async def test_what_the_customer_reads_is_kept_with_its_buttons(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m", content=Text("May we?", (Button("Yes", "y"), Button("No", "n")))))
    assert await value(store, "select body from outbox") == "May we?\n[Yes]\n[No]"


async def test_a_claimed_message_is_committed_as_on_the_wire_before_it_is_handed_out(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m", content=Text("Hola")))
    (claimed,) = (await look(store, yes)).claimed
    assert (claimed.key, claimed.content, claimed.attempts, claimed.phone) == ("m", Text("Hola"), 1, "+34600111222")
    assert await value(store, "select state || owner || epoch from outbox") == f"sendingtest{store.epoch}"
    assert await claim(store) == []


async def test_messages_of_a_run_go_one_by_one_in_their_order(store: Database, lola: int) -> None:
    run = await a_run(store, lola)
    await queue(store, *(draft(lola, f"m{n}", run=run) for n in range(3)))
    for n in range(3):
        assert await claim(store) == [f"m{n}"]
        assert await claim(store) == []  # one on the wire for a person
        await sent(store, f"m{n}")


async def test_a_message_that_waits_holds_the_later_ones_of_its_run(store: Database, lola: int) -> None:
    run = await a_run(store, lola)
    await queue(store, draft(lola, "m0", run=run), draft(lola, "m1", run=run))
    until = NOW + HOUR

    def later(_message: Message, _person: Person) -> Decision:
        return Wait(until, Reason.QUIET_HOURS)

    held = (await look(store, later)).held
    assert [(one.why, one.until, one.news) for one in held] == [(Reason.QUIET_HOURS, until, True)]
    assert await claim(store) == []
    assert await claim(store, now=until) == ["m0"]


async def test_waiting_again_for_the_same_reason_is_no_news(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    for hours, news in ((1, True), (2, False)):
        until = NOW + hours * HOUR
        held = (await look(store, lambda _m, _p, until=until: Wait(until, Reason.LIMIT), now=until - HOUR)).held  # type: ignore[misc]
        assert [one.news for one in held] == [news]


async def test_two_runs_do_not_hold_each_other_and_yet_one_is_on_the_wire(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "a", run=await a_run(store, lola)), draft(lola, "b", run=await a_run(store, lola)))
    assert await claim(store) == ["a"]
    await sent(store, "a")
    assert await claim(store) == ["b"]


async def test_answers_go_in_order_and_before_every_nudge(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "nudge"), draft(lola, "answer 1", reply=True), draft(lola, "answer 2", reply=True))
    for key in ("answer 1", "answer 2", "nudge"):
        assert await claim(store) == [key]
        await sent(store, key)


async def test_nobody_is_nudged_while_an_answer_to_them_waits_to_be_tried_again(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "answer", reply=True))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.again(claimed.id, NOW + HOUR, "throttled"))
    await queue(store, draft(lola, "nudge"))
    assert await claim(store) == []
    assert await claim(store, now=NOW + HOUR) == ["answer"]


async def test_people_do_not_wait_for_each_other(store: Database, lola: int) -> None:
    pepe = await person(store, phone("34600999888"))
    await queue(store, draft(lola, "a"), draft(lola, "a2"), draft(pepe, "b"))
    assert set(await claim(store)) == {"a", "b"}


async def test_a_dropped_message_is_kept_with_the_reason(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    held = (await look(store, lambda _m, _p: Drop(Reason.OPTED_OUT))).held
    assert [(one.why, one.until) for one in held] == [(Reason.OPTED_OUT, None)]
    assert await value(store, "select state || ' ' || why from outbox") == "cancelled opted_out"


async def test_policy_is_told_all_it_needs(store: Database, lola: int) -> None:
    await store.run(contacts.agree(lola, agreed(Consent.GRANTED, NOW), NOW))
    await store.run(contacts.describe(lola, first_name=None, country="ES", timezone="Europe/Madrid"))
    await store.run(contacts.pause(lola, NOW + HOUR))
    await store.run(conversations.heard(lola, NUMBER, NOW - HOUR, kind="text", text="Hi", provider_id="w"))
    await store.run(conversations.give(lola, NUMBER, Control.WAITING, NOW))
    await queue(store, draft(lola, "earlier"))
    await claim(store, now=NOW)
    await sent(store, "earlier")
    await queue(store, draft(lola, "m", reply=True, marketing=False, author=Author.STAFF, expires_at=NOW + DAY))
    asked: list[tuple[Message, Person]] = []

    def judge(asked_message: Message, asked_person: Person) -> Decision:
        asked.append((asked_message, asked_person))
        return Send()

    await look(store, judge)
    ((message_asked, person_asked),) = asked
    assert message_asked == Message(marketing=False, reply=True, free_text=True, author=Author.STAFF, expires_at=NOW + DAY)
    assert person_asked == Person(
        consent=Consent.GRANTED,
        control=Control.WAITING,
        last_wrote_at=NOW - HOUR,
        marketing_sent_at=(NOW,),
        not_before=NOW + HOUR,
        timezone="Europe/Madrid",
        country="ES",
        phone="+34600111222",
    )


@pytest.mark.parametrize(("end", "counts"), [("sent", True), ("unknown", True), ("refused", False), ("again", False), ("failed", False)])
async def test_what_may_have_arrived_counts_against_the_limit(store: Database, lola: int, end: str, counts: bool) -> None:
    await queue(store, draft(lola, "first"))
    await claim(store)
    first = await message(store, "first")
    match end:
        case "sent":
            await sent(store, "first")
        case "unknown":
            await store.run(outbox.unknown(first.id, "time-out"))
        case "refused":
            await store.run(outbox.refused(first.id, "no"))
        case "again":
            await store.run(outbox.again(first.id, NOW + 9 * DAY, "throttled"))
        case _:
            await sent(store, "first")
            await store.run(outbox.climb(await message(store, "first"), "failed", "w", "no"))
    await queue(store, draft(lola, "second"))
    counted: list[int] = []

    def judge(_message: Message, asked: Person) -> Decision:
        counted.append(len(asked.marketing_sent_at))
        return Send()

    await look(store, judge, NOW + HOUR)
    assert counted == [int(counts)]


# ---- what came in meanwhile


@pytest.mark.parametrize("named", [phone(), email(), customer()])
async def test_nothing_is_claimed_while_an_unread_update_names_the_person_by_any_name(store: Database, named: Identity) -> None:
    lola = await person(store, phone(), email(), customer())
    pepe = await person(store, phone("34600999888"))
    await queue(store, draft(lola, "m"), draft(pepe, "theirs"))
    await store.receive([update("stop", named)], NOW)
    assert await claim(store) == ["theirs"]
    (entry,) = await store.run(inbox.waiting(NOW, 9))
    await store.run(inbox.done(entry.id, lola))
    assert await claim(store) == ["m"]


async def test_nothing_is_claimed_while_staff_or_a_timer_has_something_unread_for_the_person(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    entry = await store.run(inbox.put(Source.DESK, "take", lola, {}, NOW))
    assert await claim(store) == []
    await store.run(inbox.done(entry, lola))
    assert await claim(store) == ["m"]


async def test_what_flows_queued_is_cancelled_and_what_others_wrote_is_not(store: Database, lola: int) -> None:
    run = await a_run(store, lola)
    await queue(store, draft(lola, "flow", run=run), draft(lola, "house", author=Author.HOUSE), draft(lola, "staff", author=Author.STAFF))
    await store.run(outbox.cancel_contact(lola, "stopped"))
    assert [(await message(store, key)).state for key in ("flow", "house", "staff")] == ["cancelled", "queued", "queued"]


async def test_what_a_run_queued_is_cancelled_alone_and_what_is_on_the_wire_stays(store: Database, lola: int) -> None:
    one, two = await a_run(store, lola), await a_run(store, lola)
    await queue(store, draft(lola, "on the wire", run=one))
    await claim(store)
    await queue(store, draft(lola, "queued", run=one), draft(lola, "other", run=two))
    await store.run(outbox.cancel_run(one, "ended"))
    assert [(await message(store, key)).state for key in ("on the wire", "queued", "other")] == ["sending", "cancelled", "queued"]


# ---- a number that must rest


async def test_a_paused_number_rests_until_it_may_send_again(store: Database, lola: int) -> None:
    pepe = await person(store, phone("34600999888"))
    await queue(store, draft(lola, "m"), draft(pepe, "other number", number="2070"))
    await store.run(outbox.pause_number(NUMBER, NOW + HOUR))
    await store.run(outbox.pause_number(NUMBER, NOW + HOUR / 2))  # a shorter pause does not cut a longer one
    assert await claim(store, now=NOW + HOUR * 0.9) == ["other number"]
    assert await claim(store, now=NOW + HOUR) == ["m"]


async def test_a_number_stopped_for_marketing_still_answers(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "marketing"), draft(lola, "service", marketing=False))
    await store.run(outbox.stop_marketing(NUMBER, "quality"))
    assert await claim(store) == ["service"]
    await sent(store, "service")
    assert await claim(store) == []
    await store.run(outbox.resume_numbers())
    assert await claim(store) == ["marketing"]


async def test_a_stopped_number_sends_nothing_and_loses_nothing(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m", reply=True, marketing=False))
    await store.run(outbox.stop_number(NUMBER, "the token has expired"))
    assert await claim(store, now=NOW + 9 * DAY) == []
    await store.run(outbox.resume_numbers())
    assert await claim(store) == ["m"]


# ---- how a request ends


async def test_a_message_that_surely_did_not_go_is_judged_again(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.again(claimed.id, NOW + HOUR, "throttled"))
    assert await claim(store) == []
    held = (await look(store, lambda _m, _p: Drop(Reason.OPTED_OUT), NOW + HOUR)).held
    assert [one.why for one in held] == [Reason.OPTED_OUT]


async def test_tries_are_counted_and_a_released_claim_is_none(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    (first,) = (await look(store, yes)).claimed
    await store.run(outbox.release(first.id, first.leased_until))
    (second,) = (await look(store, yes)).claimed
    await store.run(outbox.again(second.id, NOW, "throttled"))
    (third,) = (await look(store, yes)).claimed
    assert (first.attempts, second.attempts, third.attempts) == (1, 1, 2)


async def test_what_an_earlier_process_left_on_the_wire_is_unknown_and_never_sent_again(where: str) -> None:
    first = await open_database(where)
    lola = await person(first, phone())
    await queue(first, draft(lola, "m"))
    await claim(first)
    await first.close()
    second = await open_database(where)
    assert await second.run(outbox.orphans(second.epoch, NOW)) == 1
    assert (await message(second, "m")).state == "unknown"
    assert await claim(second, now=NOW + 30 * DAY) == []
    await second.close()


async def test_a_lease_that_ran_out_is_unknown_and_one_that_runs_is_not(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    await claim(store)
    assert await store.run(outbox.orphans(store.epoch, NOW + LEASE)) == 0
    assert await store.run(outbox.orphans(store.epoch, NOW + LEASE + timedelta(seconds=1))) == 1


async def test_a_status_settles_what_nobody_knew(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.unknown(claimed.id, "time-out"))
    assert await store.run(outbox.climb(await message(store, "m"), "delivered", "wamid.1"))
    settled = await store.run(outbox.find(None, "wamid.1"))
    assert settled is not None
    assert (settled.state, settled.delivery) == ("sent", "delivered")


async def test_a_message_that_a_status_proves_sent_is_not_sent_again(store: Database, lola: int) -> None:
    """The answer said "surely not", and yet it arrived."""
    await queue(store, draft(lola, "m"))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.again(claimed.id, NOW, "throttled"))
    await store.run(outbox.climb(await message(store, "m"), "delivered", "wamid.1"))
    assert await claim(store) == []
    assert (await message(store, "m")).state == "sent"


async def test_a_claim_that_is_released_twice_takes_the_message_from_nobody_else(store: Database, lola: int) -> None:
    """The first time it was committed, and the answer to that was lost."""
    await queue(store, draft(lola, "m"))
    (first,) = (await look(store, yes)).claimed
    await store.run(outbox.release(first.id, first.leased_until))
    assert len((await look(store, yes, NOW + timedelta(milliseconds=1))).claimed) == 1
    await store.run(outbox.release(first.id, first.leased_until))
    assert (await message(store, "m")).state == "sending"


async def test_an_answer_that_comes_after_its_status_changes_nothing(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.climb(await message(store, "m"), "read", "wamid.1"))
    await store.run(outbox.again(claimed.id, NOW, "throttled"))
    await store.run(outbox.unknown(claimed.id, "time-out"))
    await store.run(outbox.refused(claimed.id, "no"))
    await store.run(outbox.release(claimed.id, claimed.leased_until))
    known = await message(store, "m")
    assert (known.state, known.delivery) == ("sent", "read")


async def test_proof_of_arrival_takes_the_reason_of_a_failure_away(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    await claim(store)
    await sent(store, "m")
    await store.run(outbox.climb(await message(store, "m"), "failed", "wamid.m", "undeliverable"))
    assert await value(store, "select why from outbox") == "undeliverable"
    await store.run(outbox.climb(await message(store, "m"), "delivered", "wamid.m"))
    assert await value(store, "select why from outbox") is None


RANK = ["sent", "failed", "delivered", "read"]
HEARD = st.lists(st.sampled_from(["answer", *RANK]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(HEARD)
def test_a_delivery_only_climbs_in_whatever_order_it_is_told(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> None:
    async def use(run, store: Database) -> None:  # type: ignore[no-untyped-def]  # the shapes of `drive`
        lola = await run(whose([phone()], NOW))
        await queue(store, draft(lola, "m"))
        await claim(store)
        for one in told:
            known = await message(store, "m")
            if one == "answer":
                await run(outbox.sent(known.id, "wamid.1", held=False))
            else:
                await run(outbox.climb(known, one, "wamid.1"))
        end = await message(store, "m")
        statuses = [one for one in told if one != "answer"]
        assert end.delivery == (max(statuses, key=RANK.index) if statuses else None)
        assert end.state == "sent"
        assert await claim(store, now=NOW + 30 * DAY) == []

    drive(tmp_path_factory.mktemp("climb") / "a.db", use)


async def test_every_order_of_answer_and_statuses_ends_alike(store: Database, lola: int) -> None:
    for nth, told in enumerate(permutations(["answer", "sent", "delivered", "read"])):
        await queue(store, draft(lola, f"m{nth}"))
        await claim(store)
        for one in told:
            known = await message(store, f"m{nth}")
            if one == "answer":
                await store.run(outbox.sent(known.id, f"w{nth}", held=False))
            else:
                await store.run(outbox.climb(known, one, f"w{nth}"))
        end = await message(store, f"m{nth}")
        assert (end.state, end.delivery) == ("sent", "read"), told


async def test_a_status_of_somebody_elses_message_is_nobodys(store: Database) -> None:
    assert await store.run(outbox.find("theirs:1", "wamid.theirs")) is None


async def test_a_message_the_platform_holds_says_so(store: Database, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    (claimed,) = (await look(store, yes)).claimed
    await store.run(outbox.sent(claimed.id, "w", held=True))
    assert "held by the platform" in await value(store, "select why from outbox")
