"""The way to the customer. One folder a channel; each gives a Channel that delivers and readers of what came in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from bot.flow.run import Content
from bot.store.model import Identity


class Failure(StrEnum):
    """What a failed delivery means for the message."""

    RETRY = "retry"  # surely not sent, worth trying again later
    REFUSED = "refused"  # surely not sent, and trying again would not help
    UNKNOWN = "unknown"  # nobody knows whether it was sent: never sent again blindly


class Remedy(StrEnum):
    """What else the house must do about a failure, besides the message's own fate."""

    NONE = "none"
    OPT_OUT = "opt_out"  # the person stopped marketing on the platform (131050)
    PAUSE_PERSON = "pause_person"  # no marketing to this person for a day, and it counts in the limits (131049)
    UNREACHABLE = "unreachable"  # this person cannot be reached on this channel; believed when it is said again and again
    PAUSE_NUMBER = "pause_number"  # nothing from this number for `retry_after`: maintenance, too many calls
    SLOW_DOWN = "slow_down"  # this number sends too fast: it rests a moment, goes half as fast and climbs back
    PAUSE_PAIR = "pause_pair"  # nothing from this number to this person for a while, longer from try to try
    STOP_MARKETING = "stop_marketing"  # spam or quality limit: no marketing from this number until staff look
    STOP_ALL = "stop_all"  # payment, lock, registration: nothing can be sent until the owner acts
    RENEW_TOKEN = "renew_token"  # noqa: S105 - as STOP_ALL, but it ends by itself once a token is there that works
    CLOSE_COUNTRY = "close_country"  # this number may not write to people of the person's country
    HOLD_TEMPLATE = "hold_template"  # the template is paused: what is queued of it waits until it is not
    DROP_TEMPLATE = "drop_template"  # the template is disabled: what is queued of it is never sent
    ASK_TEMPLATES = "ask_templates"  # the template is not what we think: ask the platform how its templates stand
    USE_TEMPLATE = "use_template"  # the reply window is closed: the template that stands in for the text goes instead
    USE_PHONE = "use_phone"  # the message needs a phone number, and went to a user id


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means. `failure`: for a request that was answered with it. `sentence` says what is, `advice` what the owner does
    about it ("" when there is nothing to do).

    `retry_after`: the least time before the next try. `tries`: how many requests are made for one message at most, the first
    included; None: until it is not worth sending any more.
    """

    failure: Failure
    sentence: str
    remedy: Remedy = Remedy.NONE
    retry_after: timedelta | None = None
    tries: int | None = None
    advice: str = ""

    @property
    def late(self) -> Failure:
        """What the same failure means in a `failed` status: that says for sure that the message did not arrive, so what nobody knew
        before may be tried again."""
        return Failure.RETRY if self.failure is Failure.UNKNOWN else self.failure


class SendError(Exception):
    """A delivery did not surely succeed.

    `code` is the platform's own number where it gave one; `detail` a sentence for the owner, without personal data;
    `retry_after`, `tries` and `advice` as in Verdict.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        code: int | None = None,
        retry_after: timedelta | None = None,
        remedy: Remedy = Remedy.NONE,
        tries: int | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.code = code
        self.retry_after = retry_after
        self.remedy = remedy
        self.tries = tries
        self.advice = advice


class Withheld(SendError):
    """Whoever sends a message said no when it was about to start (`Outgoing.may_start`): surely not sent, and to be judged anew."""

    def __init__(self) -> None:
        super().__init__(Failure.RETRY, "it was held back just before it started, to be judged anew")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom to write to: a phone (E.164) where it is known, else the business-scoped user id. One of them is set."""

    phone: str | None = None
    bsuid: str | None = None


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way. `key` is ours and comes back in statuses; `number` is the sending phone number id.

    `may_start` says whether its request may start now, which changes from moment to moment: the person may have said stop. Whatever a
    channel awaits before a request, it asks right before it, with nothing awaited between, and raises Withheld at a no.
    """

    key: str
    number: str
    to: Recipient
    content: Content
    may_start: Callable[[], bool] = field(default=_always, compare=False, repr=False)

    def check_start(self) -> None:
        """Raises Withheld when it may not start now."""
        if not self.may_start():
            raise Withheld


@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform took the message under `id`. `held`: taken, but not sent before the platform has assessed its quality. `names` are what
    it calls the person it was for, where that is another name than was written to."""

    id: str
    held: bool = False
    names: tuple[Identity, ...] = ()


class Channel(Protocol):
    """A way to reach people."""

    async def deliver(self, message: Outgoing) -> Delivered:
        """Send one message. Raises SendError, and nothing else, when it did not surely succeed; Withheld when it may not start any more."""
        ...
