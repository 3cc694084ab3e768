"""The desk in a real Chromium, with every kind of message in one thread: nothing runs, nothing leaves, everything can be used."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.flow.run import Media, MediaKind, Text
from bot.store import files, outbox
from tests.channel.depot import sha256
from tests.web.desk import PASSWORD, Front, asked_for_a_person, desk
from tests.web.everything import PAGE, PICTURE, everything
from tests.worker.bench import NUMBER

from .visit import Visit, _watch, chromium, fits_and_is_accessible

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
LOOKS: dict[str, dict[str, Any]] = {
    "wide-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "wide-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    """A desk with a thread of everything."""
    async with desk(str(tmp_path / "comeback.db"), tmp_path / "files") as opened:
        await asked_for_a_person(opened)
        await everything(opened)
        yield opened


async def at_the_thread(browser: Browser, front: Front, **options: Any) -> Visit:
    """Sam, with Lola's thread open."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    visiting = Visit(page)
    await _watch(page, visiting.troubles)
    await page.goto(f"{front.url}/desk/login")
    await page.get_by_label("Your name").fill("Sam")
    await page.get_by_label("The desk's password").fill(PASSWORD)
    await page.get_by_role("button", name="Come in").click()
    await page.wait_for_url(re.compile("/desk$"), wait_until="load")
    await page.goto(f"{front.url}/desk/{await front.bench.contact()}")
    return visiting


LOADED = "[...document.querySelectorAll('.line .picture:not(.sticker) img')].every(one => one.naturalWidth > 0)"


async def until(page: Page, what: str) -> None:
    """Wait for something on the page (Playwright's own way needs `eval`, which our policy forbids)."""
    async with asyncio.timeout(10):
        while not await page.evaluate(what):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("looks", LOOKS)
async def test_a_thread_of_everything_can_be_used_by_everybody(browser: Browser, front: Front, tmp_path: Path, looks: str) -> None:
    await front.bench.store.run(outbox.stop_number(NUMBER, "the access token is no longer valid: make a new one"))
    visiting = await at_the_thread(browser, front, **LOOKS[looks])
    page = visiting.page
    await expect(page.get_by_text("Nothing is sent:")).to_be_visible()
    await page.evaluate("for (const one of document.images) one.loading = 'eager'")
    await until(page, LOADED)
    await fits_and_is_accessible(page, tmp_path / f"{looks}.png", LOOKS[looks]["viewport"]["width"])
    await page.evaluate("for (const one of document.querySelectorAll('html, body, .desk, .case, .log')) one.style.cssText = 'height: auto'")
    await page.evaluate("document.querySelector('.log').style.overflow = 'visible'")
    await fits_and_is_accessible(page, tmp_path / f"{looks}-whole.png", LOOKS[looks]["viewport"]["width"])
    assert visiting.troubles == []
    await page.context.close()


async def test_a_picture_comes_into_its_place_and_opens_whole(browser: Browser, front: Front) -> None:
    visiting = await at_the_thread(browser, front)
    page = visiting.page
    waiting = page.get_by_role("listitem").filter(has_text="is being fetched")
    await expect(waiting).to_have_count(1)
    (wanted,) = await front.bench.store.run(files.claim(front.bench.now, 5))
    kept = front.shelf.put(PICTURE)
    await front.bench.store.run(files.arrived(wanted, files.File(kept.sha256, kept.size, "image/png")))
    await expect(waiting).to_have_count(0)
    await expect(page.get_by_role("img", name=re.compile("^Picture from"))).to_have_count(2)
    async with page.expect_popup() as opening:
        await page.get_by_role("img", name=re.compile("^Picture from")).last.click()
    whole = await opening.value
    await whole.wait_for_load_state()
    assert await whole.evaluate("[document.contentType, document.images[0].naturalWidth]") == ["image/png", 320]
    assert visiting.troubles == []
    await page.context.close()


async def test_what_a_customer_sent_is_saved_and_never_opened(browser: Browser, front: Front, tmp_path: Path) -> None:
    visiting = await at_the_thread(browser, front)
    page = visiting.page
    async with page.expect_download() as saving:
        await page.get_by_role("link", name=re.compile(r"y\.html")).click()
    saved = await saving.value
    assert saved.suggested_filename.endswith("y.html")
    assert "/" not in saved.suggested_filename
    await saved.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == PAGE
    address = await page.get_by_role("link", name=re.compile(r"y\.html")).get_attribute("href")
    await page.evaluate("address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))", address)
    await page.wait_for_timeout(300)
    assert not [one for one in visiting.troubles if one.startswith("dialog")]
    await page.context.close()


@pytest.mark.parametrize("script", [True, False])
async def test_staff_send_a_picture_with_or_without_javascript(browser: Browser, front: Front, script: bool) -> None:
    visiting = await at_the_thread(browser, front, java_script_enabled=script)
    page = visiting.page
    name = "Größe \u00ab42\u00bb \u65e5\u672c.png"
    await page.get_by_label("A file to send with it").set_input_files({"name": name, "mimeType": "image/png", "buffer": PICTURE})
    await page.get_by_label("Your answer").fill("These?")
    await page.get_by_role("button", name="Send", exact=True).click()
    ours = page.get_by_role("listitem").filter(has_text="These?")
    await expect(ours).to_have_count(1)
    await expect(ours.get_by_role("img", name=re.compile("^Picture from Staff"))).to_have_count(1)
    await expect(page.get_by_label("Your answer")).to_have_value("")
    assert await page.get_by_label("A file to send with it").input_value() == ""
    await front.control()
    sent = front.bench.channel.sent[-1].content
    assert sent == Text("These?", media=Media(MediaKind.IMAGE, file=sha256(PICTURE), filename=name))

    await page.get_by_label("A file to send with it").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": PAGE})
    await page.get_by_label("Your answer").fill("And this")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("alert").filter(has_text="WhatsApp does not take this file")).to_be_visible()
    await expect(page.get_by_label("Your answer")).to_have_value("And this")
    refused = [one for one in visiting.troubles if "422" in one]
    assert [one for one in visiting.troubles if one not in refused] == []
    await page.context.close()


async def test_a_sound_plays(browser: Browser, front: Front) -> None:
    visiting = await at_the_thread(browser, front)
    player = visiting.page.locator("audio").first
    await player.evaluate("one => { one.muted = true; return one.play() }")
    await until(visiting.page, "document.querySelector('audio').currentTime > 0.2")
    assert visiting.troubles == []
    await visiting.page.context.close()
