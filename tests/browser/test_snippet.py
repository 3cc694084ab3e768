"""The snippet in a real Chromium, on the sandbox shop's pages and on pages like Shopify's and WooCommerce's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from tests.journey.walk import MADRID, Walk, open_walk

from .visit import chromium

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
KEY = re.compile(r"[2-9A-HJKMNP-Z]{24}")
ANA = "+34600000001"
KEPT = "localStorage.getItem('comeback')"
PRODUCT = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "BreadcrumbList"},
        {
            **{"@type": ["Product"], "name": "Handmade mug", "sku": "MUG-1", "image": [{"url": "/mug.jpg"}]},
            "offers": [{"price": 18, "priceCurrency": "EUR"}],
        },
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walk]:
    """The whole house, for this module."""
    opened = await open_walk(tmp_path_factory.mktemp("snippet"), datetime(2026, 3, 2, 10, 0, tzinfo=MADRID))
    yield opened
    await opened.stage.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    # pages that a test makes up come from nowhere, and may not speak to this machine otherwise
    async with chromium("--disable-features=LocalNetworkAccessChecks") as opened:
        yield opened


class Shopper:
    """Somebody's browser: its pages, what was posted, and what its console complained of."""

    def __init__(self, walk: Walk, context: BrowserContext, page: Page) -> None:
        self.walk, self.context, self.page = walk, context, page
        self.posts: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self._note(request.url, request.post_data) if request.method == "POST" else None)

    def _note(self, url: str, body: str | None) -> None:
        if "/snippet/" in url and body:
            self.posts.append(json.loads(body))

    @property
    def shop(self) -> str:
        return self.walk.stage.shop.base_url

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was posted, without what differs each time."""
        told = [event for post in self.posts for event in post["events"]]
        return [{name: value for name, value in event.items() if name not in ("id", "at")} for event in told]

    async def open(self, path: str) -> None:
        """Open a page, and wait until what it posts was posted and worked off."""
        await self.page.goto(f"{self.shop}{path}", wait_until="load")
        await self.posted()

    async def posted(self) -> None:
        """Until what was set off has come to rest."""
        await self.page.wait_for_timeout(250)
        await self.page.wait_for_load_state("networkidle")
        await self.walk.rest()

    async def key(self) -> Any:
        return await self.page.evaluate(KEPT)

    async def owner(self) -> int:
        query = "select count(*) from identity i join contact c on c.id = i.contact where i.kind = 'visitor' and i.value = ?"
        return self.walk.count(query, await self.key())


@pytest_asyncio.fixture(loop_scope="module")
async def shopper(walk: Walk, browser: Browser) -> AsyncIterator[Shopper]:
    """A fresh browser profile."""
    context = await browser.new_context()
    yield Shopper(walk, context, await context.new_page())
    await context.close()


async def test_a_look_at_a_product_is_posted_under_a_strict_policy_and_nothing_else_is_kept(shopper: Shopper) -> None:
    await shopper.open("/p/p-moka")
    assert shopper.troubles == []
    (post,) = shopper.posts
    assert KEY.fullmatch(post["visitor"])
    assert post["visitor"] == await shopper.key()
    (event,) = shopper.events
    assert event == {
        **{"type": "viewed", "product": "p-moka", "title": "Moka pot, six cups", "url": f"{shopper.shop}/p/p-moka"},
        **{"image": f"{shopper.shop}/art/p-moka.svg", "price": "32.00", "currency": "EUR"},
    }
    assert await shopper.context.cookies() == []
    assert await shopper.page.evaluate("Object.keys(localStorage)") == ["comeback"]
    query = "select v.product, v.title, v.times from product_view v join visitor w on w.id = v.visitor where w.key = ?"
    assert shopper.walk.rows(query, post["visitor"]) == [{"product": "p-moka", "title": "Moka pot, six cups", "times": 1}]
    await shopper.open("/p/p-gift")
    assert shopper.posts[-1]["visitor"] == post["visitor"]


async def test_a_link_of_ours_joins_the_browser_and_leaves_no_trace_in_the_address(shopper: Shopper) -> None:
    walk = shopper.walk
    await walk.leave_cart("ana", ("p-espresso", 2))
    await walk.turn(hours=1, minutes=1)
    await walk.press("ana", "Terminar mi pedido")
    link = re.search(r"http\S+", walk.last("ana"))
    assert link
    (click,) = parse_qs(urlsplit(link[0]).query)["comeback"]
    await shopper.page.goto(f"{link[0]}&ask=&discount=a%20b#top", wait_until="load")
    await shopper.page.wait_for_timeout(100)
    assert shopper.page.url == f"{shopper.shop}{urlsplit(link[0]).path}?ask=&discount=a%20b#top"
    assert shopper.posts == []  # this page waits for consent
    assert await shopper.key() is None
    await shopper.page.goto(link[0], wait_until="load")
    await shopper.posted()
    assert "comeback=" not in shopper.page.url
    assert {"type": "came", "click": click} in shopper.events
    cart = next(event for event in shopper.events if event["type"] == "cart")
    assert cart["items"] == [{"product": "p-espresso", "title": "House espresso, 1 kg", "quantity": 2, "price": "24.00"}]
    assert await shopper.owner() == 1
    assert (await shopper.walk.reasons("ana")).count("known by a link they were sent") == 1
    page = await shopper.page.content()
    assert not {"Ana", ANA} & set(re.findall(r"[+\w]+", page.replace("Welcome back, Ana", "")))  # the shop's own greeting
    await shopper.page.get_by_role("button", name="Buy now").click()
    await shopper.posted()
    assert (await shopper.walk.reasons("ana")).count("known by") == 1
    assert walk.rows("select joined_by from visitor where key = ?", await shopper.key()) == [{"joined_by": "order"}]


async def test_without_consent_nothing_is_kept_or_posted_and_with_it_all_of_the_page_is(shopper: Shopper) -> None:
    await shopper.open("/p/p-huila?ask")
    assert (shopper.posts, await shopper.key()) == ([], None)
    await shopper.page.evaluate("comeback('consent', true)")
    await shopper.posted()
    assert [event["product"] for event in shopper.events] == ["p-huila"]
    assert KEY.fullmatch(await shopper.key())
    await shopper.page.evaluate("comeback('consent', false)")
    await shopper.page.evaluate("comeback('viewed', {product: 'p-moka', title: 'Moka'})")
    await shopper.posted()
    assert len(shopper.events) == 1
    assert await shopper.page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("signal", ["globalPrivacyControl = true", "doNotTrack = '1'"])
async def test_who_asks_not_to_be_tracked_is_not(shopper: Shopper, signal: str) -> None:
    name, value = signal.split(" = ")
    await shopper.page.add_init_script(f"Object.defineProperty(Navigator.prototype, '{name}', {{get: () => {value}}})")
    await shopper.open("/p/p-moka?comeback=abcdefgh23456723")
    await shopper.page.evaluate("comeback('consent', true); comeback('viewed', {product: 'p-1', title: 'x'})")
    await shopper.posted()
    assert (shopper.posts, await shopper.page.evaluate("localStorage.length")) == ([], 0)
    assert shopper.page.url == f"{shopper.shop}/p/p-moka"


async def test_who_writes_to_us_from_a_page_brings_a_code_that_flows_do_not_read(shopper: Shopper) -> None:
    await shopper.open("/p/p-dripper")
    await shopper.page.evaluate("document.addEventListener('click', event => event.preventDefault())")
    link = shopper.page.get_by_role("link", name="Ask us on WhatsApp")
    await link.click()
    await shopper.posted()
    href = await link.get_attribute("href")
    key = await shopper.key()
    assert href is not None
    assert "+" not in href
    said = parse_qs(urlsplit(href).query)["text"][0]
    assert said == f"Hello! (ref: {key[:8]})"
    await shopper.walk.tell_of("ben")
    await shopper.walk.write("ben", said)
    assert await shopper.owner() == 1
    assert "visits the shop's pages (known by their message)" in await shopper.walk.reasons("ben")
    again = await shopper.page.evaluate("href => comeback('link', href) ?? href", href)
    assert again == href


async def test_a_page_that_is_not_the_shops_is_refused_and_tells_nobody(shopper: Shopper, browser: Browser) -> None:
    before = shopper.walk.count("select count(*) from inbox where source = 'visitor'")
    await shopper.context.route("https://evil.example/**", lambda route: _page(route, shopper.walk.stage.shop.snippet))
    await shopper.page.goto("https://evil.example/", wait_until="load")
    async with asyncio.timeout(20):
        while not any("CORS" in trouble or "403" in trouble for trouble in shopper.troubles):
            await shopper.page.wait_for_timeout(50)
    assert len(shopper.posts) == 1
    await shopper.walk.rest()
    assert shopper.walk.count("select count(*) from inbox where source = 'visitor'") == before


async def _page(route: Route, snippet: str, head: str = "", body: str = "", classes: str = "") -> None:
    """A page of a shop, as somebody's theme writes it."""
    markup = f'<script type="application/ld+json">{json.dumps(PRODUCT)}</script>'
    text = f'<!doctype html><head>{head}<script async src="{snippet}"></script>{markup}</head><body class="{classes}">{body}</body>'
    await route.fulfill(body=text, content_type="text/html")


