"""Who is who: a person goes by a phone, WhatsApp's digits, a user id, its parent; names are told together, change, and change hands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channel import Delivered, Outgoing
from bot.policy.decision import Consent, Control
from bot.store import contacts, conversations
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind

from .bench import DAY, HOUR, LOLA, MONDAY, NUMBER, PEPE, Bench, RecordingChannel

MINUTE = timedelta(minutes=1)
OLD, NEW, THIRD = "34600000001", "34600000002", "34600000003"
USER, USER_2 = "ES.100", "ES.200"


def bsuid(user: str) -> Identity:
    return Identity(IdentityKind.BSUID, user)


def phone(digits: str) -> Identity:
    return Identity(IdentityKind.PHONE, f"+{digits}")


async def wrote(bench: Bench, text: str, who: str | None = None, user: str | None = None, at: datetime | None = None) -> None:
    """A message with the names that are given."""
    bench._count += 1
    names = {"from": who, "from_user_id": user}
    stamp = str(int((at or bench.now).timestamp()))
    message = {"id": f"wamid.x{bench._count}", "timestamp": stamp, "type": "text", "text": {"body": text}, **names}
    await bench.whatsapp(messages=[{key: value for key, value in message.items() if value is not None}])


async def number_changed(bench: Bench, old: str, new: str, at: datetime | None = None, **more: Any) -> None:
    bench._count += 1
    told = {"body": f"User changed from {old} to {new}", "wa_id": new, "type": "user_changed_number"}
    stamp = str(int((at or bench.now).timestamp()))
    await bench.whatsapp(
        messages=[{"from": old, "id": f"wamid.s{bench._count}", "timestamp": stamp, "type": "system", "system": told, **more}]
    )


async def user_id_changed(bench: Bench, old: str, new: str, digits: str | None = None) -> None:
    told = {"user_id": {"previous": old, "current": new}, "timestamp": int(bench.now.timestamp())}
    await bench.whatsapp("user_id_update", user_id_update=[{**told, **({"wa_id": digits} if digits else {})}])


async def who(bench: Bench, name: Identity) -> int | None:
    return await bench.store.run(contacts.find(name))


async def people(bench: Bench) -> int:
    return len(await bench.rows("select id from contact where merged_into is null"))


async def loaded(bench: Bench, contact: int | None) -> contacts.Contact:
    assert contact is not None
    return await bench.store.run(contacts.load(contact))


# ---- told together


async def test_an_update_with_two_names_makes_one_person_of_two(bench: Bench) -> None:
    await wrote(bench, "hi", who=OLD)
    await wrote(bench, "STOP", user=USER)
    await bench.work()
    assert await people(bench) == 2
    await wrote(bench, "me again", who=OLD, user=USER)
    await bench.work()
    assert await people(bench) == 1
    assert await who(bench, phone(OLD)) == await who(bench, bsuid(USER))
    assert (await loaded(bench, await who(bench, bsuid(USER)))).consent is Consent.WITHDRAWN


async def test_a_parent_id_leads_to_the_person_too(bench: Bench) -> None:
    parent = {"from_parent_user_id": "ES.ENT.7"}
    await bench.whatsapp(messages=[{"id": "wamid.p", "type": "text", "text": {"body": "hi"}, "from_user_id": USER, **parent}])
    await bench.whatsapp(messages=[{"id": "wamid.q", "type": "text", "text": {"body": "hi"}, "from_user_id": USER_2, **parent}])
    await bench.work()
    assert await people(bench) == 1


async def test_a_status_tells_the_user_id_of_a_phone(bench: Bench) -> None:
    await bench.reminded()
    (sent,) = bench.channel.sent
    told = {"id": "wamid.1", "status": "delivered", "timestamp": str(int(bench.now.timestamp())), "recipient_id": LOLA}
    await bench.whatsapp(statuses=[{**told, "recipient_user_id": USER, "biz_opaque_callback_data": sent.key}])
    await bench.work()
    await wrote(bench, "STOP", user=USER)
    await bench.work()
    assert (await bench.person()).consent is Consent.WITHDRAWN


async def test_what_is_queued_open_and_counted_of_both_belongs_to_the_one_they_are(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    await bench.cart("k2", PEPE)
    await bench.go()
    await bench.go(HOUR)
    before = await bench.rows("select count(*) as sent from outbox where marketing = 1 and sent_at is not null")
    assert before[0]["sent"] == 2
    await wrote(bench, "hm", who=LOLA, user=USER)
    await wrote(bench, "hm", who=PEPE, user=USER)
    await bench.work()
    keep = await bench.contact()
    assert keep == await bench.contact(PEPE)
    for table in ("outbox", "run", "checkout", "message", "conversation"):
        owners = {row["contact"] for row in await bench.rows(f"select contact from {table}")}
        assert owners == {keep}, table


async def test_whatever_belongs_to_a_person_follows_them_into_the_one_they_are(bench: Bench) -> None:
    """Each table with a person in it, those of tomorrow included: after a merge no row is left with the one who is gone."""
    if "postgres" in type(bench.store).__module__:
        tables = await bench.rows("select table_name as name from information_schema.columns where column_name = 'contact'")
    else:
        tables = await bench.rows(
            "select m.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and c.name = 'contact'"
        )
    named = {row["name"] for row in tables}
    merged = {*contacts.MERGED_TABLES, *contacts.JOINED_TABLES}
    assert named - merged == {"timer"}  # a timer's old id leads to the person when it fires
    assert merged <= named


# ---- numbers that change


async def test_who_changes_their_number_is_the_same_person_there_and_a_stranger_on_the_old_one_is_not(bench: Bench) -> None:
    await wrote(bench, "hi", who=OLD)
    await wrote(bench, "STOP", who=OLD)
    await bench.go(HOUR)
    person = await who(bench, phone(OLD))
    await number_changed(bench, OLD, NEW)
    await bench.work()
    assert await who(bench, phone(NEW)) == person
    assert await who(bench, phone(OLD)) is None
    bench.now += HOUR
    await wrote(bench, "hello", who=OLD)
    await wrote(bench, "me", who=NEW)
    await bench.work()
    stranger = await who(bench, phone(OLD))
    assert stranger not in (None, person)
    assert (await loaded(bench, person)).consent is Consent.WITHDRAWN
    assert (await loaded(bench, stranger)).consent is Consent.UNKNOWN
    assert (await loaded(bench, person)).phone == f"+{NEW}"


async def test_what_waits_for_somebody_goes_to_their_new_number(bench: Bench) -> None:
    await bench.cart()
    await bench.go()
    await number_changed(bench, LOLA, NEW)
    await bench.go(HOUR)
    assert [sent.to.phone for sent in bench.channel.sent] == [f"+{NEW}"]


async def test_a_number_that_was_anothers_is_taken_over_and_the_other_stays_who_they_are(bench: Bench) -> None:
    await wrote(bench, "STOP", who=NEW, user=USER_2)
    await bench.go(DAY)
    await wrote(bench, "hi", who=OLD, user=USER)
    await bench.go(HOUR)
    await number_changed(bench, OLD, NEW)
    await bench.work()
    person, former = await who(bench, bsuid(USER)), await who(bench, bsuid(USER_2))
    assert person != former
    assert await who(bench, phone(NEW)) == person
    assert (await loaded(bench, person)).consent is Consent.UNKNOWN
    assert (await loaded(bench, former)).phone is None


async def test_a_new_number_that_the_shop_knows_already_is_one_person(bench: Bench) -> None:
    await wrote(bench, "STOP", who=OLD)
    await bench.cart("k1", NEW)
    await bench.go(MINUTE)
    await number_changed(bench, OLD, NEW)
    await bench.work()
    assert await people(bench) == 1
    assert (await bench.person(NEW)).consent is Consent.WITHDRAWN


async def test_who_wrote_from_the_new_number_before_the_move_was_told_is_one_person(bench: Bench) -> None:
    await wrote(bench, "STOP", who=OLD, user=USER)
    await bench.go(DAY)
    moved_at = bench.now
    await wrote(bench, "hola", who=NEW, user=USER_2, at=moved_at + MINUTE)
    bench.now += HOUR
    await bench.work()
    assert await people(bench) == 2
    await number_changed(bench, OLD, NEW, at=moved_at)
    await bench.work()
    assert await people(bench) == 1
    person = await who(bench, bsuid(USER_2))
    assert (await loaded(bench, person)).consent is Consent.WITHDRAWN
    assert (await loaded(bench, person)).phone == f"+{NEW}"


async def test_there_and_back_again(bench: Bench) -> None:
    await wrote(bench, "STOP", who=OLD)
    await bench.go(HOUR)
    await number_changed(bench, OLD, NEW)
    await bench.go(HOUR)
    await number_changed(bench, NEW, OLD)
    await bench.go(HOUR)
    assert await who(bench, phone(NEW)) is None
    assert (await bench.person(OLD)).consent is Consent.WITHDRAWN
    assert await people(bench) == 1


@pytest.mark.parametrize("later", [timedelta(), timedelta(seconds=1)], ids=["the same", "a second later"])
async def test_a_move_told_twice_does_not_take_the_next_owner_along(bench: Bench, later: timedelta) -> None:
    await wrote(bench, "STOP", who=OLD)
    await bench.go(HOUR)
    moved_at = bench.now
    await number_changed(bench, OLD, NEW)
    await bench.go(HOUR)
    await wrote(bench, "I am new here", who=OLD)
    await bench.go(HOUR)
    await number_changed(bench, OLD, NEW, at=moved_at + later)
    await bench.work()
    assert await people(bench) == 2
    assert (await bench.person(OLD)).consent is Consent.UNKNOWN
    assert (await bench.person(NEW)).consent is Consent.WITHDRAWN


MOVES = ((OLD, NEW), (NEW, THIRD))


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0), (0, 0, 1, 1)])
async def test_a_chain_of_moves_ends_at_the_last_number_in_whatever_order_it_is_told(bench: Bench, order: Sequence[int]) -> None:
    await wrote(bench, "STOP", who=OLD)
    await bench.work()
    began = bench.now
    bench.now += DAY
    for which in order:
        await number_changed(bench, *MOVES[which], at=began + HOUR * (which + 1))
        await bench.work()
    await wrote(bench, "here I am", who=THIRD)
    await bench.work()
    assert (await bench.person(THIRD)).consent is Consent.WITHDRAWN
    assert (await bench.person(THIRD)).phone == f"+{THIRD}"
    assert await who(bench, phone(OLD)) is None


async def test_a_message_that_is_delivered_late_does_not_bring_the_old_number_back(bench: Bench) -> None:
    await wrote(bench, "hi", who=OLD, user=USER)
    await bench.go(HOUR)
    await wrote(bench, "hi", who=NEW, user=USER)
    await bench.go(HOUR)
    await wrote(bench, "on my way", who=OLD, user=USER, at=MONDAY - MINUTE)
    await bench.work()
    assert (await bench.person(NEW)).phone == f"+{NEW}"


# ---- user ids that change


@pytest.mark.parametrize("digits", [OLD, None])
async def test_a_user_id_that_changes_leads_to_the_same_person(bench: Bench, digits: str | None) -> None:
    await wrote(bench, "STOP", who=digits, user=USER)
    await bench.go(HOUR)
    await user_id_changed(bench, USER, USER_2, digits)
    await bench.go(HOUR)
    await wrote(bench, "hi", user=USER_2)
    await bench.work()
    assert await people(bench) == 1
    assert await who(bench, bsuid(USER)) is None
    assert (await loaded(bench, await who(bench, bsuid(USER_2)))).consent is Consent.WITHDRAWN


async def test_number_and_user_id_change_together(bench: Bench) -> None:
    await wrote(bench, "STOP", who=OLD, user=USER)
    await bench.go(HOUR)
    told = {"type": "user_changed_user_id", "wa_id": NEW, "user_id": USER_2, "body": "User changed"}
    names = {"from": OLD, "from_user_id": USER}
    await bench.whatsapp(
        messages=[{**names, "id": "wamid.m", "timestamp": str(int(bench.now.timestamp())), "type": "system", "system": told}],
        contacts=[{"user_id": USER_2, "wa_id": NEW}],
    )
    await bench.work()
    person = await loaded(bench, await who(bench, bsuid(USER_2)))
    assert (person.phone, person.bsuid, person.consent) == (f"+{NEW}", USER_2, Consent.WITHDRAWN)
    assert [await who(bench, name) for name in (phone(OLD), bsuid(USER))] == [None, None]


# ---- numbers that are written in two ways

TWO_WAYS = [("5511987654321", "551187654321"), ("5215512345678", "525512345678")]


@pytest.mark.parametrize(("shop", "whatsapp"), [*TWO_WAYS, *((two, one) for one, two in TWO_WAYS)])
async def test_a_number_written_in_two_ways_is_one_person(bench: Bench, shop: str, whatsapp: str) -> None:
    assert line_of(f"+{shop}") == line_of(f"+{whatsapp}") is not None
    await bench.cart("k1", shop)
    await bench.work()
    await wrote(bench, "STOP", who=whatsapp)
    assert await bench.send() == []
    await bench.work()
    assert await people(bench) == 1
    assert (await bench.person(shop)).consent is Consent.WITHDRAWN
    assert await who(bench, phone(shop)) == await who(bench, phone(whatsapp))


async def test_an_unread_stop_in_the_other_form_holds_a_message_back(bench: Bench) -> None:
    shop, whatsapp = TWO_WAYS[0]
    await bench.cart("k1", shop)
    await bench.go()
    bench.now += HOUR
    await bench.work()
    await wrote(bench, "STOP", who=whatsapp)
    assert await bench.send() == []


class Renaming(RecordingChannel):
    """A channel whose answers call the person by other digits."""

    def __init__(self, digits: str) -> None:
        super().__init__()
        self.digits = digits

    async def deliver(self, message: Outgoing) -> Delivered:
        taken = await super().deliver(message)
        return Delivered(taken.id, names=(Identity(IdentityKind.WA_ID, self.digits), phone(self.digits)))


async def test_the_form_that_whatsapp_answers_with_is_written_to_from_then_on(bench: Bench) -> None:
    shop, whatsapp = TWO_WAYS[0]
    bench.channel = bench.sender._channel = Renaming(whatsapp)
    await bench.cart("k1", shop)
    await bench.go()
    assert len(await bench.go(HOUR)) == 1
    assert (await bench.person(shop)).phone == f"+{whatsapp}"


async def test_an_answer_that_names_somebody_else_changes_nobody(bench: Bench) -> None:
    await wrote(bench, "STOP", who=PEPE)
    await bench.work()
    bench.channel = bench.sender._channel = Renaming(PEPE)
    await bench.cart()
    await bench.go()
    assert len(await bench.go(HOUR)) == 1
    assert (await bench.person()).phone == f"+{LOLA}"
    assert await bench.contact() != await bench.contact(PEPE)


@settings(max_examples=300)
@given(st.from_regex(r"\+(55|52|34|1)[0-9]{8,12}", fullmatch=True))
def test_a_line_is_its_own_line(number: str) -> None:
    line = line_of(number)
    assert line is None or line_of(line) == line


@pytest.mark.parametrize(
    "number", ["+551132654321", "+5511187654321", "+5255123456789", "+521551234567", "+34600111222", "+55", "", "5511987654321"]
)
def test_other_numbers_are_written_in_one_way(number: str) -> None:
    assert line_of(number) is None


# ---- nobody is lost, nobody is mixed up, in whatever order things are told

STORY = st.lists(
    st.tuples(st.sampled_from(["write", "move", "rename", "stop"]), st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)), max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(story=STORY)
async def test_an_opt_out_is_never_lost_to_a_move(bench: Bench, story: list[tuple[str, int, int, int]]) -> None:
    """Three people with their own ids, who change numbers among six; whoever said stop stays stopped, wherever they go."""
    base = int((bench.now - MONDAY).total_seconds())
    users = [f"ES.{base}{person}" for person in range(3)]
    numbers = [f"3461{base % 10**6:06d}{person}" for person in range(4)]
    at: dict[int, int] = {}
    stopped: set[int] = set()
    for what, person, place, _ in story:
        bench.now += HOUR
        free = place not in at.values() or at.get(person) == place
        if person not in at and free:
            at[person] = place
            await wrote(bench, "hello there", who=numbers[place], user=users[person])
        elif person not in at:
            continue
        elif what == "move" and free and at[person] != place:
            await number_changed(bench, numbers[at[person]], numbers[place], from_user_id=users[person])
            at[person] = place
        elif what == "rename":
            new = users[person] + "1"
            await user_id_changed(bench, users[person], new)
            users[person] = new
        else:
            stopped |= {person} if what == "stop" else set()
            await wrote(bench, "STOP" if what == "stop" else "hello there", who=numbers[at[person]], user=users[person])
        await bench.work()
    for person, place in at.items():
        contact = await who(bench, phone(numbers[place]))
        assert contact == await who(bench, bsuid(users[person]))
        assert ((await loaded(bench, contact)).consent is Consent.WITHDRAWN) == (person in stopped)
    assert len({await who(bench, phone(numbers[place])) for place in at.values()}) == len(at)
    bench.now += DAY


async def test_a_conversation_in_staffs_hands_stays_there_when_two_become_one(bench: Bench) -> None:
    await wrote(bench, "hi", who=OLD)
    await bench.work()
    await bench.store.run(conversations.give(await bench.contact(OLD), NUMBER, Control.HUMAN, bench.now, staff="Ana"))
    await wrote(bench, "hi", user=USER)
    await wrote(bench, "hi", who=OLD, user=USER)
    await bench.work()
    talk = await bench.store.run(conversations.load(await bench.contact(OLD), NUMBER))
    assert talk.control is Control.HUMAN
