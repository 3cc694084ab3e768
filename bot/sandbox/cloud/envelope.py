"""The webhook bodies of the Cloud API: one `changes[]` element for each thing that happened, and the envelope around them."""

import copy
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.cloud.account import Number
from bot.sandbox.cloud.bubble import Bubble, Button, ButtonKind
from bot.sandbox.cloud.customer import Customer
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.template import Template, buttons_of

ENTRY_SIZE = 3  # changes of one entry when updates are batched: a POST then has several entries
LISTS = ("messages", "statuses", "user_preferences")  # what updates of one kind and number may share one value for
Json = dict[str, Any]


def sign(app_secret: str, body: bytes) -> Mapping[str, str]:
    """Meta's signature over the raw body."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(app_secret.encode(), body, "sha256").hexdigest()}


def pack(waba_id: str, changes: Sequence[Json], at: datetime | None = None, *, merge: bool = False, strange: bool = False) -> bytes:
    """One POST with these changes, ASCII-escaped as Meta's bodies are.

    `merge`: updates of one kind share a value. `strange`: fields and values that no document knows stand in it.
    """
    changes = _merged(changes) if merge else list(changes)
    entries: list[Json] = []
    for start in range(0, len(changes), ENTRY_SIZE):
        some = changes[start : start + ENTRY_SIZE]
        entry: Json = {"id": waba_id, "changes": some}
        if at is not None and all(one["field"] != "messages" for one in some):
            entry["time"] = int(at.timestamp())
        entries.append(entry)
    whole: Json = {"object": "whatsapp_business_account", "entry": entries}
    return json.dumps(_strange(whole) if strange else whole).encode()


def _merged(changes: Sequence[Json]) -> list[Json]:
    """The changes with items of one kind and number in one value, as Meta may send them."""
    made: list[Json] = []
    places: dict[tuple[str, str], Json] = {}
    for change in changes:
        kind = next((name for name in LISTS if name in change["value"]), None)
        if kind is None:
            made.append(change)
            continue
        key = (kind, json.dumps(change["value"].get("metadata")))
        if key not in places:
            places[key] = copy.deepcopy(change)
            made.append(places[key])
            continue
        value = places[key]["value"]
        value[kind] += change["value"][kind]
        known = value.get("contacts", [])
        more = [one for one in change["value"].get("contacts", []) if one not in known]
        if known or more:
            value["contacts"] = known + more
    return made


def _strange(whole: Json) -> Json:
    """With what a later version of the API might add."""
    made = copy.deepcopy(whole)
    made["sandbox_new_field"] = {"of": ["tomorrow"]}
    for change in (one for entry in made["entry"] for one in entry["changes"]):
        change["value"]["sandbox_new_field"] = 1
        for item in (one for name in LISTS for one in change["value"].get(name, [])):
            item["sandbox_new_field"] = None
            if "pricing" in item:
                item["pricing"] |= {"pricing_model": "PMP2", "sandbox_new_field": "x"}
    return made


# what customers do


@dataclass(frozen=True, slots=True)
class Hiding:
    """How webhooks name those who hide their number: without it, or with an empty one."""

    empty: bool = False


def contact(customer: Customer, hiding: Hiding | None = None) -> Json:
    """One of `contacts[]`; without `wa_id` for those who hide their number."""
    profile: Json = {"name": customer.name}
    known: Json = {"user_id": customer.user_id}
    if customer.linked:
        known["parent_user_id"] = customer.parent_user_id
    if customer.username:
        profile["username"] = customer.username
        return {"profile": profile, **({"wa_id": ""} if hiding and hiding.empty else {}), **known}
    return {"profile": profile, "wa_id": customer.wa_id, **known}


def inbound(number: Number, customer: Customer, message: Json, hiding: Hiding | None = None) -> Json:
    """A message by the customer; `message` has `id`, `timestamp`, `type` and what belongs to the type."""
    sender: Json = {"from": customer.wa_id} if not customer.username else {"from": ""} if hiding and hiding.empty else {}
    sender["from_user_id"] = customer.user_id
    if customer.linked:
        sender["from_parent_user_id"] = customer.parent_user_id
    return _messages(number, contacts=[contact(customer, hiding)], messages=[sender | message])


def press(number: Number, button: Button, message_id: str) -> Json:
    """The part of an inbound message that says which button of which message was pressed."""
    part: Json = {"context": {"from": number.display, "id": message_id}}
    if button.kind is ButtonKind.QUICK_REPLY:
        return part | {"type": "button", "button": {"payload": button.value, "text": button.title}}
    reply = {"id": button.value, "title": button.title}
    if button.kind is ButtonKind.ROW:
        row = reply | ({"description": button.description} if button.description else {})
        return part | {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": row}}
    return part | {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": reply}}


def system(number: Number, customer: Customer, message: Json, *, named: bool) -> Json:
    """A system message about a customer. `named`: with `contacts`, as only some kinds have them."""
    whole = ({} if customer.username else {"from": customer.wa_id}) | message | {"type": "system"}
    return _messages(number, **({"contacts": [contact(customer)]} if named else {}), messages=[whole])


def preference(customer: Customer, number: Number, value: str, at: datetime) -> Json:
    """The customer used WhatsApp's own `stop promotions` or took it back. The timestamp is a number here."""
    known = {"user_id": customer.user_id} | ({} if customer.username else {"wa_id": customer.wa_id})
    one = known | {
        "detail": f"User requested to {value} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(at.timestamp()),
    }
    value_part = {"messaging_product": "whatsapp", "metadata": number.metadata(), "contacts": [contact(customer)]}
    return {"field": "user_preferences", "value": value_part | {"user_preferences": [one]}}


