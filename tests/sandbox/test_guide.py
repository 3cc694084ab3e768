"""The newcomer's guide on the demo page."""

from datetime import datetime, timedelta

from bot.sandbox.pages.tour import STATIONS

from .house import BEN, CART_REMINDER, NOON, House, house, reminder
from .seen import Desk, act, look


async def test_the_guide_follows_where_the_visitor_is() -> None:
    desk = Desk()
    desk.queue = []
    due: list[datetime] = []

    async def next_due() -> datetime | None:
        return due[0] if due else None

    async def hint(who: str = "ana") -> str:
        return (await look(home, who)).at("hint").text

    async with house(staff=desk, next_due=next_due) as home:
        assert (await hint()).startswith(f"Try this 1/{STATIONS} Put something into the cart")
        await act(home, "cart", who="ana", product="p-moka", quantity="1")
        assert "leave the shop" in await hint()
        await act(home, "leave", who="ana")
        due.append(NOON + timedelta(hours=1))
        assert "Turn the clock" in await hint()
        await home.create(CART_REMINDER)
        await home.send(type="template", template=reminder())
        assert "Answer as Ana: press a button on the phone, or write “es muy caro”" in await hint()
        await act(home, "say", who="ana", text="es muy caro")
        assert "STOP" in await hint()
        await act(home, "say", who="ana", text="STOP")
        assert "Become Ben" in await hint()
        assert "Write to the shop as Ben" in await hint("ben")
        desk.queue = [(BEN, "asked")]
        assert "Ben waits for a person. Take over" in await hint()
        desk.queue, desk.taken = [], {BEN: "Sam"}
        assert "answer Ben" in await hint()
        desk.taken = {}
        assert "That was the tour" in await hint()


async def test_what_the_guide_offers_can_be_done_with_one_button(home: House) -> None:
    for expected in ("cart", "leave"):
        form = next(node for node in (await look(home)).nodes if node.attributes.get("action") == f"/page/{expected}")
        assert form.tag == "form"
        assert await act(home, expected, who="ana", product="p-espresso", quantity="1") == 204
    assert home.shop.cart("ana").lines == {"p-espresso": 1}


