"""What the doctor finds at a shop and on the way to our door, against stores on loopback: each fault with its remedy."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from bot import settings as settings_module
from bot.command import doctor, doctor_shop, shop_connect, shop_door
from bot.command import shop as list_of_shops
from bot.command.exit_code import EX_TEMPFAIL
from bot.command.finding import Finding, Health
from bot.command.shop import State
from bot.command.shop_connect import Outcome
from bot.command.shop_door import Stand
from bot.flow import library
from bot.flow.rules import StoreRules
from bot.sandbox.shop.admin_api import CLIENT_ID, CLIENT_SECRET, VERSION
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.settings import Settings, ShopSettings
from bot.shop.hooks import Act
from bot.shop.shopify import TOPICS
from bot.shop.woocommerce import TOPICS as WOO_TOPICS
from bot.store import erasure_log, privacy
from bot.store.database import open_database, read_only
from bot.store.erasure_log import ErasureLog
from bot.worker.playbook import Playbook
from tests.shop.front import SECRET, front

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TOKEN, DOMAIN = "shpat_of_the_tests", "casa-lola.myshopify.com"
RULES = StoreRules(name="Casa", currency="EUR", timezone="Europe/Madrid")
ALL_SCOPES = frozenset(
    {"read_orders", "read_customers", "read_fulfillments", "read_products", "read_inventory", "read_draft_orders"}
    | {"read_customer_merge", "read_all_orders", "read_discounts", "write_discounts"}
)


@dataclass
class Place:
    """A store, and what is set. `answer` stands before the store's interface, where something does."""

    api: StoreApi
    settings: Settings
    shop: ShopSettings
    heard: dict[str, datetime] = field(default_factory=dict)
    rules: StoreRules | None = RULES
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    answer: web.Response | None = None

    def settings_say(self, **changes: object) -> None:
        """What the settings say beside the shop's own from now on."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]  # as below

    def sets(self, **changes: object) -> None:
        """The shop's settings from now on."""
        self.shop = replace(self.shop, **changes)  # type: ignore[arg-type]  # names and values of the tables below
        self.settings = replace(self.settings, shops={self.shop.name: self.shop})

    async def connected(self) -> shop_connect.Report:
        """`comeback shop connect`."""
        return await shop_connect.connect(self.settings, self.shop, self.rules, remove=False, dry_run=False)

    async def examined(self) -> Mapping[str, list[Finding]]:
        """What the doctor finds, by what it is about."""
        found: dict[str, list[Finding]] = {}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            async for one in doctor_shop.examine(session, self.settings, self.rules, self.heard, self.now):
                found.setdefault(one.about.removeprefix(f"{self.shop.name} "), []).append(one)
        return found


@asynccontextmanager
async def _place(name: str, platform: str, public_url: str = "http://127.0.0.1:9", **access: Any) -> AsyncIterator[Place]:
    """A store on loopback. Nobody listens at the public address unless told otherwise."""
    books = Year(lambda: datetime.now(UTC), orders=40).books
    books.domain = DOMAIN
    api = StoreApi(token=TOKEN, books=books)
    api.shopify.scopes = ALL_SCOPES
    place: Place | None = None

    @web.middleware
    async def before(request: web.Request, handler: Handler) -> web.StreamResponse:
        if place is not None and place.answer is not None:
            said = place.answer
            return web.Response(status=said.status, body=said.body, headers=said.headers)
        return await handler(request)

    app = web.Application(middlewares=[before])
    app.add_routes(api.routes())
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    api.at(url)
    front_page = f"{url}/stores/{STORE_HASH}" if platform == "bigcommerce" else url
    shop = replace(ShopSettings(name, (SECRET,), region="ES", platform=platform, api_url=front_page), **access)
    settings = replace(settings_module.read({}, serving=False), public_url=public_url, shops={name: shop})
    place = Place(api, settings, shop, {name: datetime.now(UTC)})
    try:
        yield place
    finally:
        await runner.cleanup()


SHOPIFY, WOO, BIG = ("casa", "shopify"), ("lola", "woocommerce"), ("gran", "bigcommerce")
ACCESS: Mapping[tuple[str, str], Mapping[str, str]] = {
    SHOPIFY: {"domain": DOMAIN, "api_token": TOKEN},
    WOO: {"api_key": "ck_sandbox", "api_secret": TOKEN},
    BIG: {"domain": STORE_HASH, "api_token": TOKEN},
}


