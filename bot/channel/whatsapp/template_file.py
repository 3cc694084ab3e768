"""A template that is only at Meta, as the file its owner would have written (`flows/templates/<name>.yaml`)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from bot.channel.whatsapp.templates import TemplateState
from bot.channel.whatsapp.wire import node, text

WIDTH = 140  # characters of a line
_OURS = ("MARKETING", "UTILITY")
_KEYS = ("header", "body", "footer", "offer", "buttons", "cards")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ENDINGS = {"image": ".jpg", "video": ".mp4", "document": ".pdf"}
_FOLDER = "pictures"


class Unfit(Exception):
    """A template of Meta's that cannot be written as one of ours; the message says why."""


def as_file(template: TemplateState) -> str:
    """The text of the file. Raises Unfit. The files it shows are those of `examples`."""
    if template.category not in _OURS:
        raise Unfit(f"its category is {template.category.lower()}: flows send marketing and utility templates")
    found = dict(one for part in template.components for one in _part(part, template.name))
    if "body" not in found:
        raise Unfit("it has no text")
    told = {"category": template.category.lower()} | {key: found[key] for key in _KEYS if key in found}
    return yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=WIDTH)


def examples(template: TemplateState) -> dict[str, str]:
    """Where Meta keeps the example of each file that `as_file` names: its path in the flows' folder -> a link, good for a while."""
    return dict(_examples(template.components, template.name))


def _examples(components: Sequence[Mapping[str, object]], name: str) -> Iterator[tuple[str, str]]:
    for part in components:
        example = node(part.get("example")).get("header_handle")
        link = text(example[0]) if isinstance(example, list) and example else None
        if link and link.startswith("https://"):
            yield _path(_shape(part), name), link
        for number, card in enumerate(_listed(part.get("cards")), 1):
            yield from _examples(_listed(card.get("components")), f"{name}_{number}")


def _path(shape: str, name: str) -> str:
    return f"{_FOLDER}/{name}{_ENDINGS.get(shape, '')}"


def _shape(part: Mapping[str, object]) -> str:
    return (text(part.get("format")) or "text").lower()


def _part(part: Mapping[str, object], name: str) -> Iterator[tuple[str, Any]]:
    kind = (text(part.get("type")) or "part without a name").lower()
    shape = _shape(part)
    buttons = part.get("buttons")
    if kind == "header" and shape in _ENDINGS:
        # Meta's own copy of the example can be had for a while only, so it is kept beside the flows
        yield "header", {shape: _path(shape, name)}
    elif kind == "header" and shape == "location":
        # Meta keeps no place, only room for one
        raise Unfit("its header is a place, and Meta does not tell which: write the file with header: location")
    elif kind == "header" and shape != "text":
        raise Unfit(f"its header is a {shape}: that cannot be written here")
    elif kind in ("header", "body", "footer"):
        yield kind, _VARIABLE.sub(r"{\1}", text(part.get("text")) or "")
    elif kind == "limited_time_offer":
        yield "offer", text(node(part.get("limited_time_offer")).get("text")) or ""
    elif kind == "carousel":
        yield "cards", [_card(card, f"{name}_{number}") for number, card in enumerate(_listed(part.get("cards")), 1)]
    elif kind == "buttons" and isinstance(buttons, list):
        yield "buttons", [_button(node(button)) for button in buttons]
    else:
        raise Unfit(f"it has a {kind}: that cannot be written here")


def _card(card: Mapping[str, object], name: str) -> dict[str, Any]:
    found = dict(one for part in _listed(card.get("components")) for one in _part(part, name))
    shown = found.pop("header", {})
    if not isinstance(shown, dict) or not {"image", "video"}.intersection(shown):
        raise Unfit("its cards show products: that cannot be written here")
    return shown | found


def _listed(value: object) -> list[Mapping[str, object]]:
    return list(map(node, value)) if isinstance(value, list) else []


def _button(button: Mapping[str, object]) -> dict[str, Any]:
    words = text(button.get("text")) or ""
    match (text(button.get("type")) or "").upper():
        case "QUICK_REPLY":
            return {"quick_reply": words}
        case "URL":
            return {"link": {"text": words, "url": _VARIABLE.sub("{suffix}", text(button.get("url")) or "")}}
        case "COPY_CODE":
            example = button.get("example")
            return {"copy_code": text(example[0] if isinstance(example, list) and example else example) or "CODE"}
        case "MPM":
            return {"products": words}
        case "CATALOG":
            return {"catalog": words}
        case "PHONE_NUMBER":
            return {"call": {"text": words, "phone": text(button.get("phone_number")) or ""}}
        case kind:
            raise Unfit(f"it has a button of the kind {kind.lower() or 'without a name'}: that cannot be written here")
