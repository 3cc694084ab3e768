"""Nobody is reminded of what they bought: whatever the shop tells, twice, late, in any order or never, and by whatever name.

A shop's true afternoon is drawn: carts are filled and emptied, ordered, paid or not, cancelled, delivered, refunded. What it tells of that
is lost, doubled and late, works its way through the real dispatcher and sender, and each message that goes out is judged by what had been
acknowledged by then.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store.database import open_database
from tests.postgres_server import Server
from tests.worker.bench import SHIPPED, SHOP, Bench, playbook

MINUTE = timedelta(minutes=1)
APART = timedelta(days=2)  # two afternoons; five thousand of them are over before keys run out of seconds, in 2106
LATE = timedelta(hours=1)
HOP = 20 * MINUTE  # of the clock, between which timers fire
LEFT = timedelta(hours=4)  # at the end: every reminder has had its time

TEMPLATE = """category: marketing
body: "Your cart is at {link} still."
footer: Reply STOP to opt out
"""
REMINDER = """name: Cart
about: Reminds of a cart, twice.
purpose: marketing
start:
  when: cart_abandoned
  for: 30 minutes
{goal}
steps:
  - send:
      template: left
      with:
        link: cart.link
  - wait: 40 minutes
  - send:
      template: left
      with:
        link: cart.link
"""
STORE = """name: Casa
currency: EUR
timezone: Europe/Madrid
languages: [en]
"""
# without a goal nothing ends the flow but the question asked as each message is claimed
FLOWS = {ends: REMINDER.format(goal="goal: order_placed" if ends else "") for ends in (True, False)}

JOINS = ("checkout", "cart", "click", "customer", "phone", "email")
EVENTS = (
    "fill",
    "fill",
    "fill",
    "fill",
    "fill",
    "order",
    "order",
    "order",
    "pay",
    "fail",
    "cancel",
    "deliver",
    "refund",
    "remove",
    "empty",
    "alone",
)


# ---- what is true


@dataclass(slots=True)
class TrueOrder:
    """An order as it is."""

    key: str
    placed_at: datetime
    cart: int
    person: int
    names: tuple[str, ...]
    total: int = 6000
    refunded: int = 0
    status: str = "placed"
    payment: str = "awaited"


@dataclass(frozen=True, slots=True)
class Word:
    """Something the shop tells. `about` is the cart or order it is of; `tells` what it says of it, for the model."""

    kind: str
    at: datetime
    about: str
    tells: dict[str, Any]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """What happens in the shop, so many minutes after what happened before; and what becomes of the word of it."""

    what: str
    minutes: int
    person: int
    cart: int
    names: tuple[str, ...]
    delays: tuple[int, ...]  # minutes until each copy of the word arrives: none, and it is lost


ACTS = st.lists(
    st.builds(
        Act,
        st.sampled_from(EVENTS),
        st.sampled_from([1, 5, 20, 35, 70]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.one_of(st.sampled_from(JOINS).map(lambda one: (one,)), st.just(JOINS)),
        st.one_of(st.just((0,)), st.lists(st.sampled_from([0, 0, 2, 30, 90]), max_size=2).map(tuple)),
    ),
    min_size=1,
    max_size=9,
)


@dataclass(slots=True)
class Afternoon:
    """A shop's true afternoon, and what it tells of it. `tag` keeps people and keys of one afternoon apart from those of others."""

    tag: int
    begins: datetime
    orders: list[TrueOrder] = field(default_factory=list)
    emptied: set[str] = field(default_factory=set)

    def cart(self, person: int, cart: int) -> str:
        return f"k{self.tag}-{person}-{cart}"

    def phone(self, person: int) -> str:
        return f"346{self.tag:06d}{person}0"

    def names(self, person: int, cart: int, which: tuple[str, ...]) -> dict[str, str]:
        everything = {
            "checkout": ("checkout_key", self.cart(person, cart)),
            "cart": ("cart_key", "c" + self.cart(person, cart)),
            "click": ("click", "x" + self.cart(person, cart)),
            "customer": ("customer_key", f"{self.tag}-{person}"),
            "phone": ("phone", "+" + self.phone(person)),
            "email": ("email", f"p{self.tag}-{person}@example.com"),
        }
        return dict(everything[name] for name in which)

    def words(self, acts: list[Act]) -> Iterator[tuple[Act, Word]]:
        now = self.begins
        for number, act in enumerate(acts):
            now += act.minutes * MINUTE
            word = self._happens(number, act, now)
            if word is not None:
                yield act, word

    def _happens(self, number: int, act: Act, now: datetime) -> Word | None:
        if act.what in ("fill", "empty"):
            return self._of_cart(act, now)
        if act.what == "order":
            self.orders.append(TrueOrder(f"o{self.tag}-{number}", now, act.cart, act.person, act.names))
            return self._of_order(self.orders[-1], now)
        own = [order for order in self.orders if order.person == act.person]
        return self._becomes(number, act.what, own[-1], now) if own else None

    def _of_cart(self, act: Act, now: datetime) -> Word:
        key = self.cart(act.person, act.cart)
        items = [{"product_id": "p", "title": "Cup", "quantity": 2, "unit_price": "30.00"}] if act.what == "fill" else []
        body = {
            **self.names(act.person, act.cart, JOINS),
            **{"items": items, "total": "60.00", "recovery_url": f"https://casa.example/{key}"},
            "consent": {"whatsapp": {"state": "granted", "source": "checkout"}},
        }
        return Word("checkout.updated", now, key, {"open": bool(items)}, body)

    def _becomes(self, number: int, what: str, order: TrueOrder, now: datetime) -> Word | None:
        if what == "alone":  # of the order it is told that it arrived, by the carrier
            return Word("parcel.delivered", now, order.key, {"delivered": True}, {"order_key": order.key, "parcel_key": "1"})
        if what == "remove":
            return Word("order.deleted", now, order.key, {"removed": True}, {"order_key": order.key})
        if what == "refund":
            back = min(2500, order.total - order.refunded)
            order.refunded += back
            body = {"order_key": order.key, "refund_key": f"r{number}", "refunded": f"{back / 100:.2f}"}
            return Word("order.refunded", now, order.key, {"refund": (f"r{number}", back)}, body)
        match what:
            case "pay" if order.status == "placed":
                order.payment = order.status = "paid"
            case "fail" if order.status == "placed":
                order.payment = "failed"
            case "deliver" if order.status != "cancelled":
                order.status, order.payment = "delivered", "paid"
            case "cancel":
                order.status = "cancelled"
        return self._of_order(order, now)

    def _of_order(self, order: TrueOrder, now: datetime) -> Word:
        left = order.total - order.refunded
        body = {
            **self.names(order.person, order.cart, order.names),
            **{"order_key": order.key, "items": [], "placed_at": order.placed_at.isoformat(), "status": order.status},
            **{"financial_state": order.payment, "total": f"{left / 100:.2f}", "refunded": f"{order.refunded / 100:.2f}"},
        }
        tells = {"order": (left, order.refunded, order.status, order.payment)}
        return Word("order.updated", now, order.key, tells, body)


