"""`comeback doctor`: is everything set up, and what to do about what is not."""

import argparse
import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from bot import settings as settings_module
from bot.channel import SendError
from bot.channel.whatsapp import number, templates
from bot.command.exit_code import EX_CONFIG
from bot.command.terminal import as_json, paint
from bot.owner_files import read_playbook
from bot.settings import Settings, SettingsError, WhatsAppSettings
from bot.store import health
from bot.store.database import StoreUnavailable, file_of, is_server, is_there, read_only, shown
from bot.store.move import moving
from bot.web.desk_socket import socket_path
from bot.worker.playbook import Playbook

NAME = "doctor"
HELP = "is everything set up, and what to do about what is not"
ABOUT = """\
Looks at the configuration, the flows, the database, the WhatsApp token and number, the templates, and whether the webhook can be
reached. It changes nothing and can run while 'comeback serve' runs.
Exit codes: 0 all is well, 1 something must be done, 78 the configuration cannot be read."""

TIMEOUT_SECONDS = 10


class Verdict(StrEnum):
    """How a finding stands."""

    WELL = "well"
    HINT = "hint"
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `sentence` says what is, and, where it is not well, what to do."""

    about: str
    verdict: Verdict
    sentence: str


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
    return 1 if any(one.verdict is Verdict.ILL for one in found) else 0


def _show(found: list[Finding], *, for_machines: bool) -> None:
    print(as_json([_plain(one) for one in found]) if for_machines else "\n".join(_line(one) for one in found))


def _faults() -> list[Finding]:
    try:
        settings_module.read(os.environ, serving=True)
    except SettingsError as error:
        return [Finding("configuration", Verdict.ILL, fault) for fault in error.faults]
    return [Finding("configuration", Verdict.WELL, "everything that 'comeback serve' needs is set")]


async def _examine(settings: Settings) -> list[Finding]:
    try:
        playbook = read_playbook(settings.flows, settings.locales)
    except SettingsError as error:
        return [*(Finding("flows", Verdict.ILL, fault) for fault in error.faults), await _database(settings)]
    found = [*_flows(playbook, settings), await _database(settings)]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        if settings.whatsapp is not None:
            found += [one async for one in _whatsapp(session, settings.whatsapp, playbook)]
        found.append(await _webhook(session, settings))
    return found


def _flows(playbook: Playbook, settings: Settings) -> list[Finding]:
    library = playbook.library
    found = [Finding("flows", Verdict.ILL, f"{problem} (it is not loaded)") for problem in library.problems]
    if not library.flows:
        sentence = f"there is no flow in {settings.flows}: copy the example shop's, or set COMEBACK_FLOWS"
        return [*found, Finding("flows", Verdict.ILL, sentence)]
    if library.warnings:
        found.append(Finding("flows", Verdict.HINT, f"{len(library.warnings)} warnings: see 'comeback check'"))
    return [*found, Finding("flows", Verdict.WELL, f"{len(library.flows)} are ready: {', '.join(library.flows)}")]


async def _database(settings: Settings) -> Finding:
    where = shown(settings.database)
    if not is_there(settings.database):
        return Finding("database", Verdict.HINT, f"{where} is not there yet: 'comeback serve' makes it")
    try:
        engine = await read_only(settings.database, health.engine())
        refusal = await read_only(settings.database, moving.refusal())
        state = await read_only(settings.database, health.state())
    except StoreUnavailable as fault:
        return Finding("database", Verdict.ILL, f"{fault}. Is it a database of Comeback, and may this user read it?")
    if refusal:
        return Finding("database", Verdict.ILL, f"{where}: {refusal}")
    told = f"{where} ({engine}), {_serving(settings)}; {state.waiting} events wait, {state.queued} messages are queued"
    if state.stopped:
        return Finding("database", Verdict.ILL, f"{told}; {'; '.join(state.stopped)}")
    if state.dead or state.unknown:
        return Finding("database", Verdict.HINT, f"{told}; {state.dead} events could not be read, {state.unknown} messages are unknown")
    return Finding("database", Verdict.WELL, told)


def _serving(settings: Settings) -> str:
    if is_server(settings.database):
        return "which any number of processes may serve"
    return "a process serves it" if socket_path(file_of(settings.database)).exists() else "nobody serves it now"


async def _whatsapp(session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, playbook: Playbook) -> AsyncIterator[Finding]:
    try:
        state = await number.probe(session, api_url=whatsapp.api, token=whatsapp.token, number=whatsapp.number)
    except SendError as fault:
        yield Finding("whatsapp", Verdict.ILL, f"number {whatsapp.number}: {fault.detail}")
        return
    told = f"{state.name or 'the number'} ({state.phone or whatsapp.number}), quality {state.quality or 'not known'}"
    limit = f", {state.messaging_limit} people a day" if state.messaging_limit else ""
    yield Finding("whatsapp", Verdict.HINT if state.quality == "RED" else Verdict.WELL, told + limit)
    if whatsapp.account is None:
        yield Finding("templates", Verdict.HINT, "set COMEBACK_WHATSAPP_ACCOUNT to compare the flows' templates with Meta's")
        return
    try:
        known = await templates.fetch(session, api_url=whatsapp.api, token=whatsapp.token, waba=whatsapp.account)
    except SendError as fault:
        yield Finding("templates", Verdict.ILL, f"account {whatsapp.account}: {fault.detail}")
        return
    for finding in _templates(playbook, {(one.name, one.language): one.status for one in known}):
        yield finding


def _templates(playbook: Playbook, known: dict[tuple[str, str], str]) -> list[Finding]:
    """Each template the flows send, in each language of the store: is it there, and approved?"""
    needed = sorted(
        {
            (template.name, revision.template_language(template, language))
            for revision in playbook.library.flows.values()
            for template in revision.templates.values()
            for language in playbook.rules.languages
        }
    )
    ill = [(name, language, known.get((name, language), "missing")) for name, language in needed]
    ill = [one for one in ill if one[2] != "APPROVED"]
    found = [
        Finding("templates", Verdict.ILL, f"'{name}' in {language} is {status.lower()}: create it, or wait for Meta's approval")
        for name, language, status in ill
    ]
    return found or [Finding("templates", Verdict.WELL, f"all {len(needed)} that the flows send are approved")]


async def _webhook(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    """Call our own webhook from outside, as Meta does when it is set up."""
    if settings.public_url is None or settings.whatsapp is None:
        return Finding("webhook", Verdict.HINT, "set COMEBACK_PUBLIC_URL to the address Meta calls, to see whether it leads here")
    url, challenge = f"{settings.public_url}/webhooks/whatsapp", str(secrets.randbelow(10**9))
    query = {"hub.mode": "subscribe", "hub.verify_token": settings.whatsapp.verify_token, "hub.challenge": challenge}
    try:
        async with session.get(url, params=query) as response:
            answer = (await response.text())[:200]
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding("webhook", Verdict.ILL, f"{url} cannot be reached ({type(error).__name__}): is 'comeback serve' running behind it?")
    if answer != challenge:
        return Finding("webhook", Verdict.ILL, f"{url} answers, but not as this bot: does the address lead to another server?")
    return Finding("webhook", Verdict.WELL, f"{url} leads here")


def _plain(finding: Finding) -> dict[str, str]:
    return {"about": finding.about, "verdict": finding.verdict, "sentence": finding.sentence}


_MARKS = {Verdict.WELL: ("✓", "green"), Verdict.HINT: ("!", "yellow"), Verdict.ILL: ("✗", "red")}


def _line(finding: Finding) -> str:
    mark, colour = _MARKS[finding.verdict]
    return f"{paint(mark, colour)} {finding.about:<13} {finding.sentence}"
