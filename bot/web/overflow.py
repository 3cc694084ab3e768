"""The overflow: deliveries that came while the database could not keep them, of shops that never send a delivery twice.

A genuine delivery of such a shop is answered 2xx whatever happens here (WooCommerce: never tried again, and seven refusals switch the
webhook off). So it is on disk before its answer: in the database, or else here, in a file beside it, from where it is brought in as soon
as the database can be written. What is brought in twice after a crash is told apart by its key, as every redelivery.

Append-only, one JSON object a line. The file holds what shops say of their customers, so it is as private as the database (mode 0600).
"""

import asyncio
import fcntl
import json
import logging
import os
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from bot.shop.delivery import Delivery
from bot.store.database import StoreUnavailable, file_of, is_server
from bot.store.optout_log import append_whole, sync_folder

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # between two tries to bring in what waits

TakeIn = Callable[[Delivery], Awaitable[None]]


def beside(database: str | Path, optouts: Path | None) -> Path:
    """Where the overflow of a database is: beside the file; of a server, beside the opt-out log."""
    if is_server(database):
        return (optouts.parent if optouts else Path()) / "comeback.overflow"
    path = file_of(database)
    return path.with_name(path.name + ".overflow")


class Overflow:
    """The overflow in one file. Several processes may write to it, and bring in what is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(path.name + ".lock")
        self._coming = path.with_name(path.name + ".coming")  # what is being brought in: new deliveries go to a new file
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._bringing: asyncio.Task[None] | None = None

    async def keep(self, delivery: Delivery) -> None:
        """Keep a delivery; it is on disk when this returns. Those that come while others are written share the next write. Raises
        OSError when the disk takes nothing."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((_line(delivery), kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="overflow-write")
        await kept

    async def start(self, take_in: TakeIn) -> None:
        """Bring in what waits, now and whenever something does. `take_in` keeps a delivery; it raises StoreUnavailable where it cannot."""
        self._bringing = asyncio.create_task(self._bring(take_in), name="overflow-bring")

    async def stop(self) -> None:
        """What is not brought in by now waits for the next start."""
        if self._bringing is not None:
            self._bringing.cancel()
            with suppress(asyncio.CancelledError):
                await self._bringing

    def waits(self) -> bool:
        """Whether something is to be brought in."""
        return _has_something(self.path) or self._coming.exists()  # in this order: another process may put the one aside between the looks

    async def bring_in(self, take_in: TakeIn) -> int:
        """Bring in all that waits; returns how many deliveries. Raises StoreUnavailable where the database takes nothing: they stay."""
        count = 0
        with _held(self._coming.with_name(self._coming.name + ".lock"), wait=False) as ours:
            if not ours:
                return 0  # another process is at it
            while self._claim():
                for delivery in _read(self._coming):
                    await take_in(delivery)
                    count += 1
                self._coming.unlink()
        return count

    def take_over(self, other: "Overflow") -> None:
        """What waits in another file waits here: its database was moved. Begun once more it goes on. Raises OSError."""
        with _held(other._coming.with_name(other._coming.name + ".lock")), _held(other._lock):
            for path in (other._coming, other.path):
                if path.exists():
                    self._append(path.read_bytes())
                    path.unlink()

    def _claim(self) -> bool:
        """Put what waits aside, unless something was put aside before a crash."""
        if self._coming.exists():
            return True
        with _held(self._lock):
            if not self.path.exists():
                return False
            self.path.rename(self._coming)
        return True

    async def _bring(self, take_in: TakeIn) -> None:
        while True:
            try:
                if self.waits() and (count := await self.bring_in(take_in)):
                    log.warning("%d deliveries of shops were kept beside the database and are in it now", count)
            except StoreUnavailable:
                pass  # as before: they wait
            except Exception:
                log.exception("what was kept beside the database could not be brought in")
            await asyncio.sleep(LOOK_SECONDS)

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            fault: Exception | None = None
            try:
                await asyncio.to_thread(self._append, "".join(line for line, _ in batch).encode("ascii"))
            except OSError as error:
                fault = error
            for _, kept in batch:
                if kept.done():
                    continue
                if fault is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(fault)

    def _append(self, lines: bytes) -> None:
        with _held(self._lock):
            new = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # by a kill: it would swallow the next line
                append_whole(descriptor, (b"\n" if torn else b"") + lines)
            finally:
                os.close(descriptor)
            if new:
                sync_folder(self.path.parent)


def _has_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@contextmanager
def _held(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; yields whether it is held. Locks end with their process."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _line(delivery: Delivery) -> str:
    told = {
        "shop": delivery.shop,
        "headers": list(delivery.headers.items()),
        "body": b64encode(delivery.body).decode("ascii"),
        "received_at": delivery.received_at.isoformat(),
        "word": delivery.word,
    }
    return json.dumps(told) + "\n"


def _read(path: Path) -> Iterator[Delivery]:
    """The deliveries in a file. A line that cannot be read is left out: a crash tore it before its shop was answered."""
    with path.open("rb") as file:
        for line in file:
            if (delivery := _delivery(line)) is not None:
                yield delivery
            elif line.strip():
                log.error("%d bytes in %s are no delivery (a crash tore them): they are left out", len(line), path)


def _delivery(line: bytes) -> Delivery | None:
    try:
        told = json.loads(line)
        moment = datetime.fromisoformat(told["received_at"])
        return Delivery(told["shop"], dict(told["headers"]), b64decode(told["body"]), moment, told["word"])
    except (ValueError, KeyError, TypeError):
        return None
