"""`comeback simulate FLOW`: one customer's play in the terminal."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.command.terminal import complain, paint
from bot.desk.actions import NotFound, Refused
from bot.flow import measure, money
from bot.flow.as_read import extras
from bot.flow.facts import Money
from bot.flow.model import Trigger
from bot.flow.names import did_you_mean
from bot.flow.revision import Revision
from bot.flow.run import Button, Content, Waiting
from bot.policy.decision import Control
from bot.policy.reorder import OWN_GAPS
from bot.rehearsal.play import Customer
from bot.rehearsal.solo import STAFF, Known, Solo, open_solo
from bot.store.contacts import Noted
from bot.store.products import PRICE_WINDOW
from bot.worker.playbook import Playbook

_UTC_TIMES = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
_STANDS = {Waiting.ANSWER: "waits for an answer", Waiting.TIME: "waits for its time", Waiting.DISCOUNT: "waits for its code"}
STOCKED = 5  # pieces of what is back in stock
OFF = 20  # percent of what costs less
SILENT_JUMPS = 1_000  # timers that came to nothing, one after the other: more is no life of one customer
TWICE = timedelta(minutes=5)  # between two looks at a product
_ORDER = {
    Trigger.ORDER_PLACED: "placed",
    Trigger.ORDER_PAID: "paid",
    Trigger.ORDER_DELIVERED: "delivered",
    Trigger.ORDER_CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the customer, what they bought before, their tags, when it begins (UTC), and the lines that are typed."""

    customer: Customer
    orders_before: int
    tags: tuple[str, ...]
    begins: datetime


def play(playbook: Playbook, revision: Revision, cast: Cast) -> int:
    """Play until the player leaves or the lines end; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="comeback-simulate-") as scratch:
        return asyncio.run(_play(Path(scratch), playbook, revision, cast))


async def _play(scratch: Path, playbook: Playbook, revision: Revision, cast: Cast) -> int:
    screen = _Screen(playbook.rules.timezone)
    game = await open_solo(scratch, playbook, cast.customer, cast.begins, screen.heard)
    screen.clock = lambda: game.now
    table = _Table(game, screen, playbook)
    try:
        await table.set_off(revision, cast)
        for line in _lines():
            if line in ("/quit", "/q", "/exit"):
                break
            await table.turn(line)
    finally:
        await game.close()
    return 0


def _lines() -> Iterator[str]:
    """What the player types, or the lines of a file."""
    if sys.stdin.isatty():
        import readline  # noqa: F401 - arrows and history, for whoever types
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not line.lstrip().startswith("#"):
            yield line.strip()


class _Screen:
    """What is shown, and the buttons that can be pressed."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.buttons: tuple[Button, ...] = ()
        self.speaker = "bot"
        self._told = self._heard = self._heard_told = 0

    def line(self, who: str, text: str, *styles: str) -> None:
        """One line with its local time."""
        first, *rest = text.splitlines() or [""]
        print(f"{paint(self.local(self.clock()), 'dim')}  {paint(f'{who:>14}', *styles)}  {first}")
        for more in rest:
            print(f"{'':>16}  {'':>14}  {more}")

    def hint(self, text: str) -> None:
        """A line for the player, not of the story."""
        print(f"{'':>16}  {'':>14}  {paint(text, 'dim')}")

    def local(self, moment: datetime) -> str:
        """A moment by the store's clock."""
        return f"{moment.astimezone(self.zone):%a %d %b %H:%M}"

    def heard(self, content: Content) -> None:
        """A message as the customer gets it."""
        self._heard += 1
        self.buttons = content.buttons or self.buttons
        buttons = "  ".join(f"[{number}: {button.title}]" for number, button in enumerate(content.buttons, 1))
        shown = "  ".join(one for one in extras(content) if one.startswith("("))
        self.line(self.speaker, "\n".join(filter(None, (content.body, shown, paint(buttons, "bold") if buttons else ""))), "green")

    def news(self, noted: Sequence[Noted]) -> None:
        """What was decided since the last look."""
        for one in noted[self._told :]:
            self.line(one.about, self.readable(one.text), "dim")
        self._told, self._heard_told = len(noted), self._heard

    def is_news(self, noted: Sequence[Noted]) -> bool:
        """Whether anything was said or decided since the last look."""
        return (len(noted), self._heard) != (self._told, self._heard_told)

    def readable(self, text: str) -> str:
        """A stored sentence with its times by the store's clock."""
        return _UTC_TIMES.sub(lambda time: self.local(datetime.fromisoformat(f"{time[1]}+00:00")), text)


