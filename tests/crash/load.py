"""The customers and the shop: what they tell the bot, again and again until it says 200, and when it did.

Three kinds of customers: climbers (each answer on the ladder has a number), talkers (the shipped welcome flow), and shoppers (carts,
reminders, orders, and STOP while reminders are on their way).
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from itertools import count, islice
from random import Random
from time import monotonic
from typing import Any, TypeVar

import aiohttp

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.customer import Customer
from bot.shop import signature

from .house import APP_SECRET, SHOP, SHOP_SECRET, STEPS, Surroundings, wall_clock

AGAIN_SHARE = 0.1  # of the deliveries come once more although they were acknowledged
AGAIN_SECONDS = 1.5  # within this time
RETRY_SECONDS = (0.03, 0.25)  # Meta waits longer; a bot that was killed should meet its redeliveries at once
TRIES = 2_000
MOST_ANSWERS = 36  # to one person, then the next comes: 45 may go at once, one in six seconds for long
ORDER_SHARE = 0.15  # of the carts are bought
CARTS_AFTER_STOP = 2  # nobody must be reminded of these
LONG_AGO = timedelta(hours=2)  # the next cart must not pass for a late word of this order's
LEFT_ALONE = timedelta(seconds=5)  # longer than the flow waits, so that the reminder is due at once

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to the bot, the same bytes at each try. `id` is the shop's `webhook-id`, None for WhatsApp."""

    body: bytes
    id: str | None = None

    @property
    def path(self) -> str:
        """Where it goes."""
        return "/webhooks/whatsapp" if self.id is None else f"/webhooks/shop/{SHOP}"

    def signed(self) -> dict[str, str]:
        """The headers of a try made now."""
        if self.id is None:
            return dict(envelope.sign(APP_SECRET, self.body))
        return signature.sign(self.id, wall_clock(), self.body, SHOP_SECRET)


@dataclass(slots=True)
class Postman:
    """Delivers until it hears 200. `acknowledged` is all that was, `strange` every answer that is neither 200 nor 503."""

    url: str
    session: aiohttp.ClientSession
    random: Random
    again: float = AGAIN_SHARE
    acknowledged: list[Delivery] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    tries: int = 0
    refused: int = 0
    longest: float = 0.0
    peers: list[str] = field(default_factory=list)  # several doors to the same house, any of which may be knocked at
    _again: set[asyncio.Task[None]] = field(default_factory=set)

    async def deliver(self, delivery: Delivery) -> float:
        """Until it is acknowledged; returns when that was (`time.monotonic()`)."""
        at = await self._until_taken(delivery)
        self.acknowledged.append(delivery)
        if self.random.random() < self.again:
            task = asyncio.create_task(self._deliver_again(delivery, self.random.uniform(0, AGAIN_SECONDS)))
            self._again.add(task)
            task.add_done_callback(self._again.discard)
        return at

    async def finish(self) -> None:
        """Until what was to come again has come."""
        await asyncio.gather(*self._again)

    async def _deliver_again(self, delivery: Delivery, after: float) -> None:
        await asyncio.sleep(after)
        await self._until_taken(delivery)

    async def _until_taken(self, delivery: Delivery) -> float:
        for _ in range(TRIES):
            self.tries += 1
            began = monotonic()
            status = await self._post(delivery)
            if status == HTTPStatus.OK:
                at = monotonic()
                self.longest = max(self.longest, at - began)
                return at
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                self.refused += 1
            elif status is not None:
                self.strange.append(f"{delivery.path} was answered {status}")
            await asyncio.sleep(self.random.uniform(*RETRY_SECONDS))
        raise TimeoutError("the bot never took a delivery")

    async def _post(self, delivery: Delivery) -> int | None:
        url = self.random.choice(self.peers) if self.peers else self.url
        try:
            async with self.session.post(url + delivery.path, data=delivery.body, headers=delivery.signed()) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None


@dataclass(slots=True)
class Person:
    """A customer, and what is true of them if the bot kept its word."""

    customer: Customer
    random: Random
    expected: list[str] = field(default_factory=list)  # how the bot's answers begin, in order
    carts: list[str] = field(default_factory=list)  # the names of what was in them
    stopped_at: float | None = None  # when their STOP was acknowledged
    ordered_at: list[tuple[float, int]] = field(default_factory=list)  # when an order was, and how many carts there were by then