# ---- what is known of it


@dataclass(slots=True)
class Known:
    """What was acknowledged so far, and what follows from it."""

    day: Afternoon
    words: list[Word] = field(default_factory=list)
    reminded: int = 0

    def of(self, about: str, tells: str) -> list[Word]:
        return [word for word in self.words if word.about == about and tells in word.tells]

    def started(self, cart: str) -> datetime | None:
        return min((word.at for word in self.of(cart, "open")), default=None)

    def ordered(self) -> list[TrueOrder]:
        return [order for order in self.day.orders if self.of(order.key, "order")]

    def is_bought(self, person: int, number: int) -> bool:
        """By its own keys for good; by the person, where it was begun before the order, or within the hour after. (Whose an order is that
        names nobody, its cart tells, or another order of that cart.)"""
        cart = self.day.cart(person, number)
        started = self.started(cart)
        return any(
            (order.cart == number and {"checkout", "cart", "click"} & set(order.names))
            or (self._is_known(order) and started is not None and order.placed_at >= started - LATE)
            for order in self.ordered()
            if order.person == person
        )

    def _is_known(self, order: TrueOrder) -> bool:
        """Whose it is, the order says, or its cart, or another order of the same cart."""
        of_its_cart = [one for one in self.ordered() if (one.person, one.cart) == (order.person, order.cart)]
        akin = [set(one.names) for one in of_its_cart if set(one.names) & set(order.names)]
        is_named = any({"customer", "phone", "email"} & names for names in akin)
        return is_named or bool(self.of(self.day.cart(order.person, order.cart), "open"))

    def live(self, person: int) -> str | None:
        """The cart that must be open: the newest word of all the person's carts is that it has something in it, and it is not bought."""
        words = [word for cart in (0, 1) for word in self.of(self.day.cart(person, cart), "open")]
        newest = max(words, key=lambda word: word.at, default=None)
        if newest is None or not newest.tells["open"]:
            return None
        return None if self.is_bought(person, int(newest.about[-1])) else newest.about

    def sums(self) -> tuple[int, int]:
        counted = [left for order in self.ordered() if (left := self._counts(order.key)) is not None]
        return len(counted), sum(counted)

    def _counts(self, key: str) -> int | None:
        """What an order adds to the sum; None where it counts for nothing."""
        told = self.of(key, "order")
        newest = max(told, key=lambda word: word.at)
        left, refunded, status, payment = newest.tells["order"]
        back = sum({word.tells["refund"] for word in self.of(key, "refund")}, start=_Sum()).minor
        left = max(0, left + refunded - max(refunded, back))
        never_paid = (
            payment == "failed" and not self.of(key, "delivered") and all(one.tells["order"][2] in ("placed", "cancelled") for one in told)
        )
        gone = status == "cancelled" or bool(self.of(key, "removed")) or (left == 0 and max(refunded, back) > 0)
        return None if gone or never_paid else left


