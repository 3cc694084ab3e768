"""Every platform's way in, over HTTP: who signed well gets a 200, everybody else a 401, nobody a 500, and nothing signed is dropped."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from bot.shop import reading, signature
from bot.store.database import StoreUnavailable

from .bodies import (
    RECEIVED,
    SHOPIFY_CHECKOUT,
    SHOPIFY_ORDER,
    WOO_ORDER,
    bigcommerce_body,
    bigcommerce_headers,
    shopify_headers,
    wire,
    woo_headers,
)
from .front import (
    BIG,
    CARTFLOWS,
    MEDUSA,
    OLD_PLAIN_SECRET,
    OLD_SECRET,
    PLAIN,
    PLAIN_SECRET,
    SECRET,
    SHOPIFY,
    WOO,
    Front,
    front,
)

Headers = dict[str, str]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


def medusa_headers(body: bytes, secret: str) -> Headers:
    return {"X-Comeback-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def plain_headers(body: bytes, secret: str) -> Headers:
    return signature.sign("msg_1", RECEIVED, body, secret)


PLAIN_BODY = wire(
    {"type": "checkout.updated", "timestamp": "2026-11-02T10:00:00Z", "data": {"checkout_key": "k", "currency": "EUR", "items": []}}
)
MEDUSA_BODY = wire(
    {"name": "order.placed", "at": "2026-11-02T10:00:00Z", "data": {"id": "o1", "currency_code": "eur", "total": 5, "items": []}}
)

PLATFORMS: dict[str, tuple[str, bytes, Callable[[bytes, str], Headers], str, str, str]] = {
    # the path, a body, how it is signed, two secrets, the header the signature is in
    "shopify": (
        SHOPIFY,
        wire(SHOPIFY_ORDER),
        lambda b, s: shopify_headers("orders/create", b, s),
        SECRET,
        OLD_SECRET,
        "X-Shopify-Hmac-Sha256",
    ),
    "shopify_privacy": (
        SHOPIFY,
        wire({"shop_domain": "casa-lola.myshopify.com", "customer": {"id": 1, "email": "ana@example.com"}, "orders_to_redact": []}),
        lambda b, s: shopify_headers("customers/redact", b, s),
        SECRET,
        OLD_SECRET,
        "X-Shopify-Hmac-Sha256",
    ),
    "woocommerce": (WOO, wire(WOO_ORDER), lambda b, s: woo_headers("order.updated", b, s), SECRET, OLD_SECRET, "X-WC-Webhook-Signature"),
    "bigcommerce": (BIG, bigcommerce_body("store/order/created", id=250), bigcommerce_headers, SECRET, OLD_SECRET, "webhook-signature"),
    "generic": (PLAIN, PLAIN_BODY, plain_headers, PLAIN_SECRET, OLD_PLAIN_SECRET, "webhook-signature"),
    "mapped": (MEDUSA, MEDUSA_BODY, medusa_headers, SECRET, OLD_SECRET, "X-Comeback-Signature"),
}


def _hexed(value: str) -> str:
    """Base64 as hex, hex as base64: the other platforms' way to write it."""
    prefix, digest = value.rpartition(",")[::2]
    try:
        written = base64.b64encode(bytes.fromhex(digest)).decode()
    except ValueError:
        written = base64.b64decode(digest).hex()
    return f"{prefix},{written}" if prefix else written


def _cased(headers: Headers) -> Headers:
    return {name.swapcase(): value for name, value in headers.items()}


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_signature_in_each_of_these_forms_gives_200_or_401(door: Front, platform: str) -> None:
    path, body, sign, secret, old_secret, where = PLATFORMS[platform]
    good = sign(body, secret)
    value = good[where]
    forms: list[tuple[str, bytes, Any, int]] = [
        ("good", body, good, 200),
        ("by the second secret", body, sign(body, old_secret), 200),
        ("in a header of another case", body, _cased(good), 200),
        ("with blanks around it", body, good | {where: f"  {value}\t"}, 200),  # HTTP takes them away
        ("missing", body, {name: each for name, each in good.items() if name != where}, 401),
        ("empty", body, good | {where: ""}, 401),
        (
            "by a wrong secret",
            body,
            sign(body, secret.swapcase() if secret[0] != "w" else "whsec_" + base64.b64encode(b"x" * 32).decode()),
            401,
        ),
        ("of another body", body + b" ", good, 401),
        ("of no body", b"", good, 401),
        ("in another alphabet", body, good | {where: value[:-3] + "_-!"}, 401),
        ("of another length", body, good | {where: value[:-1]}, 401),
        ("longer", body, good | {where: value + "A"}, 401),
        ("not ASCII", body, good | {where: "é" + value[1:]}, 401),
        ("written the other way", body, good | {where: _hexed(value)}, 401),
        ("with a blank inside", body, good | {where: value[:9] + " " + value[9:]}, 401),
        ("twice", body, CIMultiDict([*good.items(), (where, value)]), 401),
        ("endless", body, good | {where: "A" * 6000}, 401),
    ]
    answers = {name: await door.post(path, sent, headers) for name, sent, headers, _ in forms}
    assert answers == {name: status for name, _, _, status in forms}
    assert {row["state"] for row in await door.rows()} == {"waiting"}


