"""How long the interpreter takes for an event, beside a floor: the same conversation written by hand in bare Python.

    python -m tests.bench.interpreter [--json]

Each conversation of the shipped flows is played again and again. The quickest round counts: what makes others slower is the machine.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import perf_counter

from bot.flow import interpreter, library
from bot.flow.condition import Condition, parse
from bot.flow.facts import ConversationFacts, Facts
from bot.flow.library import Library
from bot.flow.revision import Revision
from bot.flow.run import Advance, DiscountMade, Event, Pressed, Replied, Started, Subject, SubjectKind, TimeIsUp
from tests.flow.known import ANA, DISCOUNT, NOW
from tests.flow.owner import shipped_files

GOAL_MICROSECONDS = 60.0
ROUNDS = 400
CART = Subject(SubjectKind.CART, 1)
Talk = tuple[str, Facts, Sequence[Callable[[Advance], Event]]]

FIRST = replace(ANA, conversation=ConversationFacts(is_first=True))


def _press(answer: int, title: str) -> Callable[[Advance], Event]:
    return lambda last: Pressed(last.run.generation, answer, title)


def _time(last: Advance) -> Event:
    return TimeIsUp(last.run.generation)


def _code(last: Advance) -> Event:
    return DiscountMade(last.run.generation, DISCOUNT)


TALKS: tuple[Talk, ...] = (
    ("cart_reminder", ANA, (lambda _: Replied("es muy caro"), _code, _press(0, "Usar mi descuento"))),
    ("cart_reminder", ANA, (_time, _code, _time)),
    ("cart_reminder", ANA, (_press(0, "Terminar mi pedido"), _time, _code, lambda _: Replied("no lo sé todavía"))),
    ("reorder_nudge", ANA, (_press(1, "Recuérdamelo"), _time)),
    ("reorder_nudge", ANA, (_time, _code)),
    ("welcome", FIRST, (lambda _: Replied("¿dónde está mi pedido?"), _press(0, "Sí"), lambda _: Replied("devolver algo"), _time)),
)
"""The ways through the shipped flows that most people take: each a flow, a person, and what happens after its start."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds an event: the interpreter's and the floor's."""

    events: int
    quickest: float
    middle: float
    floor: float


def measure(rounds: int = ROUNDS) -> Measured:
    """Play all talks `rounds` times; each round is timed alone."""
    known = library.load(shipped_files())
    segments = {name: parse(text) for name, text in known.rules.segments.items()}
    events = sum(1 + len(happens) for _, _, happens in TALKS)
    play(known, segments)  # what is kept ready is made ready
    times = sorted(_timed(lambda: play(known, segments)) for _ in range(rounds))
    floor = min(_timed(lambda: by_hand(events)) for _ in range(rounds))
    return Measured(events, times[0] / events, times[len(times) // 2] / events, floor / events)


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1e6


def play(known: Library, segments: dict[str, Condition]) -> None:
    """Every talk once."""
    for flow, facts, happens in TALKS:
        revision, now = known.flows[flow], NOW
        last = interpreter.start(revision, 7, facts, segments, now, by_customer=flow == "welcome", subject=CART)
        for event in happens:
            now += timedelta(hours=1)
            last = _advanced(revision, last, event(last), facts, segments, now)


def _advanced(revision: Revision, last: Advance, event: Event, facts: Facts, segments: dict[str, Condition], now: object) -> Advance:
    after = interpreter.advance(revision, last.run, event, facts, segments, now)  # type: ignore[arg-type]  # it is a datetime
    assert after.effects or isinstance(event, Started), event
    return after


def by_hand(events: int) -> list[dict[str, object]]:
    """The floor: as many events of a conversation that somebody wrote down in Python, for one shop, in one language."""
    sent: list[dict[str, object]] = []
    run: dict[str, object] = {"id": 7, "step": 0, "generation": 0}
    for number in range(events):
        generation = int(str(run["generation"])) + 1
        run = {**run, "step": number, "generation": generation}
        items = " y ".join(f"{line.quantity} × {line.name}" for line in (ANA.cart.lines if ANA.cart else ()))
        body = f"Hola, {ANA.contact.first_name}: te has dejado algo: {items}.\nTu carrito te espera."
        buttons = [{"title": title, "payload": f"run:7:{generation}:{place}"} for place, title in enumerate(("Sí", "No", "Basta"))]
        sent.append({"body": body, "buttons": buttons, "due": NOW + timedelta(days=1)})
    return sent


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; exit code 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each conversation is played ({ROUNDS})")
    args = parser.parse_args(arguments)
    found = measure(args.rounds)
    if args.json:
        figures = {"events": found.events, "microseconds": found.quickest, "median": found.middle, "floor": found.floor}
        print(json.dumps({"interpreter": {**figures, "goal": GOAL_MICROSECONDS}}))
    else:
        print(f"interpreter   {found.quickest:6.1f} us an event (median {found.middle:.1f}, goal {GOAL_MICROSECONDS:.0f})")
        print(f"by hand       {found.floor:6.1f} us: one conversation, one language, bare Python")
    return int(found.quickest > GOAL_MICROSECONDS)


if __name__ == "__main__":
    sys.exit(main())
