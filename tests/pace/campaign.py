"""A campaign of cart reminders while people talk with the bot, through the doors alone: `comeback serve` against the sandbox.

    python -m tests.pace --carts 2000 --talkers 50

What is counted is what the sandbox saw (`witness.py`). One customer writes sixty messages at once, so that the pair limit is met.
"""

import asyncio
import gc
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.customer import Customer
from bot.sandbox.cloud.graph import VERSION
from bot.sandbox.cloud.limit import SendLimit
from tests.crash.house import BotProcess, Surroundings, free_port, surroundings, wall_clock
from tests.crash.load import Delivery, Postman

from .relay import Arrival, noted
from .witness import Seen

HASTY = 60  # messages at once of one customer: more than WhatsApp lets anybody answer
LOOK_SECONDS = 0.2
ANSWER_PATIENCE = 20.0
CART_DOORS = 16  # deliveries of the shop at a time

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """`beyond`: carts more than people who may be written to in a day; `pause`: seconds between an answer and the customer's next message
    (the mean); `per_second`: what the number may send; `believed`: what the bot is made to believe instead; `processes` on PostgreSQL."""

    carts: int = 2_000
    beyond: int = 50
    talkers: int = 50
    hasty: int = HASTY
    pause: float = 4.0
    per_second: int = 80
    believed: int | None = None
    processes: int = 1
    seed: int = 1
    patience: float = 120.0

    @property
    def wait(self) -> int:
        """Seconds from the carts to their reminders: long enough to leave them all behind, and to begin to talk."""
        return 10 + (self.carts + self.beyond) // 50

    @property
    def people(self) -> int:
        """As many as there are carts: those beyond must wait for tomorrow."""
        return self.carts


@dataclass(slots=True)
class Report:
    """What was seen, and what the limits are."""

    plan: Plan
    seen: Seen
    refused: int
    reminded: int
    waiting: int
    reasons: Counter[str]
    unanswered: int
    processor: float
    seconds: float
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen, limit = self.seen, self.plan.per_second
        return (
            f"{self.reminded} reminders and {len(seen.answers)} answers in {self.seconds:.0f} s ({self.plan.processes} process(es)): "
            f"fullest second {seen.fullest_second} of {limit} in and out; {seen.rate:.1f} a second in all while the campaign went on "
            f"({100 * seen.rate / limit:.0f} % of what is allowed); answers p50 {1000 * seen.slowest(50):.0f} ms, "
            f"p99 {1000 * seen.slowest(99):.0f} ms, {self.unanswered} missing; {seen.too_many_for_one} too many for one person; "
            f"{self.refused} refused; {self.waiting} wait for tomorrow; {1000 * self.processor:.1f} ms of processor a message"
        )


