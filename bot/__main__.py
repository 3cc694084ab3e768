"""The commands of Comeback. `comeback --help` lists them, `comeback COMMAND --help` teaches one."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from bot import __version__

# a command is a module of bot/command with NAME, HELP, ABOUT, arguments(parser) and run(args) -> exit code
COMMANDS = (
    *("demo", "serve", "check", "simulate", "test", "translate", "templates", "flows", "replay", "explain"),
    *("desk", "shop", "costs", "results", "reorder", "audience", "privacy", "backup", "restore", "move", "doctor", "sandbox"),
)

ABOUT = """\
Comeback: WhatsApp remarketing for online stores. Flows are YAML files in a folder; the rest is here.

  comeback demo           see it work on this machine: a shop, a phone, the bot (no account needed)
  comeback sandbox        WhatsApp's Cloud API alone on this machine, for any bot

  comeback check          what is wrong in the flows
  comeback simulate FLOW  play the customer of a flow in this terminal; or a crowd, for a month
  comeback test           play the stories written for the flows
  comeback translate es   the texts of the flows, for translators
  comeback templates      the templates here and at Meta: compare, push, pull

  comeback shop           your shops: how each stands, and what connects it
  comeback serve          run the bot
  comeback doctor         is everything set up, and what to do about what is not
  comeback flows          what an edited flow changes, and for whom
  comeback replay         what other flow files would have sent to the people who were really here
  comeback explain WHO    why somebody was written to, and why not
  comeback desk           staff answer customers
  comeback costs          what messages cost, and what a goal reached cost
  comeback results        what came of each flow: answers, orders, codes, opt-outs
  comeback reorder        what people buy again, and when each will need it
  comeback privacy        what the law lets people ask: copies, erasures, receipts"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="comeback", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"comeback {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in _needed(words):
        command = importlib.import_module(f"bot.command.{name}")
        own = subparsers.add_parser(
            name, help=command.HELP, description=command.ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.arguments(own)
        own.set_defaults(run=command.run)
    args = parser.parse_args(words)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0  # the reader (head, less) has seen enough
    except Exception as error:  # noqa: BLE001 - what is not known there is raised again
        return _told(error)


def _told(error: Exception) -> int:
    """What every command may meet, in its own sentence; anything else is our bug, and raised. Returns the exit code."""
    from bot.command.exit_code import EX_CONFIG  # only who stumbles pays for these imports
    from bot.settings import SettingsError
    from bot.store.lock import StoreTaken, StoreUnavailable

    if not isinstance(error, SettingsError | StoreTaken | StoreUnavailable):
        raise error
    print(error, file=sys.stderr)
    return EX_CONFIG if isinstance(error, SettingsError) else 1


def _needed(words: Sequence[str]) -> Sequence[str]:
    """Only the command that is asked for is imported: importing all would cost each of them a second."""
    asked = next((word for word in words if not word.startswith("-")), None)
    return (asked,) if asked in COMMANDS else COMMANDS


if __name__ == "__main__":
    sys.exit(main())
