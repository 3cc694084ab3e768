"""Pictures and papers through the whole house: from a customer's phone to the desk, and from the desk to the phone."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace

from bot.desk import actions
from bot.desk.enclosure import Enclosure
from bot.flow.run import MediaKind
from bot.sandbox.cloud.bubble import Drawing
from bot.store import desk, outbox
from bot.store.desk import Attached, Shelving
from bot.store.shelf import Shelf
from tests.web.everything import PAPER, PICTURE, SILENCE

from .walk import Walk

FETCHED_SECONDS = 15.0  # one look a second, on a machine that is busy with other things


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(FETCHED_SECONDS):
        while not there():  # noqa: ASYNC110 - another task brings it about
            await asyncio.sleep(0.05)


async def files_of(walk: Walk, who: str) -> list[Attached]:
    contact = await walk.contact(who)
    return [line.attached for line in await walk.stage.app.store.read(desk.lines(contact.id)) if line.attached]


async def test_what_a_customer_sends_is_at_the_desk_a_moment_later(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.write("ana", "hola")
    phone, shelf = walk.phone("ana"), Shelf(walk.folder / "comeback.files")
    walk.stage.cloud.receive_file(phone, "image", PICTURE, "image/png", Drawing("Look"), caption="Look")
    walk.stage.cloud.receive_file(phone, "audio", SILENCE, "audio/mpeg", Drawing(""), voice=True)
    walk.stage.cloud.receive_file(phone, "document", PAPER, "application/pdf", Drawing(""), filename="invoice.pdf")
    await walk.rest()
    await until(lambda: walk.count("select count(*) from attachment where state = 'kept'") == 3)
    assert [(one.kind, one.state, one.name, one.voice, one.size) for one in await files_of(walk, "ana")] == [
        (MediaKind.IMAGE, Shelving.KEPT, None, False, len(PICTURE)),
        (MediaKind.AUDIO, Shelving.KEPT, None, True, len(SILENCE)),
        (MediaKind.DOCUMENT, Shelving.KEPT, "invoice.pdf", False, len(PAPER)),
    ]
    assert {name for _, names in shelf.names() for name in names} >= {hashlib.sha256(one).hexdigest() for one in (PICTURE, SILENCE, PAPER)}


async def test_what_staff_send_is_on_the_phone_uploaded_once_and_anew_when_whatsapp_lost_it(walk: Walk) -> None:
    await walk.staff_takes("ana")
    contact, store, shelf = await walk.contact("ana"), walk.stage.app.store, Shelf(walk.folder / "comeback.files")
    kept = shelf.put(PAPER)
    paper = Enclosure(kept.sha256, kept.size, "application/pdf", MediaKind.DOCUMENT, "invoice.pdf")

    async def send(text: str) -> str:
        """Send the paper; WhatsApp's id of the file that is on the phone."""
        walk.new("ana")
        seen = walk.count("select max(id) from message")
        staff = walk.rows("select staff from conversation where staff is not null")[0]["staff"]
        await store.run(actions.answer(f"#{contact.id}", staff, text, walk.now(), seen=seen, enclosed=paper))
        walk.stage.app.crew.wake()
        await walk.rest()
        bubble = walk.phone_of("ana")[-1]
        assert (bubble.drawing.body, bubble.by_customer) == (text, False), walk.rows("select state, why from outbox order by id desc")
        assert bubble.drawing.media is not None
        assert bubble.drawing.media.filename == "invoice.pdf"
        file = walk.stage.cloud.media.get(bubble.drawing.media.id)
        assert file is not None
        assert (file.content, file.mime) == (PAPER, "application/pdf")
        return file.id

    first = await send("Your invoice")
    assert await send("Once more") == first
    await walk.turn(hours=1)
    walk.stage.cloud.media.delete(first)
    again = await send("And again")
    assert again != first
    assert [one.state for one in await files_of(walk, "ana")] == [Shelving.KEPT] * 3


async def test_what_is_too_old_to_be_fetched_is_told_and_a_stopped_number_stops_no_fetching(walk: Walk) -> None:
    await walk.tell_of("ana")
    await walk.write("ana", "hola")
    await walk.stage.app.store.run(outbox.stop_number(walk.stage.cloud.number.id, "the account is locked"))
    walk.stage.cloud.receive_file(walk.phone("ana"), "image", PICTURE, "image/png", Drawing(""))
    await walk.rest()
    await until(lambda: walk.count("select count(*) from attachment where state = 'kept'") == 1)
    (shown,) = await files_of(walk, "ana")
    assert shown == replace(shown, state=Shelving.KEPT, mime="image/png")
