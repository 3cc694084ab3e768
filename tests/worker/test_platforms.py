"""What Shopify and WooCommerce tell, all the way to the reminder that is sent or not."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from bot.shop.delivery import Adapter, Admission, Delivery
from bot.shop.shopify import Shopify
from bot.shop.woocommerce import WooCommerce
from bot.store.database import open_database
from tests.shop.bodies import (
    ADDRESS,
    SHOPIFY_CHECKOUT,
    SHOPIFY_LINE,
    SHOPIFY_ORDER,
    WOO_ADDRESS,
    WOO_ORDER,
    shopify_headers,
    wire,
    woo_headers,
)
from tests.shop.test_way_in import SHOPIFY_TOPICS, WOO_TOPICS, mutated

from .bench import HOUR, SHOP, Bench, owner_files, playbook

SECRET = "a shop's own secret"
SHOPIFY, WOO = Shopify((SECRET,), "ES"), WooCommerce((SECRET,), "ES", "opt_in")
HERE = ADDRESS | {"phone": "+34600111222"}  # Lola's
MINUTE = timedelta(minutes=1)


async def post(bench: Bench, adapter: Adapter, headers: dict[str, str], body: bytes) -> None:
    delivery = Delivery(SHOP, headers, body, bench.now)
    assert adapter.admit(delivery) is Admission.GENUINE
    await bench.store.receive(adapter.split(delivery), bench.now)


async def shopify(bench: Bench, topic: str, told: dict[str, Any]) -> None:
    bench._count += 1
    body = wire(told)
    headers = shopify_headers(topic, body, SECRET, f"d{bench._count}") | {"X-Shopify-Triggered-At": bench.now.isoformat()}
    await post(bench, SHOPIFY, headers, body)


async def woo(bench: Bench, topic: str, told: dict[str, Any]) -> None:
    bench._count += 1
    body = wire(told)
    await post(bench, WOO, woo_headers(topic, body, SECRET, f"d{bench._count}"), body)


def checkout(at: datetime, **changed: Any) -> dict[str, Any]:
    return SHOPIFY_CHECKOUT | {"shipping_address": HERE, "updated_at": at.isoformat()} | changed


def order(at: datetime, **changed: Any) -> dict[str, Any]:
    return SHOPIFY_ORDER | {"shipping_address": HERE, "updated_at": at.isoformat(), "processed_at": at.isoformat()} | changed


async def agrees(bench: Bench) -> None:
    consent = {"state": "SUBSCRIBED", "updated_at": bench.now.isoformat()}
    told = {"customer_id": SHOPIFY_CHECKOUT["customer"]["id"], "phone_number": "+34600111222", "whats_app_marketing_consent": consent}
    await shopify(bench, "customers_whats_app_marketing_consent/update", told)


async def test_a_shopify_checkout_is_reminded_of(bench: Bench) -> None:
    await agrees(bench)
    await shopify(bench, "checkouts/create", checkout(bench.now))
    await bench.go()
    (reminder,) = await bench.go(HOUR + MINUTE)
    assert "Coffee" in reminder


async def test_a_tick_for_sms_is_none_for_whatsapp(bench: Bench) -> None:
    await shopify(
        bench, "customers_marketing_consent/update", {"id": 5, "phone": "+34600111222", "sms_marketing_consent": {"state": "subscribed"}}
    )
    await shopify(bench, "checkouts/create", checkout(bench.now))
    await bench.go()
    assert await bench.go(HOUR + MINUTE) == []


ORDERS: list[dict[str, Any]] = [
    {},
    {"financial_status": "pending", "payment_gateway_names": ["Cash on Delivery (COD)"]},
    {"shipping_address": None, "billing_address": None, "customer": None, "email": None, "contact_email": None},  # by its checkout alone
    {"checkout_token": None, "cart_token": None, "shipping_address": None, "billing_address": None},  # by account and e-mail
    {"checkout_token": None, "cart_token": None, "customer": None, "email": None, "contact_email": None},  # by phone
    {"source_name": "pos", "location_id": 1, "checkout_token": None, "cart_token": None},
]


@pytest.mark.parametrize("changed", ORDERS)
@pytest.mark.parametrize("first", ["checkout", "order"])
async def test_nobody_is_reminded_of_what_they_ordered_however_it_joins(bench: Bench, changed: dict[str, Any], first: str) -> None:
    await agrees(bench)
    tell = [("checkouts/update", checkout(bench.now)), ("orders/create", order(bench.now, **changed))]
    for topic, told in tell if first == "checkout" else reversed(tell):
        await shopify(bench, topic, told)
        await bench.go()
    assert await bench.go(HOUR + MINUTE) == []
    assert await bench.go(24 * HOUR) == []


async def test_the_cart_behind_a_checkout_is_no_second_cart(bench: Bench) -> None:
    """Shopify tells the cart, too, with no person and no link in it: it must not take the checkout's place."""
    await agrees(bench)
    await shopify(bench, "checkouts/create", checkout(bench.now))
    await bench.go(MINUTE)
    token = SHOPIFY_CHECKOUT["cart_token"]
    await shopify(bench, "carts/update", {"id": token, "token": token, "line_items": [SHOPIFY_LINE], "updated_at": bench.now.isoformat()})
    await bench.go()
    assert [row["state"] for row in await bench.rows("select state from checkout")] == ["open"]
    assert len(await bench.go(HOUR)) == 1


