"""Webhooks: whose delivery it is, which updates it holds, what each means, and that nothing in it can harm."""

import hashlib
import hmac
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channel.whatsapp.webhook import Unreadable, read, signed, split
from bot.store.model import IdentityKind, Source, Update, from_epoch

from .payloads import (
    ACCOUNT,
    ANA,
    AT,
    CASES,
    DIGITS,
    EVERY_NAME,
    NUMBER,
    PHONE,
    USER,
    WHEN,
    Case,
    Json,
    body,
    change,
    envelope,
    received,
    status,
    system,
    wants,
    wrote,
)

NOW = AT + timedelta(minutes=1)

# ---- signatures

SECRET = "app-secret"


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


GOOD = signature(b"{}")


@pytest.mark.parametrize(
    ("header", "secrets", "genuine"),
    [
        (GOOD, [SECRET], True),
        (GOOD, ["new", SECRET], True),
        (GOOD, [SECRET, "old"], True),
        (GOOD, ["other"], False),
        (GOOD, [], False),
        (signature(b"{}", ""), [""], False),
        (signature(b"{ }"), [SECRET], False),
        (None, [SECRET], False),
        ("", [SECRET], False),
        ("sha256=", [SECRET], False),
        (GOOD.removeprefix("sha256="), [SECRET], False),
        (GOOD.upper(), [SECRET], False),
        (GOOD.replace("sha256=", "SHA256="), [SECRET], False),
        ("sha256=" + GOOD.removeprefix("sha256=").upper(), [SECRET], False),
        (GOOD.replace("sha256", "sha1"), [SECRET], False),
        (GOOD[:-1], [SECRET], False),
        (GOOD + "0", [SECRET], False),
        (GOOD + "\n", [SECRET], False),
        (" " + GOOD, [SECRET], False),
        (f"{GOOD}, {GOOD}", [SECRET], False),
        ("sha256=" + "é" * 64, [SECRET], False),
        ("sha256=" + "１" * 64, [SECRET], False),
        ("sha256=" + "\udcff" * 64, [SECRET], False),
    ],
)
def test_a_delivery_is_genuine_only_with_the_exact_signature_of_a_secret(header: str | None, secrets: Sequence[str], genuine: bool) -> None:
    assert signed(b"{}", header, secrets) is genuine


@given(st.binary(max_size=50), st.none() | st.text())
def test_no_header_makes_the_check_of_a_signature_raise(content: bytes, header: str | None) -> None:
    assert not signed(content, header, [SECRET])


# ---- what each kind becomes


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_each_kind_becomes_its_update_and_its_event(case: Case) -> None:
    (update,) = split(body(case.change), NOW)
    assert (update.source, update.kind, update.unreadable) == (Source.WHATSAPP, case.kind, None)
    assert tuple(name.value for name in update.identities) == case.names
    assert update.occurred_at == AT
    assert update.place == case.change["value"].get("metadata", {}).get("phone_number_id", "")
    assert read(update.kind, update.body) == case.event


def test_identities_say_what_kind_of_name_they_are() -> None:
    (update,) = split(body(wrote("text", {"body": "Hi"}, from_parent_user_id="US.ENT.7")), NOW)
    assert [name.kind for name in update.identities] == [
        IdentityKind.WA_ID,
        IdentityKind.PHONE,
        IdentityKind.BSUID,
        IdentityKind.PARENT_BSUID,
    ]


def test_an_update_holds_its_own_part_alone() -> None:
    eva = {"profile": {"name": "Eva"}, "wa_id": "34600111222"}
    ana_wrote = wrote("text", {"body": "ana"})["value"]["messages"][0]
    eva_wrote = {**ana_wrote, "from": "34600111222", "from_user_id": None, "id": "wamid.eva", "text": {"body": "eva"}}
    first, second = split(body(change(messages=[ana_wrote, eva_wrote], contacts=[eva, ANA])), NOW)
    assert json.loads(first.body) == {
        "field": "messages",
        "account": ACCOUNT,
        "at": WHEN,
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
        "contact": ANA,
        "part": "messages",
        "item": ana_wrote,
    }
    assert read("message", second.body) == received("text", "eva", name="Eva").__class__("wamid.eva", AT, "text", "eva", name="Eva")
    assert [name.value for name in second.identities] == ["34600111222", "+34600111222"]


