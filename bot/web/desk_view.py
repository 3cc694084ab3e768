"""How the desk's pages look: Jinja templates with autoescape, and the words they put around what the store says.

Whatever a customer wrote goes through here as text. The one thing made of it is a link, and only of http and https addresses.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.desk.board import Case
from bot.flow.run import MediaKind
from bot.policy.decision import Consent, Control, Reason
from bot.store.credit import Credit, Kind
from bot.store.desk import Attached, Line, Listed, Shelving
from bot.web.desk_files import may_be_shown, name_of_file

PAGES = Path(__file__).parent / "desk"
_BROWSER = Path(__file__).parents[1] / "browser"  # what every page of ours loads
FILES = {
    "desk.css": (PAGES / "desk.css", "text/css"),
    "htmx.min.js": (_BROWSER / "htmx.min.js", "text/javascript"),
    "htmx-ext-sse.min.js": (_BROWSER / "htmx-ext-sse.min.js", "text/javascript"),
    "live.js": (_BROWSER / "live.js", "text/javascript"),
}
NAMELESS = "Somebody"  # a person whose shop and WhatsApp tell no name
_LINK = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_AFTER_LINK = ".,;:!?)]}»”’"  # ends the sentence, not the address
_CONSENT = {
    Consent.GRANTED: "agreed to offers",
    Consent.WITHDRAWN: "asked for no more offers; you may answer what they write",
    Consent.UNKNOWN: "never asked about offers",
}
_CREDITED = {Kind.CODE: "its code", Kind.CLICK: "its link", Kind.VIEW_THROUGH: "after its message"}
_AUTHORS = {"flow": "Bot", "house": "Bot", "staff": "Staff", "note": "Note"}
_FILES = {
    MediaKind.IMAGE: "Picture",
    MediaKind.VIDEO: "Video",
    MediaKind.AUDIO: "Audio",
    MediaKind.DOCUMENT: "Document",
    MediaKind.STICKER: "Sticker",
}
_ARRIVED = {None: "taken by WhatsApp", "sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text; `link` is set for what may be followed."""

    text: str
    link: str | None = None


def pieces(text: str) -> Iterator[Piece]:
    """The text with its http and https addresses as links; everything else stays words."""
    at = 0
    for found in _LINK.finditer(text):
        link = found[0].rstrip(_AFTER_LINK)
        yield Piece(text[at : found.start()])
        yield Piece(link, link)
        at = found.start() + len(link)
    yield Piece(text[at:])


@dataclass(frozen=True, slots=True)
class Looks:
    """What the pages need to know of the store."""

    name: str
    timezone: str

    def moment(self, moment: datetime, now: datetime) -> str:
        """`10:05` today, with the day before it on other days; where the store is."""
        here, today = moment.astimezone(ZoneInfo(self.timezone)), now.astimezone(ZoneInfo(self.timezone))
        return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%a} {here.day} {here:%b}, {here:%H:%M}"