@pytest.mark.parametrize("changed", [{"user_id": 7}, {"source_name": "pos"}, {"source_name": "subscription_contract"}, {"test": True}])
async def test_only_a_shopper_leaves_a_cart(bench: Bench, changed: dict[str, Any]) -> None:
    await agrees(bench)
    await shopify(bench, "checkouts/create", checkout(bench.now, **changed))
    await bench.go()
    assert await bench.go(2 * HOUR) == []


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("checkouts/delete", {"token": SHOPIFY_CHECKOUT["token"]}),
        ("checkouts/update", checkout(datetime(2026, 11, 2, 9, 30, tzinfo=UTC), line_items=[])),
    ],
)
async def test_a_checkout_that_is_gone_or_empty_is_not_reminded_of(bench: Bench, topic: str, told: dict[str, Any]) -> None:
    await agrees(bench)
    await shopify(bench, "checkouts/create", checkout(bench.now))
    await bench.go(30 * MINUTE)
    await shopify(bench, topic, told)
    await bench.go()
    assert await bench.go(2 * HOUR) == []


async def test_an_order_arrives_and_a_deleted_one_counts_no_more(bench: Bench) -> None:
    await shopify(bench, "orders/create", order(bench.now))
    await bench.go(MINUTE)
    assert (await bench.person()).orders_count == 1
    parcel = {"id": 1, "fulfillment_id": 2, "order_id": SHOPIFY_ORDER["id"], "status": "delivered", "happened_at": bench.now.isoformat()}
    await shopify(bench, "fulfillment_events/create", parcel)
    await bench.go(MINUTE)
    assert [row["status"] for row in await bench.rows("select status from shop_order")] == ["delivered"]
    await shopify(bench, "orders/delete", {"id": SHOPIFY_ORDER["id"]})
    await bench.go(MINUTE)
    assert (await bench.person()).orders_count == 0
    await shopify(bench, "orders/delete", {"id": 5})
    await bench.go()
    assert [row["why"] for row in await bench.rows("select why from inbox order by id desc limit 1")] == ["its order is not known yet"]


async def test_woocommerces_draft_is_a_cart_until_it_is_an_order(bench: Bench) -> None:
    billing = WOO_ADDRESS | {"phone": "600 111 222"}
    stamp = bench.now.replace(tzinfo=None).isoformat()
    draft = WOO_ORDER | {"status": "checkout-draft", "billing": billing, "date_modified_gmt": stamp, "date_created_gmt": stamp}
    draft |= {"meta_data": [{"key": "opt_in", "value": "1"}], "date_paid": None, "date_paid_gmt": None}
    await woo(bench, "order.updated", draft)
    await woo(
        bench,
        "order.updated",
        draft | {"id": 728, "billing": billing | {"phone": "600 999 888", "email": "pepe@example.com"}, "customer_id": 0},
    )
    await bench.go(10 * MINUTE)
    later = bench.now.replace(tzinfo=None).isoformat()
    await woo(bench, "order.created", draft | {"status": "pending", "date_modified_gmt": later, "date_created_gmt": later})
    await bench.go()
    (reminder,) = await bench.go(HOUR)
    assert "Ship Your Idea – Color" in reminder
    assert bench.channel.sent[0].to.phone == "+34600999888"  # Pepe left his; Lola's became an order, paid or not


