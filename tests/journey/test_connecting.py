"""A stranger connects their shops, one command each, and what happens there is known to the bot. No secret is ever shown."""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.admin_api import CLIENT_ID, CLIENT_SECRET
from bot.sandbox.shop.big_api import CLIENT_SECRET as BIG_SECRET
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.books import Books, Checkout
from bot.sandbox.shop.shop import Shop
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.year import Year
from bot.store import privacy
from bot.store.database import open_database

from .serving import ROOT, Ran, clean_environment, command, served

TOKEN, WOO_SECRET, APP_SECRET = "cs_of_the_shop", "a secret, made up & long", "app-secret-of-meta"
SECRETS = (TOKEN, WOO_SECRET, CLIENT_SECRET, BIG_SECRET, APP_SECRET)
PRIVACY_LINE = 'compliance_topics = [ "customers/data_request", "customers/redact", "shop/redact" ]'
PLAIN_SECRET = "whsec_" + "c2VjcmV0" * 5


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Walk:
    """A stranger's machine: a running bot, a store by both interfaces, and what was said on the terminal so far."""

    store: StoreApi
    environment: dict[str, str]
    folder: Path
    said: list[str]

    async def run(self, *words: str) -> Ran:
        """A command as the stranger types it."""
        ran = await command(*words, environment=self.environment, folder=self.folder)
        self.said += [ran.out, ran.err]
        return ran

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What stands in the bot's database."""
        with closing(sqlite3.connect(self.folder / "comeback.db")) as database:
            return database.execute(query, values).fetchall()

    async def leave_checkout(self) -> Checkout:
        """Somebody whom the store does not know yet leaves a checkout; returns it once the bot was told."""
        books = self.store.books
        old = next(iter(books.orders))
        phone = f"+3460000{next(books.ids) % 10_000:04d}"
        key = next(books.ids)
        left = Checkout(
            id=key,
            token=f"{key:032x}",
            cart_token=f"cart-{key}",
            lines=old.lines,
            address=replace(old.address, phone=phone, country="ES"),
            email=f"somebody-{key}@example.com",
            phone=phone,
            locale="es-ES",
            created_at=_now(),
            updated_at=_now(),
        )
        books.leave(left)
        await self.store.idle()
        return left

    async def knows(self, checkout: Checkout, shop: str) -> bool:
        """Whether the bot has the cart, and whose it is."""
        query = "select i.value from checkout k join identity i on i.contact = k.contact where k.shop = ? and k.total_minor = ?"
        async with asyncio.timeout(10):
            while not (found := self.rows(query, shop, checkout.total)):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.05)
        return (checkout.phone,) in found


@asynccontextmanager
async def _walk(folder: Path, port: int) -> AsyncIterator[Walk]:
    books: Books = Year(_now, orders=30).books
    store = StoreApi(token=TOKEN, books=books)
    cloud = CloudApi(_now, app_secret=APP_SECRET)
    sandbox = Sandbox(_now, cloud=cloud, shop=Shop(_now, secret=PLAIN_SECRET), store=store)
    url = await sandbox.start()
    environment = clean_environment(
        COMEBACK_DATABASE=str(folder / "comeback.db"),
        COMEBACK_FLOWS=str(ROOT / "flows"),
        COMEBACK_LOCALES=str(ROOT / "locales"),
        COMEBACK_PORT=str(port),
        COMEBACK_PUBLIC_URL=f"http://127.0.0.1:{port}",
        COMEBACK_WHATSAPP_TOKEN=cloud.token,
        COMEBACK_WHATSAPP_APP_SECRET=APP_SECRET,
        COMEBACK_WHATSAPP_VERIFY_TOKEN="verify",
        COMEBACK_WHATSAPP_NUMBER=cloud.number.id,
        COMEBACK_WHATSAPP_API=f"{url}/v24.0",
        COMEBACK_SHOPS="casa,lola,gran",
        **_settings("CASA", PLATFORM="shopify", SECRET=CLIENT_SECRET, API_URL=url, API_KEY=CLIENT_ID, DOMAIN=books.domain, REGION="ES"),
        **_settings("LOLA", PLATFORM="woocommerce", SECRET=WOO_SECRET, API_URL=url, API_KEY="ck_sandbox", API_SECRET=TOKEN, REGION="ES"),
        **_settings("GRAN", PLATFORM="bigcommerce", SECRET=BIG_SECRET, API_URL=f"{url}/stores/{STORE_HASH}", API_TOKEN=TOKEN, REGION="ES"),
    )
    said: list[str] = []
    try:
        async with served(environment, folder, said):
            yield Walk(store, environment, folder, said)
    finally:
        await sandbox.close()


def _settings(shop: str, **values: str) -> Mapping[str, str]:
    return {f"COMEBACK_SHOP_{shop}_{name}": value for name, value in values.items()}


