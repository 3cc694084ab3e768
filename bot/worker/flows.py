"""Flows at work: start a run, advance it, carry out what it asks for, end it.

All of it inside the transaction of the event that caused it. Each thing that did not happen leaves its reason under the contact.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.flow import condition, interpreter
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import (
    AddTag,
    Advance,
    Discount,
    Effect,
    Event,
    Finish,
    HandOver,
    MakeDiscount,
    OptIn,
    OptOut,
    Purpose,
    RemoveTag,
    Run,
    Send,
    SetTimer,
    Subject,
    SubjectKind,
    TellWhenBack,
    TemplateMessage,
    Waiting,
)
from bot.policy.decision import Author, Consent, Control
from bot.shop.discounts import new_code
from bot.store import contacts, conversations, discounts, inbox, outbox, runs, templates, wishes
from bot.store.contacts import Agreement
from bot.store.runs import Live
from bot.store.step import Step, attempt
from bot.worker import codes, consent, facts, links, waiting
from bot.worker.playbook import MARKETING_WORTH, REPLY_WORTH, House

MAX_LIVE_RUNS = 10  # of one person: more means that flows start each other
MAX_CHAIN = 5  # an event of a flow starts another flow, whose event starts another ...
RUN_TIMER = "run"
START_TIMER = "start:"  # and the flow's id
_CATEGORY, _PRODUCT = "category", "product"
NO_SUBJECT = 0  # of a timer for a flow that is about neither a cart nor an order
CODE_LEFT = timedelta(hours=1)  # a code that is read must leave this long to use it
SAID = frozenset({"word", "button", "flow"})  # the ways to say stop in the conversation itself
ITS_TURN = timedelta(minutes=30)  # when to look again whether another flow's question is still open


def happen(
    house: House,
    contact: int,
    number: str,
    shop: str,
    trigger: Trigger,
    subject: Subject | None = None,
    *,
    begins: bool = True,
    chain: int = 0,
) -> Step[None]:
    """Something happened to a person: runs that wanted it are done, runs it makes pointless stop, flows that begin with it begin
    (unless `begins` is false)."""
    if chain > MAX_CHAIN:
        yield from contacts.audit(contact, house.now, trigger, "nothing more was started: flows start each other in a circle")
        return
    for live in (yield from runs.live(contact)):
        if not _is_of_another(live.run, trigger, subject):
            yield from _reach(house, live, trigger, subject)
    yield from _cancel_pointless(house, contact, trigger)
    for revision in house.playbook.starting_on(trigger) if begins else ():
        if revision.flow.start.for_ is None:
            yield from begin(house, revision, contact, number, shop, subject, chain=chain)
        else:
            yield from _start_later(house.now + revision.flow.start.for_, contact, revision, subject)


def _start_later(due: datetime, contact: int, revision: Revision, subject: Subject | None) -> Step[None]:
    """Set a timer that starts a flow. What a run is to be about of an order goes along: the coffee, and not the mug beside it."""
    kind = START_TIMER + revision.flow.id
    if subject is not None and subject.category is not None:
        kind = f"{kind} {_CATEGORY}:{subject.category}"
    elif subject is not None and subject.product is not None:
        kind = f"{kind} {_PRODUCT}:{subject.product}"
    yield from inbox.set_timer(due, contact, kind, subject.id if subject else NO_SUBJECT, 0)


def read_start(written: str) -> tuple[str, str | None, str | None]:
    """The flow that a timer starts, and the category or product of the order that it is about, from what stands behind START_TIMER."""
    flow, _, rest = written.partition(" ")
    part, _, name = rest.partition(":")
    return flow, name if part == _CATEGORY else None, name if part == _PRODUCT else None


def _is_of_another(run: Run, trigger: Trigger, subject: Subject | None) -> bool:
    """Whether what happened to a cart or an order says nothing of the one a run is about."""
    if trigger is Trigger.CART_EMPTIED:
        return run.subject != subject
    if trigger not in _OF_ONE_ORDER or run.subject is None or subject is None:
        return False
    return run.subject.kind is subject.kind and run.subject.id != subject.id


def _reach(house: House, live: Live, trigger: Trigger, subject: Subject | None) -> Step[None]:
    """End a run whose goal the event is, or which it makes pointless."""
    revision = yield from attempt(house.playbook.revision(live.run.revision))
    if isinstance(revision, Exception):
        yield from end(house, live, "lost its place", f"ended: its revision cannot be read ({type(revision).__name__})")
    elif trigger in revision.flow.goal:
        yield from end(house, live, "goal reached", f"{trigger}: the goal of {live.run.flow} is reached")
        if subject is not None and subject.kind is SubjectKind.ORDER:
            yield from runs.reached(live.run.id, subject.id)
    elif trigger in revision.flow.stop_when:
        yield from end(house, live, f"stopped: {trigger}", f"{trigger}: {live.run.flow} stops")


def _cancel_pointless(house: House, contact: int, trigger: Trigger) -> Step[None]:
    """What runs that are over have still queued (a last reminder that waits for the morning) is not sent once it is pointless."""
    for queued in (yield from outbox.queued_by_ended_runs(contact)):
        flow = (yield from house.playbook.revision(queued.revision)).flow
        if trigger in flow.goal or trigger in flow.stop_when:
            yield from outbox.cancel_run(queued.run, str(trigger))
            yield from contacts.audit(contact, house.now, flow.id, f"a queued message was cancelled: {trigger}")


def begin(
    house: House,
    revision: Revision,
    contact: int,
    number: str,
    shop: str,
    subject: Subject | None,
    *,
    by_customer: bool = False,
    chain: int = 0,
) -> Step[bool]:
    """Start a run, unless there is a reason not to, which is left under the contact; returns whether it began."""
    reason = yield from _why_not(house, revision, contact, number, subject)
    if reason is not None:
        yield from contacts.audit(contact, house.now, revision.flow.id, f"did not start: {reason}")
        return False
    other = None if by_customer else (yield from asking(contact))
    if other is not None:
        yield from contacts.audit(contact, house.now, revision.flow.id, f"waits its turn: a question of {other.run.flow} is open")
        yield from _start_later(house.now + ITS_TURN, contact, revision, subject)
        return False
    yield from runs.keep_revision(revision.id, revision.flow.id, revision.source, house.now)
    run_id = yield from runs.create(contact, number, shop, revision.flow.id, revision.id, house.now)
    yield from contacts.audit(contact, house.now, revision.flow.id, f"started as run {run_id}")
    house.tally.run_started(revision.flow.id)
    known = yield from facts.load(house, contact, number, subject)
    click = links.new_click()
    advance = interpreter.start(
        revision,
        run_id,
        links.marked(house, known, click),
        house.playbook.segments,
        house.now,
        by_customer=by_customer,
        subject=subject,
    )
    live = Live(advance.run, contact, number, shop, house.now)
    yield from _carry_out(house, live, revision, advance, click, chain=chain)
    return True


def _why_not(house: House, revision: Revision, contact: int, number: str, subject: Subject | None) -> Step[str | None]:
    flow = revision.flow
    person = yield from contacts.load(contact)
    conversation = yield from conversations.load(contact, number)
    live = yield from runs.live(contact)
    if conversation.control is not Control.BOT:
        return "staff blocked this person" if conversation.control is Control.BLOCKED else "staff have the conversation"
    if flow.purpose is Purpose.MARKETING and person.consent is not Consent.GRANTED:
        return "the person stopped marketing messages" if person.consent is Consent.WITHDRAWN else "no consent to marketing messages"
    if person.phone is None and person.bsuid is None:
        return "neither a phone number nor a WhatsApp id is known"
    if any(one.run.flow == flow.id for one in live):
        return "it is under way already"
    if len(live) >= MAX_LIVE_RUNS:
        return f"{MAX_LIVE_RUNS} flows are under way already"
    last = yield from runs.last_start(contact, flow.id)
    if flow.again_after and last and house.now < last + flow.again_after:
        return f"it ran on {last:%Y-%m-%d}, and starts again only after {_days(flow.again_after)}"
    if not (yield from takes(house, revision, contact, number, subject)):
        return f"'{flow.start.if_}' is not so"
    return None


def takes(house: House, revision: Revision, contact: int, number: str, subject: Subject | None) -> Step[bool]:
    """Whether what a flow says under `if:` is so."""
    written = revision.flow.start.if_
    if written is None:
        return True
    known = yield from facts.load(house, contact, number, subject)
    return condition.holds(condition.parse(written), known, None, house.playbook.segments, house.now)


def _days(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    return f"{days} days" if not rest else f"{length / timedelta(hours=1):g} hours"


def advance(house: House, live: Live, event: Event) -> Step[None]:
    """Something happened to a run: on it goes."""
    revision = yield from house.playbook.revision(live.run.revision)
    known = yield from facts.load(house, live.contact, live.number, live.run.subject)
    click = links.new_click()
    result = interpreter.advance(revision, live.run, event, links.marked(house, known, click), house.playbook.segments, house.now)
    yield from _carry_out(house, live, revision, result, click, chain=0)


def end(house: House, live: Live, outcome: str, why: str) -> Step[None]:
    """End a run wherever it stands, and cancel what it has queued."""
    run = replace(live.run, waiting=None, generation=live.run.generation + 1, outcome=outcome)
    yield from runs.save(run, house.now)
    house.tally.run_ended(run.flow, outcome)
    yield from outbox.cancel_run(run.id, why)
    yield from contacts.audit(live.contact, house.now, run.flow, why)


def end_unsent(house: House, run_id: int, why: str, *, owed: bool, sold_out: bool = False) -> Step[None]:
    """A message of a run will never go: the run ends there, for it would wait for an answer to a question nobody read.

    `owed`: it would have answered what the customer wrote, so a person must. `sold_out`: what it is about was gone before they heard of
    it, so they go on waiting.
    """
    live = yield from runs.load(run_id)
    if live is None:
        return
    if live.run.outcome is None:
        yield from end(house, live, "not sent", f"ended: a message could not be sent ({why})")
    if live.run.subject is not None and live.run.subject.kind is SubjectKind.PRODUCT and sold_out:
        yield from wishes.wait_again(live.contact, live.run.subject.id, untold=live.run.sends < 2)
    conversation = yield from conversations.load(live.contact, live.number)
    if owed and conversation.control is Control.BOT:
        yield from conversations.give(live.contact, live.number, Control.WAITING, house.now, reason=f"an answer could not be sent: {why}")


def asking(contact: int) -> Step[Live | None]:
    """The person's run whose question is open, or queued: one at a time."""
    live = yield from runs.live(contact)
    return next((one for one in reversed(live) if one.run.waiting is Waiting.ANSWER), None)


