"""The shop's mirror: nobody is reminded of a cart they bought, in whatever order the shop's events arrive."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.facts import Line, Money
from bot.store import contacts, mirror
from bot.store.database import Database
from bot.store.mirror import CartState, CartTold
from bot.store.model import Identity
from bot.store.step import Statement, Step

from .ground import (
    DAY,
    HOUR,
    ITEMS,
    NOW,
    cart_told,
    checkout,
    customer,
    drive,
    email,
    open_carts,
    order_told,
    person,
    phone,
    whose,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
async def lola(store: Database) -> int:
    return await person(store, phone(), email())


# ---- carts


async def test_a_cart_is_kept_as_told(store: Database, lola: int) -> None:
    cart = await store.run(mirror.record_cart("casa", lola, CartTold("k1", NOW, ITEMS, Money(3600, "EUR"), "https://x.es/c")))
    assert cart is not None
    assert (cart.state, cart.updated_at, cart.shop, cart.contact) == (CartState.OPEN, NOW, "casa", lola)
    assert (cart.facts.lines, cart.facts.total, cart.facts.link) == (ITEMS, Money(3600, "EUR"), "https://x.es/c")
    assert await store.run(mirror.cart(cart.id)) == cart


async def test_each_activity_makes_the_timers_of_the_one_before_stale(store: Database, lola: int) -> None:
    first = await store.run(cart_told(lola, "k1", NOW))
    second = await store.run(cart_told(lola, "k1", NOW + HOUR))
    assert first is not None
    assert second is not None
    assert (second.id, second.updated_at) == (first.id, NOW + HOUR)
    assert second.generation > first.generation


async def test_an_older_word_of_a_cart_changes_nothing(store: Database, lola: int) -> None:
    newer = await store.run(cart_told(lola, "k1", NOW, lines=(Line("Moka pot"),)))
    assert newer is not None
    assert await store.run(cart_told(lola, "k1", NOW - SECOND)) is None
    assert await store.run(mirror.cart(newer.id)) == newer


async def test_an_emptied_cart_is_not_open_and_can_be_filled_again(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k1", NOW))
    emptied = await store.run(cart_told(lola, "k1", NOW + SECOND, lines=()))
    assert emptied is not None
    assert emptied.state is CartState.EMPTIED
    filled = await store.run(cart_told(lola, "k1", NOW + HOUR))
    assert filled is not None
    assert filled.state is CartState.OPEN


async def test_a_completed_cart_stays_completed(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k1", NOW))
    done = await store.run(cart_told(lola, "k1", NOW + SECOND, completed=True))
    assert done is not None
    assert done.state is CartState.ORDERED
    assert await store.run(cart_told(lola, "k1", NOW + HOUR)) is None
    assert await store.run(open_carts(lola)) == []


async def test_the_end_of_a_cart_counts_even_when_its_word_comes_late(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k1", NOW + SECOND))
    await store.run(cart_told(lola, "k1", NOW, completed=True))
    assert await store.run(open_carts(lola)) == []


async def test_a_newer_cart_takes_the_place_of_the_older(store: Database, lola: int) -> None:
    first = await store.run(cart_told(lola, "k1", NOW))
    await store.run(cart_told(lola, "k2", NOW + HOUR))
    assert await store.run(open_carts(lola)) == ["k2"]
    assert first is not None
    assert (await store.run(mirror.cart(first.id))).state is CartState.SUPERSEDED  # type: ignore[union-attr]  # it was kept above


async def test_a_late_word_of_an_older_cart_does_not_take_the_place_of_the_newer(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k2", NOW + HOUR))
    late = await store.run(cart_told(lola, "k1", NOW))
    assert await store.run(open_carts(lola)) == ["k2"]
    assert late is not None
    assert late.state is CartState.SUPERSEDED


async def test_carts_of_two_shops_do_not_know_each_other(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(cart_told(lola, "k1", NOW + HOUR, shop="otra"))
    await store.run(order_told(lola, "o1", NOW + HOUR))
    assert await store.run(open_carts(lola)) == ["k1"]  # that of the other shop


# ---- orders and carts


async def test_an_order_closes_every_open_cart_and_its_timers(store: Database, lola: int) -> None:
    cart = await store.run(cart_told(lola, "k1", NOW))
    await store.run(order_told(lola, "o1", NOW + HOUR))
    assert cart is not None
    closed = await store.run(mirror.cart(cart.id))
    assert closed is not None
    assert closed.state is CartState.ORDERED
    assert closed.generation > cart.generation


@pytest.mark.parametrize("late", [-DAY, -SECOND, timedelta(), timedelta(minutes=59)])
async def test_an_order_that_comes_first_keeps_its_late_cart_closed(store: Database, lola: int, late: timedelta) -> None:
    await store.run(order_told(lola, "o1", NOW))
    await store.run(cart_told(lola, "k1", NOW + late))
    assert await store.run(open_carts(lola)) == []


async def test_an_order_that_comes_first_closes_its_own_cart_whenever_that_comes(store: Database, lola: int) -> None:
    await store.run(order_told(lola, "o1", NOW, checkout_key="k1"))
    await store.run(cart_told(lola, "k1", NOW + DAY))
    assert await store.run(open_carts(lola)) == []


async def test_a_cart_begun_long_after_an_order_is_a_new_one(store: Database, lola: int) -> None:
    await store.run(order_told(lola, "o1", NOW))
    await store.run(cart_told(lola, "k2", NOW + 2 * HOUR))
    assert await store.run(open_carts(lola)) == ["k2"]


async def test_a_late_word_of_an_old_order_does_not_close_a_newer_cart(store: Database, lola: int) -> None:
    """The first word we hear of last week's order may be that it was delivered."""
    await store.run(cart_told(lola, "k2", NOW))
    await store.run(order_told(lola, "o1", NOW - 7 * DAY, at=NOW, status="delivered"))
    assert await store.run(open_carts(lola)) == ["k2"]


