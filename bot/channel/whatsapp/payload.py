"""A message of ours as the JSON the Cloud API wants, or a sentence on why it cannot be sent.

pywa builds the parts it builds rightly (buttons, lists, the parameters of template buttons). The rest is written here, because pywa 4.5
sends the end of a limited-time offer in seconds where Meta reads milliseconds, knows no language out of 27 that Meta has, gives currency
values no name, takes a local path for a picture's link, and writes to a group where a user id looks strange; and because a request of
our own tells apart what surely was not sent from what nobody knows (`graph.py`).

Everything is measured before it is sent: Meta takes some messages that are too long, and tells so only in a status an hour later.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from pywa.types.callback import Button as ReplyButton
from pywa.types.callback import Section, SectionList, SectionRow, URLButton
from pywa.types.others import ProductsSection
from pywa.types.templates import CatalogButton, CopyCodeButton, MPMButton, QuickReplyButton
from pywa.types.templates import URLButton as TemplateLink

from bot.channel import Failure, Outgoing, Recipient, Remedy, SendError
from bot.flow import limit
from bot.flow.run import Button, Card, ContactCard, Content, Link, Media, MediaKind, Place, TemplateMessage, Text
from bot.flow.text import EMPTY_TEMPLATE_VALUE, template_value

Json = dict[str, Any]
Uploads = Mapping[str, str]
"""Meta's id of each stored file of a message, by the file's sha256."""

WORDLESS = frozenset({MediaKind.AUDIO, MediaKind.STICKER})  # files that stand alone: no caption, no buttons

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
# Of Meta's user ids, the form they have: whatever else stood here, pywa would take for a group.
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[0-9]{1,250}")
_MESSAGE_ID = re.compile(r"[\w.+/=:-]{1,512}", re.ASCII)
_LINK = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(_[A-Za-z0-9]{2,8})*")
_TEMPLATE_NAME = re.compile(r"[a-z0-9_]{1,512}")
_GAPS = re.compile(r"[\s\x00-\x20\x7f]+")
_LONGEST_EMOJI = 32  # characters: a family with skin colours is eleven


class _Fault(Exception):
    """Why a message cannot be sent, as a sentence."""


def address(to: Recipient) -> Json:
    """To whom: the phone where it is known, which Meta recommends, else the business-scoped user id. Raises SendError.

    Cloud API: a user id goes into `recipient`, a phone with its `+` into `to` (without it, the business's own country code can be put
    before it).
    """
    head: Json = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if to.phone is not None and _PHONE.fullmatch(to.phone):
        return {**head, "to": to.phone}
    if to.bsuid is not None and _BSUID.fullmatch(to.bsuid):
        return {**head, "recipient": to.bsuid}
    raise SendError(Failure.REFUSED, "there is neither a phone number nor a user id to write to", remedy=Remedy.UNREACHABLE)


def payload(message: Outgoing, uploads: Uploads, menu: str) -> Json:
    """The body of `POST /{number}/messages`. `menu` is what stands on the button of a list that has no title of its own.

    Raises SendError (REFUSED) for what Meta would not take.
    """
    return {**address(message.to), **content_parts(message.content, uploads, menu), "biz_opaque_callback_data": message.key}


def content_parts(content: Content, uploads: Uploads, menu: str) -> Json:
    """What of a message's body says what it is; as `payload`."""
    try:
        return _template(content, uploads) if isinstance(content, TemplateMessage) else _text(content, uploads, menu)
    except _Fault as fault:
        raise SendError(Failure.REFUSED, f"it was not sent, because {fault}") from None


def receipt(message_id: str, *, typing: bool) -> Json:
    """The body that marks a customer's message as read, and with `typing` shows that an answer is being written.

    Cloud API: the indicator goes with the answer, or after 25 seconds.
    """
    said: Json = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    return said | {"typing_indicator": {"type": "text"}} if typing else said


def stored_files(content: Content) -> tuple[str, ...]:
    """The stored files a message needs uploaded, each once."""
    media = (content.media,) if isinstance(content, Text) else (content.header_media, *(card.media for card in content.cards))
    return tuple(dict.fromkeys(one.file for one in media if one is not None and one.file is not None))


# ---- what is no template


def _text(content: Text, uploads: Uploads, menu: str) -> Json:
    parts = [name for name, there in _main_parts(content) if there]
    if len(parts) > 1:
        raise _Fault(f"a message is one of these alone: {' and '.join(parts)}")
    context = {"context": {"message_id": _message_id(content.quotes)}} if content.quotes is not None else {}
    if content.reaction is not None:
        return _reaction(content)
    if content.place is not None or content.card is not None:
        return {**_wordless(content), **context}
    made = _interactive(content, uploads, menu) if _is_interactive(content) else _plain(content, uploads)
    return {**made, **context}


