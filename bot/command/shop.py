"""`comeback shop`: the shops that are set up, and what can be done about one."""

import argparse
import asyncio
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import settings as settings_module
from bot.app import wall_clock
from bot.command.terminal import as_json, table
from bot.settings import Settings, ShopSettings
from bot.store import mirror
from bot.store.database import is_there, read_only

NAME = "shop"
HELP = "your shops: how each stands, and what connects it"
ABOUT = """\
  comeback shop            how each of your shops stands

A shop is one name in COMEBACK_SHOPS; what is known of it stands in variables that begin with COMEBACK_SHOP_ and its name.
Exit codes: 0 told, 1 something must be done, 78 the configuration is wrong."""

# an action is a module bot/command/shop_{name}.py with NAME, HELP, ABOUT, arguments(parser) and run(args) -> exit code
ACTIONS: tuple[str, ...] = ()


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(act=_list)
    if not ACTIONS:
        return
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    for name in ACTIONS:
        action = importlib.import_module(f"bot.command.shop_{name}")
        own = actions.add_parser(name, help=action.HELP, description=action.ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
        action.arguments(own)
        own.set_defaults(act=action.run)


def run(args: argparse.Namespace) -> int:
    """Do what is asked; returns the exit code."""
    return int(args.act(args))


@dataclass(frozen=True, slots=True)
class Standing:
    """One shop. `heard_at` is when it last told us anything (UTC), give or take some minutes."""

    name: str
    platform: str
    heard_at: datetime | None


def _list(args: argparse.Namespace) -> int:
    settings = settings_module.read(os.environ, serving=False)
    heard = asyncio.run(heard_of(settings))
    shops = [_standing(shop, heard) for shop in settings.shops.values()]
    print(as_json(shops) if args.json else "\n".join(_told(shops, wall_clock())))
    return 0


async def heard_of(settings: Settings) -> Mapping[str, datetime]:
    """When each shop was last heard; nothing where there is no database yet. Raises StoreUnavailable."""
    return await read_only(settings.database, mirror.last_heard()) if is_there(settings.database) else {}


def _standing(shop: ShopSettings, heard: Mapping[str, datetime]) -> Standing:
    return Standing(shop.name, shop.platform, heard.get(shop.name))


def _told(shops: Sequence[Standing], now: datetime) -> Iterator[str]:
    if not shops:
        yield "There is no shop yet: make up a name for it, such as main, and set COMEBACK_SHOPS to it."
        return
    yield from table([("shop", "platform", "last heard"), *((one.name, one.platform, ago(one.heard_at, now)) for one in shops)])


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, for people."""
    if at is None:
        return "never"
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
