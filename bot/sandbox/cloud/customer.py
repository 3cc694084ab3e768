"""The people on the other side of the sandbox's WhatsApp number."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, parse, region_code_for_number

from bot.sandbox.cloud.bubble import Bubble

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
    absent: bool = False
    """They are not on WhatsApp (131026)."""
    linked: bool = False
    """The business is linked to others: there is a parent user id, too."""
    turns: int = 0
    """How often their user id was made anew."""
    wrote_elsewhere: dict[str, datetime] = field(default_factory=dict)
    """When they last wrote to the business's other numbers, by the number's id; `last_wrote` is about the first."""
    came_by_ad: datetime | None = None
    free_until: datetime | None = None
    """The end of the 72 hours in which everything is free."""
    marketed: list[datetime] = field(default_factory=list)
    """Marketing templates of the last day outside the reply window."""
    typing_until: datetime | None = None
    """The business is shown as typing until then, or until its next message."""
    thread: list[Bubble] = field(default_factory=list)

    @property
    def user_id(self) -> str:
        """An invented business-scoped user id (BSUID, `CC.digits`), always the same for a phone until it is made anew."""
        return f"{country_of(self.wa_id)}.{self._digits('')}"

    @property
    def parent_user_id(self) -> str:
        """The same across linked businesses (`CC.ENT.digits`)."""
        return f"{country_of(self.wa_id)}.ENT.{self._digits('parent')}"

    def _digits(self, of: str) -> int:
        turn = f":{self.turns}" if self.turns else ""
        digest = hashlib.sha256(f"sandbox:{self.wa_id}{turn}{of}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

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


def region_of(wa_id: str) -> str:
    """The country of the number by its area code, too: Canada and the Caribbean share the prefix of the United States."""
    try:
        return region_code_for_number(parse(f"+{wa_id}")) or country_of(wa_id)
    except NumberParseException:
        return country_of(wa_id)
