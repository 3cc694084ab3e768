"""The door: only what is genuine comes in, all of it is kept before the 200, and nothing that comes in makes it fall."""

import asyncio
import gzip
import json
import random
import sqlite3
import zlib
from typing import Any

import pytest
from multidict import CIMultiDict

from bot.channel.whatsapp import webhook
from bot.shop import signature
from bot.web import door as door_module
from bot.web.door import MAX_BODY, RETRY_SECONDS

from .front import NOW, OLD_SECRET, OTHER_SECRET, SHOP, SHOP_SECRET, TOKEN, WHATSAPP, Front, cart, change, delivery, message, one, signed

# ---- the handshake

GOOD = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
HANDSHAKES = [
    ({}, 200),
    ({"hub.challenge": "abc-DEF_9"}, 200),
    ({"hub.verify_token": "another"}, 403),
    ({"hub.verify_token": ""}, 403),
    ({"hub.verify_token": "ä\udc80"}, 403),
    ({"hub.mode": "unsubscribe"}, 403),
    ({"hub.challenge": ""}, 403),
    ({"hub.challenge": "<script>alert(1)</script>"}, 403),
    ({"hub.challenge": "1\r\nX-Evil: 1"}, 403),
    ({"hub.challenge": "1" * 129}, 403),
    ({"hub.challenge": "١٢٣"}, 403),
]


@pytest.mark.parametrize(("changed", "status"), HANDSHAKES)
async def test_the_handshake_answers_who_knows_the_token(door: Front, changed: dict[str, str], status: int) -> None:
    query = {**GOOD, **{key: value.encode("utf-8", "replace").decode() for key, value in changed.items()}}
    async with door.session.get(door.url + WHATSAPP, params=query) as answer:
        text = await answer.text()
        assert answer.status == status
        assert (text == query["hub.challenge"]) is (status == 200)
        assert answer.content_type == "text/plain"
        assert "<script>" not in text


async def test_a_handshake_without_anything_is_refused(door: Front) -> None:
    async with door.session.get(door.url + WHATSAPP) as answer:
        assert answer.status == 403


# ---- signatures

BODY = one()
RIGHT = signed(BODY)
NAME = "X-Hub-Signature-256"
FORMS: list[tuple[str, list[tuple[str, str]], int]] = [
    ("right", [(NAME, RIGHT)], 200),
    ("none", [], 401),
    ("empty", [(NAME, "")], 401),
    ("of another body", [(NAME, signed(b"{}"))], 401),
    ("of another secret", [(NAME, signed(BODY, "guess"))], 401),
    ("of no secret", [(NAME, signed(BODY, ""))], 401),
    ("upper case", [(NAME, "sha256=" + RIGHT[7:].upper())], 401),
    ("without its prefix", [(NAME, RIGHT[7:])], 401),
    ("cut", [(NAME, RIGHT[:-1])], 401),
    ("twice", [(NAME, RIGHT), (NAME, RIGHT)], 401),
    ("the old kind alone", [("X-Hub-Signature", "sha1=" + RIGHT[7:47])], 401),
    ("not ASCII", [(NAME, "sha256=" + "é" * 64)], 401),
    ("two in one", [(NAME, f"{RIGHT}, {RIGHT}")], 401),
]


async def test_exactly_one_form_of_signature_is_accepted(door: Front) -> None:
    answers = {}
    for name, headers, _ in FORMS:
        answers[name] = (await door.post(WHATSAPP, BODY, CIMultiDict(headers)))[0]
    assert answers == {name: status for name, _, status in FORMS}
    assert await door.states() == ["waiting"]


async def test_whatsapp_that_signs_with_another_secret_is_seen_in_the_log(door: Front, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "bot.web.refusals"):
        await door.post(WHATSAPP, webhook.NOTHING, {NAME: signed(webhook.NOTHING, "another")})
        assert not caplog.records, "the doctor forges one on purpose"
        for _ in range(3):
            await door.post(WHATSAPP, BODY, {NAME: signed(BODY, "another")})
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == ["WhatsApp: a delivery was refused"]


async def test_both_secrets_count_while_one_is_replaced(door: Front) -> None:
    assert (await door.post(WHATSAPP, BODY, {NAME: signed(BODY, OLD_SECRET)}))[0] == 200


def _shop_headers(**changed: str | None) -> dict[str, str]:
    headers = {**signature.sign("d1", NOW, cart(), SHOP_SECRET), **{key.replace("_", "-"): value for key, value in changed.items()}}
    return {key: value for key, value in headers.items() if value is not None}


