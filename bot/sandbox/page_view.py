"""What the demo page shows, as one frozen view, and how it becomes HTML: Jinja templates with autoescape, part by part.

A part is the content of one element of the page, by that element's id. Whatever a customer or a flow wrote goes in as text; the only
markup made of it are WhatsApp's own marks, and links of http and https addresses.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.sandbox.bubble import ANSWERS, Bubble, Button, ButtonKind
from bot.sandbox.catalog import CURRENCY, Product, Shopper
from bot.sandbox.fault import SendFault
from bot.sandbox.shop import Order
from bot.sandbox.thought import Mind
from bot.sandbox.tour import STATIONS, Hint

HERE = Path(__file__).parent
PAGES = HERE / "pages"
_BROWSER = HERE.parent / "browser"  # what every page of ours loads; files, so no room needs to know another
FILES = {
    "/phone.css": (PAGES / "phone.css", "text/css"),
    "/browser/htmx.min.js": (_BROWSER / "htmx.min.js", "text/javascript"),
    "/browser/htmx-ext-sse.min.js": (_BROWSER / "htmx-ext-sse.min.js", "text/javascript"),
    "/browser/live.js": (_BROWSER / "live.js", "text/javascript"),
}
QUOTED = 90  # characters of a message that an answer to it repeats
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
ROWS = frozenset({"messages", "waiting"})  # lists whose rows keep their place, what is typed into them, and the reader's attention
PARTS = (
    *("clock", "hint", "places", "people", "cart", "till", "away", "orders", "account"),
    *("phone_bar", "head", "messages", "typing", "waiting", "facts", "flows", "coming", "timeline", "faults"),
)
# WhatsApp's own marks: *bold* _italic_ ~struck~, and links
_MARKS = re.compile(
    r"(?P<link>https?://[^\s<>\"]+)"
    r"|(?<!\w)(?:\*(?P<b>[^*\s](?:[^*\n]*[^*\s])?)\*|_(?P<i>[^_\s](?:[^_\n]*[^_\s])?)_|~(?P<s>[^~\s](?:[^~\n]*[^~\s])?)~)(?!\w)",
    re.IGNORECASE,
)
_DIGEST = 4  # bytes; a part that looks new is sent, and one in four thousand million would not


@dataclass(frozen=True, slots=True)
class DeskDoor:
    """Where the bot's own desk is, and what opens it: shown to whoever plays."""

    url: str
    password: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the visitor can be. `unread` messages wait on their phone."""

    key: str
    name: str
    city: str
    unread: int


@dataclass(frozen=True, slots=True)
class CartLine:
    """Pieces of one product and what they cost together, in minor units."""

    product: Product
    pieces: int
    price: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits for staff, or is with `holder`."""

    key: str
    name: str
    reason: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class NextThing:
    """What the bot does next of its own accord. `text` is empty where nobody can tell."""

    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class SendSwitch:
    """A fault that the next messages meet; `armed` is how many."""

    fault: SendFault
    title: str
    sentence: str
    armed: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that stays wrong while it is on."""

    name: str
    title: str
    sentence: str
    on: bool


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows at one moment to whoever is `me`. Times are UTC."""

    now: datetime
    following: NextThing | None
    hint: Hint
    shop: str
    me: Shopper
    people: tuple[Person, ...]
    products: tuple[Product, ...]
    cart: tuple[CartLine, ...]
    total: int
    away: bool
    orders: tuple[tuple[Order, tuple[CartLine, ...]], ...]
    agreed: Mapping[str, bool]
    business: str
    stopped: bool
    thread: tuple[Bubble, ...]
    typing: bool
    waiting: tuple[Waiting, ...] | None
    desk: DeskDoor | None
    mind: Mind | None
    send_switches: tuple[SendSwitch, ...]
    switches: tuple[Switch, ...]

    @property
    def direction(self) -> str:
        """How the customer's language runs."""
        return "rtl" if self.me.locale[:2] in RIGHT_TO_LEFT else "ltr"

    def hour(self, at: datetime) -> str:
        """`09:05` where the customer is."""
        return f"{self._here(at):%H:%M}"

    def day(self, at: datetime) -> str:
        """`Mon 2 Mar` where the customer is."""
        here = self._here(at)
        return f"{here:%a} {here.day} {here:%b}"

    def moment(self, at: datetime) -> str:
        """The hour, with the day before it on any other day."""
        return self.hour(at) if self.day(at) == self.day(self.now) else f"{self.day(at)}, {self.hour(at)}"

    def days(self) -> Iterator[tuple[Bubble, str]]:
        """The chat, each message with the name of the day where a new one begins."""
        last = ""
        for bubble in self.thread:
            day = self.day(bubble.at)
            yield bubble, "" if day == last else day
            last = day

    def quoted(self, bubble: Bubble) -> str:
        """The beginning of what a message answers to; empty when it answers nothing that is there."""
        answered = next((one for one in self.thread if one.id == bubble.reply_to), None)
        return answered.drawing.body[:QUOTED] if answered else ""

    def _here(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.me.timezone))


