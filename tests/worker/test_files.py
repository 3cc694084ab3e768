"""Files that customers send and that we send: real servers, real files, a real folder; what is kept, refused, tried again, deleted."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channel import Failure, SendError
from bot.channel.whatsapp.media import GONE_TRIES, Media
from bot.channel.whatsapp.sending import WhatsApp
from bot.flow.run import Media as Shown
from bot.flow.run import MediaKind, TemplateMessage
from bot.policy.decision import Author, Consent
from bot.store import files, outbox
from bot.store.files import ID_LIVES, LEASE, UPLOAD_LIVES, File
from bot.store.outbox import Draft
from bot.store.shelf import Shelf, ShelfFull
from bot.worker import files as worker_files
from bot.worker import sender
from bot.worker.files import MISMATCH_TRIES, ROOM_RETRY, SETTLED, Fetcher, Keeper, Uploads
from bot.worker.sender import Sender
from tests.channel.depot import JPEG, NUMBER, PAGE, PDF, PNG, TOKEN, Depot, as_told_by_webhooks, depot, sha256

from .bench import DAY, HOUR, LOLA, MONDAY, PEPE, Bench

OPUS = b"OggS\x00\x02" + bytes(22) + b"OpusHead" + bytes(50)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(80)
WEBP = b"RIFF\x64\x00\x00\x00WEBPVP8 " + bytes(80)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def meta() -> AsyncIterator[Depot]:
    async with depot() as opened:
        yield opened


@pytest.fixture
async def media(meta: Depot) -> AsyncIterator[Media]:
    opened = Media(TOKEN, meta.api, timeout=2.0)
    yield opened
    await opened.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "files", spare=0)
    made.check()
    return made


class Ticks:
    """Seconds that a look at them makes pass, so that nobody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


@pytest.fixture
def fetcher(bench: Bench, shelf: Shelf, media: Media) -> Fetcher:
    return Fetcher(bench.store, shelf, media, lambda: bench.now, Ticks())


async def sends(bench: Bench, meta: Depot, content: bytes, kind: str = "image", name: str = "1003", **more: Any) -> None:
    """Lola sends a file."""
    meta.put(name, content)
    part = {"id": name, "mime_type": "image/jpeg", "sha256": as_told_by_webhooks(content), **more}
    stamp = str(int(bench.now.timestamp()))
    message = {"from": LOLA, "id": f"wamid.{name}", "timestamp": stamp, "type": kind, kind: part}
    await bench.whatsapp(messages=[message])
    await bench.work()


async def state(bench: Bench, column: str = "state") -> list[Any]:
    return [row[column] for row in await bench.rows(f"select {column} from attachment order by id")]


def on_shelf(shelf: Shelf) -> set[str]:
    return {name for _, names in shelf.names() for name in names}


def unfinished(shelf: Shelf) -> list[Path]:
    return list((shelf.folder / "unfinished").iterdir())


# ---- in


async def test_a_picture_is_fetched_looked_at_and_kept(bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher) -> None:
    await sends(bench, meta, JPEG, filename="../../etc/passwd", caption="Look")
    assert await state(bench) == ["wanted"]
    assert not await fetcher.fetch_wanted()
    assert await state(bench) == ["kept"]
    assert await state(bench, "sha256") == [sha256(JPEG)]
    assert await bench.store.read(files.find(sha256(JPEG))) == File(sha256(JPEG), len(JPEG), "image/jpeg")
    assert shelf.path(sha256(JPEG)).read_bytes() == JPEG
    assert on_shelf(shelf) == {sha256(JPEG)}
    assert unfinished(shelf) == []
    assert oct(shelf.path(sha256(JPEG)).stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("kind", "content", "mime"),
    [
        ("image", PNG, "image/png"),
        ("sticker", WEBP, "image/webp"),
        ("video", MP4, "video/mp4"),
        ("audio", OPUS, "audio/ogg"),
        ("document", PDF, "application/pdf"),
        ("document", PAGE, "application/octet-stream"),  # anything may be sent as a document: it is never shown
        ("document", SVG, "application/octet-stream"),
    ],
)
async def test_each_kind_is_kept_as_what_its_bytes_say(
    bench: Bench, meta: Depot, fetcher: Fetcher, kind: str, content: bytes, mime: str
) -> None:
    await sends(bench, meta, content, kind)
    await fetcher.fetch_wanted()
    found = await bench.store.read(files.find(sha256(content)))
    assert found is not None, await state(bench, "why")
    assert found.mime == mime


