"""Any interleaving of stock, orders, wishes and stops: nobody is told while it is sold out, twice of one restock, or of what they have."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store.database import open_database
from bot.worker import stock

from .bench import Bench
from .test_stock import AGREED, rules

MINUTE = timedelta(minutes=1)
PEOPLE = 3
_TAGS = count()

Deed = tuple[str, int]
people = st.integers(0, PEOPLE - 1)
single: st.SearchStrategy[list[Deed]] = st.one_of(
    st.tuples(st.just("stock"), st.sampled_from([0, 0, 1, 1, 5])),
    st.tuples(st.just("late"), st.sampled_from([0, 1, 5])),
    st.tuples(st.sampled_from(["want", "want", "order", "stop"]), people),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 3, 30, 61, 600, 1500])),
    st.tuples(st.sampled_from(["unworked", "unsent"]), st.just(0)),
).map(lambda deed: [deed])
comes_back: st.SearchStrategy[list[Deed]] = people.map(lambda who: [("want", who), ("stock", 0), ("stock", 1), ("wait", 3)])
deeds = st.lists(st.one_of(single, single, single, comes_back), min_size=4, max_size=20).map(lambda parts: list(chain(*parts)))


@dataclass
class Shop:
    """What is so, told in order: pieces, and which restock they are of."""

    product: str
    phones: list[str]
    pieces: int = 0
    restocks: int = 0
    last_word: datetime | None = None
    waits: set[int] = field(default_factory=set)
    told: list[tuple[int, int, datetime]] = field(default_factory=list)

    def stocked(self, pieces: int, at: datetime) -> None:
        if self.last_word is not None and at < self.last_word:
            return
        self.restocks += self.pieces == 0 < pieces
        self.pieces, self.last_word = pieces, at

    def hears(self, person: int, now: datetime) -> None:
        assert self.pieces > 0, "told while it is sold out"
        assert person in self.waits, "told who does not wait for it"
        last = [(restock, at) for who, restock, at in self.told if who == person]
        assert all(restock != self.restocks for restock, _ in last), "told twice of one restock"
        assert all(now - at >= stock.COOL_DOWN for _, at in last), "told twice within a day"
        self.told.append((person, self.restocks, now))
        self.waits.discard(person)


async def do(bench: Bench, shop: Shop, deed: str, what: int) -> None:
    who = shop.phones[what] if deed in ("want", "order", "stop") else ""
    match deed:
        case "stock" | "late":
            at = bench.now - (7 * MINUTE if deed == "late" else timedelta())
            shop.stocked(what, at)
            await bench.shop("product.updated", at, product_id=shop.product, title=shop.product, price="10.00", stock=what)
        case "want":
            shop.waits.add(what)
            await bench.shop("product.wanted", product_id=shop.product, phone=f"+{who}", consent=AGREED)
        case "order":
            shop.waits.discard(what)
            item = {"product_id": shop.product, "title": shop.product, "quantity": 1, "unit_price": "10.00"}
            await bench.order(f"o-{shop.product}-{bench._count}", who, items=[item])
        case "stop":
            shop.waits.discard(what)
            await bench.writes("stop", who)


async def live(bench: Bench, days: list[Deed]) -> int:
    tag = next(_TAGS)
    shop = Shop(f"Ware{tag}x", [f"3461{tag:04d}{person:03d}" for person in range(PEOPLE)])
    seen = len(bench.channel.sent)
    lazy = ""
    for deed, what in [*days, ("wait", 600)]:
        if deed in ("unworked", "unsent"):  # what comes next is not worked off, or nothing is sent before what comes after it
            lazy = deed
            continue
        if deed != "wait":
            await do(bench, shop, deed, what)
        hops = 6 if deed == "wait" else 1
        for _ in range(hops):
            bench.now += timedelta(minutes=what) / hops if deed == "wait" else MINUTE
            if lazy != "unworked":
                await bench.work()
            if not lazy:
                seen = await send(bench, shop, seen)
        lazy = ""
    return len(shop.told)


async def send(bench: Bench, shop: Shop, seen: int) -> int:
    await bench.send()
    for sent in bench.channel.sent[seen:]:
        if f"{shop.product} is back in stock" in sent.content.body:
            assert sent.to.phone is not None
            shop.hears(shop.phones.index(sent.to.phone.removeprefix("+")), bench.now)
    return len(bench.channel.sent)


def test_nobody_is_told_in_vain_or_twice(where: str, full: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        bench = loop.run_until_complete(_open(where))
        told = 0

        @settings(max_examples=300 if full else 25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(deeds)
        def one(days: list[Deed]) -> None:
            nonlocal told
            told += loop.run_until_complete(live(bench, days))

        one()
        loop.run_until_complete(bench.sender.finish())
        loop.run_until_complete(bench.store.close())
    finally:
        loop.close()
    assert told > 5, "the test tests little"


async def _open(where: str) -> Bench:
    return Bench(await open_database(where), rules())