def test_nobody_gets_the_name_of_somebody_else() -> None:
    stranger = wrote("text", {"body": "Hi"}, sender={"from": "34600111222"})
    (update,) = split(body(stranger), NOW)
    assert [name.value for name in update.identities] == ["34600111222", "+34600111222"]
    assert json.loads(update.body)["contact"] == {"wa_id": "34600111222"}


def test_a_message_of_nobody_is_given_to_the_only_contact_there_is_and_never_to_one_of_several() -> None:
    eva = {"profile": {"name": "Eva"}, "wa_id": "34600111222"}
    (alone,) = split(body(wrote("text", {"body": "STOP"}, sender={}, contacts=[ANA])), NOW)
    (one_of_two,) = split(body(wrote("text", {"body": "STOP"}, sender={}, contacts=[ANA, eva])), NOW)
    assert (alone.unreadable, tuple(name.value for name in alone.identities)) == (None, EVERY_NAME)
    assert (bool(one_of_two.unreadable), one_of_two.identities) == (True, ())


def test_a_number_where_a_string_should_be_does_not_lose_a_stop() -> None:
    (update,) = split(body(wrote("text", {"body": "STOP"}, sender={"from": int(DIGITS)}, contacts=None, timestamp=WHEN)), NOW)
    assert (update.unreadable, update.occurred_at) == (None, AT)
    assert tuple(name.value for name in update.identities) == (DIGITS, PHONE)


# ---- keys


def keys(updates: Sequence[Update]) -> list[bytes]:
    return [update.key for update in updates]


def test_a_redelivery_has_the_same_keys_whenever_and_in_whatever_company_it_comes() -> None:
    once = [update.key for case in CASES for update in split(body(case.change), NOW)]
    again = split(body(*(case.change for case in CASES)), NOW + timedelta(days=3))
    reordered = split(json.dumps(envelope(*(case.change for case in CASES)), sort_keys=True, indent=1).encode(), NOW)
    assert once == keys(again) == keys(reordered)


def test_different_updates_have_different_keys() -> None:
    different = [
        wrote("text", {"body": "a"}),
        wrote("text", {"body": "a"}, id="wamid.2"),
        wrote("text", {"body": "a"}, timestamp=str(WHEN + 1)),
        status("sent"),
        status("delivered"),
        status("failed", errors=[{"code": 131049}]),
        status("failed", errors=[{"code": 131026}]),
        wants("stop"),
        wants("resume"),
        change("account_update", numbered=False, event="A"),
        change("account_update", numbered=False, event="B"),
        change("account_review_update", numbered=False, event="A"),
    ]
    assert len(set(keys(split(body(*different), NOW)))) == len(different)


def test_keys_begin_with_the_payloads_own_time() -> None:
    (update,) = split(body(wrote("text", {"body": "a"})), NOW)
    assert (len(update.key), int.from_bytes(update.key[:4], "big")) == (16, WHEN)


# ---- times


@pytest.mark.parametrize(
    ("timestamp", "occurred_at", "in_key"),
    [
        (str(WHEN - 5), AT - timedelta(seconds=5), WHEN - 5),
        (WHEN - 5, AT - timedelta(seconds=5), WHEN - 5),
        ("0", from_epoch(0), 0),
        (-5, from_epoch(0), 0),
        (WHEN + 9_999_999, NOW, WHEN + 9_999_999),
        ("9" * 20, NOW, 0xFFFFFFFF),
        (10**30, AT, WHEN),  # more digits than any time: as if there were none
        ("soon", AT, WHEN),
        (None, AT, WHEN),
        ("", AT, WHEN),
        (1.5, AT, WHEN),
        (True, AT, WHEN),
        (["1"], AT, WHEN),
        ("１２３", AT, WHEN),
    ],
)
def test_an_absurd_time_is_never_in_the_future_and_never_fatal(timestamp: Any, occurred_at: datetime, in_key: int) -> None:
    (update,) = split(body(wrote("text", {"body": "a"}, timestamp=timestamp)), NOW)
    assert (update.occurred_at, int.from_bytes(update.key[:4], "big")) == (occurred_at, in_key)
    event = read(update.kind, update.body)
    assert event.at == occurred_at