@dataclass(frozen=True, slots=True)
class _Sum:
    minor: int = 0

    def __add__(self, refund: tuple[str, int]) -> "_Sum":
        return _Sum(self.minor + refund[1])


# ---- the house hears of it


async def live_through(bench: Bench, day: Afternoon, acts: list[Act]) -> int:
    """Let the shop tell its words as they arrive; after each, and at the end, what is promised holds. Returns how often it reminded."""
    known = Known(day)
    arrivals = sorted(
        ((word.at + delay * MINUTE, number, word) for number, (act, word) in enumerate(day.words(acts)) for delay in act.delays),
        key=lambda one: one[:2],
    )
    for arrives_at, _, word in arrivals:
        await pass_time(bench, known, arrives_at)
        await bench.shop(word.kind, word.at, updated_at=word.at.isoformat(), **word.body)
        known.words.append(word)
        await send(bench, known)  # acknowledged, and not worked off
        await bench.work()
        await send(bench, known)
        await holds(bench, known)
    await pass_time(bench, known, bench.now + LEFT)
    await holds(bench, known)
    return known.reminded


async def pass_time(bench: Bench, known: Known, until: datetime) -> None:
    while bench.now < until:
        bench.now = min(until, bench.now + HOP)
        await bench.work()
        await send(bench, known)


async def send(bench: Bench, known: Known) -> None:
    for body in await bench.send():
        if own := re.search(rf"/k{known.day.tag}-(\d)-(\d)", body):
            known.reminded += 1
            person, cart = map(int, own.groups())
            assert not known.is_bought(person, cart), f"reminded of {body} after its order was acknowledged"


async def holds(bench: Bench, known: Known) -> None:
    """One live episode a person, the right one; sums as they should be."""
    day = known.day
    rows = await bench.rows(f"select key, contact from checkout where shop = '{SHOP}' and state = 'open' and key like 'k{day.tag}-%'")
    keys = [str(row["key"]) for row in rows]
    for person in (0, 1):
        own = [key for key in keys if key.startswith(f"k{day.tag}-{person}-")]
        assert len(own) <= 1
        live = known.live(person)
        assert live is None or own == [live]
    sums = await bench.rows(
        "select coalesce(sum(orders_count), 0) as n, coalesce(sum(orders_minor), 0) as minor from contact c where merged_into is null "
        f"and exists (select 1 from shop_order o where o.contact = c.id and o.key like 'o{day.tag}-%')"
    )
    assert (int(sums[0]["n"]), int(sums[0]["minor"])) == known.sums()


def promised(where: str, examples: int) -> Callable[[], None]:
    """The property, on one database, so many times."""

    def all_of_it() -> None:
        with asyncio.Runner() as runner:
            store = runner.run(open_database(where))
            benches = [Bench(store, playbook(**_files(ends))) for ends in (True, False)]
            count = reminded = 0

            @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(ACTS, st.booleans())
            def check(acts: list[Act], has_goal: bool) -> None:
                nonlocal count, reminded
                count += 1
                bench = benches[has_goal]
                bench.now = max(one.now for one in benches) + APART
                bench.now = bench.now.replace(hour=9, minute=0)
                reminded += runner.run(live_through(bench, Afternoon(count, bench.now), acts))

            try:
                check()
            finally:
                runner.run(store.close())
            assert reminded > examples / 10, "hardly anybody was reminded of anything: this proves little"

    return all_of_it


def _files(has_goal: bool) -> dict[str, str | None]:
    others = dict.fromkeys(SHIPPED)
    return {**others, "store": STORE, "cart": FLOWS[has_goal], "templates/left": TEMPLATE}


def test_nobody_is_reminded_after_their_order_and_sums_are_right(tmp_path: Any, full: bool) -> None:
    promised(str(tmp_path / "comeback.db"), 5_000 if full else 100)()


def test_nobody_is_reminded_after_their_order_on_a_server_either(server: Server, full: bool) -> None:
    with asyncio.Runner() as runner:
        fresh = server.fresh()
        address = runner.run(fresh.__aenter__())
        try:
            promised(address, 300 if full else 12)()
        finally:
            runner.run(fresh.__aexit__(None, None, None))
