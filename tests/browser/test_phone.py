"""The phone page of `comeback sandbox` in a real Chromium: every kind of message, and all that a customer can do with their thumb."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.sandbox import every_kind

from .alone import Alone, alone
from .visit import Visit, chromium, fits_and_is_accessible, is_accessible, open_page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
GALLERY, ROSA, LEO, KIM, NADA, ALI = "34600000001", "34600000011", "34600000012", "34600000013", "34600000014", "971501234567"
SHOW_ALL = "document.querySelectorAll('.screen, .chat').forEach(one => { one.style.height = 'auto'; one.style.overflow = 'visible'; })"
OVERFLOWING = """bubbles => bubbles.flatMap(bubble => {
    const edge = bubble.getBoundingClientRect();
    const parts = [...bubble.querySelectorAll('.said *:not(.unseen), .answers > *')].map(one => [one, one.getBoundingClientRect()]);
    return parts.filter(([, at]) => at.width && (at.right > edge.right + 1 || at.left < edge.left - 1)).map(([one]) => one.outerHTML);
})"""
SECONDS = "sound => sound.duration || new Promise(then => { sound.onloadedmetadata = () => then(sound.duration); })"
WIDE = {"width": 1280, "height": 900}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Alone]:
    """One sandbox for this module, with a customer for each test that writes."""
    people = (f"Ana=+{GALLERY}", f"Rosa=+{ROSA}", f"Leo=+{LEO}", f"Kim=+{KIM}", f"Nada=+{NADA}", "Noor=@noor.reads")
    async with alone(*(word for one in people for word in ("--customer", one))) as running:
        await running.every_kind(GALLERY)
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def closed_behind(browser: Browser) -> AsyncIterator[None]:
    """An open page is looked after by the sandbox: none stays open after its test."""
    yield
    for context in browser.contexts:
        await context.close()


async def as_customer(browser: Browser, box: Alone, key: str, **options: Any) -> Visit:
    """The page of one customer."""
    options.setdefault("viewport", WIDE)
    visiting = await open_page(browser, f"{box.url}/?who={key}", reduced_motion="reduce", **options)
    await expect(visiting.page.get_by_role("region", name="The phone")).to_be_visible()
    return visiting


async def touch(visiting: Visit, message: Locator, do: str) -> None:
    """Open what can be done with a message, and do it."""
    await message.hover()
    await message.get_by_role("button", name=re.compile("^React, reply")).click()
    await visiting.press(message.get_by_role("button", name=do, exact=True))


# ---- every kind of message


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_every_kind_of_message_is_drawn_accessible_and_fits(
    browser: Browser, box: Alone, scheme: Any, width: int, tmp_path: Path
) -> None:
    visiting = await as_customer(browser, box, GALLERY, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = visiting.page
    await page.evaluate(SHOW_ALL)  # the whole chat, not only what its window shows
    sent = await box.thread(GALLERY)
    await expect(page.locator("#messages > li")).to_have_count(len(sent))
    for kind in (
        *(".picture", ".sticker", "audio", "a.file", ".elsewhere", ".map", ".contact", ".preview", ".offer", ".coupon", ".quote"),
        *(".ware", ".goods", ".cards", ".answer.list", ".answer.reply", ".answer.quick_reply", ".answer.link", ".answer.code"),
        *(".advert", ".reactions span", ".gone", ".failure", ".tick-failed", ".mine .sticker", ".mine audio", ".mine .map"),
        *(".bubble-header", ".bubble-footer", ".words b", ".words i", ".words s", ".words code", ".tick-read, .tick-delivered"),
    ):
        await expect(page.locator(f"#messages {kind}").first).to_be_visible()
    assert await page.locator("#messages img").evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)")
    assert await page.locator("#messages .bubble").evaluate_all(OVERFLOWING) == []
    await page.locator("#phone").screenshot(path=tmp_path / f"phone-{width}-{scheme}.png")
    await fits_and_is_accessible(page, tmp_path / f"page-{width}-{scheme}.png", width)
    assert visiting.troubles == []


@pytest.mark.parametrize(("width", "height"), [(320, 700), (1440, 900)])
async def test_the_page_fits_the_narrowest_and_a_wide_screen(
    browser: Browser, box: Alone, width: int, height: int, tmp_path: Path
) -> None:
    visiting = await as_customer(browser, box, GALLERY, viewport={"width": width, "height": height})
    await visiting.page.locator("summary").click()
    await fits_and_is_accessible(visiting.page, tmp_path / f"page-{width}.png", width)
    assert visiting.troubles == []


async def test_what_a_business_writes_stays_words_and_nothing_is_loaded_from_elsewhere(browser: Browser, box: Alone) -> None:
    visiting = await as_customer(browser, box, GALLERY)
    hostile = visiting.page.locator("#messages > li").filter(has_text="onerror")
    await expect(hostile).to_contain_text("<img src=x onerror=alert(1)> \"'&{{7*7}}")
    assert await hostile.locator("img").count() == 0
    assert await visiting.page.locator(".elsewhere").first.inner_text() == "Image at cdn.shop.example"
    hrefs = await visiting.page.locator("#messages a").evaluate_all("all => all.map(one => one.protocol)")
    assert set(hrefs) <= {"http:", "https:"}
    assert visiting.troubles == []  # no dialog, no request that left this machine, nothing against the policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_opens_is_accessible_and_stays_inside_the_screen(browser: Browser, box: Alone, scheme: Any, tmp_path: Path) -> None:
    visiting = await as_customer(browser, box, GALLERY, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = visiting.page
    openers = (
        *(page.locator(".answer.list"), page.locator(".answer.goods-open").nth(1), visiting.button("Attach")),
        *(visiting.button("More about this chat"), visiting.button("Turn the clock further"), page.locator(".touch").last),
    )
    for number, opener in enumerate(openers):
        await opener.scroll_into_view_if_needed()
        await opener.focus()
        await page.keyboard.press("Enter")
        opened = page.locator(":popover-open")
        await expect(opened).to_be_visible()
        box_of = await opened.bounding_box()
        assert box_of is not None
        assert box_of["x"] >= 0
        assert box_of["x"] + box_of["width"] <= 390
        assert box_of["y"] >= 0
        assert box_of["y"] + box_of["height"] <= 844
        await page.screenshot(path=tmp_path / f"open-{number}-{scheme}.png")
        await is_accessible(page, ":popover-open")
        await page.keyboard.press("Escape")
        await expect(opened).to_have_count(0)
    assert visiting.troubles == []


# ---- what a customer does


async def test_a_customer_chooses_from_a_list_presses_and_orders(browser: Browser, box: Alone) -> None:
    await box.says(ROSA)
    sections = [{"title": title, "rows": [{"id": title, "title": f"{cups} cups"}]} for title, cups in (("Small", "Two"), ("Large", "Six"))]
    await box.send(ROSA, every_kind.interactive("list", {"button": "Sizes", "sections": sections}, "Which size?"))
    await box.send(ROSA, every_kind.interactive("button", every_kind.replies("Yes", "No"), "Sure?"))
    await box.send(ROSA, every_kind.interactive("product", {"catalog_id": "1", "product_retailer_id": "p-moka"}, "Made to last"))
    visiting = await as_customer(browser, box, ROSA)
    await visiting.button("Sizes").click()
    tray = visiting.page.get_by_role("dialog", name="Sizes")
    await expect(tray).to_contain_text("Large")
    await visiting.press(tray.get_by_role("button", name="Six cups"))
    await expect(tray).to_be_hidden()
    await expect(visiting.page.locator("#messages > .mine .quote").last).to_contain_text("Which size?")
    await visiting.press(visiting.button("Yes"))
    await visiting.button("View").click()
    tray = visiting.page.get_by_role("dialog", name="View")
    await tray.get_by_label("Pieces of Moka pot").fill("3")
    await visiting.press(tray.get_by_role("button", name="Send order"))
    await expect(visiting.message("3 × Moka pot, six cups, 32.00 EUR")).to_have_count(1)
    assert visiting.troubles == []


async def test_a_customer_sends_files_places_and_cards(browser: Browser, box: Alone) -> None:
    visiting = await as_customer(browser, box, LEO)
    page = visiting.page
    for name in ("Picture", "Voice note", "Document", "Location", "Contact", "Sticker"):
        await visiting.button("Attach").click()
        await visiting.press(page.locator("#attach").get_by_role("button", name=name))
        await expect(page.locator("#attach")).to_be_hidden()
    mine = page.locator("#messages > .mine")
    await expect(mine).to_have_count(6)
    for drawn in ("img.picture", "audio", "a.file", ".map", ".contact", "img.sticker"):
        await expect(mine.locator(drawn)).to_be_visible()
    assert await mine.locator("audio").evaluate(SECONDS) > 1
    await visiting.button("More about this chat").click()
    await visiting.press(visiting.button("Come from an ad"))
    await expect(page.locator(".advert")).to_contain_text("Fresh coffee")
    assert visiting.troubles == []


async def test_a_customer_reacts_replies_edits_and_deletes(browser: Browser, box: Alone) -> None:
    await box.says(KIM, "first")
    await box.send(KIM, every_kind.text("Which colour?"))
    visiting = await as_customer(browser, box, KIM)
    page = visiting.page
    asked = page.locator("#messages > .theirs")
    await touch(visiting, asked, "React with ❤️")
    await expect(asked.locator(".reactions")).to_contain_text("You reacted ❤️")
    await touch(visiting, asked, "React with ❤️")
    await expect(asked.locator(".reactions")).to_be_empty()
    await touch(visiting, asked, "Reply")
    await expect(page.locator("#composing")).to_contain_text("Which colour?")
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    await visiting.say("green")
    answer = page.locator("#messages > .mine").last
    await expect(answer.locator(".quote")).to_contain_text("Which colour?")
    await expect(page.locator("#composing")).to_be_empty()
    first = page.locator("#messages > .mine").first
    await touch(visiting, first, "Edit")
    await page.get_by_label("Message", exact=True).fill("edited words")
    await visiting.press(page.get_by_role("button", name="Send", exact=True))
    await expect(first.locator(".words")).to_have_text("edited words")
    await expect(first.locator(".stamp")).to_contain_text("edited")
    await touch(visiting, first, "Delete for everyone")
    await expect(page.locator("#messages > .mine").first).to_contain_text("You deleted this message")
    kinds = [one["type"] for one in await _told(box, KIM)]
    assert kinds == ["text", "reaction", "reaction", "text", "edit", "revoke"]
    assert visiting.troubles == []


async def _told(box: Alone, phone: str) -> list[dict[str, Any]]:
    """The customer's own webhooks, oldest first, as they were packed (nobody listens here)."""
    await box.lead("/idle", {})
    deliveries = await box.lead("/deliveries")
    bodies = [one["body"] for one in deliveries["data"]]
    changes = [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]
    return [one for value in changes for one in value.get("messages", []) if one.get("from") == phone]


