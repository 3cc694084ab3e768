"""What a message of WhatsApp's holds: words, what was pressed, a file, a place, an order, the answers of a form.

All of it is the customer's: hostile, cut to what a person reads, and absent where it is not what it should be. A message whose rest
cannot be understood is still a message.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from bot.channel.event import (
    Attachment,
    Detail,
    FormAnswered,
    NotSupported,
    OrderedProduct,
    OrderPlacedInChat,
    ProductAsked,
    Referral,
    SharedContacts,
)
from bot.channel.whatsapp.wire import Node, decode, integer, line, listed, node, number, text, word
from bot.flow import money
from bot.flow.facts import Money
from bot.flow.run import ContactCard, MediaKind, Place

MOST_LINES = 30  # Cloud API: products of one message; a cart is filled from those
MOST_CARDS = 20  # contact cards of one message
MOST_FIELDS = 50  # answers of one form: more than anybody fills in on a phone
MOST_LETTERS = 200  # of a name, a place, a title
MOST_ANSWER = 1_000  # letters of one answer of a form
MOST_LINK = 2_000  # letters of an address
MOST_ID = 512  # letters of an id of Meta's or of a shop's product
MOST_PIECES = 999_999  # of one product: more is a mistake, or a joke

_FILES = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO, "voice": MediaKind.AUDIO}
_FILES |= {"document": MediaKind.DOCUMENT, "sticker": MediaKind.STICKER}
_WITH_CAPTION = frozenset({"image", "video", "document"})
_CURRENCY = re.compile(r"[A-Z]{3}")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA256_BYTES = 32
_ADDRESS = "address_message"
_OF_THE_FORM = frozenset({"flow_token", "saved_address_id"})  # says nothing to people


class Missing(ValueError):
    """A message without what makes it one; the sentence repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `payload` is that of what was pressed."""

    text: str = ""
    payload: str | None = None
    attachment: Attachment | None = None
    detail: Detail | None = None


def content_of(kind: str, item: Node) -> Content:
    """What a message of this kind holds; nothing for a kind nobody knows. Raises Missing for a text without words."""
    told = node(item.get(kind))
    if kind == "text":
        return Content(_words(told, "body", "a text message without its text"), detail=_product(item))
    if kind == "button":
        return Content(_words(told, "text", "a pressed button without its title"), text(told.get("payload")))
    if kind == "interactive":
        return _answer(told)
    if kind == "order":
        return Content(text(told.get("text")) or "", detail=_order(told))
    if kind == "location":
        return Content(detail=_place(told))
    if kind == "contacts":
        return Content(detail=_cards(item.get("contacts")))
    if kind == "unsupported":
        return Content(detail=NotSupported(word(told.get("type"))))
    if kind in _FILES:
        return Content(text(told.get("caption")) or "" if kind in _WITH_CAPTION else "", attachment=_file(_FILES[kind], told))
    return Content()


def referral_of(item: Node) -> Referral | None:
    """The ad or post that brought the customer here; None for a message of another origin."""
    told = node(item.get("referral"))
    if not told:
        return None
    return Referral(
        source_type=word(told.get("source_type")),
        source_id=line(told.get("source_id"), MOST_ID),
        source_url=line(told.get("source_url"), MOST_LINK),
        headline=line(told.get("headline"), MOST_LETTERS),
        body=line(told.get("body"), MOST_ANSWER),
        click=line(told.get("ctwa_clid"), MOST_ID),
    )


def _words(told: Node, key: str, complaint: str) -> str:
    if found := text(told.get(key)):
        return found
    raise Missing(complaint)


def _file(kind: MediaKind, told: Node) -> Attachment | None:
    """None for a file without an id: nobody could fetch it."""
    media = line(told.get("id"), MOST_ID)
    if media is None:
        return None
    return Attachment(
        kind=kind,
        id=media,
        mime=line(told.get("mime_type"), MOST_LETTERS) or "",
        sha256=hash_of(told.get("sha256")),
        filename=line(told.get("filename"), MOST_LETTERS),
        voice=told.get("voice") is True,
        animated=told.get("animated") is True,
        url=line(told.get("url"), MOST_LINK),
    )


def hash_of(told: object) -> str | None:
    """A sha256 in hexadecimal, None for what is none; Cloud API: webhooks write it in Base64, answers to requests in hexadecimal."""
    if not isinstance(told, str) or len(told) > MOST_LETTERS:
        return None
    if _HEX_SHA256.fullmatch(told):
        return told
    try:
        decoded = base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.hex() if len(decoded) == _SHA256_BYTES else None


def _place(told: Node) -> Place | None:
    latitude, longitude = number(told.get("latitude")), number(told.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Place(latitude, longitude, line(told.get("name"), MOST_LETTERS) or "", line(told.get("address"), MOST_LETTERS) or "")


def _cards(told: object) -> SharedContacts:
    cards = (_card(one) for one in listed(told, MOST_CARDS))
    return SharedContacts(tuple(card for card in cards if card.name or card.phone))


def _card(told: Node) -> ContactCard:
    name = node(told.get("name"))
    called = line(name.get("formatted_name"), MOST_LETTERS) or line(name.get("first_name"), MOST_LETTERS)
    phones = (line(phone.get("phone"), MOST_LETTERS) or line(phone.get("wa_id"), MOST_LETTERS) for phone in listed(told.get("phones"), 5))
    return ContactCard(called or "", next((phone for phone in phones if phone), ""))


def _product(item: Node) -> ProductAsked | None:
    told = node(node(item.get("context")).get("referred_product"))
    product = line(told.get("product_retailer_id"), MOST_ID)
    return ProductAsked(product, line(told.get("catalog_id"), MOST_ID)) if product else None


def _order(told: Node) -> OrderPlacedInChat:
    lines = (_ordered(one) for one in listed(told.get("product_items"), MOST_LINES))
    return OrderPlacedInChat(tuple(one for one in lines if one is not None), line(told.get("catalog_id"), MOST_ID))


def _ordered(told: Node) -> OrderedProduct | None:
    product = line(told.get("product_retailer_id"), MOST_ID)
    if product is None:
        return None
    pieces = integer(told.get("quantity"))
    return OrderedProduct(product, min(pieces, MOST_PIECES) if pieces else 1, _price(told))


def _price(told: Node) -> Money | None:
    price, currency = number(told.get("item_price")), told.get("currency")
    if price is None or price < 0 or not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return None
    return money.of(Decimal(str(price)), currency)


# ---- pressed and filled in


def _answer(interactive: Node) -> Content:
    kind = interactive.get("type")
    if kind in ("button_reply", "list_reply"):
        chosen = node(interactive.get(str(kind)))
        return Content(text(chosen.get("title")) or "", text(chosen.get("id")))
    if kind == "nfm_reply":
        return Content(detail=_form(node(interactive.get("nfm_reply"))))
    return Content()


def _form(told: Node) -> FormAnswered:
    """Cloud API: a form's answers come as JSON inside a string."""
    name = word(told.get("name")) or "flow"
    answers = _inside(told.get("response_json"))
    if name == _ADDRESS:
        answers = node(answers.get("values")) or answers
    fields = []
    for field in _fields("", answers, 0):
        fields.append(field)
        if len(fields) == MOST_FIELDS:
            break
    return FormAnswered(name, tuple(fields))


def _inside(written: object) -> Node:
    if isinstance(written, dict):
        return written
    try:
        return node(decode(written.encode("utf-8", "replace"))) if isinstance(written, str) else {}
    except (ValueError, RecursionError):
        return {}


def _fields(before: str, told: Node, depth: int) -> Iterator[tuple[str, str]]:
    """Each answer by its question's name; those of a group by both names, with a point between."""
    for key, value in told.items():
        name = line(before + key, MOST_LETTERS)
        if name is None or key in _OF_THE_FORM:
            continue
        if isinstance(value, dict) and depth < 3:
            yield from _fields(f"{name}.", value, depth + 1)
        elif (said := _said(value)) is not None:
            yield name, said


def _said(value: object) -> str | None:
    if isinstance(value, list):
        return ", ".join(said for one in value[:MOST_FIELDS] if not isinstance(one, list) and (said := _said(one)))[:MOST_ANSWER] or None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return str(value)
    return line(value, MOST_ANSWER)
