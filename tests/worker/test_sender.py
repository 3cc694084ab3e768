"""The sender: what becomes of a request, and of the run behind it."""

from datetime import timedelta

import pytest

from bot.channel import Failure, Outgoing, Recipient, Remedy, SendError
from bot.policy.decision import Consent
from bot.store import outbox
from bot.store.model import Identity, IdentityKind, Source, Update, update_key
from bot.worker import failures, sender

from .bench import DAY, HOUR, LOLA, NUMBER, PEPE, Bench, failing

RETRY = Failure.RETRY


async def due(bench: Bench, who: str = LOLA) -> None:
    """A reminder is queued and may go."""
    await bench.cart(f"k-{who}", who)
    await bench.work()
    bench.now += HOUR
    await bench.work()


async def test_a_message_goes_once_to_the_phone_with_our_key(bench: Bench) -> None:
    await due(bench)
    assert len(await bench.send()) == 1
    assert await bench.send() == []
    (sent,) = bench.channel.sent
    assert isinstance(sent, Outgoing)
    assert (sent.to, sent.number) == (Recipient(phone=f"+{LOLA}"), NUMBER)
    assert sent.key.startswith(f"{bench.store.instance}:")
    assert await bench.states() == ["sent"]


async def test_a_person_without_a_phone_is_written_to_by_their_user_id(bench: Bench) -> None:
    message = {
        "from_user_id": "ES.13491208655302741918",
        "id": "wamid.u",
        "timestamp": str(int(bench.now.timestamp())),
        "type": "text",
        "text": {"body": "Hello"},
    }
    await bench.whatsapp(messages=[message])
    await bench.go()
    assert {sent.to for sent in bench.channel.sent} == {Recipient(bsuid="ES.13491208655302741918")}


async def test_what_surely_did_not_go_is_tried_again_later_and_later(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "throttled"), 3)
    await bench.send()
    for seconds, tries in ((4, 2), (16, 3), (64, 4)):
        bench.now += timedelta(seconds=seconds - 1)
        await bench.send()
        assert len(bench.channel.sent) == tries - 1
        bench.now += timedelta(seconds=1 + seconds * failures.SPREAD)
        await bench.send()
        assert len(bench.channel.sent) == tries
    assert await bench.states() == ["sent"]


async def test_what_the_platform_asks_to_wait_for_is_waited_for(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "throttled", retry_after=timedelta(minutes=10)))
    await bench.send()
    bench.now += timedelta(minutes=10, seconds=-1)
    assert await bench.send() == []
    bench.now += timedelta(minutes=10) * failures.SPREAD + timedelta(seconds=1)
    assert len(await bench.send()) == 1


async def test_a_message_that_surely_did_not_go_is_tried_until_it_is_worth_nothing_any_more(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "throttled"), 9_999)
    for _ in range(20):
        await bench.send()
        bench.now += timedelta(minutes=20)
    assert len(bench.channel.sent) == 20
    assert await bench.states() == ["queued"]
    bench.now += timedelta(days=3)
    await bench.send()
    assert (await bench.states(), await bench.outcomes()) == (["cancelled"], ["not sent"])


async def test_an_end_that_is_kept_once_more_leaves_the_next_try_alone(bench: Bench) -> None:
    """The database kept it, and its answer was lost: the sender cannot know, and keeps it again."""
    await due(bench)
    first = (await bench.store.run(bench.sender._claim(bench.house(), 9)))[0].claimed[0]
    for _ in range(2):
        await bench.store.run(failures.answered(bench.house(), first, SendError(RETRY, "throttled")))
    assert await bench.states() == ["queued"]
    bench.now += HOUR
    assert (await bench.store.run(bench.sender._claim(bench.house(), 9)))[0].claimed
    await bench.store.run(failures.answered(bench.house(), first, SendError(RETRY, "throttled")))
    assert await bench.states() == ["sending"]


async def test_a_message_to_be_tried_again_is_judged_again(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "throttled"))
    await bench.send()
    await bench.writes("stop")
    await bench.go(HOUR)
    assert [sent.content.body[:5] for sent in bench.channel.sent[1:]] == ["Done:"]


async def test_a_refused_message_ends_its_run_with_a_reason(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(Failure.REFUSED, "the template is paused", code=132015))
    await bench.send()
    assert (await bench.states(), await bench.outcomes()) == (["refused"], ["not sent"])
    assert any("the template is paused (code 132015)" in note for note in await bench.notes())


@pytest.mark.parametrize("fault", [SendError(Failure.UNKNOWN, "time-out"), RuntimeError("a fault of the channel's own")])
async def test_what_nobody_knows_is_never_sent_again_and_a_status_settles_it(bench: Bench, fault: Exception) -> None:
    await due(bench)
    bench.channel.faults = [fault]
    await bench.send()
    assert await bench.states() == ["unknown"]
    await bench.go(HOUR)
    assert len(bench.channel.sent) == 1
    await bench.status(bench.channel.sent[0], "delivered")
    await bench.work()
    assert await bench.states() == ["sent"]


