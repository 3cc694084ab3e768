"""A template that is only at Meta, as the file its owner would have written (`flows/templates/<name>.yaml`)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bot.channel.whatsapp.templates import TemplateState
from bot.channel.whatsapp.wire import node, text

WIDTH = 140  # characters of a line
_OURS = ("MARKETING", "UTILITY")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Unfit(Exception):
    """A template of Meta's that cannot be written as one of ours; the message says why."""


def as_file(template: TemplateState) -> str:
    """The text of the file. Raises Unfit."""
    if template.category not in _OURS:
        raise Unfit(f"its category is {template.category.lower()}: flows send marketing and utility templates")
    found = dict(one for part in template.components for one in _part(part))
    if "body" not in found:
        raise Unfit("it has no text")
    told = {"category": template.category.lower()} | {key: found[key] for key in ("header", "body", "footer", "buttons") if key in found}
    return yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=WIDTH)


def _part(part: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    kind = (text(part.get("type")) or "part without a name").lower()
    shape = (text(part.get("format")) or "text").lower()
    buttons = part.get("buttons")
    if kind == "header" and shape != "text":
        raise Unfit(f"its header is a {shape}: only texts can be written here")
    if kind in ("header", "body", "footer"):
        yield kind, _VARIABLE.sub(_named, text(part.get("text")) or "")
    elif kind == "buttons" and isinstance(buttons, list):
        yield kind, [_button(node(button)) for button in buttons]
    else:
        raise Unfit(f"it has a {kind}: that cannot be written here")


def _named(variable: re.Match[str]) -> str:
    if variable[1].isdigit():
        raise Unfit("its placeholders are numbers: create it anew with names")
    return f"{{{variable[1]}}}"


def _button(button: Mapping[str, object]) -> dict[str, Any]:
    words, example = text(button.get("text")) or "", button.get("example")
    match (text(button.get("type")) or "").upper():
        case "QUICK_REPLY":
            return {"quick_reply": words}
        case "URL":
            return {"link": {"text": words, "url": _VARIABLE.sub("{suffix}", text(button.get("url")) or "")}}
        case "COPY_CODE":
            return {"copy_code": text(example[0] if isinstance(example, list) and example else example) or "CODE"}
        case kind:
            raise Unfit(f"it has a button of the kind {kind.lower() or 'without a name'}: that cannot be written here")