STALE = signature.sign("d1", NOW.replace(hour=9, minute=54), cart(), SHOP_SECRET)
AHEAD = signature.sign("d1", NOW.replace(minute=6), cart(), SHOP_SECRET)
SHOP_FORMS: list[tuple[str, Any, int]] = [
    ("right", _shop_headers(), 200),
    ("rotated", _shop_headers(webhook_signature=f"v1,AAAA {_shop_headers()['webhook-signature']}"), 200),
    ("none", {}, 401),
    ("without its id", _shop_headers(webhook_id=None), 401),
    ("another id", _shop_headers(webhook_id="d2"), 401),
    ("without its time", _shop_headers(webhook_timestamp=None), 401),
    ("another time", _shop_headers(webhook_timestamp=str(int(NOW.timestamp()) + 1)), 401),
    ("a time that is none", _shop_headers(webhook_timestamp="now"), 401),
    ("an endless time", _shop_headers(webhook_timestamp="9" * 400), 401),
    ("six minutes old", STALE, 401),
    ("six minutes ahead", AHEAD, 401),
    ("of another shop", signature.sign("d1", NOW, cart(), OTHER_SECRET), 401),
    ("of another body", signature.sign("d1", NOW, b"{}", SHOP_SECRET), 401),
    ("of another version", _shop_headers(webhook_signature=_shop_headers()["webhook-signature"].replace("v1,", "v2,")), 401),
    ("not base64", _shop_headers(webhook_signature="v1,%%%"), 401),
    ("not ASCII", _shop_headers(webhook_signature="v1,é"), 401),
    ("twice", CIMultiDict([*_shop_headers().items(), ("webhook-id", "d1")]), 401),
]


async def test_a_shops_delivery_is_taken_only_with_its_own_signature_of_now(door: Front) -> None:
    answers = {name: (await door.post(SHOP, cart(), headers))[0] for name, headers, _ in SHOP_FORMS}
    assert answers == {name: status for name, _, status in SHOP_FORMS}
    assert await door.states() == ["waiting"]  # the two good ones are one delivery


SHOPS = ["nobody", "CASA", "casa%2F..", "..%2f..%2fetc", "c" * 65, "casa%00", "%F0%9F%90%99", "casa%20", "%0d%0a"]


@pytest.mark.parametrize("name", SHOPS)
async def test_a_shop_that_is_not_here_is_not_found(door: Front, name: str) -> None:
    from yarl import URL

    headers = signature.sign("d1", NOW, cart(), SHOP_SECRET)
    async with door.session.post(URL(f"{door.url}/webhooks/shop/{name}", encoded=True), data=cart(), headers=headers) as answer:
        assert answer.status in (404, 400), await answer.text()
    assert await door.states() == []


# ---- what is kept


async def test_a_thousand_updates_in_one_delivery_are_kept_once_each(door: Front) -> None:
    entries = []
    for n in range(10):
        messages = [message(f"wamid.m{n}.{k}", str(34600000000 + k)) for k in range(40)]
        statuses = [
            {"id": f"wamid.s{n}.{k}", "status": status, "timestamp": "1795305600", "recipient_id": "34600111222"}
            for k in range(20)
            for status in ("sent", "delivered")
        ]
        other = [
            {"wa_id": str(34600000000 + k), "value": "stop", "category": "marketing_messages", "timestamp": str(1795305600 + n)}
            for k in range(20)
        ]
        changes = [
            change(messages=messages),
            change(statuses=statuses),
            {"field": "user_preferences", "value": {"user_preferences": other}},
        ]
        entries.append({"id": str(n), "changes": changes})
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    assert await door.whatsapp(body) == (200, "ok")
    assert await door.states() == ["waiting"] * 1000
    for _ in range(3):
        assert (await door.whatsapp(body))[0] == 200
    assert len(await door.states()) == 1000
    assert len(door.woken) == 1  # nothing new, nobody woken


async def test_a_redelivery_of_the_shop_changes_nothing(door: Front) -> None:
    for _ in range(3):
        assert (await door.shop(cart()))[0] == 200
    assert await door.states() == ["waiting"]
    assert (await door.shop(cart(), delivery="d2"))[0] == 200
    assert len(await door.states()) == 2


async def test_many_deliveries_at_once_are_all_kept(door: Front) -> None:
    answers = await asyncio.gather(*(door.whatsapp(one(f"wamid.{n}")) for n in range(200)))
    assert {status for status, _ in answers} == {200}
    assert len(await door.states()) == 200


