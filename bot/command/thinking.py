"""What the bot thinks about a person, told for the demo page: from the store's rows and the owner's flows to plain sentences."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from bot.command.flow_graph import standing
from bot.flow.diagram import draw
from bot.flow.model import AnyStep, AskStep, Flow, branches, verb_of
from bot.flow.run import Run, Waiting
from bot.flow.spoken import branch_name, quoted, saying
from bot.policy.decision import Consent, Control, Reason
from bot.sandbox.pages.thought import Coming, FlowNow, Line, Mind, Mood, Thought
from bot.store import contacts, desk, discounts, mirror, purchases, runs, story
from bot.store.contacts import Contact
from bot.store.desk import Talk
from bot.store.mirror import CartState
from bot.store.model import Identity, IdentityKind
from bot.store.runs import Live
from bot.store.step import Step
from bot.store.story import Arrived, Asked, Noted, Story, Timer
from bot.worker import lapse, reorder
from bot.worker.flows import RUN_TIMER, START_TIMER, read_start
from bot.worker.playbook import Playbook

if TYPE_CHECKING:
    from bot.app import App  # only who shows thoughts of a running bot has loaded it

TIMELINE = 60  # lines; what is older is not what the visitor just did
_SHOP_SAYS = {
    "cart.updated": "The cart changed",
    "checkout.updated": "The cart changed",
    "order.created": "An order was placed",
    "order.paid": "An order was paid",
    "order.fulfilled": "A parcel arrived",
    "order.cancelled": "An order was cancelled",
    "customer.updated": "The customer's account changed",
}
_PLATFORM_SAYS = {  # by what is in the topic, the first that is
    "refund": "Money was given back",
    "fulfil": "A parcel is on its way",
    "shipment": "A parcel is on its way",
    "checkout": "The cart changed",
    "cart": "The cart changed",
    "order": "An order changed",
    "customer": "The customer's account changed",
}
_CONTROL = {
    Control.BOT: "the bot speaks",
    Control.WAITING: "waits for a person",
    Control.HUMAN: "a person speaks",
    Control.BLOCKED: "staff blocked this person",
}
_CONSENT = {
    Consent.GRANTED: "agreed to offers",
    Consent.WITHDRAWN: "wants no offers",
    Consent.UNKNOWN: "never asked about offers",
}
_WAITS = {
    Waiting.ANSWER: "waits for an answer",
    Waiting.TIME: "lets time pass",
    Waiting.DISCOUNT: "waits for the shop to make a code",
}
_ABOUT = {
    "consent": "Consent",
    "desk": "The desk",
    "contact": "The person",
    "channel": "WhatsApp",
    "message": "A message",
    "reorder": "Reorder",
}
_MESSAGE_ID = re.compile(r": wamid\.\S+(?=\))")
_WHY = re.compile(r": (?![^(]*\))")  # what follows is the reason; not within brackets
_MOODS = {"desk": Mood.STAFF, "message": Mood.TROUBLE}


class Reader:
    """Reads the mind of a running bot."""

    def __init__(self, app: "App") -> None:
        self._app = app

    async def of(self, phone: str) -> Mind:
        """What the bot thinks about the person with this phone (E.164)."""
        return await self._app.store.read(self._of(phone))

    def _of(self, phone: str) -> Step[Mind]:
        contact = yield from contacts.find(Identity(IdentityKind.PHONE, phone))
        if contact is None:
            return Mind(facts=("the bot has not heard of them",))
        return (yield from Thinking(self._app.playbook).about(contact))

    async def picture(self, flow: str) -> str | None:
        """A flow in force as an SVG, with how many people wait at each step; None when there is no such flow."""
        revision = self._app.playbook.library.flows.get(flow)
        return draw(revision.flow, await self._app.store.read(standing(revision))) if revision else None

    async def next_due(self) -> datetime | None:
        """When the bot does something next of its own accord (UTC); timers that are set and will do nothing do not count."""
        return await self._app.store.read(Thinking(self._app.playbook).next_due())


class Thinking:
    """Tells the store's rows in sentences; the names of flows are those of a playbook."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook

    def about(self, contact: int, rows: int = TIMELINE) -> Step[Mind]:
        """All about one person; at most the newest `rows` of each kind are told."""
        told = yield from story.story(contact, rows)
        person = yield from contacts.load(contact)
        talk = yield from desk.talk(contact)
        coming: list[Coming] = []
        for timer in told.timers:
            text = yield from self._timer(timer)
            if text:
                coming.append(Coming(timer.due, text))
        coming += [
            Coming(one.not_before, f"{self._name(one)} may send: {quoted(one.text)}") for one in told.asked if _is_held(one)
        ]
        flows: list[FlowNow] = []
        for live in _shown(told):
            revision = yield from self._playbook.revision(live.run.revision)
            flows.append(_flow_now(revision.flow, live.run))
        habit = (yield from discounts.last_habit(contact)).sentence
        facts = (*_facts(person, talk), *([habit] if habit else ()))
        return Mind(
            facts, tuple(flows), tuple(sorted(coming, key=lambda one: one.due)), tuple(self._timeline(told)[:rows])
        )

    def next_due(self) -> Step[datetime | None]:
        """When something is due next (UTC)."""
        moments = yield from story.next_others()
        for timer in (yield from story.next_timers()):
            if (yield from self._timer(timer)):
                moments.append(timer.due)
                break
        return min(moments, default=None)

    def _timer(self, timer: Timer) -> Step[str]:
        """What a timer will do; empty when it is stale and will do nothing."""
        if timer.kind == RUN_TIMER:
            live = yield from runs.load(timer.subject)
            if live is None or live.run.outcome is not None or live.run.generation != timer.generation:
                return ""
            return f"{self._flow(live.run.flow)} goes on" + (
                ", if there is no answer" if live.run.waiting is Waiting.ANSWER else ""
            )
        if reorder.is_timer(timer.kind):
            return (yield from self._used_up(timer))
        if lapse.is_timer(timer.kind):
            return (yield from self._missed(timer))
        flow = self._flow(read_start(timer.kind.removeprefix(START_TIMER))[0])
        cart = (yield from mirror.cart(timer.subject)) if timer.subject else None
        if cart is not None:
            fresh = cart.generation == timer.generation and cart.state is CartState.OPEN
            return f"{flow} begins, if the cart is still there" if fresh else ""
        return f"{flow} begins, if it is meant for them then"

    def _used_up(self, timer: Timer) -> Step[str]:
        order = yield from mirror.order(timer.subject)
        if order is None:
            return ""
        need = yield from reorder.need_behind(self._playbook.rules, order.shop, timer.kind)
        known = yield from purchases.awaited(order.contact, order.shop, timer.kind)
        if known is None or known.asked >= reorder.NUDGES or (known.order, known.generation) != (timer.subject, timer.generation):
            return ""
        return f"{need.name} should be used up"

    def _missed(self, timer: Timer) -> Step[str]:
        order = yield from mirror.order(timer.subject)
        known = (yield from purchases.awaited(order.contact, lapse.ANY_SHOP, timer.kind)) if order else None
        if known is None or known.asked or (known.order, known.generation) != (timer.subject, timer.generation):
            return ""
        return f"{self._flow(timer.kind.removeprefix(lapse.LAPSE_TIMER))} begins, if there is no order until then"

    def _flow(self, flow_id: str) -> str:
        revision = self._playbook.library.flows.get(flow_id)
        return revision.flow.name if revision else flow_id

    def _name(self, asked: Asked) -> str:
        return self._flow(asked.flow) if asked.flow else {"staff": "Staff", "house": "The bot"}.get(asked.author, asked.author)

    # the timeline

    def _timeline(self, told: Story) -> list[Thought]:
        """Newest first. Of the same moment: what came in, what was decided, what was sent; the rows are newest first already."""
        sends = [self._send(one) for one in told.asked]
        notes = [self._note(one) for one in told.noted if not _is_told_elsewhere(one)]
        heard = [Thought(one.at, Mood.HEARD, "They wrote", quoted(one.text or f"({one.kind})")) for one in told.heard]
        events = [event for one in told.arrived if (event := _event(one)) is not None]
        everything = [*sends, *notes, *heard, *events]
        return sorted(everything, key=lambda one: one.at, reverse=True)

    def _note(self, noted: Noted) -> Thought:
        mood = _MOODS.get(noted.about, Mood.DECIDED)
        if "could not be sent" in noted.text or "did not start" in noted.text:
            mood = Mood.DROPPED
        sentence, *why = _WHY.split(_MESSAGE_ID.sub("", noted.text), maxsplit=1)
        return Thought(noted.at, mood, _ABOUT.get(noted.about) or self._flow(noted.about), _capital(sentence), _capital("".join(why)))

    def _send(self, asked: Asked) -> Thought:
        mood, fate = _fate(asked)
        return Thought(asked.at, mood, self._name(asked), f"{fate}: {quoted(asked.text)}", _reason(asked.why))


