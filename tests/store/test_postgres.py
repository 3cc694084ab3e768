"""Several processes on PostgreSQL: a person is worked on by one at a time, and what a living process sends is its own affair."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from time import monotonic

import asyncpg
import pytest

from bot.flow.run import Discount
from bot.store import contacts, discounts, inbox, outbox, postgres, runs
from bot.store.database import StoreUnavailable, open_database, shown
from bot.store.inbox import Claim
from bot.store.model import STATUS, Identity
from bot.store.postgres import PostgresDatabase, open_server, read_only
from bot.store.step import Statement, Step, attempt, statements, together
from tests.postgres_server import Server

from .ground import NOW, claim, draft, email, message, person, phone, queue, statement, update, value

BATCH = 100


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    async with server.fresh() as one:
        yield one


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresDatabase]:
    database = await open_server(address)
    yield database
    await database.close()


@pytest.fixture
async def peer(address: str) -> AsyncIterator[PostgresDatabase]:
    database = await open_server(address)
    yield database
    await database.close()


@asynccontextmanager
async def elsewhere(address: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction of another process, open for as long as the block lasts."""
    connection = await asyncpg.connect(address)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def claimed(store: PostgresDatabase) -> Claim:
    return await store.run(inbox.claim(NOW, BATCH))


async def bodies(store: PostgresDatabase) -> list[bytes]:
    return [entry.body for entry in (await claimed(store)).entries]


async def take(connection: asyncpg.Connection, most: int = BATCH) -> list[bytes]:
    """What another process claims in its transaction."""
    rows = await connection.fetch("select id, body from claim_entries($1, $2)", 2**60, most)
    return [row["body"] for row in rows if row["id"] is not None]


# ---- the inbox


async def test_each_process_takes_the_entries_of_other_people(store: PostgresDatabase, address: str) -> None:
    for n in range(6):
        await person(store, phone(f"3460000000{n}"))
    for n in range(6):
        await store.receive([update(f"w{n}", phone(f"3460000000{n}"), body=b"%d" % n)], NOW)
    async with elsewhere(address) as other:
        assert await take(other, 2) == [b"0", b"1"]
        found = await claimed(store)
        assert [entry.body for entry in found.entries] == [b"2", b"3", b"4", b"5"]
        assert found.held_elsewhere
    assert not (await claimed(store)).held_elsewhere


async def test_the_later_entries_of_a_person_wait_for_whoever_has_the_earlier(store: PostgresDatabase, address: str) -> None:
    await person(store, phone(), email())
    await store.receive([update("first", phone(), body=b"first")], NOW)
    async with elsewhere(address) as other:
        assert await take(other) == [b"first"]
        await store.receive([update("second", email(), body=b"second")], NOW)
        assert await bodies(store) == []
    assert await bodies(store) == [b"first", b"second"]


async def test_whoever_holds_a_person_is_waited_for_however_many_entries_others_have(store: PostgresDatabase, address: str) -> None:
    lola = await person(store, phone())
    for n in range(150):
        await store.receive([update(f"l{n}", phone(), body=b"lola")], NOW)
    await store.receive([update("pepe", phone("34600999888"), body=b"pepe")], NOW)
    async with elsewhere(address) as other:
        await other.execute("select 1 from contact where id = $1 for no key update", lola)
        assert await bodies(store) == [b"pepe"]


async def test_two_processes_never_make_two_people_of_one_new_name(store: PostgresDatabase, address: str) -> None:
    await store.receive([update("a", phone(), body=b"a")], NOW)
    await store.receive([update("b", phone(), email(), body=b"b")], NOW)
    async with elsewhere(address) as other:
        assert await take(other, 1) == [b"a"]
        assert await bodies(store) == []


async def test_entries_that_hang_together_through_a_third_are_one_persons(store: PostgresDatabase) -> None:
    names = ([phone("1")], [phone("2")], [phone("1"), email("a@example.com")], [email("a@example.com"), phone("2")], [phone("9")])
    for n, carried in enumerate(names):
        await store.receive([update(f"w{n}", *carried)], NOW)
    who = [entry.person for entry in (await claimed(store)).entries]
    assert len(set(who[:4])) == 1
    assert who[4] != who[0]


