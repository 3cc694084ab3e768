"""The demo as a visitor meets it, with the real bot behind it: by mouse, by keyboard alone, wide and narrow, light and dark."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from .visit import Visit, chromium, demo, fits_and_is_accessible, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
CODE = re.compile(r"CASA[A-Z0-9]{8}")
MOST_TABS = 80  # more controls than any page here has


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def url() -> AsyncIterator[str]:
    """A fresh demo."""
    async with demo() as address:
        yield address


async def test_a_visitor_loses_a_cart_finds_it_dear_buys_with_the_code_and_stops(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900})
    page = visiting.page
    await visiting.press(visiting.button("Add House espresso, 1 kg to the cart"))
    await visiting.press(visiting.button("One more House espresso, 1 kg"))
    await visiting.press(visiting.button("Add Hand grinder to the cart"))
    await visiting.button("Leave the shop").click()
    await expect(page.get_by_text("Ana left, €107.00 still in the cart.")).to_be_visible()
    await visiting.press(visiting.button("+1 hour"))
    await expect(visiting.message("te has dejado algo")).to_have_count(1)
    await visiting.say("es muy caro")
    offer = visiting.message("ahora cuesta un 5")
    await expect(offer).to_have_count(1)
    found = CODE.search(await offer.inner_text())
    assert found
    await visiting.press(visiting.button("Usar mi descuento"))
    await expect(visiting.message("con el código").last).to_contain_text(found[0])

    await visiting.button("Back into the shop").click()
    await page.get_by_label("Discount code").fill(found[0])
    await visiting.press(visiting.button(re.compile("^Buy")))
    await expect(page.get_by_text(f"€101.65, €5.35 off with {found[0]}")).to_be_visible()

    await page.get_by_role("radio", name=re.compile("^Ben")).check()
    await visiting.press(visiting.button("Add Moka pot, six cups to the cart"))
    await visiting.button("Leave the shop").click()
    await visiting.press(visiting.button("+1 hour"))
    await expect(visiting.message("you left something behind")).to_have_count(1)
    await visiting.say("STOP")
    await expect(visiting.message("we will not send you offers any more")).to_have_count(1)
    heard = await page.get_by_role("log", name="Chat").get_by_role("listitem").count()
    await visiting.press(visiting.button("+1 day"))
    await visiting.press(visiting.button("+1 day"))
    assert await page.get_by_role("log", name="Chat").get_by_role("listitem").count() == heard
    assert visiting.troubles == []


async def test_a_question_waits_for_staff_who_answer_and_hand_back(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900})
    page = visiting.page
    await page.get_by_role("radio", name=re.compile("^Ben")).check()
    await visiting.say("hello")
    await expect(visiting.message("How can we help you?")).to_have_count(1)
    await visiting.press(visiting.button("Talk to a person"))
    desk = page.get_by_role("region", name="At the desk")
    await expect(desk).to_contain_text("Ben waits for a person")
    await expect(desk).to_contain_text("Asked for a person")
    await visiting.press(visiting.button("Take over"))
    await expect(desk).to_contain_text("Ben is with Sam")
    await desk.get_by_label("Answer Ben").fill("Sam here: how can I help?")
    await visiting.press(desk.get_by_role("button", name="Answer", exact=True))
    await expect(visiting.message("Sam here: how can I help?")).to_have_count(1)
    await visiting.say("does it fit an induction hob?")
    await visiting.press(visiting.button("Hand back to the bot"))
    await expect(desk).to_contain_text("Nobody waits")
    await visiting.say("thanks")
    await expect(visiting.message("How can we help you?")).to_have_count(2)
    assert visiting.troubles == []


async def _tab_to(visiting: Visit, wanted: Locator) -> None:
    """The Tab key until it is there."""
    for _ in range(MOST_TABS):
        await visiting.page.keyboard.press("Tab")
        if await wanted.count() and await wanted.first.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"{wanted} cannot be reached by the Tab key")


async def _enter(visiting: Visit, wanted: Locator) -> None:
    await _tab_to(visiting, wanted)
    async with visiting.page.expect_response(re.compile(r"/page/")):
        await visiting.page.keyboard.press("Enter")


async def test_everything_can_be_done_by_keyboard_alone(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900})
    page, keyboard = visiting.page, visiting.page.keyboard
    await _tab_to(visiting, page.get_by_role("radio", name=re.compile("^Ana")))
    await keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name=re.compile("^Ben"))).to_be_checked()
    await _enter(visiting, visiting.button("Add House espresso, 1 kg to the cart"))
    await expect(visiting.button("Add House espresso, 1 kg to the cart")).to_be_focused()
    await _tab_to(visiting, visiting.button("Leave the shop"))
    await keyboard.press("Enter")
    await _enter(visiting, visiting.button("+1 hour"))
    await expect(visiting.message("you left something behind")).to_have_count(1)
    words = page.get_by_label("Message", exact=True)
    await _tab_to(visiting, words)
    await keyboard.type("too expensive")
    await keyboard.press("Enter")
    offer = visiting.message("it costs 5% less")
    await expect(offer).to_have_count(1)
    found = CODE.search(await offer.inner_text())
    assert found
    await _enter(visiting, visiting.button("Use my discount"))
    await _tab_to(visiting, visiting.button("Back into the shop"))
    await keyboard.press("Enter")
    await _tab_to(visiting, page.get_by_label("Discount code"))
    await keyboard.type(found[0])
    await keyboard.press("Enter")
    await expect(page.get_by_text(f"off with {found[0]}")).to_be_visible()
    await _tab_to(visiting, words)
    await keyboard.type("Is there a person?")
    await keyboard.press("Enter")
    await expect(visiting.message("How can we help you?")).to_have_count(1)
    await _enter(visiting, visiting.button("Talk to a person"))
    await _enter(visiting, visiting.button("Take over"))
    await _tab_to(visiting, page.get_by_label("Answer Ben"))
    await keyboard.type("Here I am")
    await keyboard.press("Enter")
    await expect(visiting.message("Here I am")).to_have_count(1)
    await _enter(visiting, visiting.button("Hand back to the bot"))
    await _enter(visiting, visiting.button(re.compile("Stop offers")))
    await expect(visiting.button(re.compile("Resume offers"))).to_be_visible()
    assert visiting.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_the_page_is_accessible_and_fits(browser: Browser, url: str, scheme: Any, width: int, tmp_path: Path) -> None:
    visiting = await visit(browser, url, viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce")
    page = visiting.page
    await fits_and_is_accessible(page, tmp_path / f"start-{width}-{scheme}.png", width)
    await visiting.press(visiting.button("Add House espresso, 1 kg to the cart"))
    await visiting.press(visiting.button("Add Gift card to the cart"))
    await visiting.button("Leave the shop").click()
    await visiting.press(visiting.button("+1 hour"))
    await expect(visiting.message("te has dejado algo")).to_have_count(1)
    await visiting.say("es muy caro")
    await expect(visiting.message("ahora cuesta un 5")).to_have_count(1)
    await visiting.press(visiting.button("Usar mi descuento"))
    await visiting.say("¿Llega antes del viernes, de verdad? " * 5)
    await visiting.press(visiting.button("Hablar con alguien"))
    await expect(page.get_by_role("region", name="At the desk")).to_contain_text("Ana waits for a person")
    await fits_and_is_accessible(page, tmp_path / f"talk-{width}-{scheme}.png", width)
    await visiting.press(visiting.button("Take over"))
    await visiting.button("Back into the shop").click()
    await visiting.press(visiting.button(re.compile("^Buy")))
    await fits_and_is_accessible(page, tmp_path / f"order-{width}-{scheme}.png", width)
    link = visiting.message("con el código").get_by_role("link")
    await page.goto(await link.get_attribute("href") or "")
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    await fits_and_is_accessible(page, tmp_path / f"shop-{width}-{scheme}.png", width)
    assert visiting.troubles == []
