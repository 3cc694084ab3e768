"""A knock at each platform's door is answered, and nothing is kept of it; one with another secret is refused."""

from pathlib import Path

import pytest

from bot.shop import knock
from bot.web.refusals import APART, Refusals

from .bodies import RECEIVED
from .front import BIG, PLAIN, PLAIN_SECRET, SECRET, SHOPIFY, WOO, front

DOORS = {"shopify": (SHOPIFY, SECRET), "woocommerce": (WOO, SECRET), "bigcommerce": (BIG, SECRET), "shop": (PLAIN, PLAIN_SECRET)}


@pytest.mark.parametrize("platform", DOORS)
async def test_a_knock_is_answered_and_not_kept(tmp_path: Path, platform: str) -> None:
    path, secret = DOORS[platform]
    async with front(tmp_path) as door:
        signed = knock.headers(platform, secret, "casa-lola.myshopify.com", RECEIVED)
        forged = knock.headers(platform, knock.secret_like(platform, b"x" * 32), "casa-lola.myshopify.com", RECEIVED)
        assert await door.post(path, knock.BODY, signed) == 200
        assert await door.post(path, knock.BODY, forged) == 401
        assert await door.post(path, knock.BODY, {}) == 401
        assert await door.rows() == []


async def test_a_shop_that_signs_with_another_secret_is_told_in_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with front(tmp_path) as door:
        forged = knock.headers("woocommerce", "another secret", None, RECEIVED)
        await door.post(WOO, knock.BODY, forged)
        assert not caplog.records, "a knock of ours is forged on purpose"
        for _ in range(3):
            assert await door.post(WOO, b'{"name": "Ana"}', forged) == 401
            assert await door.post(SHOPIFY, b"{}", {}) == 401
        assert await door.post("/webhooks/woocommerce/nobody", b"{}", {}) == 404
    assert _told(caplog) == ["shop lola: a delivery was refused", "shop casa: a delivery was refused"]
    assert "Ana" not in caplog.text


def test_what_was_refused_meanwhile_is_told_later(caplog: pytest.LogCaptureFixture) -> None:
    seconds = iter((0.0, 1.0, 2.0, APART, 2 * APART - 1))
    refusals = Refusals(lambda: next(seconds))
    for _ in range(5):
        refusals.refused("shop lola")
    assert _told(caplog) == ["shop lola: a delivery was refused", "shop lola: 3 more deliveries were refused"]


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(",")[0] for record in caplog.records]


def test_what_a_mapping_signs_is_not_known() -> None:
    assert knock.headers("medusa", SECRET, None, RECEIVED) is None
