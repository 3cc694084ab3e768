"""The inbox and the timers: kept once, worked off once, dead ones out of the way."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.store import contacts, inbox
from bot.store.arrivals import REMEMBERED, Arrivals
from bot.store.database import Database, open_database
from bot.store.inbox import Entry
from bot.store.model import Source

from .ground import DAY, HOUR, NOW, checkout, claim, draft, email, person, phone, queue, update, value


async def entries(store: Database) -> list[Entry]:
    return await store.run(inbox.waiting(NOW, 100))


async def test_an_update_is_kept_once_however_often_it_comes(store: Database) -> None:
    both = [update("a", phone()), update("b", email())]
    assert await store.receive(both, NOW) == 2
    assert await store.receive([*reversed(both), update("a", phone()), update("c")], NOW + DAY) == 1
    assert await value(store, "select count(*) from inbox") == 3
    assert await value(store, "select count(*) from inbox_name") == 2


async def test_an_update_twice_in_one_delivery_is_kept_once(store: Database) -> None:
    assert await store.receive([update("a", phone()), update("a", phone())], NOW) == 1


async def test_an_update_is_still_known_when_it_was_worked_off_long_ago(store: Database) -> None:
    await store.receive([update("a", phone())], NOW)
    await store.run(inbox.done((await entries(store))[0].id, None))
    assert await store.receive([update("a", phone())], NOW + 30 * DAY) == 0
    assert await entries(store) == []


async def test_an_entry_carries_its_body_its_times_and_every_name(store: Database) -> None:
    names = (phone(), email(), checkout("k1"))
    await store.receive([update("a", *names, body=b'{"a": 1}', at=NOW - HOUR)], NOW)
    (entry,) = await entries(store)
    assert (entry.body, entry.occurred_at, entry.received_at, entry.source) == (b'{"a": 1}', NOW - HOUR, NOW, Source.WHATSAPP)
    assert set(await store.run(inbox.names(entry.id))) == set(names)


async def test_entries_wait_in_the_order_they_came(store: Database) -> None:
    for name in "dacb":
        await store.receive([update(name, body=name.encode())], NOW)
    assert [entry.body for entry in await entries(store)] == [b"d", b"a", b"c", b"b"]


async def test_what_cannot_be_read_is_dead_at_once_and_in_nobodys_way(store: Database) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    await store.receive([update("a", phone(), unreadable="a message without an id")], NOW)
    assert await entries(store) == []
    assert await value(store, "select why from inbox where state = 'dead'") == "a message without an id"
    assert await claim(store) == ["m"]


async def test_a_buried_entry_is_kept_with_its_reason_and_blocks_nobody(store: Database) -> None:
    lola = await person(store, phone())
    await queue(store, draft(lola, "m"))
    await store.receive([update("a", phone())], NOW)
    await store.run(inbox.bury((await entries(store))[0].id, "our fault"))
    assert await value(store, "select state || ': ' || why from inbox") == "dead: our fault"
    assert await claim(store) == ["m"]


async def test_an_entry_tried_again_keeps_its_place_its_count_and_its_names(store: Database) -> None:
    lola = await person(store, phone())
    await store.receive([update("a", phone()), update("b", phone())], NOW)
    first, _ = await entries(store)
    await store.run(inbox.retry(first.id, lola, NOW + HOUR, "ValueError"))
    assert [entry.id for entry in await entries(store)] == [first.id + 1]  # somebody else, for all the inbox knows
    again, _ = await store.run(inbox.waiting(NOW + HOUR, 100))
    assert (again.id, again.attempts, again.retry_at, again.contact) == (first.id, 1, NOW + HOUR, lola)
    assert await store.run(inbox.names(first.id)) == [phone()]


# ---- timers


async def _timer(store: Database, due_in: timedelta, subject: int = 1, generation: int = 1) -> None:
    lola = await person(store, phone())
    await store.run(inbox.set_timer(NOW + due_in, lola, "run", subject, generation))


async def test_a_timer_fires_when_it_is_due_and_once(store: Database) -> None:
    await _timer(store, HOUR)
    assert await store.run(inbox.fire_timers(NOW + HOUR - timedelta(microseconds=1), 10)) == 0
    assert await store.run(inbox.fire_timers(NOW + HOUR, 10)) == 1
    assert await store.run(inbox.fire_timers(NOW + 9 * DAY, 10)) == 0
    (entry,) = await entries(store)
    assert (entry.source, entry.kind) == (Source.CLOCK, "run")


async def test_the_same_timer_set_twice_fires_once(store: Database) -> None:
    await _timer(store, HOUR)
    await _timer(store, HOUR)
    assert await store.run(inbox.fire_timers(NOW + HOUR, 10)) == 1


async def test_timers_survive_a_restart(where: str) -> None:
    first = await open_database(where)
    await _timer(first, HOUR)
    await first.close()
    second = await open_database(where)
    assert await second.run(inbox.next_timer()) == NOW + HOUR
    assert await second.run(inbox.fire_timers(NOW + DAY, 10)) == 1
    await second.close()


async def test_many_due_timers_come_in_turn_the_oldest_first(store: Database) -> None:
    for n in range(25):
        await _timer(store, timedelta(minutes=25 - n), subject=n)
    assert [await store.run(inbox.fire_timers(NOW + DAY, 10)) for _ in range(4)] == [10, 10, 5, 0]
    subjects = [entry.body for entry in await entries(store)]
    assert [f'"subject": {n},'.encode() in body for n, body in zip(range(24, -1, -1), subjects, strict=True)] == [True] * 25


async def test_a_timer_of_a_merged_person_leads_to_who_they_are_now(store: Database) -> None:
    lola = await person(store, phone())
    same = await person(store, email())
    await store.run(inbox.set_timer(NOW, same, "run", 1, 1))
    await person(store, phone(), email())
    await store.run(inbox.fire_timers(NOW, 10))
    (entry,) = await entries(store)
    assert entry.contact is not None
    assert await store.run(contacts.live_id(entry.contact)) == lola


# ---- who was heard of in the last moments


def test_whoever_was_heard_of_after_a_claim_is_known() -> None:
    arrivals = Arrivals()
    arrivals.note([update("a", phone("34600000001"))])
    seen = arrivals.count
    arrivals.note([update("b", phone("34600000002"), email())])
    one, two = (("phone", "", "+34600000001"), ("phone", "", "+34600000002"))
    assert not arrivals.since(seen, [one])
    assert arrivals.since(seen, [one, two])
    assert arrivals.since(seen, [("email", "", "lola@example.com")])
    assert not arrivals.since(arrivals.count, [one, two])
    assert arrivals.since(0, [one])


def test_a_claim_older_than_what_is_remembered_is_asked_again() -> None:
    arrivals = Arrivals()
    seen = arrivals.count
    crowd = [update("many", *(phone(str(34600000000 + n)) for n in range(1000))) for _ in range(1)]
    for _ in range(REMEMBERED // 1000 + 2):
        arrivals.note(crowd)
    assert arrivals.since(seen, [("phone", "", "+1")])
    assert not arrivals.since(arrivals.count, [("phone", "", "+1")])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
def test_arrivals_say_exactly_who_came_after_a_moment(told: list[tuple[int, bool]]) -> None:
    arrivals, after, seen = Arrivals(), set[int](), 0
    for who, mark in told:
        if mark:
            seen, after = arrivals.count, set()
        arrivals.note([update("x", phone(str(34600000000 + who)))])
        after.add(who)
    for who in range(4):
        assert arrivals.since(seen, [("phone", "", f"+{34600000000 + who}")]) is (who in after)