async def test_a_customer_blocks_stops_promotions_and_moves_to_another_number(browser: Browser, box: Alone) -> None:
    await box.says(NADA)
    visiting = await as_customer(browser, box, NADA)
    page = visiting.page
    await visiting.press(visiting.button("Stop offers"))
    await expect(visiting.button("Resume offers")).to_be_visible()
    await visiting.press(visiting.button("Resume offers"))
    await visiting.button("More about this chat").click()
    await visiting.press(visiting.button("Block Casa Bonita"))
    await expect(page.locator(".online")).to_have_text("blocked")
    await visiting.button("More about this chat").click()
    await visiting.press(visiting.button("Unblock Casa Bonita"))
    await visiting.button("More about this chat").click()
    await page.get_by_label("Take another number").fill("+34 600 000 099")
    await visiting.press(visiting.button("Move"))
    await visiting.say("it is me")
    assert (await box.thread("34600000099"))[-1]["drawing"]["body"] == "it is me"
    assert visiting.troubles == []


# ---- the clock, faults, people


async def test_an_offer_runs_out_when_the_clock_is_turned_and_everything_can_go_wrong_and_be_well_again(
    browser: Browser, box: Alone
) -> None:
    visiting = await as_customer(browser, box, GALLERY)
    page = visiting.page
    left = page.locator(".offer-left")
    await expect(left).to_have_text(re.compile(r"Ends in 3 h"))
    await visiting.button("Turn the clock further").click()
    await page.get_by_label("Turn the clock by").fill("2 h 30 min")
    await visiting.press(visiting.button("Turn").last)
    await expect(left).to_have_text(re.compile(r"Ends in (5\d|1 h|4\d)"))
    await visiting.press(visiting.button("+1 hour"))
    await expect(left).to_have_text("Offer ended")

    await page.locator("summary").click()
    await visiting.press(visiting.button(re.compile("^Too many requests")))
    await page.get_by_label("The next message meets").select_option("131049")
    await visiting.press(visiting.button("At once"))
    await expect(page.locator("#code-armed")).to_contain_text("131049")
    async with page.expect_response(re.compile("/page/switch")):
        await page.get_by_label("Every webhook arrives twice").check()
    await visiting.press(visiting.button("Back to all is well"))
    await expect(visiting.button("All is well")).to_be_disabled()
    faults = await box.lead("/faults")
    assert (faults["next"], faults["code"], faults["duplicate"]) == ({}, None, 0.0)
    assert visiting.troubles == []


