"""`comeback privacy`: what the law lets people ask, how far it is, and the same by the owner's hand."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bot.clock import wall_clock
from bot.command.desk import post
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint, table
from bot.desk import actions
from bot.flow.library import Library
from bot.settings import Settings
from bot.store import erased, erasure_log, optout_log, person_copies, personal, privacy, shelf
from bot.store.database import StoreTaken, StoreUnavailable, file_of, is_server, open_database, read_only
from bot.store.optout_log import OptOutLog
from bot.store.privacy import Ask, What
from bot.store.shelf import Shelf
from bot.store.step import Step
from bot.web import overflow
from bot.web.desk_socket import DeskSocket, socket_path
from bot.web.overflow import Overflow
from bot.worker.playbook import House, Playbook
from bot.worker.privacy import Privacy

NAME = "privacy"
HELP = "what the law lets people ask: copies, erasures, receipts"
ABOUT = """\
  comeback privacy                       what was asked, by when it is to be done, and what was done
  comeback privacy show 12               one of them: its receipt
  comeback privacy export +34600000001   a copy of all that is kept of a person, to hand over
  comeback privacy handed-over 12        it was handed over: the copy is deleted, the receipt stays
  comeback privacy erase  +34600000001   everything of a person, in every shop; only that they said stop is kept, as a hash
  comeback privacy reopen main           a shop that had taken the app out is back ('comeback shop connect' says so, too)

