"""Files at Meta over real sockets: where the token may go, how much is taken, and what each way of failing means."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.channel import Failure, SendError
from bot.channel.whatsapp import media as media_module
from bot.channel.whatsapp.media import GONE_TRIES, READ_AS_BINARY, Media, Never, NotNow, is_public, trusted
from bot.flow.file import MOST_BYTES
from bot.flow.run import MediaKind
from bot.web import port
from bot.web.listening import Listening

from .depot import JPEG, NUMBER, PDF, TOKEN, Depot, as_told_by_webhooks, depot, sha256

META = URL("https://graph.facebook.com/v24.0")
SANDBOX = URL("http://127.0.0.1:9100/v24.0")


@pytest.fixture
async def meta() -> AsyncIterator[Depot]:
    async with depot() as opened:
        yield opened


@pytest.fixture
async def media(meta: Depot) -> AsyncIterator[Media]:
    opened = Media(TOKEN, meta.api, timeout=2.0)
    yield opened
    await opened.close()


async def downloaded(media: Media, url: str, kind: MediaKind = MediaKind.IMAGE) -> bytes:
    got = bytearray()

    async def write(chunk: bytes) -> None:
        got.extend(chunk)

    await media.download(url, kind, write)
    return bytes(got)


# ---- where the token may go

OTHERS = [
    "http://lookaside.fbsbx.com/a",  # not over https
    "https://lookaside.fbsbx.com:8443/a",
    "https://lookaside.fbsbx.com.evil.example/a",
    "https://evil.example/lookaside.fbsbx.com",
    "https://evil.example#lookaside.fbsbx.com",
    "https://evil.example?lookaside.fbsbx.com",
    "https://lookaside.fbsbx.com@evil.example/a",
    "https://user:pass@lookaside.fbsbx.com/a",
    "https://user@lookaside.fbsbx.com/a",
    "https://evil.example\\@lookaside.fbsbx.com/a",
    "https://evil.example\\.fbcdn.net/a",
    "https://lookaside.fbsbx.com\t@evil.example/a",
    "https://lookaside.fbsbx.com\n/a",
    "https://lookaside\u3002fbsbx\u3002com/a",  # full stops of another script
    "https://\u2113ookaside.fbsbx.com/a",  # a letter that looks like an l
    "https://lookaside.fbsbx.com%00.evil.example/a",
    "https://lookaside.fbsbx.com%2eevil.example/a",
    "https://fbcdn.net/a",
    "https://evilfbcdn.net/a",
    "https://scontent.fbcdn.net.evil.example/a",
    "https://127.0.0.1/a",
    "https://2130706433/a",
    "https://0x7f000001/a",
    "https://[::1]/a",
    "https://[::ffff:169.254.169.254]/a",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost/a",
    "https://graph.facebook.com.evil.example/a",
    "http://graph.facebook.com/a",
    "//lookaside.fbsbx.com/a",
    "/a",
    "file:///etc/passwd",
    "ftp://lookaside.fbsbx.com/a",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "https://",
    "https:///a",
    "",
    " https://lookaside.fbsbx.com/a",
    "https://lookaside.fbsbx.com:abc/a",
    "https://lookaside.fbsbx.com:99999/a",
    "https://[lookaside.fbsbx.com]/a",
]


@pytest.mark.parametrize("address", OTHERS)
def test_the_token_goes_to_nobody_else(address: str) -> None:
    with pytest.raises(Never, match="not WhatsApp's"):
        trusted(address, META)


@pytest.mark.parametrize(
    "address",
    [
        "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=A-b_c",
        "https://LOOKASIDE.fbsbx.com/a",
        "https://scontent.xx.fbcdn.net/v/t45.1.jpg",
        "https://mmg.whatsapp.net/d/f/a.enc",
        "https://graph.facebook.com/v24.0/1",
        "https://lookaside.fbsbx.com:443/a",
    ],
)
def test_the_token_goes_to_metas_hosts(address: str) -> None:
    assert trusted(address, META).scheme == "https"


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("http://127.0.0.1:9100/whatsapp_business/attachments/?mid=1", True),
        ("http://127.0.0.1:9101/a", False),
        ("https://127.0.0.1:9100/a", False),
        ("http://127.0.0.1/a", False),
        ("http://localhost:9100/a", False),
        ("http://user@127.0.0.1:9100/a", False),
    ],
)
def test_the_configured_api_is_trusted_by_its_whole_origin(address: str, may: bool) -> None:
    if may:
        assert trusted(address, SANDBOX)
    else:
        with pytest.raises(Never):
            trusted(address, SANDBOX)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("157.240.1.1", True),
        ("2a03:2880:f00c::1", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::9df0:101", True),  # a public address behind a translator
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_out_in_the_world(address: str, public: bool) -> None:
    assert is_public(address) is public


class Liar(AbstractResolver):
    """Says that every name is at an address."""

    def __init__(self, *addresses: str, at: int = 0) -> None:
        self.addresses, self.at = addresses, at

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        return [
            {"hostname": host, "host": one, "port": self.at or port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in self.addresses
        ]

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
async def counted() -> AsyncIterator[tuple[int, list[None]]]:
    """A port of this machine, and how often somebody connected to it."""
    came: list[None] = []

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(None)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], came
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("157.240.1.1", "127.0.0.1"), ("127.0.0.1", "157.240.1.1")])
async def test_a_name_of_metas_that_leads_to_a_private_address_is_not_followed(
    counted: tuple[int, list[None]], addresses: tuple[str, ...]
) -> None:
    at, came = counted
    media = Media(TOKEN, "https://graph.facebook.com/v24.0", resolver=Liar(*addresses, at=at))
    with pytest.raises(NotNow):
        await downloaded(media, "https://lookaside.fbsbx.com/a")
    await media.close()
    assert came == []


async def test_only_the_configured_api_may_be_at_a_private_address(counted: tuple[int, list[None]]) -> None:
    at, came = counted
    media = Media(TOKEN, "https://meta.sandbox.example/v24.0", resolver=Liar("127.0.0.1", at=at))
    with pytest.raises(NotNow):  # it is no Meta, but it was asked
        await downloaded(media, "https://meta.sandbox.example/a")
    await media.close()
    assert came == [None]


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[str, list[str]]]:
    """Another server of this machine, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=JPEG)

    app, listening = web.Application(), Listening()
    app.router.add_get("/{all:.*}", answer)
    yield await listening.on_port(app, port.take("127.0.0.1", 0)), asked
    await listening.close()


