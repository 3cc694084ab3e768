"""How a message in the Cloud API's JSON becomes a drawing, or is refused as the API refuses it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.sandbox.cloud.bubble import (
    Button,
    ButtonKind,
    Drawing,
    Goods,
    GoodsKind,
    Media,
    MediaKind,
    Place,
    SharedContact,
    Shelf,
    Ware,
)
from bot.sandbox.cloud.graph_error import GraphError

TEXT_LIMIT = 4096  # Cloud API: text.body
CAPTION_LIMIT = 1024  # Cloud API: caption of an image, a video or a document
INTERACTIVE_BODY_LIMIT = 1024  # Cloud API: interactive.body.text of buttons and links
LIST_BODY_LIMIT = 4096  # Cloud API: interactive.body.text of lists
SMALL_PRINT_LIMIT = 60  # Cloud API: interactive header and footer
REPLY_BUTTON_LIMIT = 3  # Cloud API: reply buttons in one message
LIST_ROW_LIMIT = 10  # Cloud API: rows of a list, all sections together
LIST_SECTION_LIMIT = 10  # Cloud API: sections of a list, and of a product list
LABEL_LIMIT = 20  # Cloud API: title of a reply button, of a link and of the button that opens a list
ROW_TITLE_LIMIT = 24  # Cloud API: title of a row, and of a section
ROW_WORDS_LIMIT = 72  # Cloud API: description of a row
ROW_ID_LIMIT = 200  # Cloud API: id of a row
PAYLOAD_LIMIT = 256  # Cloud API: id of a reply button
LINK_LIMIT = 2000  # Cloud API: a URL
WARE_LIMIT = 30  # Cloud API: products of a product list, all sections together
CARDS = range(2, 11)  # Cloud API: cards of a carousel
CARD_BODY_LIMIT = 160  # Cloud API: words on a card

Json = Mapping[str, Any]


def draw(message: Json) -> Drawing:
    """The drawing of a message that is neither a template nor a reaction. Raises GraphError where the Cloud API would refuse it."""
    kind = str(message.get("type", "text"))
    match kind:
        case "text":
            return _words(part_of(message, "text"))
        case "interactive":
            return _interactive(part_of(message, "interactive"))
        case "image" | "video" | "audio" | "document" | "sticker":
            return _file(kind, part_of(message, kind))
        case "location":
            return Drawing(body="", place=place(part_of(message, "location")))
        case "contacts":
            return Drawing(body="", contacts=_contacts(parts_of(message, "contacts")))
        case _:
            raise GraphError(131051, f"type {kind!r} is not supported")


def _words(text: Json) -> Drawing:
    body = text_of(text, "body", TEXT_LIMIT)
    links = (word.strip(".,;:!?()") for word in body.split() if word.lower().startswith(("http://", "https://")))
    return Drawing(body=body, preview=next(links, "") if text.get("preview_url") is True else "")


def _file(kind: str, part: Json) -> Drawing:
    caption = part.get("caption")
    if caption is not None and kind in ("audio", "sticker"):
        raise GraphError(131009, f"{kind} has no caption")
    return Drawing(body=text_of(part, "caption", CAPTION_LIMIT) if caption else "", media=media(kind, part))


def media(kind: str, part: Json) -> Media:
    """The file of a message, of a header or of a card: `part` names it by `id` or by `link`."""
    file_id, link = part.get("id"), part.get("link")
    if bool(file_id) == bool(link):
        raise GraphError(131008, f"{kind} needs either an id or a link")
    if link and not str(link).lower().startswith(("http://", "https://")):
        raise GraphError(131009, f"{kind}.link is not a valid URI")
    made = MediaKind.VOICE if kind == "audio" and part.get("voice") is True else MediaKind(kind)
    return Media(made, id=str(file_id or ""), link=str(link or "")[:LINK_LIMIT], filename=str(part.get("filename") or "")[:240])


def place(part: Json) -> Place:
    """A location. Raises GraphError for what lies on no map."""
    try:
        latitude, longitude = float(part["latitude"]), float(part["longitude"])
    except (KeyError, TypeError, ValueError):
        raise GraphError(131008, "location needs a latitude and a longitude") from None
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        raise GraphError(131009, "latitude is between -90 and 90, longitude between -180 and 180")
    return Place(latitude, longitude, str(part.get("name") or ""), str(part.get("address") or ""))


def _contacts(cards: list[Json]) -> tuple[SharedContact, ...]:
    if not cards:
        raise GraphError(131008, "contacts are required")
    return tuple(shared_contact(card) for card in cards)


def shared_contact(card: Json) -> SharedContact:
    """One contact card."""
    phones = parts_of(card, "phones") if card.get("phones") else []
    org = card.get("org")
    return SharedContact(
        name=text_of(part_of(card, "name"), "formatted_name", TEXT_LIMIT),
        phones=tuple(str(phone.get("phone") or "") for phone in phones),
        organisation=str(org.get("company") or "") if isinstance(org, Mapping) else "",
    )


def _interactive(message: Json) -> Drawing:
    kind = str(message.get("type"))
    action = part_of(message, "action") if kind != "carousel" else _action(message)
    draw_action = _ACTIONS.get(kind)
    if draw_action is None:
        raise GraphError(131009, f"interactive type {kind!r} is not valid")
    made = draw_action(action)
    header, footer = message.get("header") or {}, message.get("footer") or {}
    header_kind = str(header.get("type", "text")) if isinstance(header, Mapping) else "text"
    if header_kind not in _HEADERS | {"text"}:
        raise GraphError(131009, f"header type {header_kind!r} is not valid")
    return Drawing(
        header=text_of(header, "text", SMALL_PRINT_LIMIT) if header and header_kind == "text" else "",
        body=_interactive_body(message, kind),
        footer=text_of(footer, "text", SMALL_PRINT_LIMIT) if footer else "",
        menu=made.menu,
        buttons=made.buttons,
        media=media(header_kind, part_of(header, header_kind)) if header_kind in _HEADERS else made.media,
        goods=made.goods,
        cards=made.cards,
    )


_HEADERS = frozenset({"image", "video", "document"})


def _action(message: Json) -> Json:
    action = part_of(message, "action")
    if len(parts_of(action, "cards")) not in CARDS:
        raise GraphError(131009, f"a carousel has {CARDS.start} to {CARDS.stop - 1} cards")
    return action


def _interactive_body(message: Json, kind: str) -> str:
    if kind == "product" and not message.get("body"):
        return ""
    return text_of(message.get("body"), "text", LIST_BODY_LIMIT if kind == "list" else INTERACTIVE_BODY_LIMIT)


def _reply_buttons(action: Json) -> Drawing:
    replies = [part_of(button, "reply") for button in parts_of(action, "buttons")]
    buttons = tuple(Button(ButtonKind.REPLY, text_of(one, "title", LABEL_LIMIT), text_of(one, "id", PAYLOAD_LIMIT)) for one in replies)
    _unique(buttons, REPLY_BUTTON_LIMIT)
    if len({button.title for button in buttons}) != len(buttons):
        raise GraphError(131009, "button titles must be unique")
    return Drawing(body="", buttons=buttons)


def _rows(action: Json) -> Drawing:
    sections = _sections(action)
    rows = tuple(_row(row, _title(section, sections)) for section in sections for row in parts_of(section, "rows"))
    _unique(rows, LIST_ROW_LIMIT)
    return Drawing(body="", menu=text_of(action, "button", LABEL_LIMIT), buttons=rows)


def _row(row: Json, section: str) -> Button:
    words = row.get("description")
    return Button(
        ButtonKind.ROW,
        text_of(row, "title", ROW_TITLE_LIMIT),
        text_of(row, "id", ROW_ID_LIMIT),
        text_of(row, "description", ROW_WORDS_LIMIT) if words else "",
        section,
    )


def _sections(action: Json) -> list[Json]:
    sections = parts_of(action, "sections")
    if not 1 <= len(sections) <= LIST_SECTION_LIMIT:
        raise GraphError(131009, f"between 1 and {LIST_SECTION_LIMIT} sections are allowed, not {len(sections)}")
    return sections


def _title(section: Json, sections: list[Json]) -> str:
    """A section's title; with more than one section each needs one."""
    return text_of(section, "title", ROW_TITLE_LIMIT) if len(sections) > 1 or section.get("title") else ""


