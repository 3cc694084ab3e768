"""A visitor of the demo: `comeback demo` in a process of its own, the system's Chromium, and all that the page complains about."""

import asyncio
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0  # a busy machine takes its time to import
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def chromium_path() -> str:
    """The system's Chromium. Without one the test is skipped, or fails where COMEBACK_REQUIRE asks for a browser."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None and "browser" in os.environ.get("COMEBACK_REQUIRE", "").split(","):
        pytest.fail("COMEBACK_REQUIRE asks for a browser, and there is no Chromium on this machine")
    if found is None:
        pytest.skip("there is no Chromium on this machine")
    return found


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """`comeback demo`, as its README line starts it; yields the page's address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")} | {"NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--port", "0", stdout=PIPE, stderr=PIPE, env=environment, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = (await process.stdout.readline()).decode()
        found = ADDRESS.search(line)
        if found is None:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        yield found[0]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, ""), err.decode()


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """The system's Chromium, without a window. `flags` on top of those that all tests need."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Visit:
    """An open page, and everything that should not have happened on it: console, errors, policy, requests that left this machine."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    def message(self, text: str | re.Pattern[str]) -> Locator:
        """A message in the chat."""
        return self.page.get_by_role("log", name="Chat").get_by_role("listitem").filter(has_text=text)

    def heard(self, text: str | re.Pattern[str]) -> Locator:
        """What the business said: messages of its own, not those of the customer that quote them."""
        return self.page.locator("#messages > .theirs").filter(has_text=text)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """A button by what it says."""
        return self.page.get_by_role("button", name=name)

    async def press(self, button: Locator) -> None:
        """Press a button and let the page catch up."""
        async with self.page.expect_response(re.compile(r"/page/")):
            await button.click()

    async def say(self, text: str) -> None:
        """Write into the phone."""
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.press(self.page.get_by_role("button", name="Send", exact=True))
        await expect(self.message(text).last).to_be_visible()


async def watched(visiting: Visit, **options: Any) -> Page:
    """One more page, in a profile of its own; what it complains about is added to the visit's troubles."""
    browser = visiting.page.context.browser
    assert browser is not None
    context = await browser.new_context(**options)
    page = await context.new_page()
    await _watch(page, visiting.troubles)
    return page


async def fits_and_is_accessible(page: Page, picture: Path, width: int) -> None:
    """Nothing axe finds, nothing to scroll sideways; the screenshot stays for people to look at."""
    await page.evaluate("scrollTo(0, 0)")  # else the bar that stays on top is in the middle of the picture
    await page.screenshot(path=picture, full_page=True)
    across = await page.evaluate("document.documentElement.scrollWidth")
    assert across <= width, f"{across} pixels wide"
    await is_accessible(page)


LOOKS: Sequence[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")]


async def fits_in_every_look(page: Page, pictures: Path, name: str) -> None:
    """The same page as it stands now, on each width and in each scheme of LOOKS."""
    for width, scheme in LOOKS:
        await page.set_viewport_size({"width": width, "height": 844})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        try:
            await fits_and_is_accessible(page, pictures / f"{name}-{width}-{scheme}.png", width)
        except AssertionError as fault:
            fault.add_note(f"{name}, {width} pixels wide, {scheme}")
            raise


async def is_accessible(page: Page, within: str | None = None) -> None:
    """Nothing axe finds, on the page or in the one element that this selector finds."""
    found = await Axe().run(page, within)
    violations = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]]
    assert violations == [], violations


async def _watch(page: Page, troubles: list[str]) -> None:
    page.on("console", lambda message: troubles.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}") if not _is_stream(request.url) else None)

    def leaves(address: str) -> None:
        if urlsplit(address).hostname not in ("127.0.0.1", None):
            troubles.append(f"left this machine: {address}")

    page.on("request", lambda request: leaves(request.url))
    await page.add_init_script("addEventListener('securitypolicyviolation', event => console.error('policy: ' + event.violatedDirective))")


def _is_stream(address: str) -> bool:
    """Streams end when their page goes, which counts as failed."""
    return urlsplit(address).path.endswith("/live")


async def open_page(browser: Browser, url: str, **options: Any) -> Visit:
    """Open a page in a fresh profile."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    visiting = Visit(page)
    await _watch(page, visiting.troubles)
    await page.goto(url)
    return visiting


async def visit(browser: Browser, url: str, **options: Any) -> Visit:
    """Open the demo in a fresh profile."""
    visiting = await open_page(browser, url, **options)
    await expect(visiting.button("Add House espresso, 1 kg to the cart")).to_be_visible()
    return visiting
