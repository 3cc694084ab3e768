"""The pace of a number, message by message, on a clock turned by hand."""

from hypothesis import given
from hypothesis import strategies as st

from bot.policy import pace
from bot.policy.pace import AHEAD, CATCH_UP, CLIMB, STANDARD, WITH_APP, Pace

SECOND = 1_000_000
START = 1_800_000_000 * SECOND  # microseconds


def most_in_a_second(moments: list[int]) -> int:
    """The fullest second of all, wherever it begins."""
    moments = sorted(moments)
    return max(sum(one <= other < one + SECOND for other in moments) for one in moments)


def campaign(limit: int, seconds: int, step: int) -> list[int]:
    """Moments as a campaign gets them that asks every `step` microseconds."""
    one, found = Pace(limit), list[int]()
    for now in range(START, START + seconds * SECOND, step):
        one, moments = pace.others(one, 1_000, now)
        found += moments
    return [moment for moment in found if moment < START + seconds * SECOND]


def test_a_campaign_uses_nearly_all_of_the_rate_and_no_second_holds_more_than_that() -> None:
    for limit in (WITH_APP, STANDARD, 1_000):
        moments = campaign(limit, 10, 40_000)
        assert limit * 0.92 * 10 <= len(moments) <= limit * 0.97 * 10
        assert most_in_a_second(moments) <= limit


def test_messages_are_spread_over_the_second() -> None:
    moments = campaign(STANDARD, 3, 40_000)
    busiest = max(sum(one <= other < one + SECOND // 10 for other in moments) for one in moments)
    assert busiest <= STANDARD // 10 + 2


@given(st.lists(st.integers(min_value=1, max_value=400_000), min_size=1, max_size=60))
def test_however_irregularly_it_is_asked_no_second_holds_more_than_the_rate(pauses: list[int]) -> None:
    one, now, found = Pace(), START, list[int]()
    for pause in pauses:
        now += pause
        one, moments = pace.others(one, 30, now)
        found += moments
        assert all(now <= moment <= now + AHEAD + CATCH_UP for moment in moments)
    assert not found or most_in_a_second(found) <= STANDARD


def test_an_answer_overtakes_a_campaign_that_has_all_moments_there_are() -> None:
    one, _ = pace.others(Pace(), 1_000, START)
    one, none_left = pace.others(one, 1, START)
    assert none_left == ()
    _, moments = pace.answers(one, 3, START)
    assert moments == (START, START, START)


def test_a_campaign_gives_way_by_as_much_as_is_answered_and_as_came_in() -> None:
    quiet, busy, moments = Pace(), Pace(), {"quiet": 0, "busy": 0}
    for now in range(START, START + 10 * SECOND, 50_000):  # 20 messages a second come in, and 20 are answered
        quiet, given = pace.others(quiet, 1_000, now)
        moments["quiet"] += len(given)
        busy = pace.heard(busy, 1, now)
        busy, answered = pace.answers(busy, 1, now)
        assert answered == (now,)
        busy, given = pace.others(busy, 1_000, now)
        moments["busy"] += len(given)
    assert abs(moments["quiet"] - moments["busy"] - 400) < 30


def test_answers_alone_keep_to_the_rate_too() -> None:
    one, found = Pace(), list[int]()
    for now in range(START, START + 5 * SECOND, 20_000):
        one, moments = pace.answers(one, 50, now)
        found += moments
    assert most_in_a_second(found) <= STANDARD + 4
    assert len(found) <= STANDARD * 5 + 30


def test_after_a_refusal_the_number_rests_goes_half_as_fast_and_climbs_back() -> None:
    one = pace.slowed(Pace(), START, 2 * SECOND)
    assert pace.others(one, 9, START + SECOND)[1] == ()
    gaps = [one.gap(START + seconds * SECOND) for seconds in (0, 10, 30)]
    usual = Pace().gap(START)
    assert gaps == sorted(gaps, reverse=True)
    assert 1.9 < gaps[0] / usual < 2.1
    assert one.gap(START + CLIMB) == usual


def test_refusals_of_one_second_are_one_and_later_ones_slow_further() -> None:
    once = pace.slowed(Pace(), START, 0)
    assert pace.slowed(once, START + 400_000, 0) == once
    again = pace.slowed(once, START + 3 * SECOND, 0)
    assert again.share < once.share
    for after in range(2, 40):
        again = pace.slowed(again, START + after * 2 * SECOND, 0)
    assert again.share >= pace.SLOWEST


def test_a_clock_that_is_put_back_stops_nobody() -> None:
    one, _ = pace.others(Pace(), 9, START)
    _, moments = pace.others(one, 9, START - 3_600 * SECOND)
    assert len(moments) == 9
