"""A timer that is due: a run's wait is over, a cart was left alone long enough, a product should be used up.

A timer is judged again when it fires: what it was set for may be gone, changed, or in somebody else's hands by then.
"""

from datetime import datetime, timedelta
from typing import Any

from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import Subject, SubjectKind, TimeIsUp, Waiting
from bot.policy.decision import Control
from bot.store import contacts, conversations, inbox, mirror, runs
from bot.store.mirror import CartState
from bot.store.step import Step, from_micros
from bot.worker import flows
from bot.worker.playbook import House
from bot.worker.shopping import REORDER_TIMER

STAFF_TURN = timedelta(hours=1)  # when to look again whether staff still have the conversation
LATE_START = timedelta(days=2)  # after down-time: a cart left longer ago than this is not reminded of, a nudge not given


def due(house: House, contact: int, kind: str, body: dict[str, Any]) -> Step[str | None]:
    """Work a due timer off; returns why nothing came of it, where that is so."""
    subject, generation = int(body["subject"]), int(body["generation"])
    if kind == flows.RUN_TIMER:
        return (yield from _run(house, contact, subject, generation))
    if house.now - from_micros(int(body["due"])) > LATE_START:
        return "too late: we were down when it was due"
    if kind.startswith(flows.START_TIMER):
        return (yield from _start(house, contact, kind.removeprefix(flows.START_TIMER), subject, generation))
    if kind.startswith(REORDER_TIMER):
        return (yield from _reorder(house, contact, kind.removeprefix(REORDER_TIMER), subject))
    return f"nobody knows the timer '{kind}'"


def _run(house: House, contact: int, run_id: int, generation: int) -> Step[str | None]:
    live = yield from runs.load(run_id)
    if live is None or live.run.outcome is not None or live.run.generation != generation:
        return "the run has moved on"
    wait_until = yield from _not_its_turn(house, contact, live.number, run_id, asks=live.run.waiting is not Waiting.ANSWER)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, flows.RUN_TIMER, run_id, generation)
        return "it is not its turn: looked at again later"
    yield from flows.advance(house, live, TimeIsUp(generation))
    return None


def _not_its_turn(house: House, contact: int, number: str, run_id: int | None, *, asks: bool) -> Step[datetime | None]:
    """When to look again, if staff have the conversation or another flow's question is open."""
    conversation = yield from conversations.load(contact, number)
    if conversation.control is not Control.BOT:
        return house.now + STAFF_TURN
    other = yield from flows.asking(contact)
    if asks and other is not None and other.run.id != run_id:
        return house.now + flows.ITS_TURN
    return None


def _start(house: House, contact: int, flow: str, subject: int, generation: int) -> Step[str | None]:
    revision = house.playbook.library.flows.get(flow)
    if revision is None:
        return f"there is no flow '{flow}' any more"
    if revision.flow.start.when is Trigger.CART_ABANDONED:
        return (yield from _cart(house, revision, contact, subject, generation))
    about, shop = yield from _about(revision.flow.start.when, subject)
    yield from flows.begin(house, revision, contact, house.number, shop, about)
    return None


def _about(when: Trigger, subject: int) -> Step[tuple[Subject | None, str]]:
    """What a flow that waited its turn is about, and in which shop: carts and orders are numbered apart."""
    if subject == flows.NO_SUBJECT:
        return None, ""
    of_cart = when is Trigger.CART_EMPTIED
    found = (yield from mirror.cart(subject)) if of_cart else (yield from mirror.order(subject))
    return (Subject(SubjectKind.CART if of_cart else SubjectKind.ORDER, found.id), found.shop) if found else (None, "")


def _cart(house: House, revision: Revision, contact: int, checkout: int, generation: int) -> Step[str | None]:
    cart = yield from mirror.cart(checkout)
    if cart is None or cart.generation != generation or cart.state is not CartState.OPEN:
        return "the cart has moved on"
    timer = flows.START_TIMER + revision.flow.id
    left_alone_until = cart.updated_at + (revision.flow.start.for_ or timedelta())
    if left_alone_until > house.now:  # the owner made the wait longer since
        yield from inbox.set_timer(left_alone_until, contact, timer, checkout, generation)
        return "the flow waits longer now"
    wait_until = yield from _not_its_turn(house, contact, house.number, None, asks=True)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, timer, checkout, generation)
        return "it is not its turn: looked at again later"
    yield from flows.begin(house, revision, contact, house.number, cart.shop, Subject(SubjectKind.CART, checkout))
    return None


def _reorder(house: House, contact: int, category: str, order_id: int) -> Step[str | None]:
    order = yield from mirror.order(order_id)
    if order is None or order.facts.status == "cancelled":
        return "the order was cancelled"
    if (yield from mirror.bought_since(contact, category, order.facts.placed_at)):
        return f"{category} was bought again since"
    wait_until = yield from _not_its_turn(house, contact, house.number, None, asks=True)
    if wait_until is not None:
        yield from inbox.set_timer(wait_until, contact, REORDER_TIMER + category, order_id, 0)
        return "it is not its turn: looked at again later"
    yield from contacts.audit(contact, house.now, "reorder", f"{category} should be used up")
    yield from flows.happen(house, contact, house.number, order.shop, Trigger.REORDER_DUE, Subject(SubjectKind.ORDER, order_id))
    return None
