"""`comeback doctor`: is everything set up, and what to do about what is not."""

import argparse
import asyncio
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import aiohttp

from bot import settings as settings_module
from bot.clock import wall_clock
from bot.command import doctor_shop, doctor_whatsapp, shop, shop_missed
from bot.command.exit_code import EX_CONFIG
from bot.command.finding import Finding, Health, hint, ill, line, well
from bot.command.terminal import as_json
from bot.owner_files import read_playbook
from bot.settings import Settings, SettingsError
from bot.store import health, pace, privacy
from bot.store.database import StoreUnavailable, file_of, is_server, is_there, read_only, shown
from bot.store.health import State
from bot.store.move import moving
from bot.store.pace import Standing
from bot.web.desk_socket import socket_path
from bot.worker.playbook import Playbook

NAME = "doctor"
HELP = "is everything set up, and what to do about what is not"
ABOUT = """\
Looks at the configuration, the flows, the database, and at what Meta says: what the token may do and until when, how the number and
the account stand, where the webhooks go, how each template stands in each language, and whether the webhook can be reached and
checks signatures. Then at each shop: whether it lets us in and what we may do there, whether its webhooks lead here and are switched on,
when it was last heard, whether orders tell phones, and whether its clock is ours. Each finding says what to do. It changes nothing and
can run while 'comeback serve' runs.
Exit codes: 0 all is well, 1 something must be done, 78 the configuration cannot be read."""

TIMEOUT_SECONDS = 10
LATELY = timedelta(days=3)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--json", action="store_true", help="for machines: a list of findings")


def run(args: argparse.Namespace) -> int:
    """Examine; returns the exit code."""
    faults = _faults()
    try:
        settings = settings_module.read(os.environ, serving=False)
    except SettingsError:  # they are among the faults
        _show(faults, for_machines=args.json)
        return EX_CONFIG
    found = [*faults, *asyncio.run(_examine(settings))]
    _show(found, for_machines=args.json)
    return 1 if any(one.verdict is Health.ILL for one in found) else 0


def _show(found: list[Finding], *, for_machines: bool) -> None:
    print(as_json([_plain(one) for one in found]) if for_machines else "\n".join(line(one) for one in found))


def _faults() -> list[Finding]:
    try:
        settings_module.read(os.environ, serving=True)
    except SettingsError as error:
        return [ill("configuration", fault) for fault in error.faults]
    return [well("configuration", "everything that 'comeback serve' needs is set")]


async def _examine(settings: Settings) -> list[Finding]:
    try:
        playbook = read_playbook(settings.flows, settings.locales)
    except SettingsError as error:
        return [*(ill("flows", fault) for fault in error.faults), *await database(settings)]
    found = [*_flows(playbook, settings), *await database(settings)]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        found += [one async for one in doctor_whatsapp.examine(session, settings, playbook, wall_clock())]
        rules = doctor_shop.own_rules(playbook)
        found += [one async for one in doctor_shop.examine(session, settings, rules, await _heard(settings), wall_clock())]
    return [*found, *await _missed(settings)]


async def _heard(settings: Settings) -> Mapping[str, datetime]:
    """When each shop was last heard; what is wrong with the database is told elsewhere."""
    try:
        return await shop.heard_of(settings)
    except StoreUnavailable:
        return {}


async def _missed(settings: Settings) -> list[Finding]:
    """What changed in the shops lately, and no webhook told; what is wrong with the database is told elsewhere."""
    if not is_there(settings.database):
        return []
    try:
        report = await read_only(settings.database, shop_missed.found_missing(wall_clock() - LATELY))
    except StoreUnavailable:
        return []
    count = len(report.missed)
    told = [f"{count} changes in {LATELY.days} days were told by no webhook: 'comeback shop missed' lists them"] if count else []
    if told or report.hints:
        return [hint("webhooks", one) for one in (*told, *report.hints)]
    return [well("webhooks", f"no look of the last {LATELY.days} days found a change that they should have told")] if report.looks else []


def _flows(playbook: Playbook, settings: Settings) -> list[Finding]:
    library = playbook.library
    found = [ill("flows", f"{problem} (it is not loaded)") for problem in library.problems]
    if not library.flows:
        sentence = f"there is no flow in {settings.flows}: copy the example shop's, or set COMEBACK_FLOWS"
        return [*found, ill("flows", sentence)]
    if library.warnings:
        found.append(hint("flows", f"{len(library.warnings)} warnings: see 'comeback check'"))
    return [*found, well("flows", f"{len(library.flows)} are ready: {', '.join(library.flows)}")]


async def database(settings: Settings) -> list[Finding]:
    """How the database stands, and what in it somebody should see to."""
    where = shown(settings.database)
    if not is_there(settings.database):
        return [hint("database", f"{where} is not there yet: 'comeback serve' makes it")]
    try:
        engine = await read_only(settings.database, health.engine())
        refusal = await read_only(settings.database, moving.refusal())
        if refusal:
            return [ill("database", f"{where}: {refusal}")]
        state = await read_only(settings.database, health.state())
        obstacles = await read_only(settings.database, health.obstacles())
        limits = await read_only(settings.database, pace.standing(wall_clock()))
        alarms = await read_only(settings.database, health.alarms(wall_clock()))
        asks = await read_only(settings.database, privacy.pressing(wall_clock()))
        closed = await read_only(settings.database, privacy.closed_shops())
    except StoreUnavailable as fault:
        return [ill("database", f"{fault}. Is it a database of Comeback, and may this user read it?")]
    found = [_state(state, f"{where} ({engine}), {_serving(settings)}"), *(hint("sending", one) for one in obstacles)]
    found += [(ill if one.late else hint)("privacy", one.sentence) for one in asks]
    found += [hint(f"shop {name}", shop.took_out(name, since)) for name, since in closed.items()]
    return [*found, *(hint("Meta", f"{alarm}: see the WhatsApp Manager") for alarm in alarms), *_limits(limits)]


def _state(state: State, where: str) -> Finding:
    told = f"{where}; {state.waiting} events wait, {state.queued} messages are queued"
    if state.stopped:
        return ill("database", f"{told}; {'; '.join(state.stopped)}")
    if state.dead or state.unknown:
        return hint("database", f"{told}; {state.dead} events could not be read, {state.unknown} messages are unknown")
    return well("database", told)


def _limits(standing: Standing) -> Iterator[Finding]:
    """How much of the day's limit of people is used, and which number is slowed down."""
    if standing.people is not None:
        limit, no_limit = (f" of {standing.people:,}", "") if standing.people < pace.UNLIMITED else ("", ", and no limit")
        told = f"{standing.reached:,}{limit} people were written to first in 24 hours{no_limit}"
        if standing.waiting and standing.goes_on_at is not None:
            told += f"; {standing.waiting:,} messages wait for that limit, from {standing.goes_on_at:%H:%M} UTC on they go"
        yield (hint if standing.waiting else well)("limits", told)
    for number in standing.numbers:
        if number.share < 1:
            slow = f"it sends at {number.share:.0%} of {number.per_second} a second, and climbs back"
            yield hint("limits", f"number {number.number} was told to slow down: {slow}")


def _serving(settings: Settings) -> str:
    if is_server(settings.database):
        return "which any number of processes may serve"
    return "a process serves it" if socket_path(file_of(settings.database)).exists() else "nobody serves it now"


def _plain(finding: Finding) -> dict[str, str]:
    return {"about": finding.about, "verdict": finding.verdict, "sentence": finding.sentence}
