"""`comeback costs`: what messages cost, as Meta counted them, and what a goal reached cost."""

import argparse
import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, paint, table
from bot.flow.measure import read_length
from bot.flow.price import whole
from bot.owner_files import read_playbook
from bot.store import charges
from bot.store.charges import Spent
from bot.store.database import read_only
from bot.store.step import Step

NAME = "costs"
HELP = "what messages cost, as Meta counted them"
ABOUT = """\
Sums what Meta told of each message (its category, and whether it was free), at the prices of flows/store.yaml ('prices:'). A message is
booked once, on the day Meta told it; one that has not arrived costs nothing.

  comeback costs                             the last 30 days by flow, and what a goal reached cost
  comeback costs --by country --since 2026-11-01
  comeback costs --by day --since "7 days" --json

Days are the store's own (flows/store.yaml: timezone)."""

DEFAULT_SINCE = timedelta(days=30)
NO_FLOW = "staff and house"  # messages that no flow wrote
NOWHERE = "unknown"

_BY: Mapping[str, Callable[[Spent], str]] = {
    "flow": lambda one: one.flow or NO_FLOW,
    "day": lambda one: one.day,
    "category": lambda one: one.category or NOWHERE,
    "country": lambda one: one.country or NOWHERE,
}


@dataclass(slots=True)
class Line:
    """What messages with one thing in common cost together, in millionths. `goals` is None where they are not counted."""

    name: str
    currency: str = ""
    messages: int = 0
    charged: int = 0
    unpriced: int = 0
    micros: int = 0
    goals: int | None = None

    @property
    def free(self) -> int:
        """Messages that cost nothing."""
        return self.messages - self.charged - self.unpriced

    def add(self, spent: Spent) -> None:
        """Count some more."""
        self.currency = self.currency or spent.currency
        self.messages += spent.messages
        self.charged += spent.charged
        self.unpriced += spent.unpriced
        self.micros += spent.micros


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--by", choices=tuple(_BY), default="flow", help="what to sum up by (flow)")
    parser.add_argument("--since", type=read_since, default=DEFAULT_SINCE, help="from a day on, such as 2026-11-01, or the last '7 days'")
    parser.add_argument("--json", action="store_true", help="for machines")


def read_since(text: str) -> date | timedelta:
    """A day, or a length of time before today, as somebody writes it on a command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return read_length(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a day like 2026-11-01 or a length of time like '7 days'") from None


def run(args: argparse.Namespace) -> int:
    """Sum up; returns the exit code."""
    settings = settings_of_served()
    rules = read_playbook(settings.flows, settings.locales).rules
    today = wall_clock().astimezone(ZoneInfo(rules.timezone)).date()
    since: date = args.since if isinstance(args.since, date) else today - args.since
    spent, goals = asyncio.run(read_only(settings.database, _read(since, rules.timezone)))
    lines = summed(spent, args.by, goals)
    unpriced = _unpriced(spent)
    if args.json:
        print(as_json({"since": since, "by": args.by, "lines": [_plain(line) for line in lines], "without_price": unpriced}))
    else:
        print("\n".join(_told(since, args.by, lines, unpriced)))
    return 0


def _read(since: date, timezone: str) -> Step[tuple[list[Spent], Mapping[str, int]]]:
    spent = yield from charges.spent(since)
    return spent, (yield from charges.reached(since, timezone))


def summed(spent: Sequence[Spent], by: str, goals: Mapping[str, int]) -> list[Line]:
    """One line for each flow, day, category or country, and for each currency of its prices; days in order, the rest the dearest first."""
    lines: dict[tuple[str, str], Line] = {}
    for one in spent:
        name = _BY[by](one)
        lines.setdefault((name, one.currency), Line(name)).add(one)
    if by == "flow":
        for flow, reached in goals.items():
            priced = [line for (name, _), line in lines.items() if name == flow]
            for line in priced[:1]:
                line.goals = reached
    if by == "day":
        return [lines[key] for key in sorted(lines)]
    return sorted(lines.values(), key=lambda line: (-line.micros, -line.messages, line.name))


def _unpriced(spent: Sequence[Spent]) -> list[str]:
    """What has no price, as it would stand in the list."""
    return sorted({f"{one.category} {one.country}".strip() for one in spent if one.unpriced})


def _plain(line: Line) -> dict[str, object]:
    return {
        "name": line.name,
        "messages": line.messages,
        "charged": line.charged,
        "free": line.free,
        "without_price": line.unpriced,
        "cost": f"{whole(line.micros):f}",
        "currency": line.currency,
        "goals": line.goals,
        "cost_per_goal": f"{whole(line.micros // line.goals):f}" if line.goals else None,
    }


def _told(since: date, by: str, lines: Sequence[Line], unpriced: Sequence[str]) -> Iterator[str]:
    if not lines:
        yield f"Nothing was sent since {since:%d %B %Y} that Meta told a price of."
        return
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.currency] = sums.get(line.currency, 0) + line.micros
    together = " and ".join(_money(micros, currency) for currency, micros in sums.items() if micros or len(sums) == 1)
    messages = sum(line.messages for line in lines)
    yield f"Since {since:%d %B %Y}: {paint(together or '0', 'bold')} for {messages:,} messages."
    yield ""
    yield from table([_head(by), *(_row(line, by) for line in lines)])
    if unpriced:
        yield ""
        shown = ", ".join(unpriced[:6]) + (" ..." if len(unpriced) > 6 else "")
        yield f"Not in 'prices:' of flows/store.yaml, so counted but not priced: {shown}."


def _head(by: str) -> tuple[str, ...]:
    return (by, "messages", "charged", "free", "no price", "cost", *(("goals", "each goal") if by == "flow" else ()))


def _row(line: Line, by: str) -> tuple[str, ...]:
    counts = (f"{number:,}" if number else "" for number in (line.messages, line.charged, line.free, line.unpriced))
    each = _money(line.micros // line.goals, line.currency) if line.goals else ""
    goals = (f"{line.goals:,}" if line.goals else "", each) if by == "flow" else ()
    return (line.name, *counts, _money(line.micros, line.currency), *goals)


def _money(micros: int, currency: str) -> str:
    return f"{whole(micros):,.2f} {currency}".rstrip()
