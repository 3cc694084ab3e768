"""`comeback simulate --customers 1000`: a crowd lives through days of the shop, and what came of it, for people and for machines."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.command.terminal import as_json, complain, paint, table
from bot.flow import money
from bot.flow.document import DocumentError
from bot.flow.document import read as read_document
from bot.flow.facts import Money
from bot.flow.price import Prices, one_price, whole
from bot.flow.rules import StoreRules, read_prices
from bot.owner_files import read_playbook
from bot.policy.decision import Reason
from bot.rehearsal.crowd import Setting, play
from bot.rehearsal.news import News, What
from bot.rehearsal.people import Person
from bot.rehearsal.report import Sums
from bot.rehearsal.shopper import Because
from bot.rehearsal.wordings import titles
from bot.worker.playbook import Playbook

BEGINS = datetime(2026, 3, 2)  # noqa: DTZ001 - a Monday by the store's clock; always the same, so that a seed always tells the same
MOST_CUSTOMERS = 1_000_000
MOST_DAYS = 366
PART = 200  # customers a process plays before it reports
ALONE = 400  # fewer are played by one process: starting others would take longer
MOST_PROCESSES = 8
BAR = 30  # characters of the longest bar
TOP = 6  # reasons, answers and outcomes that are shown; the rest is summed


@dataclass(frozen=True, slots=True)
class Task:
    """What to play, for a process that knows nothing yet."""

    flows: Path
    locales: Path
    only: tuple[str, ...]
    begins: datetime
    length: timedelta
    seed: int
    first: int
    customers: int
    log: bool


def run(args: argparse.Namespace, folder: Path, only: tuple[str, ...]) -> int:
    """Play a crowd and report; returns the exit code. `only` names the flows to play, all when it is empty."""
    playbook = _playbook(folder, args.locales, only)
    faults = _faults(args, playbook)
    for fault in faults:
        complain(fault)
    if faults:
        return 1
    try:
        prices = _prices(args.prices, playbook.rules)
    except (ValueError, OSError) as error:
        complain(str(error))
        return 1
    begins = (args.at or BEGINS).replace(tzinfo=ZoneInfo(playbook.rules.timezone)).astimezone(ZoneInfo("UTC"))
    whole = Task(folder, args.locales, only, begins, timedelta(days=args.days), args.seed, 1, args.customers, args.log is not None)
    began = monotonic()
    sums = _play(whole, args.log, quiet=args.json)
    if args.json:
        print(as_json(for_machines(sums, whole, playbook, prices)))
    else:
        print("\n".join(for_people(sums, whole, playbook, prices, monotonic() - began)))
    return 0


def _faults(args: argparse.Namespace, playbook: Playbook) -> list[str]:
    found = []
    if not 1 <= args.customers <= MOST_CUSTOMERS:
        found.append(f"--customers lies between 1 and {MOST_CUSTOMERS:,}")
    if not 1 <= args.days <= MOST_DAYS:
        found.append(f"--days lies between 1 and {MOST_DAYS}")
    if not playbook.library.flows:
        found.append("there is no flow without mistakes to play: comeback check says what is wrong")
    return found


def _prices(written: str | None, rules: StoreRules) -> Prices | None:
    """`--prices`: one price, or a file of them; else those of the store. Raises ValueError with sentences, OSError."""
    if written is None:
        return rules.prices if rules.prices.table else None
    if (one := one_price(written, rules.currency)) is not None:
        return one
    try:
        document = read_document(written, Path(written).read_text("utf-8"))
    except DocumentError as error:
        raise ValueError(str(error)) from error
    prices, problems = read_prices(document, rules.currency)
    if problems or prices is None:
        raise ValueError("\n".join(map(str, problems)))
    return prices


# ---- playing


@lru_cache(maxsize=1)
def _playbook(flows: Path, locales: Path, only: tuple[str, ...]) -> Playbook:
    """The owner's files, with all flows or only some. A process that is forked has them already."""
    playbook = read_playbook(flows, locales)
    if not only:
        return playbook
    kept = {name: revision for name, revision in playbook.library.flows.items() if name in only}
    return Playbook(replace(playbook.library, flows=MappingProxyType(kept)), playbook.house_texts)


