"""Files at the desk: those of a thread handed out to staff, and those staff put into an answer taken in.

Whatever came from a customer is hostile. It goes out under a type from our own list, never under theirs; what is no picture, sound or
film is only there to be saved; and a browser that opens it all the same may run nothing in it.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import BodyPartReader, MultipartReader, web

from bot.desk.enclosure import LONGEST_NAME, MOST_BYTES_OF_ALL, Enclosure, NotTaken, check_size, clean_name, judge
from bot.flow.run import MediaKind
from bot.store.desk import Attached, Shelving
from bot.store.file_type import SNIFFED_BYTES
from bot.store.shelf import Draft, Shelf, ShelfBroken, ShelfFull

SHOWN = frozenset(
    {"image/jpeg", "image/png", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "video/mp4", "video/3gpp"}
)
"""Types that a page shows. None of them can hold a script."""

NOT_OURS = "this form is not from a page of yours: go back, reload the page and try again"
CHUNK_BYTES = 256 * 1024
MAX_FIELD = 2**16  # bytes of one field of a form
MAX_FIELDS = 20
UPLOAD_SECONDS = 300.0  # 100 MB over a slow line
KEPT_SECONDS = 600  # how long a browser may keep a file: retention must not wait for it
_NAMES = {
    "image/jpeg": "picture.jpg",
    "image/png": "picture.png",
    "image/webp": "sticker.webp",
    "audio/ogg": "audio.ogg",
    "audio/mpeg": "audio.mp3",
    "audio/mp4": "audio.m4a",
    "audio/aac": "audio.aac",
    "audio/amr": "audio.amr",
    "video/mp4": "video.mp4",
    "video/3gpp": "video.3gp",
    "application/pdf": "document.pdf",
    "text/plain": "document.txt",
}


def may_be_shown(attached: Attached) -> bool:
    """Whether a page shows it, else it is only there to be saved."""
    return attached.kind is not MediaKind.DOCUMENT and attached.mime in SHOWN


def name_of_file(attached: Attached) -> str:
    """What a file is called: by whoever sent it, made harmless, or by its type."""
    return clean_name(attached.name) or _NAMES.get(attached.mime, "file")


def handed_out(attached: Attached | None, shelf: Shelf) -> web.FileResponse:
    """A file as staff's browsers get it. Raises HTTPNotFound."""
    if attached is None or attached.state is not Shelving.KEPT or attached.sha256 is None or not shelf.has(attached.sha256):
        raise web.HTTPNotFound(text="this file is not kept here any more")
    shown, pdf = may_be_shown(attached), attached.mime == "application/pdf"
    return web.FileResponse(
        shelf.path(attached.sha256),
        headers={
            "Content-Type": attached.mime if shown or pdf else "application/octet-stream",
            "Content-Disposition": _disposition("inline" if shown else "attachment", name_of_file(attached)),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": f"private, max-age={KEPT_SECONDS}",
        },
    )


def _disposition(how: str, name: str) -> str:
    """RFC 6266: the name once in plain letters for old programs, once in full."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "_" for letter in name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


# ---- taken in


@dataclass(frozen=True, slots=True)
class Sent:
    """A form with what may be in it: `trouble` says why its file was not taken."""

    fields: Mapping[str, str]
    enclosed: Enclosure | None = None
    trouble: str | None = None


async def read_form(request: web.Request, shelf: Shelf, token: str) -> Sent:
    """The fields of a form with a file; the last one counts where a name comes twice. The file is not looked at before the form has
    shown the `token`. Raises HTTP errors for what no page of ours sends, HTTPForbidden without the token."""
    if request.content_length is None or request.content_length > MOST_BYTES_OF_ALL + MAX_FIELDS * MAX_FIELD:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES_OF_ALL, request.content_length or 0)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            return await _read(await request.multipart(), shelf, token)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, AssertionError):
        raise web.HTTPBadRequest(text="this does not read as a form") from None


async def _read(reader: MultipartReader, shelf: Shelf, token: str) -> Sent:
    fields: dict[str, str] = {}
    enclosed, trouble = None, None
    for _ in range(MAX_FIELDS):
        part = await reader.next()
        if part is None:
            return Sent(fields, enclosed, trouble)
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ValueError("not a field")
        if part.filename is None:
            fields[part.name] = (await _text(part)).replace("\r\n", "\n")
            continue
        if not secrets.compare_digest(fields.get("token", "").encode(), token.encode()):
            raise web.HTTPForbidden(text=NOT_OURS)
        try:
            enclosed = await _file(part, shelf) or enclosed
        except NotTaken as refusal:
            trouble = str(refusal)
        except (ShelfFull, ShelfBroken):
            trouble = "there is no room for files on our disk now"
        while await part.read_chunk(CHUNK_BYTES):  # else the browser, still sending, would not hear why
            pass
    raise ValueError("too many fields")


async def _text(part: BodyPartReader) -> str:
    content = bytearray()
    while chunk := await part.read_chunk(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_FIELD:
            raise web.HTTPRequestEntityTooLarge(MAX_FIELD, len(content))
    return content.decode("utf-8")


async def _file(part: BodyPartReader, shelf: Shelf) -> Enclosure | None:
    """The file on the shelf; None where none was chosen. Raises NotTaken, ShelfFull, ShelfBroken."""
    head = b""
    while len(head) < SNIFFED_BYTES and (chunk := await part.read_chunk(CHUNK_BYTES)):
        head += chunk
    if not head and not part.filename:
        return None
    name = (part.filename or "")[-10 * LONGEST_NAME :]
    check_size(MediaKind.DOCUMENT, len(head))
    kind, mime = judge(head[:SNIFFED_BYTES], name)
    with await asyncio.to_thread(shelf.begin) as draft:
        await _onto(draft, head, part, kind)
        kept = await asyncio.to_thread(draft.finish)
    return Enclosure(kept.sha256, kept.size, mime, kind, clean_name(name) or _NAMES.get(mime, "file"))


async def _onto(draft: Draft, head: bytes, part: BodyPartReader, kind: MediaKind) -> None:
    chunk = head
    while chunk:
        check_size(kind, draft.size + len(chunk))
        await asyncio.to_thread(draft.write, chunk)
        chunk = await part.read_chunk(CHUNK_BYTES)
