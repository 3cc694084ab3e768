"""The clients of Shopify's and WooCommerce's own APIs, against a store on loopback."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from bot.flow.facts import Money
from bot.sandbox.shop.store_api import StoreApi
from bot.shop.discounts import DiscountRefused, Offer, Outcome, ShopUnreachable, UnderWay
from bot.shop.shopify_api import Shopify
from bot.shop.shopify_graphql import Bucket, ShopifyGraphql, graphql_url
from tests.worker.till import KINDS, TOKEN, listening

START = datetime(2026, 11, 1, tzinfo=UTC)
OFFER = Offer("cart_reminder 5% 2026-11", "CASAPARENT", Decimal(5), None, START, START + timedelta(days=40))
CODES = [f"CASA{n:04d}" for n in range(60)]


class Pauses:
    """A clock that stands still but where somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __call__(self, seconds: float) -> None:
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


def test_the_address_has_the_version_in_it() -> None:
    assert graphql_url("casa.myshopify.com") == "https://casa.myshopify.com/admin/api/2026-10/graphql.json"


async def test_what_is_empty_is_waited_for_by_what_the_shop_tells_of_its_bucket() -> None:
    pauses = Pauses()
    bucket = Bucket(pauses, pauses.clock)
    bucket.told({"maximumAvailable": 2000.0, "currentlyAvailable": 4.0, "restoreRate": 100.0})
    await bucket.spend(10)
    assert pauses.seconds == pytest.approx(0.06)
    bucket.told({"maximumAvailable": 2000.0, "currentlyAvailable": 1990.0, "restoreRate": 100.0})
    await bucket.spend(10)
    assert pauses.seconds == pytest.approx(0.06)
    bucket.told({"maximumAvailable": "lots", "restoreRate": None})
    bucket.told({"maximumAvailable": 2000.0, "currentlyAvailable": 0.0, "restoreRate": 0.1})
    with pytest.raises(ShopUnreachable):
        await bucket.spend(10)


async def test_throttled_calls_are_made_again_until_it_is_too_often() -> None:
    api, pauses = StoreApi(token=TOKEN), Pauses()
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        wire = ShopifyGraphql(session, url=f"{url}/admin/api/2026-10/graphql.json", token=TOKEN, bucket=Bucket(pauses, pauses.clock))
        shop = Shopify(wire)
        api.faults.throttled = 3
        assert await shop.open(OFFER, unsure=False) in api.discounts
        assert pauses.seconds > 0
        api.faults.throttled = 100
        with pytest.raises(ShopUnreachable, match="lets us ask no more"):
            await shop.add("x", OFFER, CODES)


async def test_codes_of_a_bulk_exist_only_when_it_is_done() -> None:
    api = StoreApi(token=TOKEN)
    api.faults.polls, api.faults.taken, api.faults.too_long = 3, 2, 1
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        shop = KINDS["shopify"](session, url)
        place = await shop.open(OFFER, unsure=False)
        asked = await shop.add(place, OFFER, CODES)
        assert isinstance(asked, UnderWay)
        assert [isinstance(await shop.poll(place, OFFER, asked.bulk), UnderWay) for _ in range(2)] == [True, True]
        done = await shop.poll(place, OFFER, asked.bulk)
        assert isinstance(done, Outcome)
        assert len(done.ready) == 57
        assert set(done.lost.values()) == {
            "must be unique. Please try a different code.",
            "is too long (maximum is 255 characters)",
        }
        assert await shop.poll(place, OFFER, "gid://shopify/DiscountRedeemCodeBulkCreation/0") is None


async def test_a_parent_that_is_taken_by_our_own_code_is_ours() -> None:
    api = StoreApi(token=TOKEN)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        shop = KINDS["shopify"](session, url)
        assert await shop.open(OFFER, unsure=False) == await shop.open(OFFER, unsure=False) == await shop.open(OFFER, unsure=True)
        assert len(api.discounts) == 1


async def test_codes_asked_for_twice_are_ready_and_not_lost() -> None:
    api = StoreApi(token=TOKEN)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        shop = KINDS["shopify"](session, url)
        place = await shop.open(OFFER, unsure=False)
        for _ in range(2):
            asked = await shop.add(place, OFFER, CODES)
            assert isinstance(asked, UnderWay)
            done = await shop.poll(place, OFFER, asked.bulk)
            assert isinstance(done, Outcome)
            assert (len(done.ready), done.lost) == (60, {})


async def test_an_amount_is_told_in_the_shops_words() -> None:
    api = StoreApi(token=TOKEN)
    offer = Offer("t", "CASAPARENT", None, Money(1000, "EUR"), START, OFFER.ends)
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        place = await KINDS["shopify"](session, url).open(offer, unsure=False)
        assert api.discounts[place]["customerGets"]["value"] == {"discountAmount": {"amount": "10.00", "appliesOnEachItem": False}}


async def test_coupons_are_made_in_batches_and_known_again_by_their_description() -> None:
    api = StoreApi(token=TOKEN)
    api.faults.taken = 1
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        shop = KINDS["woocommerce"](session, url)
        await shop.add("", OFFER, CODES)
        done = await shop.add("", OFFER, CODES)
        assert isinstance(done, Outcome)
        assert (len(done.ready), [*done.lost]) == (59, [CODES[0]])
        assert await shop.look("", OFFER, [CODES[0], CODES[1]]) == {CODES[1]: done.ready[CODES[1]]}
        assert api.codes[CODES[1]].ends_at == "2026-12-11T00:00:00"
        await shop.close("", CODES[1], done.ready[CODES[1]])
        await shop.close("", CODES[1], done.ready[CODES[1]])  # gone is gone
        assert not api.exists(CODES[1])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_token_is_a_no_and_a_broken_line_is_nobody_knows(kind: str) -> None:
    api = StoreApi(token="another")
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        with pytest.raises(DiscountRefused):
            await KINDS[kind](session, url).look("", OFFER, CODES)
        api.token = TOKEN
        api.faults.down = 1
        with pytest.raises(ShopUnreachable, match="503"):
            await KINDS[kind](session, url).look("", OFFER, CODES)
        with pytest.raises(ShopUnreachable, match=r"nothing answers at http://127\.0\.0\.1:1$"):
            await KINDS[kind](session, "http://127.0.0.1:1").look("", OFFER, CODES)


NONSENSE = (b"", b"[]", b"{", b'{"data": []}', b'{"data": {}}', b"\xff", b'{"data": {"discountCodeBasicCreate": null}}')


@pytest.mark.parametrize("body", NONSENSE)
async def test_an_answer_that_makes_no_sense_is_nobody_knows(body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async with listening([web.post("/{any:.*}", answer)]) as url, aiohttp.ClientSession() as session:
        with pytest.raises(ShopUnreachable):
            await KINDS["shopify"](session, url).open(OFFER, unsure=False)
        with pytest.raises(ShopUnreachable):
            await KINDS["woocommerce"](session, url).add("", OFFER, CODES)