def _shown(told: Story) -> tuple[Live, ...]:
    """The runs under way, else the one that ended last."""
    return told.live or ((told.last,) if told.last else ())


def _facts(person: Contact, talk: Talk | None) -> tuple[str, ...]:
    control = talk.control if talk else Control.BOT
    speaks = f"{talk.staff} speaks" if talk and talk.staff and control is Control.HUMAN else _CONTROL[control]
    return (speaks, _CONSENT[person.consent], *(f"tag: {tag}" for tag in sorted(person.tags)))


def _event(arrived: Arrived) -> Thought | None:
    why = _capital(arrived.why or "")
    if arrived.source == "shop":
        return Thought(arrived.at, Mood.EVENT, "The shop told", _shop_says(arrived.kind), why)
    if arrived.source == "clock":
        return Thought(arrived.at, Mood.EVENT, "The clock", "A timer rang", why)
    return Thought(arrived.at, Mood.EVENT, "The shop", "Answered when asked for a discount code", why)


def _shop_says(kind: str) -> str:
    """In words, whatever the platform calls it."""
    return _SHOP_SAYS.get(kind) or next((words for part, words in _PLATFORM_SAYS.items() if part in kind), kind)


def _is_told_elsewhere(noted: Noted) -> bool:
    """Notes of held and dropped messages: the message's own line says it."""
    return noted.text.startswith(("a message waits until", "a message was not sent:", "a message was refused:"))