@pytest.mark.parametrize(
    ("kind", "content"),
    [("image", PAGE), ("image", SVG), ("image", PDF), ("image", MP4), ("sticker", JPEG), ("video", JPEG), ("audio", PAGE), ("image", b"")],
)
async def test_what_is_not_what_it_said_it_was_is_refused(
    bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher, kind: str, content: bytes
) -> None:
    await sends(bench, meta, content, kind)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["refused"]
    (why,) = await state(bench, "why")
    assert why.startswith("not what it said it was")
    assert on_shelf(shelf) == set()
    assert unfinished(shelf) == []


async def test_bytes_that_are_others_than_whatsapp_told_are_tried_again_then_refused(
    bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher
) -> None:
    await sends(bench, meta, JPEG, sha256=as_told_by_webhooks(PNG))
    for attempt in range(1, MISMATCH_TRIES + 1):
        assert await state(bench) == ["wanted"], attempt
        await fetcher.fetch_wanted()
        bench.now += HOUR
    assert await state(bench) == ["refused"]
    assert on_shelf(shelf) == set()


async def test_a_damaged_transfer_is_made_up_for(bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher) -> None:
    async def damaged(_: web.Request) -> web.Response:
        meta.serve.clear()
        return web.Response(body=JPEG[:-2] + b"??")

    meta.serve["1003"] = damaged
    await sends(bench, meta, JPEG)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["wanted"]
    bench.now += timedelta(seconds=5)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["kept"]
    assert shelf.sound(sha256(JPEG))


async def test_what_is_too_large_is_refused_at_once_with_a_reason_staff_read(
    bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher
) -> None:
    await sends(bench, meta, JPEG + bytes(6_000_000))
    await fetcher.fetch_wanted()
    assert await state(bench, "why") == ["too large: WhatsApp takes pictures of up to 5 MB"]
    assert unfinished(shelf) == []


async def test_a_file_at_an_address_that_is_not_whatsapps_is_refused(bench: Bench, meta: Depot, fetcher: Fetcher) -> None:
    meta.addresses["1003"] = "http://169.254.169.254/latest/meta-data/iam"
    await sends(bench, meta, JPEG)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["refused"]


async def test_a_gone_file_is_given_up_after_a_few_tries_and_everything_when_its_id_is_dead(
    bench: Bench, meta: Depot, fetcher: Fetcher
) -> None:
    await sends(bench, meta, JPEG)
    del meta.files["1003"]
    for _ in range(GONE_TRIES):
        await fetcher.fetch_wanted()
        bench.now += HOUR
    assert await state(bench, "why") == ["gone: WhatsApp does not keep it any more"]

    meta.refusal = (401, {"code": 190})  # a token that is no longer good
    await sends(bench, meta, JPEG, name="1004")
    for _ in range(20):
        await fetcher.fetch_wanted()
        bench.now += HOUR
    assert await state(bench) == ["refused", "wanted"]
    bench.now += ID_LIVES
    await fetcher.fetch_wanted()
    assert await state(bench) == ["refused", "refused"]


async def test_tries_come_ever_later(bench: Bench, meta: Depot, fetcher: Fetcher) -> None:
    meta.refusal = (503, {"code": 2})
    await sends(bench, meta, JPEG)
    waits = []
    for _ in range(7):
        await fetcher.fetch_wanted()
        (row,) = await bench.rows("select retry_at, why from attachment")
        next_try = datetime.fromtimestamp(row["retry_at"] / 1e6, UTC)
        waits.append((next_try - bench.now).total_seconds())
        bench.now = next_try
    assert waits == [5, 20, 80, 320, 1280, 1800, 1800]
    meta.refusal = None
    await fetcher.fetch_wanted()
    assert await state(bench) == ["kept"]


