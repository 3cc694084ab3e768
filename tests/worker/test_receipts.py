"""Who is answered sees that they were read: once, never in the way of the answer, never for an opt-out."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio

from bot.channel import Failure, SendError
from bot.flow.run import Text
from bot.store.outbox import Claimed
from bot.worker.receipts import MOST_AT_ONCE, TYPING_WORTH, Receipts
from bot.worker.sender import Sender

from .bench import MONDAY, NUMBER, Bench


@dataclass
class Reader:
    """A channel that notes what is read, and fails or hangs as it is told."""

    fault: Exception | None = None
    hangs: bool = False
    read: list[tuple[str, str, bool]] = field(default_factory=list)

    async def acknowledge(self, number: str, message_id: str, *, typing: bool) -> None:
        self.read.append((number, message_id, typing))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault


@dataclass
class Reading:
    """The workbench, with a sender that gives receipts."""

    bench: Bench
    reader: Reader
    receipts: Receipts


@pytest_asyncio.fixture
async def reading(bench: Bench) -> AsyncIterator[Reading]:
    reader = Reader()
    receipts = Receipts(reader, typing=True)
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", receipts=receipts)
    yield Reading(bench, reader, receipts)
    await receipts.finish()


def claimed(message: str) -> Claimed:
    """An answer to that message."""
    return Claimed(1, "k", 1, NUMBER, Text("Hi"), 1, MONDAY, "+34600000001", None, frozenset(), answer=True, answers=message)


async def test_what_a_flow_answers_is_read_once_whatever_it_says_in_how_many_parts(reading: Reading) -> None:
    await reading.bench.writes("hello")
    assert len(await reading.bench.go()) == 2  # a welcome and a question
    assert reading.reader.read == [(NUMBER, "wamid.in1", False)]


async def test_each_message_is_read_when_it_is_answered(reading: Reading) -> None:
    await reading.bench.writes("hello")
    await reading.bench.go()
    await reading.bench.writes("human")
    await reading.bench.go()
    assert [message for _, message, _ in reading.reader.read] == ["wamid.in1", "wamid.in2"]


async def test_a_stop_is_answered_without_a_receipt(reading: Reading) -> None:
    await reading.bench.writes("STOP")
    assert len(await reading.bench.go()) == 1
    assert reading.reader.read == []


async def test_what_we_begin_reads_nothing(reading: Reading) -> None:
    await reading.bench.reminded()
    assert reading.reader.read == []


async def test_a_receipt_that_fails_or_hangs_is_in_nobodys_way(reading: Reading) -> None:
    reading.reader.fault = SendError(Failure.REFUSED, "no such message")
    await reading.bench.writes("hello")
    assert len(await reading.bench.go()) == 2
    reading.reader.fault, reading.reader.hangs = None, True
    await reading.bench.writes("human")
    assert len(await reading.bench.go()) == 1
    await reading.receipts.finish()


async def test_an_answer_is_announced_only_where_the_announcement_surely_comes_before_it(reading: Reading) -> None:
    reading.receipts.give(claimed("a"), TYPING_WORTH)
    reading.receipts.give(claimed("b"), TYPING_WORTH - 0.1)
    Receipts(reading.reader, typing=False).give(claimed("c"), 60.0)
    await asyncio.sleep(0)
    assert reading.reader.read == [(NUMBER, "a", True), (NUMBER, "b", False), (NUMBER, "c", False)]


async def test_a_busy_line_is_left_to_answers(reading: Reading) -> None:
    reading.reader.hangs = True
    for number in range(MOST_AT_ONCE + 5):
        reading.receipts.give(claimed(f"m{number}"), 0.0)
    await asyncio.sleep(0)
    assert len(reading.reader.read) == MOST_AT_ONCE