class _Table:
    """The player's hand: each command is a word after a slash."""

    def __init__(self, game: Solo, screen: _Screen, playbook: Playbook) -> None:
        self.game = game
        self.screen = screen
        self.playbook = playbook
        self.commands: dict[str, tuple[Callable[[str], Awaitable[None]], str]] = {
            "/wait": (self.wait, "/wait 2 hours      time passes"),
            "/until": (self.until, "/until 18:30       time passes until then, by the store's clock"),
            "/cart": (self.cart, "/cart 120          you put things into your cart, worth so much together"),
            "/empty": (self.empty, "/empty             you empty your cart"),
            "/order": (self.order, "/order             you order; /order paid, delivered, cancelled: such an order is told"),
            "/look": (self.look, "/look              you look at a product's page"),
            "/stop": (self.stop, "/stop              you stop marketing on WhatsApp's own control; /agree allows it again"),
            "/agree": (self.agree, ""),
            "/take": (self.take, "/take              staff take the conversation over; /say some words: they answer"),
            "/say": (self.say, ""),
            "/return": (self.hand_back, "/return            staff hand the conversation back to the bot"),
            "/tag": (self.tag, "/tag vip           you have that tag; /untag vip: not any more"),
            "/untag": (self.untag, ""),
            "/want": (self.want, "/want              you ask on a page of the shop to be told when it is back"),
            "/stock": (self.stock, "/stock 0           it is sold out; /stock 5: so many pieces are there again"),
            "/price": (self.price, "/price 9.50        it costs that from now on"),
            "/codes": (self.codes, "/codes off         the shop makes no discount codes; /codes on: it does"),
            "/who": (self.who, "/who               what is known of you, and where the flows stand"),
            "/why": (self.why, "/why               why things happened, or did not, from the beginning"),
            "/help": (self.help, "/help              this"),
        }

    # ---- the beginning

    async def set_off(self, revision: Revision, cast: Cast) -> None:
        """Make happen what the flow starts on."""
        await self.game.bought_before(cast.orders_before)
        start, screen, customer = revision.flow.start, self.screen, self.game.customer
        match start.when:
            case Trigger.CART_ABANDONED | Trigger.CART_EMPTIED:
                screen.line("shop", f"a cart of {self.amount(customer.cart)} is filled, and left", "blue")
                await self.game.fill_cart()
                await self.tags(cast.tags)
                if start.when is Trigger.CART_EMPTIED:
                    screen.line("shop", "the cart is emptied", "blue")
                    await self.game.empty_cart()
                await self.game.next_thing()
            case Trigger.REORDER_DUE:
                screen.line("shop", f"{customer.category} is ordered", "blue")
                await self.game.order()
                await self.tags(cast.tags)
                await self.game.next_thing()
            case Trigger.PRODUCT_VIEWED | Trigger.BACK_IN_STOCK | Trigger.PRICE_DROPPED:
                await self.about_a_product(start.when, cast)
            case Trigger.ORDER_PLACED | Trigger.ORDER_PAID | Trigger.ORDER_DELIVERED | Trigger.ORDER_CANCELLED:
                screen.line("shop", f"an order is {_ORDER[start.when]}", "blue")
                await self.game.order(_ORDER[start.when])
                await self.tags(cast.tags)
            case Trigger.ORDER_REFUNDED:
                screen.line("shop", "an order is placed, and paid back", "blue")
                await self.game.order()
                await self.tags(cast.tags)
                await self.game.give_back()
            case Trigger.CUSTOMER_LAPSED:
                screen.line("shop", f"{customer.category} is ordered, as so often, and then nothing more", "blue")
                await self.game.bought_lately(OWN_GAPS)
                await self.game.order()
                await self.tags(cast.tags)
                await self.game.next_thing()
            case Trigger.MESSAGE_RECEIVED:
                screen.hint("this flow starts when you write: write something")
            case Trigger.OPTED_IN:
                screen.hint("this flow starts when you agree to marketing: /agree")
            case Trigger.HANDED_BACK:
                screen.hint("this flow starts when staff hand you back: write something, then /take and /return")
            case other:
                screen.hint(f"nothing here makes '{other}' happen yet: other flows answer what you write")
        await self.tell()

    async def about_a_product(self, when: Trigger, cast: Cast) -> None:
        """Something happens to the first thing that they buy."""
        match when:
            case Trigger.BACK_IN_STOCK:
                await self.bring_back(cast)
            case Trigger.PRICE_DROPPED:
                await self.make_cheaper(cast)
            case _:
                await self.look_twice(cast)

    async def look_twice(self, cast: Cast) -> None:
        """They look at it, and once more."""
        self.screen.line("shop", f"{self.game.customer.ware} is looked at, twice", "blue")
        await self.game.introduce()
        await self.game.visit()
        await self.tags(cast.tags)
        await self.game.wait(TWICE)
        await self.game.visit()
        for _ in range(2):  # each look is followed by a look whether they left
            await self.game.next_thing()

    async def bring_back(self, cast: Cast) -> None:
        """What they wait for is back."""
        self.screen.line("shop", f"{self.game.customer.ware} is sold out; you ask to be told; it is back", "blue")
        await self.game.stock_is(0)
        await self.game.want()
        await self.tags(cast.tags)
        await self.game.stock_is(STOCKED)
        await self.game.next_thing()

    async def make_cheaper(self, cast: Cast) -> None:
        """What lies in their cart costs less."""
        self.screen.line("shop", f"{self.game.customer.ware} lies in your cart, and costs {OFF}% less", "blue")
        await self.game.price_is(self.game.price)
        await self.game.wait(PRICE_WINDOW)  # before that nobody can say what it cost
        await self.game.fill_cart()
        await self.tags(cast.tags)
        await self.game.price_is(replace(self.game.price, minor=self.game.price.minor * (100 - OFF) // 100))
        await self.game.next_thing()

    async def tags(self, tags: Sequence[str]) -> None:
        """Tags from before; they need somebody to stick to."""
        for tag in tags:
            await self.game.tag(tag, on=True)

    # ---- a turn

    async def turn(self, line: str) -> None:
        """One line of the player."""
        word, _, rest = line.partition(" ")
        try:
            if line == "":
                await self.next()
            elif line.isdecimal() and self.screen.buttons:
                await self.press(int(line))
            elif word in self.commands:
                await self.commands[word][0](rest.strip())
            elif word.startswith("/"):
                complain(f"I do not know {word}{did_you_mean(word, self.commands) or ': /help lists what there is'}")
                return
            else:
                self.screen.line("you", line, "cyan")
                await self.game.write(line)
        except (ValueError, NotFound, Refused) as fault:
            complain(str(fault))
            return
        await self.tell()

    async def tell(self) -> None:
        """What was decided, and what comes next of its own accord."""
        self.screen.news(await self.game.reasons())
        known, due = await self.game.known(), await self.game.next_moment()
        if known is not None and known.control is Control.WAITING:
            self.screen.hint("you wait for staff: play them with /take, /say some words, /return")
        elif due is None:
            self.screen.hint("nothing more will happen of its own accord")
        elif due > self.game.now:
            self.screen.hint(f"next: {self.screen.local(due)}, in {_length(due - self.game.now)} (an empty line)")

    async def next(self) -> None:
        """Time jumps to the next thing that happens; over timers that came to nothing."""
        for _ in range(SILENT_JUMPS):
            if not await self.game.next_thing() or self.screen.is_news(await self.game.reasons()):
                return

    async def press(self, number: int) -> None:
        """A button of the last message that had some. Raises ValueError."""
        if not 0 < number <= len(self.screen.buttons):
            raise ValueError(f"there is no button {number}: there are 1 to {len(self.screen.buttons)}")
        button = self.screen.buttons[number - 1]
        self.screen.line("you", f"[{button.title}]", "cyan")
        await self.game.press(button.title, button.payload)

    # ---- time and shop

    async def wait(self, text: str) -> None:
        """Time passes. Raises ValueError."""
        await self.game.wait(measure.read_length(text))

    async def until(self, text: str) -> None:
        """Time passes until it is so late. Raises ValueError."""
        clock = measure.read_clock(text)
        local = self.game.now.astimezone(self.screen.zone)
        day = local.date() if clock > local.time() else local.date() + timedelta(days=1)
        await self.game.wait(datetime.combine(day, clock, self.screen.zone).astimezone(UTC) - self.game.now)

    async def cart(self, text: str) -> None:
        """Something is put into the cart. Raises ValueError."""
        worth = money.parse(text, self.playbook.rules.currency) if text else None
        if text and worth is None:
            raise ValueError(f"write what the cart is worth, such as '/cart 120' or '/cart 120 {self.playbook.rules.currency}'")
        await self.game.change_cart(worth.minor if worth else self.game.customer.cart)
        self.screen.line("shop", f"your cart is worth {self.amount(self.game.customer.cart)}", "blue")

    async def empty(self, _: str) -> None:
        """The cart is emptied."""
        self.screen.line("shop", "you empty your cart", "blue")
        await self.game.empty_cart()

    async def look(self, _: str) -> None:
        """A product is looked at."""
        self.screen.line("shop", f"you look at {self.game.customer.items[0][1]}", "blue")
        await self.game.visit()

    async def order(self, status: str) -> None:
        """An order is told. Raises ValueError."""
        if status and status not in _ORDER.values():
            raise ValueError(f"an order is {', '.join(_ORDER.values())}, not '{status}'")
        self.screen.line("shop", f"your order is {status or 'placed'}", "blue")
        await self.game.order(status or "placed")

    async def want(self, _: str) -> None:
        """They wait for it."""
        self.screen.line("you", f"ask the shop to tell you when {self.game.customer.ware} is back", "cyan")
        await self.game.want()

    async def stock(self, text: str) -> None:
        """So many pieces are left. Raises ValueError."""
        if not text.isascii() or not text.isdigit() or len(text) > 6:
            raise ValueError("write how many pieces there are, such as '/stock 0' or '/stock 5'")
        self.screen.line("shop", f"{self.game.customer.ware} is sold out" if int(text) == 0 else f"{text} pieces are in stock", "blue")
        await self.game.stock_is(int(text))

    async def price(self, text: str) -> None:
        """It costs something else. Raises ValueError."""
        price = money.parse(text, self.playbook.rules.currency)
        if price is None:
            raise ValueError(f"write what it costs, such as '/price 9.50' or '/price 9.50 {self.playbook.rules.currency}'")
        self.screen.line("shop", f"{self.game.customer.ware} costs {self.amount(price.minor)}", "blue")
        await self.game.price_is(price)

    async def codes(self, text: str) -> None:
        """Whether the shop makes codes. Raises ValueError."""
        if text not in ("on", "off"):
            raise ValueError("write /codes on or /codes off")
        self.game.codes_run_out = text == "off"
        self.screen.line("shop", "makes no discount codes any more" if text == "off" else "makes discount codes", "blue")

    # ---- consent, staff, tags

    async def stop(self, _: str) -> None:
        """WhatsApp's own control."""
        self.screen.line("you", "stop marketing on WhatsApp's own control", "cyan")
        await self.game.switch_off()

    async def agree(self, _: str) -> None:
        """The same, the other way."""
        self.screen.line("you", "allow marketing on WhatsApp's own control", "cyan")
        await self.game.agree()

    async def take(self, _: str) -> None:
        """Staff take over."""
        self.screen.line(STAFF, "takes the conversation over", "yellow")
        await self.game.take()

    async def say(self, text: str) -> None:
        """Staff answer."""
        self.screen.speaker = STAFF
        try:
            await self.game.say(text)
        finally:
            self.screen.speaker = "bot"

    async def hand_back(self, _: str) -> None:
        """Staff hand back."""
        self.screen.line(STAFF, "hands the conversation back", "yellow")
        await self.game.hand_back()

    async def tag(self, text: str) -> None:
        """A tag is put on. Raises ValueError."""
        await self.game.tag(_word(text, "/tag vip"), on=True)

    async def untag(self, text: str) -> None:
        """A tag is taken off. Raises ValueError."""
        await self.game.tag(_word(text, "/untag vip"), on=False)

    # ---- questions

    async def who(self, _: str) -> None:
        """What is known."""
        known = await self.game.known()
        if known is None:
            self.screen.hint("nobody has heard of you yet")
            return
        for line in self.about(known):
            print(f"  {line}")

    def about(self, known: Known) -> Iterator[str]:
        """What is known, in lines."""
        one, until = known.contact, known.writable_until
        yield f"{one.first_name or 'no name'}, language {one.language or 'not known'}, tags: {', '.join(sorted(one.tags)) or 'none'}"
        yield f"marketing: {one.consent}; orders: {one.orders_count}"
        yield f"free texts reach you until {self.screen.local(until)}" if until else "only templates reach you now"
        if known.control is not Control.BOT:
            yield "staff have the conversation" if known.control is Control.HUMAN else "you wait for staff"
        for live in known.runs:
            stands = _STANDS[live.run.waiting] if live.run.waiting else "goes on"
            yield f"{live.run.flow} {stands} at {live.run.position}"

    async def why(self, _: str) -> None:
        """Everything that was decided."""
        for one in await self.game.reasons():
            print(f"  {self.screen.local(one.at)}  {one.about}: {self.screen.readable(one.text)}")

    async def help(self, _: str) -> None:
        """What can be typed."""
        print(HANDS)
        for text in (text for _, text in self.commands.values() if text):
            print(f"  {text}")

    def amount(self, minor: int) -> str:
        """Money as the player writes it."""
        return f"{money.amount(Money(minor, self.playbook.rules.currency))} {self.playbook.rules.currency}"


HANDS = """\
  some words         you write them
  1, 2, 3 ...        you press that button of the last message that had some
  (an empty line)    time jumps to the next thing that happens"""


def _word(text: str, example: str) -> str:
    if not text:
        raise ValueError(f"write a tag, as in {example}")
    return text


def _length(length: timedelta) -> str:
    """Days and hours, hours and minutes, or minutes."""
    days, hours, minutes = length.days, length.seconds // 3600, length.seconds // 60 % 60
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    told = [f"{number} {word}{'' if number == 1 else 's'}" for number, word in parts if number][:2]
    return " and ".join(told) or "a moment"
