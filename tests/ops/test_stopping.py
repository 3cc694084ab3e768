"""SIGTERM: nothing is lost, nothing is sent again, and it is over in less than ten seconds, whoever hangs at the other end."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import aiohttp
import pytest

from bot.sandbox.cloud.fault import SendFault
from bot.web.desk_socket import socket_path
from tests.crash import house
from tests.crash.house import BotProcess, Surroundings, surroundings
from tests.postgres_server import Server

STOP_SECONDS = 10.0  # what Docker grants between SIGTERM and SIGKILL
LOLA = "+34600111222"
PASSWORD = "four words of staff"


@asynccontextmanager
async def started(around: Surroundings) -> AsyncIterator[BotProcess]:
    """A running bot, which does not outlive its test."""
    bot = around.bot()
    await bot.start()
    try:
        yield bot
    finally:
        if bot.running:
            await bot.kill()


async def stopped(bot: BotProcess) -> float:
    """SIGTERM; how many seconds it took. It must be well."""
    began = monotonic()
    assert await bot.terminate() == 0, bot.log()
    seconds = monotonic() - began
    assert "Traceback" not in bot.log()
    return seconds


async def on_the_wire(around: Surroundings, number: int = 1) -> None:
    """Until WhatsApp has been asked to send that many messages."""
    async with asyncio.timeout(30):
        while len(around.cloud.attempts) < number:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.02)


async def known(around: Surroundings, state: str) -> None:
    """Until every message is in a state."""
    async with asyncio.timeout(30):
        while set(states(around)) != {state}:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


def states(around: Surroundings) -> list[str]:
    return [str(row["state"]) for row in around.rows("select state from outbox")]


@pytest.fixture(params=["sqlite", "postgres"])
async def around(request: pytest.FixtureRequest, tmp_path: Path, full: bool) -> AsyncIterator[Surroundings]:
    """The bot's surroundings, on both databases."""
    async with AsyncExitStack() as stack:
        address = None
        if request.param == "postgres":
            if not full:
                pytest.skip("the nightly tier stops it on PostgreSQL, too")
            server: Server = request.getfixturevalue("server")
            address = await stack.enter_async_context(server.fresh())
        yield await stack.enter_async_context(surroundings(tmp_path, server=address))


async def test_a_platform_that_never_answers_holds_nobody_up_and_its_message_is_settled_by_a_status_and_never_sent_again(
    around: Surroundings,
) -> None:
    around.cloud.introduce(LOLA, "Lola")
    around.cloud.faults.next[SendFault.ACCEPT_THEN_HANG] = 1
    around.cloud.faults.delay = 8.0  # its status comes when the bot is gone
    async with started(around) as bot:
        around.cloud.receive_from(LOLA, "STOP")
        await on_the_wire(around)
        seconds = await stopped(bot)
        print(f"\na stop with a request that is never answered took {seconds:.1f} s")
        assert seconds < STOP_SECONDS
        assert set(states(around)) <= {"unknown", "sending"}
        await bot.start()
        await known(around, "sent")
        await stopped(bot)
    assert len(around.cloud.attempts) == len(around.cloud.accepted) == 1


async def test_what_is_on_the_wire_is_finished_however_often_the_stop_is_asked_for(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "ANSWER_SECONDS", (1.5, 1.5))
    around.cloud.introduce(LOLA, "Lola")
    async with started(around) as bot:
        around.cloud.receive_from(LOLA, "STOP")
        await on_the_wire(around)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            bot.send(number)
            await asyncio.sleep(0.1)
        assert await stopped(bot) < STOP_SECONDS
    assert states(around) == ["sent"]


async def test_a_database_server_that_hangs_holds_nobody_up(tmp_path: Path, server: Server, full: bool) -> None:
    if not full:
        pytest.skip("the nightly tier stops it while its server hangs")
    async with server.fresh() as address, surroundings(tmp_path, server=address) as around, started(around) as bot:
        around.cloud.introduce(LOLA, "Lola")
        backends = [int(row["pid"]) for row in around.rows("select pid from pg_stat_activity where datname = current_database()")]
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            around.cloud.receive_from(LOLA, "STOP")
            await asyncio.sleep(0.5)
            began = monotonic()
            assert await bot.terminate() == 1
            seconds = monotonic() - began
        finally:
            for pid in backends:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        print(f"\na stop with a database server that hangs took {seconds:.1f} s")
        assert seconds < STOP_SECONDS
        assert "the stop takes too long" in bot.log()
        await bot.start()
        await known(around, "sent")  # it was not acknowledged, so it came again
        await stopped(bot)


async def test_ctrl_c_is_a_stop_like_any_other(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around, started(around) as bot:
        bot.send(signal.SIGINT)
        assert await bot.ended() == 0
        assert bot.log() == ""


async def test_pages_that_are_kept_up_to_date_and_bodies_that_trickle_in_hold_nobody_up(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        around.environ["COMEBACK_DESK_PASSWORD"] = PASSWORD
        async with started(around) as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.post(f"{around.url}/desk/login", data={"password": PASSWORD, "staff": "Sam"}) as answer:
                assert answer.status == 200
            streams = [await session.get(f"{around.url}/desk/live") for _ in range(3)]
            for stream in streams:
                assert (await stream.content.readline()).startswith(b"id:")
            desk, silent = await asyncio.open_unix_connection(str(socket_path(around.database)))
            trickle, writer = await _trickling(around)
            seconds = await stopped(bot)
            print(f"\na stop with three streams, a silent desk and a slow body took {seconds:.1f} s")
            assert seconds < STOP_SECONDS
            assert b" 200 " not in await trickle.read()
            assert await desk.read() == b""
            for stream in streams:
                stream.close()
            for each in (writer, silent):
                each.close()
                await each.wait_closed()


async def _trickling(around: Surroundings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A delivery of which only the beginning comes."""
    host, _, port = around.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.2)
    return reader, writer


async def test_a_stop_while_it_starts_is_a_stop(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        for tenths in (3, 5, 7, 9):
            bot = around.bot()
            await bot.spawn()
            async with asyncio.timeout(30):
                while not _listens(around.url):  # noqa: ASYNC110 - it happens in another process
                    await asyncio.sleep(0.01)
            await asyncio.sleep(tenths / 10 - 0.3)
            assert await stopped(bot) < STOP_SECONDS


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as one:
        return one.connect_ex((host, int(port))) == 0
