"""Whatever is told of a person's orders, and in whatever order, they end up awaited on the dates of a model, with one timer each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flow.facts import Line, Money
from bot.flow.library import Library
from bot.flow.rules import StoreRules, UsedUp
from bot.policy.reorder import OPENS_AT, Override, expected, gaps_of
from bot.shop.event import OrderChanged, OrderStatus, Refunded, ShipmentChanged, ShipmentState, Shopper
from bot.store import contacts
from bot.store.contacts import Resolved
from bot.store.step import Row, Statement, Step, from_micros
from bot.worker import shopping
from bot.worker.playbook import House, Playbook
from bot.worker.reorder import MISSED

from .bench import DAY, MONDAY, NUMBER, Bench

NOW = MONDAY
PLAYBOOK = Playbook(Library(rules=StoreRules(reorder={"coffee": UsedUp(25.0, per_unit=True)})))
SOAP, HUILA, ESPRESSO = "p-soap", "p-huila", "p-espresso"
CATEGORY = {SOAP: None, HUILA: "coffee", ESPRESSO: "coffee"}
WHATS = {"reorder_product:p-soap": (SOAP,), "reorder:coffee": (HUILA, ESPRESSO)}
EUR = "EUR"
_shops = count()

Event = OrderChanged | Refunded | ShipmentChanged


@dataclass(frozen=True)
class Kept:
    """A purchase as the model has it."""

    order: str
    product: str
    pieces: int
    at: datetime


def lines_of(pieces: dict[str, int]) -> tuple[Line, ...]:
    return tuple(Line(product, number, Money(500, EUR), product, CATEGORY[product]) for product, number in pieces.items())


some_pieces = st.dictionaries(st.sampled_from((SOAP, HUILA, ESPRESSO)), st.integers(1, 3), min_size=1)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A few orders of the last months, the words that are told of each, in any order, some of them twice."""
    events: list[Event] = []
    minutes = iter(draw(st.permutations(range(1, 40))))
    for number in range(draw(st.integers(1, 4))):
        days = draw(st.integers(1, 90))
        placed_at = NOW - days * DAY - timedelta(seconds=number)
        key = f"o{number}"
        statuses = draw(st.lists(st.sampled_from(OrderStatus), min_size=1, max_size=3))
        arrived, refunds = draw(st.integers(0, 1)), draw(st.integers(0, 2))
        words = len(statuses) + arrived + refunds
        moments = iter(  # no two at once
            [placed_at + timedelta(days=draw(st.integers(0, days - 1)), minutes=next(minutes)) for _ in range(words)]
        )
        events += [
            OrderChanged(next(moments), key, key, one, Shopper(customer="1"), lines_of(draw(some_pieces)), Money(99_000, EUR), placed_at)
            for one in statuses
        ]
        events += [ShipmentChanged(next(moments), key, None, ShipmentState.DELIVERED) for _ in range(arrived)]
        events += [Refunded(next(moments), key, f"r{one}", Money(1, EUR), lines_of(draw(some_pieces))) for one in range(refunds)]
    return draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=3))))


def model(events: Sequence[Event]) -> dict[str, tuple[str, datetime]]:
    """By what is awaited: from which order on, and when."""
    bought: list[Kept] = []
    for key in {event.order for event in events}:
        bought += _kept(key, [event for event in events if event.order == key])
    found: dict[str, tuple[str, datetime]] = {}
    for what, products in WHATS.items():
        of_it = sorted((one for one in bought if one.product in products), key=lambda one: one.at)
        if not of_it:
            continue
        last = of_it[-1]
        override = Override(25.0, per_unit=True) if what == "reorder:coffee" else None
        pieces = sum(one.pieces for one in of_it if one.order == last.order)
        expectation = expected(gaps_of(one.at.toordinal() for one in of_it), None, override, pieces)
        if expectation is None:
            continue
        due = last.at + timedelta(days=expectation.days * (1 if override else OPENS_AT))
        if due >= NOW - MISSED:
            found[what] = (last.order, due)
    return found


def _kept(key: str, events: Sequence[Event]) -> list[Kept]:
    words = sorted((event for event in events if isinstance(event, OrderChanged)), key=lambda word: word.at)
    if not words or words[-1].status is OrderStatus.CANCELLED:
        return []
    newest = words[-1]
    left = {line.product or "": line.quantity for line in newest.lines}
    for refund in {event.refund: event for event in events if isinstance(event, Refunded) and event.at > newest.at}.values():
        for line in refund.lines:
            if line.product in left:
                left[line.product] -= min(line.quantity, left[line.product])
    arrivals = [word.at for word in words if word.status is OrderStatus.DELIVERED]
    arrivals += [event.at for event in events if isinstance(event, ShipmentChanged)]
    at = min((one for one in arrivals if one - newest.placed_at <= timedelta(days=45)), default=newest.placed_at)
    return [Kept(key, product, pieces, at) for product, pieces in left.items() if pieces]


def told(events: Sequence[Event], shop: str, house: House) -> Step[dict[str, tuple[str, datetime]]]:
    """Tell them to the house; returns what the person is awaited for, each with one timer that is live."""
    contact = yield from contacts.create(house.now)
    for event in events:
        yield from shopping.told(house, shop, Resolved(contact), event)
    whose = {"contact": contact}
    orders = yield Statement("select id, key from shop_order where contact = :contact", whose)
    awaited = yield Statement("select what, shop_order, due, generation from awaited_purchase where contact = :contact", whose)
    timers = yield Statement("select kind, subject, due, generation from timer where contact = :contact", whose)
    keys = {row["id"]: row["key"] for row in orders}
    for row in awaited:
        live = _of(row, "what", "shop_order", "generation")
        assert [one["due"] for one in timers if _of(one, "kind", "subject", "generation") == live] == [row["due"]]
    return {row["what"]: (keys[row["shop_order"]], from_micros(row["due"])) for row in awaited}


def _of(row: Row, *columns: str) -> list[Any]:
    return [row[column] for column in columns]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=histories())
async def test_the_dates_are_those_of_the_model_whatever_is_told_first(bench: Bench, events: list[Event]) -> None:
    house = House(PLAYBOOK, bench.store.instance, NUMBER, NOW)
    assert await bench.store.run(told(events, f"shop-{next(_shops)}", house)) == model(events)
