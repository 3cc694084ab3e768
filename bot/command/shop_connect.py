"""`comeback shop connect`: a shop's webhooks registered, and all that stands in the way of its events, with what to click."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from textwrap import wrap
from types import MappingProxyType

import aiohttp

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command import doctor_shop, privacy, shop_access, shop_door
from bot.command.exit_code import EX_CONFIG, EX_TEMPFAIL
from bot.command.finding import Finding, Health, ill, line, well
from bot.command.shop_door import Door, Stand
from bot.command.terminal import as_json, complain, paint
from bot.flow.rules import StoreRules
from bot.owner_files import read_playbook
from bot.settings import Settings, ShopSettings, names_of_shop
from bot.shop import hooks, shopify, shopify_graphql
from bot.shop.hooks import Act, Move
from bot.shop.setup import StoreSetup, tellable
from bot.shop.wire import ApiRefused, ShopUnreachable
from bot.store import privacy as asks
from bot.store.database import StoreTaken, StoreUnavailable, is_there, read_only

NAME = "connect"
HELP = "register the webhooks of a shop, and see what stands in their way"
ABOUT = """\
Registers every webhook that the bot reads in your shop, at this bot's own address, and looks at all that could keep events from
coming: what the access may do, phones that the platform holds back, another country, currency or time zone than in flows/store.yaml.

  comeback shop connect shopify               the shop of that platform (give its name where you have several)
  comeback shop connect woocommerce lola      the shop lola
  comeback shop connect bigcommerce           webhooks that cannot be made by hand there
  comeback shop connect shopify --dry-run     what it would do
  comeback shop connect shopify --remove      take our webhooks out again
  comeback shop connect shopify --move        this bot has a new address: take over the webhooks that lead to its former one

It can be run as often as you like: what is there stays; what was switched off is mended; webhooks of others, and of another bot for the
same shop, are never touched. First it knocks at this bot's own address, as the shop would: where that is refused, nothing is changed in
the shop; where nothing answers yet, only what is missing is registered, and what is there stays as it is. If a setting is missing, it
says which, and where in the shop's admin it is found. A shop that had taken the app out is back with it: what it tells is taken in again.
Exit codes: 0 all is well, 1 something must be done, 75 the shop cannot be reached now, 78 settings are missing or wrong."""

TIMEOUT_SECONDS = 30
WIDTH = 120  # characters of a line of topics


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("platform", choices=shop_access.PLATFORMS, help="what the shop runs on")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the shop's name in COMEBACK_SHOPS")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--remove", action="store_true", help="take our webhooks out of the shop")
    parser.add_argument("--move", action="store_true", help="take over the webhooks that lead to a former address of this bot")
    parser.add_argument("--json", action="store_true", help="for machines")


class Outcome(StrEnum):
    """What became of one thing to do."""

    DONE = "done"
    PLANNED = "planned"
    FAILED = "failed"
    HELD = "held"  # it stays as it is: our own door would not take what it told then


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done, or would be. `error` is the shop's word where it refused."""

    move: Move
    outcome: Outcome
    error: str | None = None


@dataclass(slots=True)
class Report:
    """What came of it."""

    shop: ShopSettings
    address: str
    removing: bool = False
    done: list[Done] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unreachable: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        if self.unreachable:
            return EX_TEMPFAIL
        failed = any(one.outcome is Outcome.FAILED for one in self.done)
        return 1 if failed or any(one.verdict is Health.ILL for one in self.findings) else 0


def run(args: argparse.Namespace) -> int:
    """Connect; returns the exit code."""
    settings = settings_module.read(os.environ, serving=False)
    shop = _chosen(settings, args.platform, args.name)
    if isinstance(shop, str):
        complain(shop)
        return EX_CONFIG
    if lacking := shop_access.lacks(settings, shop):
        missing = f"Before shop '{shop.name}' can be connected, set:\n{shop_access.told(lacking)}"
        of_shop = any(lack.name != shop_access.PUBLIC_URL for lack in lacking)
        complain(f"{missing}\n\n{shop_access.steps(shop.platform, shop.name)}" if of_shop else missing)
        return EX_CONFIG
    rules = doctor_shop.own_rules(read_playbook(settings.flows, settings.locales))
    report = asyncio.run(connect(settings, shop, rules, remove=args.remove, moved=args.move, dry_run=args.dry_run))
    print(as_json(_plain(report, dry_run=args.dry_run)) if args.json else "\n".join(told(report)))
    return report.code


