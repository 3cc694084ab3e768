"""When will they need it again: each order and delivery moves the date on which a person is asked; what it rests on is found out nightly.

What is awaited is a product, or all of a category where the owner says when the category is used up (`reorder:` in store.yaml). The date is
the owner's where they gave one, else 0.8 of the time expected: a nudge should come before the tin is empty. Who did not answer is asked
once more at 1.5 times; who has an open cart is not asked while it is warm: it has a flow of its own. There are no more than two nudges for
a purchase, and none long after the expected time: they left, which is a matter for win-back (`lapse.py`).
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.flow.rules import StoreRules
from bot.flow.run import Subject, SubjectKind
from bot.policy.reorder import (
    OPENS_AT,
    OVER_AT,
    SECOND_AT,
    Basis,
    Evidence,
    Expectation,
    Outlook,
    Override,
    Purchase,
    expected,
    gaps_of,
    outlooks,
)
from bot.store import contacts, conversations, inbox, mirror, purchases, readings
from bot.store.database import Database, StoreUnavailable
from bot.store.mirror import Order
from bot.store.purchases import Awaited, Bought, Place, Sold
from bot.store.step import Step
from bot.worker.playbook import House

log = logging.getLogger(__name__)

CATEGORY_TIMER = "reorder:"  # and the category that should be used up
PRODUCT_TIMER = "reorder_product:"  # and the product
NUDGES = 2  # for one purchase
WARM_CART = timedelta(days=7)  # since it was touched last: a cart left longer than its own flow goes on is no reason to be silent
CART_TURN = timedelta(days=1)  # when to look again whether a cart is still open
MISSED = timedelta(days=2)  # a date so long ago (an import, down-time) is not caught up on
WORK_OUT_SECONDS = 60  # between two looks whether it is time to find out again: an owner who had years of orders read looks at the dates
WORTH_FOR = timedelta(hours=20)  # a night's findings; a look at the same hour of the next day finds them too old
SAVED_AT_ONCE = 500  # products: some 10 ms of the one writer
AWAITED_AT_ONCE = 50  # people: the same
AHEAD = 2  # days that a night looks ahead for people to await


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody may need again: a product, or anything of a category. `timer` is the kind of its timer."""

    shop: str
    name: str
    product: str | None = None
    category: str | None = None
    override: Override | None = None

    @property
    def timer(self) -> str:
        """The kind of its timers."""
        return f"{CATEGORY_TIMER}{self.category}" if self.category is not None else f"{PRODUCT_TIMER}{self.product}"

    def of(self, order: int) -> Subject:
        """What a flow that begins with it is about."""
        return Subject(SubjectKind.ORDER, order, self.category, self.product)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """When somebody will need something again: so long after their last purchase. `opens` is when to ask (UTC)."""

    last: Bought
    expectation: Expectation
    opens: datetime

    @property
    def over(self) -> datetime:
        """From when on nobody asks any more."""
        return self.last.at + timedelta(days=self.expectation.days * OVER_AT)

    def asks(self, asked: int) -> datetime | None:
        """When to ask who was asked so often already; None: not any more."""
        second = self.last.at + timedelta(days=self.expectation.days * SECOND_AT)
        return (self.opens, second, None)[min(asked, NUDGES)]


def is_timer(kind: str) -> bool:
    """Whether a timer of this kind is for something that should be used up."""
    return kind.startswith((CATEGORY_TIMER, PRODUCT_TIMER))


def need_of(rules: StoreRules, sold: Sold) -> Need:
    """What buying this product means for later: the owner's word for the product, for its SKU, or for its category."""
    for key in (sold.product, sold.sku):
        if key is not None and key in rules.reorder:
            return Need(sold.shop, sold.name, product=sold.product, override=_override(rules, key))
    if sold.category is not None and sold.category in rules.reorder:
        return Need(sold.shop, sold.category, category=sold.category, override=_override(rules, sold.category))
    return Need(sold.shop, sold.name, product=sold.product)


def need_behind(rules: StoreRules, shop: str, timer: str) -> Step[Need]:
    """What a timer is for. What the owner says by now counts."""
    if timer.startswith(CATEGORY_TIMER):
        category = timer.removeprefix(CATEGORY_TIMER)
        return Need(shop, category, category=category, override=_override(rules, category) if category in rules.reorder else Override(None))
    return need_of(rules, (yield from purchases.sold(shop, timer.removeprefix(PRODUCT_TIMER))))


def _override(rules: StoreRules, key: str) -> Override:
    return Override(rules.reorder[key].days, rules.reorder[key].per_unit)


# ---- one person


