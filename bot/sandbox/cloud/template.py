"""Message templates as the Cloud API keeps them, and what it refuses to create."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from bot.sandbox.cloud.drawing import CARD_BODY_LIMIT, CARDS
from bot.sandbox.cloud.graph_error import GraphError

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
NAME = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
CATEGORIES = frozenset({"MARKETING", "UTILITY", "AUTHENTICATION"})
BODY_LIMIT = 550  # creation of longer marketing and utility bodies is refused (subcode 2388040)
EMOJI_LIMIT = 10  # likewise
OFFER_BODY_LIMIT = 600  # Cloud API: body of a template with a limited-time offer
OFFER_TEXT_LIMIT = 16  # Cloud API: text of the offer
SMALL_PRINT_LIMIT = 60  # Cloud API: header text and footer
LABEL_LIMIT = 25  # Cloud API: label of a template's button
BUTTON_LIMIT = 10  # Cloud API: buttons of a template
KIND_LIMITS = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "CATALOG": 1, "MPM": 1}  # Cloud API: buttons of one kind
PHONE_LIMIT = 20  # Cloud API: the number a button calls
URL_LIMIT = 2000  # Cloud API: the address a button opens
CODE_LIMIT = 20  # Cloud API: a coupon's code, since December 2025
TTL_SECONDS = {"AUTHENTICATION": range(30, 901), "UTILITY": range(30, 43_201), "MARKETING": range(43_200, 2_592_001)}
HEADER_FORMATS = frozenset({"TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"})
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf]")

TOO_LONG = 2388040
DUPLICATE = 2388024
NO_EXAMPLE = 2388043
HEADER_FAULT = 2388047
BODY_FAULT = 2388072
FOOTER_FAULT = 2388073
TOO_MANY_VARIABLES = 2388293
EDGE_VARIABLE = 2388299
NAME_BLOCKED = 2388023
"""Subcodes of error 100 at a template's creation."""

Json = Mapping[str, Any]


@dataclass(slots=True)
class Template:
    """One template in one language. `status` is APPROVED, PENDING, REJECTED, PAUSED, DISABLED or ARCHIVED. Times are UTC."""

    id: str
    name: str
    language: str
    category: str
    named: bool
    components: tuple[Json, ...]
    status: str
    ttl: int | None = None
    """Seconds that a message made from it may be on its way."""
    quality: str = "UNKNOWN"
    reason: str = "NONE"
    pauses: int = 0
    held: bool = False
    """Messages are held for a quality assessment."""
    to_category: str | None = None
    edits: list[datetime] = field(default_factory=list)

    def component(self, kind: str) -> Json:
        """The component of this type, empty when there is none."""
        return component_of(self.components, kind)

    @property
    def buttons(self) -> Sequence[Json]:
        """The buttons in their order; a message names them by their index."""
        return buttons_of(self.components)

    def as_json(self) -> dict[str, Any]:
        """The template as `GET /{waba}/message_templates` lists it."""
        whole: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "parameter_format": "NAMED" if self.named else "POSITIONAL",
            "components": list(self.components),
            "quality_score": {"score": self.quality, "date": 0},
            "rejected_reason": self.reason,
            "sub_category": "CUSTOM",
        }
        if self.ttl is not None:
            whole["message_send_ttl_seconds"] = self.ttl
        if self.to_category:
            whole["correct_category"] = self.to_category
        return whole


def component_of(components: Sequence[Json], kind: str) -> Json:
    """The component of this type, empty when there is none."""
    return next((part for part in components if str(part.get("type", "")).upper() == kind), {})


def buttons_of(components: Sequence[Json]) -> Sequence[Json]:
    """The buttons among components."""
    buttons: Sequence[Json] = component_of(components, "BUTTONS").get("buttons", [])
    return buttons


