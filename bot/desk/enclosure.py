"""What staff may put into an answer: which files WhatsApp takes, how large, and what they are called."""

import re
import unicodedata
from dataclasses import dataclass

from bot.channel.whatsapp.media import too_large
from bot.flow.file import ENDINGS, MOST_BYTES
from bot.flow.run import MediaKind
from bot.store.file_type import named_type

LONGEST_NAME = 100  # letters of a file's name: what a phone shows of it and more

# Cloud API, "Supported media types": what each type is sent as.
_SENT_AS = {
    "image/jpeg": MediaKind.IMAGE,
    "image/png": MediaKind.IMAGE,
    "video/mp4": MediaKind.VIDEO,
    "video/3gpp": MediaKind.VIDEO,
    "audio/ogg": MediaKind.AUDIO,
    "audio/mpeg": MediaKind.AUDIO,
    "audio/mp4": MediaKind.AUDIO,
    "audio/aac": MediaKind.AUDIO,
    "audio/amr": MediaKind.AUDIO,
    "application/pdf": MediaKind.DOCUMENT,
    "application/msword": MediaKind.DOCUMENT,
    "application/vnd.ms-excel": MediaKind.DOCUMENT,
    "application/vnd.ms-powerpoint": MediaKind.DOCUMENT,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": MediaKind.DOCUMENT,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": MediaKind.DOCUMENT,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": MediaKind.DOCUMENT,
    "text/plain": MediaKind.DOCUMENT,
}
ACCEPTED = ",".join(ending for kind, endings in ENDINGS.items() if kind is not MediaKind.STICKER for ending in endings)
IN_WORDS = "Pictures (JPEG, PNG) up to 5 MB, video (MP4) and audio up to 16 MB, PDF and office documents up to 100 MB."
MOST_BYTES_OF_ALL = max(MOST_BYTES.values())

_NO_NAME = re.compile(r"[\\/:*?\"<>|]")  # what no system has in a file's name


class NotTaken(Exception):
    """WhatsApp would not take the file. The message is a sentence for staff."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file in an answer; it is on the shelf."""

    sha256: str
    size: int
    mime: str
    kind: MediaKind
    name: str


def judge(head: bytes, name: str) -> tuple[MediaKind, str]:
    """What a file that begins so is sent as, and its type. Raises NotTaken for what WhatsApp does not take."""
    mime = named_type(head, name)
    if mime not in _SENT_AS:
        raise NotTaken(f"WhatsApp does not take this file. {IN_WORDS}")
    return _SENT_AS[mime], mime


def check_size(kind: MediaKind, size: int) -> None:
    """Raises NotTaken when a file is larger than its kind may be, or empty."""
    if size > MOST_BYTES[kind]:
        raise NotTaken(too_large(kind))
    if not size:
        raise NotTaken("the file is empty")


def clean_name(name: str | None) -> str | None:
    """A file's name that can be shown and saved: its last part, without what is not seen or turns the writing round; None for none."""
    last = re.split(r"[\\/]", name or "")[-1]
    seen = "".join(letter for letter in last if not unicodedata.category(letter).startswith(("C", "Zl", "Zp")))
    tidy = " ".join(_NO_NAME.sub("_", seen).split()).strip(". ")
    stem, dot, ending = tidy.rpartition(".")
    if not dot or len(ending) > 10:
        return tidy[:LONGEST_NAME] or None
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"
