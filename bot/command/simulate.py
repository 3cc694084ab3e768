"""`comeback simulate`: play the customer of a flow in the terminal, or let a crowd live through weeks of the shop."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command import crowd, solo
from bot.command.terminal import complain
from bot.flow import money
from bot.flow.facts import Money
from bot.flow.names import did_you_mean
from bot.flow.revision import Revision
from bot.owner_files import read_playbook
from bot.rehearsal.play import Customer
from bot.worker.playbook import Playbook

NAME = "simulate"
HELP = "play the customer of a flow in this terminal, or let a crowd live through weeks of the shop"
ABOUT = f"""\
  comeback simulate cart_reminder
  comeback simulate flows/welcome.yaml --language es --name Ana
  comeback simulate --days 30 --customers 1000 --seed 7 --prices '0.05 EUR'

With one flow: starts what it starts on (a cart left behind, a message, a purchase used up), then asks what you do:
{solo.HANDS}
  /help              everything else: carts, orders, staff, tags, the reasons
  /quit              the end
The other flows of the folder are there, too. Nothing is sent, nothing is kept. Lines can also come from a file:
  comeback simulate cart_reminder < lines.txt

With --customers or --days: a crowd of made-up people, with the same flows and rules, and a report: who got what and when, what was held
back and why, where people leave, what it would cost. FLOW ... then says which flows there are (all). A file of prices reads like

  currency: EUR
  marketing: {{default: 0.05, ES: 0.0509}}
  utility: {{default: 0.02}}
  service: 0"""

CUSTOMERS, DAYS = 1000, 30
MORNING = (10, 0)  # when a play begins, by the store's clock: no quiet hours stand in the way
CONSENTS = {"yes": True, "no": False, "never asked": None}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("flow", nargs="*", help="a flow's name, or its file; of a crowd: the flows there are (all)")
    parser.add_argument("--at", type=datetime.fromisoformat, help="when it begins, by the store's clock, such as '2026-11-23 10:00'")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")
    you = parser.add_argument_group("you")
    you.add_argument("--language", help="your language (the store's first)")
    you.add_argument("--name", default="Ana", help="your first name (Ana); '' for none")
    you.add_argument("--cart", default="80", help="what your cart is worth, such as '80' or '80 EUR' (80)")
    you.add_argument("--category", help="what you buy (what store.yaml says is used up)")
    you.add_argument("--country", help="where you are, such as ES (not known)")
    you.add_argument("--orders", type=int, default=0, help="how often you ordered before, at most 10 (0)")
    you.add_argument("--tags", default="", help="tags you have, with commas between")
    you.add_argument("--consent", choices=CONSENTS, default="yes", help="whether you agreed to marketing (yes)")
    many = parser.add_argument_group("a crowd")
    many.add_argument("--customers", type=int, help=f"how many people ({CUSTOMERS})")
    many.add_argument("--days", type=int, help=f"how many days ({DAYS})")
    many.add_argument("--seed", type=int, default=1, help="other people with each number, the same with the same (1)")
    many.add_argument("--prices", help="what messages cost, where not as in store.yaml: '0.05 EUR' each, or a file")
    many.add_argument("--json", action="store_true", help="the report for machines")
    many.add_argument("--log", type=Path, metavar="FILE", help="everything that happens, a line of JSON each")


def run(args: argparse.Namespace) -> int:
    """Play; returns the exit code."""
    named = [Path(flow) for flow in args.flow]
    folder = next((path.parent for path in named if path.suffix == ".yaml"), args.flows)
    is_crowd = args.customers is not None or args.days is not None
    playbook = read_playbook(folder, args.locales)
    if not named and not is_crowd:
        complain(f"name a flow to play: {_listed(playbook)}; or say --customers {CUSTOMERS} for a crowd")
        return 1
    missing = [path.stem for path in named if path.stem not in playbook.library.flows]
    for name in missing:
        _explain_missing(playbook, name, folder)
    if missing:
        return 1
    if is_crowd:
        args.customers = CUSTOMERS if args.customers is None else args.customers
        args.days = DAYS if args.days is None else args.days
        return crowd.run(args, folder, tuple(path.stem for path in named))
    if len(named) > 1:
        complain("one flow at a time can be played; the others in the folder are there, too")
        return 1
    return _play(args, playbook, playbook.library.flows[named[0].stem])


def _explain_missing(playbook: Playbook, name: str, folder: Path) -> None:
    mistakes = [problem for problem in playbook.library.problems if problem.file == f"flows/{name}.yaml"]
    for mistake in mistakes:
        complain(str(mistake))
    if not mistakes:
        hint = did_you_mean(name, playbook.library.flows) or f"; there are: {_listed(playbook)}"
        complain(f"there is no flow '{name}' in {folder}{hint}")


def _listed(playbook: Playbook) -> str:
    return ", ".join(playbook.library.flows) or "none without mistakes"


def _play(args: argparse.Namespace, playbook: Playbook, revision: Revision) -> int:
    cart = money.parse(args.cart, playbook.rules.currency)
    if cart is None:
        complain(f"'{args.cart}' is no sum of money: write '80' or '80 {playbook.rules.currency}'")
        return 1
    cast = solo.Cast(_customer(args, playbook, cart), args.orders, _tags(args.tags), _begin(args.at, playbook))
    return solo.play(playbook, revision, cast)


def _customer(args: argparse.Namespace, playbook: Playbook, cart: Money) -> Customer:
    return Customer(
        name=args.name or None,
        language=args.language or playbook.rules.languages[0],
        cart=cart.minor,
        category=args.category or _used_up(playbook),
        consents=CONSENTS[args.consent],
        country=args.country,
    )


def _tags(written: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in written.split(",") if tag.strip())


def _used_up(playbook: Playbook) -> str:
    """Something that is used up and bought again."""
    return next(iter(playbook.rules.used_up), "coffee")


def _begin(at: datetime | None, playbook: Playbook) -> datetime:
    zone = ZoneInfo(playbook.rules.timezone)
    local = at or wall_clock().astimezone(zone).replace(hour=MORNING[0], minute=MORNING[1], second=0, microsecond=0)
    return local.replace(tzinfo=zone).astimezone(UTC)
