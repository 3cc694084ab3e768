"""A shopper of a crowd: what they do in the shop, and with a message they get. Everything is drawn from their own dice (`Random`).

What they do is an act at a moment; whether they still want it then is asked again (`still_wants`): a cart may be bought by then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from bot.flow import money
from bot.flow.facts import Line, Money
from bot.flow.run import Button, Content, read_button_payload
from bot.policy.decision import Consent
from bot.rehearsal.habits import DAY, HOUR, MINUTE, SAYINGS, STOPS, Habits
from bot.rehearsal.people import Person, awake, spread, zone_of
from bot.shop.event import OrderStatus


class Because(StrEnum):
    """Why somebody ordered."""

    BEFORE = "before"  # before the rehearsal began
    ALONE = "alone"  # of their own accord
    MESSAGE = "message"  # a message of ours brought them back


@dataclass(frozen=True, slots=True)
class Filled:
    """Something was put into a cart, and there it is left for now."""

    cart: str
    lines: tuple[Line, ...]
    total: Money


@dataclass(frozen=True, slots=True)
class Emptied:
    """Everything was taken out again."""

    cart: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, of a cart or by a link that orders the same again. `code` is the discount code that was used."""

    order: str
    cart: str | None
    lines: tuple[Line, ...]
    total: Money
    because: Because
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """An order got further."""

    order: Ordered
    status: OrderStatus


@dataclass(frozen=True, slots=True)
class Wrote:
    """They wrote."""

    text: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """They pressed a button."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """They switched marketing off on WhatsApp's own control."""