def _link(action: Json) -> Drawing:
    link = part_of(action, "parameters")
    button = Button(ButtonKind.LINK, text_of(link, "display_text", LABEL_LIMIT), text_of(link, "url", LINK_LIMIT))
    if not button.value.lower().startswith(("http://", "https://")):
        raise GraphError(131009, "url is not a valid URI")
    return Drawing(body="", buttons=(button,))


def _product(action: Json) -> Drawing:
    text_of(action, "catalog_id", LINK_LIMIT)
    ware = Ware(text_of(action, "product_retailer_id", LINK_LIMIT))
    return Drawing(body="", goods=Goods(GoodsKind.PRODUCT, (Shelf("", (ware,)),)), buttons=(Button(ButtonKind.GOODS, "View"),))


def _product_list(action: Json) -> Drawing:
    text_of(action, "catalog_id", LINK_LIMIT)
    made = shelves(_sections(action))
    return Drawing(body="", goods=Goods(GoodsKind.LIST, made), buttons=(Button(ButtonKind.GOODS, "View items"),))


def shelves(sections: list[Json]) -> tuple[Shelf, ...]:
    """The sections of a product list, in an interactive message or in a template's button."""
    made = tuple(
        Shelf(
            _title(section, sections),
            tuple(Ware(text_of(one, "product_retailer_id", LINK_LIMIT)) for one in parts_of(section, "product_items")),
        )
        for section in sections
    )
    count = sum(len(shelf.wares) for shelf in made)
    if not 1 <= count <= WARE_LIMIT:
        raise GraphError(131009, f"between 1 and {WARE_LIMIT} products are allowed, not {count}")
    return made


