"""`comeback shop missed`: what changed in the shops, and no webhook told: found by asking the shops themselves every night."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo

from bot.clock import wall_clock
from bot.command.exit_code import EX_CONFIG
from bot.command.served import settings_of_served
from bot.command.shop_fetch import length_of
from bot.command.terminal import as_json, complain
from bot.owner_files import read_playbook
from bot.shop.reader import Part
from bot.store import mirror, readings
from bot.store.database import read_only
from bot.store.readings import Cause, Missed, Reading, Wants
from bot.store.step import Step

NAME = "missed"
HELP = "what changed in your shops, and no webhook told"
ABOUT = """\
Every night, and soon after each start of the bot, each shop that can be asked is asked what changed since the last time. What was not
known is brought in then, so nothing is lost. What a webhook should have told by then stands here, also where 'comeback shop fetch' found
it before the night did: webhooks that are missed mean reminders that come late.

  comeback shop missed                      of the last 7 days, all shops
  comeback shop missed main --since "30 days"

Exit codes: 0 nothing was missed, 1 something was, 2 something on the command line is wrong, 78 the configuration is."""

FEW = 3  # changes of a look: of so few all may be missed by chance
MOST_SHARE = 0.8  # of them missed: their webhook does not come at all
MOST_NAMES = 12  # in a line
_WORDS = {Part.ORDER: "orders", Part.CART: "checkouts", Part.SHOPPER: "consents"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the shop's name in COMEBACK_SHOPS")
    parser.add_argument(
        "--since", type=length_of, default=timedelta(days=7), metavar="LENGTH", help="how far back, such as '7 days' (7 days)"
    )
    parser.add_argument("--json", action="store_true", help="for machines")


@dataclass(frozen=True, slots=True)
class Report:
    """What was missed. `looks` are the times a shop was asked; `hints` what most likely stands behind it, and what to do. Of the shops of
    those looks, `silent` are those that no webhook ever came from; `fetched` says how much an owner had brought in since the last look."""

    looks: Sequence[Reading]
    missed: Sequence[Missed]
    hints: Sequence[str]
    silent: Sequence[str]
    fetched: Mapping[str, int]


def run(args: argparse.Namespace) -> int:
    """Report; returns the exit code."""
    settings = settings_of_served()
    if args.name is not None and args.name not in settings.shops:
        complain(f"There is no shop '{args.name}': COMEBACK_SHOPS names {', '.join(settings.shops) or 'none'}.")
        return EX_CONFIG
    zone = ZoneInfo(read_playbook(settings.flows, settings.locales).rules.timezone)
    report = asyncio.run(read_only(settings.database, found_missing(wall_clock() - args.since, args.name)))
    print(as_json(report) if args.json else "\n".join(told(report, zone)))
    return 1 if report.missed or report.hints else 0


def found_missing(since: datetime, shop: str | None = None) -> Step[Report]:
    """What was missed in that time, of one shop or of all."""
    looks = [one for one in (yield from readings.looked_since(since)) if shop in (None, one.shop)]
    missed = [one for one in (yield from readings.missed_since(since)) if shop in (None, one.shop)]
    wants = [one for one in (yield from readings.wants()) if shop in (None, one.shop)]
    heard = yield from mirror.last_heard()
    fetched = {}
    for name, begun in _last_begun(looks).items():
        asked = yield from readings.latest(name, Cause.ASKED)
        fetched[name] = sum(one.fresh for one in asked if one.begun_at > begun)
    silent = [name for name in fetched if name not in heard]
    return Report(looks, missed, [*_switched_off(looks), *map(_waits, wants)], silent, fetched)


def _last_begun(looks: Sequence[Reading]) -> dict[str, datetime]:
    """When each shop was looked at last."""
    return {one.shop: one.begun_at for one in sorted(looks, key=lambda one: one.begun_at)}


def _switched_off(looks: Sequence[Reading]) -> Iterator[str]:
    """Of the last look at each part."""
    last = {(one.shop, one.part): one for one in looks}
    for (shop, part), look in last.items():
        if look.found >= FEW and look.missed >= look.found * MOST_SHARE:
            what = _WORDS[Part(part)]
            yield (
                f"{shop}: {look.missed} of {look.found} {what} that changed before {look.begun_at:%d %B, %H:%M} UTC came because we asked."
                " Their webhook does not come: most likely it was deleted or switched off. 'comeback shop connect' looks, and mends it."
            )
        elif look.trouble is not None and not look.found:
            yield f"{shop}: its {_WORDS[Part(part)]} cannot be compared: {look.trouble}"


def _waits(wants: Wants) -> str:
    why = f" ({wants.trouble})" if wants.trouble else ""
    return f"{wants.shop}: {wants.count} things that it named are not fetched yet, the oldest since {wants.oldest:%d %B, %H:%M} UTC{why}"


def told(report: Report, zone: tzinfo) -> Iterator[str]:
    """The report for people, days by the store's own clock."""
    if not report.looks:
        yield "No shop was asked in that time: 'comeback serve' does it every night, of shops whose own interface is set up."
    elif not report.missed:
        yield from last_looks(report, zone)
    days = sorted(report.missed, key=lambda one: (one.shop, one.at))
    for (shop, day), some in groupby(days, lambda one: (one.shop, one.at.astimezone(zone).date())):
        yield f"{shop}, {day:%A, %d %B %Y}:"
        yield from _of_a_day(list(some))
    yield from report.hints


def last_looks(report: Report, zone: tzinfo) -> Iterator[str]:
    """What each shop's last look found, where nothing was missed. What was known already may have come by webhooks, or by a fetch."""
    for shop, begun in _last_begun(report.looks).items():
        last = [one for one in report.looks if (one.shop, one.begun_at) == (shop, begun)]
        found, fresh = sum(one.found for one in last), sum(one.fresh for one in last)
        new = f"{_changes(fresh)} brought in that no webhook need have told yet" if fresh else "nothing was new"
        known = (
            f"{_changes(found - fresh)} known already" if found > fresh else "nothing else had changed" if fresh else "nothing had changed"
        )
        yield f"{shop}: at the last look ({begun.astimezone(zone):%d %B, %H:%M}) {new}: {known}."
        if report.fetched[shop]:
            yield f"{shop}: since then 'comeback shop fetch' brought in {report.fetched[shop]:,} more, before webhooks need have told them."
        if shop in report.silent:
            yield f"{shop}: no webhook of it has come yet."


def _changes(count: int) -> str:
    return "1 change was" if count == 1 else f"{count:,} changes were"


def _of_a_day(missed: Sequence[Missed]) -> Iterator[str]:
    for part, word in _WORDS.items():
        for is_new, what in ((True, "never told"), (False, "a change of it not told")):
            names = [one.name for one in missed if one.part == part and one.is_new is is_new]
            if names:
                more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
                yield f"  {len(names):>5,} {word}, {what}: {', '.join(names[:MOST_NAMES])}{more}"