async def theme(shopper: Shopper, answers: dict[str, Any], **page: str) -> list[tuple[str, str | None]]:
    """Open a page of another kind of shop at the shop's own address; what it asked of the shop."""
    asked: list[tuple[str, str | None]] = []

    async def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        asked.append((path, route.request.post_data))
        await route.fulfill(json=answers.get(path, {}))

    await shopper.context.route(f"{shopper.shop}/theme/**", lambda route: _page(route, shopper.walk.stage.shop.snippet, **page))
    for path in answers:
        await shopper.context.route(f"{shopper.shop}{path}", answer)
    await shopper.open("/theme/mug")
    await asyncio.sleep(0.1)
    return asked


async def test_on_shopify_the_cart_is_read_and_carries_the_browsers_key(shopper: Shopper) -> None:
    meta = "<script>window.Shopify = {routes: {root: '/'}}; window.ShopifyAnalytics = {meta: {product: {id: 632910392}}}</script>"
    line = {"product_id": 632910392, "variant_id": 808950810, "product_title": "Handmade mug", "quantity": 2, "price": 1800}
    cart = {"items": [line], "total_price": 3600, "currency": "EUR", "attributes": {}}
    asked = await theme(shopper, {"/cart.js": cart, "/cart/update.js": cart}, head=meta)
    await shopper.posted()
    viewed, told = sorted(shopper.events, key=lambda event: str(event["type"]), reverse=True)
    assert (viewed["product"], viewed["title"], viewed["price"], viewed["image"]) == ("632910392", "Handmade mug", "18", "/mug.jpg")
    assert told["items"] == [{"product": "632910392", "variant": "808950810", "title": "Handmade mug", "quantity": 2, "price": "18.00"}]
    assert (told["total"], told["currency"]) == ("36.00", "EUR")
    noted = json.loads(next(body for path, body in asked if path == "/cart/update.js" and body))
    assert noted == {"attributes": {"comeback_visitor": await shopper.key()}}
    await shopper.page.reload(wait_until="load")
    await shopper.posted()
    assert [event["type"] for event in shopper.events].count("cart") == 1  # nothing changed


