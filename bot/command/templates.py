"""`comeback templates`: the templates in `flows/templates/` and Meta's, kept in step."""

import argparse
import asyncio
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bot import settings as settings_module
from bot.channel import Failure, SendError
from bot.channel.whatsapp import templates
from bot.channel.whatsapp.template_file import Unfit, as_file, examples
from bot.channel.whatsapp.templates import TemplateState
from bot.command.exit_code import EX_CONFIG
from bot.command.terminal import as_json, complain, paint
from bot.flow.file import is_link
from bot.flow.library import Library
from bot.owner_files import read_playbook
from bot.settings import WhatsAppSettings
from bot.store.file_type import SNIFFED_BYTES, named_type
from bot.worker.playbook import Playbook

NAME = "templates"
HELP = "the templates here and at Meta: compare, push, pull"
ABOUT = """\
  comeback templates status            how each one stands with Meta, and what to do
  comeback templates diff [NAME ...]   what is written here and reads otherwise at Meta
  comeback templates push [NAME ...]   create what is missing, change what differs; Meta reviews each (--wait waits for it)
  comeback templates pull [NAME ...]   write the files of templates that are only at Meta

Outside the 24 hours after a customer wrote, WhatsApp takes only templates that Meta approved, each in its very language. Meta lets an
approved template be changed once in 24 hours and ten times in 30 days, and never its category. It may move one to another category:
its category then decides who may get it and what it costs, whatever the file says.
Needs COMEBACK_WHATSAPP_ACCOUNT. Exit codes: 0 all is well, 1 something differs or was refused, 78 the configuration is wrong."""

MOST_EXAMPLE_BYTES = 16 * 10**6  # Cloud API: a video, the largest of what stands above a template
READ_SECONDS = 60.0
LOOK_SECONDS = 5.0  # between two looks at a review
WAIT_SECONDS = 24 * 3600.0  # Meta promises a decision within a day
EDITABLE = frozenset({"APPROVED", "REJECTED", "PAUSED"})  # Cloud API: a template in review cannot be edited


class Standing(StrEnum):
    """How a template here stands with the one at Meta."""

    READY = "ready"
    MISSING = "missing"
    DIFFERS = "differs"
    IN_REVIEW = "in review"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Compared:
    """One version of a template: as it is written here, and Meta's. `flows` send it."""

    name: str
    language: str
    payload: Mapping[str, object]
    flows: tuple[str, ...]
    meta: TemplateState | None = None

    @property
    def standing(self) -> Standing:
        """How it stands; what differs comes before what Meta thinks of the old text."""
        if self.meta is None:
            return Standing.MISSING
        if self.theirs != self.ours:
            return Standing.DIFFERS
        states = {
            "APPROVED": Standing.READY,
            "REJECTED": Standing.REJECTED,
            "PAUSED": Standing.PAUSED,
            "DISABLED": Standing.DISABLED,
        }
        return states.get(self.meta.status, Standing.IN_REVIEW)

    @property
    def ours(self) -> tuple[str, ...]:
        """What a customer would read of it, line by line."""
        components = self.payload["components"]
        assert isinstance(components, list)
        return templates.reading(components)

    @property
    def theirs(self) -> tuple[str, ...]:
        """What a customer reads of Meta's; nothing where there is none."""
        return templates.reading(self.meta.components) if self.meta else ()

    @property
    def moved(self) -> str | None:
        """Meta's category, where it is another than ours."""
        ours = str(self.payload["category"])
        return self.meta.category.lower() if self.meta and self.meta.category not in (ours, "UNKNOWN") else None


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, what in (
        ("status", "how each one stands with Meta"),
        ("diff", "what reads otherwise at Meta"),
        ("push", "create and change at Meta"),
        ("pull", "write files of what is only at Meta"),
    ):
        action = actions.add_parser(name, help=what)
        action.add_argument("names", nargs="*", metavar="NAME", help="only these templates")
        action.add_argument("--json", action="store_true", help="for machines")
    actions.choices["push"].add_argument("--wait", action="store_true", help="until Meta has decided about each (hours, at times)")


