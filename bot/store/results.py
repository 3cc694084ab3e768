"""What came of each flow since a day: messages, answers, the orders it is credited with, codes, opt-outs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.store.contacts import OUTLIVED
from bot.store.credit import Kind
from bot.store.discounts import CAP_LENGTH, SUSPECT
from bot.store.step import Step, sql, to_micros


@dataclass(slots=True)
class Takings:
    """Sums of orders in one currency, in minor units: what is left of them, and what was given or paid back."""

    kept: int = 0
    back: int = 0


@dataclass(slots=True)
class Result:
    """What came of one flow. `orders` by what they are credited by; `undone`: credited orders that do not count any more; `money` by
    currency."""

    flow: str
    runs: int = 0
    goals: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    answered: int = 0
    orders: dict[Kind, int] = field(default_factory=dict)
    undone: int = 0
    money: dict[str, Takings] = field(default_factory=dict)
    codes_given: int = 0
    codes_redeemed: int = 0
    codes_leaked: int = 0
    opt_outs: int = 0

    @property
    def recovered(self) -> int:
        """Orders that count and are credited to it."""
        return sum(self.orders.values())


@dataclass(frozen=True, slots=True)
class Results:
    """All flows, by name. `organic`: how many orders came by themselves, and their sum by currency; `opt_outs_alone` followed no message
    of a flow; `habitual`: people who got so many codes lately that they may leave carts to get them."""

    flows: Mapping[str, Result]
    organic_orders: int
    organic: Mapping[str, int]
    opt_outs_alone: int
    habitual: int


def results(since: datetime, now: datetime, within: timedelta) -> Step[Results]:
    """What came of everything since then. `within`: how long after a message an answer or an opt-out is told to be one to it."""
    start = to_micros(since)
    length = within // timedelta(microseconds=1)
    flows: dict[str, Result] = {}

    def of(flow: str) -> Result:
        return flows.setdefault(flow, Result(flow))

    for row in (yield sql("result.runs", since=start)):
        of(row["flow"]).runs, of(row["flow"]).goals = row["runs"], int(row["goals"])
    for row in (yield sql("result.messages", since=start)):
        one = of(row["flow"])
        one.sent, one.delivered, one.read = row["sent"], int(row["delivered"]), int(row["read"])
    for row in (yield sql("result.answered", since=start, within=length)):
        of(row["flow"]).answered = row["answered"]
    for row in (yield sql("result.credited", since=start)):
        one, kind = of(row["flow"]), Kind(row["kind"])
        one.orders[kind] = one.orders.get(kind, 0) + int(row["orders"])
        one.undone += int(row["undone"])
        money = one.money.setdefault(row["currency"], Takings())
        money.kept, money.back = money.kept + int(row["minor"]), money.back + int(row["back_minor"])
    for row in (yield sql("result.codes", since=start)):
        one = of(row["flow"])
        one.codes_given, one.codes_redeemed, one.codes_leaked = int(row["given"]), int(row["redeemed"]), int(row["leaked"])
    alone = 0
    for row in (yield sql("result.opt_outs", since=start, within=length, outlived=OUTLIVED)):
        if row["flow"] is None:
            alone = row["opt_outs"]
        else:
            of(row["flow"]).opt_outs = row["opt_outs"]
    organic = yield sql("result.organic", since=start)
    suspects = yield sql("result.habitual", since=to_micros(now - CAP_LENGTH), codes=SUSPECT)
    by_name = dict(sorted(flows.items()))
    total = sum(row["orders"] for row in organic)
    return Results(by_name, total, {row["currency"]: int(row["minor"]) for row in organic}, alone, suspects[0]["people"])