async def test_a_cancelled_order_does_not_open_its_cart_again(store: Database, lola: int) -> None:
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(order_told(lola, "o1", NOW + SECOND))
    await store.run(order_told(lola, "o1", NOW + SECOND, at=NOW + HOUR, status="cancelled"))
    await store.run(cart_told(lola, "k1", NOW + 2 * SECOND))
    assert await store.run(open_carts(lola)) == []


@pytest.mark.parametrize("known_by", [email(), phone(), customer()])
async def test_an_order_under_any_one_name_closes_the_cart_of_the_person(store: Database, known_by: Identity) -> None:
    names = (phone(), email(), customer())
    lola = await person(store, *names)
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(order_told(await person(store, known_by), "o1", NOW + HOUR))
    assert await store.run(open_carts(lola)) == []


async def test_an_order_closes_the_cart_it_came_from_though_it_is_known_under_another_name(store: Database) -> None:
    lola, other = await person(store, phone(), checkout("k1")), await person(store, email())
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(order_told(other, "o1", NOW + HOUR, checkout_key="k1"))
    assert await store.run(open_carts(lola)) == []


@pytest.mark.parametrize("cart_first", [True, False])
async def test_a_cart_is_closed_when_the_buyer_turns_out_to_be_the_same_person(store: Database, cart_first: bool) -> None:
    """A cart under a phone, its order under an e-mail address, and only later both in one update."""
    names = (phone(), email()) if cart_first else (email(), phone())
    for name in names:
        contact = await person(store, name)
        await store.run(cart_told(contact, "k1", NOW) if name == phone() else order_told(contact, "o1", NOW + HOUR))
    one = await person(store, phone(), email())
    assert await store.run(open_carts(one)) == []


async def test_a_later_word_of_an_order_closes_the_cart_of_the_person_it_names_by_then(store: Database) -> None:
    lola, other = await person(store, phone()), await person(store, email())
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(order_told(other, "o1", NOW + HOUR))
    await store.run(order_told(lola, "o1", NOW + HOUR, at=NOW + 2 * HOUR, status="paid"))
    assert await store.run(open_carts(lola)) == []


async def test_of_two_people_who_are_one_the_newest_cart_is_the_live_one(store: Database) -> None:
    lola, other = await person(store, phone()), await person(store, email())
    await store.run(cart_told(lola, "k1", NOW))
    await store.run(cart_told(other, "k2", NOW + HOUR))
    one = await person(store, phone(), email())
    assert await store.run(open_carts(one)) == ["k2"]


# ---- orders


async def test_orders_are_summed_once_and_a_cancelled_one_is_taken_off(store: Database, lola: int) -> None:
    for _ in range(2):
        await store.run(order_told(lola, "o1", NOW - DAY, minor=1000))
        await store.run(order_told(lola, "o2", NOW, minor=2500))
    known = await store.run(contacts.load(lola))
    assert (known.orders_count, known.orders_minor, known.orders_currency, known.last_order_at) == (2, 3500, "EUR", NOW)
    await store.run(order_told(lola, "o2", NOW, at=NOW + DAY, status="cancelled", minor=2500))
    known = await store.run(contacts.load(lola))
    assert (known.orders_count, known.orders_minor, known.last_order_at) == (1, 1000, NOW - DAY)
    last = await store.run(mirror.last_order(lola))
    assert last is not None
    assert last.facts.number == "#o1"


