"""`comeback simulate`: play the customer of a flow in the terminal, with the real engine and policy and a clock that jumps."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.app import wall_clock
from bot.command.terminal import complain, paint
from bot.flow import measure, money
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import Button, Content
from bot.owner_files import read_playbook
from bot.rehearsal.play import Customer, Play, open_play
from bot.store.contacts import Noted
from bot.worker.playbook import Playbook

NAME = "simulate"
HELP = "play the customer of a flow in this terminal; time jumps"
ABOUT = """\
  comeback simulate cart_reminder
  comeback simulate flows/welcome.yaml --language es --name Ana

Starts what the flow starts on (a cart left behind, a message, a purchase used up), then asks what you do:
  some words        you write them
  1, 2, 3 ...       you press that button
  (an empty line)   time jumps to the next thing that happens
  /wait 2 hours     time passes
  /order  /empty    you order; you empty your cart
  /why              why things happened, or did not
  /quit             the end
Nothing is sent, nothing is kept. Lines can also come from a file:  comeback simulate cart_reminder < lines.txt"""

MORNING = (10, 0)  # when a play begins, by the store's clock: no quiet hours stand in the way


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("flow", help="a flow's name, or its file")
    parser.add_argument("--language", help="the customer's language (the store's first)")
    parser.add_argument("--name", default="Ana", help="the customer's first name (Ana)")
    parser.add_argument("--cart", default="80", help="what the cart is worth, such as '80' or '80 EUR'")
    parser.add_argument("--at", type=datetime.fromisoformat, help="when it begins, by the store's clock, such as '2026-11-23 10:00'")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")


def run(args: argparse.Namespace) -> int:
    """Play; returns the exit code."""
    named = Path(args.flow)
    folder = named.parent if named.suffix == ".yaml" else args.flows
    playbook = read_playbook(folder, args.locales)
    revision = playbook.library.flows.get(named.stem)
    if revision is None:
        _explain_missing(playbook, named.stem, folder)
        return 1
    cart = money.parse(args.cart, playbook.rules.currency)
    if cart is None:
        complain(f"'{args.cart}' is no sum of money: write '80' or '80 {playbook.rules.currency}'")
        return 1
    customer = Customer(args.name, args.language or playbook.rules.languages[0], cart.minor, _category(playbook))
    with tempfile.TemporaryDirectory(prefix="comeback-simulate-") as scratch:
        return asyncio.run(_play(Path(scratch), playbook, revision, customer, _begin(args.at, playbook)))


def _explain_missing(playbook: Playbook, name: str, folder: Path) -> None:
    mistakes = [problem for problem in playbook.library.problems if problem.file == f"flows/{name}.yaml"]
    for mistake in mistakes:
        complain(str(mistake))
    if not mistakes:
        complain(f"there is no flow '{name}' in {folder}; there are: {', '.join(playbook.library.flows) or 'none'}")


def _category(playbook: Playbook) -> str:
    """Something that is used up and bought again."""
    return next((category for category, length in playbook.rules.reorder.items() if length is not None), "coffee")


def _begin(at: datetime | None, playbook: Playbook) -> datetime:
    zone = ZoneInfo(playbook.rules.timezone)
    local = at or wall_clock().astimezone(zone).replace(hour=MORNING[0], minute=MORNING[1], second=0, microsecond=0)
    return local.replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))


class _Terminal:
    """What is shown, and the buttons that can be pressed."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.buttons: tuple[Button, ...] = ()
        self.play: Play | None = None
        self._reasons = 0

    def line(self, who: str, text: str, *styles: str) -> None:
        """One line with its local time."""
        assert self.play is not None  # set before anything can be shown
        first, *rest = text.splitlines() or [""]
        print(f"{paint(f'{self.play.now.astimezone(self.zone):%a %d %b %H:%M}', 'dim')}  {paint(f'{who:>8}', *styles)}  {first}")
        for more in rest:
            print(f"{'':>16}  {'':>8}  {more}")

    def heard(self, content: Content) -> None:
        """A message as the customer gets it."""
        self.buttons = content.buttons or self.buttons
        buttons = "  ".join(f"[{number}: {button.title}]" for number, button in enumerate(content.buttons, 1))
        self.line("bot", content.body + (f"\n{paint(buttons, 'bold')}" if buttons else ""), "green")

    def news(self, noted: Sequence[Noted]) -> None:
        """What was decided since the last look."""
        for one in noted[self._reasons :]:
            self.line(one.about, one.text, "dim")
        self._reasons = len(noted)


async def _play(scratch: Path, playbook: Playbook, revision: Revision, customer: Customer, now: datetime) -> int:
    terminal = _Terminal(playbook.rules.timezone)
    play = terminal.play = await open_play(scratch, playbook, customer, now, terminal.heard)
    try:
        await _set_off(play, terminal, revision)
        for line in _lines():
            if line in ("/quit", "/q"):
                break
            await _do(play, terminal, line)
            terminal.news(await play.reasons())
    finally:
        await play.close()
    return 0


async def _set_off(play: Play, terminal: _Terminal, revision: Revision) -> None:
    """Make happen what the flow starts on."""
    match revision.flow.start.when:
        case Trigger.CART_ABANDONED:
            terminal.line("shop", "a cart is filled and left", "blue")
            await play.fill_cart()
            await play.next_thing()
        case Trigger.REORDER_DUE:
            terminal.line("shop", f"{play.customer.category} is ordered", "blue")
            await play.order()
            await play.next_thing()
        case Trigger.MESSAGE_RECEIVED:
            terminal.line("", "this flow starts when the customer writes: write something", "dim")
        case other:
            status = other.value.removeprefix("order_")
            terminal.line("shop", f"an order is {status}", "blue")
            await play.order(status)
    terminal.news(await play.reasons())


def _lines() -> Iterator[str]:
    """What the player types, or the lines of a file."""
    while True:
        try:
            line = input(paint("> ", "bold") if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not line.lstrip().startswith("#"):
            yield line.strip()


async def _do(play: Play, terminal: _Terminal, line: str) -> None:
    """One line of the player."""
    commands: dict[str, Callable[[], Awaitable[None]]] = {"/order": play.order, "/empty": play.empty_cart}
    word, _, rest = line.partition(" ")
    if line == "":
        if not await play.next_thing():
            terminal.line("", "nothing more will happen of its own accord", "dim")
    elif line.isdigit() and 0 < int(line) <= len(terminal.buttons):
        button = terminal.buttons[int(line) - 1]
        terminal.line("you", f"[{button.title}]", "cyan")
        await play.press(button.title, button.payload)
    elif word == "/wait":
        try:
            await play.wait(measure.read_length(rest))
        except ValueError as fault:
            complain(str(fault))
    elif word == "/why":
        for one in await play.reasons():
            print(f"  {one.at.astimezone(terminal.zone):%a %d %b %H:%M}  {one.about}: {one.text}")
    elif word in commands:
        terminal.line("shop", f"the customer does: {word[1:]}", "blue")
        await commands[word]()
    elif word.startswith("/"):
        complain(f"I do not know {word}: there are /wait, /order, /empty, /why and /quit")
    else:
        terminal.line("you", line, "cyan")
        await play.write(line)
