"""Files of the sandbox's Cloud API: what may be uploaded, under which id it lies, and the short-lived address it is fetched from."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.cloud.graph_error import GraphError

KB, MB = 1024, 1024 * 1024
URL_LIFE = timedelta(minutes=5)  # Cloud API: a media URL
UPLOAD_LIFE = timedelta(days=30)  # Cloud API: an uploaded file
INBOUND_LIFE = timedelta(days=7)  # Cloud API: a file from a webhook
STICKER_LIMIT = 100 * KB  # Cloud API: a sticker that does not move
MOVING_STICKER_LIMIT = 500 * KB
SIZES = {"image": 5 * MB, "video": 16 * MB, "audio": 16 * MB, "document": 100 * MB, "sticker": MOVING_STICKER_LIMIT}
TYPES = {
    "image": frozenset({"image/jpeg", "image/png"}),
    "video": frozenset({"video/mp4", "video/3gp", "video/3gpp"}),
    "audio": frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
    "sticker": frozenset({"image/webp"}),
    "document": frozenset(
        {
            "text/plain",
            "text/csv",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        }
    ),
}
"""Cloud API, supported media types: by kind of message."""
ATTACHMENTS = "/whatsapp_business/attachments/"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """One file and until when it lies here (UTC)."""

    id: str
    content: bytes
    mime: str
    until: datetime
    filename: str = ""

    @property
    def sha256(self) -> str:
        """In hexadecimal digits, as `GET /{media}` tells it."""
        return hashlib.sha256(self.content).hexdigest()


def kind_of(mime: str) -> str | None:
    """The kind of message this type of file belongs to, None when WhatsApp knows no such type."""
    bare = bare_type(mime)
    return next((kind for kind, types in TYPES.items() if bare in types), None)


def bare_type(mime: str) -> str:
    """`audio/ogg; codecs=opus` -> `audio/ogg`."""
    return mime.partition(";")[0].strip().lower()


def moves(content: bytes) -> bool:
    """Whether a WebP is animated: the second bit of the flags of its extended header."""
    return content[12:16] == b"VP8X" and len(content) > 20 and bool(content[20] & 0x02)


class MediaShelf:
    """All files. Raises GraphError as the API does: 100 for what may not be uploaded, 100/33 for what is not here."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._files: dict[str, File] = {}
        self._urls: dict[str, tuple[str, datetime]] = {}
        self._ids = iter(range(1_037_543_291_543_636, 10**18))

    def upload(self, content: bytes, mime: str, filename: str = "", life: timedelta = UPLOAD_LIFE) -> File:
        """Takes a file of the business."""
        check(content, mime)
        return self._put(content, mime, filename, life)

    def receive(self, content: bytes, mime: str, filename: str = "") -> File:
        """Takes a file of a customer: whatever their phone could send."""
        return self._put(content, mime, filename, INBOUND_LIFE)

    def get(self, file_id: str) -> File | None:
        """The file, None when it is not here any more."""
        file = self._files.get(file_id)
        return file if file and self._clock() < file.until else None

    def delete(self, file_id: str) -> None:
        """Forgets the file."""
        self._files.pop(file_id, None)

    def link(self, file: File, base_url: str) -> str:
        """A new address of the file, good for five minutes."""
        key, until = secrets.token_urlsafe(18), self._clock() + URL_LIFE
        self._urls[key] = (file.id, until)
        return f"{base_url}{ATTACHMENTS}?mid={file.id}&ext={int(until.timestamp())}&hash={key}"

    def at(self, key: str) -> File | None:
        """What lies at an address, by its `hash`; None when the address was never given or is too old."""
        file_id, until = self._urls.get(key, ("", self._clock()))
        return self.get(file_id) if self._clock() < until else None

    def as_json(self, file: File, base_url: str) -> Json:
        """The file as `GET /{media}` tells it."""
        return {
            "messaging_product": "whatsapp",
            "url": self.link(file, base_url),
            "mime_type": file.mime,
            "sha256": file.sha256,
            "file_size": str(len(file.content)),
            "id": file.id,
        }

    def check_message(self, kind: str, part: Mapping[str, Any]) -> None:
        """Whether a message of this kind may carry the file that `part` names by its id. A link is the world's."""
        file_id = part.get("id")
        if not file_id:
            return
        file = self.get(str(file_id))
        if file is None:
            raise GraphError(131009, f"{kind}.id: there is no file {file_id}, or it is too old")
        if bare_type(file.mime) not in TYPES[kind] and kind != "document":
            raise GraphError(131053, f"a file of type {file.mime} cannot be sent as {kind}")

    def _put(self, content: bytes, mime: str, filename: str, life: timedelta) -> File:
        file = File(str(next(self._ids)), content, mime, self._clock() + life, filename)
        self._files[file.id] = file
        return file


def check(content: bytes, mime: str) -> None:
    """Whether this may be uploaded. Raises GraphError 100."""
    kind = kind_of(mime)
    if kind is None:
        raise GraphError(100, f"Param file must be a file with one of the supported types. Received file of type '{mime}'.")
    limit = STICKER_LIMIT if kind == "sticker" and not moves(content) else SIZES[kind]
    if not content:
        raise GraphError(100, "Param file must be a file, it is empty")
    if len(content) > limit:
        raise GraphError(100, f"the file is too large: {len(content)} bytes, {limit} are allowed for {kind}")
