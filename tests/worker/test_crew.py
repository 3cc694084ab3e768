"""The crew: the loops that keep work moving by themselves, and stop without leaving anything half done."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from time import monotonic

import aiohttp
import apscheduler.schedulers.base
import apscheduler.triggers.interval
import pytest

from bot.channel import Delivered, Outgoing
from bot.store import outbox
from bot.store.sqlite import SqliteDatabase
from bot.store.step import Statement, Step
from bot.worker import crew as worker_crew
from bot.worker.crew import Crew
from bot.worker.discounter import Discounter
from bot.worker.pacer import Gate, Pacer
from bot.worker.sender import Sender

from .bench import HOUR, NUMBER, Bench, RecordingChannel


@asynccontextmanager
async def crew_of(bench: Bench, kind: type[Crew] = Crew) -> AsyncIterator[Crew]:
    """A crew at work on a bench."""
    async with aiohttp.ClientSession() as session:
        crew = kind(bench.store, bench.house, bench.sender, Discounter(bench.store, session, {}, bench.house))
        await crew.start()
        yield crew
        await crew.stop()


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in five seconds")


def update_epoch() -> Step[None]:
    yield Statement("update meta set value = '99' where name = 'epoch'", {})


def impatient() -> Step[None]:
    yield Statement("pragma busy_timeout = 50", {})


async def test_a_message_is_answered_when_the_crew_is_woken(bench: Bench) -> None:
    async with crew_of(bench) as crew:
        await until(lambda: crew.idle)
        await bench.writes("Hello")
        crew.wake()
        await until(lambda: len(bench.channel.sent) >= 2)
        await until(lambda: crew.idle)
    assert await bench.states() == ["sent", "sent"]


async def test_what_an_earlier_process_left_on_the_wire_is_unknown_at_the_start(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    bench.now += HOUR
    await bench.work()
    await bench.store.run(left_on_the_wire())
    async with crew_of(bench) as crew:
        await until(lambda: crew.idle)
    assert await bench.states() == ["unknown"]
    assert bench.channel.sent == []


def left_on_the_wire() -> Step[None]:
    yield Statement("update outbox set state = 'sending', epoch = 0, lease_until = 0", {})


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # PostgreSQL has room for all
async def test_a_crew_whose_database_was_taken_over_stops_and_says_so(bench: Bench) -> None:
    await bench.store.run(update_epoch())
    async with crew_of(bench) as crew:
        async with asyncio.timeout(5):
            await crew.superseded.wait()


class SlowChannel(RecordingChannel):
    """Takes a moment over each message."""

    async def deliver(self, message: Outgoing) -> Delivered:
        await asyncio.sleep(0.2)
        return await super().deliver(message)


async def test_a_stop_finishes_what_is_on_the_wire(bench: Bench) -> None:
    bench.channel = SlowChannel()
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test")
    await bench.writes("Hello")
    async with crew_of(bench):
        await until(lambda: bench.sender.busy)
    assert (await bench.states())[0] == "sent"
    assert "sending" not in await bench.states()


async def test_a_stop_gives_back_at_once_what_waits_for_its_moment_and_the_next_start_sends_it(bench: Bench) -> None:
    """A moment that went void is replaced by the next claim, and after a stop there is none."""
    pacer = Pacer(bench.store.arrivals)
    pacer._gates[NUMBER] = Gate(lambda: monotonic() - 8.0)  # whose moments come when the stop should be long over
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", pacer=pacer)
    for nth in range(5):
        await bench.cart(f"k{nth}", f"34633{nth:06d}")
    await bench.go()
    bench.now += HOUR
    await bench.work()
    async with crew_of(bench) as crew:
        await until(lambda: bench.sender.busy and not crew._sending.busy)
        began = monotonic()
    assert monotonic() - began < 2.0
    assert (await bench.states(), bench.channel.sent) == (["queued"] * 5, [])
    assert {row["attempts"] for row in await bench.rows("select attempts from outbox")} == {0}
    del pacer._gates[NUMBER]
    async with crew_of(bench):
        await until(lambda: len(bench.channel.sent) == 5)
    assert await bench.states() == ["sent"] * 5


class LockingChannel(RecordingChannel):
    """Another program holds the database while the answer of the platform is to be kept."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        assert isinstance(bench.store, SqliteDatabase)
        self.other = sqlite3.connect(bench.store.path, isolation_level=None, check_same_thread=False)

    async def deliver(self, message: Outgoing) -> Delivered:
        delivered = await super().deliver(message)
        self.other.execute("begin immediate")
        return delivered


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # another program can lock a file, not a server
async def test_a_message_whose_answer_could_not_be_kept_is_kept_as_soon_as_it_can_be(bench: Bench) -> None:
    await bench.store.run(impatient())
    channel = LockingChannel(bench)
    bench.channel = channel
    bench.sender = Sender(bench.store, channel, bench.house, owner="test")
    await bench.writes("Hello")
    await bench.work()
    await bench.sender.send_due(lambda: None)
    await asyncio.sleep(0.3)
    assert bench.sender.busy
    channel.other.execute("rollback")
    channel.other.close()
    await bench.sender.finish()
    assert (await bench.states())[0] == "sent"


