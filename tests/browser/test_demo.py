"""The demo as a visitor meets it, with the real bot behind it: by mouse, by keyboard alone, wide and narrow, light and dark."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from .visit import Visit, chromium, demo, fits_in_every_look, visit

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
    before = await page.locator("#day").inner_text()
    await visiting.press(visiting.button("+1 day"))
    await expect(page.locator("#day")).not_to_have_text(before)  # the page has caught up
    before = await page.locator("#day").inner_text()
    await visiting.press(visiting.button("+1 day"))
    await expect(page.locator("#day")).not_to_have_text(before)
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
    await expect(visiting.heard("How can we help you?")).to_have_count(2)
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


async def test_the_page_is_accessible_and_fits_in_every_look(browser: Browser, url: str, tmp_path: Path) -> None:
    visiting = await visit(browser, url, reduced_motion="reduce")
    page = visiting.page
    await fits_in_every_look(page, tmp_path, "start")
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
    await fits_in_every_look(page, tmp_path, "talk")
    await visiting.press(visiting.button("Take over"))
    await visiting.button("Back into the shop").click()
    await visiting.press(visiting.button(re.compile("^Buy")))
    await fits_in_every_look(page, tmp_path, "order")
    link = visiting.message("con el código").get_by_role("link")
    await page.goto(await link.get_attribute("href") or "")
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    await fits_in_every_look(page, tmp_path, "shop")
    assert visiting.troubles == []


async def _meanwhile(page: Page, action: str, **wish: str | float | bool) -> None:
    """Something happens that this page did not ask for: another page does it."""
    answer = await page.request.post(f"/page/{action}", form=wish, max_redirects=0)
    assert answer.status == 303


async def test_nothing_is_lost_while_the_page_changes_under_a_visitors_hands(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900}, base_url=url)
    page = visiting.page
    for word in ("one", "two", "three", "four"):
        await visiting.say(word)
    await page.get_by_label("Discount code").fill("HALF-TYP")
    words = page.get_by_label("Message", exact=True)
    await words.fill("half a sentence")
    await words.evaluate("field => field.setSelectionRange(2, 6)")
    chat = page.get_by_role("log", name="Chat")
    await chat.evaluate("log => log.scrollTo(0, -120)")
    await page.evaluate("scrollTo(0, 150)")
    first = page.locator("#messages > li").first
    await first.evaluate("row => { row.mark = 'the same'; }")
    await page.evaluate(
        "window.shifts = []; new PerformanceObserver(seen => shifts.push(...seen.getEntries())).observe({type: 'layout-shift'})"
    )

    await _meanwhile(page, "say", who="ana", text="from somewhere else")
    await _meanwhile(page, "cart", who="ana", product="p-moka", quantity="1")
    await _meanwhile(page, "say", who="ben", text="hello")
    await _meanwhile(page, "clock", who="ana", minutes="60")
    await expect(visiting.message("from somewhere else").first).to_be_visible()
    await expect(page.get_by_role("radio", name=re.compile("^Ben.*unread"))).to_be_visible()
    await expect(visiting.button("Buy for €32.00")).to_be_enabled()

    await expect(words).to_be_focused()
    await expect(words).to_have_value("half a sentence")
    assert await words.evaluate("field => [field.selectionStart, field.selectionEnd]") == [2, 6]
    await expect(page.get_by_label("Discount code")).to_have_value("HALF-TYP")
    assert await first.evaluate("row => row.mark") == "the same"
    assert await chat.evaluate("log => log.scrollTop") < -100
    assert await page.evaluate("scrollY") == 150
    assert await page.evaluate("shifts.filter(one => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0)") < 0.1

    more = visiting.button("One more Moka pot, six cups")
    await more.focus()
    await _meanwhile(page, "cart", who="ana", product="p-moka", quantity="1")
    await expect(visiting.button("Buy for €64.00")).to_be_enabled()
    await expect(more).to_be_focused()
    assert visiting.troubles == []


async def test_an_answer_that_staff_are_writing_is_not_lost_when_somebody_else_asks(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900}, base_url=url)
    page = visiting.page
    await page.get_by_role("radio", name=re.compile("^Ben")).check()
    await visiting.say("hello")
    await visiting.press(visiting.button("Talk to a person"))
    await visiting.press(visiting.button("Take over"))
    field = page.get_by_label("Answer Ben")
    await expect(field).to_be_focused()
    await page.keyboard.type("One mom")
    await _meanwhile(page, "say", who="carla", text="oi")
    await _meanwhile(page, "say", who="carla", text="pessoa")
    await expect(page.get_by_role("region", name="At the desk")).to_contain_text("Carla waits for a person")
    await expect(field).to_be_focused()
    await page.keyboard.type("ent")
    await expect(field).to_have_value("One moment")
    assert visiting.troubles == []


async def _seen(page: Page, *, hidden: bool) -> None:
    """The visitor turns to another tab, or back to this one."""
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


async def test_a_page_that_nobody_sees_takes_no_stream_and_catches_up_when_it_is_seen_again(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900}, base_url=url)
    page = visiting.page
    await visiting.say("before")
    await _seen(page, hidden=True)
    await _meanwhile(page, "say", who="ana", text="while nobody looked")
    await page.wait_for_timeout(1200)  # two looks of a stream, were there one
    await expect(visiting.message("while nobody looked")).to_have_count(0)
    await _seen(page, hidden=False)
    await expect(visiting.message("while nobody looked")).to_have_count(1)
    await expect(visiting.message("before")).to_have_count(1)
    assert visiting.troubles == []


async def test_an_answer_comes_after_three_dots_and_the_ticks_climb(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900})
    await visiting.page.get_by_label("Message", exact=True).fill("hola")
    await visiting.page.keyboard.press("Enter")
    await expect(visiting.page.locator(".dots")).to_be_visible()
    await expect(visiting.message("Casa Bonita").locator(".words").first).to_be_visible()
    await expect(visiting.page.locator(".dots")).to_have_count(0)
    await expect(visiting.page.locator("#messages > .theirs .stamp").first).to_contain_text("read")
    await expect(visiting.page.locator("#messages > .theirs .tick-read").first).to_be_visible()


async def test_the_guide_leads_through_the_tour_by_its_own_button(browser: Browser, url: str) -> None:
    visiting = await visit(browser, url, viewport={"width": 1280, "height": 900})
    page, guide = visiting.page, visiting.page.locator("#hint")
    for step, label in (
        ("1/7", "Put it in"),
        ("2/7", "Leave"),
        ("3/7", "Turn it"),
        ("4/7", "Write “es muy caro”"),
        ("5/7", "Go back"),
        ("5/7", "Use it"),
        ("5/7", "Write STOP"),
        ("6/7", "Become Ben"),
        ("6/7", "Write “hello”"),
        ("6/7", "Press it"),
        ("7/7", "Take Ben over"),
    ):
        await expect(guide).to_contain_text(step)
        await guide.get_by_role("button", name=label, exact=True).click()
    await expect(guide).to_contain_text("You are the desk now: answer Ben")
    await page.get_by_label("Answer Ben").fill("Here I am")
    await page.keyboard.press("Enter")
    await expect(visiting.message("Here I am")).to_have_count(1)
    await visiting.press(visiting.button("Hand back to the bot"))
    await expect(guide).to_contain_text("That was the tour")
    assert visiting.troubles == []


async def test_the_page_works_without_javascript(browser: Browser, url: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_role("button", name="Add House espresso, 1 kg to the cart").click()
    await page.get_by_role("button", name="Leave the shop").click()
    await expect(page.get_by_text("Ana left, €24.00 still in the cart.")).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Next in")).click()
    chat = page.get_by_role("log", name="Chat")
    await expect(chat).to_contain_text("te has dejado algo")
    await page.get_by_label("Message", exact=True).fill("es muy caro")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(chat).to_contain_text(CODE)
    await page.get_by_role("radio", name=re.compile("^Ben")).check()
    await page.get_by_role("button", name="Become them").click()
    await expect(page.get_by_role("region", name="The phone")).to_contain_text("Ben’s phone")
    await page.get_by_role("button", name="Add Moka pot, six cups to the cart").click()
    await page.get_by_role("button", name=re.compile("^Buy")).click()
    await expect(page.get_by_role("region", name="Orders")).to_contain_text("Moka pot")
    await context.close()