def _is_held(asked: Asked) -> bool:
    return asked.state == "queued" and asked.not_before > asked.at


def _fate(asked: Asked) -> tuple[Mood, str]:
    match asked.state:
        case "queued" if _is_held(asked):
            return Mood.HELD, "Waits"
        case "sent" if asked.delivery == "failed":
            return Mood.TROUBLE, "Failed"
        case "sent":
            return Mood.SENT, {"read": "Read", "delivered": "Delivered"}.get(asked.delivery or "", "Sent")
        case "unknown":
            return Mood.TROUBLE, "Nobody knows whether it arrived"
        case "cancelled" | "refused":
            return Mood.DROPPED, "Not sent"
        case _:
            return Mood.SENT, "On its way"


def _reason(why: str | None) -> str:
    return Reason(why).sentence if why in frozenset(Reason) else _capital(why or "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- a flow as lines


def _flow_now(flow: Flow, run: Run) -> FlowNow:
    if run.outcome is not None:
        return FlowNow(flow.name, f"ended: {run.outcome}" if run.outcome else "ended", True, (), flow.id)
    state = _WAITS.get(run.waiting, "runs") if run.waiting else "runs"
    return FlowNow(flow.name, state, False, tuple(_lines(flow, flow.steps, "steps", run.position, 0)), flow.id)


def _lines(flow: Flow, steps: tuple[AnyStep, ...], path: str, at: str, depth: int) -> Iterator[Line]:
    """Every step of a list; of the branches only the one the run stands in, and the names of those it may take next."""
    for number, step in enumerate(steps):
        here = f"{path}.{number}"
        yield Line(depth, verb_of(step) or "", saying(step), lit=here == at)
        for name, inner in branches(step):
            if at.startswith(f"{here}.{name}."):
                yield Line(depth + 1, "", branch_name(step, name))
                yield from _lines(flow, inner, f"{here}.{name}", at, depth + 1)
            elif here == at and isinstance(step, AskStep):
                yield Line(depth + 1, "", branch_name(step, name))
