"""Shopify's Admin GraphQL of the sandbox, asked over HTTP as any client asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type, is_leaf_type

from bot.sandbox.shop import admin_api
from bot.sandbox.shop.admin_cost import Plan
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from tests.worker.till import listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = "shpat_sandbox"
ORDERS = """query orders($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id name updatedAt email lineItems(first: 5) { nodes { quantity variant { id } } } }
    pageInfo { hasNextPage endCursor } } }"""


@dataclass(slots=True)
class Asked:
    """A store with a year behind it, and the way to ask it."""

    year: Year
    api: StoreApi
    url: str
    session: aiohttp.ClientSession

    async def __call__(self, document: str, /, *, token: str = TOKEN, version: str = "2026-10", **variables: Any) -> dict[str, Any]:
        body = {"query": document, "variables": variables}
        headers = {"X-Shopify-Access-Token": token}
        async with self.session.post(f"{self.url}/admin/api/{version}/graphql.json", json=body, headers=headers) as response:
            return dict(await response.json())


class Seconds:
    """A clock for buckets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def store(orders: int = 120, plan: Plan | None = None, seconds: Seconds | None = None) -> AsyncIterator[Asked]:
    year = Year(lambda: NOW, orders=orders)
    api = StoreApi(token=TOKEN, books=year.books, plan=plan, seconds=seconds or Seconds())
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        api.at(url)
        yield Asked(year, api, url, session)


async def pages(ask: Asked, query: str | None = None, size: int = 25) -> list[dict[str, Any]]:
    """All orders, page by page."""
    found, after = list[dict[str, Any]](), None
    while True:
        told = (await ask(ORDERS, first=size, after=after, query=query))["data"]["orders"]
        found += told["nodes"]
        if not told["pageInfo"]["hasNextPage"]:
            return found
        after = told["pageInfo"]["endCursor"]


async def test_pages_tell_every_order_once_and_in_order() -> None:
    async with store() as ask:
        found = await pages(ask)
        assert [one["updatedAt"] for one in found] == sorted(one["updatedAt"] for one in found)
        assert sorted(one["id"] for one in found) == sorted(f"gid://shopify/Order/{order.id}" for order in ask.year.books.orders)


async def test_pages_backwards_tell_the_same_the_other_way_round() -> None:
    backwards = ORDERS.replace("sortKey: UPDATED_AT", "sortKey: UPDATED_AT, reverse: true")
    async with store(90) as ask:
        found, after = list[str](), None
        while True:
            told = (await ask(backwards, first=20, after=after))["data"]["orders"]
            found += [one["id"] for one in told["nodes"]]
            if not told["pageInfo"]["hasNextPage"]:
                break
            after = told["pageInfo"]["endCursor"]
        assert found == [one["id"] for one in await pages(ask)][::-1]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_goes_on_meanwhile_pages_by_change_lose_no_order(seed: int) -> None:
    clock = [NOW]
    year = Year(lambda: clock[0], orders=80, seed=seed)
    api = StoreApi(token=TOKEN, books=year.books, plan=Plan(1e9, 1e9))
    async with listening(api.routes()) as url, aiohttp.ClientSession() as session:
        ask, seen, after = Asked(year, api, url, session), set[str](), None
        for page in range(100):
            told = (await ask(ORDERS, first=10, after=after))["data"]["orders"]
            seen |= {one["id"] for one in told["nodes"]}
            if not told["pageInfo"]["hasNextPage"]:
                break
            after = told["pageInfo"]["endCursor"]
            if page < 12:
                clock[0] += timedelta(seconds=1)
                year.live(3)
        assert seen == {f"gid://shopify/Order/{one.id}" for one in year.books.orders}
        assert len(seen) > 80


async def test_an_order_that_changes_while_pages_are_read_comes_again_and_none_is_lost() -> None:
    async with store() as ask:
        first = (await ask(ORDERS, first=50))["data"]["orders"]
        seen = [one["id"] for one in first["nodes"]]
        ask.year.books.cancel(int(seen[0].rsplit("/")[-1]))
        rest, after = list[str](), first["pageInfo"]["endCursor"]
        while after:
            told = (await ask(ORDERS, first=50, after=after))["data"]["orders"]
            rest += [one["id"] for one in told["nodes"]]
            after = told["pageInfo"]["endCursor"] if told["pageInfo"]["hasNextPage"] else None
        assert rest[-1] == seen[0]
        assert len({*seen, *rest}) == 120


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("updated_at:>='2026-10-01T00:00:00Z'", lambda one: one.updated_at >= datetime(2026, 10, 1, tzinfo=UTC)),
        ("created_at:>=2026-06-01 created_at:<2026-07-01", lambda one: one.placed_at.month == 6),
        ("NOT (financial_status:paid OR financial_status:refunded)", lambda one: one.payment.value not in ("PAID", "REFUNDED")),
        ("-source_name:web", lambda one: one.source.value != "web"),
        ("test:true", lambda one: one.test),
    ],
)
async def test_a_query_finds_what_it_names(query: str, meant: Any) -> None:
    async with store() as ask:
        wanted = {f"gid://shopify/Order/{one.id}" for one in ask.year.books.orders if meant(one)}
        assert wanted
        assert {one["id"] for one in await pages(ask, query)} == wanted


