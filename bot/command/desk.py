"""`comeback desk`: staff on the command line: who waits, take over, answer, hand back."""

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

import aiohttp

from bot.clock import wall_clock
from bot.command.served import settings_of_served
from bot.command.terminal import as_json, complain, paint
from bot.store.database import file_of, is_server, open_database
from bot.web.desk_socket import DeskSocket, socket_path

NAME = "desk"
HELP = "answer customers: who waits, take over, answer, hand back"
ABOUT = """\
  comeback desk list                      who waits for a person, the longest wait first
  comeback desk read +34600000001         what was said
  comeback desk take +34600000001         the bot is silent from now on
  comeback desk say  +34600000001 "Hola"  answer (takes the conversation over, too)
  comeback desk return +34600000001       the bot goes on
  comeback desk block +34600000001        they are not answered and sent nothing any more ('return' lifts it, but not the opt-out)
  comeback desk resume                    what was stopped (a number, a template, a country) may go again

A customer is named by phone number, e-mail address or the contact number that the list shows. It talks to the running
'comeback serve'; without one it works on the database itself, and what it says leaves when the bot starts."""

TIMEOUT_SECONDS = 10
_ABOUT_SOMEBODY = (
    ("read", "what was said"),
    ("take", "take over"),
    ("say", "answer"),
    ("return", "hand back to the bot"),
    ("block", "no more answers, no more messages"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="who waits for a person")
    actions.add_parser("resume", help="what was stopped may go again: numbers, templates, countries")
    for name, what in _ABOUT_SOMEBODY:
        action = actions.add_parser(name, help=what)
        action.add_argument("who", help="phone number, e-mail address or contact number")
        if name == "say":
            action.add_argument("text", help="what to write")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="for machines")
        action.add_argument("--staff", default=os.environ.get("USER") or "staff", help="your name, as colleagues see it")


def run(args: argparse.Namespace) -> int:
    """Act; returns the exit code."""
    settings = settings_of_served()
    words = {"who": getattr(args, "who", ""), "text": getattr(args, "text", ""), "staff": args.staff}
    answer = asyncio.run(ask(settings.database, args.action, words))
    if "error" in answer:
        complain(str(answer["error"]))
        return 1
    print(as_json(answer["result"]) if args.json else _told(args.action, answer["result"]))
    return 0


async def ask(database: str, action: str, words: dict[str, str]) -> dict[str, Any]:
    """Ask the running bot; without one, or where many may work on the database, the same application on the database itself."""
    if not is_server(database):
        try:
            return await post(socket_path(file_of(database)), action, words)
        except aiohttp.ClientConnectorError:
            pass  # no socket, or one left by a process that was killed: nobody serves
    store = await open_database(database)
    try:
        return await DeskSocket(store, wall_clock, lambda: None).answer(action, words)
    finally:
        await store.close()


async def post(path: Path, action: str, words: dict[str, str]) -> dict[str, Any]:
    """Ask the process behind a socket. Raises ClientConnectorError when there is none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=timeout) as session,
        session.post(f"http://desk/{action}", json=words) as response,
    ):
        answer: dict[str, Any] = await response.json()
        return answer


def _told(action: str, result: Any) -> str:
    match action:
        case "list":
            return "\n".join(_open(one) for one in result) or "Nobody waits."
        case "read":
            return "\n".join(_said(one) for one in result["messages"]) or "Nothing was said yet."
        case "take":
            return "The conversation is yours; the bot is silent until you hand it back."
        case "say":
            return "On its way."
        case "block":
            return "Blocked: what they write is kept, nobody answers, nothing is sent. 'comeback desk return' lifts it."
        case "resume":
            return "Every number may send again."
        case _:
            return "Handed back to the bot."


def _open(one: dict[str, Any]) -> str:
    who = f"{one['contact']:>6}  {one['phone'] or '(no phone)':<16} {one['first_name'] or ''}"
    holder = f"with {one['staff']}" if one["control"] == "human" else f"waits since {one['since'][:16]} UTC: {one['reason']}"
    return f"{paint(who, 'bold')}  {holder}\n        {paint(one['last_text'] or '', 'dim')}"


def _said(one: dict[str, Any]) -> str:
    what = one["delivery"] or one["state"] or ""
    why = f" ({one['why']})" if one["why"] else ""
    return f"{one['at'][:16]}  {one['author']:<8}  {one['text']}  {paint(what + why, 'dim')}"
