"""Quiet hours and caps hold across flows, by the customer's own clock; answers are exempt, and counted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from .walk import LONDON, MADRID, Walk, open_walk

STORE = """\
name: Casa Bonita
currency: EUR
timezone: Europe/Madrid
languages: [en]
quiet_hours: 21:00 to 09:00
marketing_limit: 1 per day, 3 per week
"""
FLOW = """\
name: {title}
about: Says one thing.
purpose: marketing
start:
  when: {trigger}
steps:
  - send:
      template: {template}
"""
TEMPLATE = """\
category: marketing
body: News {number} from Casa Bonita.
footer: Reply STOP to opt out
"""
TRIGGERS = ("order_placed", "order_paid", "order_delivered", "order_cancelled")


@pytest_asyncio.fixture
async def four_flows(tmp_path: Path) -> AsyncIterator[Walk]:
    """Four flows that each say one thing: on an order, on its payment, its delivery, its end."""
    flows = tmp_path / "flows"
    (flows / "templates").mkdir(parents=True)
    (flows / "store.yaml").write_text(STORE)
    for number, trigger in enumerate(TRIGGERS):
        (flows / f"news_{number}.yaml").write_text(FLOW.format(title=f"News {number}", trigger=trigger, template=f"news_{number}"))
        (flows / "templates" / f"news_{number}.yaml").write_text(TEMPLATE.format(number=number))
    walk = await open_walk(tmp_path, flows=flows)
    assert walk.stage.app.playbook.library.problems == ()
    try:
        yield walk
    finally:
        await walk.stage.close()


def _sent_at(walk: Walk, who: str) -> list[datetime]:
    return [bubble.at for bubble in walk.phone_of(who) if not bubble.by_customer]


async def test_one_a_day_and_three_a_week_hold_across_flows(four_flows: Walk) -> None:
    walk = four_flows
    await walk.buy("ana", ("p-moka", 1))  # two flows begin: placed, paid
    await walk.turn(hours=23)
    assert walk.new("ana") == ["News 0 from Casa Bonita."]
    await walk.turn(hours=2)
    assert walk.new("ana") == ["News 1 from Casa Bonita."]
    order = walk.stage.shop.orders[0]
    walk.stage.shop.deliver(order)
    await walk.turn(days=2)
    assert walk.new("ana") == ["News 2 from Casa Bonita."]
    await walk.turn(days=2)
    walk.stage.shop.cancel(order)
    await walk.turn(days=1)
    assert walk.new("ana") == []
    assert "as many marketing messages as the store's limits allow" in await walk.reasons("ana")
    await walk.turn(days=2)
    assert walk.new("ana") == ["News 3 from Casa Bonita."]
    first, *_, last = (row["sent_at"] for row in walk.rows("select sent_at from outbox order by id"))
    assert last - first >= timedelta(days=7) / timedelta(microseconds=1)


async def test_what_could_only_go_too_late_is_dropped_with_the_reason(four_flows: Walk) -> None:
    walk = four_flows
    await walk.buy("ana", ("p-moka", 1))
    order = walk.stage.shop.orders[0]
    walk.stage.shop.deliver(order)
    await walk.turn(days=2, hours=3)
    assert len(walk.got("ana")) == 3
    walk.stage.shop.cancel(order)  # the fourth could go in five days: that is no news any more
    await walk.rest()
    assert walk.rows("select why from outbox where state = 'cancelled'") == [{"why": "limit"}]
    await walk.turn(days=10)
    assert len(walk.got("ana")) == 3


async def test_the_limits_are_each_persons_own(four_flows: Walk) -> None:
    walk = four_flows
    for who in ("ana", "ben"):
        await walk.buy(who, ("p-moka", 1))
    assert len(walk.got("ana")) == len(walk.got("ben")) == 1


async def test_quiet_hours_are_those_of_the_customers_own_zone(walk: Walk) -> None:
    await walk.turn_to(datetime(2026, 3, 2, 20, 30, tzinfo=MADRID))
    for who in ("ana", "ben", "carla"):
        await walk.leave_cart(who)
    await walk.turn(hours=12, minutes=40)
    assert _sent_at(walk, "ana")[0].astimezone(MADRID).strftime("%a %H:%M") == "Tue 09:00"
    assert _sent_at(walk, "ben")[0].astimezone(LONDON).strftime("%a %H:%M") == "Mon 20:30"
    assert _sent_at(walk, "carla")[0].astimezone(UTC).strftime("%a %H:%M") == "Mon 20:30"  # 17:30 in São Paulo


async def test_the_night_the_clocks_change_ends_at_nine_on_the_wall(walk: Walk) -> None:
    await walk.turn_to(datetime(2026, 3, 28, 20, 30, tzinfo=MADRID))
    await walk.leave_cart("ana")
    await walk.turn(hours=14)
    assert [at.astimezone(MADRID).strftime("%a %H:%M") for at in _sent_at(walk, "ana")] == ["Sun 09:00"]


async def test_an_answer_goes_out_at_night_and_counts(walk: Walk) -> None:
    await walk.buy("ana", ("p-huila", 1))
    await walk.turn(days=23)
    await walk.turn_to(datetime(2026, 3, 26, 19, 0, tzinfo=MADRID))
    await walk.leave_cart("ana", ("p-moka", 1))
    await walk.turn(hours=2, minutes=30)
    assert len(walk.new("ana")) == 1  # at eight, and it is half past nine now
    await walk.press("ana", "Terminar mi pedido")
    (answer,) = walk.new("ana")
    assert answer.startswith("Aquí tienes tu carrito")
    answered = walk.now()
    walk.stage.shop.empty("ana")  # beside an open cart nobody is asked about coffee
    await walk.turn(hours=23)  # the coffee was due at ten in the morning, less than a day after the answer
    assert walk.new("ana") == []
    await walk.turn(hours=13)
    assert ["te queda poco" in text for text in walk.new("ana")] == [True]
    assert _sent_at(walk, "ana")[-1].astimezone(MADRID).strftime("%a %H:%M") == "Sat 09:00"
    assert _sent_at(walk, "ana")[-1] >= answered + timedelta(days=1)