async def test_the_same_picture_twice_is_kept_once(bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher) -> None:
    await sends(bench, meta, JPEG)
    await sends(bench, meta, JPEG, name="1004")
    await fetcher.fetch_wanted()
    assert await state(bench) == ["kept", "kept"]
    assert on_shelf(shelf) == {sha256(JPEG)}
    assert await bench.store.read(files.tally()) == files.Tally(1, len(JPEG), 0, 0)


async def test_the_same_update_twice_wants_its_file_once(bench: Bench, meta: Depot) -> None:
    await sends(bench, meta, JPEG)
    await sends(bench, meta, JPEG)
    assert await state(bench) == ["wanted"]


async def test_several_fetchers_fetch_each_file_once(bench: Bench, meta: Depot, shelf: Shelf, media: Media) -> None:
    for n in range(12):
        await sends(bench, meta, JPEG + bytes([n]), name=f"{n}")
    fetchers = [Fetcher(bench.store, shelf, media, lambda: bench.now, Ticks()) for _ in range(3)]
    for _ in range(4):
        await asyncio.gather(*(one.fetch_wanted() for one in fetchers))
    assert await state(bench) == ["kept"] * 12
    fetched = [path for path, _ in meta.asked if path.startswith("/cdn/")]
    assert len(fetched) == len(set(fetched)) == 12


async def test_there_is_one_look_a_second_while_there_is_nothing(bench: Bench, meta: Depot, shelf: Shelf, media: Media) -> None:
    now = [0.0]
    fetcher = Fetcher(bench.store, shelf, media, lambda: bench.now, lambda: now[0])
    await fetcher.fetch_wanted()
    await sends(bench, meta, JPEG)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["wanted"]
    now[0] += 1.0
    await fetcher.fetch_wanted()
    assert await state(bench) == ["kept"]


async def test_a_stop_leaves_what_is_under_way_to_the_next_process_at_once(
    bench: Bench, meta: Depot, shelf: Shelf, media: Media, fetcher: Fetcher
) -> None:
    begun = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(JPEG[:10])
        begun.set()
        await asyncio.sleep(1)
        return answer

    meta.serve["1003"] = slowly
    await sends(bench, meta, JPEG)
    fetching = asyncio.create_task(fetcher.fetch_wanted())
    await begun.wait()
    fetcher.stop()
    await asyncio.wait_for(fetching, 5)
    assert unfinished(shelf) == []
    assert not await fetcher.fetch_wanted()

    meta.serve.clear()
    await Fetcher(bench.store, shelf, media, lambda: bench.now, Ticks()).fetch_wanted()
    assert await state(bench) == ["kept"]


# ---- crashes and full disks

_VICTIM = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.channel.whatsapp.media import Media
from bot.store.database import open_database
from bot.store.shelf import Shelf
from bot.worker.files import Fetcher