def asked(contact: int) -> Step[Live | None]:
    """The person's run whose question they can have read: a nudge that still waits to be sent has asked nothing yet."""
    for live in reversed((yield from runs.live(contact))):
        if live.run.waiting is Waiting.ANSWER and not (yield from outbox.is_nudge_unsent(live.run.id)):
            return live
    return None


def leave_to_staff(house: House, contact: int, why: str) -> Step[None]:
    """Staff have the conversation: open questions of flows end. Runs that only wait go on waiting."""
    for live in (yield from runs.live(contact)):
        if live.run.waiting is Waiting.ANSWER:
            yield from end(house, live, "left to staff", why)


# ---- effects


def _carry_out(house: House, live: Live, revision: Revision, advance: Advance, click: str, *, chain: int) -> Step[None]:
    run = advance.run
    yield from runs.save(run, house.now)
    if run.outcome is not None:
        house.tally.run_ended(run.flow, run.outcome)
    for note in advance.notes:
        yield from contacts.audit(live.contact, house.now, run.flow, note)
    here = replace(live, run=run)
    happened: list[Trigger] = []
    for effect in advance.effects:
        happened += yield from _effect(house, here, revision, effect)
        yield from links.remember(house, live.contact, run.id, effect, click)
    for trigger in happened:
        yield from happen(house, live.contact, live.number, live.shop, trigger, chain=chain + 1)