def money(minor: int) -> str:
    """An amount of the shop's currency: 2400 -> `€24.00`."""
    return str(format_currency(minor / 100, CURRENCY, locale="en_IE"))


def span(length: timedelta) -> str:
    """A length of time in words: `3 min`, `2 h 5 min`, `4 days`. Never shorter than it is."""
    minutes = max(-(-int(length.total_seconds()) // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{round(minutes / 1440)} days"


def formatted(text: str) -> Markup:
    """The text of a message as a phone shows it."""
    made, at = Markup(), 0
    for found in _MARKS.finditer(text):
        made += text[at : found.start()]
        kind, words = str(found.lastgroup), found[str(found.lastgroup)]
        made += _link(words) if kind == "link" else Markup("<{0}>{1}</{0}>").format(kind, words)
        at = found.end()
    return made + text[at:]


def _link(address: str) -> Markup:
    return Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(address)


def is_web(button: Button) -> bool:
    """Whether a link button leads to a web address; anything else is only drawn."""
    return button.kind is ButtonKind.LINK and button.value.lower().startswith(("http://", "https://"))


def initials(name: str) -> str:
    """Two letters for the round face of a business."""
    return "".join(word[0] for word in name.split())[:2]


@cache
def address_of(path: str) -> str:
    """Where a file of the page is; it changes with the file, so that browsers may keep what they have."""
    return f"{path}?v={blake2b(FILES[path][0].read_bytes(), digest_size=6).hexdigest()}"


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(
        address_of=address_of,
        money=money,
        span=span,
        formatted=formatted,
        is_web=is_web,
        initials=initials,
        ANSWERS=ANSWERS,
        Kind=ButtonKind,
        stations=STATIONS,
    )
    return made


_TEMPLATES = _environment()


def render(template: str, **values: Any) -> Markup:
    """A page, or a part that a page takes in as it is: everything in it is escaped already."""
    return Markup(_TEMPLATES.get_template(template).render(values).strip())  # noqa: S704 - rendered with autoescape in the line itself


def parts_of(view: View) -> dict[str, Markup]:
    """Everything on the page that changes."""
    return {name: render(f"part_{name}.html", view=view, me=view.me) for name in PARTS}


def version_of(parts: Mapping[str, str]) -> str:
    """What a page has that shows these parts: a digest each, one after the other."""
    return "".join(_digest(parts[name]) for name in PARTS)


def event_of(parts: Mapping[str, str], since: str) -> bytes:
    """The server-sent event that brings a page of version `since` up to date; empty when it is. htmx swaps each part into its place."""
    width = 2 * _DIGEST
    had = {name: since[place * width :][:width] for place, name in enumerate(PARTS)}
    news = [name for name in PARTS if had[name] != _digest(parts[name])]
    if not news:
        return b""
    swaps = (f'<div id="{name}" hx-swap-oob="{"rows" if name in ROWS else "innerHTML"}">{parts[name]}</div>' for name in news)
    lines = re.split(r"\r\n|\r|\n", "\n".join(swaps))  # what ends a line in a stream of events
    return "\n".join([f"id: {version_of(parts)}", "event: parts", *(f"data: {line}" for line in lines), "", ""]).encode()


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_DIGEST).hexdigest()
