"""What messages cost: booked once each, as Meta counted them, whatever comes twice, late or never."""

from datetime import date, timedelta
from typing import Any

import pytest

from bot.channel import Outgoing
from bot.store import charges
from bot.store.charges import Spent
from bot.store.step import Row

from .bench import DAY, HOUR, LOLA, PEPE, Bench, owner_files, playbook

PRICED = (
    owner_files()["flows/store.yaml"]
    + """
prices:
  currency: USD
  marketing: {default: 0.05, ES: 0.0509}
  service: 0.0031
"""
)
REGULAR = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}


@pytest.fixture
def priced(bench: Bench) -> Bench:
    bench.playbook = playbook(store=PRICED)
    return bench


async def told(bench: Bench, sent: Outgoing, status: str, pricing: dict[str, Any] | None = None, **more: Any) -> None:
    """A status with a price; `at` is when Meta says it happened."""
    at = more.pop("at", bench.now)
    body = {
        "id": f"wamid.of.{sent.key}",
        "status": status,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": LOLA,
        "biz_opaque_callback_data": sent.key,
        **({"pricing": pricing} if pricing else {}),
        **more,
    }
    await bench.whatsapp(statuses=[body])
    await bench.work()


async def booked(bench: Bench) -> list[Row]:
    return await bench.rows("select message, flow, country, category, type, day, micros, currency from charge order by message")


def plain(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("flow", "country", "category", "type", "day", "micros", "currency"))


async def test_a_message_is_booked_once_however_often_its_price_is_told(priced: Bench) -> None:
    await priced.reminded()
    (sent,) = priced.channel.sent
    for status in ("sent", "sent", "delivered", "delivered", "read"):
        priced.now += timedelta(seconds=1)  # else it is the same update once more
        await told(priced, sent, status, REGULAR)
    (row,) = await booked(priced)
    assert plain(row) == ("cart_reminder", "ES", "marketing", "regular", "2026-11-02", 50_900, "USD")


async def test_a_price_that_only_the_delivery_tells_is_booked_then(priced: Bench) -> None:
    await priced.reminded()
    await told(priced, priced.channel.sent[0], "sent")
    assert await booked(priced) == []
    await told(priced, priced.channel.sent[0], "delivered", REGULAR)
    assert len(await booked(priced)) == 1


async def test_a_late_status_is_booked_on_its_own_day_by_the_stores_clock(priced: Bench) -> None:
    await priced.reminded()
    midnight = priced.now.replace(hour=22, minute=59, second=59)  # 23:59:59 in Madrid
    priced.now += DAY
    await told(priced, priced.channel.sent[0], "delivered", REGULAR, at=midnight)
    priced.now += 3 * DAY
    await priced.cart("k2", PEPE)
    await priced.go()
    await priced.go(HOUR)
    after = priced.now.replace(hour=23, minute=0, second=0)  # 00:00 of the next day in Madrid, and told much later
    priced.now += 2 * DAY
    await told(priced, priced.channel.sent[1], "delivered", REGULAR, at=after)
    assert [row["day"] for row in await booked(priced)] == ["2026-11-02", "2026-11-07"]


@pytest.mark.parametrize(
    ("pricing", "micros"),
    [
        ({"type": "free_entry_point", "category": "referral_conversion", "billable": False}, 0),
        ({"type": "free_customer_service", "category": "service", "billable": True}, 0),
        ({"type": "free_of_something_new", "category": "marketing"}, 0),
        ({"category": "marketing", "billable": False}, 0),
        ({"type": "regular", "category": "service"}, 3_100),
        ({"type": "regular", "category": "marketing_lite"}, 50_900),
        ({"type": "regular", "category": "utility"}, None),
        ({"type": "regular", "category": "general_purpose_ai", "billable": True}, None),
        ({"type": "by_the_moon", "category": "marketing"}, 50_900),
    ],
)
async def test_what_meta_counts_it_as_is_kept_in_its_own_words_and_nothing_is_guessed(
    priced: Bench, pricing: dict[str, Any], micros: int | None
) -> None:
    await priced.reminded()
    await told(priced, priced.channel.sent[0], "delivered", pricing)
    (row,) = await booked(priced)
    assert (row["category"], row["type"], row["micros"]) == (pricing["category"], pricing.get("type", ""), micros)


async def test_a_store_without_prices_counts_and_guesses_nothing(bench: Bench) -> None:
    await bench.reminded()
    await told(bench, bench.channel.sent[0], "delivered", REGULAR)
    (row,) = await booked(bench)
    assert (row["micros"], row["currency"]) == (None, None)


async def test_what_failed_is_not_charged_and_what_has_not_arrived_costs_nothing_yet(priced: Bench) -> None:
    await priced.reminded()
    (sent,) = priced.channel.sent
    await told(priced, sent, "sent", REGULAR)
    assert len(await booked(priced)) == 1
    assert await priced.store.read(charges.spent(date(2026, 1, 1))) == []
    await told(priced, sent, "failed", errors=[{"code": 131026, "title": "x"}])
    assert await booked(priced) == []
    await told(priced, sent, "delivered", REGULAR)  # it arrived after all
    (spent,) = await priced.store.read(charges.spent(date(2026, 1, 1)))
    assert spent == Spent("cart_reminder", "2026-11-02", "ES", "marketing", "regular", "USD", 1, 1, 0, 50_900)


async def test_a_failure_told_after_the_arrival_takes_nothing_back(priced: Bench) -> None:
    await priced.reminded()
    await told(priced, priced.channel.sent[0], "delivered", REGULAR)
    await told(priced, priced.channel.sent[0], "failed", errors=[{"code": 131026, "title": "x"}])
    assert len(await booked(priced)) == 1


async def test_a_goal_is_counted_on_its_day_and_a_status_of_nobodys_message_books_nothing(priced: Bench) -> None:
    await priced.reminded()
    await told(priced, priced.channel.sent[0], "delivered", REGULAR)
    await priced.order(checkout_key="k1")
    await priced.go()
    assert await priced.store.read(charges.reached(date(2026, 11, 2), "Europe/Madrid")) == {"cart_reminder": 1}
    assert await priced.store.read(charges.reached(date(2026, 11, 3), "Europe/Madrid")) == {}
    stranger = Outgoing("elsewhere:1:1", "1", priced.channel.sent[0].to, priced.channel.sent[0].content)
    await told(priced, stranger, "delivered", REGULAR)
    assert len(await booked(priced)) == 1