def _effect(house: House, live: Live, revision: Revision, effect: Effect) -> Step[Sequence[Trigger]]:
    """Carry one effect out; returns what that made happen."""
    run, contact, now = live.run, live.contact, house.now
    match effect:
        case Send():
            marketing = yield from _is_marketing(effect)
            yield from outbox.enqueue(_draft(house, live, revision, effect, marketing=marketing), now)
        case SetTimer() | RemoveTag() | TellWhenBack() | Finish():
            yield from _write_down(house, live, effect)
        case MakeDiscount():
            code = _discount(house, effect)
            yield from discounts.want(run.id, effect.generation, contact, live.shop, code, now, flow=run.flow, terms=effect.terms)
        case AddTag():
            if (yield from contacts.add_tag(contact, effect.tag, now)):
                return (Trigger.TAG_ADDED,)
        case HandOver():
            yield from conversations.give(contact, live.number, Control.WAITING, now, reason=effect.reason)
            yield from contacts.audit(contact, now, run.flow, f"handed over to staff: {effect.reason}")
            yield from leave_to_staff(house, contact, "another flow handed the conversation over")
        case OptIn():
            agreement = Agreement("whatsapp", Consent.GRANTED, now, "flow", f"flow {run.flow}, run {run.id}", effect.text)
            if (yield from contacts.agree(contact, agreement, now)):
                yield from contacts.audit(contact, now, "consent", f"agreed to marketing messages in {run.flow}")
                return (Trigger.OPTED_IN,)
        case OptOut():
            yield from opt_out(house, contact, live.number, "flow", f"flow {run.flow}, run {run.id}")
    return ()


