"""`comeback shop fetch`: what was in a shop before it was connected, read by the shop's own interface."""

import argparse
import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from bot.clock import wall_clock
from bot.command.desk import ask
from bot.command.exit_code import EX_CONFIG
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, progress_bar, table
from bot.flow.measure import read_length
from bot.flow.problem import WrittenWrongly
from bot.settings import Settings, ShopSettings
from bot.shop import bigcommerce, shopify, woocommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.reader import Part
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.woocommerce_reader import WooReader
from bot.store import readings
from bot.store.database import file_of, is_server, read_only
from bot.store.readings import Cause, People, Reading, ReadingState
from bot.store.step import Step
from bot.web.desk_socket import socket_path

NAME = "fetch"
HELP = "bring in what was before: orders, checkouts, people and what they agreed to"
ABOUT = """\
Reads your shop by its own interface and brings in what changed there since a year ago: orders, checkouts that were left, people with
what they agreed to. Nobody is written to because of it: old orders start no flow, old checkouts no reminder. Reorder dates, segments and
reports learn from it. Who wrote STOP stays stopped, whatever the shop says.

  comeback shop fetch                          each of your shops that can be read, a year back
  comeback shop fetch main --since "3 years"
  comeback shop fetch main --orders            orders alone (also --checkouts, --customers)
  comeback shop fetch main --stop              read no further; what came in stays

The running 'comeback serve' does it, as fast as your shop allows, and people who write meanwhile come first. This command only watches:
end it, and it goes on; run it again, and it shows how far it is; kill the bot in the middle, and it goes on where it was.
Shopify tells orders of the last 60 days alone to apps without the scope read_all_orders.
Exit codes: 0 all was read (or, with nobody to do it, is to be), 1 a shop refused, 78 the configuration is wrong."""

YEAR = timedelta(days=365)
LOOK_SECONDS = 0.4
PATIENCE_SECONDS = 20.0  # without anything going on, until that is told
MOST_REASONS = 10