def _verdicts(found: Mapping[str, list[Finding]]) -> dict[str, list[Health]]:
    return {about: [one.verdict for one in several] for about, several in found.items()}


@pytest.mark.parametrize("kind", [SHOPIFY, WOO], ids=["shopify", "woocommerce"])
async def test_a_shop_that_is_all_well_is_told_so_and_what_is_there_stays(tmp_path: Path, kind: tuple[str, str]) -> None:
    async with front(tmp_path) as door, _place(*kind, public_url=door.url, **ACCESS[kind]) as place:
        report = await place.connected()
        assert report.code == 0, report.findings
        assert {one.move.act for one in report.done} == {Act.REGISTER}
        found = _verdicts(await place.examined())
        assert found.pop("address") == [Health.HINT]  # it is not https here
        assert found.pop("scopes", [Health.WELL]) == [Health.WELL]  # Shopify has some
        assert found == {about: [Health.WELL] for about in ("access", "webhooks", "phones", "heard")}
        again = await place.connected()
        assert (again.code, {one.move.act for one in again.done}) == (0, {Act.KEEP})
        assert await door.rows() == []  # none of the knocks was kept


async def test_a_bigcommerce_store_that_is_all_well_is_told_so() -> None:
    async with _place(*BIG, **ACCESS[BIG]) as place:
        report = await place.connected()
        assert ({one.move.act for one in report.done}, {one.outcome for one in report.done}) == ({Act.REGISTER}, {Outcome.DONE})
        found = _verdicts(await place.examined())
        assert found.pop("address") == [Health.ILL]  # nobody listens there
        assert found == {about: [Health.WELL] for about in ("access", "webhooks", "phones", "heard")}
        assert {one.move.act for one in (await place.connected()).done} == {Act.KEEP}


async def test_a_shop_that_had_taken_the_app_out_is_back_once_it_is_connected(tmp_path: Path) -> None:
    async with _place(*WOO, **ACCESS[WOO]) as place:
        place.settings = replace(place.settings, database=str(tmp_path / "comeback.db"))
        store = await open_database(place.settings.database)
        await store.run(privacy.close_shop("lola", NOON))
        await store.close()
        planned = await shop_connect.connect(place.settings, place.shop, place.rules, remove=False, dry_run=True)
        assert "the app" not in {one.about for one in planned.findings}
        assert await read_only(place.settings.database, privacy.closed_shops()) == {"lola": NOON}
        assert "took the app out on 2026-11-02" in "".join(one.sentence for one in await doctor.database(place.settings))
        (back,) = [one for one in (await place.connected()).findings if one.about == "the app"]
        assert (back.verdict, "is back" in back.sentence) == (Health.WELL, True)
        assert await read_only(place.settings.database, privacy.closed_shops()) == {}
        assert [line.what for line in ErasureLog(erasure_log.beside(place.settings.database, None)).read()] == ["shop_back"]


Change = Callable[[Place], object]


def _sets(**changes: object) -> Change:
    return lambda place: place.sets(**changes)


def _answers(status: int, text: str = "", **headers: str) -> Change:
    def change(place: Place) -> None:
        place.answer = web.Response(status=status, text=text, headers=headers)

    return change


def _without_phones(place: Place) -> None:
    books = place.api.books
    for checkout in list(books.checkouts):
        books.checkouts.remove(checkout.id)
    for order in list(books.orders):
        address = replace(order.address, phone=None)
        books.orders.put(replace(order, phone=None, customer=None, address=address))


def _hooks(**changes: object) -> Change:
    """Shopify's subscriptions as somebody left them."""

    def change(place: Place) -> None:
        everyone = place.api.shopify.subscriptions.all
        everyone |= {key: replace(one, **changes) for key, one in everyone.items()}  # type: ignore[arg-type]  # as above

    return change


def _woo_hooks(**changes: str) -> Change:
    def change(place: Place) -> None:
        for one in place.api.woo.webhooks.values():
            one.update(changes)

    return change


def _big_hooks(**changes: object) -> Change:
    def change(place: Place) -> None:
        for one in place.api.big.hooks.values():
            one.update(changes)

    return change


def _later(**length: float) -> Change:
    def change(place: Place) -> None:
        place.now += timedelta(**length)

    return change


