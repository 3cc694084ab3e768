"""A flow as written: frozen models, one class a verb. The editor's JSON Schema comes from here.

A step is a mapping with exactly one verb (`send:`, `ask:`, `wait:` ...) or one bare word (`continue`, `end`, `opt_in`, `opt_out`).
A step is found by its path in the file (`steps.0.answers.2.then.1`): the same path names its place in the text and a run's position.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.flow.run import Purpose


class Trigger(StrEnum):
    """The events a flow can start on, end on, or stop at."""

    MESSAGE_RECEIVED = "message_received"
    CART_ABANDONED = "cart_abandoned"
    CART_EMPTIED = "cart_emptied"
    ORDER_PLACED = "order_placed"
    ORDER_PAID = "order_paid"
    ORDER_DELIVERED = "order_delivered"
    ORDER_CANCELLED = "order_cancelled"
    REORDER_DUE = "reorder_due"
    PRODUCT_VIEWED = "product_viewed"
    BACK_IN_STOCK = "back_in_stock"
    PRICE_DROPPED = "price_dropped"
    TAG_ADDED = "tag_added"
    ENTERED_SEGMENT = "entered_segment"
    OPTED_IN = "opted_in"
    HANDED_BACK = "handed_back"


class Written(BaseModel):
    """What every written thing has: it is frozen, and a key nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TemplateUse(Written):
    """A template Meta approved, and what stands in its placeholders (expressions without braces)."""

    template: str
    with_: dict[str, str] = Field(default_factory=dict, alias="with")


Wording = str | TemplateUse


class Step(Written):
    """What every step has."""

    label: str | None = None


class SendStep(Step):
    """`send:` a text or a template."""

    send: Wording


class Answer(Written):
    """One way to answer an ask: a button and/or words; or `anything_else` with its own steps."""

    button: str | None = None
    words: tuple[str, ...] = ()
    then: tuple["AnyStep", ...] = ()
    anything_else: tuple["AnyStep", ...] | None = None

    @property
    def steps(self) -> tuple["AnyStep", ...]:
        """What happens when this answer is given."""
        return self.then if self.anything_else is None else self.anything_else


class NoAnswer(Written):
    """What happens when the customer has not answered for `after`."""

    after: timedelta
    then: tuple["AnyStep", ...]


class AskStep(Step):
    """`ask:` sends and waits. Each branch ends by saying what comes next."""

    ask: Wording
    answers: tuple[Answer, ...]
    no_answer: NoAnswer


class WaitStep(Step):
    """`wait:` a length of time."""

    wait: timedelta


class IfStep(Step):
    """`if:` a condition `then:` steps, `else:` other steps. Without a last word both go on with the step below."""

    if_: str = Field(alias="if")
    then: tuple["AnyStep", ...]
    else_: tuple["AnyStep", ...] = Field(default=(), alias="else")


class DiscountStep(Step):
    """`discount:` a share (`5%`) or a sum (`10 EUR`); the run goes on when the code exists, or with `if_none:`."""

    discount: str
    valid_for: timedelta
    if_none: tuple["AnyStep", ...] | None = None


class TagStep(Step):
    """`tag:` puts a tag on the contact."""

    tag: str


class UntagStep(Step):
    """`untag:` takes a tag off."""

    untag: str


class HandOverStep(Step):
    """`hand_over:` gives the conversation to staff, with the reason they will read. Ends the run."""

    hand_over: str


class GoToStep(Step):
    """`go_to:` a label."""

    go_to: str


class EndStep(Step):
    """`end:` ends the run; the words are its outcome in reports. The bare word `end` has none."""

    end: str


class ContinueStep(Step):
    """`continue`: go on with the step below the one this branch belongs to."""

    continue_: bool = Field(default=True, alias="continue")


class OptInStep(Step):
    """`opt_in`: the customer agreed to marketing messages."""

    opt_in: bool = True


class OptOutStep(Step):
    """`opt_out`: the customer wants no more marketing messages. Ends the run."""

    opt_out: bool = True


AnyStep = (
    SendStep
    | AskStep
    | WaitStep
    | IfStep
    | DiscountStep
    | TagStep
    | UntagStep
    | HandOverStep
    | GoToStep
    | EndStep
    | ContinueStep
    | OptInStep
    | OptOutStep
)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Triggers = Annotated[tuple[Trigger, ...], BeforeValidator(_listed)]


class Start(Written):
    """When a flow starts: an event, a length of time without activity, a condition."""

    when: Trigger
    for_: timedelta | None = Field(default=None, alias="for")
    if_: str | None = Field(default=None, alias="if")


class Flow(Written):
    """One flow. `id` is the file's name without `.yaml`; it is not written in the file."""

    id: str
    name: str
    about: str = ""
    purpose: Purpose
    start: Start
    again_after: timedelta | None = None
    goal: Triggers = ()
    stop_when: Triggers = ()
    steps: tuple[AnyStep, ...]


def branches(step: AnyStep) -> Iterator[tuple[str, tuple[AnyStep, ...]]]:
    """The lists of steps inside a step, each with the path that leads to it from the step (`answers.2.then`)."""
    match step:
        case AskStep():
            for number, answer in enumerate(step.answers):
                yield f"answers.{number}.{'then' if answer.anything_else is None else 'anything_else'}", answer.steps
            yield "no_answer.then", step.no_answer.then
        case IfStep():
            yield "then", step.then
            yield "else", step.else_
        case DiscountStep() if step.if_none is not None:
            yield "if_none", step.if_none
        case _:
            pass


def walk(steps: tuple[AnyStep, ...], path: str = "steps") -> Iterator[tuple[str, AnyStep]]:
    """Every step with its path, in reading order."""
    for number, step in enumerate(steps):
        here = f"{path}.{number}"
        yield here, step
        for inner, nested in branches(step):
            yield from walk(nested, f"{here}.{inner}")
