"""What Meta sends, kind by kind, in the forms of its documentation and of what was seen on the wire; and what it means here."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

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
from bot.store.model import Identity, IdentityKind

WHEN = 1_795_305_600
AT = datetime.fromtimestamp(WHEN, UTC)
NUMBER = "106540352242922"
ACCOUNT = "102290129340398"
DIGITS = "16505551234"
PHONE = f"+{DIGITS}"
USER = "US.13491208655302741918"
PARENT = "US.ENT.11815799212886844830"
ANA = {"profile": {"name": "Ana", "username": "ana.n"}, "wa_id": DIGITS, "user_id": USER}
ANA_WITHOUT_PHONE = {"profile": {"name": "Ana", "username": "ana.n"}, "user_id": USER}
SENDER = {"from": DIGITS, "from_user_id": USER}
EVERY_NAME = (DIGITS, PHONE, USER)
NEW_NUMBER = (Identity(IdentityKind.WA_ID, "12195555358"), Identity(IdentityKind.PHONE, "+12195555358"))
NEW_USER = Identity(IdentityKind.BSUID, "US.2")
OURS = "wamid.OURS"

Json = dict[str, Any]


class Case(NamedTuple):
    """One change, and the update and event it becomes. `names` are the values of the identities, in order."""

    title: str
    change: Json
    kind: str
    event: ChannelEvent
    names: tuple[str, ...] = EVERY_NAME


def change(field: str = "messages", *, numbered: bool = True, **written: Any) -> Json:
    value = {key: part for key, part in written.items() if part is not None}
    shared = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}}
    return {"field": field, "value": {**shared, **value} if numbered else value}


def envelope(*changes: Json, time: Any = WHEN, account: Any = ACCOUNT) -> Json:
    return {"object": "whatsapp_business_account", "entry": [{"id": account, "time": time, "changes": list(changes)}]}


def body(*changes: Json) -> bytes:
    return json.dumps(envelope(*changes)).encode()


def wrote(kind: str, content: Any = None, *, sender: Json = SENDER, contacts: Any = (ANA,), **more: Any) -> Json:
    """A customer's message of a type."""
    parts = {} if content is None else {kind: content}
    message = {**sender, "id": f"wamid.{kind}", "timestamp": str(WHEN), "type": kind, **parts, **more}
    return change(messages=[message], contacts=contacts and list(contacts))


def received(kind: str, text: str = "", payload: str | None = None, **more: Any) -> MessageReceived:
    return MessageReceived(f"wamid.{kind}", AT, kind, text, payload, **{"name": "Ana", **more})


def status(name: str, *, contacts: Any = ({"wa_id": DIGITS, "user_id": USER},), **more: Any) -> Json:
    told = {"id": OURS, "status": name, "timestamp": str(WHEN), "recipient_id": DIGITS, "recipient_user_id": USER, **more}
    return change(statuses=[told], contacts=contacts and list(contacts))


def became(name: DeliveryStatus, **more: Any) -> StatusChanged:
    return StatusChanged(OURS, AT, name, **more)


def system(kind: str, sender: Json = SENDER, contacts: Any = None, **content: Any) -> Json:
    return wrote("system", {"type": kind, "body": "User Ana changed something", **content}, sender=sender, contacts=contacts)


def wants(value: Any, contacts: Any = (ANA,), **more: Any) -> Json:
    told = {"wa_id": DIGITS, "category": "marketing_messages", "value": value, "timestamp": WHEN, "detail": "User asked", **more}
    return change("user_preferences", user_preferences=[told], contacts=list(contacts))


def interactive(kind: str, **content: Any) -> Json:
    return wrote("interactive", {"type": kind, kind: content}, context={"from": "15550783881", "id": OURS})


def template(field: str, **value: Any) -> Json:
    named = {"message_template_id": 1, "message_template_name": "cart_waiting", "message_template_language": "en_US"}
    return change(field, numbered=False, **named, **value)


FAILED = {
    "code": 131049,
    "title": "Not delivered",
    "error_data": {"details": "In order to maintain a healthy ecosystem engagement, the message failed to be delivered."},
}
WHY_FAILED = (
    "this person gets enough marketing already, says WhatsApp "
    "(WhatsApp: In order to maintain a healthy ecosystem engagement, the message failed to be delivered.)"
)
FILE = {"mime_type": "x/y", "sha256": "aaaa", "id": "1003383421387256", "url": "https://lookaside.fbsbx.com/x"}

