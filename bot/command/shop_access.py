"""What the settings must say before a shop's own interface can be asked, and where the owner finds each of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from types import MappingProxyType

import aiohttp

from bot.settings import Settings, ShopSettings, names_of_shop
from bot.shop import bigcommerce, shopify, shopify_graphql, shopify_scopes, woocommerce
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.bigcommerce_setup import BigSetup
from bot.shop.setup import StoreSetup
from bot.shop.shopify_graphql import ShopifyGraphql
from bot.shop.shopify_setup import ShopifySetup
from bot.shop.woocommerce_rest import WooRest
from bot.shop.woocommerce_setup import WooCommerceSetup
from bot.shops import wire_to
from bot.web.door import SHOPS_PATH

PUBLIC_URL = "COMEBACK_PUBLIC_URL"
WIDTH = 120  # characters of a line of names

PLATFORMS = (shopify.PLATFORM, woocommerce.PLATFORM, bigcommerce.PLATFORM)
"""Platforms whose interface can be asked to connect a shop."""

_SHOPIFY_STEPS = f"""\
Where all that is found, for an app of your own (nobody has to approve it):
  1. https://dev.shopify.com > Apps > Create app > Start from Dev Dashboard; call it Comeback.
  2. Versions: choose the webhooks' API version {shopify_graphql.API_VERSION} and these scopes, then Release:
     {{scopes}}
  3. Home > Install app: choose your store.
  4. Settings: copy the client ID and the client secret. The secret also signs the webhooks.
An app that was made in the shop's admin before 2026 has an access token instead (Settings > Apps > Develop apps > your app > API
credentials): then set {{token}} and leave {{key}} out."""
_WOO_STEPS = """\
Where all that is found, in WordPress's admin:
  1. Settings > Permalinks: choose any but 'Plain', or the shop's interface has no address.
  2. WooCommerce > Settings > Advanced > REST API > Add key: description Comeback, user an administrator or shop manager, permissions
     Read/Write > Generate API key. Copy both; the secret is shown once.
  3. {secret} is yours to make up, such as by  openssl rand -hex 24 : 'comeback shop connect' gives it to the shop's webhooks."""

_BIG_STEPS = """\
Where all that is found, in the store's control panel (webhooks cannot be made by hand there):
  Settings > API > Store-level API accounts > Create API account, V2/V3 API token. Choose: Carts, Checkouts, Orders, Customers and
  Products read-only, Information & settings read-only. It shows the access token, the client secret and the API path, once; the hash is
  the part of the path behind /stores/."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A setting that is missing. `what` says what it is, for the owner."""

    name: str
    what: str


def address_of(settings: Settings, shop: ShopSettings) -> str | None:
    """Where the shop's webhooks are to lead; None where our public address is not set."""
    return f"{settings.public_url}{SHOPS_PATH}/{shop.platform}/{shop.name}" if settings.public_url else None


def lacks(settings: Settings, shop: ShopSettings) -> list[Lack]:
    """What must be set before the shop can be connected."""
    names = names_of_shop(shop.name)
    return [*_own_address(settings), *(_LACKS[shop.platform](shop, names) if shop.platform in _LACKS else ())]


def setup_of(session: aiohttp.ClientSession, shop: ShopSettings) -> StoreSetup | None:
    """The shop, to be connected; None where the settings lack something of it."""
    match wire_to(session, shop):
        case ShopifyGraphql() as graphql:
            return ShopifySetup(graphql)
        case BigRest() as rest:
            return BigSetup(rest)
        case WooRest() as rest if shop.secrets and shop.api_url:
            return WooCommerceSetup(session, rest, url=shop.api_url, name=shop.name, secret=shop.secrets[0])
    return None


def steps(platform: str, shop: str) -> str:
    """Where the owner finds what is missing."""
    names = names_of_shop(shop)
    if platform == woocommerce.PLATFORM:
        return _WOO_STEPS.format(secret=names["SECRET"])
    if platform == bigcommerce.PLATFORM:
        return _BIG_STEPS
    scopes = "\n     ".join(wrap(", ".join(scope.name for scope in shopify_scopes.SCOPES), WIDTH))
    return _SHOPIFY_STEPS.format(scopes=scopes, token=names["API_TOKEN"], key=names["API_KEY"])


def _own_address(settings: Settings) -> Iterator[Lack]:
    if settings.public_url is None:
        yield Lack(PUBLIC_URL, "the address under which the shop reaches this bot, such as https://bot.example.com")


def _shopify(shop: ShopSettings, names: Mapping[str, str]) -> Iterator[Lack]:
    if not shop.secrets:
        yield Lack(names["SECRET"], "the app's client secret, which signs webhooks")
    if shop.domain is None and shop.api_url is None:
        yield Lack(names["DOMAIN"], "the store's own name, such as casa-lola.myshopify.com (admin > Settings > Domains)")
    if shop.api_token is None and shop.api_key is None:
        yield Lack(names["API_KEY"], "the app's client ID")


def _woocommerce(shop: ShopSettings, names: Mapping[str, str]) -> Iterator[Lack]:
    if not shop.secrets:
        yield Lack(names["SECRET"], "a secret of your own, which signs webhooks")
    for name, value, what in (
        ("API_URL", shop.api_url, "the address of the shop's front page, such as https://casa-lola.example"),
        ("API_KEY", shop.api_key, "the consumer key: ck_..."),
        ("API_SECRET", shop.api_secret, "the consumer secret: cs_..."),
    ):
        if value is None:
            yield Lack(names[name], what)


def _bigcommerce(shop: ShopSettings, names: Mapping[str, str]) -> Iterator[Lack]:
    if not shop.secrets:
        yield Lack(names["SECRET"], "the API account's client secret, which signs webhooks")
    if shop.domain is None and shop.api_url is None:
        yield Lack(names["DOMAIN"], "the store's hash, such as abc123")
    if shop.api_token is None:
        yield Lack(names["API_TOKEN"], "the API account's access token")


_LACKS = MappingProxyType({shopify.PLATFORM: _shopify, woocommerce.PLATFORM: _woocommerce, bigcommerce.PLATFORM: _bigcommerce})


def told(lacking: Sequence[Lack]) -> str:
    """The settings that are missing, one a line."""
    width = max(len(lack.name) for lack in lacking)
    return "\n".join(f"  {lack.name:<{width}}  {lack.what}" for lack in lacking)
