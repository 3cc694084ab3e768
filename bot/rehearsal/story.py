"""A story: what a customer, the shop and staff do, and what came of it, in a file that anyone can read.

    story: too expensive
    given:
      contact: {first_name: Ana, language: es}
      cart: {total: 80 EUR, items: 3}
    ---
    Mon 10:00  store: cart_abandoned
    Mon 11:00  bot: [cart_waiting] ¡Hola, Ana! ...
    Mon 11:03  customer: es muy caro

Lines of store, customer and staff are what happens; all others are what came of it, and are written by `comeback test --update`.
Times are the store's clock. A weekday is the next one, that of the line above included; more than a week later the date is written too.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from bot.flow import document, shape
from bot.flow.document import DocumentError
from bot.flow.model import Length, Word, Written
from bot.flow.names import did_you_mean
from bot.flow.problem import Problem
from bot.rehearsal.play import PHONE

FENCE = "---"  # between what is given and what happens
MONDAY = date(2026, 3, 2)  # when a story begins that does not say: dates in messages must not change from day to day
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEK = timedelta(days=7)
NOTHING_MORE = "nothing more"  # a line that only lets time pass
LONGEST_ITEMS = 20

_LINE = re.compile(r"(?P<day>[A-Z][a-z]{2})(?: (?P<date>\d{1,2}) (?P<month>[A-Z][a-z]{2}))? (?P<clock>\d{1,2}:\d{2})\s+(?P<rest>\S.*)")
_SAID = re.compile(r"(?P<who>[a-z][a-z ]*?)(?: \([\w-]+\))?:(?: +(?P<text>.*))?")
_SPACES = re.compile("[\u00a0\u2007\u2009\u202f]")
_UNSEEN = re.compile("[\u200e\u200f\u2066-\u2069]")
_ITEM = re.compile(r"(\d{1,3}) ?[x×] (.+)")


class Actor(StrEnum):
    """Who does something."""

    CUSTOMER = "customer"
    STORE = "store"
    STAFF = "staff"
    TIME = "time"  # a line that only says "nothing more"


OUTCOMES = (
    *("bot", "tag", "untag", "opted in", "opted out", "handed over", "run ended", "held", "not sent", "not started", "cancelled"),
    *("no code", "waits its turn", "note"),
)
"""What lines begin with that say what came of it."""


@dataclass(frozen=True, slots=True)
class Fault(Exception):
    """Something in a story that cannot be read or done: file, line (from 1), a sentence that says what to write, and what had happened
    until then."""

    file: str
    line: int
    message: str
    until_then: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


# ---- what is given


def _items(value: object) -> object:
    """`3`, or a list like `[2 x House blend, 1 x Mug]`."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return ((int(value), "House blend"),)
    if isinstance(value, list):
        found = (_ITEM.fullmatch(str(one)) for one in value)
        return tuple((int(item[1]), item[2]) if item else (1, str(one)) for item, one in zip(found, value, strict=True))
    return value


Items = Annotated[tuple[tuple[int, str], ...], BeforeValidator(_items), Field(min_length=1, max_length=LONGEST_ITEMS)]


class ContactGiven(Written):
    """Who it is. `consent` to marketing: yes, no, or `unknown` for who was never asked; `orders` they placed before, `every` so often,
    the last as long ago; `wrote` how long ago they last wrote to us."""

    first_name: Word | None = "Ana"
    language: Word | None = None
    phone: str = PHONE
    country: Word | None = None
    consent: Literal["yes", "no", "unknown"] = "yes"
    tags: tuple[Word, ...] = ()
    orders: int = Field(default=0, ge=0, le=50)
    every: Length | None = None
    wrote: Length | None = None


class BoughtGiven(Written):
    """What is in the cart, or in an order."""

    total: str = "80"
    items: Items = ((1, "House blend"),)
    category: Word | None = None


class Given(Written):
    """How things are when the story begins."""

    contact: ContactGiven = ContactGiven()
    cart: BoughtGiven = BoughtGiven()
    codes: Literal["yes", "no"] = "yes"


class StoryHead(Written):
    """The part of a story above the dashes."""

    story: Word
    flow: Word | None = None
    about: str = ""
    starts: date = MONDAY
    given: Given = Given()


# ---- what happens


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done, and when. `remarks` are the comments above it."""

    line: int
    at: datetime
    actor: Actor
    text: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A story as written. `top` is the text above the dashes, word for word; `body` what is below them."""

    file: str
    head: StoryHead
    top: str
    body: str
    deeds: tuple[Deed, ...]
    remarks: tuple[str, ...] = ()  # comments below the last deed