def _chosen(settings: Settings, platform: str, name: str | None) -> ShopSettings | str:
    """The shop that is meant, or a sentence that says why there is none."""
    of_platform = [shop for shop in settings.shops.values() if shop.platform == platform]
    if name is None and len(of_platform) == 1:
        return of_platform[0]
    if name is None and of_platform:
        return f"which one? Add its name: {', '.join(shop.name for shop in of_platform)}"
    if name is None or name not in settings.shops:
        return _unknown(settings, platform, name)
    if settings.shops[name].platform != platform:
        return f"shop '{name}' runs on {settings.shops[name].platform}: set {names_of_shop(name)['PLATFORM']}={platform} if it does not"
    return settings.shops[name]


def _unknown(settings: Settings, platform: str, name: str | None) -> str:
    called = name or "main"
    sets = [f"COMEBACK_SHOPS={','.join([*settings.shops, called])}"] if called not in settings.shops else []
    sets.append(f"{names_of_shop(called)['PLATFORM']}={platform}")
    what = f"there is no shop '{name}' yet" if name else f"no shop runs on {platform} yet"
    return "\n".join([f"{what}. Set:", *(f"  {one}" for one in sets), "", shop_access.steps(platform, called)])


async def connect(
    settings: Settings, shop: ShopSettings, rules: StoreRules | None, *, remove: bool, dry_run: bool, moved: bool = False
) -> Report:
    """Connect a shop whose settings lack nothing, or take our webhooks out. `moved`: this bot was at another address before."""
    address = shop_access.address_of(settings, shop)
    assert address is not None  # it was missing else
    report = Report(shop, address, remove)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session:
        setup = shop_access.setup_of(session, shop)
        assert setup is not None  # so was what it needs
        try:
            if obstacle := await setup.obstacle():
                report.findings.append(ill("access", obstacle))
            elif remove:
                await _apply(report, setup, hooks.removal(address, await setup.hooks()), dry_run=dry_run)
            else:
                door = await shop_door.look(session, shop, address, wall_clock())
                await _set_up(report, setup, door, settings, rules, dry_run=dry_run, moved=moved)
        except ApiRefused as refusal:
            report.findings.append(ill("access", refusal.why))
        except ShopUnreachable as fault:
            report.findings.append(ill("access", fault.why))
            report.unreachable = True
    return report


async def _set_up(
    report: Report, setup: StoreSetup, door: Door, settings: Settings, rules: StoreRules | None, *, dry_run: bool, moved: bool
) -> None:
    shop = report.shop
    store = await setup.store()
    report.findings.append(well("access", f"{store.name or shop.name} lets us in"))
    report.findings += doctor_shop.compared(store, shop, rules)
    report.findings += doctor_shop.of_door(door, report.findings)
    granted = await setup.granted()
    report.findings += doctor_shop.scopes(setup, shop, granted)
    wanted = list(setup.topics) if granted is None else tellable(setup.topics, granted)
    moves = hooks.plan(wanted, report.address, await setup.hooks(), moved=moved)
    await _apply(report, setup, moves, dry_run=dry_run, held=_HELD[door.stand])
    report.findings += _of_what_is_held(report, door)
    report.findings += doctor_shop.kept_from_us(shop, [one.error for one in report.done if one.error])
    now_there = await setup.hooks()
    report.findings += doctor_shop.strangers(shop, report.address, now_there)
    report.findings += doctor_shop.versions(hooks.own(report.address, now_there))
    report.findings += [one async for one in doctor_shop.phones(setup, shop, granted)]
    if not dry_run and door.stand is not Stand.REFUSES:
        report.findings += [one async for one in _welcome_back(settings, shop.name)]


_HELD: Mapping[Stand, frozenset[Act]] = MappingProxyType(
    {
        Stand.OPEN: frozenset(),
        Stand.SILENT: frozenset({Act.MEND, Act.REMOVE}),  # a webhook that is switched on too early is soon switched off again
        Stand.REFUSES: frozenset({Act.REGISTER, Act.MEND, Act.REMOVE}),
    }
)
"""What is not done to webhooks: what works must not be made to sign, or to lead, otherwise than our own door takes it."""


def _of_what_is_held(report: Report, door: Door) -> Iterator[Finding]:
    if door.stand is Stand.SILENT:
        yield shop_door.until_it_answers(report.shop)
    elif any(one.outcome is Outcome.HELD for one in report.done):
        do = "see to that first, then connect again"
        yield ill("webhooks", f"nothing is changed in the shop, for this bot would refuse what it tells: {do}")


