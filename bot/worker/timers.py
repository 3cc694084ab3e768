"""A timer that is due: a run's wait is over, a cart was left alone long enough, a product should be used up.

A timer is judged again when it fires: what it was set for may be gone, changed, or in somebody else's hands by then.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.flow import interpreter
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import DiscountMade, DiscountRefused, Purpose, Subject, SubjectKind, TimeIsUp, Waiting
from bot.policy.decision import Control
from bot.store import contacts, conversations, discounts, inbox, mirror, outbox, readings, runs
from bot.store.mirror import CartState
from bot.store.runs import Live
from bot.store.step import Step, from_micros
from bot.worker import flows, lapse, reorder, shopping, stock, visiting, waiting
from bot.worker.playbook import House

STAFF_TURN = timedelta(hours=1)  # when to look again whether staff still have the conversation
READ_TURN = timedelta(minutes=10)  # when to look again whether all of a shop's orders are read
CODE_TIMER = "code"  # a code whose run had to wait its turn
LATE_START = timedelta(days=2)  # after down-time: a cart left longer ago than this is not reminded of, a nudge not given


def due(house: House, contact: int, kind: str, body: dict[str, Any]) -> Step[str | None]:
    """Work a due timer off; returns why nothing came of it, where that is so."""
    subject, generation = int(body["subject"]), int(body["generation"])
    late = house.now - from_micros(int(body["due"]))
    if kind == flows.RUN_TIMER:
        return (yield from _run(house, contact, subject, generation, late))
    if kind == stock.TURN_TIMER:
        return (yield from _stock(house, contact, subject))
    if kind != CODE_TIMER and late > LATE_START:
        return "too late: we were down when it was due"
    if kind.startswith(flows.START_TIMER):
        return (yield from _start(house, contact, kind.removeprefix(flows.START_TIMER), subject, generation))
    if lapse.is_timer(kind):
        wait_until = yield from _not_yet(house, contact, lapse.ANY_SHOP)
        return (yield from lapse.rings(house, contact, kind, subject, generation, wait_until))
    if reorder.is_timer(kind):
        return (yield from _reorder(house, contact, kind, subject, generation))
    if kind == CODE_TIMER:
        return (yield from code_decided(house, subject))
    if kind == shopping.PAYMENT_TIMER:
        return (yield from shopping.payment_left(house, subject))
    return f"nobody knows the timer '{kind}'"


def of_nobody(house: House, kind: str, body: dict[str, Any]) -> Step[str | None]:
    """The same, for a timer of the house's own."""
    if kind == stock.NEWS_TIMER:
        return (yield from stock.look(house, int(body["subject"]), int(body["generation"])))
    return f"nobody knows the timer '{kind}'"


def _run(house: House, contact: int, run_id: int, generation: int, late: timedelta) -> Step[str | None]:
    live = yield from runs.load(run_id)
    if live is None or live.run.outcome is not None or live.run.generation != generation:
        return "the run has moved on"
    revision = yield from house.playbook.revision(live.run.revision)
    if late > LATE_START and revision.flow.purpose is Purpose.MARKETING:
        yield from flows.end(house, live, "too late", "ended: we were down when it should have gone on")
        return "too late: we were down when it was due"
    wait_until = yield from not_its_turn(house, contact, live.number, run_id, asks=live.run.waiting is not Waiting.ANSWER)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, flows.RUN_TIMER, run_id, generation)
        return "it is not its turn: looked at again later"
    answer_until = yield from _may_still_answer(house, live)
    if answer_until is not None:
        yield from inbox.set_timer(answer_until, contact, flows.RUN_TIMER, run_id, generation)
        return "the time to answer begins when the question was sent"
    yield from flows.advance(house, live, TimeIsUp(generation))
    return None


def _may_still_answer(house: House, live: Live) -> Step[datetime | None]:
    """Until when the customer may answer, if that is later than now: a question can wait for the morning, or for a limit."""
    revision = yield from house.playbook.revision(live.run.revision)
    length = interpreter.time_to_answer(revision, live.run)
    if length is None:
        return None
    waits, sent_at = yield from outbox.asked_at(live.run.id)
    if waits:
        return house.now + min(length, flows.ITS_TURN)
    until = sent_at + length if sent_at else house.now
    return until if until > house.now else None