MESSAGES = [
    Case("text", wrote("text", {"body": "In green?"}), "message", received("text", "In green?")),
    Case(
        "text of somebody with a username",
        wrote("text", {"body": "STOP"}, sender={"from_user_id": USER}, contacts=[ANA_WITHOUT_PHONE]),
        "message",
        received("text", "STOP"),
        (USER,),
    ),
    Case(
        "empty and null names are none",
        wrote("text", {"body": "STOP"}, sender={"from": "", "from_user_id": USER, "from_parent_user_id": None}, contacts=[{"wa_id": ""}]),
        "message",
        received("text", "STOP", name=None),
        (USER,),
    ),
    Case(
        "parent id",
        wrote("text", {"body": "Hi"}, sender={**SENDER, "from_parent_user_id": PARENT}),
        "message",
        received("text", "Hi"),
        (DIGITS, PHONE, USER, PARENT),
    ),
    Case(
        "text without contacts",
        wrote("text", {"body": "Hi"}, contacts=None),
        "message",
        received("text", "Hi", name=None),
    ),
    Case(
        "text from an ad",
        wrote("text", {"body": "Still there?"}, referral={"source_type": "ad", "ctwa_clid": "Aff-n8Z"}),
        "message",
        received("text", "Still there?"),
    ),
    Case(
        "text about a product",
        wrote("text", {"body": "In stock?"}, context={"id": OURS, "referred_product": {"catalog_id": "1"}}),
        "message",
        received("text", "In stock?", reply_to=OURS),
    ),
    Case("image", wrote("image", {**FILE, "caption": "this one"}), "message", received("image", "this one")),
    Case("video", wrote("video", {**FILE, "caption": "look"}), "message", received("video", "look")),
    Case("document", wrote("document", {**FILE, "filename": "invoice.pdf"}), "message", received("document")),
    Case("voice note", wrote("audio", {**FILE, "voice": True}), "message", received("audio")),
    Case("sticker", wrote("sticker", {**FILE, "animated": False}), "message", received("sticker")),
    Case("location", wrote("location", {"latitude": 37.4, "longitude": -122.2}), "message", received("location")),
    Case("contacts", wrote("contacts", [{"name": {"first_name": "Eva"}}]), "message", received("contacts")),
    Case(
        "template quick reply",
        wrote("button", {"payload": "r7:2:0", "text": "Finish my order"}, context={"id": OURS}),
        "message",
        received("button", "Finish my order", "r7:2:0", reply_to=OURS),
    ),
    Case(
        "reply button",
        interactive("button_reply", id="r7:2:1", title="Too expensive"),
        "message",
        received("interactive", "Too expensive", "r7:2:1", reply_to=OURS),
    ),
    Case(
        "list row",
        interactive("list_reply", id="r7:2:5", title="M", description="Medium"),
        "message",
        received("interactive", "M", "r7:2:5", reply_to=OURS),
    ),
    Case(
        "form",
        interactive("nfm_reply", name="flow", response_json='{"size":"M"}'),
        "message",
        received("interactive", reply_to=OURS),
    ),
    Case(
        "order",
        wrote("order", {"catalog_id": "1", "text": "Love these!", "product_items": []}),
        "message",
        received("order", "Love these!"),
    ),
    Case("unsupported", wrote("unsupported", {"type": "poll"}, errors=[{"code": 131051}]), "message", received("unsupported")),
    Case("a type of next year", wrote("hologram", {"depth": 3}), "message", received("hologram")),
    Case(
        "reaction",
        wrote("reaction", {"message_id": OURS, "emoji": "👍"}),
        "message",
        Notice(AT, "the customer reacted to a message"),
    ),
    Case("reaction taken back", wrote("reaction", {"message_id": OURS}), "message", Notice(AT, "the customer reacted to a message")),
    Case(
        "edit",
        wrote("edit", {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "x"}}}),
        "message",
        Notice(AT, "the customer edited a message"),
    ),
    Case("revoke", wrote("revoke", {"original_message_id": "wamid.1"}), "message", Notice(AT, "the customer deleted a message")),
    Case("in a group", wrote("text", {"body": "hi all"}, group_id="g1"), "message", Notice(AT, "somebody wrote in a group")),
]