def run(args: argparse.Namespace) -> int:
    """Compare, push or pull; returns the exit code."""
    settings = settings_module.read(os.environ, serving=False)
    if settings.whatsapp is None or settings.whatsapp.account is None:
        complain("set COMEBACK_WHATSAPP_ACCOUNT (and what 'comeback serve' needs) to reach the templates of your account at Meta")
        return EX_CONFIG
    playbook = read_playbook(settings.flows, settings.locales)
    try:
        return asyncio.run(_act(args, playbook, settings.whatsapp, settings.flows / "templates"))
    except SendError as fault:
        complain(f"Meta: {fault.detail}")
        return 1


async def _act(args: argparse.Namespace, playbook: Playbook, whatsapp: WhatsAppSettings, folder: Path) -> int:
    unknown = set(args.names) - playbook.library.templates.keys()
    if unknown and args.action != "pull":
        complain(f"there is no template '{min(unknown)}' in {folder}; there are: {', '.join(playbook.library.templates) or 'none'}")
        return 1
    for flow in sorted(playbook.library.left_out):
        complain(f"{flow} has a mistake ('comeback check'): the templates that it alone sends are left out here")
    async with aiohttp.ClientSession() as session:
        account = Account(session, whatsapp, folder.parent)
        at_meta = await account.fetch()
        found = [one for one in compare(playbook, at_meta) if not args.names or one.name in args.names]
        match args.action:
            case "status":
                well = _status(found, at_meta, playbook.library, as_data=args.json)
            case "diff":
                well = _diff(found, as_data=args.json)
            case "push":
                well = await _push(account, found, args)
            case _:
                wanted = [one for one in at_meta if not args.names or one.name in args.names]
                await _pull_files(account, _pull(wanted, playbook, folder, as_data=args.json), folder.parent)
                well = True
    return 0 if well and not playbook.library.left_out else 1


