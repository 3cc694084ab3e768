"""What a channel can tell the house: the typed events its readers make of stored updates."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.model import Identity


class DeliveryStatus(StrEnum):
    """How far a message got. Only climbs: a late `sent` never overwrites `read`."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """The customer wrote, pressed or sent something.

    `text` is what they wrote, a caption, or the title of what they pressed; empty for a picture without words. `payload` is that of
    the pressed button or list row. `kind` is the platform's type (`text`, `image`, `button` ...). `reply_to` is the platform's
    id of the message they answered. `name` is the profile name they chose themselves: hostile, like everything here.
    """

    id: str
    at: datetime
    kind: str
    text: str = ""
    payload: str | None = None
    reply_to: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A message of ours got further, or failed. `key` is our own key where the platform echoed it.

    `code` and `detail` are set for `failed`.
    """

    id: str
    at: datetime
    status: DeliveryStatus
    key: str | None = None
    code: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class PreferenceChanged:
    """The customer used the platform's own control: no more marketing, or again."""

    at: datetime
    wants_marketing: bool


@dataclass(frozen=True, slots=True)
class StaffWrote:
    """Staff answered from the phone app on the same number: a take-over, too."""

    id: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """The person goes by new names from now on: `names`. The update's identities carry both, old and new."""

    at: datetime
    names: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateChanged:
    """Meta says something new of a template, in its own words (`APPROVED`, `MARKETING`, `GREEN`); None of what it does not mention.

    `language` with an underscore (`pt_BR`). `about` is a sentence for the owner.
    """

    at: datetime
    name: str
    language: str
    about: str
    status: str | None = None
    category: str | None = None
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the account, a template or a person that no one acts on yet; kept, and shown to the owner."""

    at: datetime
    about: str


ChannelEvent = MessageReceived | StatusChanged | PreferenceChanged | StaffWrote | IdentityChanged | TemplateChanged | Notice
