"""PostgreSQL is restarted, its line is cut, or it falls silent: whoever asks hears StoreUnavailable, and it heals by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest

from bot.channel import Delivered, Failure, Outgoing, SendError
from bot.store import outbox, postgres, presence
from bot.store.database import StoreUnavailable
from bot.store.postgres import PostgresDatabase, open_server
from bot.store.step import Statement, Step
from bot.web.door import Door
from bot.worker.sender import Sender
from tests.postgres_server import Server
from tests.worker.bench import HOUR, Bench, playbook

from .ground import NOW, claim, draft, person, phone, queue, statement, update, value
from .wire import Wire, wire


@pytest.fixture
async def line(server: Server) -> AsyncIterator[Wire]:
    async with server.fresh() as address, wire(server.socket, _name(address)) as one:
        yield one


@pytest.fixture
async def store(line: Wire) -> AsyncIterator[PostgresDatabase]:
    database = await open_server(line.url)
    yield database
    line.speak()
    await database.close()


@pytest.fixture
async def aside(server: Server, line: Wire) -> AsyncIterator[asyncpg.Connection]:
    """A connection that nothing happens to."""
    connection = await asyncpg.connect(server.url(_name(line.url)))
    yield connection
    await connection.close()


def _name(address: str) -> str:
    return address.rpartition("?")[0].rpartition("/")[2]


async def end_sessions(server: Server, line: Wire) -> None:
    """As a server does that is stopped."""
    ours = "pid <> pg_backend_pid() and datname = current_database()"
    await server.order(f"select pg_terminate_backend(pid) from pg_stat_activity where {ours}", database=_name(line.url))


async def cut_the_line(_: Server, line: Wire) -> None:
    line.cut()


def one_statement() -> Step[None]:
    """It is under way when the connection is lost."""
    yield Statement("select 1", {})
    yield Statement("select pg_sleep(30)", {})


def many_statements() -> Step[None]:
    """The connection is lost in one of them, or between two."""
    for _ in range(100_000):
        yield Statement("select 1", {})


@pytest.mark.parametrize("lose", [end_sessions, cut_the_line])
@pytest.mark.parametrize("step", [one_statement, many_statements])
async def test_whoever_loses_the_connection_in_the_middle_hears_that_the_store_is_unavailable(
    store: PostgresDatabase, server: Server, line: Wire, lose: Any, step: Callable[[], Step[None]]
) -> None:
    asked = [asyncio.create_task(store.run(step())) for _ in range(4)] + [asyncio.create_task(store.read(step())) for _ in range(2)]
    async with asyncio.timeout(10):
        while not all(one.done() for one in asked):
            await asyncio.sleep(0.1)  # some may connect only now
            await lose(server, line)
    heard = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in heard), heard
    assert await store.receive([update("after")], NOW) == 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for as long as in the house."""
    for name in ("COMMAND_SECONDS", "ROLLBACK_SECONDS", "CONNECT_SECONDS"):
        monkeypatch.setattr(postgres, name, 0.5)


@pytest.mark.usefixtures("hasty")
async def test_a_server_that_falls_silent_is_unavailable_and_works_again_when_it_speaks(store: PostgresDatabase, line: Wire) -> None:
    def slow() -> Step[None]:
        yield Statement("select 1", {})
        yield Statement("select pg_sleep(0.3)", {})
        yield Statement("select 1", {})

    await asyncio.gather(*(store.run(slow()) for _ in range(5)))  # all find a connection that is open
    asked: list[asyncio.Task[Any]] = [asyncio.create_task(store.run(slow()))]
    await asyncio.sleep(0.1)
    line.fall_silent()
    asked += [asyncio.create_task(store.run(slow())), asyncio.create_task(store.read(slow()))]
    asked += [asyncio.create_task(store.receive([update("w")], NOW))]
    async with asyncio.timeout(10):
        heard = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in heard), heard
    line.speak()
    await asyncio.sleep(0.1)
    await store.receive([update("w")], NOW)
    assert await value(store, "select count(*) from inbox") == 1