_YEARS = re.compile(r"(\d{1,2})\s+years?", re.ASCII)
_TOLD_BY = {
    shopify.PLATFORM: ShopifyReader.parts,
    woocommerce.PLATFORM: WooReader.parts,
    bigcommerce.PLATFORM: BigReader.parts,  # which has no list of carts
}
_PARTS = {Part.ORDER: "orders", Part.CART: "checkouts", Part.SHOPPER: "customers"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the shop's name in COMEBACK_SHOPS")
    parser.add_argument("--since", default="1 year", help="how far back, such as '1 year' or '90 days' (1 year)")
    for word in _PARTS.values():
        parser.add_argument(f"--{word}", action="store_true", help=f"{word} alone, or with others that are named")
    parser.add_argument("--stop", action="store_true", help="read no further")
    parser.add_argument("--json", action="store_true", help="for machines")


@dataclass(frozen=True, slots=True)
class Report:
    """What came of reading a shop. `left_out` says why nothing came of things, and of how many; `hints` what the owner should know."""

    shop: str
    since: datetime
    parts: Sequence[Reading]
    people: People
    left_out: Sequence[tuple[str, int]]
    hints: Sequence[str]

    @property
    def refused(self) -> bool:
        """Whether the shop did not let all of it be read."""
        return any(one.state is ReadingState.REFUSED for one in self.parts)


def run(args: argparse.Namespace) -> int:
    """Have shops read, and watch; returns the exit code."""
    settings = settings_of_served()
    shops = _chosen(settings, args.name)
    if not shops:
        return EX_CONFIG
    try:
        since = wall_clock() - length_of(args.since)
    except WrittenWrongly as mistake:
        complain(f"--since: {mistake}")
        return EX_CONFIG
    wanted = [part for part, word in _PARTS.items() if getattr(args, word)] or list(_PARTS)
    if args.stop:
        return _stop(settings, shops)
    for shop in shops:
        parts = dict.fromkeys((part for part in _TOLD_BY[shop.platform] if part in wanted), since)
        if not parts:
            complain(f"{shop.name} has no list of that: {shop.platform} does not tell it.")
            return 1
        if not _begin(settings, shop, parts):
            return 1
    if not _is_served(settings):
        complain("Nobody serves this database now: it begins as soon as 'comeback serve' runs. Run this again to watch.")
        return 0
    try:
        reports = [asyncio.run(_watch(settings, shop)) for shop in shops]
    except KeyboardInterrupt:
        complain("\nIt goes on without this command: run it again to watch.")
        return 130
    print(as_json(reports) if args.json else "\n\n".join("\n".join(told(one)) for one in reports))
    return 1 if any(one.refused for one in reports) else 0


def length_of(text: str) -> timedelta:
    """`1 year`, or a length of time as flows have it. Raises WrittenWrongly."""
    years = _YEARS.fullmatch(text.strip().lower())
    return int(years[1]) * YEAR if years and int(years[1]) else read_length(text)


def _chosen(settings: Settings, name: str | None) -> list[ShopSettings]:
    """The shops that are meant and can be read; none where something is missing, which is told."""
    if name is not None and name not in settings.shops:
        complain(f"There is no shop '{name}': COMEBACK_SHOPS names {', '.join(settings.shops) or 'none'}.")
        return []
    meant = [settings.shops[name]] if name is not None else [shop for shop in settings.shops.values() if shop.can_be_read]
    if not meant or not meant[0].can_be_read:
        whose = f"The shop '{name}'" if name else "None of your shops"
        complain(f"{whose} can be read: the settings of its own interface are missing. 'comeback shop connect' says which they are.")
        return []
    return meant


def _begin(settings: Settings, shop: ShopSettings, parts: dict[Part, datetime]) -> bool:
    since = {str(part): moment.isoformat() for part, moment in parts.items()}
    answer = asyncio.run(ask(settings.database, "read_store", {"shop": shop.name, "parts": json.dumps(since)}))
    if "error" in answer:
        complain(str(answer["error"]))
        return False
    if answer["result"] == "going on":
        complain(f"{shop.name} is being read already, as it was asked for then.")
    return True


def _stop(settings: Settings, shops: Sequence[ShopSettings]) -> int:
    for shop in shops:
        answer = asyncio.run(ask(settings.database, "read_no_further", {"shop": shop.name}))
        if "error" in answer:
            complain(str(answer["error"]))
            return 1
        print(f"{shop.name} is read no further. What came in stays.")
    return 0


def _is_served(settings: Settings) -> bool:
    """Whether a process may be at work; of a server nobody knows, and it is watched."""
    return is_server(settings.database) or socket_path(file_of(settings.database)).exists()


# ---- watching


@dataclass(frozen=True, slots=True)
class _Sight:
    """How far it is."""

    parts: Sequence[Reading]
    waiting: int
    people: People
    left_out: Sequence[tuple[str, int]]

    @property
    def is_over(self) -> bool:
        return not self.waiting and all(one.state is not ReadingState.WAITING for one in self.parts)

    @property
    def progress(self) -> tuple[int, int, int]:
        return sum(one.found for one in self.parts), self.waiting, sum(one.state is ReadingState.WAITING for one in self.parts)


async def _watch(settings: Settings, shop: ShopSettings) -> Report:
    bars = {part: progress_bar(f"{shop.name}: {word:<10}") for part, word in _PARTS.items()}
    last, since, told_of_it = (-1, -1, -1), monotonic(), False
    while True:
        parts = await read_only(settings.database, readings.latest(shop.name, Cause.ASKED))
        under_way = next((one for one in parts if one.state is ReadingState.WAITING), None)
        if under_way is not None and under_way.expected:
            bars[Part(under_way.part)](min(0.99, under_way.found / under_way.expected))
        if under_way is None:
            sight = await read_only(settings.database, _sight(parts))
            if sight.is_over:
                break
            progress = sight.progress
        else:
            progress = (sum(one.found for one in parts), 0, 0)
        if progress != last:
            last, since = progress, monotonic()
        elif monotonic() - since > PATIENCE_SECONDS and not told_of_it:
            told_of_it = True
            complain(standing_still(shop.name, under_way, wall_clock()))
        await asyncio.sleep(LOOK_SECONDS)
    for part in parts:
        bars[Part(part.part)](1.0)
    return Report(shop.name, min(one.since for one in parts), sight.parts, sight.people, sight.left_out, tuple(_hints(shop, sight)))


def standing_still(shop: str, reading: Reading | None, now: datetime) -> str:
    """Why nothing comes of the reading that is under way; None where all is read and waits to be worked off."""
    if reading is not None and reading.tries and reading.trouble:
        return f"{shop} cannot be asked now ({reading.trouble}): it is tried again by itself, and goes on where it was."
    if reading is not None and now < reading.not_before:
        return f"{shop} takes its time with an answer, or lets us ask no faster: it goes on by itself."
    return f"Nothing goes on at {shop} for a while: does 'comeback serve' run? It goes on where it was."


def _sight(parts: Sequence[Reading]) -> Step[_Sight]:
    waiting = 0
    left_out: Counter[str] = Counter()
    for part in parts:
        for state, why, count in (yield from readings.entries(part.id)):
            waiting += count if state == "waiting" else 0
            if state == "dead":
                left_out[f"could not be read: {why}"] += count
            elif state == "done" and why is not None:
                left_out[why] += count
    first = parts[0]
    people = yield from readings.people(first.shop, first.cause, first.begun_at)
    return _Sight(parts, waiting, people, left_out.most_common())


# ---- the report


def _hints(shop: ShopSettings, sight: _Sight) -> Iterator[str]:
    for one in sight.parts:
        if one.state is ReadingState.REFUSED:
            yield f"The shop does not let its {_PARTS[Part(one.part)]} be read: {one.trouble}"
        elif one.trouble is not None and one.state is ReadingState.DONE:
            yield f"The shop keeps something back: {one.trouble}"
    if sight.people.people and not sight.people.with_phone:
        yield "Not one of them has a phone: the shop most likely keeps them from this app. 'comeback shop connect' looks into it."
    if shop.platform == woocommerce.PLATFORM and sight.people.people and not sight.people.agreed and shop.consent_key is None:
        yield "WooCommerce has no checkbox for WhatsApp of its own: say where yours is kept (the setting that ends in _CONSENT_KEY)."


def told(report: Report) -> Iterator[str]:
    """The report for people."""
    yield f"{report.shop}, what changed since {report.since:%d %B %Y}:"
    rows = [(_PARTS[Part(one.part)], f"{one.found:,}", f"{one.fresh:,}", f"{one.found - one.fresh:,}") for one in report.parts]
    yield from table([("", "told", "new", "known"), *rows])
    people = report.people
    if people.people:
        yield f"  Behind what was new stand {people.people:,} people: {people.with_phone:,} with a phone, {people.agreed:,} agreed to"
        yield f"  marketing by WhatsApp, {people.stopped:,} want none."
    if report.left_out:
        yield "Nothing came of:"
        yield from (f"  {count:>7,}  {why}" for why, count in report.left_out[:MOST_REASONS])
        if len(report.left_out) > MOST_REASONS:
            yield f"  {sum(count for _, count in report.left_out[MOST_REASONS:]):>7,}  for other reasons"
    yield from report.hints