def _main_parts(content: Text) -> tuple[tuple[str, bool], ...]:
    """What a message can be but one of. A reaction is none beside anything."""
    return (
        ("buttons", bool(content.buttons)),
        ("a link", content.link is not None),
        ("products", bool(content.products) or content.catalog),
        ("a location", content.place is not None),
        ("a contact", content.card is not None),
        ("a reaction", content.reaction is not None),
    )


def _is_interactive(content: Text) -> bool:
    return bool(content.buttons or content.link or content.products or content.catalog)


def _reaction(content: Text) -> Json:
    emoji = content.reaction or ""
    if content.quotes is None:
        raise _Fault("a reaction needs the message it is put to")
    if content.body or content.media or len(emoji) > _LONGEST_EMOJI or (emoji and emoji.isascii()):
        raise _Fault("a reaction is one emoji and nothing else")
    return {"type": "reaction", "reaction": {"message_id": _message_id(content.quotes), "emoji": emoji}}


def _wordless(content: Text) -> Json:
    if content.body or content.media:
        raise _Fault("a location or a contact is sent without words and files: send them before it")
    if content.place is not None:
        return {"type": "location", "location": _place(content.place)}
    assert content.card is not None
    return {"type": "contacts", "contacts": [_contact(content.card)]}


def _place(place: Place) -> Json:
    if not (math.isfinite(place.latitude) and math.isfinite(place.longitude)) or abs(place.latitude) > 90 or abs(place.longitude) > 180:
        raise _Fault("a location lies between -90 and 90 degrees of latitude and -180 and 180 of longitude")
    words = {"name": place.name, "address": place.address}
    return {"latitude": place.latitude, "longitude": place.longitude} | {key: word for key, word in words.items() if word}


def _contact(card: ContactCard) -> Json:
    if not card.name.strip() or not _PHONE.fullmatch(card.phone):
        raise _Fault("a contact has a name, and a phone number that begins with + and its country")
    # Cloud API: besides `formatted_name` one more part of the name is needed; `wa_id` is what makes the card's button write to it
    name = {"formatted_name": card.name, "first_name": card.name}
    return {"name": name, "phones": [{"phone": card.phone, "type": "WORK", "wa_id": card.phone[1:]}]}


def _plain(content: Text, uploads: Uploads) -> Json:
    if content.header or content.footer:
        raise _Fault("a header or a footer stands only with buttons, a link or products")
    if content.media is None:
        return {"type": "text", "text": {"body": _words(content.body, limit.MAX_TEXT, "the text"), "preview_url": False}}
    kind = content.media.kind
    if not content.body:
        return {"type": kind.value, kind.value: _file(content.media, uploads)}
    if kind in WORDLESS:
        raise _Fault(f"a file of the kind {kind} has no words of its own: send them before it")
    caption = _words(content.body, limit.MAX_CAPTION, f"the words under the {kind}")
    return {"type": kind.value, kind.value: {**_file(content.media, uploads), "caption": caption}}


def _interactive(content: Text, uploads: Uploads, menu: str) -> Json:
    kind, action = _action(content, menu)
    parts: Json = {"type": kind, "action": action}
    if header := _header(content, kind, uploads):
        parts["header"] = header
    if content.body or kind != "product":  # Cloud API: only a single product may go without words
        longest = limit.MAX_TEXT if kind == "list" else limit.MAX_BODY_WITH_BUTTONS
        parts["body"] = {"text": _words(content.body, longest, "the text")}
    if content.footer:
        parts["footer"] = {"text": _words(content.footer, limit.MAX_SMALL_PRINT, "the footer")}
    return {"type": "interactive", "interactive": parts}


def _header(content: Text, kind: str, uploads: Uploads) -> Json | None:
    if content.media is not None and content.header:
        raise _Fault("a header is words or a file, not both")
    if content.media is not None:
        if kind not in ("button", "cta_url") or content.media.kind in WORDLESS:
            raise _Fault("only an image, a video or a document can stand above buttons, at most three of them, or a link")
        return {"type": content.media.kind.value, content.media.kind.value: _file(content.media, uploads)}
    if content.header:
        if kind == "catalog_message":
            raise _Fault("a catalog has no header")
        return {"type": "text", "text": _words(content.header, limit.MAX_SMALL_PRINT, "the header")}
    if kind == "product_list":
        raise _Fault("a list of products needs a header")
    return None