Act = Filled | Emptied | Ordered | Moved | Wrote | Pressed | SwitchedOff
Plan = tuple[datetime, Act]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a shopper gets it. `answers` gives the words its question understands; `code` is the code it brings."""

    content: Content
    marketing: bool
    reply: bool
    answers: Callable[[], tuple[str, ...]] = tuple
    code: str | None = None


@dataclass(slots=True)
class Shopper:
    """Somebody with dice."""

    person: Person
    rng: Random
    habits: Habits
    currency: str
    categories: Sequence[str]
    statuses: frozenset[OrderStatus]  # those the shop tells of: what no flow asks about would change nothing
    carts: dict[str, Filled] = field(default_factory=dict)
    orders: dict[str, Ordered] = field(default_factory=dict)
    bothered: list[datetime] = field(default_factory=list)
    _made: int = 0

    # ---- of their own accord

    def past(self, begins: datetime) -> Iterator[tuple[datetime, Ordered]]:
        """What they ordered before, the oldest first. Only the last purchase can be used up soon; those before are long gone."""
        if self.rng.random() >= self.habits.bought_before:
            return
        count = self.rng.randint(1, self.habits.most_orders_before)
        for number in range(count):
            is_last = number == count - 1
            lines = self._lines(self.categories if is_last else ())
            ago = timedelta(hours=self.rng.randrange(60, 24 * 24)) if is_last else timedelta(days=40 + 20 * (count - number))
            yield begins - ago, Ordered(self._key("o"), None, lines, self._total(lines), Because.BEFORE)

    def month(self, begins: datetime, length: timedelta) -> Iterator[Plan]:
        """What they would do within this time if nobody wrote to them."""
        months = length / timedelta(days=30)
        for _ in range(self._times(self.habits.carts_per_month * months)):
            yield from self._cart(self._moment(begins, length))
        for _ in range(self._times(self.habits.writes_first_per_month * months)):
            yield self._moment(begins, length), Wrote(self._saying())

    def _cart(self, at: datetime) -> Iterator[Plan]:
        lines = self._lines((*self.categories, "gifts"))
        cart = Filled(self._key("c"), lines[:1], self._total(lines[:1]))
        yield at, cart
        if len(lines) > 1:  # put in one by one
            at += timedelta(minutes=self.rng.randint(1, 15))
            cart = Filled(cart.cart, lines, self._total(lines))
            yield at, cart
        fate = self.rng.random()
        if fate < self.habits.buys_at_once:
            yield at + timedelta(minutes=self.rng.randint(2, 20)), self._buys(cart, Because.ALONE)
        elif fate < self.habits.buys_at_once + self.habits.empties:
            yield self._awake(at + spread(3 * HOUR, self.rng)), Emptied(cart.cart)
        elif self.rng.random() < self.habits.comes_back_alone:
            yield self._awake(at + spread(self.habits.comes_back_median, self.rng)), self._buys(cart, Because.ALONE)

    def after_order(self, order: Ordered, at: datetime) -> Iterator[Plan]:
        """What the shop tells of an order later."""
        is_cancelled = self.rng.random() < self.habits.cancels
        last = (
            (spread(5 * HOUR, self.rng), OrderStatus.CANCELLED) if is_cancelled else (DAY * self.rng.randint(2, 5), OrderStatus.DELIVERED)
        )
        for later, status in ((MINUTE, OrderStatus.PAID), last):
            if status in self.statuses:
                yield at + later, Moved(order, status)

    # ---- with a message

    def hears(self, heard: Heard, at: datetime) -> Iterator[Plan]:
        """What they do with a message that reaches them now."""
        unasked = heard.marketing and not heard.reply
        if self.rng.random() >= self.habits.reads:
            return
        reads = at + MINUTE if heard.reply else self._awake(at + spread(self.habits.reads_median, self.rng))
        if unasked and self.rng.random() < self._annoyance(reads):
            yield reads + spread(MINUTE, self.rng), self._stops(heard.content)
            return
        if unasked:
            self.bothered.append(at)
        answer = self._answer(heard)
        if answer is not None:
            yield self._awake(reads + spread(self.habits.answers_median, self.rng)), answer
        if (bought := self._bought_after(heard)) is not None:
            yield self._awake(reads + spread(self.habits.buys_median, self.rng)), bought

    def still_wants(self, act: Act) -> bool:
        """Whether an act still makes sense when its moment has come."""
        match act:
            case Emptied(cart):
                return cart in self.carts
            case Ordered(cart=str() as cart):
                return cart in self.carts
            case Moved(order):
                return order.order in self.orders
            case _:
                return True

    def did(self, act: Act) -> None:
        """They did it."""
        match act:
            case Filled():
                self.carts = {act.cart: act}  # a shop keeps one open cart a person
            case Emptied(cart):
                self.carts.pop(cart, None)
            case Ordered():
                self.orders[act.order] = act
                self.carts.clear()
            case Moved(order, OrderStatus.CANCELLED):
                del self.orders[order.order]

    def _annoyance(self, now: datetime) -> float:
        lately = sum(now - at < 7 * DAY for at in self.bothered)
        return self.habits.stops + self.habits.stops_more * lately

    def _stops(self, content: Content) -> Act:
        if self.rng.random() < self.habits.stops_silently:
            return SwitchedOff()
        button = next((button for button in content.buttons if _opts_out(button)), None)
        if button is not None and self.rng.random() < 0.7:
            return Pressed(button.title, button.payload)
        return Wrote(STOPS.get(self._base_language, "STOP"))

    def _answer(self, heard: Heard) -> Act | None:
        asks, drawn = bool(heard.content.buttons), self.rng.random()
        presses = self.habits.answers_in_menu if heard.reply else self.habits.presses
        if asks and drawn < presses:
            open_ones = [button for button in heard.content.buttons if not _opts_out(button)] or list(heard.content.buttons)
            weights = [self.habits.first_button, *[1.0] * (len(open_ones) - 1)]
            button = self.rng.choices(open_ones, weights)[0]
            return Pressed(button.title, button.payload)
        if drawn < (presses if asks else 0) + self.habits.writes:
            understood = heard.answers()
            own_words = not understood or self.rng.random() < 0.5
            return Wrote(self._saying() if own_words else self.rng.choice(understood))
        return None

    def _bought_after(self, heard: Heard) -> Act | None:
        """An order a message brings about: of the open cart, else, by a link in an answer or with a code, the same as last time."""
        is_link = heard.reply and "http" in heard.content.body
        if not heard.marketing or (heard.reply and not is_link):
            return None
        likely = self.habits.buys_from_link if is_link else self.habits.buys_from_code if heard.code else self.habits.buys_from_reminder
        if self.rng.random() >= likely:
            return None
        if self.carts:
            return self._buys(next(iter(self.carts.values())), Because.MESSAGE, heard.code)
        if (is_link or heard.code) and self.orders:
            last = list(self.orders.values())[-1]
            return Ordered(self._key("o"), None, last.lines, last.total, Because.MESSAGE, heard.code)
        return None

    # ---- dice

    def _buys(self, cart: Filled, because: Because, code: str | None = None) -> Ordered:
        return Ordered(self._key("o"), cart.cart, cart.lines, cart.total, because, code)

    def _lines(self, categories: Sequence[str]) -> tuple[Line, ...]:
        count = self.rng.choice((1, 1, 2, 3))
        return tuple(self._line(self.rng.choice(categories) if categories else None, number) for number in range(1, count + 1))

    def _line(self, category: str | None, number: int) -> Line:
        price = max(1, round(self.habits.price_median * self.rng.lognormvariate(0, 0.5)))
        name = f"{(category or 'things').capitalize()} {number}"
        costs = Money(price * 10 ** money.digits(self.currency), self.currency)
        return Line(name, self.rng.choice(self.habits.pieces), costs, category=category)

    def _total(self, lines: Sequence[Line]) -> Money:
        return Money(sum(line.quantity * line.price.minor for line in lines if line.price), self.currency)

    def _times(self, mean: float) -> int:
        """How often something happens that happens so often on average (Poisson: gaps are exponential)."""
        times, reached = 0, self.rng.expovariate(1)
        while reached < mean:
            times, reached = times + 1, reached + self.rng.expovariate(1)
        return times

    def _moment(self, begins: datetime, length: timedelta) -> datetime:
        """Some moment of some day, at an hour of their clock at which people shop."""
        day = (begins + timedelta(seconds=self.rng.randrange(max(1, int(length.total_seconds()))))).astimezone(zone_of(self.person.zone))
        local = day.replace(hour=self.rng.choice(self.habits.busiest), minute=self.rng.randrange(60), second=self.rng.randrange(60))
        return max(begins, local.astimezone(begins.tzinfo))

    def _awake(self, moment: datetime) -> datetime:
        return awake(moment, self.person.zone, self.habits.waking, self.rng)

    def _saying(self) -> str:
        return self.rng.choice(SAYINGS.get(self._base_language, SAYINGS["en"]))

    @property
    def _base_language(self) -> str:
        return self.person.language.partition("_")[0]

    def _key(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self.person.number}-{self._made}"

    @property
    def consents(self) -> bool | None:
        """What the shop tells of their consent, None when it was never asked."""
        return None if self.person.agreed is Consent.UNKNOWN else self.person.agreed is Consent.GRANTED


def _opts_out(button: Button) -> bool:
    press = read_button_payload(button.payload)
    return press is not None and press.opts_out