SHOPIFY_ILLS: list[tuple[str, Change, str, Health, str]] = [
    ("token wrong", _sets(api_token="another"), "access", Health.ILL, "take the token (401): it is wrong, or was taken"),
    ("forbidden", _answers(403, '{"errors": "Forbidden"}'), "access", Health.ILL, "lives on read_orders and read_customers"),
    ("store unknown", _answers(404, '{"errors": "Not Found"}'), "access", Health.ILL, "ends in .myshopify.com"),
    ("store frozen", _answers(402, '{"errors": "Unavailable Shop"}'), "access", Health.ILL, "has a bill to pay"),
    ("nobody there", _sets(api_url="http://127.0.0.1:9"), "access", Health.ILL, "nothing answers at http://127.0.0.1:9"),
    ("down", lambda place: setattr(place.api.faults, "down", 1), "access", Health.ILL, "503"),
    ("nothing set", _sets(api_token=None), "access", Health.HINT, "set COMEBACK_SHOP_CASA_API_KEY"),
    ("client secret wrong", _sets(api_token=None, api_key="c0ffee"), "access", Health.ILL, "is it installed in this store"),
    ("another store", _sets(domain="other.myshopify.com"), "store", Health.ILL, f"it calls itself {DOMAIN}"),
    ("store not set", _sets(domain=None), "store", Health.HINT, f"set COMEBACK_SHOP_CASA_DOMAIN={DOMAIN}"),
    ("region not set", _sets(region=None), "store", Health.HINT, "set COMEBACK_SHOP_CASA_REGION=ES"),
    ("another country", _sets(region="PT"), "store", Health.HINT, "it is in ES, and COMEBACK_SHOP_CASA_REGION says PT"),
    ("currency", lambda place: setattr(place.api.books, "currency", "USD"), "store", Health.HINT, "says currency: EUR"),
    ("time zone", lambda place: setattr(place.api.books, "timezone", "Asia/Tokyo"), "store", Health.HINT, "says timezone: Europe/Madrid"),
    ("no orders", lambda place: setattr(place.api.shopify, "scopes", ALL_SCOPES - {"read_orders"}), "scopes", Health.ILL, "read_orders is"),
    ("no stock", lambda place: setattr(place.api.shopify, "scopes", ALL_SCOPES - {"read_inventory"}), "scopes", Health.HINT, "tick them"),
    ("hook gone", lambda place: place.api.shopify.subscriptions.all.popitem(), "webhooks", Health.ILL, "connect shopify casa"),
    ("hooks moved", _hooks(uri="https://old.example/webhooks/shopify/casa"), "webhooks", Health.HINT, "lead to https://old.example"),
    (
        "hooks of others",
        _hooks(uri="https://other.example/hooks"),
        "webhooks",
        Health.ILL,
        f"and {len(TOPICS) - 4} more are not registered",
    ),
    ("hooks filtered", _hooks(filter="total_price:>100"), "webhooks", Health.ILL, "a filter kept some of it back"),
    ("hooks cut", _hooks(include_fields=("id",)), "webhooks", Health.ILL, "it told some fields only"),
    ("hooks old", _hooks(api_version="2026-04"), "webhooks", Health.HINT, "choose 2026-07 or later"),
    ("not approved", lambda place: setattr(place.api.shopify, "approved", False), "phones", Health.ILL, "custom distribution"),
    ("no phones", _without_phones, "phones", Health.ILL, "Shipping address phone number: Required"),
    ("clock ahead", _later(minutes=10), "clock", Health.ILL, "ours is 10 minutes ahead of the shop's"),
    ("clock behind", _later(minutes=-7), "clock", Health.ILL, "ours is 7 minutes behind the shop's"),
    ("never heard", lambda place: place.heard.clear(), "heard", Health.HINT, "put something into a cart there"),
    ("silent", lambda place: place.heard.update(casa=place.now - timedelta(days=4)), "heard", Health.HINT, "is that all it sold"),
]
BIG_ILLS: list[tuple[str, Change, str, Health, str]] = [
    ("token wrong", _sets(api_token="another"), "access", Health.ILL, "Store-level API accounts"),
    ("store unknown", lambda place: place.sets(api_url=f"{place.shop.api_url}x"), "access", Health.ILL, "behind /stores/"),
    ("switched off", _big_hooks(is_active=False), "webhooks", Health.ILL, "ninety without an event"),
    (
        "moved",
        _big_hooks(destination="https://old.example/webhooks/bigcommerce/gran"),
        "webhooks",
        Health.HINT,
        "lead to https://old.example",
    ),
    ("another store", _sets(domain="otherhash"), "store", Health.ILL, f"it calls itself {STORE_HASH}"),
    ("no phones", _without_phones, "phones", Health.ILL, "Phone number: required"),
]
WOO_ILLS: list[tuple[str, Change, str, Health, str]] = [
    ("key wrong", _sets(api_key="ck_other"), "access", Health.ILL, "WooCommerce knows no such key"),
    ("header taken away", _sets(api_key="ck_other"), "access", Health.ILL, "SetEnvIf Authorization"),
    ("secret wrong", _sets(api_secret="cs_other"), "access", Health.ILL, "Consumer secret is invalid"),
    ("plain permalinks", _answers(404, "<html>Oops</html>"), "access", Health.ILL, "Settings > Permalinks"),
    ("a theme answers", _answers(200, "<html>Welcome</html>"), "access", Health.ILL, "Settings > Permalinks"),
    ("www", _answers(301, Location="https://www.lola.example/wp-json/"), "access", Health.ILL, "on to https://www.lola.example"),
    ("shut", _answers(403, "<html>Blocked</html>"), "access", Health.ILL, "a security plugin or a firewall"),
    ("no plugin", _answers(200, '{"name": "Lola", "namespaces": ["wp/v2"]}'), "access", Health.ILL, "is the plugin active"),
    ("down", _answers(502), "access", Health.ILL, "502"),
    ("switched off", _woo_hooks(status="disabled"), "webhooks", Health.ILL, "as WooCommerce does after some answers it does not like"),
    ("paused", _woo_hooks(status="paused"), "webhooks", Health.ILL, "it was paused"),
    ("made by hand", _woo_hooks(name="Order created"), "webhooks", Health.ILL, "it may sign with another secret"),
    ("no phones", _without_phones, "phones", Health.ILL, "Phone field, required"),
    ("another country", _sets(region="PT"), "store", Health.HINT, "it is in ES"),
]