async def test_a_message_whose_lease_ran_out_is_unknown(bench: Bench) -> None:
    await bench.writes("Hello")
    await bench.work()
    await bench.store.run(_on_the_wire_for_ever(bench.store.epoch))
    async with crew_of_started(bench):
        assert (await bench.states())[0] == "unknown"


def _on_the_wire_for_ever(epoch: int) -> Step[None]:
    yield Statement("update outbox set state = 'sending', epoch = :epoch, lease_until = 1", {"epoch": epoch})


@asynccontextmanager
async def crew_of_started(bench: Bench) -> AsyncIterator[Crew]:
    """A crew that has long been at work: it was started before the lease ran out."""
    now, bench.now = bench.now, bench.now - 2 * outbox.LEASE
    async with crew_of(bench) as crew:
        await until(lambda: crew.idle)
        bench.now = now
        yield crew


class Watched(Crew):
    """A crew that notes in which thread it is woken."""

    wakers: list[threading.Thread]

    def wake(self) -> None:
        self.wakers.append(threading.current_thread())
        super().wake()


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # nothing here is the database's
async def test_the_heartbeat_beats_in_the_loop_s_own_thread(bench: Bench) -> None:
    """From another thread it would now and then tear the list of those who wait, and the beat would be lost."""
    wakers: list[threading.Thread] = []
    Watched.wakers = wakers
    async with crew_of(bench, Watched) as crew:
        await until(lambda: crew.idle and len(wakers) > 1)
    assert set(wakers) == {threading.current_thread()}


class SetBack(datetime):
    """The time of a machine whose clock can be set back."""

    by = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # apscheduler takes any
        return datetime.now(tz) - cls.by


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # nothing here is the database's
async def test_a_clock_that_is_set_back_stops_neither_the_heartbeat_nor_the_look_for_what_nobody_sends_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it had caught up the house stood still."""
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval):
        monkeypatch.setattr(module, "datetime", SetBack)
    for name in ("HEARTBEAT_SECONDS", "ORPHANS_SECONDS"):
        monkeypatch.setattr(worker_crew, name, 0.1)
    wakers: list[threading.Thread] = []
    Watched.wakers = wakers
    await bench.writes("Hello")
    await bench.go()
    async with crew_of(bench, Watched) as crew:
        await until(lambda: crew.idle and len(wakers) > 1)
        monkeypatch.setattr(SetBack, "by", timedelta(hours=1))
        await asyncio.sleep(0.2)  # what was due by the old time
        before = len(wakers)
        await bench.store.run(left_on_the_wire())
        await until(lambda: len(wakers) > before + 1)
        async with asyncio.timeout(5):
            while "sending" in await bench.states():  # noqa: ASYNC110 - another task brings it about
                await asyncio.sleep(0.01)
    assert set(await bench.states()) == {"unknown"}


class Stumbling(Watched):
    """A crew that cannot be woken the first time."""

    def wake(self) -> None:
        super().wake()
        if len(self.wakers) == 1:
            raise RuntimeError("a fault of its own")


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # nothing here is the database's
async def test_the_heartbeat_goes_on_after_an_error_and_ends_at_the_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_crew, "HEARTBEAT_SECONDS", 0.1)
    wakers: list[threading.Thread] = []
    Watched.wakers = wakers
    with caplog.at_level(logging.ERROR):
        async with crew_of(bench, Stumbling):
            await until(lambda: len(wakers) > 2)
    assert [record.message for record in caplog.records] == ["heartbeat stumbled"]
    beats = len(wakers)
    await asyncio.sleep(0.3)
    assert len(wakers) == beats