def span(length: timedelta) -> str:
    """A length of time in words: `3 min`, `2 h 5 min`, `4 days`."""
    minutes = max(int(length.total_seconds()) // 60, 1)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // 1440} days"


def name_of(one: Listed | Case) -> str:
    """What the person is called, by the best that is known."""
    return one.first_name or one.phone or NAMELESS


def author_of(line: Line, name: str) -> str:
    """Who wrote a message, in a word."""
    return name if line.author == "customer" else _AUTHORS.get(line.author, line.author)


def file_word(attached: Attached) -> str:
    """What kind of file it is, in a word or two."""
    return "Voice message" if attached.voice else _FILES[attached.kind]


def file_address(case: Case, line: Line) -> str:
    """Where the file of a message is handed out."""
    return f"/desk/{case.contact}/file/" + (f"in/{line.heard}" if line.heard else f"out/{line.ours}")


def file_trouble(attached: Attached) -> str:
    """Why a file is not shown, as the rest of a sentence that begins with what it is."""
    match attached.state:
        case Shelving.WANTED:
            return f"is being fetched ({attached.why})" if attached.why else "is being fetched"
        case Shelving.EXPIRED:
            return attached.why or "deleted"
        case _:
            return f"not here: {attached.why or 'nobody knows why'}"


def size_words(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(size / 1e3, 0.1):.1f} kB"


def host_of(link: str) -> str:
    """Whose address it is."""
    return urlsplit(link).hostname or "elsewhere"


def fate_of(line: Line) -> str:
    """How far a message of ours came, with the reason where it did not; empty for the customer's own."""
    why = reason(line.why)
    match line.state:
        case None:
            return ""
        case "queued" | "verifying":
            return f"waits: {why}" if why else "waits"
        case "sending":
            return "on its way"
        case "sent" if line.delivery == "failed":
            return f"failed: {why}" if why else "failed"
        case "sent":
            return _ARRIVED.get(line.delivery, line.delivery or "")
        case "unknown":
            return f"nobody knows whether it arrived: {why}" if why else "nobody knows whether it arrived"
        case _:
            return f"not sent: {why}" if why else "not sent"


def rows(case: Case) -> Iterator[tuple[str, Line]]:
    """The thread, each line by a name that stays its own while more are said: a page keeps what it has and adds what is new."""
    seen: Counter[str] = Counter()
    for line in case.lines:
        changes = f"{line.edited}{line.revoked}"
        said = "\0".join((line.at.isoformat(), line.author, line.kind, line.text, line.about or "", changes, name_of(case)))
        digest = blake2b(said.encode(), digest_size=8).hexdigest()
        seen[digest] += 1
        yield f"line-{digest}-{seen[digest]}", line  # the same words within the same second are two lines all the same


def went_wrong(line: Line) -> bool:
    """Whether staff should notice it."""
    return line.state in ("refused", "unknown") or line.delivery == "failed"


def reason(why: str | None) -> str:
    """A stored reason as a sentence."""
    return Reason(why).sentence if why in frozenset(Reason) else why or ""


def window_of(case: Case, now: datetime) -> str:
    """The reply window in a sentence."""
    if case.closes_at is None:
        return "They have not written to us, so WhatsApp takes no free text to them: only approved templates."
    if case.may_answer(now):
        return f"You can answer for another {span(case.closes_at - now)}."
    return (
        "They have not written for 24 hours. Until they do, WhatsApp takes only approved templates, so an answer written here would "
        "not reach them."
    )


def holder_of(case: Case, me: str) -> str:
    """Who has the conversation, in a sentence."""
    control = case.talk.control if case.talk else Control.BOT
    staff = case.talk.staff if case.talk else None
    if control is Control.WAITING:
        return "Nobody has it yet."
    if control is Control.BOT:
        return "The bot has it."
    if control is Control.BLOCKED:
        return "Blocked: nobody answers, nothing is sent."
    return "You have it; the bot is silent." if staff == me else f"{staff or 'Somebody'} has it; the bot is silent."


def spent(case: Case) -> str:
    """What the person bought so far."""
    if not case.orders or case.currency is None:
        return "no orders yet"
    amount = case.spent_minor / 10 ** get_currency_precision(case.currency)
    return f"{case.orders} {'order' if case.orders == 1 else 'orders'}, {format_currency(amount, case.currency, locale='en')}"


def credited_words(one: Credit) -> str:
    """An order and the flow that is credited with it."""
    return f"{one.flow.replace('_', ' ')}: order {one.number} ({_CREDITED[one.kind]})"


@cache
def address_of(name: str) -> str:
    """Where a file of the pages is; it changes with the file, so that browsers may keep what they have."""
    path, _ = FILES[name]
    return f"/desk/file/{name}?v={blake2b(path.read_bytes(), digest_size=6).hexdigest()}"


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(
        address_of=address_of,
        pieces=pieces,
        rows=rows,
        span=span,
        name_of=name_of,
        author_of=author_of,
        fate_of=fate_of,
        file_word=file_word,
        file_address=file_address,
        file_trouble=file_trouble,
        size_words=size_words,
        host_of=host_of,
        may_be_shown=may_be_shown,
        name_of_file=name_of_file,
        MediaKind=MediaKind,
        Shelving=Shelving,
        went_wrong=went_wrong,
        window_of=window_of,
        holder_of=holder_of,
        spent=spent,
        credited_words=credited_words,
        consent_words=_CONSENT,
        Control=Control,
    )
    return made


_TEMPLATES = _environment()


def render(template: str, **values: Any) -> Markup:
    """The page, or a part that another page takes in as it is: everything in it is escaped already."""
    return Markup(_TEMPLATES.get_template(template).render(values).strip())  # noqa: S704 - rendered with autoescape in the line itself
