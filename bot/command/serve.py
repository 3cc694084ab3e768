"""`comeback serve`: receive webhooks, run the flows, send."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from bot import settings as settings_module
from bot.command.exit_code import EX_CONFIG, EX_TEMPFAIL
from bot.command.logbook import open_logbook
from bot.command.terminal import complain
from bot.settings import Settings, SettingsError
from bot.store import lock
from bot.store.database import StoreTaken, StoreUnavailable, file_of, is_server
from bot.web import port
from bot.web.port import Port, PortUnavailable

if TYPE_CHECKING:
    from bot.app import App

NAME = "serve"
HELP = "receive webhooks, run the flows, send messages"
ABOUT = """\
Runs the bot until SIGTERM or Ctrl-C. Everything it needs comes from the environment; 'comeback doctor' says what is missing.

Point Meta's webhook at  <your address>/webhooks/whatsapp  and your shop's at  <your address>/webhooks/<platform>/<name>:
the platform is shopify, woocommerce, bigcommerce, the name of a mapping, or shop for those that speak the generic contract.
Flow files are read again when they change (or on SIGHUP); one with a mistake goes on as it was before, and the log says why.
To update it without more than a blink: start the new one with --take-over while the old one runs.
Exit codes: 0 stopped as asked, 1 the port, the database or what stands beside it cannot be used, 75 another process has the database,
78 the configuration is wrong."""


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
    if args.take_over and is_server(settings.database):
        complain("--take-over is for a database in a file: on PostgreSQL start the new process on a port of its own, then stop the old one")
        return EX_CONFIG
    open_logbook(settings.log_level, settings.log_format, settings.secrets())
    signal.signal(signal.SIGTERM, _leave)  # until the loop runs: as process 1 of a container it would not be heard
    gc.disable()  # what is loaded now stays: looking through it again and again would take a sixth of the start
    try:
        taken = None if args.take_over else _take_port(settings)
        from bot.app import serve

        superseded = asyncio.run(serve(settings, settings.whatsapp, _started, taken=taken, successor=args.take_over))
        return EX_TEMPFAIL if superseded else 0
    except SettingsError as error:
        complain("There is a mistake in the owner's files, and without the store's rules nobody is written to:")
        for fault in error.faults:
            complain(f"  - {fault}")
        return EX_CONFIG
    except StoreTaken as taken:
        complain(str(taken))
        return EX_TEMPFAIL
    except (PortUnavailable, StoreUnavailable, OSError) as trouble:
        complain(f"cannot start: {trouble}")
        return 1


def _take_port(settings: Settings) -> Port:
    """Before the rest is loaded: callers wait for us meanwhile, and a second process is told in a moment."""
    if not is_server(settings.database):
        lock.check(file_of(settings.database))
    return port.take(settings.host, settings.port)


def _leave(*_: object) -> None:
    sys.exit(0)


def _started(app: "App") -> None:
    gc.freeze()
    gc.enable()
    flows = ", ".join(sorted(app.playbook.library.flows)) or "none: put some into the flows folder"
    print(f"Comeback listens on {app.url}. Flows: {flows}.", flush=True)
