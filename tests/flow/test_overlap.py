"""Can two conditions hold for one person? A no is certain; so flows that exclude each other are never called rivals, and others are."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.condition import holds, parse
from bot.flow.facts import ContactFacts, ConversationFacts, Facts, OrdersFacts
from bot.flow.library import load
from bot.flow.overlap import can_both_hold
from tests.flow.known import CART, NOBODY, NOW, euros
from tests.flow.owner import STORE, told

SEGMENTS = {
    "regulars": parse("orders.count is at least 3"),
    "new": parse("orders.count is 0"),
    "loop": parse("in loop or tags has vip"),
    "big": parse("orders.total is at least 300 and not in new"),
}

PAIRS = [
    ("in regulars", "in new", False),
    ("in regulars", "not in regulars", False),
    ("in big", "in new", False),
    ("in loop", "not in loop", False),
    ("tags has vip", "tags has no vip", False),
    ("tags has vip", "tags has new", True),
    ("orders.count is at least 3", "orders.count is at most 3", True),
    ("orders.count is more than 3", "orders.count is at most 3", False),
    ("orders.count is 2", "orders.count is at least 3", False),
    ("orders.count is 2", "orders.count is not 2", False),
    ("orders.count is in [1, 2]", "orders.count is in [3, 4]", False),
    ("orders.count is in [1, 2]", "orders.count is in [2, 3]", True),
    ("cart.total is at least 50", "not cart.total is at least 40", False),
    ("not cart.total is at least 50", "not cart.total is less than 50", True),  # there may be no cart
    ("cart.total is at least 50", "cart.total is less than 50 EUR", True),  # the store's currency is not known here
    ("contact.country is ES", "contact.country is not in [ES, PT]", False),
    ("contact.country is ES", "contact.country is PT", False),
    ("contact.last_order is before 60 days ago", "contact.last_order is after 30 days ago", False),
    ("contact.last_order is before 30 days ago", "contact.last_order is after 60 days ago", True),
    ("conversation.is_first", "not conversation.is_first", False),
    ("conversation.is_first is yes", "conversation.is_first is no", False),
    ("in new or tags has vip", "in regulars and tags has no vip", False),
    ("in new or tags has vip", "in regulars", True),
    ("orders.total is more than cart.total", "in new", True),
]


@pytest.mark.parametrize(("one", "other", "together"), PAIRS)
def test_two_conditions_exclude_each_other_or_may_not(one: str, other: str, together: bool) -> None:
    assert can_both_hold(parse(one), parse(other), SEGMENTS) is together
    assert can_both_hold(parse(other), parse(one), SEGMENTS) is together


def test_a_condition_beside_none_holds_for_somebody() -> None:
    assert can_both_hold(None, parse("in new"), SEGMENTS)
    assert not can_both_hold(None, parse("orders.count is 1 and orders.count is 2"), SEGMENTS)


tests = st.sampled_from(
    [
        *(f"orders.count {comparison} {number}" for comparison in ("is", "is not", "is at least", "is less than") for number in (0, 2, 3)),
        *(f"cart.total {comparison} {sum_}" for comparison in ("is more than", "is at most", "is") for sum_ in (50, 80)),
        *(f"contact.country {comparison}" for comparison in ("is ES", "is not PT", "is in [ES, FR]", "is not in [ES, FR]")),
        *(f"contact.last_order is {side} {days} days ago" for side in ("before", "after") for days in (30, 60)),
        *("tags has vip", "tags has no vip", "conversation.is_first", "in regulars", "in new", "in big", "in loop"),
    ]
)
conditions = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds(lambda one: f"not ({one})", inner),
        st.builds(lambda one, word, other: f"({one}) {word} ({other})", inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=6,
)
people = st.builds(
    lambda count, total, country, days, tags, first, cart: Facts(
        ContactFacts("es", None, country, None if days is None else NOW - timedelta(days=days)),
        NOBODY.store,
        OrdersFacts(count, euros(str(total))),
        ConversationFacts(is_first=first),
        cart=None if cart is None else replace(CART, total=euros(str(cart))),
        tags=tags,
    ),
    st.integers(0, 4),
    st.sampled_from([0, 299, 300]),
    st.sampled_from([None, "ES", "PT", "FR", "DE"]),
    st.sampled_from([None, 1, 30, 45, 60, 90]),
    st.frozensets(st.just("vip")),
    st.booleans(),
    st.sampled_from([None, 49, 50, 60, 80, 81]),
)


@settings(deadline=None, max_examples=500)
@given(conditions, conditions, people)
def test_who_meets_both_conditions_proves_that_they_can_both_hold(one: str, other: str, person: Facts) -> None:
    if all(holds(parse(text), person, None, SEGMENTS, NOW) for text in (one, other)):
        assert can_both_hold(parse(one), parse(other), SEGMENTS)


# ---- flows

HEAD = "name: x\npurpose: service\nstart:\n  when: {when}\nsteps:\n{steps}"
SEND = "  - send: {template: news}\n"
NEWS = "category: utility\nbody: There is news.\n"


def flow(when: str, steps: str = SEND) -> str:
    return HEAD.format(when=when, steps=steps)


RIVALS = [
    (flow("order_placed"), flow("order_placed"), True),
    (flow("order_placed"), flow("order_paid"), False),
    (flow("order_placed\n  for: 1 hour"), flow("order_placed"), False),
    (flow("order_placed\n  for: 1 hour"), flow("order_placed", "  - wait: 1 hour\n" + SEND), True),
    (flow("order_placed"), flow("order_placed", "  - tag: bought\n"), False),
    (flow("order_placed"), flow("order_placed\n  if: in regulars"), True),
    (flow("order_placed\n  if: not in regulars"), flow("order_placed\n  if: in regulars"), False),
    (flow("order_placed\n  if: orders.count is 1"), flow("order_placed\n  if: in regulars"), False),
    (flow("message_received"), flow("message_received"), True),
    (flow("message_received"), flow("message_received\n  if: in regulars"), False),
    (flow("message_received\n  if: tags has vip"), flow("message_received\n  if: in regulars"), True),
    (flow("message_received\n  if: tags has vip"), flow("message_received\n  if: in regulars and tags has no vip"), False),
    (flow("tag_added\n  if: tags has vip"), flow("tag_added\n  if: tags has new"), False),
    (flow("tag_added"), flow("tag_added"), True),
]


@pytest.mark.parametrize(("one", "other", "are_rivals"), RIVALS)
def test_flows_that_start_together_say_which_wins(one: str, other: str, are_rivals: bool) -> None:
    files = {"flows/store.yaml": STORE, "flows/templates/news.yaml": NEWS, "flows/a.yaml": one, "flows/b.yaml": other}
    library = load(files)
    assert told(library, "flows/a.yaml") == []
    assert ["the flow 'a'" in said for said in told(library, "flows/b.yaml")] == [True] * are_rivals
    assert set(library.flows) == ({"a"} if are_rivals else {"a", "b"})
