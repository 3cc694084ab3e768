"""An order ends the reminder of its cart, whatever it tells of the person and whenever it comes."""

from datetime import timedelta

import pytest

from bot.store.step import Step
from bot.worker import dispatcher
from bot.worker.dispatcher import Worked
from bot.worker.playbook import House

from .walk import Walk


async def test_an_order_with_only_an_email_stops_the_reminder_before_its_time(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(minutes=30)
    await walk.buy("ana", email_only=True)
    await walk.turn(days=3)
    assert walk.got("ana") == []
    assert walk.count("select count(*) from run") == 0


async def test_an_order_with_only_an_email_takes_back_the_reminder_that_waits_for_morning(walk: Walk) -> None:
    await walk.turn(hours=10, minutes=30)
    await walk.leave_cart("ana")
    await walk.turn(hours=2)
    assert walk.rows("select state, why from outbox") == [{"state": "queued", "why": "quiet_hours"}]
    await walk.buy("ana", email_only=True)
    assert [row["state"] for row in walk.rows("select state from outbox")] == ["cancelled"]
    await walk.turn(days=3)
    assert walk.got("ana") == []
    assert walk.rows("select outcome from run") == [{"outcome": "goal reached"}]


async def test_an_order_that_is_not_worked_off_yet_holds_the_reminder_back(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    await walk.turn(hours=10, minutes=30)
    await walk.leave_cart("ana")
    await walk.turn(hours=2)

    def busy_elsewhere(_: House) -> Step[Worked]:
        yield from ()
        return Worked(0, more=False, held_elsewhere=False)

    with monkeypatch.context() as stalled:
        stalled.setattr(dispatcher, "work", busy_elsewhere)
        await walk.buy("ana", email_only=True)  # acknowledged, and still unread
        assert walk.count("select count(*) from inbox where state = 'waiting'") == 2
        walk.stage.clock.forward_to(walk.now() + timedelta(hours=12))  # half past ten in the morning
        walk.stage.app.crew.wake()
        await walk.rest()
        assert walk.rows("select state from outbox") == [{"state": "queued"}]
        assert walk.stage.cloud.attempts == []
    walk.stage.app.crew.wake()
    await walk.rest()
    assert walk.rows("select state from outbox") == [{"state": "cancelled"}]
    await walk.turn(days=3)
    assert walk.stage.cloud.attempts == []


async def test_an_order_by_email_and_the_cart_by_phone_and_email_are_one_person(walk: Walk) -> None:
    await walk.buy("ana", ("p-huila", 1), email_only=True)
    await walk.leave_cart("ana")
    assert walk.count("select count(*) from contact where merged_into is null") == 1
    contact = await walk.contact("ana")
    assert (contact.email, contact.phone, contact.orders_count) == ("ana@example.com", walk.phone("ana"), 1)


async def test_a_test_order_stops_nothing(walk: Walk) -> None:
    await walk.leave_cart("ana")
    walk.stage.shop.add("ana", "p-gift")
    await walk.rest()
    checkout = walk.stage.shop.cart("ana")
    walk.stage.shop.buy("ana", email_only=True, is_test=True)
    assert checkout.completed
    await walk.turn(hours=2)
    assert len(walk.got("ana")) == 1


async def test_an_emptied_cart_is_not_reminded_of_and_a_refilled_one_is_once(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(minutes=30)
    walk.stage.shop.empty("ana")
    await walk.turn(hours=2)
    assert walk.got("ana") == []
    await walk.leave_cart("ana", ("p-moka", 1))
    await walk.turn(minutes=50)
    walk.stage.shop.add("ana", "p-moka")
    await walk.turn(minutes=50)
    assert walk.got("ana") == []
    await walk.turn(minutes=20)
    assert len(walk.got("ana")) == 1
    assert "2 × Moka pot" in walk.last("ana")


async def test_an_order_with_the_code_ends_the_offer_and_counts(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    await walk.write("ana", "es muy caro")
    code = next(iter(walk.stage.shop.discounts))
    assert code in walk.last("ana")
    assert walk.stage.shop.discounts[code].percent == 5
    walk.stage.shop.buy("ana", code=code)
    await walk.rest()
    order = walk.stage.shop.orders[-1]
    assert order.total == order.discount * 19
    await walk.turn(days=10)
    assert len(walk.got("ana")) == 2
    contact = await walk.contact("ana")
    assert (contact.orders_count, contact.orders_minor) == (1, order.total)


async def test_a_shop_without_codes_promises_none(walk: Walk) -> None:
    walk.stage.shop.pool_empty = True
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    await walk.write("ana", "es muy caro")
    await walk.turn(days=5)
    assert len(walk.got("ana")) == 1
    assert "no discount codes are left" in await walk.reasons("ana")
