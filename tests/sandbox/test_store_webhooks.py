"""What the sandbox's stores tell by the webhooks they were asked for: to whom, signed, in which words, and for how long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from aiohttp import web

from bot.sandbox.shop import shopify_teller, woo_teller
from bot.sandbox.shop.admin_api import CLIENT_SECRET
from bot.sandbox.shop.big_api import CLIENT_SECRET as BIG_SECRET
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.books import Agreed, Consent, Order, Payment
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.shop import bigcommerce, reading, shopify, woocommerce
from bot.shop.delivery import Adapter, Admission, Delivery
from bot.shop.event import CartChanged, OrderChanged, ShopEvent, ShopperChanged, Thin
from tests.worker.till import listening

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WOO_SECRET = "the-shops-own-secret"


@dataclass
class Listener:
    """Somebody who takes deliveries, or does not. `came` is what did."""

    status: int = 200
    came: list[Delivery] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.came.append(Delivery("casa", request.headers, await request.read(), NOW))
        return web.Response(status=self.status)

    def heard(self, adapter: Adapter) -> list[ShopEvent]:
        """The events in it, by the bot's own adapter; each must be genuine."""
        assert {adapter.admit(one) for one in self.came} == {Admission.GENUINE}
        rows = [row for one in self.came for row in adapter.split(one)]
        assert not [row.unreadable for row in rows if row.unreadable]
        return [reading.read(row.kind, row.body) for row in rows]

    def topics(self, header: str) -> list[str]:
        return [one.headers[header] for one in self.came]


@asynccontextmanager
async def _store() -> AsyncIterator[tuple[StoreApi, Listener, str]]:
    store, listener = StoreApi(token="t", books=Year(lambda: NOW, orders=20).books), Listener()
    for courier in store.couriers.values():
        courier.pauses = ()  # nobody waits in these tests
    async with listening([web.post("/{path:.*}", listener.take)]) as url:
        await store.start()
        try:
            yield store, listener, url
        finally:
            await store.close()


def _subscribe(store: StoreApi, url: str, *topics: str) -> None:
    for topic in topics:
        store.shopify.subscriptions.make(topic.replace("/", "_").upper(), f"{url}/webhooks/shopify/casa", "2026-10", NOW)


def _unpaid(store: StoreApi) -> Order:
    old = next(one for one in store.books.orders if one.customer and not one.parcels and not one.refunds)
    return replace(old, id=next(store.books.ids), number=9001, payment=Payment.AWAITED, paid_at=None, cancelled_at=None, placed_at=NOW)


async def test_shopify_tells_an_orders_life_by_the_topics_that_were_asked_for() -> None:
    async with _store() as (store, listener, url):
        _subscribe(
            store, url, "orders/create", "orders/updated", "orders/paid", "fulfillments/create", "refunds/create", "orders/cancelled"
        )
        order = store.books.place(_unpaid(store))
        store.books.pay(order.id)
        store.books.deliver(order.id)
        store.books.cancel(order.id)
        await store.idle()
        assert listener.topics("X-Shopify-Topic") == [
            "orders/create",
            *("orders/updated", "orders/paid"),
            *("orders/updated", "fulfillments/create"),
            *("orders/updated", "orders/cancelled", "refunds/create"),
        ]
        events = listener.topics("X-Shopify-Event-Id")
        assert (events[1], len(set(events)), len(set(listener.topics("X-Shopify-Webhook-Id")))) == (events[2], 4, 8)
        first = listener.heard(shopify.Shopify((CLIENT_SECRET,), "ES", store.books.domain))[0]
        assert isinstance(first, OrderChanged)
        assert (first.order, first.total.minor, first.lines[0].name) == (str(order.id), order.total, order.lines[0].title)


async def test_shopify_tells_the_consent_to_whatsapp_and_without_the_approval_nobodys_phone() -> None:
    async with _store() as (store, listener, url):
        _subscribe(store, url, "customers/update", "customers_whats_app_marketing_consent/update")
        someone = next(one for one in store.books.customers if one.phone)
        store.books.know(replace(someone, whatsapp=Consent(Agreed.YES, NOW)))
        store.shopify.approved = False
        store.books.know(replace(someone, whatsapp=Consent(Agreed.NO, NOW)))
        await store.idle()
        told = listener.heard(shopify.Shopify((CLIENT_SECRET,), None, store.books.domain))
        assert [(bool(one.shopper.phone), [c.state.value for c in one.consents]) for one in told if isinstance(one, ShopperChanged)] == [
            (True, []),
            (True, ["granted"]),
            (False, []),
            (False, ["withdrawn"]),
        ]


async def test_shopify_forgets_a_subscription_that_nobody_answers() -> None:
    async with _store() as (store, listener, url):
        _subscribe(store, url, "products/update")
        listener.status = 500
        product = next(iter(store.books.products))
        for _ in range(shopify_teller.MOST_FAILURES):
            store.books.stock(product)
        await store.idle()
        assert not store.shopify.subscriptions.all


def _woo(store: StoreApi, url: str, *topics: str) -> None:
    for number, topic in enumerate(topics, 1):
        hook = {"id": number, "topic": topic, "status": "active", "delivery_url": f"{url}/webhooks/woocommerce/casa", "secret": WOO_SECRET}
        store.woo.webhooks[number] = hook
        store.woo.saved(hook)


async def test_woocommerce_tries_the_address_first_and_tells_drafts_as_updates() -> None:
    async with _store() as (store, listener, url):
        _woo(store, url, "order.created", "order.updated")
        await store.idle()
        adapter = woocommerce.WooCommerce((WOO_SECRET,), "ES")
        assert [(one.body, adapter.admit(one)) for one in listener.came] == [
            (b"webhook_id=1", Admission.GREETING),
            (b"webhook_id=2", Admission.GREETING),
        ]
        listener.came.clear()
        old = next(iter(store.books.checkouts))
        store.books.leave(replace(old, id=next(store.books.ids), completed_at=None, order=None, updated_at=NOW))
        order = store.books.place(_unpaid(store))
        store.books.pay(order.id)
        await store.idle()
        assert listener.topics("X-WC-Webhook-Topic") == ["order.updated", "order.created", "order.updated"]
        assert [type(one) for one in listener.heard(adapter)] == [CartChanged, OrderChanged, OrderChanged]


async def test_woocommerce_switches_a_webhook_off_that_was_refused_too_often() -> None:
    async with _store() as (store, listener, url):
        _woo(store, url, "product.updated")
        await store.idle()
        listener.status = 503
        product = next(iter(store.books.products))
        for _ in range(woo_teller.MOST_FAILURES + 3):
            store.books.stock(product)
            await store.idle()
        assert store.woo.webhooks[1]["status"] == "disabled"
        assert (
            len(listener.came) == 1 + woo_teller.MOST_FAILURES + 1
        )  # the first was the try of the address; after the last there is silence


async def test_bigcommerce_says_what_changed_and_not_how() -> None:
    async with _store() as (store, listener, url):
        for number, scope in enumerate(("store/order/created", "store/cart/created", "store/customer/updated"), 1):
            where = f"{url}/webhooks/bigcommerce/casa"
            store.big.hooks[number] = {"id": number, "scope": scope, "is_active": True, "destination": where, "headers": {}}
        order = store.books.place(_unpaid(store))
        store.books.know(next(iter(store.books.customers)))
        await store.idle()
        told = listener.heard(bigcommerce.BigCommerce((BIG_SECRET,), None, STORE_HASH))
        assert [type(one) for one in told] == [Thin, Thin]
        assert next(one.key for one in told if isinstance(one, Thin)) == str(order.id)
