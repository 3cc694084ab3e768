"""What Meta sends, kind by kind, in the forms of its documentation and of what was seen on the wire; and what it means here."""

import base64
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bot.channel.event import (
    AccountChanged,
    Attachment,
    Barred,
    Called,
    ChannelEvent,
    DailyLimit,
    DeliveryStatus,
    Edited,
    FormAnswered,
    IdentityChanged,
    LinkPressed,
    MessageReceived,
    Notice,
    NotSupported,
    NumberChanged,
    OrderedProduct,
    OrderPlacedInChat,
    PreferenceChanged,
    Pricing,
    ProductAsked,
    Reacted,
    Referral,
    Restriction,
    Revoked,
    SharedContacts,
    StaffChanged,
    StaffWrote,
    StatusChanged,
    TemplateChanged,
)
from bot.flow.facts import Money
from bot.flow.run import ContactCard, MediaKind, Place
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
OLD_NUMBER = (Identity(IdentityKind.WA_ID, DIGITS), Identity(IdentityKind.PHONE, PHONE))
OLD_USER = Identity(IdentityKind.BSUID, USER)
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


def echo(**written: Any) -> Json:
    """What staff did on the phone app, in the form of 2025: without contacts."""
    told = {"from": "15550783881", "to": DIGITS, "id": "wamid.E", "timestamp": str(WHEN), **written}
    return change("smb_message_echoes", message_echoes=[told])


AD = {
    "source_url": "https://fb.me/3c",
    "source_id": "120226305854810726",
    "source_type": "ad",
    "headline": "Chat with us",
    "body": "Summer!",
    "media_type": "image",
    "image_url": "https://scontent.xx.fbcdn.net/v/t45.1.jpg",
    "ctwa_clid": "Aff-n8Z",
    "welcome_message": {"text": "Hi there!"},
}
ITEMS = [
    {"product_retailer_id": "di9", "quantity": 2, "item_price": 30.5, "currency": "USD"},
    {"product_retailer_id": "nqr", "quantity": "1", "item_price": "free", "currency": "USD"},
    {"quantity": 7},
]
FAILED = {
    "code": 131049,
    "title": "Not delivered",
    "error_data": {"details": "In order to maintain a healthy ecosystem engagement, the message failed to be delivered."},
}
WHY_FAILED = (
    "this person gets enough marketing already, says WhatsApp "
    "(WhatsApp: In order to maintain a healthy ecosystem engagement, the message failed to be delivered.)"
)
FILE = {
    "mime_type": "image/jpeg",
    "sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=",
    "id": "1003383421387256",
    "url": "https://lookaside.fbsbx.com/x",
}
HASH = base64.b64decode(FILE["sha256"]).hex()


