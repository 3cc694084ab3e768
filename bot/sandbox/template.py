"""Message templates as the Cloud API keeps them: what may be created, and what a message made from one says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.bubble import Button, ButtonKind, Drawing
from bot.sandbox.graph_error import GraphError

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
NAME = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
CATEGORIES = frozenset({"MARKETING", "UTILITY", "AUTHENTICATION"})
BODY_LIMIT = 550  # creation of longer marketing and utility bodies is refused (subcode 2388040)
FILLED_BODY_LIMIT = 1024  # Cloud API: the body with its parameters (132005)
SMALL_PRINT_LIMIT = 60  # Cloud API: header text and footer
LABEL_LIMIT = 25  # Cloud API: label of a template's button
BUTTON_LIMIT = 10  # Cloud API: buttons of a template
BREAKS = re.compile(r"[\n\r\t]| {5,}")  # 132018: not allowed in a parameter's text

TOO_LONG = 2388040
EDGE_VARIABLE = 2388299
DUPLICATE = 2388024
NO_EXAMPLE = 2388043


@dataclass(slots=True)
class Template:
    """One template in one language. `status` is APPROVED, PENDING, REJECTED, PAUSED or DISABLED."""

    id: str
    name: str
    language: str
    category: str
    named: bool
    components: tuple[Mapping[str, Any], ...]
    status: str

    def component(self, kind: str) -> Mapping[str, Any]:
        """The component of this type, empty when there is none."""
        return next((part for part in self.components if str(part.get("type", "")).upper() == kind), {})

    @property
    def buttons(self) -> Sequence[Mapping[str, Any]]:
        """The buttons in their order; a message names them by their index."""
        buttons = self.component("BUTTONS").get("buttons", [])
        return buttons if isinstance(buttons, list) else []

    def as_json(self) -> dict[str, Any]:
        """The template as `GET /{waba}/message_templates` lists it."""
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "parameter_format": "NAMED" if self.named else "POSITIONAL",
            "components": list(self.components),
        }


def new_template(request: Mapping[str, Any], template_id: str, status: str) -> Template:
    """The template a creation asks for. Raises GraphError (code 100 with a subcode) where Meta refuses to create it."""
    name, language = str(request.get("name", "")), str(request.get("language", ""))
    category = str(request.get("category", "")).upper()
    components = request.get("components")
    if not NAME.fullmatch(name):
        raise GraphError(100, "name: only lower-case letters, digits and underscores")
    if not LANGUAGE.fullmatch(language):
        raise GraphError(100, f"language {language!r} is not supported")
    if category not in CATEGORIES:
        raise GraphError(100, f"category {category!r} is not valid")
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise GraphError(100, "components are required")
    template = Template(
        id=template_id,
        name=name,
        language=language,
        category=category,
        named=str(request.get("parameter_format", "")).upper() == "NAMED",
        components=tuple(components),
        status=status,
    )
    _check_texts(template)
    _check_buttons(template)
    return template


def _check_texts(template: Template) -> None:
    body, header, footer = (template.component(kind) for kind in ("BODY", "HEADER", "FOOTER"))
    text = str(body.get("text", ""))
    if not text:
        raise GraphError(100, "a body is required")
    if len(text) > BODY_LIMIT:
        raise GraphError(100, f"body: {len(text)} characters, {BODY_LIMIT} are allowed", subcode=TOO_LONG)
    for part, small in (("header", header), ("footer", footer)):
        if len(str(small.get("text", ""))) > SMALL_PRINT_LIMIT:
            raise GraphError(100, f"{part}: more than {SMALL_PRINT_LIMIT} characters", subcode=TOO_LONG)
    found = list(VARIABLE.finditer(text))
    if found and (found[0].start() == 0 or found[-1].end() == len(text)):
        raise GraphError(100, "body: variables can't be at the start or end of the text", subcode=EDGE_VARIABLE)
    if found and not body.get("example"):
        raise GraphError(100, "body: each variable needs an example", subcode=NO_EXAMPLE)
    if VARIABLE.search(str(footer.get("text", ""))):
        raise GraphError(100, "footer: variables are not allowed")


def _check_buttons(template: Template) -> None:
    if len(template.buttons) > BUTTON_LIMIT:
        raise GraphError(100, f"more than {BUTTON_LIMIT} buttons")
    for button in template.buttons:
        if len(str(button.get("text", ""))) > LABEL_LIMIT:
            raise GraphError(100, f"button label: more than {LABEL_LIMIT} characters", subcode=TOO_LONG)


def fill(template: Template, components: Sequence[Mapping[str, Any]]) -> Drawing:
    """The template with a message's parameters in it. Raises GraphError 132000, 132005, 132012, 132018 or 131008."""
    sent = {str(part.get("type", "")).upper(): part for part in components if str(part.get("type", "")).upper() != "BUTTON"}
    body = _filled(template, "BODY", sent)
    if len(body) > FILLED_BODY_LIMIT:
        raise GraphError(132005, f"body: {len(body)} characters, {FILLED_BODY_LIMIT} are allowed")
    return Drawing(
        header=_header(template, sent),
        body=body,
        footer=str(template.component("FOOTER").get("text", "")),
        buttons=_buttons(template, components),
    )


