"""Files at the desk without a browser: who gets them, as what, in which pieces; what staff send; what a thread shows of everything."""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from bot.channel import Failure, SendError
from bot.desk.enclosure import LONGEST_NAME, NotTaken, clean_name, judge
from bot.flow.file import MOST_BYTES
from bot.flow.run import Media, MediaKind, Text
from bot.policy.decision import Control
from bot.store import files, outbox
from bot.store.desk import Attached, Shelving
from bot.web.desk_files import KEPT_SECONDS, name_of_file
from tests.channel.depot import JPEG, PAGE, PDF, sha256
from tests.worker.bench import DAY, NUMBER

from .desk import SAME_SITE, Front, Page, Visitor
from .everything import FILM, HOSTILE_NAME, PAPER, PICTURE, SILENCE, STICKER, Sender, everything

OFFICE = "application/vnd.openxmlformats-officedocument"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


async def fetched(visitor: Visitor, path: str, **headers: str) -> tuple[int, bytes, Any]:
    async with visitor.session.get(visitor.url.removesuffix("/desk") + path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.read(), answer.headers


def files_in(page: Page) -> list[str]:
    """The addresses of all files in a thread, in their order."""
    return list(dict.fromkeys(re.findall(r'(?:src|href)="(/desk/\d+/file/[^"]+)"', page.text)))


async def only_file(front: Front, visitor: Visitor, lola: int, kind: str, content: bytes, **more: Any) -> tuple[int, bytes, Any]:
    await Sender(front).sends_file(kind, content, **more)
    (address,) = files_in(await visitor.get(f"/{lola}"))
    return await fetched(visitor, address)


async def answers(
    visitor: Visitor, contact: int, *files: tuple[str, bytes], text: str = "", page: Page | None = None, **changed: Any
) -> Page:
    """Send the form of a conversation as a browser without JavaScript does, with files."""
    page = page or await visitor.get(f"/{contact}")
    form = FormData(default_to_multipart=True)
    for name, value in {**{name: page.field(name) for name in ("token", "page", "seen")}, "text": text, **changed}.items():
        form.add_field(name, value)
    for name, content in files or (("", b""),):
        form.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    url = f"{visitor.url}/{contact}/answer"
    async with visitor.session.post(url, data=form, headers=SAME_SITE, allow_redirects=False) as answer:
        return Page(answer.status, await answer.text(), answer.headers)


# ---- handed out


@pytest.mark.parametrize(
    ("kind", "content", "mime", "inline"),
    [
        ("image", PICTURE, "image/png", True),
        ("image", JPEG, "image/jpeg", True),
        ("sticker", STICKER, "image/webp", True),
        ("audio", SILENCE, "audio/mpeg", True),
        ("video", FILM, "video/mp4", True),
        ("document", PAPER, "application/pdf", False),
        ("document", PICTURE, "application/octet-stream", False),
        ("document", PAGE, "application/octet-stream", False),
        ("document", SVG, "application/octet-stream", False),
        ("document", b"plain words", "application/octet-stream", False),
    ],
)
async def test_a_file_goes_out_under_a_type_of_ours_and_can_run_nothing(
    front: Front, lola: int, kind: str, content: bytes, mime: str, inline: bool
) -> None:
    async with front.visitor("Sam") as visitor:
        status, body, headers = await only_file(front, visitor, lola, kind, content, filename="x.html")
        assert (status, body) == (200, content)
        assert headers["Content-Type"] == mime
        assert headers["Content-Disposition"].partition(";")[0] == ("inline" if inline else "attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == f"private, max-age={KEPT_SECONDS}"


async def test_a_customers_name_for_a_file_is_made_harmless(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        _, _, headers = await only_file(front, visitor, lola, "document", PAGE, filename=HOSTILE_NAME)
        said = headers["Content-Disposition"]
        assert "\n" not in said
        assert "\r" not in said
        assert re.fullmatch(r"attachment; filename=\"[\w .-]+\"; filename\*=UTF-8''[\w.%~-]+", said, re.ASCII), said
        assert "X" not in headers
        page = (await visitor.get(f"/{lola}")).text
        assert "<img src=x" not in page
        assert "\u202e" not in page


@pytest.mark.parametrize(
    ("told", "clean"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Überweisung 2026.pdf", "Überweisung 2026.pdf"),
        ("فاتورة.pdf", "فاتورة.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\lola\\x.doc", "x.doc"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie_ x=1.pdf"),
        ("gnp.\u202efdp", "gnp.fdp"),
        ("a\0b.txt", "ab.txt"),
        ("...", None),
        ("", None),
        (None, None),
        ("  ", None),
        ("x" * 300 + ".pdf", "x" * (LONGEST_NAME - 4) + ".pdf"),
        ("x" * 300, "x" * LONGEST_NAME),
        ('a"b;c.pdf', "a_b;c.pdf"),
        ("\ud800.pdf", "pdf"),
    ],
)
def test_names_of_files(told: str | None, clean: str | None) -> None:
    assert clean_name(told) == clean


def test_a_file_without_a_name_is_called_by_what_it_is() -> None:
    assert name_of_file(Attached(MediaKind.IMAGE, Shelving.KEPT, mime="image/jpeg")) == "picture.jpg"
    assert name_of_file(Attached(MediaKind.DOCUMENT, Shelving.KEPT, mime="x/y")) == "file"


async def test_a_player_gets_the_pieces_it_asks_for(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("video", FILM)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        status, body, headers = await fetched(visitor, address, Range="bytes=0-1")
        assert (status, body, headers["Content-Range"]) == (206, FILM[:2], f"bytes 0-1/{len(FILM)}")
        assert headers["Content-Type"] == "video/mp4"
        assert (await fetched(visitor, address, Range="bytes=100-"))[:2] == (206, FILM[100:])
        assert (await fetched(visitor, address, Range="bytes=-10"))[:2] == (206, FILM[-10:])
        assert (await fetched(visitor, address, Range="bytes=999999-"))[0] == 416
        assert (await fetched(visitor, address))[2]["Accept-Ranges"] == "bytes"
        etag = (await fetched(visitor, address))[2]["ETag"]
        assert (await fetched(visitor, address, **{"If-None-Match": etag}))[0] == 304


async def test_only_who_is_at_the_desk_gets_a_file(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor, front.visitor() as stranger:
        await Sender(front).sends_file("image", PICTURE)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        status, body, headers = await fetched(stranger, address)
        assert (status, headers["Location"]) == (303, "/desk/login")
        assert PICTURE not in body


async def test_a_script_never_takes_a_file_into_a_page(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("document", b'<div id="beside">Type the password once more</div>')
        page = await visitor.get(f"/{lola}")
        (address,) = files_in(page)
        assert re.search(rf'href="{address}" download hx-boost="false"', page.text)  # htmx takes every other link of ours into the page
        status, body, _ = await fetched(visitor, address, **{"HX-Request": "true"})
        assert (status, b"password" in body) == (403, False)


async def test_a_file_of_one_thread_is_not_found_in_another(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("image", PICTURE)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        for other in (
            address.replace(f"/desk/{lola}/", "/desk/999/"),
            address.replace("/in/", "/out/"),
            f"/desk/{lola}/file/in/999999",
            f"/desk/{lola}/file/in/{'9' * 18}",
            f"/desk/{lola}/file/in/..%2f..%2fetc",
        ):
            assert (await fetched(visitor, other))[0] == 404, other


async def test_a_file_that_left_the_shelf_is_not_found(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("image", PICTURE)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        front.shelf.path(sha256(PICTURE)).unlink()
        assert (await fetched(visitor, address))[0] == 404


async def test_a_deleted_picture_says_so_and_is_not_handed_out(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("image", PICTURE)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        now = front.bench.now
        await front.bench.store.run(files.expire(now + DAY, 90, now + 91 * DAY))
        page = await visitor.get(f"/{lola}")
        assert "<b>Picture</b> deleted after 90 days" in page.text
        assert files_in(page) == []
        assert (await fetched(visitor, address))[0] == 404


async def test_a_picture_of_a_message_that_its_writer_deleted_is_gone_for_staff(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        phone = Sender(front)
        name = await phone.sends_file("image", PICTURE)
        (address,) = files_in(await visitor.get(f"/{lola}"))
        await phone.sends("revoke", original_message_id=name)
        page = await visitor.get(f"/{lola}")
        assert "deleted this message" in page.text
        assert files_in(page) == []
        assert (await fetched(visitor, address))[0] == 404


# ---- everything in a thread


async def test_a_thread_shows_everything(front: Front, lola: int) -> None:
    await everything(front)
    async with front.visitor("Sam") as visitor:
        page = (await visitor.get(f"/{lola}")).text
    for words in (
        "Came by the ad Beans on sale.",
        'alt="Picture from +34600111222, opens whole"',
        "👍",
        'aria-label="Voice message from +34600111222"',
        "<audio controls",
        "<video controls",
        "Invoice 2026-11 á é.pdf</b>",
        "<b>Picture</b> not here: too large: WhatsApp takes pictures of up to 5 MB",
        "<b>Picture</b> is being fetched",
        "<b>A place:</b>\nPuerta del Sol",
        "https://www.openstreetmap.org/?mlat=40.416800",
        "Barbara &lt;b&gt;Johnson&lt;/b&gt; +16505559999",
        "2 × p-huila, €12.50 each",
        "Together €37.50",
        "colour: &lt;i&gt;red&lt;/i&gt;",
        '<blockquote class="quoted">',
        "deleted this message",
        "they called us by WhatsApp",
    ):
        assert words in page, words
    assert "something embarrassing" not in page
    foreign = [link for link in re.findall(r'src="([^"]+)"', page) if not link.startswith("/desk/")]
    assert foreign == []


async def test_a_row_changes_in_its_place_when_its_file_has_come(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        await Sender(front).sends_file("image", None)
        before = re.findall(r'<li id="([^"]+)"', (await visitor.get(f"/{lola}")).text)
        (wanted,) = await front.bench.store.run(files.claim(front.bench.now, 5))
        kept = front.shelf.put(PICTURE)
        await front.bench.store.run(files.arrived(wanted, files.File(kept.sha256, kept.size, "image/png")))
        page = await visitor.get(f"/{lola}")
        assert re.findall(r'<li id="([^"]+)"', page.text) == before
        assert len(files_in(page)) == 1
        rows = re.findall(r"<li id=.*?</li>", page.text, re.DOTALL)
        assert len({row.count("data-fate") for row in rows if "line-none" not in row}) == 1  # places match places


# ---- sent by staff


async def test_staff_send_a_picture_with_words_by_a_plain_form(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await answers(visitor, lola, ("beans.png", PICTURE), text="This one?")
        assert page.status == 303, page.text
        assert await front.control() == (Control.HUMAN, "Sam")
        sent = front.bench.channel.sent[-1].content
        assert sent == Text("This one?", media=Media(MediaKind.IMAGE, file=sha256(PICTURE), filename="beans.png"))
        assert front.shelf.sound(sha256(PICTURE))
        shown = await visitor.get(f"/{lola}")
        (address,) = files_in(shown)
        assert "/file/out/" in address
        assert (await fetched(visitor, address))[:2] == (200, PICTURE)


@pytest.mark.parametrize(
    ("name", "content", "kind", "mime"),
    [
        ("x.jpg", JPEG, MediaKind.IMAGE, "image/jpeg"),
        ("no ending", PDF, MediaKind.DOCUMENT, "application/pdf"),
        ("voice.ogg", b"OggS" + bytes(24) + b"OpusHead", MediaKind.AUDIO, "audio/ogg"),
        ("film.mp4", FILM, MediaKind.VIDEO, "video/mp4"),
        ("list.pptx", b"PK\x03\x04" + bytes(40), MediaKind.DOCUMENT, f"{OFFICE}.presentationml.presentation"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), MediaKind.DOCUMENT, "application/vnd.ms-excel"),
        ("notes.txt", "Grüße\n".encode(), MediaKind.DOCUMENT, "text/plain"),
    ],
)
def test_what_whatsapp_takes_is_told_by_its_bytes(name: str, content: bytes, kind: MediaKind, mime: str) -> None:
    assert judge(content, name) == (kind, mime)


@pytest.mark.parametrize("name", ["x.jpg", "x.pdf", "x.html", "x.docx", "x"])
@pytest.mark.parametrize("content", [PAGE, SVG, b"\x7fELF" + bytes(20), b"MZ" + bytes(20), STICKER, b"GIF89a" + bytes(20), b"\0\0\0"])
def test_what_whatsapp_does_not_take_is_refused_whatever_it_is_called(name: str, content: bytes) -> None:
    with pytest.raises(NotTaken, match="Pictures"):
        judge(content, name)


async def test_what_cannot_be_sent_is_told_and_the_words_stay(front: Front, lola: int) -> None:
    large = JPEG + bytes(MOST_BYTES[MediaKind.IMAGE])
    async with front.visitor("Sam") as visitor:
        for file, text, sentence in (
            (("x.jpg", large), "Words", "too large: WhatsApp takes pictures of up to 5 MB"),
            (("x.jpg", PAGE), "Words", "WhatsApp does not take this file"),
            (("x.jpg", b""), "Words", "the file is empty"),
            (("x.mp3", SILENCE), "Words", "WhatsApp sends audio without words"),
            (("x.jpg", JPEG), "w" * 1025, "the words under a file have at most 1024 characters"),
        ):
            page = await answers(visitor, lola, file, text=text)
            assert (page.status, sentence in page.text) == (422, True), (page.status, sentence)
            assert f">{text}</textarea>" in page.text
        assert (await answers(visitor, lola)).status == 422  # neither words nor a file
        assert len([sent for sent in front.bench.channel.sent if sent.content.body == "Words"]) == 0
        assert list((front.shelf.folder / "unfinished").iterdir()) == []


async def test_words_without_a_file_go_as_ever(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        assert (await answers(visitor, lola, text="Just words")).status == 303
        await front.control()
        assert front.bench.channel.sent[-1].content == Text("Just words")


async def test_a_double_click_sends_a_file_once(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        page = await visitor.get(f"/{lola}")
        before = len(front.bench.channel.sent)
        for _ in range(2):
            assert (await answers(visitor, lola, ("x.pdf", PDF), page=page)).status == 303
        await front.control()
        assert len(front.bench.channel.sent) == before + 1


async def test_a_file_of_another_site_is_not_even_kept(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor, front.visitor("Eve") as other:
        for token in ("", "x", (await other.get()).field("token")):
            assert (await answers(visitor, lola, ("x.pdf", PDF), token=token)).status == 403
        form = FormData(default_to_multipart=True)  # the file before the token
        form.add_field("file", io.BytesIO(PDF), filename="x.pdf")
        form.add_field("token", (await visitor.get()).field("token"))
        async with visitor.session.post(f"{visitor.url}/{lola}/answer", data=form, headers=SAME_SITE) as answer:
            assert answer.status == 403
        form = FormData(default_to_multipart=True)
        form.add_field("token", (await visitor.get()).field("token"))
        form.add_field("file", io.BytesIO(PDF), filename="x.pdf")
        async with visitor.session.post(f"{visitor.url}/{lola}/answer", data=form, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
            assert answer.status == 403
        assert [names for _, names in front.shelf.names()] == []


async def test_without_a_session_nothing_is_taken_in(front: Front, lola: int) -> None:
    async with front.visitor() as stranger:
        form = FormData(default_to_multipart=True)
        form.add_field("file", io.BytesIO(PDF), filename="x.pdf")
        url = f"{stranger.url}/{lola}/answer"
        async with stranger.session.post(url, data=form, headers=SAME_SITE, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/desk/login")
        assert list(front.shelf.names()) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data; name=token\r\n\r\nab", b"\xff" * 200, b"--x--\r\n"],
)
async def test_what_only_looks_like_a_form_is_refused(front: Front, lola: int, body: bytes) -> None:
    async with front.visitor("Sam") as visitor:
        headers = {**SAME_SITE, "Content-Type": "multipart/form-data; boundary=x"}
        async with visitor.session.post(f"{visitor.url}/{lola}/answer", data=body, headers=headers) as answer:
            assert 400 <= answer.status < 500, answer.status


async def test_more_than_any_file_may_have_is_not_read(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        (cookie,) = visitor.session.cookie_jar
        host, at = visitor.url.removeprefix("http://").removesuffix("/desk").split(":")
        reader, writer = await asyncio.open_connection(host, int(at))
        head = f"POST /desk/{lola}/answer HTTP/1.1\r\nHost: x\r\nCookie: {cookie.key}={cookie.value}\r\nSec-Fetch-Site: same-origin\r\n"
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {10**12}\r\n\r\n--x\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_on_a_full_disk_staff_are_told(front: Front, lola: int, tmp_path: Path) -> None:
    front.shelf._spare = 2**60
    async with front.visitor("Sam") as visitor:
        page = await answers(visitor, lola, ("x.pdf", PDF), text="Here")
        assert (page.status, "there is no room for files on our disk now" in page.text) == (422, True)
        assert (await answers(visitor, lola, text="Words go")).status == 303


# ---- what nobody knows, and what rests


async def unknown_message(front: Front, visitor: Visitor, lola: int) -> int:
    front.bench.channel.faults = [SendError(Failure.UNKNOWN, "the connection broke")]
    assert (await answers(visitor, lola, text="Did you get this?")).status == 303
    await front.control()
    (row,) = await front.bench.rows("select id from outbox where state = 'unknown'")
    return int(row["id"])


async def test_a_person_decides_that_a_message_arrived(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        message = await unknown_message(front, visitor, lola)
        page = await visitor.get(f"/{lola}")
        assert "nobody knows whether it arrived: the connection broke" in page.text
        assert "It arrived" in page.text
        before = len(front.bench.channel.sent)
        assert (await visitor.act(lola, "arrived", message=str(message))).status == 303
        await front.control()
        page = await visitor.get(f"/{lola}")
        assert "It arrived" not in page.text
        assert len(front.bench.channel.sent) == before
        assert "desk: Sam says that a message arrived of which nobody knew" in await front.bench.notes()


async def test_a_person_has_a_message_sent_again_once(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor:
        message = await unknown_message(front, visitor, lola)
        before = len(front.bench.channel.sent)
        for _ in range(2):
            assert (await visitor.act(lola, "again", message=str(message))).status == 303
            await front.control()
        assert [sent.content.body for sent in front.bench.channel.sent[before:]] == ["Did you get this?"]
        assert await front.bench.rows("select 1 from outbox where state = 'unknown'") == []


async def test_nobody_decides_about_anybody_elses_messages(front: Front, lola: int) -> None:
    async with front.visitor("Sam") as visitor, front.visitor("Eva") as other:
        message = await unknown_message(front, visitor, lola)
        assert (await other.act(lola, "again", message=str(message))).status == 409
        before = len(front.bench.channel.sent)
        for wrong in ("0", "", "-1", "x", "99999999999999999999", str(message + 1)):
            await visitor.act(lola, "again", message=wrong)
        await front.control()
        assert len(front.bench.channel.sent) == before


async def test_a_number_that_rests_says_why_and_what_to_do(front: Front, lola: int) -> None:
    store = front.bench.store
    async with front.visitor("Sam") as visitor:
        assert 'class="notice"' not in (await visitor.get()).text
        await store.run(outbox.stop_number(NUMBER, "the access token is no longer valid: make a new one"))
        for path in ("", f"/{lola}"):
            page = await visitor.get(path)
            assert "<b>Nothing is sent:</b> the access token is no longer valid: make a new one." in page.text
        assert (await visitor.post("/resume", token=page.field("token"))).status == 303
        assert 'class="notice"' not in (await visitor.get()).text

        await store.run(outbox.stop_marketing(NUMBER, "too many people blocked this number"))
        assert "No offers are sent, answers are:</b> too many people blocked this number." in (await visitor.get()).text
        await store.run(outbox.resume_numbers())
        await store.run(outbox.pause_number(NUMBER, front.bench.now + DAY))
        assert "<b>Sending rests</b> until" in (await visitor.get()).text
