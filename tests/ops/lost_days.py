"""A backup, and after it 500 sends and 20 opt-outs that it does not know: what must be true once it is put back, on any database."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.policy.decision import Consent
from bot.worker.restoring import Restored
from tests.worker.bench import HOUR, MONDAY, PEPE

from .office import Office

EVENING = MONDAY + timedelta(hours=10, minutes=30)  # 20:30 in Madrid: what is due an hour later waits for the morning
PEOPLE = [f"346100{number:05d}" for number in range(500)]
STOPPED = PEOPLE[100:120]
QUEUED = 250  # of the 500 wait for the morning when the backup is taken; for the others a timer is running


async def live(house: Office, back_up: Callable[[], Awaitable[None]]) -> datetime:
    """The days that are lost, from the evening of `EVENING`; returns when they end."""
    for who in PEOPLE[:QUEUED]:
        await house.cart(f"k-{who}", who)
    assert await house.go() == []
    assert await house.go(HOUR + timedelta(minutes=1)) == []
    for who in PEOPLE[QUEUED:]:
        await house.cart(f"k-{who}", who)
    assert await house.go() == []
    assert await house.states() == ["queued"] * QUEUED
    await back_up()
    assert len(await house.go(timedelta(hours=12))) == len(PEOPLE)
    for who in STOPPED:
        await house.writes("STOP", who)
    assert len(await house.go()) == len(STOPPED)  # each is told that it was understood
    return house.now


def held(restored: Restored) -> None:
    """What a restore must have done."""
    assert (restored.held.queued, restored.held.timers) == (QUEUED - len(STOPPED), len(PEOPLE) - QUEUED)
    assert restored.replayed.stopped == len(STOPPED)


async def go_on(house: Office) -> None:
    """For days nothing goes out again, who opted out stays so, and what happens from now on is answered."""
    assert [body for _ in range(12) for body in await house.go(HOUR * 6)] == []
    for who in STOPPED:
        assert (await house.person(who)).consent is Consent.WITHDRAWN
        await house.cart(f"another-{who}", who)
    assert [body for _ in range(8) for body in await house.go(HOUR * 6)] == []
    await house.writes("hello", PEPE)
    assert len(await house.go()) == 2