async def test_the_word_in_the_path_is_the_secret_of_those_who_cannot_sign(door: Front) -> None:
    body = b"order_status=abandoned&checkout_url=https%3A%2F%2Fc.example%2F%3Fx%3D1&cart_total=%2420&phone=%2B14155550132&product_names=Cup"
    words = {"/a-word-of-ours": 200, "/the-word-before": 200, "": 401, "/": 404, "/another": 401, "/a-word-of-ours/x": 404, "/%C3%A9": 401}
    assert {word: await door.post(CARTFLOWS + word, body) for word in words} == words
    (row,) = await door.rows()
    assert (row["kind"], row["state"]) == ("checkout.updated", "waiting")


async def test_woocommerces_greeting_is_answered_and_not_kept(door: Front) -> None:
    assert await door.post(WOO, b"webhook_id=12", {"Content-Type": "application/x-www-form-urlencoded"}) == 200
    assert await door.post(SHOPIFY, b"webhook_id=12") == 401
    assert await door.rows() == []


async def test_woocommerce_speaks_http_1_0(door: Front) -> None:
    """WooCommerce: `httpversion` is 1.0, and a minute is how long it waits."""
    body = wire(WOO_ORDER)
    headers = woo_headers("order.updated", body, SECRET) | {"Host": "bot.example", "Content-Length": str(len(body))}
    lines = [f"POST {WOO} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(door.url).port)
    writer.write("\r\n".join(lines).encode() + body)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    assert answer.split(b"\r\n")[0].endswith(b" 200 OK")
    assert len(await door.rows()) == 1


async def test_a_shop_is_found_by_its_path_alone(door: Front) -> None:
    body = wire(WOO_ORDER)
    headers = woo_headers("order.updated", body, SECRET)
    paths = {
        "/webhooks/woocommerce/casa": 404,
        "/webhooks/shop/lola": 404,
        "/webhooks/woocommerce/none": 404,
        "/webhooks/none/lola": 404,
        WOO: 200,
    }
    assert {path: await door.post(path, body, headers) for path in paths} == paths
    assert [row["place"] for row in await door.rows()] == ["lola"]


async def test_a_redelivery_is_answered_and_kept_once(door: Front) -> None:
    for path, body, sign, secret, _, _ in PLATFORMS.values():
        assert [await door.post(path, body, sign(body, secret)) for _ in range(3)] == [200, 200, 200]
    places = [row["place"] for row in await door.rows()]
    assert sorted(places) == ["casa", "gran", "lola", "med", "mia"]  # both of Shopify's have one webhook id here: one delivery


async def test_what_is_signed_and_cannot_be_read_is_kept_as_dead_and_answered_200(door: Front) -> None:
    garbage = b'{"id": "\xff'
    for path, sign, secret in ((SHOPIFY, PLATFORMS["shopify"][2], SECRET), (WOO, PLATFORMS["woocommerce"][2], SECRET)):
        assert await door.post(path, garbage, sign(garbage, secret)) == 200
    assert await door.post(CARTFLOWS + "/a-word-of-ours", garbage) == 200
    assert [(row["state"], bytes(row["body"])) for row in await door.rows()] == [("dead", garbage)] * 3


async def test_while_the_database_is_away_who_tries_again_is_told_to_and_woocommerce_hears_no_refusal(
    door: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def receive(*_: Any) -> int:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(type(door.store), "receive", receive)
    answers = {name: await door.post(path, body, sign(body, secret)) for name, (path, body, sign, secret, _, _) in PLATFORMS.items()}
    assert answers == {**dict.fromkeys(PLATFORMS, 503), "woocommerce": 200}
    monkeypatch.undo()
    assert await door.overflow.bring_in(door.door.take_in) == 1
    assert [row["place"] for row in await door.rows()] == ["lola"]


# ---- whatever they sign

HOSTILE: list[Any] = [
    None, True, 0, -1, 1.5, 10**400, "", " ", "x" * 5000, "\x00\u202e", "\ud800", "9999-12-31T23:59:59Z", "0001-01-01", "NaN", "1e400",
    "EURO", "XXX", "0", "-0", "١٢٣", [], [None], [[]], {}, {"a": {}}, [{"id": 1}], "https://", "javascript:x", "+34", "gid://shopify/Order/1",
    float("nan"), float("inf"),
]  # fmt: skip
SHOPIFY_TOPICS = [
    *("carts/update", "checkouts/update", "checkouts/delete", "orders/create", "orders/updated", "orders/edited", "orders/delete"),
    *("refunds/create", "fulfillments/update", "fulfillment_events/create", "draft_orders/update", "customers/update", "customers/merge"),
    *("customers_whats_app_marketing_consent/update", "products/update", "variants/in_stock", "inventory_levels/update", "app/uninstalled"),
    *("customers/redact", "customers/data_request", "shop/redact", "of/tomorrow", "", "é"),
]
WOO_TOPICS = ["order.created", "order.updated", "order.deleted", "customer.updated", "product.updated", "action.x", "", "order", ".", "é"]
BIG_SCOPES = ["store/cart/converted", "store/order/created", "store/sku/inventory/updated", "store/app/uninstalled", "x", "store/"]


def mutated(body: Any, chance: random.Random) -> Any:
    """A body in which one thing, somewhere, is something else, or missing, or is not JSON any more."""
    copy = json.loads(json.dumps(body))
    at, key = copy, None
    while isinstance(at, dict | list) and at:
        holder, key = at, chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = holder[key]
        if chance.random() < 0.4:
            break
    if key is not None:
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = chance.choice(HOSTILE)
    return copy


def spoilt(raw: bytes, chance: random.Random) -> bytes:
    """The bytes, sometimes cut, turned, or deeper than anybody reads."""
    match chance.randrange(12):
        case 0:
            return raw[: chance.randrange(len(raw))]
        case 1:
            place = chance.randrange(len(raw))
            return raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]
        case 2:
            return b'{"a":' * 3000 + raw
        case 3:
            return raw.decode("utf-8", "replace").encode("utf-16")
        case 4:
            return b"\xef\xbb\xbf" + raw
        case _:
            return raw


def delivery(number: int, chance: random.Random) -> tuple[str, bytes, Headers]:
    """A signed delivery in which something is wrong."""
    match chance.choice(["shopify", "shopify", "woo", "woo", "big", "plain", "medusa", "cartflows"]):
        case "shopify":
            body = spoilt(wire(mutated(chance.choice([SHOPIFY_ORDER, SHOPIFY_CHECKOUT]), chance)), chance)
            return SHOPIFY, body, shopify_headers(chance.choice(SHOPIFY_TOPICS), body, SECRET, f"d{number}")
        case "woo":
            body = spoilt(wire(mutated(WOO_ORDER | {"number": f"n{number}"}, chance)), chance)
            return WOO, body, woo_headers(chance.choice(WOO_TOPICS), body, SECRET, f"d{number}")
        case "big":
            told = json.loads(bigcommerce_body(chance.choice(BIG_SCOPES), id=f"{number}"))
            body = spoilt(wire(mutated(told | {"hash": f"h{number}"}, chance)), chance)
            return BIG, body, bigcommerce_headers(body, SECRET, message=f"m{number}")
        case "plain":
            told = json.loads(PLAIN_BODY)
            body = spoilt(wire(mutated(told, chance)), chance)
            return PLAIN, body, signature.sign(f"m{number}", RECEIVED, body, PLAIN_SECRET)
        case "medusa":
            body = spoilt(wire(mutated(json.loads(MEDUSA_BODY) | {"id": f"m{number}"}, chance)), chance)
            return MEDUSA, body, medusa_headers(body, SECRET)
        case _:
            form = f"order_status=abandoned&checkout_url=https%3A%2F%2Fc.example%2F%3Fn%3D{number}&cart_total=%2420&product_names=Cup"
            return CARTFLOWS + "/a-word-of-ours", spoilt(form.encode(), chance), {}


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_is_signed_is_answered_200_and_kept(door: Front, seed: int, full: bool, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    sent: set[tuple[str, bytes]] = set()
    for number in range(10_000 if full else 400):
        path, body, headers = delivery(number, chance)
        name = headers.get("X-Shopify-Webhook-Id") or headers.get("webhook-id") or ""
        assert await door.post(path, body, headers) == 200, (path, body, headers)
        sent.add((f"{path}{name}", body))
    rows = await door.rows()
    assert len(rows) >= len(sent) * 0.97  # two of one hash are one: a mutation may have taken what told them apart
    for row in rows:
        if row["state"] == "waiting":
            reading.read(row["kind"], bytes(row["body"]))  # as the dispatcher does
    assert not [record for record in caplog.records if record.levelname == "ERROR"]  # nothing stumbled over it inside
