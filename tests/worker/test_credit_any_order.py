"""Whatever is told of orders and of messages, and in whatever order, twice or late: what flows are credited with, and what is known of a
customer, is what somebody would find who looked at all of it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channel.event import DeliveryStatus, StatusChanged
from bot.flow.facts import Line, Money, OrdersFacts
from bot.flow.library import Library
from bot.flow.rules import StoreRules
from bot.policy.reorder import gaps_of
from bot.shop.event import OrderChanged, OrderRemoved, OrderStatus, Refunded, Shopper
from bot.store import contacts, mirror
from bot.store.contacts import Resolved
from bot.store.inbox import Entry
from bot.store.model import Source
from bot.store.step import Statement, Step, from_micros, to_micros
from bot.worker import customer, facts, shopping
from bot.worker.playbook import House, Playbook

from .bench import DAY, HOUR, MONDAY, NUMBER, Bench

NOW = MONDAY
WINDOW = 3 * DAY
PLAYBOOK = Playbook(Library(rules=StoreRules(currency="EUR", credit_for=WINDOW)))
PRODUCTS = ("p-soap", "p-huila")
CURRENCIES = ("EUR", "USD")
MINOR = 1_000  # of each piece
_worlds = count(1)

ShopTold = OrderChanged | Refunded | OrderRemoved


@dataclass(frozen=True)
class Message:
    """A marketing message of a flow; `arrived` are the times that statuses tell, each with what it tells."""

    sent_at: datetime
    arrived: tuple[tuple[datetime, DeliveryStatus], ...]


@dataclass(frozen=True)
class World:
    """All that happens. `codes`: by order, the number of the message whose run promised the code on it, or None for a stranger's."""

    messages: tuple[Message, ...]
    events: tuple[ShopTold | tuple[int, datetime, DeliveryStatus], ...]
    codes: tuple[tuple[str, int | None], ...]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A few messages, a few orders of the last weeks, and all that is told of them, in any order, some of it twice."""
    messages = tuple(draw(_messages()) for _ in range(draw(st.sampled_from((0, 1, 2, 2, 3)))))
    told: list[ShopTold | tuple[int, datetime, DeliveryStatus]] = [
        (number, at, status) for number, message in enumerate(messages) for at, status in message.arrived
    ]
    codes: list[tuple[str, int | None]] = []
    for number in range(draw(st.integers(1, 3))):
        placed_at = NOW - timedelta(hours=draw(st.integers(1, 24 * 4) | st.just(24 * 40)), seconds=number)
        with_code = draw(st.sampled_from(("none", "none", "own", "leaked")))
        if with_code != "none":
            promised = draw(st.sampled_from(range(len(messages)))) if messages and with_code == "own" else None
            codes.append((f"o{number}", promised))
        click = draw(st.sampled_from((None, None, "passed-on", *(f"click-{place}" for place in range(len(messages))))))
        told += draw(_words(f"o{number}", placed_at, click, bool(with_code != "none")))
    again = draw(st.lists(st.sampled_from(told), max_size=4))
    return World(messages, tuple(draw(st.permutations(told + again))), tuple(codes))


@st.composite
def _messages(draw: st.DrawFn) -> Message:
    sent_at = NOW - timedelta(hours=draw(st.integers(2, 24 * 6)), minutes=draw(st.integers(1, 59)))
    later = draw(st.lists(st.integers(0, 30), min_size=1, max_size=2, unique=True))
    statuses = (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
    told = zip(sorted(later), statuses, strict=False)
    return Message(sent_at, tuple((min(sent_at + hours * HOUR, NOW), status) for hours, status in told))


@st.composite
def _words(draw: st.DrawFn, key: str, placed_at: datetime, click: str | None, coded: bool) -> list[ShopTold]:
    currency = draw(st.sampled_from(CURRENCIES))
    statuses = draw(st.lists(st.sampled_from(OrderStatus), min_size=1, max_size=3))
    refunds, removed = draw(st.integers(0, 2)), draw(st.integers(0, 2)) == 0
    minutes = iter(draw(st.permutations(range(1, 30))))
    found: list[ShopTold] = []
    for status in statuses:
        pieces = draw(st.dictionaries(st.sampled_from(PRODUCTS), st.integers(1, 3), min_size=1))
        found.append(
            OrderChanged(
                at=placed_at + timedelta(minutes=next(minutes)),
                order=key,
                number=key,
                status=status,
                shopper=Shopper(customer="1"),
                lines=tuple(Line(name, number, Money(MINOR, currency), name) for name, number in pieces.items()),
                total=Money(MINOR * sum(pieces.values()), currency),
                placed_at=placed_at,
                discount_codes=(f"code-{key}",) if coded else (),
                click=click,
            )
        )
    for number in range(refunds):
        back = (Line("x", 1, Money(MINOR, currency), draw(st.sampled_from(PRODUCTS))),)
        amount = Money(MINOR * draw(st.integers(1, 3)), currency)
        found.append(Refunded(placed_at + timedelta(minutes=next(minutes)), key, f"r{number}", amount, back))
    if removed:
        found.append(OrderRemoved(placed_at + timedelta(minutes=next(minutes)), key))
    return found


# ---- from scratch


@dataclass(frozen=True)
class Left:
    """What is left of an order in the end."""

    key: str
    placed_at: datetime
    counts: bool
    minor: int
    gross: int
    currency: str
    products: frozenset[str]
    click: str | None
    called_off: bool


def left_of(key: str, events: Sequence[ShopTold]) -> Left:
    words = [event for event in events if isinstance(event, OrderChanged)]
    newest = max(words, key=lambda word: word.at)
    refunds = {event.refund: event for event in events if isinstance(event, Refunded) and event.at > newest.at}
    every_refund = any(isinstance(event, Refunded) for event in events)
    minor = max(0, newest.total.minor - sum(event.amount.minor for event in refunds.values() if event.amount))
    called_off = newest.status is OrderStatus.CANCELLED or any(isinstance(event, OrderRemoved) for event in events)
    pieces = {line.product or "": line.quantity for line in newest.lines}
    for refund in refunds.values():
        for line in refund.lines:
            if line.product in pieces:
                pieces[line.product] -= min(line.quantity, pieces[line.product])
    counts = not called_off and not (minor == 0 and every_refund)
    kept = frozenset(name for name, number in pieces.items() if number and counts)
    currency, gross = newest.total.currency, newest.total.minor
    return Left(key, newest.placed_at, counts, minor, gross, currency, kept, newest.click, called_off)


Credited = tuple[str, str, int, int]  # the kind, the flow, what is left, what was taken off


def credit_of(order: Left, world: World) -> Credited | None:
    minor = order.minor if order.counts else 0
    amounts = minor, order.gross - minor
    codes = dict(world.codes)
    if not order.called_off and codes.get(order.key) is not None:
        return ("code", f"flow_{codes[order.key]}", *amounts)
    came_by = {f"click-{number}": number for number, one in enumerate(world.messages) if one.sent_at <= order.placed_at}
    if order.click in came_by:
        return ("click", f"flow_{came_by[order.click]}", *amounts)
    told = {(number, at) for event in world.events if isinstance(event, tuple) for number, at, _ in [event]}
    arrived = {number: min(at for other, at in told if other == number) for number in {number for number, _ in told}}
    in_time = [(at, number) for number, at in arrived.items() if order.placed_at - WINDOW <= at <= order.placed_at]
    return ("view_through", f"flow_{max(in_time)[1]}", *amounts) if in_time else None


def known_of(orders: Sequence[Left]) -> tuple[int, str, int, frozenset[str], float | None]:
    """How many orders count, their sum in the store's currency (else in that of the newest), what was bought, the usual gap."""
    counting = sorted((one for one in orders if one.counts), key=lambda one: one.placed_at)
    if not counting:
        return 0, "EUR", 0, frozenset(), None
    currency = "EUR" if any(one.currency == "EUR" for one in counting) else counting[-1].currency
    total = sum(one.minor for one in counting if one.currency == currency)
    gaps = sorted(gaps_of(one.placed_at.toordinal() for one in counting))
    middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2 if gaps else None
    return len(counting), currency, total, frozenset().union(*(one.products for one in counting)), middle


