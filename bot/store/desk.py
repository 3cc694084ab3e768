"""What the web desk shows (the list, a thread), and what it must know before it acts (who has the conversation by now)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.flow.codec import decode_content
from bot.flow.run import Content, Media, MediaKind, Text
from bot.policy.decision import Control
from bot.store.model import update_key
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros

MAX_OPEN = 200  # conversations in the list: more than a small team can answer in a day
MAX_LATELY = 20  # of those the bot has
RECENT_MESSAGES = 300  # read to find them
MAX_SAID = 150  # messages of a thread, each way: a page that opens at once, and months of most conversations


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation as the list shows it, in these hands `since` then (UTC). `waits_since`: since when the customer waits for staff,
    None when they do not."""

    contact: int
    control: Control
    first_name: str | None
    phone: str | None
    reason: str | None
    staff: str | None
    last_text: str | None
    since: datetime
    waits_since: datetime | None


@dataclass(frozen=True, slots=True)
class Talk:
    """Who has a conversation now. `epoch` rises with each change of hands."""

    number: str
    control: Control
    reason: str | None
    staff: str | None
    epoch: int
    changed_at: datetime
    last_wrote_at: datetime | None


class Shelving(StrEnum):
    """What became of a file in a message."""

    WANTED = "wanted"  # it is being fetched
    KEPT = "kept"
    REFUSED = "refused"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"  # a link of ours, which WhatsApp itself fetched: it never was here


@dataclass(frozen=True, slots=True)
class Attached:
    """A file in a message of a thread. `name` is the customer's own word where they sent it: hostile. `why` tells in a sentence why it
    is not here; `link` is set where it never was. `sha256`, `size` (bytes) and `mime` are set for what is kept."""

    kind: MediaKind
    state: Shelving
    name: str | None = None
    why: str | None = None
    link: str | None = None
    sha256: str | None = None
    size: int = 0
    mime: str = ""
    voice: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """The message that another one answers. `kind` is told where there are no words."""

    author: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a thread, or a note in it.

    `heard` is its id where it came in, `ours` where we sent it; the other is 0. `about` tells what it holds besides words. `reaction`
    is the emoji the customer put to it. `state`, `delivery`, `why` and `not_before` are set for what we sent.
    """

    at: datetime
    author: str
    text: str
    kind: str = "text"
    heard: int = 0
    ours: int = 0
    about: str | None = None
    attached: Attached | None = None
    quoted: Quoted | None = None
    reaction: str | None = None
    edited: bool = False
    revoked: bool = False
    state: str | None = None
    delivery: str | None = None
    why: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """A number of ours that does not send all it could; `phone` is what it is displayed with, where Meta told.

    `stopped`: nothing goes out until somebody acts; `no_marketing`: no offers do; both say why and what to do. `until` (UTC): it goes
    on by itself then.
    """

    phone: str | None
    stopped: str | None
    no_marketing: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a conversation once all is done that was asked for by now. `staff` is None while the bot has it or nobody does."""

    control: Control
    staff: str | None


def open_ones() -> Step[list[Listed]]:
    """Conversations that staff hold or that wait for them; the longest wait first, those who wait for nothing last."""
    found: list[Listed] = []
    for row in (yield sql("desk.open", limit=MAX_OPEN)):
        found.append(_listed(row, (yield from _waits_since(row))))  # noqa: PERF401 - a comprehension cannot yield to the database
    return sorted(found, key=lambda one: (one.waits_since is None, one.waits_since or one.since))


def _waits_since(row: Row) -> Step[datetime | None]:
    if row["control"] == Control.WAITING:
        return from_micros(row["changed_at"])
    answered = max(row["answered_at"] or 0, row["answered_elsewhere_at"] or 0)
    rows = yield sql("desk.first_word_since", contact=row["contact"], since=answered)
    asked: int | None = rows[0]["at"]
    return None if asked is None else from_micros(max(asked, row["changed_at"]))


