"""The webhook bodies of the Cloud API: one `changes[]` element for each thing that happened, and the envelope around them."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.bubble import Bubble, Button, ButtonKind
from bot.sandbox.customer import Customer
from bot.sandbox.graph_error import GraphError
from bot.sandbox.template import Template

ENTRY_SIZE = 3  # changes of one entry when updates are batched: a POST then has several entries
Json = dict[str, Any]


def sign(app_secret: str, body: bytes) -> Mapping[str, str]:
    """Meta's signature over the raw body."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(app_secret.encode(), body, "sha256").hexdigest()}


def pack(waba_id: str, changes: Sequence[Json]) -> bytes:
    """One POST with these changes, ASCII-escaped as Meta's bodies are."""
    entries = [{"id": waba_id, "changes": list(changes[at : at + ENTRY_SIZE])} for at in range(0, len(changes), ENTRY_SIZE)]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


@dataclass(frozen=True, slots=True)
class Number:
    """The business's phone number."""

    id: str
    display: str
    name: str

    def metadata(self) -> Json:
        """The `metadata` of each change."""
        return {"display_phone_number": self.display, "phone_number_id": self.id}


def contact(customer: Customer) -> Json:
    """One of `contacts[]`; without `wa_id` for those who hide their number."""
    profile: Json = {"name": customer.name}
    if customer.username:
        return {"profile": profile | {"username": customer.username}, "user_id": customer.user_id}
    return {"profile": profile, "wa_id": customer.wa_id, "user_id": customer.user_id}


def inbound(number: Number, customer: Customer, message: Json) -> Json:
    """A message by the customer; `message` has `id`, `timestamp`, `type` and what belongs to the type."""
    sender = {} if customer.username else {"from": customer.wa_id}
    whole = sender | {"from_user_id": customer.user_id} | message
    return _messages(number, contacts=[contact(customer)], messages=[whole])


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


def status(number: Number, customer: Customer, bubble: Bubble, word: str, at: datetime) -> Json:
    """`sent`, `delivered` or `read` of a message of the business; `sent` and `delivered` carry the price."""
    whole = _status(customer, bubble, word, at)
    if word != "read":
        whole["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": bubble.category}
    return _messages(number, contacts=[contact(customer)], statuses=[whole])


def failed(number: Number, customer: Customer, bubble: Bubble, error: GraphError, at: datetime) -> Json:
    """A `failed` status, without `contacts` as Meta documents it."""
    return _messages(number, statuses=[_status(customer, bubble, "failed", at) | {"errors": [error.in_status()]}])


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


def template_status(template: Template, reason: str = "NONE") -> Json:
    """A template's review came to an end, or it was paused."""
    value = {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "event": template.status,
        "reason": reason,
    }
    return {"field": "message_template_status_update", "value": value}


def epoch(at: datetime) -> str:
    """Seconds as the text that messages and statuses carry."""
    return str(int(at.timestamp()))


def _messages(number: Number, **parts: list[Json]) -> Json:
    return {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": number.metadata(), **parts}}


def _status(customer: Customer, bubble: Bubble, word: str, at: datetime) -> Json:
    whole: Json = {"id": bubble.id, "status": word, "timestamp": epoch(at), "recipient_user_id": customer.user_id}
    if not customer.username:
        whole["recipient_id"] = customer.wa_id
    if bubble.key is not None:
        whole["biz_opaque_callback_data"] = bubble.key
    return whole