@pytest.mark.parametrize(("change", "about", "verdict", "said"), [row[1:] for row in SHOPIFY_ILLS], ids=[row[0] for row in SHOPIFY_ILLS])
async def test_each_fault_of_a_shopify_store_is_found_with_what_to_do(change: Change, about: str, verdict: Health, said: str) -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        address = f"{place.settings.public_url}/webhooks/shopify/casa"
        for topic in TOPICS:
            place.api.shopify.subscriptions.make(topic.replace("/", "_").upper(), address, VERSION, place.now)
        change(place)
        found = await place.examined()
    assert (verdict, True) in [(one.verdict, said in one.sentence) for one in found.get(about, [])], found


OTHER_ILLS = [(WOO, *row[1:]) for row in WOO_ILLS] + [(BIG, *row[1:]) for row in BIG_ILLS]


@pytest.mark.parametrize(
    ("kind", "change", "about", "verdict", "said"),
    OTHER_ILLS,
    ids=[f"{kind} {row[0]}" for kind, rows in (("woocommerce", WOO_ILLS), ("bigcommerce", BIG_ILLS)) for row in rows],
)
async def test_each_fault_of_the_others_is_found_with_what_to_do(
    kind: tuple[str, str], change: Change, about: str, verdict: Health, said: str
) -> None:
    async with _place(*kind, **ACCESS[kind]) as place:
        await place.connected()
        change(place)
        found = await place.examined()
    assert (verdict, True) in [(one.verdict, said in one.sentence) for one in found.get(about, [])], found