def _write_down(house: House, live: Live, effect: SetTimer | RemoveTag | TellWhenBack | Finish) -> Step[None]:
    """An effect that makes nothing happen now."""
    run, contact = live.run, live.contact
    match effect:
        case SetTimer(due=due, generation=generation):
            yield from inbox.set_timer(due, contact, RUN_TIMER, run.id, generation)
        case RemoveTag(tag=tag):
            yield from contacts.remove_tag(contact, tag)
        case TellWhenBack(product=product):
            yield from waiting.asked(house, contact, live.shop, product, run.subject)
        case Finish(outcome=outcome):
            yield from contacts.audit(contact, house.now, run.flow, f"ended: {outcome}")


def _is_marketing(effect: Send) -> Step[bool]:
    """Whether a message needs consent: its flow's purpose says so, or its template's category, as Meta has it by now. (Of a text with a
    template for when the window is closed that is asked when it goes.)"""
    content = effect.content
    if effect.purpose is Purpose.MARKETING or not isinstance(content, TemplateMessage):
        return effect.purpose is Purpose.MARKETING
    return (yield from templates.is_marketing(content))


_OF_ONE_ORDER = frozenset({Trigger.ORDER_CANCELLED, Trigger.ORDER_REFUNDED})
_NEEDS = {
    Trigger.CART_ABANDONED: outbox.Need.CART_OPEN,
    Trigger.PAYMENT_FAILED: outbox.Need.ORDER_UNPAID,
    Trigger.PRODUCT_VIEWED: outbox.Need.NOT_BOUGHT,
    Trigger.BACK_IN_STOCK: outbox.Need.IN_STOCK,
    Trigger.PRICE_DROPPED: outbox.Need.PRICE_LOW,
}


