"""When each person is asked whether they need it again: what moves the date, what stops it, and what it rests on."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from bot.policy.reorder import PRODUCT_GAPS, PRODUCT_PEOPLE
from bot.store import contacts, purchases
from bot.store.model import Identity, IdentityKind
from bot.store.purchases import Awaited
from bot.worker.playbook import Playbook
from bot.worker.reorder import CATEGORY_TIMER, PRODUCT_TIMER, Foresight

from .bench import DAY, HOUR, LOLA, MONDAY, PEPE, SHOP, Bench, owner_files, playbook

COFFEE = f"{CATEGORY_TIMER}coffee"
SOAP = f"{PRODUCT_TIMER}p-soap"


def item(product: str = "p-soap", pieces: int = 1, **more: Any) -> dict[str, Any]:
    return {"product_id": product, "title": product.removeprefix("p-").title(), "quantity": pieces, "unit_price": "5.00", **more}


def rules(reorder: str) -> Playbook:
    """The shipped flows, with other words of the owner on what is used up when."""
    text = owner_files()["flows/store.yaml"]
    return playbook(store=text.replace("  coffee: 25 days\n  gift-card: never\n", reorder))


@pytest_asyncio.fixture
async def lola(bench: Bench) -> AsyncIterator[int]:
    await bench.order("hello", items=[item("p-mug", category="gift-card")])
    await bench.work()
    found = await bench.store.read(contacts.find(Identity(IdentityKind.PHONE, f"+{LOLA}")))
    assert found is not None
    yield found


async def buys(bench: Bench, day: float, key: str, *items: Mapping[str, Any], who: str = LOLA, **more: Any) -> None:
    """So many days after Monday."""
    bench.now = MONDAY + day * DAY
    await bench.order(key, who, items=list(items), **more)
    await bench.work()


async def awaited(bench: Bench, contact: int, what: str = SOAP) -> Awaited | None:
    return await bench.store.read(purchases.awaited(contact, SHOP, what))


async def days_until(bench: Bench, contact: int, what: str = SOAP) -> float | None:
    """When they are to be asked, in days after Monday."""
    one = await awaited(bench, contact, what)
    return None if one is None else (one.due - MONDAY) / DAY


async def nudges(bench: Bench, days: int) -> int:
    """So many days go by; how many nudges went out."""
    before = len(bench.channel.sent)
    for _ in range(days):
        await bench.go(DAY)
    return sum("running low" in str(sent.content) for sent in bench.channel.sent[before:])


# ---- what a date is reckoned from


async def test_the_owners_days_of_a_category_count_from_the_order(bench: Bench, lola: int) -> None:
    await buys(bench, 1, "a", item("p-huila", category="coffee"), item("p-espresso", category="coffee"))
    assert await days_until(bench, lola, COFFEE) == 26


async def test_a_delivery_moves_the_date(bench: Bench, lola: int) -> None:
    await buys(bench, 1, "a", item("p-huila", category="coffee"))
    bench.now = MONDAY + 4 * DAY
    arrived = {"status": "delivered", "placed_at": MONDAY.isoformat()}
    await bench.order("a", kind="order.updated", items=[item("p-huila", category="coffee")], **arrived)
    await bench.work()
    assert await days_until(bench, lola, COFFEE) == 29


async def test_the_word_of_a_delivery_months_later_is_none(bench: Bench, lola: int) -> None:
    await buys(bench, 60, "a", item("p-huila", category="coffee"), status="delivered", placed_at=MONDAY.isoformat())
    assert await bench.store.read(purchases.of_product(lola, SHOP, "p-huila")) == [purchases.Bought(2, 1, MONDAY)]
    assert await awaited(bench, lola, COFFEE) is None, "and a date long past is not caught up on"


async def test_from_their_own_habit_they_are_asked_early(bench: Bench, lola: int) -> None:
    for number, day in enumerate((0, 30, 60)):
        assert await days_until(bench, lola) is None
        await buys(bench, day, f"a{number}", item())
    assert await days_until(bench, lola) == 60 + 0.8 * 30


async def test_kinds_of_a_product_are_one_product(bench: Bench, lola: int) -> None:
    for number, (day, variant) in enumerate(((0, "red"), (30, "blue"), (60, "green"))):
        await buys(bench, day, f"a{number}", item(variant_id=variant, sku=variant))
    assert await days_until(bench, lola) == 84


@pytest.mark.parametrize(
    ("word", "pieces", "due"),
    [
        ("  p-soap: 10 days\n", 3, 10),
        ("  p-soap: {days: 10, per_unit: yes}\n", 3, 30),
        ("  p-soap: {days: 10, per_unit: no}\n", 3, 10),
        ("  hygiene: {days: 10, per_unit: yes}\n", 2, 20),
        ("  hygiene: never\n  p-soap: 2 weeks\n", 1, 14),
        ("  p-soap: never\n  hygiene: 2 weeks\n", 1, None),
        ("  SOAP-1: 12 days\n  hygiene: 2 weeks\n", 1, 12),
        ("  coffee: 25 days\n", 1, None),
    ],
)
async def test_the_owners_word_by_product_sku_or_category(bench: Bench, lola: int, word: str, pieces: int, due: float | None) -> None:
    bench.playbook = rules(word)
    await buys(bench, 0, "a", item(pieces=pieces, category="hygiene", sku="SOAP-1"))
    whats = (SOAP, f"{CATEGORY_TIMER}hygiene")
    assert [found for what in whats if (found := await days_until(bench, lola, what)) is not None] == ([] if due is None else [due])


async def test_a_changed_word_of_the_owner_counts_when_it_would_fire(bench: Bench, lola: int) -> None:
    await buys(bench, 0, "a", item("p-huila", category="coffee"), consent={"whatsapp": {"state": "granted", "source": "checkout"}})
    bench.playbook = rules("  coffee: 40 days\n")
    assert await nudges(bench, 26) == 0
    assert await days_until(bench, lola, COFFEE) == 40
    assert await nudges(bench, 15) == 1
    assert await nudges(bench, 40) == 1, "and, as they say nothing, once more at 1.5 times"
    assert await nudges(bench, 40) == 0, "twice for each purchase"


# ---- what takes a date back


@pytest.mark.parametrize(("back", "due"), [({"status": "cancelled"}, 54), ({"items": []}, 54), ({"items": [item()]}, 84)])
async def test_what_was_cancelled_or_given_back_was_never_bought(bench: Bench, lola: int, back: dict[str, Any], due: float) -> None:
    for number, day in enumerate((-30, 0, 30)):
        await buys(bench, day, f"a{number}", item())
    assert await days_until(bench, lola) == 54
    await buys(bench, 60, "last", item(pieces=2))
    assert await days_until(bench, lola) == 84
    bench.now += HOUR
    await bench.order("last", kind="order.updated", **{"items": [item(pieces=2)], **back})
    await bench.work()
    known = await days_until(bench, lola)
    assert known == due if due == 84 else known is None, "the earlier date is past by then"


async def test_who_bought_it_again_in_time_is_asked_from_then_on(bench: Bench, lola: int) -> None:
    consent = {"whatsapp": {"state": "granted", "source": "checkout"}}
    await buys(bench, 0, "a", item("p-huila", category="coffee"), consent=consent)
    await buys(bench, 20, "b", item("p-espresso", category="coffee"))
    assert await nudges(bench, 24) == 0
    assert await nudges(bench, 2) == 1


async def test_nobody_is_asked_without_consent(bench: Bench, lola: int) -> None:
    await buys(bench, 0, "a", item("p-huila", category="coffee"))
    assert await nudges(bench, 40) == 0


async def test_people_who_turn_out_to_be_one_have_one_history(bench: Bench, lola: int) -> None:
    await buys(bench, 0, "a0", item())
    await buys(bench, 30, "p1", item(), who=PEPE)
    pepe = await bench.store.read(contacts.find(Identity(IdentityKind.PHONE, f"+{PEPE}")))
    assert pepe is not None
    await bench.store.run(contacts.merge(lola, pepe, bench.now))
    await buys(bench, 60, "a2", item())
    assert await days_until(bench, lola) == 84
    assert await awaited(bench, pepe) is None


async def test_of_two_dates_of_one_person_that_of_the_later_purchase_counts(bench: Bench, lola: int) -> None:
    await buys(bench, 0, "a0", item("p-huila", category="coffee"))
    await buys(bench, 9, "p1", item("p-huila", category="coffee"), who=PEPE)
    pepe = await bench.store.read(contacts.find(Identity(IdentityKind.PHONE, f"+{PEPE}")))
    assert pepe is not None
    await bench.store.run(contacts.merge(lola, pepe, bench.now))
    assert await days_until(bench, lola, COFFEE) == 34


# ---- what all people did


async def test_what_others_did_speaks_for_who_bought_once_where_enough_is_known(bench: Bench, lola: int) -> None:
    for person in range(PRODUCT_PEOPLE):
        who = f"346001120{person:02d}"
        for number in range(3):
            await buys(bench, 20 * number, f"o{person}-{number}", item(), who=who)
        if person == PRODUCT_PEOPLE - 2:
            await Foresight(bench.store, bench.house).work_out()
            await buys(bench, 40, "early", item())
            assert await days_until(bench, lola) is None, "too little is known yet"
    bench.now += HOUR
    assert await Foresight(bench.store, bench.house).work_out() == 2
    found = await bench.store.read(purchases.evidence(SHOP, "p-soap"))
    assert found is not None
    assert (found.people, found.gaps, found.days, found.buyers) == (PRODUCT_PEOPLE, PRODUCT_GAPS, 20.0, PRODUCT_PEOPLE + 1)
    assert await days_until(bench, lola) is None, "there is time"
    bench.now = MONDAY + 54.9 * DAY
    await Foresight(bench.store, bench.house).work_out()
    assert await days_until(bench, lola) == 40 + 0.8 * 20, "what was not known when they bought is made up for"
    await buys(bench, 55, "again", item())
    known = await days_until(bench, lola)
    assert known is not None
    assert known > 55 + 0.8 * 15, "one gap of their own is drawn towards everybody's"


async def test_what_nobody_bought_after_all_is_forgotten(bench: Bench, lola: int) -> None:
    await buys(bench, 0, "a", item())
    foresight = Foresight(bench.store, bench.house)
    assert await foresight.work_out() == 2
    await bench.order("a", kind="order.cancelled", items=[item()])
    bench.now += DAY
    await bench.work()
    assert await foresight.work_out() == 1
    assert [one.sold.name for one in await bench.store.read(purchases.products())] == ["Mug"]


async def test_it_is_worked_out_once_a_night(bench: Bench, lola: int) -> None:
    foresight = Foresight(bench.store, bench.house)
    for hours, worked_out in ((0, 0), (19, 0), (21, 21)):
        bench.now = MONDAY + hours * HOUR
        await foresight.keep_fresh()
        assert await bench.store.read(purchases.worked_out_at()) == MONDAY + timedelta(hours=worked_out)


async def test_pages_of_any_size_tell_the_same(bench: Bench, lola: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, day in enumerate((0, 7, 14, 30)):
        await buys(bench, day, f"a{number}", item(), item("p-brush"))
        await buys(bench, day, f"b{number}", item(), who=PEPE)
    await Foresight(bench.store, bench.house).work_out()
    at_once = await bench.store.read(purchases.products())
    for size in (1, 2, 5):
        monkeypatch.setattr(purchases, "PAGE", size)
        bench.now += HOUR
        await Foresight(bench.store, bench.house).work_out()
        assert await bench.store.read(purchases.products()) == at_once
    assert [(one.sold.name, one.buyers) for one in at_once] == [("Soap", 2), ("Brush", 1), ("Mug", 1)]
