"""A message made from a template: its parameters put in their places, checked as the Cloud API checks them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.sandbox.cloud.bubble import Button, ButtonKind, Drawing, Goods, GoodsKind, Media, Offer, Place
from bot.sandbox.cloud.drawing import catalog, media, part_of, parts_of, place, shelves
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.template import CODE_LIMIT, VARIABLE, Template, buttons_of, cards_of, component_of

FILLED_BODY_LIMIT = 1024  # Cloud API: the body with its parameters (132005)
FILLED_HEADER_LIMIT = 60  # likewise the header
BREAKS = re.compile(r"[\n\r\t]| {5,}")  # 132018: not allowed in a parameter's text
MILLISECONDS = range(1_000_000_000_000, 10_000_000_000_000)  # 2001 to 2286: seconds by mistake lie in 1970
FILES = {"image": "IMAGE", "video": "VIDEO", "document": "DOCUMENT"}

Json = Mapping[str, Any]


def fill(template: Template, components: Sequence[Json]) -> Drawing:
    """The template with a message's parameters in it. Raises GraphError 132000, 132005, 132012, 132018, 131008 or 131009."""
    whole = _Parts(template.components, components, named=template.named)
    header, made, where = whole.header()
    return Drawing(
        header=header,
        body=whole.text("BODY", FILLED_BODY_LIMIT),
        footer=str(template.component("FOOTER").get("text", "")),
        media=made,
        place=where,
        offer=_offer(template, whole.sent("LIMITED_TIME_OFFER")),
        goods=_goods(template, components),
        buttons=_buttons(template.buttons, components),
        cards=_cards(template, whole.sent("CAROUSEL")),
    )


class _Parts:
    """The components of a template, or of one card, beside those of a message."""

    def __init__(self, wanted: Sequence[Json], sent: Sequence[Json], *, named: bool) -> None:
        self._wanted, self._named = wanted, named
        self._sent = {str(part.get("type", "")).upper(): part for part in sent}

    def sent(self, kind: str) -> Json:
        return self._sent.get(kind, {})

    def header(self) -> tuple[str, Media | None, Place | None]:
        """Its text, file or place."""
        kind = str(component_of(self._wanted, "HEADER").get("format", "TEXT")).lower()
        if kind == "text":
            return self.text("HEADER", FILLED_HEADER_LIMIT), None, None
        parameters = _parameters(self.sent("HEADER"))
        if len(parameters) != 1 or str(parameters[0].get("type", "")).lower() != kind:
            raise GraphError(132012, f"header: Format mismatch, expected {kind.upper()}, one parameter of this type")
        part = part_of(parameters[0], kind)
        return ("", media(kind, part), None) if kind in FILES else ("", None, place(part))

    def text(self, kind: str, limit: int) -> str:
        """A text with its variables filled."""
        text = str(component_of(self._wanted, kind).get("text", ""))
        filled = _filled(kind.lower(), text, _parameters(self.sent(kind)), named=self._named)
        if len(filled) > limit:
            raise GraphError(132005, f"{kind.lower()}: {len(filled)} characters, {limit} are allowed")
        return filled


def _filled(where: str, text: str, parameters: Sequence[Json], *, named: bool) -> str:
    wanted = tuple(dict.fromkeys(VARIABLE.findall(text)))
    if len(parameters) != len(wanted):
        details = f"number of localizable_params ({len(parameters)}) does not match the expected number of params ({len(wanted)})"
        raise GraphError(132000, f"{where}: {details}")
    if not named and any("parameter_name" in part for part in parameters):
        raise GraphError(132012, f"{where}: Parameter name is not allowed, the template's parameters are positional")
    names = tuple(str(part.get("parameter_name", "")) for part in parameters) if named else wanted
    if set(names) != set(wanted):
        raise GraphError(132000, f"{where}: parameter names {sorted(names)} do not match the expected {sorted(wanted)}")
    order = names if named else tuple(sorted(wanted, key=_position))
    words = {name: _words(part) for name, part in zip(order, parameters, strict=True)}
    return VARIABLE.sub(lambda match: words[match[1]], text)


def _position(name: str) -> int:
    return int(name) if name.isdecimal() else 0


def _parameters(component: Json) -> list[Json]:
    parameters = component.get("parameters") or []
    if not isinstance(parameters, list) or not all(isinstance(part, dict) for part in parameters):
        raise GraphError(131008, "parameters must be a list of objects")
    return parameters