def test_without_any_time_it_happened_when_it_came_but_the_key_does_not_say_so() -> None:
    written = envelope(wrote("text", {"body": "a"}, timestamp=None), time=None)
    early, late = (split(json.dumps(written).encode(), NOW + timedelta(days=day))[0] for day in (0, 1))
    assert (early.occurred_at, late.occurred_at) == (NOW, NOW + timedelta(days=1))
    assert early.key == late.key


# ---- big deliveries


def big(count: int, padding: int = 0) -> bytes:
    """Messages and statuses of as many people, mixed, in several entries."""
    entries = []
    for entry in range(5):
        people = range(entry, count, 5)
        contacts = [{"profile": {"name": f"P{person}"}, "wa_id": f"346{person:08}"} for person in people]
        messages = [
            {"from": f"346{p:08}", "id": f"wamid.{p}", "timestamp": str(WHEN), "type": "text", "text": {"body": f"{p} " + "x" * padding}}
            for p in people
            if p % 2
        ]
        statuses = [
            {"recipient_id": f"346{p:08}", "id": f"wamid.{p}", "timestamp": str(WHEN), "status": "read"} for p in people if p % 2 == 0
        ]
        random.Random(entry).shuffle(contacts)
        half = len(messages) // 2
        entries.append(
            envelope(
                change(contacts=contacts, messages=messages[:half], statuses=statuses), change(contacts=contacts, messages=messages[half:])
            )["entry"][0]
        )
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def test_a_thousand_updates_of_a_thousand_people_are_told_apart() -> None:
    updates = split(big(1000), NOW)
    assert len(updates) == len(set(keys(updates))) == 1000
    for update in updates:
        assert update.unreadable is None
        person = json.loads(update.body)["item"]["id"].removeprefix("wamid.")
        assert [name.value for name in update.identities] == [f"346{int(person):08}", f"+346{int(person):08}"]
        assert json.loads(update.body)["contact"]["profile"]["name"] == f"P{person}"


def test_three_megabytes_are_split_in_well_under_a_second() -> None:
    delivery = big(1000, padding=5600)
    assert len(delivery) > 2_900_000
    before = time.process_time()
    assert len(split(delivery, NOW)) == 1000
    assert time.process_time() - before < 0.8


def test_the_time_grows_with_the_size_and_not_with_its_square() -> None:
    def seconds(count: int) -> float:
        delivery = big(count)
        before = time.process_time()
        split(delivery, NOW)
        return time.process_time() - before

    assert min(seconds(8000) for _ in range(6)) < 20 * min(seconds(1000) for _ in range(6))


# ---- strange ones


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"[]", b"null", b'"{}"', b"{", b"{}x", b"\xff{}", b"{'a': 1}", b"[" * 100_000, b"\x00", b"7", b"\xef\xbb\xbf{}"],
)
def test_what_is_not_a_json_object_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any ValueError: the door answers 400
        split(content, NOW)


@pytest.mark.parametrize(
    "written",
    [{}, {"object": "page"}, {"entry": []}, {"entry": None}, envelope(), {"entry": [{"id": "1"}]}, envelope(change(messages=[]))],
)
def test_an_empty_envelope_holds_nothing(written: Json) -> None:
    assert split(json.dumps(written).encode(), NOW) == []