def call(number: Number, customer: Customer, call_id: str, event: str, at: datetime) -> Json:
    """A call by the customer: `connect` when it rings, `terminate` when it is over."""
    one: Json = {"id": call_id, "to": number.display, "event": event, "timestamp": epoch(at), "direction": "USER_INITIATED"}
    one |= {"from_user_id": customer.user_id} | ({} if customer.username else {"from": customer.wa_id})
    if event == "terminate":
        one["status"] = "FAILED"  # nobody picks up here
    value = {"messaging_product": "whatsapp", "metadata": number.metadata(), "contacts": [contact(customer)], "calls": [one]}
    return {"field": "calls", "value": value}


def user_id_update(number: Number, customer: Customer, before: str, at: datetime) -> Json:
    """The customer has another business-scoped user id."""
    one = {"user_id": {"previous": before, "current": customer.user_id}, "timestamp": epoch(at)}
    one |= {} if customer.username else {"wa_id": customer.wa_id}
    value = {"messaging_product": "whatsapp", "metadata": number.metadata(), "contacts": [contact(customer)], "user_id_update": [one]}
    return {"field": "user_id_update", "value": value}


def link_click(number: Number, product: str, at: datetime) -> Json:
    """Somebody opened the link of a marketing message."""
    data = {"click_component": "cta", "product_id": product, "click_id": "click", "tracking_token": "token"}
    one = {"action_type": "marketing_messages_link_click", "timestamp": epoch(at), "marketing_messages_link_click_data": data}
    return _messages(number, user_actions=[one])


def echo(number: Number, customer: Customer, message: Json) -> Json:
    """Staff wrote with the WhatsApp Business app on the same number."""
    to = {"to_user_id": customer.user_id} | ({} if customer.username else {"to": customer.wa_id})
    value = {"messaging_product": "whatsapp", "metadata": number.metadata(), "contacts": [contact(customer)]}
    return {"field": "smb_message_echoes", "value": value | {"message_echoes": [{"from": number.display, **to, **message}]}}


# what becomes of the business's messages


def status(
    number: Number, customer: Customer, bubble: Bubble, word: str, at: datetime, *, named: bool = True, cost: Json | None = None
) -> Json:
    """`sent`, `delivered`, `read` or `played` of a message of the business. `cost`: its `pricing`, and `conversation` where it is free."""
    whole = _status(customer, bubble, word, at) | (cost or {})
    return _messages(number, **({"contacts": [contact(customer)]} if named else {}), statuses=[whole])


def price(category: str, *, free: str = "", until: datetime | None = None, conversation: str = "") -> Json:
    """The price of a message. `free`: empty, `free_customer_service`, or `free_entry_point` with the end of its 72 hours."""
    kind = "referral_conversion" if free == "free_entry_point" else category
    whole: Json = {"pricing": {"billable": not free, "pricing_model": "PMP", "type": free or "regular", "category": kind}}
    if free == "free_entry_point" and until:
        digest = hashlib.sha256(conversation.encode()).hexdigest()[:32]
        whole["conversation"] = {"id": digest, "expiration_timestamp": epoch(until), "origin": {"type": "referral_conversion"}}
    return whole