def foresee(contact: int, need: Need) -> Step[Foreseen | None]:
    """When somebody will need it again; None when they bought none, or nobody can say."""
    if need.override is not None and need.override.days is None:
        return None
    if need.product is not None:
        bought = yield from purchases.of_product(contact, need.shop, need.product)
        others = None if need.override else (yield from purchases.evidence(need.shop, need.product))
    else:
        bought, others = (yield from purchases.of_category(contact, need.shop, need.category or "")), None
    if not bought:
        return None
    last = bought[-1]
    pieces = sum(one.pieces for one in bought if one.order == last.order)
    expectation = expected(gaps_of(one.day for one in bought), others, need.override, pieces)
    if expectation is None:
        return None
    share = 1.0 if expectation.basis is Basis.OWNER else OPENS_AT
    return Foreseen(last, expectation, last.at + timedelta(days=expectation.days * share))


def follow(house: House, order: Order, arrived_at: datetime | None = None) -> Step[None]:
    """An order was told of: whoever's purchases it changed are awaited anew. `arrived_at` is when it came, where this word says it did."""
    facts = order.facts
    changed = yield from purchases.keep(order.id, order.contact, order.shop, facts.lines, facts.placed_at, arrived_at)
    needs: dict[tuple[int, str], Need] = {}
    for contact, product in sorted(changed):
        need = need_of(house.playbook.rules, (yield from purchases.sold(order.shop, product)))
        needs[contact, need.timer] = need
    for (contact, _), need in needs.items():
        yield from await_next(house, contact, need)


def await_next(house: House, contact: int, need: Need) -> Step[None]:
    """Set the date on which they are to be asked, from all that is known now."""
    known = yield from purchases.awaited(contact, need.shop, need.timer)
    found = yield from foresee(contact, need)
    same_cycle = known is not None and found is not None and known.order == found.last.order
    asked = known.asked if known is not None and same_cycle else 0
    due = found.asks(asked) if found is not None else None
    if same_cycle and asked >= NUDGES:
        return
    if found is None or due is None or due < house.now - MISSED:
        if known is not None:
            yield from purchases.forget_awaited(contact, need.shop, need.timer)
        return
    if same_cycle and known is not None and (known.since, known.due) == (found.last.at, due):
        return
    generation = purchases.generation_of(due)
    yield from _await(contact, need, Awaited(need.timer, found.last.order, found.last.at, due, generation, asked))


def _await(contact: int, need: Need, one: Awaited) -> Step[None]:
    yield from purchases.save_awaited(contact, need.shop, one)
    yield from inbox.set_timer(one.due, contact, one.what, one.order, one.generation)


@dataclass(frozen=True, slots=True)
class Due:
    """They should be asked now. `asked`: how often they were before."""

    need: Need
    order: Order
    found: Foreseen
    asked: int = 0


def judge(house: House, contact: int, timer: str, order_id: int, generation: int) -> Step[Due | str]:
    """Whether a timer that fires still means what it was set for, or why not."""
    order = yield from mirror.order(order_id)
    if order is None or order.facts.status == "cancelled":
        return "the order was cancelled"
    need = yield from need_behind(house.playbook.rules, order.shop, timer)
    if need.timer != timer:
        yield from await_next(house, contact, need)
        return f"the owner says of {need.name} by now when it is used up"
    known = yield from purchases.awaited(contact, order.shop, timer)
    asked = known.asked if known is not None and known.order == order_id else 0
    if known is not None and known.order == order_id and (asked >= NUDGES or known.generation != generation):
        return f"they are asked about {need.name} at another time"
    found = yield from foresee(contact, need)
    if found is None:
        return f"nobody can say when {need.name} is used up"
    if found.last.order != order_id:
        if found.last.at > order.facts.placed_at:
            return f"{need.name} was bought again since"
        return f"{need.name} was given back"
    if (found.asks(asked) or house.now) > house.now:
        yield from await_next(house, contact, need)
        return f"{need.name} is expected to last longer"
    if found.over < house.now:
        return f"too late: {need.name} was used up long ago"
    if asked and (yield from _answered(contact, house.number, found.opens)):
        return f"they wrote since they were asked about {need.name}"
    return Due(need, order, found, asked)


def _answered(contact: int, number: str, since: datetime) -> Step[bool]:
    """Whether they had something to say since they were asked: who was heard is not asked the same again."""
    wrote_at = (yield from conversations.load(contact, number)).last_wrote_at
    return wrote_at is not None and wrote_at >= since


def has_cart(house: House, contact: int, due: Due) -> Step[bool]:
    """Whether they are in the middle of buying: what is said of an open cart is said by its own flow."""
    return (yield from mirror.has_open_cart(contact, due.order.shop, house.now - WARM_CART))