def _action(content: Text, menu: str) -> tuple[str, Json]:
    if content.link is not None:
        return "cta_url", _page(content.link)
    if content.catalog:
        return "catalog_message", _whole_catalog(content.products)
    if content.products:
        return _products(content)
    _distinct([button.payload for button in content.buttons], "buttons")
    if len(content.buttons) <= limit.MAX_REPLY_BUTTONS:
        _distinct([button.title for button in content.buttons], "buttons")
        return "button", {"buttons": [_reply_button(button) for button in content.buttons]}
    return "list", _list(content.buttons, content.menu or menu)


def _page(link: Link) -> Json:
    title, url = _words(link.title, limit.MAX_LINK_TITLE, "the words on the link"), _url(link.url)
    return URLButton(title, url).to_dict()


def _reply_button(button: Button) -> Json:
    title = _words(button.title, limit.MAX_REPLY_BUTTON, "a button")
    return ReplyButton(title, _words(button.payload, limit.MAX_PAYLOAD, "what a button brings back")).to_dict()


def _list(buttons: Sequence[Button], menu: str) -> Json:
    if len(buttons) > limit.MAX_LIST_ROWS:
        raise _Fault(f"a message has at most {limit.MAX_LIST_ROWS} buttons, this one has {len(buttons)}")
    menu = _words(menu, limit.MAX_MENU, "the button that opens a list")
    return SectionList(menu, [Section(menu, list(map(_row, buttons)))]).to_dict()


def _row(button: Button) -> SectionRow:
    about = _words(button.description, limit.MAX_DESCRIPTION, "what stands under a button") if button.description else None
    title = _words(button.title, limit.MAX_LIST_ROW, "a button of a list")
    return SectionRow(title, _words(button.payload, limit.MAX_ROW_PAYLOAD, "what a button brings back"), about)


def _whole_catalog(products: Sequence[str]) -> Json:
    thumbnail = {"parameters": {"thumbnail_product_retailer_id": _product(products[0])}} if products else {}
    return {"name": "catalog_message", **thumbnail}


def _products(content: Text) -> tuple[str, Json]:
    if not content.catalog_id:
        raise _Fault("products need the id of the catalog they are in: add 'catalog:' to store.yaml")
    head = {"catalog_id": content.catalog_id}
    if len(content.products) == 1 and not content.header:  # a single product has no header; a list may be of one
        return "product", {**head, "product_retailer_id": _product(content.products[0])}
    return "product_list", {**head, "sections": [_shelf(content.products, content.menu or content.header).to_dict()]}


def _shelf(products: Sequence[str], title: str | None) -> ProductsSection:
    if len(products) > limit.MAX_PRODUCTS:
        raise _Fault(f"a message shows at most {limit.MAX_PRODUCTS} products, this one has {len(products)}")
    _distinct(products, "products")
    return ProductsSection((title or "")[: limit.MAX_SECTION_TITLE].strip() or "…", list(map(_product, products)))


def _product(product: str) -> str:
    return _words(product, limit.MAX_URL, "the id of a product")


# ---- templates


def _template(content: TemplateMessage, uploads: Uploads) -> Json:
    if not _TEMPLATE_NAME.fullmatch(content.name) or not _LANGUAGE.fullmatch(content.language):
        raise _Fault("a template has a name of small letters, digits and _, and a language like pt_BR")
    components = list(_components(content, uploads))
    named = {"name": content.name, "language": {"code": content.language}}  # a dict: pywa's enum lacks 27 of Meta's languages
    return {"type": "template", "template": {**named, "components": components} if components else named}


def _components(content: TemplateMessage, uploads: Uploads) -> Iterator[Json]:
    """What is filled into a template. A button is told by its index: `templates.creation_payload` puts them in this order."""
    if header := _template_header(content, uploads):
        yield {"type": "HEADER", "parameters": header}
    if content.values:
        yield {"type": "BODY", "parameters": _values(content.values, positional=content.positional)}
    if content.offer_ends is not None:
        # pywa sends this in seconds
        ends = {"expiration_time_ms": int(content.offer_ends.astimezone(UTC).timestamp() * 1000)}
        yield {"type": "LIMITED_TIME_OFFER", "parameters": [{"type": "limited_time_offer", "limited_time_offer": ends}]}
    yield from _template_buttons(content)
    if content.cards:
        if not limit.MIN_CARDS <= len(content.cards) <= limit.MAX_CARDS:
            raise _Fault(f"a carousel has {limit.MIN_CARDS} to {limit.MAX_CARDS} cards, this one has {len(content.cards)}")
        cards = [_card(number, card, uploads, positional=content.positional) for number, card in enumerate(content.cards)]
        yield {"type": "carousel", "cards": cards}