def not_its_turn(house: House, contact: int, number: str, run_id: int | None, *, asks: bool) -> Step[datetime | None]:
    """When to look again, if staff have the conversation or another flow's question is open."""
    conversation = yield from conversations.load(contact, number)
    if conversation.control is not Control.BOT:
        return house.now + STAFF_TURN
    other = yield from flows.asking(contact)
    if asks and other is not None and other.run.id != run_id:
        return house.now + flows.ITS_TURN
    return None


def _not_yet(house: House, contact: int, shop: str) -> Step[datetime | None]:
    """When to look again whether somebody has bought nothing since, if that cannot be known now or it is not its turn."""
    if (yield from readings.is_half_read(shop)):
        return house.now + READ_TURN
    return (yield from not_its_turn(house, contact, house.number, None, asks=True))


def _start(house: House, contact: int, written: str, subject: int, generation: int) -> Step[str | None]:
    flow, category, product = flows.read_start(written)
    revision = house.playbook.library.flows.get(flow)
    if revision is None:
        return f"there is no flow '{flow}' any more"
    if revision.flow.start.when is Trigger.CART_ABANDONED:
        return (yield from _cart(house, revision, contact, subject, generation))
    if revision.flow.start.when is Trigger.PRODUCT_VIEWED:
        return (yield from _viewed(house, revision, contact, subject))
    when = revision.flow.start.when
    about, shop = yield from _about(when, subject)
    if about is not None:
        about = replace(about, category=category, product=product)
    if when is Trigger.PAYMENT_FAILED and not (yield from _is_unpaid(subject)):
        return "it was paid, or cancelled, in the meantime"
    if when is Trigger.REORDER_DUE and about is not None and (yield from reorder.bought_since(house, contact, about)):
        return "it was bought again, or given back, in the meantime"
    if when is Trigger.CUSTOMER_LAPSED and not (yield from _is_last(contact, subject)):
        return "they ordered in the meantime"
    yield from flows.begin(house, revision, contact, house.number, shop, about)
    return None


def _is_unpaid(order_id: int) -> Step[bool]:
    order = yield from mirror.order(order_id)
    return order is not None and order.unpaid


def _is_last(contact: int, order_id: int) -> Step[bool]:
    last = yield from mirror.last_order(contact)
    return last is not None and last.id == order_id


def _about(when: Trigger, subject: int) -> Step[tuple[Subject | None, str]]:
    """What a flow that waited its turn is about, and in which shop: carts, orders and news are numbered apart."""
    if subject == flows.NO_SUBJECT:
        return None, ""
    if when in (Trigger.BACK_IN_STOCK, Trigger.PRICE_DROPPED):
        about = yield from waiting.about_news(subject)
        return (Subject(SubjectKind.PRODUCT, subject), about.variant.shop) if about else (None, "")
    of_cart = when is Trigger.CART_EMPTIED
    found = (yield from mirror.cart(subject)) if of_cart else (yield from mirror.order(subject))
    return (Subject(SubjectKind.CART if of_cart else SubjectKind.ORDER, found.id), found.shop) if found else (None, "")


_GONE_BY = {
    CartState.OPEN: "the cart changed since, and is looked at again later",
    CartState.EMPTIED: "the cart was emptied",
    CartState.ORDERED: "it was ordered",
    CartState.SUPERSEDED: "they went on in a newer cart",
}