@dataclass(frozen=True, slots=True)
class Account:
    """The business account at Meta."""

    session: aiohttp.ClientSession
    whatsapp: WhatsAppSettings
    flows: Path
    _where: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_where", {"api_url": self.whatsapp.api, "token": self.whatsapp.token})

    async def fetch(self) -> list[TemplateState]:
        """All templates. Raises SendError."""
        return await templates.fetch(self.session, **self._where, waba=str(self.whatsapp.account))

    async def create(self, payload: Mapping[str, object]) -> None:
        """A new one. Raises SendError."""
        shown = await self._with_examples(payload)
        await templates.push(self.session, **self._where, waba=str(self.whatsapp.account), payload=shown)

    async def edit(self, template: str, payload: Mapping[str, object]) -> None:
        """Another text. Raises SendError."""
        await templates.edit(self.session, **self._where, template=template, payload=await self._with_examples(payload))

    async def _with_examples(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        """The payload with the files its reviewers look at uploaded. Raises SendError."""
        names = templates.examples(payload)
        if names and self.whatsapp.app is None:
            raise SendError(
                Failure.REFUSED, "it shows a file, and Meta's reviewers want to see it: set COMEBACK_WHATSAPP_APP, your app's id"
            )
        return templates.with_handles(payload, {name: await self._uploaded(name) for name in names})

    async def _uploaded(self, name: str) -> str:
        content = await self.read(name) if is_link(name) else await asyncio.to_thread(_read, self.flows / name)
        mime = named_type(content[:SNIFFED_BYTES], name)
        return await templates.upload_example(self.session, **self._where, app=str(self.whatsapp.app), content=content, mime=mime)

    async def read(self, link: str) -> bytes:
        """What stands behind a link of the owner's or of Meta's. Raises SendError."""
        try:
            async with self.session.get(link, timeout=aiohttp.ClientTimeout(total=READ_SECONDS)) as answer:
                answer.raise_for_status()
                content = await answer.content.read(MOST_EXAMPLE_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            raise SendError(Failure.REFUSED, f"{link} cannot be read ({type(fault).__name__})") from fault
        if len(content) > MOST_EXAMPLE_BYTES:
            raise SendError(Failure.REFUSED, f"{link} is larger than {MOST_EXAMPLE_BYTES // 10**6} MB")
        return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SendError(Failure.REFUSED, f"{path} cannot be read ({fault.strerror})") from fault


def compare(playbook: Playbook, at_meta: Sequence[TemplateState]) -> list[Compared]:
    """Every version of a template that the flows send, with Meta's; by name, the store's first language first."""
    known = {(one.name, one.language): one for one in at_meta}
    users: dict[str, list[str]] = {}
    payloads: dict[tuple[str, str], Mapping[str, object]] = {}
    for flow, revision in playbook.library.flows.items():
        for template in revision.templates.values():
            users.setdefault(template.name, []).append(flow)
            for language in playbook.rules.languages:
                if revision.template_language(template, language) == language and (template.name, language) not in payloads:
                    translate = partial(revision.translate, language=language)
                    payloads[template.name, language] = templates.creation_payload(template, language, translate)
    order = {language: place for place, language in enumerate(playbook.rules.languages)}
    return [
        Compared(name, language, payload, tuple(users[name]), known.get((name, language)))
        for (name, language), payload in sorted(payloads.items(), key=lambda one: (one[0][0], order[one[0][1]]))
    ]


# ---- status and diff

_REMEDY: Mapping[Standing, str] = {
    Standing.READY: "",
    Standing.MISSING: "comeback templates push",
    Standing.DIFFERS: "comeback templates diff, then push",
    Standing.IN_REVIEW: "Meta decides within a day",
    Standing.REJECTED: "change its text, then comeback templates push",
    Standing.PAUSED: "people blocked or reported it: Meta lets it go on by itself after 3 or 6 hours; write less, or better",
    Standing.DISABLED: "Meta takes it no more: write another one under another name",
}
_COLOURS = {Standing.READY: "green", Standing.IN_REVIEW: "yellow", Standing.PAUSED: "yellow"}


def _status(found: Sequence[Compared], at_meta: Sequence[TemplateState], library: Library, *, as_data: bool) -> bool:
    unused = sorted({one.name for one in at_meta} - {one.name for one in found})
    idle = sorted(library.templates.keys() - {one.name for one in found})
    if as_data:
        print(as_json({"templates": [_told(one) for one in found], "only_at_meta": unused, "sent_by_no_flow": idle}))
    else:
        for one in found:
            _print_standing(one)
        if unused:
            print(paint(f"Only at Meta: {', '.join(unused)} ('comeback templates pull' writes their files)", "dim"))
        if idle:
            print(paint(f"Sent by no flow: {', '.join(idle)}", "dim"))
        if not found:
            print("No flow sends a template.")
    return all(one.standing is Standing.READY for one in found)


def _told(one: Compared) -> dict[str, Any]:
    return {
        "name": one.name,
        "language": one.language,
        "standing": one.standing,
        "status": one.meta.status if one.meta else None,
        "category": one.meta.category if one.meta else one.payload["category"],
        "moved_to": one.moved,
        "quality": one.meta.quality if one.meta else None,
        "rejected": one.meta.rejected if one.meta else None,
        "flows": one.flows,
        "remedy": _REMEDY[one.standing],
    }


def _print_standing(one: Compared) -> None:
    standing = one.standing
    meta = one.meta
    quality = f", quality {meta.quality.lower()}" if meta and meta.quality not in ("", "UNKNOWN") else ""
    why = f": {meta.rejected}" if meta and meta.rejected else ""
    remedy = f"  {paint(_REMEDY[standing], 'dim')}" if _REMEDY[standing] else ""
    print(f"{one.name:<24} {one.language:<6} {paint(standing + why, _COLOURS.get(standing, 'red'))}{quality}{remedy}")
    if one.moved:
        print(paint(f"{'':<31} Meta counts it as {one.moved}: that decides who may get it, and what it costs", "yellow"))


def _diff(found: Sequence[Compared], *, as_data: bool) -> bool:
    differing = [one for one in found if one.standing in (Standing.DIFFERS, Standing.MISSING)]
    if as_data:
        told = [{"name": one.name, "language": one.language, "here": one.ours, "at_meta": one.theirs} for one in differing]
        print(as_json(told))
        return not differing
    for one in differing:
        print(paint(f"{one.name} {one.language}{'' if one.meta else '  is not at Meta yet'}", "bold"))
        for line in difflib.ndiff(_lines(one.theirs), _lines(one.ours)):
            if line[0] in "+-":
                print(paint(f"  {line}", "green" if line[0] == "+" else "red"))
    if not differing:
        print("Everything at Meta reads as it is written here.")
    return not differing


def _lines(reading: Sequence[str]) -> list[str]:
    return [line for part in reading for line in part.splitlines()]


# ---- push


async def _push(account: Account, found: Sequence[Compared], args: argparse.Namespace) -> bool:
    done: list[dict[str, str]] = []
    for one in found:
        result = await _pushed(account, one)
        if result is not None:
            done.append({"name": one.name, "language": one.language, **result})
            if not args.json:
                words = f"{result['did']}{': ' + result['why'] if result['why'] else ''}"
                print(f"{one.name:<24} {one.language:<6} {paint(words, 'red' if result['did'] == 'refused' else 'green')}")
    if args.wait:
        await _until_decided(account, {(one["name"], one["language"]) for one in done if one["did"] != "refused"}, quiet=args.json)
    if args.json:
        print(as_json(done))
    elif not done:
        print("Everything at Meta reads as it is written here.")
    return all(one["did"] != "refused" for one in done)


async def _pushed(account: Account, one: Compared) -> dict[str, str] | None:
    """What became of one: created, changed or refused and why; None when there was nothing to do."""
    try:
        if one.meta is None:
            await account.create(one.payload)
            return {"did": "created", "why": ""}
        if one.standing is not Standing.DIFFERS:
            return None
        if one.meta.status not in EDITABLE:
            return {"did": "refused", "why": "it is in review: Meta lets it be changed when it has decided"}
        await account.edit(one.meta.id, one.payload)
        return {"did": "changed", "why": ""}
    except SendError as fault:
        return {"did": "refused", "why": fault.detail}


async def _until_decided(account: Account, waiting: set[tuple[str, str]], *, quiet: bool) -> None:
    give_up = monotonic() + WAIT_SECONDS
    while waiting and monotonic() < give_up:
        for one in await account.fetch():
            if (one.name, one.language) in waiting and one.status not in ("PENDING", "IN_APPEAL"):
                waiting.discard((one.name, one.language))
                if not quiet:
                    print(f"{one.name:<24} {one.language:<6} {one.status.lower()}{': ' + one.rejected if one.rejected else ''}")
        if waiting:
            await asyncio.sleep(LOOK_SECONDS)


# ---- pull


def _pull(at_meta: Sequence[TemplateState], playbook: Playbook, folder: Path, *, as_data: bool) -> list[TemplateState]:
    """Write the files of what is only at Meta; returns those that were written."""
    source = playbook.rules.source_language
    written: list[tuple[Path, str]] = []
    left: list[tuple[str, str]] = []
    pulled: list[TemplateState] = []
    for name in sorted({one.name for one in at_meta}):
        path = folder / f"{name}.yaml"
        if path.exists():
            continue
        versions = [one for one in at_meta if one.name == name]
        first = next((one for one in versions if one.language == source), None)
        try:
            if first is None:
                raise Unfit(f"it has no {source} version, and that is this store's first language")
            text = as_file(first)
        except Unfit as fault:
            left.append((name, str(fault)))
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        pulled.append(first)
        written.append((path, ", ".join(sorted(one.language for one in versions if one.language != source))))
    if as_data:
        print(as_json({"written": [str(path) for path, _ in written], "left": dict(left)}))
        return pulled
    for path, others in written:
        print(f"{path}" + (paint(f"  (at Meta also in {others}: see comeback translate)", "dim") if others else ""))
    for name, why in left:
        print(f"{name}: {paint('left at Meta', 'yellow')}: {why}")
    if not written and not left:
        print("Every template at Meta has its file here.")
    return pulled


async def _pull_files(account: Account, pulled: Sequence[TemplateState], flows: Path) -> None:
    """The files they show, where they are not here yet. One that cannot be had is missing: 'comeback check' says so."""
    for template in pulled:
        for name, link in examples(template).items():
            try:
                await asyncio.to_thread(_keep, flows / name, await account.read(link))
            except SendError as fault:
                complain(f"{template.name}: {fault.detail}")


def _keep(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
