"""Which webhooks of a shop are ours, and what is done about each: nothing of others is touched, and twice is as good as once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.shop import hooks, shopify, shopify_scopes, shopify_setup
from bot.shop.hooks import Act, Hook, Move
from bot.shop.setup import Scope, lacking, tellable

HERE = "https://bot.example/webhooks/shopify/casa"
ADDRESSES = (
    HERE,
    "https://old.example/webhooks/shopify/casa",
    "http://bot.example/bot/webhooks/shopify/casa/",
    "https://bot.example/webhooks/shopify/lola",
    "https://bot.example/webhooks/woocommerce/casa",
    "https://other.example/hooks",
    "https://other.example/",
    "pubsub://project:webhooks/shopify/casa",
    "arn:aws:events:webhooks/shopify/casa",
    "https://[broken/webhooks/shopify/casa",
    "",
)
OURS = frozenset((ADDRESSES[0], ADDRESSES[2]))  # whatever the scheme, and what a proxy puts before the path
WITH_OLD = OURS | {ADDRESSES[1]}
TOPICS = ("orders/create", "orders/updated", "checkouts/update", "app/uninstalled")
FLAWS = (None, None, "it was switched off")

there = st.lists(
    st.builds(Hook, st.uuids().map(str), st.sampled_from((*TOPICS, "themes/update")), st.sampled_from(ADDRESSES), st.sampled_from(FLAWS)),
    max_size=12,
)


def carried_out(moves: list[Move], found: list[Hook]) -> list[Hook]:
    """The webhooks of a shop after all of it."""
    left = {hook.key: hook for hook in found}
    for number, move in enumerate(moves):
        match move.act, move.hook:
            case Act.REGISTER, _:
                left[f"new {number}"] = Hook(f"new {number}", move.topic, HERE)
            case Act.MEND, Hook() as hook:
                left[hook.key] = replace(hook, address=HERE, flaw=None)
            case Act.REMOVE, Hook() as hook:
                del left[hook.key]
    return list(left.values())


@given(there)
def test_afterwards_each_topic_is_told_here_once_and_others_are_as_they_were(found: list[Hook]) -> None:
    after = carried_out(hooks.plan(TOPICS, HERE, found), found)
    for topic in TOPICS:
        ours = [hook for hook in after if hook.topic == topic and hook.address in OURS]
        assert [(hook.address, hook.flaw) for hook in ours] == [(HERE, None)]
    others = [hook for hook in found if hook.address not in OURS or hook.topic not in TOPICS]
    assert [hook for hook in after if hook in others] == others


@given(there)
def test_done_twice_there_is_nothing_to_do_the_second_time(found: list[Hook]) -> None:
    after = carried_out(hooks.plan(TOPICS, HERE, found), found)
    assert {move.act for move in hooks.plan(TOPICS, HERE, after)} == {Act.KEEP}


@given(there)
def test_what_leads_to_another_host_is_taken_over_if_the_owner_says_that_the_bot_moved(found: list[Hook]) -> None:
    after = carried_out(hooks.plan(TOPICS, HERE, found, moved=True), found)
    for topic in TOPICS:
        assert [(hook.address, hook.flaw) for hook in after if hook.topic == topic and hook.address in WITH_OLD] == [(HERE, None)]
    others = [hook for hook in found if hook.address not in WITH_OLD or hook.topic not in TOPICS]
    assert [hook for hook in after if hook in others] == others


@given(there)
def test_a_removal_takes_all_of_ours_and_nothing_else(found: list[Hook]) -> None:
    after = carried_out(hooks.removal(HERE, found), found)
    assert after == [hook for hook in found if hook.address not in OURS]


def test_what_is_there_stays_even_beside_one_of_a_former_address() -> None:
    right, former = Hook("1", TOPICS[0], HERE), Hook("2", TOPICS[0], ADDRESSES[1])
    assert hooks.plan(TOPICS[:1], HERE, [former, right], moved=True) == [
        Move(Act.KEEP, TOPICS[0], right),
        Move(Act.REMOVE, TOPICS[0], former, "it was there twice"),
    ]
    assert hooks.plan(TOPICS[:1], HERE, [former, right]) == [Move(Act.KEEP, TOPICS[0], right)]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (HERE, "https://bot.example"),
        ("https://user:pass@old.example/x", "https://old.example"),
        ("https://[broken", "an address that is none"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret_in_it(address: str, shown: str) -> None:
    assert hooks.host(address) == shown


def test_who_may_write_may_read() -> None:
    scopes = (Scope("read_orders", "orders", needed=True), Scope("write_discounts", "codes"))
    assert lacking(scopes, frozenset({"write_orders", "read_discounts"})) == [scopes[1]]


def test_only_topics_that_may_be_told_are_asked_for() -> None:
    granted = frozenset({"read_orders", "read_products"})
    told = tellable(shopify_setup.TOPICS, granted)
    assert {"orders/create", "checkouts/update", "variants/in_stock", "app/uninstalled"} <= set(told)
    assert not {"customers/update", "fulfillments/create", "inventory_levels/update", "draft_orders/create"} & set(told)


def test_every_topic_that_shopify_is_read_by_is_registered_but_those_of_the_law() -> None:
    assert set(shopify_setup.TOPICS) == set(shopify.TOPICS)
    assert "customers_whats_app_marketing_consent/update" in shopify_setup.TOPICS
    assert not set(shopify.PRIVACY_TOPICS) & set(shopify_setup.TOPICS)
    known = {scope.name for scope in shopify_scopes.SCOPES}
    assert {scope for scope in shopify_setup.TOPICS.values() if scope} <= known