async def test_what_is_wrong_on_the_way_to_our_door_is_found(tmp_path: Path) -> None:
    faults: list[tuple[dict[str, object], Stand, str]] = [
        ({}, Stand.OPEN, "leads here"),
        ({"secrets": ("another-secret",)}, Stand.REFUSES, "has 'comeback serve' another COMEBACK_SHOP_CASA_SECRET"),
        ({"name": "casas"}, Stand.REFUSES, "other COMEBACK_SHOPS"),
    ]
    async with front(tmp_path) as door, _place(*SHOPIFY, public_url=door.url, **ACCESS[SHOPIFY]) as place:
        for changes, stand, said in faults:
            shop = replace(place.shop, **changes)  # type: ignore[arg-type]  # names and values of the table
            seen = await shop_door.look(door.session, shop, f"{door.url}/webhooks/shopify/{shop.name}", place.now)
            assert (seen.stand, said in _sentence(seen)) == (stand, True)
        seen = await shop_door.look(door.session, place.shop, "http://127.0.0.1:9/webhooks/shopify/casa", place.now)
        assert seen.stand is Stand.SILENT
        assert _sentence(seen) == "nothing answers at http://127.0.0.1:9: is 'comeback serve' running behind it?"
        place.answer = web.Response(status=502)  # as a proxy says it
        seen = await shop_door.look(door.session, place.shop, f"{place.shop.api_url}/webhooks/shopify/casa", place.now)
        assert (seen.stand, "502: is 'comeback serve' running" in _sentence(seen)) == (Stand.SILENT, True)


def _sentence(door: shop_door.Door) -> str:
    return door.finding.sentence if door.finding else ""


async def test_a_store_set_wrongly_is_the_only_reason_that_is_told_of_a_door_that_refuses(tmp_path: Path) -> None:
    async with front(tmp_path) as door, _place(*SHOPIFY, public_url=door.url, **ACCESS[SHOPIFY]) as place:
        await place.connected()
        place.sets(domain="other.myshopify.com")
        found = await place.examined()
        assert [one.verdict for one in found["store"]] == [Health.ILL]
        assert "address" not in found
        report = await place.connected()
        assert "address" not in {one.about for one in report.findings}
        place.sets(domain=DOMAIN, secrets=("wrongwrong",))
        assert (await place.examined())["address"][0].verdict is Health.ILL


def _woo_as_it_is(place: Place) -> object:
    return {key: dict(one) for key, one in place.api.woo.webhooks.items()}


def _shopify_as_it_is(place: Place) -> object:
    return dict(place.api.shopify.subscriptions.all)


def _forget_one(place: Place) -> None:
    place.api.shopify.subscriptions.all.popitem()


def _shopify_forgets_one_and_we_the_secret(place: Place) -> None:
    _forget_one(place)
    place.sets(secrets=("wrongwrong",))


@pytest.mark.parametrize(
    ("kind", "as_it_is", "change"),
    [
        (WOO, _woo_as_it_is, _sets(secrets=("wrongwrong",))),
        (SHOPIFY, _shopify_as_it_is, _shopify_forgets_one_and_we_the_secret),
        (SHOPIFY, _shopify_as_it_is, lambda place: place.settings_say(public_url=f"{place.settings.public_url}/bot")),
        (WOO, _woo_as_it_is, lambda place: place.settings_say(public_url=place.shop.api_url)),  # another server, which answers 404
    ],
    ids=["woocommerce, another secret", "shopify, another secret", "shopify, another path", "woocommerce, another server"],
)
async def test_a_shop_that_works_is_left_as_it_is_while_our_own_door_refuses_what_it_would_tell(
    tmp_path: Path, kind: tuple[str, str], as_it_is: Callable[[Place], object], change: Change
) -> None:
    async with front(tmp_path) as door, _place(*kind, public_url=door.url, **ACCESS[kind]) as place:
        assert (await place.connected()).code == 0
        change(place)
        before = as_it_is(place)
        for dry_run in (True, False):
            report = await shop_connect.connect(place.settings, place.shop, place.rules, remove=False, dry_run=dry_run, moved=True)
            assert as_it_is(place) == before
            assert report.code == 1
            assert {one.outcome for one in report.done if one.move.act is not Act.KEEP} == {Outcome.HELD}
            told = "\n".join(shop_connect.told(report))
            assert "nothing is changed in the shop" in told
            assert not [word for word in ("mended", "webhooks registered", "would be", "compliance_topics") if word in told], told