def new_template(request: Json, template_id: str, status: str) -> Template:
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
    _check_shape(components)
    assert isinstance(components, list)
    template = Template(
        id=template_id,
        name=name,
        language=language,
        category=category,
        named=str(request.get("parameter_format", "")).upper() == "NAMED",
        components=tuple(components),
        status=status,
        ttl=_ttl(request, category),
    )
    _check_texts(template)
    _check_buttons(template.buttons)
    _check_offer(template)
    _check_cards(template)
    return template


def cards_of(template: Template) -> list[Json]:
    """The cards of its carousel, each with its `components`."""
    cards: list[Json] = template.component("CAROUSEL").get("cards", [])
    return cards


def _check_shape(components: object) -> None:
    """Components are objects, and so are the buttons, the cards and the examples in them."""
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise GraphError(100, "components are required")
    for part in components:
        buttons, cards = part.get("buttons", []), part.get("cards", [])
        if not all(isinstance(some, list) and all(isinstance(one, dict) for one in some) for some in (buttons, cards)):
            raise GraphError(100, "buttons and cards are lists of objects")
        if not isinstance(part.get("example", {}), dict):
            raise GraphError(100, "example is an object")
        for card in cards:
            _check_shape(card.get("components"))


def _ttl(request: Json, category: str) -> int | None:
    ttl = request.get("message_send_ttl_seconds")
    if ttl is None or ttl == -1:
        return None
    if not isinstance(ttl, int) or ttl not in TTL_SECONDS[category]:
        span = TTL_SECONDS[category]
        raise GraphError(100, f"message_send_ttl_seconds: between {span.start} and {span.stop - 1} for {category}")
    return ttl


def _check_texts(template: Template) -> None:
    if template.category == "AUTHENTICATION":
        return  # Meta writes those bodies itself
    body, header, footer = (template.component(kind) for kind in ("BODY", "HEADER", "FOOTER"))
    text = str(body.get("text", ""))
    limit = OFFER_BODY_LIMIT if template.component("LIMITED_TIME_OFFER") else BODY_LIMIT
    if not text:
        raise GraphError(100, "a body is required", subcode=BODY_FAULT)
    if len(text) > limit:
        raise GraphError(100, f"body: {len(text)} characters, {limit} are allowed", subcode=TOO_LONG)
    if len(EMOJI.findall(text)) > EMOJI_LIMIT:
        raise GraphError(100, f"body: more than {EMOJI_LIMIT} emojis", subcode=TOO_LONG)
    _check_variables(text, body)
    _check_header(header)
    if len(str(footer.get("text", ""))) > SMALL_PRINT_LIMIT:
        raise GraphError(100, f"footer: more than {SMALL_PRINT_LIMIT} characters", subcode=FOOTER_FAULT)
    if VARIABLE.search(str(footer.get("text", ""))):
        raise GraphError(100, "footer: variables are not allowed", subcode=FOOTER_FAULT)


def _check_variables(text: str, body: Json) -> None:
    found = list(VARIABLE.finditer(text))
    if not found:
        return
    if found[0].start() == 0 or found[-1].end() == len(text):
        raise GraphError(100, "body: variables can't be at the start or end of the text", subcode=EDGE_VARIABLE)
    if any(not text[one.end() : other.start()].strip() for one, other in pairwise(found)):
        raise GraphError(100, "body: variables can't stand next to each other", subcode=EDGE_VARIABLE)
    if not body.get("example"):
        raise GraphError(100, "body: each variable needs an example", subcode=NO_EXAMPLE)
    if len(VARIABLE.sub("", text).split()) < len(found):
        raise GraphError(100, "body: too many variables for the length of the text", subcode=TOO_MANY_VARIABLES)


