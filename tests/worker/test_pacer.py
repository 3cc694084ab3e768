"""The sender and the platform's limits: who goes when, who waits and why, on clocks turned by hand."""

import asyncio
from datetime import timedelta
from time import monotonic

from bot.channel import Failure, Remedy, SendError
from bot.desk.board import board
from bot.policy.decision import Message, Person, Send
from bot.policy.pace import STANDARD
from bot.store import gauges, outbox, pace
from bot.store.step import Statement, Step
from bot.worker.pacer import Gate, Pacer
from bot.worker.sender import Sender

from .bench import DAY, HOUR, LOLA, NUMBER, PEPE, Bench


class Clock:
    """Microseconds, and what else asks for the time."""

    def __init__(self) -> None:
        self.micros = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.micros


def paced(bench: Bench) -> Clock:
    """Give the bench's sender a pacer, and its clock."""
    clock = Clock()
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", pacer=Pacer(bench.store.arrivals, clock))
    return clock


def _change(sql: str) -> Step[None]:
    yield Statement(sql, {})


async def reminders(bench: Bench, people: int) -> None:
    """So many people get a reminder now."""
    for nth in range(people):
        await bench.cart(f"k{nth}", f"34633{nth:06d}")
    await bench.work()
    bench.now += HOUR
    await bench.work()


# ---- the day's limit


async def test_what_is_beyond_the_days_limit_waits_and_says_until_when(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(3, bench.now))
    await reminders(bench, 5)
    assert len(await bench.send()) == 3
    assert sorted(await bench.states()) == ["queued", "queued", "sent", "sent", "sent"]
    stands = await bench.store.read(pace.standing(bench.now))
    assert (stands.people, stands.reached, stands.waiting, stands.goes_on_at) == (3, 3, 2, bench.now + DAY)
    notes = [row["text"] for row in await bench.rows("select text from audit where text like 'a message waits%'")]
    assert len(notes) == 2
    assert all("The daily limit of WhatsApp is used up" in note for note in notes)
    assert f"{bench.now + DAY:%Y-%m-%d %H:%M}" in notes[0]


async def test_it_goes_on_as_those_of_yesterday_count_no_more(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(2, bench.now))
    await reminders(bench, 3)
    assert len(await bench.send()) == 2
    bench.now += DAY - timedelta(seconds=1)
    assert await bench.send() == []
    bench.now += timedelta(seconds=1)
    assert len(await bench.send()) == 1
    assert (await bench.store.read(pace.standing(bench.now))).reached == 1


async def test_a_higher_limit_lets_go_what_waits_at_once(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(1, bench.now))
    await reminders(bench, 3)
    assert len(await bench.send()) == 1
    await bench.store.run(pace.people_told(2_000, bench.now))
    assert len(await bench.send()) == 2


async def test_an_owners_own_limit_goes_before_what_was_told(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(None, bench.now))
    await bench.store.run(pace.own_limits(1, 20, bench.now))
    await reminders(bench, 2)
    assert len(await bench.send()) == 1
    assert (await bench.store.read(pace.standing(bench.now))).people == 1
    await bench.store.run(pace.own_limits(None, None, bench.now))
    assert len(await bench.send()) == 1


async def test_answers_in_an_open_window_are_never_held_by_the_days_limit(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(1, bench.now))
    await reminders(bench, 2)
    await bench.send()
    await bench.writes("Hello", PEPE)
    await bench.work()
    assert len(await bench.send()) >= 1
    assert (await bench.store.read(pace.standing(bench.now))).reached == 1


async def test_somebody_who_was_reached_today_is_no_new_person(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(1, bench.now))
    await bench.cart("k1")
    await bench.go()
    assert len(await bench.go(HOUR)) == 1
    await bench.order("o1")
    await bench.go(5 * HOUR)
    again = "update outbox set state = 'queued', needs = null, not_before = 0, expires_at = 9000000000000000 where state = 'sent'"
    await bench.store.run(_change(again))
    assert len(await bench.send()) == 1


