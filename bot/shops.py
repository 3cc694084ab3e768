"""What the settings say of each shop, put together: who admits and reads its deliveries, the way to its own interface, who reads it, who
makes its codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.clock import Clock
from bot.settings import Settings, SettingsError, ShopSettings
from bot.shop import (
    bigcommerce,
    bigcommerce_rest,
    mappings,
    plain,
    shopify,
    shopify_api,
    shopify_graphql,
    woocommerce,
    woocommerce_api,
)
from bot.shop.bigcommerce import BigCommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.delivery import Adapter
from bot.shop.discounts import CodeApi, PutCodes
from bot.shop.mapping import MappedShop
from bot.shop.plain import Plain
from bot.shop.reader import StoreReader
from bot.shop.shopify import Shopify
from bot.shop.shopify_graphql import ShopifyGraphql
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.shopify_token import ClientToken, FixedToken, Token
from bot.shop.snippet import Site
from bot.shop.woocommerce import WooCommerce
from bot.shop.woocommerce_reader import WooReader
from bot.shop.woocommerce_rest import WooRest
from bot.web.door import ShopDoor
from bot.worker.discounter import CodeMaker

Wire = ShopifyGraphql | WooRest | BigRest


# ---- in: what a shop tells


def doors(settings: Settings) -> dict[str, ShopDoor]:
    """Each shop's way in, by its name. Raises SettingsError as `way_in` does."""
    return {name: ShopDoor(way_in(shop, settings.flows), shop.platform) for name, shop in settings.shops.items()}


def way_in(shop: ShopSettings, flows: Path) -> Adapter:
    """What admits and reads one shop's deliveries. Raises SettingsError where its mapping cannot be read, or has a mistake."""
    match shop.platform:
        case shopify.PLATFORM:
            return Shopify(shop.secrets, shop.region, shop.domain)
        case woocommerce.PLATFORM:
            return WooCommerce(shop.secrets, shop.region, shop.consent_key)
        case bigcommerce.PLATFORM:
            return BigCommerce(shop.secrets, shop.region, shop.domain)
        case plain.PLATFORM:
            return Plain(shop.secrets, shop.region)
    from bot.shop import mapping_file  # only who has one pays for reading it, in time and memory

    try:
        loaded, problems = mapping_file.load(*mappings.find(flows, shop.platform))
    except OSError as error:
        raise SettingsError((f"the mapping {shop.platform} cannot be read ({error.strerror}): let this user read it",)) from None
    if loaded is None:
        raise SettingsError(tuple(map(str, problems)))
    return MappedShop(loaded, shop.secrets, shop.region)


def sites(settings: Settings) -> dict[str, Site]:
    """The shops on whose pages our snippet may run, by name."""
    return {name: Site(name, shop.sites, shop.secrets) for name, shop in settings.shops.items() if shop.sites}


def pages(settings: Settings) -> dict[str, str]:
    """Where pages are that have our snippet -> the shop they are of."""
    return {host: name for name, shop in settings.shops.items() for host in sorted(shop.sites)}


# ---- out: what a shop is asked


@dataclass(frozen=True, slots=True)
class WaysOut:
    """What asks the shops, by their names; a shop of which the settings do not say enough is not among them. `makers` make codes one by
    one, for one person each; `code_apis` many at a time."""

    readers: Mapping[str, StoreReader]
    makers: Mapping[str, CodeMaker]
    code_apis: Mapping[str, CodeApi]


def ways_out(session: aiohttp.ClientSession, settings: Settings, clock: Clock) -> WaysOut:
    """What asks the shops, each by one wire: what Shopify grants is for reading and codes together."""
    shops = settings.shops
    wires = {name: wire for name, shop in shops.items() if (wire := wire_to(session, shop)) is not None}
    readers = {name: _reader_of(shops[name], wire) for name, wire in wires.items()}
    makers = {
        name: CodeMaker(shop.discounts_url, shop.secrets[0])
        for name, shop in shops.items()
        if shop.discounts_url and shop.platform == plain.PLATFORM
    }
    apis = {name: api for name, shop in shops.items() if (api := _code_api(session, shop, wires.get(name), clock)) is not None}
    return WaysOut(readers, makers, apis)


def wire_to(session: aiohttp.ClientSession, shop: ShopSettings) -> Wire | None:
    """The way to a store's own interface; None where nothing is said of it."""
    if shop.platform == shopify.PLATFORM and (shop.api_url or shop.domain):
        url = f"{shop.api_url}{shopify_graphql.PATH}" if shop.api_url else shopify_graphql.graphql_url(shop.domain or "")
        token = _shopify_token(session, shop, url.removesuffix(shopify_graphql.PATH))
        return ShopifyGraphql(session, url=url, token=token) if token is not None else None
    if shop.platform == woocommerce.PLATFORM and shop.api_url and shop.api_key and shop.api_secret:
        return WooRest(session, url=shop.api_url, key=shop.api_key, secret=shop.api_secret)
    if shop.platform == bigcommerce.PLATFORM and shop.api_token and (shop.api_url or shop.domain):
        return BigRest(session, url=shop.api_url or bigcommerce_rest.store_url(shop.domain or ""), token=shop.api_token)
    return None


def _shopify_token(session: aiohttp.ClientSession, shop: ShopSettings, front: str) -> Token | None:
    """Where a Shopify store's access token comes from. The client secret is what webhooks are signed with, unless told otherwise."""
    if shop.api_token:
        return FixedToken(shop.api_token)
    secret = shop.api_secret or next(iter(shop.secrets), None)
    return ClientToken(session, url=front, key=shop.api_key, secret=secret) if shop.api_key and secret else None


def _reader_of(shop: ShopSettings, wire: Wire) -> StoreReader:
    """What reads a store by its own interface."""
    match wire:
        case ShopifyGraphql():
            return ShopifyReader(wire, shop.name, shop.region, shop.domain)
        case WooRest():
            return WooReader(wire, shop.name, shop.region, shop.consent_key)
        case BigRest():
            return BigReader(wire, shop.name, shop.region)


def _code_api(session: aiohttp.ClientSession, shop: ShopSettings, wire: Wire | None, clock: Clock) -> CodeApi | None:
    """Where a shop makes codes many at a time; None where nothing is said of it."""
    match wire:
        case ShopifyGraphql():
            return shopify_api.Shopify(wire)
        case WooRest():
            return woocommerce_api.WooCommerce(wire)
    if shop.platform == plain.PLATFORM and shop.discounts_url:
        return PutCodes(session, url=shop.discounts_url, secret=shop.secrets[0], clock=clock)
    return None