PEOPLE = [
    Case(
        "number changed",
        system("user_changed_number", {"from": DIGITS}, wa_id="12195555358"),
        "system",
        IdentityChanged(AT, NEW_NUMBER),
        (DIGITS, PHONE, "12195555358", "+12195555358"),
    ),
    Case(
        "number changed, older form",
        system("customer_changed_number", {"from": DIGITS}, new_wa_id="12195555358"),
        "system",
        IdentityChanged(AT, NEW_NUMBER),
        (DIGITS, PHONE, "12195555358", "+12195555358"),
    ),
    Case(
        "user id changed",
        system("user_changed_user_id", contacts=[{"user_id": "US.2", "wa_id": "12195555358"}], wa_id="12195555358", user_id="US.2"),
        "system",
        IdentityChanged(AT, (*NEW_NUMBER, NEW_USER)),
        (DIGITS, PHONE, USER, "12195555358", "+12195555358", "US.2"),
    ),
    Case(
        "user id changed, no phone",
        system("user_changed_user_id", {}, previous_user_id=USER, user_id="US.2", wa_id=""),
        "system",
        IdentityChanged(AT, (NEW_USER,)),
        (USER, "US.2"),
    ),
    Case(
        "user id update",
        change("user_id_update", user_id_update=[{"wa_id": DIGITS, "user_id": {"previous": USER, "current": "US.2"}, "timestamp": WHEN}]),
        "user_id_update",
        IdentityChanged(AT, (NEW_USER,)),
        (DIGITS, PHONE, USER, "US.2"),
    ),
    Case("new phone", system("customer_identity_changed"), "system", Notice(AT, "customer identity changed")),
    Case("stop", wants("stop", user_id=USER), "preference", PreferenceChanged(AT, False)),
    Case("stop of something else", wants("stop", category="offers"), "preference", PreferenceChanged(AT, False)),
    Case(
        "resume, form of 2025",
        wants("resume", contacts=[{"wa_id": DIGITS}]),
        "preference",
        PreferenceChanged(AT, True),
        (DIGITS, PHONE),
    ),
    Case("signup", wants("signup"), "preference", PreferenceChanged(AT, True)),
    Case(
        "resume of something else", wants("resume", category="offers"), "preference", Notice(AT, "the customer's preference is now: resume")
    ),
]

STATUSES = [
    Case(
        "sent",
        status("sent", biz_opaque_callback_data="c7.3", pricing={"billable": True, "category": "marketing"}),
        "status",
        became(DeliveryStatus.SENT, key="c7.3"),
    ),
    Case("delivered", status("delivered"), "status", became(DeliveryStatus.DELIVERED)),
    Case("read", status("read"), "status", became(DeliveryStatus.READ)),
    Case("played", status("played"), "status", became(DeliveryStatus.READ)),
    Case(
        "failed, without contacts",
        status("failed", contacts=None, errors=[FAILED], biz_opaque_callback_data="c7.3"),
        "status",
        became(DeliveryStatus.FAILED, key="c7.3", code=131049, detail=WHY_FAILED),
    ),
    Case(
        "failed, without a reason",
        status("failed", contacts=[{"wa_id": DIGITS}]),
        "status",
        became(DeliveryStatus.FAILED, detail="WhatsApp gave no reason"),
    ),
    Case("a status of next year", status("teleported"), "status", Notice(AT, "the message is now: teleported")),
    Case(
        "of a group",
        status("delivered", contacts=None, recipient_id="Y2FwaV9ncm91cDo", recipient_user_id=None, recipient_type="group"),
        "status",
        became(DeliveryStatus.DELIVERED),
        (),
    ),
]

