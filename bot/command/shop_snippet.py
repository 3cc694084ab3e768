"""`comeback shop snippet`: the line for a shop's pages, by which it is heard who looks at what."""

import argparse
import os
from urllib.parse import urlsplit

from bot import settings as settings_module
from bot.command.exit_code import EX_CONFIG
from bot.command.terminal import as_json, complain
from bot.settings import Settings, ShopSettings, names_of_shop
from bot.web.snippet_door import PATH

NAME = "snippet"
HELP = "the line for your pages, by which it is heard who looks at what"
ABOUT = """\
Prints the line to put into the <head> of your shop's pages (Shopify: Online Store > Themes > Edit code > theme.liquid; WooCommerce: a
plugin for header scripts), and what a Content-Security-Policy of your pages must allow.

  comeback shop snippet            of your only shop
  comeback shop snippet lola       of the shop lola

COMEBACK_PUBLIC_URL says where browsers reach this bot, COMEBACK_SHOP_<NAME>_SITES where the shop's pages are.
Exit codes: 0 printed, 78 settings are missing or wrong."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the shop's name in COMEBACK_SHOPS")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Print the line; returns the exit code."""
    try:
        settings = settings_module.read(os.environ, serving=False)
    except settings_module.SettingsError as error:
        complain(str(error))
        return EX_CONFIG
    shop = _shop(settings, args.name)
    lacks = _lacks(settings, shop, args.name)
    if lacks or shop is None or settings.public_url is None:
        complain("\n".join(lacks))
        return EX_CONFIG
    host = "{0.scheme}://{0.netloc}".format(urlsplit(settings.public_url))
    told: dict[str, object] = {
        "shop": shop.name,
        "line": f'<script async src="{settings.public_url}{PATH}/{shop.name}.js"></script>',
        "policy": f"script-src {host}; connect-src {host}",
        "sites": sorted(shop.sites),
    }
    print(as_json(told) if args.json else _page(told))
    return 0


def _shop(settings: Settings, name: str | None) -> ShopSettings | None:
    if name is None and len(settings.shops) == 1:
        return next(iter(settings.shops.values()))
    return settings.shops.get(name or "")


def _lacks(settings: Settings, shop: ShopSettings | None, name: str | None) -> list[str]:
    if shop is None:
        known = ", ".join(settings.shops)
        if not known:
            return ["There is no shop yet: 'comeback shop connect shopify' (or woocommerce) says how to begin."]
        return [f"there is no shop '{name}': you have {known}" if name else f"say which shop is meant: {known}"]
    lacks = []
    if settings.public_url is None:
        lacks.append("COMEBACK_PUBLIC_URL: is missing: where browsers reach this bot, such as https://bot.example.com")
    if not shop.sites:
        lacks.append(f"{names_of_shop(shop.name)['SITES']}: is missing: where the shop's pages are, such as casa-lola.com")
    return lacks


def _page(told: dict[str, object]) -> str:
    sites = ", ".join(told["sites"]) if isinstance(told["sites"], list) else ""
    return (
        f"Put this line into the <head> of the pages of {told['shop']} ({sites}):\n\n  {told['line']}\n\n"
        'With a consent banner: add data-consent="wait", and let the banner call comeback("consent", true).\n'
        f"Where your pages have a Content-Security-Policy, it must allow: {told['policy']}"
    )
