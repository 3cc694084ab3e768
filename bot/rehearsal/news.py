"""What happens in a rehearsal, line by line: the log of a crowd. Whoever sums it up, or checks it, needs nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.rehearsal.people import Person


class What(StrEnum):
    """The kinds of news. What `text` holds stands beside each."""

    CART = "cart"  # which one was filled; `minor` is what it is worth
    EMPTIED = "emptied"  # which one
    ORDERED = "ordered"  # why (`shopper.Because`); `minor` is its total before the discount
    CODE_USED = "code_used"  # of an order; `minor` is what it took off
    WROTE = "wrote"  # what the customer wrote or pressed
    CONSENT = "consent"  # granted or withdrawn; `step` is how it was said
    CONTROL = "control"  # who speaks from now on: bot, waiting (for staff), human
    STARTED = "started"
    NOT_STARTED = "not_started"  # why
    ASKED = "asked"  # a question is open
    ANSWERED = "answered"  # how an open question ended: an answer, `no answer`, or the run's outcome
    ENDED = "ended"  # the run's outcome
    CODE = "code"  # a discount code was made; `5%` or `10 EUR`
    SENT = "sent"  # its category: marketing, utility, service
    WAITS = "waits"  # the reason (`policy.Reason`), `until`
    DROPPED = "dropped"  # the reason
    CANCELLED = "cancelled"  # why, in words
    FAILED = "failed"  # the platform's reason


@dataclass(frozen=True, slots=True)
class News:
    """One line. `step` is the path of the step in the flow where there is one; `marketing`, `reply` and `free_text` are a message's."""

    at: datetime
    what: What
    flow: str = ""
    step: str = ""
    text: str = ""
    minor: int = 0
    until: datetime | None = None
    marketing: bool = False
    reply: bool = False
    free_text: bool = False
    by_flow: bool = False  # a flow wrote it, not staff or the house


Tell = Callable[[Person, News], None]
