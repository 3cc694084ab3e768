"""The nudges to reorder: a second one for who says nothing, none beside an open cart, and each about what it began with."""

from datetime import timedelta

import pytest

from bot.store import contacts, mirror, purchases
from bot.worker.reorder import CATEGORY_TIMER, WARM_CART

from .bench import DAY, HOUR, MONDAY, SHOP, Bench, owner_files, playbook

COFFEE = {"product_id": "p-huila", "title": "Huila", "quantity": 1, "unit_price": "30.00", "category": "coffee"}
MUG = {"product_id": "p-mug", "title": "Mug", "quantity": 1, "unit_price": "9.00", "category": "gifts"}
AGREED = {"whatsapp": {"state": "granted", "source": "checkout"}}


async def buys_coffee(bench: Bench) -> None:
    bench.playbook = playbook(loyalty=None, cross_sell=None, review_request=None)
    await bench.order("coffee", items=[MUG, COFFEE], consent=AGREED)
    await bench.work()


async def nudged_on(bench: Bench, days: int) -> list[int]:
    """So many days go by; on which of them, after Monday, a nudge came."""
    came = [(await bench.go(DAY), (bench.now - MONDAY) // DAY) for _ in range(days)]
    return [day for bodies, day in came if any("running low" in body for body in bodies)]


async def test_who_says_nothing_is_asked_once_more_at_one_and_a_half_times_and_never_again(bench: Bench) -> None:
    await buys_coffee(bench)
    assert await nudged_on(bench, 120) == [25, 38]  # the owner's 25 days; 37.5 is in the night


async def test_who_answers_is_not_asked_again(bench: Bench) -> None:
    await buys_coffee(bench)
    assert await nudged_on(bench, 25) == [25]
    await bench.writes("no, I still have some")
    await bench.go(HOUR)
    await bench.takes()
    await bench.hands_back()
    assert await nudged_on(bench, 60) == []


async def test_who_is_about_to_buy_is_not_asked_whether_they_want_to(bench: Bench) -> None:
    bench.playbook = playbook(cart_reminder=None, loyalty=None, cross_sell=None, review_request=None)
    await bench.order("coffee", items=[COFFEE], consent=AGREED)
    await bench.work()
    bench.now = MONDAY + 23 * DAY
    await bench.cart("k1")
    await bench.work()
    assert await nudged_on(bench, 6) == []
    assert any("they have an open cart" in str(row["why"]) for row in await bench.rows("select why from inbox where why is not null"))
    assert await nudged_on(bench, 4) == [31], "a cart nobody touched for a week is no reason any more"
    assert timedelta(days=7) == WARM_CART


async def test_an_emptied_cart_is_no_reason_to_be_silent(bench: Bench) -> None:
    await buys_coffee(bench)
    bench.now = MONDAY + 24 * DAY
    await bench.cart("k1")
    await bench.cart("k1", items=[], total="0.00", updated_at=(bench.now + HOUR).isoformat())
    await bench.work()
    contact = await bench.contact()
    assert not await bench.store.read(mirror.has_open_cart(contact, SHOP, bench.now - WARM_CART))


@pytest.mark.parametrize(("length", "asked_on"), [("for: 2 days\n  ", [27, 40]), ("", [25, 38])])
async def test_a_nudge_is_about_the_coffee_however_long_it_waits(bench: Bench, length: str, asked_on: list[int]) -> None:
    flow = owner_files()["flows/reorder_nudge.yaml"].replace("  if: order.categories", f"  {length}if: order.categories")
    bench.playbook = playbook(reorder_nudge=flow, loyalty=None, cross_sell=None, review_request=None)
    await bench.order("coffee", items=[MUG, COFFEE], consent=AGREED)
    await bench.work()
    assert await nudged_on(bench, 60) == asked_on
    nudges = [sent.content.body for sent in bench.channel.sent if "running low" in sent.content.body]
    assert all("Huila" in body for body in nudges), "not the mug beside it"


async def test_what_was_bought_again_while_a_nudge_waited_its_turn_is_not_asked_about(bench: Bench) -> None:
    flow = owner_files()["flows/reorder_nudge.yaml"].replace("  if: order.categories", "  for: 3 days\n  if: order.categories")
    bench.playbook = playbook(reorder_nudge=flow, loyalty=None, cross_sell=None, review_request=None)
    await bench.order("coffee", items=[COFFEE], consent=AGREED)
    await bench.work()
    await nudged_on(bench, 26)
    await bench.order("again", items=[COFFEE])
    assert await nudged_on(bench, 20) == []
    awaited = await bench.store.read(purchases.awaited(await bench.contact(), SHOP, f"{CATEGORY_TIMER}coffee"))
    assert awaited is not None
    assert (awaited.asked, (awaited.due - MONDAY) / DAY) == (0, 51)


async def test_a_person_who_is_merged_keeps_how_often_they_were_asked(bench: Bench) -> None:
    await buys_coffee(bench)
    assert await nudged_on(bench, 26) == [25]
    lola = await bench.contact()
    other = await bench.store.run(contacts.create(bench.now))
    await bench.store.run(contacts.merge(lola, other, bench.now))
    assert await nudged_on(bench, 60) == [38]
