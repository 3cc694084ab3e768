"""Runs a flow: (run, event, facts, now) -> (run, effects). Pure and total: a flow that passed the check never raises here.

A run goes from a step to the one below until it has to wait (for an answer, for time, for a discount code) or ends. Each wait has a
generation; what comes for an older one (a timer, a button, a code) is stale and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bot.flow import position, reply
from bot.flow.condition import Condition, ConditionError, holds, parse
from bot.flow.facts import Facts, Money
from bot.flow.measure import read_budget, read_discount
from bot.flow.message import Writer
from bot.flow.model import (
    AskStep,
    ContinueStep,
    DiscountStep,
    EndStep,
    GoToStep,
    HandOverStep,
    IfStep,
    OptInStep,
    OptOutStep,
    SendStep,
    Step,
    TagStep,
    TellWhenBackStep,
    UntagStep,
    WaitStep,
    Wording,
)
from bot.flow.position import Position
from bot.flow.revision import Revision
from bot.flow.run import (
    AddTag,
    Advance,
    CodeTerms,
    DiscountMade,
    DiscountRefused,
    Effect,
    Event,
    Finish,
    HandOver,
    MakeDiscount,
    OptIn,
    OptOut,
    Pressed,
    RemoveTag,
    Replied,
    Run,
    Send,
    SetTimer,
    Started,
    Subject,
    TellWhenBack,
    TimeIsUp,
    Waiting,
)

MAX_STEPS = 100  # steps per advance: more than any flow needs between two waits, so more means it runs in a circle
LONGEST_WAIT = timedelta(days=3650)  # ten years: a longer wait would run out of the calendar


def start(
    revision: Revision,
    run_id: int,
    facts: Facts,
    segments: Mapping[str, Condition],
    now: datetime,
    *,
    by_customer: bool,
    subject: Subject | None = None,
) -> Advance:
    """A new run, from the first step to its first wait or its end. `by_customer`: it answers something the customer just wrote."""
    run = Run(run_id, revision.flow.id, revision.id, subject=subject)
    return advance(revision, run, Started(by_customer), facts, segments, now)


def advance(revision: Revision, run: Run, event: Event, facts: Facts, segments: Mapping[str, Condition], now: datetime) -> Advance:
    """What becomes of a run when something happens to it (`now` in UTC).

    What is not for it (a stale timer, words while it waits for time, anything after its end) gives the same run and no effects:
    the caller may offer a customer's words to another run.
    """
    if not _is_for(run, event):
        return Advance(run)
    play = _Play(revision, run, facts, segments, now)
    play.resume(event)
    return Advance(play.run, tuple(play.effects), tuple(play.notes))


def opens_question(run: Run) -> bool:
    """Whether the run waits for the customer's answer. One contact has at most one such run."""
    return run.waiting is Waiting.ANSWER


def _is_for(run: Run, event: Event) -> bool:
    if run.outcome is not None:
        return False
    match event:
        case Started():
            return run.waiting is None and not run.position
        case Replied() | Pressed():
            return run.waiting is Waiting.ANSWER
        case TimeIsUp():
            return run.waiting in (Waiting.ANSWER, Waiting.TIME) and event.generation == run.generation
        case DiscountMade() | DiscountRefused():
            return run.waiting is Waiting.DISCOUNT and event.generation == run.generation


_Later = Replied | Pressed | TimeIsUp | DiscountMade | DiscountRefused  # every event but the first


