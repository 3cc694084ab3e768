"""What a file is, by its own first bytes: neither its name nor what anybody says of it counts."""

from bot.flow.run import MediaKind

SNIFFED_BYTES = 4096  # read of a file to tell what it is
UNKNOWN = "application/octet-stream"

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),  # also what Word, Excel and PowerPoint write
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # and what they wrote before 2007
)
# What a container is, only its name tells: the packed ones of Word and its kin, and the older ones.
_BY_ENDING = {
    "application/zip": {
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    },
    "application/x-ole-storage": {
        ".doc": "application/msword",
        ".xls": "application/vnd.ms-excel",
        ".ppt": "application/vnd.ms-powerpoint",
    },
}
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"F4A ")
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash", b"f4v ", b"mmp4")
_NO_TEXT = frozenset(range(32)) - frozenset(b"\t\n\r\f")

# What each kind may turn out to be. A document may be anything: it is never shown, only handed out to be saved.
_OF_KIND = {
    MediaKind.IMAGE: frozenset({"image/jpeg", "image/png", "image/webp"}),
    MediaKind.STICKER: frozenset({"image/webp"}),
    MediaKind.VIDEO: frozenset({"video/mp4", "video/3gpp"}),
    MediaKind.AUDIO: frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "video/mp4", "video/3gpp"}),
}


def sniff(head: bytes) -> str:
    """The type of a file that begins so; `application/octet-stream` for whatever is not known here."""
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _boxed(head[8:12])
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # eleven bits of an MPEG audio frame
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    return "text/plain" if _is_text(head) else UNKNOWN


def named_type(head: bytes, name: str) -> str:
    """The type of a file of ours that begins so: as `sniff`, and where its bytes are a container, by the ending of its name."""
    mime = sniff(head)
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    return _BY_ENDING.get(mime, {}).get(ending, mime)


def may_be(kind: MediaKind, mime: str) -> bool:
    """Whether a file of this type can be what its message says it is."""
    return kind not in _OF_KIND or mime in _OF_KIND[kind]


def _boxed(brand: bytes) -> str:
    if brand in _AUDIO_BRANDS:
        return "audio/mp4"
    if brand.startswith(b"3g"):
        return "video/3gpp"
    return "video/mp4" if brand in _VIDEO_BRANDS else UNKNOWN


def _is_text(head: bytes) -> bool:
    """Words in UTF-8, the last of them perhaps cut; not what a browser could take for a page."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) - error.start >= 4 or len(head) < SNIFFED_BYTES:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and not _NO_TEXT.intersection(map(ord, text)) and not text.lstrip("\ufeff \t\r\n").startswith("<")
