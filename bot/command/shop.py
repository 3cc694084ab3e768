"""`comeback shop`: the shops that are set up, and what can be done about one."""

import argparse
import asyncio
import importlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import aiohttp

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command import doctor_shop, shop_access
from bot.command.finding import Finding, Health
from bot.command.terminal import as_json, table
from bot.settings import Settings, ShopSettings
from bot.shop import hooks
from bot.shop.hooks import Act
from bot.shop.setup import StoreSetup, tellable
from bot.shop.wire import ApiRefused, ShopUnreachable
from bot.store import mirror, privacy
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

How a shop stands: connected; webhooks lack (connect mends it); scopes lack (the bot may not see what it lives on); no phones (orders tell
none, so nobody can be written to); left (it took the app out); shut (it does not let us in, and why); unreachable; not set up (settings
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
    FORBIDDEN = "scopes lack"
    PHONELESS = "no phones"
    LEFT = "left"
    SHUT = "shut"
    UNREACHABLE = "unreachable"
    NOT_SET_UP = "not set up"
    BY_HAND = "set up by hand"  # a platform whose webhooks nobody but the owner can register


@dataclass(frozen=True, slots=True)
class Standing:
    """One shop. `heard_at` is when it last told us anything (UTC); it may be HEARD_EVERY later. `webhooks` are how many of those that are
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
    shops = asyncio.run(standings(settings))
    print(as_json(shops) if args.json else "\n".join(_told(shops, wall_clock())))
    return 1 if any(one.remedy for one in shops) else 0


async def heard_of(settings: Settings) -> Mapping[str, datetime]:
    """When each shop was last heard; nothing where there is no database yet. Raises StoreUnavailable."""
    return await read_only(settings.database, mirror.last_heard()) if is_there(settings.database) else {}


def took_out(shop: str, since: datetime) -> str:
    """What it means that a shop took the app out, and what says that it is back."""
    told = f"it took the app out on {since:%Y-%m-%d}: nothing it tells is taken in, nothing is sent in its name"
    return f"{told}. If it is back, 'comeback shop connect' or 'comeback privacy reopen {shop}' says so"


async def standings(settings: Settings) -> list[Standing]:
    heard = await heard_of(settings)
    left = await read_only(settings.database, privacy.closed_shops()) if is_there(settings.database) else {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session:
        shops = settings.shops.values()
        return await asyncio.gather(*(_standing(session, settings, shop, heard.get(shop.name), left.get(shop.name)) for shop in shops))


async def _standing(
    session: aiohttp.ClientSession, settings: Settings, shop: ShopSettings, heard_at: datetime | None, left_at: datetime | None
) -> Standing:
    own = Standing(shop.name, shop.platform, State.BY_HAND, heard_at)
    if left_at is not None:
        return replace(own, state=State.LEFT, remedy=took_out(shop.name, left_at))
    if shop.platform not in shop_access.PLATFORMS:
        return own
    setup, address = shop_access.setup_of(session, shop), shop_access.address_of(settings, shop)
    if setup is None or address is None:
        return replace(own, state=State.NOT_SET_UP, remedy=f"'comeback shop connect {shop.platform} {shop.name}' says what to set")
    try:
        if obstacle := await setup.obstacle():
            return replace(own, state=State.SHUT, remedy=obstacle)
        return await _looked_at(own, setup, shop, address)
    except ApiRefused as refusal:
        return replace(own, state=State.SHUT, remedy=refusal.why)
    except ShopUnreachable as fault:
        return replace(own, state=State.UNREACHABLE, remedy=fault.why)


async def _looked_at(own: Standing, setup: StoreSetup, shop: ShopSettings, address: str) -> Standing:
    """A shop that lets us in: whether it can also work. Raises ApiRefused, ShopUnreachable."""
    granted = await setup.granted()
    wanted = list(setup.topics) if granted is None else tellable(setup.topics, granted)
    moves = hooks.plan(wanted, address, await setup.hooks())
    kept = sum(move.act is Act.KEEP for move in moves)
    looked = replace(own, state=State.CONNECTED, webhooks=kept, wanted=len(wanted))
    if forbidden := _ills(doctor_shop.scopes(setup, shop, granted)):
        return replace(looked, state=State.FORBIDDEN, remedy="; ".join(forbidden))
    if kept < len(moves):
        return replace(looked, state=State.INCOMPLETE, remedy=f"run 'comeback shop connect {shop.platform} {shop.name}'")
    if without := _ills([one async for one in doctor_shop.phones(setup, shop, granted)]):
        return replace(looked, state=State.PHONELESS, remedy="; ".join(without))
    return looked


def _ills(found: Iterable[Finding]) -> list[str]:
    return [one.sentence for one in found if one.verdict is Health.ILL]


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
    """How long ago a shop was last heard, for people; it may have been up to HEARD_EVERY later than `at`."""
    if at is None:
        return "never"
    minutes, vague = max(0, int((now - at).total_seconds() // 60)), int(mirror.HEARD_EVERY.total_seconds() // 60)
    if minutes < vague:
        return f"in the last {minutes + 1} min"
    if minutes < 60:
        return f"{minutes - vague} to {minutes + 1} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
