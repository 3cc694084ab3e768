"""Who stays away is missed once: after so many of their own gaps, or after a length of the owner's, until they order again."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from random import Random
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flow.facts import Line, Money
from bot.policy.reorder import PRODUCT_GAPS, PRODUCT_PEOPLE, GapCount, evidence, gaps_of
from bot.shop.event import OrderChanged, OrderStatus, Shopper
from bot.store import contacts, purchases
from bot.store.contacts import Resolved
from bot.store.step import Statement, Step, from_micros, to_micros
from bot.worker import shopping, timers
from bot.worker.lapse import LAPSE_TIMER, MISSED, Absence
from bot.worker.playbook import House

from .bench import DAY, HOUR, LOLA, MONDAY, NUMBER, PEPE, SHOP, Bench, playbook

WHAT = f"{LAPSE_TIMER}win_back"
TEAPOT = {"product_id": "p-teapot", "title": "Teapot", "quantity": 1, "unit_price": "20.00", "category": "gifts"}
AGREED = {"whatsapp": {"state": "granted", "source": "checkout"}}
ABSOLUTE = """
name: Win-back
purpose: marketing
start:
  when: customer_lapsed
  for: 30 days
steps:
  - tag: missed
"""


async def buys(bench: Bench, day: float, key: str, who: str = LOLA) -> None:
    """So many days after Monday."""
    bench.now = max(bench.now, MONDAY + day * DAY)
    await bench.order(key, who, items=[TEAPOT], consent=AGREED, placed_at=(MONDAY + day * DAY).isoformat())
    await bench.work()


async def missed_from(bench: Bench, who: str = LOLA) -> float | None:
    """From which day after Monday on somebody is missed."""
    found = await bench.store.read(purchases.awaited(await bench.contact(who), "", WHAT))
    return None if found is None else (found.due - MONDAY) / DAY


async def win_backs(bench: Bench, days: int) -> int:
    """So many days go by; how many people were asked how they are."""
    before = len(bench.channel.sent)
    for _ in range(days):
        await bench.go(DAY)
    return sum("not heard from you" in str(sent.content) for sent in bench.channel.sent[before:])


async def test_who_has_stayed_away_for_three_of_their_own_gaps_is_written_to_once(bench: Bench) -> None:
    for number, day in enumerate((0, 20, 40)):
        await buys(bench, day, f"o{number}")
    assert await missed_from(bench) == 40 + 3 * 20
    assert await win_backs(bench, 59) == 0
    assert await win_backs(bench, 2) == 1
    assert await win_backs(bench, 200) == 0, "once, however long it lasts"
    notes = await bench.notes()
    assert sum(note.startswith("win_back: started") for note in notes) == 1


async def test_an_order_puts_it_off_and_makes_it_possible_again(bench: Bench) -> None:
    for number, day in enumerate((0, 20, 40, 60)):
        await buys(bench, day, f"o{number}")
    assert await win_backs(bench, 59) == 0
    assert await win_backs(bench, 2) == 1
    bench.playbook = playbook(win_back=ABSOLUTE)  # at once again, whatever it says of the same person
    await buys(bench, 130, "back")
    assert await missed_from(bench) == 160
    await win_backs(bench, 31)
    assert [row["n"] for row in await bench.rows("select count(*) as n from run where flow = 'win_back'")] == [2]


async def test_who_ordered_once_is_missed_only_where_others_tell_how_long_is_usual(bench: Bench) -> None:
    await buys(bench, 0, "first")
    assert await missed_from(bench) is None
    for person in range(PRODUCT_PEOPLE):
        for number in range(PRODUCT_GAPS // PRODUCT_PEOPLE + 1):
            await buys(bench, 10 * number, f"o{person}-{number}", f"346001120{person:02d}")
    night = Absence(bench.store, bench.house)
    await night.work_out()
    found = await bench.store.read(purchases.evidence("", ""))
    assert found is not None
    assert (found.buyers, found.people, found.gaps, found.days) == (PRODUCT_PEOPLE + 1, PRODUCT_PEOPLE, PRODUCT_GAPS, 10.0)
    assert await missed_from(bench) is None, "there is time: a night near the day will do"
    bench.now = MONDAY + 29 * DAY
    await night.work_out()
    assert await missed_from(bench) == 30
    assert await win_backs(bench, 2) == 1, "the others, whose own habit says it, have time until day 50"
    assert "Teapot" in str(bench.channel.sent[-1].content)
    assert [one.sold.shop for one in await bench.store.read(purchases.products())] == [], "and it is no product of the report"


async def test_a_flow_that_is_new_misses_who_lapses_from_now_on_and_nobody_who_left_last_year(bench: Bench) -> None:
    bench.playbook = playbook(win_back=None)
    for number, day in enumerate((-400, -380, -360)):
        await buys(bench, day, f"old{number}", PEPE)
    for number, day in enumerate((-99, -79, -59)):
        await buys(bench, day, f"o{number}")
    bench.playbook = playbook()
    assert await Absence(bench.store, bench.house).work_out() == 1
    assert (await missed_from(bench), await missed_from(bench, PEPE)) == (1, None)
    assert await win_backs(bench, 3) == 1


async def test_an_order_that_is_called_off_at_once_does_not_make_it_possible_again(bench: Bench) -> None:
    bench.playbook = playbook(win_back=ABSOLUTE, loyalty=None)
    await buys(bench, 0, "a")
    await win_backs(bench, 30)
    assert (await bench.person()).tags == {"missed"}
    await buys(bench, 30.5, "b")
    bench.now = MONDAY + 31 * DAY
    await bench.order("b", kind="order.cancelled", items=[TEAPOT], placed_at=(MONDAY + 30.5 * DAY).isoformat())
    await win_backs(bench, 5)
    assert [row["n"] for row in await bench.rows("select count(*) as n from run where flow = 'win_back'")] == [1]


async def test_what_is_cancelled_was_no_order(bench: Bench) -> None:
    for number, day in enumerate((0, 20, 40, 50)):
        await buys(bench, day, f"o{number}")
    await bench.order("o3", kind="order.cancelled", items=[TEAPOT], placed_at=(MONDAY + 50 * DAY).isoformat())
    await bench.work()
    assert await missed_from(bench) == 100


async def test_a_night_looks_once_and_a_page_of_any_size_tells_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in range(4):
        for number, day in enumerate((0, 20 + person, 40)):
            await buys(bench, day, f"o{person}-{number}", f"346001120{person:02d}")
    bench.now = MONDAY + 99 * DAY
    night = Absence(bench.store, bench.house)
    await night.keep_fresh()
    at_once = await bench.store.read(purchases.evidence("", ""))
    for size in (1, 2, 5):
        monkeypatch.setattr(purchases, "PAGE", size)
        assert await night.work_out() == 4
        assert await bench.store.read(purchases.evidence("", "")) == at_once
    bench.now += 19 * HOUR
    await night.keep_fresh()
    assert await bench.store.read(purchases.evidence_at("", "")) == MONDAY + 99 * DAY
    bench.now += 2 * HOUR
    await night.keep_fresh()
    assert await bench.store.read(purchases.evidence_at("", "")) == bench.now


@given(st.lists(st.lists(st.integers(1, 365), max_size=6), max_size=12))
def test_gaps_that_are_counted_say_what_gaps_in_a_row_say(gaps_of_people: list[list[int]]) -> None:
    counted = GapCount()
    for own in gaps_of_people:
        counted.add(own)
    gaps = sorted(gap for own in gaps_of_people for gap in own)
    assert counted.evidence == evidence(gaps_of_people)
    if counted.evidence is not None:
        middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2
        assert (counted.evidence.days, counted.evidence.early, counted.evidence.late) == (
            middle,
            gaps[len(gaps) // 4],
            gaps[len(gaps) * 3 // 4],
        )


# ---- whatever is told, and in whatever order

_people = count(1)
Told = tuple[int, OrderChanged]  # the day on which it is told, after Monday


@st.composite
def lives(draw: st.DrawFn) -> list[Told]:
    """Some orders of half a year; some are cancelled, some told twice, some late."""
    found: list[Told] = []
    for number in range(draw(st.integers(1, 4))):
        placed = draw(st.integers(0, 150))
        order = OrderChanged(
            at=MONDAY + placed * DAY + timedelta(minutes=number),
            order=f"o{number}",
            number=f"#{number}",
            status=OrderStatus.PLACED,
            shopper=Shopper(customer="1"),
            lines=(Line("Teapot", 1, Money(2_000, "EUR"), "p-teapot", "gifts"),),
            total=Money(2_000, "EUR"),
            placed_at=MONDAY + placed * DAY + timedelta(minutes=number),
        )
        found += [(placed + late, order) for late in draw(st.lists(st.integers(0, 3), min_size=1, max_size=2))]
        if draw(st.booleans()):
            later = draw(st.integers(0, 40))
            called_off = OrderChanged(
                **{name: getattr(order, name) for name in ("order", "number", "shopper", "lines", "total", "placed_at")},
                at=order.at + later * DAY + HOUR,
                status=OrderStatus.CANCELLED,
            )
            found.append((placed + later + 1, called_off))
    return sorted(found, key=lambda told: told[0])


def lived(bench: Bench, events: Sequence[Told]) -> Step[list[int]]:
    """Live through half a year, a day at a time; returns the days on which they were missed."""
    at = House(bench.playbook, bench.store.instance, NUMBER, MONDAY)
    contact = yield from contacts.create(at.now)
    yield Statement(
        "insert into identity (kind, scope, value, contact, since) values ('phone', '', :phone, :contact, 0)",
        {"phone": f"+34711{next(_people):06d}", "contact": contact},
    )
    yield Statement("update contact set consent = 'granted' where id = :contact", {"contact": contact})
    for day in range(200):
        house = House(bench.playbook, bench.store.instance, NUMBER, MONDAY + day * DAY + 2 * HOUR)
        for told_on, event in events:
            if told_on == day:
                yield from shopping.told(house, f"{SHOP}-{contact}", Resolved(contact), event)
        due = yield Statement("select * from timer where contact = :contact order by due, kind", {"contact": contact})
        for row in due:
            if row["kind"] == WHAT and row["due"] <= to_micros(house.now):
                key = {name: row[name] for name in ("due", "contact", "kind", "subject", "generation")}
                yield Statement(  # one that has rung is gone
                    "delete from timer where due = :due and contact = :contact and kind = :kind and subject = :subject"
                    " and generation = :generation",
                    key,
                )
                body = {name: row[name] for name in ("subject", "generation", "due")}
                yield from timers.due(house, contact, str(row["kind"]), body)
    begun = yield Statement("select started_at from run where contact = :contact and flow = 'win_back' order by id", {"contact": contact})
    return [(from_micros(row["started_at"]) - MONDAY) // DAY for row in begun]


def model(events: Sequence[Told]) -> list[int]:
    """The days on which the last order that counts, as far as it is known by then, is thirty days old."""
    missed: list[int] = []
    asked: set[str] = set()
    awaited, since = None, 0
    for day in range(200):
        last = _last(events, day)
        if last is None or last.order != awaited:
            awaited, since = (last.order if last else None), day
        if last is None or last.order in asked:
            continue
        lapses = last.placed_at + 30 * DAY
        known_in_time = lapses >= MONDAY + since * DAY + 2 * HOUR - MISSED  # a date long past is not caught up on
        if known_in_time and lapses <= MONDAY + day * DAY + 2 * HOUR:
            asked.add(last.order)
            missed.append(day)
    return missed


def _last(events: Sequence[Told], day: int) -> OrderChanged | None:
    """The last order that counts, as far as it is known on that day."""
    known: dict[str, OrderChanged] = {}
    for told_on, event in events:
        if told_on <= day and (event.order not in known or event.at >= known[event.order].at):
            known[event.order] = event
    return max((one for one in known.values() if one.status is OrderStatus.PLACED), key=lambda one: one.placed_at, default=None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=lives())
async def test_somebody_is_missed_at_most_once_for_each_last_order_whatever_is_told(bench: Bench, events: list[Told]) -> None:
    bench.playbook = playbook(win_back=ABSOLUTE, loyalty=None, cross_sell=None, review_request=None)
    found = await bench.store.run(lived(bench, events))
    assert found == model(events)


# ---- how long a night takes


async def test_a_night_of_many_customers_is_over_within_seconds(bench: Bench, full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    people = 100_000 if full else 4_000
    dice = Random(7)
    rows: list[dict[str, object]] = []
    for contact in range(1, people + 1):
        day = dice.randrange(0, 300)
        for _ in range(dice.choice((1, 1, 2, 3, 5))):
            rows.append({"contact": contact, "at": to_micros(MONDAY - 300 * DAY + day * DAY), "key": f"k{len(rows)}"})
            day += dice.randrange(3, 60)

    def fill() -> Step[None]:
        shared = {"now": to_micros(MONDAY)}
        for first in range(1, people + 1, 5_000):
            last = min(first + 4_999, people)
            yield Statement(
                "insert into contact (id, created_at) values (:id, :now)", {}, [{"id": one, **shared} for one in range(first, last + 1)]
            )
        for first in range(0, len(rows), 5_000):
            yield Statement(
                "insert into shop_order (shop, key, contact, number, status, placed_at, updated_at, lines, total_minor, currency, codes,"
                " counted) values ('casa', :key, :contact, :key, 'placed', :at, :at, '[]', 100, 'EUR', '[]', 1)",
                {},
                rows[first : first + 5_000],
            )

    await bench.store.run(fill())
    began = perf_counter()
    soon = await Absence(bench.store, bench.house).work_out()
    took = perf_counter() - began
    with capsys.disabled():
        if full:
            print(f"\n{people:,} customers with {len(rows):,} orders: {took:.1f} s, {soon:,} of them missed within two days")
    assert 0 < soon < people / 20
    assert took < (30 if full else 5)
    assert gaps_of([1, 1, 400]) == [365]
