"""What should be used up is asked about once, and only when that makes sense."""

from .walk import Walk


async def test_after_the_owners_days_the_customer_is_asked_in_their_language(walk: Walk) -> None:
    await walk.buy("carla", ("p-huila", 2))
    await walk.turn(days=24, hours=23)
    assert walk.got("carla") == []
    await walk.turn(hours=4)
    assert "O seu Huila single origin, 250 g está acabando?" in walk.last("carla")
    await walk.press("carla", "O mesmo, por favor")
    assert f"{walk.stage.shop.base_url}/r/o-1001" in walk.last("carla")
    assert "reorders" in (await walk.contact("carla")).tags


async def test_who_bought_it_again_is_not_asked_about_the_first_time(walk: Walk) -> None:
    await walk.buy("carla", ("p-huila", 2))
    await walk.turn(days=20)
    await walk.buy("carla", ("p-espresso", 1), email_only=True)
    await walk.turn(days=10)
    assert walk.got("carla") == []
    assert "coffee was bought again since" in walk.whys()
    await walk.turn(days=16)
    assert len(walk.got("carla")) == 1
    assert "House espresso" in walk.last("carla")


async def test_a_gift_card_and_equipment_are_never_used_up(walk: Walk) -> None:
    await walk.buy("ana", ("p-gift", 2), ("p-moka", 1))
    await walk.turn(days=90)
    assert walk.got("ana") == []
    assert walk.count("select count(*) from timer") == 0


async def test_a_cancelled_order_is_not_asked_about(walk: Walk) -> None:
    await walk.buy("ana", ("p-espresso", 1))
    walk.stage.shop.cancel(walk.stage.shop.orders[0])
    await walk.turn(days=30)
    assert walk.got("ana") == []
    assert "the order was cancelled" in walk.whys()


async def test_remind_me_in_a_week_asks_again_in_a_week_and_not_after_an_order(walk: Walk) -> None:
    for who in ("ben", "ana"):
        await walk.buy(who, ("p-espresso", 1))
    await walk.turn(days=26)
    await walk.press("ben", "Remind me in a week")
    await walk.press("ana", "Recuérdamelo en 7 días")
    assert walk.last("ben") == "All right, we will ask again in a week."
    walk.new("ben")
    walk.new("ana")
    await walk.turn(days=6)
    await walk.buy("ana", ("p-dripper", 1), email_only=True)
    assert walk.new("ben") == walk.new("ana") == []
    await walk.turn(days=2)
    (again,) = walk.new("ben")
    assert "A week ago you asked us to remind you of House espresso, 1 kg" in again
    assert f"{walk.stage.shop.base_url}/r/o-1001" in again
    await walk.turn(days=6)
    assert walk.new("ana") == []


async def test_regulars_who_do_not_answer_get_a_thank_you_and_others_do_not(walk: Walk) -> None:
    for _ in range(3):
        await walk.buy("ana", ("p-espresso", 1))
    await walk.buy("ben", ("p-espresso", 1))
    await walk.turn(days=35)
    assert len(walk.got("ben")) == 1
    thanked, nudged, offered = walk.got("ana")
    assert "tercer pedido" in thanked
    assert "¿te queda poco" in nudged
    code = list(walk.stage.shop.discounts)[-1]
    assert code in offered
    assert walk.stage.shop.discounts[code].percent == 8