GARBAGE = [b"", b"not json", b"[]", b"7", b'"text"', b"null", b"\xff\xfe\x00", b"{", b'{"entry": 1e999}', b"\x00" * 10, b"[" * 200_000]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:12]))
async def test_what_is_signed_and_not_understood_is_kept_as_dead_and_answered_200(door: Front, body: bytes) -> None:
    assert (await door.whatsapp(body))[0] == 200
    assert set(await door.states()) <= {"dead"}
    assert (await door.shop(body))[0] == 200
    assert set(await door.states()) == {"dead"}
    assert all(row["why"] for row in await door.rows("select why from inbox"))


async def test_an_object_with_nothing_in_it_is_fine(door: Front) -> None:
    assert (await door.whatsapp(b"{}"))[0] == 200
    assert await door.states() == []


async def test_a_body_nested_without_end_is_kept_as_dead(door: Front) -> None:
    deep = b'{"entry":[{"changes":[{"field":"messages","value":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_000 + b"}]}]}"
    assert (await door.whatsapp(deep))[0] == 200
    assert await door.states() == ["dead"]
    assert (await door.whatsapp(one()))[0] == 200


# ---- sizes, encodings, slowness


async def test_a_body_over_the_limit_is_refused_and_one_under_it_is_not(door: Front) -> None:
    large = one(text="x" * (MAX_BODY - 2000))
    assert (await door.whatsapp(large))[0] == 200
    assert (await door.post(WHATSAPP, b"x" * (MAX_BODY + 1), {NAME: RIGHT}))[0] == 413
    assert (await door.post(SHOP, b"x" * (MAX_BODY + 1), _shop_headers()))[0] == 413


async def test_a_body_that_trickles_in_is_given_up(door: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "BODY_SECONDS", 0.2)

    async def trickle() -> Any:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.05)

    async with door.session.post(door.url + WHATSAPP, data=trickle(), headers={NAME: RIGHT}) as answer:
        assert answer.status == 408


async def test_a_zipped_body_is_never_a_fault_of_ours(door: Front) -> None:
    zipped = gzip.compress(BODY)
    for body, coding in [
        (zipped, "gzip"),
        (zipped[:-9], "gzip"),
        (b"not zipped", "gzip"),
        (zlib.compress(BODY), "deflate"),
        (b"not zipped", "br"),
        (BODY, "unheard-of"),
    ]:
        status, _ = await door.post(WHATSAPP, body, {NAME: RIGHT, "Content-Encoding": coding, "Connection": "close"})
        assert status in (200, 400, 401, 415), coding
    assert len(await door.states()) <= 1


async def test_a_bomb_of_a_zipped_body_is_refused(door: Front) -> None:
    bomb = gzip.compress(b"0" * (64 * 2**20))
    status, _ = await door.post(WHATSAPP, bomb, {NAME: signed(bomb), "Content-Encoding": "gzip"})
    assert status in (400, 401, 413)
    assert await door.states() == []


async def _raw(door: Front, request: bytes) -> bytes:
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        async with asyncio.timeout(2):
            return await reader.read(200)
    except TimeoutError:
        return b"still waiting"
    finally:
        writer.close()


RAW = [
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
]


@pytest.mark.parametrize("request_bytes", RAW, ids=range(len(RAW)))
async def test_what_is_not_http_is_told_so(door: Front, request_bytes: bytes) -> None:
    answer = await _raw(door, request_bytes)
    assert (answer.startswith(b"HTTP/1.") and b" 400 " in answer[:20]) or b" 401 " in answer[:20], answer
    assert (await door.whatsapp(one()))[0] == 200


async def test_a_body_shorter_than_it_said_is_not_kept(door: Front) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {WHATSAPP} HTTP/1.1\r\nHost: x\r\n{NAME}: {RIGHT}\r\nContent-Length: {len(BODY) + 10}\r\n\r\n"
    writer.write(head.encode() + BODY)
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.05)
    assert await door.states() == []


# ---- when the database cannot be written


async def test_while_nothing_can_be_kept_the_sender_is_asked_to_come_again(door: Front) -> None:
    await door.whatsapp(one("wamid.before"))
    other = sqlite3.connect(door.store.path, isolation_level=None)
    await door.store.run(_impatient())
    other.execute("begin immediate")
    async with door.session.post(door.url + WHATSAPP, data=one(), headers={NAME: signed(one())}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, RETRY_SECONDS)
    assert (await door.shop(cart()))[0] == 503
    other.execute("rollback")
    other.close()
    assert (await door.whatsapp(one()))[0] == 200
    assert await door.states() == ["waiting", "waiting"]