async def _welcome_back(settings: Settings, shop: str) -> AsyncIterator[Finding]:
    """Who connects a shop that had taken us out says that it is back."""
    if not is_there(settings.database):
        return
    try:
        since = await read_only(settings.database, asks.closed_since(shop))
        if since is not None and await privacy.reopen(settings, shop):
            yield well("the app", f"the shop took it out on {since:%Y-%m-%d} and is back: what it tells is taken in again")
    except (privacy.NotDone, StoreTaken, StoreUnavailable) as fault:
        yield ill("the app", f"the shop may have taken it out, and that it is back could not be kept ({fault}): run this again")


async def _apply(report: Report, setup: StoreSetup, moves: Sequence[Move], *, dry_run: bool, held: Collection[Act] = ()) -> None:
    """Do it, but for acts that are held back, one after the other: what one refuses is no reason to leave the others."""
    for move in moves:
        if move.act in held:
            report.done.append(Done(move, Outcome.HELD))
            continue
        if dry_run or move.act is Act.KEEP:
            report.done.append(Done(move, Outcome.DONE if move.act is Act.KEEP else Outcome.PLANNED))
            continue
        try:
            await _do(setup, move, report.address)
        except ApiRefused as refusal:
            report.done.append(Done(move, Outcome.FAILED, refusal.why))
        else:
            report.done.append(Done(move, Outcome.DONE))


async def _do(setup: StoreSetup, move: Move, address: str) -> None:
    match move.act, move.hook:
        case Act.REGISTER, _:
            await setup.register(move.topic, address)
        case Act.MEND, hooks.Hook() as hook:
            await setup.mend(hook, address)
        case Act.REMOVE, hooks.Hook() as hook:
            await setup.remove(hook)


# ---- what is told


_DONE = {Act.REGISTER: "registered", Act.MEND: "mended", Act.REMOVE: "removed"}
_SIGNS = {Act.REGISTER: "+", Act.MEND: "~", Act.REMOVE: "-"}
_HELD_BACK = {Act.REGISTER: "not registered", Act.MEND: "left as they are", Act.REMOVE: "left there"}
_PLANNED = {Act.REGISTER: "would be registered", Act.MEND: "would be mended", Act.REMOVE: "would be removed"}


def told(report: Report) -> Iterator[str]:
    yield from (line(one) for one in report.findings)
    kept = sum(one.move.act is Act.KEEP for one in report.done)
    if kept:
        yield line(well("webhooks", f"{kept} are there already, and lead to {report.address}"))
    groups: dict[str, list[str]] = {}
    for one in report.done:
        if one.move.act is not Act.KEEP:
            groups.setdefault(_change(one), []).append(one.move.topic)
    for change, topics in groups.items():
        yield f"{change} ({len(topics)}):"
        yield from wrap(", ".join(topics), WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    if not report.done and not report.findings:
        yield "There is no webhook of ours in the shop."
    if report.shop.platform == shopify.PLATFORM and not report.removing and report.code == 0:
        yield from ("", _privacy(report.address))


def _change(one: Done) -> str:
    if one.outcome is Outcome.FAILED:
        return f"{paint('✗', 'red')} refused: {one.error}"
    if one.outcome is Outcome.HELD:
        return f"{paint('=', 'yellow')} webhooks {_HELD_BACK[one.move.act]}" + (f", though {one.move.why}" if one.move.why else "")
    words = (_PLANNED if one.outcome is Outcome.PLANNED else _DONE)[one.move.act]
    mark = paint(_SIGNS[one.move.act], "green")
    return f"{mark} webhooks {words}" + (f": {one.move.why}" if one.move.why else "")


def _privacy(address: str) -> str:
    """What no interface can set: the topics of the law, which an app's own configuration has."""
    topics = ", ".join(f'"{topic}"' for topic in shopify.PRIVACY_TOPICS)
    return f"""\
By hand, only for an app in Shopify's App Store: the privacy topics, in the app's version (dev.shopify.com > Apps > the app > Versions)
or in its shopify.app.toml:

  [webhooks]
  api_version = "{shopify_graphql.API_VERSION}"

    [[webhooks.subscriptions]]
    compliance_topics = [ {topics} ]
    uri = "{address}\""""


def _plain(report: Report, *, dry_run: bool) -> dict[str, object]:
    return {
        "shop": report.shop.name,
        "platform": report.shop.platform,
        "address": report.address,
        "dry_run": dry_run,
        "webhooks": [
            {"topic": one.move.topic, "act": one.move.act, "why": one.move.why, "outcome": one.outcome, "error": one.error}
            for one in report.done
        ],
        "findings": [{"about": one.about, "verdict": one.verdict, "sentence": one.sentence} for one in report.findings],
    }
