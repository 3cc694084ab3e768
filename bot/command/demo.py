"""`comeback demo`: everything on this machine, with a shop and a phone to play with."""

import argparse
import asyncio
import signal
import tempfile
import webbrowser
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command import story
from bot.command.port import port
from bot.command.stage import open_stage
from bot.command.terminal import coloured, complain, paint
from bot.owner_files import read_playbook

NAME = "demo"
HELP = "see it work on this machine: a shop, a phone, the bot; no account needed"
ABOUT = """\
Starts a small shop, a WhatsApp Cloud API and the bot on this machine and opens a page with a phone in it: put something into
the cart, leave, turn the clock, get the reminder, press a button or write. Nothing leaves this machine, nothing is kept.

  comeback demo --story   plays a whole story in the terminal instead, and exits 0 only if each step of it came true"""

DEMO_PORT = 8400


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--story", action="store_true", help="play a whole story in the terminal, then exit")
    parser.add_argument("--port", type=port, default=DEMO_PORT, help=f"the page's port ({DEMO_PORT}; 0 takes any free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page, only say where it is")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")


def run(args: argparse.Namespace) -> int:
    """Play; returns the exit code."""
    if not (args.flows / "store.yaml").exists():
        complain(f"there is no {args.flows / 'store.yaml'}: start the demo in the folder of Comeback, or name your own with --flows")
        return 1
    with tempfile.TemporaryDirectory(prefix="comeback-demo-") as folder:
        try:
            if args.story:
                return asyncio.run(story.play(Path(folder), args.flows, args.locales))
            return asyncio.run(_show(Path(folder), args))
        except OSError as fault:
            complain(f"cannot start: {fault}. Is a demo running already? Try --port 0")
            return 1


async def _show(folder: Path, args: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    start = _monday_morning(read_playbook(args.flows, args.locales).rules.timezone)
    stage = await open_stage(folder, start, flows=args.flows, locales=args.locales, port=args.port)
    try:
        for shopper in stage.shop.shoppers.values():
            stage.shop.change(shopper)  # so the bot knows their languages, should they write before they shop
        for problem in stage.app.playbook.library.problems:
            complain(f"not loaded: {problem}")
        print(f"The demo is on  {paint(stage.url, 'bold', 'cyan')}   (Ctrl-C ends it)", flush=True)
        if coloured() and not args.no_browser:
            await asyncio.to_thread(webbrowser.open, stage.url)
        await stop.wait()
    finally:
        await stage.close()
    return 0


def _monday_morning(timezone: str) -> datetime:
    """When a demo begins: on this week's Monday at ten, where the store is. At night its first reminder would wait for the morning."""
    today = wall_clock().astimezone(ZoneInfo(timezone))
    return (today - timedelta(days=today.weekday())).replace(hour=10, minute=0, second=0, microsecond=0)
