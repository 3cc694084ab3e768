"""One stored update of WhatsApp's -> what happened, as the house speaks of it.

The body is what `webhook.split` made: `{field, account, at, metadata, contact, part, item}`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.channel.event import (
    AccountChanged,
    Barred,
    Called,
    ChannelEvent,
    DailyLimit,
    DeliveryStatus,
    Edited,
    IdentityChanged,
    LinkPressed,
    MessageReceived,
    Notice,
    NumberChanged,
    PreferenceChanged,
    Pricing,
    Reacted,
    Restriction,
    Revoked,
    StaffChanged,
    StaffWrote,
    StatusChanged,
    TemplateChanged,
)
from bot.channel.whatsapp.content import Content, Missing, content_of, referral_of
from bot.channel.whatsapp.errors import explain
from bot.channel.whatsapp.names import CURRENT, MESSAGE, PREVIOUS, names_in
from bot.channel.whatsapp.wire import Node, decode, first, integer, is_node, line, listed, node, text, word
from bot.store.model import Identity, from_epoch


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
    try:
        return _READERS.get(update_kind, _notice)(update, node(update["item"]), at)
    except Missing as error:
        raise Unreadable(str(error)) from error


MOVES = frozenset({"system", "user_id_update"})  # the kinds that can tell that somebody goes by other names now


# ---- messages

_NUMBER_CHANGES = ("user_changed_number", "customer_changed_number", "user_changed_user_id")
_OPENED = "request_welcome"  # the customer opened the chat for the first time, and said nothing yet
_WORD_OF_CALLS = "call_permission_reply"


def _message(update: Node, item: Node, at: datetime) -> ChannelEvent:
    kind = word(item.get("type"))
    if kind is None:
        raise Unreadable("a message that does not say what type it is")
    if text(item.get("group_id")):
        return Notice(at, "somebody wrote in a group")
    if sign := _SIGNS.get(kind):
        return sign(item, at)
    if kind == _OPENED:
        return Notice(at, "the customer opened the chat for the first time")
    if kind == "interactive" and node(item.get(kind)).get("type") == _WORD_OF_CALLS:
        return _call_permission(node(node(item.get(kind)).get(_WORD_OF_CALLS)), item, at)
    content = content_of(kind, item)
    return MessageReceived(
        id=_id(item),
        at=at,
        kind=kind,
        text=content.text,
        payload=content.payload,
        reply_to=text(node(item.get("context")).get("id")),
        name=text(node(node(update.get("contact")).get("profile")).get("name")),
        attachment=content.attachment,
        referral=referral_of(item),
        detail=content.detail,
    )


# Changes to what was said before, and signs: nobody answered anything with them.


def _reaction(item: Node, at: datetime) -> ChannelEvent:
    told = node(item.get("reaction"))
    return Reacted(_id(item), at, _required(told, "message_id", "a reaction that does not say to what"), line(told.get("emoji"), _EMOJI))


def _edit(item: Node, at: datetime) -> ChannelEvent:
    told = node(item.get("edit"))
    return Edited(_id(item), at, _original(told), _edited(told).text)


def _revoke(item: Node, at: datetime) -> ChannelEvent:
    return Revoked(_id(item), at, _original(node(item.get("revoke"))))


_SIGNS: Mapping[str, Callable[[Node, datetime], ChannelEvent]] = {"reaction": _reaction, "edit": _edit, "revoke": _revoke}
_EMOJI = 40  # letters: a family of four with skin tones takes 15


def _original(told: Node) -> str:
    return _required(told, "original_message_id", "a change of a message that does not say which")


def _edited(told: Node) -> Content:
    """What an edited message says now. Cloud API: the whole message anew, of a text or a caption."""
    message = node(told.get("message"))
    kind = word(message.get("type"))
    if kind is None:
        raise Unreadable("an edit that does not say what the message is now")
    return content_of(kind, message)


def _call_permission(told: Node, item: Node, at: datetime) -> Called:
    allowed = told.get("response") == "accept"
    return Called(at, text(item.get("id")), by_customer=False, about=f"{'allowed' if allowed else 'did not allow'} us to call")


def _system(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    told = node(item.get("system"))
    kind = word(told.get("type"))
    if kind in _NUMBER_CHANGES:
        return _moved(at, (*names_in(item, MESSAGE), *names_in(told, PREVIOUS)), tuple(names_in(told, CURRENT)))
    return Notice(at, (kind or "a system message").replace("_", " "))


def _user_id(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    """Cloud API: `user_id_update` tells each id as it was and as it is; the number stays."""
    told = {key: item.get(key) for key in ("user_id", "parent_user_id")}
    before = {key: node(ids).get("previous") for key, ids in told.items()}
    now = {key: node(ids).get("current") if is_node(ids) else ids for key, ids in told.items()}
    return _moved(at, (*names_in(before, CURRENT), *names_in(item, PREVIOUS)), tuple(names_in(now, CURRENT)))


def _moved(at: datetime, before: tuple[Identity, ...], names: tuple[Identity, ...]) -> IdentityChanged:
    return IdentityChanged(at, names, tuple(name for name in dict.fromkeys(before) if name not in names))


# ---- what staff write on the phone app


def _echo(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    kind = word(item.get("type"))
    if kind is None:
        raise Unreadable("a message of staff that does not say what type it is")
    if kind == "edit":
        told = node(item.get("edit"))
        return StaffChanged(at, _original(told), _edited(told).text)
    if kind == "revoke":
        return StaffChanged(at, _original(node(item.get("revoke"))), None)
    if kind == "reaction":
        return Notice(at, "staff reacted to a message, on the phone app")
    content = content_of(kind, item)
    return StaffWrote(_id(item), at, content.text, kind, content.attachment)


# ---- calls


def _call(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    """Cloud API: `connect` as it rings, `terminate` when it is over, with how it went."""
    outward = item.get("direction") == "BUSINESS_INITIATED"
    event = word(item.get("event")) or ""
    who = "we called them" if outward else "they called us"
    if event == "terminate":
        return Called(at, text(item.get("id")), by_customer=False, about=f"{who}: {_end_of_call(item)}")
    about = f"{who} by WhatsApp" if event == "connect" else f"{who}: {(event or 'something').replace('_', ' ')}"
    return Called(at, text(item.get("id")), by_customer=event == "connect" and not outward, about=about)


def _end_of_call(item: Node) -> str:
    seconds = integer(item.get("duration"))
    if seconds:
        return f"the call is over after {timedelta(seconds=min(seconds, _LONGEST_CALL))}"
    return "the call failed" if item.get("status") == "FAILED" else "nobody answered"


_LONGEST_CALL = 99 * 3600  # seconds

# ---- what became of our messages

_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,  # a voice message; more than read
    "failed": DeliveryStatus.FAILED,
}
_OF_AN_AD = "referral_conversion"


def _status(_update: Node, item: Node, at: datetime) -> ChannelEvent:
    of = item.get("type")
    if of in ("call", "payment"):  # Cloud API: these ride in the same list, and say nothing of a message
        return _other_status(str(of), item, at)
    written = word(item.get("status"))
    if written is None:
        raise Unreadable("a status that does not say what became of the message")
    if written not in _STATUSES:
        return Notice(at, f"the message is now: {written.replace('_', ' ')}")
    status, key = _STATUSES[written], text(item.get("biz_opaque_callback_data"))
    pricing = _pricing(item.get("pricing")) if "pricing" in item else None
    free_until = _free_until(item.get("conversation")) if "conversation" in item else None
    if status is not DeliveryStatus.FAILED:
        return StatusChanged(_id(item), at, status, key, pricing=pricing, free_until=free_until)
    error = first(item.get("errors"))
    return StatusChanged(_id(item), at, status, key, integer(error.get("code")), explain(error), pricing, free_until)


def _pricing(written: object) -> Pricing | None:
    told = node(written)
    category, kind, billable = word(told.get("category")), word(told.get("type")), told.get("billable")
    if category is None and kind is None:
        return None
    return Pricing(category or "", kind or "", billable if isinstance(billable, bool) else None)


def _free_until(written: object) -> datetime | None:
    told = node(written)
    end = integer(told.get("expiration_timestamp"))
    return from_epoch(end) if end and node(told.get("origin")).get("type") == _OF_AN_AD else None


def _other_status(of: str, item: Node, at: datetime) -> ChannelEvent:
    about = (_word_of(item, "status") or "changed").lower()
    if of == "call":
        return Called(at, text(item.get("id")), by_customer=False, about=f"our call: {about}")
    return Notice(at, f"a payment: {about}")


# ---- what customers decide and press elsewhere


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


_CLICK = "marketing_messages_link_click"


def _action(update: Node, item: Node, at: datetime) -> ChannelEvent:
    if item.get("action_type") != _CLICK:
        return _notice(update, item, at)
    told = node(item.get(f"{_CLICK}_data"))
    return LinkPressed(at, line(told.get("product_id"), 512), line(told.get("tracking_token"), 512))


# ---- templates, numbers, accounts

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
    return Notice(at, _telling(update, item))


def _telling(update: Node, item: Node, *more: object) -> str:
    about = (word(update.get("field")) or "something").replace("_", " ")
    told = [said for value in (*map(item.get, _TELLING), *more) if (said := _said(value))]
    return f"{about}: {' '.join(told)}" if told else about


def _said(value: object) -> str | None:
    return str(number) if (number := integer(value)) is not None else line(value, _LONGEST_WORD)


_LONGEST_WORD = 300  # letters of one thing in such a sentence


def _trouble(update: Node, item: Node, at: datetime) -> Notice:
    """Cloud API: errors that belong to no message."""
    return Notice(at, f"{(word(update.get('field')) or 'something').replace('_', ' ')}: {explain(item)}")


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


def _phone(update: Node, item: Node, at: datetime) -> ChannelEvent:
    """Quality, throughput and name of a number, which is named by the digits it is displayed with."""
    limit = daily_limit(item.get("max_daily_conversations_per_business")) or daily_limit(item.get("current_limit"))
    named = update.get("field") == "phone_number_name_update" and item.get("decision") == "APPROVED"
    digits = "".join(re.findall(r"[0-9]", str(text(item.get("display_phone_number")) or "")))
    return NumberChanged(
        at,
        digits[:20] or None,
        _telling(update, item, item.get("max_daily_conversations_per_business") or item.get("current_limit")),
        event=_word_of(item, "event"),
        limit=limit,
        name=line(item.get("requested_verified_name"), 200) if named else None,
    )


_TIER = re.compile(r"TIER_(?:(?P<count>[0-9]{1,6})(?P<thousands>K?)|(?P<unlimited>UNLIMITED))")
_NO_LIMIT = 10**9  # people a day: more than there are customers


def daily_limit(told: object) -> DailyLimit | None:
    """`2000`, `"TIER_2K"`, `"TIER_UNLIMITED"`; None for what is no limit."""
    if isinstance(told, str) and (tier := _TIER.fullmatch(told)):
        return DailyLimit(None if tier["unlimited"] else int(tier["count"]) * (1000 if tier["thousands"] else 1))
    if told == -1:
        return DailyLimit(None)
    people = integer(told)
    if people is None or people < 1:
        return None
    return DailyLimit(people if people < _NO_LIMIT else None)


_BARS = {
    "RESTRICTED_BIZ_INITIATED_MESSAGING": Barred.STARTING,
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": Barred.EVERYTHING,
    "RESTRICTED_ALL_MESSAGING": Barred.EVERYTHING,
}
_ALARMING = frozenset({"ACCOUNT_VIOLATION", "ACCOUNT_RESTRICTION", "DISABLED_UPDATE", "ACCOUNT_DELETED", "PARTNER_REMOVED"})
_MOST_RESTRICTIONS = 20
_BANNED = {"DISABLE": True, "DISABLED": True, "REINSTATE": False, "REINSTATED": False}  # SCHEDULE_FOR_DISABLE: not yet


def _account(update: Node, item: Node, at: datetime) -> ChannelEvent:
    event, ban = _word_of(item, "event"), node(item.get("ban_info"))
    state, violation = _word_of(ban, "waba_ban_state"), _word_of(node(item.get("violation_info")), "violation_type")
    restrictions = tuple(_restriction(one) for one in listed(item.get("restriction_info"), _MOST_RESTRICTIONS))
    named = [_word_of(one, "restriction_type") for one in listed(item.get("restriction_info"), _MOST_RESTRICTIONS)]
    banned_from = line(ban.get("waba_ban_date"), 60)
    return AccountChanged(
        at,
        text(update.get("account")) or "",
        _telling(update, item, violation, state, banned_from, *named),
        event=event,
        restrictions=restrictions,
        banned=_BANNED.get(state or ""),
        banned_from=banned_from,
        alarming=event in _ALARMING and _BANNED.get(state or "") is not False,
    )


def _restriction(told: Node) -> Restriction:
    end = integer(told.get("expiration"))
    return Restriction(_BARS.get(_word_of(told, "restriction_type") or "", Barred.OTHER), from_epoch(end) if end else None)


def _capability(update: Node, item: Node, at: datetime) -> ChannelEvent:
    told = item.get("max_daily_conversations_per_business", item.get("max_daily_conversation_per_phone"))
    return AccountChanged(at, text(update.get("account")) or "", _telling(update, item, told), limit=daily_limit(told))


def _alert(update: Node, item: Node, at: datetime) -> ChannelEvent:
    alert = node(item.get("alert_info")) or item
    severity = _word_of(alert, "alert_severity")
    told = _telling(update, item, severity, _word_of(alert, "alert_type"), line(alert.get("alert_description"), 300))
    return AccountChanged(at, text(update.get("account")) or "", told, alarming=severity in ("CRITICAL", "WARNING"))


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
    "action": _action,
    "error": _trouble,
    "calls": _call,
    "user_id_update": _user_id,
    "message_template_status_update": _template,
    "message_template_quality_update": _template,
    "template_category_update": _template,
    "phone_number_quality_update": _phone,
    "phone_number_name_update": _phone,
    "account_update": _account,
    "account_review_update": _account,
    "business_capability_update": _capability,
    "account_alerts": _alert,
}