def _cart(house: House, revision: Revision, contact: int, checkout: int, generation: int) -> Step[str | None]:
    cart = yield from mirror.cart(checkout)
    if cart is None or cart.generation != generation or cart.state is not CartState.OPEN:
        return _GONE_BY[cart.state] if cart is not None else "the cart is not known any more"
    timer = flows.START_TIMER + revision.flow.id
    left_alone_until = cart.updated_at + (revision.flow.start.for_ or timedelta())
    if left_alone_until > house.now:  # the owner made the wait longer since
        yield from inbox.set_timer(left_alone_until, contact, timer, checkout, generation)
        return "the flow waits longer now"
    if house.now - left_alone_until > LATE_START:
        return "too late: others had the conversation until now"
    wait_until = yield from not_its_turn(house, contact, house.number, None, asks=True)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, timer, checkout, generation)
        return "it is not its turn: looked at again later"
    yield from flows.begin(house, revision, contact, house.number, cart.shop, Subject(SubjectKind.CART, checkout))
    return None


def _viewed(house: House, revision: Revision, contact: int, visitor: int) -> Step[str | None]:
    judged = yield from visiting.judge(house, revision, contact, visitor)
    if isinstance(judged, str):
        yield from contacts.audit(contact, house.now, revision.flow.id, f"did not start: {judged}")
        return judged
    timer = flows.START_TIMER + revision.flow.id
    if isinstance(judged, visiting.Later):  # set already when they looked, unless the owner made the wait longer since
        yield from inbox.set_timer(judged.at, contact, timer, visitor, 0)
        return "they went on looking around: looked at again later"
    wait_until = yield from not_its_turn(house, contact, house.number, None, asks=True)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, timer, visitor, 0)
        return "it is not its turn: looked at again later"
    yield from flows.begin(house, revision, contact, house.number, judged.shop, Subject(SubjectKind.VIEW, judged.id))
    return None


def _reorder(house: House, contact: int, kind: str, order_id: int, generation: int) -> Step[str | None]:
    judged = yield from reorder.judge(house, contact, kind, order_id, generation)
    if isinstance(judged, str):
        return judged
    wait_until = yield from _not_yet(house, contact, judged.order.shop)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, kind, order_id, generation)
        return "it is not its turn: looked at again later"
    if (yield from reorder.has_cart(house, contact, judged)):
        yield from inbox.set_timer(house.now + reorder.CART_TURN, contact, kind, order_id, generation)
        return "they have an open cart, which has a flow of its own: looked at again later"
    yield from reorder.asked(house, contact, judged)
    yield from contacts.audit(contact, house.now, "reorder", f"{judged.need.name} should be used up")
    about = judged.need.of(order_id)
    yield from flows.happen(house, contact, house.number, judged.order.shop, Trigger.REORDER_DUE, about)
    return None


def _stock(house: House, contact: int, news: int) -> Step[str | None]:
    """They wait for a product that is back, or cheaper, and their turn has come."""
    judged = yield from stock.judge(contact, news)
    if isinstance(judged, str):
        return judged
    wait_until = yield from not_its_turn(house, contact, house.number, None, asks=True)
    if wait_until is None and (yield from stock.is_busy(house, contact, judged)):
        wait_until = house.now + flows.ITS_TURN
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, stock.TURN_TIMER, news, 0)
        return "it is not its turn: looked at again later"
    yield from stock.tell(house, contact, judged)
    return None


def code_decided(house: House, discount: int) -> Step[str | None]:
    """A code was made, or will not be: the run that waits for it goes on, when it is its turn."""
    wanted = yield from discounts.load(discount)
    live = yield from runs.load(wanted.run)
    if live is None or live.run.outcome is not None:
        yield from discounts.release(discount)
        return "the run is over"
    wait_until = yield from not_its_turn(house, live.contact, live.number, live.run.id, asks=True)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, live.contact, CODE_TIMER, discount, wanted.generation)
        return "it is not its turn: looked at again later"
    decided: DiscountMade | DiscountRefused
    if wanted.refused:
        decided = DiscountRefused(wanted.generation, wanted.why or "its time was over before anybody could be told")
    elif wanted.discount.ends <= house.now:
        decided = DiscountRefused(wanted.generation, "its time was over before anybody could be told")
        yield from discounts.release(discount)
    else:
        decided = DiscountMade(wanted.generation, wanted.discount)
        yield from discounts.issued(discount, house.now)
    yield from flows.advance(house, live, decided)
    return None