async def test_an_order_that_turns_out_to_be_somebody_elses_is_theirs_alone(store: Database, lola: int) -> None:
    other = await person(store, phone("34600999888"))
    await store.run(order_told(lola, "o1", NOW))
    await store.run(order_told(other, "o1", NOW, at=NOW + HOUR, status="paid"))
    assert [(await store.run(contacts.load(one))).orders_count for one in (lola, other)] == [0, 1]


TOLD = [("placed", 0), ("paid", 1), ("delivered", 2)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(TOLD), min_size=1, max_size=6))
def test_an_order_gets_further_and_never_back(tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, int]]) -> None:
    async def use(run, _store) -> None:  # type: ignore[no-untyped-def]  # the shapes of `drive`
        lola = await run(whose([phone()], NOW))
        before: list[str | None] = []
        for status, hours in told:
            recorded = await run(order_told(lola, "o1", NOW, at=NOW + hours * HOUR, status=status))
            before.append(recorded.before)
        newest = max(told, key=lambda one: one[1])[0]
        assert (await run(mirror.last_order(lola))).facts.status == newest
        assert before[0] is None
        assert None not in before[1:]

    drive(tmp_path_factory.mktemp("orders") / "a.db", use)


async def test_a_stale_word_of_an_order_changes_neither_its_status_nor_its_sum(store: Database, lola: int) -> None:
    await store.run(order_told(lola, "o1", NOW, at=NOW + HOUR, status="delivered", minor=1000))
    stale = await store.run(order_told(lola, "o1", NOW, at=NOW, status="cancelled", minor=99, currency="USD"))
    assert stale.order.facts.status == "delivered"
    assert stale.order.facts.total == Money(1000, "EUR")
    known = await store.run(contacts.load(lola))
    assert (known.orders_count, known.orders_minor, known.orders_currency) == (1, 1000, "EUR")


# ---- any order of arrival

LOLA = [phone("34600000001"), email("lola@x.es"), customer("1")]
PEPE = [phone("34600000002"), customer("2")]
WHO = st.one_of(
    st.lists(st.sampled_from(LOLA), min_size=1, max_size=2, unique=True),
    st.lists(st.sampled_from(PEPE), min_size=1, max_size=2, unique=True),
)
WHEN = st.integers(0, 20).map(lambda half_hours: NOW + half_hours * HOUR / 2)
CARTS = st.tuples(st.just("cart"), st.sampled_from(["k1", "k2", "k3"]), WHO, WHEN, st.booleans())
ORDERS = st.tuples(st.just("order"), st.sampled_from(["o1", "o2"]), WHO, WHEN, st.sampled_from([None, "k1", "k2"]))


def live_after_an_order() -> Step[list[str]]:
    rows = yield Statement(
        "select c.key from checkout c join shop_order o on o.contact = c.contact and o.shop = c.shop "
        "where c.state = 'open' and (o.placed_at >= c.updated_at or o.checkout_key = c.key)",
        {},
    )
    return [row["key"] for row in rows]


def several_open() -> Step[list[int]]:
    rows = yield Statement("select contact from checkout where state = 'open' group by contact, shop having count(*) > 1", {})
    return [row["contact"] for row in rows]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.one_of(CARTS, ORDERS), max_size=10))
def test_no_cart_is_live_after_an_order_of_the_same_person(tmp_path_factory: pytest.TempPathFactory, told: list[tuple]) -> None:  # type: ignore[type-arg]  # two shapes
    """Reordered, repeated, under whatever names: after each event no open cart has an order that is not older, and one is live."""

    async def use(run, _store) -> None:  # type: ignore[no-untyped-def]  # the shapes of `drive`
        for kind, key, names, at, detail in told:
            leads = [checkout(key)] if kind == "cart" else [checkout(detail)] if detail else []
            contact = await run(whose([*names, *leads], NOW))
            if kind == "cart":
                await run(cart_told(contact, key, at, lines=() if detail else ITEMS))
            else:
                await run(order_told(contact, key, at, checkout_key=detail))
            assert await run(live_after_an_order()) == []
            assert await run(several_open()) == []

    drive(tmp_path_factory.mktemp("mirror") / "a.db", use)