async def test_on_woocommerce_the_cart_is_read_and_the_checkout_gets_a_field(shopper: Shopper) -> None:
    prices = {"price": "1800", "currency_minor_unit": 2}
    totals = {"total_price": "1800", "currency_code": "EUR", "currency_minor_unit": 2}
    cart = {"items": [{"id": 77, "name": "Handmade mug", "quantity": 1, "prices": prices}], "totals": totals}
    await shopper.context.add_cookies([{"name": "woocommerce_items_in_cart", "value": "1", "url": shopper.shop}])
    page = {"body": '<form class="checkout"><input name="billing_email"></form>', "classes": "single single-product postid-77"}
    await theme(shopper, {"/wp-json/wc/store/v1/cart": cart}, **page)
    await shopper.posted()
    viewed, told = sorted(shopper.events, key=lambda event: str(event["type"]), reverse=True)
    assert (viewed["product"], viewed["title"]) == ("77", "Handmade mug")
    assert told["items"] == [{"product": "77", "title": "Handmade mug", "quantity": 1, "price": "18.00"}]
    assert await shopper.page.locator("form.checkout [name=comeback_visitor]").input_value() == await shopper.key()


async def test_a_page_without_a_product_or_with_broken_markup_posts_nothing(shopper: Shopper) -> None:
    broken = '<script type="application/ld+json">{"@type": "Product", </script><script type="application/ld+json">null</script>'
    await shopper.context.route(
        f"{shopper.shop}/plain/**",
        lambda route: route.fulfill(
            body=f'<!doctype html><script async src="{shopper.walk.stage.shop.snippet}"></script>{broken}', content_type="text/html"
        ),
    )
    await shopper.open("/plain/page")
    assert (shopper.posts, shopper.troubles) == ([], [])