async def test_an_edited_order_is_wanted_whole_and_of_a_product_nothing_is_noted(bench: Bench) -> None:
    await shopify(bench, "orders/edited", {"order_edit": {"order_id": 7}})
    await shopify(bench, "products/update", {"id": 1, "title": "Coffee", "variants": []})
    await bench.go()
    assert await bench.rows("select text from audit where about = 'casa'") == []
    assert [row["state"] for row in await bench.rows("select state from inbox")] == ["done"] * 2
    assert [row["address"] for row in await bench.rows("select address from wanted_resource")] == ["gid://shopify/Order/7"]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_a_shop_signs_is_worked_off(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        bench.now += MINUTE
        if chance.random() < 0.6:
            body = mutated(chance.choice([SHOPIFY_ORDER, SHOPIFY_CHECKOUT, SHOPIFY_CHECKOUT | {"currency": "JPY"}]), chance)
            await shopify(bench, chance.choice(SHOPIFY_TOPICS), body)
        else:
            await woo(bench, chance.choice(WOO_TOPICS), mutated(WOO_ORDER, chance))
    await bench.go()
    await bench.go(HOUR)
    rows = await bench.rows("select state, why, attempts from inbox")
    assert {row["state"] for row in rows} <= {"done", "dead"}
    assert not [row["why"] for row in rows if row["attempts"]]  # nothing was our own fault


# ---- an order that stands at the payment page

AFTER_PAYMENT = """
name: After {event}
about: Notes that it happened.
purpose: service
start:
  when: {event}
steps:
  - tag: {event}
  - end
"""


@pytest_asyncio.fixture
async def till(where: str) -> AsyncIterator[Bench]:
    """A house that notes what happens to an order."""
    store = await open_database(where)
    events = {event: AFTER_PAYMENT.format(event=event) for event in ("order_placed", "order_paid", "payment_failed")}
    one = Bench(store, playbook(**events))
    yield one
    await one.sender.finish()
    await store.close()


def at_payment(at: datetime, **changed: Any) -> dict[str, Any]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S")
    unpaid = {"status": "pending", "date_paid": None, "date_paid_gmt": None, "billing": WOO_ADDRESS | {"phone": "+34600111222"}}
    return WOO_ORDER | unpaid | {"date_created_gmt": stamp, "date_modified_gmt": stamp} | changed


async def noted(bench: Bench, length: timedelta = timedelta()) -> list[str]:
    """What happened since the last time."""
    before = {row["tag"] for row in await bench.rows("select tag from tag")}
    await bench.go(length)
    return sorted({row["tag"] for row in await bench.rows("select tag from tag")} - before)


async def test_an_order_at_the_payment_page_is_placed_once_it_is_paid(till: Bench) -> None:
    await woo(till, "order.created", at_payment(till.now))
    assert await noted(till) == []
    till.now += 2 * MINUTE
    await woo(till, "order.updated", at_payment(till.now, status="processing", date_paid_gmt=till.now.strftime("%Y-%m-%dT%H:%M:%S")))
    assert await noted(till) == ["order_paid", "order_placed"]
    assert await noted(till, HOUR) == []


async def test_one_that_stands_there_for_half_an_hour_has_failed_and_may_be_paid_after_all(till: Bench) -> None:
    await woo(till, "order.created", at_payment(till.now))
    assert await noted(till, 29 * MINUTE) == []
    assert await noted(till, 2 * MINUTE) == ["payment_failed"]
    await woo(till, "order.updated", at_payment(till.now))  # somebody of the shop writes a note to it: it is as it was
    assert await noted(till, HOUR) == []
    till.now += MINUTE
    await woo(till, "order.updated", at_payment(till.now, status="processing", date_paid_gmt=till.now.strftime("%Y-%m-%dT%H:%M:%S")))
    assert await noted(till) == ["order_paid", "order_placed"]


@pytest.mark.parametrize("made", ["admin", "subscription", "pos_rest_api"])
async def test_nobody_is_chased_to_pay_what_they_did_not_take_to_the_payment_page(till: Bench, made: str) -> None:
    await woo(till, "order.created", at_payment(till.now, created_via=made))
    assert await noted(till) == ["order_placed"]
    assert await noted(till, HOUR) == []
    await woo(till, "order.updated", at_payment(till.now, created_via=made, status="failed"))
    assert await noted(till) == []
    till.now += MINUTE
    await woo(till, "order.updated", at_payment(till.now, created_via=made, status="processing", date_paid_gmt="2026-11-02T11:00:00"))
    assert await noted(till) == ["order_paid"]


async def test_the_owner_says_how_long_that_is(where: str) -> None:
    store = await open_database(where)
    rules = owner_files()["flows/store.yaml"] + "\npayment_left: 2 hours\n"
    one = Bench(store, playbook(store=rules, payment_failed=AFTER_PAYMENT.format(event="payment_failed")))
    await woo(one, "order.created", at_payment(one.now))
    assert await noted(one, HOUR) == []
    assert await noted(one, HOUR + MINUTE) == ["payment_failed"]
    await one.sender.finish()
    await store.close()
