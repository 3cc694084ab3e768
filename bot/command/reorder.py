"""`comeback reorder report`: what is bought again, after how long, and what the nudges rest on."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint, table
from bot.desk import actions
from bot.desk.actions import NotFound
from bot.flow.rules import StoreRules
from bot.owner_files import read_playbook
from bot.policy.reorder import OPENS_AT, OVER_AT, OWN_GAPS, PRODUCT_GAPS, PRODUCT_PEOPLE, SECOND_AT, Basis
from bot.store import purchases
from bot.store.database import read_only
from bot.store.purchases import Product, Sold
from bot.store.step import Step
from bot.worker import reorder
from bot.worker.reorder import Need

NAME = "reorder"
HELP = "what people buy again, after how long, and when each will need it"
ABOUT = f"""\
Shows for each product how many bought it, how many of them came back, after how many days (the middle, and from a quarter to three
quarters of all), and what the nudges of flows that start 'when: reorder_due' rest on:

  owner    you wrote the days under 'reorder:' in flows/store.yaml, for a product id, an SKU or a category
  people   at least {PRODUCT_PEOPLE} people came back, {PRODUCT_GAPS} times in all: enough to guess for somebody who bought once
  none     too little is known; who came back {OWN_GAPS} times themselves is still asked, as their own habit says

  comeback reorder report
  comeback reorder report --product "House blend"      by name, product id, SKU or category
  comeback reorder report --person +34600000001        one person's dates, and what each rests on

A guess is asked about at {OPENS_AT} of the expected time, your own days to the day; who says nothing is asked once more at {SECOND_AT}, and
nobody after {OVER_AT:g} times as long. The counts are those of the last night. Exit codes: 0 told, 1 nobody goes by that name."""

LONGEST_NAME = 36  # characters of a product's name in the table


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    told = parser.add_subparsers(dest="action", metavar="ACTION", required=True).add_parser("report", help="show it", description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    told.add_argument("--product", help="only products with this id, SKU or category, or whose name holds it")
    told.add_argument("--person", help="when this person needs what: phone number, e-mail address, WhatsApp id or contact number")
    told.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Report; returns the exit code."""
    settings = settings_of_served()
    rules = read_playbook(settings.flows, settings.locales).rules
    try:
        if args.person:
            dates = asyncio.run(read_only(settings.database, dates_of(args.person, rules)))
            dates = [one for one in dates if args.product is None or _is_meant(one.sold, args.product)]
            print(as_json(dates) if args.json else "\n".join(_person(args.person, dates, ZoneInfo(rules.timezone))))
            return 0
        products, at = asyncio.run(read_only(settings.database, _products()))
    except NotFound as fault:
        complain(str(fault))
        return 1
    lines = [line_of(one, rules) for one in products if args.product is None or _is_meant(one.sold, args.product)]
    print(as_json({"worked_out_at": at, "products": lines}) if args.json else "\n".join(_told(lines, at, ZoneInfo(rules.timezone))))
    return 0


def _products() -> Step[tuple[list[Product], datetime | None]]:
    found = yield from purchases.products()
    return found, (yield from purchases.worked_out_at())


def _is_meant(sold: Sold, text: str) -> bool:
    return text in (sold.product, sold.sku, sold.category) or text.lower() in sold.name.lower()


# ---- products


@dataclass(frozen=True, slots=True)
class Line:
    """A product in the report. Days are None where nobody came back; `basis` is owner, people or none, `why` says so in words."""

    sold: Sold
    buyers: int
    came_back: int
    times: int
    days: float | None
    early: float | None
    late: float | None
    basis: str
    why: str


def line_of(product: Product, rules: StoreRules) -> Line:
    """What the report says of a product."""
    found = product.evidence
    basis, why = _basis(product, reorder.need_of(rules, product.sold))
    if found is None:
        return Line(product.sold, product.buyers, 0, 0, None, None, None, basis, why)
    return Line(product.sold, found.buyers, found.people, found.gaps, found.days, found.early, found.late, basis, why)


def _basis(product: Product, need: Need) -> tuple[str, str]:
    if need.override is not None:
        return "owner", _owners_word(need)
    if product.evidence is None:
        return "none", "nobody came back yet"
    if product.evidence.enough:
        return "people", f"asked after {product.evidence.days * OPENS_AT:.0f} days"
    people, gaps = product.evidence.people, product.evidence.gaps
    return "none", f"came back: {people} of {PRODUCT_PEOPLE} people, {gaps} of {PRODUCT_GAPS} times"


