"""`comeback results`: what came of each flow. Messages, answers, the orders it is credited with, codes, opt-outs."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command.costs import read_since
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint, table
from bot.flow import money
from bot.flow.facts import Money
from bot.owner_files import read_playbook
from bot.store.credit import Kind
from bot.store.database import read_only
from bot.store.discounts import CAP_LENGTH, SUSPECT
from bot.store.results import Result, Results, results

NAME = "results"
HELP = "what came of each flow: messages, answers, orders, codes, opt-outs"
ABOUT = """\
Sums up what came of each flow: what was sent and arrived, who answered, the orders it is credited with and what is left of them after
refunds, its discount codes, and who stopped marketing after its messages.

An order is credited to one flow: the one whose code was used; else whose link the buyer came by; else whose message was the last to
arrive before it, no longer ago than 'credit_for:' in flows/store.yaml says (5 days). All other orders came by themselves. A code on
somebody else's order has leaked, and brings its flow nothing. Cancelled and refunded orders are taken off.

  comeback results                              the last 30 days
  comeback results --since 2026-11-01 --flow cart_reminder
  comeback results --since "7 days" --json

Days are the store's own (flows/store.yaml: timezone). Exit codes: 0 told, 1 there is no such flow."""

DEFAULT_SINCE = timedelta(days=30)
NO_LIFT = (
    "Credited is not caused: some of these people would have ordered anyway. What the flows add can only be told against people who were "
    "left alone (a hold-out group), and there is none."
)
_HEAD = (
    *("flow", "sent", "arrived", "answered", "orders", "code", "click", "view"),
    *("taken", "given back", "codes", "used", "leaked", "stops"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--since", type=read_since, default=DEFAULT_SINCE, help="from a day on, such as 2026-11-01, or the last '7 days'")
    parser.add_argument("--flow", help="only this flow")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Sum up; returns the exit code."""
    settings = settings_of_served()
    rules = read_playbook(settings.flows, settings.locales).rules
    zone, now = ZoneInfo(rules.timezone), wall_clock()
    since: date = args.since if isinstance(args.since, date) else now.astimezone(zone).date() - args.since
    begins = datetime.combine(since, time(), zone).astimezone(UTC)
    found = asyncio.run(read_only(settings.database, results(begins, now, rules.credit_for)))
    if args.flow is not None and args.flow not in found.flows:
        complain(f"nothing came of a flow '{args.flow}' since {since:%d %B %Y}; there are: {', '.join(found.flows) or 'none'}")
        return 1
    flows = [one for name, one in found.flows.items() if args.flow in (None, name)]
    if args.json:
        print(as_json(_plain(since, flows, found)))
    else:
        print("\n".join(_told(since, flows, found, whole=args.flow is None)))
    return 0


def _plain(since: date, flows: list[Result], found: Results) -> dict[str, object]:
    return {
        "since": since,
        "flows": [_plain_flow(one) for one in flows],
        "organic_orders": found.organic_orders,
        "organic": _sums(found.organic),
        "opt_outs_without_a_flow": found.opt_outs_alone,
        "people_with_many_codes": found.habitual,
        "note": NO_LIFT,
    }


def _plain_flow(one: Result) -> dict[str, object]:
    return {
        "flow": one.flow,
        "runs": one.runs,
        "goals": one.goals,
        "sent": one.sent,
        "delivered": one.delivered,
        "read": one.read,
        "answered": one.answered,
        "orders": {kind.value: one.orders.get(kind, 0) for kind in Kind},
        "orders_undone": one.undone,
        "money": _sums({currency: takings.kept for currency, takings in one.money.items()}),
        "given_back": _sums({currency: takings.back for currency, takings in one.money.items()}),
        "codes": {"given": one.codes_given, "redeemed": one.codes_redeemed, "leaked": one.codes_leaked},
        "opt_outs": one.opt_outs,
    }


def _sums(minor: Mapping[str, int]) -> dict[str, str]:
    return {currency: f"{money.amount(Money(sum_, currency)):f}" for currency, sum_ in sorted(minor.items())}


def _told(since: date, flows: list[Result], found: Results, *, whole: bool) -> Iterator[str]:
    if not flows:
        yield f"No flow did anything since {since:%d %B %Y}."
        return
    yield paint(f"Since {since:%d %B %Y}", "bold")
    yield ""
    yield from table([_HEAD, *(_row(one) for one in flows)])
    yield ""
    if whole:
        yield _organic(found)
    if found.habitual:
        who = "1 person" if found.habitual == 1 else f"{found.habitual:,} people"
        yield f"{who} got {SUSPECT} codes or more within {CAP_LENGTH.days} days, and may leave carts to get them: 'cap:' bounds it."
    yield NO_LIFT


def _row(one: Result) -> tuple[str, ...]:
    kinds = (one.orders.get(kind, 0) for kind in Kind)
    counts = (one.sent, one.delivered, one.answered, one.recovered, *kinds)
    kept = {currency: takings.kept for currency, takings in one.money.items()}
    back = {currency: takings.back for currency, takings in one.money.items() if takings.back}
    codes = (one.codes_given, one.codes_redeemed, one.codes_leaked, one.opt_outs)
    return (one.flow, *map(_count, counts), _spoken(kept), _spoken(back), *map(_count, codes))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _spoken(minor: Mapping[str, int]) -> str:
    return " and ".join(f"{money.amount(Money(sum_, currency)):,f} {currency}" for currency, sum_ in sorted(minor.items()))


def _organic(found: Results) -> str:
    orders = f"{found.organic_orders:,} {'order' if found.organic_orders == 1 else 'orders'}"
    worth = f" ({_spoken(found.organic)})" if found.organic else ""
    alone = f" {found.opt_outs_alone:,} stopped marketing after no message of a flow." if found.opt_outs_alone else ""
    return f"{orders}{worth} came by themselves.{alone}"
