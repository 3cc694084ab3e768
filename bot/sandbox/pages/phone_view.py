"""What one customer's phone shows at one moment, and how words and files in it become HTML.

Whatever a customer or a business wrote goes in as text; the only markup made of it are WhatsApp's own marks, and links of http and
https addresses. Files are drawn from the sandbox's own bytes: of anything that lies elsewhere, only the host's name is told.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.numbers import format_currency
from markupsafe import Markup

from bot.sandbox.cloud.bubble import Bubble, Button, ButtonKind, Drawing, Goods, GoodsKind, Media, Offer, Ware
from bot.sandbox.pages.someone import Someone
from bot.sandbox.shop.catalog import CURRENCY, Product

QUOTED = 90  # characters of a message that an answer to it repeats
EDITABLE = timedelta(minutes=15)  # WhatsApp: how long a message can be edited
EMOJI = ("👍", "❤️", "😂", "😮", "😢", "🙏")  # WhatsApp's own row of reactions
SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "image/svg+xml"})
# WhatsApp's own marks: ```mono```, *bold* _italic_ ~struck~, and links
_MARKS = re.compile(
    r"(?P<link>https?://[^\s<>\"]+)"
    r"|```(?P<code>[^`]+)```"
    r"|(?<!\w)(?:\*(?P<b>[^*\s](?:[^*\n]*[^*\s])?)\*|_(?P<i>[^_\s](?:[^_\n]*[^_\s])?)_|~(?P<s>[^~\s](?:[^~\n]*[^~\s])?)~)(?!\w)",
    re.IGNORECASE,
)


class Composing(StrEnum):
    """What the next words of the customer are, besides a message of their own."""

    REPLY = "reply"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that lies in the sandbox: its address on the page, its type and its size in bytes."""

    address: str
    mime: str
    size: int = 0
    filename: str = ""


@dataclass(frozen=True, slots=True)
class PhoneView:
    """All that one phone shows. Times are UTC; `stored` finds a file that lies here, None for one that does not.

    `older` messages stand above what is shown.
    """

    now: datetime
    me: Someone
    business: str
    thread: tuple[Bubble, ...]
    typing: bool
    stopped: bool
    blocked: bool
    composing: tuple[Composing, Bubble] | None
    wares: Mapping[str, Product]
    stored: Callable[[Media], StoredFile | None]
    older: int = 0

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

    def quoted(self, bubble: Bubble) -> Bubble | None:
        """The message that this one answers, where it is still there."""
        return next((one for one in self.thread if one.id == bubble.reply_to), None) if bubble.reply_to else None

    def may_change(self, bubble: Bubble) -> bool:
        """Whether the customer can still edit this message of theirs."""
        return bubble.by_customer and bool(bubble.drawing.body) and not bubble.reply_to and self.now - bubble.at < EDITABLE

    def product(self, ware: Ware) -> Product | None:
        """The product this names, None where the catalog here does not have it."""
        return self.wares.get(ware.id)

    def offered(self, goods: Goods) -> tuple[tuple[str, tuple[Ware, ...]], ...]:
        """What opens when the goods of a message are looked at: titles with products; a catalog holds everything there is."""
        if goods.kind is GoodsKind.CATALOG:
            return (("", tuple(Ware(key) for key in dict.fromkeys(one.id for one in self.wares.values()))),)
        return tuple((shelf.title, shelf.wares) for shelf in goods.shelves)

    def left(self, offer: Offer) -> str:
        """How long an offer still lasts, by the sandbox's clock."""
        if offer.ends is None:
            return ""
        return f"Ends in {span(offer.ends - self.now)}" if offer.ends > self.now else "Offer ended"

    def _here(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.me.timezone))


def gist(bubble: Bubble) -> str:
    """A message in one line, as a quote or a list of chats shows it."""
    if bubble.deleted:
        return "Deleted message"
    drawing = bubble.drawing
    words = drawing.body or drawing.header
    if drawing.media:
        return f"{drawing.media.kind.capitalize()}{': ' if words else ''}{words}"[:QUOTED]
    if drawing.place:
        return f"Location {drawing.place.name}".strip()[:QUOTED]
    if drawing.contacts:
        return f"Contact {drawing.contacts[0].name}"[:QUOTED]
    if drawing.goods and drawing.goods.kind is GoodsKind.ORDER:
        return "Order"
    return words[:QUOTED]


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


def size(count: int) -> str:
    """Bytes as a phone says them: `12 kB`."""
    return f"{max(count // 1000, 1)} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


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


def is_web(address: str) -> bool:
    """Whether an address may become a link; anything else is only drawn."""
    return address.lower().startswith(("http://", "https://"))


def is_link(button: Button) -> bool:
    """Whether a button leads to a web address."""
    return button.kind is ButtonKind.LINK and is_web(button.value)


def host_of(address: str) -> str:
    """The name of the host an address leads to, as far as it has one."""
    try:
        return urlsplit(address).hostname or "elsewhere"
    except ValueError:
        return "elsewhere"


def initials(name: str) -> str:
    """Two letters for the round face of a business or a contact."""
    return "".join(word[0] for word in name.split())[:2]


def code_of(drawing: Drawing) -> str:
    """The coupon code that a message carries, if any."""
    return next((one.value for one in drawing.buttons if one.kind is ButtonKind.CODE), "")