async def test_while_nobody_answers_at_our_door_what_is_missing_is_made_and_what_is_there_stays() -> None:
    async with _place(*WOO, **ACCESS[WOO]) as place:
        first = await place.connected()
        assert {(one.move.act, one.outcome) for one in first.done} == {(Act.REGISTER, Outcome.DONE)}
        (follows,) = [one for one in first.findings if one.about == "webhooks"]
        assert "a webhook off after five that failed; start it, then run 'comeback shop connect woocommerce lola'" in follows.sentence
        hooks = place.api.woo.webhooks
        hooks[1]["status"] = "disabled"
        del hooks[2]
        place.sets(secrets=("another secret",))
        before = _woo_as_it_is(place)
        again = await place.connected()
        assert [(one.move.act, one.outcome) for one in again.done].count((Act.REGISTER, Outcome.DONE)) == 1
        assert {one.outcome for one in again.done if one.move.act is Act.MEND} == {Outcome.HELD}
        assert before.items() <= _woo_as_it_is(place).items()  # type: ignore[attr-defined]  # they are dictionaries
        assert again.code == 1


STATES: list[tuple[str, Change, State, str]] = [
    ("all well", lambda _: None, State.CONNECTED, ""),
    ("no scopes", lambda place: setattr(place.api.shopify, "scopes", frozenset()), State.FORBIDDEN, "read_orders is missing"),
    ("orders alone", lambda place: setattr(place.api.shopify, "scopes", frozenset({"read_orders"})), State.FORBIDDEN, "read_customers is"),
    ("stock lacks", lambda place: setattr(place.api.shopify, "scopes", ALL_SCOPES - {"read_inventory"}), State.CONNECTED, ""),
    ("not approved", lambda place: setattr(place.api.shopify, "approved", False), State.PHONELESS, "custom distribution"),
    ("hook gone", _forget_one, State.INCOMPLETE, "run 'comeback shop connect shopify casa'"),
    ("token wrong", _sets(api_token="another"), State.SHUT, "it is wrong, or was taken back. Copy it anew"),
    ("nobody there", _sets(api_url="http://127.0.0.1:9"), State.UNREACHABLE, "nothing answers at http://127.0.0.1:9"),
]