def _play(whole: Task, log: Path | None, *, quiet: bool) -> Sums:
    """Play it all, in parts; the parts' order makes the log's, whoever is done first."""
    parts = [replace(whole, first=first, customers=min(PART, whole.customers + 1 - first)) for first in range(1, whole.customers + 1, PART)]
    progress = _Progress(whole.customers, shown=not quiet and sys.stderr.isatty())
    sums = Sums(whole.begins)
    lines = log.open("w", encoding="utf-8") if log else None
    try:
        for part, (partial, told) in zip(parts, _played(parts, whole.customers), strict=True):
            sums.add(partial)
            if lines:
                lines.writelines(told)
            progress.through(part.first + part.customers - 1)
    finally:
        progress.end()
        if lines:
            lines.close()
    return sums


def _played(parts: Sequence[Task], customers: int) -> Iterator[tuple[Sums, list[str]]]:
    processes = min(len(parts), os.cpu_count() or 1, MOST_PROCESSES)
    if processes == 1 or customers < ALONE:
        yield from map(_part, parts)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_part, parts)


def _part(task: Task) -> tuple[Sums, list[str]]:
    """Play a part of the crowd: its sums, and the lines of the log where it is wanted."""
    sums, lines = Sums(task.begins), list[str]()

    def tell(person: Person, news: News) -> None:
        sums.tell(person, news)
        if task.log:
            lines.append(as_json(_line(person, news)) + "\n")

    setting = Setting(task.begins, task.length, task.customers, task.seed, first=task.first)
    play(_playbook(task.flows, task.locales, task.only), setting, tell)
    sums.finish().people = task.customers  # of some there is no news at all
    return sums, lines


def _line(person: Person, news: News) -> dict[str, object]:
    told = {name: value for name, value in asdict(news).items() if value not in ("", 0, None, False)}
    return {"person": person.number, "country": person.country, "zone": person.zone, **told}


