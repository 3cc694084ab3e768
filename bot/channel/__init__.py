"""The way to the customer. One folder a channel; each gives a Channel that delivers and readers of what came in."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from bot.flow.run import Content


class Failure(StrEnum):
    """What a failed delivery means for the message."""

    RETRY = "retry"  # surely not sent, worth trying again later
    REFUSED = "refused"  # surely not sent, and trying again would not help
    UNKNOWN = "unknown"  # nobody knows whether it was sent: never sent again blindly


class Remedy(StrEnum):
    """What else the house must do about a failure, besides the message's own fate."""

    NONE = "none"
    OPT_OUT = "opt_out"  # the person stopped marketing on the platform (131050)
    PAUSE_PERSON = "pause_person"  # no marketing to this person for a day (131049)
    PAUSE_NUMBER = "pause_number"  # nothing from this number for `retry_after`: throughput, maintenance
    STOP_MARKETING = "stop_marketing"  # spam or quality limit: no marketing from this number until staff look
    STOP_ALL = "stop_all"  # token, payment, lock: nothing can be sent until the owner acts
    UNREACHABLE = "unreachable"  # this person cannot be reached on this channel


class SendError(Exception):
    """A delivery did not surely succeed.

    `code` is the platform's own number where it gave one; `detail` a sentence for the owner, without personal data;
    `retry_after` how long to wait at least before the next try.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        code: int | None = None,
        retry_after: timedelta | None = None,
        remedy: Remedy = Remedy.NONE,
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.code = code
        self.retry_after = retry_after
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom to write to: a phone (E.164) where it is known, else the business-scoped user id. One of them is set."""

    phone: str | None = None
    bsuid: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way. `key` is ours and comes back in statuses; `number` is the sending phone number id."""

    key: str
    number: str
    to: Recipient
    content: Content


@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform took the message under `id`. `held`: taken, but not sent before the platform has assessed its quality."""

    id: str
    held: bool = False


class Channel(Protocol):
    """A way to reach people."""

    async def deliver(self, message: Outgoing) -> Delivered:
        """Send one message. Raises SendError, and nothing else, when it did not surely succeed."""
        ...