async def test_who_was_surely_not_reached_does_not_count(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(1, bench.now))
    await reminders(bench, 2)
    bench.channel.faults = [SendError(Failure.REFUSED, "the template does not fit", code=132000)]
    assert len(await bench.send()) == 2
    assert (await bench.store.read(pace.standing(bench.now))).reached == 1


async def test_more_people_than_a_day_holds_wait_for_different_moments(bench: Bench) -> None:
    """Each for somebody of their own: not all of them ask again whenever one counts no more."""
    paced(bench)
    await bench.store.run(pace.people_told(4, bench.now))
    for nth in range(4):
        await bench.cart(f"k{nth}", f"34633{nth:06d}")
        await bench.work()
        bench.now += timedelta(minutes=1)
    bench.now += HOUR
    for _ in range(4):
        await bench.work()
        await bench.send()
        bench.now += timedelta(minutes=1)
    await bench.store.run(_change("update reached set at = at + contact * 60000000"))
    for nth in range(10, 14):
        await bench.cart(f"k{nth}", f"34633{nth:06d}")
    await bench.work()
    bench.now += HOUR
    await bench.work()
    assert await bench.send() == []
    until = [row["not_before"] for row in await bench.rows("select not_before from outbox where why = 'daily_limit' order by id")]
    assert len(set(until)) == 4


# ---- one person


async def test_a_person_who_is_written_to_too_often_waits_and_nobody_else_does(bench: Bench) -> None:
    paced(bench)
    for nth in range(60):
        await bench.writes(f"Hello {nth}")
    await bench.writes("Hello", PEPE)
    await bench.work()
    bench.store.arrivals.messages()  # so many at once would slow the number, too
    for _ in range(60):
        await bench.send()
    to_lola = [sent for sent in bench.channel.sent if sent.to.phone == f"+{LOLA}"]
    to_pepe = [sent for sent in bench.channel.sent if sent.to.phone == f"+{PEPE}"]
    assert len(to_pepe) >= 1
    assert len(to_lola) <= 44


async def test_a_pair_the_platform_refused_rests_longer_from_try_to_try(bench: Bench) -> None:
    paced(bench)
    await bench.writes("Hello")
    await bench.work()
    bench.channel.faults = [SendError(Failure.RETRY, "too many", code=131056, remedy=Remedy.PAUSE_PAIR) for _ in range(2)]
    await bench.send()
    await bench.writes("Hello", PEPE)
    await bench.work()
    await bench.send()
    assert {sent.to.phone for sent in bench.channel.sent} == {f"+{LOLA}", f"+{PEPE}"}
    first = len([sent for sent in bench.channel.sent if sent.to.phone == f"+{LOLA}"])
    bench.now += timedelta(seconds=3)
    await bench.send()
    assert len([sent for sent in bench.channel.sent if sent.to.phone == f"+{LOLA}"]) == first


# ---- the pace


async def test_a_claim_takes_what_may_start_soon_and_leaves_the_rest_queued(bench: Bench) -> None:
    clock = paced(bench)
    await reminders(bench, 40)
    await bench.sender.send_due(lambda: None)
    claimed = sum(state != "queued" for state in await bench.states())
    assert 1 <= claimed <= STANDARD // 10
    await bench.sender.finish()
    assert (await bench.states()).count("sent") == claimed
    clock.micros += 100_000
    await asyncio.sleep(0.1)
    await bench.sender.send_due(lambda: None)
    await bench.sender.finish()
    assert claimed < (await bench.states()).count("sent") <= 2 * claimed + 3


async def test_an_answer_goes_at_once_while_a_campaign_waits_for_its_moments(bench: Bench) -> None:
    paced(bench)
    await reminders(bench, 40)
    await bench.sender.send_due(lambda: None)
    await bench.writes("Hello", PEPE)
    await bench.work()
    look = await bench.sender.send_due(lambda: None)
    assert look.moved >= 1
    await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert any(sent.to.phone == f"+{PEPE}" for sent in bench.channel.sent)
    await bench.sender.finish()


