"""The demo page in a real Chromium: by mouse, by keyboard, in both colour schemes, wide and narrow."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from .house import ANA, BEN, CART_REMINDER, House, house, reminder
from .test_page import Desk

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WIDTHS = (1280, 390, 320)
HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium; without one the test is skipped, or fails where COMEBACK_REQUIRE asks for a browser."""
    if CHROMIUM is None:
        if "browser" in os.environ.get("COMEBACK_REQUIRE", "").split(","):
            pytest.fail("COMEBACK_REQUIRE asks for a browser, and there is no Chromium on this machine")
        pytest.skip("there is no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


async def open_page(browser: Browser, home: House, troubles: list[str] | None = None, **options: Any) -> Page:
    """The demo page; what it complains about in the console is added to `troubles`."""
    complaints = [] if troubles is None else troubles
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(home.url)
    await expect(page.locator("#time")).not_to_be_empty()
    return page


async def test_a_visitor_fills_a_cart_leaves_and_answers_the_reminder(chromium: Browser) -> None:
    desk = Desk()
    async with house(staff=desk) as home:
        await home.create(CART_REMINDER)
        troubles: list[str] = []
        page = await open_page(chromium, home, troubles, viewport={"width": 1280, "height": 900})
        await page.get_by_role("button", name="Add House espresso, 1 kg to the cart").click()
        await page.get_by_role("button", name="One more House espresso, 1 kg").click()
        await expect(page.locator("#cart-sum")).to_have_text("€48.00")
        await page.get_by_role("button", name="Leave the shop").click()
        await expect(page.locator("#away-title")).to_have_text("Ana left, €48.00 still in the cart.")
        before = home.clock.now
        await page.get_by_role("button", name="+1 hour").click()
        await expect(page.locator("#time")).to_have_text("13:00")
        assert (home.clock.now - before).total_seconds() == 3600

        await home.send(type="template", template=reminder(name="Ana", item=HOSTILE))
        bubble = page.locator("#messages .theirs")
        await expect(bubble.locator(".words")).to_have_text(f"Hola Ana, tu {HOSTILE} sigue en la cesta.")
        await expect(bubble.locator(".tick")).to_have_class("tick tick-read")
        await expect(bubble.get_by_role("link", name="Ver la cesta")).to_have_attribute("href", "https://s.example/c/ch-1")
        await bubble.get_by_role("button", name="Es demasiado caro").click()
        await expect(page.locator("#messages .mine .words")).to_have_text("Es demasiado caro")

        await page.get_by_label("Message", exact=True).fill("¿hay *alguien*?")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages .mine b")).to_have_text("alguien")
        await page.get_by_role("button", name="Take over").click()
        await page.get_by_label("Answer Ana").fill("Hola, soy Eva")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Hand back to the bot").click()
        await expect(page.locator("#desk-empty")).to_be_visible()
        assert [one[0] for one in desk.said] == ["take", "say", "hand_back"]
        assert await page.title() == "Comeback sandbox"
        assert troubles == []


async def test_markup_in_any_part_of_a_message_is_only_text(chromium: Browser) -> None:
    async with house() as home:
        home.cloud.receive_from(ANA, "hola")
        markup = "<u>x</u>"
        choice = {"type": "reply", "reply": {"id": "y", "title": markup}}
        small = {"type": "text", "text": markup}
        words = {"type": "button", "header": small, "body": {"text": f"*{markup}*"}, "footer": {"text": markup}}
        await home.send(type="interactive", interactive=words | {"action": {"buttons": [choice]}})
        page = await open_page(chromium, home)
        await expect(page.locator(".theirs .bubble-header")).to_have_text(markup)
        await expect(page.locator(".theirs .bubble-footer")).to_have_text(markup)
        await expect(page.locator(".theirs b")).to_have_text(markup)
        await expect(page.get_by_role("button", name=markup)).to_be_visible()
        await expect(page.locator("u")).to_have_count(0)


async def test_everything_works_by_keyboard_alone(chromium: Browser) -> None:
    async with house() as home:
        page = await open_page(chromium, home, viewport={"width": 1280, "height": 900})
        home.cloud.receive_from(BEN, "hi")

        async def tab_to(selector: str) -> None:
            for _ in range(60):
                await page.keyboard.press("Tab")
                if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                    return
            pytest.fail(f"{selector} cannot be reached by the Tab key")

        await tab_to("[name=shopper]")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#owner")).to_have_text("Ben's phone")
        await expect(page.locator("#messages .mine .words")).to_have_text("hi")
        await tab_to(".add")
        await page.keyboard.press("Enter")
        await expect(page.locator("#cart li")).to_have_count(1)
        await tab_to("#code")
        await page.keyboard.press("Enter")
        await expect(page.locator("#orders .state")).to_have_text("paid")
        await tab_to("#words")
        await page.keyboard.type("thanks")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages .mine")).to_have_count(2)
        assert home.shop.orders[0].shopper.key == "ben"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_is_accessible_and_fits(chromium: Browser, scheme: Any) -> None:
    async with house(staff=Desk()) as home:
        await home.create(CART_REMINDER)
        await home.send(type="template", template=reminder())
        home.cloud.press(ANA, "dear")
        rows = [{"id": f"r{number}", "title": f"Molido {number}", "description": "fino"} for number in range(3)]
        menu = {"type": "list", "body": {"text": "¿Cómo?"}, "action": {"button": "Ver", "sections": [{"rows": rows}]}}
        await home.send(type="interactive", interactive=menu)
        home.shop.add("ana", "p-moka")
        home.shop.buy("ana")
        home.shop.add("ana", "p-gift")
        page = await open_page(chromium, home, color_scheme=scheme)
        await expect(page.locator(".bubble")).to_have_count(3)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 844})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await faults(page) == []
        await page.goto(home.shop.recovery_url(home.shop.cart("ana")))
        assert await faults(page) == []


async def faults(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds: (rule, the HTML it is about)."""
    found = await Axe().run(page)
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]]