@dataclass(slots=True)
class Load:
    """Everybody, talking at once. `pause` is the mean time between two deliveries of one person, in seconds."""

    around: Surroundings
    postman: Postman
    pause: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    people: list[Person] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    async def climber(self, seed: str) -> None:
        """People on the ladder, one after another: WhatsApp lets nobody be written to too often."""
        while not self.over.is_set():
            await self._climb(self._person(seed, "Klara"))

    async def talker(self, seed: str) -> None:
        """People in the shipped welcome flow, one after another."""
        while not self.over.is_set():
            await self._talk(self._person(seed, "Tom"))

    async def shopper(self, seed: str) -> None:
        """People who leave carts behind, one after another: who has said STOP makes room for the next."""
        while not self.over.is_set():
            await self._shop(self._person(seed, "Sara"))

    def _person(self, seed: str, name: str) -> Person:
        number = len(self.people)
        person = Person(self.around.cloud.introduce(f"+34600{number:06d}", name), Random(f"{seed}-{number}"))
        self.people.append(person)
        return person

    async def _climb(self, person: Person) -> None:
        await self._tell_shop("customer.updated", person, {"country": "ES"})
        for step in _batches(person.random, count()):
            await self.write(person, [f"next {number}" for number in step])
            person.expected += [f"Step {number % STEPS + 1}" for number in step]
            if await self._rested(person) or len(person.expected) >= MOST_ANSWERS:
                return

    async def _talk(self, person: Person) -> None:
        turns = _welcome(person.random)
        for batch in _batches(person.random, turns):
            await self.write(person, [text for text, _ in batch])
            person.expected += [answer for _, answers in batch for answer in answers]
            if await self._rested(person) or len(person.expected) >= MOST_ANSWERS:
                return

    async def _shop(self, person: Person) -> None:
        last_cart = person.random.randrange(5)
        for number in range(last_cart + CARTS_AFTER_STOP + 1):
            await self._leave_cart(person, number)
            if number == last_cart:
                await asyncio.sleep(person.random.uniform(0, 1))
                person.stopped_at = await self._stop(person)
            elif person.random.random() < ORDER_SHARE:
                await asyncio.sleep(person.random.uniform(0, 1))
                await self._order(person, number)
            if await self._rested(person):
                return

    async def write(self, person: Person, texts: Sequence[str]) -> float:
        """The customer writes: one delivery, however many messages."""
        now = wall_clock()
        person.customer.last_wrote = now
        changes = [self._message(person, text) for text in texts]
        return await self.postman.deliver(Delivery(envelope.pack(self.around.cloud.waba_id, changes)))

    def _message(self, person: Person, text: str) -> Json:
        wamid = f"wamid.{person.customer.wa_id}.{next(self._numbers)}"
        part = {"id": wamid, "timestamp": envelope.epoch(wall_clock()), "type": "text", "text": {"body": text}}
        return envelope.inbound(self.around.cloud.number, person.customer, part)

    async def _stop(self, person: Person) -> float:
        if person.random.random() < 2 / 3:
            return await self.write(person, [person.random.choice(("STOP", "stop!", "Stop."))])
        person.customer.stopped_marketing = True
        change = envelope.preference(person.customer, self.around.cloud.number, "stop", wall_clock())
        return await self.postman.deliver(Delivery(envelope.pack(self.around.cloud.waba_id, [change])))

    async def _leave_cart(self, person: Person, number: int) -> None:
        name = f"Cup {number:04d} of {person.customer.wa_id}"
        person.carts.append(name)
        cart = {
            "checkout_key": f"checkout-{person.customer.wa_id}-{number}",
            "currency": "EUR",
            "total": "24.00",
            "items": [{"product_id": "cup", "title": name, "quantity": 1, "unit_price": "24.00"}],
            "recovery_url": "https://casa-bonita.example/cart",
            "updated_at": (wall_clock() - LEFT_ALONE).isoformat(),
            "consent": {"whatsapp": {"state": "granted", "at": (wall_clock() - LEFT_ALONE).isoformat(), "source": "checkout box"}},
        }
        await self._tell_shop("checkout.updated", person, cart)

    async def _order(self, person: Person, number: int) -> None:
        order = {
            "order_key": f"order-{person.customer.wa_id}-{number}",
            "checkout_key": f"checkout-{person.customer.wa_id}-{number}",
            "currency": "EUR",
            "total": "24.00",
            "items": [],
            "placed_at": (wall_clock() - LONG_AGO).isoformat(),
        }
        at = await self._tell_shop("order.created", person, order)
        person.ordered_at.append((at, len(person.carts)))

    async def _tell_shop(self, kind: str, person: Person, event: Json) -> float:
        id = f"msg-{next(self._numbers)}"  # noqa: A001 - the standard's own word
        shopper = {"phone": f"+{person.customer.wa_id}", "first_name": person.customer.name}
        body = {"type": kind, "timestamp": wall_clock().isoformat(), "data": shopper | event}
        return await self.postman.deliver(Delivery(json.dumps(body).encode(), id))

    async def _rested(self, person: Person) -> bool:
        """Wait a little; whether it is over then."""
        try:
            async with asyncio.timeout(min(person.random.expovariate(1 / self.pause), 4 * self.pause)):
                await self.over.wait()
        except TimeoutError:
            return False
        return True


def _batches(random: Random, turns: Iterator[T]) -> Iterator[list[T]]:
    """One to three turns at a time."""
    while batch := list(islice(turns, random.choice((1, 1, 1, 2, 3)))):
        yield batch


def _welcome(random: Random) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What somebody says in the shipped welcome flow, for ever, and how the answers to each begin."""
    yield "hello", ("Hi Tom, welcome to Casa Bonita!", "How can we help you?")
    while True:
        yield "I want to return something", ("You can send anything back", "Is there anything else?")
        while random.random() < 0.5:
            yield "Yes", ("How can we help you?",)
            yield "refund please", ("You can send anything back", "Is there anything else?")
        yield "No, thanks", ("Happy to help! May we write to you",)
        yield random.choice((("Yes, please", ("Thank you!",)), ("No", ("No problem at all.",))))
        yield "hello again", ("How can we help you?",)