STRANGE: list[tuple[str, Any]] = [
    ("entry is no list", {"entry": {"id": "1"}}),
    ("entry is text", {"entry": "all"}),
    ("an entry is a number", {"entry": [7]}),
    ("an entry is null", {"entry": [None]}),
    ("changes is no list", {"entry": [{"id": "1", "changes": {"field": "messages"}}]}),
    ("a change is text", {"entry": [{"id": "1", "changes": ["x"]}]}),
    ("a change without a value", {"entry": [{"id": "1", "changes": [{"field": "messages"}]}]}),
    ("a value is a list", {"entry": [{"id": "1", "changes": [{"field": "messages", "value": []}]}]}),
    ("a change without a field", {"entry": [{"id": "1", "changes": [{"value": {"event": "X"}}]}]}),
    ("a field is a number", envelope({"field": 7, "value": {"messages": []}, "x": 1}, {"field": 7, "value": {"event": "X"}})),
    ("a field is a sentence", envelope({"field": "Drop Table; --", "value": {"event": "X"}})),
    ("messages is an object", envelope(change(messages={"id": "wamid.1"}))),
    ("messages is text", envelope(change(messages="hello"))),
    ("a message is null", envelope(change(messages=[None]))),
    ("a message is a list", envelope(change(messages=[["wamid.1"]]))),
    ("a message without an id", envelope(change(messages=[{"from": DIGITS, "type": "text"}]))),
    ("a message with a number for an id", envelope(change(messages=[{"from": DIGITS, "id": 7, "type": "text"}]))),
    ("a message of nobody", envelope(change(messages=[{"id": "wamid.1", "type": "text", "text": {"body": "STOP"}}]))),
    ("a message of an object", envelope(change(messages=[{"id": "wamid.1", "from": {"a": 1}, "type": "text"}]))),
    ("a message of a name with a blank", envelope(change(messages=[{"id": "wamid.1", "from_user_id": "US. 1\u0000", "type": "text"}]))),
    ("a status without an id", envelope(change(statuses=[{"status": "sent"}]))),
    ("a preference of nobody", envelope(change("user_preferences", user_preferences=[{"value": "stop"}]))),
    ("an echo to nobody", envelope(change("smb_message_echoes", message_echoes=[{"id": "wamid.1", "type": "text"}]))),
]


@pytest.mark.parametrize("written", [case[1] for case in STRANGE], ids=[case[0] for case in STRANGE])
def test_what_is_strange_is_kept_with_the_reason(written: Json) -> None:
    delivery = json.dumps(written).encode()
    updates = split(delivery, NOW)
    assert [update for update in updates if update.unreadable]
    assert keys(updates) == keys(split(delivery, NOW + timedelta(hours=1)))


def test_one_strange_update_does_not_stand_in_the_way_of_the_others() -> None:
    good = wrote("text", {"body": "STOP"})
    good["value"]["messages"] = [None, *good["value"]["messages"], 7, {"id": []}]
    updates = split(body(change(statuses="?"), good, change("account_update", numbered=False)), NOW)
    assert [update.unreadable is None for update in updates] == [False, False, True, False, False, True]
    assert read("message", updates[2].body) == received("text", "STOP")


@pytest.mark.parametrize("depth", [100, 2_000, 200_000])
def test_deep_nesting_is_kept_and_never_fatal(depth: int) -> None:
    inner = b"[" * depth + b"]" * depth
    delivery = body(wrote("text", {"body": "DEEP"})).replace(b'"DEEP"', inner)
    (update,) = split(delivery, NOW)
    with pytest.raises(Unreadable):
        read(update.kind, update.body)
    assert bool(update.unreadable) is (depth > 100)


def test_endless_numbers_and_numbers_that_are_none_are_no_harm() -> None:
    delivery = body(wrote("text", {"body": "Hi"}, odd=["BIG", "NAN"]))
    delivery = delivery.replace(b'"BIG"', b"9" * 5_000 + b", -" + b"9" * 5_000 + b", 1e999, -0").replace(b'"NAN"', b"NaN, Infinity")
    (update,) = split(delivery, NOW)
    assert read(update.kind, update.body) == received("text", "Hi")
    json.loads(update.body, parse_constant=lambda name: pytest.fail(name))