@dataclass(slots=True)
class _Stage:
    """Everybody at once. `answered`: when the last answer to each person arrived, and how many did."""

    around: Surroundings
    postman: Postman
    plan: Plan
    heard: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    unanswered: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Any = field(default_factory=lambda: count())
    _came: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _read: int = 0

    def arrivals(self) -> None:
        """Read what the sandbox saw since."""
        attempts = self.around.cloud.attempts
        for attempt in attempts[self._read :]:
            self._came[_to(attempt.payload)].append(attempt.started)
        self._read = len(attempts)

    def answers_to(self, person: Customer) -> list[float]:
        """When the bot's messages to a person arrived."""
        self.arrivals()
        return self._came[person.wa_id]

    async def write(self, person: Customer, texts: list[str]) -> float:
        """They write; returns when (`time.monotonic()`)."""
        now = wall_clock()
        person.last_wrote = now
        number = self.around.cloud.number
        parts = [
            {"id": f"wamid.{person.wa_id}.{next(self._numbers)}", "timestamp": envelope.epoch(now), "type": "text", "text": {"body": text}}
            for text in texts
        ]
        began = monotonic()
        for _ in parts:
            self.around.cloud.limit.heard(now)
            self.heard.append(began)
        changes = [envelope.inbound(number, person, part) for part in parts]
        await self.postman.deliver(Delivery(envelope.pack(self.around.cloud.waba_id, changes)))
        return began

    async def talk(self, nth: int) -> None:
        """Somebody on the ladder: writes, waits for the answer, thinks, writes again."""
        person = self.around.cloud.introduce(f"+34611{nth:06d}", "Klara")
        random = Random(f"{self.plan.seed}-{nth}")
        await self._tell_shop("customer.updated", person, {"country": "ES"})
        await asyncio.sleep(random.uniform(0, self.plan.pause))
        while not self.over.is_set():
            known = len(self.answers_to(person))
            began = await self.write(person, ["next"])
            came = await self._answer(person, known)
            if came is None:
                self.unanswered += 1
            else:
                self.answers.append(came - began)
            await asyncio.sleep(min(random.expovariate(1 / self.plan.pause), 3 * self.plan.pause))

    async def _answer(self, person: Customer, known: int) -> float | None:
        until = monotonic() + ANSWER_PATIENCE
        while monotonic() < until:
            came = self.answers_to(person)
            if len(came) > known:
                return came[known]
            await asyncio.sleep(0.01)
        return None

    async def rush(self) -> None:
        """One customer writes faster than anybody may be answered."""
        person = self.around.cloud.introduce("+34622000000", "Hugo")
        await self._tell_shop("customer.updated", person, {"country": "ES"})
        for batch in range(0, self.plan.hasty, 5):
            await self.write(person, [f"next {batch + each}" for each in range(5)])
            await asyncio.sleep(0.5)

    async def leave_carts(self) -> None:
        """So many people leave a cart behind at one moment, so that their reminders are due at one moment, too."""
        left = wall_clock().isoformat()
        numbers = iter(range(self.plan.carts + self.plan.beyond))

        async def some() -> None:
            for nth in numbers:
                person = self.around.cloud.introduce(f"+34633{nth:06d}", "Carla")
                item = {"product_id": "cup", "title": f"Cup {nth}", "quantity": 1, "unit_price": "24.00"}
                cart = {
                    "checkout_key": f"checkout-{nth}",
                    "currency": "EUR",
                    "total": "24.00",
                    "items": [item],
                    "recovery_url": "https://casa-bonita.example/cart",
                    "updated_at": left,
                    "consent": {"whatsapp": {"state": "granted", "at": left, "source": "checkout box"}},
                }
                await self._tell_shop("checkout.updated", person, cart)

        await asyncio.gather(*(some() for _ in range(CART_DOORS)))

    async def _tell_shop(self, kind: str, person: Customer, event: Json) -> None:
        body = {"type": kind, "timestamp": wall_clock().isoformat(), "data": {"phone": f"+{person.wa_id}", **event}}
        await self.postman.deliver(Delivery(json.dumps(body).encode(), f"msg-{next(self._numbers)}"))


def _to(payload: Any) -> str:
    return str(payload.get("to", "")).removeprefix("+")


def _is_reminder(payload: Any) -> bool:
    return bool(payload.get("type") == "template")


async def play(folder: Path, plan: Plan, server: str | None = None) -> Report:
    """Let it all happen, then say what was seen."""
    limit = SendLimit(per_second=plan.per_second, people_a_day=plan.people)
    patient = aiohttp.ClientTimeout(total=30)
    async with (
        surroundings(folder, plan.seed, server=server, limit=limit) as around,
        noted(_port_of(around.environ["COMEBACK_WHATSAPP_API"])) as (port, arrivals),
        aiohttp.ClientSession(timeout=patient) as session,
    ):
        around.environ["COMEBACK_WHATSAPP_API"] = f"http://127.0.0.1:{port}/{VERSION}"
        if plan.believed is not None:
            around.environ["COMEBACK_WHATSAPP_PER_SECOND"] = str(plan.believed)
        _let_reminders_wait(folder / "flows" / "reminder.yaml", plan.wait)
        ports = [free_port() for _ in range(plan.processes)]
        bots = [around.bot(port=port) for port in ports] if server else [around.bot()]
        async with _running(bots):
            postman = Postman(around.url, session, Random(plan.seed), again=0.0)
            if server:
                postman.peers = [f"http://127.0.0.1:{port}" for port in ports]
                around.cloud.webhooks.url = f"{postman.peers[0]}/webhooks/whatsapp"
            await asyncio.sleep(2.0)  # it has asked for its limits
            stage = _Stage(around, postman, plan)
            gc.freeze()
            gc.disable()  # a collection would hold the witness up, and what came meanwhile would seem to have come at once
            began, spent = monotonic(), _processor(bots)
            await _happen(stage)
            seconds, spent = monotonic() - began, _processor(bots) - spent
            gc.enable()
            codes = [await bot.terminate() for bot in bots]
    report = _reported(stage, arrivals, seconds, spent)
    report.violations += [f"it ended with exit code {code}" for code in codes if code]
    report.violations += [bot.log()[bot.log().rindex("Traceback") :][-900:] for bot in bots if "Traceback" in bot.log()]
    return report


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2].partition("/")[0])


