"""Back in stock and cheaper: who is told, when, how many at a time, and who is not."""

from datetime import timedelta
from typing import Any

from bot.store.database import open_database
from bot.worker import stock

from .bench import DAY, HOUR, ITEMS, LOLA, PEPE, Bench, owner_files, playbook

MINUTE = timedelta(minutes=1)
AGREED = {"whatsapp": {"state": "granted", "source": "form"}}
CROWD = [f"34600{number:06d}" for number in range(40)]


def rules(**replaced: str) -> Any:
    """The shipped flows without the store's limit of marketing, with other rules at the end of store.yaml."""
    store = owner_files()["flows/store.yaml"]
    for limit in ("marketing_limit: 1 per day, 3 per week", "quiet_hours: 21:00 to 09:00"):
        store = store.replace(limit, "")
    return playbook(store=store + "".join(f"\n{key}: {value}" for key, value in replaced.items()))


async def soap(bench: Bench, pieces: int | None = None, price: str = "10.00", **more: Any) -> None:
    counted: dict[str, Any] = {} if pieces is None else {"stock": pieces}
    page: dict[str, Any] = {"url": "https://casa.example/soap", "image_url": "https://casa.example/soap.jpg"}
    await bench.shop("product.updated", product_id="p-soap", title="Soap", price=price, **page, **counted, **more)


async def wants(bench: Bench, *people: str, product: str = "p-soap") -> None:
    for who in people:
        await bench.shop("product.wanted", product_id=product, phone=f"+{who}", consent=AGREED)


async def back(bench: Bench, pieces: int | None = 1) -> list[str]:
    """It is back; what was sent once it has settled."""
    await soap(bench, pieces)
    await bench.go()
    return await bench.go(stock.SETTLES)


async def sold_out(bench: Bench, after: timedelta = DAY) -> None:
    await soap(bench, 0)
    await bench.go()
    bench.now += after


def told(bodies: list[str]) -> int:
    return sum("Soap is back in stock" in body for body in bodies)


# ---- who is told