def _catalog(action: Json) -> Drawing:
    parameters = action.get("parameters")
    thumbnail = str(parameters.get("thumbnail_product_retailer_id") or "") if isinstance(parameters, Mapping) else ""
    return Drawing(body="", goods=catalog(thumbnail), buttons=(Button(ButtonKind.GOODS, "View catalog"),))


def catalog(thumbnail: str) -> Goods:
    """The whole catalog, with the product that stands for it."""
    return Goods(GoodsKind.CATALOG, (Shelf("", (Ware(thumbnail),)),) if thumbnail else ())


def _ask_for_place(_: Json) -> Drawing:
    return Drawing(body="", buttons=(Button(ButtonKind.PLACE, "Send location"),))


def _form(action: Json) -> Drawing:
    label = text_of(part_of(action, "parameters"), "flow_cta", LABEL_LIMIT)
    return Drawing(body="", buttons=(Button(ButtonKind.OTHER, label),))


def _other(_: Json) -> Drawing:
    return Drawing(body="", buttons=(Button(ButtonKind.OTHER, "Answer"),))


def _carousel(action: Json) -> Drawing:
    return Drawing(body="", cards=tuple(_card(card) for card in parts_of(action, "cards")))


def _card(card: Json) -> Drawing:
    """A card of a carousel: a picture or video, a link or answers, and words or none."""
    kind = str(card.get("type"))
    if kind not in ("cta_url", "button"):
        raise GraphError(131009, f"a card of type {kind!r} is not valid")
    header = part_of(card, "header")
    header_kind = str(header.get("type"))
    if header_kind not in ("image", "video"):
        raise GraphError(131009, "a card's header is an image or a video")
    return Drawing(
        body=text_of(card["body"], "text", CARD_BODY_LIMIT) if card.get("body") else "",
        media=media(header_kind, part_of(header, header_kind)),
        buttons=_card_buttons(part_of(card, "action")),
    )


def _card_buttons(action: Json) -> tuple[Button, ...]:
    """A link, or answers: `quick_reply` as Meta's documents name them, whatever the card's type says."""
    if "buttons" not in action:
        return _link(action).buttons
    replies = [{"reply": one.get("quick_reply") or one.get("reply")} for one in parts_of(action, "buttons")]
    return _reply_buttons({"buttons": replies}).buttons


_ACTIONS: Mapping[str, Callable[[Json], Drawing]] = {
    "button": _reply_buttons,
    "list": _rows,
    "cta_url": _link,
    "product": _product,
    "product_list": _product_list,
    "catalog_message": _catalog,
    "location_request_message": _ask_for_place,
    "request_contact_info": _other,
    "address_message": _other,
    "call_permission_request": _other,
    "voice_call": _other,
    "flow": _form,
    "carousel": _carousel,
}


def _unique(buttons: Iterable[Button], limit: int) -> None:
    values = [button.value for button in buttons]
    if not 1 <= len(values) <= limit:
        raise GraphError(131009, f"between 1 and {limit} choices are allowed, not {len(values)}")
    if len(set(values)) != len(values):
        raise GraphError(131009, "choice ids must be unique")


def part_of(whole: object, name: str) -> Json:
    """An object inside another. Raises GraphError 131008 when it is missing."""
    part = whole.get(name) if isinstance(whole, Mapping) else None
    if not isinstance(part, Mapping):
        raise GraphError(131008, f"{name} is required")
    return part


def parts_of(whole: Json, name: str) -> list[Json]:
    """A list of objects inside another. Raises GraphError 131008 when it is missing."""
    parts = whole.get(name)
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise GraphError(131008, f"{name} is required")
    return parts


def text_of(whole: object, name: str, limit: int) -> str:
    """A text that must be there and may be `limit` characters long. Raises GraphError 131008 or 131009."""
    value = whole.get(name) if isinstance(whole, Mapping) else None
    if not isinstance(value, str) or not value.strip():
        raise GraphError(131008, f"{name} is required")
    if len(value) > limit:
        raise GraphError(131009, f"{name} must be at most {limit} characters long, not {len(value)}")
    return value
