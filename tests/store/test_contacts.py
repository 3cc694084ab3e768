"""People: the names they go by, how two turn out to be one, what they agreed to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.run import Run, Subject, SubjectKind, Waiting
from bot.policy.decision import Consent, Control
from bot.store import contacts, conversations, inbox, outbox, runs
from bot.store.contacts import Contact
from bot.store.database import Database
from bot.store.model import Identity, IdentityKind, Source

from .ground import (
    DAY,
    HOUR,
    NOW,
    NUMBER,
    SHOP_NAME,
    agreed,
    cart_told,
    checkout,
    customer,
    draft,
    drive,
    email,
    open_carts,
    order_told,
    person,
    phone,
    queue,
    value,
    whose,
)


async def load(store: Database, contact: int) -> Contact:
    return await store.run(contacts.load(contact))


# ---- names


async def test_a_name_leads_to_the_same_person_every_time(store: Database) -> None:
    lola = await person(store, phone(), email())
    assert await person(store, email()) == lola
    assert await person(store, phone(), customer()) == lola
    assert await person(store, customer()) == lola
    assert await store.run(contacts.find(customer())) == lola


async def test_the_same_value_of_another_kind_or_shop_is_another_name(store: Database) -> None:
    one = await person(store, customer("7", "casa"))
    assert await person(store, customer("7", "otra")) != one


async def test_no_names_are_nobody(store: Database) -> None:
    assert await store.run(whose([], NOW)) is None
    assert await value(store, "select count(*) from contact") == 0


async def test_a_cart_that_nobody_is_known_to_have_is_nobody(store: Database) -> None:
    assert await store.run(whose([checkout("k1")], NOW)) is None


async def test_a_cart_leads_to_the_person_who_was_named_with_it(store: Database) -> None:
    lola = await person(store, email(), checkout("k1"))
    assert await person(store, checkout("k1")) == lola
    assert await person(store, checkout("k1"), phone()) == lola


async def test_a_cart_named_with_two_people_merges_nobody(store: Database) -> None:
    lola = await person(store, phone("34600000001"), checkout("k1"))
    pepe = await person(store, phone("34600000002"), email())
    assert await person(store, phone("34600000002"), checkout("k1")) == pepe
    assert await person(store, phone("34600000001")) == lola
    assert await person(store, checkout("k1")) == pepe  # it leads to who was named with it last


async def test_the_newest_phone_is_the_one_written_to(store: Database) -> None:
    lola = await person(store, email(), phone("34600000001"), now=NOW)
    await person(store, email(), phone("34600000002"), now=NOW + DAY)
    assert (await load(store, lola)).phone == "+34600000002"
    await store.run(contacts.renew([phone("34600000001")], NOW + 2 * DAY))
    assert (await load(store, lola)).phone == "+34600000001"


# ---- two who are one


async def test_an_update_with_both_names_makes_two_people_one(store: Database) -> None:
    lola, same = await person(store, phone()), await person(store, email())
    assert await person(store, phone(), email()) == lola
    assert await person(store, email()) == lola
    assert await store.run(contacts.live_id(same)) == lola
    assert "the same person" in await value(store, "select text from audit where contact = :c", c=lola)


async def test_old_ids_lead_to_who_they_are_now_after_several_merges(store: Database) -> None:
    one, two, three = [await person(store, name) for name in (phone(), email(), customer())]
    await person(store, email(), customer())
    assert await store.run(contacts.live_id(three)) == two
    await person(store, phone(), customer())
    assert {await store.run(contacts.live_id(old)) for old in (one, two, three)} == {one}


async def test_three_people_in_one_update_are_one(store: Database) -> None:
    ids = [await person(store, name) for name in (phone(), email(), customer())]
    assert await person(store, customer(), email(), phone()) == min(ids)


async def test_all_that_belonged_to_the_other_belongs_to_the_one(store: Database) -> None:
    lola, same = await person(store, phone()), await person(store, email())
    await store.run(contacts.describe(same, first_name="Lola", country="ES"))
    await store.run(contacts.add_tag(lola, "reorders", NOW))
    await store.run(contacts.add_tag(same, "reorders", NOW + DAY))
    await store.run(contacts.add_tag(same, "hesitant", NOW))
    await store.run(order_told(same, "o1", NOW - 9 * DAY, minor=1000))
    await store.run(order_told(lola, "o2", NOW - 3 * DAY, minor=2500))
    await store.run(cart_told(same, "k1", NOW))
    await store.run(runs.keep_revision("r1", "cart_reminder", "{}", NOW))
    run = await store.run(runs.create(same, NUMBER, SHOP_NAME, "cart_reminder", "r1", NOW))
    await store.run(runs.save(Run(run, "cart_reminder", "r1", waiting=Waiting.TIME, subject=Subject(SubjectKind.CART, 1)), NOW))
    await queue(store, draft(same, "m", run=run))
    await store.run(conversations.heard(same, NUMBER, NOW, kind="text", text="Hi", provider_id="w"))
    await store.run(conversations.give(same, NUMBER, Control.HUMAN, NOW, staff="Ana"))
    await store.run(contacts.pause(same, NOW + DAY))
    await store.run(contacts.audit(same, NOW, "test", "a note"))

    assert await person(store, phone(), email()) == lola

    merged = await load(store, lola)
    assert (merged.first_name, merged.country, merged.tags) == ("Lola", "ES", frozenset({"reorders", "hesitant"}))
    assert (merged.orders_count, merged.orders_minor, merged.orders_currency) == (2, 3500, "EUR")
    assert (merged.last_order_at, merged.not_before) == (NOW - 3 * DAY, NOW + DAY)
    assert [live.run.id for live in await store.run(runs.live(lola))] == [run]
    assert (await store.run(conversations.load(lola, NUMBER))).control is Control.HUMAN
    assert (await store.run(outbox.find("m", ""))).contact == lola  # type: ignore[union-attr]  # it was queued above
    assert await store.run(open_carts(lola)) == ["k1"]
    tables = ("identity", "tag", "consent_record", "conversation", "message", "checkout", "shop_order", "run", "outbox", "audit")
    for table in tables:
        assert await value(store, f"select count(*) from {table} where contact = {same}") == 0, table


async def test_a_conversation_that_either_has_with_staff_stays_with_staff(store: Database) -> None:
    for nth, (ours, theirs, together) in enumerate(
        [
            (Control.BOT, Control.HUMAN, Control.HUMAN),
            (Control.HUMAN, Control.BOT, Control.HUMAN),
            (Control.WAITING, Control.BOT, Control.WAITING),
            (Control.BOT, Control.BOT, Control.BOT),
        ]
    ):
        names = phone(f"3460000000{nth}"), email(f"{nth}@example.com")
        lola, same = [await person(store, name) for name in names]
        await store.run(conversations.give(lola, NUMBER, ours, NOW))
        await store.run(conversations.give(same, NUMBER, theirs, NOW))
        before = (await store.run(conversations.load(lola, NUMBER))).epoch
        await person(store, *names)
        conversation = await store.run(conversations.load(lola, NUMBER))
        assert conversation.control is together
        assert conversation.epoch > before


async def test_waiting_entries_of_the_other_are_the_ones(store: Database) -> None:
    lola, same = await person(store, phone()), await person(store, email())
    await store.run(inbox.put(Source.DESK, "take", same, {}, NOW))
    await person(store, phone(), email())
    assert [entry.contact for entry in await store.run(inbox.waiting(NOW, 9))] == [lola]


STATES = [Consent.UNKNOWN, Consent.GRANTED, Consent.WITHDRAWN]


@pytest.mark.parametrize("channel", ["whatsapp", "ads"])
@pytest.mark.parametrize("theirs", STATES)
@pytest.mark.parametrize("ours", STATES)
async def test_the_stricter_consent_wins(store: Database, ours: Consent, theirs: Consent, channel: str) -> None:
    lola, same = await person(store, phone()), await person(store, email())
    for contact, state in ((lola, ours), (same, theirs)):
        if state is not Consent.UNKNOWN:
            await store.run(contacts.agree(contact, agreed(state, NOW, channel=channel), NOW))
    await person(store, phone(), email())
    merged = await load(store, lola)
    assert (merged.consent if channel == "whatsapp" else merged.ads_consent) is max(ours, theirs, key=STATES.index)


# ---- what they agreed to

G, W = Consent.GRANTED, Consent.WITHDRAWN
STATEMENTS = [
    # (state, days after NOW by its own clock, method) ..., what holds at the end
    ([(G, 0, "shop")], G),
    ([(G, 0, "shop"), (W, 1, "shop")], W),
    ([(W, 1, "shop"), (G, 0, "shop")], W),  # a late word
    ([(G, 0, "shop"), (W, 0, "shop")], W),  # the same moment: the stricter
    ([(W, 0, "shop"), (G, 0, "shop")], W),
    ([(W, 0, "shop"), (G, 1, "shop")], G),  # the shop takes back its own word
    ([(G, 5, "shop"), (W, 1, "word")], W),  # a STOP in the chat counts, whatever the shop's clock
    ([(W, 0, "word"), (G, 3, "shop")], W),  # and no checkbox undoes it
    ([(W, 0, "button"), (G, 3, "shop")], W),
    ([(W, 0, "platform"), (G, 3, "shop")], W),
    ([(W, 0, "flow"), (G, 3, "shop")], W),
    ([(W, 0, "word"), (W, 1, "shop"), (G, 3, "shop")], W),  # not by way of its own withdrawal either
    ([(W, 0, "word"), (G, 3, "shop"), (G, 4, "shop")], W),
    ([(W, 0, "word"), (G, 3, "flow")], G),  # until they say otherwise here
    ([(W, 0, "word"), (G, 3, "platform")], G),
    ([(W, 0, "word"), (G, 3, "flow"), (W, 4, "shop"), (G, 5, "shop")], G),
    ([(G, 3, "flow"), (W, 1, "shop")], G),  # late
    ([(G, 0, "flow"), (W, 0, "word")], W),
    ([(W, 3, "shop"), (G, 1, "flow")], W),  # late
]


@pytest.mark.parametrize(("stated", "holds"), STATEMENTS)
async def test_what_a_person_agreed_to(store: Database, stated: list[tuple[Consent, int, str]], holds: Consent) -> None:
    lola = await person(store, phone())
    for state, days, method in stated:
        agreement = agreed(state, NOW + days * DAY, method)
        counted = await store.run(contacts.agree(lola, agreement, NOW + 9 * DAY))
        assert counted is False or (await load(store, lola)).consent is state
    assert (await load(store, lola)).consent is holds
    assert await value(store, "select count(*) from consent_record") == len(stated)  # the proof keeps every statement


async def test_a_late_statement_is_kept_as_proof_and_changes_nothing(store: Database) -> None:
    lola = await person(store, phone())
    await store.run(contacts.agree(lola, agreed(W, NOW), NOW))
    assert await store.run(contacts.agree(lola, agreed(G, NOW - DAY), NOW)) is False
    assert await value(store, "select state from consent_record where effective = 0") == "granted"


async def test_consent_to_ads_and_to_messages_are_two(store: Database) -> None:
    lola = await person(store, phone())
    await store.run(contacts.agree(lola, agreed(G, NOW, channel="ads"), NOW))
    await store.run(contacts.agree(lola, agreed(W, NOW, "word"), NOW))
    assert ((await load(store, lola)).consent, (await load(store, lola)).ads_consent) == (W, G)


async def test_a_statement_of_tomorrow_does_not_outlive_what_is_said_afterwards(store: Database) -> None:
    """A shop whose clock is wrong must not make every later withdrawal look late."""
    lola = await person(store, phone())
    await store.run(contacts.agree(lola, agreed(G, NOW + 365 * DAY), NOW))
    assert await store.run(contacts.agree(lola, agreed(W, NOW + HOUR), NOW + HOUR)) is True
    assert (await load(store, lola)).consent is W


@pytest.mark.parametrize("stopped_first", [True, False])
async def test_a_stop_in_the_chat_is_for_good_after_a_merge_too(store: Database, stopped_first: bool) -> None:
    names = (phone(), email()) if stopped_first else (email(), phone())
    ids = {name: await person(store, name) for name in names}
    await store.run(contacts.agree(ids[phone()], agreed(W, NOW, "word"), NOW))
    await store.run(contacts.agree(ids[email()], agreed(G, NOW + HOUR), NOW + HOUR))
    one = await person(store, phone(), email())
    assert (await load(store, one)).consent is W
    await store.run(contacts.agree(one, agreed(G, NOW + DAY), NOW + DAY))  # the very update that merged them carries a checkbox
    assert (await load(store, one)).consent is W


async def test_a_stop_of_either_survives_a_merge_with_one_who_agreed_in_the_chat(store: Database) -> None:
    lola, same = await person(store, phone()), await person(store, phone("34600999888"), email())
    await store.run(contacts.agree(lola, agreed(W, NOW, "word"), NOW))
    await store.run(contacts.agree(same, agreed(G, NOW + HOUR, "flow"), NOW + HOUR))
    one = await person(store, phone(), email())
    await store.run(contacts.agree(one, agreed(G, NOW + DAY), NOW + DAY))
    assert (await load(store, one)).consent is W


async def test_a_withdrawal_of_the_one_is_not_undone_by_a_late_word_about_the_other(store: Database) -> None:
    lola, same = await person(store, phone()), await person(store, email())
    await store.run(contacts.agree(lola, agreed(W, NOW + 2 * DAY), NOW + 2 * DAY))
    await store.run(contacts.agree(same, agreed(G, NOW), NOW + 3 * DAY))
    one = await person(store, phone(), email())
    assert await store.run(contacts.agree(one, agreed(G, NOW + DAY), NOW + 4 * DAY)) is False
    assert (await load(store, one)).consent is W


# ---- the rest of a person


async def test_a_tag_is_new_once(store: Database) -> None:
    lola = await person(store, phone())
    assert [await store.run(contacts.add_tag(lola, "hesitant", NOW)) for _ in range(2)] == [True, False]
    await store.run(contacts.remove_tag(lola, "hesitant"))
    assert (await load(store, lola)).tags == frozenset()


async def test_what_the_shop_does_not_tell_stays_as_it_was(store: Database) -> None:
    lola = await person(store, phone())
    await store.run(contacts.describe(lola, first_name="Lola", language="es", country="ES", timezone="Europe/Madrid"))
    await store.run(contacts.describe(lola, first_name=None, language="en"))
    await store.run(contacts.name_if_unknown(lola, "Dolores"))
    known = await load(store, lola)
    assert (known.first_name, known.language, known.country, known.timezone) == ("Lola", "en", "ES", "Europe/Madrid")


async def test_a_message_from_somebody_unreachable_shows_that_they_can_be_reached(store: Database) -> None:
    lola = await person(store, phone())
    await store.run(contacts.mark_unreachable(lola))
    assert (await load(store, lola)).unreachable
    await store.run(contacts.engaged(lola, NOW))
    assert not (await load(store, lola)).unreachable


async def test_a_shorter_pause_does_not_cut_a_longer_one(store: Database) -> None:
    lola = await person(store, phone())
    await store.run(contacts.pause(lola, NOW + 2 * DAY))
    await store.run(contacts.pause(lola, NOW + DAY))
    assert (await load(store, lola)).not_before == NOW + 2 * DAY


NAMES = [phone("34600000001"), phone("34600000002"), email("a@x.es"), email("b@x.es"), customer("1"), checkout("k1"), checkout("k2")]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), max_size=12))
def test_names_seen_together_always_lead_to_one_person(tmp_path_factory: pytest.TempPathFactory, told: list[list[Identity]]) -> None:
    """Against a model: people are the connected groups of their names, carts left aside."""
    groups: list[set[Identity]] = []
    for names in told:
        own = {name for name in names if name.kind is not IdentityKind.CHECKOUT}
        if own:
            joined = own.union(*(group for group in groups if group & own))
            groups = [group for group in groups if not group & own] + [joined]

    async def use(run, _store) -> None:  # type: ignore[no-untyped-def]  # the shapes of `drive`
        for names in told:
            await run(contacts.resolve(names, NOW, proven=True))
        for group in groups:
            assert len({await run(contacts.find(name)) for name in group}) == 1
        found = [await run(contacts.find(next(iter(group)))) for group in groups]
        assert None not in found

    drive(tmp_path_factory.mktemp("names") / "a.db", use)


async def test_who_types_somebodys_email_into_a_form_does_not_become_them(store: Database) -> None:
    victim = await person(store, phone("34600000009"), email())
    stranger = await store.run(contacts.resolve([phone("34600000666"), email()], NOW, proven=False))
    assert stranger is not None
    assert stranger.contact != victim
    assert stranger.others == (victim,)
    assert await store.run(whose([email()], NOW)) == victim


async def test_a_checkout_whose_phone_is_changed_belongs_to_the_new_phone_alone(store: Database) -> None:
    victim = await store.run(contacts.resolve([phone("34600000009"), checkout("k1")], NOW, proven=False))
    stranger = await store.run(contacts.resolve([phone("34600000666"), checkout("k1")], NOW, proven=False))
    assert victim is not None
    assert stranger is not None
    assert stranger.contact != victim.contact
    assert (await store.run(contacts.load(victim.contact))).phone == "+34600000009"


async def test_a_first_step_of_a_checkout_with_an_email_alone_is_taken_in_by_the_phone_that_follows(store: Database) -> None:
    first = await store.run(contacts.resolve([email(), checkout("k1")], NOW, proven=False))
    second = await store.run(contacts.resolve([email(), phone(), checkout("k1")], NOW, proven=False))
    assert first is not None
    assert second is not None
    assert second.contact == first.contact


async def test_one_email_on_every_order_of_a_till_makes_nobody_one(store: Database) -> None:
    digits = [f"3460000000{n}" for n in range(3)]
    found = [await store.run(contacts.resolve([phone(one), email("till@example.com")], NOW, proven=False)) for one in digits]
    assert len({one.contact for one in found if one}) == 3