async def test_a_failed_status_ends_the_run_whose_question_nobody_read(bench: Bench) -> None:
    await bench.reminded()
    await bench.status(bench.channel.sent[0], "failed", 131026)
    await bench.work()
    assert await bench.outcomes() == ["not sent"]
    assert not (await bench.person()).unreachable, "once is no proof"


async def test_a_failure_that_is_told_after_the_proof_of_arrival_ends_nothing(bench: Bench) -> None:
    await bench.reminded()
    await bench.status(bench.channel.sent[0], "read")
    await bench.status(bench.channel.sent[0], "failed", 131026)
    await bench.work()
    assert await bench.outcomes() == [None]


REMEDIES = [
    (Remedy.OPT_OUT, "opted out"),
    (Remedy.UNREACHABLE, "unreachable"),
    (Remedy.PAUSE_PERSON, "paused"),
]


@pytest.mark.parametrize(("remedy", "what"), REMEDIES)
async def test_what_a_failure_says_of_the_person_is_heeded(bench: Bench, remedy: Remedy, what: str) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(Failure.REFUSED, "no", remedy=remedy))
    await bench.send()
    person = await bench.person()
    found = {
        "opted out": person.consent is Consent.WITHDRAWN,
        "unreachable": person.unreachable,
        "paused": person.not_before == bench.now + DAY,
    }
    assert [name for name, is_so in found.items() if is_so] == [what]


async def test_a_number_that_must_rest_rests_for_everybody_and_loses_nothing(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "throughput", remedy=Remedy.PAUSE_NUMBER, retry_after=timedelta(minutes=1)))
    await bench.send()
    await bench.writes("Hello", PEPE)
    await bench.work()
    assert await bench.send() == []
    bench.now += timedelta(minutes=1)
    assert len(await bench.send()) >= 2


async def test_a_stopped_number_sends_nothing_until_the_owner_has_acted(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(RETRY, "the token has expired", code=190, remedy=Remedy.STOP_ALL))
    await bench.send()
    await bench.writes("Hello", PEPE)
    await bench.go(HOUR)
    assert len(bench.channel.sent) == 1
    await bench.store.run(outbox.resume_numbers())
    assert len(await bench.send()) >= 2


async def test_marketing_stops_after_a_warning_and_answers_go_on(bench: Bench) -> None:
    await due(bench)
    bench.channel.faults = failing(lambda: SendError(Failure.REFUSED, "spam", code=131048, remedy=Remedy.STOP_MARKETING))
    await bench.send()
    await due(bench, PEPE)
    assert await bench.send() == []
    await bench.writes("Hello")
    assert await bench.go() != []
    assert all(sent.to == Recipient(phone=f"+{LOLA}") for sent in bench.channel.sent)


async def test_a_claim_is_let_go_when_the_person_is_heard_of_before_the_request_starts(bench: Bench) -> None:
    """The claim is committed; in the moment before its request an opt-out is acknowledged."""
    await due(bench)
    await bench.sender.send_due(lambda: None)  # the request is a task that has not begun: nothing was awaited since
    bench.store.arrivals.note(_stop(bench))
    await bench.sender.finish()
    assert bench.channel.sent == []
    assert await bench.states() == ["queued"]
    assert [row["attempts"] for row in await bench.rows("select attempts from outbox")] == [0]


async def test_a_claim_that_did_not_start_in_time_is_let_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer may have acknowledged an opt-out since: by then it relies on this."""
    await due(bench)
    monkeypatch.setattr(sender, "START_SECONDS", 0.0)
    await bench.sender.send_due(lambda: None)
    await bench.sender.finish()
    assert bench.channel.sent == []
    assert await bench.states() == ["queued"]


def _stop(bench: Bench) -> list[Update]:
    names = (Identity(IdentityKind.WA_ID, LOLA), Identity(IdentityKind.PHONE, f"+{LOLA}"))
    return [Update(Source.WHATSAPP, "message", update_key(bench.now, "stop"), NUMBER, b"{}", bench.now, names)]


async def test_a_claim_stands_when_somebody_else_is_heard_of(bench: Bench) -> None:
    await due(bench)
    await bench.sender.send_due(lambda: None)
    other = Update(
        Source.WHATSAPP, "message", update_key(bench.now, "x"), NUMBER, b"{}", bench.now, (Identity(IdentityKind.PHONE, f"+{PEPE}"),)
    )
    bench.store.arrivals.note([other])
    await bench.sender.finish()
    assert len(bench.channel.sent) == 1


async def test_the_sender_is_woken_as_each_request_ends(bench: Bench) -> None:
    await due(bench)
    woken: list[None] = []
    await bench.sender.send_due(lambda: woken.append(None))
    assert bench.sender.busy
    await bench.sender.finish()
    assert len(woken) == 1
    assert not bench.sender.busy


async def test_a_message_dropped_by_policy_ends_its_run_with_a_reason(bench: Bench) -> None:
    await due(bench)
    bench.now += 4 * DAY  # the sender looks before the run's own timer does
    assert await bench.send() == []
    assert await bench.outcomes() == ["not sent"]
    assert any("a message was not sent" in note for note in await bench.notes())