def lately() -> Step[list[Listed]]:
    """Conversations the bot has, the newest first."""
    rows = yield sql("desk.lately", messages=RECENT_MESSAGES, limit=MAX_LATELY)
    return [_listed(row, None) for row in rows]


def _listed(row: Row, waits_since: datetime | None) -> Listed:
    return Listed(
        contact=row["contact"],
        control=Control(row["control"]),
        first_name=row["first_name"],
        phone=row["phone"],
        reason=row["reason"],
        staff=row["staff"],
        last_text=row["last_text"],
        since=from_micros(row["changed_at"]),
        waits_since=waits_since,
    )


def talk(contact: int) -> Step[Talk | None]:
    """The person's conversation, the newest where there are several numbers; None when there is none."""
    rows = yield sql("desk.conversation", contact=contact)
    if not rows:
        return None
    row = rows[0]
    return Talk(
        number=row["number"],
        control=Control(row["control"]),
        reason=row["reason"],
        staff=row["staff"],
        epoch=row["epoch"],
        changed_at=from_micros(row["changed_at"]),
        last_wrote_at=from_micros_or_none(row["last_inbound_at"]),
    )


def lines(contact: int) -> Step[list[Line]]:
    """What was said with a person, oldest first, the newest `MAX_SAID` each way."""
    heard = yield sql("desk.heard", contact=contact, limit=MAX_SAID)
    said = [(row, decode_content(row["content"])) for row in (yield sql("desk.said", contact=contact, limit=MAX_SAID))]
    attachments = yield sql("desk.attachments", contact=contact, limit=MAX_SAID)
    reactions = yield sql("desk.reactions", contact=contact)
    files = {}
    for sha256 in {media.file for _, content in said if (media := _media(content)) and media.file}:
        files[sha256] = (yield sql("file.find", sha256=sha256))[:1]
    thread = _Thread(
        heard=heard,
        said=said,
        attachments={row["message"]: row for row in attachments},
        reactions={row["provider_id"]: row["emoji"] for row in reactions},
        files={sha256: rows[0] for sha256, rows in files.items() if rows},
    )
    return sorted(thread.lines(), key=lambda line: line.at)  # stable: of the same moment, the customer's come first


@dataclass(frozen=True, slots=True)
class _Thread:
    """The rows of a thread, newest first."""

    heard: Sequence[Row]
    said: Sequence[tuple[Row, Content]]
    attachments: Mapping[int, Row]
    reactions: Mapping[str, str]
    files: Mapping[str, Row]

    def lines(self) -> list[Line]:
        quotable = self._quotable()
        return [
            *(self._heard(row, quotable) for row in reversed(self.heard)),
            *(self._said(row, content, quotable) for row, content in reversed(self.said)),
        ]

    def _quotable(self) -> dict[str, Quoted]:
        of_ours = {row["provider_id"]: Quoted(row["author"], row["body"], "text") for row, _ in self.said}
        of_theirs = {row["provider_id"]: Quoted(row["author"], row["text"], row["kind"]) for row in self.heard}
        return {name: quoted for name, quoted in (of_ours | of_theirs).items() if name is not None}

    def _heard(self, row: Row, quotable: Mapping[str, Quoted]) -> Line:
        attachment, revoked = self.attachments.get(row["id"]), row["revoked_at"] is not None
        return Line(
            at=from_micros(row["at"]),
            author=row["author"],
            text=row["text"],
            kind=row["kind"],
            heard=row["id"],
            about=row["about"],
            attached=_came(attachment) if attachment is not None and not revoked else None,
            quoted=quotable.get(row["quotes"]),
            reaction=self.reactions.get(row["provider_id"]),
            edited=row["edited_at"] is not None,
            revoked=revoked,
        )

    def _said(self, row: Row, content: Content, quotable: Mapping[str, Quoted]) -> Line:
        media = _media(content)
        return Line(
            at=from_micros(row["at"]),
            author=row["author"],
            text=row["body"],
            ours=row["id"],
            attached=None if media is None else _sent(media, self.files.get(media.file or "")),
            quoted=quotable.get(content.quotes or "") if isinstance(content, Text) else None,
            reaction=self.reactions.get(row["provider_id"]),
            state=row["state"],
            delivery=row["delivery"],
            why=row["why"],
            not_before=from_micros(row["not_before"]),
        )