def _template_header(content: TemplateMessage, uploads: Uploads) -> list[Json]:
    if content.header_media is not None:
        return [_media_parameter(content.header_media, uploads)]
    if content.header_place is not None:
        return [{"type": "location", "location": _place(content.header_place)}]
    return _values(content.header_values, positional=content.positional)


def _media_parameter(media: Media, uploads: Uploads) -> Json:
    if media.kind in WORDLESS:
        raise _Fault("above a template stands an image, a video or a document")
    return {"type": media.kind.value, media.kind.value: _file(media, uploads)}


def _values(values: Mapping[str, str], *, positional: bool) -> list[Json]:
    """Values as Meta takes them: cleaned once more, for whoever queued them may not have been a flow."""
    if positional:
        return [{"type": "text", "text": template_value(text)} for _, text in sorted(values.items(), key=lambda one: int(one[0]))]
    return [{"type": "text", "text": template_value(text), "parameter_name": name} for name, text in values.items()]


def _template_buttons(content: TemplateMessage) -> Iterator[Json]:
    index = 0
    for index, button in enumerate(content.buttons, 1):
        yield QuickReplyButton.params(callback_data=_payload(button), index=index - 1).to_dict()
    if content.code is not None:
        yield CopyCodeButton.params(coupon_code=_code(content), index=index).to_dict()
        index += 1
    if content.link_suffix is not None:
        yield TemplateLink.params(url_variable=_suffix(content.link_suffix), index=index).to_dict()
        index += 1
    if content.catalog and content.products:
        yield CatalogButton.params(thumbnail_product_sku=_product(content.products[0]), index=index).to_dict()
    elif content.products:
        shelf = _shelf(content.products, content.menu)
        yield MPMButton.params(thumbnail_product_sku=content.products[0], product_sections=[shelf], index=index).to_dict()


def _payload(button: Button) -> str:
    return _words(button.payload, limit.MAX_PAYLOAD, "what a button brings back")


def _code(content: TemplateMessage) -> str:
    longest = limit.MAX_CODE if content.offer_ends is None else limit.MAX_OFFER_CODE
    return _words(content.code or "", longest, "the code to copy")


def _suffix(suffix: str) -> str:
    """The end of a link. Without line breaks and spaces, which no link has; never empty, for Meta refuses that (131008)."""
    return _words(_GAPS.sub("%20", suffix.strip()) or EMPTY_TEMPLATE_VALUE, limit.MAX_URL, "the end of the link")


def _card(number: int, card: Card, uploads: Uploads, *, positional: bool) -> Json:
    """A card of a carousel; pywa wants its picture uploaded by itself."""
    parts: list[Json] = []
    if card.media is not None:
        if card.media.kind not in (MediaKind.IMAGE, MediaKind.VIDEO):
            raise _Fault("on a card stands an image or a video")
        parts.append({"type": "HEADER", "parameters": [_media_parameter(card.media, uploads)]})
    if card.values:
        parts.append({"type": "BODY", "parameters": _values(card.values, positional=positional)})
    replies = [QuickReplyButton.params(callback_data=_payload(button), index=index).to_dict() for index, button in enumerate(card.buttons)]
    parts += replies
    if card.link_suffix is not None:
        parts.append(TemplateLink.params(url_variable=_suffix(card.link_suffix), index=len(replies)).to_dict())
    return {"card_index": number, "components": parts}


# ---- the smallest parts


def _file(media: Media, uploads: Uploads) -> Json:
    if (media.link is None) == (media.file is None):
        raise _Fault("a file is a link or a stored file, one of them")
    if media.link is not None:
        found = {"link": _url(media.link)}
    elif media.file in uploads and _SHA256.fullmatch(media.file or ""):
        found = {"id": uploads[media.file or ""]}
    else:
        raise _Fault("its file is not there any more")
    if media.kind is MediaKind.DOCUMENT and media.filename:
        found["filename"] = media.filename[: limit.MAX_FILENAME]
    return found


def _url(url: str) -> str:
    if not _LINK.fullmatch(url):
        raise _Fault("a link begins with https:// and has no spaces")
    return _words(url, limit.MAX_URL, "a link")


def _words(text: str, longest: int, what: str) -> str:
    if not text.strip():
        raise _Fault(f"{what} is empty")
    if len(text) > longest:
        raise _Fault(f"{what} has at most {longest} characters, and here are {len(text)}")
    return text


def _distinct(values: Sequence[str], what: str) -> None:
    if len(set(values)) != len(values):
        raise _Fault(f"two of the {what} are the same")


def _message_id(text: str | None) -> str:
    if text is None or not _MESSAGE_ID.fullmatch(text):
        raise _Fault("the message it answers has no id of WhatsApp's")
    return text