async def test_another_customer_has_unread_messages_until_their_phone_is_opened(browser: Browser, box: Alone) -> None:
    visiting = await as_customer(browser, box, GALLERY)
    page = visiting.page
    await box.says(ALI, "مرحبا")  # nobody gave this customer a phone: the first message does
    await box.send(ALI, every_kind.text("أهلا! هل تريد *القهوة*؟"))
    await box.send(ALI, every_kind.interactive("button", every_kind.replies("نعم", "لا"), "اختر"))
    other = page.get_by_role("radio", name=re.compile(r"971501234567.*2 unread"))
    await expect(other).to_be_visible()
    await other.click()
    await expect(visiting.button("نعم")).to_be_visible()
    await visiting.press(visiting.button("نعم"))
    await expect(page.locator("#messages > .mine").last).to_contain_text("نعم")
    await expect(page.get_by_role("radio", name=re.compile("unread"))).to_have_count(0)
    assert visiting.troubles == []


async def test_a_customer_is_added_by_username_and_reads_from_right_to_left(browser: Browser, box: Alone, tmp_path: Path) -> None:
    visiting = await as_customer(browser, box, GALLERY, viewport={"width": 390, "height": 844})
    page = visiting.page
    await page.get_by_label("Another one, by number or @username").fill("@layla.h")
    await page.get_by_label("Called").fill("ليلى")
    await page.get_by_label("Reads", exact=True).select_option("ar")
    await visiting.button("Add").click()
    await expect(page.get_by_role("log", name="Chat")).to_have_attribute("dir", "rtl")
    await visiting.say("مرحبا")
    thread = [one for one in (await box.lead("/customers"))["data"] if one["username"] == "layla.h"]
    assert len(thread) == 1
    await fits_and_is_accessible(page, tmp_path / "rtl.png", 390)
    assert visiting.troubles == []