async def main(database, folder, api, now):
    store = await open_database(database)
    shelf = Shelf(Path(folder), spare=0)
    media = Media("the token", api)
    fetcher = Fetcher(store, shelf, media, lambda: datetime.fromtimestamp(float(now), UTC))
    print("ready", flush=True)
    while True:
        await fetcher.fetch_wanted()
        await asyncio.sleep(0.01)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_killed_while_it_fetches_leaves_no_half_file_and_loses_none(
    where: str, tmp_path: Path, meta: Depot, media: Media, full: bool
) -> None:
    from bot.store.database import open_database

    from .bench import playbook

    shelf = Shelf(tmp_path / "files", spare=0)
    shelf.check()
    contents = {f"{n}": JPEG + bytes([n]) * 300_000 for n in range(12)}

    async def in_pieces(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        content = contents[request.match_info["id"]]
        for at in range(0, len(content), 30_000):
            await answer.write(content[at : at + 30_000])
            await asyncio.sleep(0.01)
        return answer

    store = await open_database(where)
    bench = Bench(store, playbook())
    for name, content in contents.items():
        meta.serve[name] = in_pieces
        await sends(bench, meta, content, name=name)
    await store.close()

    halves, now = 0, bench.now
    for kill in range(40 if full else 4):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _VICTIM, where, str(shelf.folder), meta.api, str(now.timestamp()), stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(0.03 + 0.05 * kill % 0.3)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        halves += len(unfinished(shelf))
        assert all(shelf.sound(name) for name in on_shelf(shelf))
        now += LEASE
    assert halves  # it was killed in the middle

    store = await open_database(where)
    bench = Bench(store, playbook())
    bench.now = now
    fetcher = Fetcher(store, shelf, media, lambda: bench.now, Ticks())
    while await fetcher.fetch_wanted():
        pass
    assert await state(bench) == ["kept"] * len(contents)
    assert on_shelf(shelf) == {sha256(content) for content in contents.values()}
    assert all(shelf.sound(name) for name in on_shelf(shelf))
    shelf.sweep_unfinished(datetime.now(UTC) + timedelta(seconds=1))
    assert unfinished(shelf) == []
    await store.close()


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Any:
    """A disk of that size."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_on_a_full_disk_files_wait_and_nothing_else_breaks(bench: Bench, meta: Depot, media: Media, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 512):
        shelf = Shelf(tmp_path / "disk" / "files", spare=0)
        shelf.check()
        fetcher = Fetcher(bench.store, shelf, media, lambda: bench.now, Ticks())
        await sends(bench, meta, JPEG + bytes(1_000_000))
        await fetcher.fetch_wanted()
        assert await state(bench) == ["wanted"]
        assert await state(bench, "attempts") == [0]
        assert await state(bench, "why") == ["our disk has no room for files"]
        assert unfinished(shelf) == []
        await bench.writes("Hello", PEPE)
        assert await bench.go()
        await sends(bench, meta, JPEG, name="1004")  # a small one has room
        await fetcher.fetch_wanted()
        assert await state(bench) == ["wanted", "kept"]
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=8m", str(tmp_path / "disk")], check=True)
        bench.now += ROOM_RETRY
        await fetcher.fetch_wanted()
        assert await state(bench) == ["kept", "kept"]


def test_some_of_the_disk_is_left_to_the_database(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "files", spare=2**60)
    shelf.check()
    with pytest.raises(ShelfFull, match="left to the database"):
        shelf.put(JPEG)
    assert unfinished(shelf) == []


# ---- out


@pytest.fixture
def uploads(bench: Bench, shelf: Shelf, media: Media) -> Uploads:
    return Uploads(bench.store, shelf, media, lambda: bench.now)


async def ours(bench: Bench, shelf: Shelf, content: bytes = PDF, mime: str = "application/pdf") -> str:
    kept = shelf.put(content)
    await bench.store.run(files.keep(File(kept.sha256, kept.size, mime), bench.now))
    return kept.sha256


async def test_a_file_of_ours_is_uploaded_once_a_number_and_used_again_for_29_days(
    bench: Bench, meta: Depot, shelf: Shelf, uploads: Uploads
) -> None:
    file = await ours(bench, shelf)
    assert await asyncio.gather(*(uploads.media_id(file, NUMBER) for _ in range(20))) == ["up1"] * 20
    assert await uploads.media_id(file, "107") == "up2"
    bench.now += UPLOAD_LIVES - HOUR
    assert await uploads.media_id(file, NUMBER) == "up1"
    bench.now += HOUR
    assert await uploads.media_id(file, NUMBER) == "up3"
    assert [one["content"] for one in meta.uploads] == [PDF] * 3
    assert {one["mime"] for one in meta.uploads} == {"application/pdf"}


async def test_a_large_file_goes_on_uploading_after_its_message_was_put_back(
    bench: Bench, meta: Depot, shelf: Shelf, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_files, "WAIT_SECONDS", 0.05)
    meta.slow_upload = 0.3
    file = await ours(bench, shelf)
    for _ in range(2):
        with pytest.raises(SendError, match="still being uploaded") as fault:
            await uploads.media_id(file, NUMBER)
        assert fault.value.failure is Failure.RETRY
    await asyncio.sleep(0.6)
    assert await uploads.media_id(file, NUMBER) == "up1"
    assert len(meta.uploads) == 1


async def test_a_stop_puts_messages_back_that_wait_for_an_upload(bench: Bench, meta: Depot, shelf: Shelf, uploads: Uploads) -> None:
    meta.slow_upload = 1.0
    file = await ours(bench, shelf)
    waiting = asyncio.create_task(uploads.media_id(file, NUMBER))
    await asyncio.sleep(0.2)
    await uploads.stop()
    for each in (waiting, uploads.media_id(file, NUMBER)):
        with pytest.raises(SendError, match="closing") as fault:
            await each
        assert fault.value.failure is Failure.RETRY


async def test_a_file_that_meta_says_is_gone_is_uploaded_anew(bench: Bench, shelf: Shelf, uploads: Uploads) -> None:
    file = await ours(bench, shelf)
    assert await uploads.media_id(file, NUMBER) == "up1"
    await uploads.gone("up1", NUMBER)
    assert await uploads.media_id(file, NUMBER) == "up2"


@pytest.mark.parametrize("file", ["0" * 64, "../../etc/passwd", "", "x" * 64])
async def test_a_file_that_is_not_kept_is_refused(uploads: Uploads, file: str) -> None:
    with pytest.raises(SendError) as fault:
        await uploads.media_id(file, NUMBER)
    assert fault.value.failure is Failure.REFUSED


async def test_a_file_that_was_deleted_is_refused(bench: Bench, shelf: Shelf, uploads: Uploads) -> None:
    file = await ours(bench, shelf)
    await bench.store.run(files.expire(bench.now + DAY, 90, bench.now))
    with pytest.raises(SendError) as fault:
        await uploads.media_id(file, NUMBER)
    assert fault.value.failure is Failure.REFUSED


async def test_an_upload_that_fails_is_not_remembered(bench: Bench, meta: Depot, shelf: Shelf, uploads: Uploads) -> None:
    file = await ours(bench, shelf)
    meta.refusal = (503, {"code": 2})
    with pytest.raises(SendError) as fault:
        await uploads.media_id(file, NUMBER)
    assert fault.value.failure is Failure.RETRY
    meta.refusal = None
    assert await uploads.media_id(file, NUMBER) == "up2"


@pytest.fixture
async def offer(bench: Bench, meta: Depot, shelf: Shelf, uploads: Uploads) -> AsyncIterator[None]:
    """A marketing message whose picture WhatsApp has not got yet waits for Lola, and the real channel is there to send it."""
    await bench.cart()
    await bench.work()
    picture = Shown(MediaKind.IMAGE, file=await ours(bench, shelf, PNG, "image/png"))
    content, until = TemplateMessage("cart_waiting", "es", {}, "as read", header_media=picture), bench.now + DAY
    draft = Draft("offer", await bench.contact(), NUMBER, "", content, Author.FLOW, marketing=True, reply=False, expires_at=until)
    await bench.store.run(outbox.enqueue(draft, bench.now))
    async with aiohttp.ClientSession() as session:
        channel = WhatsApp(session, token=TOKEN, api_url=meta.api, files=uploads)
        bench.sender = Sender(bench.store, channel, bench.house, owner="test")
        yield
        await bench.sender.finish()


@pytest.mark.usefixtures("offer")
async def test_a_stop_that_comes_while_the_picture_of_a_message_is_uploaded_is_heard(bench: Bench, meta: Depot) -> None:
    meta.slow_upload = 0.4
    assert (await bench.sender.send_due(lambda: None)).moved == 1
    while not meta.uploads:  # noqa: ASYNC110 - the server brings it about
        await asyncio.sleep(0.01)
    await bench.writes("STOP")
    await bench.work()
    assert (await bench.person()).consent is Consent.WITHDRAWN
    assert await bench.states() == ["sending", "queued"], "the STOP came too late to show anything"
    await bench.sender.finish()
    await bench.send()
    assert [sent.get("text", {}).get("body", "an offer")[:5] for sent in meta.sent] == ["Done:"]
    assert await bench.states() == ["cancelled", "sent"]


@pytest.mark.usefixtures("offer")
async def test_what_waited_too_long_for_its_picture_is_judged_anew_and_goes_with_it(
    bench: Bench, meta: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer may have acknowledged an opt-out since."""
    monkeypatch.setattr(sender, "START_SECONDS", 0.5)
    meta.slow_upload = 0.8
    await bench.sender.send_due(lambda: None)
    await bench.sender.finish()
    assert (meta.sent, await bench.states()) == ([], ["queued"])
    assert [row["attempts"] for row in await bench.rows("select attempts from outbox")] == [0]
    await bench.send()
    assert (len(meta.uploads), len(meta.sent), await bench.states()) == (1, 1, ["sent"])


# ---- how long


@pytest.fixture
def keeper(bench: Bench, shelf: Shelf) -> Keeper:
    return Keeper(bench.store, shelf, 90, lambda: bench.now)


def grown_old(shelf: Shelf, *names: str) -> None:
    """Let files stand on the shelf for a day, by the disk's clock."""
    then = time.time() - DAY.total_seconds()
    for name in names:
        os.utime(shelf.path(name), (then, then))


async def test_a_file_is_deleted_when_its_days_are_over_and_the_thread_says_so(
    bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher, keeper: Keeper
) -> None:
    await sends(bench, meta, JPEG)
    await fetcher.fetch_wanted()
    grown_old(shelf, sha256(JPEG))
    bench.now = MONDAY + 90 * DAY
    assert await keeper.tidy() == 0
    assert shelf.has(sha256(JPEG))
    bench.now += HOUR
    assert await keeper.tidy() == 1
    assert not shelf.has(sha256(JPEG))
    assert (await state(bench), await state(bench, "why")) == (["expired"], ["deleted after 90 days"])
    assert await keeper.tidy() == 0


async def test_what_two_messages_show_stays_until_the_last_is_over(
    bench: Bench, meta: Depot, shelf: Shelf, fetcher: Fetcher, keeper: Keeper
) -> None:
    await sends(bench, meta, JPEG)
    bench.now += 30 * DAY
    await sends(bench, meta, JPEG, name="1004")
    await fetcher.fetch_wanted()
    grown_old(shelf, sha256(JPEG))
    bench.now = MONDAY + 91 * DAY
    assert await keeper.tidy() == 0
    assert await state(bench) == ["expired", "kept"]
    assert shelf.has(sha256(JPEG))
    bench.now = MONDAY + 121 * DAY
    assert await keeper.tidy() == 1
    assert on_shelf(shelf) == set()


async def test_what_no_message_names_is_swept_unless_it_is_new(bench: Bench, shelf: Shelf, keeper: Keeper) -> None:
    kept = await ours(bench, shelf)
    orphan, newcomer = shelf.put(JPEG).sha256, shelf.put(PNG).sha256
    half = shelf.begin()
    half.write(b"half")
    (left,) = unfinished(shelf)
    then = (datetime.now(UTC) - SETTLED).timestamp() - 1
    os.utime(left, (then, then))
    grown_old(shelf, kept, orphan)
    assert await keeper.tidy() == 2
    assert on_shelf(shelf) == {kept, newcomer}
    assert unfinished(shelf) == []
    half.discard()


async def test_what_comes_again_just_when_it_is_swept_stays(bench: Bench, shelf: Shelf) -> None:
    orphan = shelf.put(JPEG).sha256
    grown_old(shelf, orphan)
    shelf.put(JPEG)  # between the look at the database and the sweep
    assert shelf.sweep(orphan[:2], frozenset(), datetime.now(UTC) - SETTLED) == 0
    assert shelf.sound(orphan)


async def test_a_folder_that_is_gone_stops_nothing(bench: Bench, meta: Depot, tmp_path: Path, media: Media) -> None:
    (tmp_path / "in the way").write_text("a file")
    shelf = Shelf(tmp_path / "in the way" / "files", spare=0)
    fetcher = Fetcher(bench.store, shelf, media, lambda: bench.now, Ticks())
    await sends(bench, meta, JPEG)
    await fetcher.fetch_wanted()
    assert await state(bench) == ["wanted"]
    assert await Keeper(bench.store, shelf, 90, lambda: bench.now).tidy() == 0


