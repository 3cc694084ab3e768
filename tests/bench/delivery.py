"""Signed deliveries of WhatsApp's, ready to be written to a socket: from templates, for the load must cost less than what it measures.

Every body is unique, as Meta's are: a message of its own, about 1.2 kB (a text that began with an advertisement), or a status.
"""

import hashlib
import hmac
import json
import time
from itertools import count

NUMBER = "106540352242922"
APP_SECRET = "app-secret-of-the-bench"
VERIFY_TOKEN = "verify"
TOKEN = "token"
PATH = b"/webhooks/whatsapp"
STATUSES = ("sent", "delivered", "read")

_ACCOUNT = "102290129340398"
_SECRET = hmac.new(APP_SECRET.encode(), digestmod=hashlib.sha256)
_HEAD = (
    b"POST %b HTTP/1.1\r\nHost: bot.example\r\nAccept: */*\r\nUser-Agent: facebookexternalua\r\nContent-Type: application/json\r\n"
    b"X-Hub-Signature-256: sha256=%b\r\nContent-Length: %d\r\n\r\n"
)


def signed(body: bytes, path: bytes = PATH) -> bytes:
    """The whole request around a body, as Meta would send it."""
    signature = _SECRET.copy()
    signature.update(body)
    return _HEAD % (path, signature.hexdigest().encode(), len(body)) + body


def _template(value: dict[str, object]) -> bytes:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}
    shared = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change = {"field": "messages", "value": shared}
    whole = {"object": "whatsapp_business_account", "entry": [{"id": _ACCOUNT, "changes": [change]}]}
    return json.dumps(whole).replace("%", "%%").replace("__", "%b").encode()


_CONTACT = {"profile": {"name": "Ana García"}, "wa_id": "__", "user_id": "US.__"}
_REFERRAL = {
    "source_url": "https://fb.me/4kQ2cafe",
    "source_id": "120210000000000000",
    "source_type": "ad",
    "body": "Fresh coffee, roasted on Monday, at your door on Wednesday. Choose among eleven origins, whole or ground, "
    "and pay when it is there. The first bag comes with a cup that you may keep.",
    "headline": "Casa Bonita: coffee from people we know",
    "media_type": "image",
    "image_url": "https://scontent.example/v/t45.1600-4/437.png",
    "ctwa_clid": "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a",
    "welcome_message": {"text": "Hello! Ask us anything about coffee."},
}
_MESSAGE = _template(
    {
        "contacts": [_CONTACT],
        "messages": [
            {"from": "__", "from_user_id": "US.__", "id": "wamid.__", "timestamp": "__", "type": "text", "text": {"body": "__"}}
            | {"referral": _REFERRAL}
        ],
    }
)
_STATUS = _template(
    {
        "statuses": [
            {"id": "__", "status": "__", "timestamp": "__", "recipient_id": "__", "recipient_user_id": "US.__"}
            | {"biz_opaque_callback_data": "__"}
            | {"conversation": {"id": "9d2f8c3b1e4a7650", "origin": {"type": "service"}}}
            | {"pricing": {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}}
        ]
    }
)


class Post:
    """Makes deliveries; `series` makes their ids unlike those of any other."""

    def __init__(self, series: str) -> None:
        self._series = series.encode()
        self._numbers = count()

    def message(self, person: bytes, text: bytes = b"Do you have the Huila, too?") -> bytes:
        """A person (their phone's digits) writes."""
        told = b"%b.%d" % (self._series, next(self._numbers))
        return signed(_MESSAGE % (person, person, person, person, told, _now(), text))

    def messages(self, number: int) -> list[bytes]:
        """So many, each of somebody else."""
        return [self.message(b"34600%09d" % (at % 1_000_000)) for at in range(number)]


def status(message: bytes, word: str, person: bytes, key: bytes) -> bytes:
    """A message of ours got further: `message` is WhatsApp's id of it, `key` our own."""
    return signed(_STATUS % (message, word.encode(), _now(), person, person, key))


def _now() -> bytes:
    return b"%d" % time.time()
