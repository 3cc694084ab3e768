"""`comeback shop fetch`: what was in a shop before it was connected, read by the shop's own interface."""

import argparse
import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.clock import wall_clock
from bot.command import doctor_shop, shop_access
from bot.command.desk import ask
from bot.command.exit_code import EX_CONFIG
from bot.command.finding import Health
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, progress_bar, table
from bot.flow.measure import read_length
from bot.flow.problem import WrittenWrongly
from bot.owner_files import read_playbook
from bot.settings import Settings, ShopSettings
from bot.shop import bigcommerce, shopify, shopify_scopes, woocommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.reader import Part
from bot.shop.setup import lacking
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.wire import ApiRefused, ShopUnreachable
from bot.shop.woocommerce_reader import WooReader
from bot.store import readings
from bot.store.database import file_of, is_server, read_only
from bot.store.readings import Cause, People, Reading, ReadingState
from bot.store.step import Step, T
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
  comeback shop fetch main --again             all of it anew, though it was read today
  comeback shop fetch main --stop              read no further; what came in stays

The running 'comeback serve' does it, as fast as your shop allows, and people who write meanwhile come first. This command only watches:
end it, and it goes on; run it again, and it shows how far it is, or for a day what came of it; kill the bot in the middle, and it goes on
where it was. Shopify tells orders of the last 60 days alone to apps without the scope read_all_orders.
Exit codes: 0 all was read (or, with nobody to do it, is to be), 1 a shop refused, 2 something on the command line is wrong, 78 the
configuration is."""

YEAR = timedelta(days=365)
LOOK_SECONDS = 0.4
PATIENCE_SECONDS = 20.0  # without anything going on, until that is told
MOST_REASONS = 10
SHOWN_FOR = timedelta(days=1)  # what came of it, to whoever asks for the same again
SAME_SINCE = timedelta(minutes=5)  # between the command's clock and the bot's
RECENT = timedelta(days=60)  # orders that Shopify tells without read_all_orders

_ALL_ORDERS = "read_all_orders"
_READS = frozenset({shopify_scopes.READ_ORDERS, shopify_scopes.READ_CUSTOMERS, _ALL_ORDERS})
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
    parser.add_argument(
        "--since", type=length_of, default=YEAR, metavar="LENGTH", help="how far back, such as '1 year' or '90 days' (1 year)"
    )
    for word in _PARTS.values():
        parser.add_argument(f"--{word}", action="store_true", help=f"{word} alone, or with others that are named")
    parser.add_argument("--again", action="store_true", help="read anew what was read within the last day")
    parser.add_argument("--stop", action="store_true", help="read no further")
    parser.add_argument("--json", action="store_true", help="for machines")


@dataclass(frozen=True, slots=True)
class Report:
    """What came of reading a shop, its parts by the words of the command line. `left_out` says why nothing came of things, and of how many;
    `hints` what the owner should know."""

    shop: str
    since: datetime
    ended_at: datetime | None
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
    if args.stop:
        return _stop(settings, shops)
    wanted = [part for part, word in _PARTS.items() if getattr(args, word)] or list(_PARTS)
    try:
        for shop in shops:
            if not _ask_for(settings, shop, wanted, args.since, again=args.again):
                return 1
        if not _is_served(settings) and not all(_is_whole(settings, shop) for shop in shops):
            complain("Nobody serves this database now: it begins as soon as 'comeback serve' runs. Run this again to watch.")
            return 0
        reports = [asyncio.run(_watch(settings, shop)) for shop in shops]
    except KeyboardInterrupt:
        complain("\nIt goes on without this command: run it again to watch.")
        return 130
    print(as_json(reports) if args.json else "\n\n".join("\n".join(told(one)) for one in reports))
    return 1 if any(one.refused for one in reports) else 0


def length_of(text: str) -> timedelta:
    """`1 year`, or a length of time as flows have it. Raises ArgumentTypeError."""
    years = _YEARS.fullmatch(text.strip().lower())
    try:
        return int(years[1]) * YEAR if years and int(years[1]) else read_length(text)
    except WrittenWrongly as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None


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


def _ask_for(settings: Settings, shop: ShopSettings, wanted: Sequence[Part], back: timedelta, *, again: bool) -> bool:
    """Have a shop read, unless it was or is; returns whether there is something to watch, else says why not."""
    parts = [part for part in _TOLD_BY[shop.platform] if part in wanted]
    if not parts:
        complain(f"{shop.name} has no list of that: {shop.platform} does not tell it.")
        return False
    now = wall_clock()
    last = asyncio.run(read_only(settings.database, readings.latest(shop.name, Cause.ASKED)))
    if not again and _answers(last, parts, back, now):
        ended = max(one.ended_at for one in last if one.ended_at is not None)
        complain(f"{shop.name} was read, finished at {_by_clock(settings, ended, now)}; '--again' reads it anew.")
        return True
    answer = _begin(settings, shop, dict.fromkeys(parts, now - back))
    if "error" in answer:
        complain(str(answer["error"]))
        return False
    if answer["result"] == "going on":
        begun = min((one.begun_at for one in last), default=now)
        complain(f"{shop.name} is being read already, since {_by_clock(settings, begun, now)}; here is how far it is.")
    return True


def _answers(last: Sequence[Reading], parts: Sequence[Part], back: timedelta, now: datetime) -> bool:
    """Whether what was read last is what is asked for now."""
    return (
        {one.part for one in last} == set(parts)
        and all(one.state is ReadingState.DONE and abs(one.begun_at - one.since - back) < SAME_SINCE for one in last)
        and all(one.ended_at is not None and now - one.ended_at < SHOWN_FOR for one in last)
    )


def _by_clock(settings: Settings, at: datetime, now: datetime) -> str:
    """The store's own time of day, with the day where it is not today's."""
    zone = ZoneInfo(read_playbook(settings.flows, settings.locales).rules.timezone)
    here = at.astimezone(zone)
    return f"{here:%H:%M}" if here.date() == now.astimezone(zone).date() else f"{here:%H:%M on %d %B}"


def _begin(settings: Settings, shop: ShopSettings, parts: Mapping[Part, datetime]) -> dict[str, Any]:
    since = {str(part): moment.isoformat() for part, moment in parts.items()}
    return asyncio.run(ask(settings.database, "read_store", {"shop": shop.name, "parts": json.dumps(since)}))


def _stop(settings: Settings, shops: Sequence[ShopSettings]) -> int:
    for shop in shops:
        answer = asyncio.run(ask(settings.database, "read_no_further", {"shop": shop.name}))
        if "error" in answer:
            complain(str(answer["error"]))
            return 1
        print(f"{shop.name} is read no further. What came in stays.")
    return 0


def _is_whole(settings: Settings, shop: ShopSettings) -> bool:
    """Whether all that was asked for last is read and worked off."""
    parts = asyncio.run(read_only(settings.database, readings.latest(shop.name, Cause.ASKED)))
    return asyncio.run(read_only(settings.database, _sight(parts))).is_over


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
        parts = await _seen(settings, readings.latest(shop.name, Cause.ASKED))
        under_way = next((one for one in parts if one.state is ReadingState.WAITING), None)
        if under_way is not None and under_way.expected:
            bars[Part(under_way.part)](min(0.99, under_way.found / under_way.expected))
        if under_way is None:
            sight = await _seen(settings, _sight(parts))
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
    named = [replace(one, part=_PARTS[Part(one.part)]) for one in sight.parts]
    ended = max((one.ended_at for one in parts if one.ended_at is not None), default=None)
    hints = [*_hints(shop, sight), *(await _kept_back(shop, sight))]
    return Report(shop.name, min(one.since for one in parts), ended, named, sight.people, sight.left_out, hints)


async def _seen(settings: Settings, step: Step[T]) -> T:
    """What a step reads. Ended in the middle (Ctrl-C), it is read to its end first: a reading that is cut off leaves its thread behind."""
    reading = asyncio.ensure_future(read_only(settings.database, step))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait([reading])
        raise


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
            yield f"The shop keeps something of its {_PARTS[Part(one.part)]} back: {one.trouble}"
    if sight.people.people and not sight.people.with_phone:
        yield "Not one of them has a phone: the shop most likely keeps them from this app. 'comeback shop connect' looks into it."
    if shop.platform == woocommerce.PLATFORM and sight.people.people and not sight.people.agreed and shop.consent_key is None:
        yield "WooCommerce has no checkbox for WhatsApp of its own: say where yours is kept (the setting that ends in _CONSENT_KEY)."


async def _kept_back(shop: ShopSettings, sight: _Sight) -> list[str]:
    """What Shopify does not tell this app, and what to click: as 'comeback shop connect' says it. Nothing where it cannot be asked."""
    if shop.platform != shopify.PLATFORM:
        return []
    async with aiohttp.ClientSession() as session:
        setup = shop_access.setup_of(session, shop)
        try:
            granted = await setup.granted() if setup is not None else None
            if setup is None or granted is None:
                return []
            ills = [one.sentence async for one in doctor_shop.phones(setup, shop, granted) if one.verdict is Health.ILL]
        except (ApiRefused, ShopUnreachable):
            return []
    hints = [ill[:1].upper() + ill[1:] for ill in ills]
    is_cut = any(one.part == Part.ORDER and one.begun_at - one.since > RECENT for one in sight.parts)
    missing = [one.name for one in lacking(setup.scopes, granted) if one.name in _READS and (one.name != _ALL_ORDERS or is_cut)]
    if _ALL_ORDERS in missing:
        hints.append(f"Only orders of the last {RECENT.days} days came: without the scope {_ALL_ORDERS} Shopify tells no older ones.")
    if missing:
        *_, grant = doctor_shop.scopes(setup, shop, granted)
        hints.append(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {grant.sentence}, and fetch with --again.")
    return hints


def told(report: Report) -> Iterator[str]:
    """The report for people."""
    yield f"{report.shop}, what changed since {report.since:%d %B %Y}:"
    rows = [(one.part, f"{one.found:,}", f"{one.fresh:,}", f"{one.found - one.fresh:,}") for one in report.parts]
    yield from table([("", "told", "new", "known"), *rows])
    people = report.people
    if people.people:
        who = "stands 1 person" if people.people == 1 else f"stand {people.people:,} people"
        yield f"  Behind what was new {who}: {people.with_phone:,} with a phone, {people.agreed:,} agreed to"
        yield f"  marketing by WhatsApp, {people.stopped:,} {'wants' if people.stopped == 1 else 'want'} none."
    if report.left_out:
        yield "Nothing came of:"
        yield from (f"  {count:>7,}  {why}" for why, count in report.left_out[:MOST_REASONS])
        if len(report.left_out) > MOST_REASONS:
            yield f"  {sum(count for _, count in report.left_out[MOST_REASONS:]):>7,}  for other reasons"
    yield from report.hints