async def test_who_asked_on_the_shops_page_is_told_once(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    assert await back(bench) == ["Good news, there: Soap is back in stock.\nShall we show it to you?"]
    assert await bench.go(DAY) == []
    assert "stock: Soap is back in stock" in await bench.notes()


async def test_who_asked_in_the_chat_is_told(bench: Bench) -> None:
    flow = "name: Ask\npurpose: service\nstart: {when: message_received}\nsteps: [tell_when_back: p-soap]\n"
    bench.playbook = playbook(welcome=None, ask=flow)
    await sold_out(bench)
    await bench.shop("customer.updated", phone=f"+{LOLA}", consent=AGREED)
    await bench.writes("tell me when the soap is back")
    await bench.go(HOUR)
    assert "stock: wants to hear when Soap is back" in await bench.notes()
    assert told(await back(bench)) == 1


async def test_who_is_too_late_waits_on_with_one_button(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    await back(bench)
    await sold_out(bench, HOUR)
    await bench.presses("Show it to me")
    assert await bench.go() == ["Sorry, somebody was faster. We tell you when it is back once more."]
    bench.now += DAY
    assert told(await back(bench)) == 1


async def test_what_lies_in_a_cart_that_was_left_is_told_when_it_is_back(bench: Bench) -> None:
    items = [{"product_id": "p-soap", "title": "Soap", "quantity": 2, "unit_price": "30.00"}]
    await soap(bench, 2)
    await bench.cart(items=items)
    await bench.go()
    await soap(bench, 0)
    assert await bench.go(HOUR) == []
    assert any("cart.is_in_stock' is not so" in note for note in await bench.notes())
    bench.now += DAY
    assert told(await back(bench)) == 1


async def test_a_cart_that_was_bought_waits_for_nothing(bench: Bench) -> None:
    items = [{"product_id": "p-soap", "title": "Soap", "quantity": 1, "unit_price": "30.00"}]
    await soap(bench, 1)
    await bench.cart(items=items)
    await bench.order(items=items)
    await sold_out(bench)
    assert told(await back(bench)) == 0


async def test_one_kind_that_is_back_is_none_of_who_waits_for_another(bench: Bench) -> None:
    kinds = [{"variant_id": kind, "title": kind, "stock": 0} for kind in ("small", "large")]
    await bench.shop("product.updated", product_id="p-soap", title="Soap", variants=kinds)
    await bench.shop("product.wanted", product_id="p-soap", variant_id="large", phone=f"+{LOLA}", consent=AGREED)
    await bench.shop("product.wanted", product_id="p-soap", phone=f"+{PEPE}", consent=AGREED)
    await bench.go()
    bench.now += DAY
    await bench.shop("variant.in_stock", product_id="p-soap", variant_id="small", stock=5)
    await bench.go()
    assert await bench.go(stock.SETTLES) == ["Good news, there: Soap, small is back in stock.\nShall we show it to you?"]
    assert (await bench.rows("select contact from wish where state = 'waiting'"))[0]["contact"] == await bench.contact(LOLA)


async def test_a_product_that_was_wanted_before_the_shop_told_of_it_is_told(bench: Bench) -> None:
    await wants(bench, LOLA)
    await bench.go()
    assert told(await back(bench)) == 1


# ---- who is not


async def test_who_ordered_it_is_not_told(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    await bench.order(items=[{"product_id": "p-soap", "title": "Soap", "quantity": 1, "unit_price": "10.00"}])
    await bench.go()
    assert told(await back(bench)) == 0


async def test_who_said_stop_waits_for_nothing(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    await bench.go()
    await bench.writes("stop")
    await bench.go()
    assert await bench.rows("select * from wish") == []
    assert told(await back(bench)) == 0


async def test_who_did_not_agree_to_marketing_is_not_told_and_the_reason_is_left(bench: Bench) -> None:
    await sold_out(bench)
    await bench.shop("product.wanted", product_id="p-soap", phone=f"+{LOLA}")
    assert told(await back(bench)) == 0
    assert "back_in_stock: did not start: no consent to marketing messages" in await bench.notes()


async def test_nobody_waits_longer_than_the_owner_wants(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    await bench.go()
    bench.now += 91 * DAY
    assert told(await back(bench)) == 0


async def test_what_is_sold_out_again_before_it_is_sent_is_not_sent(bench: Bench) -> None:
    """The message is queued for the morning; the pieces are gone by then."""
    await sold_out(bench, 12 * HOUR + timedelta(hours=1))  # 23:00 in Madrid
    await wants(bench, LOLA)
    assert await back(bench) == []
    await sold_out(bench, 12 * HOUR)
    assert await bench.go() == []
    assert "back_in_stock: a message was not sent: It was sold out again before it could be sent." in await bench.notes()
    assert told(await back(bench)) == 1, "they kept their place"


async def test_what_is_sold_out_again_before_their_turn_is_not_even_queued(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    await soap(bench, 1)
    await bench.go()
    await soap(bench, 0)
    bench.now += stock.SETTLES
    assert await bench.go() == []
    assert await bench.rows("select * from outbox") == []


async def test_stock_that_comes_and_goes_is_one_message(bench: Bench) -> None:
    await sold_out(bench)
    await wants(bench, LOLA)
    sent = 0
    for _ in range(6):
        sent += told(await back(bench))
        await sold_out(bench, 3 * MINUTE)
        await wants(bench, LOLA)  # they press the button on the page again and again
    assert sent == 1


# ---- how many at a time


async def test_no_more_people_are_told_than_the_pieces_are_worth_and_the_next_after_a_pause(bench: Bench) -> None:
    bench.playbook = rules()
    await sold_out(bench)
    await wants(bench, *CROWD[:10])
    assert told(await back(bench, 2)) == 6
    assert told(await bench.go(30 * MINUTE)) == 0
    assert told(await bench.go(30 * MINUTE)) == 4
    queue = await bench.rows("select contact from outbox order by id")
    assert [row["contact"] for row in queue] == sorted(row["contact"] for row in queue), "in the order they joined"


async def test_the_next_are_not_told_when_the_pieces_are_gone(bench: Bench) -> None:
    bench.playbook = rules()
    await sold_out(bench)
    await wants(bench, *CROWD[:10])
    assert told(await back(bench, 1)) == 3
    await soap(bench, 0)
    assert told(await bench.go(HOUR)) == 0
    assert len(await bench.rows("select * from wish where state = 'waiting'")) == 7


async def test_who_has_not_heard_yet_holds_a_place(bench: Bench) -> None:
    """Three messages wait for the morning: nobody else is called meanwhile, or six would hear of one piece at nine o'clock."""
    store = owner_files()["flows/store.yaml"].replace("marketing_limit: 1 per day, 3 per week", "")
    bench.playbook = playbook(store=store)
    await sold_out(bench, 13 * HOUR)
    await wants(bench, *CROWD[:9])
    assert await back(bench, 1) == []
    for _ in range(6):
        await bench.go(HOUR)
    assert len(await bench.rows("select * from outbox")) == 3


async def test_the_owner_says_how_many_and_when(bench: Bench) -> None:
    bench.playbook = rules(back_in_stock="{people_per_piece: 1, pause: 10 minutes}")
    await sold_out(bench)
    await wants(bench, *CROWD[:3])
    assert told(await back(bench, 1)) == 1
    assert [told(await bench.go(10 * MINUTE)) for _ in range(3)] == [1, 1, 0]


async def test_what_nobody_counts_is_told_to_everybody(bench: Bench) -> None:
    bench.playbook = rules()
    await bench.shop("product.updated", product_id="p-soap", title="Soap", available=False)
    await wants(bench, *CROWD)
    await bench.go()
    bench.now += DAY
    await bench.shop("product.updated", product_id="p-soap", title="Soap", available=True)
    await bench.go()
    assert told(await bench.go(stock.SETTLES)) == len(CROWD)


# ---- lower prices


def cheaper(bodies: list[str]) -> list[str]:
    return [body.partition("costs less now: ")[2].partition(" each")[0] for body in bodies if "costs less now" in body]


async def in_cart(bench: Bench, price: str = "10.00") -> None:
    """The price is known for forty days, and lies in a cart of less than the reminder is for."""
    await soap(bench, 5, price)
    await bench.go()
    bench.now += 40 * DAY
    await bench.cart(items=[{"product_id": "p-soap", "title": "Soap", "quantity": 1, "unit_price": price}], total=price)
    await bench.go()


async def drops(bench: Bench, price: str, **more: Any) -> list[str]:
    await soap(bench, 5, price, **more)
    await bench.go()
    return await bench.go(stock.SETTLES)


async def test_who_left_it_in_a_cart_hears_that_it_costs_less(bench: Bench) -> None:
    await in_cart(bench)
    assert cheaper(await drops(bench, "8.00")) == ["€8.00"]
    await bench.presses("Show it to me")
    assert await bench.go() == ["Soap costs €8.00 now. Its lowest price of the last thirty days was €10.00."]


async def test_a_little_less_is_not_told(bench: Bench) -> None:
    await in_cart(bench)
    assert cheaper(await drops(bench, "9.01")) == []


async def test_the_owner_says_how_much_less_is_told(bench: Bench) -> None:
    bench.playbook = rules(price_dropped="{by: 5%}")
    await in_cart(bench)
    assert cheaper(await drops(bench, "9.50")) == ["€9.50"]


async def test_a_price_that_was_raised_first_is_not_told(bench: Bench) -> None:
    """Directive 98/6/EC, article 6a: the price before is the lowest of thirty days."""
    await in_cart(bench)
    await drops(bench, "20.00")
    bench.now += DAY
    assert cheaper(await drops(bench, "9.50")) == []


async def test_a_price_that_is_struck_through_proves_nothing(bench: Bench) -> None:
    await in_cart(bench)
    assert cheaper(await drops(bench, "10.00", compare_at_price="20.00")) == []


async def test_what_it_was_is_not_said_before_it_is_known_for_thirty_days(bench: Bench) -> None:
    await soap(bench, 5)
    await bench.cart(items=[{"product_id": "p-soap", "title": "Soap", "quantity": 1, "unit_price": "10.00"}], total="10.00")
    await bench.go()
    bench.now += DAY
    assert cheaper(await drops(bench, "8.00")) == ["€8.00"]
    await bench.presses("Show it to me")
    assert await bench.go() == ["Soap costs €8.00 now. Its lowest price of the last thirty days was higher."]


async def test_one_person_hears_of_one_product_once_in_so_many_days(bench: Bench) -> None:
    await in_cart(bench)
    assert cheaper(await drops(bench, "8.00")) == ["€8.00"]
    await bench.go(DAY)
    assert cheaper(await drops(bench, "6.00")) == []
    await bench.go(15 * DAY)
    assert cheaper(await drops(bench, "4.00")) == ["€4.00"]


async def test_a_price_that_is_up_again_before_it_is_sent_is_not_sent(bench: Bench) -> None:
    await in_cart(bench)
    bench.now += 13 * HOUR
    assert await drops(bench, "8.00") == []
    await soap(bench, 5, "10.00")
    assert await bench.go(12 * HOUR) == []
    assert "price_drop: a message was not sent: It costs more again, or is sold out." in await bench.notes()


async def test_a_lower_price_of_what_is_sold_out_is_not_told(bench: Bench) -> None:
    await in_cart(bench)
    await soap(bench, 0, "8.00")
    await bench.go()
    assert cheaper(await bench.go(stock.SETTLES)) == []


async def test_another_currency_is_no_lower_price(bench: Bench) -> None:
    await in_cart(bench)
    assert cheaper(await drops(bench, "5.00", currency="USD")) == []


async def test_who_waits_until_it_is_back_hears_of_its_price_too(bench: Bench) -> None:
    await back(bench, 5)
    await wants(bench, LOLA)
    await bench.go()
    bench.now += DAY
    assert cheaper(await drops(bench, "8.00")) == ["€8.00"]


# ---- the rest


async def test_people_who_turn_out_to_be_one_wait_once(bench: Bench) -> None:
    await sold_out(bench)
    await bench.shop("product.wanted", product_id="p-soap", phone=f"+{LOLA}", consent=AGREED)
    await bench.shop("product.wanted", product_id="p-soap", email="lola@example.com")
    await bench.go()
    await bench.shop("customer.updated", phone=f"+{LOLA}", email="lola@example.com", customer_key="c1")
    await bench.order("o7", items=ITEMS, email="lola@example.com")
    await bench.go()
    assert told(await back(bench)) == 1


async def test_a_person_whose_question_is_open_is_told_later(bench: Bench) -> None:
    bench.playbook = rules()
    await bench.reminded()
    await sold_out(bench, HOUR)
    await wants(bench, LOLA)
    assert told(await back(bench)) == 0
    await bench.presses("Finish my order")
    await bench.go()
    assert told(await bench.go(HOUR)) == 1


async def test_without_a_flow_that_tells_nothing_is_begun(bench: Bench) -> None:
    bench.playbook = playbook(back_in_stock=None, price_drop=None)
    await sold_out(bench)
    await wants(bench, LOLA)
    assert await back(bench) == []
    assert await bench.rows("select * from product_news") == []


async def test_news_survive_a_process_that_ends(where: str) -> None:
    """Between any two looks the next process goes on where the last one stood."""
    bench = Bench(await open_database(where), rules())
    await sold_out(bench)
    await wants(bench, *CROWD[:20])
    await soap(bench, 3)
    await bench.go()
    sent = 0
    for _ in range(8):
        await bench.sender.finish()
        await bench.store.close()
        bench = _next(bench, await open_database(where))
        sent += told(await bench.go(timedelta(minutes=20)))
    await bench.sender.finish()
    await bench.store.close()
    assert sent == 20


def _next(bench: Bench, store: Any) -> Bench:
    """The process after this one: the same moment, a count of its own."""
    other = Bench(store, bench.playbook)
    other.now = bench.now
    other._count = bench._count
    return other


async def test_what_is_known_already_costs_no_write(bench: Bench) -> None:
    await soap(bench, 5)
    await bench.go()
    before = await written(bench)
    for _ in range(20):
        bench.now += timedelta(seconds=1)
        await soap(bench, 5)
    await bench.go()
    assert await written(bench) == before


async def written(bench: Bench) -> list[list[Any]]:
    """What is kept of products, and of which moments."""
    known = await bench.rows("select * from variant v join product p on p.id = v.product")
    columns = ("pieces", "in_stock", "price_minor", "stocked_at", "told_at")
    return [[row[column] for column in columns] for row in known]


async def test_who_looked_at_what_is_sold_out_since_is_told_when_it_is_back(bench: Bench) -> None:
    steps = "steps: [{wait: 1 day}, {if: not product.is_in_stock, then: [tell_when_back]}]"
    flow = f"name: Looked\npurpose: marketing\nstart: {{when: product_viewed, for: 1 hour}}\n{steps}\n"
    bench.playbook = playbook(looked=flow, browse_reminder=None)
    await soap(bench, 1)
    await bench.shop("customer.updated", phone=f"+{LOLA}", consent=AGREED)
    page: dict[str, Any] = {"title": "Soap", "url": "https://casa.example/soap", "visitor_key": "v1"}
    await bench.shop("product.viewed", product_id="p-soap", phone=f"+{LOLA}", **page)
    for _ in range(3):
        await bench.go(HOUR)
    await sold_out(bench, HOUR)
    await bench.go(DAY)
    assert "stock: wants to hear when Soap is back" in await bench.notes()
    assert told(await back(bench)) == 1