def _owners_word(need: Need) -> str:
    assert need.override is not None
    whose = f" (category {_plain(need.category)})" if need.category is not None else ""
    if need.override.days is None:
        return f"never{whose}"
    each = " for each piece" if need.override.per_unit else ""
    return f"{need.override.days:g} days{each}{whose}"


def _told(lines: Sequence[Line], at: datetime | None, zone: tzinfo) -> Iterator[str]:
    if at is None:
        yield "Nothing is worked out yet: 'comeback serve' does it soon after it starts, and each night."
        return
    if not lines:
        yield "No product like that was sold."
        return
    yield f"As of {at.astimezone(zone):%d %B %Y, %H:%M}:"
    yield ""
    counts = [
        (_plain(one.sold.name), f"{one.buyers:,}", f"{one.came_back:,}", f"{one.times:,}", _days(one.days), _from_to(one)) for one in lines
    ]
    head, *rows = table([("product", "buyers", "came back", "times", "days", "from to"), *counts])
    yield f"{head}  {paint('nudges rest on', 'dim')}"
    yield from (f"{row}  {one.basis}: {one.why}" for row, one in zip(rows, lines, strict=True))


def _days(days: float | None) -> str:
    return "" if days is None else f"{days:g}"


def _from_to(line: Line) -> str:
    return "" if line.early is None or line.late is None else f"{line.early:g} to {line.late:g}"


def _plain(text: str) -> str:
    """A shop's text on somebody's terminal: nothing but what can be printed."""
    shown = "".join(letter for letter in text if letter.isprintable())
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


# ---- one person


@dataclass(frozen=True, slots=True)
class Date:
    """When somebody will need a product again; None where nobody can say. `asks_at` is when they are to be asked, `asked` how often they
    were. `pieces` is how many they bought the last time, `own_gaps` how often they came back."""

    sold: Sold
    last_bought: datetime
    pieces: int
    expected: datetime | None
    asks_at: datetime | None
    asked: int
    basis: Basis | None
    own_gaps: int


def dates_of(who: str, rules: StoreRules) -> Step[list[Date]]:
    """What somebody bought, and when they will need each again. Raises NotFound."""
    contact = yield from actions.find(who)
    dates: list[Date] = []
    for sold in (yield from purchases.bought_by(contact)):
        date = yield from _date(contact, sold, reorder.need_of(rules, sold))
        dates.append(date)
    return sorted(dates, key=lambda one: (one.expected is None, one.expected or one.last_bought, one.sold.name))


def _date(contact: int, sold: Sold, need: Need) -> Step[Date]:
    bought = yield from purchases.of_product(contact, sold.shop, sold.product)
    last = bought[-1]
    found = yield from reorder.foresee(contact, need)
    if found is None:
        return Date(sold, last.at, last.pieces, None, None, 0, None, len({one.day for one in bought}) - 1)
    known = yield from purchases.awaited(contact, sold.shop, need.timer)
    waits = known is not None and known.order == found.last.order
    return Date(
        sold,
        found.last.at,
        last.pieces,
        found.last.at + timedelta(days=found.expectation.days),
        known.due if waits and known is not None else None,
        known.asked if waits and known is not None else 0,
        found.expectation.basis,
        found.expectation.gaps,
    )


def _person(who: str, dates: Sequence[Date], zone: tzinfo) -> Iterator[str]:
    if not dates:
        yield f"{who} bought nothing that would be needed again."
        return
    rows = [("product", "last", "pieces", "needed again", "asked")]
    for one in dates:
        last, expected = (f"{at.astimezone(zone):%d %b %Y}" if at else "nobody can say" for at in (one.last_bought, one.expected))
        rows.append((_plain(one.sold.name), last, f"{one.pieces}", expected, _asks(one, zone)))
    head, *lines = table(rows)
    yield f"{head}  {paint('rests on', 'dim')}"
    yield from (f"{line}  {_rests_on(one)}" for line, one in zip(lines, dates, strict=True))


def _asks(one: Date, zone: tzinfo) -> str:
    if one.asks_at is None:
        return "no"
    if one.asked >= reorder.NUDGES:
        return "twice"
    return f"{'once, again ' if one.asked else ''}on {one.asks_at.astimezone(zone):%d %b}"


def _rests_on(one: Date) -> str:
    times = f"came back {one.own_gaps} times" if one.own_gaps != 1 else "came back once"
    match one.basis:
        case Basis.OWNER:
            return "the owner's days"
        case Basis.PERSON:
            return f"their own habit: {times}"
        case Basis.PRODUCT:
            return f"what others did ({times})" if one.own_gaps else "what others did"
        case _:
            return f"too little is known ({times})" if one.own_gaps else "too little is known, or never"
