"""One stored update of WhatsApp's -> what happened, as the house speaks of it.

The body is what `webhook.split` made: `{field, account, at, metadata, contact, part, item}`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from bot.channel.event import (
    ChannelEvent,
    DeliveryStatus,
    IdentityChanged,
    MessageReceived,
    Notice,
    PreferenceChanged,
    StaffWrote,
    StatusChanged,
    TemplateChanged,
)
from bot.channel.whatsapp.errors import explain
from bot.channel.whatsapp.names import CURRENT, names_in
from bot.channel.whatsapp.wire import Node, decode, first, integer, is_node, node, text, word
from bot.store.model import from_epoch


class Unreadable(ValueError):
    """An update that cannot be understood. The message is a sentence for the owner, without anything the customer wrote."""


def read(update_kind: str, body: bytes) -> ChannelEvent:
    """What an update means. Raises Unreadable, and nothing else, when it cannot be understood."""
    try:
        update = decode(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON, or nested too deep") from error
    update = node(update)
    if not is_node(update.get("item")):
        raise Unreadable("there is nothing in it")
    at = from_epoch(integer(update.get("at")) or 0)
    return _READERS.get(update_kind, _notice)(update, node(update["item"]), at)


# ---- messages

# Changes to what was said before, and signs: nobody answered anything with them.
_SIGNS = {
    "reaction": "the customer reacted to a message",
    "edit": "the customer edited a message",
    "revoke": "the customer deleted a message",
}

_WITH_CAPTION = ("image", "video", "document")

_NUMBER_CHANGES = ("user_changed_number", "customer_changed_number", "user_changed_user_id")


def _message(update: Node, item: Node, at: datetime) -> ChannelEvent:
    kind = word(item.get("type"))
    if kind is None:
        raise Unreadable("a message that does not say what type it is")
    if kind in _SIGNS:
        return Notice(at, _SIGNS[kind])
    if text(item.get("group_id")):
        return Notice(at, "somebody wrote in a group")
    words, payload = _words(kind, node(item.get(kind)))
    return MessageReceived(
        id=_id(item),
        at=at,
        kind=kind,
        text=words,
        payload=payload,
        reply_to=text(node(item.get("context")).get("id")),
        name=text(node(node(update.get("contact")).get("profile")).get("name")),
    )


def _words(kind: str, content: Node) -> tuple[str, str | None]:
    """What the customer said, and the payload of what they pressed."""
    if kind == "text":
        return _required(content, "body", "a text message without its text"), None
    if kind == "button":
        return _required(content, "text", "a pressed button without its title"), text(content.get("payload"))
    if kind == "interactive":
        return _choice(content)
    if kind == "order":
        return text(content.get("text")) or "", None
    if kind in _WITH_CAPTION:
        return text(content.get("caption")) or "", None
    return "", None


def _choice(interactive: Node) -> tuple[str, str | None]:
    """A pressed reply button or list row; other interactive answers (forms, addresses) are no words."""
    kind = interactive.get("type")
    if kind not in ("button_reply", "list_reply"):
        return "", None
    chosen = node(interactive.get(str(kind)))
    return text(chosen.get("title")) or "", text(chosen.get("id"))


def _system(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    told = node(item.get("system"))
    kind = word(told.get("type"))
    if kind in _NUMBER_CHANGES:
        return IdentityChanged(at, tuple(names_in(told, CURRENT)))
    return Notice(at, (kind or "a system message").replace("_", " "))


def _echo(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    kind = word(item.get("type"))
    if kind is None:
        raise Unreadable("a message of staff that does not say what type it is")
    if kind in _SIGNS:
        return Notice(at, f"staff sent, on the phone app: {kind}")
    words, _ = _words(kind, node(item.get(kind)))
    return StaffWrote(_id(item), at, words)


# ---- what became of our messages

_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,  # a voice message; more than read
    "failed": DeliveryStatus.FAILED,
}


def _status(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    written = word(item.get("status"))
    if written is None:
        raise Unreadable("a status that does not say what became of the message")
    if written not in _STATUSES:
        return Notice(at, f"the message is now: {written.replace('_', ' ')}")
    status, key = _STATUSES[written], text(item.get("biz_opaque_callback_data"))
    if status is not DeliveryStatus.FAILED:
        return StatusChanged(_id(item), at, status, key)
    error = first(item.get("errors"))
    return StatusChanged(_id(item), at, status, key, integer(error.get("code")), explain(error))


# ---- people and accounts


def _preference(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    """Cloud API: `user_preferences`. A stop is honoured whatever it is a stop of; consent must name marketing, or nothing else."""
    value, category = item.get("value"), item.get("category")
    if value == "stop":
        return PreferenceChanged(at, wants_marketing=False)
    if value in ("resume", "signup") and category in (None, "", "marketing_messages"):
        return PreferenceChanged(at, wants_marketing=True)
    if word(value) is None:
        raise Unreadable("a preference that does not say what the customer wants")
    return Notice(at, f"the customer's preference is now: {value}")


def _user_id(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    return IdentityChanged(at, tuple(names_in(item, CURRENT))[-1:])


# What is worth telling of an account's or a template's news, in the order of a sentence.
_TELLING = (
    "message_template_name",
    "message_template_language",
    "event",
    "reason",
    "new_category",
    "correct_category",
    "new_quality_score",
    "decision",
    "action_type",
    "code",
    "title",
)


_META_WORD = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


def _notice(update: Node, item: Node, at: datetime) -> Notice:
    about = (word(update.get("field")) or "something").replace("_", " ")
    told = [str(value) for value in map(item.get, _TELLING) if text(value) or integer(value) is not None]
    return Notice(at, f"{about}: {' '.join(told)}" if told else about)


def _template(update: Node, item: Node, at: datetime) -> ChannelEvent:
    """News of a template. Of a category only the one it has now: a planned one (with `correct_category`) is told, and comes again."""
    notice = _notice(update, item, at)
    name, language = text(item.get("message_template_name")), text(item.get("message_template_language"))
    if not name or not language:
        return notice
    return TemplateChanged(
        at,
        name,
        language.replace("-", "_"),
        notice.about,
        status=_word_of(item, "event"),
        category=_word_of(item, "new_category") or _word_of(item, "message_template_category"),
        quality=_word_of(item, "new_quality_score"),
    )


def _word_of(item: Node, key: str) -> str | None:
    told = text(item.get(key))
    return told.upper() if told and _META_WORD.fullmatch(told) else None


def _required(content: Node, key: str, complaint: str) -> str:
    if value := text(content.get(key)):
        return value
    raise Unreadable(complaint)


def _id(item: Node) -> str:
    return _required(item, "id", "a message or status without an id")


_READERS: Mapping[str, Callable[[Node, Node, datetime], ChannelEvent]] = {
    "message": _message,
    "system": _system,
    "echo": _echo,
    "status": _status,
    "preference": _preference,
    "user_id_update": _user_id,
    "message_template_status_update": _template,
    "message_template_quality_update": _template,
    "template_category_update": _template,
}