class _Progress:
    """A bar on standard error, while people wait."""

    def __init__(self, customers: int, *, shown: bool) -> None:
        self.customers = customers
        self.shown = shown

    def through(self, played: int) -> None:
        """So many people are played."""
        if self.shown:
            done = BAR * played // self.customers
            print(f"\r{'█' * done}{'░' * (BAR - done)} {played:,} of {self.customers:,} people", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nobody waits any more."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# ---- for machines


def for_machines(sums: Sums, whole: Task, playbook: Playbook, prices: Prices | None) -> dict[str, object]:
    """The report as one JSON object. Money is in minor units of `currency`; costs are decimal texts in the currency of the prices."""
    marketing = sums.begun()
    return {
        "begins": whole.begins,
        "days": whole.length.days,
        "customers": whole.customers,
        "seed": whole.seed,
        "currency": playbook.rules.currency,
        "people": {"reached": sums.reached, "marketing_messages_each": dict(sorted(sums.begun_each.items()))},
        "marketing_messages": marketing,
        "marketing_messages_at_night": _at_night(sums, playbook.rules.quiet_hours),
        "most_in_seven_days": dict(sorted(sums.worst_week.items())),
        "stops": dict(sums.stops()),
        "flows": {name: _flow_for_machines(sums, name, playbook) for name in playbook.library.flows},
        "waits": {reason: {"messages": n, "seconds": sums.waited[reason]} for reason, n in sums.by_text(What.WAITS).items()},
        "not_sent": dict(sums.by_text(What.DROPPED)),
        "cancelled": sums.count(What.CANCELLED),
        "failed": dict(sums.by_text(What.FAILED)),
        "hours": {kind: [sums.hours[(kind, hour)] for hour in range(24)] for kind in ("begun", "answers")},
        "by_day": {kind: [sums.days[(kind, day)] for day in range(whole.length.days)] for kind in ("begun", "answers")},
        "hand_overs": {"count": sum(sums.staff_waits.values()), "middle_wait_seconds": _seconds(sums.middle_wait())},
        "carts": sums.carts,
        "orders": {because: {"count": sums.orders[because], "turnover": sums.turnover[because]} for because in Because},
        "cost": _cost_for_machines(sums, prices),
    }


def _flow_for_machines(sums: Sums, flow: str, playbook: Playbook) -> dict[str, object]:
    named = titles(playbook.library.flows[flow].flow)
    return {
        "started": sums.count(What.STARTED, flow),
        "not_started": dict(sums.by_text(What.NOT_STARTED, flow)),
        "outcomes": dict(sums.by_text(What.ENDED, flow)),
        "codes": dict(sums.by_text(What.CODE, flow)),
        "codes_used": sums.count(What.CODE_USED, flow),
        "taken_off": sums.given_off[flow],
        "orders_credited": {because: sums.credited[(flow, because)] for because in (Because.ALONE, Because.MESSAGE)},
        "turnover_credited": {because: sums.credited_minor[(flow, because)] for because in (Because.ALONE, Because.MESSAGE)},
        "steps": [
            {
                "path": path,
                "title": title,
                "sent": sums.count(What.SENT, flow, path),
                "waited": dict(sums.by_text(What.WAITS, flow, path)),
                "not_sent": dict(sums.by_text(What.DROPPED, flow, path)),
                "cancelled": sums.count(What.CANCELLED, flow, path),
                "asked": sums.count(What.ASKED, flow, path),
                "answers": dict(sums.by_text(What.ANSWERED, flow, path)),
                "stops_after": sums.stops_after[(flow, path)],
            }
            for path, title in named.items()
        ],
    }


def _cost_for_machines(sums: Sums, prices: Prices | None) -> dict[str, object]:
    messages = [{"country": country, "category": category, "messages": n} for (country, category), n in sorted(sums.charged.items())]
    if prices is None:
        return {"messages": messages}
    return {"messages": messages, "currency": prices.currency, "total": f"{whole(prices.total(sums.charged)):f}"}


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


# ---- for people


def for_people(sums: Sums, whole: Task, playbook: Playbook, prices: Prices | None, took: float) -> Iterator[str]:
    """The report as lines: what an owner asks, in the order they ask it."""
    begins = whole.begins.astimezone(ZoneInfo(playbook.rules.timezone))
    yield paint(f"{whole.customers:,} people, {whole.length.days} days from {begins:%A %d %B %Y}, seed {whole.seed}", "bold") + paint(
        f"  ({took:.1f} s)", "dim"
    )
    yield "The rules and flows are the real ones; how people behave is assumed (bot/rehearsal/habits.py), so compare, do not count on it."
    yield from _overview(sums, playbook)
    for name in playbook.library.flows:
        yield from _steps(sums, name, playbook)
    yield from _held_back(sums)
    yield from _when(sums, whole)
    yield from _annoyance(sums, playbook)
    yield from _money(sums, playbook, prices)


def _overview(sums: Sums, playbook: Playbook) -> Iterator[str]:
    yield _title("Who got what")
    rows: list[tuple[str, ...]] = [("flow", "started", "messages", "bought", "stopped", "to staff", "codes", "used")]
    for flow in playbook.library.flows:
        outcomes = sums.by_text(What.ENDED, flow)
        stops = sum(n for (of, _), n in sums.stops_after.items() if of == flow)
        codes, used = sums.count(What.CODE, flow), sums.count(What.CODE_USED, flow)
        started, sent = sums.count(What.STARTED, flow), sums.count(What.SENT, flow)
        counts = (started, sent, outcomes["goal reached"], stops, outcomes["handed over"], codes, used)
        rows.append((flow, *(f"{one:,}" for one in counts)))
    yield from table(rows)
    yield f"{sums.reached:,} of {sums.people:,} people got at least one message."


def _steps(sums: Sums, flow: str, playbook: Playbook) -> Iterator[str]:
    """Each step that says something: how many it reached, and where they went from there."""
    yield _title(f"{playbook.library.flows[flow].flow.name}: where people go")
    for why, times in _top(sums.by_text(What.NOT_STARTED, flow)):
        yield paint(f"  did not start {times:>7,}  {why}", "dim")
    for path, title in titles(playbook.library.flows[flow].flow).items():
        sent, asked = sums.count(What.SENT, flow, path), sums.count(What.ASKED, flow, path)
        if not sent and not asked:
            yield paint(f"  {title}: nobody got here", "dim")
            continue
        stops = sums.stops_after[(flow, path)]
        yield f"  {paint(title, 'bold')}: {sent:,} sent" + (f", {paint(_so_many(stops, 'stop'), 'red')}" if stops else "")
        for answer, times in _top(sums.by_text(What.ANSWERED, flow, path)):
            yield f"    {_bar(times, asked)} {times:>7,} {times / asked:>4.0%}  {answer}"
        still = asked - sums.count(What.ANSWERED, flow, path)
        if still:
            yield f"    {_bar(still, asked)} {still:>7,} {still / asked:>4.0%}  {paint('still open at the end', 'dim')}"


def _held_back(sums: Sums) -> Iterator[str]:
    yield _title("What was held back, and why")
    waits, dropped = sums.by_text(What.WAITS), sums.by_text(What.DROPPED)
    for reason, times in waits.most_common():
        hours = sums.waited[reason] / times / 3600
        yield f"  waited    {times:>7,}  {Reason(reason).sentence}  {paint(f'{hours:.0f} hours each', 'dim')}"
    for reason, times in dropped.most_common():
        yield f"  not sent  {times:>7,}  {Reason(reason).sentence}"
    for why, times in _top(sums.by_text(What.CANCELLED)):
        yield f"  cancelled {times:>7,}  {why}"
    for why, times in sums.by_text(What.FAILED).most_common():
        yield f"  failed    {times:>7,}  {why}"
    if not (waits or dropped):
        yield "  nothing"


def _when(sums: Sums, whole: Task) -> Iterator[str]:
    yield _title("When it was sent, by each customer's own clock")
    most = max(sums.hours.values(), default=1)
    for hour in range(24):
        begun, answers = sums.hours[("begun", hour)], sums.hours[("answers", hour)]
        if begun or answers:
            yield f"  {hour:02}:00  {_bar(begun, most, 'blue')} {begun:>6,} begun   {_bar(answers, most, 'green')} {answers:>6,} answers"
    begun_by_day = [sums.days[("begun", day)] for day in range(whole.length.days)]
    yield f"  by day  {_sparks(begun_by_day)}  {min(begun_by_day):,} to {max(begun_by_day):,} begun a day"


def _annoyance(sums: Sums, playbook: Playbook) -> Iterator[str]:
    yield _title("Would it annoy people?")
    written_to = {number: people for number, people in sums.begun_each.items() if number}
    several = sum(people for number, people in written_to.items() if number > 3)
    weeks = max((number for number, people in sums.worst_week.items() if people), default=0)
    yield f"  {sum(written_to.values()):,} people got marketing messages, {_each(sums):.1f} each; {several:,} got more than three."
    yield f"  The most anyone got within seven days is {weeks}."
    at_night = _at_night(sums, playbook.rules.quiet_hours)
    if at_night:
        yield f"  {_so_many(at_night, 'message')} came at night: the shop told no country or time zone, so the store's clock counted."
    most = max(written_to.values(), default=1)
    for number in sorted(written_to)[:12]:
        yield f"    {number:>2} messages  {_bar(written_to[number], most)} {written_to[number]:>7,} people"
    stops, begun = sums.stops(), sums.begun()
    ways = ", ".join(f"{n:,} {_WAYS[way]}" for way, n in stops.most_common())
    rate = f" ({1000 * stops.total() / begun:.1f} of 1,000 messages)" if begun else ""
    yield f"  {_so_many(stops.total(), 'person', 'people')} said stop{rate}{': ' + ways if ways else ''}."
    wait = sums.middle_wait()
    if wait is not None:
        yield f"  {_so_many(sum(sums.staff_waits.values()), 'conversation')} went to staff; the middle one waited {_length(wait)}."


_WAYS = {"word": "in words", "button": "by a button", "platform": "on WhatsApp's own control", "flow": "in a flow"}


def _at_night(sums: Sums, quiet: tuple[time, time] | None) -> int:
    """The messages we began in whole hours that are quiet by the customer's own clock."""
    if quiet is None:
        return 0
    start, end = quiet[0].hour + (quiet[0].minute > 0), quiet[1].hour
    hours = range(start, end) if start <= end else (*range(start, 24), *range(end))
    return sum(sums.hours[("begun", hour)] for hour in hours)


def _each(sums: Sums) -> float:
    written_to = sum(people for number, people in sums.begun_each.items() if number)
    return sums.begun() / written_to if written_to else 0.0


def _money(sums: Sums, playbook: Playbook, prices: Prices | None) -> Iterator[str]:
    currency = playbook.rules.currency
    yield _title("Orders and money")
    alone, brought = sums.orders[Because.ALONE], sums.orders[Because.MESSAGE]
    worth = _minor(sums.turnover[Because.MESSAGE], currency)
    yield f"  {alone + brought:,} orders: {alone:,} would have come anyway, {brought:,} were brought about by a message ({worth})."
    for flow in playbook.library.flows:
        anyway, thanks = sums.credited[(flow, Because.ALONE)], sums.credited[(flow, Because.MESSAGE)]
        if anyway + thanks:
            yield f"  {flow}: {anyway + thanks:,} orders within five days after its message, {anyway:,} of them would have come anyway."
        if sums.given_off[flow]:
            yield f"  {flow}: its codes took {_minor(sums.given_off[flow], currency)} off."
    yield from _cost(sums, prices)


def _cost(sums: Sums, prices: Prices | None) -> Iterator[str]:
    by_category = Counter[str]()
    for (_, category), times in sums.charged.items():
        by_category[category] += times
    told = ", ".join(f"{n:,} {category}" for category, n in by_category.most_common())
    if prices is None:
        yield f"  Messages that Meta charges by: {told or 'none'}. What they cost:  'prices:' in store.yaml, or  --prices '0.05 EUR'"
        return
    total = whole(prices.total(sums.charged))
    yield f"  The messages cost {paint(f'{total:,.2f} {prices.currency}', 'bold')} ({told})."
    rows = [("country", "category", "messages", "each", "together")]
    for (country, category), times in sorted(sums.charged.items(), key=lambda one: -(prices.of(*one[0]) or 0) * one[1]):
        each = whole(prices.of(country, category) or 0)
        if each:
            rows.append((country, category, f"{times:,}", f"{each:f}", f"{each * times:,.2f}"))
    yield from table(rows[: TOP * 2 + 1])
    brought = sums.orders[Because.MESSAGE]
    if brought and total:
        yield f"  That is {total / brought:,.2f} {prices.currency} for each order a message brought about."


# ---- how it is written


def _title(text: str) -> str:
    return f"\n{paint(text, 'bold', 'cyan')}"


def _bar(part: int, whole: int, style: str = "cyan") -> str:
    """A bar of a third of BAR at most, always as wide."""
    width = BAR // 3
    filled = round(width * part / whole) if whole else 0
    return paint("█" * filled, style) + paint("·" * (width - filled), "dim")


def _sparks(numbers: Sequence[int]) -> str:
    """A row of columns: ▁▂▃▄▅▆▇█."""
    most = max(numbers) or 1
    return "".join("▁▂▃▄▅▆▇█"[min(7, 8 * number // (most + 1))] for number in numbers)


def _top(counts: Counter[str]) -> Iterator[tuple[str, int]]:
    """The most frequent ones, and the rest as one."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    yield from ordered[:TOP]
    rest = sum(times for _, times in ordered[TOP:])
    if rest:
        yield "something else", rest


def _so_many(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _minor(minor: int, currency: str) -> str:
    return f"{money.amount(Money(minor, currency)):,.2f} {currency}"


def _length(length: timedelta) -> str:
    minutes = int(length / timedelta(minutes=1))
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
