"""Messages from one number to one person: as Meta's bucket counts them, and as we do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.policy import pair
from bot.sandbox.cloud.limit import Bucket

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_many_may_go_at_once_then_one_in_six_seconds() -> None:
    free_at, now, went = None, NOON, 0
    while pair.may_go_at(free_at, now) == now:
        free_at, went = pair.free_after(free_at, now), went + 1
    assert went == pair.AT_ONCE
    assert pair.may_go_at(free_at, now) == now + pair.EACH


def test_what_was_borrowed_is_paid_back() -> None:
    """Cloud API: after a burst of 20 it takes two minutes until all is as before."""
    free_at = None
    for _ in range(20):
        free_at = pair.free_after(free_at, NOON)
    assert free_at == NOON + timedelta(minutes=2)


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=200))
def test_the_platforms_own_bucket_never_refuses_what_we_let_go(pauses: list[float]) -> None:
    theirs, free_at, now = Bucket(45, 1 / 6), None, NOON
    for pause in pauses:
        now += timedelta(seconds=pause)
        if pair.may_go_at(free_at, now) == now:
            free_at = pair.free_after(free_at, now)
            assert theirs.take(now)


def test_who_is_barred_may_be_written_to_from_then_on() -> None:
    until = NOON + timedelta(seconds=16)
    assert pair.may_go_at(pair.barred_until(until), NOON) == until
