"""Stores that are read: what was before, what webhooks missed, what they only named. Against the sandbox's own interfaces."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest_asyncio

from bot.command import shop_missed
from bot.command.shop_missed import found_missing
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.big_body import cart_id
from bot.sandbox.shop.books import Agreed, Checkout, Consent, Customer, Order
from bot.sandbox.shop.books import Payment as Paid
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.shop.bigcommerce import BigCommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.delivery import Delivery
from bot.shop.reader import Page, Part
from bot.shop.shopify import Shopify
from bot.shop.shopify_graphql import PATH, Bucket, ShopifyGraphql
from bot.shop.shopify_reader import ShopifyReader
from bot.store import readings
from bot.store.readings import Cause, Reading, ReadingState
from bot.worker.sender import Sender
from bot.worker.store_reading import NIGHT, StoreReading
from bot.worker.verifying import Verifying
from tests.shop.bodies import shopify_headers, wire
from tests.shop.test_store_apis import Pauses

from .bench import DAY, HOUR, SHOP, Bench
from .till import TOKEN, listening

MINUTE = timedelta(minutes=1)
PARTS = (Part.SHOPPER, Part.ORDER, Part.CART)
LOLA = "+34600111222"
SECRET = "a-secret-of-the-shop"
_PEOPLE = """select c.id, c.first_name, c.language, c.country, c.merged_into, i.kind, i.value
from contact c left join identity i on i.contact = c.id order by c.id, i.kind, i.value"""
_OWNERS = "select key, contact, total_minor, payment, lines from shop_order order by key"


@dataclass(slots=True)
class Shop:
    """A store of some orders, and a house that reads it."""

    bench: Bench
    year: Year
    api: StoreApi
    reading: StoreReading
    reader: ShopifyReader

    @property
    def orders(self) -> list[Order]:
        return sorted(self.year.books.orders, key=lambda one: one.placed_at)

    async def ask(self, *parts: Part, back: timedelta = 400 * DAY) -> None:
        """The owner wants what was before."""
        wanted = [(part, self.bench.now - back) for part in parts or PARTS]
        await self.bench.store.run(readings.begin(SHOP, wanted, Cause.ASKED, self.bench.now))

    async def read(self) -> None:
        """Read until there is no more to read now."""
        while await self.reading.read_on():
            await self.bench.work()
        await self.bench.work()

    async def look(self) -> list[Reading]:
        """A night passes, and the shop is asked what changed."""
        self.bench.now += NIGHT + HOUR
        await self.reading.look()
        await self.read()
        return await self.bench.store.read(readings.latest(SHOP, Cause.NIGHTLY))

    async def webhook(self, order: Order) -> None:
        """A webhook tells of an order, in the words of webhooks."""
        told = {
            **{"id": order.id, "name": f"#{order.number}", "currency": "EUR", "total_price": f"{(order.total - order.refunded) / 100:.2f}"},
            **{"updated_at": order.updated_at.isoformat(), "created_at": order.placed_at.isoformat()},
            **{"line_items": [], "email": order.email},
            **{"financial_status": order.payment.value.lower(), "cancelled_at": order.cancelled_at and order.cancelled_at.isoformat()},
        }
        body = wire(told)
        headers = shopify_headers("orders/updated", body, SECRET, f"{order.id}-{order.updated_at}")
        updates = Shopify((SECRET,), "ES").split(Delivery(SHOP, headers, body, self.bench.now))
        await self.bench.store.receive(updates, self.bench.now)

    def happens(self, count: int = 1, **changed: Any) -> list[Order]:
        """New orders, each by itself."""
        made = []
        for _ in range(count):
            self.bench.now += MINUTE
            key = next(self.year.books.ids)
            like = self.orders[-1]
            plain = {"parcels": (), "refunds": (), "cancelled_at": None, "payment": Paid.PAID, "test": False, "code": None, "discount": 0}
            fresh = {"checkout_token": None, "cart_token": None, "placed_at": self.bench.now, "updated_at": self.bench.now}
            more: dict[str, Any] = fresh | plain | changed
            made.append(self.year.books.place(replace(like, id=key, number=9000 + key % 1000, **more)))
        return made

    async def count(self, query: str) -> int:
        (row,) = await self.bench.rows(f"select count(*) as n from {query}")
        return int(row["n"])


@pytest_asyncio.fixture
async def shop(bench: Bench) -> AsyncIterator[Shop]:
    year = Year(lambda: bench.now, orders=60)
    pauses = Pauses()
    api = StoreApi(token=TOKEN, books=year.books, seconds=pauses.clock)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        wire_to = ShopifyGraphql(session, url=f"{url}{PATH}", token=TOKEN, bucket=Bucket(pauses, pauses.clock))
        reader = ShopifyReader(wire_to, SHOP, "ES", "casa.myshopify.com", at_once=18)
        yield Shop(bench, year, api, StoreReading(bench.store, {SHOP: reader}, lambda: bench.now, rest=0), reader)


# ---- what was before


async def test_what_was_before_is_there_and_nothing_begins_with_it(shop: Shop) -> None:
    await shop.ask()
    await shop.read()
    assert await shop.count("shop_order") == sum(not order.test for order in shop.orders)
    assert await shop.count("run") == await shop.count("outbox") == 0
    parts = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert [(one.part, one.state, one.found) for one in parts] == [
        ("shopper", ReadingState.DONE, len(shop.year.books.customers)),
        ("order", ReadingState.DONE, 60),
        ("cart", ReadingState.DONE, len(shop.year.books.checkouts)),
    ]
    people = await shop.bench.store.read(readings.people(SHOP, Cause.ASKED, parts[0].begun_at))
    assert people.people == await shop.count("contact where merged_into is null")
    assert 0 < people.agreed < people.with_phone < people.people
    assert await shop.bench.go(DAY) == []


async def test_it_goes_on_where_it_was_after_each_page_and_twice_is_once(shop: Shop) -> None:
    await shop.ask()
    for _ in range(40):
        again = StoreReading(shop.bench.store, {SHOP: shop.reader}, lambda: shop.bench.now, rest=0)  # another process each time
        await again.start(alone=True)
        if not await again.read_on():
            break
    await shop.bench.work()
    assert await shop.count("shop_order") == sum(not order.test for order in shop.orders)
    rows = await shop.count("inbox")
    shop.bench.now += MINUTE
    await shop.ask(Part.ORDER)
    await shop.read()
    assert await shop.count("inbox") == rows
    (part,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (part.found, part.fresh) == (60, 0)


class Slow(ShopifyReader):
    """Its answers come when they are let go."""

    def __init__(self, reader: ShopifyReader) -> None:
        self.reader, self.asked, self.let_go = reader, asyncio.Event(), asyncio.Event()

    async def page(self, part: Part, since: datetime, cursor: str | None) -> Page:
        page = await self.reader.page(part, since, cursor)
        self.asked.set()
        await self.let_go.wait()
        return page


async def test_two_who_read_the_same_page_bring_it_in_once(shop: Shop) -> None:
    await shop.ask(Part.ORDER)
    slow = Slow(shop.reader)
    other = StoreReading(shop.bench.store, {SHOP: slow}, lambda: shop.bench.now, rest=0)
    late = asyncio.create_task(other.read_on())
    await slow.asked.wait()
    assert not await shop.reading.read_on(), "nobody else is given it for a while"
    shop.bench.now += MINUTE
    await shop.read()
    slow.let_go.set()
    await late
    (done,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (done.state, done.found, done.fresh) == (ReadingState.DONE, 60, 60)


async def test_one_who_comes_late_does_not_turn_back_where_to_go_on(shop: Shop) -> None:
    shop.happens(190)  # three pages in all
    await shop.ask(Part.ORDER)
    slow = Slow(shop.reader)
    other = StoreReading(shop.bench.store, {SHOP: slow}, lambda: shop.bench.now, rest=0)
    late = asyncio.create_task(other.read_on())
    await slow.asked.wait()
    shop.bench.now += MINUTE
    for _ in range(2):
        assert await shop.reading.read_on()
    slow.let_go.set()
    await late
    await shop.read()
    (done,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (done.state, done.found, done.fresh) == (ReadingState.DONE, 250, 250)


async def test_a_shop_that_is_down_is_asked_again_and_later_each_time(shop: Shop) -> None:
    await shop.ask(Part.ORDER)
    shop.api.faults.down = 3
    assert await shop.reading.read_on()
    assert not await shop.reading.read_on()
    (part,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (part.tries, part.trouble) == (1, "the shop answered 503")
    for _ in range(4):
        shop.bench.now += MINUTE
        await shop.read()
    (part,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (part.state, part.found, part.tries) == (ReadingState.DONE, 60, 0)


async def test_a_shop_that_says_no_is_not_asked_again_and_the_owner_reads_why(shop: Shop) -> None:
    shop.api.token = "another"
    await shop.ask(Part.ORDER)
    await shop.read()
    (part,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert part.state is ReadingState.REFUSED
    assert "does not take the token" in (part.trouble or "")


async def test_who_is_kept_from_us_by_now_is_neither_new_nor_forgotten(shop: Shop) -> None:
    await shop.ask()
    await shop.read()
    known, orders = await shop.bench.rows(_PEOPLE), await shop.bench.rows(_OWNERS)
    shop.api.shopify.scopes, shop.api.shopify.approved = frozenset({"read_orders", "read_all_orders", "read_customers"}), False
    shop.bench.now += HOUR
    await shop.ask()
    await shop.read()
    parts = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    whose = await shop.count(f"read_entry e join inbox i on i.id = e.inbox where e.reading > {len(PARTS)} and i.contact is not null")
    assert ([one.fresh for one in parts if one.part != "cart"], whose) == ([0, 0], 0), "carts of nobody say nothing of anybody"
    assert await shop.bench.rows(_PEOPLE) == known
    assert await shop.bench.rows(_OWNERS) == orders


async def test_what_went_wrong_on_the_way_is_not_told_in_the_end(shop: Shop) -> None:
    shop.api.faults.down = 1
    await shop.ask(Part.ORDER)
    await shop.read()
    shop.bench.now += MINUTE
    await shop.read()
    (part,) = await shop.bench.store.read(readings.latest(SHOP, Cause.ASKED))
    assert (part.state, part.trouble) == (ReadingState.DONE, None)


async def test_no_more_is_read_while_much_waits_to_be_worked_off(shop: Shop) -> None:
    await shop.ask()
    pages = 0
    while await shop.reading.read_on():
        pages += 1
    assert pages >= 3
    waiting = await shop.count("inbox where state = 'waiting'")
    assert waiting <= 200 + 100


async def test_an_import_never_overrides_a_stop(shop: Shop) -> None:
    await shop.bench.writes("STOP")
    await shop.bench.go()
    agreed_at = shop.bench.now + timedelta(seconds=1)
    lola(shop, Consent(Agreed.YES, agreed_at))
    await shop.ask(Part.SHOPPER)
    shop.bench.now += HOUR
    await shop.read()
    person = await shop.bench.person()
    assert person.consent == "withdrawn"
    stated = await shop.bench.rows("select state, source, at, effective from consent_record where method = 'shop' order by id")
    mine = [row for row in stated if row["at"] == int(agreed_at.timestamp()) * 1_000_000]
    assert [(row["state"], row["source"], row["effective"]) for row in mine] == [("granted", "casa: other", 0)]


def lola(shop: Shop, consent: Consent) -> Customer:
    """Lola has an account in the store."""
    like = next(iter(shop.year.books.customers))
    customer = replace(like, id=next(shop.year.books.ids), phone=LOLA, email="lola@example.com", whatsapp=consent)
    return shop.year.books.know(replace(customer, address=replace(like.address, phone=None)))


async def test_old_checkouts_are_known_and_nobody_is_reminded_of_them(shop: Shop) -> None:
    customer = lola(shop, Consent(Agreed.YES, shop.bench.now - 9 * DAY))
    left(shop, customer, shop.bench.now - DAY)
    await shop.ask()
    await shop.read()
    assert await shop.count("checkout where state = 'open'") > 0
    assert await shop.bench.go(2 * HOUR) == []
    assert await shop.count("timer where kind like 'start%'") == 0


def left(shop: Shop, customer: Customer, at: datetime) -> Checkout:
    """Lola leaves a checkout."""
    like = max((one for one in shop.year.books.checkouts if one.address is not None), key=lambda one: one.total)
    fresh = replace(like, id=next(shop.year.books.ids), customer=customer.id, token=f"{at.timestamp():032.0f}", cart_token="a cart's")
    open_one = replace(fresh, created_at=at, updated_at=at, completed_at=None, order=None)
    return shop.year.books.leave(replace(open_one, address=replace(like.address, phone=LOLA) if like.address else None))


# ---- what webhooks missed


async def test_what_no_webhook_told_is_brought_in_and_reported(shop: Shop) -> None:
    await shop.look()
    heard, *missed = shop.happens(5)
    await shop.webhook(heard)
    await shop.bench.work()
    (order, _) = [one for one in await shop.look() if one.part in ("order", "cart")]
    assert (order.found, order.missed) == (5, 4)
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert [(one.name, one.is_new) for one in report.missed] == [(f"#{one.number}", True) for one in missed]
    assert [one for one in report.hints if "webhook does not come" in one] != []
    lines = list(shop_missed.told(report, UTC))
    assert lines[0] == f"casa, {missed[0].placed_at:%A, %d %B %Y}:"
    assert lines[1] == f"      4 orders, never told: {', '.join(f'#{one.number}' for one in missed)}"
    keys = {row["key"] for row in await shop.bench.rows("select key from shop_order")}
    assert keys >= {str(one.id) for one in missed}


async def test_what_changed_before_the_first_look_was_missed_by_nobody(shop: Shop) -> None:
    shop.happens(3)
    looks = await shop.look()
    assert sum(one.found for one in looks) >= 3
    assert sum(one.missed for one in looks) == 0
    assert await shop.count("shop_order") >= 3


async def test_a_change_that_was_missed_is_told_apart_from_one_that_changes_nothing(shop: Shop) -> None:
    changed, touched, known = shop.happens(3)
    for one in (changed, touched, known):
        await shop.webhook(one)
    await shop.bench.work()
    await shop.look()
    shop.year.books.cancel(changed.id)
    shop.year.books.change(touched.id, locale="fr-FR")  # an app touches it: nothing that counts is another
    (order, _) = [one for one in await shop.look() if one.part in ("order", "cart")]
    assert (order.found, order.missed) == (2, 1)
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert [(one.key, one.is_new) for one in report.missed] == [(str(changed.id), False)]


async def test_what_waits_to_be_worked_off_is_not_missed(shop: Shop) -> None:
    await shop.look()
    (order,) = shop.happens()
    await shop.webhook(order)
    shop.bench.now += NIGHT + HOUR
    await shop.reading.look()
    while await shop.reading.read_on():
        pass
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert report.missed == []
    assert "nothing was new: 1 change was known already." in next(shop_missed.told(report, UTC))


async def test_what_a_fetch_brings_in_before_the_next_look_was_missed_all_the_same(shop: Shop) -> None:
    await shop.look()
    heard, missed = shop.happens(2)
    await shop.webhook(heard)
    await shop.bench.work()
    shop.bench.now += HOUR
    await shop.ask()
    await shop.read()
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert [one.name for one in report.missed] == [f"#{missed.number}"]


async def test_what_was_known_already_is_not_said_to_have_come_by_webhooks(shop: Shop) -> None:
    shop.happens(3)
    await shop.ask()
    await shop.read()
    shop.bench.now += MINUTE
    await shop.reading.look(at_start=True)
    await shop.read()
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    first, second = shop_missed.told(report, UTC)
    assert first.startswith(f"casa: at the last look ({shop.bench.now:%d %B, %H:%M}) nothing was new: ")
    assert first.endswith(" changes were known already.")
    assert second == "casa: no webhook of it has come yet."
    shop.happens(2)
    await shop.ask()
    await shop.read()
    _, fetched, _ = shop_missed.told(await shop.bench.store.read(found_missing(shop.bench.now - DAY)), UTC)
    assert fetched.startswith("casa: since then 'comeback shop fetch' brought in 2 more")


async def test_after_each_start_there_is_a_look_and_a_loop_of_starts_looks_now_and_then(shop: Shop) -> None:
    async def started() -> StoreReading:
        reading = StoreReading(shop.bench.store, {SHOP: shop.reader}, lambda: shop.bench.now, rest=0)
        await reading.look(at_start=True)
        return reading

    looks = "shop_reading where cause = 'nightly' and part = 'order'"
    for minutes, count in ((0, 1), (1, 1), (3, 1), (2, 2)):
        shop.bench.now += minutes * MINUTE
        shop.reading = await started()
        await shop.read()
        assert await shop.count(looks) == count, minutes
    shop.reading = await started()
    shop.bench.now += 6 * MINUTE
    await shop.read()
    assert await shop.count(looks) == 3, "what came too early is made up for"
    shop.bench.now += HOUR
    await shop.reading.look()
    await shop.read()
    assert await shop.count(looks) == 3, "and then it is the night's affair"


async def test_a_look_asks_only_what_changed_since_the_last(shop: Shop) -> None:
    first = await shop.look()
    second = await shop.look()
    begun = {one.part: one.begun_at for one in first}
    assert all(one.since == begun[one.part] - HOUR for one in second)
    calls = len(shop.api.calls)
    await shop.reading.look()
    await shop.read()
    assert len(shop.api.calls) == calls, "once a night"


async def test_a_consent_that_was_taken_back_in_the_shop_is_noticed(shop: Shop) -> None:
    customer = lola(shop, Consent(Agreed.YES, shop.bench.now - DAY))
    await shop.look()
    assert (await shop.bench.person()).consent == "granted"
    shop.year.books.know(replace(customer, whatsapp=Consent(Agreed.NO, shop.bench.now)))
    await shop.look()
    assert (await shop.bench.person()).consent == "withdrawn"
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert [one.part for one in report.missed] == ["shopper"]


# ---- what webhooks only name


async def edited(shop: Shop, order: Order) -> None:
    body = wire({"order_edit": {"order_id": order.id}})
    headers = shopify_headers("orders/edited", body, SECRET, f"edit-{order.id}-{shop.bench.now}")
    await shop.bench.store.receive(Shopify((SECRET,), "ES").split(Delivery(SHOP, headers, body, shop.bench.now)), shop.bench.now)
    await shop.bench.work()


async def test_what_a_webhook_only_names_is_fetched(shop: Shop) -> None:
    (order,) = shop.happens()
    await edited(shop, order)
    assert await shop.reading.fetch_wanted()
    await shop.bench.work()
    (row,) = await shop.bench.rows("select key, total_minor from shop_order")
    assert (row["key"], row["total_minor"]) == (str(order.id), order.total)
    assert not await shop.reading.fetch_wanted()


async def test_nothing_is_lost_while_the_shop_is_down(shop: Shop) -> None:
    (order,) = shop.happens()
    await edited(shop, order)
    shop.api.faults.down = shop.api.faults.cut_answers = 1
    for _ in range(2):
        assert await shop.reading.fetch_wanted()
        assert not await shop.reading.fetch_wanted()
        shop.bench.now += MINUTE
    assert await shop.reading.fetch_wanted()
    await shop.bench.work()
    assert await shop.count("shop_order") == 1


async def test_what_changes_again_while_it_is_fetched_is_fetched_again(shop: Shop) -> None:
    (order,) = shop.happens()
    await edited(shop, order)
    (one,) = await shop.bench.store.run(readings.wanted(shop.bench.now, 5))
    shop.bench.now += MINUTE
    await edited(shop, order)
    await shop.bench.store.run(readings.got(one, shop.bench.now))
    assert await shop.count("wanted_resource") == 1
    assert await shop.reading.fetch_wanted()
    assert await shop.count("wanted_resource") == 0


async def test_what_is_fetched_late_does_not_drop_what_changed_since_somebody_else_fetched_it(shop: Shop) -> None:
    (order,) = shop.happens()
    given = []
    for _ in range(2):  # to one who takes long, and when it changes once more, to another
        await edited(shop, order)
        shop.bench.now += timedelta(seconds=1)
        given += await shop.bench.store.run(readings.wanted(shop.bench.now, 5))
    slow, fast = given
    await shop.bench.store.run(readings.got(fast, shop.bench.now))
    assert await shop.count("wanted_resource") == 0
    await edited(shop, order)
    await shop.bench.store.run(readings.got(slow, shop.bench.now))
    assert await shop.count("wanted_resource") == 1


async def test_what_is_gone_is_wanted_no_more(shop: Shop) -> None:
    (order,) = shop.happens()
    await edited(shop, order)
    shop.year.books.orders.remove(order.id)
    assert await shop.reading.fetch_wanted()
    assert await shop.count("wanted_resource") == await shop.count("shop_order") == 0


async def test_a_shop_without_an_interface_keeps_what_it_named_until_it_has_one(shop: Shop) -> None:
    (order,) = shop.happens()
    await edited(shop, order)
    nobody = StoreReading(shop.bench.store, {}, lambda: shop.bench.now)
    assert await nobody.fetch_wanted()
    report = await shop.bench.store.read(found_missing(shop.bench.now - DAY))
    assert "is not set up" in report.hints[0]
    shop.bench.now += HOUR + MINUTE
    assert await shop.reading.fetch_wanted()
    await shop.bench.work()
    assert await shop.count("shop_order") == 1


# ---- before a message goes


async def test_a_silent_shop_knows_of_an_order_that_nobody_told_and_no_reminder_goes(shop: Shop) -> None:
    verifying = Verifying(shop.bench.store, {SHOP: shop.reader}, shop.bench.house, 30 * MINUTE)
    shop.bench.sender = Sender(shop.bench.store, shop.bench.channel, shop.bench.house, owner="test", verifying=verifying)
    await shop.bench.cart("a" * 32)
    await shop.bench.cart("b" * 32, "34600999888")
    await shop.bench.work()
    shop.happens(checkout_token="a" * 32)
    assert await shop.bench.go(HOUR) == []
    assert await verifying.ask_due() == 2
    assert len(await shop.bench.send()) == 1, "the other cart is still open"
    assert sorted(await shop.bench.states()) == ["cancelled", "sent"]


async def test_while_something_named_is_not_fetched_the_shop_is_asked_first(shop: Shop) -> None:
    verifying = Verifying(shop.bench.store, {SHOP: shop.reader}, shop.bench.house, DAY)
    shop.bench.sender = Sender(shop.bench.store, shop.bench.channel, shop.bench.house, owner="test", verifying=verifying)
    await shop.bench.cart("a" * 32)
    await shop.bench.work()
    (order,) = shop.happens(checkout_token="a" * 32, email=None, phone=None, customer=None)
    await edited(shop, order)
    assert await shop.bench.go(HOUR) == []
    assert await shop.bench.states() == ["verifying"]
    await verifying.ask_due()
    assert await shop.bench.states() == ["cancelled"]


async def test_what_the_shop_was_asked_for_is_no_sign_that_its_webhooks_come(shop: Shop) -> None:
    await shop.ask(Part.ORDER)
    await shop.read()
    assert await shop.count("heard") == 0
    (order,) = shop.happens()
    await shop.webhook(order)
    await shop.bench.work()
    assert await shop.count("heard") == 1


async def test_a_checkout_that_was_missed_is_reminded_of_if_it_is_young(shop: Shop) -> None:
    customer = lola(shop, Consent(Agreed.YES, shop.bench.now - DAY))
    await shop.look()
    shop.bench.now += NIGHT + HOUR
    left(shop, customer, shop.bench.now - timedelta(minutes=20))
    await shop.reading.look()
    await shop.read()
    await shop.bench.go(HOUR)
    assert await shop.count("run where flow = 'cart_reminder'") == 1


async def test_an_order_that_bigcommerce_only_names_ends_the_reminder_of_its_cart(bench: Bench) -> None:
    year = Year(lambda: bench.now, orders=30)
    api = StoreApi(token=TOKEN, books=year.books)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        reader = BigReader(BigRest(session, url=f"{url}/stores/{STORE_HASH}", token=TOKEN), SHOP, "ES")
        reading = StoreReading(bench.store, {SHOP: reader}, lambda: bench.now, rest=0)
        like = next(one for one in year.books.orders if one.address.phone is None)
        fresh = replace(like, id=next(year.books.ids), checkout_token="its token", placed_at=bench.now, updated_at=bench.now)
        order = year.books.place(fresh)
        await bench.cart(cart_id("its token"))
        named = {"scope": "store/order/created", "producer": f"stores/{STORE_HASH}", "data": {"type": "order", "id": order.id}}
        delivery = Delivery(SHOP, {}, wire(named | {"created_at": int(bench.now.timestamp())}), bench.now)
        await bench.store.receive(BigCommerce((SECRET,), "ES").split(delivery), bench.now)
        await bench.work()
        assert await reading.fetch_wanted()
        assert await bench.go(HOUR) == []
        assert [row["state"] for row in await bench.rows("select state from checkout")] == ["ordered"]