async def test_an_order_is_found_by_its_checkout_its_cart_and_its_customer() -> None:
    async with store() as ask:
        order = next(one for one in ask.year.books.orders if one.checkout_token and one.customer)
        for query in (
            f"checkout_token:{order.checkout_token}",
            f"cart_token:'{order.cart_token}'",
            f"customer_id:{order.customer} id:{order.id}",
        ):
            assert [one["name"] for one in await pages(ask, query)] == [f"#{order.number}"]


async def test_a_name_that_no_search_knows_counts_for_nothing_and_is_warned_of() -> None:
    async with store(30) as ask:
        told = await ask(ORDERS, first=50, query="colour:red")
        assert len(told["data"]["orders"]["nodes"]) == 30
        assert told["extensions"]["search"][0]["warnings"][0]["field"] == "colour"


@pytest.mark.parametrize("query", ["(id:1", "id:1)", "AND id:1", "updated_at:>soon", "id:1 OR"])
async def test_a_search_that_cannot_be_read_is_refused(query: str) -> None:
    async with store(3) as ask:
        (error,) = (await ask(ORDERS, first=1, query=query))["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"first": 251}, "first cannot exceed 250"),
        ({"first": 1, "after": "no cursor"}, "Invalid cursor for current pagination sort."),
        ({"first": "many"}, "Variable '$first'"),
        ({}, "Variable '$first'"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(variables: dict[str, Any], why: str) -> None:
    async with store(3) as ask:
        (error,) = (await ask(ORDERS, **variables))["errors"]
        assert error["message"].startswith(why)


async def test_a_field_that_does_not_exist_fails_as_at_shopify() -> None:
    async with store(3) as ask:
        (error,) = (await ask("{ abandonedCheckouts(first: 1) { nodes { id phone } } }"))["errors"]
        assert error["message"] == "Field 'phone' doesn't exist on type 'AbandonedCheckout'"
        assert error["extensions"] == {"code": "undefinedField", "typeName": "AbandonedCheckout", "fieldName": "phone"}


@pytest.mark.parametrize(
    ("version", "consent", "token"),
    [("2026-10", True, True), ("2026-07", True, True), ("2026-04", False, False), ("2024-01", False, False)],
)
async def test_a_field_that_came_later_does_not_exist_in_an_older_version(version: str, consent: bool, token: bool) -> None:
    whatsapp = "{ customers(first: 1) { nodes { defaultPhoneNumber { whatsAppMarketingConsent { state } } } } }"
    async with store(3) as ask:
        assert ("errors" not in await ask(whatsapp, version=version)) is consent
        assert ("errors" not in await ask("{ orders(first: 1) { nodes { checkoutToken } } }", version=version)) is token
        assert "errors" not in await ask("{ orders(first: 1) { nodes { name } } }", version=version)
        assert (await ask("{ shop { name } }", version="tomorrow"))["errors"] == "Not Found"


def everything(kind: GraphQLObjectType, depth: int) -> str:
    """Each field of a type that can be asked for without knowing more."""
    parts = []
    for name, field in kind.fields.items():
        of, given = get_named_type(field.type), field.args
        arguments = "(first: 2)" if "first" in given else ""
        if is_leaf_type(of):
            parts.append(name + arguments)
        elif isinstance(of, GraphQLObjectType) and depth:
            if inside := everything(of, depth - 1):
                parts.append(f"{name}{arguments} {{ {inside} }}")
        elif isinstance(of, GraphQLInterfaceType | GraphQLUnionType) and depth:
            inside = " ".join(
                f"... on {each.name} {{ {everything(each, 0)} }}" for each in admin_api._schema(admin_api.VERSION).get_possible_types(of)
            )
            parts.append(f"{name}{arguments} {{ __typename {inside} }}")
    return " ".join(parts)


@pytest.mark.parametrize("name", ["orders", "abandonedCheckouts", "customers", "products", "productVariants"])
async def test_each_field_of_the_schema_says_something(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_api, "MOST_COST", 10**9)
    async with store(60, plan=Plan(1e12, 1e12)) as ask:
        ask.year.books.refund(next(one.id for one in ask.year.books.orders if one.parcels and one.code), 10**6)
        kind = admin_api._schema(admin_api.VERSION).type_map[f"{name[0].upper()}{name[1:-1]}"]
        assert isinstance(kind, GraphQLObjectType)
        told = await ask(f"{{ {name}(first: 60) {{ nodes {{ {everything(kind, 3)} }} }} }}")
        assert "errors" not in told
        assert told["data"][name]["nodes"]


async def test_what_a_query_costs_is_told_and_too_dear_ones_are_refused() -> None:
    async with store(60) as ask:
        cost = (await ask(ORDERS, first=10))["extensions"]["cost"]
        assert cost["requestedQueryCost"] == 2 + 4 * (1 + 2 + 3 * 2)
        assert 0 < cost["actualQueryCost"] < cost["requestedQueryCost"]
        assert cost["throttleStatus"]["currentlyAvailable"] == 2000 - cost["actualQueryCost"]
        lines = "lineItems(first: 250) { nodes { id } }"
        deep = f"{{ orders(first: 250) {{ nodes {{ customer {{ orders(first: 250) {{ nodes {{ {lines} }} }} }} }} }} }}"
        (error,) = (await ask(deep))["errors"]
        assert error["extensions"]["code"] == "MAX_COST_EXCEEDED"
        (error,) = (await ask("{ orders(first: 251) { nodes { id } } }"))["errors"]
        assert error["message"] == "first cannot exceed 250"


async def test_the_bucket_empties_and_fills_with_time() -> None:
    seconds = Seconds()
    async with store(60, plan=Plan(200, 100), seconds=seconds) as ask:
        told = await ask(ORDERS, first=10)
        while "errors" not in told:
            told = await ask(ORDERS, first=10)
        assert told["errors"][0]["extensions"]["code"] == "THROTTLED"
        status = told["extensions"]["cost"]["throttleStatus"]
        seconds.now += (told["extensions"]["cost"]["requestedQueryCost"] - status["currentlyAvailable"]) / status["restoreRate"]
        assert "errors" not in await ask(ORDERS, first=10)


async def test_without_approval_nobody_has_a_name_or_a_number() -> None:
    people = (
        "{ customers(first: 50) { nodes { firstName defaultPhoneNumber { phoneNumber } defaultEmailAddress { emailAddress } createdAt } } }"
    )
    async with store() as ask:
        assert any(one["defaultPhoneNumber"] for one in (await ask(people))["data"]["customers"]["nodes"])
        ask.api.shopify.approved = False
        for one in (await ask(people))["data"]["customers"]["nodes"]:
            assert one.pop("createdAt")
            assert set(one.values()) == {None}


async def test_a_missing_scope_is_told_by_name_and_old_orders_need_one_of_their_own() -> None:
    async with store() as ask:
        ask.api.shopify.scopes -= {"read_all_orders"}
        names = {f"#{one.number}" for one in ask.year.books.orders if one.placed_at > NOW - timedelta(days=60)}
        assert {one["name"] for one in await pages(ask)} == names
        ask.api.shopify.scopes -= {"read_orders"}
        (error,) = (await ask("{ orders(first: 1) { nodes { id } } }"))["errors"]
        assert error["extensions"]["code"] == "ACCESS_DENIED"
        assert error["extensions"]["requiredAccess"] == "`read_orders` access scope."


async def test_a_wrong_token_is_turned_away() -> None:
    async with store(3) as ask:
        assert "Invalid API key" in (await ask("{ shop { name } }", token="wrong"))["errors"]


async def test_webhooks_are_subscribed_to_once_changed_and_ended() -> None:
    create = """mutation make($topic: WebhookSubscriptionTopic!, $uri: String!) {
      webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
        webhookSubscription { id topic uri apiVersion { handle } } userErrors { field message } } }"""
    listing = "{ webhookSubscriptions(first: 10) { nodes { id topic uri } } }"
    async with store(3) as ask:
        made = (await ask(create, topic="ORDERS_CREATE", uri="https://bot.example/webhooks"))["data"]["webhookSubscriptionCreate"]
        assert made["webhookSubscription"]["apiVersion"] == {"handle": "2026-10"}
        again = (await ask(create, topic="ORDERS_CREATE", uri="https://bot.example/webhooks"))["data"]["webhookSubscriptionCreate"]
        assert again["userErrors"][0]["message"] == "Address for this topic has already been taken"
        assert (await ask(create, topic="ORDERS_CREATE", uri="ftp://x"))["data"]["webhookSubscriptionCreate"]["userErrors"]
        (one,) = (await ask(listing))["data"]["webhookSubscriptions"]["nodes"]
        gone = await ask("mutation end($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }", id=one["id"])
        assert gone["data"]["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"] == one["id"]
        assert (await ask(listing))["data"]["webhookSubscriptions"]["nodes"] == []


async def test_a_customer_who_gave_a_number_can_be_opted_out_of_whatsapp() -> None:
    change = """mutation stop($id: ID!) { customerWhatsAppMarketingConsentUpdate(input: {customerId: $id,
      whatsAppMarketingConsent: {marketingState: UNSUBSCRIBED}}) { userErrors { message } } }"""
    async with store() as ask:
        assert "errors" in await ask(change, id="gid://shopify/Customer/1")  # the field is called state
        customer = next(one for one in ask.year.books.customers if one.phone and one.whatsapp.state.value == "SUBSCRIBED")
        told = await ask(change.replace("marketingState", "state"), id=f"gid://shopify/Customer/{customer.id}")
        assert told["data"]["customerWhatsAppMarketingConsentUpdate"]["userErrors"] == []
        assert ask.year.books.customers[customer.id].whatsapp.state.value == "UNSUBSCRIBED"
        silent = ask.year.books.know(replace(customer, phone=None))
        told = await ask(change.replace("marketingState", "state"), id=f"gid://shopify/Customer/{silent.id}")
        assert told["data"]["customerWhatsAppMarketingConsentUpdate"]["userErrors"]