def _let_reminders_wait(flow: Path, seconds: int) -> None:
    text, usual = flow.read_text("utf-8"), "for: 1 second"
    assert usual in text
    flow.write_text(text.replace(usual, f"for: {seconds} seconds"), "utf-8")


@asynccontextmanager
async def _running(bots: list[BotProcess]) -> AsyncIterator[None]:
    try:
        await asyncio.gather(*(bot.start() for bot in bots))
        yield
    finally:
        for bot in bots:
            if bot.running:
                await bot.kill()


async def _happen(stage: _Stage) -> None:
    plan = stage.plan
    await stage.leave_carts()
    people = [asyncio.create_task(stage.talk(nth)) for nth in range(plan.talkers)]
    people.append(asyncio.create_task(stage.rush()))
    reminded, since = 0, monotonic()
    while reminded < plan.carts and monotonic() - since < plan.patience:
        await asyncio.sleep(LOOK_SECONDS)
        reminded = sum(_is_reminder(attempt.payload) for attempt in stage.around.cloud.attempts)
    stage.over.set()
    await asyncio.gather(*people)


def _reported(stage: _Stage, arrivals: list[Arrival], seconds: float, spent: float) -> Report:
    around, plan = stage.around, stage.plan
    attempts = around.cloud.attempts
    reminders = [attempt for attempt in attempts if _is_reminder(attempt.payload)]
    starts = [attempt.started for attempt in reminders]
    refused = len(attempts) - len(around.cloud.accepted)
    seen = Seen(
        tuple(arrivals),
        tuple(stage.heard),
        tuple(stage.answers),
        min(starts, default=0.0),
        max(starts, default=1.0),
    )
    waits = around.rows("select why, count(*) as n from outbox where state = 'queued' group by why")
    reasons = Counter({str(row["why"]): int(row["n"]) for row in waits})
    report = Report(
        plan, seen, refused, len(reminders), reasons["daily_limit"], reasons, stage.unanswered, spent / max(1, len(attempts)), seconds
    )
    _judge(report, around)
    return report


def _judge(report: Report, around: Surroundings) -> None:
    """What must hold however busy the machine is."""
    plan, seen, violations = report.plan, report.seen, report.violations
    if seen.fullest_second > plan.per_second * 1.01:
        violations.append(f"{seen.fullest_second} messages in one second, where {plan.per_second} are allowed")
    if seen.too_many_for_one:
        violations.append(f"{seen.too_many_for_one} messages were too many for their person")
    reached = {_to(attempt.payload) for attempt in around.cloud.attempts if _is_reminder(attempt.payload)}
    if len(reached) > plan.people:
        violations.append(f"{len(reached)} people were written to first, where {plan.people} are allowed")
    if len(reached) < plan.carts:
        violations.append(f"only {len(reached)} of {plan.carts} reminders went")
    if report.waiting != plan.beyond:
        violations.append(f"{report.waiting} reminders wait for tomorrow, not {plan.beyond}: {dict(report.reasons)}")
    if report.unanswered:
        violations.append(f"{report.unanswered} customers got no answer")
    twice = [key for key, times in Counter(message.key for message in around.cloud.accepted).items() if times > 1]
    if twice:
        violations.append(f"{len(twice)} messages were taken twice")


def _processor(bots: list[BotProcess]) -> float:
    """Seconds of processor time the processes took so far."""
    return sum(_spent(bot.pid) for bot in bots)


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