def _draft(house: House, live: Live, revision: Revision, effect: Send, *, marketing: bool) -> outbox.Draft:
    needs = None if effect.reply or live.run.subject is None else _NEEDS.get(revision.flow.start.when)
    return outbox.Draft(
        key=house.key(live.run.id, effect.number),
        contact=live.contact,
        number=live.number,
        shop=live.shop,
        content=effect.content,
        author=Author.FLOW,
        marketing=marketing,
        reply=effect.reply,
        expires_at=_worth_until(house, live, effect),
        run=live.run.id,
        flow=live.run.flow,
        needs=needs,
        needs_of=live.run.subject.id if needs and live.run.subject else None,
    )


def _worth_until(house: House, live: Live, effect: Send) -> datetime:
    """Until when a message is worth sending: never past the end of the code it promises."""
    until = house.now + (REPLY_WORTH if effect.reply else MARKETING_WORTH)
    return min(until, live.run.discount.ends - CODE_LEFT) if live.run.discount else until


def _discount(house: House, effect: MakeDiscount) -> Discount:
    return Discount(new_code(house.code_prefix, secrets.token_bytes), effect.ends, effect.percent, effect.amount)


def opt_out(
    house: House, contact: int, number: str, method: str, source: str, *, at: datetime | None = None, confirm: bool = True
) -> Step[None]:
    """The person wants no more marketing: at once and for good. Runs end, what is queued is cancelled, the person is told.

    The consent is gone before anything else is touched: whatever is wrong with their runs, a STOP is a STOP.
    """
    person = yield from contacts.load(contact)
    agreement = Agreement("whatsapp", Consent.WITHDRAWN, at or house.now, method, source)
    yield from contacts.agree(contact, agreement, house.now)
    why = f"stopped marketing messages ({method}: {source})"
    fault = yield from attempt(stop_marketing(house, contact, why, said_stop=method in SAID))
    if isinstance(fault, Exception):
        yield from outbox.cancel_contact(contact, "the person stopped marketing messages")
        yield from contacts.audit(contact, house.now, "consent", f"{why}; their runs could not be ended ({type(fault).__name__})")
    if confirm and person.consent is not Consent.WITHDRAWN:
        yield from outbox.enqueue(consent.stopped(house, person, number, source), house.now)


def take_stop_back(house: House, contact: int, number: str, source: str, text: str, *, at: datetime) -> Step[bool]:
    """The person, who had stopped marketing, wants it again and said so in the chat: recorded with their own word, and confirmed. False
    when a later stop counts."""
    person = yield from contacts.load(contact)
    agreement = Agreement("whatsapp", Consent.GRANTED, at, "word", source, text)
    if not (yield from contacts.agree(contact, agreement, house.now)):
        return False
    yield from contacts.audit(contact, house.now, "consent", f"wants marketing messages again (word: {source})")
    yield from outbox.enqueue(consent.started(house, person, number, source), house.now)
    yield from happen(house, contact, number, "", Trigger.OPTED_IN)
    return True


def stop_marketing(house: House, contact: int, why: str, *, said_stop: bool = False) -> Step[None]:
    """Consent is gone: marketing runs end and what they queued is cancelled. Who said stop to us here is answered by no flow at all;
    who used another switch may be in the middle of a question of their own, which is still answered."""
    for live in (yield from runs.live(contact)):
        flow = (yield from house.playbook.revision(live.run.revision)).flow
        if said_stop or flow.purpose is Purpose.MARKETING:
            yield from end(house, live, "opted out", "the person stopped marketing messages")
    yield from outbox.cancel_contact(contact, "the person stopped marketing messages", marketing_only=not said_stop)
    yield from wishes.forget(contact)
    yield from contacts.audit(contact, house.now, "consent", why)
    yield from codes.opted_out(house, contact)
