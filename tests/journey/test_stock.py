"""From a button on the shop's page to the phone, over HTTP: back in stock, sold out again, cheaper."""

import aiohttp

from .walk import Walk


async def press(walk: Walk, path: str, **form: str) -> str:
    """Press a button of the shop's pages; the page that follows."""
    async with aiohttp.ClientSession() as session, session.post(walk.stage.shop.base_url + path, data=form) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_who_asks_on_the_products_page_is_told_when_it_is_back_and_led_there(walk: Walk) -> None:
    await press(walk, "/shelf", product="p-moka", do="out")
    assert "We write to you on WhatsApp" in await press(walk, "/p/p-moka", who="dora")
    await walk.turn(hours=3)
    assert walk.got("dora") == []
    assert "5 in stock" in await press(walk, "/shelf", product="p-moka", do="back")
    await walk.turn(minutes=3)
    assert "Moka pot, six cups is back in stock" in walk.last("dora")
    await walk.press("dora", "Show it to me")
    assert [link.partition("?")[0] for link in walk.links("dora")] == [f"{walk.stage.shop.base_url}/p/p-moka"]
    await walk.turn(days=2)
    assert len(walk.got("dora")) == 2


async def test_what_is_sold_out_again_before_the_morning_is_not_sent_and_the_reason_is_left(walk: Walk) -> None:
    await press(walk, "/shelf", product="p-moka", do="out")
    await press(walk, "/p/p-moka", who="ana")
    await walk.turn(hours=12)  # 22:00 in Madrid
    await press(walk, "/shelf", product="p-moka", do="back")
    await walk.turn(minutes=3)
    assert "a message waits until" in await walk.reasons("ana")
    await press(walk, "/shelf", product="p-moka", do="out")
    await walk.turn(hours=12)
    assert walk.got("ana") == []
    assert "a message was not sent: It was sold out again before it could be sent." in await walk.reasons("ana")
    await press(walk, "/shelf", product="p-moka", do="back")
    await walk.turn(minutes=3)
    assert len(walk.got("ana")) == 1, "they kept their place"


async def test_no_reminder_promises_what_is_sold_out_and_its_return_is_told(walk: Walk) -> None:
    await press(walk, "/shelf", product="p-grinder", do="back")
    await walk.leave_cart("ben", ("p-grinder", 1))
    await press(walk, "/shelf", product="p-grinder", do="out")
    await walk.turn(hours=4)
    assert walk.got("ben") == []
    await press(walk, "/shelf", product="p-grinder", do="back")
    await walk.turn(minutes=3)
    assert "Hand grinder is back in stock" in walk.last("ben")


async def test_what_lies_in_a_cart_and_costs_less_is_told(walk: Walk) -> None:
    await press(walk, "/shelf", product="p-gift", do="back")
    await walk.turn(days=31, hours=1)
    await walk.leave_cart("ben", ("p-gift", 1))
    await press(walk, "/shelf", product="p-gift", do="cheaper")
    await walk.turn(minutes=3)
    assert "Gift card costs less now: €20.00" in walk.last("ben").replace("US", "")
    await walk.press("ben", "Show it to me")
    assert "thirty days was €25.00" in walk.last("ben")


async def test_who_bought_it_at_last_is_not_told(walk: Walk) -> None:
    await press(walk, "/shelf", product="p-moka", do="out")
    await press(walk, "/p/p-moka", who="ana")
    await walk.rest()
    await walk.buy("ana", ("p-moka", 1), email_only=True)
    await press(walk, "/shelf", product="p-moka", do="back")
    await walk.turn(minutes=3)
    assert walk.got("ana") == []