STAFF = [
    Case(
        "echo",
        change(
            "smb_message_echoes",
            contacts=[ANA],
            message_echoes=[
                {
                    "from": "15550783881",
                    "to": DIGITS,
                    "to_user_id": USER,
                    "id": "wamid.E",
                    "timestamp": str(WHEN),
                    "type": "text",
                    "text": {"body": "Hi!"},
                }
            ],
        ),
        "echo",
        StaffWrote("wamid.E", AT, "Hi!"),
    ),
    Case(
        "echo without contacts",
        change(
            "smb_message_echoes",
            message_echoes=[{"from": "15550783881", "to": DIGITS, "id": "wamid.E", "timestamp": str(WHEN), "type": "image", "image": FILE}],
        ),
        "echo",
        StaffWrote("wamid.E", AT, ""),
        (DIGITS, PHONE),
    ),
    Case(
        "staff deleted something",
        change("smb_message_echoes", message_echoes=[{"to": DIGITS, "id": "wamid.E", "timestamp": str(WHEN), "type": "revoke"}]),
        "echo",
        Notice(AT, "staff sent, on the phone app: revoke"),
        (DIGITS, PHONE),
    ),
]


def notice(title: str, written: Json, about: str, kind: str | None = None, names: tuple[str, ...] = ()) -> Case:
    return Case(title, written, kind or written["field"], Notice(AT, about), names)


def news(title: str, written: Json, about: str, **told: str) -> Case:
    return Case(title, written, written["field"], TemplateChanged(AT, "cart_waiting", "en_US", about, **told), ())


NEWS = [
    news(
        "template paused",
        template("message_template_status_update", event="PAUSED", reason="NONE", message_template_category="MARKETING"),
        "message template status update: cart_waiting en_US PAUSED NONE",
        status="PAUSED",
        category="MARKETING",
    ),
    news(
        "template recategorised",
        template("template_category_update", previous_category="UTILITY", new_category="MARKETING"),
        "template category update: cart_waiting en_US MARKETING",
        category="MARKETING",
    ),
    news(
        "template to be recategorised",
        template("template_category_update", new_category="UTILITY", correct_category="MARKETING"),
        "template category update: cart_waiting en_US UTILITY MARKETING",
        category="UTILITY",
    ),
    news(
        "template quality",
        template("message_template_quality_update", new_quality_score="YELLOW"),
        "message template quality update: cart_waiting en_US YELLOW",
        quality="YELLOW",
    ),
]

NOTICES = [
    notice(
        "errors alone",
        change(errors=[{"code": 130429, "title": "Rate limit hit"}]),
        "messages: 130429 Rate limit hit",
    ),
    notice(
        "link pressed",
        change(user_actions=[{"action_type": "marketing_messages_link_click", "timestamp": str(WHEN)}], contacts=[ANA]),
        "messages: marketing_messages_link_click",
        names=EVERY_NAME,
    ),
    notice("call", change("calls", calls=[{"id": "wacid.1", "event": "connect", "timestamp": str(WHEN)}]), "calls: connect"),
    notice(
        "automatic events", change("automatic_events", automatic_events=[{"id": "wamid.A", "event_name": "Purchase"}]), "automatic events"
    ),
    notice("history", change("history", history=[{"metadata": {"phase": 0}, "threads": []}]), "history"),
    notice("contacts of the app", change("smb_app_state_sync", state_sync=[{"type": "contact", "action": "add"}]), "smb app state sync"),
    notice("template edited", template("message_template_components_update"), "message template components update: cart_waiting en_US"),
    notice(
        "throughput",
        change("phone_number_quality_update", numbered=False, event="THROUGHPUT_UPGRADE"),
        "phone number quality update: THROUGHPUT_UPGRADE",
    ),
    notice("capability", change("business_capability_update", numbered=False, max_phone_numbers_per_waba=25), "business capability update"),
    notice("alert", change("account_alerts", numbered=False, alert_info={"alert_type": "X"}), "account alerts"),
    notice("violation", change("account_update", numbered=False, event="ACCOUNT_VIOLATION"), "account update: ACCOUNT_VIOLATION"),
    notice("name", change("phone_number_name_update", numbered=False, decision="APPROVED"), "phone number name update: APPROVED"),
    notice("a field of next year", change("hologram_update", numbered=False, depth=3), "hologram update"),
]

CASES = [*MESSAGES, *PEOPLE, *STATUSES, *STAFF, *NEWS, *NOTICES]