async def test_a_store_that_lost_its_connections_closes(store: PostgresDatabase, line: Wire) -> None:
    asked = [asyncio.create_task(store.run(many_statements())) for _ in range(4)]
    await asyncio.sleep(0.1)
    line.cut()
    async with asyncio.timeout(10):
        await store.close()
    await asyncio.gather(*asked, return_exceptions=True)
    with pytest.raises(StoreUnavailable):
        await store.read(statement("select 1"))


async def test_a_server_that_is_silent_keeps_no_process_from_ending(
    store: PostgresDatabase, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CLOSE_SECONDS", 0.3)
    await asyncio.gather(*(store.run(statement("select 1")) for _ in range(4)))
    line.fall_silent()
    asked = [asyncio.create_task(store.run(statement("select 1"))), asyncio.create_task(store.receive([update("w")], NOW))]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await store.close()
        heard = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in heard), heard


# ---- whether it can be written


@asynccontextmanager
async def only_reading(server: Server, line: Wire) -> AsyncIterator[None]:
    """As after a failover: the connections are gone, and whoever connects is led to a server that only reads."""
    name = _name(line.url)
    await server.order(f"alter database {name} set default_transaction_read_only = on")
    line.cut()
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        await server.order(f"alter database {name} reset default_transaction_read_only")


async def test_health_is_red_while_the_server_only_reads_and_green_once_it_writes(
    store: PostgresDatabase, server: Server, line: Wire
) -> None:
    door = Door(store, lambda: NOW, ("a secret",), "a token", {}, lambda: None)

    async def health() -> int:
        return (await door.health(None)).status  # type: ignore[arg-type]  # it looks at no request

    async with only_reading(server, line):
        with pytest.raises(StoreUnavailable):
            await store.receive([update("w")], NOW)
        assert await health() == 503
        with pytest.raises(StoreUnavailable):
            await store.run(statement("select 1"))
        assert await value(store, "select 1") == 1
        assert await health() == 503, "that it can be read proves nothing"
        with pytest.raises(StoreUnavailable):
            await store.run(statement("update meta set name = name"))
        assert await health() == 503
    with suppress(StoreUnavailable):
        await store.receive([update("w")], NOW)  # a connection that was made meanwhile only reads for good: it is not used again
    await store.run(statement("select 1"))
    assert await health() == 200
    assert await store.receive([update("later")], NOW) == 1


async def test_what_is_a_steps_own_fault_or_others_doing_says_nothing_of_the_server(
    store: PostgresDatabase, aside: asyncpg.Connection
) -> None:
    def impatient() -> Step[None]:
        yield Statement("set local lock_timeout = '50ms'", {})
        yield Statement("select 1 from meta for update", {})

    with pytest.raises(asyncpg.UndefinedTableError):
        await store.run(statement("insert into nowhere values (1)"))
    async with aside.transaction():
        await aside.execute("select 1 from meta for update")
        with pytest.raises(StoreUnavailable):
            await store.run(impatient())
    assert store.failing is None


async def test_a_process_that_stood_still_in_a_transaction_for_too_long_may_try_again(store: PostgresDatabase) -> None:
    def stands_still() -> Step[None]:
        yield Statement("set local idle_in_transaction_session_timeout = '50ms'", {})
        time.sleep(0.2)  # as a machine that is suspended
        yield Statement("select 1", {})

    with pytest.raises(StoreUnavailable):
        await store.run(stands_still())