# ---- told


@dataclass(frozen=True)
class Found:
    """What the house knows in the end."""

    credits: dict[str, Credited]
    orders: OrdersFacts
    nth: dict[str, int | None]
    last_order_at: datetime | None


def told(world: World, number: int) -> Step[Found]:
    house = House(PLAYBOOK, "world", NUMBER, NOW)
    shop = f"shop-{number}"
    contact = yield from contacts.create(NOW)
    stranger = yield from contacts.create(NOW)
    runs: list[int] = []
    yield Statement("insert into revision (id, flow, source, stored_at) values ('r', 'f', '', 0) on conflict do nothing", {})
    for place, message in enumerate([*world.messages, None]):
        whose = {"contact": contact if message else stranger, "flow": f"flow_{place}"}
        rows = yield Statement(
            "insert into run (contact, number, shop, flow, revision, state, body, started_at)"
            " values (:contact, '1', '', :flow, 'r', 'ended', '', 0) returning id",
            whose,
        )
        runs.append(rows[0]["id"])
        if message is not None:
            yield Statement(
                "insert into outbox (key, contact, number, shop, run, flow, author, marketing, reply, content, body, created_at,"
                " not_before, expires_at, state, delivery, sent_at, provider_id) values (:key, :contact, '1', '', :run, :flow, 'flow', 1,"
                " 0, '{\"text\":{\"body\":\"x\"}}', 'x', :at, :at, :at, 'sent', 'sent', :at, :key)",
                {**whose, "key": f"w{number}-{place}", "run": runs[-1], "at": to_micros(message.sent_at)},
            )
    clicks = [(f"click-{place}", contact, runs[place], one.sent_at) for place, one in enumerate(world.messages)]
    for click, owner, run, at in (*clicks, ("passed-on", stranger, runs[-1], NOW - 9 * DAY)):
        yield Statement(
            "insert into sent_link (click, shop, contact, run, sent_at) values (:click, :shop, :owner, :run, :at)"
            " on conflict (click) do update set shop = excluded.shop, contact = excluded.contact, run = excluded.run,"
            " sent_at = excluded.sent_at",
            {"click": click, "shop": shop, "owner": owner, "run": run, "at": to_micros(at)},
        )
    for nth, (key, promised) in enumerate(world.codes):
        run, owner = (runs[-1], stranger) if promised is None else (runs[promised], contact)
        yield Statement(
            "insert into discount (run, generation, contact, shop, code, canonical, percent, ends, state, retry_at, created_at)"
            " values (:run, :nth, :owner, :shop, :code, :canonical, '5', 0, 'issued', 0, 0)",
            {"run": run, "nth": nth, "owner": owner, "shop": shop, "code": f"code-{key}", "canonical": f"CODE-{key}".upper()},
        )
    for event in world.events:
        if isinstance(event, tuple):
            place, at, status = event
            key = f"w{number}-{place}"
            entry = Entry(0, Source.WHATSAPP, "", NUMBER, contact, b"", NOW, NOW, 0, None)
            yield from customer.told(house, entry, contact, StatusChanged(key, at, status, key))
        else:
            yield from shopping.told(house, shop, Resolved(contact), event)
    return (yield from _found(house, contact))


