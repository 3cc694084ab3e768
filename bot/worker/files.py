"""Files on their way: those that customers sent are fetched, ours are uploaded, and both are deleted when their time is over.

    message kept -> attachment wanted -> claimed for the time of a lease -> located, downloaded onto the shelf, looked at -> kept | refused

Nothing is fetched in a transaction. Whoever ends in the middle leaves something unfinished on the shelf, which is swept, and a lease,
which runs out.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from bot.channel import Failure, SendError
from bot.channel.event import Attachment
from bot.channel.whatsapp.media import GONE, Media, Never, NotNow
from bot.store import files
from bot.store.database import Database, StoreUnavailable
from bot.store.file_type import SNIFFED_BYTES, may_be, sniff
from bot.store.files import ID_LIVES, Expected, File, Wanted
from bot.store.shelf import Draft, Shelf, ShelfBroken, ShelfFull, is_hash
from bot.store.step import Step

log = logging.getLogger(__name__)

AT_ONCE = 4  # downloads at a time: customers' pictures must not take the line from their answers
LOOK_SECONDS = 1.0  # between two looks for something to fetch, while there is nothing
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=30)
WAIT_SECONDS = 40.0  # for an upload: with the message's own request it stays under the lease on the message
UPLOAD_RETRY = timedelta(seconds=15)
ROOM_RETRY = timedelta(minutes=1)  # a full disk is looked at again so soon
MISMATCH_TRIES = 3  # a transfer can be damaged once
TIDY_SECONDS = 3600.0  # retention is counted in days
SETTLED = timedelta(hours=1)  # a file younger than this may be about to be told to the database
MOST_BITES = 10_000  # a bound for one tidying: five million rows


def expected(attachment: Attachment) -> Expected:
    """What a message announced, as the store keeps it."""
    return Expected(attachment.kind, attachment.id, attachment.mime, attachment.sha256, attachment.filename, attachment.voice)


class Fetcher:
    """Fetches what customers sent. `clock` is the house's (UTC); `ticks` are seconds that only rise."""

    def __init__(
        self, store: Database, shelf: Shelf, media: Media, clock: Callable[[], datetime], ticks: Callable[[], float] = monotonic
    ) -> None:
        self._store, self._shelf, self._media, self._clock, self._ticks = store, shelf, media, clock, ticks
        self._nothing_until = 0.0
        self._under_way: list[asyncio.Task[None]] = []
        self._stopped = False

    async def fetch_wanted(self) -> bool:
        """Fetch a few files that are wanted; whether there may be more. It looks once a second at most while there is nothing."""
        if self._stopped or self._ticks() < self._nothing_until:
            return False
        wanted = await self._store.run(files.claim(self._clock(), AT_ONCE))
        if not wanted:
            self._nothing_until = self._ticks() + LOOK_SECONDS
        self._start(wanted)
        ends = await asyncio.gather(*self._under_way, return_exceptions=True)
        for one, end in zip(wanted, ends, strict=True):
            if isinstance(end, asyncio.CancelledError):
                await self._store.run(files.put_off(one, self._clock(), None))
            elif end is not None:
                raise end
        return len(wanted) == AT_ONCE

    def _start(self, wanted: Sequence[Wanted]) -> None:
        self._under_way = [asyncio.create_task(self._fetch(one), name=f"fetch-{one.id}") for one in wanted]
        if self._stopped:  # while they were claimed
            self.stop()

    def stop(self) -> None:
        """Fetch no more. What is under way is left to the next process, for it may take minutes."""
        self._stopped = True
        for task in self._under_way:
            task.cancel()

    async def _fetch(self, wanted: Wanted) -> None:
        try:
            file = await self._brought(wanted)
        except Never as refusal:
            await self._store.run(files.refuse(wanted, str(refusal)))
        except NotNow as trouble:
            await self._store.run(self._again(wanted, trouble))
        except (ShelfFull, ShelfBroken) as trouble:
            log.error("a customer's file is not fetched for now: %s", trouble)
            await self._store.run(files.put_off(wanted, self._clock() + ROOM_RETRY, "our disk has no room for files"))
        else:
            await self._store.run(files.arrived(wanted, file))

    def _again(self, wanted: Wanted, trouble: NotNow) -> Step[None]:
        now = self._clock()
        if trouble.tries is not None and wanted.attempts >= trouble.tries:
            yield from files.refuse(wanted, str(trouble))
        elif now >= wanted.at + ID_LIVES:
            yield from files.refuse(wanted, GONE)
        else:
            wait = min(FIRST_RETRY * 4 ** min(wanted.attempts - 1, 10), LONGEST_RETRY)
            yield from files.again(wanted, now + wait, str(trouble))

    async def _brought(self, wanted: Wanted) -> File:
        """The file on the shelf, and sure to be what it should be. Raises Never, NotNow, ShelfFull, ShelfBroken."""
        located = await self._media.locate(wanted.media_id, wanted.number)
        with await asyncio.to_thread(self._shelf.begin) as draft:
            arriving = _Arriving(draft)
            await self._media.download(located.url, wanted.kind, arriving.write)
            mime = sniff(arriving.head)
            if not may_be(wanted.kind, mime):
                raise Never(f"not what it said it was: its bytes are no {wanted.kind}")
            if any(told is not None and told != draft.sha256 for told in (wanted.sha256, located.sha256)):
                raise NotNow("not what it said it was: its bytes are others than WhatsApp told", MISMATCH_TRIES)
            shelved = await asyncio.to_thread(draft.finish)
        return File(shelved.sha256, shelved.size, mime)


