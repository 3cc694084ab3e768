"""A thread with everything a customer can send, and what staff and the bot sent them."""

import struct
import zlib
from datetime import timedelta
from typing import Any

from bot.store import files
from bot.store.file_type import sniff
from bot.store.files import File
from tests.worker.bench import LOLA, Bench

from .desk import Front


def png(width: int = 320, height: int = 200) -> bytes:
    """A picture with some colours in it."""
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 160)) for x in range(width)) for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png()
SILENCE = (b"\xff\xfb\x90\x00" + bytes(413)) * 80  # two seconds of it, as MPEG audio
FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(2000)
STICKER = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"
PAPER = b"%PDF-1.7\n" + b"words " * 400
PAGE = b"<!doctype html><script>alert(document.domain)</script>"
HOSTILE_NAME = '../../<img src=x onerror=alert(1)>\u202egpj."exe\r\nX: y.html'
META_AD = {"source_type": "ad", "source_id": "1", "source_url": "https://fb.me/x", "headline": "Beans on sale", "ctwa_clid": "Aff"}
PRICE = {"item_price": 12.5, "currency": "EUR"}
PRODUCTS = [{"product_retailer_id": "p-huila", "quantity": 2, **PRICE}, {"product_retailer_id": "p-moka", "quantity": 1, **PRICE}]


class Sender:
    """Lola's phone."""

    def __init__(self, front: Front) -> None:
        self.front, self.count = front, 0

    @property
    def bench(self) -> Bench:
        return self.front.bench

    async def sends(self, kind: str, *, context: str | None = None, referral: Any = None, **part: Any) -> str:
        """One message of a kind; returns its id."""
        self.count += 1
        self.bench.now += timedelta(seconds=1)
        name = f"wamid.kind{self.count}"
        message: dict[str, Any] = {"from": LOLA, "id": name, "timestamp": str(int(self.bench.now.timestamp())), "type": kind}
        message[kind] = part.pop("content", part)
        if context:
            message["context"] = {"id": context}
        if referral:
            message["referral"] = referral
        await self.bench.whatsapp(messages=[message])
        await self.bench.work()
        return name

    async def sends_file(self, kind: str, content: bytes | None, *, why: str | None = None, **part: Any) -> str:
        """A message with a file, which is kept, refused (`why`) or, without both, still to be fetched."""
        name = await self.sends(kind, id=f"10{self.count}", mime_type="x/y", **part)
        if content is not None or why is not None:
            (wanted,) = await self.bench.store.run(files.claim(self.bench.now, 5))
            if content is None:
                await self.bench.store.run(files.refuse(wanted, why or ""))
            else:
                kept = self.front.shelf.put(content)
                await self.bench.store.run(files.arrived(wanted, File(kept.sha256, kept.size, sniff(content))))
        return name


async def everything(front: Front) -> None:
    """Lola sends one of each."""
    phone = Sender(front)
    await phone.sends("text", body="Hi, I saw your ad", referral=META_AD)
    picture = await phone.sends_file("image", PICTURE, caption="Is this the right one?\nhttps://casa.example/p/huila")
    await phone.sends("reaction", message_id=picture, emoji="👍")
    await phone.sends_file("sticker", STICKER)
    await phone.sends_file("audio", SILENCE, voice=True)
    await phone.sends_file("audio", SILENCE)
    await phone.sends_file("video", FILM, caption="A film")
    await phone.sends_file("document", PAPER, filename="Invoice 2026-11 á é.pdf", caption="My invoice")
    await phone.sends_file("document", PAGE, filename=HOSTILE_NAME)
    await phone.sends_file("image", None, why="too large: WhatsApp takes pictures of up to 5 MB")
    await phone.sends("location", latitude=40.4168, longitude=-3.7038, name="Puerta del Sol", address="Madrid")
    card = {"name": {"formatted_name": "Barbara <b>Johnson</b>"}, "phones": [{"phone": "+16505559999"}]}
    await phone.sends("contacts", content=[card])
    await phone.sends("order", catalog_id="194836987003835", product_items=PRODUCTS)
    answer = {"name": "flow", "response_json": '{"size": "M", "colour": "<i>red</i>"}', "body": "Sent"}
    await phone.sends("interactive", content={"type": "nfm_reply", "nfm_reply": answer})
    quoted = await phone.sends("text", body="Does it come in another colour?", context=picture)
    await phone.sends("text", body="a" * 300, context=quoted)
    gone = await phone.sends("text", body="something embarrassing")
    await phone.sends("revoke", original_message_id=gone)
    await phone.sends("unsupported")
    now = str(int(front.bench.now.timestamp()))
    call = {"id": "wacid.1", "from": LOLA, "to": "1", "event": "connect", "direction": "USER_INITIATED", "timestamp": now}
    await front.bench.whatsapp(field="calls", calls=[call])
    await front.bench.work()
    await phone.sends_file("image", None)
