"""A cart's life, example by example: what opens an episode, what ends it, what an order adds up to."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from bot.store import mirror
from bot.store.database import open_database
from tests.worker.bench import DAY, HOUR, LOLA, PEPE, SHIPPED, Bench, playbook

from .test_carts import REMINDER, STORE, TEMPLATE

MINUTE = timedelta(minutes=1)
PAY = """name: Payment
about: Asks to pay what was not paid.
purpose: service
start:
  when: payment_failed
  for: 10 minutes
steps:
  - send:
      template: pay
      with:
        number: order.number
        link: order.payment_link or "the shop"
"""
PAY_TEMPLATE = """category: utility
body: "Order {number} is not paid: see {link} for it."
"""


@pytest_asyncio.fixture
async def bench(where: str) -> AsyncIterator[Bench]:
    store = await open_database(where)
    files: dict[str, str | None] = {
        **dict.fromkeys(SHIPPED),
        **{"store": STORE, "cart": REMINDER.format(goal="stop_when: cart_emptied"), "pay": PAY},
        **{"templates/left": TEMPLATE, "templates/pay": PAY_TEMPLATE},
    }
    yield Bench(store, playbook(**files))
    await store.close()


async def left(bench: Bench, key: str = "k1", **more: Any) -> None:
    await bench.cart(key, recovery_url=f"https://casa.example/{key}", cart_key=f"c{key}", **more)
    await bench.work()


async def order(bench: Bench, key: str = "o1", who: str | None = LOLA, **more: Any) -> None:
    """An order that was not paid yet; it names `who` by their phone, or nobody."""
    told = {"order_number": f"#{key}", "payment_url": f"https://casa.example/pay/{key}", "financial_state": "awaited", **more}
    await bench.order(key, who, kind=told.pop("kind", "order.updated"), **told)


# ---- the joins


@pytest.mark.parametrize("name", [{"checkout_key": "k1"}, {"cart_key": "ck1"}, {"click": "x1"}, {"phone": f"+{LOLA}"}, {"email": "l@x.es"}])
@pytest.mark.parametrize("order_first", [True, False])
async def test_an_order_by_any_one_name_ends_the_episode(bench: Bench, name: dict[str, str], order_first: bool) -> None:
    words = [left(bench, click="x1", email="l@x.es"), order(bench, who=None, **name)]
    for word in reversed(words) if order_first else words:
        await word
        assert await bench.go(5 * MINUTE) == []
    assert await bench.go(DAY) == []


async def test_a_second_tab_is_not_chased_after_a_purchase(bench: Bench) -> None:
    await left(bench, "k1")
    await bench.go(5 * MINUTE)
    await left(bench, "k2")
    await order(bench, who=None, checkout_key="k1")
    assert await bench.go(DAY) == []


async def test_an_order_that_named_nobody_is_whose_cart_it_was(bench: Bench) -> None:
    await order(bench, who=None, cart_key="ck1")
    await bench.go(MINUTE)
    await left(bench, "k1")
    await bench.go(MINUTE)
    assert (await bench.person()).orders_count == 1


async def test_a_cart_that_named_nobody_is_known_by_its_checkout(bench: Bench) -> None:
    await bench.shop("cart.updated", cart_key="ck1", items=[{"product_id": "p", "title": "Cup", "quantity": 1}], total="9.00")
    await bench.go(5 * MINUTE)
    await left(bench, "k1")
    assert len(await bench.go(31 * MINUTE)) == 1


async def test_a_known_cart_goes_on_in_its_checkout(bench: Bench) -> None:
    await left(bench, "ck1")
    await bench.go(5 * MINUTE)
    await left(bench, "k1", who=PEPE)
    assert ["/k1" in body for body in await bench.go(31 * MINUTE)] == [True]


async def test_accounts_that_become_one_have_one_live_cart(bench: Bench) -> None:
    await left(bench, "k1", customer_key="1")
    await left(bench, "k2", customer_key="2", who=PEPE)
    await bench.work()
    await bench.shop("customer.merged", customer_key="1", merged_customer_key="2")
    await bench.work()
    assert len(await bench.rows("select 1 as one from checkout where state = 'open'")) == 1


# ---- what is an episode, and for how long


@pytest.mark.parametrize("origin", ["counter", "staff", "renewal"])
async def test_only_a_shopper_leaves_a_cart_but_every_order_closes_one(bench: Bench, origin: str) -> None:
    await left(bench, "k2")
    await order(bench, origin=origin)
    assert await bench.go(DAY) == []
    assert (await bench.person()).orders_count == 1


async def test_what_is_told_hours_late_starts_no_timer(bench: Bench) -> None:
    await left(bench, updated_at=(bench.now - 6 * HOUR).isoformat())
    assert await bench.go(DAY) == []


async def test_who_fills_a_second_cart_and_empties_it_hears_no_more_of_the_first(bench: Bench) -> None:
    await left(bench, "k1")
    assert len(await bench.go(31 * MINUTE)) == 1
    await left(bench, "k2")
    await bench.go(MINUTE)
    await left(bench, "k2", items=[], total="0.00")
    assert await bench.go(DAY) == []
    assert await bench.outcomes() == ["stopped: cart_emptied"]


async def test_a_second_reminder_is_of_the_newer_cart(bench: Bench) -> None:
    await left(bench, "k1")
    await bench.go(31 * MINUTE)
    await left(bench, "k2")
    assert ["/k2" in body for body in await bench.go(41 * MINUTE)] == [True]


# ---- payment


async def test_an_unpaid_order_ends_the_episode_and_begins_none(bench: Bench) -> None:
    for payment in ("awaited", "on_delivery"):
        await left(bench)
        await order(bench, checkout_key="k1", financial_state=payment)
        assert await bench.go(DAY) == []


async def test_a_failed_payment_is_reminded_of_with_its_link(bench: Bench) -> None:
    await order(bench, kind="order.payment_failed")
    assert await bench.go(MINUTE) == []
    assert await bench.go(10 * MINUTE) == ["Order #o1 is not paid: see https://casa.example/pay/o1 for it."]
    assert (await bench.person()).orders_count == 0


@pytest.mark.parametrize("what", [{"financial_state": "paid"}, {"status": "cancelled"}])
async def test_a_payment_that_was_made_meanwhile_is_not_asked_for(bench: Bench, what: dict[str, str]) -> None:
    await order(bench, kind="order.payment_failed")
    await bench.go(5 * MINUTE)
    await order(bench, **what)
    assert await bench.go(DAY) == []


async def test_who_ordered_anew_is_not_asked_to_pay_the_old_order(bench: Bench) -> None:
    await order(bench, kind="order.payment_failed")
    await bench.go(9 * MINUTE)
    await order(bench, "o2", financial_state="paid")
    assert await bench.go(DAY) == []


async def test_a_payment_that_failed_and_was_made_is_an_order_placed(bench: Bench) -> None:
    await order(bench, kind="order.payment_failed")
    await bench.go(MINUTE)
    await order(bench, financial_state="paid")
    await bench.go(MINUTE)
    assert (await bench.person()).orders_count == 1


# ---- sums


async def sums(bench: Bench) -> tuple[int, int]:
    person = await bench.person()
    return person.orders_count, person.orders_minor


@pytest.mark.parametrize("refund_first", [True, False])
async def test_a_refund_counts_once_however_often_and_whenever_it_is_told(bench: Bench, refund_first: bool) -> None:
    if not refund_first:
        await order(bench, refunded="0.00")
        await bench.go(MINUTE)
    placed_at = bench.now - MINUTE
    for _ in range(2):
        await bench.shop("order.refunded", order_key="o1", refund_key="r1", refunded="15.00")
        await bench.go(MINUTE)
    if refund_first:
        await order(bench, refunded="0.00", updated_at=placed_at.isoformat())
        await bench.go(MINUTE)
    assert await sums(bench) == (1, 4500)
    await order(bench, total="45.00", refunded="15.00")  # the shop has taken it off, too
    await bench.go(MINUTE)
    assert await sums(bench) == (1, 4500)
    await bench.shop("order.refunded", order_key="o1", refund_key="r2", refunded="45.00")
    await bench.go(MINUTE)
    assert await sums(bench) == (0, 0)


async def test_an_edited_order_is_what_it_is_now(bench: Bench) -> None:
    await order(bench)
    await bench.go(MINUTE)
    await order(bench, total="72.50")
    await bench.go(MINUTE)
    assert await sums(bench) == (1, 7250)


@pytest.mark.parametrize("delivered_first", [True, False])
async def test_an_order_cancelled_after_it_arrived_counts_for_nothing(bench: Bench, delivered_first: bool) -> None:
    await order(bench)
    await bench.go(MINUTE)
    cancelled_at = (bench.now + 5 * MINUTE).isoformat()
    words: list[tuple[str, dict[str, Any]]] = [
        ("parcel.delivered", {"parcel_key": "p1"}),
        ("order.cancelled", {"total": "60.00", "items": [], "updated_at": cancelled_at}),
    ]
    for kind, told in words if delivered_first else words[::-1]:
        await bench.shop(kind, order_key="o1", **told)
        await bench.go(6 * MINUTE)
    assert await sums(bench) == (0, 0)


async def test_an_order_that_was_deleted_before_it_was_told_counts_for_nothing(bench: Bench) -> None:
    await bench.shop("order.deleted", order_key="o1")
    await bench.go(MINUTE)
    await order(bench)
    await bench.go(MINUTE)
    assert await sums(bench) == (0, 0)


async def test_tombstones_are_forgotten_when_no_word_can_still_be_under_way(bench: Bench) -> None:
    await order(bench, who=None, cart_key="ck1")
    await bench.work()
    for days, left_over in ((20, 1), (20, 0)):
        bench.now += days * DAY
        await bench.store.run(mirror.forget_bought(bench.now))
        assert len(await bench.rows("select 1 as one from bought")) == left_over
