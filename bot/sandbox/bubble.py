"""What the customer's phone shows: bubbles, their buttons and their ticks; and how a message in the API's JSON becomes one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from bot.sandbox.graph_error import GraphError

TEXT_LIMIT = 4096  # Cloud API: text.body
INTERACTIVE_BODY_LIMIT = 1024  # Cloud API: interactive.body.text of buttons and links
LIST_BODY_LIMIT = 4096  # Cloud API: interactive.body.text of lists
SMALL_PRINT_LIMIT = 60  # Cloud API: interactive header and footer
REPLY_BUTTON_LIMIT = 3  # Cloud API: reply buttons in one message
LIST_ROW_LIMIT = 10  # Cloud API: rows of a list, all sections together
LABEL_LIMIT = 20  # Cloud API: title of a reply button, of a link and of the button that opens a list
ROW_TITLE_LIMIT = 24  # Cloud API: title of a row
PAYLOAD_LIMIT = 256  # Cloud API: id of a reply button


class ButtonKind(StrEnum):
    """What a press does: answers (three kinds of answer webhooks), opens a link, copies a code, or nothing here."""

    REPLY = "reply"
    ROW = "row"
    QUICK_REPLY = "quick_reply"
    LINK = "link"
    CODE = "code"
    OTHER = "other"


ANSWERS = frozenset({ButtonKind.REPLY, ButtonKind.ROW, ButtonKind.QUICK_REPLY})


@dataclass(frozen=True, slots=True)
class Button:
    """One button or row. `value` is the payload of an answer, the URL of a link, the code to copy."""

    kind: ButtonKind
    title: str
    value: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The words of one message. `menu` is the label that opens a list."""

    body: str
    header: str = ""
    footer: str = ""
    menu: str = ""
    buttons: tuple[Button, ...] = ()


class Tick(IntEnum):
    """How far a message came, as far as its sender was told."""

    ACCEPTED = 0
    SENT = 1
    DELIVERED = 2
    READ = 3
    FAILED = 4


@dataclass(slots=True)
class Bubble:
    """One message on the phone, the customer's or the business's. `key` is the sender's `biz_opaque_callback_data`."""

    id: str
    at: datetime
    by_customer: bool
    drawing: Drawing
    tick: Tick = Tick.ACCEPTED
    template: str | None = None
    category: str = "service"
    key: str | None = None
    reply_to: str | None = None
    read_reported: bool = False


def draw(message: Mapping[str, Any]) -> Drawing:
    """The drawing of a message that is not a template. Raises GraphError where the Cloud API would refuse it."""
    kind = message.get("type", "text")
    if kind == "text":
        return Drawing(body=_text(message.get("text"), "body", TEXT_LIMIT))
    if kind == "interactive":
        return _interactive(_part(message, "interactive"))
    if kind in _MEDIA:
        return Drawing(header=f"[{kind}]", body=str(_part(message, kind).get("caption", "")))
    if kind in _PLACES:
        return Drawing(header=f"[{kind}]", body="")
    raise GraphError(131051, f"type {kind!r} is not supported")


_MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})
_PLACES = frozenset({"location", "contacts", "reaction"})


def _interactive(message: Mapping[str, Any]) -> Drawing:
    kind = message.get("type")
    action = _part(message, "action")
    buttons, menu = _buttons(str(kind), action)
    header = message.get("header") or {}
    footer = message.get("footer") or {}
    return Drawing(
        header=_text(header, "text", SMALL_PRINT_LIMIT) if header.get("type", "text") == "text" and header else _media_header(header),
        body=_text(message.get("body"), "text", LIST_BODY_LIMIT if kind == "list" else INTERACTIVE_BODY_LIMIT),
        footer=_text(footer, "text", SMALL_PRINT_LIMIT) if footer else "",
        menu=menu,
        buttons=buttons,
    )


def _media_header(header: Mapping[str, Any]) -> str:
    return f"[{header['type']}]" if header else ""


def _buttons(kind: str, action: Mapping[str, Any]) -> tuple[tuple[Button, ...], str]:
    match kind:
        case "button":
            return _reply_buttons(action), ""
        case "list":
            return _rows(action), _text(action, "button", LABEL_LIMIT)
        case "cta_url":
            link = _part(action, "parameters")
            return (Button(ButtonKind.LINK, _text(link, "display_text", LABEL_LIMIT), _text(link, "url", 2000)),), ""
        case _:
            raise GraphError(131009, f"interactive type {kind!r} is not valid")


def _reply_buttons(action: Mapping[str, Any]) -> tuple[Button, ...]:
    replies = [_part(button, "reply") for button in _parts(action, "buttons")]
    buttons = tuple(Button(ButtonKind.REPLY, _text(reply, "title", LABEL_LIMIT), _text(reply, "id", PAYLOAD_LIMIT)) for reply in replies)
    _unique(buttons, REPLY_BUTTON_LIMIT)
    if len({button.title for button in buttons}) != len(buttons):
        raise GraphError(131009, "button titles must be unique")
    return buttons


def _rows(action: Mapping[str, Any]) -> tuple[Button, ...]:
    rows = [row for section in _parts(action, "sections") for row in _parts(section, "rows")]
    buttons = tuple(
        Button(
            ButtonKind.ROW,
            _text(row, "title", ROW_TITLE_LIMIT),
            _text(row, "id", PAYLOAD_LIMIT),
            str(row.get("description") or ""),
        )
        for row in rows
    )
    _unique(buttons, LIST_ROW_LIMIT)
    return buttons


def _unique(buttons: Iterable[Button], limit: int) -> None:
    values = [button.value for button in buttons]
    if not 1 <= len(values) <= limit:
        raise GraphError(131009, f"between 1 and {limit} choices are allowed, not {len(values)}")
    if len(set(values)) != len(values):
        raise GraphError(131009, "choice ids must be unique")


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name) if isinstance(whole, Mapping) else None
    if not isinstance(part, Mapping):
        raise GraphError(131008, f"{name} is required")
    return part


def _parts(whole: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    parts = whole.get(name)
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise GraphError(131008, f"{name} is required")
    return parts


def _text(whole: object, name: str, limit: int) -> str:
    value = whole.get(name) if isinstance(whole, Mapping) else None
    if not isinstance(value, str) or not value.strip():
        raise GraphError(131008, f"{name} is required")
    if len(value) > limit:
        raise GraphError(131009, f"{name} must be at most {limit} characters long, not {len(value)}")
    return value
