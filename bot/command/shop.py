"""`comeback shop`: the shops that are set up, and what can be done about one."""

import argparse
import asyncio
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import aiohttp

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command import shop_access
from bot.command.terminal import as_json, table
from bot.settings import Settings, ShopSettings
from bot.shop import hooks
from bot.shop.hooks import Act
from bot.shop.setup import tellable
from bot.shop.wire import ApiRefused, ShopUnreachable
from bot.store import mirror
from bot.store.database import is_there, read_only

NAME = "shop"
HELP = "your shops: how each stands, and what connects it"
ABOUT = """\
  comeback shop                            how each of your shops stands
  comeback shop connect shopify            register the webhooks of a shop, and see what stands in their way
  comeback shop snippet                    the line for your pages, by which it is heard who looks at what
  comeback shop fetch                      bring in what was before: orders, checkouts, people and what they agreed to
  comeback shop missed                     what changed in your shops, and no webhook told

A shop is one name in COMEBACK_SHOPS, such as main; what is known of it stands in variables that begin with COMEBACK_SHOP_MAIN_:

  shopify       PLATFORM, DOMAIN, API_KEY (client ID), SECRET (client secret)       an app made at https://dev.shopify.com
  woocommerce   PLATFORM, API_URL, API_KEY, API_SECRET, SECRET (you make it up)     WooCommerce > Settings > Advanced > REST API
  bigcommerce   PLATFORM, DOMAIN (the store's hash), API_TOKEN, SECRET              Settings > API > Store-level API accounts
  others        PLATFORM, SECRET; you enter the webhook's address in the shop       COMEBACK_PUBLIC_URL/webhooks/<platform>/<name>

REGION is the country whose phone numbers are written without a code. 'comeback shop connect' says step by step where each is found.

How a shop stands: connected; webhooks lack (connect mends it); shut (it does not let us in, and why); unreachable; not set up (settings
lack, connect says which); set up by hand. Exit codes: 0 all is well, 1 something must be done, 78 the configuration is wrong."""

TIMEOUT_SECONDS = 15

# an action is a module bot/command/shop_{name}.py with NAME, HELP, ABOUT, arguments(parser) and run(args) -> exit code
ACTIONS: tuple[str, ...] = ("connect", "fetch", "missed", "snippet")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(act=_list)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    for name in ACTIONS:
        action = importlib.import_module(f"bot.command.shop_{name}")
        own = actions.add_parser(name, help=action.HELP, description=action.ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
        action.arguments(own)
        own.set_defaults(act=action.run)


def run(args: argparse.Namespace) -> int:
    """Do what is asked; returns the exit code."""
    return int(args.act(args))


class State(StrEnum):
    """How a shop stands."""

    CONNECTED = "connected"
    INCOMPLETE = "webhooks lack"
    SHUT = "shut"
    UNREACHABLE = "unreachable"
    NOT_SET_UP = "not set up"
    BY_HAND = "set up by hand"  # a platform whose webhooks nobody but the owner can register


@dataclass(frozen=True, slots=True)
class Standing:
    """One shop. `heard_at` is when it last told us anything (UTC), give or take some minutes. `webhooks` are how many of those that are
    `wanted` are as they should be; None where they could not be looked at. `remedy` is what to do, where something is."""

    name: str
    platform: str
    state: State
    heard_at: datetime | None
    webhooks: int | None = None
    wanted: int | None = None
    remedy: str | None = None


def _list(args: argparse.Namespace) -> int:
    settings = settings_module.read(os.environ, serving=False)
    shops = asyncio.run(_standings(settings))
    print(as_json(shops) if args.json else "\n".join(_told(shops, wall_clock())))
    return 1 if any(one.remedy for one in shops) else 0


async def heard_of(settings: Settings) -> Mapping[str, datetime]:
    """When each shop was last heard; nothing where there is no database yet. Raises StoreUnavailable."""
    return await read_only(settings.database, mirror.last_heard()) if is_there(settings.database) else {}


async def _standings(settings: Settings) -> list[Standing]:
    heard = await heard_of(settings)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session:
        found = (_standing(session, settings, shop, heard.get(shop.name)) for shop in settings.shops.values())
        return await asyncio.gather(*found)


async def _standing(session: aiohttp.ClientSession, settings: Settings, shop: ShopSettings, heard_at: datetime | None) -> Standing:
    own = Standing(shop.name, shop.platform, State.BY_HAND, heard_at)
    if shop.platform not in shop_access.PLATFORMS:
        return own
    connect = f"comeback shop connect {shop.platform} {shop.name}"
    setup, address = shop_access.setup_of(session, shop), shop_access.address_of(settings, shop)
    if setup is None or address is None:
        return replace(own, state=State.NOT_SET_UP, remedy=f"'{connect}' says what to set")
    try:
        if obstacle := await setup.obstacle():
            return replace(own, state=State.SHUT, remedy=obstacle)
        granted = await setup.granted()
        wanted = list(setup.topics) if granted is None else tellable(setup.topics, granted)
        moves = hooks.plan(wanted, address, await setup.hooks())
    except ApiRefused as refusal:
        return replace(own, state=State.SHUT, remedy=refusal.why)
    except ShopUnreachable as fault:
        return replace(own, state=State.UNREACHABLE, remedy=fault.why)
    kept = sum(move.act is Act.KEEP for move in moves)
    looked = replace(own, state=State.CONNECTED, webhooks=kept, wanted=len(wanted))
    return looked if kept == len(moves) else replace(looked, state=State.INCOMPLETE, remedy=f"run '{connect}'")


def _told(shops: Sequence[Standing], now: datetime) -> Iterator[str]:
    if not shops:
        yield "There is no shop yet. 'comeback shop connect shopify' (or woocommerce) says how to begin."
        return
    rows = [(one.name, one.platform, one.state.value, _counted(one), ago(one.heard_at, now)) for one in shops]
    yield from table([("shop", "platform", "state", "webhooks", "last heard"), *rows])
    yield from (f"{one.name}: {one.remedy}" for one in shops if one.remedy)


def _counted(one: Standing) -> str:
    return f"{one.webhooks} of {one.wanted}" if one.webhooks is not None else ""


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, for people."""
    if at is None:
        return "never"
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
