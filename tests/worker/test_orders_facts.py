"""What conditions and segments can ask about a customer's orders."""

from typing import Any

import pytest

from bot.flow import condition
from bot.flow.run import Subject, SubjectKind
from bot.worker import audiences, facts

from .bench import DAY, HOUR, LOLA, MONDAY, NUMBER, Bench, owner_files, playbook

SOAP = {"product_id": "p-soap", "sku": "SOAP-1", "title": "Olive soap", "quantity": 1, "unit_price": "4.00", "category": "bath"}
TEA = {"product_id": "p-tea", "title": "Green tea", "quantity": 2, "unit_price": "8.00", "category": "tea"}


async def buys(bench: Bench, day: float, key: str, *items: dict[str, Any], **more: Any) -> None:
    bench.now = MONDAY + day * DAY
    await bench.order(key, items=list(items), **more)
    await bench.work()


async def holds(bench: Bench, text: str, order: str | None = None) -> bool:
    """Whether a condition holds for Lola now, in a flow about one of her orders."""
    rows = await bench.rows(f"select id from shop_order where key = '{order}'")
    subject = Subject(SubjectKind.ORDER, rows[0]["id"]) if rows else None
    known = await bench.store.read(facts.load(bench.house(), await bench.contact(), NUMBER, subject))
    return condition.holds(condition.parse(text), known, None, bench.playbook.segments, bench.now)


@pytest.mark.parametrize(
    "text",
    [
        "orders.count is 3",
        "orders.total is 30",
        "orders.products has p-soap and orders.products has SOAP-1 and orders.products has 'green tea'",
        "orders.categories has bath and orders.categories has no coffee",
        "orders.usual_gap is 15",
        "contact.last_order is before 4 days ago and contact.last_order is after 6 days ago",
    ],
)
async def test_all_their_orders_can_be_asked_about(bench: Bench, text: str) -> None:
    await buys(bench, 0, "a", SOAP, total="10.00")
    await buys(bench, 10, "b", TEA, total="10.00")
    await buys(bench, 30, "c", SOAP, total="10.00")
    bench.now += 5 * DAY
    assert await holds(bench, text.replace("'", '"'))


async def test_which_order_it_is_is_counted_among_those_that_count(bench: Bench) -> None:
    await buys(bench, 0, "a", SOAP)
    await buys(bench, 1, "b", SOAP)
    await buys(bench, 2, "c", SOAP)
    assert await holds(bench, "order.nth is 3 and not order.is_returned", "c")
    bench.now += HOUR
    await bench.order("a", kind="order.cancelled", items=[SOAP], placed_at=MONDAY.isoformat())
    await bench.work()
    assert await holds(bench, "order.nth is 2", "c")
    assert await holds(bench, "order.is_returned and not order.nth is at least 1", "a"), "one that does not count is none of them"
    await bench.shop("order.refunded", order_key="c", refund_key="r1", refunded="1.00")
    await bench.work()
    assert await holds(bench, "order.is_returned and order.nth is 2", "c")


async def test_what_was_given_back_whole_is_not_counted_and_a_part_is_taken_off(bench: Bench) -> None:
    await buys(bench, 0, "a", SOAP, TEA, total="20.00")
    bench.now += HOUR
    back = [{**TEA, "quantity": 2}]
    await bench.shop("order.refunded", order_key="a", refund_key="r1", refunded="16.00", items=back)
    await bench.work()
    assert await holds(bench, "orders.count is 1 and orders.total is 4 and orders.products has no p-tea")
    await bench.shop("order.refunded", order_key="a", refund_key="r2", refunded="4.00", items=[SOAP])
    await bench.work()
    assert await holds(bench, "orders.count is 0 and orders.total is 0")
    known = await bench.store.read(facts.load(bench.house(), await bench.contact(), NUMBER, None))
    assert (known.orders.products, known.orders.usual_gap, known.contact.last_order) == ((), None, None)


async def test_of_several_currencies_the_stores_own_is_summed_and_without_any_the_newest(bench: Bench) -> None:
    await buys(bench, 0, "a", SOAP, total="10.00", currency="USD")
    await buys(bench, 1, "b", SOAP, total="7.00", currency="GBP")
    assert await holds(bench, "orders.count is 2 and orders.total is 7 GBP")
    await buys(bench, 2, "c", SOAP, total="5.00", currency="EUR")
    await buys(bench, 3, "d", SOAP, total="9.00", currency="USD")
    assert await holds(bench, "orders.count is 4 and orders.total is 5")
    assert not await holds(bench, "orders.total is at least 5 USD"), "two currencies are not compared"
    bench.now += HOUR
    await bench.order("a", kind="order.updated", items=[SOAP], total="10.00", currency="USD", placed_at=MONDAY.isoformat())
    await bench.work()
    assert (await bench.person()).orders_currency == "USD", "that of the newest order, whichever was told last"


async def test_who_was_with_staff_lately_is_known(bench: Bench) -> None:
    await buys(bench, 0, "a", SOAP)
    assert not await holds(bench, "conversation.with_staff_at is after order.placed_at", "a")
    bench.now += DAY
    await bench.writes("it broke")
    await bench.work()
    await bench.takes()
    await bench.work()
    assert await holds(bench, "conversation.with_staff_at is after 1 minutes ago", "a")
    await bench.hands_back()
    await bench.work()
    bench.now += 3 * DAY
    assert await holds(bench, "conversation.with_staff_at is after order.placed_at", "a")
    assert not await holds(bench, "conversation.with_staff_at is after 2 days ago", "a")


async def test_a_segment_and_an_audience_may_ask_for_them(bench: Bench) -> None:
    store = owner_files()["flows/store.yaml"].replace(
        "  regulars: orders.count is at least 3", "  regulars: orders.count is at least 2 and orders.products has p-soap"
    )
    bench.playbook = playbook(store=store)
    await buys(bench, 0, "a", SOAP)
    await buys(bench, 1, "b", TEA)
    (lola,) = await bench.store.read(audiences.candidates(bench.house(), "loyal_customers", 0))
    assert (lola.phone, lola.in_segment) == (f"+{LOLA}", True)