def failed(number: Number, customer: Customer, bubble: Bubble, error: GraphError, at: datetime, *, named: bool = False) -> Json:
    """A `failed` status, without `contacts` as Meta documents it; `named`: with the least of them, as it was seen."""
    whole = _status(customer, bubble, "failed", at) | {"errors": [error.in_status()]}
    contacts = [{"wa_id": customer.wa_id}] if named and not customer.username else []
    return _messages(number, **({"contacts": contacts} if contacts else {}), statuses=[whole])


def errors_only(number: Number, error: GraphError) -> Json:
    """An error that belongs to no message."""
    return _messages(number, errors=[error.in_status()])


# what becomes of templates, numbers and the account


def template_status(
    template: Template, reason: str = "NONE", *, other: tuple[str, str] | None = None, disabled_at: datetime | None = None
) -> Json:
    """A template's review came to an end, or it was paused (`other`: title and description) or disabled."""
    value = _template(template) | {
        "message_template_category": template.category,
        "event": template.status,
        "reason": reason,
    }
    if template.status == "REJECTED" and reason == "INVALID_FORMAT":
        value["rejection_info"] = {"reason": "The format is not valid.", "recommendation": "Change it and send it for review again."}
    if other:
        value["other_info"] = {"title": other[0], "description": other[1]}
    if disabled_at:
        value["disable_info"] = {"disable_date": epoch(disabled_at)}
    return {"field": "message_template_status_update", "value": value}


def template_quality(template: Template, before: str) -> Json:
    """How well people take a template."""
    value = {"previous_quality_score": before, "new_quality_score": template.quality}
    return {"field": "message_template_quality_update", "value": value | _template(template)}


def template_category_notice(template: Template, category: str, at: datetime) -> Json:
    """A template gets another category at a coming time."""
    value = {"new_category": template.category, "correct_category": category, "category_update_timestamp": int(at.timestamp())}
    return {"field": "template_category_update", "value": _template(template) | value}


def template_category(template: Template, before: str) -> Json:
    """A template got another category."""
    value = {"previous_category": before, "new_category": template.category}
    return {"field": "template_category_update", "value": _template(template) | value}


def template_components(template: Template) -> Json:
    """A template's words were changed."""
    value: Json = _template(template) | {
        "message_template_title": str(template.component("HEADER").get("text", "")),
        "message_template_element": str(template.component("BODY").get("text", "")),
        "message_template_footer": str(template.component("FOOTER").get("text", "")),
    }
    buttons = [
        {"message_template_button_type": str(one.get("type", "")).upper(), "message_template_button_text": str(one.get("text", ""))}
        for one in buttons_of(template.components)
    ]
    return {"field": "message_template_components_update", "value": value | ({"message_template_buttons": buttons} if buttons else {})}


def number_quality(number: Number, event: str, tier: str) -> Json:
    """A number's throughput, quality or limit changed: `THROUGHPUT_UPGRADE`, `UPGRADE`, `DOWNGRADE`, `FLAGGED`, `UNFLAGGED` ..."""
    value = {"display_phone_number": number.display, "event": event, "current_limit": tier, "max_daily_conversations_per_business": tier}
    return {"field": "phone_number_quality_update", "value": value}


def capability(people: int | None) -> Json:
    """How many people the business may write to in a day; -1: as many as it likes."""
    value = {"max_daily_conversations_per_business": -1 if people is None else people, "max_phone_numbers_per_waba": 25}
    return {"field": "business_capability_update", "value": value}


def account(event: str, **parts: Any) -> Json:
    """Something happened to the account: `ACCOUNT_VIOLATION`, `ACCOUNT_RESTRICTION`, `DISABLED_UPDATE` ..."""
    return {"field": "account_update", "value": {"event": event, **parts}}


def epoch(at: datetime) -> str:
    """Seconds as the text that messages and statuses carry."""
    return str(int(at.timestamp()))


def _template(template: Template) -> Json:
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
    }


def _messages(number: Number, **parts: list[Json]) -> Json:
    return {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": number.metadata(), **parts}}


def _status(customer: Customer, bubble: Bubble, word: str, at: datetime) -> Json:
    whole: Json = {"id": bubble.id, "status": word, "timestamp": epoch(at), "recipient_user_id": customer.user_id}
    if customer.linked:
        whole["parent_recipient_user_id"] = customer.parent_user_id
    if not customer.username:
        whole["recipient_id"] = customer.wa_id
    if bubble.key is not None:
        whole["biz_opaque_callback_data"] = bubble.key
    return whole
