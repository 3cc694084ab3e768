"""Any database, however it was restored, is made safe to start: on SQLite and on PostgreSQL."""

from datetime import timedelta
from pathlib import Path

from bot.channel import Failure, SendError
from bot.policy.decision import Consent
from bot.store import gauges, held, outbox
from bot.store.held import Held
from bot.store.step import Statement, Step
from bot.worker.restoring import make_safe
from tests.worker.bench import DAY, HOUR, LOLA, NUMBER, PEPE, failing

from .office import Office, office_at

THIRD, FOURTH = "34600333444", "34600444555"


async def _busy_house(house: Office) -> None:
    """One message queued, one unknown, one timer due soon, one event that waits, one code wanted, one opt-out."""
    house.channel.faults = failing(lambda: SendError(Failure.UNKNOWN, "no answer"))
    await house.cart("k1", LOLA)
    await house.go()
    assert await house.go(HOUR) == [house.channel.sent[0].content.body]  # it was tried: nobody knows its end
    await house.store.run(outbox.stop_number(NUMBER, "a test"))
    await house.writes("hello", PEPE)
    await house.work()
    await house.cart("k3", THIRD)
    await house.work()
    await house.writes("hello", FOURTH)


async def test_what_may_have_gone_out_is_held_and_what_had_come_in_is_worked_off(where: str, tmp_path: Path) -> None:
    log = tmp_path / "optouts"
    async with office_at(where, log) as house:
        await _busy_house(house)
        now = house.now + 2 * HOUR
        restored = await make_safe(house.store, house.playbook, NUMBER, now, house.beside)
        assert restored.worked_off == 1
        assert restored.held == Held(queued=4, uncertain=1, timers=2, codes=0)  # the cart, and an answer that never came
        assert await house.store.read(held.count()) == restored.held
        house.now = now
        await house.store.run(outbox.resume_numbers())
        assert await house.go() == []
        assert await house.store.run(held.release()) == restored.held
        assert len(await house.go()) == 5  # four that were queued, and the reminder whose timer was due
        assert sorted(set(await house.states())) == ["sent", "unknown"]


async def test_opt_outs_are_replayed_and_the_newest_word_counts(where: str, tmp_path: Path) -> None:
    log = tmp_path / "optouts"
    async with office_at(where, log) as house:
        await house.cart("k1", LOLA)
        await house.cart("k2", PEPE)
        await house.go()
        for who in (LOLA, PEPE):
            await house.writes("STOP", who)
        await house.go()
        await house.go(HOUR)
        at = str(int(house.now.timestamp()))
        resumed = {"wa_id": PEPE, "category": "marketing_messages", "detail": "d", "value": "resume", "timestamp": at}
        await house.whatsapp("user_preferences", user_preferences=[resumed])
        await house.go()
        now = house.now
        await house.store.run(_forget_what_was_said())
        restored = await make_safe(house.store, house.playbook, NUMBER, now, house.beside)
        assert (restored.replayed.lines, restored.replayed.unreadable, restored.replayed.stopped) == (3, 0, 1)
        assert (await house.person(LOLA)).consent is Consent.WITHDRAWN
        assert (await house.person(PEPE)).consent is Consent.GRANTED


def _forget_what_was_said() -> Step[None]:
    """As a copy taken before the opt-outs would have it."""
    yield Statement("delete from consent_record where method <> 'shop'", {})
    yield Statement("update contact set consent = 'granted'", {})


async def test_the_gauges_read_what_waits(where: str, tmp_path: Path) -> None:
    async with office_at(where, tmp_path / "optouts") as house:
        await _busy_house(house)
        now = house.now + timedelta(minutes=2)
        seen = await house.store.read(gauges.read(now))
        assert (seen.waiting, seen.waiting_seconds) == (1, 120.0)
        assert (seen.queued, seen.due, seen.due_seconds) == (2, 2, 120.0)
        assert (seen.unknown, seen.dead, seen.overdue) == (1, 0, 0)
        assert [number.stopped for number in seen.numbers] == [True]
        later = await house.store.read(gauges.read(now + DAY))
        assert later.overdue >= 1
