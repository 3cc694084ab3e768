"""Visitors of the shop's pages: when they become known, what counts for them then, and what they are reminded of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.facts import CartFacts, Money
from bot.flow.library import Library
from bot.shop.snippet import CLICK_ID
from bot.store import contacts, personal, visitors
from bot.store.visitors import JoinedBy
from bot.worker import links
from bot.worker.playbook import House, Playbook

from ..flow.known import ANA, NOW
from ..shop.page import LOOKER, ORIGIN, OTHER, SITE, cart, event, post, viewed
from .bench import DAY, HOUR, LOLA, MONDAY, PEPE, ROOT, Bench, playbook

MINUTE = timedelta(minutes=1)
CODE = LOOKER[:8]
ASKED = "Hi there, you had a look at Moka pot.\nIs there anything you would like to know about it?"
FLOW = (ROOT / "flows" / "browse_reminder.yaml").read_text("utf-8")
NOBODYS = "nobody knows yet whose browser it is"


class Pages(Bench):
    """The workbench, and browsers on the shop's pages."""

    def house(self) -> House:
        return replace(super().house(), sites=dict.fromkeys(SITE.hosts, "casa"))

    async def browse(self, *events: Mapping[str, Any], visitor: str = LOOKER) -> None:
        """A browser posts what happened now."""
        told = [{**one, "at": int(self.now.timestamp())} for one in events]
        await self.store.receive(SITE.updates(post(*told, visitor=visitor), self.now), self.now)
        await self.work()

    async def looks(self, product: str = "p-moka", times: int = 2, visitor: str = LOOKER, **more: Any) -> None:
        """Somebody looks at a product, more than once."""
        for _ in range(times):
            await self.browse(viewed(product, **more), visitor=visitor)
            self.now += 2 * MINUTE

    async def agreed(self, who: str = LOLA) -> None:
        """The shop knows somebody, who likes to hear from it."""
        told: dict[str, Any] = {"phone": f"+{who}", "consent": {"whatsapp": {"state": "granted", "source": "checkout"}}}
        await self.shop("customer.updated", **told)
        await self.work()

    async def owner(self, key: str = LOOKER) -> int | None:
        return await self.store.run(contacts.find(visitors.name_of("casa", key)))

    async def whys(self) -> list[str]:
        return [row["why"] for row in await self.rows("select why from inbox where why is not null order by id")]


@pytest.fixture
def pages(bench: Bench) -> Pages:
    """A workbench with pages."""
    return Pages(bench.store, bench.playbook)


async def answered(pages: Pages) -> None:
    """Staff answer what they wrote."""
    await pages.takes()
    await pages.go()
    await pages.hands_back()
    await pages.go()


# ---- how they become known


async def test_who_nobody_knows_is_kept_and_not_written_to(pages: Pages) -> None:
    await pages.agreed()
    await pages.looks()
    assert await pages.go(5 * HOUR) == []
    assert await pages.rows("select * from timer") == []
    assert set(await pages.whys()) == {NOBODYS}
    (row,) = await pages.rows("select times, title, price_minor, currency from product_view")
    assert (row["times"], row["title"], row["price_minor"], row["currency"]) == (2, "Moka pot", 3200, "EUR")


async def test_who_writes_with_the_browsers_code_becomes_known_and_what_they_looked_at_counts(pages: Pages) -> None:
    await pages.agreed()
    await pages.looks()
    await pages.writes(f"Hello! (ref: {CODE})")
    await pages.go()
    assert await pages.owner() == await pages.contact()
    assert "casa: visits the shop's pages (known by their message)" in await pages.notes()
    assert (await pages.rows("select text from message where author = 'customer'"))[0]["text"] == f"Hello! (ref: {CODE})"
    await answered(pages)
    assert await pages.go(4 * HOUR) == [ASKED]


async def test_a_code_is_no_word_of_the_customers(pages: Pages) -> None:
    await pages.reminded()
    await pages.writes(f"stop (ref: {CODE})")
    await pages.go()
    assert (await pages.person()).consent == "withdrawn"
    pages.now += MINUTE
    await pages.writes(f"(ref: {CODE.lower()}) START")
    await pages.go()
    assert (await pages.person()).consent == "granted"
    assert await pages.owner() is None  # nobody looked at anything in that browser


