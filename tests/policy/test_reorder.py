"""When somebody will need a product again."""

from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.reorder import (
    LONGEST_GAP,
    PRODUCT_GAPS,
    PRODUCT_PEOPLE,
    Basis,
    Evidence,
    Override,
    Purchase,
    evidence,
    expected,
    gaps_of,
    outlooks,
)
from tests.bench.reorder import judge, made_up

PLENTY = Evidence(buyers=100, people=50, gaps=80, days=30.0, early=20.0, late=50.0)
FEW = Evidence(buyers=100, people=PRODUCT_PEOPLE - 1, gaps=PRODUCT_GAPS, days=30.0, early=20.0, late=50.0)

days = st.lists(st.integers(min_value=730_000, max_value=740_000), max_size=30)


def test_two_purchases_on_one_day_are_one_and_a_gap_is_a_year_at_most() -> None:
    assert gaps_of([10, 10, 5, 17, 2_000]) == [5, 7, LONGEST_GAP]
    assert gaps_of([]) == gaps_of([10, 10]) == []


def test_ones_own_gaps_are_drawn_towards_everybodys_the_more_the_fewer_there_are() -> None:
    own = [expected([60] * count, PLENTY) for count in (2, 3, 12)]
    assert [one.days for one in own if one] == sorted(one.days for one in own if one)
    assert own[1] is not None
    assert isclose(own[1].days, sqrt(60 * 30))  # three gaps weigh as much as all others
    assert own[1].basis is Basis.PERSON


def test_who_bought_once_or_twice_is_expected_as_others_are_where_enough_is_known_of_those() -> None:
    assert expected([], PLENTY) is not None
    one = expected([60], PLENTY)
    assert one is not None
    assert (one.basis, one.gaps) == (Basis.PRODUCT, 1)
    assert 30 < one.days < 60
    for others in (None, FEW):
        assert expected([], others) is None
        assert expected([60], others) is None
        assert expected([60, 60], others) is not None


def test_the_owners_word_stands_above_all() -> None:
    assert expected([60] * 9, PLENTY, Override(None)) is None
    found = expected([60] * 9, PLENTY, Override(25))
    assert found is not None
    assert (found.days, found.basis) == (25, Basis.OWNER)
    doubled = expected([], None, Override(25, per_unit=True), pieces=2)
    assert doubled is not None
    assert doubled.days == 50


def test_the_evidence_of_a_product_tells_who_came_back() -> None:
    found = evidence([[], [10, 20], [30], []])
    assert found == Evidence(buyers=4, people=2, gaps=3, days=20.0, early=10.0, late=30.0)
    assert evidence([[], []]) is None


def test_each_product_has_its_own_outlook() -> None:
    bought = [Purchase("a", 1, 10), Purchase("a", 1, 40), Purchase("a", 1, 70), Purchase("a", 2, 9), Purchase("b", 1, 5)]
    first, second = outlooks(bought)
    assert (first.product, [(person, last) for person, last, _ in first.people]) == ("a", [(1, 70), (2, 9)])
    assert first.people[0][2] is not None
    assert first.people[1][2] is None
    assert (second.product, second.evidence) == ("b", None)


@given(st.lists(days, max_size=20), days)
def test_no_history_is_an_error_and_nothing_is_expected_beyond_what_was_seen(others: list[list[int]], own: list[int]) -> None:
    gaps = gaps_of(own)
    found = expected(gaps, evidence([gaps_of(one) for one in others]))
    if found is not None:
        seen = [*gaps, *(gap for one in others for gap in gaps_of(one))]
        assert min(seen) - 0.5 <= found.days <= max(seen) + 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_errs_less_than_the_last_gap_the_mean_and_the_products_median(seed: int) -> None:
    wrong = judge(made_up(seed, histories=6_000)).mean_errors()
    ours = wrong.pop("ours")
    assert all(ours < other for other in wrong.values()), (ours, wrong)
