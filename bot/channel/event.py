"""What a channel can tell the house: the typed events its readers make of stored updates.

Whatever a customer wrote in one (names, captions, answers of forms) is hostile, and is kept as text.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.flow.facts import Money
from bot.flow.run import ContactCard, MediaKind, Place
from bot.store.model import Identity


class DeliveryStatus(StrEnum):
    """How far a message got. Only climbs: a late `sent` never overwrites `read`."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


# ---- what a message can hold besides words


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message. It is fetched by its `id` (Cloud API: for 7 days), with the address that the platform then gives.

    `mime` is what the platform says it is (`audio/ogg; codecs=opus`), `sha256` the hash of its bytes in hexadecimal where it told one.
    `voice`: an audio that the customer spoke. `animated`: a sticker that moves. `url` needs the token, and works for some minutes.
    """

    kind: MediaKind
    id: str
    mime: str = ""
    sha256: str | None = None
    filename: str | None = None
    voice: bool = False
    animated: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Referral:
    """The ad or post whose button the customer pressed before they wrote. It comes with the first message only.

    `click` (Cloud API: `ctwa_clid`) is what the ad platform knows the press by; ads in a WhatsApp status have none.
    `source_id` is the ad's or post's own id, `source_type` `ad` or `post`.
    """

    source_type: str | None = None
    source_id: str | None = None
    source_url: str | None = None
    headline: str | None = None
    body: str | None = None
    click: str | None = None


@dataclass(frozen=True, slots=True)
class SharedContacts:
    """The customer sent contact cards; `cards` are those that have a name or a phone number."""

    cards: tuple[ContactCard, ...]


@dataclass(frozen=True, slots=True)
class OrderedProduct:
    """A product of the catalog, by the shop's id; `price` is for one piece, as the catalog has it."""

    product: str
    quantity: int = 1
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class OrderPlacedInChat:
    """The customer sent the cart they filled in WhatsApp's catalog: a wish. The shop knows nothing of it, and nothing is paid."""

    lines: tuple[OrderedProduct, ...]
    catalog: str | None = None


@dataclass(frozen=True, slots=True)
class ProductAsked:
    """The customer wrote from the page of a product in the catalog; `product` is the shop's id."""

    product: str
    catalog: str | None = None


@dataclass(frozen=True, slots=True)
class FormAnswered:
    """The customer filled in a form (WhatsApp Flows) or an address; `fields` are its questions' names with the answers as text."""

    name: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NotSupported:
    """The customer sent something that the platform does not hand on, such as a poll; `what` is its name there."""

    what: str | None = None


Detail = Place | SharedContacts | OrderPlacedInChat | ProductAsked | FormAnswered | NotSupported


# ---- what customers do


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """The customer wrote, pressed or sent something.

    `text` is what they wrote, a caption, or the title of what they pressed; empty for a picture without words. `payload` is that of
    the pressed button or list row. `kind` is the platform's type (`text`, `image`, `button` ...). `reply_to` is the platform's
    id of the message they answered. `name` is the profile name they chose themselves.
    """

    id: str
    at: datetime
    kind: str
    text: str = ""
    payload: str | None = None
    reply_to: str | None = None
    name: str | None = None
    attachment: Attachment | None = None
    referral: Referral | None = None
    detail: Detail | None = None


@dataclass(frozen=True, slots=True)
class Reacted:
    """The customer put an emoji to a message (theirs or ours, by the platform's id), or took it away (`emoji` is None)."""

    id: str
    at: datetime
    message: str
    emoji: str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """The customer changed what they wrote in `message`: it says `text` now."""

    id: str
    at: datetime
    message: str
    text: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """The customer deleted `message`, a message of theirs, for everybody."""

    id: str
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call, or word of one. `by_customer`: they called us, which opens the reply window as a message does. `about` is for staff."""

    at: datetime
    id: str | None
    by_customer: bool
    about: str


@dataclass(frozen=True, slots=True)
class LinkPressed:
    """The customer followed a link of a marketing message. `product` is the shop's id where it led to one."""

    at: datetime
    product: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class PreferenceChanged:
    """The customer used the platform's own control: no more marketing, or again."""

    at: datetime
    wants_marketing: bool


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """The person goes by `names` from now on, no longer by those in `before`: others may soon go by these."""

    at: datetime
    names: tuple[Identity, ...] = ()
    before: tuple[Identity, ...] = ()


# ---- what staff do elsewhere


@dataclass(frozen=True, slots=True)
class StaffWrote:
    """Staff answered from the phone app on the same number: a take-over, too."""

    id: str
    at: datetime
    text: str
    kind: str = "text"
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class StaffChanged:
    """Staff changed, on the phone app, what they wrote in `message`: it says `text` now, or was deleted (None)."""

    at: datetime
    message: str
    text: str | None


# ---- what became of our messages


@dataclass(frozen=True, slots=True)
class Pricing:
    """What Meta counts a message as. `category`: marketing, utility, service ...; `type`: regular, free_customer_service,
    free_entry_point. `billable` is on its way out (Cloud API: use type and category)."""

    category: str
    type: str
    billable: bool | None = None


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A message of ours got further, or failed. `key` is our own key where the platform echoed it.

    `code` and `detail` are set for `failed`. `free_until` (UTC): the conversation began with an ad, and costs nothing until then.
    """

    id: str
    at: datetime
    status: DeliveryStatus
    key: str | None = None
    code: int | None = None
    detail: str | None = None
    pricing: Pricing | None = None
    free_until: datetime | None = None


# ---- templates, numbers, accounts


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
class DailyLimit:
    """How many people may be written to outside their reply window in 24 hours; `people` is None where there is no limit."""

    people: int | None


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """Meta says something new of a number of ours; None of what it does not mention.

    `phone` are the digits it is displayed with, for these updates do not name its id. `event` is Meta's word (`FLAGGED`, `UNFLAGGED`,
    `THROUGHPUT_UPGRADE` ...), `name` the name customers read, as it is decided now. `about` is a sentence for the owner.
    """

    at: datetime
    phone: str | None
    about: str
    event: str | None = None
    limit: DailyLimit | None = None
    name: str | None = None


class Barred(StrEnum):
    """What an account may no longer do."""

    STARTING = "starting"  # write first: only answers go out
    EVERYTHING = "everything"
    OTHER = "other"  # new numbers, calls ...: nothing that stops messages


@dataclass(frozen=True, slots=True)
class Restriction:
    """What Meta forbids an account for a while; `until` (UTC) is None where it tells no end."""

    barred: Barred
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Meta says something new of the account behind our numbers: a violation, a restriction, a ban, a limit.

    `account` is the WhatsApp business account, or the portfolio it belongs to. `event` is Meta's word. `banned`: it is disabled, False
    when it was let in again, None when nothing is said of it; `banned_from` is when (in Meta's words) a ban is or was to begin.
    `about` is a sentence for the owner; `alarming` when they must act.
    """

    at: datetime
    account: str
    about: str
    event: str | None = None
    restrictions: tuple[Restriction, ...] = ()
    banned: bool | None = None
    banned_from: str | None = None
    limit: DailyLimit | None = None
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the account, a template or a person that no one acts on yet; kept, and shown to the owner."""

    at: datetime
    about: str


ChannelEvent = (
    MessageReceived
    | Reacted
    | Edited
    | Revoked
    | Called
    | LinkPressed
    | PreferenceChanged
    | IdentityChanged
    | StaffWrote
    | StaffChanged
    | StatusChanged
    | TemplateChanged
    | NumberChanged
    | AccountChanged
    | Notice
)