What shops ask (Shopify: customers/data_request, customers/redact, shop/redact) is done of its own accord. A person is named by phone
number, e-mail address, SHOP:CUSTOMER or the contact number that 'comeback desk list' shows. It works beside 'comeback serve' or without it.
Of a shop that took the app out nothing is taken in, and nothing is sent in its name, until you say that it is back.
Exit codes: 0 done, 1 not done, 78 the configuration cannot be read."""

WAIT_SECONDS = 60.0  # for a running bot; it goes on with what takes longer
LOOK_SECONDS = 0.2
_NAMES = {What.DATA: "a copy", What.ERASE_SHOPPER: "erase a person", What.ERASE_SHOP: "erase a shop", What.UNINSTALLED: "a shop left"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(action=None)
    actions_ = parser.add_subparsers(dest="action", metavar="ACTION")
    for name, what in (("show", "one receipt"), ("handed-over", "a copy was handed over: delete it")):
        actions_.add_parser(name, help=what).add_argument("id", type=int, help="the number that 'comeback privacy' shows")
    for name, what in (("export", "a copy of all that is kept of a person"), ("erase", "everything of a person, for good")):
        actions_.add_parser(name, help=what).add_argument("who", help="phone number, e-mail address, SHOP:CUSTOMER or contact number")
    actions_.choices["erase"].add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    actions_.add_parser("reopen", help="a shop is back").add_argument("who", metavar="shop", help="its name in COMEBACK_SHOPS")
    for action in actions_.choices.values():
        action.add_argument("--json", action="store_true", help="for machines", default=argparse.SUPPRESS)


class NotDone(Exception):
    """What was asked for is not done. The message is a sentence for the owner."""


def run(args: argparse.Namespace) -> int:
    """Do what is asked; returns the exit code."""
    settings = settings_of_served()
    try:
        return _run(settings, args)
    except (NotDone, actions.NotFound, StoreUnavailable) as fault:
        complain(str(fault))
        return 1


def _run(settings: Settings, args: argparse.Namespace) -> int:
    match args.action:
        case None:
            asks = asyncio.run(read_only(settings.database, privacy.every()))
            print(as_json([_plain(settings, one) for one in asks]) if args.json else "\n".join(_listed(asks, wall_clock())))
        case "show":
            _tell(settings, asyncio.run(_load(settings, args.id)), for_machines=args.json)
        case "handed-over":
            asyncio.run(_handed_over(settings, args.id))
            _tell(settings, asyncio.run(_load(settings, args.id)), for_machines=args.json)
        case "reopen":
            _must_be_known(settings, args.who)
            was_closed = asyncio.run(reopen(settings, args.who))
            told = "may be written for again" if was_closed else "had not left"
            print(as_json({"shop": args.who, "reopened": was_closed}) if args.json else f"{args.who} {told}.")
        case "erase" if not (args.yes or _is_meant(settings, args.who)):
            raise NotDone("nothing was erased")
        case action:
            ask_id = asyncio.run(_ask(settings, "erase" if action == "erase" else "copy", args.who))
            ask = asyncio.run(_done(settings, int(ask_id)))
            _tell(settings, ask, for_machines=args.json)
            return 1 if ask.is_open else 0
    return 0


# ---- telling


def _plain(settings: Settings, ask: Ask) -> dict[str, Any]:
    return {
        **{"id": ask.id, "what": ask.what, "shop": ask.shop, "way": ask.way, "delivery": ask.delivery},
        **{"asked_at": ask.asked_at, "received_at": ask.received_at, "due_at": ask.due_at, "done_at": ask.done_at},
        **{"people": ask.people, "counts": ask.counts, "why": ask.why},
        "file": str(_folder(settings) / ask.file) if ask.file else None,
    }


def _folder(settings: Settings) -> Path:
    return person_copies.beside(settings.database, settings.optouts).absolute()


def _listed(asks: Sequence[Ask], now: datetime) -> Iterator[str]:
    if not asks:
        yield "Nobody has asked for anything yet."
        return
    head = ("", "what", "shop", "asked", "due", "state", "people", "rows")
    rows = [
        (
            *(str(one.id), _NAMES[one.what], one.shop or "(all)", f"{one.received_at:%Y-%m-%d}", f"{one.due_at:%Y-%m-%d}"),
            *(_state(one, now), str(one.people), str(sum(one.counts.values()))),
        )
        for one in asks
    ]
    yield from table([head, *rows])


def _state(ask: Ask, now: datetime) -> str:
    if ask.is_open:
        return "OVERDUE" if ask.is_overdue(now) else "open"
    return "to hand over" if ask.file else "done"


def _tell(settings: Settings, ask: Ask, *, for_machines: bool) -> None:
    print(as_json(_plain(settings, ask)) if for_machines else "\n".join(_receipt(settings, ask)))


def _receipt(settings: Settings, ask: Ask) -> Iterator[str]:
    yield paint(f"{ask.id}: {_NAMES[ask.what]}{f', asked by {ask.shop}' if ask.shop else ''} ({ask.way})", "bold")
    delivery = f", delivery {ask.delivery}" if ask.delivery is not None else ""
    yield f"asked     {ask.asked_at:%Y-%m-%d %H:%M} UTC (received {ask.received_at:%Y-%m-%d %H:%M}{delivery})"
    yield f"due by    {ask.due_at:%Y-%m-%d %H:%M} UTC"
    yield f"done      {f'{ask.done_at:%Y-%m-%d %H:%M} UTC' if ask.done_at else paint('not yet', 'yellow')}"
    if ask.why:
        yield f"          {ask.why}"
    if ask.what is not What.UNINSTALLED:
        yield f"people    {ask.people}"
    done = "written" if ask.what is What.DATA else "gone"
    yield from (f"{done:<8}  {count:>6}  {kind}" for kind, count in sorted(ask.counts.items()))
    if ask.file:
        yield f"the copy  {_folder(settings) / ask.file}"
        yield f"          hand it over, then:  comeback privacy handed-over {ask.id}"


def _is_meant(settings: Settings, who: str) -> bool:
    if not sys.stdin.isatty():
        raise NotDone("nothing was erased: say --yes, where nobody can be asked whether it is meant")
    print(f"{who}: {asyncio.run(read_only(settings.database, _found(who)))}", "It cannot be taken back.", sep="\n")
    return input("Type 'erase' to go on: ").strip() == "erase"


def _found(who: str) -> Step[str]:
    try:
        contact = yield from actions.find(who)
    except actions.NotFound:
        return "nobody goes by this name; old deliveries that name them are emptied"
    rows = yield from personal.rows(contact)
    told = ", ".join(f"{len(found)} {kind}" for kind, found in sorted(rows.items()))
    return f"contact {contact}: {told or 'only their names'}"


# ---- doing


async def _load(settings: Settings, ask_id: int) -> Ask:
    ask = await read_only(settings.database, privacy.load(ask_id))
    if ask is None:
        raise NotDone(f"there is no privacy ask {ask_id}: see 'comeback privacy'")
    return ask


def _must_be_known(settings: Settings, shop: str) -> None:
    """A shop is set up, or it had left before it was taken out of the settings. Raises NotDone for a name that is neither."""
    known = {*settings.shops, *asyncio.run(read_only(settings.database, privacy.closed_shops()))}
    if shop not in known:
        raise NotDone(f"there is no shop '{shop}': you have {', '.join(sorted(known)) or 'none'}")


async def reopen(settings: Settings, shop: str) -> bool:
    """A shop is back; returns whether it had left. Raises NotDone or StoreUnavailable."""
    return bool(await _ask(settings, "reopen", shop))


async def _ask(settings: Settings, action: str, who: str) -> Any:
    """Ask the running bot; without one, or where many may work on the database, here."""
    answer: dict[str, Any] | None = None
    if not is_server(settings.database):
        with suppress(aiohttp.ClientConnectorError):  # nobody serves
            answer = await post(socket_path(file_of(settings.database)), action, {"who": who})
    if answer is None:
        async with _opened(settings) as (desk, _):
            answer = await desk.answer(action, {"who": who})
    if "error" in answer:
        raise NotDone(str(answer["error"]))
    return answer["result"]


async def _done(settings: Settings, ask_id: int) -> Ask:
    """The ask once it is done: by the running bot, else by us. One that takes long is still open."""
    until = monotonic() + WAIT_SECONDS
    while (ask := await _load(settings, ask_id)).is_open and monotonic() < until:
        with suppress(StoreTaken):  # by the bot, which does it
            async with _opened(settings) as (_, work):
                while await work.work():
                    pass
        await asyncio.sleep(LOOK_SECONDS)
    return ask


async def _handed_over(settings: Settings, ask_id: int) -> None:
    ask = await _load(settings, ask_id)
    if ask.file is None:
        raise NotDone(f"there is no copy of privacy ask {ask_id}")
    await asyncio.to_thread((_folder(settings) / ask.file).unlink, missing_ok=True)
    await _ask(settings, "handed-over", str(ask_id))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[DeskSocket, Privacy]]:
    """The database: who keeps asks, and who carries them out. Raises StoreTaken when the bot has it."""
    store = await open_database(settings.database)
    try:
        erasures = await erased.open_log(store, erasure_log.beside(settings.database, settings.optouts))

        def house() -> House:
            return House(Playbook(Library()), store.instance, "", wall_clock(), erasures=erasures)

        files = Shelf(settings.files or shelf.beside(settings.database))
        optouts = OptOutLog(settings.optouts or optout_log.beside(settings.database))
        waits = Overflow(overflow.beside(settings.database, settings.optouts)).waits
        desk = DeskSocket(store, wall_clock, lambda: None, erasures=erasures)
        yield desk, Privacy(store, house, erasures, optouts, files, _folder(settings), waits)
    finally:
        await store.close()