@dataclass(slots=True)
class _Arriving:
    """A file as it comes in, with its beginning to look at."""

    draft: Draft
    head: bytes = b""

    async def write(self, chunk: bytes) -> None:
        if len(self.head) < SNIFFED_BYTES:
            self.head += chunk[: SNIFFED_BYTES - len(self.head)]
        await asyncio.to_thread(self.draft.write, chunk)


class Uploads:
    """The port by which sending asks for Meta's id of a stored file (`sending.Files`)."""

    def __init__(self, store: Database, shelf: Shelf, media: Media, clock: Callable[[], datetime]) -> None:
        self._store, self._shelf, self._media, self._clock = store, shelf, media, clock
        self._under_way: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._stopped = False

    async def media_id(self, file: str, number: str) -> str:
        """Meta's id of the stored file with this sha256, uploaded by `number` when it is not there (any more).

        Raises SendError: REFUSED for a file that is not kept or that Meta does not take, RETRY for everything else.
        """
        try:
            return await self._store.run(files.uploaded(number, file, self._clock())) or await self._waited_for(file, number)
        except StoreUnavailable as error:
            raise SendError(Failure.RETRY, "its file could not be looked up") from error

    async def _waited_for(self, file: str, number: str) -> str:
        """Of a whole campaign one uploads, and the rest use it. A large file goes on after the message has been put back."""
        task = self._under_way.get((number, file))
        if self._stopped:
            raise _closing()
        if task is None:
            task = self._under_way[number, file] = asyncio.create_task(self._upload(file, number), name="upload")
            task.add_done_callback(lambda done: self._ended(file, number, done))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            raise SendError(Failure.RETRY, "its file is still being uploaded", retry_after=UPLOAD_RETRY) from None
        except asyncio.CancelledError:
            if task.cancelled():
                raise _closing() from None
            raise

    def _ended(self, file: str, number: str, done: asyncio.Task[str]) -> None:
        self._under_way.pop((number, file), None)
        if not done.cancelled():
            done.exception()  # seen, though nobody may wait for it any more

    async def stop(self) -> None:
        """Upload no more: whoever waits for one puts the message back, before the sender is waited for."""
        self._stopped = True
        under_way = list(self._under_way.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def gone(self, media_id: str, number: str) -> None:
        """Meta says that it has no such file: the next to ask uploads it anew."""
        await self._store.run(files.forget_upload(number, media_id))

    async def _upload(self, file: str, number: str) -> str:
        found = await self._store.run(files.find(file)) if is_hash(file) else None
        if found is None or found.deleted_at is not None or not self._shelf.has(file):
            raise SendError(Failure.REFUSED, "its file is not kept here any more")
        media_id = await self._media.upload(number, self._shelf.path(file), found.mime)
        await self._store.run(files.keep_upload(number, file, media_id, self._clock()))
        return media_id


def _closing() -> SendError:
    return SendError(Failure.RETRY, "the house is closing")


class Keeper:
    """Deletes what is older than `days`, and sweeps from the shelf what nobody names. `clock` is the house's (UTC)."""

    def __init__(self, store: Database, shelf: Shelf, days: int, clock: Callable[[], datetime]) -> None:
        self._store, self._shelf, self._days, self._clock = store, shelf, days, clock

    async def tidy(self) -> int:
        """One tidying; returns how many files left the shelf. What cannot be done now is done the next time."""
        try:
            await self._expire()
            swept = await self._sweep()
        except (StoreUnavailable, ShelfBroken, ShelfFull) as fault:
            log.warning("files could not be tidied: %s", fault)
            return 0
        if swept:
            log.info("%d files are deleted: older than %d days, or of no message", swept, self._days)
        return swept

    async def _expire(self) -> None:
        now = self._clock()
        await self._store.run(files.forget_old_uploads(now))
        for _ in range(MOST_BITES):
            if not await self._store.run(files.expire(now - timedelta(days=self._days), self._days, now)):
                break

    async def _sweep(self) -> int:
        settled = datetime.now(UTC) - SETTLED  # the disk's own clock, whatever the house's says
        swept = await asyncio.to_thread(self._shelf.sweep_unfinished, settled)
        for part, names in await asyncio.to_thread(lambda: list(self._shelf.names())):
            wanted = await self._store.read(files.live_in(part))
            if names - wanted:
                swept += await asyncio.to_thread(self._shelf.sweep, part, wanted, settled)
        return swept

