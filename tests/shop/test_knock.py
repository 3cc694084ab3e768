"""A knock at each platform's door is answered, and nothing is kept of it; one with another secret is refused."""

from pathlib import Path

import pytest

from bot.shop import knock

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


def test_what_a_mapping_signs_is_not_known() -> None:
    assert knock.headers("medusa", SECRET, None, RECEIVED) is None