def test_what_customers_write_can_be_kept_by_any_database() -> None:
    hostile = "a\x00b \ud83d half \udc00 \U0001f44b"
    written = wrote("text", {"body": hostile}, contacts=[{**ANA, "profile": {"name": hostile}}], context={"id": hostile})
    (update,) = split(body(written), NOW)
    event = read(update.kind, update.body)
    assert event == received("text", "ab ? half ? \U0001f44b", name="ab ? half ? \U0001f44b", reply_to="ab ? half ? \U0001f44b")


UNREADABLE: list[tuple[str, str, Json]] = [
    ("a message without a type", "message", wrote("text", {"body": "a"}, type=None)),
    ("a type that is no word", "message", wrote("text", {"body": "a"}, type="Te xt")),
    ("a text without its text", "message", wrote("text", {})),
    ("a text that is a number", "message", wrote("text", {"body": 7})),
    ("a text that is text", "message", wrote("text", "STOP")),
    ("a button without a title", "message", wrote("button", {"payload": "p"})),
    ("a status without a word", "status", status("sent", status=None)),
    ("a status that is a list", "status", status("sent", status=["sent"])),
    ("a preference without a value", "preference", wants(None)),
    ("a preference that is a number", "preference", wants(1)),
    ("an echo without a type", "echo", change("smb_message_echoes", message_echoes=[{"id": "wamid.E", "to": DIGITS}])),
]


@pytest.mark.parametrize(("kind", "written"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_what_cannot_be_understood_says_why_without_repeating_it(kind: str, written: Json) -> None:
    (update,) = split(body(written), NOW)
    assert update.kind == kind
    with pytest.raises(Unreadable, match=r"^[a-z ,]+$"):
        read(update.kind, update.body)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"item": []}', b'{"item": null}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("kind", ["message", "status", "preference", "echo", "system", "account_update", ""])
def test_a_body_that_is_none_is_unreadable(kind: str, content: bytes) -> None:
    with pytest.raises(Unreadable):
        read(kind, content)


# ---- anything at all

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([DIGITS, USER, PHONE, "", "stop", "text", "failed", "\ud800", str(WHEN), -1, 10**400, WHEN]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "body", "code", "x"]), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, inner in pairs:
        found.append((value, key))
        found.extend(places(inner))
    return found


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.data())
def test_no_change_to_a_payload_can_make_reading_raise_or_lose_anything(data: st.DataObject) -> None:
    written = json.loads(json.dumps(envelope(data.draw(st.sampled_from(CASES)).change, data.draw(st.sampled_from(CASES)).change)))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(written)))
        container[key] = data.draw(ANYTHING)
    delivery = json.dumps(written).encode()
    updates = split(delivery, NOW)
    assert keys(updates) == keys(split(delivery, NOW + timedelta(days=2)))
    for update in updates:
        assert update.occurred_at <= NOW
        for name in (update.kind, update.place, *(identity.value for identity in update.identities)):
            assert name.isascii()
            assert name.isprintable()
        json.loads(update.body)
        with suppress(Unreadable):
            event = read(update.kind, update.body)
            assert event.at == from_epoch(int(update.occurred_at.timestamp()))
            for told in astuple(event):
                assert not isinstance(told, str) or "\x00" not in told.encode().decode()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_broken_bytes_are_split_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(body(data.draw(st.sampled_from(CASES)).change))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=3))
    try:
        updates = split(bytes(content), NOW)
    except ValueError:
        return
    for update in updates:
        with suppress(Unreadable):
            read(update.kind, update.body)


def test_a_system_message_names_the_person_before_and_after_in_this_order() -> None:
    changed = system("user_changed_number", previous_user_id=USER, user_id="US.2", wa_id="12195555358")
    (update,) = split(body(changed), NOW)
    bsuids = [name.value for name in update.identities if name.kind is IdentityKind.BSUID]
    assert bsuids == [USER, "US.2"]