async def test_a_stranger_connects_shops_of_three_platforms_and_a_cart_is_known_from_each(tmp_path: Path, unused_tcp_port: int) -> None:
    async with _walk(tmp_path, unused_tcp_port) as walk:
        for platform in ("shopify", "woocommerce", "bigcommerce"):
            first = await walk.run("shop", "connect", platform)
            assert first.code in (0, 1)  # the sandbox's app lacks scopes that are hints
            assert "webhooks registered" in first.out, first.out + first.err
            assert (PRIVACY_LINE in first.out) is (platform == "shopify")  # the only ones that are set by hand
        second = await walk.run("shop", "connect", "shopify", "--json")
        assert {one["act"] for one in json.loads(second.out)["webhooks"]} == {"keep"}
        await walk.store.idle()
        assert {one["pinged"] for one in walk.store.woo.webhooks.values()} == {200}

        walk.environment["COMEBACK_SHOP_LOLA_SECRET"] = "wrongwrong"  # not the running bot's, which a connection must not break
        wrong = await walk.run("shop", "connect", "woocommerce")
        assert (wrong.code, "nothing is changed in the shop" in wrong.out, "mended" in wrong.out) == (1, True, False), wrong.out
        walk.environment["COMEBACK_SHOP_LOLA_SECRET"] = WOO_SECRET

        left = await walk.leave_checkout()
        for shop in ("casa", "lola", "gran"):
            assert await walk.knows(left, shop)
        assert {one.status for courier in walk.store.couriers.values() for one in courier.carried} == {200}

        after = await walk.run("shop", "--json")
        told = json.loads(after.out)
        assert [(one["state"], one["webhooks"] == one["wanted"]) for one in told] == [("connected", True)] * 3
        assert all(one["heard_at"] for one in told)

        gone = await walk.run("shop", "connect", "woocommerce", "--remove")
        assert (gone.code, walk.store.woo.webhooks) == (0, {})
    shown = "".join(walk.said)
    assert not [secret for secret in SECRETS if secret in shown]


def _run(monkeypatch: pytest.MonkeyPatch, *words: str, **environment: str) -> int:
    """A command in this process, with nothing but this set."""
    for name in [name for name in os.environ if name.startswith("COMEBACK_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return main(words)


LOLA = {"COMEBACK_SHOPS": "lola", "COMEBACK_SHOP_LOLA_PLATFORM": "woocommerce"}
WOO_NAMES = (
    "COMEBACK_PUBLIC_URL",
    "COMEBACK_SHOP_LOLA_API_KEY",
    "COMEBACK_SHOP_LOLA_SECRET",
    "Advanced > REST API > Add key",
    "Permalinks",
)
SHOPIFY_NAMES = ("COMEBACK_SHOPS=lola,main", "COMEBACK_SHOP_MAIN_PLATFORM=shopify", "dev.shopify.com", "read_orders", "client ID")


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        (("shop", "connect", "woocommerce"), LOLA, WOO_NAMES),
        (("shop", "connect", "shopify"), LOLA, SHOPIFY_NAMES),
        (("shop", "connect", "shopify", "lola"), LOLA, ("shop 'lola' runs on woocommerce",)),
        (("shop", "connect", "shopify", "gran"), LOLA, ("there is no shop 'gran' yet", "COMEBACK_SHOPS=lola,gran")),
        (
            ("shop", "connect", "woocommerce"),
            LOLA | {"COMEBACK_SHOPS": "lola,mia", "COMEBACK_SHOP_MIA_PLATFORM": "woocommerce"},
            ("lola, mia",),
        ),
    ],
)
def test_what_is_missing_is_named_with_where_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    environment: dict[str, str],
    named: tuple[str, ...],
) -> None:
    assert _run(monkeypatch, *words, **environment) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert not [name for name in named if name not in told.err], told.err


def test_if_the_public_address_alone_is_missing_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = _settings("LOLA", API_URL="https://lola.example", API_KEY="ck_1", API_SECRET="cs_1")
    given = {**LOLA, **api, "COMEBACK_SHOP_LOLA_SECRET": "long enough"}
    assert _run(monkeypatch, "shop", "connect", "woocommerce", **given) == 78
    (before, missing) = capsys.readouterr().err.splitlines()
    assert (before, missing.split()[0]) == ("Before shop 'lola' can be connected, set:", "COMEBACK_PUBLIC_URL")


def test_a_shop_that_is_none_is_not_said_to_be_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = LOLA | {"COMEBACK_DATABASE": str(tmp_path / "comeback.db")}

    async def leave(shop: str) -> None:
        store = await open_database(given["COMEBACK_DATABASE"])
        await store.run(privacy.close_shop(shop, _now()))
        await store.close()

    asyncio.run(leave("former"))
    assert _run(monkeypatch, "privacy", "reopen", "nosuch", **given) == 1
    assert capsys.readouterr() == ("", "there is no shop 'nosuch': you have former, lola\n")
    assert _run(monkeypatch, "privacy", "reopen", "lola", **given) == 0
    assert capsys.readouterr().out == "lola had not left.\n"
    assert _run(monkeypatch, "privacy", "reopen", "former", **given) == 0
    assert capsys.readouterr().out == "former may be written for again.\n"


def test_shops_are_listed_with_what_to_do_and_none_with_how_to_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nowhere = {"COMEBACK_DATABASE": str(tmp_path / "comeback.db")}
    assert _run(monkeypatch, "shop", **nowhere) == 0
    assert "'comeback shop connect shopify' (or woocommerce) says how to begin" in capsys.readouterr().out
    assert _run(monkeypatch, "shop", "snippet", **nowhere) == 78
    assert capsys.readouterr().err.startswith("There is no shop yet: 'comeback shop connect shopify'")
    assert _run(monkeypatch, "shop", **nowhere, **LOLA | {"COMEBACK_SHOPS": "lola,main"}) == 1
    told = capsys.readouterr().out
    assert "not set up" in told
    assert "lola: 'comeback shop connect woocommerce lola' says what to set" in told
    assert "set up by hand" in told
