"""WhatsApp's deliveries take the short way in; whatever else comes on a connection goes through aiohttp, and gets the same answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiohttp import web

from bot.web import port
from bot.web.door import WHATSAPP_PATH
from bot.web.doorstep import MAX_BODY, read
from bot.web.listening import Listening

from .front import signed

BODY = json.dumps({"object": "whatsapp_business_account", "entry": []}).encode()


def request(body: bytes = BODY, *more: str, signature: str | None = None, path: str = WHATSAPP_PATH, length: str | None = None) -> bytes:
    """A delivery as Meta sends it, with headers of one's own."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: bot.example",
        "User-Agent: facebookexternalua",
        f"Content-Length: {len(body) if length is None else length}",
        f"X-Hub-Signature-256: {signed(body) if signature is None else signature}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Kept:
    """Stands where the door does: keeps what it is given, once it may."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.may = asyncio.Event()
        self.may.set()
        self.by_aiohttp = 0
        self.refusal: Exception | None = None

    async def delivered(self, body: bytes, signature: str | None, _began: float) -> None:
        await self.may.wait()
        if self.refusal is not None:
            raise self.refusal
        self.bodies.append(body)

    async def through_aiohttp(self, request: web.Request) -> web.Response:
        self.by_aiohttp += 1
        await self.delivered(await request.read(), None, 0.0)
        return web.Response(text="ok")


@asynccontextmanager
async def opened(kept: Kept) -> AsyncIterator[tuple[Listening, int]]:
    app = web.Application()
    app.router.add_post(WHATSAPP_PATH, kept.through_aiohttp)
    app.router.add_get("/health", kept.through_aiohttp)
    listening = Listening()
    url = await listening.on_port(app, port.take("127.0.0.1", 0), kept.delivered)
    try:
        yield listening, int(url.rpartition(":")[2])
    finally:
        await listening.close()


async def said(number: int, *pieces: bytes, answers: int) -> list[bytes]:
    """What comes back on one connection, answer by answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)  # a segment of its own
    heard = []
    async with asyncio.timeout(5):
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            heard.append(head + await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return heard


async def test_a_whole_delivery_takes_the_short_way_and_so_does_the_next_on_its_connection() -> None:
    kept = Kept()
    async with opened(kept) as (_, number):
        answers = await said(number, request(), request(b"{}"), answers=2)
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 2
    assert all(answer.endswith(b"\r\n\r\nok") for answer in answers)
    assert kept.bodies == [BODY, b"{}"]
    assert kept.by_aiohttp == 0


async def test_deliveries_sent_ahead_are_answered_in_their_order() -> None:
    kept = Kept()
    bodies = [b'{"n": %d}' % number for number in range(40)]
    async with opened(kept) as (_, number):
        answers = await said(number, b"".join(map(request, bodies)), answers=40)
    assert len(answers) == 40
    assert kept.bodies == bodies


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([request()[:30], request()[30:]], id="a head in two pieces"),
        pytest.param([request()[:-5], request()[-5:]], id="a body in two pieces"),
        pytest.param([request(length=f"{len(BODY):012}"), b""], id="a length written oddly"),
        pytest.param([request(BODY, "Connection: close")], id="that closes"),
        pytest.param([request(b"x" * (MAX_BODY + 1))], id="that is long"),
    ],
)
async def test_whatever_is_unusual_goes_through_aiohttp(pieces: list[bytes]) -> None:
    kept = Kept()
    async with opened(kept) as (_, number):
        (answer,) = await said(number, *pieces, answers=1)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert (len(kept.bodies), kept.by_aiohttp) == (1, 1)


async def test_a_connection_is_handed_over_after_deliveries_and_goes_on() -> None:
    kept = Kept()
    health = b"GET /health HTTP/1.1\r\nHost: bot.example\r\n\r\n"
    async with opened(kept) as (_, number):
        answers = await said(number, request() + health, request(), answers=3)
    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    assert kept.by_aiohttp == 2


@pytest.mark.parametrize(
    "heard",
    [
        request(BODY, "Transfer-Encoding: chunked"),
        request(BODY, "Content-Length: 3"),
        request(BODY, "X-Hub-Signature-256: sha256=0"),
        request(BODY, "Content-Encoding: gzip"),
        request(BODY, "Expect: 100-continue"),
        request(BODY, "No colon"),
        request(BODY, " folded: line"),
        request(BODY, "Space : before"),
        request(BODY, "Null: \x00"),
        request(BODY, "Bare: a\nb"),
        request(BODY, *(f"X-{number}: 1" for number in range(80))),
        request(length="-1"),
        request(length="+5"),
        request(length=""),
        request(path="/webhooks/whatsapp/"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"\r\n", b"\n"),
        b"",
        b"\r\n" + request(),
    ],
)
def test_nothing_strange_is_read_here(heard: bytes) -> None:
    assert read(heard) is None


def test_a_delivery_is_cut_where_it_ends() -> None:
    found = read(request() + b"POST")
    assert found == (BODY, signed(BODY), b"POST")


async def test_a_refusal_is_told_as_aiohttp_would_tell_it() -> None:
    kept = Kept()
    kept.refusal = web.HTTPServiceUnavailable(text="not kept", headers={"Retry-After": "5"})
    async with opened(kept) as (_, number):
        (answer,) = await said(number, request(), answers=1)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\nnot kept")


async def test_a_fault_of_ours_tells_nobody_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    kept.refusal = ValueError("a secret")
    async with opened(kept) as (_, number):
        (answer,) = await said(number, request(), answers=1)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert "failed" in caplog.text


async def test_a_stop_answers_what_is_being_kept_and_closes_who_is_silent() -> None:
    kept = Kept()
    kept.may.clear()
    async with opened(kept) as (listening, number):
        silent, idle = await asyncio.open_connection("127.0.0.1", number)
        asked = asyncio.create_task(said(number, request(), answers=1))
        for _ in count():
            await asyncio.sleep(0.01)
            if any(caller.answering for doorstep in listening._doorsteps for caller in doorstep.open):
                break
        stopping = asyncio.create_task(listening.close())
        assert await silent.read() == b""
        assert not stopping.done()
        kept.may.set()
        (answer,) = await asked
        await stopping
        idle.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert kept.bodies == [BODY]
