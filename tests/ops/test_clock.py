"""A clock that is set: forward or back, while messages are on the wire and timers run. Nothing early, nothing twice, nothing lost."""

import asyncio
from datetime import timedelta
from pathlib import Path

from bot.channel import Delivered, Outgoing
from bot.store import outbox
from tests.worker.bench import DAY, HOUR, RecordingChannel

from .office import Office, office

LEASE_AND_MORE = outbox.LEASE + timedelta(minutes=1)


class SlowChannel(RecordingChannel):
    """Takes a message, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def deliver(self, message: Outgoing) -> Delivered:
        delivered = await super().deliver(message)
        await self.answer.wait()
        return delivered


async def test_a_message_on_the_wire_while_the_clock_is_set_forward_is_sent_once_and_known_as_sent(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        channel = SlowChannel()
        house.sender._channel = channel
        await house.writes("STOP")
        await house.work()
        await house.sender.send_due(lambda: None)
        await asyncio.sleep(0)
        house.now += LEASE_AND_MORE  # its lease has run out, though its sender lives
        await house.store.run(outbox.orphans(house.store.epoch, house.now))
        assert await house.states() == ["unknown"]
        assert (await house.sender.send_due(lambda: None)).moved == 0
        channel.answer.set()
        await house.sender.finish()
        assert await house.states() == ["sent"]
        assert len(channel.sent) == 1


async def test_a_clock_that_is_set_back_makes_nothing_early_and_nothing_twice(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        house.now -= 2 * HOUR
        assert await _all_of(house, 2 * HOUR + timedelta(minutes=59)) == []  # the timer's moment has not come again
        (reminder,) = await house.go(timedelta(minutes=1))
        house.now -= 2 * HOUR
        assert await _all_of(house, DAY, but=reminder) == []


async def test_what_comes_in_after_the_clock_was_set_back_is_kept_and_answered(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        assert len(await house.go()) == 2
        house.now -= DAY
        await house.writes("STOP")
        assert len(await house.go()) == 1


async def _all_of(house: Office, length: timedelta, but: str | None = None) -> list[str]:
    """Everything that is said in a length of time, looked at every minute or so."""
    said: list[str] = []
    while length > timedelta():
        said += await house.go(step := min(length, timedelta(minutes=20)))
        length -= step
    return [text for text in said if but is None or text == but]
