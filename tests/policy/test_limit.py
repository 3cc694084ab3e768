"""Rolling limits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.limit import NEVER, Limit, free_at

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_DAY = Limit(1, 24 * HOUR)
THREE_A_WEEK = Limit(3, timedelta(days=7))


@pytest.mark.parametrize(
    ("hours_ago", "limits", "expected"),
    [
        ((), (A_DAY,), timedelta()),
        ((23,), (A_DAY,), HOUR),
        ((24,), (A_DAY,), timedelta()),
        ((25,), (A_DAY,), timedelta()),
        ((1, 2), (A_DAY,), 23 * HOUR),  # one of them was an answer: the newest counts
        ((30, 60), (A_DAY, THREE_A_WEEK), timedelta()),
        ((60, 30, 100), (A_DAY, THREE_A_WEEK), (168 - 100) * HOUR),
        ((1, 60, 167), (A_DAY, THREE_A_WEEK), 23 * HOUR),
        ((5,), (), timedelta()),
    ],
)
def test_a_limit_frees_when_the_oldest_counted_message_leaves_its_window(
    hours_ago: tuple[int, ...], limits: tuple[Limit, ...], expected: timedelta
) -> None:
    assert free_at([NOON - hours * HOUR for hours in hours_ago], limits, NOON) == NOON + expected


def test_a_limit_of_none_is_never_free() -> None:
    assert free_at([], [Limit(0, HOUR)], NOON) == NEVER


@given(
    st.lists(st.timedeltas(timedelta(), timedelta(days=40)), max_size=12),
    st.lists(st.builds(Limit, st.integers(1, 5), st.timedeltas(HOUR, timedelta(days=30))), max_size=3),
)
def test_the_moment_found_is_the_first_that_keeps_every_limit(ages: list[timedelta], limits: list[Limit]) -> None:
    sent = [NOON - age for age in ages]

    def keeps(at: datetime) -> bool:
        return all(sum(at - limit.length < one for one in sent) < limit.count for limit in limits)

    free = free_at(sent, limits, NOON)
    assert keeps(free)
    assert free == NOON or not keeps(free - timedelta(microseconds=1))