async def test_names_that_lead_to_nobody_and_those_that_do_are_one_persons(store: PostgresDatabase) -> None:
    await person(store, phone("1"))
    await store.receive([update("a", phone("1"), email("new@example.com"))], NOW)
    await store.receive([update("b", email("new@example.com"))], NOW)
    first, second = (await claimed(store)).entries
    assert first.person == second.person


async def test_an_entry_that_becomes_visible_late_is_worked_off_all_the_same(store: PostgresDatabase, address: str) -> None:
    """Ids commit out of order: whoever remembered the last id seen would lose it."""
    async with elsewhere(address) as other:
        await other.execute("select nextval(pg_get_serial_sequence('inbox', 'id'))")
        low = await other.fetchval("select currval(pg_get_serial_sequence('inbox', 'id'))")
    await store.receive([update("later", phone("2"), body=b"later")], NOW)
    (first,) = (await claimed(store)).entries
    await store.run(inbox.done(first.id, None))
    late = "insert into inbox (id, source, kind, place, body, occurred_at, received_at) values (:id, 'whatsapp', 'x', '', 'late', 0, 0)"
    await store.run(statement(late.replace("'late'", "'late'::bytea"), id=low))
    assert await bodies(store) == [b"late"]


async def test_a_delivery_and_its_repetition_at_two_processes_is_kept_once(store: PostgresDatabase, peer: PostgresDatabase) -> None:
    updates = [update(f"w{n}", phone()) for n in range(50)]
    kept = await asyncio.gather(store.receive(updates, NOW), peer.receive(updates[::-1], NOW), store.receive(updates, NOW))
    assert sum(kept) == 50
    assert await value(store, "select count(*) from inbox") == 50


async def test_deliveries_that_wait_share_a_commit(store: PostgresDatabase) -> None:
    before = await value(store, "select count(distinct xmin::text) from inbox")
    await asyncio.gather(*(store.receive([update(f"w{n}", phone())], NOW) for n in range(300)))
    assert await value(store, "select count(distinct xmin::text) from inbox") - before <= 3


async def test_a_timer_fires_at_one_process(store: PostgresDatabase, peer: PostgresDatabase) -> None:
    lola = await person(store, phone())
    for n in range(50):
        await store.run(inbox.set_timer(NOW, lola, "run", n, 1))
    fired = await asyncio.gather(*(one.run(inbox.fire_timers(NOW, 10)) for one in (store, peer) * 5))
    assert sum(fired) == 50


async def test_a_text_with_the_character_zero_is_kept_without_it(store: PostgresDatabase) -> None:
    lola = await person(store, phone())
    await store.run(contacts.describe(lola, first_name="Lo\0la"))
    assert (await store.run(contacts.load(lola))).first_name == "Lola"
    assert await store.receive([update("a", Identity(phone().kind, "+34\0600"), body=b"\0")], NOW) == 1


# ---- the outbox


async def test_a_person_has_one_message_on_the_wire_across_processes(store: PostgresDatabase, peer: PostgresDatabase) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(4)]
    for who in people:
        await queue(store, draft(who, f"a{who}"), draft(who, f"b{who}"))
    found = await asyncio.gather(*(claim(one) for one in (store, peer) * 4))
    keys = [key for some in found for key in some]
    assert sorted(key[1:] for key in keys) == sorted(map(str, people))


async def test_what_a_living_peer_sends_is_its_own_affair(store: PostgresDatabase, peer: PostgresDatabase) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    assert await claim(peer) == ["m"]
    assert await store.run(outbox.orphans(store.epoch, NOW + 2 * outbox.LEASE)) == 0
    await store.run(statement("update process set beat_at = beat_at - interval '1 minute' where epoch = :epoch", epoch=peer.epoch))
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 0, "it is silent, and yet holds its lock: it lives"
    assert (await message(store, "m")).state == "sending"