class _Play:
    """One advance under way: where the run stands by now, and what it has asked for so far. What changes of a run is held apart,
    for a new run at each change would cost more than the steps."""

    def __init__(self, revision: Revision, run: Run, facts: Facts, segments: Mapping[str, Condition], now: datetime) -> None:
        self.revision = revision
        self.began = run
        self.position = run.position
        self.waiting = run.waiting
        self.generation = run.generation
        self.sends = run.sends
        self.replying = run.replying
        self.discount_made = run.discount
        self.outcome = run.outcome
        self.facts = facts
        self.segments = segments
        self.now = now
        self.effects: list[Effect] = []
        self.notes: list[str] = []
        self.answered: Position | None = None

    @property
    def run(self) -> Run:
        """The run as it stands."""
        began = self.began
        return Run(
            began.id,
            began.flow,
            began.revision,
            self.position,
            self.waiting,
            self.generation,
            self.sends,
            self.replying,
            began.subject,
            self.discount_made,
            self.outcome,
        )

    # ---- from the event to the step it leads to

    def resume(self, event: Event) -> None:
        if isinstance(event, Started):
            self.replying = event.by_customer
            self.go(position.first(self.revision.flow))
            return
        here = position.find(self.revision.flow, self.position)
        if here is None:
            self.notes.append(f"the flow has no step '{self.position}', so the run cannot go on")
            self.finish("lost its place")
            return
        self.happened(here, event)

    def happened(self, here: Position, event: _Later) -> None:
        match event:
            case Pressed(generation, answer, title):
                is_current = generation == self.generation and _has_button(here, answer)
                self.reply(here, answer if is_current else self.meant(here, title))
            case Replied(text):
                self.reply(here, self.meant(here, text))
            case TimeIsUp():
                self.waiting, self.replying = None, False
                self.go(here.into("no_answer.then") if isinstance(here.step, AskStep) else here.below())
            case DiscountMade(_, discount):
                self.waiting, self.discount_made = None, discount
                self.go(here.below())
            case DiscountRefused(_, why):
                self.waiting = None
                self.go(self.without_discount(here, why))

    def meant(self, here: Position, text: str) -> int | None:
        answers = here.step.answers if isinstance(here.step, AskStep) else ()
        return reply.meant(self.revision, answers, text, self.facts.contact.language)

    def reply(self, here: Position, number: int | None) -> None:
        """Go on with an answer; without one the question stays open."""
        if number is None or not isinstance(here.step, AskStep):
            return
        self.waiting, self.replying = None, True
        self.answered = here
        branch = "then" if here.step.answers[number].anything_else is None else "anything_else"
        self.go(here.into(f"answers.{number}.{branch}"))

    # ---- from step to step

    def go(self, here: Position | None) -> None:
        """Do the step that stands here and those that follow, until the run waits or ends."""
        steps = 0
        while here is not None and self.is_going:
            if steps == MAX_STEPS:
                self.stop_circling()
                return
            self.revision.passes(here.path)
            here = _DO[type(here.step)](self, here, here.step)
            steps += 1
        if self.is_going:
            self.finish("done")

    @property
    def is_going(self) -> bool:
        return self.waiting is None and self.outcome is None

    def stop_circling(self) -> None:
        """A flow that runs in a circle ends, and nothing of what it wrote is sent: it could be a hundred messages."""
        self.effects = [effect for effect in self.effects if not isinstance(effect, Send)]
        self.notes.append(f"the flow did {MAX_STEPS} steps without waiting, it runs in a circle: nothing of that was sent")
        self.finish("too many steps")

    def finish(self, outcome: str) -> None:
        self.waiting, self.outcome = None, outcome
        self.effects.append(Finish(outcome))

    def wait(self, here: Position, waiting: Waiting) -> None:
        self.waiting, self.position = waiting, here.path
        self.generation += 1

    def set_timer(self, length: timedelta) -> None:
        self.effects.append(SetTimer(self.later(length), self.generation))

    def later(self, length: timedelta) -> datetime:
        return self.now + min(length, LONGEST_WAIT)

    # ---- the verbs: each does its step and tells where to go on; where a run waits or ends, that is nowhere

    def send(self, here: Position, step: SendStep) -> Position | None:
        self.write(step.send)
        return here.below()

    def ask(self, here: Position, step: AskStep) -> None:
        self.wait(here, Waiting.ANSWER)  # first, for the buttons carry the generation
        self.write(step.ask, step)
        self.set_timer(step.no_answer.after)

    def write(self, wording: Wording, ask: AskStep | None = None) -> None:
        self.sends += 1
        content = self.writer.content(wording, ask)
        self.effects.append(Send(self.sends, content, self.revision.flow.purpose, self.replying))

    @property
    def writer(self) -> Writer:
        return Writer(self.revision, self.run, self.facts, self.now)

    def pause(self, here: Position, step: WaitStep) -> None:
        self.wait(here, Waiting.TIME)
        self.set_timer(step.wait)

    def choose(self, here: Position, step: IfStep) -> Position | None:
        try:
            is_true = holds(parse(step.if_), self.facts, self.discount_made, self.segments, self.now)
        except ConditionError as error:
            self.notes.append(f"the condition '{step.if_}' cannot be read, it counts as false: {error.message}")
            is_true = False
        return here.into("then" if is_true else "else")

    def discount(self, here: Position, step: DiscountStep) -> Position | None:
        try:
            worth = read_discount(step.discount, self.facts.store.currency)
            budget = None if step.budget is None else read_budget(step.budget, self.facts.store.currency)
        except ValueError as error:
            return self.without_discount(here, str(error))
        self.wait(here, Waiting.DISCOUNT)
        share, amount = (None, worth) if isinstance(worth, Money) else (worth, None)
        cost = (amount or self.share_of_cart(share)) if isinstance(budget, Money) else None
        terms = CodeTerms(step.code, step.from_, budget, step.cap, cost)
        self.effects.append(MakeDiscount(self.generation, self.later(step.valid_for), share, amount, terms))
        return None

    def share_of_cart(self, share: Decimal | None) -> Money | None:
        """What a share costs: of the cart the run is about, else of the person's last order."""
        orders = self.facts.orders
        total = self.facts.cart.total if self.facts.cart else orders.last.total if orders.last else None
        if share is None or total is None or total.currency != self.facts.store.currency:
            return None
        return Money(int((total.minor * share / 100).to_integral_value(ROUND_CEILING)), total.currency)

    def without_discount(self, here: Position, why: str) -> Position | None:
        self.notes.append(f"no discount could be made: {why}")
        if isinstance(here.step, DiscountStep) and here.step.if_none is not None:
            return here.into("if_none")
        self.finish("no discount")
        return None

    def tag(self, here: Position, step: TagStep) -> Position | None:
        self.facts = replace(self.facts, tags=self.facts.tags | {step.tag})
        self.effects.append(AddTag(step.tag))
        return here.below()

    def untag(self, here: Position, step: UntagStep) -> Position | None:
        self.facts = replace(self.facts, tags=self.facts.tags - {step.untag})
        self.effects.append(RemoveTag(step.untag))
        return here.below()

    def tell_when_back(self, here: Position, step: TellWhenBackStep) -> Position | None:
        self.effects.append(TellWhenBack(step.tell_when_back.strip()))
        return here.below()

    def hand_over(self, _: Position, step: HandOverStep) -> None:
        self.effects.append(HandOver(step.hand_over))
        self.finish("handed over")

    def go_to(self, _: Position, step: GoToStep) -> Position | None:
        target = position.labelled(self.revision.flow, step.go_to)
        if target is None:
            self.notes.append(f"no step has the label '{step.go_to}'")
            self.finish("lost its place")
        return target

    def end(self, _: Position, step: EndStep) -> None:
        self.finish(step.end or "ended")

    def continue_(self, here: Position, _: ContinueStep) -> Position | None:
        return here.after_branch()

    def opt_in(self, here: Position, _: OptInStep) -> Position | None:
        asked = here.question() or self.answered
        self.effects.append(OptIn(self.read_in(asked) if asked else ""))
        return here.below()

    def read_in(self, asked: Position) -> str:
        """The question as the customer read it."""
        if not isinstance(asked.step, AskStep):
            return ""
        return self.writer.content(asked.step.ask, asked.step).body

    def opt_out(self, _: Position, __: OptOutStep) -> None:
        self.effects.append(OptOut())
        self.finish("opted out")


_DO: dict[type[Step], Callable[[_Play, Position, Any], Position | None]] = {
    SendStep: _Play.send,
    AskStep: _Play.ask,
    WaitStep: _Play.pause,
    IfStep: _Play.choose,
    DiscountStep: _Play.discount,
    TagStep: _Play.tag,
    UntagStep: _Play.untag,
    TellWhenBackStep: _Play.tell_when_back,
    HandOverStep: _Play.hand_over,
    GoToStep: _Play.go_to,
    EndStep: _Play.end,
    ContinueStep: _Play.continue_,
    OptInStep: _Play.opt_in,
    OptOutStep: _Play.opt_out,
}


def _has_button(here: Position, answer: int) -> bool:
    """Whether the ask here has that answer, with a button: payloads come from outside."""
    answers = here.step.answers if isinstance(here.step, AskStep) else ()
    return 0 <= answer < len(answers) and answers[answer].button is not None


def time_to_answer(revision: Revision, run: Run) -> timedelta | None:
    """How long the customer has for the open question of a run; None when no question is open."""
    here = position.find(revision.flow, run.position) if run.waiting is Waiting.ANSWER else None
    return here.step.no_answer.after if here and isinstance(here.step, AskStep) else None
