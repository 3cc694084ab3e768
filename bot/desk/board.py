"""What staff see: the list of conversations, and one of them with what helps to answer it."""

from dataclasses import dataclass
from datetime import datetime

from bot.desk.actions import NotFound
from bot.flow.run import Waiting
from bot.policy import window
from bot.policy.decision import Consent, Control
from bot.store import contacts, credit, desk, discounts, health, privacy, runs
from bot.store.credit import Credit
from bot.store.desk import Line, Listed, Resting, Talk
from bot.store.step import Step

_WAITS_FOR = {Waiting.ANSWER: "waits for an answer", Waiting.TIME: "waits", Waiting.DISCOUNT: "waits for a code"}


@dataclass(frozen=True, slots=True)
class Board:
    """The list. `needs_answer` has the longest wait first. `resting`: our numbers that do not send all they could; `obstacles`: what else
    is not sent, `limits`: what waits for tomorrow, `asks`: what the law wants of the shop soon; in sentences without an end."""

    needs_answer: tuple[Listed, ...]
    with_staff: tuple[Listed, ...]
    with_bot: tuple[Listed, ...]
    resting: tuple[Resting, ...]
    obstacles: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Underway:
    """A flow that runs for the person. `state` is a short sentence."""

    flow: str
    state: str


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation, and the person. `credited`: their orders that flows are credited with; `habit`: what is striking in how they get
    discount codes, in a sentence without its subject."""

    contact: int
    first_name: str | None
    phone: str | None
    email: str | None
    consent: Consent
    tags: tuple[str, ...]
    orders: int
    spent_minor: int
    currency: str | None
    underway: tuple[Underway, ...]
    talk: Talk | None
    lines: tuple[Line, ...]
    credited: tuple[Credit, ...] = ()
    habit: str | None = None

    @property
    def closes_at(self) -> datetime | None:
        """When a free text no longer reaches them (UTC); None when they never wrote."""
        wrote = self.talk.last_wrote_at if self.talk else None
        return wrote + window.LENGTH - window.SAFETY if wrote else None

    def may_answer(self, now: datetime) -> bool:
        """Whether WhatsApp takes a free text now."""
        return window.is_open(self.talk.last_wrote_at if self.talk else None, now)

    @property
    def seen(self) -> int:
        """The newest message of the customer that is shown; 0 when there is none."""
        return max((line.heard for line in self.lines), default=0)


def board(now: datetime) -> Step[Board]:
    """The list as it is now (UTC)."""
    open_ones = yield from desk.open_ones()
    waits = tuple(one for one in open_ones if one.waits_since is not None)
    rests = tuple(one for one in open_ones if one.waits_since is None and one.control is Control.HUMAN)
    lately, resting = tuple((yield from desk.lately())), tuple((yield from desk.resting(now)))
    asks = tuple(one.sentence for one in (yield from privacy.pressing(now)))
    obstacles, limits = tuple((yield from health.obstacles())), tuple((yield from health.limits(now)))
    return Board(waits, rests, lately, resting, obstacles, limits, asks)


def case(contact: int) -> Step[Case]:
    """One conversation as it is now. Raises NotFound."""
    found = yield from contacts.by_id(contact)
    if found is None:
        raise NotFound("nobody here goes by this number")
    person = yield from contacts.load(found)
    live = yield from runs.live(found)
    return Case(
        contact=found,
        first_name=person.first_name,
        phone=person.phone,
        email=person.email,
        consent=person.consent,
        tags=tuple(sorted(person.tags)),
        orders=person.orders_count,
        spent_minor=person.orders_minor,
        currency=person.orders_currency,
        underway=tuple(
            Underway(one.run.flow, _WAITS_FOR.get(one.run.waiting, "runs") if one.run.waiting else "runs") for one in live
        ),
        talk=(yield from desk.talk(found)),
        lines=tuple((yield from desk.lines(found))),
        credited=tuple((yield from credit.of_contact(found))),
        habit=(yield from discounts.last_habit(found)).sentence,
    )
