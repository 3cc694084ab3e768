"""The stores of the sandbox and Comeback's own ways in: what a year of a shop tells is understood, and what happens is told and signed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.shop import shopify_body, woo_body
from bot.sandbox.shop.admin_api import CLIENT_SECRET
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.shop import shopify, woocommerce
from bot.shop.bigcommerce import BigCommerce
from bot.shop.delivery import Admission, Delivery, Told
from bot.shop.event import CartChanged, OrderChanged, Payment, ProductChanged, ShopperChanged, VariantStocked
from bot.shop.field import Fields, decode
from bot.shop.shopify import Shopify
from bot.shop.woocommerce import WooCommerce
from tests.worker.till import listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = CLIENT_SECRET
URL = "https://casa.example"


def wire(body: dict[str, Any]) -> Fields:
    """A body as it is read after it was posted."""
    return decode(json.dumps(body).encode())


def told(topic: str) -> Told:
    return Told(topic, NOW, region="ES", domain="casa-bonita.myshopify.com")


def test_shopify_bodies_of_a_whole_year_are_understood() -> None:
    books = Year(lambda: NOW, orders=400).books
    for order in books.orders:
        read = shopify.read(told("orders/updated"), wire(shopify_body.order(books, order, URL, approved=True)))
        assert isinstance(read, OrderChanged)
        assert (read.order, read.at, read.total.minor) == (str(order.id), order.updated_at, order.total - order.refunded)
        assert (read.shopper.phone is None) is (order.address.phone is None)
        assert (read.refunded.minor if read.refunded else 0) == order.refunded
        assert read.test is order.test
    for checkout in books.checkouts:
        cart = shopify.read(told("checkouts/update"), wire(shopify_body.checkout(books, checkout, URL, approved=True)))
        assert isinstance(cart, CartChanged)
        assert (cart.checkout, cart.completed) == (checkout.token, checkout.completed_at is not None)
    for customer in books.customers:
        assert isinstance(shopify.read(told("customers/update"), wire(shopify_body.customer(customer, approved=True))), ShopperChanged)
        consent = shopify.read(
            told("customers_whats_app_marketing_consent/update"),
            wire(shopify_body.whatsapp_consent(customer, customer.whatsapp, NOW, approved=True)),
        )
        assert isinstance(consent, ShopperChanged)
        assert bool(consent.consents) is (customer.whatsapp.at is not None)
    for product in books.products:
        assert isinstance(shopify.read(told("products/update"), wire(shopify_body.product(product))), ProductChanged)


def test_woocommerce_bodies_of_a_whole_year_are_understood() -> None:
    books = Year(lambda: NOW, orders=400).books
    payments = set()
    for order in books.orders:
        read = woocommerce.read(told("order.updated"), wire(woo_body.order_body(books, order, URL)))
        assert isinstance(read, OrderChanged)
        assert (read.at, read.placed_at) == (order.updated_at, order.placed_at)
        assert [line.price.minor for line in read.lines if line.price] == [line.price for line in order.lines]
        assert (read.shopper.phone is None) is (order.address.phone is None)
        payments.add(read.payment)
    assert payments >= {Payment.FAILED, Payment.ON_DELIVERY, Payment.PAID, Payment.REFUNDED}
    for checkout in books.checkouts:
        draft = woocommerce.read(told("order.updated"), wire(woo_body.draft_body(books, checkout, URL)))
        assert isinstance(draft, CartChanged)
        assert draft.checkout == str(checkout.id)


@dataclass(slots=True)
class Door:
    """A receiver that keeps what came. `answers` is the status it gives."""

    answers: int = 200
    came: list[Delivery] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.came.append(Delivery("casa", dict(request.headers), await request.read(), datetime.now(UTC)))
        return web.Response(status=self.answers)


@asynccontextmanager
async def told_store() -> AsyncIterator[tuple[Year, StoreApi, Door, str]]:
    door = Door()
    year = Year(lambda: datetime.now(UTC), orders=60)
    api = StoreApi(token="t", books=year.books)
    async with listening([web.post("/webhooks", door.take), *api.routes()]) as url:
        api.at(url)
        await api.start()
        try:
            yield year, api, door, url
        finally:
            await api.close()


async def subscribe(url: str, *topics: str) -> None:
    document = """mutation make($topic: WebhookSubscriptionTopic!, $uri: String!) {
      webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) { userErrors { message } } }"""
    async with aiohttp.ClientSession() as session:
        for topic in topics:
            body = {"query": document, "variables": {"topic": topic, "uri": f"{url}/webhooks"}}
            async with session.post(f"{url}/admin/api/2026-10/graphql.json", json=body, headers={"X-Shopify-Access-Token": "t"}) as answer:
                assert (await answer.json())["data"]["webhookSubscriptionCreate"]["userErrors"] == []


async def test_shopify_tells_one_cancellation_in_three_topics_and_signs_each() -> None:
    async with told_store() as (year, api, door, url):
        await subscribe(url, "ORDERS_UPDATED", "ORDERS_CANCELLED", "REFUNDS_CREATE", "PRODUCTS_UPDATE")
        order = next(one for one in year.books.orders if one.paid_at and not one.refunds and not one.cancelled_at)
        year.books.cancel(order.id)
        await api.idle()
        way_in = Shopify((SECRET,), domain=year.books.domain)
        assert [way_in.admit(one) for one in door.came] == [Admission.GENUINE] * 3
        assert {one.header("X-Shopify-Topic") for one in door.came} == {"orders/updated", "orders/cancelled", "refunds/create"}
        assert len({one.header("X-Shopify-Event-Id") for one in door.came}) == 1
        assert len({one.header("X-Shopify-Webhook-Id") for one in door.came}) == 3


async def test_shopify_tells_when_something_is_gone_and_there_again() -> None:
    async with told_store() as (year, api, door, url):
        api.shopify.scopes |= {"read_inventory"}
        await subscribe(url, "VARIANTS_IN_STOCK", "VARIANTS_OUT_OF_STOCK", "INVENTORY_LEVELS_UPDATE")
        product = next(iter(year.books.products))
        for stock in (5, 0, 4):
            year.books.stock(replace(product, variants=tuple(replace(one, stock=stock) for one in product.variants[:1])))
        await api.idle()
        topics = [one.header("X-Shopify-Topic") for one in door.came]
        assert topics[-3:] == ["variants/out_of_stock", "inventory_levels/update", "variants/in_stock"]
        back = shopify.read(told("variants/in_stock"), decode(door.came[-1].body))
        assert isinstance(back, VariantStocked)
        assert (back.available, back.variant.variant, back.variant.stock) == (True, str(product.variants[0].id), 4)


async def test_woocommerce_greets_tells_once_and_switches_off() -> None:
    async with told_store() as (year, api, door, url):
        headers = {"Authorization": aiohttp.encode_basic_auth("ck_sandbox", "t")}
        hook = {"topic": "order.updated", "delivery_url": f"{url}/webhooks", "secret": SECRET}
        async with aiohttp.ClientSession() as session, session.post(f"{url}/wp-json/wc/v3/webhooks", json=hook, headers=headers) as answer:
            assert answer.status == 201
        await api.idle()
        year.books.deliver(next(iter(year.books.orders)).id)
        await api.idle()
        way_in = WooCommerce((SECRET,))
        assert [way_in.admit(one) for one in door.came] == [Admission.GREETING, Admission.GENUINE]
        door.answers = 500
        for _ in range(8):
            year.books.deliver(next(iter(year.books.orders)).id)
            await api.idle()
        assert len(door.came) == 2 + 6
        assert [one["status"] for one in api.woo.webhooks.values()] == ["disabled"]


async def test_bigcommerce_names_what_changed_and_a_cart_that_was_bought() -> None:
    async with told_store() as (year, api, door, url):
        async with aiohttp.ClientSession(headers={"X-Auth-Token": "t"}) as session:
            for scope in ("store/order/*", "store/cart/converted"):
                hook = {"scope": scope, "destination": f"{url}/webhooks"}
                async with session.post(f"{url}/stores/sandboxhash/v3/hooks", json=hook) as answer:
                    assert answer.status == 200
        left = next(one for one in year.books.checkouts if one.completed_at is None)
        like = next(one for one in year.books.orders if one.checkout_token)
        year.books.place(replace(like, id=left.id, checkout_token=left.token))
        await api.idle()
        way_in = BigCommerce((SECRET,), domain="sandboxhash")
        assert {way_in.admit(one) for one in door.came} == {Admission.GENUINE}
        assert len(door.came) == 3
        assert sum(b"store/cart/converted" in one.body for one in door.came) == 1


async def test_a_living_shop_is_heard_whole() -> None:
    async with told_store() as (year, api, door, url):
        await subscribe(url, "ORDERS_CREATE", "ORDERS_UPDATED", "CHECKOUTS_CREATE")
        year.live(40)
        await asyncio.wait_for(api.idle(), 20)
        assert len(door.came) > 20
        assert {one.header("X-Shopify-Topic") for one in door.came} == {"orders/create", "orders/updated", "checkouts/create"}