def to(location: str) -> Any:
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    return redirect


async def test_a_redirect_to_somebody_else_is_not_followed(meta: Depot, media: Media, elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    places = (url, "http://169.254.169.254/latest/", "http://127.0.0.1:1/", "https://evil.example/", "http://[::1]:80/", "//evil.example/")
    for place in places:
        meta.serve["1"] = to(place)
        with pytest.raises(Never):
            await downloaded(media, f"{meta.url}/cdn/1")
    assert asked == []


async def test_an_address_elsewhere_is_not_even_asked(meta: Depot, media: Media, elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    with pytest.raises(Never):
        await downloaded(media, f"{url}/secret")
    assert asked == []


async def test_a_redirect_within_meta_is_followed_a_few_times(meta: Depot, media: Media) -> None:
    meta.put("2", JPEG)
    meta.serve["1"] = to("/cdn/2")
    assert await downloaded(media, f"{meta.url}/cdn/1") == JPEG
    meta.serve["3"] = to("/cdn/3")
    with pytest.raises(NotNow):
        await downloaded(media, f"{meta.url}/cdn/3")
    assert len([one for one in meta.asked if one[0] == "/cdn/3"]) == media_module.MAX_REDIRECTS + 1


# ---- how much is taken


def of_length(told: int | None, real: int) -> Any:
    """A file that tells one length and has another, on a bare connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        length = f"Content-Length: {told}\r\n" if told is not None else ""
        request.transport.write(f"HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n".encode())
        sent = 0
        while sent < real and not request.transport.is_closing():
            request.transport.write(JPEG + bytes(65536 - len(JPEG)))
            sent += 65536
            await asyncio.sleep(0)
        request.transport.close()
        return web.Response()

    return answer


MOST = int(MOST_BYTES[MediaKind.IMAGE] * READ_AS_BINARY)


@pytest.mark.parametrize("told", [MOST + 1, 10**18], ids=["over", "absurd"])
async def test_what_says_it_is_too_large_is_not_read(meta: Depot, media: Media, told: int) -> None:
    meta.serve["1"] = of_length(told, 65536)
    with pytest.raises(Never, match=r"^too large: WhatsApp takes pictures of up to 5 MB$"):
        await downloaded(media, f"{meta.url}/cdn/1")


async def test_what_is_larger_than_it_says_is_cut_off(meta: Depot, media: Media) -> None:
    meta.serve["1"] = of_length(None, 10 * MOST)
    got = 0

    async def write(chunk: bytes) -> None:
        nonlocal got
        got += len(chunk)

    with pytest.raises(Never, match="too large"):
        await media.download(f"{meta.url}/cdn/1", MediaKind.IMAGE, write)
    assert got <= MOST


async def test_a_file_as_large_as_may_be_is_taken(meta: Depot, media: Media) -> None:
    content = JPEG + bytes(MOST_BYTES[MediaKind.IMAGE] - len(JPEG))
    assert await downloaded(media, f"{meta.url}/cdn/{meta.put('1', content)}") == content


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (MediaKind.VIDEO, "videos of up to 16 MB"),
        (MediaKind.AUDIO, "audio of up to 16 MB"),
        (MediaKind.DOCUMENT, "documents of up to 100 MB"),
        (MediaKind.STICKER, "stickers of up to 500 kB"),
    ],
)
def test_each_kind_has_its_limit(kind: MediaKind, sentence: str) -> None:
    assert media_module.too_large(kind).endswith(sentence)


async def test_a_file_that_is_cut_or_dries_up_may_be_had_later(meta: Depot, media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    meta.serve["1"] = of_length(200_000, 65536)
    with pytest.raises(NotNow):
        await downloaded(media, f"{meta.url}/cdn/1")

    monkeypatch.setattr(media_module, "SILENCE_SECONDS", 0.2)

    async def silence(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    meta.serve["2"] = silence
    with pytest.raises(NotNow):
        await downloaded(media, f"{meta.url}/cdn/2")


async def test_an_endless_trickle_ends(meta: Depot, media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "DOWNLOAD_SECONDS", 0.5)

    async def trickle(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x")
            await asyncio.sleep(0.05)

    meta.serve["1"] = trickle
    with pytest.raises(NotNow):
        await downloaded(media, f"{meta.url}/cdn/1")


async def test_what_claims_to_be_packed_is_not_unpacked(meta: Depot, media: Media) -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=b"\x1f\x8b not gzip", headers={"Content-Encoding": "gzip"})

    meta.serve["1"] = packed
    assert await downloaded(media, f"{meta.url}/cdn/1") == b"\x1f\x8b not gzip"


# ---- located


async def test_a_file_is_located_and_fetched_with_the_token(meta: Depot, media: Media) -> None:
    located = await media.locate(meta.put("1003383421387256", JPEG), NUMBER)
    assert located.sha256 == sha256(JPEG)
    assert await downloaded(media, located.url) == JPEG
    assert meta.asked == [("/v24.0/1003383421387256", f"Bearer {TOKEN}"), ("/cdn/1003383421387256", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("hostile", ["", "../secrets", "1/../../x", "1?fields=x", "a" * 200, "1 2", "%2e%2e"])
async def test_an_id_that_is_none_is_not_asked_for(meta: Depot, media: Media, hostile: str) -> None:
    with pytest.raises(Never):
        await media.locate(hostile, NUMBER)
    assert meta.asked == []


async def test_what_meta_does_not_have_is_gone_after_a_few_tries(media: Media) -> None:
    with pytest.raises(NotNow, match="gone") as fault:
        await media.locate("77", NUMBER)
    assert fault.value.tries == GONE_TRIES


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, {"code": 190}), (400, {"code": 4}), (403, {"code": 10}), (500, {"code": 131000}), (503, {"code": 2})],
)
async def test_other_troubles_of_meta_or_the_token_lose_nothing(meta: Depot, media: Media, status: int, error: dict[str, Any]) -> None:
    meta.refusal = (status, error)
    with pytest.raises(NotNow) as fault:
        await media.locate(meta.put("1", JPEG), NUMBER)
    assert fault.value.tries is None


async def test_a_meta_that_is_not_there_may_be_there_later() -> None:
    media = Media(TOKEN, "http://127.0.0.1:9/v24.0")
    with pytest.raises(NotNow):
        await media.locate("1", NUMBER)
    with pytest.raises(NotNow):
        await downloaded(media, "http://127.0.0.1:9/cdn/1")
    await media.close()


async def test_an_answer_without_an_address_may_have_one_later(meta: Depot, media: Media) -> None:
    meta.told["url"] = None
    with pytest.raises(NotNow):
        await media.locate(meta.put("1", JPEG), NUMBER)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
async def test_an_address_that_has_run_out_is_looked_up_anew(meta: Depot, media: Media, status: int) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status)

    meta.serve["1"] = refuse
    with pytest.raises(NotNow, match=f"HTTP {status}"):
        await downloaded(media, f"{meta.url}/cdn/1")


async def test_a_hash_is_read_in_either_form(meta: Depot, media: Media) -> None:
    for told, read in ((as_told_by_webhooks(JPEG), sha256(JPEG)), (sha256(JPEG), sha256(JPEG)), ("c2hvcnQ=", None), (7, None)):
        meta.told["sha256"] = told
        assert (await media.locate(meta.put("1", JPEG), NUMBER)).sha256 == read


# ---- ours


async def test_a_file_of_ours_is_uploaded(meta: Depot, media: Media, tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(PDF)
    assert await media.upload(NUMBER, path, "application/pdf") == "up1"
    assert meta.uploads == [
        {"number": NUMBER, "type": "application/pdf", "mime": "application/pdf", "name": "file", "content": PDF, "product": "whatsapp"}
    ]
    assert meta.asked == [(f"/v24.0/{NUMBER}/media", f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("status", "error", "failure"),
    [
        (400, {"code": 100}, Failure.REFUSED),
        (400, {"code": 131051}, Failure.REFUSED),
        (401, {"code": 190}, Failure.RETRY),
        (500, {"code": 131000}, Failure.RETRY),
        (400, {"code": 131000}, Failure.RETRY),
        (429, {}, Failure.RETRY),
        (502, {}, Failure.RETRY),
    ],
)
async def test_a_failed_upload_is_never_a_message_of_which_nobody_knows(
    meta: Depot, media: Media, tmp_path: Path, status: int, error: dict[str, Any], failure: Failure
) -> None:
    (path := tmp_path / "x").write_bytes(PDF)
    meta.refusal = (status, error)
    with pytest.raises(SendError) as fault:
        await media.upload(NUMBER, path, "application/pdf")
    assert fault.value.failure is failure


async def test_an_upload_nobody_answers_is_tried_again(tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(PDF)
    media = Media(TOKEN, "http://127.0.0.1:9/v24.0")
    with pytest.raises(SendError) as fault:
        await media.upload(NUMBER, path, "application/pdf")
    await media.close()
    assert fault.value.failure is Failure.RETRY