async def test_a_code_of_which_nobody_heard_says_nothing_and_hurts_nobody(pages: Pages) -> None:
    for text in ("(ref: ZZZZZZZZ)", "hello (ref: ZZZZZZZZ)", "(ref: )", "(ref: ZZZZZZZZ) (ref: YYYYYYYY)", "(ref: ' or 1=1 --)"):
        await pages.writes(text)
        await pages.work()
    assert await pages.rows("select * from visitor") == []
    assert {row["state"] for row in await pages.rows("select state from inbox")} == {"done"}


async def test_who_orders_in_a_browser_is_known_by_it_more_surely_than_by_a_link_or_a_message(pages: Pages) -> None:
    await pages.writes("hi", PEPE)
    await pages.work()
    await pages.looks()
    await pages.writes(f"hi (ref: {CODE})", PEPE)
    await pages.work()
    assert await pages.owner() == await pages.contact(PEPE)
    await pages.order(visitor_key=LOOKER)
    await pages.work()
    assert await pages.owner() == await pages.contact(LOLA)
    await pages.writes(f"hi (ref: {CODE})", PEPE)
    await pages.work()
    assert await pages.owner() == await pages.contact(LOLA)
    assert (await pages.rows("select joined_by from visitor"))[0]["joined_by"] == JoinedBy.ORDER


async def sent_link(pages: Pages) -> str:
    """Lola gets a link with a click's id; the id."""
    await pages.cart(recovery_url=f"{ORIGIN}/c?key=1")
    await pages.go()
    await pages.go(HOUR)
    await pages.presses("Finish my order")
    (said,) = await pages.go()
    _, mark, click = said.partition(f"{ORIGIN}/c?key=1&comeback=")
    assert mark
    assert CLICK_ID.fullmatch(click)
    assert not {LOLA, "lola"} & set(click.split())
    return click


