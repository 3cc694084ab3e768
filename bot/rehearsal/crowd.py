"""A crowd: thousands of people live through days of a shop in seconds of ours, one person after the other, each with a clock that jumps.

People do not touch each other, so each is played to the end alone, and the crowd's size costs no memory. The same seed gives the same
people, who do the same; only the letters of discount codes differ, and nothing depends on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from bot.rehearsal.habits import Habits
from bot.rehearsal.life import Life, Stage, WatchedPaper
from bot.rehearsal.news import Tell
from bot.rehearsal.people import person, places_of
from bot.rehearsal.shopper import Shopper
from bot.shop.event import OrderStatus
from bot.worker.playbook import Playbook

ANYTHING = ("things",)  # what a store sells that says nothing of what is used up


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played: from when (UTC) for how long, how many people, and with which dice.

    `first` is the number of the first one: a crowd can be played in parts.
    """

    begins: datetime
    length: timedelta
    customers: int
    seed: int = 1
    habits: Habits = field(default_factory=Habits)
    first: int = 1


def play(playbook: Playbook, setting: Setting, tell: Tell, paper: WatchedPaper | None = None) -> None:
    """Play the crowd. `tell` hears each piece of news, one person's after the other's."""
    stage = Stage(playbook, setting.begins, setting.habits, tell, paper or WatchedPaper())
    for shopper in people(playbook, setting):
        Life(stage, shopper).live(setting.length)


def people(playbook: Playbook, setting: Setting) -> Iterator[Shopper]:
    """Everybody, as they are before it begins."""
    rules, habits = playbook.rules, setting.habits
    places = places_of(rules.timezone, rules.languages)
    categories = rules.used_up or ANYTHING
    statuses = _asked_about(playbook)
    for number in range(setting.first, setting.first + setting.customers):
        dice = Random(f"{setting.seed}:{number}")  # noqa: S311 - dice, not secrets
        who = person(number, dice, places, rules.languages, habits)
        yield Shopper(who, dice, habits, rules.currency, categories, statuses)


def _asked_about(playbook: Playbook) -> frozenset[OrderStatus]:
    """The ways of an order that matter to a flow: what none of them asks about is not told, it would change nothing. A cancelled order
    always matters, for it does not count."""
    flows = playbook.library.flows.values()
    if any(".status" in revision.source for revision in flows):
        return frozenset(OrderStatus)
    named = {trigger for revision in flows for trigger in (revision.flow.start.when, *revision.flow.goal, *revision.flow.stop_when)}
    return frozenset(status for status in OrderStatus if f"order_{status}" in named) | {OrderStatus.CANCELLED}