def _words(parameter: Json) -> str:
    kind = str(parameter.get("type", ""))
    holder = parameter if kind == "text" else parameter.get(kind)
    value = holder.get("text" if kind == "text" else "fallback_value") if isinstance(holder, dict) else None
    if kind not in ("text", "currency", "date_time"):
        raise GraphError(132012, f"a parameter of type {kind!r} is not allowed in a text")
    if not isinstance(value, str) or not value:
        raise GraphError(131008, f"parameter of type {kind!r} is missing its text")
    if BREAKS.search(value):
        raise GraphError(132018, "param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return value


def _offer(template: Template, sent: Json) -> Offer | None:
    wanted = template.component("LIMITED_TIME_OFFER").get("limited_time_offer")
    if not isinstance(wanted, dict):
        return None
    text = str(wanted.get("text", ""))
    if not wanted.get("has_expiration"):
        return Offer(text)
    parameters = _parameters(sent)
    ends = parameters[0].get("limited_time_offer") if parameters else None
    at = ends.get("expiration_time_ms") if isinstance(ends, dict) else None
    if at is None:
        raise GraphError(131008, "limited_time_offer: expiration_time_ms is required")
    if not isinstance(at, int) or at not in MILLISECONDS:
        raise GraphError(131009, "limited_time_offer: expiration_time_ms is the time in milliseconds")
    return Offer(text, datetime.fromtimestamp(at / 1000, UTC))


def _cards(template: Template, sent: Json) -> tuple[Drawing, ...]:
    wanted = cards_of(template)
    if not wanted:
        return ()
    cards = parts_of(sent, "cards") if sent else []
    if len(cards) != len(wanted):
        raise GraphError(132012, f"carousel: {len(cards)} cards, the template has {len(wanted)}")
    by_index = {str(card.get("card_index")): card for card in cards}
    ordered = [by_index[str(index)] for index in range(len(wanted)) if str(index) in by_index]
    if len(ordered) != len(wanted):
        raise GraphError(131009, f"carousel: card_index goes from 0 to {len(wanted) - 1}")
    return tuple(_card(one, card, named=template.named) for one, card in zip(wanted, ordered, strict=True))


def _card(wanted: Json, sent: Json, *, named: bool) -> Drawing:
    components = parts_of(sent, "components")
    card = _Parts(parts_of(wanted, "components"), components, named=named)
    _, made, _ = card.header()
    buttons = _buttons(buttons_of(parts_of(wanted, "components")), components)
    return Drawing(body=card.text("BODY", FILLED_BODY_LIMIT), media=made, buttons=buttons)


def _sent_buttons(components: Sequence[Json]) -> dict[str, Json]:
    return {str(part.get("index", "")): part for part in components if str(part.get("type", "")).upper() == "BUTTON"}


def _buttons(wanted: Sequence[Json], components: Sequence[Json]) -> tuple[Button, ...]:
    sent = _sent_buttons(components)
    if unknown := set(sent) - {str(index) for index in range(len(wanted))}:
        raise GraphError(132012, f"buttons: the template has no button at index {', '.join(sorted(unknown))}")
    for index, part in sent.items():
        kind, own = str(part.get("sub_type", "")).upper(), str(wanted[int(index)].get("type", "")).upper()
        if kind != _SUB_TYPES.get(own, own):
            raise GraphError(132012, f"buttons: the button at index {index} is of type {own.lower()}, not {kind.lower()}")
    return tuple(_button(button, index, _parameters(sent.get(str(index), {}))) for index, button in enumerate(wanted))


_SUB_TYPES = {"OTP": "URL", "PHONE_NUMBER": "VOICE_CALL"}
"""How a message names a button whose type in the template is another word."""


def _button(button: Json, index: int, parameters: Sequence[Json]) -> Button:
    kind, label = str(button.get("type", "")).upper(), str(button.get("text", ""))
    first = parameters[0] if parameters else {}
    match kind:
        case "QUICK_REPLY":
            return Button(ButtonKind.QUICK_REPLY, label, str(first.get("payload", label)))
        case "URL":
            return Button(ButtonKind.LINK, label, _link(str(button.get("url", "")), index, first))
        case "OTP":
            return Button(ButtonKind.CODE, label or "Copy code", _required(first, "text", index, "url"))
        case "COPY_CODE":
            return Button(ButtonKind.CODE, label or "Copy offer code", _code(first, index))
        case "PHONE_NUMBER":
            return Button(ButtonKind.CALL, label, str(button.get("phone_number", "")))
        case "CATALOG" | "MPM" | "SPM":
            return Button(ButtonKind.GOODS, label or "View items")
        case _:
            return Button(ButtonKind.OTHER, label)


def _code(parameter: Json, index: int) -> str:
    code = _required(parameter, "coupon_code", index, "copy_code")
    if not 1 <= len(code) <= CODE_LIMIT or not code.isalnum():
        raise GraphError(131009, f"buttons: coupon_code is at most {CODE_LIMIT} letters and digits")
    return code


def _link(url: str, index: int, parameter: Json) -> str:
    if not VARIABLE.search(url):
        return url
    end = _required(parameter, "text", index, "url")
    return VARIABLE.sub(lambda _: end, url)


def _required(parameter: Json, name: str, index: int, kind: str) -> str:
    if not parameter.get(name):
        raise GraphError(131008, f"buttons: Button at index {index} of type {kind} requires a parameter")
    return str(parameter[name])


def _goods(template: Template, components: Sequence[Json]) -> Goods | None:
    sent = _sent_buttons(components)
    for index, button in enumerate(template.buttons):
        kind = str(button.get("type", "")).upper()
        parameters = _parameters(sent.get(str(index), {}))
        action = parameters[0].get("action") if parameters else None
        if kind == "CATALOG":
            return catalog(str(action.get("thumbnail_product_retailer_id") or "") if isinstance(action, dict) else "")
        if kind == "MPM":
            return Goods(GoodsKind.LIST, shelves(parts_of(part_of({"action": action}, "action"), "sections")))
    return None