async def test_what_a_dead_peer_had_on_the_wire_is_unknown(store: PostgresDatabase, address: str) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    peer = await open_server(address)
    assert await claim(peer) == ["m"]
    assert peer._presence._connection is not None
    peer._presence._beating.cancel()  # type: ignore[union-attr]  # it was begun
    peer._presence._connection.terminate()  # as the system does for a process that is killed
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 0, "it may only have lost its connection"
    await store.run(statement("update process set beat_at = beat_at - interval '11 seconds' where epoch = :epoch", epoch=peer.epoch))
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 1
    assert (await message(store, "m")).state == "unknown"
    await peer.close()


async def test_a_process_that_was_given_up_is_known_again_with_its_next_claim(store: PostgresDatabase, peer: PostgresDatabase) -> None:
    lola = await person(store, phone())
    await store.run(statement("delete from process where epoch = :epoch", epoch=peer.epoch))
    await queue(store, draft(lola, "m"))
    assert await claim(peer) == ["m"]
    assert await store.run(outbox.orphans(store.epoch, NOW)) == 0


async def test_a_message_that_somebody_touches_is_settled_later_and_nobody_waits(store: PostgresDatabase, address: str) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(2)]
    for who in people:
        await queue(store, draft(who, f"m{who}"))
    await claim(store)
    ids = [(await message(store, f"m{who}")).id for who in people]
    taken = [outbox.Taken(one, f"w{one}", held=False) for one in ids]
    async with elsewhere(address) as other:
        await other.execute("update outbox set why = 'read' where id = $1", ids[0])
        assert await store.run(outbox.settle(taken)) == {ids[1]}
    assert await store.run(outbox.settle(taken)) == set(ids)


# ---- an opt-out at one process, a claim at another


