"""From a look at a product's page to a message on the phone, over HTTP alone, on both databases."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest_asyncio

from ..shop.page import LOOKER, OTHER, event, viewed
from .walk import Walk

ASKED = "Hola, Ana: has estado mirando Moka pot, six cups.\n¿Hay algo que quieras saber?"


@dataclass(slots=True)
class Pages:
    """The shop's pages in somebody's browser, as our script on them speaks to the bot."""

    walk: Walk
    token: str

    async def browse(self, told: Mapping[str, Any], visitor: str = LOOKER) -> int:
        """The script posts what happened now; the status it hears."""
        now = {**told, "at": int(self.walk.now().timestamp())}
        body = json.dumps({"token": self.token, "visitor": visitor, "events": [now]})
        headers = {"Origin": self.walk.stage.shop.base_url}
        url = self.walk.stage.shop.snippet.removesuffix(".js")
        async with self.walk.stage.app.session.post(url, data=body, headers=headers) as answer:
            status = answer.status
        await self.walk.rest()
        return status

    async def looks(self, product: str = "p-moka", times: int = 2, visitor: str = LOOKER) -> None:
        """Somebody looks at a product's page, more than once."""
        title = self.walk.stage.shop.products[product].title
        for _ in range(times):
            page = viewed(product, title=title, url=f"{self.walk.stage.shop.base_url}/p/{product}")
            assert await self.browse(page, visitor) == 204
            await self.walk.turn(minutes=5)

    async def ordered_before(self, who: str, visitor: str = LOOKER) -> None:
        """Somebody ordered in this browser, a month ago."""
        self.walk.stage.shop.add(who, "p-gift")
        self.walk.stage.shop.cart(who).visitor = visitor
        self.walk.stage.shop.buy(who)
        await self.walk.turn(days=30)


@pytest_asyncio.fixture
async def pages(walk: Walk) -> AsyncIterator[Pages]:
    """The shop's pages, with the token that stands in the script."""
    async with walk.stage.app.session.get(walk.stage.shop.snippet) as answer:
        found = re.search(r'token: "([^"]+)"', await answer.text())
    assert found
    yield Pages(walk, found[1])


async def test_who_looked_twice_and_left_is_asked_on_their_phone_and_led_back(pages: Pages) -> None:
    walk = pages.walk
    await pages.ordered_before("ana")
    await pages.looks()
    await walk.turn(hours=3)
    assert walk.got("ana") == []
    await walk.turn(hours=1)
    assert walk.last("ana") == ASKED
    await walk.press("ana", "Verlo otra vez")
    (link,) = walk.links("ana")
    address = urlsplit(link)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{walk.stage.shop.base_url}/p/p-moka"
    (click,) = parse_qs(address.query)["comeback"]
    assert await pages.browse(event("came", click=click), OTHER) == 204  # her other browser
    owners = walk.rows("select value, contact from identity where kind = 'visitor' order by value")
    assert owners == [{"value": LOOKER, "contact": 1}, {"value": OTHER, "contact": 1}]


async def test_who_bought_it_in_the_meantime_is_not_asked_and_the_reason_can_be_read(pages: Pages) -> None:
    walk = pages.walk
    await pages.ordered_before("ana")
    await pages.looks()
    await walk.buy("ana", ("p-moka", 1), email_only=True)
    await walk.turn(days=2)
    assert walk.got("ana") == []
    assert "did not start: Moka pot, six cups was bought in the meantime" in await walk.reasons("ana")


async def test_nobody_is_asked_who_is_not_known_and_once_they_write_they_are(pages: Pages) -> None:
    walk = pages.walk
    await walk.tell_of("ana")
    await pages.looks()
    await walk.turn(minutes=30)
    await walk.write("ana", f"¡Hola! (ref: {LOOKER[:8]})")
    assert "ref" not in walk.last("ana")
    await walk.turn(days=1)
    assert ASKED in walk.got("ana")