def file(kind: MediaKind, **more: Any) -> Attachment:
    """What `FILE` becomes."""
    return Attachment(kind, FILE["id"], FILE["mime_type"], HASH, url=FILE["url"], **more)


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
        wrote("text", {"body": "Still there?"}, referral=AD),
        "message",
        received(
            "text", "Still there?", referral=Referral("ad", "120226305854810726", "https://fb.me/3c", "Chat with us", "Summer!", "Aff-n8Z")
        ),
    ),
    Case(
        "text from an ad in a status, which has no click",
        wrote("text", {"body": "Hi"}, referral={"source_type": "ad", "source_id": "1", "welcome_message": {"text": "Hello"}}),
        "message",
        received("text", "Hi", referral=Referral("ad", "1")),
    ),
    Case(
        "picture from a post",
        wrote("image", {**FILE, "caption": "this?"}, referral={"source_type": "post", "source_id": "1", "media_type": "image"}),
        "message",
        received("image", "this?", attachment=file(MediaKind.IMAGE), referral=Referral("post", "1")),
    ),
    Case(
        "text about a product",
        wrote("text", {"body": "In stock?"}, context={"id": OURS, "referred_product": {"catalog_id": "1", "product_retailer_id": "p1"}}),
        "message",
        received("text", "In stock?", reply_to=OURS, detail=ProductAsked("p1", "1")),
    ),
    Case(
        "image",
        wrote("image", {**FILE, "caption": "this one"}),
        "message",
        received("image", "this one", attachment=file(MediaKind.IMAGE)),
    ),
    Case(
        "image with its hash in hexadecimal",
        wrote("image", {**FILE, "sha256": HASH}),
        "message",
        received("image", attachment=file(MediaKind.IMAGE)),
    ),
    Case("image without an id", wrote("image", {"caption": "look"}), "message", received("image", "look")),
    Case("video", wrote("video", {**FILE, "caption": "look"}), "message", received("video", "look", attachment=file(MediaKind.VIDEO))),
    Case(
        "document",
        wrote("document", {**FILE, "filename": "invoice.pdf"}),
        "message",
        received("document", attachment=file(MediaKind.DOCUMENT, filename="invoice.pdf")),
    ),
    Case("voice note", wrote("audio", {**FILE, "voice": True}), "message", received("audio", attachment=file(MediaKind.AUDIO, voice=True))),
    Case("audio", wrote("audio", {**FILE, "voice": False}), "message", received("audio", attachment=file(MediaKind.AUDIO))),
    Case("sticker", wrote("sticker", {**FILE, "animated": False}), "message", received("sticker", attachment=file(MediaKind.STICKER))),
    Case(
        "sticker that moves",
        wrote("sticker", {**FILE, "animated": True}),
        "message",
        received("sticker", attachment=file(MediaKind.STICKER, animated=True)),
    ),
    Case(
        "location",
        wrote("location", {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101 Forest Ave"}),
        "message",
        received("location", detail=Place(37.44, -122.16, "Philz", "101 Forest Ave")),
    ),
    Case("location in words", wrote("location", {"latitude": "north", "longitude": 1}), "message", received("location")),
    Case(
        "contacts",
        wrote(
            "contacts",
            [
                {"name": {"formatted_name": "Eva Luna"}, "phones": [{"phone": "+34 600 111 222", "wa_id": "34600111222"}]},
                {"name": {"first_name": "Bob"}},
                {"name": {}},
            ],
        ),
        "message",
        received("contacts", detail=SharedContacts((ContactCard("Eva Luna", "+34 600 111 222"), ContactCard("Bob", "")))),
    ),
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
        interactive("nfm_reply", name="flow", body="Sent", response_json='{"flow_token":"ft-42","size":"M","sizes":["M","L"],"gift":true}'),
        "message",
        received("interactive", reply_to=OURS, detail=FormAnswered("flow", (("size", "M"), ("sizes", "M, L"), ("gift", "yes")))),
    ),
    Case(
        "form with answers that are no JSON",
        interactive("nfm_reply", name="flow", response_json="{"),
        "message",
        received("interactive", reply_to=OURS, detail=FormAnswered("flow")),
    ),
    Case(
        "address",
        interactive("nfm_reply", name="address_message", body="addr", response_json='{"values":{"city":"Pune","pin":411001}}'),
        "message",
        received("interactive", reply_to=OURS, detail=FormAnswered("address_message", (("city", "Pune"), ("pin", "411001")))),
    ),
    Case(
        "order",
        wrote("order", {"catalog_id": "1", "text": "Love these!", "product_items": ITEMS}),
        "message",
        received(
            "order",
            "Love these!",
            detail=OrderPlacedInChat((OrderedProduct("di9", 2, Money(3050, "USD")), OrderedProduct("nqr", 1)), "1"),
        ),
    ),
    Case("order of nothing", wrote("order", {"product_items": []}), "message", received("order", detail=OrderPlacedInChat(()))),
    Case(
        "unsupported",
        wrote("unsupported", {"type": "poll_creation"}, errors=[{"code": 131051}]),
        "message",
        received("unsupported", detail=NotSupported("poll_creation")),
    ),
    Case(
        "unsupported, form of 2025",
        wrote("unsupported", errors=[{"code": 131051}]),
        "message",
        received("unsupported", detail=NotSupported()),
    ),
    Case(
        "word of calls",
        interactive("call_permission_reply", response="accept", expiration_timestamp=WHEN),
        "message",
        Called(AT, "wamid.interactive", False, "allowed us to call"),
    ),
    Case(
        "the chat was opened",
        wrote("request_welcome"),
        "message",
        Notice(AT, "the customer opened the chat for the first time"),
    ),
    Case("a type of next year", wrote("hologram", {"depth": 3}), "message", received("hologram")),
    Case("reaction", wrote("reaction", {"message_id": OURS, "emoji": "👍"}), "message", Reacted("wamid.reaction", AT, OURS, "👍")),
    Case("reaction taken back", wrote("reaction", {"message_id": OURS}), "message", Reacted("wamid.reaction", AT, OURS, None)),
    Case(
        "reaction taken back, other form",
        wrote("reaction", {"message_id": OURS, "emoji": ""}),
        "message",
        Reacted("wamid.reaction", AT, OURS, None),
    ),
    Case(
        "edit",
        wrote("edit", {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "in blue"}}}),
        "message",
        Edited("wamid.edit", AT, "wamid.1", "in blue"),
    ),
    Case(
        "edit of a caption",
        wrote("edit", {"original_message_id": "wamid.1", "message": {"type": "image", "image": {**FILE, "caption": "in blue"}}}),
        "message",
        Edited("wamid.edit", AT, "wamid.1", "in blue"),
    ),
    Case("revoke", wrote("revoke", {"original_message_id": "wamid.1"}), "message", Revoked("wamid.revoke", AT, "wamid.1")),
    Case("in a group", wrote("text", {"body": "hi all"}, group_id="g1"), "message", Notice(AT, "somebody wrote in a group")),
]