# ---- without a mouse, without JavaScript


async def test_a_list_and_a_carousel_work_by_keyboard(browser: Browser, box: Alone) -> None:
    visiting = await as_customer(browser, box, GALLERY)
    page = visiting.page
    cards = page.locator(".cards").first
    await cards.scroll_into_view_if_needed()
    await cards.focus()
    assert await cards.evaluate("row => row.scrollLeft") == 0
    for _ in range(4):
        await page.keyboard.press("ArrowRight")
    await page.wait_for_function("row => row.scrollLeft > 20", arg=await cards.element_handle())
    opener = visiting.button("Choose a size")
    await opener.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name=re.compile("^Size 0"))).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    assert visiting.troubles == []


async def test_without_javascript_the_page_still_sends_presses_and_opens(browser: Browser, box: Alone) -> None:
    await box.says("34600000020")
    rows = [{"title": "All", "rows": [{"id": "a", "title": "Espresso"}, {"id": "b", "title": "Filter"}]}]
    await box.send("34600000020", every_kind.interactive("list", {"button": "Coffees", "sections": rows}, "Which coffee?"))
    visiting = await as_customer(browser, box, GALLERY, java_script_enabled=False)
    page = visiting.page
    await page.goto(f"{box.url}/?who=34600000020")
    await page.get_by_role("button", name="Coffees").click()
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("#messages > .mine").last).to_contain_text("Filter")
    await page.get_by_role("button", name="Attach").click()
    await page.get_by_role("button", name="Location").click()
    await expect(page.locator(".map")).to_be_visible()
    await page.get_by_label("Message", exact=True).fill("plain")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator("#messages > .mine").last).to_contain_text("plain")
    assert visiting.troubles == []