@pytest.mark.parametrize(("change", "state", "remedy"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
async def test_a_shop_that_cannot_work_is_not_listed_as_connected(change: Change, state: State, remedy: str) -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        await place.connected()
        change(place)
        (standing,) = await list_of_shops.standings(place.settings)
    assert standing.state is state
    assert remedy in (standing.remedy or "")
    assert bool(standing.remedy) is (state is not State.CONNECTED), "what is not well has a remedy, by which the exit code is 1"


async def test_a_shop_that_took_the_app_out_is_listed_so_though_its_webhooks_are_there(tmp_path: Path) -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        place.settings_say(database=str(tmp_path / "comeback.db"))
        await place.connected()
        store = await open_database(place.settings.database)
        await store.run(privacy.close_shop("casa", NOON))
        await store.close()
        (standing,) = await list_of_shops.standings(place.settings)
        assert (standing.state, "comeback privacy reopen casa" in (standing.remedy or "")) == (State.LEFT, True)


@pytest.mark.parametrize(
    ("ago", "doctors", "listed"),
    [
        (timedelta(minutes=4), "between 2026-11-02 11:56 and 12:00 UTC", "in the last 5 min"),
        (timedelta(minutes=30), "between 2026-11-02 11:30 and 11:40 UTC", "20 to 31 min ago"),
        (timedelta(hours=3), "between 2026-11-02 09:00 and 09:10 UTC", "3 h ago"),
    ],
)
async def test_when_a_shop_was_last_heard_is_told_as_exactly_as_it_is_known(ago: timedelta, doctors: str, listed: str) -> None:
    async with _place(*WOO, **ACCESS[WOO]) as place:
        place.now = NOON
        place.heard["lola"] = NOON - ago
        (heard,) = (await place.examined())["heard"]
    assert doctors in heard.sentence
    assert list_of_shops.ago(NOON - ago, NOON) == listed


async def test_without_rules_of_the_owner_nothing_is_compared_with_them() -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        place.rules = None
        place.api.books.currency = place.api.books.timezone = "none of ours"
        assert "store" not in await place.examined()
    whole = {"flows/store.yaml": "name: Casa\ncurrency: EUR\ntimezone: Europe/Madrid\nlanguages: [en]\n"}
    for texts, are_there in ((whole, True), ({}, False), ({"flows/store.yaml": "name: Casa\ncurrency: gold\n"}, False)):
        assert (doctor_shop.own_rules(Playbook(library.load(texts))) is not None) is are_there


async def test_what_broke_is_mended_and_what_is_not_ours_left_alone(tmp_path: Path) -> None:
    async with front(tmp_path) as door, _place(*WOO, public_url=door.url, **ACCESS[WOO]) as place:
        await place.connected()
        hooks = place.api.woo.webhooks
        hooks[1]["status"] = "disabled"
        hooks[2]["delivery_url"] = "https://old.example/webhooks/woocommerce/lola"
        hooks[3]["delivery_url"] = "https://other.example/webhooks/woocommerce/lolas"
        hooks[4]["secret"], hooks[4]["name"] = "what somebody typed", "Order restored"
        second, others = dict(hooks[2]), dict(hooks[3])
        report = await place.connected()
        assert {one.move.topic: (one.move.act, one.move.why) for one in report.done if one.move.act is not Act.KEEP} == {
            "order.created": (Act.MEND, "it was switched off, as WooCommerce does after some answers it does not like"),
            "order.updated": (Act.REGISTER, ""),
            "order.deleted": (Act.REGISTER, ""),
            "order.restored": (Act.MEND, "it may sign with another secret"),
        }
        assert {one["secret"] for key, one in hooks.items() if key != 3} == {SECRET}
        assert (hooks[2], hooks[3]) == (second, others)
        assert "1 lead to https://old.example, and stay" in "".join(one.sentence for one in report.findings)
        gone = await shop_connect.connect(place.settings, place.shop, place.rules, remove=True, dry_run=False)
        assert gone.code == 0
        assert list(hooks.values()) == [second, others], "another bot, for the same shop, is told what it was told"


async def test_a_bot_that_moved_takes_its_webhooks_along_when_it_is_told_so(tmp_path: Path) -> None:
    async with front(tmp_path) as door, _place(*WOO, public_url=door.url, **ACCESS[WOO]) as place:
        await place.connected()
        hooks = place.api.woo.webhooks
        for one in hooks.values():
            one["delivery_url"] = "https://old.example/webhooks/woocommerce/lola"
        report = await shop_connect.connect(place.settings, place.shop, place.rules, remove=False, moved=True, dry_run=False)
        assert {(one.move.act, one.move.why) for one in report.done} == {(Act.MEND, "it led to https://old.example")}
        assert not [one for one in hooks.values() if "old.example" in str(one["delivery_url"])]


async def test_a_dry_run_changes_nothing() -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        report = await shop_connect.connect(place.settings, place.shop, place.rules, remove=False, dry_run=True)
        assert {(one.move.act, one.outcome) for one in report.done} == {(Act.REGISTER, Outcome.PLANNED)}
        assert not place.api.shopify.subscriptions.all


async def test_a_shop_that_breaks_off_in_the_middle_is_gone_on_with_later() -> None:
    async with _place(*WOO, **ACCESS[WOO]) as place:
        place.api.faults.pages = 6  # after so many answers it is gone
        broken = await place.connected()
        assert broken.code == EX_TEMPFAIL
        made = len(place.api.woo.webhooks)
        assert 0 < made < len(WOO_TOPICS)
        place.api.faults.pages = None
        whole = await place.connected()
        assert [one.move.act for one in whole.done].count(Act.KEEP) == made
        assert sorted(one["topic"] for one in place.api.woo.webhooks.values()) == sorted(WOO_TOPICS)


async def test_topics_that_are_kept_from_an_app_that_is_not_approved_say_what_to_do() -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        place.api.shopify.approved = False
        report = await place.connected()
        assert {one.move.topic for one in report.done if one.outcome is Outcome.DONE} >= {
            "carts/create",
            "products/update",
            "app/uninstalled",
        }
        assert {one.move.topic for one in report.done if one.outcome is Outcome.FAILED} >= {"orders/create", "checkouts/update"}
        assert any("topics that tell of customers are kept from this app. If" in one.sentence for one in report.findings)


async def test_topics_that_are_refused_leave_the_others_and_are_told() -> None:
    async with _place(*SHOPIFY, **ACCESS[SHOPIFY]) as place:
        place.sets(api_token=None, api_key=CLIENT_ID, api_secret=CLIENT_SECRET)
        place.settings = replace(place.settings, public_url="http://bot.example")  # Shopify takes only https
        report = await place.connected()
        assert report.code == 1
        assert {(one.outcome, one.error) for one in report.done} == {(Outcome.FAILED, "Address protocol http:// is not supported")}
