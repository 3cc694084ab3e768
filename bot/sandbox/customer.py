"""The people on the other side of the sandbox's WhatsApp number."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from bot.sandbox.bubble import Bubble

REPLY_WINDOW = timedelta(hours=24)  # Cloud API: customer service window; outside it 131047
PHONE_DIGITS = range(7, 16)  # E.164 has at most 15 digits


@dataclass(slots=True)
class Customer:
    """One WhatsApp user. `username`: set for those who hide their number; their webhooks carry no phone."""

    wa_id: str
    name: str
    username: str | None = None
    last_wrote: datetime | None = None
    stopped_marketing: bool = False
    blocked: bool = False
    """They blocked the business: what it sends is accepted, and never arrives."""
    thread: list[Bubble] = field(default_factory=list)

    @property
    def user_id(self) -> str:
        """An invented business-scoped user id (BSUID, `CC.digits`), always the same for a phone."""
        digest = hashlib.sha256(b"sandbox:" + self.wa_id.encode()).digest()
        return f"{country_of(self.wa_id)}.{int.from_bytes(digest[:8], 'big')}"

    def in_window(self, now: datetime) -> bool:
        """Whether free text may be sent to them."""
        return self.last_wrote is not None and now - self.last_wrote < REPLY_WINDOW

    def bubble(self, message_id: str) -> Bubble | None:
        """The message with this id, None when there is none."""
        return next((bubble for bubble in self.thread if bubble.id == message_id), None)


def wa_id_of(phone: str) -> str | None:
    """The digits of a phone number as WhatsApp writes them, None when it is not one."""
    digits = phone.strip().removeprefix("+").replace(" ", "").replace("-", "")
    return digits if digits.isascii() and digits.isdecimal() and len(digits) in PHONE_DIGITS else None


def country_of(wa_id: str) -> str:
    """The main country of the number's prefix, `ZZ` for none."""
    regions = (COUNTRY_CODE_TO_REGION_CODE.get(int(wa_id[:length])) for length in (1, 2, 3))
    return next((region[0] for region in regions if region), "ZZ")
