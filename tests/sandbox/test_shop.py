"""The shop tells what happens in it, and makes discount codes for those who sign."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from .house import NOON, SECRET, House

Json = dict[str, Any]
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
TERMS = {"percent": "5", "ends_at": (NOON + timedelta(days=2)).isoformat()}


def signature(delivery: str, stamp: str, body: bytes, key: bytes = KEY) -> str:
    """A Standard Webhooks signature, made independently of the shop's."""
    signed = b".".join([delivery.encode(), stamp.encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()


async def put(home: House, code: str, terms: Any, *, key: bytes = KEY, late: float = 0) -> tuple[int, Json]:
    """Asks the shop for a code as the bot does."""
    body = json.dumps(terms).encode()
    stamp = str(int(home.clock.now.timestamp() - late))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature("msg_1", stamp, body, key)}
    async with home.http.put(f"{home.url}/discounts/{code}", data=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_cart_is_told_in_the_canonical_form_and_signed(home: House) -> None:
    home.shop.add("ana", "p-espresso", 2)
    checkout = home.shop.add("ana", "p-moka")
    await home.sandbox.idle()
    post = home.receiver.posts[-1]
    stamp = post.headers["webhook-timestamp"]
    assert post.headers["webhook-signature"] == signature(post.headers["webhook-id"], stamp, post.body)
    assert stamp == str(int(home.clock.now.timestamp()))
    data = post.json["data"]
    assert post.json["type"] == "checkout.updated"
    assert post.json["timestamp"] == "2026-11-24T11:00:00Z"
    assert (data["phone"], data["locale"], data["total"], data["completed"]) == ("+34600000001", "es-ES", "80.00", False)
    assert [(one["title"], one["quantity"], one["unit_price"]) for one in data["items"]] == [
        ("House espresso, 1 kg", 2, "24.00"),
        ("Moka pot, six cups", 1, "32.00"),
    ]
    assert data["recovery_url"] == f"{home.url}/c/{checkout.key}"
    assert data["consent"]["whatsapp"] == {"state": "granted", "at": "2026-11-24T11:00:00Z", "source": "checkout box"}


async def test_a_retried_event_keeps_its_id_and_is_signed_anew(home: House) -> None:
    home.receiver.answers = [500, 200]
    home.receiver.when_told = lambda _: setattr(home.clock, "now", home.clock.now + timedelta(seconds=30))
    home.shop.add("ana", "p-moka")
    await home.sandbox.idle()
    first, second = home.receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 30
    assert second.headers["webhook-signature"] == signature(second.headers["webhook-id"], second.headers["webhook-timestamp"], second.body)


async def test_an_order_is_placed_paid_delivered_and_closes_its_checkout(home: House) -> None:
    home.shop.add("ana", "p-huila")
    order = home.shop.buy("ana")
    home.shop.deliver(order)
    await home.sandbox.idle()
    told = [(one["type"], one["data"].get("status"), one["data"].get("completed")) for one in home.receiver.events()[1:]]
    assert told == [
        ("order.created", "placed", None),
        ("order.updated", "paid", None),
        ("checkout.updated", None, True),
        ("order.fulfilled", "delivered", None),
    ]
    assert home.shop.cart("ana").key != order.checkout_key


async def test_a_guests_order_tells_nothing_but_the_email(home: House) -> None:
    home.shop.add("ana", "p-huila")
    home.shop.buy("ana", email_only=True)
    await home.sandbox.idle()
    for event in home.receiver.events()[1:]:
        assert event["data"]["email"] == "ana@example.com"
        assert not {"phone", "customer_key", "checkout_key", "first_name"} & set(event["data"])


async def test_an_empty_cart_cannot_be_bought_and_a_cart_can_be_emptied(home: House) -> None:
    with pytest.raises(ValueError, match="empty"):
        home.shop.buy("ana")
    home.shop.add("ana", "p-huila", 2)
    home.shop.add("ana", "p-huila", -1)
    home.shop.empty("ana")
    await home.sandbox.idle()
    assert [[line["quantity"] for line in one["data"]["items"]] for one in home.receiver.events()] == [[2], [1], []]


async def test_consent_and_account_changes_are_told(home: House) -> None:
    home.shop.consent("ana", "whatsapp", "withdrawn")
    home.shop.change(replace(home.shop.shoppers["dora"], phone="+4915550000009"))
    await home.sandbox.idle()
    consent, change = home.receiver.events()
    assert (consent["type"], consent["data"]["consent"]["whatsapp"]["state"]) == ("consent.updated", "withdrawn")
    assert consent["data"]["consent"]["ads"]["state"] == "granted"
    assert (change["type"], change["data"]["phone"], change["data"]["consent"]) == ("customer.updated", "+4915550000009", {})


async def test_a_code_is_made_once_however_often_it_is_asked_for(home: House) -> None:
    assert await put(home, "ANA-5", TERMS) == (200, {"code": "ANA-5"})
    assert await put(home, "ana-5", TERMS) == (200, {"code": "ANA-5"})
    status, answer = await put(home, "ANA-5", TERMS | {"percent": "50"})
    assert (status, "error" in answer) == (409, True)
    assert len(home.shop.discounts) == 1


async def test_a_code_takes_its_part_off_an_order_until_it_ends(home: House) -> None:
    await put(home, "ANA-5", TERMS)
    await put(home, "TEN", {"amount": "10.00", "currency": "EUR", "ends_at": TERMS["ends_at"]})
    home.shop.add("ana", "p-huila", 3)
    first = home.shop.buy("ana", code=" ana-5 ")
    assert (first.code, first.discount, first.total) == ("ANA-5", 188, 3562)
    home.shop.add("ana", "p-huila", 3)
    second = home.shop.buy("ana", code="TEN")
    assert (second.code, second.discount, second.total) == ("TEN", 1000, 2750)
    home.clock.now += timedelta(days=2)
    home.shop.add("ana", "p-huila", 3)
    third = home.shop.buy("ana", code="TEN")
    assert (third.code, third.discount, third.total) == (None, 0, 3750)
    await home.sandbox.idle()
    codes = [one["data"]["discount_codes"] for one in home.receiver.events() if one["type"] == "order.created"]
    assert codes == [["ANA-5"], ["TEN"], []]


async def test_no_code_is_made_when_the_pool_is_empty_or_the_shop_is_down(home: House) -> None:
    home.shop.pool_empty = True
    assert (await put(home, "ANA-5", TERMS))[0] == 409
    home.shop.down = True
    assert (await put(home, "ANA-5", TERMS))[0] == 503
    assert home.shop.discounts == {}


@pytest.mark.parametrize(
    ("key", "late", "expected"), [(KEY, 0, 200), (KEY, 299, 200), (KEY, 301, 401), (KEY, -301, 401), (b"another", 0, 401)]
)
async def test_only_a_fresh_signature_of_the_secret_is_believed(home: House, key: bytes, late: float, expected: int) -> None:
    assert (await put(home, "ANA-5", TERMS, key=key, late=late))[0] == expected


async def test_a_request_without_signature_is_refused(home: House) -> None:
    async with home.http.put(f"{home.url}/discounts/X-1", json=TERMS) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("A", TERMS),
        ("A b c", TERMS),
        ("OK-1", {"percent": "5"}),
        ("OK-1", TERMS | {"percent": "0"}),
        ("OK-1", TERMS | {"percent": "101"}),
        ("OK-1", TERMS | {"percent": "NaN"}),
        ("OK-1", TERMS | {"percent": "five"}),
        ("OK-1", TERMS | {"ends_at": "2026-11-26T11:00:00"}),
        ("OK-1", TERMS | {"amount": "1", "currency": "EUR"}),
        ("OK-1", {"amount": "1.005", "currency": "EUR", "ends_at": TERMS["ends_at"]}),
        ("OK-1", {"amount": "1", "currency": "USD", "ends_at": TERMS["ends_at"]}),
        ("OK-1", {"amount": "Infinity", "currency": "EUR", "ends_at": TERMS["ends_at"]}),
        ("OK-1", []),
        ("OK-1", None),
        ("OK-1", "x"),
    ],
)
async def test_terms_that_are_no_discount_are_refused(home: House, code: str, terms: Any) -> None:
    assert (await put(home, code, terms))[0] == 422