def _impatient() -> Any:
    from bot.store.step import Statement

    yield Statement("pragma busy_timeout = 50", {})


async def test_a_closed_store_is_told_as_such(door: Front) -> None:
    await door.store.close()
    status, text = await door.whatsapp(one())
    assert (status, text) == (503, "not kept: please send it again")


async def test_health_tells_what_waits_and_what_is_dead(door: Front) -> None:
    await door.whatsapp(one())
    await door.whatsapp(b"not json")
    async with door.session.get(door.url + "/health") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok", "waiting": 1, "dead": 1, "unknown": 0, "stopped": []}


async def test_health_is_red_when_the_database_cannot_be_read(door: Front) -> None:
    hidden = door.store.path.with_suffix(".away")
    door.store.path.rename(hidden)
    async with door.session.get(door.url + "/health") as answer:
        assert answer.status == 503
        assert str(door.store.path) not in await answer.text()
    hidden.rename(door.store.path)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("PUT", WHATSAPP, 405), ("GET", SHOP, 405), ("POST", "/health", 405)]
)
async def test_there_is_no_other_door(door: Front, method: str, path: str, status: int) -> None:
    async with door.session.request(method, door.url + path) as answer:
        assert answer.status == status


async def test_a_fault_of_ours_tells_nobody_outside_what_it_was(door: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret recipe")

    monkeypatch.setattr("bot.channel.whatsapp.webhook.split", broken)
    status, text = await door.whatsapp(one())
    assert status == 500
    assert "recipe" not in text


# ---- anything at all

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "\u0000",
    "\ud800",
    "x" * 300,
    [],
    {},
    [[]],
    {"a": {"b": []}},
    "1795305600",
    "<script>",
]


def _mutated(value: Any, dice: random.Random, chance: float) -> Any:
    if dice.random() < chance:
        return dice.choice(ODD)
    if isinstance(value, dict):
        kept = {key: _mutated(part, dice, chance) for key, part in value.items() if dice.random() > chance / 2}
        return kept | (
            {dice.choice(["system", "id", "type", "errors", "contacts", "\ud800"]): dice.choice(ODD)} if dice.random() < chance else {}
        )
    if isinstance(value, list):
        return [_mutated(part, dice, chance) for part in value for _ in range(dice.choice([0, 1, 1, 1, 2]))]
    return value


SEEDS: list[dict[str, Any]] = [
    json.loads(one()),
    json.loads(
        delivery(
            change(
                statuses=[
                    {
                        "id": "w",
                        "status": "failed",
                        "timestamp": "1",
                        "recipient_id": "34600111222",
                        "biz_opaque_callback_data": "k",
                        "errors": [{"code": 131026, "title": "t"}],
                    }
                ]
            )
        )
    ),
    json.loads(
        delivery(
            change(
                messages=[{**message(), "type": "button", "button": {"payload": "run:1:2:3:stop", "text": "Stop"}}],
                contacts=[{"wa_id": "34600111222", "user_id": "ES.1", "profile": {"name": "Lola"}}],
            )
        )
    ),
    json.loads(delivery({"field": "user_preferences", "value": {"user_preferences": [{"wa_id": "34600111222", "value": "stop"}]}})),
]
SHOP_SEEDS: list[dict[str, Any]] = [
    json.loads(cart()),
    {
        "type": "order.created",
        "timestamp": NOW.isoformat(),
        "data": {
            "order_key": "o1",
            "currency": "EUR",
            "total": "10.00",
            "email": "a@b.es",
            "customer_key": "7",
            "checkout_key": "k1",
            "placed_at": NOW.isoformat(),
            "items": [{"title": "A", "quantity": 1, "unit_price": "10.00"}],
            "consent": {"whatsapp": {"state": "granted", "at": NOW.isoformat(), "source": "till"}},
        },
    },
]


@pytest.mark.parametrize("seed", range(5))
async def test_no_signed_body_makes_the_door_fall(door: Front, seed: int) -> None:
    dice = random.Random(seed)
    for n in range(100):
        whatsapp = n % 2 == 0
        told = _mutated(dice.choice(SEEDS if whatsapp else SHOP_SEEDS), dice, dice.choice([0.05, 0.15, 0.4]))
        body = json.dumps(told).encode()
        if dice.random() < 0.1:
            body = bytes(dice.choice([byte, dice.randrange(256)]) if dice.random() < 0.02 else byte for byte in body)
        status, text = await (door.whatsapp(body) if whatsapp else door.shop(body, delivery=f"d{n}"))
        assert status == 200, (body, text)