async def test_who_follows_a_link_of_ours_is_known_and_what_they_look_at_counts(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.order()
    await pages.go()
    await pages.browse(event("came", click=click))
    assert await pages.owner() == await pages.contact()
    await pages.looks()
    assert await pages.go(4 * HOUR) == []  # one offer a day
    assert (await pages.notes())[-1].startswith("browse_reminder: a message waits until")
    assert await pages.go(DAY) == [ASKED]


async def test_a_shop_may_tell_of_a_look_by_the_link_that_led_to_it(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.shop("product.viewed", product_id="p-moka", title="Moka pot", visitor_key="shop-own-key", click=click)
    await pages.work()
    assert await pages.owner("shop-own-key") == await pages.contact()


async def test_who_was_passed_a_link_does_not_become_its_customer(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.go()
    await pages.browse(event("came", click=click), cart("p-evil", url=f"{ORIGIN}/cart"))
    assert await pages.owner() == await pages.contact()
    assert [row["key"] for row in await pages.rows("select key from checkout")] == ["k1"]  # their cart is none of hers
    assert "nobody knows well enough whose cart it is" in await pages.whys()
    await pages.order("o-friend", PEPE, visitor_key=LOOKER, click=click)
    await pages.work()
    assert await pages.owner() == await pages.contact(PEPE)
    assert (await pages.person(LOLA)).orders_count == 0
    assert [row["state"] for row in await pages.rows("select state from checkout")] == ["ordered"]  # but she may have bought
    await pages.browse(event("came", click=click))
    assert await pages.owner() == await pages.contact(PEPE)


async def test_a_link_of_last_month_or_of_nobody_says_nothing(pages: Pages) -> None:
    click = await sent_link(pages)
    pages.now += visitors.CLICK_GOOD + HOUR
    await pages.browse(event("came", click=click), event("came", click="a" * 16))
    assert await pages.owner() is None
    assert (await pages.whys()).count("nobody was sent this link, or long ago") == 2


async def test_a_person_who_turns_out_to_be_another_keeps_their_browsers_and_links(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.browse(event("came", click=click))
    await pages.writes("hello", PEPE)
    await pages.work()
    both = sorted([await pages.contact(LOLA), await pages.contact(PEPE)])
    await pages.store.run(contacts.merge(both[0], both[1], pages.now))
    assert await pages.owner() == both[0]
    assert {row["contact"] for row in await pages.rows("select contact from sent_link")} == {both[0]}


# ---- what they are reminded of


async def known(pages: Pages) -> None:
    """Lola agreed to offers, and it is known which browser is hers."""
    await pages.agreed()
    await pages.order("o-old", visitor_key=LOOKER, items=[], total="0.00", placed_at=(pages.now - 90 * DAY).isoformat())
    await pages.work()
    assert await pages.owner() == await pages.contact()


async def test_they_are_reminded_of_what_they_looked_at_most_and_have_not_bought(pages: Pages) -> None:
    await known(pages)
    await pages.looks("p-huila", 4, title="Huila")
    await pages.looks("p-moka", 3)
    await pages.looks("p-mug", 2, title="Mug")
    await pages.order("o-2", items=[{"product_id": "p-huila", "title": "Huila, 1 kg", "quantity": 1, "unit_price": "30.00"}])
    await pages.work()
    assert await pages.go(4 * HOUR) == [ASKED]
    await pages.presses("Show me again")
    (said,) = await pages.go()
    assert said == "Here it is, Moka pot."
    assert await pages.go(DAY) == []


async def test_the_shops_own_word_for_a_product_goes_before_a_pages(pages: Pages) -> None:
    await known(pages)
    await pages.order("o-pepe", PEPE, items=[{"product_id": "p-moka", "title": "Moka pot, six cups", "quantity": 1, "unit_price": "32.00"}])
    await pages.looks(title="A free phone")
    assert await pages.go(4 * HOUR) == [ASKED.replace("Moka pot", "Moka pot, six cups")]


async def test_what_is_sold_out_nobody_is_reminded_of(pages: Pages) -> None:
    await known(pages)
    await pages.looks("p-huila", 3, title="Huila")
    await pages.looks("p-moka", 2)
    told: dict[str, Any] = {"product_id": "p-huila", "title": "Huila, 1 kg", "price": "30.00"}
    await pages.shop("product.updated", **told, stock=0)
    await pages.work()
    assert await pages.go(4 * HOUR) == [ASKED]


@pytest.mark.parametrize("more", [{"title": "Win at evil.example"}, {"url": "https://evil.example/p"}, {"title": None}])
async def test_of_what_a_page_does_not_name_or_place_nobody_is_reminded(pages: Pages, more: dict[str, Any]) -> None:
    await known(pages)
    await pages.looks(**more)
    assert await pages.go(4 * HOUR) == []
    assert "browse_reminder: did not start: nobody told what it is called, or where it is" in await pages.notes()


async def test_who_goes_on_looking_around_is_left_alone_until_they_left(pages: Pages) -> None:
    await known(pages)
    await pages.looks()
    pages.now += 3 * HOUR
    await pages.looks("p-mug", 1, title="Mug")
    assert await pages.go(2 * HOUR) == []
    assert await pages.go(2 * HOUR) == [ASKED]


async def test_a_hundred_looks_set_few_timers_and_leave_few_rows(pages: Pages) -> None:
    await known(pages)
    for number in range(60):
        await pages.browse(viewed(f"p-{number}", title=f"Number {number}"))
    assert len(await pages.rows("select * from timer")) == 1
    assert len(await pages.rows("select * from product_view")) == visitors.MOST_VIEWS
    newest = (await pages.rows("select product from product_view order by last_at desc, id desc limit 1"))[0]["product"]
    assert newest == "p-59"


async def test_a_page_that_is_loaded_anew_at_once_is_looked_at_once(pages: Pages) -> None:
    await known(pages)
    for _ in range(5):
        await pages.browse(viewed())
        pages.now += timedelta(seconds=20)
    assert (await pages.rows("select times from product_view"))[0]["times"] == 1


async def test_bought_in_the_meantime_nothing_starts_and_the_reason_can_be_read(pages: Pages) -> None:
    await known(pages)
    await pages.looks()
    await pages.order("o-2", items=[{"product_id": "p-moka", "title": "Moka pot", "quantity": 1, "unit_price": "32.00"}])
    assert await pages.go(4 * HOUR) == []
    assert "browse_reminder: did not start: Moka pot was bought in the meantime" in await pages.notes()


async def test_who_has_a_cart_is_asked_about_that(pages: Pages) -> None:
    await known(pages)
    await pages.looks()
    await pages.cart("k-1")
    await pages.go(4 * HOUR)
    assert "browse_reminder: did not start: they have a cart, and that has a flow of its own" in await pages.notes()


async def queued_for_the_morning(pages: Pages) -> None:
    """A reminder waits for the morning, without a goal that would end it."""
    pages.playbook = playbook(browse_reminder=FLOW.replace("goal: order_placed\n", ""))
    pages.now = MONDAY + 10 * HOUR
    await known(pages)
    await pages.looks()
    assert await pages.go(4 * HOUR) == []
    assert (await pages.notes())[-1].startswith("browse_reminder: a message waits until")


@pytest.mark.parametrize("what", ["bought", "cart", "other", "nothing"])
async def test_what_waits_for_the_morning_is_asked_again_before_it_goes(pages: Pages, what: str) -> None:
    await queued_for_the_morning(pages)
    product = "p-mug" if what == "other" else "p-moka"
    if what in ("bought", "other"):
        await pages.order("o-2", items=[{"product_id": product, "title": product, "quantity": 1, "unit_price": "32.00"}])
    elif what == "cart":
        await pages.cart("k-2")
    sent = await pages.go(12 * HOUR)
    assert (ASKED in sent) is (what in ("other", "nothing"))
    if what in ("bought", "cart"):
        assert any("a message was not sent" in note for note in await pages.notes())


async def test_without_consent_nobody_is_written_to(pages: Pages) -> None:
    await pages.writes("hello")
    await pages.work()
    await pages.looks()
    await pages.writes(f"it is me (ref: {CODE})")
    await pages.go()
    await answered(pages)
    await pages.go(5 * HOUR)
    assert "browse_reminder: did not start: no consent to marketing messages" in await pages.notes()


async def test_the_shop_itself_may_tell_who_looks_at_what(pages: Pages) -> None:
    await pages.agreed()
    for number in range(2):
        page: dict[str, Any] = {"product_id": "p-moka", "title": "Moka pot", "url": f"{ORIGIN}/p/p-moka", "price": "32.00"}
        await pages.shop("product.viewed", phone=f"+{LOLA}", **page, visitor_key="shop-own-key" if number else None)
        await pages.work()
        pages.now += 2 * MINUTE
    assert await pages.owner("shop-own-key") == await pages.contact()
    assert await pages.go(4 * HOUR) == []  # once in each browser
    await pages.shop("product.viewed", phone=f"+{LOLA}", **page)
    assert await pages.go() == []
    assert await pages.go(4 * HOUR) == [ASKED]


# ---- carts


async def test_what_was_in_the_cart_counts_once_somebody_writes_from_that_browser(pages: Pages) -> None:
    await pages.agreed()
    await pages.browse(cart("p-moka"))
    assert await pages.rows("select * from checkout") == []
    pages.now += 10 * MINUTE
    await pages.writes(f"Hello! (ref: {CODE})")
    await pages.go()
    (row,) = await pages.rows("select key, state, total_minor, link from checkout")
    assert (row["key"], row["state"], row["total_minor"], row["link"]) == (f"visitor:{LOOKER}", "open", 3200, f"{ORIGIN}/cart")
    await answered(pages)
    (reminder,) = await pages.go(HOUR)
    assert "2 × The p-moka" in reminder
    await pages.browse(cart())
    assert [row["state"] for row in await pages.rows("select state from checkout")] == ["emptied"]


async def test_an_order_closes_the_cart_of_its_browser(pages: Pages) -> None:
    await known(pages)
    await pages.browse(cart("p-moka"))
    await pages.order("o-2")
    await pages.work()
    await pages.browse(cart())
    assert [row["state"] for row in await pages.rows("select state from checkout")] == ["ordered"]
    assert await pages.go(5 * HOUR) == []


async def test_what_a_browser_tells_does_not_pass_for_a_word_of_the_shop(pages: Pages) -> None:
    await pages.browse(viewed(), cart("p-moka"))
    assert await pages.rows("select * from heard") == []


# ---- forgetting


async def test_what_is_older_than_it_is_kept_is_forgotten(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.browse(event("came", click=click), viewed())
    await pages.browse(viewed(), visitor=OTHER)
    pages.now += visitors.TOLD_KEPT + HOUR
    await pages.browse(viewed())
    before = len(await pages.rows("select * from inbox where source <> 'visitor'"))
    assert not await pages.store.run(visitors.forget_old(pages.now))
    assert len(await pages.rows("select * from inbox where source = 'visitor'")) == 1
    assert len(await pages.rows("select * from inbox where source <> 'visitor'")) == before
    pages.now += visitors.KEPT - HOUR
    await pages.store.run(visitors.forget_old(pages.now))
    assert [row["key"] for row in await pages.rows("select key from visitor")] == [LOOKER]
    assert len(await pages.rows("select * from sent_link")) == 1
    pages.now += visitors.CLICK_KEPT
    await pages.store.run(visitors.forget_old(pages.now))
    for table in ("visitor", "product_view", "sent_link"):
        assert await pages.rows(f"select * from {table}") == []
    assert await pages.owner() is None


async def test_whoever_is_forgotten_leaves_nothing_of_their_browsers(pages: Pages) -> None:
    click = await sent_link(pages)
    await pages.browse(event("came", click=click), viewed(), cart("p-moka"))
    await pages.browse(viewed(), visitor=OTHER)
    nobody = await pages.store.run(contacts.create(pages.now))
    gone = await pages.store.run(personal.erase(await pages.contact(), nobody, "", 0, personal.ALL))
    assert [gone.counts[table] for table in ("product_view", "visitor", "sent_link")] == [1, 1, 1]
    assert [row["key"] for row in await pages.rows("select key from visitor")] == [OTHER]
    assert len(await pages.rows("select * from product_view")) == 1
    assert await pages.rows("select * from sent_link") == []
    await pages.store.run(personal.erase_shop("casa", personal.ALL))
    assert await pages.rows("select * from visitor") == []


# ---- links


NO_FLOWS = Playbook(Library(rules=playbook().rules))


def _house(sites: Mapping[str, str]) -> House:
    return House(NO_FLOWS, "x", "1", NOW, sites=sites)


def test_only_links_to_pages_with_our_snippet_are_marked() -> None:
    click = links.new_click()
    assert CLICK_ID.fullmatch(click)
    known = links.marked(_house({"casa.example": "casa"}), ANA, click)
    assert known.cart is not None
    assert known.order is not None
    assert known.orders.last is not None
    assert known.product is not None
    assert known.cart.link == f"https://casa.example/cart/7?from=bot&comeback={click}"
    assert known.order.reorder_link == known.orders.last.reorder_link == f"https://casa.example/reorder/1001?comeback={click}"
    assert known.product.link == f"https://casa.example/p/blend?comeback={click}"
    assert known.order.tracking_link == "https://post.example/t/1"
    assert links.marked(_house({}), ANA, click) == ANA
    assert links.marked(_house({"other.example": "casa"}), ANA, click) == ANA
    hashed = replace(ANA, cart=CartFacts(Money(1, "EUR"), (), "https://casa.example/c#top"))
    assert (links.marked(_house({"casa.example": "casa"}), hashed, click).cart or CartFacts(Money(0, "EUR"))).link == (
        f"https://casa.example/c?comeback={click}#top"
    )


@given(link=st.text(max_size=60))
def test_any_link_is_marked_or_stays_as_it_is(link: str) -> None:
    known = replace(ANA, cart=CartFacts(Money(1, "EUR"), (), link))
    assert links.marked(_house({"casa.example": "casa"}), known, "a" * 16).cart is not None


def test_no_two_clicks_are_alike() -> None:
    assert len({links.new_click() for _ in range(1_000)}) == 1_000
