"""`comeback results`: what came of each flow, with refunds taken off and leaked codes brought to nobody; and what staff see of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.__main__ import main
from bot.desk import board
from bot.store import credit
from bot.store.credit import Kind
from bot.store.database import open_database
from tests.worker.bench import DAY, HOUR, LOLA, MONDAY, PEPE, Bench, playbook

RITA, SARA = "34600333444", "34600555666"
ITEM = {"product_id": "p-pot", "title": "Pot", "quantity": 1, "unit_price": "40.00", "category": "gifts"}


async def reminded(bench: Bench, who: str, *, arrives: bool = True) -> None:
    """A cart is left, and an hour later there is a reminder of it."""
    await bench.cart(f"k-{who}-{bench.now:%j}", who)
    await bench.go()
    await bench.go(HOUR)
    if arrives:
        await bench.status(bench.channel.sent[-1], "delivered")
        await bench.work()


async def offered(bench: Bench, who: str) -> str:
    """They find it too expensive, and are given a code."""
    await bench.writes("too expensive", who)
    await bench.work()
    await bench.codes()
    await bench.go()
    return str((await bench.rows("select code from discount order by id desc limit 1"))[0]["code"])


@pytest_asyncio.fixture
async def shop(where: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Lola used her code and Pepe another one of hers; Rita ordered after a reminder that arrived, Sara after one that did not."""
    for name, value in (("DATABASE", where), ("FLOWS", "flows"), ("LOCALES", "locales"), ("WHATSAPP_NUMBER", "")):
        monkeypatch.setenv(f"COMEBACK_{name}", value)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    store = await open_database(where)
    one = Bench(store, playbook())
    monkeypatch.setattr("bot.command.results.wall_clock", lambda: one.now)
    await reminded(one, LOLA)
    first = await offered(one, LOLA)
    one.now += HOUR
    await one.order("lola-1", LOLA, discount_codes=[first.lower()], items=[ITEM], total="38.00")
    await one.order("pepe-1", PEPE, discount_codes=[first], items=[ITEM], total="38.00")
    await one.work()
    await reminded(one, RITA)
    await reminded(one, SARA, arrives=False)
    one.now += HOUR
    for who, key in ((RITA, "rita-1"), (SARA, "sara-1")):
        await one.order(key, who, items=[ITEM], total="40.00")
    await one.work()
    one.now += DAY
    await one.shop("order.refunded", order_key="rita-1", refund_key="r1", refunded="15.00")
    await one.writes("STOP", SARA)
    await one.work()
    await one.send()
    yield one
    await store.close()


async def says(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["results", *words]) == code
    out = capsys.readouterr()
    return out.err if code else out.out


async def test_what_came_of_a_flow_is_told_and_refunds_are_taken_off(shop: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(await says(capsys, "--json", "--since", MONDAY.date().isoformat()))
    flows: dict[str, Any] = {one["flow"]: one for one in told["flows"]}
    reminder = flows["cart_reminder"]
    assert (reminder["runs"], reminder["goals"], reminder["answered"], reminder["opt_outs"]) == (3, 3, 1, 1)
    assert (reminder["sent"], reminder["delivered"]) == (4, 2)
    assert reminder["orders"] == {"code": 1, "click": 0, "view_through": 1}
    assert (reminder["money"], reminder["given_back"]) == ({"EUR": "63.00"}, {"EUR": "15.00"})
    assert reminder["codes"] == {"given": 1, "redeemed": 1, "leaked": 0}, "used by its owner before the stranger"
    assert (told["organic_orders"], told["organic"]) == (2, {"EUR": "78.00"})
    table = await says(capsys)
    assert "63.00 EUR" in table
    assert "2 orders (78.00 EUR) came by themselves." in table
    assert "hold-out" in table
    assert "nothing came of a flow 'cart_remindr'" in await says(capsys, "--flow", "cart_remindr", code=1)
    assert "came by themselves" not in await says(capsys, "--flow", "cart_reminder")


async def test_a_code_of_somebody_else_has_leaked_and_brings_its_flow_nothing(shop: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shop.now += 20 * DAY
    await reminded(shop, RITA)
    leaked = await offered(shop, RITA)
    shop.now += HOUR
    await shop.order("pepe-2", PEPE, discount_codes=[leaked], items=[ITEM], total="36.00")
    await shop.work()
    told = json.loads(await says(capsys, "--json", "--since", "2 days", "--flow", "cart_reminder"))
    (reminder,) = told["flows"]
    assert reminder["codes"] == {"given": 1, "redeemed": 0, "leaked": 1}
    assert sum(reminder["orders"].values()) == 0
    assert any("was used by somebody else" in note for note in await shop.notes(RITA))


async def test_what_is_cancelled_is_not_recovered(shop: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shop.now += HOUR
    await shop.order("rita-1", RITA, kind="order.cancelled", items=[ITEM], total="40.00")
    await shop.work()
    told = json.loads(await says(capsys, "--json"))
    reminder = next(one for one in told["flows"] if one["flow"] == "cart_reminder")
    assert (reminder["orders"]["view_through"], reminder["orders_undone"]) == (0, 1)
    assert (reminder["money"], reminder["given_back"]) == ({"EUR": "38.00"}, {"EUR": "40.00"})


async def test_what_arrived_before_an_order_may_be_told_after_it(shop: Bench) -> None:
    sara = await shop.contact(SARA)
    assert await shop.store.read(credit.of_contact(sara)) == []
    message = next(sent for sent in reversed(shop.channel.sent) if sent.to.phone == f"+{SARA}" and "left" in sent.content.body)
    now, shop.now = shop.now, MONDAY + 3 * HOUR  # when the status says it arrived
    await shop.status(message, "read")
    shop.now = now
    await shop.work()
    (found,) = await shop.store.read(credit.of_contact(sara))
    assert (found.kind, found.flow, found.number, found.kept.minor) == (Kind.VIEW_THROUGH, "cart_reminder", "sara-1", 4_000)


async def test_staff_see_what_brought_somebody_back_and_who_may_leave_carts_to_get_codes(
    shop: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    case = await shop.store.read(board.case(await shop.contact(LOLA)))
    assert [(one.flow, one.kind) for one in case.credited] == [("cart_reminder", Kind.CODE)]
    assert case.habit is None
    shop.now += 20 * DAY
    await reminded(shop, LOLA)
    await offered(shop, LOLA)
    case = await shop.store.read(board.case(await shop.contact(LOLA)))
    assert case.habit == "got 2 codes for 2 carts in 90 days, and may leave carts to get them"
    assert "1 person got 2 codes or more within 90 days, and may leave carts to get them" in await says(capsys)