async def acknowledged(task: asyncio.Task[int]) -> bool:
    """Whether it is, or will be within a fifth of a second."""
    await asyncio.wait([task], timeout=0.2)
    return task.done()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits to be acknowledged would wait longer than the test."""
    monkeypatch.setattr(postgres, "WRITTEN_TO_SECONDS", 3600.0)


async def soon(task: asyncio.Task[int]) -> int:
    async with asyncio.timeout(60):
        return await task


@pytest.fixture
async def lola(store: PostgresDatabase) -> int:
    return await person(store, phone())


def says_stop(store: PostgresDatabase) -> asyncio.Task[int]:
    return asyncio.create_task(store.receive([update("stop", phone())], NOW))


async def test_an_opt_out_is_acknowledged_after_what_a_peer_had_claimed_is_over(
    store: PostgresDatabase, peer: PostgresDatabase, lola: int
) -> None:
    await queue(store, draft(lola, "m"))
    assert await claim(peer) == ["m"]
    stop = says_stop(store)
    assert not await acknowledged(stop)
    assert await value(store, "select count(*) from inbox") == 1, "it is kept all the same: nothing more is claimed"
    await peer.run(outbox.release((await message(peer, "m")).id, NOW + outbox.LEASE))
    assert await stop == 1
    assert await claim(peer) == []


async def test_an_opt_out_waits_for_a_claim_that_did_not_see_it(store: PostgresDatabase, address: str, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    async with elsewhere(address) as other:
        assert [row["key"] for row in await other.fetch("select key from claim_messages($1, 50)", 2**60)] == ["m"]
        stop = says_stop(store)
        assert not await acknowledged(stop)
        assert await value(store, "select count(*) from inbox") == 1
    assert await stop == 1


async def test_a_repeated_opt_out_waits_as_the_first_did(store: PostgresDatabase, peer: PostgresDatabase, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    await claim(peer)
    first, again = says_stop(store), says_stop(store)
    assert not await acknowledged(again)
    await peer.run(outbox.release((await message(peer, "m")).id, NOW + outbox.LEASE))
    assert {await first, await again} == {0, 1}


async def test_an_opt_out_waits_no_longer_than_a_claim_is_good_for(
    store: PostgresDatabase, peer: PostgresDatabase, lola: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WRITTEN_TO_SECONDS", 0.3)
    await queue(store, draft(lola, "m"))
    await claim(peer)
    began = monotonic()
    assert await says_stop(store) == 1
    assert monotonic() - began >= 0.3


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("marketing", [False, True])
async def test_whoever_is_not_written_to_is_acknowledged_at_once(
    store: PostgresDatabase, peer: PostgresDatabase, lola: int, marketing: bool
) -> None:
    other = await person(store, phone("34600999888"))
    await queue(store, draft(other if marketing else lola, "m", marketing=marketing))
    await claim(peer)
    assert await soon(says_stop(store)) == 1


@pytest.mark.usefixtures("patient")
async def test_word_of_how_far_a_message_got_is_acknowledged_at_once(store: PostgresDatabase, peer: PostgresDatabase, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    await claim(peer)
    assert await soon(asyncio.create_task(store.receive([replace(update("s", phone()), kind=STATUS)], NOW))) == 1


@pytest.mark.usefixtures("patient")
async def test_its_own_claims_need_no_wait_because_the_sender_hears_of_arrivals(store: PostgresDatabase, lola: int) -> None:
    await queue(store, draft(lola, "m"))
    await claim(store)
    seen = store.arrivals.count
    assert await soon(says_stop(store)) == 1
    assert store.arrivals.since(seen, [("phone", "", phone().value)])


# ---- limits hold, whatever the planner thinks


@pytest.fixture
async def awkward(server: Server, address: str) -> AsyncIterator[PostgresDatabase]:
    """A store whose planner asks a subselect again for each row, where it may."""
    name = address.rpartition("?")[0].rpartition("/")[2]
    off = [f"alter database {name} set enable_{way} = off" for way in ("hashjoin", "mergejoin", "material", "hashagg", "sort", "memoize")]
    await server.order(*off)
    store = await open_server(address)
    yield store
    await store.close()
    await server.order(f"alter database {name} reset all")


async def test_due_timers_come_in_turn_whatever_the_plan(awkward: PostgresDatabase) -> None:
    for n in range(25):
        await awkward.run(inbox.set_timer(NOW, 1, "run", n, 1))
    assert [await awkward.run(inbox.fire_timers(NOW, 10)) for _ in range(4)] == [10, 10, 5, 0]


async def test_wanted_codes_are_taken_in_turn_whatever_the_plan(awkward: PostgresDatabase) -> None:
    lola = await person(awkward, phone())
    await awkward.run(runs.keep_revision("r1", "cart_reminder", "{}", NOW))
    run = await awkward.run(runs.create(lola, "1060", "casa", "cart_reminder", "r1", NOW))
    for n in range(25):
        await awkward.run(discounts.want(run, n, lola, "casa", Discount(f"CODE{n}", NOW, Decimal(10)), NOW))
    assert [len(await awkward.run(discounts.wanted(NOW, 10))) for _ in range(4)] == [10, 10, 5, 0]


async def test_entries_and_messages_are_claimed_in_turn_whatever_the_plan(awkward: PostgresDatabase) -> None:
    people = [await person(awkward, phone(f"346000000{n:02}")) for n in range(25)]
    for n, who in enumerate(people):
        await awkward.receive([update(f"w{n}", phone(f"346000000{n:02}"))], NOW)
        await queue(awkward, draft(who, f"m{n}"))
    for size in (10, 10, 5, 0):
        taken = (await awkward.run(inbox.claim(NOW, 10))).entries
        assert len(taken) == size
        for entry in taken:
            await awkward.run(inbox.done(entry.id, None))
    assert [len(await claim(awkward, limit=10)) for _ in range(4)] == [10, 10, 5, 0]


# ---- side by side


async def test_people_worked_on_side_by_side_come_out_as_one_after_the_other(store: PostgresDatabase) -> None:
    def piece(n: int) -> Step[tuple[int, frozenset[str]]]:
        whose = yield from contacts.resolve([phone(f"3460000{n:04}")], NOW, proven=True)
        assert whose is not None
        yield from contacts.add_tag(whose.contact, f"tag {n}", NOW)
        if n % 3 == 0:  # they do not all walk in step
            yield from contacts.add_tag(whose.contact, "third", NOW)
        return n, (yield from contacts.load(whose.contact)).tags

    results = await store.run(together([lambda n=n: piece(n) for n in range(40)]))  # type: ignore[misc]  # the default is its type
    assert results == [(n, frozenset({f"tag {n}", *(["third"] if n % 3 == 0 else [])})) for n in range(40)]


async def test_a_piece_that_fails_undoes_itself_alone(store: PostgresDatabase) -> None:
    people = [await person(store, phone(f"3460000000{n}")) for n in range(3)]

    def piece(contact: int) -> Step[bool]:
        def inner() -> Step[None]:
            yield from contacts.add_tag(contact, "half done", NOW)
            if contact == people[1]:
                yield from statement("insert into nowhere values (1)")

        return isinstance((yield from attempt(inner())), Exception)

    assert await store.run(together([lambda who=who: piece(who) for who in people])) == [False, True, False]  # type: ignore[misc]  # likewise
    tags = [(await store.run(contacts.load(who))).tags for who in people]
    assert tags == [{"half done"}, set(), {"half done"}]


# ---- opening


async def test_processes_that_start_at_once_share_one_schema(server: Server) -> None:
    await server.order("drop database if exists bare with (force)", "create database bare")
    opened = await asyncio.gather(*(open_server(server.url("bare")) for _ in range(3)))
    assert len({one.epoch for one in opened}) == 3
    assert len({one.instance for one in opened}) == 1
    for one in opened:
        await one.close()
    await server.order("drop database bare with (force)")


async def test_a_database_of_another_program_is_left_alone(server: Server) -> None:
    await server.order("drop database if exists theirs with (force)", "create database theirs")
    await server.order("create table recipe (id int)", database="theirs")
    with pytest.raises(StoreUnavailable, match="another program"):
        await open_server(server.url("theirs"))
    await server.order("drop database theirs with (force)")


async def test_a_database_of_a_newer_version_is_refused(address: str, store: PostgresDatabase) -> None:
    await store.run(statement("update meta set value = value || '9999' where name = 'schema'"))
    try:
        with pytest.raises(StoreUnavailable, match="newer"):
            await open_server(address)
    finally:  # other tests go on with this database
        await store.run(statement("update meta set value = replace(value, '9999', '') where name = 'schema'"))


@pytest.mark.parametrize("url", ["postgresql://bot:hunter2@127.0.0.1:1/comeback", "postgresql://bot:hunter2@/comeback?host=/nowhere"])
async def test_a_server_that_is_not_there_is_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await open_database(url)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(StoreUnavailable) as unread:
        await read_only(url, inbox.next_timer())
    assert "hunter2" not in str(unread.value)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("comeback.db", "comeback.db"),
        ("sqlite:////data/comeback.db", "/data/comeback.db"),
        ("postgresql://bot:hunter2@db:5432/comeback?password=hunter2", "postgresql://bot@db:5432/comeback"),
    ],
)
def test_an_address_is_shown_without_its_password(where: str, told: str) -> None:
    assert shown(where) == told


async def test_a_server_that_went_away_is_unavailable_and_works_again_when_it_is_back(store: PostgresDatabase, address: str) -> None:
    async with elsewhere(address) as other:
        await other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )
    outcomes = await asyncio.gather(*(store.receive([update(f"w{n}")], NOW) for n in range(3)), return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable | int) for one in outcomes), outcomes
    assert await store.receive([update("after")], NOW) == 1


async def test_what_is_done_for_many_at_once_takes_what_it_takes_for_one(store: PostgresDatabase) -> None:
    one = statements()
    for name, text in statements("postgres").items():
        if name.endswith("_at_once"):
            alone = postgres._compiled(one[name.removesuffix("_at_once")])[1]
            assert sorted(postgres._compiled(text)[1]) == sorted(alone), name
            await store.run(_asked(Statement(text, {parameter: [] for parameter in alone})))


def _asked(one: Statement) -> Step[None]:
    yield one


def test_both_databases_have_the_same_migrations() -> None:
    folder = resources.files("bot.store") / "migrations"
    numbers = [{file.name for file in where.iterdir() if file.name[0].isdigit()} for where in (folder, folder / "postgres")]
    assert numbers[0] == numbers[1]