def bought_since(house: House, contact: int, about: Subject) -> Step[bool]:
    """Whether what a nudge that waited its turn is about was bought again, or given back, meanwhile."""
    order = yield from mirror.order(about.id)
    if order is None or (about.category is None and about.product is None):
        return order is None
    kind = f"{CATEGORY_TIMER}{about.category}" if about.category is not None else f"{PRODUCT_TIMER}{about.product}"
    found = yield from foresee(contact, (yield from need_behind(house.playbook.rules, order.shop, kind)))
    return found is None or found.last.order != order.id


def asked(house: House, contact: int, due: Due) -> Step[None]:
    """They are asked now: the second time in some while, and not again before they buy it again."""
    times, last = due.asked + 1, due.found.last
    again = due.found.asks(times)
    then = again or house.now
    one = Awaited(due.need.timer, due.order.id, last.at, then, purchases.generation_of(then), times)
    if again is None or again <= house.now:
        yield from purchases.save_awaited(contact, due.order.shop, one)
    else:
        yield from _await(contact, due.need, one)


# ---- everybody, nightly


@dataclass(frozen=True, slots=True)
class Soon:
    """Somebody who should be asked about a product within the next days, as all that is known by now says."""

    shop: str
    product: str
    contact: int


def _due_soon(outlook: Outlook, now: datetime) -> Iterator[int]:
    """Who should be asked before the next night but one: more often than it is looked, so that no day falls between."""
    today = now.toordinal()
    for contact, last, expectation in outlook.people:
        if expectation is not None and today <= last + expectation.days * OPENS_AT < today + AHEAD:
            yield contact


def _await_all(house: House, soon: Sequence[Soon]) -> Step[None]:
    """Set their dates, where that was not done when they bought: too little was known of the product then."""
    for one in sorted(soon, key=lambda one: one.contact):  # everybody in the same order: none waits for one who waits for them
        need = need_of(house.playbook.rules, (yield from purchases.sold(one.shop, one.product)))
        if need.override is None:
            yield from contacts.hold(one.contact)
            yield from await_next(house, one.contact, need)


def _is_time(now: datetime) -> Step[bool]:
    """Whether to find out again; not while a shop's history is half read, or half worked off."""
    if (yield from readings.is_half_read()):
        return False
    last = yield from purchases.worked_out_at()
    brought = yield from readings.orders_brought_since(last)
    for reading in brought:
        if any(state == "waiting" for state, _, _ in (yield from readings.entries(reading))):
            return False
    return bool(brought) or last is None or last > now or now - last >= WORTH_FOR


class Foresight:
    """Finds out what all people did with each product, and awaits those of whom only that tells when they need it again. One product is in
    memory at a time, whatever the shop sold."""

    def __init__(self, store: Database, house: Callable[[], House]) -> None:
        self._store = store
        self._house = house

    async def keep_fresh(self) -> None:
        """Find out again, if the last time was a night ago, or before the orders came in that an owner asked for. What cannot be done now
        is done the next time."""
        try:
            if await self._store.read(_is_time(self._house().now)):
                await self.work_out()
        except StoreUnavailable as fault:
            log.warning("what people buy again could not be worked out: %s", fault)

    async def work_out(self) -> int:
        """Find out now (a back-fill brought years of orders, say); returns of how many products."""
        now, count, shop = self._house().now, 0, ""
        found: dict[str, tuple[int, Evidence | None]] = {}
        soon: list[Soon] = []
        async for of_shop, bought in self._by_product():
            if of_shop != shop or len(found) >= SAVED_AT_ONCE:
                await self._save(shop, found, soon, now)
                shop, found, soon = of_shop, {}, []
            for outlook in outlooks(bought):
                found[outlook.product] = (len(outlook.people), outlook.evidence)
                soon += [Soon(shop, outlook.product, contact) for contact in _due_soon(outlook, now)]
                count += 1
        await self._save(shop, found, soon, now)
        await self._store.run(purchases.forget_evidence(now))
        return count

    async def _save(self, shop: str, found: Mapping[str, tuple[int, Evidence | None]], soon: Sequence[Soon], now: datetime) -> None:
        await self._store.run(purchases.save_evidence(shop, found, now))
        for first in range(0, len(soon), AWAITED_AT_ONCE):
            await self._store.run(_await_all(self._house(), soon[first : first + AWAITED_AT_ONCE]))

    async def _by_product(self) -> AsyncIterator[tuple[str, list[Purchase]]]:
        """Each product's purchases, with its shop."""
        held: list[Purchase] = []
        place = Place()
        while page := await self._store.read(purchases.page(place)):
            for after, bought in page:
                if held and (after.shop, after.product) != (place.shop, place.product):
                    yield place.shop, held
                    held = []
                held.append(bought)
                place = after
        if held:
            yield place.shop, held
