"""Stores that answer as the test says: what becomes of what they leave out, delete meanwhile, or will not tell."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from bot.shop import woocommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.delivery import Told
from bot.shop.event import OrderChanged, ProductChanged, Resource, ShopperChanged, Thin
from bot.shop.field import Fields
from bot.shop.reader import LONG_AGO, Part
from bot.shop.shopify_graphql import ShopifyGraphql
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.wire import Answer, ApiRefused, Garbled, NotThere, judge
from bot.shop.woocommerce_reader import WooReader
from bot.shop.woocommerce_rest import WooRest

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
THIN = Thin(NOW, Resource.SHOPPER, "7", "gid://shopify/Customer/7", "customers/update")


class Says:
    """A store's interface that says the same whenever it is asked for a path."""

    def __init__(self, answers: Mapping[str, tuple[int, Any]]) -> None:
        self._answers = answers

    async def ask(self, *words: Any) -> Answer:
        path = next(word for word in words if str(word).startswith("/"))
        status, told = self._answers.get(path, (200, []))
        answer = Answer(status, {}, json.dumps(told).encode())
        judge(answer, "a token")
        return answer


def woo(**told: Any) -> WooReader:
    return WooReader(cast(WooRest, Says({path.replace("_", "/"): (200, one) for path, one in told.items()})), "lola", "ES", "wa")


CUSTOMER = {
    **{"id": 7, "email": "lola@example.com", "date_created_gmt": "2020-01-01T10:00:00", "date_modified_gmt": None},
    **{"billing": {"phone": "+34600111222", "country": "ES"}, "meta_data": [{"key": "wa", "value": "1"}]},
}


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({}, datetime(2020, 1, 1, 10, tzinfo=UTC)),
        ({"date_modified_gmt": "2021-05-05T10:00:00"}, datetime(2021, 5, 5, 10, tzinfo=UTC)),
        ({"date_created_gmt": None}, LONG_AGO),
    ],
)
async def test_what_is_read_of_somebody_is_never_of_now(changed: Mapping[str, Any], at: datetime) -> None:
    reader = woo(_customers=[{**CUSTOMER, **changed}])
    (first,), (second,) = [(await reader.page(Part.SHOPPER, NOW, None)).found for _ in range(2)]
    assert isinstance(first.event, ShopperChanged)
    assert (first.event.at, first.update.occurred_at) == (at, at)
    assert [one.at for one in first.event.consents] == [LONG_AGO if "date_created_gmt" in changed else datetime(2020, 1, 1, 10, tzinfo=UTC)]
    assert first.update == second.update


async def test_what_cannot_be_read_is_one_row_however_often_it_is_read() -> None:
    reader = woo(_orders=[{"id": 5, "status": "processing"}])
    (first,), (second,) = [(await reader.page(Part.ORDER, NOW - timedelta(days=1), None)).found for _ in range(2)]
    assert first.update.unreadable is not None
    assert first.update == second.update


async def test_of_a_product_only_what_is_read_is_kept() -> None:
    told = {"id": 5, "name": "Huila", "price": "12.50", "stock_status": "instock", "date_modified_gmt": "2026-10-01T10:00:00"}
    pictures = {"images": [{"src": "https://casa.example/huila.jpg", "alt": "x" * 5_000}, {"src": "https://casa.example/2.jpg"}]}
    heavy = {"description": "x" * 1_000_000, "meta_data": [{"key": "builder", "value": "y" * 1_000_000}]}
    reader = WooReader(cast(WooRest, Says({"/products/5": (200, told | pictures | heavy)})), "lola", "ES", None)
    (found,) = await reader.one(Thin(NOW, Resource.PRODUCT, "5", "5", "product.updated"))
    assert len(found.update.body) < 1_000
    whole = woocommerce.read(Told("product.updated", NOW), Fields(told | pictures))
    assert isinstance(found.event, ProductChanged)
    assert found.event == whole


async def test_an_order_that_is_deleted_while_it_is_read_is_left_out() -> None:
    order = {"total_inc_tax": "10.00", "currency_code": "EUR", "status_id": 11, "date_created": "Sun, 01 Nov 2026 10:00:00 +0000"}
    gone = [{"status": 404, "message": "The requested resource was not found."}]
    answers = {"/v2/orders": (200, [{"id": 1} | order, {"id": 2} | order, {"id": 3} | order]), "/v2/orders/2/products": (404, gone)}
    reader = BigReader(cast(BigRest, Says(answers)), "gran", "ES")
    page = await reader.page(Part.ORDER, NOW - timedelta(days=1), None)
    assert [one.event.order for one in page.found if isinstance(one.event, OrderChanged)] == ["1", "3"]


class Denying(ShopifyGraphql):
    """Keeps something from us."""

    def __init__(self, data: Any) -> None:
        self._data = data

    async def ask_partly(self, *_: Any, **__: Any) -> tuple[Any, str | None]:
        return self._data, "Access denied for customers field. Required access: `read_customers`"


@pytest.mark.parametrize("data", [{"customers": None, "customersCount": None}, {}])
async def test_a_shop_that_keeps_a_whole_part_from_us_refuses_it(data: Any) -> None:
    with pytest.raises(ApiRefused, match="read_customers"):
        await ShopifyReader(Denying(data), "casa", "ES", None).page(Part.SHOPPER, NOW, None)


async def test_a_thing_that_is_kept_from_us_is_not_gone() -> None:
    with pytest.raises(ApiRefused, match="read_customers") as refusal:
        await ShopifyReader(Denying({"node": None}), "casa", "ES", None).one(THIN)
    assert not isinstance(refusal.value, NotThere)


@pytest.mark.parametrize("told", ["nothing", 7, {"orders": []}])
async def test_an_answer_that_is_none_is_told_apart_from_a_shop_that_is_down(told: Any) -> None:
    with pytest.raises(Garbled):
        await woo(_orders=told).page(Part.ORDER, NOW, None)