def _header(template: Template, sent: Mapping[str, Mapping[str, Any]]) -> str:
    kind = str(template.component("HEADER").get("format", "TEXT")).lower()
    if kind == "text":
        return _filled(template, "HEADER", sent)
    parameters = _parameters(sent.get("HEADER", {}))
    if len(parameters) != 1 or parameters[0].get("type") != kind:
        raise GraphError(132012, f"header: one parameter of type {kind} is expected")
    return f"[{kind}]"


def _filled(template: Template, kind: str, sent: Mapping[str, Mapping[str, Any]]) -> str:
    text = str(template.component(kind).get("text", ""))
    wanted = tuple(dict.fromkeys(VARIABLE.findall(text)))
    parameters = _parameters(sent.get(kind, {}))
    if len(parameters) != len(wanted):
        details = f"number of localizable_params ({len(parameters)}) does not match the expected number of params ({len(wanted)})"
        raise GraphError(132000, f"{kind.lower()}: {details}")
    names = tuple(str(part.get("parameter_name", "")) for part in parameters) if template.named else wanted
    if set(names) != set(wanted):
        raise GraphError(132000, f"{kind.lower()}: parameter names {sorted(names)} do not match the expected {sorted(wanted)}")
    order = names if template.named else tuple(sorted(wanted, key=_position))
    words = {name: _words(part) for name, part in zip(order, parameters, strict=True)}
    return VARIABLE.sub(lambda match: words[match[1]], text)


def _position(name: str) -> int:
    return int(name) if name.isdecimal() else 0


def _parameters(component: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parameters = component.get("parameters") or []
    if not isinstance(parameters, list) or not all(isinstance(part, dict) for part in parameters):
        raise GraphError(131008, "parameters must be a list of objects")
    return parameters


def _words(parameter: Mapping[str, Any]) -> str:
    kind = str(parameter.get("type", ""))
    holder = parameter if kind == "text" else parameter.get(kind)
    value = holder.get("text" if kind == "text" else "fallback_value") if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value:
        raise GraphError(131008, f"parameter of type {kind!r} is missing its text")
    if BREAKS.search(value):
        raise GraphError(132018, "param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return value


def _buttons(template: Template, components: Sequence[Mapping[str, Any]]) -> tuple[Button, ...]:
    sent = {str(part.get("index", "")): part for part in components if str(part.get("type", "")).upper() == "BUTTON"}
    unknown = set(sent) - {str(index) for index in range(len(template.buttons))}
    if unknown:
        raise GraphError(132012, f"buttons: the template has no button at index {', '.join(sorted(unknown))}")
    return tuple(_button(button, index, _parameters(sent.get(str(index), {}))) for index, button in enumerate(template.buttons))


def _button(button: Mapping[str, Any], index: int, parameters: Sequence[Mapping[str, Any]]) -> Button:
    kind, label = str(button.get("type", "")).upper(), str(button.get("text", ""))
    first = parameters[0] if parameters else {}
    match kind:
        case "QUICK_REPLY":
            return Button(ButtonKind.QUICK_REPLY, label, str(first.get("payload", label)))
        case "URL":
            return Button(ButtonKind.LINK, label, _link(str(button.get("url", "")), index, first))
        case "COPY_CODE":
            if "coupon_code" not in first:
                raise GraphError(131008, f"buttons: button at index {index} of type copy_code requires a coupon_code")
            return Button(ButtonKind.CODE, label or "Copy code", str(first["coupon_code"]))
        case _:
            return Button(ButtonKind.OTHER, label)


def _link(url: str, index: int, parameter: Mapping[str, Any]) -> str:
    if not VARIABLE.search(url):
        return url
    if not parameter.get("text"):
        raise GraphError(131008, f"buttons: button at index {index} of type url requires a parameter")
    return VARIABLE.sub(lambda _: str(parameter["text"]), url)