async def test_too_fast_halves_the_pace_for_everybody_on_the_number(bench: Bench) -> None:
    await bench.store.run(pace.number_told(NUMBER, bench.now, per_second=80))
    clock = Clock()
    await bench.store.run(pace.slow_down(NUMBER, clock(), timedelta(seconds=1)))
    (number,) = (await bench.store.read(pace.standing(bench.now, clock()))).numbers
    assert 0.45 < number.share < 0.55
    assert number.per_second == 80


async def test_a_number_with_the_phone_app_on_it_is_slow_whatever_else_is_told(bench: Bench) -> None:
    await bench.store.run(pace.number_told(NUMBER, bench.now, with_app=True))
    await bench.store.run(pace.number_told(NUMBER, bench.now, per_second=1_000, phone="+34 911 00 00 00"))
    (number,) = (await bench.store.read(pace.standing(bench.now))).numbers
    assert number.per_second == 20
    assert await bench.store.read(pace.number_by_phone("34911000000")) == NUMBER


async def test_a_number_that_staff_write_from_with_the_phone_app_is_slow_from_then_on(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.go()
    echo = {"from": "34911000000", "to": LOLA, "id": "wamid.echo", "timestamp": str(int(bench.now.timestamp())), "type": "text"}
    await bench.whatsapp("smb_message_echoes", message_echoes=[{**echo, "text": {"body": "I am here"}}])
    await bench.work()
    (number,) = (await bench.store.read(pace.standing(bench.now))).numbers
    assert (number.with_app, number.per_second) == (True, 20)


async def test_two_processes_share_one_pace(bench: Bench) -> None:
    """Two senders on one database get moments of their own: together as many as one alone."""
    clock = paced(bench)
    other = Sender(bench.store, bench.channel, bench.house, owner="peer", pacer=Pacer(bench.store.arrivals, clock))
    await reminders(bench, 60)
    await bench.sender.send_due(lambda: None)
    await other.send_due(lambda: None)
    claimed = (await bench.states()).count("sending")
    await bench.sender.finish()
    await other.finish()
    assert claimed <= STANDARD * 0.35


# ---- the gate


class Moments:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def passed(gate: Gate, waiting: int, *, answer: bool = False) -> list[asyncio.Task[bool]]:
    """So many messages come to a gate, with moments that have come."""
    tasks = [asyncio.create_task(gate.passed(answer=answer)) for _ in range(waiting)]
    await asyncio.sleep(0)
    if not answer:
        gate.give([gate._clock()] * waiting)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def opened(gate: Gate, tasks: list[asyncio.Task[bool]]) -> int:
    """How many have passed, once the gate has looked again."""
    gate._open()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return sum(task.done() for task in tasks)


async def test_the_gate_lets_no_more_pass_in_a_second_than_the_number_may_send_however_late_they_come() -> None:
    clock = Moments()
    gate = Gate(clock)
    gate.per_second = 20
    tasks = await passed(gate, 40)
    assert await opened(gate, tasks) == 18
    clock.now += 0.999
    assert await opened(gate, tasks) == 18
    clock.now += 0.001
    assert await opened(gate, tasks) == 36
    for task in tasks:
        task.cancel()


async def test_at_the_gate_answers_find_room_when_what_can_wait_finds_none() -> None:
    gate = Gate(Moments())
    others = await passed(gate, 200)
    answers = await passed(gate, 5, answer=True)
    assert sum(task.done() for task in others) < STANDARD
    assert sum(task.done() for task in answers) >= 1
    for task in others + answers:
        task.cancel()


async def test_what_comes_in_takes_room_at_the_gate() -> None:
    gate = Gate(Moments())
    gate.heard(40)
    tasks = await passed(gate, 80)
    assert sum(task.done() for task in tasks) <= STANDARD - 40
    for task in tasks:
        task.cancel()


async def test_nobody_passes_before_a_moment_and_each_moment_serves_one() -> None:
    clock = Moments()
    gate = Gate(clock)
    tasks = [asyncio.create_task(gate.passed(answer=False)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.give([clock.now + 0.5, clock.now + 0.6])
    assert await opened(gate, tasks) == 0
    clock.now += 0.55
    assert await opened(gate, tasks) == 1
    clock.now += 0.1
    assert await opened(gate, tasks) == 2
    for task in tasks:
        task.cancel()


async def test_where_others_send_a_moment_that_was_missed_is_void_and_another_is_asked_for() -> None:
    """A process that was held up must not make up for it all at once: its peers went on meanwhile."""
    clock, asked = Moments(), list[float]()
    gate = Gate(clock, tolerance=0.05)
    gate.asked = lambda: asked.append(clock.now)
    tasks = [asyncio.create_task(gate.passed(answer=False)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.give(clock.now + nth / 100 for nth in range(10))
    clock.now += 0.3
    assert await opened(gate, tasks) == 1  # that of the first moment, before the process was held up
    assert gate.missed == 9
    assert asked
    gate.give([clock.now] * 9)
    assert await opened(gate, tasks) == 10
    for task in tasks:
        task.cancel()


async def test_a_stop_that_comes_while_a_message_waits_for_its_moment_is_heard(bench: Bench) -> None:
    """The last look is after the gate."""
    paced(bench)
    await reminders(bench, 12)
    assert bench.sender._pacer is not None
    clock = Moments()
    clock.now = monotonic() + HOUR.total_seconds()  # its moment has come, but the second is full
    shut = bench.sender._pacer._gates[NUMBER] = Gate(clock, tolerance=2 * HOUR.total_seconds())
    shut.heard(STANDARD)
    await bench.sender.send_due(lambda: None)
    waiting = [row["contact"] for row in await bench.rows("select contact from outbox where state = 'sending' order by id desc")]
    last = await bench.rows(f"select value from identity where contact = {waiting[0]} and kind = 'phone'")
    who = last[0]["value"].removeprefix("+")
    await bench.writes("STOP", who)
    clock.now += 1
    shut._open()
    await bench.sender.finish()
    assert f"+{who}" not in {sent.to.phone for sent in bench.channel.sent}


async def test_moments_that_were_claimed_and_not_used_hold_nobody_for_long(bench: Bench) -> None:
    """A process dies with what it claimed: its peers and its successor go on from where the pace stands."""
    clock = paced(bench)
    await reminders(bench, 30)
    await bench.sender.send_due(lambda: None)
    await bench.sender.finish()
    successor = Sender(bench.store, bench.channel, bench.house, owner="next", pacer=Pacer(bench.store.arrivals, clock))
    clock.micros += 200_000
    before = (await bench.states()).count("sent")
    await successor.send_due(lambda: None)
    await successor.finish()
    assert (await bench.states()).count("sent") > before


async def test_the_lanes_of_a_number_that_has_no_moments_are_not_looked_at(bench: Bench) -> None:
    await reminders(bench, 3)
    judged: list[Message] = []

    def judge(message: Message, _person: Person) -> Send:
        judged.append(message)
        return Send()

    for lane in (outbox.lane(NUMBER, answers=False), outbox.lane(outbox.ANY_NUMBER, answers=False)):
        await bench.store.run(outbox.claim(judge, owner="x", epoch=bench.store.epoch, now=bench.now, limit=9, resting={lane}))
    assert judged == []
    await bench.store.run(outbox.claim(judge, owner="x", epoch=bench.store.epoch, now=bench.now, limit=9, resting={"another:0"}))
    assert len(judged) == 3


async def test_the_owner_reads_what_waits_for_tomorrow_and_until_when(bench: Bench) -> None:
    paced(bench)
    await bench.store.run(pace.people_told(2, bench.now))
    await reminders(bench, 3)
    await bench.send()
    (told,) = (await bench.store.read(board(bench.now))).limits
    assert told == (
        "WhatsApp lets this account write first to 2 people in 24 hours, and all are used up; 1 message waits: it goes on at "
        f"{bench.now + DAY:%Y-%m-%d %H:%M} UTC. Answers go on"
    )
    read = await bench.store.read(gauges.read(bench.now))
    assert (read.limits.people, read.limits.reached, read.limits.waiting) == (2, 2, 1)
