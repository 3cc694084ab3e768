"""Plays flows for the tests: each time a run waits it is written down and read back, as the store does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import yaml

from bot.flow.codec import decode_content, decode_run, encode_content, encode_run
from bot.flow.condition import Condition, parse
from bot.flow.facts import Facts
from bot.flow.interpreter import advance, start
from bot.flow.model import Flow
from bot.flow.revision import Revision, Template
from bot.flow.run import (
    Advance,
    Discount,
    DiscountMade,
    DiscountRefused,
    Effect,
    Event,
    MakeDiscount,
    Pressed,
    Replied,
    Run,
    Send,
    SetTimer,
    TimeIsUp,
    read_button_payload,
)

from .known import ANA, NOW

SEGMENTS = {"regulars": parse("orders.count is at least 3"), "first_time_buyers": parse("orders.count is 0")}
SPANISH = {
    "Hello {contact.first_name}": "Hola {contact.first_name}",
    "How are you?": "¿Cómo estás?",
    "Fine": "Está bien",
    "Not so well": "Mal",
    "expensive": "caro",
    "there": "amiga",
}
E = TypeVar("E")


def revision(
    steps: str,
    *,
    templates: Mapping[str, Template] | None = None,
    spanish: Mapping[str, str] | None = None,
    purpose: str = "marketing",
    name: str = "talk",
) -> Revision:
    """A revision of a flow with these steps (YAML), that started because of nothing in particular."""
    written = {
        "id": name,
        "name": name,
        "purpose": purpose,
        "start": {"when": "message_received"},
        "steps": yaml.load(steps, Loader=yaml.BaseLoader),  # every scalar stays text, as the house reads it
    }
    flow = Flow.model_validate(written)
    return Revision("r1", flow, "en", translations={"es": SPANISH if spanish is None else spanish}, templates=templates or {})


def kept(run: Run) -> Run:
    """The run as the store gives it back."""
    again = decode_run(encode_run(run))
    assert again == run
    return again


@dataclass
class Talk:
    """One run from its start, what came of it, and a clock turned by hand."""

    revision: Revision
    facts: Facts = ANA
    segments: Mapping[str, Condition] = field(default_factory=lambda: SEGMENTS)
    now: datetime = NOW
    by_customer: bool = False
    last: Advance = field(init=False)

    def __post_init__(self) -> None:
        self.last = self._checked(start(self.revision, 7, self.facts, self.segments, self.now, by_customer=self.by_customer))

    @property
    def run(self) -> Run:
        return self.last.run

    def happens(self, event: Event) -> "Talk":
        self.last = self._checked(advance(self.revision, kept(self.run), event, self.facts, self.segments, self.now))
        return self

    def says(self, text: str) -> "Talk":
        return self.happens(Replied(text))

    def presses(self, title: str, talk: "Talk | None" = None) -> "Talk":
        """Press a button of the last message, or of that of a talk kept from before."""
        [button] = [button for button in (talk or self).sent[-1].content.buttons if button.title == title]
        press = read_button_payload(button.payload)
        assert press is not None
        assert press.run == 7
        return self.happens(Pressed(press.generation, press.answer, title))

    def waits(self) -> "Talk":
        """Let the time that was set run out."""
        [timer] = self.all(SetTimer)
        self.now = timer.due
        return self.happens(TimeIsUp(timer.generation))

    def gets(self, code: str = "SAVE") -> "Talk":
        """The shop makes the code that was asked for."""
        [asked] = self.all(MakeDiscount)
        return self.happens(DiscountMade(asked.generation, Discount(code, asked.ends, asked.percent, asked.amount)))

    def is_refused(self, why: str) -> "Talk":
        [asked] = self.all(MakeDiscount)
        return self.happens(DiscountRefused(asked.generation, why))

    def all(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.last.effects if isinstance(effect, kind)]

    @property
    def sent(self) -> list[Send]:
        return self.all(Send)

    @property
    def bodies(self) -> list[str]:
        return [send.content.body for send in self.sent]

    @property
    def others(self) -> list[Effect]:
        """What was asked for beside messages and timers."""
        return [effect for effect in self.last.effects if not isinstance(effect, Send | SetTimer)]

    def _checked(self, step: Advance) -> Advance:
        """What is true of every advance."""
        sends = [effect for effect in step.effects if isinstance(effect, Send)]
        assert [send.number for send in sends] == list(range(step.run.sends - len(sends) + 1, step.run.sends + 1))
        assert all(decode_content(encode_content(send.content)) == send.content for send in sends)
        assert (step.run.outcome is None) != (step.run.waiting is None)
        return step


def at(talk: Talk, **changes: object) -> Talk:
    """The talk with other facts from here on."""
    talk.facts = replace(talk.facts, **changes)  # type: ignore[arg-type]  # a test's shorthand
    return talk


DAY = timedelta(days=1)
FIVE_PERCENT = Decimal(5)
