"""Files that flows and templates show: which ones WhatsApp takes, and where they are."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bot.flow.limit import MAX_URL
from bot.flow.problem import Mistake
from bot.flow.run import Media, MediaKind

KB, MB = 1000, 1000 * 1000

# Cloud API, supported media types.
MOST_BYTES: Mapping[MediaKind, int] = MappingProxyType(
    {
        MediaKind.IMAGE: 5 * MB,
        MediaKind.VIDEO: 16 * MB,
        MediaKind.AUDIO: 16 * MB,
        MediaKind.DOCUMENT: 100 * MB,
        MediaKind.STICKER: 500 * KB,
    }
)
ENDINGS: Mapping[MediaKind, tuple[str, ...]] = MappingProxyType(
    {
        MediaKind.IMAGE: (".jpg", ".jpeg", ".png"),
        MediaKind.VIDEO: (".mp4", ".3gp"),
        MediaKind.AUDIO: (".mp3", ".m4a", ".aac", ".amr", ".ogg", ".opus"),
        MediaKind.DOCUMENT: (".pdf", ".txt", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx"),
        MediaKind.STICKER: (".webp",),
    }
)
FOLDER = "flows"


class OwnFile(NamedTuple):
    """A file in the owner's folder: the sha256 of its bytes in hexadecimal, and how many they are."""

    sha256: str
    size: int


def is_link(name: str) -> bool:
    """Whether a file is named by a link, perhaps one that a placeholder gives, and not by a path."""
    return name.lower().startswith(("http://", "https://")) or "{" in name


def path_of(name: str) -> str:
    """The path of a file in the owner's folder, as the library knows it: `flows/pictures/sale.jpg`."""
    return f"{FOLDER}/{name.removeprefix('./')}"


def file_mistakes(path: str, kind: MediaKind, name: str) -> Iterator[tuple[str, Mistake, str]]:
    """What is wrong with the name of a file that stands at `path` of a document: the path, the kind of mistake, a sentence."""
    endings = ", ".join(ENDINGS[kind][:-1]) + (" or " if len(ENDINGS[kind]) > 1 else "") + ENDINGS[kind][-1]
    article = "an" if kind[0] in "aeiou" else "a"
    has_gap = is_link(name) and "{" not in name and len(name.split()) != 1
    if not name.strip() or has_gap:
        yield path, Mistake.BAD_FILE, "write a whole link that begins with https://, or the path of a file such as pictures/sale.jpg"
    elif not is_link(name) and not name.lower().endswith(ENDINGS[kind]):
        yield path, Mistake.BAD_FILE, f"WhatsApp takes {article} {kind} as {endings}: write the name of such a file"
    elif not is_link(name) and (name.startswith("/") or ".." in name.split("/") or "\\" in name):
        yield path, Mistake.BAD_FILE, "a file lies in the flows' own folder: write its path from there, such as pictures/sale.jpg"


def own_file_mistake(kind: MediaKind, name: str, own: Mapping[str, OwnFile]) -> tuple[Mistake, str] | None:
    """What is wrong with a file that a path names: it is not there, or larger than WhatsApp takes."""
    if is_link(name):
        return None
    found = own.get(path_of(name))
    if found is None:
        return Mistake.NO_SUCH_FILE, f"there is no file {path_of(name)}: put it there, or write another name"
    if found.size > MOST_BYTES[kind]:
        most = f"{MOST_BYTES[kind] // MB} MB" if MOST_BYTES[kind] >= MB else f"{MOST_BYTES[kind] // KB} KB"
        message = f"WhatsApp takes at most {most} of {'an' if kind[0] in 'aeiou' else 'a'} {kind}, this one has {found.size / MB:.1f} MB"
        return Mistake.FILE_TOO_HEAVY, f"{message}: save it smaller"
    return None


def media(kind: MediaKind, name: str, link: str, own: Mapping[str, str]) -> Media | None:
    """The file as a message shows it: by `link`, which is its name with the placeholders filled, else by what is kept of it (path ->
    sha256). None when there is no such thing: a message goes without its picture rather than not at all."""
    if is_link(name):
        return Media(kind, link=link.strip(), filename=_filename(link)) if can_be_followed(link) else None
    sha256 = own.get(path_of(name))
    return Media(kind, file=sha256, filename=_filename(name)) if sha256 else None


def can_be_followed(link: str) -> bool:
    """Whether it is a link that WhatsApp takes: a placeholder can give anything."""
    return link.lower().startswith(("http://", "https://")) and len(link) <= MAX_URL and len(link.split()) == 1


def _filename(name: str) -> str | None:
    """What a document is called on the phone: the end of its path."""
    last = name.partition("?")[0].rstrip("/").rpartition("/")[2]
    return last if "." in last else None