def read(file: str, text: str, timezone: str) -> Story:
    """The story in a text. Raises Fault with the first thing that cannot be read."""
    top, fence, body = text.partition(f"\n{FENCE}\n")
    if not fence:
        raise Fault(file, 1, f"write 'story:' and what is given, then a line '{FENCE}', then what happens")
    head = _head(file, top)
    reading = _Reading(file, datetime.combine(head.starts, datetime.min.time(), ZoneInfo(timezone)))
    first = top.count("\n") + 3
    for number, line in enumerate(body.splitlines(), first):
        reading.line(number, line)
    if not reading.deeds:
        raise Fault(file, first, "nothing happens here: begin with a line such as 'Mon 10:00  store: cart_abandoned'")
    return Story(file, head, top, body, tuple(reading.deeds), tuple(reading.remarks))


def _head(file: str, top: str) -> StoryHead:
    try:
        written = document.read(file, top)
    except DocumentError as error:
        raise _fault(error.problem) from None
    found = shape.read(written, StoryHead, {"story": "?"})
    if found.problems or found.value is None:
        raise _fault(found.problems[0])
    return found.value


def _fault(problem: Problem) -> Fault:
    return Fault(problem.file, problem.line, problem.message)


@dataclass(slots=True)
class _Reading:
    """One story under way: from line to line."""

    file: str
    now: datetime
    deeds: list[Deed] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    has_begun: bool = False

    def line(self, number: int, line: str) -> None:
        if line.startswith("#"):
            self.remarks.append(line.rstrip())
        elif line[:1] not in ("", " "):
            self.timed(number, line.rstrip())
        elif line.strip() and not self.has_begun:
            raise Fault(self.file, number, "begin with a time, as in 'Mon 10:00  store: cart_abandoned'")

    def timed(self, number: int, line: str) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise Fault(self.file, number, "write a time, who, and what, as in 'Mon 10:00  customer: hello'")
        at, self.has_begun = self.moment(number, found), True
        who, text = self.said(number, found["rest"])
        self.now = at
        if who in OUTCOMES:
            return
        self.deeds.append(Deed(number, at, Actor(who), text, tuple(self.remarks)))
        self.remarks.clear()

    def said(self, number: int, rest: str) -> tuple[str, str]:
        """Who, and what they say or do."""
        if rest == NOTHING_MORE:
            return Actor.TIME, rest
        found = _SAID.fullmatch(rest)
        who = found["who"] if found else rest.split()[0].rstrip(":")
        known = (*(actor for actor in Actor if actor is not Actor.TIME), *OUTCOMES)
        if found is None or who not in known:
            hint = did_you_mean(who, known) or ": a line is of customer, store or staff"
            raise Fault(self.file, number, f"I do not know '{who}' here{hint}")
        text = found["text"] or ""
        if not text.strip() and who not in OUTCOMES:
            raise Fault(self.file, number, f"say what the {who} does or writes")
        return who, text

    def moment(self, number: int, found: re.Match[str]) -> datetime:
        """The next time the clock and the calendar say so."""
        hour, minute = map(int, found["clock"].split(":"))
        if found["day"] not in WEEKDAYS or hour > 23 or minute > 59:
            raise Fault(self.file, number, "write a time like 'Mon 10:00'; the days are Mon, Tue, Wed, Thu, Fri, Sat and Sun")
        wanted = WEEKDAYS.index(found["day"])
        first = self.now.date() + timedelta(days=(wanted - self.now.weekday()) % 7)
        days = (first + week * WEEK for week in range(53))
        for day in days:
            at = datetime.combine(day, datetime.min.time(), self.now.tzinfo).replace(hour=hour, minute=minute)
            if at >= self.now and (found["date"] is None or (day.day, MONTHS[day.month - 1]) == (int(found["date"]), found["month"])):
                return at
        raise Fault(self.file, number, f"no {found['day']} {found['date']} {found['month']} follows the line above")


# ---- writing


@dataclass(slots=True)
class Script:
    """The lines of a story as it came out. `now` and moments are on the store's clock."""

    now: datetime
    lines: list[str] = field(default_factory=list)

    def remark(self, remarks: tuple[str, ...]) -> None:
        """Comments of the owner's."""
        self.lines += remarks

    def say(self, at: datetime, what: str) -> None:
        """One line with its time; further lines of a text stand under its first."""
        when = stamp(at, self.now)
        self.now = at
        first, *rest = visible(what).splitlines()
        self.lines.append(f"{when}  {first}")
        indent = " " * (len(when) + 2 + len(first.partition(": ")[0]) + 2)
        self.lines += [f"{indent}{line}".rstrip() for line in rest]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines) + "\n"


def visible(text: str) -> str:
    """The text as the eye sees it: languages write narrow and unbreakable spaces, and marks for the direction of writing, and two lines
    that look the same must be the same."""
    return _UNSEEN.sub("", _SPACES.sub(" ", text))


def stamp(at: datetime, after: datetime) -> str:
    """`Mon 10:00`, or `Mon 30 Mar 10:00` when that weekday could be another one."""
    if at - after < WEEK:
        return f"{WEEKDAYS[at.weekday()]} {at:%H:%M}"
    return f"{WEEKDAYS[at.weekday()]} {at.day} {MONTHS[at.month - 1]} {at:%H:%M}"