def _check_header(header: Json) -> None:
    if not header:
        return
    kind = str(header.get("format", "TEXT")).upper()
    if kind not in HEADER_FORMATS:
        raise GraphError(100, f"header: format {kind!r} is not valid", subcode=HEADER_FAULT)
    if kind in ("IMAGE", "VIDEO", "DOCUMENT") and not (header.get("example") or {}).get("header_handle"):
        raise GraphError(100, "header: a file needs an example with its header_handle", subcode=NO_EXAMPLE)
    text = str(header.get("text", ""))
    if len(text) > SMALL_PRINT_LIMIT:
        raise GraphError(100, f"header: more than {SMALL_PRINT_LIMIT} characters", subcode=HEADER_FAULT)
    variables = VARIABLE.findall(text)
    if len(variables) > 1:
        raise GraphError(100, "header: at most one variable", subcode=HEADER_FAULT)
    if variables and not header.get("example"):
        raise GraphError(100, "header: its variable needs an example", subcode=NO_EXAMPLE)


def _check_buttons(buttons: Sequence[Json]) -> None:
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    if len(kinds) > BUTTON_LIMIT:
        raise GraphError(100, f"more than {BUTTON_LIMIT} buttons")
    for kind, limit in KIND_LIMITS.items():
        if kinds.count(kind) > limit:
            raise GraphError(100, f"more than {limit} buttons of type {kind}")
    answers = [kind == "QUICK_REPLY" for kind in kinds]
    if sum(one is not other for one, other in pairwise(answers)) > 1:
        raise GraphError(100, "quick replies and other buttons must stand in groups of their own")
    for button, kind in zip(buttons, kinds, strict=True):
        _check_button(button, kind)


def _check_button(button: Json, kind: str) -> None:
    if len(str(button.get("text", ""))) > LABEL_LIMIT:
        raise GraphError(100, f"button label: more than {LABEL_LIMIT} characters", subcode=TOO_LONG)
    url = str(button.get("url", ""))
    if len(url) > URL_LIMIT:
        raise GraphError(100, f"button url: more than {URL_LIMIT} characters")
    variables = list(VARIABLE.finditer(url))
    if kind == "URL" and variables and (len(variables) > 1 or variables[0].end() != len(url) or not button.get("example")):
        raise GraphError(100, "button url: one variable, at its end, with an example", subcode=NO_EXAMPLE)
    if len(str(button.get("phone_number", ""))) > PHONE_LIMIT:
        raise GraphError(100, f"button phone_number: more than {PHONE_LIMIT} characters")


def _check_offer(template: Template) -> None:
    offer = template.component("LIMITED_TIME_OFFER").get("limited_time_offer")
    if offer is None:
        return
    if not isinstance(offer, dict) or not 1 <= len(str(offer.get("text", ""))) <= OFFER_TEXT_LIMIT:
        raise GraphError(100, f"limited_time_offer: a text of at most {OFFER_TEXT_LIMIT} characters is required")
    if template.component("FOOTER"):
        raise GraphError(100, "limited_time_offer: a footer is not allowed", subcode=FOOTER_FAULT)


def _check_cards(template: Template) -> None:
    if not template.component("CAROUSEL"):
        return
    cards = cards_of(template)
    if len(cards) not in CARDS:
        raise GraphError(100, f"a carousel has {CARDS.start} to {CARDS.stop - 1} cards")
    for card in cards:
        components = card["components"]
        header, body = component_of(components, "HEADER"), component_of(components, "BODY")
        if str(header.get("format", "")).upper() not in ("IMAGE", "VIDEO", "PRODUCT"):
            raise GraphError(100, "each card has an image or a video", subcode=HEADER_FAULT)
        if len(str(body.get("text", ""))) > CARD_BODY_LIMIT:
            raise GraphError(100, f"body of a card: more than {CARD_BODY_LIMIT} characters", subcode=TOO_LONG)
        _check_buttons(buttons_of(components))
    if len({_layout(card) for card in cards}) > 1:
        raise GraphError(100, "all cards of a carousel have the same components")


def _layout(card: Json) -> tuple[object, ...]:
    components = card["components"]
    kinds = tuple(sorted(str(part.get("type", "")).upper() for part in components))
    header = str(component_of(components, "HEADER").get("format", "")).upper()
    return kinds, header, tuple(str(button.get("type", "")).upper() for button in buttons_of(components))
