"""A replay: what really came in, played again against other flow files, on a scratch store and a clock that jumps. Nothing is sent.

Everybody begins as they were when the record begins, with no conversation under way. What customers answered then is what they answer
now, by the words they pressed or wrote; discount codes are made at once; every message arrives.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.channel import Delivered, Outgoing
from bot.flow.run import STOP_SUFFIX
from bot.store import discounts, health, inbox, replay
from bot.store.database import Database, open_database
from bot.store.model import Source
from bot.store.replay import PersonThen, Recorded
from bot.worker import discounter, dispatcher
from bot.worker.playbook import House, Playbook
from bot.worker.sender import Sender

AT_ONCE = 50  # codes that are made in one go
MAX_JUMPS = 100_000  # things that happen of their own accord between two things that came in: flows that never rest must not hang it


@dataclass(frozen=True, slots=True)
class Record:
    """What came in, in order, and the people it is about as they were before. `ends`: until when (UTC) the house goes on."""

    entries: Sequence[Recorded]
    people: Sequence[PersonThen]
    ends: datetime


class _Everybody:
    """A channel on which every message arrives, and none leaves this machine."""

    def __init__(self) -> None:
        self._count = 0

    async def deliver(self, message: Outgoing) -> Delivered:
        self._count += 1
        return Delivered(f"replayed.{self._count}")


async def play(record: Record, playbook: Playbook, number: str, progress: Callable[[float], None]) -> list[replay.Outgoing]:
    """Play a record against flow files; everything the flows wanted to send, and what became of it."""
    async with _scratch() as store:
        house = _House(store, playbook, number)
        await store.run(replay.lay(list(record.people)))
        for place, entry in enumerate(record.entries):
            await house.until(entry.at)
            await house.told(entry)
            progress(place / len(record.entries))
        await house.until(record.ends)
        progress(1.0)
        return await store.read(replay.outcome())


@asynccontextmanager
async def _scratch() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory(prefix="comeback-replay-") as folder:
        store = await open_database(str(Path(folder) / "scratch.db"))
        try:
            yield store
        finally:
            await store.close()


class _House:
    """The dispatcher and the sender, without their loops."""

    def __init__(self, store: Database, playbook: Playbook, number: str) -> None:
        self._store = store
        self._playbook = playbook
        self._number = number
        self._now = datetime.min.replace(tzinfo=UTC)
        self._sender = Sender(store, _Everybody(), self._house, owner="replay")

    def _house(self) -> House:
        return House(self._playbook, self._store.instance, self._number, self._now)

    async def until(self, moment: datetime) -> None:
        """Let happen what is due before a moment, then turn the clock to it."""
        for _ in range(MAX_JUMPS):
            due = await self._store.read(health.next_due())
            if due is None or due > moment:
                break
            self._now = max(self._now, due)
            await self._work()
        self._now = moment

    async def told(self, entry: Recorded) -> None:
        """One thing comes in again."""
        place = entry.place if entry.source is not Source.WHATSAPP else entry.place or self._number
        await self._store.run(inbox.put(entry.source, entry.kind, entry.contact, _unbound(entry), self._now, place=place))
        await self._work()

    async def _work(self) -> None:
        while (worked := await self._store.run(dispatcher.work(self._house()))).entries or worked.more or await self._send():
            pass

    async def _send(self) -> int:
        wanted = await self._store.run(discounts.wanted(self._now, AT_ONCE))
        for one in wanted:
            await self._store.run(discounter.made_at_once(one, self._house()))
        sent = (await self._sender.send_due(lambda: None)).moved
        await self._sender.finish()
        return len(wanted) + sent


def _unbound(entry: Recorded) -> dict[str, Any]:
    """The body of an entry; a pressed button is known by its words, for the run it belonged to is of another life."""
    body: dict[str, Any] = json.loads(entry.body)
    return _without_payloads(body) if entry.source is Source.WHATSAPP else body


def _without_payloads(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_payloads(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_payloads(one) for key, one in value.items()}
    for holder, key in (("button", "payload"), ("button_reply", "id"), ("list_reply", "id")):
        pressed = kept.get(holder)
        if isinstance(pressed, dict) and not str(pressed.get(key, "")).endswith(STOP_SUFFIX):
            kept[holder] = {name: one for name, one in pressed.items() if name != key}
    return kept


@dataclass(frozen=True, slots=True)
class Changed:
    """What one person would have got otherwise: messages that only one of the two versions sends, in order of time."""

    contact: int
    before: tuple[replay.Outgoing, ...]
    after: tuple[replay.Outgoing, ...]


def changed(before: Sequence[replay.Outgoing], after: Sequence[replay.Outgoing]) -> list[Changed]:
    """Whom another version of the flows treats otherwise."""
    found = []
    for contact in sorted({one.contact for one in (*before, *after)}):
        old = [one for one in before if one.contact == contact and one.sent]
        new = [one for one in after if one.contact == contact and one.sent]
        common = _common(old, new)
        if len(common) != max(len(old), len(new)):
            gone = tuple(one for one in old if _key(one) not in common)
            come = tuple(one for one in new if _key(one) not in common)
            found.append(Changed(contact, gone, come))
    return found


def _common(old: Sequence[replay.Outgoing], new: Sequence[replay.Outgoing]) -> set[tuple[str, str, datetime]]:
    return {_key(one) for one in old} & {_key(one) for one in new}


def _key(one: replay.Outgoing) -> tuple[str, str, datetime]:
    """What makes two messages the same to a customer: who says it, what, and to the minute when."""
    return one.flow, one.body, one.at.replace(second=0, microsecond=0)


