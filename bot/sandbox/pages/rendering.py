"""How a page becomes HTML: Jinja templates with autoescape, part by part, and events that bring an open page up to date.

A part is the content of one element of the page, by that element's id.
"""

import re
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.sandbox.cloud.bubble import ANSWERS, ButtonKind, GoodsKind, MediaKind
from bot.sandbox.pages import phone_view
from bot.sandbox.pages.phone_view import PhoneView
from bot.sandbox.pages.tour import STATIONS

HERE = Path(__file__).parent
ART = HERE.parent / "shop" / "art"
_BROWSER = HERE.parents[1] / "browser"  # what every page of ours loads; files, so no room needs to know another
FILES = {
    **{f"/{name}.css": (HERE / f"{name}.css", "text/css") for name in ("paper", "phone", "message", "demo", "lone")},
    **{f"/browser/{name}": (_BROWSER / name, "text/javascript") for name in ("htmx.min.js", "htmx-ext-sse.min.js", "live.js")},
}
ROWS = frozenset({"messages", "waiting"})  # lists whose rows keep their place, what is typed into them, and the reader's attention
_DIGEST = 4  # bytes; a part that looks new is sent, and one in four thousand million would not


class Shown(Protocol):
    """All that a page shows at one moment. `parts` names what changes on it."""

    @property
    def phone(self) -> PhoneView:
        """The phone in its middle."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """The templates `part_*.html` that it is made of."""
        ...


@cache
def address_of(path: str) -> str:
    """Where a file of the page is; it changes with the file, so that browsers may keep what they have."""
    return f"{path}?v={blake2b(FILES[path][0].read_bytes(), digest_size=6).hexdigest()}"


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    names = ("money", "span", "size", "formatted", "is_link", "is_web", "host_of", "initials", "code_of", "gist")
    made.globals.update({name: getattr(phone_view, name) for name in names})
    made.globals.update(
        address_of=address_of,
        ANSWERS=ANSWERS,
        Kind=ButtonKind,
        Media=MediaKind,
        Goods=GoodsKind,
        Composing=phone_view.Composing,
        EMOJI=phone_view.EMOJI,
        stations=STATIONS,
    )
    return made


_TEMPLATES = _environment()


def render(template: str, **values: Any) -> Markup:
    """A page, or a part that a page takes in as it is: everything in it is escaped already."""
    return Markup(_TEMPLATES.get_template(template).render(values).strip())  # noqa: S704 - rendered with autoescape in the line itself


def parts_of(view: Shown) -> dict[str, Markup]:
    """Everything on the page that changes."""
    return {name: render(f"part_{name}.html", view=view, phone=view.phone, me=view.phone.me) for name in view.parts}


def version_of(parts: Mapping[str, str]) -> str:
    """What a page has that shows these parts: a digest each, one after the other."""
    return "".join(_digest(part) for part in parts.values())


def event_of(parts: Mapping[str, str], since: str) -> bytes:
    """The server-sent event that brings a page of version `since` up to date; empty when it is. htmx swaps each part into its place."""
    width = 2 * _DIGEST
    had = {name: since[place * width :][:width] for place, name in enumerate(parts)}
    news = [name for name, part in parts.items() if had[name] != _digest(part)]
    if not news:
        return b""
    swaps = (f'<div id="{name}" hx-swap-oob="{"rows" if name in ROWS else "innerHTML"}">{parts[name]}</div>' for name in news)
    lines = re.split(r"\r\n|\r|\n", "\n".join(swaps))  # what ends a line in a stream of events
    return "\n".join([f"id: {version_of(parts)}", "event: parts", *(f"data: {line}" for line in lines), "", ""]).encode()


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_DIGEST).hexdigest()