def _sent(media: Media, file: Row | None) -> Attached:
    if media.file is None:
        return Attached(media.kind, Shelving.ELSEWHERE, media.filename, link=media.link)
    if file is None or file["deleted_at"] is not None:
        return Attached(media.kind, Shelving.EXPIRED, media.filename, why="deleted: its time was over")
    return Attached(media.kind, Shelving.KEPT, media.filename, sha256=media.file, size=file["size"], mime=file["mime"])


def _media(content: Content) -> Media | None:
    return content.media if isinstance(content, Text) else content.header_media


def _came(row: Row) -> Attached:
    return Attached(
        kind=MediaKind(row["kind"]),
        state=Shelving(row["state"]),
        name=row["filename"],
        why=row["why"],
        sha256=row["sha256"] if row["state"] == Shelving.KEPT else None,
        size=row["size"] or 0,
        mime=row["mime"] or "",
        voice=bool(row["voice"]),
    )


def file_that_came(contact: int, message: int) -> Step[Attached | None]:
    """The file that came with a message of a person."""
    rows = yield sql("desk.attachment", contact=contact, message=message)
    return _came(rows[0]) if rows else None


def file_of_ours(contact: int, message: int) -> Step[Attached | None]:
    """The file in a message we sent to a person."""
    rows = yield sql("desk.said_one", contact=contact, message=message)
    if not rows:
        return None
    media = _media(decode_content(rows[0]["content"]))
    if media is None or media.file is None:
        return None
    files = yield sql("file.find", sha256=media.file)
    return _sent(media, files[0] if files else None)


def resting(now: datetime) -> Step[list[Resting]]:
    """Our numbers that do not send all they could."""
    rows = yield sql("desk.resting", now=to_micros(now))
    return [
        Resting(
            phone=f"+{row['phone']}" if row["phone"] else None,
            stopped=row["stopped"],
            no_marketing=row["marketing_stopped"],
            until=from_micros_or_none(row["stopped_until"] if row["stopped"] else row["paused_until"]),
        )
        for row in rows
    ]


def holder(contact: int) -> Step[Holder]:
    """Who has the conversation, staff actions included that wait to be worked off. Nobody else can ask until this step is kept."""
    yield sql("desk.hold", contact=contact)
    now = yield from talk(contact)
    held = Holder(now.control, now.staff) if now else Holder(Control.BOT, None)
    for row in (yield sql("desk.pending", contact=contact)):
        staff = str(json.loads(row["body"]).get("staff") or "staff")
        if row["kind"] == "return":
            held = Holder(Control.BOT, None)
        elif row["kind"] == "block":
            held = Holder(Control.BLOCKED, None)
        elif row["kind"] == "take" or (row["kind"] == "say" and held.control is not Control.HUMAN):
            held = Holder(Control.HUMAN, staff)
    return held


def newer(contact: int, seen: int) -> Step[int]:
    """How many messages the customer wrote after the one with the id `seen`."""
    rows = yield sql("desk.newer", contact=contact, seen=seen)
    count: int = rows[0]["newer"]
    return count


def first_time(page: str, at: datetime) -> Step[bool]:
    """Whether the form of this page, made at `at`, is sent for the first time: a double click must not send twice."""
    return bool((yield sql("inbox.first_time", key=update_key(at, f"desk:{page}"))))


def is_done(entry: int) -> Step[bool]:
    """Whether a staff action has been worked off."""
    return not (yield sql("desk.waits", id=entry))