def _found(house: House, contact: int) -> Step[Found]:
    whose = {"contact": contact}
    rows = yield Statement(
        "select o.key, c.kind, c.flow, c.minor, c.back_minor from credit c join shop_order o on o.id = c.shop_order"
        " where c.contact = :contact",
        whose,
    )
    orders = yield Statement("select id, key from shop_order where contact = :contact", whose)
    nth: dict[str, int | None] = {}
    for row in orders:
        order = yield from mirror.order(row["id"])
        assert order is not None
        nth[row["key"]] = yield from mirror.nth(order)
    known = yield from facts.load(house, contact, NUMBER, None)
    last = (yield Statement("select last_order_at from contact where id = :contact", whose))[0]["last_order_at"]
    found = {row["key"]: (row["kind"], row["flow"], row["minor"], row["back_minor"]) for row in rows}
    return Found(found, known.orders, nth, from_micros(last) if last is not None else None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(world=worlds())
async def test_credits_and_facts_are_those_of_the_model_whatever_is_told_first(bench: Bench, world: World) -> None:
    found = await bench.store.run(told(world, next(_worlds)))
    shop_told = [event for event in world.events if not isinstance(event, tuple)]
    keys = {event.order for event in shop_told if isinstance(event, OrderChanged)}
    orders = sorted((left_of(key, [event for event in shop_told if event.order == key]) for key in keys), key=lambda one: one.placed_at)

    wanted = {one.key: credit for one in orders if (credit := credit_of(one, world)) is not None}
    assert found.credits == wanted

    count_, currency, total, products, gap = known_of(orders)
    assert (found.orders.count, found.orders.total) == (count_, Money(total, currency))
    assert set(found.orders.products) == products
    assert found.orders.usual_gap == gap
    assert found.last_order_at == max((one.placed_at for one in orders if one.counts), default=None)
    counting = [one.key for one in orders if one.counts]
    assert found.nth == {one.key: counting.index(one.key) + 1 if one.counts else None for one in orders}
