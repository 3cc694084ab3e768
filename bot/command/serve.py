"""`comeback serve`: receive webhooks, run the flows, send."""

import argparse
import asyncio
import os

from bot import settings as settings_module
from bot.app import EX_CONFIG, EX_TEMPFAIL, App, serve
from bot.command.logbook import open_logbook
from bot.command.terminal import complain
from bot.settings import SettingsError
from bot.store.database import StoreTaken, StoreUnavailable

NAME = "serve"
HELP = "receive webhooks, run the flows, send messages"
ABOUT = """\
Runs the bot until SIGTERM or Ctrl-C. Everything it needs comes from the environment; 'comeback doctor' says what is missing.

Point Meta's webhook at  <your address>/webhooks/whatsapp  and your shop's at  <your address>/webhooks/shop/<name>.
To update it without more than a blink: start the new one with --take-over while the old one runs.
Exit codes: 0 stopped as asked, 75 another process has the database, 78 the configuration is wrong."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line; everything else comes from the environment."""
    parser.add_argument("--take-over", action="store_true", help="stop the process that serves this database, and go on in its place")


def run(args: argparse.Namespace) -> int:
    """Serve; returns the exit code."""
    try:
        settings = settings_module.read(os.environ, serving=True)
    except SettingsError as error:
        complain("The configuration is wrong:")
        for fault in error.faults:
            complain(f"  - {fault}")
        return EX_CONFIG
    assert settings.whatsapp is not None  # serving=True: it is a fault otherwise
    open_logbook(settings.log_level, settings.log_format, settings.secrets())
    try:
        return asyncio.run(serve(settings, settings.whatsapp, _started, successor=args.take_over))
    except StoreTaken as fault:
        complain(str(fault))
        return EX_TEMPFAIL
    except (StoreUnavailable, OSError) as fault:
        complain(f"cannot start: {fault}")
        return 1


def _started(app: App) -> None:
    flows = ", ".join(sorted(app.playbook.library.flows)) or "none: put some into the flows folder"
    print(f"Comeback listens on {app.url}. Flows: {flows}.", flush=True)
