"""Processes on PostgreSQL that hold the same things: in one order, so that they never wait for each other for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from bot.channel.whatsapp.number import NumberState
from bot.store import outbox, pace, postgres
from bot.store.pace import Candidate
from bot.store.postgres import PostgresDatabase, open_server
from bot.store.step import Statement, Step, T, statements, to_micros, together
from bot.worker.limits import Limits
from tests.postgres_server import Server

from .ground import HOUR, NOW, NUMBER, claim, draft, message, person, phone, queue, statement, value


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    async with server.fresh() as one:
        yield one


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresDatabase]:
    database = await open_server(address)
    yield database
    await database.close()


@asynccontextmanager
async def touched(address: str, table: str, key: str, which: int | str) -> AsyncIterator[None]:
    """Somebody holds a row for as long as the block lasts."""
    connection = await asyncpg.connect(address)
    try:
        async with connection.transaction():
            await connection.execute(f"select 1 from {table} where {key} = $1 for update", which)
            yield
    finally:
        await connection.close()


def slowly(step: Step[T], after: str) -> Step[T]:
    """The same statements, and a rest behind one of them."""
    try:
        asked = next(step)
        while True:
            rows = yield asked
            if isinstance(asked, Statement) and asked.sql == statements()[after]:
                yield Statement("select pg_sleep(0.3)", {})
            asked = step.send(rows)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # it is the step's


def begins(contact: int) -> Step[pace.Rationed]:
    """A claim of somebody who counts in the day's limit."""
    one = Candidate(1, contact, NUMBER, answer=False, begins=True, expires_at=NOW + HOUR)
    return pace.ration([one], now=NOW, clock=0, heard={}, missed={}, most=lambda _: 8)


def both_limits() -> Step[None]:
    yield from pace.number_told(NUMBER, NOW, per_second=80)
    yield from pace.people_told(1000, NOW)


def slow_then_not_reached(contact: int) -> Step[None]:
    yield from pace.slow_down(NUMBER, 0, timedelta(seconds=1))
    yield from pace.not_reached(contact, 1, NOW)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("words", ["limits", "too fast"])
async def test_what_the_platform_says_of_numbers_and_a_claim_never_wait_for_each_other(
    store: PostgresDatabase, words: str, known: bool
) -> None:
    lola = await person(store, phone())
    if known:
        await store.run(both_limits())
    told = slowly(both_limits(), "pace.number_told") if words == "limits" else slowly(slow_then_not_reached(lola), "pace.keep_pace")
    async with asyncio.timeout(10):
        await asyncio.gather(store.run(slowly(begins(lola), "pace.portfolio")), store.run(told))


async def test_whoever_goes_on_with_the_day_does_not_wait_for_a_message_that_somebody_touches(
    store: PostgresDatabase, address: str
) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(2)]
    for who in people:
        await queue(store, draft(who, f"m{who}"))
    later = to_micros(NOW + HOUR)
    await store.run(statement("update outbox set why = 'daily_limit', not_before = :later", later=later))
    async with touched(address, "outbox", "key", f"m{people[0]}"), asyncio.timeout(5):
        await store.run(pace.people_told(1000, NOW))
        assert await value(store, "select key from outbox where not_before = :now", now=to_micros(NOW)) == f"m{people[1]}"


async def test_a_claim_does_not_wait_for_somebody_who_counts_no_more_and_is_touched(store: PostgresDatabase, address: str) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(3)]
    for who in people[:2]:
        await store.run(begins(who))

    def tomorrow() -> Step[pace.Rationed]:
        one = Candidate(2, people[2], NUMBER, answer=False, begins=True, expires_at=NOW + 3 * pace.DAY)
        return pace.ration([one], now=NOW + 2 * pace.DAY, clock=0, heard={}, missed={}, most=lambda _: 8)

    async with touched(address, "reached", "contact", people[0]), asyncio.timeout(5):
        await store.run(tomorrow())
    assert await value(store, "select reached from portfolio") == await value(store, "select count(*) from reached") == 2


async def test_what_a_dead_process_left_is_settled_without_waiting_for_what_somebody_touches(store: PostgresDatabase, address: str) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(2)]
    for who in people:
        await queue(store, draft(who, f"m{who}"))
    dead = await open_server(address)
    await claim(dead)
    await dead.close()
    async with touched(address, "outbox", "key", f"m{people[0]}"), asyncio.timeout(5):
        assert await store.run(outbox.orphans(store.epoch, NOW)) == 1
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 1
    assert [(await message(store, f"m{who}")).state for who in people] == ["unknown", "unknown"]


async def test_many_hear_of_numbers_side_by_side(store: PostgresDatabase, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "bot.store.postgres")
    await store.run(together([lambda n=n: pace.number_told(f"{n}", NOW) for n in range(5)]))  # type: ignore[misc]  # the default is its type
    assert await value(store, "select count(*) from sending_number") == 5
    assert "one after the other" not in caplog.text


# ---- what Meta says of our numbers


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for others."""
    monkeypatch.setitem(postgres._SETTINGS, "lock_timeout", "100ms")


@pytest.mark.usefixtures("impatient")
async def test_what_cannot_be_kept_of_one_number_keeps_no_other_from_being_asked(address: str) -> None:
    store = await open_server(address)
    for number in ("1", "2", "3"):
        await store.run(pace.number_told(number, NOW))

    async def probe(number: str) -> NumberState:
        return NumberState(number, quality="GREEN")

    async with touched(address, "sending_number", "number", "1"):
        await Limits(store, probe, "2", lambda: NOW).ask()
    assert [one.quality for one in (await store.read(pace.standing(NOW))).numbers] == [None, "GREEN", "GREEN"]
    await store.close()
