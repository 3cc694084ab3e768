"""What a crowd's news come to: who got what and when, what was held back and why, where people leave, what it brings and costs.

Sums of parts of a crowd can be added up, so that several processes may play it.
"""

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Self

from bot.policy.decision import Consent, Control
from bot.rehearsal.news import News, What
from bot.rehearsal.people import Person, zone_of
from bot.rehearsal.shopper import Because

CREDIT = timedelta(days=5)  # for so long after a message an order counts as its own (Klaviyo's default for WhatsApp)
WEEK = timedelta(days=7)
BUCKET = timedelta(minutes=5)  # how exactly waits for staff are kept
PERSONAL = frozenset({What.CART, What.EMPTIED, What.WROTE})  # their texts are one person's own: not counted apart
SAID_TO_US = frozenset({"word", "button", "flow", "platform"})  # the ways to stop that are no news of the shop

Key = tuple[str, ...]


@dataclass(slots=True)
class Sums:
    """The sums. Times are by each customer's own clock, money in minor units of the store's currency.

    `counts` is news by (what, flow, step, text); the rest is named by what it counts.
    """

    begins: datetime
    people: int = 0  # whoever plays them knows how many
    reached: int = 0  # got at least one message
    counts: Counter[Key] = field(default_factory=Counter)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)  # ("begun" | "answers", hour)
    days: Counter[tuple[str, int]] = field(default_factory=Counter)  # ("begun" | "answers", day of the rehearsal)
    begun_each: Counter[int] = field(default_factory=Counter)  # marketing messages we began -> people who got so many
    worst_week: Counter[int] = field(default_factory=Counter)  # the most of them in any seven days -> people
    stops_after: Counter[Key] = field(default_factory=Counter)  # (flow, step) of the last message we began before a stop
    waited: Counter[str] = field(default_factory=Counter)  # reason -> seconds
    orders: Counter[str] = field(default_factory=Counter)  # why -> orders
    turnover: Counter[str] = field(default_factory=Counter)  # why -> minor units
    credited: Counter[Key] = field(default_factory=Counter)  # (flow, why) of orders within CREDIT after a message
    credited_minor: Counter[Key] = field(default_factory=Counter)
    given_off: Counter[str] = field(default_factory=Counter)  # flow -> minor units taken off with its codes
    carts: int = 0
    charged: Counter[tuple[str, str]] = field(default_factory=Counter)  # (country, Meta's category) -> messages
    staff_waits: Counter[int] = field(default_factory=Counter)  # in BUCKETs -> conversations
    _now: "_Present | None" = None

    def tell(self, person: Person, news: News) -> None:
        """One piece of news; everybody's are told together."""
        if self._now is None or self._now.person is not person:
            self.finish()
            self._now = _Present(person)
        self.counts[(news.what, news.flow, news.step, "" if news.what in PERSONAL else news.text)] += 1
        match news.what:
            case What.SENT:
                self._sent(self._now, news)
            case What.WAITS if news.until is not None:
                self.waited[news.text] += int((news.until - news.at).total_seconds())
            case What.CONSENT:
                self._consent(self._now, news)
            case What.ORDERED:
                self._ordered(self._now, news)
            case What.CODE_USED:
                self.given_off[news.flow] += news.minor
            case What.CONTROL:
                self._control(self._now, news)
            case What.CART:
                self.carts += 1
            case _:
                pass

    def finish(self) -> Self:
        """The last one's news are over."""
        if self._now is not None:
            begun = self._now.begun
            self.reached += self._now.reached
            self.begun_each[len(begun)] += 1
            self.worst_week[max((sum(at <= other < at + WEEK for other, *_ in begun) for at, *_ in begun), default=0)] += 1
            self._now = None
        return self

    def add(self, other: "Sums") -> None:
        """Another part of the same crowd."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, int):
                setattr(self, one.name, mine + theirs)

    # ---- what single news mean

    def _sent(self, now: "_Present", news: News) -> None:
        now.reached = True
        kind = "begun" if news.marketing and not news.reply else "answers"
        self.hours[(kind, news.at.astimezone(zone_of(now.person.zone)).hour)] += 1
        self.days[(kind, (news.at - self.begins).days)] += 1
        self.charged[(now.person.country, news.text)] += 1
        if kind == "begun":
            now.begun.append((news.at, news.flow, news.step))
        if news.marketing:
            now.last = news

    def _consent(self, now: "_Present", news: News) -> None:
        if news.text == Consent.WITHDRAWN and news.step in SAID_TO_US and now.begun:
            _, flow, step = now.begun[-1]
            self.stops_after[(flow, step)] += 1

    def _ordered(self, now: "_Present", news: News) -> None:
        self.orders[news.text] += 1
        self.turnover[news.text] += news.minor
        if news.text != Because.BEFORE and now.last is not None and news.at - now.last.at < CREDIT:
            self.credited[(now.last.flow, news.text)] += 1
            self.credited_minor[(now.last.flow, news.text)] += news.minor

    def _control(self, now: "_Present", news: News) -> None:
        if news.text == Control.WAITING:
            now.waits_since = now.waits_since or news.at
        elif now.waits_since is not None:
            self.staff_waits[int((news.at - now.waits_since) / BUCKET)] += 1
            now.waits_since = None

    # ---- what is asked of them

    def count(self, what: What, flow: str | None = None, step: str | None = None) -> int:
        """How often something happened, to a flow or a step of it."""
        return sum(self.by_text(what, flow, step).values())

    def by_text(self, what: What, flow: str | None = None, step: str | None = None) -> Counter[str]:
        """How often something happened, by its text (a reason, an answer, an outcome)."""
        found: Counter[str] = Counter()
        for (kind, of_flow, of_step, text), times in self.counts.items():
            if kind == what and flow in (None, of_flow) and step in (None, of_step):
                found[text] += times
        return found

    def steps(self, what: What, flow: str) -> Counter[str]:
        """How often something happened at each step of a flow."""
        found: Counter[str] = Counter()
        for (kind, of_flow, step, _), times in self.counts.items():
            if kind == what and of_flow == flow:
                found[step] += times
        return found

    def begun(self) -> int:
        """The marketing messages we began."""
        return sum(number * people for number, people in self.begun_each.items())

    def stops(self) -> Counter[str]:
        """How people said stop, and how many did."""
        said = ((step, times) for (what, _, step, text), times in self.counts.items() if what == What.CONSENT and text == Consent.WITHDRAWN)
        return Counter({way: times for way, times in said if way in SAID_TO_US})

    def middle_wait(self) -> timedelta | None:
        """How long the middle one of those who waited for staff did."""
        return middle(self.staff_waits)


@dataclass(slots=True)
class _Present:
    """The person whose news are told now."""

    person: Person
    begun: list[tuple[datetime, str, str]] = field(default_factory=list)
    last: News | None = None
    waits_since: datetime | None = None
    reached: bool = False


def middle(waits: Counter[int]) -> timedelta | None:
    """The median of waits that are kept in BUCKETs."""
    half, passed = sum(waits.values()) / 2, 0
    for bucket in sorted(waits):
        passed += waits[bucket]
        if passed >= half:
            return bucket * BUCKET
    return None