# ---- a process among its peers


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearts beat faster."""
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)


async def alive(aside: asyncpg.Connection, store: PostgresDatabase) -> int | None:
    """Which session of the server has the lock of this process."""
    return await aside.fetchval(  # type: ignore[no-any-return]  # it ships no types
        "select pid from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2 and granted", presence.LIVES, store.epoch
    )


async def lives_anew(aside: asyncpg.Connection, store: PostgresDatabase, before: int | None) -> None:
    """Until another session than before has the lock."""
    async with asyncio.timeout(5):
        while True:
            if await alive(aside, store) not in (None, before):
                return
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("restless")
async def test_a_process_hears_news_again_and_holds_its_lock_again_after_its_line_broke_unheard(
    store: PostgresDatabase, line: Wire, aside: asyncpg.Connection
) -> None:
    heard = asyncio.Event()
    store.listen(heard.set)
    dead = await alive(aside, store)
    line.forget()
    async with asyncio.timeout(5):
        while not heard.is_set():
            await aside.execute(f"notify {presence.NEWS}")
            await asyncio.sleep(0.02)
    assert await alive(aside, store) == dead, "the server thinks it lives"
    await aside.execute("select pg_terminate_backend($1)", dead)
    await lives_anew(aside, store, dead)


@pytest.mark.usefixtures("restless")
async def test_a_process_whose_heartbeats_hang_keeps_its_lock_until_one_is_heard(
    monkeypatch: pytest.MonkeyPatch, server: Server, line: Wire, aside: asyncpg.Connection
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_SECONDS", 0.2)
    store = await open_server(line.url)
    first = await alive(aside, store)
    async with aside.transaction():
        await aside.execute("lock table process in share mode")
        for _ in range(40):
            assert await alive(aside, store) == first
            await asyncio.sleep(0.02)
        silent_since = await aside.fetchval("select beat_at from process where epoch = $1", store.epoch)
    await lives_anew(aside, store, first)
    assert await aside.fetchval("select beat_at from process where epoch = $1", store.epoch) > silent_since
    await store.close()


@pytest.mark.usefixtures("restless")
async def test_who_comes_back_first_after_the_server_was_away_gives_nobody_up_who_is_on_the_way(
    store: PostgresDatabase, server: Server, line: Wire, aside: asyncpg.Connection
) -> None:
    async with wire(server.socket, _name(line.url)) as other:
        peer = await open_server(other.url)
        contact = await person(peer, phone())
        await queue(peer, draft(contact, "m"))
        assert await claim(peer) == ["m"]
        first = await alive(aside, store)
        other.fall_silent()
        other.cut()
        line.cut()
        await aside.execute("update process set beat_at = beat_at - interval '1 minute'")  # so long the server was away
        store._presence._heard_at = await aside.fetchval("select beat_at from process where epoch = $1", store.epoch)
        await lives_anew(aside, store, first)
        assert await store.run(outbox.orphans(store.epoch, NOW)) == 0
        await aside.execute("update process set beat_at = beat_at - interval '11 seconds' where epoch = $1", peer.epoch)
        assert await store.run(outbox.orphans(store.epoch, NOW)) == 1, "it does not come"
        other.speak()
        await peer.close()


async def test_who_is_not_heard_gives_nobody_up(store: PostgresDatabase, line: Wire, aside: asyncpg.Connection) -> None:
    peer = await open_server(line.url)
    contact = await person(peer, phone())
    await queue(peer, draft(contact, "m"))
    assert await claim(peer) == ["m"]
    for one in (store, peer):
        one._presence._beating.cancel()  # type: ignore[union-attr]  # it was begun
    line.cut()
    await aside.execute("update process set beat_at = beat_at - interval '1 minute'")
    with suppress(StoreUnavailable):
        await store.run(statement("select 1"))
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 0
    await peer.close()


# ---- what is on the wire to customers meanwhile


class Slow:
    """A channel that answers after a tenth of a second; it takes every second message, the others may be tried again."""

    def __init__(self) -> None:
        self.asked = self.taken = 0

    async def deliver(self, _: Outgoing) -> Delivered:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0.1)
        if number % 2:
            raise SendError(Failure.RETRY, "too many requests")
        self.taken += 1
        return Delivered(f"wamid.{number}")


async def test_the_ends_of_messages_are_kept_though_the_server_is_restarted_meanwhile(
    store: PostgresDatabase, server: Server, line: Wire
) -> None:
    bench = Bench(store, playbook())
    for n in range(4):
        await bench.cart(f"k{n}", f"3463300000{n}")
    await bench.work()
    bench.now += HOUR
    await bench.work()
    channel = Slow()
    bench.sender = Sender(store, channel, bench.house, owner="test")
    held = await asyncpg.connect(server.url(_name(line.url)))
    async with held.transaction():
        await bench.sender.send_due(lambda: None)
        await held.execute("lock table outbox in access exclusive mode")  # the ends are surely being kept when the server goes
        await asyncio.sleep(0.3)
        await held.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
    await held.close()
    async with asyncio.timeout(10):
        await bench.sender.finish()
    assert sorted(await bench.states()) == ["queued", "queued", "sent", "sent"]
    assert channel.taken == 2
