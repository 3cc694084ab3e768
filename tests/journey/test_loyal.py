"""What becomes of a purchase, on a customer's phone: win-back, thanks, what goes with it, a review; and what is credited to whom."""

import asyncio
import json
from datetime import timedelta

import pytest

from bot.__main__ import main
from bot.sandbox.shop.shop import Order

from .walk import MONDAY, Walk


async def delivered(walk: Walk, who: str, *products: tuple[str, int]) -> Order:
    """Somebody orders, and two days later it is there."""
    await walk.buy(who, *products)
    order = walk.stage.shop.orders[-1]
    await walk.turn(days=2)
    walk.stage.shop.deliver(order)
    await walk.rest()
    return order


async def test_who_stays_away_three_times_as_long_as_usual_is_asked_and_then_offered_a_code(walk: Walk) -> None:
    for _ in range(2):
        await walk.buy("ana", ("p-moka", 1))
        await walk.turn(days=10)
    await walk.buy("ana", ("p-moka", 1))
    await walk.turn(days=8)
    walk.new("ana")
    await walk.turn(days=20)
    assert walk.new("ana") == []
    await walk.turn(days=3)
    (asked,) = walk.new("ana")
    assert "hace tiempo que no sabemos de ti. ¿Te gustó tu Moka pot, six cups?" in asked
    await walk.press("ana", "¿Qué hay de nuevo?")
    assert walk.new("ana") == ["Esto es lo que ha llegado desde tu última visita."]
    await walk.turn(days=4)
    code = walk.rows("select code, state from discount order by id desc limit 1")[0]
    assert code["state"] == "issued"
    assert str(code["code"]) in walk.last("ana")
    await walk.buy("ana", ("p-dripper", 1), code=str(code["code"]))
    assert walk.rows("select outcome, goal_order is not null as known from run where flow = 'win_back'") == [
        {"outcome": "goal reached", "known": 1}
    ]
    assert walk.rows("select kind, flow, minor, back_minor from credit order by shop_order desc limit 1") == [
        {"kind": "code", "flow": "win_back", "minor": 1620, "back_minor": 0}
    ]
    await walk.turn(days=25)
    assert walk.count("select count(*) from run where flow = 'win_back'") == 1


async def test_the_third_order_is_thanked_for_and_one_that_is_cancelled_is_not(walk: Walk) -> None:
    for _ in range(2):
        await walk.buy("ana", ("p-dripper", 1))
        await walk.turn(days=1)
    await walk.buy("ana", ("p-dripper", 1))
    walk.stage.shop.cancel(walk.stage.shop.orders[-1])
    await walk.turn(days=2)
    assert walk.got("ana") == []
    await walk.buy("ana", ("p-dripper", 1))
    await walk.turn(days=2)
    (thanks,) = walk.got("ana")
    assert "este ha sido tu tercer pedido" in thanks
    walk.stage.shop.cancel(walk.stage.shop.orders[-1])
    await walk.rest()
    await walk.buy("ana", ("p-dripper", 1))
    await walk.turn(days=2)
    assert walk.got("ana") == [thanks], "the new third order is thanked for already"


async def test_what_goes_with_the_coffee_is_shown_to_who_has_none_of_it(walk: Walk) -> None:
    await delivered(walk, "ana", ("p-espresso", 1))
    await delivered(walk, "ben", ("p-espresso", 1), ("p-grinder", 1))
    await walk.turn(days=7, hours=2)
    assert "¿cómo preparas tu House espresso, 1 kg?" in walk.last("ana")
    assert walk.got("ben") == []
    await walk.press("ana", "Enséñame")
    assert walk.links("ana") == ["https://casa-bonita.example/equipment"]


async def test_a_review_is_asked_for_and_not_of_who_complained(walk: Walk) -> None:
    await delivered(walk, "ana", ("p-moka", 1))
    await delivered(walk, "ben", ("p-moka", 1))
    await walk.write("ben", "it leaks, can a person help me?")
    await walk.staff.take(walk.phone("ben"))
    await walk.staff.hand_back(walk.phone("ben"))
    walk.new("ben")
    await walk.turn(days=10, hours=3)
    assert "¿Qué tal está?" in walk.last("ana")
    assert walk.new("ben") == []
    await walk.press("ana", "Escribir una reseña")
    assert walk.links("ana") == ["https://casa-bonita.example/products/p-moka#reviews"]


async def test_an_order_after_a_message_that_arrived_is_told_with_what_it_is_not(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=2)
    await walk.buy("ana")
    await walk.buy("ben", ("p-moka", 1))
    assert "counts as brought about by this flow: its message had arrived" in await walk.reasons("ana")
    monkeypatch.setattr("bot.command.results.wall_clock", walk.now)
    for name, value in (("DATABASE", walk.database), ("FLOWS", "flows"), ("LOCALES", "locales"), ("WHATSAPP_NUMBER", "")):
        monkeypatch.setenv(f"COMEBACK_{name}", value)
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["results", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    reminder = next(one for one in told["flows"] if one["flow"] == "cart_reminder")
    assert (reminder["sent"], reminder["delivered"], reminder["goals"]) == (1, 1, 1)
    assert (reminder["orders"], reminder["money"]) == ({"code": 0, "click": 0, "view_through": 1}, {"EUR": "107.00"})
    assert (told["organic_orders"], told["organic"]) == (1, {"EUR": "32.00"})
    assert "hold-out" in told["note"]
    assert walk.now() - MONDAY < timedelta(days=1)
