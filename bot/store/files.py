"""Files in messages, as the database knows them: what is to be fetched, what is kept and for how long. Their bytes are on the shelf.

An attachment is a file that came with a message: wanted from the moment its message is kept, then kept, or refused with a reason that
staff read, and in the end expired. A file is content, there once however many messages show it: it stays until the last that shows it
has expired. Files we send are files without an attachment: the message itself names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.flow.run import MediaKind
from bot.store.step import Step, from_micros, sql, to_micros

LEASE = timedelta(minutes=6)  # longer than a fetch may take (Cloud API: an address is good for 5 minutes): then another tries
ID_LIVES = timedelta(days=7)  # Cloud API: the id of a file that came in
UPLOAD_LIVES = timedelta(days=29)  # Cloud API: 30 days for one we uploaded; a day early, so that it is still there when it is delivered
AT_ONCE = 500  # rows of retention a transaction: nobody else waits long for the commit


@dataclass(frozen=True, slots=True)
class Expected:
    """A file as the platform announced it. `sha256` in hexadecimal; `filename` is the customer's own word: hostile."""

    kind: MediaKind
    media_id: str
    mime: str
    sha256: str | None
    filename: str | None
    voice: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is ours to fetch until the lease ends. `attempts` counts this one. `at` is when its message was written (UTC)."""

    id: int
    number: str
    kind: MediaKind
    media_id: str
    sha256: str | None
    at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class File:
    """Content that is or was on the shelf. `mime` is what its bytes say."""

    sha256: str
    size: int
    mime: str
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How much there is: files and their bytes, attachments still to be fetched, and those that were refused."""

    files: int
    bytes: int
    wanted: int
    refused: int


# ---- what came in


def want(contact: int, number: str, message: str, at: datetime, expected: Expected, now: datetime) -> Step[None]:
    """A message came with a file: fetch it. `message` is the platform's id of it, `at` when it was written (UTC)."""
    yield sql(
        "file.want",
        contact=contact,
        number=number,
        provider_id=message,
        kind=expected.kind,
        media_id=expected.media_id,
        told_mime=expected.mime,
        told_sha256=expected.sha256,
        filename=expected.filename,
        voice=int(expected.voice),
        at=to_micros(at),
        now=to_micros(now),
    )


def claim(now: datetime, limit: int) -> Step[list[Wanted]]:
    """Files to fetch now, ours for the time of a lease: whoever ends without a word leaves them to the next."""
    rows = yield sql("file.claim", now=to_micros(now), lease_ends=to_micros(now + LEASE), limit=limit)
    return [
        Wanted(
            id=row["id"],
            number=row["number"],
            kind=MediaKind(row["kind"]),
            media_id=row["media_id"],
            sha256=row["told_sha256"],
            at=from_micros(row["at"]),
            attempts=row["attempts"],
        )
        for row in rows
    ]


def arrived(wanted: Wanted, file: File) -> Step[None]:
    """A fetched file is on the shelf."""
    yield from keep(file, wanted.at)
    yield sql("file.kept", id=wanted.id, sha256=file.sha256)


def refuse(wanted: Wanted, why: str) -> Step[None]:
    """It will not be fetched. `why` is a sentence for staff."""
    yield sql("file.refused", id=wanted.id, why=why)


def again(wanted: Wanted, at: datetime, why: str) -> Step[None]:
    """It could not be fetched: try again then (UTC)."""
    yield sql("file.again", id=wanted.id, retry_at=to_micros(at), why=why)


def put_off(wanted: Wanted, at: datetime, why: str | None) -> Step[None]:
    """It was not tried, because of us: try then (UTC)."""
    yield sql("file.not_tried", id=wanted.id, retry_at=to_micros(at), why=why)


# ---- what is kept


def keep(file: File, at: datetime, *, owned: bool = False) -> Step[None]:
    """A file on the shelf is shown by a message of then (UTC), or is the owner's own, which flows name."""
    yield sql("file.keep", sha256=file.sha256, size=file.size, mime=file.mime, at=to_micros(at), owned=int(owned))


def disown(now: datetime) -> Step[None]:
    """The owner's files are kept from now on like those of a message: `keep` those again that flows still name."""
    yield sql("file.disown", now=to_micros(now))


def find(sha256: str) -> Step[File | None]:
    """A file by its hash; None when there never was one."""
    rows = yield sql("file.find", sha256=sha256)
    if not rows:
        return None
    row = rows[0]
    gone = row["deleted_at"]
    return File(row["sha256"], row["size"], row["mime"], None if gone is None else from_micros(gone))


def live_in(part: str) -> Step[frozenset[str]]:
    """The hashes of all files that are kept and begin so: two hexadecimal digits."""
    rows = yield sql("file.live_in", begin=part)
    return frozenset(row["sha256"] for row in rows)


def live() -> Step[list[File]]:
    """All files that are kept."""
    rows = yield sql("file.live")
    return [File(row["sha256"], row["size"], row["mime"]) for row in rows]


def expire(before: datetime, kept_days: int, now: datetime) -> Step[int]:
    """Files of messages from before then (UTC) are kept no more; returns how many rows changed, 0 when all is done.

    What is no longer shown by any message is to be swept from the shelf.
    """
    why = f"deleted after {kept_days} days"
    attachments: Sequence[object] = yield sql("file.expire", before=to_micros(before), why=why, limit=AT_ONCE)
    files: Sequence[object] = yield sql("file.delete", before=to_micros(before), now=to_micros(now), limit=AT_ONCE)
    return len(attachments) + len(files)


def tally() -> Step[Tally]:
    """How much there is."""
    row = (yield sql("file.tally"))[0]
    return Tally(row["files"], row["bytes"], row["wanted"], row["refused"])


# ---- what the platform has of ours


def uploaded(number: str, sha256: str, now: datetime) -> Step[str | None]:
    """The platform's id of a file of ours under a number, while it is good."""
    rows = yield sql("file.uploaded", number=number, sha256=sha256, since=to_micros(now - UPLOAD_LIVES))
    return rows[0]["media_id"] if rows else None


def keep_upload(number: str, sha256: str, media_id: str, now: datetime) -> Step[None]:
    """The platform has a file of ours now."""
    yield sql("file.keep_upload", number=number, sha256=sha256, media_id=media_id, now=to_micros(now))


def forget_upload(number: str, media_id: str) -> Step[None]:
    """The platform says that it has a file no more."""
    yield sql("file.forget_upload", number=number, media_id=media_id)


def forget_old_uploads(now: datetime) -> Step[None]:
    """Ids that are no longer good are of no use to anybody."""
    yield sql("file.forget_old_uploads", before=to_micros(now - UPLOAD_LIVES))