PEOPLE = [
    Case(
        "number changed",
        system("user_changed_number", {"from": DIGITS}, wa_id="12195555358"),
        "system",
        IdentityChanged(AT, NEW_NUMBER, OLD_NUMBER),
        (DIGITS, PHONE, "12195555358", "+12195555358"),
    ),
    Case(
        "number changed, older form",
        system("customer_changed_number", {"from": DIGITS}, new_wa_id="12195555358"),
        "system",
        IdentityChanged(AT, NEW_NUMBER, OLD_NUMBER),
        (DIGITS, PHONE, "12195555358", "+12195555358"),
    ),
    Case(
        "user id changed",
        system("user_changed_user_id", contacts=[{"user_id": "US.2", "wa_id": "12195555358"}], wa_id="12195555358", user_id="US.2"),
        "system",
        IdentityChanged(AT, (*NEW_NUMBER, NEW_USER), (*OLD_NUMBER, OLD_USER)),
        (DIGITS, PHONE, USER, "12195555358", "+12195555358", "US.2"),
    ),
    Case(
        "user id changed, no phone",
        system("user_changed_user_id", {}, previous_user_id=USER, user_id="US.2", wa_id=""),
        "system",
        IdentityChanged(AT, (NEW_USER,), (OLD_USER,)),
        (USER, "US.2"),
    ),
    Case(
        "user id update",
        change("user_id_update", user_id_update=[{"wa_id": DIGITS, "user_id": {"previous": USER, "current": "US.2"}, "timestamp": WHEN}]),
        "user_id_update",
        IdentityChanged(AT, (NEW_USER,), (OLD_USER,)),
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
        status("sent", biz_opaque_callback_data="c7.3", pricing={"billable": True, "type": "regular", "category": "marketing"}),
        "status",
        became(DeliveryStatus.SENT, key="c7.3", pricing=Pricing("marketing", "regular", True)),
    ),
    Case(
        "sent in a free entry point",
        status(
            "sent",
            pricing={"type": "free_entry_point", "category": "referral_conversion"},
            conversation={"id": "c1", "expiration_timestamp": str(WHEN + 3600), "origin": {"type": "referral_conversion"}},
        ),
        "status",
        became(
            DeliveryStatus.SENT,
            pricing=Pricing("referral_conversion", "free_entry_point"),
            free_until=datetime.fromtimestamp(WHEN + 3600, UTC),
        ),
    ),
    Case(
        "sent in a conversation of the old kind",
        status("sent", conversation={"id": "c1", "expiration_timestamp": str(WHEN), "origin": {"type": "service"}}, pricing={}),
        "status",
        became(DeliveryStatus.SENT),
    ),
    Case(
        "a price of next year",
        status("delivered", pricing={"category": "general_purpose_ai", "billable": "perhaps"}),
        "status",
        became(DeliveryStatus.DELIVERED, pricing=Pricing("general_purpose_ai", "")),
    ),
    Case("a call that rang", status("RINGING", type="call"), "status", Called(AT, OURS, False, "our call: ringing")),
    Case("a payment", status("failed", type="payment", payment={"reference_id": "r"}), "status", Notice(AT, "a payment: failed")),
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
        echo(type="image", image=FILE),
        "echo",
        StaffWrote("wamid.E", AT, "", "image", file(MediaKind.IMAGE)),
        (DIGITS, PHONE),
    ),
    Case(
        "staff edited something",
        echo(type="edit", edit={"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "at five"}}}),
        "echo",
        StaffChanged(AT, "wamid.1", "at five"),
        (DIGITS, PHONE),
    ),
    Case(
        "staff deleted something",
        echo(type="revoke", revoke={"original_message_id": "wamid.1"}),
        "echo",
        StaffChanged(AT, "wamid.1", None),
        (DIGITS, PHONE),
    ),
    Case(
        "staff reacted",
        echo(type="reaction", reaction={"message_id": "wamid.1", "emoji": "👍"}),
        "echo",
        Notice(AT, "staff reacted to a message, on the phone app"),
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
        "template approved, language with a hyphen",
        change(
            "message_template_status_update",
            numbered=False,
            message_template_name="cart_waiting",
            message_template_language="en-US",
            event="APPROVED",
            reason="NONE",
        ),
        "message template status update: cart_waiting en-US APPROVED NONE",
        status="APPROVED",
    ),
    news(
        "template rejected",
        template("message_template_status_update", event="REJECTED", reason="INVALID_FORMAT", rejection_info={"reason": "x"}),
        "message template status update: cart_waiting en_US REJECTED INVALID_FORMAT",
        status="REJECTED",
    ),
    news(
        "template disabled",
        template("message_template_status_update", event="DISABLED", reason="NONE", disable_info={"disable_date": "1751234563"}),
        "message template status update: cart_waiting en_US DISABLED NONE",
        status="DISABLED",
    ),
    news(
        "template quality",
        template("message_template_quality_update", new_quality_score="YELLOW"),
        "message template quality update: cart_waiting en_US YELLOW",
        quality="YELLOW",
    ),
]


def call(event: str, direction: str = "USER_INITIATED", **more: Any) -> Json:
    ours, theirs = "15550783881", DIGITS
    sides = {"from": theirs, "to": ours} if direction == "USER_INITIATED" else {"from": ours, "to": theirs}
    told = {"id": "wacid.1", **sides, "event": event, "direction": direction, "timestamp": str(WHEN), **more}
    return change("calls", calls=[told], contacts=[ANA])


CALLS = [
    Case("a call", call("connect", session={"sdp": "v=0"}), "calls", Called(AT, "wacid.1", True, "they called us by WhatsApp")),
    Case(
        "a call is over",
        call("terminate", duration=200, status="COMPLETED"),
        "calls",
        Called(AT, "wacid.1", False, "they called us: the call is over after 0:03:20"),
    ),
    Case(
        "our call failed",
        call("terminate", "BUSINESS_INITIATED", status="FAILED"),
        "calls",
        Called(AT, "wacid.1", False, "we called them: the call failed"),
    ),
    Case(
        "nobody answered", call("terminate", "BUSINESS_INITIATED"), "calls", Called(AT, "wacid.1", False, "we called them: nobody answered")
    ),
    Case(
        "link pressed",
        change(
            user_actions=[
                {
                    "action_type": "marketing_messages_link_click",
                    "timestamp": str(WHEN),
                    "marketing_messages_link_click_data": {"click_component": "cta", "product_id": "sku_1", "tracking_token": "tok"},
                }
            ],
            contacts=[ANA],
        ),
        "action",
        LinkPressed(AT, "sku_1", "tok"),
    ),
    Case(
        "something else was done",
        change(user_actions=[{"action_type": "story_viewed", "timestamp": str(WHEN)}], contacts=[ANA]),
        "action",
        Notice(AT, "messages: story_viewed"),
    ),
]


def number(title: str, field: str, about: str, *, phone: str | None = None, expected: Json | None = None, **value: Any) -> Case:
    """News of a number."""
    told = change(field, numbered=False, **value, **({"display_phone_number": phone} if phone else {}))
    return Case(title, told, field, NumberChanged(AT, phone, about, **(expected or {})), ())


def account(title: str, field: str, about: str, *, expected: Json | None = None, **value: Any) -> Case:
    """News of an account."""
    return Case(title, change(field, numbered=False, **value), field, AccountChanged(AT, ACCOUNT, about, **(expected or {})), ())


QUALITY, NAME = "phone_number_quality_update", "phone_number_name_update"
ACCOUNTS = [
    number(
        "throughput",
        QUALITY,
        "phone number quality update: THROUGHPUT_UPGRADE TIER_UNLIMITED",
        phone="15550783881",
        expected={"event": "THROUGHPUT_UPGRADE", "limit": DailyLimit(None)},
        event="THROUGHPUT_UPGRADE",
        max_daily_conversations_per_business="TIER_UNLIMITED",
    ),
    number(
        "quality fell",
        QUALITY,
        "phone number quality update: FLAGGED TIER_2K",
        phone="15550783881",
        expected={"event": "FLAGGED", "limit": DailyLimit(2000)},
        event="FLAGGED",
        current_limit="TIER_2K",
    ),
    number(
        "a tier of next year",
        QUALITY,
        "phone number quality update: UPGRADE TIER_GALACTIC",
        expected={"event": "UPGRADE"},
        event="UPGRADE",
        current_limit="TIER_GALACTIC",
    ),
    number(
        "name",
        NAME,
        "phone number name update: APPROVED",
        phone="15550783881",
        expected={"name": "Lucky Shrub"},
        decision="APPROVED",
        requested_verified_name="Lucky Shrub",
        rejection_reason="NONE",
    ),
    number("name refused", NAME, "phone number name update: REJECTED", decision="REJECTED", requested_verified_name="Meta"),
    account(
        "capability",
        "business_capability_update",
        "business capability update: 2000",
        expected={"limit": DailyLimit(2000)},
        max_daily_conversations_per_business=2000,
        max_phone_numbers_per_waba=25,
    ),
    account(
        "capability without end",
        "business_capability_update",
        "business capability update: TIER_UNLIMITED",
        expected={"limit": DailyLimit(None)},
        max_daily_conversations_per_business="TIER_UNLIMITED",
    ),
    account("capability of numbers", "business_capability_update", "business capability update", max_phone_numbers_per_waba=25),
    account(
        "alert",
        "account_alerts",
        "account alerts: CRITICAL OBA_REJECTED Look at it",
        expected={"alarming": True},
        entity_type="BUSINESS",
        alert_info={"alert_severity": "CRITICAL", "alert_type": "OBA_REJECTED", "alert_description": "Look at it"},
    ),
    account(
        "violation",
        "account_update",
        "account update: ACCOUNT_VIOLATION ADULT",
        expected={"event": "ACCOUNT_VIOLATION", "alarming": True},
        event="ACCOUNT_VIOLATION",
        violation_info={"violation_type": "ADULT"},
    ),
    account(
        "restriction",
        "account_update",
        "account update: ACCOUNT_RESTRICTION RESTRICTED_BIZ_INITIATED_MESSAGING RESTRICTED_FUN",
        expected={
            "event": "ACCOUNT_RESTRICTION",
            "alarming": True,
            "restrictions": (Restriction(Barred.STARTING, datetime.fromtimestamp(WHEN + 3600, UTC)), Restriction(Barred.OTHER)),
        },
        event="ACCOUNT_RESTRICTION",
        restriction_info=[
            {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": WHEN + 3600},
            {"restriction_type": "RESTRICTED_FUN"},
        ],
    ),
    account(
        "ban to come",
        "account_update",
        "account update: DISABLED_UPDATE SCHEDULE_FOR_DISABLE November 29, 2026",
        expected={"event": "DISABLED_UPDATE", "alarming": True, "banned_from": "November 29, 2026"},
        event="DISABLED_UPDATE",
        ban_info={"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "November 29, 2026"},
    ),
    account(
        "ban",
        "account_update",
        "account update: DISABLED_UPDATE DISABLE",
        expected={"event": "DISABLED_UPDATE", "alarming": True, "banned": True},
        event="DISABLED_UPDATE",
        ban_info={"waba_ban_state": "DISABLE"},
    ),
    account(
        "ban lifted",
        "account_update",
        "account update: DISABLED_UPDATE REINSTATE",
        expected={"event": "DISABLED_UPDATE", "banned": False},
        event="DISABLED_UPDATE",
        ban_info={"waba_ban_state": "REINSTATE"},
    ),
    account("review", "account_review_update", "account review update: APPROVED", decision="APPROVED"),
    account(
        "price tier",
        "account_update",
        "account update: VOLUME_BASED_PRICING_TIER_UPDATE",
        expected={"event": "VOLUME_BASED_PRICING_TIER_UPDATE"},
        event="VOLUME_BASED_PRICING_TIER_UPDATE",
    ),
]

NOTICES = [
    Case(
        "errors alone",
        change(errors=[{"code": 130429, "title": "Rate limit hit"}]),
        "error",
        Notice(AT, "messages: more messages a second than this number may send (WhatsApp: Rate limit hit)"),
        (),
    ),
    notice(
        "automatic events", change("automatic_events", automatic_events=[{"id": "wamid.A", "event_name": "Purchase"}]), "automatic events"
    ),
    notice("history", change("history", history=[{"metadata": {"phase": 0}, "threads": []}]), "history"),
    notice("contacts of the app", change("smb_app_state_sync", state_sync=[{"type": "contact", "action": "add"}]), "smb app state sync"),
    notice("template edited", template("message_template_components_update"), "message template components update: cart_waiting en_US"),
    notice(
        "name of the number's user", change("phone_number_username_update", numbered=False, username="casa"), "phone number username update"
    ),
    notice("security", change("security", numbered=False, event="PIN_CHANGED"), "security: PIN_CHANGED"),
    notice("forms health", change("flows", numbered=False, event="ENDPOINT_AVAILABILITY", flow_id="1"), "flows: ENDPOINT_AVAILABILITY"),
    notice("payments", change("payment_configuration_update", numbered=False, status="Needs Testing"), "payment configuration update"),
    notice("a group", change("group_lifecycle_update", groups=[{"group_id": "g", "type": "group_create"}]), "group lifecycle update"),
    notice("a field of next year", change("hologram_update", numbered=False, depth=3), "hologram update"),
]

CASES = [*MESSAGES, *PEOPLE, *STATUSES, *STAFF, *NEWS, *CALLS, *ACCOUNTS, *NOTICES]
